/* runtime.h - what a context lends to a call: memory, threads, kernels, the wish to stop. */
#ifndef FMI_RUNTIME_H
#define FMI_RUNTIME_H

#include "core/pool.h"
#include "kern/kern.h"

typedef struct fmi_runtime {
  fmi_memory *memory;
  fmi_pool *pool;
  const fmi_kernels *kernels;
  bool use_blas;     /* large training products may go to the BLAS */
  atomic_bool *stop; /* set by fm_ctx_stop, cleared by the call that ends because of it */
} fmi_runtime;

static inline bool fmi_runtime_stopped(const fmi_runtime *rt) { return fmi_stop_heard(rt->stop); }

/* ---- a loop over independent items, shared by workers that have a slot of workspace each ---------- */

/* Items are taken in order by up to n_slots workers. Of several failures the one of the lowest item is
   reported, so that the report doesn't depend on threads. */
typedef struct fmi_loop {
  fm_status (*item)(void *job, size_t item, size_t slot, fmi_error *err);
  void *job;
  size_t n_items;
  size_t n_slots;
} fmi_loop;
fm_status fmi_loop_run(const fmi_runtime *rt, const fmi_loop *loop, fmi_error *err);

#endif
