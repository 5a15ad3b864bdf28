//===- xz_index.c - the block index of .xz files, with liblzma -------------------===//
//
// Records of blocks are appended to an index, which is encoded, decoded,
// walked and searched; stream headers and checks are made as in a file.
//
//===----------------------------------------------------------------------===//

#include "lzma.h"
#include "sample.h"
#include <string.h>

#define ARENA_BYTES 65536
#include "arena.h"

enum { BLOCKS = 300, ROOM = 4096, PROBES = 40 };

static uint8_t coded[ROOM];

static uint32_t fold64(uint32_t sum, uint64_t value) {
  return kernel_fold(kernel_fold(sum, (uint32_t)value), (uint32_t)(value >> 32));
}

static lzma_index *make_index(uint32_t *state, uint32_t *failures) {
  lzma_index *index = lzma_index_init(NULL);
  for (int i = 0; i < BLOCKS; i++) {
    lzma_vli packed = 40 + (kernel_random(state) >> (8 + kernel_random(state) % 20));
    lzma_vli plain = (kernel_random(state) >> (kernel_random(state) % 28)) + 1;
    *failures += lzma_index_append(index, NULL, packed, plain) != LZMA_OK;
  }
  return index;
}

static uint32_t walk(uint32_t sum, const lzma_index *index, uint32_t *state, uint32_t *failures) {
  lzma_index_iter iter;
  lzma_vli total = 0;
  lzma_index_iter_init(&iter, index);
  while (!lzma_index_iter_next(&iter, LZMA_INDEX_ITER_BLOCK)) {
    *failures += iter.block.uncompressed_file_offset != total;
    total += iter.block.uncompressed_size;
    sum = fold64(sum, iter.block.compressed_file_offset);
  }
  *failures += total != lzma_index_uncompressed_size(index);
  for (int i = 0; i < PROBES; i++) {
    lzma_vli target = ((uint64_t)kernel_random(state) << 20 ^ kernel_random(state)) % total;
    *failures += lzma_index_iter_locate(&iter, target) != 0;
    *failures += target < iter.block.uncompressed_file_offset ||
                 target >= iter.block.uncompressed_file_offset + iter.block.uncompressed_size;
    sum = fold64(sum, iter.block.number_in_file);
  }
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 46, failures = 0;
  size_t used = LZMA_STREAM_HEADER_SIZE, at = LZMA_STREAM_HEADER_SIZE;
  uint64_t limit = UINT64_MAX;
  lzma_stream_flags flags = {.version = 0, .check = LZMA_CHECK_CRC64}, read;

  roi_begin();
  lzma_index *index = make_index(&state, &failures), *again = NULL;
  flags.backward_size = lzma_index_size(index);
  failures += lzma_stream_header_encode(&flags, coded) != LZMA_OK;
  failures += lzma_index_buffer_encode(index, coded, &used, ROOM) != LZMA_OK;
  failures += lzma_index_buffer_decode(&again, &limit, NULL, coded, &at, used) != LZMA_OK || at != used;
  failures += lzma_stream_header_decode(&read, coded) != LZMA_OK || read.check != flags.check;
  sum = walk(sum, again, &state, &failures);
  failures += lzma_index_cat(index, again, NULL) != LZMA_OK;
  failures += lzma_index_block_count(index) != 2 * BLOCKS;
  sum = fold64(sum, lzma_index_file_size(index));
  sum = fold64(sum, lzma_crc64(coded, used, lzma_crc32(coded, used, 0)));
  lzma_index_end(index, NULL);
  coded[used / 2] ^= 1;
  at = LZMA_STREAM_HEADER_SIZE;
  failures += lzma_index_buffer_decode(&again, &limit, NULL, coded, &at, used) == LZMA_OK;
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("xz_index", kernel_fold(sum, failures), 0x3daf92adu);
}
