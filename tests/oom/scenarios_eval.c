/* Scenarios on what judges samples, flows and posteriors. */
#include "oom.h"

/* A sampler of a net that needs nothing else. */
static fm_status make_sampler(fm_ctx *ctx, fm_sampler **out) {
  static float params[MOST_PARAMS];
  fm_status status;
  fm_net *net = NULL;
  fm_model *model = NULL;
  const fm_net_options o = small_net(FM_NET_MLP);
  fm_solver_options solver;
  fm_solver_options_init(&solver);
  solver.method = FM_SOLVER_EULER;
  solver.n_steps = 2;
  MAKE(net, fm_net_create(ctx, 2, NULL, 0, 0, &o, &net));
  CALL(fm_net_init(ctx, net, 1, params));
  MAKE(model, fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &model));
  MAKE(*out, fm_sampler_create(ctx, model, &solver, NULL, out));
end:
  fm_net_destroy(net);
  fm_model_destroy(model);
  return status;
}

fm_status scenario_eval(fm_ctx *ctx) {
  fm_status status;
  fm_sampler *sampler = NULL;
  fm_eval_result result;
  fm_eval_flow_result flow;
  fm_eval_options o;
  fm_eval_uniformity columns[1];
  double energy[N_ROWS], draws[20] = {0};
  uint64_t ranks[10];
  fm_eval_options_init(&o);
  fm_eval_result_init(&result);
  fm_eval_flow_result_init(&flow);
  o.floor_draws = 1;
  o.n_directions = 3;
  o.classifier_steps = 2;
  o.classifier_width = 3;
  for (uint32_t metric = FM_METRIC_W1; metric <= FM_METRIC_C2ST; metric++)
    CALL(fm_eval_compare(ctx, metric, rows_f64, N_ROWS, rows_f64, N_ROWS, 2, rows_f64, N_ROWS, &o, &result));
  status = make_sampler(ctx, &sampler);
  if (status != FM_OK) goto end;
  CALL(fm_eval_flow(ctx, sampler, 1, 0, NULL, NULL, N_ROWS, rows_f64, NULL, energy, &flow));
  CALL(fm_eval_calibration(ctx, draws, draws, 10, 2, 1, NULL, ranks, columns));
end:
  fm_sampler_destroy(sampler);
  return status;
}
