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
  double *t;       /* [tile][n_times] times of one evaluation, within the path's interval */
  void *noise;
  fm_solve_stats stats;
  /* of samplers with a divergence */
  fmi_workspace jacobian;
  double *state;        /* [tile][dim + n_logs] the state and its log-densities */
  double *found;        /* [3][tile] log-densities, their errors, and log-densities by half as many steps */
  double *probes;       /* [tile][n_logs][dim]; none if the divergence is exact */
  real *dx;             /* [tile][dim] directions */
  real *d_x, *velocity; /* [tile][dim] what a transposed product gives, and the velocity beside it */
  fm_row_stats *rows;   /* [tile] */
  size_t n_coarse, first_coarse;
} fmi_sample_slot;

struct fm_sampler {
  fmi_object object;
  const fm_model *model;
  fmi_plan *plan;
  fmi_solve_config config;
  fm_sampler_options options;
  real *raw_packed;              /* with raw_weights: the weights packed, else NULL */
  fmi_plan *jacobian;            /* with a divergence: of the network's Jacobian, else NULL */
  size_t n_logs;                 /* log-densities that a row carries: 1, or one a probe; 0: none */
  fmi_solve_config check_config; /* fixed steps: half as many */
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
  const double *in;      /* [n][dim] where out is not the input too */
  const int32_t *labels; /* [n][n_class_columns] or NULL */
  const float *cond;     /* [n][cond_dim] or NULL */
  size_t n;
  float *out_f32; /* one of the two, [n][dim] in the data's units; without draw and `in` also the input */
  double *out_f64;
  fm_trajectory_fn trajectory;
  void *trajectory_user;
  bool trajectory_within; /* in normalised units, and from whichever thread */
  const double *times; /* [n_times] from t0 to t1, or NULL */
  size_t n_times;
  double *between;    /* [n_times][n][dim] in the data's units: the states at times, but the first and last */
  fm_row_stats *rows; /* [n] or NULL */
  double deadline;    /* on the clock; 0: none */
  atomic_bool stopped; /* one tile saw the wish to stop: all of them end */
} fmi_transport;
fm_status fmi_transport_run(fmi_transport *job, fm_solve_stats *stats, fmi_error *err);

/* Rows first .. first + n of a job, in a slot's workspace. */
typedef struct fmi_tile {
  fmi_transport *job;
  fmi_sample_slot *slot;
  size_t first, n;
  size_t failed_row, failed_column; /* the first that is not finite in the data's units */
  double failed_x;
  bool failed;
} fmi_tile;

/* What a transport is made of, for the ways of carrying rows that do more. */
void fmi_transport_begin(fmi_transport *job);
fm_status fmi_transport_check(void *job); /* as the control of a solve */
/* Rows that fail, or hurry to the end, are no reason to leave others where they are. */
bool fmi_transport_goes_on(fm_status status);
void fmi_transport_collect(const fm_sampler *sampler, fm_solve_stats *total);
/* Conditions of the tile, and its normalised rows at t0 to slot->y [n][dim]. */
fm_status fmi_tile_start(const fmi_tile *tile, fmi_error *err);
/* What the network sees of rows `row` [n] of the job at times t [n], their states in slot->x. */
fmi_rows fmi_tile_gather(const fmi_tile *tile, size_t n, const uint64_t *row, const double *t);
fmi_weights fmi_sampler_weights(const fm_sampler *sampler);
/* The right-hand side of a tile's solve; user is the fmi_tile. */
fm_status fmi_tile_velocity(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                            double *dxdt, fmi_error *err);
/* Times [n][n_times] as the network was trained: a solver's first and last ones may be where the path is
   singular. The mean velocity from a time to itself is the velocity. */
const double *fmi_sampler_times(const fm_sampler *sampler, const double *t, size_t n, double *clipped);

/* Rows with their log-densities; flow draws them, or has them in `in`. */
typedef struct fmi_density {
  fmi_transport flow;
  double *log_density; /* [n] out */
  double *error;       /* [n] out, or NULL */
} fmi_density;
fm_status fmi_density_run(fmi_density *job, fm_solve_stats *stats, fmi_error *err);
/* Whether a model has log-densities: FM_E_UNSUPPORTED says why not. */
fm_status fmi_density_check(const fm_model *model, fmi_error *err);
/* Probes of row `row` for Hutchinson's estimate: z [n_probes][dim]. scratch: fmi_prior_scratch(dim). */
void fmi_probes(const fmi_kernels *kernels, uint32_t divergence, uint64_t seed, uint64_t row, size_t n_probes,
                size_t dim, double *z, void *scratch);
/* The right-hand side of the state and its log-densities; user is the fmi_tile. */
fm_status fmi_density_rhs(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                          double *dxdt, fmi_error *err);

/* The path as the solver's x1 form: whether the model has one, and it. */
fm_status fmi_x1_form_check(const fm_model *model, fmi_error *err);
fmi_x1_form fmi_x1_form_of(const fm_model *model);

/* The solver's mean velocity: whether a model has one, and the one of a tile. */
fm_status fmi_mean_form_check(const fm_model *model, fmi_error *err);
fmi_mean_form fmi_mean_form_of(fmi_tile *tile);

/* Draws by a stochastic equation: whether a model has one, and the one of a tile. */
fm_status fmi_sde_check(const fm_model *model, fmi_error *err);
fmi_diffusion fmi_sde_of(fmi_tile *tile);
/* A step to t_next that goes on to *beyond: *keep of its result and *size of noise are a row at t_next, since
   both have the same alpha, and the squares of their sigma add up. */
fm_status fmi_sde_overshoot(const fm_path *path, double level, double t, double t_next, double *beyond,
                            double *keep, double *size, fmi_error *err);
/* dxdt [n][dim], the velocity at (t, x), becomes dxdt + half_g2 score; scores [n][dim] is scratch. */
fm_status fmi_sde_add_score(const fm_path *path, size_t n, size_t dim, const double *t, const double *x,
                            double half_g2, double *scores, double *dxdt, fmi_error *err);

/* The velocity of n normalised rows. */
fm_status fmi_sampler_velocity(fm_sampler *sampler, const float *x, const double *t, const int32_t *labels,
                               const float *cond, size_t n, float *out, fmi_error *err);
#endif
