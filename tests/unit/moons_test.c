/* moons_test.c - every path and every prior learn two moons: the energy distance of drawn rows to fresh ones
   is at most twice what two fresh samples have between them (Szekely & Rizzo 2013).

   FM_TEST_GRID=1 (make check-grid) takes every path with every prior, each with its default parameters and with
   others, and prints the ratios; FM_TEST_GRID=TEXT only paths whose name begins so. Else every path is taken with
   the Gaussian and every prior with CondOT, as they are by default. Quick runs only see that nothing breaks. */
#include "train_fixture.h"

#include "model/prior.h"

enum { N_DATA = 4000, N_RING = 4000, N_DRAWN = 1000, N_FLOORS = 20, N_DRAWS = 2 };
enum { QUICK_STEPS = 20, FEW_STEPS = 2000, MANY_STEPS = 6000 };

static void draw_moons(double *x, size_t n, uint64_t seed) {
  for (size_t i = 0; i < n; i++) {
    const double angle = 3.14159265358979323846 * .5 * (next_uniform(&seed) + 1);
    const bool upper = next_uniform(&seed) < 0;
    x[2 * i] = (upper ? cos(angle) : 1 - cos(angle)) + .07 * next_normal(&seed);
    x[2 * i + 1] = (upper ? sin(angle) : .5 - sin(angle)) + .07 * next_normal(&seed);
  }
}

/* The mean distance between rows of a and b. */
static double mean_distance(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const double x = a[2 * i] - b[2 * j], y = a[2 * i + 1] - b[2 * j + 1];
      sum += sqrt(x * x + y * y);
    }
  return sum / (double)(n * n);
}
static double energy_distance(const double *a, const double *b, size_t n) {
  return 2 * mean_distance(a, b, n) - mean_distance(a, a, n) - mean_distance(b, b, n);
}

static int32_t exponential(void *user, const fm_prior_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) {
    uint64_t word = r->seed + 1000003 * (r->first_row * r->dim + i);
    r->x0[i] = -log(0.5 * (1 - next_uniform(&word)));
  }
  return 0;
}

/* `aside` is another set of parameters: to the left, and narrower. */
static fm_prior *prior_of(fm_ctx *ctx, uint32_t kind, bool aside) {
  const double at = aside ? -1 : 0, s = aside ? .5 : 1;
  const double low[] = {at - 2 * s, -2 * s}, high[] = {at + 3 * s, 3 * s}, mean[] = {at + s, 0};
  const double covariance[] = {s, .6 * s, .6 * s, s}, deviations[] = {s, .7 * s, .8 * s, .7 * s};
  const double weights[] = {1, 2}, means[] = {at - 2 * s, 0, at + 2 * s, s};
  static double ring[2 * N_RING];
  uint64_t seed = 4;
  for (size_t i = 0; i < N_RING; i++) {
    const double angle = 3.14159265358979323846 * next_uniform(&seed);
    ring[2 * i] = at + s * (2 * cos(angle) + .2 * next_normal(&seed));
    ring[2 * i + 1] = s * (2 * sin(angle) + .2 * next_normal(&seed));
  }
  fm_prior *p = NULL;
  switch (kind) {
  case FM_PRIOR_GAUSSIAN:
    OK(fm_prior_create_gaussian(ctx, &p));
    break;
  case FM_PRIOR_ROWS:
    OK(fm_prior_create_rows_f64(ctx, ring, N_RING, 2, &p));
    break;
  case FM_PRIOR_CALLBACK:
    OK(fm_prior_create_callback(ctx, exponential, NULL, &p));
    break;
  case FM_PRIOR_UNIFORM:
    OK(fm_prior_create_uniform(ctx, low, high, 2, &p));
    break;
  case FM_PRIOR_DIAGONAL:
    OK(fm_prior_create_diagonal(ctx, mean, deviations, 2, &p));
    break;
  case FM_PRIOR_COVARIANCE:
    OK(fm_prior_create_covariance(ctx, mean, covariance, 2, &p));
    break;
  case FM_PRIOR_MIXTURE:
    OK(fm_prior_create_mixture(ctx, weights, means, deviations, 2, 2, &p));
    break;
  case FM_PRIOR_SHUFFLED_ROWS:
    OK(fm_prior_create_shuffled_rows_f64(ctx, ring, N_RING, 2, &p));
    break;
  default:
    ck_abort_msg("no prior of kind %u", (unsigned)kind);
  }
  return p;
}
static bool has_parameters(uint32_t kind) { return kind != FM_PRIOR_GAUSSIAN && kind != FM_PRIOR_CALLBACK; }

typedef struct world {
  fm_ctx *ctx;
  double *data, *fresh, *drawn; /* [N_DATA][2], [N_DRAWN][2] twice */
  double floor;
  uint64_t n_steps;
} world;

static world new_world(uint64_t n_steps) {
  world w = {.ctx = new_ctx(1), .n_steps = n_steps};
  const size_t n = N_DRAWN;
  w.data = new_block(2 * N_DATA, sizeof(double));
  w.fresh = new_block(2 * n, sizeof(double));
  w.drawn = new_block(2 * n, sizeof(double));
  draw_moons(w.data, N_DATA, 1);
  for (uint64_t i = 0; i < (n_steps == QUICK_STEPS ? 1 : N_FLOORS); i++) {
    draw_moons(w.fresh, n, 100 + i);
    draw_moons(w.drawn, n, 200 + i);
    w.floor += energy_distance(w.fresh, w.drawn, n) / N_FLOORS;
  }
  return w;
}
static void free_world(world *w) {
  free(w->data), free(w->fresh), free(w->drawn);
  fm_ctx_destroy(w->ctx);
}

static fm_model *learn(const world *w, const fm_path *path, const fm_prior *prior) {
  fm_ctx *ctx = w->ctx;
  fm_data *data = NULL;
  fm_optimizer *optimizer = NULL;
  fm_model *model = NULL;
  const bool full = w->n_steps != QUICK_STEPS;
  const fm_net_options net = {.struct_size = sizeof net,
                              .kind = FM_NET_MLP,
                              .width = full ? 64 : 8,
                              .depth = full ? 4 : 1,
                              .time_features = 32};
  const fm_optimizer_options o = {.struct_size = sizeof o, .learning_rate = 3e-3, .n_steps = w->n_steps};
  const fm_trainer_options t = {.struct_size = sizeof t,
                                .seed = 1,
                                .batch = w->n_steps == MANY_STEPS ? 256
                                         : full                   ? 128
                                                                  : 16,
                                .ema_decay = .99};
  OK(fm_data_create_f64(ctx, w->data, NULL, NULL, NULL, NULL, N_DATA, 2, 0, 0, NULL, &data));
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  OK(fm_fit(ctx, data, path, prior, optimizer, &net, &t, &model));
  fm_data_destroy(data), fm_optimizer_destroy(optimizer);
  return model;
}

/* The ratio of the model's energy distance to the floor, over a few draws and fresh samples. */
static double judge(const world *w, const fm_path *path, const fm_prior *prior) {
  fm_ctx *ctx = w->ctx;
  fm_model *model = learn(w, path, prior);
  fm_sampler *sampler = NULL;
  const bool full = w->n_steps != QUICK_STEPS;
  const size_t n = full ? N_DRAWN : 5;
  double sum = 0;
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  for (uint64_t k = 0; k < (full ? N_DRAWS : 1); k++) {
    OK(fm_sampler_draw_f64(ctx, sampler, 7 + k, 0, NULL, NULL, n, w->drawn));
    for (size_t i = 0; i < 2 * n; i++) ck_assert(isfinite(w->drawn[i]));
    draw_moons(w->fresh, n, 2 + k);
    if (full) sum += energy_distance(w->fresh, w->drawn, n) / N_DRAWS;
  }
  fm_sampler_destroy(sampler);
  fm_model_destroy(model);
  return full ? sum / w->floor : 0;
}

static const char *grid_text(void) {
  const char *text = getenv("FM_TEST_GRID");
  return text == NULL || strcmp(text, "0") == 0 ? NULL : text;
}

/* One cell of the grid. */
static void judge_pair(const world *w, const char *path_text, uint32_t kind, bool aside) {
  fm_ctx *ctx = w->ctx;
  fm_path *path = NULL;
  OK(fm_path_create_named(ctx, path_text, &path));
  fm_prior *prior = prior_of(ctx, kind, aside);
  const double ratio = judge(w, path, prior);
  const char *prior_name = prior->kind->name, *which = aside ? ", aside" : "";
  if (grid_text() != NULL) printf("  %-14s %s%s %.2f\n", path_text, prior_name, which, ratio), fflush(stdout);
  ck_assert_msg(ratio <= 2, "%s, %s%s: %.2f", path_text, prior_name, which, ratio);
  fm_path_destroy(path), fm_prior_destroy(prior);
}

START_TEST(every_path_and_every_prior) {
  world w = new_world(quick() || IS_DOUBLE ? QUICK_STEPS : FEW_STEPS);
  const fmi_schedule *schedule;
  for (size_t i = 0; (schedule = fmi_schedule_at(i)) != NULL; i++)
    judge_pair(&w, schedule->name, FM_PRIOR_GAUSSIAN, false);
  size_t n = 0;
  for (uint32_t kind = 1; kind < 64; kind++)
    if (fmi_prior_by_kind(kind) != NULL && kind != FM_PRIOR_GAUSSIAN)
      judge_pair(&w, "condot", kind, false), n++;
  ck_assert_uint_ge(n, 7);
  free_world(&w);
}
END_TEST

/* Every schedule is here with its default parameters and, if it has any, with others. */
static const char *const grid_paths[] = {"condot",    "cosine",    "cosine:0.05",    "poly",      "poly:3",
                                         "vp",        "vp:0.5:12", "linear-vp",      "icfm",      "icfm:0.03",
                                         "target-ot", "bridge",    "target-ot:0.02", "bridge:0.2"};

START_TEST(every_path_with_every_prior) {
  const char *only = strcmp(grid_text(), "1") == 0 ? "" : grid_text();
  world w = new_world(MANY_STEPS);
  printf("energy distance of two fresh samples: %.5f; of models, in multiples:\n", w.floor);
  const fmi_schedule *schedule;
  for (size_t i = 0; (schedule = fmi_schedule_at(i)) != NULL; i++) {
    size_t n = 0;
    for (size_t k = 0; k < FMI_COUNT(grid_paths); k++)
      n += strncmp(grid_paths[k], schedule->name, strlen(schedule->name)) == 0;
    ck_assert_msg(n >= (fmi_schedule_n_params(schedule) > 0 ? 2 : 1), "%s is not in the grid",
                  schedule->name);
  }
  for (size_t k = 0; k < FMI_COUNT(grid_paths); k++) {
    if (strncmp(grid_paths[k], only, strlen(only)) != 0) continue;
    for (uint32_t kind = 1; kind < 64; kind++) {
      if (fmi_prior_by_kind(kind) == NULL) continue;
      judge_pair(&w, grid_paths[k], kind, false);
      if (has_parameters(kind)) judge_pair(&w, grid_paths[k], kind, true);
    }
  }
  free_world(&w);
}
END_TEST

int main(void) {
  const TTest *const whole[] = {every_path_with_every_prior}, *const usual[] = {every_path_and_every_prior};
  return run_tests("moons", grid_text() != NULL ? whole : usual, 1);
}
