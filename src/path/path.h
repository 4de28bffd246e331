/* path.h - conditional probability paths x_t = alpha x1 + sigma x0 + gamma eps. A schedule is one file and
   one line in path_list.def. */
#ifndef FMI_PATH_H
#define FMI_PATH_H

#include "core/core.h"

#define FMI_PATH_PARAMS 4u

/* Time is kept this far from an end where a derivative is infinite, in training and in sampling. The target's
   variance grows as 1 / (1 - t) there, while the velocity that is learned is finite: what is lost is a
   stretch of 1e-4 on which it is taken as constant (docs/numerics.md). */
#define FMI_PATH_MARGIN 1e-4

/* A number that a schedule takes. Given as 0 it is `fallback`; negative is 0, "none", where `least` is 0. */
typedef struct fmi_path_param {
  const char *name; /* in files: "path.width" */
  double fallback, least, most;
} fmi_path_param;

typedef struct fmi_schedule {
  uint32_t kind;
  const char *name; /* in files and on the command line: "condot" */
  /* 0 <= t <= 1; fills the six coefficients, exactly 0 and 1 at an end where they are that in mathematics. At
     a singular end a derivative is its limit, which may be infinite, never NaN. */
  void (*coefficients)(const double *params, double t, fm_path_coefficients *out);
  /* The time at which alpha / sigma = snr, strictly between the ratios at the ends. NULL: it is searched. */
  double (*time_of_snr)(const double *params, double snr);
  fmi_path_param params[FMI_PATH_PARAMS]; /* up to the first without a name */
} fmi_schedule;

struct fm_path {
  fmi_object object;
  const fmi_schedule *schedule; /* NULL: the caller's */
  double params[FMI_PATH_PARAMS];
  double first, last; /* the times that are trained and evaluated: fm_path_interval */
  fm_path_fn fn;
  void *user;
};

const fmi_schedule *fmi_schedule_by_kind(uint32_t kind);    /* NULL: unknown */
const fmi_schedule *fmi_schedule_by_name(const char *name); /* NULL: unknown */

/* Schedule i of the list, NULL past the last. */
const fmi_schedule *fmi_schedule_at(size_t i);
size_t fmi_schedule_n_params(const fmi_schedule *schedule);
/* The caller's numbers, given [n], with defaults filled in and checked: params [FMI_PATH_PARAMS]. */
fm_status fmi_schedule_read_params(const fmi_schedule *schedule, const double *given, size_t n,
                                   double *params, fmi_error *err);
/* One of them; 0 is not the default here, but itself. */
fm_status fmi_schedule_check_param(const fmi_schedule *schedule, size_t i, double value, fmi_error *err);

/* params [FMI_PATH_PARAMS], checked, or NULL: the defaults. Together they may still make no path: one that
   doesn't start at the source is FM_E_INVALID. */
fm_path *fmi_path_new(fmi_memory *memory, const fmi_schedule *schedule, const double *params, fmi_error *err);
/* The caller's path, with the checks of fm_path_create_custom. */
fm_path *fmi_path_new_custom(fmi_memory *memory, fm_path_fn fn, void *user, fmi_error *err);

/* Coefficients with the checks of fm_path_coefficients_at: all six are finite. Sets out->struct_size. */
fm_status fmi_path_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err);
/* The same, but at a singular end of a built-in path the limits, which may be infinite. */
fm_status fmi_path_limit_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err);

/* The nearest time at which the path's velocity is trained and evaluated. */
static inline double fmi_path_clip(const fm_path *path, double t) {
  return t < path->first ? path->first : t > path->last ? path->last : t;
}

/* fm_path_snr_inverse. */
fm_status fmi_path_snr_inverse(const fm_path *path, double snr, double *t, fmi_error *err);

/* D = alpha' sigma - alpha sigma', the determinant of (x, u) as a function of (x1, x0). */
static inline double fmi_path_determinant(const fm_path_coefficients *c) {
  return c->d_alpha * c->sigma - c->alpha * c->d_sigma;
}

/* What a conversion does to a row: (by_x x + by_value value) / divisor. */
typedef struct fmi_conversion {
  double by_x, by_value, divisor;
} fmi_conversion;
/* The rule from x and a value of kind `from` at coefficients without gamma to by_x1 x1 + by_x0 x0; false where
   they don't determine it. */
bool fmi_conversion_to(uint32_t from, const fm_path_coefficients *c, double by_x1, double by_x0,
                       fmi_conversion *out);

/* fm_path_interpolate and fm_path_convert, whose arrays are not NULL. Outputs are untouched on failure. */
fm_status fmi_path_interpolate(const fm_path *path, const double *x0, const double *x1, const double *eps,
                               const double *t, size_t n, size_t dim, double *xt, double *ut, fmi_error *err);
fm_status fmi_path_convert(const fm_path *path, uint32_t from, uint32_t to, const double *t, const double *x,
                           const double *value, size_t n, size_t dim, double *out, fmi_error *err);
#endif
