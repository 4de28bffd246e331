/* rows_out.c - tables of a model's rows, written as its training data came. */
#include "cli/rows_out.h"

#include <string.h>

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n > m && strcmp(text + n - m, end) == 0;
}

uint32_t rows_format(uint32_t given, const char *file) {
  if (given != FORMAT_BY_NAME) return given;
  if (ends_with(file, ".npy")) return FORMAT_IS_NPY;
  if (ends_with(file, ".png")) return FORMAT_IS_PNG;
  if (ends_with(file, ".csv") || strcmp(file, "-") == 0) return FORMAT_IS_CSV;
  return FORMAT_BY_NAME;
}

/* The shape of a row as the training data had it; the columns side by side if the model doesn't say. */
static size_t row_shape(const fm_model *model, size_t dim, size_t *factors) {
  const char *note = fm_model_note(model, "shape");
  size_t n = note ? cli_parse_shape(note, factors, MOST_TRAILING) : 0, product = 1;
  for (size_t i = 0; i < n; i++) product *= factors[i];
  if (n > 0 && product == dim) return n;
  factors[0] = dim;
  return dim > 1;
}

static size_t count_names(const char *header) {
  size_t n = 0;
  for (char *name; (name = csv_header_name(header, n)) != NULL; n++) free(name);
  return n;
}

bool rows_open(table_writer *w, const fm_model *model, const char *file, uint32_t format, size_t n,
               size_t dim) {
  size_t shape[MOST_TRAILING], n_shape = row_shape(model, dim, shape);
  const char *dtype = fm_model_note(model, "dtype"), *header = fm_model_note(model, "columns");
  bool single = dtype && strcmp(dtype, "f4") == 0;
  if (header && count_names(header) != dim) header = NULL;
  return table_writer_open(w, file, format == FORMAT_IS_NPY ? FORMAT_NPY : FORMAT_CSV, single, n, dim, shape,
                           n_shape, header);
}
