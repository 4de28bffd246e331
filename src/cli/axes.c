/* axes.c - axes with round numbers on them. */
#include "cli/plot.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_TICKS 24
#define MARGIN 24
#define GAP 8 /* between an axis, its numbers and its title */
#define TICK 4
#define PANEL_GAP 14

typedef struct ticks {
  double at[MOST_TICKS];
  char text[MOST_TICKS][24];
  int n;
  int width; /* of the widest text */
} ticks;

/* 1e-08 is 1e-8 to everybody but C. */
static void shorten_exponent(char *text) {
  char *at = strchr(text, 'e');
  if (!at) return;
  at += at[1] == '-' ? 2 : 1; /* a plus goes too */
  size_t skip = strspn(at, "+0");
  memmove(at, at + skip, strlen(at + skip) + 1);
}

static void add_tick(ticks *t, double value, const char *format, int digits) {
  if (t->n == MOST_TICKS) return;
  snprintf(t->text[t->n], sizeof t->text[t->n], format, digits, value);
  shorten_exponent(t->text[t->n]);
  t->at[t->n] = value;
  int width = canvas_text_width(t->text[t->n++]);
  if (width > t->width) t->width = width;
}

/* Multiples of 1, 2 or 5 times a power of ten, `wanted` of them or a few less. */
static ticks linear_ticks(const axis *a, int wanted) {
  ticks t = {.n = 0};
  double raw = (a->high - a->low) / wanted, power = pow(10, floor(log10(raw))), step = 10 * power;
  const double factors[] = {1, 2, 5};
  for (size_t i = COUNT(factors); i-- > 0;)
    if (factors[i] * power >= raw * (1 - 1e-9)) step = factors[i] * power;
  double largest = fmax(fabs(a->low), fabs(a->high));
  int decimals = (int)fmax(0, ceil(-log10(step) - 1e-9));
  bool plain = largest < 1e12 && decimals <= 5;
  int digits = plain ? decimals : (int)ceil(log10(largest / step)) + 1;
  for (double k = ceil(a->low / step - 1e-9); k * step <= a->high + 1e-9 * step; k++)
    add_tick(&t, k == 0 ? 0 : k * step, plain ? "%.*f" : "%.*g", digits);
  return t;
}

/* 1, 2 and 5 times the powers of ten; over many decades the powers alone. */
static ticks logarithmic_ticks(const axis *a) {
  ticks t = {.n = 0};
  const double factors[] = {1, 2, 5};
  size_t n_factors = log10(a->high / a->low) > 4 ? 1 : COUNT(factors);
  for (double power = floor(log10(a->low)); power <= log10(a->high); power++)
    for (size_t i = 0; i < n_factors; i++) {
      double value = factors[i] * pow(10, power);
      if (value >= a->low * (1 - 1e-9) && value <= a->high * (1 + 1e-9)) add_tick(&t, value, "%.*g", 6);
    }
  return t;
}

static ticks vertical_ticks(const axis *a, int pixels) {
  int apart = pixels < 400 ? 40 : 70; /* small panels have denser ones, or none */
  return a->logarithmic ? logarithmic_ticks(a) : linear_ticks(a, pixels / apart + 1);
}

/* As many ticks as their texts leave room for. */
static ticks horizontal_ticks(const axis *a, int pixels) {
  if (a->logarithmic) return logarithmic_ticks(a);
  ticks t = {.n = 0};
  for (int wanted = 9; wanted >= 2; wanted--) {
    t = linear_ticks(a, wanted);
    if (t.n * (t.width + 2 * FONT_WIDTH) <= pixels) break;
  }
  return t;
}

double plot_place(const axis *a, double value) {
  double part =
      a->logarithmic ? log(value / a->low) / log(a->high / a->low) : (value - a->low) / (a->high - a->low);
  return a->from + part * (a->to - a->from);
}

static int nearest(double pixel) { return (int)floor(pixel + .5); }

/* ---- ranges ---------------------------------------------------------------------------------------- */

axis plot_range(const double *column, size_t n, const char *title) {
  axis a = {.low = DBL_MAX, .high = -DBL_MAX, .title = title};
  for (size_t i = 0; i < n; i++) {
    a.low = fmin(a.low, column[2 * i]);
    a.high = fmax(a.high, column[2 * i]);
  }
  double around = .04 * (a.high - a.low);
  if (!(around > 1e-12 * fabs(a.low))) around = a.low != 0 ? .1 * fabs(a.low) : 1; /* a constant column */
  a.low -= around;
  a.high += around;
  return a;
}

static void widen(axis *a, double length) {
  double more = .5 * (length - (a->high - a->low));
  a->low -= more;
  a->high += more;
}

void plot_match_units(axis *x, axis *y, double shape) {
  double width = x->high - x->low, height = y->high - y->low;
  if (width > 2.5 * height || height > 2.5 * width) return;
  if (height < shape * width)
    widen(y, shape * width);
  else
    widen(x, height / shape);
}

/* ---- drawing --------------------------------------------------------------------------------------- */

static void draw_x_title(canvas *c, const axis *x) {
  if (!x->title) return;
  int left = (x->from + x->to - canvas_text_width(x->title)) / 2;
  canvas_text(c, left, c->height - MARGIN - FONT_HEIGHT + 4, x->title, INK);
}

static void draw_y_title(canvas *c, const axis *y) {
  if (!y->title) return;
  int bottom = (y->from + y->to + canvas_text_width(y->title)) / 2;
  canvas_text_upwards(c, MARGIN - GAP, bottom, y->title, INK);
}

void plot_axes(canvas *c, axis *x, axis *y, const char *title, int right) {
  y->from = c->height - MARGIN - FONT_HEIGHT - GAP - (x->title ? FONT_HEIGHT + GAP : 0);
  y->to = MARGIN + (title ? FONT_HEIGHT + GAP : 0);
  ticks v = vertical_ticks(y, y->from - y->to);
  x->from = MARGIN + (y->title ? FONT_HEIGHT + GAP : 0) + v.width + GAP;
  x->to = c->width - MARGIN - right;
  ticks h = horizontal_ticks(x, x->to - x->from);

  for (int i = 0; i < v.n; i++) {
    int at = nearest(plot_place(y, v.at[i]));
    canvas_rectangle(c, x->from, at, x->to - x->from + 1, 1, PALE, 1);
    canvas_text(c, x->from - GAP - canvas_text_width(v.text[i]), at - FONT_HEIGHT / 2, v.text[i], GREY);
  }
  for (int i = 0; i < h.n; i++) {
    int at = nearest(plot_place(x, h.at[i]));
    canvas_rectangle(c, at, y->to, 1, y->from - y->to + 1, PALE, 1);
    canvas_text(c, at - canvas_text_width(h.text[i]) / 2, y->from + GAP, h.text[i], GREY);
  }
  canvas_rectangle(c, x->from, y->from, x->to - x->from + 1, 1, GREY, 1);
  canvas_rectangle(c, x->from, y->to, 1, y->from - y->to + 1, GREY, 1);
  if (title) canvas_text(c, x->from, MARGIN - GAP / 2, title, INK);
  draw_x_title(c, x);
  draw_y_title(c, y);
}

/* ---- panels side by side --------------------------------------------------------------------------- */

canvas plot_panels(axis *x, axis *y, size_t n, int width, int height, const char *title) {
  y->to = MARGIN + 2 * (FONT_HEIGHT + GAP);
  y->from = y->to + height;
  ticks v = vertical_ticks(y, height);
  x->from = MARGIN + FONT_HEIGHT + GAP + v.width + TICK + GAP;
  x->to = x->from + width;
  ticks h = horizontal_ticks(x, width);
  canvas c = canvas_create(x->from + (int)n * (width + PANEL_GAP) - PANEL_GAP + MARGIN,
                           y->from + TICK + 2 * (FONT_HEIGHT + GAP) + MARGIN, WHITE);
  for (int i = 0; i < v.n; i++) {
    int at = nearest(plot_place(y, v.at[i]));
    canvas_rectangle(&c, x->from - TICK, at, TICK, 1, GREY, 1);
    canvas_text(&c, x->from - TICK - GAP / 2 - canvas_text_width(v.text[i]), at - FONT_HEIGHT / 2, v.text[i],
                GREY);
  }
  for (size_t k = 0; k < n; k++)
    for (int i = 0; i < h.n; i++) {
      int left = plot_panel_left(x, k), at = left + nearest(plot_place(x, h.at[i])) - x->from;
      int reach = canvas_text_width(h.text[i]) / 2, most = PANEL_GAP / 2 - 2;
      canvas_rectangle(&c, at, y->from, 1, TICK, GREY, 1);
      if (at - reach >= left - most && at + reach <= left + width + most) /* not into the next panel's */
        canvas_text(&c, at - reach, y->from + TICK + GAP / 2, h.text[i], GREY);
    }
  canvas_text(&c, x->from, MARGIN - GAP / 2, title, INK);
  axis all = *x; /* one title for all of them */
  all.to = c.width - MARGIN;
  draw_x_title(&c, &all);
  draw_y_title(&c, y);
  return c;
}

int plot_panel_left(const axis *x, size_t k) { return x->from + (int)k * (x->to - x->from + PANEL_GAP); }

void plot_panel_name(canvas *c, const axis *x, const axis *y, size_t k, const char *name) {
  int left = plot_panel_left(x, k) + (x->to - x->from - canvas_text_width(name)) / 2;
  canvas_text(c, left, y->to - GAP / 2 - FONT_HEIGHT, name, GREY);
}
