/* sampler.h - rows carried through a model's flow, tile by tile, each worker in a workspace of its own. */
#ifndef FMI_SAMPLER_H
#define FMI_SAMPLER_H

#include "model/model.h"
#include "solve/solve.h"

typedef struct fmi_sample_slot {
  fmi_workspace work;
  void *solve;     /* the solver's workspace */
  double *y;       /* [tile][dim] state, normalised */
  double *shown;   /* [tile][dim] state in the data's units, for the trajectory */
  real *x;         /* [tile][dim] the network's input */
  real *cond;      /* [tile][cond_dim] of the tile, normalised */
  real *cond_now;  /* the same for the rows of one evaluation */
  int32_t *labels; /* [tile][n_class_columns] for the rows of one evaluation */
  double *t;       /* [tile] times of one evaluation, within the path's interval */
  void *noise;
  fm_solve_stats stats;
} fmi_sample_slot;

struct fm_sampler {
  fmi_object object;
  const fm_model *model;
  fmi_plan *plan;
  fmi_solve_config config;
  fm_sampler_options options;
  real *raw_packed; /* with raw_weights: the weights packed, else NULL */
  void *block;
  fmi_sample_slot *slots;
  size_t n_slots;
};

fm_sampler *fmi_sampler_new(const fmi_runtime *rt, const fm_model *model, const fmi_solve_config *config,
                            const fm_sampler_options *options, fmi_error *err);
fm_status fmi_sampler_set_model(fm_sampler *sampler, const fm_model *model, fmi_error *err);

/* One transport. x0 comes from the prior (draw) or from the rows themselves. */
typedef struct fmi_transport {
  fm_sampler *sampler;
  const fmi_runtime *rt;
  double t0, t1;
  bool draw;
  uint64_t seed, first_row;
  const int32_t *labels; /* [n][n_class_columns] or NULL */
  const float *cond;     /* [n][cond_dim] or NULL */
  size_t n;
  float *out_f32; /* one of the two, [n][dim] in the data's units; without draw also the input */
  double *out_f64;
  fm_trajectory_fn trajectory;
  void *trajectory_user;
  const double *times; /* [n_times] from t0 to t1, or NULL */
  size_t n_times;
  double *between;    /* [n_times][n][dim] in the data's units: the states at times, but the first and last */
  fm_row_stats *rows; /* [n] or NULL */
  double deadline;    /* on the clock; 0: none */
  atomic_bool stopped; /* one tile saw the wish to stop: all of them end */
} fmi_transport;
fm_status fmi_transport_run(fmi_transport *job, fm_solve_stats *stats, fmi_error *err);

/* The velocity of n normalised rows. */
fm_status fmi_sampler_velocity(fm_sampler *sampler, const float *x, const double *t, const int32_t *labels,
                               const float *cond, size_t n, float *out, fmi_error *err);
#endif
