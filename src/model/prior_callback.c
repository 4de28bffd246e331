/* prior_callback.c - the caller's own source. */
#include "model/prior.h"

#include <math.h>

extern const fmi_prior_kind fmi_prior_callback;

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  fm_prior_request request = {.struct_size = sizeof request,
                              .seed = c->seed,
                              .first_row = c->first_row,
                              .n = c->n,
                              .dim = c->dim,
                              .x0 = c->x};
  int32_t answer = prior->fn(prior->user, &request);
  if (answer != 0)
    return fmi_fail(err, FM_E_CALLBACK, "prior: the caller's function returned %d", (int)answer);
  for (size_t i = 0; i < c->n * c->dim; i++)
    if (!isfinite(c->x[i]))
      return fmi_fail(err, FM_E_NONFINITE, "prior: the caller's function wrote %g to row %llu, column %zu",
                      c->x[i], (unsigned long long)(c->first_row + i / c->dim), i % c->dim);
  return FM_OK;
}

static fm_status log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                             fmi_error *err) {
  if (prior->log_density == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED, "prior: it was made without a log-density");
  fm_log_density_request request = {
      .struct_size = sizeof request, .n = n, .dim = dim, .x = x, .log_density = out};
  int32_t answer = prior->log_density(prior->user, &request);
  if (answer != 0)
    return fmi_fail(err, FM_E_CALLBACK, "prior: the caller's log-density returned %d", (int)answer);
  for (size_t i = 0; i < n; i++)
    if (!(out[i] < INFINITY))
      return fmi_fail(err, FM_E_NONFINITE, "prior: the caller's log-density wrote %g to row %zu", out[i], i);
  return FM_OK;
}

const fmi_prior_kind fmi_prior_callback = {
    .kind = FM_PRIOR_CALLBACK,
    .name = "callback",
    .draw = draw,
    .log_density = log_density,
};
