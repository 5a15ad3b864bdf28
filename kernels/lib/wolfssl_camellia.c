//===- wolfssl_camellia.c - Camellia-CBC and SHA-3 with wolfCrypt ----------------===//
//
// Flash pages are encrypted by Camellia in CBC mode, hashed by SHA3-256 and
// decrypted again; the digest gives the next key.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/camellia.h>
#include <wolfssl/wolfcrypt/sha3.h>

#define ARENA_BYTES 8192
#include "arena.h"

enum { PAGE = 512, PAGES = 5 };

static _Alignas(8) uint8_t plain[PAGE], page[PAGE], back[PAGE];

int main(void) {
  static Camellia cipher;
  static wc_Sha3 hash;
  _Alignas(8) uint8_t key[32], iv[16], digest[WC_SHA3_256_DIGEST_SIZE];
  static const uint32_t key_lengths[] = {16, 24, 32};
  uint32_t state = kernel_seed(), sum = 42, failures = 0;
  sample_fill(plain, PAGE, &state);
  sample_fill(key, sizeof key, &state);
  sample_fill(iv, sizeof iv, &state);

  roi_begin();
  for (uint32_t i = 0; i < PAGES; i++) {
    failures += wc_CamelliaSetKey(&cipher, key, key_lengths[i % 3], iv) != 0;
    failures += wc_CamelliaCbcEncrypt(&cipher, page, plain, PAGE) != 0;
    failures += wc_CamelliaSetIV(&cipher, iv) != 0;
    failures += wc_CamelliaCbcDecrypt(&cipher, back, page, PAGE) != 0;
    failures += memcmp(plain, back, PAGE) != 0;
    failures += wc_InitSha3_256(&hash, NULL, -2) != 0;
    failures += wc_Sha3_256_Update(&hash, key, sizeof key) != 0;
    failures += wc_Sha3_256_Update(&hash, page, PAGE - 40 * i) != 0;
    failures += wc_Sha3_256_Final(&hash, digest) != 0;
    wc_Sha3_256_Free(&hash);
    sum = sample_fold(sample_fold(sum, digest, sizeof digest), page, PAGE);
    memcpy(key, digest, sizeof key);
    memcpy(plain + 64 * i, digest, sizeof digest);
  }
  roi_end();

  return kernel_finish("wolfssl_camellia", kernel_fold(sum, failures), 0xbbd9f80bu);
}
