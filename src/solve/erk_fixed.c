/* erk_fixed.c - explicit Runge-Kutta methods with fixed steps. */
#include "solve/erk.h"

const fmi_stepper fmi_erk_fixed = {0};

size_t fmi_erk_fixed_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  fmi_arena arena = {0};
  fmi_erk s;
  fmi_erk_carve(&s, &arena, config->method->tableau, n, dim);
  return arena.used;
}

fm_status fmi_erk_find_end_slopes(fmi_erk *s, bool *found) {
  *found = s->active > 0 && fmi_erk_saves_inside(s, 0); /* all rows are at one time */
  if (!*found) return FM_OK;
  memcpy(s->t_stage, s->t_next, s->active * sizeof *s->t_stage);
  return fmi_erk_evaluate(s, s->k + fmi_erk_end_stage(s->tableau) * s->job->n * s->job->dim);
}

fm_status fmi_erk_take_step(fmi_erk *s, bool found) {
  size_t kept = 0;
  for (size_t i = 0; i < s->active; i++) {
    if (!fmi_erk_accept(s, i))
      fmi_erk_fail(s, i, FM_E_NONFINITE);
    else if (found)
      fmi_erk_keep(s, kept++, i, fmi_erk_end_stage(s->tableau));
    else
      fmi_erk_move(s, kept++, i);
  }
  s->active = kept;
  s->step++;
  return fmi_erk_report(s);
}

void fmi_erk_propose(fmi_erk *s, uint32_t k) {
  const fmi_solve_job *job = s->job;
  const double t = fmi_grid_time(&job->config->grid, job->t0, job->t1, k);
  const double t_next = fmi_grid_time(&job->config->grid, job->t0, job->t1, k + 1);
  for (size_t i = 0; i < s->active; i++) {
    s->h[i] = t_next - t;
    s->t_next[i] = t_next;
  }
}

fm_status fmi_erk_fixed_solve(const fmi_solve_job *job) {
  const fmi_tableau *tableau = job->config->method->tableau;
  /* The last stage of an FSAL method has no weight in the result. */
  const unsigned stages = tableau->fsal ? tableau->stages - 1 : tableau->stages;
  bool found = false;
  fmi_arena arena = {.base = job->workspace};
  fmi_erk s;
  fmi_erk_carve(&s, &arena, tableau, job->n, job->dim);
  FMI_TRY(fmi_erk_begin(&s, job));
  for (uint32_t k = 0; k < job->config->grid.n_steps && s.active > 0; k++) {
    const fm_status status = fmi_erk_check(&s);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    fmi_erk_propose(&s, k);
    FMI_TRY(fmi_erk_stages(&s, found, status == FM_DEADLINE ? 1 : stages));
    if (status == FM_DEADLINE) return fmi_erk_finish_by_euler(&s);
    fmi_erk_combine(&s, tableau->b, stages);
    FMI_TRY(fmi_erk_find_end_slopes(&s, &found));
    FMI_TRY(fmi_erk_take_step(&s, found));
  }
  return fmi_erk_end(&s, FM_OK);
}
