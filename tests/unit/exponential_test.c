/* exponential_test.c - the solver in the data's end, on models whose velocity is known exactly: orders, what
   is exact with any step, evaluations, and what it needs. */
#include "fixture.h"

#include "solve/solve.h"

#ifndef FMI_DOUBLE /* callbacks take float */
/* Data: a mixture of two Gaussians in each column, N(-1, .6^2) and N(2, .4^2), or always 1.5. On a path
   alpha, sigma the velocity is that of the mixture's posterior mean of x1. */
typedef struct exact {
  fm_ctx *ctx;
  fm_path *path;
  int n; /* components */
} exact;
static const double means[2] = {-1, 2}, deviations[2] = {.6, .4};

static double expected_x1(const fm_path_coefficients *c, double x, int n) {
  double weight[2], mean[2], top = -INFINITY, sum = 0, out = 0;
  for (int k = 0; k < n; k++) {
    const double m = n == 1 ? 1.5 : means[k], s = n == 1 ? 0 : deviations[k];
    const double v = c->alpha * c->alpha * s * s + c->sigma * c->sigma, z = x - c->alpha * m;
    weight[k] = -z * z / (2 * v) - log(v) / 2;
    mean[k] = m + c->alpha * s * s / v * z;
    top = fmax(top, weight[k]);
  }
  for (int k = 0; k < n; k++) sum += exp(weight[k] - top);
  for (int k = 0; k < n; k++) out += exp(weight[k] - top) / sum * mean[k];
  return out;
}
static int32_t forward(void *user, const fm_net_call *c) {
  const exact *e = user;
  fm_path_coefficients k;
  fm_path_coefficients_init(&k);
  for (uint64_t i = 0; i < c->n; i++) {
    if (fm_path_coefficients_at(e->ctx, e->path, c->t[i], &k) != FM_OK) return 2;
    for (uint64_t j = 0; j < c->dim; j++) {
      const double x = (double)c->x[i * c->dim + j], x1 = expected_x1(&k, x, e->n);
      const double x0 = k.sigma > 0 ? (x - k.alpha * x1) / k.sigma : 0;
      c->velocity[i * c->dim + j] = (float)(k.d_alpha * x1 + k.d_sigma * x0);
    }
  }
  return 0;
}
static int32_t vjp(void *user, const fm_net_call *c) {
  (void)user, (void)c;
  return 1;
}
static fm_model *model_of(fm_ctx *ctx, exact *e) {
  const float none = 0;
  fm_net *net;
  fm_model *model;
  e->ctx = ctx;
  OK(fm_net_create_custom(ctx, 2, NULL, 0, 0, 0, forward, vjp, NULL, e, &net));
  OK(fm_model_create(ctx, net, &none, &none, e->path, NULL, NULL, NULL, &model));
  fm_net_destroy(net);
  return model;
}

enum { ROWS = 20 };
static void carry(fm_ctx *ctx, const fm_model *model, fm_solver_options so, double t0, double t1, double *x,
                  fm_solve_stats *stats) {
  fm_sampler *s;
  so.struct_size = sizeof so;
  OK(fm_sampler_create(ctx, model, &so, NULL, &s));
  for (int i = 0; i < 2 * ROWS; i++) x[i] = -2 + 4.0 * i / (2 * ROWS - 1);
  OK(fm_sampler_transport(ctx, s, t0, t1, NULL, NULL, ROWS, x, NULL, NULL, stats));
  fm_sampler_destroy(s);
}
static double error_of(fm_ctx *ctx, const fm_model *model, uint32_t method, uint32_t n, double t0, double t1,
                       const double *truth) {
  double x[2 * ROWS], largest = 0;
  carry(ctx, model, (fm_solver_options){.method = method, .n_steps = n}, t0, t1, x, NULL);
  for (int i = 0; i < 2 * ROWS; i++) largest = fmax(largest, fabs(x[i] - truth[i]));
  return largest;
}

/* On an exact mixture velocity: second order inside, back, and from end to end. */
static const uint32_t kinds[] = {FM_PATH_CONDOT, FM_PATH_COSINE, FM_PATH_VP};
START_TEST(order_on_an_exact_mixture) {
  static const double spans[][2] = {{.1, .9}, {.9, .1}, {0, 1}};
  fm_ctx *ctx = new_ctx(1);
  exact e = {.n = 2};
  OK(fm_path_create(ctx, kinds[_i], &e.path));
  fm_model *model = model_of(ctx, &e);
  for (size_t k = 0; k < (quick() ? 1 : FMI_COUNT(spans)); k++) {
    if (k == 2 && kinds[_i] == FM_PATH_VP) continue; /* its last 1e-4 are taken as they are */
    const double t0 = spans[k][0], t1 = spans[k][1];
    double truth[2 * ROWS];
    carry(ctx, model, (fm_solver_options){.method = FM_SOLVER_RK4, .n_steps = 800}, t0, t1, truth, NULL);
    const double coarse = error_of(ctx, model, FM_SOLVER_EXPONENTIAL_2M, 320, t0, t1, truth),
                 fine = error_of(ctx, model, FM_SOLVER_EXPONENTIAL_2M, 640, t0, t1, truth),
                 few = error_of(ctx, model, FM_SOLVER_EXPONENTIAL_2M, 20, t0, t1, truth),
                 euler = error_of(ctx, model, FM_SOLVER_EULER, 20, t0, t1, truth);
    CLOSE(log2(coarse / fine), 2, .2);
    ck_assert_double_lt(few, euler); /* of as many evaluations */
  }
  fm_model_destroy(model), fm_path_destroy(e.path), fm_ctx_destroy(ctx);
}
END_TEST

/* One row of data: x1 is constant, so that any steps give x_t = alpha x1 + sigma x0. The polynomial path's
   velocity says nothing of x1 at t = 0: that step is Euler's, and x stays. */
static const char *const paths[] = {"condot", "cosine", "vp", "linear-vp", "poly:3"};
START_TEST(what_the_path_says_is_exact) {
  fm_ctx *ctx = new_ctx(1);
  exact e = {.n = 1};
  OK(fm_path_create_named(ctx, paths[_i], &e.path));
  fm_model *model = model_of(ctx, &e);
  const double t0 = _i == 4 ? .1 : 0, t1 = .7;
  fm_path_coefficients from, to;
  fm_path_coefficients_init(&from), fm_path_coefficients_init(&to);
  OK(fm_path_coefficients_at(ctx, e.path, t0, &from));
  OK(fm_path_coefficients_at(ctx, e.path, t1, &to));
  for (uint32_t n = 1; n <= 4; n++) {
    double x[2 * ROWS];
    fm_solve_stats stats;
    fm_solve_stats_init(&stats);
    carry(ctx, model, (fm_solver_options){.method = FM_SOLVER_EXPONENTIAL_2M, .n_steps = n}, t0, t1, x,
          &stats);
    for (int i = 0; i < 2 * ROWS; i++) {
      const double x0 = (-2 + 4.0 * i / (2 * ROWS - 1) - from.alpha * 1.5) / from.sigma;
      CLOSE(x[i], to.alpha * 1.5 + to.sigma * x0, 2e-5);
    }
    ck_assert_uint_eq(stats.nfe, ROWS * n);
    carry(ctx, model, (fm_solver_options){.method = FM_SOLVER_EXPONENTIAL_2M, .n_steps = n + 8}, 0, 1, x,
          NULL);
    for (int i = 0; i < 2 * ROWS; i++) CLOSE(x[i], 1.5, 1e-3);
  }
  fm_model_destroy(model), fm_path_destroy(e.path), fm_ctx_destroy(ctx);
}
END_TEST

/* Own grids, and states between steps by the cubic through the ends and their slopes. */
START_TEST(grids_and_times) {
  static const double times[] = {0, .13, .35, .5, .77, 1};
  enum { STEPS = 40 };
  double grid[STEPS + 1], x[2 * ROWS], at[6 * 2 * ROWS], truth[6 * 2 * ROWS], largest = 0;
  fm_ctx *ctx = new_ctx(1);
  exact e = {.n = 2};
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &e.path));
  fm_model *model = model_of(ctx, &e);
  fm_sampler *s, *fine;
  fm_solver_options so = {
      .struct_size = sizeof so, .method = FM_SOLVER_EXPONENTIAL_2M, .n_steps = STEPS, .grid = FM_GRID_CUSTOM};
  for (int k = 0; k <= STEPS; k++) grid[k] = (double)k / STEPS * (1 - .3 * (1 - (double)k / STEPS));
  OK(fm_sampler_create(ctx, model, &so, NULL, &s));
  OK(fm_sampler_set_grid(ctx, s, grid, STEPS + 1));
  so = (fm_solver_options){.struct_size = sizeof so, .method = FM_SOLVER_RK4, .n_steps = 400};
  OK(fm_sampler_create(ctx, model, &so, NULL, &fine));
  for (int i = 0; i < 2 * ROWS; i++) x[i] = -2 + 4.0 * i / (2 * ROWS - 1);
  OK(fm_sampler_transport_at(ctx, s, times, 6, NULL, NULL, ROWS, x, at, NULL, NULL));
  OK(fm_sampler_transport_at(ctx, fine, times, 6, NULL, NULL, ROWS, x, truth, NULL, NULL));
  for (int i = 0; i < 6 * 2 * ROWS; i++) largest = fmax(largest, fabs(at[i] - truth[i]));
  CLOSE(largest, 0, .02);
  OK(fm_sampler_transport(ctx, s, 0, 1, NULL, NULL, ROWS, x, NULL, NULL, NULL));
  SAME(x, at + 5 * 2 * ROWS, 2 * ROWS);
  fm_sampler_destroy(s), fm_sampler_destroy(fine), fm_model_destroy(model), fm_path_destroy(e.path);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(what_it_needs) {
  fm_ctx *ctx = new_ctx(1);
  exact e = {.n = 1}, tube = {.n = 1};
  fm_sampler *s;
  fm_solver *solver;
  const fm_solver_options so = {.struct_size = sizeof so, .method = FM_SOLVER_EXPONENTIAL_2M};
  const fm_sampler_options density = {.struct_size = sizeof density, .divergence = FM_DIVERGENCE_EXACT};
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &e.path));
  OK(fm_path_create(ctx, FM_PATH_ICFM, &tube.path));
  fm_model *model = model_of(ctx, &e), *wide = model_of(ctx, &tube);
  FAILS(FM_E_UNSUPPORTED, "exponential_2m", fm_solver_create(ctx, 2, &so, &solver));
  FAILS(FM_E_UNSUPPORTED, "gamma", fm_sampler_create(ctx, wide, &so, NULL, &s));
  FAILS(FM_E_UNSUPPORTED, "exponential_2m", fm_sampler_create(ctx, model, &so, &density, &s));
  fm_model_destroy(model), fm_model_destroy(wide), fm_path_destroy(e.path), fm_path_destroy(tube.path);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- the solver alone, in double ----------------------------------------- */

/* CondOT from x0 to x1 = 1.5 + bend t: u is that of x_t = t x1 + (1 - t) x0, and tells x1. */
static double bend;
static double end_at(double t) { return 1.5 + bend * t; }
static fm_status flow(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                      double *dxdt, fmi_error *err) {
  (void)user, (void)row, (void)err;
  for (size_t i = 0; i < n; i++) dxdt[i] = (end_at(t[i]) - x[i]) / (1 - t[i]);
  return FM_OK;
}
static fm_status coefficients(void *user, double t, double *alpha, double *sigma, fmi_error *err) {
  (void)user, (void)err;
  *alpha = t, *sigma = 1 - t;
  return FM_OK;
}
static fm_status x1(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  (void)user, (void)err;
  *out = *x + (1 - t) * *v;
  return FM_OK;
}
static double solve(uint32_t n_steps, double t0, double t1, double x) {
  fm_solver_options o = {.struct_size = sizeof o, .method = FM_SOLVER_EXPONENTIAL_2M, .n_steps = n_steps};
  fmi_solve_config config;
  fmi_error err;
  o.grid = FM_GRID_SHIFTED;
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_OK);
  void *workspace = aligned_alloc(FMI_ALIGN, config.method->workspace(&config, 1, 1));
  const fmi_rhs rhs = {flow, NULL};
  const fmi_x1_form form = {coefficients, x1, NULL, NULL};
  fmi_solve_job job = {.config = &config,
                       .rhs = &rhs,
                       .x1_form = &form,
                       .t0 = t0,
                       .t1 = t1,
                       .n = 1,
                       .dim = 1,
                       .y = &x,
                       .workspace = workspace,
                       .err = &err};
  ck_assert_int_eq(fmi_solve_job_run(&job), FM_OK);
  job.x1_form = NULL;
  ck_assert_int_eq(fmi_solve_job_run(&job), FM_E_UNSUPPORTED);
  free(workspace);
  return x;
}

/* An x1 that doesn't change is exact from the first step, one that is a line in time from the second. The
   solution with x1 = 1.5 + b t is x_t = (1 - t) (x0 + 1.5 rho + b int t drho), int t drho = rho - int rho. */
START_TEST(lines_in_time_are_exact) {
  bend = 0;
  for (uint32_t n = 1; n < 5; n++) CLOSE(solve(n, 0, .9, -2), .9 * 1.5 - .1 * 2, 1e-14);
  CLOSE(solve(3, 0, 1, -2), 1.5, 1e-14); /* sigma is 0 at the end */
  bend = .7;
  for (uint32_t n = 2; n < 6; n++) {
    const fmi_grid grid = {.position = fmi_grid_by_kind(FM_GRID_SHIFTED), .shift = 3, .n_steps = n};
    const double t = fmi_grid_time(&grid, .2, .9, 1),
                 x = (1 - t) / .8 * 2 + (t - (1 - t) / .8 * .2) * end_at(.2);
    const double integral = t - .9 + log((1 - t) / .1); /* of rho from t to .9 */
    const double moment = .9 * 9 - t * t / (1 - t) - integral;
    CLOSE(solve(n, .2, .9, 2), .1 * (x / (1 - t) + 1.5 * (9 - t / (1 - t)) + bend * moment),
          1e-6); /* Gauss-Legendre's share */
  }
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tests = new_case(&suite, "exponential");
  tcase_add_test(tests, lines_in_time_are_exact);
#ifndef FMI_DOUBLE
  tcase_add_loop_test(tests, order_on_an_exact_mixture, 0, FMI_COUNT(kinds));
  tcase_add_loop_test(tests, what_the_path_says_is_exact, 0, FMI_COUNT(paths));
  tcase_add_test(tests, grids_and_times);
  tcase_add_test(tests, what_it_needs);
#endif
  return run_suite(suite);
}
