/* pairs.inc.h - the inner loops of pairings, on double: squared distances, and scans of a cost matrix's row.
   Additions and products are never fused and minima go to the lowest index, so that every instruction set gives
   the same bits. The including file says what a vector is on its machine:

     wide, wide_int                 vectors of double and of as many int64_t
     wide_choose_int(mask, a, b)    lanes of a where those of the mask are set, else of b
     wide_least(a, b)               a < b ? a : b */
#ifndef FMI_PAIRS_INC_H
#define FMI_PAIRS_INC_H

#include "kern/math.inc.h"

#define FMI_WIDE_LANES (sizeof(wide) / sizeof(double))

FMI_INLINE wide wide_load(const double *x) {
  wide v;
  memcpy(&v, x, sizeof v);
  return v;
}
FMI_INLINE void wide_store(double *x, wide v) { memcpy(x, &v, sizeof v); }
/* rows is a constant in every call; columns j .. j + 2 vectors. */
FMI_INLINE void distances_of(double *out, size_t ldo, const double *x, const size_t rows, const double *y,
                             size_t n, size_t dim) {
  wide sum[8];
#pragma GCC unroll 8
  for (size_t i = 0; i < 2 * rows; i++) sum[i] = (wide){0};
  for (size_t k = 0; k < dim; k++) {
    const wide y0 = wide_load(y + k * n), y1 = wide_load(y + k * n + FMI_WIDE_LANES);
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++) {
      const wide d0 = x[i * dim + k] - y0, d1 = x[i * dim + k] - y1;
      sum[2 * i] += d0 * d0;
      sum[2 * i + 1] += d1 * d1;
    }
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < rows; i++) {
    wide_store(out + i * ldo, sum[2 * i]);
    wide_store(out + i * ldo + FMI_WIDE_LANES, sum[2 * i + 1]);
  }
}

static void squared_distances(double *out, const double *x, size_t rows, const double *y, size_t n,
                              size_t dim) {
  const size_t step = 2 * FMI_WIDE_LANES, whole = n - n % step;
  for (size_t j = 0; j < whole; j += step) {
    size_t i = 0;
    for (; i + 4 <= rows; i += 4) distances_of(out + i * n + j, n, x + i * dim, 4, y + j, n, dim);
    for (; i < rows; i++) distances_of(out + i * n + j, n, x + i * dim, 1, y + j, n, dim);
  }
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = whole; j < n; j++) {
      double sum = 0;
      for (size_t k = 0; k < dim; k++)
        sum += (x[i * dim + k] - y[k * n + j]) * (x[i * dim + k] - y[k * n + j]);
      out[i * n + j] = sum;
    }
  }
}

/* The least of lanes with their indexes, the lowest index of those. */
FMI_INLINE size_t least_lane(const wide *value, const wide_int *index, double *least) {
  size_t best = 0;
  for (size_t l = 1; l < FMI_WIDE_LANES; l++) {
    if ((*value)[l] < (*value)[best] || ((*value)[l] == (*value)[best] && (*index)[l] < (*index)[best]))
      best = l;
  }
  *least = (*value)[best];
  return (size_t)(*index)[best];
}

static size_t relax(double *distance, int64_t *from, const double *cost, const double *v, double shift,
                    int64_t row, size_t n, double *least) {
  wide first = (wide){0} + (double)INFINITY;
  wide_int at = {0}, here = {0};
  const wide_int rows = (wide_int){0} + row;
  for (size_t l = 0; l < FMI_WIDE_LANES; l++) here[l] = (int64_t)l;
  const size_t whole = n - n % FMI_WIDE_LANES;
  for (size_t j = 0; j < whole; j += FMI_WIDE_LANES) {
    const wide h = (wide_load(cost + j) - wide_load(v + j)) - shift, d = wide_load(distance + j);
    wide_int came;
    memcpy(&came, from + j, sizeof came);
    came = wide_choose_int(h < d, rows, came);
    memcpy(from + j, &came, sizeof came);
    const wide now = wide_least(h, d);
    wide_store(distance + j, now);
    at = wide_choose_int(now < first, here, at);
    first = wide_least(now, first);
    here += (int64_t)FMI_WIDE_LANES;
  }
  size_t best = least_lane(&first, &at, least);
  for (size_t j = whole; j < n; j++) {
    const double h = (cost[j] - v[j]) - shift;
    if (h < distance[j]) {
      distance[j] = h;
      from[j] = row;
    }
    if (distance[j] < *least) {
      *least = distance[j];
      best = j;
    }
  }
  return best;
}

#endif
