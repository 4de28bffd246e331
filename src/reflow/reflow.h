/* reflow.h - a model trained on pairs of its own flow's ends: rounds of reflow, then distillation. */
#ifndef FMI_REFLOW_H
#define FMI_REFLOW_H

#include "flowmatch_reflow.h"
#include "sample/sampler.h"
#include "train/trainer.h"

/* ---- rows of the source with their conditions: what a flow starts from -------------------------------- */

/* Normalised; what the net has none of is NULL. A condition that starts with NaN is absent. */
typedef struct fmi_ends {
  real *x0, *x1;   /* [n][dim]; x1 NULL: not asked for */
  int32_t *labels; /* [n][n_class_columns] */
  float *cond;     /* [n][cond_dim] */
  float *weights;  /* [n] */
} fmi_ends;

/* ---- the pool ------------------------------------------------------------------------------------------ */

/* Pairs generated at a time: 20 tiles, so that threads have something to share. */
#define FMI_POOL_BLOCK 960u

/* A bounded number of pairs, as data for a trainer: a stream of passes over all of them, each in an order of
   its own. After every pass the oldest are generated anew. Everything is in normalised coordinates, because a
   column that is constant in the data has a source there, and none in the data's units. */
typedef struct fmi_pool {
  fm_data data; /* of pairs; checked */
  const fmi_runtime *rt;
  fm_sampler *teacher;       /* not retained */
  const fm_data *conditions; /* where they are drawn from; NULL: there are none. Not retained */
  uint64_t seed;
  size_t n, n_null;    /* pairs; the first n_null have the null condition */
  size_t n_renewed;    /* after every pass */
  size_t oldest;       /* the pair to be renewed next */
  uint64_t next_row;   /* of the source: no row is drawn twice */
  uint64_t next_given; /* row of conditions */
  uint64_t nfe;
  fmi_ends pairs;
  fmi_batch rows; /* [block] of conditions */
  double *ends;   /* [block][dim] */
  void *noise;
  void *block;
} fmi_pool;

typedef struct fmi_pool_options {
  const fm_net *net;
  const fm_data *conditions;
  uint64_t seed;
  size_t n, n_renewed;
  double null_share; /* of the pairs, where the net has conditions */
} fmi_pool_options;

fmi_pool *fmi_pool_new(const fmi_runtime *rt, const fmi_pool_options *options, fmi_error *err);
/* The teacher's source and flow make pairs first .. first + n, at most a block, which were there before or
   not. */
fm_status fmi_pool_generate(fmi_pool *pool, size_t first, size_t n, fmi_error *err);
/* n rows, at most a block, of the model's source with conditions as pairs have them, but none with the null
   condition: to ends, whose x1 is NULL. They are no rows of any pair. */
fm_status fmi_pool_draw_source(fmi_pool *pool, const fm_model *model, uint64_t seed, uint64_t first, size_t n,
                               const fmi_ends *ends, fmi_error *err);
/* Room for n ends of the net out of an arena. */
fmi_ends fmi_ends_take(fmi_arena *arena, const fm_net *net, size_t n, bool flow);
/* The ends from row i on. */
fmi_ends fmi_ends_from(const fmi_ends *ends, const fm_net *net, size_t i);

/* ---- straightness -------------------------------------------------------------------------------------- */

/* S of the sampler's model over n rows `start` by n_steps Euler steps; sums [n] is scratch. */
fm_status fmi_straightness(const fmi_runtime *rt, fm_sampler *sampler, const fmi_ends *start, size_t n,
                           uint64_t n_steps, double *sums, double *straightness, fmi_error *err);

/* ---- the rounds ---------------------------------------------------------------------------------------- */

/* What fm_reflow is asked for; options with defaults filled in, where "none" is 0. */
typedef struct fmi_reflow_job {
  const fm_model *model;
  const fm_data *data;
  const fm_optimizer *optimizer;
  fm_solver_options solver;
  fm_reflow_options options;
  fm_trainer_options training;
} fmi_reflow_job;
/* *out as in fm_reflow. */
fm_status fmi_reflow(const fmi_runtime *rt, const fmi_reflow_job *job, fm_model **out, fm_reflow_stats *stats,
                     fmi_error *err);
#endif
