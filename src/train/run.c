/* run.c - many steps on a data set. */
#include "train/trainer.h"

#include "core/os.h"

#include <math.h>

fm_status fmi_trainer_check_rows(const fm_trainer *t, size_t n, bool pairs, fmi_error *err) {
  const fm_net *net = t->parts.net;
  if (pairs && t->parts.prediction.kind == FM_SCORE)
    return fmi_fail(err, FM_E_UNSUPPORTED, "x0: a score needs independent pairs, found the data's own");
  FMI_TRY(fmi_check_finite_f64("x1", t->rows.x1, n, net->dim, err));
  if (pairs) FMI_TRY(fmi_check_finite_f64("x0", t->rows.x0, n, net->dim, err));
  if (net->n_class_columns) FMI_TRY(fmi_check_labels(net, t->rows.labels, n, err));
  if (net->cond_dim) FMI_TRY(fmi_check_finite_f32("cond", t->rows.cond, n, net->cond_dim, err));
  return fmi_check_weights(t->rows.weights, n, err);
}

/* Data without labels or conditions trains a conditional net on its null class. */
fm_status fmi_check_data(const fm_net *net, const char *name, const fm_data *data, fmi_error *err) {
  if (data->dim != net->dim)
    return fmi_fail(err, FM_E_MISMATCH, "%s: expected %zu columns as the net has, found %zu", name, net->dim,
                    data->dim);
  if (data->n_class_columns != net->n_class_columns)
    return fmi_fail(err, FM_E_MISMATCH, "%s: expected %zu class columns as the net has, found %zu", name,
                    net->n_class_columns, data->n_class_columns);
  if (data->cond_dim != net->cond_dim)
    return fmi_fail(err, FM_E_MISMATCH, "%s: expected condition vectors of %zu as the net has, found %zu",
                    name, net->cond_dim, data->cond_dim);
  return FM_OK;
}

fm_status fmi_trainer_check_data(const fm_trainer *t, const char *name, const fm_data *data, fmi_error *err) {
  return fmi_check_data(t->parts.net, name, data, err);
}

static fm_status report(const fm_trainer *t, uint64_t n_steps, double began, fmi_error *err) {
  if (t->options.progress == NULL) return FM_OK;
  fm_progress p = {.struct_size = sizeof p,
                   .step = t->step,
                   .n_steps = n_steps,
                   .n_rows = t->n_rows,
                   .loss = t->last_loss,
                   .mean_loss = t->mean_loss,
                   .learning_rate = t->last_rate,
                   .grad_norm = t->grad_norm,
                   .seconds = fmi_os_seconds() - began,
                   .held_out_loss = t->held_out_loss};
  int32_t answer = t->options.progress(t->options.progress_user, &p);
  return answer == 0 ? FM_OK
                     : fmi_fail(err, FM_E_CALLBACK, "trainer_options.progress returned %d", (int)answer);
}

fm_status fmi_trainer_run(const fmi_runtime *rt, fm_trainer *t, const fm_data *data, uint64_t n_steps,
                          const fmi_validation *validation, fmi_error *err) {
  FMI_TRY(fmi_trainer_check_data(t, "data", data, err));
  double began = fmi_os_seconds();
  size_t batch = t->options.batch;
  while (t->step < n_steps && !(validation && fmi_validation_is_over(validation, t))) {
    if (fmi_runtime_stopped(rt))
      return fmi_fail(err, FM_STOPPED, "stopped after step %llu", (unsigned long long)t->step);
    t->grad_scale = 0; /* until the step is done, grad is nobody's gradient */
    FMI_TRY(fmi_data_fetch(data, t->options.seed, true, t->data_row, batch, &t->rows, err));
    if (!data->checked) FMI_TRY(fmi_trainer_check_rows(t, batch, data->pairs, err));
    FMI_TRY(fmi_trainer_step(rt, t, batch, data->pairs, NULL, err));
    t->data_row += batch;
    if (t->pending.n > 0) continue;
    if (validation && (t->step % validation->every == 0 || t->step == n_steps))
      FMI_TRY(fmi_trainer_validate(rt, t, validation, err));
    fmi_trainer_publish_if_due(rt, t);
    FMI_TRY(report(t, n_steps, began, err));
  }
  return FM_OK;
}
