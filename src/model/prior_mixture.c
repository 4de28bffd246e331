/* prior_mixture.c - a mixture of Gaussians with independent columns: component k with probability
   weights[k] / sum of weights, then N(means[k], deviations[k]^2). */
#include "model/prior.h"

#include "core/rng.h"

#include <math.h>

extern const fmi_prior_kind fmi_prior_mixture;

/* derived [n]: weights[0] + .. + weights[k] */
static size_t n_derived(size_t n, size_t dim) {
  (void)dim;
  return n;
}

static fm_status prepare(fm_prior *prior, fmi_error *err) {
  double sum = 0;
  for (size_t k = 0; k < prior->n; k++) {
    if (prior->arrays[0][k] < 0)
      return fmi_fail(err, FM_E_INVALID, "weights[%zu]: expected 0 or more, found %g", k,
                      prior->arrays[0][k]);
    prior->derived[k] = sum += prior->arrays[0][k];
  }
  if (!(sum > 0 && isfinite(sum)))
    return fmi_fail(err, FM_E_INVALID, "weights: expected a positive finite sum, found %g", sum);
  return fmi_check_deviations("deviations", prior->arrays[2], prior->n, prior->dim, err);
}

/* The first component whose running sum lies above a uniform share of the whole. One of weight 0 never is. */
static size_t component(const fm_prior *prior, double uniform) {
  const double sum = prior->derived[prior->n - 1], at = fmin(uniform * sum, nextafter(sum, 0));
  size_t low = 0, high = prior->n - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (prior->derived[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)err;
  for (size_t i = 0; i < c->n; i++) {
    double *x = c->x + i * c->dim;
    const size_t k = component(prior, fmi_rng_uniform(c->seed, FMI_STREAM_ROWS, c->first_row + i, 0));
    fmi_normals(c->kernels, c->seed, FMI_STREAM_PRIOR, c->first_row + i, c->dim, x, c->scratch);
    for (size_t j = 0; j < c->dim; j++)
      x[j] = prior->arrays[1][k * c->dim + j] + prior->arrays[2][k * c->dim + j] * x[j];
  }
  return FM_OK;
}

/* log sum_k w_k N_k, grown term by term: log(e^a + e^b) from the larger of the two. */
static double row_density(const fm_prior *prior, const double *x, size_t dim) {
  double total = -INFINITY;
  for (size_t k = 0; k < prior->n; k++) {
    if (prior->arrays[0][k] == 0) continue;
    const double term = log(prior->arrays[0][k] / prior->derived[prior->n - 1]) +
                        fmi_log_normal(x, prior->arrays[1] + k * dim, prior->arrays[2] + k * dim, dim);
    const double high = fmax(total, term), low = fmin(total, term);
    total = high > -INFINITY ? high + log1p(exp(low - high)) : high;
  }
  return total;
}

static fm_status log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                             fmi_error *err) {
  (void)err;
  for (size_t i = 0; i < n; i++) out[i] = row_density(prior, x + i * dim, dim);
  return FM_OK;
}

const fmi_prior_kind fmi_prior_mixture = {
    .kind = FM_PRIOR_MIXTURE,
    .name = "mixture",
    .arrays = {{"weights", FMI_ENTRIES}, {"means", FMI_ENTRIES_COLUMNS}, {"deviations", FMI_ENTRIES_COLUMNS}},
    .n_derived = n_derived,
    .prepare = prepare,
    .draw = draw,
    .log_density = log_density,
};
