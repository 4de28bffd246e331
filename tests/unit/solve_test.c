/* solve_test.c - the ODE solvers as numerics: reference numbers, orders, tolerances, step control, options.
 */
#include "solve_fixture.h"

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

/* The order conditions are sums over rooted trees (Hairer, Norsett & Wanner I, II.2): every tree gives stages
   u with sum_i b_i u_i = 1 / gamma. A tree is written in postfix: '1' is the bare root, 'c' multiplies u by
   the nodes, 'A' stands for a branch: u = u_below * A u_above. Up to order 5 these are all. */
static const struct {
  const char *tree;
  unsigned order;
  double gamma;
} trees[] = {
    {"", 1, 1},     {"c", 2, 2},     {"cc", 3, 3},    {"cA", 3, 6},    {"ccc", 4, 4},    {"cAc", 4, 8},
    {"ccA", 4, 12}, {"cAA", 4, 24},  {"cccc", 5, 5},  {"cAcc", 5, 10}, {"ccAc", 5, 15},  {"cAAc", 5, 30},
    {"s", 5, 20},   {"cccA", 5, 20}, {"cAcA", 5, 40}, {"ccAA", 5, 60}, {"cAAA", 5, 120},
};

static void apply(const fmi_tableau *w, double *u) {
  double out[FMI_ERK_STAGES] = {0};
  for (unsigned i = 0; i < w->stages; i++)
    for (unsigned j = 0; j < i; j++) out[i] += w->a[i][j] * u[j];
  memcpy(u, out, sizeof out);
}

/* sum_i weights_i u_i of a tree. */
static double condition(const fmi_tableau *w, const double *weights, const char *tree) {
  double u[FMI_ERK_STAGES], sum = 0;
  for (unsigned i = 0; i < FMI_ERK_STAGES; i++) u[i] = 1;
  for (; *tree != '\0'; tree++) {
    if (*tree == 'c')
      for (unsigned i = 0; i < w->stages; i++) u[i] *= w->c[i];
    if (*tree == 'A' || *tree == 's') {
      if (*tree == 's') memcpy(u, w->c, sizeof u); /* (A c)^2 */
      apply(w, u);
    }
    if (*tree == 's')
      for (unsigned i = 0; i < w->stages; i++) u[i] *= u[i];
  }
  for (unsigned i = 0; i < w->stages; i++) sum += weights[i] * u[i];
  return sum;
}

static bool has_extension(const fmi_tableau *w) {
  for (unsigned i = 0; i < w->stages; i++)
    if (w->d[i] != 0) return true;
  return false;
}

static void check_rows(const fmi_tableau *w) {
  ck_assert(w->stages >= 1 && w->stages <= FMI_ERK_STAGES);
  for (unsigned i = 0; i < w->stages; i++) {
    double sum = 0;
    for (unsigned j = 0; j < FMI_ERK_STAGES; j++) {
      ck_assert(j < i || w->a[i][j] == 0);
      sum += w->a[i][j];
      if (w->fsal) ck_assert(w->a[w->stages - 1][j] == w->b[j]);
    }
    ck_assert_msg(fabs(sum - w->c[i]) <= 1e-14, "%s: row %u sums to %.17g", w->name, i, sum);
  }
}

/* Rows, orders of both solutions and of the one between steps, for every method of the list. */
START_TEST(tableaux_are_consistent) {
  size_t found = 0;
  for (const fmi_tableau *const *p = fmi_tableaux; *p != NULL; p++, found++) {
    const fmi_tableau *w = *p;
    double missed = 0;
    check_rows(w);
    for (size_t k = 0; k < FMI_COUNT(trees); k++) {
      const char *tree = trees[k].tree;
      const double error = condition(w, w->e, tree), extension = condition(w, w->d, tree);
      if (trees[k].order <= w->order) {
        const double off = condition(w, w->b, tree) - 1 / trees[k].gamma;
        ck_assert_msg(fabs(off) <= 2e-15, "%s, order %u, tree \"%s\": off by %g", w->name, trees[k].order,
                      tree, off);
      }
      if (trees[k].order <= w->embedded_order)
        ck_assert_msg(fabs(error) <= 1e-15, "%s, tree \"%s\": error weights off by %g", w->name, tree, error);
      else if (trees[k].order == w->embedded_order + 1)
        missed = fmax(missed, fabs(error));
      /* The cubic is exact to t^3; of t^4 / gamma it misses theta^2 (1 - theta)^2 / gamma. */
      if (has_extension(w) && trees[k].order <= 4)
        ck_assert_msg(fabs(extension - (trees[k].order == 4 ? 1 / trees[k].gamma : 0)) <= 1e-13,
                      "%s, tree \"%s\": between steps off by %g", w->name, tree, extension);
    }
    if (w->embedded_order > 0) ck_assert_double_ge(missed, 1e-6);
  }
  size_t own = 0; /* others start with one of these */
  for (int i = 0; i < n_methods(); i++) own += !fmi_method_at((size_t)i)->stepper->multistep;
  ck_assert_uint_eq(found, own);
}
END_TEST

/* y(1), from h = 1/4 and 1/8 (1/10 and 1/20 for gauss). */
START_TEST(reference_numbers_of_fixed_steps) {
  static const struct {
    uint32_t method, n_steps;
    slope_fn slope;
    double expected;
  } cases[] = {
      {FM_SOLVER_EULER, 4, growth, 2.44140625},
      {FM_SOLVER_EULER, 8, growth, 2.565784513950348},
      {FM_SOLVER_MIDPOINT, 4, growth, 2.6948556900024414},
      {FM_SOLVER_MIDPOINT, 8, growth, 2.711841238551985},
      {FM_SOLVER_HEUN2, 4, growth, 2.6948556900024414},
      {FM_SOLVER_HEUN2, 8, growth, 2.711841238551985},
      {FM_SOLVER_HEUN3, 4, growth, 2.716831973351446},
      {FM_SOLVER_HEUN3, 8, growth, 2.718081629892524},
      {FM_SOLVER_RK4, 4, growth, 2.718209939201323},
      {FM_SOLVER_RK4, 8, growth, 2.7182768444167347},
      {FM_SOLVER_RK4_38, 4, growth, 2.718209939201323},
      {FM_SOLVER_EULER, 4, linear_growth, 1.41943359375},
      {FM_SOLVER_MIDPOINT, 4, linear_growth, 1.6342172740842216},
      {FM_SOLVER_HEUN2, 4, linear_growth, 1.6422856338322163},
      {FM_SOLVER_HEUN3, 4, linear_growth, 1.6476359976546315},
      {FM_SOLVER_RK4_38, 4, linear_growth, 1.6487472747605951},
      {FM_SOLVER_RK4, 4, linear_growth, 1.64870973607629},
      {FM_SOLVER_EULER, 4, cubic, 1.65625},
      {FM_SOLVER_MIDPOINT, 4, cubic, 1.984375},
      {FM_SOLVER_HEUN2, 4, cubic, 2.03125},
      {FM_SOLVER_HEUN3, 4, cubic, 2},
      {FM_SOLVER_RK4, 4, cubic, 2},
      {FM_SOLVER_EULER, 10, gauss, 2.4307826048986234},
      {FM_SOLVER_EULER, 20, gauss, 2.4642475007336637},
      {FM_SOLVER_EULER, 1, gauss, 2},
      {FM_SOLVER_EULER, 2, gauss, 2.2},
      {FM_SOLVER_EULER, 4, gauss, 2.3405405405405406},
      {FM_SOLVER_EULER, 8, gauss, 2.4147845544814777},
      {FM_SOLVER_MIDPOINT, 10, gauss, 2.4998847383686784},
      {FM_SOLVER_MIDPOINT, 20, gauss, 2.4999854569443034},
      {FM_SOLVER_HEUN2, 10, gauss, 2.5017199121944644},
      {FM_SOLVER_HEUN2, 20, gauss, 2.500508380174235},
      {FM_SOLVER_HEUN3, 10, gauss, 2.5000422415152945},
      {FM_SOLVER_RK4_38, 10, gauss, 2.5000003559724044},
      {FM_SOLVER_RK4_38, 20, gauss, 2.4999999842067946},
      {FM_SOLVER_RK4, 10, gauss, 2.500000240008807},
  };
  for (size_t i = 0; i < FMI_COUNT(cases); i++)
    NEAR(solve_one(fixed_steps(cases[i].method, cases[i].n_steps), cases[i].slope, 1, 0, 1),
         cases[i].expected, 1e-14);
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

static double measured_order(const fmi_tableau *tableau, uint32_t n_steps) {
  const double exact = exp(1 - cos(3.0) + 1.5);
  const fmi_method *fixed = fmi_method_by_kind(FM_SOLVER_EULER);
  fmi_method method = *fixed;
  method.name = tableau->name;
  method.tableau = tableau;
  fmi_solve_config config = fixed_steps(FM_SOLVER_EULER, n_steps);
  config.method = &method;
  const double coarse = fabs(solve_one(config, sine, 1, 0, 3) - exact);
  config.grid.n_steps *= 2;
  return log2(coarse / fabs(solve_one(config, sine, 1, 0, 3) - exact));
}

/* Multistep methods on the same problem, on equal steps and on steps whose lengths change all the time, from
   512 steps on: between 64 and 128 the orders of ab3 and ab4 are 2.88 and 4.22, from exact first steps too,
   since the next term of the error still shows. */
START_TEST(orders_of_multistep_methods) {
  const fmi_method *method = fmi_method_at((size_t)_i);
  const double exact = exp(1 - cos(3.0) + 1.5);
  if (!method->stepper->multistep) return;
  for (uint32_t grid = FM_GRID_UNIFORM; grid <= FM_GRID_SHIFTED; grid++) {
    double error[2];
    for (uint32_t k = 0; k < 2; k++) {
      const fmi_solve_config config =
          config_with(&(fm_solver_options){.struct_size = sizeof(fm_solver_options),
                                           .method = method->kind,
                                           .n_steps = 512u << k,
                                           .grid = grid});
      error[k] = fabs(solve_one(config, sine, 1, 0, 3) - exact);
    }
    const double order = log2(error[0] / error[1]);
    ck_assert_msg(fabs(order - method->tableau->order) < 0.1, "%s on grid %u: order %.3f", method->name,
                  (unsigned)grid, order);
  }
}
END_TEST

/* Each weight is an integral of a polynomial: a solution whose slope has lower degree than the order comes
   out exactly whatever the steps. y' = 3 t^2, from starting steps that are exact too. */
START_TEST(multistep_methods_integrate_polynomials) {
  if (!fmi_method_at((size_t)_i)->stepper->multistep) return;
  const unsigned order = fmi_method_at((size_t)_i)->tableau->order;
  const fmi_solve_config config = config_with(&(fm_solver_options){.struct_size = sizeof(fm_solver_options),
                                                                   .method = kind_of(_i),
                                                                   .n_steps = 9,
                                                                   .grid = FM_GRID_SHIFTED});
  const double y = solve_one(config, cubic, 1, 0, 1), missed = fabs(y - 2);
  ck_assert_msg(order < 3 ? missed > 1e-3 : missed < 1e-13, "off by %g", missed);
}
END_TEST

/* Every tableau with fixed steps, between 64 and 128 of them, on y' = y (sin t + 1/2); then its second
   solution, which an error estimate stands and falls with, between 256 and 512: that of bs32 is so good that
   higher terms still show before. */
START_TEST(orders_of_accuracy) {
  for (const fmi_tableau *const *p = fmi_tableaux; *p != NULL; p++) {
    double order = measured_order(*p, 64);
    ck_assert_msg(fabs(order - (*p)->order) < 0.1, "%s: order %.3f", (*p)->name, order);
    if ((*p)->embedded_order == 0) continue;
    fmi_tableau second = **p;
    second.fsal = false;
    for (unsigned i = 0; i < second.stages; i++) second.b[i] -= second.e[i];
    order = measured_order(&second, 256);
    ck_assert_msg(fabs(order - second.embedded_order) < 0.1, "%s: embedded order %.3f", second.name, order);
  }
}
END_TEST

/* ---- adaptive accuracy -------------------------------------------------------------------------------- */

START_TEST(error_follows_the_tolerance) {
  if (!is_adaptive(_i)) return;
  const double exact = exp(1 - cos(3.0) + 1.5);
  double last_error = INFINITY;
  uint64_t last_nfe = 0;
  for (int digits = 3; digits <= 12; digits += 3) {
    double y = 1;
    solve s = solve_of(kind_of(_i), sine, 3, 1, &y);
    s.config.rtol = s.config.atol = pow(10, -digits);
    s.config.max_steps = 1000000;
    ck_assert_int_eq(run(&s), FM_OK);
    const double error = fabs(y - exact);
    ck_assert_msg(error <= 20 * s.config.rtol * exact, "tolerance 1e-%d: error %g", digits, error);
    ck_assert_double_lt(error, 0.1 * last_error);
    ck_assert_uint_gt(s.stats.nfe, last_nfe);
    last_error = error;
    last_nfe = s.stats.nfe;
  }
  /* Order 5 at work: order 1 would need billions. */
  ck_assert_uint_le(last_nfe, fmi_method_at((size_t)_i)->tableau->order == 5 ? 6 * 400 : 3 * 40000);
}
END_TEST

START_TEST(closed_form_flows) {
  if (!is_adaptive(_i)) return;
  fmi_solve_config config = config_of(kind_of(_i));
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
  if (!is_adaptive(_i)) return;
  fmi_solve_config config = config_of(kind_of(_i));
  config.rtol = config.atol = 1e-10;
  const double there = solve_one(config, sine, 1.25, 0.1, 2.7);
  ck_assert_double_le(fabs(solve_one(config, sine, there, 2.7, 0.1) - 1.25), 1e-8);
  config = fixed_steps(FM_SOLVER_EULER, 4); /* backwards with h = -1/4: (1 - 1/4)^4 */
  NEAR(solve_one(config, growth, 1, 1, 0), 0.31640625, 1e-15);
}
END_TEST

START_TEST(a_trial_outside_the_domain_is_only_rejected) {
  if (!is_adaptive(_i)) return;
  double y = 1;
  solve s = solve_of(kind_of(_i), fragile, 1, 1, &y);
  s.config.first_step = 1;
  s.config.atol = 1e-8;
  ck_assert_msg(run(&s) == FM_OK, "%s", err.text);
  ck_assert_uint_ge(s.stats.rejected, 1);
  ck_assert_double_le(fabs(y), 1e-6);
}
END_TEST

START_TEST(steps_shrink_and_grow_within_limits) {
  const fmi_step_rule rule = config_of(FM_SOLVER_DOPRI5).rule;
  fmi_step_state state = {.h = 1};
  fmi_step_next(&state, 0, &rule);
  NEAR(state.h, 10, 1e-15);
  state = (fmi_step_state){.h = 1};
  fmi_step_next(&state, 1e9, &rule);
  NEAR(state.h, 0.2, 1e-15);
  state.h = 1;
  fmi_step_next(&state, NAN, &rule);
  NEAR(state.h, 0.2, 1e-15);
  ck_assert(state.blew_up && state.rejected);
  state.h = 1; /* after a rejection: no growth, however good */
  fmi_step_next(&state, 0, &rule);
  NEAR(state.h, 1, 1e-15);
  ck_assert(!state.blew_up && !state.rejected);
  state = (fmi_step_state){.h = 1}; /* no history: safety error^(-1/5) */
  fmi_step_next(&state, 0.5, &rule);
  NEAR(state.h, 0.9 * pow(0.5, -0.2), 1e-15);
  state.h = 1; /* with it: Hairer's exponents .17 and .04 */
  fmi_step_next(&state, 0.25, &rule);
  NEAR(state.h, 0.9 * pow(0.25, -0.17) * pow(0.5, 0.04), 1e-15);
  state.h = 1;
  fmi_step_next(&state, 32, &rule);
  NEAR(state.h, 0.45, 1e-15);
}
END_TEST

/* RMS and maximum over the components of v / (atol + rtol max(|y0|, |y1|)), for every length around blocks of
   4. */
START_TEST(error_norm) {
  double v[11], y0[11], y1[11], scratch[11];
  for (size_t dim = 1; dim <= 11; dim++) {
    double sum = 0, most = 0;
    for (size_t j = 0; j < dim; j++) {
      v[j] = 0.1 * (double)(j + 1);
      y0[j] = -(double)j;
      y1[j] = 5 - (double)j;
      const double ratio = v[j] / (1e-3 + 1e-2 * fmax(fabs(y0[j]), fabs(y1[j])));
      sum += ratio * ratio;
      most = fmax(most, ratio * ratio);
    }
    NEAR(fmi_norm_max(dim, v, y0, y1, 1e-2, 1e-3, scratch), sqrt(most), 1e-14);
    NEAR(fmi_norm_rms(dim, v, y0, y1, 1e-2, 1e-3, scratch), sqrt(sum / (double)dim), 1e-14);
    v[dim / 2] = -v[dim / 2]; /* signs don't count, NaN does */
    NEAR(fmi_norm_max(dim, v, y0, y1, 1e-2, 1e-3, scratch), sqrt(most), 1e-14);
    NEAR(fmi_norm_rms(dim, v, y0, y1, 1e-2, 1e-3, v), sqrt(sum / (double)dim), 1e-14);
    v[dim / 2] = NAN;
    ck_assert(isnan(fmi_norm_max(dim, v, y0, y1, 1e-2, 1e-3, scratch)));
    ck_assert(isnan(fmi_norm_rms(dim, v, y0, y1, 1e-2, 1e-3, scratch)));
  }
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------------- */

START_TEST(options_and_their_defaults) {
  fmi_solve_config config;
  ck_assert_int_eq(fmi_solve_configure(NULL, &config, &err), FM_OK);
  ck_assert_str_eq(config.method->name, "dopri5");
  ck_assert_uint_eq(config.grid.n_steps, 20);
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
  ck_assert(config.grid.n_steps == 7 && config.rtol == 1e-3 && config.atol == 1e-4);
  ck_assert(config.first_step == 0.125 && config.max_steps == 9);
}
END_TEST

START_TEST(bad_options_are_named) {
  static const double bad[] = {-1, NAN, INFINITY};
  fmi_solve_config config = {.max_steps = 77};
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.method = 99;
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_E_UNSUPPORTED);
  NAMES("solver_options.method: expected one of euler (1), midpoint (3)");
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
  ck_assert_uint_eq(config.max_steps, 77);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("solve");
  TCase *tcase = tcase_create("solve");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, tableaux_are_consistent);
  tcase_add_test(tcase, reference_numbers_of_fixed_steps);
  tcase_add_test(tcase, dopri5_reference_step);
  tcase_add_test(tcase, orders_of_accuracy);
  tcase_add_loop_test(tcase, orders_of_multistep_methods, 0, n_methods());
  tcase_add_loop_test(tcase, multistep_methods_integrate_polynomials, 0, n_methods());
  tcase_add_loop_test(tcase, error_follows_the_tolerance, 0, n_methods());
  tcase_add_loop_test(tcase, closed_form_flows, 0, n_methods());
  tcase_add_loop_test(tcase, reverse_undoes_forward, 0, n_methods());
  tcase_add_loop_test(tcase, a_trial_outside_the_domain_is_only_rejected, 0, n_methods());
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
