/* conditions_table.c - conditions and optimal transport (Cheng & Schwing, arXiv 2503.10636, figure 1), from
   eight Gaussians to two moons: plain minibatch OT hurts a model that is asked for a class, since the source
   comes to depend on the class; the condition-aware cost mends it. W2 squared. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>

#define BATCH 256u
#define OT_ROWS 1024u
#define STEPS 20000u
#define RADIUS 5.
#define DEVIATION .562

enum { FM, OT, CLASS_FM, CLASS_OT, CLASS_AWARE, N_METHODS };
static const struct method {
  const char *name, *file, *published_euler, *published_dopri5;
  bool classes, ot, aware;
} methods[N_METHODS] = {
    {"unconditional FM", "fm", "6.232", ".120", false, false, false},
    {"unconditional OT", "ot", ".072", ".050", false, true, false},
    {"class FM", "class_fm", "2.573", ".059", true, false, false},
    {"class OT", "class_ot", ".483", ".462", true, true, false},
    {"class, condition-aware OT", "class_aware", ".048", ".018", true, true, true},
};

/* Moons times three, less one, with noise uniform on [0, .2) before that. */
static void make_moons(tables_rng *rng, size_t n, double *x, int32_t *labels) {
  tables_moons(rng, 0, n, x, labels);
  for (size_t i = 0; i < 2 * n; i++) x[i] = 3 * (x[i] + .2 * tables_uniform(rng)) - 1;
}

/* A row of the given class. */
static void make_row_like(tables_rng *rng, int32_t label, double x[2]) {
  int32_t drawn;
  do make_moons(rng, 1, x, &drawn);
  while (drawn != label);
}

/* ---- pairs, fresh ones for ever ------------------------------------------------------------------------ */

/* Blocks of OT_ROWS pairs, each made and paired from its own number. A batch takes a part of a block. */
typedef struct stream {
  const tables_run *run;
  const struct method *method;
  fm_coupling *coupling; /* NULL: independent */
  uint64_t seed, block;  /* of the block below, counted from 1 */
  size_t n;              /* rows of a block */
  double *x0, *x1;
  int32_t *labels;
  uint64_t *index; /* which x0 goes with row i */
} stream;

static void make_block(stream *s, uint64_t block) {
  tables_rng rng = tables_rng_of(s->seed, block);
  s->block = block;
  tables_ring(&rng, RADIUS, DEVIATION, s->n, s->x0);
  make_moons(&rng, s->n, s->x1, s->labels);
  for (size_t i = 0; i < s->n; i++) s->index[i] = i;
  if (s->coupling)
    TABLES_OK(s->run->ctx, fm_coupling_pair_f64(s->run->ctx, s->coupling, s->x0, s->x1,
                                                s->method->aware ? s->labels : NULL, NULL, s->n, 0, 0,
                                                s->index, NULL, NULL));
}

static int32_t pull(void *user, const fm_pull_request *request) {
  stream *s = user;
  for (size_t i = 0; i < request->n; i++) {
    uint64_t row = request->first_row + i, block = row / s->n + 1, k = row % s->n;
    if (block != s->block) make_block(s, block);
    for (size_t c = 0; c < 2; c++) {
      request->x0[2 * i + c] = s->x0[2 * s->index[k] + c];
      request->x1[2 * i + c] = s->x1[2 * k + c];
    }
    if (request->labels) request->labels[i] = s->labels[k];
  }
  return 0;
}

static stream make_stream(const tables_run *run, const struct method *m, uint64_t seed) {
  stream s = {.run = run, .method = m, .seed = seed, .n = tables_ot_rows(run, OT_ROWS)};
  s.x0 = tables_alloc(2 * s.n, sizeof *s.x0);
  s.x1 = tables_alloc(2 * s.n, sizeof *s.x1);
  s.labels = tables_alloc(s.n, sizeof *s.labels);
  s.index = tables_alloc(s.n, sizeof *s.index);
  if (m->ot) TABLES_OK(run->ctx, fm_coupling_create(run->ctx, s.n, 2, m->aware, 0, NULL, &s.coupling));
  return s;
}

static void free_stream(stream *s) {
  fm_coupling_destroy(s->coupling);
  free(s->x0);
  free(s->x1);
  free(s->labels);
  free(s->index);
}

/* ---- the table ------------------------------------------------------------------------------------- */

typedef struct results {
  tables_values euler[N_METHODS], dopri5[N_METHODS], floor;
} results;

typedef struct test_rows {
  size_t n;
  double *x0, *x1, *made;
  int32_t *labels;
} test_rows;

static fm_model *train(const tables_run *run, const struct method *m, uint64_t seed, const char *what) {
  static const uint32_t two = 2;
  tables_recipe recipe = tables_recipe_of("condot", FM_ACT_GELU, 128, 3, BATCH, 3e-4, STEPS);
  fm_prior *prior = tables_ring_prior(run->ctx, RADIUS, DEVIATION);
  fm_data *data = NULL;
  stream s = make_stream(run, m, seed);
  recipe.net.kind = FM_NET_RESMLP;
  recipe.net.time_features = 0;
  recipe.prior = prior;
  recipe.n_classes = m->classes ? &two : NULL;
  TABLES_OK(run->ctx, fm_data_create_pull(run->ctx, pull, &s, 2, m->classes, 0, 1, &data));
  fm_model *model = tables_train(run, &recipe, data, seed, what);
  fm_data_destroy(data);
  fm_prior_destroy(prior);
  free_stream(&s);
  return model;
}

static void run_method(const tables_run *run, int which, uint64_t seed, const test_rows *t, results *r) {
  const struct method *m = &methods[which];
  char what[64], file[64];
  uint64_t nfe;
  double w2[2];
  snprintf(what, sizeof what, "%s, seed %llu", m->name, (unsigned long long)seed);
  fm_model *model = train(run, m, seed, what);
  for (int k = 0; k < 2; k++) {
    tables_way way = k ? (tables_way){FM_SOLVER_DOPRI5, 0, 1e-4} : (tables_way){FM_SOLVER_EULER, 1, 0};
    tables_carry(run, model, way, m->classes ? t->labels : NULL, t->x0, t->n, t->made, NULL, &nfe);
    w2[k] = tables_w2_squared(run, t->made, t->x1, t->n);
  }
  tables_say(run,
             "%s: W2^2 %.3f with one step (published %s), %.3f with dopri5 (published %s), %llu evaluations",
             what, w2[0], m->published_euler, w2[1], m->published_dopri5, (unsigned long long)nfe);
  tables_add(&r->euler[which], w2[0]);
  tables_add(&r->dopri5[which], w2[1]);
  if (seed == 0) {
    snprintf(file, sizeof file, "moons_%s.safetensors", m->file);
    tables_save_model(run, file, model);
  }
  fm_model_destroy(model);
}

static void run_seed(const tables_run *run, uint64_t seed, results *r) {
  test_rows t = {.n = tables_rows(run, TABLES_TEST_ROWS)};
  tables_rng rng = tables_rng_of(seed + 1000, 1);
  t.x0 = tables_alloc(2 * t.n, sizeof *t.x0);
  t.x1 = tables_alloc(2 * t.n, sizeof *t.x1);
  t.made = tables_alloc(2 * t.n, sizeof *t.made);
  t.labels = tables_alloc(t.n, sizeof *t.labels);
  make_moons(&rng, t.n, t.x1, t.labels); /* the labels of these are those that the model is asked for */
  tables_ring(&rng, RADIUS, DEVIATION, t.n, t.x0);
  for (size_t i = 0; i < t.n; i++) make_row_like(&rng, t.labels[i], t.made + 2 * i);
  tables_add(&r->floor, tables_w2_squared(run, t.made, t.x1, t.n));
  if (seed == 0) tables_save_rows(run, "moons.csv", t.x1, 300);
  for (int which = 0; which < N_METHODS; which++) run_method(run, which, seed, &t, r);
  free(t.x0);
  free(t.x1);
  free(t.made);
  free(t.labels);
}

typedef void (*accept_fn)(tables_run *run, bool holds, const char *format, ...);

static void accept_below(tables_run *run, accept_fn accept, const char *how, const tables_values *aware,
                         const tables_values *other, const char *name) {
  accept(run, tables_mean(aware) < tables_mean(other), "classes, %s: condition-aware OT below %s: %.4f, %.4f",
         how, name, tables_mean(aware), tables_mean(other));
}

int main(int argc, char **argv) {
  tables_run run;
  results r = {.floor = {.n = 0}};
  char a[48], b[48];
  tables_begin(&run, "conditions", "2. Conditions and OT", .12, argc, argv);
  for (uint64_t seed = 0; seed < run.n_seeds; seed++) run_seed(&run, seed, &r);
  tables_write(&run,
               "\n| W2^2 | Euler, 1 step | published | dopri5 1e-4 | published |\n|---|---|---|---|---|\n");
  for (int k = 0; k < N_METHODS; k++)
    tables_write(&run, "| %s | %s | %s | %s | %s |\n", methods[k].name, tables_text(&r.euler[k], a),
                 methods[k].published_euler, tables_text(&r.dopri5[k], b), methods[k].published_dopri5);
  tables_write(&run, "| two true sets of the same classes (the floor) | | | %s | |\n\n",
               tables_text(&r.floor, a));
  accept_below(&run, tables_accept, "one step", &r.euler[CLASS_AWARE], &r.euler[CLASS_OT], "plain OT");
  accept_below(&run, tables_accept, "one step", &r.euler[CLASS_AWARE], &r.euler[CLASS_FM], "FM");
  accept_below(&run, tables_accept, "dopri5", &r.dopri5[CLASS_AWARE], &r.dopri5[CLASS_OT], "plain OT");
  accept_below(&run, tables_accept_whole, "dopri5", &r.dopri5[CLASS_AWARE], &r.dopri5[CLASS_FM], "FM");
  return tables_end(&run);
}
