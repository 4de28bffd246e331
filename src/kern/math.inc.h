/* math.inc.h - one-number mathematics for the loops, included once per instruction set. Every function is
   straight-line code of operations that have the same result in a vector lane and alone, so a vectorised loop
   and its remainder give the same bits. The float forms are accurate to a few units in the last place; the
   double build asks the C library, since there only accuracy matters. */
#ifndef FMI_MATH_INC_H
#define FMI_MATH_INC_H

#include "kern/kern_tables.h"

#include <math.h>

#if defined(__GNUC__)
#define FMI_INLINE static inline __attribute__((always_inline, unused))
#else
#define FMI_INLINE static inline
#endif

/* a * b + c, in one rounding where the machine does that at full speed. */
#ifdef FMI_DOUBLE
#if defined(__FMA__) || defined(FP_FAST_FMA)
FMI_INLINE real mad(real a, real b, real c) { return fma(a, b, c); }
#else
FMI_INLINE real mad(real a, real b, real c) { return a * b + c; }
#endif
FMI_INLINE real root(real x) { return sqrt(x); }
FMI_INLINE real magnitude(real x) { return fabs(x); }
#else
#if defined(__FMA__) || defined(FP_FAST_FMAF)
FMI_INLINE real mad(real a, real b, real c) { return fmaf(a, b, c); }
#else
FMI_INLINE real mad(real a, real b, real c) { return a * b + c; }
#endif
FMI_INLINE real root(real x) { return sqrtf(x); }
FMI_INLINE real magnitude(real x) { return fabsf(x); }
#endif

/* Comparisons that are false for NaN, in this order, let NaN through. */
FMI_INLINE real at_least(real x, real low) { return x < low ? low : x; }
FMI_INLINE real at_most(real x, real high) { return x > high ? high : x; }

#ifdef FMI_DOUBLE

FMI_INLINE real exp_1(real x) { return exp(x); }
FMI_INLINE real exp_between(real x) {
  return exp(at_least(at_most(x, fmi_kern_limits.near_high), fmi_kern_limits.near_low));
}
FMI_INLINE real expm1_negative(real x) { return expm1(x); }
FMI_INLINE real tanh_1(real x) { return tanh(x); }
FMI_INLINE real normal_tail(real x, real bell) {
  (void)bell;
  return 0.5 * erfc(x * 0.70710678118654752440);
}

FMI_INLINE void sincos_1(real x, real *s, real *c) {
  *s = sin(x);
  *c = cos(x);
}

/* Box-Muller: the radius from one word, the angle from another. */
FMI_INLINE real normal_radius(uint32_t word) { return sqrt(-2 * log(((double)word + 1) * 0x1p-32)); }
FMI_INLINE void normal_angle(uint32_t word, real *s, real *c) {
  sincos_1((double)word * (6.28318530717958647693 * 0x1p-32), s, c);
}

#else

FMI_INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

FMI_INLINE float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Adding 1.5 * 2^23 leaves the nearest integer in the low bits: rounding without a conversion. */
#define FMI_ROUNDER 12582912.0f

/* 2^n for -126 <= n <= 127. */
FMI_INLINE float power_of_two(int32_t n) { return float_of(((uint32_t)n + 127) << 23); }

/* x = n ln 2 + r: returns exp(r) - 1 by its Taylor-like minimax polynomial (Cephes expf), |r| <= .35. ln 2 is
   split so that n times its upper part is exact. */
FMI_INLINE float exp_reduced(float x, int32_t *n) {
  float shifted = mad(x, 1.44269504088896341f, FMI_ROUNDER);
  float whole = shifted - FMI_ROUNDER;
  float r = mad(whole, 2.12194440e-4f, mad(whole, -0.693359375f, x));
  float z = r * r; /* Estrin's order: the loops are bound by latency */
  float high = mad(1.9875691500e-4f, r, 1.3981999507e-3f);
  float middle = mad(8.3334519073e-3f, r, 4.1665795894e-2f);
  float low = mad(1.6666665459e-1f, r, 5.0000001201e-1f);
  *n = (int32_t)(bits_of(shifted) - bits_of(FMI_ROUNDER));
  return mad(mad(mad(high, z, middle), z, low), z, r);
}

/* The power of two is applied in halves: its ends are beyond the range of one factor, and the results there
   round once, into denormals and infinity. */
FMI_INLINE float exp_1(float x) {
  int32_t n;
  float p = exp_reduced(at_least(at_most(x, fmi_kern_limits.exp_high), fmi_kern_limits.exp_low), &n);
  int32_t half = n >> 1;
  return (1 + p) * power_of_two(half) * power_of_two(n - half);
}

/* exp(x) where it is normal, and the value at the nearer end beyond: less work, for where 1 is added. */
FMI_INLINE float exp_between(float x) {
  int32_t n;
  float p = exp_reduced(at_least(at_most(x, fmi_kern_limits.near_high), fmi_kern_limits.near_low), &n);
  return mad(p, power_of_two(n), power_of_two(n));
}

/* exp(x) - 1 for x <= 0, to full relative accuracy. */
FMI_INLINE float expm1_negative(float x) {
  int32_t n;
  float p = exp_reduced(at_least(x, fmi_kern_limits.expm1_low), &n);
  float scale = power_of_two(n);
  return mad(scale, p, scale - 1);
}

FMI_INLINE float tanh_1(float x) {
  float e = expm1_negative(-2 * magnitude(x));
  float t = e / (e + 2);
  return x < 0 ? t : -t;
}

/* P(N(0,1) > x) for x >= 0: bell = exp(-x^2 / 2) times a polynomial in t = 1 / (1 + c x), fitted to 2e-8. The
   tail itself, and not 1 - erf, keeps its relative accuracy where it is small. */
FMI_INLINE float normal_tail(float x, float bell) {
  float t = 1 / mad(0.32f, x, 1);
  float z = t * t;
  float p = mad(-1.9705251664964e-2f, z, mad(1.2593814624452e-1f, t, -3.0169766305921e-1f));
  p = mad(p, z, mad(2.9964450507149e-1f, t, -1.0989592206518e-1f));
  p = mad(p, z, mad(1.4732711638487e-1f, t, 1.0152168905449e-1f));
  p = mad(p, z, mad(1.2929366382535e-1f, t, 1.2757372622764e-1f));
  return p * t * bell;
}

/* Quarter turns and the rest: sin and cos of r, |r| <= pi/4 (Cephes sinf, cosf), turned by quarter * pi/2. */
FMI_INLINE void sincos_reduced(float r, uint32_t quarter, float *s, float *c) {
  float z = r * r;
  float sp = mad(mad(-1.9515295891e-4f, z, 8.3321608736e-3f), z, -1.6666654611e-1f);
  float cp = mad(mad(2.443315711809948e-5f, z, -1.388731625493765e-3f), z, 4.166664568298827e-2f);
  float sine = mad(sp, z * r, r);
  float cosine = mad(cp, z * z, mad(-0.5f, z, 1));
  bool odd = quarter & 1;
  float s0 = odd ? cosine : sine, c0 = odd ? sine : cosine;
  *s = float_of(bits_of(s0) ^ (quarter & 2) << 30);
  *c = float_of(bits_of(c0) ^ ((quarter + 1) & 2) << 30);
}

/* pi/2 in three parts: products of the first two with quarters up to 2^14 are exact, with or without fused
   multiply-add, so that the reduction costs nothing in accuracy up to |x| = 2e4. */
FMI_INLINE void sincos_1(float x, float *s, float *c) {
  float shifted = mad(x, 0.636619772367581343f, FMI_ROUNDER);
  float quarters = shifted - FMI_ROUNDER;
  float r = mad(quarters, -1.5703125f, x);
  r = mad(quarters, -0x1.fbp-12f, r);
  r = mad(quarters, -0x1.5110b4p-22f, r);
  sincos_reduced(r, bits_of(shifted) - bits_of(FMI_ROUNDER), s, c);
}

/* log(u), 2^-32 <= u <= 1 (Cephes logf): u = 2^n m with sqrt(1/2) <= m < sqrt(2). */
FMI_INLINE float log_1(float u) {
  int32_t n = (int32_t)(bits_of(u) - 0x3f3504f3u) >> 23;
  float f = float_of(bits_of(u) - ((uint32_t)n << 23)) - 1;
  float z = f * f;
  float p = 7.0376836292e-2f;
  p = mad(p, f, -1.1514610310e-1f);
  p = mad(p, f, 1.1676998740e-1f);
  p = mad(p, f, -1.2420140846e-1f);
  p = mad(p, f, 1.4249322787e-1f);
  p = mad(p, f, -1.6668057665e-1f);
  p = mad(p, f, 2.0000714765e-1f);
  p = mad(p, f, -2.4999993993e-1f);
  p = mad(p, f, 3.3333331174e-1f);
  float e = (float)n;
  float tail = mad(e, -2.12194440e-4f, mad(-0.5f, z, p * f * z));
  return mad(e, 0.693359375f, f + tail);
}

/* Box-Muller: the radius from one word, as u = (word + 1) / 2^32 with one rounding, so never log(0) ... */
FMI_INLINE float normal_radius(uint32_t word) {
  float high = (float)(int32_t)(word >> 16), low = (float)(int32_t)(word & 0xffff);
  float u = high * 0x1p-16f + (low + 1) * 0x1p-32f;
  return root(-2 * log_1(u));
}

/* ... and the angle from another, 2^32 to the turn: its reduction is exact in integers. */
FMI_INLINE void normal_angle(uint32_t word, float *s, float *c) {
  uint32_t quarter = (word + 0x20000000u) >> 30;
  float rest = (float)(int32_t)(word - (quarter << 30));
  sincos_reduced(rest * (6.28318530717958647693f * 0x1p-32f), quarter, s, c);
}

#endif
#endif
