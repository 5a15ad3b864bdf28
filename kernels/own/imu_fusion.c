// Attitude from gyroscope and accelerometer in soft float: a complementary filter on a quaternion.
#include "kernel.h"
#include <string.h>

#define SAMPLES 110

typedef struct {
  float w, x, y, z;
} quaternion;
typedef struct {
  float x, y, z;
} vector;

/// By two steps of Newton's method from an estimate in the exponent.
static float inverse_root(float v) {
  uint32_t bits;
  memcpy(&bits, &v, 4);
  bits = 0x5f375a86u - (bits >> 1);
  float r;
  memcpy(&r, &bits, 4);
  for (int i = 0; i < 3; ++i) {
    float half = 0.5f * v, square = r * r, product = half * square;
    r = r * (1.5f - product);
  }
  return r;
}

static quaternion normalise(quaternion q) {
  float ww = q.w * q.w, xx = q.x * q.x, yy = q.y * q.y, zz = q.z * q.z;
  float r = inverse_root(ww + xx + yy + zz);
  quaternion out = {q.w * r, q.x * r, q.y * r, q.z * r};
  return out;
}

static quaternion multiply(quaternion a, quaternion b) {
  quaternion q;
  float p0 = a.w * b.w, p1 = a.x * b.x, p2 = a.y * b.y, p3 = a.z * b.z;
  q.w = p0 - p1 - p2 - p3;
  p0 = a.w * b.x, p1 = a.x * b.w, p2 = a.y * b.z, p3 = a.z * b.y;
  q.x = p0 + p1 + p2 - p3;
  p0 = a.w * b.y, p1 = a.x * b.z, p2 = a.y * b.w, p3 = a.z * b.x;
  q.y = p0 - p1 + p2 + p3;
  p0 = a.w * b.z, p1 = a.x * b.y, p2 = a.y * b.x, p3 = a.z * b.w;
  q.z = p0 + p1 - p2 + p3;
  return q;
}

/// Where gravity points in the body's frame.
static vector gravity(quaternion q) {
  float a = q.x * q.z, b = q.w * q.y, c = q.w * q.x, d = q.y * q.z, e = q.x * q.x, f = q.y * q.y;
  vector g = {2.0f * (a - b), 2.0f * (c + d), 1.0f - 2.0f * (e + f)};
  return g;
}

static quaternion step(quaternion q, vector rate, vector accelerated, float dt) {
  float xx = accelerated.x * accelerated.x, yy = accelerated.y * accelerated.y,
        zz = accelerated.z * accelerated.z;
  float length = xx + yy + zz;
  if (length > 0.25f && length < 4.0f) {
    float r = inverse_root(length);
    vector up = gravity(q);
    float ax = accelerated.x * r, ay = accelerated.y * r, az = accelerated.z * r;
    float p = ay * up.z, s = az * up.y;
    rate.x = rate.x + 0.6f * (p - s);
    p = az * up.x, s = ax * up.z;
    rate.y = rate.y + 0.6f * (p - s);
    p = ax * up.y, s = ay * up.x;
    rate.z = rate.z + 0.6f * (p - s);
  }
  float half = 0.5f * dt;
  quaternion turn = {1.0f, rate.x * half, rate.y * half, rate.z * half};
  return normalise(multiply(q, turn));
}

static float noise(uint32_t *random, float scale) {
  return (float)((int32_t)(kernel_random(random) >> 16) - 32768) * scale;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  quaternion q = {1.0f, 0.0f, 0.0f, 0.0f};
  roi_begin();
  for (int i = 0; i < SAMPLES; ++i) {
    float sway = (float)((i * 37) % 64 - 32) * 0.03f;
    vector rate = {sway + noise(&random, 1e-6f), 0.4f - sway, noise(&random, 3e-6f)};
    vector accelerated = {noise(&random, 2e-6f), 0.2f * sway, 0.97f + noise(&random, 1e-6f)};
    q = step(q, rate, accelerated, 0.01f);
    uint32_t bits[4];
    memcpy(bits, &q, sizeof bits);
    sum = kernel_fold(kernel_fold(sum, bits[0] ^ bits[2]), bits[1] + bits[3]);
  }
  roi_end();
  return kernel_finish("imu_fusion", sum, 0xdc82f597u);
}
