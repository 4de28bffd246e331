/* blas.c - CBLAS, and nothing else here knows it. */
#include "kern/kern.h"

#include <limits.h>
#include <stdio.h>

#if defined(FMI_BLAS_OPENBLAS)
#include <cblas.h>
typedef blasint blas_int;
#elif defined(FMI_BLAS_BLIS)
/* Its header brings 40000 lines; these are the six functions in use. Dimensions of its own interface
   (dim_t) are as wide as a pointer, of its CBLAS interface int. */
typedef int blas_int;
enum { CblasRowMajor = 101, CblasNoTrans = 111, CblasTrans = 112 };
char *bli_info_get_version_str(void);
intptr_t bli_thread_get_num_threads(void);
intptr_t bli_thread_get_jc_nt(void);
intptr_t bli_thread_get_pc_nt(void);
intptr_t bli_thread_get_ic_nt(void);
intptr_t bli_thread_get_jr_nt(void);
intptr_t bli_thread_get_ir_nt(void);
void bli_thread_set_num_threads(intptr_t n);
void cblas_sgemm(int order, int a_op, int b_op, blas_int m, blas_int n, blas_int k, float alpha,
                 const float *a, blas_int lda, const float *b, blas_int ldb, float beta, float *c,
                 blas_int ldc);
void cblas_dgemm(int order, int a_op, int b_op, blas_int m, blas_int n, blas_int k, double alpha,
                 const double *a, blas_int lda, const double *b, blas_int ldb, double beta, double *c,
                 blas_int ldc);
#endif

/* ---- who it is, and its threads ------------------------------------------------------------------- */

#if defined(FMI_BLAS_OPENBLAS)

void fmi_blas_query(fmi_blas_info *info) {
  int threads = openblas_get_num_threads();
  snprintf(info->name, sizeof info->name, "%s", openblas_get_config());
  info->threads = threads > 0 ? (uint32_t)threads : 0;
}

bool fmi_blas_make_serial(void) {
  openblas_set_num_threads(1);
  return openblas_get_num_threads() == 1;
}

#elif defined(FMI_BLAS_BLIS)

/* BLIS counts threads in all or loop by loop; what is not set is below 1, and nothing set is one thread. */
void fmi_blas_query(fmi_blas_info *info) {
  snprintf(info->name, sizeof info->name, "BLIS %s", bli_info_get_version_str());
  intptr_t threads = bli_thread_get_num_threads();
  if (threads < 1) {
    const intptr_t ways[] = {bli_thread_get_jc_nt(), bli_thread_get_pc_nt(), bli_thread_get_ic_nt(),
                             bli_thread_get_jr_nt(), bli_thread_get_ir_nt()};
    threads = 1;
    for (size_t i = 0; i < FMI_COUNT(ways); i++) {
      if (ways[i] > 1) threads *= ways[i];
    }
  }
  info->threads = (uint32_t)threads;
}

bool fmi_blas_make_serial(void) {
  bli_thread_set_num_threads(1);
  return bli_thread_get_num_threads() == 1;
}

#else

void fmi_blas_query(fmi_blas_info *info) {
  snprintf(info->name, sizeof info->name, "none");
  info->threads = 0;
}

bool fmi_blas_make_serial(void) { return false; }

#endif

/* ---- the product ---------------------------------------------------------------------------------- */

/* Without a BLAS, or beyond its integers: right, not fast. */
static void loop_gemm(bool a_transposed, bool b_transposed, size_t m, size_t n, size_t k, const real *a,
                      size_t lda, const real *b, size_t ldb, bool accumulate, real *c, size_t ldc) {
  const size_t a_row = a_transposed ? 1 : lda, a_col = a_transposed ? lda : 1;
  const size_t b_row = b_transposed ? 1 : ldb, b_col = b_transposed ? ldb : 1;
  for (size_t i = 0; i < m; i++) {
    if (!accumulate) {
      for (size_t j = 0; j < n; j++) c[i * ldc + j] = 0;
    }
    for (size_t p = 0; p < k; p++) {
      const real factor = a[i * a_row + p * a_col];
      for (size_t j = 0; j < n; j++) c[i * ldc + j] += factor * b[p * b_row + j * b_col];
    }
  }
}

void fmi_blas_gemm(bool a_transposed, bool b_transposed, size_t m, size_t n, size_t k, const real *a,
                   size_t lda, const real *b, size_t ldb, bool accumulate, real *c, size_t ldc) {
#if defined(FMI_BLAS_OPENBLAS) || defined(FMI_BLAS_BLIS)
  const size_t largest = fmi_max(fmi_max(fmi_max(m, n), k), fmi_max(fmi_max(lda, ldb), ldc));
  if (m > 0 && n > 0 && k > 0 && largest <= INT_MAX) {
#ifdef FMI_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans,
        (blas_int)m, (blas_int)n, (blas_int)k, 1, a, (blas_int)lda, b, (blas_int)ldb, accumulate ? 1 : 0, c,
        (blas_int)ldc);
    return;
  }
#endif
  loop_gemm(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, accumulate, c, ldc);
}
