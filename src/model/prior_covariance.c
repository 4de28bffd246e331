/* prior_covariance.c - a Gaussian with any covariance C = L L': x = mean + L z, and
   log p = -(|L^-1 (x - mean)|^2 + dim log 2 pi) / 2 - sum log L_ii. */
#include "model/prior.h"

#include "core/rng.h"

#include <math.h>

extern const fmi_prior_kind fmi_prior_covariance;

/* L and its inverse, both lower triangular: derived [2][dim][dim]. */
static double *factor(const fm_prior *p) { return p->derived; }
static double *inverse(const fm_prior *p) { return p->derived + p->dim * p->dim; }

static size_t n_derived(size_t n, size_t dim) {
  (void)n;
  return fmi_mul_size(2, fmi_mul_size(dim, dim));
}

static fm_status check_symmetric(const double *c, size_t dim, fmi_error *err) {
  for (size_t i = 0; i < dim; i++)
    for (size_t j = 0; j < i; j++)
      if (fabs(c[i * dim + j] - c[j * dim + i]) > 1e-9 * sqrt(fabs(c[i * dim + i]) * fabs(c[j * dim + j])))
        return fmi_fail(err, FM_E_INVALID,
                        "covariance: expected it symmetric, found %g at [%zu][%zu], %g across",
                        c[i * dim + j], i, j, c[j * dim + i]);
  return FM_OK;
}

/* Cholesky, row by row. A pivot is what is left of a column's variance given those before it. */
static fm_status decompose(const double *c, size_t dim, double *l, fmi_error *err) {
  for (size_t i = 0; i < dim; i++)
    for (size_t j = 0; j <= i; j++) {
      double left = c[i * dim + j];
      for (size_t k = 0; k < j; k++) left -= l[i * dim + k] * l[j * dim + k];
      if (j < i) {
        l[i * dim + j] = left / l[j * dim + j];
        continue;
      }
      if (!(left > 1e-14 * c[i * dim + i]))
        return fmi_fail(err, FM_E_INVALID,
                        "covariance: expected it positive definite, found pivot %zu to be %g", i, left);
      l[i * dim + i] = sqrt(left);
    }
  return FM_OK;
}

static void invert(const double *l, size_t dim, double *inv) {
  for (size_t j = 0; j < dim; j++)
    for (size_t i = j; i < dim; i++) {
      double right = i == j ? 1 : 0;
      for (size_t k = j; k < i; k++) right -= l[i * dim + k] * inv[k * dim + j];
      inv[i * dim + j] = right / l[i * dim + i];
    }
}

static fm_status prepare(fm_prior *prior, fmi_error *err) {
  FMI_TRY(check_symmetric(prior->arrays[1], prior->dim, err));
  FMI_TRY(decompose(prior->arrays[1], prior->dim, factor(prior), err));
  invert(factor(prior), prior->dim, inverse(prior));
  return FM_OK;
}

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)err;
  const double *l = factor(prior);
  for (size_t r = 0; r < c->n; r++) {
    double *x = c->x + r * c->dim;
    fmi_normals(c->kernels, c->seed, FMI_STREAM_PRIOR, c->first_row + r, c->dim, x, c->scratch);
    for (size_t i = c->dim; i-- > 0;) { /* in place: row i reads columns 0 to i */
      double sum = 0;
      for (size_t j = 0; j <= i; j++) sum += l[i * c->dim + j] * x[j];
      x[i] = prior->arrays[0][i] + sum;
    }
  }
  return FM_OK;
}

static fm_status log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                             fmi_error *err) {
  (void)err;
  const double *mean = prior->arrays[0], *l = factor(prior), *inv = inverse(prior);
  for (size_t r = 0; r < n; r++) {
    out[r] = 0;
    for (size_t i = 0; i < dim; i++) {
      double z = 0;
      for (size_t j = 0; j <= i; j++) z += inv[i * dim + j] * (x[r * dim + j] - mean[j]);
      out[r] -= 0.5 * (z * z + FMI_LOG_TWO_PI) + log(l[i * dim + i]);
    }
    if (isnan(out[r])) out[r] = -INFINITY; /* so far away that differences overflow against each other */
  }
  return FM_OK;
}

const fmi_prior_kind fmi_prior_covariance = {
    .kind = FM_PRIOR_COVARIANCE,
    .name = "covariance",
    .arrays = {{"mean", FMI_COLUMNS}, {"covariance", FMI_COLUMNS_COLUMNS}},
    .n_derived = n_derived,
    .prepare = prepare,
    .draw = draw,
    .log_density = log_density,
};
