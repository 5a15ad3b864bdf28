//===- xxhash_stream.c - block hashes of an update image, with xxHash -----------===//
//
// XXH32, XXH64 and XXH3 over blocks and, in pieces, over the whole; the hash
// of one block changes the next block.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "xxhash.h"

enum { BLOCK = 512, BLOCKS = 16 };

static _Alignas(8) uint8_t image[BLOCK * BLOCKS];
static _Alignas(64) XXH3_state_t wide;
static XXH64_state_t middle;
static XXH32_state_t narrow;

int main(void) {
  uint32_t state = kernel_seed(), sum = 28, failures = 0;
  sample_fill(image, sizeof image, &state);

  roi_begin();
  XXH3_64bits_reset_withSeed(&wide, state);
  XXH64_reset(&middle, state);
  XXH32_reset(&narrow, state);
  for (uint32_t i = 0; i < BLOCKS; i++) {
    uint8_t *block = image + i * BLOCK;
    uint64_t mark = XXH3_64bits(block, 17 + i * 31) ^ XXH64(block, 5 + i * 8, i) ^ XXH32(block, 3 * i, i);
    for (uint32_t j = 0; j < 4; j++)
      block[(mark & 255) + j] = (uint8_t)(mark >> (8 * j));
    uint32_t split = (uint32_t)(mark % BLOCK);
    XXH3_64bits_update(&wide, block, split);
    XXH3_64bits_update(&wide, block + split, BLOCK - split);
    XXH64_update(&middle, block, BLOCK);
    XXH32_update(&narrow, block, BLOCK);
    sum = kernel_fold(kernel_fold(sum, (uint32_t)mark), (uint32_t)(mark >> 32));
  }
  uint64_t a = XXH3_64bits_digest(&wide), b = XXH64_digest(&middle);
  uint32_t c = XXH32_digest(&narrow);
  failures += a != XXH3_64bits_withSeed(image, sizeof image, state);
  failures += b != XXH64(image, sizeof image, state) || c != XXH32(image, sizeof image, state);
  roi_end();

  sum = kernel_fold(kernel_fold(kernel_fold(sum, (uint32_t)a), (uint32_t)b), c);
  return kernel_finish("xxhash_stream", kernel_fold(sum, failures), 0xf21503ddu);
}
