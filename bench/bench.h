/* bench.h - what the speed programs and the gates share: a clock, medians of interleaved runs, and the
   handles of one training or sampling case made from the public API. A failing call ends the program. */
#ifndef BENCH_H
#define BENCH_H

#include "flowmatch_parts.h"

#include <stdbool.h>

#define BENCH_TIME_FEATURES 64u
#define BENCH_MAX_ROUNDS 400u

/* One network of the tables: rows of a step, data columns, hidden units, linear layers. */
typedef struct bench_size {
  size_t batch, dim, width, layers;
} bench_size;

#define BENCH_N_SIZES 4u
extern const bench_size bench_sizes[BENCH_N_SIZES];

/* "256x2x256x4": the name of a size in every table and row. */
const char *bench_size_name(const bench_size *size, char text[64]);

/* CPU time of the whole process. All that is compared here works on one thread, where it is the time that
   passes on an idle machine; it stays right when others use the cores too, and hidden threads are counted. */
double bench_seconds(void);
double bench_median(double *values, size_t n); /* sorts values; n >= 1 */

/* Zeroed memory and reproducible numbers, uniform in [-scale, scale]. */
void *bench_alloc(size_t count, size_t size);
void bench_fill(float *x, size_t n, float scale, uint64_t seed);

void bench_check(fm_ctx *ctx, fm_status status, const char *call);
#define BENCH_OK(ctx, call) bench_check(ctx, call, #call)

/* ---- interleaved runs ---------------------------------------------------------------------------- */

/* One of the things to be compared. median and rounds are results, in seconds of one run. */
typedef struct bench_run {
  const char *name;
  void (*run)(void *self);
  void *self;
  double median;
  size_t n_rounds;
  double rounds[BENCH_MAX_ROUNDS];
} bench_run;

/* Times n runs in turn for about `seconds` in all: on a machine that others use too, what is compared must
   see the same weather. */
void bench_interleave(bench_run *runs, size_t n, double seconds);
/* The median over rounds of a's time divided by b's of the same round. */
double bench_ratio(const bench_run *a, const bench_run *b);
/* The machine-readable line of bench/peers: "row", engine, what, case, microseconds, between tabs. */
void bench_print_row(const char *engine, const char *what, const char *name, double seconds);

/* ---- cases --------------------------------------------------------------------------------------- */

typedef struct bench_training {
  fm_ctx *ctx;
  fm_net *net;
  fm_trainer *trainer;
  float *x1; /* [batch][dim] */
  size_t batch;
} bench_training;

/* An MLP (SiLU, 64 time features) of the size, or with mlp false the default residual MLP of its batch and
   dim; default path, prior, optimiser (AdamW, clipping) and moving average. */
void bench_training_create(bench_training *t, const fm_ctx_options *options, const bench_size *size,
                           bool mlp);
void bench_training_destroy(bench_training *t);
void bench_training_run(void *t); /* one fm_trainer_step */

typedef struct bench_sampling {
  fm_ctx *ctx;
  fm_model *model;
  fm_sampler *sampler;
  float *out; /* [n][dim] */
  size_t n;
} bench_sampling;

/* A model of the same MLP with its initial weights, drawn n rows at a time with n_steps Euler steps. */
void bench_sampling_create(bench_sampling *s, const fm_ctx_options *options, const bench_size *size, size_t n,
                           uint32_t n_steps);
void bench_sampling_destroy(bench_sampling *s);
void bench_sampling_run(void *s); /* one fm_sampler_draw */

fm_net *bench_net_create(fm_ctx *ctx, const bench_size *size, bool mlp);

#endif
