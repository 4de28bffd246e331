/* muon.c - Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"): the momentum
   of a weight matrix is replaced by the nearest matrix of orthonormal rows or columns, nearly, by five
   Newton-Schulz iterations. Its step is scaled by 0.2 sqrt(max(rows, columns)) (Liu et al. 2025, "Muon is
   Scalable for LLM Training"), which gives it the size of AdamW's, so that one rate serves both:

     b = momentum b + g,    p -= rate (0.2 sqrt(max(rows, columns)) NS(g + momentum b) + decay p)

   Everything else (biases, embeddings, the matrices of the output: fmi_optimizer_is_matrix) has AdamW with
   first moments of 0.9 and second ones of beta2. Momentum is beta1. State: b or AdamW's first moments, then
   AdamW's second moments, which matrices leave unused. */
#include "train/optimizer.h"

#include <math.h>

#define ITERATIONS 5
#define ADAMW_BETA1 0.9

/* An iteration of X[m][n], m <= n, takes it to a X + (b A + c A A) X with A = X X^T. These coefficients bring
   singular values from near 0 up quickly, and leave those of 1 between about 0.7 and 1.2. */
static const double a = 3.4445, b = -4.7750, c = 2.0315;

typedef struct workspace {
  real *x;          /* [m][n] */
  real *gram, *mix; /* A, b A + c A A: [m][m] */
  real *packed;     /* the right factor of a product */
} workspace;

static workspace take(fmi_arena *arena, size_t m, size_t n) {
  workspace w;
  w.x = fmi_arena_take(arena, fmi_mul_size(m, n), sizeof(real));
  w.gram = fmi_arena_take(arena, fmi_mul_size(m, m), sizeof(real));
  w.mix = fmi_arena_take(arena, fmi_mul_size(m, m), sizeof(real));
  w.packed = fmi_arena_take(arena, fmi_max(fmi_packed_count(n, m), fmi_packed_count(m, fmi_max(n, m))),
                            sizeof(real));
  return w;
}

static size_t scratch(size_t rows, size_t columns) {
  fmi_arena arena = {NULL, 0};
  take(&arena, fmi_min(rows, columns), fmi_max(rows, columns));
  return arena.used;
}

static void iterate(const fmi_kernels *k, size_t m, size_t n, const workspace *w) {
  fmi_gemm gram = {
      .m = m, .n = m, .k = n, .a = w->x, .a_row = n, .a_col = 1, .b = w->packed, .c = w->gram, .ldc = m};
  fmi_gemm square = {
      .m = m, .n = m, .k = m, .a = w->gram, .a_row = m, .a_col = 1, .b = w->packed, .c = w->mix, .ldc = m};
  fmi_gemm apply = {.m = m,
                    .n = n,
                    .k = m,
                    .a = w->mix,
                    .a_row = m,
                    .a_col = 1,
                    .b = w->packed,
                    .c = w->x,
                    .ldc = n,
                    .accumulate = true};
  k->pack(n, m, w->x, 1, n, w->packed);
  k->gemm(&gram);
  k->pack(m, m, w->gram, m, 1, w->packed);
  k->gemm(&square);
  for (size_t i = 0; i < m * m; i++) w->mix[i] = (real)b * w->gram[i] + (real)c * w->mix[i];
  k->pack(m, n, w->x, n, 1, w->packed);
  for (size_t i = 0; i < m * n; i++) w->x[i] *= (real)a;
  k->gemm(&apply);
}

/* The 2-norm's bound is the Frobenius norm: dividing by it puts every singular value in [0, 1]. */
static void orthogonalise(const fmi_kernels *k, size_t m, size_t n, const workspace *w) {
  const real shrink = (real)(1 / (sqrt(k->sum_squares(w->x, m * n)) + 1e-7));
  for (size_t i = 0; i < m * n; i++) w->x[i] *= shrink;
  for (size_t i = 0; i < ITERATIONS; i++) iterate(k, m, n, w);
}

static void update_matrix(const fmi_update *u, size_t rows, size_t columns) {
  const bool tall = rows > columns;
  const size_t m = fmi_min(rows, columns), n = fmi_max(rows, columns);
  fmi_arena arena = {u->scratch, 0};
  const workspace w = take(&arena, m, n);
  const real scale = (real)u->grad_scale, momentum = (real)u->options->beta1;
  const real *g = u->grad + u->first;
  real *p = u->params + u->first, *average = u->state + u->first;
  /* Element (i, j) of the matrix lies in x at i * x_row + j * x_column: a tall one is turned. */
  const size_t x_row = tall ? 1 : n, x_column = tall ? n : 1;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      size_t at = i * columns + j;
      real slope = g[at] * scale;
      average[at] = momentum * average[at] + slope;
      w.x[i * x_row + j * x_column] = slope + momentum * average[at];
    }
  orthogonalise(u->kernels, m, n, &w);
  const real step = (real)(u->rate * 0.2 * sqrt((double)n));
  const real keep = (real)(1 - u->rate * u->options->weight_decay);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      p[i * columns + j] = p[i * columns + j] * keep - step * w.x[i * x_row + j * x_column];
}

static void update_rest(const fmi_update *u) {
  fm_optimizer_options o = *u->options;
  fmi_update rest = *u;
  o.beta1 = ADAMW_BETA1;
  rest.options = &o;
  fmi_rule_adamw.update(&rest);
}

const fmi_rule fmi_rule_muon = {.kind = FM_OPTIMIZER_MUON,
                                .name = "muon",
                                .learning_rate = 1e-3,
                                .beta1 = 0.95,
                                .beta2 = 0.95,
                                .state_per_param = 2,
                                .update = update_rest,
                                .update_matrix = update_matrix,
                                .matrix_scratch = scratch};
