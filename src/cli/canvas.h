/* canvas.h - a picture in memory, drawn with smooth edges, and written as .png. */
#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H

#include "cli/cli.h"

typedef struct colour {
  unsigned char r, g, b;
} colour;

typedef struct canvas {
  int width, height;
  unsigned char *pixels; /* [height][width][3], from the top left */
} canvas;

#define WHITE ((colour){255, 255, 255})
#define INK ((colour){0x2d, 0x37, 0x48})  /* text */
#define GREY ((colour){0x71, 0x80, 0x96}) /* lesser text, axes */
#define BLUE ((colour){0x2b, 0x6c, 0xb0})
#define ORANGE ((colour){0xdd, 0x6b, 0x20})
#define PALE ((colour){0xe6, 0xea, 0xf0}) /* grid lines */

/* 0 .. 1 from nearly black to pale yellow, in steps that look equal. */
colour colour_map(double part);

#define FONT_WIDTH 7
#define FONT_HEIGHT 13
extern const unsigned char font_rows['~' - ' ' + 1][FONT_HEIGHT];

canvas canvas_create(int width, int height, colour background);
void canvas_free(canvas *c);

/* Coordinates are pixels; whole numbers are pixel centres. alpha is opacity, 0 .. 1. What lies outside is
   not drawn. */
void canvas_rectangle(canvas *c, int x, int y, int width, int height, colour k, double alpha);
void canvas_disc(canvas *c, double x, double y, double radius, colour k, double alpha);
void canvas_line(canvas *c, double x0, double y0, double x1, double y1, double width, colour k);
/* A piece of a translucent curve: its end is the next one's, so that none of the curve is drawn twice. */
void canvas_stroke(canvas *c, double x0, double y0, double x1, double y1, double width, colour k,
                   double alpha);

/* Text from its top left corner, to the right or, turned, upwards. UTF-8; beyond ASCII a character is "?". */
void canvas_text(canvas *c, int x, int y, const char *text, colour k);
void canvas_text_upwards(canvas *c, int x, int y, const char *text, colour k);
int canvas_text_width(const char *text);

/* Finds out before the work whether a picture can be written to `file`. A failure is reported. */
bool canvas_check(const char *file);
/* Writes the picture as a .png. A failure is reported. */
bool canvas_write(const canvas *c, const char *file);

#endif
