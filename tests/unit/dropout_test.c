/* dropout_test.c - dropout of hidden units: the mask's statistics and what it depends on, that it is there in
   training steps only, that training with it keeps its bits, and that it regularises. Its derivatives are
   covered by op_test.c and net_test.c, with the masks of a training step. */
#include "net_fixture.h"
#include "op_fixture.h"
#include "train_fixture.h"

#include "core/os.h"
#include "io/files.h"

#define VECTOR(n)                                                                                            \
  { 1, n }

static problem p;

/* ---- the mask ---------------------------------------------------------------------------------------- */

enum { UNITS = 300, MASK_ROWS = 400 };

static bench dropout_bench(double share, size_t first_column, size_t units, size_t rows) {
  const example e = {.op = &fmi_op_dropout,
                     .n_inputs = 1,
                     .in = {VECTOR(units)},
                     .attribute = {first_column},
                     .dropout = share};
  return bench_open(&e, fmi_kernels_get(FM_ISA_AUTO), rows, false);
}

/* Within five deviations of a sum of n independent events of probability q. */
#define EXPECT_SHARE(count, n, q)                                                                            \
  CLOSE((double)(count) / (double)(n), q, 5 * sqrt((q) * (1 - (q)) / (double)(n)) + 1e-9)

START_TEST(units_fall_at_the_rate_asked_for_and_keep_their_mean) {
  static const double shares[] = {.001, .1, .5, .9};
  const double q = shares[_i], kept = 1 / (1 - q), n = UNITS * MASK_ROWS;
  bench b = dropout_bench(q, 0, UNITS, MASK_ROWS);
  for (size_t i = 0; i < b.n_in[0]; i++) b.in[0][i] = 1;
  bench_forward(&b);
  size_t fallen = 0, columns[UNITS] = {0}, neighbours = 0, below = 0;
  double sum = 0;
  for (size_t r = 0; r < MASK_ROWS; r++) {
    size_t in_row = 0;
    for (size_t j = 0; j < UNITS; j++) {
      const real *y = b.out + r * UNITS + j;
      HOLDS(*y == 0 || *y == (real)kept, "%g is neither 0 nor %g", (double)*y, kept);
      sum += (double)*y;
      if (*y != 0) continue;
      in_row++, columns[j]++;
      neighbours += j > 0 && y[-1] == 0;
      below += r > 0 && *(y - UNITS) == 0;
    }
    EXPECT_SHARE(in_row, UNITS, q);
    fallen += in_row;
  }
  EXPECT_SHARE(fallen, n, q);
  for (size_t j = 0; j < UNITS; j++) EXPECT_SHARE(columns[j], MASK_ROWS, q);
  EXPECT_SHARE(neighbours, (UNITS - 1) * MASK_ROWS, q * q); /* units are independent, and so are rows */
  EXPECT_SHARE(below, UNITS * (MASK_ROWS - 1), q * q);
  CLOSE(sum / n, 1, 5 * sqrt(q * kept / n));
  bench_close(&b);
}
END_TEST

/* All units of b that fall with its rows numbered from first_row. */
static void mask_of(bench *b, uint64_t first_row, real *mask) {
  b->first_row = first_row;
  for (size_t i = 0; i < b->n_in[0]; i++) b->in[0][i] = 1;
  bench_forward(b);
  memcpy(mask, b->out, b->n_out * sizeof *mask);
}

/* Noise at (row, column): of another row, in other columns, a mask is another one, but shifted it is the
   same. */
START_TEST(masks_belong_to_rows_and_columns) {
  enum { N = 20, M = 12, ROW = 7 };
  bench b = dropout_bench(.5, 0, UNITS, N), later = dropout_bench(.5, M, UNITS, N);
  real *whole = new_reals(b.n_out), *shifted = new_reals(b.n_out), *moved = new_reals(b.n_out);
  const uint64_t far = UINT64_C(1) << 40;
  mask_of(&b, far, whole), mask_of(&b, far + ROW, shifted), mask_of(&later, far, moved);
  SAME(whole + (size_t)ROW * UNITS, shifted, (size_t)(N - ROW) * UNITS);
  for (size_t r = 0; r < N; r++) SAME(whole + r * UNITS + M, moved + r * UNITS, UNITS - M);
  size_t same[2] = {0};
  for (size_t i = 0; i < b.n_out; i++) same[0] += whole[i] == shifted[i], same[1] += whole[i] == moved[i];
  mask_of(&b, 0, shifted);
  EXPECT_SHARE(same[0], b.n_out, .5);
  EXPECT_SHARE(same[1], b.n_out, .5);
  ck_assert_int_ne(memcmp(whole, shifted, b.n_out * sizeof *whole),
                   0); /* all 64 bits of a row's number count */
  free(whole), free(shifted), free(moved);
  bench_close(&b), bench_close(&later);
}
END_TEST

START_TEST(at_rest_it_is_the_identity) {
  bench b = dropout_bench(.5, 0, 9, 6);
  real *w = new_reals(b.n_out), *sum = new_reals(b.n_out);
  fill_reals(w, b.n_out, 3), fill_reals(sum, b.n_out, 4);
  b.at_rest = true;
  bench_forward(&b), bench_jvp(&b), bench_vjp(&b, w);
  SAME(b.out, b.in[0], b.n_out);
  SAME(b.t_out, b.t_in[0], b.n_out);
  SAME(b.d_in[0], w, b.n_out);
  fmi_rows outside = bench_outside(&b, 0);
  fmi_call c = bench_call(&b, 0, b.rows, &outside);
  memcpy(b.d_in[0], sum, b.n_out * sizeof *sum);
  c.add_in[0] = true;
  RAN(&b, b.node.op->vjp(&c));
  for (size_t i = 0; i < b.n_out; i++) CLOSE((double)b.d_in[0][i], (double)(sum[i] + w[i]), 0);
  free(w), free(sum);
  bench_close(&b);
}
END_TEST

/* ---- nets ---------------------------------------------------------------------------------------------- */

static size_t dropouts_in(const fm_net *net, size_t *columns) {
  size_t n = 0;
  *columns = 0;
  for (size_t i = 0; i < net->n_nodes; i++) {
    const fmi_node *node = &net->nodes[i];
    if (node->op != &fmi_op_dropout) continue;
    ck_assert_uint_ge(node->attribute[0], *columns); /* no column is another node's too */
    ck_assert_uint_eq(node->attribute[0] % 4, 0);
    *columns = node->attribute[0] + fmi_shape_size(node->shape);
    n++;
  }
  return n;
}

static fm_net *net_with(fm_ctx *ctx, uint32_t kind, uint32_t depth, double dropout) {
  fm_net_options o = {.struct_size = sizeof o, .kind = kind, .width = 21, .depth = depth, .dropout = dropout};
  const uint32_t classes[] = {3};
  fm_net *net;
  OK(fm_net_create(ctx, DIM, classes, 1, COND, &o, &net));
  return net;
}

START_TEST(hidden_layers_have_it) {
  static const struct {
    uint32_t kind, depth;
    size_t n;
  } nets[] = {{FM_NET_MLP, 1, 0}, {FM_NET_MLP, 4, 3}, {FM_NET_RESMLP, 1, 1}, {FM_NET_RESMLP, 3, 3}};
  fm_ctx *ctx = new_ctx(1);
  for (size_t i = 0; i < FMI_COUNT(nets); i++) {
    fm_net *with = net_with(ctx, nets[i].kind, nets[i].depth, .25),
           *without = net_with(ctx, nets[i].kind, nets[i].depth, 0);
    size_t columns;
    ck_assert_uint_eq(dropouts_in(with, &columns), nets[i].n);
    ck_assert_uint_eq(columns, nets[i].n ? 21 + 24 * (nets[i].n - 1) : 0);
    ck_assert_uint_eq(dropouts_in(without, &columns), 0);
    ck_assert_uint_eq(with->n_nodes, without->n_nodes + nets[i].n);
    fm_net_destroy(with), fm_net_destroy(without);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* The weights are those of the net without it, in number, place and start; and so is all that isn't
   training. */
START_TEST(at_rest_nets_are_as_without_it) {
  enum { N = 60 };
  const uint32_t kind = _i ? FM_NET_MLP : FM_NET_RESMLP;
  fm_ctx *ctx = new_ctx(1);
  fm_net *nets[2] = {net_with(ctx, kind, 3, .5), net_with(ctx, kind, 3, 0)};
  size_t n = fm_net_n_params(nets[1]), cells = (size_t)N * DIM;
  ck_assert_uint_eq(fm_net_n_params(nets[0]), n);
  float *params = new_block(n, sizeof *params), *start = new_block(n, sizeof *start);
  OK(fm_net_init(ctx, nets[0], 5, params));
  OK(fm_net_init(ctx, nets[1], 5, start));
  SAME(params, start, n);
  for (size_t i = 0; i < nets[1]->n_tensors; i++) {
    ck_assert_str_eq(nets[0]->tensors[i].name, nets[1]->tensors[i].name);
    ck_assert_uint_eq(nets[0]->tensors[i].offset, nets[1]->tensors[i].offset);
  }
  fill_normals(params, n, 1);
  float x[N * DIM], w[N * DIM], out[2][3][N * DIM], *grad[2];
  double t[N];
  fill_normals(x, cells, 2), fill_normals(w, cells, 3);
  for (size_t i = 0; i < N; i++) t[i] = (double)i / N;
  for (size_t k = 0; k < 2; k++) {
    grad[k] = new_block(n, sizeof *grad[k]);
    OK(fm_net_velocity(ctx, nets[k], params, x, t, p.labels, p.cond[0], N, out[k][0]));
    OK(fm_net_vjp(ctx, nets[k], params, x, t, p.labels, p.cond[0], w, N, out[k][1], grad[k]));
    OK(fm_net_jvp(ctx, nets[k], params, x, t, p.labels, p.cond[0], w, NULL, N, NULL, out[k][2]));
  }
  SAME(out[0][0], out[1][0], 3 * cells);
  SAME(grad[0], grad[1], n);
  free(params), free(start), free(grad[0]), free(grad[1]);
  fm_net_destroy(nets[0]), fm_net_destroy(nets[1]);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- training ------------------------------------------------------------------------------------------ */

static kit kit_with(fm_ctx *ctx, uint32_t kind, double dropout) {
  return new_kit(ctx, &p, (fm_net_options){.kind = kind, .depth = 3, .dropout = dropout},
                 (fm_trainer_options){0});
}

START_TEST(threads_keep_bits) {
  static const uint32_t threads[] = {1, 2, 3, 8, 0}; /* 0: a host's executor, last task first */
  const uint32_t kind = _i ? FM_NET_MLP : FM_NET_RESMLP;
  kit kits[FMI_COUNT(threads)];
  for (size_t i = 0; i < FMI_COUNT(threads); i++) {
    fm_ctx *ctx = new_ctx(threads[i]);
    kits[i] = kit_with(ctx, kind, .3);
    OK(fm_trainer_run(ctx, kits[i].trainer, kits[i].data, quick() ? 4 : 25));
    same_training(kits[0].trainer, kits[i].trainer);
  }
  for (size_t i = 0; i < FMI_COUNT(threads); i++) {
    free_kit(&kits[i]);
    fm_ctx_destroy(kits[i].ctx);
  }
}
END_TEST

/* The losses of a step's rows first .. first + n, which come as the trainer's first rows. */
static const double *losses_of(kit *k, size_t first, size_t n, uint64_t seed, bool train) {
  fm_ctx *ctx = k->ctx;
  fm_trainer *t = k->trainer;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < DIM; j++) t->rows.x1[i * DIM + j] = (double)p.x1[first + i][j];
    for (size_t j = 0; j < COND; j++) t->rows.cond[i * COND + j] = p.cond[first + i][j];
    t->rows.labels[i] = p.labels[first + i];
    t->rows.weights[i] = 1;
  }
  fmi_step s = {.trainer = t,
                .kernels = t->plan->kernels,
                .weights = {t->params, t->packed},
                .seed = seed,
                .first_row = first,
                .n = n,
                .train = train};
  OK(fmi_step_rows(&ctx->runtime, &s, &ctx->err));
  return t->loss;
}

/* The same losses by a run of the net alone on the rows that the trainer formed, with masks of that seed. */
static void expect_masks(kit *k, uint64_t seed) {
  const fm_trainer *t = k->trainer;
  real *out = new_reals((size_t)BATCH * DIM);
  run_net(&(net_run){.net = k->net,
                     .params = t->params,
                     .n = BATCH,
                     .rows = {.x = t->xt,
                              .t = t->t,
                              .labels = t->rows.labels,
                              .cond = t->cond,
                              .dim = DIM,
                              .n_class_columns = 1,
                              .cond_dim = COND,
                              .training = true,
                              .seed = seed},
                     .out = out});
  for (size_t i = 0; i < BATCH; i++) {
    double sum = 0;
    for (size_t j = 0; j < DIM; j++) {
      double e = (double)out[i * DIM + j] - (double)t->ut[i * DIM + j];
      sum += e * e;
    }
    CLOSE(t->loss[i], sum / DIM, 1e-12 * sum);
  }
  free(out);
}

/* A row's mask is that of its running number under the training's seed, wherever batches and tiles begin. */
START_TEST(batches_keep_masks) {
  const uint32_t kind = _i ? FM_NET_MLP : FM_NET_RESMLP;
  fm_ctx *ctx = new_ctx(2);
  kit with = kit_with(ctx, kind, .3), without = kit_with(ctx, kind, 0);
  double whole[BATCH];
  memcpy(whole, losses_of(&with, 0, BATCH, 5, true), sizeof whole);
  SAME(losses_of(&with, 0, 31, 5, true), whole, 31);
  SAME(losses_of(&with, 31, BATCH - 31, 5, true), whole + 31, BATCH - 31);
  size_t moved = 0;
  const double *plain = losses_of(&without, 0, BATCH, 5, true);
  for (size_t i = 0; i < BATCH; i++) moved += plain[i] != whole[i];
  ck_assert_uint_eq(moved, BATCH);
  losses_of(&with, 0, BATCH, 6, true);
  expect_masks(&with, 6);
  /* evaluating, which draws the same times and noise, has none */
  memcpy(whole, losses_of(&without, 0, BATCH, 5, false), sizeof whole);
  SAME(losses_of(&with, 0, BATCH, 5, false), whole, BATCH);
  free_kit(&with), free_kit(&without);
  fm_ctx_destroy(ctx);
}
END_TEST

/* What comes out of training with it evaluates and samples as the same weights in a net without it. */
START_TEST(trained_models_are_without_it) {
  enum { N = 50 };
  const uint32_t kind = _i ? FM_NET_MLP : FM_NET_RESMLP;
  fm_ctx *ctx = new_ctx(2);
  kit k = kit_with(ctx, kind, .3), plain = kit_with(ctx, kind, 0);
  OK(fm_trainer_run(ctx, k.trainer, k.data, 10));
  size_t n = k.net->n_params;
  float out[2][N * DIM];
  double loss[3];
  fm_model *models[2];
  OK(fm_trainer_model(ctx, k.trainer, &models[0]));
  memcpy(plain.trainer->params, k.trainer->params, n * sizeof(real));
  memcpy(plain.trainer->ema, k.trainer->ema, n * sizeof(real));
  OK(fm_trainer_model(ctx, plain.trainer, &models[1]));
  OK(fm_trainer_evaluate(ctx, k.trainer, k.data, 3, 0, &loss[2]));
  for (size_t i = 0; i < 2; i++) {
    OK(fm_model_evaluate(ctx, models[i], k.data, 3, 0, &loss[i]));
    OK(fm_sample(ctx, models[i], 9, 0, p.labels, p.cond[0], N, out[i]));
    SAME(&loss[i], &loss[2], 1);
    fm_model_destroy(models[i]);
  }
  SAME(out[0], out[1], (size_t)N * DIM);
  free_kit(&k), free_kit(&plain);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- files
   ---------------------------------------------------------------------------------------------- */

/* The file as another version or program would have written it: net.dropout says `text`, or NULL: is
   absent. */
static void rewrite(const char *file, const char *text) {
  fmi_error err = {.status = FM_OK};
  fmi_memory *memory = fmi_memory_create(NULL);
  void *bytes;
  size_t n_bytes, n = 0;
  fmi_safetensors st;
  ck_assert_int_eq(fmi_os_read_file(memory, file, &bytes, &n_bytes, &err), FM_OK);
  ck_assert_int_eq(fmi_safetensors_parse(memory, bytes, n_bytes, &st, &err), FM_OK);
  ck_assert_ptr_nonnull(fmi_safetensors_pair(&st, "net.dropout"));
  fmi_pair *pairs = new_block(st.n_pairs, sizeof *pairs);
  for (size_t i = 0; i < st.n_pairs; i++) {
    bool ours = strcmp(st.pairs[i].key, "net.dropout") == 0;
    if (strcmp(st.pairs[i].key, FMI_CHECKSUM_KEY) == 0 || (ours && text == NULL)) continue;
    pairs[n++] = ours ? (fmi_pair){st.pairs[i].key, text} : st.pairs[i];
  }
  ck_assert_msg(fmi_safetensors_write(memory, file, pairs, n, st.tensors, st.n_tensors, &err) == FM_OK, "%s",
                err.text);
  free(pairs);
  fmi_safetensors_free(&st);
  fmi_free(memory, bytes);
  fmi_memory_release(memory);
}

START_TEST(a_resumed_run_is_the_same_run) {
  fm_ctx *ctx = new_ctx(2);
  kit whole = kit_with(ctx, 0, .3), first = kit_with(ctx, 0, .3), second = kit_with(ctx, 0, .3),
      other = kit_with(ctx, 0, .25), without = kit_with(ctx, 0, 0);
  const uint64_t steps = quick() ? 8 : 20, saved = quick() ? 3 : 9;
  char file[512];
  temporary_name(file, sizeof file, "dropout");
  OK(fm_trainer_run(ctx, whole.trainer, whole.data, steps));
  OK(fm_trainer_run(ctx, first.trainer, first.data, saved));
  OK(fm_trainer_save(ctx, first.trainer, file));
  OK(fm_trainer_load(ctx, second.trainer, file));
  OK(fm_trainer_run(ctx, second.trainer, second.data, steps));
  same_training(whole.trainer, second.trainer);
  FAILS(FM_E_MISMATCH, "net.dropout", fm_trainer_load(ctx, other.trainer, file));
  FAILS(FM_E_MISMATCH, "net.dropout", fm_trainer_load(ctx, without.trainer, file));
  /* Without dropout it is as before there was any. */
  OK(fm_trainer_run(ctx, without.trainer, without.data, 2));
  OK(fm_trainer_save(ctx, without.trainer, file));
  FAILS(FM_E_MISMATCH, "net.dropout", fm_trainer_load(ctx, other.trainer, file));
  OK(fm_trainer_load(ctx, without.trainer, file));
  unlink(file);
  free_kit(&whole), free_kit(&first), free_kit(&second), free_kit(&other), free_kit(&without);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(model_files_carry_it) {
  fm_ctx *ctx = new_ctx(1);
  kit k = kit_with(ctx, FM_NET_MLP, .3);
  fm_model *model, *loaded;
  char file[512];
  temporary_name(file, sizeof file, "dropout_model");
  OK(fm_trainer_model(ctx, k.trainer, &model));
  OK(fm_model_save(ctx, model, file));
  OK(fm_model_load(ctx, file, &loaded));
  CLOSE(fm_model_net(loaded)->options.dropout, .3, 0);
  SAME(loaded->params, model->params, k.net->n_params);
  fm_model_destroy(loaded);
  static const struct {
    const char *text;
    fm_status status;
    double dropout;
  } files[] = {{"0x1p-2", FM_OK, .25},   {"0.125", FM_OK, .125},   {"0x1p+0", FM_E_FORMAT, 0},
               {"-0.5", FM_E_FORMAT, 0}, {"half", FM_E_FORMAT, 0}, {"", FM_E_FORMAT, 0},
               {"1e300", FM_E_FORMAT, 0}};
  for (size_t i = 0; i < FMI_COUNT(files); i++) {
    rewrite(file, files[i].text);
    fm_status status = fm_model_load(ctx, file, &loaded);
    ck_assert_msg(status == files[i].status, "'%s': %s", files[i].text, fm_status_name(status));
    if (status == FM_OK)
      CLOSE(fm_model_net(loaded)->options.dropout, files[i].dropout, 0);
    else
      ck_assert_ptr_nonnull(strstr(fm_ctx_message(ctx), "dropout"));
    fm_model_destroy(loaded);
  }
  rewrite(file, NULL);
  OK(fm_model_load(ctx, file, &loaded));
  CLOSE(fm_model_net(loaded)->options.dropout, 0, 0);
  fm_model_destroy(loaded), fm_model_destroy(model);
  unlink(file);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- what it is for
   -------------------------------------------------------------------------------------- */

/* Few rows and many steps: a net learns them by heart, and rows it hasn't seen lose. */
START_TEST(it_regularises) {
  enum { N = 60, HELD_OUT = 500, WIDE = 4, STEPS = 1200 };
  if (quick()) return;
  fm_ctx *ctx = new_ctx(1);
  float rows[N + HELD_OUT][WIDE];
  fill_normals(rows[0], sizeof rows / sizeof rows[0][0], 21);
  fm_data *data, *held_out;
  OK(fm_data_create(ctx, rows[0], NULL, NULL, NULL, NULL, N, WIDE, 0, 0, NULL, &data));
  OK(fm_data_create(ctx, rows[N], NULL, NULL, NULL, NULL, HELD_OUT, WIDE, 0, 0, NULL, &held_out));
  fm_optimizer_options o = {.struct_size = sizeof o, .learning_rate = 1e-2, .n_steps = STEPS};
  fm_optimizer *optimizer;
  OK(fm_optimizer_create(ctx, &o, &optimizer));
  double known[2], unknown[2];
  for (int with = 0; with < 2; with++) {
    fm_net_options net_options = {.struct_size = sizeof net_options,
                                  .kind = FM_NET_MLP,
                                  .width = 64,
                                  .time_features = 16,
                                  .dropout = with ? .4 : 0};
    fm_trainer_options options = {.struct_size = sizeof options, .batch = N};
    fm_net *net;
    fm_trainer *trainer;
    OK(fm_net_create(ctx, WIDE, NULL, 0, 0, &net_options, &net));
    OK(fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, optimizer, NULL, &options, &trainer));
    OK(fm_trainer_run(ctx, trainer, data, 0));
    OK(fm_trainer_evaluate(ctx, trainer, data, 1, 0, &known[with]));
    OK(fm_trainer_evaluate(ctx, trainer, held_out, 1, 0, &unknown[with]));
    fm_trainer_destroy(trainer), fm_net_destroy(net);
  }
  ck_assert_msg(unknown[1] < unknown[0] - 0.1 && known[1] > known[0],
                "held-out rows %.4f without and %.4f with dropout, trained rows %.4f and %.4f", unknown[0],
                unknown[1], known[0], known[1]);
  fm_optimizer_destroy(optimizer), fm_data_destroy(data), fm_data_destroy(held_out);
  fm_ctx_destroy(ctx);
}
END_TEST

static void set_up(void) { fill_problem(&p); }

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "dropout");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_loop_test(tcase, units_fall_at_the_rate_asked_for_and_keep_their_mean, 0, 4);
  tcase_add_test(tcase, masks_belong_to_rows_and_columns);
  tcase_add_test(tcase, at_rest_it_is_the_identity);
  tcase_add_test(tcase, hidden_layers_have_it);
  tcase_add_loop_test(tcase, at_rest_nets_are_as_without_it, 0, 2);
  tcase_add_loop_test(tcase, threads_keep_bits, 0, 2);
  tcase_add_loop_test(tcase, batches_keep_masks, 0, 2);
  tcase_add_loop_test(tcase, trained_models_are_without_it, 0, 2);
  tcase_add_test(tcase, a_resumed_run_is_the_same_run);
  tcase_add_test(tcase, model_files_carry_it);
  tcase_add_test(tcase, it_regularises);
  return run_suite(suite);
}
