//===- libfec_link.c - a space link: Reed-Solomon and Viterbi with libfec --------===//
//
// Telemetry gets Reed-Solomon parity and a convolutional code of rate 1/2,
// passes a noisy channel with soft symbols, and must come out right.
//
//===----------------------------------------------------------------------===//

#include "fec.h"
#include "sample.h"
#include <string.h>

#define ARENA_BYTES 24576
#include "arena.h"

enum {
  DATA = 40,
  PARITY = 16,
  CODE = DATA + PARITY,
  PAD = 255 - CODE,
  BITS = CODE * 8,
  TAIL = 6,
  FRAMES = 2
};

static uint8_t code[CODE], received[CODE], symbols[2 * (BITS + TAIL)];

static uint32_t parity_of(uint32_t x) {
  x ^= x >> 4;
  x ^= x >> 2;
  return (x ^ x >> 1) & 1;
}

static void convolve(const uint8_t *data) {
  uint32_t shift = 0;
  for (uint32_t i = 0; i < BITS + TAIL; i++) {
    uint32_t bit = i < BITS ? data[i / 8] >> (7 - i % 8) & 1 : 0;
    shift = shift << 1 | bit;
    symbols[2 * i] = (uint8_t)(255 * parity_of(shift & V27POLYA));
    symbols[2 * i + 1] = (uint8_t)(255 * parity_of(shift & V27POLYB));
  }
}

/// Soft noise everywhere, and a burst that the Viterbi decoder cannot repair.
static void disturb(uint32_t *state) {
  for (uint32_t i = 0; i < sizeof symbols; i++) {
    uint32_t noise = (kernel_random(state) & 63) + (kernel_random(state) & 63);
    symbols[i] = symbols[i] ? (uint8_t)(255 - noise) : (uint8_t)noise;
  }
  uint32_t burst = kernel_random(state) % (sizeof symbols - 40);
  for (uint32_t i = burst; i < burst + 36; i++)
    symbols[i] = (uint8_t)(255 - symbols[i]);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 43, failures = 0;
  void *rs = init_rs_char(8, 0x187, 112, 11, PARITY, PAD);
  void *viterbi = create_viterbi27_port(BITS);
  failures += !rs || !viterbi;

  roi_begin();
  for (int i = 0; i < FRAMES; i++) {
    sample_text(code, DATA, &state);
    encode_rs_char(rs, code, code + DATA);
    convolve(code);
    disturb(&state);
    init_viterbi27_port(viterbi, 0);
    update_viterbi27_blk_port(viterbi, symbols, BITS + TAIL);
    chainback_viterbi27_port(viterbi, received, BITS, 0);
    uint32_t wrong = 0;
    for (int j = 0; j < CODE; j++)
      wrong += received[j] != code[j];
    int repaired = decode_rs_char(rs, received, NULL, 0);
    failures += repaired != (int)wrong || memcmp(code, received, CODE) != 0;
    sum = sample_fold(kernel_fold(sum, (uint32_t)repaired), received, CODE);
    state ^= sum & 0xff;
    state |= !state;
  }
  roi_end();

  free_rs_char(rs);
  delete_viterbi27_port(viterbi);
  failures += !arena_is_whole();
  return kernel_finish("libfec_link", kernel_fold(sum, failures), 0x27cc317du);
}
