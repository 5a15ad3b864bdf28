// A stable merge sort of a linked list of records, bottom up, with two keys and a comparison by pointer.
#include "kernel.h"

#define RECORDS 700
#define ROUNDS 3

struct record {
  struct record *next;
  uint32_t key, order;
  int16_t level;
};
typedef int (*compare_fn)(const struct record *, const struct record *);

static int by_key(const struct record *a, const struct record *b) {
  return a->key < b->key ? -1 : a->key > b->key;
}
static int by_level(const struct record *a, const struct record *b) { return a->level - b->level; }

static struct record *merge(struct record *a, struct record *b, compare_fn compare) {
  struct record head, *tail = &head;
  while (a && b) {
    struct record **least = compare(a, b) <= 0 ? &a : &b;
    tail->next = *least;
    tail = *least;
    *least = (*least)->next;
  }
  tail->next = a ? a : b;
  return head.next;
}

static struct record *sort(struct record *list, compare_fn compare) {
  struct record *runs[16] = {0};
  while (list) {
    struct record *run = list;
    list = list->next;
    run->next = 0;
    int i = 0;
    for (; runs[i]; ++i) {
      run = merge(runs[i], run, compare);
      runs[i] = 0;
    }
    runs[i] = run;
  }
  struct record *result = 0;
  for (int i = 0; i < 16; ++i)
    result = runs[i] ? merge(runs[i], result, compare) : result;
  return result;
}

static uint32_t check(const struct record *list, compare_fn compare) {
  uint32_t count = 1;
  for (; list && list->next; list = list->next, ++count) {
    int order = compare(list, list->next);
    if (order > 0 || (order == 0 && compare == by_level && list->key > list->next->key))
      return 0;
  }
  return count;
}

int main(void) {
  static struct record records[RECORDS];
  uint32_t random = kernel_seed(), sum = 0;
  roi_begin();
  for (int round = 0; round < ROUNDS; ++round) {
    for (int i = 0; i < RECORDS; ++i) {
      uint32_t r = kernel_random(&random);
      records[i] = (struct record){i + 1 < RECORDS ? &records[i + 1] : 0, r >> 12 & 0x3ff, (uint32_t)i,
                                   (int16_t)(r & 15)};
    }
    struct record *list = sort(sort(records, by_key), by_level);
    sum = kernel_fold(sum, check(list, by_level));
    for (int i = 0; list; list = list->next, ++i)
      if (i % 7 == 0)
        sum = kernel_fold(sum, list->order);
  }
  roi_end();
  return kernel_finish("list_merge_sort", sum, 0xfec35e58u);
}
