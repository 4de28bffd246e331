/* spec.c - the description of a flow as text pairs, written and read back. */
#include "io/files.h"
#include "io/json.h"

#include <stdio.h>

void fmi_spec_text(fmi_spec *spec, const char *key, const char *value) {
  spec->pairs[spec->n++] = (fmi_pair){key, value};
}

void fmi_spec_u64(fmi_spec *spec, const char *key, uint64_t value) {
  fmi_text_from_u64(spec->texts[spec->n], value);
  fmi_spec_text(spec, key, spec->texts[spec->n]);
}

void fmi_spec_double(fmi_spec *spec, const char *key, double value) {
  fmi_text_from_double(spec->texts[spec->n], value);
  fmi_spec_text(spec, key, spec->texts[spec->n]);
}

static const char *prior_name(const fm_prior *prior) {
  return prior->kind == FM_PRIOR_GAUSSIAN ? "gaussian" : prior->kind == FM_PRIOR_ROWS ? "rows" : "callback";
}

void fmi_spec_flow(fmi_spec *spec, const char *content, const fm_net *net, const fm_path *path,
                   const fm_prior *prior) {
  const fm_net_options *o = &net->options;
  fmi_spec_text(spec, "flowmatch.format", FMI_FORMAT_VERSION);
  fmi_spec_text(spec, "flowmatch.content", content);
  fmi_spec_text(spec, "flowmatch.version", fm_version_string());
  fmi_spec_text(spec, "net.kind", net->architecture ? net->architecture->name : "custom");
  fmi_spec_u64(spec, "net.dim", net->dim);
  fmi_spec_u64(spec, "net.class_columns", net->n_class_columns);
  fmi_spec_u64(spec, "net.cond_dim", net->cond_dim);
  if (net->architecture) {
    fmi_spec_text(spec, "net.activation", fmi_activation_name(o->activation));
    fmi_spec_u64(spec, "net.width", o->width);
    fmi_spec_u64(spec, "net.depth", o->depth);
    fmi_spec_u64(spec, "net.time_features", o->time_features > 0 ? (uint64_t)o->time_features : 0);
    fmi_spec_u64(spec, "net.class_features", o->class_features);
    fmi_spec_double(spec, "net.dropout", o->dropout);
  }
  fmi_spec_text(spec, "path.kind", path->schedule ? path->schedule->name : "custom");
  fmi_spec_text(spec, "prior.kind", prior_name(prior));
}

/* Pairs that files of earlier versions lack, and what those meant. */
static const fmi_pair implied[] = {{"net.dropout", "0x0p+0"}};

fm_status fmi_spec_get(const fmi_safetensors *st, const char *key, const char **value, fmi_error *err) {
  *value = fmi_safetensors_pair(st, key);
  for (size_t i = 0; *value == NULL && i < FMI_COUNT(implied); i++)
    if (strcmp(key, implied[i].key) == 0) *value = implied[i].value;
  return *value ? FM_OK : fmi_fail(err, FM_E_FORMAT, "metadata '%s': expected a text, found none", key);
}

fm_status fmi_spec_get_u64(const fmi_safetensors *st, const char *key, uint64_t most, uint64_t *value,
                           fmi_error *err) {
  const char *text;
  FMI_TRY(fmi_spec_get(st, key, &text, err));
  if (fmi_text_to_u64(text, value) && *value <= most) return FM_OK;
  return fmi_fail(err, FM_E_FORMAT, "metadata '%s': expected a number up to %llu, found '%s'", key,
                  (unsigned long long)most, fmi_shown((char[FMI_SHOWN]){0}, text));
}

fm_status fmi_spec_check(const fmi_safetensors *st, const char *content, fmi_error *err) {
  const char *text = fmi_safetensors_pair(st, "flowmatch.format");
  if (text == NULL)
    return fmi_fail(err, FM_E_FORMAT, "expected a flowmatch %s, found another safetensors file", content);
  if (strcmp(text, FMI_FORMAT_VERSION) != 0)
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "flowmatch.format: expected '%s', found '%s'; a newer library wrote it",
                    FMI_FORMAT_VERSION, fmi_shown((char[FMI_SHOWN]){0}, text));
  FMI_TRY(fmi_spec_get(st, "flowmatch.content", &text, err));
  if (strcmp(text, content) == 0) return FM_OK;
  return fmi_fail(err, FM_E_FORMAT, "flowmatch.content: expected '%s', found '%s'", content,
                  fmi_shown((char[FMI_SHOWN]){0}, text));
}

fmi_tensor fmi_tensor_on(const char *name, fmi_dtype dtype, const void *data, const uint64_t shape[3]) {
  fmi_tensor t = {.name = name, .dtype = dtype, .data = data};
  size_t count = 1;
  for (; t.rank < 3 && shape[t.rank] != 0; t.rank++) {
    t.shape[t.rank] = shape[t.rank];
    count *= (size_t)shape[t.rank];
  }
  t.bytes = count * fmi_dtypes[dtype].size;
  return t;
}

static void shape_text(char out[96], const uint64_t *shape, uint32_t rank) {
  size_t used = 0;
  out[0] = 0;
  for (uint32_t i = 0; i < rank; i++)
    used += (size_t)snprintf(out + used, 96 - used, "%s%llu", i ? "x" : "", (unsigned long long)shape[i]);
}

fm_status fmi_tensor_get(const fmi_safetensors *st, const char *name, fmi_dtype dtype,
                         const uint64_t shape[3], const void **data, fmi_error *err) {
  const fmi_tensor *t = fmi_safetensors_tensor(st, name);
  if (t == NULL) return fmi_fail(err, FM_E_FORMAT, "tensor '%s': expected it, found none", name);
  fmi_tensor expected = fmi_tensor_on(name, dtype, NULL, shape);
  if (t->dtype == dtype && t->rank == expected.rank &&
      memcmp(t->shape, expected.shape, sizeof t->shape) == 0) {
    *data = t->data;
    return FM_OK;
  }
  char want[96], have[96];
  shape_text(want, expected.shape, expected.rank);
  shape_text(have, t->shape, t->rank);
  return fmi_fail(err, FM_E_FORMAT, "tensor '%s': expected %s of shape %s, found %s of shape %s", name,
                  fmi_dtypes[dtype].name, want, fmi_dtypes[t->dtype].name, have);
}
