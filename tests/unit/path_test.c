/* path_test.c - schedules, custom paths, points of a path and conversions between descriptions. Numbers are
   from the published formulas, in double. */
#include "path/path.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(a, b, tolerance)                                                                                \
  do {                                                                                                       \
    const double a_ = (a), b_ = (b);                                                                         \
    ck_assert_msg(fabs(a_ - b_) <= (tolerance)*fmax(1, fabs(b_)), "%s:%d: " #a " is %.17g, expected %.17g",  \
                  __FILE__, __LINE__, a_, b_);                                                               \
  } while (0)

static fmi_memory *memory;
static fmi_error err;

static void setup(void) {
  memory = fmi_memory_create(NULL);
  err = (fmi_error){0};
}
static void teardown(void) { fmi_memory_release(memory); }

static fm_path *path_with(uint32_t kind, double a, double b) {
  double params[FMI_PATH_PARAMS];
  const double given[] = {a, b};
  const fmi_schedule *schedule = fmi_schedule_by_kind(kind);
  ck_assert_int_eq(fmi_schedule_read_params(schedule, given, fmi_schedule_n_params(schedule), params, &err),
                   FM_OK);
  fm_path *path = fmi_path_new(memory, schedule, params, &err);
  ck_assert_ptr_nonnull(path);
  return path;
}
static fm_path *path_of(uint32_t kind) { return path_with(kind, 0, 0); }

/* Every schedule of the list twice, with its defaults and with larger parameters; NULL past the last. */
static fm_path *path_at(size_t i) {
  const fmi_schedule *schedule = fmi_schedule_at(i / 2);
  if (schedule == NULL) return NULL;
  double params[FMI_PATH_PARAMS] = {0};
  for (size_t j = 0; j < fmi_schedule_n_params(schedule); j++) {
    const fmi_path_param *p = &schedule->params[j];
    params[j] = i % 2 == 0 ? p->fallback : fmin(p->most, p->least + 2 * p->fallback + 0.01);
  }
  fm_path *path = fmi_path_new(memory, schedule, params, &err);
  ck_assert_msg(path != NULL, "%s: %s", schedule->name, err.text);
  return path;
}
static bool is_noisy(const fm_path *path) {
  fm_path_coefficients c;
  ck_assert_int_eq(fmi_path_at(path, .5, &c, &err), FM_OK);
  return c.gamma != 0;
}

/* ---- paths of the caller's ---------------------------------------------------------------------- */

/* D(0) = 0: alpha = t^2, sigma = 1 - t^2. */
static int32_t poly2(void *user, double t, fm_path_coefficients *out) {
  (void)user;
  ck_assert_uint_eq(out->struct_size, sizeof *out);
  out->alpha = t * t;
  out->sigma = 1 - t * t;
  out->gamma = 0;
  out->d_alpha = 2 * t;
  out->d_sigma = -2 * t;
  out->d_gamma = 0;
  return 0;
}

/* A straight bridge of width .5: gamma = .5 sqrt(t (1 - t)), made regular at the ends. */
static int32_t regular_bridge(void *user, double t, fm_path_coefficients *out) {
  (void)user;
  const double spread = sqrt(t * (1 - t));
  out->alpha = t;
  out->sigma = 1 - t;
  out->gamma = 0.5 * spread;
  out->d_alpha = 1;
  out->d_sigma = -1;
  out->d_gamma = spread > 0 ? 0.25 * (1 - 2 * t) / spread : 0;
  return 0;
}

static int32_t not_finite_at_half(void *user, double t, fm_path_coefficients *out) {
  poly2(user, t, out);
  if (t == 0.5) out->d_sigma = NAN;
  return 0;
}

static int32_t against_time(void *user, double t, fm_path_coefficients *out) {
  return poly2(user, 1 - t, out);
}

static int32_t wide_at_the_end(void *user, double t, fm_path_coefficients *out) {
  poly2(user, t, out);
  out->sigma = 1;
  return 0;
}

static int32_t short_of_data(void *user, double t, fm_path_coefficients *out) {
  poly2(user, t, out);
  out->alpha *= 0.5;
  return 0;
}

static int32_t seven(void *user, double t, fm_path_coefficients *out) {
  poly2(user, t, out);
  return t > 0.9 ? *(const int32_t *)user : 0;
}

/* ---- schedules ----------------------------------------------------------------------------------- */

START_TEST(reference_coefficients) {
  static const struct {
    uint32_t kind;
    double param, t, alpha, sigma, d_alpha, d_sigma;
  } expected[] = {
      {FM_PATH_CONDOT, 0, .25, .25, .75, 1, -1},
      {FM_PATH_COSINE, 0, .25, .38268343236508978, .92387953251128674, 1.4512265760697154,
       -.60111772988434631},
      {FM_PATH_POLYNOMIAL, 2, .25, .0625, .9375, .5, -.5},
      {FM_PATH_POLYNOMIAL, 3, .25, .015625, .984375, .1875, -.1875},
      {FM_PATH_VP, 0, .25, .058663503011880822, .99827781374443814, .44070956637675462, -.025898168444246344},
      {FM_PATH_VP, 0, 0, .0065715864949296189, .99997840689233863, .065715864949296182,
       -.00043186681595006564},
      {FM_PATH_LINEAR_VP, 0, .25, .25, .96824583655185426, 1, -.2581988897471611},
      {FM_PATH_TARGET_OT, .1, .25, .25, .775, 1, -.9},
  };
  for (size_t i = 0; i < FMI_COUNT(expected); i++) {
    fm_path *path = path_with(expected[i].kind, expected[i].param, 0);
    fm_path_coefficients c;
    ck_assert_int_eq(fmi_path_at(path, expected[i].t, &c, &err), FM_OK);
    ck_assert_uint_eq(c.struct_size, sizeof c);
    NEAR(c.alpha, expected[i].alpha, 1e-15);
    NEAR(c.sigma, expected[i].sigma, 1e-15);
    NEAR(c.d_alpha, expected[i].d_alpha, 1e-15);
    NEAR(c.d_sigma, expected[i].d_sigma, 1e-15);
    ck_assert(c.gamma == 0 && c.d_gamma == 0);
    fmi_release(path);
  }
}
END_TEST

/* Central differences of fourth order: (f(t - 2h) - 8 f(t - h) + 8 f(t + h) - f(t + 2h)) / 12 h. */
static void check_derivatives(const fm_path *path, double t) {
  static const double weight[] = {1, -8, 8, -1}, step[] = {-2, -1, 1, 2};
  const double h = 1e-4;
  double alpha = 0, sigma = 0, gamma = 0;
  fm_path_coefficients c;
  for (int k = 0; k < 4; k++) {
    ck_assert_int_eq(fmi_path_at(path, t + step[k] * h, &c, &err), FM_OK);
    alpha += weight[k] * c.alpha / (12 * h);
    sigma += weight[k] * c.sigma / (12 * h);
    gamma += weight[k] * c.gamma / (12 * h);
  }
  ck_assert_int_eq(fmi_path_at(path, t, &c, &err), FM_OK);
  NEAR(alpha, c.d_alpha, 1e-8);
  NEAR(sigma, c.d_sigma, 1e-8);
  NEAR(gamma, c.d_gamma, 1e-8);
  ck_assert(fmi_path_determinant(&c) > 0);
}

/* Every schedule of the list: names, ends, signs, derivatives, and the interval that it claims. */
START_TEST(every_schedule_is_consistent) {
  fm_path *path;
  size_t i = 0;
  for (; (path = path_at(i)) != NULL; i++) {
    const fmi_schedule *schedule = path->schedule;
    ck_assert_ptr_eq(fmi_schedule_by_kind(schedule->kind), schedule);
    ck_assert_ptr_eq(fmi_schedule_by_name(schedule->name), schedule);
    ck_assert_uint_eq(strcspn(schedule->name, ":|, "), strlen(schedule->name));
    fm_path_coefficients c;
    ck_assert_int_eq(fmi_path_limit_at(path, 1, &c, &err), FM_OK);
    ck_assert(c.alpha == 1 && c.sigma >= 0 && c.sigma <= .5 && c.gamma >= 0 && c.gamma <= .5);
    ck_assert(!isnan(c.d_alpha) && !isnan(c.d_sigma) && !isnan(c.d_gamma));
    ck_assert_int_eq(fmi_path_at(path, 1, &c, &err), path->last == 1 ? FM_OK : FM_E_DOMAIN);
    ck_assert_int_eq(fmi_path_limit_at(path, 0, &c, &err), FM_OK);
    ck_assert(fabs(c.alpha) < .01 && fabs(c.sigma - 1) < .01);
    ck_assert(!isnan(c.d_alpha) && !isnan(c.d_sigma) && !isnan(c.d_gamma));
    ck_assert_int_eq(fmi_path_at(path, 0, &c, &err), path->first == 0 ? FM_OK : FM_E_DOMAIN);
    ck_assert_int_eq(fmi_path_at(path, path->first, &c, &err), FM_OK);
    ck_assert_int_eq(fmi_path_at(path, path->last, &c, &err), FM_OK);
    ck_assert(path->first >= 0 && path->first <= .0001 && path->last <= 1 && path->last >= .9999);
    for (int k = 1; k < 64; k++) check_derivatives(path, k / 64.0);
    fmi_release(path);
  }
  ck_assert_uint_ge(i, 16);
}
END_TEST

START_TEST(intervals) {
  static const struct {
    uint32_t kind;
    double first, last;
  } expected[] = {
      {FM_PATH_CONDOT, 0, 1}, {FM_PATH_COSINE, 0, 1},         {FM_PATH_POLYNOMIAL, 0, 1},
      {FM_PATH_VP, 0, .9999}, {FM_PATH_LINEAR_VP, 0, .9999},  {FM_PATH_TARGET_OT, 0, 1},
      {FM_PATH_ICFM, 0, 1},   {FM_PATH_BRIDGE, .0001, .9999},
  };
  for (size_t i = 0; i < FMI_COUNT(expected); i++) {
    fm_path *path = path_of(expected[i].kind);
    ck_assert(path->first == expected[i].first && path->last == expected[i].last);
    ck_assert(fmi_path_clip(path, 0) == path->first && fmi_path_clip(path, 1) == path->last);
    ck_assert(fmi_path_clip(path, .25) == .25);
    fmi_release(path);
  }
  fm_path *thin = path_with(FM_PATH_BRIDGE, -1, 0); /* no width: CondOT */
  ck_assert(thin->first == 0 && thin->last == 1);
  fmi_release(thin);
}
END_TEST

START_TEST(parameters_are_checked) {
  static const struct {
    uint32_t kind;
    double a, b;
    const char *text;
  } bad[] = {
      {FM_PATH_POLYNOMIAL, .5, 0, "poly.power: expected 1 to 64"},
      {FM_PATH_POLYNOMIAL, -2, 0, "poly.power"},
      {FM_PATH_POLYNOMIAL, NAN, 0, "poly.power"},
      {FM_PATH_VP, -.1, 20, "vp.beta_min"},
      {FM_PATH_VP, .1, INFINITY, "vp.beta_max"},
      {FM_PATH_TARGET_OT, .6, 0, "target-ot.width"},
      {FM_PATH_BRIDGE, 11, 0, "bridge.width"},
      {FM_PATH_COSINE, .7, 0, "cosine.width"},
  };
  double params[FMI_PATH_PARAMS];
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    const fmi_schedule *schedule = fmi_schedule_by_kind(bad[i].kind);
    const double given[] = {bad[i].a, bad[i].b};
    size_t n = fmi_schedule_n_params(schedule);
    ck_assert_int_eq(fmi_schedule_read_params(schedule, given, n, params, &err), FM_E_INVALID);
    ck_assert_msg(strstr(err.text, bad[i].text) != NULL, "text: %s", err.text);
  }
  /* Each in its range, and together no path: it would start halfway to the data. */
  const double slow[FMI_PATH_PARAMS] = {.1, .1};
  ck_assert_ptr_null(fmi_path_new(memory, fmi_schedule_by_kind(FM_PATH_VP), slow, &err));
  ck_assert_int_eq(err.status, FM_E_INVALID);
  ck_assert_ptr_nonnull(strstr(err.text, "alpha(0)"));
}
END_TEST

START_TEST(lookups_refuse_the_unknown) {
  ck_assert_ptr_null(fmi_schedule_by_kind(0));
  ck_assert_ptr_null(fmi_schedule_by_kind(FM_PATH_CUSTOM));
  ck_assert_ptr_null(fmi_schedule_by_name("cond"));
  ck_assert_ptr_null(fmi_schedule_by_name(NULL));
  ck_assert_str_eq(fmi_schedule_by_kind(FM_PATH_CONDOT)->name, "condot");
  ck_assert_str_eq(fmi_schedule_by_kind(FM_PATH_COSINE)->name, "cosine");
}
END_TEST

START_TEST(cosine_is_exact_at_its_ends) {
  fm_path *path = path_of(FM_PATH_COSINE);
  fm_path_coefficients c;
  ck_assert_int_eq(fmi_path_at(path, 0, &c, &err), FM_OK);
  ck_assert(c.alpha == 0 && c.sigma == 1 && c.d_sigma == 0);
  ck_assert_int_eq(fmi_path_at(path, 1, &c, &err), FM_OK);
  ck_assert(c.alpha == 1 && c.sigma == 0 && c.d_alpha == 0);
  /* Near the end sigma is small and keeps its relative accuracy: sin(u) = u - u^3 / 6 to rounding. */
  const double t = 1 - 0x1p-20, u = 1.57079632679489661923 * 0x1p-20;
  ck_assert_int_eq(fmi_path_at(path, t, &c, &err), FM_OK);
  ck_assert_double_le(fabs(c.sigma / (u - u * u * u / 6) - 1), 4e-16);
  fmi_release(path);
}
END_TEST

START_TEST(times_outside_the_unit_interval) {
  static const double times[] = {-1e-300, 1.0000000000000002, INFINITY, -INFINITY, NAN};
  fm_path *path = path_of(FM_PATH_CONDOT);
  for (size_t i = 0; i < FMI_COUNT(times); i++) {
    fm_path_coefficients c = {.alpha = 42};
    ck_assert_int_eq(fmi_path_at(path, times[i], &c, &err), FM_E_DOMAIN);
    ck_assert_ptr_nonnull(strstr(err.text, "0 <= t <= 1"));
    ck_assert(c.alpha == 42);
  }
  fmi_release(path);
}
END_TEST

START_TEST(custom_paths_are_checked) {
  int32_t code = 7;
  static const struct {
    fm_path_fn fn;
    fm_status status;
    const char *text;
  } bad[] = {
      {not_finite_at_half, FM_E_NONFINITE, "t = 0.5"},
      {against_time, FM_E_INVALID, "alpha(0)"},
      {short_of_data, FM_E_INVALID, "alpha(1)"},
      {wide_at_the_end, FM_E_INVALID, "sigma(1)"},
      {seven, FM_E_CALLBACK, "returned 7"},
  };
  for (size_t i = 0; i < FMI_COUNT(bad); i++) {
    err = (fmi_error){0};
    ck_assert_ptr_null(fmi_path_new_custom(memory, bad[i].fn, &code, &err));
    ck_assert_int_eq(err.status, bad[i].status);
    ck_assert_msg(strstr(err.text, bad[i].text) != NULL, "text: %s", err.text);
  }
  fm_path *path = fmi_path_new_custom(memory, poly2, NULL, &err);
  ck_assert_ptr_nonnull(path);
  fm_path_coefficients c;
  ck_assert_int_eq(fmi_path_at(path, .25, &c, &err), FM_OK);
  ck_assert(c.alpha == .0625 && c.sigma == .9375 && c.d_alpha == .5 && c.d_sigma == -.5);
  ck_assert_uint_eq(c.struct_size, sizeof c);
  fmi_release(path);
}
END_TEST

/* ---- points -------------------------------------------------------------------------------------- */

static const double x0_pair[] = {1, -2}, x1_pair[] = {3, .5};

START_TEST(reference_points) {
  static const struct {
    uint32_t kind;
    double param, expected[4];
  } cases[] = {
      {FM_PATH_CONDOT, 0, {1.5, -1.375, 2, 2.5}},
      {FM_PATH_COSINE, 0, {2.071929829606556, -1.6564173488400287, 3.7525619983247998, 1.9278487478035502}},
      {FM_PATH_POLYNOMIAL, 0, {1.125, -1.84375, 1, 1.25}},
      {FM_PATH_POLYNOMIAL, 3, {1.03125, -1.9609375, .375, .46875}},
      {FM_PATH_VP, 0, {1.1742683227800805, -1.967223875982936, 1.2962305306860176, .27215112007687}},
      {FM_PATH_LINEAR_VP,
       0,
       {1.7182458365518543, -1.8114916731037085, 2.741801110252839, 1.0163977794943222}},
  };
  const double t = .25;
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    fm_path *path = path_with(cases[i].kind, cases[i].param, 0);
    double xt[2], ut[2], only[2];
    ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &t, 1, 2, xt, ut, &err), FM_OK);
    for (size_t j = 0; j < 2; j++) {
      NEAR(xt[j], cases[i].expected[j], 1e-15);
      NEAR(ut[j], cases[i].expected[2 + j], 1e-15);
    }
    ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &t, 1, 2, only, NULL, &err), FM_OK);
    ck_assert_mem_eq(only, xt, sizeof xt);
    ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &t, 1, 2, NULL, only, &err), FM_OK);
    ck_assert_mem_eq(only, ut, sizeof ut);
    fmi_release(path);
  }
}
END_TEST

/* The family of Tong et al. Its reference implementation divides by 2 t (1 - t) + 1e-8 in the bridge's
   velocity; ours is the formula itself, and that factor makes it theirs. */
START_TEST(points_of_paths_with_width) {
  static const double eps[] = {.3, -.7};
  const double t = .25, factor = 1 / (1 + 1e-8 / (2 * t * (1 - t)));
  static const struct {
    uint32_t kind;
    double width, xt[2], ut[2];
  } cases[] = {
      {FM_PATH_ICFM, .1, {1.53, -1.445}, {2, 2.5}},
      {FM_PATH_TARGET_OT, .1, {.9825, -.4175}, {2.73, 1.13}},
      {FM_PATH_TARGET_OT, -1, {.975, -.4}, {2.7, 1.2}},
      {FM_PATH_BRIDGE, .5, {1.564951905283833, -1.5265544456622768}, {2.086602538069043, 2.297927411172233}},
      {FM_PATH_COSINE,
       .1,
       {2.1019298296065556, -1.7264173488400287},
       {3.7525619983247998, 1.9278487478035502}},
  };
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    fm_path *path = path_with(cases[i].kind, cases[i].width, 0);
    const bool target = cases[i].kind == FM_PATH_TARGET_OT, bridge_case = cases[i].kind == FM_PATH_BRIDGE;
    double xt[2], ut[2];
    ck_assert_int_eq(fmi_path_interpolate(path, target ? eps : x0_pair, x1_pair, eps, &t, 1, 2, xt, ut, &err),
                     FM_OK);
    for (size_t j = 0; j < 2; j++) {
      const double line = x1_pair[j] - x0_pair[j];
      NEAR(xt[j], cases[i].xt[j], 1e-15);
      NEAR(ut[j], cases[i].ut[j], bridge_case ? 1e-8 : 1e-15);
      if (bridge_case) NEAR(line + (ut[j] - line) * factor, cases[i].ut[j], 1e-14);
    }
    fmi_release(path);
  }
}
END_TEST

START_TEST(points_of_a_bridge) {
  static const double eps[] = {.3, -.7};
  fm_path *path = fmi_path_new_custom(memory, regular_bridge, NULL, &err);
  const double t = .25;
  double xt[2] = {0}, ut[2] = {0};
  ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, eps, &t, 1, 2, xt, ut, &err), FM_OK);
  NEAR(xt[0], 1.564951905283833, 1e-14);
  NEAR(xt[1], -1.5265544456622768, 1e-14);
  NEAR(ut[0], 2.086602538069043, 1e-8); /* the reference has 1e-8 in its denominator */
  NEAR(ut[1], 2.297927411172233, 1e-8);
  ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &t, 1, 2, xt, ut, &err), FM_E_INVALID);
  ck_assert_ptr_nonnull(strstr(err.text, "eps"));
  const double end = 1; /* gamma is 0 there: no eps needed */
  ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &end, 1, 2, xt, ut, &err), FM_OK);
  ck_assert(xt[0] == 3 && xt[1] == .5);
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_X0, &t, xt, ut, 1, 2, xt, &err), FM_E_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(err.text, "gamma"));
  fmi_release(path);
}
END_TEST

START_TEST(a_bad_row_leaves_outputs_alone) {
  fm_path *path = path_of(FM_PATH_COSINE);
  double t[] = {.5, .5, 1.5}, x0[] = {1, 2, 3}, x1[] = {4, 5, 6}, xt[] = {7, 7, 7}, ut[] = {7, 7, 7};
  ck_assert_int_eq(fmi_path_interpolate(path, x0, x1, NULL, t, 3, 1, xt, ut, &err), FM_E_DOMAIN);
  ck_assert_ptr_nonnull(strstr(err.text, "row 2"));
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_X0, t, x0, x1, 3, 1, xt, &err), FM_E_DOMAIN);
  ck_assert_ptr_nonnull(strstr(err.text, "row 2"));
  t[2] = .5;
  x0[1] = NAN;
  ck_assert_int_eq(fmi_path_interpolate(path, x0, x1, NULL, t, 3, 1, xt, ut, &err), FM_E_NONFINITE);
  ck_assert_ptr_nonnull(strstr(err.text, "row 1"));
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_X0, t, x0, x1, 3, 1, xt, &err), FM_E_NONFINITE);
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_X1, t, x0, x1, 3, 1, xt, &err), FM_E_NONFINITE);
  ck_assert_ptr_nonnull(strstr(err.text, "row 1"));
  for (size_t i = 0; i < 3; i++) ck_assert(xt[i] == 7 && ut[i] == 7);
  ck_assert_int_eq(fmi_path_interpolate(path, NULL, NULL, NULL, NULL, 0, 3, NULL, NULL, &err), FM_OK);
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_X0, NULL, NULL, NULL, 0, 3, NULL, &err), FM_OK);
  ck_assert_int_eq(fmi_path_convert(path, 4, FM_X0, NULL, NULL, NULL, 0, 3, NULL, &err), FM_E_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(err.text, "from"));
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, 9, NULL, NULL, NULL, 0, 3, NULL, &err), FM_E_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(err.text, "to"));
  fmi_release(path);
}
END_TEST

/* ---- conversions --------------------------------------------------------------------------------- */

static double description(uint32_t kind, const fm_path_coefficients *c, double x0, double x1) {
  switch (kind) {
  case FM_VELOCITY:
    return c->d_alpha * x1 + c->d_sigma * x0;
  case FM_X1:
    return x1;
  case FM_X0:
    return x0;
  default:
    return -x0 / c->sigma;
  }
}

/* From every description to every other, from t = 1/64 to 63/64: what is computed from the pair directly, and
   back in place to what it was. The condition of each is at most 1 / (alpha sigma)^2. */
START_TEST(conversions_return_their_inputs) {
  fm_path *path;
  for (size_t p = 0; (path = path_at(p)) != NULL; p++) {
    for (int i = 1; i < 64 && !is_noisy(path); i++) {
      const double t[] = {i / 64.0, i / 64.0};
      fm_path_coefficients c;
      double x[2];
      ck_assert_int_eq(fmi_path_at(path, t[0], &c, &err), FM_OK);
      ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, t, 2, 1, x, NULL, &err), FM_OK);
      const double tolerance = 1e-15 / (c.alpha * c.alpha * c.sigma * c.sigma);
      for (uint32_t from = 0; from < 4; from++) {
        for (uint32_t to = 0; to < 4; to++) {
          double given[2], out[2];
          for (size_t j = 0; j < 2; j++) given[j] = description(from, &c, x0_pair[j], x1_pair[j]);
          ck_assert_int_eq(fmi_path_convert(path, from, to, t, x, given, 2, 1, out, &err), FM_OK);
          for (size_t j = 0; j < 2; j++) NEAR(out[j], description(to, &c, x0_pair[j], x1_pair[j]), tolerance);
          ck_assert_int_eq(fmi_path_convert(path, to, from, t, x, out, 2, 1, out, &err), FM_OK);
          for (size_t j = 0; j < 2; j++) NEAR(out[j], given[j], tolerance);
        }
      }
    }
    fmi_release(path);
  }
}
END_TEST

START_TEST(reference_conversions) {
  fm_path *cosine = path_of(FM_PATH_COSINE), *condot = path_of(FM_PATH_CONDOT);
  const double t = .25, half = .5, x = 1.5, v = 2, one = 1, quarter = .25;
  double out;
  ck_assert_int_eq(fmi_path_convert(cosine, FM_VELOCITY, FM_X0, &t, &x, &v, 1, 1, &out, &err), FM_OK);
  NEAR(out, .8985716195647135, 1e-15);
  ck_assert_int_eq(fmi_path_convert(cosine, FM_VELOCITY, FM_X1, &t, &x, &v, 1, 1, &out, &err), FM_OK);
  NEAR(out, 1.7503451039124402, 1e-15);
  ck_assert_int_eq(fmi_path_convert(condot, FM_VELOCITY, FM_SCORE, &half, &one, &quarter, 1, 1, &out, &err),
                   FM_OK);
  NEAR(out, -1.75, 1e-15);
  fmi_release(cosine);
  fmi_release(condot);
}
END_TEST

/* What is known at an end, given x = 2 and a value of 3; NAN: not determined. */
typedef struct end_case {
  uint32_t from, to;
  double at_0, at_1;
} end_case;

static void check_ends(const fm_path *path, const end_case *cases, size_t n) {
  const double x = 2, value = 3;
  for (size_t i = 0; i < 2 * n; i++) {
    const end_case *e = &cases[i / 2];
    const double t = (double)(i % 2), expected = i % 2 ? e->at_1 : e->at_0;
    double out = 42;
    fm_status status = fmi_path_convert(path, e->from, e->to, &t, &x, &value, 1, 1, &out, &err);
    if (isnan(expected)) {
      ck_assert_msg(status == FM_E_DOMAIN, "%u -> %u at %g: %d, %g", e->from, e->to, t, (int)status, out);
      ck_assert(out == 42);
      ck_assert_ptr_nonnull(strstr(err.text, "row 0"));
      ck_assert_ptr_nonnull(strstr(err.text, i % 2 ? "t = 1" : "t = 0"));
    } else {
      ck_assert_msg(status == FM_OK, "%u -> %u at %g: %s", e->from, e->to, t, err.text);
      ck_assert_msg(fabs(out - expected) <= 4e-16 * fabs(expected), "%u -> %u at %g: %.17g, expected %.17g",
                    e->from, e->to, t, out, expected);
    }
  }
}

START_TEST(limits_at_the_ends) {
  const double h = 1.57079632679489661923;
  const end_case condot[] = {
      {FM_VELOCITY, FM_VELOCITY, 3, 3}, {FM_VELOCITY, FM_X1, 5, 2},   {FM_VELOCITY, FM_X0, 2, -1},
      {FM_VELOCITY, FM_SCORE, -2, NAN}, {FM_X1, FM_VELOCITY, 1, NAN}, {FM_X1, FM_X1, 3, 3},
      {FM_X1, FM_X0, 2, NAN},           {FM_X1, FM_SCORE, -2, NAN},   {FM_X0, FM_VELOCITY, NAN, -1},
      {FM_X0, FM_X1, NAN, 2},           {FM_X0, FM_X0, 3, 3},         {FM_X0, FM_SCORE, -3, NAN},
      {FM_SCORE, FM_VELOCITY, NAN, 2},  {FM_SCORE, FM_X1, NAN, 2},    {FM_SCORE, FM_X0, -3, 0},
      {FM_SCORE, FM_SCORE, 3, 3},
  };
  const end_case cosine[] = {
      {FM_VELOCITY, FM_X1, 3 / h, 2},    {FM_VELOCITY, FM_X0, 2, -3 / h}, {FM_VELOCITY, FM_SCORE, -2, NAN},
      {FM_X1, FM_VELOCITY, 3 * h, NAN},  {FM_X1, FM_X0, 2, NAN},          {FM_X1, FM_SCORE, -2, NAN},
      {FM_X0, FM_VELOCITY, NAN, -3 * h}, {FM_X0, FM_X1, NAN, 2},          {FM_X0, FM_SCORE, -3, NAN},
      {FM_SCORE, FM_VELOCITY, NAN, 0},   {FM_SCORE, FM_X1, NAN, 2},       {FM_SCORE, FM_X0, -3, 0},
  };
  /* Poly2: the velocity is 0 at t = 0 whatever the pair, and says nothing. */
  const end_case poly[] = {
      {FM_VELOCITY, FM_X1, NAN, 2}, {FM_VELOCITY, FM_X0, 2, .5}, {FM_VELOCITY, FM_SCORE, -2, NAN},
      {FM_X1, FM_VELOCITY, 0, NAN}, {FM_X0, FM_VELOCITY, 0, -2}, {FM_SCORE, FM_VELOCITY, 0, 4},
  };
  fm_path *path = path_of(FM_PATH_CONDOT);
  check_ends(path, condot, FMI_COUNT(condot));
  fmi_release(path);
  path = path_of(FM_PATH_COSINE);
  check_ends(path, cosine, FMI_COUNT(cosine));
  fmi_release(path);
  path = fmi_path_new_custom(memory, poly2, NULL, &err);
  check_ends(path, poly, FMI_COUNT(poly));
  fmi_release(path);
}
END_TEST

START_TEST(a_singular_end_has_limits_too) {
  const end_case cases[] = {
      {FM_VELOCITY, FM_X1, 3, 2},     {FM_VELOCITY, FM_X0, 2, NAN}, {FM_X1, FM_VELOCITY, 3, NAN},
      {FM_X0, FM_VELOCITY, NAN, NAN}, {FM_X0, FM_X1, NAN, 2},       {FM_SCORE, FM_X0, -3, 0},
  };
  fm_path *path = path_of(FM_PATH_LINEAR_VP);
  fm_path_coefficients c;
  check_ends(path, cases, FMI_COUNT(cases));
  ck_assert_int_eq(fmi_path_at(path, 1, &c, &err), FM_E_DOMAIN);
  ck_assert_int_eq(fmi_path_limit_at(path, 1, &c, &err), FM_OK);
  ck_assert(isinf(c.d_sigma));
  const double t = 1;
  double xt[2] = {0}, ut[2] = {42};
  ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &t, 1, 2, xt, NULL, &err), FM_OK);
  ck_assert(xt[0] == 3 && xt[1] == .5);
  ck_assert_int_eq(fmi_path_interpolate(path, x0_pair, x1_pair, NULL, &t, 1, 2, xt, ut, &err), FM_E_DOMAIN);
  ck_assert(ut[0] == 42);
  fmi_release(path);
}
END_TEST

/* Near t = 1 the velocity of CondOT is (x1 - x) / sigma, and a difference of near numbers is exact. */
START_TEST(near_an_end_differences_are_exact) {
  fm_path *path = path_of(FM_PATH_CONDOT);
  const double t = 1 - 0x3p-40, x1 = 1.1, x = x1 + 0x1p-40;
  double v;
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_VELOCITY, &t, &x, &x1, 1, 1, &v, &err), FM_OK);
  ck_assert(v == (x1 - x) / (1 - t));
  fmi_release(path);
}
END_TEST

/* ---- signal to noise ------------------------------------------------------------------------------ */

/* The time comes back from the ratio there, by the closed form and by the search. */
START_TEST(snr_inverse_returns_the_time) {
  fm_path *path;
  for (size_t p = 0; (path = path_at(p)) != NULL; p++) {
    fmi_schedule searched = *path->schedule;
    searched.time_of_snr = NULL;
    fm_path *slow = fmi_path_new(memory, &searched, path->params, &err);
    for (int i = 0; i <= 64; i++) {
      const double t = i < 64 ? i / 64.0 : 1 - 0x1p-20;
      fm_path_coefficients c;
      double found = -1, by_search = -1;
      ck_assert_int_eq(fmi_path_limit_at(path, t, &c, &err), FM_OK);
      ck_assert_int_eq(fmi_path_snr_inverse(path, c.alpha / c.sigma, &found, &err), FM_OK);
      ck_assert_int_eq(fmi_path_snr_inverse(slow, c.alpha / c.sigma, &by_search, &err), FM_OK);
      ck_assert_msg(fabs(found - t) <= 4e-16, "%s at %g: %.17g", path->schedule->name, t, found);
      ck_assert_msg(fabs(by_search - t) <= 4e-16, "%s at %g: %.17g", path->schedule->name, t, by_search);
    }
    fmi_release(path);
    fmi_release(slow);
  }
}
END_TEST

START_TEST(snr_inverse_at_and_beyond_the_ends) {
  double t = 42;
  fm_path *vp = path_of(FM_PATH_VP), *condot = path_of(FM_PATH_CONDOT);
  fm_path *target = path_with(FM_PATH_TARGET_OT, .25, 0);
  ck_assert_int_eq(fmi_path_snr_inverse(vp, .006, &t, &err), FM_E_DOMAIN);
  ck_assert_ptr_nonnull(strstr(err.text, "snr: expected 0.0065717"));
  ck_assert_int_eq(fmi_path_snr_inverse(target, 4.1, &t, &err), FM_E_DOMAIN);
  ck_assert_int_eq(fmi_path_snr_inverse(condot, NAN, &t, &err), FM_E_DOMAIN);
  ck_assert_int_eq(fmi_path_snr_inverse(condot, -1e-300, &t, &err), FM_E_DOMAIN);
  ck_assert(t == 42);
  ck_assert_int_eq(fmi_path_snr_inverse(condot, INFINITY, &t, &err), FM_OK);
  ck_assert(t == 1);
  ck_assert_int_eq(fmi_path_snr_inverse(target, 4, &t, &err), FM_OK);
  ck_assert(t == 1);
  ck_assert_int_eq(fmi_path_snr_inverse(condot, 0, &t, &err), FM_OK);
  ck_assert(t == 0);
  ck_assert_int_eq(fmi_path_snr_inverse(vp, 1e300, &t, &err), FM_OK);
  ck_assert(t == 1);
  fmi_release(vp), fmi_release(condot), fmi_release(target);
}
END_TEST

/* A path is another one after a change of time and scale: with t of the same ratio and s = sigma_r / sigma_t,
   x_r = s x_t, so that u_r(x) = (s' / s) x + s t' v(t, x / s), t' = sigma_t^2 D_r / (sigma_r^2 D_t). */
typedef struct change {
  double t, d_t, scale, d_scale;
} change;

static change change_between(const fm_path *from, const fm_path *to, double r) {
  fm_path_coefficients a, b;
  change c = {0};
  ck_assert_int_eq(fmi_path_at(to, r, &b, &err), FM_OK);
  ck_assert_int_eq(fmi_path_snr_inverse(from, b.alpha / b.sigma, &c.t, &err), FM_OK);
  ck_assert_int_eq(fmi_path_at(from, c.t, &a, &err), FM_OK);
  c.scale = b.sigma / a.sigma;
  c.d_t = a.sigma * a.sigma * fmi_path_determinant(&b) / (b.sigma * b.sigma * fmi_path_determinant(&a));
  c.d_scale = (b.d_sigma - c.scale * a.d_sigma * c.d_t) / a.sigma;
  return c;
}

/* v(x, t) = x t^2 at x = 1. */
START_TEST(reference_changes_of_schedule) {
  static const struct {
    uint32_t to;
    double r, u;
  } expected[] = {
      {FM_PATH_COSINE, 0, 1.5707963267948966},    {FM_PATH_COSINE, .1, 1.1636836872425445},
      {FM_PATH_COSINE, .5, .19634954084936168},   {FM_PATH_COSINE, .9, -.24697930523616995},
      {FM_PATH_VP, .1, .14799938406890126},       {FM_PATH_VP, .5, .8541628629601843},
      {FM_PATH_LINEAR_VP, .5, .3923048454132638}, {FM_PATH_LINEAR_VP, .9, -.21354852193850904},
  };
  fm_path *from = path_of(FM_PATH_CONDOT);
  for (size_t i = 0; i < FMI_COUNT(expected); i++) {
    fm_path *to = path_of(expected[i].to);
    const change c = change_between(from, to, expected[i].r);
    NEAR(c.d_scale / c.scale + c.d_t * c.t * c.t, expected[i].u, 1e-14);
    fmi_release(to);
  }
  fmi_release(from);
}
END_TEST

/* The exact velocity of the path for data from a mixture of two normals and a standard normal source:
   E[x1 | x] is a mean over the components, each with its posterior weight, and v follows from it. */
static double mixture_velocity(const fm_path *path, double t, double x) {
  static const double weight[] = {.3, .7}, mean[] = {-1.5, 1}, deviation[] = {.4, .8};
  fm_path_coefficients c;
  double total = 0, x1 = 0, v;
  ck_assert_int_eq(fmi_path_at(path, t, &c, &err), FM_OK);
  for (int k = 0; k < 2; k++) {
    const double square = deviation[k] * deviation[k],
                 variance = c.alpha * c.alpha * square + c.sigma * c.sigma;
    const double off = x - c.alpha * mean[k];
    const double p = weight[k] / sqrt(variance) * exp(-.5 * off * off / variance);
    total += p;
    x1 += p * (mean[k] + c.alpha * square / variance * off);
  }
  x1 /= total;
  ck_assert_int_eq(fmi_path_convert(path, FM_X1, FM_VELOCITY, &t, &x, &x1, 1, 1, &v, &err), FM_OK);
  return v;
}

/* "Cosine is CondOT after a change of time and scale", and so is every Gaussian path. */
START_TEST(every_gaussian_path_is_condot_in_other_clothes) {
  fm_path *condot = path_of(FM_PATH_CONDOT), *to;
  for (size_t p = 0; (to = path_at(p)) != NULL; p++) {
    for (int i = 1; i < 16 && !is_noisy(to); i++) {
      const double r = i / 16.0;
      const change c = change_between(condot, to, r);
      for (double x = -2; x <= 2; x += .5) {
        const double u =
            c.d_scale / c.scale * x + c.scale * c.d_t * mixture_velocity(condot, c.t, x / c.scale);
        NEAR(u, mixture_velocity(to, r, x), 1e-11);
      }
    }
    fmi_release(to);
  }
  fmi_release(condot);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("path");
  TCase *tcase = tcase_create("path");
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, reference_coefficients);
  tcase_add_test(tcase, every_schedule_is_consistent);
  tcase_add_test(tcase, intervals);
  tcase_add_test(tcase, parameters_are_checked);
  tcase_add_test(tcase, lookups_refuse_the_unknown);
  tcase_add_test(tcase, cosine_is_exact_at_its_ends);
  tcase_add_test(tcase, times_outside_the_unit_interval);
  tcase_add_test(tcase, custom_paths_are_checked);
  tcase_add_test(tcase, reference_points);
  tcase_add_test(tcase, points_of_paths_with_width);
  tcase_add_test(tcase, points_of_a_bridge);
  tcase_add_test(tcase, a_bad_row_leaves_outputs_alone);
  tcase_add_test(tcase, conversions_return_their_inputs);
  tcase_add_test(tcase, reference_conversions);
  tcase_add_test(tcase, limits_at_the_ends);
  tcase_add_test(tcase, a_singular_end_has_limits_too);
  tcase_add_test(tcase, near_an_end_differences_are_exact);
  tcase_add_test(tcase, snr_inverse_returns_the_time);
  tcase_add_test(tcase, snr_inverse_at_and_beyond_the_ends);
  tcase_add_test(tcase, reference_changes_of_schedule);
  tcase_add_test(tcase, every_gaussian_path_is_condot_in_other_clothes);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
