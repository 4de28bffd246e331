/* mean_sample_test.c - what models of a mean velocity draw: steps are what the network says, whatever the
   solver, and a trained one gets in one step to where other models need many. */
#include "fixture.h"

#include "api/api.h"
#include "flowmatch_guide.h"
#include "sample/sampler.h"

enum { DIM = 3, N = 100 };

/* A model of random weights. */
static fm_model *random_model(fm_ctx *ctx, uint64_t n_times) {
  const fm_net_options o = {.struct_size = sizeof o,
                            .kind = FM_NET_MLP,
                            .width = 12,
                            .depth = 3,
                            .time_features = 4,
                            .n_times = n_times};
  fm_net *net;
  fm_model *model;
  OK(fm_net_create(ctx, DIM, NULL, 0, 0, &o, &net));
  float *params = new_block(fm_net_n_params(net), sizeof *params);
  uint64_t seed = 5;
  for (size_t i = 0; i < fm_net_n_params(net); i++) params[i] = (float)(.6 * next_uniform(&seed));
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &model));
  free(params);
  fm_net_destroy(net);
  return model;
}

static fm_sampler *sampler_of(fm_ctx *ctx, const fm_model *model, fm_solver_options o) {
  fm_sampler *sampler;
  o.struct_size = sizeof o;
  OK(fm_sampler_create(ctx, model, &o, NULL, &sampler));
  return sampler;
}

static void fill(double *x) {
  uint64_t seed = 8;
  for (size_t i = 0; i < N * DIM; i++) x[i] = next_normal(&seed);
}

/* x += (r - t) u(x, t, last), by the net itself. */
static void step_by_net(fm_ctx *ctx, const fm_model *model, double *x, double t, double r, double last) {
  float in[N * DIM], u[N * DIM], *params = new_block(fm_net_n_params(fm_model_net(model)), sizeof *params);
  double times[2 * N];
  for (size_t i = 0; i < N * DIM; i++) in[i] = (float)x[i];
  for (size_t i = 0; i < N; i++) times[2 * i] = t, times[2 * i + 1] = last;
  OK(fm_model_get_params(ctx, model, NULL, params));
  OK(fm_net_velocity(ctx, fm_model_net(model), params, in, times, NULL, NULL, N, u));
  for (size_t i = 0; i < N * DIM; i++) x[i] += (r - t) * (double)u[i];
  free(params);
}

#define ROUNDING (IS_DOUBLE ? 1e-5 : 0) /* the public functions are of floats */
static void all_near(const double *got, const double *want, size_t n, double tolerance) {
  for (size_t i = 0; i < n; i++) CLOSE(got[i], want[i], tolerance);
}

/* ---- steps ------------------------------------------------------------------------------------------ */

START_TEST(steps_are_those_of_the_network) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = random_model(ctx, 2);
  double x[N * DIM], want[N * DIM];
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  /* By default one step of the mean velocity. */
  fm_sampler *sampler;
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  fill(x), fill(want);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, x, NULL, NULL, &stats));
  step_by_net(ctx, model, want, 0, 1, 1);
  all_near(x, want, N * DIM, ROUNDING);
  ck_assert(stats.nfe == N && stats.max_nfe == 1 && stats.accepted == N);
  fm_sampler_destroy(sampler);
  /* Several, on a grid, over a part of the way. */
  static const double grid[] = {0, .5, .75, 1};
  sampler = sampler_of(ctx, model, (fm_solver_options){.n_steps = 3, .grid = FM_GRID_CUSTOM});
  OK(fm_sampler_set_grid(ctx, sampler, grid, 4));
  fill(x), fill(want);
  OK(fm_sampler_transport(ctx, sampler, .25, .75, NULL, NULL, N, x, NULL, NULL, &stats));
  for (size_t k = 0; k < 3; k++)
    step_by_net(ctx, model, want, .25 + .5 * grid[k], .25 + .5 * grid[k + 1], .25 + .5 * grid[k + 1]);
  all_near(x, want, N * DIM, ROUNDING);
  ck_assert(stats.nfe == 3 * N && stats.max_nfe == 3);
  fm_sampler_destroy(sampler);
  /* Every other method sees u(x, t, t), the velocity. */
  sampler = sampler_of(ctx, model, (fm_solver_options){.method = FM_SOLVER_EULER, .n_steps = 4});
  fill(x), fill(want);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, x, NULL, NULL, &stats));
  for (int k = 0; k < 4; k++) step_by_net(ctx, model, want, k / 4.0, (k + 1) / 4.0, k / 4.0);
  all_near(x, want, N * DIM, ROUNDING);
  float v[N * DIM], in[N * DIM];
  double t[N];
  fill(x), fill(want);
  for (size_t i = 0; i < N; i++) t[i] = .5;
  for (size_t i = 0; i < N * DIM; i++) in[i] = (float)x[i];
  OK(fm_sampler_velocity(ctx, sampler, in, t, NULL, NULL, N, v));
  step_by_net(ctx, model, want, .5, 1.5, .5);
  for (size_t i = 0; i < N * DIM; i++) CLOSE(x[i] + (double)v[i], want[i], ROUNDING);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* States at times inside a step are steps of their own, and don't change it. A row that leaves the finite
   numbers is alone in that. */
START_TEST(states_at_times_are_steps_to_them) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = random_model(ctx, 2);
  fm_sampler *sampler = sampler_of(ctx, model, (fm_solver_options){.method = FM_SOLVER_MEAN, .n_steps = 2});
  static const double times[] = {0, .25, .5, .625, .875, 1};
  enum { K = FMI_COUNT(times), BAD = 7 };
  double x[N * DIM], want[N * DIM], end[N * DIM], *out = new_block(K * N * DIM, sizeof *out);
  fm_row_stats rows[N];
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  fill(x);
  OK(fm_sampler_transport_at(ctx, sampler, times, K, NULL, NULL, N, x, out, &stats, rows));
  ck_assert_uint_eq(stats.nfe, 5 * N); /* .5 is a step's end */
  memcpy(end, x, sizeof x);
  step_by_net(ctx, model, end, 0, .5, .5);
  all_near(out + 2 * N * DIM, end, N * DIM, ROUNDING);
  for (size_t k = 1; k < K; k++) {
    memcpy(want, times[k] <= .5 ? x : end, sizeof x);
    step_by_net(ctx, model, want, times[k] <= .5 ? 0 : .5, times[k], times[k]);
    all_near(out + k * N * DIM, want, N * DIM, ROUNDING);
  }
  memcpy(end, out + (K - 1) * N * DIM, sizeof end);
  x[BAD * DIM] = IS_DOUBLE ? 1e308 : 1e39; /* no float */
  const fm_status status = fm_sampler_transport_at(ctx, sampler, times, K, NULL, NULL, N, x, out, NULL, rows);
  ck_assert_int_eq(status, IS_DOUBLE ? FM_OK : FM_E_NONFINITE);
  for (size_t i = 0; i < N; i++) {
    if (i == BAD) continue;
    ck_assert(rows[i].status == FM_OK && rows[i].t == 1);
    SAME(out + ((K - 1) * N + i) * DIM, end + i * DIM, DIM);
  }
  if (!IS_DOUBLE) ck_assert(rows[BAD].status == FM_E_NONFINITE && rows[BAD].t == 0);
  free(out);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(bits_do_not_depend_on_splits_and_threads) {
  float whole[N * DIM], part[N * DIM];
  for (uint32_t threads = 0; threads < 3; threads++) {
    fm_ctx *ctx = new_ctx(threads);
    fm_model *model = random_model(ctx, 2);
    fm_sampler *sampler = sampler_of(ctx, model, (fm_solver_options){.n_steps = 2});
    OK(fm_sampler_draw(ctx, sampler, 4, 1000, NULL, NULL, N, threads == 0 ? whole : part));
    if (threads > 0) SAME(whole, part, N * DIM);
    for (size_t i = 0; i < N; i += 9)
      OK(fm_sampler_draw(ctx, sampler, 4, 1000 + i, NULL, NULL, i + 9 < N ? 9 : N - i, part + i * DIM));
    SAME(whole, part, N * DIM);
    fm_sampler_destroy(sampler), fm_model_destroy(model);
    fm_ctx_destroy(ctx);
  }
}
END_TEST

/* After the deadline one step, to the end. */
START_TEST(the_deadline_is_met_by_a_step_to_the_end) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = random_model(ctx, 2);
  fm_sampler *sampler;
  const fm_solver_options so = {.struct_size = sizeof so, .n_steps = 1000};
  const fm_sampler_options o = {.struct_size = sizeof o, .deadline = 1e-12};
  double x[N * DIM], want[N * DIM];
  OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
  fill(x), fill(want);
  FAILS(FM_DEADLINE, "", fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, x, NULL, NULL, NULL));
  step_by_net(ctx, model, want, 0, 1, 1);
  all_near(x, want, N * DIM, ROUNDING);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(what_the_method_is_not_for) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *model = random_model(ctx, 2), *plain = random_model(ctx, 1);
  const fm_solver_options mean = {.struct_size = sizeof mean, .method = FM_SOLVER_MEAN};
  fm_sampler_options density = {.struct_size = sizeof density, .divergence = FM_DIVERGENCE_EXACT};
  fm_sampler_options noisy = {.struct_size = sizeof noisy, .diffusion = FM_DIFFUSION_SIGMA};
  fm_sampler *sampler;
  fm_solver *solver;
  double x[N * DIM], again[N * DIM], p[N], times[] = {1, .5, 0}, *out = new_block(3 * N * DIM, sizeof *out);
  FAILS(FM_E_UNSUPPORTED, "two times", fm_sampler_create(ctx, plain, &mean, NULL, &sampler));
  FAILS(FM_E_UNSUPPORTED, "mean is for samplers", fm_solver_create(ctx, 2, &mean, &solver));
  FAILS(FM_E_UNSUPPORTED, "log-densities", fm_sampler_create(ctx, model, &mean, &density, &sampler));
  FAILS(FM_E_UNSUPPORTED, "euler or heun2", fm_sampler_create(ctx, model, &mean, &noisy, &sampler));
  FAILS(FM_E_UNSUPPORTED, "guidance", fm_sampler_create_guided(ctx, model, &mean, NULL, NULL, &sampler));
  fm_path *cosine;
  fm_model *other;
  OK(fm_path_create(ctx, FM_PATH_COSINE, &cosine));
  fm_sampler_options along = {.struct_size = sizeof along, .path = cosine};
  FAILS(FM_E_UNSUPPORTED, "another path", fm_sampler_create(ctx, model, &mean, &along, &sampler));
  along.path = fm_model_path(model);
  OK(fm_sampler_create(ctx, model, &mean, &along, &sampler)); /* which is no other */
  fm_sampler_destroy(sampler);
  FAILS(FM_E_UNSUPPORTED, "two times", fm_model_with_prediction(ctx, model, FM_X1, 0, &other));
  FAILS(FM_E_UNSUPPORTED, "two times", fm_model_with_prediction(ctx, model, FM_VELOCITY, 1, &other));
  fm_path_destroy(cosine);
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
  fill(x), memcpy(again, x, sizeof x);
  FAILS(FM_E_UNSUPPORTED, "from 1 to 0",
        fm_sampler_transport(ctx, sampler, 1, 0, NULL, NULL, N, x, NULL, NULL, NULL));
  FAILS(FM_E_UNSUPPORTED, "from 1 to 0.5",
        fm_sampler_transport_at(ctx, sampler, times, 3, NULL, NULL, N, x, out, NULL, NULL));
  SAME(x, again, N * DIM);
  fm_sampler_destroy(sampler);
  /* The velocity serves for the rest: by default where a log-density or noise is asked for. */
  OK(fm_sampler_create(ctx, model, NULL, &density, &sampler));
  OK(fm_sampler_log_density(ctx, sampler, 0, NULL, NULL, N, x, p, NULL, NULL, NULL));
  fm_sampler_destroy(sampler);
  OK(fm_sampler_create(ctx, model, NULL, &noisy, &sampler));
  OK(fm_sampler_draw_f64(ctx, sampler, 1, 0, NULL, NULL, N, again));
  fm_sampler_destroy(sampler);
  sampler =
      sampler_of(ctx, model, (fm_solver_options){.method = FM_SOLVER_DOPRI5, .rtol = 1e-6, .atol = 1e-6});
  memcpy(again, x, sizeof x);
  OK(fm_sampler_transport(ctx, sampler, 1, 0, NULL, NULL, N, again, NULL, NULL, NULL));
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, again, NULL, NULL, NULL));
  all_near(again, x, N * DIM, 1e-3);
  free(out);
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_model_destroy(plain);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- trained ----------------------------------------------------------------------------------------- */

/* Fresh rows for ever. */
static int32_t pull_normal(void *user, const fm_pull_request *r) {
  for (uint64_t i = 0; i < r->n; i++) {
    uint64_t state = *(const uint64_t *)user + 1000003 * (r->first_row + i);
    r->x1[i] = 2 + .5 * next_normal(&state);
  }
  return 0;
}

/* Eight Gaussians on a circle of radius 2. */
static int32_t pull_eight(void *user, const fm_pull_request *r) {
  for (uint64_t i = 0; i < r->n; i++) {
    uint64_t state = *(const uint64_t *)user + 1000003 * (r->first_row + i);
    const double angle = 3.14159265358979323846 / 4 * (double)(next_word(&state) % 8);
    r->x1[2 * i] = 2 * cos(angle) + .1 * next_normal(&state);
    r->x1[2 * i + 1] = 2 * sin(angle) + .1 * next_normal(&state);
  }
  return 0;
}

static fm_model *train(fm_ctx *ctx, fm_pull_fn pull, size_t dim, uint64_t objective, uint64_t n_steps) {
  const fm_net_options no = {.struct_size = sizeof no,
                             .kind = FM_NET_MLP,
                             .width = 64,
                             .depth = 4,
                             .time_features = 8,
                             .n_times = 1 + objective};
  const fm_optimizer_options oo = {.struct_size = sizeof oo, .learning_rate = 3e-3, .n_steps = n_steps};
  const fm_trainer_options to = {.struct_size = sizeof to, .seed = 3, .objective = objective};
  uint64_t key = 0;
  fm_net *net;
  fm_optimizer *optimizer;
  fm_trainer *trainer;
  fm_data *data;
  fm_model *model;
  OK(fm_net_create(ctx, dim, NULL, 0, 0, &no, &net));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_data_create_pull(ctx, pull, &key, dim, 0, 0, 0, &data));
  OK(fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, optimizer, NULL, &to, &trainer));
  OK(fm_trainer_run(ctx, trainer, data, 0));
  OK(fm_trainer_model(ctx, trainer, &model));
  fm_trainer_destroy(trainer), fm_optimizer_destroy(optimizer), fm_net_destroy(net), fm_data_destroy(data);
  return model;
}

/* How far rows that start on [-2, 2] end from 2 + x0 / 2, in deviations. */
static double map_error(fm_ctx *ctx, const fm_model *model, fm_solver_options o) {
  enum { ROWS = 41 };
  double x[ROWS], squares = 0;
  fm_sampler *sampler = sampler_of(ctx, model, o);
  for (size_t i = 0; i < ROWS; i++) x[i] = -2 + .1 * (double)i;
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, ROWS, x, NULL, NULL, NULL));
  for (size_t i = 0; i < ROWS; i++) squares += pow((x[i] - (2 + .5 * (-2 + .1 * (double)i))) / .5, 2) / ROWS;
  fm_sampler_destroy(sampler);
  return sqrt(squares);
}

START_TEST(one_step_is_the_flow_of_a_gaussian) {
  fm_ctx *ctx = new_ctx(1);
  const bool small = quick() || IS_DOUBLE;
  fm_model *model = train(ctx, pull_normal, 1, FM_OBJECTIVE_MEAN_FLOW, small ? 5 : 4000);
  const double one = map_error(ctx, model, (fm_solver_options){0}),
               two = map_error(ctx, model, (fm_solver_options){.n_steps = 2}),
               rk4 = map_error(ctx, model, (fm_solver_options){.method = FM_SOLVER_RK4, .n_steps = 40}),
               euler = map_error(ctx, model, (fm_solver_options){.method = FM_SOLVER_EULER, .n_steps = 1});
  ck_assert(isfinite(one) && isfinite(two) && isfinite(rk4));
  if (!small) {
    ck_assert_msg(one < .1 && two < .1, "in one step %g, in two %g", one, two);
    ck_assert_msg(rk4 < .05 && euler > .5, "by the velocity %g, in one step of it %g", rk4, euler);
  }
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The squared 2-Wasserstein distance of as many rows drawn and true: exactly, by an assignment. */
static double distance(fm_ctx *ctx, const fm_model *model, fm_solver_options o) {
  enum { ROWS = 800 };
  static float drawn[ROWS * 2];
  static double x[ROWS * 2], y[ROWS * 2];
  uint64_t index[ROWS], key = UINT64_C(1) << 50;
  double squares = 0;
  fm_pull_request r = {.struct_size = sizeof r, .n = ROWS, .dim = 2, .x1 = y};
  const fm_coupling_options co = {.struct_size = sizeof co, .kind = FM_COUPLING_OT};
  fm_coupling *coupling;
  pull_eight(&key, &r);
  if (model != NULL) {
    fm_sampler *sampler = sampler_of(ctx, model, o);
    OK(fm_sampler_draw(ctx, sampler, 7, 0, NULL, NULL, ROWS, drawn));
    fm_sampler_destroy(sampler);
    for (size_t i = 0; i < ROWS * 2; i++) x[i] = drawn[i];
  } else { /* other true rows: what ROWS can tell */
    r.x1 = x, key++;
    pull_eight(&key, &r);
  }
  OK(fm_coupling_create(ctx, ROWS, 2, 0, 0, &co, &coupling));
  OK(fm_coupling_pair_f64(ctx, coupling, x, y, NULL, NULL, ROWS, 1, 0, index, NULL, NULL));
  for (size_t i = 0; i < ROWS * 2; i++) squares += pow(x[2 * index[i / 2] + i % 2] - y[i], 2) / ROWS;
  fm_coupling_destroy(coupling);
  return squares;
}

START_TEST(one_step_draws_eight_gaussians) {
  fm_ctx *ctx = new_ctx(1);
  const bool small = quick() || IS_DOUBLE;
  fm_model *mean = train(ctx, pull_eight, 2, FM_OBJECTIVE_MEAN_FLOW, small ? 5 : 3000),
           *flow = train(ctx, pull_eight, 2, FM_OBJECTIVE_FLOW, small ? 5 : 1500);
  const fm_solver_options euler = {.method = FM_SOLVER_EULER, .n_steps = 1};
  const double one = distance(ctx, mean, (fm_solver_options){0}),
               two = distance(ctx, mean, (fm_solver_options){.n_steps = 2}),
               plain = distance(ctx, flow, euler);
  if (!small) {
    ck_assert_msg(plain > 10 * one && plain > 10 * two, "in one step %g, in two %g; of a plain model %g", one,
                  two, plain);
    ck_assert_msg(one < .4 && two < .4, "in one step %g, in two %g", one, two);
  }
  fm_model_destroy(mean), fm_model_destroy(flow);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Guidance and other paths take the velocity, u(z, t, t), of whichever of two models has two times. */
START_TEST(guidance_takes_the_velocity) {
  fm_ctx *ctx = new_ctx(1);
  fm_model *two = random_model(ctx, 2), *one = random_model(ctx, 1);
  double x[N * DIM], found[N * DIM];
  const fm_solver_options euler = {.struct_size = sizeof euler, .method = FM_SOLVER_EULER, .n_steps = 1};
  for (int way = 0; way < 2; way++) {
    const fm_model *model = way ? one : two, *weaker = way ? two : one;
    const fm_guidance_options g = {.struct_size = sizeof g, .weight = 3, .weaker = weaker};
    fm_sampler *sampler;
    OK(fm_sampler_create_guided(ctx, model, &euler, NULL, &g, &sampler));
    fill(x);
    float in[N * DIM], u[N * DIM], n[N * DIM], *params = new_block(4096, sizeof *params);
    const double times[2 * N] = {0};
    for (size_t i = 0; i < N * DIM; i++) in[i] = (float)x[i];
    OK(fm_model_get_params(ctx, model, NULL, params));
    OK(fm_net_velocity(ctx, fm_model_net(model), params, in, times, NULL, NULL, N, u));
    OK(fm_model_get_params(ctx, weaker, NULL, params));
    OK(fm_net_velocity(ctx, fm_model_net(weaker), params, in, times, NULL, NULL, N, n));
    memcpy(found, x, sizeof x);
    OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, found, NULL, NULL, NULL));
    for (size_t i = 0; i < N * DIM; i++)
      CLOSE(found[i], x[i] + (double)n[i] + 3 * ((double)u[i] - (double)n[i]), 1e-4);
    free(params);
    fm_sampler_destroy(sampler);
  }
  fm_model_destroy(two), fm_model_destroy(one), fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "mean_sample");
  tcase_add_test(tcase, steps_are_those_of_the_network);
  tcase_add_test(tcase, states_at_times_are_steps_to_them);
  tcase_add_test(tcase, bits_do_not_depend_on_splits_and_threads);
  tcase_add_test(tcase, the_deadline_is_met_by_a_step_to_the_end);
  tcase_add_test(tcase, what_the_method_is_not_for);
  tcase_add_test(tcase, guidance_takes_the_velocity);
  tcase_add_test(tcase, one_step_is_the_flow_of_a_gaussian);
  tcase_add_test(tcase, one_step_draws_eight_gaussians);
  return run_suite(suite);
}
