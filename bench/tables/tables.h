/* tables.h - what the programs share that repeat the field's published results on two-dimensional data: a run
   with its seeds and its report, data sets, training by a recipe, and metrics. A failing call ends the
   program. */
#ifndef TABLES_H
#define TABLES_H

#include "flowmatch_eval.h"
#include "flowmatch_parts.h"

#include <stdbool.h>
#include <stdio.h>

#define TABLES_MOST_SEEDS 16u
#define TABLES_TEST_ROWS 10000u /* the papers' n: W2 depends on it */

#if defined(__GNUC__)
#define TABLES_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define TABLES_PRINTF(text, first)
#endif

/* ---- a run --------------------------------------------------------------------------------------- */

/* One program's run: NAME --out DIR [--quick] [--seeds N] [--share S]. */
typedef struct tables_run {
  fm_ctx *ctx;
  const char *name, *folder; /* DIR/NAME.md is the report */
  FILE *report;
  bool quick;     /* OT within 256 rows, two seeds, fewer steps and test rows */
  size_t n_seeds; /* set by --seeds, else 5 or, quick, 2 */
  double share;   /* of the recipe's steps: 1 unless bounded or set by --share */
  size_t n_missed;
  double began;
} tables_run;

/* quick_share: of the recipe's steps that a bounded run takes. */
void tables_begin(tables_run *run, const char *name, const char *title, double quick_share, int argc,
                  char **argv);
int tables_end(tables_run *run); /* the exit code: 1 if something was missed */

/* How many of a recipe's steps or a paper's rows this run takes. */
uint64_t tables_steps(const tables_run *run, uint64_t recipe);
size_t tables_rows(const tables_run *run, size_t recipe);
size_t tables_ot_rows(const tables_run *run, size_t recipe);

/* Progress, on standard output; a piece of the report, there and in the file; a line of acceptance, there
   too. */
void tables_say(const tables_run *run, const char *format, ...) TABLES_PRINTF(2, 3);
void tables_write(const tables_run *run, const char *format, ...) TABLES_PRINTF(2, 3);
void tables_accept(tables_run *run, bool holds, const char *format, ...) TABLES_PRINTF(3, 4);
/* The same for what a bounded run can't be expected to reach: there it is told, not judged. */
void tables_accept_whole(tables_run *run, bool holds, const char *format, ...) TABLES_PRINTF(3, 4);
/* DIR/FILE, valid until the next call. */
const char *tables_path(const tables_run *run, const char *file);
/* Rows [n][2] as a table that flowmatch plot reads, and a model for it. */
void tables_save_rows(const tables_run *run, const char *file, const double *x, size_t n);
void tables_save_model(const tables_run *run, const char *file, const fm_model *model);

/* ---- statistics over seeds ------------------------------------------------------------------------- */

typedef struct tables_values {
  double value[TABLES_MOST_SEEDS];
  size_t n;
} tables_values;

void tables_add(tables_values *values, double value);
double tables_mean(const tables_values *values);
double tables_deviation(const tables_values *values); /* of the sample; 0 for one value */
/* "0.303 ± 0.043"; without the deviation for one value, "-" for none. */
const char *tables_text(const tables_values *values, char text[48]);

/* ---- memory and calls ------------------------------------------------------------------------------ */

void *tables_alloc(size_t count, size_t size); /* zeroed */
double tables_seconds(void);
void tables_check(fm_ctx *ctx, fm_status status, const char *call);
#define TABLES_OK(ctx, call) tables_check(ctx, call, #call)

/* ---- data sets: rows [n][2] ------------------------------------------------------------------------ */

/* A reproducible source of numbers (splitmix64; Steele, Lea & Flood 2014). */
typedef struct tables_rng {
  uint64_t state;
} tables_rng;

tables_rng tables_rng_of(uint64_t seed, uint64_t stream);
double tables_uniform(tables_rng *rng); /* (0, 1) */
double tables_normal(tables_rng *rng);
size_t tables_below(tables_rng *rng, size_t n); /* 0 .. n - 1 */

void tables_gaussian(tables_rng *rng, size_t n, double *x); /* N(0, 1) */
/* Eight Gaussians of the deviation on a ring of the radius. */
void tables_ring(tables_rng *rng, double radius, double deviation, size_t n, double *x);
/* Two moons as scikit-learn has them; noise: normal, of the deviation. labels [n] or NULL: 0 the upper moon.
   */
void tables_moons(tables_rng *rng, double noise, size_t n, double *x, int32_t *labels);
/* Eight of the sixteen unit cells of [-2, 2]^2, divided by .45. */
void tables_checkerboard(tables_rng *rng, size_t n, double *x);
bool tables_on_checkerboard(const double x[2]);
/* Two Gaussians of the deviation at (column, ±height), by turns: equal numbers, or W2 would tell of little
   but how many more rows of one set are above than of the other. */
void tables_pair(tables_rng *rng, double column, double height, double deviation, size_t n, double *x);
/* The prior of the ring: a mixture, so that a model with it can be saved. */
fm_prior *tables_ring_prior(fm_ctx *ctx, double radius, double deviation);

/* ---- training and sampling ------------------------------------------------------------------------- */

typedef struct tables_recipe {
  const char *path; /* as fm_path_create_named has it */
  const fm_prior *prior;
  const uint32_t *n_classes; /* of one class column, or NULL */
  fm_net_options net;
  fm_optimizer_options optimizer; /* n_steps: of the paper; shortened by the run */
  fm_trainer_options trainer;
} tables_recipe;

/* MLP, batch, AdamW with the rate, constant, without clipping and warm-up; t itself is the net's input. */
tables_recipe tables_recipe_of(const char *path, uint32_t activation, uint32_t width, uint32_t layers,
                               uint64_t batch, double rate, uint64_t n_steps);
/* Trains and says how it goes. The model's weights are their moving average. */
fm_model *tables_train(const tables_run *run, const tables_recipe *recipe, const fm_data *data, uint64_t seed,
                       const char *what);

/* How rows go through a model. */
typedef struct tables_way {
  uint32_t method;
  uint32_t n_steps; /* 0: adaptive, to `tolerance` */
  double tolerance;
} tables_way;

/* Rows x [n][2] from t = 0 to 1, into out [n][2]. energy, unless NULL, becomes E int ||v||^2 dt by the
   rectangle rule, for Euler's steps; nfe the most evaluations of a row. */
void tables_carry(const tables_run *run, const fm_model *model, tables_way way, const int32_t *labels,
                  const double *x, size_t n, double *out, double *energy, uint64_t *nfe);

/* ---- metrics --------------------------------------------------------------------------------------- */

/* The squared W2 distance of two sets of n rows, exact. */
double tables_w2_squared(const tables_run *run, const double *a, const double *b, size_t n);
/* E ||a - b||^2 of rows in their order. */
double tables_mean_square(const double *a, const double *b, size_t n);

#endif
