// A cooperative scheduler: priorities with a bit map, message queues, semaphores, delays, watchdog counters.
#include "kernel.h"

#define TASKS 8
#define QUEUE 8
#define TICKS 1500

enum status { READY, DELAYED, WAITING };
struct queue {
  uint32_t items[QUEUE];
  uint8_t head, count;
  int8_t waiting;
};
struct task {
  void (*step)(struct task *);
  uint32_t wake, state, total, missed;
  uint8_t priority, status;
  struct queue *in, *out;
};

static struct task tasks[TASKS];
static struct queue queues[4];
static uint32_t now, ready_map, switches;
static int tokens = 2;

static void make_ready(int task) {
  tasks[task].status = READY;
  ready_map |= 1u << tasks[task].priority;
}
static void block(struct task *t, enum status status) {
  t->status = (uint8_t)status;
  ready_map &= ~(1u << t->priority);
}
static int send(struct queue *q, uint32_t item) {
  if (q->count == QUEUE)
    return 0;
  q->items[(q->head + q->count++) % QUEUE] = item;
  if (q->waiting >= 0) {
    make_ready(q->waiting);
    q->waiting = -1;
  }
  return 1;
}
static int receive(struct task *t, uint32_t *item) {
  struct queue *q = t->in;
  if (!q->count) {
    q->waiting = (int8_t)(t - tasks);
    block(t, WAITING);
    return 0;
  }
  *item = q->items[q->head];
  q->head = (q->head + 1) % QUEUE;
  --q->count;
  return 1;
}
static void delay(struct task *t, uint32_t ticks) {
  t->wake = now + ticks;
  block(t, DELAYED);
}

static void sensor(struct task *t) {
  t->missed += !send(t->out, kernel_random(&t->state) & 0xffff);
  delay(t, 2 + (t->state & 3));
}
static void filter(struct task *t) {
  uint32_t item;
  if (receive(t, &item)) {
    t->total += ((item << 8) - t->total) >> 3;
    t->missed += !send(t->out, t->total >> 8);
  }
}
static void control(struct task *t) {
  uint32_t item;
  if (!receive(t, &item))
    return;
  if (tokens == 0) {
    ++t->missed;
    return;
  }
  --tokens;
  t->total = kernel_fold(t->total, item + (now & 7));
  if ((t->total & 3) == 0)
    delay(t, 3);
}
static void refill(struct task *t) {
  tokens = tokens < 5 ? tokens + 2 : tokens;
  t->total += (uint32_t)tokens;
  delay(t, 4);
}
static void background(struct task *t) {
  t->total = kernel_fold(t->total, t->total >> 3);
  delay(t, 1);
}

static struct task *next_task(void) {
  if (!ready_map)
    return 0;
  int priority = 0;
  while (!(ready_map >> priority & 1))
    ++priority;
  for (int i = 0; i < TASKS; ++i)
    if (tasks[i].priority == priority)
      return &tasks[i];
  return 0;
}

static void tick(void) {
  ++now;
  for (int i = 0; i < TASKS; ++i)
    if (tasks[i].status == DELAYED && tasks[i].wake <= now)
      make_ready(i);
}

int main(void) {
  static void (*const steps[TASKS])(struct task *) = {sensor,  sensor,  filter, filter,
                                                      control, control, refill, background};
  static const int8_t in[TASKS] = {-1, -1, 0, 1, 2, 3, -1, -1}, out[TASKS] = {0, 1, 2, 3, -1, -1, -1, -1};
  uint32_t random = kernel_seed(), sum = 0;
  for (int q = 0; q < 4; ++q)
    queues[q].waiting = -1;
  for (int i = 0; i < TASKS; ++i) {
    tasks[i] = (struct task){steps[i],
                             0,
                             kernel_random(&random),
                             0,
                             0,
                             (uint8_t)(i * 5 % 8),
                             READY,
                             in[i] < 0 ? 0 : &queues[in[i]],
                             out[i] < 0 ? 0 : &queues[out[i]]};
    make_ready(i);
  }
  roi_begin();
  while (now < TICKS) {
    struct task *t;
    for (int budget = 6; budget && (t = next_task()); --budget, ++switches)
      t->step(t);
    tick();
  }
  roi_end();
  for (int i = 0; i < TASKS; ++i)
    sum = kernel_fold(kernel_fold(sum, tasks[i].total), tasks[i].missed);
  return kernel_finish("task_scheduler", kernel_fold(sum, switches), 0x59cbd176u);
}
