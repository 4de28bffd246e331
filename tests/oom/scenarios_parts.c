/* Scenarios on paths, priors, normalisers, networks, optimisers, data and solvers. */
#include "oom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t straight(void *user, double t, fm_path_coefficients *out) {
  (void)user;
  out->alpha = t;
  out->sigma = 1 - t;
  out->gamma = 0;
  out->d_alpha = 1;
  out->d_sigma = -1;
  out->d_gamma = 0;
  return 0;
}

static int32_t source(void *user, const fm_prior_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x0[i] = (double)((r->first_row * r->dim + i) % 7);
  return 0;
}

static int32_t source_density(void *user, const fm_log_density_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n; i++) r->log_density[i] = -(double)r->dim;
  return 0;
}

fm_status scenario_priors(fm_ctx *ctx) {
  fm_status status;
  fm_prior *uniform = NULL, *diagonal = NULL, *full = NULL, *mixture = NULL;
  fm_prior *rows = NULL, *rows64 = NULL, *own = NULL;
  const double low[2] = {0, 1}, high[2] = {2, 3}, covariance[4] = {2, 1, 1, 2};
  double density[N_ROWS];
  MAKE(uniform, fm_prior_create_uniform(ctx, low, high, 2, &uniform));
  MAKE(diagonal, fm_prior_create_diagonal(ctx, low, high, 2, &diagonal));
  MAKE(full, fm_prior_create_covariance(ctx, low, covariance, 2, &full));
  MAKE(mixture, fm_prior_create_mixture(ctx, high, covariance, covariance, 2, 2, &mixture));
  MAKE(rows, fm_prior_create_shuffled_rows(ctx, rows_f32, N_ROWS, 2, &rows));
  MAKE(rows64, fm_prior_create_shuffled_rows_f64(ctx, rows_f64, N_ROWS, 2, &rows64));
  MAKE(own, fm_prior_create_callback_density(ctx, source, source_density, NULL, &own));
  const fm_prior *known[] = {uniform, diagonal, full, mixture, own};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    FRUGAL(fm_prior_log_density(ctx, known[i], rows_f64, N_ROWS, 2, density));
end:
  fm_prior_destroy(uniform);
  fm_prior_destroy(diagonal);
  fm_prior_destroy(full);
  fm_prior_destroy(mixture);
  fm_prior_destroy(rows);
  fm_prior_destroy(rows64);
  fm_prior_destroy(own);
  return status;
}

fm_status scenario_small_handles(fm_ctx *ctx) {
  fm_status status;
  fm_path *path = NULL, *named = NULL, *custom = NULL;
  fm_prior *gaussian = NULL, *rows = NULL, *rows64 = NULL, *callback = NULL;
  fm_normaliser *fitted = NULL, *fitted64 = NULL, *whole = NULL, *given = NULL;
  fm_optimizer *optimizer = NULL, *defaults = NULL;
  fm_optimizer *kinds[5] = {NULL};
  double out[2 * N_ROWS], shift[2], scale[2], norm;
  fm_path_coefficients c;
  fm_path_coefficients_init(&c);
  fm_path_change change;
  fm_path_change_init(&change);
  fm_ctx_info info;
  fm_ctx_info_init(&info);
  FRUGAL(fm_ctx_get_info(ctx, &info));
  MAKE(path, fm_path_create(ctx, FM_PATH_COSINE, &path));
  MAKE(named, fm_path_create_named(ctx, "vp:0.2:15", &named));
  FRUGAL(fm_path_interval(ctx, named, shift, scale));
  FRUGAL(fm_path_snr_inverse(ctx, named, 1, &norm));
  FRUGAL(fm_path_transform(ctx, path, named, .5, &change));
  MAKE(custom, fm_path_create_custom(ctx, straight, NULL, &custom));
  FRUGAL(fm_path_coefficients_at(ctx, custom, .5, &c));
  FRUGAL(fm_path_interpolate(ctx, path, rows_f64, rows_f64, NULL, times, N_ROWS, 2, out, NULL));
  FRUGAL(fm_path_convert(ctx, path, FM_X1, FM_X1, times, rows_f64, rows_f64, N_ROWS, 2, out));
  MAKE(gaussian, fm_prior_create_gaussian(ctx, &gaussian));
  MAKE(rows, fm_prior_create_rows(ctx, rows_f32, N_ROWS, 2, &rows));
  MAKE(rows64, fm_prior_create_rows_f64(ctx, rows_f64, N_ROWS, 2, &rows64));
  MAKE(callback, fm_prior_create_callback(ctx, source, NULL, &callback));
  MAKE(fitted, fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, rows_f32, N_ROWS, 2, &fitted));
  MAKE(fitted64, fm_normaliser_fit_f64(ctx, FM_NORMALISE_IDENTITY, rows_f64, N_ROWS, 2, &fitted64));
  MAKE(whole, fm_normaliser_fit(ctx, FM_NORMALISE_WHOLE, rows_f32, N_ROWS, 2, &whole));
  FRUGAL(fm_normaliser_get(ctx, whole, shift, scale));
  MAKE(given, fm_normaliser_create(ctx, shift, scale, 2, &given));
  fm_optimizer_options o;
  fm_optimizer_options_init(&o);
  o.schedule = FM_SCHEDULE_CONSTANT;
  MAKE(defaults, fm_optimizer_create(ctx, NULL, &defaults));
  MAKE(optimizer, fm_optimizer_create(ctx, &o, &optimizer));
  float params[4] = {1, 2, 3, 4}, state[16] = {0};
  if (fm_optimizer_state_count(optimizer, 4) <= 16)
    FRUGAL(fm_optimizer_step(ctx, optimizer, 1, rows_f32, 4, params, state, &norm));
  for (uint32_t kind = FM_OPTIMIZER_ADAMW; kind <= FM_OPTIMIZER_MUON; kind++) {
    o.kind = kind;
    MAKE(kinds[kind - 1], fm_optimizer_create(ctx, &o, &kinds[kind - 1]));
    if (kind != FM_OPTIMIZER_MUON)
      FRUGAL(fm_optimizer_step(ctx, kinds[kind - 1], 2, rows_f32, 4, params, state, &norm));
  }
end:
  fm_path_destroy(path);
  fm_path_destroy(named);
  fm_path_destroy(custom);
  fm_prior_destroy(gaussian);
  fm_prior_destroy(rows);
  fm_prior_destroy(rows64);
  fm_prior_destroy(callback);
  fm_normaliser_destroy(fitted);
  fm_normaliser_destroy(fitted64);
  fm_normaliser_destroy(whole);
  fm_normaliser_destroy(given);
  fm_optimizer_destroy(defaults);
  for (size_t i = 0; i < 5; i++) fm_optimizer_destroy(kinds[i]);
  fm_optimizer_destroy(optimizer);
  return status;
}

/* ---- networks ------------------------------------------------------------------------------------- */

/* velocity, vjp and jvp of a net, with and without what is optional. */
static fm_status run_net(fm_ctx *ctx, const fm_net *net, bool with_jvp) {
  fm_status status;
  float params[MOST_PARAMS], d_params[MOST_PARAMS], out[2 * N_ROWS], d_x[2 * N_ROWS];
  if (fm_net_n_params(net) > MOST_PARAMS) return FM_E_UNSUPPORTED;
  CALL(fm_net_init(ctx, net, 7, params));
  CALL(fm_net_velocity(ctx, net, params, rows_f32, times, labels, conds, N_ROWS, out));
  CALL(fm_net_velocity(ctx, net, params, rows_f32, times, NULL, NULL, N_ROWS, out));
  CALL(fm_net_vjp(ctx, net, params, rows_f32, times, labels, conds, rows_f32, N_ROWS, d_x, d_params));
  CALL(fm_net_vjp(ctx, net, params, rows_f32, times, labels, conds, rows_f32, N_ROWS, NULL, d_params));
  if (with_jvp)
    CALL(fm_net_jvp(ctx, net, params, rows_f32, times, labels, conds, rows_f32, times, N_ROWS, out, d_x));
end:
  return status;
}

fm_status scenario_nets(fm_ctx *ctx) {
  fm_status status;
  fm_net *mlp = NULL, *resmlp = NULL;
  const char *name;
  const fm_net_options plain = small_net(FM_NET_MLP), residual = small_net(FM_NET_RESMLP);
  MAKE(mlp, fm_net_create(ctx, 2, NULL, 0, 0, &plain, &mlp));
  MAKE(resmlp, fm_net_create(ctx, 2, n_classes, 1, 2, &residual, &resmlp));
  FRUGAL(fm_net_tensor(ctx, resmlp, 0, &name, NULL, NULL));
  status = run_net(ctx, mlp, true);
  if (status == FM_OK) status = run_net(ctx, resmlp, true);
end:
  fm_net_destroy(mlp);
  fm_net_destroy(resmlp);
  return status;
}

/* velocity = params[0] x + params[1] */
static int32_t affine(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->velocity[i] = c->params[0] * c->x[i] + c->params[1];
  return 0;
}

static int32_t affine_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) {
    if (c->d_x) c->d_x[i] = c->params[0] * c->d_velocity[i];
    if (c->d_params) c->d_params[0] += c->x[i] * c->d_velocity[i];
    if (c->d_params) c->d_params[1] += c->d_velocity[i];
  }
  return 0;
}

static int32_t affine_init(void *user, uint64_t seed, float *params, size_t n_params) {
  (void)user;
  for (size_t i = 0; i < n_params; i++) params[i] = (float)(seed + i) / 8;
  return 0;
}

fm_status scenario_custom_net(fm_ctx *ctx) {
  fm_status status;
  fm_net *net = NULL, *conditional = NULL;
  fm_trainer *trainer = NULL;
  const fm_trainer_options o = small_trainer();
  MAKE(net, fm_net_create_custom(ctx, 2, NULL, 0, 0, 2, affine, affine_vjp, affine_init, NULL, &net));
  MAKE(conditional,
       fm_net_create_custom(ctx, 2, n_classes, 1, 2, 2, affine, affine_vjp, NULL, NULL, &conditional));
  status = run_net(ctx, net, false);
  if (status != FM_OK) goto end;
  MAKE(trainer, fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
  FRUGAL(fm_trainer_step(ctx, trainer, rows_f32, NULL, NULL, NULL, NULL, N_ROWS, NULL));
end:
  fm_net_destroy(net);
  fm_net_destroy(conditional);
  fm_trainer_destroy(trainer);
  return status;
}

/* ---- data and solvers ----------------------------------------------------------------------------- */

static int32_t never_pulled(void *user, const fm_pull_request *r) {
  (void)user, (void)r;
  return 1;
}

/* A file of N_ROWS rows of two floats. */
static const char *write_rows(const float *cells) {
  static const char header[] =
      "\x93NUMPY\x01\x00\x38\x00{'descr': '<f4','fortran_order': False,'shape': (9, 2)}\n";
  const char *name = in_folder("rows.npy");
  FILE *file = fopen(name, "wb");
  if (file == NULL) abort();
  if (fwrite(header, 1, 66, file) != 66 || fwrite(cells, sizeof *cells, 2 * N_ROWS, file) != 2 * N_ROWS)
    abort();
  fclose(file);
  return name;
}

static int32_t gather_zeros(void *user, const fm_gather_request *request) {
  (void)user;
  memset(request->x1, 0, request->n * request->dim * sizeof *request->x1);
  return 0;
}

fm_status scenario_files(fm_ctx *ctx) {
  fm_status status;
  fm_data *mapped = NULL, *masked = NULL, *rest = NULL, *held_out = NULL, *gathered = NULL;
  fm_normaliser *norm = NULL;
  const fm_data_options mask = {sizeof mask, 0, FM_MISSING_MASK};
  float holes[2 * N_ROWS];
  double x1[3 * N_ROWS];
  int32_t read_labels[N_ROWS];
  uint32_t classes;
  const char *name = write_rows(rows_f32);
  fm_npy_info info;
  fm_npy_info_init(&info);
  memcpy(holes, rows_f32, sizeof holes);
  holes[3] = NAN;
  CALL(fm_npy_inspect(ctx, name, &info));
  MAKE(mapped, fm_data_open_npy(ctx, &name, 1, labels, conds, weights, N_ROWS, 1, 2, &mask, &mapped));
  MAKE(masked, fm_data_create(ctx, holes, NULL, NULL, NULL, NULL, N_ROWS, 2, 0, 0, &mask, &masked));
  MAKE(rest, fm_data_split(ctx, mapped, 1, 3, &rest, &held_out));
  MAKE(gathered, fm_data_create_gather(ctx, gather_zeros, NULL, 5, 2, 0, 0, 0, &gathered));
  CALL(fm_data_read(ctx, masked, 0, N_ROWS, x1, NULL, NULL));
  CALL(fm_data_read(ctx, held_out, 0, 3, x1, read_labels, NULL));
  CALL(fm_data_count_classes(ctx, rest, &classes));
  MAKE(norm, fm_normaliser_fit_data(ctx, FM_NORMALISE_WHOLE, held_out, FM_DATA_COND, &norm));
end:
  fm_normaliser_destroy(norm);
  fm_data_destroy(mapped);
  fm_data_destroy(masked);
  fm_data_destroy(rest);
  fm_data_destroy(held_out);
  fm_data_destroy(gathered);
  return status;
}

fm_status scenario_data(fm_ctx *ctx) {
  fm_status status;
  fm_data *copy = NULL, *copy64 = NULL, *kept = NULL, *pull = NULL;
  const fm_data_options keep = {sizeof keep, 1, FM_MISSING_ERROR};
  MAKE(copy, fm_data_create(ctx, rows_f32, rows_f32, labels, conds, weights, N_ROWS, 2, 1, 2, NULL, &copy));
  MAKE(copy64, fm_data_create_f64(ctx, rows_f64, NULL, NULL, NULL, NULL, N_ROWS, 2, 0, 0, NULL, &copy64));
  MAKE(kept, fm_data_create(ctx, rows_f32, NULL, labels, conds, NULL, N_ROWS, 2, 1, 2, &keep, &kept));
  MAKE(pull, fm_data_create_pull(ctx, never_pulled, NULL, 2, 1, 2, 1, &pull));
end:
  fm_data_destroy(copy);
  fm_data_destroy(copy64);
  fm_data_destroy(kept);
  fm_data_destroy(pull);
  return status;
}

static int32_t decay(void *user, const fm_rhs_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->dxdt[i] = -c->x[i];
  return 0;
}

fm_status scenario_solvers(fm_ctx *ctx) {
  fm_status status;
  fm_solver *fixed = NULL, *adaptive = NULL, *own = NULL;
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.method = FM_SOLVER_DOPRI5;
  static const double grid[] = {0, .5, 1};
  double y[2 * N_ROWS], at[3 * 2 * N_ROWS];
  fm_row_stats each[N_ROWS];
  fm_solver_info info;
  fm_solver_info_init(&info);
  memcpy(y, rows_f64, sizeof y);
  MAKE(fixed, fm_solver_create(ctx, 2, NULL, &fixed));
  MAKE(adaptive, fm_solver_create(ctx, 2, &o, &adaptive));
  o.fixed_steps = 1;
  o.n_steps = 2;
  o.grid = FM_GRID_CUSTOM;
  MAKE(own, fm_solver_create(ctx, 2, &o, &own));
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  FRUGAL(fm_solver_method_info(ctx, 0, &info));
  FRUGAL(fm_solver_set_grid(ctx, own, grid, 3));
  FRUGAL(fm_solver_solve_at(ctx, own, decay, NULL, grid, 3, N_ROWS, rows_f64, at, &stats, each));
  FRUGAL(fm_solver_solve_at(ctx, adaptive, decay, NULL, grid, 3, N_ROWS, rows_f64, at, &stats, each));
  FRUGAL(fm_solver_solve(ctx, fixed, decay, NULL, 0, 1, N_ROWS, y, NULL, NULL, &stats));
  FRUGAL(fm_solver_solve(ctx, adaptive, decay, NULL, 1, 0, N_ROWS, y, NULL, NULL, NULL));
end:
  fm_solver_destroy(fixed);
  fm_solver_destroy(adaptive);
  fm_solver_destroy(own);
  return status;
}
