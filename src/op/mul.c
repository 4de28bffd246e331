/* mul.c - y = a * b, element by element. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = node->in_shape[0];
}

static size_t count(const fmi_call *c) { return c->rows * fmi_shape_size(c->node->shape); }

static fm_status forward(const fmi_call *c) {
  c->kernels->mul(c->out, c->in[0], c->in[1], count(c));
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  for (size_t j = 0; j < 2; j++) {
    if (c->d_in[j] == NULL) continue;
    if (!c->add_in[j]) memset(c->d_in[j], 0, count(c) * sizeof(real));
    c->kernels->mul_add(c->d_in[j], c->d_out, c->in[1 - j], count(c));
  }
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  c->kernels->mul(c->t_out, c->t_in[0], c->in[1], count(c));
  c->kernels->mul_add(c->t_out, c->in[0], c->t_in[1], count(c));
  return FM_OK;
}

const fmi_op fmi_op_mul = {.name = "mul",
                           .n_inputs = 2,
                           .setup = setup,
                           .vjp_reads_in = true,
                           .forward = forward,
                           .vjp = vjp,
                           .jvp = jvp};
