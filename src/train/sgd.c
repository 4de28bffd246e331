/* sgd.c - stochastic gradient descent with momentum (Polyak 1964), and with Nesterov's in the form that takes
   the gradient at the weights themselves (Bengio et al. 2013, "Advances in Optimizing Recurrent Networks"):

     b = momentum b + g,    p -= rate b    or    p -= rate (g + momentum b)

   Momentum is beta1. State: b. Weight decay is decoupled (Loshchilov & Hutter 2019). */
#include "train/optimizer.h"

static void update(const fmi_update *u, bool nesterov) {
  const real scale = (real)u->grad_scale, momentum = (real)u->options->beta1, rate = (real)u->rate;
  const real keep = (real)(1 - u->rate * u->options->weight_decay);
  const real *g = u->grad + u->first;
  real *p = u->params + u->first, *b = u->state + u->first;
  for (size_t i = 0; i < u->n; i++) {
    real slope = g[i] * scale;
    b[i] = momentum * b[i] + slope;
    p[i] = p[i] * keep - rate * (nesterov ? slope + momentum * b[i] : b[i]);
  }
}

static void plain(const fmi_update *u) { update(u, false); }
const fmi_rule fmi_rule_sgd = {.kind = FM_OPTIMIZER_SGD,
                               .name = "sgd",
                               .learning_rate = 1e-2,
                               .beta1 = 0.9,
                               .state_per_param = 1,
                               .update = plain};

static void look_ahead(const fmi_update *u) { update(u, true); }
const fmi_rule fmi_rule_nesterov = {.kind = FM_OPTIMIZER_NESTEROV,
                                    .name = "nesterov",
                                    .learning_rate = 1e-2,
                                    .beta1 = 0.9,
                                    .state_per_param = 1,
                                    .update = look_ahead};
