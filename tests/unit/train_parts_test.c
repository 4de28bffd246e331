/* train_parts_test.c - what training is made of: the optimiser and its rates, the moving average, statistics,
   the source distribution, and the order in which rows are read. */
#include "fixture.h"

#include "api/api.h"
#include "train/trainer.h"

/* ---- the optimiser --------------------------------------------------------------------------------- */

/* Three updates of one parameter that starts at 1. */
static void update_thrice(const fm_optimizer_options *options, const double *want, double tolerance) {
  static const double grads[] = {.5, -.3, .2};
  fmi_error err = {.status = FM_OK};
  fmi_memory *memory = fmi_memory_create(NULL);
  fm_optimizer *optimizer = fmi_optimizer_new(memory, options, &err);
  ck_assert_msg(optimizer != NULL, "%s", err.text);
  real p = 1, state[2] = {0};
  for (uint64_t step = 1; step <= 3; step++) {
    real g = (real)grads[step - 1];
    fmi_update u = {.kernels = fmi_kernels_get(FM_ISA_AUTO),
                    .options = &optimizer->options,
                    .step = step,
                    .rate = fmi_optimizer_rate(optimizer, step),
                    .grad_scale = 1,
                    .n_params = 1,
                    .n = 1,
                    .grad = &g,
                    .params = &p,
                    .state = state};
    optimizer->rule->update(&u);
    if (!isnan(want[step - 1])) CLOSE((double)p, want[step - 1], tolerance);
  }
  fmi_release(optimizer);
  fmi_memory_release(memory);
}

START_TEST(adam_has_the_reference_numbers) {
  const double tolerance = IS_DOUBLE ? 1e-12 : 3e-7;
  fm_optimizer_options o = {.learning_rate = .1, .schedule = FM_SCHEDULE_CONSTANT, .warmup_steps = -1};
  update_thrice(&o, (double[]){.900000002, .8808501989417752, .846107430790882}, tolerance);
  o.weight_decay = .01;
  update_thrice(&o, (double[]){.899000002, .8789511989397751, .8433294795899422}, tolerance);
  o.beta2 = .95;
  update_thrice(&o, (double[]){(double)NAN, .8788368764031796, .8427244042641581}, tolerance);
}
END_TEST

START_TEST(other_rules_have_the_reference_numbers) {
  const double tolerance = IS_DOUBLE ? 1e-14 : 2e-7;
  fm_optimizer_options o = {.learning_rate = .1, .schedule = FM_SCHEDULE_CONSTANT, .warmup_steps = -1};
  o.kind = FM_OPTIMIZER_SGD;
  update_thrice(&o, (double[]){.95, .935, .9015}, tolerance);
  o.beta1 = -1; /* no momentum */
  update_thrice(&o, (double[]){.95, .98, .96}, tolerance);
  o.beta1 = 0, o.weight_decay = .01; /* each step begins at .999 p */
  update_thrice(&o, (double[]){.949, .933051, .898617949}, tolerance);
  o.kind = FM_OPTIMIZER_NESTEROV, o.weight_decay = 0;
  update_thrice(&o, (double[]){.905, .9215, .87135}, tolerance);
  /* Of Lion's averages .05, -.0255, .021755 the signs count. */
  o.kind = FM_OPTIMIZER_LION;
  update_thrice(&o, (double[]){.9, 1, .9}, tolerance);
  o.beta2 = .5; /* now they are .05, .195, -.0025 */
  update_thrice(&o, (double[]){.9, .8, .9}, tolerance);
  o.beta2 = 0, o.weight_decay = 1;
  update_thrice(&o, (double[]){.8, .82, .638}, tolerance);
}
END_TEST

START_TEST(rates_warm_up_and_follow_a_cosine) {
  fm_ctx *ctx = new_ctx(1);
  fm_optimizer_options o = {.struct_size = sizeof o,
                            .learning_rate = 3e-4,
                            .final_fraction = .1,
                            .warmup_steps = 2500,
                            .n_steps = 1000000};
  fm_optimizer *optimizer;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  CLOSE(fm_optimizer_rate(optimizer, 1), 3e-4 / 2500, 1e-18);
  CLOSE(fm_optimizer_rate(optimizer, 1250), 1.5e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 2500), 3e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 501250), 1.65e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 1000000), 3e-5, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 2000000), 3e-5, 1e-16); /* past the end it stays */
  fm_optimizer_destroy(optimizer);
  o.schedule = FM_SCHEDULE_CONSTANT;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  CLOSE(fm_optimizer_rate(optimizer, 1250), 1.5e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 900000), 3e-4, 1e-16);
  fm_optimizer_destroy(optimizer);
  o.schedule = FM_SCHEDULE_LINEAR;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  CLOSE(fm_optimizer_rate(optimizer, 1250), 1.5e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 2500 + 997500 / 4), 3e-4 * (1 - .9 / 4), 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 501250), 1.65e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 1000000), 3e-5, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 1000001), 3e-5, 1e-16);
  fm_optimizer_destroy(optimizer);
  o.schedule = FM_SCHEDULE_PLATEAU; /* evaluations are no matter of the step */
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  CLOSE(fm_optimizer_rate(optimizer, 1250), 1.5e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 900000), 3e-4, 1e-16);
  fm_optimizer_destroy(optimizer);
  OK(fm_optimizer_create(ctx, NULL, &optimizer)); /* 1e-3, warm-up 500 of 5000, to a hundredth */
  CLOSE(fm_optimizer_rate(optimizer, 250), 5e-4, 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 2750), 1e-3 * (.01 + .99 / 2), 1e-16);
  CLOSE(fm_optimizer_rate(optimizer, 5000), 1e-5, 1e-16);
  fm_optimizer_destroy(optimizer);
  o.beta1 = 1;
  FAILS(FM_E_INVALID, "beta1", fm_optimizer_create(ctx, &o, &optimizer));
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(clipping_bounds_the_norm) {
  fm_ctx *ctx = new_ctx(1);
  fm_optimizer_options o = {.struct_size = sizeof o, .clip_norm = 1};
  fm_optimizer *optimizer;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  double factor = fmi_optimizer_clip(optimizer, 5);
  CLOSE(3 * factor, .599999880000024, 1e-15);
  CLOSE(4 * factor, .799999840000032, 1e-15);
  CLOSE(fmi_optimizer_clip(optimizer, .5), 1, 0);
  fm_optimizer_destroy(optimizer);
  o.clip_norm = -1;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  CLOSE(fmi_optimizer_clip(optimizer, 1e30), 1, 0);
  fm_optimizer_destroy(optimizer);
#ifndef FMI_DOUBLE
  /* With no memory of the past and a large epsilon the step is the clipped gradient over epsilon. */
  o = (fm_optimizer_options){.struct_size = sizeof o,
                             .learning_rate = 1,
                             .schedule = FM_SCHEDULE_CONSTANT,
                             .warmup_steps = -1,
                             .beta1 = -1,
                             .beta2 = -1,
                             .epsilon = 1e5,
                             .clip_norm = 1};
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  ck_assert_uint_eq(fm_optimizer_state_count(optimizer, 2), 4);
  float grad[] = {3, 4}, params[] = {0, 0}, state[4] = {0};
  double norm = 0;
  OK(fm_optimizer_step(ctx, optimizer, 1, grad, 2, params, state, &norm));
  CLOSE(norm, 5, 1e-12);
  CLOSE((double)params[0] * -1e5, .599999880000024, 1e-5);
  CLOSE((double)params[1] * -1e5, .799999840000032, 1e-5);
  grad[1] = NAN;
  FAILS(FM_E_NONFINITE, "grad", fm_optimizer_step(ctx, optimizer, 2, grad, 2, params, state, NULL));
  fm_optimizer_destroy(optimizer);
#endif
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- the moving average ------------------------------------------------------------------------------ */

/* A trainer whose bias goes 1, 2, 3, 4: without memory of the past a step of Adam is the rate times the
   gradient's sign, and the slope of x is so negative that the output always has to grow. */
static void average_thrice(double decay, const double *want) {
  fm_ctx *ctx = new_ctx(1);
  fm_net_options no = {.struct_size = sizeof no, .kind = FM_NET_MLP, .depth = 1, .time_features = -1};
  fm_optimizer_options oo = {.struct_size = sizeof oo,
                             .learning_rate = 1,
                             .schedule = FM_SCHEDULE_CONSTANT,
                             .warmup_steps = -1,
                             .beta1 = -1,
                             .beta2 = -1,
                             .epsilon = 1e-300,
                             .clip_norm = -1};
  fm_trainer_options to = {.struct_size = sizeof to, .batch = 8, .ema_decay = decay};
  const float start[3] = {-100, 0, 1}; /* of x, of t, bias */
  float x1[8], params[3], ema[3];
  for (size_t i = 0; i < 8; i++) x1[i] = 1000;
  fm_net *net;
  fm_optimizer *optimizer;
  fm_trainer *trainer;
  OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, optimizer, start, &to, &trainer));
  for (size_t step = 0; step < 3; step++) {
    fm_model *model;
    OK(fm_trainer_step(ctx, trainer, x1, NULL, NULL, NULL, NULL, 8, NULL));
    OK(fm_trainer_model(ctx, trainer, &model));
    OK(fm_model_get_params(ctx, model, params, ema));
    CLOSE((double)params[2], 2 + (double)step, 0);
    CLOSE((double)trainer->ema[2], want[step], IS_DOUBLE ? 1e-12 : 1e-6);
    CLOSE((double)ema[2], want[step], 1e-6);
    ck_assert_uint_eq(fm_model_train_steps(model), step + 1);
    fm_model_destroy(model);
  }
  fm_trainer_destroy(trainer), fm_optimizer_destroy(optimizer), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
START_TEST(averages_have_the_reference_numbers) {
  average_thrice(0, (double[]){1.8181818181818181, 2.7045454545454546, 3.6013986013986012}); /* warming up */
  average_thrice(.1, (double[]){1.9, 2.89, 3.889}); /* constant: below the warm-up from the first step */
  average_thrice(-1, (double[]){2, 3, 4});
}
END_TEST
START_TEST(averages_with_a_half_life) { /* of 5000 rows, in batches of 128 */
  const double decay = .982411939933184;
  real average = 1, p = 0;
  for (size_t step = 0; step < 625; step++) fmi_kernels_get(FM_ISA_AUTO)->ema(&average, &p, (real)decay, 1);
  CLOSE((double)average, 0x1p-16, IS_DOUBLE ? 1e-16 : 2e-9); /* 80000 rows are 16 half-lives */
}
END_TEST
START_TEST(constant_averages_have_the_reference_numbers) { /* .9, which no trainer uses before step 81 */
  real average = 1;
  static const double want[] = {1.1, 1.29, 1.561};
  for (size_t i = 0; i < 3; i++) {
    real p = (real)(2 + (double)i);
    fmi_kernels_get(FM_ISA_AUTO)->ema(&average, &p, (real).9, 1);
    CLOSE((double)average, want[i], IS_DOUBLE ? 1e-14 : 3e-7);
  }
}
END_TEST

/* ---- statistics -------------------------------------------------------------------------------------- */

START_TEST(statistics_survive_a_huge_offset) {
  enum { N = 5000, DIM = 3 };
  fm_ctx *ctx = new_ctx(1);
  double *x = new_block((size_t)N * DIM, sizeof *x), shift[DIM], scale[DIM], mean[2] = {0}, square[2] = {0};
  uint64_t seed = 1;
  for (size_t i = 0; i < N; i++) {
    x[i * DIM] = 1e9 + next_normal(&seed);
    x[i * DIM + 1] = -3 + .01 * next_normal(&seed);
    x[i * DIM + 2] = 0.1; /* constant, and not a sum of powers of two */
  }
  const double offset[2] = {1e9, -3};
  for (size_t j = 0; j < 2; j++) { /* two passes on numbers near 0 */
    for (size_t i = 0; i < N; i++) mean[j] += (x[i * DIM + j] - offset[j]) / N;
    for (size_t i = 0; i < N; i++) square[j] += pow(x[i * DIM + j] - offset[j] - mean[j], 2) / N;
  }
  fm_normaliser *norm;
  OK(fm_normaliser_fit_f64(ctx, FM_NORMALISE_COLUMNS, x, N, DIM, &norm));
  ck_assert_uint_eq(fm_normaliser_dim(norm), DIM);
  OK(fm_normaliser_get(ctx, norm, shift, scale));
  CLOSE(shift[0], 1e9 + mean[0], 1e-5); /* a unit in the last place of 1e9 is 1.2e-7 */
  CLOSE(scale[0], sqrt(square[0]), 1e-6);
  CLOSE(shift[1], -3 + mean[1], 1e-13);
  CLOSE(scale[1], sqrt(square[1]), 1e-12);
  CLOSE(shift[2], 0.1, 0);
  CLOSE(scale[2], 0, 0);
  double z[DIM], back[DIM];
  fmi_normalise(norm, x, 1, z);
  CLOSE(z[2], 0, 0);
  z[2] = 123.25; /* whatever a flow makes of a constant column */
  fmi_denormalise(norm, z, 1, back);
  CLOSE(back[0], x[0], 3e-7);
  CLOSE(back[2], 0.1, 0);
  fm_normaliser_destroy(norm);
  free(x);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(statistics_of_every_kind) {
  fm_ctx *ctx = new_ctx(1);
  const float x[] = {1, 10, 2, 20, 6, 30};
  double shift[2], scale[2];
  fm_normaliser *norm;
  OK(fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, x, 3, 2, &norm));
  OK(fm_normaliser_get(ctx, norm, shift, scale));
  CLOSE(shift[0], 3, 1e-15);
  CLOSE(scale[0], sqrt(14.0 / 3), 1e-15);
  CLOSE(shift[1], 20, 1e-14);
  CLOSE(scale[1], sqrt(200.0 / 3), 1e-14);
  fm_normaliser_destroy(norm);
  OK(fm_normaliser_fit(ctx, FM_NORMALISE_WHOLE, x, 3, 2, &norm));
  OK(fm_normaliser_get(ctx, norm, shift, scale));
  for (size_t j = 0; j < 2; j++) {
    CLOSE(shift[j], 11.5, 1e-14); /* of all six: 69 / 6, 1441 / 6 - 11.5^2 */
    CLOSE(scale[j], sqrt(1441.0 / 6 - 11.5 * 11.5), 1e-13);
  }
  fm_normaliser_destroy(norm);
  OK(fm_normaliser_fit(ctx, FM_NORMALISE_IDENTITY, x, 3, 2, &norm));
  OK(fm_normaliser_get(ctx, norm, shift, scale));
  ck_assert(shift[0] == 0 && shift[1] == 0 && scale[0] == 1 && scale[1] == 1);
  fm_normaliser_destroy(norm);
  OK(fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, x, 1, 2, &norm)); /* one row: every column is constant */
  OK(fm_normaliser_get(ctx, norm, shift, scale));
  ck_assert(shift[0] == 1 && shift[1] == 10 && scale[0] == 0 && scale[1] == 0);
  fm_normaliser_destroy(norm);
  float bad[] = {1, 2, 3, INFINITY};
  FAILS(FM_E_NONFINITE, "row 1, column 1", fm_normaliser_fit(ctx, FM_NORMALISE_COLUMNS, bad, 2, 2, &norm));
  ck_assert_ptr_null(norm);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- the source distribution ------------------------------------------------------------------------- */

static void draw(const fm_prior *prior, const fm_normaliser *norm, uint64_t seed, uint64_t first, size_t n,
                 size_t dim, double *z) {
  fmi_error err = {.status = FM_OK};
  void *scratch = aligned_alloc(64, fmi_round_up(fmi_prior_scratch(dim), 64));
  fm_status status =
      fmi_prior_draw(prior, norm, fmi_kernels_get(FM_ISA_AUTO), seed, first, n, dim, z, scratch, &err);
  ck_assert_msg(status == FM_OK, "%s", err.text);
  free(scratch);
}

START_TEST(gaussian_rows_have_normal_moments) {
  enum { N = 60000, DIM = 3 };
  fm_ctx *ctx = new_ctx(1);
  fm_prior *prior;
  OK(fm_prior_create_gaussian(ctx, &prior));
  fm_normaliser *identity = fmi_normaliser_identity(ctx->memory, DIM, NULL);
  double *z = new_block((size_t)N * DIM, sizeof *z), moment[5] = {0}, cross = 0, neighbours = 0;
  draw(prior, identity, 4, 0, N, DIM, z);
  const double cells = (double)N * DIM;
  for (size_t i = 0; i < (size_t)N * DIM; i++)
    for (int k = 1; k <= 4; k++) moment[k] += pow(z[i], k) / cells;
  for (size_t i = 0; i < N; i++)
    cross += z[i * DIM] * z[i * DIM + 1] / N, neighbours += z[i * DIM] * z[(i + 1) % N * DIM] / N;
  CLOSE(moment[1], 0, 5 / sqrt(cells));
  CLOSE(moment[2], 1, 5 * sqrt(2 / cells));
  CLOSE(moment[3], 0, 5 * sqrt(15 / cells));
  CLOSE(moment[4], 3, 5 * sqrt(96 / cells));
  CLOSE(cross, 0, 5 / sqrt((double)N));
  CLOSE(neighbours, 0, 5 / sqrt((double)N));
  double part[7 * DIM]; /* a row is its own, wherever a call starts */
  draw(prior, identity, 4, 1234, 7, DIM, part);
  SAME(part, z + 1234 * DIM, 7 * DIM);
  draw(prior, identity, 5, 1234, 7, DIM, part);
  ck_assert_int_ne(memcmp(part, z + 1234 * DIM, sizeof part), 0);
  free(z);
  fm_prior_destroy(prior), fm_normaliser_destroy(identity);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(rows_are_drawn_evenly_and_normalised) {
  enum { N = 5, DRAWS = 20000 };
  fm_ctx *ctx = new_ctx(1);
  const double rows[N][2] = {{10, 1}, {20, 2}, {30, 3}, {40, 4}, {50, 5}}, shift[2] = {30, 3},
               scale[2] = {10, 0};
  fm_prior *prior;
  fm_normaliser *norm;
  OK(fm_prior_create_rows_f64(ctx, &rows[0][0], N, 2, &prior));
  OK(fm_normaliser_create(ctx, shift, scale, 2, &norm));
  double *z = new_block(DRAWS * 2, sizeof *z), count[N] = {0}, chi = 0;
  draw(prior, norm, 8, 0, DRAWS, 2, z);
  for (size_t i = 0; i < DRAWS; i++) {
    double which = z[2 * i] + 2; /* (10 (k + 1) - 30) / 10 + 2 */
    ck_assert(which >= 0 && which <= 4 && which == floor(which) && z[2 * i + 1] == 0);
    count[(size_t)which]++;
  }
  for (size_t k = 0; k < N; k++) chi += pow(count[k] - DRAWS / N, 2) / (DRAWS / (double)N);
  ck_assert(chi < 25);
  free(z);
  fm_prior_destroy(prior), fm_normaliser_destroy(norm);
  fm_ctx_destroy(ctx);
}
END_TEST

static int32_t keyed_prior(void *user, const fm_prior_request *r) {
  for (uint64_t i = 0; i < r->n * r->dim; i++)
    r->x0[i] = (double)(r->seed * 1000 + (r->first_row + i / r->dim) * 10 + i % r->dim);
  return *(int32_t *)user;
}
START_TEST(callback_rows_are_asked_for_by_index) {
  fm_ctx *ctx = new_ctx(1);
  int32_t answer = 0;
  const double shift[2] = {1, 2}, scale[2] = {2, 4};
  fm_prior *prior;
  fm_normaliser *norm;
  OK(fm_prior_create_callback(ctx, keyed_prior, &answer, &prior));
  OK(fm_normaliser_create(ctx, shift, scale, 2, &norm));
  double z[6];
  draw(prior, norm, 3, 40, 3, 2, z);
  for (size_t i = 0; i < 6; i++)
    CLOSE(z[i], ((double)(3000 + (40 + i / 2) * 10 + i % 2) - shift[i % 2]) / scale[i % 2], 0);
  answer = 6;
  fmi_error err;
  ck_assert_int_eq(fmi_prior_draw(prior, norm, NULL, 3, 40, 3, 2, z, NULL, &err), FM_E_CALLBACK);
  ck_assert_ptr_nonnull(strstr(err.text, "6"));
  fm_prior_destroy(prior), fm_normaliser_destroy(norm);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- the order of rows --------------------------------------------------------------------------------- */

static void fetch(const fm_data *data, uint64_t seed, bool shuffle, uint64_t first, size_t n,
                  fmi_batch *batch) {
  fmi_error err = {.status = FM_OK};
  fm_status status = fmi_data_fetch(data, seed, shuffle, first, n, batch, &err);
  ck_assert_msg(status == FM_OK, "%s", err.text);
}

/* Row i is (i, 2 i + .5) from (-i, i) with label i, condition i + .25 and weight i + .75: what belongs
   together stays together. */
START_TEST(epochs_are_permutations) {
  enum { N = 23, EPOCHS = 4 };
  fm_ctx *ctx = new_ctx(1);
  float x1[N][2], x0[N][2], cond[N], weights[N];
  int32_t labels[N];
  for (int i = 0; i < N; i++) {
    x1[i][0] = (float)i, x1[i][1] = 2 * (float)i + .5f, x0[i][0] = (float)-i, x0[i][1] = (float)i;
    labels[i] = i, cond[i] = (float)i + .25f, weights[i] = (float)i + .75f;
  }
  fm_data *data;
  OK(fm_data_create(ctx, x1[0], x0[0], labels, cond, weights, N, 2, 1, 1, NULL, &data));
  double got1[EPOCHS * N][2], got0[EPOCHS * N][2];
  int32_t got_labels[EPOCHS * N];
  float got_cond[EPOCHS * N], got_weights[EPOCHS * N];
  size_t order[2][EPOCHS * N];
  for (uint64_t seed = 0; seed < 2; seed++) {
    for (uint64_t first = 0; first < EPOCHS * N;) { /* batches that don't divide an epoch */
      size_t n = fmi_min(10, EPOCHS * N - first);
      fmi_batch b = {got1[first], got0[first], got_labels + first, got_cond + first, got_weights + first};
      fetch(data, seed, true, first, n, &b);
      first += n;
    }
    for (size_t e = 0; e < EPOCHS; e++) {
      unsigned seen = 0;
      for (size_t i = e * N; i < (e + 1) * N; i++) {
        int k = got_labels[i];
        ck_assert(k >= 0 && k < N);
        seen |= 1u << k;
        order[seed][i] = (size_t)k;
        ck_assert(got1[i][0] == k && got1[i][1] == 2 * k + .5 && got0[i][0] == -k && got0[i][1] == k);
        ck_assert(got_cond[i] == (float)k + .25f && got_weights[i] == (float)k + .75f);
      }
      ck_assert_uint_eq(seen, (1u << N) - 1);
      for (size_t before = 0; before < e; before++)
        ck_assert_int_ne(memcmp(order[seed] + e * N, order[seed] + before * N, N * sizeof(size_t)), 0);
    }
  }
  ck_assert_int_ne(memcmp(order[0], order[1], sizeof order[0]), 0);
  fmi_batch b = {got1[0], got0[0], got_labels, got_cond, got_weights};
  fetch(data, 0, false, N - 2, 4, &b); /* in their own order, round the end */
  ck_assert(got_labels[0] == N - 2 && got_labels[1] == N - 1 && got_labels[2] == 0 && got_labels[3] == 1);
  fm_data_destroy(data);
  OK(fm_data_create(ctx, x1[0], NULL, NULL, NULL, NULL, N, 2, 0, 0, NULL, &data));
  fetch(data, 0, false, 0, 3, &b);
  ck_assert(got_weights[0] == 1 && got_weights[2] == 1);
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(data_names_the_wrong_cell) {
  fm_ctx *ctx = new_ctx(1);
  float x1[] = {1, 2, 3, 4}, cond[] = {1, NAN}, weights[] = {1, -1};
  int32_t labels[] = {0, -2};
  fm_data *data;
  FAILS(FM_E_NONFINITE, "row 1, column 0",
        fm_data_create(ctx, x1, NULL, NULL, cond, NULL, 2, 2, 0, 1, NULL, &data));
  FAILS(FM_E_INVALID, "row 1", fm_data_create(ctx, x1, NULL, NULL, NULL, weights, 2, 2, 0, 0, NULL, &data));
  FAILS(FM_E_INVALID, "row 1, column 0",
        fm_data_create(ctx, x1, NULL, labels, NULL, NULL, 2, 2, 1, 0, NULL, &data));
  x1[1] = NAN;
  FAILS(FM_E_NONFINITE, "row 0, column 1",
        fm_data_create(ctx, x1, NULL, NULL, NULL, NULL, 2, 2, 0, 0, NULL, &data));
  x1[1] = 2;
  fm_data_options o = {.struct_size = sizeof o, .no_copy = 1};
  double got[4];
  float w[2];
  fmi_batch b = {.x1 = got, .weights = w};
  for (o.no_copy = 0; o.no_copy < 2; o.no_copy++) {
    OK(fm_data_create(ctx, x1, NULL, NULL, NULL, NULL, 2, 2, 0, 0, &o, &data));
    x1[0] = 9; /* a copy doesn't see this, the caller's own array does */
    fetch(data, 0, false, 0, 2, &b);
    CLOSE(got[0], o.no_copy ? 9 : 1, 0);
    x1[0] = 1;
    fm_data_destroy(data);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

typedef struct stream {
  uint64_t next;
  unsigned calls;
  int32_t answer;
} stream;
static int32_t pull(void *user, const fm_pull_request *r) {
  stream *s = user;
  ck_assert_uint_eq(r->first_row, s->next);
  ck_assert(r->x0 != NULL && r->labels == NULL && r->cond != NULL);
  for (uint64_t i = 0; i < r->n; i++) {
    ck_assert(r->weights[i] == 1.0f);
    r->x1[i] = (double)(r->first_row + i), r->x0[i] = 0, r->cond[i] = 2;
  }
  r->weights[0] = 5;
  s->next += r->n;
  s->calls++;
  return s->answer;
}
START_TEST(streams_are_read_in_order) {
  fm_ctx *ctx = new_ctx(1);
  stream s = {0};
  fm_data *data;
  OK(fm_data_create_pull(ctx, pull, &s, 1, 0, 1, 1, &data));
  double x1[8], x0[8];
  float cond[8], weights[8];
  fmi_batch b = {x1, x0, NULL, cond, weights};
  for (uint64_t first = 0; first < 24; first += 8) {
    fetch(data, 1, true, first, 8, &b);
    for (size_t i = 0; i < 8; i++) ck_assert(x1[i] == (double)(first + i) && weights[i] == (i ? 1 : 5));
  }
  ck_assert_uint_eq(s.calls, 3);
  s.answer = 12;
  fmi_error err;
  ck_assert_int_eq(fmi_data_fetch(data, 1, true, 24, 8, &b, &err), FM_E_CALLBACK);
  ck_assert_ptr_nonnull(strstr(err.text, "12"));
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {adam_has_the_reference_numbers,
                                other_rules_have_the_reference_numbers,
                                rates_warm_up_and_follow_a_cosine,
                                clipping_bounds_the_norm,
                                averages_have_the_reference_numbers,
                                constant_averages_have_the_reference_numbers,
                                averages_with_a_half_life,
                                statistics_survive_a_huge_offset,
                                statistics_of_every_kind,
                                gaussian_rows_have_normal_moments,
                                rows_are_drawn_evenly_and_normalised,
                                callback_rows_are_asked_for_by_index,
                                epochs_are_permutations,
                                data_names_the_wrong_cell,
                                streams_are_read_in_order};
  return run_tests("train_parts", tests, FMI_COUNT(tests));
}
