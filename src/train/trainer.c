/* trainer.c - the handle: what training needs, in one block made at creation. */
#include "train/trainer.h"

#include "core/rng.h"

#include <math.h>

static void destroy(void *self) {
  fm_trainer *t = self;
  fmi_memory *memory = t->object.memory;
  fmi_store_close(t->store);
  fmi_plan_free(t->plan);
  fmi_plan_free(t->tangent_plan);
  fmi_free(memory, t->block);
  fmi_free(memory, t->best);
  fmi_release(t->pairing.coupling);
  fmi_release(t->optimizer);
  fmi_parts_release(&t->parts);
  fmi_object_free(t);
}

static fm_status fill_options(fm_trainer_options *o, fmi_error *err) {
  if (o->batch == 0) o->batch = 256;
  if (o->batch > UINT32_MAX)
    return fmi_fail(err, FM_E_INVALID, "trainer_options.batch: expected 1 to 2^32 - 1, found %llu",
                    (unsigned long long)o->batch);
  if (o->n_snapshots == 0) o->n_snapshots = 3;
  if (o->n_snapshots < 2 || o->n_snapshots > 1024)
    return fmi_fail(err, FM_E_INVALID, "trainer_options.n_snapshots: expected 2 to 1024, found %llu",
                    (unsigned long long)o->n_snapshots);
  o->ema_decay = o->ema_decay < 0 ? 0 : o->ema_decay == 0 ? 0.999 : o->ema_decay;
  if (!(o->ema_decay < 1))
    return fmi_fail(err, FM_E_INVALID, "trainer_options.ema_decay: expected below 1, found %g", o->ema_decay);
  o->label_dropout = o->label_dropout < 0 ? 0 : o->label_dropout == 0 ? 0.1 : o->label_dropout;
  if (!(o->label_dropout <= 1))
    return fmi_fail(err, FM_E_INVALID, "trainer_options.label_dropout: expected at most 1, found %g",
                    o->label_dropout);
  if (o->accumulate == 0) o->accumulate = 1;
  if (o->accumulate > UINT32_MAX)
    return fmi_fail(err, FM_E_INVALID, "trainer_options.accumulate: expected 1 to 2^32 - 1, found %llu",
                    (unsigned long long)o->accumulate);
  return FM_OK;
}

static void carve_rows(fm_trainer *t, fmi_arena *a) {
  const fm_net *net = t->parts.net;
  size_t batch = t->options.batch, cells = fmi_mul_size(batch, net->dim);
  t->rows.x1 = fmi_arena_take(a, cells, sizeof(double));
  t->rows.x0 = fmi_arena_take(a, cells, sizeof(double));
  t->rows.labels = fmi_arena_take(a, fmi_mul_size(batch, net->n_class_columns), sizeof(int32_t));
  t->rows.cond = fmi_arena_take(a, fmi_mul_size(batch, net->cond_dim), sizeof(float));
  t->rows.weights = fmi_arena_take(a, batch, sizeof(float));
  t->xt = fmi_arena_take(a, cells, sizeof(real));
  t->ut = fmi_arena_take(a, cells, sizeof(real));
  t->cond = fmi_arena_take(a, fmi_mul_size(batch, net->cond_dim), sizeof(real));
  t->t = fmi_arena_take(a, batch, sizeof(double));
  t->loss = fmi_arena_take(a, batch, sizeof(double));
  t->time_weight = fmi_arena_take(a, batch, sizeof(double));
  t->uniforms = fmi_arena_take(a, fmi_mul_size(2, batch), sizeof(double));
  const bool ends = t->options.objective == FM_OBJECTIVE_MEAN_FLOW;
  t->ends = ends ? fmi_arena_take(a, batch, sizeof(double)) : NULL;
  t->times = net->n_times > 1 ? fmi_arena_take(a, fmi_mul_size(2, batch), sizeof(double)) : t->t;
}

static void carve(fm_trainer *t, fmi_arena *a) {
  size_t n = t->parts.net->n_params, dim = t->parts.net->dim;
  t->params = fmi_arena_take(a, n, sizeof(real));
  t->ema = fmi_arena_take(a, n, sizeof(real));
  t->grad = fmi_arena_take(a, n, sizeof(real));
  if (t->options.accumulate > 1) t->pending.grad = fmi_arena_take(a, n, sizeof(real));
  t->state = fmi_arena_take(a, fmi_mul_size(n, t->optimizer->rule->state_per_param), sizeof(real));
  t->packed = fmi_arena_take(a, t->plan->packed_reals, sizeof(real));
  t->batch_block = fmi_arena_take(a, t->plan->batch_reals, sizeof(real));
  t->partial = fmi_arena_take(a, fmi_ceil_div(n, FMI_PIECE), sizeof(double));
  carve_rows(t, a);
  fmi_pairing_carve(t, a);
  t->slots = fmi_arena_take(a, t->n_slots, sizeof *t->slots);
  size_t update = fmi_optimizer_scratch(t->optimizer, t->parts.net);
  for (size_t i = 0; i < t->n_slots; i++) {
    fmi_train_slot slot = {.work = fmi_workspace_take(a, t->plan)};
    slot.x0 = fmi_arena_take(a, fmi_mul_size(FMI_TILE, dim), sizeof(double));
    slot.x1 = fmi_arena_take(a, fmi_mul_size(FMI_TILE, dim), sizeof(double));
    slot.eps = fmi_arena_take(a, fmi_mul_size(FMI_TILE, dim), sizeof(double));
    slot.noise = fmi_arena_take(a, fmi_prior_scratch(dim), 1);
    slot.update = fmi_arena_take(a, update, 1);
    fmi_mean_flow_carve(t, a, &slot.mean);
    if (t->slots) t->slots[i] = slot;
  }
}

static fm_status allocate(fm_trainer *t, const fmi_runtime *rt, fmi_error *err) {
  uint32_t wants = FMI_WANT_BACKWARD | FMI_WANT_GRAD;
  t->plan = fmi_plan_new(rt->memory, t->parts.net, rt->kernels, wants, FMI_TILE, t->options.batch,
                         rt->use_blas, err);
  if (t->plan == NULL) return FM_E_NOMEM;
  FMI_TRY(fmi_mean_flow_plan(t, rt, err));
  FMI_TRY(fmi_pairing_new(rt, t, err));
  fmi_arena arena = {NULL, 0};
  carve(t, &arena);
  t->block = fmi_alloc(rt->memory, 1, arena.used, err);
  if (t->block == NULL) return FM_E_NOMEM;
  arena = (fmi_arena){t->block, 0};
  carve(t, &arena);
  t->store = fmi_store_new(rt->memory, &t->parts, t->options.n_snapshots, err);
  return t->store ? FM_OK : FM_E_NOMEM;
}

fm_trainer *fmi_trainer_new(const fmi_runtime *rt, const fmi_parts *given, const fm_optimizer *optimizer,
                            const fm_trainer_options *options, fmi_error *err) {
  fmi_parts parts = *given;
  fm_trainer_options filled = *options;
  if (fill_options(&filled, err) != FM_OK) return NULL;
  if (fmi_parts_hold(rt->memory, &parts, err) != FM_OK) return NULL;
  fm_trainer *t = NULL;
  if (fmi_mean_flow_options(&filled, &parts, err) == FM_OK &&
      fmi_time_options(&filled, parts.path, err) == FM_OK)
    t = fmi_object_create(rt->memory, sizeof *t, destroy, err);
  if (t == NULL) {
    fmi_parts_release(&parts);
    return NULL;
  }
  t->parts = parts;
  t->options = filled;
  t->n_slots = fmi_pool_width(rt->pool);
  t->plateau.factor = 1;
  t->optimizer =
      optimizer ? fmi_retain(optimizer) : fmi_optimizer_new(rt->memory, &(fm_optimizer_options){0}, err);
  if (t->optimizer && allocate(t, rt, err) == FM_OK) return t;
  fmi_release(t);
  return NULL;
}

/* ---- packing, norm, update: elementwise work in fixed pieces --------------------------------------- */

typedef struct piece_job {
  const fm_trainer *t;
  const fmi_kernels *kernels;
  const real *params;
  real *packed;
  double rate, grad_scale, keep;
} piece_job;

static fm_status pack_item(void *job, size_t item, size_t slot, fmi_error *err) {
  (void)slot, (void)err;
  piece_job *j = job;
  fmi_plan_pack_node(j->t->plan, item, j->params, j->packed);
  return FM_OK;
}

fm_status fmi_trainer_pack(const fmi_runtime *rt, const fm_trainer *t, const real *params, real *packed,
                           fmi_error *err) {
  piece_job job = {.t = t, .params = params, .packed = packed};
  fmi_loop loop = {pack_item, &job, t->parts.net->n_nodes, t->n_slots};
  return fmi_loop_run(rt, &loop, err);
}

static fm_status norm_item(void *job, size_t item, size_t slot, fmi_error *err) {
  (void)slot, (void)err;
  piece_job *j = job;
  size_t n = j->t->parts.net->n_params, first = item * FMI_PIECE;
  j->t->partial[item] = j->kernels->sum_squares(j->t->grad + first, fmi_min(FMI_PIECE, n - first));
  return FM_OK;
}

/* A piece of the parameters, or a node's if the rule takes matrices as a whole. */
static fm_status update_item(void *job, size_t item, size_t slot, fmi_error *err) {
  (void)err;
  piece_job *j = job;
  const fm_trainer *t = j->t;
  const fmi_node *node = t->optimizer->rule->update_matrix ? &t->parts.net->nodes[item] : NULL;
  size_t n = t->parts.net->n_params, first = node ? node->params : item * FMI_PIECE;
  fmi_update u = {.kernels = j->kernels,
                  .options = &t->optimizer->options,
                  .step = t->step + 1,
                  .rate = j->rate,
                  .grad_scale = j->grad_scale,
                  .n_params = n,
                  .first = first,
                  .n = node ? node->n_params : fmi_min(FMI_PIECE, n - first),
                  .grad = t->grad,
                  .params = t->params,
                  .state = t->state,
                  .scratch = t->slots[slot].update};
  if (node)
    fmi_optimizer_update_node(t->optimizer, node, u);
  else
    t->optimizer->rule->update(&u);
  j->kernels->ema(t->ema + first, t->params + first, (real)j->keep, u.n);
  return FM_OK;
}

static double ema_keep(const fm_trainer *t) {
  double n = (double)(t->step + 1), warm = (1 + n) / (10 + n);
  return t->options.ema_decay < warm ? t->options.ema_decay : warm;
}

fm_status fmi_trainer_gradient_norm(const fmi_runtime *rt, fm_trainer *t, double *norm, fmi_error *err) {
  size_t pieces = fmi_ceil_div(t->parts.net->n_params, FMI_PIECE);
  piece_job job = {.t = t, .kernels = t->plan->kernels};
  FMI_TRY(fmi_loop_run(rt, &(fmi_loop){norm_item, &job, pieces, t->n_slots}, err));
  double squares = 0;
  for (size_t i = 0; i < pieces; i++) squares += t->partial[i];
  *norm = sqrt(squares);
  return FM_OK;
}

/* grad holds the sum of weighted row gradients; the update uses its mean, clipped. */
static fm_status apply(const fmi_runtime *rt, fm_trainer *t, double weight, fmi_error *err) {
  const fm_net *net = t->parts.net;
  double norm;
  FMI_TRY(fmi_trainer_gradient_norm(rt, t, &norm, err));
  norm /= weight;
  if (!isfinite(norm))
    return fmi_fail(err, FM_E_NONFINITE, "the gradient's norm is %g at step %llu", norm,
                    (unsigned long long)t->step + 1);
  t->grad_norm = norm;
  t->last_rate = fmi_optimizer_rate(t->optimizer, t->step + 1) * t->plateau.factor;
  piece_job job = {.t = t,
                   .kernels = t->plan->kernels,
                   .rate = t->last_rate,
                   .grad_scale = fmi_optimizer_clip(t->optimizer, norm) / weight,
                   .keep = ema_keep(t)};
  size_t items = t->optimizer->rule->update_matrix ? net->n_nodes : fmi_ceil_div(net->n_params, FMI_PIECE);
  FMI_TRY(fmi_loop_run(rt, &(fmi_loop){update_item, &job, items, t->n_slots}, err));
  return fmi_trainer_pack(rt, t, t->params, t->packed, err);
}

/* ---- the parameters' gradient ---------------------------------------------------------------------- */

static fmi_rows batch_rows(const fm_trainer *t) {
  const fm_net *net = t->parts.net;
  return (fmi_rows){.x = t->xt,
                    .t = t->times,
                    .labels = net->n_class_columns ? t->rows.labels : NULL,
                    .cond = net->cond_dim ? t->cond : NULL,
                    .dim = net->dim,
                    .n_class_columns = net->n_class_columns,
                    .cond_dim = net->cond_dim};
}

static fm_status grad_item(void *job, size_t item, size_t slot, fmi_error *err) {
  fmi_step *s = job;
  fm_trainer *t = s->trainer;
  fmi_rows rows = batch_rows(t);
  return fmi_run_grad(t->plan, item, &s->weights, &rows, s->n, &t->slots[slot].work, t->batch_block, t->grad,
                      err);
}

static fm_status reduce(fm_trainer *t, double *weight, double *loss, fmi_error *err) {
  if (t->options.reduce == NULL) return FM_OK;
#ifdef FMI_DOUBLE
  (void)weight, (void)loss;
  return fmi_fail(err, FM_E_UNSUPPORTED,
                  "trainer_options.reduce: takes float, this is the double build for tests");
#else
  fm_reduction r = {.struct_size = sizeof r,
                    .step = t->step,
                    .n = t->parts.net->n_params,
                    .grad = t->grad,
                    .weight = weight,
                    .loss = loss};
  int32_t answer = t->options.reduce(t->options.reduce_user, &r);
  return answer == 0 ? FM_OK
                     : fmi_fail(err, FM_E_CALLBACK, "trainer_options.reduce returned %d", (int)answer);
#endif
}

/* The update from grad and what waits with it; weight and sum are those of the last micro-batch. */
static fm_status update(const fmi_runtime *rt, fm_trainer *t, double weight, double sum, fmi_error *err) {
  FMI_TRY(fmi_pending_join(rt, t, &weight, &sum, err));
  FMI_TRY(reduce(t, &weight, &sum, err));
  if (!(weight > 0)) return fmi_fail(err, FM_E_INVALID, "weights: expected a positive sum, found %g", weight);
  double mean = sum / weight;
  if (!isfinite(mean))
    return fmi_fail(err, FM_E_NONFINITE, "the loss is %g at step %llu; lower the learning rate", mean,
                    (unsigned long long)t->step + 1);
  FMI_TRY(apply(rt, t, weight, err));
  t->grad_scale = 1 / weight;
  fmi_pending_clear(t);
  t->step++;
  t->last_loss = mean;
  t->mean_loss += (mean - t->mean_loss) / (t->step < 100 ? (double)t->step : 100);
  return FM_OK;
}

fm_status fmi_trainer_step(const fmi_runtime *rt, fm_trainer *t, size_t n, bool pairs, double *loss,
                           fmi_error *err) {
  fmi_step s = {.trainer = t,
                .kernels = t->plan->kernels,
                .weights = {t->params, t->packed},
                .seed = t->options.seed,
                .first_row = t->n_rows,
                .n = n,
                .pairs = pairs,
                .train = true};
  FMI_TRY(fmi_step_rows(rt, &s, err));
  FMI_TRY(fmi_loop_run(rt, &(fmi_loop){grad_item, &s, t->plan->n_parts, t->n_slots}, err));
  double weight = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    weight += t->rows.weights[i];
    sum += t->rows.weights[i] * t->loss[i];
  }
  if (t->pending.n + 1 < t->options.accumulate)
    FMI_TRY(fmi_pending_keep(rt, t, weight, sum, err));
  else
    FMI_TRY(update(rt, t, weight, sum, err));
  t->n_rows += n;
  t->paired = t->paired || pairs;
  if (loss) *loss = t->options.accumulate == 1 ? t->last_loss : weight > 0 ? sum / weight : 0;
  return FM_OK;
}

/* ---- models ---------------------------------------------------------------------------------------- */

static void fill_model(const fmi_runtime *rt, const fm_trainer *t, fm_model *m, const real *params,
                       const real *ema, uint64_t step) {
  size_t bytes = m->net->n_params * sizeof(real);
  memcpy(m->params, params, bytes);
  memcpy(m->ema, ema, bytes);
  m->train_steps = step;
  m->paired = t->paired;
  fmi_model_pack(m, rt->kernels);
}

void fmi_trainer_publish_if_due(const fmi_runtime *rt, fm_trainer *t) {
  const uint64_t every = t->options.publish_every;
  if (every > 0 && t->pending.n == 0 && t->step % every == 0) fmi_trainer_publish(rt, t);
}

void fmi_trainer_publish(const fmi_runtime *rt, fm_trainer *t) {
  fm_model *block = fmi_store_free_block(t->store);
  if (block == NULL) {
    t->skipped++;
    return;
  }
  fill_model(rt, t, block, t->params, t->ema, t->step);
  fmi_store_publish(t->store, block);
}

fm_model *fmi_trainer_model(const fmi_runtime *rt, const fm_trainer *t, fmi_error *err) {
  fm_model *m = fmi_model_new(rt->memory, &t->parts, err);
  if (m != NULL) fill_model(rt, t, m, t->params, t->ema, t->step);
  return m;
}

fm_model *fmi_trainer_best(const fmi_runtime *rt, const fm_trainer *t, fmi_error *err) {
  fm_model *m = fmi_model_new(rt->memory, &t->parts, err);
  if (m != NULL) fill_model(rt, t, m, t->best, t->best + t->parts.net->n_params, t->best_step);
  return m;
}
