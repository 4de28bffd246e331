/* convert.c - one description of a row from another: velocity, data end, source end, score.

   Every description is a linear form of the pair (x1, x0), up to a scale:

       x         = (alpha,  sigma ) . (x1, x0)        x1            = (1, 0) . (x1, x0)
       velocity  = (alpha', sigma') . (x1, x0)        x0            = (0, 1) . (x1, x0)
                                                      -sigma score  = (0, 1) . (x1, x0)

   Given x by the form A and a value by the form E, the wanted form G = lambda A + mu E, by Cramer's rule with
   [U, V] = U1 V0 - U0 V1:

       lambda = [G, E] / [A, E],     mu = [A, G] / [A, E]

   which gives the formulas of the literature, e.g. with D = alpha' sigma - alpha sigma'

       x1 = (sigma v - sigma' x) / D              x0 = (alpha' x - alpha v) / D
       v  = (sigma' x + D x1) / sigma = (alpha' x - D x0) / alpha = (alpha' x + D sigma score) / alpha

   (Lipman et al., "Flow Matching Guide and Code", arXiv 2412.06264). The division comes last: near
   an end x and the value nearly cancel, and their difference is then exact or nearly so.

   At an end [A, E] may vanish: x and the value say the same. What G is can still be known, from x alone if
   G is parallel to A, from the value alone if it is parallel to E. Otherwise the limit does not exist. */
#include "path/path.h"

#include <float.h>
#include <math.h>

typedef struct form {
  double x1, x0;
  double scale; /* scale * description = (x1, x0) . (x1, x0) */
} form;

static form form_of(uint32_t kind, const fm_path_coefficients *c) {
  switch (kind) {
  case FM_VELOCITY:
    return (form){c->d_alpha, c->d_sigma, 1};
  case FM_X1:
    return (form){1, 0, 1};
  case FM_X0:
    return (form){0, 1, 1};
  default: /* FM_SCORE */
    return (form){0, 1, -c->sigma};
  }
}

static double bracket(form u, form v) { return u.x1 * v.x0 - u.x0 * v.x1; }

/* The number r with u = r v for parallel forms, v not 0. */
static double ratio(form u, form v) { return fabs(v.x1) > fabs(v.x0) ? u.x1 / v.x1 : u.x0 / v.x0; }

static bool usable(fmi_conversion r) {
  return isfinite(r.by_x) && isfinite(r.by_value) && isfinite(r.divisor) && r.divisor != 0;
}

static bool rule_to(form g, uint32_t from, const fm_path_coefficients *c, fmi_conversion *out) {
  const form a = {c->alpha, c->sigma, 1}, e = form_of(from, c);
  if (bracket(g, e) == 0) { /* known from the value alone */
    *out = (fmi_conversion){0, e.scale * ratio(g, e), g.scale};
    if (usable(*out)) return true;
  }
  *out = (fmi_conversion){bracket(g, e), e.scale * bracket(a, g), g.scale * bracket(a, e)};
  if (usable(*out)) return true;
  if (bracket(a, g) == 0) { /* known from x alone */
    *out = (fmi_conversion){ratio(g, a), 0, g.scale};
    if (usable(*out)) return true;
  }
  return false;
}

static bool rule_of(uint32_t from, uint32_t to, const fm_path_coefficients *c, fmi_conversion *out) {
  *out = (fmi_conversion){0, 1, 1};
  return from == to || rule_to(form_of(to, c), from, c, out);
}

bool fmi_conversion_to(uint32_t from, const fm_path_coefficients *c, double by_x1, double by_x0,
                       fmi_conversion *out) {
  return rule_to((form){by_x1, by_x0, 1}, from, c, out);
}

static const char *const kind_names[] = {"velocity", "x1", "x0", "score"};

static fm_status rule_of_row(const fm_path *path, uint32_t from, uint32_t to, size_t row, double t,
                             fmi_conversion *out, fmi_error *err) {
  fmi_error inner; /* not cleared: this is asked for every row */
  inner.text[0] = 0;
  fm_path_coefficients c;
  fm_status status = fmi_path_limit_at(path, t, &c, &inner);
  if (status != FM_OK) return fmi_fail(err, status, "row %zu: %.400s", row, inner.text);
  if (c.gamma != 0 || c.d_gamma != 0)
    return fmi_fail(err, FM_E_UNSUPPORTED, "path: conversions need gamma = 0, found %g at row %zu, t = %.17g",
                    c.gamma, row, t);
  if (!rule_of(from, to, &c, out))
    return fmi_fail(err, FM_E_DOMAIN, "row %zu: %s is not determined by x and %s at t = %.17g", row,
                    kind_names[to], kind_names[from], t);
  return FM_OK;
}

static void apply(size_t dim, fmi_conversion r, const double *x, const double *value, double *out) {
  for (size_t j = 0; j < dim; j++) out[j] = (r.by_x * x[j] + r.by_value * value[j]) / r.divisor;
}

/* Whether apply would give finite numbers only, from finite ones. */
static bool applies(size_t dim, fmi_conversion r, const double *x, const double *value) {
  int bad = 0;
  for (size_t j = 0; j < dim; j++)
    bad |= !(fabs((r.by_x * x[j] + r.by_value * value[j]) / r.divisor) <= DBL_MAX);
  return !bad;
}

fm_status fmi_path_convert(const fm_path *path, uint32_t from, uint32_t to, const double *t, const double *x,
                           const double *value, size_t n, size_t dim, double *out, fmi_error *err) {
  if (from >= FMI_COUNT(kind_names))
    return fmi_fail(err, FM_E_UNSUPPORTED, "from: expected FM_VELOCITY (0) to FM_SCORE (3), found %u", from);
  if (to >= FMI_COUNT(kind_names))
    return fmi_fail(err, FM_E_UNSUPPORTED, "to: expected FM_VELOCITY (0) to FM_SCORE (3), found %u", to);
  fmi_conversion r;
  for (size_t i = 0; i < n; i++) {
    FMI_TRY(rule_of_row(path, from, to, i, t[i], &r, err));
    if (!applies(dim, r, x + i * dim, value + i * dim))
      return fmi_fail(err, FM_E_NONFINITE, "row %zu: x, %s or the resulting %s at t = %.17g is not finite", i,
                      kind_names[from], kind_names[to], t[i]);
  }
  for (size_t i = 0; i < n; i++) {
    FMI_TRY(rule_of_row(path, from, to, i, t[i], &r, err));
    apply(dim, r, x + i * dim, value + i * dim, out + i * dim);
  }
  return FM_OK;
}
