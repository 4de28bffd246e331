/* adaln.c - adaptive layer norm (Peebles & Xie 2023): y = norm(x) * (1 + scale) + shift with the modulation
   m[2 channels] = [shift, scale] of the row, for every token x[length][channels].
   Inputs: x, m. Extra: the normalised x [length][channels], then 1 / deviation [length]. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = node->in_shape[0];
  node->extra = fmi_mul_size(node->shape.length, fmi_add_size(node->shape.channels, 1));
}

static size_t scratch(const fmi_node *node, size_t rows) {
  (void)rows;
  return fmi_mul_size(2, node->shape.channels);
}

static fm_status forward(const fmi_call *c) {
  const fmi_kernels *k = c->kernels;
  size_t length = c->node->shape.length, n = c->node->shape.channels;
  for (size_t r = 0; r < c->rows; r++) {
    const real *shift = c->in[1] + r * 2 * n, *scale = shift + n;
    real *extra = c->extra ? c->extra + r * c->node->extra : NULL, rstd;
    for (size_t l = 0; l < length; l++) {
      const real *x = c->in[0] + (r * length + l) * n;
      real *y = c->out + (r * length + l) * n, *norm = extra ? extra + l * n : c->scratch;
      k->layer_norm(norm, extra ? &extra[length * n + l] : &rstd, x, n);
      k->mul(y, norm, scale, n);
      k->add(y, norm, n);
      k->add(y, shift, n);
    }
  }
  return FM_OK;
}

/* d = dy * (1 + scale), then through the normalisation. */
static void through_norm(const fmi_call *c, real *dx, const real *dy, const real *scale, const real *norm,
                         real rstd) {
  size_t n = c->node->shape.channels;
  c->kernels->mul(dx, dy, scale, n);
  c->kernels->add(dx, dy, n);
  c->kernels->layer_norm_d(dx, dx, norm, rstd, n);
}

static fm_status vjp(const fmi_call *c) {
  const fmi_kernels *k = c->kernels;
  size_t length = c->node->shape.length, n = c->node->shape.channels;
  for (size_t r = 0; r < c->rows; r++) {
    const real *scale = c->in[1] + r * 2 * n + n, *extra = c->extra + r * c->node->extra;
    real *d_shift = c->d_in[1] ? c->d_in[1] + r * 2 * n : NULL;
    if (d_shift && !c->add_in[1]) memset(d_shift, 0, 2 * n * sizeof(real));
    for (size_t l = 0; l < length; l++) {
      const real *dy = c->d_out + (r * length + l) * n, *norm = extra + l * n;
      if (d_shift) {
        k->add(d_shift, dy, n);
        k->mul_add(d_shift + n, dy, norm, n);
      }
      if (c->d_in[0] == NULL) continue;
      real *dx = c->d_in[0] + (r * length + l) * n;
      through_norm(c, c->scratch, dy, scale, norm, extra[length * n + l]);
      fmi_put(k, c->add_in[0], dx, c->scratch, n);
    }
  }
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  const fmi_kernels *k = c->kernels;
  size_t length = c->node->shape.length, n = c->node->shape.channels;
  for (size_t r = 0; r < c->rows; r++) {
    const real *scale = c->in[1] + r * 2 * n + n, *extra = c->extra + r * c->node->extra;
    const real *t_shift = c->t_in[1] + r * 2 * n;
    for (size_t l = 0; l < length; l++) {
      const real *norm = extra + l * n;
      real *ty = c->t_out + (r * length + l) * n, *d = c->scratch;
      k->layer_norm_d(d, c->t_in[0] + (r * length + l) * n, norm, extra[length * n + l], n);
      k->mul(ty, d, scale, n);
      k->add(ty, d, n);
      k->add(ty, t_shift, n);
      k->mul_add(ty, t_shift + n, norm, n);
    }
  }
  return FM_OK;
}

const fmi_op fmi_op_adaln = {.name = "adaln",
                             .n_inputs = 2,
                             .setup = setup,
                             .vjp_reads_in = true,
                             .scratch = scratch,
                             .forward = forward,
                             .vjp = vjp,
                             .jvp = jvp};
