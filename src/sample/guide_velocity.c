/* guide_velocity.c - a guided right-hand side. With the model's velocity c, the second one n, and the weight
   w, in normalised coordinates:

       u  = n + w (c - n)
       u' = u + J^T g,     g = min(sigma D / alpha, cap) scale grad log potential(x1)
                             + min(sigma D / alpha / r^2, cap) diag(mask) (known - x1)

   x1 = (sigma u - sigma' x) / D is the predicted data end, J its Jacobian by x, so that

       J^T g = (sigma (w Jc + (1 - w) Jn)^T g - sigma' g) / D,

   and r^2 = sigma^2 / (alpha^2 + sigma^2) the variance of x1 given x_t for data of variance 1. The factor
   sigma D / alpha is what makes velocity of score: v = (alpha' / alpha) x + (sigma D / alpha) score. Which rows
   have a second velocity or a gradient is each row's own matter, so that its bits are. */
#include "sample/sampler.h"

#include <math.h>

/* Below, x1 is mostly the velocity's rounding. */
#define LEAST_DETERMINANT 1e-3
/* How far from the ends times are kept where no cap bounds the factors. */
#define MARGIN 1e-3

static double capped(double factor, double cap) { return cap < 0 || factor <= cap ? factor : cap; }

fmi_guide_factors fmi_guide_factors_of(const fm_path_coefficients *c, double cap) {
  const double determinant = fmi_path_determinant(c), strength = c->sigma * determinant / c->alpha;
  const double snr = c->alpha / c->sigma; /* 1 / r^2 = 1 + snr^2 */
  return (fmi_guide_factors){.sigma = c->sigma,
                             .d_sigma = c->d_sigma,
                             .determinant = determinant,
                             .potential = capped(strength, cap),
                             .known = capped(determinant * (c->sigma / c->alpha + snr), cap),
                             .usable = fabs(determinant) >= LEAST_DETERMINANT};
}

/* The rows of one evaluation. */
typedef struct evaluation {
  const fmi_tile *w;
  fmi_rows *rows;
  const uint64_t *row;
  const double *t; /* [n] as the solver has them */
  size_t n;
  bool goes_back; /* a gradient is asked for */
} evaluation;

/* One of the two networks, under its condition. */
typedef struct pass {
  const fmi_plan *plan;
  const fmi_workspace *work;
  fmi_weights weights;
  fmi_rows rows;
} pass;

static pass first_pass(const evaluation *e) {
  const fm_sampler *s = e->w->job->sampler;
  pass p = {s->plan, &e->w->slot->work, fmi_sampler_weights(s), *e->rows};
  if (!e->goes_back) return p;
  p.plan = s->guide.back;
  p.work = &e->w->slot->guide.back;
  p.weights.packed = s->guide.packed;
  return p;
}

static pass second_pass(const evaluation *e) {
  const fm_sampler *s = e->w->job->sampler;
  const fm_model *weaker = s->guide.weaker;
  pass p = first_pass(e);
  if (e->goes_back || weaker != NULL) p.work = &e->w->slot->guide.second;
  if (weaker != NULL) {
    p.plan = s->guide.second;
    p.weights = (fmi_weights){weaker->ema, s->guide.back != NULL ? s->guide.second_packed : weaker->packed};
  } else {
    p.rows.labels = NULL;
    p.rows.cond = NULL;
  }
  return p;
}

static size_t cells_of(const evaluation *e) { return e->n * e->w->job->sampler->model->net->dim; }

/* ---- the two velocities ---------------------------------------------------------------------------------- */

static fm_status forward(const evaluation *e, const pass *p, double *v, fmi_error *err) {
  FMI_TRY(fmi_run_forward(p->plan, &p->weights, &p->rows, 0, e->n, p->work, NULL, err));
  const real *out = fmi_run_output(p->plan, 0, p->work, NULL);
  for (size_t i = 0; i < cells_of(e); i++) v[i] = out[i];
  return FM_OK;
}

/* The rows' weights at their times. Returns whether one of them has a second velocity. */
static bool find_weights(const evaluation *e, double *weights) {
  const fmi_transport *job = e->w->job;
  const fm_guidance_options *o = &job->sampler->guide.options;
  bool any = false;
  for (size_t i = 0; i < e->n; i++) {
    const bool within = o->first <= e->t[i] && e->t[i] <= o->last;
    weights[i] = !within ? 1 : job->known.weights != NULL ? job->known.weights[e->row[i]] : o->weight;
    any = any || weights[i] != 1;
  }
  return any;
}

static fm_status find_velocity(const evaluation *e, bool has_second, double *v, fmi_error *err) {
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = e->w->job->sampler->model->net->dim;
  const pass first = first_pass(e), second = second_pass(e);
  FMI_TRY(forward(e, &first, v, err));
  if (!has_second) return FM_OK;
  FMI_TRY(forward(e, &second, g->other, err));
  for (size_t i = 0; i < e->n; i++) {
    const double weight = g->weights[i], *other = g->other + i * dim;
    double *u = v + i * dim;
    if (weight != 1)
      for (size_t j = 0; j < dim; j++) u[j] = other[j] + weight * (u[j] - other[j]);
  }
  return FM_OK;
}

/* ---- the gradient ------------------------------------------------------------------------------------------ */

/* x1 of every row. One that can't be told makes its row fail: the caller's function sees no NaN. */
static void predict(const evaluation *e, const fmi_guide_factors *f, double *v) {
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = e->w->job->sampler->model->net->dim;
  for (size_t i = 0; i < e->n; i++) {
    const double *x = g->x + i * dim;
    double *u = v + i * dim, *x1 = g->x1 + i * dim;
    bool finite = true;
    for (size_t j = 0; j < dim; j++) {
      x1[j] = f[i].usable ? (f[i].sigma * u[j] - f[i].d_sigma * x[j]) / f[i].determinant : 0;
      finite = finite && isfinite(x1[j]);
    }
    if (finite) continue;
    memset(x1, 0, dim * sizeof *x1);
    u[0] = NAN;
  }
}

static fm_status ask_potential(const evaluation *e, const fmi_guide_factors *f, fmi_error *err) {
  const fm_sampler *s = e->w->job->sampler;
  const fm_guidance_options *o = &s->guide.options;
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = s->model->net->dim;
  if (o->potential == NULL) return FM_OK;
  fmi_denormalise(s->model->normaliser, g->x1, e->n, g->units);
  const fm_potential_call call = {.struct_size = sizeof call,
                                  .n = e->n,
                                  .dim = dim,
                                  .row = e->row,
                                  .t = e->t,
                                  .x1 = g->units,
                                  .gradient = g->gradient};
  const int32_t answer = o->potential(o->potential_user, &call);
  if (answer != 0)
    return fmi_fail(err, FM_E_CALLBACK, "potential: the caller's function returned %d", (int)answer);
  for (size_t i = 0; i < e->n; i++)
    for (size_t j = 0; j < dim; j++)
      g->gradient[i * dim + j] *= f[i].potential * o->potential_scale * s->model->normaliser->scale[j];
  return FM_OK;
}

/* Adds what pulls at known values. */
static void pull(const evaluation *e, const fmi_guide_factors *f) {
  const fmi_tile *w = e->w;
  const fmi_guide_slot *g = &w->slot->guide;
  const size_t dim = w->job->sampler->model->net->dim;
  if (!fmi_known_given(&w->job->known) || w->job->sampler->guide.options.inpainting == FM_INPAINT_REPLACE)
    return;
  for (size_t i = 0; i < e->n; i++) {
    const size_t at = (e->row[i] - w->first) * dim;
    for (size_t j = 0; j < dim; j++)
      if (g->mask[at + j] > 0)
        g->gradient[i * dim + j] += f[i].known * g->mask[at + j] * (g->known[at + j] - g->x1[i * dim + j]);
  }
}

/* Adds sigma / D share J^T g of one network to v, where a row's share is w or 1 - w. */
static fm_status go_back(const evaluation *e, pass *p, bool is_second, const fmi_guide_factors *f, double *v,
                         fmi_error *err) {
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = e->w->job->sampler->model->net->dim;
  real *d_out = fmi_run_d_output(p->plan, 0, p->work, NULL);
  for (size_t i = 0; i < e->n; i++) {
    const double share = is_second ? 1 - g->weights[i] : g->weights[i];
    for (size_t j = 0; j < dim; j++)
      d_out[i * dim + j] = share != 0 && f[i].usable ? (real)(share * g->gradient[i * dim + j]) : 0;
  }
  p->rows.d_x = g->d_x;
  FMI_TRY(fmi_run_backward(p->plan, &p->weights, &p->rows, 0, e->n, p->work, NULL, err));
  for (size_t i = 0; i < e->n; i++) {
    const double share = is_second ? 1 - g->weights[i] : g->weights[i];
    for (size_t j = 0; share != 0 && f[i].usable && j < dim; j++)
      v[i * dim + j] += f[i].sigma / f[i].determinant * g->d_x[i * dim + j];
  }
  return FM_OK;
}

static fm_status add_gradient(const evaluation *e, const double *clipped, bool has_second, double *v,
                              fmi_error *err) {
  const fm_sampler *s = e->w->job->sampler;
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = s->model->net->dim;
  fmi_guide_factors f[FMI_TILE];
  for (size_t i = 0; i < e->n; i++) {
    fm_path_coefficients c;
    FMI_TRY(fmi_path_at(s->model->path, clipped[i], &c, err));
    f[i] = fmi_guide_factors_of(&c, s->guide.options.cap);
  }
  predict(e, f, v);
  memset(g->gradient, 0, cells_of(e) * sizeof *g->gradient);
  FMI_TRY(ask_potential(e, f, err));
  pull(e, f);
  pass first = first_pass(e), second = second_pass(e);
  FMI_TRY(go_back(e, &first, false, f, v, err));
  if (has_second) FMI_TRY(go_back(e, &second, true, f, v, err));
  for (size_t i = 0; i < e->n; i++)
    for (size_t j = 0; f[i].usable && j < dim; j++)
      v[i * dim + j] -= f[i].d_sigma / f[i].determinant * g->gradient[i * dim + j];
  return FM_OK;
}

/* ---- replaced columns ---------------------------------------------------------------------------------------- */

/* Columns that are given are where their path has them, whatever a step made of them: in x, or their
   velocity in v. Either may be NULL. */
static fm_status replace(const evaluation *e, const double *clipped, double *x, double *v, fmi_error *err) {
  const fmi_tile *w = e->w;
  const fm_sampler *s = w->job->sampler;
  const fmi_guide_slot *g = &w->slot->guide;
  const size_t dim = s->model->net->dim;
  if (!fmi_known_given(&w->job->known) || s->guide.options.inpainting == FM_INPAINT_GUIDE) return FM_OK;
  for (size_t i = 0; i < e->n; i++) {
    const size_t at = (e->row[i] - w->first) * dim;
    fm_path_coefficients c;
    FMI_TRY(fmi_path_at(s->model->path, clipped[i], &c, err));
    for (size_t j = 0; j < dim; j++) {
      if (g->mask[at + j] != 1) continue;
      if (x != NULL) x[i * dim + j] = c.alpha * g->known[at + j] + c.sigma * g->x0[at + j];
      if (v != NULL) v[i * dim + j] = c.d_alpha * g->known[at + j] + c.d_sigma * g->x0[at + j];
    }
  }
  return FM_OK;
}

/* ---- the right-hand side --------------------------------------------------------------------------------------- */

static bool asks_gradient(const fmi_transport *job) {
  const fm_guidance_options *o = &job->sampler->guide.options;
  return o->potential != NULL || (fmi_known_given(&job->known) && o->inpainting != FM_INPAINT_REPLACE);
}

fm_status fmi_guide_velocity(const fmi_tile *w, size_t n, const uint64_t *row, const double *t,
                             const double *x, double *dxdt, fmi_error *err) {
  const fm_sampler *s = w->job->sampler;
  const fmi_guide_slot *g = &w->slot->guide;
  const bool goes_back = asks_gradient(w->job), uncapped = goes_back && s->guide.options.cap < 0;
  double *clipped = w->slot->t;
  fmi_sampler_times(s, t, n, clipped);
  for (size_t i = 0; uncapped && i < n; i++) clipped[i] = fmin(fmax(clipped[i], MARGIN), 1 - MARGIN);
  fmi_rows rows = fmi_tile_gather(w, n, row, clipped);
  const evaluation e = {w, &rows, row, t, n, goes_back};
  const bool has_second = find_weights(&e, g->weights);
  memcpy(g->x, x, cells_of(&e) * sizeof *x);
  FMI_TRY(replace(&e, clipped, g->x, NULL, err));
  for (size_t i = 0; i < cells_of(&e); i++) w->slot->x[i] = (real)g->x[i];
  FMI_TRY(find_velocity(&e, has_second, dxdt, err));
  if (goes_back) FMI_TRY(add_gradient(&e, clipped, has_second, dxdt, err));
  return replace(&e, clipped, NULL, dxdt, err);
}
