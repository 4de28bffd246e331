/* solve_rows_test.c - the ODE solvers' promises: rows don't see each other, times and counts are what is
   said, and failures, deadlines and callbacks end what they should and nothing else. */
#include "solve_fixture.h"

/* ---- problems ------------------------------------------------------------------------------------- */

/* Rows of very different difficulty: relaxation at rate 1 to 3000 towards cos(3 t). */
static double mixed(uint64_t row, double t, double y) {
  const double rate = row % 5 == 3 ? 3000 : 1 + (double)(row % 7);
  return -rate * (y - cos(3 * t)) + 0.1 * (double)row;
}
/* Rows 2, 5 and 7 are NaN from t = 1/2, 1/4 and 3/4 on. */
static double break_time(uint64_t row) {
  return row % 10 == 2 ? 0.5 : row % 10 == 5 ? 0.25 : row % 10 == 7 ? 0.75 : 2;
}
static double breaks(uint64_t row, double t, double y) { return t >= break_time(row) ? NAN : y * cos(t); }
static double always_nan(uint64_t row, double t, double y) { return (void)t, row % 10 == 1 ? NAN : -y; }
static double explosion(uint64_t row, double t, double y) { return (void)t, row % 10 == 4 ? y * y : -y; }
static double constant(uint64_t row, double t, double y) { return (void)row, (void)t, (void)y, 1.0; }

/* ---- rows don't see each other ------------------------------------------------------------------------ */

#define N 37
#define DIM 3
/* Row 3 is a hard one. */
static size_t most_rows(void) { return quick() ? 11 : N; }

static void fill(double *y) {
  for (size_t i = 0; i < (size_t)N * DIM; i++) y[i] = sin(1 + 0.7 * (double)i);
}

/* Rows first .. first + n of the table, solved in one call. */
static solve solve_rows(fmi_solve_config config, double *y, size_t first, size_t n) {
  solve s = {.config = config,
             .slope = mixed,
             .t1 = 1,
             .first_row = first,
             .n = n,
             .dim = DIM,
             .y = y + first * DIM};
  ck_assert_msg(run(&s) == FM_OK, "%s", err.text);
  return s;
}

/* Enough for the hard rows: those of multistep methods may be less than a third of 1 / rate. */
static uint32_t stable_steps(int i) { return fmi_method_at((size_t)i)->stepper->multistep ? 12000 : 2000; }

START_TEST(splits_keep_bits) {
  fmi_solve_config config = config_of(kind_of(_i));
  config.grid.n_steps = stable_steps(_i);
  const size_t n = most_rows(), half = n / 2, quarter = n / 4;
  double whole[N * DIM], one[N * DIM], parts[N * DIM];
  fill(whole);
  fill(one);
  fill(parts);
  const solve all = solve_rows(config, whole, 0, n);
  uint64_t nfe = 0, accepted = 0, rejected = 0;
  for (size_t i = 0; i < n; i++) {
    const solve s = solve_rows(config, one, i, 1);
    ck_assert_uint_eq(s.watch.nfe[0], all.watch.nfe[i]);
    nfe += s.stats.nfe;
    accepted += s.stats.accepted;
    rejected += s.stats.rejected;
  }
  ck_assert_mem_eq(one, whole, sizeof whole);
  ck_assert_uint_eq(nfe, all.stats.nfe);
  ck_assert_uint_eq(accepted, all.stats.accepted);
  ck_assert_uint_eq(rejected, all.stats.rejected);
  solve_rows(config, parts, 0, quarter);
  solve_rows(config, parts, quarter, half);
  solve_rows(config, parts, quarter + half, n - quarter - half);
  ck_assert_mem_eq(parts, whole, sizeof whole);
  if (is_adaptive(_i)) { /* the hard rows are hard, the others don't pay for it */
    ck_assert_uint_gt(rejected, 0);
    ck_assert_uint_gt(all.watch.nfe[3], 10 * all.watch.nfe[4]);
  }
}
END_TEST

static size_t order[N];
static double permuted(uint64_t row, double t, double y) { return mixed(order[row], t, y); }

START_TEST(permutations_keep_bits) {
  fmi_solve_config config = config_of(kind_of(_i));
  double straight[N * DIM], shuffled[N * DIM];
  const size_t n = most_rows();
  fill(straight);
  config.grid.n_steps = stable_steps(_i);
  for (size_t i = 0; i < n; i++) {
    order[i] = (i * 17 + 5) % n;
    memcpy(shuffled + i * DIM, straight + order[i] * DIM, DIM * sizeof *shuffled);
  }
  solve_rows(config, straight, 0, n);
  solve s = {.config = config, .slope = permuted, .t1 = 1, .n = n, .dim = DIM, .y = shuffled};
  ck_assert_int_eq(run(&s), FM_OK);
  for (size_t i = 0; i < n; i++)
    ck_assert_mem_eq(shuffled + i * DIM, straight + order[i] * DIM, DIM * sizeof *shuffled);
}
END_TEST

/* ---- counts, times and trajectories -------------------------------------------------------------------- */

typedef struct record {
  size_t n, calls;
  double t0, t1;
  uint32_t n_steps;   /* fixed: expect t_k exactly; 0: adaptive */
  uint64_t stop_at;   /* return 3 at this step; 0: never */
  double t[MAX_ROWS]; /* of the last call */
  double y[MAX_ROWS]; /* of the last call, dim = 1 */
} record;

static int32_t recorder(void *user, const fm_trajectory *trajectory) {
  record *r = user;
  ck_assert_uint_ge(trajectory->struct_size, sizeof *trajectory);
  ck_assert_uint_eq(trajectory->step, r->calls);
  ck_assert_uint_eq(trajectory->n, r->n);
  for (size_t i = 0; i < r->n; i++) {
    const double t = trajectory->t[i];
    const bool onwards = r->t1 > r->t0 ? t >= r->t[i] && t <= r->t1 : t <= r->t[i] && t >= r->t1;
    HOLDS(r->calls == 0 ? t == r->t0 : onwards, "row %zu goes to %.17g", i, t);
    if (r->n_steps > 0 && r->calls < r->n_steps)
      HOLDS(t == r->t0 + (r->t1 - r->t0) * (double)r->calls / r->n_steps, "step %zu is at %.17g", r->calls,
            t);
    r->t[i] = t;
    r->y[i] = trajectory->x[i * trajectory->dim];
  }
  r->calls++;
  return r->stop_at > 0 && trajectory->step == r->stop_at ? 3 : 0;
}

static void attach(solve *s, record *r) {
  *r = (record){.n = s->n, .t0 = s->t0, .t1 = s->t1};
  s->trajectory = recorder;
  s->trajectory_user = r;
}

static uint32_t evaluations(int i) {
  fm_solver_info info;
  fmi_method_describe(fmi_method_at((size_t)i), &info);
  return info.evaluations;
}

START_TEST(fixed_steps_and_their_times) {
  const uint64_t nfe = evaluations_of(_i, 49);
  double y[] = {1, 2, 3};
  record r;
  solve s = solve_of(kind_of(_i), growth, 0.7, 3, y);
  s.t0 = 0.1;
  s.first_row = 1000;
  attach(&s, &r);
  r.n_steps = 49;
  s.config = fixed_steps(kind_of(_i), 49);
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(r.calls, 50);
  ck_assert(r.t[0] == 0.7 && r.t[2] == 0.7 && r.y[1] == y[1]);
  ck_assert_uint_eq(s.stats.nfe, 3 * nfe);
  ck_assert_uint_eq(s.stats.max_nfe, nfe);
  ck_assert_uint_eq(s.stats.accepted, 3 * 49);
  ck_assert_uint_eq(s.stats.rejected, 0);
  ck_assert_uint_eq(s.watch.calls, nfe);
  for (size_t i = 0; i < 3; i++) ck_assert(s.rows[i].t == 0.7 && s.rows[i].status == FM_OK);
}
END_TEST

/* A row needs the method's evaluations a try, 1 at the start and 1 for the first step unless that is given.
   Which times are right is checked by the right-hand side and the recorder. */
START_TEST(adaptive_steps_and_their_times) {
  if (!is_adaptive(_i)) return;
  static const double spans[][2] = {{0, 1}, {1, 0}, {0.3, 1.7}, {-1e-3, 5}, {1e9, 1e9 + 1}};
  const size_t n = quick() ? 5 : N;
  for (size_t k = 0; k < 2 * FMI_COUNT(spans); k++) {
    double y[N];
    for (size_t i = 0; i < n; i++) y[i] = sin((double)i);
    record r;
    solve s = solve_of(kind_of(_i), k / 2 == 1 ? growth : mixed, spans[k / 2][1], n, y);
    s.t0 = spans[k / 2][0];
    attach(&s, &r);
    s.config.max_steps = 10000000;
    s.config.first_step = k % 2 ? 1e-3 : 0;
    ck_assert_msg(run(&s) == FM_OK, "%s", err.text);
    for (size_t i = 0; i < n; i++) ck_assert(r.t[i] == r.t1 && r.y[i] == y[i]);
    const uint64_t tries = s.stats.accepted + s.stats.rejected;
    ck_assert_uint_eq(s.stats.nfe, (k % 2 ? 1 : 2) * n + evaluations(_i) * tries);
    ck_assert_uint_eq(s.stats.failed, 0);
  }
}
END_TEST

START_TEST(stats_are_added_to) {
  const fmi_solve_config config = config_of(FM_SOLVER_EULER);
  fm_solve_stats stats = {.nfe = 100, .max_nfe = 1000, .accepted = 1, .rejected = 2, .failed = 3};
  double y = 1;
  watch w = {.slope = growth, .high = 1, .n = 1, .dim = 1};
  const fmi_rhs rhs = {watched, &w};
  void *workspace = aligned_alloc(FMI_ALIGN, config.method->workspace(&config, 8, 8));
  ck_assert_int_eq(fmi_solve(&config, &rhs, NULL, 0, 1, 0, 1, 1, &y, workspace, NULL, NULL, &stats, NULL),
                   FM_OK);
  ck_assert_uint_eq(stats.nfe, 120);
  ck_assert_uint_eq(stats.max_nfe, 1000);
  ck_assert_uint_eq(stats.accepted, 21);
  ck_assert_uint_eq(stats.rejected, 2);
  ck_assert_uint_eq(stats.failed, 3);
  ck_assert_int_eq(fmi_solve(&config, &rhs, NULL, 0, 1, 0, 1, 1, &y, workspace, NULL, NULL, NULL, NULL),
                   FM_OK);
  free(workspace);
}
END_TEST

START_TEST(nothing_to_do) {
  double y[] = {1, 2};
  solve s = solve_of(kind_of(_i), growth, 0.5, 2, y);
  s.t0 = 0.5;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert(y[0] == 1 && y[1] == 2);
  ck_assert_uint_eq(s.stats.nfe, 0);
  s.t1 = 1;
  s.n = 0;
  s.y = NULL;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(s.watch.calls, 0);
  static const double bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    s.t1 = bad[i];
    ck_assert_int_eq(run(&s), FM_E_INVALID);
    NAMES("t1");
    s.t1 = 1;
    s.t0 = bad[i];
    ck_assert_int_eq(run(&s), FM_E_INVALID);
    NAMES("t0");
    s.t0 = 0;
  }
}
END_TEST

START_TEST(workspace_sizes) {
  const fmi_solve_config config = config_of(kind_of(_i));
  size_t last = config.method->workspace(&config, 0, 3);
  for (size_t n = 1; n < 40; n++) {
    const size_t bytes = config.method->workspace(&config, n, 3);
    ck_assert_uint_ge(bytes, last);
    last = bytes;
  }
  ck_assert_uint_eq(config.method->workspace(&config, SIZE_MAX / 16, 1000), SIZE_MAX);
  ck_assert_uint_eq(config.method->workspace(&config, 1000, SIZE_MAX / 16), SIZE_MAX);
}
END_TEST

/* ---- rows that fail ---------------------------------------------------------------------------------- */

/* Row i of a solve of one column has the bits it has alone, starting from *alone. */
static void check_alone(const solve *s, size_t i, double *alone) {
  solve one = *s;
  one.first_row += i;
  one.n = 1;
  one.y = alone;
  one.trajectory = NULL;
  ck_assert_msg(run(&one) == FM_OK, "%s", err.text);
  ck_assert_msg(*alone == s->y[i], "row %zu: %.17g, alone %.17g", i, s->y[i], *alone);
}

START_TEST(used_up_steps_leave_the_state_so_far) {
  double y[6], alone[6];
  for (size_t i = 0; i < 6; i++) y[i] = alone[i] = 1;
  record r;
  solve s = solve_of(FM_SOLVER_DOPRI5, mixed, 1, 6, y);
  s.first_row = 10;
  attach(&s, &r);
  s.config.max_steps = 100; /* enough for all but row 13 */
  ck_assert_int_eq(run(&s), FM_E_STEPS);
  NAMES("row 13:");
  NAMES("max_steps (100)");
  ck_assert_uint_eq(s.stats.failed, 1);
  ck_assert_int_eq(s.rows[3].status, FM_E_STEPS);
  ck_assert(s.rows[3].t == r.t[3]);
  ck_assert_uint_eq(s.watch.nfe[3], 2 + 6 * 100);
  ck_assert(r.t[3] > 0 && r.t[3] < 1 && r.y[3] == y[3]);
  NEAR(y[3], cos(3 * r.t[3]) + 1.3 / 3000, 1e-2); /* on its solution, at the time it got to */
  for (size_t i = 0; i < 6; i++) {
    if (i == 3) continue;
    check_alone(&s, i, alone + i);
    ck_assert(r.t[i] == 1);
  }
}
END_TEST

/* A time so large that the step chosen doesn't move it. */
START_TEST(a_step_too_small_for_its_time) {
  double y = 1;
  solve s = solve_of(FM_SOLVER_DOPRI5, growth, 1e9 + 1, 1, &y);
  s.t0 = 1e9;
  s.config.first_step = 1e-9;
  ck_assert_int_eq(run(&s), FM_E_STEPS);
  NAMES("row 0:");
  ck_assert(y == 1);
  ck_assert_uint_eq(s.stats.failed, 1);
}
END_TEST

START_TEST(non_finite_rows_stop_and_are_named) {
  double y[8], alone[8];
  for (size_t i = 0; i < 8; i++) y[i] = alone[i] = 1 + (double)i;
  record r;
  solve s = solve_of(kind_of(_i), breaks, 1, 8, y);
  s.first_row = 100;
  attach(&s, &r);
  s.config.grid.n_steps = 16;
  ck_assert_int_eq(run(&s), FM_E_NONFINITE);
  NAMES("row 102:"); /* not 105, which broke earlier, nor 107, which broke later */
  if (kind_of(_i) == FM_SOLVER_EULER) NAMES("t = 0.5");
  ck_assert_uint_eq(s.stats.failed, 3);
  for (size_t i = 0; i < 8; i++) {
    const double end = break_time(i);
    if (end < 1) {
      if (is_adaptive(_i))
        ck_assert(r.t[i] < end && r.t[i] > 0.999 * end);
      else
        ck_assert(r.t[i] == end || r.t[i] == end - 1.0 / 16); /* a stage at the step's end breaks it too */
      ck_assert(s.rows[i].t == r.t[i] && s.rows[i].status == FM_E_NONFINITE);
      NEAR(y[i], (1 + (double)i) * exp(sin(r.t[i])), kind_of(_i) == FM_SOLVER_EULER ? 0.05 : 5e-3);
    } else {
      check_alone(&s, i, alone + i);
      ck_assert(r.t[i] == 1);
    }
  }
}
END_TEST

START_TEST(non_finite_from_the_start) {
  const fmi_tableau *w = fmi_method_at((size_t)_i)->tableau; /* it takes a multistep method's first step */
  const unsigned first_step = w->fsal ? w->stages - 1 : w->stages;
  double y[] = {1, 1, NAN, 1}, alone[] = {1, 1};
  solve s = solve_of(kind_of(_i), always_nan, 1, 4, y);
  ck_assert_int_eq(run(&s), FM_E_NONFINITE);
  NAMES("row 1:");
  NAMES("t = 0");
  ck_assert_uint_eq(s.stats.failed, 2);
  ck_assert(y[1] == 1 && isnan(y[2]));
  ck_assert_uint_eq(s.watch.nfe[1], is_adaptive(_i) ? 1 : first_step); /* not a second try */
  ck_assert_uint_eq(s.watch.nfe[2], 0);
  check_alone(&s, 0, &alone[0]);
  check_alone(&s, 3, &alone[1]);
}
END_TEST

/* y' = y^2 from 1 is infinite at t = 1. */
START_TEST(an_explosion_ends_its_row_only) {
  double y[] = {1, 1, 1, 1, 1, 1};
  record r;
  solve s = solve_of(kind_of(_i), explosion, 2, 6, y);
  attach(&s, &r);
  s.config.grid.n_steps = 100;
  fm_status status = run(&s);
  ck_assert(status == FM_E_NONFINITE || (is_adaptive(_i) && status == FM_E_STEPS));
  NAMES("row 4:");
  ck_assert_uint_eq(s.stats.failed, 1);
  ck_assert(isfinite(y[4]) && y[4] > 1e3);
  if (is_adaptive(_i)) ck_assert_double_le(fabs(r.t[4] - 1), 3e-3);
  for (size_t i = 0; i < 6; i++)
    if (i != 4) ck_assert(fabs(y[i] - exp(-2.0)) < 0.01 && r.t[i] == 2);
}
END_TEST

/* ---- ends from outside --------------------------------------------------------------------------------- */

typedef struct gate {
  uint64_t asked, open;
  fm_status then;
} gate;
static fm_status ask(void *user) {
  gate *g = user;
  return g->asked++ < g->open ? FM_OK : g->then;
}

START_TEST(a_deadline_takes_one_long_step) {
  double y[] = {1, 2};
  gate g = {.open = 2, .then = FM_DEADLINE};
  const fmi_solve_control control = {ask, &g};
  record r;
  solve s = solve_of(FM_SOLVER_EULER, growth, 1, 2, y);
  s.control = &control;
  attach(&s, &r);
  s.config.grid.n_steps = 4; /* two quarters, then a half */
  ck_assert_int_eq(run(&s), FM_DEADLINE);
  NAMES("deadline");
  NAMES("2 of 2 rows");
  NEAR(y[0], 1.25 * 1.25 * 1.5, 1e-15);
  NEAR(y[1], 2 * 1.25 * 1.25 * 1.5, 1e-15);
  ck_assert(r.t[0] == 1 && r.t[1] == 1 && r.calls == 4);
  ck_assert(s.rows[0].status == FM_DEADLINE && s.rows[1].status == FM_DEADLINE && s.rows[1].t == 1);
  ck_assert_uint_eq(s.stats.max_nfe, 3);
  g = (gate){.open = 0, .then = FM_DEADLINE}; /* at once */
  attach(&s, &r);
  y[0] = y[1] = 1;
  ck_assert_int_eq(run(&s), FM_DEADLINE);
  ck_assert(y[0] == 2 && y[1] == 2);
}
END_TEST

START_TEST(a_deadline_of_adaptive_rows) {
  double y[] = {1, 1, 1, 1}, before[4], t[4];
  gate g = {.open = 3, .then = FM_STOPPED};
  const fmi_solve_control control = {ask, &g};
  record r;
  solve s = solve_of(FM_SOLVER_DOPRI5, mixed, 1, 4, y);
  s.control = &control;
  attach(&s, &r);
  ck_assert_int_eq(run(&s), FM_STOPPED); /* where three rounds lead */
  NAMES("FM_STOPPED");
  ck_assert_uint_eq(r.calls, 4);
  memcpy(before, y, sizeof y);
  memcpy(t, r.t, sizeof t);
  ck_assert(t[3] > 0 && t[3] < 0.1);
  for (size_t i = 0; i < 4; i++) y[i] = 1;
  g = (gate){.open = 3, .then = FM_DEADLINE};
  attach(&s, &r);
  ck_assert_int_eq(run(&s), FM_DEADLINE);
  NAMES("deadline");
  for (size_t i = 0; i < 4; i++) {
    NEAR(y[i], before[i] + (1 - t[i]) * mixed(i, t[i], before[i]), 1e-12);
    ck_assert(r.t[i] == 1);
  }
  y[0] = NAN; /* a failed row is never hidden by a deadline */
  g = (gate){.open = 0, .then = FM_DEADLINE};
  attach(&s, &r);
  ck_assert_int_eq(run(&s), FM_E_NONFINITE);
  NAMES("row 0:");
}
END_TEST

START_TEST(a_stop_leaves_what_was_done) {
  double y = 0;
  gate g = {.open = 3, .then = FM_STOPPED};
  const fmi_solve_control control = {ask, &g};
  solve s = solve_of(FM_SOLVER_EULER, constant, 1, 1, &y);
  s.control = &control;
  s.config.grid.n_steps = 8;
  ck_assert_int_eq(run(&s), FM_STOPPED);
  ck_assert(y == 0.375);
  ck_assert_uint_eq(s.stats.accepted, 3);
  g = (gate){.open = 100}; /* asked once before every step */
  y = 0;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(g.asked, 8);
}
END_TEST

START_TEST(a_trajectory_can_end_the_solve) {
  double y[] = {1, 1};
  record r;
  solve s = solve_of(kind_of(_i), sine, 1, 2, y);
  attach(&s, &r);
  r.stop_at = 2;
  s.config.rtol = s.config.atol = 1e-10;
  ck_assert_int_eq(run(&s), FM_E_CALLBACK);
  NAMES("returned 3 at step 2");
  ck_assert_uint_eq(r.calls, 3);
  ck_assert(y[0] == r.y[0] && y[0] > 1 && r.t[0] < 1);
}
END_TEST

START_TEST(a_failing_right_hand_side_ends_the_solve) {
  double y = 1;
  solve s = solve_of(kind_of(_i), sine, 1, 1, &y);
  s.fail_at_call = 3;
  ck_assert_int_eq(run(&s), FM_E_MISMATCH);
  NAMES("on purpose");
  ck_assert_uint_eq(s.watch.calls, 3);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "solve rows");
  const int methods = n_methods();
  tcase_add_loop_test(tcase, splits_keep_bits, 0, methods);
  tcase_add_loop_test(tcase, permutations_keep_bits, 0, methods);
  tcase_add_loop_test(tcase, fixed_steps_and_their_times, 0, methods);
  tcase_add_loop_test(tcase, adaptive_steps_and_their_times, 0, methods);
  tcase_add_test(tcase, stats_are_added_to);
  tcase_add_loop_test(tcase, nothing_to_do, 0, methods);
  tcase_add_loop_test(tcase, workspace_sizes, 0, methods);
  tcase_add_test(tcase, used_up_steps_leave_the_state_so_far);
  tcase_add_test(tcase, a_step_too_small_for_its_time);
  tcase_add_loop_test(tcase, non_finite_rows_stop_and_are_named, 0, methods);
  tcase_add_loop_test(tcase, non_finite_from_the_start, 0, methods);
  tcase_add_loop_test(tcase, an_explosion_ends_its_row_only, 0, methods);
  tcase_add_test(tcase, a_deadline_takes_one_long_step);
  tcase_add_test(tcase, a_deadline_of_adaptive_rows);
  tcase_add_test(tcase, a_stop_leaves_what_was_done);
  tcase_add_loop_test(tcase, a_trajectory_can_end_the_solve, 0, methods);
  tcase_add_loop_test(tcase, a_failing_right_hand_side_ends_the_solve, 0, methods);
  return run_suite(suite);
}
