/* prior.c - the list of sources, prior objects, and drawing: a row is a function of (seed, row index)
   alone. */
#include "model/prior.h"

#include "core/rng.h"

#include <math.h>

#define FMI_PRIOR(x) extern const fmi_prior_kind fmi_prior_##x;
#include "model/prior_list.def"
#undef FMI_PRIOR

static const fmi_prior_kind *const kinds[] = {
#define FMI_PRIOR(x) &fmi_prior_##x,
#include "model/prior_list.def"
#undef FMI_PRIOR
};

const fmi_prior_kind *fmi_prior_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(kinds); i++)
    if (kinds[i]->kind == kind) return kinds[i];
  return NULL;
}

const fmi_prior_kind *fmi_prior_by_name(const char *name) {
  for (size_t i = 0; i < FMI_COUNT(kinds); i++)
    if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
  return NULL;
}

/* ---- arrays --------------------------------------------------------------------------------------- */

size_t fmi_prior_n_arrays(const fm_prior *prior) {
  size_t n = 0;
  while (n < FMI_PRIOR_ARRAYS && prior->kind->arrays[n].name != NULL) n++;
  return n;
}

void fmi_prior_shape(const fmi_prior_kind *kind, size_t i, size_t n, size_t dim, uint64_t shape[3]) {
  const fmi_extent extent = kind->arrays[i].extent;
  const bool by_entry = extent == FMI_ENTRIES || extent == FMI_ENTRIES_COLUMNS;
  shape[0] = by_entry ? n : dim;
  shape[1] = extent == FMI_ENTRIES_COLUMNS || extent == FMI_COLUMNS_COLUMNS ? dim : 0;
  shape[2] = 0;
}

static fm_status take_array(fm_prior *prior, size_t i, const double *given, fmi_error *err) {
  uint64_t shape[3];
  fmi_prior_shape(prior->kind, i, prior->n, prior->dim, shape);
  const size_t rows = shape[1] ? (size_t)shape[0] : 1, columns = (size_t)(shape[1] ? shape[1] : shape[0]);
  FMI_TRY(fmi_check_finite_f64(prior->kind->arrays[i].name, given, rows, columns, err));
  prior->arrays[i] = fmi_alloc(prior->object.memory, fmi_mul_size(rows, columns), sizeof *given, err);
  if (prior->arrays[i] == NULL) return FM_E_NOMEM;
  memcpy(prior->arrays[i], given, rows * columns * sizeof *given);
  return FM_OK;
}

static fm_status fill(fm_prior *prior, const double *const *given, fmi_error *err) {
  const fmi_prior_kind *kind = prior->kind;
  for (size_t i = 0; i < fmi_prior_n_arrays(prior); i++) FMI_TRY(take_array(prior, i, given[i], err));
  if (kind->n_derived != NULL) {
    prior->derived =
        fmi_alloc(prior->object.memory, kind->n_derived(prior->n, prior->dim), sizeof(double), err);
    if (prior->derived == NULL) return FM_E_NOMEM;
  }
  return kind->prepare != NULL ? kind->prepare(prior, err) : FM_OK;
}

static void destroy(void *self) {
  fm_prior *prior = self;
  for (size_t i = 0; i < FMI_PRIOR_ARRAYS; i++) fmi_free(prior->object.memory, prior->arrays[i]);
  fmi_free(prior->object.memory, prior->derived);
  fmi_object_free(prior);
}

fm_prior *fmi_prior_new(fmi_memory *memory, uint32_t kind, size_t n, size_t dim, const double *const *given,
                        fmi_error *err) {
  fm_prior *prior = fmi_object_create(memory, sizeof *prior, destroy, err);
  if (prior == NULL) return NULL;
  prior->kind = fmi_prior_by_kind(kind);
  prior->n = n;
  prior->dim = dim;
  if (fill(prior, given, err) == FM_OK) return prior;
  fmi_release(prior);
  return NULL;
}

fm_prior *fmi_prior_new_gaussian(fmi_memory *memory, fmi_error *err) {
  return fmi_prior_new(memory, FM_PRIOR_GAUSSIAN, 0, 0, NULL, err);
}

/* ---- drawing -------------------------------------------------------------------------------------- */

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

fm_status fmi_prior_draw(const fm_prior *prior, const fm_normaliser *norm, const fmi_kernels *kernels,
                         uint64_t seed, uint64_t first_row, size_t n, size_t dim, double *z, void *scratch,
                         fmi_error *err) {
  const fmi_prior_call call = {kernels, seed, first_row, n, dim, z, scratch};
  FMI_TRY(prior->kind->draw(prior, &call, err));
  if (!prior->kind->normalised) fmi_normalise(norm, z, n, z);
  return FM_OK;
}

fm_status fmi_prior_draw_units(const fm_prior *prior, const fm_normaliser *norm, const fmi_kernels *kernels,
                               uint64_t seed, uint64_t first_row, size_t n, size_t dim, double *x,
                               void *scratch, fmi_error *err) {
  const fmi_prior_call call = {kernels, seed, first_row, n, dim, x, scratch};
  FMI_TRY(prior->kind->draw(prior, &call, err));
  if (prior->kind->normalised && norm != NULL) fmi_denormalise(norm, x, n, x);
  return FM_OK;
}

/* ---- densities ------------------------------------------------------------------------------------ */

double fmi_log_normal(const double *x, const double *mean, const double *deviation, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; j++) {
    const double z = (x[j] - mean[j]) / deviation[j];
    sum -= 0.5 * (z * z + FMI_LOG_TWO_PI) + log(deviation[j]);
  }
  return sum;
}

fm_status fmi_check_deviations(const char *name, const double *deviation, size_t n, size_t dim,
                               fmi_error *err) {
  for (size_t i = 0; i < n * dim; i++)
    if (!(deviation[i] > 0))
      return fmi_fail(err, FM_E_INVALID, "%s: expected above 0 in row %zu, column %zu, found %g", name,
                      i / dim, i % dim, deviation[i]);
  return FM_OK;
}

fm_status fmi_prior_log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                                fmi_error *err) {
  if (prior->kind->log_density == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED, "prior: the density of %s is not known", prior->kind->name);
  if (prior->dim != 0 && prior->dim != dim)
    return fmi_fail(err, FM_E_MISMATCH, "dim: expected %zu as the prior has, found %zu", prior->dim, dim);
  return prior->kind->log_density(prior, x, n, dim, out, err);
}
