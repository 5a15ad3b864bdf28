//===- sample.h - input and checksums for the kernels around libraries --------===//

#ifndef MLCOMP_SAMPLE_H
#define MLCOMP_SAMPLE_H

#include "kernel.h"
#include <stddef.h>

/// Random bytes.
static inline void sample_fill(void *out, size_t length, uint32_t *state) {
  uint8_t *bytes = out;
  for (size_t i = 0; i < length; i++)
    bytes[i] = (uint8_t)(kernel_random(state) >> 11);
}

/// Text of random words, some far more frequent than others, without a final 0.
static inline void sample_text(void *out, size_t length, uint32_t *state) {
  static const char words[16][10] = {"the",    "sensor", "reads",   "a",      "value",  "of",
                                     "volt",   "error",  "valve",   "opened", "closed", "motor",
                                     "status", "okay",   "battery", "low"};
  uint8_t *bytes = out;
  size_t at = 0;
  while (at < length) {
    uint32_t draw = kernel_random(state);
    const char *word = words[(draw & 15) & (draw >> 8 & 15)];
    while (*word && at < length)
      bytes[at++] = (uint8_t)*word++;
    if (at < length)
      bytes[at++] = (draw >> 16) % 9 ? ' ' : '\n';
    if ((draw >> 20) % 7 == 0 && at < length)
      bytes[at++] = (uint8_t)('0' + draw % 10);
  }
}

/// \p sum with bytes folded in.
static inline uint32_t sample_fold(uint32_t sum, const void *data, size_t length) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < length; i++)
    sum = kernel_fold(sum, bytes[i]);
  return sum;
}

#endif
