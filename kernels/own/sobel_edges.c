// Edges of a small camera image: Gaussian blur, Sobel gradients, thinning along the gradient, hysteresis.
#include "kernel.h"

#define W 48
#define H 36

static uint8_t image[H][W], blurred[H][W], edges[H][W];
static int16_t gx[H][W], gy[H][W];
static uint16_t strength[H][W];

static void blur(void) {
  for (int y = 1; y < H - 1; ++y)
    for (int x = 1; x < W - 1; ++x) {
      int sum = 4 * image[y][x];
      sum += 2 * (image[y - 1][x] + image[y + 1][x] + image[y][x - 1] + image[y][x + 1]);
      sum += image[y - 1][x - 1] + image[y - 1][x + 1] + image[y + 1][x - 1] + image[y + 1][x + 1];
      blurred[y][x] = (uint8_t)(sum >> 4);
    }
}

static void gradients(void) {
  for (int y = 1; y < H - 1; ++y)
    for (int x = 1; x < W - 1; ++x) {
      const uint8_t *a = &blurred[y - 1][x], *b = &blurred[y][x], *c = &blurred[y + 1][x];
      gx[y][x] = (int16_t)(a[1] + 2 * b[1] + c[1] - a[-1] - 2 * b[-1] - c[-1]);
      gy[y][x] = (int16_t)(c[-1] + 2 * c[0] + c[1] - a[-1] - 2 * a[0] - a[1]);
      int ax = gx[y][x] < 0 ? -gx[y][x] : gx[y][x], ay = gy[y][x] < 0 ? -gy[y][x] : gy[y][x];
      strength[y][x] = (uint16_t)(ax > ay ? ax + ay / 2 : ay + ax / 2);
    }
}

/// The two neighbours along the gradient.
static int is_ridge(int y, int x) {
  int ax = gx[y][x] < 0 ? -gx[y][x] : gx[y][x], ay = gy[y][x] < 0 ? -gy[y][x] : gy[y][x];
  int dx = ax * 2 > ay, dy = ay * 2 > ax;
  if (dx && dy && (gx[y][x] < 0) != (gy[y][x] < 0))
    dy = -1;
  return strength[y][x] >= strength[y + dy][x + dx] && strength[y][x] > strength[y - dy][x - dx];
}

static int follow(uint16_t low) {
  int added = 0;
  for (int y = 1; y < H - 1; ++y)
    for (int x = 1; x < W - 1; ++x) {
      if (edges[y][x] != 1)
        continue;
      int near = 0;
      for (int k = 0; k < 9; ++k)
        near |= edges[y + k / 3 - 1][x + k % 3 - 1] == 2;
      if (near && strength[y][x] > low) {
        edges[y][x] = 2;
        ++added;
      }
    }
  return added;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  for (int y = 0; y < H; ++y)
    for (int x = 0; x < W; ++x) {
      int inside = (x - 24) * (x - 24) + (y - 18) * (y - 18) < 150 || (x > 30 && y > 20);
      image[y][x] = (uint8_t)((inside ? 170 : 60) + (kernel_random(&random) & 31));
    }
  roi_begin();
  blur();
  gradients();
  for (int y = 2; y < H - 2; ++y)
    for (int x = 2; x < W - 2; ++x)
      edges[y][x] = (uint8_t)(strength[y][x] < 60 || !is_ridge(y, x) ? 0 : strength[y][x] > 160 ? 2 : 1);
  int rounds = 0;
  while (follow(60))
    ++rounds;
  roi_end();
  for (int y = 0; y < H; ++y)
    for (int x = 0; x < W; ++x)
      sum = kernel_fold(sum, edges[y][x] + strength[y][x]);
  return kernel_finish("sobel_edges", kernel_fold(sum, (uint32_t)rounds), 0x65520ae1u);
}
