/* pairs.c - couplings in training: the whole batch's rows are drawn and normalised, then paired, and each
   tile takes its pairs. Labels, conditions and weights stay with their row of data. Row i of the source has
   the condition of row i of the data, which is a draw from the conditions' distribution too (Cheng & Schwing,
   arXiv 2503.10636). */
#include "train/trainer.h"

fm_status fmi_pairing_new(const fmi_runtime *rt, fm_trainer *t, fmi_error *err) {
  const fm_trainer_options *o = &t->options;
  const fm_net *net = t->parts.net;
  fm_coupling_options c = {.struct_size = sizeof c,
                           .kind = o->coupling ? o->coupling : FM_COUPLING_INDEPENDENT,
                           .max_iterations = o->coupling_max_iterations,
                           .regularisation = o->coupling_regularisation,
                           .relative_regularisation = o->coupling_relative_regularisation,
                           .relaxation = o->coupling_relaxation,
                           .tolerance = o->coupling_tolerance,
                           .class_weight = o->coupling_class_weight,
                           .condition_weight = o->coupling_condition_weight,
                           .cost = o->coupling_cost,
                           .cost_user = o->coupling_cost_user};
  const fmi_coupling_kind *kind = fmi_coupling_kind_by_kind(c.kind);
  if (kind != NULL && kind->entropic && c.tolerance == 0) c.tolerance = 1e-3;
  if (c.kind == FM_COUPLING_BRIDGE) {
    const fm_path *path = t->parts.path;
    if (path->schedule == NULL || path->schedule->kind != FM_PATH_BRIDGE || !(path->params[0] > 0))
      return fmi_fail(err, FM_E_UNSUPPORTED,
                      "trainer_options.coupling: expected the path to be a Brownian bridge with a width");
    c.bridge_width = path->params[0];
  }
  const size_t batch = c.kind == FM_COUPLING_INDEPENDENT ? 1 : o->batch;
  fm_coupling *coupling = fmi_coupling_new(rt->memory, batch, net->dim, net->n_class_columns, net->cond_dim,
                                           &c, false, "trainer_options.coupling_", err);
  if (coupling == NULL) return err->status;
  t->paired = coupling->kind->costs;
  if (t->paired && t->parts.prediction.kind == FM_SCORE) {
    fmi_release(coupling);
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "trainer_options.prediction: a score needs independent pairs, found a coupling");
  }
  if (t->paired)
    t->pairing.coupling = coupling;
  else
    fmi_release(coupling); /* it was about the options */
  return FM_OK;
}

void fmi_pairing_carve(fm_trainer *t, fmi_arena *a) {
  const fm_net *net = t->parts.net;
  const size_t batch = t->options.batch, cells = fmi_mul_size(batch, net->dim);
  fmi_pairing *p = &t->pairing;
  if (p->coupling == NULL) return;
  p->x0 = fmi_arena_take(a, cells, sizeof *p->x0);
  p->x1 = fmi_arena_take(a, cells, sizeof *p->x1);
  p->cond = fmi_arena_take(a, fmi_mul_size(batch, net->cond_dim), sizeof *p->cond);
  if (!p->coupling->kind->resamples) return;
  const size_t of_row =
      fmi_max(net->n_class_columns * sizeof(int32_t), fmi_max(1, net->cond_dim) * sizeof(float));
  p->scratch = fmi_arena_take(a, fmi_mul_size(batch, of_row), 1);
}

static fm_status fill_item(void *job, size_t item, size_t slot, fmi_error *err) {
  const fmi_step *s = job;
  fm_trainer *t = s->trainer;
  const fm_normaliser *norm = t->parts.cond_normaliser;
  const size_t dim = t->parts.net->dim, c = t->parts.net->cond_dim, first = item * FMI_TILE;
  const size_t n = fmi_min(FMI_TILE, s->n - first);
  double *x0 = t->pairing.x0 + first * dim, *x1 = t->pairing.x1 + first * dim;
  FMI_TRY(fmi_step_ends(s, first, n, x0, x1, t->slots[slot].noise, err));
  if (c > 0) {
    double *cond = t->pairing.cond + first * c;
    for (size_t i = 0; i < n * c; i++) cond[i] = (double)t->rows.cond[first * c + i];
    fmi_normalise(norm, cond, n, cond);
  }
  return FM_OK;
}

/* rows [n][bytes] become those of the indexes. */
static void gather(void *rows, size_t bytes, size_t n, const uint64_t *index, char *scratch) {
  char *to = rows;
  if (bytes == 0) return;
  memcpy(scratch, rows, n * bytes);
  for (size_t i = 0; i < n; i++) memcpy(to + i * bytes, scratch + index[i] * bytes, bytes);
}

fm_status fmi_pairing_form(const fmi_runtime *rt, fmi_step *s, fmi_error *err) {
  fm_trainer *t = s->trainer;
  fmi_pairing *p = &t->pairing;
  const fm_net *net = t->parts.net;
  const size_t k = net->n_class_columns, c = net->cond_dim;
  fmi_loop loop = {fill_item, s, fmi_ceil_div(s->n, FMI_TILE), t->n_slots};
  FMI_TRY(fmi_loop_run(rt, &loop, err));
  const fmi_batch_pair batch = {.kernels = s->kernels,
                                .pool = rt->pool,
                                .stop = rt->stop,
                                .n = s->n,
                                .x0 = p->x0,
                                .x1 = p->x1,
                                .labels = k ? t->rows.labels : NULL,
                                .cond = c ? p->cond : NULL,
                                .seed = s->seed,
                                .first_row = s->first_row};
  fmi_error miss = {.status = FM_OK};
  const fm_status status = fmi_coupling_pair(p->coupling, &batch, &miss);
  if (status == FM_E_STEPS)
    p->misses++; /* still pairs, of a plan that is nearly right */
  else if (status != FM_OK)
    return fmi_fail(err, status, "%s", miss.text);
  if (!p->coupling->kind->resamples) return FM_OK;
  const uint64_t *index = p->coupling->x1_index;
  gather(t->rows.labels, k * sizeof *t->rows.labels, s->n, index, p->scratch);
  gather(t->rows.cond, c * sizeof *t->rows.cond, s->n, index, p->scratch);
  gather(t->rows.weights, sizeof *t->rows.weights, s->n, index, p->scratch);
  return FM_OK;
}

void fmi_pairing_take(const fm_trainer *t, size_t first, size_t n, double *x0, double *x1) {
  const size_t dim = t->parts.net->dim;
  const fm_coupling *c = t->pairing.coupling;
  for (size_t i = 0; i < n; i++) {
    memcpy(x0 + i * dim, t->pairing.x0 + c->x0_index[first + i] * dim, dim * sizeof *x0);
    memcpy(x1 + i * dim, t->pairing.x1 + c->x1_index[first + i] * dim, dim * sizeof *x1);
  }
}
