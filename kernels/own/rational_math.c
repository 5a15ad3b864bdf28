// Fractions: greatest common divisors, sums kept in lowest terms, continued fractions and best
// approximations.
#include "kernel.h"

typedef struct {
  int32_t top, bottom;
} fraction;

static uint32_t gcd(uint32_t a, uint32_t b) {
  while (b) {
    uint32_t t = a % b;
    a = b;
    b = t;
  }
  return a;
}

static uint32_t gcd_binary(uint32_t a, uint32_t b) {
  if (!a || !b)
    return a | b;
  unsigned shift = 0;
  while (!((a | b) & 1)) {
    a >>= 1;
    b >>= 1;
    ++shift;
  }
  while (!(a & 1))
    a >>= 1;
  while (b) {
    while (!(b & 1))
      b >>= 1;
    if (a > b) {
      uint32_t t = a;
      a = b;
      b = t;
    }
    b -= a;
  }
  return a << shift;
}

static fraction reduce(int64_t top, int64_t bottom) {
  int negative = (top < 0) != (bottom < 0);
  uint64_t t = (uint64_t)(top < 0 ? -top : top), b = (uint64_t)(bottom < 0 ? -bottom : bottom);
  while ((t | b) >> 31) { // give up accuracy, not range
    t >>= 1;
    b >>= 1;
  }
  if (!b)
    b = 1;
  uint32_t g = gcd_binary((uint32_t)t, (uint32_t)b);
  g = g ? g : 1;
  fraction f = {(int32_t)((uint32_t)t / g), (int32_t)((uint32_t)b / g)};
  f.top = negative ? -f.top : f.top;
  return f;
}

static fraction add(fraction a, fraction b) {
  return reduce((int64_t)a.top * b.bottom + (int64_t)b.top * a.bottom, (int64_t)a.bottom * b.bottom);
}
static fraction multiply(fraction a, fraction b) {
  uint32_t g = gcd((uint32_t)(a.top < 0 ? -a.top : a.top), (uint32_t)b.bottom);
  g = g ? g : 1;
  return reduce((int64_t)(a.top / (int32_t)g) * b.top, (int64_t)a.bottom * (b.bottom / (int32_t)g));
}

/// The best approximation whose denominator is at most `limit`.
static fraction approximate(uint32_t top, uint32_t bottom, uint32_t limit) {
  uint32_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
  while (bottom) {
    uint32_t digit = top / bottom, rest = top % bottom;
    uint64_t q2 = (uint64_t)digit * q1 + q0, p2 = (uint64_t)digit * p1 + p0;
    if (q2 > limit || p2 > INT32_MAX)
      break;
    p0 = p1, q0 = q1;
    p1 = (uint32_t)p2, q1 = (uint32_t)q2;
    top = bottom;
    bottom = rest;
  }
  fraction f = {(int32_t)p1, (int32_t)(q1 ? q1 : 1)};
  return f;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0, agree = 1;
  fraction total = {0, 1};
  roi_begin();
  for (int i = 0; i < 360; ++i) {
    uint32_t a = kernel_random(&random) >> 4, b = (kernel_random(&random) >> 8) + 1;
    agree &= gcd(a, b) == gcd_binary(a, b);
    fraction f = approximate(a, b, 500 + (uint32_t)i);
    total = multiply(add(total, f), (fraction){(i & 3) + 1, 5});
    sum = kernel_fold(kernel_fold(sum, (uint32_t)f.top), (uint32_t)f.bottom ^ (uint32_t)total.top);
  }
  roi_end();
  return kernel_finish("rational_math", kernel_fold(sum, agree), 0x6bd666e4u);
}
