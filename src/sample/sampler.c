/* sampler.c - the handle: a model, a solver's configuration, and workspace for every worker. */
#include "sample/sampler.h"

static void destroy(void *self) {
  fm_sampler *s = self;
  fmi_plan_free(s->plan);
  fmi_plan_free(s->jacobian);
  fmi_guide_free(&s->guide);
  fmi_free(s->object.memory, s->block);
  fmi_release(s->model);
  fmi_release(s->path);
  fmi_object_free(s);
}

/* What a slot has for log-densities. */
static void carve_density(const fm_sampler *s, fmi_arena *a, fmi_sample_slot *slot) {
  const size_t dim = s->model->net->dim, cells = fmi_mul_size(FMI_TILE, dim);
  const size_t logs = fmi_mul_size(FMI_TILE, s->n_logs);
  const bool exact = s->options.divergence == FM_DIVERGENCE_EXACT;
  slot->jacobian = fmi_workspace_take(a, s->jacobian);
  slot->state = fmi_arena_take(a, fmi_add_size(cells, logs), sizeof(double));
  slot->found = fmi_arena_take(a, 3 * FMI_TILE, sizeof(double));
  slot->probes = fmi_arena_take(a, exact ? 0 : fmi_mul_size(logs, dim), sizeof(double));
  slot->dx = fmi_arena_take(a, cells, sizeof(real));
  slot->d_x = fmi_arena_take(a, cells, sizeof(real));
  slot->velocity = fmi_arena_take(a, cells, sizeof(real));
  slot->rows = fmi_arena_take(a, FMI_TILE, sizeof *slot->rows);
}

static void carve(fm_sampler *s, fmi_arena *a) {
  const fm_net *net = s->model->net;
  const size_t state = fmi_add_size(net->dim, s->n_logs);
  size_t cells = fmi_mul_size(FMI_TILE, net->dim), conds = fmi_mul_size(FMI_TILE, net->cond_dim);
  real *raw = fmi_arena_take(a, s->options.raw_weights ? s->plan->packed_reals : 0, sizeof(real));
  s->raw_packed = s->options.raw_weights ? raw : NULL;
  double *grid = fmi_arena_take(a, s->config.own_grid ? (size_t)s->config.grid.n_steps + 1 : 0, sizeof *grid);
  if (a->base != NULL && s->config.own_grid) fmi_grid_keep_in(&s->config.grid, grid);
  const size_t n_check = s->n_logs > 0 ? fmi_max((size_t)s->config.grid.n_steps / 2 + 2, 3) : 0;
  double *check = fmi_arena_take(a, n_check, sizeof *check);
  if (a->base != NULL && n_check > 0) s->check_config.grid.own = check;
  if (s->guided) fmi_guide_carve(s, a);
  s->slots = fmi_arena_take(a, s->n_slots, sizeof *s->slots);
  for (size_t i = 0; i < s->n_slots; i++) {
    fmi_sample_slot slot = {.work = fmi_workspace_take(a, s->plan)};
    slot.solve = fmi_arena_take(a, s->config.method->workspace(&s->config, FMI_TILE, state), 1);
    slot.y = fmi_arena_take(a, cells, sizeof(double));
    slot.shown = fmi_arena_take(a, cells, sizeof(double));
    slot.x = fmi_arena_take(a, cells, sizeof(real));
    slot.cond = fmi_arena_take(a, conds, sizeof(real));
    slot.cond_now = fmi_arena_take(a, conds, sizeof(real));
    slot.labels = fmi_arena_take(a, fmi_mul_size(FMI_TILE, net->n_class_columns), sizeof(int32_t));
    slot.t = fmi_arena_take(a, net->n_times * FMI_TILE, sizeof(double));
    slot.noise = fmi_arena_take(a, fmi_prior_scratch(net->dim), 1);
    if (s->n_logs > 0) carve_density(s, a, &slot);
    if (s->guided) slot.guide = fmi_guide_carve_slot(s, a);
    if (s->slots) s->slots[i] = slot;
  }
}

/* By Jacobian-vector products; a net without them is the caller's, whose transposed ones give the same. */
static fm_status plan_jacobian(fm_sampler *s, const fmi_runtime *rt, fmi_error *err) {
  const fm_net *net = s->model->net;
  uint32_t wants = FMI_WANT_TANGENT;
  if (s->options.divergence == 0) return FM_OK;
  FMI_TRY(fmi_density_check(s->model, err));
  for (size_t i = 0; i < net->n_nodes; i++)
    if (net->nodes[i].op->jvp == NULL) wants = FMI_WANT_BACKWARD | FMI_WANT_DX;
  s->n_logs = s->options.divergence == FM_DIVERGENCE_EXACT ? 1 : s->options.n_probes;
  s->jacobian = fmi_plan_new(rt->memory, net, rt->kernels, wants, FMI_TILE, 0, false, err);
  return s->jacobian != NULL ? FM_OK : FM_E_NOMEM;
}

/* What the solver and the path ask of a model. */
static fm_status check_model(const fm_sampler *s, const fm_model *model, fmi_error *err) {
  const fm_path *path = s->path != NULL ? s->path : model->path;
  if (s->options.diffusion != 0) FMI_TRY(fmi_sde_check(model, path, err));
  if (s->config.method->stepper->needs_path) FMI_TRY(fmi_x1_form_check(path, err));
  if (s->config.method->stepper->needs_mean) FMI_TRY(fmi_mean_form_check(s, model, err));
  if (path == model->path) return FM_OK;
  FMI_TRY(fmi_path_check_gamma("model: drawing along another path", model->path, err));
  return fmi_path_check_gamma("sampler_options.path", path, err);
}

static fm_status allocate(fm_sampler *s, const fmi_runtime *rt, fmi_error *err) {
  s->plan = fmi_plan_new(rt->memory, s->model->net, rt->kernels, 0, FMI_TILE, 0, false, err);
  if (s->plan == NULL) return FM_E_NOMEM;
  FMI_TRY(plan_jacobian(s, rt, err));
  FMI_TRY(fmi_guide_plan(s, rt, err));
  FMI_TRY(check_model(s, s->model, err));
  fmi_arena arena = {NULL, 0};
  carve(s, &arena);
  s->block = fmi_alloc(rt->memory, 1, arena.used, err);
  if (s->block == NULL) return FM_E_NOMEM;
  arena = (fmi_arena){s->block, 0};
  carve(s, &arena);
  if (s->raw_packed) fmi_plan_pack(s->plan, s->model->params, s->raw_packed);
  fmi_guide_pack(s);
  return FM_OK;
}

fm_sampler *fmi_sampler_new(const fmi_runtime *rt, const fm_model *model, const fmi_solve_config *config,
                            const fm_sampler_options *options, const fm_guidance_options *guidance,
                            fmi_error *err) {
  fm_sampler *s = fmi_object_create(rt->memory, sizeof *s, destroy, err);
  if (s == NULL) return NULL;
  s->model = fmi_retain(model);
  s->config = s->check_config = *config;
  s->options = *options;
  s->path = fmi_retain(options->path);
  s->n_slots = fmi_pool_width(rt->pool);
  s->guided = guidance != NULL;
  if (s->guided) s->guide = (fmi_guide){.options = *guidance, .weaker = fmi_retain(guidance->weaker)};
  if (allocate(s, rt, err) == FM_OK) return s;
  fmi_release(s);
  return NULL;
}

fm_status fmi_sampler_set_model(fm_sampler *s, const fm_model *model, fmi_error *err) {
  if (model->net != s->model->net)
    return fmi_fail(err, FM_E_MISMATCH, "model: expected one of the same net as the sampler's");
  if (s->n_logs > 0) FMI_TRY(fmi_density_check(model, err));
  FMI_TRY(check_model(s, model, err));
  FMI_TRY(fmi_guide_check(s, model, err));
  fmi_retain(model);
  fmi_release(s->model);
  s->model = model;
  if (s->raw_packed) fmi_plan_pack(s->plan, model->params, s->raw_packed);
  fmi_guide_pack(s);
  return FM_OK;
}

/* Log-densities belong to the flow, which the steps of a distilled model are not, nor those of a mean velocity;
   guidance and another path are changes of a velocity. */
void fmi_sampler_default_solver(const fm_model *model, const fm_sampler_options *o, bool guided,
                                fm_solver_options *solver) {
  const uint32_t steps = fmi_model_euler_steps(model);
  if (solver->method != 0 || o->divergence != 0) return;
  if (steps > 0) {
    solver->method = FM_SOLVER_EULER;
    if (solver->n_steps == 0) solver->n_steps = steps;
  } else if (model->net->n_times == 2 && solver->fixed_steps == 0 && !guided &&
             (o->path == NULL || o->path == model->path)) {
    solver->method = FM_SOLVER_MEAN;
  }
}
