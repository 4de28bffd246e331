/* floor.h - the limits that the library is measured against.

   A training step of an MLP with L linear layers can't do less than its matrix products: L forward, L for the
   weights' gradients, L - 1 for the layers' inputs. Its floor is these 3L - 1 calls of cblas_sgemm, bare,
   over the whole batch, on one thread. The floor of one sampled row is reading its weights once per
   evaluation. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "bench.h"

typedef struct bench_floor bench_floor;

/* NULL where the build has no BLAS. */
bench_floor *bench_floor_create(const bench_size *size);
void bench_floor_destroy(bench_floor *floor);
void bench_floor_run(void *floor);

/* PROCESS-WIDE: how many threads the BLAS may use. Contexts made before keep what they chose. */
void bench_blas_set_threads(int n);
int bench_blas_get_threads(void); /* 0: no BLAS */

typedef struct bench_read {
  const void *block;
  size_t bytes;
  size_t times;   /* over the block in one run */
  size_t streams; /* places it is read at in turn: whatever is fastest here */
} bench_read;

/* The bytes of the MLP's weights as the kernels read them: panels of FMI_NR columns. */
size_t bench_packed_bytes(const bench_size *size);
/* Tries numbers of streams: what a cache answers best, and what memory does, differ. */
void bench_read_create(bench_read *read, size_t bytes, size_t times);
void bench_read_destroy(bench_read *read);
void bench_read_run(void *read);

#endif
