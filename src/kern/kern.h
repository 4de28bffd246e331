/* kern.h - the inner loops, behind one table per instruction set that is chosen once per context. Every
   function here is pure: it allocates nothing, starts no thread, keeps no state. Bits of a result element
   depend on its inputs alone, never on n, m or on where in the array it stands. */
#ifndef FMI_KERN_H
#define FMI_KERN_H

#include "core/core.h"

/* Number of activations: FM_ACT_SILU .. FM_ACT_MISH index tables directly; 0 is the identity. */
#define FMI_N_ACT 9u

/* Columns of one packed panel. */
#define FMI_NR 16u

/* C[m][n] = A[m][k] B[k][n] (+ C) (+ bias). One fused-multiply-add chain over k for every element, in order,
   so an element's bits depend on its row of A and column of B alone. */
typedef struct fmi_gemm {
  size_t m, n, k;
  const real *a; /* element (i, p) at a[i * a_row + p * a_col] */
  size_t a_row, a_col;
  const real *b; /* packed by pack(): fmi_packed_count(k, n) reals */
  real *c;       /* element (i, j) at c[i * ldc + j] */
  size_t ldc;
  bool accumulate;  /* start the chain at C instead of 0 */
  const real *bias; /* [n], added last, or NULL */
  /* Fused epilogue: c gets act(sum) if act is not NULL; z[i * ldz + j] gets the sum if z is not NULL. With
     act_both (and z) instead, c gets act(sum) and z gets act'(sum). */
  void (*act)(real *y, const real *x, size_t n);
  void (*act_both)(real *y, real *d, const real *x, size_t n);
  real *z;
  size_t ldz;
} fmi_gemm;

typedef struct fmi_adamw {
  real beta1, beta2, epsilon;
  real step_size;  /* rate / (1 - beta1^step), of beta1 as it is here */
  real correction; /* 1 / sqrt(1 - beta2^step), likewise */
  real decay;      /* rate * weight_decay */
  real grad_scale; /* clipping */
} fmi_adamw;

typedef struct fmi_kernels {
  const char *name;
  uint32_t isa;

  /* ---- products ---- */
  /* Packs B[k][n], element (p, j) at b[p * b_row + j * b_col], into panels of FMI_NR columns: panel j0 holds
     k rows of FMI_NR contiguous elements, zero where j >= n. packed is 64-byte aligned. */
  void (*pack)(size_t k, size_t n, const real *b, size_t b_row, size_t b_col, real *packed);
  void (*gemm)(const fmi_gemm *g);

  /* ---- elementwise; y and x may be the same array, else they don't overlap ---- */
  void (*act[FMI_N_ACT])(real *y, const real *x, size_t n);
  /* dx = dy * act'(x): serves vjp and jvp. dx may be dy. */
  void (*act_d[FMI_N_ACT])(real *dx, const real *dy, const real *x, size_t n);
  /* y = act(x), d = act'(x), which share most of their work; d may be x. */
  void (*act_both[FMI_N_ACT])(real *y, real *d, const real *x, size_t n);
  void (*sincos)(real *s, real *c, const real *x,
                 size_t n); /* |x| <= 2e4, to 2 units in the last place of 1 */
  /* Standard normals from 2 * ceil(n / 2) random words: pairs by Box-Muller (1958). */
  void (*normal)(real *out, const uint32_t *words, size_t n);
  void (*add)(real *y, const real *x, size_t n);                    /* y += x */
  void (*mul)(real *y, const real *a, const real *b, size_t n);     /* y = a * b */
  void (*mul_add)(real *y, const real *a, const real *b, size_t n); /* y += a * b */
  void (*ema)(real *average, const real *x, real keep, size_t n);   /* average = x + keep (average - x) */

  /* ---- one row ---- */
  /* y = (x - mean) * rstd; writes rstd. n >= 1; variance + 1e-6 under the root. */
  void (*layer_norm)(real *y, real *rstd, const real *x, size_t n);
  /* dx = rstd * (dy - mean(dy) - y * mean(dy * y)), y the normalised row: the Jacobian is symmetric, so
     this is vjp and jvp. dx may be dy. */
  void (*layer_norm_d)(real *dx, const real *dy, const real *y, real rstd, size_t n);

  /* ---- the optimiser: m, v moments ---- */
  void (*adamw)(real *p, real *m, real *v, const real *g, size_t n, const fmi_adamw *a);

  /* ---- reductions, in double, in a fixed order ---- */
  double (*sum_squares)(const real *x, size_t n);

  /* ---- couplings, in double, the same bits for every instruction set ---- */
  /* out[i][j] = sum_k (x[i][k] - y[k][j])^2: x [rows][dim], y [dim][n], out [rows][n]. */
  void (*squared_distances)(double *out, const double *x, size_t rows, const double *y, size_t n, size_t dim);
  /* distance[j] = min(distance[j], cost[j] - v[j] - shift), and from[j] = row where it fell. Returns where
     distance is least, the first of several, and *least. A column with v -inf stays as it is. */
  size_t (*relax)(double *distance, int64_t *from, const double *cost, const double *v, double shift,
                  int64_t row, size_t n, double *least);
} fmi_kernels;

static inline size_t fmi_packed_count(size_t k, size_t n) { return fmi_mul_size(fmi_round_up(n, FMI_NR), k); }

/* The table for FM_ISA_..., or NULL if this machine or build lacks it. FM_ISA_AUTO: the best. */
const fmi_kernels *fmi_kernels_get(uint32_t isa);

/* ---- CBLAS, the only file that knows it (blas.c); with BLAS=none it reports "none" ---------------- */
typedef struct fmi_blas_info {
  char name[64];
  uint32_t threads; /* as reported; 0: unknown or no BLAS */
} fmi_blas_info;
void fmi_blas_query(fmi_blas_info *info);
bool fmi_blas_make_serial(void); /* process-wide; false if it can't be done */
/* C[m][n] = op(A) op(B) + (accumulate ? C : 0); row-major, leading dimensions lda, ldb, ldc. */
void fmi_blas_gemm(bool a_transposed, bool b_transposed, size_t m, size_t n, size_t k, const real *a,
                   size_t lda, const real *b, size_t ldb, bool accumulate, real *c, size_t ldc);
#endif
