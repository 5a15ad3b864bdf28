// A synthesiser: wavetable oscillators with envelopes, a resonant filter, a mixer, notes from a little
// sequencer.
#include "kernel.h"

#define VOICES 4
#define BLOCK 32
#define BLOCKS 60

enum phase { OFF, ATTACK, DECAY, SUSTAIN, RELEASE };
struct voice {
  uint32_t position, increment;
  int32_t level, low, band; // Q16, Q12 state of the filter
  uint16_t cutoff;
  uint8_t phase, note;
};
static int16_t wave[128];
static struct voice voices[VOICES];

static void make_wave(void) {
  for (int i = 0; i < 128; ++i) {
    int32_t t = i < 64 ? i : 128 - i; // a parabola for a sine
    int32_t x = (t - 32) * 32;
    int32_t curve = 16384 - x * x / 64;
    wave[i] = (int16_t)((i & 64 ? curve : -curve) / 2 + (i & 16 ? 3000 : -3000));
  }
}

static void envelope(struct voice *v) {
  switch (v->phase) {
  case ATTACK:
    v->level += 5000;
    if (v->level >= 65536) {
      v->level = 65536;
      v->phase = DECAY;
    }
    break;
  case DECAY:
    v->level -= (v->level - 40000) / 16 + 20;
    if (v->level <= 40100)
      v->phase = SUSTAIN;
    break;
  case RELEASE:
    v->level -= v->level / 12 + 15;
    if (v->level <= 0) {
      v->level = 0;
      v->phase = OFF;
    }
    break;
  default:
    break;
  }
}

static void render(struct voice *v, int32_t *mix) {
  for (int i = 0; i < BLOCK; ++i) {
    uint32_t index = v->position >> 25, fraction = v->position >> 17 & 255;
    int32_t a = wave[index], b = wave[(index + 1) & 127];
    int32_t sample = a + ((b - a) * (int32_t)fraction >> 8);
    v->position += v->increment;
    sample = (int32_t)((int64_t)sample * v->level >> 16);
    v->low += v->cutoff * v->band >> 12;
    int32_t high = sample - v->low - (v->band * 3 >> 2);
    v->band += v->cutoff * high >> 12;
    mix[i] += v->low;
  }
}

static void start(uint8_t note, uint16_t cutoff) {
  static const uint16_t scale[12] = {1000, 1059, 1122, 1189, 1260, 1335, 1414, 1498, 1587, 1682, 1782, 1888};
  struct voice *chosen = &voices[0];
  for (int i = 1; i < VOICES; ++i)
    if (voices[i].phase == OFF || (chosen->phase != OFF && voices[i].level < chosen->level))
      chosen = &voices[i];
  chosen->increment = ((uint32_t)scale[note % 12] << (note / 12)) * 3000u;
  chosen->cutoff = cutoff;
  chosen->phase = ATTACK;
  chosen->note = note;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  roi_begin();
  make_wave();
  for (int block = 0; block < BLOCKS; ++block) {
    int32_t mix[BLOCK] = {0};
    if (block % 7 == 0)
      start((uint8_t)(12 + kernel_random(&random) % 36), (uint16_t)(300 + (random >> 20 & 1023)));
    if (block % 5 == 4)
      voices[(random >> 8) % VOICES].phase = RELEASE;
    for (int i = 0; i < VOICES; ++i)
      if (voices[i].phase != OFF) {
        envelope(&voices[i]);
        render(&voices[i], mix);
      }
    for (int i = 0; i < BLOCK; ++i) {
      int32_t s = mix[i] / 2;
      s = s > 32767 ? 32767 : s < -32768 ? -32768 : s;
      sum = kernel_fold(sum, (uint16_t)s);
    }
  }
  roi_end();
  return kernel_finish("synth_voice", sum, 0xbe1abb66u);
}
