/* checkerboard_table.c - the checkerboard's density (Lipman et al., figure 4, the data of flow_matching's
   notebook): negative log-likelihood of held-out rows against the true one, the share of samples inside the
   cells, and the exact divergence against Hutchinson's estimate. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>

#define STEPS 20000u
#define BATCH 1024u
#define TRAIN_ROWS 200000u

typedef struct densities {
  double nll, deviation; /* mean and its standard error over rows, in nats */
  double *each;
  uint64_t nfe;
} densities;

static densities measure(const tables_run *run, const fm_model *model, uint32_t divergence, uint32_t n_probes,
                         const double *x, size_t n) {
  densities d = {.each = tables_alloc(n, sizeof *d.each)};
  fm_sampler *sampler = NULL;
  fm_solver_options solver;
  fm_sampler_options o;
  fm_solve_stats stats;
  fm_solver_options_init(&solver);
  fm_sampler_options_init(&o);
  fm_solve_stats_init(&stats);
  solver.rtol = solver.atol = 1e-5;
  o.divergence = divergence;
  o.n_probes = n_probes;
  TABLES_OK(run->ctx, fm_sampler_create(run->ctx, model, &solver, &o, &sampler));
  TABLES_OK(run->ctx,
            fm_sampler_log_density(run->ctx, sampler, 0, NULL, NULL, n, x, d.each, NULL, &stats, NULL));
  double square = 0;
  for (size_t i = 0; i < n; i++) d.nll -= d.each[i] / (double)n;
  for (size_t i = 0; i < n; i++) square += pow(d.each[i] + d.nll, 2);
  d.deviation = sqrt(square / (double)n / (double)n);
  d.nfe = stats.max_nfe;
  fm_sampler_destroy(sampler);
  return d;
}

static double share_inside(const tables_run *run, const fm_model *model, size_t n) {
  double *x = tables_alloc(2 * n, sizeof *x), inside = 0;
  tables_rng rng = tables_rng_of(7, 7);
  tables_gaussian(&rng, n, x);
  tables_carry(run, model, (tables_way){FM_SOLVER_DOPRI5, 0, 1e-5}, NULL, x, n, x, NULL, NULL);
  for (size_t i = 0; i < n; i++) inside += tables_on_checkerboard(x + 2 * i);
  free(x);
  return inside / (double)n;
}

typedef struct results {
  tables_values nll, inside, rademacher, row_error;
} results;

static void run_seed(const tables_run *run, uint64_t seed, results *r) {
  const size_t n_test = tables_rows(run, TABLES_TEST_ROWS) / 2;
  tables_recipe recipe = tables_recipe_of("condot", FM_ACT_SILU, 256, 5, BATCH, 1e-3, STEPS);
  double *rows = tables_alloc(2 * TRAIN_ROWS, sizeof *rows), *test = tables_alloc(2 * n_test, sizeof *test);
  char what[32];
  fm_data *data = NULL;
  tables_rng rng = tables_rng_of(seed, 1);
  recipe.optimizer.schedule = FM_SCHEDULE_COSINE;
  recipe.net.time_features = 0;
  tables_checkerboard(&rng, TRAIN_ROWS, rows);
  tables_checkerboard(&rng, n_test, test);
  snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
  TABLES_OK(run->ctx,
            fm_data_create_f64(run->ctx, rows, NULL, NULL, NULL, NULL, TRAIN_ROWS, 2, 0, 0, NULL, &data));
  fm_model *model = tables_train(run, &recipe, data, seed, what);
  double inside = share_inside(run, model, tables_rows(run, TABLES_TEST_ROWS));
  tables_say(run, "%s: %.2f %% of samples inside", what, 100 * inside);
  densities exact = measure(run, model, FM_DIVERGENCE_EXACT, 0, test, n_test);
  tables_say(run, "%s: NLL %.4f ± %.4f (true %.4f), %llu evaluations at most", what, exact.nll,
             exact.deviation, log(8 / .45 / .45), (unsigned long long)exact.nfe);
  densities probed = measure(run, model, FM_DIVERGENCE_RADEMACHER, 1, test, n_test);
  double row_error = 0;
  for (size_t i = 0; i < n_test; i++) row_error += pow(exact.each[i] - probed.each[i], 2) / (double)n_test;
  tables_say(run, "%s: Hutchinson, one probe: NLL %.4f, a row off by %.3f", what, probed.nll,
             sqrt(row_error));
  tables_add(&r->nll, exact.nll);
  tables_add(&r->inside, 100 * inside);
  tables_add(&r->rademacher, probed.nll);
  tables_add(&r->row_error, sqrt(row_error));
  if (seed == 0) {
    tables_save_model(run, "checkerboard.safetensors", model);
    tables_save_rows(run, "checkerboard.csv", test, n_test < 4000 ? n_test : 4000);
  }
  free(exact.each);
  free(probed.each);
  fm_model_destroy(model);
  fm_data_destroy(data);
  free(rows);
  free(test);
}

int main(int argc, char **argv) {
  tables_run run;
  results r = {.nll = {.n = 0}};
  char text[48];
  const double truth = log(8 / .45 / .45);
  tables_begin(&run, "checkerboard", "3. Checkerboard density", .15, argc, argv);
  for (uint64_t seed = 0; seed < run.n_seeds; seed++) run_seed(&run, seed, &r);
  tables_write(&run, "| | ours | true |\n|---|---|---|\n");
  tables_write(&run, "| held-out NLL, exact divergence, nats | %s | %.4f |\n", tables_text(&r.nll, text),
               truth);
  tables_write(&run, "| held-out NLL, Hutchinson with one probe | %s | |\n",
               tables_text(&r.rademacher, text));
  tables_write(&run, "| a row's log-density, Hutchinson against exact (root mean square) | %s | |\n",
               tables_text(&r.row_error, text));
  tables_write(&run, "| samples inside the cells, %% | %s | 100 |\n\n", tables_text(&r.inside, text));
  tables_accept_whole(&run, fabs(tables_mean(&r.nll) - truth) <= .15,
                      "NLL within .15 nats of the true one: off by %.3f", tables_mean(&r.nll) - truth);
  tables_accept_whole(&run, tables_mean(&r.inside) >= 95, "95 %% of the samples inside: %.2f %%",
                      tables_mean(&r.inside));
  return tables_end(&run);
}
