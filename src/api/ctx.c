/* ctx.c - the context: what a host lends the library. */
#include "api/api.h"

static void set_up_blas(fm_ctx *ctx, uint32_t blas) {
  if (blas == FM_BLAS_SERIAL) fmi_blas_make_serial();
  fmi_blas_query(&ctx->blas);
  bool there = strcmp(ctx->blas.name, "none") != 0;
  ctx->runtime.use_blas =
      there && (blas == FM_BLAS_AS_IS || (blas != FM_BLAS_NEVER && ctx->blas.threads == 1));
}

static fm_status set_up(fm_ctx *ctx, const fm_ctx_options *o) {
  const fmi_kernels *kernels = fmi_kernels_get(o->isa);
  if (kernels == NULL || o->blas > FM_BLAS_AS_IS) return FM_E_UNSUPPORTED;
  ctx->pool = fmi_pool_create(ctx->memory, o, &ctx->err);
  if (ctx->pool == NULL) return ctx->err.status;
  atomic_init(&ctx->stop, false);
  ctx->runtime =
      (fmi_runtime){.memory = ctx->memory, .pool = ctx->pool, .kernels = kernels, .stop = &ctx->stop};
  set_up_blas(ctx, o->blas);
  return FM_OK;
}

fm_status fm_ctx_create(const fm_ctx_options *options, fm_ctx **out) {
  if (out == NULL) return FM_E_INVALID;
  *out = NULL;
  fm_ctx_options o;
  fm_status status = fmi_options_read(NULL, "fm_ctx_options", options, &o, sizeof o);
  if (status != FM_OK) return status;
  if ((o.alloc == NULL) != (o.release == NULL) || o.n_threads > 256 || o.reserved != 0) return FM_E_INVALID;
  fmi_memory *memory = fmi_memory_create(&o);
  if (memory == NULL) return FM_E_NOMEM;
  fm_ctx *ctx = fmi_alloc(memory, 1, sizeof *ctx, NULL);
  if (ctx != NULL) {
    ctx->memory = memory;
    status = set_up(ctx, &o);
    if (status == FM_OK)
      *out = ctx;
    else
      fm_ctx_destroy(ctx);
    return status;
  }
  fmi_memory_release(memory);
  return FM_E_NOMEM;
}

void fm_ctx_destroy(fm_ctx *ctx) {
  if (ctx == NULL) return;
  fmi_memory *memory = ctx->memory;
  fmi_pool_destroy(ctx->pool);
  fmi_free(memory, ctx);
  fmi_memory_release(memory);
}

const char *fm_ctx_message(const fm_ctx *ctx) { return ctx ? ctx->err.text : ""; }

fm_status fm_ctx_get_info(fm_ctx *ctx, fm_ctx_info *info) {
  REQUIRE_CTX();
  REQUIRE_POINTER(info);
  fm_ctx_info full = {.struct_size = sizeof full,
                      .n_threads = (uint32_t)fmi_pool_width(ctx->pool),
                      .blas_threads = ctx->blas.threads,
                      .blas_used = ctx->runtime.use_blas,
                      .isa = ctx->runtime.kernels->isa};
  memcpy(full.blas_name, ctx->blas.name, sizeof full.blas_name);
  return fmi_struct_write(&ctx->err, "info", &full, sizeof full, info);
}

void fm_ctx_stop(fm_ctx *ctx) {
  if (ctx != NULL) atomic_store(&ctx->stop, true);
}
