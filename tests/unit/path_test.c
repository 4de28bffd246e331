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

static fm_path *path_of(uint32_t kind) {
  fm_path *path = fmi_path_new(memory, fmi_schedule_by_kind(kind), NULL, &err);
  ck_assert_ptr_nonnull(path);
  return path;
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
static int32_t bridge(void *user, double t, fm_path_coefficients *out) {
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
    double alpha, sigma, d_alpha, d_sigma;
  } expected[] = {
      {FM_PATH_CONDOT, .25, .75, 1, -1},
      {FM_PATH_COSINE, .38268343236508978, .92387953251128674, 1.4512265760697154, -.60111772988434631},
  };
  for (size_t i = 0; i < FMI_COUNT(expected); i++) {
    fm_path *path = path_of(expected[i].kind);
    fm_path_coefficients c;
    ck_assert_int_eq(fmi_path_at(path, .25, &c, &err), FM_OK);
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

/* Every schedule of the list: ends, signs, and derivatives against central differences. */
START_TEST(every_schedule_is_consistent) {
  size_t found = 0;
  for (uint32_t kind = 1; kind < 64; kind++) {
    const fmi_schedule *schedule = fmi_schedule_by_kind(kind);
    if (schedule == NULL) continue;
    found++;
    ck_assert_uint_eq(schedule->kind, kind);
    ck_assert_ptr_eq(fmi_schedule_by_name(schedule->name), schedule);
    fm_path *path = path_of(kind);
    fm_path_coefficients c, before, after;
    ck_assert_int_eq(fmi_path_limit_at(path, 1, &c, &err), FM_OK);
    ck_assert(c.alpha == 1 && c.sigma == 0 && c.gamma == 0);
    ck_assert_int_eq(fmi_path_limit_at(path, 0, &c, &err), FM_OK);
    ck_assert(fabs(c.alpha) < .01 && fabs(c.sigma - 1) < .01);
    for (int i = 1; i < 64; i++) {
      const double t = i / 64.0, h = 1e-5;
      ck_assert_int_eq(fmi_path_at(path, t, &c, &err), FM_OK);
      ck_assert_int_eq(fmi_path_at(path, t - h, &before, &err), FM_OK);
      ck_assert_int_eq(fmi_path_at(path, t + h, &after, &err), FM_OK);
      NEAR((after.alpha - before.alpha) / (2 * h), c.d_alpha, 1e-8);
      NEAR((after.sigma - before.sigma) / (2 * h), c.d_sigma, 1e-8);
      NEAR((after.gamma - before.gamma) / (2 * h), c.d_gamma, 1e-8);
      ck_assert(fmi_path_determinant(&c) > 0);
    }
    fmi_release(path);
  }
  ck_assert_uint_ge(found, 2);
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
  fm_path *paths[] = {path_of(FM_PATH_CONDOT), path_of(FM_PATH_COSINE),
                      fmi_path_new_custom(memory, poly2, NULL, &err)};
  static const double expected[][4] = {
      {1.5, -1.375, 2, 2.5},
      {2.071929829606556, -1.6564173488400287, 3.7525619983247998, 1.9278487478035502},
      {1.125, -1.84375, 1, 1.25},
  };
  const double t = .25;
  for (size_t i = 0; i < FMI_COUNT(paths); i++) {
    double xt[2], ut[2], only[2];
    ck_assert_int_eq(fmi_path_interpolate(paths[i], x0_pair, x1_pair, NULL, &t, 1, 2, xt, ut, &err), FM_OK);
    for (size_t j = 0; j < 2; j++) {
      NEAR(xt[j], expected[i][j], 1e-15);
      NEAR(ut[j], expected[i][2 + j], 1e-15);
    }
    ck_assert_int_eq(fmi_path_interpolate(paths[i], x0_pair, x1_pair, NULL, &t, 1, 2, only, NULL, &err),
                     FM_OK);
    ck_assert_mem_eq(only, xt, sizeof xt);
    ck_assert_int_eq(fmi_path_interpolate(paths[i], x0_pair, x1_pair, NULL, &t, 1, 2, NULL, only, &err),
                     FM_OK);
    ck_assert_mem_eq(only, ut, sizeof ut);
    fmi_release(paths[i]);
  }
}
END_TEST

START_TEST(points_of_a_bridge) {
  static const double eps[] = {.3, -.7};
  fm_path *path = fmi_path_new_custom(memory, bridge, NULL, &err);
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
  fm_path *paths[] = {path_of(FM_PATH_CONDOT), path_of(FM_PATH_COSINE),
                      fmi_path_new_custom(memory, poly2, NULL, &err)};
  for (size_t p = 0; p < FMI_COUNT(paths); p++) {
    for (int i = 1; i < 64; i++) {
      const double t[] = {i / 64.0, i / 64.0};
      fm_path_coefficients c;
      double x[2];
      ck_assert_int_eq(fmi_path_at(paths[p], t[0], &c, &err), FM_OK);
      ck_assert_int_eq(fmi_path_interpolate(paths[p], x0_pair, x1_pair, NULL, t, 2, 1, x, NULL, &err), FM_OK);
      const double tolerance = 1e-15 / (c.alpha * c.alpha * c.sigma * c.sigma);
      for (uint32_t from = 0; from < 4; from++) {
        for (uint32_t to = 0; to < 4; to++) {
          double given[2], out[2];
          for (size_t j = 0; j < 2; j++) given[j] = description(from, &c, x0_pair[j], x1_pair[j]);
          ck_assert_int_eq(fmi_path_convert(paths[p], from, to, t, x, given, 2, 1, out, &err), FM_OK);
          for (size_t j = 0; j < 2; j++) NEAR(out[j], description(to, &c, x0_pair[j], x1_pair[j]), tolerance);
          ck_assert_int_eq(fmi_path_convert(paths[p], to, from, t, x, out, 2, 1, out, &err), FM_OK);
          for (size_t j = 0; j < 2; j++) NEAR(out[j], given[j], tolerance);
        }
      }
    }
    fmi_release(paths[p]);
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

/* alpha = t, sigma = sqrt(1 - t^2): sigma'(1) = -inf. */
static void quarter_circle(const double *params, double t, fm_path_coefficients *out) {
  (void)params;
  out->alpha = t;
  out->sigma = sqrt(1 - t * t);
  out->d_alpha = 1;
  out->d_sigma = -t / out->sigma;
}

START_TEST(a_singular_end_has_limits_too) {
  const fmi_schedule schedule = {.kind = 60,
                                 .name = "quarter circle",
                                 .coefficients = quarter_circle,
                                 .singular_ends = FMI_SINGULAR_AT_1};
  const end_case cases[] = {
      {FM_VELOCITY, FM_X1, 3, 2},     {FM_VELOCITY, FM_X0, 2, NAN}, {FM_X1, FM_VELOCITY, 3, NAN},
      {FM_X0, FM_VELOCITY, NAN, NAN}, {FM_X0, FM_X1, NAN, 2},       {FM_SCORE, FM_X0, -3, 0},
  };
  fm_path *path = fmi_path_new(memory, &schedule, NULL, &err);
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

int main(void) {
  Suite *suite = suite_create("path");
  TCase *tcase = tcase_create("path");
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, reference_coefficients);
  tcase_add_test(tcase, every_schedule_is_consistent);
  tcase_add_test(tcase, lookups_refuse_the_unknown);
  tcase_add_test(tcase, cosine_is_exact_at_its_ends);
  tcase_add_test(tcase, times_outside_the_unit_interval);
  tcase_add_test(tcase, custom_paths_are_checked);
  tcase_add_test(tcase, reference_points);
  tcase_add_test(tcase, points_of_a_bridge);
  tcase_add_test(tcase, a_bad_row_leaves_outputs_alone);
  tcase_add_test(tcase, conversions_return_their_inputs);
  tcase_add_test(tcase, reference_conversions);
  tcase_add_test(tcase, limits_at_the_ends);
  tcase_add_test(tcase, a_singular_end_has_limits_too);
  tcase_add_test(tcase, near_an_end_differences_are_exact);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
