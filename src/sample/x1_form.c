/* x1_form.c - a sampler's path for solvers that step in the data end instead of the velocity. */
#include "sample/sampler.h"

fm_status fmi_x1_form_check(const fm_path *path, fmi_error *err) {
  return fmi_path_check_gamma("model", path, err);
}

/* The ends' own values: what is infinite there is a derivative. */
static fm_status coefficients(void *user, double t, double *alpha, double *sigma, fmi_error *err) {
  fm_path_coefficients c;
  FMI_TRY(fmi_path_limit_at(fmi_sampler_path(user), t, &c, err));
  *alpha = c.alpha;
  *sigma = c.sigma;
  return FM_OK;
}

static fm_status x1(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  const fm_sampler *s = user;
  const fm_path *path = fmi_sampler_path(s);
  const double clipped = fmi_path_clip(path, t);
  return fmi_path_convert(path, FM_VELOCITY, FM_X1, &clipped, x, v, 1, s->model->net->dim, out, err);
}

fmi_x1_form fmi_x1_form_of(const fm_sampler *s) {
  return (fmi_x1_form){coefficients, x1, (void *)(uintptr_t)s};
}
