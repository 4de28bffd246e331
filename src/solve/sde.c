/* sde.c - fixed steps of dx = (rhs + g^2 / 2 score) dt + g dW, which has the marginals of dx = rhs dt for any
   g(t) (Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021,
   appendix D; Ma et al., "SiT", ECCV 2024, eq. 5).

   Euler-Maruyama, and the stochastic Heun method (Kloeden & Platen, "Numerical Solution of Stochastic
   Differential Equations", 1992, 15.1), whose predictor and corrector see the same increment. The last step
   is always Euler-Maruyama's: the score need not exist where it ends. */
#include "solve/erk.h"

#include <math.h>

bool fmi_sde_has(const fmi_method *method) {
  return method->kind == FM_SOLVER_EULER || method->kind == FM_SOLVER_HEUN2 || method->kind == FM_SOLVER_DDIM;
}

/* Slopes of the active rows at (t_stage, x), all at one time: k [active][dim]; *g is the diffusion there. */
static fm_status evaluate(fmi_erk *s, double *k, double *g) {
  const fmi_diffusion *d = s->job->diffusion;
  *g = 0;
  if (s->active == 0) return FM_OK;
  FMI_TRY(d->g(d->user, s->t_stage[0], g, s->job->err));
  FMI_TRY(fmi_erk_evaluate(s, k));
  if (*g == 0) return FM_OK;
  return d->add_score(d->user, s->active, s->t_stage, s->x, *g * *g / 2, k, s->job->err);
}

static void put_states(fmi_erk *s, double t) {
  const size_t dim = s->job->dim;
  for (size_t i = 0; i < s->active; i++) {
    memcpy(s->x + i * dim, s->job->y + s->row[i] * dim, dim * sizeof *s->x);
    s->t_stage[i] = t;
  }
}

/* x += size xi for every row, xi that of the step. */
static void add_noise(fmi_erk *s, uint32_t step, double size) {
  const fmi_diffusion *d = s->job->diffusion;
  const size_t dim = s->job->dim;
  for (size_t i = 0; i < s->active && size != 0; i++) {
    d->noise(d->user, s->row_id[i], step, s->between);
    for (size_t j = 0; j < dim; j++) s->x[i * dim + j] += size * s->between[j];
  }
}

/* From t to t_next; Heun's method has the corrector. */
static fm_status step(fmi_erk *s, uint32_t number, double t_next, double g, bool heun) {
  static const double forward[] = {1}, both[] = {.5, .5};
  const size_t cells = s->job->n * s->job->dim;
  double g_next;
  if (s->active == 0) return FM_OK;
  const double root = sqrt(fabs(s->h[0])); /* all rows take the same step */
  fmi_erk_combine(s, forward, 1);
  add_noise(s, number, g * root);
  if (!heun) return FM_OK;
  for (size_t i = 0; i < s->active; i++) s->t_stage[i] = t_next;
  FMI_TRY(evaluate(s, s->k + cells, &g_next));
  fmi_erk_combine(s, both, 2);
  add_noise(s, number, (g + g_next) / 2 * root);
  return FM_OK;
}

static fm_status overshoot(fmi_erk *s, uint32_t number, double t, double t_next) {
  static const double forward[] = {1};
  const fmi_diffusion *d = s->job->diffusion;
  double beyond, keep, size;
  FMI_TRY(d->overshoot(d->user, t, t_next, &beyond, &keep, &size, s->job->err));
  FMI_TRY(fmi_erk_evaluate(s, s->k));
  for (size_t i = 0; i < s->active; i++) s->h[i] = beyond - t;
  fmi_erk_combine(s, forward, 1);
  for (size_t i = 0; i < s->active * s->job->dim; i++) s->x[i] *= keep;
  add_noise(s, number, size);
  return FM_OK;
}

static fm_status keep_some(fmi_erk *s, uint32_t number, double t, double t_next, double *ends) {
  const fmi_diffusion *d = s->job->diffusion;
  double share;
  FMI_TRY(d->keep(d->user, t, t_next, &share, s->job->err));
  FMI_TRY(fmi_erk_evaluate(s, s->k));
  return fmi_ddim_step(s, t_next, share, number, ends);
}

fm_status fmi_sde_solve(const fmi_solve_job *job) {
  const fmi_tableau *tableau = job->config->method->tableau;
  const fmi_grid *grid = &job->config->grid;
  fmi_arena arena = {.base = job->workspace};
  fmi_erk s;
  fmi_erk_carve(&s, &arena, tableau, job->n, job->dim);
  double *ends = job->diffusion->keep ? fmi_arena_take(&arena, 2 * job->dim, sizeof *ends) : NULL;
  FMI_TRY(fmi_erk_begin(&s, job));
  for (uint32_t k = 0; k < grid->n_steps && s.active > 0; k++) {
    const double t = fmi_grid_time(grid, job->t0, job->t1, k),
                 t_next = fmi_grid_time(grid, job->t0, job->t1, k + 1);
    double g;
    fm_status status = fmi_erk_check(&s);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    put_states(&s, t);
    fmi_erk_propose(&s, k);
    if (status == FM_DEADLINE) { /* by the flow, which has no noise to be lost */
      FMI_TRY(fmi_erk_evaluate(&s, s.k));
      return fmi_erk_finish_by_euler(&s);
    }
    if (job->diffusion->keep != NULL) {
      FMI_TRY(keep_some(&s, k, t, t_next, ends));
    } else if (job->diffusion->overshoot != NULL) {
      FMI_TRY(overshoot(&s, k, t, t_next));
    } else {
      FMI_TRY(evaluate(&s, s.k, &g));
      FMI_TRY(step(&s, k, t_next, g, tableau->stages == 2 && k + 1 < grid->n_steps));
    }
    FMI_TRY(fmi_erk_take_step(&s, false));
  }
  return fmi_erk_end(&s, FM_OK);
}
