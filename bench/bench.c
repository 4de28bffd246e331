/* bench.c - see bench.h */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A block of runs lasts about this long: long enough that its first, untimed run has warmed the caches
   again after the others' blocks, short enough that all see the same machine. */
#define BLOCK_SECONDS 0.003
#define BLOCK_MAX_VALUES 64u
#define VALUE_SECONDS                                                                                        \
  0.0001 /* of one reading of the clock at least: short runs are timed several at once   \
                              */
#define MIN_ROUNDS 5u

const bench_size bench_sizes[BENCH_N_SIZES] = {
    {64, 2, 64, 4},
    {256, 2, 256, 4},
    {256, 64, 256, 4},
    {256, 64, 1024, 6},
};

const char *bench_size_name(const bench_size *size, char text[64]) {
  snprintf(text, 64, "%zux%zux%zux%zu", size->batch, size->dim, size->width, size->layers);
  return text;
}

double bench_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *values, size_t n) {
  qsort(values, n, sizeof *values, compare);
  return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

void *bench_alloc(size_t count, size_t size) {
  size_t bytes = (count * size + 63) / 64 * 64 + 64;
  void *block = aligned_alloc(64, bytes);
  if (!block) {
    fputs("bench: out of memory\n", stderr);
    exit(2);
  }
  return memset(block, 0, bytes);
}

void bench_fill(float *x, size_t n, float scale, uint64_t seed) {
  uint64_t state = seed * 2 + 1;
  for (size_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    x[i] = scale * ((float)(state >> 40) * 0x1p-23f - 1.0f);
  }
}

void bench_check(fm_ctx *ctx, fm_status status, const char *call) {
  if (status == FM_OK) return;
  fprintf(stderr, "bench: %s: %s: %s\n", call, fm_status_name(status), ctx ? fm_ctx_message(ctx) : "");
  exit(2);
}

/* ---- interleaved runs ---------------------------------------------------------------------------- */

typedef struct block_shape {
  size_t values; /* readings of the clock in a block */
  size_t runs;   /* in one reading */
} block_shape;

static double time_runs(const bench_run *r, size_t runs) {
  double start = bench_seconds();
  for (size_t i = 0; i < runs; i++) r->run(r->self);
  return (bench_seconds() - start) / (double)runs;
}

/* The median of a block; its first run is not counted. */
static double time_block(const bench_run *r, const block_shape *shape) {
  double values[BLOCK_MAX_VALUES];
  r->run(r->self);
  for (size_t i = 0; i < shape->values; i++) values[i] = time_runs(r, shape->runs);
  return bench_median(values, shape->values);
}

static size_t clamp(double value, size_t low, size_t high) {
  if (value < (double)low) return low;
  return value > (double)high ? high : (size_t)value;
}

void bench_interleave(bench_run *runs, size_t n, double seconds) {
  block_shape shape[16];
  double round_seconds = 0;
  for (size_t i = 0; i < n; i++) {
    time_runs(&runs[i], 1);
    double once = time_runs(&runs[i], 1) + 1e-9;
    shape[i].runs = clamp(VALUE_SECONDS / once, 1, 1000000);
    double value = once * (double)shape[i].runs;
    shape[i].values = clamp(BLOCK_SECONDS / value, 1, BLOCK_MAX_VALUES);
    round_seconds += once + value * (double)shape[i].values;
  }
  size_t n_rounds = clamp(seconds / round_seconds, MIN_ROUNDS, BENCH_MAX_ROUNDS);
  for (size_t round = 0; round < n_rounds; round++)
    for (size_t i = 0; i < n; i++) { /* another one begins in every round */
      size_t at = (i + round) % n;
      runs[at].rounds[round] = time_block(&runs[at], &shape[at]);
    }
  double copy[BENCH_MAX_ROUNDS];
  for (size_t i = 0; i < n; i++) {
    runs[i].n_rounds = n_rounds;
    memcpy(copy, runs[i].rounds, n_rounds * sizeof *copy);
    runs[i].median = bench_median(copy, n_rounds);
  }
}

double bench_ratio(const bench_run *a, const bench_run *b) {
  double ratio[BENCH_MAX_ROUNDS];
  for (size_t i = 0; i < a->n_rounds; i++) ratio[i] = a->rounds[i] / b->rounds[i];
  return bench_median(ratio, a->n_rounds);
}

void bench_print_row(const char *engine, const char *what, const char *name, double seconds) {
  printf("row\t%s\t%s\t%s\t%.2f\n", engine, what, name, 1e6 * seconds);
}

/* ---- cases --------------------------------------------------------------------------------------- */

fm_net *bench_net_create(fm_ctx *ctx, const bench_size *size, bool mlp) {
  fm_net_options options;
  fm_net_options_init(&options);
  if (mlp) {
    options.kind = FM_NET_MLP;
    options.width = (uint32_t)size->width;
    options.depth = (uint32_t)size->layers;
    options.time_features = BENCH_TIME_FEATURES;
  }
  fm_net *net = NULL;
  BENCH_OK(ctx, fm_net_create(ctx, size->dim, NULL, 0, 0, &options, &net));
  return net;
}

void bench_training_create(bench_training *t, const fm_ctx_options *options, const bench_size *size,
                           bool mlp) {
  memset(t, 0, sizeof *t);
  BENCH_OK(NULL, fm_ctx_create(options, &t->ctx));
  t->net = bench_net_create(t->ctx, size, mlp);
  t->batch = size->batch;
  fm_trainer_options trainer;
  fm_trainer_options_init(&trainer);
  trainer.batch = size->batch;
  BENCH_OK(t->ctx,
           fm_trainer_create(t->ctx, t->net, NULL, NULL, NULL, NULL, NULL, NULL, &trainer, &t->trainer));
  t->x1 = bench_alloc(size->batch * size->dim, sizeof *t->x1);
  bench_fill(t->x1, size->batch * size->dim, 1.7f, 1);
}

void bench_training_destroy(bench_training *t) {
  free(t->x1);
  fm_trainer_destroy(t->trainer);
  fm_net_destroy(t->net);
  fm_ctx_destroy(t->ctx);
}

void bench_training_run(void *training) {
  bench_training *t = training;
  BENCH_OK(t->ctx, fm_trainer_step(t->ctx, t->trainer, t->x1, NULL, NULL, NULL, NULL, t->batch, NULL));
}

void bench_sampling_create(bench_sampling *s, const fm_ctx_options *options, const bench_size *size, size_t n,
                           uint32_t n_steps) {
  memset(s, 0, sizeof *s);
  BENCH_OK(NULL, fm_ctx_create(options, &s->ctx));
  fm_net *net = bench_net_create(s->ctx, size, true);
  float *params = bench_alloc(fm_net_n_params(net), sizeof *params);
  BENCH_OK(s->ctx, fm_net_init(s->ctx, net, 1, params));
  BENCH_OK(s->ctx, fm_model_create(s->ctx, net, params, NULL, NULL, NULL, NULL, NULL, &s->model));
  free(params);
  fm_net_destroy(net);
  fm_solver_options solver;
  fm_solver_options_init(&solver);
  solver.method = FM_SOLVER_EULER;
  solver.n_steps = n_steps;
  BENCH_OK(s->ctx, fm_sampler_create(s->ctx, s->model, &solver, NULL, &s->sampler));
  s->n = n;
  s->out = bench_alloc(n * size->dim, sizeof *s->out);
}

void bench_sampling_destroy(bench_sampling *s) {
  free(s->out);
  fm_sampler_destroy(s->sampler);
  fm_model_destroy(s->model);
  fm_ctx_destroy(s->ctx);
}

void bench_sampling_run(void *sampling) {
  bench_sampling *s = sampling;
  BENCH_OK(s->ctx, fm_sampler_draw(s->ctx, s->sampler, 1, 0, NULL, NULL, s->n, s->out));
}
