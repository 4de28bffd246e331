/* cond.c - the condition vector as a value [cond_dim + 1]: the vector and a 1, or zeros where it is absent,
   so that "absent" and "zero" differ. */
#include "op/op.h"

static void setup(fmi_node *node, const fmi_rows *sizes) {
  node->shape = (fmi_shape){1, fmi_add_size(sizes->cond_dim, 1)};
}

static fm_status forward(const fmi_call *c) {
  size_t n = c->outside->cond_dim;
  for (size_t r = 0; r < c->rows; r++) {
    const real *cond = c->outside->cond ? c->outside->cond + r * n : NULL;
    real *out = c->out + r * (n + 1);
    if (cond == NULL || cond[0] != cond[0]) {
      memset(out, 0, (n + 1) * sizeof(real));
    } else {
      memcpy(out, cond, n * sizeof(real));
      out[n] = 1;
    }
  }
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) { /* no gradient is asked for */
  (void)c;
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  memset(c->t_out, 0, c->rows * c->node->shape.channels * sizeof(real));
  return FM_OK;
}

const fmi_op fmi_op_cond = {
    .name = "cond", .n_inputs = 0, .setup = setup, .forward = forward, .vjp = vjp, .jvp = jvp};
