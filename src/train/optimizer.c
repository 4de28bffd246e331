/* optimizer.c - the handle: a rule, its numbers, and the schedule of its rate. */
#include "train/optimizer.h"

#include <math.h>

const fmi_rule *const fmi_rule_list[] = {
#define FMI_OPTIMIZER(name) &fmi_rule_##name,
#include "train/optimizer_list.def"
#undef FMI_OPTIMIZER
};
const size_t fmi_rule_count = FMI_COUNT(fmi_rule_list);

#define FMI_DECAY(name) extern const fmi_decay fmi_decay_##name;
#include "train/schedule_list.def"
#undef FMI_DECAY

static const fmi_decay *const decays[] = {
#define FMI_DECAY(name) &fmi_decay_##name,
#include "train/schedule_list.def"
#undef FMI_DECAY
};

static const fmi_rule *rule_by_kind(uint32_t kind) {
  for (size_t i = 0; i < fmi_rule_count; i++)
    if (fmi_rule_list[i]->kind == kind) return fmi_rule_list[i];
  return NULL;
}

static const fmi_decay *decay_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(decays); i++)
    if (decays[i]->kind == kind) return decays[i];
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
                {"final_fraction", o->final_fraction, 0, 1e6},
                {"plateau_factor", o->plateau_factor, 0, 1}};
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
  const fmi_decay *decay = decay_by_kind(o.schedule);
  if (rule == NULL || decay == NULL) {
    fmi_fail(err, FM_E_UNSUPPORTED, "optimizer_options.%s: expected a FM_%s_ constant, found %u",
             rule ? "schedule" : "kind", rule ? "SCHEDULE" : "OPTIMIZER",
             (unsigned)(rule ? o.schedule : o.kind));
    return NULL;
  }
  if (o.n_steps == 0) o.n_steps = 5000;
  o.learning_rate = or_default(o.learning_rate, rule->learning_rate);
  o.beta1 = o.beta1 < 0 ? 0 : or_default(o.beta1, rule->beta1);
  o.beta2 = o.beta2 < 0 ? 0 : or_default(o.beta2, rule->beta2);
  o.epsilon = or_default(o.epsilon, 1e-8);
  o.clip_norm = o.clip_norm < 0 ? INFINITY : or_default(o.clip_norm, 1);
  o.final_fraction = o.final_fraction < 0 ? 0 : or_default(o.final_fraction, 0.01);
  if (o.warmup_steps == 0) o.warmup_steps = (int64_t)(o.n_steps / 10 < 500 ? o.n_steps / 10 : 500);
  if (o.warmup_steps < 0) o.warmup_steps = 0;
  o.plateau_factor = or_default(o.plateau_factor, 0.5);
  if (o.plateau_patience == 0) o.plateau_patience = 5;
  if (check(&o, err) != FM_OK) return NULL;
  fm_optimizer *optimizer = fmi_object_create(memory, sizeof *optimizer, fmi_object_free, err);
  if (optimizer == NULL) return NULL;
  optimizer->rule = rule;
  optimizer->decay = decay;
  optimizer->options = o;
  return optimizer;
}

double fmi_optimizer_rate(const fm_optimizer *optimizer, uint64_t step) {
  const fm_optimizer_options *o = &optimizer->options;
  uint64_t warmup = (uint64_t)o->warmup_steps;
  if (step < warmup) return o->learning_rate * (double)step / (double)warmup;
  if (o->n_steps <= warmup) return o->learning_rate;
  double along = step >= o->n_steps ? 1 : (double)(step - warmup) / (double)(o->n_steps - warmup);
  return o->learning_rate * optimizer->decay->share(along, o->final_fraction);
}

void fmi_plateau_judge(const fm_optimizer *optimizer, fmi_plateau *plateau, bool improved) {
  if (!optimizer->decay->by_held_out_loss) return;
  plateau->n_poor = improved ? 0 : plateau->n_poor + 1;
  if (plateau->n_poor < optimizer->options.plateau_patience) return;
  plateau->factor *= optimizer->options.plateau_factor;
  plateau->n_poor = 0;
}

double fmi_optimizer_clip(const fm_optimizer *optimizer, double norm) {
  double bound = optimizer->options.clip_norm / (norm + 1e-6);
  return bound < 1 ? bound : 1;
}

bool fmi_optimizer_is_matrix(const fm_optimizer *optimizer, const fmi_node *node) {
  return optimizer->rule->update_matrix && node->weight_out > 1 && node->weight_in > 1 && !node->at_output;
}

size_t fmi_optimizer_scratch(const fm_optimizer *optimizer, const fm_net *net) {
  size_t most = 0;
  for (size_t i = 0; i < net->n_nodes; i++) {
    const fmi_node *node = &net->nodes[i];
    if (fmi_optimizer_is_matrix(optimizer, node))
      most = fmi_max(most, optimizer->rule->matrix_scratch(node->weight_out, node->weight_in));
  }
  return most;
}

void fmi_optimizer_update_node(const fm_optimizer *optimizer, const fmi_node *node, fmi_update u) {
  const bool matrix = fmi_optimizer_is_matrix(optimizer, node);
  u.first = node->params;
  u.n = matrix ? node->weight_out * node->weight_in : 0;
  if (matrix) optimizer->rule->update_matrix(&u, node->weight_out, node->weight_in);
  u.first += u.n;
  u.n = node->n_params - u.n;
  optimizer->rule->update(&u);
}
