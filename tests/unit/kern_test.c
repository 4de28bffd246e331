/* kern_test.c - every kernel of every table against straightforward double arithmetic, and the promise that
   bits depend on inputs alone. Also built with FMI_DOUBLE, where only rounding of double is allowed. */
#include "fixture.h"
#include "kern/kern.h"

static const fmi_kernels *tables[2];
static size_t n_tables;

static void find_tables(void) {
  tables[n_tables++] = fmi_kernels_get(FM_ISA_PLAIN);
  if (fmi_kernels_get(FM_ISA_AVX2) != NULL) tables[n_tables++] = fmi_kernels_get(FM_ISA_AVX2);
}
#define EACH_TABLE(k)                                                                                        \
  for (size_t table_ = 0; table_ < n_tables; table_++)                                                       \
    for (const fmi_kernels *k = tables[table_]; k != NULL; k = NULL)

static uint32_t word(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)(z >> 32);
}
static void fill(real *x, size_t n, uint64_t seed) {
  for (size_t i = 0; i < n; i++) x[i] = (real)(word(&seed) * 0x1p-31 - 1);
}
static real *block(size_t n) { /* aligned, with room behind, filled with a value no kernel makes */
  real *x = aligned_alloc(FMI_ALIGN, fmi_round_up((n + FMI_NR) * sizeof *x, FMI_ALIGN));
  ck_assert_ptr_nonnull(x);
  for (size_t i = 0; i < n + FMI_NR; i++) x[i] = (real)-7.25;
  return x;
}

/* ---- activations ---------------------------------------------------------------------------------- */

static double reference(uint32_t act, double x) {
  const double alpha = 1.6732632423543772, lambda = 1.0507009873554805;
  switch (act) {
  case FM_ACT_SILU:
    return x < -700 ? 0 : x / (1 + exp(-x));
  case FM_ACT_GELU:
    return 0.5 * x * erfc(-x / sqrt(2));
  case FM_ACT_GELU_TANH:
    return x / (1 + exp(-2 * sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  case FM_ACT_SELU:
    return lambda * (x > 0 ? x : alpha * expm1(x));
  case FM_ACT_ELU:
    return x > 0 ? x : expm1(x);
  case FM_ACT_TANH:
    return tanh(x);
  case FM_ACT_RELU:
    return x > 0 ? x : 0;
  case FM_ACT_MISH:
    return x * tanh(log1p(exp(x)));
  default:
    return x;
  }
}

START_TEST(activations_known) {
  static const struct {
    uint32_t act;
    double x, y;
  } known[] = {
      {FM_ACT_SELU, -1, -1.1113307378125625},   {FM_ACT_SELU, 1, 1.0507009873554805},
      {FM_ACT_SILU, -1, -.2689414213699951},    {FM_ACT_ELU, -1, -.6321205588285577},
      {FM_ACT_GELU, -1, -.15865525393145702},   {FM_ACT_GELU_TANH, -1, -.15880800939172324},
      {FM_ACT_GELU_TANH, 1, .8411919906082768},
  };
  EACH_TABLE(k) {
    for (size_t i = 0; i < FMI_COUNT(known); i++) {
      real x = (real)known[i].x, y;
      k->act[known[i].act](&y, &x, 1);
      CLOSE(y, known[i].y, 2 * EPS);
    }
  }
}
END_TEST

START_TEST(
    activations) { /* relative in the tails: only the rounding of the argument grows, with x^3 at most */
  enum { N = 4001 };
  real *x = block(N), *y = block(N), *d = block(N), *one = block(N);
  for (size_t i = 0; i < N; i++) {
    x[i] = (real)(((double)i - 2000) / 250 + 1e-5);
    one[i] = 1;
  }
  for (size_t i = 0; i < 40; i++) x[i * 50 + 7] = (real)(pow(10, -(double)i) * (i % 2 ? 1 : -1));
  const double h = 1e-5;
  EACH_TABLE(k) {
    for (uint32_t a = 0; a < FMI_N_ACT; a++) {
      k->act[a](y, x, N);
      k->act_d[a](d, one, x, N);
      for (size_t i = 0; i < N; i++) {
        double at = x[i], want = reference(a, at), grow = 1 + fabs(at * at * at) / 8;
        CLOSE(y[i], want, 5 * EPS * grow * fabs(want) + 1e-36);
        if ((a == FM_ACT_SELU || a == FM_ACT_ELU || a == FM_ACT_RELU) && fabs(at) < 2 * h) continue;
        double slope = (reference(a, at + h) - reference(a, at - h)) / (2 * h);
        CLOSE(d[i], slope, fmax(4e-10, 8 * EPS * (1 + fabs(at))));
      }
    }
  }
  free(x), free(y), free(d), free(one);
}
END_TEST

START_TEST(activations_extreme) {
  const real in[] = {
      (real)INFINITY, (real)-INFINITY, (real)NAN, (real)1e30, (real)-1e30, (real)1e-42, 0, 100, -100};
  enum { N = FMI_COUNT(in) };
  EACH_TABLE(k) {
    for (uint32_t a = 0; a < FMI_N_ACT; a++) {
      const bool flat = a == FM_ACT_TANH; /* its ends: -1, 1 */
      const double top = flat ? 1 : a == FM_ACT_SELU ? 1.0507009873554805 * 1e30 : 1e30;
      const double low = a == 0                    ? -1e30
                         : a == FM_ACT_SELU        ? -1.0507009873554805 * 1.6732632423543772
                         : a == FM_ACT_ELU || flat ? -1
                                                   : 0;
      real y[N], d[N], one[N];
      for (size_t i = 0; i < N; i++) one[i] = 1;
      k->act[a](y, in, N);
      k->act_d[a](d, one, in, N);
      if (flat)
        ck_assert(y[0] == 1);
      else
        ck_assert(isinf(y[0]) && y[0] > 0);
      if (a != 0) CLOSE(y[1], low, 2 * EPS * fabs(low) + 1e-30);
      ck_assert(isnan(y[2]));
      CLOSE(y[3], top, 2 * EPS * top);
      CLOSE(y[4], low, 2 * EPS * fabs(low) + 1e-30);
      CLOSE(y[5], reference(a, in[5]), 1.5e-45); /* one denormal, half of one by each rounding */
      ck_assert(y[6] == 0);
      const double up = a == FM_ACT_SELU ? 1.0507009873554805 : flat ? 0 : 1;
      const size_t above[] = {0, 3, 7}, below[] = {1, 4, 8};
      for (size_t i = 0; i < 3; i++) {
        CLOSE(d[above[i]], up, 2 * EPS * up + 1e-30);
        CLOSE(d[below[i]], a == 0 ? 1 : 0, 1e-30);
      }
    }
  }
}
END_TEST

START_TEST(elements_stand_alone) { /* any length, any place, in place: the same bits */
  enum { N = 67 };
  real *x = block(N), *dy = block(N), *all = block(N), *part = block(N);
  fill(x, N, 1);
  fill(dy, N, 2);
  for (size_t i = 0; i < N; i++) x[i] *= 5;
  EACH_TABLE(k) {
    for (uint32_t a = 0; a < FMI_N_ACT; a++) {
      k->act[a](all, x, N);
      for (size_t i = 0; i < N; i += 3) {
        k->act[a](part, x + i, N - i);
        SAME(part, all + i, N - i);
      }
      memcpy(part, x, N * sizeof *x);
      k->act[a](part, part, N);
      SAME(part, all, N);
      k->act_d[a](all, dy, x, N);
      for (size_t i = 0; i < N; i++) {
        k->act_d[a](part, dy + i, x + i, 1);
        SAME(part, all + i, 1);
      }
      memcpy(part, dy, N * sizeof *dy);
      k->act_d[a](part, part, x, N);
      SAME(part, all, N);
    }
  }
  free(x), free(dy), free(all), free(part);
}
END_TEST

/* ---- trigonometry and noise ----------------------------------------------------------------------- */

START_TEST(sines) {
  enum { N = 40001 };
  real *x = block(N), *s = block(N), *c = block(N), s1, c1;
  for (size_t i = 0; i < N; i++) x[i] = (real)((double)i - 20000 + (i % 7) * 0.14);
  for (size_t i = 0; i < 1000; i++) x[20000 + i] = (real)(((double)i - 500) * 0.785398163397448310 / 8);
  EACH_TABLE(k) {
    k->sincos(s, c, x, N);
    for (size_t i = 0; i < N; i++) {
      CLOSE(s[i], sin(x[i]), 2 * EPS);
      CLOSE(c[i], cos(x[i]), 2 * EPS);
    }
    for (size_t i = 0; i < N; i += 997) {
      k->sincos(&s1, &c1, x + i, 1);
      ck_assert(s1 == s[i] && c1 == c[i]);
    }
  }
  free(x), free(s), free(c);
}
END_TEST

START_TEST(normals) {
  const size_t n = quick() ? 1 << 14 : 1 << 20;
  uint32_t *words = malloc((n + 2) * sizeof *words);
  real *x = block(n), few[8];
  uint64_t state = 5;
  ck_assert_ptr_nonnull(words);
  for (size_t i = 0; i < n; i++) words[i] = word(&state);
  const uint32_t ends[] = {0, 0, UINT32_MAX, UINT32_MAX, 1, 0x80000000u, 0x80000000u, 0x1fffffff};
  memcpy(words, ends, sizeof ends);
  const size_t chosen = FMI_COUNT(ends); /* no part of the statistics */
  const double count = (double)(n - chosen);
  EACH_TABLE(k) {
    k->normal(x, words, n);
    double moment[5] = {0}, apart = 0;
    size_t beyond3 = 0;
    for (size_t i = 0; i < n; i += 2) {
      double radius = sqrt(-2 * log((words[i] + 1.0) * 0x1p-32)), angle = words[i + 1] * 0x1p-31 * acos(-1);
      double near1 = EPS / fmax(radius, sqrt(EPS)); /* u is rounded: near 1 the radius shows it */
      CLOSE(x[i], radius * cos(angle), 8 * EPS * (1 + radius) + 2 * near1);
      CLOSE(x[i + 1], radius * sin(angle), 8 * EPS * (1 + radius) + 2 * near1);
      if (i >= chosen) apart += (double)x[i] * x[i + 1];
    }
    for (size_t i = chosen; i < n; i++) {
      for (int p = 1; p <= 4; p++) moment[p] += pow(x[i], p) / count;
      beyond3 += fabs((double)x[i]) > 3;
    }
    CLOSE(moment[1], 0, 5 * sqrt(1 / count)); /* five standard errors */
    CLOSE(moment[2], 1, 5 * sqrt(2 / count));
    CLOSE(moment[3], 0, 5 * sqrt(15 / count));
    CLOSE(moment[4], 3, 5 * sqrt(96 / count));
    CLOSE(apart / (count / 2), 0, 5 * sqrt(2 / count));
    CLOSE((double)beyond3 / count, 2.6998e-3, 5 * sqrt(2.6998e-3 / count));
    CLOSE(x[0], sqrt(64 * log(2)), 1e-5); /* the longest tail */
    for (size_t m = 0; m <= 7; m++) {
      for (size_t i = 0; i < 8; i++) few[i] = (real)-7.25;
      k->normal(few, words + 10, m);
      SAME(few, x + 10, m);
      ck_assert(few[m] == (real)-7.25);
    }
  }
  free(words), free(x);
}
END_TEST

/* ---- arithmetic, rows, the optimiser -------------------------------------------------------------- */

START_TEST(arithmetic) {
  for (size_t n = 0; n < 70; n += n < 20 ? 1 : 7) {
    real *a = block(n), *b = block(n), *start = block(n), *y = block(n);
    fill(a, n, 3);
    fill(b, n, 4);
    fill(start, n, 5);
    EACH_TABLE(k) {
      double squares = 0;
      memcpy(y, start, n * sizeof *y);
      k->add(y, a, n);
      for (size_t i = 0; i < n; i++) CLOSE(y[i], (double)start[i] + a[i], EPS);
      k->mul(y, a, b, n);
      for (size_t i = 0; i < n; i++) CLOSE(y[i], (double)a[i] * b[i], EPS);
      memcpy(y, start, n * sizeof *y);
      k->mul_add(y, a, b, n);
      for (size_t i = 0; i < n; i++) CLOSE(y[i], (double)start[i] + (double)a[i] * b[i], 2 * EPS);
      memcpy(y, start, n * sizeof *y);
      k->ema(y, a, (real)0.875, n);
      for (size_t i = 0; i < n; i++) CLOSE(y[i], 0.875 * start[i] + 0.125 * a[i], 3 * EPS);
      for (size_t i = 0; i < n; i++) squares += (double)a[i] * a[i];
      CLOSE(k->sum_squares(a, n), squares, 1e-14 * (squares + 1));
      ck_assert(y[n] == (real)-7.25);
    }
    free(a), free(b), free(start), free(y);
  }
}
END_TEST

START_TEST(layer_norms) {
  static const size_t sizes[] = {1, 2, 15, 16, 17, 64, 100, 1024, 1023};
  for (size_t s = 0; s < 2 * FMI_COUNT(sizes); s++) {
    const size_t n = sizes[s / 2];
    const double offset = s % 2 ? 1000 : 0; /* far from 0: what one pass would lose */
    real *x = block(n), *y = block(n), *dy = block(n), *dx = block(n), rstd;
    fill(x, n, 6);
    fill(dy, n, 7);
    for (size_t i = 0; i < n; i++) x[i] += (real)offset;
    EACH_TABLE(k) {
      long double exact = 0;
      double mean, variance = 0, plain = 0, along = 0;
      for (size_t i = 0; i < n; i++) exact += x[i];
      mean = (double)(exact / n);
      for (size_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
      const double want = 1 / sqrt(variance + 1e-6);
      k->layer_norm(y, &rstd, x, n);
      CLOSE(rstd, want, 20 * EPS * want);
      for (size_t i = 0; i < n; i++) CLOSE(y[i], (x[i] - mean) * want, 20 * EPS + offset * EPS * want / 4);
      for (size_t i = 0; i < n; i++) {
        plain += dy[i] / (double)n;
        along += (double)dy[i] * y[i] / (double)n;
      }
      k->layer_norm_d(dx, dy, y, rstd, n);
      for (size_t i = 0; i < n; i++) CLOSE(dx[i], rstd * (dy[i] - plain - y[i] * along), 20 * EPS * rstd);
      ck_assert(y[n] == (real)-7.25 && dx[n] == (real)-7.25);
    }
    free(x), free(y), free(dy), free(dx);
  }
}
END_TEST

START_TEST(adamw_steps) {
  enum { N = 37, STEPS = 5 };
  EACH_TABLE(k) {
    real p[N], m[N] = {0}, v[N] = {0}, g[N];
    double P[N], M[N] = {0}, V[N] = {0};
    fill(p, N, 8);
    for (size_t i = 0; i < N; i++) P[i] = p[i];
    for (int t = 1; t <= STEPS; t++) {
      const double rate = 1e-2, wd = 0.1, scale = 0.5, b1 = (real)0.9, b2 = (real)0.999, eps = 1e-8;
      const fmi_adamw step = {(real)b1,
                              (real)b2,
                              (real)eps,
                              (real)(rate / (1 - pow(b1, t))),
                              (real)(1 / sqrt(1 - pow(b2, t))),
                              (real)(rate * wd),
                              (real)scale};
      fill(g, N, 100 + (uint64_t)t);
      k->adamw(p, m, v, g, N, &step);
      for (size_t i = 0; i < N; i++) { /* as torch.optim.AdamW writes it */
        double slope = scale * g[i];
        P[i] *= 1 - rate * wd;
        M[i] = b1 * M[i] + (1 - b1) * slope;
        V[i] = b2 * V[i] + (1 - b2) * slope * slope;
        P[i] -= rate * (M[i] / (1 - pow(b1, t))) / (sqrt(V[i]) / sqrt(1 - pow(b2, t)) + eps);
      }
    }
    for (size_t i = 0; i < N; i++) {
      CLOSE(p[i], P[i], 10 * EPS);
      CLOSE(m[i], M[i], 10 * EPS);
      CLOSE(v[i], V[i], 10 * EPS * V[i]);
    }
  }
}
END_TEST

/* ---- products ------------------------------------------------------------------------------------- */

START_TEST(packing) {
  enum { LD = 40 };
  real *b = block(LD * LD);
  fill(b, LD * LD, 9);
  EACH_TABLE(kernels) {
    for (size_t k = 0; k <= 19; k++) {
      for (size_t n = 0; n <= 35; n++) {
        for (size_t way = 0; way < 3; way++) { /* row-major, transposed, any strides */
          const size_t b_row = way == 0 ? LD : 1, b_col = way == 0 ? 1 : way == 1 ? LD : LD + 1;
          const size_t count = fmi_packed_count(k, n);
          real *packed = block(count);
          kernels->pack(k, n, b, b_row, b_col, packed);
          size_t wrong = 0;
          for (size_t i = 0; i < count; i++) {
            size_t j = i / (k * FMI_NR) * FMI_NR + i % FMI_NR, p = i / FMI_NR % k;
            wrong += packed[i] != (j < n ? b[p * b_row + j * b_col] : 0);
          }
          ck_assert_msg(wrong == 0, "%zu of %zu differ: k = %zu, n = %zu, way %zu", wrong, count, k, n, way);
          ck_assert(packed[count] == (real)-7.25);
          free(packed);
        }
      }
    }
  }
  free(b);
}
END_TEST

/* All variants of one shape: A's layout, accumulation, bias, epilogue; rows of C are wider than n. */
static void check_product(const fmi_kernels *kernels, size_t m, size_t n, size_t k, uint32_t variant) {
  const bool transposed = variant & 1, accumulate = variant & 2, epilogue = variant & 8;
  const size_t ld = n + 3, ldz = n + 5, a_row = transposed ? 1 : k + 2, a_col = transposed ? m + 1 : 1;
  real *a = block((m + 1) * (k + 2)), *b = block(k * n), *bias = block(n),
       *packed = block(fmi_packed_count(k, n));
  real *c = block(m * ld), *z = block(m * ldz), *before = block(m * ld), *act = block(n);
  fill(a, (m + 1) * (k + 2), 10);
  fill(b, k * n, 11);
  fill(bias, n, 12);
  fill(c, m * ld, 13);
  memcpy(before, c, m * ld * sizeof *c);
  kernels->pack(k, n, b, n, 1, packed);
  fmi_gemm g = {
      .m = m, .n = n, .k = k, .a = a, .a_row = a_row, .a_col = a_col, .b = packed, .c = c, .ldc = ld};
  g.accumulate = accumulate;
  if (variant & 4) g.bias = bias;
  if (epilogue) g.z = z, g.ldz = ldz, g.act = kernels->act[FM_ACT_SILU];
  kernels->gemm(&g);
  for (size_t i = 0; i < m; i++) {
    const real *got = epilogue ? z + i * ldz : c + i * ld;
    for (size_t j = 0; j < n; j++) {
      double sum = accumulate ? before[i * ld + j] : 0, size = fabs(sum);
      for (size_t p = 0; p < k; p++) {
        double term = (double)a[i * a_row + p * a_col] * b[p * n + j];
        sum += term;
        size += fabs(term);
      }
      if (g.bias != NULL) sum += bias[j], size += fabs(bias[j]);
      CLOSE(got[j], sum, EPS * ((double)k / 2 + 2) * size);
    }
    if (epilogue) {
      kernels->act[FM_ACT_SILU](act, z + i * ldz, n);
      SAME(act, c + i * ld, n);
      for (size_t j = n; j < ldz; j++) ck_assert(z[i * ldz + j] == (real)-7.25);
    }
    SAME(c + i * ld + n, before + i * ld + n, ld - n); /* the gap between rows is not touched */
  }
  real *all[] = {a, b, bias, packed, c, z, before, act};
  for (size_t i = 0; i < FMI_COUNT(all); i++) free(all[i]);
}

START_TEST(products) {
  static const size_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 12, 23, 24, 25, 53},
                      depths[] = {0, 1, 2, 17, 256, 300},
                      columns[] = {0, 1, 2, 15, 16, 17, 31, 33, 48, 64, 77};
  const size_t n_depths = FMI_COUNT(depths) - (quick() ? 2 : 0);
  EACH_TABLE(kernels) {
    uint32_t variant = 0;
    for (size_t i = 0; i < FMI_COUNT(rows); i++) {
      for (size_t j = 0; j < FMI_COUNT(columns); j++) {
        for (size_t l = 0; l < n_depths; l++) {
          for (uint32_t v = 0; v < 3; v++)
            check_product(kernels, rows[i], columns[j], depths[l], variant++ * 5 % 16);
        }
      }
    }
    for (uint32_t v = 0; v < 16; v += quick() ? 5 : 1) check_product(kernels, 61, 50, 530, v);
  }
}
END_TEST

START_TEST(product_in_place_epilogue) { /* act without z */
  enum { M = 9, N = 21, K = 30 };
  real *a = block(M * K), *b = block(K * N), *packed = block(fmi_packed_count(K, N)), *c = block(M * N),
       *d = block(M * N);
  fill(a, M * K, 14);
  fill(b, K * N, 15);
  EACH_TABLE(k) {
    k->pack(K, N, b, N, 1, packed);
    fmi_gemm g = {.m = M, .n = N, .k = K, .a = a, .a_row = K, .a_col = 1, .b = packed, .c = c, .ldc = N};
    k->gemm(&g);
    k->act[FM_ACT_TANH](c, c, M * N);
    g.act = k->act[FM_ACT_TANH];
    g.c = d;
    k->gemm(&g);
    SAME(c, d, M * N);
  }
  free(a), free(b), free(packed), free(c), free(d);
}
END_TEST

START_TEST(product_bits) { /* rows alone, columns apart, A transposed, the chain in two parts: one result */
  enum { M = 59, N = 115, K = 613, HALF = 300 };
  real *a = block(M * K), *at = block(M * K), *b = block(K * N), *packed = block(fmi_packed_count(K, N));
  real *part = block(fmi_packed_count(K, N)), *c = block(M * N), *d = block(M * N);
  fill(a, M * K, 16);
  fill(b, K * N, 17);
  for (size_t i = 0; i < M; i++) {
    for (size_t p = 0; p < K; p++) at[p * M + i] = a[i * K + p];
  }
  EACH_TABLE(k) {
    k->pack(K, N, b, N, 1, packed);
    const fmi_gemm whole = {
        .m = M, .n = N, .k = K, .a = a, .a_row = K, .a_col = 1, .b = packed, .c = c, .ldc = N};
    k->gemm(&whole);
    fmi_gemm g = whole;
    g.c = d;
    for (size_t tall = 1; tall <= 30; tall += quick() ? 7 : 1) {
      for (size_t i = 0; i < M; i += tall) {
        g.m = fmi_min(tall, M - i);
        g.a = a + i * K;
        g.c = d + i * N;
        k->gemm(&g);
      }
      SAME(c, d, M * N);
      fill(d, M * N, 18);
    }
    for (size_t j = 0; j < N; j += 3 * FMI_NR) {
      g = whole;
      g.n = fmi_min(3 * FMI_NR, N - j);
      g.b = packed + j * K;
      g.c = d + j;
      k->gemm(&g);
    }
    SAME(c, d, M * N);
    fill(d, M * N, 18);
    g = whole;
    g.a = at;
    g.a_row = 1;
    g.a_col = M;
    g.c = d;
    k->gemm(&g);
    SAME(c, d, M * N);
    for (size_t p = 0; p < K; p += HALF) {
      g = whole;
      g.k = fmi_min(HALF, K - p);
      g.a = a + p;
      g.c = d;
      g.b = part;
      g.accumulate = p > 0;
      k->pack(g.k, N, b + p * N, N, 1, part);
      k->gemm(&g);
    }
    SAME(c, d, M * N);
  }
  real *all[] = {a, at, b, packed, part, c, d};
  for (size_t i = 0; i < FMI_COUNT(all); i++) free(all[i]);
}
END_TEST

START_TEST(blas) {
  enum { M = 7, N = 11, K = 13, LD = 20 };
  real *a = block(LD * LD), *b = block(LD * LD), *c = block(LD * LD), *before = block(LD * LD);
  fill(a, LD * LD, 19);
  fill(b, LD * LD, 20);
  fill(before, LD * LD, 21);
  fmi_blas_info info;
  fmi_blas_query(&info);
  ck_assert(info.name[0] != 0);
  ck_assert(!fmi_blas_make_serial() || (fmi_blas_query(&info), info.threads == 1));
  for (uint32_t v = 0; v < 8; v++) {
    const bool ta = v & 1, tb = v & 2, more = v & 4;
    memcpy(c, before, LD * LD * sizeof *c);
    fmi_blas_gemm(ta, tb, M, N, K, a, LD, b, LD, more, c, LD);
    for (size_t i = 0; i < M; i++) {
      for (size_t j = 0; j < N; j++) {
        double sum = more ? before[i * LD + j] : 0;
        for (size_t p = 0; p < K; p++)
          sum += (double)a[ta ? p * LD + i : i * LD + p] * b[tb ? j * LD + p : p * LD + j];
        CLOSE(c[i * LD + j], sum, 20 * EPS);
      }
    }
    fmi_blas_gemm(ta, tb, M, N, 0, a, LD, b, LD, more, c, LD); /* an empty sum */
    ck_assert(more || c[LD] == 0);
  }
  free(a), free(b), free(c), free(before);
}
END_TEST

START_TEST(dispatch) {
  ck_assert_ptr_nonnull(fmi_kernels_get(FM_ISA_PLAIN));
  ck_assert_uint_eq(fmi_kernels_get(FM_ISA_PLAIN)->isa, FM_ISA_PLAIN);
  ck_assert_ptr_eq(fmi_kernels_get(FM_ISA_AUTO), tables[n_tables - 1]);
  ck_assert_ptr_null(fmi_kernels_get(99));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      activations_known,
      activations,
      activations_extreme,
      elements_stand_alone,
      sines,
      normals,
      arithmetic,
      layer_norms,
      adamw_steps,
      packing,
      products,
      product_in_place_epilogue,
      product_bits,
      blas,
      dispatch,
  };
  find_tables();
  return run_tests("kern", tests, FMI_COUNT(tests));
}
