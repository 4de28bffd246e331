/* step_control.h - how large a step should be: pure functions of one row. */
#ifndef FMI_STEP_CONTROL_H
#define FMI_STEP_CONTROL_H

#include "core/core.h"

/* A norm of v_j / (atol + rtol max(|y0_j|, |y1_j|)): NaN if one of them is. scratch [dim] may be v. */
typedef double (*fmi_norm_fn)(size_t dim, const double *v, const double *y0, const double *y1, double rtol,
                              double atol, double *scratch);
double fmi_norm_rms(size_t dim, const double *v, const double *y0, const double *y1, double rtol, double atol,
                    double *scratch);
double fmi_norm_max(size_t dim, const double *v, const double *y0, const double *y1, double rtol, double atol,
                    double *scratch);

/* How steps follow errors. `order` is that of the error estimate: the smaller order of the pair plus one. */
typedef struct fmi_step_rule {
  double safety, min_factor, max_factor, beta, max_step;
  unsigned order;
} fmi_step_rule;

/* What a row remembers between tries. */
typedef struct fmi_step_state {
  double h;          /* the next step's length, > 0 */
  double last_error; /* of the last accepted step; 0: none yet */
  uint64_t tries;
  bool rejected; /* the last try was */
  bool blew_up;  /* the last try was not finite */
} fmi_step_state;

/* Sets h after a try with scaled error `error` (accepted if <= 1; NaN: the try was not finite). */
void fmi_step_next(fmi_step_state *state, double error, const fmi_step_rule *rule);

/* The first step, before and after the trial evaluation: norms of y0, f0 and (f1 - f0) / h0; span |t1 - t0|.
 */
double fmi_step_trial(double norm_y, double norm_f, double span);
double fmi_step_first(double trial, double norm_f, double norm_change, unsigned order, double span);
#endif
