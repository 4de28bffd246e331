/* trainer.c - public functions on trainers. */
#include "api/api.h"
#include "core/os.h"
#include "io/files.h"
#include "train/trainer.h"

fm_status fm_trainer_create(fm_ctx *ctx, const fm_net *net, const fm_path *path, const fm_prior *prior,
                            const fm_normaliser *normaliser, const fm_normaliser *cond_normaliser,
                            const fm_optimizer *optimizer, const float *params,
                            const fm_trainer_options *options, fm_trainer **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(net);
  READ_OPTIONS(fm_trainer_options, o, options);
  if (params) FMI_TRY(fmi_check_finite_f32("params", params, 1, net->n_params, &ctx->err));
  fmi_parts parts = {net, path, prior, normaliser, cond_normaliser};
  fm_trainer *t = fmi_trainer_new(&ctx->runtime, &parts, optimizer, &o, &ctx->err);
  if (t == NULL) return ctx->err.status;
  fm_status status = FM_OK;
  if (params)
    fmi_reals_from_floats(t->params, params, net->n_params);
  else
    status = fmi_net_init(net, o.seed, t->params, &ctx->err);
  memcpy(t->ema, t->params, net->n_params * sizeof(real));
  if (status == FM_OK) status = fmi_trainer_pack(&ctx->runtime, t, t->params, t->packed, &ctx->err);
  if (status != FM_OK) {
    fmi_release(t);
    return status;
  }
  RETURN_HANDLE(t);
}

void fm_trainer_destroy(fm_trainer *trainer) { fmi_release(trainer); }

static void copy_cells(double *to, const float *f32, const double *f64, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = f64 ? f64[i] : (double)f32[i];
}

/* A batch's rows of the caller, brought into the trainer. */
typedef struct caller_rows {
  const float *x1_f32, *x0_f32;
  const double *x1_f64, *x0_f64;
  const int32_t *labels;
  const float *cond, *weights;
} caller_rows;

static fm_status step(fm_ctx *ctx, fm_trainer *t, const caller_rows *r, size_t n, double *loss) {
  t->grad_scale = 0; /* until the step is done, grad is nobody's gradient */
  REQUIRE(r->x1_f32 || r->x1_f64, "x1: expected a pointer, found NULL");
  REQUIRE(n >= 1 && n <= t->options.batch, "n: expected 1 to %llu (trainer_options.batch), found %zu",
          (unsigned long long)t->options.batch, n);
  const fm_net *net = t->parts.net;
  size_t cells = n * net->dim, k = n * net->n_class_columns, c = n * net->cond_dim;
  const int32_t *labels = r->labels;
  const float *cond = r->cond;
  REQUIRE_ARRAY(labels, k);
  REQUIRE_ARRAY(cond, c);
  bool pairs = r->x0_f32 || r->x0_f64;
  copy_cells(t->rows.x1, r->x1_f32, r->x1_f64, cells);
  if (pairs) copy_cells(t->rows.x0, r->x0_f32, r->x0_f64, cells);
  if (k) memcpy(t->rows.labels, labels, k * sizeof *labels);
  if (c) memcpy(t->rows.cond, cond, c * sizeof *cond);
  for (size_t i = 0; i < n; i++) t->rows.weights[i] = r->weights ? r->weights[i] : 1;
  FMI_TRY(fmi_trainer_check_rows(t, n, pairs, &ctx->err));
  FMI_TRY(fmi_trainer_step(&ctx->runtime, t, n, pairs, loss, &ctx->err));
  fmi_trainer_publish_if_due(&ctx->runtime, t);
  return FM_OK;
}

fm_status fm_trainer_step(fm_ctx *ctx, fm_trainer *trainer, const float *x1, const float *x0,
                          const int32_t *labels, const float *cond, const float *weights, size_t n,
                          double *loss) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  caller_rows r = {.x1_f32 = x1, .x0_f32 = x0, .labels = labels, .cond = cond, .weights = weights};
  return step(ctx, trainer, &r, n, loss);
}

fm_status fm_trainer_step_f64(fm_ctx *ctx, fm_trainer *trainer, const double *x1, const double *x0,
                              const int32_t *labels, const float *cond, const float *weights, size_t n,
                              double *loss) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  caller_rows r = {.x1_f64 = x1, .x0_f64 = x0, .labels = labels, .cond = cond, .weights = weights};
  return step(ctx, trainer, &r, n, loss);
}

static uint64_t steps_wanted(const fm_trainer *t, uint64_t n_steps) {
  return n_steps ? n_steps : t->optimizer->options.n_steps;
}

fm_status fm_trainer_run(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data, uint64_t n_steps) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  REQUIRE_POINTER(data);
  return fmi_trainer_run(&ctx->runtime, trainer, data, steps_wanted(trainer, n_steps), NULL, &ctx->err);
}

fm_status fm_trainer_run_validated(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data,
                                   const fm_data *held_out, uint64_t n_steps,
                                   const fm_validation_options *options) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  REQUIRE_POINTER(data);
  REQUIRE_POINTER(held_out);
  READ_OPTIONS(fm_validation_options, o, options);
  fmi_validation v;
  n_steps = steps_wanted(trainer, n_steps);
  FMI_TRY(fmi_validation_begin(&ctx->runtime, trainer, held_out, n_steps, &o, &v, &ctx->err));
  fm_status status = fmi_trainer_run(&ctx->runtime, trainer, data, n_steps, &v, &ctx->err);
  fmi_validation_end(&ctx->runtime, &v);
  return status;
}

fm_status fm_trainer_best(fm_ctx *ctx, const fm_trainer *trainer, fm_model **out, double *loss) {
  REQUIRE_OUT();
  REQUIRE_POINTER(trainer);
  REQUIRE(trainer->best_step > 0, "trainer: expected one that fm_trainer_run_validated has validated");
  *out = fmi_trainer_best(&ctx->runtime, trainer, &ctx->err);
  if (*out == NULL) return ctx->err.status;
  if (loss) *loss = trainer->best_loss;
  return FM_OK;
}

fm_status fm_trainer_evaluate(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data, uint64_t seed,
                              uint64_t n, double *loss) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  REQUIRE_POINTER(data);
  REQUIRE_POINTER(loss);
  return fmi_trainer_evaluate(&ctx->runtime, trainer, data, seed, n, loss, &ctx->err);
}

fm_status fm_model_evaluate(fm_ctx *ctx, const fm_model *model, const fm_data *data, uint64_t seed,
                            uint64_t n, double *loss) {
  REQUIRE_CTX();
  REQUIRE_POINTER(model);
  REQUIRE_POINTER(data);
  REQUIRE_POINTER(loss);
  fm_trainer_options defaults = {.struct_size = sizeof defaults, .mean_share = -1}; /* the velocity alone */
  if (model->net->n_times == 2) defaults.objective = FM_OBJECTIVE_MEAN_FLOW;
  fmi_parts parts = {model->net, model->path, model->prior, model->normaliser, model->cond_normaliser};
  fm_trainer *t = fmi_trainer_new(&ctx->runtime, &parts, NULL, &defaults, &ctx->err);
  if (t == NULL) return ctx->err.status;
  memcpy(t->ema, model->ema, model->net->n_params * sizeof(real));
  fm_status status = fmi_trainer_evaluate(&ctx->runtime, t, data, seed, n, loss, &ctx->err);
  fmi_release(t);
  return status;
}

uint64_t fm_trainer_steps(const fm_trainer *trainer) { return trainer ? trainer->step : 0; }

uint64_t fm_trainer_coupling_misses(const fm_trainer *trainer) {
  return trainer ? trainer->pairing.misses : 0;
}

fm_status fm_trainer_get_gradient(fm_ctx *ctx, const fm_trainer *trainer, float *grad) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  REQUIRE_ARRAY(grad, trainer->parts.net->n_params);
  REQUIRE(trainer->grad_scale > 0,
          "trainer: expected one whose last step was done, found none or a failed one");
  for (size_t i = 0; i < trainer->parts.net->n_params; i++)
    grad[i] = (float)(trainer->grad[i] * trainer->grad_scale);
  return FM_OK;
}

fm_status fm_trainer_publish(fm_ctx *ctx, fm_trainer *trainer) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  fmi_trainer_publish(&ctx->runtime, trainer);
  return FM_OK;
}

uint64_t fm_trainer_skipped(const fm_trainer *trainer) { return trainer ? trainer->skipped : 0; }

fm_status fm_trainer_latest(fm_ctx *ctx, const fm_trainer *trainer, fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(trainer);
  *out = fmi_store_latest(trainer->store);
  REQUIRE(*out != NULL, "trainer: expected a published snapshot, found none; set publish_every or call "
                        "fm_trainer_publish");
  return FM_OK;
}

fm_status fm_trainer_model(fm_ctx *ctx, const fm_trainer *trainer, fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(trainer);
  RETURN_HANDLE(fmi_trainer_model(&ctx->runtime, trainer, &ctx->err));
}

fm_status fm_trainer_save(fm_ctx *ctx, const fm_trainer *trainer, const char *file) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  REQUIRE_POINTER(file);
  return fmi_checkpoint_write(ctx->memory, trainer, file, &ctx->err);
}

fm_status fm_trainer_load(fm_ctx *ctx, fm_trainer *trainer, const char *file) {
  REQUIRE_CTX();
  REQUIRE_POINTER(trainer);
  REQUIRE_POINTER(file);
  void *bytes;
  size_t n_bytes;
  FMI_TRY(fmi_os_read_file(ctx->memory, file, &bytes, &n_bytes, &ctx->err));
  fm_status status = fmi_checkpoint_read(&ctx->runtime, trainer, bytes, n_bytes, &ctx->err);
  fmi_free(ctx->memory, bytes);
  if (status != FM_OK) fmi_error_about(&ctx->err, file);
  return status;
}
