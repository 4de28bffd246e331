/* fit.c - everything at once, out of the parts. */
#include "api/api.h"
#include "train/trainer.h"

/* Handles made on the way. */
typedef struct fit {
  fm_ctx *ctx;
  const fm_data *data;
  uint32_t *n_classes;
  fm_net *net;
  fm_normaliser *normaliser, *cond_normaliser;
  fm_trainer *trainer;
} fit;

static fm_status count_classes(fit *f) {
  f->n_classes = fmi_alloc(f->ctx->memory, f->data->n_class_columns, sizeof *f->n_classes, &f->ctx->err);
  if (f->n_classes == NULL) return FM_E_NOMEM;
  return fm_data_count_classes(f->ctx, f->data, f->n_classes);
}

static fm_status fit_statistics(fit *f) {
  FMI_TRY(fm_normaliser_fit_data(f->ctx, FM_NORMALISE_COLUMNS, f->data, FM_DATA_X1, &f->normaliser));
  if (f->data->cond_dim == 0) return FM_OK;
  return fm_normaliser_fit_data(f->ctx, FM_NORMALISE_COLUMNS, f->data, FM_DATA_COND, &f->cond_normaliser);
}

static void release(fit *f) {
  fmi_free(f->ctx->memory, f->n_classes);
  fmi_release(f->trainer);
  fmi_release(f->net);
  fmi_release(f->normaliser);
  fmi_release(f->cond_normaliser);
}

static fm_status prepare(fit *f, const fm_path *path, const fm_prior *prior, const fm_optimizer *optimizer,
                         const fm_net_options *net_options, const fm_trainer_options *options) {
  FMI_TRY(count_classes(f));
  FMI_TRY(fit_statistics(f));
  fm_ctx *ctx = f->ctx;
  READ_OPTIONS(fm_net_options, no, net_options);
  READ_OPTIONS(fm_trainer_options, to, options);
  if (no.n_times == 0 && to.objective == FM_OBJECTIVE_MEAN_FLOW) no.n_times = 2;
  no.struct_size = sizeof no;
  FMI_TRY(fm_net_create(ctx, f->data->dim, f->n_classes, f->data->n_class_columns, f->data->cond_dim, &no,
                        &f->net));
  return fm_trainer_create(f->ctx, f->net, path, prior, f->normaliser, f->cond_normaliser, optimizer, NULL,
                           options, &f->trainer);
}

fm_status fm_fit(fm_ctx *ctx, const fm_data *data, const fm_path *path, const fm_prior *prior,
                 const fm_optimizer *optimizer, const fm_net_options *net_options,
                 const fm_trainer_options *options, fm_model **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(data);
  if (data->n == 0)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "data: expected rows with indexes, found a stream; make a trainer and "
                    "call fm_trainer_run");
  fit f = {.ctx = ctx, .data = data};
  fm_status status = prepare(&f, path, prior, optimizer, net_options, options);
  if (status == FM_OK) status = fm_trainer_run(ctx, f.trainer, data, 0);
  bool usable = status == FM_OK || status == FM_STOPPED || status == FM_E_CALLBACK;
  if (usable && f.trainer && f.trainer->step > 0) {
    fmi_error ended = ctx->err;
    *out = fmi_trainer_model(&ctx->runtime, f.trainer, &ctx->err);
    if (*out == NULL)
      status = ctx->err.status;
    else
      ctx->err = ended;
  }
  release(&f);
  return status;
}
