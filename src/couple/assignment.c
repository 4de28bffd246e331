/* assignment.c - the exact assignment of least total cost by shortest augmenting paths (Jonker & Volgenant,
   "A shortest augmenting path algorithm for dense and sparse linear assignment problems", Computing 38, 1987;
   Crouse, "On implementing 2D rectangular assignment algorithms", IEEE TAES 52, 2016). The duals start at the
   columns' least costs, which assigns about half of the rows; every other row is brought in along a shortest
   path (Dijkstra) in reduced costs. Where most columns are least in the same few rows, as those of tight
   clusters are, paths would be long: then the duals start from those of one row and column in two. */
#include "couple/couple.h"

#include <math.h>

#define NOBODY UINT32_MAX
#define LEAST_SAMPLED 128u /* rows; fewer are quicker without a sample */

extern const fmi_coupling_kind fmi_coupling_assignment;

/* A problem, and in the handle where duals and partners go. */
typedef struct problem {
  fm_coupling *c;
  const fmi_batch_pair *batch;
  const double *cost; /* [n][n] */
  size_t n;
  double *sample; /* where the costs of half the problem go, and of half of that */
} problem;

/* g_j = min_i cost_ij - f_i; the first row where that is, if it is free, has the column. Returns how many rows
   have one. Reduced costs of assigned pairs are then 0 and no other is negative, for any f. */
static size_t reduce_columns(const problem *p) {
  fm_coupling *c = p->c;
  const size_t n = p->n;
  size_t n_assigned = 0;
  for (size_t j = 0; j < n; j++) c->g[j] = (double)INFINITY;
  for (size_t i = 0; i < n; i++) {
    const double *cost = p->cost + i * n, f = c->f[i];
    for (size_t j = 0; j < n; j++) {
      const double left = cost[j] - f;
      const bool less = left < c->g[j];
      c->from[j] = less ? (int64_t)i : c->from[j];
      c->g[j] = less ? left : c->g[j];
    }
  }
  for (size_t i = 0; i < n; i++) c->column_of[i] = NOBODY;
  for (size_t j = 0; j < n; j++) {
    const size_t i = (size_t)c->from[j];
    const bool is_free = c->column_of[i] == NOBODY;
    c->row_of[j] = is_free ? (uint32_t)i : NOBODY;
    if (is_free) c->column_of[i] = (uint32_t)j;
    n_assigned += is_free;
  }
  return n_assigned;
}

/* Brings the row in: Dijkstra's algorithm over columns from it to the nearest one without a row. A column
   that was reached for good is closed in `open`, a copy of g, by -inf. */
static void augment(const problem *p, size_t row) {
  fm_coupling *c = p->c;
  const size_t n = p->n;
  size_t i = row, j, n_scanned = 0;
  double shift = 0, least;
  memcpy(c->open, c->g, n * sizeof *c->open);
  for (size_t k = 0; k < n; k++) c->distance[k] = (double)INFINITY;
  for (;;) {
    j = p->batch->kernels->relax(c->distance, c->from, p->cost + i * n, c->open, shift, (int64_t)i, n,
                                 &least);
    if (c->row_of[j] == NOBODY) break;
    c->scanned[n_scanned] = (uint32_t)j;
    c->at[n_scanned++] = least;
    i = c->row_of[j];
    shift = p->cost[i * n + j] - c->g[j] - least;
    c->distance[j] = (double)INFINITY;
    c->open[j] = -(double)INFINITY;
  }
  for (size_t k = 0; k < n_scanned; k++) c->g[c->scanned[k]] += c->at[k] - least;
  for (;;) {
    const size_t came = (size_t)c->from[j];
    const uint32_t left = c->column_of[came];
    c->row_of[j] = (uint32_t)came;
    c->column_of[came] = (uint32_t)j;
    if (came == row) return;
    j = left;
  }
}

static fm_status solve(const problem *p, fmi_error *err);

/* Row or column i of the sample: one of each two, not always the first, which may be of another sort. */
static size_t sampled(size_t i) { return 2 * i + ((uint32_t)i * 0x9e3779b9u >> 31); }

/* f of all rows from those of half of them: g_j = min_i cost_ij - f_i over the sample's rows, f_i = min_j
   cost_ij - g_j. */
static fm_status start_from_sample(const problem *p, fmi_error *err) {
  fm_coupling *c = p->c;
  const size_t n = p->n, m = n / 2;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) p->sample[i * m + j] = p->cost[sampled(i) * n + sampled(j)];
  FMI_TRY(solve(&(problem){c, p->batch, p->sample, m, p->sample + m * m}, err));
  for (size_t j = 0; j < n; j++) c->g[j] = (double)INFINITY;
  for (size_t i = 0; i < m; i++) {
    const double *cost = p->cost + sampled(i) * n, f = c->f[i];
    for (size_t j = 0; j < n; j++) c->g[j] = cost[j] - f < c->g[j] ? cost[j] - f : c->g[j];
  }
  for (size_t i = 0; i < n; i++) {
    const double *cost = p->cost + i * n;
    double least[8];
    for (size_t l = 0; l < 8; l++) least[l] = (double)INFINITY;
    for (size_t j = 0; j + 8 <= n; j += 8)
      for (size_t l = 0; l < 8; l++)
        least[l] = cost[j + l] - c->g[j + l] < least[l] ? cost[j + l] - c->g[j + l] : least[l];
    for (size_t l = 1; l < 8; l++) least[0] = least[l] < least[0] ? least[l] : least[0];
    c->f[i] = least[0]; /* without the last columns of an odd n: any f is a start */
  }
  return FM_OK;
}

/* row_of and column_of of the least total cost, and the duals f and g with f_i + g_j <= cost_ij, and = where row i
   has column j. */
static fm_status solve(const problem *p, fmi_error *err) {
  fm_coupling *c = p->c;
  memset(c->f, 0, p->n * sizeof *c->f);
  if (reduce_columns(p) < p->n / 4 && p->n >= LEAST_SAMPLED) {
    FMI_TRY(start_from_sample(p, err));
    reduce_columns(p);
  }
  for (size_t i = 0; i < p->n; i++) {
    if (c->column_of[i] != NOBODY) continue;
    FMI_TRY(fmi_coupling_go_on(p->batch, err));
    augment(p, i);
  }
  for (size_t i = 0; i < p->n; i++) c->f[i] = p->cost[i * p->n + c->column_of[i]] - c->g[c->column_of[i]];
  return FM_OK;
}

size_t fmi_coupling_sample_count(size_t n) {
  size_t count = 0;
  for (; n >= LEAST_SAMPLED; n /= 2) count = fmi_add_size(count, fmi_mul_size(n / 2, n / 2));
  return count;
}

static fm_status pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  const size_t n = batch->n;
  double sum = 0;
  FMI_TRY(solve(&(problem){c, batch, c->cost, n, c->sample}, err));
  for (size_t j = 0; j < n; j++) {
    c->x0_index[j] = c->row_of[j];
    c->x1_index[j] = j;
    sum += c->cost[c->row_of[j] * n + j];
  }
  c->stats.cost = sum / (double)n;
  return FM_OK;
}

const fmi_coupling_kind fmi_coupling_assignment = {
    .kind = FM_COUPLING_OT,
    .name = "ot",
    .costs = true,
    .pair = pair,
};
