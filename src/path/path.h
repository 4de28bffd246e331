/* path.h - conditional probability paths x_t = alpha x1 + sigma x0 + gamma eps. A schedule is one file and
   one line in path_list.def. */
#ifndef FMI_PATH_H
#define FMI_PATH_H

#include "core/core.h"

#define FMI_PATH_PARAMS 4u

typedef struct fmi_schedule {
  uint32_t kind;
  const char *name; /* in files and on the command line: "condot" */
  /* 0 <= t <= 1; fills the six coefficients. */
  void (*coefficients)(const double *params, double t, fm_path_coefficients *out);
} fmi_schedule;

struct fm_path {
  fmi_object object;
  const fmi_schedule *schedule; /* NULL: the caller's */
  double params[FMI_PATH_PARAMS];
  fm_path_fn fn;
  void *user;
};

const fmi_schedule *fmi_schedule_by_kind(uint32_t kind);      /* NULL: unknown */
const fmi_schedule *fmi_schedule_by_name(const char *name);   /* NULL: unknown */

fm_path *fmi_path_new(fmi_memory *memory, const fmi_schedule *schedule, const double *params, fmi_error *err);
/* Coefficients with the checks of fm_path_coefficients_at. */
fm_status fmi_path_at(const fm_path *path, double t, fm_path_coefficients *out, fmi_error *err);
/* D = alpha' sigma - alpha sigma', the determinant of (x, u) as a function of (x1, x0). */
static inline double fmi_path_determinant(const fm_path_coefficients *c) {
  return c->d_alpha * c->sigma - c->alpha * c->d_sigma;
}
#endif
