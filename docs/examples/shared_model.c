/* shared_model.c - sixteen workers of the host draw from one model: each has a context and a sampler of its
 * own, all else is shared. Nothing is allocated after the start, and the rows are the same bits as those of one
 * worker alone. Explained in docs/guides/workers.md. */
#define _POSIX_C_SOURCE 200809L
#include <flowmatch.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 16
#define EVENTS 4096
#define CELLS 12 /* of a small calorimeter: an event is the energy in each */
#define BLOCK 32 /* events a worker takes at a time */

static void require(int good, fm_ctx *ctx, const char *what) {
  if (good) return;
  fprintf(stderr, "shared_model: %s: %s\n", what, ctx != NULL ? fm_ctx_message(ctx) : "");
  exit(1);
}

/* ---- an allocator that counts ----------------------------------------------------------------------- */

static atomic_size_t n_allocations;

static void *take(void *user, size_t bytes, size_t alignment) {
  (void)user;
  atomic_fetch_add(&n_allocations, 1);
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void give_back(void *user, void *block) {
  (void)user;
  free(block);
}

static fm_ctx *counted_context(void) {
  const fm_ctx_options mine = {.struct_size = sizeof mine, .alloc = take, .release = give_back};
  fm_ctx *ctx;
  require(fm_ctx_create(&mine, &ctx) == FM_OK, NULL, "a context");
  return ctx;
}

/* ---- the model, and what a particle's energy makes of it ---------------------------------------------- */

/* Energies of the particles, and showers: a profile whose depth grows with the energy and fluctuates. */
static float energies[EVENTS], showers[EVENTS][CELLS];

static void simulate(void) {
  uint64_t state = 5;
  for (int i = 0; i < EVENTS; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    energies[i] = 1 + 9 * (float)(state >> 40) / 16777216;
    state = state * 6364136223846793005u + 1442695040888963407u;
    const float depth = 2 + logf(energies[i]) * 2 + (float)(state >> 40) / 16777216;
    for (int j = 0; j < CELLS; j++)
      showers[i][j] = energies[i] * expf(-0.5f * ((float)j - depth) * ((float)j - depth));
  }
}

static fm_model *train(fm_ctx *ctx) {
  const fm_net_options shape = {.struct_size = sizeof shape, .width = 32, .depth = 2};
  const fm_optimizer_options rule = {.struct_size = sizeof rule, .n_steps = 300};
  fm_data *data;
  fm_optimizer *optimizer;
  fm_model *model;
  require(fm_data_create(ctx, showers[0], NULL, NULL, energies, NULL, EVENTS, CELLS, 0, 1, NULL, &data) ==
              FM_OK,
          ctx, "data");
  require(fm_optimizer_create(ctx, &rule, &optimizer) == FM_OK, ctx, "an optimiser");
  require(fm_fit(ctx, data, NULL, NULL, optimizer, &shape, NULL, &model) == FM_OK, ctx, "training");
  fm_optimizer_destroy(optimizer);
  fm_data_destroy(data);
  return model;
}

/* ---- the workers ---------------------------------------------------------------------------------------- */

typedef struct farm {
  const fm_model *model;
  atomic_size_t next; /* the first event that nobody has taken */
  pthread_barrier_t ready;
  float (*drawn)[CELLS];
} farm;

static fm_sampler *make_sampler(fm_ctx *ctx, const fm_model *model) {
  const fm_solver_options steps = {.struct_size = sizeof steps, .method = FM_SOLVER_MIDPOINT, .n_steps = 8};
  fm_sampler *sampler;
  require(fm_sampler_create(ctx, model, &steps, NULL, &sampler) == FM_OK, ctx, "a sampler");
  return sampler;
}

static void *work(void *argument) {
  farm *f = argument;
  fm_ctx *ctx = counted_context();
  fm_sampler *sampler = make_sampler(ctx, f->model);
  pthread_barrier_wait(&f->ready); /* all that is allocated is allocated */
  pthread_barrier_wait(&f->ready); /* and counted */
  for (size_t first; (first = atomic_fetch_add(&f->next, BLOCK)) < EVENTS;)
    require(fm_sampler_draw(ctx, sampler, 2026, first, NULL, energies + first, BLOCK, f->drawn[first]) ==
                FM_OK,
            ctx, "a draw");
  pthread_barrier_wait(&f->ready);
  fm_sampler_destroy(sampler);
  fm_ctx_destroy(ctx);
  return NULL;
}

int main(void) {
  static float drawn[EVENTS][CELLS], alone[EVENTS][CELLS];
  simulate();
  fm_ctx *ctx = counted_context();
  fm_model *model = train(ctx);
  fm_sampler *sampler = make_sampler(ctx, model);
  require(fm_sampler_draw(ctx, sampler, 2026, 0, NULL, energies, EVENTS, alone[0]) == FM_OK, ctx, "a draw");

  farm f = {.model = model, .drawn = drawn};
  pthread_t workers[WORKERS];
  pthread_barrier_init(&f.ready, NULL, WORKERS + 1);
  for (int i = 0; i < WORKERS; i++)
    require(pthread_create(&workers[i], NULL, work, &f) == 0, NULL, "a thread");
  pthread_barrier_wait(&f.ready);
  const size_t before = atomic_load(&n_allocations);
  pthread_barrier_wait(&f.ready);
  pthread_barrier_wait(&f.ready); /* the work is done */
  const size_t during = atomic_load(&n_allocations) - before;
  for (int i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  pthread_barrier_destroy(&f.ready);

  const int same = memcmp(drawn, alone, sizeof drawn) == 0;
  printf("%d workers drew %d events: %s bits as one worker, %zu allocations after the start\n", WORKERS,
         EVENTS, same ? "the same" : "other", during);
  fm_sampler_destroy(sampler);
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  return same && during == 0 ? 0 : 1;
}
