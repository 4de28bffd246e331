/* train_accumulate_test.c - micro-batches: they train as one batch, a failing one is as if it had never come,
   and training goes on bit-equal from between two of them. */
#include "train_fixture.h"

enum { PARTS = 3, PART = 35, WHOLE = PARTS * PART };

static problem p;

static kit new_parts(fm_ctx *ctx, fm_trainer_options options) {
  options.batch = PART, options.accumulate = PARTS;
  return new_kit(ctx, &p, (fm_net_options){0}, options);
}

/* ---- the same training ------------------------------------------------------------------------------- */

/* Gradient descent, which moves by gradients and not by their signs. */
START_TEST(parts_train_as_one_batch) {
  const fm_optimizer_options sgd = {.kind = FM_OPTIMIZER_SGD, .learning_rate = .05, .n_steps = 40};
  fm_ctx *ctx = new_ctx(2);
  kit whole = new_kit_with(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.batch = WHOLE}, sgd);
  kit parts = new_kit_with(ctx, &p, (fm_net_options){0},
                           (fm_trainer_options){.batch = PART, .accumulate = PARTS}, sgd);
  size_t n = whole.net->n_params;
  real *start = new_reals(n);
  memcpy(start, parts.trainer->params, n * sizeof *start);
  float *grad[2] = {new_block(n, sizeof(float)), new_block(n, sizeof(float))};
  for (uint64_t step = 1; step <= 4; step++) {
    double sum = 0, weight = 0, loss, of_whole;
    OK(step_on(&whole, &p, p.weights, 40 * step, WHOLE, &of_whole));
    for (size_t part = 0; part < PARTS; part++) {
      size_t first = 40 * step + part * PART;
      double own = 0;
      OK(step_on(&parts, &p, p.weights + first, first, PART, &loss));
      for (size_t i = 0; i < PART; i++) own += (double)p.weights[first + i];
      sum += own * loss, weight += own;
      ck_assert_uint_eq(fm_trainer_steps(parts.trainer), part + 1 == PARTS ? step : step - 1);
      if (part + 1 == PARTS) break;
      FAILS(FM_E_INVALID, "trainer:", fm_trainer_get_gradient(ctx, parts.trainer, grad[0]));
      SAME(parts.trainer->params, start, n);
    }
    memcpy(start, parts.trainer->params, n * sizeof *start);
    CLOSE(sum / weight, of_whole, (IS_DOUBLE ? 1e-12 : 1e-5) * of_whole);
    CLOSE(parts.trainer->last_loss, sum / weight, 1e-12 * of_whole);
    CLOSE(parts.trainer->grad_norm, whole.trainer->grad_norm,
          (IS_DOUBLE ? 1e-12 : 1e-5) * whole.trainer->grad_norm);
    OK(fm_trainer_get_gradient(ctx, parts.trainer, grad[0]));
    OK(fm_trainer_get_gradient(ctx, whole.trainer, grad[1]));
    for (size_t i = 0; i < n; i++)
      CLOSE((double)grad[0][i], (double)grad[1][i], 1e-5 * whole.trainer->grad_norm);
    all_close(parts.trainer->params, whole.trainer->params, n, IS_DOUBLE ? 1e-13 : 1e-6, "params");
    all_close(parts.trainer->ema, whole.trainer->ema, n, IS_DOUBLE ? 1e-13 : 1e-6, "ema");
  }
  ck_assert_uint_eq(parts.trainer->n_rows, whole.trainer->n_rows);
  free(start), free(grad[0]), free(grad[1]);
  free_kit(&whole), free_kit(&parts);
  fm_ctx_destroy(ctx);
}
END_TEST

typedef struct tally {
  uint64_t calls;
} tally;
static int32_t count_steps(void *user, const fm_progress *progress) {
  tally *t = user;
  t->calls++;
  ck_assert_uint_eq(progress->step, t->calls);
  ck_assert_uint_eq(progress->n_rows, t->calls * WHOLE);
  return 0;
}
/* fm_trainer_run brings the same batches; threads keep bits. */
START_TEST(runs_and_loops_agree) {
  enum { STEPS = 5 };
  static const uint32_t threads[] = {1, 2, 3, 8, 0};
  tally t = {0};
  fm_ctx *ctx = new_ctx(1);
  kit run = new_parts(ctx, (fm_trainer_options){.progress = count_steps, .progress_user = &t});
  OK(fm_trainer_run(ctx, run.trainer, run.data, STEPS));
  ck_assert_uint_eq(t.calls, STEPS);
  for (size_t i = 0; i < FMI_COUNT(threads); i++) {
    fm_ctx *other = new_ctx(threads[i]);
    kit k = new_parts(other, (fm_trainer_options){0});
    double x1[PART][DIM];
    float cond[PART][COND], weights[PART];
    int32_t labels[PART];
    fmi_batch b = {x1[0], NULL, labels, cond[0], weights};
    for (uint64_t part = 0; part < STEPS * PARTS; part++) {
      OK(fmi_data_fetch(k.data, k.trainer->options.seed, true, part * PART, PART, &b, &ctx->err));
      OK(fm_trainer_step_f64(other, k.trainer, x1[0], NULL, labels, cond[0], weights, PART, NULL));
    }
    k.trainer->data_row = run.trainer->data_row; /* counts rows that fm_trainer_run fetched */
    same_training(run.trainer, k.trainer);
    free_kit(&k);
    fm_ctx_destroy(other);
  }
  free_kit(&run);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- failures ---------------------------------------------------------------------------------------- */

static void step_both(kit *a, kit *b, size_t first) {
  fm_ctx *ctx = a->ctx;
  OK(step_on(a, &p, p.weights, first, PART, NULL));
  OK(step_on(b, &p, p.weights, first, PART, NULL));
  same_training(a->trainer, b->trainer);
}

/* Whichever of the three it comes before. */
START_TEST(a_failing_part_never_came) {
  fm_ctx *ctx = new_ctx(2);
  kit a = new_parts(ctx, (fm_trainer_options){0}), b = new_parts(ctx, (fm_trainer_options){0});
  problem *bad = new_block(1, sizeof *bad);
  double *huge = new_block((size_t)PART * DIM, sizeof *huge), loss = 123;
  const float none[PART] = {0};
  *bad = p, bad->x1[7][1] = NAN;
  for (size_t part = 0; part < 2 * PARTS; part++) {
    FAILS(FM_E_NONFINITE, "row 7", step_on(&a, bad, NULL, 0, PART, &loss));
    huge[5] = 1e300;
    FAILS(FM_E_NONFINITE, "",
          fm_trainer_step_f64(ctx, a.trainer, huge, NULL, p.labels, p.cond[0], NULL, PART, &loss));
    huge[5] = 1e21;
    if (!IS_DOUBLE)
      FAILS(FM_E_NONFINITE, "gradient",
            fm_trainer_step_f64(ctx, a.trainer, huge, NULL, p.labels, p.cond[0], NULL, PART, &loss));
    CLOSE(loss, 123, 0);
    same_training(a.trainer, b.trainer);
    step_both(&a, &b, part * PART);
  }
  ck_assert_uint_eq(fm_trainer_steps(a.trainer), 2);
  /* Rows without weight wait like others, but an update of nothing else is none. */
  for (size_t part = 0; part + 1 < PARTS; part++) OK(step_on(&a, &p, none, 0, PART, &loss));
  CLOSE(loss, 0, 0);
  FAILS(FM_E_INVALID, "weights", step_on(&a, &p, none, 0, PART, NULL));
  ck_assert_uint_eq(a.trainer->pending.n, PARTS - 1);
  OK(step_on(&a, &p, NULL, 0, PART, &loss));
  ck_assert(fm_trainer_steps(a.trainer) == 3 && a.trainer->last_loss == loss);
  free(bad), free(huge);
  free_kit(&a), free_kit(&b);
  fm_ctx_destroy(ctx);
}
END_TEST

#ifndef FMI_DOUBLE
typedef struct sum_of {
  uint64_t calls;
  int32_t answer;
  double weight;
} sum_of;
static int32_t on_sum(void *user, const fm_reduction *r) {
  sum_of *s = user;
  s->calls++;
  s->weight = *r->weight;
  if (s->answer)
    for (uint64_t i = 0; i < r->n; i++) r->grad[i] = NAN; /* left half done */
  return s->answer;
}
START_TEST(sums_over_processes_come_once_an_update) {
  fm_ctx *ctx = new_ctx(1);
  sum_of s = {.answer = 9};
  kit a = new_parts(ctx, (fm_trainer_options){.reduce = on_sum, .reduce_user = &s});
  kit b = new_parts(ctx, (fm_trainer_options){0});
  step_both(&a, &b, 0);
  step_both(&a, &b, PART);
  ck_assert_uint_eq(s.calls, 0);
  FAILS(FM_E_CALLBACK, "reduce", step_on(&a, &p, p.weights, 77, PART, NULL));
  same_training(a.trainer, b.trainer);
  s.answer = 0;
  step_both(&a, &b, 2 * PART);
  double weight = 0;
  for (size_t i = 0; i < PART; i++) weight += PARTS * (double)p.weights[i]; /* as step_both */
  CLOSE(s.weight, weight, 1e-12 * weight);
  ck_assert(s.calls == 2 && fm_trainer_steps(a.trainer) == 1);
  free_kit(&a), free_kit(&b);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- checkpoints ------------------------------------------------------------------------------------- */

/* A stream of training's rows that asks for the end while it is read. */
typedef struct interrupted {
  const kit *kit;
  uint64_t stop_before;
} interrupted;
static int32_t pull(void *user, const fm_pull_request *r) {
  const interrupted *i = user;
  fmi_batch b = {r->x1, r->x0, r->labels, r->cond, r->weights};
  if (r->first_row + r->n == i->stop_before) fm_ctx_stop(i->kit->ctx);
  return fmi_data_fetch(i->kit->data, i->kit->trainer->options.seed, true, r->first_row, r->n, &b, NULL);
}

START_TEST(a_run_resumes_between_parts) {
  enum { STEPS = 6 };
  fm_ctx *ctx = new_ctx(2), *other = new_ctx(1);
  kit whole = new_parts(ctx, (fm_trainer_options){0});
  OK(fm_trainer_run(ctx, whole.trainer, whole.data, STEPS));
  char file[512];
  temporary_name(file, sizeof file, "parts");
  for (uint64_t parts = 6; parts < 9; parts++) { /* none, one, two are waiting */
    kit first = new_parts(ctx, (fm_trainer_options){0}), second = new_parts(other, (fm_trainer_options){0});
    interrupted user = {&first, parts * PART};
    fm_data *stream = NULL;
    OK(fm_data_create_pull(ctx, pull, &user, DIM, 1, COND, 0, &stream));
    FAILS(FM_STOPPED, "step 2", fm_trainer_run(ctx, first.trainer, stream, STEPS));
    ck_assert_uint_eq(first.trainer->pending.n, parts % PARTS);
    OK(fm_trainer_save(ctx, first.trainer, file));
    /* whatever the trainer was in the middle of is forgotten */
    ck_assert_int_eq(step_on(&second, &p, NULL, 0, PART, NULL), FM_OK);
    ck_assert_msg(fm_trainer_load(other, second.trainer, file) == FM_OK, "%s", fm_ctx_message(other));
    same_training(first.trainer, second.trainer);
    ck_assert_int_eq(fm_trainer_run(other, second.trainer, second.data, STEPS), FM_OK);
    same_training(whole.trainer, second.trainer);
    OK(fm_trainer_run(ctx, first.trainer, first.data, STEPS));
    same_training(whole.trainer, first.trainer);
    fm_data_destroy(stream);
    free_kit(&first), free_kit(&second);
  }
  unlink(file);
  free_kit(&whole);
  fm_ctx_destroy(ctx), fm_ctx_destroy(other);
}
END_TEST

START_TEST(checkpoints_have_to_fit) {
  fm_ctx *ctx = new_ctx(1);
  kit a = new_parts(ctx, (fm_trainer_options){0}), b = new_parts(ctx, (fm_trainer_options){0});
  kit plain = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.batch = PART});
  char file[512];
  temporary_name(file, sizeof file, "unfit");
  OK(step_on(&a, &p, NULL, 0, PART, NULL));
  OK(fm_trainer_save(ctx, a.trainer, file));
  FAILS(FM_E_MISMATCH, "trainer.accumulate", fm_trainer_load(ctx, plain.trainer, file));
  const fmi_pending good = a.trainer->pending;
  const struct {
    fmi_pending pending;
    fmi_plateau plateau;
    fm_status status;
    const char *part;
  } bad[] = {{{.grad = good.grad, .n = PARTS, .weight = 1}, {.factor = 1}, FM_E_FORMAT, "micro-batches"},
             {{.grad = good.grad, .n = 1, .weight = -1}, {.factor = 1}, FM_E_FORMAT, "weights"},
             {{.grad = good.grad, .n = 1, .weight = 1, .loss = (double)NAN},
              {.factor = 1},
              FM_E_NONFINITE,
              "nan at 5"},
             {good, {.factor = 2}, FM_E_FORMAT, "factor"},
             {good, {.factor = (double)NAN}, FM_E_NONFINITE, "nan at 3"}};
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    a.trainer->pending = bad[i].pending;
    a.trainer->plateau = bad[i].plateau;
    OK(fm_trainer_save(ctx, a.trainer, file));
    FAILS(bad[i].status, bad[i].part, fm_trainer_load(ctx, b.trainer, file));
    ck_assert_uint_eq(b.trainer->n_rows, 0);
  }
  const fm_optimizer_options others[] = {
      {.learning_rate = 3e-3, .n_steps = 40, .plateau_factor = .25},
      {.learning_rate = 3e-3, .n_steps = 40, .plateau_patience = 6},
      {.learning_rate = 3e-3, .n_steps = 40, .schedule = FM_SCHEDULE_LINEAR}};
  static const char *const parts[] = {"plateau_factor", "plateau_patience", "schedule"};
  OK(fm_trainer_save(ctx, plain.trainer, file));
  for (size_t i = 0; i < FMI_COUNT(others); i++) {
    kit k = new_kit_with(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.batch = PART}, others[i]);
    FAILS(FM_E_MISMATCH, parts[i], fm_trainer_load(ctx, k.trainer, file));
    free_kit(&k);
  }
  unlink(file);
  free_kit(&a), free_kit(&b), free_kit(&plain);
  fm_ctx_destroy(ctx);
}
END_TEST

static void set_up(void) { fill_problem(&p); }

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "train_accumulate");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_test(tcase, parts_train_as_one_batch);
  tcase_add_test(tcase, runs_and_loops_agree);
  tcase_add_test(tcase, a_failing_part_never_came);
#ifndef FMI_DOUBLE
  tcase_add_test(tcase, sums_over_processes_come_once_an_update);
#endif
  tcase_add_test(tcase, a_run_resumes_between_parts);
  tcase_add_test(tcase, checkpoints_have_to_fit);
  return run_suite(suite);
}
