/* solve_dense_test.c - states between steps, where fixed steps are, and the options of step control. */
#include "solve_fixture.h"

#define N 9
#define DIM 3
#define N_TIMES 23

/* Rows of different difficulty, with a time of their own to be hard in. */
static double waves(uint64_t row, double t, double y) {
  return (1 + (double)row) * (cos((3 + (double)row) * t) - 0.5 * y);
}
static double falls(uint64_t row, double t, double y) { return row == 4 && t > 0.6 ? NAN : y * cos(t); }
static double sine_at(double t) { return exp(1 - cos(t) + t / 2); }

static void fill(double *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = sin(1 + 0.7 * (double)i);
}
/* N_TIMES times from t0 to t1, unequally spaced. */
static void spread(double *times, double t0, double t1) {
  for (size_t k = 0; k < N_TIMES; k++) {
    const double g = (double)k / (N_TIMES - 1);
    times[k] = t0 + (t1 - t0) * g * (0.3 + 0.7 * g);
  }
  times[N_TIMES - 1] = t1;
}
static fmi_solve_config with_grid(uint32_t method, uint32_t n_steps, uint32_t grid, double shift) {
  return config_with(&(fm_solver_options){.struct_size = sizeof(fm_solver_options),
                                          .method = method,
                                          .n_steps = n_steps,
                                          .grid = grid,
                                          .grid_shift = shift,
                                          .fixed_steps = 1});
}

/* ---- states between steps ---------------------------------------------------------------------------------
   */

/* y' = y at h / 2 of one step h = 1/4. The paper's decimals of tsit5 are good to 1e-14. */
START_TEST(reference_numbers_between_steps) {
  static const struct {
    uint32_t method;
    double expected;
  } cases[] = {{FM_SOLVER_DOPRI5, 1.133148635659503}, {FM_SOLVER_TSIT5, 1.1331484403316243}};
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    const double times[] = {0, 0.125, 0.25};
    double y = 1, out[3] = {0};
    solve s = solve_of(cases[i].method, growth, 0.25, 1, &y);
    s.config = fixed_steps(cases[i].method, 1);
    s.times = times, s.n_times = 3, s.out = out;
    ck_assert_int_eq(run(&s), FM_OK);
    NEAR(out[1], cases[i].expected, 1e-14);
  }
}
END_TEST

/* The largest error at 401 times of [0, 3]. */
static double largest_error(uint32_t method, uint32_t n_steps) {
  static double times[401], out[401];
  double y = 1, largest = 0;
  for (size_t k = 0; k <= 400; k++) times[k] = 3.0 * (double)k / 400;
  solve s = solve_of(method, sine, 3, 1, &y);
  s.config = fixed_steps(method, n_steps);
  s.times = times, s.n_times = 401, s.out = out;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(s.saved, 399);
  for (size_t k = 1; k < 400; k++) largest = fmax(largest, fabs(out[k] - sine_at(times[k])));
  return largest;
}

/* How far a single step from an exact state is off inside, at nine times. */
static double error_of_one_step(uint32_t method, double h) {
  double times[11], out[11], y = sine_at(0.3), largest = 0;
  for (size_t k = 0; k <= 10; k++) times[k] = 0.3 + h * (double)k / 10;
  times[10] = 0.3 + h;
  solve s = solve_of(method, sine, 0.3 + h, 1, &y);
  s.t0 = 0.3;
  s.config = fixed_steps(method, 1);
  s.times = times, s.n_times = 11, s.out = out;
  ck_assert_int_eq(run(&s), FM_OK);
  for (size_t k = 1; k < 10; k++) largest = fmax(largest, fabs(out[k] - sine_at(times[k])));
  return largest;
}

/* What the header says: a step of a method of order p is off by h^(q + 1) inside, q the lesser of p and the
   order of its interpolant; over many steps none of the method's order is lost but by a step of its own. */
START_TEST(orders_between_steps) {
  const fmi_tableau *w = fmi_method_at((size_t)_i)->tableau;
  const uint32_t kind = kind_of(_i);
  const unsigned extension = w->d[0] != 0 ? 4 : 3, q = w->order < extension ? w->order : extension;
  const double one = log2(error_of_one_step(kind, 0.1) / error_of_one_step(kind, 0.05));
  ck_assert_msg(one > q + 1 - 0.2, "%s: a step's error has order %.3f", w->name, one);
  const double many = log2(largest_error(kind, 64) / largest_error(kind, 128));
  const double least = w->order < extension + 1 ? w->order : extension + 1;
  ck_assert_msg(many > least - 0.1, "%s: order %.3f", w->name, many);
}
END_TEST

/* Times wanted change no step, cost what is said, and nothing is asked for outside [t0, t1] (the right-hand
   side looks). At a step's end they are its result, at others continuous with it. */
static void compare(fmi_solve_config config, bool fixed, double t0, double t1) {
  double times[N_TIMES], out[N_TIMES * N * DIM], y[N * DIM], plain[N * DIM], start[N * DIM];
  spread(times, t0, t1);
  fill(y, N * DIM);
  memcpy(plain, y, sizeof y);
  memcpy(start, y, sizeof y);
  solve without = {.config = config, .slope = waves, .t0 = t0, .t1 = t1, .n = N, .dim = DIM, .y = plain};
  ck_assert_int_eq(run(&without), FM_OK);
  solve s = without;
  s.y = y;
  s.times = times, s.n_times = N_TIMES, s.out = out;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(s.saved, (N_TIMES - 2) * N);
  ck_assert_mem_eq(y, plain, sizeof y);
  ck_assert_uint_eq(s.stats.nfe, without.stats.nfe + (fixed ? N : 0));
  ck_assert_uint_eq(s.stats.accepted, without.stats.accepted);
  for (size_t i = 0; i < N; i++) { /* alone, a row has the same bits */
    double alone[DIM], alone_out[N_TIMES * DIM];
    memcpy(alone, start + i * DIM, sizeof alone);
    solve one = s;
    one.first_row = i, one.n = 1, one.y = alone, one.out = alone_out;
    ck_assert_int_eq(run(&one), FM_OK);
    for (size_t k = 1; k + 1 < N_TIMES; k++)
      ck_assert_mem_eq(alone_out + k * DIM, out + (k * N + i) * DIM, sizeof alone);
  }
}

START_TEST(times_change_no_step) {
  static const double spans[][2] = {{0, 1}, {1, 0}, {0.1, 0.7}, {5, -2}};
  for (size_t k = 0; k < FMI_COUNT(spans); k++) {
    compare(fixed_steps(kind_of(_i), 13), true, spans[k][0], spans[k][1]);
    if (is_adaptive(_i)) compare(config_of(kind_of(_i)), false, spans[k][0], spans[k][1]);
  }
}
END_TEST

typedef struct steps {
  size_t n;
  double t[64], y[64];
} steps;
static int32_t record(void *user, const fm_trajectory *at) {
  steps *r = user;
  if (r->n < FMI_COUNT(r->t)) r->t[r->n] = at->t[0], r->y[r->n++] = at->x[0];
  return 0;
}

START_TEST(times_at_the_steps_are_their_results) {
  double y = 1, out[64];
  steps first = {0}, second = {0};
  solve s = solve_of(kind_of(_i), sine, 3, 1, &y);
  if (!is_adaptive(_i)) s.config.grid.n_steps = 7;
  s.trajectory = record, s.trajectory_user = &first;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_lt(first.n, 64);
  y = 1;
  s.times = first.t, s.n_times = first.n, s.out = out, s.trajectory_user = &second;
  const uint64_t nfe = s.stats.nfe;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(s.stats.nfe, nfe); /* nothing to interpolate */
  for (size_t k = 1; k + 1 < first.n; k++) ck_assert(out[k] == first.y[k] && second.y[k] == first.y[k]);
}
END_TEST

START_TEST(a_failing_row_leaves_later_times_alone) {
  double times[N_TIMES], out[N_TIMES * N], y[N];
  spread(times, 0, 1);
  for (size_t i = 0; i < N; i++) y[i] = 1;
  for (size_t i = 0; i < N_TIMES * N; i++) out[i] = -7;
  solve s = solve_of(kind_of(_i), falls, 1, N, y);
  s.times = times, s.n_times = N_TIMES, s.out = out;
  ck_assert_int_eq(run(&s), FM_E_NONFINITE);
  ck_assert(s.rows[4].status == FM_E_NONFINITE && s.rows[4].t > 0.5 && s.rows[4].t <= 0.6 + 1.0 / 20);
  for (size_t k = 1; k + 1 < N_TIMES; k++)
    for (size_t i = 0; i < N; i++) {
      const double x = out[k * N + i];
      if (i != 4 || times[k] <= s.rows[4].t)
        NEAR(x, exp(sin(times[k])), 0.1);
      else
        ck_assert(x == -7);
    }
  ck_assert_double_gt(times[N_TIMES - 2], s.rows[4].t);
}
END_TEST

typedef struct gate {
  unsigned asked, open;
} gate;
static fm_status ask(void *user) {
  gate *g = user;
  return g->asked++ < g->open ? FM_OK : FM_DEADLINE;
}
/* After a deadline the times left lie on the long step's line. */
START_TEST(a_deadline_has_its_times_on_a_line) {
  const double times[] = {0, 0.25, 0.375, 0.5, 0.75, 1};
  double y = 1, out[6];
  gate g = {.open = 1};
  const fmi_solve_control control = {ask, &g};
  solve s = solve_of(kind_of(_i), growth, 1, 1, &y);
  s.config = fixed_steps(kind_of(_i), 4);
  s.control = &control;
  s.times = times, s.n_times = 6, s.out = out;
  ck_assert_int_eq(run(&s), FM_DEADLINE);
  ck_assert_uint_eq(s.saved, 4);
  for (size_t k = 2; k < 5; k++) NEAR(out[k], out[1] * (1 + times[k] - 0.25), 1e-15);
  NEAR(y, out[1] * 1.75, 1e-15);
  ck_assert_int_eq(s.rows[0].status, FM_DEADLINE);
}
END_TEST

START_TEST(bad_times_are_named) {
  static const double fine[] = {0, 0.5, 1}, falling[] = {1, 0, -1}, flat[] = {0, 0.5, 0.5},
                      turning[] = {0, 1, 0.5}, up[] = {1, 0, 0.5}, nan[] = {0, NAN, 1},
                      inf[] = {0, 1, INFINITY}, still[] = {1, 1};
  ck_assert_int_eq(fmi_check_times(fine, 3, &err), FM_OK);
  ck_assert_int_eq(fmi_check_times(falling, 3, &err), FM_OK);
  ck_assert_int_eq(fmi_check_times(fine, 1, &err), FM_E_INVALID);
  NAMES("n_times: expected 2");
  static const double *const bad[] = {flat, turning, up, nan, inf};
  static const char *const named[] = {"times[2]: expected more", "times[2]: expected more",
                                      "times[2]: expected less", "times[1]: expected a finite",
                                      "times[2]: expected a finite"};
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    ck_assert_int_eq(fmi_check_times(bad[i], 3, &err), FM_E_INVALID);
    NAMES(named[i]);
  }
  ck_assert_int_eq(fmi_check_times(still, 2, &err), FM_E_INVALID);
}
END_TEST

/* ---- grids
   --------------------------------------------------------------------------------------------------- */

START_TEST(reference_numbers_of_grids) {
  const fmi_grid edm = with_grid(FM_SOLVER_EULER, 5, FM_GRID_EDM, 0).grid;
  static const double values[] = {
      0, .053972855642703266, .2844772990774094, .8548815077724327, .998003992015968, 1};
  for (uint32_t k = 0; k <= 5; k++) NEAR(fmi_grid_time(&edm, 0, 1, k), values[k], 1e-14);
  NEAR(edm.position(0, 5, 0), .012345679012345734, 1e-14); /* the level that the start stands for */
  const fmi_grid shifted = with_grid(FM_SOLVER_EULER, 20, FM_GRID_SHIFTED, 0).grid;
  NEAR(fmi_grid_time(&shifted, 0, 1, 2), 1.0 / 28, 1e-15);
  NEAR(fmi_grid_time(&shifted, 0, 1, 5), .1, 1e-15);
  NEAR(fmi_grid_time(&shifted, 0, 1, 10), .25, 1e-15);
  NEAR(fmi_grid_time(&shifted, 0, 1, 18), .75, 1e-15);
  const fmi_grid mirrored = with_grid(FM_SOLVER_EULER, 20, FM_GRID_SHIFTED, 1.0 / 3).grid;
  NEAR(fmi_grid_time(&mirrored, 0, 1, 15), .9, 1e-15);
}
END_TEST

static const uint32_t grids[] = {
#define FMI_GRID(kind, name) kind,
#include "solve/grid_list.def"
#undef FMI_GRID
};

/* Any grid, any number of steps: from end to end, rising, the same times back again, and a part of [0, 1] has
   the whole grid, scaled. */
START_TEST(grids_go_from_end_to_end) {
  static const uint32_t counts[] = {1, 2, 3, 5, 20, 257};
  for (size_t i = 0; i < FMI_COUNT(counts); i++) {
    const uint32_t n = counts[i];
    const fmi_grid g = with_grid(FM_SOLVER_EULER, n, grids[_i], 0).grid;
    ck_assert(fmi_grid_time(&g, 0.3, 0.9, 0) == 0.3 && fmi_grid_time(&g, 0.3, 0.9, n) == 0.9);
    for (uint32_t k = 0; k <= n; k++) {
      const double t = fmi_grid_time(&g, 0, 1, k);
      if (k > 0) ck_assert_double_gt(t, fmi_grid_time(&g, 0, 1, k - 1));
      ck_assert_double_le(fabs(fmi_grid_time(&g, 1, 0, n - k) - t), 2e-16);
      ck_assert_double_le(fabs(fmi_grid_time(&g, 0.3, 0.9, k) - (0.3 + 0.6 * t)), 3e-16);
      ck_assert_double_le(fabs(fmi_grid_time(&g, 0.9, 0.3, n - k) - (0.3 + 0.6 * t)), 3e-16);
    }
  }
}
END_TEST

/* Every method on every grid is right, in both directions, whatever part of time it goes through. */
START_TEST(methods_are_right_on_every_grid) {
  for (size_t k = 0; k < FMI_COUNT(grids); k++)
    for (int back = 0; back < 2; back++) {
      double y = back ? sine_at(2) : sine_at(0.5);
      solve s = solve_of(kind_of(_i), sine, back ? 0.5 : 2, 1, &y);
      s.t0 = back ? 2 : 0.5;
      s.config = with_grid(kind_of(_i), 400, grids[k], 0);
      ck_assert_int_eq(run(&s), FM_OK);
      ck_assert_uint_eq(s.rows[0].accepted, 400);
      NEAR(y, back ? sine_at(0.5) : sine_at(2), 0.03);
    }
}
END_TEST

START_TEST(a_grid_of_ones_own) {
  static const double grid[] = {0, .3, .6, .9, 1};
  double storage[5], y = 1;
  solve s = solve_of(FM_SOLVER_EULER, growth, 1, 1, &y);
  s.config = with_grid(FM_SOLVER_EULER, 4, FM_GRID_CUSTOM, 0);
  ck_assert(s.config.own_grid);
  fmi_grid *own = &s.config.grid;
  fmi_grid_keep_in(own, storage);
  for (uint32_t k = 0; k <= 4; k++) ck_assert(fmi_grid_time(own, 0, 1, k) == k / 4.0);
  ck_assert_int_eq(fmi_grid_set(own, grid, 5, &err), FM_OK);
  ck_assert_int_eq(run(&s), FM_OK);
  NEAR(y, 2.4167, 1e-15);
  for (uint32_t k = 0; k <= 4; k++) {
    NEAR(fmi_grid_time(own, 2, 4, k), 2 + 2 * grid[k], 1e-15);
    ck_assert(fmi_grid_time(own, 4, 2, 4 - k) == fmi_grid_time(own, 2, 4, k));
  }
  static const double bad[][5] = {
      {.1, .3, .6, .9, 1}, {0, .3, .3, .9, 1}, {0, .3, .2, .9, 1}, {0, .3, NAN, .9, 1}, {0, .3, .6, .9, .99}};
  static const char *const named[] = {"grid[0]: expected 0", "grid[2]: expected more",
                                      "grid[2]: expected more", "grid[2]: expected more",
                                      "grid[4]: expected 1"};
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    ck_assert_int_eq(fmi_grid_set(own, bad[i], 5, &err), FM_E_INVALID);
    NAMES(named[i]);
    ck_assert(own->own[1] == .3 && own->own[2] == .6); /* the old one stays */
  }
  ck_assert_int_eq(fmi_grid_set(own, grid, 4, &err), FM_E_INVALID);
  NAMES("n_grid: expected solver_options.n_steps + 1 = 5, found 4");
  own->own = NULL;
  ck_assert_int_eq(fmi_grid_set(own, grid, 5, &err), FM_E_INVALID);
  NAMES("FM_GRID_CUSTOM");
}
END_TEST

/* Times so near to each other that steps between them are of no length. */
START_TEST(steps_of_no_length_do_nothing) {
  double y = 1, out[4];
  const double t0 = 1e6, step = 0x1p-33, times[] = {t0, t0 + step, t0 + 2 * step, t0 + 4 * step};
  solve s = solve_of(kind_of(_i), growth, times[3], 1, &y);
  s.t0 = t0;
  s.config = fixed_steps(kind_of(_i), 64);
  s.times = times, s.n_times = 4, s.out = out;
  ck_assert_int_eq(run(&s), FM_OK);
  ck_assert_uint_eq(s.saved, 2);
  NEAR(y, 1 + 4 * step, 1e-13);
  ck_assert(out[1] >= 1 && out[2] >= out[1] && y >= out[2]);
}
END_TEST

/* ---- options of step control
   ------------------------------------------------------------------------------------ */

static int32_t longest(void *user, const fm_trajectory *at) {
  double *last_and_longest = user;
  if (at->step > 0) last_and_longest[1] = fmax(last_and_longest[1], fabs(at->t[0] - last_and_longest[0]));
  last_and_longest[0] = at->t[0];
  return 0;
}
static solve adaptive_solve(int i, fm_solver_options *o, double *y) {
  solve s = solve_of(kind_of(i), sine, 3, 1, y);
  o->struct_size = sizeof *o;
  o->method = kind_of(i);
  s.config = config_with(o);
  return s;
}

START_TEST(no_step_is_longer_than_asked) {
  if (!is_adaptive(_i)) return;
  static const double limits[] = {0.01, 0.1, 0.37, 2.999};
  for (size_t k = 0; k < FMI_COUNT(limits); k++) {
    double y = 1, seen[2] = {0};
    fm_solver_options o = {.max_step = limits[k], .rtol = 0.1, .atol = 0.1, .first_step = 3};
    solve s = adaptive_solve(_i, &o, &y);
    s.trajectory = longest, s.trajectory_user = seen;
    ck_assert_int_eq(run(&s), FM_OK);
    ck_assert_double_le(seen[1], limits[k] * (1 + 1e-14));
    ck_assert_uint_ge(s.stats.accepted, (uint64_t)(3 / limits[k]));
  }
}
END_TEST

/* A row that is easy but for one component of a hundred: the maximum sees it, the mean square a tenth of it.
   */
static double mostly_flat(uint64_t row, double t, double y) { return row == 0 ? y * (sin(t) + 0.5) : 0; }
static fm_status one_in_hundred(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                                double *dxdt, fmi_error *error) {
  (void)user, (void)row, (void)error;
  for (size_t i = 0; i < n * 100; i++) dxdt[i] = mostly_flat(i % 100, t[i / 100], x[i]);
  return FM_OK;
}
START_TEST(the_largest_component_can_count) {
  uint64_t steps_of[3];
  double error_of[3];
  for (uint32_t norm = FM_NORM_RMS; norm <= FM_NORM_MAX; norm++) {
    double y[100];
    for (size_t j = 0; j < 100; j++) y[j] = 1;
    const fmi_solve_config config = config_with(&(fm_solver_options){
        .struct_size = sizeof(fm_solver_options), .norm = norm, .rtol = 1e-6, .atol = 1e-6});
    void *workspace = aligned_alloc(FMI_ALIGN, config.method->workspace(&config, 1, 100));
    fm_solve_stats stats = {0};
    const fmi_rhs rhs = {one_in_hundred, NULL};
    ck_assert_int_eq(fmi_solve(&config, &rhs, NULL, 0, 3, 0, 1, 100, y, workspace, NULL, NULL, &stats, &err),
                     FM_OK);
    free(workspace);
    steps_of[norm] = stats.accepted;
    error_of[norm] = fabs(y[0] - sine_at(3));
  }
  ck_assert_uint_gt(steps_of[FM_NORM_MAX], steps_of[FM_NORM_RMS]);
  ck_assert_double_lt(error_of[FM_NORM_MAX], 0.3 * error_of[FM_NORM_RMS]);
}
END_TEST

START_TEST(the_rule_is_as_asked) {
  fm_solver_options o = {
      .struct_size = sizeof o, .safety = 0.5, .min_factor = 0.1, .max_factor = 3, .beta = 0.1};
  fmi_step_rule rule = config_with(&o).rule;
  fmi_step_state state = {.h = 1};
  fmi_step_next(&state, 0, &rule);
  NEAR(state.h, 3, 1e-15);
  state = (fmi_step_state){.h = 1};
  fmi_step_next(&state, 1e9, &rule);
  NEAR(state.h, 0.1, 1e-15);
  state = (fmi_step_state){.h = 1};
  fmi_step_next(&state, 0.5, &rule);
  NEAR(state.h, 0.5 * pow(0.5, -0.2), 1e-15);
  state.h = 1;
  fmi_step_next(&state, 0.25, &rule);
  NEAR(state.h, 0.5 * pow(0.25, -(0.2 - 0.075)) * pow(0.5, 0.1), 1e-15);
  o.beta = -1; /* every error by itself */
  rule = config_with(&o).rule;
  state.h = 1;
  fmi_step_next(&state, 0.25, &rule);
  NEAR(state.h, 0.5 * pow(0.25, -0.2), 1e-15);
  rule = config_of(FM_SOLVER_BS32).rule; /* the order of the error estimate is the method's */
  ck_assert_uint_eq(rule.order, 3);
  NEAR(rule.beta, 0.2 / 3, 1e-15);
  ck_assert(rule.safety == 0.9 && rule.min_factor == 0.2 && rule.max_factor == 10 && isinf(rule.max_step));
}
END_TEST

START_TEST(bad_step_options_are_named) {
  static const struct {
    fm_solver_options o;
    const char *text;
  } cases[] = {
      {{.safety = 1}, "solver_options.safety: expected 0 or 0.001 to 0.999, found 1"},
      {{.safety = -0.5}, "solver_options.safety:"},
      {{.min_factor = 1}, "solver_options.min_factor:"},
      {{.max_factor = 0.5}, "solver_options.max_factor:"},
      {{.max_factor = NAN}, "solver_options.max_factor:"},
      {{.beta = 0.3}, "solver_options.beta:"},
      {{.beta = NAN}, "solver_options.beta:"},
      {{.max_step = -1}, "solver_options.max_step:"},
      {{.max_step = INFINITY}, "solver_options.max_step:"},
      {{.grid = FM_GRID_EDM},
       "solver_options.grid: expected uniform or solver_options.fixed_steps, since dopri5"},
      {{.grid = FM_GRID_CUSTOM, .method = FM_SOLVER_TSIT5}, "tsit5"},
      {{.grid_shift = -3, .method = FM_SOLVER_EULER}, "solver_options.grid_shift:"},
      {{.grid_shift = INFINITY, .method = FM_SOLVER_EULER}, "solver_options.grid_shift:"},
  };
  fmi_solve_config config;
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    fm_solver_options o = cases[i].o;
    o.struct_size = sizeof o;
    ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_INVALID);
    NAMES(cases[i].text);
  }
  fm_solver_options o = {.struct_size = sizeof o, .norm = 3};
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_UNSUPPORTED);
  NAMES("solver_options.norm:");
  o.norm = 0, o.grid = 4, o.method = FM_SOLVER_EULER;
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_UNSUPPORTED);
  NAMES("solver_options.grid:");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("solve dense");
  TCase *tcase = tcase_create("solve dense");
  const int methods = n_methods();
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, reference_numbers_between_steps);
  tcase_add_loop_test(tcase, orders_between_steps, 0, methods);
  tcase_add_loop_test(tcase, times_change_no_step, 0, methods);
  tcase_add_loop_test(tcase, times_at_the_steps_are_their_results, 0, methods);
  tcase_add_loop_test(tcase, a_failing_row_leaves_later_times_alone, 0, methods);
  tcase_add_loop_test(tcase, a_deadline_has_its_times_on_a_line, 0, methods);
  tcase_add_test(tcase, bad_times_are_named);
  tcase_add_test(tcase, reference_numbers_of_grids);
  tcase_add_loop_test(tcase, grids_go_from_end_to_end, 0, (int)FMI_COUNT(grids));
  tcase_add_loop_test(tcase, methods_are_right_on_every_grid, 0, methods);
  tcase_add_test(tcase, a_grid_of_ones_own);
  tcase_add_loop_test(tcase, steps_of_no_length_do_nothing, 0, methods);
  tcase_add_loop_test(tcase, no_step_is_longer_than_asked, 0, methods);
  tcase_add_test(tcase, the_largest_component_can_count);
  tcase_add_test(tcase, the_rule_is_as_asked);
  tcase_add_test(tcase, bad_step_options_are_named);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
