/* npy.h - NumPy's array files: magic, version, the length of a header, the header as a Python dict, data
   (numpy/lib/format.py, versions 1.0 to 3.0). */
#ifndef FMI_NPY_H
#define FMI_NPY_H

#include "core/core.h"

#define FMI_NPY_MOST_AXES 8u

typedef struct fmi_npy_type {
  char code[4]; /* "f4" */
  size_t size;
  double (*value)(uint64_t bits);
} fmi_npy_type;

typedef struct fmi_npy {
  const fmi_npy_type *type;
  bool big;     /* most significant byte first */
  bool fortran; /* the first axis runs fastest */
  size_t rank, shape[FMI_NPY_MOST_AXES];
  size_t n_rows, n_columns; /* shape[0], the product of the others */
  size_t offset;            /* of the data in the file */
} fmi_npy;

/* Every field is checked against the n_bytes of the file. */
fm_status fmi_npy_parse(const void *bytes, size_t n_bytes, fmi_npy *out, fmi_error *err);
/* One row in double: out [n_columns]. */
void fmi_npy_row(const fmi_npy *npy, const void *bytes, size_t row, double *out);
bool fmi_npy_is_float(const fmi_npy *npy);
#endif
