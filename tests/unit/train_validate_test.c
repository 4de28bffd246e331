/* train_validate_test.c - held-out rows end the training, the best weights are kept, a resumed run agrees. */
#include "train_fixture.h"

enum { FEW = 24, EVERY = 10, PATIENCE = 60, STEPS = 400, DRAWS = 600 };

static problem p, others;

/* A kit that trains on a few rows, which it soon knows by heart, and others of the same law. */
typedef struct trial {
  kit kit;
  fm_data *few, *held_out;
} trial;

static fm_data *rows_of(fm_ctx *ctx, const problem *from, size_t n) {
  fm_data *data = NULL;
  OK(fm_data_create(ctx, from->x1[0], NULL, from->labels, from->cond[0], NULL, n, DIM, 1, COND, NULL, &data));
  return data;
}

static trial new_trial_with(fm_ctx *ctx, fm_optimizer_options optimizer) {
  const fm_net_options net = {.width = 48};
  trial t;
  t.kit = new_kit_with(ctx, &p, net, (fm_trainer_options){.ema_decay = .9}, optimizer);
  t.few = rows_of(ctx, &p, FEW);
  t.held_out = rows_of(ctx, &others, ROWS);
  return t;
}

static trial new_trial(fm_ctx *ctx) {
  return new_trial_with(ctx, (fm_optimizer_options){.learning_rate = 3e-3, .n_steps = 40});
}

static void free_trial(trial *t) {
  fm_data_destroy(t->few), fm_data_destroy(t->held_out);
  free_kit(&t->kit);
}

static int32_t stop_at(void *user, const fm_progress *progress) {
  return progress->step == *(const uint64_t *)user;
}

static fm_status run(trial *t, uint64_t n_steps, uint64_t patience) {
  const fm_validation_options o = {
      .struct_size = sizeof o, .every = EVERY, .patience = patience, .draws = DRAWS, .seed = 3};
  return fm_trainer_run_validated(t->kit.ctx, t->kit.trainer, t->few, t->held_out, n_steps, &o);
}

/* The loss as validation measures it: every row twice. */
static double loss_of(fm_ctx *ctx, const fm_model *model, const fm_data *data) {
  double loss;
  OK(fm_model_evaluate(ctx, model, data, 3, DRAWS, &loss));
  return loss;
}

START_TEST(training_ends_and_the_best_is_kept) {
  fm_ctx *ctx = new_ctx(2);
  trial t = new_trial(ctx);
  fm_model *best = NULL, *last = NULL;
  double loss = 0;
  FAILS(FM_E_INVALID, "fm_trainer_run_validated", fm_trainer_best(ctx, t.kit.trainer, &best, &loss));
  OK(run(&t, STEPS, PATIENCE));
  uint64_t steps = fm_trainer_steps(t.kit.trainer);
  ck_assert_uint_lt(steps, STEPS);
  OK(fm_trainer_best(ctx, t.kit.trainer, &best, &loss));
  OK(fm_trainer_model(ctx, t.kit.trainer, &last));
  ck_assert_uint_eq(fm_model_train_steps(best), steps - PATIENCE);
  ck_assert_uint_eq(fm_model_train_steps(best) % EVERY, 0);
  ck_assert_msg(loss_of(ctx, best, t.held_out) == loss, "%.17g", loss);
  double last_loss = loss_of(ctx, last, t.held_out);
  ck_assert_msg(last_loss > loss, "%g, best %g", last_loss, loss);
  ck_assert_msg(t.kit.trainer->held_out_loss == last_loss, "%g", last_loss);
  OK(run(&t, STEPS, PATIENCE)); /* over is over */
  ck_assert_uint_eq(fm_trainer_steps(t.kit.trainer), steps);
  fm_model_destroy(best), fm_model_destroy(last);
  free_trial(&t);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(watching_changes_nothing) {
  fm_ctx *ctx = new_ctx(1);
  trial watched = new_trial(ctx), plain = new_trial(ctx);
  OK(run(&watched, 25, 1000));
  OK(fm_trainer_run(ctx, plain.kit.trainer, plain.few, 25));
  same_training(watched.kit.trainer, plain.kit.trainer);
  ck_assert_uint_eq(plain.kit.trainer->best_step, 0);
  ck_assert(watched.kit.trainer->best_step == 10 || watched.kit.trainer->best_step == 20 ||
            watched.kit.trainer->best_step == 25); /* the last step is evaluated too */
  free_trial(&watched), free_trial(&plain);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_resumed_run_ends_where_the_whole_one_does) {
  static const uint64_t breaks[] = {EVERY / 2, EVERY, 5 * EVERY + 3};
  fm_ctx *ctx = new_ctx(2);
  trial whole = new_trial(ctx);
  char file[512];
  temporary_name(file, sizeof file, "validated");
  OK(run(&whole, STEPS, PATIENCE));
  for (size_t i = 0; i < FMI_COUNT(breaks); i++) {
    trial first = new_trial(ctx), second = new_trial(ctx);
    first.kit.trainer->options.progress = stop_at;
    first.kit.trainer->options.progress_user = (void *)(uintptr_t)&breaks[i];
    FAILS(FM_E_CALLBACK, "progress", run(&first, STEPS, PATIENCE));
    ck_assert_uint_eq(fm_trainer_steps(first.kit.trainer), breaks[i]);
    OK(fm_trainer_save(ctx, first.kit.trainer, file));
    OK(fm_trainer_load(ctx, second.kit.trainer, file));
    OK(run(&second, STEPS, PATIENCE));
    same_training(whole.kit.trainer, second.kit.trainer);
    ck_assert_uint_eq(whole.kit.trainer->best_step, second.kit.trainer->best_step);
    SAME(&whole.kit.trainer->best_loss, &second.kit.trainer->best_loss, 1);
    SAME(whole.kit.trainer->best, second.kit.trainer->best, 2 * whole.kit.net->n_params);
    free_trial(&first), free_trial(&second);
  }
  unlink(file);
  free_trial(&whole);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows of `others`; asks the context that reads them to stop. */
static int32_t stop_while_gathering(void *user, const fm_gather_request *request) {
  fm_ctx_stop(user);
  for (size_t i = 0; i < request->n; i++) {
    size_t row = (size_t)request->row[i];
    for (size_t j = 0; j < DIM; j++) request->x1[i * DIM + j] = (double)others.x1[row][j];
    for (size_t j = 0; j < COND; j++) request->cond[i * COND + j] = others.cond[row][j];
    request->labels[i] = others.labels[row];
  }
  return 0;
}

START_TEST(a_stop_in_a_validation_leaves_none_out) {
  fm_ctx *ctx = new_ctx(2);
  trial whole = new_trial(ctx), broken = new_trial(ctx);
  OK(run(&whole, STEPS, PATIENCE));
  fm_data *plain = broken.held_out;
  OK(fm_data_create_gather(ctx, stop_while_gathering, ctx, ROWS, DIM, 1, COND, 0, &broken.held_out));
  for (uint64_t step = EVERY; step <= 3 * EVERY; step += EVERY) {
    FAILS(FM_STOPPED, "stopped after step", run(&broken, STEPS, PATIENCE));
    ck_assert_uint_eq(fm_trainer_steps(broken.kit.trainer), step);
  }
  fm_data_destroy(broken.held_out);
  broken.held_out = plain;
  OK(run(&broken, STEPS, PATIENCE));
  same_training(whole.kit.trainer, broken.kit.trainer);
  ck_assert_uint_eq(whole.kit.trainer->best_step, broken.kit.trainer->best_step);
  SAME(&whole.kit.trainer->best_loss, &broken.kit.trainer->best_loss, 1);
  free_trial(&whole), free_trial(&broken);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- a rate that falls when the loss doesn't --------------------------------------------------------- */

enum { POOR = 2 };
static const double factor = .3, peak = 3e-3;

static fm_optimizer_options on_plateaus(void) {
  return (fm_optimizer_options){.learning_rate = peak,
                                .schedule = FM_SCHEDULE_PLATEAU,
                                .warmup_steps = -1,
                                .plateau_factor = factor,
                                .plateau_patience = POOR};
}

/* What the rate has to be, by the losses that were reported so far. */
typedef struct ledger {
  double best, rate;
  uint64_t n_poor, n_falls, stop_at;
} ledger;

static int32_t follow(void *user, const fm_progress *progress) {
  ledger *l = user;
  CLOSE(progress->learning_rate, l->rate, 1e-15);
  if (progress->step % EVERY == 0) {
    l->n_poor = progress->held_out_loss < l->best ? 0 : l->n_poor + 1;
    l->best = fmin(l->best, progress->held_out_loss);
    if (l->n_poor == POOR) l->rate *= factor, l->n_poor = 0, l->n_falls++;
  }
  return progress->step == l->stop_at;
}

START_TEST(rates_fall_on_plateaus) {
  enum { ALL = 240 };
  fm_ctx *ctx = new_ctx(2);
  trial whole = new_trial_with(ctx, on_plateaus());
  ledger l = {.best = (double)INFINITY, .rate = peak};
  whole.kit.trainer->options.progress = follow;
  whole.kit.trainer->options.progress_user = &l;
  OK(run(&whole, ALL, ALL));
  ck_assert_uint_ge(l.n_falls, 2);
  CLOSE(whole.kit.trainer->plateau.factor, l.rate / peak, 1e-15);
  char file[512];
  temporary_name(file, sizeof file, "plateau");
  bool between = false; /* whether a break came while poor evaluations were counted */
  for (uint64_t stop = 35; stop < ALL; stop += 5 * EVERY) {
    trial first = new_trial_with(ctx, on_plateaus()), second = new_trial_with(ctx, on_plateaus());
    ledger again = {.best = (double)INFINITY, .rate = peak, .stop_at = stop};
    first.kit.trainer->options.progress = follow;
    first.kit.trainer->options.progress_user = &again;
    FAILS(FM_E_CALLBACK, "progress", run(&first, ALL, ALL));
    between |= first.kit.trainer->plateau.n_poor > 0 && first.kit.trainer->plateau.factor < 1;
    OK(fm_trainer_save(ctx, first.kit.trainer, file));
    OK(fm_trainer_load(ctx, second.kit.trainer, file));
    OK(run(&second, ALL, ALL));
    same_training(whole.kit.trainer, second.kit.trainer);
    free_trial(&first), free_trial(&second);
  }
  ck_assert(between);
  unlink(file);
  free_trial(&whole);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Without evaluations the rate is constant; evaluations leave other schedules alone. */
START_TEST(rates_fall_by_evaluations_alone) {
  fm_ctx *ctx = new_ctx(1);
  fm_optimizer_options o = on_plateaus();
  trial plateau = new_trial_with(ctx, o);
  o.schedule = FM_SCHEDULE_CONSTANT;
  trial constant = new_trial_with(ctx, o), validated = new_trial_with(ctx, o);
  OK(fm_trainer_run(ctx, plateau.kit.trainer, plateau.few, 150));
  OK(fm_trainer_run(ctx, constant.kit.trainer, constant.few, 150));
  OK(run(&validated, 150, 150));
  same_training(plateau.kit.trainer, constant.kit.trainer);
  same_training(validated.kit.trainer, constant.kit.trainer);
  free_trial(&plateau), free_trial(&constant), free_trial(&validated);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A checkpoint from before the first evaluation brings none back. */
START_TEST(loading_an_unvalidated_state_forgets_the_best) {
  fm_ctx *ctx = new_ctx(1);
  trial early = new_trial(ctx), late = new_trial(ctx);
  fm_model *best = NULL;
  char file[512];
  temporary_name(file, sizeof file, "early");
  OK(fm_trainer_run(ctx, early.kit.trainer, early.few, 3));
  OK(fm_trainer_save(ctx, early.kit.trainer, file));
  OK(run(&late, 30, PATIENCE));
  OK(fm_trainer_load(ctx, late.kit.trainer, file));
  FAILS(FM_E_INVALID, "trainer:", fm_trainer_best(ctx, late.kit.trainer, &best, NULL));
  unlink(file);
  free_trial(&early), free_trial(&late);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_model_has_the_loss_of_its_trainer) {
  fm_ctx *ctx = new_ctx(2);
  trial t = new_trial(ctx);
  fm_model *model = NULL;
  double of_trainer, of_model;
  OK(fm_trainer_run(ctx, t.kit.trainer, t.few, 20));
  OK(fm_trainer_model(ctx, t.kit.trainer, &model));
  OK(fm_trainer_evaluate(ctx, t.kit.trainer, t.held_out, 8, 0, &of_trainer));
  OK(fm_model_evaluate(ctx, model, t.held_out, 8, 0, &of_model));
  SAME(&of_trainer, &of_model, 1);
  double again; /* more rows than there are: not the same draws a second time */
  OK(fm_model_evaluate(ctx, model, t.held_out, 8, 2 * ROWS, &again));
  ck_assert(again != of_model);
  CLOSE(again, of_model, .2 * of_model);
  fm_model_destroy(model);
  free_trial(&t);
  fm_ctx_destroy(ctx);
}
END_TEST

static void set_up(void) {
  fill_problem(&p);
  fill_problem(&others);
  uint64_t seed = 99;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < DIM; j++)
      others.x1[i][j] = (float)(2 * others.labels[i] + next_normal(&seed) + (double)others.cond[i][j % COND]);
}

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "train_validate");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  if (!quick()) tcase_add_test(tcase, training_ends_and_the_best_is_kept);
  tcase_add_test(tcase, watching_changes_nothing);
  if (!quick()) { /* many whole runs, which add nothing to what the others do to memory and threads */
    tcase_add_test(tcase, a_resumed_run_ends_where_the_whole_one_does);
    tcase_add_test(tcase, a_stop_in_a_validation_leaves_none_out);
    tcase_add_test(tcase, rates_fall_on_plateaus);
  }
  if (!quick()) tcase_add_test(tcase, rates_fall_by_evaluations_alone);
  tcase_add_test(tcase, loading_an_unvalidated_state_forgets_the_best);
  tcase_add_test(tcase, a_model_has_the_loss_of_its_trainer);
  return run_suite(suite);
}
