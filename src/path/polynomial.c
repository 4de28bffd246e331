/* polynomial.c - alpha = t^n, sigma = 1 - t^n: straight lines at a speed that grows with t (the polynomial
   schedule of Lipman et al., "Flow Matching Guide and Code", arXiv 2412.06264). D = n t^(n - 1), which is 0
   at t = 0 for n > 1: there the velocity is 0 whatever the pair. */
#include "path/path.h"

#include <math.h>

extern const fmi_schedule fmi_schedule_polynomial;

/* sigma as -(e^(n log t) - 1) keeps its relative accuracy near t = 1. */
static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  const double n = params[0];
  out->alpha = pow(t, n);
  out->sigma = 0 - expm1(n * log(t));
  out->gamma = 0;
  out->d_alpha = n * pow(t, n - 1);
  out->d_sigma = -out->d_alpha;
  out->d_gamma = 0;
}

static double time_of_snr(const double *params, double snr) { return pow(snr / (1 + snr), 1 / params[0]); }

const fmi_schedule fmi_schedule_polynomial = {
    .kind = FM_PATH_POLYNOMIAL,
    .name = "poly",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
    .params = {{"power", 2, 1, 64}},
};
