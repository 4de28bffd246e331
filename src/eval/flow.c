/* flow.c - energies of the paths that a sampler takes. Over a step the mean velocity is the states' difference by
   the step's length; with it path energy less displacement is never negative. */
#include "eval/eval.h"

#include <math.h>

/* What is kept of every row on its way, in weighed columns. */
typedef struct rows_on_way {
  const double *weight; /* [dim] */
  double *start, *last; /* [n][dim] */
  double *t, *energy;   /* [n] */
} rows_on_way;

static int32_t step(void *user, const fm_trajectory *now) {
  const rows_on_way *r = user;
  const size_t dim = (size_t)now->dim;
  for (size_t i = 0; i < now->n; i++) {
    const size_t row = (size_t)now->first_row + i;
    const double *x = now->x + i * dim, span = now->t[i] - r->t[row];
    double *start = r->start + row * dim, *last = r->last + row * dim, squares = 0;
    for (size_t k = 0; k < dim; k++) {
      const double z = r->weight[k] * x[k], d = z - last[k];
      if (now->step == 0) start[k] = z;
      squares += d * d;
      last[k] = z;
    }
    if (now->step > 0 && span > 0) r->energy[row] += squares / span;
    r->t[row] = now->t[i];
  }
  return 0;
}

static double distance_squared(const double *x, const double *y, size_t n) {
  double sum = 0;
  for (size_t k = 0; k < n; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
  return sum;
}

/* Of the source's rows and x1, which `ends` [n][dim] has room for. */
static fm_status find_npe(const fmi_flow_job *job, const rows_on_way *rows, double *ends,
                          fm_eval_flow_result *result, fmi_error *err) {
  const fm_model *model = job->sampler->model;
  const size_t dim = model->net->dim;
  fmi_normalise(model->normaliser, job->x1, job->n, ends);
  for (size_t i = 0; i < job->n * dim; i++) ends[i] *= rows->weight[i % dim];
  FMI_TRY(fmi_least_transport(job->rt, rows->start, ends, job->n, dim, 2, &result->w2_squared, err));
  if (!(result->w2_squared > 0))
    return fmi_fail(err, FM_E_DOMAIN, "x1: expected rows other than the source's, found w2_squared %g",
                    result->w2_squared);
  result->npe = fabs(result->path_energy - result->w2_squared) / result->w2_squared;
  return FM_OK;
}

static void sum_up(const fmi_flow_job *job, const rows_on_way *rows, fm_eval_flow_result *result) {
  const size_t dim = job->sampler->model->net->dim;
  for (size_t i = 0; i < job->n; i++) {
    const double apart = distance_squared(rows->last + i * dim, rows->start + i * dim, dim);
    result->path_energy += rows->energy[i] / (double)job->n;
    result->displacement += apart / (double)job->n;
    result->straightness += (rows->energy[i] - apart) / (double)job->n;
  }
}

/* out [n][dim]: where the draw goes, and then x1. */
static fm_status run(const fmi_flow_job *job, rows_on_way *rows, double *out, fm_eval_flow_result *result,
                     fmi_error *err) {
  fmi_transport flow = {.sampler = job->sampler,
                        .rt = job->rt,
                        .t0 = 0,
                        .t1 = 1,
                        .draw = true,
                        .seed = job->seed,
                        .first_row = job->first_row,
                        .labels = job->labels,
                        .cond = job->cond,
                        .n = job->n,
                        .out_f64 = out,
                        .trajectory = step,
                        .trajectory_user = rows,
                        .trajectory_within = true};
  fm_solve_stats stats = {.struct_size = sizeof stats};
  FMI_TRY(fmi_transport_run(&flow, &stats, err));
  result->nfe = stats.nfe;
  sum_up(job, rows, result);
  if (!isfinite(result->path_energy))
    return fmi_fail(err, FM_E_NONFINITE, "sampler: its paths have an energy of %g", result->path_energy);
  return job->x1 != NULL ? find_npe(job, rows, out, result, err) : FM_OK;
}

fm_status fmi_eval_flow(const fmi_flow_job *job, fm_eval_flow_result *result, fmi_error *err) {
  const fm_normaliser *norm = job->sampler->model->normaliser;
  const size_t dim = norm->dim, cells = fmi_mul_size(job->n, dim);
  fmi_arena a = {NULL, 0};
  rows_on_way rows = {0};
  double *weight = NULL, *out = NULL;
  void *block = NULL;
  for (int pass = 0; pass < 2; pass++) {
    weight = fmi_arena_take(&a, dim, sizeof *weight);
    rows.start = fmi_arena_take(&a, cells, sizeof *rows.start);
    rows.last = fmi_arena_take(&a, cells, sizeof *rows.last);
    out = fmi_arena_take(&a, cells, sizeof *out);
    rows.t = fmi_arena_take(&a, job->n, sizeof *rows.t);
    rows.energy = fmi_arena_take(&a, job->n, sizeof *rows.energy);
    if (pass == 1) break;
    block = fmi_alloc(job->rt->memory, 1, a.used, err);
    if (block == NULL) return FM_E_NOMEM;
    a = (fmi_arena){block, 0};
  }
  for (size_t k = 0; k < dim; k++)
    weight[k] = norm->scale[k] > 0 ? (job->data_units ? norm->scale[k] : 1) : 0;
  rows.weight = weight;
  const fm_status status = run(job, &rows, out, result, err);
  if (status == FM_OK && job->energy != NULL) memcpy(job->energy, rows.energy, job->n * sizeof *job->energy);
  fmi_free(job->rt->memory, block);
  return status;
}
