/* path.c - public functions on paths. */
#include "api/api.h"

#include "io/json.h"
#include "io/safetensors.h"

#include <stdio.h>

static fm_status create(fm_ctx *ctx, const fmi_schedule *schedule, const double *given, size_t n_params,
                        fm_path **out) {
  double params[FMI_PATH_PARAMS];
  FMI_TRY(fmi_schedule_read_params(schedule, given, n_params, params, &ctx->err));
  RETURN_HANDLE(fmi_path_new(ctx->memory, schedule, params, &ctx->err));
}

fm_status fm_path_create_with(fm_ctx *ctx, uint32_t kind, const double *params, size_t n_params,
                              fm_path **out) {
  REQUIRE_OUT();
  REQUIRE_ARRAY(params, n_params);
  const fmi_schedule *schedule = fmi_schedule_by_kind(kind);
  if (schedule == NULL)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "kind: expected a FM_PATH_ constant, found %u",
                    (unsigned)kind);
  return create(ctx, schedule, params, n_params, out);
}

fm_status fm_path_create(fm_ctx *ctx, uint32_t kind, fm_path **out) {
  return fm_path_create_with(ctx, kind, NULL, 0, out);
}

/* ---- by name ------------------------------------------------------------------------------------- */

static fm_status fail_name(fm_ctx *ctx, const char *text) {
  char known[320] = "";
  size_t used = 0;
  const fmi_schedule *s;
  for (size_t i = 0; (s = fmi_schedule_at(i)) != NULL && used < sizeof known; i++) {
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", s->name);
    for (size_t j = 0; j < fmi_schedule_n_params(s) && used < sizeof known; j++)
      used += (size_t)snprintf(known + used, sizeof known - used, "[:%s", s->params[j].name);
    for (size_t j = 0; j < fmi_schedule_n_params(s) && used < sizeof known; j++)
      used += (size_t)snprintf(known + used, sizeof known - used, "]");
  }
  return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "path: expected one of %s, found '%s'", known,
                  fmi_shown((char[FMI_SHOWN]){0}, text));
}

/* The numbers after the name, ":a:b"; false: that is not what stands there. */
static bool read_numbers(const char *text, double *params, size_t *n) {
  for (*n = 0; *text == ':'; ++*n) {
    char number[40];
    const size_t length = strcspn(++text, ":");
    if (*n == FMI_PATH_PARAMS || length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!fmi_text_to_double(number, &params[*n])) return false;
    text += length;
  }
  return *text == '\0';
}

fm_status fm_path_create_named(fm_ctx *ctx, const char *text, fm_path **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(text);
  const size_t length = strcspn(text, ":");
  const fmi_schedule *schedule = NULL, *s;
  for (size_t i = 0; (s = fmi_schedule_at(i)) != NULL; i++)
    if (strlen(s->name) == length && memcmp(s->name, text, length) == 0) schedule = s;
  if (schedule == NULL) return fail_name(ctx, text);
  double params[FMI_PATH_PARAMS];
  size_t n;
  REQUIRE(read_numbers(text + length, params, &n), "path: expected numbers after '%s:', found '%s'",
          schedule->name, fmi_shown((char[FMI_SHOWN]){0}, text + length));
  return create(ctx, schedule, params, n, out);
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

const char *fm_path_name(const fm_path *path) {
  if (path == NULL) return NULL;
  return path->schedule ? path->schedule->name : "custom";
}

size_t fm_path_params(const fm_path *path, double *params, size_t n) {
  const size_t known = path != NULL && path->schedule ? fmi_schedule_n_params(path->schedule) : 0;
  for (size_t i = 0; params != NULL && i < known && i < n; i++) params[i] = path->params[i];
  return known;
}

fm_status fm_path_interval(fm_ctx *ctx, const fm_path *path, double *first, double *last) {
  REQUIRE_CTX();
  REQUIRE_POINTER(path);
  REQUIRE_POINTER(first);
  REQUIRE_POINTER(last);
  *first = path->first;
  *last = path->last;
  return FM_OK;
}

fm_status fm_path_snr_inverse(fm_ctx *ctx, const fm_path *path, double snr, double *t) {
  REQUIRE_CTX();
  REQUIRE_POINTER(path);
  REQUIRE_POINTER(t);
  return fmi_path_snr_inverse(path, snr, t, &ctx->err);
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

fm_status fm_path_transform(fm_ctx *ctx, const fm_path *path, const fm_path *to, double r,
                            fm_path_change *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(path);
  REQUIRE_POINTER(to);
  REQUIRE_POINTER(out);
  fm_path_change change;
  FMI_TRY(fmi_path_transform(path, to, r, &change, &ctx->err));
  return fmi_struct_write(&ctx->err, "out", &change, sizeof change, out);
}
