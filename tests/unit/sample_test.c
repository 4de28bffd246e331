/* sample_test.c - drawing and carrying rows: a row's bits are its own whatever it comes with, units are the
   data's, and what ends a call early ends it as promised. */
#include "fixture.h"

#include "api/api.h"
#include "sample/sampler.h"

#include <stdio.h>
#include <unistd.h>

enum { DIM = 3, COND = 2, N = 333 };

static const uint32_t classes[] = {3};
static const double shift[DIM] = {1e3, -2, 7.125},
                    scale[DIM] = {50, 0.5, 0}; /* the last column is constant */
static int32_t labels[N];
static float cond[N][COND];

/* A model with random weights everywhere: nothing is the identity, and rows of different conditions differ.
 */
static fm_model *model_in_units(fm_ctx *ctx, fm_net *net, float size, const fm_path *path,
                                const fm_prior *prior, const double *scales) {
  size_t n = fm_net_n_params(net);
  float *params = new_block(n, sizeof *params), *ema = new_block(n, sizeof *ema);
  const double cond_shift[COND] = {0.5, 0}, cond_scale[COND] = {2, 1};
  fm_normaliser *norm, *cond_norm;
  fm_model *model;
  fill_normals(params, n, 1), fill_normals(ema, n, 2);
  for (size_t i = 0; i < n; i++) params[i] *= size, ema[i] *= size;
  OK(fm_normaliser_create(ctx, shift, scales, DIM, &norm));
  OK(fm_normaliser_create(ctx, cond_shift, cond_scale, COND, &cond_norm));
  OK(fm_model_create(ctx, net, params, ema, path, prior, norm, cond_norm, &model));
  fm_normaliser_destroy(norm), fm_normaliser_destroy(cond_norm);
  free(params), free(ema);
  return model;
}
static fm_model *model_of(fm_ctx *ctx, fm_net *net, float size, const fm_path *path, const fm_prior *prior) {
  return model_in_units(ctx, net, size, path, prior, scale);
}
static fm_net *net_of(fm_ctx *ctx) {
  fm_net_options o = {.struct_size = sizeof o, .width = 16, .depth = 1, .time_features = -1};
  fm_net *net;
  OK(fm_net_create(ctx, DIM, classes, 1, COND, &o, &net));
  return net;
}
static fm_model *new_model(fm_ctx *ctx) {
  fm_net *net = net_of(ctx);
  fm_model *model = model_of(ctx, net, 0.25f, NULL, NULL);
  fm_net_destroy(net);
  return model;
}
static fm_solver_options solver_of(uint32_t method) {
  return (fm_solver_options){.struct_size = sizeof(fm_solver_options), .method = method, .n_steps = 10};
}
static fm_sampler *sampler_of(fm_ctx *ctx, const fm_model *model, uint32_t method) {
  fm_solver_options so = solver_of(method);
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, model, &so, NULL, &sampler));
  return sampler;
}
static void set_up(void) {
  uint64_t seed = 6;
  for (size_t i = 0; i < N; i++) {
    labels[i] = (int32_t)(next_word(&seed) % 4) - 1;
    for (size_t j = 0; j < COND; j++) cond[i][j] = (float)next_normal(&seed);
  }
}

/* ---- bits ------------------------------------------------------------------------------------------------
 */

static const uint32_t methods[] = {FM_SOLVER_EULER, FM_SOLVER_DOPRI5, FM_SOLVER_HEUN2,
                                   FM_SOLVER_TSIT5, FM_SOLVER_AB3,    FM_SOLVER_EXPONENTIAL_2M};

START_TEST(splits_and_threads_keep_bits) {
  static const size_t splits[] = {1, 7, 48, 64, N};
  static const uint32_t threads[] = {1, 2, 3, 8, 0};
  const size_t n = quick() ? 70 : N;
  static float whole[N * DIM], out[N * DIM];
  static double wide[N * DIM];
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_model(ctx);
  fm_sampler *sampler = sampler_of(ctx, model, methods[_i]);
  OK(fm_sampler_draw(ctx, sampler, 4, 100, labels, cond[0], n, whole));
  OK(fm_sampler_draw_f64(ctx, sampler, 4, 100, labels, cond[0], n, wide));
  for (size_t i = 0; i < n * DIM; i++) ck_assert(whole[i] == (float)wide[i]);
  for (size_t s = quick() ? 2 : 0; s < FMI_COUNT(splits); s++) {
    memset(out, 0, sizeof out);
    for (size_t end = n; end > 0;) { /* last part first: the order of calls doesn't count either */
      size_t first = end > splits[s] ? end - splits[s] : 0;
      OK(fm_sampler_draw(ctx, sampler, 4, 100 + first, labels + first, cond[first], end - first,
                         out + first * DIM));
      end = first;
    }
    SAME(out, whole, n * DIM);
  }
  OK(fm_sampler_draw(ctx, sampler, 5, 100, labels, cond[0], n, out));
  ck_assert_int_ne(memcmp(out, whole, n * DIM * sizeof *out), 0);
  fm_sampler_destroy(sampler);
  for (size_t i = 0; i < FMI_COUNT(threads); i += quick() ? 2 : 1) {
    fm_ctx *other = new_ctx(threads[i]);
    fm_sampler *s = NULL;
    fm_solver_options so = solver_of(methods[_i]);
    ck_assert_int_eq(fm_sampler_create(other, model, &so, NULL, &s), FM_OK);
    ck_assert_int_eq(fm_sampler_draw(other, s, 4, 100, labels, cond[0], n, out), FM_OK);
    SAME(out, whole, n * DIM);
    ck_assert_int_eq(fm_sampler_draw(ctx, s, 4, 100, labels, cond[0], n, out), FM_OK); /* another's sampler */
    SAME(out, whole, n * DIM);
    fm_sampler_destroy(s);
    fm_ctx_destroy(other);
  }
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(one_call_is_a_default_sampler) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_model(ctx);
  fm_sampler *sampler;
  float a[60 * DIM], b[60 * DIM];
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  OK(fm_sampler_draw(ctx, sampler, 4, 9, labels, cond[0], 60, a));
  OK(fm_sample(ctx, model, 4, 9, labels, cond[0], 60, b));
  SAME(a, b, 60 * DIM);
  OK(fm_sample(ctx, model, 4, 9, NULL, NULL, 0, NULL)); /* no rows are fine */
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_ctx_destroy(ctx);
}
END_TEST

/* Rows with other conditions and other difficulty leave an adaptive solve at other times; the conditions of
   those that stay must stay with them. */
START_TEST(conditions_follow_their_rows) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_model(ctx);
  fm_sampler *sampler = sampler_of(ctx, model, methods[_i]);
  static double all[48 * DIM], one[DIM], plain[48 * DIM];
  fm_solve_stats stats, total;
  fm_solve_stats_init(&total);
  uint64_t nfe = 0, least = UINT64_MAX;
  uint64_t seed = 3;
  double start[48 * DIM];
  for (size_t i = 0; i < 48 * DIM; i++) start[i] = shift[i % DIM] + scale[i % DIM] * next_normal(&seed);
  memcpy(all, start, sizeof start);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], 48, all, NULL, NULL, &total));
  for (size_t i = 0; i < 48; i++) {
    memcpy(one, start + i * DIM, sizeof one);
    fm_solve_stats_init(&stats);
    OK(fm_sampler_transport(ctx, sampler, 0, 1, labels + i, cond[i], 1, one, NULL, NULL, &stats));
    SAME(one, all + i * DIM, DIM);
    nfe += stats.nfe;
    least = stats.nfe < least ? stats.nfe : least;
  }
  ck_assert_uint_eq(nfe, total.nfe);
  if (methods[_i] == FM_SOLVER_DOPRI5 || methods[_i] == FM_SOLVER_TSIT5)
    ck_assert_uint_lt(least, total.max_nfe); /* or nothing was tested */
  memcpy(plain, start, sizeof start);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, 48, plain, NULL, NULL, NULL));
  for (size_t i = 0; i < 48; i++) ck_assert(plain[i * DIM] != all[i * DIM]);
  memcpy(plain, start, sizeof start);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, NULL, 48, plain, NULL, NULL, NULL));
  for (size_t i = 0; i < 48; i++) ck_assert(plain[i * DIM] != all[i * DIM]);
  int32_t wrong = 3;
  FAILS(FM_E_INVALID, "row 0, column 0",
        fm_sampler_transport(ctx, sampler, 0, 1, &wrong, NULL, 1, one, NULL, NULL, NULL));
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- units
 * ------------------------------------------------------------------------------------------------- */

START_TEST(columns_are_in_the_datas_units) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = new_model(ctx);
  fm_sampler *sampler = sampler_of(ctx, model, FM_SOLVER_DOPRI5);
  static double x[N * DIM];
  OK(fm_sampler_draw_f64(ctx, sampler, 4, 0, labels, cond[0], N, x));
  for (size_t i = 0; i < N; i++) {
    CLOSE(x[i * DIM + 2], 7.125, 0); /* constant is exactly constant */
    ck_assert(fabs(x[i * DIM] - 1e3) < 50 * 20 && x[i * DIM] != 1e3);
  }
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Without a constant column, whose place in the flow the data's units can't say. */
START_TEST(rows_go_there_and_back_again) {
  fm_ctx *ctx = new_ctx(1);
  const size_t n = quick() ? 10 : N;
  const double scales[DIM] = {50, 0.5, 3};
  fm_net *net = net_of(ctx);
  fm_model *model = model_in_units(ctx, net, 0.25f, NULL, NULL, scales);
  fm_sampler *sampler;
  static double x[N * DIM], start[N * DIM];
  fm_solver_options so = {.struct_size = sizeof so, .method = FM_SOLVER_DOPRI5, .rtol = 1e-7, .atol = 1e-7};
  OK(fm_sampler_create(ctx, model, &so, NULL, &sampler));
  uint64_t seed = 3;
  for (size_t i = 0; i < n * DIM; i++) start[i] = shift[i % DIM] + scales[i % DIM] * next_normal(&seed);
  memcpy(x, start, sizeof x);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], n, x, NULL, NULL, NULL));
  double moved = 0;
  for (size_t i = 0; i < n * DIM; i++) moved += fabs(x[i] - start[i]) / scales[i % DIM] / (double)(n * DIM);
  ck_assert(moved > 0.1); /* or coming back would be no feat */
  OK(fm_sampler_transport(ctx, sampler, 1, 0, labels, cond[0], n, x, NULL, NULL, NULL));
  for (size_t i = 0; i < n * DIM; i++)
    CLOSE(x[i], start[i],
          (IS_DOUBLE ? 2e-5 : 1e-4) * scales[i % DIM]); /* the net's rounding is the solver's noise */
  FAILS(FM_E_INVALID, "t1", fm_sampler_transport(ctx, sampler, 0, 1.5, NULL, NULL, 1, x, NULL, NULL, NULL));
  x[1] = NAN;
  FAILS(FM_E_NONFINITE, "row 0, column 1",
        fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, 1, x, NULL, NULL, NULL));
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The velocity that is offered is the one that Euler steps take. */
START_TEST(velocity_is_that_of_the_solve) {
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = net_of(ctx);
  fm_model *model = model_of(ctx, net, 0.25f, NULL, NULL);
  fm_solver_options so = {.struct_size = sizeof so, .method = FM_SOLVER_EULER, .n_steps = 1};
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, model, &so, NULL, &sampler));
  static float z[100 * DIM], v[100 * DIM], direct[100 * DIM];
  static double x[100 * DIM], t[100];
  float *ema = new_block(fm_net_n_params(net), sizeof *ema);
  fill_normals(z, 100 * DIM, 8);
  for (size_t i = 0; i < 100; i++) z[i * DIM + 2] = 0; /* where a constant column is */
  for (size_t i = 0; i < 100 * DIM; i++)
    x[i] = shift[i % DIM] + scale[i % DIM] * (double)z[i], t[i / DIM] = 0;
  OK(fm_sampler_velocity(ctx, sampler, z, t, labels, NULL, 100, v));
  OK(fm_model_get_params(ctx, model, NULL, ema));
  OK(fm_net_velocity(ctx, net, ema, z, t, labels, NULL, 100, direct));
  SAME(v, direct, 100 * DIM);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, NULL, 100, x, NULL, NULL, NULL));
  for (size_t i = 0; i < 100 * DIM; i++)
    if (i % DIM != 2) CLOSE((x[i] - shift[i % DIM]) / scale[i % DIM], (double)z[i] + (double)v[i], 1e-5);
  free(ema);
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

typedef struct tour {
  uint64_t calls, next_step, first_row, n, fail_at;
  double last[N * DIM];
} tour;
static int32_t visit(void *user, const fm_trajectory *at) {
  tour *w = user;
  if (at->first_row != w->first_row) { /* the next tile of rows starts from its beginning */
    ck_assert_uint_eq(at->first_row, w->first_row + w->n);
    w->first_row = at->first_row, w->next_step = 0;
  }
  w->n = at->n;
  ck_assert_uint_eq(at->step, w->next_step++);
  ck_assert_uint_eq(at->dim, DIM);
  for (uint64_t i = 0; i < at->n; i++) {
    CLOSE(at->t[i], (double)at->step / 10, 1e-12);
    CLOSE(at->x[i * DIM + 2], 7.125, 0); /* in the data's units */
  }
  memcpy(w->last + at->first_row * DIM, at->x, at->n * DIM * sizeof(double));
  return ++w->calls == w->fail_at ? 5 : 0;
}
START_TEST(trajectories_show_every_step) {
  fm_ctx *ctx = new_ctx(3);
  fm_model *model = new_model(ctx);
  fm_sampler *sampler = sampler_of(ctx, model, FM_SOLVER_EULER);
  static tour w;
  static double x[N * DIM], unwatched[N * DIM];
  for (size_t i = 0; i < (size_t)N * DIM; i++)
    x[i] = unwatched[i] = shift[i % DIM] + scale[i % DIM] * sin((double)i);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], N, x, visit, &w, NULL));
  ck_assert_uint_eq(w.calls, 11 * ((N + FMI_TILE - 1) / FMI_TILE));
  ck_assert_uint_eq(w.first_row + w.n, N);
  SAME(w.last, x, (size_t)N * DIM);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], N, unwatched, NULL, NULL, NULL));
  SAME(unwatched, x, (size_t)N * DIM);
  w = (tour){.fail_at = 4};
  FAILS(FM_E_CALLBACK, "5", fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], N, x, visit, &w, NULL));
  ck_assert_uint_eq(w.calls, 4);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* How far a state between steps may be from that of a transport that ends there. */
static double tolerance_between(uint32_t method, const fm_solver_options *o) {
  const double n = (double)o->n_steps;
  if (method == FM_SOLVER_EULER) return 20 / n;
  return method == FM_SOLVER_EXPONENTIAL_2M ? 160 / (n * n) : 200 * o->rtol;
}

/* Over several tiles and threads: the ends are those of a plain transport, what is between is in the data's
   units and between what single transports give. */
START_TEST(states_at_times_of_a_transport) {
  static const double times[] = {0, 0.26, 0.5, 0.93, 1};
  enum { K = FMI_COUNT(times) };
  const size_t n = quick() ? FMI_TILE + 2 : N;
  const double tolerance = quick() ? 1e-4 : 1e-6;
  static double x[N * DIM], start[N * DIM], out[K * N * DIM], again[K * N * DIM], part[N * DIM];
  static fm_row_stats rows[N];
  fm_ctx *ctx = new_ctx(3), *one = new_ctx(1);
  fm_model *model = new_model(ctx);
  fm_solver_options so = solver_of(methods[_i]);
  so.n_steps = quick() ? 40 : 400, so.rtol = so.atol = tolerance;
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, model, &so, NULL, &sampler));
  for (size_t i = 0; i < n * DIM; i++) x[i] = start[i] = shift[i % DIM] + scale[i % DIM] * sin((double)i);
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  OK(fm_sampler_transport_at(ctx, sampler, times, K, labels, cond[0], n, start, out, &stats, rows));
  OK(fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], n, x, NULL, NULL, NULL));
  SAME(out, start, n * DIM);
  SAME(out + (K - 1) * n * DIM, x, n * DIM);
  uint64_t nfe = 0, accepted = 0, rejected = 0;
  for (size_t i = 0; i < n; i++) {
    ck_assert(rows[i].status == FM_OK && rows[i].t == 1);
    nfe += rows[i].nfe, accepted += rows[i].accepted, rejected += rows[i].rejected;
  }
  ck_assert(nfe == stats.nfe && accepted == stats.accepted && rejected == stats.rejected);
  for (size_t k = 1; k + 1 < K; k++) {
    memcpy(part, start, sizeof part);
    OK(fm_sampler_transport(ctx, sampler, 0, times[k], labels, cond[0], n, part, NULL, NULL, NULL));
    for (size_t i = 0; i < n * DIM; i++)
      CLOSE(out[k * n * DIM + i], part[i], tolerance_between(methods[_i], &so) * scale[i % DIM]);
  }
  OK(fm_sampler_transport_at(one, sampler, times, K, labels, cond[0], n, start, again, NULL, NULL));
  SAME(again, out, K * n * DIM);
  FAILS(
      FM_E_INVALID, "times[1]",
      fm_sampler_transport_at(ctx, sampler, (const double[]){0, 1.25}, 2, NULL, NULL, 1, x, out, NULL, NULL));
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx), fm_ctx_destroy(one);
}
END_TEST

/* A row that the data's units can't hold fails by itself, with and without a trajectory to show. */
static int32_t ignore(void *user, const fm_trajectory *at) { return (void)user, (void)at, 0; }
START_TEST(a_row_out_of_range_leaves_the_others) {
  const double huge[DIM] = {1e308, 1, 1};
  static double x[N * DIM], alone[DIM], out[2 * N * DIM];
  static fm_row_stats rows[N];
  fm_ctx *ctx = new_ctx(2);
  fm_net *net = net_of(ctx);
  fm_model *model = model_in_units(ctx, net, 0.25f, NULL, NULL, huge);
  fm_sampler *sampler = sampler_of(ctx, model, FM_SOLVER_EULER);
  const size_t n = 60, bad = 3;
  for (size_t i = 0; i < n * DIM; i++) x[i] = shift[i % DIM] + (i % DIM ? 1 : 0) * sin((double)i);
  x[bad * DIM] = -1.797e308;
  memcpy(out, x, n * DIM * sizeof *x);
  memcpy(alone, x + (n - 1) * DIM, sizeof alone);
  FAILS(
      FM_E_NONFINITE, "row 3, column 0",
      fm_sampler_transport_at(ctx, sampler, (const double[]){0, 1}, 2, NULL, NULL, n, out, out, NULL, rows));
  for (size_t i = 0; i < n; i++) ck_assert_int_eq(rows[i].status, i == bad ? FM_E_NONFINITE : FM_OK);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, 1, alone, NULL, NULL, NULL));
  SAME(out + (2 * n - 1) * DIM, alone, DIM); /* in another tile */
  FAILS(FM_E_NONFINITE, "row 3, column 0",
        fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, n, x, ignore, NULL, NULL));
  SAME(x + (n - 1) * DIM, alone, DIM);
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A grid of the caller's counts in draws too. */
START_TEST(samplers_take_grids) {
  static const double uniform[] = {0, .25, .5, .75, 1}, skewed[] = {0, .1, .2, .4, 1};
  fm_ctx *ctx = new_ctx(2);
  fm_model *model = new_model(ctx);
  fm_solver_options so = solver_of(FM_SOLVER_EULER);
  fm_sampler *plain, *own;
  float a[60 * DIM], b[60 * DIM];
  so.n_steps = 4;
  OK(fm_sampler_create(ctx, model, &so, NULL, &plain));
  FAILS(FM_E_INVALID, "FM_GRID_CUSTOM", fm_sampler_set_grid(ctx, plain, uniform, 5));
  so.grid = FM_GRID_CUSTOM;
  OK(fm_sampler_create(ctx, model, &so, NULL, &own));
  OK(fm_sampler_draw(ctx, plain, 4, 9, labels, cond[0], 60, a));
  OK(fm_sampler_draw(ctx, own, 4, 9, labels, cond[0], 60, b));
  SAME(a, b, 60 * DIM);
  OK(fm_sampler_set_grid(ctx, own, skewed, 5));
  OK(fm_sampler_draw(ctx, own, 4, 9, labels, cond[0], 60, b));
  ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
  OK(fm_sampler_set_grid(ctx, own, uniform, 5));
  OK(fm_sampler_draw(ctx, own, 4, 9, labels, cond[0], 60, b));
  SAME(a, b, 60 * DIM);
  fm_sampler_destroy(plain), fm_sampler_destroy(own), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- ending early
 * -------------------------------------------------------------------------------------------- */

START_TEST(a_deadline_leaves_finite_samples) {
  fm_ctx *ctx = new_ctx(2);
  fm_model *model = new_model(ctx);
  fm_solver_options so = {.struct_size = sizeof so,
                          .n_steps = 100000,
                          .method = methods[_i],
                          .first_step = 1e-5,
                          .rtol = 1e-12,
                          .atol = 1e-12};
  fm_sampler_options o = {.struct_size = sizeof o, .deadline = 1e-6};
  fm_sampler *sampler;
  float out[N * DIM];
  for (size_t i = 0; i < (size_t)N * DIM; i++) out[i] = NAN;
  OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
  FAILS(FM_DEADLINE, "deadline", fm_sampler_draw(ctx, sampler, 1, 0, labels, cond[0], N, out));
  for (size_t i = 0; i < (size_t)N * DIM; i++) ck_assert(isfinite(out[i]));
  for (size_t i = 0; i < N; i++) CLOSE((double)out[i * DIM + 2], 7.125, 0);
  static double x[N * DIM];
  for (size_t i = 0; i < (size_t)N * DIM; i++) x[i] = shift[i % DIM];
  FAILS(FM_DEADLINE, "deadline",
        fm_sampler_transport(ctx, sampler, 0, 1, labels, cond[0], N, x, ignore, NULL, NULL));
  for (size_t i = 0; i < N; i++) ck_assert(x[i * DIM] != shift[0]); /* every tile was carried to the end */
  fm_sampler_destroy(sampler);
  o.deadline = 3600;
  so = solver_of(methods[_i]);
  OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
  OK(fm_sampler_draw(ctx, sampler, 1, 0, labels, cond[0], 20, out));
  fm_sampler_destroy(sampler);
  o.deadline = -1;
  FAILS(FM_E_INVALID, "deadline", fm_sampler_create(ctx, model, NULL, &o, &sampler));
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

#ifndef FMI_DOUBLE
typedef struct stopper {
  fm_ctx *ctx;
  atomic_uint calls;
  unsigned stop_at;
} stopper;
static int32_t stopping_forward(void *user, const fm_net_call *c) {
  stopper *s = user;
  if (atomic_fetch_add(&s->calls, 1) + 1 == s->stop_at) fm_ctx_stop(s->ctx);
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->velocity[i] = -c->x[i];
  return 0;
}
/* The whole call ends, not the tile alone that saw it first: 7 tiles of 10 steps, stopped in the third step.
 */
START_TEST(a_draw_can_be_stopped) {
  for (uint32_t threads = 1; threads <= 3; threads += 2) {
    fm_ctx *ctx = new_ctx(threads);
    stopper s = {.ctx = ctx, .stop_at = 3};
    fm_net *net;
    fm_model *model;
    OK(fm_net_create_custom(ctx, DIM, NULL, 0, 0, 0, stopping_forward, stopping_forward, NULL, &s, &net));
    OK(fm_model_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, &model));
    fm_sampler *sampler = sampler_of(ctx, model, FM_SOLVER_EULER);
    float out[N * DIM];
    for (size_t i = 0; i < N * DIM; i++) out[i] = -7.25f;
    FAILS(FM_STOPPED, "", fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, N, out));
    ck_assert(out[(N - 1) * DIM] == -7.25f); /* what wasn't begun costs nothing */
    ck_assert_msg(atomic_load(&s.calls) <= 3 + 2 * threads, "%u evaluations after the stop",
                  atomic_load(&s.calls) - 3);
    OK(fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, N, out)); /* the wish is used up */
    fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net);
    fm_ctx_destroy(ctx);
  }
}
END_TEST
#endif

/* ---- models
 * ------------------------------------------------------------------------------------------------------ */

START_TEST(samplers_take_models_of_the_same_net) {
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = net_of(ctx), *another = net_of(ctx);
  fm_model *a = model_of(ctx, net, 0.25f, NULL, NULL), *b = model_of(ctx, net, 0.1f, NULL, NULL);
  fm_model *c = model_of(ctx, another, 0.1f, NULL, NULL);
  float from_a[20 * DIM], from_b[20 * DIM], out[20 * DIM];
  OK(fm_sample(ctx, a, 1, 0, NULL, NULL, 20, from_a));
  OK(fm_sample(ctx, b, 1, 0, NULL, NULL, 20, from_b));
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, a, NULL, NULL, &sampler));
  fm_model_destroy(a); /* the sampler keeps it */
  OK(fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, 20, out));
  SAME(out, from_a, 20 * DIM);
  OK(fm_sampler_set_model(ctx, sampler, b));
  OK(fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, 20, out));
  SAME(out, from_b, 20 * DIM);
  FAILS(FM_E_MISMATCH, "net", fm_sampler_set_model(ctx, sampler, c));
  fm_sampler_destroy(sampler);
  /* The weights themselves, not their average: what a model that has no other average draws. */
  fm_sampler_options o = {.struct_size = sizeof o, .raw_weights = 1};
  float *params = new_block(fm_net_n_params(net), sizeof *params), expected[20 * DIM];
  fm_model *raw;
  OK(fm_model_get_params(ctx, b, params, NULL));
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, fm_model_normaliser(b), NULL, &raw));
  OK(fm_sample(ctx, raw, 1, 0, NULL, NULL, 20, expected));
  OK(fm_sampler_create(ctx, raw, NULL, &o, &sampler));
  for (int k = 0; k < 2; k++) { /* at creation and at a change */
    OK(fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, 20, out));
    SAME(out, expected, 20 * DIM);
    OK(fm_sampler_set_model(ctx, sampler, b));
  }
  fm_sampler_destroy(sampler);
  OK(fm_sampler_create(ctx, b, NULL, &o, &sampler));
  OK(fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, 20, out));
  SAME(out, expected, 20 * DIM);
  ck_assert_int_ne(memcmp(out, from_b, sizeof out), 0);
  free(params);
  fm_sampler_destroy(sampler), fm_model_destroy(raw), fm_model_destroy(b), fm_model_destroy(c),
      fm_net_destroy(net), fm_net_destroy(another);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_saved_model_draws_the_same_bits) {
  fm_ctx *ctx = new_ctx(1);
  const float rows[] = {900, -3, 7.125f, 1000, -2, 7.125f, 1200, -1, 7.125f};
  fm_prior *prior;
  fm_path *path;
  OK(fm_prior_create_rows(ctx, rows, 3, DIM, &prior));
  OK(fm_path_create(ctx, FM_PATH_COSINE, &path));
  fm_net *net = net_of(ctx);
  const char *folder = getenv("TMPDIR");
  char file[512];
  snprintf(file, sizeof file, "%s/flowmatch-sample-%ld", folder && *folder ? folder : "/tmp", (long)getpid());
  for (int k = 0; k < 2; k++) {
    fm_model *saved = model_of(ctx, net, 0.25f, k ? path : NULL, k ? prior : NULL), *loaded;
    float a[60 * DIM], b[60 * DIM];
    OK(fm_model_save(ctx, saved, file));
    OK(fm_model_load(ctx, file, &loaded));
    unlink(file);
    OK(fm_sample(ctx, saved, 1, 5, labels, cond[0], 60, a));
    OK(fm_sample(ctx, loaded, 1, 5, labels, cond[0], 60, b));
    SAME(a, b, 60 * DIM);
    fm_model_destroy(saved), fm_model_destroy(loaded);
  }
  fm_prior_destroy(prior), fm_path_destroy(path), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- sources and paths of the caller's
 * ----------------------------------------------------------------------------- */

static int32_t diagonal_prior(void *user, const fm_prior_request *r) {
  for (uint64_t i = 0; i < r->n * r->dim; i++)
    r->x0[i] = shift[i % DIM] + (scale[i % DIM] > 0 ? (double)(r->first_row + i / r->dim) : 0);
  return *(int32_t *)user;
}
static int32_t square_path(void *user, double t, fm_path_coefficients *c) { /* alpha = t^2, sigma = 1 - t^2 */
  (void)user;
  c->alpha = t * t, c->sigma = 1 - t * t, c->gamma = 0;
  c->d_alpha = 2 * t, c->d_sigma = -2 * t, c->d_gamma = 0;
  return 0;
}
/* Zero weights leave rows where the source put them. */
START_TEST(sources_are_asked_in_the_datas_units) {
  fm_ctx *ctx = new_ctx(1);
  int32_t answer = 0;
  const float rows[] = {900, -3, 7.125f, 1000, -2, 7.125f, 1200, -1, 7.125f};
  fm_prior *asked, *drawn;
  fm_path *path;
  OK(fm_prior_create_callback(ctx, diagonal_prior, &answer, &asked));
  OK(fm_prior_create_rows(ctx, rows, 3, DIM, &drawn));
  OK(fm_path_create_custom(ctx, square_path, NULL, &path));
  fm_net *net = net_of(ctx);
  fm_model *model = model_of(ctx, net, 0, path, asked), *other = model_of(ctx, net, 0, path, drawn);
  fm_sampler *sampler = sampler_of(ctx, model, FM_SOLVER_DOPRI5);
  double out[100 * DIM];
  OK(fm_sampler_draw_f64(ctx, sampler, 1, 40, NULL, NULL, 100, out));
  for (size_t i = 0; i < 100; i++) {
    CLOSE(out[i * DIM], shift[0] + 40 + (double)i, 1e-10);
    CLOSE(out[i * DIM + 1], shift[1] + 40 + (double)i, 1e-10);
    CLOSE(out[i * DIM + 2], 7.125, 0);
  }
  answer = 8;
  FAILS(FM_E_CALLBACK, "8", fm_sampler_draw_f64(ctx, sampler, 1, 40, NULL, NULL, 100, out));
  OK(fm_sampler_set_model(ctx, sampler, other));
  OK(fm_sampler_draw_f64(ctx, sampler, 1, 40, NULL, NULL, 100, out));
  size_t seen[3] = {0};
  for (size_t i = 0; i < 100; i++)
    for (size_t k = 0; k < 3; k++)
      seen[k] += fabs(out[i * DIM] - (double)rows[k * DIM]) < 1e-9 &&
                 fabs(out[i * DIM + 1] - (double)rows[k * DIM + 1]) < 1e-9;
  ck_assert_uint_eq(seen[0] + seen[1] + seen[2], 100);
  ck_assert(seen[0] > 10 && seen[1] > 10 && seen[2] > 10);
  FAILS(FM_E_UNSUPPORTED, "", fm_model_save(ctx, model, "/nowhere/at-all"));
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_model_destroy(other);
  fm_prior_destroy(asked), fm_prior_destroy(drawn), fm_path_destroy(path), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "sample");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_loop_test(tcase, splits_and_threads_keep_bits, 0, FMI_COUNT(methods));
  tcase_add_test(tcase, one_call_is_a_default_sampler);
  tcase_add_loop_test(tcase, conditions_follow_their_rows, 0, FMI_COUNT(methods));
  tcase_add_test(tcase, columns_are_in_the_datas_units);
  tcase_add_test(tcase, rows_go_there_and_back_again);
  tcase_add_test(tcase, velocity_is_that_of_the_solve);
  tcase_add_test(tcase, trajectories_show_every_step);
  tcase_add_loop_test(tcase, states_at_times_of_a_transport, 0, FMI_COUNT(methods));
  tcase_add_test(tcase, a_row_out_of_range_leaves_the_others);
  tcase_add_test(tcase, samplers_take_grids);
  tcase_add_loop_test(tcase, a_deadline_leaves_finite_samples, 0, FMI_COUNT(methods));
#ifndef FMI_DOUBLE
  tcase_add_test(tcase, a_draw_can_be_stopped);
#endif
  tcase_add_test(tcase, samplers_take_models_of_the_same_net);
  tcase_add_test(tcase, a_saved_model_draws_the_same_bits);
  tcase_add_test(tcase, sources_are_asked_in_the_datas_units);
  return run_suite(suite);
}
