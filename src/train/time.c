/* time.c - distributions of training times and weights of the loss. t = 1 is data: formulas of papers in
   which it is noise are turned round. */
#include "train/time.h"

#include "core/rng.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Box & Muller. */
static double normal(double u, double v) { return sqrt(-2 * log(u)) * cos(2 * pi * v); }

/* ---- distributions --------------------------------------------------------------------------------- */

static double uniform(double u, double v, double a, double b) {
  (void)v, (void)a, (void)b;
  return u;
}

/* logit t ~ N(a, b^2) (Esser et al., "Scaling Rectified Flow Transformers", ICML 2024, eq. 19). */
static double logit_normal(double u, double v, double a, double b) {
  return 1 / (1 + exp(-(a + b * normal(u, v))));
}

/* Esser et al., eq. 20, which is the same from either end: a > 0 favours the middle, a < 0 the ends. */
static double mode(double u, double v, double a, double b) {
  (void)v, (void)b;
  const double c = cos(pi / 2 * u);
  return 1 - u - a * (c * c - 1 + u);
}

/* Density t^(1/a - 1) / a, Beta(1/a, 1): a > 1 favours the source, a < 1 the data. */
static double power(double u, double v, double a, double b) {
  (void)v, (void)b;
  return pow(u, a);
}

/* Density proportional to e^(a t) + e^(a (1 - t)) (Lee et al., "Improving the Training of Rectified Flows",
   NeurIPS 2024): an exponential from one end or the other. */
static double u_shape(double u, double v, double a, double b) {
  (void)b;
  const double t = 0 - log1p(u * expm1(-a)) / a;
  return v < 0.5 ? t : 1 - t;
}

/* t = 1 / (1 + sigma) with log sigma ~ N(a, b^2), the noise levels of EDM (Karras et al., NeurIPS 2022). */
static double edm(double u, double v, double a, double b) { return 1 / (1 + exp(b * normal(u, v) + a)); }

/* Times at which CondOT has the noise levels of a uniform cosine schedule (Esser et al., eq. 21). */
static double cosmap(double u, double v, double a, double b) {
  (void)v, (void)a, (void)b;
  return 1 - 1 / (tan(pi / 2 * u) + 1);
}

/* ---- weights --------------------------------------------------------------------------------------- */

static double square(double x) { return x * x; }

static double constant(double t, const fm_path_coefficients *c, double a) {
  (void)t, (void)c, (void)a;
  return 1;
}

/* The density of the times above: the same objective with uniform times. */
static double cosmap_density(double t, const fm_path_coefficients *c, double a) {
  (void)c, (void)a;
  return 2 / (pi * (1 - 2 * t + 2 * t * t));
}

/* ||v - u||^2 = (D / sigma)^2 ||x1_hat - x1||^2 = (D / alpha)^2 ||x0_hat - x0||^2 (docs/numerics.md). */
static double of_x1(double t, const fm_path_coefficients *c, double a) {
  (void)t, (void)a;
  return square(c->sigma / fmi_path_determinant(c));
}
static double of_x0(double t, const fm_path_coefficients *c, double a) {
  (void)t, (void)a;
  return c->alpha == 0 ? 0 : square(c->alpha / fmi_path_determinant(c)); /* also where D is 0 too: t / n */
}

/* min(alpha^2 / sigma^2, a) on the loss of x1 (Hang et al., "Efficient Diffusion Training via Min-SNR
   Weighting Strategy", ICCV 2023), written without the quotient, which is infinite at the data end. */
static double min_snr(double t, const fm_path_coefficients *c, double a) {
  return fmin(of_x0(t, c, a), a * of_x1(t, c, a));
}

/* ---- lists ----------------------------------------------------------------------------------------- */

static const fmi_time_sampling samplings[] = {
#define FMI_TIME(kind, name, draw, ...) {kind, name, draw, __VA_ARGS__},
#define FMI_WEIGHT(...)
#include "train/time_list.def"
#undef FMI_TIME
#undef FMI_WEIGHT
};

static const fmi_loss_weight weights[] = {
#define FMI_TIME(...)
#define FMI_WEIGHT(kind, name, at, fallback, most, ends) {kind, name, at, fallback, most, ends},
#include "train/time_list.def"
#undef FMI_TIME
#undef FMI_WEIGHT
};

const fmi_time_sampling *fmi_time_sampling_by_kind(uint32_t kind) {
  if (kind == 0) return &samplings[0];
  for (size_t i = 0; i < FMI_COUNT(samplings); i++)
    if (samplings[i].kind == kind) return &samplings[i];
  return NULL;
}

const fmi_loss_weight *fmi_loss_weight_by_kind(uint32_t kind) {
  if (kind == 0) return &weights[0];
  for (size_t i = 0; i < FMI_COUNT(weights); i++)
    if (weights[i].kind == kind) return &weights[i];
  return NULL;
}

/* ---- options --------------------------------------------------------------------------------------- */

static fm_status read_param(const char *field, const char *kind, double fallback, double least, double most,
                            double *value, fmi_error *err) {
  if (*value == 0) *value = fallback;
  if (*value >= least && *value <= most) return FM_OK;
  return fmi_fail(err, FM_E_INVALID, "trainer_options.%s: expected %g to %g for %s, found %g", field, least,
                  most, kind, *value);
}

static fm_status read_sampling(fm_trainer_options *o, fmi_error *err) {
  const fmi_time_sampling *s = fmi_time_sampling_by_kind(o->time_sampling);
  if (s == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "trainer_options.time_sampling: expected a FM_TIME_ constant, found %u",
                    (unsigned)o->time_sampling);
  if (o->time != NULL && o->time_sampling != 0)
    return fmi_fail(err, FM_E_INVALID,
                    "trainer_options.time_sampling: expected 0 beside a function, found %u",
                    (unsigned)o->time_sampling);
  o->time_sampling = s->kind;
  FMI_TRY(read_param("time_a", s->name, s->a.fallback, s->a.least, s->a.most, &o->time_a, err));
  return read_param("time_b", s->name, s->b.fallback, s->b.least, s->b.most, &o->time_b, err);
}

static fm_status check_weight(const fm_trainer_options *o, const fmi_loss_weight *w, const fm_path *path,
                              fmi_error *err) {
  enum { points = 65 };
  for (int i = 0; i < points; i++) {
    const double t = path->first + (path->last - path->first) * i / (points - 1);
    fm_path_coefficients c;
    FMI_TRY(fmi_path_at(path, t, &c, err));
    if (w->needs_conversion && (c.gamma != 0 || c.d_gamma != 0))
      return fmi_fail(err, FM_E_UNSUPPORTED,
                      "trainer_options.loss_weight: %s needs a path with gamma = 0, found %g at t = %g",
                      w->name, c.gamma, t);
    const double weight = w->at(t, &c, o->weight_a);
    if (!(isfinite(weight) && weight >= 0))
      return fmi_fail(err, FM_E_UNSUPPORTED, "trainer_options.loss_weight: %s is %g on this path at t = %g",
                      w->name, weight, t);
  }
  return FM_OK;
}

fm_status fmi_time_options(fm_trainer_options *o, const fm_path *path, fmi_error *err) {
  FMI_TRY(read_sampling(o, err));
  const fmi_loss_weight *w = fmi_loss_weight_by_kind(o->loss_weight);
  if (w == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "trainer_options.loss_weight: expected a FM_WEIGHT_ constant, found %u",
                    (unsigned)o->loss_weight);
  if (o->weight != NULL && o->loss_weight != 0)
    return fmi_fail(err, FM_E_INVALID, "trainer_options.loss_weight: expected 0 beside a function, found %u",
                    (unsigned)o->loss_weight);
  o->loss_weight = w->kind;
  FMI_TRY(read_param("weight_a", w->name, w->a_fallback, 0, w->a_most, &o->weight_a, err));
  return check_weight(o, w, path, err);
}

/* ---- a batch --------------------------------------------------------------------------------------- */

static fm_status ask_times(const fmi_time_draw *d, double *t, fmi_error *err) {
  fm_time_request request = {.struct_size = sizeof request, .n = d->n, .uniforms = d->uniforms, .t = t};
  int32_t answer = d->options->time(d->options->time_user, &request);
  if (answer != 0) return fmi_fail(err, FM_E_CALLBACK, "trainer_options.time returned %d", (int)answer);
  for (size_t i = 0; i < d->n; i++)
    if (!(t[i] >= 0 && t[i] <= 1))
      return fmi_fail(err, FM_E_DOMAIN, "trainer_options.time: expected 0 <= t <= 1, found %g in row %zu",
                      t[i], i);
  return FM_OK;
}

/* From two uniforms of each row, of blocks `block` and the next. */
static fm_status draw_times(const fmi_time_draw *d, uint32_t block, double *t, fmi_error *err) {
  const fmi_time_sampling *s = fmi_time_sampling_by_kind(d->train ? d->options->time_sampling : 0);
  const bool own = d->train && d->options->time != NULL;
  for (size_t i = 0; i < d->n; i++) {
    const double u = fmi_rng_uniform(d->seed, FMI_STREAM_TIME, d->first_row + i, block);
    const double v = fmi_rng_uniform(d->seed, FMI_STREAM_TIME, d->first_row + i, block + 1);
    d->uniforms[2 * i] = u;
    d->uniforms[2 * i + 1] = v;
    if (!own) t[i] = fmin(1, fmax(0, s->draw(u, v, d->options->time_a, d->options->time_b)));
  }
  if (own) FMI_TRY(ask_times(d, t, err));
  const double first = d->path->first, span = d->path->last - first;
  for (size_t i = 0; i < d->n; i++) t[i] = fmi_path_clip(d->path, first + span * t[i]);
  return FM_OK;
}

/* Which rows have an end of their own is noise too. */
static fm_status draw_ends(const fmi_time_draw *d, fmi_error *err) {
  FMI_TRY(draw_times(d, 2, d->ends, err));
  for (size_t i = 0; i < d->n; i++) {
    const double one = d->t[i], other = d->ends[i];
    const bool own = fmi_rng_uniform(d->seed, FMI_STREAM_TIME, d->first_row + i, 4) < d->share;
    if (own) d->t[i] = fmin(one, other);
    d->ends[i] = own ? fmax(one, other) : one;
  }
  return FM_OK;
}

static fm_status ask_weights(const fmi_time_draw *d, fmi_error *err) {
  fm_time_weight_request request = {.struct_size = sizeof request, .n = d->n, .t = d->t, .weight = d->weight};
  int32_t answer = d->options->weight(d->options->weight_user, &request);
  if (answer != 0) return fmi_fail(err, FM_E_CALLBACK, "trainer_options.weight returned %d", (int)answer);
  for (size_t i = 0; i < d->n; i++)
    if (!(isfinite(d->weight[i]) && d->weight[i] >= 0))
      return fmi_fail(err, FM_E_NONFINITE, "trainer_options.weight: expected 0 or more, found %g at t = %g",
                      d->weight[i], d->t[i]);
  return FM_OK;
}

fm_status fmi_times_draw(const fmi_time_draw *d, fmi_error *err) {
  FMI_TRY(draw_times(d, 0, d->t, err));
  if (d->ends != NULL) FMI_TRY(draw_ends(d, err)); /* first: weights are of the earlier time */
  if (d->train && d->options->weight != NULL) return ask_weights(d, err);
  const fmi_loss_weight *w = fmi_loss_weight_by_kind(d->train ? d->options->loss_weight : FM_WEIGHT_CONSTANT);
  for (size_t i = 0; i < d->n; i++) {
    fm_path_coefficients c = {0};
    if (w->kind != FM_WEIGHT_CONSTANT) FMI_TRY(fmi_path_at(d->path, d->t[i], &c, err));
    d->weight[i] = w->at(d->t[i], &c, d->options->weight_a);
  }
  return FM_OK;
}
