/* canvas.c - a picture in memory, drawn with smooth edges. */
#include "cli/canvas.h"

#include <math.h>
#include <string.h>

canvas canvas_create(int width, int height, colour background) {
  canvas c = {width, height, cli_alloc((size_t)width * (size_t)height, 3)};
  canvas_rectangle(&c, 0, 0, width, height, background, 1);
  return c;
}

void canvas_free(canvas *c) {
  free(c->pixels);
  c->pixels = NULL;
}

static unsigned char mix(unsigned char below, unsigned char above, double alpha) {
  return (unsigned char)(below + (above - below) * alpha + .5);
}

static void blend(canvas *c, int x, int y, colour k, double alpha) {
  if (x < 0 || y < 0 || x >= c->width || y >= c->height || alpha <= 0) return;
  unsigned char *pixel = c->pixels + 3 * ((size_t)y * (size_t)c->width + (size_t)x);
  pixel[0] = mix(pixel[0], k.r, alpha);
  pixel[1] = mix(pixel[1], k.g, alpha);
  pixel[2] = mix(pixel[2], k.b, alpha);
}

/* How much of a pixel a shape covers whose edge is `inside` pixels beyond its centre. */
static double coverage(double inside) { return inside <= -.5 ? 0 : inside >= .5 ? 1 : inside + .5; }

void canvas_rectangle(canvas *c, int x, int y, int width, int height, colour k, double alpha) {
  for (int j = y; j < y + height; j++)
    for (int i = x; i < x + width; i++) blend(c, i, j, k, alpha);
}

void canvas_disc(canvas *c, double x, double y, double radius, colour k, double alpha) {
  for (int j = (int)floor(y - radius); j <= (int)ceil(y + radius); j++)
    for (int i = (int)floor(x - radius); i <= (int)ceil(x + radius); i++)
      blend(c, i, j, k, alpha * coverage(radius - hypot(i - x, j - y)));
}

void canvas_line(canvas *c, double x0, double y0, double x1, double y1, double width, colour k) {
  double dx = x1 - x0, dy = y1 - y0, squared = dx * dx + dy * dy, reach = width / 2 + 1;
  for (int j = (int)floor(fmin(y0, y1) - reach); j <= (int)ceil(fmax(y0, y1) + reach); j++)
    for (int i = (int)floor(fmin(x0, x1) - reach); i <= (int)ceil(fmax(x0, x1) + reach); i++) {
      double along = squared > 0 ? ((i - x0) * dx + (j - y0) * dy) / squared : 0;
      along = fmin(1, fmax(0, along));
      blend(c, i, j, k, coverage(width / 2 - hypot(i - x0 - along * dx, j - y0 - along * dy)));
    }
}

void canvas_stroke(canvas *c, double x0, double y0, double x1, double y1, double width, colour k,
                   double alpha) {
  double dx = x1 - x0, dy = y1 - y0, squared = dx * dx + dy * dy, reach = width / 2 + 1;
  if (squared == 0) return;
  for (int j = (int)floor(fmin(y0, y1) - reach); j <= (int)ceil(fmax(y0, y1) + reach); j++)
    for (int i = (int)floor(fmin(x0, x1) - reach); i <= (int)ceil(fmax(x0, x1) + reach); i++) {
      double along = ((i - x0) * dx + (j - y0) * dy) / squared;
      if (along < 0 || along >= 1) continue;
      blend(c, i, j, k, alpha * coverage(width / 2 - hypot(i - x0 - along * dx, j - y0 - along * dy)));
    }
}

/* The next character's glyph; moves *text on by a whole UTF-8 sequence. */
static const unsigned char *next_glyph(const char **text) {
  unsigned char byte = (unsigned char)*(*text)++;
  while (((unsigned char)**text & 0xC0) == 0x80) (*text)++;
  return font_rows[byte >= ' ' && byte <= '~' ? byte - ' ' : '?' - ' '];
}

void canvas_text(canvas *c, int x, int y, const char *text, colour k) {
  for (; *text; x += FONT_WIDTH) {
    const unsigned char *glyph = next_glyph(&text);
    for (int j = 0; j < FONT_HEIGHT; j++)
      for (int i = 0; i < FONT_WIDTH; i++)
        if (glyph[j] >> i & 1) blend(c, x + i, y + j, k, 1);
  }
}

void canvas_text_upwards(canvas *c, int x, int y, const char *text, colour k) {
  for (; *text; y -= FONT_WIDTH) {
    const unsigned char *glyph = next_glyph(&text);
    for (int j = 0; j < FONT_HEIGHT; j++)
      for (int i = 0; i < FONT_WIDTH; i++)
        if (glyph[j] >> i & 1) blend(c, x + j, y - i, k, 1);
  }
}

int canvas_text_width(const char *text) {
  int width = 0;
  for (; *text; width += FONT_WIDTH) next_glyph(&text);
  return width;
}
