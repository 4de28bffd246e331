/* train_snapshot_test.c - models that a trainer publishes: who holds which, what happens when all are held,
   and another thread that samples while training goes on. */
#include "train_fixture.h"

#include <pthread.h>
#include <time.h>

static problem p;

static fm_model *latest_of(fm_ctx *ctx, const fm_trainer *trainer) {
  fm_model *model;
  OK(fm_trainer_latest(ctx, trainer, &model));
  return model;
}
static void draw(fm_ctx *ctx, const fm_model *model, float *out) {
  static const int32_t labels[] = {0, 1, 2, -1};
  OK(fm_sample(ctx, model, 3, 0, labels, NULL, 4, out));
}

START_TEST(publishing_counts_what_it_skips) {
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.n_snapshots = 2});
  fm_model *model;
  FAILS(FM_E_INVALID, "published", fm_trainer_latest(ctx, k.trainer, &model));
  ck_assert_ptr_null(model);
  OK(fm_trainer_publish(ctx, k.trainer)); /* a trainer may publish what it started from */
  fm_model *start = latest_of(ctx, k.trainer);
  ck_assert_uint_eq(fm_model_train_steps(start), 0);
  OK(fm_trainer_run(ctx, k.trainer, k.data, 1));
  OK(fm_trainer_publish(ctx, k.trainer));
  fm_model *one = latest_of(ctx, k.trainer), *again = latest_of(ctx, k.trainer);
  ck_assert_ptr_eq(one, again);
  ck_assert_uint_eq(fm_model_train_steps(one), 1);
  float before[4 * DIM], after[4 * DIM];
  draw(ctx, start, before);
  OK(fm_trainer_run(ctx, k.trainer, k.data, 2));
  OK(fm_trainer_publish(ctx, k.trainer)); /* both blocks are held */
  ck_assert_uint_eq(fm_trainer_skipped(k.trainer), 1);
  fm_model_destroy(one);
  OK(fm_trainer_publish(ctx, k.trainer)); /* one holder of two is gone */
  ck_assert_uint_eq(fm_trainer_skipped(k.trainer), 2);
  fm_model_destroy(again);
  OK(fm_trainer_publish(ctx, k.trainer)); /* the latest itself is never overwritten */
  ck_assert_uint_eq(fm_trainer_skipped(k.trainer), 3);
  draw(ctx, start, after);
  SAME(before, after, 4 * DIM); /* what is held stands still */
  fm_model_destroy(start);
  OK(fm_trainer_publish(ctx, k.trainer));
  ck_assert_uint_eq(fm_trainer_skipped(k.trainer), 3);
  fm_model *two = latest_of(ctx, k.trainer);
  ck_assert_uint_eq(fm_model_train_steps(two), 2);
  fm_model_destroy(two);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(runs_publish_every_so_often) {
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.publish_every = 3});
  OK(fm_trainer_run(ctx, k.trainer, k.data, 8));
  fm_model *published = latest_of(ctx, k.trainer), *now;
  ck_assert_uint_eq(fm_model_train_steps(published), 6);
  /* A snapshot and a model of the same step are the same model. */
  OK(fm_trainer_run(ctx, k.trainer, k.data, 9));
  fm_model_destroy(published);
  published = latest_of(ctx, k.trainer);
  OK(fm_trainer_model(ctx, k.trainer, &now));
  float a[4 * DIM], b[4 * DIM];
  draw(ctx, published, a);
  draw(ctx, now, b);
  SAME(a, b, 4 * DIM);
  fm_model_destroy(published), fm_model_destroy(now);
  /* The caller's own loop publishes as well. */
  for (size_t i = 10; i <= 13; i++) OK(step_on(&k, &p, NULL, 0, BATCH, NULL));
  published = latest_of(ctx, k.trainer);
  ck_assert_uint_eq(fm_model_train_steps(published), 12);
  fm_model_destroy(published);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The trainer, its parts, the context and two held snapshots go in each order; the snapshots work while any
   of them is there, and in the end nothing is left. */
typedef struct ledger {
  atomic_size_t live;
} ledger;
static void *count_alloc(void *user, size_t bytes, size_t alignment) {
  atomic_fetch_add(&((ledger *)user)->live, 1);
  return aligned_alloc(alignment, fmi_round_up(bytes, alignment));
}
static void count_release(void *user, void *block) {
  atomic_fetch_sub(&((ledger *)user)->live, 1);
  free(block);
}
START_TEST(everything_may_be_destroyed_in_any_order) {
  static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2},
                                  {2, 3, 0, 1}, {1, 2, 3, 0}, {3, 0, 2, 1}};
  fm_ctx *ctx = new_ctx(1);
  for (size_t o = 0; o < FMI_COUNT(orders); o++) {
    ledger l = {0};
    fm_ctx_options options = {
        .struct_size = sizeof options, .alloc = count_alloc, .release = count_release, .alloc_user = &l};
    fm_ctx *owner;
    ck_assert_int_eq(fm_ctx_create(&options, &owner), FM_OK);
    kit k = new_kit(owner, &p, (fm_net_options){0}, (fm_trainer_options){0});
    fm_model *held[2];
    float before[2][4 * DIM], after[4 * DIM];
    for (size_t i = 0; i < 2; i++) {
      ck_assert_int_eq(fm_trainer_run(owner, k.trainer, k.data, i + 1), FM_OK);
      ck_assert_int_eq(fm_trainer_publish(owner, k.trainer), FM_OK);
      held[i] = latest_of(owner, k.trainer);
      draw(ctx, held[i], before[i]);
    }
    for (size_t i = 0; i < 4; i++) {
      switch (orders[o][i]) {
      case 0:
        fm_model_destroy(held[0]), held[0] = NULL;
        break;
      case 1:
        fm_model_destroy(held[1]), held[1] = NULL;
        break;
      case 2:
        free_kit(&k);
        break;
      default:
        fm_ctx_destroy(owner);
      }
      for (size_t m = 0; m < 2; m++) {
        if (held[m] == NULL) continue;
        draw(ctx, held[m], after);
        SAME(after, before[m], 4 * DIM);
      }
    }
    ck_assert_uint_eq(atomic_load(&l.live), 0);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- another thread samples -----------------------------------------------------------------------------
 */

typedef struct reader {
  const fm_trainer *trainer;
  const fm_net *net;
  fm_normaliser *normaliser, *cond_normaliser;
  atomic_bool *done;
  uint64_t draws, newest;
  const char *wrong; /* assertions belong to the main thread */
} reader;

/* A torn snapshot would not be its own weights: the draw must be that of a model made from a copy of them. */
static const char *check_snapshot(fm_ctx *ctx, reader *r, fm_sampler *sampler, fm_model *model, float *ema) {
  float out[4 * DIM], again[4 * DIM];
  fm_model *copy;
  if (fm_sampler_set_model(ctx, sampler, model) != FM_OK) return "set_model";
  if (fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, 4, out) != FM_OK) return "draw";
  if (fm_model_get_params(ctx, model, NULL, ema) != FM_OK) return "get_params";
  if (fm_model_create(ctx, r->net, ema, NULL, NULL, NULL, r->normaliser, r->cond_normaliser, &copy) != FM_OK)
    return "create";
  fm_status status = fm_sample(ctx, copy, 1, 0, NULL, NULL, 4, again);
  fm_model_destroy(copy);
  if (status != FM_OK) return "sample";
  if (!IS_DOUBLE && memcmp(out, again, sizeof out) != 0) return "a snapshot changed while it was held";
  if (fm_model_train_steps(model) < r->newest) return "an older snapshot came after a newer one";
  r->newest = fm_model_train_steps(model);
  r->draws++;
  return NULL;
}
/* Where threads take turns on one processor, the one that trains must get its own. */
static void nap(void) {
  struct timespec pause = {0, 100000};
  nanosleep(&pause, NULL);
}
static void *read_snapshots(void *argument) {
  reader *r = argument;
  fm_ctx *ctx = NULL;
  fm_sampler *sampler = NULL;
  float *ema = calloc(fm_net_n_params(r->net), sizeof *ema);
  if (ema == NULL || fm_ctx_create(NULL, &ctx) != FM_OK) r->wrong = "ctx";
  for (bool last = false; r->wrong == NULL && !last;) {
    last = atomic_load(r->done);
    fm_model *model;
    fm_status status = fm_trainer_latest(ctx, r->trainer, &model);
    if (status == FM_E_INVALID) { /* none yet */
      nap();
      continue;
    }
    if (status != FM_OK)
      r->wrong = "latest";
    else if (sampler == NULL && fm_sampler_create(ctx, model, NULL, NULL, &sampler) != FM_OK)
      r->wrong = "sampler";
    else
      r->wrong = check_snapshot(ctx, r, sampler, model, ema);
    fm_model_destroy(model);
    nap();
  }
  fm_sampler_destroy(sampler);
  fm_ctx_destroy(ctx);
  free(ema);
  return NULL;
}

START_TEST(threads_sample_while_training_goes_on) {
  fm_ctx *ctx = new_ctx(2);
  kit k = new_kit(ctx, &p, (fm_net_options){.width = 8, .depth = 1},
                  (fm_trainer_options){.publish_every = 1, .batch = 60});
  const uint64_t steps = quick() ? 15 : 200;
  atomic_bool done = false;
  reader readers[2];
  pthread_t threads[2];
  for (size_t i = 0; i < 2; i++) {
    readers[i] = (reader){.trainer = k.trainer,
                          .net = k.net,
                          .normaliser = k.normaliser,
                          .cond_normaliser = k.cond_normaliser,
                          .done = &done};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, read_snapshots, &readers[i]), 0);
  }
  fm_status status = fm_trainer_run(ctx, k.trainer, k.data, steps);
  atomic_store(&done, true);
  for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  ck_assert_msg(status == FM_OK, "%s", fm_ctx_message(ctx));
  for (size_t i = 0; i < 2; i++) {
    ck_assert_msg(readers[i].wrong == NULL, "%s", readers[i].wrong);
    ck_assert_uint_ge(readers[i].draws, 1);
  }
  ck_assert_uint_lt(fm_trainer_skipped(k.trainer), steps);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- everything at once ---------------------------------------------------------------------------------
 */

typedef struct stop_at {
  fm_ctx *ctx;
  uint64_t step;
} stop_at;
static int32_t stop_on_progress(void *user, const fm_progress *progress) {
  stop_at *s = user;
  if (progress->step == s->step) fm_ctx_stop(s->ctx);
  return 0;
}
START_TEST(fit_is_a_trainer_with_the_datas_statistics) {
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  const uint32_t classes[] = {3};
  fm_net_options no = {.struct_size = sizeof no, .width = 12, .depth = 1};
  stop_at stop = {ctx, 7};
  fm_trainer_options to = {
      .struct_size = sizeof to, .batch = 50, .seed = 8, .progress = stop_on_progress, .progress_user = &stop};
  fm_net *net;
  fm_trainer *trainer;
  fm_model *fitted, *built;
  OK(fm_net_create(ctx, DIM, classes, 1, COND, &no, &net));
  OK(fm_trainer_create(ctx, net, NULL, NULL, k.normaliser, k.cond_normaliser, k.optimizer, NULL, &to,
                       &trainer));
  stop.step = 0;
  OK(fm_trainer_run(ctx, trainer, k.data, 7));
  OK(fm_trainer_model(ctx, trainer, &built));
  stop.step = 7;
  FAILS(FM_STOPPED, "step 7", fm_fit(ctx, k.data, NULL, NULL, k.optimizer, &no, &to, &fitted));
  ck_assert_ptr_nonnull(fitted); /* the model so far */
  ck_assert_uint_eq(fm_model_train_steps(fitted), 7);
  float a[4 * DIM], b[4 * DIM];
  draw(ctx, fitted, a);
  draw(ctx, built, b);
  SAME(a, b, 4 * DIM);
  fm_model_destroy(fitted);
  to.n_snapshots = 1;
  FAILS(FM_E_INVALID, "n_snapshots", fm_fit(ctx, k.data, NULL, NULL, k.optimizer, &no, &to, &fitted));
  ck_assert_ptr_null(fitted);
  fm_model_destroy(built), fm_trainer_destroy(trainer), fm_net_destroy(net);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  fill_problem(&p);
  const TTest *const tests[] = {
      publishing_counts_what_it_skips, runs_publish_every_so_often, everything_may_be_destroyed_in_any_order,
      threads_sample_while_training_goes_on, fit_is_a_trainer_with_the_datas_statistics};
  return run_tests("train_snapshot", tests, FMI_COUNT(tests));
}
