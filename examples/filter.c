/*
 * Vibration monitoring in fixed point: samples of an accelerometer go through a cascade of biquads and a decimating FIR
 * filter; per block of the result the level is measured and two tones are looked for (Goertzel).
 *
 * The input is one sample (16 bits, decimal) per line. Values are Q15 where nothing else is said.
 */
#include "board/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { SECTIONS = 3, TAPS = 16, DECIMATION = 4, BLOCK = 32, TONES = 2, COEFFICIENT_BITS = 14 };

/* Direct form I: its states are samples, so they cannot overflow; their weighted sum takes 33 bits. */
struct biquad {
  int16_t b[3], a[2]; /* Q14 */
};

struct biquad_state {
  int16_t x[2], y[2];
  int32_t rest; /* what rounding left, fed back as first-order noise shaping */
};

struct decimator {
  int16_t history[TAPS];
  uint8_t next, phase;
};

struct goertzel {
  int16_t coefficient; /* 2 cos(w), Q14 */
  int32_t s1, s2;
};

struct monitor {
  struct biquad_state sections[SECTIONS];
  struct decimator decimator;
  struct goertzel tones[TONES];
  int16_t block[BLOCK];
  uint8_t filled;
  int32_t level; /* smoothed, Q15 */
  bool alarm;
};

/* A high pass against drift, then a low pass of fourth order. */
static const struct biquad sections[SECTIONS] = {
    {{15836, -31672, 15836}, {-31654, 15306}},
    {{1106, 2212, 1106}, {-19334, 7374}},
    {{1276, 2552, 1276}, {-22316, 11036}},
};

/* Symmetric low pass, cut off at an eighth of the sample rate. */
static const int16_t taps[TAPS / 2] = {-97, -183, -116, 474, 1846, 3839, 5831, 7087};

static const int16_t tone_coefficients[TONES] = {30274, 12540};

static int16_t saturate(int32_t value) {
  if (value > INT16_MAX)
    return INT16_MAX;
  if (value < INT16_MIN)
    return INT16_MIN;
  return (int16_t)value;
}

static int16_t run_section(const struct biquad *c, struct biquad_state *s, int16_t x) {
  int64_t sum = s->rest;
  sum += c->b[0] * x; /* each product fits 32 bits, their sum need not */
  sum += c->b[1] * s->x[0];
  sum += c->b[2] * s->x[1];
  sum -= c->a[0] * s->y[0];
  sum -= c->a[1] * s->y[1];
  int16_t y = saturate((int32_t)(sum >> COEFFICIENT_BITS));
  s->rest = (int32_t)(sum & ((1 << COEFFICIENT_BITS) - 1));
  s->x[1] = s->x[0];
  s->x[0] = x;
  s->y[1] = s->y[0];
  s->y[0] = y;
  return y;
}

/* Takes one sample; every fourth time there is one in *out. */
static bool decimate(struct decimator *d, int16_t x, int16_t *out) {
  d->history[d->next] = x;
  d->next = (uint8_t)((d->next + 1) % TAPS);
  d->phase = (uint8_t)((d->phase + 1) % DECIMATION);
  if (d->phase != 0)
    return false;
  int32_t sum = 1 << 14;
  for (size_t i = 0; i < TAPS / 2; i++) {
    size_t oldest = (d->next + i) % TAPS, newest = (d->next + TAPS - 1 - i) % TAPS;
    sum += taps[i] * ((d->history[oldest] + d->history[newest]) / 2);
  }
  *out = saturate(sum >> 14);
  return true;
}

static uint32_t square_root(uint32_t value) {
  uint32_t root = 0;
  for (uint32_t bit = 1u << 30; bit; bit >>= 2) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return root;
}

static uint32_t root_mean_square(const int16_t *block, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i++)
    sum += (uint32_t)(block[i] * block[i]) / (uint32_t)length;
  return square_root(sum);
}

static int16_t largest(const int16_t *block, size_t length) {
  int16_t peak = 0;
  for (size_t i = 0; i < length; i++) {
    int16_t value = block[i] < 0 ? saturate(-block[i]) : block[i];
    if (value > peak)
      peak = value;
  }
  return peak;
}

static void goertzel_step(struct goertzel *tone, int16_t x) {
  int32_t s0 = x / 16 + (int32_t)(((int64_t)tone->coefficient * tone->s1) >> COEFFICIENT_BITS) - tone->s2;
  tone->s2 = tone->s1;
  tone->s1 = s0;
}

/* The amplitude's square; the state is cleared for the next block. */
static uint32_t goertzel_power(struct goertzel *tone) {
  int32_t s1 = tone->s1 / 8, s2 = tone->s2 / 8;
  int32_t cross = (int32_t)(((int64_t)tone->coefficient * s1) >> COEFFICIENT_BITS);
  int32_t power = s1 * s1 + s2 * s2 - cross * s2;
  tone->s1 = tone->s2 = 0;
  return power < 0 ? 0 : (uint32_t)power;
}

/* Attack is quick, release slow; the alarm has hysteresis. */
static void follow(struct monitor *m, int32_t rms) {
  int32_t difference = rms - m->level;
  m->level += difference > 0 ? difference / 2 : difference / 8;
  if (m->level > 6000)
    m->alarm = true;
  else if (m->level < 3000)
    m->alarm = false;
}

static void report(struct monitor *m) {
  uint32_t rms = root_mean_square(m->block, BLOCK);
  follow(m, (int32_t)rms);
  board_print("rms ");
  board_print_decimal((int32_t)rms);
  board_print(" peak ");
  board_print_decimal(largest(m->block, BLOCK));
  board_print(" tones");
  for (int i = 0; i < TONES; i++) {
    board_send(' ');
    board_print_decimal((int32_t)square_root(goertzel_power(&m->tones[i])));
  }
  board_print(m->alarm ? " ALARM\n" : "\n");
}

static void feed(struct monitor *m, int16_t sample) {
  int16_t value = sample;
  for (int i = 0; i < SECTIONS; i++)
    value = run_section(&sections[i], &m->sections[i], value);
  if (!decimate(&m->decimator, value, &value))
    return;
  for (int i = 0; i < TONES; i++)
    goertzel_step(&m->tones[i], value);
  m->block[m->filled++] = value;
  if (m->filled == BLOCK) {
    report(m);
    m->filled = 0;
  }
}

/* Reads the next decimal number; false at the end of the input. */
static bool read_sample(int16_t *sample) {
  int32_t value = 0;
  bool negative = false, any = false;
  int byte;
  while ((byte = board_receive()) >= 0) {
    if (byte == '-') {
      negative = true;
    } else if (byte >= '0' && byte <= '9') {
      if (value < 100000)
        value = 10 * value + (byte - '0');
      any = true;
    } else if (any) {
      break;
    }
  }
  *sample = saturate(negative ? -value : value);
  return any;
}

int main(void) {
  static struct monitor monitor;
  int16_t sample;
  for (int i = 0; i < TONES; i++)
    monitor.tones[i].coefficient = tone_coefficients[i];
  while (read_sample(&sample))
    feed(&monitor, sample);
  return 0;
}
