/* plot.h - the pictures that the commands draw: points, a flow, densities, loss curves, a sheet of images. */
#ifndef CLI_PLOT_H
#define CLI_PLOT_H

#include "cli/canvas.h"
#include "cli/curve_note.h"

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

/* The range of a column of points [n][2] and a little around it. */
axis plot_range(const double *column, size_t n, const char *title);
/* Where two ranges are much alike, a unit is given the same length on both: circles stay round. shape is the
   axes' height by their width. */
void plot_match_units(axis *x, axis *y, double shape);

/* A canvas for n panels of width by height pixels side by side on the same axes, with all but what is in the
   panels. x and y become the first panel's; panel k begins plot_panel_left pixels from the left. */
canvas plot_panels(axis *x, axis *y, size_t n, int width, int height, const char *title);
int plot_panel_left(const axis *x, size_t k);
void plot_panel_name(canvas *c, const axis *x, const axis *y, size_t k, const char *name);

/* ---- pictures: each is created here and freed by the caller ------------------------------------------ */

/* Points xy [n][2]; labels [n] gives their classes, NULL if there are none. */
canvas plot_scatter(const double *xy, const int32_t *labels, size_t n, uint32_t n_classes,
                    const char *const titles[2]);

/* States xy [n_times][n][2] at times 0 to 1, joined row by row, with data [n_data][2] behind them. */
canvas plot_flow(const double *xy, const double *times, size_t n_times, size_t n, const double *data,
                 size_t n_data, const char *const titles[2]);

/* The densities of states xy [n_times][n][2] side by side, and, unless n_data is 0, of data [n_data][2]. */
canvas plot_densities(const double *xy, const double *times, size_t n_times, size_t n, const double *data,
                      size_t n_data, const char *const titles[2]);

/* The loss as a model remembers it; kept: the step that its weights are of. */
canvas plot_history(const curve_note *history, uint64_t kept);

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
