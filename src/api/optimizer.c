/* optimizer.c - public functions on optimisers. */
#include "api/api.h"
#include "train/optimizer.h"

#include <math.h>

fm_status fm_optimizer_create(fm_ctx *ctx, const fm_optimizer_options *options, fm_optimizer **out) {
  REQUIRE_OUT();
  READ_OPTIONS(fm_optimizer_options, o, options);
  RETURN_HANDLE(fmi_optimizer_new(ctx->memory, &o, &ctx->err));
}

void fm_optimizer_destroy(fm_optimizer *optimizer) { fmi_release(optimizer); }

size_t fm_optimizer_state_count(const fm_optimizer *optimizer, size_t n_params) {
  return optimizer ? fmi_mul_size(optimizer->rule->state_per_param, n_params) : 0;
}

double fm_optimizer_rate(const fm_optimizer *optimizer, uint64_t step) {
  return optimizer ? fmi_optimizer_rate(optimizer, step) : 0;
}

#ifdef FMI_DOUBLE
fm_status fm_optimizer_step(fm_ctx *ctx, const fm_optimizer *optimizer, uint64_t step, const float *grad,
                            size_t n_params, float *params, float *state, double *grad_norm) {
  (void)optimizer, (void)step, (void)grad, (void)n_params, (void)params, (void)state, (void)grad_norm;
  REQUIRE_CTX();
  return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "optimizer: takes float, this is the double build for tests");
}

fm_status fm_optimizer_step_net(fm_ctx *ctx, const fm_optimizer *optimizer, const fm_net *net, uint64_t step,
                                const float *grad, float *params, float *state, double *grad_norm) {
  (void)net;
  return fm_optimizer_step(ctx, optimizer, step, grad, 0, params, state, grad_norm);
}
#else
/* The sum of squares shows what isn't finite at once: that of finite floats can't overflow double. */
static fm_status check_finite(fm_ctx *ctx, const char *name, const float *x, size_t n, double *squares) {
  *squares = ctx->runtime.kernels->sum_squares(x, n);
  if (isfinite(*squares)) return FM_OK;
  size_t i = 0;
  while (isfinite(x[i])) i++;
  return fmi_fail(&ctx->err, FM_E_NONFINITE, "%s: expected finite numbers, found %g at index %zu", name,
                  (double)x[i], i);
}

/* net: NULL, or whose parameters they are. */
static fm_status update(fm_ctx *ctx, const fm_optimizer *optimizer, const fm_net *net, uint64_t step,
                        const float *grad, size_t n_params, float *params, float *state, double *grad_norm) {
  REQUIRE(step >= 1, "step: expected 1 or more, found 0");
  REQUIRE_ARRAY(grad, n_params);
  REQUIRE_ARRAY(params, n_params);
  REQUIRE_ARRAY(state, n_params);
  double squares, others;
  FMI_TRY(check_finite(ctx, "grad", grad, n_params, &squares));
  FMI_TRY(check_finite(ctx, "params", params, n_params, &others));
  FMI_TRY(check_finite(ctx, "state", state, fm_optimizer_state_count(optimizer, n_params), &others));
  double norm = sqrt(squares);
  fmi_update u = {.kernels = ctx->runtime.kernels,
                  .options = &optimizer->options,
                  .step = step,
                  .rate = fmi_optimizer_rate(optimizer, step),
                  .grad_scale = fmi_optimizer_clip(optimizer, norm),
                  .n_params = n_params,
                  .first = 0,
                  .n = n_params,
                  .grad = grad,
                  .params = params,
                  .state = state};
  if (net && optimizer->rule->update_matrix) {
    u.scratch = fmi_alloc(ctx->memory, 1, fmi_optimizer_scratch(optimizer, net), &ctx->err);
    if (u.scratch == NULL) return FM_E_NOMEM;
    for (size_t i = 0; i < net->n_nodes; i++) fmi_optimizer_update_node(optimizer, &net->nodes[i], u);
    fmi_free(ctx->memory, u.scratch);
  } else if (n_params > 0) {
    optimizer->rule->update(&u);
  }
  if (grad_norm) *grad_norm = norm;
  return FM_OK;
}

fm_status fm_optimizer_step(fm_ctx *ctx, const fm_optimizer *optimizer, uint64_t step, const float *grad,
                            size_t n_params, float *params, float *state, double *grad_norm) {
  REQUIRE_CTX();
  REQUIRE_POINTER(optimizer);
  if (optimizer->rule->update_matrix)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "optimizer: '%s' needs to know which parameters are matrices; call fm_optimizer_step_net",
                    optimizer->rule->name);
  return update(ctx, optimizer, NULL, step, grad, n_params, params, state, grad_norm);
}

fm_status fm_optimizer_step_net(fm_ctx *ctx, const fm_optimizer *optimizer, const fm_net *net, uint64_t step,
                                const float *grad, float *params, float *state, double *grad_norm) {
  REQUIRE_CTX();
  REQUIRE_POINTER(optimizer);
  REQUIRE_POINTER(net);
  return update(ctx, optimizer, net, step, grad, net->n_params, params, state, grad_norm);
}
#endif
