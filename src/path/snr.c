/* snr.c - the time at which a path has a given ratio alpha / sigma. Two Gaussian paths pass through the same
   states, up to a scale, at times of equal ratio (docs/numerics.md). */
#include "path/path.h"

#include <math.h>

static double ratio_of(const fm_path_coefficients *c) {
  return c->sigma > 0 ? c->alpha / c->sigma : INFINITY;
}

/* Halves the interval in which alpha - snr sigma changes its sign until no double is left inside. */
static fm_status bisect(const fm_path *path, double snr, double *t, fmi_error *err) {
  double low = 0, high = 1;
  for (;;) {
    const double middle = 0.5 * (low + high);
    if (!(middle > low && middle < high)) break;
    fm_path_coefficients c;
    FMI_TRY(fmi_path_limit_at(path, middle, &c, err));
    if (c.alpha - snr * c.sigma >= 0)
      high = middle;
    else
      low = middle;
  }
  *t = high;
  return FM_OK;
}

fm_status fmi_path_snr_inverse(const fm_path *path, double snr, double *t, fmi_error *err) {
  fm_path_coefficients start = {0}, end = {0};
  FMI_TRY(fmi_path_limit_at(path, 0, &start, err));
  FMI_TRY(fmi_path_limit_at(path, 1, &end, err));
  const double least = ratio_of(&start), most = ratio_of(&end);
  if (!(snr >= least && snr <= most))
    return fmi_fail(err, FM_E_DOMAIN, "snr: expected %g to %g, as the path has, found %.17g", least, most,
                    snr);
  if (snr == least || snr == most) {
    *t = snr == least ? 0 : 1;
    return FM_OK;
  }
  if (path->schedule == NULL || path->schedule->time_of_snr == NULL) return bisect(path, snr, t, err);
  *t = fmin(1, fmax(0, path->schedule->time_of_snr(path->params, snr)));
  return FM_OK;
}
