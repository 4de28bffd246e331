/* gated_add.c - y = x + gate * h, the gate of the row [channels] for every token. Inputs: x, gate, h. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = node->in_shape[0];
}

static fm_status forward(const fmi_call *c) {
  size_t length = c->node->shape.length, n = c->node->shape.channels;
  memcpy(c->out, c->in[0], c->rows * length * n * sizeof(real));
  for (size_t i = 0; i < c->rows * length; i++)
    c->kernels->mul_add(c->out + i * n, c->in[1] + i / length * n, c->in[2] + i * n, n);
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  size_t length = c->node->shape.length, n = c->node->shape.channels, tokens = c->rows * length;
  if (c->d_in[0]) fmi_put(c->kernels, c->add_in[0], c->d_in[0], c->d_out, tokens * n);
  if (c->d_in[1] && !c->add_in[1]) memset(c->d_in[1], 0, c->rows * n * sizeof(real));
  if (c->d_in[2] && !c->add_in[2]) memset(c->d_in[2], 0, tokens * n * sizeof(real));
  for (size_t i = 0; i < tokens; i++) {
    const real *dy = c->d_out + i * n;
    if (c->d_in[1]) c->kernels->mul_add(c->d_in[1] + i / length * n, dy, c->in[2] + i * n, n);
    if (c->d_in[2]) c->kernels->mul_add(c->d_in[2] + i * n, dy, c->in[1] + i / length * n, n);
  }
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  size_t length = c->node->shape.length, n = c->node->shape.channels;
  memcpy(c->t_out, c->t_in[0], c->rows * length * n * sizeof(real));
  for (size_t i = 0; i < c->rows * length; i++) {
    size_t row = i / length * n;
    c->kernels->mul_add(c->t_out + i * n, c->t_in[1] + row, c->in[2] + i * n, n);
    c->kernels->mul_add(c->t_out + i * n, c->in[1] + row, c->t_in[2] + i * n, n);
  }
  return FM_OK;
}

const fmi_op fmi_op_gated_add = {.name = "gated_add",
                                 .n_inputs = 3,
                                 .setup = setup,
                                 .vjp_reads_in = true,
                                 .forward = forward,
                                 .vjp = vjp,
                                 .jvp = jvp};
