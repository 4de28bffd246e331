/* eval_test.c - metrics of two samples: against known answers, against what is plainly summed, and their floors. */
#include "eval_fixture.h"

/* ---- the Wasserstein distances --------------------------------------------------------------------------- */

/* The reference problem of the couplings: 6.25 in all, 4.5 with distances. */
START_TEST(wasserstein_of_four_rows) {
  static const double x[] = {0, 0, 1, 0, 0, 1, 2, 2}, y[] = {2, 1, 0, .5, 1, 1, 3, 0};
  fm_ctx *ctx = new_ctx(1);
  CLOSE(measure(ctx, FM_METRIC_W2, x, 4, y, 4, 2), 1.25, 1e-15);
  CLOSE(measure(ctx, FM_METRIC_W1, x, 4, y, 4, 2), 1.125, 1e-15);
  CLOSE(measure(ctx, FM_METRIC_W2, x, 4, x, 4, 2), 0, 0);
  fm_ctx_destroy(ctx);
}
END_TEST

/* One column: sorted rows go together. */
START_TEST(wasserstein_of_one_column) {
  enum { N = 700 };
  fm_ctx *ctx = new_ctx(3);
  double *x = normal_rows(N, 1, 0, 1, 1), *y = normal_rows(N, 1, 1, 2, 2), *a = sorted(x, N),
         *b = sorted(y, N);
  double w1 = 0;
  for (size_t i = 0; i < N; i++) w1 += fabs(a[i] - b[i]) / N;
  CLOSE(measure(ctx, FM_METRIC_W2, x, N, y, N, 1), sqrt(distance_squared(a, b, N) / N), 1e-12);
  CLOSE(measure(ctx, FM_METRIC_W1, x, N, y, N, 1), w1, 1e-12);
  free(x), free(y), free(a), free(b);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A shift of all rows is its length exactly: the assignment that keeps order is optimal for both costs. */
START_TEST(wasserstein_of_a_shift) {
  enum { N = 300 };
  fm_ctx *ctx = new_ctx(1);
  double *x = normal_rows(N, 5, 0, 1, 1), *y = new_block(N * 5, sizeof *y);
  for (size_t i = 0; i < N * 5; i++) y[i] = x[i] + 2;
  CLOSE(measure(ctx, FM_METRIC_W2, x, N, y, N, 5), 2 * sqrt(5), 1e-12);
  CLOSE(measure(ctx, FM_METRIC_W1, x, N, y, N, 5), 2 * sqrt(5), 1e-12);
  free(x), free(y);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- floors ------------------------------------------------------------------------------------------------ */

static fm_eval_result with_floor(fm_ctx *ctx, uint32_t metric, const double *x, size_t n, const double *y,
                                 size_t m, size_t dim, const double *spare, size_t n_spare, int64_t draws) {
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.floor_draws = draws;
  OK(fm_eval_compare(ctx, metric, x, n, y, m, dim, spare, n_spare, &o, &r));
  return r;
}

/* Sets of the sizes asked for, disjoint, without a row twice: all distances of the rows differ, so that W1 of a
   draw of two rows tells which ones. */
START_TEST(floors_are_of_disjoint_rows) {
  fm_ctx *ctx = new_ctx(1);
  enum { N = 6 };
  double y[N], x[1] = {0};
  for (size_t i = 0; i < N; i++) y[i] = (double)(1u << (2 * i)); /* differences are unique and not 0 */
  double least = INFINITY;
  for (uint64_t seed = 0; seed < 200; seed++) {
    fm_eval_options o;
    fm_eval_result r;
    fm_eval_options_init(&o);
    fm_eval_result_init(&r);
    o.seed = seed, o.floor_draws = 1;
    OK(fm_eval_compare(ctx, FM_METRIC_W1, x, 1, y, 1, 1, y + 1, N - 1, &o, &r));
    ck_assert(r.floor_n == 1 && r.floor_m == 1 && r.floor_draws == 1 && r.floor_deviation == 0);
    least = fmin(least, r.floor_mean);
    bool is_pair = false;
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < i; j++) is_pair = is_pair || r.floor_mean == y[i] - y[j];
    ck_assert(is_pair);
  }
  ck_assert(least == 3); /* 4 - 1: y and spare rows mix */
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(floor_sizes_and_moments) {
  fm_ctx *ctx = new_ctx(1);
  enum { N = 100 };
  double *x = normal_rows(N, 2, 3, 1, 1), *y = normal_rows(4 * N, 2, 0, 1, 2);
  /* Without spare rows: halves. */
  fm_eval_result r = with_floor(ctx, FM_METRIC_W2, x, N, y, N, 2, NULL, 0, 0);
  ck_assert(r.floor_draws == 8 && r.floor_n == N / 2 && r.floor_m == N / 2);
  const fm_eval_result whole = with_floor(ctx, FM_METRIC_W2, x, N, y, N, 2, y + 2 * N, 3 * N, 20);
  ck_assert(whole.floor_draws == 20 && whole.floor_n == N && whole.floor_m == N);
  CLOSE(whole.value, r.value, 0);
  ck_assert(whole.floor_mean < r.floor_mean); /* more rows, less noise */
  ck_assert(whole.floor_deviation > 0 && whole.floor_deviation < .3 * whole.floor_mean);
  ck_assert(whole.value > whole.floor_mean + 10 * whole.floor_deviation);
  /* Mean and deviation of the draws: those of one, two and three are told apart by their means. */
  double value[3], mean = 0, m2 = 0;
  for (int64_t k = 1; k <= 3; k++) {
    const double now = with_floor(ctx, FM_METRIC_W2, x, N, y, N, 2, NULL, 0, k).floor_mean * (double)k;
    value[k - 1] = now - mean;
    mean = now;
  }
  mean /= 3;
  for (size_t k = 0; k < 3; k++) m2 += (value[k] - mean) * (value[k] - mean);
  r = with_floor(ctx, FM_METRIC_W2, x, N, y, N, 2, NULL, 0, 3);
  CLOSE(r.floor_deviation, sqrt(m2 / 2), 1e-12);
  /* Too few rows for two sets. */
  r = with_floor(ctx, FM_METRIC_W2, x, 1, y, 1, 2, NULL, 0, 0);
  ck_assert(r.floor_draws == 0 && r.floor_n == 0 && r.floor_m == 0);
  free(x), free(y);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- promises ---------------------------------------------------------------------------------------------- */

static const uint32_t metrics[] = {FM_METRIC_W1, FM_METRIC_W2};

/* The same bits for any threads, twice, and stopping. */
START_TEST(threads_do_not_matter) {
  enum { N = 150 };
  double *x = normal_rows(N, 3, .2, 1, 1), *y = normal_rows(N, 3, 0, 1, 2);
  for (size_t k = 0; k < FMI_COUNT(metrics); k++) {
    fm_eval_result r[3];
    for (uint32_t i = 0; i < 3; i++) {
      fm_ctx *ctx = new_ctx(i == 2 ? 0 : 1 + 2 * i);
      r[i] = with_floor(ctx, metrics[k], x, N, y, N, 3, NULL, 0, 2);
      fm_ctx_destroy(ctx);
    }
    ck_assert_msg(memcmp(&r[0], &r[1], sizeof r[0]) == 0, "metric %u", (unsigned)metrics[k]);
    ck_assert_msg(memcmp(&r[0], &r[2], sizeof r[0]) == 0, "metric %u", (unsigned)metrics[k]);
  }
  free(x), free(y);
}
END_TEST

START_TEST(a_comparison_can_be_stopped) {
  enum { N = 150 };
  fm_ctx *ctx = new_ctx(1);
  double *x = normal_rows(N, 3, .2, 1, 1), *y = normal_rows(N, 3, 0, 1, 2);
  for (size_t k = 0; k < FMI_COUNT(metrics); k++) {
    fm_eval_result r;
    fm_eval_result_init(&r);
    fm_ctx_stop(ctx);
    FAILS(FM_STOPPED, "stopped", fm_eval_compare(ctx, metrics[k], x, N, y, N, 3, NULL, 0, NULL, &r));
    ck_assert(r.value == 0);
  }
  free(x), free(y);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {wasserstein_of_four_rows,   wasserstein_of_one_column,
                                wasserstein_of_a_shift,     floors_are_of_disjoint_rows,
                                floor_sizes_and_moments,    threads_do_not_matter,
                                a_comparison_can_be_stopped};
  return run_tests("eval", tests, FMI_COUNT(tests));
}
