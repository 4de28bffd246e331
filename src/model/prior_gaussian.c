/* prior_gaussian.c - N(0, 1) in every normalised column. */
#include "model/prior.h"

#include "core/rng.h"

extern const fmi_prior_kind fmi_prior_gaussian;

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)prior, (void)err;
  for (size_t i = 0; i < c->n; i++)
    fmi_normals(c->kernels, c->seed, FMI_STREAM_PRIOR, c->first_row + i, c->dim, c->x + i * c->dim,
                c->scratch);
  return FM_OK;
}

static fm_status log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                             fmi_error *err) {
  (void)prior, (void)err;
  for (size_t i = 0; i < n; i++) {
    out[i] = 0;
    for (size_t j = 0; j < dim; j++) out[i] -= 0.5 * (x[i * dim + j] * x[i * dim + j] + FMI_LOG_TWO_PI);
  }
  return FM_OK;
}

const fmi_prior_kind fmi_prior_gaussian = {
    .kind = FM_PRIOR_GAUSSIAN,
    .name = "gaussian",
    .normalised = true,
    .draw = draw,
    .log_density = log_density,
};
