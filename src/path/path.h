/* path.h - conditional probability paths x_t = alpha x1 + sigma x0 + gamma eps. A schedule is one file and
   one line in path_list.def. */
#ifndef FMI_PATH_H
#define FMI_PATH_H

#include "core/core.h"

#define FMI_PATH_PARAMS 4u

/* A path is regular on [0, 1] but for the ends named here, where the velocity is infinite or the determinant
   vanishes (sigma'(1) = -inf, or D(0) = 0). A solver never evaluates the velocity at such an end. */
#define FMI_SINGULAR_AT_0 1u
#define FMI_SINGULAR_AT_1 2u

typedef struct fmi_schedule {
  uint32_t kind;
  const char *name; /* in files and on the command line: "condot" */
  /* 0 <= t <= 1; fills the six coefficients, exactly 0 and 1 at an end where they are that in mathematics. At
     a singular end a derivative is its limit, which may be infinite, never NaN. */
  void (*coefficients)(const double *params, double t, fm_path_coefficients *out);
  uint32_t singular_ends; /* FMI_SINGULAR_AT_... */
} fmi_schedule;

struct fm_path {
  fmi_object object;
  const fmi_schedule *schedule; /* NULL: the caller's */
  double params[FMI_PATH_PARAMS];
  fm_path_fn fn;
  void *user;
};

const fmi_schedule *fmi_schedule_by_kind(uint32_t kind);    /* NULL: unknown */
const fmi_schedule *fmi_schedule_by_name(const char *name); /* NULL: unknown */

/* params [FMI_PATH_PARAMS] or NULL: zeros. */
fm_path *fmi_path_new(fmi_memory *memory, const fmi_schedule *schedule, const double *params, fmi_error *err);
/* The caller's path, with the checks of fm_path_create_custom. */
fm_path *fmi_path_new_custom(fmi_memory *memory, fm_path_fn fn, void *user, fmi_error *err);

/* Coefficients with the checks of fm_path_coefficients_at: all six are finite. Sets out->struct_size. */
fm_status fmi_path_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err);
/* The same, but at a singular end of a built-in path the limits, which may be infinite. */
fm_status fmi_path_limit_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err);

/* D = alpha' sigma - alpha sigma', the determinant of (x, u) as a function of (x1, x0). */
static inline double fmi_path_determinant(const fm_path_coefficients *c) {
  return c->d_alpha * c->sigma - c->alpha * c->d_sigma;
}

/* fm_path_interpolate and fm_path_convert, whose arrays are not NULL. Outputs are untouched on failure. */
fm_status fmi_path_interpolate(const fm_path *path, const double *x0, const double *x1, const double *eps,
                               const double *t, size_t n, size_t dim, double *xt, double *ut, fmi_error *err);
fm_status fmi_path_convert(const fm_path *path, uint32_t from, uint32_t to, const double *t, const double *x,
                           const double *value, size_t n, size_t dim, double *out, fmi_error *err);
#endif
