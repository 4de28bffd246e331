/* solve_fixture.h - what the tests of the solvers share: a right-hand side that watches how it is called, and
   one call of fmi_solve with all that can be checked about any call. */
#ifndef SOLVE_FIXTURE_H
#define SOLVE_FIXTURE_H

#include "fixture.h"
#include "solve/solve.h"

#define MAX_ROWS 64

#define NEAR(a, b, tolerance)                                                                                \
  do {                                                                                                       \
    const double a_ = (a), b_ = (b);                                                                         \
    ck_assert_msg(fabs(a_ - b_) <= (tolerance)*fabs(b_), "line %d: " #a " is %.17g, expected %.17g",         \
                  __LINE__, a_, b_);                                                                         \
  } while (0)
#define NAMES(part)                                                                                          \
  ck_assert_msg(strstr(err.text, part) != NULL, "line %d: expected \"%s\" in: %s", __LINE__, part, err.text)

/* ---- a right-hand side that watches how it is called ----------------------------------------------- */

typedef double (*slope_fn)(uint64_t row, double t, double y);

typedef struct watch {
  slope_fn slope;
  double low, high; /* no evaluation may be outside */
  uint64_t first_row, n;
  uint64_t calls, rows;
  uint64_t nfe[MAX_ROWS];
  uint64_t fail_at_call; /* 0: never */
  size_t dim;
} watch;

static fm_status watched(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                         double *dxdt, fmi_error *error) {
  watch *w = user;
  w->calls++;
  w->rows += n;
  ck_assert_uint_ge(n, 1);
  for (size_t i = 0; i < n; i++) {
    HOLDS(t[i] >= w->low && t[i] <= w->high, "evaluated at %.17g", t[i]);
    HOLDS(row[i] >= w->first_row && row[i] < w->first_row + w->n, "evaluated for row %llu",
          (unsigned long long)row[i]);
    HOLDS(i == 0 || row[i] > row[i - 1], "row %llu out of order", (unsigned long long)row[i]);
    w->nfe[row[i] - w->first_row]++;
    for (size_t j = 0; j < w->dim; j++) dxdt[i * w->dim + j] = w->slope(row[i], t[i], x[i * w->dim + j]);
  }
  if (w->calls == w->fail_at_call) return fmi_fail(error, FM_E_MISMATCH, "rhs: on purpose");
  return FM_OK;
}

/* ---- one call, with a workspace of exactly the size asked for ---------------------------------------- */

typedef struct solve {
  fmi_solve_config config;
  slope_fn slope;
  double t0, t1;
  size_t first_row, n, dim;
  double *y;
  const fmi_solve_control *control;
  fm_trajectory_fn trajectory;
  void *trajectory_user;
  uint64_t fail_at_call;
  fm_solve_stats stats; /* out */
  watch watch;          /* out */
} solve;

static fmi_error err;

static inline fmi_solve_config config_of(uint32_t method) {
  fm_solver_options options;
  fmi_solve_config config;
  fm_solver_options_init(&options);
  options.method = method;
  ck_assert_int_eq(fmi_solve_configure(&options, &config, &err), FM_OK);
  return config;
}

static inline fm_status run(solve *s) {
  const size_t bytes = s->config.method->workspace(&s->config, s->n, s->dim);
  ck_assert_uint_eq(bytes % FMI_ALIGN, 0);
  void *workspace = bytes == 0 ? NULL : aligned_alloc(FMI_ALIGN, bytes);
  if (bytes > 0) memset(workspace, 0xff, bytes); /* NaN wherever it is read before it is written */
  s->watch = (watch){.slope = s->slope,
                     .low = fmin(s->t0, s->t1),
                     .high = fmax(s->t0, s->t1),
                     .first_row = s->first_row,
                     .n = s->n,
                     .fail_at_call = s->fail_at_call,
                     .dim = s->dim};
  s->stats = (fm_solve_stats){.struct_size = sizeof s->stats};
  err = (fmi_error){0};
  const fmi_rhs rhs = {watched, &s->watch};
  fm_status status = fmi_solve(&s->config, &rhs, s->control, s->t0, s->t1, s->first_row, s->n, s->dim, s->y,
                               workspace, s->trajectory, s->trajectory_user, &s->stats, &err);
  free(workspace);
  ck_assert_int_eq(err.status, status);
  ck_assert_uint_eq(s->stats.nfe, s->watch.rows);
  uint64_t most = 0;
  for (size_t i = 0; i < s->n && i < MAX_ROWS; i++) most = s->watch.nfe[i] > most ? s->watch.nfe[i] : most;
  ck_assert_uint_eq(s->stats.max_nfe, most);
  return status;
}

/* A solve of n rows of one column from 0 to t1. */
static inline solve solve_of(uint32_t method, slope_fn slope, double t1, size_t n, double *y) {
  return (solve){.config = config_of(method), .slope = slope, .t1 = t1, .n = n, .dim = 1, .y = y};
}

/* ---- problems that both files solve ---------------------------------------------------------------- */

static inline double growth(uint64_t row, double t, double y) { return (void)row, (void)t, y; }
static inline double sine(uint64_t row, double t, double y) { return (void)row, y * (sin(t) + 0.5); }

#endif
