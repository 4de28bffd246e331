/* sde_test.c - stochastic steps: their exact moments against reference numbers, orders, and a model's draws.

   For data N(2, 0.5^2) and a standard normal source the equation is linear, so a method's variance is known
   without drawing: the square of what it makes of the start, and the squares of what it makes of a unit of
   noise in each step, found by rows that have one such unit each. */
#include "fixture.h"

#include "core/rng.h"
#include "model/model.h"
#include "sample/sampler.h"

/* ---- moments ----------------------------------------- */

static double variance_at(double t) { return t * t * .25 + (1 - t) * (1 - t); }
static double velocity_at(double t, double x) {
  return 2 + (t * .25 - (1 - t)) / variance_at(t) * (x - 2 * t);
}

typedef struct linear {
  double g, last; /* times asked for stay below last */
  uint64_t n_steps, evaluations;
  bool falls; /* g falls as sqrt(1 - t) */
} linear;
static fm_status flow(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                      double *dxdt, fmi_error *err) {
  linear *l = user;
  (void)row, (void)err;
  l->evaluations += n;
  for (size_t i = 0; i < n; i++) {
    HOLDS(t[i] < l->last, "asked at t = %.17g", t[i]);
    dxdt[i] = velocity_at(t[i], x[i]);
  }
  return FM_OK;
}
static fm_status diffusion_at(void *user, double t, double *g, fmi_error *err) {
  const linear *l = user;
  (void)err;
  *g = l->falls ? l->g * sqrt(1 - t) : l->g;
  return FM_OK;
}
static fm_status add_score(void *user, size_t n, const double *t, const double *x, double half_g2,
                           double *dxdt, fmi_error *err) {
  (void)user, (void)err;
  for (size_t i = 0; i < n; i++) dxdt[i] -= half_g2 * (x[i] - 2 * t[i]) / variance_at(t[i]);
  return FM_OK;
}
/* Row k has its unit in step k; the two rows after the last step's have none. */
static void impulse(void *user, uint64_t row, uint64_t step, double *out) {
  (void)user;
  *out = row == step;
}

typedef struct moments {
  double mean, variance;
} moments;
static moments moments_of(uint32_t method, uint32_t n_steps, double g, bool falls) {
  fm_solver_options o = {.struct_size = sizeof o, .method = method, .n_steps = n_steps};
  fmi_solve_config config;
  fmi_error err;
  linear l = {.g = g, .n_steps = n_steps, .falls = falls, .last = 1};
  ck_assert_int_eq(fmi_solve_configure(&o, &config, &err), FM_OK);
  const size_t n = n_steps + 2;
  double *y = new_block(n, sizeof *y);
  void *workspace = aligned_alloc(64, fmi_round_up(config.method->workspace(&config, n, 1), 64));
  const fmi_rhs rhs = {flow, &l};
  const fmi_diffusion diffusion = {diffusion_at, add_score, impulse, NULL, NULL, &l};
  y[n_steps] = 1;
  const fmi_solve_job job = {.config = &config,
                             .rhs = &rhs,
                             .diffusion = &diffusion,
                             .t0 = 0,
                             .t1 = 1,
                             .n = n,
                             .dim = 1,
                             .y = y,
                             .workspace = workspace,
                             .err = &err};
  ck_assert_int_eq(fmi_solve_job_run(&job), FM_OK);
  const double base = y[n_steps + 1];
  moments m = {.mean = base};
  for (size_t i = 0; i <= n_steps; i++) m.variance += (y[i] - base) * (y[i] - base);
  ck_assert_uint_eq(l.evaluations, n * (method == FM_SOLVER_EULER ? n_steps : 2 * n_steps - 1));
  free(y), free(workspace);
  return m;
}

START_TEST(euler_maruyama_has_the_reference_moments) {
  const moments a = moments_of(FM_SOLVER_EULER, 100, .5, false),
                b = moments_of(FM_SOLVER_EULER, 1000, .5, false),
                c = moments_of(FM_SOLVER_EULER, 100, 1, false);
  CLOSE(a.mean, 2, 1e-12);
  CLOSE(b.mean, 2, 1e-12);
  CLOSE(c.mean, 2, 1e-12);
  CLOSE(a.variance, .24539472939593884, 1e-12);
  CLOSE(b.variance, .24953396325887992, 1e-12);
  CLOSE(c.variance, .24970948642067325, 1e-12);
}
END_TEST

/* The flow's own steps are those without noise, bit for bit. */
START_TEST(no_noise_is_the_flow) {
  const moments m = moments_of(FM_SOLVER_EULER, 10, 0, false);
  CLOSE(m.mean + sqrt(m.variance), 2.4307826048986234, 1e-14); /* of x0 = 1 */
}
END_TEST

START_TEST(steps_have_their_weak_order) {
  for (int falls = 0; falls < 2; falls++) {
    const double euler = log2(fabs(moments_of(FM_SOLVER_EULER, 400, .7, falls).variance - .25) /
                              fabs(moments_of(FM_SOLVER_EULER, 800, .7, falls).variance - .25));
    const double coarse = fabs(moments_of(FM_SOLVER_HEUN2, 400, .7, falls).variance - .25),
                 fine = fabs(moments_of(FM_SOLVER_HEUN2, 800, .7, falls).variance - .25);
    CLOSE(euler, 1, .1);
    CLOSE(log2(coarse / fine), 2, .2);
  }
}
END_TEST

/* CondOT, t = .5, x = 1, v = .25: score -1.75; with g^2 / 2 = .09 the drift is .0925. */
START_TEST(drift_is_velocity_and_score) {
  fm_ctx *ctx = new_ctx(1);
  fm_path *path;
  const double t = .5, x = 1;
  double v = .25, score, scratch;
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  OK(fm_path_convert(ctx, path, FM_VELOCITY, FM_SCORE, &t, &x, &v, 1, 1, &score));
  CLOSE(score, -1.75, 1e-15);
  ck_assert_int_eq(fmi_sde_add_score(path, 1, 1, &t, &x, .09, &scratch, &v, NULL), FM_OK);
  CLOSE(v, .0925, 1e-15);
  CLOSE(sqrt(2 * .09), .4242640687119285, 1e-15);
  fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST

/* CondOT from .5 to .6 with c = 1. */
START_TEST(overshooting_has_the_reference_coefficients) {
  fm_ctx *ctx = new_ctx(1);
  fm_path *path;
  double beyond, keep, size;
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  ck_assert_int_eq(fmi_sde_overshoot(path, 1, .5, .6, &beyond, &keep, &size, NULL), FM_OK);
  CLOSE(beyond, .64, 1e-15);
  CLOSE(keep, .9375, 1e-15);
  CLOSE(size, .21469455046647098, 1e-15);
  ck_assert_int_eq(fmi_sde_overshoot(path, 1, .9, 1, &beyond, &keep, &size, NULL), FM_OK);
  ck_assert(beyond == 1 && keep == 1 && size == 0); /* the last step is the flow's */
  fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- a model's draws ----------------------------------------- */

/* Data N(2, 0.5^2) on any path: v = alpha' m + (alpha alpha' s^2 + sigma sigma') / V (x - alpha m). */
#ifndef FMI_DOUBLE
static int32_t own_forward(void *user, const fm_net_call *c) {
  fm_ctx *ctx = NULL;
  fm_path_coefficients k;
  fm_path_coefficients_init(&k);
  if (fm_ctx_create(NULL, &ctx) != FM_OK) return 1;
  for (uint64_t i = 0; i < c->n; i++) {
    if ((i == 0 || c->t[i] != c->t[i - 1]) && fm_path_coefficients_at(ctx, user, c->t[i], &k) != FM_OK)
      return 2;
    const double v = k.alpha * k.alpha * .25 + k.sigma * k.sigma;
    const double slope = (k.alpha * k.d_alpha * .25 + k.sigma * k.d_sigma) / v;
    for (uint64_t j = 0; j < c->dim; j++)
      c->velocity[i * c->dim + j] =
          (float)(k.d_alpha * 2 + slope * ((double)c->x[i * c->dim + j] - k.alpha * 2));
  }
  fm_ctx_destroy(ctx);
  return 0;
}
static int32_t own_vjp(void *user, const fm_net_call *c) {
  (void)user, (void)c;
  return 1;
}
static fm_model *gauss_model(fm_ctx *ctx, fm_path *path, const fm_prior *prior) {
  const float none = 0;
  fm_net *net;
  fm_model *model;
  OK(fm_net_create_custom(ctx, 3, NULL, 0, 0, 0, own_forward, own_vjp, NULL, path, &net));
  OK(fm_model_create(ctx, net, &none, &none, path, prior, NULL, NULL, &model));
  fm_net_destroy(net);
  return model;
}
static int32_t own_diffusion(void *user, double t, double *g) {
  ck_assert(t >= 0 && t < 1);
  *g = user != NULL ? *(const double *)user : sqrt(1 - t);
  return user != NULL && *(const double *)user == 13 ? 13 : 0;
}

typedef struct drawn {
  uint32_t path, method, n_steps;
  fm_sampler_options o;
} drawn;
static const drawn cases[] = {
    {FM_PATH_CONDOT, FM_SOLVER_EULER, 200, {.diffusion = FM_DIFFUSION_CONSTANT, .diffusion_level = .5}},
    {FM_PATH_CONDOT, FM_SOLVER_HEUN2, 50, {.diffusion = FM_DIFFUSION_SIGMA}},
    {FM_PATH_CONDOT, FM_SOLVER_EULER, 200, {.diffusion = FM_DIFFUSION_OVERSHOOT}},
    {FM_PATH_COSINE, FM_SOLVER_HEUN2, 50, {.diffusion = FM_DIFFUSION_CUSTOM, .diffusion_fn = own_diffusion}},
    {FM_PATH_VP, FM_SOLVER_HEUN2, 200, {.diffusion = FM_DIFFUSION_SIGMA, .diffusion_level = 1.5}},
    {FM_PATH_LINEAR_VP, FM_SOLVER_HEUN2, 50, {.diffusion = FM_DIFFUSION_SIGMA}},
    {FM_PATH_POLYNOMIAL, FM_SOLVER_HEUN2, 100, {.diffusion = FM_DIFFUSION_SIGMA}},
    {FM_PATH_CONDOT, FM_SOLVER_DDIM, 100, {.diffusion = FM_DIFFUSION_DDPM}},
    {FM_PATH_VP, 0, 200, {.diffusion = FM_DIFFUSION_DDPM, .diffusion_level = .7}},
    {FM_PATH_COSINE, FM_SOLVER_DDIM, 60, {.diffusion = FM_DIFFUSION_REFRESH, .diffusion_level = .1}},
    {FM_PATH_CONDOT,
     FM_SOLVER_DDIM,
     100,
     {.diffusion = FM_DIFFUSION_RATE, .diffusion_level = .5, .diffusion_power = -1}},
};

/* Mean and variance within five of their deviations and what the steps are off by; bits that are a row's own;
   noise that depends on the seed. */
START_TEST(draws_have_the_datas_moments) {
  enum { ROWS = 4000, DIM = 3 };
  static float x[ROWS * DIM], y[ROWS * DIM];
  const size_t n = quick() ? 100 : ROWS;
  const drawn *c = &cases[_i];
  fm_ctx *ctx = new_ctx(1), *threads = new_ctx(3);
  fm_path *path;
  fm_sampler *s, *other;
  fm_solver_options so = {.struct_size = sizeof so, .method = c->method, .n_steps = c->n_steps};
  fm_sampler_options o = c->o;
  o.struct_size = sizeof o;
  OK(fm_path_create(ctx, c->path, &path));
  fm_model *model = gauss_model(ctx, path, NULL);
  OK(fm_sampler_create(ctx, model, &so, &o, &s));
  OK(fm_sampler_draw(ctx, s, 4, 1, NULL, NULL, n, x));
  double mean = 0, variance = 0;
  const double cells = (double)(n * DIM);
  for (size_t i = 0; i < n * DIM; i++) mean += (double)x[i] / cells;
  for (size_t i = 0; i < n * DIM; i++) variance += ((double)x[i] - 2) * ((double)x[i] - 2) / cells;
  CLOSE(mean, 2, 5 * .5 / sqrt(cells) + .005);
  CLOSE(variance, .25, 5 * .25 * sqrt(2 / cells) + .004);
  OK(fm_sampler_draw(ctx, s, 4, 8, NULL, NULL, 50, y));
  SAME(y, x + 7 * DIM, 50 * DIM);
  ck_assert_int_eq(fm_sampler_create(threads, model, &so, &o, &other), FM_OK);
  ck_assert_int_eq(fm_sampler_draw(threads, other, 4, 1, NULL, NULL, 100, y), FM_OK);
  SAME(y, x, 100 * DIM);
  fm_sampler_destroy(other), fm_sampler_destroy(s);
  /* Of the same start the flow makes something else, and from data back to the start it goes alone. */
  so.n_steps = 400;
  if (so.method == 0) so.method = FM_SOLVER_DDIM;
  o.diffusion = 0, o.diffusion_fn = NULL;
  OK(fm_sampler_create(ctx, model, &so, &o, &s));
  OK(fm_sampler_draw(ctx, s, 4, 1, NULL, NULL, 100, y));
  double apart = 0;
  for (size_t i = 0; i < 100 * DIM; i++) apart += fabs((double)(x[i] - y[i])) / (100 * DIM);
  ck_assert(apart > .1);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path);
  fm_ctx_destroy(threads), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(what_has_no_score_is_refused) {
  fm_ctx *ctx = new_ctx(1);
  fm_path *path, *tube;
  fm_prior *uniform;
  fm_sampler *s = NULL;
  const double low[3] = {0}, high[3] = {1, 1, 1};
  double bad = 13, worse = NAN;
  float x[3], y[3];
  fm_sampler_options o = {.struct_size = sizeof o, .diffusion = FM_DIFFUSION_CONSTANT, .divergence = 1};
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  OK(fm_path_create(ctx, FM_PATH_ICFM, &tube));
  OK(fm_prior_create_uniform(ctx, low, high, 3, &uniform));
  fm_model *plain = gauss_model(ctx, path, NULL), *boxed = gauss_model(ctx, path, uniform),
           *wide = gauss_model(ctx, tube, NULL);
  FAILS(FM_E_UNSUPPORTED, "Gaussian", fm_sampler_create(ctx, boxed, NULL, &o, &s));
  FAILS(FM_E_UNSUPPORTED, "gamma", fm_sampler_create(ctx, wide, NULL, &o, &s));
  OK(fm_sampler_create(ctx, plain, NULL, &o, &s));
  double wide_x[3], log_density;
  FAILS(FM_E_UNSUPPORTED, "diffusion",
        fm_sampler_draw_log_density(ctx, s, 1, 0, NULL, NULL, 1, wide_x, &log_density, NULL, NULL, NULL));
  OK(fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 1, x));
  fm_sampler_destroy(s);
  fm_solver_options so = {.struct_size = sizeof so, .method = FM_SOLVER_EULER, .n_steps = 20};
  OK(fm_sampler_create(ctx, plain, &so, &o, &s)); /* the default */
  OK(fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 1, y));
  SAME(x, y, 3);
  fm_sampler_destroy(s);
  o = (fm_sampler_options){
      .struct_size = sizeof o, .diffusion = FM_DIFFUSION_CUSTOM, .diffusion_fn = own_diffusion};
  o.diffusion_user = &bad;
  OK(fm_sampler_create(ctx, plain, NULL, &o, &s));
  FAILS(FM_E_CALLBACK, "returned 13", fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 1, x));
  fm_sampler_destroy(s);
  o.diffusion_user = &worse;
  OK(fm_sampler_create(ctx, plain, NULL, &o, &s));
  FAILS(FM_E_NONFINITE, "diffusion_fn", fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 1, x));
  fm_sampler_destroy(s);
  fm_model_destroy(plain), fm_model_destroy(boxed), fm_model_destroy(wide);
  fm_prior_destroy(uniform), fm_path_destroy(path), fm_path_destroy(tube), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_deadline_ends_without_noise) {
  fm_ctx *ctx = new_ctx(1);
  fm_path *path;
  fm_sampler *s;
  float x[3 * 100];
  fm_sampler_options o = {.struct_size = sizeof o, .diffusion = FM_DIFFUSION_CONSTANT, .deadline = 1e-9};
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  fm_model *model = gauss_model(ctx, path, NULL);
  OK(fm_sampler_create(ctx, model, NULL, &o, &s));
  FAILS(FM_DEADLINE, "deadline", fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 100, x));
  /* One Euler step of the flow from x0 ends at the mean. */
  for (size_t i = 0; i < 300; i++) CLOSE(x[i], 2, 1e-5);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST
#endif

int main(void) {
  Suite *suite;
  TCase *tests = new_case(&suite, "sde");
  tcase_add_test(tests, euler_maruyama_has_the_reference_moments);
  tcase_add_test(tests, no_noise_is_the_flow);
  tcase_add_test(tests, steps_have_their_weak_order);
  tcase_add_test(tests, drift_is_velocity_and_score);
  tcase_add_test(tests, overshooting_has_the_reference_coefficients);
#ifndef FMI_DOUBLE /* callbacks take float */
  tcase_add_loop_test(tests, draws_have_the_datas_moments, 0, FMI_COUNT(cases));
  tcase_add_test(tests, what_has_no_score_is_refused);
  tcase_add_test(tests, a_deadline_ends_without_noise);
#endif
  return run_suite(suite);
}
