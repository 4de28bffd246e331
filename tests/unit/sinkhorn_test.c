/* sinkhorn_test.c - entropic plans, balanced and relaxed, those of the Schroedinger bridge, and the pairs that
   are drawn from them. */
#include "couple_fixture.h"

START_TEST(four_rows) {
  fm_ctx *ctx = new_ctx(1);
  const fm_coupling_options o = {.kind = FM_COUPLING_SINKHORN, .regularisation = .5, .tolerance = 1e-10};
  coupled *c = couple(ctx, o, four_x0, four_x1, 4, 2, 0);
  OK(c->status);
  double *plan = plan_of(ctx, c, 4);
  CLOSE(plan[0], .003002954703795, 1e-9);
  CLOSE(plan[1], .1823413527864, 1e-9);
  CLOSE(plan[1 * 4 + 3], .2152214665819, 1e-9);
  CLOSE(c->stats.cost, 1.7266960841330536, 1e-9);
  free_coupled(c), free(plan);
  fm_ctx_destroy(ctx);
}
END_TEST

static double most_off(const double *plan, size_t n, bool rows) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += rows ? plan[i * n + j] : plan[j * n + i];
    most = fmax(most, fabs(sum - 1 / (double)n));
  }
  return most;
}

/* With little entropy a thousand iterations are not enough, which is said; more of them are. */
START_TEST(little_entropy) {
  fm_ctx *ctx = new_ctx(1);
  fm_coupling_options o = {.kind = FM_COUPLING_SINKHORN, .regularisation = .05, .tolerance = 1e-9};
  coupled *c = couple(ctx, o, four_x0, four_x1, 4, 2, 0);
  FAILS(FM_E_STEPS, "1000 iterations", c->status);
  double *plan = plan_of(ctx, c, 4);
  ck_assert(most_off(plan, 4, true) > 1e-4 && most_off(plan, 4, true) < 5e-4);
  CLOSE(most_off(plan, 4, false), 0, 1e-15);
  CLOSE(c->stats.error, 4 * most_off(plan, 4, true), 4 * most_off(plan, 4, true));
  free_coupled(c), free(plan);
  o.max_iterations = 100000;
  o.tolerance = 1e-5;
  c = couple(ctx, o, four_x0, four_x1, 4, 2, 0);
  OK(c->status);
  plan = plan_of(ctx, c, 4);
  CLOSE(most_off(plan, 4, true), 0, 1e-5);
  ck_assert(c->stats.error <= 1e-5 && c->stats.iterations > 1000);
  ck_assert(c->stats.cost >= 1.5625 && c->stats.cost < 1.5625 + .01);
  free_coupled(c), free(plan);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Sums; P_ij = exp((f_i + g_j - cost_ij) / e) / n^2, without which the sums alone would say little; and from
   much entropy to little, from the independent plan to the assignment. */
START_TEST(plans_are_of_their_potentials) {
  const size_t n = quick() ? 30 : 150, dim = 3;
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(n * dim, 1), *x1 = normals(n * dim, 2), last = INFINITY;
  coupled *exact = couple(ctx, (fm_coupling_options){0}, x0, x1, n, dim, 0);
  OK(exact->status);
  static const double shares[] = {1e6, 1, .1, .01, .003};
  for (size_t k = 0; k < FMI_COUNT(shares); k++) {
    const fm_coupling_options o = {.kind = FM_COUPLING_SINKHORN,
                                   .relative_regularisation = shares[k],
                                   .tolerance = 1e-4,
                                   .max_iterations = 1000000};
    coupled *c = couple(ctx, o, x0, x1, n, dim, 0);
    OK(c->status);
    double *plan = plan_of(ctx, c, n);
    const double e = fmi_coupling_regularisation(c->coupling);
    CLOSE(most_off(plan, n, true), 0, 1e-4);
    CLOSE(most_off(plan, n, false), 0, 1e-12);
    for (size_t i = 0; i < n * n; i++) {
      const fm_coupling *p = c->coupling;
      const double want = exp((p->f[i / n] + p->g[i % n] - p->cost[i]) / e) / (double)(n * n);
      CLOSE(plan[i], want, 1e-9 * want + 1e-200);
    }
    ck_assert(c->stats.cost < last && c->stats.cost >= exact->stats.cost * (1 - 1e-4));
    last = c->stats.cost;
    if (k == 0)
      for (size_t i = 0; i < n * n; i++) CLOSE(plan[i] * (double)(n * n), 1, 1e-4);
    free_coupled(c), free(plan);
  }
  CLOSE(last, exact->stats.cost, .02 * last);
  free_coupled(exact), free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

/* One pair: mass x minimises c x + (e + 2 r)(x log x - x + 1). */
START_TEST(one_relaxed_pair) {
  fm_ctx *ctx = new_ctx(1);
  static const double x0 = 1, x1 = 4;
  const fm_coupling_options o = {.kind = FM_COUPLING_UNBALANCED,
                                 .regularisation = .7,
                                 .relaxation = 5,
                                 .tolerance = 1e-13,
                                 .max_iterations = 100000};
  coupled *c = couple(ctx, o, &x0, &x1, 1, 1, 0);
  OK(c->status);
  CLOSE(c->stats.mass, exp(-9 / (.7 + 10)), 1e-11);
  free_coupled(c);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Optimality, r log(n sum_j P_ij) + e log(n^2 P_ij) + r log(n sum_i P_ij) = -cost_ij; with much relaxation the
   balanced plan, with little of it rows far away lose their mass, and pairs don't have them. */
START_TEST(relaxed_plans) {
  enum { N = 60 };
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(N, 1), *x1 = normals(N, 2);
  x1[7] = 30;
  static const double relaxations[] = {.5, 5, 1e9};
  for (size_t k = 0; k < 3; k++) {
    const double e = .3, r = relaxations[k];
    const fm_coupling_options o = {.kind = FM_COUPLING_UNBALANCED,
                                   .regularisation = e,
                                   .relaxation = r,
                                   .tolerance = k < 2 ? 1e-12 : 1e-7,
                                   .max_iterations = 100000};
    coupled *c = couple(ctx, o, x0, x1, N, 1, 0);
    OK(c->status);
    double *plan = plan_of(ctx, c, N), of_x0[N] = {0}, of_x1[N] = {0}, mass = 0;
    for (size_t i = 0; i < N * N; i++) of_x0[i / N] += plan[i], of_x1[i % N] += plan[i], mass += plan[i];
    CLOSE(c->stats.mass, mass, 1e-12);
    size_t has_far = 0, twice = 0;
    for (size_t i = 0; i < N; i++) has_far += c->x1_index[i] == 7;
    for (size_t i = 1; i < N; i++) twice += c->x1_index[i] == c->x1_index[i - 1];
    if (k < 2) {
      for (size_t i = 0; i < N * N; i++) {
        if (plan[i] < 1e-100) continue;
        const double slope = r * log(N * of_x0[i / N]) + r * log(N * of_x1[i % N]) + e * log(N * N * plan[i]);
        CLOSE(slope, -c->coupling->cost[i], 1e-8 * (1 + c->coupling->cost[i]));
      }
      ck_assert_uint_eq(has_far, 0);
      ck_assert_uint_ge(twice, 1);
    } else {
      const fm_coupling_options same = {
          .kind = FM_COUPLING_SINKHORN, .regularisation = e, .tolerance = 1e-9, .max_iterations = 100000};
      coupled *balanced = couple(ctx, same, x0, x1, N, 1, 0);
      OK(balanced->status);
      double *want = plan_of(ctx, balanced, N);
      for (size_t i = 0; i < N * N; i++) CLOSE(plan[i], want[i], 1e-6 / N);
      ck_assert_uint_eq(has_far, 1);
      free_coupled(balanced), free(want);
    }
    free_coupled(c), free(plan);
  }
  free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- pairs ---------------------------------------------------------------------------------------------- */

START_TEST(pairs_are_of_the_plan) {
  const size_t n_draws = quick() ? 500 : 20000;
  fm_ctx *ctx = new_ctx(1);
  const fm_coupling_options o = {.struct_size = sizeof o, .kind = FM_COUPLING_SINKHORN, .regularisation = .5};
  fm_coupling *c = NULL;
  OK(fm_coupling_create(ctx, 4, 2, 0, 0, &o, &c));
  size_t count[4][4] = {{0}};
  double plan[16];
  for (uint64_t s = 0; s < n_draws; s++) {
    uint64_t x0[4], x1[4];
    OK(fm_coupling_pair_f64(ctx, c, four_x0, four_x1, NULL, NULL, 4, 1 + s % 2, 4 * s, x0, x1, NULL));
    for (size_t k = 0; k < 4; k++) {
      HOLDS(x1[k] == k, "x1 row %zu moved", k);
      count[x0[k]][k]++;
    }
  }
  OK(fm_coupling_plan(ctx, c, plan));
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < 4; j++) {
      const double p = 4 * plan[i * 4 + j];
      CLOSE((double)count[i][j] / (double)n_draws, p, 5 * sqrt(p * (1 - p) / (double)n_draws) + 1e-6);
    }
  fm_coupling_destroy(c);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Drawn with replacement from a uniform plan, 1 - (1 - 1/128)^128 of 128 rows of the source are kept; an
   assignment keeps all (duals_certify_the_assignment). */
START_TEST(share_of_rows_kept) {
  enum { N = 128 };
  const size_t n_draws = quick() ? 20 : 400;
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(N, 1), *x1 = normals(N, 2), kept = 0;
  const fm_coupling_options o = {
      .struct_size = sizeof o, .kind = FM_COUPLING_SINKHORN, .regularisation = 1e9};
  fm_coupling *c = NULL;
  OK(fm_coupling_create(ctx, N, 1, 0, 0, &o, &c));
  for (uint64_t s = 0; s < n_draws; s++) {
    uint64_t index[N];
    bool seen[N] = {false};
    OK(fm_coupling_pair_f64(ctx, c, x0, x1, NULL, NULL, N, s, 0, index, NULL, NULL));
    for (size_t k = 0; k < N; k++) {
      kept += !seen[index[k]];
      seen[index[k]] = true;
    }
  }
  CLOSE(kept / (double)(N * n_draws), .6336, 5 * .0273 / sqrt((double)n_draws));
  fm_coupling_destroy(c);
  free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

static double correlation(const double *x, const double *y, const double *plan, const uint64_t *index,
                          size_t n) {
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < n; i++) xx += x[i] * x[i], yy += y[i] * y[i];
  if (plan != NULL)
    for (size_t i = 0; i < n * n; i++) xy += (double)n * plan[i] * x[i / n] * y[i % n];
  else
    for (size_t j = 0; j < n; j++) xy += x[index[j]] * y[j];
  return xy / sqrt(xx * yy);
}

/* Between N(0, 1) and N(0, 1) the static bridge of width s is Gaussian with correlation r, r / (1 - r^2) =
   1 / s^2 (its density is a(x) b(y) exp(x y / s^2)). Rows at quantiles, so that only their number errs. */
START_TEST(bridges_between_gaussians) {
  const size_t n = quick() ? 100 : 500;
  fm_ctx *ctx = new_ctx(1);
  double *x = new_block(n, sizeof *x);
  for (size_t i = 0; i < n; i++) {
    double low = -9, high = 9;
    for (int k = 0; k < 60; k++) {
      const double middle = .5 * (low + high);
      *(.5 * erfc(-middle / sqrt(2)) < ((double)i + .5) / (double)n ? &low : &high) = middle;
    }
    x[i] = low;
  }
  static const double widths[] = {.5, 1, 2};
  for (size_t k = 0; k < 3; k++) {
    const double s = widths[k], b = 1 / (s * s), want = (sqrt(1 + 4 * b * b) - 1) / (2 * b);
    const fm_coupling_options o = {.kind = FM_COUPLING_BRIDGE, .bridge_width = s == .5 ? 0 : s};
    const fm_coupling_options same = {.kind = FM_COUPLING_SINKHORN, .regularisation = 2 * s * s};
    coupled *c = couple(ctx, o, x, x, n, 1, 1), *entropic = couple(ctx, same, x, x, n, 1, 1);
    OK(c->status);
    OK(entropic->status);
    double *plan = plan_of(ctx, c, n);
    CLOSE(correlation(x, x, plan, NULL, n), want, quick() ? .05 : .01);
    CLOSE(correlation(x, x, NULL, c->x0_index, n), want, 5 / sqrt((double)n));
    SAME(c->x0_index, entropic->x0_index, n);
    free_coupled(c), free_coupled(entropic), free(plan);
  }
  free(x);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Classes hold with entropy too, and don't count in what a relative regularisation is relative to. */
START_TEST(classes_are_kept_apart) {
  enum { N = 80 };
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(N, 5), *x1 = normals(N, 6), scale = 0;
  int32_t labels[N];
  uint64_t index[N];
  for (size_t i = 0; i < N; i++) labels[i] = (int32_t)(i % 3);
  for (size_t columns = 0; columns < 2; columns++) {
    const fm_coupling_options o = {.struct_size = sizeof o, .kind = FM_COUPLING_SINKHORN};
    fm_coupling *c = NULL;
    OK(fm_coupling_create(ctx, N, 1, columns, 0, &o, &c));
    OK(fm_coupling_pair_f64(ctx, c, x0, x1, labels, NULL, N, 0, 0, index, NULL, NULL));
    if (columns == 1) CLOSE(c->scale, scale, 0);
    scale = c->scale;
    fm_coupling_destroy(c);
  }
  for (size_t j = 0; j < N; j++) HOLDS(labels[index[j]] == labels[j], "row %zu has another class", j);
  free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(too_little_entropy) {
  fm_ctx *ctx = new_ctx(1);
  coupled *c = couple(ctx, (fm_coupling_options){.kind = FM_COUPLING_SINKHORN, .regularisation = 1e-300},
                      four_x0, four_x1, 4, 2, 0);
  FAILS(FM_E_INVALID, "regularisation:", c->status);
  free_coupled(c);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Relaxed by so little that nothing is left, or more than there is: no pairs are made up. */
START_TEST(plans_without_mass) {
  enum { N = 8, DIM = 1568 };
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(N * DIM, 1), *x1 = normals(N * DIM, 2), costs[N * N];
  const fm_coupling_options none = {.kind = FM_COUPLING_UNBALANCED, .relaxation = 1, .regularisation = .1};
  coupled *c = couple(ctx, none, x0, x1, N, DIM, 0);
  FAILS(FM_E_NONFINITE, "relaxation", c->status);
  FAILS(FM_E_INVALID, "coupling:", fm_coupling_plan(ctx, c->coupling, &(double){0}));
  free_coupled(c);
  for (size_t i = 0; i < N * N; i++) costs[i] = -5000 + (double)(i % 7);
  const fm_coupling_options too_much = {
      .kind = FM_COUPLING_UNBALANCED, .relaxation = 1, .cost = table_cost, .cost_user = costs};
  c = couple(ctx, too_much, x0, x1, N, 1, 0);
  FAILS(FM_E_NONFINITE, "mass inf", c->status);
  free_coupled(c);
  /* One iteration is one. */
  c = couple(ctx, (fm_coupling_options){.kind = FM_COUPLING_SINKHORN, .max_iterations = 1}, x0, x1, N, 1, 0);
  FAILS(FM_E_STEPS, "after 1 ", c->status);
  ck_assert_uint_eq(c->stats.iterations, 1);
  free_coupled(c), free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {four_rows,
                                little_entropy,
                                plans_are_of_their_potentials,
                                one_relaxed_pair,
                                relaxed_plans,
                                pairs_are_of_the_plan,
                                share_of_rows_kept,
                                bridges_between_gaussians,
                                classes_are_kept_apart,
                                too_little_entropy,
                                plans_without_mass};
  return run_tests("sinkhorn", tests, FMI_COUNT(tests));
}
