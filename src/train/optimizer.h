/* optimizer.h - update rules and the learning rate's schedule. */
#ifndef FMI_OPTIMIZER_H
#define FMI_OPTIMIZER_H

#include "net/net.h"

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
  void *scratch; /* fmi_optimizer_scratch bytes, 64-byte aligned */
} fmi_update;

/* An update rule: one file or a block of one, and one line in optimizer_list.def. Decay is decoupled. */
typedef struct fmi_rule {
  uint32_t kind;
  const char *name;
  double learning_rate, beta1, beta2; /* defaults */
  size_t state_per_param;
  /* Any piece, element by element. */
  void (*update)(const fmi_update *u);
  /* NULL, or the rule of whole weight matrices [rows][columns]: fmi_optimizer_is_matrix. Each is taken by one
     worker, so that bits don't depend on threads. */
  void (*update_matrix)(const fmi_update *u, size_t rows, size_t columns);
  size_t (*matrix_scratch)(size_t rows, size_t columns); /* bytes; with update_matrix */
} fmi_rule;

#define FMI_OPTIMIZER(name) extern const fmi_rule fmi_rule_##name;
#include "train/optimizer_list.def"
#undef FMI_OPTIMIZER

extern const fmi_rule *const fmi_rule_list[];
extern const size_t fmi_rule_count;

/* How the rate falls after its warm-up: one block in schedule.c and one line in schedule_list.def. */
typedef struct fmi_decay {
  uint32_t kind;
  double (*share)(double along, double final_fraction);
  bool by_held_out_loss; /* evaluations lower it further: fmi_plateau_judge */
} fmi_decay;

struct fm_optimizer {
  fmi_object object;
  const fmi_rule *rule;
  const fmi_decay *decay;
  fm_optimizer_options options; /* defaults filled in; "none" is 0 (clip_norm: infinity) */
};

fm_optimizer *fmi_optimizer_new(fmi_memory *memory, const fm_optimizer_options *options, fmi_error *err);
double fmi_optimizer_rate(const fm_optimizer *optimizer, uint64_t step);
/* The factor that bounds a gradient of this norm. */
double fmi_optimizer_clip(const fm_optimizer *optimizer, double norm);

/* Whether the rule takes the node's weights as a whole: matrices of two rows and columns or more, but not
   those that make the net's output. */
bool fmi_optimizer_is_matrix(const fm_optimizer *optimizer, const fmi_node *node);
/* Bytes that updating any node of the net needs. */
size_t fmi_optimizer_scratch(const fm_optimizer *optimizer, const fm_net *net);
/* Updates one node's parameters; first and n of `u` are set here. */
void fmi_optimizer_update_node(const fm_optimizer *optimizer, const fmi_node *node, fmi_update u);

/* What evaluations have made of the rate. */
typedef struct fmi_plateau {
  double factor;   /* of the rate; 1 at the start */
  uint64_t n_poor; /* evaluations since the loss improved, or the factor fell */
} fmi_plateau;
/* After an evaluation. */
void fmi_plateau_judge(const fm_optimizer *optimizer, fmi_plateau *plateau, bool improved);
#endif
