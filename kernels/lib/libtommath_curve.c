//===- libtommath_curve.c - number theory with LibTomMath ------------------------===//
//
// Points of an elliptic curve over a 61-bit prime field are added and doubled
// with big integers, square roots and inverses are taken modulo the prime, and
// numbers are printed and read in radix 10.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "tommath.h"
#include <string.h>

#define ARENA_BYTES 16384
#include "arena.h"

enum { ROUNDS = 5 };

static mp_int prime, t1, t2, t3, slope;

static int random_number(mp_int *out, uint32_t *state) {
  uint8_t bytes[7];
  sample_fill(bytes, sizeof bytes, state);
  return mp_from_ubin(out, bytes, sizeof bytes);
}

/// (x3, y3) = (x1, y1) + (x2, y2) on y^2 = x^3 + ax + b; equal points double.
static int add_points(const mp_int *a, const mp_int *x1, const mp_int *y1, const mp_int *x2, const mp_int *y2,
                      mp_int *x3, mp_int *y3) {
  int bad = MP_OKAY;
  if (mp_cmp(x1, x2) == MP_EQ) {
    bad |= mp_sqrmod(x1, &prime, &t1);
    bad |= mp_mul_d(&t1, 3, &t1);
    bad |= mp_addmod(&t1, a, &prime, &t1);
    bad |= mp_mul_2(y1, &t2);
  } else {
    bad |= mp_submod(y2, y1, &prime, &t1);
    bad |= mp_submod(x2, x1, &prime, &t2);
  }
  bad |= mp_invmod(&t2, &prime, &t3);
  bad |= mp_mulmod(&t1, &t3, &prime, &slope);
  bad |= mp_sqrmod(&slope, &prime, &t1);
  bad |= mp_submod(&t1, x1, &prime, &t1);
  bad |= mp_submod(&t1, x2, &prime, &t3);
  bad |= mp_submod(x1, &t3, &prime, &t1);
  bad |= mp_mulmod(&slope, &t1, &prime, &t2);
  bad |= mp_submod(&t2, y1, &prime, y3);
  return bad | mp_copy(&t3, x3);
}

static uint32_t fold(uint32_t sum, const mp_int *x, uint32_t *failures) {
  char text[40];
  mp_int again;
  size_t written = 0;
  *failures += mp_init(&again) != MP_OKAY || mp_to_radix(x, text, sizeof text, &written, 10) != MP_OKAY;
  *failures += mp_read_radix(&again, text, 10) != MP_OKAY || mp_cmp(x, &again) != MP_EQ;
  mp_clear(&again);
  return sample_fold(sum, text, strlen(text));
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 40, failures = 0;
  mp_int a, b, x1, y1, x2, y2;
  int bad = MP_OKAY;

  roi_begin();
  failures += mp_init_multi(&prime, &t1, &t2, &t3, &slope, &a, &b, &x1, &y1, &x2, &y2, NULL) != MP_OKAY;
  bad |= mp_2expt(&prime, 61);
  bad |= mp_decr(&prime);
  failures += random_number(&a, &state) | random_number(&x1, &state) | random_number(&y1, &state);
  // b makes the first point lie on the curve.
  bad |= mp_sqr(&y1, &b);
  bad |= mp_sqr(&x1, &t1);
  bad |= mp_add(&t1, &a, &t1);
  bad |= mp_mulmod(&t1, &x1, &prime, &t1);
  bad |= mp_submod(&b, &t1, &prime, &b);
  bad |= mp_copy(&x1, &x2);
  bad |= mp_copy(&y1, &y2);
  for (int i = 0; i < ROUNDS; i++) {
    failures += add_points(&a, &x1, &y1, &x2, &y2, &x2, &y2) != MP_OKAY;
    bad |= mp_sqrmod(&x2, &prime, &t1);
    bad |= mp_add(&t1, &a, &t1);
    bad |= mp_mulmod(&t1, &x2, &prime, &t1);
    bad |= mp_addmod(&t1, &b, &prime, &t1);
    bad |= mp_sqrmod(&y2, &prime, &t2);
    failures += mp_cmp(&t1, &t2) != MP_EQ;
    failures += mp_sqrtmod_prime(&t1, &prime, &t3) != MP_OKAY;
    bad |= mp_sub(&prime, &t3, &slope);
    failures += mp_cmp(&t3, &y2) != MP_EQ && mp_cmp(&slope, &y2) != MP_EQ;
    sum = fold(fold(sum, &x2, &failures), &y2, &failures);
  }
  mp_clear_multi(&prime, &t1, &t2, &t3, &slope, &a, &b, &x1, &y1, &x2, &y2, NULL);
  roi_end();

  failures += bad != MP_OKAY || !arena_is_whole();
  return kernel_finish("libtommath_curve", kernel_fold(sum, failures), 0xb19b65e6u);
}
