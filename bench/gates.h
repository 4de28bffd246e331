/* gates.h - the promises that are measured, one file each. A gate prints lines of measured value and bound;
   any value over its bound fails the program. */
#ifndef BENCH_GATES_H
#define BENCH_GATES_H

#include "bench.h"

typedef struct gate_log {
  size_t n_failed;
} gate_log;

/* One line; value <= bound passes. Not-a-number never passes. */
void gate_check(gate_log *log, const char *what, double value, double bound);
/* One line that is printed only. */
void gate_inform(const char *what, double value);
void gate_note(const char *text);

/* The same bits for any batch split, thread count and executor. */
void gate_bits_sampling(gate_log *log);
void gate_bits_training(gate_log *log);
/* No allocation after creation. */
void gate_alloc(gate_log *log);
/* A training step against its matrix products. */
void gate_speed(gate_log *log);
/* No CPU time on threads other than the caller's. The parent starts `program` again, without the variables
   that would keep the BLAS on one thread; the child's exit status is its number of failures. */
void gate_quiet(gate_log *log, const char *program);
int gate_quiet_child(void);
#define GATE_QUIET_CHILD "--quiet-child"

/* ---- what the gates are measured on ------------------------------------------------------------- */

#define GATE_DIM 9u /* not a multiple of any vector length */
#define GATE_CLASSES 5u

/* A small net of the kind with one class column. */
fm_net *gate_net_create(fm_ctx *ctx, uint32_t kind);
/* A model of it whose every weight is non-zero (initial weights make a residual MLP's velocity zero), with
   statistics. */
fm_model *gate_model_create(fm_ctx *ctx, uint32_t kind);
/* n labels, -1 (the null class) among them. */
void gate_labels(int32_t *labels, size_t n);

/* A context with n_threads threads; with reversed, tasks are run by an executor, the last first. */
fm_ctx *gate_ctx_create(uint32_t n_threads, bool reversed);

#endif
