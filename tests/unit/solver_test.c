/* solver_test.c - the public functions on solvers: more rows than are solved at a time, states at times,
   statistics of rows, grids, and the list of methods. */
#include "fixture.h"

enum { N = 600, DIM = 2, N_TIMES = 6 };

typedef struct problem {
  fm_ctx *ctx;
  uint64_t calls, stop_at, fail_at;
  uint64_t broken_row; /* NaN from t = 1/2 on; UINT64_MAX: none */
} problem;

/* Row i, column j: y' = -(1 + i / 100 + j) y, rows of other speeds. */
static double rate(uint64_t row, uint64_t column) { return 1 + (double)row / 100 + (double)column; }
static int32_t decay(void *user, const fm_rhs_call *c) {
  problem *p = user;
  p->calls++;
  if (p->calls == p->stop_at) fm_ctx_stop(p->ctx);
  for (uint64_t i = 0; i < c->n; i++)
    for (uint64_t j = 0; j < c->dim; j++) {
      uint64_t cell = i * c->dim + j;
      c->dxdt[cell] = c->row[i] == p->broken_row && c->t[i] > 0.5 ? NAN : -rate(c->row[i], j) * c->x[cell];
    }
  return p->calls == p->fail_at ? 3 : 0;
}

static const double times[N_TIMES] = {0, 0.125, 0.3, 0.5, 0.875, 1};
static double y[N * DIM], out[N_TIMES * N * DIM], plain[N * DIM];
static fm_row_stats rows[N];

static fm_solver *solver_of(fm_ctx *ctx, const fm_solver_options *given) {
  fm_solver_options o = *given;
  fm_solver *solver;
  o.struct_size = sizeof o;
  OK(fm_solver_create(ctx, DIM, &o, &solver));
  return solver;
}
static void fill(void) {
  for (size_t i = 0; i < (size_t)N * DIM; i++) y[i] = plain[i] = 1 + sin((double)i);
  for (size_t i = 0; i < (size_t)N_TIMES * N * DIM; i++) out[i] = -7;
  memset(rows, 0xff, sizeof rows);
}
static void check_sums(const fm_solve_stats *stats) {
  fm_solve_stats sum = {0};
  for (size_t i = 0; i < N; i++) {
    sum.nfe += rows[i].nfe, sum.accepted += rows[i].accepted, sum.rejected += rows[i].rejected;
    sum.failed += rows[i].status == FM_E_NONFINITE || rows[i].status == FM_E_STEPS;
    if (rows[i].nfe > sum.max_nfe) sum.max_nfe = rows[i].nfe;
    ck_assert_uint_eq(rows[i].reserved, 0);
  }
  ck_assert(sum.nfe == stats->nfe && sum.accepted == stats->accepted && sum.rejected == stats->rejected);
  ck_assert(sum.failed == stats->failed && sum.max_nfe == stats->max_nfe);
}

static const fm_solver_options kinds[] = {
    {.method = FM_SOLVER_EULER, .n_steps = 4000},
    {.method = FM_SOLVER_RK4, .n_steps = 40},
    {.method = FM_SOLVER_DOPRI5, .rtol = 1e-7, .atol = 1e-7},
    {.method = FM_SOLVER_TSIT5, .rtol = 1e-7, .atol = 1e-7},
    {.method = FM_SOLVER_BS32, .rtol = 1e-5, .atol = 1e-6},
    {.method = FM_SOLVER_TSIT5, .fixed_steps = 1, .n_steps = 30},
};

START_TEST(states_at_times_are_right) {
  fm_ctx *ctx = new_ctx(1);
  fm_solver *solver = solver_of(ctx, &kinds[_i]);
  problem p = {.ctx = ctx, .broken_row = UINT64_MAX};
  fm_solve_stats stats, unsaved;
  fm_solve_stats_init(&stats), fm_solve_stats_init(&unsaved);
  fill();
  OK(fm_solver_solve_at(ctx, solver, decay, &p, times, N_TIMES, N, y, out, &stats, rows));
  OK(fm_solver_solve(ctx, solver, decay, &p, 0, 1, N, plain, NULL, NULL, &unsaved));
  SAME(out, y, (size_t)N * DIM);
  SAME(out + (size_t)(N_TIMES - 1) * N * DIM, plain, (size_t)N * DIM);
  for (size_t k = 0; k < N_TIMES; k++)
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < DIM; j++)
        CLOSE(out[(k * N + i) * DIM + j], y[i * DIM + j] * exp(-rate(i, j) * times[k]), 1e-3);
  check_sums(&stats);
  ck_assert(stats.accepted == unsaved.accepted && stats.nfe >= unsaved.nfe && stats.nfe <= unsaved.nfe + N);
  for (size_t i = 0; i < N; i++) ck_assert(rows[i].status == FM_OK && rows[i].t == 1);
  /* In place, in reverse, and without what is optional. */
  double back[N_TIMES];
  for (size_t k = 0; k < N_TIMES; k++) back[k] = times[N_TIMES - 1 - k];
  memcpy(out, plain, sizeof plain);
  OK(fm_solver_solve_at(ctx, solver, decay, &p, back, N_TIMES, N, out, out, NULL, NULL));
  SAME(out, plain, (size_t)N * DIM);
  for (size_t i = 0; i < 20; i++) CLOSE(out[(N_TIMES - 1) * N * DIM + i], y[i], 1e-2);
  fm_solver_destroy(solver);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_failed_row_is_told_from_the_others) {
  fm_ctx *ctx = new_ctx(1);
  fm_solver *solver = solver_of(ctx, &kinds[_i]);
  problem p = {.ctx = ctx, .broken_row = 300};
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  fill();
  FAILS(FM_E_NONFINITE,
        "row 300:", fm_solver_solve_at(ctx, solver, decay, &p, times, N_TIMES, N, y, out, &stats, rows));
  check_sums(&stats);
  for (size_t i = 0; i < N; i++) {
    ck_assert_int_eq(rows[i].status, i == 300 ? FM_E_NONFINITE : FM_OK);
    if (i != 300) ck_assert(rows[i].t == 1);
  }
  const double reached = rows[300].t, *last = out + (size_t)((N_TIMES - 1) * N + 300) * DIM;
  ck_assert(reached > 0.4 && reached < 0.6);
  ck_assert(out[(4 * N + 300) * DIM] == -7 && out[(4 * N + 299) * DIM] != -7);
  for (size_t j = 0; j < DIM; j++) CLOSE(last[j], y[300 * DIM + j] * exp(-rate(300, j) * reached), 1e-3);
  fm_solver_destroy(solver);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows that were not at fault, but did not come to the end, say why the call ended. */
START_TEST(an_ended_call_marks_its_rows) {
  fm_ctx *ctx = new_ctx(1);
  fm_solver *solver = solver_of(ctx, &kinds[1]);
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  for (int k = 0; k < 2;
       k++) { /* in the second 256 rows: the first have 40 steps of 4 evaluations and one more */
    problem p = {.ctx = ctx, .broken_row = UINT64_MAX, .stop_at = k ? 200 : 0, .fail_at = k ? 0 : 200};
    const fm_status why = k ? FM_STOPPED : FM_E_CALLBACK;
    fill();
    FAILS(why, k ? "" : "rhs",
          fm_solver_solve_at(ctx, solver, decay, &p, times, N_TIMES, N, y, out, &stats, rows));
    check_sums(&stats);
    for (size_t i = 0; i < N; i++) {
      ck_assert_int_eq(rows[i].status, i < 256 ? FM_OK : why);
      ck_assert(i < 256 ? rows[i].t == 1 : i < 512 ? rows[i].t > 0 && rows[i].t < 1 : rows[i].t == 0);
    }
  }
  fm_solver_destroy(solver);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(grids_are_set_and_kept) {
  static const double grid[] = {0, .3, .6, .9, 1};
  fm_ctx *ctx = new_ctx(1);
  fm_solver *solver =
      solver_of(ctx, &(fm_solver_options){.method = FM_SOLVER_EULER, .n_steps = 4, .grid = FM_GRID_CUSTOM});
  problem p = {.ctx = ctx, .broken_row = UINT64_MAX};
  double x[DIM] = {1, 1};
  OK(fm_solver_solve(ctx, solver, decay, &p, 0, 1, 1, x, NULL, NULL, NULL));
  CLOSE(x[0], .75 * .75 * .75 * .75, 1e-15); /* uniform until it is set */
  OK(fm_solver_set_grid(ctx, solver, grid, 5));
  x[0] = 1;
  OK(fm_solver_solve(ctx, solver, decay, &p, 0, 1, 1, x, NULL, NULL, NULL));
  CLOSE(x[0], .7 * .7 * .7 * .9, 1e-15);
  FAILS(FM_E_INVALID, "n_grid", fm_solver_set_grid(ctx, solver, grid, 4));
  x[0] = 1;
  OK(fm_solver_solve(ctx, solver, decay, &p, 1, 0, 1, x, NULL, NULL, NULL));
  CLOSE(x[0], 1.1 * 1.3 * 1.3 * 1.3, 1e-14); /* the same times back */
  fm_solver_destroy(solver);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(methods_can_be_listed) {
  static const uint32_t known[] = {FM_SOLVER_EULER,  FM_SOLVER_MIDPOINT, FM_SOLVER_HEUN2, FM_SOLVER_HEUN3,
                                   FM_SOLVER_RK4,    FM_SOLVER_RK4_38,   FM_SOLVER_BS32,  FM_SOLVER_TSIT5,
                                   FM_SOLVER_DOPRI5, FM_SOLVER_AB2,      FM_SOLVER_AB3,   FM_SOLVER_AB4};
  fm_ctx *ctx = new_ctx(1);
  fm_solver_info info;
  fm_solver_info_init(&info);
  size_t n = 0, found = 0;
  for (; fm_solver_method_info(ctx, n, &info) == FM_OK; n++) {
    for (size_t k = 0; k < FMI_COUNT(known); k++) found += info.method == known[k];
    ck_assert(info.name != NULL && info.order >= 1);
    if (info.needs_model) {
      fm_solver *none;
      fm_solver_options o = {.struct_size = sizeof o, .method = info.method};
      FAILS(FM_E_UNSUPPORTED, info.name, fm_solver_create(ctx, 2, &o, &none));
      continue;
    }
    ck_assert(info.evaluations >= info.order || info.start_evaluations > 0);
    fm_solver *solver = solver_of(ctx, &(fm_solver_options){.method = info.method});
    problem p = {.ctx = ctx, .broken_row = UINT64_MAX};
    double x[DIM] = {1, 1};
    fm_solve_stats stats;
    fm_solve_stats_init(&stats);
    OK(fm_solver_solve(ctx, solver, decay, &p, 0, 1, 1, x, NULL, NULL, &stats));
    if (!info.adaptive) ck_assert_uint_eq(stats.nfe, 20 * info.evaluations + info.start_evaluations);
    CLOSE(x[0], exp(-1), info.order == 1 ? 0.02 : 2e-3);
    fm_solver_destroy(solver);
  }
  ck_assert_uint_eq(found, FMI_COUNT(known));
  FAILS(FM_E_INVALID, "index", fm_solver_method_info(ctx, n, &info));
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "solver");
  tcase_add_loop_test(tcase, states_at_times_are_right, 0, FMI_COUNT(kinds));
  tcase_add_loop_test(tcase, a_failed_row_is_told_from_the_others, 0, FMI_COUNT(kinds));
  tcase_add_test(tcase, an_ended_call_marks_its_rows);
  tcase_add_test(tcase, grids_are_set_and_kept);
  tcase_add_test(tcase, methods_can_be_listed);
  return run_suite(suite);
}
