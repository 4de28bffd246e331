/* prior.c - public functions on priors. */
#include "api/api.h"
#include "model/prior.h"

#define REQUIRE_SIZES(n, dim)                                                                                \
  do {                                                                                                       \
    REQUIRE((n) >= 1, "n: expected 1 or more, found 0");                                                     \
    REQUIRE((dim) >= 1, "dim: expected 1 or more, found 0");                                                 \
    REQUIRE_CELLS(n, dim);                                                                                   \
  } while (0)

fm_status fm_prior_create_gaussian(fm_ctx *ctx, fm_prior **out) {
  REQUIRE_OUT();
  RETURN_HANDLE(fmi_prior_new_gaussian(ctx->memory, &ctx->err));
}

/* ---- rows ----------------------------------------------------------------------------------------- */

static fm_status create_rows(fm_ctx *ctx, uint32_t kind, const double *rows, size_t n, size_t dim,
                             fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(rows);
  REQUIRE_SIZES(n, dim);
  RETURN_HANDLE(fmi_prior_new(ctx->memory, kind, n, dim, &rows, &ctx->err));
}

/* A copy in double for the one that the prior makes. */
static fm_status create_rows_f32(fm_ctx *ctx, uint32_t kind, const float *rows, size_t n, size_t dim,
                                 fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(rows);
  REQUIRE_SIZES(n, dim);
  double *wide = fmi_alloc(ctx->memory, n * dim, sizeof *wide, &ctx->err);
  if (wide == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < n * dim; i++) wide[i] = rows[i];
  fm_status status = create_rows(ctx, kind, wide, n, dim, out);
  fmi_free(ctx->memory, wide);
  return status;
}

fm_status fm_prior_create_rows(fm_ctx *ctx, const float *rows, size_t n, size_t dim, fm_prior **out) {
  return create_rows_f32(ctx, FM_PRIOR_ROWS, rows, n, dim, out);
}

fm_status fm_prior_create_rows_f64(fm_ctx *ctx, const double *rows, size_t n, size_t dim, fm_prior **out) {
  return create_rows(ctx, FM_PRIOR_ROWS, rows, n, dim, out);
}

fm_status fm_prior_create_shuffled_rows(fm_ctx *ctx, const float *rows, size_t n, size_t dim,
                                        fm_prior **out) {
  return create_rows_f32(ctx, FM_PRIOR_SHUFFLED_ROWS, rows, n, dim, out);
}

fm_status fm_prior_create_shuffled_rows_f64(fm_ctx *ctx, const double *rows, size_t n, size_t dim,
                                            fm_prior **out) {
  return create_rows(ctx, FM_PRIOR_SHUFFLED_ROWS, rows, n, dim, out);
}

/* ---- by their parameters -------------------------------------------------------------------------- */

fm_status fm_prior_create_uniform(fm_ctx *ctx, const double *low, const double *high, size_t dim,
                                  fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(low);
  REQUIRE_POINTER(high);
  REQUIRE_SIZES(1, dim);
  RETURN_HANDLE(
      fmi_prior_new(ctx->memory, FM_PRIOR_UNIFORM, 1, dim, (const double *[]){low, high}, &ctx->err));
}

fm_status fm_prior_create_diagonal(fm_ctx *ctx, const double *mean, const double *deviation, size_t dim,
                                   fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(mean);
  REQUIRE_POINTER(deviation);
  REQUIRE_SIZES(1, dim);
  RETURN_HANDLE(
      fmi_prior_new(ctx->memory, FM_PRIOR_DIAGONAL, 1, dim, (const double *[]){mean, deviation}, &ctx->err));
}

fm_status fm_prior_create_covariance(fm_ctx *ctx, const double *mean, const double *covariance, size_t dim,
                                     fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(mean);
  REQUIRE_POINTER(covariance);
  REQUIRE_SIZES(dim, dim);
  RETURN_HANDLE(fmi_prior_new(ctx->memory, FM_PRIOR_COVARIANCE, 1, dim, (const double *[]){mean, covariance},
                              &ctx->err));
}

fm_status fm_prior_create_mixture(fm_ctx *ctx, const double *weights, const double *means,
                                  const double *deviations, size_t n, size_t dim, fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(weights);
  REQUIRE_POINTER(means);
  REQUIRE_POINTER(deviations);
  REQUIRE_SIZES(n, dim);
  RETURN_HANDLE(fmi_prior_new(ctx->memory, FM_PRIOR_MIXTURE, n, dim,
                              (const double *[]){weights, means, deviations}, &ctx->err));
}

fm_status fm_prior_create_callback(fm_ctx *ctx, fm_prior_fn fn, void *user, fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(fn);
  fm_prior *prior = fmi_prior_new(ctx->memory, FM_PRIOR_CALLBACK, 0, 0, NULL, &ctx->err);
  if (prior != NULL) {
    prior->fn = fn;
    prior->user = user;
  }
  RETURN_HANDLE(prior);
}

fm_status fm_prior_create_callback_density(fm_ctx *ctx, fm_prior_fn fn, fm_log_density_fn log_density,
                                           void *user, fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(log_density);
  FMI_TRY(fm_prior_create_callback(ctx, fn, user, out));
  (*out)->log_density = log_density;
  return FM_OK;
}

void fm_prior_destroy(fm_prior *prior) { fmi_release(prior); }

uint32_t fm_prior_kind(const fm_prior *prior) { return prior ? prior->kind->kind : 0; }

fm_status fm_prior_log_density(fm_ctx *ctx, const fm_prior *prior, const double *x, size_t n, size_t dim,
                               double *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(prior);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(n, dim);
  REQUIRE_ARRAY(x, n);
  REQUIRE_ARRAY(out, n);
  FMI_TRY(fmi_check_finite_f64("x", x, n, dim, &ctx->err));
  return fmi_prior_log_density(prior, x, n, dim, out, &ctx->err);
}

fm_status fm_prior_draw(fm_ctx *ctx, const fm_prior *prior, const fm_normaliser *normaliser, uint64_t seed,
                        uint64_t first_row, size_t n, size_t dim, double *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(prior);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(n, dim);
  REQUIRE_ARRAY(out, n);
  if (prior->dim != 0 && prior->dim != dim)
    return fmi_fail(&ctx->err, FM_E_MISMATCH, "dim: expected %zu as the prior has, found %zu", prior->dim,
                    dim);
  if (normaliser != NULL && normaliser->dim != dim)
    return fmi_fail(&ctx->err, FM_E_MISMATCH, "normaliser: expected %zu columns, found %zu", dim,
                    normaliser->dim);
  void *scratch = fmi_alloc(ctx->memory, 1, fmi_prior_scratch(dim), &ctx->err);
  if (scratch == NULL) return FM_E_NOMEM;
  fm_status status = fmi_prior_draw_units(prior, normaliser, ctx->runtime.kernels, seed, first_row, n, dim,
                                          out, scratch, &ctx->err);
  fmi_free(ctx->memory, scratch);
  return status;
}
