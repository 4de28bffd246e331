/* plot_densities.c - how the density flows from the source to the data, and where the data's is. */
#include "cli/density.h"
#include "cli/plot.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PANEL 224
#define LEAST_HEIGHT 120
#define MOST_HEIGHT 320
#define OUTSIDE .004 /* of the points at either end of an axis: a lone one shouldn't shrink all others */
#define SHADES 96    /* more are not seen, and make the file larger */

static int compare(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Widens a to a column of points [n][2] but for the outermost. */
static void include(axis *a, const double *column, size_t n) {
  double *sorted = cli_alloc(n, sizeof *sorted);
  for (size_t i = 0; i < n; i++) sorted[i] = column[2 * i];
  qsort(sorted, n, sizeof *sorted, compare);
  size_t skip = (size_t)(OUTSIDE * (double)n);
  a->low = fmin(a->low, sorted[skip]);
  a->high = fmax(a->high, sorted[n - 1 - skip]);
  free(sorted);
}

static axis axis_of(const double *xy, size_t n_times, size_t n, const double *data, size_t n_data,
                    const char *title) {
  axis a = {.low = DBL_MAX, .high = -DBL_MAX};
  for (size_t k = 0; k < n_times; k++) include(&a, xy + k * n * 2, n);
  if (n_data > 0) include(&a, data, n_data);
  const double ends[4] = {a.low, 0, a.high, 0};
  return plot_range(ends, 2, title);
}

/* Tall enough that a unit has one length on both axes, within reason. */
static int height_of(const axis *x, const axis *y) {
  double height = PANEL * (y->high - y->low) / (x->high - x->low);
  if (height > 2.5 * PANEL || height < .4 * PANEL) return PANEL; /* other units */
  return (int)fmin(MOST_HEIGHT, fmax(LEAST_HEIGHT, height));
}

static void draw_density(canvas *c, const axis *x, const axis *y, size_t panel, const double *points,
                         size_t n, const colour shades[SHADES]) {
  size_t width = (size_t)(x->to - x->from), height = (size_t)(y->from - y->to);
  double *cells = cli_alloc(width * height, sizeof *cells), highest = 0;
  density_estimate(points, n, (const double[]){x->low, y->low}, (const double[]){x->high, y->high}, width,
                   height, cells);
  for (size_t i = 0; i < width * height; i++) highest = fmax(highest, cells[i]);
  for (size_t i = 0; i < width * height; i++) {
    double part = highest > 0 ? cells[i] / highest : 0;
    canvas_rectangle(c, plot_panel_left(x, panel) + (int)(i % width), y->from - 1 - (int)(i / width), 1, 1,
                     shades[(size_t)(part * (SHADES - 1) + .5)], 1);
  }
  free(cells);
}

canvas plot_densities(const double *xy, const double *times, size_t n_times, size_t n, const double *data,
                      size_t n_data, const char *const titles[2]) {
  axis x = axis_of(xy, n_times, n, data, n_data, titles[0]);
  axis y = axis_of(xy + 1, n_times, n, data + 1, n_data, titles[1]);
  colour shades[SHADES];
  for (size_t i = 0; i < SHADES; i++) shades[i] = colour_map((double)i / (SHADES - 1));
  canvas c = plot_panels(&x, &y, n_times + (n_data > 0), PANEL, height_of(&x, &y),
                         "Density: dark is 0, pale the highest of a panel");
  for (size_t k = 0; k < n_times; k++) {
    char name[48];
    const char *what = times[k] == 0 ? " source" : times[k] == 1 ? " samples" : "";
    snprintf(name, sizeof name, "t = %g%s", times[k], what);
    plot_panel_name(&c, &x, &y, k, name);
    draw_density(&c, &x, &y, k, xy + k * n * 2, n, shades);
  }
  if (n_data == 0) return c;
  plot_panel_name(&c, &x, &y, n_times, "data");
  draw_density(&c, &x, &y, n_times, data, n_data, shades);
  return c;
}
