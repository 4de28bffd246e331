/* coupling.c - public functions on couplings. */
#include "api/api.h"

#include "couple/couple.h"

fm_status fm_coupling_create(fm_ctx *ctx, size_t n, size_t dim, size_t n_class_columns, size_t cond_dim,
                             const fm_coupling_options *options, fm_coupling **out) {
  REQUIRE_OUT();
  READ_OPTIONS(fm_coupling_options, o, options);
  REQUIRE(n >= 1 && n <= UINT32_MAX - 1, "n: expected 1 to 2^32 - 2, found %zu", n);
  REQUIRE(dim >= 1, "dim: expected at least 1, found 0");
  if (o.kind == 0) o.kind = FM_COUPLING_OT;
  RETURN_HANDLE(fmi_coupling_new(ctx->memory, n, dim, n_class_columns, cond_dim, &o, true,
                                 "coupling_options.", &ctx->err));
}

void fm_coupling_destroy(fm_coupling *coupling) { fmi_release(coupling); }

/* A batch of the caller. */
typedef struct caller_batch {
  const float *x0_f32, *x1_f32;
  const double *x0_f64, *x1_f64;
  const int32_t *labels;
  const float *cond;
  size_t n;
  uint64_t seed, first_row;
} caller_batch;

static void copy(double *to, const float *f32, const double *f64, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = f64 ? f64[i] : (double)f32[i];
}

static fm_status read_batch(fm_ctx *ctx, fm_coupling *c, const caller_batch *b) {
  const size_t n = b->n, cells = n * c->dim, conds = n * c->cond_dim;
  const int32_t *labels = b->labels;
  const float *cond = b->cond;
  REQUIRE(b->x0_f32 || b->x0_f64, "x0: expected a pointer, found NULL");
  REQUIRE(b->x1_f32 || b->x1_f64, "x1: expected a pointer, found NULL");
  REQUIRE(n >= 1 && n <= c->most, "n: expected 1 to %zu as at creation, found %zu", c->most, n);
  REQUIRE_ARRAY(labels, n * c->n_class_columns);
  REQUIRE_ARRAY(cond, conds);
  c->n = 0; /* of whatever was paired before, the rows are gone */
  copy(c->x0, b->x0_f32, b->x0_f64, cells);
  copy(c->x1, b->x1_f32, b->x1_f64, cells);
  copy(c->cond, cond, NULL, conds);
  FMI_TRY(fmi_check_finite_f64("x0", c->x0, n, c->dim, &ctx->err));
  FMI_TRY(fmi_check_finite_f64("x1", c->x1, n, c->dim, &ctx->err));
  return fmi_check_finite_f64("cond", c->cond, n, c->cond_dim, &ctx->err);
}

static fm_status pair(fm_ctx *ctx, fm_coupling *c, const caller_batch *b, uint64_t *x0_index,
                      uint64_t *x1_index, fm_coupling_stats *stats) {
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  FMI_TRY(read_batch(ctx, c, b));
  const fmi_batch_pair batch = {.kernels = ctx->runtime.kernels,
                                .pool = ctx->pool,
                                .stop = ctx->runtime.stop,
                                .n = b->n,
                                .x0 = c->x0,
                                .x1 = c->x1,
                                .labels = c->n_class_columns ? b->labels : NULL,
                                .cond = c->cond_dim ? c->cond : NULL,
                                .seed = b->seed,
                                .first_row = b->first_row};
  const fm_status status = fmi_coupling_pair(c, &batch, &ctx->err);
  if (status != FM_OK && status != FM_E_STEPS) return status;
  if (x0_index) memcpy(x0_index, c->x0_index, b->n * sizeof *x0_index);
  if (x1_index) memcpy(x1_index, c->x1_index, b->n * sizeof *x1_index);
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &c->stats, sizeof c->stats, stats));
  return status;
}

fm_status fm_coupling_pair(fm_ctx *ctx, fm_coupling *coupling, const float *x0, const float *x1,
                           const int32_t *labels, const float *cond, size_t n, uint64_t seed,
                           uint64_t first_row, uint64_t *x0_index, uint64_t *x1_index,
                           fm_coupling_stats *stats) {
  REQUIRE_CTX();
  REQUIRE_POINTER(coupling);
  const caller_batch b = {.x0_f32 = x0,
                          .x1_f32 = x1,
                          .labels = labels,
                          .cond = cond,
                          .n = n,
                          .seed = seed,
                          .first_row = first_row};
  return pair(ctx, coupling, &b, x0_index, x1_index, stats);
}

fm_status fm_coupling_pair_f64(fm_ctx *ctx, fm_coupling *coupling, const double *x0, const double *x1,
                               const int32_t *labels, const float *cond, size_t n, uint64_t seed,
                               uint64_t first_row, uint64_t *x0_index, uint64_t *x1_index,
                               fm_coupling_stats *stats) {
  REQUIRE_CTX();
  REQUIRE_POINTER(coupling);
  const caller_batch b = {.x0_f64 = x0,
                          .x1_f64 = x1,
                          .labels = labels,
                          .cond = cond,
                          .n = n,
                          .seed = seed,
                          .first_row = first_row};
  return pair(ctx, coupling, &b, x0_index, x1_index, stats);
}

fm_status fm_coupling_plan(fm_ctx *ctx, const fm_coupling *coupling, double *plan) {
  REQUIRE_CTX();
  REQUIRE_POINTER(coupling);
  REQUIRE_POINTER(plan);
  REQUIRE(coupling->n > 0, "coupling: expected one that has paired rows, found none or a failed pairing");
  fmi_coupling_plan(coupling, plan);
  return FM_OK;
}
