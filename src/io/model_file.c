/* model_file.c - a model as one safetensors file. Metadata describes the flow; tensors are `weights.NAME` and
   `ema.NAME` for every parameter tensor of the net, the statistics in double, classes and prior rows. */
#include "io/files.h"
#include "io/json.h"
#include "model/prior.h"

#include <math.h>
#include <stdio.h>

#define NAME_BYTES 64u

/* ---- writing ---------------------------------------------------------------------------------------- */

typedef struct output {
  fmi_tensor *tensors;
  char (*names)[NAME_BYTES];
  uint64_t *classes;
  fmi_pair *pairs;
  size_t n_tensors, n_pairs;
} output;

static void add_block(output *out, const char *prefix, const fm_net *net, const real *block) {
  for (size_t i = 0; i < net->n_tensors; i++) {
    const fmi_net_tensor *t = &net->tensors[i];
    char *name = out->names[out->n_tensors];
    snprintf(name, NAME_BYTES, "%s.%s", prefix, t->name);
    out->tensors[out->n_tensors++] = fmi_tensor_on(name, FMI_REAL_DTYPE, block + t->offset, t->shape);
  }
}

static void add_doubles(output *out, const char *name, const double *data, uint64_t rows, uint64_t columns) {
  if (rows > 0)
    out->tensors[out->n_tensors++] = fmi_tensor_on(name, FMI_F64, data, (uint64_t[3]){rows, columns, 0});
}

static void add_tensors(output *out, const fm_model *m) {
  const fm_net *net = m->net;
  for (size_t k = 0; k < net->n_class_columns; k++) out->classes[k] = net->n_classes[k];
  if (net->n_class_columns)
    out->tensors[out->n_tensors++] =
        fmi_tensor_on("net.n_classes", FMI_U64, out->classes, (uint64_t[3]){net->n_class_columns, 0, 0});
  add_doubles(out, "normaliser.shift", m->normaliser->shift, net->dim, 0);
  add_doubles(out, "normaliser.scale", m->normaliser->scale, net->dim, 0);
  add_doubles(out, "cond_normaliser.shift", m->cond_normaliser->shift, net->cond_dim, 0);
  add_doubles(out, "cond_normaliser.scale", m->cond_normaliser->scale, net->cond_dim, 0);
  for (size_t i = 0; i < fmi_prior_n_arrays(m->prior); i++) {
    uint64_t shape[3];
    char *name = out->names[out->n_tensors];
    fmi_prior_shape(m->prior->kind, i, m->prior->n, m->prior->dim, shape);
    fmi_prior_tensor(m->prior->kind, i, name);
    add_doubles(out, name, m->prior->arrays[i], shape[0], shape[1]);
  }
  add_block(out, "weights", net, m->params);
  add_block(out, "ema", net, m->ema);
}

static const char note_prefix[] = "note.";

static void add_pairs(output *out, const fm_model *m, const fmi_spec *spec, char *keys) {
  memcpy(out->pairs, spec->pairs, spec->n * sizeof *out->pairs);
  out->n_pairs = spec->n;
  for (size_t i = 0; i < m->n_notes; i++) {
    char *key = keys + i * (sizeof note_prefix + 64);
    snprintf(key, sizeof note_prefix + 64, "%s%s", note_prefix, m->notes[i].key);
    out->pairs[out->n_pairs++] = (fmi_pair){key, m->notes[i].value};
  }
}

static fm_status check_savable(const fm_model *m, fmi_error *err) {
  const char *what = m->net->architecture == NULL                ? "network"
                     : m->path->schedule == NULL                 ? "path"
                     : m->prior->kind->kind == FM_PRIOR_CALLBACK ? "prior"
                                                                 : NULL;
  if (what == NULL) return FM_OK;
  return fmi_fail(err, FM_E_UNSUPPORTED,
                  "model: its %s is the caller's own code, which a file can't hold; save fm_model_get_params",
                  what);
}

fm_status fmi_model_write(fmi_memory *memory, const fm_model *m, const char *file, fmi_error *err) {
  FMI_TRY(check_savable(m, err));
  fmi_spec spec = {.n = 0};
  const fmi_parts parts = fmi_parts_of(m);
  fmi_spec_flow(&spec, "model", &parts);
  fmi_spec_u64(&spec, "train.steps", m->train_steps);
  if (m->paired) fmi_spec_u64(&spec, "train.paired", 1);
  size_t most = 2 * m->net->n_tensors + 8;
  output out = {0};
  char *keys = NULL;
  char *block = NULL;
  for (int pass = 0; pass < 2; pass++) { /* measure, then carve */
    fmi_arena a = {block, 0};
    out.tensors = fmi_arena_take(&a, most, sizeof *out.tensors);
    out.names = fmi_arena_take(&a, most, NAME_BYTES);
    out.classes = fmi_arena_take(&a, m->net->n_class_columns, sizeof *out.classes);
    out.pairs = fmi_arena_take(&a, spec.n + m->n_notes, sizeof *out.pairs);
    keys = fmi_arena_take(&a, m->n_notes, sizeof note_prefix + 64);
    if (pass == 0 && (block = fmi_alloc(memory, 1, a.used, err)) == NULL) return FM_E_NOMEM;
  }
  add_tensors(&out, m);
  add_pairs(&out, m, &spec, keys);
  fm_status status =
      fmi_safetensors_write(memory, file, out.pairs, out.n_pairs, out.tensors, out.n_tensors, err);
  fmi_free(memory, block);
  return status;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

typedef struct input {
  const fmi_runtime *rt;
  const fmi_safetensors *st;
  fmi_error *err;
  fmi_parts parts;
} input;

static fm_status read_net_options(const input *in, fm_net_options *o) {
  const char *kind, *activation, *dropout;
  uint64_t width, depth, time_features, class_features;
  FMI_TRY(fmi_spec_get(in->st, "net.kind", &kind, in->err));
  FMI_TRY(fmi_spec_get(in->st, "net.activation", &activation, in->err));
  FMI_TRY(fmi_spec_get_u64(in->st, "net.width", 1u << 20, &width, in->err));
  FMI_TRY(fmi_spec_get_u64(in->st, "net.depth", 4096, &depth, in->err));
  FMI_TRY(fmi_spec_get_u64(in->st, "net.time_features", 65536, &time_features, in->err));
  FMI_TRY(fmi_spec_get_u64(in->st, "net.class_features", 65536, &class_features, in->err));
  dropout = fmi_safetensors_pair(in->st, "net.dropout"); /* left out where there is none */
  const fmi_architecture *architecture = fmi_architecture_by_name(kind);
  if (architecture == NULL)
    return fmi_fail(in->err, FM_E_UNSUPPORTED, "net.kind: expected a known architecture, found '%s'",
                    fmi_shown((char[FMI_SHOWN]){0}, kind));
  *o = (fm_net_options){.struct_size = sizeof *o,
                        .kind = architecture->kind,
                        .activation = fmi_activation_by_name(activation),
                        .width = (uint32_t)width,
                        .depth = (uint32_t)depth,
                        .class_features = (uint32_t)class_features,
                        .time_features = time_features ? (int32_t)time_features : -1};
  if (o->activation == 0)
    return fmi_fail(in->err, FM_E_UNSUPPORTED, "net.activation: expected a known one, found '%s'",
                    fmi_shown((char[FMI_SHOWN]){0}, activation));
  if (fmi_safetensors_pair(in->st, "net.times") != NULL) /* left out where there is one */
    FMI_TRY(fmi_spec_get_u64(in->st, "net.times", 2, &o->n_times, in->err));
  if (dropout != NULL && !fmi_text_to_double(dropout, &o->dropout)) /* its range is the net's to check */
    return fmi_fail(in->err, FM_E_FORMAT, "net.dropout: expected a number, found '%s'",
                    fmi_shown((char[FMI_SHOWN]){0}, dropout));
  return FM_OK;
}

static fm_status read_net(input *in) {
  fm_net_options options;
  FMI_TRY(read_net_options(in, &options));
  uint64_t dim, columns, cond_dim;
  FMI_TRY(fmi_spec_get_u64(in->st, "net.dim", UINT32_MAX, &dim, in->err));
  FMI_TRY(fmi_spec_get_u64(in->st, "net.class_columns", 65535, &columns, in->err));
  FMI_TRY(fmi_spec_get_u64(in->st, "net.cond_dim", UINT32_MAX, &cond_dim, in->err));
  const void *data = NULL;
  if (columns)
    FMI_TRY(fmi_tensor_get(in->st, "net.n_classes", FMI_U64, (uint64_t[3]){columns, 0, 0}, &data, in->err));
  uint32_t *n_classes = fmi_alloc(in->rt->memory, (size_t)columns, sizeof *n_classes, in->err);
  if (n_classes == NULL) return FM_E_NOMEM;
  /* Above 32 bits becomes 0, which the net refuses. */
  for (size_t k = 0; k < columns; k++) {
    uint64_t count = ((const uint64_t *)data)[k];
    n_classes[k] = count <= UINT32_MAX ? (uint32_t)count : 0;
  }
  in->parts.net = fmi_net_new(in->rt->memory, (size_t)dim, n_classes, (size_t)columns, (size_t)cond_dim,
                              &options, in->err);
  fmi_free(in->rt->memory, n_classes);
  if (in->parts.net != NULL) return FM_OK;
  return in->err->status == FM_E_INVALID ? (in->err->status = FM_E_FORMAT) : in->err->status;
}

static fm_status read_path_and_prior(input *in) {
  in->parts.path = fmi_spec_path(in->rt->memory, in->st, in->err);
  if (in->parts.path == NULL) return in->err->status;
  in->parts.prior = fmi_spec_prior(in->rt->memory, in->st, in->parts.net->dim, in->err);
  return in->parts.prior ? FM_OK : in->err->status;
}

static fm_status read_normaliser(input *in, const char *shift_name, const char *scale_name, size_t dim,
                                 const fm_normaliser **out) {
  const void *shift = NULL, *scale = NULL;
  const uint64_t shape[3] = {dim, 0, 0};
  if (dim > 0) {
    FMI_TRY(fmi_tensor_get(in->st, shift_name, FMI_F64, shape, &shift, in->err));
    FMI_TRY(fmi_tensor_get(in->st, scale_name, FMI_F64, shape, &scale, in->err));
  }
  *out = fmi_normaliser_new(in->rt->memory, shift, scale, dim, in->err);
  return *out ? FM_OK : in->err->status;
}

/* Shapes of a block of parameters; with `block`, copies it. Run without first: nothing of the size the file
   claims is allocated before its tensors are there. */
static fm_status read_block(const input *in, const char *prefix, real *block) {
  const fm_net *net = in->parts.net;
  for (size_t i = 0; i < net->n_tensors; i++) {
    const fmi_net_tensor *t = &net->tensors[i];
    char name[NAME_BYTES];
    const void *data;
    snprintf(name, sizeof name, "%s.%s", prefix, t->name);
    FMI_TRY(fmi_tensor_get(in->st, name, FMI_REAL_DTYPE, t->shape, &data, in->err));
    if (block == NULL) continue;
    size_t count = fmi_tensor_on(name, FMI_REAL_DTYPE, NULL, t->shape).bytes / sizeof(real);
    memcpy(block + t->offset, data, count * sizeof(real));
    for (size_t j = 0; j < count; j++)
      if (!isfinite(block[t->offset + j]))
        return fmi_fail(in->err, FM_E_NONFINITE, "tensor '%s': expected finite numbers, found %g at %zu",
                        name, (double)block[t->offset + j], j);
  }
  return FM_OK;
}

static fm_status check_count(const input *in) {
  const fm_net *net = in->parts.net;
  size_t expected = 2 * net->n_tensors + 2 + (net->cond_dim ? 2 : 0) + (net->n_class_columns ? 1 : 0) +
                    fmi_prior_n_arrays(in->parts.prior);
  if (in->st->n_tensors == expected) return FM_OK;
  return fmi_fail(in->err, FM_E_FORMAT, "expected %zu tensors, found %zu", expected, in->st->n_tensors);
}

static fm_status read_parts(input *in) {
  FMI_TRY(fmi_spec_check(in->st, "model", in->err));
  FMI_TRY(read_net(in));
  FMI_TRY(read_path_and_prior(in));
  FMI_TRY(fmi_spec_prediction(in->st, &in->parts.prediction, in->err));
  FMI_TRY(check_count(in));
  FMI_TRY(
      read_normaliser(in, "normaliser.shift", "normaliser.scale", in->parts.net->dim, &in->parts.normaliser));
  FMI_TRY(read_normaliser(in, "cond_normaliser.shift", "cond_normaliser.scale", in->parts.net->cond_dim,
                          &in->parts.cond_normaliser));
  FMI_TRY(read_block(in, "weights", NULL));
  return read_block(in, "ema", NULL);
}

static fm_status read_weights(const input *in, fm_model *m) {
  uint64_t paired = 0; /* left out where it is not */
  FMI_TRY(fmi_spec_get_u64(in->st, "train.steps", UINT64_MAX, &m->train_steps, in->err));
  if (fmi_safetensors_pair(in->st, "train.paired") != NULL)
    FMI_TRY(fmi_spec_get_u64(in->st, "train.paired", 1, &paired, in->err));
  m->paired = paired != 0;
  if (m->paired && m->prediction.kind == FM_SCORE)
    return fmi_fail(in->err, FM_E_FORMAT,
                    "train.paired: expected 0 beside a score, which needs independent pairs");
  FMI_TRY(read_block(in, "weights", m->params));
  FMI_TRY(read_block(in, "ema", m->ema));
  for (size_t i = 0; i < in->st->n_pairs; i++) {
    const fmi_pair *p = &in->st->pairs[i];
    size_t n = sizeof note_prefix - 1;
    if (strncmp(p->key, note_prefix, n) != 0) continue;
    if (strlen(p->key + n) < 1 || strlen(p->key + n) > 64 || strlen(p->value) > 4096)
      return fmi_fail(in->err, FM_E_FORMAT,
                      "metadata '%s': expected a key of 1 to 64 and a text of at most 4096 bytes",
                      fmi_shown((char[FMI_SHOWN]){0}, p->key));
    FMI_TRY(fmi_model_add_note(m, p->key + n, p->value, in->err));
  }
  fmi_model_pack(m, in->rt->kernels);
  return FM_OK;
}

fm_model *fmi_model_read(const fmi_runtime *rt, const void *bytes, size_t n_bytes, fmi_error *err) {
  fmi_safetensors st;
  if (fmi_safetensors_parse(rt->memory, bytes, n_bytes, &st, err) != FM_OK) return NULL;
  input in = {.rt = rt, .st = &st, .err = err};
  fm_model *m = NULL;
  if (read_parts(&in) == FM_OK) m = fmi_model_new(rt->memory, &in.parts, err);
  if (m != NULL && read_weights(&in, m) != FM_OK) {
    fmi_release(m);
    m = NULL;
  }
  fmi_parts_release(&in.parts);
  fmi_safetensors_free(&st);
  return m;
}
