/* vp.c - the variance-preserving diffusion path: alpha = e^(-T(s) / 2), sigma = sqrt(1 - alpha^2) with
   s = 1 - t and T(s) = (bmax - bmin) s^2 / 2 + bmin s, the integral of a noise rate that grows linearly (Song
   et al., "Score-Based Generative Modeling through SDEs", ICLR 2021, eq. 33; Lipman et al. 2023, eq. 19).
   alpha(0) = e^(-T(1) / 2) is small, not 0; sigma'(1) = -inf. */
#include "path/path.h"

#include <math.h>

extern const fmi_schedule fmi_schedule_vp;

static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  const double s = 1 - t, bmin = params[0], rise = params[1] - params[0];
  const double T = s * (0.5 * rise * s + bmin), half_rate = 0.5 * (rise * s + bmin);
  out->alpha = exp(-0.5 * T);
  out->sigma = sqrt(0 - expm1(-T));
  out->gamma = 0;
  out->d_alpha = half_rate * out->alpha;
  out->d_sigma = -half_rate * exp(-T) / out->sigma;
  out->d_gamma = 0;
}

/* alpha^2 / sigma^2 = 1 / (e^T - 1); T(s) = T is solved in the form that doesn't cancel. */
static double time_of_snr(const double *params, double snr) {
  const double bmin = params[0], rise = params[1] - params[0];
  const double T = log1p(1 / (snr * snr));
  return 1 - 2 * T / (bmin + sqrt(bmin * bmin + 2 * rise * T));
}

const fmi_schedule fmi_schedule_vp = {
    .kind = FM_PATH_VP,
    .name = "vp",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
    .params = {{"beta_min", 0.1, 1e-4, 1000}, {"beta_max", 20, 1e-4, 1000}},
};
