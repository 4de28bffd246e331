/* eval_fixture.h - rows of known distributions, and flows that are known exactly. */
#ifndef EVAL_FIXTURE_H
#define EVAL_FIXTURE_H

#include "fixture.h"

#include "api/api.h"
#include "flowmatch_eval.h"
#include "sample/sampler.h"

/* n rows of dim from N(mean, deviation^2). */
static inline double *normal_rows(size_t n, size_t dim, double mean, double deviation, uint64_t seed) {
  double *x = new_block(n * dim, sizeof *x);
  for (size_t i = 0; i < n * dim; i++) x[i] = mean + deviation * next_normal(&seed);
  return x;
}

static inline double distance_squared(const double *x, const double *y, size_t dim) {
  double sum = 0;
  for (size_t k = 0; k < dim; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
  return sum;
}

/* The metric without its floor. */
static inline double measure(fm_ctx *ctx, uint32_t metric, const double *x, size_t n, const double *y,
                             size_t m, size_t dim) {
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.floor_draws = -1;
  OK(fm_eval_compare(ctx, metric, x, n, y, m, dim, NULL, 0, &o, &r));
  ck_assert(r.floor_draws == 0 && r.floor_n == 0 && r.floor_mean == 0 && r.floor_deviation == 0);
  return r.value;
}

static inline double *sorted(const double *x, size_t n) {
  double *s = new_block(n, sizeof *s);
  for (size_t i = 0; i < n; i++) {
    size_t j = i;
    for (; j > 0 && s[j - 1] > x[i]; j--) s[j] = s[j - 1];
    s[j] = x[i];
  }
  return s;
}

/* ---- flows of data N(mean, deviation^2) in every column ------------------------------------------------ */

typedef struct gaussian_flow {
  double mean, deviation;
  bool straight; /* after reflow: every row goes straight to mean + deviation x0 */
} gaussian_flow;

/* The marginal velocity of CondOT with independent pairs, or with the pairs of reflow. */
static inline int32_t gaussian_velocity(void *user, const fm_net_call *c) {
  const gaussian_flow *f = user;
  const double m = f->mean, s = f->deviation;
  for (uint64_t i = 0; i < c->n; i++) {
    const double t = c->t[i], v = t * t * s * s + (1 - t) * (1 - t);
    const double slope = f->straight ? (s - 1) / (1 + t * (s - 1)) : (t * s * s - (1 - t)) / v;
    for (uint64_t k = 0; k < c->dim; k++)
      c->velocity[i * c->dim + k] = (float)(m + slope * ((double)c->x[i * c->dim + k] - t * m));
  }
  return 0;
}
static inline int32_t no_gradient(void *user, const fm_net_call *c) { return (void)user, (void)c, 1; }

/* A sampler of the flow by fixed steps. normaliser NULL: none. */
static inline fm_sampler *new_flow(fm_ctx *ctx, gaussian_flow *flow, size_t dim, const fm_normaliser *norm,
                                   uint32_t method, uint32_t n_steps) {
  fm_net *net = NULL;
  fm_model *model = NULL;
  fm_sampler *sampler = NULL;
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.method = method;
  o.n_steps = n_steps;
  const float none = 0;
  OK(fm_net_create_custom(ctx, dim, NULL, 0, 0, 0, gaussian_velocity, no_gradient, NULL, flow, &net));
  OK(fm_model_create(ctx, net, &none, NULL, NULL, NULL, norm, NULL, &model));
  OK(fm_sampler_create(ctx, model, &o, NULL, &sampler));
  fm_model_destroy(model);
  fm_net_destroy(net);
  return sampler;
}
#endif
