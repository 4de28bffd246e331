/* eval.h - how far samples are from true rows. A metric of two samples is one block in a file of its kind and one
   line in metric_list.def. */
#ifndef FMI_EVAL_H
#define FMI_EVAL_H

#include "flowmatch_eval.h"
#include "net/runtime.h"
#include "sample/sampler.h"

/* Draws of the evaluation differ from those of a model with the same seed. */
#define FMI_EVAL_SEED 0x9fb21c651e98df25u

/* ---- two samples ----------------------------------------------------------------------------------- */

/* The rows judged, and true ones. */
typedef struct fmi_two {
  const fmi_runtime *rt;
  const fm_eval_options *options; /* defaults filled in */
  const double *x, *y;            /* [n][dim], [m][dim] */
  size_t n, m, dim;
} fmi_two;

typedef struct fmi_metric {
  uint32_t kind;
  const char *name; /* in texts */
  size_t least;     /* rows of either set */
  bool same_count;  /* n must be m */
  fm_status (*measure)(const fmi_two *two, double *value, fmi_error *err);
} fmi_metric;

#define FMI_METRIC(x) extern const fmi_metric fmi_metric_##x;
#include "eval/metric_list.def"
#undef FMI_METRIC

const fmi_metric *fmi_metric_by_kind(uint32_t kind); /* NULL: unknown */
/* The metric and its floor: defaults of options filled in, rows finite and enough. */
fm_status fmi_compare(const fmi_metric *metric, const fmi_two *two, const double *spare, size_t n_spare,
                      fm_eval_result *result, fmi_error *err);

/* The least mean over pairs of the distance to the power 1 or 2, of n rows each. */
fm_status fmi_least_transport(const fmi_runtime *rt, const double *x, const double *y, size_t n, size_t dim,
                              uint32_t power, double *mean, fmi_error *err);

/* ---- distances of all pairs, in tiles ---------------------------------------------------------------- */

#define FMI_PAIR_ROWS 32u     /* of x, in a tile */
#define FMI_PAIR_COLUMNS 256u /* rows of y, in a tile */

/* Squared distances of row i of x from rows first .. first + count of y. A row's tiles come in order and from one
   thread; different rows may come at once. */
typedef void (*fmi_pair_fn)(void *job, size_t i, size_t first, size_t count, const double *squares);
/* Over all pairs, or with upper over those with i < j, where y is x. Allocates for the call: m dim doubles, and a
   tile for every thread. */
fm_status fmi_pairs_scan(const fmi_two *two, bool upper, fmi_pair_fn fn, void *job, fmi_error *err);

/* ---- flows ----------------------------------------------------------------------------------------- */

typedef struct fmi_flow_job {
  const fmi_runtime *rt;
  fm_sampler *sampler;
  uint64_t seed, first_row;
  const int32_t *labels;
  const float *cond;
  size_t n;
  const double *x1; /* [n][dim] in the data's units, or NULL */
  bool data_units;
  double *energy; /* [n] or NULL */
} fmi_flow_job;
fm_status fmi_eval_flow(const fmi_flow_job *job, fm_eval_flow_result *result, fmi_error *err);

#endif
