/* guide_fixture.h - networks that are the exact velocity of Gaussian data, one Gaussian for each class, and draws
   of guided samplers. */
#ifndef GUIDE_FIXTURE_H
#define GUIDE_FIXTURE_H

#include "fixture.h"

#include "api/api.h"
#include "sample/sampler.h"

enum { D = 2, CLASSES = 3 };

/* Data N(mean, cov). */
typedef struct gaussian {
  double mean[D], cov[3]; /* cov: 00, 01, 11 */
} gaussian;

/* The exact velocities, of the null class first, on a path of independent pairs with a standard normal; or what
   else a model may predict. */
typedef struct gaussians {
  gaussian of[CLASSES + 1];
  const fm_path *path;
  uint32_t prediction, baseline;
  atomic_size_t evaluated; /* rows */
} gaussians;

/* v and x1 at (t, x), and J, the Jacobian of v: symmetric, [00, 01, 11]. */
static inline void exact_velocity(const gaussian *g, const fm_path_coefficients *c, const double *x,
                                  double *v, double *x1, double *jacobian) {
  const double a = c->alpha, s = c->sigma;
  const double p = a * a * g->cov[0] + s * s, q = a * a * g->cov[1], r = a * a * g->cov[2] + s * s;
  const double det = p * r - q * q, i00 = r / det, i01 = -q / det, i11 = p / det; /* of x's covariance */
  const double y[D] = {x[0] - a * g->mean[0], x[1] - a * g->mean[1]};
  const double z[D] = {i00 * y[0] + i01 * y[1], i01 * y[0] + i11 * y[1]};
  const double end[D] = {g->mean[0] + a * (g->cov[0] * z[0] + g->cov[1] * z[1]),
                         g->mean[1] + a * (g->cov[1] * z[0] + g->cov[2] * z[1])};
  for (int j = 0; j < D; j++) {
    v[j] = c->d_alpha * end[j] + c->d_sigma * s * z[j];
    if (x1) x1[j] = end[j];
  }
  if (!jacobian) return;
  const double m00 = c->d_alpha * a * g->cov[0] + c->d_sigma * s, m01 = c->d_alpha * a * g->cov[1],
               m11 = c->d_alpha * a * g->cov[2] + c->d_sigma * s;
  jacobian[0] = m00 * i00 + m01 * i01;
  jacobian[1] = m00 * i01 + m01 * i11;
  jacobian[2] = m01 * i01 + m11 * i11;
}

static inline fm_path_coefficients at(const fm_path *path, double t) {
  fm_path_coefficients c;
  fmi_error err;
  ck_assert_int_eq(fmi_path_at(path, fmi_path_clip(path, t), &c, &err), FM_OK);
  return c;
}

/* What g predicts is a x + b v. */
static inline void prediction_of(const gaussians *g, const fm_path_coefficients *c, double *a, double *b) {
  const double d = c->d_alpha * c->sigma - c->alpha * c->d_sigma;
  *a = g->baseline ? -fmi_path_baseline(c) : 0;
  *b = 1;
  if (g->prediction == FM_VELOCITY) return;
  *a = g->prediction == FM_X1 ? -c->d_sigma / d : c->d_alpha / d;
  *b = g->prediction == FM_X1 ? c->sigma / d : -c->alpha / d;
  if (g->prediction == FM_SCORE) *a /= -c->sigma, *b /= -c->sigma;
}

static inline int32_t gaussians_forward(void *user, const fm_net_call *call) {
  gaussians *g = user;
  atomic_fetch_add(&g->evaluated, call->n);
  for (size_t i = 0; i < call->n; i++) {
    const gaussian *one = &g->of[call->labels ? call->labels[i] + 1 : 0];
    const fm_path_coefficients c = at(g->path, call->t[i]);
    const double x[D] = {call->x[i * D], call->x[i * D + 1]};
    double v[D], a, b;
    exact_velocity(one, &c, x, v, NULL, NULL);
    prediction_of(g, &c, &a, &b);
    for (int j = 0; j < D; j++) call->velocity[i * D + (size_t)j] = (float)(a * x[j] + b * v[j]);
  }
  return 0;
}
static inline int32_t gaussians_vjp(void *user, const fm_net_call *call) {
  gaussians *g = user;
  for (size_t i = 0; i < call->n && call->d_x; i++) {
    const gaussian *one = &g->of[call->labels ? call->labels[i] + 1 : 0];
    const fm_path_coefficients c = at(g->path, call->t[i]);
    const double x[D] = {call->x[i * D], call->x[i * D + 1]};
    const float *d = call->d_velocity + i * D;
    double v[D], jacobian[3], a, b;
    exact_velocity(one, &c, x, v, NULL, jacobian);
    prediction_of(g, &c, &a, &b);
    call->d_x[i * D] = (float)(a * d[0] + b * (jacobian[0] * d[0] + jacobian[1] * d[1]));
    call->d_x[i * D + 1] = (float)(a * d[1] + b * (jacobian[1] * d[0] + jacobian[2] * d[1]));
  }
  return 0;
}

static const double unit_shift[D] = {0, 0}, unit_scale[D] = {1, 1};

/* A model of them; labels are a class column of three. g must outlive it. */
static inline fm_model *gaussians_model(fm_ctx *ctx, gaussians *g, fm_path *path, const double *shift,
                                        const double *scale) {
  const uint32_t classes[] = {CLASSES};
  fm_net *net;
  fm_normaliser *norm;
  fm_model *model, *velocity;
  g->path = path;
  OK(fm_net_create_custom(ctx, D, classes, 1, 0, 0, gaussians_forward, gaussians_vjp, NULL, g, &net));
  OK(fm_normaliser_create(ctx, shift, scale, D, &norm));
  OK(fm_model_create(ctx, net, NULL, NULL, path, NULL, norm, NULL, &velocity));
  OK(fm_model_with_prediction(ctx, velocity, g->prediction, g->baseline, &model));
  fm_model_destroy(velocity), fm_net_destroy(net), fm_normaliser_destroy(norm);
  return model;
}

static inline int32_t no_velocity(void *user, const fm_net_call *call) {
  (void)user;
  memset(call->velocity, 0, call->n * call->dim * sizeof *call->velocity);
  return 0;
}
/* Where rows of a standard normal source begin. */
static inline void draw_sources(fm_ctx *ctx, size_t dim, uint64_t seed, uint64_t first_row, size_t n,
                                double *x0) {
  const fm_solver_options euler = {.struct_size = sizeof euler, .method = FM_SOLVER_EULER, .n_steps = 1};
  fm_net *net;
  fm_model *model;
  fm_sampler *sampler;
  OK(fm_net_create_custom(ctx, dim, NULL, 0, 0, 0, no_velocity, no_velocity, NULL, NULL, &net));
  OK(fm_model_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, &model));
  OK(fm_sampler_create(ctx, model, &euler, NULL, &sampler));
  OK(fm_sampler_draw_f64(ctx, sampler, seed, first_row, NULL, NULL, n, x0));
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net);
}

static inline fm_solver_options tight(void) {
  return (fm_solver_options){.struct_size = sizeof(fm_solver_options), .rtol = 1e-7, .atol = 1e-7};
}
static inline fm_solver_options fixed(uint32_t method, uint32_t n_steps) {
  return (fm_solver_options){
      .struct_size = sizeof(fm_solver_options), .method = method, .n_steps = n_steps, .fixed_steps = 1};
}
static inline fm_sampler *guided(fm_ctx *ctx, const fm_model *model, fm_solver_options solver,
                                 fm_guidance_options guidance) {
  fm_sampler *made;
  guidance.struct_size = sizeof guidance;
  OK(fm_sampler_create_guided(ctx, model, &solver, NULL, &guidance, &made));
  return made;
}

/* An independent solution: dx/dt = f from t0 to t1 in n steps of the classic Runge-Kutta method. */
typedef void (*slope_fn)(const void *user, double t, const double *x, double *out);
static inline void reference(slope_fn f, const void *user, double t0, double t1, size_t n, double *x) {
  const double h = (t1 - t0) / (double)n;
  for (size_t k = 0; k < n; k++) {
    const double t = t0 + h * (double)k;
    double s[4][D], y[D];
    f(user, t, x, s[0]);
    for (int j = 0; j < D; j++) y[j] = x[j] + h / 2 * s[0][j];
    f(user, t + h / 2, y, s[1]);
    for (int j = 0; j < D; j++) y[j] = x[j] + h / 2 * s[1][j];
    f(user, t + h / 2, y, s[2]);
    for (int j = 0; j < D; j++) y[j] = x[j] + h * s[2][j];
    f(user, t + h, y, s[3]);
    for (int j = 0; j < D; j++) x[j] += h / 6 * (s[0][j] + 2 * s[1][j] + 2 * s[2][j] + s[3][j]);
  }
}
#endif
