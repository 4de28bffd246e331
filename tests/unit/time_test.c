/* time_test.c - at which times training looks, with which weight, and what of that a checkpoint knows. */
#include "train_fixture.h"

#include "train/time.h"

static const double pi = 3.14159265358979323846;

/* ---- distributions --------------------------------------------------------------------------------- */

static double drawn(uint32_t kind, double u, double v, double a, double b) {
  const fmi_time_sampling *s = fmi_time_sampling_by_kind(kind);
  ck_assert_uint_eq(s->kind, kind);
  return s->draw(u, v, a == 0 ? s->a.fallback : a, b == 0 ? s->b.fallback : b);
}

/* u = e^(-1/2) gives the normal z = 1 with v = 0 and z = -1 with v = 1/2. */
START_TEST(reference_times) {
  const double u = exp(-.5);
  CLOSE(drawn(FM_TIME_EDM, u, .5, 0, 0), .9168273035060777, 1e-15);
  CLOSE(drawn(FM_TIME_EDM, u, .25, 0, 0), .7685247834990175, 1e-15);
  CLOSE(drawn(FM_TIME_EDM, u, 0, 0, 0), .5, 1e-15);
  CLOSE(drawn(FM_TIME_LOGIT_NORMAL, u, 0, 0, 0), .7310585786300049, 1e-15);
  CLOSE(drawn(FM_TIME_LOGIT_NORMAL, u, .5, 0, 0), .2689414213699951, 1e-15);
  static const double u_shape[][2] = {
      {.1, .025831878155501913}, {.5, .16874931316053388}, {.9, .5375001776500494}};
  for (size_t i = 0; i < FMI_COUNT(u_shape); i++) {
    CLOSE(drawn(FM_TIME_U_SHAPE, u_shape[i][0], .25, 0, 0), u_shape[i][1], 1e-15);
    CLOSE(drawn(FM_TIME_U_SHAPE, u_shape[i][0], .75, 0, 0), 1 - u_shape[i][1], 1e-15);
  }
  CLOSE(drawn(FM_TIME_MODE, .25, 0, 0, 0), .75 - 1.29 * (pow(cos(pi / 8), 2) - .75), 1e-15);
  CLOSE(drawn(FM_TIME_MODE, .5, 0, -1, 0), .5, 1e-15);
  CLOSE(drawn(FM_TIME_COSMAP, .5, 0, 0, 0), .5, 1e-15);
  CLOSE(drawn(FM_TIME_COSMAP, .25, 0, 0, 0), 1 - 1 / (tan(pi / 8) + 1), 1e-15);
  CLOSE(drawn(FM_TIME_POWER, .25, 0, 0, 0), .0625, 1e-15);
  ck_assert_ptr_eq(fmi_time_sampling_by_kind(0), fmi_time_sampling_by_kind(FM_TIME_UNIFORM));
  ck_assert_ptr_null(fmi_time_sampling_by_kind(99));
}
END_TEST

static double normal_cdf(double z) { return .5 * erfc(-z / sqrt(2)); }

/* P(t <= x) in closed form; of the mode distribution by its formula turned round. */
static double cdf(uint32_t kind, double x, double a, double b) {
  switch (kind) {
  case FM_TIME_UNIFORM:
    return x;
  case FM_TIME_LOGIT_NORMAL:
    return normal_cdf((log(x / (1 - x)) - a) / b);
  case FM_TIME_MODE: {
    double low = 0, high = 1;
    for (int i = 0; i < 60; i++) {
      const double u = .5 * (low + high), c = cos(pi * u / 2);
      *(1 - u - a * (c * c - 1 + u) > x ? &low : &high) = u;
    }
    return 1 - low;
  }
  case FM_TIME_POWER:
    return pow(x, 1 / a);
  case FM_TIME_U_SHAPE:
    return (exp(a * x) - 1 + exp(a) - exp(a * (1 - x))) / (2 * (exp(a) - 1));
  case FM_TIME_EDM:
    return 1 - normal_cdf((log(1 / x - 1) - a) / b);
  case FM_TIME_COSMAP:
    return 2 / pi * atan(x / (1 - x));
  default:
    ck_abort_msg("no distribution known for kind %u", (unsigned)kind);
  }
}

static int ascending(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Kolmogorov & Smirnov: with these seeds below what one sample in a thousand exceeds. */
static void check_distribution(uint32_t kind, double a, double b) {
  enum { N = 20000 };
  fm_path path = {.first = 0, .last = 1};
  const fmi_prediction velocity = {.last = 1};
  fm_trainer_options o = {.time_sampling = kind, .time_a = a, .time_b = b};
  double *t = new_block(4 * N, sizeof *t), worst = 0;
  const fmi_time_sampling *s = fmi_time_sampling_by_kind(kind);
  if (a == 0) o.time_a = s->a.fallback;
  if (b == 0) o.time_b = s->b.fallback;
  const fmi_time_draw draw = {.options = &o,
                              .path = &path,
                              .seed = 17,
                              .first_row = 1u << 20,
                              .n = N,
                              .train = true,
                              .t = t,
                              .weight = t + N,
                              .uniforms = t + 2 * N,
                              .prediction = &velocity};
  o.loss_weight = FM_WEIGHT_CONSTANT;
  ck_assert_int_eq(fmi_times_draw(&draw, NULL), FM_OK);
  qsort(t, N, sizeof *t, ascending);
  for (size_t i = 0; i < N; i++) {
    const double f = cdf(kind, t[i], o.time_a, o.time_b);
    worst = fmax(worst, fmax(fabs(f - (double)i / N), fabs(f - (double)(i + 1) / N)));
  }
  ck_assert_msg(worst < 1.95 / sqrt(N), "%s (%g, %g): %g", s->name, o.time_a, o.time_b, worst);
  free(t);
}

START_TEST(distributions) {
  size_t n = 0;
  for (uint32_t kind = 1; kind < 64; kind++)
    if (fmi_time_sampling_by_kind(kind) != NULL) {
      check_distribution(kind, 0, 0);
      n++;
    }
  ck_assert_uint_ge(n, 7);
  check_distribution(FM_TIME_LOGIT_NORMAL, .7, 1.5);
  check_distribution(FM_TIME_MODE, -1, 0);
  check_distribution(FM_TIME_MODE, 1.75, 0);
  check_distribution(FM_TIME_POWER, .5, 0);
  check_distribution(FM_TIME_U_SHAPE, 1, 0);
  check_distribution(FM_TIME_EDM, .5, 2);
}
END_TEST

/* ---- weights --------------------------------------------------------------------------------------- */

static double weight(uint32_t kind, const fm_path *path, double t, double a) {
  fm_path_coefficients c;
  ck_assert_int_eq(fmi_path_at(path, t, &c, NULL), FM_OK);
  return fmi_loss_weight_by_kind(kind)->at(t, &c, a);
}

/* w(t) (v - u)^2 is the squared error of the prediction that the weight is named after. */
START_TEST(weights_are_what_they_say) {
  fm_ctx *ctx = new_ctx(1);
  static const char *const texts[] = {"condot", "cosine", "poly:3", "vp", "linear-vp", "target-ot:0.1"};
  for (size_t p = 0; p < FMI_COUNT(texts); p++) {
    fm_path *path = NULL;
    OK(fm_path_create_named(ctx, texts[p], &path));
    for (int i = 1; i < 16; i++) {
      const double t = i / 16., x0 = .3, x1 = -1.2, guess = .7;
      double x, u, x1_hat, x0_hat;
      fm_path_coefficients c;
      OK(fm_path_interpolate(ctx, path, &x0, &x1, NULL, &t, 1, 1, &x, &u));
      OK(fm_path_convert(ctx, path, FM_VELOCITY, FM_X1, &t, &x, &guess, 1, 1, &x1_hat));
      OK(fm_path_convert(ctx, path, FM_VELOCITY, FM_X0, &t, &x, &guess, 1, 1, &x0_hat));
      ck_assert_int_eq(fmi_path_at(path, t, &c, NULL), FM_OK);
      const double error = (guess - u) * (guess - u), snr = pow(c.alpha / c.sigma, 2);
      const double of_x1 = pow(x1_hat - x1, 2), of_x0 = pow(x0_hat - x0, 2);
      CLOSE(weight(FM_WEIGHT_X1, path, t, 0) * error, of_x1, 1e-9 * of_x1);
      CLOSE(weight(FM_WEIGHT_X0, path, t, 0) * error, of_x0, 1e-9 * of_x0);
      CLOSE(weight(FM_WEIGHT_MIN_SNR, path, t, 5) * error, fmin(snr, 5) * of_x1, 1e-9 * fmin(snr, 5) * of_x1);
      CLOSE(weight(FM_WEIGHT_CONSTANT, path, t, 0), 1, 0);
    }
    fm_path_destroy(path);
  }
  fm_path *condot = NULL;
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &condot));
  CLOSE(weight(FM_WEIGHT_COSMAP, condot, .5, 0), 1.2732395447351628, 1e-15);
  double integral = 0;
  for (int i = 0; i < 1000; i++) integral += weight(FM_WEIGHT_COSMAP, condot, (i + .5) / 1000, 0) / 1000;
  CLOSE(integral, 1, 1e-6);
  ck_assert_ptr_eq(fmi_loss_weight_by_kind(0), fmi_loss_weight_by_kind(FM_WEIGHT_CONSTANT));
  ck_assert_ptr_null(fmi_loss_weight_by_kind(99));
  fm_path_destroy(condot);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Which weights a path can have is said when the trainer is made. */
START_TEST(weights_that_a_path_does_not_have) {
  static const struct {
    const char *path;
    uint32_t weight;
    const char *text; /* NULL: fine */
  } cases[] = {
      {"poly", FM_WEIGHT_X1, "t = 0"},   {"poly", FM_WEIGHT_X0, NULL},
      {"poly", FM_WEIGHT_MIN_SNR, NULL}, {"bridge", FM_WEIGHT_X1, "gamma = 0"},
      {"icfm", FM_WEIGHT_X0, "gamma"},   {"bridge", FM_WEIGHT_COSMAP, NULL},
      {"linear-vp", FM_WEIGHT_X1, NULL}, {"vp", FM_WEIGHT_MIN_SNR, NULL},
      {"target-ot", FM_WEIGHT_X1, NULL}, {"cosine:0.1", FM_WEIGHT_X1, "gamma"},
      {"cosine", FM_WEIGHT_X1, NULL},
  };
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = NULL;
  const fm_net_options small = {.struct_size = sizeof small, .kind = FM_NET_MLP, .width = 4, .depth = 2};
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &small, &net));
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    fm_path *path = NULL;
    fm_trainer *trainer = NULL;
    const fm_trainer_options o = {.struct_size = sizeof o, .loss_weight = cases[i].weight, .batch = 8};
    OK(fm_path_create_named(ctx, cases[i].path, &path));
    if (cases[i].text == NULL)
      OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
    else
      FAILS(FM_E_UNSUPPORTED, cases[i].text,
            fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
    fm_trainer_destroy(trainer);
    fm_path_destroy(path);
  }
  fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- in the trainer --------------------------------------------------------------------------------- */

typedef struct script {
  int32_t answer;
  double value; /* for every row, unless NaN */
} script;

static int32_t scripted_times(void *user, const fm_time_request *r) {
  const script *s = user;
  ck_assert_uint_eq(r->struct_size, sizeof *r);
  for (uint64_t i = 0; i < r->n; i++) {
    ck_assert(r->uniforms[2 * i] > 0 && r->uniforms[2 * i] < 1 && r->uniforms[2 * i + 1] > 0);
    r->t[i] = isnan(s->value) ? r->uniforms[2 * i] : s->value;
  }
  return s->answer;
}
static int32_t scripted_weights(void *user, const fm_time_weight_request *r) {
  const script *s = user;
  ck_assert_uint_eq(r->struct_size, sizeof *r);
  for (uint64_t i = 0; i < r->n; i++) r->weight[i] = isnan(s->value) ? 1 + r->t[i] : s->value;
  return s->answer;
}

/* Callbacks that do what the built-in ones do train to the same bits; a weight of 2 doubles loss and
   gradient. */
START_TEST(callbacks_do_as_built_in) {
  fm_ctx *ctx = new_ctx(1);
  static problem p;
  fill_problem(&p);
  script same = {0, NAN}, twice = {0, 2};
  kit plain = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit timed =
      new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.time = scripted_times, .time_user = &same});
  kit heavy = new_kit(ctx, &p, (fm_net_options){0},
                      (fm_trainer_options){.weight = scripted_weights, .weight_user = &twice});
  double loss, doubled;
  OK(step_on(&plain, &p, p.weights, 0, BATCH, &loss));
  OK(step_on(&heavy, &p, p.weights, 0, BATCH, &doubled));
  CLOSE(doubled, 2 * loss, 1e-12 * loss);
  for (size_t i = 0; i < plain.net->n_params; i++)
    CLOSE((double)heavy.trainer->grad[i], 2 * (double)plain.trainer->grad[i],
          4 * EPS * fabs((double)plain.trainer->grad[i]));
  OK(step_on(&timed, &p, p.weights, 0, BATCH, NULL));
  same_training(plain.trainer, timed.trainer);
  free_kit(&plain), free_kit(&timed), free_kit(&heavy);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(callbacks_that_fail) {
  fm_ctx *ctx = new_ctx(1);
  static problem p;
  fill_problem(&p);
  script time = {0, NAN}, importance = {0, NAN};
  kit k = new_kit(ctx, &p, (fm_net_options){0},
                  (fm_trainer_options){.time = scripted_times,
                                       .time_user = &time,
                                       .weight = scripted_weights,
                                       .weight_user = &importance});
  time.answer = 3;
  FAILS(FM_E_CALLBACK, "trainer_options.time returned 3", step_on(&k, &p, p.weights, 0, BATCH, NULL));
  time = (script){0, 1.5};
  FAILS(FM_E_DOMAIN, "trainer_options.time: expected 0 <= t <= 1, found 1.5",
        step_on(&k, &p, p.weights, 0, BATCH, NULL));
  time = (script){0, NAN};
  importance.answer = 4;
  FAILS(FM_E_CALLBACK, "trainer_options.weight returned 4", step_on(&k, &p, p.weights, 0, BATCH, NULL));
  importance = (script){0, -1};
  FAILS(FM_E_NONFINITE, "trainer_options.weight", step_on(&k, &p, p.weights, 0, BATCH, NULL));
  importance = (script){0, INFINITY};
  FAILS(FM_E_NONFINITE, "trainer_options.weight", step_on(&k, &p, p.weights, 0, BATCH, NULL));
  ck_assert_uint_eq(fm_trainer_steps(k.trainer), 0);
  /* Evaluation asks neither. */
  time.answer = importance.answer = 9;
  double loss = NAN;
  OK(fm_trainer_evaluate(ctx, k.trainer, k.data, 1, 0, &loss));
  ck_assert(isfinite(loss));
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The ends of a caller's [0, 1] are those of the path's interval. */
START_TEST(times_lie_in_the_interval) {
  fm_ctx *ctx = new_ctx(1);
  static const double given[] = {0, 1, .5};
  static const struct {
    const char *path;
    double expected[3];
  } cases[] = {{"condot", {0, 1, .5}},
               {"bridge", {.0001, .9999, .5}},
               {"linear-vp", {0, .9999, .49995}},
               {"poly", {0, 1, .5}}};
  for (size_t i = 0; i < FMI_COUNT(cases); i++)
    for (size_t k = 0; k < 3; k++) {
      fm_path *path = NULL;
      script s = {0, given[k]};
      double buffer[4] = {0};
      const fm_trainer_options o = {
          .time = scripted_times, .time_user = &s, .loss_weight = FM_WEIGHT_CONSTANT};
      OK(fm_path_create_named(ctx, cases[i].path, &path));
      const fmi_prediction velocity = {.first = path->first, .last = path->last};
      const fmi_time_draw draw = {.options = &o,
                                  .prediction = &velocity,
                                  .path = path,
                                  .n = 1,
                                  .train = true,
                                  .t = buffer,
                                  .weight = buffer + 1,
                                  .uniforms = buffer + 2};
      OK(fmi_times_draw(&draw, &ctx->err));
      CLOSE(buffer[0], cases[i].expected[k], 1e-15);
      ck_assert(buffer[0] >= path->first && buffer[0] <= path->last && buffer[1] == 1);
      fm_path_destroy(path);
    }
  fm_ctx_destroy(ctx);
}
END_TEST

/* Losses are comparable: evaluated at uniform times without weights, whatever the training does. */
START_TEST(evaluation_does_not_depend_on_options) {
  fm_ctx *ctx = new_ctx(1);
  static problem p;
  fill_problem(&p);
  const fm_trainer_options options[] = {
      {0},
      {.time_sampling = FM_TIME_LOGIT_NORMAL, .time_a = 1},
      {.loss_weight = FM_WEIGHT_MIN_SNR},
      {.time_sampling = FM_TIME_POWER, .loss_weight = FM_WEIGHT_COSMAP},
  };
  double first = NAN, step_loss[FMI_COUNT(options)];
  for (size_t i = 0; i < FMI_COUNT(options); i++) {
    kit k = new_kit(ctx, &p, (fm_net_options){0}, options[i]);
    double loss = NAN;
    OK(fm_trainer_evaluate(ctx, k.trainer, k.data, 1, 0, &loss));
    if (i == 0) first = loss;
    ck_assert(loss == first);
    OK(step_on(&k, &p, p.weights, 0, BATCH, &step_loss[i]));
    for (size_t j = 0; j < i; j++) ck_assert(step_loss[j] != step_loss[i]);
    free_kit(&k);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* The same bits whatever the threads, for every distribution and weight. */
START_TEST(threads_do_not_matter) {
  static problem p;
  fill_problem(&p);
  for (uint32_t kind = 1; kind <= FM_TIME_COSMAP; kind++) {
    const fm_trainer_options o = {.time_sampling = kind, .loss_weight = 1 + kind % 5};
    fm_ctx *ctx = new_ctx(1), *other = new_ctx(0);
    kit a = new_kit(ctx, &p, (fm_net_options){0}, o), b = new_kit(other, &p, (fm_net_options){0}, o);
    OK(fm_trainer_run(ctx, a.trainer, a.data, 4));
    ck_assert_int_eq(fm_trainer_run(other, b.trainer, b.data, 4), FM_OK);
    same_training(a.trainer, b.trainer);
    free_kit(&a), free_kit(&b);
    fm_ctx_destroy(ctx), fm_ctx_destroy(other);
  }
}
END_TEST

/* ---- checkpoints ------------------------------------------------------------------------------------- */

typedef struct run {
  const char *path;
  fm_trainer_options options;
  double high; /* of a uniform prior; 0: Gaussian */
} run;

static fm_trainer *trainer_of(fm_ctx *ctx, const fm_net *net, const run *r) {
  fm_path *path = NULL;
  fm_prior *prior = NULL;
  fm_trainer *trainer = NULL;
  fm_trainer_options o = r->options;
  o.struct_size = sizeof o;
  o.batch = 8;
  OK(fm_path_create_named(ctx, r->path, &path));
  if (r->high != 0)
    OK(fm_prior_create_uniform(ctx, (double[]){0, 0}, (double[]){r->high, r->high}, 2, &prior));
  OK(fm_trainer_create(ctx, net, path, prior, NULL, NULL, NULL, NULL, &o, &trainer));
  fm_path_destroy(path), fm_prior_destroy(prior);
  return trainer;
}

/* A checkpoint of each run loads into its like, and into no other: the text names what differs. */
START_TEST(checkpoints_know_the_options) {
  fm_ctx *ctx = new_ctx(1);
  script s = {0, NAN};
  const run runs[] = {
      {"condot", {0}, 0},
      {"condot", {.time_sampling = FM_TIME_LOGIT_NORMAL}, 0},
      {"condot", {.time_sampling = FM_TIME_LOGIT_NORMAL, .time_a = .5}, 0},
      {"condot", {.time_sampling = FM_TIME_LOGIT_NORMAL, .time_b = .5}, 0},
      {"condot", {.time = scripted_times, .time_user = &s}, 0},
      {"condot", {.loss_weight = FM_WEIGHT_MIN_SNR}, 0},
      {"condot", {.loss_weight = FM_WEIGHT_MIN_SNR, .weight_a = 3}, 0},
      {"condot", {.weight = scripted_weights, .weight_user = &s}, 0},
      {"condot", {0}, 2},
      {"condot", {0}, 3},
      {"vp", {0}, 0},
      {"vp:0.2", {0}, 0},
      {"cosine", {0}, 0},
      {"cosine:0.1", {0}, 0},
  };
  static const char *const words[] = {"trainer.", "prior.", "path."};
  const fm_net_options small = {.struct_size = sizeof small, .kind = FM_NET_MLP, .width = 4, .depth = 2};
  fm_net *net = NULL;
  char file[256];
  temporary_name(file, sizeof file, "times");
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &small, &net));
  for (size_t i = 0; i < FMI_COUNT(runs); i++) {
    fm_trainer *from = trainer_of(ctx, net, &runs[i]);
    OK(fm_trainer_save(ctx, from, file));
    for (size_t j = 0; j < FMI_COUNT(runs); j++) {
      fm_trainer *to = trainer_of(ctx, net, &runs[j]);
      fm_status status = fm_trainer_load(ctx, to, file);
      ck_assert_msg(status == (i == j ? FM_OK : FM_E_MISMATCH), "%zu into %zu: %s", i, j,
                    fm_ctx_message(ctx));
      bool named = i == j;
      for (size_t w = 0; w < FMI_COUNT(words); w++) named |= strstr(fm_ctx_message(ctx), words[w]) != NULL;
      ck_assert_msg(named, "%zu into %zu: %s", i, j, fm_ctx_message(ctx));
      fm_trainer_destroy(to);
    }
    fm_trainer_destroy(from);
  }
  unlink(file);
  fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {reference_times,           distributions,
                                weights_are_what_they_say, weights_that_a_path_does_not_have,
                                callbacks_do_as_built_in,  callbacks_that_fail,
                                times_lie_in_the_interval, evaluation_does_not_depend_on_options,
                                threads_do_not_matter,     checkpoints_know_the_options};
  return run_tests("time", tests, FMI_COUNT(tests));
}
