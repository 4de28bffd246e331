/* density_test.c - log-densities against closed forms, reference numbers, the determinant of the flow's map
   and the integral over the plane; what an estimate's error is; and what has none. */
#include "fixture.h"

#include <stdio.h>

#define LOG_TWO_PI 1.8378770664093453
static fm_sampler *new_sampler(fm_ctx *ctx, const fm_model *model, fm_solver_options so,
                               fm_sampler_options o) {
  fm_sampler *sampler;
  so.struct_size = sizeof so, o.struct_size = sizeof o;
  OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
  return sampler;
}
static const fm_sampler_options exact = {.divergence = FM_DIVERGENCE_EXACT};
static const fm_solver_options tight = {.method = FM_SOLVER_DOPRI5, .rtol = 1e-7, .atol = 1e-7};

/* ---- flows of the caller's, by transposed products ----------------------------------------- */

#ifndef FMI_DOUBLE /* callbacks take float */
/* Data N(2, 0.5^2) and a standard normal source, CondOT: v = m + a (x - t m), a = (t s^2 - (1 - t)) / V. */
static double slope_at(double t) { return (t * .25 - (1 - t)) / (t * t * .25 + (1 - t) * (1 - t)); }
static int32_t gauss_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n; i++)
    c->velocity[i] = (float)(2 + slope_at(c->t[i]) * ((double)c->x[i] - 2 * c->t[i]));
  return 0;
}
static int32_t gauss_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; c->d_x && i < c->n; i++)
    c->d_x[i] = (float)(slope_at(c->t[i]) * (double)c->d_velocity[i]);
  return 0;
}
/* v = A x */
static const double A[2][2] = {{.3, -.8}, {.5, -.4}};
static int32_t linear_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n; i++)
    for (int j = 0; j < 2; j++)
      c->velocity[2 * i + j] = (float)(A[j][0] * (double)c->x[2 * i] + A[j][1] * (double)c->x[2 * i + 1]);
  return 0;
}
static int32_t linear_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; c->d_x && i < c->n; i++)
    for (int j = 0; j < 2; j++)
      c->d_x[2 * i + j] =
          (float)(A[0][j] * (double)c->d_velocity[2 * i] + A[1][j] * (double)c->d_velocity[2 * i + 1]);
  return 0;
}
static fm_model *own_model(fm_ctx *ctx, size_t dim, fm_net_fn forward, fm_net_fn vjp, const fm_prior *prior,
                           const fm_normaliser *norm) {
  const float none = 0;
  fm_net *net;
  fm_model *model;
  OK(fm_net_create_custom(ctx, dim, NULL, 0, 0, 0, forward, vjp, NULL, NULL, &net));
  OK(fm_model_create(ctx, net, &none, &none, NULL, prior, norm, NULL, &model));
  fm_net_destroy(net);
  return model;
}

START_TEST(reverse_steps_give_the_reference_numbers) {
  static const double x[3] = {2.5, 1, 2},
                      euler[3] = {-.7000576959820405, -1.8134996120815017, -.3289103906155545},
                      midpoint[3] = {-.7240036194812626, -2.223312129404797, -.22423411617341815},
                      truth[3] = {-.7257913526447274, -2.2257913526447273, -.22579135264472738};
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = own_model(ctx, 1, gauss_forward, gauss_vjp, NULL, NULL);
  fm_sampler_options o = exact;
  double found[3], error[3];
  o.coarse = -1;
  fm_sampler *s = new_sampler(ctx, model, (fm_solver_options){.method = FM_SOLVER_EULER, .n_steps = 10}, o);
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, found, error, NULL, NULL));
  for (int i = 0; i < 3; i++) CLOSE(found[i], euler[i], 3e-6);
  for (int i = 0; i < 3; i++) CLOSE(error[i], 0, 0);
  fm_sampler_destroy(s);
  s = new_sampler(ctx, model, (fm_solver_options){.method = FM_SOLVER_MIDPOINT, .n_steps = 10}, o);
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, found, NULL, NULL, NULL));
  for (int i = 0; i < 3; i++) CLOSE(found[i], midpoint[i], 3e-6);
  fm_sampler_destroy(s);
  s = new_sampler(ctx, model, tight, exact);
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, found, NULL, NULL, NULL));
  for (int i = 0; i < 3; i++) CLOSE(found[i], truth[i], 3e-6);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

/* Euler's ten steps are off by 0.03, 0.41 and 0.10; by half as many that shows. Four times as many of order 4
   are not coarse, nor are chosen steps. */
START_TEST(too_few_steps_are_said_to_be) {
  static const double x[3] = {2.5, 1, 2};
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = own_model(ctx, 1, gauss_forward, gauss_vjp, NULL, NULL);
  double found[3], unchecked[3], out[3];
  fm_row_stats rows[3];
  fm_solve_stats stats;
  fm_sampler_options o = exact;
  fm_solver_options so = {.method = FM_SOLVER_EULER, .n_steps = 10};
  fm_sampler *s = new_sampler(ctx, model, so, exact);
  fm_solve_stats_init(&stats);
  FAILS(FM_COARSE, "row 1 the first",
        fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, found, NULL, &stats, rows));
  ck_assert(rows[0].status == FM_OK && rows[1].status == FM_COARSE && rows[0].t == 0 && rows[1].t == 0);
  ck_assert_uint_eq(stats.nfe, 3 * (10 + 5));
  ck_assert_uint_eq(rows[2].nfe, 10);
  fm_sampler_destroy(s);
  o.coarse = -1; /* the same numbers, unchecked */
  s = new_sampler(ctx, model, so, o);
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, unchecked, NULL, NULL, NULL));
  SAME(found, unchecked, 3);
  fm_sampler_destroy(s);
  for (uint32_t n = 1; n <= 2; n++) { /* one step is compared with two, two with one */
    so.n_steps = n;
    s = new_sampler(ctx, model, so, exact);
    FAILS(FM_COARSE, "of 3 rows",
          fm_sampler_draw_log_density(ctx, s, 1, 0, NULL, NULL, 3, out, found, NULL, NULL, rows));
    fm_sampler_destroy(s);
  }
  so = (fm_solver_options){.method = FM_SOLVER_RK4, .n_steps = 40, .grid = FM_GRID_CUSTOM};
  s = new_sampler(ctx, model, so, exact);
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, found, NULL, NULL, rows));
  fm_sampler_destroy(s);
  s = new_sampler(ctx, model, (fm_solver_options){.rtol = .5, .atol = .5}, exact);
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, found, NULL, NULL, rows));
  fm_sampler_destroy(s), fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_linear_flow_has_its_trace) {
  static const double x[2] = {1, 2};
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = own_model(ctx, 2, linear_forward, linear_vjp, NULL, NULL);
  fm_sampler *s = new_sampler(ctx, model, tight, exact);
  double found, x0[2] = {1, 2};
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 1, x, &found, NULL, NULL, NULL));
  CLOSE(found, -6.113433777980671, 3e-6);
  OK(fm_sampler_transport(ctx, s, 1, 0, NULL, NULL, 1, x0, NULL, NULL, NULL)); /* densities don't hinder it */
  CLOSE(x0[0], 2.162899272024891, 2e-6);
  CLOSE(x0[1], 2.0181625708096083, 2e-6);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

/* z . Az has mean tr A = -0.1 and variance 2 sum_{i != j} S_ij^2 = 0.09 or 2 |S|^2 = 0.59, S = (A + A^T) / 2;
   at x = 0 it is all that differs between rows. The squares of reported errors estimate variance / k. */
typedef struct estimate {
  uint32_t divergence;
  double variance;
} estimate;
static const estimate estimates[] = {{FM_DIVERGENCE_RADEMACHER, .09}, {FM_DIVERGENCE_GAUSSIAN, .59}};
START_TEST(probes_have_their_mean_and_variance) {
  enum { ROWS = 8000 };
  static double x[2 * ROWS], found[ROWS], error[ROWS], again[ROWS];
  const estimate *e = &estimates[_i];
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = own_model(ctx, 2, linear_forward, linear_vjp, NULL, NULL);
  const fm_solver_options one = {.method = FM_SOLVER_EULER, .n_steps = 1};
  for (uint32_t k = 1; k <= 4; k += 3) {
    fm_sampler_options o = {.divergence = e->divergence, .n_probes = k, .probe_seed = 5, .coarse = -1};
    fm_sampler *s = new_sampler(ctx, model, one, o);
    double mean = 0, variance = 0, squares = 0;
    OK(fm_sampler_log_density(ctx, s, 7, NULL, NULL, ROWS, x, found, error, NULL, NULL));
    for (int i = 0; i < ROWS; i++) mean += (found[i] + LOG_TWO_PI) / ROWS;
    for (int i = 0; i < ROWS; i++) variance += pow(found[i] + LOG_TWO_PI - .1, 2) / ROWS;
    for (int i = 0; i < ROWS; i++) squares += error[i] * error[i] / ROWS;
    CLOSE(mean, .1, 5 * sqrt(e->variance / k / ROWS));
    CLOSE(variance, e->variance / k, 5 * e->variance / k * sqrt(12.0 / ROWS));
    if (k == 1)
      ck_assert(isinf(error[0]) && error[0] > 0);
    else
      CLOSE(squares, e->variance / k, 5 * e->variance / k * sqrt(8.0 / ROWS));
    for (int i = 0; i < ROWS && k == 1 && _i == 0; i++) { /* a probe of signs says one of two things */
      const double trace = -(found[i] + LOG_TWO_PI);
      HOLDS(fabs(trace + .4) < 1e-6 || fabs(trace - .2) < 1e-6, "%g", trace);
    }
    OK(fm_sampler_log_density(ctx, s, 1007, NULL, NULL, ROWS - 1000, x, again, error, NULL, NULL));
    SAME(again, found + 1000, ROWS - 1000);
    fm_sampler_destroy(s);
    o.probe_seed = 6;
    s = new_sampler(ctx, model, one, o);
    OK(fm_sampler_log_density(ctx, s, 7, NULL, NULL, ROWS, x, again, NULL, NULL, NULL));
    ck_assert_int_ne(memcmp(found, again, sizeof found), 0);
    fm_sampler_destroy(s);
  }
  fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- sources and units ----------------------------------------- */

static int32_t draw_twos(void *user, const fm_prior_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x0[i] = 2;
  return 0;
}
/* N(1, 2^2) in every column. */
static int32_t own_density(void *user, const fm_log_density_request *r) {
  if (user != NULL) return 9;
  for (uint64_t i = 0; i < r->n; i++) {
    r->log_density[i] = 0;
    for (uint64_t j = 0; j < r->dim; j++) {
      const double z = (r->x[i * r->dim + j] - 1) / 2;
      r->log_density[i] -= .5 * (z * z + LOG_TWO_PI) + log(2);
    }
  }
  return 0;
}

/* own_density, but no number for the third row; a draw of the third row of none. */
static int32_t density_but_one(void *user, const fm_log_density_request *r) {
  (void)user;
  own_density(NULL, r);
  if (r->n > 2) r->log_density[2] = NAN;
  return 0;
}
static int32_t draw_but_one(void *user, const fm_prior_request *r) {
  draw_twos(user, r);
  for (uint64_t i = 0; i < r->n; i++)
    if (r->first_row + i == 2) r->x0[i * r->dim] = NAN;
  return 0;
}

/* What a source can't say of one row is that row's failure: the others have what they have without it. */
START_TEST(a_source_may_fail_for_a_row) {
  static const uint32_t methods[] = {FM_SOLVER_DOPRI5, FM_SOLVER_RK4};
  static const double x[6] = {1, 2, .5, -1, 3, 0};
  fm_ctx *ctx = new_ctx(1);
  fm_prior *whole, *density, *drawn;
  OK(fm_prior_create_callback_density(ctx, draw_twos, own_density, NULL, &whole));
  OK(fm_prior_create_callback_density(ctx, draw_twos, density_but_one, NULL, &density));
  OK(fm_prior_create_callback_density(ctx, draw_but_one, own_density, NULL, &drawn));
  fm_model *good = own_model(ctx, 2, linear_forward, linear_vjp, whole, NULL),
           *bad = own_model(ctx, 2, linear_forward, linear_vjp, density, NULL),
           *worse = own_model(ctx, 2, linear_forward, linear_vjp, drawn, NULL);
  for (size_t m = 0; m < FMI_COUNT(methods); m++) {
    const fm_solver_options so = {.method = methods[m], .n_steps = 40};
    double want[3], found[3] = {-7, -7, -7}, out[6], other[6] = {-9, -9, -9, -9, -9, -9};
    fm_row_stats rows[3];
    fm_solve_stats stats;
    fm_sampler *s = new_sampler(ctx, good, so, exact), *t = new_sampler(ctx, bad, so, exact);
    fm_solve_stats_init(&stats);
    OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 3, x, want, NULL, NULL, NULL));
    FAILS(FM_E_NONFINITE, "row 2",
          fm_sampler_log_density(ctx, t, 0, NULL, NULL, 3, x, found, NULL, &stats, rows));
    SAME(found, want, 2);
    ck_assert(found[2] == -7 && rows[0].status == FM_OK && rows[1].status == FM_OK);
    ck_assert(rows[2].status == FM_E_NONFINITE && stats.failed == 0); /* it arrived */
    OK(fm_sampler_draw_log_density(ctx, s, 1, 0, NULL, NULL, 3, out, want, NULL, NULL, NULL));
    found[0] = found[1] = -7;
    FAILS(FM_E_NONFINITE, "row 2",
          fm_sampler_draw_log_density(ctx, t, 1, 0, NULL, NULL, 3, other, found, NULL, NULL, rows));
    SAME(found, want, 2);
    SAME(other, out, 4);
    ck_assert(found[2] == -7 && other[4] == -9 && other[5] == -9);
    fm_sampler_destroy(t);
    /* Without its draws a tile has nothing: what was there stays. */
    t = new_sampler(ctx, worse, so, exact);
    OK(fm_sampler_draw_log_density(ctx, t, 1, 5, NULL, NULL, 3, out, want, NULL, NULL, NULL));
    for (int i = 0; i < 6; i++) other[i] = -9;
    for (int i = 0; i < 3; i++) found[i] = -7;
    FAILS(FM_E_NONFINITE, "row 2",
          fm_sampler_draw_log_density(ctx, t, 1, 0, NULL, NULL, 3, other, found, NULL, NULL, rows));
    for (int i = 0; i < 6; i++) ck_assert(other[i] == -9 && found[i / 2] == -7);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(rows[i].status, FM_E_NONFINITE);
    fm_sampler_destroy(t), fm_sampler_destroy(s);
  }
  /* A row that goes nowhere is counted once, though fixed steps are checked with half as many. */
  fm_solve_stats stats;
  double found[2];
  const double far[4] = {1, 1, 1e308, 1e308};
  fm_sampler *s = new_sampler(ctx, good, (fm_solver_options){.method = FM_SOLVER_RK4, .n_steps = 4}, exact);
  fm_solve_stats_init(&stats);
  FAILS(FM_E_NONFINITE, "row 1",
        fm_sampler_log_density(ctx, s, 0, NULL, NULL, 2, far, found, NULL, &stats, NULL));
  ck_assert_uint_eq(stats.failed, 1);
  fm_sampler_destroy(s);
  fm_model_destroy(good), fm_model_destroy(bad), fm_model_destroy(worse);
  fm_prior_destroy(whole), fm_prior_destroy(density), fm_prior_destroy(drawn), fm_ctx_destroy(ctx);
}
END_TEST

/* In units log p = log p0(x0) - tr A, and - sum log scale where p0 is of normalised columns. */
START_TEST(sources_and_units_count) {
  static const double x[2] = {3, 14}, shift[2] = {1, 10}, scale[2] = {2, 2}, mean[2] = {1, 1},
                      deviation[2] = {2, 2}, low[2] = {0, 0}, high[2] = {8, 20}, constant[2] = {2, 0};
  fm_ctx *ctx = new_ctx(1);
  int failing = 1;
  fm_prior *priors[6];
  fm_normaliser *norm;
  double found[6];
  OK(fm_normaliser_create(ctx, shift, scale, 2, &norm));
  OK(fm_prior_create_gaussian(ctx, &priors[0]));
  OK(fm_prior_create_diagonal(ctx, mean, deviation, 2, &priors[1]));
  OK(fm_prior_create_callback_density(ctx, draw_twos, own_density, NULL, &priors[2]));
  OK(fm_prior_create_uniform(ctx, low, high, 2, &priors[3]));
  OK(fm_prior_create_callback_density(ctx, draw_twos, own_density, &failing, &priors[4]));
  OK(fm_prior_create_callback(ctx, draw_twos, NULL, &priors[5]));
  for (int i = 0; i < 6; i++) {
    fm_model *model = own_model(ctx, 2, linear_forward, linear_vjp, priors[i], norm);
    if (i < 5) {
      fm_sampler *s = new_sampler(ctx, model, tight, exact);
      if (i < 4)
        OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 1, x, &found[i], NULL, NULL, NULL));
      else
        FAILS(FM_E_CALLBACK, "returned 9",
              fm_sampler_log_density(ctx, s, 0, NULL, NULL, 1, x, &found[i], NULL, NULL, NULL));
      fm_sampler_destroy(s);
    } else {
      fm_sampler *none;
      fm_sampler_options o = exact;
      o.struct_size = sizeof o;
      FAILS(FM_E_UNSUPPORTED, "prior", fm_sampler_create(ctx, model, NULL, &o, &none));
    }
    fm_model_destroy(model);
  }
  /* z1 = (1, 2), so z0 and log p(z) are those of the linear flow above. */
  const double z0[2] = {2.162899272024891, 2.0181625708096083};
  CLOSE(found[0], -6.113433777980671 - 2 * log(2), 3e-6);
  double want = .1;
  for (int j = 0; j < 2; j++) want -= .5 * (pow((shift[j] + 2 * z0[j] - 1) / 2, 2) + LOG_TWO_PI) + log(2);
  CLOSE(found[1], want, 1e-5);
  CLOSE(found[2], want, 1e-5);
  CLOSE(found[3], .1 - log(8 * 20), 3e-6);
  fm_normaliser *flat;
  fm_sampler *none;
  OK(fm_normaliser_create(ctx, shift, constant, 2, &flat));
  fm_model *model = own_model(ctx, 2, linear_forward, linear_vjp, NULL, flat);
  fm_sampler_options o = exact;
  o.struct_size = sizeof o;
  FAILS(FM_E_UNSUPPORTED, "column 1 is constant", fm_sampler_create(ctx, model, NULL, &o, &none));
  fm_model_destroy(model);
  /* Outside the source's box there is no density, and a sampler keeps to models that have one. */
  model = own_model(ctx, 2, linear_forward, linear_vjp, priors[3], norm);
  fm_sampler *s = new_sampler(ctx, model, tight, exact);
  const double far[2] = {-30, 0};
  OK(fm_sampler_log_density(ctx, s, 0, NULL, NULL, 1, far, found, NULL, NULL, NULL));
  ck_assert(isinf(found[0]) && found[0] < 0);
  fm_model *other;
  OK(fm_model_create(ctx, fm_model_net(model), (float[]){0}, NULL, NULL, priors[5], norm, NULL, &other));
  FAILS(FM_E_UNSUPPORTED, "prior", fm_sampler_set_model(ctx, s, other));
  fm_sampler_destroy(s), fm_model_destroy(model), fm_model_destroy(other);
  for (int i = 0; i < 6; i++) fm_prior_destroy(priors[i]);
  fm_normaliser_destroy(norm), fm_normaliser_destroy(flat), fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- networks, by Jacobian-vector products ----------------------------------------- */

enum { DIM = 3, COND = 2, N = 110 };
static int32_t labels[N];
static float cond[N][COND];
static const double scales[DIM] = {50, .5, 3}, shifts[DIM] = {1e3, -2, 7};

static fm_model *net_model(fm_ctx *ctx, uint32_t path_kind) {
  static const uint32_t classes[] = {3};
  fm_net_options no = {.struct_size = sizeof no, .width = 16, .depth = 1, .time_features = -1};
  fm_net *net;
  fm_path *path;
  fm_normaliser *norm;
  fm_model *model;
  OK(fm_net_create(ctx, DIM, classes, 1, COND, &no, &net));
  OK(fm_path_create(ctx, path_kind, &path));
  OK(fm_normaliser_create(ctx, shifts, scales, DIM, &norm));
  const size_t n = fm_net_n_params(net);
  float *params = new_block(n, sizeof *params);
  fill_normals(params, n, 3);
  for (size_t i = 0; i < n; i++) params[i] *= .25f;
  OK(fm_model_create(ctx, net, params, params, path, NULL, norm, NULL, &model));
  free(params);
  fm_normaliser_destroy(norm), fm_path_destroy(path), fm_net_destroy(net);
  return model;
}
static void set_up(void) {
  uint64_t seed = 6;
  for (size_t i = 0; i < N; i++) {
    labels[i] = (int32_t)(next_word(&seed) % 4) - 1;
    for (size_t j = 0; j < COND; j++) cond[i][j] = (float)next_normal(&seed);
  }
}

/* log p(x1) = log p(x0) - log |det dx1 / dx0|, by rows beside each: conditions, units and the path's ends
   included. */
static const uint32_t paths[] = {FM_PATH_CONDOT, FM_PATH_VP};
START_TEST(densities_are_the_determinant_of_the_map) {
  enum { ROWS = 5 };
  const double h = IS_DOUBLE ? 1e-3 : 3e-2;
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = net_model(ctx, paths[_i]);
  fm_sampler *s = new_sampler(ctx, model, tight, exact);
  double x1[ROWS * DIM], found[ROWS], spread = 0;
  OK(fm_sampler_draw_log_density(ctx, s, 3, 11, labels, cond[0], ROWS, x1, found, NULL, NULL, NULL));
  for (size_t i = 0; i < ROWS; i++) {
    double x0[DIM], m[DIM][DIM], want = 0;
    memcpy(x0, x1 + i * DIM, sizeof x0);
    OK(fm_sampler_transport(ctx, s, 1, 0, labels + i, cond[i], 1, x0, NULL, NULL, NULL));
    for (size_t j = 0; j < DIM; j++) {
      const double z = (x0[j] - shifts[j]) / scales[j];
      want -= .5 * (z * z + LOG_TWO_PI) + log(scales[j]);
      for (int side = -1; side <= 1; side += 2) {
        double x[DIM];
        memcpy(x, x0, sizeof x);
        x[j] += side * h * scales[j];
        OK(fm_sampler_transport(ctx, s, 0, 1, labels + i, cond[i], 1, x, NULL, NULL, NULL));
        for (size_t k = 0; k < DIM; k++)
          m[k][j] = (side < 0 ? 0 : m[k][j]) + side * (x[k] - shifts[k]) / scales[k] / (2 * h);
      }
    }
    /* side -1 began each entry with minus its part */
    const double det = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                       m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                       m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    CLOSE(found[i], want - log(fabs(det)), IS_DOUBLE ? 1e-5 : 2e-3);
    spread += fabs(log(fabs(det))) / ROWS;
  }
  ck_assert(spread > .05); /* or there was nothing to find */
  fm_sampler_destroy(s), fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(forward_and_backward_agree) {
  static const uint32_t kinds[] = {FM_DIVERGENCE_EXACT, FM_DIVERGENCE_RADEMACHER, FM_DIVERGENCE_GAUSSIAN};
  const size_t n = quick() ? 10 : N;
  static double x[N * DIM], forward[N], backward[N], e1[N], e2[N], alone[N * DIM];
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = net_model(ctx, FM_PATH_CONDOT);
  for (size_t k = 0; k < 3; k++) {
    fm_sampler *s =
        new_sampler(ctx, model, tight, (fm_sampler_options){.divergence = kinds[k], .n_probes = 3});
    OK(fm_sampler_draw_log_density(ctx, s, 3, 11, labels, cond[0], n, x, forward, e1, NULL, NULL));
    OK(fm_sampler_log_density(ctx, s, 11, labels, cond[0], n, x, backward, e2, NULL, NULL));
    for (size_t i = 0; i < n; i++) CLOSE(forward[i], backward[i], 1e-4);
    for (size_t i = 0; i < n; i++) CLOSE(e1[i], e2[i], 1e-4);
    OK(fm_sampler_draw_f64(ctx, s, 3, 11, labels, cond[0], n, alone));
    for (size_t i = 0; i < n * DIM; i++) CLOSE(x[i], alone[i], 1e-4 * scales[i % DIM]);
    fm_sampler_destroy(s);
  }
  /* An estimate is right on average: within five of its standard errors. */
  fm_sampler *s = new_sampler(ctx, model, tight, exact);
  OK(fm_sampler_log_density(ctx, s, 11, labels, cond[0], n, x, backward, NULL, NULL, NULL));
  fm_sampler_destroy(s);
  s = new_sampler(ctx, model, tight,
                  (fm_sampler_options){.divergence = FM_DIVERGENCE_RADEMACHER, .n_probes = 64});
  OK(fm_sampler_log_density(ctx, s, 11, labels, cond[0], 10, x, forward, e1, NULL, NULL));
  for (size_t i = 0; i < 10; i++) CLOSE(forward[i], backward[i], 5 * e1[i] + 1e-4);
  ck_assert(e1[0] > 0);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(splits_and_threads_keep_bits) {
  static const uint32_t kinds[] = {FM_DIVERGENCE_EXACT, FM_DIVERGENCE_GAUSSIAN};
  static const uint32_t methods[] = {FM_SOLVER_DOPRI5, FM_SOLVER_HEUN2};
  static double x[N * DIM], whole[N], e[N], y[N * DIM], part[N], f[N];
  const size_t rows = quick() ? 50 : N; /* two tiles */
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = net_model(ctx, FM_PATH_CONDOT);
  const fm_solver_options so = {.method = methods[_i / 2], .n_steps = 5};
  const fm_sampler_options o = {.divergence = kinds[_i % 2], .n_probes = 5, .probe_seed = 2, .coarse = 10};
  fm_sampler *s = new_sampler(ctx, model, so, o);
  OK(fm_sampler_draw_log_density(ctx, s, 3, 11, labels, cond[0], rows, x, whole, e, NULL, NULL));
  for (size_t first = 0; first < rows; first += 37) {
    const size_t n = first + 37 > rows ? rows - first : 37;
    OK(fm_sampler_draw_log_density(ctx, s, 3, 11 + first, labels + first, cond[first], n, y + first * DIM,
                                   part + first, f + first, NULL, NULL));
  }
  SAME(x, y, rows * DIM), SAME(whole, part, rows), SAME(e, f, rows);
  OK(fm_sampler_log_density(ctx, s, 11, labels, cond[0], rows, x, whole, e, NULL, NULL));
  for (size_t i = 0; i < rows; i += quick() ? 49 : 7)
    OK(fm_sampler_log_density(ctx, s, 11 + i, labels + i, cond[i], 1, x + i * DIM, part + i, NULL, NULL,
                              NULL));
  for (size_t i = 0; i < rows; i += quick() ? 49 : 7) SAME(whole + i, part + i, 1);
  fm_sampler_destroy(s);
  for (uint32_t threads = 0; threads <= 3; threads += 3) {
    fm_ctx *other = new_ctx(threads);
    fm_sampler *t = new_sampler(other, model, so, o);
    ck_assert_int_eq(fm_sampler_log_density(other, t, 11, labels, cond[0], rows, x, part, f, NULL, NULL),
                     FM_OK);
    SAME(whole, part, rows), SAME(e, f, rows);
    fm_sampler_destroy(t), fm_ctx_destroy(other);
  }
  fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- a trained model ----------------------------------------- */

/* Two classes: a ring of four and a lump. */
static int32_t pull(void *user, const fm_pull_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n; i++) {
    uint64_t state = 1000003 * (r->first_row + i) + 17;
    const uint64_t word = next_word(&state);
    const bool lump = word % 2;
    const double angle = (double)(word / 2 % 4) * 1.5707963267948966, radius = lump ? 0 : 2;
    r->labels[i] = lump;
    r->x1[2 * i] = radius * cos(angle) + .5 * next_normal(&state);
    r->x1[2 * i + 1] = radius * sin(angle) + .3 * next_normal(&state);
  }
  return 0;
}

START_TEST(a_trained_density_integrates_to_one) {
  enum { SIDE = 48 };
  static double x[SIDE * SIDE * 2], found[SIDE * SIDE];
  static int32_t classes[SIDE * SIDE];
  static const uint32_t n_classes[] = {2};
  const size_t side = quick() ? 18 : SIDE, n = side * side; /* hardly trained, it is wide */
  const double half = 4.5, cell = 2 * half / (double)side, tolerance = quick() ? 1e-3 : 1e-4;
  fm_ctx *ctx = new_ctx(2);
  fm_net_options no = {.struct_size = sizeof no,
                       .kind = FM_NET_MLP,
                       .width = quick() ? 8 : 32,
                       .depth = 3,
                       .time_features = 8};
  fm_trainer_options to = {.struct_size = sizeof to, .batch = quick() ? 16 : 128, .seed = 1};
  fm_optimizer_options oo = {.struct_size = sizeof oo, .learning_rate = 4e-3, .n_steps = 600};
  const double shift[2] = {.1, -.2}, scale[2] = {1.2, 1.1};
  fm_net *net;
  fm_data *data;
  fm_optimizer *optimizer;
  fm_normaliser *norm;
  fm_trainer *trainer;
  fm_model *model;
  OK(fm_net_create(ctx, 2, n_classes, 1, 0, &no, &net));
  OK(fm_data_create_pull(ctx, pull, NULL, 2, 1, 0, 0, &data));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_normaliser_create(ctx, shift, scale, 2, &norm));
  OK(fm_trainer_create(ctx, net, NULL, NULL, norm, NULL, optimizer, NULL, &to, &trainer));
  OK(fm_trainer_run(ctx, trainer, data, quick() ? 20 : 600));
  OK(fm_trainer_model(ctx, trainer, &model));
  for (size_t i = 0; i < n; i++)
    x[2 * i] = ((double)(i % side) + .5) * cell - half,
          x[2 * i + 1] = ((double)(i / side) + .5) * cell - half;
  fm_sampler *s = new_sampler(ctx, model, (fm_solver_options){.rtol = tolerance, .atol = tolerance}, exact);
  double peak = 0;
  for (int32_t class = -1; class < (quick() ? 0 : 2); class ++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) classes[i] = class;
    OK(fm_sampler_log_density(ctx, s, 0, classes, NULL, n, x, found, NULL, NULL, NULL));
    for (size_t i = 0; i < n; i++) sum += exp(found[i]) * cell * cell, peak = fmax(peak, exp(found[i]));
    CLOSE(sum, 1, .01);
  }
  if (!quick()) ck_assert(peak > .5); /* the lump's: 1.06 in truth, 0.15 in the source */
  fm_sampler_destroy(s), fm_model_destroy(model), fm_trainer_destroy(trainer),
      fm_optimizer_destroy(optimizer);
  fm_normaliser_destroy(norm), fm_data_destroy(data), fm_net_destroy(net), fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tests = new_case(&suite, "density");
  tcase_add_checked_fixture(tests, set_up, NULL);
#ifndef FMI_DOUBLE /* callbacks take float */
  tcase_add_test(tests, reverse_steps_give_the_reference_numbers);
  tcase_add_test(tests, too_few_steps_are_said_to_be);
  tcase_add_test(tests, a_linear_flow_has_its_trace);
  tcase_add_loop_test(tests, probes_have_their_mean_and_variance, 0, FMI_COUNT(estimates));
  tcase_add_test(tests, a_source_may_fail_for_a_row);
  tcase_add_test(tests, sources_and_units_count);
#endif
  tcase_add_loop_test(tests, densities_are_the_determinant_of_the_map, 0, FMI_COUNT(paths));
  tcase_add_test(tests, forward_and_backward_agree);
  tcase_add_loop_test(tests, splits_and_threads_keep_bits, 0, 4);
  tcase_add_test(tests, a_trained_density_integrates_to_one);
  return run_suite(suite);
}
