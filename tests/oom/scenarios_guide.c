/* Scenarios on guided samplers. */
#include "oom.h"

static int32_t flat_potential(void *user, const fm_potential_call *call) {
  (void)user;
  for (uint64_t i = 0; i < call->n * call->dim; i++) call->gradient[i] = 0.5;
  return 0;
}

fm_status scenario_guided(fm_ctx *ctx) {
  static const float zero[MOST_PARAMS];
  static const double row_weights[N_ROWS] = {1, 2, 0, 1.5};
  fm_status status;
  fm_net *net = NULL, *small = NULL;
  fm_model *model = NULL, *newer = NULL, *weaker = NULL;
  fm_sampler *sampler = NULL, *whole = NULL;
  float out[2 * N_ROWS], mask[2 * N_ROWS];
  double out64[2 * N_ROWS];
  fm_row_stats each[N_ROWS];
  const fm_net_options options = small_net(FM_NET_RESMLP), other = small_net(FM_NET_MLP);
  fm_sampler_options raw;
  fm_sampler_options_init(&raw);
  raw.raw_weights = 1;
  fm_guidance_options guidance;
  fm_guidance_options_init(&guidance);
  guidance.weight = 2;
  MAKE(net, fm_net_create(ctx, 2, n_classes, 1, 2, &options, &net));
  MAKE(small, fm_net_create(ctx, 2, n_classes, 1, 2, &other, &small));
  MAKE(model, fm_model_create(ctx, net, zero, NULL, NULL, NULL, NULL, NULL, &model));
  MAKE(newer, fm_model_create(ctx, net, zero, zero, NULL, NULL, NULL, NULL, &newer));
  MAKE(weaker, fm_model_create(ctx, small, zero, NULL, NULL, NULL, NULL, NULL, &weaker));
  MAKE(sampler, fm_sampler_create_guided(ctx, model, NULL, NULL, &guidance, &sampler));
  FRUGAL(fm_sampler_draw(ctx, sampler, 1, 0, labels, conds, N_ROWS, out));
  guidance.inpainting = FM_INPAINT_BOTH;
  guidance.weaker = weaker;
  guidance.potential = flat_potential;
  MAKE(whole, fm_sampler_create_guided(ctx, model, NULL, &raw, &guidance, &whole));
  FRUGAL(fm_prefix_mask(ctx, N_ROWS, 2, 2, 5, mask));
  FRUGAL(fm_sampler_draw_guided(ctx, whole, 1, 0, labels, conds, row_weights, rows_f32, mask, N_ROWS, out,
                                NULL, each));
  FRUGAL(fm_sampler_set_model(ctx, whole, newer));
  FRUGAL(fm_sampler_draw_guided_f64(ctx, whole, 1, 0, labels, conds, row_weights, rows_f64, NULL, N_ROWS,
                                    out64, NULL, each));
  FRUGAL(fm_sampler_transport(ctx, whole, 0, 1, labels, conds, N_ROWS, out64, NULL, NULL, NULL));
end:
  fm_sampler_destroy(sampler);
  fm_sampler_destroy(whole);
  fm_model_destroy(model);
  fm_model_destroy(newer);
  fm_model_destroy(weaker);
  fm_net_destroy(net);
  fm_net_destroy(small);
  return status;
}
