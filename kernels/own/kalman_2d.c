// A Kalman filter for position and velocity on two axes, Q16 with 64-bit products and a gate for outliers.
#include "kernel.h"

#define STEPS 900

typedef int32_t q16;

struct track {
  q16 x, v;          // state
  q16 p00, p01, p11; // covariance
  uint32_t rejected;
};

static q16 mul(q16 a, q16 b) { return (q16)(((int64_t)a * b + 0x8000) >> 16); }
static q16 divide(q16 a, q16 b) { return (q16)(((int64_t)a * 65536) / b); }

static void predict(struct track *t, q16 dt) {
  t->x += mul(t->v, dt);
  q16 p01 = t->p01 + mul(dt, t->p11);
  t->p00 += mul(dt, t->p01 + p01) + 40;
  t->p01 = p01;
  t->p11 += 300;
}

static void update(struct track *t, q16 measured, q16 noise) {
  q16 innovation = measured - t->x;
  q16 s = t->p00 + noise;
  if (mul(innovation, innovation) > mul(9 << 16, s)) {
    ++t->rejected;
    t->p00 += 2000; // be more open to the next one
    return;
  }
  q16 k0 = divide(t->p00, s), k1 = divide(t->p01, s);
  t->x += mul(k0, innovation);
  t->v += mul(k1, innovation);
  t->p11 -= mul(k1, t->p01);
  t->p01 -= mul(k0, t->p01);
  t->p00 -= mul(k0, t->p00);
}

int main(void) {
  static struct track tracks[2] = {{0, 0, 1 << 16, 0, 1 << 16, 0}, {0, 0, 1 << 16, 0, 1 << 16, 0}};
  uint32_t random = kernel_seed(), sum = 0;
  q16 truth[2] = {0, 1 << 16}, velocity[2] = {3000, -2000};
  const q16 dt = 6554;
  roi_begin();
  for (int step = 0; step < STEPS; ++step)
    for (int axis = 0; axis < 2; ++axis) {
      uint32_t r = kernel_random(&random);
      velocity[axis] += (q16)(r & 255) - 128 - velocity[axis] / 256;
      truth[axis] += mul(velocity[axis], dt);
      q16 noise = (q16)(r >> 16 & 0x3fff) - 0x2000;
      q16 measured = truth[axis] + noise + ((r & 0xf00) == 0xf00 ? 5 << 16 : 0);
      predict(&tracks[axis], dt);
      update(&tracks[axis], measured, 1500);
      sum = kernel_fold(sum, (uint32_t)tracks[axis].x ^ (uint32_t)tracks[axis].p01);
    }
  roi_end();
  sum = kernel_fold(sum, tracks[0].rejected * 1000 + tracks[1].rejected);
  return kernel_finish("kalman_2d", sum, 0x811abd40u);
}
