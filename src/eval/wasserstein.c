/* wasserstein.c - exact Wasserstein distances of two sets of n rows: the assignment of least total cost, by the
   shortest augmenting paths of the couplings (Villani, "Optimal Transport", 2009, definition 6.1). */
#include "eval/eval.h"

#include "couple/couple.h"

#include <math.h>

/* Distances from the squared ones, as the coupling asks for its costs. */
typedef struct cost_job {
  fmi_two two;
  double *cost; /* [n][n] */
  fm_status status;
  fmi_error *err;
} cost_job;

static void put_row(void *arg, size_t i, size_t first, size_t count, const double *squares) {
  const cost_job *job = arg;
  double *cost = job->cost + i * job->two.m + first;
  for (size_t j = 0; j < count; j++) cost[j] = sqrt(squares[j]);
}

static int32_t distances(void *user, const fm_cost_request *request) {
  cost_job *job = user;
  job->cost = request->cost;
  job->status = fmi_pairs_scan(&job->two, false, put_row, job, job->err);
  return job->status == FM_OK ? 0 : 1;
}

fm_status fmi_least_transport(const fmi_runtime *rt, const double *x, const double *y, size_t n, size_t dim,
                              uint32_t power, double *mean, fmi_error *err) {
  fmi_error own = {.status = FM_OK};
  cost_job job = {.two = {.rt = rt, .x = x, .y = y, .n = n, .m = n, .dim = dim}, .err = &own};
  fm_coupling_options options = {.struct_size = sizeof options, .kind = FM_COUPLING_OT};
  if (power == 1) {
    options.cost = distances;
    options.cost_user = &job;
  }
  fm_coupling *c = fmi_coupling_new(rt->memory, n, dim, 0, 0, &options, false, "", err);
  if (c == NULL) return FM_E_NOMEM;
  const fmi_batch_pair batch = {
      .kernels = rt->kernels, .pool = rt->pool, .stop = rt->stop, .n = n, .x0 = x, .x1 = y};
  fm_status status = fmi_coupling_pair(c, &batch, err);
  if (job.status != FM_OK) status = fmi_fail(err, job.status, "%s", own.text);
  if (status == FM_OK) *mean = c->stats.cost;
  fmi_release(c);
  return status;
}

static fm_status w1(const fmi_two *two, double *value, fmi_error *err) {
  return fmi_least_transport(two->rt, two->x, two->y, two->n, two->dim, 1, value, err);
}

static fm_status w2(const fmi_two *two, double *value, fmi_error *err) {
  double mean;
  FMI_TRY(fmi_least_transport(two->rt, two->x, two->y, two->n, two->dim, 2, &mean, err));
  *value = sqrt(mean);
  return FM_OK;
}

const fmi_metric fmi_metric_w1 = {FM_METRIC_W1, "W1", 1, true, w1};
const fmi_metric fmi_metric_w2 = {FM_METRIC_W2, "W2", 1, true, w2};
