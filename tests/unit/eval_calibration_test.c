/* eval_calibration_test.c - ranks of exact and of wrong posteriors, and the chances that go with them. */
#include "eval_fixture.h"

#include "eval/eval.h"

/* ---- chances --------------------------------------------------------------------------------------------- */

/* Of tables of chi squared and of Kolmogorov's distribution; and for two degrees e^(-x / 2), for one erfc. */
START_TEST(chances) {
  CLOSE(fmi_chi_squared_p(3.841458820694124, 1), .05, 1e-14);
  CLOSE(fmi_chi_squared_p(18.307038053275146, 10), .05, 1e-14);
  CLOSE(fmi_chi_squared_p(30.14352720564616, 19), .05, 1e-14);
  CLOSE(fmi_chi_squared_p(36.19086912927004, 19), .01, 1e-14);
  CLOSE(fmi_chi_squared_p(134.6416, 99), .01, 1e-6);
  CLOSE(fmi_chi_squared_p(7, 2), exp(-3.5), 1e-15);
  CLOSE(fmi_chi_squared_p(7, 4), exp(-3.5) * 4.5, 1e-15);
  CLOSE(fmi_chi_squared_p(0, 5), 1, 0);
  CLOSE(fmi_chi_squared_p(1e5, 19), 0, 0);
  CLOSE(fmi_chi_squared_p(2000, 1999), .49, .01); /* e^-1000 is not 0 here */
  /* The limit: 1.3580986 and 1.6276236 have chances .05 and .01; both series agree where they meet. */
  const size_t many = 100000000;
  const double root = 1e4 + .12 + .11e-4;
  CLOSE(fmi_kolmogorov_p(1.3580986393225505 / root, many), .05, 1e-9);
  CLOSE(fmi_kolmogorov_p(1.6276236115189503 / root, many), .01, 1e-9);
  CLOSE(fmi_kolmogorov_p(.8275735551899077 / root, many), .5, 1e-9);
  CLOSE(fmi_kolmogorov_p(.9999999999 / root, many), fmi_kolmogorov_p(1.0000000001 / root, many), 1e-9);
  CLOSE(fmi_kolmogorov_p(.4091, 10), .05, .003); /* its table for n = 10: 0.40925 */
  CLOSE(fmi_kolmogorov_p(0, 10), 1, 0);
}
END_TEST

/* ---- posteriors ------------------------------------------------------------------------------------------ */

/* theta ~ N(0, 1), data theta + N(0, 1): the posterior is N(data / 2, 1 / 2). Column 1 takes it too wide by
   `wide`, column 2 off by `shift` of its deviations. */
typedef struct posterior {
  size_t n, n_draws;
  double *truth, *draws;
} posterior;

static posterior simulate(size_t n, size_t n_draws, double wide, double shift, uint64_t seed) {
  posterior p = {n, n_draws, new_block(3 * n, sizeof(double)), new_block(3 * n * n_draws, sizeof(double))};
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 3; k++) {
      const double theta = next_normal(&seed), data = theta + next_normal(&seed);
      p.truth[3 * i + k] = theta;
      for (size_t l = 0; l < n_draws; l++)
        p.draws[(i * n_draws + l) * 3 + k] =
            data / 2 + sqrt(.5) * ((k == 1 ? wide : 1) * next_normal(&seed) + (k == 2 ? shift : 0));
    }
  return p;
}
static void free_posterior(posterior p) { free(p.truth), free(p.draws); }

START_TEST(exact_and_wrong_posteriors) {
  enum { N = 1000, L = 99 };
  fm_ctx *ctx = new_ctx(1);
  fm_eval_uniformity c[3];
  uint64_t *ranks = new_block(3 * N, sizeof *ranks);
  posterior right = simulate(N, L, 1, 0, 1), wrong = simulate(N, L, 1.5, .3, 2);
  OK(fm_eval_calibration(ctx, right.truth, right.draws, N, L, 3, NULL, ranks, c));
  for (size_t k = 0; k < 3; k++) {
    ck_assert_msg(c[k].chi_squared_p > .01 && c[k].chi_squared_p < 1, "column %zu: %g", k,
                  c[k].chi_squared_p);
    ck_assert_msg(c[k].ks_p > .01 && c[k].ks_p < 1, "column %zu: %g", k, c[k].ks_p);
  }
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < 3; k++) {
      uint64_t below = 0;
      for (size_t l = 0; l < L; l++) below += right.draws[(i * L + l) * 3 + k] < right.truth[3 * i + k];
      HOLDS(ranks[3 * i + k] == below, "row %zu, column %zu", i, k);
    }
  OK(fm_eval_calibration(ctx, wrong.truth, wrong.draws, N, L, 3, NULL, NULL, c));
  ck_assert(c[0].chi_squared_p > .01 && c[0].ks_p > .01);
  ck_assert(c[1].chi_squared_p < 1e-6 && c[1].ks_p < 1e-3);
  ck_assert(c[2].chi_squared_p < 1e-6 && c[2].ks_p < 1e-6);
  free(ranks);
  free_posterior(right), free_posterior(wrong);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Of an exact posterior the chances are uniform themselves: their means over trials, and how often they are small.
   Bins that don't divide the ranks evenly are weighed for it. */
START_TEST(chances_are_uniform) {
  fm_ctx *ctx = new_ctx(1);
  const size_t trials = quick() ? 10 : 150;
  double mean[2] = {0}, small[2] = {0};
  for (size_t t = 0; t < trials; t++) {
    posterior p = simulate(200, 9, 1, 0, 100 + t);
    fm_eval_calibration_options o;
    fm_eval_calibration_options_init(&o);
    o.n_bins = 3 + t % 5; /* of 10 ranks */
    fm_eval_uniformity c[3];
    OK(fm_eval_calibration(ctx, p.truth, p.draws, 200, 9, 3, &o, NULL, c));
    for (size_t k = 0; k < 3; k++) {
      const double chance[] = {c[k].chi_squared_p, c[k].ks_p};
      for (size_t i = 0; i < 2; i++) mean[i] += chance[i], small[i] += chance[i] < .1;
    }
    free_posterior(p);
  }
  const double n = 3 * (double)trials;
  for (size_t i = 0; i < 2; i++) {
    CLOSE(mean[i] / n, .5, 4 * sqrt(1 / (12 * n)) + .01);
    CLOSE(small[i] / n, .1, 4 * sqrt(.09 / n) + .01);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* Statistics of known ranks: 12 rows, ranks 0 .. 3 with counts 6, 3, 3, 0. */
START_TEST(statistics_by_hand) {
  enum { N = 12, L = 3 };
  fm_ctx *ctx = new_ctx(1);
  static const uint64_t want[N] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2};
  double truth[N], draws[N * L];
  uint64_t ranks[N];
  for (size_t i = 0; i < N; i++) {
    truth[i] = (double)want[i] - .5;
    for (size_t l = 0; l < L; l++) draws[i * L + l] = (double)l;
  }
  fm_eval_calibration_options o;
  fm_eval_calibration_options_init(&o);
  fm_eval_uniformity c;
  o.n_bins = 4;
  OK(fm_eval_calibration(ctx, truth, draws, N, L, 1, &o, ranks, &c));
  SAME(ranks, want, N);
  CLOSE(c.chi_squared, (9. + 0 + 0 + 9.) / 3, 1e-14);
  CLOSE(c.chi_squared_p, fmi_chi_squared_p(6, 3), 0);
  ck_assert(c.ks >= .25 - 1e-15 && c.ks < .5); /* at u = 1/4 half of them are below, at 3/4 all */
  o.n_bins = 3;                                /* ranks 0 and 1, 2, 3: expected 6, 3, 3 */
  OK(fm_eval_calibration(ctx, truth, draws, N, L, 1, &o, ranks, &c));
  CLOSE(c.chi_squared, 9. / 6 + 0 + 9. / 3, 1e-14);
  o.n_bins = 0; /* 12 / 5 = 2: ranks 0 and 1, 2 and 3 */
  OK(fm_eval_calibration(ctx, truth, draws, N, L, 1, &o, ranks, &c));
  CLOSE(c.chi_squared, 2 * 9. / 6, 1e-14);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Draws equal to the truth: its rank is uniform among theirs. */
START_TEST(ties) {
  enum { N = 2000, L = 4 };
  fm_ctx *ctx = new_ctx(1);
  double *truth = new_block(N, sizeof *truth), *draws = new_block(N * L, sizeof *draws);
  uint64_t *ranks = new_block(N, sizeof *ranks), *others = new_block(N, sizeof *others), counts[L + 1] = {0};
  fm_eval_calibration_options o;
  fm_eval_calibration_options_init(&o);
  fm_eval_uniformity c;
  OK(fm_eval_calibration(ctx, truth, draws, N, L, 1, &o, ranks, &c));
  for (size_t i = 0; i < N; i++) counts[ranks[i]]++;
  for (size_t r = 0; r <= L; r++) CLOSE((double)counts[r], N / 5., 5 * sqrt(N * .16));
  ck_assert(c.chi_squared_p > 1e-4 && c.ks_p > 1e-4);
  o.seed = 1;
  OK(fm_eval_calibration(ctx, truth, draws, N, L, 1, &o, others, &c));
  ck_assert(memcmp(ranks, others, N * sizeof *ranks) != 0);
  free(truth), free(draws), free(ranks), free(others);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(calibration_can_be_stopped) {
  fm_ctx *ctx = new_ctx(1);
  double truth[10] = {0}, draws[10] = {0};
  fm_eval_uniformity c = {.ks = 7};
  fm_ctx_stop(ctx);
  FAILS(FM_STOPPED, "stopped", fm_eval_calibration(ctx, truth, draws, 10, 1, 1, NULL, NULL, &c));
  ck_assert(c.ks == 7);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {chances, exact_and_wrong_posteriors, chances_are_uniform, statistics_by_hand,
                                ties,    calibration_can_be_stopped};
  return run_tests("eval_calibration", tests, FMI_COUNT(tests));
}
