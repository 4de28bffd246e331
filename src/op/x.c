/* x.c - the state x[rows][dim] as a value. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) { node->shape = (fmi_shape){1, sizes->dim}; }

static fm_status forward(const fmi_call *c) {
  memcpy(c->out, c->outside->x, c->rows * c->outside->dim * sizeof(real));
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  if (c->outside->d_x) memcpy(c->outside->d_x, c->d_out, c->rows * c->outside->dim * sizeof(real));
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  size_t bytes = c->rows * c->outside->dim * sizeof(real);
  if (c->outside->dx)
    memcpy(c->t_out, c->outside->dx, bytes);
  else
    memset(c->t_out, 0, bytes);
  return FM_OK;
}

const fmi_op fmi_op_x = {
    .name = "x", .n_inputs = 0, .setup = setup, .forward = forward, .vjp = vjp, .jvp = jvp};
