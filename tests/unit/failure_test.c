/* failure_test.c - what isn't finite is an error of the call where it came up: inputs, parameters and results
   of nets, and steps of training that fail. Outputs are untouched. */
#include "train_fixture.h"

static problem p;

/* ---- nets and samplers ------------------------------------------------------------------------------ */

/* v = W [x, t, cond, whether there is cond] + b: two tiles of rows, of which row LATE of the second goes
   wrong. */
enum { N = FMI_TILE + 7, LATE = FMI_TILE + 5, PARAMS = DIM * (DIM + 1 + COND + 1) + DIM };

static fm_net *linear_net(fm_ctx *ctx) {
  fm_net_options o = {.struct_size = sizeof o, .kind = FM_NET_MLP, .depth = 1, .time_features = -1};
  fm_net *net;
  OK(fm_net_create(ctx, DIM, NULL, 0, COND, &o, &net));
  return net;
}

/* Everything such calls take, at first small and finite, and what they write, at first UNTOUCHED. */
#define UNTOUCHED (-7.25f)
typedef struct rows {
  float params[PARAMS], x[N * DIM], cond[N * COND], d_out[N * DIM], dx[N * DIM];
  double t[N], dt[N];
  float out[2][N * DIM], d_params[PARAMS];
} rows;

static void fill_floats(float *x, size_t n, float value) {
  for (size_t i = 0; i < n; i++) x[i] = value;
}
#define FILL(array, value) fill_floats(array, sizeof(array) / sizeof(float), value)

static void fill_rows(rows *r) {
  memset(r, 0, sizeof *r);
  FILL(r->params, 0.5f);
  FILL(r->x, 0.25f);
  FILL(r->d_out, 0.25f);
  FILL(r->out[0], UNTOUCHED);
  FILL(r->out[1], UNTOUCHED);
  FILL(r->d_params, UNTOUCHED);
}
static bool untouched(const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (x[i] != UNTOUCHED) return false;
  return true;
}
static void check_untouched(const rows *r) {
  ck_assert(untouched(r->out[0], FMI_COUNT(r->out[0])) && untouched(r->out[1], FMI_COUNT(r->out[1])));
  ck_assert(untouched(r->d_params, FMI_COUNT(r->d_params)));
}

static fm_status velocity(fm_ctx *ctx, const fm_net *net, rows *r) {
  return fm_net_velocity(ctx, net, r->params, r->x, r->t, NULL, r->cond, N, r->out[0]);
}
static fm_status vjp(fm_ctx *ctx, const fm_net *net, rows *r) {
  return fm_net_vjp(ctx, net, r->params, r->x, r->t, NULL, r->cond, r->d_out, N, r->out[0], r->d_params);
}
static fm_status jvp(fm_ctx *ctx, const fm_net *net, rows *r) {
  return fm_net_jvp(ctx, net, r->params, r->x, r->t, NULL, r->cond, r->dx, r->dt, N, r->out[0], r->out[1]);
}

START_TEST(inputs_of_nets_are_finite) {
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  static rows r;
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = linear_net(ctx);
  ck_assert_uint_eq(fm_net_n_params(net), FMI_COUNT(r.params));
  fill_rows(&r);
  OK(velocity(ctx, net, &r));
  OK(vjp(ctx, net, &r));
  OK(jvp(ctx, net, &r));
  const struct {
    const char *name;
    float *f32;
    double *f64;
    fm_status (*call[3])(fm_ctx *ctx, const fm_net *net, rows *r);
  } inputs[] = {{"params: ", r.params + 5, NULL, {velocity, vjp, jvp}},
                {"x: ", r.x + LATE * DIM + 1, NULL, {velocity, vjp, jvp}},
                {"t: ", NULL, r.t + LATE, {velocity, vjp, jvp}},
                {"cond: ", r.cond + LATE * COND + 1, NULL, {velocity, vjp, jvp}},
                {"d_out: ", r.d_out + LATE * DIM + 1, NULL, {vjp}},
                {"dx: ", r.dx + LATE * DIM + 1, NULL, {jvp}},
                {"dt: ", NULL, r.dt + LATE, {jvp}}};
  for (size_t i = 0; i < FMI_COUNT(inputs); i++)
    for (size_t k = 0; k < FMI_COUNT(bad); k++)
      for (size_t c = 0; c < 3 && inputs[i].call[c] != NULL; c++) {
        fill_rows(&r);
        if (inputs[i].f32)
          *inputs[i].f32 = bad[k];
        else
          *inputs[i].f64 = (double)bad[k];
        FAILS(FM_E_NONFINITE, inputs[i].name, inputs[i].call[c](ctx, net, &r));
        check_untouched(&r);
      }
  fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

#ifndef FMI_DOUBLE
/* Finite numbers whose result is too large for float. */
#define LARGE 3e38f
START_TEST(results_of_nets_are_finite) {
  static rows r;
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = linear_net(ctx);
  char late[64];
  snprintf(late, sizeof late, "row %d, column 0", (int)LATE);
  fill_rows(&r);
  FILL(r.x, 0);
  r.params[0] = LARGE; /* of column 0 in column 0 */
  r.x[LATE * DIM] = 2;
  FAILS(FM_E_NONFINITE, "out: ", velocity(ctx, net, &r));
  FAILS(FM_E_NONFINITE, late, velocity(ctx, net, &r));
  FAILS(FM_E_NONFINITE, "out: ", jvp(ctx, net, &r));
  FAILS(FM_E_NONFINITE, late, jvp(ctx, net, &r));
  r.x[LATE * DIM] = 0;
  r.dx[LATE * DIM] = 2;
  FAILS(FM_E_NONFINITE, "d_out: ", jvp(ctx, net, &r));
  FAILS(FM_E_NONFINITE, late, jvp(ctx, net, &r));
  r.d_out[LATE * DIM] = 2;
  FAILS(FM_E_NONFINITE, "d_x: ", vjp(ctx, net, &r));
  FAILS(FM_E_NONFINITE, late, vjp(ctx, net, &r));
  r.params[0] = 0.5f;
  r.x[LATE * DIM] = LARGE; /* times d_out: the gradient of that weight */
  FAILS(FM_E_NONFINITE, "d_params: ", vjp(ctx, net, &r));
  FAILS(FM_E_NONFINITE, "column 0", vjp(ctx, net, &r));
  check_untouched(&r);
  OK(velocity(ctx, net, &r)); /* nothing but the products was too large */
  fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(velocities_before_the_bad_row_are_written) {
  static rows r, good;
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = linear_net(ctx);
  fm_model *model;
  fm_sampler *sampler;
  fill_rows(&r);
  r.params[0] = LARGE;
  FILL(r.x, 0);
  for (size_t i = 0; i < N; i++) r.x[i * DIM + 1] = (float)i / N;
  good = r;
  OK(velocity(ctx, net, &good));
  OK(fm_model_create(ctx, net, r.params, NULL, NULL, NULL, NULL, NULL, &model));
  OK(fm_sampler_create(ctx, model, NULL, NULL, &sampler));
#define VELOCITY() fm_sampler_velocity(ctx, sampler, r.x, r.t, NULL, r.cond, N, r.out[0])
  r.x[LATE * DIM] = 2;
  char late[64];
  snprintf(late, sizeof late, "out: the net gave inf in row %d, column 0", (int)LATE);
  FAILS(FM_E_NONFINITE, late, VELOCITY());
  SAME(r.out[0], good.out[0], (size_t)LATE * DIM);
  ck_assert(untouched(r.out[0] + LATE * DIM, (size_t)(N - LATE) * DIM));
  FILL(r.out[0], UNTOUCHED);
  r.x[LATE * DIM] = NAN; /* an input is found before any row is begun */
  FAILS(FM_E_NONFINITE, "x: ", VELOCITY());
  r.x[LATE * DIM] = 0, r.t[LATE] = -INFINITY;
  FAILS(FM_E_NONFINITE, "t: ", VELOCITY());
  r.t[LATE] = 0, r.cond[LATE * COND] = INFINITY;
  FAILS(FM_E_NONFINITE, "cond: ", VELOCITY());
  check_untouched(&r);
  r.cond[LATE * COND] = 0;
  OK(VELOCITY());
  SAME(r.out[0], good.out[0], (size_t)N * DIM);
#undef VELOCITY
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

static int32_t no_velocity(void *user, const fm_net_call *call) { return (void)user, (void)call, 1; }
static int32_t bad_init(void *user, uint64_t seed, float *params, size_t n_params) {
  (void)seed;
  for (size_t i = 0; i < n_params; i++) params[i] = i == 2 ? *(float *)user : 1;
  return 0;
}
START_TEST(initial_parameters_are_finite) {
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  fm_ctx *ctx = new_ctx(1);
  fm_net *net;
  fm_trainer *trainer;
  float params[4], value;
  OK(fm_net_create_custom(ctx, DIM, NULL, 0, 0, 4, no_velocity, no_velocity, bad_init, &value, &net));
  for (size_t k = 0; k < FMI_COUNT(bad); k++) {
    value = bad[k];
    FILL(params, UNTOUCHED);
    FAILS(FM_E_NONFINITE, "params: ", fm_net_init(ctx, net, 1, params));
    FAILS(FM_E_NONFINITE, "index 2", fm_net_init(ctx, net, 1, params));
    ck_assert(untouched(params, 4));
    FAILS(FM_E_NONFINITE, "index 2",
          fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &trainer));
    ck_assert_ptr_null(trainer);
  }
  value = 3;
  OK(fm_net_init(ctx, net, 1, params));
  ck_assert(params[1] == 1 && params[2] == 3);
  fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- the gradient of a step that failed --------------------------------------------------------------- */

typedef struct gradients {
  kit k;
  float *grad;
  size_t n;
} gradients;

static void check_refused(fm_ctx *ctx, const gradients *g) {
  fill_floats(g->grad, g->n, UNTOUCHED);
  FAILS(FM_E_INVALID, "trainer: ", fm_trainer_get_gradient(ctx, g->k.trainer, g->grad));
  ck_assert(untouched(g->grad, g->n));
}

static int32_t no_rows(void *user, const fm_pull_request *request) { return (void)user, (void)request, 4; }

/* Every kind of failure in turn, each followed by a good step whose gradient is that of a trainer that never
   failed. */
START_TEST(a_failed_step_has_no_gradient) {
  fm_ctx *ctx = new_ctx(2);
  gradients a = {.k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0})};
  kit b = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  a.n = a.k.net->n_params;
  a.grad = new_block(a.n, sizeof *a.grad);
  float *want = new_block(a.n, sizeof *want);
  double *huge = new_block((size_t)BATCH * DIM, sizeof *huge);
  static problem bad;
  fm_data *broken;
  OK(fm_data_create_pull(ctx, no_rows, NULL, DIM, 1, COND, 0, &broken));
  check_refused(ctx, &a); /* no step at all */
  for (size_t i = 0; i < 6; i++) {
    OK(step_on(&a.k, &p, NULL, i, BATCH, NULL));
    OK(step_on(&b, &p, NULL, i, BATCH, NULL));
    OK(fm_trainer_get_gradient(ctx, a.k.trainer, a.grad));
    OK(fm_trainer_get_gradient(ctx, b.trainer, want));
    SAME(a.grad, want, a.n);
    bad = p;
    switch (i) {
    case 0: /* the rows aren't finite */
      bad.x1[77][1] = NAN;
      FAILS(FM_E_NONFINITE, "x1: ", step_on(&a.k, &bad, NULL, 0, BATCH, NULL));
      break;
    case 1: /* no such class */
      bad.labels[3] = 3;
      FAILS(FM_E_INVALID, "labels: ", step_on(&a.k, &bad, NULL, 0, BATCH, NULL));
      break;
    case 2: /* more rows than a step takes */
      FAILS(FM_E_INVALID, "n: ", step_on(&a.k, &p, NULL, 0, BATCH + 1, NULL));
      break;
    case 3: /* the loss isn't finite: it is found after the gradient was made */
      huge[5] = 1e300;
      FAILS(FM_E_NONFINITE, "",
            fm_trainer_step_f64(ctx, a.k.trainer, huge, NULL, p.labels, p.cond[0], NULL, BATCH, NULL));
      break;
    case 4: /* no row counts */
      memset(bad.weights, 0, sizeof bad.weights);
      FAILS(FM_E_INVALID, "weights: ", step_on(&a.k, &bad, bad.weights, 0, BATCH, NULL));
      break;
    default: /* no data */
      FAILS(FM_E_CALLBACK, "4", fm_trainer_run(ctx, a.k.trainer, broken, 100));
    }
    check_refused(ctx, &a);
  }
  OK(fm_trainer_run(ctx, a.k.trainer, a.k.data, 7));
  OK(fm_trainer_run(ctx, b.trainer, b.data, 7));
  OK(fm_trainer_get_gradient(ctx, a.k.trainer, a.grad));
  OK(fm_trainer_get_gradient(ctx, b.trainer, want));
  SAME(a.grad, want, a.n);
  same_training(a.k.trainer, b.trainer);
  fm_data_destroy(broken);
  free(a.grad), free(want), free(huge);
  free_kit(&a.k), free_kit(&b);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  fill_problem(&p);
  const TTest *const tests[] = {
      inputs_of_nets_are_finite,     a_failed_step_has_no_gradient,
#ifndef FMI_DOUBLE
      results_of_nets_are_finite,    velocities_before_the_bad_row_are_written,
      initial_parameters_are_finite,
#endif
  };
  return run_tests("failure", tests, FMI_COUNT(tests));
}
