/* data.c - rows in memory, or a stream the caller fills. */
#include "train/data.h"

#include "core/rng.h"
#include "model/model.h"

static void destroy(void *self) {
  fm_data *data = self;
  fmi_free(data->object.memory, data->owned);
  fmi_object_free(data);
}

static fm_status check_arrays(const fmi_data_arrays *a, fmi_error *err) {
  if (a->x1_f32) FMI_TRY(fmi_check_finite_f32("x1", a->x1_f32, a->n, a->dim, err));
  if (a->x0_f32) FMI_TRY(fmi_check_finite_f32("x0", a->x0_f32, a->n, a->dim, err));
  if (a->x1_f64) FMI_TRY(fmi_check_finite_f64("x1", a->x1_f64, a->n, a->dim, err));
  if (a->x0_f64) FMI_TRY(fmi_check_finite_f64("x0", a->x0_f64, a->n, a->dim, err));
  if (a->cond) FMI_TRY(fmi_check_finite_f32("cond", a->cond, a->n, a->cond_dim, err));
  for (size_t i = 0; a->labels && i < a->n * a->n_class_columns; i++)
    if (a->labels[i] < -1)
      return fmi_fail(err, FM_E_INVALID, "labels: expected -1 or more in row %zu, column %zu, found %d",
                      i / a->n_class_columns, i % a->n_class_columns, (int)a->labels[i]);
  if (a->weights) FMI_TRY(fmi_check_weights(a->weights, a->n, err));
  return FM_OK;
}

/* Takes a copy of an array, or measures (see fmi_arena). */
static const void *copied(fmi_arena *arena, const void *from, size_t count, size_t size) {
  if (from == NULL) return NULL;
  void *to = fmi_arena_take(arena, count, size);
  if (to != NULL && count > 0) memcpy(to, from, count * size);
  return to;
}

static void copy_all(fmi_arena *arena, const fmi_data_arrays *a, fm_data *data) {
  size_t cells = fmi_mul_size(a->n, a->dim);
  data->x1_f32 = copied(arena, a->x1_f32, cells, sizeof(float));
  data->x0_f32 = copied(arena, a->x0_f32, cells, sizeof(float));
  data->x1_f64 = copied(arena, a->x1_f64, cells, sizeof(double));
  data->x0_f64 = copied(arena, a->x0_f64, cells, sizeof(double));
  data->labels = copied(arena, a->labels, fmi_mul_size(a->n, a->n_class_columns), sizeof(int32_t));
  data->cond = copied(arena, a->cond, fmi_mul_size(a->n, a->cond_dim), sizeof(float));
  data->weights = copied(arena, a->weights, a->n, sizeof(float));
}

fm_data *fmi_data_new(fmi_memory *memory, const fmi_data_arrays *a, bool no_copy, fmi_error *err) {
  if (check_arrays(a, err) != FM_OK) return NULL;
  fm_data *data = fmi_object_create(memory, sizeof *data, destroy, err);
  if (data == NULL) return NULL;
  data->n = a->n;
  data->dim = a->dim;
  data->n_class_columns = a->labels ? a->n_class_columns : 0;
  data->cond_dim = a->cond ? a->cond_dim : 0;
  data->pairs = a->x0_f32 || a->x0_f64;
  data->x1_f32 = a->x1_f32, data->x0_f32 = a->x0_f32;
  data->x1_f64 = a->x1_f64, data->x0_f64 = a->x0_f64;
  data->labels = a->labels, data->cond = a->cond, data->weights = a->weights;
  if (no_copy) return data;
  fm_data measured = {0};
  fmi_arena arena = {NULL, 0};
  copy_all(&arena, a, &measured);
  data->owned = fmi_alloc(memory, 1, arena.used, err);
  if (data->owned == NULL) {
    fmi_release(data);
    return NULL;
  }
  arena = (fmi_arena){data->owned, 0};
  copy_all(&arena, a, data);
  return data;
}

static void copy_row(const float *f32, const double *f64, size_t row, size_t dim, double *out) {
  if (f64) {
    memcpy(out, f64 + row * dim, dim * sizeof *out);
    return;
  }
  for (size_t j = 0; j < dim; j++) out[j] = f32[row * dim + j];
}

void fmi_data_row(const fm_data *data, size_t i, double *x1) {
  copy_row(data->x1_f32, data->x1_f64, i, data->dim, x1);
}

static void fetch_row(const fm_data *d, size_t row, size_t i, fmi_batch *b) {
  copy_row(d->x1_f32, d->x1_f64, row, d->dim, b->x1 + i * d->dim);
  if (d->pairs) copy_row(d->x0_f32, d->x0_f64, row, d->dim, b->x0 + i * d->dim);
  size_t k = d->n_class_columns, c = d->cond_dim;
  if (k) memcpy(b->labels + i * k, d->labels + row * k, k * sizeof *b->labels);
  if (c) memcpy(b->cond + i * c, d->cond + row * c, c * sizeof *b->cond);
  b->weights[i] = d->weights ? d->weights[row] : 1;
}

static fm_status pull_rows(const fm_data *d, uint64_t first, size_t n, fmi_batch *b, fmi_error *err) {
  fm_pull_request request = {.struct_size = sizeof request,
                             .first_row = first,
                             .n = n,
                             .dim = d->dim,
                             .x1 = b->x1,
                             .x0 = d->pairs ? b->x0 : NULL,
                             .labels = d->n_class_columns ? b->labels : NULL,
                             .cond = d->cond_dim ? b->cond : NULL,
                             .weights = b->weights};
  for (size_t i = 0; i < n; i++) b->weights[i] = 1;
  int32_t answer = d->pull(d->user, &request);
  return answer == 0
             ? FM_OK
             : fmi_fail(err, FM_E_CALLBACK, "data: the caller's pull function returned %d", (int)answer);
}

fm_status fmi_data_fetch(const fm_data *d, uint64_t seed, bool shuffle, uint64_t first, size_t n,
                         fmi_batch *b, fmi_error *err) {
  if (d->pull) return pull_rows(d, first, n, b, err);
  for (size_t i = 0; i < n; i++) {
    uint64_t epoch = (first + i) / d->n, row = (first + i) % d->n;
    if (shuffle) row = fmi_rng_shuffled(seed, epoch, d->n, row);
    fetch_row(d, (size_t)row, i, b);
  }
  return FM_OK;
}
