/* prior_test.c - sources: moments, densities against closed forms, bits, files. */
#include "train_fixture.h"

#include "io/files.h"
#include "io/safetensors.h"
#include "model/prior.h"

enum { COLUMNS = 2, MOST = 40000 };
static const double low[] = {-1, 10}, high[] = {3, 10.5};
static const double mean[] = {2, -100}, deviation[] = {.5, 20}, covariance[] = {4, -1.2, -1.2, .81};
static const double weights[] = {1, 0, 3}, means[] = {-2, 5, 50, 50, 2, 7},
                    deviations[] = {.25, 1, 1, 1, .5, 2};
static const double rows[] = {1, 2, 3, 5, -4, 0, 2.5, 2.5, 7, 1};
enum { N_ROWS = 5 };

static int32_t exponential(void *user, const fm_prior_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) {
    uint64_t word = r->seed + 1000003 * (r->first_row * r->dim + i);
    r->x0[i] = -log(0.5 * (1 - next_uniform(&word)));
  }
  return 0;
}
static int32_t exponential_density(void *user, const fm_log_density_request *r) {
  for (uint64_t i = 0; i < r->n; i++) {
    r->log_density[i] = 0;
    for (uint64_t j = 0; j < r->dim; j++)
      r->log_density[i] += r->x[i * r->dim + j] >= 0 ? -r->x[i * r->dim + j] : -INFINITY;
    if (user != NULL) r->log_density[i] = *(const double *)user;
  }
  return user != NULL && *(const double *)user == 5 ? 5 : 0;
}

/* One prior of every kind, with its first two moments. */
typedef struct example {
  uint32_t kind;
  double mean[COLUMNS], variance[COLUMNS], covariance;
} example;

static const example examples[] = {
    {FM_PRIOR_GAUSSIAN, {0, 0}, {1, 1}, 0},
    {FM_PRIOR_ROWS, {1.9, 2.1}, {12.64, 2.84}, 2.06},
    {FM_PRIOR_CALLBACK, {1, 1}, {1, 1}, 0},
    {FM_PRIOR_UNIFORM, {1, 10.25}, {16. / 12, .25 / 12}, 0},
    {FM_PRIOR_DIAGONAL, {2, -100}, {.25, 400}, 0},
    {FM_PRIOR_COVARIANCE, {2, -100}, {4, .81}, -1.2},
    {FM_PRIOR_MIXTURE, {1, 6.5}, {.25 * .0625 + .75 * .25 + 3, .25 + 3 + .75}, 1.5},
    {FM_PRIOR_SHUFFLED_ROWS, {1.9, 2.1}, {12.64, 2.84}, 2.06},
};

static fm_prior *make(fm_ctx *ctx, uint32_t kind) {
  fm_prior *p = NULL;
  switch (kind) {
  case FM_PRIOR_GAUSSIAN:
    OK(fm_prior_create_gaussian(ctx, &p));
    break;
  case FM_PRIOR_ROWS:
    OK(fm_prior_create_rows_f64(ctx, rows, N_ROWS, COLUMNS, &p));
    break;
  case FM_PRIOR_CALLBACK:
    OK(fm_prior_create_callback_density(ctx, exponential, exponential_density, NULL, &p));
    break;
  case FM_PRIOR_UNIFORM:
    OK(fm_prior_create_uniform(ctx, low, high, COLUMNS, &p));
    break;
  case FM_PRIOR_DIAGONAL:
    OK(fm_prior_create_diagonal(ctx, mean, deviation, COLUMNS, &p));
    break;
  case FM_PRIOR_COVARIANCE:
    OK(fm_prior_create_covariance(ctx, mean, covariance, COLUMNS, &p));
    break;
  case FM_PRIOR_MIXTURE:
    OK(fm_prior_create_mixture(ctx, weights, means, deviations, 3, COLUMNS, &p));
    break;
  case FM_PRIOR_SHUFFLED_ROWS:
    OK(fm_prior_create_shuffled_rows_f64(ctx, rows, N_ROWS, COLUMNS, &p));
    break;
  default:
    ck_abort_msg("no example of kind %u", (unsigned)kind);
  }
  ck_assert_uint_eq(fm_prior_kind(p), kind);
  return p;
}

static void draw(fm_ctx *ctx, const fm_prior *p, const fm_normaliser *norm, uint64_t seed, uint64_t first,
                 size_t n, double *z) {
  void *scratch = new_reals(fmi_prior_scratch(COLUMNS) / sizeof(real) + 1);
  OK(fmi_prior_draw(p, norm, ctx->runtime.kernels, seed, first, n, COLUMNS, z, scratch, &ctx->err));
  free(scratch);
}
static fm_normaliser *normaliser(fm_ctx *ctx, double shift, double scale) {
  fm_normaliser *norm = NULL;
  OK(fm_normaliser_create(ctx, (double[]){shift, 2 * shift}, (double[]){scale, 3 * scale}, COLUMNS, &norm));
  return norm;
}

START_TEST(every_kind_has_an_example) {
  size_t found = 0;
  for (uint32_t kind = 1; kind < 64; kind++) {
    const fmi_prior_kind *k = fmi_prior_by_kind(kind);
    if (k == NULL) continue;
    ck_assert_ptr_eq(fmi_prior_by_name(k->name), k);
    ck_assert_uint_lt(found, FMI_COUNT(examples));
    ck_assert_uint_eq(examples[found++].kind, kind);
  }
  ck_assert_uint_eq(found, FMI_COUNT(examples));
  ck_assert_ptr_null(fmi_prior_by_name("row"));
}
END_TEST

/* ---- draws ---------------------------------------------------------------------------------------- */

/* Means, variances and the covariance of many rows, each within five of its own standard errors. */
START_TEST(moments) {
  fm_ctx *ctx = new_ctx(1);
  const size_t n = quick() ? 2000 : MOST;
  fm_normaliser *identity = NULL;
  OK(fm_normaliser_create(ctx, (double[]){0, 0}, (double[]){1, 1}, COLUMNS, &identity));
  double *z = new_block(n * COLUMNS, sizeof *z);
  for (size_t e = 0; e < FMI_COUNT(examples); e++) {
    const example *x = &examples[e];
    fm_prior *p = make(ctx, x->kind);
    draw(ctx, p, identity, 12, 0, n, z);
    double sum[3][2] = {{0}}; /* of squares and products about the true means, and of their squares */
    for (size_t j = 0; j < COLUMNS; j++) {
      double m = 0;
      for (size_t i = 0; i < n; i++) m += z[i * COLUMNS + j] / (double)n;
      CLOSE(m, x->mean[j], 5 * sqrt(x->variance[j] / (double)n));
    }
    for (size_t i = 0; i < n; i++) {
      const double a = z[i * COLUMNS] - x->mean[0], b = z[i * COLUMNS + 1] - x->mean[1];
      const double products[3] = {a * a, b * b, a * b};
      for (int k = 0; k < 3; k++) {
        sum[k][0] += products[k] / (double)n;
        sum[k][1] += products[k] * products[k] / (double)n;
      }
    }
    for (int k = 0; k < 3; k++)
      CLOSE(sum[k][0], k < 2 ? x->variance[k] : x->covariance, 5 * sqrt(sum[k][1] / (double)n));
    fm_prior_destroy(p);
  }
  free(z);
  fm_normaliser_destroy(identity);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The same bits for any split, other rows for another seed; data's units but for the Gaussian. */
START_TEST(splits_and_units) {
  fm_ctx *ctx = new_ctx(1);
  fm_normaliser *plain = normaliser(ctx, 0, 1), *norm = normaliser(ctx, 5, 2);
  double whole[100 * COLUMNS], part[100 * COLUMNS], other[100 * COLUMNS];
  for (size_t e = 0; e < FMI_COUNT(examples); e++) {
    fm_prior *p = make(ctx, examples[e].kind);
    draw(ctx, p, norm, 3, 1000, 100, whole);
    draw(ctx, p, norm, 3, 1000, 7, part);
    draw(ctx, p, norm, 3, 1007, 1, part + 7 * COLUMNS);
    draw(ctx, p, norm, 3, 1008, 92, part + 8 * COLUMNS);
    SAME(whole, part, 100 * COLUMNS);
    draw(ctx, p, norm, 4, 1000, 100, other);
    ck_assert(memcmp(whole, other, sizeof whole) != 0);
    draw(ctx, p, plain, 3, 1000, 100, other);
    for (size_t i = 0; i < 100 * COLUMNS; i++) {
      const double shift = 5 * (1 + (double)(i % 2)), scale = i % 2 ? 6 : 2,
                   raw = i % 2 ? 3 * other[i] : other[i];
      if (examples[e].kind == FM_PRIOR_GAUSSIAN)
        ck_assert(whole[i] == other[i]);
      else
        CLOSE(whole[i], (raw - shift) / scale, 1e-12 * (1 + fabs(raw)));
    }
    fm_prior_destroy(p);
  }
  fm_normaliser_destroy(plain), fm_normaliser_destroy(norm);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(without_replacement) {
  fm_ctx *ctx = new_ctx(1);
  enum { ENTRIES = 97, EPOCHS = 20 };
  double table[ENTRIES * COLUMNS], z[ENTRIES * COLUMNS], before[ENTRIES * COLUMNS] = {0};
  for (size_t i = 0; i < ENTRIES * COLUMNS; i++) table[i] = (double)(i / COLUMNS);
  fm_prior *p = NULL;
  fm_normaliser *plain = NULL;
  OK(fm_normaliser_create(ctx, (double[]){0, 0}, (double[]){1, 1}, COLUMNS, &plain));
  OK(fm_prior_create_shuffled_rows_f64(ctx, table, ENTRIES, COLUMNS, &p));
  for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
    int seen[ENTRIES] = {0}, moved = 0;
    draw(ctx, p, plain, 8, epoch * ENTRIES, ENTRIES, z);
    for (size_t i = 0; i < ENTRIES; i++) {
      seen[(size_t)z[i * COLUMNS]]++;
      moved += z[i * COLUMNS] != before[i * COLUMNS];
    }
    for (size_t i = 0; i < ENTRIES; i++) ck_assert_int_eq(seen[i], 1);
    ck_assert_int_gt(moved, ENTRIES / 2);
    memcpy(before, z, sizeof z);
  }
  fm_prior_destroy(p), fm_normaliser_destroy(plain);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- densities ------------------------------------------------------------------------------------ */

static double normal(double x, double m, double s) {
  return exp(-.5 * (x - m) * (x - m) / (s * s)) / (s * 2.5066282746310005024);
}

/* The density by its textbook formula. */
static double expected_density(uint32_t kind, const double *x) {
  double sum = 0;
  switch (kind) {
  case FM_PRIOR_GAUSSIAN:
    return normal(x[0], 0, 1) * normal(x[1], 0, 1);
  case FM_PRIOR_CALLBACK:
    return x[0] >= 0 && x[1] >= 0 ? exp(-x[0] - x[1]) : 0;
  case FM_PRIOR_UNIFORM:
    return x[0] >= -1 && x[0] <= 3 && x[1] >= 10 && x[1] <= 10.5 ? 1 / (4 * .5) : 0;
  case FM_PRIOR_DIAGONAL:
    return normal(x[0], 2, .5) * normal(x[1], -100, 20);
  case FM_PRIOR_COVARIANCE: {
    const double det = 4 * .81 - 1.44, a = x[0] - 2, b = x[1] + 100;
    return exp(-.5 * (.81 * a * a + 2.4 * a * b + 4 * b * b) / det) /
           (2 * 3.14159265358979323846 * sqrt(det));
  }
  default:
    for (int k = 0; k < 3; k++)
      sum += weights[k] / 4 * normal(x[0], means[2 * k], deviations[2 * k]) *
             normal(x[1], means[2 * k + 1], deviations[2 * k + 1]);
    return sum;
  }
}

START_TEST(densities) {
  fm_ctx *ctx = new_ctx(1);
  static const double points[] = {0,   0,  2,    -100, 2.5, -99, 1.5,  -90, -1,  10,
                                  2.9, 10, 3.01, 10.2, -2,  5,   1.75, 6,   .25, 1.5};
  enum { N_POINTS = sizeof points / sizeof *points / 2 };
  for (size_t e = 0; e < FMI_COUNT(examples); e++) {
    const uint32_t kind = examples[e].kind;
    fm_prior *p = make(ctx, kind);
    double out[N_POINTS] = {42};
    if (kind == FM_PRIOR_ROWS || kind == FM_PRIOR_SHUFFLED_ROWS) {
      FAILS(FM_E_UNSUPPORTED, "prior:", fm_prior_log_density(ctx, p, points, N_POINTS, 2, out));
      ck_assert(out[0] == 42);
    } else {
      OK(fm_prior_log_density(ctx, p, points, N_POINTS, 2, out));
      for (size_t i = 0; i < N_POINTS; i++) {
        const double density = expected_density(kind, points + 2 * i);
        if (density == 0 && (kind == FM_PRIOR_UNIFORM || kind == FM_PRIOR_CALLBACK))
          ck_assert(out[i] == -INFINITY);
        else if (density > 1e-300)
          CLOSE(out[i], log(density), 1e-13 * (1 + fabs(log(density))));
        else
          ck_assert(isfinite(out[i])); /* too small for a double, its logarithm isn't */
      }
    }
    fm_prior_destroy(p);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* Far from everything a mixture's density is that of the nearest component. */
START_TEST(densities_far_away) {
  fm_ctx *ctx = new_ctx(1);
  fm_prior *mixture = make(ctx, FM_PRIOR_MIXTURE), *full = make(ctx, FM_PRIOR_COVARIANCE);
  fm_prior *own = NULL;
  const double far[] = {1e4, 7}, farther[] = {1.5e308, -1.5e308};
  double out = 42, expected = log(.75) - .5 * pow((1e4 - 2) / .5, 2) - log(.5) - log(2.) - FMI_LOG_TWO_PI;
  OK(fm_prior_log_density(ctx, mixture, far, 1, 2, &out));
  CLOSE(out, expected, 1e-14 * fabs(expected));
  OK(fm_prior_log_density(ctx, mixture, farther, 1, 2, &out));
  ck_assert(out == -INFINITY);
  OK(fm_prior_log_density(ctx, full, farther, 1, 2, &out));
  ck_assert(out == -INFINITY);
  double nan_text = NAN, five = 5;
  OK(fm_prior_create_callback_density(ctx, exponential, exponential_density, &nan_text, &own));
  FAILS(FM_E_NONFINITE, "row 0", fm_prior_log_density(ctx, own, far, 1, 2, &out));
  fm_prior_destroy(own);
  OK(fm_prior_create_callback_density(ctx, exponential, exponential_density, &five, &own));
  FAILS(FM_E_CALLBACK, "returned 5", fm_prior_log_density(ctx, own, far, 1, 2, &out));
  fm_prior_destroy(own);
  OK(fm_prior_create_callback(ctx, exponential, NULL, &own));
  FAILS(FM_E_UNSUPPORTED, "log-density", fm_prior_log_density(ctx, own, far, 1, 2, &out));
  fm_prior_destroy(own), fm_prior_destroy(mixture), fm_prior_destroy(full);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(not_positive_definite) {
  fm_ctx *ctx = new_ctx(1);
  fm_prior *p = NULL;
  const double zero[3] = {0}, flat[9] = {1, 1, 0, 1, 1, 0, 0, 0, 1}, saddle[9] = {1, 0, 0, 0, 1, 2, 0, 2, 1};
  const double negative[9] = {-1, 0, 0, 0, 1, 0, 0, 0, 1}, skew[9] = {1, .5, 0, .4, 1, 0, 0, 0, 1};
  const double nothing[9] = {0};
  FAILS(FM_E_INVALID, "pivot 1 ", fm_prior_create_covariance(ctx, zero, flat, 3, &p));
  FAILS(FM_E_INVALID, "pivot 2 to be -3", fm_prior_create_covariance(ctx, zero, saddle, 3, &p));
  FAILS(FM_E_INVALID, "pivot 0 to be -1", fm_prior_create_covariance(ctx, zero, negative, 3, &p));
  FAILS(FM_E_INVALID, "pivot 0 ", fm_prior_create_covariance(ctx, zero, nothing, 3, &p));
  FAILS(FM_E_INVALID, "symmetric", fm_prior_create_covariance(ctx, zero, skew, 3, &p));
  ck_assert_ptr_null(p);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- files ---------------------------------------------------------------------------------------- */

static fm_model *model_with(fm_ctx *ctx, const fm_prior *prior) {
  const fm_net_options o = {
      .struct_size = sizeof o, .kind = FM_NET_MLP, .width = 4, .depth = 2, .time_features = 4};
  fm_net *net = NULL;
  fm_model *model = NULL;
  float params[256] = {0};
  OK(fm_net_create(ctx, COLUMNS, NULL, 0, 0, &o, &net));
  ck_assert_uint_le(fm_net_n_params(net), 256);
  OK(fm_model_create(ctx, net, params, NULL, NULL, prior, NULL, NULL, &model));
  fm_net_destroy(net);
  return model;
}

/* Every kind but the callback comes back from a file and draws the same bits. */
START_TEST(in_files) {
  fm_ctx *ctx = new_ctx(1);
  fm_normaliser *plain = normaliser(ctx, 0, 1);
  char file[256];
  temporary_name(file, sizeof file, "priors");
  for (size_t e = 0; e < FMI_COUNT(examples); e++) {
    fm_prior *p = make(ctx, examples[e].kind);
    fm_model *model = model_with(ctx, p), *read = NULL;
    double before[50 * COLUMNS], after[50 * COLUMNS];
    if (examples[e].kind == FM_PRIOR_CALLBACK) {
      FAILS(FM_E_UNSUPPORTED, "prior", fm_model_save(ctx, model, file));
    } else {
      OK(fm_model_save(ctx, model, file));
      OK(fm_model_load(ctx, file, &read));
      ck_assert_uint_eq(fm_prior_kind(fm_model_prior(read)), examples[e].kind);
      draw(ctx, p, plain, 2, 5, 50, before);
      draw(ctx, fm_model_prior(read), plain, 2, 5, 50, after);
      SAME(before, after, 50 * COLUMNS);
    }
    fm_model_destroy(read), fm_model_destroy(model), fm_prior_destroy(p);
  }
  unlink(file);
  fm_normaliser_destroy(plain);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A file whose prior is not one: bytes of it changed, the checksum made right again. */
static void hostile(fm_ctx *ctx, uint32_t kind, const void *from, const void *to, size_t size,
                    fm_status expected, const char *text) {
  char file[256], *bytes = new_block(1u << 16, 1);
  fm_prior *p = make(ctx, kind);
  fm_model *model = model_with(ctx, p), *read = NULL;
  temporary_name(file, sizeof file, "hostile-priors");
  OK(fm_model_save(ctx, model, file));
  FILE *stream = fopen(file, "rb");
  ck_assert_ptr_nonnull(stream);
  const size_t n = fread(bytes, 1, 1u << 16, stream);
  fclose(stream);
  size_t at = 0;
  while (at + size <= n && memcmp(bytes + at, from, size) != 0) at++;
  ck_assert_uint_le(at + size, n);
  memcpy(bytes + at, to, size);
  ck_assert(fmi_safetensors_stamp(bytes, n));
  FAILS(expected, text, fm_model_load_memory(ctx, bytes, n, &read));
  ck_assert_ptr_null(read);
  unlink(file);
  free(bytes);
  fm_model_destroy(model), fm_prior_destroy(p);
}

#define HOSTILE_TEXT(kind, from, to, status, text)                                                           \
  hostile(ctx, kind, from, to, sizeof(from) - 1, status, text)
#define HOSTILE_NUMBER(kind, from, to, status, text)                                                         \
  hostile(ctx, kind, &(double){from}, &(double){to}, sizeof(double), status, text)

START_TEST(hostile_files) {
  fm_ctx *ctx = new_ctx(1);
  HOSTILE_NUMBER(FM_PRIOR_UNIFORM, 10.5, 9.5, FM_E_FORMAT, "high");
  HOSTILE_NUMBER(FM_PRIOR_UNIFORM, 10.5, NAN, FM_E_NONFINITE, "high");
  HOSTILE_NUMBER(FM_PRIOR_DIAGONAL, 20, 0, FM_E_FORMAT, "deviation");
  HOSTILE_NUMBER(FM_PRIOR_COVARIANCE, .81, .1, FM_E_FORMAT, "pivot 1");
  HOSTILE_NUMBER(FM_PRIOR_COVARIANCE, .81, INFINITY, FM_E_NONFINITE, "covariance");
  HOSTILE_NUMBER(FM_PRIOR_MIXTURE, 3, -3, FM_E_FORMAT, "weights[2]");
  HOSTILE_NUMBER(FM_PRIOR_MIXTURE, .25, -.25, FM_E_FORMAT, "deviations");
  HOSTILE_NUMBER(FM_PRIOR_ROWS, 2.5, NAN, FM_E_NONFINITE, "rows");
  HOSTILE_TEXT(FM_PRIOR_ROWS, "prior.kind\":\"rows", "prior.kind\":\"rome", FM_E_UNSUPPORTED, "prior.kind");
  HOSTILE_TEXT(FM_PRIOR_UNIFORM, "prior.kind\":\"uniform", "prior.kind\":\"mixture", FM_E_FORMAT,
               "prior.weights");
  HOSTILE_TEXT(FM_PRIOR_GAUSSIAN, "prior.kind\":\"gaussian", "prior.kind\":\"diagonal", FM_E_FORMAT,
               "prior.mean");
  HOSTILE_TEXT(FM_PRIOR_GAUSSIAN, "prior.kind\":\"gaussian", "prior.kind\":\"callback", FM_E_UNSUPPORTED,
               "prior.kind");
  HOSTILE_TEXT(FM_PRIOR_MIXTURE, "\"prior.weights\":{\"dtype\":\"F64\",\"shape\":[3]",
               "\"prior.weights\":{\"dtype\":\"F64\",\"shape\":[4]", FM_E_FORMAT, "prior.weights");
  HOSTILE_TEXT(FM_PRIOR_DIAGONAL, "\"prior.mean\":{\"dtype\":\"F64\"", "\"prior.mode\":{\"dtype\":\"F64\"",
               FM_E_FORMAT, "prior.mean");
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_kind_has_an_example, moments,   splits_and_units,
                                without_replacement,       densities, densities_far_away,
                                not_positive_definite,     in_files,  hostile_files};
  return run_tests("prior", tests, FMI_COUNT(tests));
}
