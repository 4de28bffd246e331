/* normaliser.c - public functions on normalisers. */
#include "api/api.h"
#include "data/data.h"

#include <math.h>

/* Statistics being gathered, and room for a row in double. */
typedef struct fitting {
  fmi_statistics statistics;
  double *row; /* [dim] */
  double *block;
} fitting;

static bool begin(fm_ctx *ctx, size_t dim, fitting *f) {
  double *block = fmi_alloc(ctx->memory, fmi_mul_size(3, dim), sizeof *block, &ctx->err);
  if (block == NULL) return false;
  *f = (fitting){{.dim = dim, .mean = block, .m2 = block + dim}, block + 2 * dim, block};
  return true;
}

/* The normaliser, NULL if status or what follows is a failure. */
static fm_normaliser *end(fm_ctx *ctx, fitting *f, uint32_t kind, fm_status status) {
  fm_normaliser *norm = NULL;
  if (status == FM_OK && fmi_statistics_finish(&f->statistics, kind, &ctx->err) == FM_OK)
    norm =
        fmi_normaliser_new(ctx->memory, f->statistics.mean, f->statistics.m2, f->statistics.dim, &ctx->err);
  fmi_free(ctx->memory, f->block);
  return norm;
}

static fm_normaliser *fit(fm_ctx *ctx, uint32_t kind, const float *f32, const double *f64, size_t n,
                          size_t dim) {
  fitting f;
  if (!begin(ctx, dim, &f)) return NULL;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < dim; j++) f.row[j] = f64 ? f64[i * dim + j] : (double)f32[i * dim + j];
    fmi_statistics_add(&f.statistics, f.row);
  }
  return end(ctx, &f, kind, FM_OK);
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
  fitting fitting;
  uint32_t part;
} data_job;

static fm_status add_rows(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err) {
  data_job *d = job;
  const size_t dim = d->fitting.statistics.dim;
  double *row = d->fitting.row;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < dim; j++) {
      row[j] = d->part == FM_DATA_X1 ? rows->x1[i * dim + j] : (double)rows->cond[i * dim + j];
      if (!isfinite(row[j]))
        return fmi_fail(err, FM_E_NONFINITE, "%s: expected finite numbers, found %g in row %llu, column %zu",
                        d->part == FM_DATA_X1 ? "x1" : "cond", row[j], (unsigned long long)first + i, j);
    }
    fmi_statistics_add(&d->fitting.statistics, row);
  }
  return FM_OK;
}

static fm_normaliser *fit_data(fm_ctx *ctx, uint32_t kind, const fm_data *data, uint32_t part, size_t dim) {
  data_job job = {.part = part};
  if (!begin(ctx, dim, &job.fitting)) return NULL;
  return end(ctx, &job.fitting, kind, fmi_data_scan(data, 0, data->n, add_rows, &job, &ctx->err));
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
