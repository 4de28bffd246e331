/* eval_flow_test.c - straightness and path energies against closed forms of Gaussian flows. */
#include "eval_fixture.h"

enum { N = 600 };
#define PI 3.14159265358979323846

static fm_eval_flow_result run(fm_ctx *ctx, fm_sampler *sampler, size_t n, const double *x1, uint64_t units,
                               double *energy) {
  fm_eval_flow_options o;
  fm_eval_flow_result r;
  fm_eval_flow_options_init(&o);
  fm_eval_flow_result_init(&r);
  o.data_units = units;
  OK(fm_eval_flow(ctx, sampler, 7, 11, NULL, NULL, n, x1, &o, energy, &r));
  return r;
}

/* On the flow x_t = t m + sqrt(V) x0, every row's energy is m^2 + 2 m (s - 1) x0 + I x0^2 in each column, I =
   s (2 - pi / 2) + (s - 1)^2, and its straightness s (2 - pi / 2) x0^2. */
START_TEST(every_row_of_a_gaussian_flow) {
  fm_ctx *ctx = new_ctx(1);
  gaussian_flow flow = {2, .5, false};
  const double m = flow.mean, s = flow.deviation, curved = s * (2 - PI / 2),
               i_squared = curved + (s - 1) * (s - 1);
  fm_sampler *sampler = new_flow(ctx, &flow, 2, NULL, FM_SOLVER_RK4, 200);
  double *x = new_block(N * 2, sizeof *x), *energy = new_block(N, sizeof *energy);
  OK(fm_sampler_draw_f64(ctx, sampler, 7, 11, NULL, NULL, N, x));
  const fm_eval_flow_result r = run(ctx, sampler, N, NULL, 0, energy);
  double mean = 0, straightness = 0, displacement = 0;
  for (size_t i = 0; i < N; i++) {
    double want = 0;
    for (size_t k = 0; k < 2; k++) {
      const double x0 = (x[2 * i + k] - m) / s;
      want += m * m + 2 * m * (s - 1) * x0 + i_squared * x0 * x0;
      straightness += curved * x0 * x0 / N;
      displacement += (m + (s - 1) * x0) * (m + (s - 1) * x0) / N;
    }
    CLOSE(energy[i], want, 2e-4 * want);
    mean += energy[i] / N;
  }
  CLOSE(r.path_energy, mean, 1e-12 * mean);
  CLOSE(r.straightness, straightness, 1e-4 * straightness);
  CLOSE(r.displacement, displacement, 1e-5 * displacement);
  CLOSE(r.path_energy - r.displacement, r.straightness, 1e-12);
  /* Over the source: two columns of mean s (2 - pi / 2), whose noise is that of 2 N squares of normals. */
  CLOSE(r.straightness, 2 * curved, 5 * 2 * curved * sqrt(2.0 / (2 * N)));
  ck_assert(r.w2_squared == 0 && r.npe == 0 && r.nfe == 4 * 200 * N);
  fm_sampler_destroy(sampler);
  free(x), free(energy);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Euler's path energy is the rectangle rule on the velocity, summed here beside it, whose error is of order 1. */
START_TEST(the_rectangle_rule_on_eulers_steps) {
  fm_ctx *ctx = new_ctx(1);
  gaussian_flow flow = {2, .5, false};
  const double s = flow.deviation;
  double off[2];
  for (size_t fine = 0; fine < 2; fine++) {
    const uint32_t n_steps = fine ? 80 : 40;
    fm_sampler *sampler = new_flow(ctx, &flow, 1, NULL, FM_SOLVER_EULER, n_steps);
    double x, energy, sum = 0, squares = 0;
    OK(fm_sampler_draw_f64(ctx, sampler, 7, 11, NULL, NULL, 1, &x));
    const fm_eval_flow_result r = run(ctx, sampler, 1, NULL, 0, &energy);
    double factor = 1; /* of x_0 in x_t - t m */
    for (uint32_t k = 0; k < n_steps; k++) {
      const double t = k / (double)n_steps;
      const double slope = (t * s * s - (1 - t)) / (t * t * s * s + (1 - t) * (1 - t));
      sum += factor * slope / n_steps;
      squares += factor * slope * factor * slope / n_steps;
      factor += factor * slope / n_steps;
    }
    const double x0 = (x - flow.mean) / factor;
    CLOSE(energy, flow.mean * flow.mean + 2 * flow.mean * sum * x0 + squares * x0 * x0, 2e-5 * energy);
    CLOSE(r.straightness, (squares - sum * sum) * x0 * x0, 1e-5 * energy);
    off[fine] = (squares - sum * sum) - s * (2 - PI / 2);
    fm_sampler_destroy(sampler);
  }
  CLOSE(off[0] / off[1], 2, .2);
  fm_ctx_destroy(ctx);
}
END_TEST

/* In one column the best pairs are the sorted ones. */
START_TEST(npe_of_one_column) {
  fm_ctx *ctx = new_ctx(1);
  gaussian_flow flow = {2, .5, false};
  fm_sampler *sampler = new_flow(ctx, &flow, 1, NULL, FM_SOLVER_RK4, 100);
  double *x1 = normal_rows(N, 1, 2, .5, 3), *x0 = new_block(N, sizeof *x0);
  OK(fm_sampler_draw_f64(ctx, sampler, 7, 11, NULL, NULL, N, x0));
  for (size_t i = 0; i < N; i++) x0[i] = (x0[i] - flow.mean) / flow.deviation;
  double *a = sorted(x0, N), *b = sorted(x1, N);
  const double w2_squared = distance_squared(a, b, N) / N;
  const fm_eval_flow_result r = run(ctx, sampler, N, x1, 0, NULL);
  CLOSE(r.w2_squared, w2_squared, 1e-5 * w2_squared);
  CLOSE(r.npe, fabs(r.path_energy - w2_squared) / w2_squared, 1e-5);
  /* To the flow's own ends in another order: what is too long is the straightness. */
  for (size_t i = 0; i < N; i++) x1[i] = flow.mean + flow.deviation * x0[N - 1 - i];
  const fm_eval_flow_result own = run(ctx, sampler, N, x1, 0, NULL);
  CLOSE(own.w2_squared, own.displacement, 1e-5 * own.displacement);
  CLOSE(own.npe, own.straightness / own.displacement, 1e-5);
  CLOSE(own.npe, .2146018366025517 / 4.25,
        .02); /* the limit of many rows, s (2 - pi / 2) / (m^2 + (s - 1)^2) */
  free(a), free(b), free(x0), free(x1);
  fm_sampler_destroy(sampler);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Straight paths: one Euler step, no curvature, and the pairs themselves are the optimal transport. */
START_TEST(after_reflow) {
  fm_ctx *ctx = new_ctx(1);
  gaussian_flow flow = {2, .5, true};
  for (uint32_t n_steps = 1; n_steps <= 30; n_steps += 29) {
    fm_sampler *sampler = new_flow(ctx, &flow, 3, NULL, FM_SOLVER_EULER, n_steps);
    double *x1 = new_block(3 * N, sizeof *x1);
    OK(fm_sampler_draw_f64(ctx, sampler, 7, 11, NULL, NULL, N, x1));
    const fm_eval_flow_result r = run(ctx, sampler, N, x1, 0, NULL);
    CLOSE(r.straightness, 0, 1e-10);
    CLOSE(r.npe, 0, 1e-5);
    CLOSE(r.path_energy, 3 * 4.25, .5);
    free(x1);
    fm_sampler_destroy(sampler);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* In the data's units column j weighs as the square of its scale; a column of scale 0 doesn't count. */
START_TEST(units) {
  fm_ctx *ctx = new_ctx(1);
  gaussian_flow flow = {2, .5, false};
  const double shift[] = {5, -1, 3}, same[] = {10, 10, 10}, last[] = {10, 10, 0};
  fm_normaliser *tens = NULL, *two = NULL;
  OK(fm_normaliser_create(ctx, shift, same, 3, &tens));
  OK(fm_normaliser_create(ctx, shift, last, 3, &two));
  double *x1 = normal_rows(N, 3, 2, 5, 3);
  fm_sampler *plain = new_flow(ctx, &flow, 3, tens, FM_SOLVER_EULER, 20);
  fm_sampler *narrow = new_flow(ctx, &flow, 3, two, FM_SOLVER_EULER, 20);
  const fm_eval_flow_result r = run(ctx, plain, N, x1, 0, NULL), d = run(ctx, plain, N, x1, 1, NULL);
  CLOSE(d.path_energy, 100 * r.path_energy, 1e-9 * d.path_energy);
  CLOSE(d.straightness, 100 * r.straightness, 1e-9 * d.path_energy);
  CLOSE(d.w2_squared, 100 * r.w2_squared, 1e-9 * d.path_energy);
  CLOSE(d.npe, r.npe, 1e-9);
  /* Rows of data are normalised as the flow is. */
  fm_sampler *bare = new_flow(ctx, &flow, 3, NULL, FM_SOLVER_EULER, 20);
  for (size_t i = 0; i < 3 * N; i++) x1[i] = (x1[i] - shift[i % 3]) / 10;
  const fm_eval_flow_result own = run(ctx, bare, N, x1, 0, NULL);
  CLOSE(own.path_energy, r.path_energy, 1e-9 * r.path_energy);
  CLOSE(own.w2_squared, r.w2_squared, 1e-9 * r.w2_squared);
  fm_sampler_destroy(bare);
  const fm_eval_flow_result n = run(ctx, narrow, N, NULL, 0, NULL);
  CLOSE(n.path_energy, r.path_energy * 2 / 3, .3);
  ck_assert(n.path_energy < .9 * r.path_energy);
  CLOSE(run(ctx, narrow, N, NULL, 1, NULL).path_energy, 100 * n.path_energy, 1e-9 * d.path_energy);
  fm_sampler_destroy(plain), fm_sampler_destroy(narrow);
  fm_normaliser_destroy(tens), fm_normaliser_destroy(two);
  free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Bits don't depend on threads, nor a row's energy on the others; adaptive steps agree with many fixed ones. */
START_TEST(threads_and_steps) {
  gaussian_flow flow = {2, .5, false};
  double *x1 = normal_rows(N, 2, 2, .5, 3), *energy = new_block(3 * N, sizeof *energy);
  fm_eval_flow_result r[3];
  memset(r, 0, sizeof r);
  for (uint32_t i = 0; i < 3; i++) {
    fm_ctx *ctx = new_ctx(i == 2 ? 0 : 1 + 2 * i);
    fm_sampler *sampler = new_flow(ctx, &flow, 2, NULL, FM_SOLVER_EULER, 20);
    r[i] = run(ctx, sampler, N, x1, 0, energy + i * N);
    double alone[7];
    (void)run(ctx, sampler, 7, NULL, 0, alone);
    SAME(alone, energy + i * N, 7);
    fm_sampler_destroy(sampler);
    fm_ctx_destroy(ctx);
  }
  SAME(energy, energy + N, N);
  SAME(energy, energy + 2 * N, N);
  ck_assert(memcmp(&r[0], &r[1], sizeof r[0]) == 0 && memcmp(&r[0], &r[2], sizeof r[0]) == 0);
  fm_ctx *ctx = new_ctx(1);
  fm_sampler *many = new_flow(ctx, &flow, 2, NULL, FM_SOLVER_RK4, 200), *adaptive = NULL;
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.max_step = .01;
  OK(fm_sampler_create(ctx, many->model, &o, NULL, &adaptive));
  const double a = run(ctx, many, N, NULL, 0, NULL).straightness,
               b = run(ctx, adaptive, N, NULL, 0, NULL).straightness;
  CLOSE(b, a, 1e-3 * a);
  fm_sampler_destroy(many), fm_sampler_destroy(adaptive);
  free(x1), free(energy);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(what_is_refused) {
  fm_ctx *ctx = new_ctx(1);
  gaussian_flow flow = {2, .5, false}, nowhere = {0, 1, true};
  fm_sampler *sampler = new_flow(ctx, &flow, 2, NULL, FM_SOLVER_EULER, 5), *noisy = NULL;
  fm_sampler_options o;
  fm_sampler_options_init(&o);
  o.diffusion = FM_DIFFUSION_SIGMA;
  OK(fm_sampler_create(ctx, sampler->model, NULL, &o, &noisy));
  fm_eval_flow_result r;
  fm_eval_flow_result_init(&r);
  FAILS(FM_E_UNSUPPORTED, "diffusion", fm_eval_flow(ctx, noisy, 0, 0, NULL, NULL, 4, NULL, NULL, NULL, &r));
  fm_sampler *still = new_flow(ctx, &nowhere, 2, NULL, FM_SOLVER_EULER, 5);
  double x1[8];
  OK(fm_sampler_draw_f64(ctx, still, 0, 0, NULL, NULL, 4, x1));
  FAILS(FM_E_DOMAIN, "x1:", fm_eval_flow(ctx, still, 0, 0, NULL, NULL, 4, x1, NULL, NULL, &r));
  fm_ctx_stop(ctx);
  FAILS(FM_STOPPED, "", fm_eval_flow(ctx, sampler, 0, 0, NULL, NULL, 4, NULL, NULL, NULL, &r));
  ck_assert(r.path_energy == 0 && r.nfe == 0);
  fm_sampler_destroy(sampler), fm_sampler_destroy(noisy), fm_sampler_destroy(still);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_row_of_a_gaussian_flow,
                                the_rectangle_rule_on_eulers_steps,
                                npe_of_one_column,
                                after_reflow,
                                units,
                                threads_and_steps,
                                what_is_refused};
  if (IS_DOUBLE) return skipped("eval_flow", "a net of callbacks takes float");
  return run_tests("eval_flow", tests, FMI_COUNT(tests));
}
