/* header_test.c - flowmatch.h compiles alone and first, and what callers have compiled in stays as it is.
   Compiled, not run, by header.sh. */
#include "flowmatch_eval.h"
#include "flowmatch_guide.h"
#include "flowmatch_parts.h"
#include "flowmatch_reflow.h"

#include "layout.h"

/* Every function that the header itself defines. */
void set_up_all(void);
void set_up_all(void) {
  fm_ctx_options ctx;
  fm_ctx_info info;
  fm_path_coefficients coefficients;
  fm_net_options net;
  fm_optimizer_options optimizer;
  fm_data_options data;
  fm_trainer_options trainer;
  fm_solver_options solver;
  fm_solve_stats stats;
  fm_sampler_options sampler;
  fm_guidance_options guidance;
  fm_reflow_options reflow;
  fm_reflow_stats reflow_stats;
  fm_eval_options eval;
  fm_eval_result result;
  fm_ctx_options_init(&ctx);
  fm_ctx_info_init(&info);
  fm_path_coefficients_init(&coefficients);
  fm_net_options_init(&net);
  fm_optimizer_options_init(&optimizer);
  fm_data_options_init(&data);
  fm_trainer_options_init(&trainer);
  fm_solver_options_init(&solver);
  fm_solve_stats_init(&stats);
  fm_sampler_options_init(&sampler);
  fm_guidance_options_init(&guidance);
  fm_reflow_options_init(&reflow);
  fm_reflow_stats_init(&reflow_stats);
  fm_eval_options_init(&eval);
  fm_eval_result_init(&result);
}
