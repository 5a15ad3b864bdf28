//===- kissfft_spectrum.c - vibration spectra with Kiss FFT in fixed point ------===//
//
// Windows of a synthetic vibration go through real and complex transforms of
// several lengths; the strongest line must be where the tone was put, and the
// inverse transform must come near the input.
//
//===----------------------------------------------------------------------===//

#include "kiss_fft.h"
#include "kiss_fftr.h"
#include "sample.h"

#define ARENA_BYTES 256
#include "arena.h"

enum { LENGTH = 240, BINS = LENGTH / 2 + 1, MIXED = 90 };

static _Alignas(8) uint8_t memory[4][4096];
static int16_t wave[LENGTH], back[LENGTH];
static kiss_fft_cpx spectrum[BINS], points[MIXED], turned[MIXED];

/// A triangle of the given period with noise on it.
static void make_wave(uint32_t period, uint32_t *state) {
  for (uint32_t i = 0; i < LENGTH; i++) {
    uint32_t phase = i % period * 4096 / period;
    int32_t triangle = phase < 2048 ? (int32_t)phase - 1024 : 3071 - (int32_t)phase;
    wave[i] = (int16_t)(triangle * 12 + (int32_t)(kernel_random(state) % 1024) - 512);
  }
}

static uint32_t strongest(void) {
  uint32_t best = 0, where = 0;
  for (uint32_t i = 1; i < BINS; i++) {
    uint32_t power = (uint32_t)(spectrum[i].r * spectrum[i].r) + (uint32_t)(spectrum[i].i * spectrum[i].i);
    if (power > best) {
      best = power;
      where = i;
    }
  }
  return where;
}

static uint32_t fold_points(uint32_t sum, const kiss_fft_cpx *x, int count) {
  for (int i = 0; i < count; i++)
    sum = kernel_fold(sum, (uint32_t)(uint16_t)x[i].r << 16 | (uint16_t)x[i].i);
  return sum;
}

int main(void) {
  static const uint32_t periods[] = {12, 20, 8};
  uint32_t state = kernel_seed(), sum = 24, failures = 0;
  size_t lengths[4] = {4096, 4096, 4096, 4096};
  kiss_fftr_cfg forward = kiss_fftr_alloc(LENGTH, 0, memory[0], &lengths[0]);
  kiss_fftr_cfg inverse = kiss_fftr_alloc(LENGTH, 1, memory[1], &lengths[1]);
  kiss_fft_cfg mixed = kiss_fft_alloc(MIXED, 0, memory[2], &lengths[2]);
  failures += !forward || !inverse || !mixed;

  roi_begin();
  for (int round = 0; round < 3; round++) {
    make_wave(periods[round], &state);
    kiss_fftr(forward, wave, spectrum);
    uint32_t line = strongest();
    failures += line != LENGTH / periods[round];
    sum = fold_points(kernel_fold(sum, line), spectrum, BINS);
    for (int i = 0; i < MIXED; i++)
      points[i] = spectrum[(i * 7 + round) % BINS];
    kiss_fft(mixed, points, turned);
    sum = fold_points(sum, turned, MIXED);
    for (int i = 0; i < BINS; i++) {
      spectrum[i].r = (int16_t)(spectrum[i].r / 2);
      spectrum[i].i = (int16_t)(spectrum[i].i / 2);
    }
    kiss_fftri(inverse, spectrum, back);
    for (int i = 0; i < LENGTH; i++)
      sum = kernel_fold(sum, (uint16_t)back[i]);
    state ^= sum & 0xff;
    state |= !state;
  }
  roi_end();

  return kernel_finish("kissfft_spectrum", kernel_fold(sum, failures), 0x5287f2c2u);
}
