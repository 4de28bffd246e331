/* minibatch_ot_table.c - table 2 of Tong et al. (arXiv 2307.03672): independent pairs against those of
   minibatch optimal transport, Lipman's path and one reflow, from noise and from two moons to eight
   Gaussians. W2 to test rows, and the normalised path energy. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>

#define TRAIN_ROWS 10000u
#define BATCH 512u
#define STEPS 19500u
#define N_EULER 100u

enum { ICFM, OTCFM, LIPMAN, REFLOW, N_METHODS };
static const char *const method_names[N_METHODS] = {"I-CFM", "OT-CFM", "FM", "RF"};

typedef struct task {
  const char *name, *file;
  bool moons; /* the source; else N(0, 1) */
  double radius, deviation;
  const char *published_w2[N_METHODS], *published_npe[N_METHODS];
} task;

static const task tasks[] = {
    {"N->8g",
     "noise",
     false,
     5,
     .562,
     {".373 ± .103", ".303 ± .043", ".343 ± .058", ".421 ± .071"},
     {".202 ± .055", ".031 ± .027", ".190 ± .054", ".044 ± .031"}},
    {"moons->8g",
     "moons",
     true,
     12,
     1.5,
     {"1.557 ± .407", ".601 ± .027", "-", "1.525 ± .330"},
     {"2.680 ± .292", ".015 ± .010", "-", ".203 ± .090"}},
};
#define N_TASKS (sizeof tasks / sizeof tasks[0])

typedef struct rows_of_task {
  double *train0, *train1, *test0, *test1;
  size_t n_test;
  double w2_squared; /* of the test rows */
} rows_of_task;

typedef struct results {
  tables_values w2[N_METHODS], npe[N_METHODS], floor;
} results;

static void make_source(const task *t, tables_rng *rng, size_t n, double *x) {
  if (!t->moons) {
    tables_gaussian(rng, n, x);
    return;
  }
  double mean = 0, square = 0, *all = tables_alloc(2 * (size_t)TRAIN_ROWS, sizeof *all);
  tables_rng one = tables_rng_of(0, 99); /* one mean and deviation for all sets of the task */
  tables_moons(&one, .1, TRAIN_ROWS, all, NULL);
  for (size_t i = 0; i < 2 * (size_t)TRAIN_ROWS; i++) {
    mean += all[i] / (2. * TRAIN_ROWS);
    square += all[i] * all[i] / (2. * TRAIN_ROWS);
  }
  free(all);
  tables_moons(rng, .1, n, x, NULL);
  for (size_t i = 0; i < 2 * n; i++) x[i] = 7 * (x[i] - mean) / sqrt(square - mean * mean);
}

static rows_of_task make_rows(const tables_run *run, const task *t, uint64_t seed) {
  rows_of_task r = {.n_test = tables_rows(run, TABLES_TEST_ROWS)};
  tables_rng rng = tables_rng_of(seed, 1);
  double **blocks[4] = {&r.train0, &r.train1, &r.test0, &r.test1};
  for (size_t k = 0; k < 4; k++) {
    size_t n = k < 2 ? TRAIN_ROWS : r.n_test;
    *blocks[k] = tables_alloc(2 * n, sizeof **blocks[k]);
    if (k % 2)
      tables_ring(&rng, t->radius, t->deviation, n, *blocks[k]);
    else
      make_source(t, &rng, n, *blocks[k]);
  }
  r.w2_squared = tables_w2_squared(run, r.test0, r.test1, r.n_test);
  return r;
}

static void free_rows(rows_of_task *r) {
  free(r->train0);
  free(r->train1);
  free(r->test0);
  free(r->test1);
}

/* ---- one method -------------------------------------------------------------------------------------- */

static fm_model *train(const tables_run *run, const char *path, const task *t, const rows_of_task *r,
                       const double *x0, const double *x1, bool ot, uint64_t seed, const char *what) {
  tables_recipe recipe = tables_recipe_of(path, FM_ACT_SELU, 64, 4, BATCH, 1e-3, STEPS);
  fm_prior *prior = NULL;
  fm_data *data = NULL;
  recipe.optimizer.weight_decay = 1e-5;
  if (ot) {
    recipe.trainer.coupling = FM_COUPLING_OT;
    recipe.trainer.batch = tables_ot_rows(run, BATCH);
  }
  if (t->moons)
    TABLES_OK(run->ctx, fm_prior_create_shuffled_rows_f64(run->ctx, r->train0, TRAIN_ROWS, 2, &prior));
  recipe.prior = prior;
  TABLES_OK(run->ctx,
            fm_data_create_f64(run->ctx, x1, x0, NULL, NULL, NULL, TRAIN_ROWS, 2, 0, 0, NULL, &data));
  fm_model *model = tables_train(run, &recipe, data, seed, what);
  fm_data_destroy(data);
  fm_prior_destroy(prior);
  return model;
}

/* Two trainings: pairs by the first are those of the second. */
static fm_model *train_reflow(const tables_run *run, const task *t, const rows_of_task *r, uint64_t seed,
                              const char *what) {
  double *carried = tables_alloc(2 * (size_t)TRAIN_ROWS, sizeof *carried);
  fm_model *first = train(run, "condot", t, r, NULL, r->train1, false, seed, what);
  tables_carry(run, first, (tables_way){FM_SOLVER_EULER, N_EULER, 0}, NULL, r->train0, TRAIN_ROWS, carried,
               NULL, NULL);
  fm_model *second = train(run, "condot", t, r, r->train0, carried, false, seed + 1000, what);
  fm_model_destroy(first);
  free(carried);
  return second;
}

static void run_method(const tables_run *run, const task *t, const rows_of_task *r, int method, uint64_t seed,
                       results *out) {
  char what[64], file[64];
  double energy, *made = tables_alloc(2 * r->n_test, sizeof *made);
  fm_model *model;
  snprintf(what, sizeof what, "%s %s, seed %llu", t->name, method_names[method], (unsigned long long)seed);
  if (method == REFLOW)
    model = train_reflow(run, t, r, seed, what);
  else
    model = train(run, method == LIPMAN ? "target-ot:0.1" : "icfm:0.1", t, r, NULL, r->train1,
                  method == OTCFM, seed, what);
  tables_carry(run, model, (tables_way){FM_SOLVER_EULER, N_EULER, 0}, NULL, r->test0, r->n_test, made,
               &energy, NULL);
  double w2 = sqrt(tables_w2_squared(run, made, r->test1, r->n_test));
  double npe = fabs(energy - r->w2_squared) / r->w2_squared;
  tables_say(run, "%s: W2 %.3f (published %s), NPE %.3f (published %s)", what, w2, t->published_w2[method],
             npe, t->published_npe[method]);
  tables_add(&out->w2[method], w2);
  tables_add(&out->npe[method], npe);
  if (seed == 0) {
    snprintf(file, sizeof file, "%s_%s.safetensors", t->file, method_names[method]);
    tables_save_model(run, file, model);
  }
  free(made);
  fm_model_destroy(model);
}

/* ---- the table --------------------------------------------------------------------------------------- */

static void run_task(const tables_run *run, const task *t, results *out) {
  for (uint64_t seed = 0; seed < run->n_seeds; seed++) {
    rows_of_task r = make_rows(run, t, seed);
    double *other = tables_alloc(2 * r.n_test, sizeof *other);
    tables_rng rng = tables_rng_of(seed, 2);
    tables_ring(&rng, t->radius, t->deviation, r.n_test, other);
    tables_add(&out->floor, sqrt(tables_w2_squared(run, other, r.test1, r.n_test)));
    for (int method = 0; method < N_METHODS; method++)
      if (method != LIPMAN || !t->moons) run_method(run, t, &r, method, seed, out);
    if (seed == 0) tables_save_rows(run, t->moons ? "moons_ring.csv" : "noise_ring.csv", r.test1, 300);
    free(other);
    free_rows(&r);
  }
}

static void report(tables_run *run, const results r[N_TASKS]) {
  char a[48], b[48];
  tables_write(run, "\n| task | method | W2 | published | NPE | published |\n|---|---|---|---|---|---|\n");
  for (size_t k = 0; k < N_TASKS; k++) {
    for (int m = 0; m < N_METHODS; m++)
      if (r[k].w2[m].n > 0)
        tables_write(run, "| %s | %s | %s | %s | %s | %s |\n", tasks[k].name, method_names[m],
                     tables_text(&r[k].w2[m], a), run->quick ? "(n = 10000)" : tasks[k].published_w2[m],
                     tables_text(&r[k].npe[m], b), tasks[k].published_npe[m]);
    tables_write(run, "| %s | two true sets (the floor of W2) | %s | | | |\n", tasks[k].name,
                 tables_text(&r[k].floor, a));
  }
  tables_write(run, "\n");
  for (size_t k = 0; k < N_TASKS; k++) {
    double ot = tables_mean(&r[k].npe[OTCFM]), independent = tables_mean(&r[k].npe[ICFM]);
    tables_accept(run, ot <= independent / 5,
                  "%s: NPE of OT-CFM at most a fifth of I-CFM's: %.3f of %.3f is %.3f", tasks[k].name, ot,
                  independent, ot / independent);
  }
}

int main(int argc, char **argv) {
  tables_run run;
  results r[N_TASKS] = {{.floor = {.n = 0}}};
  tables_begin(&run, "minibatch_ot", "1. Minibatch OT", .25, argc, argv);
  for (size_t k = 0; k < N_TASKS; k++) run_task(&run, &tasks[k], &r[k]);
  report(&run, r);
  return tables_end(&run);
}
