/* mask.c - missing values as columns of their own: a cell that is missing stands at its column's mean, and an
   indicator column says so (Little & Rubin, "Statistical Analysis with Missing Data"). */
#include "data/data.h"

#include <math.h>

typedef struct masked {
  fm_data data;
  const fm_data *inner;
  size_t *column; /* [n_masked] */
  double *fill;   /* [n_masked] */
} masked;

static void destroy(void *self) {
  masked *m = self;
  fmi_free(m->data.object.memory, m->column);
  fmi_free(m->data.object.memory, m->fill);
  fmi_release(m->inner);
  fmi_object_free(m);
}

/* Rows come packed, inner->dim apart; from the last one on they move to where they belong. */
static fm_status gather(const fm_data *data, const uint64_t *row, size_t n, fmi_batch *out, fmi_error *err) {
  const masked *m = (const masked *)data;
  size_t narrow = m->inner->dim, wide = data->dim;
  FMI_TRY(m->inner->kind->gather(m->inner, row, n, out, err));
  for (size_t i = n; i-- > 0;) {
    double *x = out->x1 + i * wide;
    memmove(x, out->x1 + i * narrow, narrow * sizeof *x);
    for (size_t k = 0; k < data->n_masked; k++) {
      bool missing = isnan(x[m->column[k]]);
      x[narrow + k] = missing;
      if (missing) x[m->column[k]] = m->fill[k];
    }
  }
  return FM_OK;
}

static const fmi_data_kind kind = {.gather = gather};

/* What is there of every column. */
typedef struct census {
  size_t dim;
  uint64_t *present; /* [dim] */
  double *mean;      /* [dim] */
} census;

static fm_status count(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err) {
  (void)first, (void)err;
  census *c = job;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < c->dim; j++) {
      double x = rows->x1[i * c->dim + j];
      if (!isnan(x)) c->mean[j] += (x - c->mean[j]) / (double)++c->present[j];
    }
  return FM_OK;
}

static fm_data *mask(fm_data *inner, const census *c, size_t n_masked, fmi_error *err) {
  fmi_memory *memory = inner->object.memory;
  masked *m = fmi_object_create(memory, sizeof *m, destroy, err);
  if (m == NULL) return NULL;
  fmi_object object = m->data.object;
  m->data = *inner;
  m->data.object = object;
  m->data.kind = &kind;
  m->data.dim = inner->dim + n_masked;
  m->data.n_masked = n_masked;
  m->inner = fmi_retain(inner);
  m->column = fmi_alloc(memory, n_masked, sizeof *m->column, err);
  m->fill = m->column ? fmi_alloc(memory, n_masked, sizeof *m->fill, err) : NULL;
  if (m->fill == NULL) {
    fmi_release(m);
    return NULL;
  }
  m->data.masked = m->column;
  for (size_t j = 0, k = 0; j < inner->dim; j++) {
    if (c->present[j] == inner->n) continue;
    m->column[k] = j;
    m->fill[k++] = c->mean[j];
  }
  return &m->data;
}

static fm_data *mask_where_needed(fm_data *inner, census *c, fmi_error *err) {
  size_t n_masked = 0;
  if (fmi_data_scan(inner, 0, inner->n, count, c, err) != FM_OK) return NULL;
  for (size_t j = 0; j < inner->dim; j++) {
    n_masked += c->present[j] < inner->n;
    if (c->present[j] > 0) continue;
    fmi_fail(err, FM_E_NONFINITE, "x1: expected a value somewhere in column %zu, found NaN in every row", j);
    return NULL;
  }
  return n_masked ? mask(inner, c, n_masked, err) : fmi_retain(inner);
}

fm_data *fmi_data_new_masked(fm_data *inner, fmi_error *err) {
  if (inner == NULL) return NULL;
  fmi_memory *memory = inner->object.memory;
  fm_data *data = NULL;
  census c = {.dim = inner->dim};
  c.present = fmi_alloc(memory, c.dim, sizeof *c.present, err);
  c.mean = c.present ? fmi_alloc(memory, c.dim, sizeof *c.mean, err) : NULL;
  if (c.mean) data = mask_where_needed(inner, &c, err);
  fmi_free(memory, c.present);
  fmi_free(memory, c.mean);
  fmi_release(inner);
  return data;
}
