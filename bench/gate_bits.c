/* gate_bits.c - one row of the table that a seed names has the same bits however it is asked for, and a
   training run ends in the same weights however its work was shared out. */
#include "gates.h"

#include <stdio.h>
#include <stdlib.h>

#define N_ROWS 1000u
#define SEED 20240229u

typedef struct variant {
  const char *name;
  uint32_t n_threads;
  bool reversed_tasks;
  size_t chunk;   /* rows of a call */
  bool backwards; /* the last rows are asked for first */
} variant;

static size_t differing(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += x[i] != y[i];
  return count;
}

/* ---- sampling ------------------------------------------------------------------------------------ */

static const variant draws[] = {
    {"calls of 1 row", 1, false, 1, false},
    {"calls of 7 rows", 1, false, 7, false},
    {"calls of 64 rows", 1, false, 64, false},
    {"calls of 333 rows", 1, false, 333, false},
    {"calls of 64 rows, last first", 1, false, 64, true},
    {"2 threads", 2, false, N_ROWS, false},
    {"3 threads", 3, false, N_ROWS, false},
    {"8 threads", 8, false, N_ROWS, false},
    {"3 threads, calls of 333 rows", 3, false, 333, false},
    {"an executor, last task first", 4, true, N_ROWS, false},
    {"an executor, calls of 7 rows, last first", 4, true, 7, true},
};

static void draw(const variant *v, const fm_model *model, uint32_t method, uint64_t seed,
                 const int32_t *labels, float *out) {
  fm_ctx *ctx = gate_ctx_create(v->n_threads, v->reversed_tasks);
  fm_solver_options solver;
  fm_solver_options_init(&solver);
  solver.method = method;
  fm_sampler *sampler = NULL;
  BENCH_OK(ctx, fm_sampler_create(ctx, model, &solver, NULL, &sampler));
  size_t n_calls = (N_ROWS + v->chunk - 1) / v->chunk;
  for (size_t i = 0; i < n_calls; i++) {
    size_t first = (v->backwards ? n_calls - 1 - i : i) * v->chunk;
    size_t n = first + v->chunk > N_ROWS ? N_ROWS - first : v->chunk;
    BENCH_OK(ctx,
             fm_sampler_draw(ctx, sampler, seed, first, labels + first, NULL, n, out + first * GATE_DIM));
  }
  fm_sampler_destroy(sampler);
  fm_ctx_destroy(ctx);
}

/* Samples that are all the same would pass every comparison. */
static size_t unchanged_rows(const float *a, const float *b) {
  size_t count = 0;
  for (size_t i = 0; i < N_ROWS; i++)
    count += differing(a + i * GATE_DIM, b + i * GATE_DIM, 4 * GATE_DIM) == 0;
  return count;
}

static void sampling_case(gate_log *log, uint32_t kind, uint32_t method) {
  size_t bytes = N_ROWS * GATE_DIM * sizeof(float), total = 0;
  float *expected = bench_alloc(bytes, 1), *out = bench_alloc(bytes, 1);
  int32_t *labels = bench_alloc(N_ROWS, sizeof *labels);
  gate_labels(labels, N_ROWS);
  fm_ctx *ctx = gate_ctx_create(1, false);
  fm_model *model = gate_model_create(ctx, kind);
  const variant plain = {"one call", 1, false, N_ROWS, false};
  draw(&plain, model, method, SEED, labels, expected);
  draw(&plain, model, method, SEED + 1, labels, out);
  size_t unchanged = unchanged_rows(expected, out);
  size_t n_variants = sizeof draws / sizeof *draws;
  for (size_t i = 0; i < n_variants; i++) {
    memset(out, 0xff, bytes);
    draw(&draws[i], model, method, SEED, labels, out);
    size_t n = differing(expected, out, bytes);
    if (n) printf("    %s: %zu bytes of %zu differ\n", draws[i].name, n, bytes);
    total += n;
  }
  char what[128];
  snprintf(what, sizeof what, "%u samples, %s, %s: one call against %zu other ways", N_ROWS,
           kind == FM_NET_MLP ? "MLP" : "residual MLP", method == FM_SOLVER_EULER ? "Euler" : "dopri5",
           n_variants);
  gate_check(log, what, (double)total, 0);
  if (unchanged) gate_check(log, "rows that another seed leaves as they are", (double)unchanged, 0);
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  free(labels);
  free(out);
  free(expected);
}

void gate_bits_sampling(gate_log *log) {
  const uint32_t kinds[] = {FM_NET_MLP, FM_NET_RESMLP}, methods[] = {FM_SOLVER_EULER, FM_SOLVER_DOPRI5};
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++) sampling_case(log, kinds[i], methods[j]);
}

/* ---- training ------------------------------------------------------------------------------------ */

#define BATCH 200u
#define N_STEPS 30u

static const variant trainings[] = {
    {"2 threads", 2, false, 0, false},
    {"3 threads", 3, false, 0, false},
    {"8 threads", 8, false, 0, false},
    {"an executor, last task first", 4, true, 0, false},
};

typedef struct training_rows {
  float *x1;
  int32_t *labels;
} training_rows;

/* The weights after N_STEPS steps and their moving average, in a block of 2 * fm_net_n_params. */
static float *train(const variant *v, uint32_t kind, const training_rows *rows, size_t *bytes) {
  fm_ctx *ctx = gate_ctx_create(v->n_threads, v->reversed_tasks);
  fm_net *net = gate_net_create(ctx, kind);
  fm_trainer_options options;
  fm_trainer_options_init(&options);
  options.seed = SEED;
  options.batch = BATCH;
  fm_optimizer_options update;
  fm_optimizer_options_init(&update);
  update.warmup_steps = -1; /* so that 30 steps lead somewhere */
  fm_optimizer *optimizer = NULL;
  BENCH_OK(ctx, fm_optimizer_create(ctx, &update, &optimizer));
  fm_trainer *t = NULL;
  BENCH_OK(ctx, fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, optimizer, NULL, &options, &t));
  for (size_t i = 0; i < N_STEPS; i++)
    BENCH_OK(ctx, fm_trainer_step(ctx, t, rows->x1 + i * GATE_DIM, NULL, rows->labels + i, NULL, NULL, BATCH,
                                  NULL));
  fm_model *model = NULL;
  BENCH_OK(ctx, fm_trainer_model(ctx, t, &model));
  size_t n = fm_net_n_params(net);
  float *params = bench_alloc(2 * n, sizeof *params);
  BENCH_OK(ctx, fm_model_get_params(ctx, model, params, params + n));
  *bytes = 2 * n * sizeof *params;
  fm_model_destroy(model);
  fm_trainer_destroy(t);
  fm_optimizer_destroy(optimizer);
  fm_net_destroy(net);
  fm_ctx_destroy(ctx);
  return params;
}

static void training_case(gate_log *log, uint32_t kind, const training_rows *rows) {
  const variant plain = {"1 thread", 1, false, 0, false};
  size_t bytes = 0, total = 0, n_variants = sizeof trainings / sizeof *trainings;
  float *expected = train(&plain, kind, rows, &bytes);
  for (size_t i = 0; i < n_variants; i++) {
    float *params = train(&trainings[i], kind, rows, &bytes);
    size_t n = differing(expected, params, bytes);
    if (n) printf("    %s: %zu bytes of %zu differ\n", trainings[i].name, n, bytes);
    total += n;
    free(params);
  }
  free(expected);
  char what[128];
  snprintf(what, sizeof what, "%u training steps of %u rows, %s: 1 thread against %zu other ways", N_STEPS,
           BATCH, kind == FM_NET_MLP ? "MLP" : "residual MLP", n_variants);
  gate_check(log, what, (double)total, 0);
}

void gate_bits_training(gate_log *log) {
  size_t n = BATCH + N_STEPS;
  training_rows rows = {bench_alloc(n * GATE_DIM, sizeof(float)), bench_alloc(n, sizeof(int32_t))};
  bench_fill(rows.x1, n * GATE_DIM, 1.7f, 3);
  gate_labels(rows.labels, n);
  training_case(log, FM_NET_MLP, &rows);
  training_case(log, FM_NET_RESMLP, &rows);
  free(rows.x1);
  free(rows.labels);
}
