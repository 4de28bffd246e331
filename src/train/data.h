/* data.h - where training rows come from. */
#ifndef FMI_DATA_H
#define FMI_DATA_H

#include "core/core.h"

struct fm_data {
  fmi_object object;
  size_t n, dim, n_class_columns, cond_dim; /* n 0: a stream */
  bool pairs;
  /* rows in memory, in one of the two precisions */
  const float *x1_f32, *x0_f32;
  const double *x1_f64, *x0_f64;
  const int32_t *labels;
  const float *cond;
  const float *weights;
  void *owned;
  /* a stream */
  fm_pull_fn pull;
  void *user;
};

/* Arrays to fill; x0, labels, cond may be NULL where the data has none. */
typedef struct fmi_batch {
  double *x1, *x0;
  int32_t *labels;
  float *cond;
  float *weights;
} fmi_batch;

/* Rows first .. first + n of the training stream: of a set in memory, epoch after epoch, each in an order of
   its own; of a stream, as it comes. shuffle false: rows in their own order. */
fm_status fmi_data_fetch(const fm_data *data, uint64_t seed, bool shuffle, uint64_t first, size_t n,
                         fmi_batch *batch, fmi_error *err);

typedef struct fmi_data_arrays {
  const float *x1_f32, *x0_f32;
  const double *x1_f64, *x0_f64;
  const int32_t *labels;
  const float *cond, *weights;
  size_t n, dim, n_class_columns, cond_dim;
} fmi_data_arrays;
/* Checks every cell and copies, unless no_copy. */
fm_data *fmi_data_new(fmi_memory *memory, const fmi_data_arrays *arrays, bool no_copy, fmi_error *err);
/* One row in double. */
void fmi_data_row(const fm_data *data, size_t i, double *x1);
#endif
