/* optimizer.h - update rules and the learning rate's schedule. */
#ifndef FMI_OPTIMIZER_H
#define FMI_OPTIMIZER_H

#include "kern/kern.h"

/* A piece of the parameters, so that pieces can be updated side by side. */
typedef struct fmi_update {
  const fmi_kernels *kernels;
  const fm_optimizer_options *options;
  uint64_t step;     /* from 1 */
  double rate;       /* of this step */
  double grad_scale; /* multiplies the gradient: clipping and the mean over rows */
  size_t n_params;   /* the state block is state_per_param arrays of this length */
  size_t first, n;   /* the piece */
  const real *grad;
  real *params, *state;
} fmi_update;

typedef struct fmi_rule {
  uint32_t kind;
  const char *name;
  size_t state_per_param;
  void (*update)(const fmi_update *u);
} fmi_rule;

struct fm_optimizer {
  fmi_object object;
  const fmi_rule *rule;
  fm_optimizer_options options; /* defaults filled in; "none" is 0 (clip_norm: infinity) */
};

fm_optimizer *fmi_optimizer_new(fmi_memory *memory, const fm_optimizer_options *options, fmi_error *err);
double fmi_optimizer_rate(const fm_optimizer *optimizer, uint64_t step);
/* The factor that bounds a gradient of this norm. */
double fmi_optimizer_clip(const fm_optimizer *optimizer, double norm);
#endif
