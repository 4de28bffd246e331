/* data.c - public functions on data. */
#include "api/api.h"
#include "core/os.h"
#include "data/data.h"
#include "data/npy.h"

static fm_status read_options(fm_ctx *ctx, const fm_data_options *given, fm_data_options *o) {
  FMI_TRY(fmi_options_read(&ctx->err, "fm_data_options", given, o, sizeof *o));
  if (o->missing > FM_MISSING_MASK)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "data_options.missing: expected a FM_MISSING_ constant, found %llu",
                    (unsigned long long)o->missing);
  return FM_OK;
}

static fm_status create(fm_ctx *ctx, const fmi_data_arrays *a, const fm_data_options *options,
                        fm_data **out) {
  fm_data_options o;
  FMI_TRY(read_options(ctx, options, &o));
  bool missing = o.missing == FM_MISSING_MASK;
  REQUIRE(a->n >= 1, "n: expected 1 or more, found 0");
  REQUIRE(a->dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(a->n, a->dim);
  REQUIRE_CELLS(a->n, a->n_class_columns);
  REQUIRE_CELLS(a->n, a->cond_dim);
  const int32_t *labels = a->labels;
  const float *cond = a->cond;
  REQUIRE_ARRAY(labels, a->n_class_columns);
  REQUIRE_ARRAY(cond, a->cond_dim);
  REQUIRE(!missing || !(a->x0_f32 || a->x0_f64), "x0: expected NULL with FM_MISSING_MASK, found pairs");
  fm_data *data = fmi_data_new_arrays(ctx->memory, a, o.no_copy != 0, missing, &ctx->err);
  RETURN_HANDLE(missing ? fmi_data_new_masked(data, &ctx->err) : data);
}

fm_status fm_data_create(fm_ctx *ctx, const float *x1, const float *x0, const int32_t *labels,
                         const float *cond, const float *weights, size_t n, size_t dim,
                         size_t n_class_columns, size_t cond_dim, const fm_data_options *options,
                         fm_data **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(x1);
  fmi_data_arrays a = {.x1_f32 = x1,
                       .x0_f32 = x0,
                       .labels = labels,
                       .cond = cond,
                       .weights = weights,
                       .n = n,
                       .dim = dim,
                       .n_class_columns = n_class_columns,
                       .cond_dim = cond_dim};
  return create(ctx, &a, options, out);
}

fm_status fm_data_create_f64(fm_ctx *ctx, const double *x1, const double *x0, const int32_t *labels,
                             const float *cond, const float *weights, size_t n, size_t dim,
                             size_t n_class_columns, size_t cond_dim, const fm_data_options *options,
                             fm_data **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(x1);
  fmi_data_arrays a = {.x1_f64 = x1,
                       .x0_f64 = x0,
                       .labels = labels,
                       .cond = cond,
                       .weights = weights,
                       .n = n,
                       .dim = dim,
                       .n_class_columns = n_class_columns,
                       .cond_dim = cond_dim};
  return create(ctx, &a, options, out);
}

fm_status fm_data_open_npy(fm_ctx *ctx, const char *const *files, size_t n_files, const int32_t *labels,
                           const float *cond, const float *weights, size_t n, size_t n_class_columns,
                           size_t cond_dim, const fm_data_options *options, fm_data **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(files);
  REQUIRE(n_files >= 1, "n_files: expected 1 or more, found 0");
  for (size_t i = 0; i < n_files; i++)
    REQUIRE(files[i] != NULL, "files: expected a name, found NULL at %zu", i);
  fm_data_options o;
  FMI_TRY(read_options(ctx, options, &o));
  bool missing = o.missing == FM_MISSING_MASK;
  REQUIRE_CELLS(n, n_class_columns);
  REQUIRE_CELLS(n, cond_dim);
  REQUIRE_ARRAY(labels, n_class_columns);
  REQUIRE_ARRAY(cond, cond_dim);
  REQUIRE(n > 0 || !(labels || cond || weights),
          "n: expected the number of rows of labels, cond and weights, found 0");
  fmi_data_arrays beside = {.labels = labels,
                            .cond = cond,
                            .weights = weights,
                            .n = n,
                            .n_class_columns = n_class_columns,
                            .cond_dim = cond_dim};
  fm_data *data = fmi_data_new_npy(ctx->memory, files, n_files, &beside, o.no_copy != 0, missing, &ctx->err);
  RETURN_HANDLE(missing ? fmi_data_new_masked(data, &ctx->err) : data);
}

fm_status fm_npy_inspect(fm_ctx *ctx, const char *file, fm_npy_info *info) {
  REQUIRE_CTX();
  REQUIRE_POINTER(file);
  REQUIRE_POINTER(info);
  FMI_TRY(fmi_struct_check(&ctx->err, "info", info, sizeof *info));
  const void *bytes;
  size_t n_bytes;
  fmi_npy npy;
  FMI_TRY(fmi_os_map(file, &bytes, &n_bytes, &ctx->err));
  fm_status status = fmi_npy_parse(bytes, n_bytes, &npy, &ctx->err);
  fmi_os_unmap(bytes, n_bytes);
  if (status != FM_OK) {
    fmi_error_about(&ctx->err, file);
    return status;
  }
  fm_npy_info full = {.struct_size = sizeof full, .rank = npy.rank};
  for (size_t i = 0; i < npy.rank; i++) full.shape[i] = npy.shape[i];
  memcpy(full.dtype, npy.type->code, sizeof npy.type->code);
  return fmi_struct_write(&ctx->err, "info", &full, sizeof full, info);
}

/* ---- the caller's functions -------------------------------------------------------------------------- */

typedef struct columns {
  size_t n, dim, n_class_columns, cond_dim;
  bool pairs;
} columns;

static fm_data *with_columns(fm_data *data, const columns *c) {
  if (data == NULL) return NULL;
  data->n = c->n;
  data->dim = c->dim;
  data->n_class_columns = c->n_class_columns;
  data->cond_dim = c->cond_dim;
  data->pairs = c->pairs;
  return data;
}

fm_status fm_data_create_pull(fm_ctx *ctx, fm_pull_fn fn, void *user, size_t dim, size_t n_class_columns,
                              size_t cond_dim, uint32_t pairs, fm_data **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(fn);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  columns c = {0, dim, n_class_columns, cond_dim, pairs != 0};
  RETURN_HANDLE(with_columns(fmi_data_new_callback(ctx->memory, fn, NULL, user, &ctx->err), &c));
}

fm_status fm_data_create_gather(fm_ctx *ctx, fm_gather_fn fn, void *user, size_t n, size_t dim,
                                size_t n_class_columns, size_t cond_dim, uint32_t pairs, fm_data **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(fn);
  REQUIRE(n >= 1, "n: expected 1 or more, found 0");
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  columns c = {n, dim, n_class_columns, cond_dim, pairs != 0};
  RETURN_HANDLE(with_columns(fmi_data_new_callback(ctx->memory, NULL, fn, user, &ctx->err), &c));
}

void fm_data_destroy(fm_data *data) { fmi_release(data); }

/* ---- looking at data ----------------------------------------------------------------------------------- */

size_t fm_data_n(const fm_data *data) { return data ? data->n : 0; }
size_t fm_data_dim(const fm_data *data) { return data ? data->dim : 0; }
size_t fm_data_n_class_columns(const fm_data *data) { return data ? data->n_class_columns : 0; }
size_t fm_data_cond_dim(const fm_data *data) { return data ? data->cond_dim : 0; }

size_t fm_data_mask_column(const fm_data *data, size_t column) {
  for (size_t k = 0; data && k < data->n_masked; k++)
    if (data->masked[k] == column) return data->dim - data->n_masked + k;
  return 0;
}

static fm_status require_set(fm_ctx *ctx, const fm_data *data) {
  if (data->n > 0) return FM_OK;
  return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "data: expected rows with indexes, found a stream");
}

fm_status fm_data_split(fm_ctx *ctx, const fm_data *data, uint64_t seed, size_t n_held_out, fm_data **out,
                        fm_data **held_out) {
  if (held_out != NULL) *held_out = NULL;
  REQUIRE_OUT();
  REQUIRE_POINTER(data);
  REQUIRE_POINTER(held_out);
  FMI_TRY(require_set(ctx, data));
  REQUIRE(n_held_out >= 1 && n_held_out < data->n, "n_held_out: expected 1 to %zu of %zu rows, found %zu",
          data->n - 1, data->n, n_held_out);
  size_t n_rest = data->n - n_held_out;
  fm_data *rest = fmi_data_new_part(data, seed, 0, n_rest, &ctx->err);
  fm_data *held = rest ? fmi_data_new_part(data, seed, n_rest, n_held_out, &ctx->err) : NULL;
  if (held == NULL) {
    fmi_release(rest);
    return ctx->err.status;
  }
  *out = rest;
  *held_out = held;
  return FM_OK;
}

typedef struct reading {
  const fm_data *data;
  uint64_t first;
  double *x1;
  int32_t *labels;
  float *cond;
} reading;

static fm_status copy_rows(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err) {
  (void)err;
  reading *r = job;
  size_t at = (size_t)(first - r->first), dim = r->data->dim, k = r->data->n_class_columns,
         c = r->data->cond_dim;
  if (r->x1) memcpy(r->x1 + at * dim, rows->x1, n * dim * sizeof *r->x1);
  if (r->labels && k) memcpy(r->labels + at * k, rows->labels, n * k * sizeof *r->labels);
  if (r->cond && c) memcpy(r->cond + at * c, rows->cond, n * c * sizeof *r->cond);
  return FM_OK;
}

fm_status fm_data_read(fm_ctx *ctx, const fm_data *data, size_t first, size_t n, double *x1, int32_t *labels,
                       float *cond) {
  REQUIRE_CTX();
  REQUIRE_POINTER(data);
  FMI_TRY(require_set(ctx, data));
  REQUIRE(first <= data->n && n <= data->n - first, "n: expected rows up to %zu, found %zu from %zu on",
          data->n, n, first);
  reading r = {data, first, x1, labels, cond};
  return fmi_data_scan(data, first, n, copy_rows, &r, &ctx->err);
}

typedef struct class_count {
  size_t n_columns;
  uint32_t *n_classes;
} class_count;

static fm_status count_classes(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err) {
  (void)first, (void)err;
  class_count *c = job;
  for (size_t i = 0; i < n * c->n_columns; i++) {
    uint32_t *most = &c->n_classes[i % c->n_columns];
    if (rows->labels[i] >= 0 && (uint32_t)rows->labels[i] >= *most) *most = (uint32_t)rows->labels[i] + 1;
  }
  return FM_OK;
}

fm_status fm_data_count_classes(fm_ctx *ctx, const fm_data *data, uint32_t *n_classes) {
  REQUIRE_CTX();
  REQUIRE_POINTER(data);
  REQUIRE_ARRAY(n_classes, data->n_class_columns);
  FMI_TRY(require_set(ctx, data));
  if (data->n_class_columns == 0) return FM_OK;
  class_count c = {data->n_class_columns, n_classes};
  for (size_t k = 0; k < c.n_columns; k++) n_classes[k] = 1;
  return fmi_data_scan(data, 0, data->n, count_classes, &c, &ctx->err);
}
