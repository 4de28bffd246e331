/* optimizer.c - the handle: a rule, its numbers, and the schedule of its rate. */
#include "train/optimizer.h"

#include <math.h>

#define FMI_OPTIMIZER(name) extern const fmi_rule fmi_rule_##name;
#include "train/optimizer_list.def"
#undef FMI_OPTIMIZER

static const fmi_rule *const rules[] = {
#define FMI_OPTIMIZER(name) &fmi_rule_##name,
#include "train/optimizer_list.def"
#undef FMI_OPTIMIZER
};

static const fmi_rule *rule_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(rules); i++)
    if (rules[i]->kind == kind) return rules[i];
  return NULL;
}

static double or_default(double value, double if_zero) { return value == 0 ? if_zero : value; }

static fm_status check(const fm_optimizer_options *o, fmi_error *err) {
  const struct {
    const char *name;
    double value, low, high; /* low <= value < high */
  } fields[] = {{"learning_rate", o->learning_rate, 0, 1e6},
                {"beta1", o->beta1, 0, 1},
                {"beta2", o->beta2, 0, 1},
                {"epsilon", o->epsilon, 0, 1e6},
                {"weight_decay", o->weight_decay, 0, 1e6},
                {"final_fraction", o->final_fraction, 0, 1e6}};
  for (size_t i = 0; i < FMI_COUNT(fields); i++)
    if (!(fields[i].value >= fields[i].low && fields[i].value < fields[i].high))
      return fmi_fail(err, FM_E_INVALID, "optimizer_options.%s: expected %g or more and below %g, found %g",
                      fields[i].name, fields[i].low, fields[i].high, fields[i].value);
  if (isnan(o->clip_norm))
    return fmi_fail(err, FM_E_INVALID, "optimizer_options.clip_norm: expected a number, found NaN");
  return FM_OK;
}

fm_optimizer *fmi_optimizer_new(fmi_memory *memory, const fm_optimizer_options *given, fmi_error *err) {
  fm_optimizer_options o = *given;
  if (o.kind == 0) o.kind = FM_OPTIMIZER_ADAMW;
  if (o.schedule == 0) o.schedule = FM_SCHEDULE_COSINE;
  const fmi_rule *rule = rule_by_kind(o.kind);
  if (rule == NULL || o.schedule > FM_SCHEDULE_CONSTANT) {
    fmi_fail(err, FM_E_UNSUPPORTED, "optimizer_options.%s: expected a FM_%s_ constant, found %u",
             rule ? "schedule" : "kind", rule ? "SCHEDULE" : "OPTIMIZER",
             (unsigned)(rule ? o.schedule : o.kind));
    return NULL;
  }
  if (o.n_steps == 0) o.n_steps = 5000;
  o.learning_rate = or_default(o.learning_rate, 1e-3);
  o.beta1 = o.beta1 < 0 ? 0 : or_default(o.beta1, 0.9);
  o.beta2 = o.beta2 < 0 ? 0 : or_default(o.beta2, 0.999);
  o.epsilon = or_default(o.epsilon, 1e-8);
  o.clip_norm = o.clip_norm < 0 ? INFINITY : or_default(o.clip_norm, 1);
  o.final_fraction = o.final_fraction < 0 ? 0 : or_default(o.final_fraction, 0.01);
  if (o.warmup_steps == 0) o.warmup_steps = (int64_t)(o.n_steps / 10 < 500 ? o.n_steps / 10 : 500);
  if (o.warmup_steps < 0) o.warmup_steps = 0;
  if (check(&o, err) != FM_OK) return NULL;
  fm_optimizer *optimizer = fmi_object_create(memory, sizeof *optimizer, fmi_object_free, err);
  if (optimizer == NULL) return NULL;
  optimizer->rule = rule;
  optimizer->options = o;
  return optimizer;
}

double fmi_optimizer_rate(const fm_optimizer *optimizer, uint64_t step) {
  const fm_optimizer_options *o = &optimizer->options;
  uint64_t warmup = (uint64_t)o->warmup_steps;
  if (step < warmup) return o->learning_rate * (double)step / (double)warmup;
  if (o->schedule == FM_SCHEDULE_CONSTANT || o->n_steps <= warmup) return o->learning_rate;
  double along = step >= o->n_steps ? 1 : (double)(step - warmup) / (double)(o->n_steps - warmup);
  double half_cosine = 0.5 * (1 + cos(3.14159265358979323846 * along));
  return o->learning_rate * (o->final_fraction + (1 - o->final_fraction) * half_cosine);
}

double fmi_optimizer_clip(const fm_optimizer *optimizer, double norm) {
  double bound = optimizer->options.clip_norm / (norm + 1e-6);
  return bound < 1 ? bound : 1;
}
