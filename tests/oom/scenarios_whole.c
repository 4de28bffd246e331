/* Scenarios on models, files, trainers, samplers and the calls that do everything at once. */
#include "oom.h"

/* What most of them start from: a conditional residual net and its handles. */
typedef struct parts {
  fm_net *net;
  fm_path *path;
  fm_prior *prior;
  fm_normaliser *normaliser, *cond_normaliser;
  fm_optimizer *optimizer;
  fm_data *data;
} parts;

static void destroy_parts(parts *p) {
  fm_net_destroy(p->net);
  fm_path_destroy(p->path);
  fm_prior_destroy(p->prior);
  fm_normaliser_destroy(p->normaliser);
  fm_normaliser_destroy(p->cond_normaliser);
  fm_optimizer_destroy(p->optimizer);
  fm_data_destroy(p->data);
}

static const double mixture_deviations[4] = {1, 2, 1, 2};

static fm_status make_parts(fm_ctx *ctx, parts *p) {
  fm_status status;
  const fm_net_options net = small_net(FM_NET_RESMLP);
  fm_optimizer_options optimizer;
  fm_optimizer_options_init(&optimizer);
  optimizer.n_steps = 2;
  MAKE(p->net, fm_net_create(ctx, 2, n_classes, 1, 2, &net, &p->net));
  MAKE(p->path, fm_path_create_named(ctx, "vp:0.2:15", &p->path));
  MAKE(p->prior, fm_prior_create_mixture(ctx, times + 1, rows_f64, mixture_deviations, 2, 2, &p->prior));
  MAKE(p->normaliser, fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, rows_f32, N_ROWS, 2, &p->normaliser));
  MAKE(p->cond_normaliser,
       fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, conds, N_ROWS, 2, &p->cond_normaliser));
  MAKE(p->optimizer, fm_optimizer_create(ctx, &optimizer, &p->optimizer));
  MAKE(p->data, fm_data_create(ctx, rows_f32, NULL, labels, conds, weights, N_ROWS, 2, 1, 2, NULL, &p->data));
end:
  return status;
}

static fm_status make_trainer(fm_ctx *ctx, const parts *p, fm_trainer **out) {
  fm_status status;
  const fm_trainer_options o = small_trainer();
  MAKE(*out, fm_trainer_create(ctx, p->net, p->path, p->prior, p->normaliser, p->cond_normaliser,
                               p->optimizer, NULL, &o, out));
end:
  return status;
}

/* A model of weights that are all 0, from parts or from defaults alone. */
static fm_status make_model(fm_ctx *ctx, const parts *p, bool defaults, fm_model **out) {
  static const float zero[MOST_PARAMS];
  fm_status status;
  if (fm_net_n_params(p->net) > MOST_PARAMS) return FM_E_UNSUPPORTED;
  if (defaults)
    MAKE(*out, fm_model_create(ctx, p->net, zero, NULL, NULL, NULL, NULL, NULL, out));
  else
    MAKE(*out,
         fm_model_create(ctx, p->net, zero, zero, p->path, p->prior, p->normaliser, p->cond_normaliser, out));
end:
  return status;
}

#define NEED(expression)                                                                                     \
  do {                                                                                                       \
    status = (expression);                                                                                   \
    if (status != FM_OK) goto end;                                                                           \
  } while (0)

fm_status scenario_models(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_model *plain = NULL, *model = NULL, *noted = NULL, *renoted = NULL;
  float params[MOST_PARAMS];
  NEED(make_parts(ctx, &p));
  NEED(make_model(ctx, &p, true, &plain));
  NEED(make_model(ctx, &p, false, &model));
  FRUGAL(fm_model_get_params(ctx, model, params, NULL));
  MAKE(noted, fm_model_with_note(ctx, model, "units", "metres", &noted));
  MAKE(renoted, fm_model_with_note(ctx, noted, "units", "feet", &renoted));
end:
  fm_model_destroy(plain);
  fm_model_destroy(model);
  fm_model_destroy(noted);
  fm_model_destroy(renoted);
  destroy_parts(&p);
  return status;
}

fm_status scenario_model_files(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_model *model = NULL, *noted = NULL, *loaded = NULL, *from_memory = NULL;
  static unsigned char bytes[1u << 16];
  NEED(make_parts(ctx, &p));
  NEED(make_model(ctx, &p, false, &model));
  MAKE(noted, fm_model_with_note(ctx, model, "units", "metres", &noted));
  CALL(fm_model_save(ctx, noted, in_folder("model")));
  MAKE(loaded, fm_model_load(ctx, in_folder("model"), &loaded));
  size_t n_bytes = read_file(in_folder("model"), bytes, sizeof bytes);
  MAKE(from_memory, fm_model_load_memory(ctx, bytes, n_bytes, &from_memory));
end:
  fm_model_destroy(model);
  fm_model_destroy(noted);
  fm_model_destroy(loaded);
  fm_model_destroy(from_memory);
  destroy_parts(&p);
  return status;
}

/* ---- training ------------------------------------------------------------------------------------- */

fm_status scenario_trainer(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_trainer *trainer = NULL, *defaults = NULL;
  fm_model *latest = NULL, *model = NULL, *best = NULL;
  const fm_trainer_options small = small_trainer();
  float grad[MOST_PARAMS];
  double loss;
  NEED(make_parts(ctx, &p));
  MAKE(defaults, fm_trainer_create(ctx, p.net, NULL, NULL, NULL, NULL, NULL, NULL, &small, &defaults));
  NEED(make_trainer(ctx, &p, &trainer));
  FRUGAL(fm_trainer_step(ctx, trainer, rows_f32, rows_f32, labels, conds, weights, N_ROWS, &loss));
  FRUGAL(fm_trainer_step_f64(ctx, trainer, rows_f64, NULL, labels, conds, NULL, N_ROWS - 1, NULL));
  FRUGAL(fm_trainer_get_gradient(ctx, trainer, grad));
  FRUGAL(fm_trainer_publish(ctx, trainer));
  FRUGAL(fm_trainer_run(ctx, trainer, p.data, 4));
  FRUGAL(fm_trainer_latest(ctx, trainer, &latest));
  MAKE(model, fm_trainer_model(ctx, trainer, &model));
  CALL(fm_trainer_run_validated(ctx, trainer, p.data, p.data, 5, NULL));
  MAKE(best, fm_trainer_best(ctx, trainer, &best, &loss));
end:
  fm_model_destroy(best);
  fm_trainer_destroy(defaults);
  fm_trainer_destroy(trainer);
  fm_model_destroy(latest);
  fm_model_destroy(model);
  destroy_parts(&p);
  return status;
}

/* Every coupling, on its own and in a trainer. */
fm_status scenario_couplings(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_coupling *coupling = NULL;
  fm_trainer *trainer = NULL;
  fm_path *bridge = NULL;
  fm_trainer_options small = small_trainer();
  fm_coupling_options o;
  uint64_t index[2][N_ROWS];
  double plan[N_ROWS * N_ROWS];
  NEED(make_parts(ctx, &p));
  MAKE(bridge, fm_path_create(ctx, FM_PATH_BRIDGE, &bridge));
  for (uint32_t kind = FM_COUPLING_INDEPENDENT; kind <= FM_COUPLING_BRIDGE; kind++) {
    fm_coupling_options_init(&o);
    o.kind = small.coupling = kind;
    o.tolerance = kind < FM_COUPLING_SINKHORN ? 0 : 1;
    MAKE(coupling, fm_coupling_create(ctx, N_ROWS, 2, 1, 2, &o, &coupling));
    FRUGAL(fm_coupling_pair(ctx, coupling, rows_f32, rows_f32, labels, conds, N_ROWS, 1, 0, index[0],
                            index[1], NULL));
    FRUGAL(fm_coupling_pair_f64(ctx, coupling, rows_f64, rows_f64, labels, conds, N_ROWS, 1, 0, index[0],
                                index[1], NULL));
    FRUGAL(fm_coupling_plan(ctx, coupling, plan));
    MAKE(trainer, fm_trainer_create(ctx, p.net, bridge, NULL, NULL, NULL, NULL, NULL, &small, &trainer));
    FRUGAL(fm_trainer_step(ctx, trainer, rows_f32, NULL, labels, conds, weights, N_ROWS, NULL));
    fm_coupling_destroy(coupling);
    fm_trainer_destroy(trainer);
    coupling = NULL;
    trainer = NULL;
  }
end:
  fm_coupling_destroy(coupling);
  fm_trainer_destroy(trainer);
  fm_path_destroy(bridge);
  destroy_parts(&p);
  return status;
}

/* Every update rule, with micro-batches; one step outside a trainer may allocate. */
fm_status scenario_rules(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_trainer *trainer = NULL;
  fm_optimizer *optimizer = NULL;
  static float params[MOST_PARAMS], grad[MOST_PARAMS], state[2 * MOST_PARAMS];
  fm_trainer_options small = small_trainer();
  small.accumulate = 2;
  NEED(make_parts(ctx, &p));
  for (uint32_t kind = FM_OPTIMIZER_ADAMW; kind <= FM_OPTIMIZER_MUON; kind++) {
    fm_optimizer_options o;
    fm_optimizer_options_init(&o);
    o.kind = kind;
    MAKE(optimizer, fm_optimizer_create(ctx, &o, &optimizer));
    MAKE(trainer, fm_trainer_create(ctx, p.net, NULL, NULL, NULL, NULL, optimizer, NULL, &small, &trainer));
    FRUGAL(fm_trainer_step(ctx, trainer, rows_f32, NULL, labels, conds, weights, N_ROWS, NULL));
    FRUGAL(fm_trainer_step(ctx, trainer, rows_f32, NULL, labels, conds, weights, N_ROWS, NULL));
    FRUGAL(fm_trainer_run(ctx, trainer, p.data, 3));
    if (kind == FM_OPTIMIZER_MUON)
      CALL(fm_optimizer_step_net(ctx, optimizer, p.net, 1, grad, params, state, NULL));
    else
      FRUGAL(fm_optimizer_step_net(ctx, optimizer, p.net, 1, grad, params, state, NULL));
    fm_trainer_destroy(trainer);
    fm_optimizer_destroy(optimizer);
    trainer = NULL;
    optimizer = NULL;
  }
end:
  fm_trainer_destroy(trainer);
  fm_optimizer_destroy(optimizer);
  destroy_parts(&p);
  return status;
}

static int32_t pull(void *user, const fm_pull_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x1[i] = (double)((r->first_row * r->dim + i) % 5);
  for (uint64_t i = 0; i < r->n; i++) r->labels[i] = (int32_t)(i % 3);
  for (uint64_t i = 0; i < 2 * r->n; i++) r->cond[i] = 1;
  return 0;
}

fm_status scenario_evaluate(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_trainer *trainer = NULL;
  fm_data *stream = NULL;
  fm_model *model = NULL;
  double loss;
  NEED(make_parts(ctx, &p));
  NEED(make_trainer(ctx, &p, &trainer));
  MAKE(stream, fm_data_create_pull(ctx, pull, NULL, 2, 1, 2, 0, &stream));
  FRUGAL(fm_trainer_run(ctx, trainer, stream, 1));
  CALL(fm_trainer_evaluate(ctx, trainer, p.data, 3, 0, &loss));
  CALL(fm_trainer_evaluate(ctx, trainer, stream, 3, 2 * N_ROWS, &loss));
  MAKE(model, fm_trainer_model(ctx, trainer, &model));
  CALL(fm_model_evaluate(ctx, model, p.data, 3, 0, &loss));
end:
  fm_model_destroy(model);
  fm_trainer_destroy(trainer);
  fm_data_destroy(stream);
  destroy_parts(&p);
  return status;
}

fm_status scenario_checkpoints(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_trainer *trainer = NULL, *resumed = NULL;
  NEED(make_parts(ctx, &p));
  NEED(make_trainer(ctx, &p, &trainer));
  NEED(make_trainer(ctx, &p, &resumed));
  CALL(fm_trainer_run_validated(ctx, trainer, p.data, p.data, 1, NULL));
  CALL(fm_trainer_save(ctx, trainer, in_folder("checkpoint")));
  CALL(fm_trainer_load(ctx, resumed, in_folder("checkpoint")));
  FRUGAL(fm_trainer_run(ctx, resumed, p.data, 2));
end:
  fm_trainer_destroy(trainer);
  fm_trainer_destroy(resumed);
  destroy_parts(&p);
  return status;
}

/* ---- sampling, and everything at once -------------------------------------------------------------- */

fm_status scenario_samplers(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_model *model = NULL, *newer = NULL;
  fm_sampler *sampler = NULL, *raw = NULL, *own = NULL;
  static const double grid[] = {0, .25, 1};
  float out[2 * N_ROWS];
  double out64[2 * N_ROWS], at[3 * 2 * N_ROWS];
  fm_row_stats each[N_ROWS];
  fm_solver_options adaptive;
  fm_solver_options_init(&adaptive);
  adaptive.method = FM_SOLVER_DOPRI5;
  fm_solver_options fixed = adaptive;
  fixed.fixed_steps = 1;
  fixed.n_steps = 2;
  fixed.grid = FM_GRID_CUSTOM;
  fm_sampler_options o;
  fm_sampler_options_init(&o);
  o.raw_weights = 1;
  NEED(make_parts(ctx, &p));
  NEED(make_model(ctx, &p, false, &model));
  NEED(make_model(ctx, &p, true, &newer));
  MAKE(sampler, fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  MAKE(raw, fm_sampler_create(ctx, model, &adaptive, &o, &raw));
  FRUGAL(fm_sampler_draw(ctx, sampler, 1, 0, labels, conds, N_ROWS, out));
  FRUGAL(fm_sampler_draw_f64(ctx, raw, 1, 5, NULL, NULL, N_ROWS, out64));
  FRUGAL(fm_sampler_set_model(ctx, raw, newer));
  FRUGAL(fm_sampler_transport(ctx, raw, 1, 0, labels, conds, N_ROWS, out64, NULL, NULL, NULL));
  MAKE(own, fm_sampler_create(ctx, model, &fixed, &o, &own));
  FRUGAL(fm_sampler_set_grid(ctx, own, grid, 3));
  FRUGAL(fm_sampler_transport_at(ctx, own, grid, 3, labels, conds, N_ROWS, rows_f64, at, NULL, each));
  FRUGAL(fm_sampler_transport_at(ctx, raw, grid, 3, labels, conds, N_ROWS, rows_f64, at, NULL, each));
  FRUGAL(fm_sampler_velocity(ctx, sampler, rows_f32, times, labels, conds, N_ROWS, out));
  CALL(fm_sample(ctx, model, 2, 0, labels, conds, N_ROWS, out));
end:
  fm_model_destroy(model);
  fm_model_destroy(newer);
  fm_sampler_destroy(sampler);
  fm_sampler_destroy(raw);
  fm_sampler_destroy(own);
  destroy_parts(&p);
  return status;
}

fm_status scenario_densities(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_model *model = NULL;
  fm_model *plain = NULL;
  fm_sampler *exact = NULL, *estimated = NULL, *stochastic = NULL, *adams = NULL, *exponential = NULL;
  double out[2 * N_ROWS], found[N_ROWS], errors[N_ROWS];
  fm_row_stats each[N_ROWS];
  fm_sampler_options o;
  fm_sampler_options_init(&o);
  fm_solver_options fixed;
  fm_solver_options_init(&fixed);
  fixed.method = FM_SOLVER_RK4;
  fixed.n_steps = 3;
  NEED(make_parts(ctx, &p));
  NEED(make_model(ctx, &p, false, &model));
  o.divergence = FM_DIVERGENCE_EXACT;
  MAKE(exact, fm_sampler_create(ctx, model, NULL, &o, &exact));
  o.divergence = FM_DIVERGENCE_GAUSSIAN;
  o.raw_weights = 1;
  o.coarse = 1e6;
  MAKE(estimated, fm_sampler_create(ctx, model, &fixed, &o, &estimated));
  FRUGAL(fm_sampler_log_density(ctx, exact, 0, labels, conds, N_ROWS, rows_f64, found, errors, NULL, each));
  FRUGAL(fm_sampler_draw_log_density(ctx, estimated, 1, 0, labels, conds, N_ROWS, out, found, errors, NULL,
                                     each));
  fm_sampler_options_init(&o);
  o.diffusion = FM_DIFFUSION_SIGMA;
  fixed.method = FM_SOLVER_HEUN2;
  NEED(make_model(ctx, &p, true, &plain));
  MAKE(stochastic, fm_sampler_create(ctx, plain, &fixed, &o, &stochastic));
  FRUGAL(fm_sampler_draw_f64(ctx, stochastic, 1, 0, labels, conds, N_ROWS, out));
  fixed.method = FM_SOLVER_AB2;
  MAKE(adams, fm_sampler_create(ctx, plain, &fixed, NULL, &adams));
  FRUGAL(fm_sampler_draw_f64(ctx, adams, 1, 0, labels, conds, N_ROWS, out));
  fixed.method = FM_SOLVER_EXPONENTIAL_2M;
  MAKE(exponential, fm_sampler_create(ctx, plain, &fixed, NULL, &exponential));
  FRUGAL(fm_sampler_draw_f64(ctx, exponential, 1, 0, labels, conds, N_ROWS, out));
end:
  fm_model_destroy(model);
  fm_model_destroy(plain);
  fm_sampler_destroy(stochastic);
  fm_sampler_destroy(adams);
  fm_sampler_destroy(exponential);
  fm_sampler_destroy(exact);
  fm_sampler_destroy(estimated);
  destroy_parts(&p);
  return status;
}

/* Two times: a step of training has a workspace for its targets. */
fm_status scenario_mean_flow(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_net *net = NULL;
  fm_trainer *trainer = NULL;
  fm_model *model = NULL, *fitted = NULL;
  fm_sampler *sampler = NULL;
  fm_net_options shape = small_net(FM_NET_MLP);
  fm_trainer_options o = small_trainer();
  float drawn[2 * N_ROWS];
  o.objective = FM_OBJECTIVE_MEAN_FLOW;
  o.mean_share = 1;
  o.mean_weight_power = 0.5;
  NEED(make_parts(ctx, &p));
  MAKE(fitted, fm_fit(ctx, p.data, p.path, NULL, p.optimizer, &shape, &o, &fitted));
  shape.n_times = 2;
  MAKE(net, fm_net_create(ctx, 2, n_classes, 1, 2, &shape, &net));
  MAKE(trainer, fm_trainer_create(ctx, net, p.path, p.prior, p.normaliser, p.cond_normaliser, p.optimizer,
                                  NULL, &o, &trainer));
  FRUGAL(fm_trainer_step(ctx, trainer, rows_f32, NULL, labels, conds, weights, N_ROWS, NULL));
  MAKE(model, fm_trainer_model(ctx, trainer, &model));
  MAKE(sampler, fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  FRUGAL(fm_sampler_draw(ctx, sampler, 1, 0, labels, conds, N_ROWS, drawn));
  CALL(fm_sample(ctx, fitted, 1, 0, labels, conds, N_ROWS, drawn));
end:
  fm_sampler_destroy(sampler);
  fm_model_destroy(model);
  fm_model_destroy(fitted);
  fm_trainer_destroy(trainer);
  fm_net_destroy(net);
  destroy_parts(&p);
  return status;
}

fm_status scenario_fit(fm_ctx *ctx) {
  fm_status status;
  parts p = {0};
  fm_model *model = NULL, *plain = NULL;
  fm_data *doubles = NULL;
  const fm_net_options net = small_net(FM_NET_RESMLP);
  const fm_trainer_options trainer = small_trainer();
  NEED(make_parts(ctx, &p));
  MAKE(model, fm_fit(ctx, p.data, p.path, p.prior, p.optimizer, &net, &trainer, &model));
  MAKE(doubles,
       fm_data_create_f64(ctx, rows_f64, rows_f64, NULL, NULL, NULL, N_ROWS, 2, 0, 0, NULL, &doubles));
  MAKE(plain, fm_fit(ctx, doubles, NULL, NULL, p.optimizer, &net, &trainer, &plain));
end:
  fm_model_destroy(model);
  fm_model_destroy(plain);
  fm_data_destroy(doubles);
  destroy_parts(&p);
  return status;
}
