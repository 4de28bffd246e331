/* control_loop.c - a controller that asks a flow for its next moves once a period, at batch 1. Measures how long
 * an answer takes, and what a deadline does. Explained in docs/guides/control.md.
 *
 * The expert that is imitated steers a point to the origin in CHUNK moves and passes an obstacle on either side,
 * as it pleases: the mean of its moves would run into it. So the program also counts crashes. */
#define _POSIX_C_SOURCE 200809L
#include <flowmatch_guide.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define OBSERVED 2 /* where the point is */
#define CHUNK 8    /* moves that are planned at once */
#define MOVES (2 * CHUNK)
#define EXAMPLES 8000
#define STEPS 1500
#define CYCLES 2000
#define PERIOD 0.01 /* seconds between two decisions: 100 Hz */
#define FROZEN 3    /* moves that are made before a new chunk is ready */
#define OVERLAP 6   /* moves of the old chunk that the new one should keep to, more or less */

static void require(fm_status status, fm_ctx *ctx, const char *what) {
  if (status == FM_OK) return;
  fprintf(stderr, "control_loop: %s: %s: %s\n", what, fm_status_name(status), ctx ? fm_ctx_message(ctx) : "");
  exit(1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double uniform(uint64_t *state) { /* splitmix64, in [0, 1) */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* A start left of the obstacle, which stands at (-0.5, 0), and the expert's moves from there. */
static void observe(float where[OBSERVED], uint64_t *random) {
  where[0] = -1;
  where[1] = (float)(0.4 * uniform(random) - 0.2);
}
static void expert(const float where[OBSERVED], float moves[MOVES], uint64_t *random) {
  const double side = uniform(random) < 0.5 ? -1 : 1, bow = 0.5 + 0.05 * uniform(random);
  double x = where[0], y = where[1];
  for (int k = 1; k <= CHUNK; k++) {
    const double s = (double)k / CHUNK;
    const double next_x = where[0] * (1 - s), next_y = where[1] * (1 - s) + side * bow * sin(3.14159265 * s);
    moves[2 * k - 2] = (float)(next_x - x);
    moves[2 * k - 1] = (float)(next_y - y);
    x = next_x;
    y = next_y;
  }
}
static int crashes(const float where[OBSERVED], const float moves[MOVES]) {
  double x = where[0], y = where[1];
  int hit = 0;
  for (int k = 0; k < CHUNK; k++) {
    x += moves[2 * k];
    y += moves[2 * k + 1];
    hit |= hypot(x + 0.5, y) < 0.25;
  }
  return hit || hypot(x, y) > 0.3;
}

static fm_model *imitate(fm_ctx *ctx) {
  static float where[EXAMPLES][OBSERVED], moves[EXAMPLES][MOVES];
  uint64_t random = 1;
  for (int i = 0; i < EXAMPLES; i++) {
    observe(where[i], &random);
    expert(where[i], moves[i], &random);
  }
  const fm_net_options shape = {.struct_size = sizeof shape, .width = 64, .depth = 2};
  const fm_optimizer_options rule = {.struct_size = sizeof rule, .n_steps = STEPS};
  const fm_trainer_options training = {.struct_size = sizeof training, .seed = 1, .label_dropout = -1};
  fm_data *data;
  fm_optimizer *optimizer;
  fm_model *model;
  require(
      fm_data_create(ctx, moves[0], NULL, NULL, where[0], NULL, EXAMPLES, MOVES, 0, OBSERVED, NULL, &data),
      ctx, "data");
  require(fm_optimizer_create(ctx, &rule, &optimizer), ctx, "an optimiser");
  require(fm_fit(ctx, data, NULL, NULL, optimizer, &shape, &training, &model), ctx, "training");
  fm_optimizer_destroy(optimizer);
  fm_data_destroy(data);
  return model;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* CYCLES decisions; how many crash. Late ones, which the deadline cut short, are counted too. */
static int drive(fm_ctx *ctx, const fm_model *model, double deadline, double *median, double *p99,
                 int *late) {
  static double took[CYCLES];
  /* Euler steps of known number: the time of a draw doesn't depend on where the point is. */
  const fm_solver_options steps = {.struct_size = sizeof steps, .method = FM_SOLVER_EULER, .n_steps = 10};
  const fm_sampler_options limit = {.struct_size = sizeof limit, .deadline = deadline};
  fm_sampler *sampler;
  require(fm_sampler_create(ctx, model, &steps, &limit, &sampler), ctx, "a sampler");
  uint64_t random = 99;
  int n_crashes = 0;
  *late = 0;
  for (int cycle = 0; cycle < CYCLES; cycle++) {
    float where[OBSERVED], moves[MOVES];
    observe(where, &random);
    const double began = seconds();
    const fm_status status = fm_sampler_draw(ctx, sampler, 7, (uint64_t)cycle, NULL, where, 1, moves);
    took[cycle] = seconds() - began;
    if (status == FM_DEADLINE)
      ++*late; /* moves are there, and coarse: better than none */
    else
      require(status, ctx, "a draw");
    n_crashes += crashes(where, moves);
  }
  fm_sampler_destroy(sampler);
  qsort(took, CYCLES, sizeof *took, by_size);
  *median = took[CYCLES / 2];
  *p99 = took[CYCLES * 99 / 100];
  return n_crashes;
}

/* A second look at the point while the first FROZEN moves of a chunk are being made, and a new chunk from there
   on: how many of CYCLES crash, with and without what is under way taken into account. */
static int look_again(fm_ctx *ctx, const fm_model *model, int guided, double *median) {
  static double took[CYCLES];
  const fm_solver_options steps = {.struct_size = sizeof steps, .method = FM_SOLVER_EULER, .n_steps = 10};
  const fm_guidance_options prefix = {.struct_size = sizeof prefix, .inpainting = FM_INPAINT_BOTH};
  fm_sampler *sampler;
  float mask[MOVES];
  require(fm_sampler_create_guided(ctx, model, &steps, NULL, &prefix, &sampler), ctx, "a sampler");
  require(fm_prefix_mask(ctx, CHUNK, 2, FROZEN, OVERLAP, mask), ctx, "a mask");
  uint64_t random = 99;
  int n_crashes = 0;
  for (int cycle = 0; cycle < CYCLES; cycle++) {
    float where[OBSERVED], again[OBSERVED], old[MOVES], moves[MOVES];
    observe(where, &random);
    for (int j = 0; j < OBSERVED; j++) again[j] = where[j] + (float)(0.02 * uniform(&random) - 0.01);
    require(fm_sampler_draw(ctx, sampler, 7, (uint64_t)cycle, NULL, where, 1, old), ctx, "a draw");
    const double began = seconds();
    require(fm_sampler_draw_guided(ctx, sampler, 8, (uint64_t)cycle, NULL, again, NULL, guided ? old : NULL,
                                   guided ? mask : NULL, 1, moves, NULL, NULL),
            ctx, "a draw");
    took[cycle] = seconds() - began;
    for (int j = 0; j < 2 * FROZEN; j++) moves[j] = old[j]; /* they have been made; guided, they are there */
    n_crashes += crashes(where, moves);
  }
  fm_sampler_destroy(sampler);
  qsort(took, CYCLES, sizeof *took, by_size);
  *median = took[CYCLES / 2];
  return n_crashes;
}

int main(void) {
  fm_ctx *ctx;
  double median, p99, hurried, hurried_p99, plain, steered;
  int late, all_late;
  require(fm_ctx_create(NULL, &ctx), NULL, "a context");
  fm_model *model = imitate(ctx);
  const int n_crashes = drive(ctx, model, PERIOD / 2, &median, &p99, &late);
  printf("%d moves, 10 Euler steps: median %.0f us, 99 %% within %.0f us; %d of %d late, %d crashes\n", CHUNK,
         1e6 * median, 1e6 * p99, late, CYCLES, n_crashes);
  /* A deadline that can't be met shows what it gives: one long step, the mean of what the expert does. */
  const int mean_crashes = drive(ctx, model, 1e-9, &hurried, &hurried_p99, &all_late);
  printf("one step, deadline missed: median %.0f us; %d of %d late, %d crashes\n", 1e6 * hurried, all_late,
         CYCLES, mean_crashes);
  const int torn = look_again(ctx, model, 0, &plain), kept = look_again(ctx, model, 1, &steered);
  printf("a second look after %d moves: %d crashes, median %.0f us; with the chunk under way known %d, %.0f "
         "us\n",
         FROZEN, torn, 1e6 * plain, kept, 1e6 * steered);
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  const int as_claimed =
      n_crashes < CYCLES / 20 && all_late == CYCLES && torn > CYCLES / 4 && kept < CYCLES / 20;
  return median < PERIOD && as_claimed ? 0 : 1;
}
