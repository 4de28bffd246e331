/* guide_known_test.c - known values in draws: kept exactly, or fitted by the rest as the conditional Gaussian
   has it; masks of action chunks. */
#include "guide_fixture.h"
#include <stdio.h>

static fm_path *path_of(fm_ctx *ctx, const char *name) {
  fm_path *path;
  OK(fm_path_create_named(ctx, name, &path));
  return path;
}
static gaussians *new_gaussians(gaussian one) {
  gaussians *g = new_block(1, sizeof *g);
  for (int k = 0; k <= CLASSES; k++) g->of[k] = one;
  return g;
}

static const char *const paths[] = {"condot", "cosine", "vp", "poly:2"};

/* ---- against the equation solved by other code ----------------------------------------------------------- */

typedef struct known_flow {
  const fm_path *path;
  const gaussian *data;
  double y[D], mask[D], x0[D], cap;
  uint32_t kind;
} known_flow;

/* Pulls at x1 by J^T, J = (sigma Jv - sigma' 1) / D, with the factor D (alpha^2 + sigma^2) / (alpha sigma); columns
   of mask 1 are where their path has them. */
static void known_slope(const void *user, double time, const double *given, double *out) {
  const known_flow *f = user;
  const double t = f->cap < 0 ? fmin(fmax(time, 1e-3), 1 - 1e-3) : time;
  const fm_path_coefficients c = at(f->path, t);
  const double d = c.d_alpha * c.sigma - c.alpha * c.d_sigma;
  double factor = d * (c.alpha * c.alpha + c.sigma * c.sigma) / (c.alpha * c.sigma);
  if (f->cap >= 0 && !(factor <= f->cap)) factor = f->cap;
  double x[D], x1[D], jv[3], r[D];
  for (int j = 0; j < D; j++) {
    const bool replaced = f->kind != FM_INPAINT_GUIDE && f->mask[j] == 1;
    x[j] = replaced ? c.alpha * f->y[j] + c.sigma * f->x0[j] : given[j];
  }
  exact_velocity(f->data, &c, x, out, x1, jv);
  for (int j = 0; j < D; j++) r[j] = factor * f->mask[j] * (f->y[j] - x1[j]);
  if (f->kind != FM_INPAINT_REPLACE && fabs(d) >= 1e-3) {
    const double j00 = (c.sigma * jv[0] - c.d_sigma) / d, j01 = c.sigma * jv[1] / d,
                 j11 = (c.sigma * jv[2] - c.d_sigma) / d;
    out[0] += j00 * r[0] + j01 * r[1];
    out[1] += j01 * r[0] + j11 * r[1];
  }
  for (int j = 0; j < D; j++)
    if (f->kind != FM_INPAINT_GUIDE && f->mask[j] == 1) out[j] = c.d_alpha * f->y[j] + c.d_sigma * f->x0[j];
}
static void solve_known(const known_flow *f, double *x) {
  memcpy(x, f->x0, sizeof f->x0);
  reference(known_slope, f, 0, 1, 4000, x);
  for (int j = 0; j < D; j++)
    if (f->kind != FM_INPAINT_GUIDE && f->mask[j] == 1) x[j] = f->y[j];
}

START_TEST(known_values_solve_their_equation) {
  enum { N = 8 };
  const gaussian data = {{.4, -.6}, {1.2, .5, .8}};
  const double shift[D] = {3, -1}, scale[D] = {2, .25};
  const uint32_t kind = FM_INPAINT_REPLACE + (uint32_t)_i % 3;
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, paths[_i / 3]);
  gaussians *g = new_gaussians(data);
  fm_model *model = gaussians_model(ctx, g, path, shift, scale);
  fm_sampler *s = guided(ctx, model, tight(), (fm_guidance_options){.inpainting = kind});
  double known[N * D], x0[N * D], out[N * D], x[D];
  float mask[N * D];
  uint64_t seed = 3;
  for (int i = 0; i < N * D; i++) {
    known[i] = shift[i % D] + scale[i % D] * next_normal(&seed);
    mask[i] = (float)((i / D + i % D) % 3) / 2;
    if (kind == FM_INPAINT_REPLACE && mask[i] == .5f) mask[i] = 0;
  }
  draw_sources(ctx, D, 5, 40, N, x0);
  OK(fm_sampler_draw_guided_f64(ctx, s, 5, 40, NULL, NULL, NULL, known, mask, N, out, NULL, NULL));
  for (int i = 0; i < N; i++) {
    known_flow f = {.path = path, .data = &data, .cap = 5, .kind = kind};
    for (int j = 0; j < D; j++) {
      f.y[j] = (known[i * D + j] - shift[j]) / scale[j], f.x0[j] = x0[i * D + j], f.mask[j] = mask[i * D + j];
    }
    solve_known(&f, x);
    for (int j = 0; j < D; j++) {
      CLOSE((out[i * D + j] - shift[j]) / scale[j], x[j], 5e-4);
      if (kind != FM_INPAINT_GUIDE && mask[i * D + j] == 1) ck_assert(out[i * D + j] == known[i * D + j]);
    }
  }
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- against the conditional Gaussian ------------------------------------------------------------------------ */

/* Columns of variance 1 that know nothing of each other: r_t is right, and rows end at y, the other column as
   if nothing was known. */
START_TEST(guidance_is_exact_where_its_variance_is) {
  enum { N = 20 };
  const gaussian data = {{.4, -.6}, {1, 0, 1}};
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, "condot");
  gaussians *g = new_gaussians(data);
  fm_model *model = gaussians_model(ctx, g, path, unit_shift, unit_scale);
  fm_sampler *s =
      guided(ctx, model, tight(), (fm_guidance_options){.cap = -1, .inpainting = FM_INPAINT_GUIDE});
  double known[N * D], x0[N * D], out[N * D];
  for (int i = 0; i < N; i++) known[i * D] = .2 * i - 2, known[i * D + 1] = NAN;
  draw_sources(ctx, D, 5, 0, N, x0);
  OK(fm_sampler_draw_guided_f64(ctx, s, 5, 0, NULL, NULL, NULL, known, NULL, N, out, NULL, NULL));
  for (int i = 0; i < N; i++) {
    CLOSE(out[i * D], known[i * D], 5e-3);
    CLOSE(out[i * D + 1], data.mean[1] + x0[i * D + 1], 1e-3);
  }
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g), fm_ctx_destroy(ctx);
}
END_TEST

typedef struct moments {
  double mean, variance;
} moments;
/* Of the free column over the source, given y in the other: draws are affine in x0, so three rows tell. */
static moments moments_of(uint32_t kind, double rho, double y, double cap, fm_ctx *ctx) {
  const gaussian data = {{0, 0}, {1, rho, 1}};
  fm_path *path = path_of(ctx, "condot");
  gaussians *g = new_gaussians(data);
  fm_model *model = gaussians_model(ctx, g, path, unit_shift, unit_scale);
  fm_sampler *s = guided(ctx, model, tight(), (fm_guidance_options){.cap = cap, .inpainting = kind});
  const double known[3 * D] = {y, NAN, y, NAN, y, NAN};
  double x[3 * D], o[3 * D];
  draw_sources(ctx, D, 2, 0, 3, x);
  OK(fm_sampler_draw_guided_f64(ctx, s, 2, 0, NULL, NULL, NULL, known, NULL, 3, o, NULL, NULL));
  /* o[1] = mean + a x[0] + b x[1] */
  const double p = x[2] - x[0], q = x[3] - x[1], u = x[4] - x[0], v = x[5] - x[1], e = o[3] - o[1],
               f = o[5] - o[1];
  const double det = p * v - q * u, a = (e * v - f * q) / det, b = (p * f - u * e) / det;
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g);
  return (moments){o[1] - a * x[0] - b * x[1], a * a + b * b};
}

/* Of two columns with correlation rho, given one: N(rho y, 1 - rho^2). Both together come close, the exact value
   alone doesn't. */
START_TEST(the_rest_fits_known_values) {
  const double rho = .7, y = 1.5;
  fm_ctx *ctx = new_ctx(1);
  const moments both = moments_of(FM_INPAINT_BOTH, rho, y, -1, ctx),
                replaced = moments_of(FM_INPAINT_REPLACE, rho, y, 0, ctx),
                pulled = moments_of(FM_INPAINT_GUIDE, rho, y, -1, ctx),
                capped = moments_of(FM_INPAINT_BOTH, rho, y, 0, ctx);
  printf("exact %g %g both %g %g replaced %g %g pulled %g %g capped %g %g\n", rho * y, 1 - rho * rho,
         both.mean, both.variance, replaced.mean, replaced.variance, pulled.mean, pulled.variance,
         capped.mean, capped.variance);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "guide_known");
  tcase_add_loop_test(tcase, known_values_solve_their_equation, 0, 3 * FMI_COUNT(paths));
  tcase_add_test(tcase, guidance_is_exact_where_its_variance_is);
  tcase_add_test(tcase, the_rest_fits_known_values);
  return run_suite(suite);
}
