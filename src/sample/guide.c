/* guide.c - what a guided sampler is made of: whether its models fit, plans of their nets, workspace, and the
   known values of a tile's rows. */
#include "sample/sampler.h"

#include <math.h>

/* ---- the models ---------------------------------------------------------------------------------------- */

static bool same_statistics(const fm_normaliser *a, const fm_normaliser *b) {
  return a->dim == b->dim && memcmp(a->shift, b->shift, a->dim * sizeof *a->shift) == 0 &&
         memcmp(a->scale, b->scale, a->dim * sizeof *a->scale) == 0;
}

static bool same_path(const fm_path *a, const fm_path *b) {
  return a == b || (a->schedule == b->schedule && a->fn == b->fn && a->user == b->user &&
                    memcmp(a->params, b->params, sizeof a->params) == 0);
}

static bool same_shape(const fm_net *a, const fm_net *b) {
  return a->dim == b->dim && a->cond_dim == b->cond_dim && a->n_class_columns == b->n_class_columns &&
         (a->n_class_columns == 0 ||
          memcmp(a->n_classes, b->n_classes, a->n_class_columns * sizeof *a->n_classes) == 0);
}

static fm_status check_weaker(const fm_model *weaker, const fm_model *model, fmi_error *err) {
  const char *what = !same_shape(weaker->net, model->net)        ? "columns, classes and condition"
                     : !same_path(weaker->path, model->path)     ? "path"
                     : weaker->prior->kind != model->prior->kind ? "kind of prior"
                     : !same_statistics(weaker->normaliser, model->normaliser) ? "normaliser"
                     : !same_statistics(weaker->cond_normaliser, model->cond_normaliser)
                         ? "normaliser of conditions"
                         : NULL;
  if (what == NULL) return FM_OK;
  return fmi_fail(err, FM_E_MISMATCH,
                  "guidance_options.weaker: expected a model with the %s of the sampler's", what);
}

bool fmi_guide_has_second(const fm_sampler *s) {
  const fm_net *net = s->model->net;
  return s->guide.weaker != NULL || net->n_class_columns > 0 || net->cond_dim > 0;
}

/* Whether known values pull at x1, by the way back. */
static bool pulls(const fmi_guide *g) { return g->options.inpainting != FM_INPAINT_REPLACE; }

fm_status fmi_guide_check(const fm_sampler *s, const fm_model *model, fmi_error *err) {
  const fmi_guide *g = &s->guide;
  if (!s->guided) return FM_OK;
  if (g->options.potential != NULL || pulls(g))
    FMI_TRY(fmi_x1_form_check(s->path != NULL ? s->path : model->path, err));
  return g->weaker != NULL ? check_weaker(g->weaker, model, err) : FM_OK;
}

/* ---- plans and workspace --------------------------------------------------------------------------------- */

static fmi_plan *plan_of(const fmi_runtime *rt, const fm_net *net, uint32_t wants, fmi_error *err) {
  return fmi_plan_new(rt->memory, net, rt->kernels, wants, FMI_TILE, 0, false, err);
}

fm_status fmi_guide_plan(fm_sampler *s, const fmi_runtime *rt, fmi_error *err) {
  fmi_guide *g = &s->guide;
  const uint32_t wants = g->options.potential != NULL || pulls(g) ? FMI_WANT_BACKWARD | FMI_WANT_DX : 0;
  if (!s->guided) return FM_OK;
  FMI_TRY(fmi_guide_check(s, s->model, err));
  if (wants != 0 && (g->back = plan_of(rt, s->model->net, wants, err)) == NULL) return FM_E_NOMEM;
  if (g->weaker != NULL && (g->second = plan_of(rt, g->weaker->net, wants, err)) == NULL) return FM_E_NOMEM;
  return FM_OK;
}

void fmi_guide_free(fmi_guide *g) {
  fmi_plan_free(g->back);
  fmi_plan_free(g->second);
  fmi_release(g->weaker);
}

void fmi_guide_carve(fm_sampler *s, fmi_arena *a) {
  fmi_guide *g = &s->guide;
  const bool back = g->back != NULL;
  g->packed = fmi_arena_take(a, back ? g->back->packed_reals : 0, sizeof(real));
  g->second_packed = fmi_arena_take(a, back && g->second != NULL ? g->second->packed_reals : 0, sizeof(real));
}

void fmi_guide_pack(const fm_sampler *s) {
  const fmi_guide *g = &s->guide;
  if (!s->guided || g->back == NULL) return;
  fmi_plan_pack(g->back, fmi_sampler_weights(s).params, g->packed);
  if (g->second != NULL) fmi_plan_pack(g->second, g->weaker->ema, g->second_packed);
}

fmi_guide_slot fmi_guide_carve_slot(const fm_sampler *s, fmi_arena *a) {
  const fmi_guide *g = &s->guide;
  const size_t cells = fmi_mul_size(FMI_TILE, s->model->net->dim), back = g->back != NULL ? cells : 0;
  const fmi_plan *second = g->second != NULL ? g->second : g->back;
  fmi_guide_slot slot = {.x0 = fmi_arena_take(a, cells, sizeof(double))};
  slot.known = fmi_arena_take(a, cells, sizeof(double));
  slot.mask = fmi_arena_take(a, cells, sizeof(double));
  slot.x = fmi_arena_take(a, cells, sizeof(double));
  slot.other = fmi_arena_take(a, cells, sizeof(double));
  slot.weights = fmi_arena_take(a, FMI_TILE, sizeof(double));
  slot.second_x = fmi_arena_take(a, g->weaker != NULL ? cells : 0, sizeof(real));
  slot.second_t =
      fmi_arena_take(a, g->weaker != NULL ? g->weaker->net->n_times * FMI_TILE : 0, sizeof(double));
  if (g->back != NULL) slot.back = fmi_workspace_take(a, g->back);
  if (second != NULL) slot.second = fmi_workspace_take(a, second);
  slot.x1 = fmi_arena_take(a, back, sizeof(double));
  slot.units = fmi_arena_take(a, back, sizeof(double));
  slot.gradient = fmi_arena_take(a, back, sizeof(double));
  slot.d_x = fmi_arena_take(a, back, sizeof(real));
  return slot;
}

/* ---- known values ------------------------------------------------------------------------------------------ */

static double value_at(const fmi_known *k, size_t i) {
  return k->f64 != NULL ? k->f64[i] : (double)k->f32[i];
}

bool fmi_known_given(const fmi_known *k) { return k->f64 != NULL || k->f32 != NULL; }

double fmi_known_mask(const fmi_known *k, size_t i) {
  return k->mask != NULL ? (double)k->mask[i] : !isnan(value_at(k, i));
}

void fmi_guide_start(const fmi_tile *w) {
  const fmi_known *k = &w->job->known;
  const fm_normaliser *norm = w->job->sampler->model->normaliser;
  const fmi_guide_slot *g = &w->slot->guide;
  const size_t dim = norm->dim;
  if (!fmi_known_given(k)) return;
  memcpy(g->x0, w->slot->y, w->n * dim * sizeof *g->x0);
  for (size_t i = 0; i < w->n * dim; i++) {
    const size_t at = w->first * dim + i, j = i % dim;
    g->mask[i] = fmi_known_mask(k, at);
    g->known[i] =
        g->mask[i] > 0 && norm->scale[j] > 0 ? (value_at(k, at) - norm->shift[j]) / norm->scale[j] : 0;
  }
}

void fmi_guide_finish(const fmi_tile *w, double *shown) {
  const fmi_known *k = &w->job->known;
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim;
  if (!fmi_known_given(k) || s->guide.options.inpainting == FM_INPAINT_GUIDE) return;
  for (size_t i = 0; i < w->n * dim; i++)
    if (w->slot->guide.mask[i] == 1) shown[i] = value_at(k, w->first * dim + i);
}

void fmi_prefix_mask(size_t length, size_t channels, size_t frozen, size_t overlap, float *out) {
  for (size_t i = 0; i < length; i++) {
    const double c = ((double)overlap - (double)i) / ((double)(overlap - frozen) + 1);
    const double m = i < frozen ? 1 : i < overlap ? c * expm1(c) / expm1(1) : 0;
    for (size_t j = 0; j < channels; j++) out[i * channels + j] = (float)m;
  }
}
