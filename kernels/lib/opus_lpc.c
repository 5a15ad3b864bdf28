//===- opus_lpc.c - linear prediction and resampling of SILK, from Opus ----------===//
//
// Synthetic speech is resampled, its predictor found by Burg's method, turned
// into line spectral frequencies and back, and the residual is computed. The
// residual must be smaller than the speech.
//
//===----------------------------------------------------------------------===//

#include "sample.h"

#include "main.h"
#include "resampler_structs.h"

#include "bare.h"

enum { INPUT = 480, SPEECH = 320, ORDER = 10, SUBFRAMES = 4, FRAMES = 3 };

static int16_t input[INPUT], speech[SPEECH], residual[SPEECH];
static silk_resampler_state_struct resampler;

static void speak(uint32_t *state) {
  static int32_t a, b;
  for (int i = 0; i < INPUT; i++) {
    int32_t pulse = kernel_random(state) % 70 == 0 ? 6000 : (int32_t)(kernel_random(state) % 200) - 100;
    int32_t next = ((a * 30000) >> 14) - ((b * 15400) >> 14) + pulse;
    b = a;
    a = next > 24000 ? 24000 : next < -24000 ? -24000 : next;
    input[i] = (int16_t)a;
  }
}

static uint32_t energy(const int16_t *x, int from, int to) {
  uint32_t sum = 0;
  for (int i = from; i < to; i++)
    sum += (uint32_t)(x[i] < 0 ? -x[i] : x[i]);
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 32, failures = 0;

  roi_begin();
  failures += silk_resampler_init(&resampler, 24000, 16000, 1) != 0;
  for (int frame = 0; frame < FRAMES; frame++) {
    opus_int32 noise, predictor[ORDER];
    opus_int scale;
    opus_int16 lines[ORDER], filter[ORDER];
    speak(&state);
    silk_resampler(&resampler, speech, input, INPUT);
    silk_burg_modified_c(&noise, &scale, predictor, speech, 1 << 17, SPEECH / SUBFRAMES, SUBFRAMES, ORDER, 0);
    silk_A2NLSF(lines, predictor, ORDER);
    silk_NLSF2A(filter, lines, ORDER, 0);
    silk_LPC_analysis_filter(residual, speech, filter, SPEECH, ORDER, 0);
    for (int i = 1; i < ORDER; i++)
      failures += lines[i] <= lines[i - 1];
    failures += energy(residual, ORDER, SPEECH) * 2 > energy(speech, ORDER, SPEECH);
    sum = kernel_fold(kernel_fold(sum, (uint32_t)noise), (uint32_t)scale);
    sum = kernel_fold(sum, (uint32_t)silk_LPC_inverse_pred_gain_c(filter, ORDER));
    for (int i = 0; i < ORDER; i++)
      sum = kernel_fold(sum, (uint32_t)(uint16_t)lines[i] << 16 | (uint16_t)filter[i]);
    for (int i = 0; i < SPEECH; i++)
      sum = kernel_fold(sum, (uint32_t)(uint16_t)speech[i] << 16 | (uint16_t)residual[i]);
  }
  roi_end();

  return kernel_finish("opus_lpc", kernel_fold(sum, failures), 0x30acd648u);
}
