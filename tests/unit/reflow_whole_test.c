/* reflow_whole_test.c - reflow with networks that learn: straighter paths, conditions kept, and what a guest may
   ask of the call: memory, bits, stopping. */
#include "reflow_fixture.h"

/* Two Gaussians to two Gaussians: independent pairs cross in the middle. */
static fm_data *new_crossing(fm_ctx *ctx, size_t n) {
  float *x1 = new_block(2 * n, sizeof *x1);
  uint64_t seed = 12;
  for (size_t i = 0; i < n; i++) {
    x1[2 * i] = (float)(4 + 0.3 * next_normal(&seed));
    x1[2 * i + 1] = (float)((i % 2 ? 2 : -2) + 0.3 * next_normal(&seed));
  }
  fm_data *data;
  OK(fm_data_create(ctx, x1, NULL, NULL, NULL, NULL, n, 2, 0, 0, NULL, &data));
  free(x1);
  return data;
}

static fm_model *train(fm_ctx *ctx, const fm_data *data, const fm_prior *prior, const uint32_t *n_classes,
                       uint64_t n_steps) {
  fm_net_options no = {
      .struct_size = sizeof no, .kind = FM_NET_MLP, .width = 48, .depth = 3, .time_features = 8};
  fm_optimizer_options oo = {.struct_size = sizeof oo, .learning_rate = 4e-3, .n_steps = n_steps};
  fm_trainer_options to = {
      .struct_size = sizeof to, .ema_decay = 0.99, .label_dropout = n_classes ? 0.2 : -1};
  fm_net *net;
  fm_optimizer *optimizer;
  fm_trainer *trainer;
  fm_model *model;
  OK(fm_net_create(ctx, data->dim, n_classes, data->n_class_columns, data->cond_dim, &no, &net));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_trainer_create(ctx, net, NULL, prior, NULL, NULL, optimizer, NULL, &to, &trainer));
  OK(fm_trainer_run(ctx, trainer, data, 0));
  OK(fm_trainer_model(ctx, trainer, &model));
  fm_net_destroy(net), fm_optimizer_destroy(optimizer), fm_trainer_destroy(trainer);
  return model;
}

/* Double has nothing to add to what is learned. */
static bool small(void) { return quick() || IS_DOUBLE; }

static settings learned_settings(uint64_t n_steps, uint64_t pairs) {
  settings s = new_settings(small() ? 10 : n_steps, small() ? 200 : pairs);
  s.rate = 2e-3;
  s.solver.rtol = s.solver.atol = 1e-3;
  s.training.ema_decay = 0.99;
  s.reflow.straightness_rows = small() ? 50 : 500;
  return s;
}

START_TEST(crossing_paths_become_straight) {
  enum { N = 1000 };
  fm_ctx *ctx = new_ctx(1);
  const double weights[2] = {1, 1}, means[4] = {0, -2, 0, 2}, deviations[4] = {.3, .3, .3, .3};
  fm_prior *prior;
  OK(fm_prior_create_mixture(ctx, weights, means, deviations, 2, 2, &prior));
  fm_data *data = new_crossing(ctx, 2000);
  fm_model *model = train(ctx, data, prior, NULL, small() ? 10 : 1500), *straight;
  settings s = learned_settings(1500, 10000);
  fm_reflow_stats stats;
  OK(reflow(ctx, &s, model, NULL, &straight, &stats));
  if (!small()) {
    ck_assert_msg(stats.straightness[0] > 0.5 && stats.straightness[1] < 0.1 * stats.straightness[0],
                  "S was %g, is %g", stats.straightness[0], stats.straightness[1]);
    /* One step lands in the two Gaussians, as many in each. */
    double x[N][2];
    size_t n_high = 0;
    OK(fm_prior_draw(ctx, prior, NULL, 77, 0, N, 2, x[0]));
    carry(ctx, straight, 1, NULL, N, x[0]);
    size_t n_near = 0;
    for (size_t i = 0; i < N; i++) {
      n_high += x[i][1] > 0;
      n_near += fabs(x[i][0] - 4) < 1.2 && fabs(fabs(x[i][1]) - 2) < 1.2;
    }
    ck_assert_msg(n_high > 0.4 * N && n_high < 0.6 * N && n_near > 0.97 * N, "%zu high, %zu near", n_high,
                  n_near);
  }
  fm_model_destroy(straight), fm_model_destroy(model), fm_data_destroy(data), fm_prior_destroy(prior);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- conditions ------------------------------------------------------------------------------------- */

/* Class k is N(3 (2 k - 1), 0.5^2), a quarter of the rows class 1. */
static fm_data *new_classes(fm_ctx *ctx, size_t n) {
  float *x1 = new_block(n, sizeof *x1);
  int32_t *labels = new_block(n, sizeof *labels);
  uint64_t seed = 5;
  for (size_t i = 0; i < n; i++) {
    labels[i] = i % 4 == 0;
    x1[i] = (float)(3 * (2 * labels[i] - 1) + 0.5 * next_normal(&seed));
  }
  fm_data *data;
  OK(fm_data_create(ctx, x1, NULL, labels, NULL, NULL, n, 1, 1, 0, NULL, &data));
  free(x1), free(labels);
  return data;
}

/* Mean and deviation of one Euler step's rows of a class; -1: the null class. */
static void one_step_of(fm_ctx *ctx, const fm_model *model, int32_t class, double *mean, double *deviation) {
  enum { N = 2000 };
  double x[N];
  int32_t labels[N];
  for (size_t i = 0; i < N; i++) labels[i] = class;
  OK(fm_prior_draw(ctx, model->prior, NULL, 31, 0, N, 1, x));
  carry(ctx, model, 1, labels, N, x);
  *mean = *deviation = 0;
  for (size_t i = 0; i < N; i++) *mean += x[i] / N;
  for (size_t i = 0; i < N; i++) *deviation += (x[i] - *mean) * (x[i] - *mean) / N;
  *deviation = sqrt(*deviation);
}

START_TEST(conditions_are_kept) {
  fm_ctx *ctx = new_ctx(1);
  const uint32_t n_classes[1] = {2};
  fm_data *data = new_classes(ctx, 2000);
  fm_model *model = train(ctx, data, NULL, n_classes, small() ? 10 : 1500), *straight;
  settings s = learned_settings(1200, 10000);
  s.training.label_dropout = 0.3;
  fm_reflow_stats stats;
  FAILS(FM_E_INVALID, "data:", reflow(ctx, &s, model, NULL, &straight, &stats));
  OK(reflow(ctx, &s, model, data, &straight, &stats));
  for (int32_t class = -1; class < 2 && !small(); class ++) {
    const double want[2] = {class < 0 ? -1.5 : 3 * (2 * class - 1), class < 0 ? sqrt(.25 + 9 * .75) : .5};
    double mean, deviation, before, deviation_before;
    one_step_of(ctx, straight, class, &mean, &deviation);
    one_step_of(ctx, model, class, &before, &deviation_before);
    CLOSE(mean, want[0], 0.15);
    CLOSE(deviation, want[1], class < 0 ? 0.3 : 0.1);
    ck_assert(deviation_before < 0.5 * want[1]); /* the first step of the model before went to the mean */
  }
  fm_model_destroy(straight), fm_model_destroy(model), fm_data_destroy(data);
  fm_ctx_destroy(ctx);
}
END_TEST

/* In the pool a share of pairs is the null class's, generated as such, and the others are drawn as the data
   has them. Condition vectors likewise: absent, or normalised; a constant one is still there. */
static int32_t condition_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n; i++) {
    const bool absent = c->cond == NULL || isnan(c->cond[2 * i]);
    const int32_t label = c->labels == NULL ? -1 : c->labels[i];
    c->velocity[i] = (absent ? 100 : 10 * c->cond[2 * i + 1]) + (float)label - c->params[0];
  }
  return 0;
}
START_TEST(a_pool_has_both_conditions) {
  enum { N = 1000, ROWS = 8 };
  fm_ctx *ctx = new_ctx(1);
  const float x[ROWS] = {0}, params = 0;
  float cond[ROWS][2], weights[ROWS];
  int32_t labels[ROWS];
  for (size_t i = 0; i < ROWS; i++) {
    cond[i][0] = 5;
    cond[i][1] = (float)(3 + i);
    labels[i] = (int32_t)(i % 2);
    weights[i] = (float)(i + 1);
  }
  const uint32_t n_classes[1] = {2};
  const double shift[2] = {5, 3}, scale[2] = {0, 2};
  fm_normaliser *cond_normaliser;
  fm_net *net;
  fm_model *model;
  fm_data *data;
  fm_sampler *sampler;
  OK(fm_normaliser_create(ctx, shift, scale, 2, &cond_normaliser));
  OK(fm_net_create_custom(ctx, 1, n_classes, 1, 2, 1, condition_forward, condition_forward, NULL, NULL,
                          &net));
  OK(fm_model_create(ctx, net, &params, NULL, NULL, NULL, NULL, cond_normaliser, &model));
  OK(fm_data_create(ctx, x, NULL, labels, cond[0], weights, ROWS, 1, 1, 2, NULL, &data));
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  const fmi_pool_options o = {.net = net, .conditions = data, .seed = 2, .n = N, .null_share = 0.2};
  fmi_pool *pool = fmi_pool_new(&ctx->runtime, &o, &ctx->err);
  ck_assert_ptr_nonnull(pool);
  pool->teacher = sampler;
  OK(fmi_pool_generate(pool, 0, N - 100, &ctx->err));
  OK(fmi_pool_generate(pool, N - 100, 100, &ctx->err));
  const fmi_ends *e = &pool->pairs;
  size_t n_null = 0, of[ROWS] = {0};
  for (size_t i = 0; i < N; i++) {
    const double v = (double)e->x1[i] - (double)e->x0[i];
    if (isnan(e->cond[2 * i])) {
      n_null++;
      HOLDS(e->labels[i] == -1 && e->weights[i] >= 1 && e->weights[i] == floorf(e->weights[i]),
            "null pair %zu", i); /* the weight of the row whose condition was dropped */
      CLOSE(v, 99, 1e-4);
      continue;
    }
    const size_t row = (size_t)(2 * e->cond[2 * i + 1] + 0.5f);
    HOLDS(row < ROWS && e->labels[i] == labels[row] && e->weights[i] == weights[row], "pair %zu", i);
    CLOSE(e->cond[2 * i], 0, 0);
    CLOSE(v, 10 * (double)row / 2 + labels[row], 1e-4);
    of[row]++;
  }
  ck_assert_uint_eq(n_null, N / 5);
  for (size_t i = 0; i < ROWS; i++) ck_assert_uint_eq(of[i], 4 * N / 5 / ROWS);
  fmi_release(pool);
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net), fm_data_destroy(data);
  fm_normaliser_destroy(cond_normaliser), fm_ctx_destroy(ctx);
}
END_TEST

static int32_t class_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n; i++) c->velocity[i] = c->labels == NULL ? 0 : (float)c->labels[i];
  return 0;
}
/* Rows of training have the null condition in the share that was asked for: it is dropped once, not twice. */
static size_t n_null_rows, n_training_rows;
static int32_t count_null(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n; i++) n_null_rows += c->labels == NULL || c->labels[i] < 0;
  n_training_rows += c->n;
  return 0;
}
START_TEST(conditions_are_dropped_once) {
  const double share[2] = {0.5, 0};
  fm_ctx *ctx = new_ctx(1);
  const uint32_t n_classes[1] = {2};
  const float params = 0;
  fm_net *net;
  fm_model *model, *made;
  fm_data *data = new_classes(ctx, 100);
  OK(fm_net_create_custom(ctx, 1, n_classes, 1, 0, 1, class_forward, count_null, NULL, NULL, &net));
  OK(fm_model_create(ctx, net, &params, NULL, NULL, NULL, NULL, NULL, &model));
  for (size_t i = 0; i < 2; i++) {
    settings s = new_settings(4, 1024);
    s.training.label_dropout = share[i] > 0 ? share[i] : -1;
    fm_reflow_stats stats;
    n_null_rows = n_training_rows = 0;
    OK(reflow(ctx, &s, model, data, &made, &stats));
    ck_assert_uint_ge(n_training_rows, 1024);
    CLOSE((double)n_null_rows / (double)n_training_rows, share[i], 1e-12); /* one pass over the pool */
    fm_model_destroy(made);
  }
  fm_model_destroy(model), fm_net_destroy(net), fm_data_destroy(data), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- a guest ---------------------------------------------------------------------------------------- */

/* Bytes in use and the most there were; sizes stand in front of blocks. */
typedef struct counter {
  size_t now, most;
} counter;
static void *count_alloc(void *user, size_t bytes, size_t alignment) {
  counter *c = user;
  char *block = aligned_alloc(FMI_ALIGN, fmi_round_up(bytes + FMI_ALIGN, FMI_ALIGN));
  ck_assert(block != NULL && alignment <= FMI_ALIGN);
  memcpy(block, &bytes, sizeof bytes);
  c->now += bytes;
  c->most = fmi_max(c->most, c->now);
  return block + FMI_ALIGN;
}
static void count_release(void *user, void *block) {
  counter *c = user;
  size_t bytes;
  memcpy(&bytes, (char *)block - FMI_ALIGN, sizeof bytes);
  c->now -= bytes;
  free((char *)block - FMI_ALIGN);
}

/* The most memory that rounds with so many steps take beside what the model does. */
static size_t memory_of(int64_t n_rounds, uint64_t n_steps) {
  counter c = {0, 0};
  fm_ctx_options o = {
      .struct_size = sizeof o, .alloc = count_alloc, .release = count_release, .alloc_user = &c};
  fm_ctx *ctx;
  ck_assert_int_eq(fm_ctx_create(&o, &ctx), FM_OK);
  fm_model *model = new_gaussian(ctx, 2, NULL), *straight;
  settings s = new_settings(n_steps, 1000);
  s.training.batch = 100;
  s.reflow.rounds = n_rounds;
  s.reflow.renewal = 0.5;
  fm_reflow_stats stats;
  const size_t before = c.now;
  OK(reflow(ctx, &s, model, NULL, &straight, &stats));
  const size_t most = c.most - before;
  fm_model_destroy(straight);
  ck_assert_uint_eq(c.now, before);
  fm_model_destroy(model), fm_ctx_destroy(ctx);
  ck_assert_uint_eq(c.now, 0);
  return most;
}
START_TEST(memory_is_that_of_the_pool) {
  const size_t one = memory_of(1, 10);
  ck_assert_uint_ge(one, 1000 * 2 * 2 * sizeof(real));
  ck_assert_uint_eq(memory_of(1, 60), one);
  const size_t three = memory_of(3, 60);
  ck_assert_uint_eq(memory_of(2, 15), three); /* the model of the round before stands beside the caller's */
  ck_assert_uint_lt(three - one, 2000);
}
END_TEST

static int32_t watch(void *user, const fm_reflow_progress *p) {
  fm_reflow_progress *last = user;
  HOLDS(p->n_rounds == 3, "%llu rounds", (unsigned long long)p->n_rounds);
  HOLDS(p->round > last->round || p->phase > last->phase || p->done > last->done, "it goes on");
  HOLDS(p->done <= p->total && p->straightness > 0, "%llu of %llu", (unsigned long long)p->done,
        (unsigned long long)p->total);
  HOLDS((p->phase == FM_REFLOW_TRAINING) == (p->loss > 0 && p->mean_loss > 0), "the loss is %g", p->loss);
  *last = *p;
  return 0;
}
START_TEST(bits_do_not_depend_on_threads) {
  const uint32_t threads[] = {1, 3, 0};
  float first[2000];
  fm_reflow_stats first_stats;
  for (size_t i = 0; i < 3; i++) {
    fm_ctx *ctx = new_ctx(threads[i]);
    const uint32_t n_classes[1] = {2};
    fm_data *data = new_classes(ctx, 100);
    fm_net_options no = {
        .struct_size = sizeof no, .kind = FM_NET_MLP, .width = 16, .depth = 2, .time_features = 4};
    fm_net *net;
    OK(fm_net_create(ctx, 1, n_classes, 1, 0, &no, &net));
    const size_t n = fm_net_n_params(net);
    float params[2000];
    ck_assert_uint_lt(n, 2000);
    OK(fm_net_init(ctx, net, 4, params));
    for (size_t k = 0; k < n; k++) params[k] += 0.2f * (float)sin((double)k); /* not from zeros */
    fm_model *model, *made;
    OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &model));
    settings s = new_settings(6, quick() ? 200 : 500);
    s.training.batch = 150;
    if (quick()) s.solver.rtol = s.solver.atol = 1e-2, s.reflow.straightness_steps = 10;
    s.reflow.rounds = 2;
    s.reflow.distill_steps = 2;
    fm_reflow_progress last = {.struct_size = sizeof last};
    s.reflow.progress = watch;
    s.reflow.progress_user = &last;
    fm_reflow_stats stats;
    OK(reflow(ctx, &s, model, data, &made, &stats));
    ck_assert_uint_eq(last.round, 2);
    ck_assert_uint_eq(last.done, 6);
    ck_assert_uint_eq(stats.n_steps, 18);
    ck_assert_uint_eq(stats.n_rounds, 2);
    ck_assert_uint_eq(fm_model_train_steps(made), 18);
    OK(fm_model_get_params(ctx, made, params, NULL));
    if (i == 0) {
      memcpy(first, params, sizeof first);
      first_stats = stats;
    }
    SAME(params, first, n);
    SAME(&stats, &first_stats, 1);
    fm_model_destroy(made), fm_model_destroy(model), fm_net_destroy(net), fm_data_destroy(data);
    fm_ctx_destroy(ctx);
  }
}
END_TEST

/* Where a call is told to end, and by what. */
typedef struct ending {
  fm_ctx *ctx;
  uint64_t round, phase, done;
  int32_t answer;
} ending;
static int32_t end_there(void *user, const fm_reflow_progress *p) {
  const ending *e = user;
  if (p->round != e->round || p->phase != e->phase || p->done < e->done) return 0;
  if (e->answer == 0) fm_ctx_stop(e->ctx);
  return e->answer;
}
START_TEST(an_end_leaves_the_model_so_far) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_gaussian(ctx, 1, NULL);
  const struct {
    ending e;
    uint64_t steps; /* of the model that is left; 0: none */
  } cases[] = {{{ctx, 0, FM_REFLOW_GENERATING, 1, 0}, 0}, {{ctx, 0, FM_REFLOW_GENERATING, 2000, 7}, 0},
               {{ctx, 0, FM_REFLOW_TRAINING, 4, 0}, 4},   {{ctx, 0, FM_REFLOW_TRAINING, 4, 7}, 4},
               {{ctx, 1, FM_REFLOW_GENERATING, 1, 7}, 9}, {{ctx, 1, FM_REFLOW_GENERATING, 1, 0}, 9},
               {{ctx, 1, FM_REFLOW_TRAINING, 9, 7}, 18}};
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    ending e = cases[i].e;
    settings s = new_settings(9, 2000);
    s.reflow.rounds = 2;
    s.reflow.progress = end_there;
    s.reflow.progress_user = &e;
    fm_reflow_stats stats;
    fm_model *made = model;
    const fm_status expected = e.answer ? FM_E_CALLBACK : FM_STOPPED;
    FAILS(expected, e.answer ? "reflow_options.progress returned 7" : "stopped",
          reflow(ctx, &s, model, NULL, &made, &stats));
    ck_assert_uint_eq(fm_model_train_steps(made), cases[i].steps);
    ck_assert((made == NULL) == (cases[i].steps == 0));
    ck_assert_uint_eq(stats.n_rounds, e.round);
    ck_assert(stats.straightness[0] > 0 && (stats.straightness[1] != 0) == (e.round == 1));
    fm_model_destroy(made);
  }
  fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "reflow_whole");
  tcase_add_test(tcase, crossing_paths_become_straight);
  tcase_add_test(tcase, conditions_are_kept);
  tcase_add_test(tcase, bits_do_not_depend_on_threads);
  if (!IS_DOUBLE) { /* callbacks of nets take float */
    tcase_add_test(tcase, a_pool_has_both_conditions);
    tcase_add_test(tcase, conditions_are_dropped_once);
    tcase_add_test(tcase, memory_is_that_of_the_pool);
    tcase_add_test(tcase, an_end_leaves_the_model_so_far);
  }
  return run_suite(suite);
}
