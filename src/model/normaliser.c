/* normaliser.c - per-column shift and scale, computed in double and stored with the model. */
#include "model/model.h"

#include <math.h>

static void destroy(void *self) {
  fm_normaliser *norm = self;
  fmi_free(norm->object.memory, norm->shift);
  fmi_free(norm->object.memory, norm->scale);
  fmi_object_free(norm);
}

static fm_normaliser *allocate(fmi_memory *memory, size_t dim, fmi_error *err) {
  fm_normaliser *norm = fmi_object_create(memory, sizeof *norm, destroy, err);
  if (norm == NULL) return NULL;
  norm->dim = dim;
  norm->shift = fmi_alloc(memory, dim, sizeof(double), err);
  norm->scale = norm->shift ? fmi_alloc(memory, dim, sizeof(double), err) : NULL;
  if (norm->scale != NULL) return norm;
  fmi_release(norm);
  return NULL;
}

fm_normaliser *fmi_normaliser_new(fmi_memory *memory, const double *shift, const double *scale, size_t dim,
                                  fmi_error *err) {
  for (size_t j = 0; j < dim; j++) {
    if (!isfinite(shift[j])) {
      fmi_fail(err, FM_E_NONFINITE, "shift[%zu]: expected a finite number, found %g", j, shift[j]);
      return NULL;
    }
    if (!isfinite(scale[j]) || scale[j] < 0) {
      fmi_fail(err, isfinite(scale[j]) ? FM_E_INVALID : FM_E_NONFINITE,
               "scale[%zu]: expected a finite number >= 0, found %g", j, scale[j]);
      return NULL;
    }
  }
  fm_normaliser *norm = allocate(memory, dim, err);
  if (norm == NULL) return NULL;
  if (dim == 0) return norm; /* no arrays then: a net without a condition */
  memcpy(norm->shift, shift, dim * sizeof *shift);
  memcpy(norm->scale, scale, dim * sizeof *scale);
  return norm;
}

fm_normaliser *fmi_normaliser_identity(fmi_memory *memory, size_t dim, fmi_error *err) {
  fm_normaliser *norm = allocate(memory, dim, err);
  for (size_t j = 0; norm != NULL && j < dim; j++) norm->scale[j] = 1;
  return norm;
}

/* Welford 1962: stable in one pass, exact for a constant column. */
void fmi_statistics_add(fmi_statistics *s, const double *row) {
  double weight = 1 / (double)++s->n;
  for (size_t j = 0; j < s->dim; j++) {
    double delta = row[j] - s->mean[j];
    s->mean[j] += delta * weight;
    s->m2[j] += delta * (row[j] - s->mean[j]);
  }
}

/* One mean and deviation for all cells: within-column squares plus those between the columns' means. */
static void merge_columns(fmi_statistics *s) {
  double mean = 0, between = 0, within = 0;
  for (size_t j = 0; j < s->dim; j++) mean += (s->mean[j] - mean) / (double)(j + 1);
  for (size_t j = 0; j < s->dim; j++) {
    between += (s->mean[j] - mean) * (s->mean[j] - mean);
    within += s->m2[j] / (double)s->n;
  }
  for (size_t j = 0; j < s->dim; j++) {
    s->mean[j] = mean;
    s->m2[j] = (within + between) / (double)s->dim * (double)s->n;
  }
}

fm_status fmi_statistics_finish(fmi_statistics *s, uint32_t kind, fmi_error *err) {
  if (kind == FM_NORMALISE_WHOLE) merge_columns(s);
  for (size_t j = 0; j < s->dim; j++) {
    if (kind == FM_NORMALISE_IDENTITY) {
      s->mean[j] = 0;
      s->m2[j] = 1;
      continue;
    }
    double scale = sqrt(s->m2[j] / (double)s->n);
    if (!isfinite(scale) || !isfinite(s->mean[j]))
      return fmi_fail(err, FM_E_NONFINITE, "x: the spread of column %zu overflows double", j);
    s->m2[j] = scale;
  }
  return FM_OK;
}

void fmi_normalise(const fm_normaliser *norm, const double *x, size_t n, double *z) {
  size_t dim = norm->dim;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < dim; j++)
      z[i * dim + j] = norm->scale[j] > 0 ? (x[i * dim + j] - norm->shift[j]) / norm->scale[j] : 0;
}

void fmi_denormalise(const fm_normaliser *norm, const double *z, size_t n, double *x) {
  size_t dim = norm->dim;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < dim; j++) x[i * dim + j] = norm->shift[j] + norm->scale[j] * z[i * dim + j];
}
