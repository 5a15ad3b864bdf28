// Sine, cosine, arc tangent and magnitude by CORDIC in Q28, with range reduction and a rotation of points.
#include "kernel.h"

#define STEPS 28
#define POINTS 330

static const int32_t arctangent[STEPS] = {
    210828714, 124459457, 65760959, 33381290, 16755422, 8385879, 4193963, 2097109, 1048571, 524287,
    262144,    131072,    65536,    32768,    16384,    8192,    4096,    2048,    1024,    512,
    256,       128,       64,       32,       16,       8,       4,       2};
static const int32_t half_pi = 421657428, gain = 163008219; // of all steps together

struct polar {
  int32_t angle, radius;
};

static void rotate(int32_t *x, int32_t *y, int32_t angle) {
  int32_t px = *x, py = *y;
  for (int i = 0; i < STEPS; ++i) {
    int32_t dx = px >> i, dy = py >> i;
    if (angle >= 0) {
      px -= dy;
      py += dx;
      angle -= arctangent[i];
    } else {
      px += dy;
      py -= dx;
      angle += arctangent[i];
    }
  }
  *x = px;
  *y = py;
}

static void sine_cosine(int32_t angle, int32_t *sine, int32_t *cosine) {
  int quadrant = 0;
  while (angle > half_pi / 2) {
    angle -= half_pi;
    ++quadrant;
  }
  while (angle < -half_pi / 2) {
    angle += half_pi;
    --quadrant;
  }
  int32_t x = gain, y = 0;
  rotate(&x, &y, angle);
  switch (quadrant & 3) {
  case 0:
    *cosine = x, *sine = y;
    break;
  case 1:
    *cosine = -y, *sine = x;
    break;
  case 2:
    *cosine = -x, *sine = -y;
    break;
  default:
    *cosine = y, *sine = -x;
  }
}

static struct polar to_polar(int32_t x, int32_t y) {
  struct polar p = {0, 0};
  if (x < 0) {
    p.angle = y >= 0 ? half_pi : -half_pi;
    int32_t t = x;
    x = y >= 0 ? y : -y;
    y = y >= 0 ? -t : t;
  }
  for (int i = 0; i < STEPS; ++i) {
    int32_t dx = x >> i, dy = y >> i;
    if (y > 0) {
      x += dy;
      y -= dx;
      p.angle += arctangent[i];
    } else {
      x -= dy;
      y += dx;
      p.angle -= arctangent[i];
    }
  }
  p.radius = (int32_t)((int64_t)x * gain >> 28);
  return p;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0, close = 0;
  roi_begin();
  for (int i = 0; i < POINTS; ++i) {
    int32_t angle = (int32_t)kernel_random(&random) >> 2;
    int32_t s, c;
    sine_cosine(angle, &s, &c);
    struct polar p = to_polar(c, s);
    int32_t error = p.radius - (1 << 28);
    close += error < 64 && error > -64;
    sum = kernel_fold(kernel_fold(sum, (uint32_t)s), (uint32_t)p.angle ^ (uint32_t)c);
  }
  roi_end();
  return kernel_finish("cordic", kernel_fold(sum, close), 0xa2f62dd8u);
}
