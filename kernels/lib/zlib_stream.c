//===- zlib_stream.c - zlib deflate and inflate with small windows --------------===//
//
// Text goes through deflate with three strategies and back through inflate in
// small pieces, with a 1 KiB window as a device would choose it.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "zlib.h"
#include <string.h>

#define ARENA_BYTES 49152
#include "arena.h"

enum { LENGTH = 2000, ROOM = LENGTH + 400, PIECE = 333 };

static uint8_t plain[LENGTH], packed[ROOM], unpacked[LENGTH];

static uint32_t pack(int level, int strategy) {
  z_stream z;
  memset(&z, 0, sizeof z);
  if (deflateInit2(&z, level, Z_DEFLATED, 10, 3, strategy) != Z_OK)
    return 0;
  z.next_out = packed;
  z.avail_out = ROOM;
  for (uint32_t at = 0; at < LENGTH; at += PIECE) {
    z.next_in = plain + at;
    z.avail_in = LENGTH - at < PIECE ? LENGTH - at : PIECE;
    deflate(&z, at + PIECE >= LENGTH ? Z_FINISH : at == PIECE ? Z_SYNC_FLUSH : Z_NO_FLUSH);
  }
  uint32_t length = (uint32_t)z.total_out;
  return deflateEnd(&z) == Z_OK ? length : 0;
}

static int unpack(uint32_t length) {
  z_stream z;
  int status = Z_OK;
  memset(&z, 0, sizeof z);
  if (inflateInit2(&z, 10) != Z_OK)
    return 0;
  z.next_in = packed;
  z.avail_in = length;
  while (status == Z_OK && z.total_out < LENGTH) {
    z.next_out = unpacked + z.total_out;
    z.avail_out = LENGTH - (uInt)z.total_out < PIECE ? LENGTH - (uInt)z.total_out : PIECE;
    status = inflate(&z, Z_NO_FLUSH);
  }
  status = status == Z_OK ? inflate(&z, Z_FINISH) : status;
  inflateEnd(&z);
  return status == Z_STREAM_END && memcmp(plain, unpacked, LENGTH) == 0;
}

int main(void) {
  static const int ways[3][2] = {{6, Z_DEFAULT_STRATEGY}, {1, Z_DEFAULT_STRATEGY}, {6, Z_FIXED}};
  uint32_t state = kernel_seed(), sum = 21, failures = 0;
  sample_text(plain, LENGTH, &state);

  roi_begin();
  for (int i = 0; i < 3; i++) {
    uint32_t length = pack(ways[i][0], ways[i][1]);
    failures += length == 0 || !unpack(length);
    sum = sample_fold(sum, packed, length);
    packed[length - 2] ^= 1;
    failures += unpack(length);
    sum = kernel_fold(sum, (uint32_t)crc32(crc32(0, Z_NULL, 0), packed, length));
    memcpy(plain + 300, packed, 250);
  }
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("zlib_stream", kernel_fold(sum, failures), 0x25adb6f0u);
}
