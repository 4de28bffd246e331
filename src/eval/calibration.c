/* calibration.c - simulation-based calibration (Talts, Betancourt, Simpson, Vehtari & Gelman, arXiv
   1804.06788, 2018): ranks of true parameters among draws of their posteriors, which are uniform if the
   posteriors are right. */
#include "eval/eval.h"

#include "core/rng.h"

#include <math.h>

/* The draws below the truth; of those equal to it a share at random, as if all were told apart. */
static uint64_t rank_of(const fmi_calibration_job *job, size_t i, size_t k) {
  const double truth = job->truth[i * job->dim + k];
  const double *draws = job->draws + i * job->n_draws * job->dim + k;
  uint64_t below = 0, equal = 0;
  for (size_t l = 0; l < job->n_draws; l++) {
    below += draws[l * job->dim] < truth;
    equal += draws[l * job->dim] == truth;
  }
  if (equal == 0) return below;
  return below + fmi_rng_below(job->seed, FMI_STREAM_RANKS, i, (uint32_t)(2 * k), equal + 1);
}

/* Rank r is in bin r n_bins / (n_draws + 1), rounded down. */
static double pearson(const fmi_calibration_job *job, const uint64_t *ranks, double *counts) {
  const uint64_t n_ranks = (uint64_t)job->n_draws + 1, n_bins = job->n_bins;
  double sum = 0;
  memset(counts, 0, job->n_bins * sizeof *counts);
  for (size_t i = 0; i < job->n; i++) counts[ranks[i] * n_bins / n_ranks]++;
  for (uint64_t b = 0; b < n_bins; b++) {
    const uint64_t first = (b * n_ranks + n_bins - 1) / n_bins,
                   end = ((b + 1) * n_ranks + n_bins - 1) / n_bins;
    const double expected = (double)job->n * (double)(end - first) / (double)n_ranks;
    sum += (counts[b] - expected) * (counts[b] - expected) / expected;
  }
  return sum;
}

/* u [n] sorted: the largest distance of its steps from the line. */
static double kolmogorov(const double *u, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++)
    most = fmax(most, fmax((double)(i + 1) / (double)n - u[i], u[i] - (double)i / (double)n));
  return most;
}

static void judge(const fmi_calibration_job *job, size_t k, const uint64_t *ranks, double *scratch) {
  const size_t n = job->n;
  double *u = scratch, *more = scratch + n;
  fm_eval_uniformity *column = &job->columns[k];
  column->chi_squared = pearson(job, ranks, scratch);
  column->chi_squared_p = fmi_chi_squared_p(column->chi_squared, job->n_bins - 1);
  for (size_t i = 0; i < n; i++)
    u[i] = ((double)ranks[i] + fmi_rng_uniform(job->seed, FMI_STREAM_RANKS, i, (uint32_t)(2 * k + 1))) /
           ((double)job->n_draws + 1);
  fmi_sort(u, n, more);
  column->ks = kolmogorov(u, n);
  column->ks_p = fmi_kolmogorov_p(column->ks, n);
}

fm_status fmi_eval_calibration(const fmi_calibration_job *job, fmi_error *err) {
  const size_t n = job->n, cells = fmi_mul_size(n, job->dim), room = fmi_max(2 * n, job->n_bins);
  uint64_t *ranks = fmi_alloc(job->rt->memory, fmi_add_size(cells, room), sizeof *ranks, err);
  fm_status status = FM_OK;
  if (ranks == NULL) return FM_E_NOMEM;
  double *scratch = (double *)(void *)(ranks + cells);
  for (size_t k = 0; k < job->dim && status == FM_OK; k++) {
    if (fmi_runtime_stopped(job->rt))
      status = fmi_fail(err, FM_STOPPED, "stopped before column %zu was ranked", k);
    for (size_t i = 0; i < n && status == FM_OK; i++) ranks[k * n + i] = rank_of(job, i, k);
  }
  for (size_t k = 0; k < job->dim && status == FM_OK; k++) {
    judge(job, k, ranks + k * n, scratch);
    for (size_t i = 0; job->ranks != NULL && i < n; i++) job->ranks[i * job->dim + k] = ranks[k * n + i];
  }
  fmi_free(job->rt->memory, ranks);
  return status;
}
