/* eval_test.c - metrics of two samples: against known answers, against what is plainly summed, and their floors. */
#include "eval_fixture.h"

#define PI 3.14159265358979323846

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
  enum { N = 300 };
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

/* ---- closed forms ------------------------------------------------------------------------------------------ */

/* E|N(m, v)| (Leone, Nelson & Nottingham, Technometrics 3, 1961). */
static double mean_absolute(double m, double v) {
  return sqrt(2 * v / PI) * exp(-m * m / (2 * v)) + m * erf(m / sqrt(2 * v));
}

/* Between N(0, 1) and N(m, s^2): by how much the mean over trials is off in its own standard errors. */
static size_t trials(void) { return quick() ? 8 : 24; }
typedef struct moments {
  double mean, error;
} moments;
static moments over_trials(fm_ctx *ctx, uint32_t metric, size_t n, size_t n_y, size_t dim, double m,
                           double s) {
  double sum = 0, squares = 0;
  for (uint64_t trial = 0; trial < trials(); trial++) {
    double *x = normal_rows(n, dim, 0, 1, 2 * trial + 1), *y = normal_rows(n_y, dim, m, s, 7000 + trial);
    const double value = measure(ctx, metric, x, n, y, n_y, dim);
    sum += value, squares += value * value;
    free(x), free(y);
  }
  const double n_trials = (double)trials(), mean = sum / n_trials;
  return (moments){mean, sqrt((squares / n_trials - mean * mean) / (n_trials - 1))};
}

START_TEST(energy_of_gaussians) {
  fm_ctx *ctx = new_ctx(1);
  const double m = .7, s = 1.5;
  const double want = 2 * mean_absolute(m, 1 + s * s) - mean_absolute(0, 2) - mean_absolute(0, 2 * s * s);
  const moments far = over_trials(ctx, FM_METRIC_ENERGY, 300, 200, 1, m, s);
  CLOSE(far.mean, want, 4 * far.error);
  ck_assert(quick() || far.error < want / 8);
  /* Unbiased: 0 for equal distributions, also of few rows in many columns. */
  const moments same = over_trials(ctx, FM_METRIC_ENERGY, 10, 15, 5, 0, 1);
  CLOSE(same.mean, 0, 4 * same.error);
  fm_ctx_destroy(ctx);
}
END_TEST

/* E exp(-(u / h)^2 / 2), u ~ N(m, v) in every column: (h^2 / (h^2 + v))^(1/2) exp(-m^2 / (2 (h^2 + v))). */
static double mean_kernel(double h, double m, double v, size_t dim) {
  return pow(sqrt(h * h / (h * h + v)) * exp(-m * m / (2 * (h * h + v))), (double)dim);
}

START_TEST(mmd_of_gaussians) {
  fm_ctx *ctx = new_ctx(1);
  const double m = .5, s = 1.5;
  enum { N = 300, M = 200, D = 2 };
  double sum = 0, squares = 0, want = 0;
  for (uint64_t trial = 0; trial < trials(); trial++) {
    double *x = normal_rows(N, D, 0, 1, 2 * trial + 1), *y = normal_rows(M, D, m, s, 7000 + trial);
    fm_eval_options o;
    fm_eval_result r;
    fm_eval_options_init(&o);
    fm_eval_result_init(&r);
    o.floor_draws = -1;
    o.bandwidth = trial % 2 ? 1.25 : 0; /* and the median */
    OK(fm_eval_compare(ctx, FM_METRIC_MMD2, x, N, y, M, D, NULL, 0, &o, &r));
    const double h = r.bandwidth;
    if (trial % 2) ck_assert(h == 1.25);
    const double exact =
        mean_kernel(h, 0, 2, D) + mean_kernel(h, 0, 2 * s * s, D) - 2 * mean_kernel(h, m, 1 + s * s, D);
    sum += r.value - exact, squares += (r.value - exact) * (r.value - exact),
        want += exact / (double)trials();
    free(x), free(y);
  }
  const double error = sqrt(squares) / (double)trials();
  CLOSE(sum / (double)trials(), 0, 4 * error);
  ck_assert(quick() || error < want / 10);
  const moments same = over_trials(ctx, FM_METRIC_MMD2, 10, 15, 5, 0, 1);
  CLOSE(same.mean, 0, 4 * same.error);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The median of distances of few rows, all of which are looked at: of 6 pairs the mean of the two in the middle. */
START_TEST(median_bandwidth) {
  fm_ctx *ctx = new_ctx(1);
  const double x[] = {0, 1}, y[] = {3, 7}; /* 1 3 7 2 6 4 */
  fm_eval_result r;
  fm_eval_result_init(&r);
  OK(fm_eval_compare(ctx, FM_METRIC_MMD2, x, 2, y, 2, 1, NULL, 0, NULL, &r));
  CLOSE(r.bandwidth, 3.5, 1e-15);
  const double same[] = {2, 2};
  FAILS(FM_E_DOMAIN, "bandwidth",
        fm_eval_compare(ctx, FM_METRIC_MMD2, same, 2, same, 2, 1, NULL, 0, NULL, &r));
  fm_ctx_destroy(ctx);
}
END_TEST

/* A shift by d is |d . theta| in direction theta: E (d . theta)^2 = ||d||^2 / dim. In one column there is one
   direction, and it is exact. */
START_TEST(sliced_w2) {
  enum { N = 200, D = 3 };
  fm_ctx *ctx = new_ctx(1);
  double *x = normal_rows(N, D, 0, 1, 1), *y = new_block(N * D, sizeof *y);
  for (size_t i = 0; i < N * D; i++) y[i] = x[i] + (i % D == 0) * 3.0;
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.floor_draws = -1, o.n_directions = quick() ? 400 : 4000;
  OK(fm_eval_compare(ctx, FM_METRIC_SLICED_W2, x, N, y, N, D, NULL, 0, &o, &r));
  /* cos^2 has mean 1/3 and variance 4/45 on the sphere. */
  CLOSE(r.value * r.value, 9.0 / D, 5 * 9 * sqrt(4.0 / 45 / (double)o.n_directions));
  CLOSE(measure(ctx, FM_METRIC_SLICED_W2, x, N * D, y, N * D, 1),
        measure(ctx, FM_METRIC_W2, x, N * D, y, N * D, 1), 1e-12);
  /* Each row of x three times, each of y twice: the same distributions, with n and m unlike. */
  double twice[2 * N], thrice[3 * N];
  for (size_t i = 0; i < N; i++) {
    for (size_t k = 0; k < 2; k++) twice[2 * i + k] = y[i];
    for (size_t k = 0; k < 3; k++) thrice[3 * i + k] = x[i];
  }
  const double want = measure(ctx, FM_METRIC_W2, x, N, y, N, 1);
  CLOSE(measure(ctx, FM_METRIC_SLICED_W2, thrice, 3 * N, twice, 2 * N, 1), want, 1e-12);
  CLOSE(measure(ctx, FM_METRIC_SLICED_W2, x, N, twice, 2 * N, 1), want, 1e-12);
  /* Unlike counts by hand: {0, 3} against {0, 1, 5}, masses 1/3, 1/6 | 1/6, 1/3. */
  const double two[] = {3, 0}, three[] = {5, 0, 1};
  CLOSE(measure(ctx, FM_METRIC_SLICED_W2, two, 2, three, 3, 1), sqrt(1.0 / 6 + 4.0 / 6 + 4.0 / 3), 1e-14);
  free(x), free(y);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- against plain sums ------------------------------------------------------------------------------------ */

/* The square of the distance to the k-th nearest other row. */
static double radius_of(const double *x, size_t n, size_t dim, size_t i, size_t k) {
  double *all = new_block(n, sizeof *all);
  size_t count = 0;
  for (size_t j = 0; j < n; j++)
    if (j != i) all[count++] = distance_squared(x + i * dim, x + j * dim, dim);
  double *rising = sorted(all, count), radius = rising[k - 1];
  free(all), free(rising);
  return radius;
}

typedef struct plain {
  double energy, precision, recall, density, coverage;
} plain;

static plain sum_plainly(const double *x, size_t n, const double *y, size_t m, size_t dim, size_t k) {
  plain p = {0};
  double *of_x = new_block(n, sizeof *of_x), *of_y = new_block(m, sizeof *of_y);
  bool *in_y = new_block(n, sizeof *in_y), *in_x = new_block(m, sizeof *in_x),
       *holds = new_block(m, sizeof *holds);
  for (size_t i = 0; i < n; i++) of_x[i] = radius_of(x, n, dim, i, k);
  for (size_t j = 0; j < m; j++) of_y[j] = radius_of(y, m, dim, j, k);
  double between = 0, in[2] = {0};
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++) {
      const double d = distance_squared(x + i * dim, y + j * dim, dim);
      between += sqrt(d) / (double)(n * m);
      if (d <= of_y[j]) in_y[i] = holds[j] = true, p.density += 1 / (double)(k * n);
      if (d <= of_x[i]) in_x[j] = true;
    }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) in[0] += sqrt(distance_squared(x + i * dim, x + j * dim, dim));
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) in[1] += sqrt(distance_squared(y + i * dim, y + j * dim, dim));
  p.energy = 2 * between - in[0] / (double)(n * (n - 1)) - in[1] / (double)(m * (m - 1));
  for (size_t i = 0; i < n; i++) p.precision += in_y[i] / (double)n;
  for (size_t j = 0; j < m; j++) p.recall += in_x[j] / (double)m, p.coverage += holds[j] / (double)m;
  free(of_x), free(of_y), free(in_y), free(in_x), free(holds);
  return p;
}

/* Sizes on both sides of a tile's rows and columns. */
START_TEST(tiles_against_plain_sums) {
  static const size_t sizes[][2] = {{4, 4}, {31, 40}, {33, 256}, {257, 32}, {40, 515}};
  fm_ctx *ctx = new_ctx(3);
  for (size_t s = 0; s < FMI_COUNT(sizes); s++) {
    const size_t n = sizes[s][0], m = sizes[s][1];
    double *x = normal_rows(n, 3, .8, 1.2, s + 1), *y = normal_rows(m, 3, 0, 1, s + 100);
    fm_eval_options o;
    fm_eval_options_init(&o);
    o.floor_draws = -1, o.n_neighbours = 3;
    const plain p = sum_plainly(x, n, y, m, 3, 3);
    const struct {
      uint32_t metric;
      double want;
    } each[] = {{FM_METRIC_ENERGY, p.energy},
                {FM_METRIC_PRECISION, p.precision},
                {FM_METRIC_RECALL, p.recall},
                {FM_METRIC_DENSITY, p.density},
                {FM_METRIC_COVERAGE, p.coverage}};
    for (size_t k = 0; k < FMI_COUNT(each); k++) {
      fm_eval_result r;
      fm_eval_result_init(&r);
      OK(fm_eval_compare(ctx, each[k].metric, x, n, y, m, 3, NULL, 0, &o, &r));
      CLOSE(r.value, each[k].want, 1e-12);
    }
    free(x), free(y);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* MMD of two rows each, by hand. */
START_TEST(mmd_by_hand) {
  fm_ctx *ctx = new_ctx(1);
  const double x[] = {0, 1}, y[] = {2, 4};
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.bandwidth = 2;
  OK(fm_eval_compare(ctx, FM_METRIC_MMD2, x, 2, y, 2, 1, NULL, 0, &o, &r));
  const double between = (exp(-4. / 8) + exp(-16. / 8) + exp(-1. / 8) + exp(-9. / 8)) / 4;
  CLOSE(r.value, exp(-1. / 8) + exp(-4. / 8) - 2 * between, 1e-15);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- near and far -------------------------------------------------------------------------------------------- */

START_TEST(neighbours_near_and_far) {
  enum { N = 400 };
  fm_ctx *ctx = new_ctx(1);
  double *x = normal_rows(N, 2, 0, 1, 1), *y = normal_rows(N, 2, 0, 1, 2), *far = normal_rows(N, 2, 50, 1, 3);
  double *narrow = normal_rows(N, 2, 0, .1, 4);
  static const uint32_t kinds[] = {FM_METRIC_PRECISION, FM_METRIC_RECALL, FM_METRIC_DENSITY,
                                   FM_METRIC_COVERAGE};
  for (size_t k = 0; k < FMI_COUNT(kinds); k++) {
    CLOSE(measure(ctx, kinds[k], y, N, y, N, 2), kinds[k] == FM_METRIC_DENSITY ? 1.1 : 1, .1);
    CLOSE(measure(ctx, kinds[k], x, N, y, N, 2), 1, .15);
    CLOSE(measure(ctx, kinds[k], far, N, y, N, 2), 0, 0);
  }
  /* What is too narrow is precise and misses most of the truth; what is too wide is the reverse. */
  CLOSE(measure(ctx, FM_METRIC_PRECISION, narrow, N, y, N, 2), 1, 0);
  ck_assert(measure(ctx, FM_METRIC_RECALL, narrow, N, y, N, 2) < .1);
  ck_assert(measure(ctx, FM_METRIC_PRECISION, y, N, narrow, N, 2) < .1);
  CLOSE(measure(ctx, FM_METRIC_RECALL, y, N, narrow, N, 2), 1, 0);
  free(x), free(y), free(far), free(narrow);
  fm_ctx_destroy(ctx);
}
END_TEST

static double classify(fm_ctx *ctx, const double *x, size_t n, const double *y, size_t m, size_t dim) {
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.floor_draws = -1;
  o.classifier_steps = quick() ? 20 : 400;
  o.classifier_width = 32;
  OK(fm_eval_compare(ctx, FM_METRIC_C2ST, x, n, y, m, dim, NULL, 0, &o, &r));
  return r.value;
}

/* Equal distributions, others, and some that only a network tells apart: rings about each other. */
START_TEST(classifier_near_and_far) {
  enum { N = 1000 };
  fm_ctx *ctx = new_ctx(1);
  double *x = normal_rows(N, 2, 0, 1, 1), *y = normal_rows(N - 77, 2, 0, 1, 2),
         *far = normal_rows(N, 2, 4, 1, 3);
  double *ring = normal_rows(N, 2, 0, 1, 4);
  for (size_t i = 0; i < N; i++) {
    const double length = sqrt(ring[2 * i] * ring[2 * i] + ring[2 * i + 1] * ring[2 * i + 1]);
    for (size_t k = 0; k < 2; k++) ring[2 * i + k] *= 4 / length;
  }
  const size_t n_test = N - 77 + 1; /* the odd row is held out */
  CLOSE(classify(ctx, x, N, y, N - 77, 2), .5, 4 * sqrt(.25 / (double)n_test));
  ck_assert(classify(ctx, x, N, far, N, 2) > .98);
  ck_assert(classify(ctx, ring, N, x, N, 2) > (quick() ? .6 : .98));
  /* What the network knows by heart doesn't count: few rows in many columns. */
  enum { FEW = 200, WIDE = 20 };
  double *a = normal_rows(FEW, WIDE, 0, 1, 6), *b = normal_rows(FEW, WIDE, 0, 1, 7);
  CLOSE(classify(ctx, a, FEW, b, FEW, WIDE), .5, 4 * sqrt(.25 / FEW));
  free(a), free(b);
  /* By one deviation in one of two columns: the best test is right with probability Phi(1/2). */
  double *shifted = normal_rows(N, 2, 0, 1, 5);
  for (size_t i = 0; i < N; i++) shifted[2 * i] += 1;
  if (!quick()) CLOSE(classify(ctx, x, N, shifted, N, 2), .691462461274013, 4 * sqrt(.25 / N) + .01);
  free(x), free(y), free(far), free(ring), free(shifted);
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
  o.classifier_steps = 40;
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

static const uint32_t metrics[] = {
    FM_METRIC_W1,        FM_METRIC_W2,     FM_METRIC_SLICED_W2, FM_METRIC_ENERGY,   FM_METRIC_MMD2,
    FM_METRIC_PRECISION, FM_METRIC_RECALL, FM_METRIC_DENSITY,   FM_METRIC_COVERAGE, FM_METRIC_C2ST};

/* The same bits for any threads, twice, and stopping. */
START_TEST(threads_do_not_matter) {
  const size_t n = quick() ? 70 : 150;
  double *x = normal_rows(n, 3, .2, 1, 1), *y = normal_rows(n, 3, 0, 1, 2);
  for (size_t k = 0; k < FMI_COUNT(metrics); k++) {
    fm_eval_result r[3];
    for (uint32_t i = 0; i < 3; i++) {
      fm_ctx *ctx = new_ctx(i == 2 ? 0 : 1 + 2 * i);
      r[i] = with_floor(ctx, metrics[k], x, n, y, n, 3, NULL, 0, 2);
      fm_ctx_destroy(ctx);
    }
    ck_assert_msg(memcmp(&r[0], &r[1], sizeof r[0]) == 0, "metric %u", (unsigned)metrics[k]);
    ck_assert_msg(memcmp(&r[0], &r[2], sizeof r[0]) == 0, "metric %u", (unsigned)metrics[k]);
  }
  free(x), free(y);
}
END_TEST

START_TEST(a_comparison_can_be_stopped) {
  enum { N = 20 };
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

/* The seed of all that is drawn: another one, another value, where there is something to draw. */
START_TEST(seeds) {
  enum { N = 60 };
  fm_ctx *ctx = new_ctx(1);
  double *x = normal_rows(N, 3, .2, 1, 1), *y = normal_rows(N, 3, 0, 1, 2), value[3];
  for (size_t k = 0; k < FMI_COUNT(metrics); k++) {
    for (uint64_t seed = 0; seed < 3; seed++) {
      fm_eval_options o;
      fm_eval_result r;
      fm_eval_options_init(&o);
      fm_eval_result_init(&r);
      o.seed = seed, o.floor_draws = -1, o.classifier_steps = 20, o.bandwidth = 1;
      OK(fm_eval_compare(ctx, metrics[k], x, N, y, N, 3, NULL, 0, &o, &r));
      value[seed] = r.value;
    }
    const bool draws = metrics[k] == FM_METRIC_SLICED_W2 || metrics[k] == FM_METRIC_C2ST;
    ck_assert_msg((value[0] == value[1] && value[1] == value[2]) != draws, "metric %u", (unsigned)metrics[k]);
  }
  free(x), free(y);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(rows_that_are_too_few) {
  fm_ctx *ctx = new_ctx(1);
  const double x[40] = {1, 2, 3, 4};
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.n_neighbours = 9, o.classifier_steps = 5;
  for (size_t k = 2; k < FMI_COUNT(metrics); k++) {
    const uint32_t kind = metrics[k];
    const size_t least = kind == FM_METRIC_SLICED_W2                          ? 1
                         : kind == FM_METRIC_ENERGY || kind == FM_METRIC_MMD2 ? 2
                         : kind == FM_METRIC_C2ST                             ? 4
                                                                              : 10;
    FAILS(FM_E_INVALID, "n:", fm_eval_compare(ctx, kind, x, least - 1, x, least, 1, NULL, 0, &o, &r));
    FAILS(FM_E_INVALID, "m:", fm_eval_compare(ctx, kind, x, least, x, least - 1, 1, NULL, 0, &o, &r));
    OK(fm_eval_compare(ctx, kind, x, least, x, least, 1, NULL, 0, &o, &r));
    ck_assert(r.floor_draws == 0);
  }
  FAILS(FM_E_INVALID, "as many", fm_eval_compare(ctx, FM_METRIC_W2, x, 2, x, 3, 1, NULL, 0, &o, &r));
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {wasserstein_of_four_rows,
                                wasserstein_of_one_column,
                                wasserstein_of_a_shift,
                                energy_of_gaussians,
                                mmd_of_gaussians,
                                median_bandwidth,
                                sliced_w2,
                                tiles_against_plain_sums,
                                mmd_by_hand,
                                neighbours_near_and_far,
                                classifier_near_and_far,
                                floors_are_of_disjoint_rows,
                                floor_sizes_and_moments,
                                threads_do_not_matter,
                                a_comparison_can_be_stopped,
                                seeds,
                                rows_that_are_too_few};
  return run_tests("eval", tests, FMI_COUNT(tests));
}
