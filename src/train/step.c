/* step.c - rows of the conditional flow matching objective: draw x0 and t, form x_t and its target u_t, run
   the network, and (Lipman eq. 14) send back the gradient of ||v(t, x_t) - u_t||^2 / dim. */
#include "train/trainer.h"

#include "core/rng.h"

#include <math.h>

/* Prior rows of training differ from those of sampling with the same seed. */
#define TRAINING_NOISE 0x9e3779b97f4a7c15u

typedef struct tile {
  fmi_step *s;
  fmi_train_slot *slot;
  size_t first, n; /* rows of the batch */
} tile;

fm_status fmi_step_ends(const fmi_step *s, size_t first, size_t n, double *x0, double *x1, void *noise,
                        fmi_error *err) {
  const fm_trainer *t = s->trainer;
  size_t dim = t->parts.net->dim;
  fmi_normalise(t->parts.normaliser, t->rows.x1 + first * dim, n, x1);
  if (s->pairs) {
    fmi_normalise(t->parts.normaliser, t->rows.x0 + first * dim, n, x0);
    return FM_OK;
  }
  return fmi_prior_draw(t->parts.prior, t->parts.normaliser, s->kernels, s->seed ^ TRAINING_NOISE,
                        s->first_row + first, n, dim, x0, noise, err);
}

static fm_status form_row(const tile *w, size_t i, fmi_error *err) {
  fm_trainer *t = w->s->trainer;
  size_t dim = t->parts.net->dim, row = w->first + i;
  uint64_t id = w->s->first_row + row;
  fm_path_coefficients c;
  FMI_TRY(fmi_path_at(t->parts.path, t->t[row], &c, err));
  const double *x0 = w->slot->x0 + i * dim, *x1 = w->slot->x1 + i * dim, *eps = w->slot->eps + i * dim;
  bool noisy = c.gamma != 0 || c.d_gamma != 0;
  if (noisy)
    fmi_normals(w->s->kernels, w->s->seed, FMI_STREAM_PATH, id, dim, w->slot->eps + i * dim, w->slot->noise);
  real *xt = t->xt + row * dim, *ut = t->ut + row * dim;
  for (size_t j = 0; j < dim; j++) {
    double x = c.alpha * x1[j] + c.sigma * x0[j], u = c.d_alpha * x1[j] + c.d_sigma * x0[j];
    xt[j] = (real)(noisy ? x + c.gamma * eps[j] : x);
    ut[j] = (real)(noisy ? u + c.d_gamma * eps[j] : u);
  }
  return FM_OK;
}

/* Normalises the conditions, and in training drops them from some rows. */
static void form_conditions(const tile *w, size_t i) {
  fm_trainer *t = w->s->trainer;
  size_t row = w->first + i, k = t->parts.net->n_class_columns, c = t->parts.net->cond_dim;
  const fm_normaliser *norm = t->parts.cond_normaliser;
  for (size_t j = 0; j < c; j++) {
    double x = t->rows.cond[row * c + j];
    t->cond[row * c + j] = (real)(norm->scale[j] > 0 ? (x - norm->shift[j]) / norm->scale[j] : 0);
  }
  if (k + c == 0 || !w->s->train || t->options.label_dropout == 0) return;
  if (fmi_rng_uniform(w->s->seed, FMI_STREAM_DROPOUT, w->s->first_row + row, 0) >= t->options.label_dropout)
    return;
  for (size_t j = 0; j < k; j++) t->rows.labels[row * k + j] = -1;
  if (c) t->cond[row * c] = (real)NAN;
}

/* The row's loss, and with d the gradient with respect to the output v. */
static double row_loss(const real *v, const real *u, size_t dim, double weight, real *d) {
  double sum = 0, scale = 2 * weight / (double)dim;
  for (size_t j = 0; j < dim; j++) {
    double e = (double)v[j] - (double)u[j];
    sum += e * e;
    if (d) d[j] = (real)(scale * e);
  }
  return sum / (double)dim;
}

static fm_status tile_item(void *job, size_t item, size_t slot_index, fmi_error *err) {
  fmi_step *s = job;
  fm_trainer *t = s->trainer;
  const fm_net *net = t->parts.net;
  size_t dim = net->dim, k = net->n_class_columns;
  tile w = {.s = s, .slot = &t->slots[slot_index], .first = item * FMI_TILE};
  w.n = fmi_min(FMI_TILE, s->n - w.first);
  if (t->pairing.coupling)
    fmi_pairing_take(t, w.first, w.n, w.slot->x0, w.slot->x1);
  else
    FMI_TRY(fmi_step_ends(s, w.first, w.n, w.slot->x0, w.slot->x1, w.slot->noise, err));
  for (size_t i = 0; i < w.n; i++) {
    FMI_TRY(form_row(&w, i, err));
    form_conditions(&w, i);
  }
  fmi_mean_flow_times(t, w.first, w.n);
  FMI_TRY(fmi_mean_flow_targets(t, &s->weights, &w.slot->mean, w.first, w.n, err));
  fmi_rows rows = {.x = t->xt + w.first * dim,
                   .t = t->times + w.first * net->n_times,
                   .labels = k ? t->rows.labels + w.first * k : NULL,
                   .cond = net->cond_dim ? t->cond + w.first * net->cond_dim : NULL,
                   .dim = dim,
                   .n_class_columns = k,
                   .cond_dim = net->cond_dim,
                   .training = s->train,
                   .seed = s->seed,
                   .first_row = s->first_row + w.first};
  FMI_TRY(fmi_run_forward(t->plan, &s->weights, &rows, w.first, w.n, &w.slot->work, t->batch_block, err));
  const real *v = fmi_run_output(t->plan, w.first, &w.slot->work, t->batch_block);
  real *d = s->train ? fmi_run_d_output(t->plan, w.first, &w.slot->work, t->batch_block) : NULL;
  for (size_t i = 0; i < w.n; i++) {
    size_t row = w.first + i;
    double loss = row_loss(v + i * dim, t->ut + row * dim, dim, t->rows.weights[row] * t->time_weight[row],
                           d ? d + i * dim : NULL);
    if (d) fmi_mean_flow_weigh(t, loss, d + i * dim);
    t->loss[row] = t->time_weight[row] * loss;
  }
  if (!s->train) return FM_OK;
  return fmi_run_backward(t->plan, &s->weights, &rows, w.first, w.n, &w.slot->work, t->batch_block, err);
}

fm_status fmi_step_rows(const fmi_runtime *rt, fmi_step *s, fmi_error *err) {
  fm_trainer *t = s->trainer;
  const fmi_time_draw times = {
      &t->options,    t->parts.path, s->seed, s->first_row,         s->n, s->train, t->t,
      t->time_weight, t->uniforms,   t->ends, t->options.mean_share};
  FMI_TRY(fmi_times_draw(&times, err)); /* in one go: the caller's functions run on the caller's thread */
  if (t->pairing.coupling) FMI_TRY(fmi_pairing_form(rt, s, err));
  fmi_loop loop = {tile_item, s, fmi_ceil_div(s->n, FMI_TILE), t->n_slots};
  return fmi_loop_run(rt, &loop, err);
}
