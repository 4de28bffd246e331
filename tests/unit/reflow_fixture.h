/* reflow_fixture.h - a teacher that is exact: for data N(m, s^2), a standard normal source and independent pairs,
   the velocity is m + (t s^2 - (1 - t)) / V (x - t m), V = t^2 s^2 + (1 - t)^2, and its flow carries z to
   m + s z. The velocity after an exact reflow is m + (s - 1) (x - t m) / (1 + t (s - 1)). The net is linear in
   its parameters, with both of them among the features, so that training is a least-squares problem. */
#ifndef REFLOW_FIXTURE_H
#define REFLOW_FIXTURE_H

#include "fixture.h"

#include "api/api.h"
#include "reflow/reflow.h"

#define PI 3.14159265358979323846
#define MEAN 2.0
#define DEVIATION 0.5
/* S of the teacher, for every column: s (2 - pi / 2). */
#define CURVED (DEVIATION * (2 - PI / 2))

enum { FEATURES = 3 };

static inline void gaussian_features(double x, double t, double f[FEATURES]) {
  const double m = MEAN, s = DEVIATION, v = t * t * s * s + (1 - t) * (1 - t);
  f[0] = m + (t * s * s - (1 - t)) / v * (x - t * m);
  f[1] = 1;
  f[2] = (x - t * m) / (1 + t * (s - 1));
}

/* Parameters that make the teacher. */
static inline int32_t gaussian_init(void *user, uint64_t seed, float *params, size_t n) {
  (void)user, (void)seed;
  for (size_t i = 0; i < n; i++) params[i] = i == 0;
  return 0;
}
static inline int32_t gaussian_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) {
    double f[FEATURES], v = 0;
    gaussian_features((double)c->x[i], c->t[i / c->dim], f);
    for (size_t k = 0; k < FEATURES; k++) v += (double)c->params[k] * f[k];
    c->velocity[i] = (float)v;
  }
  return 0;
}
static inline int32_t gaussian_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim && c->d_params != NULL; i++) {
    double f[FEATURES];
    gaussian_features((double)c->x[i], c->t[i / c->dim], f);
    for (size_t k = 0; k < FEATURES; k++) c->d_params[k] += c->d_velocity[i] * (float)f[k];
  }
  return 0;
}

static inline fm_model *new_gaussian(fm_ctx *ctx, size_t dim, const fm_normaliser *normaliser) {
  const float params[FEATURES] = {1, 0, 0};
  fm_net *net;
  fm_model *model;
  OK(fm_net_create_custom(ctx, dim, NULL, 0, 0, FEATURES, gaussian_forward, gaussian_vjp, gaussian_init, NULL,
                          &net));
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, normaliser, NULL, &model));
  fm_net_destroy(net);
  return model;
}

/* What a reflow of the teacher takes; fields that tests change. */
typedef struct settings {
  fm_solver_options solver;
  fm_reflow_options reflow;
  fm_trainer_options training;
  uint64_t n_steps;
  double rate;
} settings;
static inline settings new_settings(uint64_t n_steps, uint64_t pairs) {
  settings s = {.n_steps = n_steps, .rate = 0.05};
  fm_solver_options_init(&s.solver);
  fm_reflow_options_init(&s.reflow);
  fm_trainer_options_init(&s.training);
  s.solver.rtol = s.solver.atol = 1e-5;
  s.reflow.pairs = pairs;
  s.reflow.straightness_rows = 100;
  s.reflow.straightness_steps = 50;
  s.training.ema_decay = 0.9;
  s.training.seed = 3;
  return s;
}
static inline fm_status reflow(fm_ctx *ctx, const settings *s, const fm_model *model, const fm_data *data,
                               fm_model **out, fm_reflow_stats *stats) {
  fm_optimizer_options o;
  fm_optimizer *optimizer;
  fm_optimizer_options_init(&o);
  o.n_steps = s->n_steps;
  o.learning_rate = s->rate;
  o.final_fraction = 1e-4;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  fm_reflow_stats_init(stats);
  fm_status status = fm_reflow(ctx, model, data, optimizer, &s->solver, &s->reflow, &s->training, out, stats);
  fm_optimizer_destroy(optimizer);
  return status;
}

/* x [n][dim] carried from t = 0 to 1 by k Euler steps; k 0: by the sampler's default. */
static inline void carry(fm_ctx *ctx, const fm_model *model, uint32_t k, const int32_t *labels, size_t n,
                         double *x) {
  fm_solver_options so = {.struct_size = sizeof so, .method = FM_SOLVER_EULER, .n_steps = k};
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, model, k > 0 ? &so : NULL, NULL, &sampler));
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, NULL, n, x, NULL, NULL, NULL));
  fm_sampler_destroy(sampler);
}
#endif
