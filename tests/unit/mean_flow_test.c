/* mean_flow_test.c - training of a mean velocity: its targets and gradient against differences of the network, a
   network that is exactly right, bits, checkpoints and files. What such models draw is in mean_sample_test.c. */
#include "train_fixture.h"

#include "core/os.h"
#include "io/files.h"
#include "net_fixture.h"

static const int stencil[] = {-2, -1, 1, 2};
static const double stencil_weight[] = {1, -8, 8, -1}; /* over 12 h, of fourth order */

/* ---- a network that is the mean velocity --------------------------------------------------------------- */

/* Data at one point m: the flow on the cosine path is x_t = alpha m + sigma x0, all of it known from one state,
   so that the conditional velocity is the velocity. */
#define AT_M 1.25
#define ALPHA(t) sin(1.57079632679489661923 * (t))
#define SIGMA(t) cos(1.57079632679489661923 * (t))

static double exact(double z, double t, double r) {
  const double x0 = (z - ALPHA(t) * AT_M) / SIGMA(t), pi_2 = 1.57079632679489661923;
  if (r - t < 1e-9) return pi_2 * (SIGMA(t) * AT_M - ALPHA(t) * x0);
  return (ALPHA(r) * AT_M + SIGMA(r) * x0 - z) / (r - t);
}

static void exact_setup(fmi_node *node, const fmi_rows *sizes) { node->shape = (fmi_shape){1, sizes->dim}; }
static fm_status exact_forward(const fmi_call *c) {
  const fmi_rows *o = c->outside;
  for (size_t i = 0; i < c->rows * o->dim; i++)
    c->out[i] = (real)exact(o->x[i], o->t[i / o->dim * 2], o->t[i / o->dim * 2 + 1]);
  return FM_OK;
}
static fm_status exact_vjp(const fmi_call *c) { return (void)c, FM_OK; }
/* By differences along whatever direction is asked for. */
static fm_status exact_jvp(const fmi_call *c) {
  const fmi_rows *o = c->outside;
  const double h = 1e-4;
  for (size_t i = 0; i < c->rows * o->dim; i++) {
    const double *t = o->t + i / o->dim * 2, *dt = o->dt + i / o->dim * 2;
    double slope = 0;
    for (size_t k = 0; k < 4; k++) {
      const double s = stencil[k] * h;
      slope +=
          stencil_weight[k] * exact(o->x[i] + s * o->dx[i], t[0] + s * dt[0], t[1] + s * dt[1]) / (12 * h);
    }
    c->t_out[i] = (real)slope;
  }
  return FM_OK;
}
static const fmi_op exact_op = {
    .name = "exact", .setup = exact_setup, .forward = exact_forward, .vjp = exact_vjp, .jvp = exact_jvp};

static fm_net *exact_net(fmi_memory *memory, size_t dim) {
  fmi_error err = {.status = FM_OK};
  fm_net *net = fmi_object_create(memory, sizeof *net, destroy_net, &err);
  net->dim = dim, net->n_times = 2;
  fmi_builder b = {.net = net, .err = &err, .sizes = {.dim = dim}};
  net->output = fmi_build_node(&b, &exact_op, NULL, 0, (fmi_build){0});
  ck_assert_int_eq(b.status, FM_OK);
  return net;
}

/* The target of the exact mean velocity is itself: any other sign, factor or direction has another. */
START_TEST(the_exact_mean_velocity_is_its_own_target) {
  enum { N = 200, DIM_ = 2 };
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = exact_net(ctx->memory, DIM_);
  fm_path *path;
  fm_trainer *trainer;
  const fm_trainer_options o = {
      .struct_size = sizeof o, .batch = N, .objective = FM_OBJECTIVE_MEAN_FLOW, .mean_share = .6};
  OK(fm_path_create_named(ctx, "cosine", &path));
  OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
  for (size_t i = 0; i < N * DIM_; i++) trainer->rows.x1[i] = AT_M;
  for (size_t i = 0; i < N; i++) trainer->rows.weights[i] = 1;
  fmi_step step = {.trainer = trainer,
                   .kernels = trainer->plan->kernels,
                   .weights = {trainer->params, trainer->packed},
                   .seed = 3,
                   .first_row = 17,
                   .n = N};
  OK(fmi_step_rows(&ctx->runtime, &step, &ctx->err));
  size_t apart = 0;
  for (size_t i = 0; i < N; i++) {
    const double t = trainer->times[2 * i], r = trainer->times[2 * i + 1];
    ck_assert(t == trainer->t[i] && 0 <= t && t <= r && r <= 1);
    apart += r > t;
    if (t > .97) continue; /* x0 is told from the state by sigma */
    for (size_t j = 0; j < DIM_; j++) {
      const double want = exact(trainer->xt[i * DIM_ + j], t, r), tolerance = IS_DOUBLE ? 1e-8 : 3e-5;
      CLOSE((double)trainer->ut[i * DIM_ + j], want, tolerance / (SIGMA(t) * SIGMA(t)));
    }
  }
  ck_assert(apart > 90 && apart < 150); /* 120 +- 7 */
  fm_trainer_destroy(trainer), fm_path_destroy(path);
  fmi_release(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- targets and gradient of a network ------------------------------------------------------------------ */

static const fm_trainer_options settings[] = {
    {.objective = FM_OBJECTIVE_MEAN_FLOW, .mean_share = .5},
    {.objective = FM_OBJECTIVE_MEAN_FLOW, .mean_share = 1, .mean_weight_power = 1},
    {.objective = FM_OBJECTIVE_MEAN_FLOW, .mean_weight_power = .5, .mean_weight_offset = .1},
    {.objective = FM_OBJECTIVE_MEAN_FLOW, .mean_share = -1},
};

/* Rows as the network saw them in the trainer's last step. */
static fmi_rows rows_seen(const fm_trainer *t) {
  return (fmi_rows){.x = t->xt,
                    .t = t->times,
                    .labels = t->rows.labels,
                    .cond = t->cond,
                    .dim = DIM,
                    .n_class_columns = 1,
                    .cond_dim = COND};
}

/* v + (r - t) d/dt u(z + t v, t, r), by differences. */
static void check_targets(const fm_trainer *t, const real *params, const real *v, size_t n) {
  const fm_net *net = t->parts.net;
  const double h = IS_DOUBLE ? 1e-3 : 0x1p-6;
  real *x = new_reals(n * DIM), *out = new_reals(n * DIM);
  double *times = new_block(2 * n, sizeof *times), *rate = new_block(n * DIM, sizeof *rate);
  for (size_t k = 0; k < 4; k++) {
    for (size_t i = 0; i < n * DIM; i++) x[i] = t->xt[i] + (real)(stencil[k] * h) * v[i];
    for (size_t i = 0; i < 2 * n; i++) times[i] = t->times[i] + (i % 2 ? 0 : stencil[k] * h);
    net_run run = {.net = net, .params = params, .n = n, .rows = rows_seen(t), .out = out};
    run.rows.x = x, run.rows.t = times;
    run_net(&run);
    for (size_t i = 0; i < n * DIM; i++) rate[i] += stencil_weight[k] * (double)out[i] / (12 * h);
  }
  for (size_t i = 0; i < n * DIM; i++) {
    const double span = t->times[i / DIM * 2 + 1] - t->times[i / DIM * 2];
    CLOSE((double)t->ut[i], (double)v[i] + span * rate[i], (IS_DOUBLE ? 1e-8 : 4e-3) * (1 + fabs(rate[i])));
  }
  free(x), free(out), free(times), free(rate);
}

/* sum_i w_i a_i ||u(params) - target||^2 / DIM with targets, and weights a, as they were. */
static double frozen_loss(const fm_trainer *t, const real *params, const double *adaptive, size_t n) {
  real *out = new_reals(n * DIM);
  double sum = 0;
  net_run run = {.net = t->parts.net, .params = params, .n = n, .rows = rows_seen(t), .out = out};
  run_net(&run);
  for (size_t i = 0; i < n * DIM; i++) {
    const double e = (double)out[i] - (double)t->ut[i];
    sum += t->rows.weights[i / DIM] * t->time_weight[i / DIM] * adaptive[i / DIM] * e * e / DIM;
  }
  free(out);
  return sum;
}

START_TEST(targets_and_gradient_agree_with_differences) {
  enum { N = 90 };
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  kit k = new_kit(ctx, &p,
                  (fm_net_options){.kind = _i % 2 ? FM_NET_MLP : FM_NET_RESMLP, .width = 12, .n_times = 2},
                  settings[_i]);
  fm_trainer *t = k.trainer;
  const size_t n_params = k.net->n_params;
  real *before = new_reals(n_params), *moved = new_reals(n_params), *direction = new_reals(n_params);
  real *v = new_reals(N * DIM);
  double adaptive[N], x0[N * DIM], slope = 0, along = 0, loss;
  float start[N * DIM];
  fill_normals(start, N * DIM, 4);
  memcpy(before, t->params, n_params * sizeof *before);
  OK(fm_trainer_step(ctx, t, p.x1[0], start, p.labels, p.cond[0], p.weights, N, &loss));
  for (size_t i = 0; i < N * DIM; i++) x0[i] = start[i];
  fmi_normalise(k.normaliser, x0, N, x0);
  for (size_t i = 0; i < N; i++) {
    double x1[DIM];
    for (size_t j = 0; j < DIM; j++) x1[j] = p.x1[i][j];
    fmi_normalise(k.normaliser, x1, 1, x1);
    for (size_t j = 0; j < DIM; j++) v[i * DIM + j] = (real)(x1[j] - x0[i * DIM + j]);
    adaptive[i] = pow(t->loss[i] + t->options.mean_weight_offset, -t->options.mean_weight_power);
  }
  check_targets(t, before, v, N);
  const double h = IS_DOUBLE ? 1e-3 : 0x1p-7;
  fill_reals(direction, n_params, 9);
  for (size_t i = 0; i < n_params; i++) along += (double)direction[i] * (double)t->grad[i];
  for (size_t s = 0; s < 4; s++) {
    for (size_t i = 0; i < n_params; i++) moved[i] = before[i] + (real)(stencil[s] * h) * direction[i];
    slope += stencil_weight[s] * frozen_loss(t, moved, adaptive, N) / (12 * h);
  }
  CLOSE(along, slope, (IS_DOUBLE ? 1e-7 : 1e-3) * (1 + fabs(slope)));
  /* What is told is the loss itself. */
  double sum = 0, weight = 0;
  for (size_t i = 0; i < N; i++) adaptive[i] = 1, weight += p.weights[i];
  sum = frozen_loss(t, before, adaptive, N);
  CLOSE(loss, sum / weight, 1e-5 * sum / weight);
  size_t apart = 0;
  for (size_t i = 0; i < N; i++) apart += t->times[2 * i] < t->times[2 * i + 1];
  const double share = settings[_i].mean_share < 0    ? 0
                       : settings[_i].mean_share == 0 ? .25
                                                      : settings[_i].mean_share;
  ck_assert(fabs((double)apart - N * share) <= 4 * sqrt(N * share * (1 - share)));
  free(before), free(moved), free(direction), free(v);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Times: of rows with r > t both ends come from two draws of the same distribution; weights are of t. */
static int32_t own_times(void *user, const fm_time_request *r) {
  ++*(int *)user;
  for (uint64_t i = 0; i < r->n; i++) r->t[i] = .25 + .5 * r->uniforms[2 * i];
  return 0;
}
static int32_t own_weights(void *user, const fm_time_weight_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n; i++) r->weight[i] = 2 - r->t[i];
  return 0;
}

START_TEST(both_times_come_from_the_distribution) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  int calls = 0;
  kit k = new_kit(ctx, &p, (fm_net_options){.width = 4, .n_times = 2},
                  (fm_trainer_options){.objective = FM_OBJECTIVE_MEAN_FLOW,
                                       .batch = ROWS,
                                       .mean_share = 1,
                                       .time = own_times,
                                       .time_user = &calls,
                                       .weight = own_weights});
  OK(step_on(&k, &p, NULL, 0, ROWS, NULL));
  ck_assert_int_eq(calls, 2);
  double mean[2] = {0};
  for (size_t i = 0; i < ROWS; i++) {
    const double t = k.trainer->times[2 * i], r = k.trainer->times[2 * i + 1];
    ck_assert(.25 <= t && t < r && r <= .75);
    CLOSE(k.trainer->time_weight[i], 2 - t, 0);
    mean[0] += t / ROWS, mean[1] += r / ROWS;
  }
  /* The lesser and the greater of two uniforms on an interval of 1/2: thirds of it, known to 0.0068. */
  CLOSE(mean[0], .25 + .5 / 3, .03);
  CLOSE(mean[1], .25 + 1. / 3, .03);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- bits ------------------------------------------------------------------------------------------- */

static kit everything(fm_ctx *ctx, const problem *p, double share) {
  return new_kit(ctx, p, (fm_net_options){.n_times = 2, .dropout = .2},
                 (fm_trainer_options){.objective = FM_OBJECTIVE_MEAN_FLOW,
                                      .mean_share = share,
                                      .mean_weight_power = .5,
                                      .accumulate = 2,
                                      .coupling = FM_COUPLING_OT});
}

START_TEST(bits_do_not_depend_on_threads) {
  problem p;
  fill_problem(&p);
  const uint32_t threads[] = {1, 3, 0};
  fm_ctx *contexts[3];
  kit kits[3];
  double loss[3];
  for (size_t i = 0; i < 3; i++) {
    fm_ctx *ctx = contexts[i] = new_ctx(threads[i]);
    kits[i] = everything(ctx, &p, .5);
    OK(fm_trainer_run(ctx, kits[i].trainer, kits[i].data, 5));
    OK(fm_trainer_evaluate(ctx, kits[i].trainer, kits[i].data, 4, 200, &loss[i]));
    same_training(kits[0].trainer, kits[i].trainer);
    SAME(&loss[0], &loss[i], 1);
  }
  for (size_t i = 0; i < 3; i++) free_kit(&kits[i]), fm_ctx_destroy(contexts[i]);
}
END_TEST

/* Targets of rows that stand among others are those they have alone. */
START_TEST(bits_of_a_row_do_not_depend_on_its_neighbours) {
  enum { N = 100 };
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  const fm_trainer_options o = {.objective = FM_OBJECTIVE_MEAN_FLOW, .mean_share = .5, .label_dropout = -1};
  kit whole = new_kit(ctx, &p, (fm_net_options){.n_times = 2}, o),
      part = new_kit(ctx, &p, (fm_net_options){.n_times = 2}, o);
  OK(step_on(&whole, &p, NULL, 0, N, NULL));
  part.trainer->n_rows = 37; /* the running number of the first row */
  OK(step_on(&part, &p, NULL, 37, N - 37, NULL));
  SAME(whole.trainer->times + 2 * 37, part.trainer->times, (size_t)(2 * (N - 37)));
  SAME(whole.trainer->ut + 37 * DIM, part.trainer->ut, (size_t)((N - 37) * DIM));
  free_kit(&whole), free_kit(&part);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(a_resumed_run_is_the_same_run) {
  fm_ctx *ctx = new_ctx(2);
  problem p;
  fill_problem(&p);
  kit whole = everything(ctx, &p, .5), first = everything(ctx, &p, .5), second = everything(ctx, &p, .5),
      other = everything(ctx, &p, .75);
  kit plain = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  const uint64_t steps = quick() ? 6 : 12;
  char file[512];
  temporary_name(file, sizeof file, "mean_flow");
  OK(fm_trainer_run(ctx, whole.trainer, whole.data, steps));
  OK(fm_trainer_run(ctx, first.trainer, first.data, 4));
  OK(fm_trainer_save(ctx, first.trainer, file));
  OK(fm_trainer_load(ctx, second.trainer, file));
  OK(fm_trainer_run(ctx, second.trainer, second.data, steps));
  same_training(whole.trainer, second.trainer);
  FAILS(FM_E_MISMATCH, "trainer.mean_share", fm_trainer_load(ctx, other.trainer, file));
  FAILS(FM_E_MISMATCH, "", fm_trainer_load(ctx, plain.trainer, file));
  unlink(file);
  free_kit(&whole), free_kit(&first), free_kit(&second), free_kit(&other), free_kit(&plain);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- what can't be, and files -------------------------------------------------------------------------- */

START_TEST(net_path_and_objective_have_to_fit) {
  fm_ctx *ctx = new_ctx(1);
  fm_net *one, *two;
  fm_path *bridge;
  fm_trainer *trainer;
  const fm_net_options no = {.struct_size = sizeof no, .width = 4, .n_times = 2};
  fm_trainer_options o = {.struct_size = sizeof o};
  OK(fm_net_create(ctx, 2, NULL, 0, 0, NULL, &one));
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &no, &two));
  ck_assert(fm_net_n_times(one) == 1 && fm_net_n_times(two) == 2);
  OK(fm_path_create_named(ctx, "bridge:0.2", &bridge));
  FAILS(FM_E_MISMATCH, "n_times = 1",
        fm_trainer_create(ctx, two, NULL, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
  o.objective = FM_OBJECTIVE_MEAN_FLOW;
  FAILS(FM_E_MISMATCH, "n_times = 2",
        fm_trainer_create(ctx, one, NULL, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
  FAILS(FM_E_UNSUPPORTED, "gamma = 0",
        fm_trainer_create(ctx, two, bridge, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
  fm_path_destroy(bridge), fm_net_destroy(one), fm_net_destroy(two);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The file with net.times saying `text`, or NULL: absent, as older ones have it. */
static void rewrite(const char *file, const char *text) {
  fmi_error err = {.status = FM_OK};
  fmi_memory *memory = fmi_memory_create(NULL);
  void *bytes;
  size_t n_bytes, n = 0;
  fmi_safetensors st;
  ck_assert_int_eq(fmi_os_read_file(memory, file, &bytes, &n_bytes, &err), FM_OK);
  ck_assert_int_eq(fmi_safetensors_parse(memory, bytes, n_bytes, &st, &err), FM_OK);
  fmi_pair *pairs = new_block(st.n_pairs + 1, sizeof *pairs);
  for (size_t i = 0; i < st.n_pairs; i++)
    if (strcmp(st.pairs[i].key, FMI_CHECKSUM_KEY) != 0 && strcmp(st.pairs[i].key, "net.times") != 0)
      pairs[n++] = st.pairs[i];
  if (text != NULL) pairs[n++] = (fmi_pair){"net.times", text};
  ck_assert_msg(fmi_safetensors_write(memory, file, pairs, n, st.tensors, st.n_tensors, &err) == FM_OK, "%s",
                err.text);
  free(pairs);
  fmi_safetensors_free(&st);
  fmi_free(memory, bytes);
  fmi_memory_release(memory);
}

START_TEST(model_files_carry_the_times) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  kit k = everything(ctx, &p, .5);
  fm_model *model, *loaded;
  char file[512];
  temporary_name(file, sizeof file, "mean_model");
  OK(fm_trainer_model(ctx, k.trainer, &model));
  OK(fm_model_save(ctx, model, file));
  OK(fm_model_load(ctx, file, &loaded));
  ck_assert_uint_eq(fm_net_n_times(fm_model_net(loaded)), 2);
  SAME(loaded->params, model->params, k.net->n_params);
  fm_model_destroy(loaded);
  static const char *const hostile[] = {"1", "3", "0", "18446744073709551615", "-1", "two", "", "2.0", NULL};
  for (size_t i = 0; i < FMI_COUNT(hostile); i++) {
    rewrite(file, hostile[i]); /* one time is another shape of the first layer */
    fm_status status = fm_model_load(ctx, file, &loaded);
    ck_assert_msg(status == FM_E_FORMAT, "'%s': %s", hostile[i], fm_status_name(status));
    ck_assert_ptr_null(loaded);
  }
  rewrite(file, "2");
  OK(fm_model_load(ctx, file, &loaded));
  fm_model_destroy(loaded);
  /* A file of a net of one time doesn't know of others, which is how all were before. */
  kit plain = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  fm_model *before;
  OK(fm_trainer_model(ctx, plain.trainer, &before));
  OK(fm_model_save(ctx, before, file));
  rewrite(file, NULL);
  OK(fm_model_load(ctx, file, &loaded));
  ck_assert_uint_eq(fm_net_n_times(fm_model_net(loaded)), 1);
  unlink(file);
  fm_model_destroy(loaded), fm_model_destroy(before), fm_model_destroy(model);
  free_kit(&k), free_kit(&plain);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "mean_flow");
  tcase_add_test(tcase, the_exact_mean_velocity_is_its_own_target);
  tcase_add_loop_test(tcase, targets_and_gradient_agree_with_differences, 0, FMI_COUNT(settings));
  tcase_add_test(tcase, both_times_come_from_the_distribution);
  tcase_add_test(tcase, bits_do_not_depend_on_threads);
  tcase_add_test(tcase, bits_of_a_row_do_not_depend_on_its_neighbours);
  tcase_add_test(tcase, a_resumed_run_is_the_same_run);
  tcase_add_test(tcase, net_path_and_objective_have_to_fit);
  tcase_add_test(tcase, model_files_carry_the_times);
  return run_suite(suite);
}
