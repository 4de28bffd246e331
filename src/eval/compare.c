/* compare.c - the list of metrics, and a metric beside what it gives between true rows. */
#include "eval/eval.h"

#include "core/rng.h"

#include <math.h>

static const fmi_metric *const metrics[] = {
#define FMI_METRIC(x) &fmi_metric_##x,
#include "eval/metric_list.def"
#undef FMI_METRIC
};

const fmi_metric *fmi_metric_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(metrics); i++)
    if (metrics[i]->kind == kind) return metrics[i];
  return NULL;
}

/* ---- the floor --------------------------------------------------------------------------------------- */

/* True rows: those of y, then the spare ones. */
typedef struct true_rows {
  const fmi_two *two;
  const double *spare;
  size_t n, a, b; /* rows in all, and of the sets in the places of x and y */
} true_rows;

/* How many rows the two sets have: n and m, or shares of what there is. */
static true_rows share(const fmi_two *two, const double *spare, size_t n_spare) {
  true_rows t = {.two = two, .spare = spare, .n = two->m + n_spare, .a = two->n, .b = two->m};
  if (t.n < two->n + two->m) {
    const double fits = (double)t.n / ((double)two->n + (double)two->m);
    t.a = (size_t)(fits * (double)two->n);
    t.b = (size_t)(fits * (double)two->m);
  }
  return t;
}

/* The rows of one draw: a permutation's first a + b. */
static void take(const true_rows *t, uint64_t draw, double *rows) {
  const fmi_two *two = t->two;
  const size_t dim = two->dim;
  for (size_t i = 0; i < t->a + t->b; i++) {
    const size_t j = (size_t)fmi_rng_shuffled(two->options->seed ^ FMI_EVAL_SEED, draw, t->n, i);
    const double *from = j < two->m ? two->y + j * dim : t->spare + (j - two->m) * dim;
    memcpy(rows + i * dim, from, dim * sizeof *rows);
  }
}

static fm_status find_floor(const fmi_metric *metric, const true_rows *t, fm_eval_result *result,
                            fmi_error *err) {
  const fmi_two *two = t->two;
  const size_t dim = two->dim;
  double *rows = fmi_alloc(two->rt->memory, fmi_mul_size(t->a + t->b, dim), sizeof *rows, err);
  if (rows == NULL) return FM_E_NOMEM;
  fmi_two sets = *two;
  sets.x = rows, sets.n = t->a;
  sets.y = rows + t->a * dim, sets.m = t->b;
  fm_status status = FM_OK;
  double mean = 0, m2 = 0;
  const uint64_t draws = (uint64_t)two->options->floor_draws;
  for (uint64_t draw = 0; draw < draws && status == FM_OK; draw++) {
    double value = 0;
    take(t, draw, rows);
    status = metric->measure(&sets, &value, err);
    const double off = value - mean; /* Welford, Technometrics 4, 1962 */
    mean += off / (double)(draw + 1);
    m2 += off * (value - mean);
  }
  fmi_free(two->rt->memory, rows);
  result->floor_draws = draws;
  result->floor_n = t->a, result->floor_m = t->b;
  result->floor_mean = mean;
  result->floor_deviation = draws > 1 ? sqrt(m2 / (double)(draws - 1)) : 0;
  return status;
}

/* ---- a metric and its floor -------------------------------------------------------------------------- */

static fm_status check_value(const fmi_metric *metric, double value, fmi_error *err) {
  return isfinite(value) ? FM_OK
                         : fmi_fail(err, FM_E_NONFINITE, "metric: %s came to %g", metric->name, value);
}

fm_status fmi_compare(const fmi_metric *metric, const fmi_two *two, const double *spare, size_t n_spare,
                      fm_eval_result *result, fmi_error *err) {
  const true_rows t = share(two, spare, n_spare);
  FMI_TRY(metric->measure(two, &result->value, err));
  FMI_TRY(check_value(metric, result->value, err));
  if (two->options->floor_draws <= 0 || t.a < metric->least || t.b < metric->least) return FM_OK;
  FMI_TRY(find_floor(metric, &t, result, err));
  return check_value(metric, result->floor_mean, err);
}
