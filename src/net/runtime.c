/* runtime.c - loops over items with a slot of workspace for each worker. */
#include "net/runtime.h"

typedef struct shared_loop {
  const fmi_loop *loop;
  atomic_size_t next;
  atomic_flag lock; /* of the two below */
  size_t failed_item;
  fmi_error *err;
} shared_loop;

static void report(shared_loop *s, size_t item, const fmi_error *err) {
  while (atomic_flag_test_and_set_explicit(&s->lock, memory_order_acquire)) {
  }
  if (item < s->failed_item) {
    s->failed_item = item;
    *s->err = *err;
  }
  atomic_flag_clear_explicit(&s->lock, memory_order_release);
}

static void work(void *arg, size_t slot) {
  shared_loop *s = arg;
  for (size_t i; (i = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed)) < s->loop->n_items;) {
    fmi_error err = {.status = FM_OK};
    if (s->loop->item(s->loop->job, i, slot, &err) != FM_OK) report(s, i, &err);
  }
}

fm_status fmi_loop_run(const fmi_runtime *rt, const fmi_loop *loop, fmi_error *err) {
  fmi_error failure = {.status = FM_OK};
  shared_loop s = {.loop = loop, .lock = ATOMIC_FLAG_INIT, .failed_item = SIZE_MAX, .err = &failure};
  atomic_init(&s.next, 0);
  size_t workers = fmi_min(fmi_min(fmi_pool_width(rt->pool), loop->n_slots), loop->n_items);
  FMI_TRY(fmi_pool_run(rt->pool, workers, work, &s, err));
  if (s.failed_item != SIZE_MAX && err != NULL) *err = failure;
  return s.failed_item == SIZE_MAX ? FM_OK : failure.status;
}
