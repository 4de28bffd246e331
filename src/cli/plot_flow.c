/* plot_flow.c - the ways of samples from the source to the data. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

#define SIDE 760
#define LEGEND 132
#define AROUND 96 /* of the side, for what stands around the axes */
#define BAR_WIDTH 10
#define SHADES 64 /* from t = 0 to 1 */
#define BAR_HEIGHT 180

/* Times take the part of the colours that is seen on white. */
static colour colour_at(double t) { return colour_map(.2 + .56 * t); }

static void draw_dot(canvas *c, double x, double y, double radius, double t) {
  canvas_disc(c, x, y, radius + 1, WHITE, .8);
  canvas_disc(c, x, y, radius, colour_at(t), .9);
}

static void draw_legend(canvas *c, int top, bool data) {
  int x = c->width - LEGEND, text = x + 18, bottom = top + BAR_HEIGHT;
  for (int i = 0; i < BAR_HEIGHT; i++)
    canvas_rectangle(c, x, bottom - i, BAR_WIDTH, 1, colour_at((double)i / (BAR_HEIGHT - 1)), 1);
  draw_dot(c, x + BAR_WIDTH / 2. - .5, top, 3.5, 1);
  draw_dot(c, x + BAR_WIDTH / 2. - .5, bottom, 3, 0);
  canvas_text(c, text, top - FONT_HEIGHT / 2, "t = 1 samples", INK);
  canvas_text(c, text, top + BAR_HEIGHT / 2 - FONT_HEIGHT / 2, "t = 0.5", GREY);
  canvas_text(c, text, bottom - FONT_HEIGHT / 2, "t = 0 source", INK);
  if (!data) return;
  canvas_disc(c, x + BAR_WIDTH / 2. - .5, bottom + 28, 2.5, GREY, .5);
  canvas_text(c, text, bottom + 28 - FONT_HEIGHT / 2, "data", INK);
}

static axis axis_of(const double *xy, size_t n, const double *data, size_t n_data, const char *title) {
  axis a = plot_range(xy, n, title);
  if (n_data > 0) {
    axis b = plot_range(data, n_data, title);
    a.low = fmin(a.low, b.low);
    a.high = fmax(a.high, b.high);
  }
  return a;
}

/* All rows' lines from one time, from [n][2], to the next, behind it, in pieces of one colour. */
static void draw_lines(canvas *c, const axis *x, const axis *y, const double *from, size_t n, double t0,
                       double t1, double alpha) {
  const double *to = from + n * 2;
  int n_pieces = (int)ceil((t1 - t0) * SHADES);
  for (int k = 0; k < n_pieces; k++) {
    double begin = (double)k / n_pieces, end = (double)(k + 1) / n_pieces,
           t = t0 + .5 * (begin + end) * (t1 - t0);
    colour shade = colour_at(t);
    for (size_t i = 0; i < n; i++) {
      double x0 = plot_place(x, from[2 * i]), y0 = plot_place(y, from[2 * i + 1]);
      double dx = plot_place(x, to[2 * i]) - x0, dy = plot_place(y, to[2 * i + 1]) - y0;
      canvas_stroke(c, x0 + begin * dx, y0 + begin * dy, x0 + end * dx, y0 + end * dy, 1.3, shade,
                    fmax(.05, alpha * (.15 + .5 * t)));
    }
  }
}

canvas plot_flow(const double *xy, const double *times, size_t n_times, size_t n, const double *data,
                 size_t n_data, const char *const titles[2]) {
  axis x = axis_of(xy, n_times * n, data, n_data, titles[0]);
  axis y = axis_of(xy + 1, n_times * n, data + 1, n_data, titles[1]);
  /* A flow that is wide gets a wide picture. */
  double shape = fmin(1, fmax(.6, (y.high - y.low) / (x.high - x.low)));
  plot_match_units(&x, &y, shape);
  canvas c = canvas_create(SIDE + LEGEND, (int)(shape * (SIDE - AROUND)) + AROUND, WHITE);
  plot_axes(&c, &x, &y, NULL, LEGEND);
  double faint = fmin(.4, fmax(.06, 8 / sqrt((double)n_data + 1)));
  for (size_t i = 0; i < n_data; i++)
    canvas_disc(&c, plot_place(&x, data[2 * i]), plot_place(&y, data[2 * i + 1]), 2, GREY, faint);

  /* Time by time, so that what comes later lies above; many lines are fainter than few. */
  double crowd = fmin(1, sqrt(200 / (double)n)), size = fmin(1, fmax(.5, crowd));
  for (size_t k = 0; k + 1 < n_times; k++)
    draw_lines(&c, &x, &y, xy + k * n * 2, n, times[k], times[k + 1], crowd);
  const double *ends[2] = {xy, xy + (n_times - 1) * n * 2};
  for (int e = 0; e < 2; e++)
    for (size_t i = 0; i < n; i++)
      draw_dot(&c, plot_place(&x, ends[e][2 * i]), plot_place(&y, ends[e][2 * i + 1]), size * (e ? 3 : 2.2),
               e);
  draw_legend(&c, y.to + 12, n_data > 0);
  return c;
}
