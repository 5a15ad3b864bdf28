// Blocks of an image coded: integer DCT, quantisation, zigzag, run-length codes in a bit stream, and back.
#include "kernel.h"
#include <string.h>

#define BLOCKS 14

static const uint8_t zigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                   12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                   35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                   58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
static const int16_t basis[8][8] = {
    {91, 91, 91, 91, 91, 91, 91, 91},         {126, 106, 71, 25, -25, -71, -106, -126},
    {118, 49, -49, -118, -118, -49, 49, 118}, {106, -25, -126, -71, 71, 126, 25, -106},
    {91, -91, -91, 91, 91, -91, -91, 91},     {71, -126, 25, 106, -106, -25, 126, -71},
    {49, -118, 118, -49, -49, 118, -118, 49}, {25, -71, 106, -126, 126, -106, 71, -25}};

struct bits {
  uint8_t bytes[2048];
  uint32_t position;
};

static void put(struct bits *b, uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i, ++b->position)
    if (value >> i & 1)
      b->bytes[b->position >> 3] |= (uint8_t)(0x80 >> (b->position & 7));
}
static uint32_t get(struct bits *b, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i, ++b->position)
    value = value << 1 | (uint32_t)(b->bytes[b->position >> 3] >> (7 - (b->position & 7)) & 1);
  return value;
}
static void put_signed(struct bits *b, int value) {
  uint32_t code = value > 0 ? (uint32_t)value * 2 : (uint32_t)-value * 2 + 1;
  int length = 0;
  while (code >> length > 1)
    ++length;
  put(b, 0, length);
  put(b, code, length + 1);
}
static int get_signed(struct bits *b) {
  int length = 0;
  while (!get(b, 1))
    ++length;
  uint32_t code = 1u << length | get(b, length);
  return code & 1 ? -(int)(code >> 1) : (int)(code >> 1);
}

static void transform(const int16_t *in, int16_t *out, int inverse) {
  int32_t rows[64];
  for (int y = 0; y < 8; ++y)
    for (int u = 0; u < 8; ++u) {
      int32_t sum = 0;
      for (int x = 0; x < 8; ++x)
        sum += in[y * 8 + x] * (inverse ? basis[x][u] : basis[u][x]);
      rows[y * 8 + u] = (sum + 64) >> 7;
    }
  for (int u = 0; u < 8; ++u)
    for (int v = 0; v < 8; ++v) {
      int32_t sum = 0;
      for (int y = 0; y < 8; ++y)
        sum += rows[y * 8 + u] * (inverse ? basis[y][v] : basis[v][y]);
      out[v * 8 + u] = (int16_t)((sum + 256) >> 9);
    }
}

static void encode(struct bits *b, const int16_t *block, int quality) {
  int16_t coefficients[64];
  transform(block, coefficients, 0);
  int run = 0;
  for (int i = 0; i < 64; ++i) {
    int step = quality + i / 3, value = coefficients[zigzag[i]];
    value = value < 0 ? -((-value + step / 2) / step) : (value + step / 2) / step;
    if (!value) {
      ++run;
      continue;
    }
    put_signed(b, run + 1);
    put_signed(b, value > 0 ? value : value == 0 ? 1 : value);
    run = 0;
  }
  put_signed(b, -1);
}

static void decode(struct bits *b, int16_t *block, int quality) {
  int16_t coefficients[64];
  memset(coefficients, 0, sizeof coefficients);
  for (int i = 0, run; (run = get_signed(b)) > 0; ++i) {
    i += run - 1;
    coefficients[zigzag[i & 63]] = (int16_t)(get_signed(b) * (quality + i / 3));
  }
  transform(coefficients, block, 1);
}

int main(void) {
  static struct bits stream;
  static int16_t blocks[BLOCKS][64], decoded[BLOCKS][64];
  uint32_t random = kernel_seed(), sum = 0;
  int32_t error = 0;
  for (int k = 0; k < BLOCKS; ++k)
    for (int i = 0; i < 64; ++i)
      blocks[k][i] =
          (int16_t)(((i & 7) * (k - 6) * 3 + (i >> 3) * 9) % 128 + (int)(kernel_random(&random) & 15) - 60);
  roi_begin();
  for (int k = 0; k < BLOCKS; ++k)
    encode(&stream, blocks[k], 3 + k / 4);
  uint32_t length = stream.position;
  stream.position = 0;
  for (int k = 0; k < BLOCKS; ++k)
    decode(&stream, decoded[k], 3 + k / 4);
  roi_end();
  for (int k = 0; k < BLOCKS; ++k)
    for (int i = 0; i < 64; ++i) {
      int32_t d = decoded[k][i] - blocks[k][i];
      error += d < 0 ? -d : d;
      sum = kernel_fold(sum, (uint16_t)decoded[k][i]);
    }
  sum = kernel_fold(sum, (uint32_t)(stream.position == length) + (error < BLOCKS * 64 * 40));
  return kernel_finish("dct_quant", kernel_fold(sum, length), 0x5b4ac793u);
}
