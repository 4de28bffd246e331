/* posterior.c - simulation-based inference: which parameters made this observation? A model learns pairs of
 * parameters and what they make, and then draws the posterior for any observation. Explained in
 * docs/guides/inference.md.
 *
 * The simulator is linear with Gaussian noise, y = A theta + NOISE e with theta ~ N(0, 1): its posterior is
 * known, N(m, S) with S = (1 + A' A / NOISE^2)^-1 and m = S A' y / NOISE^2, so the program can say whether it
 * is right. Nothing in the training uses that. */
#include <flowmatch.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PAIRS 10000
#define STEPS 1500
#define DRAWS 4000
#define NOISE 0.5

static const double A[2][2] = {{1, 1}, {0.5, -1}};

static void require(fm_status status, fm_ctx *ctx, const char *what) {
  if (status == FM_OK) return;
  fprintf(stderr, "posterior: %s: %s: %s\n", what, fm_status_name(status), ctx ? fm_ctx_message(ctx) : "");
  exit(1);
}

static double gaussian(uint64_t *state) { /* splitmix64 and Box-Muller */
  double u[2];
  for (int i = 0; i < 2; i++) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    u[i] = ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
  }
  return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

/* The simulator: parameters in, an observation out. */
static void simulate(const float theta[2], float y[2], uint64_t *random) {
  for (int i = 0; i < 2; i++)
    y[i] = (float)(A[i][0] * theta[0] + A[i][1] * theta[1] + NOISE * gaussian(random));
}

static fm_model *learn(fm_ctx *ctx) {
  static float theta[PAIRS][2], y[PAIRS][2];
  uint64_t random = 1;
  for (int i = 0; i < PAIRS; i++) {
    theta[i][0] = (float)gaussian(&random);
    theta[i][1] = (float)gaussian(&random);
    simulate(theta[i], y[i], &random);
  }
  const fm_net_options shape = {.struct_size = sizeof shape, .width = 64, .depth = 2};
  const fm_optimizer_options rule = {.struct_size = sizeof rule, .n_steps = STEPS};
  /* We never ask for the prior: no row is trained without its observation. */
  const fm_trainer_options training = {.struct_size = sizeof training, .seed = 1, .label_dropout = -1};
  fm_data *data;
  fm_optimizer *optimizer;
  fm_model *model;
  require(fm_data_create(ctx, theta[0], NULL, NULL, y[0], NULL, PAIRS, 2, 0, 2, NULL, &data), ctx, "data");
  require(fm_optimizer_create(ctx, &rule, &optimizer), ctx, "an optimiser");
  require(fm_fit(ctx, data, NULL, NULL, optimizer, &shape, &training, &model), ctx, "training");
  fm_optimizer_destroy(optimizer);
  fm_data_destroy(data);
  return model;
}

typedef struct moments {
  double mean[2], covariance[2][2];
} moments;

static moments drawn(fm_ctx *ctx, const fm_model *model, const float y[2]) {
  static float observed[DRAWS][2], theta[DRAWS][2];
  for (int i = 0; i < DRAWS; i++) observed[i][0] = y[0], observed[i][1] = y[1];
  require(fm_sample(ctx, model, 42, 0, NULL, observed[0], DRAWS, theta[0]), ctx, "drawing");
  moments m = {{0}, {{0}}};
  for (int i = 0; i < DRAWS; i++)
    for (int j = 0; j < 2; j++) m.mean[j] += theta[i][j] / (double)DRAWS;
  for (int i = 0; i < DRAWS; i++)
    for (int j = 0; j < 2; j++)
      for (int k = 0; k < 2; k++)
        m.covariance[j][k] += (theta[i][j] - m.mean[j]) * (theta[i][k] - m.mean[k]) / DRAWS;
  return m;
}

static moments exact(const float y[2]) {
  const double w = 1 / (NOISE * NOISE);
  const double a = 1 + w * (A[0][0] * A[0][0] + A[1][0] * A[1][0]),
               d = 1 + w * (A[0][1] * A[0][1] + A[1][1] * A[1][1]);
  const double b = w * (A[0][0] * A[0][1] + A[1][0] * A[1][1]), determinant = a * d - b * b;
  moments m = {.covariance = {{d / determinant, -b / determinant}, {-b / determinant, a / determinant}}};
  for (int j = 0; j < 2; j++)
    for (int k = 0; k < 2; k++) m.mean[j] += m.covariance[j][k] * w * (A[0][k] * y[0] + A[1][k] * y[1]);
  return m;
}

int main(void) {
  static const float observations[][2] = {{0, 0}, {1.5f, -0.5f}, {-1, 1}};
  fm_ctx *ctx;
  require(fm_ctx_create(NULL, &ctx), NULL, "a context");
  fm_model *model = learn(ctx);
  double worst = 0;
  for (int i = 0; i < 3; i++) {
    const moments got = drawn(ctx, model, observations[i]), want = exact(observations[i]);
    printf("y = (%4.1f, %4.1f): mean (%6.3f, %6.3f), exact (%6.3f, %6.3f)\n", observations[i][0],
           observations[i][1], got.mean[0], got.mean[1], want.mean[0], want.mean[1]);
    for (int j = 0; j < 2; j++) { /* in deviations of the posterior */
      worst = fmax(worst, fabs(got.mean[j] - want.mean[j]) / sqrt(want.covariance[j][j]));
      for (int k = 0; k < 2; k++)
        worst = fmax(worst, fabs(got.covariance[j][k] - want.covariance[j][k]) /
                                sqrt(want.covariance[j][j] * want.covariance[k][k]));
    }
  }
  printf("largest error of a mean or covariance: %.3f posterior deviations\n", worst);
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  return worst < 0.2 ? 0 : 1;
}
