/* eval.c - public functions that judge samples and flows. */
#include "api/api.h"
#include "eval/eval.h"

/* With defaults filled in. */
static fm_status fill_options(fm_ctx *ctx, fm_eval_options *o) {
  if (o->floor_draws == 0) o->floor_draws = 8;
  REQUIRE(o->floor_draws <= 1000000, "eval_options.floor_draws: expected at most 10^6, found %lld",
          (long long)o->floor_draws);
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
  REQUIRE(n >= kind->least, "n: %s needs at least %zu rows, found %zu", kind->name, kind->least, n);
  REQUIRE(m >= kind->least, "m: %s needs at least %zu rows, found %zu", kind->name, kind->least, m);
  REQUIRE(!kind->same_count || n == m, "m: %s needs as many rows as n = %zu, found %zu", kind->name, n, m);
  REQUIRE(!kind->same_count || n <= UINT32_MAX - 1, "n: %s takes at most 2^32 - 2 rows, found %zu",
          kind->name, n);
  FMI_TRY(fill_options(ctx, &o));
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
