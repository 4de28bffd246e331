/* solve.c - the list of solvers, their options, and the one way in. */
#include "solve/solve.h"
#include "solve/erk.h"

#include <math.h>
#include <stdio.h>

static const fmi_method methods[] = {
#define FMI_METHOD(kind, name, stepper, tableau)                                                             \
  {kind, name, fmi_##stepper##_workspace, fmi_##stepper##_solve, &fmi_##stepper, &fmi_tableau_##tableau},
#include "solve/solver_list.def"
#undef FMI_METHOD
};

/* The same with fixed steps, for methods whose steps are adaptive. */
static const fmi_method fixed_methods[] = {
#define FMI_METHOD(kind, name, stepper, tableau)                                                             \
  {kind, name, fmi_erk_fixed_workspace, fmi_erk_fixed_solve, &fmi_erk_fixed, &fmi_tableau_##tableau},
#include "solve/solver_list.def"
#undef FMI_METHOD
};

const fmi_method *fmi_method_at(size_t index) { return index < FMI_COUNT(methods) ? &methods[index] : NULL; }

const fmi_method *fmi_method_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(methods); i++)
    if (methods[i].kind == kind) return &methods[i];
  return NULL;
}

bool fmi_method_is_adaptive(const fmi_method *method) { return method->solve == fmi_erk_adaptive_solve; }

bool fmi_method_needs_model(const fmi_method *method) {
  return method->stepper->needs_path || method->stepper->needs_mean;
}

void fmi_method_describe(const fmi_method *method, fm_solver_info *info) {
  const fmi_tableau *t = method->tableau;
  const bool multistep = method->stepper->multistep, needs_model = fmi_method_needs_model(method);
  const uint32_t evaluations = t->fsal ? t->stages - 1 : t->stages;
  *info = (fm_solver_info){.struct_size = sizeof *info,
                           .name = method->name,
                           .method = method->kind,
                           .order = t->order,
                           .evaluations = multistep ? 1 : evaluations,
                           .adaptive = fmi_method_is_adaptive(method),
                           .needs_model = needs_model};
  if (multistep && !needs_model) info->start_evaluations = (t->order - 1) * (evaluations - 1);
}

/* ---- options ------------------------------------------------------------------------------------- */

static fm_status fail_method(uint32_t found, fmi_error *err) {
  char known[256] = "";
  size_t used = 0;
  for (size_t i = 0; i < FMI_COUNT(methods) && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s (%u)", i == 0 ? "" : ", ",
                             methods[i].name, (unsigned)methods[i].kind);
  return fmi_fail(err, FM_E_UNSUPPORTED, "solver_options.method: expected one of %s, found %u", known,
                  (unsigned)found);
}

/* A finite number >= 0, whose 0 stands for `fallback`. */
static fm_status read_number(const char *field, double given, double fallback, double *out, fmi_error *err) {
  if (!(given >= 0) || !isfinite(given))
    return fmi_fail(err, FM_E_INVALID, "solver_options.%s: expected a finite number >= 0, found %g", field,
                    given);
  *out = given == 0 ? fallback : given;
  return FM_OK;
}

/* A number in [least, most], whose 0 stands for `fallback`. */
static fm_status read_within(const char *field, double given, double fallback, double least, double most,
                             double *out, fmi_error *err) {
  *out = given == 0 ? fallback : given;
  if (given == 0 || (given >= least && given <= most)) return FM_OK;
  return fmi_fail(err, FM_E_INVALID, "solver_options.%s: expected 0 or %g to %g, found %g", field, least,
                  most, given);
}

static fm_status read_grid(const fm_solver_options *o, fmi_solve_config *c, fmi_error *err) {
  const uint32_t kind = o->grid == 0 ? FM_GRID_UNIFORM : o->grid;
  c->own_grid = kind == FM_GRID_CUSTOM;
  c->grid.position = fmi_grid_by_kind(c->own_grid ? FM_GRID_UNIFORM : kind);
  const uint32_t usual = c->method->stepper->needs_mean ? 1 : 20;
  c->grid.n_steps = o->n_steps == 0 ? usual : o->n_steps;
  if (c->grid.position == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED, "solver_options.grid: expected one of FM_GRID_..., found %u",
                    (unsigned)kind);
  if (kind != FM_GRID_UNIFORM && fmi_method_is_adaptive(c->method))
    return fmi_fail(
        err, FM_E_INVALID,
        "solver_options.grid: expected uniform or solver_options.fixed_steps, since %s chooses its "
        "steps; found %u",
        c->method->name, (unsigned)kind);
  return read_within("grid_shift", o->grid_shift, 3, 1e-6, 1e6, &c->grid.shift, err);
}

/* Bounds as in Hairer's DOPRI5, which refuses the same. */
static fm_status read_rule(const fm_solver_options *o, fmi_solve_config *c, fmi_error *err) {
  fmi_step_rule *rule = &c->rule;
  const fmi_tableau *t = c->method->tableau;
  rule->order = (t->order < t->embedded_order ? t->order : t->embedded_order) + 1;
  FMI_TRY(read_number("max_step", o->max_step, INFINITY, &rule->max_step, err));
  FMI_TRY(read_within("safety", o->safety, 0.9, 1e-3, 0.999, &rule->safety, err));
  FMI_TRY(read_within("min_factor", o->min_factor, 0.2, 1e-3, 0.999, &rule->min_factor, err));
  FMI_TRY(read_within("max_factor", o->max_factor, 10, 1, 1000, &rule->max_factor, err));
  if (o->beta < 0) /* none */
    rule->beta = 0;
  else
    FMI_TRY(read_within("beta", o->beta, 0.2 / rule->order, 0, 0.2, &rule->beta, err));
  if (o->norm > FM_NORM_MAX)
    return fmi_fail(err, FM_E_UNSUPPORTED, "solver_options.norm: expected one of FM_NORM_..., found %u",
                    (unsigned)o->norm);
  c->norm = o->norm == FM_NORM_MAX ? fmi_norm_max : fmi_norm_rms;
  return FM_OK;
}

fm_status fmi_solve_configure(const fm_solver_options *options, fmi_solve_config *config, fmi_error *err) {
  fm_solver_options o;
  FMI_TRY(fmi_options_read(err, "fm_solver_options", options, &o, sizeof o));
  fmi_solve_config c = {
      .method = fmi_method_by_kind(o.method == 0 ? FM_SOLVER_DOPRI5 : o.method),
      .max_steps = o.max_steps == 0 ? 10000 : o.max_steps,
  };
  if (c.method == NULL) return fail_method(o.method, err);
  if (o.fixed_steps != 0 && fmi_method_is_adaptive(c.method)) c.method = &fixed_methods[c.method - methods];
  FMI_TRY(read_number("rtol", o.rtol, 1e-3, &c.rtol, err));
  FMI_TRY(read_number("atol", o.atol, 1e-3, &c.atol, err));
  FMI_TRY(read_number("first_step", o.first_step, 0, &c.first_step, err));
  FMI_TRY(read_grid(&o, &c, err));
  FMI_TRY(read_rule(&o, &c, err));
  *config = c;
  return FM_OK;
}

/* ---- solving ------------------------------------------------------------------------------------- */

fm_status fmi_check_times(const double *times, size_t n_times, fmi_error *err) {
  if (n_times < 2) return fmi_fail(err, FM_E_INVALID, "n_times: expected 2 or more, found %zu", n_times);
  const bool rising = times[1] > times[0];
  for (size_t k = 0; k < n_times; k++) {
    if (!isfinite(times[k]))
      return fmi_fail(err, FM_E_INVALID, "times[%zu]: expected a finite number, found %g", k, times[k]);
    if (k > 0 && !(rising ? times[k] > times[k - 1] : times[k] < times[k - 1]))
      return fmi_fail(err, FM_E_INVALID, "times[%zu]: expected %s than times[%zu] = %.17g, found %.17g", k,
                      rising ? "more" : "less", k - 1, times[k - 1], times[k]);
  }
  return FM_OK;
}

void fmi_row_stats_end(fm_row_stats *rows, size_t n, double t1, fm_status status) {
  for (size_t i = 0; rows != NULL && i < n; i++)
    if (rows[i].status == FM_OK && rows[i].t != t1) rows[i].status = status;
}

fm_status fmi_solve_job_run(const fmi_solve_job *given) {
  fmi_solve_job job = *given;
  if (!isfinite(job.t0))
    return fmi_fail(job.err, FM_E_INVALID, "t0: expected a finite number, found %g", job.t0);
  /* The difference too, since steps are cut from it. */
  if (!isfinite(job.t1 - job.t0))
    return fmi_fail(job.err, FM_E_INVALID,
                    "t1: expected a finite number at a finite distance from t0 = %g, found %g", job.t0,
                    job.t1);
  const fmi_stepper *stepper = job.config->method->stepper;
  if ((stepper->needs_path && job.x1_form == NULL) || (stepper->needs_mean && job.mean_form == NULL))
    return fmi_fail(job.err, FM_E_UNSUPPORTED, "solver_options.method: %s is for models",
                    job.config->method->name);
  if (job.n == 0 || job.dim == 0) return FM_OK;
  fm_solve_stats unwanted = {0};
  if (job.stats == NULL) job.stats = &unwanted;
  return job.diffusion != NULL ? fmi_sde_solve(&job) : job.config->method->solve(&job);
}

fm_status fmi_solve(const fmi_solve_config *config, const fmi_rhs *rhs, const fmi_solve_control *control,
                    double t0, double t1, size_t first_row, size_t n, size_t dim, double *y, void *workspace,
                    fm_trajectory_fn trajectory, void *trajectory_user, fm_solve_stats *stats,
                    fmi_error *err) {
  const fmi_solve_job job = {
      .config = config,
      .rhs = rhs,
      .control = control,
      .t0 = t0,
      .t1 = t1,
      .first_row = first_row,
      .n = n,
      .dim = dim,
      .y = y,
      .workspace = workspace,
      .trajectory = trajectory,
      .trajectory_user = trajectory_user,
      .stats = stats,
      .err = err,
  };
  return fmi_solve_job_run(&job);
}
