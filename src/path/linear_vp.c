/* linear_vp.c - variance preserving with a straight alpha: alpha = t, sigma = sqrt(1 - t^2) (the linear VP
   schedule of Lipman et al., arXiv 2412.06264). D = 1 / sigma; sigma'(1) = -inf. */
#include "path/path.h"

#include <math.h>

extern const fmi_schedule fmi_schedule_linear_vp;

static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  (void)params;
  out->alpha = t;
  out->sigma = sqrt((1 - t) * (1 + t));
  out->gamma = 0;
  out->d_alpha = 1;
  out->d_sigma = -t / out->sigma;
  out->d_gamma = 0;
}

static double time_of_snr(const double *params, double snr) {
  (void)params;
  return snr / hypot(1, snr);
}

const fmi_schedule fmi_schedule_linear_vp = {
    .kind = FM_PATH_LINEAR_VP,
    .name = "linear-vp",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
};
