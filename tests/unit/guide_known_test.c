/* guide_known_test.c - known values in draws: kept exactly, or fitted by the rest as the conditional Gaussian
   has it; masks of action chunks. */
#include "guide_fixture.h"

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
  reference(known_slope, f, 0, 1, 800, x);
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
  const double rho = .7, y = 1.5, mean = rho * y, variance = 1 - rho * rho;
  fm_ctx *ctx = new_ctx(1);
  const moments both = moments_of(FM_INPAINT_BOTH, rho, y, -1, ctx),
                capped = moments_of(FM_INPAINT_BOTH, rho, y, 0, ctx),
                pulled = moments_of(FM_INPAINT_GUIDE, rho, y, -1, ctx),
                replaced = moments_of(FM_INPAINT_REPLACE, rho, y, 0, ctx);
  CLOSE(both.mean, mean, .04);
  CLOSE(both.variance, variance, .02);
  CLOSE(pulled.mean, mean, .04);
  CLOSE(pulled.variance, variance, .02);
  CLOSE(capped.mean, mean, .12);
  CLOSE(capped.variance, variance, .03);
  ck_assert(replaced.mean < mean - .5 && replaced.variance > variance + .2);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- values that are kept -------------------------------------------------------------------------------------- */

static const uint32_t methods[] = {FM_SOLVER_EULER, FM_SOLVER_DOPRI5,         FM_SOLVER_HEUN2,
                                   FM_SOLVER_AB3,   FM_SOLVER_EXPONENTIAL_2M, FM_SOLVER_DDIM};

/* To the bit, by every method, with noise too, in both precisions; a NaN is unknown. */
START_TEST(known_values_are_kept) {
  enum { N = 60 };
  const gaussian data = {{.4, -.6}, {1.2, .5, .8}};
  const double shift[D] = {3, -1}, scale[D] = {2, .25};
  static const char *const names[] = {"condot", "target-ot:0.2", "vp"}; /* the second ends in blurred data */
  fm_ctx *ctx = new_ctx(1);
  for (int p = 0; p < 3; p++)
    for (uint64_t diffusion = 0; diffusion <= FM_DIFFUSION_OVERSHOOT; diffusion++) {
      const uint32_t method = diffusion ? FM_SOLVER_EULER : methods[_i];
      const fm_solver_options solver = {.struct_size = sizeof solver, .method = method, .n_steps = 7};
      const fm_sampler_options so = {.struct_size = sizeof so, .diffusion = diffusion};
      const fm_guidance_options o = {.struct_size = sizeof o,
                                     .inpainting = diffusion % 2 ? FM_INPAINT_BOTH : 0};
      fm_path *path = path_of(ctx, names[p]);
      gaussians *g = new_gaussians(data);
      fm_model *model = gaussians_model(ctx, g, path, shift, scale);
      fm_sampler *s;
      double known[N * D], out[N * D];
      float known32[N * D], mask[N * D], out32[N * D], free32[N * D];
      for (int i = 0; i < N * D; i++) {
        known[i] = i % 3 ? 1e-3 * i + .1 : NAN;
        known32[i] = (float)known[i];
        mask[i] = i % 3 ? 1 : 0;
      }
      OK(fm_sampler_create_guided(ctx, model, &solver, &so, &o, &s));
      OK(fm_sampler_draw_guided_f64(ctx, s, 5, 40, NULL, NULL, NULL, known, NULL, N, out, NULL, NULL));
      OK(fm_sampler_draw_guided(ctx, s, 5, 40, NULL, NULL, NULL, known32, mask, N, out32, NULL, NULL));
      OK(fm_sampler_draw(ctx, s, 5, 40, NULL, NULL, N, free32));
      for (int i = 0; i < N * D; i++) {
        if (i % 3)
          HOLDS(out[i] == known[i] && out32[i] == known32[i], "%.17g is not %.17g", out[i], known[i]);
        HOLDS(fabs(out[i] - out32[i]) < 1e-4 * (1 + fabs(out[i])), "%g is not %g", out32[i], out[i]);
      }
      /* Row 0 knows its second column only, which its first has seen; row 3 is like it. */
      ck_assert(out32[0] != free32[0] && out32[3 * D] != free32[3 * D]);
      fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g);
    }
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows of which all is known go straight: a step or two, whatever the model says. */
START_TEST(known_columns_ask_for_no_steps) {
  const gaussian data = {{.4, -.6}, {9, .5, .01}};
  fm_ctx *ctx = new_ctx(1);
  fm_path *path = path_of(ctx, "condot");
  gaussians *g = new_gaussians(data);
  fm_model *model = gaussians_model(ctx, g, path, unit_shift, unit_scale);
  fm_sampler *s = guided(ctx, model, tight(), (fm_guidance_options){0});
  const double known[2 * D] = {1, 2, 1, NAN};
  double out[2 * D];
  fm_row_stats rows[2];
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
  OK(fm_sampler_draw_guided_f64(ctx, s, 5, 40, NULL, NULL, NULL, known, NULL, 2, out, &stats, rows));
  ck_assert(rows[0].accepted <= 6 && rows[0].rejected == 0 && rows[1].accepted > 12);
  ck_assert_uint_eq(stats.accepted, rows[0].accepted + rows[1].accepted);
  fm_sampler_destroy(s), fm_model_destroy(model), fm_path_destroy(path), free(g), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- action chunks ------------------------------------------------------------------------------------------- */

/* Black et al., eq. 5, with d = 2 and H - s = 5 of H = 8. */
START_TEST(prefix_masks_fall_from_frozen_to_free) {
  static const double want[8] = {1, 1, 0.48755099343092057, 0.18877033439907276, 0.041324044167779996, 0,
                                 0, 0};
  float mask[8 * 3 + 1];
  fm_ctx *ctx = new_ctx(1);
  mask[8 * 3] = 7;
  OK(fm_prefix_mask(ctx, 8, 3, 2, 5, mask));
  for (int i = 0; i < 8 * 3; i++) CLOSE(mask[i], want[i / 3], 1e-7);
  ck_assert(mask[8 * 3] == 7);
  OK(fm_prefix_mask(ctx, 8, 1, 3, 3, mask)); /* nothing beyond what is frozen */
  for (int i = 0; i < 8; i++) ck_assert(mask[i] == (i < 3 ? 1 : 0));
  OK(fm_prefix_mask(ctx, 4, 1, 0, 4, mask)); /* nothing is frozen */
  for (int i = 0; i < 4; i++) ck_assert(mask[i] > 0 && mask[i] < 1);
  FAILS(FM_E_INVALID, "overlap:", fm_prefix_mask(ctx, 4, 1, 0, 5, mask));
  FAILS(FM_E_INVALID, "frozen:", fm_prefix_mask(ctx, 4, 1, 3, 2, mask));
  OK(fm_prefix_mask(ctx, 0, 3, 0, 0, NULL));
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- other predictions, other paths ------------------------------------------------------------------------- */

static int32_t pull_to_one(void *user, const fm_potential_call *call) {
  (void)user;
  for (size_t i = 0; i < call->n * call->dim; i++) call->gradient[i] = .5 * (1 - call->x1[i]);
  return 0;
}

/* Everything that steers, with a network that predicts something else or was trained on another path: the rows of
   a velocity network on the path itself. The weaker model predicts what the other doesn't. */
START_TEST(guidance_is_that_of_the_velocity) {
  enum { N = 12, KINDS = 6 };
  static const struct {
    uint32_t prediction, baseline, weaker;
    const char *path;
  } kinds[KINDS] = {{FM_VELOCITY, 1, FM_X1, "condot"}, {FM_X1, 0, FM_SCORE, "condot"},
                    {FM_X0, 0, FM_VELOCITY, "condot"}, {FM_SCORE, 0, FM_X1, "condot"},
                    {FM_VELOCITY, 0, FM_X0, "cosine"}, {FM_X1, 0, FM_VELOCITY, "linear-vp"}};
  const gaussian data = {{.4, -.6}, {1.2, .5, .8}}, coarse = {{.2, 0}, {1.5, .2, 1.2}};
  fm_ctx *ctx = new_ctx(1);
  fm_path *condot = path_of(ctx, "condot"), *path = path_of(ctx, kinds[_i].path);
  gaussians *g[4];
  fm_model *models[4];
  double out[2][N * D], known[N * D];
  float mask[N * D];
  const double weights[N] = {1, 2, 1.5, 0, 1, -1, 3, 1, 1, 1.2, 2, .5};
  for (int i = 0; i < N * D; i++) known[i] = .3 * (i % 7) - 1, mask[i] = (float)(i % 3) / 2;
  for (int k = 0; k < 4; k++) {
    g[k] = new_gaussians(k % 2 ? coarse : data);
    if (k == 2) g[k]->prediction = kinds[_i].prediction, g[k]->baseline = kinds[_i].baseline;
    if (k == 3) g[k]->prediction = kinds[_i].weaker;
    models[k] = gaussians_model(ctx, g[k], k < 2 ? condot : path, unit_shift, unit_scale);
  }
  for (int k = 0; k < 2; k++) {
    const fm_solver_options solver = tight();
    const fm_sampler_options so = {.struct_size = sizeof so, .path = k > 0 && path != condot ? condot : NULL};
    const fm_guidance_options o = {.struct_size = sizeof o,
                                   .inpainting = FM_INPAINT_BOTH,
                                   .potential = pull_to_one,
                                   .weaker = models[2 * k + 1]};
    fm_sampler *s;
    OK(fm_sampler_create_guided(ctx, models[2 * k], &solver, strcmp(kinds[_i].path, "condot") ? &so : NULL,
                                &o, &s));
    OK(fm_sampler_draw_guided_f64(ctx, s, 5, 40, NULL, NULL, weights, known, mask, N, out[k], NULL, NULL));
    fm_sampler_destroy(s);
  }
  for (int i = 0; i < N * D; i++) CLOSE(out[1][i], out[0][i], 1e-3 * (1 + fabs(out[0][i])));
  for (int k = 0; k < 4; k++) fm_model_destroy(models[k]), free(g[k]);
  fm_path_destroy(condot), fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "guide_known");
  tcase_add_test(tcase, prefix_masks_fall_from_frozen_to_free);
  if (!IS_DOUBLE) { /* whose networks are no callbacks */
    tcase_add_loop_test(tcase, known_values_solve_their_equation, 0, 3 * FMI_COUNT(paths));
    tcase_add_test(tcase, guidance_is_exact_where_its_variance_is);
    tcase_add_test(tcase, the_rest_fits_known_values);
    tcase_add_test(tcase, known_columns_ask_for_no_steps);
    tcase_add_loop_test(tcase, known_values_are_kept, 0, FMI_COUNT(methods));
    tcase_add_loop_test(tcase, guidance_is_that_of_the_velocity, 0, 6);
  }
  return run_suite(suite);
}
