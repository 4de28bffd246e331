/* loops.inc.h - every kernel but the products, in portable C that compilers turn into vector code. Each
   instruction set's file includes this once and so gets its own copy. */
#ifndef FMI_LOOPS_INC_H
#define FMI_LOOPS_INC_H

#include "kern/math.inc.h"

/* Says that an iteration reads nothing an earlier one wrote, which is true here: arrays are the same or
   apart. Without it a call in place would take the scalar path of the compiler's overlap check. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#define FMI_EACH(i, n) _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < (n); i++)
#elif defined(__GNUC__)
#define FMI_EACH(i, n) _Pragma("GCC ivdep") for (size_t i = 0; i < (n); i++)
#else
#define FMI_EACH(i, n) for (size_t i = 0; i < (n); i++)
#endif

/* ---- activations: f_1 of one number, f_d1 its derivative ------------------------------------------ */

#define FMI_FAR fmi_kern_limits.far

FMI_INLINE real identity_1(real x) { return x; }
FMI_INLINE real identity_d1(real x) {
  (void)x;
  return 1;
}

/* A factor x is clamped where the other has reached 0: 0 * inf would be NaN, and the limit is 0. */
FMI_INLINE real silu_1(real x) {
  real low = at_least(x, -FMI_FAR);
  return low / (1 + exp_between(-at_most(low, FMI_FAR)));
}
FMI_INLINE real silu_d1(real x) {
  real near = at_most(at_least(x, -FMI_FAR), FMI_FAR);
  real s = 1 / (1 + exp_between(-near));
  return s * mad(near, 1 - s, 1);
}

FMI_INLINE real gelu_1(real x) {
  real near = at_most(at_least(x, -FMI_FAR), FMI_FAR);
  real tail = normal_tail(magnitude(near), exp_between((real)-0.5 * near * near));
  return at_least(x, -FMI_FAR) * (x < 0 ? tail : 1 - tail);
}
FMI_INLINE real gelu_d1(real x) {
  real near = at_most(at_least(x, -FMI_FAR), FMI_FAR);
  real bell = exp_between((real)-0.5 * near * near);
  real tail = normal_tail(magnitude(near), bell);
  return mad(near, (real)0.398942280401432678 * bell, x < 0 ? tail : 1 - tail);
}

/* x / 2 (1 + tanh u) = x / (1 + exp(-2 u)) with 2 u = x (a + b x^2). */
#define FMI_GELU_A ((real)1.59576912160573071)
#define FMI_GELU_B ((real)(1.59576912160573071 * 0.044715))
FMI_INLINE real gelu_tanh_1(real x) {
  real low = at_least(x, -fmi_kern_limits.gelu_tanh), near = at_most(low, fmi_kern_limits.gelu_tanh);
  return low / (1 + exp_between(-near * mad(FMI_GELU_B * near, near, FMI_GELU_A)));
}
FMI_INLINE real gelu_tanh_d1(real x) {
  real near = at_most(at_least(x, -fmi_kern_limits.gelu_tanh), fmi_kern_limits.gelu_tanh);
  real s = 1 / (1 + exp_between(-near * mad(FMI_GELU_B * near, near, FMI_GELU_A)));
  real slope = mad(3 * FMI_GELU_B * near, near, FMI_GELU_A);
  return s * mad(near * slope, 1 - s, 1);
}

#define FMI_SELU_SCALE ((real)1.0507009873554805)
#define FMI_SELU_SCALE_ALPHA ((real)(1.0507009873554805 * 1.6732632423543772))
FMI_INLINE real selu_1(real x) {
  return x > 0 ? FMI_SELU_SCALE * x : FMI_SELU_SCALE_ALPHA * expm1_negative(x);
}
FMI_INLINE real selu_d1(real x) { return x > 0 ? FMI_SELU_SCALE : FMI_SELU_SCALE_ALPHA * exp_between(x); }

FMI_INLINE real elu_1(real x) { return x > 0 ? x : expm1_negative(x); }
FMI_INLINE real elu_d1(real x) { return x > 0 ? 1 : exp_between(x); }

FMI_INLINE real tanh_d1(real x) {
  real e = exp_between(-2 * magnitude(x));
  return 4 * e / ((1 + e) * (1 + e));
}

FMI_INLINE real relu_1(real x) { return x < 0 ? 0 : x; }
FMI_INLINE real relu_d1(real x) { return x > 0 ? 1 : 0; }

/* tanh(log(1 + e)) = w / (w + 2), w = e (e + 2), e = exp(x), which is clamped before e^2 overflows. */
FMI_INLINE real mish_1(real x) {
  real low = at_least(x, -FMI_FAR);
  real e = exp_between(at_most(low, fmi_kern_limits.mish));
  real w = e * (e + 2);
  return low * (w / (w + 2));
}
FMI_INLINE real mish_d1(real x) {
  real near = at_most(at_least(x, -FMI_FAR), fmi_kern_limits.mish);
  real e = exp_between(near);
  real w = e * (e + 2), rest = 1 / (w + 2);
  return rest * mad(4 * near * e * (1 + e), rest, w);
}

#define FMI_ACTIVATION(name)                                                                                 \
  static void act_##name(real *y, const real *x, size_t n) { FMI_EACH(i, n) y[i] = name##_1(x[i]); }         \
  static void act_##name##_d(real *dx, const real *dy, const real *x, size_t n) {                            \
    FMI_EACH(i, n) dx[i] = dy[i] * name##_d1(x[i]);                                                          \
  }                                                                                                          \
  static void act_##name##_both(real *y, real *d, const real *x, size_t n) {                                 \
    FMI_EACH(i, n) {                                                                                         \
      real at = x[i]; /* d may be x */                                                                       \
      y[i] = name##_1(at);                                                                                   \
      d[i] = name##_d1(at);                                                                                  \
    }                                                                                                        \
  }
FMI_ACTIVATION(identity)
FMI_ACTIVATION(silu)
FMI_ACTIVATION(gelu)
FMI_ACTIVATION(gelu_tanh)
FMI_ACTIVATION(selu)
FMI_ACTIVATION(elu)
FMI_ACTIVATION(tanh)
FMI_ACTIVATION(relu)
FMI_ACTIVATION(mish)

/* ---- trigonometry and noise ----------------------------------------------------------------------- */

static void sin_cos(real *s, real *c, const real *x, size_t n) {
  FMI_EACH(i, n) sincos_1(x[i], &s[i], &c[i]);
}

static void normal(real *restrict out, const uint32_t *restrict words, size_t n) {
  FMI_EACH(i, n / 2) {
    real radius = normal_radius(words[2 * i]), s, c;
    normal_angle(words[2 * i + 1], &s, &c);
    out[2 * i] = radius * c;
    out[2 * i + 1] = radius * s;
  }
  if (n % 2 != 0) {
    real s, c;
    normal_angle(words[n], &s, &c);
    out[n - 1] = normal_radius(words[n - 1]) * c;
  }
}

/* ---- arithmetic ----------------------------------------------------------------------------------- */

static void add(real *y, const real *x, size_t n) { FMI_EACH(i, n) y[i] += x[i]; }
static void mul(real *y, const real *a, const real *b, size_t n) { FMI_EACH(i, n) y[i] = a[i] * b[i]; }
static void mul_add(real *y, const real *a, const real *b, size_t n) {
  FMI_EACH(i, n) y[i] = mad(a[i], b[i], y[i]);
}
static void ema(real *average, const real *x, real keep, size_t n) {
  FMI_EACH(i, n) average[i] = mad(keep, average[i] - x[i], x[i]);
}

static void adamw(real *p, real *m, real *v, const real *g, size_t n, const fmi_adamw *a) {
  const fmi_adamw o = *a;
  const real keep = 1 - o.decay, fresh1 = 1 - o.beta1, fresh2 = 1 - o.beta2;
  FMI_EACH(i, n) {
    real slope = g[i] * o.grad_scale;
    real mean = mad(o.beta1, m[i], fresh1 * slope);
    real square = mad(o.beta2, v[i], fresh2 * slope * slope);
    m[i] = mean;
    v[i] = square;
    p[i] = p[i] * keep - o.step_size * mean / mad(root(square), o.correction, o.epsilon);
  }
}

/* ---- reductions: FMI_LANES partial sums side by side, then a tree: the order is part of the result -- */

#define FMI_LANES 16u

FMI_INLINE real sum_lanes(real *lane) {
  for (size_t half = FMI_LANES / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
  }
  return lane[0];
}

/* Two passes. Rounding in the mean is taken back out: the deviations' own mean, residue, corrects both. */
static void layer_norm(real *y, real *rstd, const real *x, size_t n) {
  const size_t whole = n - n % FMI_LANES;
  real sum[FMI_LANES] = {0}, residue[FMI_LANES] = {0}, square[FMI_LANES] = {0};
  for (size_t i = 0; i < whole; i += FMI_LANES) {
    for (size_t j = 0; j < FMI_LANES; j++) sum[j] += x[i + j];
  }
  for (size_t i = whole; i < n; i++) sum[i - whole] += x[i];
  const real mean = sum_lanes(sum) / (real)n;
  for (size_t i = 0; i < whole; i += FMI_LANES) {
    for (size_t j = 0; j < FMI_LANES; j++) {
      real d = x[i + j] - mean;
      residue[j] += d;
      square[j] = mad(d, d, square[j]);
    }
  }
  for (size_t i = whole; i < n; i++) {
    real d = x[i] - mean;
    residue[i - whole] += d;
    square[i - whole] = mad(d, d, square[i - whole]);
  }
  const real shift = sum_lanes(residue) / (real)n;
  const real variance = at_least(sum_lanes(square) / (real)n - shift * shift, 0);
  const real scale = 1 / root(variance + (real)1e-6);
  FMI_EACH(i, n) y[i] = (x[i] - mean - shift) * scale;
  *rstd = scale;
}

static void layer_norm_d(real *dx, const real *dy, const real *y, real rstd, size_t n) {
  const size_t whole = n - n % FMI_LANES;
  real plain[FMI_LANES] = {0}, along[FMI_LANES] = {0};
  for (size_t i = 0; i < whole; i += FMI_LANES) {
    for (size_t j = 0; j < FMI_LANES; j++) {
      plain[j] += dy[i + j];
      along[j] = mad(dy[i + j], y[i + j], along[j]);
    }
  }
  for (size_t i = whole; i < n; i++) {
    plain[i - whole] += dy[i];
    along[i - whole] = mad(dy[i], y[i], along[i - whole]);
  }
  const real mean = sum_lanes(plain) / (real)n, slope = sum_lanes(along) / (real)n;
  FMI_EACH(i, n) dx[i] = rstd * (dy[i] - mean - y[i] * slope);
}

static double sum_squares(const real *x, size_t n) {
  double lane[FMI_LANES] = {0};
  const size_t whole = n - n % FMI_LANES;
  for (size_t i = 0; i < whole; i += FMI_LANES) {
    for (size_t j = 0; j < FMI_LANES; j++) lane[j] += (double)x[i + j] * x[i + j];
  }
  for (size_t i = whole; i < n; i++) lane[i - whole] += (double)x[i] * x[i];
  for (size_t half = FMI_LANES / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
  }
  return lane[0];
}

/* The table of whoever includes this: `pack` and `gemm` are theirs, and pairs.inc.h. */
#define FMI_KERNELS(name_, isa_)                                                                             \
  {                                                                                                          \
    .name = (name_), .isa = (isa_), .pack = pack,                                                            \
    .gemm = gemm, .act = {act_identity, act_silu, act_gelu, act_gelu_tanh, act_selu,                         \
                          act_elu,      act_tanh, act_relu, act_mish},                                       \
    .act_d = {act_identity_d, act_silu_d, act_gelu_d, act_gelu_tanh_d, act_selu_d,                           \
              act_elu_d,      act_tanh_d, act_relu_d, act_mish_d},                                           \
    .act_both = {act_identity_both, act_silu_both, act_gelu_both, act_gelu_tanh_both, act_selu_both,         \
                 act_elu_both,      act_tanh_both, act_relu_both, act_mish_both},                            \
    .sincos = sin_cos, .normal = normal, .add = add, .mul = mul, .mul_add = mul_add, .ema = ema,             \
    .layer_norm = layer_norm, .layer_norm_d = layer_norm_d, .adamw = adamw, .sum_squares = sum_squares,      \
    .squared_distances = squared_distances, .relax = relax,                                                  \
  }

#endif
