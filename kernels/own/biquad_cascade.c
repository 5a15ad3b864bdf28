// Four second-order sections in Q31 with 64-bit accumulators, transposed form, on two channels.
#include "kernel.h"

#define SECTIONS 4
#define CHANNELS 2
#define SAMPLES 700

struct section {
  int32_t b0, b1, b2, a1, a2; // Q30
};
struct state {
  int64_t s1, s2;
};

static struct section sections[SECTIONS];
static struct state states[CHANNELS][SECTIONS];
static int32_t signal[CHANNELS][SAMPLES];

static int32_t clip(int64_t value) {
  if (value > INT32_MAX)
    return INT32_MAX;
  return value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

static void design(uint32_t *random) {
  for (int i = 0; i < SECTIONS; ++i) {
    int32_t jitter = (int32_t)(kernel_random(random) & 0xfffff);
    sections[i].b0 = (1 << 27) + jitter;
    sections[i].b1 = (1 << 28) - i * 5000;
    sections[i].b2 = (1 << 27) - jitter;
    sections[i].a1 = -(1 << 30) - (i << 24) + jitter;
    sections[i].a2 = (1 << 29) - (i << 23);
  }
}

static int32_t section_step(const struct section *c, struct state *s, int32_t x) {
  int64_t y = ((int64_t)c->b0 * x + s->s1) >> 30;
  int32_t out = clip(y);
  s->s1 = (int64_t)c->b1 * x - (int64_t)c->a1 * out + s->s2;
  s->s2 = (int64_t)c->b2 * x - (int64_t)c->a2 * out;
  return out;
}

static void run_channel(int channel) {
  for (int n = 0; n < SAMPLES; ++n) {
    int32_t x = signal[channel][n];
    for (int i = 0; i < SECTIONS; ++i)
      x = section_step(&sections[i], &states[channel][i], x);
    signal[channel][n] = x;
  }
}

int main(void) {
  uint32_t random = kernel_seed();
  design(&random);
  for (int c = 0; c < CHANNELS; ++c)
    for (int n = 0; n < SAMPLES; ++n)
      signal[c][n] = (int32_t)kernel_random(&random) >> 4;
  roi_begin();
  for (int c = 0; c < CHANNELS; ++c)
    run_channel(c);
  roi_end();
  uint32_t sum = 0;
  for (int c = 0; c < CHANNELS; ++c)
    for (int n = 0; n < SAMPLES; ++n)
      sum = kernel_fold(sum, (uint32_t)signal[c][n]);
  return kernel_finish("biquad_cascade", sum, 0x3df97119u);
}
