/* op_test.c - every operator that is listed: its derivatives against each other and against differences of its
   forward pass, its promises about bits, and numbers computed with PyTorch. A new operator needs an example
   below, and then all of this covers it. */
#include "op_fixture.h"

/* ---- the examples ---------------------------------------------------------------------------------- */

#define VECTOR(n) {1, n}
static const example examples[] = {
    {.op = &fmi_op_x, .what = "state"},
    {.op = &fmi_op_time, .what = "features", .attribute = {7}},
    {.op = &fmi_op_time, .what = "t itself"},
    {.op = &fmi_op_embed, .what = "table", .attribute = {6, 1}, .table_rows = 4},
    {.op = &fmi_op_cond, .what = "vector"},
    {.op = &fmi_op_linear, .what = "plain", .n_inputs = 1, .in = {VECTOR(7)}, .attribute = {5}},
    {.op = &fmi_op_linear, .what = "one to one", .n_inputs = 1, .in = {VECTOR(1)}, .attribute = {1}},
    {.op = &fmi_op_linear, .what = "two parts", .n_inputs = 1, .in = {VECTOR(150)}, .attribute = {3},
     .activation = FM_ACT_SILU},
    {.op = &fmi_op_linear, .what = "wide", .n_inputs = 1, .in = {VECTOR(19)}, .attribute = {37}, .activation = FM_ACT_TANH},
    {.op = &fmi_op_linear, .what = "tokens", .n_inputs = 1, .in = {{3, 4}}, .attribute = {6}, .activation = FM_ACT_GELU},
    {.op = &fmi_op_conv1d, .what = "three taps", .n_inputs = 1, .in = {{6, 3}}, .attribute = {4, 3}},
    {.op = &fmi_op_conv1d, .what = "longer than the line", .n_inputs = 1, .in = {{2, 2}}, .attribute = {3, 7},
     .activation = FM_ACT_MISH},
    {.op = &fmi_op_conv1d, .what = "one tap", .n_inputs = 1, .in = {{4, 5}}, .attribute = {2, 1},
     .activation = FM_ACT_GELU_TANH},
    {.op = &fmi_op_conv1d, .what = "two parts", .n_inputs = 1, .in = {{3, 29}}, .attribute = {2, 5}},
    {.op = &fmi_op_activation, .what = "silu", .n_inputs = 1, .in = {{3, 5}}, .activation = FM_ACT_SILU},
    {.op = &fmi_op_activation, .what = "gelu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_GELU},
    {.op = &fmi_op_activation, .what = "gelu_tanh", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_GELU_TANH},
    {.op = &fmi_op_activation, .what = "selu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_SELU},
    {.op = &fmi_op_activation, .what = "elu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_ELU},
    {.op = &fmi_op_activation, .what = "tanh", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_TANH},
    {.op = &fmi_op_activation, .what = "relu", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_RELU},
    {.op = &fmi_op_activation, .what = "mish", .n_inputs = 1, .in = {VECTOR(9)}, .activation = FM_ACT_MISH},
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
    ck_assert_msg(fabs(forward - back) <= 40 * EPS * (double)b->n_out, "%s, input %zu: <w, Jv> = %.17g, <J'w, v> = %.17g",
                  NAME(b), j, forward, back);
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
  for (size_t i = 0; i < b->rows; i++) b->t[i] += (double)s * b->dt[i];
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
  double *t = new_block(b->rows, sizeof *t);
  real *x = new_reals(b->rows * OUTSIDE_DIM);
  memcpy(t, b->t, b->rows * sizeof *t);
  memcpy(x, b->x, b->rows * OUTSIDE_DIM * sizeof *x);
  double along = 0;
  for (size_t k = 0; k < 4; k++) {
    for (size_t j = 0; j < b->node.n_inputs; j++) memcpy(b->in[j], in[j], b->n_in[j] * sizeof(real));
    memcpy(b->t, t, b->rows * sizeof *t);
    memcpy(b->x, x, b->rows * OUTSIDE_DIM * sizeof *x);
    if (b->node.op == &fmi_op_custom) memset(b->dt, 0, b->rows * sizeof *b->dt); /* vjp is of x alone */
    move(b, (real)(stencil[k] * STEP));
    bench_forward(b);
    for (size_t i = 0; i < b->n_out; i++) slope[i] += stencil_weight[k] * (double)b->out[i] / (12 * STEP);
  }
  for (size_t j = 0; j < b->node.n_inputs; j++) memcpy(b->in[j], in[j], b->n_in[j] * sizeof(real));
  memcpy(b->t, t, b->rows * sizeof *t);
  memcpy(b->x, x, b->rows * OUTSIDE_DIM * sizeof *x);
  for (size_t i = 0; i < b->n_out; i++) along += (double)w[i] * slope[i];
  bench_forward(b);
  if (b->node.op->jvp != NULL) {
    bench_jvp(b);
    for (size_t i = 0; i < b->n_out; i++)
      ck_assert_msg(fabs((double)b->t_out[i] - slope[i]) <= DIFFERENCE_TOLERANCE * (1 + fabs(slope[i])),
                    "%s: tangent %zu is %.12g, differences say %.12g", NAME(b), i, (double)b->t_out[i], slope[i]);
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

/* Every single parameter, since each has its own place. */
static void check_parameter_gradient(bench *b) {
  if (b->node.op->grad == NULL) {
    ck_assert_uint_eq(b->node.n_params, 0);
    return;
  }
  real *w = weights_of(b);
  bench_forward(b);
  bench_vjp(b, w);
  all_parts(b);
  for (size_t p = 0; p < b->node.n_params; p++) {
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
                  "%s: gradient of parameter %zu is %.12g, differences say %.12g", NAME(b), p, (double)b->d_params[p], slope);
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
    for (size_t other = 0; other < b->node.n_inputs; other++) c.d_in[other] = NULL; /* not wanted: fewer must do */
    c.d_in[j] = b->d_in[j];
    for (int add = 0; add < 2; add++) {
      if (add) memcpy(b->d_in[j], sum, b->n_in[j] * sizeof *sum);
      else poison(b->d_in[j], b->n_in[j]);
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

/* The same rows in one call, one at a time and in tiles of 4: the same bits. The BLAS doesn't promise that. */
static void check_tiles(bench *b) {
  if (b->blas) return;
  const size_t tiles[] = {1, 4}, n = b->n_out, dx = b->rows * OUTSIDE_DIM;
  real *w = weights_of(b), *out = new_reals(n), *t_out = new_reals(n), *d_x = new_reals(dx), *d_in[FMI_MAX_INPUTS];
  bench_forward(b);
  if (b->node.op->jvp) bench_jvp(b);
  bench_vjp(b, w);
  memcpy(out, b->out, n * sizeof *out), memcpy(t_out, b->t_out, n * sizeof *out), memcpy(d_x, b->d_x, dx * sizeof *d_x);
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
    for (size_t i = 0; i < 40000; i++) mean += (double)b.params[i] / n, square += (double)(b.params[i] * b.params[i]) / n;
    double variance = with_gain * 1.4 * 1.4 / 100;
    CLOSE(mean, 0, 5 * sqrt(variance / n));
    CLOSE(square, variance, 5 * variance * sqrt(2 / n));
    for (size_t i = 40000; i < b.node.n_params; i++) CLOSE((double)b.params[i], 0, 0);
  }
  bench_close(&b);
  example table = {.op = &fmi_op_embed, .attribute = {50, 0}, .table_rows = 401};
  b = bench_open(&table, fmi_kernels_get(FM_ISA_PLAIN), 1, true);
  RAN(&b, b.node.op->init(&b.node, 42, 3, b.params, &b.err));
  CLOSE(dot(b.params, b.params, b.node.n_params) / (double)b.node.n_params, 0.25, 5 * 0.25 * sqrt(2 / 20050.0));
  bench_close(&b);
}
END_TEST

/* ---- numbers from PyTorch, in double --------------------------------------------------------------- */

/* Inputs are sin(1 + .7 i), weights cos(2 + .3 i), biases .1 i - .15, gradients cos(.5 i). */
#define PARITY_TOLERANCE (IS_DOUBLE ? 1e-13 : 2e-6)
static void waves(real *x, size_t n, double (*wave)(double), double start, double step) {
  for (size_t i = 0; i < n; i++) x[i] = (real)wave(start + step * (double)i);
}
static void expect(const real *got, const double *want, size_t n, const char *what) {
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(fabs((double)got[i] - want[i]) <= PARITY_TOLERANCE * (1 + fabs(want[i])), "%s [%zu] = %.17g, expected %.17g",
                  what, i, (double)got[i], want[i]);
}
static bench set_up(const example *e, size_t rows, bool blas) {
  bench b = bench_open(e, fmi_kernels_get(FM_ISA_AUTO), rows, blas);
  size_t weights = b.node.weight_out * b.node.weight_in;
  waves(b.in[0], b.n_in[0], sin, 1, 0.7);
  waves(b.params, weights, cos, 2, 0.3);
  for (size_t i = weights; i < b.node.n_params; i++) b.params[i] = (real)(0.1 * (double)(i - weights) - 0.15);
  bench_pack(&b);
  return b;
}
static void all_of(bench *b) {
  real *w = new_reals(b->n_out);
  waves(w, b->n_out, cos, 0, 0.5);
  bench_forward(b);
  bench_vjp(b, w);
  if (b->node.op->grad) all_parts(b);
  free(w);
}

START_TEST(linear_with_gelu_agrees_with_pytorch) {
  static const double y[] = {-0.071251484811540811, -0.015921326315063999, -0.11393528081404342, 0.62575967261699272,
                             0.9265196637148625, 1.3274178474905347, 0.50081997645007337, -0.16170385062646517};
  static const double dx[] = {0.13342454278034427, 0.16860276126130802, 0.1887201972201771,
                              1.8227594038918935, 1.7303142331951351, 1.4833052453575171};
  static const double dp[] = {-0.11316402439100828, 0.16915971059637444, 0.37192499049689237, -0.065956157450284186,
                              0.51991218021437224, 0.86125769567229926, -0.098153959030293919, 0.5135505473311478,
                              0.88372420683409636, 0.056964005027581026, 0.12488387381434982, 0.13406890538187369,
                              -0.5696336860108886, -0.93803245744171659, -1.0217255652769499, -0.015375665724147961};
  const example e = {.op = &fmi_op_linear, .n_inputs = 1, .in = {VECTOR(3)}, .attribute = {4}, .activation = FM_ACT_GELU};
  for (int blas = 0; blas < 2; blas++) {
    bench b = set_up(&e, 2, blas);
    all_of(&b);
    expect(b.out, y, 8, "y");
    expect(b.d_in[0], dx, 6, "dx");
    expect(b.d_params, dp, 16, "dW, db");
    bench_close(&b);
  }
}
END_TEST

/* conv1d(x [N][C][L], W [out][C][taps], padding = 1), with tokens in rows here. */
START_TEST(conv1d_agrees_with_pytorch) {
  static const double y[] = {
      -2.3183610315211505, -0.4369406507097795, 2.3941884842474868, -0.51488645058973714, -1.4582128991374079,
      1.0547842915054244, 2.0192061629210007, -0.44611543022008837, -1.939209651948486, 0.95227399833629123,
      1.2235596832709916, -1.6309848538479585, -0.47589351497722299, 0.7155712141146624, 0.028014748010061305,
      -0.90690258933030066, -0.7847849398138893, 1.1407919442796, 1.0624400663667999, -1.2161684167904634,
      -0.63252825224737208, 1.9744378709877926, 0.54531924448350311, -2.3449534297033083, -0.64027079596506886,
      1.3185378389872453, -0.081598531404236119, -1.8764162104713267, 0.015333931905912937, 1.7467281981042093};
  static const double dx[] = {-0.99123076172108959, -1.1255346214166329, -0.49338192568041772, -0.63075677053509704,
                              0.27354845250399851, 0.20226505977525822, 0.53208202978174457, 0.65937209918240192,
                              0.29779278749173743, 0.81370243046401547, -0.18853124418297296, -0.83310859667795401,
                              0.11902805239491954, 0.013515259997467166, 0.5769719311320527, 0.67670215412549273,
                              -0.037401292696735644, 0.082220773493220878, -0.92960205892951187, -0.47957853372950382};
  static const double dp[] = {-3.2825708057564604, 2.976031562400852, 3.2388310077204152, -0.97468259676419544,
                              4.9367600010414101, 1.4212441886667564, -4.0332599373891416, 0.67103205750324002,
                              3.5933291946582058, -2.5866358772687321, 3.4774983074676178, 2.9846155478557685,
                              -3.796466371491074, -1.7982594981323299, 3.0680550730068212, -3.565290482937896,
                              1.1668237462323239, 3.8172489288234512, 1.2288619422835843, 0.7815178546131567,
                              0.14283093974537997};
  const example e = {.op = &fmi_op_conv1d, .n_inputs = 1, .in = {{5, 2}}, .attribute = {3, 3}};
  for (int blas = 0; blas < 2; blas++) {
    bench b = set_up(&e, 2, blas);
    all_of(&b);
    expect(b.out, y, 30, "y");
    expect(b.d_in[0], dx, 20, "dx");
    expect(b.d_params, dp, 21, "dW, db");
    bench_close(&b);
  }
}
END_TEST

/* layer_norm(x, eps = 1e-6) * (1 + scale) + shift; the modulation is the weights' wave. */
START_TEST(adaln_agrees_with_pytorch) {
  static const double y[] = {-0.36771357169735192, -0.45421849244128076, -0.65136554366209443, -1.3735906020138609,
                             -2.6562835287332591, -0.48518074275148032, -0.86536848980348924, -0.95333360944373213,
                             -0.45203584368068117, 0.49944260925107509};
  static const double dx[] = {-0.18965602596002301, -0.073612008341769619, 0.18378223868780902, 0.24040087190894177,
                              -0.16091507629495799, 0.20597497932555417, -0.0042983701277666819, -0.21207184871396795,
                              -0.20304407650385964, 0.21343931602004015};
  static const double dm[] = {0.1988563844530663, -0.11240993471007266, -0.39615438142265658, -0.58290641919590902,
                              -0.6269426359779221, 1.6325767990159568, 1.8332002338197064, 0.47359462720969203,
                              -0.53080526143179418, 0.37894464279869894};
  const example e = {.op = &fmi_op_adaln, .n_inputs = 2, .in = {{2, 5}, VECTOR(10)}};
  bench b = set_up(&e, 1, false);
  waves(b.in[1], 10, cos, 2, 0.3);
  all_of(&b);
  expect(b.out, y, 10, "y");
  expect(b.d_in[0], dx, 10, "dx");
  expect(b.d_in[1], dm, 10, "dm");
  bench_close(&b);
}
END_TEST

START_TEST(activations_agree_with_pytorch) {
  static const double x[] = {-3, -1.5, -0.25, 0.4, 2};
  static const double y[FMI_N_ACT][5] = {
      [FM_ACT_SILU] = {-0.14227761953270035, -0.27363828570953452, -0.10945587477855048, 0.23947506404498081, 1.7615941559557646},
      [FM_ACT_GELU] = {-0.0040496940948903104, -0.10021080190328704, -0.10032341857926907, 0.26216869664412967, 1.9544997361036416},
      [FM_ACT_GELU_TANH] = {-0.0036373920817729943, -0.10042842301976707, -0.100324649298315, 0.26216116942735618, 1.954597694087775},
      [FM_ACT_SELU] = {-1.6705687287671118, -1.3658143533672527, -0.38889019747811898, 0.42028039494219221, 2.1014019747109609},
      [FM_ACT_ELU] = {-0.95021293163213605, -0.77686983985157021, -0.22119921692859512, 0.4, 2},
      [FM_ACT_TANH] = {-0.99505475368673046, -0.9051482536448664, -0.24491866240370913, 0.3799489622552249, 0.9640275800758169},
      [FM_ACT_RELU] = {0, 0, 0, 0.4, 2},
      [FM_ACT_MISH] = {-0.14564746127562461, -0.29809974216680674, -0.129926963679141, 0.28903053407236312, 1.9439589595339946}};
  for (uint32_t act = 1; act < FMI_N_ACT; act++) {
    example e = {.op = &fmi_op_activation, .n_inputs = 1, .in = {VECTOR(5)}, .activation = act};
    bench b = bench_open(&e, fmi_kernels_get(FM_ISA_AUTO), 1, false);
    for (size_t i = 0; i < 5; i++) b.in[0][i] = (real)x[i];
    bench_forward(&b);
    expect(b.out, y[act], 5, "activation");
    bench_close(&b);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_operator_has_an_example, jvp_and_vjp_agree, jvp_is_the_derivative,
                                grad_is_the_derivative, vjp_adds_where_it_is_asked_to, rows_keep_their_bits_in_every_tile,
                                gradient_parts_are_disjoint_and_cover, initial_weights_have_the_moments_asked_for,
                                linear_with_gelu_agrees_with_pytorch, conv1d_agrees_with_pytorch,
                                adaln_agrees_with_pytorch, activations_agree_with_pytorch};
  return run_tests("op", tests, FMI_COUNT(tests));
}
