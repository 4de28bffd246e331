/* plot.h - the pictures that the commands draw: points, a loss curve, a sheet of images. */
#ifndef CLI_PLOT_H
#define CLI_PLOT_H

#include "cli/canvas.h"

/* ---- axes ------------------------------------------------------------------------------------------ */

typedef struct axis {
  double low, high;  /* the data's range on it */
  bool logarithmic;  /* low > 0 */
  const char *title; /* may be NULL */
  int from, to;      /* the pixels of low and high; plot_axes sets them */
} axis;

/* Lays the axes out, within the canvas less `right` pixels for a legend, and draws all but the data. */
void plot_axes(canvas *c, axis *x, axis *y, const char *title, int right);
double plot_place(const axis *a, double value); /* the pixel of a value */

/* ---- pictures: each is created here and freed by the caller ------------------------------------------ */

/* Points xy [n][2]; labels [n] gives their classes, NULL if there are none. */
canvas plot_scatter(const double *xy, const int32_t *labels, size_t n, uint32_t n_classes,
                    const char *const titles[2]);

typedef struct loss_curve {
  float *loss; /* [n]: of each step */
  size_t n, capacity;
  uint64_t first_step; /* the number of the first one */
  double held_out;     /* negative: not known */
} loss_curve;

void loss_curve_add(loss_curve *curve, uint64_t step, double loss);
void loss_curve_free(loss_curve *curve);
canvas plot_loss(const loss_curve *curve, const char *title);

typedef struct image_sheet {
  size_t height, width, channels; /* of an image; channels 1 or 3 */
  double low, high;               /* black and white; equal: the range of the pixels */
} image_sheet;

/* n images [n][height][width][channels], side by side from the left, as often as needed below. labels [n]:
   a row of the sheet for each run of equal ones, with the class in front; NULL: as square as may be. False
   if the sheet would be too large, which is reported. */
bool plot_images(const image_sheet *sheet, const double *images, const int32_t *labels, size_t n,
                 canvas *out);

#endif
