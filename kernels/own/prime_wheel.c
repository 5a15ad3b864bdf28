// Primes with a segmented sieve on a wheel of 30, bits packed, then factors of random numbers.
#include "kernel.h"
#include <string.h>

#define LIMIT 46341u
#define SEGMENT 512 // bytes; each stands for 30 numbers

static const uint8_t residues[8] = {1, 7, 11, 13, 17, 19, 23, 29};
static uint8_t bit_of[30];
static uint16_t small[64];
static int small_count;
static uint16_t primes[5000];
static int prime_count;

static void prepare(void) {
  memset(bit_of, 0xff, sizeof bit_of);
  for (uint8_t i = 0; i < 8; ++i)
    bit_of[residues[i]] = i;
  for (uint16_t n = 7; n < 220; ++n) {
    int prime = n % 2 && n % 3 && n % 5;
    for (uint16_t d = 7; prime && d * d <= n; d += 2)
      prime = n % d != 0;
    if (prime)
      small[small_count++] = n;
  }
}

static void sieve_segment(uint8_t *bits, uint32_t base) {
  memset(bits, 0, SEGMENT);
  uint32_t end = base + SEGMENT * 30;
  for (int i = 0; i < small_count; ++i) {
    uint32_t p = small[i], multiple = p * p;
    if (multiple >= end)
      break;
    if (multiple < base) {
      multiple = (base + p - 1) / p * p;
      if (multiple % 2 == 0)
        multiple += p;
    }
    for (; multiple < end; multiple += 2 * p) {
      uint32_t offset = multiple - base;
      uint8_t bit = bit_of[offset % 30];
      if (bit < 8)
        bits[offset / 30] |= (uint8_t)(1u << bit);
    }
  }
}

static void collect(const uint8_t *bits, uint32_t base) {
  for (uint32_t byte = 0; byte < SEGMENT; ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      uint32_t n = base + byte * 30 + residues[bit];
      if (!(bits[byte] >> bit & 1) && n > 1 && n < LIMIT && prime_count < 5000)
        primes[prime_count++] = (uint16_t)n;
    }
}

static uint32_t factor(uint32_t n) {
  uint32_t sum = 0;
  for (int i = 0; i < prime_count && (uint32_t)primes[i] * primes[i] <= n; ++i)
    while (n % primes[i] == 0) {
      n /= primes[i];
      sum = kernel_fold(sum, primes[i]);
    }
  return kernel_fold(sum, n);
}

int main(void) {
  static uint8_t bits[SEGMENT];
  uint32_t random = kernel_seed(), sum = 0;
  primes[prime_count++] = 2;
  primes[prime_count++] = 3;
  primes[prime_count++] = 5;
  roi_begin();
  prepare();
  for (uint32_t base = 0; base < LIMIT; base += SEGMENT * 30) {
    sieve_segment(bits, base);
    collect(bits, base);
  }
  for (int i = 0; i < 12; ++i)
    sum = kernel_fold(sum, factor(kernel_random(&random) >> 9 | 1));
  roi_end();
  return kernel_finish("prime_wheel", kernel_fold(sum, (uint32_t)prime_count), 0x1994e75fu);
}
