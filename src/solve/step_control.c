/* step_control.c - error norm, PI controller and first step, after Hairer, Norsett & Wanner, "Solving
   Ordinary Differential Equations I", 2nd ed., section II.4 (norm: eq. 4.11; first step: p. 169), and
   Hairer & Wanner II, section IV.2 (PI control; Gustafsson, ACM TOMS 17, 1991). */
#include "solve/step_control.h"

#include <math.h>

static void scale(size_t dim, const double *v, const double *y0, const double *y1, double rtol, double atol,
                  double *out) {
  for (size_t j = 0; j < dim; j++) {
    const double a = fabs(y0[j]), b = fabs(y1[j]);
    out[j] = v[j] / (atol + rtol * (a > b ? a : b));
  }
}

/* The ratios go to memory first, in a loop without a chain; four running sums then shorten the chain. */
double fmi_norm_rms(size_t dim, const double *v, const double *y0, const double *y1, double rtol, double atol,
                    double *scratch) {
  scale(dim, v, y0, y1, rtol, atol, scratch);
  double sum[4] = {0};
  size_t j = 0;
  for (; j + 4 <= dim; j += 4)
    for (size_t lane = 0; lane < 4; lane++) sum[lane] += scratch[j + lane] * scratch[j + lane];
  for (; j < dim; j++) sum[0] += scratch[j] * scratch[j];
  return sqrt(((sum[0] + sum[1]) + (sum[2] + sum[3])) / (double)dim);
}

double fmi_norm_max(size_t dim, const double *v, const double *y0, const double *y1, double rtol, double atol,
                    double *scratch) {
  scale(dim, v, y0, y1, rtol, atol, scratch);
  double most = 0;
  for (size_t j = 0; j < dim; j++) {
    if (isnan(scratch[j])) return NAN;
    most = fmax(most, fabs(scratch[j]));
  }
  return most;
}

/* factor = safety error^-(1/q - 3/4 beta) last^beta; Hairer's beta for order 5 is 0.04 = 0.2 / q. The second
   power foresees from the last accepted step how the error is changing. Before there is one, and when
   a step is refused, the factor is safety error^-(1/q). A step that succeeds after a refusal is not followed
   by a longer one. */
void fmi_step_next(fmi_step_state *state, double error, const fmi_step_rule *rule) {
  const double q = rule->order, beta = rule->beta, safety = rule->safety;
  double factor;
  if (!isfinite(error)) {
    factor = rule->min_factor;
  } else if (error > 1) {
    factor = fmax(rule->min_factor, safety * pow(error, -1 / q));
  } else {
    const double e = fmax(error, 1e-10); /* an error of 0 has no such power */
    factor = state->last_error > 0 ? safety * pow(e, -(1 / q - 0.75 * beta)) * pow(state->last_error, beta)
                                   : safety * pow(e, -1 / q);
    factor = fmax(rule->min_factor, fmin(factor, state->rejected ? 1 : rule->max_factor));
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
