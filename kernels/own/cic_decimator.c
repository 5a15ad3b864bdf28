// From a microphone's bit stream to samples: a three-stage CIC decimator, a compensation filter, a level
// meter.
#include "kernel.h"

#define STAGES 3
#define RATIO 32
#define SAMPLES 420

struct cic {
  uint32_t integrator[STAGES], comb[STAGES];
};

static uint32_t integrate(struct cic *c, uint32_t word) {
  for (int bit = 0; bit < 32; ++bit) {
    uint32_t value = word >> bit & 1 ? 1u : ~0u;
    for (int i = 0; i < STAGES; ++i) {
      c->integrator[i] += value;
      value = c->integrator[i];
    }
  }
  return c->integrator[STAGES - 1];
}

static int32_t difference(struct cic *c, uint32_t value) {
  for (int i = 0; i < STAGES; ++i) {
    uint32_t before = c->comb[i];
    c->comb[i] = value;
    value -= before;
  }
  return (int32_t)value;
}

static int32_t compensate(int32_t *history, int32_t sample) {
  static const int32_t taps[7] = {-80, 410, -2100, 20300, -2100, 410, -80};
  int64_t sum = 0;
  for (int i = 6; i > 0; --i)
    history[i] = history[i - 1];
  history[0] = sample;
  for (int i = 0; i < 7; ++i)
    sum += (int64_t)taps[i] * history[i];
  return (int32_t)(sum >> 14);
}

/// A sigma-delta modulator of first order, so that the stream means something.
static uint32_t modulate(int32_t level, int32_t *error) {
  uint32_t word = 0;
  for (int bit = 0; bit < 32; ++bit) {
    *error += level;
    if (*error > 0) {
      word |= 1u << bit;
      *error -= 32768;
    } else
      *error += 32768;
  }
  return word;
}

int main(void) {
  static struct cic cic;
  static int32_t history[7];
  uint32_t random = kernel_seed(), sum = 0;
  int32_t error = 0, level = 0, envelope = 0;
  roi_begin();
  for (int i = 0; i < SAMPLES; ++i) {
    level += (int32_t)(kernel_random(&random) >> 20) - 2048 - level / 16;
    int32_t sample = compensate(history, difference(&cic, integrate(&cic, modulate(level, &error))));
    int32_t magnitude = sample < 0 ? -sample : sample;
    envelope += magnitude > envelope ? (magnitude - envelope) / 4 : (magnitude - envelope) / 64;
    sum = kernel_fold(kernel_fold(sum, (uint32_t)sample), (uint32_t)envelope);
  }
  roi_end();
  return kernel_finish("cic_decimator", sum, 0x71a67789u);
}
