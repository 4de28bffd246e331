/* mean_flow.h - targets of a network that learns a mean velocity. */
#ifndef FMI_MEAN_FLOW_H
#define FMI_MEAN_FLOW_H

#include "model/model.h"

/* A worker's rows with r > t, gathered, and their tangents; all of a tile's length. */
typedef struct fmi_mean_flow_slot {
  fmi_workspace work;
  size_t *row; /* of the batch */
  real *x, *dx, *cond;
  int32_t *labels;
  double *t, *dt; /* [tile][2] */
} fmi_mean_flow_slot;

/* Checks what the options say about the objective, and that net and path can have it; fills in defaults. */
fm_status fmi_mean_flow_options(fm_trainer_options *options, const fmi_parts *parts, fmi_error *err);

/* The rest does nothing for other objectives. */
fm_status fmi_mean_flow_plan(fm_trainer *trainer, const fmi_runtime *rt, fmi_error *err);
void fmi_mean_flow_carve(const fm_trainer *trainer, fmi_arena *arena, fmi_mean_flow_slot *slot);
/* Rows first .. first + n of the batch: their times as the network takes them. */
void fmi_mean_flow_times(const fm_trainer *trainer, size_t first, size_t n);
/* Makes the target of rows with r > t of their velocity in ut. Their inputs must be in place. */
fm_status fmi_mean_flow_targets(const fm_trainer *trainer, const fmi_weights *weights,
                                fmi_mean_flow_slot *slot, size_t first, size_t n, fmi_error *err);
/* The adaptive weight of a row on the gradient d [dim] of its loss, the mean square error. */
void fmi_mean_flow_weigh(const fm_trainer *trainer, double loss, real *d);
#endif
