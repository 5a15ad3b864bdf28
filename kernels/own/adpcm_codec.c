// Speech in four bits a sample: an adaptive differential coder with noise shaping, its decoder, and a packet
// format.
#include "kernel.h"

#define SAMPLES 3000
#define PACKET 64

struct adpcm {
  int32_t predicted, step_index, shaping;
};
static const int8_t index_change[8] = {-1, -1, -1, -1, 2, 4, 6, 9};
static int16_t pcm[SAMPLES], out[SAMPLES];
static uint8_t packed[SAMPLES / 2 + SAMPLES / PACKET * 4 + 16];

static int32_t step_of(int32_t index) {
  int32_t step = 7;
  for (int32_t i = 0; i < index; i += 8)
    step = index - i >= 8 ? step * 2 + step / 7 : step + step * (index - i) / 8;
  return step;
}

static void update(struct adpcm *a, uint8_t code, int32_t step) {
  int32_t change = step >> 3;
  if (code & 4)
    change += step;
  if (code & 2)
    change += step >> 1;
  if (code & 1)
    change += step >> 2;
  a->predicted += code & 8 ? -change : change;
  a->predicted = a->predicted > 32767 ? 32767 : a->predicted < -32768 ? -32768 : a->predicted;
  a->step_index += index_change[code & 7];
  a->step_index = a->step_index < 0 ? 0 : a->step_index > 88 ? 88 : a->step_index;
}

static uint8_t encode(struct adpcm *a, int16_t sample) {
  int32_t step = step_of(a->step_index), wanted = sample - a->shaping / 2, difference = wanted - a->predicted;
  uint8_t code = 0;
  if (difference < 0) {
    code = 8;
    difference = -difference;
  }
  for (int bit = 4, s = step; bit; bit >>= 1, s >>= 1)
    if (difference >= s) {
      code |= (uint8_t)bit;
      difference -= s;
    }
  update(a, code, step);
  a->shaping = a->predicted - wanted;
  return code;
}

static unsigned pack(void) {
  struct adpcm a = {0, 0, 0};
  unsigned length = 0;
  for (int i = 0; i < SAMPLES; i += 2) {
    if (i % PACKET == 0) {
      packed[length++] = (uint8_t)a.step_index;
      packed[length++] = (uint8_t)((uint32_t)a.predicted & 255);
      packed[length++] = (uint8_t)((uint32_t)a.predicted >> 8 & 255);
    }
    uint8_t low = encode(&a, pcm[i]);
    packed[length++] = (uint8_t)(low | encode(&a, pcm[i + 1]) << 4);
  }
  return length;
}

static unsigned unpack(void) {
  struct adpcm a = {0, 0, 0};
  unsigned at = 0;
  for (int i = 0; i < SAMPLES; i += 2) {
    if (i % PACKET == 0) {
      a.step_index = packed[at];
      a.predicted = (int16_t)(packed[at + 1] | packed[at + 2] << 8);
      at += 3;
    }
    for (int half = 0; half < 2; ++half) {
      update(&a, packed[at] >> 4 * half & 15, step_of(a.step_index));
      out[i + half] = (int16_t)a.predicted;
    }
    ++at;
  }
  return at;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0, phase = 0, pitch = 300;
  for (int i = 0; i < SAMPLES; ++i) {
    if (i % 400 == 0)
      pitch = 200 + (kernel_random(&random) & 511);
    phase += pitch;
    int32_t saw = (int32_t)(phase & 0x3fff) - 0x2000;
    pcm[i] = (int16_t)(saw + (int32_t)(kernel_random(&random) & 511) - 256);
  }
  roi_begin();
  unsigned length = pack(), used = unpack();
  roi_end();
  int64_t error = 0;
  for (int i = 0; i < SAMPLES; ++i) {
    int32_t d = out[i] - pcm[i];
    error += d < 0 ? -d : d;
    sum = kernel_fold(sum, (uint16_t)out[i]);
  }
  return kernel_finish("adpcm_codec", kernel_fold(sum, (length == used) + 2u * (error < 2000LL * SAMPLES)),
                       0x502a4e62u);
}
