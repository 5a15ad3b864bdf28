//===- mhash_digests.c - seven unusual hash functions of mhash -----------------===//
//
// A firmware image is hashed in pieces by Tiger, Whirlpool, HAVAL, Snefru,
// GOST, RIPEMD and SHA-512; each digest goes back into the image. Hashing in
// other pieces must give the same digest. The library is told that it runs on
// SPARC, where it does not store words to odd addresses.
//
//===----------------------------------------------------------------------===//

#include "kernel.h"
#include "mutils/mhash.h"
#include <string.h>

#define ARENA_BYTES 8192
#include "arena.h"

enum { IMAGE = 448 };

static const hashid kinds[] = {MHASH_TIGER192, MHASH_WHIRLPOOL, MHASH_HAVAL256, MHASH_SNEFRU256,
                               MHASH_GOST,     MHASH_RIPEMD160, MHASH_SHA512};

static uint8_t image[IMAGE];

static uint32_t digest(hashid kind, uint32_t piece, uint8_t *out) {
  MHASH hash = mhash_init(kind);
  for (uint32_t at = 0; at < IMAGE; at += piece)
    mhash(hash, image + at, IMAGE - at < piece ? IMAGE - at : piece);
  uint8_t *result = mhash_end(hash);
  uint32_t length = mhash_get_block_size(kind);
  memcpy(out, result, length);
  free(result);
  return length;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 7, failures = 0;
  for (uint32_t i = 0; i < IMAGE; i++)
    image[i] = (uint8_t)kernel_random(&state);

  roi_begin();
  for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    uint8_t once[64], twice[64];
    uint32_t length = digest(kinds[i], IMAGE, once);
    digest(kinds[i], 100 + 4 * i, twice);
    failures += length < 20 || memcmp(once, twice, length) != 0;
    for (uint32_t j = 0; j < length; j++)
      sum = kernel_fold(sum, once[j]);
    memcpy(image + i * 16, once, 20);
  }
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("mhash_digests", kernel_fold(sum, failures), 0x7dc689e2u);
}
