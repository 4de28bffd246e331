/* couple.h - which row of the source goes with which row of the data. A coupling is one file and one line in
   couple_list.def: what it needs, and how a batch is paired. */
#ifndef FMI_COUPLE_H
#define FMI_COUPLE_H

#include "core/pool.h"
#include "kern/kern.h"

/* A batch: row i of x0 and row i of x1 share labels and condition i. */
typedef struct fmi_batch_pair {
  const fmi_kernels *kernels;
  fmi_pool *pool;
  atomic_bool *stop;
  size_t n;
  const double *x0, *x1; /* [n][dim] */
  const int32_t *labels; /* [n][n_class_columns], or NULL: none */
  const double *cond;    /* [n][cond_dim], or NULL: none */
  uint64_t seed, first_row;
} fmi_batch_pair;

typedef struct fmi_coupling_kind {
  uint32_t kind;
  const char *name;
  bool costs, entropic,
      resamples; /* what it needs; whether it may take a row of the data twice or not at all */
  /* Fills x0_index and x1_index from the costs, and stats. */
  fm_status (*pair)(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err);
} fmi_coupling_kind;

struct fm_coupling {
  fmi_object object;
  const fmi_coupling_kind *kind;
  fm_coupling_options options; /* defaults filled in; "none" is 0 */
  size_t most, dim, n_class_columns, cond_dim;
  void *block;                   /* everything below */
  double *x0, *x1, *cond;        /* rows of callers, in double; NULL in a trainer, whose are */
  uint64_t *x0_index, *x1_index; /* [most] */
  double *columns;               /* x1 turned: [dim][n] */
  double *cost;                  /* [n][n], row i for x0 row i */
  double *f, *g; /* [n] each: duals of an assignment, potentials of an entropic plan, in units of
                                cost */
  double scale;  /* the mean cost of rows above the least, before the conditions' */
  double *row_sum, *row_least; /* [most] each: of costs */
  /* assignment */
  double *sample;               /* fmi_coupling_sample_count */
  int64_t *from;                /* [n] by column */
  double *distance, *open;      /* [n] by column */
  uint32_t *row_of, *column_of; /* [n] each */
  uint32_t *scanned;            /* [n] */
  double *at;                   /* [n] */
  /* entropic: P_ij = u_i kernel_ji v_j */
  double *kernel;              /* [n][n], row j for x1 row j */
  double *u, *v, *new_u, *sum; /* [n] each */
  size_t n;                    /* of the last pairing; 0: none */
  fm_coupling_stats stats;     /* of it */
};

const fmi_coupling_kind *fmi_coupling_kind_by_kind(uint32_t kind); /* NULL: unknown */

/* own_rows: with room for rows of callers. Options as they came; name is that of the struct in texts. */
fm_coupling *fmi_coupling_new(fmi_memory *memory, size_t n, size_t dim, size_t n_class_columns,
                              size_t cond_dim, const fm_coupling_options *options, bool own_rows,
                              const char *name, fmi_error *err);
/* Pairs a batch of at most `most` finite rows. FM_E_STEPS: the indexes are there all the same. */
fm_status fmi_coupling_pair(fm_coupling *coupling, const fmi_batch_pair *batch, fmi_error *err);
/* fm_coupling_plan. */
void fmi_coupling_plan(const fm_coupling *coupling, double *plan);

/* Fills coupling->cost and scale. */
fm_status fmi_coupling_costs(fm_coupling *coupling, const fmi_batch_pair *batch, fmi_error *err);
/* FM_STOPPED for the call that is to end. */
fm_status fmi_coupling_go_on(const fmi_batch_pair *batch, fmi_error *err);
size_t fmi_coupling_sample_count(size_t n);
/* The entropic plan and its pairs. relaxation INFINITY: balanced. */
fm_status fmi_coupling_entropic(fm_coupling *coupling, const fmi_batch_pair *batch, double regularisation,
                                double relaxation, fmi_error *err);
/* The regularisation that the options ask for on these costs. */
double fmi_coupling_regularisation(const fm_coupling *coupling);
#endif
