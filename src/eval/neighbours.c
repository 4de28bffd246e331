/* neighbours.c - supports by nearest neighbours: precision and recall (Kynkaanniemi et al., "Improved
   precision and recall metric for assessing generative models", NeurIPS 2019, eq. 1-2), density and
   coverage (Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020).
   Radii and distances are compared as squares, both from the same sums. */
#include "eval/eval.h"

#include <math.h>

/* ---- radii ------------------------------------------------------------------------------------------- */

typedef struct nearest {
  size_t k;
  double *of; /* [n][k], rising */
} nearest;

static void insert_row(void *arg, size_t i, size_t first, size_t count, const double *squares) {
  const nearest *near = arg;
  const size_t k = near->k;
  double *list = near->of + i * k;
  for (size_t j = 0; j < count; j++) {
    if (!(squares[j] < list[k - 1]) || first + j == i) continue;
    size_t at = k - 1;
    for (; at > 0 && list[at - 1] > squares[j]; at--) list[at] = list[at - 1];
    list[at] = squares[j];
  }
}

/* radius [n]: squared distances of x's rows to their k-th nearest neighbour in x. */
static fm_status find_radii(const fmi_two *two, const double *x, size_t n, double *radius, fmi_error *err) {
  const size_t k = (size_t)two->options->n_neighbours;
  nearest near = {k, fmi_alloc(two->rt->memory, fmi_mul_size(n, k), sizeof *near.of, err)};
  if (near.of == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < n * k; i++) near.of[i] = (double)INFINITY;
  const fmi_two within = {.rt = two->rt, .x = x, .y = x, .n = n, .m = n, .dim = two->dim};
  const fm_status status = fmi_pairs_scan(&within, false, insert_row, &near, err);
  for (size_t i = 0; i < n && status == FM_OK; i++) radius[i] = near.of[i * k + k - 1];
  fmi_free(two->rt->memory, near.of);
  return status;
}

/* ---- rows in balls ----------------------------------------------------------------------------------- */

typedef struct balls {
  const double *radius; /* [m] of the columns' balls, or [n] of the rows' */
  double *count;        /* [n]: of row i, the balls that it is in, or the rows that its ball holds */
} balls;

static void in_columns_balls(void *arg, size_t i, size_t first, size_t count, const double *squares) {
  const balls *b = arg;
  size_t inside = 0;
  for (size_t j = 0; j < count; j++) inside += squares[j] <= b->radius[first + j];
  b->count[i] += (double)inside;
}

static void in_rows_ball(void *arg, size_t i, size_t first, size_t count, const double *squares) {
  const balls *b = arg;
  size_t inside = 0;
  (void)first;
  for (size_t j = 0; j < count; j++) inside += squares[j] <= b->radius[i];
  b->count[i] += (double)inside;
}

/* Rows against centres: with own_balls rows are the centres, whose balls are asked what they hold of the
   others; else rows are asked which balls of centres they are in. The mean count over rows, or the share
   above 0. */
static fm_status count_balls(const fmi_two *two, bool own_balls, bool share, double *value, fmi_error *err) {
  const size_t n = two->n, n_balls = own_balls ? n : two->m;
  double *radius = fmi_alloc(two->rt->memory, fmi_add_size(n_balls, n), sizeof *radius, err);
  if (radius == NULL) return FM_E_NOMEM;
  balls b = {radius, radius + n_balls};
  fm_status status = find_radii(two, own_balls ? two->x : two->y, n_balls, radius, err);
  if (status == FM_OK)
    status = fmi_pairs_scan(two, false, own_balls ? in_rows_ball : in_columns_balls, &b, err);
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += share ? b.count[i] > 0 : b.count[i];
  *value = sum / (double)n;
  fmi_free(two->rt->memory, radius);
  return status;
}

static fmi_two swapped(const fmi_two *two) {
  fmi_two other = *two;
  other.x = two->y, other.n = two->m;
  other.y = two->x, other.m = two->n;
  return other;
}

/* ---- metrics ----------------------------------------------------------------------------------------- */

static fm_status precision(const fmi_two *two, double *value, fmi_error *err) {
  return count_balls(two, false, true, value, err);
}

static fm_status recall(const fmi_two *two, double *value, fmi_error *err) {
  const fmi_two other = swapped(two);
  return count_balls(&other, false, true, value, err);
}

static fm_status density(const fmi_two *two, double *value, fmi_error *err) {
  FMI_TRY(count_balls(two, false, false, value, err));
  *value /= (double)two->options->n_neighbours;
  return FM_OK;
}

static fm_status coverage(const fmi_two *two, double *value, fmi_error *err) {
  const fmi_two other = swapped(two);
  return count_balls(&other, true, true, value, err);
}

const fmi_metric fmi_metric_precision = {
    .kind = FM_METRIC_PRECISION, .name = "precision", .n_neighbours = 3, .measure = precision};
const fmi_metric fmi_metric_recall = {
    .kind = FM_METRIC_RECALL, .name = "recall", .n_neighbours = 3, .measure = recall};
const fmi_metric fmi_metric_density = {
    .kind = FM_METRIC_DENSITY, .name = "density", .n_neighbours = 5, .measure = density};
const fmi_metric fmi_metric_coverage = {
    .kind = FM_METRIC_COVERAGE, .name = "coverage", .n_neighbours = 5, .measure = coverage};
