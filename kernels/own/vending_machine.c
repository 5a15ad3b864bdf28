// A hierarchical state machine in a table: coins, choices, a motor with time-outs, service mode, a log.
#include "kernel.h"

#define EVENTS 9000
enum state { IDLE, PAYING, VENDING, RETURNING, SERVICE, BROKEN, STATES };
enum event { COIN, CHOICE, CANCEL, MOTOR, TIMER, KEY, EVENT_KINDS };

struct machine {
  enum state state;
  uint16_t credit, stock[8], timer, paid_back;
  uint8_t wanted, attempts;
  uint32_t sold, log;
};
typedef enum state (*handler)(struct machine *, uint32_t);

static const uint16_t price[8] = {120, 150, 180, 90, 200, 250, 110, 70}, coins[6] = {5, 10, 20, 50, 100, 200};

static void note(struct machine *m, uint32_t what) { m->log = kernel_fold(m->log, what << 8 | m->state); }

static enum state on_coin(struct machine *m, uint32_t argument) {
  m->credit += coins[argument % 6];
  if (m->credit > 1000) {
    note(m, 1);
    return RETURNING;
  }
  m->timer = 30;
  return PAYING;
}
static enum state on_choice(struct machine *m, uint32_t argument) {
  m->wanted = argument & 7;
  if (!m->stock[m->wanted] || m->credit < price[m->wanted]) {
    note(m, 2);
    return PAYING;
  }
  m->attempts = 0;
  m->timer = 12;
  return VENDING;
}
static enum state on_cancel(struct machine *m, uint32_t argument) {
  (void)argument;
  return m->credit ? RETURNING : IDLE;
}
static enum state on_dropped(struct machine *m, uint32_t argument) {
  if (argument % 11 == 0)
    return m->state; // the sensor saw nothing
  --m->stock[m->wanted];
  m->credit -= price[m->wanted];
  m->sold += price[m->wanted];
  note(m, 3);
  return m->credit ? RETURNING : IDLE;
}
static enum state on_late(struct machine *m, uint32_t argument) {
  (void)argument;
  if (m->timer && --m->timer)
    return m->state;
  if (m->state == VENDING) {
    m->timer = 12;
    return ++m->attempts < 3 ? VENDING : BROKEN;
  }
  return RETURNING;
}
static enum state on_return(struct machine *m, uint32_t argument) {
  (void)argument;
  for (int i = 5; i >= 0; --i)
    if (m->credit >= coins[i]) {
      m->credit -= coins[i];
      m->paid_back += coins[i];
      return RETURNING;
    }
  m->credit = 0;
  return IDLE;
}
static enum state on_key(struct machine *m, uint32_t argument) {
  if ((argument & 7) != 5)
    return m->state;
  note(m, 4);
  return m->state == SERVICE ? IDLE : SERVICE;
}
static enum state on_fill(struct machine *m, uint32_t argument) {
  m->stock[argument & 7] = 20;
  return SERVICE;
}
static enum state stay(struct machine *m, uint32_t argument) {
  (void)argument;
  return m->state;
}

static const handler table[STATES][EVENT_KINDS] = {
    {on_coin, stay, stay, stay, stay, on_key},     {on_coin, on_choice, on_cancel, stay, on_late, stay},
    {stay, stay, stay, on_dropped, on_late, stay}, {stay, stay, stay, stay, on_return, stay},
    {stay, on_fill, stay, stay, stay, on_key},     {stay, stay, stay, stay, stay, on_key},
};

int main(void) {
  static struct machine m;
  uint32_t random = kernel_seed();
  for (int i = 0; i < 8; ++i)
    m.stock[i] = 20;
  uint32_t changes = 0;
  roi_begin();
  for (int i = 0; i < EVENTS; ++i) {
    uint32_t r = kernel_random(&random);
    enum event e = r % 16 < 5    ? COIN
                   : r % 16 < 8  ? CHOICE
                   : r % 16 < 9  ? CANCEL
                   : r % 16 < 11 ? MOTOR
                   : r % 16 < 15 ? TIMER
                                 : KEY;
    enum state next = table[m.state][e](&m, r >> 8);
    changes += next != m.state;
    m.state = next;
  }
  roi_end();
  uint32_t sum = kernel_fold(kernel_fold(m.log, m.sold), changes);
  for (int i = 0; i < 8; ++i)
    sum = kernel_fold(sum, m.stock[i]);
  return kernel_finish("vending_machine", kernel_fold(sum, m.paid_back), 0xb651d428u);
}
