/* erk.c - stages of explicit Runge-Kutta steps on many rows at once, and the bookkeeping around them.

   Every result element is computed from its own row alone, by the same operations in the same order whatever
   slot it stands in: that is why neighbours, splits and compaction never show in a row's bits. */
#include "solve/erk.h"

#include <math.h>

#define FMI_TABLEAU(x, ...) const fmi_tableau fmi_tableau_##x = {.name = #x, __VA_ARGS__};
#include "solve/tableaux.def"
#undef FMI_TABLEAU

const fmi_tableau *const fmi_tableaux[] = {
#define FMI_TABLEAU(x, ...) &fmi_tableau_##x,
#include "solve/tableaux.def"
#undef FMI_TABLEAU
    NULL};

/* The exponent bits of an infinity or a NaN are all ones, and one more carries into the sign. Five times
   faster than comparisons, which compilers don't turn into vectors of this width. */
bool fmi_erk_finite(const double *x, size_t n) {
  uint64_t carried = 0;
  for (size_t j = 0; j < n; j++) {
    uint64_t bits;
    memcpy(&bits, x + j, sizeof bits);
    carried |= (bits & 0x7fffffffffffffff) + 0x0010000000000000;
  }
  return carried >> 63 == 0;
}

double fmi_erk_time(double t, double h, double end) { return h > 0 ? fmin(t + h, end) : fmax(t + h, end); }

/* ---- rows ---------------------------------------------------------------------------------------- */

void fmi_erk_carve(fmi_erk *s, fmi_arena *arena, const fmi_tableau *tableau, size_t n, size_t dim) {
  *s = (fmi_erk){.tableau = tableau};
  s->row = fmi_arena_take(arena, n, sizeof *s->row);
  s->row_id = fmi_arena_take(arena, n, sizeof *s->row_id);
  s->t = fmi_arena_take(arena, n, sizeof *s->t);
  s->next = fmi_arena_take(arena, n, sizeof *s->next);
  s->rows = fmi_arena_take(arena, n, sizeof *s->rows);
  s->h = fmi_arena_take(arena, n, sizeof *s->h);
  s->t_next = fmi_arena_take(arena, n, sizeof *s->t_next);
  s->t_stage = fmi_arena_take(arena, n, sizeof *s->t_stage);
  s->x = fmi_arena_take(arena, fmi_mul_size(n, dim), sizeof *s->x);
  s->k =
      fmi_arena_take(arena, fmi_mul_size(fmi_mul_size(fmi_erk_end_stage(tableau) + 1, n), dim), sizeof *s->k);
  s->between = fmi_arena_take(arena, dim, sizeof *s->between);
}

fm_status fmi_erk_begin(fmi_erk *s, const fmi_solve_job *job) {
  s->job = job;
  if (job->rows != NULL) s->rows = job->rows;
  for (size_t i = 0; i < job->n; i++) {
    s->t[i] = job->t0;
    s->next[i] = 1;
    s->rows[i] = (fm_row_stats){.t = job->t0};
    s->row[s->active] = i;
    s->row_id[s->active] = (uint64_t)job->first_row + i;
    if (!fmi_erk_finite(job->y + i * job->dim, job->dim))
      fmi_erk_fail(s, s->active, FM_E_NONFINITE);
    else if (job->t0 != job->t1)
      s->active++;
  }
  return fmi_erk_report(s);
}

void fmi_erk_fail(fmi_erk *s, size_t slot, fm_status status) {
  size_t row = s->row[slot];
  s->job->stats->failed++;
  s->rows[row].status = status;
  if (s->failed_status != FM_OK && s->failed_row < row) return;
  s->failed_row = row;
  s->failed_status = status;
  s->failed_t = s->t[row];
}

void fmi_erk_move(fmi_erk *s, size_t to, size_t from) {
  s->row[to] = s->row[from];
  s->row_id[to] = s->row_id[from];
}

void fmi_erk_keep(fmi_erk *s, size_t to, size_t from, unsigned from_stage) {
  const size_t n = s->job->n, dim = s->job->dim;
  fmi_erk_move(s, to, from);
  if (to != from || from_stage != 0)
    memmove(s->k + to * dim, s->k + (from_stage * n + from) * dim, dim * sizeof *s->k);
}

bool fmi_erk_accept(fmi_erk *s, size_t slot) {
  const size_t dim = s->job->dim, row = s->row[slot];
  const double *x = s->x + slot * dim;
  if (!fmi_erk_finite(x, dim) || !fmi_erk_save(s, slot)) return false;
  memcpy(s->job->y + row * dim, x, dim * sizeof *x);
  s->t[row] = s->rows[row].t = s->t_next[slot];
  s->rows[row].accepted++;
  s->job->stats->accepted++;
  return true;
}

void fmi_erk_reject(fmi_erk *s, size_t slot) {
  s->rows[s->row[slot]].rejected++;
  s->job->stats->rejected++;
}

/* ---- stages -------------------------------------------------------------------------------------- */

fm_status fmi_erk_evaluate(fmi_erk *s, double *dxdt) {
  fm_solve_stats *stats = s->job->stats;
  const fmi_rhs *rhs = s->job->rhs;
  if (s->active == 0) return FM_OK;
  for (size_t i = 0; i < s->active; i++) {
    uint64_t nfe = ++s->rows[s->row[i]].nfe;
    if (nfe > stats->max_nfe) stats->max_nfe = nfe;
  }
  stats->nfe += s->active;
  return rhs->fn(rhs->user, s->active, s->row_id, s->t_stage, s->x, dxdt, s->job->err);
}

/* out [count] = sum_j w_j k_j, where k_j starts at k + j stride. */
static void weigh(size_t count, const double *w, unsigned terms, const double *k, size_t stride,
                  double *restrict out) {
  bool first = true;
  for (unsigned j = 0; j < terms; j++) {
    const double weight = w[j], *restrict kj = k + j * stride;
    if (weight == 0) continue;
    if (first)
      for (size_t e = 0; e < count; e++) out[e] = weight * kj[e];
    else
      for (size_t e = 0; e < count; e++) out[e] += weight * kj[e];
    first = false;
  }
  if (first)
    for (size_t e = 0; e < count; e++) out[e] = 0;
}

/* So many slots at a time that their sums stay in the first-level cache: narrow rows then share long loops,
   and wide ones don't go to memory for every term. */
static size_t block_slots(size_t dim) { return dim < 512 ? 512 / dim : 1; }

void fmi_erk_weigh(const fmi_erk *s, const double *w, unsigned terms, double *out) {
  const size_t dim = s->job->dim, stride = s->job->n * dim, block = block_slots(dim);
  for (size_t from = 0; from < s->active; from += block)
    weigh(fmi_min(block, s->active - from) * dim, w, terms, s->k + from * dim, stride, out + from * dim);
}

void fmi_erk_combine(fmi_erk *s, const double *w, unsigned terms) {
  const size_t dim = s->job->dim, stride = s->job->n * dim, block = block_slots(dim);
  for (size_t from = 0; from < s->active; from += block) {
    const size_t to = fmi_min(from + block, s->active);
    weigh((to - from) * dim, w, terms, s->k + from * dim, stride, s->x + from * dim);
    for (size_t i = from; i < to; i++) {
      const double h = s->h[i], *restrict y = s->job->y + s->row[i] * dim;
      double *restrict x = s->x + i * dim;
      for (size_t j = 0; j < dim; j++) x[j] = y[j] + h * x[j];
    }
  }
}

fm_status fmi_erk_stages(fmi_erk *s, unsigned from, unsigned to) {
  const size_t dim = s->job->dim, stride = s->job->n * dim;
  for (unsigned i = from; i < to; i++) {
    const double c = s->tableau->c[i];
    if (i > 0) fmi_erk_combine(s, s->tableau->a[i], i);
    for (size_t slot = 0; slot < s->active; slot++) {
      const size_t row = s->row[slot];
      if (i == 0) memcpy(s->x + slot * dim, s->job->y + row * dim, dim * sizeof *s->x);
      if (i == 0)
        s->t_stage[slot] = s->t[row];
      else if (c == 1)
        s->t_stage[slot] = s->t_next[slot];
      else
        s->t_stage[slot] = fmi_erk_time(s->t[row], c * s->h[slot], s->t_next[slot]);
    }
    FMI_TRY(fmi_erk_evaluate(s, s->k + i * stride));
  }
  return FM_OK;
}

/* ---- the world outside --------------------------------------------------------------------------- */

fm_status fmi_erk_check(const fmi_erk *s) {
  const fmi_solve_control *control = s->job->control;
  if (control == NULL) return FM_OK;
  fm_status status = control->check(control->user);
  if (status != FM_OK && status != FM_DEADLINE)
    fmi_fail(s->job->err, status, "the solve was ended after step %llu (%s)", (unsigned long long)s->step,
             fm_status_name(status));
  return status;
}

fm_status fmi_erk_report(fmi_erk *s) {
  const fmi_solve_job *job = s->job;
  if (job->trajectory == NULL) return FM_OK;
  const fm_trajectory call = {
      .struct_size = sizeof call,
      .step = s->step,
      .first_row = job->first_row,
      .n = job->n,
      .dim = job->dim,
      .t = s->t,
      .x = job->y,
  };
  int32_t code = job->trajectory(job->trajectory_user, &call);
  if (code != 0)
    return fmi_fail(job->err, FM_E_CALLBACK, "trajectory: the callback returned %d at step %llu", (int)code,
                    (unsigned long long)s->step);
  return FM_OK;
}

fm_status fmi_erk_finish_by_euler(fmi_erk *s) {
  static const double forward[] = {1};
  const size_t rows = s->active;
  for (size_t i = 0; i < rows; i++) {
    s->t_next[i] = s->job->t1;
    s->h[i] = s->job->t1 - s->t[s->row[i]];
  }
  fmi_erk_combine(s, forward, 1);
  s->long_step = true;
  for (size_t i = 0; i < rows; i++) {
    if (fmi_erk_accept(s, i))
      s->rows[s->row[i]].status = FM_DEADLINE;
    else
      fmi_erk_fail(s, i, FM_E_NONFINITE);
  }
  s->active = 0;
  s->step++;
  FMI_TRY(fmi_erk_report(s));
  fmi_fail(s->job->err, FM_DEADLINE, "the deadline passed: %zu of %zu rows took one Euler step to t = %g",
           rows, s->job->n, s->job->t1);
  return fmi_erk_end(s, FM_DEADLINE);
}

fm_status fmi_erk_end(fmi_erk *s, fm_status status) {
  const fmi_solve_job *job = s->job;
  const unsigned long long row = (unsigned long long)job->first_row + s->failed_row;
  switch (s->failed_status) {
  case FM_OK:
    return status;
  case FM_E_STEPS:
    return fmi_fail(
        job->err, FM_E_STEPS,
        "row %llu: stopped at t = %.17g, short of %.17g, after %llu evaluations: solver_options.max_steps "
        "(%llu) tries are used up, or the step got too small to be taken",
        row, s->failed_t, job->t1, (unsigned long long)s->rows[s->failed_row].nfe,
        (unsigned long long)job->config->max_steps);
  default:
    return fmi_fail(job->err, s->failed_status,
                    "row %llu: the state or its derivative is not finite in the step from t = %.17g", row,
                    s->failed_t);
  }
}
