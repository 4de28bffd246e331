/* density.c - how dense points lie, on a grid. */
#include "cli/density.h"

#include <math.h>
#include <string.h>

#define NARROWEST .8 /* cells: of the Gaussians that are tried */
#define STEP 1.25
#define N_WIDTHS 18
#define REACH 4      /* deviations */
#define AS_GOOD .006 /* log-likelihood of a point: the widest of those that are as good looks smoothest */
#define EVERYWHERE                                                                                           \
  .01 /* of the points are taken to lie anywhere, or a far one would choose the width alone */

typedef struct grid {
  size_t width, height;
  double *counts, *between, *smooth; /* [height][width] each */
  double kernel[REACH * 64];         /* kernel[0] is its middle */
  size_t reach;
} grid;

static void count(grid *g, const double *xy, size_t n, const double low[2], const double high[2]) {
  memset(g->counts, 0, g->width * g->height * sizeof *g->counts);
  for (size_t i = 0; i < n; i++) {
    double x = floor((xy[2 * i] - low[0]) / (high[0] - low[0]) * (double)g->width);
    double y = floor((xy[2 * i + 1] - low[1]) / (high[1] - low[1]) * (double)g->height);
    if (x >= 0 && y >= 0 && x < (double)g->width && y < (double)g->height)
      g->counts[(size_t)y * g->width + (size_t)x]++;
  }
}

static void make_kernel(grid *g, double deviation) {
  double sum = 0;
  g->reach = (size_t)ceil(REACH * deviation);
  for (size_t i = 0; i <= g->reach; i++) {
    g->kernel[i] = exp(-.5 * (double)(i * i) / (deviation * deviation));
    sum += (i ? 2 : 1) * g->kernel[i];
  }
  for (size_t i = 0; i <= g->reach; i++) g->kernel[i] /= sum;
}

/* One line of n cells, `step` apart, to another. */
static void smooth_line(const grid *g, const double *in, double *out, size_t n, size_t step) {
  for (size_t i = 0; i < n; i++) out[i * step] = 0;
  for (size_t i = 0; i < n; i++) {
    double value = in[i * step];
    if (value == 0) continue;
    size_t first = i < g->reach ? 0 : i - g->reach, last = i + g->reach < n ? i + g->reach : n - 1;
    for (size_t j = first; j <= last; j++) out[j * step] += value * g->kernel[j < i ? i - j : j - i];
  }
}

static void smooth(grid *g, double deviation) {
  make_kernel(g, deviation);
  for (size_t y = 0; y < g->height; y++)
    smooth_line(g, g->counts + y * g->width, g->between + y * g->width, g->width, 1);
  for (size_t x = 0; x < g->width; x++) smooth_line(g, g->between + x, g->smooth + x, g->height, g->width);
}

/* The log-likelihood of every point by those of other cells: whole numbers, many of which are the same, would
   choose a width of nothing by their own cells. */
static double likelihood(const grid *g, size_t n) {
  const double own = g->kernel[0] * g->kernel[0], area = (double)(g->width * g->height);
  double sum = 0;
  for (size_t i = 0; i < g->width * g->height; i++) {
    if (g->counts[i] == 0) continue;
    double others = fmax(0, g->smooth[i] - own * g->counts[i]) / fmax(1, (double)n - g->counts[i]);
    sum += g->counts[i] * log((1 - EVERYWHERE) * others + EVERYWHERE / area);
  }
  return sum;
}

void density_estimate(const double *xy, size_t n, const double low[2], const double high[2], size_t width,
                      size_t height, double *cells) {
  size_t area = width * height;
  grid g = {.width = width, .height = height, .smooth = cells};
  double deviation[N_WIDTHS], found[N_WIDTHS], best = -INFINITY;
  size_t chosen = N_WIDTHS - 1;
  g.counts = cli_alloc(2 * area, sizeof *g.counts);
  g.between = g.counts + area;
  count(&g, xy, n, low, high);
  for (size_t k = 0; k < N_WIDTHS; k++) {
    deviation[k] = k ? STEP * deviation[k - 1] : NARROWEST;
    smooth(&g, deviation[k]);
    found[k] = likelihood(&g, n) / (double)n;
    best = fmax(best, found[k]);
  }
  while (chosen > 0 && found[chosen] < best - AS_GOOD) chosen--;
  smooth(&g, deviation[chosen]);
  free(g.counts);
}
