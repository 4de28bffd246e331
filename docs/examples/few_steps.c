/* few_steps.c - a flow made straight, then one for a single step: what each costs and how good it is, on two moons.
 * Explained in docs/guides/few_steps.md. */
#include <flowmatch_reflow.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXAMPLES 2000
#define ROWS 500
#define PI 3.14159265f

static const fm_trainer_options training = {.struct_size = sizeof training, .batch = 128, .ema_decay = 0.99};

static void require(fm_status status, fm_ctx *ctx, const char *what) {
  if (status == FM_OK) return;
  fprintf(stderr, "few_steps: %s: %s: %s\n", what, fm_status_name(status), ctx ? fm_ctx_message(ctx) : "");
  exit(1);
}

/* Two half circles, the one inside the other's open side. */
static fm_model *learn(fm_ctx *ctx, const fm_optimizer *optimizer) {
  static float moons[EXAMPLES][2];
  for (int i = 0; i < EXAMPLES; i++) {
    const float angle = PI * (float)i / EXAMPLES;
    moons[i][0] = i % 2 ? cosf(angle) : 1 - cosf(angle);
    moons[i][1] = i % 2 ? sinf(angle) : 0.5f - sinf(angle);
  }
  const fm_net_options shape = {.struct_size = sizeof shape, .width = 32, .depth = 2};
  fm_data *data;
  fm_model *model;
  require(fm_data_create(ctx, moons[0], NULL, NULL, NULL, NULL, EXAMPLES, 2, 0, 0, NULL, &data), ctx, "data");
  require(fm_fit(ctx, data, NULL, NULL, optimizer, &shape, &training, &model), ctx, "training");
  fm_data_destroy(data);
  return model;
}

static fm_model *straighten(fm_ctx *ctx, const fm_model *model, const fm_optimizer *optimizer) {
  fm_reflow_options options;
  fm_reflow_stats stats;
  fm_model *straight;
  fm_reflow_options_init(&options);
  fm_reflow_stats_init(&stats);
  options.pairs = 10000;
  require(fm_reflow(ctx, model, NULL, optimizer, NULL, &options, &training, &straight, &stats), ctx,
          "reflow");
  printf("straightness %.3f -> %.5f\n", stats.straightness[0], stats.straightness[1]);
  return straight;
}

static fm_model *distill(fm_ctx *ctx, const fm_model *model, const fm_optimizer *optimizer) {
  fm_reflow_options options;
  fm_model *student;
  fm_reflow_options_init(&options);
  options.rounds = -1; /* no reflow: `model` is straight already */
  options.distill_steps = 1;
  options.pairs = 10000;
  require(fm_reflow(ctx, model, NULL, optimizer, NULL, &options, &training, &student, NULL), ctx,
          "distilling");
  return student;
}

/* The mean distance of rows to the moons they should lie on. */
static double distance(fm_ctx *ctx, const fm_model *model, uint32_t euler_steps) {
  static float rows[ROWS][2];
  const fm_solver_options euler = {
      .struct_size = sizeof euler, .method = FM_SOLVER_EULER, .n_steps = euler_steps};
  fm_sampler *sampler;
  require(fm_sampler_create(ctx, model, euler_steps ? &euler : NULL, NULL, &sampler), ctx, "a sampler");
  require(fm_sampler_draw(ctx, sampler, 7, 0, NULL, NULL, ROWS, rows[0]), ctx, "a draw");
  fm_sampler_destroy(sampler);
  double sum = 0;
  for (int i = 0; i < ROWS; i++) {
    const double x = rows[i][0], y = rows[i][1];
    const double upper = y > 0 ? fabs(hypot(x, y) - 1) : fmin(hypot(x - 1, y), hypot(x + 1, y));
    const double below =
        y < 0.5 ? fabs(hypot(x - 1, y - 0.5) - 1) : fmin(hypot(x, y - 0.5), hypot(x - 2, y - 0.5));
    sum += fmin(upper, below) / ROWS;
  }
  return sum;
}

int main(void) {
  fm_ctx *ctx;
  fm_optimizer *optimizer;
  const fm_optimizer_options rule = {.struct_size = sizeof rule, .n_steps = 1200, .learning_rate = 4e-3};
  require(fm_ctx_create(NULL, &ctx), NULL, "a context");
  require(fm_optimizer_create(ctx, &rule, &optimizer), ctx, "an optimiser");
  fm_model *model = learn(ctx, optimizer);
  fm_model *straight = straighten(ctx, model, optimizer);
  fm_model *student = distill(ctx, straight, optimizer);

  const fm_model *const models[3] = {model, straight, student};
  static const char *const names[3] = {"as trained", "straight", "distilled"};
  static const uint32_t steps[4] = {1, 2, 4, 0};
  double found[3][4];
  printf("mean distance to the moons with 1, 2, 4 Euler steps, and by default:\n");
  for (int i = 0; i < 3; i++) {
    printf("  %-12s", names[i]);
    for (int k = 0; k < 4; k++) printf("%8.4f", found[i][k] = distance(ctx, models[i], steps[k]));
    printf("\n");
  }

  fm_model_destroy(student);
  fm_model_destroy(straight);
  fm_model_destroy(model);
  fm_optimizer_destroy(optimizer);
  fm_ctx_destroy(ctx);
  /* The default of the distilled model is its one step. */
  const int as_said = found[2][3] == found[2][0];
  return as_said && found[1][1] < found[0][1] / 2 && found[2][0] < found[0][0] / 4 ? 0 : 1;
}
