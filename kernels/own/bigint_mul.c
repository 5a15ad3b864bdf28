// Multi-word arithmetic: schoolbook products, reduction by a modulus of a special form, modular
// exponentiation.
#include "kernel.h"

#define WORDS 8

typedef struct {
  uint32_t w[WORDS];
} number;

/// The modulus is 2^256 - 2^32 - 977: 2^256 folds to 2^32 + 977.
static const uint32_t fold_low = 977;

static uint32_t add_words(uint32_t *out, const uint32_t *a, const uint32_t *b, int count) {
  uint64_t carry = 0;
  for (int i = 0; i < count; ++i) {
    carry += (uint64_t)a[i] + b[i];
    out[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return (uint32_t)carry;
}

static void multiply(uint32_t *out, const number *a, const number *b) {
  for (int i = 0; i < 2 * WORDS; ++i)
    out[i] = 0;
  for (int i = 0; i < WORDS; ++i) {
    uint64_t carry = 0;
    for (int k = 0; k < WORDS; ++k) {
      carry += (uint64_t)a->w[i] * b->w[k] + out[i + k];
      out[i + k] = (uint32_t)carry;
      carry >>= 32;
    }
    out[i + WORDS] = (uint32_t)carry;
  }
}

/// low + high * (2^32 + 977), repeated until nothing is left above.
static number reduce(const uint32_t *wide) {
  number r;
  uint64_t carry = 0;
  for (int i = 0; i < WORDS; ++i) {
    carry += (uint64_t)wide[i] + (uint64_t)wide[i + WORDS] * fold_low;
    carry += i ? wide[i + WORDS - 1] : 0;
    r.w[i] = (uint32_t)carry;
    carry >>= 32;
  }
  carry += wide[2 * WORDS - 1];
  while (carry) {
    uint64_t low = carry * fold_low;
    uint32_t extra[WORDS] = {(uint32_t)low};
    uint64_t second = (low >> 32) + carry;
    extra[1] = (uint32_t)second;
    extra[2] = (uint32_t)(second >> 32);
    carry = add_words(r.w, r.w, extra, WORDS);
  }
  return r;
}

static number multiply_mod(const number *a, const number *b) {
  uint32_t wide[2 * WORDS];
  multiply(wide, a, b);
  return reduce(wide);
}

static number power_mod(number base, const number *exponent, int bits) {
  number result = {{1}};
  for (int i = bits - 1; i >= 0; --i) {
    result = multiply_mod(&result, &result);
    if (exponent->w[i / 32] >> (i % 32) & 1)
      result = multiply_mod(&result, &base);
  }
  return result;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  number a, b, x, y;
  for (int i = 0; i < WORDS; ++i) {
    a.w[i] = kernel_random(&random);
    x.w[i] = kernel_random(&random);
    y.w[i] = kernel_random(&random);
  }
  roi_begin();
  // (a^x)^y and (a^y)^x must be the same.
  number first = power_mod(a, &x, 256), second = power_mod(a, &y, 256);
  b = power_mod(first, &y, 128);
  y.w[7] = y.w[6] = y.w[5] = y.w[4] = 0;
  number shorter = power_mod(a, &y, 128), c = power_mod(shorter, &x, 256);
  roi_end();
  uint32_t same = 1;
  for (int i = 0; i < WORDS; ++i) {
    same &= b.w[i] == c.w[i];
    sum = kernel_fold(kernel_fold(sum, b.w[i]), second.w[i]);
  }
  return kernel_finish("bigint_mul", kernel_fold(sum, same), 0x5aac0653u);
}
