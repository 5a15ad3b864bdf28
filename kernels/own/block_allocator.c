// A heap in one array: boundary tags, first fit with splitting, coalescing on both sides, and checks of all
// of it.
#include "kernel.h"
#include <string.h>

#define HEAP 8192
#define LIVE 48
#define OPERATIONS 2600

static uint32_t heap[HEAP / 4];
static uint32_t failures, splits, merges;

/// A block has its size in words, with both tags, before and behind it; the lowest bit says used.
static uint32_t size_of(uint32_t at) { return heap[at] >> 1; }
static int is_used(uint32_t at) { return heap[at] & 1; }
static void set(uint32_t at, uint32_t words, int used) {
  heap[at] = heap[at + words - 1] = words << 1 | (uint32_t)used;
}

static uint32_t allocate(uint32_t bytes) {
  uint32_t words = (bytes + 3) / 4 + 2;
  for (uint32_t at = 0; at < HEAP / 4; at += size_of(at)) {
    uint32_t there = size_of(at);
    if (is_used(at) || there < words)
      continue;
    if (there - words >= 4) {
      set(at + words, there - words, 0);
      there = words;
      ++splits;
    }
    set(at, there, 1);
    return at + 1;
  }
  ++failures;
  return 0;
}

static void release(uint32_t block) {
  uint32_t at = block - 1, words = size_of(at), behind = at + words;
  if (behind < HEAP / 4 && !is_used(behind)) {
    words += size_of(behind);
    ++merges;
  }
  if (at && !(heap[at - 1] & 1)) {
    uint32_t before = heap[at - 1] >> 1;
    at -= before;
    words += before;
    ++merges;
  }
  set(at, words, 0);
}

static uint32_t check(void) {
  uint32_t total = 0, last_free = 0, good = 1;
  for (uint32_t at = 0; at < HEAP / 4; at += size_of(at)) {
    good &= heap[at] == heap[at + size_of(at) - 1] && size_of(at) >= 2;
    good &= !(last_free && !is_used(at));
    last_free = !is_used(at);
    total += size_of(at);
    if (!good)
      return 0;
  }
  return total == HEAP / 4;
}

int main(void) {
  static struct {
    uint32_t block, bytes, pattern;
  } live[LIVE];
  uint32_t random = kernel_seed(), sum = 0, intact = 1;
  set(0, HEAP / 4, 0);
  roi_begin();
  for (int i = 0; i < OPERATIONS; ++i) {
    uint32_t r = kernel_random(&random), slot = r % LIVE;
    if (live[slot].block) {
      const uint8_t *bytes = (const uint8_t *)&heap[live[slot].block];
      intact &= bytes[0] == (uint8_t)live[slot].pattern &&
                bytes[live[slot].bytes - 1] == (uint8_t)live[slot].pattern;
      release(live[slot].block);
      live[slot].block = 0;
    } else {
      uint32_t bytes = 1 + (r >> 8 & (r & 0x80000000u ? 511 : 63));
      live[slot].block = allocate(bytes);
      live[slot].bytes = bytes;
      live[slot].pattern = r >> 16;
      if (live[slot].block)
        memset(&heap[live[slot].block], (int)(live[slot].pattern & 255), bytes);
    }
    if (i % 100 == 0)
      intact &= check();
    sum = kernel_fold(sum, live[slot].block);
  }
  roi_end();
  sum = kernel_fold(kernel_fold(sum, failures * 3 + splits), merges);
  return kernel_finish("block_allocator", kernel_fold(sum, intact & check()), 0xf20397f9u);
}
