/* dataset.h - what a model learns from: rows with their conditions, checked and divided. */
#ifndef CLI_DATASET_H
#define CLI_DATASET_H

#include "cli/table.h"

/* Class labels: whole numbers 0 .. n_classes - 1 in every column. */
typedef struct labels {
  int32_t *values;     /* [n_rows][n_columns]; NULL if there are none */
  uint32_t *n_classes; /* [n_columns]: the largest label + 1 */
  size_t n_columns;
} labels;

/* Condition vectors. */
typedef struct conditions {
  float *values; /* [n_rows][n_columns]; NULL if there are none */
  size_t n_columns;
} conditions;

typedef struct dataset {
  table rows; /* without cells where .npy files are mapped */
  labels labels;
  conditions cond;
  fm_data *all, *train, *held_out; /* held_out NULL: no rows are */
  size_t n_train, n_held_out;
  struct dataset *validation; /* what held_out's rows are kept in, if they are of another file */
} dataset;

/* Reads data, several files as one, and, unless NULL, labels and conditions, and checks that they fit
   together. missing: cells without a value are fine. A failure is reported and leaves nothing to free. */
bool dataset_read(fm_ctx *ctx, const word_list *files, const char *label_file, const char *cond_file,
                  bool missing, dataset *out);
void dataset_free(dataset *d);

/* Divides the rows: a random `fraction` is held out, the same rows for the same seed. Negative: a tenth of
   100 rows or more, but at most 10000 rows; else none. */
bool dataset_hold_out(fm_ctx *ctx, dataset *d, double fraction, uint64_t seed);

/* Holds out the rows of another file instead, with its labels and conditions where d has some, else NULL. */
bool dataset_hold_out_file(fm_ctx *ctx, dataset *d, const char *file, const char *label_file,
                           const char *cond_file);

/* The smallest and the largest cell of every column, indicators included: low, high [fm_data_dim]. */
bool dataset_column_ranges(fm_ctx *ctx, const dataset *d, double *low, double *high);

/* Condition vectors from a file, n_rows of them or a single one. */
bool conditions_read(const char *file, size_t n_rows, bool one_is_enough, conditions *out, size_t *n_read);

#endif
