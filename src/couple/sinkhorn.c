/* sinkhorn.c - entropic plans: the P that minimises

     <P, cost> + e KL(P | 1/n^2) + r KL(P 1 | 1/n) + r KL(P^T 1 | 1/n)

   by Sinkhorn's iterations (Cuturi 2013; relaxed by r: Chizat, Peyre, Schmitzer & Vialard, "Scaling algorithms
   for unbalanced optimal transport problems", Math. Comp. 87, 2018; r infinite: balanced). They go on in the
   log domain: P_ij = u_i exp((f_i + g_j - cost_ij) / e) / n^2 v_j with potentials f and g, where an iteration
   changes the scalings u and v only, products of a matrix and a vector. When a scaling has left a range, it is
   taken into its potential, and one iteration by logarithms of sums makes the next matrix, so that no small e
   underflows (Schmitzer, "Stabilized sparse scaling algorithms", SIAM J. Sci. Comput. 41, 2019). */
#include "couple/couple.h"

#include "core/rng.h"

#include <math.h>

#define RANGE 1e30

extern const fmi_coupling_kind fmi_coupling_sinkhorn;

typedef struct plan {
  fm_coupling *c;
  size_t n;
  double e;     /* regularisation */
  double power; /* r / (r + e): 1 if balanced */
} plan;

/* ---- by logarithms --------------------------------------------------------------------------------- */

/* f_i = -power e log sum_j exp((g_j - cost_ij) / e) / n */
static void update_f(const plan *p) {
  const size_t n = p->n;
  for (size_t i = 0; i < n; i++) {
    const double *cost = p->c->cost + i * n, *g = p->c->g;
    double most = -(double)INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++) most = g[j] - cost[j] > most ? g[j] - cost[j] : most;
    for (size_t j = 0; j < n; j++) sum += exp((g[j] - cost[j] - most) / p->e);
    p->c->f[i] = -p->power * (most + p->e * log(sum / (double)n));
  }
}

/* g likewise, passing over the rows of the costs: sum [n] gets the sums, v the greatest. */
static void update_g(const plan *p) {
  const size_t n = p->n;
  double *most = p->c->v, *sum = p->c->sum;
  for (size_t j = 0; j < n; j++) most[j] = -(double)INFINITY, sum[j] = 0;
  for (size_t i = 0; i < n; i++) {
    const double *cost = p->c->cost + i * n, f = p->c->f[i];
    for (size_t j = 0; j < n; j++) most[j] = f - cost[j] > most[j] ? f - cost[j] : most[j];
  }
  for (size_t i = 0; i < n; i++) {
    const double *cost = p->c->cost + i * n, f = p->c->f[i];
    for (size_t j = 0; j < n; j++) sum[j] += exp((f - cost[j] - most[j]) / p->e);
  }
  for (size_t j = 0; j < n; j++) p->c->g[j] = -p->power * (most[j] + p->e * log(sum[j] / (double)n));
}

/* One iteration, the matrix of its potentials, and scalings of 1. */
static void log_iteration(const plan *p) {
  const size_t n = p->n;
  fm_coupling *c = p->c;
  update_f(p);
  update_g(p);
  const double uniform = 1 / ((double)n * (double)n);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < n; j++)
      c->kernel[j * n + i] = exp((c->f[i] + c->g[j] - c->cost[i * n + j]) / p->e) * uniform;
    c->u[i] = c->v[i] = 1;
  }
}

/* ---- by scalings ----------------------------------------------------------------------------------- */

/* sum_i kernel_ji v_j over j: what rows of x0 have. */
static void sum_rows(const plan *p) {
  const size_t n = p->n;
  double *sum = p->c->sum;
  memset(sum, 0, n * sizeof *sum);
  for (size_t j = 0; j < n; j++) {
    const double *kernel = p->c->kernel + j * n, v = p->c->v[j];
    for (size_t i = 0; i < n; i++) sum[i] += kernel[i] * v;
  }
}

/* What x1 row j has, but for v_j. */
static double sum_column(const plan *p, const double *u, size_t j) {
  const double *kernel = p->c->kernel + j * p->n;
  double lane[8] = {0};
  const size_t whole = p->n - p->n % 8;
  for (size_t i = 0; i < whole; i += 8)
    for (size_t l = 0; l < 8; l++) lane[l] += kernel[i + l] * u[i + l];
  for (size_t i = whole; i < p->n; i++) lane[i - whole] += kernel[i] * u[i];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* The scaling with which a sum, but for it, has its share of 1 / n; potential is what the matrix has of it. */
static double scaling(const plan *p, double sum, double potential) {
  if (p->power == 1) return 1 / ((double)p->n * sum);
  return exp(-p->power * log((double)p->n * sum) + (p->power - 1) * potential / p->e);
}

static bool in_range(double scaling) { return scaling > 1 / RANGE && scaling < RANGE; }

/* new_u from v, and how far it is from u. False: out of range. */
static bool iterate_u(const plan *p, double *error) {
  fm_coupling *c = p->c;
  bool ok = true;
  *error = 0;
  sum_rows(p);
  for (size_t i = 0; i < p->n; i++) {
    c->new_u[i] = scaling(p, c->sum[i], c->f[i]);
    ok = ok && in_range(c->new_u[i]);
    *error += fabs(c->new_u[i] / c->u[i] - 1) / (double)p->n;
  }
  return ok;
}

static bool iterate_v(const plan *p) {
  fm_coupling *c = p->c;
  for (size_t j = 0; j < p->n; j++) {
    c->sum[j] = scaling(p, sum_column(p, c->new_u, j), c->g[j]);
    if (!in_range(c->sum[j])) return false;
  }
  memcpy(c->u, c->new_u, p->n * sizeof *c->u);
  memcpy(c->v, c->sum, p->n * sizeof *c->v);
  return true;
}

/* Scalings into potentials. */
static void absorb(const plan *p) {
  for (size_t i = 0; i < p->n; i++) {
    p->c->f[i] += p->e * log(p->c->u[i]);
    p->c->g[i] += p->e * log(p->c->v[i]);
  }
}

/* FM_E_STEPS: not within the tolerance yet. */
static fm_status converge(const plan *p, const fmi_batch_pair *batch, fmi_error *err) {
  fm_coupling *c = p->c;
  memset(c->g, 0, p->n * sizeof *c->g);
  log_iteration(p);
  c->stats.iterations = 1;
  for (uint64_t k = 1; k < c->options.max_iterations; k++) {
    double error;
    FMI_TRY(fmi_coupling_go_on(batch, err));
    c->stats.iterations = k + 1;
    const bool ok = iterate_u(p, &error);
    c->stats.error = error;
    if (error <= c->options.tolerance) return FM_OK;
    if (ok && iterate_v(p)) continue;
    absorb(p);
    log_iteration(p);
  }
  double error;
  iterate_u(p, &error);
  c->stats.error = error;
  if (error <= c->options.tolerance) return FM_OK;
  return fmi_fail(err, FM_E_STEPS,
                  "after %u iterations the plan's error is %g, not below the tolerance of %g",
                  (unsigned)c->options.max_iterations, error, c->options.tolerance);
}

/* ---- pairs ----------------------------------------------------------------------------------------- */

/* x0 of the pair with x1 row j, by its share of the row's mass. */
static size_t draw_row(const plan *p, size_t j, double uniform) {
  const double *kernel = p->c->kernel + j * p->n, *u = p->c->u;
  double total = 0, up_to = 0;
  size_t last = 0;
  for (size_t i = 0; i < p->n; i++) total += kernel[i] * u[i];
  for (size_t i = 0; i < p->n; i++) {
    const double mass = kernel[i] * u[i];
    up_to += mass;
    if (mass > 0) last = i;
    if (up_to > uniform * total) return i;
  }
  return last;
}

/* Every row of the data once; relaxed, in proportion to its mass, by systematic resampling (Kitagawa 1996). */
static void draw_pairs(const plan *p, const fmi_batch_pair *batch) {
  fm_coupling *c = p->c;
  const size_t n = p->n;
  for (size_t j = 0; j < n; j++) c->x1_index[j] = j;
  if (c->kind->resamples) {
    const double start = fmi_rng_uniform(batch->seed, FMI_STREAM_PAIRS, batch->first_row, 1);
    double up_to = 0;
    for (size_t j = 0, k = 0; j < n; j++) {
      up_to += c->sum[j] / c->stats.mass * (double)n;
      for (; k < n && (up_to > (double)k + start || j + 1 == n); k++) c->x1_index[k] = j;
    }
  }
  for (size_t k = 0; k < n; k++)
    c->x0_index[k] = draw_row(p, (size_t)c->x1_index[k],
                              fmi_rng_uniform(batch->seed, FMI_STREAM_PAIRS, batch->first_row + k, 0));
}

/* Mass and cost of the plan; sum [n] gets what x1 rows have. */
static void measure(const plan *p) {
  fm_coupling *c = p->c;
  c->stats.mass = c->stats.cost = 0;
  for (size_t j = 0; j < p->n; j++) {
    double cost = 0;
    for (size_t i = 0; i < p->n; i++) cost += c->u[i] * c->kernel[j * p->n + i] * c->cost[i * p->n + j];
    c->sum[j] = c->v[j] * sum_column(p, c->u, j);
    c->stats.mass += c->sum[j];
    c->stats.cost += c->v[j] * cost;
  }
}

double fmi_coupling_regularisation(const fm_coupling *c) {
  const fm_coupling_options *o = &c->options;
  return o->regularisation > 0 ? o->regularisation : o->relative_regularisation * c->scale;
}

fm_status fmi_coupling_entropic(fm_coupling *c, const fmi_batch_pair *batch, double regularisation,
                                double relaxation, fmi_error *err) {
  const plan p = {.c = c,
                  .n = batch->n,
                  .e = regularisation,
                  .power = isinf(relaxation) ? 1 : relaxation / (relaxation + regularisation)};
  double least = (double)INFINITY, most = -(double)INFINITY;
  for (size_t i = 0; i < p.n * p.n; i++) {
    least = c->cost[i] < least ? c->cost[i] : least;
    most = c->cost[i] > most ? c->cost[i] : most;
  }
  if (!((most - least) / regularisation <= 1e12))
    return fmi_fail(err, FM_E_INVALID,
                    "regularisation: expected at least 1e-12 of the costs, which go from %g to %g, found %g",
                    least, most, regularisation);
  const fm_status status = converge(&p, batch, err);
  if (status != FM_OK && status != FM_E_STEPS) return status;
  measure(&p);
  if (!(c->stats.mass > 0 && c->stats.mass < (double)INFINITY))
    return fmi_fail(
        err, FM_E_NONFINITE,
        "relaxation: expected one nearer to the costs, which go from %g to %g: a plan of %g has mass %g",
        least, most, relaxation, c->stats.mass);
  draw_pairs(&p, batch);
  absorb(&p);
  return status;
}

static fm_status pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  return fmi_coupling_entropic(c, batch, fmi_coupling_regularisation(c), (double)INFINITY, err);
}

const fmi_coupling_kind fmi_coupling_sinkhorn = {
    .kind = FM_COUPLING_SINKHORN,
    .name = "sinkhorn",
    .costs = true,
    .entropic = true,
    .pair = pair,
};
