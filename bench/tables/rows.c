/* rows.c - the two-dimensional data sets of the papers. */
#include "tables.h"

#include <math.h>

#define PI 3.14159265358979323846
#define CHECKERBOARD_SCALE .45

static uint64_t next(tables_rng *rng) {
  uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

tables_rng tables_rng_of(uint64_t seed, uint64_t stream) {
  tables_rng rng = {seed};
  rng.state = next(&rng) + stream;
  rng.state = next(&rng);
  return rng;
}

double tables_uniform(tables_rng *rng) { return ((double)(next(rng) >> 12) + .5) * 0x1p-52; }

double tables_normal(tables_rng *rng) {
  double radius = sqrt(-2 * log(tables_uniform(rng)));
  return radius * cos(2 * PI * tables_uniform(rng));
}

size_t tables_below(tables_rng *rng, size_t n) { return (size_t)(tables_uniform(rng) * (double)n); }

void tables_gaussian(tables_rng *rng, size_t n, double *x) {
  for (size_t i = 0; i < 2 * n; i++) x[i] = tables_normal(rng);
}

void tables_ring(tables_rng *rng, double radius, double deviation, size_t n, double *x) {
  for (size_t i = 0; i < n; i++) {
    double angle = PI / 4 * (double)tables_below(rng, 8);
    x[2 * i] = radius * cos(angle) + deviation * tables_normal(rng);
    x[2 * i + 1] = radius * sin(angle) + deviation * tables_normal(rng);
  }
}

void tables_moons(tables_rng *rng, double noise, size_t n, double *x, int32_t *labels) {
  for (size_t i = 0; i < n; i++) {
    double angle = PI * tables_uniform(rng);
    bool lower = tables_below(rng, 2) == 1;
    x[2 * i] = (lower ? 1 - cos(angle) : cos(angle)) + noise * tables_normal(rng);
    x[2 * i + 1] = (lower ? .5 - sin(angle) : sin(angle)) + noise * tables_normal(rng);
    if (labels) labels[i] = lower;
  }
}

void tables_checkerboard(tables_rng *rng, size_t n, double *x) {
  for (size_t i = 0; i < n; i++) {
    size_t column = tables_below(rng, 4), row = 2 * tables_below(rng, 2) + column % 2;
    x[2 * i] = ((double)column - 2 + tables_uniform(rng)) / CHECKERBOARD_SCALE;
    x[2 * i + 1] = ((double)row - 2 + tables_uniform(rng)) / CHECKERBOARD_SCALE;
  }
}

bool tables_on_checkerboard(const double x[2]) {
  double column = floor(x[0] * CHECKERBOARD_SCALE) + 2, row = floor(x[1] * CHECKERBOARD_SCALE) + 2;
  return column >= 0 && column < 4 && row >= 0 && row < 4 && fmod(column + row, 2) == 0;
}

void tables_pair(tables_rng *rng, double column, double height, double deviation, size_t n, double *x) {
  for (size_t i = 0; i < n; i++) {
    x[2 * i] = column + deviation * tables_normal(rng);
    x[2 * i + 1] = (i % 2 ? height : -height) + deviation * tables_normal(rng);
  }
}

fm_prior *tables_ring_prior(fm_ctx *ctx, double radius, double deviation) {
  fm_prior *prior = NULL;
  double weights[8], means[16], deviations[16];
  for (size_t k = 0; k < 8; k++) {
    weights[k] = 1;
    means[2 * k] = radius * cos(PI / 4 * (double)k);
    means[2 * k + 1] = radius * sin(PI / 4 * (double)k);
    deviations[2 * k] = deviations[2 * k + 1] = deviation;
  }
  TABLES_OK(ctx, fm_prior_create_mixture(ctx, weights, means, deviations, 8, 2, &prior));
  return prior;
}
