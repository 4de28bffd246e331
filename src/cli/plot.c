/* plot.c - points, and a loss curve. */
#include "cli/plot.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCATTER_SIDE 760
#define LEGEND_WIDTH 96
#define LOSS_WIDTH 960
#define LOSS_HEIGHT 560

static const colour pale_blue = {0xc6, 0xdb, 0xf0};

/* Classes that stay apart for most eyes; more of them take the colours again. */
static const colour class_colours[] = {
    {0x4e, 0x79, 0xa7}, {0xf2, 0x8e, 0x2b}, {0xe1, 0x57, 0x59}, {0x59, 0xa1, 0x4f}, {0xb0, 0x7a, 0xa1},
    {0x76, 0xb7, 0xb2}, {0xed, 0xc9, 0x48}, {0x9c, 0x75, 0x5f}, {0xff, 0x9d, 0xa7}, {0x79, 0x70, 0x6e},
};

/* ---- points ---------------------------------------------------------------------------------------- */

static void draw_legend(canvas *c, uint32_t n_classes) {
  char text[24];
  int x = c->width - LEGEND_WIDTH, y = 40;
  for (uint32_t k = 0; k < n_classes; k++, y += FONT_HEIGHT + 8) {
    snprintf(text, sizeof text, "class %u", (unsigned)k);
    canvas_disc(c, x, y + FONT_HEIGHT / 2, 4, class_colours[k], 1);
    canvas_text(c, x + 14, y, text, INK);
  }
}

canvas plot_scatter(const double *xy, const int32_t *labels, size_t n, uint32_t n_classes,
                    const char *const titles[2]) {
  bool legend = labels && n_classes <= COUNT(class_colours);
  canvas c = canvas_create(SCATTER_SIDE + (legend ? LEGEND_WIDTH : 0), SCATTER_SIDE, WHITE);
  axis x = plot_range(xy, n, titles[0]), y = plot_range(xy + 1, n, titles[1]);
  plot_match_units(&x, &y, 1);
  plot_axes(&c, &x, &y, NULL, legend ? LEGEND_WIDTH : 0);
  /* Fainter and smaller where there are many, so that density shows instead of a blot. */
  double crowd = sqrt((double)n / 500);
  double alpha = fmin(.85, fmax(.1, .85 / crowd)), radius = fmin(3.2, fmax(1.4, 3.2 / sqrt(crowd)));
  for (size_t i = 0; i < n; i++) {
    colour k = labels && labels[i] >= 0 ? class_colours[(size_t)labels[i] % COUNT(class_colours)] : BLUE;
    canvas_disc(&c, plot_place(&x, xy[2 * i]), plot_place(&y, xy[2 * i + 1]), radius, k, alpha);
  }
  if (legend) draw_legend(&c, n_classes);
  return c;
}

/* ---- the loss -------------------------------------------------------------------------------------- */

void loss_curve_add(loss_curve *curve, uint64_t step, double loss) {
  if (curve->n == 0) curve->first_step = step;
  curve->loss = cli_grow(curve->loss, &curve->capacity, curve->n + 1, sizeof *curve->loss);
  curve->loss[curve->n++] = (float)loss;
}

void loss_curve_free(loss_curve *curve) {
  free(curve->loss);
  memset(curve, 0, sizeof *curve);
}

/* Means over the steps on either side, so that the curve doesn't lag behind the steps as a running mean does:
   out [n]. */
static double *moving_average(const loss_curve *curve) {
  double *out = cli_alloc(curve->n, sizeof *out), sum = 0;
  size_t reach = curve->n / 80 + 2, from = 0, to = 0;
  for (size_t i = 0; i < curve->n; i++) {
    while (to <= i + reach && to < curve->n) sum += curve->loss[to++];
    while (from + reach < i) sum -= curve->loss[from++];
    out[i] = sum / (double)(to - from);
  }
  return out;
}

/* Which values the vertical axis shows: the average decides, single steps may leave it. */
static axis loss_axis(const loss_curve *curve, const double *average) {
  axis a = {.low = DBL_MAX, .high = -DBL_MAX, .title = "loss"};
  for (size_t i = 0; i < curve->n; i++) {
    a.low = fmin(a.low, average[i]);
    a.high = fmax(a.high, average[i]);
  }
  if (curve->held_out >= 0) {
    a.low = fmin(a.low, curve->held_out);
    a.high = fmax(a.high, curve->held_out);
  }
  a.logarithmic = a.low > 0 && a.high > 6 * a.low;
  a.low = a.logarithmic ? a.low / 1.25 : 0;
  a.high = a.high > 0 ? a.high * 1.1 : 1;
  return a;
}

static double clamp(const axis *a, double value) { return fmin(a->high, fmax(a->low, value)); }

static void draw_steps(canvas *c, const axis *x, const axis *y, const loss_curve *curve) {
  for (size_t i = 0; i < curve->n; i++)
    canvas_disc(c, plot_place(x, (double)(curve->first_step + i)), plot_place(y, clamp(y, curve->loss[i])),
                1.5, pale_blue, 1);
}

/* Where steps are denser than pixels: a bar over all losses of a pixel column. */
static void draw_spread(canvas *c, const axis *x, const axis *y, const loss_curve *curve) {
  for (size_t i = 0; i < curve->n;) {
    int column = (int)plot_place(x, (double)(curve->first_step + i));
    double low = DBL_MAX, high = -DBL_MAX;
    for (; i < curve->n && (int)plot_place(x, (double)(curve->first_step + i)) == column; i++) {
      low = fmin(low, curve->loss[i]);
      high = fmax(high, curve->loss[i]);
    }
    int top = (int)plot_place(y, clamp(y, high)), bottom = (int)plot_place(y, clamp(y, low));
    canvas_rectangle(c, column, top, 1, bottom - top + 1, pale_blue, 1);
  }
}

static void draw_average(canvas *c, const axis *x, const axis *y, const loss_curve *curve,
                         const double *average) {
  double from_x = 0, from_y = 0;
  for (size_t i = 0; i < curve->n; i++) {
    double to_x = plot_place(x, (double)(curve->first_step + i));
    if (i > 0 && to_x - from_x < 1 && i + 1 < curve->n) continue;
    double to_y = plot_place(y, clamp(y, average[i]));
    if (i > 0) canvas_line(c, from_x, from_y, to_x, to_y, 2, BLUE);
    from_x = to_x;
    from_y = to_y;
  }
}

static void draw_held_out(canvas *c, const axis *x, const axis *y, double loss) {
  char text[48];
  double at = plot_place(y, loss);
  for (double from = x->from + 1; from < x->to; from += 12)
    canvas_line(c, from, at, fmin(from + 6, x->to), at, 1.5, ORANGE);
  snprintf(text, sizeof text, "held out: %.4g", loss);
  int width = canvas_text_width(text), top = (int)at - FONT_HEIGHT - 5;
  canvas_rectangle(c, x->to - width - 5, top - 1, width + 6, FONT_HEIGHT + 2, WHITE, .8);
  canvas_text(c, x->to - width - 2, top, text, ORANGE);
}

canvas plot_loss(const loss_curve *curve, const char *title) {
  canvas c = canvas_create(LOSS_WIDTH, LOSS_HEIGHT, WHITE);
  axis x = {.low = (double)curve->first_step, .title = "step"};
  double *average = moving_average(curve);
  axis y = loss_axis(curve, average);
  x.high = x.low + (curve->n > 1 ? (double)(curve->n - 1) : 1);
  plot_axes(&c, &x, &y, title, 0);
  if (curve->n < 3 * LOSS_WIDTH)
    draw_steps(&c, &x, &y, curve);
  else
    draw_spread(&c, &x, &y, curve);
  draw_average(&c, &x, &y, curve, average);
  free(average);
  if (curve->held_out >= 0) draw_held_out(&c, &x, &y, curve->held_out);
  return c;
}
