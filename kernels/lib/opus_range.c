//===- opus_range.c - the entropy coder of CELT, from Opus -----------------------===//
//
// Frames of Laplace-coded energies, pulse vectors, table-coded symbols, raw
// bits and integers are range coded and decoded; all must come back.
//
//===----------------------------------------------------------------------===//

#include "config.h"
#include "sample.h"

#include "cwrs.h"
#include "entdec.h"
#include "entenc.h"
#include "laplace.h"

#include "bare.h"

enum { FRAMES = 14, ROOM = 400, BANDS = 21, VECTORS = 10 };

static const unsigned char shape[] = {224, 160, 96, 48, 16, 4, 0};

struct frame {
  int energy[BANDS], pulses[VECTORS][16], size[VECTORS], count[VECTORS];
  int symbols[BANDS];
  uint32_t bits, number, range;
};

static struct frame frame;
static unsigned char packet[ROOM];

static void make_vector(int *y, int n, int k, uint32_t *state) {
  for (int i = 0; i < n; i++)
    y[i] = 0;
  for (int i = 0; i < k; i++)
    y[kernel_random(state) % (uint32_t)n]++;
  for (int i = 0; i < n; i++)
    if (kernel_random(state) & 1)
      y[i] = -y[i];
}

static void make_frame(struct frame *f, uint32_t *state) {
  for (int i = 0; i < BANDS; i++) {
    f->energy[i] = (int)(kernel_random(state) % 13) - 6;
    f->symbols[i] = (int)(kernel_random(state) % 7);
  }
  for (int i = 0; i < VECTORS; i++) {
    f->size[i] = 2 + (int)(kernel_random(state) % 14);
    f->count[i] = 1 + (int)(kernel_random(state) % 6);
    make_vector(f->pulses[i], f->size[i], f->count[i], state);
  }
  f->bits = kernel_random(state) & 0xffff;
  f->range = (kernel_random(state) >> 4) + 3;
  f->number = kernel_random(state) % f->range;
}

static uint32_t encode(struct frame *f) {
  ec_enc encoder;
  ec_enc_init(&encoder, packet, ROOM);
  ec_enc_uint(&encoder, f->number, f->range);
  for (int i = 0; i < BANDS; i++) {
    ec_laplace_encode(&encoder, &f->energy[i], 72u << 7, 127 << 6);
    ec_enc_icdf(&encoder, f->symbols[i], shape, 8);
    ec_enc_bit_logp(&encoder, f->symbols[i] == 3, 3);
  }
  for (int i = 0; i < VECTORS; i++)
    encode_pulses(f->pulses[i], f->size[i], f->count[i], &encoder);
  ec_enc_bits(&encoder, f->bits, 16);
  ec_enc_done(&encoder);
  return (uint32_t)encoder.error << 16 | (uint32_t)ec_tell((ec_ctx *)&encoder);
}

static uint32_t decode(const struct frame *f) {
  uint32_t wrong = 0;
  ec_dec decoder;
  ec_dec_init(&decoder, packet, ROOM);
  wrong += ec_dec_uint(&decoder, f->range) != f->number;
  for (int i = 0; i < BANDS; i++) {
    wrong += ec_laplace_decode(&decoder, 72u << 7, 127 << 6) != f->energy[i];
    wrong += ec_dec_icdf(&decoder, shape, 8) != f->symbols[i];
    wrong += ec_dec_bit_logp(&decoder, 3) != (f->symbols[i] == 3);
  }
  for (int i = 0; i < VECTORS; i++) {
    int y[16];
    decode_pulses(y, f->size[i], f->count[i], &decoder);
    for (int j = 0; j < f->size[i]; j++)
      wrong += y[j] != f->pulses[i][j];
  }
  return wrong + (ec_dec_bits(&decoder, 16) != f->bits);
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 31, failures = 0;

  roi_begin();
  for (int i = 0; i < FRAMES; i++) {
    make_frame(&frame, &state);
    sum = kernel_fold(sum, encode(&frame));
    failures += decode(&frame);
    sum = sample_fold(sum, packet, ROOM);
    state ^= sum & 0xffff;
    state |= !state;
  }
  roi_end();

  return kernel_finish("opus_range", kernel_fold(sum, failures), 0x0617a2c6u);
}
