/* op_test.c - every operator that is listed: its derivatives against each other and against differences of
   its forward pass, and its promises about bits. A new operator needs an example below, and then all of this
   covers it. */
#include "op_fixture.h"

/* ---- the examples ---------------------------------------------------------------------------------- */

#define VECTOR(n)                                                                                            \
  { 1, n }
static const example examples[] = {
    {.op = &fmi_op_x, .what = "state"},
    {.op = &fmi_op_time, .what = "features", .attribute = {7}},
    {.op = &fmi_op_time, .what = "t itself"},
    {.op = &fmi_op_time, .what = "features of two", .attribute = {5, 2}},
    {.op = &fmi_op_time, .what = "two themselves", .attribute = {0, 2}},
    {.op = &fmi_op_embed, .what = "table", .attribute = {6, 1}, .table_rows = 4},
    {.op = &fmi_op_cond, .what = "vector"},
    {.op = &fmi_op_linear, .what = "plain", .n_inputs = 1, .in = {VECTOR(7)}, .attribute = {5}},
    {.op = &fmi_op_linear, .what = "one to one", .n_inputs = 1, .in = {VECTOR(1)}, .attribute = {1}},
    {.op = &fmi_op_linear,
     .what = "two parts",
     .n_inputs = 1,
     .in = {VECTOR(150)},
     .attribute = {3},
     .activation = FM_ACT_SILU},
    {.op = &fmi_op_linear,
     .what = "wide",
     .n_inputs = 1,
     .in = {VECTOR(19)},
     .attribute = {37},
     .activation = FM_ACT_TANH},
    {.op = &fmi_op_linear,
     .what = "tokens",
     .n_inputs = 1,
     .in = {{3, 4}},
     .attribute = {6},
     .activation = FM_ACT_GELU},
    {.op = &fmi_op_conv1d, .what = "three taps", .n_inputs = 1, .in = {{6, 3}}, .attribute = {4, 3}},
    {.op = &fmi_op_conv1d,
     .what = "longer than the line",
     .n_inputs = 1,
     .in = {{2, 2}},
     .attribute = {3, 7},
     .activation = FM_ACT_MISH},
    {.op = &fmi_op_conv1d,
     .what = "one tap",
     .n_inputs = 1,
     .in = {{4, 5}},
     .attribute = {2, 1},
     .activation = FM_ACT_GELU_TANH},
    {.op = &fmi_op_conv1d, .what = "two parts", .n_inputs = 1, .in = {{3, 29}}, .attribute = {2, 5}},
    {.op = &fmi_op_activation, .what = "silu", .n_inputs = 1, .in = {{3, 5}}, .activation = FM_ACT_SILU},
    {.op = &fmi_op_activation, .what = "gelu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_GELU},
    {.op = &fmi_op_activation,
     .what = "gelu_tanh",
     .n_inputs = 1,
     .in = {VECTOR(9)},
     .activation = FM_ACT_GELU_TANH},
    {.op = &fmi_op_activation, .what = "selu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_SELU},
    {.op = &fmi_op_activation, .what = "elu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_ELU},
    {.op = &fmi_op_activation, .what = "tanh", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_TANH},
    {.op = &fmi_op_activation, .what = "relu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_RELU},
    {.op = &fmi_op_activation, .what = "mish", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_MISH},
    {.op = &fmi_op_dropout, .what = "vector", .n_inputs = 1, .in = {VECTOR(9)}, .dropout = .4},
    {.op = &fmi_op_dropout,
     .what = "tokens, later columns",
     .n_inputs = 1,
     .in = {{3, 90}},
     .attribute = {12},
     .dropout = .7},
    {.op = &fmi_op_adaln, .what = "vector", .n_inputs = 2, .in = {VECTOR(21), VECTOR(42)}},
    {.op = &fmi_op_adaln, .what = "tokens", .n_inputs = 2, .in = {{4, 6}, VECTOR(12)}},
    {.op = &fmi_op_gated_add, .what = "vector", .n_inputs = 3, .in = {VECTOR(8), VECTOR(8), VECTOR(8)}},
    {.op = &fmi_op_gated_add, .what = "tokens", .n_inputs = 3, .in = {{3, 5}, VECTOR(5), {3, 5}}},
    {.op = &fmi_op_add, .what = "tokens", .n_inputs = 2, .in = {{3, 5}, {3, 5}}},
    {.op = &fmi_op_mul, .what = "tokens", .n_inputs = 2, .in = {{3, 5}, {3, 5}}},
    {.op = &fmi_op_concat, .what = "one", .n_inputs = 1, .in = {{2, 3}}},
    {.op = &fmi_op_concat, .what = "three tokens", .n_inputs = 3, .in = {{3, 5}, {3, 1}, {3, 4}}},
    {.op = &fmi_op_custom, .what = "callbacks", .n_inputs = 1, .in = {VECTOR(OUTSIDE_DIM)}},
};

START_TEST(every_operator_has_an_example) {
  for (size_t i = 0; i < fmi_op_count; i++) {
    bool found = false;
    for (size_t j = 0; j < FMI_COUNT(examples); j++) found |= examples[j].op == fmi_op_list[i];
    ck_assert_msg(found, "operator '%s' has no example in op_test.c", fmi_op_list[i]->name);
  }
}
END_TEST

/* Runs check on every example with every table of kernels, and where there are products by the BLAS too. */
static void each_example(void (*check)(bench *b)) {
  const uint32_t isas[] = {FM_ISA_PLAIN, FM_ISA_AUTO};
  for (size_t i = 0; i < FMI_COUNT(examples); i++)
    for (size_t k = 0; k < FMI_COUNT(isas); k++)
      for (int blas = 0; blas < 2; blas++) {
        if (IS_DOUBLE && examples[i].op == &fmi_op_custom) continue; /* callbacks take float */
        bench b = bench_open(&examples[i], fmi_kernels_get(isas[k]), 11, blas);
        if (!blas || b.node.weight_out > 0) check(&b);
        bench_close(&b);
      }
}
#define NAME(b) (b)->node.op->name

static double dot(const real *a, const real *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}
static real *weights_of(const bench *b) {
  real *w = new_reals(b->n_out);
  fill_reals(w, b->n_out, 99);
  return w;
}

/* ---- derivatives ----------------------------------------------------------------------------------- */

/* <w, J v> = <J' w, v>, one input at a time: the tangents of the others are zero. */
static void check_dot_products(bench *b) {
  const fmi_op *op = b->node.op;
  if (op->jvp == NULL) return;
  real *w = weights_of(b), *v[FMI_MAX_INPUTS];
  bench_forward(b);
  for (size_t j = 0; j < b->node.n_inputs; j++) {
    v[j] = b->t_in[j];
    b->t_in[j] = new_reals(b->n_in[j]);
  }
  for (size_t j = 0; j < b->node.n_inputs; j++) {
    real *zero = b->t_in[j];
    b->t_in[j] = v[j];
    bench_jvp(b);
    double forward = dot(w, b->t_out, b->n_out);
    b->t_in[j] = zero;
    bench_vjp(b, w);
    double back = dot(b->d_in[j], v[j], b->n_in[j]);
    ck_assert_msg(fabs(forward - back) <= 40 * EPS * (double)b->n_out,
                  "%s, input %zu: <w, Jv> = %.17g, <J'w, v> = %.17g", NAME(b), j, forward, back);
  }
  for (size_t j = 0; j < b->node.n_inputs; j++) {
    free(b->t_in[j]);
    b->t_in[j] = v[j];
  }
  if (op == &fmi_op_x) { /* its input comes from outside */
    bench_jvp(b);
    bench_vjp(b, w);
    CLOSE(dot(w, b->t_out, b->n_out), dot(b->d_x, b->dx, b->rows * OUTSIDE_DIM), 40 * EPS * (double)b->n_out);
  }
  free(w);
}
START_TEST(jvp_and_vjp_agree) { each_example(check_dot_products); }
END_TEST

/* Moves all inputs by s along their tangents. */
static void move(bench *b, real s) {
  for (size_t j = 0; j < b->node.n_inputs; j++)
    for (size_t i = 0; i < b->n_in[j]; i++) b->in[j][i] += s * b->t_in[j][i];
  for (size_t i = 0; i < b->rows * OUTSIDE_DIM; i++) b->x[i] += s * b->dx[i];
  for (size_t i = 0; i < b->rows * b->n_times; i++) b->t[i] += (double)s * b->dt[i];
}

/* Four points: the error is of fourth order in h, so that h can be large against rounding. */
static const int stencil[] = {-2, -1, 1, 2};
static const double stencil_weight[] = {1, -8, 8, -1}; /* over 12 h */
#define STEP (IS_DOUBLE ? 1e-3 : 0x1p-5)
#define DIFFERENCE_TOLERANCE (IS_DOUBLE ? 1e-8 : 3e-4)

static void check_differences(bench *b) {
  double *slope = new_block(b->n_out, sizeof *slope);
  real *w = weights_of(b);
  bench before = *b;
  real *in[FMI_MAX_INPUTS];
  for (size_t j = 0; j < b->node.n_inputs; j++) {
    in[j] = new_reals(b->n_in[j]);
    memcpy(in[j], b->in[j], b->n_in[j] * sizeof(real));
  }
  double *t = new_block(b->rows * b->n_times, sizeof *t);
  real *x = new_reals(b->rows * OUTSIDE_DIM);
  memcpy(t, b->t, b->rows * b->n_times * sizeof *t);
  memcpy(x, b->x, b->rows * OUTSIDE_DIM * sizeof *x);
  double along = 0;
  for (size_t k = 0; k < 4; k++) {
    for (size_t j = 0; j < b->node.n_inputs; j++) memcpy(b->in[j], in[j], b->n_in[j] * sizeof(real));
    memcpy(b->t, t, b->rows * b->n_times * sizeof *t);
    memcpy(b->x, x, b->rows * OUTSIDE_DIM * sizeof *x);
    if (b->node.op == &fmi_op_custom) memset(b->dt, 0, b->rows * sizeof *b->dt); /* vjp is of x alone */
    move(b, (real)(stencil[k] * STEP));
    bench_forward(b);
    for (size_t i = 0; i < b->n_out; i++) slope[i] += stencil_weight[k] * (double)b->out[i] / (12 * STEP);
  }
  for (size_t j = 0; j < b->node.n_inputs; j++) memcpy(b->in[j], in[j], b->n_in[j] * sizeof(real));
  memcpy(b->t, t, b->rows * b->n_times * sizeof *t);
  memcpy(b->x, x, b->rows * OUTSIDE_DIM * sizeof *x);
  for (size_t i = 0; i < b->n_out; i++) along += (double)w[i] * slope[i];
  bench_forward(b);
  if (b->node.op->jvp != NULL) {
    bench_jvp(b);
    for (size_t i = 0; i < b->n_out; i++)
      ck_assert_msg(fabs((double)b->t_out[i] - slope[i]) <= DIFFERENCE_TOLERANCE * (1 + fabs(slope[i])),
                    "%s: tangent %zu is %.12g, differences say %.12g", NAME(b), i, (double)b->t_out[i],
                    slope[i]);
  } else { /* only vjp is there to be checked */
    bench_vjp(b, w);
    double back = 0;
    for (size_t j = 0; j < b->node.n_inputs; j++) back += dot(b->d_in[j], b->t_in[j], b->n_in[j]);
    CLOSE(back, along, DIFFERENCE_TOLERANCE * (double)b->n_out);
  }
  for (size_t j = 0; j < b->node.n_inputs; j++) free(in[j]);
  ck_assert_ptr_eq(before.out, b->out);
  free(t), free(x), free(w), free(slope);
}
START_TEST(jvp_is_the_derivative) { each_example(check_differences); }
END_TEST

static void all_parts(bench *b) {
  poison(b->d_params, b->node.n_params);
  for (size_t part = 0; part < b->node.grad_parts; part++) bench_grad_part(b, part);
}

/* Every single parameter, since each has its own place; every fifth where there is little time. */
static void check_parameter_gradient(bench *b) {
  if (b->node.op->grad == NULL) {
    ck_assert_uint_eq(b->node.n_params, 0);
    return;
  }
  real *w = weights_of(b);
  bench_forward(b);
  bench_vjp(b, w);
  all_parts(b);
  for (size_t p = 0; p < b->node.n_params; p += quick() ? 5 : 1) {
    real value = b->params[p];
    double slope = 0;
    for (size_t k = 0; k < 4; k++) {
      b->params[p] = value + (real)(stencil[k] * STEP);
      bench_pack(b);
      bench_forward(b);
      slope += stencil_weight[k] * dot(w, b->out, b->n_out) / (12 * STEP);
    }
    b->params[p] = value;
    ck_assert_msg(fabs((double)b->d_params[p] - slope) <= DIFFERENCE_TOLERANCE * (4 + fabs(slope)),
                  "%s: gradient of parameter %zu is %.12g, differences say %.12g", NAME(b), p,
                  (double)b->d_params[p], slope);
  }
  bench_pack(b);
  free(w);
}
START_TEST(grad_is_the_derivative) { each_example(check_parameter_gradient); }
END_TEST

/* ---- what callers rely on -------------------------------------------------------------------------- */

static void check_adding(bench *b) {
  real *w = weights_of(b);
  bench_forward(b);
  bench_vjp(b, w);
  for (size_t j = 0; j < b->node.n_inputs; j++) {
    real *alone = new_reals(b->n_in[j]), *sum = new_reals(b->n_in[j]);
    memcpy(alone, b->d_in[j], b->n_in[j] * sizeof *alone);
    fill_reals(sum, b->n_in[j], 7);
    fmi_rows outside = bench_outside(b, 0);
    fmi_call c = bench_call(b, 0, b->rows, &outside);
    for (size_t other = 0; other < b->node.n_inputs; other++)
      c.d_in[other] = NULL; /* not wanted: fewer must do */
    c.d_in[j] = b->d_in[j];
    for (int add = 0; add < 2; add++) {
      if (add)
        memcpy(b->d_in[j], sum, b->n_in[j] * sizeof *sum);
      else
        poison(b->d_in[j], b->n_in[j]);
      memcpy(b->d_out, w, b->n_out * sizeof *w);
      poison(b->scratch, b->n_scratch);
      c.add_in[j] = add;
      RAN(b, b->node.op->vjp(&c));
      if (!add) SAME(b->d_in[j], alone, b->n_in[j]);
      for (size_t i = 0; add && i < b->n_in[j]; i++)
        CLOSE((double)b->d_in[j][i], (double)sum[i] + (double)alone[i],
              10 * EPS * (double)(1 + b->node.weight_out) * (1 + fabs((double)alone[i])));
    }
    free(alone), free(sum);
  }
  free(w);
}
START_TEST(vjp_adds_where_it_is_asked_to) { each_example(check_adding); }
END_TEST

/* The same rows in one call, one at a time and in tiles of 4: the same bits. The BLAS doesn't promise that.
 */
static void check_tiles(bench *b) {
  if (b->blas) return;
  const size_t tiles[] = {1, 4}, n = b->n_out, dx = b->rows * OUTSIDE_DIM;
  real *w = weights_of(b), *out = new_reals(n), *t_out = new_reals(n), *d_x = new_reals(dx),
       *d_in[FMI_MAX_INPUTS];
  bench_forward(b);
  if (b->node.op->jvp) bench_jvp(b);
  bench_vjp(b, w);
  memcpy(out, b->out, n * sizeof *out), memcpy(t_out, b->t_out, n * sizeof *out),
      memcpy(d_x, b->d_x, dx * sizeof *d_x);
  for (size_t j = 0; j < b->node.n_inputs; j++) {
    d_in[j] = new_reals(b->n_in[j]);
    memcpy(d_in[j], b->d_in[j], b->n_in[j] * sizeof(real));
  }
  for (size_t k = 0; k < FMI_COUNT(tiles); k++) {
    poison(b->out, n), poison(b->t_out, n), memcpy(b->d_out, w, n * sizeof *w);
    for (size_t first = 0; first < b->rows; first += tiles[k]) {
      fmi_rows outside = bench_outside(b, first);
      fmi_call c = bench_call(b, first, fmi_min(tiles[k], b->rows - first), &outside);
      RAN(b, b->node.op->forward(&c));
      if (b->node.op->jvp) RAN(b, b->node.op->jvp(&c));
      RAN(b, b->node.op->vjp(&c));
    }
    SAME(b->out, out, n);
    if (b->node.op->jvp) SAME(b->t_out, t_out, n);
    if (b->node.op == &fmi_op_x) SAME(b->d_x, d_x, dx);
    for (size_t j = 0; j < b->node.n_inputs; j++) SAME(b->d_in[j], d_in[j], b->n_in[j]);
  }
  /* and without what only derivatives read */
  fmi_rows outside = bench_outside(b, 0);
  fmi_call c = bench_call(b, 0, b->rows, &outside);
  c.extra = NULL;
  poison(b->out, n), poison(b->scratch, b->n_scratch);
  RAN(b, b->node.op->forward(&c));
  SAME(b->out, out, n);
  for (size_t j = 0; j < b->node.n_inputs; j++) free(d_in[j]);
  free(w), free(out), free(t_out), free(d_x);
}
START_TEST(rows_keep_their_bits_in_every_tile) { each_example(check_tiles); }
END_TEST

/* Each entry of the gradient belongs to one part, whatever the order of the parts. */
static void check_parts(bench *b) {
  if (b->node.op->grad == NULL) return;
  real *w = weights_of(b), *whole = new_reals(b->node.n_params);
  unsigned *writers = new_block(b->node.n_params, sizeof *writers);
  bench_forward(b);
  bench_vjp(b, w);
  all_parts(b);
  memcpy(whole, b->d_params, b->node.n_params * sizeof *whole);
  ck_assert_uint_ge(b->node.grad_parts, 1);
  for (size_t part = b->node.grad_parts; part-- > 0;) {
    poison(b->d_params, b->node.n_params);
    bench_grad_part(b, part);
    for (size_t p = 0; p < b->node.n_params; p++) {
      if (isnan(b->d_params[p])) continue;
      writers[p]++;
      ck_assert_msg(b->d_params[p] == whole[p], "%s: part %zu changes parameter %zu", NAME(b), part, p);
    }
  }
  for (size_t p = 0; p < b->node.n_params; p++)
    ck_assert_msg(writers[p] == 1, "%s: parameter %zu is written by %u parts", NAME(b), p, writers[p]);
  free(w), free(whole), free(writers);
}
START_TEST(gradient_parts_are_disjoint_and_cover) { each_example(check_parts); }
END_TEST

START_TEST(initial_weights_have_the_moments_asked_for) {
  example e = {.op = &fmi_op_linear, .n_inputs = 1, .in = {VECTOR(100)}, .attribute = {400}};
  bench b = bench_open(&e, fmi_kernels_get(FM_ISA_PLAIN), 1, true);
  for (int with_gain = 0; with_gain < 2; with_gain++) {
    b.node.gain = with_gain ? 1.4 : 0;
    poison(b.params, b.node.n_params);
    RAN(&b, b.node.op->init(&b.node, 42, 3, b.params, &b.err));
    double n = 40000, mean = 0, square = 0;
    for (size_t i = 0; i < 40000; i++)
      mean += (double)b.params[i] / n, square += (double)(b.params[i] * b.params[i]) / n;
    double variance = with_gain * 1.4 * 1.4 / 100;
    CLOSE(mean, 0, 5 * sqrt(variance / n));
    CLOSE(square, variance, 5 * variance * sqrt(2 / n));
    for (size_t i = 40000; i < b.node.n_params; i++) CLOSE((double)b.params[i], 0, 0);
  }
  bench_close(&b);
  example table = {.op = &fmi_op_embed, .attribute = {50, 0}, .table_rows = 401};
  b = bench_open(&table, fmi_kernels_get(FM_ISA_PLAIN), 1, true);
  RAN(&b, b.node.op->init(&b.node, 42, 3, b.params, &b.err));
  CLOSE(dot(b.params, b.params, b.node.n_params) / (double)b.node.n_params, 0.25,
        5 * 0.25 * sqrt(2 / 20050.0));
  bench_close(&b);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_operator_has_an_example,
                                jvp_and_vjp_agree,
                                jvp_is_the_derivative,
                                grad_is_the_derivative,
                                vjp_adds_where_it_is_asked_to,
                                rows_keep_their_bits_in_every_tile,
                                gradient_parts_are_disjoint_and_cover,
                                initial_weights_have_the_moments_asked_for};
  return run_tests("op", tests, FMI_COUNT(tests));
}
