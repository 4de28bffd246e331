/* train_test.c - steps of training: the gradient is that of the loss, bits don't depend on threads or on how
   rows arrive, failures change nothing, and a checkpoint goes on as if nothing had happened. */
#include "train_fixture.h"

static problem p;

/* ---- the gradient ------------------------------------------------------------------------------------ */

/* The weighted mean loss of the rows in the trainer at other weights, with the noise of the first step. */
static double loss_at(kit *k, const real *params, real *packed, size_t n) {
  fm_ctx *ctx = k->ctx;
  fm_trainer *t = k->trainer;
  OK(fmi_trainer_pack(&ctx->runtime, t, params, packed, &ctx->err));
  fmi_step s = {.trainer = t,
                .kernels = t->plan->kernels,
                .weights = {params, packed},
                .seed = t->options.seed,
                .n = n,
                .train = true};
  OK(fmi_step_rows(&ctx->runtime, &s, &ctx->err));
  double weight = 0, sum = 0;
  for (size_t i = 0; i < n; i++)
    weight += (double)t->rows.weights[i], sum += (double)t->rows.weights[i] * t->loss[i];
  return sum / weight;
}

START_TEST(gradient_is_that_of_the_loss) {
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){.kind = _i ? FM_NET_MLP : FM_NET_RESMLP},
                  (fm_trainer_options){.label_dropout = .3});
  size_t n = k.net->n_params;
  real *start = new_reals(n), *params = new_reals(n), *direction = new_reals(n),
       *packed = new_reals(k.trainer->plan->packed_reals);
  float *grad = new_block(n, sizeof *grad);
  memcpy(start, k.trainer->params, n * sizeof *start);
  double loss, before = 0;
  OK(step_on(&k, &p, p.weights, 0, BATCH, &loss));
  CLOSE(loss, loss_at(&k, start, packed, BATCH), 0);
  OK(fm_trainer_get_gradient(ctx, k.trainer, grad));
  /* Four points, tensor by tensor; the step is large in float, where its rounding is. */
  static const double weight[] = {1, -8, 8, -1};
  static const int at[] = {-2, -1, 1, 2};
  const double h = IS_DOUBLE ? 1e-3 : 0x1p-5;
  for (size_t i = 0; i < k.net->n_tensors; i += quick() ? 5 : 1) {
    size_t first = k.net->tensors[i].offset,
           end = i + 1 < k.net->n_tensors ? k.net->tensors[i + 1].offset : n;
    double slope = 0, along = 0, length = sqrt((double)(end - first));
    fill_reals(direction, n, i);
    for (size_t s = 0; s < 4; s++) {
      memcpy(params, start, n * sizeof *params);
      for (size_t j = first; j < end; j++) params[j] += (real)(at[s] * h / length) * direction[j];
      slope += weight[s] * loss_at(&k, params, packed, BATCH) / (12 * h);
    }
    for (size_t j = first; j < end; j++)
      along += (double)k.trainer->grad[j] * k.trainer->grad_scale * (double)direction[j] / length;
    ck_assert_msg(fabs(along - slope) <= (IS_DOUBLE ? 1e-8 : 2e-4) * (1 + fabs(slope)),
                  "%s: gradient %.12g, differences %.12g", k.net->tensors[i].name, along, slope);
    before += fabs(along);
  }
  ck_assert(quick() || before > 0.01);
  double square = 0;
  for (size_t j = 0; j < n; j++) {
    square += (double)grad[j] * (double)grad[j];
    CLOSE((double)grad[j], (double)k.trainer->grad[j] * k.trainer->grad_scale,
          1e-6 * (1 + fabs((double)grad[j])));
  }
  CLOSE(k.trainer->grad_norm, sqrt(square), 1e-5 * sqrt(square));
  free(start), free(params), free(direction), free(packed), free(grad);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Without memory of the past and with a large epsilon a step of Adam is rate * gradient / epsilon, so that
   the update shows the size of the gradient: the weighted mean over rows, clipped to a norm. */
START_TEST(updates_use_the_clipped_mean) {
  static const double bounds[] = {-1, 0.25, 1e6}; /* none, one that binds, one that doesn't */
  for (size_t b = 0; b < FMI_COUNT(bounds); b++) {
    fm_ctx *ctx = new_ctx(1);
    kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
    fm_optimizer_options o = {.struct_size = sizeof o,
                              .learning_rate = 1e5,
                              .schedule = FM_SCHEDULE_CONSTANT,
                              .warmup_steps = -1,
                              .beta1 = -1,
                              .beta2 = -1,
                              .epsilon = 1e5,
                              .clip_norm = bounds[b]};
    fm_optimizer *optimizer;
    OK(fm_optimizer_create(ctx, &o, &optimizer));
    fmi_release(k.trainer->optimizer);
    k.trainer->optimizer = optimizer;
    size_t n = k.net->n_params;
    real *before = new_reals(n);
    memcpy(before, k.trainer->params, n * sizeof *before);
    OK(step_on(&k, &p, p.weights, 0, BATCH, NULL));
    double norm = k.trainer->grad_norm, square = 0;
    ck_assert(norm > 0.3);
    double clip = bounds[b] > 0 && bounds[b] < norm ? bounds[b] / (norm + 1e-6) : 1;
    for (size_t i = 0; i < n; i++) {
      double g = (double)k.trainer->grad[i] * k.trainer->grad_scale,
             moved = (double)before[i] - (double)k.trainer->params[i];
      square += g * g;
      CLOSE(moved, clip * g, 1e-4 * fabs(clip * g) + 2 * EPS * (1 + fabs((double)before[i])));
    }
    CLOSE(sqrt(square), norm, 1e-6 * norm);
    free(before);
    free_kit(&k);
    fm_ctx_destroy(ctx);
  }
}
END_TEST

/* ---- bits ---------------------------------------------------------------------------------------------- */

START_TEST(threads_keep_bits) {
  static const uint32_t threads[] = {1, 2, 3, 8, 0}; /* 0: a host's executor, last task first */
  const uint64_t steps = quick() ? 4 : 25;
  kit kits[FMI_COUNT(threads)];
  double loss[FMI_COUNT(threads)];
  for (size_t i = 0; i < FMI_COUNT(threads); i++) {
    fm_ctx *ctx = new_ctx(threads[i]);
    kits[i] =
        new_kit(ctx, &p, (fm_net_options){.kind = _i ? FM_NET_MLP : FM_NET_RESMLP}, (fm_trainer_options){0});
    OK(fm_trainer_run(ctx, kits[i].trainer, kits[i].data, steps));
    OK(fm_trainer_evaluate(ctx, kits[i].trainer, kits[i].data, 9, 0, &loss[i]));
    same_training(kits[0].trainer, kits[i].trainer);
    ck_assert_uint_eq(fm_trainer_steps(kits[i].trainer), steps);
    SAME(&loss[0], &loss[i], 1);
  }
  for (size_t i = 0; i < FMI_COUNT(threads); i++) {
    free_kit(&kits[i]);
    fm_ctx_destroy(kits[i].ctx);
  }
}
END_TEST

/* A stream whose rows are those of a data set in training's order. */
typedef struct mirror {
  const fm_data *data;
  uint64_t seed;
} mirror;
static int32_t pull_mirror(void *user, const fm_pull_request *r) {
  const mirror *m = user;
  fmi_batch b = {r->x1, r->x0, r->labels, r->cond, r->weights};
  return fmi_data_fetch(m->data, m->seed, true, r->first_row, r->n, &b, NULL);
}

START_TEST(rows_may_come_in_any_way) {
  enum { STEPS = 12 };
  fm_ctx *ctx = new_ctx(2);
  kit run = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit stream = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit by_hand = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  OK(fm_trainer_run(ctx, run.trainer, run.data, STEPS));
  mirror m = {run.data, run.trainer->options.seed};
  fm_data *pulled;
  OK(fm_data_create_pull(ctx, pull_mirror, &m, DIM, 1, COND, 0, &pulled));
  OK(fm_trainer_run(ctx, stream.trainer, pulled, STEPS));
  same_training(run.trainer, stream.trainer);
  double x1[BATCH][DIM], loss;
  float cond[BATCH][COND], weights[BATCH], narrow[BATCH][DIM];
  int32_t labels[BATCH];
  for (uint64_t step = 0; step < STEPS; step++) {
    fmi_batch b = {x1[0], NULL, labels, cond[0], weights};
    OK(fmi_data_fetch(run.data, m.seed, true, step * BATCH, BATCH, &b, &ctx->err));
    for (size_t i = 0; i < (size_t)BATCH * DIM; i++) narrow[i / DIM][i % DIM] = (float)x1[i / DIM][i % DIM];
    if (step % 2)
      OK(fm_trainer_step_f64(ctx, by_hand.trainer, x1[0], NULL, labels, cond[0], weights, BATCH, &loss));
    else
      OK(fm_trainer_step(ctx, by_hand.trainer, narrow[0], NULL, labels, cond[0], weights, BATCH, &loss));
  }
  by_hand.trainer->data_row = run.trainer->data_row; /* counts rows that fm_trainer_run fetched */
  same_training(run.trainer, by_hand.trainer);
  CLOSE(loss, run.trainer->last_loss, 0);
  fm_data_destroy(pulled);
  free_kit(&run), free_kit(&stream), free_kit(&by_hand);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Evaluating is repeatable, doesn't depend on the batch, and leaves training alone. */
START_TEST(evaluation_compares) {
  fm_ctx *ctx = new_ctx(2);
  kit a = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit b = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.batch = 7});
  kit c = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  double loss[5];
  OK(fm_trainer_evaluate(ctx, a.trainer, a.data, 1, 0, &loss[0]));
  OK(fm_trainer_evaluate(ctx, b.trainer, b.data, 1, 0, &loss[1]));
  OK(fm_trainer_evaluate(ctx, a.trainer, a.data, 1, ROWS, &loss[2]));
  OK(fm_trainer_evaluate(ctx, a.trainer, a.data, 2, 0, &loss[3]));
  OK(fm_trainer_evaluate(ctx, a.trainer, a.data, 1, 50, &loss[4]));
  SAME(&loss[0], &loss[1], 1);
  SAME(&loss[0], &loss[2], 1);
  ck_assert(loss[3] != loss[0] && loss[4] != loss[0] && isfinite(loss[3]) && loss[3] > 0);
  OK(fm_trainer_run(ctx, a.trainer, a.data, 3));
  OK(fm_trainer_evaluate(ctx, a.trainer, a.data, 1, 0, &loss[1]));
  OK(fm_trainer_run(ctx, a.trainer, a.data, 6));
  OK(fm_trainer_run(ctx, c.trainer, c.data, 6));
  same_training(a.trainer, c.trainer);
  free_kit(&a), free_kit(&b), free_kit(&c);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- a distributed sum -----------------------------------------------------------------------------------
 */

#ifndef FMI_DOUBLE
typedef struct half {
  float *grad;
  double weight, loss;
  bool record;
  const struct half *other;
} half;
static int32_t reduce(void *user, const fm_reduction *r) {
  half *h = user;
  if (h->record) { /* and end the step: nothing may be updated */
    memcpy(h->grad, r->grad, r->n * sizeof *r->grad);
    h->weight = *r->weight, h->loss = *r->loss;
    return 1;
  }
  for (uint64_t i = 0; i < r->n; i++) r->grad[i] += h->other->grad[i];
  *r->weight += h->other->weight;
  *r->loss += h->other->loss;
  return 0;
}

START_TEST(two_halves_train_as_one) {
  enum { HALF = BATCH / 2 };
  fm_ctx *ctx = new_ctx(1);
  kit whole = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0}), kits[2];
  half halves[2];
  for (size_t i = 0; i < 2; i++) {
    halves[i] = (half){
        .grad = new_block(whole.net->n_params, sizeof(float)), .record = true, .other = &halves[1 - i]};
    kits[i] = new_kit(ctx, &p, (fm_net_options){0},
                      (fm_trainer_options){.reduce = reduce, .reduce_user = &halves[i]});
    kits[i].trainer->n_rows = i * HALF; /* noise is keyed by the row's number */
  }
  double loss, half_loss;
  OK(step_on(&whole, &p, p.weights, 0, 2 * HALF, &loss));
  for (size_t i = 0; i < 2; i++) {
    real *before = new_reals(whole.net->n_params);
    memcpy(before, kits[i].trainer->params, whole.net->n_params * sizeof *before);
    FAILS(FM_E_CALLBACK, "reduce", step_on(&kits[i], &p, p.weights + i * HALF, i * HALF, HALF, NULL));
    SAME(before, kits[i].trainer->params, whole.net->n_params);
    ck_assert_uint_eq(fm_trainer_steps(kits[i].trainer), 0);
    free(before);
  }
  for (size_t i = 0; i < 2; i++) {
    halves[i].record = false;
    OK(step_on(&kits[i], &p, p.weights + i * HALF, i * HALF, HALF, &half_loss));
    CLOSE(half_loss, loss, 1e-12 * loss);
    CLOSE(kits[i].trainer->grad_norm, whole.trainer->grad_norm, 1e-5 * whole.trainer->grad_norm);
    /* The gradient's rounding, since a first step of Adam is nearly its sign. */
    for (size_t j = 0; j < whole.net->n_params; j++) {
      double a = (double)kits[i].trainer->grad[j] * kits[i].trainer->grad_scale;
      double b = (double)whole.trainer->grad[j] * whole.trainer->grad_scale;
      CLOSE(a, b, 50 * EPS * whole.trainer->grad_norm);
    }
  }
  SAME(kits[0].trainer->params, kits[1].trainer->params, whole.net->n_params); /* a + b is b + a */
  for (size_t i = 0; i < 2; i++) free(halves[i].grad), free_kit(&kits[i]);
  free_kit(&whole);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- weights and dropout ----------------------------------------------------------------------------------
 */

/* Pairs with x0 = x1 make x_t and u = 0 free of noise, and an MLP of one layer whose slope in t is 0 doesn't
   see the time, so that the same row twice is the same twice. */
static void weighted_step(fm_ctx *ctx, const float *x, const float *weights, size_t n, real *grad) {
  fm_net_options no = {.struct_size = sizeof no, .kind = FM_NET_MLP, .depth = 1, .time_features = -1};
  fm_trainer_options to = {.struct_size = sizeof to, .batch = 8};
  const float start[8] = {.5f, -.25f, 0, .75f, 1, 0, .1f, .2f}; /* of x, y, t; of x, y, t; biases */
  fm_net *net;
  fm_trainer *trainer;
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &no, &net));
  OK(fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, start, &to, &trainer));
  OK(fm_trainer_step(ctx, trainer, x, x, NULL, NULL, weights, n, NULL));
  for (size_t i = 0; i < 8; i++)
    grad[i] = i == 2 || i == 5 ? 0 : trainer->grad[i] * (real)trainer->grad_scale;
  fm_trainer_destroy(trainer), fm_net_destroy(net);
}
START_TEST(weights_count_rows) {
  fm_ctx *ctx = new_ctx(1);
  const float rows[] = {1, 2, -1, .5f, 3, -2, 3, -2}; /* the last row twice */
  const float two[] = {1, 1, 2}, none[] = {1, 1, 0}, zero[] = {0, 0, 0}, negative[] = {1, -1, 1};
  real a[8], b[8];
  weighted_step(ctx, rows, two, 3, a);
  weighted_step(ctx, rows, NULL, 4, b);
  for (size_t i = 0; i < 8; i++) CLOSE((double)a[i], (double)b[i], 10 * EPS * (1 + fabs((double)b[i])));
  weighted_step(ctx, rows, none, 3, a);
  weighted_step(ctx, rows, NULL, 2, b);
  for (size_t i = 0; i < 8; i++) CLOSE((double)a[i], (double)b[i], 0);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  FAILS(FM_E_INVALID, "weights", step_on(&k, &p, zero, 0, 3, NULL));
  FAILS(FM_E_INVALID, "row 1", step_on(&k, &p, negative, 0, 3, NULL));
  FAILS(FM_E_INVALID, "n: expected 1 to 110", step_on(&k, &p, NULL, 0, BATCH + 1, NULL));
  FAILS(FM_E_INVALID, "n: expected 1 to 110", step_on(&k, &p, NULL, 0, 0, NULL));
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(conditions_are_dropped_at_the_rate_asked_for) {
  enum { MOST = 4000 };
  const size_t n = quick() ? 400 : MOST;
  static const double shares[][2] = {{0, .1}, {.3, .3}, {-1, 0}, {1, 1}}; /* the option, what it means */
  fm_ctx *ctx = new_ctx(1);
  float *x1 = new_block(n * DIM, sizeof *x1), *cond = new_block(n * COND, sizeof *cond);
  int32_t *labels = new_block(n, sizeof *labels);
  for (size_t i = 0; i < n; i++) labels[i] = (int32_t)(i % 3);
  for (size_t s = 0; s < FMI_COUNT(shares); s++) {
    kit k = new_kit(ctx, &p, (fm_net_options){.width = 4, .depth = 1},
                    (fm_trainer_options){.batch = n, .label_dropout = shares[s][0]});
    size_t dropped[2] = {0};
    bool before[MOST];
    for (size_t step = 0; step < 2; step++) {
      size_t same = 0;
      OK(fm_trainer_step(ctx, k.trainer, x1, NULL, labels, cond, NULL, n, NULL));
      for (size_t i = 0; i < n; i++) {
        bool now = k.trainer->rows.labels[i] == -1;
        ck_assert_int_eq(now, isnan(k.trainer->cond[i * COND]) != 0); /* both or neither */
        dropped[step] += now, same += step && now == before[i], before[i] = now;
      }
      if (step && shares[s][1] > 0 && shares[s][1] < 1)
        ck_assert_uint_lt(same, n); /* other rows in every step */
    }
    double share = (double)(dropped[0] + dropped[1]) / (2.0 * (double)n);
    CLOSE(share, shares[s][1], 5 * sqrt(shares[s][1] * (1 - shares[s][1]) / (2.0 * (double)n)));
    free_kit(&k);
  }
  free(x1), free(cond), free(labels);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- failures
 * ---------------------------------------------------------------------------------------------- */

START_TEST(a_failed_step_changes_nothing) {
  fm_ctx *ctx = new_ctx(2);
  kit a = new_kit(ctx, &p, (fm_net_options){.width = 20}, (fm_trainer_options){0});
  kit b = new_kit(ctx, &p, (fm_net_options){.width = 20}, (fm_trainer_options){0});
  OK(step_on(&a, &p, NULL, 0, BATCH, NULL));
  OK(step_on(&b, &p, NULL, 0, BATCH, NULL));
  problem *bad = new_block(1, sizeof *bad);
  double loss = 123;
  *bad = p, bad->x1[77][1] = NAN;
  FAILS(FM_E_NONFINITE, "row 77, column 1", step_on(&a, bad, NULL, 0, BATCH, &loss));
  *bad = p, bad->cond[60][1] = -INFINITY;
  FAILS(FM_E_NONFINITE, "row 60, column 1", step_on(&a, bad, NULL, 0, BATCH, &loss));
  *bad = p, bad->labels[50] = 3;
  FAILS(FM_E_INVALID, "row 50, column 0", step_on(&a, bad, NULL, 0, BATCH, &loss));
  /* Finite rows whose loss isn't, or whose gradient isn't. */
  double *huge = new_block((size_t)BATCH * DIM, sizeof *huge);
  huge[5] = 1e300;
  FAILS(FM_E_NONFINITE, "",
        fm_trainer_step_f64(ctx, a.trainer, huge, NULL, p.labels, p.cond[0], NULL, BATCH, &loss));
  if (!IS_DOUBLE) {
    huge[5] = 1e30;
    FAILS(FM_E_NONFINITE, "gradient",
          fm_trainer_step_f64(ctx, a.trainer, huge, NULL, p.labels, p.cond[0], NULL, BATCH, &loss));
  }
  CLOSE(loss, 123, 0);
  same_training(a.trainer, b.trainer);
  OK(step_on(&a, &p, NULL, BATCH, BATCH, NULL));
  OK(step_on(&b, &p, NULL, BATCH, BATCH, NULL));
  same_training(a.trainer, b.trainer);
  free(bad), free(huge);
  free_kit(&a), free_kit(&b);
  fm_ctx_destroy(ctx);
}
END_TEST

typedef struct watch {
  fm_ctx *ctx;
  uint64_t stop_at, fail_at, calls;
} watch;
static int32_t on_progress(void *user, const fm_progress *progress) {
  watch *w = user;
  w->calls++;
  ck_assert(progress->step == w->calls && progress->n_steps == 12 && progress->n_rows == w->calls * BATCH);
  ck_assert(progress->loss > 0 && progress->mean_loss > 0 && progress->grad_norm > 0 &&
            progress->learning_rate > 0);
  if (progress->step == w->stop_at) fm_ctx_stop(w->ctx);
  return progress->step == w->fail_at ? 21 : 0;
}
START_TEST(a_run_can_be_stopped_and_goes_on) {
  fm_ctx *ctx = new_ctx(1);
  watch w = {.ctx = ctx, .stop_at = 5, .fail_at = 8};
  kit a = new_kit(ctx, &p, (fm_net_options){0},
                  (fm_trainer_options){.progress = on_progress, .progress_user = &w});
  kit b = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  FAILS(FM_STOPPED, "step 5", fm_trainer_run(ctx, a.trainer, a.data, 12));
  ck_assert_uint_eq(fm_trainer_steps(a.trainer), 5);
  FAILS(FM_E_CALLBACK, "21", fm_trainer_run(ctx, a.trainer, a.data, 12));
  ck_assert_uint_eq(fm_trainer_steps(a.trainer), 8);
  OK(fm_trainer_run(ctx, a.trainer, a.data, 12));
  OK(fm_trainer_run(ctx, a.trainer, a.data, 12)); /* nothing is left to do */
  OK(fm_trainer_run(ctx, b.trainer, b.data, 12));
  same_training(a.trainer, b.trainer);
  ck_assert_uint_eq(w.calls, 12);
  fm_ctx_stop(ctx); /* with nothing running: the next long call ends */
  FAILS(FM_STOPPED, "", fm_trainer_run(ctx, b.trainer, b.data, 20));
  OK(fm_trainer_run(ctx, b.trainer, b.data, 0)); /* the optimiser's 40 */
  ck_assert_uint_eq(fm_trainer_steps(b.trainer), 40);
  free_kit(&a), free_kit(&b);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- checkpoints ------------------------------------------------------------------------------------------
 */

START_TEST(a_resumed_run_is_the_same_run) {
  fm_ctx *ctx = new_ctx(2), *other = new_ctx(1);
  kit whole = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit first = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit second = new_kit(other, &p, (fm_net_options){0}, (fm_trainer_options){0});
  const uint64_t steps = quick() ? 10 : 30, saved = quick() ? 4 : 13;
  char file[512];
  temporary_name(file, sizeof file, "checkpoint");
  OK(fm_trainer_run(ctx, whole.trainer, whole.data, steps));
  OK(fm_trainer_run(ctx, first.trainer, first.data, saved));
  OK(fm_trainer_save(ctx, first.trainer, file));
  second.trainer->params[0] = 99; /* whatever it started from */
  ck_assert_int_eq(fm_trainer_load(other, second.trainer, file), FM_OK);
  same_training(first.trainer, second.trainer);
  ck_assert_int_eq(fm_trainer_run(other, second.trainer, second.data, steps), FM_OK);
  same_training(whole.trainer, second.trainer);

  static const struct {
    const char *part;
    fm_net_options net;
    fm_trainer_options trainer;
  } others[] = {{"trainer.batch", {0}, {.batch = 64}},
                {"trainer.seed", {0}, {.seed = 6}},
                {"trainer.ema_decay", {0}, {.ema_decay = .9}},
                {"trainer.label_dropout", {0}, {.label_dropout = -1}},
                {"net.width", {.width = 21}, {0}},
                {"net.activation", {.activation = FM_ACT_TANH}, {0}}};
  for (size_t i = 0; i < FMI_COUNT(others); i++) {
    kit k = new_kit(ctx, &p, others[i].net, others[i].trainer);
    real start = k.trainer->params[0];
    FAILS(FM_E_MISMATCH, others[i].part, fm_trainer_load(ctx, k.trainer, file));
    ck_assert(k.trainer->params[0] == start && fm_trainer_steps(k.trainer) == 0);
    free_kit(&k);
  }
  problem *changed = new_block(1, sizeof *changed);
  *changed = p, changed->x1[0][0] += 1; /* other statistics */
  kit k = new_kit(ctx, changed, (fm_net_options){0}, (fm_trainer_options){0});
  FAILS(FM_E_MISMATCH, "normaliser", fm_trainer_load(ctx, k.trainer, file));
  ck_assert_int_eq(truncate(file, 4000), 0);
  fm_status status = fm_trainer_load(ctx, k.trainer, file);
  ck_assert_msg(status == FM_E_CHECKSUM || status == FM_E_FORMAT, "%s", fm_status_name(status));
  unlink(file);
  FAILS(FM_E_IO, "checkpoint", fm_trainer_load(ctx, k.trainer, file));
  free(changed);
  free_kit(&k), free_kit(&whole), free_kit(&first), free_kit(&second);
  fm_ctx_destroy(ctx), fm_ctx_destroy(other);
}
END_TEST

static void set_up(void) { fill_problem(&p); }

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "train");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_loop_test(tcase, gradient_is_that_of_the_loss, 0, 2);
  tcase_add_test(tcase, updates_use_the_clipped_mean);
  tcase_add_loop_test(tcase, threads_keep_bits, 0, 2);
  tcase_add_test(tcase, rows_may_come_in_any_way);
  tcase_add_test(tcase, evaluation_compares);
#ifndef FMI_DOUBLE
  tcase_add_test(tcase, two_halves_train_as_one);
#endif
  tcase_add_test(tcase, weights_count_rows);
  tcase_add_test(tcase, conditions_are_dropped_at_the_rate_asked_for);
  tcase_add_test(tcase, a_failed_step_changes_nothing);
  tcase_add_test(tcase, a_run_can_be_stopped_and_goes_on);
  tcase_add_test(tcase, a_resumed_run_is_the_same_run);
  return run_suite(suite);
}
