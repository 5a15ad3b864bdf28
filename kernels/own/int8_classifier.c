// The end of a keyword spotter: depthwise filter over time, two dense int8 layers, softmax by table,
// smoothing.
#include "kernel.h"

#define FRAMES 30
#define BANDS 16
#define HIDDEN 32
#define CLASSES 6

static int8_t spectrum[FRAMES][BANDS];
static int8_t depthwise[BANDS][5], first[HIDDEN][BANDS], second[CLASSES][HIDDEN];
static int32_t bias[HIDDEN];
static uint16_t exponential[256]; // exp(-i / 16), Q16

static int8_t squeeze(int32_t sum, int shift) {
  int32_t value = (sum + (1 << (shift - 1))) >> shift;
  return (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
}

static void filter(int frame, int8_t *out) {
  for (int b = 0; b < BANDS; ++b) {
    int32_t sum = 0;
    for (int t = 0; t < 5; ++t)
      sum += spectrum[frame + t][b] * depthwise[b][t];
    out[b] = squeeze(sum, 7);
  }
}

static void dense_relu(const int8_t *in, int8_t *out) {
  for (int h = 0; h < HIDDEN; ++h) {
    int32_t sum = bias[h];
    for (int b = 0; b < BANDS; ++b)
      sum += in[b] * first[h][b];
    int8_t value = squeeze(sum, 8);
    out[h] = value > 0 ? value : 0;
  }
}

static void softmax(const int8_t *hidden, uint16_t *probability) {
  int32_t logits[CLASSES], highest = INT32_MIN;
  for (int c = 0; c < CLASSES; ++c) {
    logits[c] = 0;
    for (int h = 0; h < HIDDEN; ++h)
      logits[c] += hidden[h] * second[c][h];
    logits[c] >>= 6;
    highest = logits[c] > highest ? logits[c] : highest;
  }
  uint32_t total = 0, weights[CLASSES];
  for (int c = 0; c < CLASSES; ++c) {
    int32_t below = highest - logits[c];
    weights[c] = below > 255 ? 0 : exponential[below];
    total += weights[c];
  }
  for (int c = 0; c < CLASSES; ++c)
    probability[c] = (uint16_t)(weights[c] * 65535ull / total);
}

static void fill(int8_t *values, int count, uint32_t *random, int shift) {
  for (int i = 0; i < count; ++i)
    values[i] = (int8_t)((int32_t)kernel_random(random) >> shift);
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0, value = 65535;
  fill(&spectrum[0][0], FRAMES * BANDS, &random, 24);
  fill(&depthwise[0][0], BANDS * 5, &random, 25);
  fill(&first[0][0], HIDDEN * BANDS, &random, 25);
  fill(&second[0][0], CLASSES * HIDDEN, &random, 26);
  for (int h = 0; h < HIDDEN; ++h)
    bias[h] = (int32_t)(kernel_random(&random) & 0x3ff);
  for (int i = 0; i < 256; ++i, value = value * 61565 >> 16)
    exponential[i] = (uint16_t)value;
  uint32_t smooth[CLASSES] = {0};
  roi_begin();
  for (int frame = 0; frame + 5 <= FRAMES; ++frame) {
    int8_t filtered[BANDS], hidden[HIDDEN];
    uint16_t probability[CLASSES];
    filter(frame, filtered);
    dense_relu(filtered, hidden);
    softmax(hidden, probability);
    int best = 0;
    for (int c = 0; c < CLASSES; ++c) {
      smooth[c] += ((uint32_t)probability[c] * 4 - smooth[c] + 3) / 8;
      best = smooth[c] > smooth[best] ? c : best;
    }
    sum = kernel_fold(kernel_fold(sum, (uint32_t)best), smooth[best]);
  }
  roi_end();
  return kernel_finish("int8_classifier", sum, 0x8877ba84u);
}
