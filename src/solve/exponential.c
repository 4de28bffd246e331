/* exponential.c - a second-order multistep method in the data's end, of the class of DPM-Solver++(2M) (Lu et
   al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", arXiv 2211.01095).
   With rho = alpha / sigma and x1 the data end that the velocity expects, the flow is

       x_t = sigma_t / sigma_s x_s + sigma_t int_s^t x1(tau) drho(tau)

   exactly, so what the path says is never in the error. x1 is taken as a line through the last two times, so
   a step is one evaluation:

       x_t = sigma_t / sigma_s x_s + (alpha_t - sigma_t alpha_s / sigma_s) x1_s
             + ((t - s) alpha_t - sigma_t int_s^t rho) (x1_s - x1_p) / (s - p)

   DPM-Solver++(2M) takes it as a line in log rho, which is infinite at both ends: on a grid in time the last
   steps then cost the order. In time x1 is smooth there, and the last step ends in x1 extrapolated to its
   end. The first step takes x1 as constant. Where x1 can't be told from the velocity, or sigma_s is 0, the
   step is Euler's. */
#include "solve/erk.h"

#include <math.h>

const fmi_stepper fmi_exponential = {.multistep = true, .needs_path = true};

typedef struct exponential {
  fmi_erk rows;
  double *x1; /* [2][n][dim] by row of y: the last two, that of step k at k % 2 */
  bool known[2];
  fmi_tableau own; /* one mean slope, so that the interpolant is the cubic */
} exponential;

static void carve(exponential *s, fmi_arena *arena, const fmi_tableau *tableau, size_t n, size_t dim) {
  fmi_erk_carve(&s->rows, arena, tableau, n, dim);
  s->x1 = fmi_arena_take(arena, fmi_mul_size(2, fmi_mul_size(n, dim)), sizeof *s->x1);
  s->own = (fmi_tableau){.name = "exponential_2m", .order = 2, .stages = 2, .b = {0, 1}};
  s->known[0] = s->known[1] = false;
}

size_t fmi_exponential_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  fmi_arena arena = {0};
  exponential s;
  carve(&s, &arena, config->method->tableau, n, dim);
  return arena.used;
}

/* x1 of the active rows from their slopes. */
static fm_status find_x1(exponential *s, uint32_t k, double t) {
  fmi_erk *r = &s->rows;
  const fmi_solve_job *job = r->job;
  const size_t dim = job->dim;
  s->known[k % 2] = true;
  for (size_t i = 0; i < r->active; i++) {
    const size_t row = r->row[i];
    double *x1 = s->x1 + ((k % 2) * job->n + row) * dim;
    fmi_error miss = {.status = FM_OK}; /* not one of the call, unless it ends it */
    const fm_status status =
        job->x1_form->x1(job->x1_form->user, t, job->y + row * dim, r->k + i * dim, x1, &miss);
    if (status == FM_E_DOMAIN)
      s->known[k % 2] = false; /* of the time, not of the row */
    else if (status == FM_E_NONFINITE)
      x1[0] = NAN; /* the row is left out */
    else if (status != FM_OK)
      return fmi_fail(job->err, status, "%.400s", miss.text);
  }
  return FM_OK;
}

/* A step as a sum: keep x + gain x1 + lean (x1 - the last x1). */
typedef struct weights {
  double keep, gain, lean;
  bool usable;
} weights;

/* The integral of rho over a step by Gauss-Legendre quadrature, whose nodes are inside. */
static fm_status integrate(const fmi_solve_job *job, double from, double to, double *sum) {
  static const double node[4] = {.1834346424956498, .525532409916329, .7966664774136267, .9602898564975363};
  static const double share[4] = {.362683783378362, .3137066458778873, .2223810344533745, .1012285362903763};
  *sum = 0;
  for (int i = 0; i < 8; i++) {
    const double t = (from + to) / 2 + (i < 4 ? node[i] : -node[i - 4]) * (to - from) / 2;
    double alpha, sigma;
    FMI_TRY(job->x1_form->coefficients(job->x1_form->user, t, &alpha, &sigma, job->err));
    *sum += share[i % 4] * alpha / sigma * (to - from) / 2;
  }
  return FM_OK;
}

static fm_status set_weights(const exponential *s, uint32_t k, weights *w) {
  const fmi_solve_job *job = s->rows.job;
  const fmi_x1_form *form = job->x1_form;
  const fmi_grid *grid = &job->config->grid;
  const double from = fmi_grid_time(grid, job->t0, job->t1, k),
               to = fmi_grid_time(grid, job->t0, job->t1, k + 1);
  double alpha, sigma, alpha_to, sigma_to, integral;
  FMI_TRY(form->coefficients(form->user, from, &alpha, &sigma, job->err));
  FMI_TRY(form->coefficients(form->user, to, &alpha_to, &sigma_to, job->err));
  *w = (weights){.usable = s->known[k % 2] && sigma > 0};
  if (!w->usable) return FM_OK;
  w->keep = sigma_to / sigma;
  w->gain = alpha_to - w->keep * alpha;
  if (k == 0 || !s->known[(k - 1) % 2]) return FM_OK;
  FMI_TRY(integrate(job, from, to, &integral));
  w->lean =
      ((to - from) * alpha_to - sigma_to * integral) / (from - fmi_grid_time(grid, job->t0, job->t1, k - 1));
  if (!isfinite(w->lean)) w->lean = 0;
  return FM_OK;
}

/* Results of step k to x, and the mean slopes to stage 1. */
static fm_status advance(exponential *s, uint32_t k) {
  static const double forward[] = {1};
  fmi_erk *r = &s->rows;
  const fmi_solve_job *job = r->job;
  const size_t n = job->n, dim = job->dim;
  weights w;
  FMI_TRY(set_weights(s, k, &w));
  if (!w.usable) {
    fmi_erk_combine(r, forward, 1);
    memcpy(r->k + n * dim, r->k, r->active * dim * sizeof *r->k);
    return FM_OK;
  }
  for (size_t i = 0; i < r->active; i++) {
    const size_t row = r->row[i];
    const double *y = job->y + row * dim, *x1 = s->x1 + ((k % 2) * n + row) * dim,
                 *last = s->x1 + (((k + 1) % 2) * n + row) * dim;
    double *x = r->x + i * dim, *slope = r->k + (n + i) * dim;
    for (size_t j = 0; j < dim; j++) {
      x[j] = w.keep * y[j] + w.gain * x1[j];
      if (w.lean != 0) x[j] += w.lean * (x1[j] - last[j]);
      slope[j] = (x[j] - y[j]) / r->h[i];
    }
  }
  return FM_OK;
}

fm_status fmi_exponential_solve(const fmi_solve_job *job) {
  bool found = false;
  fmi_arena arena = {.base = job->workspace};
  exponential s;
  carve(&s, &arena, job->config->method->tableau, job->n, job->dim);
  FMI_TRY(fmi_erk_begin(&s.rows, job));
  s.rows.tableau = &s.own;
  for (uint32_t k = 0; k < job->config->grid.n_steps && s.rows.active > 0; k++) {
    const fm_status status = fmi_erk_check(&s.rows);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    fmi_erk_propose(&s.rows, k);
    FMI_TRY(fmi_erk_stages(&s.rows, found, 1));
    if (status == FM_DEADLINE) return fmi_erk_finish_by_euler(&s.rows);
    FMI_TRY(find_x1(&s, k, fmi_grid_time(&job->config->grid, job->t0, job->t1, k)));
    FMI_TRY(advance(&s, k));
    FMI_TRY(fmi_erk_find_end_slopes(&s.rows, &found));
    FMI_TRY(fmi_erk_take_step(&s.rows, found));
  }
  return fmi_erk_end(&s.rows, FM_OK);
}
