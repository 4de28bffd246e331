/* simulation_loop.c - a simulation that learns a stochastic surrogate of itself while it runs, and a second
 * thread that draws from consistent snapshots of it meanwhile. Explained in docs/guides/simulation.md.
 *
 * The simulation is an Ornstein-Uhlenbeck process, dx = -RATE x dt + NOISE dW: how it goes on from x after a
 * while is a Gaussian that is known, so the program can say whether the surrogate is right. */
#include <flowmatch_parts.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALKERS 256
#define UPDATES 1000
#define RATE 1.0
#define NOISE 0.8
#define LAG 0.5 /* the surrogate jumps this far in time, the simulation takes SUBSTEPS for it */
#define SUBSTEPS 50
#define DRAWS 2000

static void require(int good, fm_ctx *ctx, const char *what) {
  if (good) return;
  fprintf(stderr, "simulation_loop: %s: %s\n", what, ctx != NULL ? fm_ctx_message(ctx) : "");
  exit(1);
}

/* ---- the simulation ------------------------------------------------------------------------------- */

static double gaussian(uint64_t *state) { /* any generator will do: this one is splitmix64, with Box-Muller */
  double u[2];
  for (int i = 0; i < 2; i++) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    u[i] = ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
  }
  return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

static double advance(double x, uint64_t *state) {
  const double dt = LAG / SUBSTEPS;
  for (int i = 0; i < SUBSTEPS; i++) x += -RATE * x * dt + NOISE * sqrt(dt) * gaussian(state);
  return x;
}

/* ---- the thread that looks on ------------------------------------------------------------------------ */

typedef struct onlooker {
  const fm_trainer *trainer;
  atomic_int finished;
  unsigned long n_snapshots; /* different ones that it drew from */
  int torn;
} onlooker;

static void *look_on(void *argument) {
  onlooker *o = argument;
  static float from[8], first[8], again[8];
  for (int i = 0; i < 8; i++) from[i] = (float)i / 4 - 1;
  fm_ctx *ctx;
  fm_sampler *sampler = NULL;
  fm_model *snapshot;
  uint64_t last = 0;
  require(fm_ctx_create(NULL, &ctx) == FM_OK, NULL, "a context");
  while (!atomic_load(&o->finished)) {
    if (fm_trainer_latest(ctx, o->trainer, &snapshot) != FM_OK) continue; /* none yet */
    const uint64_t steps = fm_model_train_steps(snapshot);
    if (sampler == NULL)
      require(fm_sampler_create(ctx, snapshot, NULL, NULL, &sampler) == FM_OK, ctx, "a sampler");
    else
      require(fm_sampler_set_model(ctx, sampler, snapshot) == FM_OK, ctx, "a newer model");
    /* The trainer goes on, the snapshot stands still: the same rows drawn twice have the same bits. */
    require(fm_sampler_draw(ctx, sampler, 1, 0, NULL, from, 8, first) == FM_OK, ctx, "a draw");
    require(fm_sampler_draw(ctx, sampler, 1, 0, NULL, from, 8, again) == FM_OK, ctx, "a draw");
    if (memcmp(first, again, sizeof first) != 0 || steps < last) o->torn = 1;
    if (steps > last) o->n_snapshots++;
    last = steps;
    fm_model_destroy(snapshot); /* gives the block back to the trainer */
  }
  fm_sampler_destroy(sampler);
  fm_ctx_destroy(ctx);
  return NULL;
}

/* ---- the loop of the host ---------------------------------------------------------------------------- */

static fm_trainer *make_trainer(fm_ctx *ctx) {
  const fm_net_options shape = {.struct_size = sizeof shape, .width = 48, .depth = 2};
  const fm_optimizer_options steps = {.struct_size = sizeof steps, .n_steps = UPDATES};
  const fm_trainer_options often = {
      .struct_size = sizeof often, .seed = 1, .publish_every = 50, .label_dropout = -1};
  const double deviation = NOISE / sqrt(2 * RATE), zero = 0;
  fm_net *net;
  fm_optimizer *optimizer;
  fm_normaliser *scale;
  fm_trainer *trainer;
  require(fm_net_create(ctx, 1, NULL, 0, 1, &shape, &net) == FM_OK, ctx, "a network");
  require(fm_optimizer_create(ctx, &steps, &optimizer) == FM_OK, ctx, "an optimiser");
  require(fm_normaliser_create(ctx, &zero, &deviation, 1, &scale) == FM_OK, ctx, "a normaliser");
  require(fm_trainer_create(ctx, net, NULL, NULL, scale, scale, optimizer, NULL, &often, &trainer) == FM_OK,
          ctx, "a trainer");
  fm_net_destroy(net); /* the trainer keeps what it needs */
  fm_optimizer_destroy(optimizer);
  fm_normaliser_destroy(scale);
  return trainer;
}

/* Whether the surrogate jumps from x as the simulation does, by the moments of many jumps. */
static int right_from(fm_ctx *ctx, const fm_model *model, float x) {
  static float from[DRAWS], to[DRAWS];
  for (int i = 0; i < DRAWS; i++) from[i] = x;
  require(fm_sample(ctx, model, 7, 0, NULL, from, DRAWS, to) == FM_OK, ctx, "a draw");
  double mean = 0, variance = 0;
  for (int i = 0; i < DRAWS; i++) mean += to[i] / (double)DRAWS;
  for (int i = 0; i < DRAWS; i++) variance += (to[i] - mean) * (to[i] - mean) / DRAWS;
  const double want_mean = x * exp(-RATE * LAG);
  const double want_deviation = NOISE * sqrt((1 - exp(-2 * RATE * LAG)) / (2 * RATE));
  printf("from %5.2f: mean %6.3f (exact %6.3f), deviation %.3f (exact %.3f)\n", x, mean, want_mean,
         sqrt(variance), want_deviation);
  return fabs(mean - want_mean) < 0.08 && fabs(sqrt(variance) - want_deviation) < 0.06;
}

int main(void) {
  static double state[WALKERS];
  static float before[WALKERS], after[WALKERS];
  uint64_t random = 2024;
  fm_ctx *ctx;
  require(fm_ctx_create(NULL, &ctx) == FM_OK, NULL, "a context");
  fm_trainer *trainer = make_trainer(ctx);
  onlooker o = {.trainer = trainer};
  pthread_t thread;
  require(pthread_create(&thread, NULL, look_on, &o) == 0, NULL, "a thread");

  double loss = 0;
  for (int update = 0; update < UPDATES; update++) {
    for (int i = 0; i < WALKERS; i++) {
      before[i] = (float)state[i];
      state[i] = advance(state[i], &random);
      after[i] = (float)state[i];
    }
    require(fm_trainer_step(ctx, trainer, after, NULL, NULL, before, NULL, WALKERS, &loss) == FM_OK, ctx,
            "a step");
  }

  atomic_store(&o.finished, 1);
  pthread_join(thread, NULL);
  printf("%d updates, last loss %.3f; the other thread drew from %lu snapshots, %llu were skipped\n", UPDATES,
         loss, o.n_snapshots, (unsigned long long)fm_trainer_skipped(trainer));
  fm_model *model;
  require(fm_trainer_model(ctx, trainer, &model) == FM_OK, ctx, "a model");
  const int right = right_from(ctx, model, -0.6f) + right_from(ctx, model, 0) + right_from(ctx, model, 0.6f);
  fm_model_destroy(model);
  fm_trainer_destroy(trainer);
  fm_ctx_destroy(ctx);
  return right == 3 && o.n_snapshots > 0 && !o.torn ? 0 : 1;
}
