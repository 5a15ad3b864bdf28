// Calibration curves in double: Newton's divided differences, Horner evaluation, natural cubic splines.
#include "kernel.h"
#include <string.h>

#define KNOTS 9
#define CURVES 3
#define QUERIES 40

static double xs[KNOTS], ys[KNOTS], newton[KNOTS], second[KNOTS];

static void divided_differences(void) {
  memcpy(newton, ys, sizeof newton);
  for (int level = 1; level < KNOTS; ++level)
    for (int i = KNOTS - 1; i >= level; --i)
      newton[i] = (newton[i] - newton[i - 1]) / (xs[i] - xs[i - level]);
}

static double newton_at(double x) {
  double value = newton[KNOTS - 1];
  for (int i = KNOTS - 2; i >= 0; --i) {
    double product = value * (x - xs[i]);
    value = product + newton[i];
  }
  return value;
}

static void spline(void) {
  double upper[KNOTS];
  second[0] = upper[0] = 0.0;
  for (int i = 1; i < KNOTS - 1; ++i) {
    double ratio = (xs[i] - xs[i - 1]) / (xs[i + 1] - xs[i - 1]);
    double product = ratio * second[i - 1], p = product + 2.0;
    second[i] = (ratio - 1.0) / p;
    double slope = (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]) - (ys[i] - ys[i - 1]) / (xs[i] - xs[i - 1]);
    double bend = 6.0 * slope / (xs[i + 1] - xs[i - 1]), back = ratio * upper[i - 1];
    upper[i] = (bend - back) / p;
  }
  second[KNOTS - 1] = 0.0;
  for (int i = KNOTS - 2; i >= 0; --i) {
    double product = second[i] * second[i + 1];
    second[i] = product + upper[i];
  }
}

static double spline_at(double x) {
  int low = 0, high = KNOTS - 1;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (xs[middle] > x)
      high = middle;
    else
      low = middle;
  }
  double h = xs[high] - xs[low], a = (xs[high] - x) / h, b = (x - xs[low]) / h;
  double ya = a * ys[low], yb = b * ys[high];
  double ca = (a * a * a - a) * second[low], cb = (b * b * b - b) * second[high];
  double bend = (ca + cb) * (h * h) / 6.0;
  return ya + yb + bend;
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0, exact = 0;
  roi_begin();
  for (int c = 0; c < CURVES; ++c) {
    double x = 0.0;
    for (int i = 0; i < KNOTS; ++i) {
      x += 1.0 + (double)(kernel_random(&random) >> 20) / 4096.0;
      xs[i] = x;
      ys[i] = (double)(kernel_random(&random) >> 16) / 65536.0 + x / 8.0;
    }
    divided_differences();
    spline();
    for (int i = 0; i < KNOTS; ++i)
      exact += spline_at(xs[i]) == ys[i];
    for (int q = 0; q < QUERIES; ++q) {
      double at = xs[0] + (xs[KNOTS - 1] - xs[0]) * (double)(kernel_random(&random) >> 16) / 65536.0;
      double values[2] = {newton_at(at), spline_at(at)};
      uint32_t bits[4];
      memcpy(bits, values, sizeof bits);
      sum = kernel_fold(kernel_fold(sum, bits[0] + bits[1]), bits[2] + bits[3]);
    }
  }
  roi_end();
  return kernel_finish("poly_interp", kernel_fold(sum, exact), 0xdf939723u);
}
