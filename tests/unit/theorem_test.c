/* theorem_test.c - what the method rests on: the conditional objective has the gradient of the marginal one
   (Lipman et al., ICLR 2023, theorem 2). The data are a few points, so that the marginal velocity is known:
   given a point d, x_t is Gaussian with mean alpha d and variance sigma^2 + gamma^2, and

     u(t, x) = sum_d p(d | t, x) u(t, x | d),
     u(t, x | d) = alpha' d + (sigma sigma' + gamma gamma') / (sigma^2 + gamma^2) (x - alpha d).

   The trainer's own gradients, of conditional targets, are compared with those of this velocity at the rows
   and times that the trainer drew: their difference is noise of mean 0 whatever the weights. A network trained
   on the one target is a network trained on the other. */
#include "train_fixture.h"

enum { DIMS = 2, POINTS = 4, ROWS_OF_A_BATCH = 256, BATCHES = 40 };
static const double points[POINTS][DIMS] = {{-1.5, .5}, {.2, -1}, {1, 1.2}, {1.4, -.3}};

/* Writes the target of a row whose state is x at time t. */
typedef void (*target_fn)(const fm_path_coefficients *c, const double *x, double *u);

static void velocity_given(const fm_path_coefficients *c, const double *x, const double *d, double *u) {
  const double variance = c->sigma * c->sigma + c->gamma * c->gamma;
  const double rate = (c->sigma * c->d_sigma + c->gamma * c->d_gamma) / variance;
  for (size_t j = 0; j < DIMS; j++) u[j] = c->d_alpha * d[j] + rate * (x[j] - c->alpha * d[j]);
}

static double log_weight(const fm_path_coefficients *c, const double *x, const double *d) {
  double sum = 0;
  for (size_t j = 0; j < DIMS; j++) sum += (x[j] - c->alpha * d[j]) * (x[j] - c->alpha * d[j]);
  return -sum / (2 * (c->sigma * c->sigma + c->gamma * c->gamma));
}

static void marginal(const fm_path_coefficients *c, const double *x, double *u) {
  double most = -INFINITY, sum = 0, one[DIMS];
  for (size_t k = 0; k < POINTS; k++) most = fmax(most, log_weight(c, x, points[k]));
  u[0] = u[1] = 0;
  for (size_t k = 0; k < POINTS; k++) {
    const double p = exp(log_weight(c, x, points[k]) - most);
    velocity_given(c, x, points[k], one);
    for (size_t j = 0; j < DIMS; j++) u[j] += p * one[j];
    sum += p;
  }
  for (size_t j = 0; j < DIMS; j++) u[j] /= sum;
}

/* What it is not: the way to the likeliest point. It shows that the comparison can tell. */
static void likeliest(const fm_path_coefficients *c, const double *x, double *u) {
  size_t best = 0;
  for (size_t k = 1; k < POINTS; k++)
    if (log_weight(c, x, points[k]) > log_weight(c, x, points[best])) best = k;
  velocity_given(c, x, points[best], u);
}

typedef struct bench {
  fm_ctx *ctx;
  fm_path *path;
  fm_net *net;
  fm_trainer *trainer;
  float *params;
} bench;

static bench new_bench(const char *path, uint64_t accumulate, uint64_t n_steps) {
  bench b = {.ctx = new_ctx(1)};
  fm_ctx *ctx = b.ctx;
  const fm_net_options no = {
      .struct_size = sizeof no, .kind = FM_NET_MLP, .width = 24, .depth = 2, .time_features = 8};
  const fm_optimizer_options oo = {.struct_size = sizeof oo, .learning_rate = 3e-3, .n_steps = n_steps};
  const fm_trainer_options to = {
      .struct_size = sizeof to, .batch = ROWS_OF_A_BATCH, .accumulate = accumulate, .seed = 9};
  fm_optimizer *optimizer;
  OK(fm_path_create_named(ctx, path, &b.path));
  OK(fm_net_create(ctx, DIMS, NULL, 0, 0, &no, &b.net));
  b.params = new_block(fm_net_n_params(b.net), sizeof(float));
  OK(fm_net_init(ctx, b.net, 4, b.params));
  uint64_t seed = 12; /* not from the architecture's zeros, where most gradients are 0 */
  for (size_t i = 0; i < fm_net_n_params(b.net); i++) b.params[i] += (float)(0.3 * next_uniform(&seed));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_trainer_create(ctx, b.net, b.path, NULL, NULL, NULL, optimizer, b.params, &to, &b.trainer));
  fm_optimizer_destroy(optimizer);
  return b;
}

static void free_bench(bench *b) {
  free(b->params);
  fm_trainer_destroy(b->trainer), fm_net_destroy(b->net), fm_path_destroy(b->path), fm_ctx_destroy(b->ctx);
}

static void fill_batch(uint64_t *seed, float x1[ROWS_OF_A_BATCH][DIMS]) {
  for (size_t i = 0; i < ROWS_OF_A_BATCH; i++) {
    const double *d = points[next_word(seed) % POINTS];
    for (size_t j = 0; j < DIMS; j++) x1[i][j] = (float)d[j];
  }
}

/* The mean gradient of ||v - u||^2 / dim over the rows that the trainer drew last. */
static void gradient_of(const bench *b, const float *params, target_fn target, float *gradient) {
  fm_ctx *ctx = b->ctx;
  const fm_trainer *t = b->trainer;
  float x[ROWS_OF_A_BATCH][DIMS], d_out[ROWS_OF_A_BATCH][DIMS];
  for (size_t i = 0; i < ROWS_OF_A_BATCH * DIMS; i++) x[i / DIMS][i % DIMS] = (float)t->xt[i];
  OK(fm_net_velocity(ctx, b->net, params, x[0], t->t, NULL, NULL, ROWS_OF_A_BATCH, d_out[0]));
  for (size_t i = 0; i < ROWS_OF_A_BATCH; i++) {
    const double state[DIMS] = {x[i][0], x[i][1]};
    double u[DIMS];
    fm_path_coefficients c;
    fm_path_coefficients_init(&c);
    OK(fm_path_coefficients_at(ctx, b->path, t->t[i], &c));
    target(&c, state, u);
    for (size_t j = 0; j < DIMS; j++)
      d_out[i][j] = (float)(2 * (d_out[i][j] - u[j]) / (DIMS * (double)ROWS_OF_A_BATCH));
  }
  OK(fm_net_vjp(ctx, b->net, params, x[0], t->t, NULL, NULL, d_out[0], ROWS_OF_A_BATCH, NULL, gradient));
}

/* Differences of gradients, parameter by parameter. */
typedef struct difference {
  double *sum, *squares;
} difference;

/* The mean over parameters of the squared number of standard errors by which the mean difference is not 0:
   about 1 if there is nothing but noise. */
static double excess(const difference *d, size_t n_params, size_t n) {
  double total = 0;
  size_t used = 0;
  for (size_t i = 0; i < n_params; i++) {
    const double mean = d->sum[i] / (double)n;
    const double variance = (d->squares[i] / (double)n - mean * mean) / (double)(n - 1);
    if (!(variance > 0)) continue;
    total += mean * mean / variance;
    used++;
  }
  ck_assert_uint_gt(used, n_params / 2);
  return total / (double)used;
}

static const char *const paths[] = {"condot",        "cosine",   "poly:3",     "vp",        "linear-vp",
                                    "target-ot:0.1", "icfm:0.2", "bridge:0.5", "cosine:0.1"};

START_TEST(conditional_gradients_are_the_marginal_ones) {
  const size_t batches = quick() ? 8 : BATCHES;
  bench b = new_bench(paths[_i], 1 << 30, 1); /* no update ever comes */
  fm_ctx *ctx = b.ctx;
  const size_t n = fm_net_n_params(b.net);
  float *gradient = new_block(n, sizeof *gradient);
  const target_fn targets[] = {marginal, likeliest};
  difference d[2];
  for (size_t k = 0; k < 2; k++)
    d[k] = (difference){new_block(n, sizeof(double)), new_block(n, sizeof(double))};
  double signal = 0, noise = 0, *total = new_block(n, sizeof *total);
  uint64_t seed = 100 + (uint64_t)_i;
  for (size_t batch = 0; batch < batches; batch++) {
    float x1[ROWS_OF_A_BATCH][DIMS];
    fill_batch(&seed, x1);
    OK(fm_trainer_step(ctx, b.trainer, x1[0], NULL, NULL, NULL, NULL, ROWS_OF_A_BATCH, NULL));
    for (size_t k = 0; k < 2; k++) {
      gradient_of(&b, b.params, targets[k], gradient);
      for (size_t i = 0; i < n; i++) {
        const double e = b.trainer->pending.grad[i] / ROWS_OF_A_BATCH - gradient[i];
        d[k].sum[i] += e;
        d[k].squares[i] += e * e;
        if (k == 0) total[i] += gradient[i];
      }
    }
    fmi_pending_clear(b.trainer);
  }
  for (size_t i = 0; i < n; i++) signal += total[i] * total[i], noise += d[0].sum[i] * d[0].sum[i];
  const double right = excess(&d[0], n, batches), wrong = excess(&d[1], n, batches);
  ck_assert_msg(right < 3, "%s: the gradients differ by %.2f times their noise", paths[_i], right);
  if (!quick()) {
    ck_assert_msg(wrong > 5 * right, "%s: a wrong target differs by %.2f only, the right one by %.2f",
                  paths[_i], wrong, right);
    ck_assert_msg(noise < 0.02 * signal, "%s: the mean gradients differ by %.3f of their length", paths[_i],
                  sqrt(noise / signal));
  }
  for (size_t k = 0; k < 2; k++) free(d[k].sum), free(d[k].squares);
  free(total), free(gradient);
  free_bench(&b);
}
END_TEST

/* The mean of ||v - u||^2 / dim over rows that a trainer drew, for the marginal u. */
static double marginal_loss(const bench *b, const float *params) {
  fm_ctx *ctx = b->ctx;
  const fm_trainer *t = b->trainer;
  float x[ROWS_OF_A_BATCH][DIMS], v[ROWS_OF_A_BATCH][DIMS];
  double sum = 0;
  for (size_t i = 0; i < ROWS_OF_A_BATCH * DIMS; i++) x[i / DIMS][i % DIMS] = (float)t->xt[i];
  OK(fm_net_velocity(ctx, b->net, params, x[0], t->t, NULL, NULL, ROWS_OF_A_BATCH, v[0]));
  for (size_t i = 0; i < ROWS_OF_A_BATCH; i++) {
    const double state[DIMS] = {x[i][0], x[i][1]};
    double u[DIMS];
    fm_path_coefficients c;
    fm_path_coefficients_init(&c);
    OK(fm_path_coefficients_at(ctx, b->path, t->t[i], &c));
    marginal(&c, state, u);
    for (size_t j = 0; j < DIMS; j++) sum += (v[i][j] - u[j]) * (v[i][j] - u[j]) / DIMS;
  }
  return sum / ROWS_OF_A_BATCH;
}

/* Both trainings see the same rows, times and noise; a third stays where they began. */
START_TEST(both_targets_train_the_same_model) {
  const size_t steps = quick() ? 5 : 1500, checks = quick() ? 1 : 40;
  bench conditional = new_bench("condot", 1, steps), fresh = new_bench("condot", 1 << 30, 1);
  fm_ctx *ctx = conditional.ctx;
  const size_t n = fm_net_n_params(conditional.net);
  const fm_optimizer_options oo = {.struct_size = sizeof oo, .learning_rate = 3e-3, .n_steps = steps};
  fm_optimizer *optimizer;
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  float *params = new_block(n, sizeof *params), *gradient = new_block(n, sizeof *gradient);
  float *state = new_block(fm_optimizer_state_count(optimizer, n), sizeof *state);
  float *trained = new_block(n, sizeof *trained), x1[ROWS_OF_A_BATCH][DIMS];
  memcpy(params, conditional.params, n * sizeof *params);
  uint64_t seed = 7;
  for (size_t step = 1; step <= steps; step++) {
    fill_batch(&seed, x1);
    OK(fm_trainer_step(ctx, conditional.trainer, x1[0], NULL, NULL, NULL, NULL, ROWS_OF_A_BATCH, NULL));
    gradient_of(&conditional, params, marginal, gradient);
    OK(fm_optimizer_step(ctx, optimizer, step, gradient, n, params, state, NULL));
  }
  for (size_t i = 0; i < n; i++) trained[i] = (float)conditional.trainer->params[i];
  double by_conditional = 0, by_marginal = 0, untrained = 0;
  for (size_t i = 0; i < checks; i++) { /* on rows of their own */
    ctx = fresh.ctx;
    fill_batch(&seed, x1);
    OK(fm_trainer_step(ctx, fresh.trainer, x1[0], NULL, NULL, NULL, NULL, ROWS_OF_A_BATCH, NULL));
    by_conditional += marginal_loss(&fresh, trained) / (double)checks;
    by_marginal += marginal_loss(&fresh, params) / (double)checks;
    untrained += marginal_loss(&fresh, fresh.params) / (double)checks;
  }
  if (!quick()) { /* what is left is sharp: at t near 1 the velocity of a few points is nearly a step */
    ck_assert_msg(by_marginal < 0.4 * untrained, "the marginal loss is %.4f, was %.4f", by_marginal,
                  untrained);
    ck_assert_msg(by_conditional < 1.25 * by_marginal, "the marginal loss is %.4f, and %.4f if trained on it",
                  by_conditional, by_marginal);
  }
  ck_assert(isfinite(by_conditional) && isfinite(by_marginal));
  fm_optimizer_destroy(optimizer);
  free(params), free(gradient), free(state), free(trained);
  free_bench(&conditional), free_bench(&fresh);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "theorem");
  tcase_add_loop_test(tcase, conditional_gradients_are_the_marginal_ones, 0, FMI_COUNT(paths));
  if (!IS_DOUBLE)
    tcase_add_test(tcase, both_targets_train_the_same_model); /* the optimiser by itself takes float */
  return run_suite(suite);
}
