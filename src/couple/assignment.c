/* assignment.c - the exact assignment of least total cost by shortest augmenting paths (Jonker & Volgenant,
   "A shortest augmenting path algorithm for dense and sparse linear assignment problems", Computing 38, 1987;
   Crouse, "On implementing 2D rectangular assignment algorithms", IEEE TAES 52, 2016). The duals start at the
   columns' least costs, which assigns about half of the rows; every other row is brought in along a shortest
   path (Dijkstra) in reduced costs. */
#include "couple/couple.h"

#include <math.h>

#define NOBODY UINT32_MAX

extern const fmi_coupling_kind fmi_coupling_assignment;

/* g_j = min_i cost_ij; the first row where that is, if it is free, has the column. */
static void reduce_columns(fm_coupling *c, size_t n) {
  for (size_t j = 0; j < n; j++) {
    c->g[j] = c->cost[j];
    c->from[j] = 0;
  }
  for (size_t i = 1; i < n; i++) {
    const double *cost = c->cost + i * n;
    for (size_t j = 0; j < n; j++) {
      const bool less = cost[j] < c->g[j];
      c->from[j] = less ? (int64_t)i : c->from[j];
      c->g[j] = less ? cost[j] : c->g[j];
    }
  }
  for (size_t i = 0; i < n; i++) c->column_of[i] = NOBODY;
  for (size_t j = 0; j < n; j++) {
    const size_t i = (size_t)c->from[j];
    const bool is_free = c->column_of[i] == NOBODY;
    c->row_of[j] = is_free ? (uint32_t)i : NOBODY;
    if (is_free) c->column_of[i] = (uint32_t)j;
  }
}

/* Brings the row in: Dijkstra's algorithm over columns from it to the nearest one without a row. A column
   that was reached for good is closed in `open`, a copy of g, by -inf. */
static void augment(fm_coupling *c, const fmi_kernels *kernels, size_t row, size_t n) {
  size_t i = row, j, n_scanned = 0;
  double shift = 0, least;
  memcpy(c->open, c->g, n * sizeof *c->open);
  for (size_t k = 0; k < n; k++) c->distance[k] = (double)INFINITY;
  for (;;) {
    j = kernels->relax(c->distance, c->from, c->cost + i * n, c->open, shift, (int64_t)i, n, &least);
    if (c->row_of[j] == NOBODY) break;
    c->scanned[n_scanned] = (uint32_t)j;
    c->at[n_scanned++] = least;
    i = c->row_of[j];
    shift = c->cost[i * n + j] - c->g[j] - least;
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

void fmi_coupling_assign(fm_coupling *c, const fmi_kernels *kernels, size_t n) {
  reduce_columns(c, n);
  for (size_t i = 0; i < n; i++)
    if (c->column_of[i] == NOBODY) augment(c, kernels, i, n);
  for (size_t i = 0; i < n; i++) c->f[i] = c->cost[i * n + c->column_of[i]] - c->g[c->column_of[i]];
}

static fm_status pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  (void)err;
  const size_t n = batch->n;
  double sum = 0;
  fmi_coupling_assign(c, batch->kernels, n);
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
