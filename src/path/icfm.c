/* icfm.c - independent conditional flow matching: a straight line between the ends, with noise of constant
   width s around it: alpha = t, sigma = 1 - t, gamma = s (Tong et al., "Improving and Generalizing
   Flow-Based Generative Models", arXiv 2302.00482, section 3.2.2). */
#include "path/path.h"

extern const fmi_schedule fmi_schedule_icfm;

static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  out->alpha = t;
  out->sigma = 1 - t;
  out->gamma = params[0];
  out->d_alpha = 1;
  out->d_sigma = -1;
  out->d_gamma = 0;
}

static double time_of_snr(const double *params, double snr) {
  (void)params;
  return snr / (1 + snr);
}

const fmi_schedule fmi_schedule_icfm = {
    .kind = FM_PATH_ICFM,
    .name = "icfm",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
    .params = {{"width", 0.1, 0, 0.5}},
};
