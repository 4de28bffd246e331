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

const fmi_schedule *fmi_schedule_at(size_t i) { return i < FMI_COUNT(schedules) ? schedules[i] : NULL; }

/* ---- parameters ---------------------------------------------------------------------------------- */

size_t fmi_schedule_n_params(const fmi_schedule *schedule) {
  size_t n = 0;
  while (n < FMI_PATH_PARAMS && schedule->params[n].name != NULL) n++;
  return n;
}

fm_status fmi_schedule_check_param(const fmi_schedule *schedule, size_t i, double value, fmi_error *err) {
  const fmi_path_param *p = &schedule->params[i];
  if (value >= p->least && value <= p->most) return FM_OK;
  return fmi_fail(err, FM_E_INVALID, "%s.%s: expected %g to %g, found %.17g", schedule->name, p->name,
                  p->least, p->most, value);
}

fm_status fmi_schedule_read_params(const fmi_schedule *schedule, const double *given, size_t n,
                                   double *params, fmi_error *err) {
  const size_t known = fmi_schedule_n_params(schedule);
  if (n > known)
    return fmi_fail(err, FM_E_INVALID, "n_params: expected at most %zu for the path %s, found %zu", known,
                    schedule->name, n);
  for (size_t i = 0; i < FMI_PATH_PARAMS; i++) {
    const fmi_path_param *p = &schedule->params[i];
    params[i] = i < n && given[i] != 0 ? given[i] : p->fallback;
    if (params[i] < 0 && p->least == 0) params[i] = 0;
    if (i < known) FMI_TRY(fmi_schedule_check_param(schedule, i, params[i], err));
  }
  return FM_OK;
}

/* ---- coefficients -------------------------------------------------------------------------------- */

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
  fm_path_coefficients c = {0};
  FMI_TRY(fmi_path_limit_at(path, t, &c, err));
  if (!all_finite(&c))
    return fmi_fail(err, FM_E_DOMAIN, "t: the path %s is not regular at t = %.17g", path->schedule->name, t);
  *out = c;
  return FM_OK;
}

/* ---- objects ------------------------------------------------------------------------------------ */

static void destroy_path(void *self) { fmi_object_free(self); }

/* The ends are checked coarsely: the width of a path at its ends is the caller's choice, but a schedule
   written for the other direction of time would train without complaint and sample nonsense. */
static fm_status check_ends(const fm_path_coefficients *start, const fm_path_coefficients *end,
                            fmi_error *err) {
  if (fabs(start->alpha) > 0.5)
    return fmi_fail(err, FM_E_INVALID, "path: expected alpha(0) to be 0 or small, found %g", start->alpha);
  if (fabs(end->alpha - 1) > 0.01)
    return fmi_fail(err, FM_E_INVALID, "path: expected alpha(1) to be 1, found %g", end->alpha);
  if (fabs(end->sigma) > 0.5)
    return fmi_fail(err, FM_E_INVALID, "path: expected sigma(1) to be 0 or small, found %g", end->sigma);
  return FM_OK;
}

static fm_status set_ends(fm_path *path, fmi_error *err) {
  fm_path_coefficients start = {0}, end = {0};
  FMI_TRY(fmi_path_limit_at(path, 0, &start, err));
  FMI_TRY(fmi_path_limit_at(path, 1, &end, err));
  path->first = all_finite(&start) ? 0 : FMI_PATH_MARGIN;
  path->last = all_finite(&end) ? 1 : 1 - FMI_PATH_MARGIN;
  return check_ends(&start, &end, err);
}

static fm_path *finished(fm_path *path, fm_status status) {
  if (status == FM_OK) return path;
  fmi_release(path);
  return NULL;
}

fm_path *fmi_path_new(fmi_memory *memory, const fmi_schedule *schedule, const double *params,
                      fmi_error *err) {
  fm_path *path = fmi_object_create(memory, sizeof *path, destroy_path, err);
  if (path == NULL) return NULL;
  path->schedule = schedule;
  for (size_t i = 0; i < FMI_PATH_PARAMS; i++)
    path->params[i] = params ? params[i] : schedule->params[i].fallback;
  return finished(path, set_ends(path, err));
}

static fm_status check_custom(fm_path *path, fmi_error *err) {
  enum { points = 65 };
  fm_path_coefficients c;
  for (int i = 0; i < points; i++) FMI_TRY(fmi_path_at(path, (double)i / (points - 1), &c, err));
  return set_ends(path, err);
}

fm_path *fmi_path_new_custom(fmi_memory *memory, fm_path_fn fn, void *user, fmi_error *err) {
  fm_path *path = fmi_object_create(memory, sizeof *path, destroy_path, err);
  if (path == NULL) return NULL;
  path->fn = fn;
  path->user = user;
  return finished(path, check_custom(path, err));
}
