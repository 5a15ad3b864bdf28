// Log entries sorted by time stamp with an LSD radix sort, then joined with a binary search.
#include "kernel.h"

#define ENTRIES 1400

struct entry {
  uint32_t time;
  uint8_t source, kind;
  int16_t value;
};
static struct entry entries[ENTRIES], scratch[ENTRIES];

static void pass(const struct entry *from, struct entry *to, unsigned shift) {
  uint16_t start[257] = {0};
  for (int i = 0; i < ENTRIES; ++i)
    ++start[(from[i].time >> shift & 255) + 1];
  for (int i = 0; i < 256; ++i)
    start[i + 1] = (uint16_t)(start[i + 1] + start[i]);
  for (int i = 0; i < ENTRIES; ++i)
    to[start[from[i].time >> shift & 255]++] = from[i];
}

static int lower_bound(uint32_t time) {
  int low = 0, high = ENTRIES;
  while (low < high) {
    int middle = (low + high) / 2;
    if (entries[middle].time < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static int32_t window_total(uint32_t from, uint32_t to, uint8_t source) {
  int32_t total = 0;
  for (int i = lower_bound(from), end = lower_bound(to); i < end; ++i)
    if (entries[i].source == source)
      total += entries[i].kind == 3 ? -entries[i].value : entries[i].value;
  return total;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  for (int i = 0; i < ENTRIES; ++i) {
    uint32_t r = kernel_random(&random);
    entries[i] = (struct entry){kernel_random(&random) >> 2, (uint8_t)(r & 7), (uint8_t)(r >> 3 & 3),
                                (int16_t)(r >> 16)};
  }
  roi_begin();
  for (unsigned shift = 0; shift < 32; shift += 16) {
    pass(entries, scratch, shift);
    pass(scratch, entries, shift + 8);
  }
  uint32_t sorted = 1;
  for (int i = 1; i < ENTRIES; ++i)
    sorted &= entries[i - 1].time <= entries[i].time;
  for (int q = 0; q < 60; ++q) {
    uint32_t from = kernel_random(&random) >> 2;
    sum = kernel_fold(sum, (uint32_t)window_total(from, from + (1u << 27), (uint8_t)(q & 7)));
  }
  roi_end();
  return kernel_finish("radix_sort", kernel_fold(sum, sorted), 0xce9991b3u);
}
