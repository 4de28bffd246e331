/* form.c - what a network says, as the velocity of a path.

   A state and what the network says of it are two linear forms of the pair (x1, x0), which they determine
   unless they are parallel; every path's velocity is a third one:

       x = alpha x1 + sigma x0,      NET = e1 x1 + e0 x0,      u = alpha' x1 + sigma' x0.

   So u = p x + q NET, with p and q by Cramer's rule (convert.c), whatever NET predicts. And since states of
   two paths of equal alpha / sigma differ by a factor only (Karras et al., "Elucidating the Design Space of
   Diffusion-Based Generative Models", NeurIPS 2022, appendix B; Lipman et al., arXiv 2412.06264, section
   4.6), alpha' and sigma' may be another path's, at a time of its own:

       y = s x,   s = sigma_r / sigma_t = alpha_r / alpha_t,   t such that alpha_t / sigma_t = alpha_r / sigma_r.

   With the Gaussian baseline NET is v - b x, and p grows by q b. */
#include "path/form.h"

#include <math.h>

static const char *const names[] = {"velocity", "x1", "x0", "score"};

const char *fmi_prediction_name(uint32_t kind) { return kind < FMI_COUNT(names) ? names[kind] : NULL; }

/* ---- where a network is asked ------------------------------------------------------------------------- */

static double clip(double t, double first, double last) { return t < first ? first : t > last ? last : t; }

fm_status fmi_path_check_gamma(const char *what, const fm_path *path, fmi_error *err) {
  fm_path_coefficients c;
  FMI_TRY(fmi_path_at(path, 0.5, &c, err));
  if (c.gamma == 0 && c.d_gamma == 0) return FM_OK;
  return fmi_fail(err, FM_E_UNSUPPORTED, "%s: expected a path with gamma = 0, found %g at t = 0.5", what,
                  c.gamma);
}

/* The time of a ratio within the path's own interval, the nearest where it has no such ratio. */
static fm_status time_of(const fm_path *path, double ratio, double *t, fmi_error *err) {
  fmi_error outside;
  outside.text[0] = 0;
  fm_status status = fmi_path_snr_inverse(path, ratio, t, &outside);
  if (status == FM_E_DOMAIN) {
    fm_path_coefficients c;
    FMI_TRY(fmi_path_limit_at(path, 0, &c, err));
    *t = ratio * c.sigma < c.alpha ? 0 : 1;
    status = FM_OK;
  }
  if (status != FM_OK) return fmi_fail(err, status, "%.400s", outside.text);
  *t = fmi_path_clip(path, *t);
  return FM_OK;
}

fm_status fmi_prediction_settle(fmi_prediction *p, const char *what, const fm_path *path, fmi_error *err) {
  if (p->kind > FM_SCORE)
    return fmi_fail(err, FM_E_UNSUPPORTED, "%s: expected FM_VELOCITY (0) to FM_SCORE (3), found %u", what,
                    (unsigned)p->kind);
  if (p->baseline > 1)
    return fmi_fail(err, FM_E_UNSUPPORTED, "baseline: expected 0 or 1, found %u", (unsigned)p->baseline);
  if (p->baseline != 0 && p->kind != FM_VELOCITY)
    return fmi_fail(err, FM_E_UNSUPPORTED, "baseline: goes with the prediction of a velocity, found %s",
                    names[p->kind]);
  p->first = p->first_apart = path->first;
  p->last = p->last_apart = path->last;
  if (p->kind == FM_VELOCITY) {
    fm_path_coefficients c, d;
    FMI_TRY(fmi_path_at(path, path->first, &c, err));
    FMI_TRY(fmi_path_at(path, path->last, &d, err));
    if (c.gamma == 0 && c.d_gamma == 0 && fabs(fmi_path_determinant(&c)) < FMI_LEAST_APART)
      FMI_TRY(time_of(path, FMI_LEAST_RATIO, &p->first_apart, err));
    if (d.gamma == 0 && d.d_gamma == 0 && fabs(fmi_path_determinant(&d)) < FMI_LEAST_APART)
      FMI_TRY(time_of(path, FMI_MOST_RATIO, &p->last_apart, err));
    return FM_OK;
  }
  FMI_TRY(fmi_path_check_gamma(what, path, err));
  if (p->kind != FM_X1) FMI_TRY(time_of(path, FMI_LEAST_RATIO, &p->first, err));
  if (p->kind != FM_X0) FMI_TRY(time_of(path, FMI_MOST_RATIO, &p->last, err));
  p->first_apart = p->first;
  p->last_apart = p->last;
  return FM_OK;
}

/* ---- the form ------------------------------------------------------------------------------------------ */

/* Cov(u_t, x_t) / Var(x_t) for independent ends. */
double fmi_path_baseline(const fm_path_coefficients *c) {
  return (c->alpha * c->d_alpha + c->sigma * c->d_sigma + c->gamma * c->d_gamma) /
         (c->alpha * c->alpha + c->sigma * c->sigma + c->gamma * c->gamma);
}

/* y / x for states of equal ratio; by the larger coefficients, of which none is 0. */
static double scale_of(const fm_path_coefficients *y, const fm_path_coefficients *x) {
  return fabs(y->sigma) > fabs(y->alpha) ? y->sigma / x->sigma : y->alpha / x->alpha;
}

fm_status fmi_form_at(const fmi_prediction *p, const fm_path *path, const fm_path *to, double t,
                      fmi_form *out, fmi_error *err) {
  fm_path_coefficients here, there; /* of the state, of what the network sees */
  double time = t;
  if (p->kind == FM_VELOCITY && path == to) {
    *out = (fmi_form){clip(t, p->first, p->last), 1, 0, 1};
    if (p->baseline == 0) return FM_OK;
    FMI_TRY(fmi_path_at(path, out->time, &there, err));
    out->by_state = fmi_path_baseline(&there);
    return FM_OK;
  }
  FMI_TRY(fmi_path_at(to, fmi_path_clip(to, t), &here, err));
  if (path != to) FMI_TRY(time_of(path, here.sigma > 0 ? here.alpha / here.sigma : INFINITY, &time, err));
  time = clip(time, p->first_apart, p->last_apart);
  FMI_TRY(fmi_path_at(path, time, &there, err));
  const double scale = scale_of(&here, &there);
  fmi_conversion rule;
  if (!fmi_conversion_to(p->kind, &there, here.d_alpha, here.d_sigma, &rule))
    return fmi_fail(err, FM_E_DOMAIN, "the velocity is not determined by x and %s at t = %.17g",
                    names[p->kind], time);
  const double by_x = p->baseline ? rule.by_x + rule.by_value * fmi_path_baseline(&there) : rule.by_x;
  *out = (fmi_form){time, 1 / scale, by_x / rule.divisor / scale, rule.by_value / rule.divisor};
  return FM_OK;
}

/* ---- training ------------------------------------------------------------------------------------------ */

fmi_target fmi_target_at(const fmi_prediction *p, const fm_path_coefficients *c) {
  const double d = fmi_path_determinant(c);
  switch (p->kind) {
  case FM_VELOCITY:
    return (fmi_target){c->d_alpha, c->d_sigma, p->baseline ? -fmi_path_baseline(c) : 0, 1};
  case FM_X1:
    return (fmi_target){1, 0, 0, fabs(d / c->sigma)};
  case FM_X0:
    return (fmi_target){0, 1, 0, fabs(d / c->alpha)};
  default: /* FM_SCORE */
    return (fmi_target){0, -1 / c->sigma, 0, fabs(c->sigma * d / c->alpha)};
  }
}

/* ---- another path -------------------------------------------------------------------------------------- */

fm_status fmi_path_transform(const fm_path *path, const fm_path *to, double r, fm_path_change *out,
                             fmi_error *err) {
  fm_path_coefficients here, there;
  double t;
  FMI_TRY(fmi_path_check_gamma("path", path, err));
  FMI_TRY(fmi_path_check_gamma("to", to, err));
  if (path == to) {
    FMI_TRY(fmi_path_limit_at(to, r, &here, err));
    *out = (fm_path_change){.struct_size = sizeof *out, .time = r, .d_time = 1, .scale = 1};
    return FM_OK;
  }
  FMI_TRY(fmi_path_at(to, r, &here, err));
  FMI_TRY(fmi_path_snr_inverse(path, here.sigma > 0 ? here.alpha / here.sigma : INFINITY, &t, err));
  FMI_TRY(fmi_path_at(path, t, &there, err));
  const double s = scale_of(&here, &there), d = fmi_path_determinant(&there);
  const fm_path_change change = {
      .struct_size = sizeof change,
      .time = t,
      .scale = s,
      .d_time = fmi_path_determinant(&here) / (s * s * d),
      .d_scale = (here.d_sigma * there.d_alpha - here.d_alpha * there.d_sigma) / d,
  };
  if (!isfinite(change.d_time) || !isfinite(change.d_scale))
    return fmi_fail(err, FM_E_DOMAIN,
                    "r: states of the two paths have no velocities in common at r = %.17g, "
                    "t = %.17g",
                    r, t);
  *out = change;
  return FM_OK;
}
