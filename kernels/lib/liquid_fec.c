//===- liquid_fec.c - packets with Golay and Hamming codes, liquid-dsp -----------===//
//
// A packet gets a CRC, an error correcting code and an interleaver, loses some
// bits on the air and is restored.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include <string.h>

#include "liquid.h"

#define ARENA_BYTES 12288
#include "arena.h"
#include "bare.h"

enum { MESSAGE = 48, ROOM = 2 * MESSAGE + 16 };

static uint8_t message[MESSAGE + 4], coded[ROOM], air[ROOM], decoded[MESSAGE + 4];

static uint32_t transfer(fec_scheme scheme, uint32_t errors, uint32_t *state, uint32_t *sum) {
  uint32_t bad = 0;
  unsigned length = fec_get_enc_msg_length(scheme, MESSAGE + 4);
  if (length > ROOM)
    return 1;
  fec coder = fec_create(scheme, NULL);
  interleaver mixer = interleaver_create(length);
  unsigned check = crc_generate_key(LIQUID_CRC_32, message, MESSAGE);
  for (int i = 0; i < 4; i++)
    message[MESSAGE + i] = (uint8_t)(check >> (8 * i));
  fec_encode(coder, MESSAGE + 4, message, coded);
  interleaver_encode(mixer, coded, air);
  *sum = sample_fold(*sum, air, length);
  for (uint32_t i = 0; i < errors; i++)
    air[(kernel_random(state) % length + i) % length] ^= (uint8_t)(1 << (kernel_random(state) & 7));
  interleaver_decode(mixer, air, coded);
  fec_decode(coder, MESSAGE + 4, coded, decoded);
  for (uint32_t i = 0; i < MESSAGE + 4; i++)
    bad += decoded[i] != message[i];
  *sum = kernel_fold(*sum, crc_generate_key(LIQUID_CRC_32, decoded, MESSAGE));
  bad += errors && crc_generate_key(LIQUID_CRC_32, decoded, MESSAGE) != check;
  interleaver_destroy(mixer);
  fec_destroy(coder);
  return bad;
}

int main(void) {
  static const fec_scheme schemes[] = {LIQUID_FEC_GOLAY2412, LIQUID_FEC_HAMMING128, LIQUID_FEC_SECDED3932};
  uint32_t state = kernel_seed(), sum = 45, failures = 0;
  sample_fill(message, MESSAGE, &state);

  roi_begin();
  for (int i = 0; i < 9; i++) {
    failures += transfer(schemes[i % 3], 1, &state, &sum);
    memcpy(message, air, 24);
  }
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("liquid_fec", kernel_fold(sum, failures), 0xf49b2d8au);
}
