/* time.h - at which times training looks, and with which weight. */
#ifndef FMI_TIME_H
#define FMI_TIME_H

#include "path/path.h"

/* A distribution of t: a number from two independent uniforms in (0, 1). */
typedef struct fmi_time_sampling {
  uint32_t kind;
  const char *name;                                       /* in checkpoints */
  double (*draw)(double u, double v, double a, double b); /* in [0, 1] */
  struct {
    double fallback, least, most; /* given as 0 it is fallback; least = most = 0: there is none */
  } a, b;
} fmi_time_sampling;

/* A weight of the loss as a function of time and the path's coefficients there. */
typedef struct fmi_loss_weight {
  uint32_t kind;
  const char *name;
  double (*at)(double t, const fm_path_coefficients *c, double a);
  double a_fallback, a_most; /* the parameter's default and bound; 0: there is none */
  bool needs_conversion;     /* is about x1 or x0, which only paths without gamma tell from the velocity */
} fmi_loss_weight;

/* Kind 0 is the first: uniform, constant. NULL: unknown. */
const fmi_time_sampling *fmi_time_sampling_by_kind(uint32_t kind);
const fmi_loss_weight *fmi_loss_weight_by_kind(uint32_t kind);

/* Checks what the options say about times and weights, on the path, and fills in the defaults. */
fm_status fmi_time_options(fm_trainer_options *options, const fm_path *path, fmi_error *err);

/* Times t [n] of rows first_row .. of the noise that seed names, and the weight of each: weight [n]. Without
   `train` uniform times and weight 1. uniforms [n][2]: room for the caller's function. */
typedef struct fmi_time_draw {
  const fm_trainer_options *options;
  const fm_path *path;
  uint64_t seed, first_row;
  size_t n;
  bool train;
  double *t, *weight, *uniforms;
  double
      *ends; /* [n] second times: a share of rows gets another draw, the later of both, the rest t. Or NULL */
  double share;
} fmi_time_draw;
fm_status fmi_times_draw(const fmi_time_draw *draw, fmi_error *err);
#endif
