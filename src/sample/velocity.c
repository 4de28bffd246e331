/* velocity.c - the right-hand side of a sampler's solve: the velocity of a tile's rows from what the network
   says, whatever it predicts and on whichever path they go (path/form.c). */
#include "sample/sampler.h"

#include <math.h>

const fm_path *fmi_sampler_path(const fm_sampler *s) { return s->path != NULL ? s->path : s->model->path; }

fm_status fmi_sampler_forms(const fm_sampler *s, const double *t, size_t n, fmi_form *forms, double *times,
                            fmi_error *err) {
  const fm_model *m = s->model;
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && t[i] == t[i - 1]) /* with fixed steps all rows are at one time */
      forms[i] = forms[i - 1];
    else
      FMI_TRY(fmi_form_at(&m->prediction, m->path, fmi_sampler_path(s), t[i], &forms[i], err));
  }
  fmi_network_times(forms, n, m->net->n_times, times);
  return FM_OK;
}

void fmi_network_times(const fmi_form *forms, size_t n, size_t n_times, double *times) {
  for (size_t i = 0; i < n * n_times; i++) times[i] = forms[i / n_times].time;
}

fm_status fmi_evaluate(const fmi_pass *p, size_t n, const double *x, double *v, fmi_error *err) {
  const size_t dim = p->plan->net->dim;
  const fmi_form *forms = p->forms;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < dim; j++) p->x[i * dim + j] = (real)(forms[i].in * x[i * dim + j]);
  FMI_TRY(fmi_run_forward(p->plan, &p->weights, &p->rows, 0, n, p->work, NULL, err));
  const real *out = fmi_run_output(p->plan, 0, p->work, NULL);
  for (size_t i = 0; i < n; i++) {
    const double *row_x = x + i * dim;
    const real *row_out = out + i * dim;
    double *row_v = v + i * dim;
    if (fmi_form_is_plain(&forms[i]))
      for (size_t j = 0; j < dim; j++) row_v[j] = row_out[j];
    else
      for (size_t j = 0; j < dim; j++) row_v[j] = forms[i].by_state * row_x[j] + forms[i].by_net * row_out[j];
  }
  return FM_OK;
}

fm_status fmi_tile_velocity(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                            double *dxdt, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  if (s->guided) return fmi_guide_velocity(w, n, row, t, x, dxdt, err);
  fmi_form forms[FMI_TILE];
  FMI_TRY(fmi_sampler_forms(s, t, n, forms, w->slot->t, err));
  const fmi_pass pass = {
      s->plan,    &w->slot->work, fmi_sampler_weights(s), fmi_tile_gather(w, n, row, w->slot->t),
      w->slot->x, forms};
  return fmi_evaluate(&pass, n, x, dxdt, err);
}

fm_status fmi_sampler_velocity(fm_sampler *s, const float *x, const double *t, const int32_t *labels,
                               const float *cond, size_t n, float *out, fmi_error *err) {
  const fm_net *net = s->model->net;
  const size_t dim = net->dim;
  fmi_sample_slot *slot = &s->slots[0];
  fmi_form forms[FMI_TILE];
  for (size_t first = 0; first < n; first += FMI_TILE) {
    const size_t rows_now = fmi_min(FMI_TILE, n - first), cells = rows_now * dim;
    for (size_t i = 0; i < cells; i++) slot->y[i] = x[first * dim + i];
    for (size_t i = 0; cond && i < rows_now * net->cond_dim; i++)
      slot->cond[i] = (real)cond[first * net->cond_dim + i];
    FMI_TRY(fmi_sampler_forms(s, t + first, rows_now, forms, slot->t, err));
    const fmi_rows rows = {.x = slot->x,
                           .t = slot->t,
                           .labels = labels ? labels + first * net->n_class_columns : NULL,
                           .cond = cond ? slot->cond : NULL,
                           .dim = dim,
                           .n_class_columns = net->n_class_columns,
                           .cond_dim = net->cond_dim};
    const fmi_pass pass = {s->plan, &slot->work, fmi_sampler_weights(s), rows, slot->x, forms};
    FMI_TRY(fmi_evaluate(&pass, rows_now, slot->y, slot->shown, err));
    for (size_t i = 0; i < cells; i++) {
      const double v = slot->shown[i];
      if (!isfinite((float)v))
        return fmi_fail(err, FM_E_NONFINITE, "out: the net gave %g in row %zu, column %zu", v,
                        first + i / dim, i % dim);
      out[first * dim + i] = (float)v;
    }
  }
  return FM_OK;
}
