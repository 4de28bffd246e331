/* plot_history.c - the loss of a training, as the model remembers it. */
#include "cli/plot.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define WIDTH 960
#define HEIGHT 560

static void include(axis *a, double value) {
  a->low = fmin(a->low, value);
  a->high = fmax(a->high, value);
}

static axis loss_axis(const curve_note *h) {
  axis a = {.low = DBL_MAX, .high = -DBL_MAX, .title = "loss"};
  for (size_t i = 0; i < h->n_loss; i++) include(&a, h->loss[i]);
  for (size_t i = 0; i < h->n_held_out; i++) include(&a, h->held_out[i]);
  a.logarithmic = a.low > 0 && a.high > 6 * a.low;
  double around = a.high > a.low ? .06 * (a.high - a.low) : .1 * fabs(a.high) + .01;
  a.low = a.logarithmic ? a.low / 1.25 : a.low - around;
  a.high = a.logarithmic ? a.high * 1.1 : a.high + around;
  return a;
}

static void draw_loss(canvas *c, const axis *x, const axis *y, const curve_note *h) {
  for (size_t i = 1; i < h->n_loss; i++)
    canvas_line(c, plot_place(x, (double)(h->first + (i - 1) * h->every)), plot_place(y, h->loss[i - 1]),
                plot_place(x, (double)(h->first + i * h->every)), plot_place(y, h->loss[i]), 2, BLUE);
  if (h->n_loss == 1) canvas_disc(c, plot_place(x, (double)h->first), plot_place(y, h->loss[0]), 3, BLUE, 1);
}

static void draw_ring(canvas *c, double x, double y) {
  canvas_disc(c, x, y, 6.5, ORANGE, 1);
  canvas_disc(c, x, y, 5, WHITE, 1);
}

static void draw_held_out(canvas *c, const axis *x, const axis *y, const curve_note *h, uint64_t kept) {
  double from_x = 0, from_y = 0;
  for (size_t i = 0; i < h->n_held_out; i++) {
    double to_x = plot_place(x, (double)h->held_out_step[i]), to_y = plot_place(y, h->held_out[i]);
    if (i > 0) canvas_line(c, from_x, from_y, to_x, to_y, 1.5, ORANGE);
    if (h->held_out_step[i] == kept) draw_ring(c, to_x, to_y);
    canvas_disc(c, to_x, to_y, 2.5, ORANGE, 1);
    from_x = to_x;
    from_y = to_y;
  }
}

/* To the right, where curves that fall have left the room above. */
static void draw_legend(canvas *c, const axis *x, const axis *y, const curve_note *h, uint64_t kept) {
  char text[64];
  int left = x->to - 230, top = y->to + 10;
  canvas_rectangle(c, left - 10, top - 8, 240, h->n_held_out ? 62 : 24, WHITE, .85);
  canvas_line(c, left, top + FONT_HEIGHT / 2, left + 18, top + FONT_HEIGHT / 2, 2, BLUE);
  canvas_text(c, left + 28, top, "training, running mean", INK);
  if (h->n_held_out == 0) return;
  top += FONT_HEIGHT + 6;
  canvas_line(c, left, top + FONT_HEIGHT / 2, left + 18, top + FONT_HEIGHT / 2, 1.5, ORANGE);
  canvas_disc(c, left + 9, top + FONT_HEIGHT / 2, 2.5, ORANGE, 1);
  canvas_text(c, left + 28, top, "rows held out", INK);
  for (size_t i = 0; i < h->n_held_out; i++)
    if (h->held_out_step[i] == kept) {
      snprintf(text, sizeof text, "kept: step %llu, %.4g", (unsigned long long)kept, h->held_out[i]);
      canvas_text(c, left + 28, top + FONT_HEIGHT + 6, text, ORANGE);
      draw_ring(c, left + 9, top + FONT_HEIGHT + 12);
      canvas_disc(c, left + 9, top + FONT_HEIGHT + 12, 2.5, ORANGE, 1);
    }
}

canvas plot_history(const curve_note *h, uint64_t kept) {
  canvas c = canvas_create(WIDTH, HEIGHT, WHITE);
  axis x = {.low = 0, .high = 1, .title = "step"}, y = loss_axis(h);
  if (h->n_loss > 0) x.high = fmax(1, (double)(h->first + (h->n_loss - 1) * h->every));
  if (h->n_held_out > 0) x.high = fmax(x.high, (double)h->held_out_step[h->n_held_out - 1]);
  plot_axes(&c, &x, &y, "Training loss", 0);
  draw_loss(&c, &x, &y, h);
  draw_held_out(&c, &x, &y, h, kept);
  draw_legend(&c, &x, &y, h, kept);
  return c;
}
