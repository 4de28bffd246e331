/* data.c - public functions on data. */
#include "api/api.h"
#include "train/data.h"

static fm_status create(fm_ctx *ctx, const fmi_data_arrays *a, const fm_data_options *options,
                        fm_data **out) {
  READ_OPTIONS(fm_data_options, o, options);
  REQUIRE(a->n >= 1, "n: expected 1 or more, found 0");
  REQUIRE(a->dim >= 1, "dim: expected 1 or more, found 0");
  REQUIRE_CELLS(a->n, a->dim);
  REQUIRE_CELLS(a->n, a->n_class_columns);
  REQUIRE_CELLS(a->n, a->cond_dim);
  const int32_t *labels = a->labels;
  const float *cond = a->cond;
  REQUIRE_ARRAY(labels, a->n_class_columns);
  REQUIRE_ARRAY(cond, a->cond_dim);
  RETURN_HANDLE(fmi_data_new(ctx->memory, a, o.no_copy != 0, &ctx->err));
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

fm_status fm_data_create_pull(fm_ctx *ctx, fm_pull_fn fn, void *user, size_t dim, size_t n_class_columns,
                              size_t cond_dim, uint32_t pairs, fm_data **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(fn);
  REQUIRE(dim >= 1, "dim: expected 1 or more, found 0");
  fm_data *data = fmi_object_create(ctx->memory, sizeof *data, fmi_object_free, &ctx->err);
  if (data != NULL) {
    data->pull = fn;
    data->user = user;
    data->dim = dim;
    data->n_class_columns = n_class_columns;
    data->cond_dim = cond_dim;
    data->pairs = pairs != 0;
  }
  RETURN_HANDLE(data);
}

void fm_data_destroy(fm_data *data) { fmi_release(data); }
