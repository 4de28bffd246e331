/* condot.c - conditional optimal transport: alpha = t, sigma = 1 - t, straight lines at constant speed
   (Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 22-23 with sigma_min = 0; the
   rectified flow of Liu et al., ICLR 2023). D = 1. */
#include "path/path.h"

extern const fmi_schedule fmi_schedule_condot;

static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  (void)params;
  out->alpha = t;
  out->sigma = 1 - t;
  out->gamma = 0;
  out->d_alpha = 1;
  out->d_sigma = -1;
  out->d_gamma = 0;
}

static double time_of_snr(const double *params, double snr) {
  (void)params;
  return snr / (1 + snr);
}

const fmi_schedule fmi_schedule_condot = {
    .kind = FM_PATH_CONDOT,
    .name = "condot",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
};
