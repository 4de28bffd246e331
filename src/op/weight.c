/* weight.c - the three products with a weight matrix W[out][in], which leads a node's parameters and is
   followed by the bias [out]. */
#include "op/op.h"

/* Columns of dW in one piece: fixed, so that bits don't depend on how many threads share the work. */
#define GRAD_COLUMNS (8 * FMI_NR)

static const real *bias_of(const fmi_call *c) { return c->params + c->node->weight_out * c->node->weight_in; }

void fmi_weight_forward(const fmi_call *c, size_t m, const real *x, real *y) {
  size_t out = c->node->weight_out, in = c->node->weight_in;
  uint32_t activation = c->node->activation;
  real *d = activation ? c->extra : NULL;
  fmi_gemm g = {.m = m,
                .n = out,
                .k = in,
                .a = x,
                .a_row = in,
                .a_col = 1,
                .b = c->packed,
                .c = y,
                .ldc = out,
                .bias = bias_of(c),
                .z = d,
                .ldz = out};
  if (activation && d) g.act_both = c->kernels->act_both[activation];
  if (activation && !d) g.act = c->kernels->act[activation];
  if (c->packed != NULL) {
    c->kernels->gemm(&g);
    return;
  }
  fmi_blas_gemm(false, true, m, out, in, x, in, c->params, in, false, y, out);
  for (size_t i = 0; i < m; i++) {
    real *row = y + i * out;
    c->kernels->add(row, g.bias, out);
    if (g.act_both) {
      memcpy(d + i * out, row, out * sizeof *row);
      g.act_both(row, d + i * out, d + i * out, out);
    } else if (g.act) {
      g.act(row, row, out);
    }
  }
}

void fmi_weight_tangent(const fmi_call *c, size_t m, const real *tx, real *ty) {
  size_t out = c->node->weight_out, in = c->node->weight_in;
  if (c->packed != NULL) {
    fmi_gemm g = {
        .m = m, .n = out, .k = in, .a = tx, .a_row = in, .a_col = 1, .b = c->packed, .c = ty, .ldc = out};
    c->kernels->gemm(&g);
  } else {
    fmi_blas_gemm(false, true, m, out, in, tx, in, c->params, in, false, ty, out);
  }
  if (c->node->activation) c->kernels->mul(ty, ty, c->extra, m * out);
}

void fmi_weight_activation_back(const fmi_call *c, size_t m) {
  if (c->node->activation) c->kernels->mul(c->d_out, c->d_out, c->extra, m * c->node->weight_out);
}

void fmi_weight_back(const fmi_call *c, size_t m, const real *dz, real *dx, bool add) {
  size_t out = c->node->weight_out, in = c->node->weight_in;
  if (c->packed_back != NULL) {
    fmi_gemm g = {.m = m,
                  .n = in,
                  .k = out,
                  .a = dz,
                  .a_row = out,
                  .a_col = 1,
                  .b = c->packed_back,
                  .c = dx,
                  .ldc = in,
                  .accumulate = add};
    c->kernels->gemm(&g);
  } else {
    fmi_blas_gemm(false, false, m, in, out, dz, out, c->params, in, add, dx, in);
  }
}

size_t fmi_weight_grad_parts(size_t weight_in) { return fmi_ceil_div(weight_in, GRAD_COLUMNS); }

size_t fmi_weight_grad_scratch(const fmi_node *node, size_t m) {
  return fmi_packed_count(m, fmi_min(GRAD_COLUMNS, node->weight_in));
}

void fmi_weight_grad(const fmi_call *c, size_t part, size_t m, const real *dz, const real *x) {
  size_t out = c->node->weight_out, in = c->node->weight_in;
  size_t first = part * GRAD_COLUMNS, columns = fmi_min(GRAD_COLUMNS, in - first);
  if (c->packed_back != NULL) {
    c->kernels->pack(m, columns, x + first, in, 1, c->scratch);
    fmi_gemm g = {.m = out,
                  .n = columns,
                  .k = m,
                  .a = dz,
                  .a_row = 1,
                  .a_col = out,
                  .b = c->scratch,
                  .c = c->d_params + first,
                  .ldc = in};
    c->kernels->gemm(&g);
  } else {
    fmi_blas_gemm(true, false, out, columns, m, dz, out, x + first, in, false, c->d_params + first, in);
  }
  if (part == 0) {
    real *db = c->d_params + out * in;
    memset(db, 0, out * sizeof *db);
    for (size_t i = 0; i < m; i++) c->kernels->add(db, dz + i * out, out);
  }
}
