/* path.c - public functions on paths. */
#include "api/api.h"

fm_status fm_path_create(fm_ctx *ctx, uint32_t kind, fm_path **out) {
  REQUIRE_OUT();
  const fmi_schedule *schedule = fmi_schedule_by_kind(kind);
  if (schedule == NULL)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "kind: expected a FM_PATH_ constant, found %u",
                    (unsigned)kind);
  RETURN_HANDLE(fmi_path_new(ctx->memory, schedule, NULL, &ctx->err));
}

fm_status fm_path_create_custom(fm_ctx *ctx, fm_path_fn fn, void *user, fm_path **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(fn);
  RETURN_HANDLE(fmi_path_new_custom(ctx->memory, fn, user, &ctx->err));
}

void fm_path_destroy(fm_path *path) { fmi_release(path); }

uint32_t fm_path_kind(const fm_path *path) {
  if (path == NULL) return 0;
  return path->schedule ? path->schedule->kind : FM_PATH_CUSTOM;
}

fm_status fm_path_coefficients_at(fm_ctx *ctx, const fm_path *path, double t, fm_path_coefficients *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(path);
  REQUIRE_POINTER(out);
  fm_path_coefficients c;
  FMI_TRY(fmi_path_at(path, t, &c, &ctx->err));
  return fmi_struct_write(&ctx->err, "out", &c, sizeof c, out);
}

fm_status fm_path_interpolate(fm_ctx *ctx, const fm_path *path, const double *x0, const double *x1,
                              const double *eps, const double *t, size_t n, size_t dim, double *xt,
                              double *ut) {
  REQUIRE_CTX();
  REQUIRE_POINTER(path);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(n, dim);
  REQUIRE_ARRAY(x0, n);
  REQUIRE_ARRAY(x1, n);
  REQUIRE_ARRAY(t, n);
  return fmi_path_interpolate(path, x0, x1, eps, t, n, dim, xt, ut, &ctx->err);
}

fm_status fm_path_convert(fm_ctx *ctx, const fm_path *path, uint32_t from, uint32_t to, const double *t,
                          const double *x, const double *value, size_t n, size_t dim, double *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(path);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(n, dim);
  REQUIRE_ARRAY(t, n);
  REQUIRE_ARRAY(x, n);
  REQUIRE_ARRAY(value, n);
  REQUIRE_ARRAY(out, n);
  return fmi_path_convert(path, from, to, t, x, value, n, dim, out, &ctx->err);
}
