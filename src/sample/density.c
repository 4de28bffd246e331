/* density.c - log-densities of rows: the state and its log-density go along the flow together, in double.

   In the data's units log p(x) = log p(z) - sum log scale for z = (x - shift) / scale. A source whose own
   density is in the data's units has the same term with the other sign, and both cancel. */
#include "sample/sampler.h"

#include "model/prior.h"

#include <math.h>

fm_status fmi_density_check(const fm_model *m, fmi_error *err) {
  if (m->prior->kind->log_density == NULL ||
      (m->prior->kind->kind == FM_PRIOR_CALLBACK && m->prior->log_density == NULL))
    return fmi_fail(err, FM_E_UNSUPPORTED, "model: log-densities need that of its prior, which is not known");
  for (size_t j = 0; j < m->normaliser->dim; j++)
    if (!(m->normaliser->scale[j] > 0))
      return fmi_fail(err, FM_E_UNSUPPORTED,
                      "model: column %zu is constant (scale 0): its rows have no density, train without it",
                      j);
  return FM_OK;
}

/* ---- one tile --------------------------------------------------------------------------------------- */

/* The rows at their start, each followed by zeros for its log-densities. */
static fm_status start(const fmi_tile *w, fmi_error *err) {
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim, k = s->n_logs;
  FMI_TRY(fmi_tile_start(w, err));
  for (size_t i = 0; i < w->n; i++) {
    double *state = w->slot->state + i * (dim + k);
    memcpy(state, w->slot->y + i * dim, dim * sizeof *state);
    memset(state + dim, 0, k * sizeof *state);
  }
  return FM_OK;
}

static fm_status solve(fmi_tile *w, const fmi_solve_config *config, fm_row_stats *rows, fmi_error *err) {
  fmi_transport *job = w->job;
  const fm_sampler *s = job->sampler;
  const fmi_rhs rhs = {fmi_density_rhs, w};
  const fmi_solve_control control = {fmi_transport_check, job};
  const fmi_solve_job solve = {.config = config,
                               .rhs = &rhs,
                               .control = &control,
                               .t0 = job->t0,
                               .t1 = job->t1,
                               .first_row = w->first,
                               .n = w->n,
                               .dim = s->model->net->dim + s->n_logs,
                               .y = w->slot->state,
                               .workspace = w->slot->solve,
                               .rows = rows,
                               .stats = &w->slot->stats,
                               .err = err};
  const fm_status begun = start(w, err);
  if (begun == FM_OK) return fmi_solve_job_run(&solve);
  for (size_t i = 0; i < w->n; i++) rows[i].status = begun; /* nobody has a state to be written */
  return begun;
}

/* The log-densities at the rows' source ends, with the units' share: out [n]. */
static fm_status find_source(const fmi_tile *w, double *out, fmi_error *err) {
  const fm_sampler *s = w->job->sampler;
  const fm_model *m = s->model;
  const size_t dim = m->net->dim;
  const double *x = w->slot->y; /* where the rows began: a draw's source ends */
  double units = 0;
  for (size_t i = 0; i < w->n && !w->job->draw; i++)
    memcpy(w->slot->y + i * dim, w->slot->state + i * (dim + s->n_logs), dim * sizeof(double));
  if (m->prior->kind->normalised) {
    for (size_t j = 0; j < dim; j++) units += log(m->normaliser->scale[j]);
  } else {
    fmi_denormalise(m->normaliser, w->slot->y, w->n, w->slot->shown);
    x = w->slot->shown;
  }
  /* What is no number is its own row's failure alone, and found when the row is written. */
  fmi_error failure = {.status = FM_OK};
  const fm_status status = fmi_prior_log_density(m->prior, x, w->n, dim, out, &failure);
  if (status != FM_OK && status != FM_E_NONFINITE) return fmi_fail(err, status, "%s", failure.text);
  for (size_t i = 0; i < w->n; i++) out[i] -= units;
  return FM_OK;
}

/* The mean over the probes, and its standard error. */
static double mean_of(const double *logs, size_t k, double *error) {
  double mean = 0, squares = 0;
  for (size_t j = 0; j < k; j++) mean += logs[j] / (double)k;
  for (size_t j = 0; j < k; j++) squares += (logs[j] - mean) * (logs[j] - mean);
  *error = k > 1 ? sqrt(squares / ((double)k * (double)(k - 1))) : INFINITY;
  return mean;
}

/* Log-densities of the tile by one solve, and their errors: both [n]. */
static fm_status find(fmi_tile *w, const fmi_solve_config *config, fm_row_stats *rows, double *log_density,
                      double *error, fmi_error *err) {
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim, k = s->n_logs;
  const bool exact = s->options.divergence == FM_DIVERGENCE_EXACT;
  const fm_status status = solve(w, config, rows, err);
  if (!fmi_transport_goes_on(status)) return status;
  FMI_TRY(find_source(w, log_density, err));
  for (size_t i = 0; i < w->n; i++) {
    const double change = mean_of(w->slot->state + i * (dim + k) + dim, k, &error[i]);
    log_density[i] += w->job->draw ? change : -change;
    if (exact) error[i] = 0;
  }
  return status;
}

/* ---- results ---------------------------------------------------------------------------------------- */

static fm_status write_row(const fmi_tile *w, size_t i, fmi_error *err) {
  const fmi_density *job = (const fmi_density *)w->job;
  const fm_sampler *s = job->flow.sampler;
  const size_t dim = s->model->net->dim, row = w->first + i;
  const double found = w->slot->found[i];
  double *x = w->slot->shown;
  if (!(found < INFINITY)) return fmi_fail(err, FM_E_NONFINITE, "row %zu: its log-density is %g", row, found);
  if (job->flow.draw) {
    fmi_denormalise(s->model->normaliser, w->slot->state + i * (dim + s->n_logs), 1, x);
    for (size_t j = 0; j < dim; j++)
      if (!isfinite(x[j]))
        return fmi_fail(err, FM_E_NONFINITE, "row %zu, column %zu: %g is not a finite double", row, j, x[j]);
    memcpy(job->flow.out_f64 + row * dim, x, dim * sizeof *x);
  }
  job->log_density[row] = found;
  if (job->error) job->error[row] = w->slot->found[FMI_TILE + i];
  return FM_OK;
}

/* Writes what was found of the rows that arrived; `status` is the solve's. checked: there are log-densities
   by half as many steps to compare with. */
static fm_status write_rows(fmi_tile *w, bool checked, fm_status status, fmi_error *err) {
  fmi_sample_slot *slot = w->slot;
  const double *halved = slot->found + 2 * FMI_TILE, allowed = w->job->sampler->options.coarse;
  for (size_t i = 0; i < w->n; i++) {
    fm_row_stats *row = &slot->rows[i];
    if (row->status == FM_OK || row->status == FM_DEADLINE) {
      const fm_status written = write_row(w, i, status == FM_OK ? err : NULL);
      if (written != FM_OK) row->status = written;
      if (status == FM_OK) status = written;
    }
    /* Infinite by both is no change. */
    if (row->status != FM_OK || !checked || slot->found[i] == halved[i] ||
        fabs(slot->found[i] - halved[i]) <= allowed)
      continue;
    row->status = FM_COARSE;
    if (slot->n_coarse++ == 0 || w->first + i < slot->first_coarse) slot->first_coarse = w->first + i;
  }
  return status;
}

static void draw_probes(const fmi_tile *w) {
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim, k = s->n_logs;
  for (size_t i = 0; i < w->n; i++)
    fmi_probes(s->plan->kernels, s->options.divergence, s->options.probe_seed,
               w->job->first_row + w->first + i, k, dim, w->slot->probes + i * k * dim, w->slot->noise);
}

static fm_status tile_item(void *user, size_t item, size_t slot, fmi_error *err) {
  fmi_density *job = user;
  fm_sampler *s = job->flow.sampler;
  fmi_tile w = {.job = &job->flow, .slot = &s->slots[slot], .first = item * FMI_TILE};
  w.n = fmi_min(FMI_TILE, job->flow.n - w.first);
  const bool checked = s->options.coarse >= 0 && !fmi_method_is_adaptive(s->config.method);
  double *found = w.slot->found, *error = found + FMI_TILE, *halved = error + FMI_TILE;
  fm_status status = FM_OK;
  if (s->options.divergence != FM_DIVERGENCE_EXACT) draw_probes(&w);
  for (size_t i = 0; i < w.n; i++) w.slot->rows[i] = (fm_row_stats){.t = job->flow.t0};
  /* The check goes first: the state that is written is the other's. A row that fails in it is coarse. */
  for (size_t i = 0; i < FMI_TILE; i++) found[i] = halved[i] = NAN;
  const uint64_t failed = w.slot->stats.failed;
  if (checked) status = find(&w, &s->check_config, w.slot->rows, halved, error, err);
  w.slot->stats.failed = failed; /* rows that only the check lost are there */
  if (!fmi_transport_goes_on(status)) goto end;
  for (size_t i = 0; checked && i < w.n; i++)
    if (w.slot->rows[i].status != FM_OK) halved[i] = NAN;
  status = find(&w, &s->config, w.slot->rows, found, error, err);
  if (fmi_transport_goes_on(status)) status = write_rows(&w, checked, status, err);
end:
  if (!fmi_transport_goes_on(status)) fmi_row_stats_end(w.slot->rows, w.n, job->flow.t1, status);
  if (job->flow.rows) memcpy(job->flow.rows + w.first, w.slot->rows, w.n * sizeof *w.slot->rows);
  return status;
}

/* ---- all tiles -------------------------------------------------------------------------------------- */

/* Every second time of the grid that was asked for. One step has no half: two are its check. */
static void halve_grid(fm_sampler *s) {
  const fmi_grid *whole = &s->config.grid;
  fmi_grid *half = &s->check_config.grid;
  const uint32_t n = whole->n_steps;
  half->n_steps = n == 1 ? 2 : n / 2 + n % 2;
  for (uint32_t k = 0; k < half->n_steps; k++)
    half->own[k] = n == 1 ? k / 2.0 : fmi_grid_time(whole, 0, 1, 2 * k);
  half->own[half->n_steps] = 1;
}

fm_status fmi_density_run(fmi_density *job, fm_solve_stats *stats, fmi_error *err) {
  fm_sampler *s = job->flow.sampler;
  size_t n_coarse = 0, first = SIZE_MAX;
  halve_grid(s);
  fmi_transport_begin(&job->flow);
  for (size_t i = 0; i < s->n_slots; i++) s->slots[i].n_coarse = 0;
  const fmi_loop loop = {tile_item, job, fmi_ceil_div(job->flow.n, FMI_TILE), s->n_slots};
  const fm_status status = fmi_loop_run(job->flow.rt, &loop, err);
  fmi_transport_collect(s, stats);
  for (size_t i = 0; i < s->n_slots; i++) {
    if (s->slots[i].n_coarse > 0) first = fmi_min(first, s->slots[i].first_coarse);
    n_coarse += s->slots[i].n_coarse;
  }
  if (status != FM_OK || n_coarse == 0) return status;
  return fmi_fail(
      err, FM_COARSE,
      "%zu of %zu rows, row %zu the first: half as many steps as solver_options.n_steps (%u) change "
      "the log-density by more than %g",
      n_coarse, job->flow.n, first, (unsigned)s->config.grid.n_steps, s->options.coarse);
}
