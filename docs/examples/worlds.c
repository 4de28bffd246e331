/* worlds.c - a game whose villages come from a flow: the seed of a world and the number of a village are all it
 * takes to make it, alone or with others, now or later, in any order. Explained in docs/guides/worlds.md. */
#include <flowmatch.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXAMPLES 3000
#define VILLAGES 1000
#define TRAITS 3 /* inhabitants, houses, wealth */
#define BIOMES 2

static const char *const biome_names[BIOMES] = {"coast", "mountains"};

static void require(fm_status status, fm_ctx *ctx, const char *what) {
  if (status == FM_OK) return;
  fprintf(stderr, "worlds: %s: %s: %s\n", what, fm_status_name(status), ctx ? fm_ctx_message(ctx) : "");
  exit(1);
}

static float chance(uint64_t *state) { /* splitmix64, in [0, 1) */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (float)((z ^ z >> 31) >> 40) / 16777216;
}

/* What a level designer made by hand, here by a formula: houses follow inhabitants, mountains are poor. */
static fm_model *learn(fm_ctx *ctx) {
  static float villages[EXAMPLES][TRAITS];
  static int32_t biomes[EXAMPLES];
  uint64_t random = 3;
  for (int i = 0; i < EXAMPLES; i++) {
    biomes[i] = i % BIOMES;
    villages[i][0] = 50 + 400 * chance(&random) * chance(&random);
    villages[i][1] = villages[i][0] / (3 + 2 * chance(&random));
    villages[i][2] = (biomes[i] == 0 ? 60.f : 20.f) + 20 * chance(&random);
  }
  const fm_net_options shape = {.struct_size = sizeof shape, .width = 48, .depth = 2};
  const fm_optimizer_options rule = {.struct_size = sizeof rule, .n_steps = 800};
  fm_data *data;
  fm_optimizer *optimizer;
  fm_model *model;
  require(fm_data_create(ctx, villages[0], NULL, biomes, NULL, NULL, EXAMPLES, TRAITS, 1, 0, NULL, &data),
          ctx, "data");
  require(fm_optimizer_create(ctx, &rule, &optimizer), ctx, "an optimiser");
  require(fm_fit(ctx, data, NULL, NULL, optimizer, &shape, NULL, &model), ctx, "training");
  fm_optimizer_destroy(optimizer);
  fm_data_destroy(data);
  return model;
}

/* The map says which biome a village is in; here, a stripe each. */
static int32_t biome_of(uint64_t village) { return (int32_t)(village / 10 % BIOMES); }

/* Villages first .. first + n of a world. */
static void make(fm_ctx *ctx, fm_sampler *sampler, uint64_t world, uint64_t first, size_t n,
                 float out[][TRAITS]) {
  int32_t biomes[VILLAGES];
  for (size_t i = 0; i < n; i++) biomes[i] = biome_of(first + i);
  require(fm_sampler_draw(ctx, sampler, world, first, biomes, NULL, n, out[0]), ctx, "a draw");
}

int main(void) {
  static float whole[VILLAGES][TRAITS], piecewise[VILLAGES][TRAITS], other[VILLAGES][TRAITS];
  float alone[1][TRAITS];
  fm_ctx *ctx, *threaded;
  const fm_ctx_options four = {.struct_size = sizeof four, .n_threads = 4};
  require(fm_ctx_create(NULL, &ctx), NULL, "a context");
  require(fm_ctx_create(&four, &threaded), NULL, "a context");
  fm_model *model = learn(ctx);
  fm_sampler *sampler, *on_threads;
  require(fm_sampler_create(ctx, model, NULL, NULL, &sampler), ctx, "a sampler");
  require(fm_sampler_create(threaded, model, NULL, NULL, &on_threads), threaded, "a sampler");

  make(ctx, sampler, 1066, 0, VILLAGES, whole);

  /* As a player walks: in pieces of any size, last to first, on other threads. */
  size_t piece = 1;
  for (size_t end = VILLAGES; end > 0; end -= piece, piece = piece * 2 % 97 < end ? piece * 2 % 97 : end)
    make(threaded, on_threads, 1066, end - piece, piece, piecewise + end - piece);
  const int same = memcmp(whole, piecewise, sizeof whole) == 0;

  /* One alone, long after. */
  make(ctx, sampler, 1066, 736, 1, alone);
  const int same_alone = memcmp(alone[0], whole[736], sizeof alone[0]) == 0;

  make(ctx, sampler, 1067, 0, VILLAGES, other);
  int n_alike = 0;
  for (int i = 0; i < VILLAGES; i++) n_alike += memcmp(whole[i], other[i], sizeof whole[i]) == 0;

  double wealth[BIOMES] = {0};
  for (int i = 0; i < VILLAGES; i++) wealth[biome_of((uint64_t)i)] += whole[i][2] / (VILLAGES / BIOMES);
  printf("village 736 of world 1066, %s: %.0f people in %.0f houses\n", biome_names[biome_of(736)],
         alone[0][0], alone[0][1]);
  printf("in pieces and on threads: %s bits; alone: %s bits; villages alike in world 1067: %d\n",
         same ? "the same" : "OTHER", same_alone ? "the same" : "OTHER", n_alike);
  printf("mean wealth: %s %.0f, %s %.0f\n", biome_names[0], wealth[0], biome_names[1], wealth[1]);

  fm_sampler_destroy(on_threads);
  fm_sampler_destroy(sampler);
  fm_model_destroy(model);
  fm_ctx_destroy(threaded);
  fm_ctx_destroy(ctx);
  return same && same_alone && n_alike == 0 && wealth[0] > wealth[1] + 20 ? 0 : 1;
}
