/* curves.c - draws curves over evaluations, both axes logarithmic: curves FILE.csv FILE.png TITLE. A line of
   the table is "name,evaluations,error"; the lines of a name follow each other. The picture is made of the
   parts that flowmatch plot is made of. */
#include "cli/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 900
#define HEIGHT 560
#define LEGEND 130
#define MOST_CURVES 12

typedef struct curve {
  char name[32];
  double x[64], y[64];
  size_t n;
} curve;

static size_t read_curves(const char *file, curve curves[MOST_CURVES]) {
  FILE *in = fopen(file, "r");
  char line[128], name[32];
  double x, y;
  size_t n = 0;
  if (!in) {
    perror(file);
    exit(EXIT_FAILURE);
  }
  while (fgets(line, sizeof line, in)) {
    if (sscanf(line, "%31[^,],%lf,%lf", name, &x, &y) != 3) continue;
    if (n == 0 || strcmp(curves[n - 1].name, name) != 0) {
      if (n == MOST_CURVES) break;
      memset(&curves[n], 0, sizeof curves[n]);
      strcpy(curves[n++].name, name);
    }
    curve *c = &curves[n - 1];
    if (c->n < COUNT(c->x)) {
      c->x[c->n] = x;
      c->y[c->n++] = y;
    }
  }
  fclose(in);
  return n;
}

static axis axis_of(const curve *curves, size_t n, bool vertical, const char *title) {
  axis a = {.low = INFINITY, .high = 0, .logarithmic = true, .title = title};
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < curves[k].n; i++) {
      double value = vertical ? curves[k].y[i] : curves[k].x[i];
      a.low = fmin(a.low, value);
      a.high = fmax(a.high, value);
    }
  double around = vertical ? 1.3 : 1.08;
  a.low /= around;
  a.high *= around;
  return a;
}

int main(int argc, char **argv) {
  static curve curves[MOST_CURVES];
  if (argc != 4) {
    fputs("usage: curves FILE.csv FILE.png TITLE\n", stderr);
    return EXIT_USAGE;
  }
  size_t n = read_curves(argv[1], curves);
  if (n == 0) {
    fprintf(stderr, "curves: %s: no lines of name,evaluations,error\n", argv[1]);
    return EXIT_FAILURE;
  }
  axis x = axis_of(curves, n, false, "evaluations"), y = axis_of(curves, n, true, "error");
  canvas c = canvas_create(WIDTH, HEIGHT, WHITE);
  plot_axes(&c, &x, &y, argv[3], LEGEND);
  for (size_t k = 0; k < n; k++) {
    const curve *v = &curves[k];
    colour shade = colour_map(.05 + .75 * (double)k / (double)n);
    int row = y.to + (int)k * (FONT_HEIGHT + 10), left = c.width - LEGEND;
    for (size_t i = 0; i < v->n; i++) {
      double px = plot_place(&x, v->x[i]), py = plot_place(&y, v->y[i]);
      if (i > 0) canvas_line(&c, plot_place(&x, v->x[i - 1]), plot_place(&y, v->y[i - 1]), px, py, 2, shade);
      canvas_disc(&c, px, py, 3, shade, 1);
    }
    canvas_line(&c, left, row + FONT_HEIGHT / 2, left + 20, row + FONT_HEIGHT / 2, 2, shade);
    canvas_disc(&c, left + 10, row + FONT_HEIGHT / 2., 3, shade, 1);
    canvas_text(&c, left + 28, row, v->name, INK);
  }
  bool ok = canvas_write(&c, argv[2]);
  canvas_free(&c);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
