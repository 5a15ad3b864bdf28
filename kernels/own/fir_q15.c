// A low-pass FIR filter in Q15 on blocks of samples, with saturation and a circular history.
#include "kernel.h"

#define TAPS 48
#define BLOCK 64
#define BLOCKS 40

struct fir {
  int16_t taps[TAPS];
  int16_t history[TAPS];
  uint16_t position;
};

static int16_t saturate(int32_t value) {
  if (value > INT16_MAX)
    return INT16_MAX;
  if (value < INT16_MIN)
    return INT16_MIN;
  return (int16_t)value;
}

/// A symmetric kernel: a triangle with a dip, scaled to a gain of about one.
static void fir_design(struct fir *f) {
  int32_t total = 0;
  for (int i = 0; i < TAPS; ++i) {
    int32_t distance = i < TAPS / 2 ? i : TAPS - 1 - i;
    f->taps[i] = (int16_t)(distance * 60 - (distance == 3) * 90 + 17);
    total += f->taps[i];
  }
  for (int i = 0; i < TAPS; ++i) {
    f->taps[i] = (int16_t)(f->taps[i] * 32000 / total);
    f->history[i] = 0;
  }
  f->position = 0;
}

static int16_t fir_step(struct fir *f, int16_t sample) {
  f->history[f->position] = sample;
  int32_t sum = 1 << 14;
  uint16_t at = f->position;
  for (int i = 0; i < TAPS; ++i) {
    sum += f->taps[i] * f->history[at];
    at = at ? at - 1 : TAPS - 1;
  }
  f->position = f->position + 1 == TAPS ? 0 : f->position + 1;
  return saturate(sum >> 15);
}

static void fir_block(struct fir *f, const int16_t *in, int16_t *out, int count) {
  for (int i = 0; i < count; ++i)
    out[i] = fir_step(f, in[i]);
}

static int16_t input[BLOCKS][BLOCK], output[BLOCKS][BLOCK];

int main(void) {
  static struct fir filter;
  uint32_t state = kernel_seed();
  int32_t phase = 0;
  for (int b = 0; b < BLOCKS; ++b)
    for (int i = 0; i < BLOCK; ++i) {
      phase += 700 + b * 5;
      int32_t ramp = (phase & 0xffff) - 0x8000;
      input[b][i] = saturate(ramp / 2 + (int32_t)(kernel_random(&state) & 0x1fff) - 0x1000);
    }
  roi_begin();
  fir_design(&filter);
  for (int b = 0; b < BLOCKS; ++b)
    fir_block(&filter, input[b], output[b], BLOCK);
  roi_end();
  uint32_t sum = 0;
  for (int b = 0; b < BLOCKS; ++b)
    for (int i = 0; i < BLOCK; ++i)
      sum = kernel_fold(sum, (uint16_t)output[b][i]);
  return kernel_finish("fir_q15", sum, 0x7a187e48u);
}
