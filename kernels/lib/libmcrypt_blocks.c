//===- libmcrypt_blocks.c - four block ciphers of libmcrypt --------------------===//
//
// A buffer is encrypted in CBC mode by Twofish, Serpent, CAST-128 and GOST in
// turn and decrypted back; every next key comes from the ciphertext.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#define ARENA_BYTES 1024
#include "arena.h"
#include "bare.h"

// The ciphers are loadable modules without headers.
#define CIPHER(name)                                                                                         \
  int name##_LTX__mcrypt_set_key(void *instance, void *key, unsigned length);                                \
  void name##_LTX__mcrypt_encrypt(void *instance, void *block);                                              \
  void name##_LTX__mcrypt_decrypt(void *instance, void *block);                                              \
  int name##_LTX__mcrypt_get_size(void);
CIPHER(twofish)
CIPHER(serpent)
CIPHER(cast_128)
CIPHER(gost)

struct cipher {
  int (*set_key)(void *instance, void *key, unsigned length);
  void (*encrypt)(void *instance, void *block);
  void (*decrypt)(void *instance, void *block);
  int (*size)(void);
  uint32_t key, block;
};

#define ROW(name, key, block)                                                                                \
  {name##_LTX__mcrypt_set_key,                                                                               \
   name##_LTX__mcrypt_encrypt,                                                                               \
   name##_LTX__mcrypt_decrypt,                                                                               \
   name##_LTX__mcrypt_get_size,                                                                              \
   key,                                                                                                      \
   block}
static const struct cipher ciphers[] = {ROW(twofish, 16, 16), ROW(serpent, 32, 16), ROW(cast_128, 16, 8),
                                        ROW(gost, 32, 8)};

enum { LENGTH = 768 };

static _Alignas(8) uint8_t plain[LENGTH], work[LENGTH];
static _Alignas(8) uint8_t instance[12288];

static void cross(uint8_t *block, const uint8_t *with, uint32_t length) {
  for (uint32_t i = 0; i < length; i++)
    block[i] ^= with[i];
}

static void encrypt(const struct cipher *c, const uint8_t *iv) {
  for (uint32_t at = 0; at < LENGTH; at += c->block) {
    cross(work + at, at ? work + at - c->block : iv, c->block);
    c->encrypt(instance, work + at);
  }
}

static void decrypt(const struct cipher *c, const uint8_t *iv) {
  for (uint32_t at = LENGTH; at; at -= c->block) {
    uint8_t *block = work + at - c->block;
    c->decrypt(instance, block);
    cross(block, at > c->block ? block - c->block : iv, c->block);
  }
}

int main(void) {
  static _Alignas(8) uint8_t key[32], iv[16];
  uint32_t state = kernel_seed(), sum = 10, failures = 0;
  sample_fill(plain, LENGTH, &state);
  sample_fill(key, sizeof key, &state);
  sample_fill(iv, sizeof iv, &state);

  roi_begin();
  for (uint32_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
    const struct cipher *c = &ciphers[i];
    failures += c->size() > (int)sizeof instance;
    memset(instance, 0, sizeof instance);
    c->set_key(instance, key, c->key);
    memcpy(work, plain, LENGTH);
    encrypt(c, iv);
    sum = sample_fold(sum, work, LENGTH);
    memcpy(key, work + LENGTH - sizeof key, sizeof key);
    decrypt(c, iv);
    failures += memcmp(work, plain, LENGTH) != 0;
  }
  roi_end();

  return kernel_finish("libmcrypt_blocks", kernel_fold(sum, failures), 0x1dfe4781u);
}
