/* cost.c - the cost of every pair. Squared distances are sums of squared differences, not ||a||^2 + ||b||^2 -
   2 a.b: for rows far from zero that would lose what tells them apart, and with it the assignment. */
#include "couple/couple.h"

#include <float.h>
#include <math.h>

#define SHARED_WORK 1e6 /* differences; below, threads take longer to wake than the work does */

typedef struct cost_job {
  fm_coupling *c;
  const fmi_batch_pair *batch;
  size_t n_shares;
} cost_job;

static double condition_cost(const fm_coupling *c, const fmi_batch_pair *b, size_t i, size_t j) {
  const size_t k = c->n_class_columns, m = c->cond_dim;
  double cost = 0, apart = 0;
  if (b->labels != NULL && c->options.class_weight > 0)
    for (size_t l = 0; l < k; l++)
      if (b->labels[i * k + l] != b->labels[j * k + l]) cost += c->options.class_weight;
  if (b->cond == NULL || c->options.condition_weight == 0) return cost;
  for (size_t l = 0; l < m; l++) {
    const double d = b->cond[i * m + l] - b->cond[j * m + l];
    apart += d * d;
  }
  return cost + c->options.condition_weight * apart;
}

/* Sum and least of the rows' cost, then the conditions' is added. */
static void finish_row(fm_coupling *c, const fmi_batch_pair *b, size_t i) {
  double *cost = c->cost + i * b->n, sum = 0, least = (double)INFINITY;
  for (size_t j = 0; j < b->n; j++) {
    sum += cost[j] / (double)b->n;
    least = cost[j] < least ? cost[j] : least;
  }
  c->row_sum[i] = sum;
  c->row_least[i] = least;
  if (b->labels != NULL || b->cond != NULL)
    for (size_t j = 0; j < b->n; j++) cost[j] += condition_cost(c, b, i, j);
}

/* A share of rows: rows don't depend on each other, so bits don't depend on shares. */
static void share_task(void *arg, size_t share) {
  const cost_job *job = arg;
  fm_coupling *c = job->c;
  const fmi_batch_pair *b = job->batch;
  const size_t first = b->n * share / job->n_shares, end = b->n * (share + 1) / job->n_shares;
  if (c->options.cost == NULL)
    b->kernels->squared_distances(c->cost + first * b->n, b->x0 + first * c->dim, end - first, c->columns,
                                  b->n, c->dim);
  for (size_t i = first; i < end; i++) finish_row(c, b, i);
}

static void turn(const fm_coupling *c, const fmi_batch_pair *b) {
  for (size_t j = 0; j < b->n; j++)
    for (size_t k = 0; k < c->dim; k++) c->columns[k * b->n + j] = b->x1[j * c->dim + k];
}

static fm_status ask(fm_coupling *c, const fmi_batch_pair *b, fmi_error *err) {
  const fm_cost_request r = {
      .struct_size = sizeof r, .n = b->n, .dim = c->dim, .x0 = b->x0, .x1 = b->x1, .cost = c->cost};
  const int32_t answer = c->options.cost(c->options.cost_user, &r);
  return answer == 0 ? FM_OK
                     : fmi_fail(err, FM_E_CALLBACK, "cost: the caller's function returned %d", (int)answer);
}

static fm_status check(const fm_coupling *c, size_t n, fmi_error *err) {
  for (size_t i = 0; i < n * n; i++)
    if (!(fabs(c->cost[i]) <= DBL_MAX / 1e10)) /* sums of paths stay finite */
      return fmi_fail(err, FM_E_NONFINITE,
                      "cost: expected numbers within 1e298, found %g of x0 row %zu and x1 row %zu",
                      c->cost[i], i / n, i % n);
  return FM_OK;
}

fm_status fmi_coupling_costs(fm_coupling *c, const fmi_batch_pair *b, fmi_error *err) {
  const size_t n = b->n;
  const double work = (double)n * (double)n * (double)(c->dim + c->n_class_columns + c->cond_dim);
  const size_t width = fmi_pool_width(b->pool);
  cost_job job = {c, b, work < SHARED_WORK ? 1 : fmi_min(width, n)};
  if (c->options.cost != NULL)
    FMI_TRY(ask(c, b, err));
  else
    turn(c, b);
  FMI_TRY(fmi_pool_run(b->pool, job.n_shares, share_task, &job, err));
  FMI_TRY(check(c, n, err));
  double mean = 0, least = (double)INFINITY;
  for (size_t i = 0; i < n; i++) {
    mean += c->row_sum[i] / (double)n;
    least = c->row_least[i] < least ? c->row_least[i] : least;
  }
  c->scale = mean > least ? mean - least : 1;
  return FM_OK;
}
