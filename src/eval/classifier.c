/* classifier.c - the library's own multilayer perceptron with the logistic loss: its velocity's first
   column is the logit, time is 0 throughout. */
#include "eval/classifier.h"

#include <math.h>

enum { BATCH = FMI_CLASSIFIER_BATCH };

static void carve(fmi_classifier *c, fmi_arena *a) {
  const size_t n_params = c->net->n_params, dim = c->net->dim;
  c->params = fmi_arena_take(a, n_params, sizeof(real));
  c->grad = fmi_arena_take(a, n_params, sizeof(real));
  c->state = fmi_arena_take(a, fmi_mul_size(n_params, c->optimizer->rule->state_per_param), sizeof(real));
  c->packed = fmi_arena_take(a, c->plan->packed_reals, sizeof(real));
  c->batch_block = fmi_arena_take(a, c->plan->batch_reals, sizeof(real));
  c->x = fmi_arena_take(a, fmi_mul_size(BATCH, dim), sizeof(real));
  c->t = fmi_arena_take(a, BATCH, sizeof(double));
  c->labels = fmi_arena_take(a, BATCH, sizeof(real));
  c->columns.mean = fmi_arena_take(a, dim, sizeof(double));
  c->columns.m2 = fmi_arena_take(a, dim, sizeof(double));
  c->work = fmi_workspace_take(a, c->plan);
}

static fm_status begin(const fmi_two *two, fmi_classifier *c, fmi_error *err) {
  const fm_eval_options *o = two->options;
  fmi_memory *memory = two->rt->memory;
  const fm_net_options net = {.struct_size = sizeof net,
                              .kind = FM_NET_MLP,
                              .width = o->classifier_width,
                              .depth = 3,
                              .time_features = -1};
  const fm_optimizer_options rule = {.struct_size = sizeof rule,
                                     .learning_rate = 2e-3,
                                     .weight_decay = 1e-2,
                                     .n_steps = o->classifier_steps};
  c->net = fmi_net_new(memory, two->dim, NULL, 0, 0, &net, err);
  if (c->net == NULL) return err->status;
  c->optimizer = fmi_optimizer_new(memory, &rule, err);
  if (c->optimizer == NULL) return err->status;
  c->plan = fmi_plan_new(memory, c->net, two->rt->kernels, FMI_WANT_BACKWARD | FMI_WANT_GRAD, FMI_TILE, BATCH,
                         false, err);
  if (c->plan == NULL) return FM_E_NOMEM;
  fmi_arena arena = {NULL, 0};
  carve(c, &arena);
  c->block = fmi_alloc(memory, 1, arena.used, err);
  if (c->block == NULL) return FM_E_NOMEM;
  arena = (fmi_arena){c->block, 0};
  carve(c, &arena);
  FMI_TRY(fmi_net_init(c->net, o->seed ^ FMI_EVAL_SEED, c->params, err));
  fmi_plan_pack(c->plan, c->params, c->packed);
  return FM_OK;
}

fm_status fmi_classifier_begin(const fmi_two *two, fmi_classifier *c, fmi_error *err) {
  *c = (fmi_classifier){.rt = two->rt, .columns = {.dim = two->dim}};
  const fm_status status = begin(two, c, err);
  if (status != FM_OK) fmi_classifier_end(c);
  return status;
}

void fmi_classifier_end(fmi_classifier *c) {
  fmi_free(c->rt->memory, c->block);
  fmi_plan_free(c->plan);
  fmi_release(c->optimizer);
  fmi_release(c->net);
}

void fmi_classifier_put(fmi_classifier *c, size_t i, const double *row, bool first_set) {
  const size_t dim = c->net->dim;
  for (size_t k = 0; k < dim; k++) {
    const double scale = c->columns.m2[k];
    c->x[i * dim + k] = (real)(scale > 0 ? (row[k] - c->columns.mean[k]) / scale : 0);
  }
  c->labels[i] = first_set;
}

/* Forward over the tile of rows first .. first + n; its logits are the output's first column. */
static fm_status forward(fmi_classifier *c, fmi_rows *rows, size_t first, size_t n, const real **out,
                         fmi_error *err) {
  const size_t dim = c->net->dim;
  const fmi_weights weights = {c->params, c->packed};
  *rows = (fmi_rows){.x = c->x + first * dim, .t = c->t + first, .dim = dim};
  FMI_TRY(fmi_run_forward(c->plan, &weights, rows, first, n, &c->work, c->batch_block, err));
  *out = fmi_run_output(c->plan, first, &c->work, c->batch_block);
  for (size_t i = 0; i < n; i++)
    if (!isfinite((*out)[i * dim]))
      return fmi_fail(err, FM_E_NONFINITE, "metric: the classifier's logit came to %g",
                      (double)(*out)[i * dim]);
  return FM_OK;
}

static void update(fmi_classifier *c, uint64_t step) {
  const size_t n = c->net->n_params;
  const double norm = sqrt(c->rt->kernels->sum_squares(c->grad, n));
  const fmi_update u = {.kernels = c->rt->kernels,
                        .options = &c->optimizer->options,
                        .step = step,
                        .rate = fmi_optimizer_rate(c->optimizer, step),
                        .grad_scale = fmi_optimizer_clip(c->optimizer, norm),
                        .n_params = n,
                        .n = n,
                        .grad = c->grad,
                        .params = c->params,
                        .state = c->state};
  c->optimizer->rule->update(&u);
  fmi_plan_pack(c->plan, c->params, c->packed);
}

fm_status fmi_classifier_step(fmi_classifier *c, uint64_t step, fmi_error *err) {
  const size_t dim = c->net->dim;
  const fmi_weights weights = {c->params, c->packed};
  fmi_rows rows;
  for (size_t first = 0; first < BATCH; first += FMI_TILE) {
    const size_t n = fmi_min(FMI_TILE, BATCH - first);
    const real *out;
    FMI_TRY(forward(c, &rows, first, n, &out, err));
    real *d = fmi_run_d_output(c->plan, first, &c->work, c->batch_block);
    for (size_t i = 0; i < n; i++) {
      const double chance = 1 / (1 + exp(-(double)out[i * dim]));
      for (size_t k = 1; k < dim; k++) d[i * dim + k] = 0;
      d[i * dim] = (real)((chance - (double)c->labels[first + i]) / BATCH);
    }
    FMI_TRY(fmi_run_backward(c->plan, &weights, &rows, first, n, &c->work, c->batch_block, err));
  }
  rows = (fmi_rows){.x = c->x, .t = c->t, .dim = dim};
  for (size_t i = 0; i < c->plan->n_parts; i++)
    FMI_TRY(fmi_run_grad(c->plan, i, &weights, &rows, BATCH, &c->work, c->batch_block, c->grad, err));
  update(c, step);
  return FM_OK;
}

fm_status fmi_classifier_count(fmi_classifier *c, size_t n_rows, double *right, fmi_error *err) {
  const size_t dim = c->net->dim;
  *right = 0;
  for (size_t first = 0; first < n_rows; first += FMI_TILE) {
    const size_t n = fmi_min(FMI_TILE, n_rows - first);
    const real *out;
    fmi_rows rows;
    FMI_TRY(forward(c, &rows, first, n, &out, err));
    for (size_t i = 0; i < n; i++) {
      const double logit = out[i * dim];
      *right += logit == 0 ? 0.5 : (logit > 0) == (c->labels[first + i] > 0);
    }
  }
  return FM_OK;
}
