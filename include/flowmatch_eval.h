/*
 * flowmatch_eval.h - how good samples, flows and posteriors are
 * SPDX-License-Identifier: MIT
 *
 *   fm_eval_compare      two samples: distances between distributions, neighbours, a classifier, each beside
 *                        its noise floor
 *   fm_eval_flow         how straight a model's flow is, and how much longer its paths are than they need be
 *   fm_eval_calibration  whether posteriors are as wide as they say: simulation-based calibration
 *
 * The conventions stand in flowmatch.h. Besides: rows are double; every function allocates its workspace
 * for the call and frees it; fm_ctx_stop is heard; results are the same bits for any number of threads, and
 * noise is keyed by the seed of the options.
 */
#ifndef FLOWMATCH_EVAL_H
#define FLOWMATCH_EVAL_H

#include "flowmatch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Two samples --------------------------------------------------------------------------------- */

/* What is measured between the rows judged, x [n], and true rows, y [m]. Distances are Euclidean in the
   columns as they are given: bring columns of unlike units to a common scale first. Times are of one taking,
   memory is what is needed besides x and y; the floor takes the metric again for every draw, and a copy of
   its rows.
   W1 and W2 by optimal assignment, n = m, in up to O(n^3) time and 11 n^2 bytes (1.1 GB at n = 10000).
   Between finite sets they are above those between distributions, by more the more columns there are: the
   floor says by how much. */
#define FM_METRIC_W1 1u /* the 1-Wasserstein distance: the least mean of ||x - y|| over pairs */
#define FM_METRIC_W2 2u /* the 2-Wasserstein distance: the root of the least mean of ||x - y||^2 */
#define FM_METRIC_SLICED_W2 3u /* the root of the mean of W2^2 over random directions, in each of which
                                  quantiles go together: O(p (n + m) (dim + log n)), for p directions;
                                  8 (3 n + 3 m) bytes a thread (Bonneel et al. 2015) */
#define FM_METRIC_ENERGY 4u /* the energy distance 2 E||x - y|| - E||x - x'|| - E||y - y'||, unbiased: about 0
                               or just below for equal distributions. O((n + m)^2 dim), 8 max(n, m) dim bytes
                               (Szekely & Rizzo 2013) */
#define FM_METRIC_MMD2 5u /* the squared maximum mean discrepancy, unbiased, of the kernel exp(-||x - y||^2 /
                             (2 h^2)), h = bandwidth. Likewise (Gretton et al. 2012, eq. 3) */
/* By the balls around a set's rows that reach to their k-th nearest neighbours in it, which stand for its
   support. They need k + 1 rows, O((n + m)^2 dim) and 8 (n + m) (dim + k + 2) bytes. */
#define FM_METRIC_PRECISION 6u /* the share of x in a ball of y (Kynkaanniemi et al. 2019, eq. 2) */
#define FM_METRIC_RECALL 7u    /* the share of y in a ball of x (there) */
#define FM_METRIC_DENSITY 8u   /* 1 / k of the balls of y that hold a row of x, mean: 1 for equal
                                  distributions, can be more (Naeem et al. 2020) */
#define FM_METRIC_COVERAGE 9u  /* the share of balls of y that hold a row of x (there) */
#define FM_METRIC_C2ST 10u /* classifier two-sample test: the share of held-out rows that a network tells
                              apart, 0.5 for equal distributions, 1 for disjoint ones. It is trained with
                              half of min(n, m) rows of each set; at least 4 rows (Lopez-Paz & Oquab 2017) */

/* How two samples are compared. */
typedef struct fm_eval_options {
  uint64_t struct_size;
  uint64_t seed;         /* of all that is drawn */
  int64_t floor_draws;   /* times the metric is taken between true sets; 0: 8; negative: none */
  uint64_t n_directions; /* sliced: at most 2^32 - 1; 0: 256 */
  uint64_t n_neighbours; /* k; 0: 3 for precision and recall, 5 for density and coverage */
  double bandwidth;      /* MMD: h; 0: the median distance between rows of x and y together (up to 512 of
                            them). The floor is taken with the same one */
  uint64_t classifier_steps; /* C2ST: of 128 rows; 0: 1000 */
  uint32_t classifier_width; /* hidden units of each of two layers; 0: 64 */
  uint32_t reserved;         /* 0 */
} fm_eval_options;

/* A metric, and beside it its noise floor: the same metric between two true sets, disjoint and drawn at
   random from the rows of y and `spare` together. They have n and m rows if there are n + m true rows, else
   shares of those in that proportion, whose noise is greater. A value within a few deviations of the floor
   is as good as truth, as far as this metric and this many rows can tell. */
typedef struct fm_eval_result {
  uint64_t struct_size;
  double value;           /* the metric between x and y */
  double floor_mean;      /* over the draws; 0 if there are none */
  double floor_deviation; /* standard deviation over the draws; 0 for fewer than two */
  uint64_t floor_draws;   /* how many there were; 0 also where the true rows are too few for two sets */
  uint64_t floor_n;       /* rows of a true set in the place of x */
  uint64_t floor_m;       /* and in the place of y */
  double bandwidth;       /* MMD: h as it was used; else 0 */
} fm_eval_result;

/* The metric FM_METRIC_... between x [n][dim] and the true rows y [m][dim]. spare [n_spare][dim]: further
   true rows, independent of y, for the floor alone; NULL if there are none (the floor is then of halves of y
   where n = m). options NULL: the defaults. FM_E_INVALID: too few rows for the metric. */
FM_API fm_status fm_eval_compare(fm_ctx *ctx, uint32_t metric, const double *x, size_t n, const double *y,
                                 size_t m, size_t dim, const double *spare, size_t n_spare,
                                 const fm_eval_options *options, fm_eval_result *result);

/* ---- Flows --------------------------------------------------------------------------------------- */

/* In which units a flow is measured. */
typedef struct fm_eval_flow_options {
  uint64_t struct_size;
  uint64_t data_units; /* 1: the data's; 0: normalised ones, in which the flow lives. Columns of scale 0
                          count nothing in both */
} fm_eval_flow_options;

/* Means over rows of integrals along the paths z_t that the sampler takes from the source, z_0, to z_1. */
typedef struct fm_eval_flow_result {
  uint64_t struct_size;
  double path_energy;  /* of the integral of ||v||^2 dt */
  double displacement; /* of ||z_1 - z_0||^2 */
  double straightness; /* of the integral of ||(z_1 - z_0) - v||^2 dt = path_energy - displacement: 0 if
                          every path is straight and of constant speed (Liu et al., ICLR 2023) */
  double w2_squared;   /* between the z_0 and x1; 0 without x1 */
  double npe;          /* normalised path energy |path_energy - w2_squared| / w2_squared: 0 for optimal
                          transport (Tong et al., arXiv 2302.00482); 0 without x1 */
  uint64_t nfe;        /* evaluations, over all rows */
} fm_eval_flow_result;

/* Draws rows as fm_sampler_draw does, n >= 1, and measures their paths: v is (z_b - z_a) / (b - a) over a
   step from a to b. For Euler's method that is the velocity itself (the rectangle rule). Methods whose states
   are better err by the square of the step: give them fixed steps, 20 or more, since a few long ones look
   straighter than the flow is. x1 [n][dim]: as many rows of data, in its units, for the exact w2_squared and
   npe, at the price of FM_METRIC_W2; NULL: without. energy [n] or NULL gets every row's integral of ||v||^2.
   Takes 24 n dim bytes, with x1 another 8. options NULL: the defaults. FM_E_UNSUPPORTED for samplers with
   diffusion; FM_E_DOMAIN if w2_squared is 0. A row that fails, or a deadline that passes, fails the call. */
FM_API fm_status fm_eval_flow(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                              const int32_t *labels, const float *cond, size_t n, const double *x1,
                              const fm_eval_flow_options *options, double *energy,
                              fm_eval_flow_result *result);

/* ---- Posteriors ---------------------------------------------------------------------------------- */

/* How calibration is judged. */
typedef struct fm_eval_calibration_options {
  uint64_t struct_size;
  uint64_t seed;   /* decides among draws that equal the truth */
  uint64_t n_bins; /* of the ranks, for chi squared: 2 to n_draws + 1; 0: the least of 20, n_draws + 1 and
                      n / 5 */
} fm_eval_calibration_options;

/* How far the ranks of one column are from uniform. It comes in arrays, so it has no size and never grows. */
typedef struct fm_eval_uniformity {
  double chi_squared;   /* Pearson's statistic over the bins, n_bins - 1 degrees of freedom */
  double chi_squared_p; /* the chance of one as large if the posterior is right */
  double ks;            /* Kolmogorov's and Smirnov's: the largest distance of the distribution of (rank + u)
                           / (n_draws + 1), u uniform, from the uniform one */
  double ks_p;          /* likewise; Stephens's approximation (1970), good from n = 5 on */
} fm_eval_uniformity;

/* Simulation-based calibration (Talts et al., arXiv 1804.06788): for each of n simulations with known
   parameters truth [n][dim], n_draws >= 1 independent draws of their posterior, draws [n][n_draws][dim]. The
   rank of the truth, the number of draws below it, is uniform on 0 .. n_draws in every column if the
   posterior is right. n >= 10. ranks [n][dim] or NULL; columns [dim]. Takes 8 n (dim + 2) bytes. */
FM_API fm_status fm_eval_calibration(fm_ctx *ctx, const double *truth, const double *draws, size_t n,
                                     size_t n_draws, size_t dim, const fm_eval_calibration_options *options,
                                     uint64_t *ranks, fm_eval_uniformity *columns);

/* ---- Setting up structs -------------------------------------------------------------------------- */

FM_DEFINE_INIT_(fm_eval_options)
FM_DEFINE_INIT_(fm_eval_result)
FM_DEFINE_INIT_(fm_eval_flow_options)
FM_DEFINE_INIT_(fm_eval_flow_result)
FM_DEFINE_INIT_(fm_eval_calibration_options)

#ifdef __cplusplus
}
#endif
#endif
