/* pool.h - running n independent tasks: on the caller's thread, on threads of the context's own, or on the
   host's executor. Tasks may run in any order; results must not depend on it. */
#ifndef FMI_POOL_H
#define FMI_POOL_H

#include "core/core.h"

typedef struct fmi_pool fmi_pool;

/* n_threads counts the caller. With options->run no thread is started. NULL and err on failure. */
fmi_pool *fmi_pool_create(fmi_memory *memory, const fm_ctx_options *options, fmi_error *err);
void fmi_pool_destroy(fmi_pool *pool);
size_t fmi_pool_width(const fmi_pool *pool); /* how many tasks can run at once */

/* Calls task(arg, i) for i < n and returns when all are done. FM_E_FORKED in a forked child of a process
   whose pool has threads; FM_E_CALLBACK if the host's executor failed or left out tasks. */
fm_status fmi_pool_run(fmi_pool *pool, size_t n, void (*task)(void *arg, size_t i), void *arg,
                       fmi_error *err);

/* The wish to stop, set by fm_ctx_stop: true once, for the call that ends because of it. */
static inline bool fmi_stop_heard(atomic_bool *stop) {
  return atomic_load_explicit(stop, memory_order_relaxed) && atomic_exchange(stop, false);
}
#endif
