// A timer service: a binary heap of events with cancellation, repeated and nested timers.
#include "kernel.h"

#define CAPACITY 96
#define STEPS 5200

struct event {
  uint32_t time;
  uint16_t id, period;
};
struct timers {
  struct event heap[CAPACITY];
  uint16_t place[CAPACITY]; // of each id in the heap, or NONE
  uint16_t count;
};
enum { NONE = 0xffff };

static void put(struct timers *t, unsigned at, struct event e) {
  t->heap[at] = e;
  t->place[e.id] = (uint16_t)at;
}

static void sift_up(struct timers *t, unsigned at) {
  struct event e = t->heap[at];
  while (at) {
    unsigned parent = (at - 1) / 2;
    if (t->heap[parent].time <= e.time)
      break;
    put(t, at, t->heap[parent]);
    at = parent;
  }
  put(t, at, e);
}

static void sift_down(struct timers *t, unsigned at) {
  struct event e = t->heap[at];
  for (;;) {
    unsigned child = 2 * at + 1;
    if (child >= t->count)
      break;
    if (child + 1 < t->count && t->heap[child + 1].time < t->heap[child].time)
      ++child;
    if (t->heap[child].time >= e.time)
      break;
    put(t, at, t->heap[child]);
    at = child;
  }
  put(t, at, e);
}

static int start(struct timers *t, uint16_t id, uint32_t time, uint16_t period) {
  if (t->count == CAPACITY || t->place[id] != NONE)
    return 0;
  struct event e = {time, id, period};
  t->heap[t->count] = e;
  sift_up(t, t->count++);
  return 1;
}

static int cancel(struct timers *t, uint16_t id) {
  unsigned at = t->place[id];
  if (at == NONE)
    return 0;
  t->place[id] = NONE;
  if (at != --t->count) {
    struct event moved = t->heap[t->count];
    uint32_t before = t->heap[at].time;
    put(t, at, moved);
    if (moved.time < before)
      sift_up(t, at);
    else
      sift_down(t, at);
  }
  return 1;
}

static int consistent(const struct timers *t) {
  for (unsigned i = 1; i < t->count; ++i)
    if (t->heap[(i - 1) / 2].time > t->heap[i].time || t->place[t->heap[i].id] != i)
      return 0;
  return 1;
}

int main(void) {
  static struct timers timers;
  uint32_t random = kernel_seed(), sum = 0, now = 0, order = 1;
  for (int i = 0; i < CAPACITY; ++i)
    timers.place[i] = NONE;
  roi_begin();
  for (int step = 0; step < STEPS; ++step) {
    uint32_t r = kernel_random(&random);
    uint16_t id = (uint16_t)(r % CAPACITY);
    if (r >> 30 == 0)
      sum += (uint32_t)cancel(&timers, id);
    else if (r >> 30 < 3)
      sum += (uint32_t)start(&timers, id, now + (r >> 8 & 0x3ff), (uint16_t)((r >> 20 & 7) == 0 ? 50 : 0));
    while (timers.count && timers.heap[0].time <= now) {
      struct event e = timers.heap[0];
      order &= e.time <= now;
      sum = kernel_fold(sum, e.time << 8 ^ e.id);
      cancel(&timers, e.id);
      if (e.period)
        start(&timers, e.id, now + e.period, (uint16_t)(e.period - 10));
    }
    now += r & 15;
  }
  order &= (uint32_t)consistent(&timers);
  roi_end();
  return kernel_finish("heap_queue", kernel_fold(sum, order), 0x9b307bb7u);
}
