//===- spandsp_g722.c - wideband speech through the G.722 codec of SpanDSP ----===//
//
// A synthetic voice is coded at 64, 56 and 48 kbit/s and decoded; the decoded
// voice must be close to the input.
//
//===----------------------------------------------------------------------===//

#include "kernel.h"
#include <stdint.h>

#include "spandsp/telephony.h"

#include "spandsp/g722.h"
#include "spandsp/private/g722.h"

#define ARENA_BYTES 2048
#include "arena.h"

enum { SAMPLES = 640, DELAY = 22 };

static int16_t voice[SAMPLES], decoded[SAMPLES];
static uint8_t coded[SAMPLES];
static g722_encode_state_t encoder;
static g722_decode_state_t decoder;

/// Two decaying resonators struck at random: something like speech.
static void speak(uint32_t *state) {
  int32_t a[2] = {0, 0}, b[2] = {0, 0};
  for (int i = 0; i < SAMPLES; i++) {
    int32_t strike = kernel_random(state) % 60 == 0 ? 9000 : 0;
    int32_t low = ((a[0] * 31000) >> 14) - ((a[1] * 16000) >> 14) + strike / 4;
    int32_t high = ((b[0] * 12000) >> 14) - ((b[1] * 15500) >> 14) + strike / 8;
    a[1] = a[0], a[0] = low, b[1] = b[0], b[0] = high;
    int32_t sum = (low + high) / 2 + (int32_t)(kernel_random(state) % 64) - 32;
    voice[i] = (int16_t)(sum > 20000 ? 20000 : sum < -20000 ? -20000 : sum);
  }
}

static uint32_t error_of(void) {
  uint32_t error = 0;
  for (int i = 0; i + DELAY < SAMPLES; i++) {
    int32_t difference = decoded[i + DELAY] - voice[i];
    error += (uint32_t)(difference < 0 ? -difference : difference);
  }
  return error / SAMPLES;
}

static uint32_t loudness(void) {
  uint32_t sum = 0;
  for (int i = 0; i < SAMPLES; i++)
    sum += (uint32_t)(voice[i] < 0 ? -voice[i] : voice[i]);
  return sum / SAMPLES;
}

int main(void) {
  static const int rates[] = {64000, 56000, 48000};
  uint32_t state = kernel_seed(), sum = 9, failures = 0;

  for (int r = 0; r < 3; r++) {
    speak(&state);
    if (r == 0)
      roi_begin();
    g722_encode_init(&encoder, rates[r], G722_PACKED);
    g722_decode_init(&decoder, rates[r], G722_PACKED);
    int bytes = g722_encode(&encoder, coded, voice, SAMPLES);
    int samples = g722_decode(&decoder, decoded, coded, bytes);
    for (int i = 0; i < bytes; i++)
      sum = kernel_fold(sum, coded[i]);
    for (int i = 0; i < samples; i++)
      sum = kernel_fold(sum, (uint16_t)decoded[i]);
    failures += samples < SAMPLES - 16 || 4 * error_of() > loudness();
    state ^= sum;
    state |= !state;
  }
  roi_end();

  return kernel_finish("spandsp_g722", kernel_fold(sum, failures), 0xbc4d21ccu);
}
