/* kern_avx2.c - x86-64 with AVX2 and FMA: the portable loops compiled for it, and products in intrinsics. */
#include "kern/kern_tables.h"

#if defined(__AVX2__) && defined(__FMA__) && !defined(FMI_DOUBLE)

#include "kern/loops.inc.h"

#include <immintrin.h>

#define FMI_MR 6u
#include "kern/gemm.inc.h"

/* rows * panels * 2 <= 12 accumulators, which with operands fill the 16 registers. Constant arguments: each
   call below is a kernel of its own. */
FMI_INLINE void tile_of(const tile *t, const size_t rows, const size_t panels) {
  __m256 sum[12];
  const float *a = t->a, *b = t->b;
  const size_t a_row = t->a_row, a_col = t->a_col, b_panel = t->b_panel;
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 8
    for (size_t j = 0; j < 2 * panels; j++) {
      sum[i * 2 * panels + j] = t->from ? _mm256_loadu_ps(t->from + i * t->from_row + 8 * j) : _mm256_setzero_ps();
    }
  }
  for (size_t p = t->k; p > 0; p--) {
#pragma GCC unroll 4
    for (size_t q = 0; q < panels; q++) {
      __m256 b0 = _mm256_load_ps(b + q * b_panel), b1 = _mm256_load_ps(b + q * b_panel + 8);
#pragma GCC unroll 6
      for (size_t i = 0; i < rows; i++) {
        __m256 ai = _mm256_broadcast_ss(a + i * a_row);
        __m256 *s = sum + (i * panels + q) * 2;
        s[0] = _mm256_fmadd_ps(ai, b0, s[0]);
        s[1] = _mm256_fmadd_ps(ai, b1, s[1]);
      }
    }
    a += a_col;
    b += FMI_NR;
  }
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 8
    for (size_t j = 0; j < 2 * panels; j++) {
      __m256 s = sum[i * 2 * panels + j];
      if (t->bias) s = _mm256_add_ps(s, _mm256_loadu_ps(t->bias + 8 * j));
      _mm256_storeu_ps(t->to + i * t->to_row + 8 * j, s);
    }
  }
}

static void run_tile(const tile *t, size_t rows, size_t panels) {
  switch (rows * 8 + panels) {
  case 1 * 8 + 1: tile_of(t, 1, 1); break;
  case 1 * 8 + 2: tile_of(t, 1, 2); break;
  case 1 * 8 + 3: tile_of(t, 1, 3); break;
  case 1 * 8 + 4: tile_of(t, 1, 4); break;
  case 2 * 8 + 1: tile_of(t, 2, 1); break;
  case 2 * 8 + 2: tile_of(t, 2, 2); break;
  case 2 * 8 + 3: tile_of(t, 2, 3); break;
  case 3 * 8 + 1: tile_of(t, 3, 1); break;
  case 3 * 8 + 2: tile_of(t, 3, 2); break;
  case 4 * 8 + 1: tile_of(t, 4, 1); break;
  case 5 * 8 + 1: tile_of(t, 5, 1); break;
  default: tile_of(t, 6, 1); break;
  }
}

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
