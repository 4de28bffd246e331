/* erk_adaptive.c - embedded explicit Runge-Kutta pairs with the first-same-as-last property, the step chosen
   for every row by itself. Rows go round by round: in a round every active row tries one step of its own
   length from its own time, and either takes it or will try a shorter one. */
#include "solve/erk.h"
#include "solve/step_control.h"

#include <math.h>

const fmi_stepper fmi_erk_adaptive = {0};

typedef struct adaptive {
  fmi_erk rows;
  fmi_step_state *state; /* [n] row */
  double *error;         /* [n][dim] slot */
} adaptive;

static void carve(adaptive *s, fmi_arena *arena, const fmi_tableau *tableau, size_t n, size_t dim) {
  fmi_erk_carve(&s->rows, arena, tableau, n, dim);
  s->state = fmi_arena_take(arena, n, sizeof *s->state);
  s->error = fmi_arena_take(arena, fmi_mul_size(n, dim), sizeof *s->error);
}

size_t fmi_erk_adaptive_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  fmi_arena arena = {0};
  adaptive s;
  carve(&s, &arena, config->method->tableau, n, dim);
  return arena.used;
}

static double *stage(const fmi_erk *r, unsigned i, size_t slot) {
  return r->k + (i * r->job->n + slot) * r->job->dim;
}

/* The slope at the start of every row. One that is not finite there has no step to try. */
static fm_status start(adaptive *s) {
  fmi_erk *r = &s->rows;
  size_t kept = 0;
  FMI_TRY(fmi_erk_stages(r, 0, 1));
  for (size_t i = 0; i < r->active; i++) {
    s->state[r->row[i]] = (fmi_step_state){0};
    if (fmi_erk_finite(stage(r, 0, i), r->job->dim))
      fmi_erk_keep(r, kept++, i, 0);
    else
      fmi_erk_fail(r, i, FM_E_NONFINITE);
  }
  r->active = kept;
  return FM_OK;
}

/* Sets every row's first step: the caller's, or by a trial Euler step (Hairer, Norsett & Wanner, II.4). */
static fm_status choose_first_steps(adaptive *s) {
  static const double forward[] = {1};
  fmi_erk *r = &s->rows;
  const fmi_solve_job *job = r->job;
  const fmi_solve_config *config = job->config;
  const size_t dim = job->dim;
  const double span = fmin(fabs(job->t1 - job->t0), config->rule.max_step);
  if (config->first_step > 0) {
    for (size_t i = 0; i < r->active; i++) s->state[r->row[i]].h = config->first_step;
    return FM_OK;
  }
  for (size_t i = 0; i < r->active; i++) {
    const double *y = job->y + r->row[i] * dim, *f = stage(r, 0, i);
    double *scratch = s->error + i * dim;
    const double norm_y = config->norm(dim, y, y, y, config->rtol, config->atol, scratch);
    const double norm_f = config->norm(dim, f, y, y, config->rtol, config->atol, scratch);
    const double trial = fmi_step_trial(norm_y, norm_f, span);
    s->state[r->row[i]].h = trial;
    s->state[r->row[i]].last_error = norm_f; /* lent until the step is set */
    r->h[i] = job->t1 > job->t0 ? trial : -trial;
    r->t_stage[i] = fmi_erk_time(job->t0, r->h[i], job->t1);
  }
  fmi_erk_combine(r, forward, 1);
  FMI_TRY(fmi_erk_evaluate(r, stage(r, 1, 0)));
  for (size_t i = 0; i < r->active; i++) {
    const double *y = job->y + r->row[i] * dim, *f0 = stage(r, 0, i), *f1 = stage(r, 1, i);
    double *change = s->error + i * dim;
    fmi_step_state *state = &s->state[r->row[i]];
    for (size_t j = 0; j < dim; j++) change[j] = f1[j] - f0[j];
    const double norm = config->norm(dim, change, y, y, config->rtol, config->atol, change) / state->h;
    state->h = fmi_step_first(state->h, state->last_error, norm, config->rule.order, span);
    state->last_error = 0;
  }
  return FM_OK;
}

/* The step every row tries next, clipped to end at t1 exactly. A step that would leave less than a hundredth
   of itself takes the rest too. Rows that have no try left, or whose step doesn't move them, end here. */
static void propose(adaptive *s) {
  fmi_erk *r = &s->rows;
  const fmi_solve_job *job = r->job;
  size_t kept = 0;
  for (size_t i = 0; i < r->active; i++) {
    fmi_step_state *state = &s->state[r->row[i]];
    const double t = r->t[r->row[i]], rest = job->t1 - t, most = job->config->rule.max_step;
    const bool last = 1.01 * state->h >= fabs(rest) && fabs(rest) <= most;
    const double h = last ? rest : copysign(fmin(state->h, most), rest);
    if (state->tries == job->config->max_steps) {
      fmi_erk_fail(r, i, FM_E_STEPS);
    } else if (t + h == t) { /* a step shrunk to nothing by infinities says where they are */
      fmi_erk_fail(r, i, state->blew_up ? FM_E_NONFINITE : FM_E_STEPS);
    } else {
      state->tries++;
      state->h = fabs(h);
      r->h[kept] = h;
      r->t_next[kept] = last ? job->t1 : t + h;
      fmi_erk_keep(r, kept++, i, 0);
    }
  }
  r->active = kept;
}

/* Takes or refuses every row's step, whose result is in x and whose last stage is the slope there. */
static void judge(adaptive *s) {
  fmi_erk *r = &s->rows;
  const fmi_solve_job *job = r->job;
  const fmi_solve_config *config = job->config;
  const size_t dim = job->dim;
  const unsigned last = r->tableau->stages - 1;
  size_t kept = 0;
  fmi_erk_weigh(r, r->tableau->e, r->tableau->stages, s->error);
  for (size_t i = 0; i < r->active; i++) {
    const size_t row = r->row[i];
    const double *y = job->y + row * dim, *x = r->x + i * dim;
    double *e = s->error + i * dim;
    double error = NAN;
    if (fmi_erk_finite(x, dim) && fmi_erk_finite(stage(r, last, i), dim))
      error = fabs(r->h[i]) * config->norm(dim, e, y, x, config->rtol, config->atol, e);
    const bool accepted = error <= 1 && fmi_erk_accept(r, i);
    fmi_step_next(&s->state[row], error, &config->rule);
    if (!accepted) fmi_erk_reject(r, i);
    if (r->t[row] != job->t1) fmi_erk_keep(r, kept++, i, accepted ? last : 0);
  }
  r->active = kept;
}

fm_status fmi_erk_adaptive_solve(const fmi_solve_job *job) {
  const fmi_tableau *tableau = job->config->method->tableau;
  fmi_arena arena = {.base = job->workspace};
  adaptive s;
  carve(&s, &arena, tableau, job->n, job->dim);
  FMI_TRY(fmi_erk_begin(&s.rows, job));
  FMI_TRY(start(&s));
  for (bool first = true; s.rows.active > 0; first = false) {
    fm_status status = fmi_erk_check(&s.rows);
    if (status == FM_DEADLINE) return fmi_erk_finish_by_euler(&s.rows);
    if (status != FM_OK) return status;
    if (first) FMI_TRY(choose_first_steps(&s));
    propose(&s);
    if (s.rows.active == 0) break;
    FMI_TRY(fmi_erk_stages(&s.rows, 1, tableau->stages));
    judge(&s);
    s.rows.step++;
    FMI_TRY(fmi_erk_report(&s.rows));
  }
  return fmi_erk_end(&s.rows, FM_OK);
}
