/*
 * flowmatch.h - train and sample Conditional Flow Matching models inside your program
 * SPDX-License-Identifier: MIT
 *
 * A flow model carries samples x0 of a source distribution (the prior) to samples x1 of a data
 * distribution along dx/dt = u(t, x), t = 0 (source) to t = 1 (data). A network learns u by
 * regression on conditional paths
 *
 *     x_t = alpha(t) x1 + sigma(t) x0 + gamma(t) eps,      u_t = d x_t / dt
 *
 * (Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 9-11 and 14; Liu et al.,
 * "Flow Straight and Fast", ICLR 2023, eq. 1; Tong et al., arXiv 2302.00482, eq. 9-10).
 *
 * CONVENTIONS, stated once
 *
 * Data        Row-major [n][dim], contiguous. `float`, with _f64 twins where raw data enters and samples
 *             leave. Labels are int32 [n][n_class_columns], 0 <= label < n_classes; -1 is the null class.
 *             Condition vectors are float [n][cond_dim].
 * Row arrays  are always function arguments, never pointers inside a struct. NULL says "absent", and any
 *             array may be NULL where its count is 0.
 * Status      Every call that can fail returns fm_status: FM_OK, or a negative code. Treat negative codes
 *             you don't know as failures. The text that names the argument, what was expected and what was
 *             found is in the context: fm_ctx_message(). Outputs are untouched on failure unless said, but
 *             creating functions set *out to NULL.
 * Options     A struct whose first field is its size. NULL means all defaults, and zero is the default in
 *             every field; where zero would be meaningful the field is inverted or negative means "none".
 *             Set it up with its fm_..._options_init(). Fields are only ever appended.
 * Callbacks   get a struct owned by the library (it may grow; check struct_size before reading what was
 *             appended) and your pointer. They return 0 to go on; anything else ends the call with
 *             FM_E_CALLBACK. They must return: no longjmp, no C++ exception, no panic through the library.
 * Handles     are opaque and reference-counted: a handle keeps what it was made from alive, so destroy them
 *             in any order. Destroying NULL does nothing. Destroying a handle is safe from any thread.
 * Threads     A context is used by one thread at a time. fm_path, fm_net, fm_prior, fm_normaliser,
 *             fm_optimizer, fm_model and fm_data (unless it pulls) are immutable after creation: any number
 *             of contexts and threads may use one at once. fm_solver, fm_trainer and fm_sampler own
 *             workspace: one thread at a time, whichever context is passed. fm_ctx_stop,
 *             fm_trainer_latest and the destroy functions alone are safe from other threads.
 * Memory      Creating a handle allocates; fm_trainer_step, the fm_sampler_ functions for rows,
 *             fm_solver_solve, the _at and set_grid functions and fm_optimizer_step allocate nothing.
 * Numbers     Solver state, losses, statistics and norms are double; networks see float. A non-finite
 *             input, loss or state is FM_E_NONFINITE, never a silent NaN.
 * Noise       is counter-based (Philox4x32-10), keyed by (seed, stream, row, column). On one machine a
 *             sample's bits depend on (model, seed, row index, solver) and not on how rows are split into
 *             calls, on the number of threads or on the order of calls.
 * Host        No printing, exit, abort, signal handler or mutable global; the default is to work on the
 *             caller's thread alone.
 */
#ifndef FLOWMATCH_H
#define FLOWMATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FM_VERSION_MAJOR 0
#define FM_VERSION_MINOR 1
#define FM_VERSION_PATCH 0

#if defined(_WIN32) && defined(FM_SHARED)
#  ifdef FM_BUILD
#    define FM_API __declspec(dllexport)
#  else
#    define FM_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define FM_API __attribute__((visibility("default")))
#else
#  define FM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ------------------------------------------------------------------------------------ */

typedef int32_t fm_status;

#define FM_OK 0                 /* done */
#define FM_E_INVALID (-1)       /* an argument is NULL, out of range or inconsistent with another */
#define FM_E_NOMEM (-2)         /* the allocator returned NULL, or a size overflows size_t */
#define FM_E_UNSUPPORTED (-3)   /* understood, but not offered: an unknown kind, a newer options field */
#define FM_E_DOMAIN (-4)        /* outside a path's regular interval */
#define FM_E_NONFINITE (-5)     /* a NaN or infinity in input, loss or state */
#define FM_E_CALLBACK (-6)      /* a callback returned non-zero */
#define FM_E_IO (-7)            /* the operating system refused a file operation */
#define FM_E_FORMAT (-8)        /* a file is not what it should be */
#define FM_E_CHECKSUM (-9)      /* a file's bytes were changed or cut */
#define FM_E_MISMATCH (-10)     /* handles that don't fit together */
#define FM_E_STEPS (-11)        /* the adaptive solver used up max_steps; the state so far is returned */
#define FM_E_FORKED (-12)       /* a context with threads, used in a forked child */
#define FM_STOPPED (-13)        /* fm_ctx_stop was called; what was done stands */
#define FM_DEADLINE (-14)       /* the deadline passed: finished with one long step, samples are coarse */
#define FM_COARSE (-15)         /* log-densities are there, but more steps would change some of them */

/* The constant's name ("FM_E_INVALID"), or "unknown status". Never NULL. */
FM_API const char *fm_status_name(fm_status status);

/* The version of the linked library, major * 10000 + minor * 100 + patch, and as text "0.1.0". */
FM_API uint32_t fm_version(void);
FM_API const char *fm_version_string(void);

/* ---- Handles ----------------------------------------------------------------------------------- */

typedef struct fm_ctx fm_ctx;               /* allocator, threads, error text */
typedef struct fm_path fm_path;             /* a conditional probability path */
typedef struct fm_prior fm_prior;           /* the source distribution */
typedef struct fm_net fm_net;               /* a velocity network's architecture (no weights) */
typedef struct fm_normaliser fm_normaliser; /* per-column shift and scale */
typedef struct fm_optimizer fm_optimizer;   /* an update rule with its learning-rate schedule */
typedef struct fm_data fm_data;             /* a source of training rows */
typedef struct fm_model fm_model;           /* net + weights + path + prior + normaliser */
typedef struct fm_trainer fm_trainer;       /* training state */
typedef struct fm_solver fm_solver;         /* an ODE solver with its workspace */
typedef struct fm_sampler fm_sampler;       /* a model, a solver and workspace for drawing */

/* ---- Context ----------------------------------------------------------------------------------- */

/* How large training products may use CBLAS. Sampling always uses the library's own kernels. */
#define FM_BLAS_AUTO 0u   /* CBLAS only where the BLAS reports that it runs on one thread */
#define FM_BLAS_NEVER 1u  /* own kernels only */
#define FM_BLAS_SERIAL 2u /* PROCESS-WIDE: sets the BLAS to one thread at creation, then uses it */
#define FM_BLAS_AS_IS 3u  /* use the BLAS with whatever threads it has; "same bits" and "caller's thread
                             only" no longer hold */
#define FM_ISA_AUTO 0u    /* the best instruction set of this machine */
#define FM_ISA_PLAIN 1u   /* portable C */
#define FM_ISA_AVX2 2u    /* x86-64 with AVX2 and FMA; FM_E_UNSUPPORTED elsewhere */

typedef struct fm_ctx_options {
  uint64_t struct_size;
  /* Both or neither. alloc returns `bytes` aligned to `alignment` (a power of two, at most 64), or NULL.
     Called by creating and destroying functions only, from the thread that calls them. The functions must
     stay valid until every handle made from this context is destroyed. */
  void *(*alloc)(void *user, size_t bytes, size_t alignment);
  void (*release)(void *user, void *block);
  void *alloc_user;
  /* The host's executor, instead of the library's threads: calls task(arg, i) for every i < n, in any
     order, on any threads, also serially, and returns when all are done; non-zero is FM_E_CALLBACK. */
  int32_t (*run)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg);
  void *run_user;
  uint32_t n_threads; /* threads at work, the caller's included; 0 or 1: the caller's only; at most 256.
                         With `run`: how many tasks to offer at a time */
  uint32_t blas;      /* FM_BLAS_... */
  uint32_t isa;       /* FM_ISA_... */
  uint32_t reserved;  /* 0 */
} fm_ctx_options;

typedef struct fm_ctx_info {
  uint64_t struct_size;
  uint32_t n_threads;
  uint32_t blas_threads; /* as the BLAS reports, 0 if it doesn't say or there is none */
  uint32_t blas_used;    /* 1 if large training products go to the BLAS */
  uint32_t isa;          /* FM_ISA_... in use */
  char blas_name[64];    /* "OpenBLAS 0.3.21 ...", "BLIS ...", "none" */
} fm_ctx_info;

/* Creates a context. options may be NULL. On failure *out is NULL and there is no text. */
FM_API fm_status fm_ctx_create(const fm_ctx_options *options, fm_ctx **out);
FM_API void fm_ctx_destroy(fm_ctx *ctx);
/* The text of the last call that failed on this context; "" if none did. Valid until the next call. */
FM_API const char *fm_ctx_message(const fm_ctx *ctx);
/* Fills as much of info as its struct_size says; set that first (fm_ctx_info_init). */
FM_API fm_status fm_ctx_get_info(fm_ctx *ctx, fm_ctx_info *info);
/* Asks the call that runs on this context to end with FM_STOPPED at its next step. Safe from other threads
   and from signal handlers. If none runs, the next long call ends so. */
FM_API void fm_ctx_stop(fm_ctx *ctx);

/* ---- Paths ------------------------------------------------------------------------------------- */

#define FM_PATH_CONDOT 1u /* alpha = t, sigma = 1 - t: optimal transport, straight (Lipman eq. 22-23 with
                             sigma_min = 0; rectified flow) */
#define FM_PATH_COSINE 2u /* alpha = sin(pi t / 2), sigma = cos(pi t / 2): variance preserving, the cosine
                             diffusion schedule (Albergo & Vanden-Eijnden 2023). [width]: noise gamma = width
                             around it; 0: none. VP-CFM (Tong et al.) */
#define FM_PATH_POLYNOMIAL 3u /* alpha = t^n, sigma = 1 - t^n. [power]: n, 1 to 64; 0: 2 */
#define FM_PATH_VP 4u /* the variance-preserving diffusion of Song et al. 2021: alpha = exp(-T(1 - t) / 2),
                         sigma = sqrt(1 - alpha^2), T(s) = (beta_max - beta_min) s^2 / 2 + beta_min s.
                         [beta_min, beta_max]: 1e-4 to 1000 each; 0: 0.1 and 20, with which alpha(0) is
                         0.0066. sigma'(1) = -inf */
#define FM_PATH_LINEAR_VP 5u /* alpha = t, sigma = sqrt(1 - t^2). sigma'(1) = -inf */
#define FM_PATH_TARGET_OT 6u /* alpha = t, sigma = 1 - (1 - s) t (Lipman eq. 20-23): ends in data blurred by
                                s. [width]: at most 0.5; 0: 1e-4; negative: none, which is CondOT */
#define FM_PATH_ICFM 7u /* CondOT with gamma = s, a tube around the line (I-CFM, Tong et al.): its ends are
                           rows of prior and data blurred by s. [width]: at most 0.5; 0: 0.1; negative:
                           none */
#define FM_PATH_BRIDGE 8u /* CondOT with gamma = s sqrt(t (1 - t)), the Brownian bridge; with entropic pairs
                             the Schroedinger bridge. [width]: at most 10; 0: 0.5; negative: none. gamma' is
                             infinite at both ends */
#define FM_PATH_CUSTOM 0x7fffffffu /* made by fm_path_create_custom */

/* The coefficients of x_t and their time derivatives at one time. */
typedef struct fm_path_coefficients {
  uint64_t struct_size;
  double alpha, sigma, gamma;
  double d_alpha, d_sigma, d_gamma;
} fm_path_coefficients;

/* Fills all six fields but struct_size for 0 <= t <= 1. May be called from several threads at once. */
typedef int32_t (*fm_path_fn)(void *user, double t, fm_path_coefficients *out);

/* What a row of a path can be described by, together with x_t. */
#define FM_VELOCITY 0u /* u = dx/dt */
#define FM_X1 1u       /* the data end */
#define FM_X0 2u       /* the source end; with a Gaussian prior, the noise */
#define FM_SCORE 3u    /* grad log p_t = -x0 / sigma; standard Gaussian prior only */

FM_API fm_status fm_path_create(fm_ctx *ctx, uint32_t kind, fm_path **out);
/* With parameters [n_params]: the numbers in brackets beside the kind, in that order, widths in normalised
   units. 0 and those left out are the default; more than the kind has are FM_E_INVALID. */
FM_API fm_status fm_path_create_with(fm_ctx *ctx, uint32_t kind, const double *params, size_t n_params,
                                     fm_path **out);
/* By name, parameters after colons: "condot", "cosine:0.1", "poly:3", "vp:0.1:20", "linear-vp",
   "target-ot:0.1", "icfm:0.1", "bridge:0.5". Another name is FM_E_UNSUPPORTED; the text lists all. */
FM_API fm_status fm_path_create_named(fm_ctx *ctx, const char *text, fm_path **out);
/* A path of the caller's. It must satisfy alpha(0) = 0 or small, alpha(1) = 1, sigma(1) = 0 or small, and be
   finite on [0, 1]; coefficients are checked at 65 points (FM_E_NONFINITE names the time). `user` must stay
   valid while the path or anything made from it lives. A model with such a path can't be saved. */
FM_API fm_status fm_path_create_custom(fm_ctx *ctx, fm_path_fn fn, void *user, fm_path **out);
FM_API void fm_path_destroy(fm_path *path);
FM_API uint32_t fm_path_kind(const fm_path *path);
/* The name as above without parameters; "custom" if it is the caller's, NULL for NULL. */
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

/* ---- Priors ------------------------------------------------------------------------------------ */

/* Numbers of the Gaussian are of normalised columns; those of all other kinds are in the data's units, and
   the model's normaliser is applied to the rows. All but the callback are saved with the model. */
#define FM_PRIOR_GAUSSIAN 1u /* N(0, 1) in every normalised column: the default */
#define FM_PRIOR_ROWS 2u     /* rows of another data set, with replacement */
#define FM_PRIOR_CALLBACK 3u
#define FM_PRIOR_UNIFORM 4u       /* on a box */
#define FM_PRIOR_DIAGONAL 5u      /* a Gaussian with independent columns */
#define FM_PRIOR_COVARIANCE 6u    /* a Gaussian with any covariance */
#define FM_PRIOR_MIXTURE 7u       /* of Gaussians with independent columns */
#define FM_PRIOR_SHUFFLED_ROWS 8u /* rows of another data set, without replacement */

/* Writes n rows of the source, first_row on, in the data's units (the model's normaliser is applied). A
   row must depend on (seed, its index) alone, or "same bits" is lost. May be called from several threads. */
typedef struct fm_prior_request {
  uint64_t struct_size;
  uint64_t seed;
  uint64_t first_row;
  uint64_t n;
  uint64_t dim;
  double *x0; /* out, [n][dim] */
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

FM_API fm_status fm_prior_create_gaussian(fm_ctx *ctx, fm_prior **out);
/* Draws rows of `rows` (a copy, in the data's units) uniformly with replacement. */
FM_API fm_status fm_prior_create_rows(fm_ctx *ctx, const float *rows, size_t n, size_t dim, fm_prior **out);
FM_API fm_status fm_prior_create_rows_f64(fm_ctx *ctx, const double *rows, size_t n, size_t dim,
                                          fm_prior **out);
/* The same without replacement: of rows k n to (k + 1) n - 1 drawn with one seed each is another, in an order
   of its own for every k. */
FM_API fm_status fm_prior_create_shuffled_rows(fm_ctx *ctx, const float *rows, size_t n, size_t dim,
                                               fm_prior **out);
FM_API fm_status fm_prior_create_shuffled_rows_f64(fm_ctx *ctx, const double *rows, size_t n, size_t dim,
                                                   fm_prior **out);
/* Columns independent and uniform: low < high, finite, [dim]. */
FM_API fm_status fm_prior_create_uniform(fm_ctx *ctx, const double *low, const double *high, size_t dim,
                                         fm_prior **out);
/* Columns independent, N(mean, deviation^2): deviation > 0, [dim]. */
FM_API fm_status fm_prior_create_diagonal(fm_ctx *ctx, const double *mean, const double *deviation,
                                          size_t dim, fm_prior **out);
/* N(mean, covariance): mean [dim]; covariance [dim][dim], symmetric and positive definite, else FM_E_INVALID
   names the pivot at which its Cholesky decomposition ends. */
FM_API fm_status fm_prior_create_covariance(fm_ctx *ctx, const double *mean, const double *covariance,
                                            size_t dim, fm_prior **out);
/* Component k with probability weights[k] / their sum, then N(means[k], deviations[k]^2), columns
   independent: weights [n] >= 0 with a positive sum; means, deviations [n][dim], deviations > 0. */
FM_API fm_status fm_prior_create_mixture(fm_ctx *ctx, const double *weights, const double *means,
                                         const double *deviations, size_t n, size_t dim, fm_prior **out);
/* `user` must stay valid while the prior or anything made from it lives. Models with it can't be saved. */
FM_API fm_status fm_prior_create_callback(fm_ctx *ctx, fm_prior_fn fn, void *user, fm_prior **out);
/* With its log-density, so that fm_prior_log_density answers. */
FM_API fm_status fm_prior_create_callback_density(fm_ctx *ctx, fm_prior_fn fn, fm_log_density_fn log_density,
                                                  void *user, fm_prior **out);
/* FM_PRIOR_..., 0 for NULL. */
FM_API uint32_t fm_prior_kind(const fm_prior *prior);
/* The natural logarithm of the prior's density at n rows x [n][dim], in the prior's units (normalised for
   the Gaussian, the data's for the others): out [n], -INFINITY where it is 0. FM_E_UNSUPPORTED for rows, and
   for a callback without one. If a callback fails or writes what is no number, out may be written. */
FM_API fm_status fm_prior_log_density(fm_ctx *ctx, const fm_prior *prior, const double *x, size_t n,
                                      size_t dim, double *out);
FM_API void fm_prior_destroy(fm_prior *prior);

/* ---- Normalisers ------------------------------------------------------------------------------- */

#define FM_NORMALISE_COLUMNS 1u  /* own mean and deviation for every column: the default */
#define FM_NORMALISE_WHOLE 2u    /* one mean and deviation for all columns (images) */
#define FM_NORMALISE_IDENTITY 3u /* none */

/* Statistics of rows, in double and in one stable pass. A constant column gets scale 0: it is normalised to
   0 and comes back exactly. A non-finite cell is FM_E_NONFINITE and is named by row and column. */
FM_API fm_status fm_normaliser_fit(fm_ctx *ctx, uint32_t kind, const float *x, size_t n, size_t dim,
                                   fm_normaliser **out);
FM_API fm_status fm_normaliser_fit_f64(fm_ctx *ctx, uint32_t kind, const double *x, size_t n, size_t dim,
                                       fm_normaliser **out);
#define FM_DATA_X1 0u
#define FM_DATA_COND 1u
/* The statistics of a data set's rows or condition vectors (part: FM_DATA_...). Not for streams. */
FM_API fm_status fm_normaliser_fit_data(fm_ctx *ctx, uint32_t kind, const fm_data *data, uint32_t part,
                                        fm_normaliser **out);
/* Given statistics: normalised = (x - shift) / scale; scale >= 0, finite. shift, scale [dim]. */
FM_API fm_status fm_normaliser_create(fm_ctx *ctx, const double *shift, const double *scale, size_t dim,
                                      fm_normaliser **out);
FM_API void fm_normaliser_destroy(fm_normaliser *normaliser);
FM_API size_t fm_normaliser_dim(const fm_normaliser *normaliser);
/* Copies the statistics out: shift, scale [dim]; either may be NULL. */
FM_API fm_status fm_normaliser_get(fm_ctx *ctx, const fm_normaliser *normaliser, double *shift,
                                   double *scale);

/* ---- Networks ---------------------------------------------------------------------------------- */

#define FM_NET_RESMLP 1u /* residual MLP with adaptive layer norm (adaLN-Zero, Peebles & Xie 2023): default */
#define FM_NET_MLP 2u    /* multilayer perceptron on [x, time features, conditions] */
#define FM_NET_CUSTOM 0x7fffffffu

#define FM_ACT_SILU 1u
#define FM_ACT_GELU 2u      /* exact, by erf */
#define FM_ACT_GELU_TANH 3u /* the tanh approximation */
#define FM_ACT_SELU 4u
#define FM_ACT_ELU 5u
#define FM_ACT_TANH 6u
#define FM_ACT_RELU 7u
#define FM_ACT_MISH 8u

typedef struct fm_net_options {
  uint64_t struct_size;
  uint32_t kind;           /* FM_NET_RESMLP or FM_NET_MLP; 0: residual MLP */
  uint32_t activation;     /* FM_ACT_...; 0: SiLU */
  uint32_t width;          /* hidden units; 0: 256 */
  uint32_t depth;          /* MLP: linear layers, at least 1; residual MLP: blocks. 0: 4 | 3 */
  int32_t time_features;   /* even count of cos and sin features; 0: 64; negative: t itself as one input */
  uint32_t class_features; /* length of a class column's embedding; 0: 32 */
  double dropout;          /* share of hidden units set to 0 in a training step, below 1; 0: none */
} fm_net_options;

/* Dropout (Srivastava et al. 2014) regularises, which pays where rows are few. It acts on hidden layers,
   after the activation: in the MLP on all of them, in the residual MLP on the one inside each block, as in
   wide ResNets and Transformers. The units kept are scaled by 1 / (1 - dropout), and only in steps of a
   trainer: losses of evaluations, sampling and fm_net_velocity, _vjp and _jvp are without it. Which units
   fall is noise keyed by the trainer's seed, the row's running number and the unit, so "same bits" and
   resuming hold. Weights don't depend on it, neither their number nor, for the same seed, their start. */

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
} fm_net_call;
typedef int32_t (*fm_net_fn)(void *user, const fm_net_call *call);
/* Writes the initial parameters: params [n_params]. */
typedef int32_t (*fm_net_init_fn)(void *user, uint64_t seed, float *params, size_t n_params);

/* A built-in architecture. n_classes [n_class_columns] gives each class column's number of classes (each at
   least 1); cond_dim is the length of the condition vector; both may be absent. dim >= 1. */
FM_API fm_status fm_net_create(fm_ctx *ctx, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                               size_t cond_dim, const fm_net_options *options, fm_net **out);
/* The caller's own network. init may be NULL (parameters start at 0). `user` must stay valid while the net
   or anything made from it lives. Models with it can't be saved, their parameters can be copied out. */
FM_API fm_status fm_net_create_custom(fm_ctx *ctx, size_t dim, const uint32_t *n_classes,
                                      size_t n_class_columns, size_t cond_dim, size_t n_params,
                                      fm_net_fn forward, fm_net_fn vjp, fm_net_init_fn init, void *user,
                                      fm_net **out);
FM_API void fm_net_destroy(fm_net *net);
FM_API size_t fm_net_dim(const fm_net *net);
FM_API size_t fm_net_n_params(const fm_net *net);
FM_API size_t fm_net_n_class_columns(const fm_net *net);
FM_API uint32_t fm_net_n_classes(const fm_net *net, size_t column); /* 0 if there is no such column */
FM_API size_t fm_net_cond_dim(const fm_net *net);
/* Parameter tensors in block order. FM_E_INVALID past the last. name is valid while the net lives; shape
   has up to 3 entries, unused ones 0. Outputs may be NULL. */
FM_API fm_status fm_net_tensor(fm_ctx *ctx, const fm_net *net, size_t index, const char **name,
                               size_t *offset, uint64_t shape[3]);
/* Initial parameters, the same for the same seed: params [n_params]. */
FM_API fm_status fm_net_init(fm_ctx *ctx, const fm_net *net, uint64_t seed, float *params);
/* The network itself on normalised rows: params [n_params], x [n][dim], t [n], labels
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
/* Jacobian-vector product J(x) dx + du/dt dt: dx [n][dim] or NULL, dt [n] or NULL; out, d_out [n][dim], out
   may be NULL. FM_E_UNSUPPORTED for custom networks. */
FM_API fm_status fm_net_jvp(fm_ctx *ctx, const fm_net *net, const float *params, const float *x,
                            const double *t, const int32_t *labels, const float *cond, const float *dx,
                            const double *dt, size_t n, float *out, float *d_out);

/* ---- Optimisers -------------------------------------------------------------------------------- */

/* Update rules, with the defaults of learning_rate, beta1, beta2. */
#define FM_OPTIMIZER_ADAMW 1u    /* 1e-3, 0.9, 0.999. Loshchilov & Hutter 2019; weight_decay 0 is Adam */
#define FM_OPTIMIZER_SGD 2u      /* 1e-2, 0.9 (the momentum), -. Gradient descent with momentum */
#define FM_OPTIMIZER_NESTEROV 3u /* the same with Nesterov's momentum */
#define FM_OPTIMIZER_LION 4u     /* 1e-4, 0.9, 0.99. Signs of averages (Chen et al. 2023) */
#define FM_OPTIMIZER_MUON 5u     /* 1e-3, 0.95 (the momentum), 0.95. Weight matrices take a momentum that is
                                    made orthogonal (Jordan et al. 2024), scaled like a step of AdamW (Liu et
                                    al. 2025). The rest takes AdamW with 0.9 and beta2: vectors, embeddings,
                                    the matrices that make the output; all of a caller's own net */

/* Schedules. All begin with a linear warm-up; n_steps is where they end, and the rate stays there. */
#define FM_SCHEDULE_COSINE 1u   /* half a cosine to final_fraction of the rate */
#define FM_SCHEDULE_CONSTANT 2u
#define FM_SCHEDULE_LINEAR 3u   /* a straight line to final_fraction of the rate */
#define FM_SCHEDULE_PLATEAU 4u  /* constant, times plateau_factor whenever plateau_patience evaluations in a
                                   row brought no lower held-out loss. Evaluations are those of
                                   fm_trainer_run_validated; it stays constant without */

typedef struct fm_optimizer_options {
  uint64_t struct_size;
  uint32_t kind;         /* FM_OPTIMIZER_...; 0: AdamW */
  uint32_t schedule;     /* FM_SCHEDULE_...; 0: cosine */
  double learning_rate;  /* 0: the rule's */
  double beta1, beta2;   /* below 1; 0: the rule's; negative: none. What a rule doesn't have is ignored */
  double epsilon;        /* AdamW's; 0: 1e-8 */
  double weight_decay;   /* 0: none. Decoupled in every rule: parameters shrink by the share rate * decay */
  double clip_norm;      /* bound on the gradient's 2-norm; 0: 1; negative: no clipping */
  double final_fraction; /* the rate at the end as a fraction; 0: 0.01; negative: 0 */
  int64_t warmup_steps;  /* 0: min(n_steps / 10, 500); negative: none */
  uint64_t n_steps;      /* length of the schedule; 0: 5000 */
  double plateau_factor;     /* FM_SCHEDULE_PLATEAU: below 1; 0: 0.5 */
  uint64_t plateau_patience; /* evaluations; 0: 5 */
} fm_optimizer_options;

FM_API fm_status fm_optimizer_create(fm_ctx *ctx, const fm_optimizer_options *options, fm_optimizer **out);
FM_API void fm_optimizer_destroy(fm_optimizer *optimizer);
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

/* ---- Data -------------------------------------------------------------------------------------- */

#define FM_MISSING_ERROR 0u /* a NaN in x1 is FM_E_NONFINITE */
#define FM_MISSING_MASK 1u  /* a NaN in x1 is a missing value: see fm_data_mask_column */

typedef struct fm_data_options {
  uint64_t struct_size;
  uint64_t no_copy; /* 1: keep the caller's pointers, which must outlive the handle; 0: copy */
  uint64_t missing; /* FM_MISSING_... */
} fm_data_options;

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
} fm_pull_request;
typedef int32_t (*fm_pull_fn)(void *user, const fm_pull_request *request);

/* A data set in memory. x1 [n][dim]; x0 [n][dim] pairs or NULL (the prior is drawn); labels
   [n][n_class_columns], cond [n][cond_dim], weights [n] (loss weights >= 0) or NULL. Non-finite cells are
   named by row and column. Training reads it in shuffled epochs. */
FM_API fm_status fm_data_create(fm_ctx *ctx, const float *x1, const float *x0, const int32_t *labels,
                                const float *cond, const float *weights, size_t n, size_t dim,
                                size_t n_class_columns, size_t cond_dim, const fm_data_options *options,
                                fm_data **out);
FM_API fm_status fm_data_create_f64(fm_ctx *ctx, const double *x1, const double *x0, const int32_t *labels,
                                    const float *cond, const float *weights, size_t n, size_t dim,
                                    size_t n_class_columns, size_t cond_dim, const fm_data_options *options,
                                    fm_data **out);
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
  double *x1;          /* as in fm_pull_request */
  double *x0;
  int32_t *labels;
  float *cond;
  float *weights;
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
/* The rows of n_files .npy files, one after the other, as one data set. The files are mapped into memory, not
   read: they may be larger than it, and must stay as they are while the handle lives. Numbers may be bool,
   integers or floats of up to 8 bytes, in either byte order, C or Fortran order; all axes but the first make
   up a row. Every cell is read once, to check it. labels [n][n_class_columns], cond [n][cond_dim], weights
   [n] are for all rows together, or NULL; n may be 0 if all are. */
FM_API fm_status fm_data_open_npy(fm_ctx *ctx, const char *const *files, size_t n_files,
                                  const int32_t *labels, const float *cond, const float *weights, size_t n,
                                  size_t n_class_columns, size_t cond_dim, const fm_data_options *options,
                                  fm_data **out);

/* A random part of data's rows, without a list or a copy of them: *held_out gets n_held_out rows, *out the
   others; the same ones for the same seed. 1 <= n_held_out < n. */
FM_API fm_status fm_data_split(fm_ctx *ctx, const fm_data *data, uint64_t seed, size_t n_held_out,
                               fm_data **out, fm_data **held_out);
FM_API void fm_data_destroy(fm_data *data);
FM_API size_t fm_data_n(const fm_data *data); /* 0: a stream */
FM_API size_t fm_data_dim(const fm_data *data);
FM_API size_t fm_data_n_class_columns(const fm_data *data);
FM_API size_t fm_data_cond_dim(const fm_data *data);
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

/* ---- Models ------------------------------------------------------------------------------------ */

/* Puts caller's weights into a model: params [n_params]; ema [n_params] or NULL (params). path NULL: CondOT;
   prior NULL: Gaussian; normaliser NULL: identity; cond_normaliser NULL: identity. Everything is copied or
   retained. */
FM_API fm_status fm_model_create(fm_ctx *ctx, const fm_net *net, const float *params, const float *ema,
                                 const fm_path *path, const fm_prior *prior,
                                 const fm_normaliser *normaliser, const fm_normaliser *cond_normaliser,
                                 fm_model **out);
FM_API void fm_model_destroy(fm_model *model);
/* One safetensors file: weights and their moving average, statistics, and the architecture as metadata.
   Written to a temporary beside it, synced and renamed: a crash leaves the old file or the new one. */
FM_API fm_status fm_model_save(fm_ctx *ctx, const fm_model *model, const char *file);
/* Every field is checked before it is used; FM_E_FORMAT or FM_E_CHECKSUM say what is wrong. */
FM_API fm_status fm_model_load(fm_ctx *ctx, const char *file, fm_model **out);
FM_API fm_status fm_model_load_memory(fm_ctx *ctx, const void *bytes, size_t n_bytes, fm_model **out);
/* What it was made from; valid while the model lives, not to be destroyed. */
FM_API const fm_net *fm_model_net(const fm_model *model);
FM_API const fm_path *fm_model_path(const fm_model *model);
FM_API const fm_prior *fm_model_prior(const fm_model *model);
FM_API const fm_normaliser *fm_model_normaliser(const fm_model *model);
/* Copies weights out: params, ema [n_params]; either may be NULL. */
FM_API fm_status fm_model_get_params(fm_ctx *ctx, const fm_model *model, float *params, float *ema);
/* Free text saved with the model (a note, units, a data type): returns a new model that shares nothing
   mutable. key and value are UTF-8, at most 64 and 4096 bytes. */
FM_API fm_status fm_model_with_note(fm_ctx *ctx, const fm_model *model, const char *key, const char *value,
                                    fm_model **out);
/* The note's text, or NULL; valid while the model lives. */
FM_API const char *fm_model_note(const fm_model *model, const char *key);
/* The steps of training behind it, 0 if not known. */
FM_API uint64_t fm_model_train_steps(const fm_model *model);

/* ---- Training ---------------------------------------------------------------------------------- */

typedef struct fm_progress {
  uint64_t struct_size;
  uint64_t step;    /* steps done: updates */
  uint64_t n_steps; /* steps in all */
  uint64_t n_rows;  /* rows seen */
  double loss;      /* of this step: weighted mean of w(t) ||v - u||^2 / dim */
  double mean_loss; /* running mean over about 100 steps */
  double learning_rate; /* of this step, with what evaluations made of it (FM_SCHEDULE_PLATEAU) */
  double grad_norm; /* before clipping */
  double seconds;   /* since this call began */
  double held_out_loss; /* the latest, by fm_trainer_run_validated; 0 before the first */
} fm_progress;
typedef int32_t (*fm_progress_fn)(void *user, const fm_progress *progress);

/* The place for a distributed sum: between the gradient and the update, once an update. grad [n] holds the
   sum over this process's rows, those of all its micro-batches, of weight * gradient, *weight the sum of the
   weights, *loss the weighted loss sum. Replace all three by the sums over all processes. Every process must
   call with the same step. Give each a seed of its own, since noise is keyed by (seed, row number), and all
   the same params to start from. */
typedef struct fm_reduction {
  uint64_t struct_size;
  uint64_t step;
  uint64_t n;
  float *grad;
  double *weight;
  double *loss;
} fm_reduction;
typedef int32_t (*fm_reduce_fn)(void *user, const fm_reduction *reduction);

/* At which times training looks. u, v are uniform; a, b are time_a, time_b, and 0 is the default of each. */
#define FM_TIME_UNIFORM 1u      /* the default */
#define FM_TIME_LOGIT_NORMAL 2u /* logit t ~ N(a, b^2), a 0, b 1: the middle; a > 0 nearer the data (Esser et
                                   al. 2024, eq. 19, whose mean is -a) */
#define FM_TIME_MODE 3u         /* their eq. 20, a 1.29, from -1 to 1.75: the middle; a < 0: the ends */
#define FM_TIME_POWER 4u        /* t = u^a, a 2: the source; a < 1: the data */
#define FM_TIME_U_SHAPE 5u      /* density ~ e^(a t) + e^(a (1 - t)), a 4: both ends (Lee et al. 2024) */
#define FM_TIME_EDM 6u          /* 1 / (1 + s), log s ~ N(a, b^2), a -1.2, b 1.2 (Karras et al. 2022) */
#define FM_TIME_COSMAP 7u       /* the cosine schedule's noise levels on CondOT (Esser et al., eq. 21) */

/* The weight w(t) of the loss. FM_WEIGHT_X1, _X0 and _MIN_SNR make the loss that of a prediction of x1 or of
   x0 (the noise); they need a path with gamma = 0 on which they are finite, else FM_E_UNSUPPORTED. */
#define FM_WEIGHT_CONSTANT 1u /* 1: the default */
#define FM_WEIGHT_COSMAP 2u   /* 2 / (pi (1 - 2 t + 2 t^2)), the density of FM_TIME_COSMAP */
#define FM_WEIGHT_X1 3u       /* (sigma / D)^2, D = alpha' sigma - alpha sigma' */
#define FM_WEIGHT_X0 4u       /* (alpha / D)^2 */
#define FM_WEIGHT_MIN_SNR 5u  /* min(alpha^2 / sigma^2, a) (sigma / D)^2, a = weight_a 5 (Hang et al. 2023) */

/* Times from uniforms: t[i] in [0, 1] a function of uniforms[i] alone, two independent numbers in (0, 1).
   They are then mapped to the path's interval. Called once a step, from the thread that trains. */
typedef struct fm_time_request {
  uint64_t struct_size;
  uint64_t n;
  const double *uniforms; /* [n][2] */
  double *t;              /* out, [n] */
} fm_time_request;
typedef int32_t (*fm_time_fn)(void *user, const fm_time_request *request);

/* Weights >= 0 of the loss at times t, likewise. */
typedef struct fm_time_weight_request {
  uint64_t struct_size;
  uint64_t n;
  const double *t; /* [n] */
  double *weight;  /* out, [n] */
} fm_time_weight_request;
typedef int32_t (*fm_time_weight_fn)(void *user, const fm_time_weight_request *request);

typedef struct fm_trainer_options {
  uint64_t struct_size;
  uint64_t seed;
  uint64_t batch;         /* rows of a step; 0: 256. Also the most a call of fm_trainer_step may bring */
  uint64_t publish_every; /* steps between published snapshots; 0: only fm_trainer_publish */
  uint64_t n_snapshots;   /* snapshot blocks; 0: 3; at least 2 */
  double ema_decay;       /* 0: 0.999, warmed up as min(decay, (1 + n) / (10 + n)); negative: no average */
  double label_dropout;   /* share of rows trained without their condition; 0: 0.1; negative: none */
  fm_progress_fn progress; /* called after every step of fm_trainer_run, from its thread */
  void *progress_user;
  fm_reduce_fn reduce;
  void *reduce_user;
  uint32_t time_sampling; /* FM_TIME_...; 0: uniform */
  uint32_t loss_weight;   /* FM_WEIGHT_...; 0: constant */
  double time_a, time_b;  /* parameters of time_sampling; 0: its defaults */
  double weight_a;        /* parameter of loss_weight; 0: its default */
  fm_time_fn time;        /* instead of time_sampling, which is 0 then */
  void *time_user;
  fm_time_weight_fn weight; /* instead of loss_weight, which is 0 then */
  void *weight_user;
  uint64_t accumulate; /* batches summed for one update, for batches larger than memory; 0: 1 */
} fm_trainer_options;

/* path, prior, normaliser, cond_normaliser as in fm_model_create; optimizer NULL: defaults. params
   [n_params] to start from, or NULL: fm_net_init with the seed. */
FM_API fm_status fm_trainer_create(fm_ctx *ctx, const fm_net *net, const fm_path *path,
                                   const fm_prior *prior, const fm_normaliser *normaliser,
                                   const fm_normaliser *cond_normaliser, const fm_optimizer *optimizer,
                                   const float *params, const fm_trainer_options *options, fm_trainer **out);
FM_API void fm_trainer_destroy(fm_trainer *trainer);
/* One step on the caller's rows, in the data's units: x1 [n][dim]; x0 [n][dim] pairs or NULL; labels, cond,
   weights or NULL; 1 <= n <= batch. Writes the loss to *loss unless NULL. On FM_E_NONFINITE nothing was
   updated.
   With options.accumulate = k every call brings a micro-batch, and every k-th makes the update, from the
   weighted mean gradient over the rows of all k; *loss is that of the call's own rows, 0 if they have no
   weight. A call that fails has brought nothing: the micro-batches before it still wait, and the next call
   takes its place. */
FM_API fm_status fm_trainer_step(fm_ctx *ctx, fm_trainer *trainer, const float *x1, const float *x0,
                                 const int32_t *labels, const float *cond, const float *weights, size_t n,
                                 double *loss);
FM_API fm_status fm_trainer_step_f64(fm_ctx *ctx, fm_trainer *trainer, const double *x1, const double *x0,
                                     const int32_t *labels, const float *cond, const float *weights,
                                     size_t n, double *loss);
/* Trains on data until n_steps steps have been done in the trainer's life (0: the optimiser's n_steps), so
   that a resumed run goes on and stops where the whole one would. A step is an update: it takes
   options.accumulate batches, and the loss and the callbacks are about all of them. */
FM_API fm_status fm_trainer_run(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data, uint64_t n_steps);
/* How held-out rows decide when training ends. */
typedef struct fm_validation_options {
  uint64_t struct_size;
  uint64_t every;    /* steps between evaluations; 0: n_steps / 50 + 1. The last step is evaluated too */
  uint64_t patience; /* ends once so many steps brought no lower loss; 0: n_steps / 4 + 1 */
  uint64_t draws;    /* rows of an evaluation, each with a time and noise of its own: fewer held-out rows are
                        taken repeatedly; 0: 2048 */
  uint64_t seed;     /* of these times and noise, the same in every evaluation */
} fm_validation_options;

/* fm_trainer_run that stops early: evaluates the averaged weights on held_out, which must not be part of
   data, and keeps the best for fm_trainer_best. FM_OK for both ends; fm_trainer_steps tells which.
   Checkpoints hold the best weights too, and a resumed run ends where the whole one does. Allocates a
   workspace for the call. */
FM_API fm_status fm_trainer_run_validated(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data,
                                          const fm_data *held_out, uint64_t n_steps,
                                          const fm_validation_options *options);
/* A model of the weights that had the lowest held-out loss; its fm_model_train_steps is their step. The loss
   goes to *loss unless NULL. FM_E_INVALID if nothing was validated. */
FM_API fm_status fm_trainer_best(fm_ctx *ctx, const fm_trainer *trainer, fm_model **out, double *loss);
/* The loss of the averaged weights on n rows of data without training: times and noise are drawn from seed,
   the same on every call, so values compare. Times are uniform and w(t) = 1 whatever the options say. n 0:
   every row (a pull needs n); more than there are: again, with other times and noise. */
FM_API fm_status fm_trainer_evaluate(fm_ctx *ctx, fm_trainer *trainer, const fm_data *data, uint64_t seed,
                                     uint64_t n, double *loss);
/* The same for a model, as it was loaded or made; allocates a workspace for the call. */
FM_API fm_status fm_model_evaluate(fm_ctx *ctx, const fm_model *model, const fm_data *data, uint64_t seed,
                                   uint64_t n, double *loss);
FM_API uint64_t fm_trainer_steps(const fm_trainer *trainer);
/* The gradient of the last step, as the optimiser saw it before clipping: grad [n_params]. FM_E_INVALID if no
   step was done, the last one failed, or micro-batches came since. */
FM_API fm_status fm_trainer_get_gradient(fm_ctx *ctx, const fm_trainer *trainer, float *grad);
/* Makes the present weights the latest snapshot. If every block is held by somebody it skips, counts
   (fm_trainer_skipped) and returns FM_OK. Allocates nothing. */
FM_API fm_status fm_trainer_publish(fm_ctx *ctx, fm_trainer *trainer);
FM_API uint64_t fm_trainer_skipped(const fm_trainer *trainer);
/* The latest snapshot, or FM_E_INVALID if none was published. Safe from other threads while the trainer
   trains; destroy the model to give the block back. */
FM_API fm_status fm_trainer_latest(fm_ctx *ctx, const fm_trainer *trainer, fm_model **out);
/* A model of the present weights, allocated, independent of the trainer. */
FM_API fm_status fm_trainer_model(fm_ctx *ctx, const fm_trainer *trainer, fm_model **out);
/* A checkpoint holds all that training needs to go on bit-equal: weights, average, moments, counters, and
   micro-batches that wait for their update. Load
   into a trainer made with the same net, optimiser and options (FM_E_MISMATCH names what differs). */
FM_API fm_status fm_trainer_save(fm_ctx *ctx, const fm_trainer *trainer, const char *file);
FM_API fm_status fm_trainer_load(fm_ctx *ctx, fm_trainer *trainer, const char *file);

/* Everything at once: statistics of data, a network (net_options), a trainer, n_steps of the optimiser, a
   model. path, prior, optimizer, options may be NULL. Data must not be a stream; class counts are the largest
   label + 1. On FM_STOPPED and FM_E_CALLBACK *out is the model so far if a step was done, else NULL. */
FM_API fm_status fm_fit(fm_ctx *ctx, const fm_data *data, const fm_path *path, const fm_prior *prior,
                        const fm_optimizer *optimizer, const fm_net_options *net_options,
                        const fm_trainer_options *options, fm_model **out);

/* ---- Solvers ----------------------------------------------------------------------------------- */

/* Fixed steps, n_steps of them; in brackets the evaluations of a step. */
#define FM_SOLVER_EULER 1u    /* order 1 [1] */
#define FM_SOLVER_MIDPOINT 3u /* order 2 [2] */
#define FM_SOLVER_HEUN2 4u    /* order 2, the trapezoidal rule [2] */
#define FM_SOLVER_HEUN3 5u    /* order 3 [3] */
#define FM_SOLVER_RK4 6u      /* order 4, the classic Runge-Kutta method [4] */
#define FM_SOLVER_RK4_38 7u   /* order 4, the 3/8 rule [4] */
/* Multistep methods: an evaluation a step, on any grid. */
#define FM_SOLVER_AB2 10u     /* order 2, Adams & Bashforth [1], started by the midpoint rule */
#define FM_SOLVER_AB3 11u     /* order 3 [1], started by Heun's method */
#define FM_SOLVER_AB4 12u     /* order 4 [1], started by the classic Runge-Kutta method */
#define FM_SOLVER_EXPONENTIAL_2M 13u /* order 2 [1] in the data's end, of the class of DPM-Solver++(2M) (Lu et
                                  al., arXiv 2211.01095): exact in what the path says, so good with few
                                  steps. For samplers only, without densities; gamma must be 0. Else
                                  FM_E_UNSUPPORTED */
/* Steps chosen for every row by itself; with fixed_steps as above. */
#define FM_SOLVER_DOPRI5 2u /* order 5(4), Dormand & Prince [6] */
#define FM_SOLVER_BS32 8u   /* order 3(2), Bogacki & Shampine [3] */
#define FM_SOLVER_TSIT5 9u  /* order 5(4), Tsitouras [6] */

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

/* The step after one of scaled error e is longer by the factor safety e^-(1/q - 3/4 beta) e_last^beta,
   within [min_factor, max_factor], q = 5 or 3 with the order; e > 1 is refused (PI control: Hairer, Norsett
   & Wanner I, II.4; Hairer & Wanner II, IV.2; Soderlind, ACM TOMS 29, 2003). The defaults are those of
   Hairer's DOPRI5. */
typedef struct fm_solver_options {
  uint64_t struct_size;
  uint32_t method;    /* FM_SOLVER_...; 0: Dormand-Prince, which is right for any data; Euler is quicker */
  uint32_t n_steps;   /* fixed steps; 0: 20. Ignored by adaptive methods */
  double rtol, atol;  /* adaptive: error per step below atol + rtol |x| in the norm; 0: 1e-3 both */
  double first_step;  /* adaptive: 0 chooses it (Hairer, Norsett & Wanner, II.4) */
  uint64_t max_steps; /* adaptive: tries per row; 0: 10000 */
  uint32_t grid;      /* fixed steps: FM_GRID_...; 0: uniform. FM_E_INVALID with adaptive steps */
  uint32_t norm;      /* adaptive: FM_NORM_... of a row's error; 0: root mean square */
  double grid_shift;  /* s of FM_GRID_SHIFTED, 1e-6 to 1e6; 0: 3 */
  double max_step;    /* adaptive: no step is longer; 0: none */
  double safety;      /* 0.001 to 0.999; 0: 0.9 */
  double min_factor;  /* 0.001 to 0.999; 0: 0.2 */
  double max_factor;  /* 1 to 1000; 0: 10 */
  double beta;        /* at most 0.2; 0: 0.2 / q; negative: none, each error by itself */
  uint64_t fixed_steps; /* 1: an adaptive method takes n_steps fixed steps */
} fm_solver_options;

typedef struct fm_solve_stats {
  uint64_t struct_size;
  uint64_t nfe;       /* rows evaluated in all: sum over calls of their n */
  uint64_t max_nfe;   /* the most evaluations that one row took */
  uint64_t accepted;  /* steps, over all rows */
  uint64_t rejected;
  uint64_t failed;    /* rows that ended early: FM_E_STEPS or FM_E_NONFINITE */
} fm_solve_stats;

/* The same of one row. It comes in arrays, so it has no size and never grows. */
typedef struct fm_row_stats {
  uint64_t nfe;
  uint64_t accepted;
  uint64_t rejected;
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
  const double *t;
  const double *x;
} fm_trajectory;
typedef int32_t (*fm_trajectory_fn)(void *user, const fm_trajectory *trajectory);

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

/* ---- Sampling ---------------------------------------------------------------------------------- */

/* How div u, the trace of the velocity's Jacobian, is found: by Jacobian-vector products, or by transposed
   ones for a caller's net. */
#define FM_DIVERGENCE_EXACT 1u      /* as it is: a product for every column in every evaluation */
#define FM_DIVERGENCE_RADEMACHER 2u /* Hutchinson's unbiased estimate z . Jz, a product for every probe z, of
                                       +1 and -1 (Grathwohl et al., "FFJORD", ICLR 2019) */
#define FM_DIVERGENCE_GAUSSIAN 3u   /* the same with z of N(0, 1): never the smaller variance */

/* Draws by dx = (u + g^2 / 2 grad log p_t) dt + g dW, which has the flow's marginals for every g(t) (Song et
   al., ICLR 2021; Ma et al., "SiT", ECCV 2024): noise forgets errors, at more steps. The score is the
   velocity's by the path, so the prior must be the standard Gaussian and gamma 0, else FM_E_UNSUPPORTED.
   Euler's method becomes Euler-Maruyama (the default here), FM_SOLVER_HEUN2 the stochastic Heun method of
   weak order 2; others are FM_E_UNSUPPORTED. No score is asked for at t = 1: Heun's last step is
   Euler-Maruyama's. Near it the score grows as 1 / sigma^2 where data is narrow, so g should fall with sigma.
   Noise is keyed by (seed, row, step): "same bits" holds. Transports and fm_sampler_log_density keep to the
   flow. */
#define FM_DIFFUSION_CONSTANT 1u         /* g = diffusion_level */
#define FM_DIFFUSION_SIGMA 2u            /* g = diffusion_level sqrt(sigma(t)) */
#define FM_DIFFUSION_OVERSHOOT 3u        /* no g: Euler's step goes on to t' + c h (1 - t') with c =
                                            diffusion_level, and noise brings the row back to t' (Hu et al.,
                                            "AMO Sampler", arXiv 2411.19415). No score is needed */
#define FM_DIFFUSION_CUSTOM 0x7fffffffu  /* g by diffusion_fn */

/* Writes g(t) >= 0 at 0 <= t < 1. May be called from several threads at once. */
typedef int32_t (*fm_diffusion_fn)(void *user, double t, double *g);

typedef struct fm_sampler_options {
  uint64_t struct_size;
  double deadline;      /* seconds a draw may take: then one Euler step to the end and FM_DEADLINE; 0: none */
  uint64_t raw_weights; /* 1: the weights themselves instead of their moving average */
  uint32_t divergence;  /* FM_DIVERGENCE_...: of log-densities; 0: the sampler has none */
  uint32_t n_probes;    /* with probes: how many a row has, at most 4096; 0: 8 */
  uint64_t probe_seed;  /* with probes: names those of every row */
  double coarse;        /* log-densities by fixed steps are found with half as many steps too, for half the
                           cost again: where that changes one by more than this, in nats, the row and the
                           call are FM_COARSE. 0: 0.1; negative: not checked */
  uint64_t diffusion;   /* FM_DIFFUSION_...; 0: none, draws are the flow's */
  double diffusion_level; /* above 0; 0: 1 */
  fm_diffusion_fn diffusion_fn; /* with FM_DIFFUSION_CUSTOM only */
  void *diffusion_user;
} fm_sampler_options;

FM_API fm_status fm_sampler_create(fm_ctx *ctx, const fm_model *model, const fm_solver_options *solver,
                                   const fm_sampler_options *options, fm_sampler **out);
FM_API void fm_sampler_destroy(fm_sampler *sampler);
/* Another model of the same net (a newer snapshot); FM_E_MISMATCH otherwise. Allocates nothing. */
FM_API fm_status fm_sampler_set_model(fm_ctx *ctx, fm_sampler *sampler, const fm_model *model);
/* Draws rows first_row .. first_row + n of the endless table that seed names: labels [n][n_class_columns]
   or NULL (null class), cond [n][cond_dim] or NULL (absent), out [n][dim] in the data's units. A row that
   failed makes the call fail; the others are right. */
FM_API fm_status fm_sampler_draw(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                                 const int32_t *labels, const float *cond, size_t n, float *out);
FM_API fm_status fm_sampler_draw_f64(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                                     const int32_t *labels, const float *cond, size_t n, double *out);
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
/* log p(x | labels, cond) of n rows x [n][dim] under the model, in the data's units (normalisation
   included), natural logarithm: log_density [n], -INFINITY where the source has no density. For a sampler
   with a divergence. Rows go to t = 0 and d/dt log p_t(x_t) = -div u with them (Chen et al., NeurIPS 2018,
   theorem 1), in double; log-densities take part in the error norm of adaptive steps like columns. error [n]
   or NULL gets the standard error over the probes, fixed for the solve and keyed by (probe_seed, first_row +
   i): 0 if exact, INFINITY of one probe. The solver's own error comes on top: with few fixed steps the result
   is a density of nothing, which FM_COARSE says. FM_E_UNSUPPORTED, at creation already, where the prior has
   no log-density or the normaliser has a column of scale 0, in which rows have none. A row that fails
   keeps its entries and makes the call fail; the others are right. An evaluation counts once in stats,
   however many products. stats and rows [n] may be NULL. */
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
/* The model's velocity in normalised coordinates: x [n][dim], t [n] and cond [n][cond_dim], normalised too,
   to out [n][dim]; t is brought into the path's interval. On FM_E_NONFINITE earlier rows of out are
   written. */
FM_API fm_status fm_sampler_velocity(fm_ctx *ctx, fm_sampler *sampler, const float *x, const double *t,
                                     const int32_t *labels, const float *cond, size_t n, float *out);
/* One call: a sampler with default options, a draw, and the sampler destroyed. */
FM_API fm_status fm_sample(fm_ctx *ctx, const fm_model *model, uint64_t seed, uint64_t first_row,
                           const int32_t *labels, const float *cond, size_t n, float *out);

/* ---- Setting up structs ------------------------------------------------------------------------ */

#define FM_DEFINE_INIT_(type)                                                                             \
  static inline void type##_init(type *s) {                                                               \
    memset(s, 0, sizeof *s);                                                                              \
    s->struct_size = sizeof *s;                                                                           \
  }
FM_DEFINE_INIT_(fm_ctx_options)
FM_DEFINE_INIT_(fm_ctx_info)
FM_DEFINE_INIT_(fm_path_coefficients)
FM_DEFINE_INIT_(fm_net_options)
FM_DEFINE_INIT_(fm_optimizer_options)
FM_DEFINE_INIT_(fm_data_options)
FM_DEFINE_INIT_(fm_npy_info)
FM_DEFINE_INIT_(fm_trainer_options)
FM_DEFINE_INIT_(fm_validation_options)
FM_DEFINE_INIT_(fm_solver_options)
FM_DEFINE_INIT_(fm_solve_stats)
FM_DEFINE_INIT_(fm_solver_info)
FM_DEFINE_INIT_(fm_sampler_options)
#undef FM_DEFINE_INIT_

#ifdef __cplusplus
}
#endif
#endif
