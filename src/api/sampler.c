/* sampler.c - public functions on samplers. */
#include "api/api.h"
#include "sample/sampler.h"

#include <math.h>

/* With defaults filled in. */
static fm_status check_divergence(fm_ctx *ctx, fm_sampler_options *o) {
  if (o->divergence > FM_DIVERGENCE_GAUSSIAN)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "sampler_options.divergence: expected one of FM_DIVERGENCE_..., found %u",
                    (unsigned)o->divergence);
  REQUIRE(o->n_probes <= 4096, "sampler_options.n_probes: expected 1 to 4096 or 0, found %u",
          (unsigned)o->n_probes);
  REQUIRE(o->coarse == o->coarse, "sampler_options.coarse: expected a number, found %g", o->coarse);
  if (o->n_probes == 0) o->n_probes = 8;
  if (o->coarse == 0) o->coarse = 0.1;
  return FM_OK;
}

/* With defaults filled in, also that of the solver. */
static fm_status check_diffusion(fm_ctx *ctx, fm_sampler_options *o, fm_solver_options *solver, size_t dim) {
  const bool own = o->diffusion == FM_DIFFUSION_CUSTOM;
  if (o->diffusion > FM_DIFFUSION_OVERSHOOT && !own)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "sampler_options.diffusion: expected one of FM_DIFFUSION_..., found %llu",
                    (unsigned long long)o->diffusion);
  REQUIRE(own == (o->diffusion_fn != NULL),
          "sampler_options.diffusion_fn: expected with FM_DIFFUSION_CUSTOM, and only then");
  REQUIRE(o->diffusion_level >= 0 && o->diffusion_level < HUGE_VAL,
          "sampler_options.diffusion_level: expected a finite number >= 0, found %g", o->diffusion_level);
  if (o->diffusion_level == 0) o->diffusion_level = 1;
  if (o->diffusion == 0) return FM_OK;
  if (solver->method == 0) solver->method = FM_SOLVER_EULER;
  /* Noise has 2^32 blocks of four for every row. */
  REQUIRE(dim / 4 + 1 <= UINT32_MAX / fmi_max(solver->n_steps, 20),
          "solver_options.n_steps: expected fewer with %zu columns and diffusion, found %u", dim,
          (unsigned)solver->n_steps);
  return FM_OK;
}

fm_status fm_sampler_create(fm_ctx *ctx, const fm_model *model, const fm_solver_options *solver,
                            const fm_sampler_options *options, fm_sampler **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(model);
  READ_OPTIONS(fm_solver_options, so, solver);
  READ_OPTIONS(fm_sampler_options, o, options);
  REQUIRE(o.deadline >= 0, "sampler_options.deadline: expected 0 or more seconds, found %g", o.deadline);
  FMI_TRY(check_divergence(ctx, &o));
  FMI_TRY(check_diffusion(ctx, &o, &so, model->net->dim));
  /* What such a model is for; steps chosen by a tolerance otherwise. */
  if (so.method == 0 && so.fixed_steps == 0 && o.divergence == 0 && model->net->n_times == 2)
    so.method = FM_SOLVER_MEAN;
  fmi_solve_config config;
  FMI_TRY(fmi_solve_configure(&so, &config, &ctx->err));
  if (o.diffusion == FM_DIFFUSION_OVERSHOOT && config.method->kind != FM_SOLVER_EULER)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "solver_options.method: overshooting goes with euler only, found %s",
                    config.method->name);
  if (o.diffusion != 0 && !fmi_sde_has(config.method))
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "solver_options.method: with diffusion expected euler or heun2, found %s",
                    config.method->name);
  if (o.divergence != 0 && fmi_method_needs_model(config.method))
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "solver_options.method: log-densities can't go by %s",
                    config.method->name);
  RETURN_HANDLE(fmi_sampler_new(&ctx->runtime, model, &config, &o, &ctx->err));
}

void fm_sampler_destroy(fm_sampler *sampler) { fmi_release(sampler); }

fm_status fm_sampler_set_model(fm_ctx *ctx, fm_sampler *sampler, const fm_model *model) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_POINTER(model);
  return fmi_sampler_set_model(sampler, model, &ctx->err);
}

static fm_status check_conditions(fm_ctx *ctx, const fm_net *net, const int32_t *labels, const float *cond,
                                  size_t n) {
  REQUIRE_CELLS(n, net->dim);
  FMI_TRY(fmi_check_labels(net, labels, n, &ctx->err));
  return cond ? fmi_check_finite_f32("cond", cond, n, net->cond_dim, &ctx->err) : FM_OK;
}

static fm_status draw(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                      const int32_t *labels, const float *cond, size_t n, float *out_f32, double *out_f64) {
  FMI_TRY(check_conditions(ctx, sampler->model->net, labels, cond, n));
  fmi_transport job = {.sampler = sampler,
                       .rt = &ctx->runtime,
                       .t0 = 0,
                       .t1 = 1,
                       .draw = true,
                       .seed = seed,
                       .first_row = first_row,
                       .labels = labels,
                       .cond = cond,
                       .n = n,
                       .out_f32 = out_f32,
                       .out_f64 = out_f64};
  fm_solve_stats stats = {.struct_size = sizeof stats};
  return fmi_transport_run(&job, &stats, &ctx->err);
}

fm_status fm_sampler_draw(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                          const int32_t *labels, const float *cond, size_t n, float *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(out, n);
  return draw(ctx, sampler, seed, first_row, labels, cond, n, out, NULL);
}

fm_status fm_sampler_draw_f64(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                              const int32_t *labels, const float *cond, size_t n, double *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(out, n);
  return draw(ctx, sampler, seed, first_row, labels, cond, n, NULL, out);
}

/* A mean velocity is learned from a time to a later one. */
static fm_status check_way(fm_ctx *ctx, const fm_sampler *sampler, double t0, double t1) {
  const fmi_method *method = sampler->config.method;
  if (!method->stepper->needs_mean || t0 <= t1) return FM_OK;
  return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                  "solver_options.method: %s goes to later times, not from %g to %g; expected another method",
                  method->name, t0, t1);
}

fm_status fm_sampler_transport(fm_ctx *ctx, fm_sampler *sampler, double t0, double t1, const int32_t *labels,
                               const float *cond, size_t n, double *x, fm_trajectory_fn trajectory,
                               void *trajectory_user, fm_solve_stats *stats) {
  REQUIRE_CTX();
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  REQUIRE_POINTER(sampler);
  REQUIRE(t0 >= 0 && t0 <= 1, "t0: expected 0 to 1, found %g", t0);
  REQUIRE(t1 >= 0 && t1 <= 1, "t1: expected 0 to 1, found %g", t1);
  FMI_TRY(check_way(ctx, sampler, t0, t1));
  REQUIRE_ARRAY(x, n);
  FMI_TRY(check_conditions(ctx, sampler->model->net, labels, cond, n));
  FMI_TRY(fmi_check_finite_f64("x", x, n, sampler->model->net->dim, &ctx->err));
  fmi_transport job = {.sampler = sampler,
                       .rt = &ctx->runtime,
                       .t0 = t0,
                       .t1 = t1,
                       .labels = labels,
                       .cond = cond,
                       .n = n,
                       .out_f64 = x,
                       .trajectory = trajectory,
                       .trajectory_user = trajectory_user};
  fm_solve_stats total = {.struct_size = sizeof total};
  fm_status status = fmi_transport_run(&job, &total, &ctx->err);
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats));
  return status;
}

fm_status fm_sampler_transport_at(fm_ctx *ctx, fm_sampler *sampler, const double *times, size_t n_times,
                                  const int32_t *labels, const float *cond, size_t n, const double *x,
                                  double *out, fm_solve_stats *stats, fm_row_stats *rows) {
  REQUIRE_CTX();
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  REQUIRE_POINTER(sampler);
  REQUIRE_POINTER(times);
  FMI_TRY(fmi_check_times(times, n_times, &ctx->err));
  for (size_t k = 0; k < n_times; k += n_times - 1)
    REQUIRE(times[k] >= 0 && times[k] <= 1, "times[%zu]: expected 0 to 1, found %g", k, times[k]);
  FMI_TRY(check_way(ctx, sampler, times[0], times[1]));
  const size_t dim = sampler->model->net->dim;
  REQUIRE_ARRAY(x, n);
  REQUIRE_ARRAY(out, n);
  REQUIRE_CELLS(fmi_mul_size(n, n_times), dim);
  FMI_TRY(check_conditions(ctx, sampler->model->net, labels, cond, n));
  FMI_TRY(fmi_check_finite_f64("x", x, n, dim, &ctx->err));
  double *state = n > 0 ? out + (n_times - 1) * n * dim : out;
  if (n > 0) memmove(state, x, n * dim * sizeof *x);
  if (n > 0 && out != x) memmove(out, state, n * dim * sizeof *x);
  fmi_transport job = {.sampler = sampler,
                       .rt = &ctx->runtime,
                       .t0 = times[0],
                       .t1 = times[n_times - 1],
                       .labels = labels,
                       .cond = cond,
                       .n = n,
                       .out_f64 = state,
                       .times = times,
                       .n_times = n_times,
                       .between = out,
                       .rows = rows};
  fm_solve_stats total = {.struct_size = sizeof total};
  fm_status status = fmi_transport_run(&job, &total, &ctx->err);
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats));
  return status;
}

/* ---- log-densities --------------------------------------------------------------------------------- */

static fm_status find_densities(fm_ctx *ctx, fmi_density *job, fm_solve_stats *stats) {
  const fm_sampler *sampler = job->flow.sampler;
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  REQUIRE_ARRAY(job->log_density, job->flow.n);
  FMI_TRY(check_conditions(ctx, sampler->model->net, job->flow.labels, job->flow.cond, job->flow.n));
  REQUIRE(sampler->n_logs > 0, "sampler: expected one made with sampler_options.divergence");
  fm_solve_stats total = {.struct_size = sizeof total};
  fm_status status = fmi_density_run(job, &total, &ctx->err);
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats));
  return status;
}

fm_status fm_sampler_log_density(fm_ctx *ctx, fm_sampler *sampler, uint64_t first_row, const int32_t *labels,
                                 const float *cond, size_t n, const double *x, double *log_density,
                                 double *error, fm_solve_stats *stats, fm_row_stats *rows) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(x, n);
  REQUIRE_CELLS(n, sampler->model->net->dim);
  FMI_TRY(fmi_check_finite_f64("x", x, n, sampler->model->net->dim, &ctx->err));
  fmi_density job = {.flow = {.sampler = sampler,
                              .rt = &ctx->runtime,
                              .t0 = 1,
                              .t1 = 0,
                              .first_row = first_row,
                              .labels = labels,
                              .cond = cond,
                              .n = n,
                              .in = x,
                              .rows = rows},
                     .log_density = log_density,
                     .error = error};
  return find_densities(ctx, &job, stats);
}

fm_status fm_sampler_draw_log_density(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                                      const int32_t *labels, const float *cond, size_t n, double *out,
                                      double *log_density, double *error, fm_solve_stats *stats,
                                      fm_row_stats *rows) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(out, n);
  if (sampler->options.diffusion != 0)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "sampler: diffusion has no log-density of its draws");
  fmi_density job = {.flow = {.sampler = sampler,
                              .rt = &ctx->runtime,
                              .t0 = 0,
                              .t1 = 1,
                              .draw = true,
                              .seed = seed,
                              .first_row = first_row,
                              .labels = labels,
                              .cond = cond,
                              .n = n,
                              .out_f64 = out,
                              .rows = rows},
                     .log_density = log_density,
                     .error = error};
  return find_densities(ctx, &job, stats);
}

fm_status fm_sampler_set_grid(fm_ctx *ctx, fm_sampler *sampler, const double *grid, size_t n_grid) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_POINTER(grid);
  return fmi_grid_set(&sampler->config.grid, grid, n_grid, &ctx->err);
}

fm_status fm_sampler_velocity(fm_ctx *ctx, fm_sampler *sampler, const float *x, const double *t,
                              const int32_t *labels, const float *cond, size_t n, float *out) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(x, n);
  REQUIRE_ARRAY(t, n);
  REQUIRE_ARRAY(out, n);
  FMI_TRY(check_conditions(ctx, sampler->model->net, labels, cond, n));
  FMI_TRY(fmi_check_finite_f32("x", x, n, sampler->model->net->dim, &ctx->err));
  FMI_TRY(fmi_check_finite_f64("t", t, n, 1, &ctx->err));
  return fmi_sampler_velocity(sampler, x, t, labels, cond, n, out, &ctx->err);
}

fm_status fm_sample(fm_ctx *ctx, const fm_model *model, uint64_t seed, uint64_t first_row,
                    const int32_t *labels, const float *cond, size_t n, float *out) {
  fm_sampler *sampler;
  FMI_TRY(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  fm_status status = fm_sampler_draw(ctx, sampler, seed, first_row, labels, cond, n, out);
  fm_sampler_destroy(sampler);
  return status;
}
