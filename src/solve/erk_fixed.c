/* erk_fixed.c - explicit Runge-Kutta methods with fixed steps. */
#include "solve/erk.h"

size_t fmi_erk_fixed_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  fmi_arena arena = {0};
  fmi_erk s;
  fmi_erk_carve(&s, &arena, config->method->tableau, n, dim);
  return arena.used;
}

/* From the ends, not by adding up steps: time k has one rounding error, not k of them. */
static double grid_time(const fmi_solve_job *job, uint32_t k) {
  const uint32_t n = job->config->n_steps;
  return k == n ? job->t1 : job->t0 + (job->t1 - job->t0) * k / n;
}

/* Takes the step whose result is in x; rows that left the finite numbers stay where they were. */
static void take_step(fmi_erk *s) {
  size_t kept = 0;
  for (size_t i = 0; i < s->active; i++) {
    if (fmi_erk_accept(s, i))
      fmi_erk_move(s, kept++, i);
    else
      fmi_erk_fail(s, i, FM_E_NONFINITE);
  }
  s->active = kept;
}

fm_status fmi_erk_fixed_solve(const fmi_solve_job *job) {
  const fmi_tableau *tableau = job->config->method->tableau;
  /* The last stage of an FSAL method is there for an error estimate: it has no weight in the result. */
  const unsigned stages = tableau->fsal ? tableau->stages - 1 : tableau->stages;
  fmi_arena arena = {.base = job->workspace};
  fmi_erk s;
  fmi_erk_carve(&s, &arena, tableau, job->n, job->dim);
  FMI_TRY(fmi_erk_begin(&s, job));
  for (uint32_t k = 0; k < job->config->n_steps && s.active > 0; k++) {
    fm_status status = fmi_erk_check(&s);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    const double t = grid_time(job, k), t_next = grid_time(job, k + 1);
    for (size_t i = 0; i < s.active; i++) {
      s.h[i] = t_next - t;
      s.t_next[i] = t_next;
    }
    if (status == FM_DEADLINE) {
      FMI_TRY(fmi_erk_stages(&s, 0, 1));
      return fmi_erk_finish_by_euler(&s);
    }
    FMI_TRY(fmi_erk_stages(&s, 0, stages));
    fmi_erk_combine(&s, tableau->b, stages);
    take_step(&s);
    s.step++;
    FMI_TRY(fmi_erk_report(&s));
  }
  return fmi_erk_end(&s, FM_OK);
}
