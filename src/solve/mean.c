/* mean.c - steps by a mean velocity, u(z, t, r) over [t, r]: z_r = z_t + (r - t) u(z_t, t, r), exact for the exact
   u whatever the step (Geng et al., "Mean Flows for One-step Generative Modeling", arXiv 2505.13447, eq. 12).
   States inside a step are steps of their own, and so is the way to the end when the deadline has passed. */
#include "solve/erk.h"

const fmi_stepper fmi_mean = {.needs_mean = true};

size_t fmi_mean_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  return fmi_erk_fixed_workspace(config, n, dim);
}

/* The slope of a step as a right-hand side: where the step ends is in the rows. */
static fm_status slope(void *user, size_t n, const uint64_t *row, const double *t, const double *x, double *u,
                       fmi_error *err) {
  const fmi_erk *s = user;
  const fmi_mean_form *form = s->job->mean_form;
  return form->fn(form->user, n, row, t, s->t_next, x, u, err);
}

/* x of every slot, which ends at t. */
static fm_status step_to(fmi_erk *s, double t) {
  static const double forward[] = {1};
  for (size_t i = 0; i < s->active; i++) {
    s->t_next[i] = t;
    s->h[i] = t - s->t[s->row[i]];
  }
  FMI_TRY(fmi_erk_stages(s, 0, 1));
  fmi_erk_combine(s, forward, 1);
  return FM_OK;
}

/* Saves the states at times before t. All rows are at one time. */
static fm_status save_until(fmi_erk *s, double t) {
  const fmi_solve_job *job = s->job;
  while (s->active > 0) {
    const size_t k = s->next[s->row[0]], dim = job->dim;
    size_t kept = 0;
    if (k + 1 >= job->n_times || !(job->times[k] < t)) break;
    FMI_TRY(step_to(s, job->times[k]));
    for (size_t i = 0; i < s->active; i++) {
      const size_t row = s->row[i];
      if (!fmi_erk_finite(s->x + i * dim, dim)) {
        fmi_erk_fail(s, i, FM_E_NONFINITE);
        continue;
      }
      job->save(job->save_user, job->first_row + row, s->next[row]++, s->x + i * dim);
      fmi_erk_move(s, kept++, i);
    }
    s->active = kept;
  }
  return FM_OK;
}

fm_status fmi_mean_solve(const fmi_solve_job *given) {
  fmi_solve_job job = *given;
  fmi_arena arena = {.base = job.workspace};
  fmi_erk s;
  const fmi_rhs rhs = {slope, &s};
  job.rhs = &rhs;
  fmi_erk_carve(&s, &arena, job.config->method->tableau, job.n, job.dim);
  FMI_TRY(fmi_erk_begin(&s, &job));
  for (uint32_t k = 0; k < job.config->grid.n_steps && s.active > 0; k++) {
    const fm_status status = fmi_erk_check(&s);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    const double end =
        status == FM_DEADLINE ? job.t1 : fmi_grid_time(&job.config->grid, job.t0, job.t1, k + 1);
    FMI_TRY(save_until(&s, end));
    FMI_TRY(step_to(&s, end));
    if (status == FM_DEADLINE) return fmi_erk_finish_by_euler(&s);
    FMI_TRY(fmi_erk_take_step(&s, false));
  }
  return fmi_erk_end(&s, FM_OK);
}
