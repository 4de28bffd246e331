/* solve_test.c - the ODE solvers as numerics: reference numbers, orders, tolerances, step control, options.
 */
#include "solve_fixture.h"

#include "solve/erk.h"
#include "solve/step_control.h"

/* ---- problems ------------------------------------------------------------------------------------- */

static double linear_growth(uint64_t row, double t, double y) { return (void)row, t * y; }
static double cubic(uint64_t row, double t, double y) { return (void)row, (void)y, 3 * t * t; }
static double sextic(uint64_t row, double t, double y) { return (void)row, (void)y, 6 * pow(t, 5); }
/* Data N(2, .5^2), CondOT, prior N(0, 1): x(1) = 2 + .5 x(0). */
static double gauss(uint64_t row, double t, double x) {
  const double m = 2, s = 0.5, v = t * t * s * s + (1 - t) * (1 - t);
  return (void)row, m + (t * s * s - (1 - t)) / v * (x - t * m);
}
/* Two points -1 and 2, CondOT: the softmax mixture of its two straight flows. */
static double two_points(uint64_t row, double t, double x) {
  const double sigma = fmax(1 - t, 1e-3);
  const double a = -(x + t) * (x + t), b = -(x - 2 * t) * (x - 2 * t), scale = 2 * sigma * sigma;
  const double w = 1 / (1 + exp((a - b) / scale));
  return (void)row, ((1 - w) * -1 + w * 2 - x) / sigma;
}
/* Undefined below 0, where long trial steps land. */
static double fragile(uint64_t row, double t, double y) { return (void)row, (void)t, y < 0 ? NAN : -50 * y; }

/* One row, one column. */
static double solve_one(fmi_solve_config config, slope_fn slope, double y, double t0, double t1) {
  solve s = {.config = config, .slope = slope, .t0 = t0, .t1 = t1, .n = 1, .dim = 1, .y = &y};
  ck_assert_msg(run(&s) == FM_OK, "%s", err.text);
  return y;
}

/* ---- tableaux and reference numbers ----------------------------------------------------------------- */

/* Row sums and the quadrature conditions sum b_i c_i^(q - 1) = 1 / q, for every method of the list. */
START_TEST(tableaux_are_consistent) {
  size_t found = 0;
  for (const fmi_tableau *const *p = fmi_tableaux; *p != NULL; p++, found++) {
    const fmi_tableau *w = *p;
    ck_assert(w->stages >= 1 && w->stages <= FMI_ERK_STAGES);
    for (unsigned i = 0; i < w->stages; i++) {
      double sum = 0;
      for (unsigned j = 0; j < FMI_ERK_STAGES; j++) {
        ck_assert(j < i || w->a[i][j] == 0);
        sum += w->a[i][j];
        if (w->fsal) ck_assert(w->a[w->stages - 1][j] == w->b[j]);
      }
      ck_assert_double_le(fabs(sum - w->c[i]), 1e-14);
    }
    for (unsigned q = 1; q <= w->order; q++) {
      double sum = 0, error = 0;
      for (unsigned i = 0; i < w->stages; i++) {
        sum += w->b[i] * pow(w->c[i], q - 1);
        error += w->e[i] * pow(w->c[i], q - 1);
      }
      ck_assert_msg(fabs(sum - 1.0 / q) <= 1e-15 * 8, "%s, order %u: %g", w->name, q, sum - 1.0 / q);
      if (q <= w->embedded_order) ck_assert_double_le(fabs(error), 1e-16);
      else if (w->embedded_order > 0) ck_assert_double_ge(fabs(error), 1e-6);
    }
  }
  ck_assert_uint_ge(found, 2);
}
END_TEST

START_TEST(euler_reference_numbers) {
  static const struct {
    slope_fn slope;
    double y0, expected;
    uint32_t n_steps;
  } cases[] = {
      {growth, 1, 2.44140625, 4},
      {growth, 1, 2.565784513950348, 8},
      {linear_growth, 1, 1.41943359375, 4},
      {cubic, 1, 1.65625, 4},
      {gauss, 1, 2.4307826048986234, 10},
      {gauss, 1, 2.4642475007336637, 20},
      {gauss, 1, 2, 1},
      {gauss, 1, 2.2, 2},
      {gauss, 1, 2.3405405405405406, 4},
      {gauss, 1, 2.4147845544814777, 8},
  };
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    fmi_solve_config config = config_of(FM_SOLVER_EULER);
    config.n_steps = cases[i].n_steps;
    NEAR(solve_one(config, cases[i].slope, cases[i].y0, 0, 1), cases[i].expected, 1e-14);
  }
}
END_TEST

/* One step h = 1/4 from (0, 1): the result and b - b_hat applied to the stages. */
START_TEST(dopri5_reference_step) {
  static const struct {
    slope_fn slope;
    double y1, error;
  } cases[] = {
      {growth, 3155621.0 / 2457600, -4.750569661458333e-07},
      {linear_growth, 1.031743409785518, -5.606922102563175e-08},
      {sextic, 3687299.0 / 3686400, 7.675459747942387e-07},
  };
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    const fmi_solve_config config = config_of(FM_SOLVER_DOPRI5);
    const fmi_tableau *tableau = config.method->tableau;
    double y = 1, error;
    watch w = {.slope = cases[i].slope, .high = 0.25, .n = 1, .dim = 1};
    const fmi_rhs rhs = {watched, &w};
    const size_t bytes = config.method->workspace(&config, 1, 1);
    fmi_arena arena = {.base = aligned_alloc(FMI_ALIGN, bytes)};
    fm_solve_stats stats = {0};
    const fmi_solve_job job = {
        .config = &config, .rhs = &rhs, .t1 = 0.25, .n = 1, .dim = 1, .y = &y, .stats = &stats};
    fmi_erk s;
    fmi_erk_carve(&s, &arena, tableau, 1, 1);
    ck_assert_int_eq(fmi_erk_begin(&s, &job), FM_OK);
    s.h[0] = s.t_next[0] = 0.25;
    ck_assert_int_eq(fmi_erk_stages(&s, 0, tableau->stages), FM_OK);
    fmi_erk_weigh(&s, tableau->e, tableau->stages, &error);
    NEAR(s.x[0], cases[i].y1, 2e-16); /* the last stage's argument */
    NEAR(error * s.h[0], cases[i].error, 1e-11);
    fmi_erk_combine(&s, tableau->b, tableau->stages);
    NEAR(s.x[0], cases[i].y1, 2e-16);
    free(arena.base);
  }
}
END_TEST

/* Every tableau with fixed steps, between 64 and 128 of them, on y' = y (sin t + 1/2). */
START_TEST(orders_of_accuracy) {
  const double exact = exp(1 - cos(3.0) + 1.5);
  const fmi_method *fixed = fmi_method_by_kind(FM_SOLVER_EULER);
  for (const fmi_tableau *const *p = fmi_tableaux; *p != NULL; p++) {
    const fmi_method method = {0, (*p)->name, fixed->workspace, fixed->solve, *p};
    fmi_solve_config config = config_of(FM_SOLVER_EULER);
    config.method = &method;
    config.n_steps = 64;
    const double coarse = fabs(solve_one(config, sine, 1, 0, 3) - exact);
    config.n_steps = 128;
    const double fine = fabs(solve_one(config, sine, 1, 0, 3) - exact);
    const double order = log2(coarse / fine);
    ck_assert_msg(fabs(order - (*p)->order) < 0.1, "%s: order %.3f", (*p)->name, order);
  }
}
END_TEST

/* ---- adaptive accuracy -------------------------------------------------------------------------------- */

START_TEST(error_follows_the_tolerance) {
  const double exact = exp(1 - cos(3.0) + 1.5);
  double last_error = INFINITY;
  uint64_t last_nfe = 0;
  for (int digits = 3; digits <= 12; digits += 3) {
    double y = 1;
    solve s = solve_of(FM_SOLVER_DOPRI5, sine, 3, 1, &y);
    s.config.rtol = s.config.atol = pow(10, -digits);
    ck_assert_int_eq(run(&s), FM_OK);
    const double error = fabs(y - exact);
    ck_assert_msg(error <= 20 * s.config.rtol * exact, "tolerance 1e-%d: error %g", digits, error);
    ck_assert_double_lt(error, 0.1 * last_error);
    ck_assert_uint_gt(s.stats.nfe, last_nfe);
    last_error = error;
    last_nfe = s.stats.nfe;
  }
  ck_assert_uint_le(last_nfe, 6 * 400); /* order 5 at work: order 1 would need billions */
}
END_TEST

START_TEST(closed_form_flows) {
  fmi_solve_config config = config_of(FM_SOLVER_DOPRI5);
  config.rtol = config.atol = 1e-9;
  for (int i = -3; i <= 3; i++) {
    const double exact = 2 + 0.5 * i;
    ck_assert_double_le(fabs(solve_one(config, gauss, i, 0, 1) - exact), 1e-7);
    ck_assert_double_le(fabs(solve_one(config, gauss, exact, 1, 0) - i), 1e-7);
    /* x(1/2) = 1 + sqrt(1/16 + 1/4) x0 */
    ck_assert_double_le(fabs(solve_one(config, gauss, i, 0, 0.5) - (1 + sqrt(0.3125) * i)), 1e-7);
  }
  ck_assert_double_le(fabs(two_points(0, .1, -.5) - .9419425939697248), 1e-14);
  ck_assert_double_le(fabs(two_points(0, .5, .5) - 1.905446857161862), 1e-14);
  config.rtol = config.atol = 1e-6;
  ck_assert_double_le(fabs(solve_one(config, two_points, -1.5, 0, 1) + 1), 5e-3);
  ck_assert_double_le(fabs(solve_one(config, two_points, 1.5, 0, 1) - 2), 5e-3);
}
END_TEST

START_TEST(reverse_undoes_forward) {
  fmi_solve_config config = config_of(FM_SOLVER_DOPRI5);
  config.rtol = config.atol = 1e-10;
  const double there = solve_one(config, sine, 1.25, 0.1, 2.7);
  ck_assert_double_le(fabs(solve_one(config, sine, there, 2.7, 0.1) - 1.25), 1e-8);
  config = config_of(FM_SOLVER_EULER);
  config.n_steps = 4; /* backwards with h = -1/4: (1 - 1/4)^4 */
  NEAR(solve_one(config, growth, 1, 1, 0), 0.31640625, 1e-15);
}
END_TEST

START_TEST(a_trial_outside_the_domain_is_only_rejected) {
  double y = 1;
  solve s = solve_of(FM_SOLVER_DOPRI5, fragile, 1, 1, &y);
  s.config.first_step = 1;
  s.config.atol = 1e-8;
  ck_assert_msg(run(&s) == FM_OK, "%s", err.text);
  ck_assert_uint_ge(s.stats.rejected, 1);
  ck_assert_double_le(fabs(y), 1e-6);
}
END_TEST

START_TEST(steps_shrink_and_grow_within_limits) {
  fmi_step_state state = {.h = 1};
  fmi_step_next(&state, 0, 5);
  NEAR(state.h, 10, 1e-15);
  state = (fmi_step_state){.h = 1};
  fmi_step_next(&state, 1e9, 5);
  NEAR(state.h, 0.2, 1e-15);
  state.h = 1;
  fmi_step_next(&state, NAN, 5);
  NEAR(state.h, 0.2, 1e-15);
  ck_assert(state.blew_up && state.rejected);
  state.h = 1; /* after a rejection: no growth, however good */
  fmi_step_next(&state, 0, 5);
  NEAR(state.h, 1, 1e-15);
  ck_assert(!state.blew_up && !state.rejected);
  state = (fmi_step_state){.h = 1}; /* no history: safety error^(-1/5) */
  fmi_step_next(&state, 0.5, 5);
  NEAR(state.h, 0.9 * pow(0.5, -0.2), 1e-15);
  state.h = 1; /* with it: Hairer's exponents .17 and .04 */
  fmi_step_next(&state, 0.25, 5);
  NEAR(state.h, 0.9 * pow(0.25, -0.17) * pow(0.5, 0.04), 1e-15);
  state.h = 1;
  fmi_step_next(&state, 32, 5);
  NEAR(state.h, 0.45, 1e-15);
}
END_TEST

/* RMS over the components of v / (atol + rtol max(|y0|, |y1|)), for every length around blocks of 4. */
START_TEST(error_norm) {
  double v[11], y0[11], y1[11], scratch[11];
  for (size_t dim = 1; dim <= 11; dim++) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) {
      v[j] = 0.1 * (double)(j + 1);
      y0[j] = -(double)j;
      y1[j] = 5 - (double)j;
      const double ratio = v[j] / (1e-3 + 1e-2 * fmax(fabs(y0[j]), fabs(y1[j])));
      sum += ratio * ratio;
    }
    NEAR(fmi_scaled_norm(dim, v, y0, y1, 1e-2, 1e-3, scratch), sqrt(sum / (double)dim), 1e-14);
    NEAR(fmi_scaled_norm(dim, v, y0, y1, 1e-2, 1e-3, v), sqrt(sum / (double)dim), 1e-14);
  }
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------------- */

START_TEST(options_and_their_defaults) {
  fmi_solve_config config;
  ck_assert_int_eq(fmi_solve_configure(NULL, &config, &err), FM_OK);
  ck_assert_str_eq(config.method->name, "dopri5");
  ck_assert_uint_eq(config.n_steps, 20);
  ck_assert_uint_eq(config.max_steps, 10000);
  ck_assert(config.rtol == 1e-3 && config.atol == 1e-3 && config.first_step == 0);
  ck_assert_str_eq(fmi_method_by_kind(FM_SOLVER_EULER)->name, "euler");
  ck_assert_ptr_null(fmi_method_by_kind(0));
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.method = FM_SOLVER_DOPRI5;
  o.n_steps = 7;
  o.rtol = 1e-3;
  o.atol = 1e-4;
  o.first_step = 0.125;
  o.max_steps = 9;
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_OK);
  ck_assert_str_eq(config.method->name, "dopri5");
  ck_assert(config.n_steps == 7 && config.rtol == 1e-3 && config.atol == 1e-4);
  ck_assert(config.first_step == 0.125 && config.max_steps == 9);
}
END_TEST

START_TEST(bad_options_are_named) {
  static const double bad[] = {-1, NAN, INFINITY};
  fmi_solve_config config = {.n_steps = 77};
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.method = 99;
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_UNSUPPORTED);
  NAMES("solver_options.method: expected one of euler (1), dopri5 (2)");
  NAMES("found 99");
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    fm_solver_options_init(&o);
    o.rtol = bad[i];
    ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_INVALID);
    NAMES("solver_options.rtol: expected");
    fm_solver_options_init(&o);
    o.atol = bad[i];
    ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_INVALID);
    NAMES("solver_options.atol: expected");
    fm_solver_options_init(&o);
    o.first_step = bad[i];
    ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_INVALID);
    NAMES("solver_options.first_step: expected");
  }
  ck_assert_uint_eq(config.n_steps, 77);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("solve");
  TCase *tcase = tcase_create("solve");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, tableaux_are_consistent);
  tcase_add_test(tcase, euler_reference_numbers);
  tcase_add_test(tcase, dopri5_reference_step);
  tcase_add_test(tcase, orders_of_accuracy);
  tcase_add_test(tcase, error_follows_the_tolerance);
  tcase_add_test(tcase, closed_form_flows);
  tcase_add_test(tcase, reverse_undoes_forward);
  tcase_add_test(tcase, a_trial_outside_the_domain_is_only_rejected);
  tcase_add_test(tcase, steps_shrink_and_grow_within_limits);
  tcase_add_test(tcase, error_norm);
  tcase_add_test(tcase, options_and_their_defaults);
  tcase_add_test(tcase, bad_options_are_named);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
