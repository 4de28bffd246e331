/* form_test.c - what a network predicts and the path that rows go along: the velocity as a linear form, the
   change of time and scale between paths, and draws of models whose exact output is known. */
#include "fixture.h"

#include "api/api.h"
#include "sample/sampler.h"

static fm_ctx *ctx;
static fm_path *paths[8]; /* all built-in ones with gamma = 0, and two with other parameters */
static size_t n_paths;

static void set_up(void) {
  static const char *const names[] = {"condot", "cosine", "poly",      "poly:3",
                                      "vp",     "vp:1:8", "linear-vp", "target-ot:0.1"};
  ctx = new_ctx(1);
  for (n_paths = 0; n_paths < FMI_COUNT(names); n_paths++)
    OK(fm_path_create_named(ctx, names[n_paths], &paths[n_paths]));
}
static void tear_down(void) {
  while (n_paths > 0) fm_path_destroy(paths[--n_paths]);
  fm_ctx_destroy(ctx);
}

static fm_path_coefficients at(const fm_path *path, double t) {
  fm_path_coefficients c;
  fm_path_coefficients_init(&c);
  OK(fm_path_coefficients_at(ctx, path, t, &c));
  return c;
}

/* ---- the form ---------------------------------------------------------------------------------------- */

static const struct {
  uint32_t kind, baseline;
} outputs[] = {{FM_VELOCITY, 0}, {FM_VELOCITY, 1}, {FM_X1, 0}, {FM_X0, 0}, {FM_SCORE, 0}};

static fmi_prediction settled(size_t output, const fm_path *path) {
  fmi_prediction p = {.kind = outputs[output].kind, .baseline = outputs[output].baseline};
  OK(fmi_prediction_settle(&p, "prediction", path, &ctx->err));
  return p;
}

/* For a pair (x1, x0) all is known: its state on any path, what a network says there, and the velocity. */
START_TEST(every_output_makes_every_velocity) {
  const double x1 = 1.3, x0 = -.7;
  size_t inside = 0;
  for (size_t o = 0; o < FMI_COUNT(outputs); o++)
    for (size_t from = 0; from < n_paths; from++)
      for (size_t to = 0; to < n_paths; to++)
        for (int i = 1; i < 40; i++) {
          const fmi_prediction p = settled(o, paths[from]);
          const double r = i / 40.0;
          fmi_form f;
          OK(fmi_form_at(&p, paths[from], paths[to], r, &f, &ctx->err));
          HOLDS(f.time >= p.first && f.time <= p.last, "asked at %.17g", f.time);
          const fm_path_coefficients here = at(paths[to], r), there = at(paths[from], f.time);
          const double y = here.alpha * x1 + here.sigma * x0, x = there.alpha * x1 + there.sigma * x0;
          if (fabs(f.in * y - x) > 1e-9) continue; /* the network has no state of this ratio */
          const fmi_target g = fmi_target_at(&p, &there);
          const double said = g.by_x1 * x1 + g.by_x0 * x0 + g.by_xt * x;
          const double u = here.d_alpha * x1 + here.d_sigma * x0;
          CLOSE(f.by_state * y + f.by_net * said, u, 1e-10 * (1 + fabs(u)));
          inside++;
        }
  ck_assert_uint_gt(inside, 8000); /* of 12480 */
}
END_TEST

/* The gain is how an error of the output weighs in the velocity. */
START_TEST(gains_are_those_of_the_form) {
  for (size_t o = 0; o < FMI_COUNT(outputs); o++)
    for (size_t k = 0; k < n_paths; k++)
      for (int i = 1; i < 20; i++) {
        const fmi_prediction p = settled(o, paths[k]);
        const double t = p.first + (p.last - p.first) * i / 20;
        const fm_path_coefficients c = at(paths[k], t);
        fmi_form f;
        OK(fmi_form_at(&p, paths[k], paths[k], t, &f, &ctx->err));
        ck_assert(f.time == t && f.in == 1);
        CLOSE(fmi_target_at(&p, &c).gain, fabs(f.by_net), 1e-12 * fabs(f.by_net));
      }
}
END_TEST

/* Before and after a prediction's times the two ends are what they were last said to be. */
START_TEST(beyond_its_times_a_prediction_keeps_its_ends) {
  for (size_t o = 2; o < FMI_COUNT(outputs); o++)
    for (size_t k = 0; k < n_paths; k++) {
      const fmi_prediction p = settled(o, paths[k]);
      const double ends[] = {p.first, p.last}, beyond[] = {p.first / 2, (1 + p.last) / 2};
      for (int e = 0; e < 2; e++) {
        const fm_path_coefficients c = at(paths[k], ends[e]),
                                   d = at(paths[k], fmi_path_clip(paths[k], beyond[e]));
        const double ratio = c.alpha / c.sigma;
        if (ends[e] == beyond[e] || ends[e] == paths[k]->last) continue;
        CLOSE(ratio, e == 0 ? 1.0 / 200 : 100, 1e-9 * ratio);
        fmi_form f;
        OK(fmi_form_at(&p, paths[k], paths[k], beyond[e], &f, &ctx->err));
        ck_assert(f.time == ends[e]);
        const double x1 = -.4, x0 = 2.1, x = c.alpha * x1 + c.sigma * x0;
        const fmi_target g = fmi_target_at(&p, &c);
        const double u = d.d_alpha * x1 + d.d_sigma * x0;
        CLOSE(f.by_state * x / f.in + f.by_net * (g.by_x1 * x1 + g.by_x0 * x0), u, 1e-9 * (1 + fabs(u)));
      }
    }
}
END_TEST

/* The best linear velocity: what remains of u_t has no correlation with x_t. */
START_TEST(the_baseline_leaves_nothing_linear) {
  for (size_t k = 0; k < n_paths; k++)
    for (int i = 0; i <= 20; i++) {
      const fm_path_coefficients c =
          at(paths[k], paths[k]->first + (paths[k]->last - paths[k]->first) * i / 20);
      const double b = fmi_path_baseline(&c);
      CLOSE((c.d_alpha - b * c.alpha) * c.alpha + (c.d_sigma - b * c.sigma) * c.sigma, 0, 1e-12);
    }
}
END_TEST

/* ---- a change of path ---------------------------------------------------------------------------------- */

static fm_path_change change_at(const fm_path *path, const fm_path *to, double r) {
  fm_path_change c;
  fm_path_change_init(&c);
  OK(fm_path_transform(ctx, path, to, r, &c));
  return c;
}
static double u_of(fm_path_change c, double y, double v) {
  return c.d_scale / c.scale * y + c.scale * c.d_time * v;
}

static const struct {
  const char *to;
  double r, u;
} reference[] = {{"cosine", 0, 1.5707963267948966},    {"cosine", .1, 1.1636836872425445},
                 {"cosine", .5, .19634954084936168},   {"cosine", .9, -.24697930523616995},
                 {"vp", .1, .14799938406890126},       {"vp", .5, .8541628629601843},
                 {"linear-vp", .5, .3923048454132638}, {"linear-vp", .9, -.21354852193850904}};

/* v(x, t) = x t^2 of CondOT at x = 1 and -2. */
START_TEST(a_velocity_has_the_reference_numbers_on_another_path) {
  for (size_t i = 0; i < FMI_COUNT(reference); i++) {
    fm_path *to;
    OK(fm_path_create_named(ctx, reference[i].to, &to));
    const fm_path_change c = change_at(paths[0], to, reference[i].r);
    for (double y = 1; y >= -2; y -= 3)
      CLOSE(u_of(c, y, y / c.scale * c.time * c.time), y * reference[i].u, 2e-12);
    fm_path_destroy(to);
  }
}
END_TEST

/* Both ways are one another's inverse, the data end stays, and time and scale have these derivatives. */
START_TEST(there_and_back_is_nothing) {
  size_t pairs = 0;
  for (size_t a = 0; a < n_paths; a++)
    for (size_t b = 0; b < n_paths; b++)
      for (int i = 2; i < 50; i++) {
        const double r = i / 50.0, y = .8, u = -1.7;
        fm_path_change c, d;
        fm_path_change_init(&c), fm_path_change_init(&d);
        if (fm_path_transform(ctx, paths[a], paths[b], r, &c) == FM_E_DOMAIN) continue;
        const fm_status back = fm_path_transform(ctx, paths[b], paths[a], c.time, &d);
        if (back == FM_E_DOMAIN) continue; /* just at an end */
        OK(back);
        const double x = y / c.scale, v = u_of(d, x, u); /* of path a */
        CLOSE(d.time, r, 1e-13);
        CLOSE(c.scale * d.scale, 1, 1e-12);
        CLOSE(u_of(c, y, v), u, 1e-9 * (1 + fabs(v)));
        double x1_a, x1_b;
        OK(fm_path_convert(ctx, paths[a], FM_VELOCITY, FM_X1, &c.time, &x, &v, 1, 1, &x1_a));
        OK(fm_path_convert(ctx, paths[b], FM_VELOCITY, FM_X1, &r, &y, &u, 1, 1, &x1_b));
        CLOSE(x1_a, x1_b, 1e-9 * (1 + fabs(x1_b)));
        const double h = 1e-5;
        const fm_path_change less = change_at(paths[a], paths[b], r - h),
                             more = change_at(paths[a], paths[b], r + h);
        CLOSE((more.time - less.time) / (2 * h), c.d_time, 1e-5 * (1 + fabs(c.d_time)));
        CLOSE((more.scale - less.scale) / (2 * h), c.d_scale, 1e-5 * (1 + fabs(c.d_scale)));
        pairs++;
      }
  ck_assert_uint_gt(pairs, 2000); /* of 3072 */
}
END_TEST

/* Cosine is linear interpolation: its time is CondOT's 1 / (1 + cot(pi r / 2)), its scale the sum of both
   coefficients. And the loss of a velocity there is CondOT's times a weight. */
START_TEST(cosine_is_linear_interpolation) {
  const double pi = 3.14159265358979323846;
  for (int i = 1; i < 20; i++) {
    const double r = i / 20.0, alpha = sin(pi / 2 * r), sigma = cos(pi / 2 * r);
    const fm_path_change c = change_at(paths[0], paths[1], r);
    CLOSE(c.time, alpha / (alpha + sigma), 1e-14);
    CLOSE(c.scale, alpha + sigma, 1e-14);
    CLOSE(c.d_time, pi / 2 / (1 + sin(pi * r)), 1e-13);
    CLOSE(c.d_scale, pi / 2 * (sigma - alpha), 1e-13);
  }
}
END_TEST

START_TEST(what_has_no_counterpart_is_refused) {
  fm_path *tube;
  fm_path_change c;
  fm_path_change_init(&c);
  OK(fm_path_create(ctx, FM_PATH_ICFM, &tube));
  FAILS(FM_E_UNSUPPORTED, "path: ", fm_path_transform(ctx, tube, paths[0], .5, &c));
  FAILS(FM_E_UNSUPPORTED, "to: ", fm_path_transform(ctx, paths[0], tube, .5, &c));
  FAILS(FM_E_DOMAIN, "snr", fm_path_transform(ctx, paths[4], paths[0], .001, &c)); /* VP starts later */
  FAILS(FM_E_DOMAIN, "regular", fm_path_transform(ctx, paths[0], paths[4], 1, &c));
  FAILS(FM_E_DOMAIN, "in common", fm_path_transform(ctx, paths[2], paths[0], 0, &c)); /* D = 0 */
  FAILS(FM_E_DOMAIN, "t: expected", fm_path_transform(ctx, paths[0], paths[1], 1.5, &c));
  const fm_path_change end = change_at(paths[0], paths[1], 1), same = change_at(paths[2], paths[2], 0);
  ck_assert(end.time == 1 && end.scale == 1 && same.time == 0 && same.d_time == 1);
  fm_path_destroy(tube);
}
END_TEST

/* ---- models whose output is exact ----------------------------------------------------------------------- */

/* Data N(m, s^2) in every column: everything there is to predict is affine in x. */
#ifndef FMI_DOUBLE
static const double m = 2, s = .5;
typedef struct exact {
  fm_path *path;
  size_t output;
} exact;

static void affine(const exact *e, double t, double *slope, double *shift) {
  fm_path_coefficients c = {0};
  const fmi_prediction p = {.kind = outputs[e->output].kind, .baseline = outputs[e->output].baseline};
  fmi_error err;
  if (fmi_path_at(e->path, t, &c, &err) != FM_OK) abort();
  const double variance = c.alpha * c.alpha * s * s + c.sigma * c.sigma;
  const double x1 = c.alpha * s * s / variance, x0 = c.sigma / variance; /* of x - alpha m */
  const fmi_target g = fmi_target_at(&p, &c);
  *slope = g.by_x1 * x1 + g.by_x0 * x0 + g.by_xt;
  *shift = g.by_x1 * m - (g.by_x1 * x1 + g.by_x0 * x0) * c.alpha * m;
}
static int32_t forward(void *user, const fm_net_call *c) {
  for (uint64_t i = 0; i < c->n; i++) {
    double slope, shift;
    affine(user, c->t[i], &slope, &shift);
    for (uint64_t j = i * c->dim; j < (i + 1) * c->dim; j++)
      c->velocity[j] = (float)(slope * (double)c->x[j] + shift);
  }
  return 0;
}
static int32_t vjp(void *user, const fm_net_call *c) {
  for (uint64_t i = 0; i < c->n; i++) {
    double slope, shift;
    affine(user, c->t[i], &slope, &shift);
    for (uint64_t j = i * c->dim; j < (i + 1) * c->dim; j++)
      if (c->d_x) c->d_x[j] = (float)(slope * (double)c->d_velocity[j]);
  }
  return 0;
}
static fm_model *model_of(exact *e, size_t dim) {
  const float none = 0;
  fm_net *net;
  fm_model *velocity, *model;
  OK(fm_net_create_custom(ctx, dim, NULL, 0, 0, 0, forward, vjp, NULL, e, &net));
  OK(fm_model_create(ctx, net, &none, &none, e->path, NULL, NULL, NULL, &velocity));
  OK(fm_model_with_prediction(ctx, velocity, outputs[e->output].kind, outputs[e->output].baseline, &model));
  ck_assert_uint_eq(fm_model_prediction(model), outputs[e->output].kind);
  ck_assert_uint_eq(fm_model_baseline(model), outputs[e->output].baseline);
  fm_model_destroy(velocity), fm_net_destroy(net);
  return model;
}

/* Where the flow takes a row that starts at x: quantiles stay. VP starts with a share of the data, the path of
   width s ends with one of the source. */
static double goal(const fm_path *path, double x) {
  fm_path_coefficients c = at(path, 0), d;
  OK(fmi_path_limit_at(path, 1, &d, &ctx->err));
  const double before = c.alpha * c.alpha * s * s + c.sigma * c.sigma;
  const double after = s * s + d.sigma * d.sigma;
  return m + sqrt(after / before) * (x - c.alpha * m);
}

/* Whatever is predicted, on the model's path and on any other. */
static void draw_exactly(size_t output, size_t from, const fm_path *to, uint32_t method, double tolerance) {
  enum { N = 60 };
  exact e = {paths[from], output};
  fm_model *model = model_of(&e, 1);
  double x[N], start[N];
  fm_solver_options so = {
      .struct_size = sizeof so, .method = method, .n_steps = 400, .rtol = 1e-6, .atol = 1e-6};
  fm_sampler_options o = {.struct_size = sizeof o, .path = to};
  fm_sampler *sampler;
  for (int i = 0; i < N; i++) x[i] = start[i] = (i - 30) / 10.0;
  OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, x, NULL, NULL, NULL));
  double worst = 0;
  for (int i = 0; i < N; i++) worst = fmax(worst, fabs(x[i] - goal(to ? to : paths[from], start[i])));
  HOLDS(worst <= tolerance, "output %zu, %s to %s, solver %u: off by %g", output, fm_path_name(paths[from]),
        to ? fm_path_name(to) : "itself", method, worst);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
}

START_TEST(every_output_draws_the_data) {
  static const uint32_t methods[] = {FM_SOLVER_DOPRI5, FM_SOLVER_RK4, FM_SOLVER_EXPONENTIAL_2M};
  for (size_t from = 0; from < n_paths; from += quick() ? 4 : 1) {
    for (size_t k = 0; k < FMI_COUNT(methods); k++) draw_exactly((size_t)_i, from, NULL, methods[k], .0015);
    draw_exactly((size_t)_i, from, NULL, FM_SOLVER_DDIM, .03); /* of order 1 */
  }
}
END_TEST

/* A model of CondOT on every path, and models of every path on CondOT: the same rows. Those of steep VP know no
   state with less than a tenth of the data, those of the wide path none with less than that of the source. */
START_TEST(every_path_draws_the_same) {
  for (size_t k = 1; k < n_paths; k += quick() ? 3 : 1) {
    draw_exactly((size_t)_i, 0, paths[k], FM_SOLVER_DOPRI5, .0005);
    draw_exactly((size_t)_i, k, paths[0], FM_SOLVER_DOPRI5, k == 5 ? .01 : k == 7 ? .04 : .001);
  }
}
END_TEST
/* Where D is nearly 0, a velocity says nearly nothing of the ends, and what it says is rounding: steep VP at its
   source, and a path that stops at its data. */
static int32_t stopping(void *user, double t, fm_path_coefficients *c) {
  const double left = 1 - t;
  (void)user;
  c->alpha = 1 - left * left, c->sigma = left * left;
  c->d_alpha = 2 * left, c->d_sigma = -2 * left;
  c->gamma = c->d_gamma = 0;
  return 0;
}
START_TEST(ends_that_are_hardly_told) {
  static const uint32_t methods[] = {FM_SOLVER_DOPRI5, FM_SOLVER_RK4, FM_SOLVER_HEUN2};
  fm_path *kept = paths[1], *steep, *stops;
  OK(fm_path_create_named(ctx, "vp:0.1:100", &steep));
  OK(fm_path_create_custom(ctx, stopping, NULL, &stops));
  for (size_t k = 0; k < FMI_COUNT(methods); k++) {
    paths[1] = steep;
    draw_exactly(0, 1, paths[0], methods[k], .02);
    paths[1] = stops;
    draw_exactly(0, 1, paths[0], methods[k], .02);
  }
  paths[1] = kept;
  fm_path_destroy(steep), fm_path_destroy(stops);
}
END_TEST

/* Noise on the way leaves mean and variance: the score is told by every output. */
START_TEST(every_output_has_the_score) {
  enum { N = 2000 };
  static double x[N];
  const int n = quick() ? 60 : N;
  static const uint64_t diffusions[] = {FM_DIFFUSION_SIGMA, FM_DIFFUSION_DDPM};
  for (size_t from = 0; from < 5; from += 4) /* condot, vp */
    for (size_t k = 0; k < FMI_COUNT(diffusions); k++) {
      exact e = {paths[from], (size_t)_i};
      fm_model *model = model_of(&e, 1);
      const fm_solver_options so = {
          .struct_size = sizeof so, .method = k == 0 ? FM_SOLVER_HEUN2 : FM_SOLVER_DDIM, .n_steps = 100};
      const fm_sampler_options o = {.struct_size = sizeof o, .diffusion = diffusions[k], .path = paths[1]};
      fm_sampler *sampler;
      OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
      OK(fm_sampler_draw_f64(ctx, sampler, 4, 0, NULL, NULL, (size_t)n, x));
      double mean = 0, variance = 0;
      for (int i = 0; i < n; i++) mean += x[i] / n, variance += (x[i] - m) * (x[i] - m) / n;
      CLOSE(mean, m, 5 * s / sqrt(n));
      CLOSE(variance, s * s, s * s * (5 * sqrt(2.0 / n) + .1));
      fm_sampler_destroy(sampler), fm_model_destroy(model);
    }
}
END_TEST

/* log N(x; 2, 0.5^2), exactly and by probes, on the model's path and on another: div u has a share of the form's
   own and one of the network's. */
START_TEST(every_output_has_the_density) {
  static const double x[3] = {2.5, 1, 2},
                      expected[3] = {-.7257913526447274, -2.2257913526447273, -.22579135264472738};
  const fm_solver_options so = {.struct_size = sizeof so, .rtol = 1e-6, .atol = 1e-6};
  for (size_t from = 0; from < 2; from++)
    for (size_t to = 0; to < 3; to++)
      for (uint32_t divergence = FM_DIVERGENCE_EXACT; divergence <= FM_DIVERGENCE_RADEMACHER; divergence++) {
        exact e = {paths[from], (size_t)_i};
        fm_model *model = model_of(&e, 1);
        const fm_sampler_options o = {
            .struct_size = sizeof o, .divergence = divergence, .path = to > 0 ? paths[to - 1] : NULL};
        fm_sampler *sampler;
        double found[3];
        OK(fm_sampler_create(ctx, model, &so, &o, &sampler));
        OK(fm_sampler_log_density(ctx, sampler, 0, NULL, NULL, 3, x, found, NULL, NULL, NULL));
        for (int i = 0; i < 3; i++) CLOSE(found[i], expected[i], .001);
        fm_sampler_destroy(sampler), fm_model_destroy(model);
      }
}
END_TEST
#endif

int main(void) {
  Suite *suite;
  TCase *tests = new_case(&suite, "form");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, every_output_makes_every_velocity);
  tcase_add_test(tests, gains_are_those_of_the_form);
  tcase_add_test(tests, beyond_its_times_a_prediction_keeps_its_ends);
  tcase_add_test(tests, the_baseline_leaves_nothing_linear);
  tcase_add_test(tests, a_velocity_has_the_reference_numbers_on_another_path);
  tcase_add_test(tests, there_and_back_is_nothing);
  tcase_add_test(tests, cosine_is_linear_interpolation);
  tcase_add_test(tests, what_has_no_counterpart_is_refused);
#ifndef FMI_DOUBLE /* callbacks take float */
  tcase_add_loop_test(tests, every_output_draws_the_data, 0, FMI_COUNT(outputs));
  tcase_add_loop_test(tests, every_path_draws_the_same, 0, FMI_COUNT(outputs));
  tcase_add_test(tests, ends_that_are_hardly_told);
  tcase_add_loop_test(tests, every_output_has_the_score, 0, FMI_COUNT(outputs));
  tcase_add_loop_test(tests, every_output_has_the_density, 0, FMI_COUNT(outputs));
#endif
  return run_suite(suite);
}
