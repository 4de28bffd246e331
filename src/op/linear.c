/* linear.c - y[rows][length][out] = act(x[rows][length][in] W^T + b), token by token.
   Parameters: W [out][in], b [out]. Attribute 0: out. Extra: act' at the sum, so that vjp and jvp need no
   exponentials. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = (fmi_shape){node->in_shape[0].length, node->attribute[0]};
  node->weight_out = node->attribute[0];
  node->weight_in = node->in_shape[0].channels;
  node->n_params = fmi_add_size(fmi_mul_size(node->weight_out, node->weight_in), node->weight_out);
  node->extra = node->activation ? fmi_shape_size(node->shape) : 0;
  node->grad_parts = fmi_weight_grad_parts(node->weight_in);
}

static size_t tokens(const fmi_call *c) { return c->rows * c->node->in_shape[0].length; }

static size_t scratch(const fmi_node *node, size_t rows) {
  return fmi_weight_grad_scratch(node, fmi_mul_size(rows, node->in_shape[0].length));
}

static fm_status forward(const fmi_call *c) {
  fmi_weight_forward(c, tokens(c), c->in[0], c->out);
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  fmi_weight_activation_back(c, tokens(c));
  if (c->d_in[0]) fmi_weight_back(c, tokens(c), c->d_out, c->d_in[0], c->add_in[0]);
  return FM_OK;
}

static fm_status grad(const fmi_call *c, size_t part) {
  fmi_weight_grad(c, part, tokens(c), c->d_out, c->in[0]);
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  fmi_weight_tangent(c, tokens(c), c->t_in[0], c->t_out);
  return FM_OK;
}

const fmi_op fmi_op_linear = {.name = "linear",
                              .n_inputs = 1,
                              .setup = setup,
                              .grad_reads_in = true,
                              .scratch = scratch,
                              .forward = forward,
                              .vjp = vjp,
                              .jvp = jvp,
                              .grad = grad,
                              .init = fmi_init_weights};
