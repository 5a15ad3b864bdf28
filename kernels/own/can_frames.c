// CAN frames on the level of bits: stuffing, CRC-15, arbitration between nodes, acceptance filters, error
// counters.
#include "kernel.h"
#include <string.h>

#define NODES 5
#define ROUNDS 70

struct frame {
  uint16_t id;
  uint8_t length, data[8];
};
struct node {
  struct frame pending;
  uint8_t has_pending;
  uint16_t mask, match;
  uint32_t received, lost, errors, folded;
};
struct bus {
  uint8_t bits[160];
  int length;
  uint16_t crc;
  int run;
};

static void put_bit(struct bus *b, int bit, int stuffed) {
  if (stuffed) {
    int invert = bit ^ (b->crc >> 14 & 1);
    b->crc = (uint16_t)(b->crc << 1 & 0x7fff);
    if (invert)
      b->crc ^= 0x4599;
  }
  b->run = b->length && b->bits[b->length - 1] == bit ? b->run + 1 : 1;
  b->bits[b->length++] = (uint8_t)bit;
  if (b->run == 5) {
    b->bits[b->length++] = (uint8_t)!bit;
    b->run = 1;
  }
}

static void put_field(struct bus *b, uint32_t value, int width) {
  for (int i = width - 1; i >= 0; --i)
    put_bit(b, (int)(value >> i & 1), 1);
}

static void send(struct bus *b, const struct frame *f) {
  memset(b, 0, sizeof *b);
  put_field(b, 0, 1);
  put_field(b, f->id, 11);
  put_field(b, 0, 3);
  put_field(b, f->length, 4);
  for (int i = 0; i < f->length; ++i)
    put_field(b, f->data[i], 8);
  uint16_t crc = b->crc;
  for (int i = 14; i >= 0; --i)
    put_bit(b, crc >> i & 1, 0);
}

struct reader {
  const struct bus *bus;
  int at, run, last;
  uint16_t crc;
  int error;
};

static int get_bit(struct reader *r) {
  if (r->at >= r->bus->length) {
    r->error = 1;
    return 0;
  }
  int bit = r->bus->bits[r->at++];
  r->run = bit == r->last ? r->run + 1 : 1;
  r->last = bit;
  int invert = bit ^ (r->crc >> 14 & 1);
  r->crc = (uint16_t)(r->crc << 1 & 0x7fff);
  if (invert)
    r->crc ^= 0x4599;
  if (r->run == 5 && r->at < r->bus->length) {
    int stuff = r->bus->bits[r->at++];
    r->error |= stuff == bit;
    r->last = stuff;
    r->run = 1;
  }
  return bit;
}

static uint32_t get_field(struct reader *r, int width) {
  uint32_t value = 0;
  for (int i = 0; i < width; ++i)
    value = value << 1 | (uint32_t)get_bit(r);
  return value;
}

static int receive(const struct bus *b, struct frame *f) {
  struct reader r = {b, 0, 0, -1, 0, 0};
  get_field(&r, 1);
  f->id = (uint16_t)get_field(&r, 11);
  get_field(&r, 3);
  f->length = (uint8_t)get_field(&r, 4);
  if (f->length > 8)
    return 0;
  for (int i = 0; i < f->length; ++i)
    f->data[i] = (uint8_t)get_field(&r, 8);
  get_field(&r, 15);
  return !r.error && r.crc == 0;
}

static int arbitrate(const struct node *nodes) {
  int winner = -1;
  for (int n = 0; n < NODES; ++n)
    if (nodes[n].has_pending && (winner < 0 || nodes[n].pending.id < nodes[winner].pending.id))
      winner = n;
  return winner;
}

int main(void) {
  static struct node nodes[NODES];
  static struct bus bus;
  uint32_t random = kernel_seed(), sum = 0;
  for (int n = 0; n < NODES; ++n) {
    nodes[n].mask = (uint16_t)(n & 1 ? 0x7 : 0x4);
    nodes[n].match = (uint16_t)n & nodes[n].mask;
  }
  roi_begin();
  for (int round = 0; round < ROUNDS; ++round) {
    for (int n = 0; n < NODES; ++n)
      if (!nodes[n].has_pending && (kernel_random(&random) & 3) == 0) {
        struct frame *f = &nodes[n].pending;
        f->id = (uint16_t)(random >> 8 & 0x7ff);
        f->length = (uint8_t)((random >> 20 & 15) % 9);
        for (int i = 0; i < 8; ++i)
          f->data[i] = (uint8_t)(random >> i);
        nodes[n].has_pending = 1;
      }
    int sender = arbitrate(nodes);
    if (sender < 0)
      continue;
    send(&bus, &nodes[sender].pending);
    if ((kernel_random(&random) & 15) == 0)
      bus.bits[random % (uint32_t)bus.length] ^= 1;
    int good = 1;
    for (int n = 0; n < NODES; ++n) {
      struct frame f;
      if (n == sender)
        continue;
      if (!receive(&bus, &f)) {
        ++nodes[n].errors;
        good = 0;
      } else if ((f.id & nodes[n].mask) == nodes[n].match) {
        ++nodes[n].received;
        for (int i = 0; i < f.length; ++i)
          nodes[n].folded = kernel_fold(nodes[n].folded, f.data[i]);
      }
    }
    nodes[sender].has_pending = (uint8_t)!good;
    nodes[sender].lost += !good;
  }
  roi_end();
  for (int n = 0; n < NODES; ++n)
    sum = kernel_fold(kernel_fold(sum, nodes[n].folded),
                      nodes[n].received + nodes[n].errors * 64 + nodes[n].lost * 4096);
  return kernel_finish("can_frames", sum, 0xc9dbb4ceu);
}
