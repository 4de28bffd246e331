/* model.c - the handle of a trained flow. */
#include "model/prior.h"

/* ---- the parts ------------------------------------------------------------------------------------ */

static fm_status check_parts(fmi_parts *p, fmi_error *err) {
  if (p->normaliser->dim != p->net->dim)
    return fmi_fail(err, FM_E_MISMATCH, "normaliser: expected %zu columns as the net has, found %zu",
                    p->net->dim, p->normaliser->dim);
  if (p->cond_normaliser->dim != p->net->cond_dim)
    return fmi_fail(err, FM_E_MISMATCH, "cond_normaliser: expected %zu columns as the net has, found %zu",
                    p->net->cond_dim, p->cond_normaliser->dim);
  if (p->prior->dim != 0 && p->prior->dim != p->net->dim)
    return fmi_fail(err, FM_E_MISMATCH, "prior: expected %zu columns as the net has, found %zu", p->net->dim,
                    p->prior->dim);
  if (p->prediction.kind == FM_SCORE && p->prior->kind->kind != FM_PRIOR_GAUSSIAN)
    return fmi_fail(err, FM_E_UNSUPPORTED, "prediction: a score needs the standard Gaussian prior, found %s",
                    p->prior->kind->name);
  if (p->net->n_times != 1 && (p->prediction.kind != FM_VELOCITY || p->prediction.baseline != 0))
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "prediction: a net with two times predicts a mean velocity, without a baseline");
  return fmi_prediction_settle(&p->prediction, "prediction", p->path, err);
}

fm_status fmi_parts_hold(fmi_memory *memory, fmi_parts *p, fmi_error *err) {
  fmi_retain(p->net);
  p->path =
      p->path ? fmi_retain(p->path) : fmi_path_new(memory, fmi_schedule_by_kind(FM_PATH_CONDOT), NULL, err);
  p->prior = p->prior ? fmi_retain(p->prior) : fmi_prior_new_gaussian(memory, err);
  p->normaliser =
      p->normaliser ? fmi_retain(p->normaliser) : fmi_normaliser_identity(memory, p->net->dim, err);
  p->cond_normaliser = p->cond_normaliser ? fmi_retain(p->cond_normaliser)
                                          : fmi_normaliser_identity(memory, p->net->cond_dim, err);
  fm_status status =
      p->path && p->prior && p->normaliser && p->cond_normaliser ? check_parts(p, err) : FM_E_NOMEM;
  if (status != FM_OK) fmi_parts_release(p);
  return status;
}

void fmi_parts_release(fmi_parts *p) {
  fmi_release(p->net);
  fmi_release(p->path);
  fmi_release(p->prior);
  fmi_release(p->normaliser);
  fmi_release(p->cond_normaliser);
  *p = (fmi_parts){0};
}

fmi_parts fmi_parts_of(const fm_model *m) {
  return (fmi_parts){m->net, m->path, m->prior, m->normaliser, m->cond_normaliser, m->prediction};
}

/* ---- the model ------------------------------------------------------------------------------------ */

void fmi_model_destroy_parts(fm_model *m) {
  fmi_memory *memory = m->object.memory;
  fmi_parts parts = fmi_parts_of(m);
  fmi_parts_release(&parts);
  fmi_free(memory, m->params);
  fmi_free(memory, m->ema);
  fmi_free(memory, m->packed);
  for (size_t i = 0; i < m->n_notes; i++) {
    fmi_free(memory, m->notes[i].key);
    fmi_free(memory, m->notes[i].value);
  }
  fmi_free(memory, m->notes);
}

static void destroy(void *self) {
  fmi_model_destroy_parts(self);
  fmi_object_free(self);
}

static size_t packed_count(const fm_net *net) {
  size_t count = 0;
  for (size_t i = 0; i < net->n_nodes; i++)
    if (net->nodes[i].weight_out > 0)
      count = fmi_add_size(count, fmi_packed_count(net->nodes[i].weight_in, net->nodes[i].weight_out));
  return count;
}

fm_model *fmi_model_new(fmi_memory *memory, const fmi_parts *given, fmi_error *err) {
  fmi_parts parts = *given;
  if (fmi_parts_hold(memory, &parts, err) != FM_OK) return NULL;
  fm_model *m = fmi_object_create(memory, sizeof *m, destroy, err);
  if (m == NULL) {
    fmi_parts_release(&parts);
    return NULL;
  }
  m->net = parts.net;
  m->path = parts.path;
  m->prior = parts.prior;
  m->normaliser = parts.normaliser;
  m->cond_normaliser = parts.cond_normaliser;
  m->prediction = parts.prediction;
  m->params = fmi_alloc(memory, m->net->n_params, sizeof(real), err);
  m->ema = m->params ? fmi_alloc(memory, m->net->n_params, sizeof(real), err) : NULL;
  m->packed = m->ema ? fmi_alloc(memory, packed_count(m->net), sizeof(real), err) : NULL;
  if (m->packed != NULL) return m;
  fmi_release(m);
  return NULL;
}

/* The layout of a forward plan without the BLAS: weight after weight in node order. */
void fmi_model_pack(fm_model *m, const fmi_kernels *kernels) {
  real *packed = m->packed;
  for (size_t i = 0; i < m->net->n_nodes; i++) {
    const fmi_node *node = &m->net->nodes[i];
    if (node->weight_out == 0) continue;
    kernels->pack(node->weight_in, node->weight_out, m->ema + node->params, 1, node->weight_in, packed);
    packed += fmi_packed_count(node->weight_in, node->weight_out);
  }
}

static char *copy_text(fmi_memory *memory, const char *text, fmi_error *err) {
  size_t n = strlen(text) + 1;
  char *copy = fmi_alloc(memory, n, 1, err);
  if (copy != NULL) memcpy(copy, text, n);
  return copy;
}

static fm_status append_note(fm_model *m, const char *key, const char *value, fmi_error *err) {
  fmi_memory *memory = m->object.memory;
  fmi_note *notes = fmi_alloc(memory, m->n_notes + 1, sizeof *notes, err);
  if (notes == NULL) return FM_E_NOMEM;
  fmi_note note = {copy_text(memory, key, err), copy_text(memory, value, err)};
  if (note.key == NULL || note.value == NULL) {
    fmi_free(memory, note.key);
    fmi_free(memory, note.value);
    fmi_free(memory, notes);
    return FM_E_NOMEM;
  }
  if (m->n_notes) memcpy(notes, m->notes, m->n_notes * sizeof *notes);
  notes[m->n_notes] = note;
  fmi_free(memory, m->notes);
  m->notes = notes;
  m->n_notes++;
  return FM_OK;
}

fm_status fmi_model_add_note(fm_model *m, const char *key, const char *value, fmi_error *err) {
  for (size_t i = 0; i < m->n_notes; i++) {
    if (strcmp(m->notes[i].key, key) != 0) continue;
    char *copy = copy_text(m->object.memory, value, err);
    if (copy == NULL) return FM_E_NOMEM;
    fmi_free(m->object.memory, m->notes[i].value);
    m->notes[i].value = copy;
    return FM_OK;
  }
  return append_note(m, key, value, err);
}

const char *fmi_model_note(const fm_model *m, const char *key) {
  for (size_t i = 0; i < m->n_notes; i++)
    if (strcmp(m->notes[i].key, key) == 0) return m->notes[i].value;
  return NULL;
}

fm_status fmi_model_copy_notes(fm_model *to, const fm_model *from, const char *but, fmi_error *err) {
  for (size_t i = 0; i < from->n_notes; i++)
    if (but == NULL || strcmp(from->notes[i].key, but) != 0)
      FMI_TRY(fmi_model_add_note(to, from->notes[i].key, from->notes[i].value, err));
  return FM_OK;
}

/* A note is the caller's text: what isn't a number of steps is no wish. */
uint32_t fmi_model_euler_steps(const fm_model *m) {
  const char *text = fmi_model_note(m, FMI_NOTE_EULER_STEPS);
  uint32_t steps = 0;
  for (; text != NULL && *text != '\0'; text++) {
    if (*text < '0' || *text > '9' || steps > 100000) return 0;
    steps = 10 * steps + (uint32_t)(*text - '0');
  }
  return steps;
}
