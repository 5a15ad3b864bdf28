//===- libtomcrypt_eax.c - messages in EAX mode with five ciphers, LibTomCrypt ---===//
//
// The cipher is taken from LibTomCrypt's registry by name; each message is
// sealed and opened, and a forged one is refused.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "tomcrypt.h"
#include <string.h>

#define ARENA_BYTES 24576
#include "arena.h"
#include "bare.h"

enum { MESSAGE = 150 };

static uint8_t plain[MESSAGE], sealed[MESSAGE], opened[MESSAGE], key[16], nonce[16];

static int open_message(int cipher, const uint8_t *tag) {
  int good = 0;
  int status = eax_decrypt_verify_memory(cipher, key, sizeof key, nonce, sizeof nonce, key, 5, sealed,
                                         MESSAGE, opened, (unsigned char *)tag, 16, &good);
  return status == CRYPT_OK && good;
}

int main(void) {
  static const char *const names[] = {"rc6", "noekeon", "anubis", "camellia", "seed"};
  const struct ltc_cipher_descriptor *const ciphers[] = {&rc6_desc, &noekeon_desc, &anubis_desc,
                                                         &camellia_desc, &kseed_desc};
  uint32_t state = kernel_seed(), sum = 41, failures = 0;
  sample_fill(plain, MESSAGE, &state);
  sample_fill(key, sizeof key, &state);
  sample_fill(nonce, sizeof nonce, &state);
  for (int i = 0; i < 5; i++)
    failures += register_cipher(ciphers[i]) < 0;

  roi_begin();
  for (int i = 0; i < 5; i++) {
    uint8_t tag[16];
    unsigned long length = sizeof tag;
    int cipher = find_cipher(names[i]);
    failures += eax_encrypt_authenticate_memory(cipher, key, sizeof key, nonce, sizeof nonce, key, 5, plain,
                                                MESSAGE, sealed, tag, &length) != CRYPT_OK;
    sum = sample_fold(sample_fold(sum, sealed, MESSAGE), tag, sizeof tag);
    failures += !open_message(cipher, tag) || memcmp(plain, opened, MESSAGE) != 0;
    sealed[tag[0] % MESSAGE] ^= 4;
    failures += open_message(cipher, tag);
    memcpy(key, tag, sizeof key);
    memcpy(plain + 16 * i, sealed, 16);
  }
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("libtomcrypt_eax", kernel_fold(sum, failures), 0x0ae430a2u);
}
