/* build.c - adding nodes to a net. */
#include "net/net.h"

#include <stdio.h>

/* Makes room for one more item in a table that doubles. */
static bool grow(fmi_builder *b, void **table, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return true;
  size_t larger = *capacity ? 2 * *capacity : 32;
  void *block = fmi_alloc(b->net->object.memory, larger, size, b->err);
  if (block == NULL) {
    b->status = FM_E_NOMEM;
    return false;
  }
  if (count) memcpy(block, *table, count * size);
  fmi_free(b->net->object.memory, *table);
  *table = block;
  *capacity = larger;
  return true;
}

static void add_tensor(fmi_builder *b, const char *name, const char *suffix, size_t offset,
                       const uint64_t shape[3]) {
  fm_net *net = b->net;
  if (!grow(b, (void **)&net->tensors, net->n_tensors, &b->tensor_capacity, sizeof *net->tensors)) return;
  fmi_net_tensor *t = &net->tensors[net->n_tensors++];
  snprintf(t->name, sizeof t->name, "%s%s", name, suffix);
  t->offset = offset;
  memcpy(t->shape, shape, sizeof t->shape);
}

static void name_parameters(fmi_builder *b, const fmi_node *node, const char *name) {
  if (node->weight_out > 0) {
    uint64_t taps = node->op == &fmi_op_conv1d ? node->attribute[1] : 0;
    uint64_t in = taps ? node->in_shape[0].channels : node->weight_in;
    add_tensor(b, name, ".weight", node->params, (uint64_t[3]){node->weight_out, in, taps});
    add_tensor(b, name, ".bias", node->params + node->weight_out * node->weight_in,
               (uint64_t[3]){node->weight_out, 0, 0});
  } else if (node->table_rows > 0) {
    add_tensor(b, name, ".weight", node->params, (uint64_t[3]){node->table_rows, node->attribute[0], 0});
  } else {
    add_tensor(b, name, "", node->params, (uint64_t[3]){node->n_params, 0, 0});
  }
}

size_t fmi_build_node(fmi_builder *b, const fmi_op *op, const size_t *inputs, size_t n_inputs,
                      fmi_build extra) {
  fm_net *net = b->net;
  if (b->status != FM_OK ||
      !grow(b, (void **)&net->nodes, net->n_nodes, &b->node_capacity, sizeof *net->nodes))
    return 0;
  fmi_node *node = &net->nodes[net->n_nodes];
  *node = (fmi_node){.op = op,
                     .n_inputs = n_inputs,
                     .attribute = {extra.attribute[0], extra.attribute[1]},
                     .table_rows = extra.table_rows,
                     .activation = extra.activation,
                     .gain = extra.gain,
                     .dropout = extra.dropout,
                     .constants = net->frequencies,
                     .custom = &net->custom,
                     .params = net->n_params};
  for (size_t j = 0; j < n_inputs; j++) {
    node->input[j] = inputs[j];
    node->in_shape[j] = net->nodes[inputs[j]].shape;
  }
  op->setup(node, &b->sizes);
  net->n_params = fmi_add_size(net->n_params, node->n_params);
  if (fmi_shape_size(node->shape) > SIZE_MAX / 1024 || net->n_params > SIZE_MAX / 1024) {
    b->status = fmi_fail(b->err, FM_E_NOMEM, "net: its size overflows");
    return 0;
  }
  if (node->n_params > 0) name_parameters(b, node, extra.name);
  return net->n_nodes++;
}

size_t fmi_build_linear(fmi_builder *b, size_t input, size_t out, uint32_t activation, double gain,
                        const char *name) {
  return fmi_build_node(
      b, &fmi_op_linear, &input, 1,
      (fmi_build){.name = name, .attribute = {out}, .activation = activation, .gain = gain});
}

size_t fmi_build_dropout(fmi_builder *b, size_t input) {
  double share = b->net->options.dropout;
  if (share == 0) return input;
  size_t node = fmi_build_node(b, &fmi_op_dropout, &input, 1,
                               (fmi_build){.attribute = {b->dropout_columns}, .dropout = share});
  if (b->status == FM_OK) b->dropout_columns += fmi_round_up(fmi_shape_size(b->net->nodes[node].shape), 4);
  return node;
}

static size_t joined(fmi_builder *b, size_t first, size_t second) {
  if (first == SIZE_MAX) return second;
  return fmi_build_node(b, &fmi_op_concat, (size_t[]){first, second}, 2, (fmi_build){0});
}

size_t fmi_build_conditions(fmi_builder *b, size_t first) {
  const fm_net *net = b->net;
  size_t half = net->options.time_features > 0 ? (size_t)net->options.time_features / 2 : 0;
  size_t c = joined(b, first,
                    fmi_build_node(b, &fmi_op_time, NULL, 0, (fmi_build){.attribute = {half, net->n_times}}));
  for (size_t k = 0; k < net->n_class_columns; k++) {
    char name[32];
    snprintf(name, sizeof name, "classes.%zu", k);
    fmi_build table = {.name = name,
                       .attribute = {net->options.class_features, k},
                       .table_rows = (size_t)net->n_classes[k] + 1};
    c = joined(b, c, fmi_build_node(b, &fmi_op_embed, NULL, 0, table));
  }
  if (net->cond_dim > 0) c = joined(b, c, fmi_build_node(b, &fmi_op_cond, NULL, 0, (fmi_build){0}));
  return c;
}
