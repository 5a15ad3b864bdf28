//===- lz4_log.c - a log compressed in a chain of LZ4 blocks --------------------===//
//
// Blocks of text are compressed as a stream, each with its predecessor as
// dictionary, into a ring and decompressed in order; broken blocks are refused.
//
//===----------------------------------------------------------------------===//

#include "lz4.h"
#include "sample.h"
#include <string.h>

enum { BLOCK = 1024, BLOCKS = 10, ROOM = BLOCK + BLOCK / 128 + 32 };

static char plain[2][BLOCK], unpacked[2][BLOCK], packed[ROOM + 16];
static LZ4_stream_t encoder;
static LZ4_streamDecode_t decoder;

int main(void) {
  uint32_t state = kernel_seed(), sum = 20, failures = 0;
  sample_text(plain, sizeof plain, &state);

  roi_begin();
  LZ4_initStream(&encoder, sizeof encoder);
  LZ4_setStreamDecode(&decoder, NULL, 0);
  for (int i = 0; i < BLOCKS; i++) {
    char *block = plain[i & 1], *out = unpacked[i & 1];
    memcpy(block, &plain[!(i & 1)][BLOCK / 3], BLOCK / 4);
    sample_text(block + 100, 150, &state);
    int length = LZ4_compress_fast_continue(&encoder, block, packed, BLOCK, ROOM, 1 + (i & 3));
    int got = LZ4_decompress_safe_continue(&decoder, packed, out, length, BLOCK);
    failures += length <= 0 || got != BLOCK || memcmp(block, out, BLOCK) != 0;
    sum = sample_fold(sum, out, BLOCK); // the packed form depends on the width of words
    failures += LZ4_decompress_safe(packed, packed + ROOM, length / 2, 8) >= 0;
    state ^= sum & 0xffff;
    state |= !state;
  }
  roi_end();

  return kernel_finish("lz4_log", kernel_fold(sum, failures), 0x8a90f8e8u);
}
