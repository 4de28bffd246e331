/* checkpoint.c - all that training needs to go on bit-equal: parameters, average, moments, counters, and the
   description of the training, which must be the same where it is loaded. */
#include "io/files.h"
#include "io/json.h"
#include "model/prior.h"

#include <math.h>

#define COUNTERS 7u /* step, n_rows, data_row, best_step, plateau.n_poor, pending.n, paired */
#define NUMBERS 6u  /* mean_loss, best_loss, held_out_loss, plateau.factor, pending.weight, pending.loss */

/* What is as by default is left out, as checkpoints before these options have it. */
static void describe_times(fmi_spec *spec, const fm_trainer_options *o) {
  const fmi_time_sampling *s = fmi_time_sampling_by_kind(o->time_sampling);
  const fmi_loss_weight *w = fmi_loss_weight_by_kind(o->loss_weight);
  if (o->time != NULL || s->kind != FM_TIME_UNIFORM)
    fmi_spec_text(spec, "trainer.time_sampling", o->time != NULL ? "callback" : s->name);
  if (o->time_a != 0) fmi_spec_double(spec, "trainer.time_a", o->time_a);
  if (o->time_b != 0) fmi_spec_double(spec, "trainer.time_b", o->time_b);
  if (o->weight != NULL || w->kind != FM_WEIGHT_CONSTANT)
    fmi_spec_text(spec, "trainer.loss_weight", o->weight != NULL ? "callback" : w->name);
  if (o->weight_a != 0) fmi_spec_double(spec, "trainer.weight_a", o->weight_a);
}

static void describe_coupling(fmi_spec *spec, const fm_trainer *t) {
  if (t->pairing.coupling == NULL) return;
  const fm_coupling_options *o = &t->pairing.coupling->options;
  fmi_spec_text(spec, "trainer.coupling", t->pairing.coupling->kind->name);
  fmi_spec_u64(spec, "trainer.coupling_max_iterations", o->max_iterations);
  fmi_spec_double(spec, "trainer.coupling_regularisation", o->regularisation);
  fmi_spec_double(spec, "trainer.coupling_relative_regularisation", o->relative_regularisation);
  fmi_spec_double(spec, "trainer.coupling_relaxation", o->relaxation);
  fmi_spec_double(spec, "trainer.coupling_tolerance", o->tolerance);
  fmi_spec_double(spec, "trainer.coupling_class_weight", o->class_weight);
  fmi_spec_double(spec, "trainer.coupling_condition_weight", o->condition_weight);
  if (o->cost != NULL) fmi_spec_text(spec, "trainer.coupling_cost", "callback");
}

/* What a plain training doesn't have is left out. */
static void describe_objective(fmi_spec *spec, const fm_trainer_options *o) {
  if (o->objective != FM_OBJECTIVE_MEAN_FLOW) return;
  fmi_spec_text(spec, "trainer.objective", "mean-flow");
  fmi_spec_double(spec, "trainer.mean_share", o->mean_share);
  fmi_spec_double(spec, "trainer.mean_weight_power", o->mean_weight_power);
  fmi_spec_double(spec, "trainer.mean_weight_offset", o->mean_weight_offset);
}

/* A prior's numbers by their hash: rows may be many. */
static void describe_prior(fmi_spec *spec, const fm_prior *prior) {
  for (size_t i = 0; i < fmi_prior_n_arrays(prior); i++) {
    uint64_t shape[3];
    fmi_prior_shape(prior->kind, i, prior->n, prior->dim, shape);
    const size_t bytes = fmi_tensor_on("", FMI_F64, NULL, shape).bytes;
    fmi_spec_u64(spec, fmi_prior_tensor(prior->kind, i, spec->keys[spec->n]),
                 fmi_hash(prior->arrays[i], bytes));
  }
}

static void describe(fmi_spec *spec, const fm_trainer *t) {
  const fm_optimizer_options *o = &t->optimizer->options;
  fmi_spec_flow(spec, "checkpoint", t->parts.net, t->parts.path, t->parts.prior);
  fmi_spec_text(spec, "optimizer.kind", t->optimizer->rule->name);
  fmi_spec_u64(spec, "optimizer.schedule", o->schedule);
  fmi_spec_double(spec, "optimizer.learning_rate", o->learning_rate);
  fmi_spec_double(spec, "optimizer.beta1", o->beta1);
  fmi_spec_double(spec, "optimizer.beta2", o->beta2);
  fmi_spec_double(spec, "optimizer.epsilon", o->epsilon);
  fmi_spec_double(spec, "optimizer.weight_decay", o->weight_decay);
  /* "none" is infinite, which has no text */
  fmi_spec_double(spec, "optimizer.clip_norm", isfinite(o->clip_norm) ? o->clip_norm : -1);
  fmi_spec_double(spec, "optimizer.final_fraction", o->final_fraction);
  fmi_spec_u64(spec, "optimizer.warmup_steps", (uint64_t)o->warmup_steps);
  fmi_spec_u64(spec, "optimizer.n_steps", o->n_steps);
  fmi_spec_double(spec, "optimizer.plateau_factor", o->plateau_factor);
  fmi_spec_u64(spec, "optimizer.plateau_patience", o->plateau_patience);
  fmi_spec_u64(spec, "trainer.seed", t->options.seed);
  fmi_spec_u64(spec, "trainer.batch", t->options.batch);
  fmi_spec_double(spec, "trainer.ema_decay", t->options.ema_decay);
  fmi_spec_double(spec, "trainer.label_dropout", t->options.label_dropout);
  describe_times(spec, &t->options);
  describe_coupling(spec, t);
  describe_objective(spec, &t->options);
  describe_prior(spec, t->parts.prior);
  fmi_spec_u64(spec, "trainer.accumulate", t->options.accumulate);
}

/* The tensors, in one table for writing and reading. Counters and numbers stand in the caller's block. */
typedef struct state {
  uint64_t counters[COUNTERS];
  double numbers[NUMBERS];
  fmi_tensor tensors[14];
  size_t n;
} state;

static void add(state *s, const char *name, fmi_dtype dtype, const void *data, size_t count) {
  if (count > 0) s->tensors[s->n++] = fmi_tensor_on(name, dtype, data, (uint64_t[3]){count, 0, 0});
}

/* best: whether there are weights of the lowest held-out loss; pending: whether micro-batches wait. */
static void list(state *s, const fm_trainer *t, bool best, bool pending) {
  const fm_net *net = t->parts.net;
  size_t n = net->n_params;
  s->n = 0;
  add(s, "counters", FMI_U64, s->counters, COUNTERS);
  add(s, "numbers", FMI_F64, s->numbers, NUMBERS);
  add(s, "normaliser.shift", FMI_F64, t->parts.normaliser->shift, net->dim);
  add(s, "normaliser.scale", FMI_F64, t->parts.normaliser->scale, net->dim);
  add(s, "cond_normaliser.shift", FMI_F64, t->parts.cond_normaliser->shift, net->cond_dim);
  add(s, "cond_normaliser.scale", FMI_F64, t->parts.cond_normaliser->scale, net->cond_dim);
  add(s, "params", FMI_REAL_DTYPE, t->params, n);
  add(s, "ema", FMI_REAL_DTYPE, t->ema, n);
  add(s, "optimizer.state", FMI_REAL_DTYPE, t->state, n * t->optimizer->rule->state_per_param);
  if (best) add(s, "best", FMI_REAL_DTYPE, t->best, 2 * n);
  if (pending) add(s, "pending", FMI_REAL_DTYPE, t->pending.grad, n);
}

fm_status fmi_checkpoint_write(fmi_memory *memory, const fm_trainer *t, const char *file, fmi_error *err) {
  fmi_spec spec = {.n = 0};
  state s = {
      .counters = {t->step, t->n_rows, t->data_row, t->best_step, t->plateau.n_poor, t->pending.n, t->paired},
      .numbers = {t->mean_loss, t->best_loss, t->held_out_loss, t->plateau.factor, t->pending.weight,
                  t->pending.loss}};
  describe(&spec, t);
  list(&s, t, t->best_step > 0, t->pending.n > 0);
  return fmi_safetensors_write(memory, file, spec.pairs, spec.n, s.tensors, s.n, err);
}

/* What a checkpoint says and the trainer doesn't: an option that is not the default. */
static fm_status check_no_more(const fmi_safetensors *st, const fmi_spec *mine, fmi_error *err) {
  for (size_t i = 0; i < st->n_pairs; i++) {
    const char *key = st->pairs[i].key;
    bool known = strcmp(key, FMI_CHECKSUM_KEY) == 0;
    for (size_t j = 0; j < mine->n && !known; j++) known = strcmp(key, mine->pairs[j].key) == 0;
    if (!known)
      return fmi_fail(err, FM_E_MISMATCH, "%s: the trainer has none, the checkpoint '%s'",
                      fmi_shown((char[FMI_SHOWN]){0}, key),
                      fmi_shown((char[FMI_SHOWN]){0}, st->pairs[i].value));
  }
  return FM_OK;
}

static fm_status check_same(const fmi_safetensors *st, const fm_trainer *t, fmi_error *err) {
  fmi_spec mine = {.n = 0};
  describe(&mine, t);
  for (size_t i = 0; i < mine.n; i++) {
    const char *value;
    if (strcmp(mine.pairs[i].key, "flowmatch.version") == 0) continue;
    value = fmi_safetensors_pair(st, mine.pairs[i].key);
    if (value == NULL)
      return fmi_fail(err, FM_E_MISMATCH, "%s: the trainer has '%.40s', the checkpoint none",
                      mine.pairs[i].key, mine.pairs[i].value);
    if (strcmp(value, mine.pairs[i].value) != 0)
      return fmi_fail(err, FM_E_MISMATCH, "%s: the trainer has '%.40s', the checkpoint '%s'",
                      mine.pairs[i].key, mine.pairs[i].value, fmi_shown((char[FMI_SHOWN]){0}, value));
  }
  return check_no_more(st, &mine, err);
}

/* What is read back into the trainer, and what only has to agree: the statistics. */
static bool is_statistics(const char *name) { return strstr(name, "normaliser.") != NULL; }

static fm_status check_tensors(const fmi_safetensors *st, const state *s, fmi_error *err) {
  for (size_t i = 0; i < s->n; i++) {
    const fmi_tensor *mine = &s->tensors[i];
    const void *data;
    FMI_TRY(fmi_tensor_get(st, mine->name, mine->dtype, (uint64_t[3]){mine->shape[0], 0, 0}, &data, err));
    if (is_statistics(mine->name) && memcmp(data, mine->data, mine->bytes) != 0)
      return fmi_fail(err, FM_E_MISMATCH,
                      "%s: the trainer's differs from the checkpoint's; was the data changed?", mine->name);
    for (size_t j = 0; mine->dtype == FMI_REAL_DTYPE && j < mine->shape[0]; j++)
      if (!isfinite(((const real *)data)[j]))
        return fmi_fail(err, FM_E_NONFINITE, "tensor '%s': expected finite numbers, found %g at %zu",
                        mine->name, (double)((const real *)data)[j], j);
  }
  return FM_OK;
}

/* Of the numbers that steer training on. */
static fm_status check_numbers(const fmi_safetensors *st, const fm_trainer *t, bool pending, fmi_error *err) {
  const uint64_t *counters = fmi_safetensors_tensor(st, "counters")->data;
  const double *numbers = fmi_safetensors_tensor(st, "numbers")->data;
  for (size_t i = 0; i < NUMBERS; i++)
    if (!isfinite(numbers[i]))
      return fmi_fail(err, FM_E_NONFINITE, "tensor 'numbers': expected finite numbers, found %g at %zu",
                      numbers[i], i);
  if (numbers[3] < 0 || numbers[3] > 1)
    return fmi_fail(err, FM_E_FORMAT, "tensor 'numbers': expected a rate's factor from 0 to 1, found %g",
                    numbers[3]);
  if (counters[5] >= t->options.accumulate || pending != (counters[5] > 0))
    return fmi_fail(
        err, FM_E_FORMAT,
        "tensor 'counters': expected fewer than %llu waiting micro-batches, and tensor 'pending' if "
        "there are any, found %llu",
        (unsigned long long)t->options.accumulate, (unsigned long long)counters[5]);
  if (numbers[4] < 0)
    return fmi_fail(err, FM_E_FORMAT, "tensor 'numbers': expected a sum of weights of 0 or more, found %g",
                    numbers[4]);
  return FM_OK;
}

static fm_status read_into(const fmi_runtime *rt, fm_trainer *t, const fmi_safetensors *st, fmi_error *err) {
  state s = {.n = 0};
  FMI_TRY(fmi_spec_check(st, "checkpoint", err));
  FMI_TRY(check_same(st, t, err));
  bool best = fmi_safetensors_tensor(st, "best") != NULL;
  if (best && t->best == NULL) FMI_TRY(fmi_trainer_make_best(rt->memory, t, err));
  bool pending = t->pending.grad != NULL && fmi_safetensors_tensor(st, "pending") != NULL;
  list(&s, t, best, pending);
  FMI_TRY(check_tensors(st, &s, err));
  FMI_TRY(check_numbers(st, t, pending, err));
  /* Nothing can fail from here on but threads: the trainer is never half loaded. */
  for (size_t i = 0; i < s.n; i++)
    if (!is_statistics(s.tensors[i].name))
      memcpy((void *)(uintptr_t)s.tensors[i].data, fmi_safetensors_tensor(st, s.tensors[i].name)->data,
             s.tensors[i].bytes);
  t->step = s.counters[0];
  t->n_rows = s.counters[1];
  t->data_row = s.counters[2];
  t->best_step = !best ? 0 : s.counters[3] < t->step ? s.counters[3] : t->step;
  t->paired = t->paired || s.counters[6] != 0;
  t->mean_loss = s.numbers[0];
  t->best_loss = s.numbers[1];
  t->held_out_loss = s.numbers[2];
  t->plateau = (fmi_plateau){.factor = s.numbers[3], .n_poor = s.counters[4]};
  t->pending.n = s.counters[5];
  t->pending.weight = s.numbers[4];
  t->pending.loss = s.numbers[5];
  return fmi_trainer_pack(rt, t, t->params, t->packed, err);
}

fm_status fmi_checkpoint_read(const fmi_runtime *rt, fm_trainer *t, const void *bytes, size_t n_bytes,
                              fmi_error *err) {
  fmi_safetensors st;
  FMI_TRY(fmi_safetensors_parse(rt->memory, bytes, n_bytes, &st, err));
  fm_status status = read_into(rt, t, &st, err);
  fmi_safetensors_free(&st);
  return status;
}
