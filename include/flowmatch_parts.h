/*
 * flowmatch_parts.h - the parts of flowmatch.h by themselves, and your own in their place
 * SPDX-License-Identifier: MIT
 *
 * flowmatch.h makes the parts, trains and draws with them. This header is for who needs more of a part:
 *
 *   used alone     what a context works with, a path's coefficients and conversions, a prior's rows and
 *                  density, a network's velocity and its derivatives, an optimiser's step, a solver on any
 *                  right-hand side, statistics and weights as numbers, the loss of rows, couplings, rows
 *                  carried through the flow with what that took, their log-densities, draws with noise;
 *   of your own    a path, a prior, a network, a source of rows, times and weights of training, the cost of a
 *                  pair, the sum of gradients over processes, each by a callback.
 *
 * The conventions stand in flowmatch.h.
 */
#ifndef FLOWMATCH_PARTS_H
#define FLOWMATCH_PARTS_H

#include "flowmatch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Context ------------------------------------------------------------------------------------- */

/* How a context does work. */
typedef struct fm_ctx_info {
  uint64_t struct_size;
  uint32_t n_threads;    /* at work, the caller's included */
  uint32_t blas_threads; /* as the BLAS reports, 0 if it doesn't say or there is none */
  uint32_t blas_used;    /* 1 if large training products go to the BLAS */
  uint32_t isa;          /* FM_ISA_... in use */
  char blas_name[64];    /* "OpenBLAS 0.3.21 ...", "BLIS ...", "none" */
} fm_ctx_info;

/* Fills as much of info as its struct_size says; set that first (fm_ctx_info_init). */
FM_API fm_status fm_ctx_get_info(fm_ctx *ctx, fm_ctx_info *info);

/* ---- Paths --------------------------------------------------------------------------------------- */

/* The coefficients of x_t and their time derivatives at one time. */
typedef struct fm_path_coefficients {
  uint64_t struct_size;
  double alpha, sigma, gamma;       /* of x1, of x0, of eps */
  double d_alpha, d_sigma, d_gamma; /* d/dt */
} fm_path_coefficients;

/* Fills all six fields but struct_size for 0 <= t <= 1. May be called from several threads at once. */
typedef int32_t (*fm_path_fn)(void *user, double t, fm_path_coefficients *out);

/* What a row of a path can be described by, together with x_t. */
#define FM_VELOCITY 0u /* u = dx/dt */
#define FM_X1 1u       /* the data end */
#define FM_X0 2u       /* the source end; with a Gaussian prior, the noise */
#define FM_SCORE 3u    /* grad log p_t = -x0 / sigma; standard Gaussian prior and independent pairs only */

/* A path of the caller's. It must satisfy alpha(0) = 0 or small, alpha(1) = 1, sigma(1) = 0 or small, and be
   finite on [0, 1]; coefficients are checked at 65 points (FM_E_NONFINITE names the time). `user` must stay
   valid while the path or anything made from it lives. A model with such a path can't be saved. */
FM_API fm_status fm_path_create_custom(fm_ctx *ctx, fm_path_fn fn, void *user, fm_path **out);
FM_API uint32_t fm_path_kind(const fm_path *path); /* FM_PATH_..., 0 for NULL */
/* As fm_path_create_named has it, without parameters; "custom" if it is the caller's, NULL for NULL. */
FM_API const char *fm_path_name(const fm_path *path);
/* The parameters in use, defaults filled in: writes at most n to params, returns how many the path has. */
FM_API size_t fm_path_params(const fm_path *path, double *params, size_t n);
/* The regular interval, the times at which the velocity is trained and evaluated: [0, 1], but 1e-4 from an
   end where a coefficient's derivative is infinite. Solvers still go from 0 to 1: outside the velocity is
   that of the interval's end. */
FM_API fm_status fm_path_interval(fm_ctx *ctx, const fm_path *path, double *first, double *last);
/* The time *t in [0, 1] at which alpha / sigma = snr, to rounding. FM_E_DOMAIN outside the ratios of the
   ends: from 0 on for most kinds, to INFINITY where sigma(1) = 0. In a path of the caller's the ratio must
   rise. */
FM_API fm_status fm_path_snr_inverse(fm_ctx *ctx, const fm_path *path, double snr, double *t);
/* The coefficients at t; FM_E_DOMAIN outside [0, 1] and where a derivative is infinite. Set
   out->struct_size first. */
FM_API fm_status fm_path_coefficients_at(fm_ctx *ctx, const fm_path *path, double t,
                                         fm_path_coefficients *out);
/* x_t and the target u_t of n rows. x0, x1 [n][dim]; eps [n][dim] or NULL if gamma is 0; t [n].
   xt, ut [n][dim]; either may be NULL. */
FM_API fm_status fm_path_interpolate(fm_ctx *ctx, const fm_path *path, const double *x0, const double *x1,
                                     const double *eps, const double *t, size_t n, size_t dim, double *xt,
                                     double *ut);
/* Converts between descriptions of the same rows: `value` of kind `from` (FM_VELOCITY ...) at (t, x) to
   kind `to`. Exact inverses on the path's regular interval; at the ends limits, and where one doesn't exist
   (D = alpha' sigma - alpha sigma' is 0 at t = 0 in a polynomial path, say) FM_E_DOMAIN names the row. x,
   value, out [n][dim], t [n]; out may be value. Paths with gamma != 0 are FM_E_UNSUPPORTED. */
FM_API fm_status fm_path_convert(fm_ctx *ctx, const fm_path *path, uint32_t from, uint32_t to,
                                 const double *t, const double *x, const double *value, size_t n,
                                 size_t dim, double *out);

/* States of two paths with equal alpha / sigma are equal up to a factor, so a velocity v(x, t) of one makes a
   flow along the other (Karras et al., NeurIPS 2022; docs/diffusion.md):
   u(y, r) = d_scale / scale y + scale d_time v(y / scale, time). */
typedef struct fm_path_change {
  uint64_t struct_size;
  double time, d_time;   /* t on the path, and dt/dr */
  double scale, d_scale; /* s with y = s x, and ds/dr */
} fm_path_change;

/* The change from `path` to the path `to` at its time r. FM_E_DOMAIN where a derivative of `to` is infinite,
   where `path` has no such alpha / sigma, and where a velocity of `path` doesn't tell that of `to`. Paths
   with gamma != 0 are FM_E_UNSUPPORTED. Set out->struct_size first. */
FM_API fm_status fm_path_transform(fm_ctx *ctx, const fm_path *path, const fm_path *to, double r,
                                   fm_path_change *out);

/* ---- Priors -------------------------------------------------------------------------------------- */

/* Writes n rows of the source, first_row on, in the data's units (the model's normaliser is applied). A
   row must depend on (seed, its index) alone, or "same bits" is lost. May be called from several threads. */
typedef struct fm_prior_request {
  uint64_t struct_size;
  uint64_t seed; /* of the draw */
  uint64_t first_row;
  uint64_t n;
  uint64_t dim;
  double *x0; /* out, [n][dim] */
  FM_TAIL_32
} fm_prior_request;
typedef int32_t (*fm_prior_fn)(void *user, const fm_prior_request *request);
/* Writes the log-densities of n rows, in the data's units; -INFINITY where the density is 0. */
typedef struct fm_log_density_request {
  uint64_t struct_size;
  uint64_t n;
  uint64_t dim;
  const double *x;     /* [n][dim] */
  double *log_density; /* out, [n] */
} fm_log_density_request;
typedef int32_t (*fm_log_density_fn)(void *user, const fm_log_density_request *request);

/* `user` must stay valid while the prior or anything made from it lives. Models with it can't be saved. */
FM_API fm_status fm_prior_create_callback(fm_ctx *ctx, fm_prior_fn fn, void *user, fm_prior **out);
/* With its log-density, so that fm_prior_log_density answers. */
FM_API fm_status fm_prior_create_callback_density(fm_ctx *ctx, fm_prior_fn fn, fm_log_density_fn log_density,
                                                  void *user, fm_prior **out);
/* The natural logarithm of the prior's density at n rows x [n][dim], in the prior's units (normalised for
   the Gaussian, the data's for the others): out [n], -INFINITY where it is 0. FM_E_UNSUPPORTED for rows, and
   for a callback without one. If a callback fails or writes what is no number, out may be written. */
FM_API fm_status fm_prior_log_density(fm_ctx *ctx, const fm_prior *prior, const double *x, size_t n,
                                      size_t dim, double *out);
/* Rows first_row .. first_row + n of the source that seed names, in the data's units: out [n][dim]. They are
   where fm_sampler_draw with this seed begins. normaliser NULL: identity. Allocates a workspace for the call.
   On FM_E_CALLBACK and FM_E_NONFINITE, of a callback, out may be written. */
FM_API fm_status fm_prior_draw(fm_ctx *ctx, const fm_prior *prior, const fm_normaliser *normaliser,
                               uint64_t seed, uint64_t first_row, size_t n, size_t dim, double *out);

/* ---- Normalisers --------------------------------------------------------------------------------- */

/* Given statistics: normalised = (x - shift) / scale; scale >= 0, finite. shift, scale [dim]. */
FM_API fm_status fm_normaliser_create(fm_ctx *ctx, const double *shift, const double *scale, size_t dim,
                                      fm_normaliser **out);
/* Copies the statistics out: shift, scale [dim]; either may be NULL. */
FM_API fm_status fm_normaliser_get(fm_ctx *ctx, const fm_normaliser *normaliser, double *shift,
                                   double *scale);

/* ---- Networks ------------------------------------------------------------------------------------ */

/* Parameter tensors in block order. FM_E_INVALID past the last. name is valid while the net lives; shape
   has up to 3 entries, unused ones 0. Outputs may be NULL. */
FM_API fm_status fm_net_tensor(fm_ctx *ctx, const fm_net *net, size_t index, const char **name,
                               size_t *offset, uint64_t shape[3]);
/* Initial parameters, the same for the same seed: params [n_params]. */
FM_API fm_status fm_net_init(fm_ctx *ctx, const fm_net *net, uint64_t seed, float *params);
/* The times that a row has: 1, or 2, t and r, for a mean velocity on [t, r]; 0 for NULL. */
FM_API size_t fm_net_n_times(const fm_net *net);
/* The network itself on normalised rows: params [n_params], x [n][dim], t [n][n_times], labels
   [n][n_class_columns] or NULL (null class), cond [n][cond_dim] or NULL (absent), out [n][dim].
   Unlike fm_sampler_velocity, these three allocate their workspace for the call. */
FM_API fm_status fm_net_velocity(fm_ctx *ctx, const fm_net *net, const float *params, const float *x,
                                 const double *t, const int32_t *labels, const float *cond, size_t n,
                                 float *out);
/* Vector-Jacobian products: d_out [n][dim] in; d_x [n][dim] and d_params [n_params] are written, either may
   be NULL. */
FM_API fm_status fm_net_vjp(fm_ctx *ctx, const fm_net *net, const float *params, const float *x,
                            const double *t, const int32_t *labels, const float *cond, const float *d_out,
                            size_t n, float *d_x, float *d_params);
/* Jacobian-vector product J(x) dx + du/dt dt: dx [n][dim] or NULL, dt [n][n_times] or NULL; out, d_out
   [n][dim], out may be NULL. FM_E_UNSUPPORTED for custom networks. */
FM_API fm_status fm_net_jvp(fm_ctx *ctx, const fm_net *net, const float *params, const float *x,
                            const double *t, const int32_t *labels, const float *cond, const float *dx,
                            const double *dt, size_t n, float *out, float *d_out);

/* What a custom network's callbacks get. Rows are independent; may be called from several threads. */
typedef struct fm_net_call {
  uint64_t struct_size;
  uint64_t n;            /* rows */
  uint64_t dim;
  const float *params;   /* [n_params] */
  const float *x;        /* [n][dim], normalised */
  const double *t;       /* [n] */
  const int32_t *labels; /* [n][n_class_columns], -1 is the null class; NULL: the null class in every row */
  const float *cond;     /* [n][cond_dim], normalised; rows without it start with NaN. NULL: no row has it */
  float *velocity;       /* forward: out, [n][dim] */
  const float *d_velocity; /* vjp: in, [n][dim] */
  float *d_x;            /* vjp: out, [n][dim], or NULL if not wanted */
  float *d_params;       /* vjp: add the gradient over all n rows to it, [n_params], or NULL */
  FM_TAIL_32
} fm_net_call;
typedef int32_t (*fm_net_fn)(void *user, const fm_net_call *call);
/* Writes the initial parameters: params [n_params]. */
typedef int32_t (*fm_net_init_fn)(void *user, uint64_t seed, float *params, size_t n_params);

/* The caller's own network. init may be NULL (parameters start at 0). `user` must stay valid while the net
   or anything made from it lives. Models with it can't be saved, their parameters can be copied out. */
FM_API fm_status fm_net_create_custom(fm_ctx *ctx, size_t dim, const uint32_t *n_classes,
                                      size_t n_class_columns, size_t cond_dim, size_t n_params,
                                      fm_net_fn forward, fm_net_fn vjp, fm_net_init_fn init, void *user,
                                      fm_net **out);

/* ---- Optimisers ---------------------------------------------------------------------------------- */

/* The length of the state block for n_params parameters, in floats. Start it at zero. */
FM_API size_t fm_optimizer_state_count(const fm_optimizer *optimizer, size_t n_params);
/* The rate of the given step, counted from 1; what evaluations make of a plateau's rate is not in it. */
FM_API double fm_optimizer_rate(const fm_optimizer *optimizer, uint64_t step);
/* One update in place: params, grad [n_params], state [fm_optimizer_state_count]. step counts from 1. The
   gradient's norm before clipping is written to *grad_norm unless NULL. grad is not changed. A non-finite
   number in grad, params or state is named by array and index. FM_OPTIMIZER_MUON has to know what is a
   matrix: FM_E_UNSUPPORTED here, offered by fm_optimizer_step_net. */
FM_API fm_status fm_optimizer_step(fm_ctx *ctx, const fm_optimizer *optimizer, uint64_t step,
                                   const float *grad, size_t n_params, float *params, float *state,
                                   double *grad_norm);
/* The same for the parameters of a net, with any rule: params, grad [fm_net_n_params]. FM_OPTIMIZER_MUON
   allocates its workspace for the call (in a trainer it has one). */
FM_API fm_status fm_optimizer_step_net(fm_ctx *ctx, const fm_optimizer *optimizer, const fm_net *net,
                                       uint64_t step, const float *grad, float *params, float *state,
                                       double *grad_norm);

/* ---- Data ---------------------------------------------------------------------------------------- */

/* Rows to fill: row i of the request is row first_row + i of the stream. The stream of a training run is
   read in order from row 0; after a resume it goes on where it stood, so a pull whose rows depend on their
   index alone resumes bit-equal. */
typedef struct fm_pull_request {
  uint64_t struct_size;
  uint64_t first_row;
  uint64_t n;
  uint64_t dim;
  double *x1;      /* out, [n][dim] */
  double *x0;      /* out, [n][dim], if the data was made with pairs, else NULL */
  int32_t *labels; /* out, [n][n_class_columns], or NULL if there are none */
  float *cond;     /* out, [n][cond_dim], or NULL if there is none */
  float *weights;  /* out, [n], preset to 1 */
  FM_TAIL_32
} fm_pull_request;
typedef int32_t (*fm_pull_fn)(void *user, const fm_pull_request *request);
/* A stream the caller fills; pairs: 1 if it fills x0 too. Called from the thread that trains. `user` must
   stay valid while the data or anything made from it lives. */
FM_API fm_status fm_data_create_pull(fm_ctx *ctx, fm_pull_fn fn, void *user, size_t dim,
                                     size_t n_class_columns, size_t cond_dim, uint32_t pairs, fm_data **out);

/* Rows to fill by their indexes, in any order: row[i] < the data's n is row i of the outputs. */
typedef struct fm_gather_request {
  uint64_t struct_size;
  uint64_t n;
  uint64_t dim;
  const uint64_t *row; /* [n] */
  double *x1;          /* this and the others: as in fm_pull_request */
  double *x0;          /* pairs */
  int32_t *labels;     /* classes */
  float *cond;         /* condition vectors */
  float *weights;      /* of the loss */
} fm_gather_request;
typedef int32_t (*fm_gather_fn)(void *user, const fm_gather_request *request);
/* n rows in a storage of the caller's (a data base, files of another format): the library asks for those it
   wants, in shuffled epochs. Otherwise as fm_data_create_pull. */
FM_API fm_status fm_data_create_gather(fm_ctx *ctx, fm_gather_fn fn, void *user, size_t n, size_t dim,
                                       size_t n_class_columns, size_t cond_dim, uint32_t pairs,
                                       fm_data **out);

/* What a NumPy .npy file holds. */
typedef struct fm_npy_info {
  uint64_t struct_size;
  uint64_t rank;     /* of the array: 1 to 8 */
  uint64_t shape[8]; /* shape[0] rows; the others make up a row */
  char dtype[8];     /* "f4", "f8", "u1", "i8" ... */
} fm_npy_info;
/* Set info->struct_size first. FM_E_FORMAT and FM_E_UNSUPPORTED say what is wrong with the file. */
FM_API fm_status fm_npy_inspect(fm_ctx *ctx, const char *file, fm_npy_info *info);
/* With FM_MISSING_MASK every column that has missing values is followed, behind all columns, by one that is 1
   where it is missing and 0 elsewhere; the missing cell itself is set to the mean of the others. fm_data_dim
   counts these columns, and a model learns and draws them. Returns the index of this column for the given
   one, or 0 if it has no missing value. */
FM_API size_t fm_data_mask_column(const fm_data *data, size_t column);
/* Rows first .. first + n in their own order: x1 [n][dim], labels [n][n_class_columns], cond [n][cond_dim];
   each may be NULL. On failure rows before it are written. Not for streams. */
FM_API fm_status fm_data_read(fm_ctx *ctx, const fm_data *data, size_t first, size_t n, double *x1,
                              int32_t *labels, float *cond);
/* The largest label + 1 of every class column: n_classes [n_class_columns]. Not for streams. */
FM_API fm_status fm_data_count_classes(fm_ctx *ctx, const fm_data *data, uint32_t *n_classes);

/* ---- Models -------------------------------------------------------------------------------------- */

/* Puts caller's weights into a model: params [n_params]; ema [n_params] or NULL (params). path NULL: CondOT;
   prior NULL: Gaussian; normaliser NULL: identity; cond_normaliser NULL: identity. Everything is copied or
   retained. */
FM_API fm_status fm_model_create(fm_ctx *ctx, const fm_net *net, const float *params, const float *ema,
                                 const fm_path *path, const fm_prior *prior,
                                 const fm_normaliser *normaliser, const fm_normaliser *cond_normaliser,
                                 fm_model **out);
/* The same weights with an output of another meaning: prediction FM_VELOCITY, FM_X1, FM_X0 or FM_SCORE (as
   trainer_options.prediction has them), baseline 0 or 1. For weights from elsewhere: fm_model_create makes
   those of a velocity. A network that predicts x0 or a score is asked where alpha / sigma >= 1 / 200, one
   that predicts x1 or a score where it is <= 100: beyond, its error would weigh more than that in the other
   end, and the ends are those last told. */
FM_API fm_status fm_model_with_prediction(fm_ctx *ctx, const fm_model *model, uint32_t prediction,
                                          uint32_t baseline, fm_model **out);
FM_API uint32_t fm_model_prediction(const fm_model *model); /* FM_VELOCITY, ...; 0 for NULL */
FM_API uint32_t fm_model_baseline(const fm_model *model);   /* 0 or 1 */
/* Copies weights out: params, ema [n_params]; either may be NULL. */
FM_API fm_status fm_model_get_params(fm_ctx *ctx, const fm_model *model, float *params, float *ema);

/* ---- Training ------------------------------------------------------------------------------------ */

/* What training is for. */
#define FM_OBJECTIVE_FLOW 0u      /* the velocity u(t, x): conditional flow matching */
#define FM_OBJECTIVE_MEAN_FLOW 1u /* the mean velocity u(x, t, r) on [t, r], for draws in one or two steps
                                     (MeanFlow, Geng et al., arXiv 2505.13447): needs net_options.n_times = 2
                                     (fm_fit sets it), else FM_E_MISMATCH, and a path with gamma = 0, else
                                     FM_E_UNSUPPORTED. The target is v + (r - t) d/dt u, without a gradient
                                     through it; t <= r are two draws of time_sampling, in 1 - mean_share of
                                     the rows one. The loss is told without the weight of power p;
                                     evaluations are of the velocity, r = t. The paper has logit-normal times,
                                     a = 0.4, and p = 1, for many columns: in few that moves u off the mean */

/* At which times training looks. u, v are uniform; a, b are time_a, time_b, and 0 is the default of each. */
#define FM_TIME_UNIFORM 1u      /* the default */
#define FM_TIME_LOGIT_NORMAL 2u /* logit t ~ N(a, b^2), a 0, b 1: the middle; a > 0 nearer the data (Esser et
                                   al. 2024, eq. 19, whose mean is -a) */
#define FM_TIME_MODE 3u         /* their eq. 20, a 1.29, from -1 to 1.75: the middle; a < 0: the ends */
#define FM_TIME_POWER 4u        /* t = u^a, a 2: the source; a < 1: the data */
#define FM_TIME_U_SHAPE 5u      /* density ~ e^(a t) + e^(a (1 - t)), a 4: both ends (Lee et al. 2024) */
#define FM_TIME_EDM 6u          /* 1 / (1 + s), log s ~ N(a, b^2), a -1.2, b 1.2 (Karras et al. 2022) */
#define FM_TIME_COSMAP 7u       /* the cosine schedule's noise levels on CondOT (Esser et al., eq. 21) */

/* The weight w(t) of the velocity's loss, also where the net predicts something else: the same objective,
   whatever its output means. Without a weight such a net has the squared error of what it predicts, and
   evaluations always do. FM_WEIGHT_X1, _X0, _MIN_SNR make the loss that of a prediction of x1 or of x0 (the
   noise); they need a path with gamma = 0 on which they are finite, else FM_E_UNSUPPORTED. */
#define FM_WEIGHT_CONSTANT 1u /* 1: the default */
#define FM_WEIGHT_COSMAP 2u   /* 2 / (pi (1 - 2 t + 2 t^2)), the density of FM_TIME_COSMAP */
#define FM_WEIGHT_X1 3u       /* (sigma / D)^2, D = alpha' sigma - alpha sigma' */
#define FM_WEIGHT_X0 4u       /* (alpha / D)^2 */
#define FM_WEIGHT_MIN_SNR 5u  /* min(alpha^2 / sigma^2, a) (sigma / D)^2, a = weight_a 5 (Hang et al. 2023) */

/* Times from uniforms: t[i] in [0, 1] a function of uniforms[i] alone, two independent numbers in (0, 1).
   They are then mapped to the path's interval. Called once a step (twice for mean flow: t, then r), from the
   thread that trains. */
struct fm_time_request {
  uint64_t struct_size;
  uint64_t n;
  const double *uniforms; /* [n][2] */
  double *t;              /* out, [n] */
};

/* Weights >= 0 of the velocity's loss at times t, likewise. */
struct fm_time_weight_request {
  uint64_t struct_size;
  uint64_t n;
  const double *t; /* [n] */
  double *weight;  /* out, [n] */
};

/* The place for a distributed sum: between the gradient and the update, once an update. grad [n] holds the
   sum over this process's rows, those of all its micro-batches, of weight * gradient, *weight the sum of the
   weights, *loss the weighted loss sum. Replace all three by the sums over all processes. Every process must
   call with the same step. Give each a seed of its own, since noise is keyed by (seed, row number), and all
   the same params to start from. */
struct fm_reduction {
  uint64_t struct_size;
  uint64_t step;  /* the update that comes, counted from 1 */
  uint64_t n;     /* parameters */
  float *grad;    /* in and out, [n] */
  double *weight; /* in and out */
  double *loss;   /* in and out */
  FM_TAIL_32
};

/* The loss of the averaged weights on n rows of data without training: times and noise are drawn from seed,
   the same on every call, so values compare. Times are uniform and w(t) = 1 whatever the options say. n 0:
   every row (a pull needs n); more than there are: again, with other times and noise. */
FM_API fm_status fm_trainer_evaluate(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data, uint64_t seed,
                                     uint64_t n, double *loss);
/* The same for a model, as it was loaded or made; allocates a workspace for the call. */
FM_API fm_status fm_model_evaluate(fm_ctx *ctx, const fm_model *model, const fm_data *data, uint64_t seed,
                                   uint64_t n, double *loss);
/* The gradient of the last step, as the optimiser saw it before clipping: grad [n_params]. FM_E_INVALID if no
   step was done, the last one failed, or micro-batches came since. */
FM_API fm_status fm_trainer_get_gradient(fm_ctx *ctx, const fm_trainer *trainer, float *grad);
/* Batches, since creation, whose entropic plan did not reach the tolerance. */
FM_API uint64_t fm_trainer_coupling_misses(const fm_trainer *trainer);

/* ---- Couplings ----------------------------------------------------------------------------------- */

/* Which row of the source goes with which row of the data. Pairs that are near make straight paths (Tong et
   al., arXiv 2302.00482; Pooladian et al. 2023). The cost of a pair is the squared distance of its rows, in
   training normalised, and of their conditions, row i of the source having those of row i of the data (Cheng
   & Schwing, arXiv 2503.10636): without, the source would depend on the condition, and a model that is asked
   for one would start from the wrong place. */
#define FM_COUPLING_INDEPENDENT 1u /* as they come: the default */
#define FM_COUPLING_OT 2u          /* the exact assignment of least total cost: every row once (shortest
                                      augmenting paths; Jonker & Volgenant 1987, Crouse 2016) */
#define FM_COUPLING_SINKHORN 3u    /* drawn from the entropic plan (Cuturi 2013): every row of data once */
#define FM_COUPLING_UNBALANCED 4u  /* the same, the plan's sums relaxed (Chizat et al. 2018, KL): rows far
                                      from all others count less, on both sides */
#define FM_COUPLING_BRIDGE 5u      /* the entropic plan of the Schroedinger bridge, regularisation 2 s^2, for
                                      FM_PATH_BRIDGE of width s (Tong et al., section 3.2.4) */

/* Fills cost [n][n], row i for x0 row i, column j for x1 row j; within 1e298. Instead of the squared
   distance; the conditions' cost is added. Called from the thread that pairs. */
struct fm_cost_request {
  uint64_t struct_size;
  uint64_t n;
  uint64_t dim;
  const double *x0; /* [n][dim]; in training normalised */
  const double *x1; /* [n][dim] */
  double *cost;     /* out, [n][n] */
  FM_TAIL_32
};

/* How rows are paired. */
typedef struct fm_coupling_options {
  uint64_t struct_size;
  uint32_t kind;           /* FM_COUPLING_...; 0: OT */
  uint32_t max_iterations; /* entropic: 0: 1000 */
  double regularisation;   /* Sinkhorn, unbalanced: the entropy's weight, in units of cost; 0: relative */
  double relative_regularisation; /* instead: times the mean cost of rows above the least one; 0: 0.05 */
  double relaxation;       /* unbalanced: weight of the KL terms, in units of cost; 0: that mean */
  double tolerance;        /* entropic: mean relative error of the plan's sums over rows; 0: 1e-6 */
  double class_weight;     /* cost of a class column that differs; 0: 1e6; negative: none */
  double condition_weight; /* times the squared distance of condition vectors; 0: 100; negative: none. The
                              source's correlation with the condition is about the inverse */
  double bridge_width;     /* bridge: s; 0: 0.5, in training the path's */
  fm_cost_fn cost; /* instead of the squared distance */
  void *cost_user; /* given to it */
} fm_coupling_options;

/* What a pairing came to. */
typedef struct fm_coupling_stats {
  uint64_t struct_size;
  double cost;         /* of the plan: sum of P_ij cost_ij; of pairs their mean */
  double mass;         /* sum of P_ij: 1, unless unbalanced */
  double error;        /* as in tolerance; 0 if not entropic */
  uint64_t iterations; /* likewise */
} fm_coupling_stats;

/* For up to n rows of dim columns; 8 n^2 bytes and a third more, entropic twice that. A squared distance is
   right to a few roundings whatever the rows' offset. Class columns and condition vectors may be 0. */
FM_API fm_status fm_coupling_create(fm_ctx *ctx, size_t n, size_t dim, size_t n_class_columns,
                                    size_t cond_dim, const fm_coupling_options *options, fm_coupling **out);
FM_API void fm_coupling_destroy(fm_coupling *coupling);
/* Pairs x0 [n][dim] with x1 [n][dim]: pair k is of rows x0_index[k] and x1_index[k] (either may be NULL, else
   [n]). x1_index[k] is k unless unbalanced. labels [n][n_class_columns], cond [n][cond_dim]: row i of both.
   Entropic pairs are drawn with noise keyed by (seed, first_row + k). stats may be NULL. FM_E_STEPS: the
   tolerance was not reached; outputs are those of the plan so far. FM_E_NONFINITE: a cost is not finite or
   beyond 1e298, or a relaxed plan has no mass. FM_STOPPED: by fm_ctx_stop, heard in the pairing. */
FM_API fm_status fm_coupling_pair(fm_ctx *ctx, fm_coupling *coupling, const float *x0, const float *x1,
                                  const int32_t *labels, const float *cond, size_t n, uint64_t seed,
                                  uint64_t first_row, uint64_t *x0_index, uint64_t *x1_index,
                                  fm_coupling_stats *stats);
FM_API fm_status fm_coupling_pair_f64(fm_ctx *ctx, fm_coupling *coupling, const double *x0, const double *x1,
                                      const int32_t *labels, const float *cond, size_t n, uint64_t seed,
                                      uint64_t first_row, uint64_t *x0_index, uint64_t *x1_index,
                                      fm_coupling_stats *stats);
/* The plan of the last pairing, of n rows: [n][n], row i for x0 row i. Not entropic: 1 / n at every pair. */
FM_API fm_status fm_coupling_plan(fm_ctx *ctx, const fm_coupling *coupling, double *plan);

/* ---- Solvers ------------------------------------------------------------------------------------- */

/* Where fixed steps begin and end, as positions g from 0 to 1. Position g is the time low + (high - low) g,
   where low and high are the lesser and the greater of t0 and t1: the same times for a solve and its
   reverse, and a part of [0, 1] has the whole grid. */
#define FM_GRID_UNIFORM 1u /* g = k / n */
#define FM_GRID_SHIFTED 2u /* g = t / (t + s (1 - t)), t = k / n, s = grid_shift: s > 1 makes the steps near
                              low, the source, shorter (Esser et al. 2024, eq. 23) */
#define FM_GRID_EDM 3u     /* g = 1 / (1 + sigma_k), but 0 first and 1 last: n noise levels from 80 to 0.002
                              (Karras et al. 2022, eq. 5, rho = 7); both ends have shorter steps */
#define FM_GRID_CUSTOM 0x7fffffffu /* the caller's, by fm_solver_set_grid or fm_sampler_set_grid */

#define FM_NORM_RMS 1u /* root mean square over a row's components */
#define FM_NORM_MAX 2u /* the largest component: no part of a wide row may be off */

/* What a solve took. */
typedef struct fm_solve_stats {
  uint64_t struct_size;
  uint64_t nfe;       /* rows evaluated in all: sum over calls of their n */
  uint64_t max_nfe;   /* the most evaluations that one row took */
  uint64_t accepted;  /* steps, over all rows */
  uint64_t rejected;  /* tries, likewise */
  uint64_t failed;    /* rows that ended early: FM_E_STEPS or FM_E_NONFINITE */
} fm_solve_stats;

/* The same of one row. It comes in arrays, so it has no size and never grows. */
typedef struct fm_row_stats {
  uint64_t nfe;      /* evaluations */
  uint64_t accepted; /* steps */
  uint64_t rejected; /* tries */
  double t;          /* how far it got */
  fm_status status;  /* FM_OK: all the way. FM_DEADLINE: with one long step. FM_COARSE: with a
                        log-density that more steps would change. Else why it ended early */
  uint32_t reserved; /* 0 */
} fm_row_stats;

/* What a method is. */
typedef struct fm_solver_info {
  uint64_t struct_size;
  const char *name;     /* "dopri5"; static */
  uint32_t method;      /* FM_SOLVER_... */
  uint32_t order;       /* the error falls with the step's length to this power */
  uint32_t evaluations; /* of a step */
  uint32_t adaptive;    /* 1: chooses its steps unless fixed_steps is set */
  uint32_t start_evaluations; /* that its first steps take more in all */
  uint32_t needs_model;       /* 1: for samplers, not for any right-hand side */
  FM_TAIL_32
} fm_solver_info;

/* The methods in turn: index counts from 0; FM_E_INVALID past the last. Set info->struct_size first. */
FM_API fm_status fm_solver_method_info(fm_ctx *ctx, size_t index, fm_solver_info *info);

/* The right-hand side: row i is at time t[i]. Rows may be any subset in any order: `row` [n] gives their
   index in y. */
typedef struct fm_rhs_call {
  uint64_t struct_size;
  uint64_t n;
  uint64_t dim;
  const uint64_t *row; /* [n] */
  const double *t;     /* [n] */
  const double *x;     /* [n][dim] */
  double *dxdt;        /* out, [n][dim] */
} fm_rhs_call;
typedef int32_t (*fm_rhs_fn)(void *user, const fm_rhs_call *call);

/* After every step of a solve: rows first_row.. are at times t [n] with state x [n][dim]. */
typedef struct fm_trajectory {
  uint64_t struct_size;
  uint64_t step; /* 0: the start */
  uint64_t first_row;
  uint64_t n;
  uint64_t dim;
  const double *t; /* [n] */
  const double *x; /* [n][dim] */
} fm_trajectory;
typedef int32_t (*fm_trajectory_fn)(void *user, const fm_trajectory *trajectory);

/* A solver for rows of dim numbers; options NULL: the defaults. */
FM_API fm_status fm_solver_create(fm_ctx *ctx, size_t dim, const fm_solver_options *options,
                                  fm_solver **out);
FM_API void fm_solver_destroy(fm_solver *solver);
/* Solves dx/dt = rhs from t0 to t1 (t1 < t0 solves in reverse) for n rows, y [n][dim] in place, any n. rhs
   is never evaluated outside [t0, t1], and t1 is hit exactly. trajectory and stats may be NULL. */
FM_API fm_status fm_solver_solve(fm_ctx *ctx, fm_solver *solver, fm_rhs_fn rhs, void *user, double t0,
                                 double t1, size_t n, double *y, fm_trajectory_fn trajectory,
                                 void *trajectory_user, fm_solve_stats *stats);

/* The states at the caller's times, n_times >= 2 that rise or fall from the start to the end: y [n][dim] at
   times[0], out [n_times][n][dim], whose first block is y (y may be out). Steps are those of
   fm_solver_solve: states between them are interpolated, to order 4 by dopri5 and tsit5 and to order 3 by
   the others, from slopes that are there. Fixed steps evaluate once more at the last time if a time before
   it falls into the last step. rows [n] or NULL gets every row's statistics. A row that fails leaves its
   entries at times it didn't reach as they were, but the last, which is its state so far. */
FM_API fm_status fm_solver_solve_at(fm_ctx *ctx, fm_solver *solver, fm_rhs_fn rhs, void *user,
                                    const double *times, size_t n_times, size_t n, const double *y,
                                    double *out, fm_solve_stats *stats, fm_row_stats *rows);
/* The steps of a solver made with FM_GRID_CUSTOM: grid [n_grid], n_grid = n_steps + 1, rises from 0 to 1.
   Until it is set the grid is uniform. */
FM_API fm_status fm_solver_set_grid(fm_ctx *ctx, fm_solver *solver, const double *grid, size_t n_grid);

/* ---- Sampling ------------------------------------------------------------------------------------ */

/* Carries the caller's rows x [n][dim], in the data's units, in place from t0 to t1; (0, 1) generates,
   (1, 0) encodes. trajectory (in the data's units, from the calling thread) and stats may be NULL. */
FM_API fm_status fm_sampler_transport(fm_ctx *ctx, fm_sampler *sampler, double t0, double t1,
                                      const int32_t *labels, const float *cond, size_t n, double *x,
                                      fm_trajectory_fn trajectory, void *trajectory_user,
                                      fm_solve_stats *stats);
/* The rows at the caller's times in [0, 1], as fm_solver_solve_at: x [n][dim] at times[0] (it may be out),
   out [n_times][n][dim], both in the data's units; stats and rows [n] may be NULL. */
FM_API fm_status fm_sampler_transport_at(fm_ctx *ctx, fm_sampler *sampler, const double *times,
                                         size_t n_times, const int32_t *labels, const float *cond, size_t n,
                                         const double *x, double *out, fm_solve_stats *stats,
                                         fm_row_stats *rows);
/* As fm_solver_set_grid, for draws and transports to come. */
FM_API fm_status fm_sampler_set_grid(fm_ctx *ctx, fm_sampler *sampler, const double *grid, size_t n_grid);
/* The velocity that rows are drawn by, in normalised coordinates: x [n][dim], t [n] and cond [n][cond_dim],
   normalised too, to out [n][dim]; t is brought into the path's interval, a net's second time is the first.
   On FM_E_NONFINITE earlier rows of out are written. */
FM_API fm_status fm_sampler_velocity(fm_ctx *ctx, fm_sampler *sampler, const float *x, const double *t,
                                     const int32_t *labels, const float *cond, size_t n, float *out);

/* ---- Log-densities ------------------------------------------------------------------------------- */

/* How div u, the trace of the velocity's Jacobian, is found: by Jacobian-vector products, or by transposed
   ones for a caller's net. */
#define FM_DIVERGENCE_EXACT 1u      /* as it is: a product for every column in every evaluation */
#define FM_DIVERGENCE_RADEMACHER 2u /* Hutchinson's unbiased estimate z . Jz, a product for every probe z, of
                                       +1 and -1 (Grathwohl et al., "FFJORD", ICLR 2019) */
#define FM_DIVERGENCE_GAUSSIAN 3u   /* the same with z of N(0, 1): never the smaller variance */

/* log p(x | labels, cond) of n rows x [n][dim] under the model, in the data's units (normalisation
   included), natural logarithm: log_density [n], -INFINITY where the source has no density. For a sampler
   with a divergence. Rows go to t = 0 and d/dt log p_t(x_t) = -div u with them (Chen et al., NeurIPS 2018,
   theorem 1), in double; log-densities take part in the error norm of adaptive steps like columns. error [n]
   or NULL gets the standard error over the probes, fixed for the solve and keyed by (probe_seed, first_row +
   i): 0 if exact, INFINITY of one probe. The solver's own error comes on top: with few fixed steps the result
   is a density of nothing, which FM_COARSE says. FM_E_UNSUPPORTED, at creation already, where the prior has
   no log-density or the normaliser has a column of scale 0, in which rows have none. A row that fails
   keeps its entries and makes the call fail; the others are right. An evaluation counts once in stats,
   however many products; with fixed steps stats count those of the check too, rows don't. stats and rows [n]
   may be NULL. */
FM_API fm_status fm_sampler_log_density(fm_ctx *ctx, fm_sampler *sampler, uint64_t first_row,
                                        const int32_t *labels, const float *cond, size_t n, const double *x,
                                        double *log_density, double *error, fm_solve_stats *stats,
                                        fm_row_stats *rows);
/* fm_sampler_draw_f64 with the log-densities of the rows drawn, in one pass. Adaptive steps look at both, so
   rows differ from those drawn alone within the tolerance. FM_E_UNSUPPORTED with diffusion. */
FM_API fm_status fm_sampler_draw_log_density(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed,
                                             uint64_t first_row, const int32_t *labels, const float *cond,
                                             size_t n, double *out, double *log_density, double *error,
                                             fm_solve_stats *stats, fm_row_stats *rows);

/* ---- Stochastic draws ---------------------------------------------------------------------------- */

/* Draws by dx = (u + g^2 / 2 grad log p_t) dt + g dW, which has the flow's marginals for every g(t) (Song et
   al., ICLR 2021; Ma et al., "SiT", ECCV 2024): noise forgets errors, at more steps. The score is the
   velocity's by the path, so the prior must be the standard Gaussian, gamma 0 and the pairs of training
   independent, without a coupling or an x0 in the data, else FM_E_UNSUPPORTED.
   Euler's method becomes Euler-Maruyama (the default here), FM_SOLVER_HEUN2 the stochastic Heun method of
   weak order 2; others are FM_E_UNSUPPORTED. No score is asked for at t = 1: Heun's last step is
   Euler-Maruyama's. Near it the score grows as 1 / sigma^2 where data is narrow, so g should fall with sigma.
   FM_DIFFUSION_DDPM, _REFRESH and _RATE renew noise in steps of FM_SOLVER_DDIM, the only method with them and
   their default: a row becomes alpha x1 + sigma (k x0 + sqrt(1 - k^2) xi) of the next time.
   Noise is keyed by (seed, row, step): "same bits" holds. Transports and fm_sampler_log_density keep to the
   flow. */
#define FM_DIFFUSION_CONSTANT 1u         /* g = diffusion_level */
#define FM_DIFFUSION_SIGMA 2u            /* g = diffusion_level sqrt(sigma(t)) */
#define FM_DIFFUSION_OVERSHOOT 3u        /* no g: Euler's step goes on to t' + c h (1 - t') with c =
                                            diffusion_level, and noise brings the row back to t' (Hu et al.,
                                            "AMO Sampler", arXiv 2411.19415). No score is needed */
#define FM_DIFFUSION_DDPM 4u    /* ancestral steps from t to t': k = alpha sigma' / (alpha' sigma), that of
                                   DDPM's posterior (Ho et al. 2020); diffusion_level is eta of DDIM, at most
                                   1, and eta^2 a factor of 1 - k^2 */
#define FM_DIFFUSION_REFRESH 5u /* 1 - k^2 = diffusion_level^2, at most 1, in every step */
#define FM_DIFFUSION_RATE 6u    /* 1 - k = min(1, h diffusion_level sigma'^(p - 1)), h = t' - t: at a rate in
                                   time; p = diffusion_power */
#define FM_DIFFUSION_CUSTOM 0x7fffffffu  /* g by diffusion_fn */

/* ---- Setting up structs -------------------------------------------------------------------------- */

FM_DEFINE_INIT_(fm_ctx_info)
FM_DEFINE_INIT_(fm_path_coefficients)
FM_DEFINE_INIT_(fm_path_change)
FM_DEFINE_INIT_(fm_npy_info)
FM_DEFINE_INIT_(fm_coupling_options)
FM_DEFINE_INIT_(fm_coupling_stats)
FM_DEFINE_INIT_(fm_solve_stats)
FM_DEFINE_INIT_(fm_solver_info)

#ifdef __cplusplus
}
#endif
#endif
