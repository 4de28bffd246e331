/* path.c - the list of schedules, path objects and their coefficients. */
#include "path/path.h"

#include <math.h>

#define FMI_SCHEDULE(x) extern const fmi_schedule fmi_schedule_##x;
#include "path/path_list.def"
#undef FMI_SCHEDULE

static const fmi_schedule *const schedules[] = {
#define FMI_SCHEDULE(x) &fmi_schedule_##x,
#include "path/path_list.def"
#undef FMI_SCHEDULE
};

const fmi_schedule *fmi_schedule_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(schedules); i++)
    if (schedules[i]->kind == kind) return schedules[i];
  return NULL;
}

const fmi_schedule *fmi_schedule_by_name(const char *name) {
  for (size_t i = 0; name != NULL && i < FMI_COUNT(schedules); i++)
    if (strcmp(schedules[i]->name, name) == 0) return schedules[i];
  return NULL;
}

static bool all_finite(const fm_path_coefficients *c) {
  return isfinite(c->alpha) && isfinite(c->sigma) && isfinite(c->gamma) && isfinite(c->d_alpha) &&
         isfinite(c->d_sigma) && isfinite(c->d_gamma);
}

fm_status fmi_path_limit_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err) {
  if (!(t >= 0 && t <= 1)) return fmi_fail(err, FM_E_DOMAIN, "t: expected 0 <= t <= 1, found %.17g", t);
  fm_path_coefficients c;
  fm_path_coefficients_init(&c);
  if (path->schedule) {
    path->schedule->coefficients(path->params, t, &c);
  } else {
    int32_t code = path->fn(path->user, t, &c);
    if (code != 0)
      return fmi_fail(err, FM_E_CALLBACK, "path: the caller's function returned %d at t = %.17g", (int)code,
                      t);
    if (!all_finite(&c))
      return fmi_fail(err, FM_E_NONFINITE,
                      "path: expected finite coefficients at t = %.17g, found alpha %g, sigma %g, gamma %g, "
                      "derivatives %g, %g, %g",
                      t, c.alpha, c.sigma, c.gamma, c.d_alpha, c.d_sigma, c.d_gamma);
    c.struct_size = sizeof c;
  }
  *out = c;
  return FM_OK;
}

fm_status fmi_path_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err) {
  fm_path_coefficients c;
  FMI_TRY(fmi_path_limit_at(path, t, &c, err));
  if (!all_finite(&c))
    return fmi_fail(err, FM_E_DOMAIN, "t: the path %s is not regular at t = %.17g", path->schedule->name, t);
  *out = c;
  return FM_OK;
}

/* ---- objects ------------------------------------------------------------------------------------ */

static void destroy_path(void *self) { fmi_object_free(self); }

fm_path *fmi_path_new(fmi_memory *memory, const fmi_schedule *schedule, const double *params,
                      fmi_error *err) {
  fm_path *path = fmi_object_create(memory, sizeof *path, destroy_path, err);
  if (path == NULL) return NULL;
  path->schedule = schedule;
  if (params) memcpy(path->params, params, sizeof path->params);
  return path;
}

/* The ends are checked coarsely: the width of a path at its ends is the caller's choice, but a schedule
   written for the other direction of time would train without complaint and sample nonsense. */
static fm_status check_custom(const fm_path *path, fmi_error *err) {
  enum { points = 65 };
  fm_path_coefficients c = {0}, start = {0};
  for (int i = 0; i < points; i++) {
    FMI_TRY(fmi_path_at(path, (double)i / (points - 1), &c, err));
    if (i == 0) start = c;
  }
  if (fabs(start.alpha) > 0.5)
    return fmi_fail(err, FM_E_INVALID, "path: expected alpha(0) to be 0 or small, found %g", start.alpha);
  if (fabs(c.alpha - 1) > 0.01)
    return fmi_fail(err, FM_E_INVALID, "path: expected alpha(1) to be 1, found %g", c.alpha);
  if (fabs(c.sigma) > 0.5)
    return fmi_fail(err, FM_E_INVALID, "path: expected sigma(1) to be 0 or small, found %g", c.sigma);
  return FM_OK;
}

fm_path *fmi_path_new_custom(fmi_memory *memory, fm_path_fn fn, void *user, fmi_error *err) {
  fm_path *path = fmi_path_new(memory, NULL, NULL, err);
  if (path == NULL) return NULL;
  path->fn = fn;
  path->user = user;
  if (check_custom(path, err) != FM_OK) {
    fmi_release(path);
    return NULL;
  }
  return path;
}
