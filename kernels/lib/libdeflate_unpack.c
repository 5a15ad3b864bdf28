//===- libdeflate_unpack.c - updates unpacked with libdeflate ---------------------===//
//
// A small sender packs text with LZ77 and fixed Huffman codes into a zlib
// stream; libdeflate unpacks it, checks it and refuses damaged copies.
//
//===----------------------------------------------------------------------===//

#include "libdeflate.h"
#include "sample.h"
#include <string.h>

#define ARENA_BYTES 32768
#include "arena.h"

enum { LENGTH = 3000, ROOM = 4096, UPDATES = 3, HASHES = 512 };

struct writer {
  uint32_t bits, count, used;
};

static uint8_t plain[LENGTH], packed[ROOM], unpacked[LENGTH];
static uint16_t seen[HASHES];

static void put(struct writer *w, uint32_t bits, uint32_t count) {
  w->bits |= bits << w->count;
  for (w->count += count; w->count >= 8; w->count -= 8) {
    packed[w->used++] = (uint8_t)w->bits;
    w->bits >>= 8;
  }
}

/// Huffman codes go in with their first bit first.
static void put_code(struct writer *w, uint32_t code, uint32_t length) {
  for (uint32_t i = length; i-- > 0;)
    put(w, code >> i & 1, 1);
}

static void put_symbol(struct writer *w, uint32_t symbol) {
  if (symbol < 144)
    put_code(w, 48 + symbol, 8);
  else if (symbol < 256)
    put_code(w, 400 + symbol - 144, 9);
  else
    put_code(w, symbol - 256, 7);
}

/// A match of 3 to 10 bytes, whose lengths need no extra bits.
static void put_match(struct writer *w, uint32_t length, uint32_t distance) {
  uint32_t code = 0, extra = 0, base = 1;
  put_symbol(w, 257 + length - 3);
  while (base + (1u << extra) <= distance) {
    base += 1u << extra;
    code++;
    extra = code < 4 ? 0 : code / 2 - 1;
  }
  put_code(w, code, 5);
  put(w, distance - base, extra);
}

static uint32_t pack(void) {
  struct writer w = {0, 0, 0};
  memset(seen, 0, sizeof seen);
  packed[w.used++] = 0x78;
  packed[w.used++] = 0x01;
  put(&w, 3, 3); // one last block with fixed codes
  for (uint32_t at = 0; at < LENGTH;) {
    uint32_t hash = at + 3 < LENGTH ? (plain[at] * 33u + plain[at + 1] * 7u + plain[at + 2]) % HASHES : 0;
    uint32_t from = seen[hash], length = 0;
    seen[hash] = (uint16_t)at;
    while (from < at && length < 10 && at + length < LENGTH && plain[from + length] == plain[at + length])
      length++;
    if (length >= 3)
      put_match(&w, length, at - from);
    else
      put_symbol(&w, plain[at]);
    at += length >= 3 ? length : 1;
  }
  put_symbol(&w, 256);
  put(&w, 0, 7);
  uint32_t check = libdeflate_adler32(1, plain, LENGTH);
  for (int i = 3; i >= 0; i--)
    packed[w.used++] = (uint8_t)(check >> (8 * i));
  return w.used;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 50, failures = 0;
  sample_text(plain, LENGTH, &state);

  roi_begin();
  struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
  for (int i = 0; i < UPDATES; i++) {
    size_t got = 0;
    uint32_t used = pack();
    failures += libdeflate_zlib_decompress(d, packed, used, unpacked, LENGTH, &got) != LIBDEFLATE_SUCCESS;
    failures += got != LENGTH || memcmp(plain, unpacked, LENGTH) != 0;
    sum = kernel_fold(kernel_fold(sum, used), libdeflate_crc32(sum, packed, used));
    packed[used / 2] ^= 8;
    failures += libdeflate_zlib_decompress(d, packed, used, unpacked, LENGTH, &got) == LIBDEFLATE_SUCCESS;
    memcpy(plain + 100 * i, packed, 60);
  }
  libdeflate_free_decompressor(d);
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("libdeflate_unpack", kernel_fold(sum, failures), 0xb233b926u);
}
