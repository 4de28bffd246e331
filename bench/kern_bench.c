/* kern_bench.c - the inner loops against what bounds them: products against cblas_sgemm on one thread,
   interleaved in the same run, medians; vector kernels in ns an element. Arguments: [plain|avx2]
   [gemm|loops]. */
#include "kern/kern.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TRIES 31

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *seconds) {
  qsort(seconds, TRIES, sizeof *seconds, compare);
  return seconds[TRIES / 2];
}

static real *numbers(size_t n) {
  real *x = aligned_alloc(FMI_ALIGN, fmi_round_up(n * sizeof *x, FMI_ALIGN));
  if (x == NULL) exit(1);
  for (size_t i = 0; i < n; i++) x[i] = (real)((double)(i * 2654435761u % 1000003) / 500000 - 1);
  return x;
}

/* ---- products ------------------------------------------------------------------------------------- */

typedef struct product {
  size_t m, n, k;
  bool a_transposed, b_transposed;
} product;

static void print_product(const fmi_kernels *kernels, const product *s) {
  const size_t count = fmi_packed_count(s->k, s->n);
  real *a = numbers(s->m * s->k), *b = numbers(s->k * s->n), *packed = numbers(count);
  real *c = numbers(s->m * s->n), *bias = numbers(s->n), *z = numbers(s->m * s->n);
  const size_t lda = s->a_transposed ? s->m : s->k, ldb = s->b_transposed ? s->k : s->n;
  const size_t b_row = s->b_transposed ? 1 : ldb, b_col = s->b_transposed ? ldb : 1;
  fmi_gemm g = {.m = s->m, .n = s->n, .k = s->k, .a = a, .b = packed, .c = c, .ldc = s->n};
  g.a_row = s->a_transposed ? 1 : lda;
  g.a_col = s->a_transposed ? lda : 1;
  fmi_gemm fused = g;
  fused.bias = bias;
  fused.act = kernels->act[FM_ACT_SILU];
  fused.z = z;
  fused.ldz = s->n;
  const double flops = 2.0 * (double)s->m * (double)s->n * (double)s->k;
  const size_t repeat = flops < 2e7 ? (size_t)(2e7 / flops) : 1;
  double own[TRIES], packing[TRIES], epilogue[TRIES], blas[TRIES];
  kernels->pack(s->k, s->n, b, b_row, b_col, packed);
  for (size_t i = 0; i < TRIES; i++) {
    double t0 = now();
    for (size_t r = 0; r < repeat; r++) kernels->gemm(&g);
    double t1 = now();
    for (size_t r = 0; r < repeat; r++) {
      kernels->pack(s->k, s->n, b, b_row, b_col, packed);
      kernels->gemm(&g);
    }
    double t2 = now();
    for (size_t r = 0; r < repeat; r++) kernels->gemm(&fused);
    double t3 = now();
    for (size_t r = 0; r < repeat; r++) {
      fmi_blas_gemm(s->a_transposed, s->b_transposed, s->m, s->n, s->k, a, lda, b, ldb, false, c, s->n);
    }
    double t4 = now();
    own[i] = t1 - t0;
    packing[i] = t2 - t1;
    epilogue[i] = t3 - t2;
    blas[i] = t4 - t3;
  }
  const double giga = 1e-9 * flops * (double)repeat;
  printf("%c%c %5zu %5zu %5zu   %7.1f %7.1f %7.1f %7.1f\n", s->a_transposed ? 'T' : 'N',
         s->b_transposed ? 'T' : 'N', s->m, s->k, s->n, giga / median(own), giga / median(packing),
         giga / median(epilogue), giga / median(blas));
  real *all[] = {a, b, packed, c, bias, z};
  for (size_t i = 0; i < FMI_COUNT(all); i++) free(all[i]);
}

static void print_products(const fmi_kernels *kernels) {
  fmi_blas_info info;
  fmi_blas_make_serial();
  fmi_blas_query(&info);
  printf("GFLOP/s of C = A B, ops of A and B; BLAS: %s\n", info.name);
  printf("op     M     K     N       own  +pack +bias,SiLU,z  BLAS\n");
  static const size_t rows[] = {1, 4, 16, 64, 256}, sizes[] = {64, 256, 1024};
  for (size_t i = 0; i < FMI_COUNT(rows); i++) {
    for (size_t j = 0; j < FMI_COUNT(sizes); j++) {
      for (size_t l = 0; l < FMI_COUNT(sizes); l++) {
        print_product(kernels, &(product){rows[i], sizes[l], sizes[j], false, true});
      }
    }
  }
  /* Training, a batch of 256: dX = dY W and dW = dY^T X; and a layer with two outputs. */
  static const product training[] = {
      {256, 256, 256, false, false}, {256, 1024, 1024, false, false}, {64, 64, 256, true, false},
      {256, 256, 256, true, false},  {1024, 1024, 256, true, false},  {256, 64, 256, true, false},
      {256, 2, 256, false, true},    {1, 2, 256, false, true},
  };
  for (size_t i = 0; i < FMI_COUNT(training); i++) print_product(kernels, &training[i]);
}

/* ---- loops ---------------------------------------------------------------------------------------- */

enum { LENGTH = 1024, REPEAT = 200 };

#define TIME(label, call)                                                                                    \
  do {                                                                                                       \
    double seconds_[TRIES];                                                                                  \
    for (size_t i_ = 0; i_ < TRIES; i_++) {                                                                  \
      double start_ = now();                                                                                 \
      for (size_t r_ = 0; r_ < REPEAT; r_++) call;                                                           \
      seconds_[i_] = now() - start_;                                                                         \
    }                                                                                                        \
    printf("%-14s %7.3f\n", label, 1e9 * median(seconds_) / REPEAT / LENGTH);                                \
  } while (0)

static void print_loops(const fmi_kernels *k) {
  static const char *const names[FMI_N_ACT] = {"identity", "silu", "gelu", "gelu_tanh", "selu",
                                               "elu",      "tanh", "relu", "mish"};
  real *x = numbers(LENGTH), *y = numbers(LENGTH), *z = numbers(LENGTH), *w = numbers(LENGTH), rstd = 1;
  uint32_t *words = aligned_alloc(FMI_ALIGN, LENGTH * sizeof *words);
  if (words == NULL) exit(1);
  for (uint32_t i = 0; i < LENGTH; i++) words[i] = i * 2654435761u;
  double sink = 0;
  const fmi_adamw step = {(real).9, (real).999, (real)1e-8, (real)1e-9, 1, 0, 1};
  printf("ns an element, %d elements\n", LENGTH);
  for (size_t a = 0; a < FMI_N_ACT; a++) TIME(names[a], k->act[a](y, x, LENGTH));
  TIME("silu in place", k->act[FM_ACT_SILU](y, y, LENGTH));
  for (size_t a = 0; a < FMI_N_ACT; a++) {
    char label[32];
    snprintf(label, sizeof label, "%s_d", names[a]);
    TIME(label, k->act_d[a](y, z, x, LENGTH));
  }
  TIME("sincos", k->sincos(y, z, x, LENGTH));
  TIME("normal", k->normal(y, words, LENGTH));
  TIME("add", k->add(y, x, LENGTH));
  TIME("mul", k->mul(y, x, z, LENGTH));
  TIME("mul_add", k->mul_add(y, x, z, LENGTH));
  TIME("ema", k->ema(y, x, (real).99, LENGTH));
  TIME("layer_norm", k->layer_norm(y, &rstd, x, LENGTH));
  TIME("layer_norm_d", k->layer_norm_d(z, x, y, rstd, LENGTH));
  for (size_t i = 0; i < LENGTH; i++) w[i] = 1;
  TIME("adamw", k->adamw(y, z, w, x, LENGTH, &step));
  TIME("sum_squares", sink += k->sum_squares(x, LENGTH));
  printf("(%g)\n", sink);
  free(x);
  free(y);
  free(z);
  free(w);
  free(words);
}

int main(int argc, char **argv) {
  uint32_t isa = FM_ISA_AUTO;
  bool products = true, loops = true;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "plain") == 0) isa = FM_ISA_PLAIN;
    if (strcmp(argv[i], "avx2") == 0) isa = FM_ISA_AVX2;
    if (strcmp(argv[i], "gemm") == 0) loops = false;
    if (strcmp(argv[i], "loops") == 0) products = false;
  }
  const fmi_kernels *kernels = fmi_kernels_get(isa);
  if (kernels == NULL) return 1;
  printf("kernels: %s\n", kernels->name);
  if (products) print_products(kernels);
  if (loops) print_loops(kernels);
  return 0;
}
