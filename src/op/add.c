/* add.c - y = a + b. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = node->in_shape[0];
}

static void sum(const fmi_call *c, real *y, const real *a, const real *b) {
  size_t n = c->rows * fmi_shape_size(c->node->shape);
  memcpy(y, a, n * sizeof(real));
  c->kernels->add(y, b, n);
}

static fm_status forward(const fmi_call *c) {
  sum(c, c->out, c->in[0], c->in[1]);
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  for (size_t j = 0; j < 2; j++)
    if (c->d_in[j])
      fmi_put(c->kernels, c->add_in[j], c->d_in[j], c->d_out, c->rows * fmi_shape_size(c->node->shape));
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  sum(c, c->t_out, c->t_in[0], c->t_in[1]);
  return FM_OK;
}

const fmi_op fmi_op_add = {
    .name = "add", .n_inputs = 2, .setup = setup, .forward = forward, .vjp = vjp, .jvp = jvp};
