/* guide_test.c - classifier-free guidance, autoguidance and gradients of potentials: against closed forms of
   Gaussian data and independent solutions; and that a row's bits are its own. */
#include "guide_fixture.h"

/* Classes that differ in both moments, and the null class. */
static const gaussian four[CLASSES + 1] = {
    {{.5, -.5}, {2, .3, 1.5}}, {{2, 1}, {.5, .2, .4}}, {{-1, 2}, {1, -.4, .7}}, {{0, -2}, {.3, 0, 2}}};

static gaussians *new_gaussians(void) {
  gaussians *g = new_block(1, sizeof *g);
  memcpy(g->of, four, sizeof four);
  return g;
}
static fm_path *path_of(fm_ctx *ctx, const char *name) {
  fm_path *path;
  OK(fm_path_create_named(ctx, name, &path));
  return path;
}

/* ---- weights ------------------------------------------------------------------------------------------- */

static int32_t two_numbers(void *user, const fm_net_call *call) {
  (void)user;
  for (size_t i = 0; i < call->n; i++) call->velocity[i] = call->labels && call->labels[i] == 0 ? 1.3f : .4f;
  return 0;
}
static int32_t no_derivative(void *user, const fm_net_call *call) {
  (void)user;
  if (call->d_x) memset(call->d_x, 0, call->n * call->dim * sizeof *call->d_x);
  return 0;
}

/* c = 1.3 and u = .4: w = 1.2 is 1.48, what Ho & Salimans call .2. */
START_TEST(weights_are_where_one_is_plain) {
  const uint32_t classes[] = {1};
  const int32_t labels[] = {0, 0, 0, -1};
  const double weights[] = {1.2, 1, 0, 7}, want[] = {1.48, 1.3, .4, .4};
  double x0[4], out[4];
  fm_ctx *ctx = new_ctx(1);
  fm_net *net;
  fm_model *model;
  OK(fm_net_create_custom(ctx, 1, classes, 1, 0, 0, two_numbers, no_derivative, NULL, NULL, &net));
  OK(fm_model_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, &model));
  fm_sampler *s = guided(ctx, model, fixed(FM_SOLVER_EULER, 3), (fm_guidance_options){.weight = 1.2});
  draw_sources(ctx, 1, 3, 5, 4, x0);
  OK(fm_sampler_draw_f64(ctx, s, 3, 5, labels, NULL, 3, out));
  for (int i = 0; i < 3; i++) CLOSE(out[i] - x0[i], 1.48, 1e-6);
  OK(fm_sampler_draw_guided_f64(ctx, s, 3, 5, labels, NULL, weights, NULL, NULL, 4, out, NULL, NULL));
  for (int i = 0; i < 4; i++) CLOSE(out[i] - x0[i], want[i], 1e-6);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_net_destroy(net), fm_ctx_destroy(ctx);
}
END_TEST

/* A row's flow: weight w between two times. */
typedef struct free_flow {
  const fm_path *path;
  const gaussian *given, *null;
  double w;
} free_flow;
static void free_slope(const void *user, double t, const double *x, double *out) {
  const free_flow *f = user;
  const fm_path_coefficients c = at(f->path, t);
  double n[D];
  exact_velocity(f->given, &c, x, out, NULL, NULL);
  exact_velocity(f->null, &c, x, n, NULL, NULL);
  for (int j = 0; j < D; j++) out[j] = n[j] + f->w * (out[j] - n[j]);
}

static const char *const paths[] = {"condot", "cosine", "vp", "poly:2"};

/* Weights of rows, and an interval, against the equation solved by other code in double. */
START_TEST(classifier_free_draws_solve_their_equation) {
  enum { N = 12 };
  const double first = .2, last = .7;
  const int n = quick() ? 3 : N;
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, paths[_i]);
  gaussians *g = new_gaussians();
  fm_model *model = gaussians_model(ctx, g, path, unit_shift, unit_scale);
  fm_sampler *all = guided(ctx, model, tight(), (fm_guidance_options){.weight = 2.5});
  fm_sampler *part = guided(ctx, model, tight(), (fm_guidance_options){.first = first, .last = last});
  int32_t labels[N];
  double weights[N], x0[N * D], out[N * D], whole[N * D];
  for (int i = 0; i < N; i++) labels[i] = i % CLASSES, weights[i] = .5 * i - 1;
  draw_sources(ctx, D, 8, 100, N, x0);
  OK(fm_sampler_draw_f64(ctx, all, 8, 100, labels, NULL, N, whole));
  OK(fm_sampler_draw_guided_f64(ctx, part, 8, 100, labels, NULL, weights, NULL, NULL, N, out, NULL, NULL));
  for (int i = 0; i < n; i++) {
    double x[D] = {x0[i * D], x0[i * D + 1]}, y[D] = {x[0], x[1]};
    free_flow f = {path, &four[labels[i] + 1], &four[0], 2.5}, plain = f;
    reference(free_slope, &f, 0, 1, 300, x);
    plain.w = 1, f.w = weights[i];
    reference(free_slope, &plain, 0, first, 60, y);
    reference(free_slope, &f, first, last, 150, y);
    reference(free_slope, &plain, last, 1, 150, y);
    for (int j = 0; j < D; j++) {
      CLOSE(whole[i * D + j], x[j], 2e-4 * (1 + fabs(x[j])));
      CLOSE(out[i * D + j], y[j], 2e-4 * (1 + fabs(y[j])));
    }
  }
  fm_sampler_destroy(all), fm_sampler_destroy(part), fm_model_destroy(model), fm_path_destroy(path), free(g);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows of weight 1, and times outside the interval, have one evaluation; one row's weight is paid for by its
   tile. */
START_TEST(the_second_velocity_is_paid_for_where_it_counts) {
  enum { N = 40, STEPS = 10 };
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, "condot");
  gaussians *g = new_gaussians();
  fm_model *model = gaussians_model(ctx, g, path, unit_shift, unit_scale);
  fm_sampler *s = guided(ctx, model, fixed(FM_SOLVER_EULER, STEPS),
                         (fm_guidance_options){.weight = 3, .first = .25, .last = .55});
  static double weights[N], out[N * D];
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  for (int i = 0; i < N; i++) weights[i] = 1;
  OK(fm_sampler_draw_guided_f64(ctx, s, 1, 0, NULL, NULL, weights, NULL, NULL, N, out, &stats, NULL));
  ck_assert_uint_eq(atomic_exchange(&g->evaluated, 0), N * STEPS);
  ck_assert_uint_eq(stats.nfe, N * STEPS);
  weights[7] = 2;
  OK(fm_sampler_draw_guided_f64(ctx, s, 1, 0, NULL, NULL, weights, NULL, NULL, N, out, NULL, NULL));
  ck_assert_uint_eq(atomic_exchange(&g->evaluated, 0), N * (STEPS + 3)); /* at .3, .4, .5 */
  OK(fm_sampler_draw_f64(ctx, s, 1, 0, NULL, NULL, N, out));
  ck_assert_uint_eq(atomic_exchange(&g->evaluated, 0), N * (STEPS + 3));
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g), fm_ctx_destroy(ctx);
}
END_TEST

/* A weaker model that has only the null class's velocity is the null condition. */
START_TEST(autoguidance_by_the_unconditional_model_is_classifier_free) {
  enum { N = 60 };
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, "cosine"), *again = path_of(ctx, "cosine");
  gaussians *g = new_gaussians(), *null = new_gaussians();
  for (int k = 0; k < CLASSES; k++) null->of[k + 1] = null->of[0];
  fm_model *model = gaussians_model(ctx, g, path, unit_shift, unit_scale);
  fm_model *weaker = gaussians_model(ctx, null, again, unit_shift, unit_scale);
  fm_sampler *a = guided(ctx, model, tight(), (fm_guidance_options){.weight = 2});
  fm_sampler *b = guided(ctx, model, tight(), (fm_guidance_options){.weight = 2, .weaker = weaker});
  fm_sampler *plain = guided(ctx, model, tight(), (fm_guidance_options){.weaker = weaker});
  int32_t labels[N];
  double one[N * D], other[N * D];
  for (int i = 0; i < N; i++) labels[i] = i % CLASSES;
  fm_model_destroy(weaker); /* the sampler holds it */
  OK(fm_sampler_draw_f64(ctx, a, 2, 0, labels, NULL, N, one));
  OK(fm_sampler_draw_f64(ctx, b, 2, 0, labels, NULL, N, other));
  SAME(one, other, N * D);
  OK(fm_sampler_draw_f64(ctx, plain, 2, 0, labels, NULL, N, other));
  ck_assert_int_ne(memcmp(one, other, sizeof one), 0);
  fm_sampler_destroy(a), fm_sampler_destroy(b), fm_sampler_destroy(plain), fm_model_destroy(model);
  fm_path_destroy(path), fm_path_destroy(again), free(g), free(null), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- gradients -------------------------------------------------------------------------------------------- */

static const double slope[D] = {.8, -.3}; /* of a linear log-potential, per unit of the data */
static int32_t linear_potential(void *user, const fm_potential_call *call) {
  (void)user;
  for (size_t i = 0; i < call->n; i++)
    for (size_t j = 0; j < D; j++) call->gradient[i * D + j] = slope[j];
  return 0;
}

/* Data N(m, S) times exp(a x) is N(m + S a, S), and of independent columns every row's flow is known: its
   distance from the mean, in deviations, stays. In units in which nothing is 1. */
START_TEST(a_linear_potential_moves_gaussian_data) {
  enum { N = 30 };
  const double shift[D] = {10, -3}, scale[D] = {2, .5}, power = 1.5;
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, paths[_i]);
  const fm_path_coefficients start = at(path, 0);
  gaussians *g = new_gaussians();
  for (int k = 0; k <= CLASSES; k++) g->of[k].cov[1] = 0;
  fm_model *model = gaussians_model(ctx, g, path, shift, scale);
  fm_sampler *s =
      guided(ctx, model, tight(),
             (fm_guidance_options){.potential = linear_potential, .potential_scale = power, .cap = -1});
  int32_t labels[N];
  double x0[N * D], out[N * D];
  for (int i = 0; i < N; i++) labels[i] = i % CLASSES;
  draw_sources(ctx, D, 9, 0, N, x0);
  OK(fm_sampler_draw_f64(ctx, s, 9, 0, labels, NULL, N, out));
  for (int i = 0; i < N; i++)
    for (int j = 0; j < D; j++) {
      const gaussian *one = &g->of[labels[i] + 1];
      const double s2 = one->cov[2 * j], mean = one->mean[j] + s2 * power * slope[j] * scale[j];
      const double x1 =
          mean + sqrt(s2) * (x0[i * D + j] - start.alpha * mean) / hypot(start.alpha * sqrt(s2), start.sigma);
      const double want = shift[j] + scale[j] * x1;
      CLOSE(out[i * D + j], want, 2e-4 * scale[j]);
    }
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- a network of weights ----------------------------------------------------------------------------------- */

enum { WIDE = 3, COND = 2, N_ROWS = 150 };
static const uint32_t wide_classes[] = {3};
static const double wide_shift[WIDE] = {5, -2, 7}, wide_scale[WIDE] = {3, .5, 1};
static int32_t wide_labels[N_ROWS];
static float wide_cond[N_ROWS * COND], wide_known[N_ROWS * WIDE], wide_mask[N_ROWS * WIDE];
static double wide_weights[N_ROWS];

static void set_up(void) {
  uint64_t seed = 6;
  for (size_t i = 0; i < N_ROWS; i++) {
    wide_labels[i] = (int32_t)(next_word(&seed) % 4) - 1;
    for (size_t j = 0; j < COND; j++) wide_cond[i * COND + j] = (float)next_normal(&seed);
    for (size_t j = 0; j < WIDE; j++) {
      wide_known[i * WIDE + j] = (float)(wide_shift[j] + wide_scale[j] * next_normal(&seed));
      wide_mask[i * WIDE + j] = (float)(next_word(&seed) % 3) / 2;
    }
    wide_weights[i] = next_word(&seed) % 3 == 0 ? 1 : 1 + 2 * next_uniform(&seed);
  }
}

static fm_model *wide_model(fm_ctx *ctx, uint32_t width, uint64_t seed, const char *path_name) {
  fm_net_options o = {.struct_size = sizeof o, .width = width, .depth = 1, .time_features = -1};
  fm_net *net;
  fm_normaliser *norm;
  fm_model *model;
  fm_path *path = path_of(ctx, path_name);
  OK(fm_net_create(ctx, WIDE, wide_classes, 1, COND, &o, &net));
  const size_t n = fm_net_n_params(net);
  float *params = new_block(n, sizeof *params);
  fill_normals(params, n, seed);
  for (size_t i = 0; i < n; i++) params[i] *= .3f;
  OK(fm_normaliser_create(ctx, wide_shift, wide_scale, WIDE, &norm));
  OK(fm_model_create(ctx, net, params, params, path, NULL, norm, NULL, &model));
  fm_net_destroy(net), fm_normaliser_destroy(norm), fm_path_destroy(path), free(params);
  return model;
}

/* A quadratic log-potential: its gradient depends on where x1 is. */
static int32_t quadratic_potential(void *user, const fm_potential_call *call) {
  (void)user;
  for (size_t i = 0; i < call->n * call->dim; i++) call->gradient[i] = -.1 * (call->x1[i] - 4);
  return 0;
}

static const uint32_t methods[] = {FM_SOLVER_EULER, FM_SOLVER_DOPRI5,         FM_SOLVER_HEUN2,
                                   FM_SOLVER_AB3,   FM_SOLVER_EXPONENTIAL_2M, FM_SOLVER_DDIM};

/* Nothing that steers: the bits of a plain sampler, also with noise. */
START_TEST(weight_one_is_a_plain_sampler) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = wide_model(ctx, 16, 1, "condot");
  static float plain[N_ROWS * WIDE], steered[N_ROWS * WIDE];
  double ones[N_ROWS];
  for (int i = 0; i < N_ROWS; i++) ones[i] = 1;
  for (size_t noisy = 0; noisy < 2; noisy++) {
    const fm_solver_options solver = {
        .struct_size = sizeof solver, .method = noisy ? FM_SOLVER_HEUN2 : methods[_i], .n_steps = 8};
    const fm_sampler_options o = {.struct_size = sizeof o, .diffusion = noisy ? FM_DIFFUSION_SIGMA : 0};
    const fm_guidance_options strong = {
        .struct_size = sizeof strong, .weight = 4, .inpainting = FM_INPAINT_BOTH};
    fm_sampler *a, *b, *c;
    OK(fm_sampler_create(ctx, model, &solver, &o, &a));
    OK(fm_sampler_create_guided(ctx, model, &solver, &o, NULL, &b));
    OK(fm_sampler_create_guided(ctx, model, &solver, &o, &strong, &c));
    OK(fm_sampler_draw(ctx, a, 3, 0, wide_labels, wide_cond, N_ROWS, plain));
    OK(fm_sampler_draw(ctx, b, 3, 0, wide_labels, wide_cond, N_ROWS, steered));
    SAME(plain, steered, N_ROWS * WIDE);
    OK(fm_sampler_draw_guided(ctx, c, 3, 0, wide_labels, wide_cond, ones, NULL, NULL, N_ROWS, steered, NULL,
                              NULL));
    SAME(plain, steered, N_ROWS * WIDE);
    OK(fm_sampler_draw(ctx, c, 3, 0, wide_labels, wide_cond, N_ROWS, steered));
    ck_assert_int_ne(memcmp(plain, steered, sizeof plain), 0);
    fm_sampler_destroy(a), fm_sampler_destroy(b), fm_sampler_destroy(c);
  }
  fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

/* Everything at once: the bits of a row whatever it comes with. */
START_TEST(splits_and_threads_keep_bits) {
  static const size_t splits[] = {7, 48, 1, 64};
  static const uint32_t threads[] = {1, 3, 0};
  static float whole[N_ROWS * WIDE], out[N_ROWS * WIDE];
  const size_t n = quick() ? 15 : N_ROWS;
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = wide_model(ctx, 16, 1, "cosine"), *weaker = wide_model(ctx, 8, 2, "cosine");
  const fm_solver_options solver = {.struct_size = sizeof solver, .method = methods[_i], .n_steps = 6};
  for (size_t with_weaker = 0; with_weaker < 2; with_weaker++) {
    const fm_guidance_options o = {.struct_size = sizeof o,
                                   .last = .8,
                                   .inpainting = FM_INPAINT_BOTH,
                                   .potential = quadratic_potential,
                                   .weaker = with_weaker ? weaker : NULL};
    for (size_t i = 0; i < FMI_COUNT(threads); i++) {
      fm_ctx *other = new_ctx(threads[i]);
      fm_sampler *s;
      ck_assert_int_eq(fm_sampler_create_guided(other, model, &solver, NULL, &o, &s), FM_OK);
      ck_assert_int_eq(fm_sampler_draw_guided(other, s, 4, 100, wide_labels, wide_cond, wide_weights,
                                              wide_known, wide_mask, n, out, NULL, NULL),
                       FM_OK);
      if (i == 0) memcpy(whole, out, sizeof out);
      SAME(whole, out, n * WIDE);
      for (size_t k = 0; i == 0 && k < (quick() ? 1 : FMI_COUNT(splits)); k++) {
        memset(out, 0, sizeof out);
        for (size_t end = n; end > 0;) {
          const size_t first = end > splits[k] ? end - splits[k] : 0;
          ck_assert_int_eq(fm_sampler_draw_guided(other, s, 4, 100 + first, wide_labels + first,
                                                  wide_cond + first * COND, wide_weights + first,
                                                  wide_known + first * WIDE, wide_mask + first * WIDE,
                                                  end - first, out + first * WIDE, NULL, NULL),
                           FM_OK);
          end = first;
        }
        SAME(whole, out, n * WIDE);
      }
      fm_sampler_destroy(s), fm_ctx_destroy(other);
    }
  }
  fm_model_destroy(model), fm_model_destroy(weaker), fm_ctx_destroy(ctx);
}
END_TEST

/* x1 of the guided velocity at normalised z, from public parts. */
static void predicted(fm_ctx *ctx, fm_sampler *plain, fm_sampler *weaker, const fm_path *path, double t,
                      double w, const double *z, double *x1) {
  float x[WIDE], c[WIDE], n[WIDE];
  double v[WIDE];
  for (int j = 0; j < WIDE; j++) x[j] = (float)z[j];
  OK(fm_sampler_velocity(ctx, plain, x, &t, wide_labels, wide_cond, 1, c));
  if (weaker)
    OK(fm_sampler_velocity(ctx, weaker, x, &t, wide_labels, wide_cond, 1, n));
  else
    OK(fm_sampler_velocity(ctx, plain, x, &t, NULL, NULL, 1, n));
  for (int j = 0; j < WIDE; j++) v[j] = n[j] + w * ((double)c[j] - n[j]);
  const double seen[WIDE] = {x[0], x[1], x[2]};
  OK(fm_path_convert(ctx, path, FM_VELOCITY, FM_X1, &t, seen, v, 1, WIDE, x1));
}

/* What a potential adds to one Euler step is min(sigma D / alpha, cap) J^T g, with J by finite differences of
   the predicted data end, through both networks. */
START_TEST(gradients_go_through_the_networks) {
  static const char *const names[] = {"condot", "vp"};
  const double t = _i / 2 ? .75 : .35, h = .125, w = 1.7, eps = 1e-2, power = 3;
  const bool with_weaker = _i % 2;
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = wide_model(ctx, 16, 1, names[_i / 2]), *second = wide_model(ctx, 8, 2, names[_i / 2]);
  const fm_path *path = fm_model_path(model);
  const fm_path_coefficients c = at(path, t);
  const fm_guidance_options o = {.weight = w, .weaker = with_weaker ? second : NULL},
                            with = {.weight = w,
                                    .weaker = o.weaker,
                                    .potential = quadratic_potential,
                                    .potential_scale = power};
  fm_sampler *plain, *weaker;
  OK(fm_sampler_create(ctx, model, NULL, NULL, &plain));
  OK(fm_sampler_create(ctx, second, NULL, NULL, &weaker));
  fm_sampler *a = guided(ctx, model, fixed(FM_SOLVER_EULER, 1), o);
  fm_sampler *b = guided(ctx, model, fixed(FM_SOLVER_EULER, 1), with);
  const double z[WIDE] = {.5, -.75, .25};
  double x[WIDE], y[WIDE], x1[WIDE], up[WIDE], down[WIDE];
  for (int j = 0; j < WIDE; j++) x[j] = y[j] = wide_shift[j] + wide_scale[j] * z[j];
  OK(fm_sampler_transport(ctx, a, t, t + h, wide_labels, wide_cond, 1, x, NULL, NULL, NULL));
  OK(fm_sampler_transport(ctx, b, t, t + h, wide_labels, wide_cond, 1, y, NULL, NULL, NULL));
  predicted(ctx, plain, with_weaker ? weaker : NULL, path, t, w, z, x1);
  const double factor = c.sigma * (c.d_alpha * c.sigma - c.alpha * c.d_sigma) / c.alpha;
  ck_assert(factor < 5);
  for (int k = 0; k < WIDE; k++) {
    double p[WIDE] = {z[0], z[1], z[2]}, want = 0;
    p[k] = z[k] + eps;
    predicted(ctx, plain, with_weaker ? weaker : NULL, path, t, w, p, up);
    p[k] = z[k] - eps;
    predicted(ctx, plain, with_weaker ? weaker : NULL, path, t, w, p, down);
    for (int j = 0; j < WIDE; j++) {
      const double g = -.1 * (wide_shift[j] + wide_scale[j] * x1[j] - 4) * wide_scale[j] * power;
      want += (up[j] - down[j]) / (2 * eps) * g;
    }
    CLOSE((y[k] - x[k]) / wide_scale[k] / h, factor * want, 2e-3 * (1 + fabs(factor * want)));
  }
  fm_sampler_destroy(a), fm_sampler_destroy(b), fm_sampler_destroy(plain), fm_sampler_destroy(weaker);
  fm_model_destroy(model), fm_model_destroy(second), fm_ctx_destroy(ctx);
}
END_TEST

static int32_t flat_potential(void *user, const fm_potential_call *call) {
  (void)user, (void)call; /* the gradient is preset to 0 */
  return 0;
}

/* Another model, or the weights themselves instead of their average: also on the way back. */
START_TEST(a_newer_model_is_followed_both_ways) {
  enum { N = 50 };
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = wide_model(ctx, 16, 1, "condot"), *newer;
  const fm_net *net = fm_model_net(model);
  const size_t n = fm_net_n_params(net);
  float *params = new_block(n, sizeof *params), *ema = new_block(n, sizeof *ema);
  fill_normals(params, n, 4), fill_normals(ema, n, 5);
  for (size_t i = 0; i < n; i++) params[i] *= .3f, ema[i] *= .3f;
  OK(fm_model_create(ctx, net, params, ema, fm_model_path(model), NULL, fm_model_normaliser(model), NULL,
                     &newer));
  const fm_guidance_options o = {.struct_size = sizeof o, .weight = 1.5, .potential = quadratic_potential};
  static double want[N * WIDE], got[N * WIDE];
  for (uint64_t raw = 0; raw < 2; raw++) {
    const fm_sampler_options so = {.struct_size = sizeof so, .raw_weights = raw};
    fm_sampler *made, *followed;
    OK(fm_sampler_create_guided(ctx, newer, NULL, &so, &o, &made));
    OK(fm_sampler_create_guided(ctx, model, NULL, &so, &o, &followed));
    OK(fm_sampler_set_model(ctx, followed, newer));
    OK(fm_sampler_draw_f64(ctx, made, 1, 0, wide_labels, wide_cond, N, want));
    OK(fm_sampler_draw_f64(ctx, followed, 1, 0, wide_labels, wide_cond, N, got));
    SAME(want, got, N * WIDE);
    fm_sampler_destroy(made), fm_sampler_destroy(followed);
    /* A flat potential goes the same way, and leads nowhere. */
    fm_guidance_options flat = o;
    flat.potential = flat_potential, flat.weight = 0;
    OK(fm_sampler_create(ctx, newer, NULL, &so, &made));
    OK(fm_sampler_create_guided(ctx, newer, NULL, &so, &flat, &followed));
    OK(fm_sampler_draw_f64(ctx, made, 1, 0, wide_labels, wide_cond, N, want));
    OK(fm_sampler_draw_f64(ctx, followed, 1, 0, wide_labels, wide_cond, N, got));
    SAME(want, got, N * WIDE);
    fm_sampler_destroy(made), fm_sampler_destroy(followed);
  }
  free(params), free(ema), fm_model_destroy(model), fm_model_destroy(newer), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------------------------------------- */

static int32_t refuses(void *user, const fm_potential_call *call) {
  (void)user, (void)call;
  return 7;
}
static int32_t fails_row_2(void *user, const fm_potential_call *call) {
  (void)user;
  for (size_t i = 0; i < call->n; i++)
    if (call->row[i] == 2) call->gradient[i * call->dim] = NAN;
  return 0;
}

START_TEST(a_bad_potential_is_reported) {
  enum { N = 5 };
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = wide_model(ctx, 8, 1, "condot");
  fm_sampler *a = guided(ctx, model, fixed(FM_SOLVER_EULER, 4), (fm_guidance_options){.potential = refuses});
  fm_sampler *b =
      guided(ctx, model, fixed(FM_SOLVER_EULER, 4), (fm_guidance_options){.potential = fails_row_2});
  fm_sampler *plain;
  const fm_solver_options solver = fixed(FM_SOLVER_EULER, 4);
  float out[N * WIDE], want[N * WIDE];
  fm_row_stats rows[N];
  OK(fm_sampler_create(ctx, model, &solver, NULL, &plain));
  FAILS(FM_E_CALLBACK, "potential: the caller's function returned 7",
        fm_sampler_draw(ctx, a, 1, 0, NULL, NULL, N, out));
  OK(fm_sampler_draw(ctx, plain, 1, 0, NULL, NULL, N, want));
  FAILS(FM_E_NONFINITE, "row 2",
        fm_sampler_draw_guided(ctx, b, 1, 0, NULL, NULL, NULL, NULL, NULL, N, out, NULL, rows));
  for (int i = 0; i < N; i++) {
    ck_assert_int_eq(rows[i].status, i == 2 ? FM_E_NONFINITE : FM_OK);
    for (int j = 0; i != 2 && j < WIDE; j++) CLOSE(out[i * WIDE + j], want[i * WIDE + j], 1e-5);
  }
  fm_sampler_destroy(a), fm_sampler_destroy(b), fm_sampler_destroy(plain), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows of a tile that never began say why. */
static int32_t failing_prior(void *user, const fm_prior_request *request) {
  (void)user;
  if (request->first_row >= FMI_TILE) return 7;
  memset(request->x0, 0, request->n * request->dim * sizeof *request->x0);
  return 0;
}
START_TEST(rows_that_were_not_begun_say_so) {
  enum { N = 2 * FMI_TILE };
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, "condot");
  gaussians *g = new_gaussians();
  fm_model *exact = gaussians_model(ctx, g, path, unit_shift, unit_scale), *model;
  fm_prior *prior;
  fm_sampler *s;
  static float out[N * D];
  static fm_row_stats rows[N];
  OK(fm_prior_create_callback(ctx, failing_prior, NULL, &prior));
  OK(fm_model_create(ctx, fm_model_net(exact), NULL, NULL, path, prior, NULL, NULL, &model));
  OK(fm_sampler_create_guided(ctx, model, NULL, NULL, NULL, &s));
  memset(rows, 0xa5, sizeof rows);
  FAILS(FM_E_CALLBACK, "7",
        fm_sampler_draw_guided(ctx, s, 1, 0, NULL, NULL, NULL, NULL, NULL, N, out, NULL, rows));
  for (size_t i = 0; i < N; i++)
    HOLDS(rows[i].status == (i < FMI_TILE ? FM_OK : FM_E_CALLBACK), "row %zu: %d", i, (int)rows[i].status);
  ck_assert(rows[N - 1].t == 0 && rows[N - 1].nfe == 0);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_model_destroy(exact), fm_prior_destroy(prior);
  fm_path_destroy(path), free(g), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(models_that_do_not_fit_are_named) {
  fm_ctx *ctx = new_ctx(1);
  fm_path *condot = path_of(ctx, "condot"), *cosine = path_of(ctx, "cosine"),
          *bridge = path_of(ctx, "bridge");
  gaussians *g = new_gaussians(), *cosine_g = new_gaussians();
  const double other_scale[D] = {1, 2};
  fm_model *model = gaussians_model(ctx, g, condot, unit_shift, unit_scale);
  fm_model *other_path = gaussians_model(ctx, cosine_g, cosine, unit_shift, unit_scale);
  fm_model *other_units = gaussians_model(ctx, g, condot, unit_shift, other_scale);
  fm_model *wide = wide_model(ctx, 8, 1, "condot"),
           *tube = gaussians_model(ctx, g, bridge, unit_shift, unit_scale);
  fm_guidance_options o = {.struct_size = sizeof o, .weaker = other_path};
  fm_sampler *s;
  FAILS(FM_E_MISMATCH, "the path of", fm_sampler_create_guided(ctx, model, NULL, NULL, &o, &s));
  o.weaker = other_units;
  FAILS(FM_E_MISMATCH, "the normaliser of", fm_sampler_create_guided(ctx, model, NULL, NULL, &o, &s));
  o.weaker = wide;
  FAILS(FM_E_MISMATCH, "the columns, classes", fm_sampler_create_guided(ctx, model, NULL, NULL, &o, &s));
  o = (fm_guidance_options){.struct_size = sizeof o, .potential = linear_potential};
  FAILS(FM_E_UNSUPPORTED, "gamma", fm_sampler_create_guided(ctx, tube, NULL, NULL, &o, &s));
  o = (fm_guidance_options){.struct_size = sizeof o, .inpainting = FM_INPAINT_GUIDE};
  FAILS(FM_E_UNSUPPORTED, "gamma", fm_sampler_create_guided(ctx, tube, NULL, NULL, &o, &s));
  /* A later model may not fit either. */
  o = (fm_guidance_options){.struct_size = sizeof o, .weaker = model};
  OK(fm_sampler_create_guided(ctx, model, NULL, NULL, &o, &s));
  OK(fm_sampler_set_model(ctx, s, model));
  FAILS(FM_E_MISMATCH, "model:", fm_sampler_set_model(ctx, s, other_units));
  fm_model *moved, *boxed;
  fm_prior *box;
  OK(fm_prior_create_uniform(ctx, unit_shift, unit_scale, D, &box));
  OK(fm_model_create(ctx, fm_model_net(model), NULL, NULL, cosine, NULL, fm_model_normaliser(model), NULL,
                     &moved));
  OK(fm_model_create(ctx, fm_model_net(model), NULL, NULL, condot, box, fm_model_normaliser(model), NULL,
                     &boxed));
  FAILS(FM_E_MISMATCH, "the path of", fm_sampler_set_model(ctx, s, moved));
  FAILS(FM_E_MISMATCH, "kind of prior", fm_sampler_set_model(ctx, s, boxed));
  fm_sampler *noisy;
  const fm_sampler_options sigma = {.struct_size = sizeof sigma, .diffusion = FM_DIFFUSION_SIGMA};
  OK(fm_sampler_create(ctx, model, NULL, &sigma, &noisy));
  OK(fm_sampler_set_model(ctx, noisy, moved));
  FAILS(FM_E_UNSUPPORTED, "prior", fm_sampler_set_model(ctx, noisy, boxed));
  fm_sampler_destroy(noisy), fm_model_destroy(moved), fm_model_destroy(boxed), fm_prior_destroy(box);
  double density;
  FAILS(FM_E_UNSUPPORTED, "no log-density",
        fm_sampler_log_density(ctx, s, 0, NULL, NULL, 1, unit_shift, &density, NULL, NULL, NULL));
  fm_sampler_destroy(s);
  /* Known values need a path without gamma, weights don't. */
  float out[D];
  const float known[D] = {1, NAN};
  o = (fm_guidance_options){.struct_size = sizeof o, .weight = 2};
  OK(fm_sampler_create_guided(ctx, tube, NULL, NULL, &o, &s));
  OK(fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 1, out));
  FAILS(FM_E_UNSUPPORTED, "gamma",
        fm_sampler_draw_guided(ctx, s, 1, 0, NULL, NULL, NULL, known, NULL, 1, out, NULL, NULL));
  fm_sampler_destroy(s);
  fm_model_destroy(model), fm_model_destroy(other_path), fm_model_destroy(other_units),
      fm_model_destroy(wide);
  fm_model_destroy(tube), fm_path_destroy(condot), fm_path_destroy(cosine), fm_path_destroy(bridge), free(g),
      free(cosine_g);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "guide");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_loop_test(tcase, weight_one_is_a_plain_sampler, 0, FMI_COUNT(methods));
  tcase_add_loop_test(tcase, splits_and_threads_keep_bits, 0, FMI_COUNT(methods));
  tcase_add_loop_test(tcase, gradients_go_through_the_networks, 0, 4);
  tcase_add_test(tcase, a_newer_model_is_followed_both_ways);
  tcase_add_test(tcase, a_bad_potential_is_reported);
  if (!IS_DOUBLE) { /* whose networks are no callbacks */
    tcase_add_test(tcase, weights_are_where_one_is_plain);
    tcase_add_loop_test(tcase, classifier_free_draws_solve_their_equation, 0, FMI_COUNT(paths));
    tcase_add_test(tcase, the_second_velocity_is_paid_for_where_it_counts);
    tcase_add_test(tcase, autoguidance_by_the_unconditional_model_is_classifier_free);
    tcase_add_loop_test(tcase, a_linear_potential_moves_gaussian_data, 0, FMI_COUNT(paths));
    tcase_add_test(tcase, rows_that_were_not_begun_say_so);
    tcase_add_test(tcase, models_that_do_not_fit_are_named);
  }
  return run_suite(suite);
}
