/* callback.c - rows that the caller provides: a stream in its own order, or any rows by their index. */
#include "data/data.h"

typedef struct source {
  fm_data data;
  fm_pull_fn pull;
  fm_gather_fn gather;
  void *user;
} source;

static fm_status answered(int32_t answer, const char *name, fmi_error *err) {
  return answer == 0
             ? FM_OK
             : fmi_fail(err, FM_E_CALLBACK, "data: the caller's %s function returned %d", name, (int)answer);
}

static fm_status pull_rows(const fm_data *d, uint64_t first, size_t n, fmi_batch *b, fmi_error *err) {
  const source *s = (const source *)d;
  fm_pull_request request = {.struct_size = sizeof request,
                             .first_row = first,
                             .n = n,
                             .dim = d->dim,
                             .x1 = b->x1,
                             .x0 = d->pairs ? b->x0 : NULL,
                             .labels = d->n_class_columns ? b->labels : NULL,
                             .cond = d->cond_dim ? b->cond : NULL,
                             .weights = b->weights};
  for (size_t i = 0; i < n; i++) b->weights[i] = 1;
  return answered(s->pull(s->user, &request), "pull", err);
}

static fm_status gather_rows(const fm_data *d, const uint64_t *row, size_t n, fmi_batch *b, fmi_error *err) {
  const source *s = (const source *)d;
  fm_gather_request request = {.struct_size = sizeof request,
                               .n = n,
                               .dim = d->dim,
                               .row = row,
                               .x1 = b->x1,
                               .x0 = d->pairs ? b->x0 : NULL,
                               .labels = d->n_class_columns ? b->labels : NULL,
                               .cond = d->cond_dim ? b->cond : NULL,
                               .weights = b->weights};
  for (size_t i = 0; i < n; i++) b->weights[i] = 1;
  return answered(s->gather(s->user, &request), "gather", err);
}

static const fmi_data_kind pull_kind = {.read_on = pull_rows}, gather_kind = {.gather = gather_rows};

fm_data *fmi_data_new_callback(fmi_memory *memory, fm_pull_fn pull, fm_gather_fn gather, void *user,
                               fmi_error *err) {
  source *s = fmi_object_create(memory, sizeof *s, fmi_object_free, err);
  if (s == NULL) return NULL;
  s->data.kind = pull ? &pull_kind : &gather_kind;
  s->pull = pull;
  s->gather = gather;
  s->user = user;
  return &s->data;
}
