/* data.h - where training rows come from. A kind of source is one file: arrays, a stream, rows that the
   caller gathers, mapped files, and views of another source. */
#ifndef FMI_DATA_H
#define FMI_DATA_H

#include "core/core.h"

/* Arrays to fill; x0, labels, cond may be NULL where the data has none. */
typedef struct fmi_batch {
  double *x1, *x0;
  int32_t *labels;
  float *cond;
  float *weights;
} fmi_batch;

/* Each fills n rows from the batch's start; one of the two is set. */
typedef struct fmi_data_kind {
  /* The rows of these indexes, [n], each below data->n. */
  fm_status (*gather)(const fm_data *data, const uint64_t *row, size_t n, fmi_batch *out, fmi_error *err);
  /* Rows first .. of a stream. */
  fm_status (*read_on)(const fm_data *data, uint64_t first, size_t n, fmi_batch *out, fmi_error *err);
} fmi_data_kind;

/* The first member of every source. */
struct fm_data {
  fmi_object object;
  const fmi_data_kind *kind;
  size_t n, dim, n_class_columns, cond_dim; /* n 0: a stream */
  bool pairs;
  bool checked;         /* rows need no look by who trains: they are finite, or absent as a network has it */
  const size_t *masked; /* [n_masked]: the columns that have an indicator behind all columns */
  size_t n_masked;
};

/* Rows first .. first + n of the training stream: of a set, epoch after epoch, each in an order of its own;
   of a stream, as it comes. shuffle false: rows in their own order. */
fm_status fmi_data_fetch(const fm_data *data, uint64_t seed, bool shuffle, uint64_t first, size_t n,
                         fmi_batch *batch, fmi_error *err);

/* The batch from its row i on. */
fmi_batch fmi_batch_from(const fm_data *data, const fmi_batch *batch, size_t i);

/* Calls fn for blocks of the rows first .. first + n of a set, in their own order. */
typedef fm_status (*fmi_scan_fn)(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err);
fm_status fmi_data_scan(const fm_data *data, uint64_t first, uint64_t n, fmi_scan_fn fn, void *job,
                        fmi_error *err);

/* ---- kinds ------------------------------------------------------------------------------------------ */

typedef struct fmi_data_arrays {
  const float *x1_f32, *x0_f32; /* in one of the two precisions */
  const double *x1_f64, *x0_f64;
  const int32_t *labels;
  const float *cond, *weights;
  size_t n, dim, n_class_columns, cond_dim;
} fmi_data_arrays;
/* What may stand beside x1: checks labels, conditions and weights. */
fm_status fmi_data_check_arrays(const fmi_data_arrays *arrays, fmi_error *err);
/* Checks every cell and copies, unless no_copy. missing: x1 may hold NaN. */
fm_data *fmi_data_new_arrays(fmi_memory *memory, const fmi_data_arrays *arrays, bool no_copy, bool missing,
                             fmi_error *err);

/* One of the two functions is given. The caller of this sets dim, pairs and the rest. */
fm_data *fmi_data_new_callback(fmi_memory *memory, fm_pull_fn pull, fm_gather_fn gather, void *user,
                               fmi_error *err);

/* x1 in .npy files, mapped; labels, cond and weights as arrays, kept by pointer if no_copy. */
fm_data *fmi_data_new_npy(fmi_memory *memory, const char *const *files, size_t n_files,
                          const fmi_data_arrays *beside, bool no_copy, bool missing, fmi_error *err);

/* Takes over `inner`: if x1 has NaN, a view in which they are their column's mean and every column that has
   any is followed, after all columns, by one that is 1 where it was missing. NULL: inner was released. */
fm_data *fmi_data_new_masked(fm_data *inner, fmi_error *err);
/* Rows first .. first + n of `whole` in a random order that seed names. */
fm_data *fmi_data_new_part(const fm_data *whole, uint64_t seed, size_t first, size_t n, fmi_error *err);
#endif
