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
 * This header is what most programs need: options in, a trained model and its samples out. Functions named
 * here but not declared here (a solver on your own right-hand side, the network's derivatives, callbacks in
 * place of a part) are in flowmatch_parts.h.
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
 *             Where a struct says no more, it is about n rows of dim columns, from row first_row on.
 * Handles     are opaque and reference-counted: a handle keeps what it was made from alive, so destroy them
 *             in any order. Destroying NULL does nothing. Destroying a handle is safe from any thread.
 * Threads     A context is used by one thread at a time. fm_path, fm_net, fm_prior, fm_normaliser,
 *             fm_optimizer, fm_model and fm_data (unless it pulls) are immutable after creation: any number
 *             of contexts and threads may use one at once. fm_solver, fm_coupling, fm_trainer and fm_sampler
 *             own workspace: one thread at a time, whichever context is passed. fm_ctx_stop,
 *             fm_trainer_latest and the destroy functions alone are safe from other threads.
 * Memory      Creating a handle allocates; fm_trainer_step, the fm_sampler_ functions for rows,
 *             fm_coupling_pair, fm_solver_solve, the _at and set_grid functions and fm_optimizer_step
 *             allocate nothing.
 * Numbers     Solver state, losses, statistics and norms are double; networks see float. A non-finite
 *             input, loss or state is FM_E_NONFINITE, never a silent NaN.
 * Noise       is counter-based (Philox4x32-10), keyed by (seed, stream, row, column). On one machine a
 *             sample's bits depend on (model, seed, row index, solver) and not on how rows are split into
 *             calls, on the number of threads or on the order of calls.
 * Host        No printing, exit, abort, signal handler or mutable global; the default is to work on the
 *             caller's thread alone. Signal masks, locale, environment and open files are as before after
 *             every call, and the library's threads block all signals but those of their own faults.
 *             A call computes with its caller's rounding and flush to zero, on whichever thread, and masks
 *             floating-point traps meanwhile, also in callbacks; what is promised of numbers holds for the
 *             default, to nearest without flush to zero. Exception flags may be set. A call takes at most
 *             40 KiB of stack and what callbacks need. In a forked child a context with threads is refused
 *             (FM_E_FORKED); handles go on there with a context that has none or was made there, if no
 *             thread was using them.
 */
#ifndef FLOWMATCH_H
#define FLOWMATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The version of this header; fm_version tells that of the library. */
#define FM_VERSION_MAJOR 0
#define FM_VERSION_MINOR 1
#define FM_VERSION_PATCH 0

/* What the library exports. Windows wants to be told: define FM_STATIC where you link the static library (its
   build defines FM_BUILD). */
#if defined(_WIN32)
#  if defined(FM_STATIC)
#    define FM_API
#  elif defined(FM_BUILD)
#    define FM_API __declspec(dllexport)
#  else
#    define FM_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define FM_API __attribute__((visibility("default")))
#else
#  define FM_API
#endif

/* Where pointers have 4 bytes, an odd number of them leaves 4 bytes at the end of a struct. They have a name,
   so that a struct whose fields are all 0 is 0 everywhere, and fields to come begin after them. */
#if UINTPTR_MAX == 0xffffffffu
#  define FM_TAIL_32 uint32_t reserved_32; /* ends such a struct */
#else
#  define FM_TAIL_32 /* nothing, where pointers have 8 bytes */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ------------------------------------------------------------------------------------ */

/* FM_OK, or what went wrong. */
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
#define FM_E_STEPS (-11)        /* an adaptive solver's or a coupling's steps are used up; the state so far is
                                   returned */
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
typedef struct fm_coupling fm_coupling;     /* pairs rows of source and data */
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
/* Which instructions may be used. */
#define FM_ISA_AUTO 0u    /* the best instruction set of this machine */
#define FM_ISA_PLAIN 1u   /* portable C */
#define FM_ISA_AVX2 2u    /* x86-64 with AVX2 and FMA; FM_E_UNSUPPORTED elsewhere */

/* How a context works. */
typedef struct fm_ctx_options {
  uint64_t struct_size;
  /* Both or neither. alloc returns `bytes` aligned to `alignment` (a power of two, at most 64), or NULL.
     Called by creating and destroying functions only, from the thread that calls them. The functions must
     stay valid until every handle made from this context is destroyed. */
  void *(*alloc)(void *user, size_t bytes, size_t alignment);
  void (*release)(void *user, void *block); /* gives a block of alloc back */
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
  FM_TAIL_32
} fm_ctx_options;

/* Creates a context. options may be NULL. On failure *out is NULL and there is no text. */
FM_API fm_status fm_ctx_create(const fm_ctx_options *options, fm_ctx **out);
FM_API void fm_ctx_destroy(fm_ctx *ctx);
/* The text of the last call that failed on this context; "" if none did. Valid until the next call. */
FM_API const char *fm_ctx_message(const fm_ctx *ctx);
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

/* A path of a kind, with the default parameters. */
FM_API fm_status fm_path_create(fm_ctx *ctx, uint32_t kind, fm_path **out);
/* With parameters [n_params]: the numbers in brackets beside the kind, in that order, widths in normalised
   units. 0 and those left out are the default; more than the kind has are FM_E_INVALID. */
FM_API fm_status fm_path_create_with(fm_ctx *ctx, uint32_t kind, const double *params, size_t n_params,
                                     fm_path **out);
/* By name, parameters after colons: "condot", "cosine:0.1", "poly:3", "vp:0.1:20", "linear-vp",
   "target-ot:0.1", "icfm:0.1", "bridge:0.5". Another name is FM_E_UNSUPPORTED; the text lists all. */
FM_API fm_status fm_path_create_named(fm_ctx *ctx, const char *text, fm_path **out);
FM_API void fm_path_destroy(fm_path *path);

/* ---- Priors ------------------------------------------------------------------------------------ */

/* Numbers of the Gaussian are of normalised columns; those of all other kinds are in the data's units, and
   the model's normaliser is applied to the rows. All but the callback are saved with the model. */
#define FM_PRIOR_GAUSSIAN 1u /* N(0, 1) in every normalised column: the default */
#define FM_PRIOR_ROWS 2u     /* rows of another data set, with replacement */
#define FM_PRIOR_CALLBACK 3u      /* the caller's, made by fm_prior_create_callback */
#define FM_PRIOR_UNIFORM 4u       /* on a box */
#define FM_PRIOR_DIAGONAL 5u      /* a Gaussian with independent columns */
#define FM_PRIOR_COVARIANCE 6u    /* a Gaussian with any covariance */
#define FM_PRIOR_MIXTURE 7u       /* of Gaussians with independent columns */
#define FM_PRIOR_SHUFFLED_ROWS 8u /* rows of another data set, without replacement */

/* N(0, 1) in every normalised column. */
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
/* FM_PRIOR_..., 0 for NULL. */
FM_API uint32_t fm_prior_kind(const fm_prior *prior);
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
#define FM_DATA_X1 0u   /* rows */
#define FM_DATA_COND 1u /* condition vectors */
/* The statistics of a data set's rows or condition vectors (part: FM_DATA_...). Not for streams. */
FM_API fm_status fm_normaliser_fit_data(fm_ctx *ctx, uint32_t kind, const fm_data *data, uint32_t part,
                                        fm_normaliser **out);
FM_API void fm_normaliser_destroy(fm_normaliser *normaliser);
FM_API size_t fm_normaliser_dim(const fm_normaliser *normaliser); /* columns */

/* ---- Networks ---------------------------------------------------------------------------------- */

#define FM_NET_RESMLP 1u /* residual MLP with adaptive layer norm (adaLN-Zero, Peebles & Xie 2023): default */
#define FM_NET_MLP 2u    /* multilayer perceptron on [x, time features, conditions] */
#define FM_NET_CUSTOM 0x7fffffffu /* the caller's, made by fm_net_create_custom */

#define FM_ACT_SILU 1u      /* x / (1 + e^-x) */
#define FM_ACT_GELU 2u      /* exact, by erf */
#define FM_ACT_GELU_TANH 3u /* the tanh approximation */
#define FM_ACT_SELU 4u      /* ELU scaled (Klambauer et al. 2017) */
#define FM_ACT_ELU 5u       /* x > 0: x; else e^x - 1 */
#define FM_ACT_TANH 6u      /* tanh x */
#define FM_ACT_RELU 7u      /* max(x, 0) */
#define FM_ACT_MISH 8u      /* x tanh(log(1 + e^x)) */

/* The architecture. Dropout (Srivastava et al. 2014), for few rows, acts on hidden layers after the
   activation: in the MLP on all of them, in the residual MLP on the one inside each block, as in
   wide ResNets and Transformers. The units kept are scaled by 1 / (1 - dropout), and only in steps of a
   trainer: losses of evaluations, sampling and fm_net_velocity, _vjp and _jvp are without it. Which units
   fall is noise keyed by the trainer's seed, the row's running number and the unit, so "same bits" and
   resuming hold. Weights don't depend on it, neither their number nor, for the same seed, their start. */
typedef struct fm_net_options {
  uint64_t struct_size;
  uint32_t kind;           /* FM_NET_RESMLP or FM_NET_MLP; 0: residual MLP */
  uint32_t activation;     /* FM_ACT_...; 0: SiLU */
  uint32_t width;          /* hidden units; 0: 256 */
  uint32_t depth;          /* MLP: linear layers, at least 1; residual MLP: blocks. 0: 4 | 3 */
  int32_t time_features;   /* even count of cos and sin features; 0: 64; negative: t itself as one input */
  uint32_t class_features; /* length of a class column's embedding; 0: 32 */
  double dropout;          /* share of hidden units set to 0 in a training step, below 1; 0: none */
  uint64_t n_times;        /* 1: u(t, x); 2: also of r >= t, a mean velocity (FM_OBJECTIVE_MEAN_FLOW); 0: 1 */
} fm_net_options;

/* A built-in architecture. n_classes [n_class_columns] gives each class column's number of classes (each at
   least 1); cond_dim is the length of the condition vector; both may be absent. dim >= 1. */
FM_API fm_status fm_net_create(fm_ctx *ctx, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                               size_t cond_dim, const fm_net_options *options, fm_net **out);
FM_API void fm_net_destroy(fm_net *net);
FM_API size_t fm_net_dim(const fm_net *net);             /* columns of a row */
FM_API size_t fm_net_n_params(const fm_net *net);        /* weights in all */
FM_API size_t fm_net_n_class_columns(const fm_net *net); /* class columns */
FM_API uint32_t fm_net_n_classes(const fm_net *net, size_t column); /* 0 if there is no such column */
FM_API size_t fm_net_cond_dim(const fm_net *net);        /* length of the condition vector */

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
#define FM_SCHEDULE_CONSTANT 2u /* the rate itself */
#define FM_SCHEDULE_LINEAR 3u   /* a straight line to final_fraction of the rate */
#define FM_SCHEDULE_PLATEAU 4u  /* constant, times plateau_factor whenever plateau_patience evaluations in a
                                   row brought no lower held-out loss. Evaluations are those of
                                   fm_trainer_run_validated; it stays constant without */

/* How weights are updated. */
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

/* An update rule with its schedule; options NULL: AdamW. */
FM_API fm_status fm_optimizer_create(fm_ctx *ctx, const fm_optimizer_options *options, fm_optimizer **out);
FM_API void fm_optimizer_destroy(fm_optimizer *optimizer);

/* ---- Data -------------------------------------------------------------------------------------- */

#define FM_MISSING_ERROR 0u /* a NaN in x1 is FM_E_NONFINITE */
#define FM_MISSING_MASK 1u  /* a NaN in x1 is a missing value: see fm_data_mask_column */

/* How rows are kept. */
typedef struct fm_data_options {
  uint64_t struct_size;
  uint64_t no_copy; /* 1: keep the caller's pointers, which must outlive the handle; 0: copy */
  uint64_t missing; /* FM_MISSING_... */
} fm_data_options;

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
FM_API size_t fm_data_n(const fm_data *data);               /* rows; 0: a stream */
FM_API size_t fm_data_dim(const fm_data *data);             /* columns of a row */
FM_API size_t fm_data_n_class_columns(const fm_data *data); /* class columns */
FM_API size_t fm_data_cond_dim(const fm_data *data);        /* length of the condition vector */

/* ---- Models ------------------------------------------------------------------------------------ */

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
/* Free text saved with the model (a note, units, a data type): returns a new model that shares nothing
   mutable. key and value are UTF-8, at most 64 and 4096 bytes. */
FM_API fm_status fm_model_with_note(fm_ctx *ctx, const fm_model *model, const char *key, const char *value,
                                    fm_model **out);
/* The note's text, or NULL; valid while the model lives. */
FM_API const char *fm_model_note(const fm_model *model, const char *key);
/* The steps of training behind it, 0 if not known. */
FM_API uint64_t fm_model_train_steps(const fm_model *model);

/* ---- Training ---------------------------------------------------------------------------------- */

/* What training has come to. */
typedef struct fm_progress {
  uint64_t struct_size;
  uint64_t step;    /* steps done: updates */
  uint64_t n_steps; /* steps in all */
  uint64_t n_rows;  /* rows seen */
  double loss;      /* of this step: weighted mean of w(t) ||prediction - target||^2 / dim */
  double mean_loss; /* running mean over about 100 steps */
  double learning_rate; /* of this step, with what evaluations made of it (FM_SCHEDULE_PLATEAU) */
  double grad_norm; /* before clipping */
  double seconds;   /* since this call began */
  double held_out_loss; /* the latest, by fm_trainer_run_validated; 0 before the first */
} fm_progress;
typedef int32_t (*fm_progress_fn)(void *user, const fm_progress *progress);

/* The caller's own times, weights, distributed sum and cost of pairs: the structs are in flowmatch_parts.h,
   as are the constants FM_TIME_..., FM_WEIGHT_... and FM_COUPLING_... */
typedef struct fm_time_request fm_time_request;
typedef int32_t (*fm_time_fn)(void *user, const fm_time_request *request);
typedef struct fm_time_weight_request fm_time_weight_request;
typedef int32_t (*fm_time_weight_fn)(void *user, const fm_time_weight_request *request);
typedef struct fm_reduction fm_reduction;
typedef int32_t (*fm_reduce_fn)(void *user, const fm_reduction *reduction);
typedef struct fm_cost_request fm_cost_request;
typedef int32_t (*fm_cost_fn)(void *user, const fm_cost_request *request);

/* How a model is trained. */
typedef struct fm_trainer_options {
  uint64_t struct_size;
  uint64_t seed;          /* of weights, order and noise */
  uint64_t batch;         /* rows of a step; 0: 256. Also the most a call of fm_trainer_step may bring */
  uint64_t publish_every; /* steps between published snapshots, in a run or in the caller's loop; 0: only
                             fm_trainer_publish */
  uint64_t n_snapshots;   /* snapshot blocks; 0: 3; at least 2 */
  double ema_decay;       /* 0: 0.999, warmed up as min(decay, (1 + n) / (10 + n)); negative: no average */
  double label_dropout;   /* share of rows trained without their condition; 0: 0.1; negative: none */
  fm_progress_fn progress; /* called after every step of fm_trainer_run, from its thread */
  void *progress_user;
  fm_reduce_fn reduce;    /* called before every update, to sum over processes */
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
  /* Pairs are formed within a batch, anew for each, of noise or of the x0 that come with the rows. Labels,
     conditions and weights stay with their x1. Evaluations by this trainer pair likewise. Weights other than
     1 weigh the source too unless the coupling is independent. Else fields are as in fm_coupling_options. */
  uint32_t coupling; /* FM_COUPLING_...; 0: independent. Bridge needs FM_PATH_BRIDGE with a width, else
                        FM_E_UNSUPPORTED */
  uint32_t coupling_max_iterations;        /* as in fm_coupling_options */
  double coupling_regularisation;          /* as there */
  double coupling_relative_regularisation; /* as there */
  double coupling_relaxation;              /* as there */
  double coupling_tolerance; /* 0: 1e-3. Not reached: the plan so far is used, and counted
                                (fm_trainer_coupling_misses) */
  double coupling_class_weight; /* as there */
  double coupling_condition_weight; /* of normalised condition vectors */
  fm_cost_fn coupling_cost;         /* as there */
  void *coupling_cost_user;         /* given to it */
  uint32_t prediction; /* what the net predicts: FM_VELOCITY 0, FM_X1, FM_X0 or FM_SCORE, of which the last
                          needs the Gaussian prior and independent pairs; all but 0 need gamma = 0 */
  uint32_t baseline;   /* 1: the net learns what the velocity has beyond the Gaussian's, (alpha alpha' + sigma
                          sigma') / (alpha^2 + sigma^2) x, which the model adds. With FM_VELOCITY only */
  uint64_t objective;       /* FM_OBJECTIVE_... (flowmatch_parts.h); 0: flow matching. Mean flow's are: */
  double mean_share;        /* of rows with r > t; 0: 0.25; negative: none */
  double mean_weight_power; /* p of a row's weight (e + c)^-p, e its mean square error; at most 8; 0: none */
  double mean_weight_offset; /* c; 0: 1e-3 */
} fm_trainer_options;

/* path NULL: CondOT; prior NULL: Gaussian; normaliser, cond_normaliser NULL: identity; optimizer NULL: its
   defaults. params [n_params] to start from, or NULL: fm_net_init with the seed. All is copied or
   retained. */
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
FM_API uint64_t fm_trainer_steps(const fm_trainer *trainer); /* updates done in its life */
/* Makes the present weights the latest snapshot. If every block is held by somebody it skips, counts
   (fm_trainer_skipped) and returns FM_OK. Allocates nothing. */
FM_API fm_status fm_trainer_publish(fm_ctx *ctx, fm_trainer *trainer);
FM_API uint64_t fm_trainer_skipped(const fm_trainer *trainer); /* snapshots that were not published */
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

/* In brackets the evaluations of a step. One-step methods of n_steps fixed steps: */
#define FM_SOLVER_EULER 1u    /* order 1 [1] */
#define FM_SOLVER_MIDPOINT 3u /* order 2 [2] */
#define FM_SOLVER_HEUN2 4u    /* order 2, the trapezoidal rule [2] */
#define FM_SOLVER_HEUN3 5u    /* order 3 [3] */
#define FM_SOLVER_RK4 6u      /* order 4, the classic Runge-Kutta method [4] */
#define FM_SOLVER_RK4_38 7u   /* order 4, the 3/8 rule [4] */
/* Multistep methods, of n_steps fixed steps on any grid: */
#define FM_SOLVER_AB2 10u     /* order 2, Adams & Bashforth [1], started by the midpoint rule */
#define FM_SOLVER_AB3 11u     /* order 3 [1], started by Heun's method */
#define FM_SOLVER_AB4 12u     /* order 4 [1], started by the classic Runge-Kutta method */
#define FM_SOLVER_EXPONENTIAL_2M 13u /* order 2 [1] in x1, of the class of DPM-Solver++(2M) (Lu et al., arXiv
                                  2211.01095), for few steps. For samplers only, without densities and with
                                  gamma = 0, else FM_E_UNSUPPORTED */
#define FM_SOLVER_DDIM 14u    /* order 1 [1]: x1 and x0 at the next time (Song et al. 2021); likewise */
#define FM_SOLVER_MEAN 15u    /* steps by the mean velocity [1], n_steps 0: 1. For samplers of models of it
                                 (FM_OBJECTIVE_MEAN_FLOW), from t to a later one, else FM_E_UNSUPPORTED */
/* Methods that choose their steps for every row by itself; with fixed_steps they take n_steps fixed ones: */
#define FM_SOLVER_DOPRI5 2u /* order 5(4), Dormand & Prince [6] */
#define FM_SOLVER_BS32 8u   /* order 3(2), Bogacki & Shampine [3] */
#define FM_SOLVER_TSIT5 9u  /* order 5(4), Tsitouras [6] */

/* The step after one of scaled error e is longer by the factor safety e^-(1/q - 3/4 beta) e_last^beta,
   within [min_factor, max_factor], q = 5 or 3 with the order; e > 1 is refused (PI control: Hairer, Norsett
   & Wanner I, II.4; Hairer & Wanner II, IV.2; Soderlind, ACM TOMS 29, 2003). The defaults are those of
   Hairer's DOPRI5. */
typedef struct fm_solver_options {
  uint64_t struct_size;
  uint32_t method;    /* FM_SOLVER_...; 0: Dormand-Prince, which is right for any data (Euler is quicker), but
                         for plain draws of a model of mean velocities FM_SOLVER_MEAN, and of a distilled one
                         its Euler steps (flowmatch_reflow.h) */
  uint32_t n_steps;   /* fixed steps; 0: 20. Ignored where steps are chosen */
  double rtol, atol;  /* adaptive: error per step below atol + rtol |x| in the norm; 0: 1e-3 both */
  double first_step;  /* adaptive: 0 chooses it (Hairer, Norsett & Wanner, II.4) */
  uint64_t max_steps; /* adaptive: tries per row; 0: 10000 */
  uint32_t grid;      /* fixed steps: FM_GRID_... (flowmatch_parts.h); 0: uniform. FM_E_INVALID with
                         adaptive steps */
  uint32_t norm;      /* adaptive: FM_NORM_... (there) of a row's error; 0: root mean square */
  double grid_shift;  /* s of FM_GRID_SHIFTED, 1e-6 to 1e6; 0: 3 */
  double max_step;    /* adaptive: no step is longer; 0: none */
  double safety;      /* 0.001 to 0.999; 0: 0.9 */
  double min_factor;  /* 0.001 to 0.999; 0: 0.2 */
  double max_factor;  /* 1 to 1000; 0: 10 */
  double beta;        /* at most 0.2; 0: 0.2 / q; negative: none, each error by itself */
  uint64_t fixed_steps; /* 1: an adaptive method takes n_steps fixed steps */
} fm_solver_options;

/* ---- Sampling ---------------------------------------------------------------------------------- */

/* Writes g(t) >= 0 at 0 <= t < 1 (FM_DIFFUSION_CUSTOM). May be called from several threads at once. */
typedef int32_t (*fm_diffusion_fn)(void *user, double t, double *g);

/* How rows are drawn. FM_DIVERGENCE_... and FM_DIFFUSION_... are in flowmatch_parts.h. */
typedef struct fm_sampler_options {
  uint64_t struct_size;
  double deadline;      /* seconds a draw may take: then one Euler step to the end and FM_DEADLINE; 0: none */
  uint64_t raw_weights; /* 1: the weights themselves instead of their moving average */
  uint32_t divergence;  /* FM_DIVERGENCE_...: of log-densities; 0: the sampler has none */
  uint32_t n_probes;    /* with probes: how many a row has, at most 4096; 0: 8 */
  uint64_t probe_seed;  /* with probes: names those of every row */
  double coarse;        /* log-densities by fixed steps are found with half the steps too: where one changes
                           by more than this, in nats, it is FM_COARSE. 0: 0.1; negative: not checked */
  uint64_t diffusion;   /* FM_DIFFUSION_...; 0: none, draws are the flow's */
  double diffusion_level; /* above 0; 0: 1 */
  fm_diffusion_fn diffusion_fn; /* with FM_DIFFUSION_CUSTOM only */
  void *diffusion_user;         /* given to it */
  double diffusion_power; /* p of FM_DIFFUSION_RATE; 0: 1; negative: none, 0 */
  const fm_path *path; /* rows go along this path, by a change of time and scale (fm_path_transform): needs
                          gamma = 0 in both; NULL: along the model's */
  FM_TAIL_32
} fm_sampler_options;

/* A sampler for a model. solver, options NULL: the defaults. */
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
/* One call: a sampler with default options, a draw, and the sampler destroyed. */
FM_API fm_status fm_sample(fm_ctx *ctx, const fm_model *model, uint64_t seed, uint64_t first_row,
                           const int32_t *labels, const float *cond, size_t n, float *out);

/* ---- Setting up structs ------------------------------------------------------------------------ */

/* Zero, the default in every field, and the size. */
#define FM_DEFINE_INIT_(type)                                                                             \
  static inline void type##_init(type *s) {                                                               \
    memset(s, 0, sizeof *s);                                                                              \
    s->struct_size = sizeof *s;                                                                           \
  }
FM_DEFINE_INIT_(fm_ctx_options)
FM_DEFINE_INIT_(fm_net_options)
FM_DEFINE_INIT_(fm_optimizer_options)
FM_DEFINE_INIT_(fm_data_options)
FM_DEFINE_INIT_(fm_trainer_options)
FM_DEFINE_INIT_(fm_validation_options)
FM_DEFINE_INIT_(fm_solver_options)
FM_DEFINE_INIT_(fm_sampler_options)

#ifdef __cplusplus
}
#endif
#endif
