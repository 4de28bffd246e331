/* guide.h - what a guided sampler has besides: the second network's plan, the way back through the first, and
   what rows bring. */
#ifndef FMI_GUIDE_H
#define FMI_GUIDE_H

#include "flowmatch_guide.h"
#include "model/model.h"

typedef struct fmi_guide {
  fm_guidance_options options;  /* with defaults filled in */
  const fm_model *weaker;       /* or NULL: the null condition */
  fmi_plan *back;               /* of the model's net with the way back, if a gradient may be asked for */
  fmi_plan *second;             /* of the weaker model's, likewise; NULL: the model's own plans do */
  real *packed, *second_packed; /* weights for the two, if they go back; models are packed for one way only */
} fmi_guide;

/* What rows of a draw bring; all NULL: nothing. */
typedef struct fmi_known {
  const double *weights; /* [n] */
  const float *f32;      /* [n][dim] known values in the data's units, one of the two */
  const double *f64;
  const float *mask; /* [n][dim] or NULL: known where it is not NaN */
} fmi_known;

/* A worker's share; of a tile's rows, or of the rows of one evaluation. */
typedef struct fmi_guide_slot {
  fmi_workspace back, second;
  double *x0, *known, *mask; /* [tile][dim] of the tile; known is normalised, 0 where mask is */
  double *x;                 /* [n][dim] states with their replaced columns */
  double *other;             /* [n][dim] the second velocity */
  double *weights;           /* [n]; 1: no second velocity */
  real *second_x;            /* [n][dim] and [n]: what a weaker model's network sees */
  double *second_t;
  double *x1, *units; /* [n][dim] predicted data ends, normalised and in the data's units */
  double *gradient;   /* [n][dim] */
  real *d_x;          /* [n][dim] of one way back */
} fmi_guide_slot;

/* fm_prefix_mask. */
void fmi_prefix_mask(size_t length, size_t channels, size_t frozen, size_t overlap, float *out);

#endif
