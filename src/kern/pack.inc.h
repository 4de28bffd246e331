/* pack.inc.h - B into panels, for both ways a matrix lies in memory. */
#ifndef FMI_PACK_INC_H
#define FMI_PACK_INC_H

#include "kern/kern.h"

/* One panel of any strides, of `columns` <= FMI_NR columns. */
static void pack_panel(size_t k, size_t columns, const real *b, size_t b_row, size_t b_col, real *packed) {
  for (size_t p = 0; p < k; p++) {
    for (size_t j = 0; j < columns; j++) packed[j] = b[p * b_row + j * b_col];
    for (size_t j = columns; j < FMI_NR; j++) packed[j] = 0;
    packed += FMI_NR;
  }
}

static void pack(size_t k, size_t n, const real *b, size_t b_row, size_t b_col, real *packed) {
  for (size_t j = 0; j < n; j += FMI_NR, packed += k * FMI_NR) {
    const real *panel = b + j * b_col;
    if (n - j < FMI_NR)
      pack_panel(k, n - j, panel, b_row, b_col, packed);
    else if (b_col == 1) {
      for (size_t p = 0; p < k; p++) memcpy(packed + p * FMI_NR, panel + p * b_row, FMI_NR * sizeof(real));
    } else if (b_row == 1)
      FMI_PACK_TRANSPOSED(k, panel, b_col, packed);
    else
      pack_panel(k, FMI_NR, panel, b_row, b_col, packed);
  }
}

#endif
