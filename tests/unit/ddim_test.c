/* ddim_test.c - steps that put both ends together again: Euler's on a straight line, with noise renewed on the
   way, and what becomes of a Gaussian's moments in them. */
#include "fixture.h"

#include "api/api.h"
#include "sample/sampler.h"

static fm_ctx *ctx;
static void set_up(void) { ctx = new_ctx(1); }
static void tear_down(void) { fm_ctx_destroy(ctx); }

static fm_path_coefficients at(const fm_path *path, double t) {
  fm_path_coefficients c = {0};
  OK(fmi_path_limit_at(path, t, &c, &ctx->err));
  return c;
}

/* ---- the solver, on flows known in double ---------------------------------------------------------------- */

/* Data -1 and 2, half each, or N(2, 0.5^2). */
typedef struct flow {
  const fm_path *path;
  bool gaussian;
  uint64_t diffusion;
  double level, power;
} flow;
static double x1_of(const flow *f, const fm_path_coefficients *c, double x) {
  if (f->gaussian)
    return 2 + c->alpha * .25 / (c->alpha * c->alpha * .25 + c->sigma * c->sigma) * (x - 2 * c->alpha);
  const double a = (x + c->alpha) * (x + c->alpha), b = (x - 2 * c->alpha) * (x - 2 * c->alpha);
  return -1 + 3 / (1 + exp((b - a) / (2 * c->sigma * c->sigma)));
}
static double velocity_of(const flow *f, double t, double x) {
  const fm_path_coefficients c = at(f->path, t);
  if (f->gaussian) /* also where sigma is 0 */
    return c.d_alpha * x1_of(f, &c, x) +
           c.d_sigma * c.sigma / (c.alpha * c.alpha * .25 + c.sigma * c.sigma) * (x - 2 * c.alpha);
  return (c.d_sigma * x + fmi_path_determinant(&c) * x1_of(f, &c, x)) / c.sigma;
}
static fm_status rhs_of(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                        double *dxdt, fmi_error *err) {
  (void)row, (void)err;
  for (size_t i = 0; i < n; i++) dxdt[i] = velocity_of(user, t[i], x[i]);
  return FM_OK;
}
static fm_status coefficients(void *user, double t, double *alpha, double *sigma, fmi_error *err) {
  const fm_path_coefficients c = at(((flow *)user)->path, t);
  (void)err;
  *alpha = c.alpha, *sigma = c.sigma;
  return FM_OK;
}
static fm_status x1_end(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  return fmi_path_convert(((flow *)user)->path, FM_VELOCITY, FM_X1, &t, x, v, 1, 1, out, err);
}
static fm_status x0_end(void *user, double t, const double *x, const double *v, double *out, fmi_error *err) {
  return fmi_path_convert(((flow *)user)->path, FM_VELOCITY, FM_X0, &t, x, v, 1, 1, out, err);
}
static fm_status keep(void *user, double t, double t_next, double *share, fmi_error *err) {
  const flow *f = user;
  return fmi_sde_keep(f->path, f->diffusion, f->level, f->power, t, t_next, share, err);
}
/* Row k has its unit in step k. */
static void impulse(void *user, uint64_t row, uint64_t step, double *out) {
  (void)user;
  *out = row == step;
}
static void solve(flow *f, uint32_t n_steps, double t0, double t1, size_t n, double *y) {
  const fm_solver_options o = {.struct_size = sizeof o, .method = FM_SOLVER_DDIM, .n_steps = n_steps};
  fmi_solve_config config;
  OK(fmi_solve_configure(&o, &config, &ctx->err));
  void *workspace = aligned_alloc(64, fmi_round_up(config.method->workspace(&config, n, 1), 64));
  const fmi_rhs rhs = {rhs_of, f};
  const fmi_x1_form form = {coefficients, x1_end, x0_end, f};
  const fmi_diffusion diffusion = {NULL, NULL, impulse, NULL, keep, f};
  fm_solve_stats stats = {.struct_size = sizeof stats};
  const fmi_solve_job job = {.config = &config,
                             .rhs = &rhs,
                             .x1_form = &form,
                             .t0 = t0,
                             .t1 = t1,
                             .n = n,
                             .dim = 1,
                             .diffusion = f->diffusion ? &diffusion : NULL,
                             .y = y,
                             .workspace = workspace,
                             .stats = &stats,
                             .err = &ctx->err};
  OK(fmi_solve_job_run(&job));
  ck_assert_uint_eq(stats.nfe, n * n_steps);
  free(workspace);
}

/* In x / (alpha + sigma) every path is a straight line, in the time alpha / (alpha + sigma): there DDIM is Euler's
   method on CondOT. Poly begins where its velocity tells the ends. */
static const char *const names[] = {"condot", "cosine", "vp", "linear-vp", "poly"};
START_TEST(it_is_eulers_method_on_a_straight_line) {
  enum { N = 9, STEPS = 12 };
  fm_path *path, *line;
  OK(fm_path_create_named(ctx, names[_i], &path));
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &line));
  const double first = strcmp(names[_i], "poly") == 0 ? .1 : 0;
  flow f = {.path = path}, straight = {.path = line};
  double y[N], z[N];
  for (int i = 0; i < N; i++) {
    const fm_path_coefficients c = at(path, first);
    y[i] = (i - 4) / 2.0;
    z[i] = y[i] / (c.alpha + c.sigma);
  }
  solve(&f, STEPS, first, 1, N, y);
  for (int k = 0; k < STEPS; k++) {
    const fm_path_coefficients a = at(path, first + (1 - first) * k / STEPS),
                               b = at(path, first + (1 - first) * (k + 1) / STEPS);
    const double now = a.alpha / (a.alpha + a.sigma), next = b.alpha / (b.alpha + b.sigma);
    for (int i = 0; i < N; i++) z[i] += (next - now) * velocity_of(&straight, now, z[i]);
  }
  for (int i = 0; i < N; i++) CLOSE(y[i], z[i], 1e-10);
  fm_path_destroy(path), fm_path_destroy(line);
}
END_TEST

/* Order 1 forward and back, to where the flow of a Gaussian goes. */
START_TEST(it_has_order_one) {
  fm_path *path;
  OK(fm_path_create(ctx, FM_PATH_COSINE, &path));
  flow f = {.path = path, .gaussian = true};
  double off[2][2];
  for (int k = 0; k < 2; k++) {
    double x = 1, back;
    solve(&f, 100u << k, 0, .9, 1, &x);
    const fm_path_coefficients c = at(path, .9);
    const double there = 2 * c.alpha + sqrt(c.alpha * c.alpha * .25 + c.sigma * c.sigma);
    off[0][k] = fabs(x - there);
    back = there;
    solve(&f, 100u << k, .9, 0, 1, &back);
    off[1][k] = fabs(back - 1);
  }
  for (int i = 0; i < 2; i++) CLOSE(log2(off[i][0] / off[i][1]), 1, .05);
  fm_path_destroy(path);
}
END_TEST

/* ---- the share that is kept ------------------------------------------------------------------------------- */

static double kept(const fm_path *path, uint64_t kind, double level, double power, double t, double t_next) {
  double share;
  OK(fmi_sde_keep(path, kind, level, power, t, t_next, &share, &ctx->err));
  return share;
}

START_TEST(shares_have_the_reference_numbers) {
  fm_path *path;
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  /* From .5 to .6: 1 - k = 1 - alpha(t) sigma(t') / (alpha(t') sigma(t)). */
  CLOSE(kept(path, FM_DIFFUSION_DDPM, 1, 1, .5, .6), 1 - (1 - .5 * .4 / (.6 * .5)), 1e-15);
  CLOSE(kept(path, FM_DIFFUSION_DDPM, .5, 1, .5, .6), sqrt(1 - .25 * (1 - 4. / 9)), 1e-15);
  CLOSE(kept(path, FM_DIFFUSION_REFRESH, .6, 1, .5, .6), .8, 1e-15); /* x0 <- sqrt(1 - r^2) x0 + r xi */
  /* b = min(sigma, h k sigma^p), noise sqrt(sigma^2 - (sigma - b)^2). */
  const double b = .1 * 2 * pow(.4, 1.5), k = kept(path, FM_DIFFUSION_RATE, 2, 1.5, .5, .6);
  CLOSE(.4 * k, .4 - b, 1e-15);
  CLOSE(.4 * sqrt(1 - k * k), sqrt(.16 - (.4 - b) * (.4 - b)), 1e-15);
  ck_assert(kept(path, FM_DIFFUSION_RATE, 1e9, 0, .5, .6) == 0); /* all of it */
  ck_assert(kept(path, FM_DIFFUSION_RATE, 1, 0, .9, 1) == 1);    /* there is none */
  fm_path_destroy(path);
}
END_TEST

/* DDPM's posterior variance is (1 - abar') / (1 - abar) beta, with abar = alpha^2 and beta = 1 - abar / abar'; its
   mean has sqrt(alpha_t) (1 - abar') / (1 - abar) of x_t, where alpha_t = abar / abar' (Ho et al., eq. 6, 7). */
START_TEST(ancestral_steps_are_ddpms) {
  fm_path *path;
  OK(fm_path_create(ctx, FM_PATH_VP, &path));
  for (int i = 0; i < 999; i++) {
    const double t = i / 1000.0, t_next = (i + 1) / 1000.0,
                 k = kept(path, FM_DIFFUSION_DDPM, 1, 1, t, t_next);
    const fm_path_coefficients c = at(path, t), d = at(path, t_next);
    const double bar = c.alpha * c.alpha, bar_next = d.alpha * d.alpha, beta = 1 - bar / bar_next;
    const double variance = (1 - bar_next) / (1 - bar) * beta;
    CLOSE(d.sigma * d.sigma * (1 - k * k), variance, 1e-11 * variance);
    /* x0 = (x - alpha x1) / sigma: so much of x and x1 are in alpha' x1 + sigma' k x0. */
    CLOSE(d.sigma * k / c.sigma, sqrt(bar / bar_next) * (1 - bar_next) / (1 - bar), 1e-12);
    CLOSE(d.alpha - d.sigma * k * c.alpha / c.sigma, sqrt(bar_next) * beta / (1 - bar), 1e-12);
  }
  fm_path_destroy(path);
}
END_TEST

/* ---- moments ----------------------------------------------------------------------------------------------- */

static const struct {
  const char *path;
  uint64_t diffusion;
  double level, power;
} noisy[] = {{"condot", FM_DIFFUSION_DDPM, 1, 1}, {"condot", FM_DIFFUSION_DDPM, .5, 1},
             {"vp", FM_DIFFUSION_DDPM, 1, 1},     {"cosine", FM_DIFFUSION_REFRESH, .05, 1},
             {"condot", FM_DIFFUSION_RATE, 2, 1}, {"linear-vp", FM_DIFFUSION_RATE, 1, .5}};

/* The variance after n steps for N(2, 0.5^2) by units of noise; the recursion by hand beside it. */
static double variance_of(size_t which, const fm_path *path, uint32_t n) {
  flow f = {path, true, noisy[which].diffusion, noisy[which].level, noisy[which].power};
  const fm_path_coefficients start = at(path, 0);
  double *y = new_block(n + 2, sizeof *y), sum = 0;
  double variance = start.alpha * start.alpha * .25 + start.sigma * start.sigma;
  const double unit = sqrt(variance);
  for (size_t i = 0; i < n + 2; i++) y[i] = 2 * start.alpha + (i == n ? unit : 0);
  solve(&f, n, 0, 1, n + 2, y);
  CLOSE(y[n + 1], 2, 1e-11); /* the mean */
  for (size_t i = 0; i <= n; i++) sum += (y[i] - y[n + 1]) * (y[i] - y[n + 1]);
  for (uint32_t i = 0; i < n; i++) {
    const fm_path_coefficients c = at(path, (double)i / n), d = at(path, (double)(i + 1) / n);
    const double k = kept(path, f.diffusion, f.level, f.power, (double)i / n, (double)(i + 1) / n);
    const double v = c.alpha * c.alpha * .25 + c.sigma * c.sigma;
    const double stays = d.alpha * c.alpha * .25 / v + d.sigma * k * c.sigma / v;
    variance = stays * stays * variance + d.sigma * d.sigma * (1 - k * k);
  }
  CLOSE(sum, variance, 1e-11);
  free(y);
  return sum;
}
START_TEST(moments_are_the_datas) {
  fm_path *path;
  const uint32_t n = quick() ? 100 : 400;
  OK(fm_path_create_named(ctx, noisy[_i].path, &path));
  const double coarse = variance_of((size_t)_i, path, n / 4), fine = variance_of((size_t)_i, path, n);
  CLOSE(fine, .25, quick() ? .04 : .01);
  ck_assert(fabs(fine - .25) < .5 * fabs(coarse - .25));
  fm_path_destroy(path);
}
END_TEST

/* ---- a model's rows ------------------------------------------------------------------------------------------ */

#ifndef FMI_DOUBLE
static int32_t forward(void *user, const fm_net_call *c) {
  for (uint64_t i = 0; i < c->n * c->dim; i++)
    c->velocity[i] = (float)velocity_of(user, c->t[i / c->dim], (double)c->x[i]);
  return 0;
}
static int32_t no_vjp(void *user, const fm_net_call *c) {
  (void)user, (void)c;
  return 1;
}

/* DDIM on the cosine path, and Euler on CondOT with the same model on the times alpha / (alpha + sigma). */
START_TEST(a_sampler_steps_so_too) {
  enum { N = 40, STEPS = 10 };
  const float none = 0;
  fm_path *path, *line;
  fm_net *net;
  fm_model *model;
  fm_sampler *ddim, *euler;
  double x[N], y[N], grid[STEPS + 1];
  OK(fm_path_create(ctx, FM_PATH_COSINE, &path));
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &line));
  flow f = {.path = path, .gaussian = true};
  OK(fm_net_create_custom(ctx, 1, NULL, 0, 0, 0, forward, no_vjp, NULL, &f, &net));
  OK(fm_model_create(ctx, net, &none, &none, path, NULL, NULL, NULL, &model));
  fm_solver_options so = {.struct_size = sizeof so, .method = FM_SOLVER_DDIM, .n_steps = STEPS};
  fm_sampler_options o = {.struct_size = sizeof o};
  OK(fm_sampler_create(ctx, model, &so, &o, &ddim));
  so.method = FM_SOLVER_EULER, so.grid = FM_GRID_CUSTOM, o.path = line;
  OK(fm_sampler_create(ctx, model, &so, &o, &euler));
  for (int k = 0; k <= STEPS; k++) {
    const fm_path_coefficients c = at(path, (double)k / STEPS);
    grid[k] = c.alpha / (c.alpha + c.sigma);
  }
  OK(fm_sampler_set_grid(ctx, euler, grid, STEPS + 1));
  OK(fm_sampler_draw_f64(ctx, ddim, 3, 0, NULL, NULL, N, x));
  OK(fm_sampler_draw_f64(ctx, euler, 3, 0, NULL, NULL, N, y));
  for (int i = 0; i < N; i++) CLOSE(x[i], y[i], 1e-5);
  /* States between steps, and rows carried back to their start nearly. */
  const double times[] = {1, .55, 0};
  double at_times[3 * N], start[N];
  fm_solve_stats stats = {.struct_size = sizeof stats};
  OK(fm_sampler_transport_at(ctx, ddim, times, 3, NULL, NULL, N, x, at_times, &stats, NULL));
  for (int i = 0; i < N; i++) ck_assert(isfinite(at_times[N + i]) && isfinite(at_times[2 * N + i]));
  memcpy(start, at_times + 2 * N, sizeof start);
  OK(fm_sampler_transport(ctx, ddim, 1, 0, NULL, NULL, N, x, NULL, NULL, NULL));
  SAME(x, start, N);
  fm_sampler_destroy(ddim), fm_sampler_destroy(euler), fm_model_destroy(model), fm_net_destroy(net);
  fm_path_destroy(path), fm_path_destroy(line);
}
END_TEST
#endif

int main(void) {
  Suite *suite;
  TCase *tests = new_case(&suite, "ddim");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, it_is_eulers_method_on_a_straight_line, 0, FMI_COUNT(names));
  tcase_add_test(tests, it_has_order_one);
  tcase_add_test(tests, shares_have_the_reference_numbers);
  tcase_add_test(tests, ancestral_steps_are_ddpms);
  tcase_add_loop_test(tests, moments_are_the_datas, 0, FMI_COUNT(noisy));
#ifndef FMI_DOUBLE /* callbacks take float */
  tcase_add_test(tests, a_sampler_steps_so_too);
#endif
  return run_suite(suite);
}
