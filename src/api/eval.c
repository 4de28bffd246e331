/* eval.c - public functions that judge samples and flows. */
#include "api/api.h"
#include "eval/eval.h"

#include <math.h>

/* With defaults filled in. */
static fm_status fill_options(fm_ctx *ctx, const fmi_metric *metric, fm_eval_options *o) {
  if (o->floor_draws == 0) o->floor_draws = 8;
  if (o->n_directions == 0) o->n_directions = 256;
  if (o->n_neighbours == 0) o->n_neighbours = metric->n_neighbours;
  if (o->classifier_steps == 0) o->classifier_steps = 1000;
  if (o->classifier_width == 0) o->classifier_width = 64;
  REQUIRE(o->floor_draws <= 1000000, "eval_options.floor_draws: expected at most 10^6, found %lld",
          (long long)o->floor_draws);
  REQUIRE(o->n_directions <= UINT32_MAX, "eval_options.n_directions: expected at most 2^32 - 1, found %llu",
          (unsigned long long)o->n_directions);
  REQUIRE(o->bandwidth >= 0 && o->bandwidth < HUGE_VAL,
          "eval_options.bandwidth: expected a finite number >= 0, found %g", o->bandwidth);
  REQUIRE(o->reserved == 0, "eval_options.reserved: expected 0, found %u", (unsigned)o->reserved);
  return FM_OK;
}

/* As many rows as the metric needs of either set. */
static fm_status check_counts(fm_ctx *ctx, const fmi_metric *metric, const fm_eval_options *o, size_t n,
                              size_t m) {
  const size_t least = fmi_metric_least(metric, o);
  REQUIRE(n >= least, "n: %s needs at least %zu rows, found %zu", metric->name, least, n);
  REQUIRE(m >= least, "m: %s needs at least %zu rows, found %zu", metric->name, least, m);
  REQUIRE(n <= UINT32_MAX - 1, "n: expected at most 2^32 - 2, found %zu", n);
  REQUIRE(m <= UINT32_MAX - 1, "m: expected at most 2^32 - 2, found %zu", m);
  REQUIRE(!metric->same_count || n == m, "m: %s needs as many rows as n = %zu, found %zu", metric->name, n,
          m);
  return FM_OK;
}

static fm_status check_rows(fm_ctx *ctx, const char *name, const double *x, size_t n, size_t dim) {
  REQUIRE(x != NULL || n == 0, "%s: expected an array of %zu, found NULL", name, n);
  REQUIRE_CELLS(n, dim);
  return fmi_check_finite_f64(name, x, n, dim, &ctx->err);
}

fm_status fm_eval_compare(fm_ctx *ctx, uint32_t metric, const double *x, size_t n, const double *y, size_t m,
                          size_t dim, const double *spare, size_t n_spare, const fm_eval_options *options,
                          fm_eval_result *result) {
  REQUIRE_CTX();
  REQUIRE_POINTER(result);
  FMI_TRY(fmi_struct_check(&ctx->err, "result", result, sizeof *result));
  READ_OPTIONS(fm_eval_options, o, options);
  const fmi_metric *kind = fmi_metric_by_kind(metric);
  if (kind == NULL)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "metric: expected one of FM_METRIC_..., found %u",
                    (unsigned)metric);
  REQUIRE(dim >= 1, "dim: expected at least 1, found 0");
  FMI_TRY(fill_options(ctx, kind, &o));
  FMI_TRY(check_counts(ctx, kind, &o, n, m));
  REQUIRE(n_spare <= UINT32_MAX, "n_spare: expected at most 2^32 - 1, found %zu", n_spare);
  FMI_TRY(check_rows(ctx, "x", x, n, dim));
  FMI_TRY(check_rows(ctx, "y", y, m, dim));
  FMI_TRY(check_rows(ctx, "spare", spare, n_spare, dim));
  const fmi_two two = {.rt = &ctx->runtime, .options = &o, .x = x, .y = y, .n = n, .m = m, .dim = dim};
  fm_eval_result full = {.struct_size = sizeof full};
  FMI_TRY(fmi_compare(kind, &two, spare, n_spare, &full, &ctx->err));
  return fmi_struct_write(&ctx->err, "result", &full, sizeof full, result);
}

fm_status fm_eval_flow(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                       const int32_t *labels, const float *cond, size_t n, const double *x1,
                       const fm_eval_flow_options *options, double *energy, fm_eval_flow_result *result) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_POINTER(result);
  FMI_TRY(fmi_struct_check(&ctx->err, "result", result, sizeof *result));
  READ_OPTIONS(fm_eval_flow_options, o, options);
  REQUIRE(n >= 1, "n: expected at least 1, found 0");
  REQUIRE(o.data_units <= 1, "eval_flow_options.data_units: expected 0 or 1, found %llu",
          (unsigned long long)o.data_units);
  const fm_net *net = sampler->model->net;
  REQUIRE_CELLS(n, net->dim);
  FMI_TRY(fmi_check_labels(net, labels, n, &ctx->err));
  if (cond) FMI_TRY(fmi_check_finite_f32("cond", cond, n, net->cond_dim, &ctx->err));
  if (x1) FMI_TRY(fmi_check_finite_f64("x1", x1, n, net->dim, &ctx->err));
  REQUIRE(x1 == NULL || n <= UINT32_MAX - 1, "n: with x1 expected at most 2^32 - 2, found %zu", n);
  if (sampler->options.diffusion != 0)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "sampler: with diffusion its draws don't follow the flow");
  const fmi_flow_job job = {.rt = &ctx->runtime,
                            .sampler = sampler,
                            .seed = seed,
                            .first_row = first_row,
                            .labels = labels,
                            .cond = cond,
                            .n = n,
                            .x1 = x1,
                            .data_units = o.data_units != 0,
                            .energy = energy};
  fm_eval_flow_result full = {.struct_size = sizeof full};
  FMI_TRY(fmi_eval_flow(&job, &full, &ctx->err));
  return fmi_struct_write(&ctx->err, "result", &full, sizeof full, result);
}

fm_status fm_eval_calibration(fm_ctx *ctx, const double *truth, const double *draws, size_t n, size_t n_draws,
                              size_t dim, const fm_eval_calibration_options *options, uint64_t *ranks,
                              fm_eval_uniformity *columns) {
  REQUIRE_CTX();
  READ_OPTIONS(fm_eval_calibration_options, o, options);
  REQUIRE(n >= 10, "n: expected at least 10, found %zu", n);
  REQUIRE(n_draws >= 1 && n_draws <= UINT32_MAX - 1, "n_draws: expected 1 to 2^32 - 2, found %zu", n_draws);
  REQUIRE(dim >= 1 && dim <= UINT32_MAX / 2, "dim: expected 1 to 2^31 - 1, found %zu", dim);
  REQUIRE_CELLS(fmi_mul_size(n, n_draws), dim);
  REQUIRE_POINTER(truth);
  REQUIRE_POINTER(draws);
  REQUIRE_POINTER(columns);
  REQUIRE(o.n_bins == 0 || (o.n_bins >= 2 && o.n_bins <= n_draws + 1),
          "eval_calibration_options.n_bins: expected 2 to n_draws + 1 = %zu or 0, found %llu", n_draws + 1,
          (unsigned long long)o.n_bins);
  FMI_TRY(fmi_check_finite_f64("truth", truth, n, dim, &ctx->err));
  FMI_TRY(fmi_check_finite_f64("draws", draws, n, n_draws * dim, &ctx->err));
  if (o.n_bins == 0) o.n_bins = fmi_min(20, fmi_min(n_draws + 1, n / 5));
  const fmi_calibration_job job = {.rt = &ctx->runtime,
                                   .truth = truth,
                                   .draws = draws,
                                   .n = n,
                                   .n_draws = n_draws,
                                   .dim = dim,
                                   .n_bins = (size_t)o.n_bins,
                                   .seed = o.seed,
                                   .ranks = ranks,
                                   .columns = columns};
  return fmi_eval_calibration(&job, &ctx->err);
}
