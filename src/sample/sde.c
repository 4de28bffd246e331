/* sde.c - what makes a stochastic differential equation of a model's flow: g(t), the score by the path's own
   conversion, and noise keyed by (seed, row, step). */
#include "sample/sampler.h"

#include "core/rng.h"
#include "model/prior.h"

#include <math.h>

fm_status fmi_sde_check(const fm_model *model, const fm_path *path, fmi_error *err) {
  if (model->prior->kind->kind != FM_PRIOR_GAUSSIAN)
    return fmi_fail(err, FM_E_UNSUPPORTED, "model: diffusion needs the standard Gaussian prior, found %s",
                    model->prior->kind->name);
  if (model->paired)
    return fmi_fail(
        err, FM_E_UNSUPPORTED,
        "model: diffusion needs one trained on independent pairs; with a coupling or x0 of the data the "
        "noise in x_t is not Gaussian for a given x1, and its score is not known");
  return fmi_path_check_gamma("model: diffusion", path, err);
}

fm_status fmi_sde_add_score(const fm_path *path, size_t n, size_t dim, const double *t, const double *x,
                            double half_g2, double *scores, double *dxdt, fmi_error *err) {
  FMI_TRY(fmi_path_convert(path, FM_VELOCITY, FM_SCORE, t, x, dxdt, n, dim, scores, err));
  for (size_t i = 0; i < n * dim; i++) dxdt[i] += half_g2 * scores[i];
  return FM_OK;
}

/* ---- as the solver sees it --------------------------------------------------------------------------- */

static fm_status diffusion_at(void *user, double t, double *g, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  const fm_sampler_options *o = &s->options;
  fm_path_coefficients c;
  *g = 0;
  if (t > fmi_sampler_path(s)->last) return FM_OK; /* where the velocity is no longer that of the path */
  if (o->diffusion_fn != NULL) {
    const int32_t answer = o->diffusion_fn(o->diffusion_user, t, g);
    if (answer != 0)
      return fmi_fail(err, FM_E_CALLBACK, "diffusion_fn: the caller's function returned %d", (int)answer);
    if (!(*g >= 0) || !isfinite(*g))
      return fmi_fail(err, FM_E_NONFINITE,
                      "diffusion_fn: expected a finite number >= 0, found %g at t = %.17g", *g, t);
    return FM_OK;
  }
  FMI_TRY(fmi_path_at(fmi_sampler_path(s), fmi_path_clip(fmi_sampler_path(s), t), &c, err));
  *g = o->diffusion == FM_DIFFUSION_SIGMA ? o->diffusion_level * sqrt(c.sigma) : o->diffusion_level;
  return FM_OK;
}

/* What blew up is left to the solver, which leaves the row out. */
static fm_status add_score(void *user, size_t n, const double *t, const double *x, double half_g2,
                           double *dxdt, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim;
  const fm_path *path = fmi_sampler_path(s);
  for (size_t i = 0; i < n; i++) {
    const double clipped = fmi_path_clip(path, t[i]);
    const double *row_x = x + i * dim;
    double *row_v = dxdt + i * dim;
    const fm_status status =
        fmi_sde_add_score(path, 1, dim, &clipped, row_x, half_g2, w->slot->shown, row_v, err);
    if (status == FM_E_NONFINITE)
      row_v[0] = NAN;
    else if (status != FM_OK)
      return status;
  }
  return FM_OK;
}

static void noise(void *user, uint64_t row, uint64_t step, double *out) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  const size_t dim = s->model->net->dim;
  fmi_arena arena = {w->slot->noise, 0};
  uint32_t *words = fmi_arena_take(&arena, fmi_add_size(dim, 4), sizeof *words);
  real *normals = fmi_arena_take(&arena, dim, sizeof *normals);
  fmi_rng_row_from(w->job->seed, FMI_STREAM_DIFFUSION, w->job->first_row + row,
                   (uint32_t)(step * fmi_ceil_div(dim, 4)), fmi_round_up(dim, 2), words);
  s->plan->kernels->normal(normals, words, dim);
  for (size_t j = 0; j < dim; j++) out[j] = normals[j];
}

fm_status fmi_sde_overshoot(const fm_path *path, double level, double t, double t_next, double *beyond,
                            double *keep, double *size, fmi_error *err) {
  fm_path_coefficients end, far;
  *beyond = fmin(t_next + level * (t_next - t) * (1 - t_next), 1);
  FMI_TRY(fmi_path_limit_at(path, t_next, &end, err));
  FMI_TRY(fmi_path_limit_at(path, *beyond, &far, err));
  *keep = end.alpha / far.alpha;
  *size = sqrt(fmax(end.sigma * end.sigma - *keep * *keep * far.sigma * far.sigma, 0));
  return FM_OK;
}

static fm_status overshoot(void *user, double t, double t_next, double *beyond, double *keep, double *size,
                           fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  return fmi_sde_overshoot(fmi_sampler_path(s), s->options.diffusion_level, t, t_next, beyond, keep, size,
                           err);
}

/* The posterior's of Ho et al., "Denoising Diffusion Probabilistic Models", NeurIPS 2020, eq. 7, for DDPM, with
   the level as eta of DDIM (Song et al., ICLR 2021, eq. 16). */
fm_status fmi_sde_keep(const fm_path *path, uint64_t diffusion, double level, double power, double t,
                       double t_next, double *share, fmi_error *err) {
  fm_path_coefficients now, next;
  FMI_TRY(fmi_path_limit_at(path, t, &now, err));
  FMI_TRY(fmi_path_limit_at(path, t_next, &next, err));
  if (diffusion == FM_DIFFUSION_RATE) {
    *share = next.sigma > 0 ? fmax(1 - (t_next - t) * level * pow(next.sigma, power - 1), 0) : 1;
    return FM_OK;
  }
  const double posterior = now.alpha * next.sigma / (next.alpha * now.sigma);
  const double renewed =
      diffusion == FM_DIFFUSION_DDPM ? level * level * (1 - posterior * posterior) : level * level;
  *share = sqrt(fmax(1 - renewed, 0));
  return FM_OK;
}

static fm_status keep(void *user, double t, double t_next, double *share, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  const fm_sampler_options *o = &s->options;
  return fmi_sde_keep(fmi_sampler_path(s), o->diffusion, o->diffusion_level, o->diffusion_power, t, t_next,
                      share, err);
}

fmi_diffusion fmi_sde_of(fmi_tile *tile) {
  const uint64_t kind = tile->job->sampler->options.diffusion;
  const bool keeps = kind == FM_DIFFUSION_DDPM || kind == FM_DIFFUSION_REFRESH || kind == FM_DIFFUSION_RATE;
  return (fmi_diffusion){
      diffusion_at,        add_score, noise, kind == FM_DIFFUSION_OVERSHOOT ? overshoot : NULL,
      keeps ? keep : NULL, tile};
}
