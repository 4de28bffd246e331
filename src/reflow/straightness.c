/* straightness.c - how far a flow is from straight lines: S = integral of E||(z1 - z0) - v(t, z_t)||^2 dt (Liu
   et al., ICLR 2023, section 2.2). On Euler steps z1 - z0 is the mean velocity, so that S of a row is the
   variance of its velocity over the steps, which one pass finds (Welford 1962). */
#include "reflow/reflow.h"

#include <math.h>

typedef struct straight_job {
  const fmi_runtime *rt;
  fm_sampler *sampler;
  const fmi_ends *start;
  size_t n;
  uint64_t n_steps;
  double *sums;
} straight_job;

static fmi_rows rows_at(const straight_job *j, fmi_sample_slot *slot, size_t first, size_t n) {
  const fm_net *net = j->sampler->model->net;
  const size_t k = net->n_class_columns, c = net->cond_dim;
  for (size_t i = 0; i < n * c; i++) slot->cond[i] = (real)j->start->cond[first * c + i];
  return (fmi_rows){.x = slot->x,
                    .t = slot->t,
                    .labels = k > 0 ? j->start->labels + first * k : NULL,
                    .cond = c > 0 ? slot->cond : NULL,
                    .dim = net->dim,
                    .n_class_columns = k,
                    .cond_dim = c};
}

static fm_status tile_item(void *user, size_t item, size_t slot_index, fmi_error *err) {
  const straight_job *j = user;
  const fm_sampler *s = j->sampler;
  fmi_sample_slot *slot = &s->slots[slot_index];
  const size_t dim = s->model->net->dim, first = item * FMI_TILE, n = fmi_min(FMI_TILE, j->n - first);
  const fmi_rows rows = rows_at(j, slot, first, n);
  const fmi_weights weights = fmi_sampler_weights(s);
  double *z = slot->y, *mean = slot->shown, *sum = j->sums + first;
  for (size_t i = 0; i < n; i++) sum[i] = 0;
  for (size_t i = 0; i < n * dim; i++) z[i] = j->start->x0[first * dim + i], mean[i] = 0;
  for (uint64_t step = 0; step < j->n_steps; step++) {
    if (fmi_runtime_stopped(j->rt)) return fmi_fail(err, FM_STOPPED, "stopped while straightness was found");
    const double t = (double)step / (double)j->n_steps;
    fmi_form form; /* whatever the net predicts */
    FMI_TRY(fmi_sampler_forms(s, &t, 1, &form, slot->t, err));
    for (size_t i = 0; i < n; i++) slot->t[i] = form.time;
    for (size_t i = 0; i < n * dim; i++) slot->x[i] = (real)(form.in * z[i]);
    FMI_TRY(fmi_run_forward(s->plan, &weights, &rows, 0, n, &slot->work, NULL, err));
    const real *out = fmi_run_output(s->plan, 0, &slot->work, NULL);
    for (size_t i = 0; i < n * dim; i++) {
      const double v = form.by_state * z[i] + form.by_net * (double)out[i], delta = v - mean[i];
      mean[i] += delta / (double)(step + 1);
      if (s->model->normaliser->scale[i % dim] > 0) sum[i / dim] += delta * (v - mean[i]);
      z[i] += v / (double)j->n_steps;
    }
  }
  return FM_OK;
}

fm_status fmi_straightness(const fmi_runtime *rt, fm_sampler *sampler, const fmi_ends *start, size_t n,
                           uint64_t n_steps, double *sums, double *straightness, fmi_error *err) {
  straight_job job = {rt, sampler, start, n, n_steps, sums};
  fmi_loop loop = {tile_item, &job, fmi_ceil_div(n, FMI_TILE), sampler->n_slots};
  FMI_TRY(fmi_loop_run(rt, &loop, err));
  double sum = 0; /* in the rows' order, whatever the threads */
  for (size_t i = 0; i < n; i++) sum += sums[i] / (double)n_steps;
  if (!isfinite(sum))
    return fmi_fail(err, FM_E_NONFINITE, "straightness: the net's velocity is not finite on its own flow");
  *straightness = sum / (double)n;
  return FM_OK;
}
