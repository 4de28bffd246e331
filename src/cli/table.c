/* table.c - rows of numbers: which format a file has, and what both formats must satisfy. */
#include "cli/table.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NPY_FIRST_BYTE 0x93 /* never begins a text: not ASCII, nor the first byte of a UTF-8 sequence */

/* A .csv reports the line where it reads a number that is not finite; here a .npy is searched. */
static bool check_finite(const table *t) {
  size_t n = t->n_rows * t->n_columns;
  for (size_t i = 0; i < n; i++) {
    if (isfinite(t->cells[i])) continue;
    return cli_fail(t->name, "Remove such rows, or replace the value.",
                    "row %zu, column %zu (counted from 0) is %s; every cell must be a finite number",
                    i / t->n_columns, i % t->n_columns, isnan(t->cells[i]) ? "NaN" : "infinite");
  }
  return true;
}

static bool read_open_file(FILE *file, table *t) {
  int first = fgetc(file);
  if (first == EOF)
    return cli_fail(t->name, NULL, "%s", ferror(file) ? strerror(errno) : "the file is empty");
  ungetc(first, file);
  if (!(first == NPY_FIRST_BYTE ? npy_read : csv_read)(file, t)) return false;
  return check_finite(t);
}

bool table_read(const char *name, table *out) {
  table t = {.name = name};
  FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
  if (!file) return cli_fail(name, NULL, "%s", strerror(errno));
  bool ok = read_open_file(file, &t);
  if (file != stdin) fclose(file);
  if (ok)
    *out = t;
  else
    table_free(&t);
  return ok;
}

void table_free(table *t) {
  free(t->cells);
  free(t->header);
  memset(t, 0, sizeof *t);
}

/* ---- writing --------------------------------------------------------------------------------------- */

bool table_writer_open(table_writer *w, const char *name, table_format format, bool single, size_t n_rows,
                       size_t n_columns, const size_t *trailing, size_t n_trailing, const char *header) {
  memset(w, 0, sizeof *w);
  w->format = format;
  w->n_columns = n_columns;
  w->single = single;
  if (!output_open(&w->out, name)) return false;
  bool ok = true;
  if (format == FORMAT_NPY)
    ok = npy_write_header(&w->out, single, n_rows, trailing, n_trailing);
  else if (header)
    ok = output_write(&w->out, header, strlen(header)) && output_write(&w->out, "\n", 1);
  if (!ok) table_writer_abort(w);
  return ok;
}

bool table_writer_rows(table_writer *w, const double *rows, size_t n) {
  size_t n_cells = n * w->n_columns, used;
  size_t cell = w->format == FORMAT_CSV ? CSV_CELL_MAX : sizeof(double);
  w->text = cli_grow(w->text, &w->capacity, n_cells * cell, 1);
  if (w->format == FORMAT_CSV)
    used = csv_encode(rows, n, w->n_columns, w->single, w->text);
  else
    used = npy_encode(rows, n_cells, w->single, w->text);
  return output_write(&w->out, w->text, used);
}

bool table_writer_commit(table_writer *w) {
  free(w->text);
  w->text = NULL;
  return output_commit(&w->out);
}

void table_writer_abort(table_writer *w) {
  free(w->text);
  w->text = NULL;
  output_abort(&w->out);
}
