/* table.c - rows of numbers: which format a file has, and what both formats must satisfy. */
#include "cli/table.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NPY_FIRST_BYTE 0x93 /* never begins a text: not ASCII, nor the first byte of a UTF-8 sequence */

/* The file's first byte, which stays to be read; EOF with a report. */
static int first_byte(FILE *file, const char *name) {
  int first = fgetc(file);
  if (first == EOF)
    cli_fail(name, NULL, "%s", ferror(file) ? strerror(errno) : "the file is empty");
  else
    ungetc(first, file);
  return first;
}

static bool read_piped_npy(FILE *file, table *t) {
  char spooled[MOST_SPOOL_NAME];
  if (!npy_spool(file, t->name, spooled)) return false;
  bool ok = npy_read(spooled, t);
  unlink(spooled);
  return ok;
}

bool table_read(const char *name, bool missing, table *out) {
  table t = {.name = name};
  FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
  if (!file) return cli_fail(name, NULL, "%s", strerror(errno));
  int first = first_byte(file, name);
  bool ok = first != EOF;
  if (ok && first != NPY_FIRST_BYTE)
    ok = csv_read(file, missing, &t);
  else if (ok)
    ok = file == stdin ? read_piped_npy(file, &t) : npy_read(name, &t);
  if (file != stdin) fclose(file);
  if (ok)
    *out = t;
  else
    table_free(&t);
  return ok;
}

bool table_is_npy(const char *name) {
  FILE *file = strcmp(name, "-") == 0 ? NULL : fopen(name, "rb");
  bool is_npy = file && fgetc(file) == NPY_FIRST_BYTE;
  if (file) fclose(file);
  return is_npy;
}

bool table_append(table *t, const table *more) {
  if (more->n_columns != t->n_columns)
    return cli_fail(more->name, NULL, "%zu column%s, but %s has %zu", more->n_columns, S(more->n_columns),
                    t->name, t->n_columns);
  size_t have = t->n_rows * t->n_columns, come = more->n_rows * more->n_columns, capacity = have;
  t->cells = cli_grow(t->cells, &capacity, have + come, sizeof *t->cells);
  memcpy(t->cells + have, more->cells, come * sizeof *t->cells);
  t->n_rows += more->n_rows;
  return true;
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
