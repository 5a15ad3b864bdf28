// Eight Goertzel detectors and a decision that debounces keys, as a telephone keypad decoder has.
#include "kernel.h"

#define TONES 8
#define FRAME 102
#define FRAMES 44

static const int32_t coefficient[TONES] = {27980, 26956, 25701, 24219, 19073, 16325, 13085, 9315}; // Q14

struct decoder {
  int8_t last, stable;
  uint8_t count;
  uint8_t keys[64];
  uint8_t length;
  uint32_t seen; // every power so far, folded
};

static int64_t power(const int16_t *samples, int32_t c) {
  int32_t s1 = 0, s2 = 0;
  for (int i = 0; i < FRAME; ++i) {
    int32_t s = samples[i] + (int32_t)(((int64_t)c * s1) >> 14) - s2;
    s2 = s1;
    s1 = s;
  }
  return (int64_t)s1 * s1 + (int64_t)s2 * s2 - (((int64_t)c * s1 >> 14) * s2);
}

static int strongest(const int64_t *powers, int from, int to) {
  int best = from;
  int64_t total = 0;
  for (int i = from; i < to; ++i) {
    total += powers[i];
    if (powers[i] > powers[best])
      best = i;
  }
  return powers[best] * 2 > total && powers[best] > 1000000 ? best : -1;
}

static void decode(struct decoder *d, const int16_t *samples) {
  int64_t powers[TONES];
  for (int t = 0; t < TONES; ++t) {
    powers[t] = power(samples, coefficient[t]);
    d->seen = kernel_fold(kernel_fold(d->seen, (uint32_t)powers[t]), (uint32_t)((uint64_t)powers[t] >> 32));
  }
  int row = strongest(powers, 0, 4), column = strongest(powers, 4, 8);
  int8_t key = row < 0 || column < 0 ? -1 : (int8_t)(row * 4 + column - 4);
  d->count = key == d->last ? d->count + 1 : 0;
  d->last = key;
  if (d->count == 1 && key != d->stable) {
    d->stable = key;
    if (key >= 0 && d->length < sizeof d->keys)
      d->keys[d->length++] = (uint8_t)key;
  }
}

/// Adds a tone made by the same recurrence that detects it.
static void add_tone(int16_t *samples, int32_t c, int32_t amplitude) {
  int32_t s1 = amplitude, s2 = 0;
  for (int i = 0; i < FRAME; ++i) {
    int32_t s = (int32_t)(((int64_t)c * s1) >> 14) - s2;
    s2 = s1;
    s1 = s;
    samples[i] = (int16_t)(samples[i] + s1 / 4);
  }
}

int main(void) {
  static struct decoder d = {-1, -1, 0, {0}, 0, 0};
  static uint8_t sent[FRAMES];
  uint32_t key = 0, sent_count = 0;
  static int16_t frames[FRAMES][FRAME];
  uint32_t random = kernel_seed();
  for (int f = 0; f < FRAMES; ++f) {
    for (int i = 0; i < FRAME; ++i)
      frames[f][i] = (int16_t)((kernel_random(&random) & 255) - 128);
    if (f % 3 == 0) { // two frames of a key, then a pause
      uint32_t before = key;
      key = random >> 5 & 15;
      if (!sent_count || key != before) // a repeated key is heard once
        sent[sent_count++] = (uint8_t)key;
    }
    if (f % 3 != 2) {
      add_tone(frames[f], coefficient[key >> 2], 6000);
      add_tone(frames[f], coefficient[4 + (key & 3)], 5000);
    }
  }
  roi_begin();
  for (int f = 0; f < FRAMES; ++f)
    decode(&d, frames[f]);
  roi_end();
  uint32_t sum = kernel_fold(d.seen, d.length), heard = d.length == sent_count;
  for (int i = 0; i < d.length; ++i) {
    sum = kernel_fold(sum, d.keys[i]);
    heard &= d.keys[i] == sent[i];
  }
  sum = kernel_fold(sum, heard);
  return kernel_finish("goertzel_bank", kernel_fold(sum, (uint8_t)d.stable), 0xda3f3e3au);
}
