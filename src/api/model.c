/* model.c - public functions on models. */
#include "api/api.h"
#include "core/os.h"
#include "io/files.h"
#include "io/json.h"

static fm_status check_params(fm_ctx *ctx, const char *name, const float *params, size_t n) {
  return params ? fmi_check_finite_f32(name, params, 1, n, &ctx->err) : FM_OK;
}

fm_status fm_model_create(fm_ctx *ctx, const fm_net *net, const float *params, const float *ema,
                          const fm_path *path, const fm_prior *prior, const fm_normaliser *normaliser,
                          const fm_normaliser *cond_normaliser, fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(net);
  REQUIRE_ARRAY(params, net->n_params);
  FMI_TRY(check_params(ctx, "params", params, net->n_params));
  FMI_TRY(check_params(ctx, "ema", ema, net->n_params));
  fmi_parts parts = {net, path, prior, normaliser, cond_normaliser, {.kind = FM_VELOCITY}};
  fm_model *m = fmi_model_new(ctx->memory, &parts, &ctx->err);
  if (m != NULL) {
    fmi_reals_from_floats(m->params, params, net->n_params);
    fmi_reals_from_floats(m->ema, ema ? ema : params, net->n_params);
    fmi_model_pack(m, ctx->runtime.kernels);
  }
  RETURN_HANDLE(m);
}

void fm_model_destroy(fm_model *model) { fmi_release(model); }

fm_status fm_model_save(fm_ctx *ctx, const fm_model *model, const char *file) {
  REQUIRE_CTX();
  REQUIRE_POINTER(model);
  REQUIRE_POINTER(file);
  return fmi_model_write(ctx->memory, model, file, &ctx->err);
}

fm_status fm_model_load_memory(fm_ctx *ctx, const void *bytes, size_t n_bytes, fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_ARRAY(bytes, n_bytes);
  RETURN_HANDLE(fmi_model_read(&ctx->runtime, bytes, n_bytes, &ctx->err));
}

fm_status fm_model_load(fm_ctx *ctx, const char *file, fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(file);
  void *bytes;
  size_t n_bytes;
  FMI_TRY(fmi_os_read_file(ctx->memory, file, &bytes, &n_bytes, &ctx->err));
  fm_model *model = fmi_model_read(&ctx->runtime, bytes, n_bytes, &ctx->err);
  fmi_free(ctx->memory, bytes);
  if (model == NULL) fmi_error_about(&ctx->err, file);
  RETURN_HANDLE(model);
}

const fm_net *fm_model_net(const fm_model *model) { return model ? model->net : NULL; }
const fm_path *fm_model_path(const fm_model *model) { return model ? model->path : NULL; }
const fm_prior *fm_model_prior(const fm_model *model) { return model ? model->prior : NULL; }
const fm_normaliser *fm_model_normaliser(const fm_model *model) { return model ? model->normaliser : NULL; }
uint64_t fm_model_train_steps(const fm_model *model) { return model ? model->train_steps : 0; }

fm_status fm_model_get_params(fm_ctx *ctx, const fm_model *model, float *params, float *ema) {
  REQUIRE_CTX();
  REQUIRE_POINTER(model);
  if (params) fmi_floats_from_reals(params, model->params, model->net->n_params);
  if (ema) fmi_floats_from_reals(ema, model->ema, model->net->n_params);
  return FM_OK;
}

uint32_t fm_model_prediction(const fm_model *model) { return model ? model->prediction.kind : 0; }
uint32_t fm_model_baseline(const fm_model *model) { return model ? model->prediction.baseline : 0; }

static fm_status copy_into(fm_ctx *ctx, const fm_model *from, fm_model *to) {
  memcpy(to->params, from->params, from->net->n_params * sizeof(real));
  memcpy(to->ema, from->ema, from->net->n_params * sizeof(real));
  to->train_steps = from->train_steps;
  to->paired = from->paired;
  fmi_model_pack(to, ctx->runtime.kernels);
  return fmi_model_copy_notes(to, from, NULL, &ctx->err);
}

/* A copy made of these parts, with a note unless key is NULL; *out is NULL on failure. */
static void copy(fm_ctx *ctx, const fm_model *from, const fmi_parts *parts, const char *key,
                 const char *value, fm_model **out) {
  *out = fmi_model_new(ctx->memory, parts, &ctx->err);
  if (*out == NULL) return;
  fm_status status = copy_into(ctx, from, *out);
  if (status == FM_OK && key != NULL) status = fmi_model_add_note(*out, key, value, &ctx->err);
  if (status == FM_OK) return;
  fmi_release(*out);
  *out = NULL;
}

fm_status fm_model_with_note(fm_ctx *ctx, const fm_model *model, const char *key, const char *value,
                             fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(model);
  REQUIRE_POINTER(key);
  REQUIRE_POINTER(value);
  REQUIRE(strlen(key) >= 1 && strlen(key) <= 64, "key: expected 1 to 64 bytes, found %zu", strlen(key));
  REQUIRE(strlen(value) <= 4096, "value: expected at most 4096 bytes, found %zu", strlen(value));
  REQUIRE(fmi_utf8_valid(key, strlen(key)), "key: expected UTF-8, found other bytes");
  REQUIRE(fmi_utf8_valid(value, strlen(value)), "value: expected UTF-8, found other bytes");
  const fmi_parts parts = fmi_parts_of(model);
  fm_model *noted;
  copy(ctx, model, &parts, key, value, &noted);
  RETURN_HANDLE(noted);
}

fm_status fm_model_with_prediction(fm_ctx *ctx, const fm_model *model, uint32_t prediction, uint32_t baseline,
                                   fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(model);
  if (prediction == FM_SCORE && model->paired)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "prediction: a score needs independent pairs");
  fmi_parts parts = fmi_parts_of(model);
  parts.prediction = (fmi_prediction){.kind = prediction, .baseline = baseline};
  fm_model *read;
  copy(ctx, model, &parts, NULL, NULL, &read);
  RETURN_HANDLE(read);
}

const char *fm_model_note(const fm_model *model, const char *key) {
  return model && key ? fmi_model_note(model, key) : NULL;
}
