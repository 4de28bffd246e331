/* optimizer_test.c - what holds for every update rule in the list, and what Muon does to matrices. */
#include "train_fixture.h"

static problem p;

static fm_optimizer *new_optimizer(fmi_memory *memory, fm_optimizer_options o) {
  fmi_error err = {.status = FM_OK};
  fm_optimizer *optimizer = fmi_optimizer_new(memory, &o, &err);
  ck_assert_msg(optimizer != NULL, "%s", err.text);
  return optimizer;
}

/* ---- a block of parameters, or a matrix, under a rule ------------------------------------------------ */

typedef struct subject {
  fmi_memory *memory;
  fm_optimizer *optimizer;
  size_t rows, columns; /* 1 row: a vector */
  real *params, *grad, *state;
  real *scratch;
} subject;

static size_t scratch_reals(const subject *s) {
  return s->optimizer->rule->matrix_scratch(s->rows, s->columns) / sizeof(real);
}

static subject new_subject(fm_optimizer_options o, size_t rows, size_t columns) {
  subject s = {.memory = fmi_memory_create(NULL), .rows = rows, .columns = columns};
  s.optimizer = new_optimizer(s.memory, o);
  s.params = new_reals(rows * columns), s.grad = new_reals(rows * columns);
  s.state = new_reals(rows * columns * s.optimizer->rule->state_per_param);
  if (s.optimizer->rule->update_matrix) s.scratch = new_reals(scratch_reals(&s));
  return s;
}

static void free_subject(subject *s) {
  const fmi_rule *rule = s->optimizer->rule;
  if (s->scratch) check_guard(s->scratch, scratch_reals(s));
  check_guard(s->state, s->rows * s->columns * rule->state_per_param);
  free(s->params), free(s->grad), free(s->state), free(s->scratch);
  fmi_release(s->optimizer);
  fmi_memory_release(s->memory);
}

/* As a whole matrix if the rule has that, and there is more than one row. */
static void update(subject *s, uint64_t step) {
  const fmi_rule *rule = s->optimizer->rule;
  fmi_update u = {.kernels = fmi_kernels_get(FM_ISA_AUTO),
                  .options = &s->optimizer->options,
                  .step = step,
                  .rate = fmi_optimizer_rate(s->optimizer, step),
                  .grad_scale = 1,
                  .n_params = s->rows * s->columns,
                  .n = s->rows * s->columns,
                  .grad = s->grad,
                  .params = s->params,
                  .state = s->state,
                  .scratch = s->scratch};
  if (s->rows > 1 && rule->update_matrix)
    rule->update_matrix(&u, s->rows, s->columns);
  else
    rule->update(&u);
}

/* ---- every rule -------------------------------------------------------------------------------------- */

/* f = sum of k (p - c)^2 / 2, where k goes from 0.5 to 2. */
START_TEST(a_quadratic_is_minimised) {
  enum { N = 12, STEPS = 400 };
  static const size_t rows[] = {1, 4};
  for (size_t shape = 0; shape < FMI_COUNT(rows); shape++) {
    subject s = new_subject((fm_optimizer_options){.kind = fmi_rule_list[_i]->kind,
                                                   .learning_rate = .05,
                                                   .warmup_steps = -1,
                                                   .final_fraction = -1,
                                                   .n_steps = STEPS},
                            rows[shape], N / rows[shape]);
    real target[N];
    double first = 0, last = 0;
    fill_reals(target, N, 3);
    for (uint64_t step = 1; step <= STEPS; step++) {
      last = 0;
      for (size_t i = 0; i < N; i++) {
        real k = (real)(0.5 + 1.5 * (double)i / N), off = s.params[i] - target[i];
        s.grad[i] = k * off;
        last += 0.5 * (double)(k * off * off);
      }
      if (step == 1) first = last;
      update(&s, step);
    }
    ck_assert_msg(first > .5 && last < 1e-3 * first, "%s: from %g to %g", s.optimizer->rule->name, first,
                  last);
    free_subject(&s);
  }
}
END_TEST

/* Without gradients only the decay is left: it doesn't go through averages. */
START_TEST(decay_is_decoupled) {
  enum { N = 12 };
  static const size_t rows[] = {1, 3};
  for (size_t shape = 0; shape < FMI_COUNT(rows); shape++) {
    subject s = new_subject((fm_optimizer_options){.kind = fmi_rule_list[_i]->kind,
                                                   .learning_rate = .1,
                                                   .schedule = FM_SCHEDULE_CONSTANT,
                                                   .warmup_steps = -1,
                                                   .weight_decay = .2},
                            rows[shape], N / rows[shape]);
    real want[N];
    fill_reals(s.params, N, 5);
    for (size_t i = 0; i < N; i++) want[i] = (real)((double)s.params[i] * .98 * .98 * .98);
    for (uint64_t step = 1; step <= 3; step++) update(&s, step);
    all_close(s.params, want, N, 4 * EPS, s.optimizer->rule->name);
    free_subject(&s);
  }
}
END_TEST

static kit kit_of_rule(fm_ctx *ctx, int rule, uint32_t net, double rates, uint64_t n_steps) {
  const fmi_rule *r = fmi_rule_list[rule];
  return new_kit_with(
      ctx, &p, (fm_net_options){.kind = net}, (fm_trainer_options){.ema_decay = .9},
      (fm_optimizer_options){.kind = r->kind, .learning_rate = rates * r->learning_rate, .n_steps = n_steps});
}

/* At ten times its rate, for there are few steps. */
START_TEST(a_problem_is_learned) {
  const uint64_t steps = quick() ? 60 : 250;
  fm_ctx *ctx = new_ctx(1);
  kit k = kit_of_rule(ctx, _i, FM_NET_RESMLP, 10, steps);
  double before, after;
  OK(fm_trainer_evaluate(ctx, k.trainer, k.data, 4, 0, &before));
  OK(fm_trainer_run(ctx, k.trainer, k.data, 0));
  OK(fm_trainer_evaluate(ctx, k.trainer, k.data, 4, 0, &after));
  ck_assert_msg(after < (quick() ? 0.95 : 0.5) * before, "%s: from %g to %g", fmi_rule_list[_i]->name, before,
                after);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(threads_keep_bits) {
  static const uint32_t threads[] = {1, 2, 3, 8, 0}; /* 0: a host's executor, last task first */
  static const uint32_t nets[] = {FM_NET_RESMLP, FM_NET_MLP};
  for (size_t net = 0; net < FMI_COUNT(nets); net++) {
    kit kits[FMI_COUNT(threads)];
    for (size_t i = 0; i < FMI_COUNT(threads); i++) {
      fm_ctx *ctx = new_ctx(threads[i]);
      kits[i] = kit_of_rule(ctx, _i, nets[net], 1, 20);
      OK(fm_trainer_run(ctx, kits[i].trainer, kits[i].data, quick() ? 2 : 6));
      same_training(kits[0].trainer, kits[i].trainer);
    }
    for (size_t i = 0; i < FMI_COUNT(threads); i++) {
      free_kit(&kits[i]);
      fm_ctx_destroy(kits[i].ctx);
    }
  }
}
END_TEST

START_TEST(a_resumed_run_is_the_same_run) {
  fm_ctx *ctx = new_ctx(2);
  kit whole = kit_of_rule(ctx, _i, FM_NET_RESMLP, 1, 20), first = kit_of_rule(ctx, _i, FM_NET_RESMLP, 1, 20),
      second = kit_of_rule(ctx, _i, FM_NET_RESMLP, 1, 20);
  char file[512];
  temporary_name(file, sizeof file, "rule");
  OK(fm_trainer_run(ctx, whole.trainer, whole.data, 9));
  OK(fm_trainer_run(ctx, first.trainer, first.data, 4));
  OK(fm_trainer_save(ctx, first.trainer, file));
  OK(fm_trainer_load(ctx, second.trainer, file));
  OK(fm_trainer_run(ctx, second.trainer, second.data, 9));
  same_training(whole.trainer, second.trainer);
  kit other = kit_of_rule(ctx, (_i + 1) % (int)fmi_rule_count, FM_NET_RESMLP, 1, 20);
  FAILS(FM_E_MISMATCH, "optimizer.kind", fm_trainer_load(ctx, other.trainer, file));
  unlink(file);
  free_kit(&whole), free_kit(&first), free_kit(&second), free_kit(&other);
  fm_ctx_destroy(ctx);
}
END_TEST

#ifndef FMI_DOUBLE
/* The public step on the trainer's gradient makes the trainer's update. */
START_TEST(a_step_outside_is_the_step_inside) {
  fm_ctx *ctx = new_ctx(1);
  kit k = kit_of_rule(ctx, _i, FM_NET_RESMLP, 1, 20);
  size_t n = k.net->n_params;
  float *params = new_block(n, sizeof *params), *grad = new_block(n, sizeof *grad),
        *state = new_block(fm_optimizer_state_count(k.optimizer, n), sizeof *state);
  double norm;
  memcpy(params, k.trainer->params, n * sizeof *params);
  for (uint64_t step = 1; step <= 3; step++) {
    OK(step_on(&k, &p, p.weights, 0, BATCH, NULL));
    OK(fm_trainer_get_gradient(ctx, k.trainer, grad));
    OK(fm_optimizer_step_net(ctx, k.optimizer, k.net, step, grad, params, state, &norm));
    CLOSE(norm, k.trainer->grad_norm, 1e-6 * norm);
    all_close(params, k.trainer->params, n, 2e-6, fmi_rule_list[_i]->name);
  }
  if (k.optimizer->rule->update_matrix) {
    FAILS(FM_E_UNSUPPORTED, "fm_optimizer_step_net",
          fm_optimizer_step(ctx, k.optimizer, 4, grad, n, params, state, NULL));
  } else {
    float *same = new_block(n, sizeof *same), *moments = new_block(2 * n, sizeof *moments);
    memcpy(same, params, n * sizeof *same);
    memcpy(moments, state, fm_optimizer_state_count(k.optimizer, n) * sizeof *moments);
    OK(fm_optimizer_step_net(ctx, k.optimizer, k.net, 4, grad, params, state, NULL));
    OK(fm_optimizer_step(ctx, k.optimizer, 4, grad, n, same, moments, NULL));
    SAME(params, same, n);
    free(same), free(moments);
  }
  free(params), free(grad), free(state);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- Muon -------------------------------------------------------------------------------------------- */

/* Orthonormal columns, q[rows][columns], by Gram and Schmidt, twice. */
static void fill_orthonormal(double *q, size_t rows, size_t columns, uint64_t seed) {
  for (size_t i = 0; i < rows * columns; i++) q[i] = next_normal(&seed);
  for (size_t j = 0; j < columns; j++)
    for (size_t again = 0; again < 2; again++) {
      double square = 0;
      for (size_t other = 0; other < j; other++) {
        double along = 0;
        for (size_t i = 0; i < rows; i++) along += q[i * columns + other] * q[i * columns + j];
        for (size_t i = 0; i < rows; i++) q[i * columns + j] -= along * q[i * columns + other];
      }
      for (size_t i = 0; i < rows; i++) square += q[i * columns + j] * q[i * columns + j];
      for (size_t i = 0; i < rows; i++) q[i * columns + j] /= sqrt(square);
    }
}

/* The iteration on one singular value: a matrix polynomial in X X^T times X keeps singular vectors. */
static double iterated(double s) {
  for (size_t i = 0; i < 5; i++) s = 3.4445 * s - 4.7750 * s * s * s + 2.0315 * s * s * s * s * s;
  return s;
}

/* Gradients U diag(s) V^T with s from 0.02 to 1: the update is U diag(s') V^T with s' near 1. */
START_TEST(updates_of_matrices_are_nearly_orthogonal) {
  static const size_t shapes[][2] = {{16, 16}, {37, 37}, {70, 12}, {12, 70}, {2, 90}, {65, 33}, {130, 70}};
  for (size_t shape = 0; shape < (quick() ? 4 : FMI_COUNT(shapes)); shape++) {
    const size_t rows = shapes[shape][0], columns = shapes[shape][1], m = fmi_min(rows, columns);
    const double rate = .01, scale = rate * 0.2 * sqrt((double)fmi_max(rows, columns));
    subject s = new_subject((fm_optimizer_options){.kind = FM_OPTIMIZER_MUON,
                                                   .learning_rate = rate,
                                                   .schedule = FM_SCHEDULE_CONSTANT,
                                                   .warmup_steps = -1},
                            rows, columns);
    double *u = new_block(rows * m, sizeof *u), *v = new_block(columns * m, sizeof *v), square = 0;
    fill_orthonormal(u, rows, m, 1);
    fill_orthonormal(v, columns, m, 2);
    for (size_t k = 0; k < m; k++) square += pow(0.02 + 0.98 * (double)k / (double)(m - 1), 2);
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++) {
        double sum = 0;
        for (size_t k = 0; k < m; k++)
          sum += u[i * m + k] * v[j * m + k] * (0.02 + 0.98 * (double)k / (double)(m - 1));
        s.grad[i * columns + j] = (real)(5 * sum); /* its size doesn't matter */
      }
    update(&s, 1);
    for (size_t k = 0; k < m; k++)
      for (size_t l = 0; l < m; l++) {
        double value = 0, start = (0.02 + 0.98 * (double)k / (double)(m - 1)) / sqrt(square);
        for (size_t i = 0; i < rows; i++)
          for (size_t j = 0; j < columns; j++)
            value -= u[i * m + k] * (double)s.params[i * columns + j] / scale * v[j * m + l];
        CLOSE(value, k == l ? iterated(start) : 0, IS_DOUBLE ? 1e-7 : 1e-4);
        if (k == l && start > 0.005)
          ck_assert_msg(value > 0.68 && value < 1.16, "%g becomes %g", start, value);
      }
    free(u), free(v);
    free_subject(&s);
  }
}
END_TEST

/* Rounding may differ, the momentum may not: the second step is that of g + m (m g + g'), Nesterov's. */
START_TEST(momentum_of_matrices_is_nesterovs) {
  enum { ROWS_ = 6, COLUMNS = 9, N = ROWS_ * COLUMNS };
  fm_optimizer_options o = {.kind = FM_OPTIMIZER_MUON, .schedule = FM_SCHEDULE_CONSTANT, .warmup_steps = -1};
  subject both = new_subject(o, ROWS_, COLUMNS);
  o.beta1 = -1; /* the direction is the gradient given */
  subject sum = new_subject(o, ROWS_, COLUMNS);
  real g[2][N], before[N];
  fill_reals(g[0], N, 1), fill_reals(g[1], N, 2);
  memcpy(both.grad, g[0], sizeof g[0]);
  update(&both, 1);
  memcpy(before, both.params, sizeof before);
  memcpy(both.grad, g[1], sizeof g[1]);
  update(&both, 2);
  for (size_t i = 0; i < N; i++) {
    sum.grad[i] = (real)(1.95 * (double)g[1][i] + .95 * .95 * (double)g[0][i]);
    both.params[i] -= before[i];
  }
  update(&sum, 1);
  all_close(both.params, sum.params, N, IS_DOUBLE ? 1e-9 : 1e-6, "second step");
  ck_assert(fabs((double)both.params[0]) > 1e-5);
  free_subject(&both), free_subject(&sum);
}
END_TEST

/* Matrices of hidden layers are taken as a whole: they leave the second moments of AdamW alone. */
START_TEST(muon_takes_the_matrices_of_hidden_layers) {
  static const struct {
    uint32_t kind;
    const char *const names[12];
  } nets[] = {{FM_NET_RESMLP,
               {"condition.weight", "input.weight", "blocks.0.modulation.weight", "blocks.0.linear1.weight",
                "blocks.0.linear2.weight", "blocks.0.gate.weight", "blocks.1.modulation.weight",
                "blocks.1.linear1.weight", "blocks.1.linear2.weight", "blocks.1.gate.weight",
                "output.modulation.weight"}},
              {FM_NET_MLP, {"layers.0.weight"}}}; /* of two: layers.1 is the output, classes.0 an embedding */
  fm_ctx *ctx = new_ctx(1);
  int muon = 0;
  while (fmi_rule_list[muon]->kind != FM_OPTIMIZER_MUON) muon++;
  for (size_t i = 0; i < FMI_COUNT(nets); i++) {
    kit k = kit_of_rule(ctx, muon, nets[i].kind, 1, 20);
    size_t n = k.net->n_params, taken = 0, expected = 0;
    while (expected < 12 && nets[i].names[expected]) expected++;
    OK(fm_trainer_run(ctx, k.trainer, k.data, 2));
    for (size_t j = 0; j < k.net->n_tensors; j++) {
      const char *name = k.net->tensors[j].name;
      size_t first = k.net->tensors[j].offset,
             end = j + 1 < k.net->n_tensors ? k.net->tensors[j + 1].offset : n;
      double square = 0;
      bool matrix = false;
      for (size_t q = first; q < end; q++) square += fabs((double)k.trainer->state[n + q]);
      for (size_t q = 0; q < expected; q++) matrix |= strcmp(name, nets[i].names[q]) == 0;
      ck_assert_msg(matrix == (square == 0), "%s: sum of second moments %g", name, square);
      taken += matrix;
    }
    ck_assert_uint_eq(taken, expected);
    free_kit(&k);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

static void set_up(void) { fill_problem(&p); }

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "optimizer");
  const int n = (int)fmi_rule_count;
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_loop_test(tcase, a_quadratic_is_minimised, 0, n);
  tcase_add_loop_test(tcase, decay_is_decoupled, 0, n);
  tcase_add_loop_test(tcase, a_problem_is_learned, 0, n);
  tcase_add_loop_test(tcase, threads_keep_bits, 0, n);
  tcase_add_loop_test(tcase, a_resumed_run_is_the_same_run, 0, n);
#ifndef FMI_DOUBLE
  tcase_add_loop_test(tcase, a_step_outside_is_the_step_inside, 0, n);
#endif
  tcase_add_test(tcase, updates_of_matrices_are_nearly_orthogonal);
  tcase_add_test(tcase, momentum_of_matrices_is_nesterovs);
  tcase_add_test(tcase, muon_takes_the_matrices_of_hidden_layers);
  return run_suite(suite);
}
