/* prior_uniform.c - uniform on a box: columns independent, low[j] to high[j]. */
#include "model/prior.h"

#include "core/rng.h"

#include <math.h>

extern const fmi_prior_kind fmi_prior_uniform;

static fm_status prepare(fm_prior *prior, fmi_error *err) {
  const double *low = prior->arrays[0], *high = prior->arrays[1];
  for (size_t j = 0; j < prior->dim; j++)
    if (!(low[j] < high[j]) || !isfinite(high[j] - low[j]))
      return fmi_fail(err, FM_E_INVALID,
                      "high: expected above low = %g in column %zu, at a finite distance, found %g", low[j],
                      j, high[j]);
  return FM_OK;
}

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)err;
  const double *low = prior->arrays[0], *high = prior->arrays[1];
  for (size_t i = 0; i < c->n; i++)
    for (size_t j = 0; j < c->dim; j++)
      c->x[i * c->dim + j] = low[j] + (high[j] - low[j]) * fmi_rng_uniform(c->seed, FMI_STREAM_PRIOR,
                                                                           c->first_row + i, (uint32_t)j);
  return FM_OK;
}

static fm_status log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                             fmi_error *err) {
  (void)err;
  const double *low = prior->arrays[0], *high = prior->arrays[1];
  for (size_t i = 0; i < n; i++) {
    out[i] = 0;
    for (size_t j = 0; j < dim; j++)
      if (x[i * dim + j] >= low[j] && x[i * dim + j] <= high[j])
        out[i] -= log(high[j] - low[j]);
      else
        out[i] = -INFINITY;
  }
  return FM_OK;
}

const fmi_prior_kind fmi_prior_uniform = {
    .kind = FM_PRIOR_UNIFORM,
    .name = "uniform",
    .arrays = {{"low", FMI_COLUMNS}, {"high", FMI_COLUMNS}},
    .prepare = prepare,
    .draw = draw,
    .log_density = log_density,
};
