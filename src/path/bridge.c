/* bridge.c - a Brownian bridge of width s between the ends: alpha = t, sigma = 1 - t, gamma = s sqrt(t (1 -
   t)). With pairs from entropic optimal transport it is the Schroedinger bridge (Tong et al., arXiv
   2302.00482, section 3.2.4). gamma' is infinite at both ends. */
#include "path/path.h"

#include <math.h>

extern const fmi_schedule fmi_schedule_bridge;

static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  const double s = params[0], spread = sqrt(t * (1 - t));
  out->alpha = t;
  out->sigma = 1 - t;
  out->gamma = s * spread;
  out->d_alpha = 1;
  out->d_sigma = -1;
  out->d_gamma = s > 0 ? s * (0.5 - t) / spread : 0;
}

static double time_of_snr(const double *params, double snr) {
  (void)params;
  return snr / (1 + snr);
}

const fmi_schedule fmi_schedule_bridge = {
    .kind = FM_PATH_BRIDGE,
    .name = "bridge",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
    .params = {{"width", 0.5, 0, 10}},
};
