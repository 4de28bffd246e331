/* accumulate.c - the gradients of several micro-batches, summed before one update. A micro-batch is added
   once it is known to be finite, so that one that fails leaves the others as they were. */
#include "train/trainer.h"

#include <math.h>

typedef struct sum_job {
  fm_trainer *t;
  const fmi_kernels *kernels;
} sum_job;

static size_t piece_of(const fm_trainer *t, size_t item) {
  return fmi_min(FMI_PIECE, t->parts.net->n_params - item * FMI_PIECE);
}

static fm_status keep_item(void *job, size_t item, size_t slot, fmi_error *err) {
  (void)slot, (void)err;
  sum_job *j = job;
  size_t first = item * FMI_PIECE, n = piece_of(j->t, item);
  if (j->t->pending.n == 0)
    memcpy(j->t->pending.grad + first, j->t->grad + first, n * sizeof(real));
  else
    j->kernels->add(j->t->pending.grad + first, j->t->grad + first, n);
  return FM_OK;
}

static fm_status join_item(void *job, size_t item, size_t slot, fmi_error *err) {
  (void)slot, (void)err;
  sum_job *j = job;
  j->kernels->add(j->t->grad + item * FMI_PIECE, j->t->pending.grad + item * FMI_PIECE, piece_of(j->t, item));
  return FM_OK;
}

static fm_status run(const fmi_runtime *rt, fm_trainer *t, fmi_error *err,
                     fm_status (*item)(void *job, size_t item, size_t slot, fmi_error *err)) {
  sum_job job = {t, t->plan->kernels};
  fmi_loop loop = {item, &job, fmi_ceil_div(t->parts.net->n_params, FMI_PIECE), t->n_slots};
  return fmi_loop_run(rt, &loop, err);
}

fm_status fmi_pending_keep(const fmi_runtime *rt, fm_trainer *t, double weight, double loss, fmi_error *err) {
  double norm;
  if (!isfinite(loss))
    return fmi_fail(err, FM_E_NONFINITE,
                    "the loss is %g in a micro-batch of step %llu; lower the learning rate", loss,
                    (unsigned long long)t->step + 1);
  FMI_TRY(fmi_trainer_gradient_norm(rt, t, &norm, err));
  if (!isfinite(norm))
    return fmi_fail(err, FM_E_NONFINITE, "the gradient's norm is %g in a micro-batch of step %llu", norm,
                    (unsigned long long)t->step + 1);
  FMI_TRY(run(rt, t, err, keep_item));
  t->pending.n++;
  t->pending.weight += weight;
  t->pending.loss += loss;
  return FM_OK;
}

fm_status fmi_pending_join(const fmi_runtime *rt, fm_trainer *t, double *weight, double *loss,
                           fmi_error *err) {
  if (t->pending.n == 0) return FM_OK;
  *weight += t->pending.weight;
  *loss += t->pending.loss;
  return run(rt, t, err, join_item);
}

void fmi_pending_clear(fm_trainer *t) {
  t->pending.n = 0;
  t->pending.weight = t->pending.loss = 0;
}
