/* concat.c - channels of one to three values side by side; lengths agree. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  size_t channels = 0;
  for (size_t j = 0; j < node->n_inputs; j++) channels = fmi_add_size(channels, node->in_shape[j].channels);
  node->shape = (fmi_shape){node->in_shape[0].length, channels};
}

static void join(const fmi_call *c, real *y, const real *const *in) {
  size_t n = c->node->shape.channels, first = 0;
  for (size_t j = 0; j < c->node->n_inputs; j++) {
    size_t part = c->node->in_shape[j].channels;
    for (size_t i = 0; i < c->rows * c->node->shape.length; i++)
      memcpy(y + i * n + first, in[j] + i * part, part * sizeof(real));
    first += part;
  }
}

static fm_status forward(const fmi_call *c) {
  join(c, c->out, c->in);
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  size_t n = c->node->shape.channels, first = 0;
  for (size_t j = 0; j < c->node->n_inputs; j++) {
    size_t part = c->node->in_shape[j].channels;
    for (size_t i = 0; c->d_in[j] && i < c->rows * c->node->shape.length; i++)
      fmi_put(c->kernels, c->add_in[j], c->d_in[j] + i * part, c->d_out + i * n + first, part);
    first += part;
  }
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  join(c, c->t_out, c->t_in);
  return FM_OK;
}

const fmi_op fmi_op_concat = {
    .name = "concat", .n_inputs = SIZE_MAX, .setup = setup, .forward = forward, .vjp = vjp, .jvp = jvp};
