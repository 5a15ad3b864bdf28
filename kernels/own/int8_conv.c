// A quantised convolution layer: int8, per-channel requantisation with rounding, padding, then 2x2 pooling.
#include "kernel.h"

#define H 12
#define W 12
#define C_IN 4
#define C_OUT 8

struct layer {
  int8_t weights[C_OUT][3][3][C_IN];
  int32_t bias[C_OUT], multiplier[C_OUT];
  int8_t shift[C_OUT], zero_in, zero_out;
};

static int8_t requantise(const struct layer *l, int32_t sum, int channel) {
  int64_t product = (int64_t)sum * l->multiplier[channel];
  int total = 31 + l->shift[channel];
  int32_t value = (int32_t)((product + (1LL << (total - 1))) >> total) + l->zero_out;
  return (int8_t)(value > 127 ? 127 : value < l->zero_out ? l->zero_out : value); // with ReLU
}

static void convolve(const struct layer *l, const int8_t in[H][W][C_IN], int8_t out[H][W][C_OUT]) {
  for (int y = 0; y < H; ++y)
    for (int x = 0; x < W; ++x)
      for (int o = 0; o < C_OUT; ++o) {
        int32_t sum = l->bias[o];
        for (int ky = 0; ky < 3; ++ky) {
          int yy = y + ky - 1;
          if (yy < 0 || yy >= H)
            continue;
          for (int kx = 0; kx < 3; ++kx) {
            int xx = x + kx - 1;
            if (xx < 0 || xx >= W)
              continue;
            const int8_t *pixel = in[yy][xx], *weight = l->weights[o][ky][kx];
            for (int i = 0; i < C_IN; ++i)
              sum += (pixel[i] - l->zero_in) * weight[i];
          }
        }
        out[y][x][o] = requantise(l, sum, o);
      }
}

static void pool(const int8_t in[H][W][C_OUT], int8_t out[H / 2][W / 2][C_OUT]) {
  for (int y = 0; y < H / 2; ++y)
    for (int x = 0; x < W / 2; ++x)
      for (int o = 0; o < C_OUT; ++o) {
        int8_t a = in[2 * y][2 * x][o], b = in[2 * y][2 * x + 1][o];
        int8_t c = in[2 * y + 1][2 * x][o], d = in[2 * y + 1][2 * x + 1][o];
        a = a > b ? a : b;
        c = c > d ? c : d;
        out[y][x][o] = a > c ? a : c;
      }
}

int main(void) {
  static struct layer layer;
  static int8_t in[H][W][C_IN], features[H][W][C_OUT], pooled[H / 2][W / 2][C_OUT];
  uint32_t random = kernel_seed(), sum = 0;
  int8_t *weights = &layer.weights[0][0][0][0];
  for (int i = 0; i < C_OUT * 9 * C_IN; ++i)
    weights[i] = (int8_t)(kernel_random(&random) >> 25) - 64;
  for (int o = 0; o < C_OUT; ++o) {
    layer.bias[o] = (int32_t)(kernel_random(&random) & 0xfff) - 2048;
    layer.multiplier[o] = (int32_t)(0x40000000u | kernel_random(&random) >> 3);
    layer.shift[o] = (int8_t)(6 + (o & 1));
  }
  layer.zero_in = -3;
  layer.zero_out = -20;
  for (int i = 0; i < H * W * C_IN; ++i)
    (&in[0][0][0])[i] = (int8_t)(kernel_random(&random) >> 24);
  roi_begin();
  convolve(&layer, in, features);
  pool(features, pooled);
  roi_end();
  for (int i = 0; i < H / 2 * W / 2 * C_OUT; ++i)
    sum = kernel_fold(sum, (uint8_t)(&pooled[0][0][0])[i]);
  return kernel_finish("int8_conv", sum, 0x44f558ceu);
}
