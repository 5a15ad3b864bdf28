//===- lzo_blocks.c - a flash log in LZO blocks ---------------------------------===//
//
// Blocks of telemetry are compressed by LZO1X-1(11), decompressed safely and
// compared; Adler-32 guards each block. Every block depends on the last one.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "lzo/lzo1x.h"

enum { BLOCK = 2048, BLOCKS = 12, ROOM = BLOCK + BLOCK / 16 + 67 };

static uint8_t block[BLOCK], packed[ROOM], unpacked[BLOCK];
static _Alignas(8) uint8_t work[2048 * sizeof(lzo_bytep)];

int main(void) {
  uint32_t state = kernel_seed(), sum = 14, failures = 0;
  sample_text(block, BLOCK, &state);

  roi_begin();
  failures += lzo_init() != LZO_E_OK;
  for (uint32_t i = 0; i < BLOCKS; i++) {
    lzo_uint length = ROOM, out = BLOCK;
    failures += lzo1x_1_11_compress(block, BLOCK, packed, &length, work) != LZO_E_OK;
    failures += lzo1x_decompress_safe(packed, length, unpacked, &out, NULL) != LZO_E_OK;
    failures += out != BLOCK || memcmp(block, unpacked, BLOCK) != 0;
    uint32_t guard = (uint32_t)lzo_adler32(1, packed, length);
    sum = kernel_fold(kernel_fold(sum, guard), (uint32_t)length);
    // The next block: this one moved, with some of its compressed form inside.
    memmove(block, unpacked + 97, BLOCK - 97);
    memcpy(block + 512 + i * 16, packed, 97 + guard % 64);
    out = BLOCK;
    packed[length / 2] ^= 0x40;
    int status = lzo1x_decompress_safe(packed, length - 1, unpacked, &out, NULL);
    failures += status == LZO_E_OK;
  }
  roi_end();

  return kernel_finish("lzo_blocks", kernel_fold(sample_fold(sum, block, BLOCK), failures), 0xdcee4787u);
}
