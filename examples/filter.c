/* A fixed-point equaliser: a cascade of biquads in Q14 with saturation, a moving-average level and a peak hold. */
#include "runtime.h"

enum { STAGES = 4, BLOCK = 64, LEVEL = 16 };

struct biquad {
  int16_t b0, b1, b2, a1, a2; /* Q14 */
  int16_t x1, x2, y1, y2;
};

struct channel {
  struct biquad stages[STAGES];
  int32_t window[LEVEL], level;
  unsigned at;
  int16_t peak;
};

static int16_t saturate(int32_t value) {
  if (value > 32767)
    return 32767;
  if (value < -32768)
    return -32768;
  return (int16_t)value;
}

static int16_t biquad_step(struct biquad *q, int16_t x) {
  int32_t y = q->b0 * x + q->b1 * q->x1 + q->b2 * q->x2;
  y -= q->a1 * q->y1;
  y -= q->a2 * q->y2;
  q->x2 = q->x1;
  q->x1 = x;
  q->y2 = q->y1;
  q->y1 = saturate((y + (1 << 13)) >> 14);
  return q->y1;
}

static void process(struct channel *c, const int16_t *in, int16_t *out, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    int16_t x = in[i];
    for (int s = 0; s < STAGES; s++)
      x = biquad_step(&c->stages[s], x);
    out[i] = x;
    int32_t energy = x * x >> 8;
    c->level += energy - c->window[c->at];
    c->window[c->at] = energy;
    c->at = (c->at + 1) % LEVEL;
    int16_t magnitude = x < 0 ? (int16_t)-(x + 1) : x;
    if (magnitude > c->peak)
      c->peak = magnitude;
    else
      c->peak -= (int16_t)(c->peak >> 6);
  }
}

static uint32_t square_root(uint32_t value) {
  uint32_t root = 0;
  for (uint32_t bit = 1u << 30; bit; bit >>= 2) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return root;
}

int main(void) {
  static const int16_t coefficients[STAGES][5] = {{15000, -29000, 14100, -29400, 13500},
                                                  {16384, -20000, 9000, -19500, 8700},
                                                  {12000, 4000, 2000, -3000, 4100},
                                                  {9000, 9000, 0, 1200, 0}};
  static struct channel channels[2];
  for (int c = 0; c < 2; c++)
    for (int s = 0; s < STAGES; s++) {
      struct biquad *q = &channels[c].stages[s];
      q->b0 = coefficients[s][0];
      q->b1 = coefficients[s][1];
      q->b2 = coefficients[s][2];
      q->a1 = coefficients[s][3];
      q->a2 = coefficients[s][4];
    }
  uint32_t sum = 0;
  for (int block = 0; block < 40; block++) {
    int16_t in[BLOCK], out[BLOCK];
    for (int c = 0; c < 2; c++) {
      for (int i = 0; i < BLOCK; i++)
        in[i] = (int16_t)(next_input() >> 18) - 8192;
      process(&channels[c], in, out, BLOCK);
      for (int i = 0; i < BLOCK; i++)
        sum = sum * 31 + (uint16_t)out[i];
      sum ^= square_root((uint32_t)channels[c].level / LEVEL) << 16 ^ (uint16_t)channels[c].peak;
    }
  }
  print("filter ");
  print_hex(sum);
  print("\n");
  return sum == 0;
}
