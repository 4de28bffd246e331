/* custom.c - the caller's own network as one operator: velocity(x, t, labels, cond), by callbacks. */
#include "op/op.h"

#include <math.h>

static void setup(fmi_node *node, const fmi_rows *sizes) {
  node->shape = (fmi_shape){1, sizes->dim};
  node->n_params = node->custom->n_params;
  node->grad_parts = 1;
}

#ifdef FMI_DOUBLE
static fm_status call_back(const fmi_call *c, fm_net_fn fn, const char *which, real *d_x, real *d_params) {
  (void)fn, (void)which, (void)d_x, (void)d_params;
  return fmi_fail(c->err, FM_E_UNSUPPORTED, "net: callbacks take float, this is the double build for tests");
}
#else
static fm_status call_back(const fmi_call *c, fm_net_fn fn, const char *which, real *d_x, real *d_params) {
  fm_net_call call = {.struct_size = sizeof call,
                      .n = c->rows,
                      .dim = c->outside->dim,
                      .params = c->params,
                      .x = c->in[0],
                      .t = c->outside->t,
                      .labels = c->outside->labels,
                      .cond = c->outside->cond,
                      .velocity = c->out,
                      .d_velocity = c->d_out,
                      .d_x = d_x,
                      .d_params = d_params};
  int32_t answer = fn(c->node->custom->user, &call);
  if (answer == 0) return FM_OK;
  return fmi_fail(c->err, FM_E_CALLBACK, "net: the caller's %s function returned %d", which, (int)answer);
}
#endif

static fm_status forward(const fmi_call *c) {
  return call_back(c, c->node->custom->forward, "forward", NULL, NULL);
}

static size_t scratch(const fmi_node *node, size_t rows) { return fmi_mul_size(rows, node->shape.channels); }

static fm_status vjp(const fmi_call *c) {
  if (c->d_in[0] == NULL) return FM_OK;
  real *d_x = c->add_in[0] ? c->scratch : c->d_in[0];
  fm_status status = call_back(c, c->node->custom->vjp, "vjp", d_x, NULL);
  if (status == FM_OK && c->add_in[0]) c->kernels->add(c->d_in[0], d_x, c->rows * c->node->shape.channels);
  return status;
}

static fm_status grad(const fmi_call *c, size_t part) {
  (void)part;
  memset(c->d_params, 0, c->node->n_params * sizeof(real));
  return call_back(c, c->node->custom->vjp, "vjp", NULL, c->d_params);
}

static fm_status init(const fmi_node *node, uint64_t seed, uint64_t stream_row, real *params,
                      fmi_error *err) {
  (void)stream_row;
  memset(params, 0, node->n_params * sizeof *params);
#ifdef FMI_DOUBLE
  (void)seed, (void)err;
#else
  int32_t answer =
      node->custom->init ? node->custom->init(node->custom->user, seed, params, node->n_params) : 0;
  if (answer != 0)
    return fmi_fail(err, FM_E_CALLBACK, "net: the caller's init function returned %d", (int)answer);
  for (size_t i = 0; i < node->n_params; i++)
    if (!isfinite(params[i]))
      return fmi_fail(err, FM_E_NONFINITE, "params: the caller's init function wrote %g at index %zu",
                      (double)params[i], i);
#endif
  return FM_OK;
}

const fmi_op fmi_op_custom = {.name = "custom",
                              .n_inputs = 1,
                              .setup = setup,
                              .vjp_reads_in = true,
                              .grad_reads_in = true,
                              .scratch = scratch,
                              .forward = forward,
                              .vjp = vjp,
                              .grad = grad,
                              .init = init};
