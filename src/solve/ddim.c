/* ddim.c - steps along the path itself (Song et al., "Denoising Diffusion Implicit Models", ICLR 2021, eq. 12):
   both ends that the velocity expects are put together again at the next time,

       x_t' = alpha_t' x1 + sigma_t' (k x0 + sqrt(1 - k^2) xi),

   with k = 1 and no noise for DDIM, and with a share k of the noise kept where draws are stochastic: sigma_t'
   stays what it is, so marginals do too. It is Euler's method where the path is a straight line, at the times
   alpha / (alpha + sigma) (docs/diffusion.md).

   Where a path's velocity doesn't tell x1 (D = 0), alpha_t' x1 is what Euler's step makes of it. */
#include "solve/erk.h"

#include <math.h>

const fmi_stepper fmi_ddim = {.needs_path = true};

/* One mean slope, so that the interpolant is the cubic. */
static const fmi_tableau own = {.name = "ddim", .order = 1, .stages = 2, .b = {0, 1}};

static double *carve(fmi_erk *s, fmi_arena *arena, size_t n, size_t dim) {
  fmi_erk_carve(s, arena, &own, n, dim);
  return fmi_arena_take(arena, fmi_mul_size(2, dim), sizeof(double));
}

size_t fmi_ddim_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  fmi_arena arena = {0};
  fmi_erk s;
  (void)config;
  carve(&s, &arena, n, dim);
  return arena.used;
}

/* The parts of a row's result: by_x1 [dim] and x0 [dim]. *known is false where x0 is not told either. */
static fm_status take_apart(const fmi_erk *s, size_t slot, double alpha, double sigma, double *by_x1,
                            double *x0, bool *known) {
  const fmi_solve_job *job = s->job;
  const fmi_x1_form *form = job->x1_form;
  const size_t dim = job->dim, row = s->row[slot];
  const double *y = job->y + row * dim, *v = s->k + slot * dim;
  fmi_error miss = {.status = FM_OK}; /* an end that is not told is no error of the call */
  fm_status status = form->x0(form->user, s->t[row], y, v, x0, &miss);
  *known = status == FM_OK;
  if (status == FM_E_DOMAIN) return FM_OK;
  if (status != FM_OK) return fmi_fail(job->err, status, "%.400s", miss.text);
  status = form->x1(form->user, s->t[row], y, v, by_x1, &miss);
  for (size_t j = 0; j < dim; j++)
    by_x1[j] = status == FM_OK ? alpha * by_x1[j] : y[j] + s->h[slot] * v[j] - sigma * x0[j];
  if (status == FM_OK || status == FM_E_DOMAIN) return FM_OK;
  return fmi_fail(job->err, status, "%.400s", miss.text);
}

fm_status fmi_ddim_step(fmi_erk *s, double t_next, double keep, uint32_t number, double *ends) {
  static const double forward[] = {1};
  const fmi_solve_job *job = s->job;
  const size_t dim = job->dim;
  const double renewed = sqrt(fmax(1 - keep * keep, 0));
  double alpha, sigma, *by_x1 = ends, *x0 = ends + dim;
  FMI_TRY(job->x1_form->coefficients(job->x1_form->user, t_next, &alpha, &sigma, job->err));
  fmi_erk_combine(s, forward, 1); /* for rows whose ends are not known */
  for (size_t i = 0; i < s->active; i++) {
    bool known;
    double *x = s->x + i * dim;
    const fm_status status = take_apart(s, i, alpha, sigma, by_x1, x0, &known);
    if (status == FM_E_NONFINITE)
      x[0] = NAN; /* the row is left out */
    else if (status != FM_OK)
      return status;
    if (status != FM_OK || !known) continue;
    if (renewed > 0) job->diffusion->noise(job->diffusion->user, s->row_id[i], number, s->between);
    for (size_t j = 0; j < dim; j++)
      x[j] = by_x1[j] + sigma * (renewed > 0 ? keep * x0[j] + renewed * s->between[j] : x0[j]);
  }
  return FM_OK;
}

fm_status fmi_ddim_solve(const fmi_solve_job *job) {
  const fmi_grid *grid = &job->config->grid;
  const size_t dim = job->dim;
  bool found = false;
  fmi_arena arena = {.base = job->workspace};
  fmi_erk s;
  double *ends = carve(&s, &arena, job->n, dim);
  FMI_TRY(fmi_erk_begin(&s, job));
  for (uint32_t k = 0; k < grid->n_steps && s.active > 0; k++) {
    const fm_status status = fmi_erk_check(&s);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    fmi_erk_propose(&s, k);
    FMI_TRY(fmi_erk_stages(&s, found, 1));
    if (status == FM_DEADLINE) return fmi_erk_finish_by_euler(&s);
    FMI_TRY(fmi_ddim_step(&s, fmi_grid_time(grid, job->t0, job->t1, k + 1), 1, k, ends));
    for (size_t i = 0; i < s.active; i++)
      for (size_t j = 0; j < dim; j++)
        s.k[(job->n + i) * dim + j] = (s.x[i * dim + j] - job->y[s.row[i] * dim + j]) / s.h[i];
    FMI_TRY(fmi_erk_find_end_slopes(&s, &found));
    FMI_TRY(fmi_erk_take_step(&s, found));
  }
  return fmi_erk_end(&s, FM_OK);
}
