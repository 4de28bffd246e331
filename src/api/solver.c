/* solver.c - public functions on solvers. */
#include "api/api.h"
#include "solve/solve.h"

/* Rows solved at a time: enough to fill a caller's vectorised right-hand side. */
#define SOLVER_ROWS 256u

struct fm_solver {
  fmi_object object;
  size_t dim;
  fmi_solve_config config;
  void *block; /* workspace and the caller's own grid */
  void *workspace;
};

static void destroy(void *self) {
  fm_solver *s = self;
  fmi_free(s->object.memory, s->block);
  fmi_object_free(s);
}

static size_t carve(fm_solver *s, void *block) {
  fmi_arena arena = {.base = block};
  const size_t n_grid = s->config.own_grid ? (size_t)s->config.grid.n_steps + 1 : 0;
  double *grid = fmi_arena_take(&arena, n_grid, sizeof *grid);
  s->workspace = fmi_arena_take(&arena, s->config.method->workspace(&s->config, SOLVER_ROWS, s->dim), 1);
  if (block != NULL && n_grid > 0) fmi_grid_keep_in(&s->config.grid, grid);
  return arena.used;
}

fm_status fm_solver_create(fm_ctx *ctx, size_t dim, const fm_solver_options *options, fm_solver **out) {
  REQUIRE_OUT();
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  READ_OPTIONS(fm_solver_options, o, options);
  fmi_solve_config config;
  FMI_TRY(fmi_solve_configure(&o, &config, &ctx->err));
  if (fmi_method_needs_model(config.method))
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "solver_options.method: %s is for samplers, whose model it uses", config.method->name);
  fm_solver *s = fmi_object_create(ctx->memory, sizeof *s, destroy, &ctx->err);
  if (s == NULL) return FM_E_NOMEM;
  s->dim = dim;
  s->config = config;
  s->block = fmi_alloc(ctx->memory, 1, carve(s, NULL), &ctx->err);
  if (s->block == NULL) {
    fmi_release(s);
    s = NULL;
  } else {
    carve(s, s->block);
  }
  RETURN_HANDLE(s);
}

void fm_solver_destroy(fm_solver *solver) { fmi_release(solver); }

fm_status fm_solver_set_grid(fm_ctx *ctx, fm_solver *solver, const double *grid, size_t n_grid) {
  REQUIRE_CTX();
  REQUIRE_POINTER(solver);
  REQUIRE_POINTER(grid);
  return fmi_grid_set(&solver->config.grid, grid, n_grid, &ctx->err);
}

fm_status fm_solver_method_info(fm_ctx *ctx, size_t index, fm_solver_info *info) {
  REQUIRE_CTX();
  REQUIRE_POINTER(info);
  const fmi_method *method = fmi_method_at(index);
  REQUIRE(method != NULL, "index: expected less than the number of methods, found %zu", index);
  fm_solver_info full;
  fmi_method_describe(method, &full);
  return fmi_struct_write(&ctx->err, "info", &full, sizeof full, info);
}

/* ---- solving --------------------------------------------------------------------------------------- */

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

/* Solves the job's rows SOLVER_ROWS at a time. */
static fm_status solve(fm_ctx *ctx, fm_solver *solver, fm_rhs_fn rhs, void *user, const fmi_solve_job *whole,
                       fm_solve_stats *stats) {
  caller c = {rhs, user, solver->dim, ctx};
  const fmi_rhs inner = {ask, &c};
  const fmi_solve_control control = {check, &c};
  fm_solve_stats total = {.struct_size = sizeof total};
  fm_status status = FM_OK;
  for (size_t i = 0; whole->rows != NULL && i < whole->n; i++)
    whole->rows[i] = (fm_row_stats){.t = whole->t0};
  for (size_t first = 0; first < whole->n; first += SOLVER_ROWS) {
    fmi_solve_job job = *whole;
    job.config = &solver->config;
    job.rhs = &inner;
    job.control = &control;
    job.first_row = first;
    job.n = fmi_min(SOLVER_ROWS, whole->n - first);
    job.dim = solver->dim;
    job.y = whole->y + first * solver->dim;
    job.workspace = solver->workspace;
    job.rows = whole->rows != NULL ? whole->rows + first : NULL;
    job.stats = &total;
    job.err = status == FM_OK ? &ctx->err : NULL;
    fm_status now = fmi_solve_job_run(&job);
    if (status == FM_OK) status = now;
    if (now != FM_OK && !row_failure(now)) {
      fmi_row_stats_end(whole->rows, whole->n, whole->t1, now);
      break;
    }
  }
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats));
  return status;
}

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
  const fmi_solve_job job = {
      .t0 = t0, .t1 = t1, .n = n, .y = y, .trajectory = trajectory, .trajectory_user = trajectory_user};
  return solve(ctx, solver, rhs, user, &job, stats);
}

typedef struct saved {
  double *out; /* [n_times][n][dim] */
  size_t n, dim;
} saved;

static void save(void *user, size_t row, size_t k, const double *x) {
  const saved *to = user;
  memcpy(to->out + (k * to->n + row) * to->dim, x, to->dim * sizeof *x);
}

fm_status fm_solver_solve_at(fm_ctx *ctx, fm_solver *solver, fm_rhs_fn rhs, void *user, const double *times,
                             size_t n_times, size_t n, const double *y, double *out, fm_solve_stats *stats,
                             fm_row_stats *rows) {
  REQUIRE_CTX();
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  REQUIRE_POINTER(solver);
  REQUIRE_POINTER(rhs);
  REQUIRE_POINTER(times);
  FMI_TRY(fmi_check_times(times, n_times, &ctx->err));
  REQUIRE_CELLS(fmi_mul_size(n, n_times), solver->dim);
  REQUIRE_ARRAY(y, n);
  REQUIRE_ARRAY(out, n);
  FMI_TRY(fmi_check_finite_f64("y", y, n, solver->dim, &ctx->err));
  if (n == 0) return solve(ctx, solver, rhs, user, &(fmi_solve_job){0}, stats);
  const size_t cells = n * solver->dim;
  double *state = out + (n_times - 1) * cells;
  memmove(state, y, cells * sizeof *y);
  if (out != y) memmove(out, state, cells * sizeof *y);
  saved to = {out, n, solver->dim};
  const fmi_solve_job job = {.t0 = times[0],
                             .t1 = times[n_times - 1],
                             .n = n,
                             .y = state,
                             .times = times,
                             .n_times = n_times,
                             .save = save,
                             .save_user = &to,
                             .rows = rows};
  return solve(ctx, solver, rhs, user, &job, stats);
}
