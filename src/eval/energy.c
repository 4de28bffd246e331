/* energy.c - the energy distance (Szekely & Rizzo, "Energy statistics", J. Stat. Plan. Inference 143,
   2013), as a U-statistic: without the pairs of a row with itself its mean doesn't depend on the number of
   rows. */
#include "eval/eval.h"

#include <math.h>

/* In four sums, so that a root needn't wait for the sum before it. */
static double sum_roots(const double *squares, size_t count, double parameter) {
  double sum[4] = {0};
  size_t j = 0;
  (void)parameter;
  for (; j + 4 <= count; j += 4)
    for (size_t l = 0; l < 4; l++) sum[l] += sqrt(squares[j + l]);
  for (; j < count; j++) sum[0] += sqrt(squares[j]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static fm_status measure(const fmi_two *two, double *value, fmi_error *err) {
  fmi_pair_means means;
  FMI_TRY(fmi_pairs_means(two, sum_roots, 0, &means, err));
  *value = 2 * means.between - means.within_x - means.within_y;
  return FM_OK;
}

const fmi_metric fmi_metric_energy = {
    .kind = FM_METRIC_ENERGY, .name = "the energy distance", .least = 2, .measure = measure};
