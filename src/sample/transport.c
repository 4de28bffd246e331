/* transport.c - solving dx/dt = v(t, x) for rows, in tiles that know nothing of each other: a row's bits
   don't depend on where a call starts or on which thread it ran. */
#include "sample/sampler.h"

#include "core/os.h"

#include <math.h>

fmi_weights fmi_sampler_weights(const fm_sampler *s) {
  return s->raw_packed ? (fmi_weights){s->model->params, s->raw_packed}
                       : (fmi_weights){s->model->ema, s->model->packed};
}

/* Conditions of rows `row` of the tile, gathered. */
fmi_rows fmi_tile_gather(const fmi_tile *w, size_t n, const uint64_t *row, const double *t) {
  const fm_net *net = w->job->sampler->model->net;
  size_t k = net->n_class_columns, c = net->cond_dim;
  fmi_rows rows = {.x = w->slot->x, .t = t, .dim = net->dim, .n_class_columns = k, .cond_dim = c};
  if (k > 0 && w->job->labels != NULL) {
    for (size_t i = 0; i < n; i++)
      memcpy(w->slot->labels + i * k, w->job->labels + row[i] * k, k * sizeof(int32_t));
    rows.labels = w->slot->labels;
  }
  if (c > 0 && w->job->cond != NULL) {
    for (size_t i = 0; i < n; i++)
      memcpy(w->slot->cond_now + i * c, w->slot->cond + (row[i] - w->first) * c, c * sizeof(real));
    rows.cond = w->slot->cond_now;
  }
  return rows;
}

fm_status fmi_transport_check(void *user) {
  fmi_transport *job = user;
  if (fmi_runtime_stopped(job->rt)) atomic_store(&job->stopped, true);
  if (atomic_load_explicit(&job->stopped, memory_order_relaxed)) return FM_STOPPED;
  return job->deadline > 0 && fmi_os_seconds() > job->deadline ? FM_DEADLINE : FM_OK;
}

static int32_t show(void *user, const fm_trajectory *trajectory) {
  const fmi_tile *w = user;
  fm_trajectory shown = *trajectory;
  if (w->job->trajectory_within) return w->job->trajectory(w->job->trajectory_user, trajectory);
  fmi_denormalise(w->job->sampler->model->normaliser, trajectory->x, trajectory->n, w->slot->shown);
  shown.x = w->slot->shown;
  return w->job->trajectory(w->job->trajectory_user, &shown);
}

fm_status fmi_tile_start(const fmi_tile *w, fmi_error *err) {
  fmi_transport *job = w->job;
  const fm_model *m = job->sampler->model;
  size_t dim = m->net->dim, c = m->net->cond_dim;
  for (size_t i = 0; c > 0 && job->cond != NULL && i < w->n; i++)
    for (size_t j = 0; j < c; j++) {
      double scale = m->cond_normaliser->scale[j], x = job->cond[(w->first + i) * c + j];
      w->slot->cond[i * c + j] = (real)(scale > 0 ? (x - m->cond_normaliser->shift[j]) / scale : 0);
    }
  if (job->draw)
    return fmi_prior_draw(m->prior, m->normaliser, job->sampler->plan->kernels, job->seed,
                          job->first_row + w->first, w->n, dim, w->slot->y, w->slot->noise, err);
  const double *x = job->in != NULL ? job->in : job->out_f64;
  fmi_normalise(m->normaliser, x + w->first * dim, w->n, w->slot->y);
  return FM_OK;
}

/* Notes what is not finite in rows `first` on, in the data's units. */
static void look_for_failures(fmi_tile *w, size_t first, size_t n, const double *x) {
  const fmi_transport *job = w->job;
  const size_t dim = job->sampler->model->net->dim;
  for (size_t i = 0; i < n * dim; i++) {
    const size_t row = first + i / dim;
    if (isfinite(x[i]) && (job->out_f32 == NULL || isfinite((float)x[i]))) continue;
    if (job->rows != NULL) job->rows[row].status = FM_E_NONFINITE;
    if (w->failed && w->failed_row <= row) continue;
    w->failed = true;
    w->failed_row = row;
    w->failed_column = i % dim;
    w->failed_x = x[i];
  }
}

static void save(void *user, size_t row, size_t k, const double *x) {
  fmi_tile *w = user;
  const fmi_transport *job = w->job;
  const fm_model *m = job->sampler->model;
  double *out = job->between + (k * job->n + row) * m->net->dim;
  fmi_denormalise(m->normaliser, x, 1, out);
  look_for_failures(w, row, 1, out);
}

static fm_status finish(fmi_tile *w, fmi_error *err) {
  fmi_transport *job = w->job;
  const fm_model *m = job->sampler->model;
  size_t dim = m->net->dim, cells = w->n * dim;
  fmi_denormalise(m->normaliser, w->slot->y, w->n, w->slot->shown);
  if (job->sampler->guided) fmi_guide_finish(w, w->slot->shown);
  look_for_failures(w, w->first, w->n, w->slot->shown);
  for (size_t i = 0; i < cells; i++) {
    double x = w->slot->shown[i];
    if (job->out_f64)
      job->out_f64[w->first * dim + i] = x;
    else
      job->out_f32[w->first * dim + i] = (float)x;
  }
  if (!w->failed) return FM_OK;
  return fmi_fail(err, FM_E_NONFINITE, "row %zu, column %zu: %g is not a finite %s", w->failed_row,
                  w->failed_column, w->failed_x,
                  job->out_f32 ? "float; draw with the _f64 function" : "double");
}

bool fmi_transport_goes_on(fm_status status) {
  return status == FM_OK || status == FM_E_STEPS || status == FM_E_NONFINITE || status == FM_DEADLINE;
}

static fm_status tile_item(void *user, size_t item, size_t slot, fmi_error *err) {
  fmi_transport *job = user;
  fm_sampler *s = job->sampler;
  fmi_tile w = {.job = job, .slot = &s->slots[slot], .first = item * FMI_TILE};
  w.n = fmi_min(FMI_TILE, job->n - w.first);
  for (size_t i = w.first; job->rows != NULL && i < w.first + w.n; i++)
    job->rows[i] = (fm_row_stats){.t = job->t0};
  /* Another tile saw the wish to stop: these rows stay as they are, unless states at times are promised. */
  const fm_status begun = atomic_load_explicit(&job->stopped, memory_order_relaxed) && job->between == NULL
                              ? fmi_fail(err, FM_STOPPED, "row %zu: stopped before it was begun", w.first)
                              : fmi_tile_start(&w, err);
  if (begun != FM_OK) {
    fmi_row_stats_end(job->rows != NULL ? job->rows + w.first : NULL, w.n, job->t1, begun);
    return begun;
  }
  if (s->guided) fmi_guide_start(&w);
  const fmi_rhs rhs = {fmi_tile_velocity, &w};
  const fmi_solve_control control = {fmi_transport_check, job};
  const fmi_diffusion diffusion = fmi_sde_of(&w);
  const fmi_x1_form x1_form = fmi_x1_form_of(s);
  const fmi_mean_form mean_form = fmi_mean_form_of(&w);
  const fmi_solve_job solve = {.config = &s->config,
                               .rhs = &rhs,
                               .control = &control,
                               .diffusion = s->options.diffusion != 0 && job->draw ? &diffusion : NULL,
                               .x1_form = &x1_form,
                               .mean_form = &mean_form,
                               .t0 = job->t0,
                               .t1 = job->t1,
                               .first_row = w.first,
                               .n = w.n,
                               .dim = s->model->net->dim,
                               .y = w.slot->y,
                               .workspace = w.slot->solve,
                               .trajectory = job->trajectory ? show : NULL,
                               .trajectory_user = &w,
                               .times = job->times,
                               .n_times = job->n_times,
                               .save = save,
                               .save_user = &w,
                               .rows = job->rows ? job->rows + w.first : NULL,
                               .stats = &w.slot->stats,
                               .err = err};
  fm_status status = fmi_solve_job_run(&solve);
  if (!fmi_transport_goes_on(status)) fmi_row_stats_end(solve.rows, w.n, job->t1, status);
  fm_status finished = finish(&w, status == FM_OK ? err : NULL);
  return status != FM_OK ? status : finished;
}

void fmi_transport_collect(const fm_sampler *s, fm_solve_stats *total) {
  for (size_t i = 0; i < s->n_slots; i++) {
    const fm_solve_stats *one = &s->slots[i].stats;
    total->nfe += one->nfe;
    total->accepted += one->accepted;
    total->rejected += one->rejected;
    total->failed += one->failed;
    if (one->max_nfe > total->max_nfe) total->max_nfe = one->max_nfe;
  }
}

/* A trajectory is told from the calling thread: one worker, which is it. */
static fm_status run_alone(fmi_transport *job, size_t n_items, fmi_error *err) {
  fm_status status = FM_OK, now = FM_OK;
  for (size_t i = 0; i < n_items && fmi_transport_goes_on(now); i++) {
    now = tile_item(job, i, 0, status == FM_OK ? err : NULL);
    if (status == FM_OK) status = now;
  }
  return status;
}

void fmi_transport_begin(fmi_transport *job) {
  fm_sampler *s = job->sampler;
  for (size_t i = 0; i < s->n_slots; i++)
    s->slots[i].stats = (fm_solve_stats){.struct_size = sizeof(fm_solve_stats)};
  if (s->options.deadline > 0) job->deadline = fmi_os_seconds() + s->options.deadline;
}

fm_status fmi_transport_run(fmi_transport *job, fm_solve_stats *stats, fmi_error *err) {
  fm_sampler *s = job->sampler;
  fmi_transport_begin(job);
  fmi_loop loop = {tile_item, job, fmi_ceil_div(job->n, FMI_TILE), s->n_slots};
  const bool alone = job->trajectory != NULL && !job->trajectory_within;
  fm_status status = alone ? run_alone(job, loop.n_items, err) : fmi_loop_run(job->rt, &loop, err);
  fmi_transport_collect(s, stats);
  return status;
}
