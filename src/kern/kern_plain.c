/* kern_plain.c - the kernels of every machine: C that compilers vectorise for whatever they compile for. */
#include "kern/kern_tables.h"
#include "kern/loops.inc.h"

#define FMI_MR 4u
#include "kern/gemm.inc.h"

/* The inner loop over the columns of a panel becomes vector code; sums of a few rows stay in registers. */
FMI_INLINE void tile_of(const tile *t, const size_t rows) {
  real sum[FMI_MR][FMI_NR];
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < FMI_NR; j++) sum[i][j] = t->from ? t->from[i * t->from_row + j] : 0;
  }
  const real *a = t->a, *b = t->b;
  for (size_t p = t->k; p > 0; p--) {
    for (size_t i = 0; i < rows; i++) {
      const real ai = a[i * t->a_row];
      for (size_t j = 0; j < FMI_NR; j++) sum[i][j] = mad(ai, b[j], sum[i][j]);
    }
    a += t->a_col;
    b += FMI_NR;
  }
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < FMI_NR; j++) t->to[i * t->to_row + j] = t->bias ? sum[i][j] + t->bias[j] : sum[i][j];
  }
}

static void run_tile(const tile *t, size_t rows, size_t panels) {
  tile at = *t;
  for (size_t q = 0; q < panels; q++) {
    switch (rows) {
    case 1: tile_of(&at, 1); break;
    case 2: tile_of(&at, 2); break;
    case 3: tile_of(&at, 3); break;
    default: tile_of(&at, 4); break;
    }
    at.b += t->b_panel;
    at.to += FMI_NR;
    if (at.from != NULL) at.from += FMI_NR;
    if (at.bias != NULL) at.bias += FMI_NR;
  }
}

static void pack_transposed(size_t k, const real *b, size_t b_col, real *packed) {
  for (size_t p = 0; p < k; p++) {
    for (size_t j = 0; j < FMI_NR; j++) packed[p * FMI_NR + j] = b[p + j * b_col];
  }
}
#define FMI_PACK_TRANSPOSED pack_transposed
#include "kern/pack.inc.h"

const fmi_kernels fmi_kernels_plain = FMI_KERNELS("plain", FM_ISA_PLAIN);
