/* png_none.c - instead of png.c in a program that is built without libpng. */
#include "cli/canvas.h"

bool canvas_check(const char *file) {
  return cli_fail(file, "build it with libpng, or write .npy or .csv",
                  "this flowmatch was built without pictures");
}

bool canvas_write(const canvas *c, const char *file) {
  (void)c;
  return canvas_check(file);
}
