/* few_steps_table.c - one and two steps instead of a hundred, on noise to eight Gaussians: flow matching as
   it is, after one reflow (Liu et al. 2023), and a mean velocity (MeanFlow, Geng et al., 2505.13447). */
#include "tables.h"

#include <math.h>
#include <stdlib.h>

#define TRAIN_ROWS 100000u
#define BATCH 1024u
#define STEPS 10000u
#define PAIR_STEPS 100u
#define TEST_ROWS 5000u /* no paper has this table in two columns */
#define RADIUS 5.
#define DEVIATION .562

enum { PLAIN, REFLOW, MEAN_FLOW, N_METHODS };
static const char *const names[N_METHODS] = {"CFM", "reflow (2-RF)", "MeanFlow"};
static const char *const files[N_METHODS] = {"few_cfm.safetensors", "few_reflow.safetensors",
                                             "few_mean_flow.safetensors"};
static const uint32_t step_counts[] = {1, 2, 4, 100};
#define N_COUNTS (sizeof step_counts / sizeof step_counts[0])

typedef struct results {
  tables_values w2_squared[N_METHODS][N_COUNTS], floor;
} results;

typedef struct test_rows {
  double *x0, *x1, *other, *made;
  size_t n;
} test_rows;

/* MeanFlow has uniform times, half of the rows with r > t and no adaptive weight: the paper's times hardly
   look at the source, where the one step begins, and its weight moves the mean that is learned in two
   columns. */
static fm_model *train(const tables_run *run, int which, const double *x0, const double *x1, uint64_t seed) {
  tables_recipe recipe = tables_recipe_of("condot", FM_ACT_SILU, 128, 4, BATCH, 1e-3, STEPS);
  fm_data *data = NULL;
  recipe.optimizer.schedule = FM_SCHEDULE_COSINE;
  if (which == MEAN_FLOW) {
    recipe.net.n_times = 2;
    recipe.trainer.objective = FM_OBJECTIVE_MEAN_FLOW;
    recipe.trainer.mean_share = .5;
  }
  TABLES_OK(run->ctx,
            fm_data_create_f64(run->ctx, x1, x0, NULL, NULL, NULL, TRAIN_ROWS, 2, 0, 0, NULL, &data));
  fm_model *model = tables_train(run, &recipe, data, seed, names[which]);
  fm_data_destroy(data);
  return model;
}

static void measure(const tables_run *run, const fm_model *model, int which, const test_rows *t,
                    uint64_t seed, results *r) {
  const uint32_t method = which == MEAN_FLOW ? FM_SOLVER_MEAN : FM_SOLVER_EULER;
  for (size_t k = 0; k < N_COUNTS; k++) {
    tables_carry(run, model, (tables_way){method, step_counts[k], 0}, NULL, t->x0, t->n, t->made, NULL, NULL);
    double value = tables_w2_squared(run, t->made, t->x1, t->n);
    tables_add(&r->w2_squared[which][k], value);
    tables_say(run, "seed %llu, %s, %u steps: W2^2 %.4f", (unsigned long long)seed, names[which],
               step_counts[k], value);
  }
  if (seed == 0) tables_save_model(run, files[which], model);
}

static void run_seed(const tables_run *run, uint64_t seed, results *r) {
  test_rows t = {.n = tables_rows(run, TEST_ROWS)};
  double *x0 = tables_alloc(2 * TRAIN_ROWS, sizeof *x0), *x1 = tables_alloc(2 * TRAIN_ROWS, sizeof *x1);
  double **blocks[4] = {&t.x0, &t.x1, &t.other, &t.made};
  tables_rng rng = tables_rng_of(seed, 1);
  for (size_t k = 0; k < 4; k++) {
    *blocks[k] = tables_alloc(2 * t.n, sizeof **blocks[k]);
    if (k == 0) tables_gaussian(&rng, t.n, t.x0);
    if (k == 1 || k == 2) tables_ring(&rng, RADIUS, DEVIATION, t.n, *blocks[k]);
  }
  tables_add(&r->floor, tables_w2_squared(run, t.other, t.x1, t.n));
  if (seed == 0) tables_save_rows(run, "few_ring.csv", t.x1, 300);

  tables_ring(&rng, RADIUS, DEVIATION, TRAIN_ROWS, x1);
  fm_model *plain = train(run, PLAIN, NULL, x1, seed);
  measure(run, plain, PLAIN, &t, seed, r);
  fm_model *mean_flow = train(run, MEAN_FLOW, NULL, x1, seed);
  measure(run, mean_flow, MEAN_FLOW, &t, seed, r);
  tables_gaussian(&rng, TRAIN_ROWS, x0);
  tables_carry(run, plain, (tables_way){FM_SOLVER_EULER, PAIR_STEPS, 0}, NULL, x0, TRAIN_ROWS, x1, NULL,
               NULL);
  fm_model *second = train(run, REFLOW, x0, x1, seed + 1000);
  measure(run, second, REFLOW, &t, seed, r);
  fm_model_destroy(plain);
  fm_model_destroy(second);
  fm_model_destroy(mean_flow);
  free(x0);
  free(x1);
  for (size_t k = 0; k < 4; k++) free(*blocks[k]);
}

int main(int argc, char **argv) {
  tables_run run;
  results r = {.floor = {.n = 0}};
  char text[48];
  tables_begin(&run, "few_steps", "6. Few steps", .4, argc, argv);
  for (uint64_t seed = 0; seed < run.n_seeds; seed++) run_seed(&run, seed, &r);
  tables_write(&run, "\n| W2^2, noise to eight Gaussians |");
  for (size_t k = 0; k < N_COUNTS; k++)
    tables_write(&run, " %u step%s |", (unsigned)step_counts[k], step_counts[k] == 1 ? "" : "s");
  tables_write(&run, "\n|---|---|---|---|---|\n");
  for (int m = 0; m < N_METHODS; m++) {
    tables_write(&run, "| %s |", names[m]);
    for (size_t k = 0; k < N_COUNTS; k++) tables_write(&run, " %s |", tables_text(&r.w2_squared[m][k], text));
    tables_write(&run, "\n");
  }
  tables_write(&run, "| two true sets (the floor) | | | | %s |\n\n", tables_text(&r.floor, text));
  double plain = tables_mean(&r.w2_squared[PLAIN][0]);
  for (int m = REFLOW; m < N_METHODS; m++) {
    double one = tables_mean(&r.w2_squared[m][0]);
    tables_accept(&run, one <= plain / 10,
                  "one step: W2^2 by %s at least ten times below CFM's: %.3f, %.2f (%.0f times)", names[m],
                  one, plain, plain / one);
  }
  return tables_end(&run);
}
