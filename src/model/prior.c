/* prior.c - the source distribution: a row is a function of (seed, row index) alone. */
#include "model/model.h"

#include "core/rng.h"

#include <math.h>

static void destroy(void *self) {
  fm_prior *prior = self;
  fmi_free(prior->object.memory, prior->rows);
  fmi_object_free(prior);
}

fm_prior *fmi_prior_new(fmi_memory *memory, uint32_t kind, fmi_error *err) {
  fm_prior *prior = fmi_object_create(memory, sizeof *prior, destroy, err);
  if (prior != NULL) prior->kind = kind;
  return prior;
}

fm_prior *fmi_prior_new_rows(fmi_memory *memory, const float *rows_f32, const double *rows_f64, size_t n,
                             size_t dim, fmi_error *err) {
  fm_status status = rows_f64 ? fmi_check_finite_f64("rows", rows_f64, n, dim, err)
                              : fmi_check_finite_f32("rows", rows_f32, n, dim, err);
  if (status != FM_OK) return NULL;
  fm_prior *prior = fmi_prior_new(memory, FM_PRIOR_ROWS, err);
  if (prior == NULL) return NULL;
  prior->n = n;
  prior->dim = dim;
  prior->rows = fmi_alloc(memory, fmi_mul_size(n, dim), sizeof *prior->rows, err);
  if (prior->rows == NULL) {
    fmi_release(prior);
    return NULL;
  }
  for (size_t i = 0; i < n * dim; i++) prior->rows[i] = rows_f64 ? rows_f64[i] : (double)rows_f32[i];
  return prior;
}

size_t fmi_prior_scratch(size_t dim) {
  fmi_arena arena = {NULL, 0};
  fmi_arena_take(&arena, fmi_add_size(dim, 4), sizeof(uint32_t));
  fmi_arena_take(&arena, dim, sizeof(real));
  return arena.used;
}

void fmi_normals(const fmi_kernels *kernels, uint64_t seed, uint32_t stream, uint64_t row, size_t n,
                 double *z, void *scratch) {
  fmi_arena arena = {scratch, 0};
  uint32_t *words = fmi_arena_take(&arena, fmi_add_size(n, 4), sizeof *words);
  real *normals = fmi_arena_take(&arena, n, sizeof *normals);
  fmi_rng_row(seed, stream, row, fmi_round_up(n, 2), words);
  kernels->normal(normals, words, n);
  for (size_t j = 0; j < n; j++) z[j] = normals[j];
}

static fm_status ask_caller(const fm_prior *prior, const fm_normaliser *norm, uint64_t seed,
                            uint64_t first_row, size_t n, size_t dim, double *z, fmi_error *err) {
  fm_prior_request request = {
      .struct_size = sizeof request, .seed = seed, .first_row = first_row, .n = n, .dim = dim, .x0 = z};
  int32_t answer = prior->fn(prior->user, &request);
  if (answer != 0)
    return fmi_fail(err, FM_E_CALLBACK, "prior: the caller's function returned %d", (int)answer);
  for (size_t i = 0; i < n * dim; i++)
    if (!isfinite(z[i]))
      return fmi_fail(err, FM_E_NONFINITE, "prior: the caller's function wrote %g to row %llu, column %zu",
                      z[i], (unsigned long long)(first_row + i / dim), i % dim);
  fmi_normalise(norm, z, n, z);
  return FM_OK;
}

fm_status fmi_prior_draw(const fm_prior *prior, const fm_normaliser *norm, const fmi_kernels *kernels,
                         uint64_t seed, uint64_t first_row, size_t n, size_t dim, double *z, void *scratch,
                         fmi_error *err) {
  if (prior->kind == FM_PRIOR_CALLBACK) return ask_caller(prior, norm, seed, first_row, n, dim, z, err);
  for (size_t i = 0; i < n; i++) {
    if (prior->kind == FM_PRIOR_GAUSSIAN) {
      fmi_normals(kernels, seed, FMI_STREAM_PRIOR, first_row + i, dim, z + i * dim, scratch);
    } else {
      uint64_t row = fmi_rng_below(seed, FMI_STREAM_ROWS, first_row + i, 0, prior->n);
      fmi_normalise(norm, prior->rows + row * dim, 1, z + i * dim);
    }
  }
  return FM_OK;
}
