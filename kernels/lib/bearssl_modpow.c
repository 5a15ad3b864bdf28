//===- bearssl_modpow.c - big integers of RSA and Diffie-Hellman, BearSSL i31 -===//
//
// Diffie-Hellman in a group of an odd random modulus: both sides raise the
// generator and then each other's number to their secret exponents, and must
// meet. The second round does it again with BearSSL's 15-bit words.
//
//===----------------------------------------------------------------------===//

#include "inner.h"
#include "kernel.h"
#include <string.h>

enum { BYTES = 32, EXPONENT = 6, WORDS31 = BYTES * 8 / 31 + 3, WORDS15 = BYTES * 8 / 15 + 3 };

static uint8_t modulus[BYTES], generator[BYTES], secrets[2][EXPONENT], published[2][BYTES], shared[2][BYTES];

static void power31(uint8_t *out, const uint8_t *base, const uint8_t *exponent) {
  static uint32_t m[WORDS31], x[WORDS31], temporary[8 * WORDS31];
  br_i31_decode(m, modulus, BYTES);
  br_i31_decode_reduce(x, base, BYTES, m);
  br_i31_modpow_opt(x, exponent, EXPONENT, m, br_i31_ninv31(m[1]), temporary,
                    sizeof temporary / sizeof temporary[0]);
  br_i31_encode(out, BYTES, x);
}

static void power15(uint8_t *out, const uint8_t *base, const uint8_t *exponent) {
  static uint16_t m[WORDS15], x[WORDS15], temporary[8 * WORDS15];
  br_i15_decode(m, modulus, BYTES);
  br_i15_decode_reduce(x, base, BYTES, m);
  br_i15_modpow_opt(x, exponent, EXPONENT, m, br_i15_ninv15(m[1]), temporary,
                    sizeof temporary / sizeof temporary[0]);
  br_i15_encode(out, BYTES, x);
}

typedef void (*power_function)(uint8_t *out, const uint8_t *base, const uint8_t *exponent);

static uint32_t agree(power_function power) {
  for (int side = 0; side < 2; side++)
    power(published[side], generator, secrets[side]);
  for (int side = 0; side < 2; side++)
    power(shared[side], published[!side], secrets[side]);
  return memcmp(shared[0], shared[1], BYTES) != 0;
}

static uint32_t fold_bytes(uint32_t sum, const uint8_t *data, uint32_t length) {
  for (uint32_t i = 0; i < length; i++)
    sum = kernel_fold(sum, data[i]);
  return sum;
}

int main(void) {
  static const power_function powers[] = {power31, power15};
  uint32_t state = kernel_seed(), sum = 3, failures = 0;
  uint8_t *const parts[] = {modulus, generator, secrets[0], secrets[1]};
  for (int i = 0; i < 4; i++)
    for (uint32_t j = 0; j < (i < 2 ? BYTES : EXPONENT); j++)
      parts[i][j] = (uint8_t)kernel_random(&state);
  modulus[0] |= 0x80;
  modulus[BYTES - 1] |= 1;

  roi_begin();
  for (int i = 0; i < 2; i++) {
    failures += agree(powers[i]);
    sum = fold_bytes(sum, published[0], BYTES);
    sum = fold_bytes(sum, shared[1], BYTES);
    memcpy(generator, shared[0], BYTES);
  }
  roi_end();

  return kernel_finish("bearssl_modpow", kernel_fold(sum, failures), 0x32f081dau);
}
