/* x1_form.c - a model's path for solvers that step in the data end instead of the velocity. */
#include "sample/sampler.h"

static fm_status check_gamma(const fm_path *path, double t, fmi_error *err) {
  fm_path_coefficients c;
  FMI_TRY(fmi_path_at(path, t, &c, err));
  if (c.gamma == 0 && c.d_gamma == 0) return FM_OK;
  return fmi_fail(err, FM_E_UNSUPPORTED, "model: expected a path with gamma = 0, found %g at t = %g", c.gamma,
                  t);
}

fm_status fmi_x1_form_check(const fm_model *model, fmi_error *err) {
  return check_gamma(model->path, 0.5, err);
}

/* The ends' own values: what is infinite there is a derivative. */
static fm_status coefficients(void *user, double t, double *alpha, double *sigma, fmi_error *err) {
  const fm_model *model = user;
  fm_path_coefficients c;
  FMI_TRY(fmi_path_limit_at(model->path, t, &c, err));
  *alpha = c.alpha;
  *sigma = c.sigma;
  return FM_OK;
}

static fm_status x1(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  const fm_model *model = user;
  const double clipped = fmi_path_clip(model->path, t);
  return fmi_path_convert(model->path, FM_VELOCITY, FM_X1, &clipped, x, v, 1, model->net->dim, out, err);
}

fmi_x1_form fmi_x1_form_of(const fm_model *model) {
  return (fmi_x1_form){coefficients, x1, (void *)(uintptr_t)model};
}
