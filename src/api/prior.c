/* prior.c - public functions on priors. */
#include "api/api.h"

fm_status fm_prior_create_gaussian(fm_ctx *ctx, fm_prior **out) {
  REQUIRE_OUT();
  RETURN_HANDLE(fmi_prior_new(ctx->memory, FM_PRIOR_GAUSSIAN, &ctx->err));
}

static fm_status create_rows(fm_ctx *ctx, const float *rows_f32, const double *rows_f64, size_t n, size_t dim,
                             fm_prior **out) {
  REQUIRE(n >= 1, "n: expected 1 or more, found 0");
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(n, dim);
  RETURN_HANDLE(fmi_prior_new_rows(ctx->memory, rows_f32, rows_f64, n, dim, &ctx->err));
}

fm_status fm_prior_create_rows(fm_ctx *ctx, const float *rows, size_t n, size_t dim, fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(rows);
  return create_rows(ctx, rows, NULL, n, dim, out);
}

fm_status fm_prior_create_rows_f64(fm_ctx *ctx, const double *rows, size_t n, size_t dim, fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(rows);
  return create_rows(ctx, NULL, rows, n, dim, out);
}

fm_status fm_prior_create_callback(fm_ctx *ctx, fm_prior_fn fn, void *user, fm_prior **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(fn);
  fm_prior *prior = fmi_prior_new(ctx->memory, FM_PRIOR_CALLBACK, &ctx->err);
  if (prior != NULL) {
    prior->fn = fn;
    prior->user = user;
  }
  RETURN_HANDLE(prior);
}

void fm_prior_destroy(fm_prior *prior) { fmi_release(prior); }
