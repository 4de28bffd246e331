/* mlp.c - a multilayer perceptron on [x, time features, class embeddings, condition]: `depth` linear layers
   with the activation between them, and dropout behind it. */
#include "net/net.h"

#include <stdio.h>

static size_t build(fmi_builder *b, const fm_net_options *o) {
  size_t h = fmi_build_conditions(b, fmi_build_node(b, &fmi_op_x, NULL, 0, (fmi_build){0}));
  for (uint32_t layer = 0; layer + 1 < o->depth; layer++) {
    char name[32];
    snprintf(name, sizeof name, "layers.%u", (unsigned)layer);
    h = fmi_build_dropout(b, fmi_build_linear(b, h, o->width, o->activation, 1.4, name));
  }
  char name[32];
  snprintf(name, sizeof name, "layers.%u", (unsigned)o->depth - 1);
  /* The output starts at zero: the flow starts as the identity and no early step is wild. */
  return fmi_build_linear(b, h, b->net->dim, 0, 0, name);
}

const fmi_architecture fmi_architecture_mlp = {
    .kind = FM_NET_MLP, .name = "mlp", .default_depth = 4, .build = build};
