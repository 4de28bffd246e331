/* cosine.c - the variance-preserving trigonometric path: alpha = sin(pi t / 2), sigma = cos(pi t / 2)
   (Albergo & Vanden-Eijnden, "Building Normalizing Flows with Stochastic Interpolants", ICLR 2023).
   D = pi / 2. With a width s, noise gamma = s around it (VP-CFM, Tong et al., arXiv 2302.00482). */
#include "path/path.h"

#include <math.h>

extern const fmi_schedule fmi_schedule_cosine;

static const double half_pi = 1.57079632679489661923;

/* cos(pi t / 2) near t = 1 would carry the absolute error of a rounded pi / 2, and 6e-17 instead of 0 at the
   end. The complement 1 - t is exact for t >= 1/2, so each half works from its own end, where the small
   coefficient is the sine of a small angle: both ends are exact, and it keeps its relative accuracy. */
static void coefficients(const double *params, double t, fm_path_coefficients *out) {
  if (t <= 0.5) {
    out->alpha = sin(half_pi * t);
    out->sigma = cos(half_pi * t);
  } else {
    out->alpha = cos(half_pi * (1 - t));
    out->sigma = sin(half_pi * (1 - t));
  }
  out->gamma = params[0];
  out->d_alpha = half_pi * out->sigma;
  out->d_sigma = -half_pi * out->alpha;
  out->d_gamma = 0;
}

static double time_of_snr(const double *params, double snr) {
  (void)params;
  return atan(snr) / half_pi;
}

const fmi_schedule fmi_schedule_cosine = {
    .kind = FM_PATH_COSINE,
    .name = "cosine",
    .coefficients = coefficients,
    .time_of_snr = time_of_snr,
    .params = {{"width", 0, 0, 0.5}},
};
