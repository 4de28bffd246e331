/* Bad arguments of models, trainers and fm_fit. */
#include "bad_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file for one test, removed by forget_file. */
static char file[64];

static const char *new_file(void) {
  strcpy(file, "/tmp/flowmatch-XXXXXX");
  int fd = mkstemp(file);
  ck_assert_int_ge(fd, 0);
  close(fd);
  return file;
}

static void write_file(const void *bytes, size_t n) {
  FILE *stream = fopen(file, "wb");
  ck_assert_ptr_nonnull(stream);
  ck_assert_uint_eq(fwrite(bytes, 1, n, stream), n);
  fclose(stream);
}

static size_t read_file(void *bytes, size_t most) {
  FILE *stream = fopen(file, "rb");
  ck_assert_ptr_nonnull(stream);
  size_t n = fread(bytes, 1, most, stream);
  fclose(stream);
  return n;
}

static void forget_file(void) { unlink(file); }

#define NOWHERE "/nonexistent/folder/model"

/* ---- models ------------------------------------------------------------------------------------------- */

ABOUT(fm_model_create) {
  static float nan_params[N_OUT];
  nan_params[1] = NAN;
  NO_CTX_MADE(fm_model, fm_model_create(NULL, g.net, g.params, NULL, NULL, NULL, NULL, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_model_create(g.ctx, g.net, g.params, NULL, NULL, NULL, NULL, NULL, NULL));
#define NO_MODEL(expected, word, net, params, ema, prior, normaliser, cond_normaliser)                       \
  NOT_MADE(fm_model, expected, word,                                                                         \
           fm_model_create(g.ctx, net, params, ema, NULL, prior, normaliser, cond_normaliser, &made))
  NO_MODEL(FM_E_INVALID, "net:", NULL, g.params, NULL, NULL, NULL, NULL);
  NO_MODEL(FM_E_INVALID, "params:", g.net, NULL, NULL, NULL, NULL, NULL);
  NO_MODEL(FM_E_NONFINITE, "params:", g.net, nan_params, NULL, NULL, NULL, NULL);
  NO_MODEL(FM_E_NONFINITE, "ema:", g.net, g.params, nan_params, NULL, NULL, NULL);
  NO_MODEL(FM_E_MISMATCH, "prior:", g.net, g.params, NULL, g.wide_prior, NULL, NULL);
  NO_MODEL(FM_E_MISMATCH, "normaliser:", g.net, g.params, NULL, NULL, g.wide_normaliser, NULL);
  NO_MODEL(FM_E_MISMATCH, "cond_normaliser:", g.net, g.params, NULL, NULL, NULL, g.wide_normaliser);
  NO_MODEL(FM_E_MISMATCH, "cond_normaliser:", g.wide_net, g.params, NULL, NULL, NULL, g.normaliser);
#undef NO_MODEL
}

ABOUT(fm_model_destroy) { fm_model_destroy(NULL); }

ABOUT(fm_model_save) {
  const char *path = new_file();
  fm_model *with_path = NULL, *with_prior = NULL;
  FINE(fm_model_create(g.ctx, g.net, g.params, NULL, g.own_path, NULL, NULL, NULL, &with_path));
  FINE(fm_model_create(g.ctx, g.net, g.params, NULL, NULL, g.own_prior, NULL, NULL, &with_prior));
  NO_CTX(fm_model_save(NULL, g.model, path));
  REFUSED(FM_E_INVALID, "model:", fm_model_save(g.ctx, NULL, path));
  REFUSED(FM_E_INVALID, "file:", fm_model_save(g.ctx, g.model, NULL));
  REFUSED(FM_E_INVALID, "file:", fm_model_save(g.ctx, g.model, ""));
  REFUSED(FM_E_IO, NOWHERE, fm_model_save(g.ctx, g.model, NOWHERE));
  REFUSED(FM_E_UNSUPPORTED, "network", fm_model_save(g.ctx, g.own_model, path));
  REFUSED(FM_E_UNSUPPORTED, "path", fm_model_save(g.ctx, with_path, path));
  REFUSED(FM_E_UNSUPPORTED, "prior", fm_model_save(g.ctx, with_prior, path));
  char byte;
  ck_assert_uint_eq(read_file(&byte, 1), 0); /* the old file is still there */
  fm_model_destroy(with_path);
  fm_model_destroy(with_prior);
  forget_file();
}

ABOUT(fm_model_load) {
  static char bytes[1u << 16];
  const char *path = new_file();
  NO_CTX_MADE(fm_model, fm_model_load(NULL, path, &made));
  REFUSED(FM_E_INVALID, "out:", fm_model_load(g.ctx, path, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "file:", fm_model_load(g.ctx, NULL, &made));
  NOT_MADE(fm_model, FM_E_IO, NOWHERE, fm_model_load(g.ctx, NOWHERE, &made));
  NOT_MADE(fm_model, FM_E_IO, "/tmp", fm_model_load(g.ctx, "/tmp", &made));
  NOT_MADE(fm_model, FM_E_FORMAT, path, fm_model_load(g.ctx, path, &made));
  write_file("a few words, not a model", 24);
  NOT_MADE(fm_model, FM_E_FORMAT, path, fm_model_load(g.ctx, path, &made));
  FINE(fm_model_save(g.ctx, g.model, path));
  size_t n = read_file(bytes, sizeof bytes);
  bytes[n - 1] ^= 1;
  write_file(bytes, n);
  NOT_MADE(fm_model, FM_E_CHECKSUM, path, fm_model_load(g.ctx, path, &made));
  FINE(fm_trainer_save(g.ctx, g.trainer, path));
  NOT_MADE(fm_model, FM_E_FORMAT, "checkpoint", fm_model_load(g.ctx, path, &made));
  forget_file();
}

ABOUT(fm_model_load_memory) {
  static char bytes[1u << 16];
  const char *path = new_file();
  FINE(fm_model_save(g.ctx, g.model, path));
  size_t n = read_file(bytes, sizeof bytes);
  NO_CTX_MADE(fm_model, fm_model_load_memory(NULL, bytes, n, &made));
  REFUSED(FM_E_INVALID, "out:", fm_model_load_memory(g.ctx, bytes, n, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "bytes:", fm_model_load_memory(g.ctx, NULL, n, &made));
  NOT_MADE(fm_model, FM_E_FORMAT, "", fm_model_load_memory(g.ctx, NULL, 0, &made));
  NOT_MADE(fm_model, FM_E_FORMAT, "", fm_model_load_memory(g.ctx, bytes, 7, &made));
  NOT_MADE(fm_model, FM_E_CHECKSUM, "", fm_model_load_memory(g.ctx, bytes, n - 4, &made));
  fm_model *made = NULL;
  FINE(fm_model_load_memory(g.ctx, bytes, n, &made));
  fm_model_destroy(made);
  forget_file();
}

ABOUT(fm_model_net) {
  ck_assert_ptr_null(fm_model_net(NULL));
  ck_assert_ptr_eq(fm_model_net(g.model), g.net);
}
ABOUT(fm_model_prior) { ck_assert_ptr_null(fm_model_prior(NULL)); }
ABOUT(fm_model_path) { ck_assert_ptr_null(fm_model_path(NULL)); }
ABOUT(fm_model_normaliser) { ck_assert_ptr_null(fm_model_normaliser(NULL)); }
ABOUT(fm_model_train_steps) { ck_assert_uint_eq(fm_model_train_steps(NULL), 0); }

ABOUT(fm_model_get_params) {
  NO_CTX(fm_model_get_params(NULL, g.model, out.f32[0], out.f32[1]));
  REFUSED(FM_E_INVALID, "model:", fm_model_get_params(g.ctx, NULL, out.f32[0], out.f32[1]));
  FINE(fm_model_get_params(g.ctx, g.model, NULL, NULL));
}

ABOUT(fm_model_with_note) {
  static char long_text[4098];
  memset(long_text, 'a', sizeof long_text - 1);
  const char *long_key = long_text + sizeof long_text - 1 - 65;
  NO_CTX_MADE(fm_model, fm_model_with_note(NULL, g.model, "key", "value", &made));
  REFUSED(FM_E_INVALID, "out:", fm_model_with_note(g.ctx, g.model, "key", "value", NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "model:", fm_model_with_note(g.ctx, NULL, "key", "value", &made));
  NOT_MADE(fm_model, FM_E_INVALID, "key:", fm_model_with_note(g.ctx, g.model, NULL, "value", &made));
  NOT_MADE(fm_model, FM_E_INVALID, "key:", fm_model_with_note(g.ctx, g.model, "", "value", &made));
  NOT_MADE(fm_model, FM_E_INVALID, "key:", fm_model_with_note(g.ctx, g.model, long_key, "value", &made));
  NOT_MADE(fm_model, FM_E_INVALID, "key:", fm_model_with_note(g.ctx, g.model, "\xff", "value", &made));
  NOT_MADE(fm_model, FM_E_INVALID, "value:", fm_model_with_note(g.ctx, g.model, "key", NULL, &made));
  NOT_MADE(fm_model, FM_E_INVALID, "value:", fm_model_with_note(g.ctx, g.model, "key", long_text, &made));
  NOT_MADE(fm_model, FM_E_INVALID, "value:", fm_model_with_note(g.ctx, g.model, "key", "\xc3", &made));
}

ABOUT(fm_model_note) {
  ck_assert_ptr_null(fm_model_note(NULL, "key"));
  ck_assert_ptr_null(fm_model_note(g.model, NULL));
  ck_assert_ptr_null(fm_model_note(g.model, "key"));
}

/* ---- trainers ------------------------------------------------------------------------------------------ */

static int32_t own_times(void *user, const fm_time_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n; i++) r->t[i] = r->uniforms[2 * i];
  return 0;
}
static int32_t own_weights(void *user, const fm_time_weight_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n; i++) r->weight[i] = 1;
  return 0;
}

ABOUT(fm_trainer_create) {
  static float nan_params[N_OUT];
  nan_params[1] = NAN;
  NO_CTX_MADE(fm_trainer, fm_trainer_create(NULL, g.net, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &made));
  REFUSED(FM_E_INVALID,
          "out:", fm_trainer_create(g.ctx, g.net, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
  BAD_SIZES(fm_trainer, fm_trainer_options,
            fm_trainer_create(g.ctx, g.net, NULL, NULL, NULL, NULL, NULL, NULL, options, &made));
#define NO_TRAINER(expected, word, net, prior, normaliser, cond_normaliser, params)                          \
  NOT_MADE(                                                                                                  \
      fm_trainer, expected, word,                                                                            \
      fm_trainer_create(g.ctx, net, NULL, prior, normaliser, cond_normaliser, NULL, params, NULL, &made))
  NO_TRAINER(FM_E_INVALID, "net:", NULL, NULL, NULL, NULL, NULL);
  NO_TRAINER(FM_E_MISMATCH, "prior:", g.net, g.wide_prior, NULL, NULL, NULL);
  NO_TRAINER(FM_E_MISMATCH, "normaliser:", g.net, NULL, g.wide_normaliser, NULL, NULL);
  NO_TRAINER(FM_E_MISMATCH, "cond_normaliser:", g.net, NULL, NULL, g.wide_normaliser, NULL);
  NO_TRAINER(FM_E_NONFINITE, "params:", g.net, NULL, NULL, NULL, nan_params);
#undef NO_TRAINER
#define NO_TRAINER(expected, word, ...)                                                                      \
  NOT_MADE(fm_trainer, expected, word,                                                                       \
           fm_trainer_create(g.ctx, g.net, NULL, NULL, NULL, NULL, NULL, NULL,                               \
                             WITH(fm_trainer_options, __VA_ARGS__), &made))
  NO_TRAINER(FM_E_INVALID, "batch:", .batch = UINT64_MAX);
  NO_TRAINER(FM_E_INVALID, "n_snapshots:", .n_snapshots = 1);
  NO_TRAINER(FM_E_INVALID, "n_snapshots:", .n_snapshots = UINT64_MAX);
  NO_TRAINER(FM_E_INVALID, "ema_decay:", .ema_decay = 1);
  NO_TRAINER(FM_E_INVALID, "ema_decay:", .ema_decay = NAN);
  NO_TRAINER(FM_E_INVALID, "label_dropout:", .label_dropout = 1.5);
  NO_TRAINER(FM_E_INVALID, "label_dropout:", .label_dropout = NAN);
  NO_TRAINER(FM_E_UNSUPPORTED, "time_sampling:", .time_sampling = 99);
  NO_TRAINER(FM_E_UNSUPPORTED, "loss_weight:", .loss_weight = 99);
  NO_TRAINER(FM_E_INVALID, "time_a:", .time_a = .5);
  NO_TRAINER(FM_E_INVALID, "time_a:", .time_sampling = FM_TIME_MODE, .time_a = 2);
  NO_TRAINER(FM_E_INVALID, "time_a:", .time_sampling = FM_TIME_MODE, .time_a = NAN);
  NO_TRAINER(FM_E_INVALID, "time_b:", .time_sampling = FM_TIME_LOGIT_NORMAL, .time_b = -1);
  NO_TRAINER(FM_E_INVALID, "weight_a:", .weight_a = 1);
  NO_TRAINER(FM_E_INVALID, "weight_a:", .loss_weight = FM_WEIGHT_MIN_SNR, .weight_a = -1);
  NO_TRAINER(FM_E_INVALID, "time_sampling:", .time_sampling = FM_TIME_MODE, .time = own_times);
  NO_TRAINER(FM_E_INVALID, "loss_weight:", .loss_weight = FM_WEIGHT_X1, .weight = own_weights);
  NO_TRAINER(FM_E_INVALID, "accumulate:", .accumulate = UINT64_MAX);
  NO_TRAINER(FM_E_UNSUPPORTED, "objective:", .objective = 2);
  NO_TRAINER(FM_E_MISMATCH, "objective:", .objective = FM_OBJECTIVE_MEAN_FLOW);
  NO_TRAINER(FM_E_INVALID, "mean_share:", .mean_share = 1.5);
  NO_TRAINER(FM_E_INVALID, "mean_share:", .mean_share = NAN);
  NO_TRAINER(FM_E_INVALID, "mean_weight_power:", .mean_weight_power = -1);
  NO_TRAINER(FM_E_INVALID, "mean_weight_power:", .mean_weight_power = NAN);
  NO_TRAINER(FM_E_INVALID, "mean_weight_offset:", .mean_weight_offset = -1);
  NO_TRAINER(FM_E_UNSUPPORTED, "coupling", .coupling = 99);
  NO_TRAINER(FM_E_UNSUPPORTED, "coupling:", .coupling = FM_COUPLING_BRIDGE);
  NO_TRAINER(FM_E_INVALID, "coupling_tolerance:", .coupling_tolerance = .1);
  NO_TRAINER(FM_E_INVALID, "coupling_tolerance:", .coupling = FM_COUPLING_OT, .coupling_tolerance = .1);
  NO_TRAINER(FM_E_INVALID, "coupling_class_weight:", .coupling = FM_COUPLING_OT,
             .coupling_class_weight = NAN);
  NO_TRAINER(FM_E_INVALID, "coupling_regularisation:", .coupling = FM_COUPLING_SINKHORN,
             .coupling_regularisation = -1);
  NO_TRAINER(FM_E_NOMEM, "", .coupling = FM_COUPLING_OT, .batch = UINT32_MAX);
#undef NO_TRAINER
  callback_answer = 3;
  NOT_MADE(fm_trainer, FM_E_CALLBACK,
           "net:", fm_trainer_create(g.ctx, g.own_net, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &made));
}

ABOUT(fm_trainer_destroy) { fm_trainer_destroy(NULL); }
ABOUT(fm_trainer_steps) { ck_assert_uint_eq(fm_trainer_steps(NULL), 0); }
ABOUT(fm_trainer_coupling_misses) { ck_assert_uint_eq(fm_trainer_coupling_misses(NULL), 0); }
ABOUT(fm_trainer_skipped) { ck_assert_uint_eq(fm_trainer_skipped(NULL), 0); }

ABOUT(fm_trainer_step) {
  const float no_weights[N] = {0, 0, 0};
  double *loss = &out.scalar;
  NO_CTX(fm_trainer_step(NULL, g.trainer, rows, NULL, labels, rows, NULL, N, loss));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_step(g.ctx, NULL, rows, NULL, labels, rows, NULL, N, loss));
#define NO_STEP(expected, word, x1, x0, label, cond, weight, n)                                              \
  REFUSED(expected, word, fm_trainer_step(g.ctx, g.trainer, x1, x0, label, cond, weight, n, loss))
  NO_STEP(FM_E_INVALID, "x1:", NULL, NULL, labels, rows, NULL, N);
  NO_STEP(FM_E_INVALID, "labels:", rows, NULL, NULL, rows, NULL, N);
  NO_STEP(FM_E_INVALID, "cond:", rows, NULL, labels, NULL, NULL, N);
  NO_STEP(FM_E_INVALID, "n:", rows, NULL, labels, rows, NULL, 0);
  NO_STEP(FM_E_INVALID, "n:", rows, NULL, labels, rows, NULL, N + 1);
  NO_STEP(FM_E_INVALID, "n:", rows, NULL, labels, rows, NULL, SIZE_MAX);
  NO_STEP(FM_E_NONFINITE, "x1:", nan_rows, NULL, labels, rows, NULL, N);
  NO_STEP(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, infinite_rows, NULL, labels, rows, NULL, N);
  NO_STEP(FM_E_NONFINITE, "x0:", rows, nan_rows, labels, rows, NULL, N);
  NO_STEP(FM_E_NONFINITE, "cond:", rows, NULL, labels, nan_rows, NULL, N);
  NO_STEP(FM_E_INVALID, "labels:", rows, NULL, large_labels, rows, NULL, N);
  NO_STEP(FM_E_INVALID, "row 1, column 0", rows, NULL, low_labels, rows, NULL, N);
  NO_STEP(FM_E_INVALID, "weights:", rows, NULL, labels, rows, negative_weights, N);
  NO_STEP(FM_E_NONFINITE, "weights:", rows, NULL, labels, rows, nan_weights, N);
  NO_STEP(FM_E_INVALID, "weights:", rows, NULL, labels, rows, no_weights, N);
#undef NO_STEP
  ck_assert_uint_eq(fm_trainer_steps(g.trainer), 0);
}

ABOUT(fm_trainer_step_f64) {
  double *loss = &out.scalar;
  NO_CTX(fm_trainer_step_f64(NULL, g.trainer, rows64, NULL, labels, rows, NULL, N, loss));
  REFUSED(FM_E_INVALID,
          "trainer:", fm_trainer_step_f64(g.ctx, NULL, rows64, NULL, labels, rows, NULL, N, loss));
#define NO_STEP(expected, word, x1, x0, label, cond, weight, n)                                              \
  REFUSED(expected, word, fm_trainer_step_f64(g.ctx, g.trainer, x1, x0, label, cond, weight, n, loss))
  NO_STEP(FM_E_INVALID, "x1:", NULL, NULL, labels, rows, NULL, N);
  NO_STEP(FM_E_INVALID, "labels:", rows64, NULL, NULL, rows, NULL, N);
  NO_STEP(FM_E_INVALID, "cond:", rows64, NULL, labels, NULL, NULL, N);
  NO_STEP(FM_E_INVALID, "n:", rows64, NULL, labels, rows, NULL, N + 1);
  NO_STEP(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, nan_rows64, NULL, labels, rows, NULL, N);
  NO_STEP(FM_E_NONFINITE, "x0:", rows64, nan_rows64, labels, rows, NULL, N);
#undef NO_STEP
  ck_assert_uint_eq(fm_trainer_steps(g.trainer), 0);
}

/* Data whose labels the net has no class for. */
static fm_data *foreign_labels(void) {
  fm_data *data = NULL;
  FINE(fm_data_create(g.ctx, rows, NULL, large_labels, rows, NULL, N, 2, 1, 2, NULL, &data));
  return data;
}

ABOUT(fm_trainer_run) {
  fm_data *foreign = foreign_labels();
  NO_CTX(fm_trainer_run(NULL, g.trainer, g.data, 2));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_run(g.ctx, NULL, g.data, 2));
  REFUSED(FM_E_INVALID, "data:", fm_trainer_run(g.ctx, g.trainer, NULL, 2));
  REFUSED(FM_E_MISMATCH, "data:", fm_trainer_run(g.ctx, g.trainer, g.wide_data, 2));
  REFUSED(FM_E_MISMATCH, "class columns", fm_trainer_run(g.ctx, g.trainer, g.plain_data, 2));
  REFUSED(FM_E_INVALID, "labels:", fm_trainer_run(g.ctx, g.trainer, foreign, 2));
  callback_writes_nan = true;
  REFUSED(FM_E_NONFINITE, "row 0, column 0", fm_trainer_run(g.ctx, g.trainer, g.stream, 2));
  callback_writes_nan = false;
  callback_answer = 8;
  REFUSED(FM_E_CALLBACK, "data:", fm_trainer_run(g.ctx, g.trainer, g.stream, 2));
  ck_assert_uint_eq(fm_trainer_steps(g.trainer), 0);
  REFUSED(FM_E_CALLBACK, "progress", fm_trainer_run(g.ctx, g.trainer, g.data, 2));
  ck_assert_uint_eq(fm_trainer_steps(g.trainer), 1); /* the step before it stands */
  fm_data_destroy(foreign);
}

ABOUT(fm_trainer_run_validated) {
  const fm_validation_options short_one = {.struct_size = 4};
  NO_CTX(fm_trainer_run_validated(NULL, g.trainer, g.data, g.data, 2, NULL));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_run_validated(g.ctx, NULL, g.data, g.data, 2, NULL));
  REFUSED(FM_E_INVALID, "data:", fm_trainer_run_validated(g.ctx, g.trainer, NULL, g.data, 2, NULL));
  REFUSED(FM_E_INVALID, "held_out:", fm_trainer_run_validated(g.ctx, g.trainer, g.data, NULL, 2, NULL));
  REFUSED(FM_E_MISMATCH, "data:", fm_trainer_run_validated(g.ctx, g.trainer, g.wide_data, g.data, 2, NULL));
  REFUSED(FM_E_MISMATCH,
          "held_out:", fm_trainer_run_validated(g.ctx, g.trainer, g.data, g.wide_data, 2, NULL));
  REFUSED(FM_E_INVALID, "struct_size",
          fm_trainer_run_validated(g.ctx, g.trainer, g.data, g.data, 2, &short_one));
  ck_assert_uint_eq(fm_trainer_steps(g.trainer), 0);
  callback_answer = 4;
  REFUSED(FM_E_CALLBACK, "pull", fm_trainer_run_validated(g.ctx, g.trainer, g.data, g.stream, 1, NULL));
}

ABOUT(fm_trainer_best) {
  NO_CTX_MADE(fm_model, fm_trainer_best(NULL, g.trainer, &made, NULL));
  REFUSED(FM_E_INVALID, "out:", fm_trainer_best(g.ctx, g.trainer, NULL, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "trainer:", fm_trainer_best(g.ctx, NULL, &made, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "trainer:", fm_trainer_best(g.ctx, g.trainer, &made, NULL));
}

ABOUT(fm_model_evaluate) {
  double *loss = &out.scalar;
  NO_CTX(fm_model_evaluate(NULL, g.model, g.data, 1, 0, loss));
  REFUSED(FM_E_INVALID, "model:", fm_model_evaluate(g.ctx, NULL, g.data, 1, 0, loss));
  REFUSED(FM_E_INVALID, "data:", fm_model_evaluate(g.ctx, g.model, NULL, 1, 0, loss));
  REFUSED(FM_E_INVALID, "loss:", fm_model_evaluate(g.ctx, g.model, g.data, 1, 0, NULL));
  REFUSED(FM_E_MISMATCH, "data:", fm_model_evaluate(g.ctx, g.model, g.wide_data, 1, 0, loss));
  REFUSED(FM_E_INVALID, "n:", fm_model_evaluate(g.ctx, g.model, g.stream, 1, 0, loss));
}

ABOUT(fm_trainer_evaluate) {
  fm_data *foreign = foreign_labels();
  double *loss = &out.scalar;
  NO_CTX(fm_trainer_evaluate(NULL, g.trainer, g.data, 1, 0, loss));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_evaluate(g.ctx, NULL, g.data, 1, 0, loss));
  REFUSED(FM_E_INVALID, "data:", fm_trainer_evaluate(g.ctx, g.trainer, NULL, 1, 0, loss));
  REFUSED(FM_E_INVALID, "loss:", fm_trainer_evaluate(g.ctx, g.trainer, g.data, 1, 0, NULL));
  REFUSED(FM_E_MISMATCH, "data:", fm_trainer_evaluate(g.ctx, g.trainer, g.wide_data, 1, 0, loss));
  REFUSED(FM_E_INVALID, "labels:", fm_trainer_evaluate(g.ctx, g.trainer, foreign, 1, 0, loss));
  REFUSED(FM_E_INVALID, "n:", fm_trainer_evaluate(g.ctx, g.trainer, g.stream, 1, 0, loss));
  callback_answer = 1;
  REFUSED(FM_E_CALLBACK, "data:", fm_trainer_evaluate(g.ctx, g.trainer, g.stream, 1, 4, loss));
  fm_data_destroy(foreign);
}

ABOUT(fm_trainer_get_gradient) {
  NO_CTX(fm_trainer_get_gradient(NULL, g.trainer, out.f32[0]));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_get_gradient(g.ctx, NULL, out.f32[0]));
  REFUSED(FM_E_INVALID, "grad:", fm_trainer_get_gradient(g.ctx, g.trainer, NULL));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_get_gradient(g.ctx, g.trainer, out.f32[0]));
}

ABOUT(fm_trainer_publish) {
  NO_CTX(fm_trainer_publish(NULL, g.trainer));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_publish(g.ctx, NULL));
}

ABOUT(fm_trainer_latest) {
  NO_CTX_MADE(fm_model, fm_trainer_latest(NULL, g.trainer, &made));
  REFUSED(FM_E_INVALID, "out:", fm_trainer_latest(g.ctx, g.trainer, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "trainer:", fm_trainer_latest(g.ctx, NULL, &made));
  NOT_MADE(fm_model, FM_E_INVALID, "trainer:", fm_trainer_latest(g.ctx, g.trainer, &made));
}

ABOUT(fm_trainer_model) {
  NO_CTX_MADE(fm_model, fm_trainer_model(NULL, g.trainer, &made));
  REFUSED(FM_E_INVALID, "out:", fm_trainer_model(g.ctx, g.trainer, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "trainer:", fm_trainer_model(g.ctx, NULL, &made));
}

ABOUT(fm_trainer_save) {
  const char *path = new_file();
  NO_CTX(fm_trainer_save(NULL, g.trainer, path));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_save(g.ctx, NULL, path));
  REFUSED(FM_E_INVALID, "file:", fm_trainer_save(g.ctx, g.trainer, NULL));
  REFUSED(FM_E_IO, NOWHERE, fm_trainer_save(g.ctx, g.trainer, NOWHERE));
  forget_file();
}

ABOUT(fm_trainer_load) {
  const char *path = new_file();
  fm_trainer *other = NULL;
  FINE(fm_trainer_create(g.ctx, g.net, NULL, NULL, NULL, NULL, NULL, NULL,
                         WITH(fm_trainer_options, .batch = N + 1), &other));
  NO_CTX(fm_trainer_load(NULL, g.trainer, path));
  REFUSED(FM_E_INVALID, "trainer:", fm_trainer_load(g.ctx, NULL, path));
  REFUSED(FM_E_INVALID, "file:", fm_trainer_load(g.ctx, g.trainer, NULL));
  REFUSED(FM_E_IO, NOWHERE, fm_trainer_load(g.ctx, g.trainer, NOWHERE));
  REFUSED(FM_E_FORMAT, path, fm_trainer_load(g.ctx, g.trainer, path));
  FINE(fm_model_save(g.ctx, g.model, path));
  REFUSED(FM_E_FORMAT, path, fm_trainer_load(g.ctx, g.trainer, path));
  FINE(fm_trainer_run(g.ctx, g.trainer, g.data, 1));
  FINE(fm_trainer_save(g.ctx, g.trainer, path));
  REFUSED(FM_E_MISMATCH, "trainer.batch", fm_trainer_load(g.ctx, other, path));
  ck_assert_uint_eq(fm_trainer_steps(other), 0);
  fm_trainer_destroy(other);
  forget_file();
}

/* ---- everything at once
   --------------------------------------------------------------------------------- */

ABOUT(fm_fit) {
  NO_CTX_MADE(fm_model, fm_fit(NULL, g.data, NULL, NULL, NULL, NULL, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_fit(g.ctx, g.data, NULL, NULL, NULL, NULL, NULL, NULL));
  NOT_MADE(fm_model, FM_E_INVALID, "data:", fm_fit(g.ctx, NULL, NULL, NULL, NULL, NULL, NULL, &made));
  NOT_MADE(fm_model, FM_E_UNSUPPORTED, "data:", fm_fit(g.ctx, g.stream, NULL, NULL, NULL, NULL, NULL, &made));
  NOT_MADE(fm_model, FM_E_MISMATCH,
           "prior:", fm_fit(g.ctx, g.data, NULL, g.wide_prior, NULL, NULL, NULL, &made));
  NOT_MADE(fm_model, FM_E_UNSUPPORTED,
           "kind:", fm_fit(g.ctx, g.data, NULL, NULL, NULL, WITH(fm_net_options, .kind = 9), NULL, &made));
  NOT_MADE(fm_model, FM_E_INVALID, "struct_size",
           fm_fit(g.ctx, g.data, NULL, NULL, NULL, &(fm_net_options){.width = 4}, NULL, &made));
  NOT_MADE(fm_model, FM_E_INVALID, "n_snapshots:",
           fm_fit(g.ctx, g.data, NULL, NULL, NULL, NULL, WITH(fm_trainer_options, .n_snapshots = 1), &made));
  fm_ctx_stop(g.ctx);
  NOT_MADE(fm_model, FM_STOPPED, "stopped",
           fm_fit(g.ctx, g.data, NULL, NULL, NULL, WITH(fm_net_options, .width = 4), NULL, &made));
}
