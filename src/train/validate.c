/* validate.c - the loss on held-out rows, and the weights that had the lowest: after it training rows are
   learned by heart (early stopping; Prechelt, "Early Stopping - But When?", 1998). */
#include "train/trainer.h"

#include <math.h>

/* A set of fewer than n rows is read again, with other times and noise. stops: a wish to stop is heard
   between two batches. */
static fm_status evaluate(const fmi_runtime *rt, fm_trainer *t, const fm_data *data, uint64_t seed,
                          uint64_t n, const real *packed, bool stops, double *loss, fmi_error *err) {
  double weight = 0, sum = 0;
  for (uint64_t first = 0; first < n; first += t->options.batch) {
    size_t rows = fmi_min(t->options.batch, (size_t)(n - first));
    if (stops && fmi_runtime_stopped(rt)) return fmi_fail(err, FM_STOPPED, "stopped");
    FMI_TRY(fmi_data_fetch(data, 0, false, first, rows, &t->rows, err));
    FMI_TRY(fmi_trainer_check_rows(t, rows, data->pairs, err));
    fmi_step s = {.trainer = t,
                  .kernels = t->plan->kernels,
                  .weights = {t->ema, packed},
                  .seed = seed,
                  .first_row = first,
                  .n = rows,
                  .pairs = data->pairs};
    FMI_TRY(fmi_step_rows(rt, &s, err));
    for (size_t i = 0; i < rows; i++) {
      weight += t->rows.weights[i];
      sum += t->rows.weights[i] * t->loss[i];
    }
  }
  if (!(weight > 0)) return fmi_fail(err, FM_E_INVALID, "weights: expected a positive sum, found %g", weight);
  if (!isfinite(sum)) return fmi_fail(err, FM_E_NONFINITE, "the loss is %g", sum / weight);
  *loss = sum / weight;
  return FM_OK;
}

fm_status fmi_trainer_evaluate(const fmi_runtime *rt, fm_trainer *t, const fm_data *data, uint64_t seed,
                               uint64_t n, double *loss, fmi_error *err) {
  FMI_TRY(fmi_trainer_check_data(t, "data", data, err));
  if (n == 0) n = data->n;
  if (n == 0) return fmi_fail(err, FM_E_INVALID, "n: expected a number of rows for a stream, found 0");
  real *packed = fmi_alloc(rt->memory, t->plan->packed_reals, sizeof *packed, err);
  if (packed == NULL) return FM_E_NOMEM;
  fm_status status = fmi_trainer_pack(rt, t, t->ema, packed, err);
  if (status == FM_OK) status = evaluate(rt, t, data, seed, n, packed, true, loss, err);
  fmi_free(rt->memory, packed);
  return status;
}

/* ---- while training -------------------------------------------------------------------------------- */

fm_status fmi_validation_begin(const fmi_runtime *rt, fm_trainer *t, const fm_data *held_out,
                               uint64_t n_steps, const fm_validation_options *o, fmi_validation *out,
                               fmi_error *err) {
  FMI_TRY(fmi_trainer_check_data(t, "held_out", held_out, err));
  fmi_validation v = {.data = held_out,
                      .every = o->every ? o->every : n_steps / 50 + 1,
                      .patience = o->patience ? o->patience : n_steps / 4 + 1,
                      .draws = o->draws ? o->draws : 2048,
                      .seed = o->seed};
  if (t->best == NULL) FMI_TRY(fmi_trainer_make_best(rt->memory, t, err));
  v.packed = fmi_alloc(rt->memory, t->plan->packed_reals, sizeof *v.packed, err);
  if (v.packed == NULL) return FM_E_NOMEM;
  *out = v;
  return FM_OK;
}

void fmi_validation_end(const fmi_runtime *rt, fmi_validation *v) { fmi_free(rt->memory, v->packed); }

bool fmi_validation_is_over(const fmi_validation *v, const fm_trainer *t) {
  return t->best_step > 0 && t->step - t->best_step >= v->patience;
}

fm_status fmi_trainer_make_best(fmi_memory *memory, fm_trainer *t, fmi_error *err) {
  t->best = fmi_alloc(memory, fmi_mul_size(2, t->parts.net->n_params), sizeof *t->best, err);
  return t->best ? FM_OK : FM_E_NOMEM;
}

/* The same draws every time: losses then differ by the weights alone. A wish to stop waits until this is
   over: the step is done, and a run that goes on from it would not look at it again. */
fm_status fmi_trainer_validate(const fmi_runtime *rt, fm_trainer *t, const fmi_validation *v,
                               fmi_error *err) {
  FMI_TRY(fmi_trainer_pack(rt, t, t->ema, v->packed, err));
  FMI_TRY(evaluate(rt, t, v->data, v->seed, v->draws, v->packed, false, &t->held_out_loss, err));
  const bool improved = t->best_step == 0 || t->held_out_loss < t->best_loss;
  fmi_plateau_judge(t->optimizer, &t->plateau, improved);
  if (!improved) return FM_OK;
  size_t n_params = t->parts.net->n_params;
  memcpy(t->best, t->params, n_params * sizeof(real));
  memcpy(t->best + n_params, t->ema, n_params * sizeof(real));
  t->best_loss = t->held_out_loss;
  t->best_step = t->step;
  return FM_OK;
}
