/* adamw_test.c - AdamW against its formulas in double, early and late, and what a step refuses. Reference
   numbers, rates and clipping are in train_parts_test.c. */
#include "fixture.h"

#include "api/api.h"
#include "train/optimizer.h"

#include <stdio.h>

/* ---- AdamW in double ---------------------------------------------------------------------------------- */

/* The largest distance of an update from what the formulas say, in units of the rate, between step `from` and
   step `to`. The parameters start every step at 0, so that an update is seen to its last bit. */
static double worst_update(const fmi_kernels *kernels, double beta1, double beta2, uint64_t from,
                           uint64_t to) {
  enum { N = 24 };
  const double rate = 1e-3, epsilon = 1e-8;
  const fm_optimizer_options given = {.learning_rate = rate,
                                      .schedule = FM_SCHEDULE_CONSTANT,
                                      .warmup_steps = -1,
                                      .beta1 = beta1,
                                      .beta2 = beta2};
  fmi_error err = {.status = FM_OK};
  fmi_memory *memory = fmi_memory_create(NULL);
  fm_optimizer *optimizer = fmi_optimizer_new(memory, &given, &err);
  ck_assert_msg(optimizer != NULL, "%s", err.text);
  real p[N], g[N], state[2 * N] = {0};
  double m[N] = {0}, v[N] = {0}, worst = 0;
  uint64_t seed = 9;
  for (uint64_t step = 1; step <= to; step++) {
    memset(p, 0, sizeof p);
    for (size_t i = 0; i < N; i++) g[i] = (real)(next_uniform(&seed) + 0.1 * (double)i);
    fmi_update u = {.kernels = kernels,
                    .options = &optimizer->options,
                    .step = step,
                    .rate = rate,
                    .grad_scale = 1,
                    .n_params = N,
                    .n = N,
                    .grad = g,
                    .params = p,
                    .state = state};
    optimizer->rule->update(&u);
    for (size_t i = 0; i < N; i++) { /* Kingma & Ba 2015, algorithm 1 */
      m[i] = beta1 * m[i] + (1 - beta1) * (double)g[i];
      v[i] = beta2 * v[i] + (1 - beta2) * (double)g[i] * (double)g[i];
      const double m_hat = m[i] / (1 - pow(beta1, (double)step));
      const double v_hat = v[i] / (1 - pow(beta2, (double)step));
      const double off = fabs((double)p[i] + rate * m_hat / (sqrt(v_hat) + epsilon)) / rate;
      /* Not by fmax, whose loop crashes gcc 12 for aarch64; so a NaN is seen as well. */
      if (step >= from && !(off <= worst)) worst = off;
    }
  }
  fmi_release(optimizer);
  fmi_memory_release(memory);
  return worst;
}

/* Moments and their bias corrections are of the same betas: 1 - 0.999f in the one and 0.001 in the other
   would be 6e-6 of an update, in the first steps or, the other way round, in the late ones. */
START_TEST(adamw_is_exact_to_rounding) {
  static const uint32_t isas[] = {FM_ISA_PLAIN, FM_ISA_AVX2};
  static const double betas[][2] = {{0.9, 0.999}, {0.9, 0.95}, {0.8, 0.99}};
  for (size_t k = 0; k < FMI_COUNT(isas); k++) {
    const fmi_kernels *kernels = fmi_kernels_get(isas[k]);
    if (kernels == NULL) continue; /* this machine has none */
    for (size_t b = 0; b < FMI_COUNT(betas); b++) {
      const double early = worst_update(kernels, betas[b][0], betas[b][1], 1, 10);
      ck_assert_msg(early <= 3 * EPS, "%s, beta2 %g: %g off in 10 steps", kernels->name, betas[b][1], early);
      const uint64_t end = quick() ? 1000 : 20000, begin = end - 100;
      const double late = worst_update(kernels, betas[b][0], betas[b][1], begin, end);
      ck_assert_msg(late <= 20 * EPS, "%s, beta2 %g: %g off after %llu steps", kernels->name, betas[b][1],
                    late, (unsigned long long)begin);
    }
  }
}
END_TEST

#ifndef FMI_DOUBLE

/* Options that are fine in double and would be 1 or 0 in float, and parameters without a gradient. */
START_TEST(options_at_the_edge_of_float_make_no_nan) {
  fm_ctx *ctx = new_ctx(1);
  const fm_optimizer_options edges[] = {{.beta1 = 1 - 1e-9},
                                        {.beta2 = 1 - 1e-9},
                                        {.epsilon = 1e-50},
                                        {.beta1 = -1, .beta2 = -1, .epsilon = 1e-50}};
  for (size_t k = 0; k < FMI_COUNT(edges); k++) {
    fm_optimizer_options o = edges[k];
    o.struct_size = sizeof o;
    fm_optimizer *optimizer;
    OK(fm_optimizer_create(ctx, &o, &optimizer));
    float params[] = {1, 1, 1}, state[6] = {0};
    const float grad[] = {0, 0.5f, -0.25f};
    for (uint64_t step = 1; step <= 3; step++)
      OK(fm_optimizer_step(ctx, optimizer, step, grad, 3, params, state, NULL));
    OK(fm_optimizer_step(ctx, optimizer, 4, grad, 3, params, state, NULL)); /* which looks at them all */
    ck_assert(params[0] == 1 && params[1] < 1 && params[2] > 1 && isfinite(params[1]) && isfinite(params[2]));
    fm_optimizer_destroy(optimizer);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- what a step refuses ------------------------------------------------------------------------------ */

START_TEST(steps_on_what_is_not_finite_change_nothing) {
  enum { N = 37 }; /* places in whole vectors and in the rest behind them */
  static const size_t places[] = {0, 15, 16, 36};
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  fm_ctx *ctx = new_ctx(1);
  fm_optimizer *optimizer;
  OK(fm_optimizer_create(ctx, NULL, &optimizer));
  ck_assert_uint_eq(fm_optimizer_state_count(optimizer, N), 2 * N);
  float grad[N], params[N], state[2 * N], kept[N], kept_state[2 * N];
  const struct {
    const char *name;
    float *array;
    size_t shift; /* the second moments have places of their own */
  } arrays[] = {{"grad", grad, 0}, {"params", params, 0}, {"state", state, 0}, {"state", state, N}};
  for (size_t a = 0; a < FMI_COUNT(arrays); a++)
    for (size_t i = 0; i < FMI_COUNT(places); i++)
      for (size_t k = 0; k < FMI_COUNT(bad); k++) {
        fill_normals(grad, N, 1), fill_normals(params, N, 2), fill_normals(state, N, 3);
        for (size_t j = 0; j < N; j++) state[N + j] = 0.5f;
        const size_t place = places[i] + arrays[a].shift;
        arrays[a].array[place] = bad[k];
        memcpy(kept, params, sizeof kept), memcpy(kept_state, state, sizeof kept_state);
        double norm = 123;
        char text[64];
        snprintf(text, sizeof text, "%s: expected finite numbers, found %g at index %zu", arrays[a].name,
                 (double)bad[k], place);
        FAILS(FM_E_NONFINITE, text, fm_optimizer_step(ctx, optimizer, 2, grad, N, params, state, &norm));
        SAME(params, kept, N);
        SAME(state, kept_state, 2 * N);
        CLOSE(norm, 123, 0);
      }
  /* The largest floats are finite, and their squares are in double. */
  fill_normals(params, N, 2), memset(state, 0, sizeof state);
  for (size_t i = 0; i < N; i++) grad[i] = FLT_MAX;
  double norm;
  OK(fm_optimizer_step(ctx, optimizer, 1, grad, N, params, state, &norm));
  CLOSE(norm / ((double)FLT_MAX * sqrt(N)), 1, 1e-12);
  for (size_t i = 0; i < N; i++)
    ck_assert(isfinite(params[i]) && isfinite(state[i]) && isfinite(state[N + i]));
  fm_optimizer_destroy(optimizer);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

int main(void) {
  const TTest *const tests[] = {
      adamw_is_exact_to_rounding,
#ifndef FMI_DOUBLE
      options_at_the_edge_of_float_make_no_nan,
      steps_on_what_is_not_finite_change_nothing,
#endif
  };
  return run_tests("adamw", tests, FMI_COUNT(tests));
}
