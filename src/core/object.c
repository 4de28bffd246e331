/* object.c - reference counts, so that handles can be destroyed in any order and from any thread. */
#include "core/core.h"

void *fmi_object_create(fmi_memory *memory, size_t bytes, void (*destroy)(void *self), fmi_error *err) {
  fmi_object *object = fmi_alloc(memory, 1, bytes, err);
  if (object == NULL) return NULL;
  atomic_init(&object->refs, 1);
  fmi_memory_retain(memory);
  object->memory = memory;
  object->destroy = destroy;
  return object;
}

void fmi_object_free(void *self) {
  fmi_memory *memory = ((fmi_object *)self)->memory;
  fmi_free(memory, self);
  fmi_memory_release(memory);
}

/* Handles are const to their users; the count is the one thing that changes. */
static fmi_object *counted(const void *object) { return (fmi_object *)(uintptr_t)object; }

void *fmi_retain(const void *object) {
  fmi_object *o = counted(object);
  if (o != NULL) atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
  return o;
}

void fmi_release(const void *object) {
  fmi_object *o = counted(object);
  if (o != NULL && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1) o->destroy(o);
}
