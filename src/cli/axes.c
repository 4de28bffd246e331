/* axes.c - axes with round numbers on them. */
#include "cli/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_TICKS 24
#define MARGIN 24
#define GAP 8 /* between an axis, its numbers and its title */

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

/* As many ticks as their texts leave room for. */
static ticks horizontal_ticks(const axis *a, int pixels) {
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

void plot_axes(canvas *c, axis *x, axis *y, const char *title, int right) {
  y->from = c->height - MARGIN - FONT_HEIGHT - GAP - (x->title ? FONT_HEIGHT + GAP : 0);
  y->to = MARGIN + (title ? FONT_HEIGHT + GAP : 0);
  ticks v = y->logarithmic ? logarithmic_ticks(y) : linear_ticks(y, (y->from - y->to) / 70 + 1);
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
  if (x->title)
    canvas_text(c, (x->from + x->to - canvas_text_width(x->title)) / 2, c->height - MARGIN - FONT_HEIGHT + 4,
                x->title, INK);
  if (y->title)
    canvas_text_upwards(c, MARGIN - GAP, (y->from + y->to + canvas_text_width(y->title)) / 2, y->title, INK);
}
