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
  table rows;
  labels labels;
  conditions cond;
  size_t n_train; /* rows 0 .. n_train - 1 are for training, the rest is held out */
} dataset;

/* Reads data and, unless NULL, labels and conditions, and checks that they fit together. A failure is
   reported and leaves nothing to free. */
bool dataset_read(const char *data, const char *label_file, const char *cond_file, dataset *out);
void dataset_free(dataset *d);

/* Moves a random `fraction` of the rows to the end, the same ones for the same seed. Negative: 5 % of 200
   rows or more, else none. */
bool dataset_hold_out(dataset *d, double fraction, uint64_t seed);

/* Condition vectors from a file, n_rows of them or a single one. */
bool conditions_read(const char *file, size_t n_rows, bool one_is_enough, conditions *out, size_t *n_read);

#endif
