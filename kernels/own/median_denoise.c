// Salt-and-pepper noise removed by an adaptive median: a sorting network of nine, a histogram for larger
// windows.
#include "kernel.h"

#define W 40
#define H 30

static uint8_t in[H][W], out[H][W];

static void order(uint8_t *a, uint8_t *b) {
  if (*a > *b) {
    uint8_t t = *a;
    *a = *b;
    *b = t;
  }
}

static uint8_t median9(uint8_t *p) {
  static const uint8_t pairs[19][2] = {{1, 2}, {4, 5}, {7, 8}, {0, 1}, {3, 4}, {6, 7}, {1, 2},
                                       {4, 5}, {7, 8}, {0, 3}, {5, 8}, {4, 7}, {3, 6}, {1, 4},
                                       {2, 5}, {4, 7}, {4, 2}, {6, 4}, {4, 2}};
  for (int i = 0; i < 19; ++i)
    order(&p[pairs[i][0]], &p[pairs[i][1]]);
  return p[4];
}

static uint8_t median_wide(int y, int x, int radius) {
  uint8_t histogram[64] = {0};
  int count = 0;
  for (int dy = -radius; dy <= radius; ++dy)
    for (int dx = -radius; dx <= radius; ++dx) {
      int yy = y + dy, xx = x + dx;
      if (yy >= 0 && yy < H && xx >= 0 && xx < W) {
        ++histogram[in[yy][xx] >> 2];
        ++count;
      }
    }
  int seen = 0, level = 0;
  for (; level < 63; ++level) {
    seen += histogram[level];
    if (2 * seen > count)
      break;
  }
  return (uint8_t)(level << 2 | 2);
}

static uint8_t filter(int y, int x) {
  uint8_t window[9];
  for (int k = 0; k < 9; ++k)
    window[k] = in[y + k / 3 - 1][x + k % 3 - 1];
  uint8_t centre = in[y][x];
  if (centre > 8 && centre < 247)
    return centre;
  uint8_t m = median9(window);
  return m > 8 && m < 247 ? m : median_wide(y, x, 2);
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  int32_t error = 0;
  for (int y = 0; y < H; ++y)
    for (int x = 0; x < W; ++x) {
      uint32_t r = kernel_random(&random);
      in[y][x] = (uint8_t)(r % 5 == 0 ? (r & 64 ? 255 : 0) : 60 + 2 * x + y + (r >> 28));
      out[y][x] = in[y][x];
    }
  roi_begin();
  for (int y = 1; y < H - 1; ++y)
    for (int x = 1; x < W - 1; ++x)
      out[y][x] = filter(y, x);
  roi_end();
  for (int y = 1; y < H - 1; ++y)
    for (int x = 1; x < W - 1; ++x) {
      int32_t d = out[y][x] - (68 + 2 * x + y);
      error += d < 0 ? -d : d;
      sum = kernel_fold(sum, out[y][x]);
    }
  return kernel_finish("median_denoise", kernel_fold(sum, error < H * W * 12), 0x501dd94cu);
}
