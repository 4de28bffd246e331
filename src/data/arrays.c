/* arrays.c - rows in memory. */
#include "data/data.h"
#include "model/model.h"

#include <math.h>

typedef struct arrays {
  fm_data data;
  fmi_data_arrays a;
  void *owned; /* the copy of them, or NULL */
} arrays;

static void destroy(void *self) {
  arrays *d = self;
  fmi_free(d->data.object.memory, d->owned);
  fmi_object_free(d);
}

static fm_status check_present(const fmi_data_arrays *a, fmi_error *err) {
  for (size_t i = 0; i < a->n * a->dim; i++)
    if (isinf(a->x1_f64 ? a->x1_f64[i] : (double)a->x1_f32[i]))
      return fmi_fail(err, FM_E_NONFINITE,
                      "x1: expected finite numbers or NaN, found %g in row %zu, column %zu",
                      a->x1_f64 ? a->x1_f64[i] : (double)a->x1_f32[i], i / a->dim, i % a->dim);
  return FM_OK;
}

static fm_status check_cells(const fmi_data_arrays *a, bool missing, fmi_error *err) {
  if (missing) FMI_TRY(check_present(a, err));
  if (!missing && a->x1_f32) FMI_TRY(fmi_check_finite_f32("x1", a->x1_f32, a->n, a->dim, err));
  if (!missing && a->x1_f64) FMI_TRY(fmi_check_finite_f64("x1", a->x1_f64, a->n, a->dim, err));
  if (a->x0_f32) FMI_TRY(fmi_check_finite_f32("x0", a->x0_f32, a->n, a->dim, err));
  if (a->x0_f64) FMI_TRY(fmi_check_finite_f64("x0", a->x0_f64, a->n, a->dim, err));
  return FM_OK;
}

fm_status fmi_data_check_arrays(const fmi_data_arrays *a, fmi_error *err) {
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

static void copy_all(fmi_arena *arena, const fmi_data_arrays *a, fmi_data_arrays *to) {
  size_t cells = fmi_mul_size(a->n, a->dim);
  to->x1_f32 = copied(arena, a->x1_f32, cells, sizeof(float));
  to->x0_f32 = copied(arena, a->x0_f32, cells, sizeof(float));
  to->x1_f64 = copied(arena, a->x1_f64, cells, sizeof(double));
  to->x0_f64 = copied(arena, a->x0_f64, cells, sizeof(double));
  to->labels = copied(arena, a->labels, fmi_mul_size(a->n, a->n_class_columns), sizeof(int32_t));
  to->cond = copied(arena, a->cond, fmi_mul_size(a->n, a->cond_dim), sizeof(float));
  to->weights = copied(arena, a->weights, a->n, sizeof(float));
}

static void copy_row(const float *f32, const double *f64, size_t row, size_t dim, double *out) {
  if (f64) {
    memcpy(out, f64 + row * dim, dim * sizeof *out);
    return;
  }
  for (size_t j = 0; j < dim; j++) out[j] = f32[row * dim + j];
}

static fm_status gather(const fm_data *data, const uint64_t *row, size_t n, fmi_batch *b, fmi_error *err) {
  (void)err;
  const arrays *d = (const arrays *)data;
  const fmi_data_arrays *a = &d->a;
  size_t k = data->n_class_columns, c = data->cond_dim;
  for (size_t i = 0; i < n; i++) {
    size_t at = (size_t)row[i];
    copy_row(a->x1_f32, a->x1_f64, at, data->dim, b->x1 + i * data->dim);
    if (data->pairs) copy_row(a->x0_f32, a->x0_f64, at, data->dim, b->x0 + i * data->dim);
    if (k) memcpy(b->labels + i * k, a->labels + at * k, k * sizeof *b->labels);
    if (c) memcpy(b->cond + i * c, a->cond + at * c, c * sizeof *b->cond);
    b->weights[i] = a->weights ? a->weights[at] : 1;
  }
  return FM_OK;
}

static const fmi_data_kind kind = {.gather = gather};

fm_data *fmi_data_new_arrays(fmi_memory *memory, const fmi_data_arrays *a, bool no_copy, bool missing,
                             fmi_error *err) {
  if (check_cells(a, missing, err) != FM_OK || fmi_data_check_arrays(a, err) != FM_OK) return NULL;
  arrays *d = fmi_object_create(memory, sizeof *d, destroy, err);
  if (d == NULL) return NULL;
  d->data.kind = &kind;
  d->data.n = a->n;
  d->data.dim = a->dim;
  d->data.n_class_columns = a->labels ? a->n_class_columns : 0;
  d->data.cond_dim = a->cond ? a->cond_dim : 0;
  d->data.pairs = a->x0_f32 || a->x0_f64;
  d->a = *a;
  if (no_copy) return &d->data;
  fmi_data_arrays measured;
  fmi_arena arena = {NULL, 0};
  copy_all(&arena, a, &measured);
  d->owned = fmi_alloc(memory, 1, arena.used, err);
  if (d->owned == NULL) {
    fmi_release(d);
    return NULL;
  }
  arena = (fmi_arena){d->owned, 0};
  copy_all(&arena, a, &d->a);
  return &d->data;
}
