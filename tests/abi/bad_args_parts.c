/* Bad arguments of contexts, paths, priors, normalisers and optimisers. */
#include "bad_args.h"

#include <stdio.h>
#include <stdlib.h>

ABOUT(fm_status_name) {
  ck_assert_str_eq(fm_status_name(FM_OK), "FM_OK");
  ck_assert_str_eq(fm_status_name(FM_DEADLINE), "FM_DEADLINE");
  ck_assert_str_eq(fm_status_name(1), "unknown status");
  ck_assert_str_eq(fm_status_name(INT32_MIN), "unknown status");
}

ABOUT(fm_version) {
  ck_assert_uint_eq(fm_version(), FM_VERSION_MAJOR * 10000 + FM_VERSION_MINOR * 100 + FM_VERSION_PATCH);
}

ABOUT(fm_version_string) {
  char text[40];
  snprintf(text, sizeof text, "%d.%d.%d", FM_VERSION_MAJOR, FM_VERSION_MINOR, FM_VERSION_PATCH);
  ck_assert_str_eq(fm_version_string(), text);
}

/* ---- contexts: no text, there is no context ------------------------------------------------------- */

static void *no_alloc(void *user, size_t bytes, size_t alignment) {
  (void)user, (void)bytes, (void)alignment;
  return NULL;
}
static void no_release(void *user, void *block) { (void)user, (void)block; }

static void no_context(int line, fm_status expected, const fm_ctx_options *o) {
  fm_ctx *made = (fm_ctx *)(uintptr_t)&out;
  fm_status status = fm_ctx_create(o, &made);
  ck_assert_msg(status == expected && made == NULL, "line %d: %s, *out is %p", line, fm_status_name(status),
                (void *)made);
}

ABOUT(fm_ctx_create) {
  ck_assert_int_eq(fm_ctx_create(NULL, NULL), FM_E_INVALID);
#define NO_CONTEXT(expected, ...) no_context(__LINE__, expected, WITH(fm_ctx_options, __VA_ARGS__))
  NO_CONTEXT(FM_E_INVALID, .alloc = no_alloc);
  NO_CONTEXT(FM_E_INVALID, .release = no_release);
  NO_CONTEXT(FM_E_NOMEM, .alloc = no_alloc, .release = no_release);
  NO_CONTEXT(FM_E_INVALID, .n_threads = 257);
  NO_CONTEXT(FM_E_UNSUPPORTED, .blas = 4);
  NO_CONTEXT(FM_E_UNSUPPORTED, .isa = 99);
  NO_CONTEXT(FM_E_INVALID, .reserved = 1);
#undef NO_CONTEXT
  no_context(__LINE__, FM_E_INVALID, &(fm_ctx_options){.struct_size = 0});
  no_context(__LINE__, FM_E_INVALID, &(fm_ctx_options){.struct_size = 7});
  no_context(__LINE__, FM_E_INVALID, &(fm_ctx_options){.struct_size = UINT64_MAX});
  no_context(__LINE__, FM_E_UNSUPPORTED, LONGER(fm_ctx_options, 1));
  fm_ctx *made;
  ck_assert_int_eq(fm_ctx_create(LONGER(fm_ctx_options, 0), &made), FM_OK);
  ck_assert_str_eq(fm_ctx_message(made), "");
  fm_ctx_destroy(made);
}

ABOUT(fm_ctx_destroy) { fm_ctx_destroy(NULL); }
ABOUT(fm_ctx_message) { ck_assert_str_eq(fm_ctx_message(NULL), ""); }

ABOUT(fm_ctx_get_info) {
  fm_ctx_info info;
  memset(&info, 0, sizeof info);
  NO_CTX(fm_ctx_get_info(NULL, &info));
  REFUSED(FM_E_INVALID, "info:", fm_ctx_get_info(g.ctx, NULL));
  REFUSED(FM_E_INVALID, "info.struct_size", fm_ctx_get_info(g.ctx, &info));
  ck_assert_uint_eq(info.n_threads, 0);
  /* A shorter struct is filled as far as it goes. */
  info.struct_size = offsetof(fm_ctx_info, blas_threads);
  info.isa = 77;
  FINE(fm_ctx_get_info(g.ctx, &info));
  ck_assert_uint_eq(info.n_threads, 1);
  ck_assert_uint_eq(info.isa, 77);
}

ABOUT(fm_ctx_stop) {
  fm_ctx_stop(NULL);
  fm_ctx_stop(g.ctx);
  REFUSED(FM_STOPPED, "stopped", fm_trainer_run(g.ctx, g.trainer, g.data, 5));
  ck_assert_uint_eq(fm_trainer_steps(g.trainer), 0);
  FINE(fm_trainer_run(g.ctx, g.trainer, g.data, 1)); /* a stop stops once */
}

/* ---- paths ------------------------------------------------------------------------------------------ */

ABOUT(fm_path_create) {
  NO_CTX_MADE(fm_path, fm_path_create(NULL, FM_PATH_CONDOT, &made));
  REFUSED(FM_E_INVALID, "out:", fm_path_create(g.ctx, FM_PATH_CONDOT, NULL));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "kind:", fm_path_create(g.ctx, 0, &made));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "kind:", fm_path_create(g.ctx, FM_PATH_CUSTOM, &made));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "kind:", fm_path_create(g.ctx, UINT32_MAX, &made));
}

ABOUT(fm_path_create_with) {
  const double params[3] = {.1, 20, 1}, nan_param[1] = {NAN}, large[1] = {65};
  NO_CTX_MADE(fm_path, fm_path_create_with(NULL, FM_PATH_VP, params, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_path_create_with(g.ctx, FM_PATH_VP, params, 2, NULL));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "kind:", fm_path_create_with(g.ctx, 9999, params, 2, &made));
  NOT_MADE(fm_path, FM_E_INVALID, "params:", fm_path_create_with(g.ctx, FM_PATH_VP, NULL, 2, &made));
  NOT_MADE(fm_path, FM_E_INVALID, "n_params:", fm_path_create_with(g.ctx, FM_PATH_VP, params, 3, &made));
  NOT_MADE(fm_path, FM_E_INVALID, "n_params:", fm_path_create_with(g.ctx, FM_PATH_CONDOT, params, 1, &made));
  NOT_MADE(fm_path, FM_E_INVALID,
           "n_params:", fm_path_create_with(g.ctx, FM_PATH_VP, params, SIZE_MAX, &made));
  NOT_MADE(fm_path, FM_E_INVALID,
           "power:", fm_path_create_with(g.ctx, FM_PATH_POLYNOMIAL, nan_param, 1, &made));
  NOT_MADE(fm_path, FM_E_INVALID, "power:", fm_path_create_with(g.ctx, FM_PATH_POLYNOMIAL, large, 1, &made));
}

ABOUT(fm_path_create_named) {
  NO_CTX_MADE(fm_path, fm_path_create_named(NULL, "condot", &made));
  REFUSED(FM_E_INVALID, "out:", fm_path_create_named(g.ctx, "condot", NULL));
  NOT_MADE(fm_path, FM_E_INVALID, "text:", fm_path_create_named(g.ctx, NULL, &made));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "path:", fm_path_create_named(g.ctx, "", &made));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "vp[:beta_min[:beta_max]]", fm_path_create_named(g.ctx, "con", &made));
  NOT_MADE(fm_path, FM_E_UNSUPPORTED, "'vpx:1'", fm_path_create_named(g.ctx, "vpx:1", &made));
  NOT_MADE(fm_path, FM_E_INVALID, "':x'", fm_path_create_named(g.ctx, "poly:x", &made));
  NOT_MADE(fm_path, FM_E_INVALID, "':'", fm_path_create_named(g.ctx, "poly:", &made));
  NOT_MADE(fm_path, FM_E_INVALID, "':nan'", fm_path_create_named(g.ctx, "vp:nan", &made));
  NOT_MADE(fm_path, FM_E_INVALID, "n_params:", fm_path_create_named(g.ctx, "poly:2:3", &made));
  NOT_MADE(fm_path, FM_E_INVALID, "path:", fm_path_create_named(g.ctx, "vp:1:1:1:1:1", &made));
  NOT_MADE(fm_path, FM_E_INVALID, "power:", fm_path_create_named(g.ctx, "poly:0.5", &made));
}

ABOUT(fm_path_create_custom) {
  NO_CTX_MADE(fm_path, fm_path_create_custom(NULL, own_path_fn, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_path_create_custom(g.ctx, own_path_fn, NULL, NULL));
  NOT_MADE(fm_path, FM_E_INVALID, "fn:", fm_path_create_custom(g.ctx, NULL, NULL, &made));
  callback_answer = 5;
  NOT_MADE(fm_path, FM_E_CALLBACK, "returned 5", fm_path_create_custom(g.ctx, own_path_fn, NULL, &made));
  callback_answer = 0;
  callback_writes_nan = true;
  NOT_MADE(fm_path, FM_E_NONFINITE, "t = 0.5", fm_path_create_custom(g.ctx, own_path_fn, NULL, &made));
}

ABOUT(fm_path_destroy) { fm_path_destroy(NULL); }

ABOUT(fm_path_kind) {
  ck_assert_uint_eq(fm_path_kind(NULL), 0);
  ck_assert_uint_eq(fm_path_kind(g.path), FM_PATH_CONDOT);
  ck_assert_uint_eq(fm_path_kind(g.own_path), FM_PATH_CUSTOM);
}

ABOUT(fm_path_name) {
  ck_assert_ptr_null(fm_path_name(NULL));
  ck_assert_str_eq(fm_path_name(g.path), "condot");
  ck_assert_str_eq(fm_path_name(g.own_path), "custom");
}

ABOUT(fm_path_params) {
  double params[4] = {7, 7, 7, 7};
  ck_assert_uint_eq(fm_path_params(NULL, params, 4), 0);
  ck_assert_uint_eq(fm_path_params(g.own_path, params, 4), 0);
  ck_assert(params[0] == 7);
}

ABOUT(fm_path_interval) {
  double *first = out.f64[0], *last = out.f64[1];
  NO_CTX(fm_path_interval(NULL, g.path, first, last));
  REFUSED(FM_E_INVALID, "path:", fm_path_interval(g.ctx, NULL, first, last));
  REFUSED(FM_E_INVALID, "first:", fm_path_interval(g.ctx, g.path, NULL, last));
  REFUSED(FM_E_INVALID, "last:", fm_path_interval(g.ctx, g.path, first, NULL));
}

ABOUT(fm_path_snr_inverse) {
  NO_CTX(fm_path_snr_inverse(NULL, g.path, 1, &out.scalar));
  REFUSED(FM_E_INVALID, "path:", fm_path_snr_inverse(g.ctx, NULL, 1, &out.scalar));
  REFUSED(FM_E_INVALID, "t:", fm_path_snr_inverse(g.ctx, g.path, 1, NULL));
  REFUSED(FM_E_DOMAIN, "snr:", fm_path_snr_inverse(g.ctx, g.path, -1, &out.scalar));
  REFUSED(FM_E_DOMAIN, "snr:", fm_path_snr_inverse(g.ctx, g.path, NAN, &out.scalar));
}

ABOUT(fm_path_transform) {
  fm_path_change c;
  fm_path_change_init(&c);
  NO_CTX(fm_path_transform(NULL, g.path, g.path, .5, &c));
  REFUSED(FM_E_INVALID, "path:", fm_path_transform(g.ctx, NULL, g.path, .5, &c));
  REFUSED(FM_E_INVALID, "to:", fm_path_transform(g.ctx, g.path, NULL, .5, &c));
  REFUSED(FM_E_INVALID, "out:", fm_path_transform(g.ctx, g.path, g.path, .5, NULL));
  REFUSED(FM_E_DOMAIN, "t:", fm_path_transform(g.ctx, g.path, g.path, NAN, &c));
  REFUSED(FM_E_UNSUPPORTED, "to:", fm_path_transform(g.ctx, g.path, g.own_path, .5, &c));
  c.struct_size = 0;
  REFUSED(FM_E_INVALID, "out.struct_size", fm_path_transform(g.ctx, g.path, g.path, .5, &c));
  ck_assert(c.time == 0 && c.scale == 0);
}

ABOUT(fm_path_coefficients_at) {
  fm_path_coefficients c;
  fm_path_coefficients_init(&c);
  NO_CTX(fm_path_coefficients_at(NULL, g.path, .5, &c));
  REFUSED(FM_E_INVALID, "path:", fm_path_coefficients_at(g.ctx, NULL, .5, &c));
  REFUSED(FM_E_INVALID, "out:", fm_path_coefficients_at(g.ctx, g.path, .5, NULL));
  REFUSED(FM_E_DOMAIN, "t:", fm_path_coefficients_at(g.ctx, g.path, -1e-9, &c));
  REFUSED(FM_E_DOMAIN, "t:", fm_path_coefficients_at(g.ctx, g.path, 1 + 1e-9, &c));
  REFUSED(FM_E_DOMAIN, "t:", fm_path_coefficients_at(g.ctx, g.path, NAN, &c));
  c.struct_size = 0;
  REFUSED(FM_E_INVALID, "out.struct_size", fm_path_coefficients_at(g.ctx, g.path, .5, &c));
  ck_assert(c.alpha == 0 && c.d_alpha == 0);
}

ABOUT(fm_path_interpolate) {
  const fm_path *p = g.path;
  double *xt = out.f64[0], *ut = out.f64[1];
  NO_CTX(fm_path_interpolate(NULL, p, rows64, rows64, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_INVALID, "path:", fm_path_interpolate(g.ctx, NULL, rows64, rows64, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_INVALID, "x0:", fm_path_interpolate(g.ctx, p, NULL, rows64, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_INVALID, "x1:", fm_path_interpolate(g.ctx, p, rows64, NULL, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_INVALID,
          "eps:", fm_path_interpolate(g.ctx, g.own_path, rows64, rows64, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_INVALID, "t:", fm_path_interpolate(g.ctx, p, rows64, rows64, NULL, NULL, N, 2, xt, ut));
  REFUSED(FM_E_INVALID, "dim:", fm_path_interpolate(g.ctx, p, rows64, rows64, NULL, times, N, 0, xt, ut));
  REFUSED(FM_E_INVALID, "n:", fm_path_interpolate(g.ctx, p, rows64, rows64, NULL, times, HUGE_N, 2, xt, ut));
  REFUSED(FM_E_DOMAIN, "row 1",
          fm_path_interpolate(g.ctx, p, rows64, rows64, NULL, late_times, N, 2, xt, ut));
  REFUSED(FM_E_DOMAIN, "row 1", fm_path_interpolate(g.ctx, p, rows64, rows64, NULL, nan_times, N, 2, xt, ut));
  REFUSED(FM_E_NONFINITE, "row 1",
          fm_path_interpolate(g.ctx, p, nan_rows64, rows64, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_NONFINITE, "row 1",
          fm_path_interpolate(g.ctx, p, rows64, nan_rows64, NULL, times, N, 2, xt, ut));
  REFUSED(FM_E_NONFINITE, "row 1",
          fm_path_interpolate(g.ctx, g.own_path, rows64, rows64, nan_rows64, times, N, 2, xt, ut));
  FINE(fm_path_interpolate(g.ctx, p, NULL, NULL, NULL, NULL, 0, 2, NULL, NULL));
  FINE(fm_path_interpolate(g.ctx, p, rows64, rows64, NULL, times, N, 2, NULL, NULL));
}

ABOUT(fm_path_convert) {
  const fm_path *p = g.path;
  double *o = out.f64[0];
  NO_CTX(fm_path_convert(NULL, p, FM_X1, FM_X0, times, rows64, rows64, N, 2, o));
  REFUSED(FM_E_INVALID, "path:", fm_path_convert(g.ctx, NULL, FM_X1, FM_X0, times, rows64, rows64, N, 2, o));
  REFUSED(FM_E_UNSUPPORTED, "from:", fm_path_convert(g.ctx, p, 4, FM_X0, times, rows64, rows64, N, 2, o));
  REFUSED(FM_E_UNSUPPORTED, "to:", fm_path_convert(g.ctx, p, FM_X1, 4, times, rows64, rows64, N, 2, o));
  REFUSED(FM_E_INVALID, "t:", fm_path_convert(g.ctx, p, FM_X1, FM_X0, NULL, rows64, rows64, N, 2, o));
  REFUSED(FM_E_INVALID, "x:", fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, NULL, rows64, N, 2, o));
  REFUSED(FM_E_INVALID, "value:", fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, rows64, NULL, N, 2, o));
  REFUSED(FM_E_INVALID, "out:", fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, rows64, rows64, N, 2, NULL));
  REFUSED(FM_E_INVALID, "dim:", fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, rows64, rows64, N, 0, o));
  REFUSED(FM_E_INVALID, "n:", fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, rows64, rows64, HUGE_N, 2, o));
  REFUSED(FM_E_DOMAIN, "row 1", fm_path_convert(g.ctx, p, FM_X1, FM_X0, late_times, rows64, rows64, 2, 2, o));
  REFUSED(FM_E_DOMAIN, "row 0",
          fm_path_convert(g.ctx, p, FM_X1, FM_X0, &late_times[2], rows64, rows64, 1, 2, o));
  REFUSED(FM_E_NONFINITE, "row 1",
          fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, nan_rows64, rows64, N, 2, o));
  REFUSED(FM_E_NONFINITE, "row 1",
          fm_path_convert(g.ctx, p, FM_X1, FM_X0, times, rows64, nan_rows64, N, 2, o));
  REFUSED(FM_E_UNSUPPORTED,
          "path:", fm_path_convert(g.ctx, g.own_path, FM_X1, FM_X0, times, rows64, rows64, N, 2, o));
  FINE(fm_path_convert(g.ctx, p, FM_X1, FM_X0, NULL, NULL, NULL, 0, 2, NULL));
}

/* ---- priors ----------------------------------------------------------------------------------------- */

ABOUT(fm_prior_create_gaussian) {
  NO_CTX_MADE(fm_prior, fm_prior_create_gaussian(NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_gaussian(g.ctx, NULL));
}

ABOUT(fm_prior_create_rows) {
  NO_CTX_MADE(fm_prior, fm_prior_create_rows(NULL, rows, N, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_rows(g.ctx, rows, N, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "rows:", fm_prior_create_rows(g.ctx, NULL, N, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_rows(g.ctx, rows, 0, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_rows(g.ctx, rows, N, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_rows(g.ctx, rows, HUGE_N, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, AT_ROW_1_COLUMN_1, fm_prior_create_rows(g.ctx, nan_rows, N, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "rows:", fm_prior_create_rows(g.ctx, infinite_rows, N, 2, &made));
}

ABOUT(fm_prior_create_rows_f64) {
  NO_CTX_MADE(fm_prior, fm_prior_create_rows_f64(NULL, rows64, N, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_rows_f64(g.ctx, rows64, N, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "rows:", fm_prior_create_rows_f64(g.ctx, NULL, N, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_rows_f64(g.ctx, rows64, 0, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_rows_f64(g.ctx, rows64, N, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_rows_f64(g.ctx, rows64, HUGE_N, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
           fm_prior_create_rows_f64(g.ctx, nan_rows64, N, 2, &made));
}

ABOUT(fm_prior_create_shuffled_rows) {
  NO_CTX_MADE(fm_prior, fm_prior_create_shuffled_rows(NULL, rows, N, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_shuffled_rows(g.ctx, rows, N, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "rows:", fm_prior_create_shuffled_rows(g.ctx, NULL, N, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_shuffled_rows(g.ctx, rows, 0, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_shuffled_rows(g.ctx, rows, N, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_shuffled_rows(g.ctx, rows, HUGE_N, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
           fm_prior_create_shuffled_rows(g.ctx, nan_rows, N, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE,
           "rows:", fm_prior_create_shuffled_rows(g.ctx, infinite_rows, N, 2, &made));
}

ABOUT(fm_prior_create_shuffled_rows_f64) {
  NO_CTX_MADE(fm_prior, fm_prior_create_shuffled_rows_f64(NULL, rows64, N, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_shuffled_rows_f64(g.ctx, rows64, N, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "rows:", fm_prior_create_shuffled_rows_f64(g.ctx, NULL, N, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_shuffled_rows_f64(g.ctx, rows64, 0, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_shuffled_rows_f64(g.ctx, rows64, N, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_shuffled_rows_f64(g.ctx, rows64, HUGE_N, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
           fm_prior_create_shuffled_rows_f64(g.ctx, nan_rows64, N, 2, &made));
}

ABOUT(fm_prior_create_uniform) {
  const double low[2] = {0, 1}, high[2] = {1, 2}, same[2] = {1, 1}, bad[2] = {1, NAN}, far[2] = {-1.7e308, 0};
  const double away[2] = {1.7e308, 2};
  NO_CTX_MADE(fm_prior, fm_prior_create_uniform(NULL, low, high, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_uniform(g.ctx, low, high, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "low:", fm_prior_create_uniform(g.ctx, NULL, high, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "high:", fm_prior_create_uniform(g.ctx, low, NULL, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_uniform(g.ctx, low, high, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_uniform(g.ctx, low, high, HUGE_N, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "column 1", fm_prior_create_uniform(g.ctx, low, same, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "high:", fm_prior_create_uniform(g.ctx, low, bad, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "low:", fm_prior_create_uniform(g.ctx, bad, high, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "column 0", fm_prior_create_uniform(g.ctx, far, away, 2, &made));
}

ABOUT(fm_prior_create_diagonal) {
  const double ok[2] = {1, 2}, zero[2] = {1, 0}, bad[2] = {1, NAN};
  NO_CTX_MADE(fm_prior, fm_prior_create_diagonal(NULL, ok, ok, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_diagonal(g.ctx, ok, ok, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "mean:", fm_prior_create_diagonal(g.ctx, NULL, ok, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "deviation:", fm_prior_create_diagonal(g.ctx, ok, NULL, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_diagonal(g.ctx, ok, ok, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "deviation:", fm_prior_create_diagonal(g.ctx, ok, zero, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "mean:", fm_prior_create_diagonal(g.ctx, bad, ok, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "deviation:", fm_prior_create_diagonal(g.ctx, ok, bad, 2, &made));
}

ABOUT(fm_prior_create_covariance) {
  const double ok[2] = {1, 2}, c[4] = {2, 1, 1, 2}, flat[4] = {1, 1, 1, 1}, bad[4] = {2, 1, NAN, 2};
  NO_CTX_MADE(fm_prior, fm_prior_create_covariance(NULL, ok, c, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_covariance(g.ctx, ok, c, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "mean:", fm_prior_create_covariance(g.ctx, NULL, c, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "covariance:", fm_prior_create_covariance(g.ctx, ok, NULL, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "0", fm_prior_create_covariance(g.ctx, ok, c, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_covariance(g.ctx, ok, c, HUGE_N, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "pivot 1", fm_prior_create_covariance(g.ctx, ok, flat, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "row 1, column 0", fm_prior_create_covariance(g.ctx, ok, bad, 2, &made));
}

ABOUT(fm_prior_create_mixture) {
  const double w[2] = {1, 2}, m[4] = {0, 1, 2, 3}, d[4] = {1, 1, 1, 1}, no[2] = {0, 0}, less[2] = {2, -1};
  const double zero[4] = {1, 1, 0, 1}, bad[4] = {1, NAN, 1, 1};
  NO_CTX_MADE(fm_prior, fm_prior_create_mixture(NULL, w, m, d, 2, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_mixture(g.ctx, w, m, d, 2, 2, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "weights:", fm_prior_create_mixture(g.ctx, NULL, m, d, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "means:", fm_prior_create_mixture(g.ctx, w, NULL, d, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "deviations:", fm_prior_create_mixture(g.ctx, w, m, NULL, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_mixture(g.ctx, w, m, d, 0, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "dim:", fm_prior_create_mixture(g.ctx, w, m, d, 2, 0, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "n:", fm_prior_create_mixture(g.ctx, w, m, d, HUGE_N, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "weights:", fm_prior_create_mixture(g.ctx, no, m, d, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "weights[1]", fm_prior_create_mixture(g.ctx, less, m, d, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_INVALID, "deviations:", fm_prior_create_mixture(g.ctx, w, m, zero, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "weights:", fm_prior_create_mixture(g.ctx, bad, m, d, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "means:", fm_prior_create_mixture(g.ctx, w, bad, d, 2, 2, &made));
  NOT_MADE(fm_prior, FM_E_NONFINITE, "deviations:", fm_prior_create_mixture(g.ctx, w, m, bad, 2, 2, &made));
}

ABOUT(fm_prior_create_callback) {
  NO_CTX_MADE(fm_prior, fm_prior_create_callback(NULL, own_prior_fn, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_prior_create_callback(g.ctx, own_prior_fn, NULL, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID, "fn:", fm_prior_create_callback(g.ctx, NULL, NULL, &made));
}

static int32_t own_density(void *user, const fm_log_density_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n; i++) r->log_density[i] = 0;
  return 0;
}

ABOUT(fm_prior_create_callback_density) {
  NO_CTX_MADE(fm_prior, fm_prior_create_callback_density(NULL, own_prior_fn, own_density, NULL, &made));
  REFUSED(FM_E_INVALID,
          "out:", fm_prior_create_callback_density(g.ctx, own_prior_fn, own_density, NULL, NULL));
  NOT_MADE(fm_prior, FM_E_INVALID,
           "fn:", fm_prior_create_callback_density(g.ctx, NULL, own_density, NULL, &made));
  NOT_MADE(fm_prior, FM_E_INVALID,
           "log_density:", fm_prior_create_callback_density(g.ctx, own_prior_fn, NULL, NULL, &made));
}

ABOUT(fm_prior_kind) {
  ck_assert_uint_eq(fm_prior_kind(NULL), 0);
  ck_assert_uint_eq(fm_prior_kind(g.prior), FM_PRIOR_ROWS);
  ck_assert_uint_eq(fm_prior_kind(g.own_prior), FM_PRIOR_CALLBACK);
}

ABOUT(fm_prior_log_density) {
  const double low[2] = {0, 0}, high[2] = {1, 1};
  fm_prior *box = NULL;
  double *o = out.f64[0];
  FINE(fm_prior_create_uniform(g.ctx, low, high, 2, &box));
  NO_CTX(fm_prior_log_density(NULL, g.prior, rows64, N, 2, o));
  REFUSED(FM_E_INVALID, "prior:", fm_prior_log_density(g.ctx, NULL, rows64, N, 2, o));
  REFUSED(FM_E_INVALID, "x:", fm_prior_log_density(g.ctx, g.prior, NULL, N, 2, o));
  REFUSED(FM_E_INVALID, "out:", fm_prior_log_density(g.ctx, g.prior, rows64, N, 2, NULL));
  REFUSED(FM_E_INVALID, "dim:", fm_prior_log_density(g.ctx, g.prior, rows64, N, 0, o));
  REFUSED(FM_E_INVALID, "n:", fm_prior_log_density(g.ctx, g.prior, rows64, HUGE_N, 2, o));
  REFUSED(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, fm_prior_log_density(g.ctx, g.prior, nan_rows64, N, 2, o));
  REFUSED(FM_E_MISMATCH, "dim:", fm_prior_log_density(g.ctx, box, rows64, N, 3, o));
  REFUSED(FM_E_UNSUPPORTED, "prior:", fm_prior_log_density(g.ctx, g.wide_prior, rows64, N, 3, o));
  REFUSED(FM_E_UNSUPPORTED, "prior:", fm_prior_log_density(g.ctx, g.own_prior, rows64, N, 2, o));
  FINE(fm_prior_log_density(g.ctx, box, NULL, 0, 2, NULL));
  fm_prior_destroy(box);
}

ABOUT(fm_prior_destroy) { fm_prior_destroy(NULL); }

/* ---- normalisers ------------------------------------------------------------------------------------- */

ABOUT(fm_normaliser_fit) {
  const uint32_t kind = FM_NORMALISE_COLUMNS;
  NO_CTX_MADE(fm_normaliser, fm_normaliser_fit(NULL, kind, rows, N, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_normaliser_fit(g.ctx, kind, rows, N, 2, NULL));
  NOT_MADE(fm_normaliser, FM_E_UNSUPPORTED, "kind:", fm_normaliser_fit(g.ctx, 0, rows, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_UNSUPPORTED, "kind:", fm_normaliser_fit(g.ctx, 4, rows, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "x:", fm_normaliser_fit(g.ctx, kind, NULL, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "n:", fm_normaliser_fit(g.ctx, kind, rows, 0, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "dim:", fm_normaliser_fit(g.ctx, kind, rows, N, 0, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "n:", fm_normaliser_fit(g.ctx, kind, rows, HUGE_N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
           fm_normaliser_fit(g.ctx, kind, nan_rows, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, "x:", fm_normaliser_fit(g.ctx, kind, infinite_rows, N, 2, &made));
}

ABOUT(fm_normaliser_fit_f64) {
  const uint32_t kind = FM_NORMALISE_WHOLE;
  const double far_apart[4] = {-1e308, 0, 1e308, 0};
  NO_CTX_MADE(fm_normaliser, fm_normaliser_fit_f64(NULL, kind, rows64, N, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_normaliser_fit_f64(g.ctx, kind, rows64, N, 2, NULL));
  NOT_MADE(fm_normaliser, FM_E_UNSUPPORTED, "kind:", fm_normaliser_fit_f64(g.ctx, 4, rows64, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "x:", fm_normaliser_fit_f64(g.ctx, kind, NULL, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "n:", fm_normaliser_fit_f64(g.ctx, kind, rows64, 0, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "dim:", fm_normaliser_fit_f64(g.ctx, kind, rows64, N, 0, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "n:", fm_normaliser_fit_f64(g.ctx, kind, rows64, HUGE_N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
           fm_normaliser_fit_f64(g.ctx, kind, nan_rows64, N, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, "column 0",
           fm_normaliser_fit_f64(g.ctx, FM_NORMALISE_COLUMNS, far_apart, 2, 2, &made));
}

ABOUT(fm_normaliser_create) {
  const double good_pair[2] = {1, 2}, nan_pair[2] = {1, NAN}, negative[2] = {1, -1},
               infinite[2] = {1, INFINITY};
  const double *ok = good_pair;
  NO_CTX_MADE(fm_normaliser, fm_normaliser_create(NULL, ok, ok, 2, &made));
  REFUSED(FM_E_INVALID, "out:", fm_normaliser_create(g.ctx, ok, ok, 2, NULL));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "shift:", fm_normaliser_create(g.ctx, NULL, ok, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "scale:", fm_normaliser_create(g.ctx, ok, NULL, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "dim:", fm_normaliser_create(g.ctx, ok, ok, 0, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, "shift[1]", fm_normaliser_create(g.ctx, nan_pair, ok, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, "scale[1]", fm_normaliser_create(g.ctx, ok, nan_pair, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, "scale[1]", fm_normaliser_create(g.ctx, ok, infinite, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "scale[1]", fm_normaliser_create(g.ctx, ok, negative, 2, &made));
}

ABOUT(fm_normaliser_destroy) { fm_normaliser_destroy(NULL); }
ABOUT(fm_normaliser_dim) { ck_assert_uint_eq(fm_normaliser_dim(NULL), 0); }

ABOUT(fm_normaliser_get) {
  NO_CTX(fm_normaliser_get(NULL, g.normaliser, out.f64[0], out.f64[1]));
  REFUSED(FM_E_INVALID, "normaliser:", fm_normaliser_get(g.ctx, NULL, out.f64[0], out.f64[1]));
  FINE(fm_normaliser_get(g.ctx, g.normaliser, NULL, NULL));
}

/* ---- optimisers --------------------------------------------------------------------------------------- */

ABOUT(fm_optimizer_create) {
  NO_CTX_MADE(fm_optimizer, fm_optimizer_create(NULL, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_optimizer_create(g.ctx, NULL, NULL));
  BAD_SIZES(fm_optimizer, fm_optimizer_options, fm_optimizer_create(g.ctx, options, &made));
#define NO_OPTIMIZER(expected, word, ...)                                                                    \
  NOT_MADE(fm_optimizer, expected, word,                                                                     \
           fm_optimizer_create(g.ctx, WITH(fm_optimizer_options, __VA_ARGS__), &made))
  NO_OPTIMIZER(FM_E_UNSUPPORTED, "kind:", .kind = 4000);
  NO_OPTIMIZER(FM_E_UNSUPPORTED, "schedule:", .schedule = 4000);
  NO_OPTIMIZER(FM_E_INVALID, "learning_rate:", .learning_rate = -1);
  NO_OPTIMIZER(FM_E_INVALID, "learning_rate:", .learning_rate = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "learning_rate:", .learning_rate = INFINITY);
  NO_OPTIMIZER(FM_E_INVALID, "beta1:", .beta1 = 1);
  NO_OPTIMIZER(FM_E_INVALID, "beta1:", .beta1 = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "beta2:", .beta2 = 1.5);
  NO_OPTIMIZER(FM_E_INVALID, "beta2:", .beta2 = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "epsilon:", .epsilon = -1e-8);
  NO_OPTIMIZER(FM_E_INVALID, "epsilon:", .epsilon = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "weight_decay:", .weight_decay = -1);
  NO_OPTIMIZER(FM_E_INVALID, "weight_decay:", .weight_decay = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "clip_norm:", .clip_norm = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "final_fraction:", .final_fraction = NAN);
  NO_OPTIMIZER(FM_E_INVALID, "plateau_factor:", .plateau_factor = 1);
  NO_OPTIMIZER(FM_E_INVALID, "plateau_factor:", .plateau_factor = -.5);
  NO_OPTIMIZER(FM_E_INVALID, "plateau_factor:", .plateau_factor = NAN);
#undef NO_OPTIMIZER
}

ABOUT(fm_optimizer_destroy) { fm_optimizer_destroy(NULL); }
ABOUT(fm_optimizer_state_count) {
  ck_assert_uint_eq(fm_optimizer_state_count(NULL, 3), 0);
  ck_assert_uint_eq(fm_optimizer_state_count(g.optimizer, 0), 0);
}
ABOUT(fm_optimizer_rate) { ck_assert(fm_optimizer_rate(NULL, 1) == 0); }

ABOUT(fm_optimizer_step) {
  float *params = out.f32[0], *state = out.f32[1];
  double *norm = &out.scalar;
  NO_CTX(fm_optimizer_step(NULL, g.optimizer, 1, rows, 2, params, state, norm));
  REFUSED(FM_E_INVALID, "optimizer:", fm_optimizer_step(g.ctx, NULL, 1, rows, 2, params, state, norm));
  REFUSED(FM_E_INVALID, "step:", fm_optimizer_step(g.ctx, g.optimizer, 0, rows, 2, params, state, norm));
  REFUSED(FM_E_INVALID, "grad:", fm_optimizer_step(g.ctx, g.optimizer, 1, NULL, 2, params, state, norm));
  REFUSED(FM_E_INVALID, "params:", fm_optimizer_step(g.ctx, g.optimizer, 1, rows, 2, NULL, state, norm));
  REFUSED(FM_E_INVALID, "state:", fm_optimizer_step(g.ctx, g.optimizer, 1, rows, 2, params, NULL, norm));
  REFUSED(FM_E_NONFINITE,
          "grad:", fm_optimizer_step(g.ctx, g.optimizer, 1, nan_rows, 6, params, state, norm));
  REFUSED(FM_E_NONFINITE,
          "grad:", fm_optimizer_step(g.ctx, g.optimizer, 1, infinite_rows, 6, params, state, norm));
  float bad[12] = {0};
  bad[4] = NAN;
  REFUSED(FM_E_NONFINITE, "params:", fm_optimizer_step(g.ctx, g.optimizer, 1, rows, 6, bad, state, norm));
  REFUSED(FM_E_NONFINITE, "state:", fm_optimizer_step(g.ctx, g.optimizer, 1, rows, 6, params, bad, norm));
  FINE(fm_optimizer_step(g.ctx, g.optimizer, 1, NULL, 0, NULL, NULL, NULL));
  fm_optimizer *muon = NULL; /* has to know the shapes */
  FINE(fm_optimizer_create(g.ctx, WITH(fm_optimizer_options, .kind = FM_OPTIMIZER_MUON), &muon));
  REFUSED(FM_E_UNSUPPORTED, "fm_optimizer_step_net",
          fm_optimizer_step(g.ctx, muon, 1, rows, 2, params, state, norm));
  fm_optimizer_destroy(muon);
}

ABOUT(fm_optimizer_step_net) {
  float *params = out.f32[0], *state = out.f32[1], *grad = calloc(g.n_params, sizeof *grad);
  double *norm = &out.scalar;
  const fm_net *net = g.net;
  NO_CTX(fm_optimizer_step_net(NULL, g.optimizer, net, 1, grad, params, state, norm));
  REFUSED(FM_E_INVALID, "optimizer:", fm_optimizer_step_net(g.ctx, NULL, net, 1, grad, params, state, norm));
  REFUSED(FM_E_INVALID,
          "net:", fm_optimizer_step_net(g.ctx, g.optimizer, NULL, 1, grad, params, state, norm));
  REFUSED(FM_E_INVALID,
          "step:", fm_optimizer_step_net(g.ctx, g.optimizer, net, 0, grad, params, state, norm));
  REFUSED(FM_E_INVALID,
          "grad:", fm_optimizer_step_net(g.ctx, g.optimizer, net, 1, NULL, params, state, norm));
  REFUSED(FM_E_INVALID,
          "params:", fm_optimizer_step_net(g.ctx, g.optimizer, net, 1, grad, NULL, state, norm));
  REFUSED(FM_E_INVALID,
          "state:", fm_optimizer_step_net(g.ctx, g.optimizer, net, 1, grad, params, NULL, norm));
  grad[3] = NAN;
  REFUSED(FM_E_NONFINITE,
          "grad:", fm_optimizer_step_net(g.ctx, g.optimizer, net, 1, grad, params, state, norm));
  grad[3] = INFINITY;
  REFUSED(FM_E_NONFINITE,
          "grad:", fm_optimizer_step_net(g.ctx, g.optimizer, net, 1, grad, params, state, norm));
  free(grad);
}
