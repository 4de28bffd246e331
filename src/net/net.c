/* net.c - the handle of an architecture. */
#include "net/net.h"

#include <math.h>

#define FMI_NET(name) extern const fmi_architecture fmi_architecture_##name;
#include "net/net_list.def"
#undef FMI_NET

static const fmi_architecture *const architectures[] = {
#define FMI_NET(name) &fmi_architecture_##name,
#include "net/net_list.def"
#undef FMI_NET
};

const fmi_architecture *fmi_architecture_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(architectures); i++)
    if (architectures[i]->kind == kind) return architectures[i];
  return NULL;
}

const fmi_architecture *fmi_architecture_by_name(const char *name) {
  for (size_t i = 0; i < FMI_COUNT(architectures); i++)
    if (strcmp(architectures[i]->name, name) == 0) return architectures[i];
  return NULL;
}

static const char *const activations[FMI_N_ACT] = {
    [FM_ACT_SILU] = "silu", [FM_ACT_GELU] = "gelu", [FM_ACT_GELU_TANH] = "gelu_tanh", [FM_ACT_SELU] = "selu",
    [FM_ACT_ELU] = "elu",   [FM_ACT_TANH] = "tanh", [FM_ACT_RELU] = "relu",           [FM_ACT_MISH] = "mish"};

const char *fmi_activation_name(uint32_t activation) {
  return activation < FMI_N_ACT ? activations[activation] : NULL;
}

uint32_t fmi_activation_by_name(const char *name) {
  for (uint32_t i = 1; i < FMI_N_ACT; i++)
    if (strcmp(activations[i], name) == 0) return i;
  return 0;
}

static void destroy(void *self) {
  fm_net *net = self;
  fmi_memory *memory = net->object.memory;
  fmi_free(memory, net->n_classes);
  fmi_free(memory, net->nodes);
  fmi_free(memory, net->tensors);
  fmi_free(memory, net->frequencies);
  fmi_object_free(net);
}

static fm_status check_sizes(size_t dim, const uint32_t *n_classes, size_t n_class_columns, size_t cond_dim,
                             fmi_error *err) {
  if (dim < 1 || dim > UINT32_MAX)
    return fmi_fail(err, FM_E_INVALID, "dim: expected 1 to 2^32 - 1, found %zu", dim);
  if (n_class_columns > 65535)
    return fmi_fail(err, FM_E_INVALID, "n_class_columns: expected at most 65535, found %zu", n_class_columns);
  if (cond_dim > UINT32_MAX)
    return fmi_fail(err, FM_E_INVALID, "cond_dim: expected at most 2^32 - 1, found %zu", cond_dim);
  if (n_classes == NULL && n_class_columns > 0)
    return fmi_fail(err, FM_E_INVALID, "n_classes: expected %zu numbers, found NULL", n_class_columns);
  for (size_t k = 0; k < n_class_columns; k++)
    if (n_classes[k] < 1 || n_classes[k] > INT32_MAX)
      return fmi_fail(err, FM_E_INVALID, "n_classes[%zu]: expected 1 to 2^31 - 1, found %u", k,
                      (unsigned)n_classes[k]);
  return FM_OK;
}

static fm_net *new_net(fmi_memory *memory, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                       size_t cond_dim, fmi_error *err) {
  if (check_sizes(dim, n_classes, n_class_columns, cond_dim, err) != FM_OK) return NULL;
  fm_net *net = fmi_object_create(memory, sizeof *net, destroy, err);
  if (net == NULL) return NULL;
  net->dim = dim;
  net->n_class_columns = n_class_columns;
  net->cond_dim = cond_dim;
  net->n_times = 1;
  net->n_classes = fmi_alloc(memory, n_class_columns, sizeof *net->n_classes, err);
  if (net->n_classes == NULL) {
    fmi_release(net);
    return NULL;
  }
  if (n_class_columns) memcpy(net->n_classes, n_classes, n_class_columns * sizeof *n_classes);
  return net;
}

static fm_status fill_options(fm_net *net, const fm_net_options *given, fmi_error *err) {
  fm_net_options *o = &net->options;
  if (given) *o = *given;
  if (o->kind == 0) o->kind = FM_NET_RESMLP;
  net->architecture = fmi_architecture_by_kind(o->kind);
  if (net->architecture == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED, "net_options.kind: expected a FM_NET_ constant, found %u",
                    (unsigned)o->kind);
  if (o->activation == 0) o->activation = FM_ACT_SILU;
  if (o->activation >= FMI_N_ACT)
    return fmi_fail(err, FM_E_UNSUPPORTED, "net_options.activation: expected a FM_ACT_ constant, found %u",
                    (unsigned)o->activation);
  if (o->width == 0) o->width = 256;
  if (o->width > 1u << 20)
    return fmi_fail(err, FM_E_INVALID, "net_options.width: expected 1 to 2^20, found %u", (unsigned)o->width);
  if (o->depth == 0) o->depth = net->architecture->default_depth;
  if (o->depth > 4096)
    return fmi_fail(err, FM_E_INVALID, "net_options.depth: expected 1 to 4096, found %u", (unsigned)o->depth);
  if (o->time_features == 0) o->time_features = 64;
  if (o->time_features > 65536 || (o->time_features > 0 && o->time_features % 2 != 0))
    return fmi_fail(err, FM_E_INVALID,
                    "net_options.time_features: expected an even number up to 65536, found %d",
                    (int)o->time_features);
  if (o->class_features == 0) o->class_features = 32;
  if (o->class_features > 65536)
    return fmi_fail(err, FM_E_INVALID, "net_options.class_features: expected 1 to 65536, found %u",
                    (unsigned)o->class_features);
  if (!(o->dropout >= 0 && o->dropout < 1))
    return fmi_fail(err, FM_E_INVALID, "net_options.dropout: expected 0 or more and below 1, found %g",
                    o->dropout);
  if (o->dropout == 0) o->dropout = 0; /* not -0, whose text in files is another */
  if (o->n_times == 0) o->n_times = 1;
  if (o->n_times > 2)
    return fmi_fail(err, FM_E_INVALID, "net_options.n_times: expected 1 or 2, found %llu",
                    (unsigned long long)o->n_times);
  net->n_times = (size_t)o->n_times;
  return FM_OK;
}

/* Training with two times puts derivatives by them into its targets: features turn by 10 rad instead of 1000, so
   that targets are not mostly the network's own roughness (docs/numerics.md). */
static double frequency(const fm_net *net, size_t i, size_t half) {
  const double share = (double)i / (double)half;
  return net->n_times == 1 ? pow(1e4, -share) : 1e-2 * pow(100, -share);
}

static fm_status set_frequencies(fm_net *net, fmi_error *err) {
  size_t half = net->options.time_features > 0 ? (size_t)net->options.time_features / 2 : 0;
  net->frequencies = fmi_alloc(net->object.memory, half, sizeof *net->frequencies, err);
  if (net->frequencies == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < half; i++) net->frequencies[i] = frequency(net, i, half);
  return FM_OK;
}

static fmi_builder builder_of(fm_net *net, fmi_error *err) {
  return (fmi_builder){
      .net = net,
      .err = err,
      .sizes = {.dim = net->dim, .n_class_columns = net->n_class_columns, .cond_dim = net->cond_dim}};
}

static void mark_output(fm_net *net) {
  net->nodes[net->output].at_output = true;
  for (size_t i = net->output + 1; i-- > 0;) {
    const fmi_node *node = &net->nodes[i];
    if (!node->at_output || node->n_params > 0) continue;
    for (size_t j = 0; j < node->n_inputs; j++) net->nodes[node->input[j]].at_output = true;
  }
}

fm_net *fmi_net_new(fmi_memory *memory, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                    size_t cond_dim, const fm_net_options *options, fmi_error *err) {
  fm_net *net = new_net(memory, dim, n_classes, n_class_columns, cond_dim, err);
  if (net == NULL) return NULL;
  if (fill_options(net, options, err) == FM_OK && set_frequencies(net, err) == FM_OK) {
    fmi_builder b = builder_of(net, err);
    net->output = net->architecture->build(&b, &net->options);
    if (b.status == FM_OK) {
      mark_output(net);
      return net;
    }
  }
  fmi_release(net);
  return NULL;
}

fm_net *fmi_net_new_custom(fmi_memory *memory, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                           size_t cond_dim, const fmi_custom *custom, fmi_error *err) {
  fm_net *net = new_net(memory, dim, n_classes, n_class_columns, cond_dim, err);
  if (net == NULL) return NULL;
  net->options.kind = FM_NET_CUSTOM;
  net->custom = *custom;
  fmi_builder b = builder_of(net, err);
  size_t x = fmi_build_node(&b, &fmi_op_x, NULL, 0, (fmi_build){0});
  net->output = fmi_build_node(&b, &fmi_op_custom, &x, 1, (fmi_build){.name = "params"});
  if (b.status == FM_OK) return net;
  fmi_release(net);
  return NULL;
}

fm_status fmi_net_init(const fm_net *net, uint64_t seed, real *params, fmi_error *err) {
  uint64_t row = 0;
  for (size_t i = 0; i < net->n_nodes; i++) {
    const fmi_node *node = &net->nodes[i];
    if (node->op == &fmi_op_dropout) continue; /* the same weights with dropout and without */
    if (node->op->init) FMI_TRY(node->op->init(node, seed, row, params + node->params, err));
    row++;
  }
  return FM_OK;
}
