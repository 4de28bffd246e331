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

static fm_status convert(const fm_sampler *s, uint32_t to, double t, const double *x, const double *v,
                         double *out, fmi_error *err) {
  const fm_path *path = fmi_sampler_path(s);
  const double clipped = fmi_path_clip(path, t);
  return fmi_path_convert(path, FM_VELOCITY, to, &clipped, x, v, 1, s->model->net->dim, out, err);
}

static fm_status x1(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  return convert(user, FM_X1, t, x, v, out, err);
}
static fm_status x0(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  return convert(user, FM_X0, t, x, v, out, err);
}

fmi_x1_form fmi_x1_form_of(const fm_sampler *s) {
  return (fmi_x1_form){coefficients, x1, x0, (void *)(uintptr_t)s};
}
