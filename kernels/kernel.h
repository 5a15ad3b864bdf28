//===- kernel.h - what a runnable kernel includes ---------------------------===//
//
// A kernel is one C program that prepares its input from a seed that the
// compiler cannot see, works between roi_begin() and roi_end(), folds all that
// it computed into a checksum, and ends with `return kernel_finish(...)`. The
// same source gives the same checksum on every platform and at every level.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_KERNEL_H
#define MLCOMP_KERNEL_H

#include <stdint.h>
#include <stdio.h>

// Products and sums round one by one on every platform.
#pragma STDC FP_CONTRACT OFF

/// The borders of the region of interest. Platforms define them; elsewhere
/// they do nothing.
__attribute__((weak, noinline)) void roi_begin(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((weak, noinline)) void roi_end(void) { __asm__ volatile("" ::: "memory"); }

/// The seed of the input, read at run time.
static inline uint32_t kernel_seed(void) {
  static volatile uint32_t seed = 0x2545f491u;
  return seed;
}

/// The next of a sequence of well mixed 32-bit numbers; \p state must not be 0.
static inline uint32_t kernel_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  *state = x;
  return x;
}

/// \p sum with \p value folded in.
static inline uint32_t kernel_fold(uint32_t sum, uint32_t value) {
  sum = (sum ^ value) * 0x01000193u;
  return sum ^ (sum >> 15);
}

/// Prints the checksum and says whether it is the one expected: the exit code.
static inline int kernel_finish(const char *name, uint32_t sum, uint32_t expected) {
  printf("%s %08lx %s\n", name, (unsigned long)sum, sum == expected ? "ok" : "WRONG");
  return sum != expected;
}

#endif
