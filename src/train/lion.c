/* lion.c - Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2): every
   weight moves by the rate, along the sign of an average of gradients,

     p -= rate (sign(beta1 m + (1 - beta1) g) + decay p),    m = beta2 m + (1 - beta2) g.

   State: m. */
#include "train/optimizer.h"

static void update(const fmi_update *u) {
  const fm_optimizer_options *o = u->options;
  const real scale = (real)u->grad_scale, rate = (real)u->rate;
  const real beta1 = (real)o->beta1, beta2 = (real)o->beta2, fresh1 = 1 - beta1, fresh2 = 1 - beta2;
  const real keep = (real)(1 - u->rate * o->weight_decay);
  const real *g = u->grad + u->first;
  real *p = u->params + u->first, *m = u->state + u->first;
  for (size_t i = 0; i < u->n; i++) {
    real slope = g[i] * scale, along = beta1 * m[i] + fresh1 * slope;
    m[i] = beta2 * m[i] + fresh2 * slope;
    p[i] = p[i] * keep - (along > 0 ? rate : along < 0 ? -rate : 0);
  }
}

const fmi_rule fmi_rule_lion = {.kind = FM_OPTIMIZER_LION,
                                .name = "lion",
                                .learning_rate = 1e-4,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .state_per_param = 1,
                                .update = update};
