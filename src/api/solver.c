/* solver.c - public functions on solvers. */
#include "api/api.h"
#include "solve/solve.h"

/* Rows solved at a time: enough to fill a caller's vectorised right-hand side. */
#define SOLVER_ROWS 256u

struct fm_solver {
  fmi_object object;
  size_t dim;
  fmi_solve_config config;
  void *workspace;
};

static void destroy(void *self) {
  fm_solver *s = self;
  fmi_free(s->object.memory, s->workspace);
  fmi_object_free(s);
}

fm_status fm_solver_create(fm_ctx *ctx, size_t dim, const fm_solver_options *options, fm_solver **out) {
  REQUIRE_OUT();
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  READ_OPTIONS(fm_solver_options, o, options);
  fmi_solve_config config;
  FMI_TRY(fmi_solve_configure(&o, &config, &ctx->err));
  fm_solver *s = fmi_object_create(ctx->memory, sizeof *s, destroy, &ctx->err);
  if (s == NULL) return FM_E_NOMEM;
  s->dim = dim;
  s->config = config;
  s->workspace = fmi_alloc(ctx->memory, 1, config.method->workspace(&config, SOLVER_ROWS, dim), &ctx->err);
  if (s->workspace == NULL) {
    fmi_release(s);
    s = NULL;
  }
  RETURN_HANDLE(s);
}

void fm_solver_destroy(fm_solver *solver) { fmi_release(solver); }

typedef struct caller {
  fm_rhs_fn fn;
  void *user;
  size_t dim;
  fm_ctx *ctx;
} caller;

static fm_status ask(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                     double *dxdt, fmi_error *err) {
  const caller *c = user;
  fm_rhs_call call = {
      .struct_size = sizeof call, .n = n, .dim = c->dim, .row = row, .t = t, .x = x, .dxdt = dxdt};
  int32_t answer = c->fn(c->user, &call);
  return answer == 0 ? FM_OK
                     : fmi_fail(err, FM_E_CALLBACK, "rhs: the caller's function returned %d", (int)answer);
}

static fm_status check(void *user) {
  return fmi_runtime_stopped(&((caller *)user)->ctx->runtime) ? FM_STOPPED : FM_OK;
}

/* A failed row must not keep the rows after it from being solved. */
static bool row_failure(fm_status status) { return status == FM_E_STEPS || status == FM_E_NONFINITE; }

fm_status fm_solver_solve(fm_ctx *ctx, fm_solver *solver, fm_rhs_fn rhs, void *user, double t0, double t1,
                          size_t n, double *y, fm_trajectory_fn trajectory, void *trajectory_user,
                          fm_solve_stats *stats) {
  REQUIRE_CTX();
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  REQUIRE_POINTER(solver);
  REQUIRE_POINTER(rhs);
  REQUIRE(t0 - t0 == 0, "t0: expected a finite number, found %g", t0);
  REQUIRE(t1 - t1 == 0, "t1: expected a finite number, found %g", t1);
  REQUIRE_CELLS(n, solver->dim);
  REQUIRE_ARRAY(y, n);
  FMI_TRY(fmi_check_finite_f64("y", y, n, solver->dim, &ctx->err));
  caller c = {rhs, user, solver->dim, ctx};
  fmi_rhs inner = {ask, &c};
  fmi_solve_control control = {check, &c};
  fm_solve_stats total = {.struct_size = sizeof total};
  fm_status status = FM_OK;
  for (size_t first = 0; first < n; first += SOLVER_ROWS) {
    size_t rows = fmi_min(SOLVER_ROWS, n - first);
    fm_status now = fmi_solve(&solver->config, &inner, &control, t0, t1, first, rows, solver->dim,
                              y + first * solver->dim, solver->workspace, trajectory, trajectory_user, &total,
                              status == FM_OK ? &ctx->err : NULL);
    if (status == FM_OK) status = now;
    if (now != FM_OK && !row_failure(now)) break;
  }
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats));
  return status;
}
