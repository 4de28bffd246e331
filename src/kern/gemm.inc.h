/* gemm.inc.h - blocking for the products, around a micro-kernel that the including file provides:

     FMI_MR         rows of the largest tile
     run_tile       computes one tile of 1 .. FMI_MR rows and 1 .. widest(rows) panels

   A row block of A meets all panels of B, a stretch of k at a time: one panel's stretch stays in the first
   cache while the tiles of the row block pass over it. Between stretches the chain of an element rests in C,
   which rounds nothing, so blocking never changes a bit. */
#ifndef FMI_GEMM_INC_H
#define FMI_GEMM_INC_H

#include "kern/kern.h"

/* A stretch of one panel is 16 KB of float: half of the smallest first cache in use. A packed row block is
   24 KB, on the stack. */
#define FMI_STRETCH 256u
#define FMI_BLOCK_ROWS 24u

typedef struct tile {
  const real *a; /* element (i, p) at a[i * a_row + p * a_col] */
  size_t a_row, a_col;
  const real *b; /* the first panel's row 0 of this stretch; the next panel is b_panel further */
  size_t b_panel;
  size_t k;
  const real *from; /* where the chains start, or NULL: from 0 */
  size_t from_row;
  real *to;
  size_t to_row;
  const real *bias; /* NULL: none */
} tile;

static void run_tile(const tile *t, size_t rows, size_t panels);

/* Panels of a tile with few rows: together enough independent chains to hide the latency of one. */
static inline size_t widest(size_t rows) { return rows == 1 ? 4 : rows <= 3 ? 6 / rows : 1; }

/* A tile that hangs over the last column goes through a buffer of whole panels. */
static void run_edge(const tile *t, size_t rows, size_t panels, size_t columns) {
  real out[FMI_MR * FMI_NR], bias[4 * FMI_NR] = {0};
  tile inner = *t;
  inner.to = out;
  inner.to_row = panels * FMI_NR;
  if (t->from != NULL) {
    memset(out, 0, sizeof out);
    for (size_t i = 0; i < rows; i++) {
      memcpy(out + i * inner.to_row, t->from + i * t->from_row, columns * sizeof(real));
    }
    inner.from = out;
    inner.from_row = inner.to_row;
  }
  if (t->bias != NULL) {
    memcpy(bias, t->bias, columns * sizeof(real));
    inner.bias = bias;
  }
  run_tile(&inner, rows, panels);
  for (size_t i = 0; i < rows; i++) {
    memcpy(t->to + i * t->to_row, out + i * inner.to_row, columns * sizeof(real));
  }
}

/* Tiles of `tile_rows` rows over rows i0 .. i1 of the block `t` and all n columns. */
static void run_rows(const tile *t, size_t i0, size_t i1, size_t tile_rows, size_t n) {
  for (size_t j = 0; j < n;) {
    size_t left = fmi_ceil_div(n - j, FMI_NR);
    size_t panels = fmi_ceil_div(left, fmi_ceil_div(left, widest(tile_rows))); /* evenly */
    size_t columns = fmi_min(n - j, panels * FMI_NR);
    tile at = *t;
    at.b += j / FMI_NR * t->b_panel;
    if (t->bias != NULL) at.bias += j;
    for (size_t i = i0; i < i1; i += tile_rows) {
      at.a = t->a + i * t->a_row;
      if (t->from != NULL) at.from = t->from + i * t->from_row + j;
      at.to = t->to + i * t->to_row + j;
      if (columns == panels * FMI_NR) run_tile(&at, tile_rows, panels);
      else run_edge(&at, tile_rows, panels, columns);
    }
    j += columns;
  }
}

/* One stretch of k, p .. p + depth, of one row block. */
static void run_stretch(const fmi_gemm *g, size_t row, size_t rows, size_t p, size_t depth) {
  const bool first = p == 0, last = p + depth == g->k;
  real *sum = last && g->z != NULL ? g->z + row * g->ldz : NULL;
  tile t = {.a = g->a + row * g->a_row + p * g->a_col,
            .a_row = g->a_row,
            .a_col = g->a_col,
            .b = g->b + p * FMI_NR,
            .b_panel = g->k * FMI_NR,
            .k = depth,
            .from = first && !g->accumulate ? NULL : g->c + row * g->ldc,
            .from_row = g->ldc,
            .to = sum != NULL ? sum : g->c + row * g->ldc,
            .to_row = sum != NULL ? g->ldz : g->ldc,
            .bias = last ? g->bias : NULL};
  const size_t rest = rows % FMI_MR;
  if (rows > rest) run_rows(&t, 0, rows - rest, FMI_MR, g->n);
  if (rest != 0) run_rows(&t, rows - rest, rows, rest, g->n);
}

static void gemm(const fmi_gemm *g) {
  if (g->n == 0) return;
  const size_t stretch = g->m <= FMI_MR ? g->k : FMI_STRETCH; /* one tile high: nothing is used twice */
  for (size_t row = 0; row < g->m; row += FMI_BLOCK_ROWS) {
    const size_t rows = fmi_min(g->m - row, FMI_BLOCK_ROWS);
    size_t p = 0;
    do {
      size_t depth = fmi_min(g->k - p, stretch);
      run_stretch(g, row, rows, p, depth);
      p += depth;
    } while (p < g->k);
    if (g->act == NULL && g->z == NULL) continue;
    for (size_t i = row; i < row + rows; i++) {
      real *c = g->c + i * g->ldc;
      const real *sum = g->z != NULL ? g->z + i * g->ldz : c;
      if (g->act != NULL) g->act(c, sum, g->n);
      else memcpy(c, sum, g->n * sizeof(real));
    }
  }
}

#endif
