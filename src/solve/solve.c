/* solve.c - the list of solvers, their options, and the one way in. */
#include "solve/solve.h"
#include "solve/erk.h"

#include <math.h>
#include <stdio.h>

static const fmi_method methods[] = {
#define FMI_METHOD(kind, name, stepper, tableau)                                                             \
  {kind, name, fmi_##stepper##_workspace, fmi_##stepper##_solve, &fmi_tableau_##tableau},
#include "solve/solver_list.def"
#undef FMI_METHOD
};

const fmi_method *fmi_method_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(methods); i++)
    if (methods[i].kind == kind) return &methods[i];
  return NULL;
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

fm_status fmi_solve_configure(const fm_solver_options *options, fmi_solve_config *config, fmi_error *err) {
  fm_solver_options o;
  FMI_TRY(fmi_options_read(err, "fm_solver_options", options, &o, sizeof o));
  fmi_solve_config c = {
      .method = fmi_method_by_kind(o.method == 0 ? FM_SOLVER_DOPRI5 : o.method),
      .n_steps = o.n_steps == 0 ? 20 : o.n_steps,
      .max_steps = o.max_steps == 0 ? 10000 : o.max_steps,
  };
  if (c.method == NULL) return fail_method(o.method, err);
  FMI_TRY(read_number("rtol", o.rtol, 1e-3, &c.rtol, err));
  FMI_TRY(read_number("atol", o.atol, 1e-3, &c.atol, err));
  FMI_TRY(read_number("first_step", o.first_step, 0, &c.first_step, err));
  *config = c;
  return FM_OK;
}

/* ---- solving ------------------------------------------------------------------------------------- */

fm_status fmi_solve(const fmi_solve_config *config, const fmi_rhs *rhs, const fmi_solve_control *control,
                    double t0, double t1, size_t first_row, size_t n, size_t dim, double *y, void *workspace,
                    fm_trajectory_fn trajectory, void *trajectory_user, fm_solve_stats *stats,
                    fmi_error *err) {
  if (!isfinite(t0)) return fmi_fail(err, FM_E_INVALID, "t0: expected a finite number, found %g", t0);
  /* The difference too, since steps are cut from it. */
  if (!isfinite(t1 - t0))
    return fmi_fail(err, FM_E_INVALID,
                    "t1: expected a finite number at a finite distance from t0 = %g, found %g", t0, t1);
  if (n == 0 || dim == 0) return FM_OK;
  fm_solve_stats unwanted = {0};
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
      .stats = stats != NULL ? stats : &unwanted,
      .err = err,
  };
  return config->method->solve(&job);
}
