/* kern_avx2.c - x86-64 with AVX2 and FMA: the portable loops compiled for it, and products in intrinsics. */
#include "kern/kern_tables.h"

#if defined(__AVX2__) && defined(__FMA__) && !defined(FMI_DOUBLE)

#include "kern/loops.inc.h"

#include <immintrin.h>

/* 6 x 16 sums are 12 of the 16 registers; the other four hold operands. */
#define FMI_MR 6
typedef __m256 vec;
FMI_INLINE vec vec_splat(float x) { return _mm256_set1_ps(x); }
FMI_INLINE vec vec_mad(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
#include "kern/gemm.inc.h"

typedef __m256d wide;
typedef int64_t wide_int __attribute__((vector_size(32)));
FMI_INLINE wide wide_least(wide a, wide b) { return _mm256_min_pd(a, b); }
FMI_INLINE wide_int wide_choose_int(wide_int mask, wide_int a, wide_int b) {
  return (wide_int)_mm256_blendv_pd((wide)b, (wide)a, (wide)mask);
}
#include "kern/pairs.inc.h"

/* An 8 x 8 transposition: rows of `from` become columns of `to`. */
FMI_INLINE void transpose8(const float *from, size_t from_row, float *to, size_t to_row) {
  __m256 r[8], s[8];
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + i * from_row);
#pragma GCC unroll 4
  for (size_t i = 0; i < 8; i += 2) {
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (size_t i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * to_row, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_row, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

/* One whole panel of a matrix whose columns are contiguous. */
static void pack_transposed(size_t k, const float *b, size_t b_col, float *packed) {
  size_t p = 0;
  for (; p + 8 <= k; p += 8) {
    transpose8(b + p, b_col, packed + p * FMI_NR, FMI_NR);
    transpose8(b + p + 8 * b_col, b_col, packed + p * FMI_NR + 8, FMI_NR);
  }
  for (; p < k; p++) {
    for (size_t j = 0; j < FMI_NR; j++) packed[p * FMI_NR + j] = b[p + j * b_col];
  }
}
#define FMI_PACK_TRANSPOSED pack_transposed
#include "kern/pack.inc.h"

const fmi_kernels fmi_kernels_avx2 = FMI_KERNELS("avx2", FM_ISA_AVX2);

#endif
