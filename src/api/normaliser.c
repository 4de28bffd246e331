/* normaliser.c - public functions on normalisers. */
#include "api/api.h"
#include "data/data.h"

static fm_normaliser *fit(fm_ctx *ctx, uint32_t kind, const float *f32, const double *f64, size_t n,
                          size_t dim) {
  fm_normaliser *norm = NULL;
  double *block = fmi_alloc(ctx->memory, fmi_mul_size(3, dim), sizeof *block, &ctx->err);
  if (block == NULL) return NULL;
  fmi_statistics s = {.dim = dim, .mean = block, .m2 = block + dim};
  double *row = block + 2 * dim;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < dim; j++) row[j] = f64 ? f64[i * dim + j] : (double)f32[i * dim + j];
    fmi_statistics_add(&s, row);
  }
  if (fmi_statistics_finish(&s, kind, &ctx->err) == FM_OK)
    norm = fmi_normaliser_new(ctx->memory, s.mean, s.m2, dim, &ctx->err);
  fmi_free(ctx->memory, block);
  return norm;
}

static fm_status check(fm_ctx *ctx, uint32_t kind, size_t n, size_t dim) {
  if (kind < FM_NORMALISE_COLUMNS || kind > FM_NORMALISE_IDENTITY)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "kind: expected a FM_NORMALISE_ constant, found %u",
                    (unsigned)kind);
  REQUIRE(n >= 1, "n: expected 1 or more, found 0");
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(n, dim);
  return FM_OK;
}

fm_status fm_normaliser_fit(fm_ctx *ctx, uint32_t kind, const float *x, size_t n, size_t dim,
                            fm_normaliser **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(x);
  FMI_TRY(check(ctx, kind, n, dim));
  FMI_TRY(fmi_check_finite_f32("x", x, n, dim, &ctx->err));
  RETURN_HANDLE(fit(ctx, kind, x, NULL, n, dim));
}

fm_status fm_normaliser_fit_f64(fm_ctx *ctx, uint32_t kind, const double *x, size_t n, size_t dim,
                                fm_normaliser **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(x);
  FMI_TRY(check(ctx, kind, n, dim));
  FMI_TRY(fmi_check_finite_f64("x", x, n, dim, &ctx->err));
  RETURN_HANDLE(fit(ctx, kind, NULL, x, n, dim));
}

/* ---- statistics of data ------------------------------------------------------------------------------ */

typedef struct data_job {
  fmi_statistics statistics;
  uint32_t part;
  double *row; /* [dim] */
} data_job;

static fm_status add_rows(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err) {
  data_job *j = job;
  size_t dim = j->statistics.dim;
  FMI_TRY(j->part == FM_DATA_X1 ? fmi_check_finite_f64("x1", rows->x1, n, dim, err)
                                : fmi_check_finite_f32("cond", rows->cond, n, dim, err));
  (void)first;
  for (size_t i = 0; i < n; i++) {
    const double *row = rows->x1 + i * dim;
    if (j->part == FM_DATA_COND) {
      for (size_t k = 0; k < dim; k++) j->row[k] = rows->cond[i * dim + k];
      row = j->row;
    }
    fmi_statistics_add(&j->statistics, row);
  }
  return FM_OK;
}

static fm_normaliser *fit_data(fm_ctx *ctx, uint32_t kind, const fm_data *data, uint32_t part, size_t dim) {
  fm_normaliser *norm = NULL;
  double *block = fmi_alloc(ctx->memory, fmi_mul_size(3, dim), sizeof *block, &ctx->err);
  if (block == NULL) return NULL;
  data_job job = {{.dim = dim, .mean = block, .m2 = block + dim}, part, block + 2 * dim};
  if (fmi_data_scan(data, 0, data->n, add_rows, &job, &ctx->err) == FM_OK &&
      fmi_statistics_finish(&job.statistics, kind, &ctx->err) == FM_OK)
    norm = fmi_normaliser_new(ctx->memory, job.statistics.mean, job.statistics.m2, dim, &ctx->err);
  fmi_free(ctx->memory, block);
  return norm;
}

fm_status fm_normaliser_fit_data(fm_ctx *ctx, uint32_t kind, const fm_data *data, uint32_t part,
                                 fm_normaliser **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(data);
  REQUIRE(part <= FM_DATA_COND, "part: expected FM_DATA_X1 or FM_DATA_COND, found %u", (unsigned)part);
  if (data->n == 0)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "data: expected rows with indexes, found a stream");
  size_t dim = part == FM_DATA_X1 ? data->dim : data->cond_dim;
  REQUIRE(dim > 0, "part: expected data with condition vectors, found none");
  FMI_TRY(check(ctx, kind, data->n, dim));
  RETURN_HANDLE(fit_data(ctx, kind, data, part, dim));
}

fm_status fm_normaliser_create(fm_ctx *ctx, const double *shift, const double *scale, size_t dim,
                               fm_normaliser **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(shift);
  REQUIRE_POINTER(scale);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(1, dim);
  RETURN_HANDLE(fmi_normaliser_new(ctx->memory, shift, scale, dim, &ctx->err));
}

void fm_normaliser_destroy(fm_normaliser *normaliser) { fmi_release(normaliser); }

size_t fm_normaliser_dim(const fm_normaliser *normaliser) { return normaliser ? normaliser->dim : 0; }

fm_status fm_normaliser_get(fm_ctx *ctx, const fm_normaliser *normaliser, double *shift, double *scale) {
  REQUIRE_CTX();
  REQUIRE_POINTER(normaliser);
  if (shift) memcpy(shift, normaliser->shift, normaliser->dim * sizeof *shift);
  if (scale) memcpy(scale, normaliser->scale, normaliser->dim * sizeof *scale);
  return FM_OK;
}
