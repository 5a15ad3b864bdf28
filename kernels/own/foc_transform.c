// Field-oriented control: Clarke and Park transforms, current regulators, space-vector modulation, Q15.
#include "kernel.h"

#define STEPS 2400

typedef struct {
  int32_t integral;
  int16_t kp, ki, limit;
} regulator;

static const int16_t quarter[65] = {
    0,     804,   1608,  2411,  3212,  4011,  4808,  5602,  6393,  7180,  7962,  8740,  9512,
    10279, 11039, 11793, 12540, 13279, 14010, 14733, 15447, 16151, 16846, 17531, 18205, 18868,
    19520, 20160, 20788, 21403, 22006, 22595, 23170, 23732, 24279, 24812, 25330, 25833, 26320,
    26791, 27246, 27684, 28106, 28511, 28899, 29269, 29622, 29957, 30274, 30572, 30853, 31114,
    31357, 31581, 31786, 31972, 32138, 32286, 32413, 32522, 32610, 32679, 32729, 32758, 32767};

/// Of an angle of 16 bits, linear between the entries of a quarter wave.
static int16_t sine(uint16_t angle) {
  uint16_t in_quarter = angle & 0x3fff;
  if (angle & 0x4000)
    in_quarter = 0x4000 - in_quarter;
  int index = in_quarter >> 8, fraction = in_quarter & 255;
  int32_t value = quarter[index];
  if (index < 64)
    value += (quarter[index + 1] - value) * fraction >> 8;
  return (int16_t)(angle & 0x8000 ? -value : value);
}

static int16_t limit(int32_t v, int16_t bound) {
  return (int16_t)(v > bound ? bound : v < -bound ? -bound : v);
}

static int16_t regulate(regulator *r, int32_t error) {
  r->integral += error * r->ki;
  int32_t bound = r->limit * 32768;
  r->integral = r->integral > bound ? bound : r->integral < -bound ? -bound : r->integral;
  return limit((error * r->kp + r->integral) >> 15, r->limit);
}

static void modulate(int32_t alpha, int32_t beta, int16_t duty[3]) {
  int32_t b = (int32_t)((int64_t)beta * 28378 >> 15); // sqrt(3)/2
  int32_t u = alpha, v = -alpha / 2 + b, w = -alpha / 2 - b;
  int32_t high = u > v ? u : v, low = u < v ? u : v;
  high = w > high ? w : high;
  low = w < low ? w : low;
  int32_t middle = (high + low) / 2;
  duty[0] = limit(16384 + (u - middle) / 2, 32767);
  duty[1] = limit(16384 + (v - middle) / 2, 32767);
  duty[2] = limit(16384 + (w - middle) / 2, 32767);
}

int main(void) {
  static regulator d = {0, 9000, 300, 20000}, q = {0, 9000, 300, 26000};
  uint32_t random = kernel_seed(), sum = 0;
  int32_t current_a = 0, current_b = 0, speed = 90;
  uint16_t angle = 0;
  int16_t duty[3] = {16384, 16384, 16384};
  roi_begin();
  for (int step = 0; step < STEPS; ++step) {
    // A crude motor: currents follow the voltages behind a time constant.
    int32_t va = (2 * duty[0] - duty[1] - duty[2]) / 3,
            vb = (int32_t)((int64_t)(duty[1] - duty[2]) * 18919 >> 15);
    current_a += (va - current_a) / 16 + (int32_t)(kernel_random(&random) & 15) - 8;
    current_b += (vb - current_b) / 16;
    angle = (uint16_t)(angle + speed);
    speed += (step & 127) == 0 ? (int32_t)(random >> 28) - 5 : 0;
    int16_t s = sine(angle), c = sine((uint16_t)(angle + 0x4000));
    int32_t id = (current_a * c + current_b * s) >> 15, iq = (current_b * c - current_a * s) >> 15;
    int16_t target = step % 800 < 400 ? 6000 : -3000;
    int16_t vd = regulate(&d, -id), vq = regulate(&q, target - iq);
    modulate((vd * c - vq * s) >> 15, (vd * s + vq * c) >> 15, duty);
    if (step % 5 == 0)
      sum =
          kernel_fold(kernel_fold(sum, (uint16_t)duty[0] | (uint32_t)(uint16_t)duty[1] << 16), (uint32_t)iq);
  }
  roi_end();
  return kernel_finish("foc_transform", sum, 0x8d16f325u);
}
