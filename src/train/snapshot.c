/* snapshot.c - see snapshot.h. A block's reference count is 0 while it is free. The store keeps one reference
   on the latest block; a block with any reference keeps the store alive; closing breaks that circle. */
#include "train/snapshot.h"

#include "core/os.h"

struct fmi_store {
  fmi_object object;
  size_t n;
  fm_model **models;
  fm_model *latest;
  atomic_llong holder; /* of the lock of latest, which is held for a few instructions: a process, or 0 */
};

/* A process may fork while a thread of it has the lock. In the child that thread doesn't exist, so the lock of
   another process is taken over: every state between is fine, at worst a block stays held. */
static void lock(fmi_store *s) {
  const long long self = fmi_os_process();
  long long found = 0;
  while (!atomic_compare_exchange_weak_explicit(&s->holder, &found, self, memory_order_acquire,
                                                memory_order_relaxed))
    if (found == self) found = 0;
}

static void unlock(fmi_store *s) { atomic_store_explicit(&s->holder, 0, memory_order_release); }

static void destroy(void *self) {
  fmi_store *s = self;
  for (size_t i = 0; i < s->n && s->models; i++) {
    if (s->models[i] == NULL) continue;
    fmi_model_destroy_parts(s->models[i]);
    fmi_object_free(s->models[i]);
  }
  fmi_free(s->object.memory, s->models);
  fmi_object_free(s);
}

/* The last reference on a block is gone: it is free again. */
static void give_back(void *self) { fmi_release(((fm_model *)self)->store); }

fmi_store *fmi_store_new(fmi_memory *memory, const fmi_parts *parts, size_t n_models, fmi_error *err) {
  fmi_store *s = fmi_object_create(memory, sizeof *s, destroy, err);
  if (s == NULL) return NULL;
  atomic_init(&s->holder, 0);
  s->n = n_models;
  s->models = fmi_alloc(memory, n_models, sizeof(fm_model *), err);
  for (size_t i = 0; s->models && i < n_models; i++) {
    fm_model *m = s->models[i] = fmi_model_new(memory, parts, err);
    if (m == NULL) break;
    m->store = s;
    m->object.destroy = give_back;
    atomic_store(&m->object.refs, 0);
  }
  if (s->models && (n_models == 0 || s->models[n_models - 1])) return s;
  fmi_release(s);
  return NULL;
}

static void replace_latest(fmi_store *s, fm_model *block) {
  lock(s);
  fm_model *old = s->latest;
  s->latest = block;
  unlock(s);
  fmi_release(old);
}

void fmi_store_close(fmi_store *s) {
  if (s == NULL) return;
  replace_latest(s, NULL);
  fmi_release(s);
}

fm_model *fmi_store_free_block(fmi_store *s) {
  for (size_t i = 0; i < s->n; i++)
    if (atomic_load_explicit(&s->models[i]->object.refs, memory_order_acquire) == 0) return s->models[i];
  return NULL;
}

void fmi_store_publish(fmi_store *s, fm_model *block) {
  fmi_retain(s);
  atomic_store_explicit(&block->object.refs, 1, memory_order_release);
  replace_latest(s, block);
}

fm_model *fmi_store_latest(fmi_store *s) {
  lock(s);
  fm_model *m = fmi_retain(s->latest);
  unlock(s);
  return m;
}
