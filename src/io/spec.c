/* spec.c - the description of a flow as text pairs, written and read back. */
#include "io/files.h"
#include "io/json.h"
#include "model/prior.h"

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

/* What is 0 by default and in fact is left out. */
static void add_path(fmi_spec *spec, const fm_path *path) {
  fmi_spec_text(spec, "path.kind", path->schedule ? path->schedule->name : "custom");
  for (size_t i = 0; path->schedule != NULL && i < fmi_schedule_n_params(path->schedule); i++) {
    const fmi_path_param *p = &path->schedule->params[i];
    if (path->params[i] == 0 && p->fallback == 0) continue;
    char *key = spec->keys[spec->n];
    snprintf(key, sizeof spec->keys[0], "path.%s", p->name);
    fmi_spec_double(spec, key, path->params[i]);
  }
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
    if (o->dropout > 0) fmi_spec_double(spec, "net.dropout", o->dropout);
    if (net->n_times > 1) fmi_spec_u64(spec, "net.times", net->n_times);
  }
  add_path(spec, path);
  fmi_spec_text(spec, "prior.kind", prior->kind->name);
}

fm_status fmi_spec_get(const fmi_safetensors *st, const char *key, const char **value, fmi_error *err) {
  *value = fmi_safetensors_pair(st, key);
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

fm_path *fmi_spec_path(fmi_memory *memory, const fmi_safetensors *st, fmi_error *err) {
  const char *kind;
  if (fmi_spec_get(st, "path.kind", &kind, err) != FM_OK) return NULL;
  const fmi_schedule *schedule = fmi_schedule_by_name(kind);
  if (schedule == NULL) {
    fmi_fail(err, FM_E_UNSUPPORTED, "path.kind: expected a known path, found '%s'",
             fmi_shown((char[FMI_SHOWN]){0}, kind));
    return NULL;
  }
  double params[FMI_PATH_PARAMS] = {0};
  for (size_t i = 0; i < fmi_schedule_n_params(schedule); i++) {
    char key[FMI_SPEC_KEY];
    snprintf(key, sizeof key, "path.%s", schedule->params[i].name);
    const char *text = fmi_safetensors_pair(st, key);
    params[i] = schedule->params[i].fallback;
    if (text != NULL && !fmi_text_to_double(text, &params[i])) {
      fmi_fail(err, FM_E_FORMAT, "metadata '%s': expected a number, found '%s'", key,
               fmi_shown((char[FMI_SHOWN]){0}, text));
      return NULL;
    }
    if (fmi_schedule_check_param(schedule, i, params[i], err) != FM_OK) {
      err->status = FM_E_FORMAT;
      return NULL;
    }
  }
  fm_path *path = fmi_path_new(memory, schedule, params, err);
  if (path == NULL && err->status == FM_E_INVALID) err->status = FM_E_FORMAT;
  return path;
}

/* The number of entries is what the first array by entry says; fmi_tensor_get then holds the others to it. */
static size_t count_entries(const fmi_safetensors *st, const fmi_prior_kind *kind) {
  for (size_t i = 0; i < FMI_PRIOR_ARRAYS && kind->arrays[i].name != NULL; i++) {
    char name[FMI_SPEC_KEY];
    if (kind->arrays[i].extent != FMI_ENTRIES && kind->arrays[i].extent != FMI_ENTRIES_COLUMNS) continue;
    const fmi_tensor *t = fmi_safetensors_tensor(st, fmi_prior_tensor(kind, i, name));
    return t != NULL && t->rank > 0 ? (size_t)t->shape[0] : 0;
  }
  return 1;
}

const char *fmi_prior_tensor(const fmi_prior_kind *kind, size_t i, char name[FMI_SPEC_KEY]) {
  snprintf(name, FMI_SPEC_KEY, "prior.%s", kind->arrays[i].name);
  return name;
}

fm_prior *fmi_spec_prior(fmi_memory *memory, const fmi_safetensors *st, size_t dim, fmi_error *err) {
  const char *text;
  if (fmi_spec_get(st, "prior.kind", &text, err) != FM_OK) return NULL;
  const fmi_prior_kind *kind = fmi_prior_by_name(text);
  if (kind == NULL || kind->kind == FM_PRIOR_CALLBACK) {
    fmi_fail(err, FM_E_UNSUPPORTED, "prior.kind: expected a known prior, found '%s'",
             fmi_shown((char[FMI_SHOWN]){0}, text));
    return NULL;
  }
  const double *arrays[FMI_PRIOR_ARRAYS] = {NULL};
  const size_t n = count_entries(st, kind);
  size_t n_arrays = 0;
  if (n == 0) {
    fmi_fail(err, FM_E_FORMAT, "prior.%s: expected at least one row, found none", kind->arrays[0].name);
    return NULL;
  }
  for (; n_arrays < FMI_PRIOR_ARRAYS && kind->arrays[n_arrays].name != NULL; n_arrays++) {
    char name[FMI_SPEC_KEY];
    const void *data;
    uint64_t shape[3];
    fmi_prior_shape(kind, n_arrays, n, dim, shape);
    if (fmi_tensor_get(st, fmi_prior_tensor(kind, n_arrays, name), FMI_F64, shape, &data, err) != FM_OK)
      return NULL;
    arrays[n_arrays] = data;
  }
  fm_prior *prior = n_arrays ? fmi_prior_new(memory, kind->kind, n, dim, arrays, err)
                             : fmi_prior_new(memory, kind->kind, 0, 0, NULL, err);
  if (prior == NULL && err->status == FM_E_INVALID) err->status = FM_E_FORMAT;
  return prior;
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
