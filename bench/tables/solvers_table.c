/* solvers_table.c - steps and solvers (Lipman et al., figure 7, on two-dimensional data): the error against a
   reference of 1000 steps over evaluations. On the exact velocity of a Gaussian mixture, where a method's
   order must be seen, and on trained networks, with the optimal-transport and the diffusion path. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_ROWS 1000u
#define N_REFERENCE 1000u
#define RADIUS 2.
#define DEVIATION .5

typedef struct method {
  const char *name;
  uint32_t method, evaluations, start; /* of a step; that the first steps take more */
  double order;
  bool judged;
} method;

static const method methods[] = {
    {"Euler", FM_SOLVER_EULER, 1, 0, 1, true}, {"midpoint", FM_SOLVER_MIDPOINT, 2, 0, 2, true},
    {"Heun", FM_SOLVER_HEUN2, 2, 0, 2, true},  {"RK4", FM_SOLVER_RK4, 4, 0, 4, true},
    {"AB2", FM_SOLVER_AB2, 1, 1, 2, false},    {"AB3", FM_SOLVER_AB3, 1, 4, 3, false},
    {"AB4", FM_SOLVER_AB4, 1, 9, 4, false},
};
#define N_METHODS (sizeof methods / sizeof methods[0])

static const uint32_t budgets[] = {4, 6, 8, 10, 12, 16, 20, 28, 40, 60, 80, 100};
#define N_BUDGETS (sizeof budgets / sizeof budgets[0])

/* Steps of a method for so many evaluations; 0 if it can't. */
static uint32_t steps_for(const method *m, uint32_t budget) {
  if (budget <= m->start || (budget - m->start) % m->evaluations) return 0;
  uint32_t n = (budget - m->start) / m->evaluations;
  return m->start > 0 && n < (uint32_t)m->order ? 0 : n;
}

static double rms(const double *a, const double *b, size_t n) {
  return sqrt(tables_mean_square(a, b, n) / 2);
}

/* ---- the exact velocity ------------------------------------------------------------------------------ */

/* Of a path with a N(0, 1) source: alpha, its derivative, sigma^2 and half its derivative. */
typedef struct schedule {
  double alpha, d_alpha, variance, half_d_variance;
} schedule;

static schedule optimal_transport(double t) { return (schedule){t, 1, (1 - t) * (1 - t), t - 1}; }

/* The variance-preserving diffusion of Song et al. 2021, beta from 0.1 to 20. */
static schedule diffusion(double t) {
  double s = 1 - t, alpha = exp(-.5 * (19.9 * s * s / 2 + .1 * s)), d_alpha = .5 * (19.9 * s + .1) * alpha;
  return (schedule){alpha, d_alpha, 1 - alpha * alpha, -alpha * d_alpha};
}

/* u(t, x) = sum_k p(k | x_t = x) u_k(t, x), where component k goes with its own Gaussian:
   u_k = alpha' m_k + (alpha alpha' s^2 + sigma sigma') / (alpha^2 s^2 + sigma^2) (x - alpha m_k). */
static int32_t mixture_velocity(void *user, const fm_rhs_call *call) {
  schedule (*const *at)(double) = user;
  for (size_t i = 0; i < call->n; i++) {
    schedule s = (*at)(call->t[i]);
    const double *x = call->x + 2 * i, width = s.alpha * s.alpha * DEVIATION * DEVIATION + s.variance,
                 rate = (s.alpha * s.d_alpha * DEVIATION * DEVIATION + s.half_d_variance) / width;
    double square[8], least = INFINITY, mass = 0, mean[2] = {0, 0};
    for (int k = 0; k < 8; k++) {
      double dx = x[0] - s.alpha * RADIUS * cos(k * atan(1)), dy = x[1] - s.alpha * RADIUS * sin(k * atan(1));
      square[k] = (dx * dx + dy * dy) / (2 * width);
      least = fmin(least, square[k]);
    }
    for (int k = 0; k < 8; k++) {
      double p = exp(least - square[k]);
      mass += p;
      mean[0] += p * RADIUS * cos(k * atan(1));
      mean[1] += p * RADIUS * sin(k * atan(1));
    }
    for (int c = 0; c < 2; c++) {
      double m = mean[c] / mass;
      call->dxdt[2 * i + (size_t)c] = s.d_alpha * m + rate * (x[c] - s.alpha * m);
    }
  }
  return 0;
}

static void solve_exact(const tables_run *run, schedule (*at)(double), uint32_t which, uint32_t n_steps,
                        const double *x, double *out) {
  fm_solver *solver = NULL;
  fm_solver_options o;
  fm_solver_options_init(&o);
  o.method = which;
  o.n_steps = n_steps;
  TABLES_OK(run->ctx, fm_solver_create(run->ctx, 2, &o, &solver));
  memcpy(out, x, 2 * N_ROWS * sizeof *out);
  TABLES_OK(run->ctx,
            fm_solver_solve(run->ctx, solver, mixture_velocity, &at, 0, 1, N_ROWS, out, NULL, NULL, NULL));
  fm_solver_destroy(solver);
}

/* ---- errors over evaluations --------------------------------------------------------------------------- */

typedef struct errors {
  double at[N_METHODS][N_BUDGETS]; /* 0: not possible */
} errors;

typedef void (*solve_fn)(const tables_run *run, const void *what, uint32_t which, uint32_t n_steps,
                         const double *x, double *out);

static errors measure(const tables_run *run, solve_fn solve, const void *what, const double *x) {
  errors e = {{{0}}};
  double *reference = tables_alloc(2 * N_ROWS, sizeof *reference),
         *out = tables_alloc(2 * N_ROWS, sizeof *out);
  solve(run, what, FM_SOLVER_RK4, N_REFERENCE, x, reference);
  for (size_t m = 0; m < N_METHODS; m++)
    for (size_t b = 0; b < N_BUDGETS; b++) {
      uint32_t n_steps = steps_for(&methods[m], budgets[b]);
      if (n_steps == 0) continue;
      solve(run, what, methods[m].method, n_steps, x, out);
      e.at[m][b] = rms(out, reference, N_ROWS);
    }
  free(reference);
  free(out);
  return e;
}

static size_t best_at(const errors *e, size_t b) {
  size_t best = 0; /* Euler can take any number */
  for (size_t m = 1; m < N_METHODS; m++)
    if (e->at[m][b] > 0 && e->at[m][b] < e->at[best][b]) best = m;
  return best;
}

static void write_errors(const tables_run *run, const char *title, const errors *e) {
  tables_write(run, "\n%s\n\n| evaluations |", title);
  for (size_t m = 0; m < N_METHODS; m++) tables_write(run, " %s |", methods[m].name);
  tables_write(run, " best |\n|---|");
  for (size_t m = 0; m <= N_METHODS; m++) tables_write(run, "---|");
  tables_write(run, "\n");
  for (size_t b = 0; b < N_BUDGETS; b++) {
    tables_write(run, "| %u |", (unsigned)budgets[b]);
    for (size_t m = 0; m < N_METHODS; m++)
      if (e->at[m][b] > 0)
        tables_write(run, " %.2e |", e->at[m][b]);
      else
        tables_write(run, " - |");
    tables_write(run, " %s |\n", methods[best_at(e, b)].name);
  }
}

/* Below about ten evaluations multistep methods are said to beat Runge-Kutta's: where they do here. */
static void write_few(const tables_run *run, const char *title, const errors *e) {
  size_t n_found = 0;
  tables_write(run, "\n%s, up to ten evaluations: ", title);
  for (size_t b = 0; budgets[b] <= 10; b++) {
    const size_t best = best_at(e, b);
    if (methods[best].start > 0)
      tables_write(run, "%s%s has the least error at %u", n_found++ ? ", " : "", methods[best].name,
                   (unsigned)budgets[b]);
  }
  tables_write(run, n_found ? ".\n" : "no multistep method has the least error.\n");
}

static void save_curves(const tables_run *run, const char *file, const errors *e) {
  FILE *out = fopen(tables_path(run, file), "w");
  if (!out) {
    perror(file);
    exit(2);
  }
  for (size_t m = 0; m < N_METHODS; m++)
    for (size_t b = 0; b < N_BUDGETS; b++)
      if (e->at[m][b] > 0) fprintf(out, "%s,%u,%.6e\n", methods[m].name, (unsigned)budgets[b], e->at[m][b]);
  fclose(out);
}

/* The evaluations at which a method's error falls to a value, between budgets in logarithms; 0: never. */
static double evaluations_at(const errors *e, size_t m, double error) {
  double last_n = 0, last = 0;
  for (size_t b = 0; b < N_BUDGETS; b++) {
    double now = e->at[m][b], n = budgets[b];
    if (now <= 0) continue;
    if (now <= error) return last > error ? last_n * pow(n / last_n, log(last / error) / log(last / now)) : n;
    last = now;
    last_n = n;
  }
  return 0;
}

static void write_ratio(const tables_run *run, const char *title, const errors *ot, const errors *vp) {
  tables_write(
      run,
      "\n%s: evaluations of the OT path as a share of the diffusion path's at equal error (Lipman et "
      "al.: about 0.60).\n\n| error |",
      title);
  for (size_t m = 0; m < 4; m++) tables_write(run, " %s |", methods[m].name);
  tables_write(run, "\n|---|---|---|---|---|\n");
  for (int k = 0; k < 4; k++) {
    double error = (double[]){.2, .1, .05, .02}[k];
    tables_write(run, "| %g |", error);
    for (size_t m = 0; m < 4; m++) {
      double a = evaluations_at(ot, m, error), b = evaluations_at(vp, m, error);
      if (a > 0 && b > 0)
        tables_write(run, " %.1f / %.1f = %.2f |", a, b, a / b);
      else
        tables_write(run, " - |");
    }
    tables_write(run, "\n");
  }
}

/* ---- the exact part ------------------------------------------------------------------------------------ */

static void solve_ot(const tables_run *run, const void *what, uint32_t which, uint32_t n_steps,
                     const double *x, double *out) {
  (void)what;
  solve_exact(run, optimal_transport, which, n_steps, x, out);
}

static void solve_vp(const tables_run *run, const void *what, uint32_t which, uint32_t n_steps,
                     const double *x, double *out) {
  (void)what;
  solve_exact(run, diffusion, which, n_steps, x, out);
}

/* The slope of the error's logarithm over steps, least squares over 64 to 512 evaluations. */
static double slope(const tables_run *run, const method *m, const double *x, const double *reference) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0, n = 0, *out = tables_alloc(2 * N_ROWS, sizeof *out);
  for (uint32_t evaluations = 64; evaluations <= 512; evaluations *= 2) {
    uint32_t n_steps = evaluations / m->evaluations;
    solve_exact(run, optimal_transport, m->method, n_steps, x, out);
    double a = log(n_steps), b = log(rms(out, reference, N_ROWS));
    sx += a;
    sy += b;
    sxx += a * a;
    sxy += a * b;
    n++;
  }
  free(out);
  return -(n * sxy - sx * sy) / (n * sxx - sx * sx);
}

static void run_exact(tables_run *run, const double *x) {
  double *reference = tables_alloc(2 * N_ROWS, sizeof *reference);
  solve_exact(run, optimal_transport, FM_SOLVER_RK4, 4 * N_REFERENCE, x, reference);
  tables_write(run,
               "Exact velocity of eight Gaussians (radius %g, deviation %g), %u rows. Slopes over 64 to 512 "
               "evaluations, OT path:\n\n",
               RADIUS, DEVIATION, N_ROWS);
  for (size_t m = 0; m < N_METHODS; m++) {
    double found = slope(run, &methods[m], x, reference);
    if (methods[m].judged)
      tables_accept(run, fabs(found - methods[m].order) <= .2, "%s: slope %.3f, order %g", methods[m].name,
                    found, methods[m].order);
    else
      tables_write(run, "- %s: slope %.3f, order %g\n", methods[m].name, found, methods[m].order);
  }
  errors ot = measure(run, solve_ot, NULL, x), vp = measure(run, solve_vp, NULL, x);
  write_errors(run, "Exact velocity, OT path: error (root mean square) over evaluations.", &ot);
  write_errors(run, "Exact velocity, diffusion path.", &vp);
  write_few(run, "Exact velocity, OT path", &ot);
  write_few(run, "Exact velocity, diffusion path", &vp);
  write_ratio(run, "Exact velocity", &ot, &vp);
  save_curves(run, "errors_exact.csv", &ot);
  free(reference);
}

/* ---- trained networks ---------------------------------------------------------------------------------- */

static void solve_model(const tables_run *run, const void *what, uint32_t which, uint32_t n_steps,
                        const double *x, double *out) {
  tables_carry(run, what, (tables_way){which, n_steps, 0}, NULL, x, N_ROWS, out, NULL, NULL);
}

static errors run_trained(const tables_run *run, const char *path, const char *what, const double *x) {
  const size_t n = 50000;
  tables_recipe recipe = tables_recipe_of(path, FM_ACT_SILU, 128, 4, 512, 1e-3, 8000);
  double *rows = tables_alloc(2 * n, sizeof *rows);
  tables_rng rng = tables_rng_of(0, 1);
  fm_data *data = NULL;
  recipe.optimizer.schedule = FM_SCHEDULE_COSINE;
  tables_checkerboard(&rng, n, rows);
  TABLES_OK(run->ctx, fm_data_create_f64(run->ctx, rows, NULL, NULL, NULL, NULL, n, 2, 0, 0, NULL, &data));
  fm_model *model = tables_train(run, &recipe, data, 0, what);
  errors e = measure(run, solve_model, model, x);
  fm_model_destroy(model);
  fm_data_destroy(data);
  free(rows);
  return e;
}

int main(int argc, char **argv) {
  tables_run run;
  double *x = tables_alloc(2 * N_ROWS, sizeof *x);
  tables_rng rng = tables_rng_of(0, 3);
  tables_gaussian(&rng, N_ROWS, x);
  tables_begin(&run, "solvers", "5. Steps and solvers", .25, argc, argv);
  run_exact(&run, x);
  errors ot = run_trained(&run, "condot", "checkerboard, OT path", x);
  errors vp = run_trained(&run, "vp", "checkerboard, diffusion path", x);
  write_errors(&run,
               "Trained on the checkerboard (MLP 3 x 128 SiLU, one seed), OT path: error against 1000 steps "
               "of RK4 of the same network.",
               &ot);
  write_errors(&run, "The same, diffusion path.", &vp);
  write_few(&run, "Trained, OT path", &ot);
  write_few(&run, "Trained, diffusion path", &vp);
  write_ratio(&run, "Trained", &ot, &vp);
  save_curves(&run, "errors_trained.csv", &ot);
  free(x);
  return tables_end(&run);
}
