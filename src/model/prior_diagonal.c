/* prior_diagonal.c - a Gaussian with independent columns: N(mean, deviation^2). */
#include "model/prior.h"

#include "core/rng.h"

extern const fmi_prior_kind fmi_prior_diagonal;

static fm_status prepare(fm_prior *prior, fmi_error *err) {
  return fmi_check_deviations("deviation", prior->arrays[1], 1, prior->dim, err);
}

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)err;
  for (size_t i = 0; i < c->n; i++) {
    double *x = c->x + i * c->dim;
    fmi_normals(c->kernels, c->seed, FMI_STREAM_PRIOR, c->first_row + i, c->dim, x, c->scratch);
    for (size_t j = 0; j < c->dim; j++) x[j] = prior->arrays[0][j] + prior->arrays[1][j] * x[j];
  }
  return FM_OK;
}

static fm_status log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                             fmi_error *err) {
  (void)err;
  for (size_t i = 0; i < n; i++)
    out[i] = fmi_log_normal(x + i * dim, prior->arrays[0], prior->arrays[1], dim);
  return FM_OK;
}

const fmi_prior_kind fmi_prior_diagonal = {
    .kind = FM_PRIOR_DIAGONAL,
    .name = "diagonal",
    .arrays = {{"mean", FMI_COLUMNS}, {"deviation", FMI_COLUMNS}},
    .prepare = prepare,
    .draw = draw,
    .log_density = log_density,
};
