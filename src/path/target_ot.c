/* target_ot.c - optimal transport from noise to a Gaussian of width s around each data point: alpha = t,
   sigma = 1 - (1 - s) t (Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 20-23).
   D = 1; sigma(1) = s. */
#include "path/path.h"

extern const fmi_schedule fmi_schedule_target_ot;

static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  const double s = params[0];
  out->alpha = t;
  out->sigma = (1 - t) + s * t;
  out->gamma = 0;
  out->d_alpha = 1;
  out->d_sigma = s - 1;
  out->d_gamma = 0;
}

static double time_of_snr(const double *params, double snr) { return snr / (1 + (1 - params[0]) * snr); }

const fmi_schedule fmi_schedule_target_ot = {
    .kind = FM_PATH_TARGET_OT,
    .name = "target-ot",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
    .params = {{"width", 1e-4, 0, 0.5}},
};
