/* mmd.c - the maximum mean discrepancy of a Gaussian kernel (Gretton et al., "A kernel two-sample test",
   JMLR 13, 2012, eq. 3), squared and unbiased. The default bandwidth is their median heuristic. */
#include "eval/eval.h"

#include "core/rng.h"

#include <math.h>

#define MOST_SAMPLED 512u /* rows that the median is taken of */

static double sum_kernels(const double *squares, size_t count, double factor) {
  double sum = 0;
  for (size_t j = 0; j < count; j++) sum += exp(factor * squares[j]);
  return sum;
}

static fm_status measure(const fmi_two *two, double *value, fmi_error *err) {
  const double h = two->options->bandwidth;
  fmi_pair_means means;
  FMI_TRY(fmi_pairs_means(two, sum_kernels, -0.5 / h / h, &means, err));
  *value = means.within_x + means.within_y - 2 * means.between;
  return FM_OK;
}

/* ---- the median of distances ------------------------------------------------------------------------- */

typedef struct kept {
  size_t n;
  double *squares; /* pairs (i, j) with i < j, row after row */
} kept;

static void keep(void *arg, size_t i, size_t first, size_t count, const double *squares) {
  const kept *k = arg;
  double *row = k->squares + i * (2 * k->n - i - 1) / 2; /* of the pairs (i, i + 1) on */
  memcpy(row + (first - i - 1), squares, count * sizeof *squares);
}

static fm_status median_distance(const fmi_two *two, double *rows, size_t n, double *median, fmi_error *err) {
  const size_t n_pairs = n * (n - 1) / 2;
  kept k = {n, fmi_alloc(two->rt->memory, 2 * n_pairs, sizeof *k.squares, err)};
  if (k.squares == NULL) return FM_E_NOMEM;
  const fmi_two sample = {.rt = two->rt, .x = rows, .y = rows, .n = n, .m = n, .dim = two->dim};
  const fm_status status = fmi_pairs_scan(&sample, true, keep, &k, err);
  if (status == FM_OK) {
    fmi_sort(k.squares, n_pairs, k.squares + n_pairs);
    *median = (sqrt(k.squares[(n_pairs - 1) / 2]) + sqrt(k.squares[n_pairs / 2])) / 2;
  }
  fmi_free(two->rt->memory, k.squares);
  return status;
}

static fm_status prepare(const fmi_two *two, fm_eval_options *options, fmi_error *err) {
  const size_t all = two->n + two->m, n = fmi_min(all, MOST_SAMPLED), dim = two->dim;
  if (options->bandwidth > 0) return FM_OK;
  double *rows = fmi_alloc(two->rt->memory, fmi_mul_size(n, dim), sizeof *rows, err);
  if (rows == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < n; i++) {
    const size_t j = (size_t)fmi_rng_shuffled(options->seed ^ FMI_EVAL_SEED, UINT64_MAX, all, i);
    memcpy(rows + i * dim, j < two->n ? two->x + j * dim : two->y + (j - two->n) * dim, dim * sizeof *rows);
  }
  const fm_status status = median_distance(two, rows, n, &options->bandwidth, err);
  fmi_free(two->rt->memory, rows);
  if (status != FM_OK || options->bandwidth > 0) return status;
  return fmi_fail(err, FM_E_DOMAIN,
                  "eval_options.bandwidth: expected one, since the median distance between rows is 0");
}

const fmi_metric fmi_metric_mmd2 = {
    .kind = FM_METRIC_MMD2, .name = "MMD", .least = 2, .prepare = prepare, .measure = measure};
