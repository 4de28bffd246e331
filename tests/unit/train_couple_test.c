/* train_couple_test.c - couplings in training: what is paired with what, what travels with its row, and that
   straighter paths come of it. */
#include "train_fixture.h"

/* Adds up ||u_t||^2, which on CondOT paths is ||x1 - x0||^2, and checks every row's end: x_t + (1 - t) u_t. */
static double check_pairs(const fm_trainer *t, size_t n) {
  const fm_coupling *c = t->pairing.coupling;
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    for (size_t j = 0; j < DIM; j++) {
      const double u = t->ut[k * DIM + j];
      if (c != NULL) {
        const double x1 = t->pairing.x1[c->x1_index[k] * DIM + j],
                     x0 = t->pairing.x0[c->x0_index[k] * DIM + j];
        CLOSE(u, x1 - x0, 1e-5);
        CLOSE(t->xt[k * DIM + j], t->t[k] * x1 + (1 - t->t[k]) * x0, 1e-5);
      }
      sum += u * u;
    }
  return sum / (double)n;
}

START_TEST(rows_are_paired) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  double cost[2];
  for (uint32_t kind = FM_COUPLING_INDEPENDENT; kind <= FM_COUPLING_OT; kind++) {
    kit k = new_kit(ctx, &p, (fm_net_options){0},
                    (fm_trainer_options){.coupling = kind,
                                         .coupling_class_weight = kind == FM_COUPLING_OT ? -1 : 0,
                                         .coupling_condition_weight = kind == FM_COUPLING_OT ? -1 : 0,
                                         .label_dropout = -1});
    OK(step_on(&k, &p, NULL, 0, BATCH, NULL));
    cost[kind - 1] = check_pairs(k.trainer, BATCH);
    if (kind == FM_COUPLING_OT) {
      CLOSE(cost[1], k.trainer->pairing.coupling->stats.cost, 1e-4);
      ck_assert_uint_eq(fm_trainer_coupling_misses(k.trainer), 0);
      /* Data stays in its place with its labels: x1 of row i is row i. */
      for (size_t i = 0; i < BATCH; i++)
        for (size_t j = 0; j < DIM; j++) {
          const fm_normaliser *norm = k.normaliser;
          CLOSE(k.trainer->pairing.x1[i * DIM + j], (p.x1[i][j] - norm->shift[j]) / norm->scale[j], 1e-12);
        }
      SAME(k.trainer->rows.labels, p.labels, BATCH);
    }
    free_kit(&k);
  }
  ck_assert(cost[1] < .6 * cost[0]);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Given pairs are taken apart and formed anew: source rows that are a shuffle of the data find their row. */
START_TEST(source_rows_find_theirs) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  float x0[BATCH][DIM];
  for (size_t i = 0; i < BATCH; i++) memcpy(x0[i], p.x1[(i * 37 + 5) % BATCH], sizeof x0[i]);
  kit k =
      new_kit(ctx, &p, (fm_net_options){0},
              (fm_trainer_options){
                  .coupling = FM_COUPLING_OT, .coupling_class_weight = -1, .coupling_condition_weight = -1});
  OK(fm_trainer_step(ctx, k.trainer, p.x1[0], x0[0], p.labels, p.cond[0], NULL, BATCH, NULL));
  CLOSE(check_pairs(k.trainer, BATCH), 0, 1e-10);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Rows that a relaxed plan takes twice or leaves out take all that is theirs along. */
START_TEST(what_belongs_to_a_row_travels) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  for (size_t j = 0; j < DIM; j++) p.x1[9][j] = 1e3f;
  kit k = new_kit(ctx, &p, (fm_net_options){0},
                  (fm_trainer_options){.coupling = FM_COUPLING_UNBALANCED,
                                       .coupling_relaxation = 1,
                                       .label_dropout = -1,
                                       .coupling_class_weight = -1,
                                       .coupling_condition_weight = -1});
  OK(step_on(&k, &p, p.weights, 0, BATCH, NULL));
  check_pairs(k.trainer, BATCH);
  const fm_trainer *t = k.trainer;
  size_t moved = 0;
  for (size_t i = 0; i < BATCH; i++) {
    const size_t from = (size_t)t->pairing.coupling->x1_index[i];
    moved += from != i;
    HOLDS(from != 9, "the row far from all others has mass");
    HOLDS(t->rows.labels[i] == p.labels[from], "label of %zu", i);
    HOLDS(t->rows.weights[i] == p.weights[from], "weight of %zu", i);
    for (size_t j = 0; j < COND; j++) {
      HOLDS(t->rows.cond[i * COND + j] == p.cond[from][j], "condition of %zu", i);
      CLOSE(t->cond[i * COND + j],
            (p.cond[from][j] - k.cond_normaliser->shift[j]) / k.cond_normaliser->scale[j], 1e-5);
    }
  }
  ck_assert_uint_gt(moved, 0);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(classes_keep_to_themselves) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.coupling = FM_COUPLING_OT});
  OK(step_on(&k, &p, NULL, 0, BATCH, NULL));
  const uint64_t *index = k.trainer->pairing.coupling->x0_index;
  for (size_t i = 0; i < BATCH; i++) HOLDS(p.labels[index[i]] == p.labels[i], "row %zu has another class", i);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

static const uint32_t drawn[] = {FM_COUPLING_OT, FM_COUPLING_SINKHORN, FM_COUPLING_UNBALANCED};

START_TEST(threads_do_not_matter) {
  problem p;
  fill_problem(&p);
  const uint64_t n_steps = quick() ? 2 : 10;
  for (size_t c = 0; c < FMI_COUNT(drawn); c++) {
    const fm_trainer_options o = {.coupling = drawn[c]};
    fm_ctx *ctx = new_ctx(1);
    kit one = new_kit(ctx, &p, (fm_net_options){0}, o);
    OK(fm_trainer_run(ctx, one.trainer, one.data, n_steps));
    for (uint32_t threads = 2; threads <= 4; threads++) {
      fm_ctx *other = new_ctx(threads % 4);
      kit k = new_kit(other, &p, (fm_net_options){0}, o);
      ck_assert_int_eq(fm_trainer_run(other, k.trainer, k.data, n_steps), FM_OK);
      same_training(one.trainer, k.trainer);
      free_kit(&k);
      fm_ctx_destroy(other);
    }
    free_kit(&one);
    fm_ctx_destroy(ctx);
  }
}
END_TEST

START_TEST(a_resumed_run_is_the_same) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  char file[256];
  temporary_name(file, sizeof file, "couplings");
  for (size_t c = 0; c < FMI_COUNT(drawn); c++) {
    const fm_trainer_options o = {.coupling = drawn[c], .accumulate = 2};
    kit whole = new_kit(ctx, &p, (fm_net_options){0}, o), first = new_kit(ctx, &p, (fm_net_options){0}, o);
    kit second = new_kit(ctx, &p, (fm_net_options){0}, o);
    OK(fm_trainer_run(ctx, whole.trainer, whole.data, 5));
    OK(fm_trainer_run(ctx, first.trainer, first.data, 2));
    OK(fm_trainer_save(ctx, first.trainer, file));
    OK(fm_trainer_load(ctx, second.trainer, file));
    OK(fm_trainer_run(ctx, second.trainer, second.data, 5));
    same_training(whole.trainer, second.trainer);
    fm_trainer_options other = o;
    other.coupling = c == 0 ? 0 : FM_COUPLING_OT;
    kit wrong = new_kit(ctx, &p, (fm_net_options){0}, other);
    FAILS(FM_E_MISMATCH, "coupling", fm_trainer_load(ctx, wrong.trainer, file));
    other = o;
    other.coupling_class_weight = 7;
    kit weighted = new_kit(ctx, &p, (fm_net_options){0}, other);
    FAILS(FM_E_MISMATCH, "coupling_class_weight", fm_trainer_load(ctx, weighted.trainer, file));
    free_kit(&whole), free_kit(&first), free_kit(&second), free_kit(&wrong), free_kit(&weighted);
  }
  unlink(file);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Another plan is another loss: that of evaluations by the trainer is the loss that is trained. */
START_TEST(evaluations_pair_too) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  double loss[2];
  for (uint32_t kind = 1; kind <= 2; kind++) {
    kit k = new_kit(ctx, &p, (fm_net_options){0},
                    (fm_trainer_options){.coupling = kind,
                                         .batch = 100,
                                         .coupling_class_weight = kind == 2 ? -1 : 0,
                                         .coupling_condition_weight = kind == 2 ? -1 : 0});
    memset(k.trainer->ema, 0, k.net->n_params * sizeof(real)); /* v = 0: the loss is that of x1 - x0 */
    OK(fm_trainer_evaluate(ctx, k.trainer, k.data, 3, 0, &loss[kind - 1]));
    free_kit(&k);
  }
  ck_assert(loss[1] < .8 * loss[0]);
  fm_ctx_destroy(ctx);
}
END_TEST

static int32_t says_no(void *user, const fm_cost_request *r) {
  ck_assert(r->n == BATCH && r->dim == DIM);
  ++*(int *)user;
  return 5;
}

START_TEST(failures) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  fill_problem(&p);
  int calls = 0;
  kit k = new_kit(ctx, &p, (fm_net_options){0},
                  (fm_trainer_options){
                      .coupling = FM_COUPLING_OT, .coupling_cost = says_no, .coupling_cost_user = &calls});
  const real before = k.trainer->params[3];
  FAILS(FM_E_CALLBACK, "returned 5", step_on(&k, &p, NULL, 0, BATCH, NULL));
  ck_assert(calls == 1 && k.trainer->params[3] == before && fm_trainer_steps(k.trainer) == 0);
  free_kit(&k);
  /* Two iterations don't reach the tolerance: the step is done, and counted. */
  k = new_kit(ctx, &p, (fm_net_options){0},
              (fm_trainer_options){.coupling = FM_COUPLING_SINKHORN, .coupling_max_iterations = 2});
  OK(fm_trainer_run(ctx, k.trainer, k.data, 3));
  ck_assert_uint_eq(fm_trainer_coupling_misses(k.trainer), 3);
  free_kit(&k);
  fm_net *net = NULL;
  fm_path *path = NULL;
  fm_trainer *t = NULL;
  fm_trainer_options o = {.struct_size = sizeof o, .coupling = FM_COUPLING_BRIDGE};
  OK(fm_net_create(ctx, 2, NULL, 0, 0, NULL, &net));
  FAILS(FM_E_UNSUPPORTED, "Brownian bridge",
        fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, &o, &t));
  OK(fm_path_create_named(ctx, "bridge:0.7", &path));
  OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &o, &t));
  ck_assert_double_eq(t->pairing.coupling->options.bridge_width, .7);
  fm_trainer_destroy(t), fm_path_destroy(path), fm_net_destroy(net);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- what needs independent pairs ------------------------------------------------------------------------ */

static fm_status try_diffusion(fm_ctx *ctx, const fm_model *model) {
  const fm_sampler_options o = {.struct_size = sizeof o, .diffusion = FM_DIFFUSION_SIGMA};
  fm_sampler *sampler = NULL;
  const fm_status status = fm_sampler_create(ctx, model, NULL, &o, &sampler);
  fm_sampler_destroy(sampler);
  return status;
}

/* For a given x1 the noise of a coupled batch is not Gaussian, nor that of the caller's pairs: their models say
   so, also from a snapshot, a file, a copy with a note and a trainer that was loaded. */
START_TEST(noise_of_pairs_has_no_score) {
  fm_ctx *ctx = new_ctx(1);
  problem p;
  char file[256], state[256];
  fill_problem(&p);
  temporary_name(file, sizeof file, "paired"), temporary_name(state, sizeof state, "paired_state");
  enum { INDEPENDENT, COUPLED, PAIRS };
  for (int how = INDEPENDENT; how <= PAIRS; how++) {
    const fm_trainer_options o = {.coupling = how == COUPLED ? FM_COUPLING_OT : 0};
    kit k = new_kit(ctx, &p, (fm_net_options){0}, o), later = new_kit(ctx, &p, (fm_net_options){0}, o);
    fm_model *models[5] = {NULL};
    OK(fm_trainer_step(ctx, k.trainer, p.x1[0], how == PAIRS ? p.x1[0] : NULL, p.labels, p.cond[0], NULL,
                       BATCH, NULL));
    OK(fm_trainer_publish(ctx, k.trainer));
    OK(fm_trainer_model(ctx, k.trainer, &models[0]));
    OK(fm_trainer_latest(ctx, k.trainer, &models[1]));
    OK(fm_model_with_note(ctx, models[0], "a", "b", &models[2]));
    OK(fm_model_save(ctx, models[0], file));
    OK(fm_model_load(ctx, file, &models[3]));
    OK(fm_trainer_save(ctx, k.trainer, state));
    OK(fm_trainer_load(ctx, later.trainer, state));
    OK(fm_trainer_model(ctx, later.trainer, &models[4]));
    for (size_t i = 0; i < FMI_COUNT(models); i++) {
      if (how == INDEPENDENT)
        OK(try_diffusion(ctx, models[i]));
      else
        FAILS(FM_E_UNSUPPORTED, "independent pairs", try_diffusion(ctx, models[i]));
      fm_model_destroy(models[i]);
    }
    free_kit(&k), free_kit(&later);
  }
  remove(file), remove(state);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- straight paths ------------------------------------------------------------------------------------- */

typedef struct path_sums {
  double *last, energy, n_steps;
} path_sums;

/* Euler's steps: (x' - x) / h is the velocity. */
static int32_t add_energy(void *user, const fm_trajectory *at) {
  path_sums *s = user;
  const size_t first = (size_t)(at->first_row * at->dim), n = (size_t)(at->n * at->dim);
  for (size_t i = 0; i < n && at->step > 0; i++) {
    const double step = at->x[i] - s->last[first + i];
    s->energy += step * step * s->n_steps;
  }
  memcpy(s->last + first, at->x, n * sizeof *s->last);
  return 0;
}

/* int E ||v||^2 dt - E ||z1 - z0||^2 of noise that becomes eight Gaussians on a ring. */
static double straightness(uint32_t kind, uint64_t n_steps) {
  enum { N_DATA = 4000, N_DRAWN = 400, EULER = 50 };
  fm_ctx *ctx = new_ctx(1);
  uint64_t seed = 9;
  float *data = new_block(2 * N_DATA, sizeof *data);
  double *x = new_block(2 * N_DRAWN, sizeof *x), *start = new_block(2 * N_DRAWN, sizeof *start), moved = 0;
  for (size_t i = 0; i < N_DATA; i++) {
    const double angle = .78539816339744831 * (double)(next_word(&seed) >> 61);
    data[2 * i] = (float)(5 * cos(angle) + .562 * next_normal(&seed));
    data[2 * i + 1] = (float)(5 * sin(angle) + .562 * next_normal(&seed));
  }
  const fm_net_options net = {.struct_size = sizeof net, .kind = FM_NET_MLP, .width = 64, .depth = 3};
  const fm_optimizer_options update = {
      .struct_size = sizeof update, .learning_rate = 3e-3, .n_steps = n_steps};
  const fm_trainer_options o = {.struct_size = sizeof o, .seed = 1, .ema_decay = .99, .coupling = kind};
  const fm_solver_options euler = {.struct_size = sizeof euler, .method = FM_SOLVER_EULER, .n_steps = EULER};
  fm_data *rows = NULL;
  fm_optimizer *optimizer = NULL;
  fm_model *model = NULL;
  fm_sampler *sampler = NULL;
  OK(fm_data_create(ctx, data, NULL, NULL, NULL, NULL, N_DATA, 2, 0, 0, NULL, &rows));
  OK(fm_optimizer_create(ctx, &update, &optimizer));
  OK(fm_fit(ctx, rows, NULL, NULL, optimizer, &net, &o, &model));
  OK(fm_sampler_create(ctx, model, &euler, NULL, &sampler));
  for (size_t i = 0; i < 2 * N_DRAWN; i++) start[i] = 3.6 * next_normal(&seed); /* the data's deviation */
  memcpy(x, start, 2 * N_DRAWN * sizeof *x);
  path_sums s = {.last = new_block(2 * N_DRAWN, sizeof(double)), .n_steps = EULER};
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N_DRAWN, x, add_energy, &s, NULL));
  for (size_t i = 0; i < 2 * N_DRAWN; i++) moved += (x[i] - start[i]) * (x[i] - start[i]);
  fm_sampler_destroy(sampler), fm_model_destroy(model), fm_optimizer_destroy(optimizer),
      fm_data_destroy(rows);
  free(data), free(x), free(start), free(s.last);
  fm_ctx_destroy(ctx);
  return (s.energy - moved) / N_DRAWN;
}

START_TEST(paths_are_straighter) {
  const uint64_t n_steps = quick() ? 3 : 400;
  const double independent = straightness(FM_COUPLING_INDEPENDENT, n_steps);
  const double ot = straightness(FM_COUPLING_OT, n_steps);
  const double entropic = straightness(FM_COUPLING_SINKHORN, n_steps);
  if (quick()) return;
  ck_assert(ot < .25 * independent);
  ck_assert(entropic < .5 * independent);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rows_are_paired,
                                source_rows_find_theirs,
                                what_belongs_to_a_row_travels,
                                classes_keep_to_themselves,
                                threads_do_not_matter,
                                a_resumed_run_is_the_same,
                                evaluations_pair_too,
                                failures,
                                noise_of_pairs_has_no_score,
                                paths_are_straighter};
  return run_tests("train_couple", tests, FMI_COUNT(tests));
}
