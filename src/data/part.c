/* part.c - some of another source's rows: a random choice without a list of them. */
#include "data/data.h"

#include "core/rng.h"

#define BLOCK 64u

typedef struct part {
  fm_data data;
  const fm_data *whole;
  uint64_t seed;
  size_t first;
} part;

static void destroy(void *self) {
  part *p = self;
  fmi_release(p->whole);
  fmi_object_free(p);
}

static fm_status gather(const fm_data *data, const uint64_t *row, size_t n, fmi_batch *out, fmi_error *err) {
  const part *p = (const part *)data;
  uint64_t rows[BLOCK];
  for (size_t done = 0; done < n; done += BLOCK) {
    size_t now = fmi_min(BLOCK, n - done);
    /* An epoch that training never reaches: its order is independent of theirs. */
    for (size_t i = 0; i < now; i++)
      rows[i] = fmi_rng_shuffled(p->seed, UINT64_MAX, p->whole->n, p->first + row[done + i]);
    fmi_batch rest = fmi_batch_from(data, out, done);
    FMI_TRY(p->whole->kind->gather(p->whole, rows, now, &rest, err));
  }
  return FM_OK;
}

static const fmi_data_kind kind = {.gather = gather};

fm_data *fmi_data_new_part(const fm_data *whole, uint64_t seed, size_t first, size_t n, fmi_error *err) {
  part *p = fmi_object_create(whole->object.memory, sizeof *p, destroy, err);
  if (p == NULL) return NULL;
  fmi_object object = p->data.object;
  p->data = *whole;
  p->data.object = object;
  p->data.kind = &kind;
  p->data.n = n;
  p->whole = fmi_retain(whole);
  p->seed = seed;
  p->first = first;
  return &p->data;
}
