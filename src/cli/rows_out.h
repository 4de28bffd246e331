/* rows_out.h - tables of a model's rows, written as its training data came. */
#ifndef CLI_ROWS_OUT_H
#define CLI_ROWS_OUT_H

#include "cli/table.h"

/* The words auto|npy|csv|png of an option, in this order. */
enum { FORMAT_BY_NAME, FORMAT_IS_NPY, FORMAT_IS_CSV, FORMAT_IS_PNG };

/* The format of a file: as it is given, or by the name's end; FORMAT_BY_NAME if that says nothing. */
uint32_t rows_format(uint32_t given, const char *file);

/* Opens a table of n rows with dim columns: the type, and if dim is that of the data also the shape and the
   columns' names are those of the model's data. A failure is reported. */
bool rows_open(table_writer *w, const fm_model *model, const char *file, uint32_t format, size_t n,
               size_t dim);

#endif
