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

/* What a row's time says. */
typedef struct factors {
  double sigma, d_sigma, determinant;
  double potential, known; /* of the two terms of g */
  bool usable;             /* the velocity tells x1 */
} factors;

static double capped(double factor, double cap) { return cap < 0 || factor <= cap ? factor : cap; }

static factors factors_of(const fm_path_coefficients *c, double cap) {
  const double determinant = fmi_path_determinant(c), strength = c->sigma * determinant / c->alpha;
  const double snr = c->alpha / c->sigma; /* 1 / r^2 = 1 + snr^2 */
  return (factors){.sigma = c->sigma,
                   .d_sigma = c->d_sigma,
                   .determinant = determinant,
                   .potential = capped(strength, cap),
                   .known = capped(determinant * (c->sigma / c->alpha + snr), cap),
                   .usable = fabs(determinant) >= LEAST_DETERMINANT};
}

/* The rows of one evaluation, and the two networks at them. */
typedef struct evaluation {
  const fmi_tile *w;
  const uint64_t *row;
  const double *t;       /* [n] as the solver has them */
  const double *clipped; /* [n] as the path has coefficients */
  size_t n, dim;
  bool goes_back;  /* a gradient is asked for */
  bool has_second; /* some row's weight is not 1 */
  fmi_pass first, second;
  fmi_form forms[2][FMI_TILE];
} evaluation;

static fm_status set_first(evaluation *e, fmi_error *err) {
  fmi_sample_slot *slot = e->w->slot;
  const fm_sampler *s = e->w->job->sampler;
  FMI_TRY(fmi_sampler_forms(s, e->clipped, e->n, e->forms[0], slot->t, err));
  e->first =
      (fmi_pass){s->plan, &slot->work, fmi_sampler_weights(s), fmi_tile_gather(e->w, e->n, e->row, slot->t),
                 slot->x, e->forms[0]};
  if (!e->goes_back) return FM_OK;
  e->first.plan = s->guide.back;
  e->first.work = &slot->guide.back;
  e->first.weights.packed = s->guide.packed;
  return FM_OK;
}

/* The null condition by the same network, or the weaker model, whose path is the same. */
static fm_status set_second(evaluation *e, fmi_error *err) {
  fmi_guide_slot *g = &e->w->slot->guide;
  const fm_sampler *s = e->w->job->sampler;
  const fm_model *weaker = s->guide.weaker;
  e->second = e->first;
  if (e->goes_back || weaker != NULL) e->second.work = &g->second;
  if (weaker == NULL) {
    e->second.rows.labels = NULL;
    e->second.rows.cond = NULL;
    return FM_OK;
  }
  for (size_t i = 0; i < e->n; i++)
    FMI_TRY(fmi_form_at(&weaker->prediction, s->model->path, fmi_sampler_path(s), e->clipped[i],
                        &e->forms[1][i], err));
  fmi_network_times(e->forms[1], e->n, weaker->net->n_times, g->second_t);
  e->second.plan = s->guide.second;
  e->second.weights =
      (fmi_weights){weaker->ema, s->guide.back != NULL ? s->guide.second_packed : weaker->packed};
  e->second.forms = e->forms[1];
  e->second.rows.x = e->second.x = g->second_x;
  e->second.rows.t = g->second_t;
  return FM_OK;
}

/* ---- the two velocities ---------------------------------------------------------------------------------- */

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

static fm_status find_velocity(const evaluation *e, double *v, fmi_error *err) {
  const fmi_guide_slot *g = &e->w->slot->guide;
  FMI_TRY(fmi_evaluate(&e->first, e->n, g->x, v, err));
  if (!e->has_second) return FM_OK;
  FMI_TRY(fmi_evaluate(&e->second, e->n, g->x, g->other, err));
  for (size_t i = 0; i < e->n; i++) {
    const double weight = g->weights[i], *other = g->other + i * e->dim;
    double *u = v + i * e->dim;
    if (weight != 1)
      for (size_t j = 0; j < e->dim; j++) u[j] = other[j] + weight * (u[j] - other[j]);
  }
  return FM_OK;
}

/* ---- the gradient ------------------------------------------------------------------------------------------ */

/* x1 of every row. One that can't be told makes its row fail: the caller's function sees no NaN. */
static void predict(const evaluation *e, const factors *f, double *v) {
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = e->dim;
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

static fm_status ask_potential(const evaluation *e, const factors *f, fmi_error *err) {
  const fm_sampler *s = e->w->job->sampler;
  const fm_guidance_options *o = &s->guide.options;
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = e->dim;
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
static void pull(const evaluation *e, const factors *f) {
  const fmi_tile *w = e->w;
  const fmi_guide_slot *g = &w->slot->guide;
  const size_t dim = e->dim;
  if (!fmi_known_given(&w->job->known) || w->job->sampler->guide.options.inpainting == FM_INPAINT_REPLACE)
    return;
  for (size_t i = 0; i < e->n; i++) {
    const size_t at = (e->row[i] - w->first) * dim;
    for (size_t j = 0; j < dim; j++)
      if (g->mask[at + j] > 0)
        g->gradient[i * dim + j] += f[i].known * g->mask[at + j] * (g->known[at + j] - g->x1[i * dim + j]);
  }
}

/* Adds sigma / D share Jv^T g of one network to v, where a row's share is w or 1 - w, and Jv = p + q c JNET for
   v = p x + q NET(c x). */
static fm_status go_back(const evaluation *e, fmi_pass p, bool is_second, const factors *f, double *v,
                         fmi_error *err) {
  const fmi_guide_slot *g = &e->w->slot->guide;
  real *d_out = fmi_run_d_output(p.plan, 0, p.work, NULL);
  for (size_t i = 0; i < e->n; i++) {
    const double share = is_second ? 1 - g->weights[i] : g->weights[i],
                 by_net = p.forms[i].by_net * p.forms[i].in;
    for (size_t j = 0; j < e->dim; j++)
      d_out[i * e->dim + j] =
          share != 0 && f[i].usable ? (real)(share * by_net * g->gradient[i * e->dim + j]) : 0;
  }
  p.rows.d_x = g->d_x;
  FMI_TRY(fmi_run_backward(p.plan, &p.weights, &p.rows, 0, e->n, p.work, NULL, err));
  for (size_t i = 0; i < e->n; i++) {
    const double share = is_second ? 1 - g->weights[i] : g->weights[i],
                 by_state = share * p.forms[i].by_state;
    for (size_t j = i * e->dim; share != 0 && f[i].usable && j < (i + 1) * e->dim; j++)
      v[j] += f[i].sigma / f[i].determinant * (g->d_x[j] + by_state * g->gradient[j]);
  }
  return FM_OK;
}

static fm_status add_gradient(const evaluation *e, double *v, fmi_error *err) {
  const fm_sampler *s = e->w->job->sampler;
  const fmi_guide_slot *g = &e->w->slot->guide;
  const size_t dim = e->dim;
  factors f[FMI_TILE];
  for (size_t i = 0; i < e->n; i++) {
    fm_path_coefficients c;
    FMI_TRY(fmi_path_at(fmi_sampler_path(s), e->clipped[i], &c, err));
    f[i] = factors_of(&c, s->guide.options.cap);
  }
  predict(e, f, v);
  memset(g->gradient, 0, e->n * e->dim * sizeof *g->gradient);
  FMI_TRY(ask_potential(e, f, err));
  pull(e, f);
  FMI_TRY(go_back(e, e->first, false, f, v, err));
  if (e->has_second) FMI_TRY(go_back(e, e->second, true, f, v, err));
  for (size_t i = 0; i < e->n; i++)
    for (size_t j = 0; f[i].usable && j < dim; j++)
      v[i * dim + j] -= f[i].d_sigma / f[i].determinant * g->gradient[i * dim + j];
  return FM_OK;
}

/* ---- replaced columns ---------------------------------------------------------------------------------------- */

/* Columns that are given are where their path has them, whatever a step made of them: in x, or their
   velocity in v. Either may be NULL. */
static fm_status replace(const evaluation *e, double *x, double *v, fmi_error *err) {
  const fmi_tile *w = e->w;
  const fm_sampler *s = w->job->sampler;
  const fmi_guide_slot *g = &w->slot->guide;
  const size_t dim = e->dim;
  if (!fmi_known_given(&w->job->known) || s->guide.options.inpainting == FM_INPAINT_GUIDE) return FM_OK;
  for (size_t i = 0; i < e->n; i++) {
    const size_t at = (e->row[i] - w->first) * dim;
    fm_path_coefficients c;
    FMI_TRY(fmi_path_at(fmi_sampler_path(s), e->clipped[i], &c, err));
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
  double clipped[FMI_TILE];
  evaluation e = {.w = w, .row = row, .t = t, .clipped = clipped, .n = n, .dim = s->model->net->dim};
  e.goes_back = asks_gradient(w->job);
  for (size_t i = 0; i < n; i++) {
    clipped[i] = fmi_path_clip(fmi_sampler_path(s), t[i]);
    if (e.goes_back && s->guide.options.cap < 0) clipped[i] = fmin(fmax(clipped[i], MARGIN), 1 - MARGIN);
  }
  e.has_second = find_weights(&e, g->weights);
  FMI_TRY(set_first(&e, err));
  if (e.has_second) FMI_TRY(set_second(&e, err));
  memcpy(g->x, x, n * e.dim * sizeof *x);
  FMI_TRY(replace(&e, g->x, NULL, err));
  FMI_TRY(find_velocity(&e, dxdt, err));
  if (e.goes_back) FMI_TRY(add_gradient(&e, dxdt, err));
  return replace(&e, NULL, dxdt, err);
}
