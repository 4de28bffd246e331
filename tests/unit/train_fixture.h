/* train_fixture.h - a small conditional problem with everything in it: classes, conditions, weights, two
   tiles and a ragged one, and trainers for it in any context. */
#ifndef TRAIN_FIXTURE_H
#define TRAIN_FIXTURE_H

#include "fixture.h"

#include "api/api.h"
#include "train/trainer.h"

#include <stdio.h>
#include <unistd.h>

enum { ROWS = 300, DIM = 3, COND = 2, BATCH = 110 };

typedef struct problem {
  float x1[ROWS][DIM], cond[ROWS][COND], weights[ROWS];
  int32_t labels[ROWS];
} problem;

static inline void fill_problem(problem *p) {
  uint64_t seed = 31;
  for (size_t i = 0; i < ROWS; i++) {
    p->labels[i] = (int32_t)(i % 4) - 1;
    p->weights[i] = (float)(0.5 + 0.25 * (double)(i % 5));
    for (size_t j = 0; j < COND; j++) p->cond[i][j] = (float)next_normal(&seed);
    for (size_t j = 0; j < DIM; j++)
      p->x1[i][j] = (float)(2 * p->labels[i] + next_normal(&seed) + (double)p->cond[i][j % COND]);
  }
}

/* A trainer with all it was made from. Options that are 0 are chosen here. */
typedef struct kit {
  fm_ctx *ctx;
  fm_net *net;
  fm_data *data;
  fm_normaliser *normaliser, *cond_normaliser;
  fm_optimizer *optimizer;
  fm_trainer *trainer;
} kit;

static inline kit new_kit_with(fm_ctx *ctx, const problem *p, fm_net_options net_options,
                               fm_trainer_options options, fm_optimizer_options o) {
  kit k = {.ctx = ctx};
  const uint32_t classes[] = {3};
  o.struct_size = sizeof o;
  net_options.struct_size = sizeof net_options;
  options.struct_size = sizeof options;
  if (net_options.width == 0) net_options.width = quick() ? 8 : 20;
  if (net_options.depth == 0) net_options.depth = 2;
  if (net_options.time_features == 0) net_options.time_features = 8;
  if (options.batch == 0) options.batch = BATCH;
  if (options.seed == 0) options.seed = 5;
  OK(fm_net_create(ctx, DIM, classes, 1, COND, &net_options, &k.net));
  OK(fm_data_create(ctx, p->x1[0], NULL, p->labels, p->cond[0], p->weights, ROWS, DIM, 1, COND, NULL,
                    &k.data));
  OK(fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, p->x1[0], ROWS, DIM, &k.normaliser));
  OK(fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, p->cond[0], ROWS, COND, &k.cond_normaliser));
  OK(fm_optimizer_create(ctx, &o, &k.optimizer));
  OK(fm_trainer_create(ctx, k.net, NULL, NULL, k.normaliser, k.cond_normaliser, k.optimizer, NULL, &options,
                       &k.trainer));
  /* Not from the architecture's zeros, whose gradients are zero too. */
  uint64_t seed = 77;
  for (size_t i = 0; i < k.net->n_params; i++) k.trainer->params[i] += (real)(0.2 * next_uniform(&seed));
  memcpy(k.trainer->ema, k.trainer->params, k.net->n_params * sizeof(real));
  OK(fmi_trainer_pack(&ctx->runtime, k.trainer, k.trainer->params, k.trainer->packed, &ctx->err));
  return k;
}
static inline kit new_kit(fm_ctx *ctx, const problem *p, fm_net_options net_options,
                          fm_trainer_options options) {
  return new_kit_with(ctx, p, net_options, options,
                      (fm_optimizer_options){.learning_rate = 3e-3, .n_steps = 40});
}

static inline void free_kit(kit *k) {
  fm_net_destroy(k->net), fm_data_destroy(k->data), fm_normaliser_destroy(k->normaliser);
  fm_normaliser_destroy(k->cond_normaliser), fm_optimizer_destroy(k->optimizer),
      fm_trainer_destroy(k->trainer);
}

static inline fm_status step_on(kit *k, const problem *p, const float *weights, size_t first, size_t n,
                                double *loss) {
  return fm_trainer_step(k->ctx, k->trainer, p->x1[first], NULL, p->labels + first, p->cond[first], weights,
                         n, loss);
}

/* All that training is: weights, average, moments, counters. */
static inline void same_training(const fm_trainer *a, const fm_trainer *b) {
  size_t n = a->parts.net->n_params;
  ck_assert_uint_eq(n, b->parts.net->n_params);
  SAME(a->params, b->params, n);
  SAME(a->ema, b->ema, n);
  SAME(a->state, b->state, n * a->optimizer->rule->state_per_param);
  ck_assert_uint_eq(a->step, b->step);
  ck_assert_uint_eq(a->n_rows, b->n_rows);
  ck_assert_uint_eq(a->data_row, b->data_row);
  SAME(&a->mean_loss, &b->mean_loss, 1);
  ck_assert_uint_eq(a->pending.n, b->pending.n);
  if (a->pending.n > 0) SAME(a->pending.grad, b->pending.grad, n);
  SAME(&a->pending.weight, &b->pending.weight, 1);
  SAME(&a->pending.loss, &b->pending.loss, 1);
  SAME(&a->plateau.factor, &b->plateau.factor, 1);
  ck_assert_uint_eq(a->plateau.n_poor, b->plateau.n_poor);
}

static inline void temporary_name(char *name, size_t size, const char *what) {
  const char *folder = getenv("TMPDIR");
  snprintf(name, size, "%s/flowmatch-%s-%ld", folder && *folder ? folder : "/tmp", what, (long)getpid());
}
#endif
