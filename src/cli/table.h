/* table.h - rows of numbers, read from and written to .npy and .csv. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/output.h"

#define MOST_TRAILING 7

typedef struct table {
  const char *name; /* the file, for messages */
  double *cells;    /* [n_rows][n_columns] */
  size_t n_rows, n_columns;
  size_t trailing[MOST_TRAILING]; /* the shape of a row, as the file has it: 8, 8 for [n][8][8] */
  size_t n_trailing;              /* 0 for [n] */
  char dtype[4];                  /* "u1", "f4", "i8" ...; "f8" for a .csv */
  char *header;                   /* the column names as a line of .csv, or NULL */
} table;

/* Reads a file of either kind, told apart by its first byte; "-" is standard input. Every cell is finite; if
   missing, a .csv's empty cells, NA and nan become NaN. A failure is reported and leaves nothing to free.
   `name` must outlive the table. */
bool table_read(const char *name, bool missing, table *out);
bool table_is_npy(const char *name); /* false too where it can't be read */
/* Adds the rows of another table with as many columns; else reports it. */
bool table_append(table *t, const table *more);
void table_free(table *t);

/* ---- writing, a block of rows at a time ------------------------------------------------------------ */

typedef enum table_format { FORMAT_NPY, FORMAT_CSV } table_format;

typedef struct table_writer {
  output out;
  table_format format;
  size_t n_columns;
  bool single; /* cells are float, not double */
  char *text;  /* the block being encoded */
  size_t capacity;
} table_writer;

/* trailing [n_trailing] is the shape of a row in a .npy; header, a line of column names for a .csv, may be
   NULL. */
bool table_writer_open(table_writer *w, const char *name, table_format format, bool single, size_t n_rows,
                       size_t n_columns, const size_t *trailing, size_t n_trailing, const char *header);
bool table_writer_rows(table_writer *w, const double *rows, size_t n);
bool table_writer_commit(table_writer *w);
void table_writer_abort(table_writer *w);

/* ---- the two formats, for table.c ------------------------------------------------------------------ */

/* All of a table but its cells. */
bool npy_inspect(fm_ctx *ctx, const char *file, table *t);
bool npy_read(const char *file, table *t);
const char *npy_hint(fm_status status); /* what to do about a file that the library refused, or NULL */
#define MOST_SPOOL_NAME 4096
/* Copies a stream to a temporary file, in TMPDIR or /tmp, whose name it writes; the caller removes it. */
bool npy_spool(FILE *from, const char *name, char file[MOST_SPOOL_NAME]);
bool npy_write_header(output *out, bool single, size_t n_rows, const size_t *trailing, size_t n_trailing);
/* Encodes n cells into bytes, which has room; returns how many were used. */
size_t npy_encode(const double *cells, size_t n, bool single, char *bytes);

bool csv_read(FILE *file, bool missing, table *t);
#define CSV_CELL_MAX 32 /* characters that a cell and its separator take at most */
size_t csv_encode(const double *cells, size_t n_rows, size_t n_columns, bool single, char *text);

/* Reads the column names back out of a header line: the text of column i, to be freed. NULL if there is
   none. */
char *csv_header_name(const char *header, size_t column);

#endif
