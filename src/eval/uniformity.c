/* uniformity.c - chances of statistics that say how far numbers are from uniform. */
#include "eval/eval.h"

#include <math.h>

#define PI 3.14159265358979323846

/* Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1) (Abramowitz & Stegun 6.5.21), a = degrees / 2, x = chi^2
   / 2, from Q(1, x) = e^-x or Q(1/2, x) = erfc(sqrt(x)). Terms by their logarithms: e^-x alone may be 0. */
double fmi_chi_squared_p(double chi_squared, size_t degrees) {
  const double x = chi_squared / 2;
  const bool even = degrees % 2 == 0;
  if (!(x > 0)) return 1;
  double sum = even ? exp(-x) : erfc(sqrt(x));
  double log_term = (even ? log(x) : 0.5 * log(4 * x / PI)) - x;
  for (double a = even ? 1 : 0.5; 2 * a < (double)degrees; a += 1) {
    sum += exp(log_term);
    log_term += log(x / (a + 1));
  }
  return sum < 1 ? sum : 1;
}

/* Kolmogorov's limit at an argument that makes it good for small n (Stephens, J. R. Stat. Soc. B 32,
   1970). For small arguments the other form of the theta function converges (Feller, Ann. Math. Stat. 19,
   1948). */
double fmi_kolmogorov_p(double d, size_t n) {
  const double root = sqrt((double)n), z = (root + 0.12 + 0.11 / root) * d;
  double sum = 0;
  if (!(z > 0)) return 1;
  if (z < 1) {
    for (int k = 1; k <= 9; k += 2) sum += exp(-k * k * PI * PI / (8 * z * z));
    return 1 - sqrt(2 * PI) / z * sum;
  }
  for (int k = 1; k <= 9; k++) sum += (k % 2 != 0 ? 2 : -2) * exp(-2.0 * k * k * z * z);
  return sum;
}
