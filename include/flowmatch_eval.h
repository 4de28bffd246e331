/*
 * flowmatch_eval.h - how good samples, flows and posteriors are
 * SPDX-License-Identifier: MIT
 *
 *   fm_eval_compare      two samples: the exact Wasserstein distances
 *   fm_eval_flow         how straight a model's flow is, and how much longer its paths are than they need be
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
   columns as they are given: bring columns of unlike units to a common scale first.
   Exact optimal transport by assignment, n = m, in up to O(n^3) time and 11 n^2 bytes (1.1 GB at n = 10000).
   Between finite sets it is above that between distributions, by more the more columns there are: the floor
   beside it says by how much. */
#define FM_METRIC_W1 1u /* the 1-Wasserstein distance: the least mean of ||x - y|| over pairs */
#define FM_METRIC_W2 2u /* the 2-Wasserstein distance: the root of the least mean of ||x - y||^2 */

/* How two samples are compared. */
typedef struct fm_eval_options {
  uint64_t struct_size;
  uint64_t seed;       /* of all that is drawn */
  int64_t floor_draws; /* times the metric is taken between true sets; 0: 8; negative: none */
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
   Takes 24 n dim bytes, with x1 another 16. options NULL: the defaults. FM_E_UNSUPPORTED for samplers with
   diffusion; FM_E_DOMAIN if w2_squared is 0. A row that fails, or a deadline that passes, fails the call. */
FM_API fm_status fm_eval_flow(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                              const int32_t *labels, const float *cond, size_t n, const double *x1,
                              const fm_eval_flow_options *options, double *energy,
                              fm_eval_flow_result *result);

/* ---- Setting up structs -------------------------------------------------------------------------- */

FM_DEFINE_INIT_(fm_eval_options)
FM_DEFINE_INIT_(fm_eval_result)
FM_DEFINE_INIT_(fm_eval_flow_options)
FM_DEFINE_INIT_(fm_eval_flow_result)

#ifdef __cplusplus
}
#endif
#endif
