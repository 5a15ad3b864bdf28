// An echo canceller: normalised LMS in Q15 with a 32-tap filter, double-talk detection and energy tracking.
#include "kernel.h"

#define TAPS 32
#define SAMPLES 900

static int16_t far_end[SAMPLES], near_end[SAMPLES], residual[SAMPLES];
static const int16_t room[12] = {9000, -6200, 4100, 3300, -2500, 1700, 900, -700, 500, -300, 200, -100};

struct canceller {
  int32_t weights[TAPS]; // Q24
  int16_t line[TAPS];
  int32_t energy;
  uint16_t hold;
};

static int16_t clip16(int32_t v) { return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v); }

static void push(struct canceller *c, int16_t sample) {
  c->energy -= c->line[TAPS - 1] * c->line[TAPS - 1] >> 8;
  for (int i = TAPS - 1; i > 0; --i)
    c->line[i] = c->line[i - 1];
  c->line[0] = sample;
  c->energy += sample * sample >> 8;
}

static int32_t predict(const struct canceller *c) {
  int64_t sum = 0;
  for (int i = 0; i < TAPS; ++i)
    sum += (int64_t)c->weights[i] * c->line[i];
  return (int32_t)(sum >> 24);
}

static void adapt(struct canceller *c, int32_t error) {
  int32_t step = (int32_t)((int64_t)error * 16384 / (c->energy + 2000));
  for (int i = 0; i < TAPS; ++i)
    c->weights[i] += (int32_t)(((int64_t)step * c->line[i]) >> 7);
}

static int16_t cancel(struct canceller *c, int16_t far, int16_t near) {
  push(c, far);
  int32_t error = near - predict(c);
  int32_t loudest = 0;
  for (int i = 0; i < TAPS; i += 4) {
    int32_t a = c->line[i] < 0 ? -c->line[i] : c->line[i];
    loudest = a > loudest ? a : loudest;
  }
  if ((near < 0 ? -near : near) > loudest)
    c->hold = 16; // somebody speaks on this side
  if (c->hold)
    --c->hold;
  else
    adapt(c, error);
  return clip16(error);
}

int main(void) {
  static struct canceller c;
  uint32_t random = kernel_seed();
  for (int n = 0; n < SAMPLES; ++n) {
    far_end[n] = (int16_t)((int32_t)(kernel_random(&random) >> 18) - 8192);
    int32_t echo = 0;
    for (int k = 0; k < 12 && k <= n; ++k)
      echo += room[k] * far_end[n - k] >> 15;
    near_end[n] = clip16(echo + (int32_t)(random & 63) - 32);
  }
  roi_begin();
  for (int n = 0; n < SAMPLES; ++n)
    residual[n] = cancel(&c, far_end[n], near_end[n]);
  roi_end();
  uint32_t sum = 0;
  for (int n = 0; n < SAMPLES; ++n)
    sum = kernel_fold(sum, (uint16_t)residual[n]);
  for (int i = 0; i < TAPS; ++i)
    sum = kernel_fold(sum, (uint32_t)c.weights[i]);
  return kernel_finish("adaptive_lms", sum, 0xf616761eu);
}
