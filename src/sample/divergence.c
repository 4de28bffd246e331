/* divergence.c - the velocity together with the divergence that makes the log-density change along a row's
   way (Chen et al., "Neural Ordinary Differential Equations", NeurIPS 2018, theorem 1; Lipman et al., ICLR
   2023, appendix C):

       d/dt log p_t(x_t) = -div u(t, x_t) = -tr(du/dx)

   exactly, a direction for every column, or by Hutchinson's estimate z . (du/dx z) with E z z^T = 1
   (Hutchinson 1990; Grathwohl et al., "FFJORD", ICLR 2019), a direction for every probe. Every pair of a row
   and a direction is a row of the network's, so that few rows fill a tile too. */
#include "sample/sampler.h"

#include "core/rng.h"

void fmi_probes(const fmi_kernels *kernels, uint32_t divergence, uint64_t seed, uint64_t row, size_t n_probes,
                size_t dim, double *z, void *scratch) {
  const uint32_t blocks = (uint32_t)fmi_ceil_div(dim, 4);
  fmi_arena arena = {scratch, 0};
  uint32_t *words = fmi_arena_take(&arena, fmi_add_size(dim, 4), sizeof *words);
  real *normals = fmi_arena_take(&arena, dim, sizeof *normals);
  for (size_t p = 0; p < n_probes; p++, z += dim) {
    fmi_rng_row_from(seed, FMI_STREAM_PROBE, row, (uint32_t)p * blocks, fmi_round_up(dim, 2), words);
    if (divergence == FM_DIVERGENCE_GAUSSIAN) kernels->normal(normals, words, dim);
    for (size_t j = 0; j < dim; j++)
      z[j] = divergence == FM_DIVERGENCE_GAUSSIAN ? (double)normals[j] : words[j] >> 31 ? 1 : -1;
  }
}

/* The pairs first .. first + n of rows and directions: pair k is row k / directions. */
typedef struct pairs {
  const fmi_tile *tile;
  size_t directions, first, n;
  const uint64_t *row;
  const double *t, *x; /* x [..][dim + n_logs] */
  fmi_form forms[FMI_TILE];
} pairs;

static size_t row_of(const pairs *p, size_t i) { return (p->first + i) / p->directions; }
static size_t direction_of(const pairs *p, size_t i) { return (p->first + i) % p->directions; }

/* Fills the network's rows and the directions of pairs. */
static fm_status fill(pairs *p, uint64_t *row, double *t, fmi_rows *rows, fmi_error *err) {
  const fmi_tile *w = p->tile;
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim;
  for (size_t i = 0; i < p->n; i++) t[i] = p->t[row_of(p, i)];
  FMI_TRY(fmi_sampler_forms(s, t, p->n, p->forms, w->slot->t, err));
  for (size_t i = 0; i < p->n; i++) {
    const size_t r = row_of(p, i), d = direction_of(p, i);
    const double *x = p->x + r * (dim + s->n_logs);
    real *dx = w->slot->dx + i * dim;
    row[i] = p->row[r];
    for (size_t j = 0; j < dim; j++) w->slot->x[i * dim + j] = (real)(p->forms[i].in * x[j]);
    if (s->options.divergence == FM_DIVERGENCE_EXACT) {
      memset(dx, 0, dim * sizeof *dx);
      dx[d] = 1;
    } else {
      const double *z = w->slot->probes + ((row[i] - w->first) * s->n_logs + d) * dim;
      for (size_t j = 0; j < dim; j++) dx[j] = (real)z[j];
    }
  }
  *rows = fmi_tile_gather(w, p->n, row, w->slot->t);
  return FM_OK;
}

/* What J or J^T makes of the directions; *velocity is that of every pair. */
static fm_status multiply(const fmi_tile *w, fmi_rows *rows, size_t n, const real **velocity,
                          const real **product, fmi_error *err) {
  const fm_sampler *s = w->job->sampler;
  const fmi_plan *plan = s->jacobian;
  const fmi_workspace *work = &w->slot->jacobian;
  const fmi_weights weights = fmi_sampler_weights(s);
  if (plan->wants & FMI_WANT_TANGENT) {
    rows->dx = w->slot->dx;
    FMI_TRY(fmi_run_forward(plan, &weights, rows, 0, n, work, NULL, err));
    *velocity = fmi_run_output(plan, 0, work, NULL);
    *product = fmi_run_tangent(plan, work);
    return FM_OK;
  }
  const size_t cells = n * s->model->net->dim;
  rows->d_x = w->slot->d_x;
  FMI_TRY(fmi_run_forward(plan, &weights, rows, 0, n, work, NULL, err));
  /* The way back may write where the output was. */
  memcpy(w->slot->velocity, fmi_run_output(plan, 0, work, NULL), cells * sizeof(real));
  memcpy(fmi_run_d_output(plan, 0, work, NULL), w->slot->dx, cells * sizeof(real));
  FMI_TRY(fmi_run_backward(plan, &weights, rows, 0, n, work, NULL, err));
  *velocity = w->slot->velocity;
  *product = w->slot->d_x;
  return FM_OK;
}

/* Adds to the slopes what the pairs say: with u = p y + q NET(c y), div u = p dim + q c div NET. A row's
   directions are added in their order wherever tiles end. */
static void take(const pairs *p, const real *velocity, const real *product, double *dxdt) {
  const fmi_tile *w = p->tile;
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim;
  const bool exact = s->options.divergence == FM_DIVERGENCE_EXACT;
  for (size_t i = 0; i < p->n; i++) {
    const size_t d = direction_of(p, i);
    double *slope = dxdt + row_of(p, i) * (dim + s->n_logs), sum = 0;
    const real *z = w->slot->dx + i * dim, *jz = product + i * dim, *out = velocity + i * dim;
    const fmi_form *form = &p->forms[i];
    const double *x = p->x + row_of(p, i) * (dim + s->n_logs), by_jacobian = form->by_net * form->in;
    if (d == 0 && fmi_form_is_plain(form))
      for (size_t j = 0; j < dim; j++) slope[j] = out[j];
    else if (d == 0)
      for (size_t j = 0; j < dim; j++) slope[j] = form->by_state * x[j] + form->by_net * out[j];
    if (d == 0) slope[dim] = 0;
    if (exact) {
      slope[dim] -= form->by_state + by_jacobian * jz[d];
    } else {
      for (size_t j = 0; j < dim; j++) sum += z[j] * (form->by_state * z[j] + by_jacobian * jz[j]);
      slope[dim + d] = -sum;
    }
  }
}

fm_status fmi_density_rhs(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                          double *dxdt, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  uint64_t pair_row[FMI_TILE];
  double pair_t[FMI_TILE];
  pairs p = {.tile = w, .row = row, .t = t, .x = x};
  p.directions = s->options.divergence == FM_DIVERGENCE_EXACT ? s->model->net->dim : s->n_logs;
  for (; p.first < n * p.directions; p.first += p.n) {
    const real *velocity, *product;
    p.n = fmi_min(FMI_TILE, n * p.directions - p.first);
    fmi_rows rows;
    FMI_TRY(fill(&p, pair_row, pair_t, &rows, err));
    FMI_TRY(multiply(w, &rows, p.n, &velocity, &product, err));
    take(&p, velocity, product, dxdt);
  }
  return FM_OK;
}
