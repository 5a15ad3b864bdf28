//===- gsl_random.c - random numbers, shuffles and sorting with GSL --------------===//
//
// Three generators of the GNU Scientific Library shuffle and sample numbers,
// which are sorted by heap sort and by index, and summed up.
//
//===----------------------------------------------------------------------===//

#include "sample.h"

#include <gsl/gsl_permutation.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#define ARENA_BYTES 12288
#include "arena.h"
#include "bare.h"

enum { COUNT = 160 };

static double values[COUNT], picked[COUNT / 4];
static int32_t cards[COUNT];

static uint32_t fold_double(uint32_t sum, double x) {
  int64_t fixed = (int64_t)(x * 4096.0);
  return kernel_fold(kernel_fold(sum, (uint32_t)fixed), (uint32_t)(fixed >> 32));
}

static uint32_t run(const gsl_rng_type *type, uint32_t seed, uint32_t *failures) {
  uint32_t sum = seed;
  gsl_rng *rng = gsl_rng_alloc(type);
  gsl_permutation *order = gsl_permutation_alloc(COUNT), *inverse = gsl_permutation_alloc(COUNT);
  gsl_rng_set(rng, seed);
  for (int i = 0; i < COUNT; i++) {
    values[i] = gsl_rng_uniform(rng) * 1000.0 + (double)gsl_rng_uniform_int(rng, 50);
    cards[i] = i;
  }
  gsl_ran_shuffle(rng, cards, COUNT, sizeof cards[0]);
  gsl_ran_choose(rng, picked, COUNT / 4, values, COUNT, sizeof values[0]);
  gsl_sort_index(order->data, values, 1, COUNT);
  gsl_permutation_inverse(inverse, order);
  sum = kernel_fold(sum, (uint32_t)gsl_permutation_inversions(order));
  for (int i = 0; i < COUNT; i++) {
    sum = kernel_fold(sum, (uint32_t)cards[i] << 16 | (uint32_t)gsl_permutation_get(inverse, (size_t)i));
    *failures += i && values[order->data[i - 1]] > values[order->data[i]];
  }
  gsl_sort(values, 1, COUNT);
  for (int i = 1; i < COUNT; i++)
    *failures += values[i - 1] > values[i];
  sum = fold_double(sum, picked[COUNT / 8]);
  sum = fold_double(sum, gsl_stats_median_from_sorted_data(values, 1, COUNT));
  gsl_permutation_free(inverse);
  gsl_permutation_free(order);
  gsl_rng_free(rng);
  return sum;
}

int main(void) {
  uint32_t sum = 44, failures = 0;
  const gsl_rng_type *const types[] = {gsl_rng_mt19937, gsl_rng_taus2, gsl_rng_ran3};

  roi_begin();
  for (int i = 0; i < 3; i++)
    sum = kernel_fold(sum, run(types[i], (kernel_seed() ^ sum) & 0xffffff, &failures));
  roi_end();

  failures += !arena_is_whole();
  return kernel_finish("gsl_random", kernel_fold(sum, failures), 0x257b0c8du);
}
