// A sector cache: buckets, a doubly linked list by age, write-back of dirty sectors to a simulated flash.
#include "kernel.h"
#include <string.h>

#define LINES 24
#define BUCKETS 32
#define SECTOR 32
#define SECTORS 160
#define ACCESSES 3000

struct line {
  struct line *older, *newer, *chain;
  uint16_t sector;
  uint8_t dirty, valid;
  uint8_t data[SECTOR];
};
static struct line lines[LINES], *newest, *oldest, *buckets[BUCKETS];
static uint8_t flash[SECTORS][SECTOR];
static uint32_t hits, misses, writes;

static void detach(struct line *l) {
  *(l->older ? &l->older->newer : &oldest) = l->newer;
  *(l->newer ? &l->newer->older : &newest) = l->older;
}
static void make_newest(struct line *l) {
  l->older = newest;
  l->newer = 0;
  *(newest ? &newest->newer : &oldest) = l;
  newest = l;
}
static void unchain(struct line *l) {
  struct line **at = &buckets[l->sector % BUCKETS];
  while (*at != l)
    at = &(*at)->chain;
  *at = l->chain;
}
static void flush(struct line *l) {
  if (l->valid && l->dirty) {
    memcpy(flash[l->sector], l->data, SECTOR);
    l->dirty = 0;
    ++writes;
  }
}
static struct line *get(uint16_t sector) {
  struct line *l = buckets[sector % BUCKETS];
  while (l && l->sector != sector)
    l = l->chain;
  if (l) {
    ++hits;
  } else {
    ++misses;
    l = oldest;
    flush(l);
    if (l->valid)
      unchain(l);
    l->sector = sector;
    l->valid = 1;
    memcpy(l->data, flash[sector], SECTOR);
    l->chain = buckets[sector % BUCKETS];
    buckets[sector % BUCKETS] = l;
  }
  detach(l);
  make_newest(l);
  return l;
}
static void write_at(uint32_t address, const uint8_t *bytes, unsigned count) {
  while (count) {
    unsigned offset = address % SECTOR, part = SECTOR - offset < count ? SECTOR - offset : count;
    struct line *l = get((uint16_t)(address / SECTOR));
    memcpy(l->data + offset, bytes, part);
    l->dirty = 1;
    address += part;
    bytes += part;
    count -= part;
  }
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0, position = 0;
  for (int i = 0; i < LINES; ++i)
    make_newest(&lines[i]);
  roi_begin();
  for (int i = 0; i < ACCESSES; ++i) {
    uint32_t r = kernel_random(&random);
    if ((r & 15) == 0)
      position = (r >> 8) % (SECTORS - 8);
    uint16_t sector = (uint16_t)(position + (r >> 4 & 7));
    if (r & 0x10000) {
      uint8_t bytes[12];
      for (int k = 0; k < 12; ++k)
        bytes[k] = (uint8_t)(r >> k);
      write_at(sector * SECTOR + (r >> 20 & 31), bytes, 4 + (r >> 28 & 7));
    } else
      sum = kernel_fold(sum, get(sector)->data[r >> 20 & 31]);
  }
  for (int i = 0; i < LINES; ++i)
    flush(&lines[i]);
  roi_end();
  for (int s = 0; s < SECTORS; ++s)
    for (int k = 0; k < SECTOR; ++k)
      sum = kernel_fold(sum, flash[s][k]);
  return kernel_finish("lru_cache", kernel_fold(sum, hits * 7 + misses * 5 + writes), 0x48cbfba2u);
}
