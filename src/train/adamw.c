/* adamw.c - Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019). State: first
   moments, then second moments. */
#include "train/optimizer.h"

#include <float.h>
#include <math.h>

/* Below 1 in float too: corrections stay finite. */
static real rounded(double beta) { return (real)fmin(beta, 1 - 0x1p-24); }

/* The corrections are those of the rounded betas, which the moments are made with: 1 - 0.999f is 1.3e-5 away
   from 0.001, and that much would be missing from second moments early or late. */
static void update(const fmi_update *u) {
  const fm_optimizer_options *o = u->options;
  const real beta1 = rounded(o->beta1), beta2 = rounded(o->beta2);
  const double step = (double)u->step;
  fmi_adamw a = {.beta1 = beta1,
                 .beta2 = beta2,
                 .epsilon = (real)fmax(o->epsilon, (double)FLT_MIN), /* 0 / 0 where a gradient is always 0 */
                 .step_size = (real)(u->rate / (1 - pow((double)beta1, step))),
                 .correction = (real)(1 / sqrt(1 - pow((double)beta2, step))),
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
