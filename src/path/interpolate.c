/* interpolate.c - points of a path and their velocities:
   x_t = alpha x1 + sigma x0 + gamma eps, u_t = alpha' x1 + sigma' x0 + gamma' eps
   (Albergo, Boffi & Vanden-Eijnden, "Stochastic Interpolants", arXiv 2303.08797, definition 2.1). */
#include "path/path.h"

#include <float.h>
#include <math.h>

/* out = a x1 + b x0 + g eps; eps may be NULL where g is 0. */
static void combine(size_t dim, double a, const double *x1, double b, const double *x0, double g,
                    const double *eps, double *restrict out) {
  if (g == 0)
    for (size_t j = 0; j < dim; j++) out[j] = a * x1[j] + b * x0[j];
  else
    for (size_t j = 0; j < dim; j++) out[j] = a * x1[j] + b * x0[j] + g * eps[j];
}

/* Whether combine would give finite numbers only: outputs are touched when every row is known to be right. */
static bool combines(size_t dim, double a, const double *x1, double b, const double *x0, double g,
                     const double *eps) {
  int bad = 0;
  if (g == 0)
    for (size_t j = 0; j < dim; j++) bad |= !(fabs(a * x1[j] + b * x0[j]) <= DBL_MAX);
  else
    for (size_t j = 0; j < dim; j++) bad |= !(fabs(a * x1[j] + b * x0[j] + g * eps[j]) <= DBL_MAX);
  return !bad;
}

static fm_status coefficients_of_row(const fm_path *path, size_t row, double t, bool derivatives,
                                     fm_path_coefficients *c, fmi_error *err) {
  fmi_error inner; /* not cleared: this is asked for every row */
  inner.text[0] = 0;
  fm_status status = derivatives ? fmi_path_at(path, t, c, &inner) : fmi_path_limit_at(path, t, c, &inner);
  if (status != FM_OK) return fmi_fail(err, status, "row %zu: %.400s", row, inner.text);
  return FM_OK;
}

fm_status fmi_path_interpolate(const fm_path *path, const double *x0, const double *x1, const double *eps,
                               const double *t, size_t n, size_t dim, double *xt, double *ut,
                               fmi_error *err) {
  fm_path_coefficients c;
  for (size_t i = 0; i < n; i++) {
    const double *a = x1 + i * dim, *b = x0 + i * dim, *e = eps ? eps + i * dim : NULL;
    FMI_TRY(coefficients_of_row(path, i, t[i], ut != NULL, &c, err));
    if (!eps && (c.gamma != 0 || (ut && c.d_gamma != 0)))
      return fmi_fail(err, FM_E_INVALID, "eps: expected an array, since gamma is %g at row %zu, found NULL",
                      c.gamma, i);
    if ((xt && !combines(dim, c.alpha, a, c.sigma, b, c.gamma, e)) ||
        (ut && !combines(dim, c.d_alpha, a, c.d_sigma, b, c.d_gamma, e)))
      return fmi_fail(err, FM_E_NONFINITE, "row %zu: its point or velocity at t = %.17g is not finite", i,
                      t[i]);
  }
  for (size_t i = 0; i < n; i++) {
    const double *a = x1 + i * dim, *b = x0 + i * dim, *e = eps ? eps + i * dim : NULL;
    FMI_TRY(coefficients_of_row(path, i, t[i], ut != NULL, &c, err));
    if (xt) combine(dim, c.alpha, a, c.sigma, b, c.gamma, e, xt + i * dim);
    if (ut) combine(dim, c.d_alpha, a, c.d_sigma, b, c.d_gamma, e, ut + i * dim);
  }
  return FM_OK;
}
