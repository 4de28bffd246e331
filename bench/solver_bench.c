/* solver_bench.c - does a higher order pay? Every method carries the same 1000 points along flows whose
   velocity and ends are known in closed form; the table is the error at t = 1 for equal numbers of
   evaluations of the velocity, which is what sampling costs. No clock and no network: the numbers are the
   same everywhere. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N 1000u
#define MOST_METHODS 64u

/* Data of two normals, half each, in one dimension; a standard normal source, CondOT, independent pairs. */
typedef struct flow {
  const char *name;
  double mean[2], s;
} flow;

static const flow flows[] = {
    {"N(2, 0.5^2)", {2, 2}, 0.5},
    {"N(0, 14^2): columns that move together", {0, 0}, 14},
    {"N(-1, 0.1^2) and N(2, 0.1^2), half each", {-1, 2}, 0.1},
};

/* p_t is the mixture of N(t m, V), V = t^2 s^2 + (1 - t)^2; the velocity is the mean of the components', each
   m + (t s^2 - (1 - t)) / V (x - t m), weighted by how likely x is theirs. */
static int32_t velocity(void *user, const fm_rhs_call *c) {
  const flow *f = user;
  for (uint64_t i = 0; i < c->n; i++) {
    const double t = c->t[i], x = c->x[i], v = t * t * f->s * f->s + (1 - t) * (1 - t);
    const double a = x - t * f->mean[0], b = x - t * f->mean[1];
    const double share = 1 / (1 + exp((b * b - a * a) / (2 * v))); /* of the second */
    const double mean = (1 - share) * f->mean[0] + share * f->mean[1];
    c->dxdt[i] = mean + (t * f->s * f->s - (1 - t)) / v * (x - t * mean);
  }
  return 0;
}

/* In one dimension a flow keeps the order of points: x(1) has the quantile that x(0) had. */
static double exact_end(const flow *f, double x0) {
  const double level = erfc(-x0 / sqrt(2));
  double low = -200, high = 200;
  for (int i = 0; i < 100; i++) {
    const double x = (low + high) / 2, scale = f->s * sqrt(2);
    const double at = (erfc((f->mean[0] - x) / scale) + erfc((f->mean[1] - x) / scale)) / 2;
    if (at < level)
      low = x;
    else
      high = x;
  }
  return low;
}

typedef struct points {
  double start[N], end[N], spread;
} points;

/* The normal's quantiles at (i + 1/2) / N, and where they go. */
static void make_points(const flow *f, points *p) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < N; i++) {
    double low = -10, high = 10;
    for (int k = 0; k < 60; k++) {
      const double x = (low + high) / 2;
      if (erfc(-x / sqrt(2)) / 2 < ((double)i + 0.5) / N)
        low = x;
      else
        high = x;
    }
    p->start[i] = low;
    p->end[i] = exact_end(f, low);
    sum += p->end[i] / N;
    squares += p->end[i] * p->end[i] / N;
  }
  p->spread = sqrt(squares - sum * sum);
}

/* Root mean square over the points, as a share of the data's deviation; *nfe: evaluations a point. */
static double error_of(fm_ctx *ctx, const flow *f, const points *p, const fm_solver_options *options,
                       double *nfe) {
  double y[N], sum = 0;
  fm_solver *solver = NULL;
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  memcpy(y, p->start, sizeof y);
  BENCH_OK(ctx, fm_solver_create(ctx, 1, options, &solver));
  BENCH_OK(ctx, fm_solver_solve(ctx, solver, velocity, (void *)(uintptr_t)f, 0, 1, N, y, NULL, NULL, &stats));
  fm_solver_destroy(solver);
  for (size_t i = 0; i < N; i++) sum += (y[i] - p->end[i]) * (y[i] - p->end[i]) / N;
  *nfe = (double)stats.nfe / N;
  return sqrt(sum) / p->spread;
}

static void fixed_row(fm_ctx *ctx, const flow *f, const points *p, const fm_solver_info *info, uint32_t grid,
                      const char *note) {
  static const uint32_t budgets[] = {6, 12, 24, 48, 96};
  printf("| %s%s |", info->name, note);
  for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
    double nfe;
    fm_solver_options o;
    fm_solver_options_init(&o);
    o.method = info->method;
    o.n_steps = budgets[i] > info->start_evaluations ? budgets[i] - info->start_evaluations : 1;
    o.n_steps = o.n_steps < info->evaluations ? 1 : o.n_steps / info->evaluations;
    o.fixed_steps = 1;
    o.grid = grid;
    printf(" %.1e |", error_of(ctx, f, p, &o, &nfe));
  }
  putchar('\n');
}

static void adaptive_row(fm_ctx *ctx, const flow *f, const points *p, const fm_solver_info *info) {
  printf("| %s, by tolerance |", info->name);
  for (int digits = 1; digits <= 5; digits++) {
    double nfe;
    fm_solver_options o;
    fm_solver_options_init(&o);
    o.method = info->method;
    o.rtol = o.atol = pow(10, -digits);
    const double error = error_of(ctx, f, p, &o, &nfe);
    printf(" %.0f: %.1e |", nfe, error);
  }
  putchar('\n');
}

int main(void) {
  fm_ctx *ctx = NULL;
  static points p;
  fm_solver_info info[MOST_METHODS];
  size_t n = 0;
  BENCH_OK(NULL, fm_ctx_create(NULL, &ctx));
  for (; n < MOST_METHODS; n++) {
    fm_solver_info_init(&info[n]);
    if (fm_solver_method_info(ctx, n, &info[n]) != FM_OK || info[n].needs_model) break; /* these come last */
  }
  puts("Error at t = 1 over the data's deviation, for equal evaluations of the velocity; where steps are "
       "chosen by\n"
       "tolerance (0.1, 0.01, ... 1e-5) the evaluations a point took stand before it.");
  for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
    make_points(&flows[i], &p);
    printf("\n| %s | 6 | 12 | 24 | 48 | 96 |\n|---|---|---|---|---|---|\n", flows[i].name);
    for (size_t k = 0; k < n; k++) fixed_row(ctx, &flows[i], &p, &info[k], FM_GRID_UNIFORM, "");
    for (size_t k = 0; k < n; k++) {
      if (info[k].order <= 2) fixed_row(ctx, &flows[i], &p, &info[k], FM_GRID_EDM, ", edm grid");
      if (info[k].order <= 2) fixed_row(ctx, &flows[i], &p, &info[k], FM_GRID_SHIFTED, ", shifted grid");
    }
    for (size_t k = 0; k < n; k++)
      if (info[k].adaptive) adaptive_row(ctx, &flows[i], &p, &info[k]);
  }
  fm_ctx_destroy(ctx);
  return 0;
}
