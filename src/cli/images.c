/* images.c - a sheet of images. */
#include "cli/plot.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define SHEET_SIDE 1000 /* what the longer side comes near to */
#define IMAGE_SIDE 160  /* an image is not scaled beyond this */
#define LINE 2          /* between images, at least */
#define NAME_GAP 6      /* around the classes' names */
#define MOST_PIXELS 1e8 /* of a sheet */

static const colour line_colour = {0x33, 0x3b, 0x49}, name_colour = {0xe2, 0xe8, 0xf0};

typedef struct layout {
  size_t columns, rows;
  int scale; /* pixels of the picture for one of an image */
  int line;  /* width of the lines between images */
  int left;  /* where the images begin */
} layout;

/* Runs of equal labels begin new rows of the sheet; the longest run says how wide it is. */
static layout lay_out(const image_sheet *sheet, const int32_t *labels, size_t n) {
  layout l = {.columns = (size_t)ceil(sqrt((double)n)), .left = 0};
  if (!labels) {
    l.rows = (n + l.columns - 1) / l.columns;
  } else {
    char text[16];
    l.columns = 0;
    for (size_t i = 0, run = 0; i < n; i++) {
      bool begins = i == 0 || labels[i] != labels[i - 1];
      run = begins ? 1 : run + 1;
      if (begins) l.rows++;
      if (run > l.columns) l.columns = run;
      if (labels[i] < 0) continue;
      snprintf(text, sizeof text, "%d", (int)labels[i]);
      int left = canvas_text_width(text) + 2 * NAME_GAP;
      if (left > l.left) l.left = left;
    }
  }
  double side = fmax((double)(l.columns * sheet->width), (double)(l.rows * sheet->height));
  double image = (double)(sheet->width > sheet->height ? sheet->width : sheet->height);
  l.scale = (int)fmax(1, fmin(SHEET_SIDE / side, IMAGE_SIDE / image));
  l.line = LINE + l.scale / 4;
  if (l.left < l.line) l.left = l.line;
  return l;
}

static unsigned char brightness(const image_sheet *s, double value) {
  double part = (value - s->low) / (s->high - s->low);
  return (unsigned char)(255 * fmin(1, fmax(0, part)) + .5);
}

static void draw_image(canvas *c, const image_sheet *s, const double *image, int scale, int x, int y) {
  for (size_t i = 0; i < s->height; i++)
    for (size_t j = 0; j < s->width; j++) {
      const double *pixel = image + (i * s->width + j) * s->channels;
      colour k = {brightness(s, pixel[0]), brightness(s, pixel[s->channels / 2]),
                  brightness(s, pixel[s->channels - 1])};
      canvas_rectangle(c, x + (int)j * scale, y + (int)i * scale, scale, scale, k, 1);
    }
}

static void find_range(image_sheet *s, const double *images, size_t n) {
  s->low = DBL_MAX;
  s->high = -DBL_MAX;
  for (size_t i = 0; i < n * s->height * s->width * s->channels; i++) {
    s->low = fmin(s->low, images[i]);
    s->high = fmax(s->high, images[i]);
  }
  if (s->low >= s->high) s->high = s->low + 1;
}

bool plot_images(const image_sheet *sheet, const double *images, const int32_t *labels, size_t n,
                 canvas *out) {
  image_sheet s = *sheet;
  layout l = lay_out(&s, labels, n);
  double step_x = (double)s.width * l.scale + l.line, step_y = (double)s.height * l.scale + l.line;
  double width = l.left + (double)l.columns * step_x, height = l.line + (double)l.rows * step_y;
  if (width * height > MOST_PIXELS)
    return cli_fail("picture", "Draw fewer rows with -n, or write .npy.",
                    "%zu images would take %.0f by %.0f pixels", n, width, height);
  if (!(s.low < s.high)) find_range(&s, images, n);
  *out = canvas_create((int)width, (int)height, line_colour);
  size_t row = 0, column = 0;
  for (size_t i = 0; i < n; i++, column++) {
    bool begins = labels && (i == 0 || labels[i] != labels[i - 1]);
    if (column == l.columns || (begins && i > 0)) row++, column = 0;
    int x = l.left + (int)((double)column * step_x), y = l.line + (int)((double)row * step_y);
    if (begins && labels[i] >= 0) {
      char text[16];
      snprintf(text, sizeof text, "%d", (int)labels[i]);
      canvas_text(out, l.left - NAME_GAP - canvas_text_width(text),
                  y + (int)(step_y - l.line - FONT_HEIGHT) / 2, text, name_colour);
    }
    draw_image(out, &s, images + i * s.height * s.width * s.channels, l.scale, x, y);
  }
  return true;
}
