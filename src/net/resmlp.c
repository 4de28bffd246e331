/* resmlp.c - a residual multilayer perceptron whose blocks are steered by time and conditions through
   adaptive layer norm, starting as the identity (adaLN-Zero, Peebles & Xie 2023, section 3.2):

     c = act(linear([time, classes, condition]))
     h = linear(x);   h += gate(c) * linear(drop(act(linear(adaln(h, c)))))   for every block
     u = linear(adaln(h, c)) + skip(c) * x

   The gated skip is not in the paper: it lets u follow x column by column at full rank even where the hidden
   width is below dim, which the flow of a Gaussian needs (its velocity is a multiple of x).

   Dropout stands between a block's two linear layers, as in wide ResNets (Zagoruyko & Komodakis 2016) and in
   the feed-forward layers of Transformers: h and c, which every block reads, stay whole. */
#include "net/net.h"

#include <stdio.h>

/* Every block reads c through a product of 3 width outputs: a narrow c keeps steering a small part of the
   cost. */
static size_t condition_width(const fm_net_options *o) { return fmi_max(64, o->width / 4); }

static size_t named_linear(fmi_builder *b, size_t input, size_t out, uint32_t act, double gain,
                           const char *prefix, const char *suffix) {
  char name[48];
  snprintf(name, sizeof name, "%s.%s", prefix, suffix);
  return fmi_build_linear(b, input, out, act, gain, name);
}

static size_t modulated(fmi_builder *b, size_t h, size_t c, const char *prefix) {
  size_t m = named_linear(b, c, 2 * (size_t)b->net->options.width, 0, 0, prefix, "modulation");
  return fmi_build_node(b, &fmi_op_adaln, (size_t[]){h, m}, 2, (fmi_build){0});
}

static size_t gated(fmi_builder *b, size_t x, size_t gate, size_t h) {
  return fmi_build_node(b, &fmi_op_gated_add, (size_t[]){x, gate, h}, 3, (fmi_build){0});
}

static size_t block(fmi_builder *b, size_t h, size_t c, uint32_t index) {
  const fm_net_options *o = &b->net->options;
  char prefix[24];
  snprintf(prefix, sizeof prefix, "blocks.%u", (unsigned)index);
  size_t branch = modulated(b, h, c, prefix);
  branch = fmi_build_dropout(b, named_linear(b, branch, o->width, o->activation, 1.4, prefix, "linear1"));
  branch = named_linear(b, branch, o->width, 0, 1, prefix, "linear2");
  size_t gate = named_linear(b, c, o->width, 0, 0, prefix, "gate");
  return gated(b, h, gate, branch);
}

static size_t build(fmi_builder *b, const fm_net_options *o) {
  size_t x = fmi_build_node(b, &fmi_op_x, NULL, 0, (fmi_build){0});
  size_t c = fmi_build_conditions(b, SIZE_MAX);
  c = fmi_build_linear(b, c, condition_width(o), o->activation, 1.4, "condition");
  size_t h = fmi_build_linear(b, x, o->width, 0, 1, "input");
  for (uint32_t i = 0; i < o->depth; i++) h = block(b, h, c, i);
  size_t u = named_linear(b, modulated(b, h, c, "output"), b->net->dim, 0, 0, "output", "linear");
  return gated(b, u, fmi_build_linear(b, c, b->net->dim, 0, 0, "skip"), x);
}

const fmi_architecture fmi_architecture_resmlp = {
    .kind = FM_NET_RESMLP, .name = "resmlp", .default_depth = 3, .build = build};
