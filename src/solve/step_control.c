/* step_control.c - error norm, PI controller and first step, after Hairer, Norsett & Wanner, "Solving
   Ordinary Differential Equations I", 2nd ed., section II.4 (norm: eq. 4.11; first step: p. 169), and
   Hairer & Wanner II, section IV.2 (PI control; Gustafsson, ACM TOMS 17, 1991). */
#include "solve/step_control.h"

#include <math.h>

static const double safety = 0.9, factor_min = 0.2, factor_max = 10;

/* The squares go to memory first, in a loop without a chain; four running sums then shorten the chain. */
double fmi_scaled_norm(size_t dim, const double *v, const double *y0, const double *y1, double rtol,
                       double atol, double *scratch) {
  for (size_t j = 0; j < dim; j++) {
    const double a = fabs(y0[j]), b = fabs(y1[j]);
    const double ratio = v[j] / (atol + rtol * (a > b ? a : b));
    scratch[j] = ratio * ratio;
  }
  double sum[4] = {0};
  size_t j = 0;
  for (; j + 4 <= dim; j += 4)
    for (size_t lane = 0; lane < 4; lane++) sum[lane] += scratch[j + lane];
  for (; j < dim; j++) sum[0] += scratch[j];
  return sqrt(((sum[0] + sum[1]) + (sum[2] + sum[3])) / (double)dim);
}

/* factor = safety error^-(1/q - 3/4 beta) last^beta, with Hairer's beta = 0.2 / q (0.04 for order 5): the
   second power foresees from the last accepted step how the error is changing. Before there is one, and when
   a step is refused, the factor is safety error^-(1/q). A step that succeeds after a refusal is not followed
   by a longer one. */
void fmi_step_next(fmi_step_state *state, double error, unsigned order) {
  const double q = order, beta = 0.2 / q;
  double factor;
  if (!isfinite(error)) {
    factor = factor_min;
  } else if (error > 1) {
    factor = fmax(factor_min, safety * pow(error, -1 / q));
  } else {
    const double e = fmax(error, 1e-10); /* far beyond what factor_max lets through */
    factor = state->last_error > 0 ? safety * pow(e, -(1 / q - 0.75 * beta)) * pow(state->last_error, beta)
                                   : safety * pow(e, -1 / q);
    factor = fmax(factor_min, fmin(factor, state->rejected ? 1 : factor_max));
    state->last_error = fmax(error, 1e-4); /* so that one lucky step doesn't hold the next one back */
  }
  state->rejected = !(error <= 1);
  state->blew_up = !isfinite(error);
  state->h *= factor;
}

/* A step that an Euler step could take with an increment of a hundredth of the state. */
double fmi_step_trial(double norm_y, double norm_f, double span) {
  double h = norm_y < 1e-5 || norm_f < 1e-5 ? 1e-6 * span : 0.01 * norm_y / norm_f;
  return fmin(fmax(h, 1e-12 * span), span);
}

/* A step h with h^q max(|f'|, |f|) = 0.01, at most 100 trial steps. norm_change may be NaN: the trial step
   was too long already. */
double fmi_step_first(double trial, double norm_f, double norm_change, unsigned order, double span) {
  double h;
  if (!isfinite(norm_change)) {
    h = 1e-3 * trial;
  } else {
    const double largest = fmax(norm_f, norm_change);
    h = largest <= 1e-15 ? fmax(1e-6 * span, 1e-3 * trial) : pow(0.01 / largest, 1.0 / order);
    h = fmin(h, 100 * trial);
  }
  return fmin(fmax(h, 1e-12 * span), span);
}
