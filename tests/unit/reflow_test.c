/* reflow_test.c - reflow and distillation against what is known exactly: Gaussian data. */
#include "reflow_fixture.h"

static fm_sampler *new_sampler(fm_ctx *ctx, const fm_model *model, double tolerance) {
  fm_solver_options so = {.struct_size = sizeof so, .rtol = tolerance, .atol = tolerance};
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, model, &so, NULL, &sampler));
  return sampler;
}

/* Pairs are (z, m + s z), in normalised coordinates; a constant column has a source too. */
START_TEST(pairs_are_the_flow_of_the_source) {
  enum { N = 200, D = 2 };
  fm_ctx *ctx = new_ctx(1);
  const double shift[D] = {30, 7}, scale[D] = {4, 0};
  fm_normaliser *normaliser;
  OK(fm_normaliser_create(ctx, shift, scale, D, &normaliser));
  fm_model *model = new_gaussian(ctx, D, normaliser);
  fm_sampler *sampler = new_sampler(ctx, model, 1e-8);
  const fmi_pool_options o = {.net = model->net, .seed = 9, .n = N, .n_renewed = 50};
  fmi_pool *pool = fmi_pool_new(&ctx->runtime, &o, &ctx->err);
  ck_assert_ptr_nonnull(pool);
  pool->teacher = sampler;
  OK(fmi_pool_generate(pool, 0, N, &ctx->err));
  double sum = 0, squares = 0, constant = 0;
  for (size_t i = 0; i < N; i++) {
    const double z = pool->pairs.x0[i * D], x = pool->pairs.x1[i * D], c = pool->pairs.x0[i * D + 1];
    CLOSE(x, MEAN + DEVIATION * z, 1e-5);
    CLOSE(pool->pairs.x1[i * D + 1], 0, 0);
    sum += z, squares += z * z, constant += c * c;
  }
  CLOSE(sum / N, 0, 4 / sqrt(N));
  CLOSE(squares / N, 1, 4 * sqrt(2. / N));
  CLOSE(constant / N, 1, 4 * sqrt(2. / N));
  fmi_release(pool);
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_normaliser_destroy(normaliser);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Every pair once in a pass, however it is read; after a pass the oldest are new ones. */
START_TEST(passes_over_the_pool) {
  enum { N = 64, RENEWED = 24, PASSES = 4, PIECE = 7 };
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_gaussian(ctx, 1, NULL);
  fm_sampler *sampler = new_sampler(ctx, model, 1e-6);
  const fmi_pool_options o = {.net = model->net, .seed = 9, .n = N, .n_renewed = RENEWED};
  fmi_pool *pool = fmi_pool_new(&ctx->runtime, &o, &ctx->err);
  ck_assert_ptr_nonnull(pool);
  pool->teacher = sampler;
  OK(fmi_pool_generate(pool, 0, N, &ctx->err));
  double x0[N * PASSES], x1[N * PASSES];
  float weights[N];
  for (size_t first = 0; first < N * PASSES; first += PIECE) {
    fmi_batch b = {.x1 = x1 + first, .x0 = x0 + first, .weights = weights};
    OK(fmi_data_fetch(&pool->data, 1, true, first, fmi_min(PIECE, N * PASSES - first), &b, &ctx->err));
  }
  for (size_t pass = 0; pass < PASSES; pass++) {
    size_t n_old = 0, n_twice = 0, n_in_place = 0;
    for (size_t i = pass * N; i < (pass + 1) * N; i++) {
      CLOSE(x1[i], MEAN + DEVIATION * x0[i], 1e-4);
      for (size_t j = pass * N; j < i; j++) n_twice += x0[j] == x0[i];
      for (size_t j = (pass - 1) * N; pass > 0 && j < pass * N; j++) n_old += x0[j] == x0[i];
      n_in_place += pass > 0 && x0[i - N] == x0[i];
    }
    ck_assert_uint_eq(n_twice, 0);
    ck_assert_uint_eq(n_old, pass > 0 ? N - RENEWED : 0);
    ck_assert_uint_lt(n_in_place, N / 4); /* another order */
  }
  ck_assert_uint_eq(pool->next_row, N + (PASSES - 1) * RENEWED);
  fmi_release(pool);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows at z = +-1 have the mean of all, and the rectangle rule is of order 1: what it comes to is exact. */
START_TEST(straightness_is_exact) {
  enum { N = 100, D = 2 };
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_gaussian(ctx, D, NULL);
  fm_sampler *sampler = new_sampler(ctx, model, 1e-3);
  real x0[N * D];
  double sums[N], found[2];
  for (size_t i = 0; i < N * D; i++) x0[i] = i % 2 ? 1 : -1;
  const fmi_ends start = {.x0 = x0};
  for (int k = 0; k < 2; k++) {
    OK(fmi_straightness(&ctx->runtime, sampler, &start, N, k ? 800 : 400, sums, &found[k], &ctx->err));
  }
  CLOSE(2 * found[1] - found[0], D * CURVED, 1e-5);
  CLOSE((found[0] - D * CURVED) / (found[1] - D * CURVED), 2, 0.02);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The same flow by what else its net may say: x1 = x + (1 - t) v, or what v has beyond the baseline. */
static int32_t other_output(void *user, const fm_net_call *c) {
  const bool x1 = user != NULL;
  for (uint64_t i = 0; i < c->n * c->dim; i++) {
    const double x = (double)c->x[i], t = c->t[i / c->dim], left = 1 - t;
    double f[FEATURES];
    gaussian_features(x, t, f);
    c->velocity[i] = (float)(x1 ? x + left * f[0] : f[0] - (t - left) / (t * t + left * left) * x);
  }
  return 0;
}
START_TEST(straightness_is_the_flows_whatever_is_predicted) {
  enum { N = 100, D = 2 };
  fm_ctx *ctx = new_ctx(1);
  const bool x1 = _i == 1;
  const double shift[D] = {0, 7}, scale[D] = {1, 0}; /* a column of scale 0 is no part of it */
  const float none = 0;
  int mark;
  fm_net *net;
  fm_normaliser *norm;
  fm_model *velocity, *model;
  OK(fm_normaliser_create(ctx, shift, scale, D, &norm));
  OK(fm_net_create_custom(ctx, D, NULL, 0, 0, 0, other_output, gaussian_vjp, NULL, x1 ? &mark : NULL, &net));
  OK(fm_model_create(ctx, net, &none, NULL, NULL, NULL, norm, NULL, &velocity));
  OK(fm_model_with_prediction(ctx, velocity, x1 ? FM_X1 : FM_VELOCITY, !x1, &model));
  fm_sampler *sampler = new_sampler(ctx, model, 1e-3);
  real x0[N * D];
  double sums[N], found[2];
  for (size_t i = 0; i < N * D; i++) x0[i] = i / D % 2 ? 1 : -1;
  const fmi_ends start = {.x0 = x0};
  for (int k = 0; k < 2; k++)
    OK(fmi_straightness(&ctx->runtime, sampler, &start, N, k ? 800 : 400, sums, &found[k], &ctx->err));
  CLOSE(2 * found[1] - found[0], CURVED, x1 ? 1e-3 : 2e-4); /* x1 is asked up to t = 0.99 */
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_model_destroy(velocity), fm_net_destroy(net);
  fm_normaliser_destroy(norm), fm_ctx_destroy(ctx);
}
END_TEST

/* A score needs independent pairs, the noise at t = 0 is the input itself, a mean velocity is a step already. */
START_TEST(what_has_no_reflow_is_refused) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_gaussian(ctx, 1, NULL), *noise, *score, *mean, *made;
  fm_net_options no = {.struct_size = sizeof no, .width = 4, .depth = 1, .n_times = 2};
  fm_net *net;
  settings s = new_settings(2, 20);
  fm_reflow_stats stats;
  OK(fm_model_with_prediction(ctx, model, FM_X0, 0, &noise));
  OK(fm_model_with_prediction(ctx, model, FM_SCORE, 0, &score));
  OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
  float *params = new_block(fm_net_n_params(net), sizeof *params);
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &mean));
  FAILS(FM_E_UNSUPPORTED, "independent pairs", reflow(ctx, &s, score, NULL, &made, &stats));
  FAILS(FM_E_UNSUPPORTED, "two times", reflow(ctx, &s, mean, NULL, &made, &stats));
  s.reflow.distill_steps = 2;
  FAILS(FM_E_UNSUPPORTED, "distill_steps", reflow(ctx, &s, noise, NULL, &made, &stats));
  ck_assert_ptr_null(made);
  free(params), fm_net_destroy(net), fm_model_destroy(model), fm_model_destroy(noise);
  fm_model_destroy(score), fm_model_destroy(mean), fm_ctx_destroy(ctx);
}
END_TEST

/* Loss floor 0, S 0, and one Euler step takes 1 to m + s, and before: S = s (2 - pi / 2). */
START_TEST(reflow_makes_the_gaussian_straight) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_gaussian(ctx, 1, NULL), *straight;
  settings s = new_settings(quick() ? 20 : 1500, quick() ? 300 : 20000);
  s.reflow.straightness_rows = quick() ? 100 : 5000;
  fm_reflow_stats stats;
  OK(reflow(ctx, &s, model, NULL, &straight, &stats));
  ck_assert_uint_eq(stats.n_rounds, 1);
  ck_assert_uint_eq(stats.n_steps, s.n_steps);
  ck_assert_uint_ge(stats.n_pairs, s.reflow.pairs);
  ck_assert_uint_gt(stats.nfe, stats.n_pairs);
  ck_assert(straight->paired);
  ck_assert_uint_eq(fm_model_train_steps(straight), s.n_steps);
  if (!quick()) {
    double one[1] = {1}, many[1] = {1};
    CLOSE(stats.straightness[0], CURVED, 0.1 * CURVED); /* 5 deviations of 5000 rows */
    CLOSE(stats.straightness[1], 0, 1e-5);
    CLOSE(stats.loss, 0, 1e-5);
    carry(ctx, straight, 1, NULL, 1, one);
    CLOSE(one[0], 2.5, 2e-3);
    carry(ctx, straight, 0, NULL, 1, many);
    CLOSE(many[0], 2.5, 5e-3);
    one[0] = 1; /* the teacher's first step goes to the mean */
    carry(ctx, model, 1, NULL, 1, one);
    CLOSE(one[0], 2, 1e-6);
  }
  fm_model_destroy(straight), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rounds begin at the averaged weights, or at those of a new network: a step of no size leaves them. */
START_TEST(weights_begin_where_they_should) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *exact = new_gaussian(ctx, 1, NULL), *model, *made;
  const float params[FEATURES] = {.5f, .1f, .2f}, ema[FEATURES] = {.75f, .25f, .125f}, fresh[FEATURES] = {1};
  OK(fm_model_create(ctx, exact->net, params, ema, NULL, NULL, NULL, NULL, &model));
  for (uint64_t scratch = 0; scratch < 2; scratch++) {
    settings s = new_settings(1, 100);
    s.rate = 1e-9;
    s.reflow.from_scratch = scratch;
    fm_reflow_stats stats;
    float got[2][FEATURES];
    OK(reflow(ctx, &s, model, NULL, &made, &stats));
    OK(fm_model_get_params(ctx, made, got[0], got[1]));
    for (size_t i = 0; i < 2 * FEATURES; i++)
      CLOSE(got[i / FEATURES][i % FEATURES], scratch ? fresh[i % FEATURES] : ema[i % FEATURES], 1e-6);
    fm_model_destroy(made);
  }
  fm_model_destroy(model), fm_model_destroy(exact), fm_ctx_destroy(ctx);
}
END_TEST

/* Curves on another path become lines all the same: a teacher on the cosine path, with pairs of its flow. */
START_TEST(any_path_becomes_straight) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *condot = new_gaussian(ctx, 1, NULL), *model, *straight;
  const float params[FEATURES] = {1, 0, 0};
  fm_path *path;
  OK(fm_path_create(ctx, FM_PATH_COSINE, &path));
  OK(fm_model_create(ctx, condot->net, params, NULL, path, NULL, NULL, NULL, &model));
  settings s = new_settings(20, 300);
  fm_reflow_stats stats;
  OK(reflow(ctx, &s, model, NULL, &straight, &stats));
  ck_assert_uint_eq(fm_path_kind(fm_model_path(straight)), FM_PATH_CONDOT);
  fm_model_destroy(straight), fm_model_destroy(model), fm_model_destroy(condot), fm_path_destroy(path);
  fm_ctx_destroy(ctx);
}
END_TEST

/* k Euler steps make the teacher's map m + s z, those that a sampler takes by default; one more or less does
   not change that here, where the lines don't cross. */
START_TEST(distillation_reproduces_the_map) {
  enum { N = 21 };
  const uint64_t k = (uint64_t)_i;
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_gaussian(ctx, 1, NULL), *noted, *student;
  OK(fm_model_with_note(ctx, model, "units", "metres", &noted));
  settings s = new_settings(quick() ? 20 : 4000, quick() ? 300 : 20000);
  s.reflow.rounds = -1;
  s.reflow.distill_steps = k;
  fm_reflow_stats stats;
  OK(reflow(ctx, &s, noted, NULL, &student, &stats));
  ck_assert_uint_eq(stats.n_rounds, 0);
  ck_assert_str_eq(fm_model_note(student, "units"), "metres");
  ck_assert_str_eq(fm_model_note(student, "euler_steps"), k == 1 ? "1" : "2");
  double x[N], y[N];
  for (size_t i = 0; i < N; i++) x[i] = y[i] = -2 + 0.2 * (double)i;
  carry(ctx, student, 0, NULL, N, x);
  carry(ctx, student, (uint32_t)k, NULL, N, y);
  SAME(x, y, N);
  for (size_t i = 0; i < N && !quick(); i++) CLOSE(x[i], MEAN + DEVIATION * (-2 + 0.2 * (double)i), 5e-3);
  fm_model_destroy(student), fm_model_destroy(noted), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Distillation looks at no other times than those of its steps, and a reflow of what it made is for any. */
static double seen[4096];
static size_t n_seen;
static int32_t watched_forward(void *user, const fm_net_call *c) {
  for (uint64_t i = 0; i < c->n && n_seen < 4096 && user != NULL && *(const bool *)user; i++)
    seen[n_seen++] = c->t[i];
  return gaussian_forward(NULL, c);
}
static int32_t watch_training(void *user, const fm_reflow_progress *p) {
  *(bool *)user = p->phase == FM_REFLOW_TRAINING || p->done == p->total;
  return 0;
}
START_TEST(distillation_keeps_to_its_times) {
  fm_ctx *ctx = new_ctx(1);
  bool training = false;
  fm_net *net;
  fm_model *model, *student, *straight;
  const float params[FEATURES] = {1, 0, 0};
  OK(fm_net_create_custom(ctx, 1, NULL, 0, 0, FEATURES, watched_forward, gaussian_vjp, gaussian_init,
                          &training, &net));
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &model));
  settings s = new_settings(8, 200);
  s.reflow.rounds = -1;
  s.reflow.distill_steps = 4;
  s.reflow.renewal = -1;
  s.reflow.progress = watch_training;
  s.reflow.progress_user = &training;
  s.training.time_sampling = FM_TIME_LOGIT_NORMAL; /* not used */
  fm_reflow_stats stats;
  OK(reflow(ctx, &s, model, NULL, &student, &stats));
  size_t of[4] = {0};
  ck_assert_uint_ge(n_seen, 8 * 256);
  for (size_t i = 0; i < n_seen; i++) {
    const double at = 4 * seen[i];
    HOLDS(at == floor(at) && at >= 0 && at < 4, "t = %g", seen[i]);
    of[(size_t)at]++;
  }
  for (size_t i = 0; i < 4; i++) HOLDS(of[i] > n_seen / 5, "%zu of %zu at %zu / 4", of[i], n_seen, i);
  s.reflow.rounds = 1;
  s.reflow.distill_steps = 0;
  OK(reflow(ctx, &s, student, NULL, &straight, &stats));
  ck_assert_ptr_null(fm_model_note(straight, "euler_steps"));
  fm_model_destroy(straight), fm_model_destroy(student), fm_model_destroy(model), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* fm_prior_draw gives the rows at which fm_sampler_draw begins: with v = 0 those are its rows. */
static int32_t no_velocity(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->velocity[i] = 0; /* never asked for a vjp */
  return 0;
}
START_TEST(a_prior_draws_what_samples_begin_at) {
  enum { N = 130, D = 3 };
  fm_ctx *ctx = new_ctx(1);
  const double shift[D] = {1e9, -2, 5}, scale[D] = {3, .1, 0}, low[D] = {0, 1, 2}, high[D] = {1, 2, 4};
  fm_normaliser *normaliser;
  fm_prior *prior[2];
  fm_net *net;
  const float none = 0;
  OK(fm_normaliser_create(ctx, shift, scale, D, &normaliser));
  OK(fm_prior_create_gaussian(ctx, &prior[0]));
  OK(fm_prior_create_uniform(ctx, low, high, D, &prior[1]));
  OK(fm_net_create_custom(ctx, D, NULL, 0, 0, 0, no_velocity, no_velocity, NULL, NULL, &net));
  for (int k = 0; k < 2; k++) {
    fm_model *model;
    fm_sampler *sampler;
    double drawn[N][D], alone[N][D], plain[N][D];
    OK(fm_model_create(ctx, net, &none, NULL, NULL, prior[k], normaliser, NULL, &model));
    OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
    OK(fm_sampler_draw_f64(ctx, sampler, 4, 11, NULL, NULL, N, drawn[0]));
    OK(fm_prior_draw(ctx, prior[k], normaliser, 4, 11, 100, D, alone[0]));
    OK(fm_prior_draw(ctx, prior[k], normaliser, 4, 111, N - 100, D, alone[100]));
    OK(fm_prior_draw(ctx, prior[k], NULL, 4, 11, N, D, plain[0]));
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < D; j++) {
        if (scale[j] > 0) CLOSE(alone[i][j], drawn[i][j], 1e-12 * fabs(shift[j]));
        if (k == 0) CLOSE(alone[i][j], shift[j] + scale[j] * plain[i][j], 0);
        if (k == 1)
          HOLDS(alone[i][j] == plain[i][j] && plain[i][j] >= low[j] && plain[i][j] < high[j], "box");
      }
    fm_sampler_destroy(sampler), fm_model_destroy(model);
  }
  fm_prior_destroy(prior[0]), fm_prior_destroy(prior[1]), fm_normaliser_destroy(normaliser);
  fm_net_destroy(net), fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  if (IS_DOUBLE) return skipped("reflow", "a net of callbacks takes float");
  Suite *suite;
  TCase *tcase = new_case(&suite, "reflow");
  tcase_add_test(tcase, pairs_are_the_flow_of_the_source);
  tcase_add_test(tcase, passes_over_the_pool);
  tcase_add_test(tcase, straightness_is_exact);
  tcase_add_loop_test(tcase, straightness_is_the_flows_whatever_is_predicted, 0, 2);
  tcase_add_test(tcase, what_has_no_reflow_is_refused);
  tcase_add_test(tcase, reflow_makes_the_gaussian_straight);
  tcase_add_test(tcase, weights_begin_where_they_should);
  tcase_add_test(tcase, any_path_becomes_straight);
  tcase_add_loop_test(tcase, distillation_reproduces_the_map, 1, 3);
  tcase_add_test(tcase, distillation_keeps_to_its_times);
  tcase_add_test(tcase, a_prior_draws_what_samples_begin_at);
  return run_suite(suite);
}
