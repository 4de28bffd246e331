/* adams.c - Adams-Bashforth methods (Bashforth & Adams, "An Attempt to Test the Theories of Capillary
   Action", 1883; Hairer, Norsett & Wanner I, III.1 and, for steps of different lengths, III.5): the slope is
   extrapolated by the polynomial through those of the last steps, so a step of any order is one evaluation.
   The tableau of the same order takes the first steps. */
#include "solve/erk.h"

#include <math.h>

#define MOST_ORDER 4u

const fmi_stepper fmi_adams = {.multistep = true};

typedef struct adams {
  fmi_erk rows;
  double *history; /* [order][n][dim] by row of y: the slope at time k is at k % order */
  fmi_tableau own; /* the step as a sum of slopes, newest first, for what works on sums of stages */
} adams;

static void carve(adams *s, fmi_arena *arena, const fmi_tableau *tableau, size_t n, size_t dim) {
  fmi_erk_carve(&s->rows, arena, tableau, n, dim);
  s->history = fmi_arena_take(arena, fmi_mul_size(fmi_mul_size(tableau->order, n), dim), sizeof *s->history);
  s->own = (fmi_tableau){.name = tableau->name, .order = tableau->order, .stages = tableau->order};
}

size_t fmi_adams_workspace(const fmi_solve_config *config, size_t n, size_t dim) {
  fmi_arena arena = {0};
  adams s;
  carve(&s, &arena, config->method->tableau, n, dim);
  return arena.used;
}

/* The integral over [0, 1] of the polynomial that is 1 at node[j] and 0 at the others. */
static double weight(const double *node, unsigned order, unsigned j) {
  double c[MOST_ORDER] = {1}, sum = 0, scale = 1;
  unsigned degree = 0;
  for (unsigned i = 0; i < order; i++) {
    if (i == j) continue;
    for (unsigned p = ++degree; p > 0; p--) c[p] = c[p - 1] - node[i] * c[p];
    c[0] *= -node[i];
    scale *= node[j] - node[i];
  }
  for (unsigned p = 0; p <= degree; p++) sum += c[p] / (p + 1);
  return sum / scale;
}

/* The weights of step k, from the times of the slopes in units of its length. Times so near each other that
   they are the same double tell nothing: then the newest slope does. */
static void set_weights(adams *s, uint32_t k) {
  const fmi_solve_job *job = s->rows.job;
  const fmi_grid *grid = &job->config->grid;
  const double t = fmi_grid_time(grid, job->t0, job->t1, k),
               h = fmi_grid_time(grid, job->t0, job->t1, k + 1) - t;
  const unsigned order = s->own.order;
  double node[MOST_ORDER];
  for (unsigned j = 0; j < order; j++) node[j] = (fmi_grid_time(grid, job->t0, job->t1, k - j) - t) / h;
  bool finite = true;
  for (unsigned j = 0; j < order; j++) {
    s->own.b[j] = weight(node, order, j);
    finite = finite && isfinite(s->own.b[j]);
  }
  for (unsigned j = 0; j < order && !finite; j++) s->own.b[j] = j == 0;
}

static double *slope_of(const adams *s, uint32_t k, size_t row) {
  const fmi_solve_job *job = s->rows.job;
  return s->history + ((k % s->own.order) * job->n + row) * job->dim;
}

static void remember(adams *s, uint32_t k) {
  const size_t dim = s->rows.job->dim;
  for (size_t i = 0; i < s->rows.active; i++)
    memcpy(slope_of(s, k, s->rows.row[i]), s->rows.k + i * dim, dim * sizeof(double));
}

/* The step from its first stage: by the tableau until there are slopes enough. */
static fm_status advance(adams *s, uint32_t k, const fmi_tableau *starter) {
  fmi_erk *r = &s->rows;
  const size_t n = r->job->n, dim = r->job->dim;
  r->tableau = k + 1 < s->own.order ? starter : &s->own;
  if (r->tableau == starter) {
    FMI_TRY(fmi_erk_stages(r, 1, starter->stages));
  } else {
    set_weights(s, k);
    for (unsigned j = 1; j < s->own.order; j++)
      for (size_t i = 0; i < r->active; i++)
        memcpy(r->k + (j * n + i) * dim, slope_of(s, k - j, r->row[i]), dim * sizeof(double));
  }
  fmi_erk_combine(r, r->tableau->b, r->tableau->stages);
  return FM_OK;
}

fm_status fmi_adams_solve(const fmi_solve_job *job) {
  const fmi_tableau *starter = job->config->method->tableau;
  bool found = false;
  fmi_arena arena = {.base = job->workspace};
  adams s;
  carve(&s, &arena, starter, job->n, job->dim);
  FMI_TRY(fmi_erk_begin(&s.rows, job));
  for (uint32_t k = 0; k < job->config->grid.n_steps && s.rows.active > 0; k++) {
    const fm_status status = fmi_erk_check(&s.rows);
    if (status != FM_OK && status != FM_DEADLINE) return status;
    fmi_erk_propose(&s.rows, k);
    FMI_TRY(fmi_erk_stages(&s.rows, found, 1));
    if (status == FM_DEADLINE) return fmi_erk_finish_by_euler(&s.rows);
    remember(&s, k);
    FMI_TRY(advance(&s, k, starter));
    FMI_TRY(fmi_erk_find_end_slopes(&s.rows, &found));
    FMI_TRY(fmi_erk_take_step(&s.rows, found));
  }
  return fmi_erk_end(&s.rows, FM_OK);
}
