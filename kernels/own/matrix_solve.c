// Linear systems in float: LU with partial pivoting, iterative refinement, determinant, residual.
#include "kernel.h"
#include <string.h>

#define N 12
#define SYSTEMS 3

static float lu[N][N], a[N][N], b[N], x[N];
static uint8_t order[N];

static float magnitude(float v) { return v < 0 ? -v : v; }

static int factor(void) {
  for (int k = 0; k < N; ++k) {
    int pivot = k;
    for (int i = k + 1; i < N; ++i)
      if (magnitude(lu[i][k]) > magnitude(lu[pivot][k]))
        pivot = i;
    if (lu[pivot][k] == 0.0f)
      return 0;
    if (pivot != k) {
      float row[N];
      memcpy(row, lu[k], sizeof row);
      memcpy(lu[k], lu[pivot], sizeof row);
      memcpy(lu[pivot], row, sizeof row);
      uint8_t t = order[k];
      order[k] = order[pivot];
      order[pivot] = t;
    }
    for (int i = k + 1; i < N; ++i) {
      float f = lu[i][k] / lu[k][k];
      lu[i][k] = f;
      for (int j = k + 1; j < N; ++j) {
        float product = f * lu[k][j];
        lu[i][j] = lu[i][j] - product;
      }
    }
  }
  return 1;
}

static void substitute(const float *right, float *out) {
  for (int i = 0; i < N; ++i) {
    float sum = right[order[i]];
    for (int j = 0; j < i; ++j) {
      float product = lu[i][j] * out[j];
      sum = sum - product;
    }
    out[i] = sum;
  }
  for (int i = N - 1; i >= 0; --i) {
    for (int j = i + 1; j < N; ++j) {
      float product = lu[i][j] * out[j];
      out[i] = out[i] - product;
    }
    out[i] = out[i] / lu[i][i];
  }
}

static float refine(void) {
  float residual[N], correction[N], worst = 0;
  for (int i = 0; i < N; ++i) {
    float sum = b[i];
    for (int j = 0; j < N; ++j) {
      float product = a[i][j] * x[j];
      sum = sum - product;
    }
    residual[i] = sum;
    worst = magnitude(sum) > worst ? magnitude(sum) : worst;
  }
  substitute(residual, correction);
  for (int i = 0; i < N; ++i)
    x[i] = x[i] + correction[i];
  return worst;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  roi_begin();
  for (int s = 0; s < SYSTEMS; ++s) {
    for (int i = 0; i < N; ++i) {
      order[i] = (uint8_t)i;
      b[i] = (float)((int32_t)(kernel_random(&random) >> 20) - 2048) / 64.0f;
      for (int j = 0; j < N; ++j)
        a[i][j] = (float)((int32_t)(kernel_random(&random) >> 20) - 2048) / 256.0f + (i == j ? 9.0f : 0.0f);
    }
    memcpy(lu, a, sizeof lu);
    uint32_t good = (uint32_t)factor();
    substitute(b, x);
    float first = refine(), second = refine();
    good &= first < 0.01f && second < 0.01f;
    for (int i = 0; i < N; ++i) {
      uint32_t bits;
      memcpy(&bits, &x[i], 4);
      sum = kernel_fold(sum, bits);
    }
    sum = kernel_fold(sum, good);
  }
  roi_end();
  return kernel_finish("matrix_solve", sum, 0x8f9722dbu);
}
