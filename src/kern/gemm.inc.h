/* gemm.inc.h - products: the micro-kernel and the blocking around it. The including file says what a vector
   is on its machine:

     vec, vec_splat(x), vec_mad(a, b, c)   a vector type; all lanes x; a * b + c
     FMI_MR                                rows of the largest tile: as many as have their sums in registers

   A row block of A meets all panels of B, a stretch of k at a time: one panel's stretch stays in the first
   cache while the tiles of the row block pass over it. Between stretches the chain of an element rests in C,
   which rounds nothing, so blocking never changes a bit. */
#ifndef FMI_GEMM_INC_H
#define FMI_GEMM_INC_H

#include "kern/math.inc.h"

/* A stretch of one panel is 16 KB of float: half of a first cache of 32 KB. A packed row block is 24 KB,
   on the stack. */
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

/* Reals in a vector, and vectors in one row of a panel. */
#define FMI_VEC (sizeof(vec) / sizeof(real))
#define FMI_NV (FMI_NR / FMI_VEC)

/* Loads and stores of any alignment. */
FMI_INLINE vec vec_load(const real *x) {
  vec v;
  memcpy(&v, x, sizeof v);
  return v;
}
FMI_INLINE void vec_store(real *x, vec v) { memcpy(x, &v, sizeof v); }

/* rows and panels are constants in every call: each is a kernel of its own, with its sums in registers. */
FMI_INLINE void tile_of(const tile *t, const size_t rows, const size_t panels) {
  const real *a = t->a, *b = t->b;
  const size_t a_row = t->a_row, a_col = t->a_col, b_panel = t->b_panel, wide = panels * FMI_NV;
  vec sum[FMI_MR * FMI_NV];
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 16
    for (size_t j = 0; j < wide; j++) {
      sum[i * wide + j] = t->from ? vec_load(t->from + i * t->from_row + j * FMI_VEC) : vec_splat(0);
    }
  }
  for (size_t p = t->k; p > 0; p--) {
#pragma GCC unroll 4
    for (size_t q = 0; q < panels; q++) {
#pragma GCC unroll 6
      for (size_t i = 0; i < rows; i++) {
        const vec ai = vec_splat(a[i * a_row]);
#pragma GCC unroll 8
        for (size_t j = 0; j < FMI_NV; j++) {
          vec *s = &sum[i * wide + q * FMI_NV + j];
          *s = vec_mad(ai, vec_load(b + q * b_panel + j * FMI_VEC), *s);
        }
      }
    }
    a += a_col;
    b += FMI_NR;
  }
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 16
    for (size_t j = 0; j < wide; j++) {
      vec s = sum[i * wide + j];
      if (t->bias) s += vec_load(t->bias + j * FMI_VEC);
      vec_store(t->to + i * t->to_row + j * FMI_VEC, s);
    }
  }
}

/* Panels of a tile with few rows: together enough independent chains to hide the latency of one. */
static inline size_t widest(size_t rows) { return fmi_min(4, FMI_MR / rows); }

static void run_tile(const tile *t, size_t rows, size_t panels) {
  switch (rows * 8 + panels) {
#if FMI_MR >= 6
  case 1 * 8 + 4:
    tile_of(t, 1, 4);
    break;
  case 2 * 8 + 3:
    tile_of(t, 2, 3);
    break;
  case 3 * 8 + 2:
    tile_of(t, 3, 2);
    break;
  case 4 * 8 + 1:
    tile_of(t, 4, 1);
    break;
  case 5 * 8 + 1:
    tile_of(t, 5, 1);
    break;
  case 6 * 8 + 1:
    tile_of(t, 6, 1);
    break;
  case 1 * 8 + 3:
    tile_of(t, 1, 3);
    break;
  case 2 * 8 + 2:
    tile_of(t, 2, 2);
    break;
  case 3 * 8 + 1:
    tile_of(t, 3, 1);
    break;
#endif
  case 1 * 8 + 2:
    tile_of(t, 1, 2);
    break;
  case 2 * 8 + 1:
    tile_of(t, 2, 1);
    break;
  default:
    tile_of(t, 1, 1);
    break;
  }
}

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

/* Tiles of tile_rows rows over `rows` rows from t on, all n columns; A moves on by a_tile. */
static void run_rows(const tile *t, size_t rows, size_t tile_rows, size_t a_tile, size_t n) {
  for (size_t j = 0; j < n;) {
    const size_t left = fmi_ceil_div(n - j, FMI_NR);
    const size_t panels = fmi_ceil_div(left, fmi_ceil_div(left, widest(tile_rows))); /* evenly */
    const size_t columns = fmi_min(n - j, panels * FMI_NR);
    tile at = *t;
    at.b += j / FMI_NR * t->b_panel;
    at.to += j;
    if (t->from != NULL) at.from += j;
    if (t->bias != NULL) at.bias += j;
    for (size_t i = 0; i < rows; i += tile_rows) {
      if (columns == panels * FMI_NR)
        run_tile(&at, tile_rows, panels);
      else
        run_edge(&at, tile_rows, panels, columns);
      at.a += a_tile;
      at.to += tile_rows * t->to_row;
      if (t->from != NULL) at.from += tile_rows * t->from_row;
    }
    j += columns;
  }
}

/* A row block's whole tiles, FMI_MR rows of one p side by side. Read in place, a transposed A would bring in
   a cache line for every p of every tile. */
static void pack_rows(const tile *t, size_t rows, real *packed) {
  for (size_t i = 0; i < rows; i += FMI_MR, packed += FMI_MR * t->k) {
    const real *a = t->a + i * t->a_row;
    for (size_t p = 0; p < t->k; p++) {
      for (size_t r = 0; r < FMI_MR; r++) packed[p * FMI_MR + r] = a[p * t->a_col + r * t->a_row];
    }
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
  const size_t rest = rows % FMI_MR, whole = rows - rest;
  if (whole != 0 && g->a_col != 1 && g->n > FMI_NR && depth <= FMI_STRETCH) {
    real packed[FMI_BLOCK_ROWS * FMI_STRETCH];
    tile at = t;
    pack_rows(&t, whole, packed);
    at.a = packed;
    at.a_row = 1;
    at.a_col = FMI_MR;
    run_rows(&at, whole, FMI_MR, FMI_MR * depth, g->n);
  } else if (whole != 0) {
    run_rows(&t, whole, FMI_MR, FMI_MR * g->a_row, g->n);
  }
  if (rest != 0) {
    t.a += whole * g->a_row;
    t.to += whole * t.to_row;
    if (t.from != NULL) t.from += whole * t.from_row;
    run_rows(&t, rest, rest, 0, g->n);
  }
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
    if (g->act == NULL && g->act_both == NULL && g->z == NULL) continue;
    for (size_t i = row; i < row + rows; i++) {
      real *c = g->c + i * g->ldc;
      real *sum = g->z != NULL ? g->z + i * g->ldz : c;
      if (g->act_both != NULL)
        g->act_both(c, sum, sum, g->n);
      else if (g->act != NULL)
        g->act(c, sum, g->n);
      else
        memcpy(c, sum, g->n * sizeof(real));
    }
  }
}

#endif
