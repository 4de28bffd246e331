/* prior.h - source distributions. A kind is one file and one line in prior_list.def: what arrays it is made
   of, which files then hold, how rows are drawn, and the log-density where it is known. */
#ifndef FMI_PRIOR_H
#define FMI_PRIOR_H

#include "model/model.h"

/* The shape of an array of a prior with n entries in dim columns. */
typedef enum fmi_extent { FMI_COLUMNS, FMI_ENTRIES, FMI_ENTRIES_COLUMNS, FMI_COLUMNS_COLUMNS } fmi_extent;

typedef struct fmi_prior_array {
  const char *name; /* the argument's, and in files: "prior.low" */
  fmi_extent extent;
} fmi_prior_array;

/* Rows first_row .. first_row + n of the source that seed names: x [n][dim]. A row is a function of (seed,
   its index) alone. scratch: fmi_prior_scratch bytes. */
typedef struct fmi_prior_call {
  const fmi_kernels *kernels;
  uint64_t seed, first_row;
  size_t n, dim;
  double *x;
  void *scratch;
} fmi_prior_call;

struct fmi_prior_kind {
  uint32_t kind;
  const char *name;                         /* in files */
  fmi_prior_array arrays[FMI_PRIOR_ARRAYS]; /* up to the first without a name */
  bool normalised;                          /* rows are in normalised units already, not in the data's */
  /* Checks the arrays, which are finite, beyond that, and fills `derived`, n_derived(n, dim) zeros. Both may
     be NULL. */
  size_t (*n_derived)(size_t n, size_t dim);
  fm_status (*prepare)(fm_prior *prior, fmi_error *err);
  fm_status (*draw)(const fm_prior *prior, const fmi_prior_call *call, fmi_error *err);
  /* x [n][dim] in the prior's units, out [n]; -inf where the density is 0. NULL: not known. */
  fm_status (*log_density)(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                           fmi_error *err);
};

#define FMI_LOG_TWO_PI 1.8378770664093454836

/* log N(x; mean, deviation^2) summed over columns; mean, deviation [dim]. */
double fmi_log_normal(const double *x, const double *mean, const double *deviation, size_t dim);
/* Fails with FM_E_INVALID unless every deviation is above 0: n rows of dim. */
fm_status fmi_check_deviations(const char *name, const double *deviation, size_t n, size_t dim,
                               fmi_error *err);
#endif
