/* png.c - writing a canvas as .png, by libpng's simplified interface. */
#include "cli/canvas.h"
#include "cli/output.h"

#include <png.h>
#include <string.h>

bool canvas_check(const char *file) { return output_check(file); }

bool canvas_write(const canvas *c, const char *file) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = (png_uint_32)c->width;
  image.height = (png_uint_32)c->height;
  image.format = PNG_FORMAT_RGB;

  /* Compressed in memory, so that all writing goes one way, with its checks. */
  png_alloc_size_t n_bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  void *bytes = cli_alloc(n_bytes, 1);
  output out;
  bool ok = png_image_write_to_memory(&image, bytes, &n_bytes, 0, c->pixels, 0, NULL) != 0 ||
            cli_fail(file, NULL, "the picture can't be compressed: %s", image.message);
  ok = ok && output_open(&out, file);
  if (ok) {
    ok = output_write(&out, bytes, n_bytes);
    if (ok)
      ok = output_commit(&out);
    else
      output_abort(&out);
  }
  free(bytes);
  png_image_free(&image);
  return ok;
}
