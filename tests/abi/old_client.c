/* old_client.c - a program that was compiled before: against tests/abi/old, a copy of the headers that is never
   brought up to date, and run with the library of today. It trains, saves, loads, draws and uses parts, and brings
   structs that are shorter and longer than the library's own. Prints "N passed, N failed". */
#include "flowmatch_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int passed, failed;
static void check(int holds, const char *what, const char *detail, int line) {
  if (holds) {
    passed++;
  } else {
    failed++;
    printf("FAILED: old_client.c:%d: %s %s\n", line, what, detail);
  }
}
#define HOLDS(condition) check((condition) != 0, #condition, fm_ctx_message(ctx), __LINE__)
#define OK(call) HOLDS((call) == FM_OK)

enum { N = 64, DIM = 2, LONGER = 40, GROWTH = 400 };

static fm_ctx *ctx;
static fm_data *data;
static fm_net *net;
static fm_model *model;
static float ring[N * DIM];

/* ---- a life: train, save, load, draw --------------------------------------------------------------- */

static uint64_t steps_seen;
static int32_t count_step(void *user, const fm_progress *progress) {
  (void)user;
  steps_seen = progress->step;
  return progress->struct_size >= sizeof *progress && progress->n_steps == 20 && isfinite(progress->loss) ? 0
                                                                                                          : 1;
}

static void train(void) {
  fm_optimizer_options rule;
  fm_optimizer_options_init(&rule);
  rule.n_steps = 20;
  fm_trainer_options options;
  fm_trainer_options_init(&options);
  options.seed = 7;
  options.batch = 16;
  options.progress = count_step;
  fm_net_options shape;
  fm_net_options_init(&shape);
  shape.kind = FM_NET_MLP;
  shape.width = 16;
  shape.depth = 2;
  fm_optimizer *optimizer = NULL;
  OK(fm_optimizer_create(ctx, &rule, &optimizer));
  OK(fm_fit(ctx, data, NULL, NULL, optimizer, &shape, &options, &model));
  HOLDS(steps_seen == 20 && model != NULL && fm_model_train_steps(model) == 20);
  OK(fm_net_create(ctx, DIM, NULL, 0, 0, &shape, &net));
  HOLDS(fm_net_n_params(net) == fm_net_n_params(fm_model_net(model)));
  fm_optimizer_destroy(optimizer);
}

static void save_and_load(const char *file) {
  fm_model *loaded = NULL;
  float before[N * DIM], after[N * DIM];
  OK(fm_model_save(ctx, model, file));
  OK(fm_model_load(ctx, file, &loaded));
  OK(fm_sample(ctx, model, 3, 0, NULL, NULL, N, before));
  OK(fm_sample(ctx, loaded, 3, 0, NULL, NULL, N, after));
  HOLDS(memcmp(before, after, sizeof before) == 0);
  fm_model_destroy(loaded);
  remove(file);
}

/* ---- parts, with callbacks that get the library's structs ------------------------------------------------ */

static int32_t decay(void *user, const fm_rhs_call *call) {
  if (call->struct_size < sizeof *call || call->dim != 1) return 1;
  for (uint64_t i = 0; i < call->n; i++) call->dxdt[i] = *(double *)user * call->x[i];
  return 0;
}

static int32_t follow(void *user, const fm_trajectory *trajectory) {
  if (trajectory->struct_size < sizeof *trajectory || trajectory->dim != DIM) return 1;
  *(double *)user = trajectory->t[trajectory->n - 1];
  return 0;
}

static int32_t ones(void *user, const fm_prior_request *request) {
  (void)user;
  for (uint64_t i = 0; i < request->n * request->dim; i++) request->x0[i] = 1;
  return 0;
}

static void use_parts(void) {
  double rate = -2, y[2] = {1, 3}, end = 0, x[N * DIM] = {0};
  fm_solver *solver = NULL;
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  OK(fm_solver_create(ctx, 1, NULL, &solver));
  OK(fm_solver_solve(ctx, solver, decay, &rate, 0, 1, 2, y, NULL, NULL, &stats));
  HOLDS(fabs(y[0] - exp(-2)) < 1e-3 && fabs(y[1] - 3 * exp(-2)) < 3e-3 && stats.nfe > 0 && stats.failed == 0);
  fm_solver_destroy(solver);

  fm_sampler *sampler = NULL;
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, x, follow, &end, &stats));
  HOLDS(end == 1);
  fm_sampler_destroy(sampler);

  fm_path *path = NULL;
  fm_path_coefficients at;
  fm_path_coefficients_init(&at);
  OK(fm_path_create(ctx, FM_PATH_POLYNOMIAL, &path));
  OK(fm_path_coefficients_at(ctx, path, 0.5, &at));
  HOLDS(at.alpha == 0.25 && at.sigma == 0.75 && at.gamma == 0);
  fm_path_destroy(path);

  fm_prior *prior = NULL;
  OK(fm_prior_create_callback(ctx, ones, NULL, &prior));
  HOLDS(fm_prior_kind(prior) == FM_PRIOR_CALLBACK);
  fm_prior_destroy(prior);
  HOLDS(fm_path_create(ctx, 999, &path) == FM_E_UNSUPPORTED &&
        strcmp(fm_status_name(-3), "FM_E_UNSUPPORTED") == 0);
}

/* ---- options, shorter and longer ------------------------------------------------------------------------- */

/* Makes a handle of each kind and destroys it again. */
static fm_status make_ctx(const void *options) {
  fm_ctx *made = NULL;
  fm_status status = fm_ctx_create(options, &made);
  fm_ctx_destroy(made);
  return status;
}
#define MAKES(name, type, call)                                                                              \
  static fm_status name(const void *options) {                                                               \
    type *made = NULL;                                                                                       \
    fm_status status = call;                                                                                 \
    type##_destroy(made);                                                                                    \
    return status;                                                                                           \
  }
MAKES(make_net, fm_net, fm_net_create(ctx, DIM, NULL, 0, 0, options, &made))
MAKES(make_optimizer, fm_optimizer, fm_optimizer_create(ctx, options, &made))
MAKES(make_data, fm_data, fm_data_create(ctx, ring, NULL, NULL, NULL, NULL, N, DIM, 0, 0, options, &made))
MAKES(make_trainer, fm_trainer,
      fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, options, &made))
MAKES(make_solver, fm_solver, fm_solver_create(ctx, DIM, options, &made))
MAKES(make_sampler, fm_sampler, fm_sampler_create(ctx, model, NULL, options, &made))
MAKES(make_solver_of_sampler, fm_sampler, fm_sampler_create(ctx, model, options, NULL, &made))
static fm_status run_validated(const void *options) {
  fm_trainer *trainer = NULL;
  fm_status status = fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &trainer);
  if (status == FM_OK) status = fm_trainer_run_validated(ctx, trainer, data, data, 1, options);
  fm_trainer_destroy(trainer);
  return status;
}

static const struct options {
  const char *type;
  size_t size;
  fm_status (*make)(const void *options);
} all_options[] = {{"fm_ctx_options", sizeof(fm_ctx_options), make_ctx},
                   {"fm_net_options", sizeof(fm_net_options), make_net},
                   {"fm_optimizer_options", sizeof(fm_optimizer_options), make_optimizer},
                   {"fm_data_options", sizeof(fm_data_options), make_data},
                   {"fm_trainer_options", sizeof(fm_trainer_options), make_trainer},
                   {"fm_validation_options", sizeof(fm_validation_options), run_validated},
                   {"fm_solver_options", sizeof(fm_solver_options), make_solver},
                   {"fm_solver_options", sizeof(fm_solver_options), make_solver_of_sampler},
                   {"fm_sampler_options", sizeof(fm_sampler_options), make_sampler}};

/* GROWTH: what a struct may have got since. A struct of the given size with zero in every field, and `behind` from there on. */
static void *sized(uint64_t size, int behind) {
  static uint64_t block[128];
  memset(block, behind, sizeof block);
  memset(block, 0, (size_t)size);
  block[0] = size;
  return block;
}

static void sizes_of_options(void) {
  for (size_t i = 0; i < sizeof all_options / sizeof all_options[0]; i++) {
    const struct options *o = &all_options[i];
    /* What stands behind a short struct isn't read: every byte there is 0xff. */
    for (uint64_t size = 8; size <= o->size; size += 8)
      check(o->make(sized(size, 0xff)) == FM_OK, "a shorter", o->type, __LINE__);
    check(o->make(sized(o->size + LONGER, 0xff)) == FM_OK, "a longer with zeros at its end", o->type,
          __LINE__);
    for (size_t at = o->size + GROWTH; at < o->size + GROWTH + LONGER; at += 13) {
      unsigned char *longer = sized(o->size + GROWTH + LONGER, 0);
      longer[at] = 1;
      check(o->make(longer) == FM_E_UNSUPPORTED, "a longer with a field that is set", o->type, __LINE__);
      if (o->make != make_ctx)
        check(strstr(fm_ctx_message(ctx), o->type) != NULL, "the text names the struct", o->type, __LINE__);
    }
  }
}

/* A short struct means what a whole one with the same fields means. */
static void short_means_the_same(void) {
  fm_solver_options whole;
  fm_solver_options_init(&whole);
  whole.method = FM_SOLVER_HEUN2;
  whole.n_steps = 3;
  uint64_t both[2]; /* up to n_steps: what there was in the beginning, say */
  memcpy(both, &whole, sizeof both);
  both[0] = sizeof both;
  float a[N * DIM], b[N * DIM], by_default[N * DIM];
  fm_sampler *sampler = NULL;
  OK(fm_sampler_create(ctx, model, &whole, NULL, &sampler));
  OK(fm_sampler_draw(ctx, sampler, 5, 0, NULL, NULL, N, a));
  fm_sampler_destroy(sampler);
  OK(fm_sampler_create(ctx, model, (const void *)both, NULL, &sampler));
  OK(fm_sampler_draw(ctx, sampler, 5, 0, NULL, NULL, N, b));
  fm_sampler_destroy(sampler);
  OK(fm_sample(ctx, model, 5, 0, NULL, NULL, N, by_default));
  HOLDS(memcmp(a, b, sizeof a) == 0 && memcmp(a, by_default, sizeof a) != 0);
}

/* ---- structs that the library fills in ---------------------------------------------------------------------- */

static fm_status fill_ctx_info(void *out) { return fm_ctx_get_info(ctx, out); }
static fm_status fill_solver_info(void *out) { return fm_solver_method_info(ctx, 0, out); }
static fm_status fill_coefficients(void *out) {
  fm_path *path = NULL;
  fm_status status = fm_path_create(ctx, FM_PATH_COSINE, &path);
  if (status == FM_OK) status = fm_path_coefficients_at(ctx, path, 0.5, out);
  fm_path_destroy(path);
  return status;
}
static fm_status fill_stats(void *out) {
  double x[DIM] = {1, 1};
  fm_sampler *sampler = NULL;
  fm_status status = fm_sampler_create(ctx, model, NULL, NULL, &sampler);
  if (status == FM_OK) status = fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, 1, x, NULL, NULL, out);
  fm_sampler_destroy(sampler);
  return status;
}

static void sizes_of_results(void) {
  static const struct {
    const char *type;
    size_t size;
    fm_status (*fill)(void *out);
  } all[] = {{"fm_ctx_info", sizeof(fm_ctx_info), fill_ctx_info},
             {"fm_solver_info", sizeof(fm_solver_info), fill_solver_info},
             {"fm_path_coefficients", sizeof(fm_path_coefficients), fill_coefficients},
             {"fm_solve_stats", sizeof(fm_solve_stats), fill_stats}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    uint64_t whole[32], part[32];
    memcpy(whole, sized(all[i].size, 0x55), sizeof whole);
    check(all[i].fill(whole) == FM_OK, "filled in:", all[i].type, __LINE__);
    for (uint64_t size = 8; size <= all[i].size + LONGER; size += 8) {
      memcpy(part, sized(size, 0x55), sizeof part);
      check(all[i].fill(part) == FM_OK && part[0] == size, "filled in, its size stays:", all[i].type,
            __LINE__);
      size_t known = size < all[i].size ? (size_t)size : all[i].size;
      check(memcmp(part + 1, whole + 1, known - 8) == 0, "fields up to the size:", all[i].type, __LINE__);
      const unsigned char *bytes = (const unsigned char *)part;
      int touched = 0;
      for (size_t at = (size_t)size; at < sizeof part; at++) touched |= bytes[at] != 0x55;
      check(!touched, "nothing is written behind:", all[i].type, __LINE__);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  fm_ctx_options options;
  fm_ctx_options_init(&options);
  if (fm_ctx_create(&options, &ctx) != FM_OK) return 1;
  for (int i = 0; i < N; i++) {
    ring[2 * i] = 3 + cosf((float)i);
    ring[2 * i + 1] = sinf((float)i);
  }
  HOLDS(fm_version() / 10000 == FM_VERSION_MAJOR && fm_version_string() != NULL);
  OK(fm_data_create(ctx, ring, NULL, NULL, NULL, NULL, N, DIM, 0, 0, NULL, &data));
  train();
  save_and_load(argv[1]);
  use_parts();
  sizes_of_options();
  short_means_the_same();
  sizes_of_results();
  fm_model_destroy(model);
  fm_net_destroy(net);
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
