/* activation.c - y = act(x), element by element. node->activation says which. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = node->in_shape[0];
}

static size_t scratch(const fmi_node *node, size_t rows) {
  return fmi_mul_size(rows, fmi_shape_size(node->shape));
}

static size_t count(const fmi_call *c) { return c->rows * fmi_shape_size(c->node->shape); }

static fm_status forward(const fmi_call *c) {
  c->kernels->act[c->node->activation](c->out, c->in[0], count(c));
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  if (c->d_in[0] == NULL) return FM_OK;
  real *dx = c->add_in[0] ? c->scratch : c->d_in[0];
  c->kernels->act_d[c->node->activation](dx, c->d_out, c->in[0], count(c));
  if (c->add_in[0]) c->kernels->add(c->d_in[0], dx, count(c));
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  c->kernels->act_d[c->node->activation](c->t_out, c->t_in[0], c->in[0], count(c));
  return FM_OK;
}

const fmi_op fmi_op_activation = {.name = "activation",
                                  .n_inputs = 1,
                                  .setup = setup,
                                  .vjp_reads_in = true,
                                  .scratch = scratch,
                                  .forward = forward,
                                  .vjp = vjp,
                                  .jvp = jvp};
