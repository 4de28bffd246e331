/* conv1d.c - y[rows][length][out] = act(sum over taps of x[rows][length + tap - pad][in] W[:, in, tap] + b):
   stride 1, zero padding that keeps the length. Parameters in PyTorch's layout: W [out][in][taps], b [out].
   Attributes: out, taps (odd). Extra: act' at the sum, so that vjp and jvp need no exponentials. Works on
   unrolled rows u[length][in * taps], so that it is a product like any other. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = (fmi_shape){node->in_shape[0].length, node->attribute[0]};
  node->weight_out = node->attribute[0];
  node->weight_in = fmi_mul_size(node->in_shape[0].channels, node->attribute[1]);
  node->n_params = fmi_add_size(fmi_mul_size(node->weight_out, node->weight_in), node->weight_out);
  node->extra = node->activation ? fmi_shape_size(node->shape) : 0;
  node->grad_parts = fmi_weight_grad_parts(node->weight_in);
}

static size_t unrolled(const fmi_node *node) { return fmi_mul_size(node->shape.length, node->weight_in); }

static size_t scratch(const fmi_node *node, size_t rows) {
  return fmi_add_size(fmi_mul_size(rows, unrolled(node)),
                      fmi_weight_grad_scratch(node, fmi_mul_size(rows, node->shape.length)));
}

/* Visits the unrolled matrix: u[l][c][tap] stands for x[l + tap - pad][c], or for padding. */
static void unroll(const fmi_node *node, size_t rows, const real *x, real *u) {
  size_t length = node->shape.length, channels = node->in_shape[0].channels, taps = node->attribute[1],
         pad = taps / 2;
  for (size_t r = 0; r < rows; r++, x += length * channels)
    for (size_t l = 0; l < length; l++)
      for (size_t c = 0; c < channels; c++)
        for (size_t tap = 0; tap < taps; tap++) {
          size_t from = l + tap; /* less pad: below pad or past the end is padding */
          *u++ = from < pad || from - pad >= length ? 0 : x[(from - pad) * channels + c];
        }
}

static void fold_add(const fmi_node *node, size_t rows, const real *u, real *x) {
  size_t length = node->shape.length, channels = node->in_shape[0].channels, taps = node->attribute[1],
         pad = taps / 2;
  for (size_t r = 0; r < rows; r++, x += length * channels)
    for (size_t l = 0; l < length; l++)
      for (size_t c = 0; c < channels; c++)
        for (size_t tap = 0; tap < taps; tap++, u++) {
          size_t from = l + tap;
          if (from >= pad && from - pad < length) x[(from - pad) * channels + c] += *u;
        }
}

static fm_status forward(const fmi_call *c) {
  unroll(c->node, c->rows, c->in[0], c->scratch);
  fmi_weight_forward(c, c->rows * c->node->shape.length, c->scratch, c->out);
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  size_t m = c->rows * c->node->shape.length;
  fmi_weight_activation_back(c, m);
  if (c->d_in[0] == NULL) return FM_OK;
  if (!c->add_in[0]) memset(c->d_in[0], 0, c->rows * fmi_shape_size(c->node->in_shape[0]) * sizeof(real));
  fmi_weight_back(c, m, c->d_out, c->scratch, false);
  fold_add(c->node, c->rows, c->scratch, c->d_in[0]);
  return FM_OK;
}

static fm_status grad(const fmi_call *c, size_t part) {
  fmi_call inner = *c;
  real *u = c->scratch;
  inner.scratch = u + c->rows * unrolled(c->node);
  unroll(c->node, c->rows, c->in[0], u);
  fmi_weight_grad(&inner, part, c->rows * c->node->shape.length, c->d_out, u);
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  unroll(c->node, c->rows, c->t_in[0], c->scratch);
  fmi_weight_tangent(c, c->rows * c->node->shape.length, c->scratch, c->t_out);
  return FM_OK;
}

const fmi_op fmi_op_conv1d = {.name = "conv1d",
                              .n_inputs = 1,
                              .setup = setup,
                              .grad_reads_in = true,
                              .scratch = scratch,
                              .forward = forward,
                              .vjp = vjp,
                              .jvp = jvp,
                              .grad = grad,
                              .init = fmi_init_weights};
