/* solve_fixture.h - what the tests of the solvers share: a right-hand side that watches how it is called, and
   one call of fmi_solve with all that can be checked about any call. */
#ifndef SOLVE_FIXTURE_H
#define SOLVE_FIXTURE_H

#include "fixture.h"
#include "solve/erk.h"

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
  const double *times; /* [n_times] from t0 to t1, or NULL */
  size_t n_times;
  double *out;                 /* out, [n_times][n][dim] at times, the first and the last left out */
  uint64_t saved;              /* out: how many states came */
  fm_solve_stats stats;        /* out */
  fm_row_stats rows[MAX_ROWS]; /* out */
  watch watch;                 /* out */
} solve;

static inline void save(void *user, size_t row, size_t k, const double *x) {
  solve *s = user;
  ck_assert(k >= 1 && k + 1 < s->n_times && row >= s->first_row && row < s->first_row + s->n);
  memcpy(s->out + (k * s->n + row - s->first_row) * s->dim, x, s->dim * sizeof *x);
  s->saved++;
}

static fmi_error err;

static inline fmi_solve_config config_with(const fm_solver_options *options) {
  fmi_solve_config config;
  ck_assert_msg(fmi_solve_configure(options, &config, &err) == FM_OK, "%s", err.text);
  return config;
}

static inline fmi_solve_config config_of(uint32_t method) {
  return config_with(&(fm_solver_options){.struct_size = sizeof(fm_solver_options), .method = method});
}

/* n_steps fixed steps, whatever the method. */
static inline fmi_solve_config fixed_steps(uint32_t method, uint32_t n_steps) {
  return config_with(&(fm_solver_options){
      .struct_size = sizeof(fm_solver_options), .method = method, .n_steps = n_steps, .fixed_steps = 1});
}

/* The methods of the list for any right-hand side, by number, for loops of tests. */
static inline int n_methods(void) {
  int n = 0;
  while (!fmi_method_at((size_t)n)->stepper->needs_path) n++;
  return n;
}
/* Evaluations of n >= order fixed steps. */
static inline uint64_t evaluations_of(int i, uint64_t n) {
  fm_solver_info info;
  fmi_method_describe(fmi_method_at((size_t)i), &info);
  return n * info.evaluations + info.start_evaluations;
}
static inline uint32_t kind_of(int i) { return fmi_method_at((size_t)i)->kind; }
static inline bool is_adaptive(int i) { return fmi_method_is_adaptive(fmi_method_at((size_t)i)); }

/* What holds of the statistics of any call. */
static inline void check_stats(const solve *s) {
  fm_solve_stats sum = {0};
  for (size_t i = 0; i < s->n; i++) {
    const fm_row_stats *row = &s->rows[i];
    ck_assert_uint_eq(row->nfe, s->watch.nfe[i]);
    sum.nfe += row->nfe;
    sum.accepted += row->accepted;
    sum.rejected += row->rejected;
    sum.failed += row->status == FM_E_STEPS || row->status == FM_E_NONFINITE;
    sum.max_nfe = row->nfe > sum.max_nfe ? row->nfe : sum.max_nfe;
    ck_assert_uint_eq(row->reserved, 0);
  }
  ck_assert_uint_eq(s->stats.nfe, s->watch.rows);
  ck_assert_uint_eq(s->stats.nfe, sum.nfe);
  ck_assert_uint_eq(s->stats.accepted, sum.accepted);
  ck_assert_uint_eq(s->stats.rejected, sum.rejected);
  ck_assert_uint_eq(s->stats.failed, sum.failed);
  ck_assert_uint_eq(s->stats.max_nfe, sum.max_nfe);
}

static inline fm_status run(solve *s) {
  const size_t bytes = s->config.method->workspace(&s->config, s->n, s->dim);
  ck_assert_uint_eq(bytes % FMI_ALIGN, 0);
  ck_assert_uint_le(s->n, MAX_ROWS);
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
  s->saved = 0;
  err = (fmi_error){0};
  const fmi_rhs rhs = {watched, &s->watch};
  const fmi_solve_job job = {.config = &s->config,
                             .rhs = &rhs,
                             .control = s->control,
                             .t0 = s->t0,
                             .t1 = s->t1,
                             .first_row = s->first_row,
                             .n = s->n,
                             .dim = s->dim,
                             .y = s->y,
                             .workspace = workspace,
                             .trajectory = s->trajectory,
                             .trajectory_user = s->trajectory_user,
                             .times = s->times,
                             .n_times = s->n_times,
                             .save = save,
                             .save_user = s,
                             .rows = s->rows,
                             .stats = &s->stats,
                             .err = &err};
  memset(s->rows, 0xff, sizeof s->rows);
  fm_status status = fmi_solve_job_run(&job);
  free(workspace);
  ck_assert_int_eq(err.status, status);
  if (status != FM_E_INVALID) check_stats(s);
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
