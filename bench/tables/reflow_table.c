/* reflow_table.c - reflow on the toy of rectified flow (Liu et al., "Flow Straight and Fast", ICLR 2023): a
   second flow trained on the pairs that the first one makes is nearly straight, so that one Euler step is
   enough. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>

#define BATCH 1024u
#define STEPS 5000u
#define PAIRS 50000u
#define PAIR_STEPS 1000u
#define TEST_ROWS 5000u /* no paper has a W2 to compare with, and far clusters are dear to assign */
#define N_EULER 100u
#define COLUMN 15.
#define HEIGHT 7.5
#define DEVIATION .5

typedef struct results {
  tables_values straightness[2], one[2], many[2], floor;
} results;

static fm_prior *source_prior(fm_ctx *ctx) {
  fm_prior *prior = NULL;
  TABLES_OK(ctx,
            fm_prior_create_mixture(ctx, (double[]){1, 1}, (double[]){0, HEIGHT, 0, -HEIGHT},
                                    (double[]){DEVIATION, DEVIATION, DEVIATION, DEVIATION}, 2, 2, &prior));
  return prior;
}

static fm_model *train(const tables_run *run, const double *x0, const double *x1, size_t n, uint64_t seed,
                       const char *what) {
  tables_recipe recipe = tables_recipe_of("condot", FM_ACT_RELU, 128, 4, BATCH, 1e-3, STEPS);
  fm_prior *prior = source_prior(run->ctx);
  fm_data *data = NULL;
  recipe.optimizer.schedule = FM_SCHEDULE_COSINE;
  recipe.net.time_features = 0; /* with t itself one row in thirty ends at the wrong Gaussian */
  if (x0)
    recipe.trainer.time_sampling =
        FM_TIME_U_SHAPE; /* of Lee et al. 2024, who look at reflow's ends more often */
  recipe.prior = prior;
  TABLES_OK(run->ctx, fm_data_create_f64(run->ctx, x1, x0, NULL, NULL, NULL, n, 2, 0, 0, NULL, &data));
  fm_model *model = tables_train(run, &recipe, data, seed, what);
  fm_data_destroy(data);
  fm_prior_destroy(prior);
  return model;
}

static void measure(const tables_run *run, const fm_model *model, size_t k, const double *test0,
                    const double *test1, size_t n, uint64_t seed, results *r) {
  double energy, *made = tables_alloc(2 * n, sizeof *made);
  tables_carry(run, model, (tables_way){FM_SOLVER_EULER, N_EULER, 0}, NULL, test0, n, made, &energy, NULL);
  double straightness = energy - tables_mean_square(made, test0, n);
  double many = sqrt(tables_w2_squared(run, made, test1, n));
  tables_carry(run, model, (tables_way){FM_SOLVER_EULER, 1, 0}, NULL, test0, n, made, NULL, NULL);
  double one = sqrt(tables_w2_squared(run, made, test1, n));
  tables_say(run, "seed %llu, %zu-RF: S %.4f, W2 %.4f with one step, %.4f with %u", (unsigned long long)seed,
             k + 1, straightness, one, many, N_EULER);
  tables_add(&r->straightness[k], straightness);
  tables_add(&r->one[k], one);
  tables_add(&r->many[k], many);
  free(made);
}

static void run_seed(const tables_run *run, uint64_t seed, results *r) {
  const size_t n = tables_rows(run, PAIRS), n_test = tables_rows(run, TEST_ROWS);
  const uint32_t pair_steps = run->quick ? 100 : PAIR_STEPS;
  double *x0 = tables_alloc(2 * n, sizeof *x0), *x1 = tables_alloc(2 * n, sizeof *x1);
  double *test[3];
  char what[48];
  tables_rng rng = tables_rng_of(seed, 1);
  for (size_t k = 0; k < 3; k++) {
    test[k] = tables_alloc(2 * n_test, sizeof *test[k]);
    tables_pair(&rng, k ? COLUMN : 0, HEIGHT, DEVIATION, n_test, test[k]);
  }
  tables_add(&r->floor, sqrt(tables_w2_squared(run, test[1], test[2], n_test)));
  tables_pair(&rng, COLUMN, HEIGHT, DEVIATION, n, x1);
  snprintf(what, sizeof what, "seed %llu, 1-RF", (unsigned long long)seed);
  fm_model *first = train(run, NULL, x1, n, seed, what);
  measure(run, first, 0, test[0], test[1], n_test, seed, r);

  tables_pair(&rng, 0, HEIGHT, DEVIATION, n, x0);
  tables_carry(run, first, (tables_way){FM_SOLVER_EULER, pair_steps, 0}, NULL, x0, n, x1, NULL, NULL);
  tables_say(run, "seed %llu: %zu pairs by %u steps", (unsigned long long)seed, n, pair_steps);
  snprintf(what, sizeof what, "seed %llu, 2-RF", (unsigned long long)seed);
  fm_model *second = train(run, x0, x1, n, seed + 1000, what);
  measure(run, second, 1, test[0], test[1], n_test, seed, r);
  if (seed == 0) {
    tables_save_model(run, "rectified_1.safetensors", first);
    tables_save_model(run, "rectified_2.safetensors", second);
    tables_save_rows(run, "rectified.csv", test[1], 300);
  }
  fm_model_destroy(first);
  fm_model_destroy(second);
  free(x0);
  free(x1);
  for (size_t k = 0; k < 3; k++) free(test[k]);
}

int main(int argc, char **argv) {
  tables_run run;
  results r = {.floor = {.n = 0}};
  char a[48], b[48], c[48];
  tables_begin(&run, "reflow", "4. Reflow", 1, argc, argv);
  for (uint64_t seed = 0; seed < run.n_seeds; seed++) run_seed(&run, seed, &r);
  tables_write(&run, "\n| | S | W2, 1 Euler step | W2, %u steps |\n|---|---|---|---|\n", N_EULER);
  for (size_t k = 0; k < 2; k++)
    tables_write(&run, "| %zu-RF | %s | %s | %s |\n", k + 1, tables_text(&r.straightness[k], a),
                 tables_text(&r.one[k], b), tables_text(&r.many[k], c));
  tables_write(&run, "| two true sets (the floor) | | | %s |\n\n", tables_text(&r.floor, a));
  double s1 = tables_mean(&r.straightness[0]), s2 = tables_mean(&r.straightness[1]);
  double one = tables_mean(&r.one[1]), many = tables_mean(&r.many[1]);
  tables_accept(&run, s2 < s1 / 10, "S of 2-RF under a tenth of 1-RF's: %.4f of %.3f", s2, s1);
  tables_accept_whole(&run, fabs(one - many) <= .1 * many,
                      "2-RF: W2 of one step within 10 %% of %u steps': %.4f, %.4f", N_EULER, one, many);
  return tables_end(&run);
}
