/* embed.c - a class column's embedding: row `label` of E[n_classes + 1][features]; the last row is the null
   class, label -1. Attributes: features, class column. */
#include "op/op.h"

#include <math.h>

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = (fmi_shape){1, node->attribute[0]};
  node->n_params = fmi_mul_size(node->attribute[0], node->table_rows);
  node->grad_parts = 1;
}

static size_t row_of(const fmi_call *c, size_t r) {
  const int32_t *labels = c->outside->labels;
  int32_t label = labels ? labels[r * c->outside->n_class_columns + c->node->attribute[1]] : -1;
  return label < 0 ? c->node->table_rows - 1 : (size_t)label;
}

static fm_status forward(const fmi_call *c) {
  size_t n = c->node->attribute[0];
  for (size_t r = 0; r < c->rows; r++) memcpy(c->out + r * n, c->params + row_of(c, r) * n, n * sizeof(real));
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) { /* labels have no gradient */
  (void)c;
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  memset(c->t_out, 0, c->rows * c->node->attribute[0] * sizeof(real));
  return FM_OK;
}

static fm_status grad(const fmi_call *c, size_t part) {
  (void)part;
  size_t n = c->node->attribute[0];
  memset(c->d_params, 0, c->node->n_params * sizeof(real));
  for (size_t r = 0; r < c->rows; r++) c->kernels->add(c->d_params + row_of(c, r) * n, c->d_out + r * n, n);
  return FM_OK;
}

static fm_status init(const fmi_node *node, uint64_t seed, uint64_t stream_row, real *params,
                      fmi_error *err) {
  fmi_node table = *node;
  table.weight_out = node->table_rows;
  table.weight_in = node->attribute[0];
  table.gain = 0.5 * sqrt((double)node->attribute[0]); /* entries of deviation one half */
  return fmi_init_weights(&table, seed, stream_row, params, err);
}

const fmi_op fmi_op_embed = {.name = "embed",
                             .n_inputs = 0,
                             .setup = setup,
                             .forward = forward,
                             .vjp = vjp,
                             .jvp = jvp,
                             .grad = grad,
                             .init = init};
