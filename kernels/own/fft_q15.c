// A radix-2 FFT of 256 points in Q15 with scaling in every stage; twiddles by a rotation recurrence in Q30.
#include "kernel.h"

#define LOG 8
#define N (1 << LOG)
#define FRAMES 6

typedef struct {
  int32_t re, im;
} complex_q;

static complex_q twiddle[N / 2];
static int16_t re[N], im[N];

static void make_twiddles(void) {
  // One step of 2 pi / 256: cos and sin in Q30.
  const int64_t c = 1073418433, s = 26350943;
  int64_t x = 1 << 30, y = 0;
  for (int i = 0; i < N / 2; ++i) {
    twiddle[i].re = (int32_t)(x >> 15);
    twiddle[i].im = (int32_t)(-y >> 15);
    int64_t next = (x * c - y * s) >> 30;
    y = (x * s + y * c) >> 30;
    x = next;
  }
}

static unsigned reverse(unsigned value) {
  unsigned result = 0;
  for (int i = 0; i < LOG; ++i) {
    result = result << 1 | (value & 1);
    value >>= 1;
  }
  return result;
}

static void permute(void) {
  for (unsigned i = 0; i < N; ++i) {
    unsigned j = reverse(i);
    if (j > i) {
      int16_t t = re[i];
      re[i] = re[j];
      re[j] = t;
      t = im[i];
      im[i] = im[j];
      im[j] = t;
    }
  }
}

static void butterflies(int half, int stride) {
  for (int base = 0; base < N; base += 2 * half)
    for (int k = 0; k < half; ++k) {
      const complex_q *w = &twiddle[k * stride];
      int a = base + k, b = a + half;
      int32_t tr = (w->re * re[b] - w->im * im[b]) >> 15;
      int32_t ti = (w->re * im[b] + w->im * re[b]) >> 15;
      int32_t ur = re[a], ui = im[a];
      re[a] = (int16_t)((ur + tr) >> 1);
      im[a] = (int16_t)((ui + ti) >> 1);
      re[b] = (int16_t)((ur - tr) >> 1);
      im[b] = (int16_t)((ui - ti) >> 1);
    }
}

static void fft(void) {
  permute();
  for (int half = 1, stride = N / 2; half < N; half *= 2, stride /= 2)
    butterflies(half, stride);
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  roi_begin();
  make_twiddles();
  for (int frame = 0; frame < FRAMES; ++frame) {
    for (int i = 0; i < N; ++i) {
      re[i] = (int16_t)((kernel_random(&random) >> 18) - 8192 + ((i * (frame + 3) * 512) & 0x3fff));
      im[i] = (int16_t)(re[i] >> 2);
    }
    fft();
    for (int i = 0; i < N; ++i)
      sum = kernel_fold(sum, (uint32_t)(uint16_t)re[i] << 16 | (uint16_t)im[i]);
  }
  roi_end();
  return kernel_finish("fft_q15", sum, 0xccd78a62u);
}
