/* form.h - the velocity as a linear form of a state and of what the network says there. */
#ifndef FMI_FORM_H
#define FMI_FORM_H

#include "path/path.h"

/* A network's output is trained and read where it tells both ends, x1 and x0, with no error of it more than
   this many times larger: x0 and score from alpha / sigma = 1 / 200 on (which the start of VP is above), x1
   and score up to 100. These are ratios, not times, so that they are the same states on every path. Before
   and after, the ends are those that were last told (docs/numerics.md). */
#define FMI_LEAST_RATIO (1.0 / 200)
#define FMI_MOST_RATIO 100.0
/* A velocity tells them where |D| is no less. */
#define FMI_LEAST_APART 1e-2

/* What a network's output is. */
typedef struct fmi_prediction {
  uint32_t kind;     /* FM_VELOCITY, FM_X1, FM_X0, FM_SCORE */
  uint32_t baseline; /* 1: a velocity less the Gaussian baseline, fmi_path_baseline */
  /* filled in by fmi_prediction_settle: */
  double first, last; /* the times at which the network is asked */
  double first_apart,
      last_apart; /* the first and last at which a velocity tells the ends: for other paths' states */
} fmi_prediction;

/* "velocity", "x1", "x0", "score", as in files. NULL: unknown. */
const char *fmi_prediction_name(uint32_t kind);
/* Checks what is asked for on the path, and finds the times. `what` names the field in texts. */
fm_status fmi_prediction_settle(fmi_prediction *prediction, const char *what, const fm_path *path,
                                fmi_error *err);

/* The best linear velocity for data and source of mean 0 and variance 1: that of the Gaussian, a multiple of
   x. */
double fmi_path_baseline(const fm_path_coefficients *c);

/* u(y) = by_state y + by_net NET(in y, time). */
typedef struct fmi_form {
  double time, in, by_state, by_net;
} fmi_form;

/* A velocity network on its own path: the output is the velocity, to the bit. */
static inline bool fmi_form_is_plain(const fmi_form *f) {
  return f->in == 1 && f->by_state == 0 && f->by_net == 1;
}

/* The form at time t of the path `to`, for a network trained on `path`; both may be the same. */
fm_status fmi_form_at(const fmi_prediction *prediction, const fm_path *path, const fm_path *to, double t,
                      fmi_form *out, fmi_error *err);

/* The prediction's target for a pair with the coefficients c: by_x1 x1 + by_x0 x0 + by_xt x_t. A velocity on a
   path with gamma has gamma' eps besides. The velocity's error is `gain` times the prediction's. */
typedef struct fmi_target {
  double by_x1, by_x0, by_xt, gain;
} fmi_target;
fmi_target fmi_target_at(const fmi_prediction *prediction, const fm_path_coefficients *c);

/* A state of `to` at time r, seen on `path`: fm_path_transform. */
fm_status fmi_path_transform(const fm_path *path, const fm_path *to, double r, fm_path_change *out,
                             fmi_error *err);
/* Both paths have no gamma: else FM_E_UNSUPPORTED naming `what`. */
fm_status fmi_path_check_gamma(const char *what, const fm_path *path, fmi_error *err);
#endif
