/* couple_test.c - the exact assignment: against every permutation, and by the certificate that its duals are;
   costs; what is refused. */
#include "couple_fixture.h"

/* ---- known answers ----------------------------------------------------------------------------------- */

START_TEST(four_rows) {
  fm_ctx *ctx = new_ctx(1);
  static const uint64_t partner[] = {3, 0, 2, 1};
  coupled *c = couple(ctx, (fm_coupling_options){0}, four_x0, four_x1, 4, 2, 0);
  OK(c->status);
  SAME(c->x0_index, partner, 4);
  CLOSE(c->stats.cost, 1.5625, 0);
  CLOSE(sqrt(c->stats.cost), 1.25, 0);
  CLOSE(c->stats.mass, 1, 0);
  double *plan = plan_of(ctx, c, 4);
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < 4; j++) CLOSE(plan[i * 4 + j], partner[j] == i ? .25 : 0, 0);
  free_coupled(c), free(plan);
  c = couple(ctx, (fm_coupling_options){.cost = distance_cost}, four_x0, four_x1, 4, 2, 0);
  OK(c->status);
  CLOSE(c->stats.cost, 1.125, 1e-15);
  free_coupled(c);
  c = couple(ctx, (fm_coupling_options){.kind = FM_COUPLING_INDEPENDENT}, four_x0, four_x1, 4, 2, 0);
  OK(c->status);
  CLOSE(c->stats.cost, (5 + 1.25 + 1 + 5) / 4, 1e-15);
  for (uint64_t i = 0; i < 4; i++) ck_assert(c->x0_index[i] == i && c->x1_index[i] == i);
  free_coupled(c);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- every permutation ------------------------------------------------------------------------------- */

static double least_total(const double *cost, size_t n, size_t row, unsigned taken) {
  if (row == n) return 0;
  double least = INFINITY;
  for (size_t j = 0; j < n; j++)
    if (!(taken >> j & 1))
      least = fmin(least, cost[row * n + j] + least_total(cost, n, row + 1, taken | 1u << j));
  return least;
}

/* Costs of every sort: real, of few values so that there are ties, negative, with equal rows and columns. */
static void fill_costs(double *cost, size_t n, size_t sort, uint64_t *seed) {
  for (size_t i = 0; i < n * n; i++) {
    const double x = next_uniform(seed);
    cost[i] = sort % 4 == 0 ? x : sort % 4 == 1 ? floor(3 * x) : sort % 4 == 2 ? exp(20 * x) : x < 0;
  }
  if (sort % 3 == 2)
    for (size_t i = 1; i < n; i += 2)
      for (size_t j = 0; j < n; j++) cost[i * n + j] = cost[(i - 1) * n + j];
  if (sort % 5 == 4)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 1; j < n; j += 2) cost[i * n + j] = cost[i * n + j - 1];
}

START_TEST(no_permutation_is_better) {
  fm_ctx *ctx = new_ctx(1);
  uint64_t seed = 3;
  double cost[49];
  for (size_t n = 1; n <= 7; n++)
    for (size_t sort = 0; sort < (quick() ? 12u : 60u); sort++) {
      fill_costs(cost, n, sort, &seed);
      coupled *c =
          couple(ctx, (fm_coupling_options){.cost = table_cost, .cost_user = cost}, cost, cost, n, 1, 0);
      OK(c->status);
      const double least = least_total(cost, n, 0, 0);
      CLOSE(c->stats.cost * (double)n, least, 1e-13 * (1 + fabs(least)));
      free_coupled(c);
    }
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- certificates ------------------------------------------------------------------------------------ */

/* A permutation whose duals are feasible, and tight on its pairs, is of least cost: weak duality. */
static void certify(const coupled *c, size_t n, const char *what) {
  const fm_coupling *k = c->coupling;
  bool *seen = new_block(n, sizeof *seen);
  double most = 0;
  for (size_t i = 0; i < n * n; i++) most = fmax(most, fabs(k->cost[i]));
  const double tolerance = 64 * DBL_EPSILON * most;
  for (size_t j = 0; j < n; j++) {
    const size_t i = (size_t)c->x0_index[j];
    HOLDS(i < n && !seen[i], "%s: row %zu twice", what, i);
    seen[i] = true;
    HOLDS(c->x1_index[j] == j, "%s: x1 row %zu moved", what, j);
    CLOSE(k->f[i] + k->g[j], k->cost[i * n + j], tolerance);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      HOLDS(k->f[i] + k->g[j] <= k->cost[i * n + j] + tolerance, "%s: (%zu, %zu) is %g below", what, i, j,
            k->f[i] + k->g[j] - k->cost[i * n + j]);
  free(seen);
}

START_TEST(duals_certify_the_assignment) {
  fm_ctx *ctx = new_ctx(1);
  static const size_t dims[] = {1, 2, 3, 64};
  const size_t sizes[] = {33, 256, 301, quick() ? 130 : 1024};
  for (size_t s = 0; s < FMI_COUNT(sizes); s++)
    for (size_t d = 0; d < FMI_COUNT(dims); d++)
      for (size_t sort = 0; sort < 5; sort += sizes[s] == 1024 ? 2 : 1) {
        const size_t n = sizes[s], dim = dims[d];
        double *x0 = normals(n * dim, 1 + sort), *x1 = normals(n * dim, 50 + sort);
        for (size_t i = 0; i < n * dim; i++) {
          if (sort == 1) x0[i] = floor(2 * x0[i]), x1[i] = floor(2 * x1[i]); /* ties and equal rows */
          if (sort == 2 && i >= dim) x1[i] = x1[i % dim];                    /* all x1 the same */
          if (sort == 3) x0[i] += 1e9, x1[i] = 1e9 + x1[i] * x1[i];          /* far from zero */
          if (sort == 4) x1[i] = (double)(i / dim % 3 * (i % dim + 1)) + 1e-3 * x1[i]; /* tight clusters */
        }
        coupled *c = couple(ctx, (fm_coupling_options){0}, x0, x1, n, dim, 0);
        OK(c->status);
        certify(c, n, "normals");
        free_coupled(c), free(x0), free(x1);
      }
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(duals_certify_any_costs) {
  fm_ctx *ctx = new_ctx(1);
  uint64_t seed = 8;
  const size_t n = quick() ? 60 : 256;
  double *cost = new_block(n * n, sizeof *cost);
  for (size_t sort = 0; sort < 20; sort++) {
    fill_costs(cost, n, sort, &seed);
    coupled *c =
        couple(ctx, (fm_coupling_options){.cost = table_cost, .cost_user = cost}, cost, cost, n, 1, 0);
    OK(c->status);
    certify(c, n, "table");
    free_coupled(c);
  }
  free(cost);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows on a grid of 2^-10 keep every bit beside 2^30, so an offset changes nothing. In one column the best
   assignment is by rank, whatever the numbers. */
START_TEST(offsets_and_ranks) {
  enum { N = 200 };
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(2 * N, 5), *x1 = normals(2 * N, 6);
  for (size_t i = 0; i < 2 * N; i++) x0[i] = floor(1024 * x0[i]) / 1024, x1[i] = floor(1024 * x1[i]) / 1024;
  coupled *near = couple(ctx, (fm_coupling_options){0}, x0, x1, N, 2, 0);
  for (size_t i = 0; i < 2 * N; i++) x0[i] += 0x1p30, x1[i] += 0x1p30;
  coupled *far = couple(ctx, (fm_coupling_options){0}, x0, x1, N, 2, 0);
  OK(near->status);
  OK(far->status);
  SAME(near->x0_index, far->x0_index, N);
  SAME(&near->stats.cost, &far->stats.cost, 1);
  free_coupled(near), free_coupled(far);
  coupled *line = couple(ctx, (fm_coupling_options){0}, x0, x1, N, 1, 0);
  OK(line->status);
  for (size_t j = 0; j < N; j++) {
    size_t below0 = 0, below1 = 0;
    const double mine = x0[line->x0_index[j]];
    for (size_t k = 0; k < N; k++) below0 += x0[k] < mine, below1 += x1[k] < x1[j];
    size_t equal0 = 0, equal1 = 0;
    for (size_t k = 0; k < N; k++) equal0 += x0[k] == mine, equal1 += x1[k] == x1[j];
    HOLDS(below0 < below1 + equal1 && below1 < below0 + equal0, "ranks %zu and %zu", below0, below1);
  }
  free_coupled(line), free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- kernels ------------------------------------------------------------------------------------------- */

START_TEST(kernels_agree) {
  enum { N = 77, ROWS = 7 };
  const fmi_kernels *all[] = {fmi_kernels_get(FM_ISA_PLAIN), fmi_kernels_get(FM_ISA_AVX2)};
  for (size_t n = 1; n <= N; n++)
    for (size_t dim = 1; dim <= 5; dim += 2) {
      double *x = normals(ROWS * dim, n), *y = normals(n * dim, 2 * n), *v = normals(n, 3 * n);
      double want[ROWS * N], got[ROWS * N], distance[N], least;
      int64_t from[N];
      for (size_t i = 0; i < ROWS * n; i++) {
        want[i] = 0;
        for (size_t k = 0; k < dim; k++) {
          const double d = x[i / n * dim + k] - y[k * n + i % n];
          want[i] += d * d;
        }
      }
      v[n / 2] = -INFINITY;
      for (size_t isa = 0; isa < 2; isa++) {
        if (all[isa] == NULL) continue;
        all[isa]->squared_distances(got, x, ROWS, y, n, dim);
        SAME(got, want, ROWS * n);
        for (size_t j = 0; j < n; j++) distance[j] = j % 3 ? 1 + (double)(j % 2) : INFINITY, from[j] = -1;
        const size_t at = all[isa]->relax(distance, from, want, v, .5, 9, n, &least);
        size_t best = 0;
        for (size_t j = 0; j < n; j++) {
          const double before = j % 3 ? 1 + (double)(j % 2) : INFINITY, h = want[j] - v[j] - .5;
          HOLDS(distance[j] == (h < before ? h : before), "column %zu of %zu", j, n);
          HOLDS(from[j] == (h < before ? 9 : -1), "column %zu of %zu", j, n);
          if (distance[j] < distance[best]) best = j;
        }
        HOLDS(at == best && (least == distance[best] || n == 1), "least of %zu: %zu, not %zu", n, at, best);
      }
      free(x), free(y), free(v);
    }
}
END_TEST

/* ---- conditions ------------------------------------------------------------------------------------------ */

START_TEST(classes_are_kept_apart) {
  enum { N = 120 };
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(2 * N, 5), *x1 = normals(2 * N, 6);
  int32_t labels[N][2];
  uint64_t index[N], plain[N];
  for (size_t i = 0; i < N; i++) {
    labels[i][0] = (int32_t)(i % 4) - 1; /* the null class is one too */
    labels[i][1] = (int32_t)(i % 3);
    x1[2 * i] += 5 * labels[i][0];
  }
  for (int aware = 0; aware < 2; aware++) {
    const fm_coupling_options o = {.struct_size = sizeof o, .class_weight = aware ? 0 : -1};
    fm_coupling *c = NULL;
    OK(fm_coupling_create(ctx, N, 2, 2, 0, &o, &c));
    OK(fm_coupling_pair_f64(ctx, c, x0, x1, labels[0], NULL, N, 0, 0, aware ? index : plain, NULL, NULL));
    fm_coupling_destroy(c);
  }
  size_t others = 0;
  for (size_t j = 0; j < N; j++) {
    HOLDS(memcmp(labels[index[j]], labels[j], sizeof labels[j]) == 0, "row %zu has another class", j);
    others += memcmp(labels[plain[j]], labels[j], sizeof labels[j]) != 0;
  }
  ck_assert_uint_gt(others, N / 2); /* as it would be without */
  free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Data that is the condition, c ~ N(0, 1): without weight the source would tell all of it, with weight w the
   plan of many rows carries the source to the projection of (x0, w^.5 c) on (1, w^.5), which has a
   correlation of 1 / (1 + w^2)^.5 with the source. */
START_TEST(condition_vectors_are_kept_apart) {
  const size_t n = quick() ? 100 : 700;
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(n, 5), *x1 = normals(n, 6);
  float *cond = new_block(n, sizeof *cond);
  uint64_t *index = new_block(n, sizeof *index);
  for (size_t i = 0; i < n; i++) cond[i] = (float)x1[i];
  static const double weights[] = {-1, 1, 3, 100};
  for (size_t k = 0; k < FMI_COUNT(weights); k++) {
    const fm_coupling_options o = {.struct_size = sizeof o,
                                   .condition_weight = weights[k] == 100 ? 0 : weights[k]};
    const double w = fmax(0, weights[k]), want = 1 / sqrt(1 + w * w);
    fm_coupling *c = NULL;
    OK(fm_coupling_create(ctx, n, 1, 0, 1, &o, &c));
    OK(fm_coupling_pair_f64(ctx, c, x0, x1, NULL, cond, n, 0, 0, index, NULL, NULL));
    double xy = 0, xx = 0, yy = 0;
    for (size_t j = 0; j < n; j++) {
      const double a = x0[index[j]], b = cond[j];
      xy += a * b, xx += a * a, yy += b * b;
    }
    CLOSE(xy / sqrt(xx * yy), want, 4 / sqrt((double)n));
    fm_coupling_destroy(c);
  }
  free(x0), free(x1), free(cond), free(index);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- contexts and ends ------------------------------------------------------------------------------------- */

START_TEST(threads_do_not_matter) {
  const size_t n = quick() ? 64 : 300, dim = 16; /* enough work to be shared */
  double *x0 = normals(n * dim, 5), *x1 = normals(n * dim, 6);
  for (uint32_t kind = FM_COUPLING_OT; kind <= FM_COUPLING_BRIDGE; kind++) {
    coupled *expected = NULL;
    for (uint32_t threads = 1; threads <= 4; threads++) {
      fm_ctx *ctx = new_ctx(threads % 4);
      coupled *c =
          couple(ctx, (fm_coupling_options){.kind = kind, .bridge_width = kind == FM_COUPLING_BRIDGE ? 2 : 0},
                 x0, x1, n, dim, 3);
      OK(c->status);
      if (expected == NULL) {
        expected = c;
      } else {
        SAME(c->x0_index, expected->x0_index, n);
        SAME(c->x1_index, expected->x1_index, n);
        SAME(&c->stats, &expected->stats, 1);
        free_coupled(c);
      }
      fm_ctx_destroy(ctx);
    }
    free_coupled(expected);
  }
  free(x0), free(x1);
}
END_TEST

static int32_t says_no(void *user, const fm_cost_request *r) {
  (void)user, (void)r;
  return 4;
}

START_TEST(degenerate_rows) {
  fm_ctx *ctx = new_ctx(1);
  static const double same[20] = {0}, one[] = {3, 4}, huge[] = {1e200, 0, -1e200, 1};
  static double bad[] = {1, 2, NAN, 4};
  for (uint32_t kind = FM_COUPLING_INDEPENDENT; kind <= FM_COUPLING_BRIDGE; kind++) {
    coupled *c = couple(ctx, (fm_coupling_options){.kind = kind}, same, one, 1, 2, 0);
    OK(c->status);
    ck_assert(c->x0_index[0] == 0 && c->x1_index[0] == 0);
    free_coupled(c);
    c = couple(ctx, (fm_coupling_options){.kind = kind}, same, same, 10, 2, 0);
    OK(c->status);
    CLOSE(c->stats.cost, 0, 0);
    CLOSE(c->stats.mass, 1, 1e-12);
    free_coupled(c);
    if (kind == FM_COUPLING_INDEPENDENT) continue;
    c = couple(ctx, (fm_coupling_options){.kind = kind}, huge, same, 2, 2, 0);
    FAILS(FM_E_NONFINITE, "x0 row 0 and x1 row 0", c->status);
    FAILS(FM_E_INVALID, "coupling:", fm_coupling_plan(ctx, c->coupling, &(double){0}));
    free_coupled(c);
    c = couple(ctx, (fm_coupling_options){.kind = kind, .cost = table_cost, .cost_user = bad}, same, same, 2,
               2, 0);
    FAILS(FM_E_NONFINITE, "x0 row 1 and x1 row 0", c->status);
    free_coupled(c);
    c = couple(ctx, (fm_coupling_options){.kind = kind, .cost = says_no}, same, same, 2, 2, 0);
    FAILS(FM_E_CALLBACK, "returned 4", c->status);
    free_coupled(c);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* A wish to stop that comes while rows are paired is heard there, and used up. */
typedef struct stopper {
  fm_ctx *ctx;
  bool stops;
} stopper;
static int32_t stopping_cost(void *user, const fm_cost_request *r) {
  const stopper *s = user;
  if (s->stops) fm_ctx_stop(s->ctx);
  return distance_cost(NULL, r);
}
START_TEST(a_pairing_can_be_stopped) {
  enum { N = 60 };
  fm_ctx *ctx = new_ctx(1);
  double *x0 = normals(2 * N, 1), *x1 = normals(2 * N, 2);
  for (uint32_t kind = FM_COUPLING_OT; kind <= FM_COUPLING_BRIDGE; kind++) {
    stopper s = {ctx, true};
    coupled *c = couple(ctx, (fm_coupling_options){.kind = kind, .cost = stopping_cost, .cost_user = &s}, x0,
                        x1, N, 2, 0);
    FAILS(FM_STOPPED, "paired", c->status);
    s.stops = false;
    const fm_status status =
        fm_coupling_pair_f64(ctx, c->coupling, x0, x1, NULL, NULL, N, 0, 0, NULL, NULL, NULL);
    ck_assert(status == FM_OK || (status == FM_E_STEPS && kind >= FM_COUPLING_SINKHORN));
    free_coupled(c);
  }
  free(x0), free(x1);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A handle serves fewer rows than it was made for, and floats. */
START_TEST(fewer_rows) {
  enum { N = 50 };
  fm_ctx *ctx = new_ctx(1);
  float x0[2 * N], x1[2 * N];
  double wide0[2 * N], wide1[2 * N];
  uint64_t index[N];
  fill_normals(x0, 2 * N, 1), fill_normals(x1, 2 * N, 2);
  for (size_t i = 0; i < 2 * N; i++) wide0[i] = x0[i], wide1[i] = x1[i];
  fm_coupling *c = NULL;
  OK(fm_coupling_create(ctx, N, 2, 0, 0, NULL, &c));
  for (size_t n = N; n > 13; n -= 13) {
    OK(fm_coupling_pair(ctx, c, x0, x1, NULL, NULL, n, 0, 0, index, NULL, NULL));
    coupled *alone = couple(ctx, (fm_coupling_options){0}, wide0, wide1, n, 2, 0);
    OK(alone->status);
    SAME(index, alone->x0_index, n);
    free_coupled(alone);
  }
  FAILS(FM_E_INVALID, "n:", fm_coupling_pair(ctx, c, x0, x1, NULL, NULL, N + 1, 0, 0, index, NULL, NULL));
  fm_coupling_destroy(c);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {four_rows,
                                no_permutation_is_better,
                                duals_certify_the_assignment,
                                duals_certify_any_costs,
                                offsets_and_ranks,
                                kernels_agree,
                                classes_are_kept_apart,
                                condition_vectors_are_kept_apart,
                                threads_do_not_matter,
                                degenerate_rows,
                                a_pairing_can_be_stopped,
                                fewer_rows};
  return run_tests("couple", tests, FMI_COUNT(tests));
}
