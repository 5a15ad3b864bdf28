// An open-addressing table of short names with linear probing and backward-shift deletion, filled to three
// quarters.
#include "kernel.h"
#include <string.h>

#define SLOTS 512
#define NAME 12
#define OPERATIONS 2400

struct slot {
  char name[NAME];
  uint32_t hash; // 0: free
  int32_t value;
};
static struct slot table[SLOTS];
static unsigned used;

static uint32_t hash_of(const char *name) {
  uint32_t h = 2166136261u;
  for (; *name; ++name)
    h = (h ^ (uint8_t)*name) * 16777619u;
  h ^= h >> 13;
  return h ? h : 1;
}

static unsigned find(const char *name, uint32_t hash) {
  unsigned at = hash % SLOTS;
  while (table[at].hash && (table[at].hash != hash || strcmp(table[at].name, name) != 0))
    at = (at + 1) % SLOTS;
  return at;
}

static int32_t add(const char *name, int32_t amount) {
  uint32_t hash = hash_of(name);
  struct slot *s = &table[find(name, hash)];
  if (!s->hash) {
    if (used == SLOTS * 3 / 4)
      return -1;
    ++used;
    s->hash = hash;
    strcpy(s->name, name);
    s->value = 0;
  }
  return s->value += amount;
}

static int erase(const char *name) {
  unsigned hole = find(name, hash_of(name));
  if (!table[hole].hash)
    return 0;
  --used;
  for (unsigned at = hole;;) {
    at = (at + 1) % SLOTS;
    if (!table[at].hash)
      break;
    unsigned home = table[at].hash % SLOTS;
    if ((at - home) % SLOTS >= (at - hole) % SLOTS) {
      table[hole] = table[at];
      hole = at;
    }
  }
  table[hole].hash = 0;
  return 1;
}

static void make_name(char *out, uint32_t number) {
  static const char letters[] = "aeioustrnm";
  int length = 2 + (int)(number % 7);
  for (int i = 0; i < length; ++i) {
    out[i] = letters[number % 10];
    number = number / 10 * 7 + 3;
  }
  out[length] = 0;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  char name[NAME];
  roi_begin();
  for (int i = 0; i < OPERATIONS; ++i) {
    uint32_t r = kernel_random(&random);
    make_name(name, r >> 8 & 0x7ff);
    if ((r & 7) == 0)
      sum += (uint32_t)erase(name);
    else
      sum = kernel_fold(sum, (uint32_t)add(name, (int32_t)(r & 0xff) - 100));
  }
  unsigned counted = 0, reachable = 1;
  for (unsigned i = 0; i < SLOTS; ++i)
    if (table[i].hash) {
      ++counted;
      reachable &= find(table[i].name, table[i].hash) == i;
    }
  roi_end();
  sum = kernel_fold(sum, counted == used && reachable ? used : 0);
  return kernel_finish("hash_table", sum, 0x38cf5b74u);
}
