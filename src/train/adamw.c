/* adamw.c - Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019). State: first
   moments, then second moments. */
#include "train/optimizer.h"

#include <math.h>

static void update(const fmi_update *u) {
  const fm_optimizer_options *o = u->options;
  double step = (double)u->step;
  fmi_adamw a = {.beta1 = (real)o->beta1,
                 .beta2 = (real)o->beta2,
                 .epsilon = (real)o->epsilon,
                 .step_size = (real)(u->rate / (1 - pow(o->beta1, step))),
                 .correction = (real)(1 / sqrt(1 - pow(o->beta2, step))),
                 .decay = (real)(u->rate * o->weight_decay),
                 .grad_scale = (real)u->grad_scale};
  u->kernels->adamw(u->params + u->first, u->state + u->first, u->state + u->n_params + u->first,
                    u->grad + u->first, u->n, &a);
}

const fmi_rule fmi_rule_adamw = {.kind = FM_OPTIMIZER_ADAMW,
                                 .name = "adamw",
                                 .learning_rate = 1e-3,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .state_per_param = 2,
                                 .update = update};
