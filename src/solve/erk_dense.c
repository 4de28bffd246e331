/* erk_dense.c - states at times between a step's ends, without an evaluation of their own.

   The cubic through the states and slopes at both ends (Hairer, Norsett & Wanner I, eq. II.6.7) is a
   continuous extension of order 3 for every method of that order; where a method has one of order 4 it is
   that cubic and one term more, which vanishes with its slope at both ends. Both are sums of the stages, so
   the weights say all. */
#include "solve/erk.h"

void fmi_erk_dense_weights(const fmi_tableau *tableau, double theta, double *w) {
  const unsigned end = fmi_erk_end_stage(tableau);
  const double rest = 1 - theta, square = theta * theta;
  for (unsigned i = 0; i < tableau->stages; i++)
    w[i] = square * (3 - 2 * theta) * tableau->b[i] + square * rest * rest * tableau->d[i];
  if (end == tableau->stages) w[end] = 0;
  w[0] += theta * rest * rest;
  w[end] -= square * rest;
}

static double next_time(const fmi_erk *s, size_t row) {
  const fmi_solve_job *job = s->job;
  return s->next[row] + 1 < job->n_times ? job->times[s->next[row]] : job->t1;
}

static bool wanted(const fmi_erk *s, size_t row) { return s->next[row] + 1 < s->job->n_times; }

bool fmi_erk_saves_inside(const fmi_erk *s, size_t slot) {
  const size_t row = s->row[slot];
  const double time = next_time(s, row), end = s->t_next[slot];
  return wanted(s, row) && (s->job->t0 < s->job->t1 ? time < end : time > end);
}

/* The state at a time inside the step. */
static const double *interpolate(const fmi_erk *s, size_t slot, double time) {
  const size_t n = s->job->n, dim = s->job->dim, row = s->row[slot];
  const double h = s->h[slot], theta = (time - s->t[row]) / h, *y = s->job->y + row * dim;
  double w[FMI_ERK_STAGES + 1] = {theta};
  unsigned terms = 1;
  if (!s->long_step) {
    fmi_erk_dense_weights(s->tableau, theta, w);
    terms = fmi_erk_end_stage(s->tableau) + 1;
  }
  for (size_t j = 0; j < dim; j++) s->between[j] = 0;
  for (unsigned i = 0; i < terms; i++) {
    const double *k = s->k + (i * n + slot) * dim;
    if (w[i] == 0) continue;
    for (size_t j = 0; j < dim; j++) s->between[j] += w[i] * k[j];
  }
  for (size_t j = 0; j < dim; j++) s->between[j] = y[j] + h * s->between[j];
  return s->between;
}

bool fmi_erk_save(fmi_erk *s, size_t slot) {
  const fmi_solve_job *job = s->job;
  const size_t row = s->row[slot], dim = job->dim;
  while (wanted(s, row)) {
    const double time = next_time(s, row);
    const double *x = s->x + slot * dim;
    if (fmi_erk_saves_inside(s, slot))
      x = interpolate(s, slot, time);
    else if (time != s->t_next[slot])
      break;
    if (!fmi_erk_finite(x, dim)) return false;
    job->save(job->save_user, job->first_row + row, s->next[row]++, x);
  }
  return true;
}
