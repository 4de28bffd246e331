/* pool.c - pairs of a source row and where the teacher's flow takes it, a bounded number of them at a time. */
#include "reflow/reflow.h"

#include "core/rng.h"

#include <math.h>

/* Source rows of pairs differ from those of draws and of training with the same seed. */
#define PAIR_NOISE 0x7f4a7c159e3779b9u

static void destroy(void *self) {
  fmi_pool *p = self;
  fmi_free(p->data.object.memory, p->block);
  fmi_object_free(p);
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

fmi_ends fmi_ends_take(fmi_arena *a, const fm_net *net, size_t n, bool flow) {
  const size_t cells = fmi_mul_size(n, net->dim), k = net->n_class_columns, c = net->cond_dim;
  fmi_ends e = {.x0 = fmi_arena_take(a, cells, sizeof(real))};
  if (flow) e.x1 = fmi_arena_take(a, cells, sizeof(real));
  if (k > 0) e.labels = fmi_arena_take(a, fmi_mul_size(n, k), sizeof(int32_t));
  if (c > 0) e.cond = fmi_arena_take(a, fmi_mul_size(n, c), sizeof(float));
  e.weights = fmi_arena_take(a, n, sizeof(float));
  return e;
}

fmi_ends fmi_ends_from(const fmi_ends *e, const fm_net *net, size_t i) {
  return (fmi_ends){.x0 = e->x0 + i * net->dim,
                    .x1 = e->x1 ? e->x1 + i * net->dim : NULL,
                    .labels = e->labels ? e->labels + i * net->n_class_columns : NULL,
                    .cond = e->cond ? e->cond + i * net->cond_dim : NULL,
                    .weights = e->weights + i};
}

/* ---- generating ---------------------------------------------------------------------------------------- */

static fm_status keep_source(fmi_pool *p, const fm_model *m, uint64_t seed, uint64_t first, size_t n,
                             real *x0, fmi_error *err) {
  const size_t dim = m->net->dim;
  FMI_TRY(fmi_prior_draw(m->prior, m->normaliser, p->rt->kernels, seed ^ PAIR_NOISE, first, n, dim, p->ends,
                         p->noise, err));
  for (size_t i = 0; i < n * dim; i++) x0[i] = (real)p->ends[i];
  return FM_OK;
}

/* The next n rows of the conditions, as they were given. */
static fm_status read_conditions(fmi_pool *p, const fm_net *net, size_t n, fmi_error *err) {
  fmi_batch *b = &p->rows;
  FMI_TRY(fmi_data_fetch(p->conditions, p->seed, true, p->next_given, n, b, err));
  p->next_given += n;
  if (net->n_class_columns > 0) FMI_TRY(fmi_check_labels(net, b->labels, n, err));
  if (net->cond_dim > 0) FMI_TRY(fmi_check_finite_f32("cond", b->cond, n, net->cond_dim, err));
  return fmi_check_weights(b->weights, n, err);
}

/* What read_conditions got, or with null the null condition, which weighs as much as the row's own. */
static void keep_conditions(const fmi_pool *p, const fm_model *m, bool null, size_t n, const fmi_ends *e) {
  const fm_normaliser *norm = m->cond_normaliser;
  const size_t k = m->net->n_class_columns, c = m->net->cond_dim;
  for (size_t i = 0; i < n * k; i++) e->labels[i] = null ? -1 : p->rows.labels[i];
  for (size_t i = 0; i < n * c; i++) {
    const double scale = norm->scale[i % c], x = null ? 0 : (double)p->rows.cond[i] - norm->shift[i % c];
    e->cond[i] = null ? NAN : scale > 0 ? (float)(x / scale) : 0;
  }
  for (size_t i = 0; i < n; i++) e->weights[i] = p->conditions == NULL ? 1 : p->rows.weights[i];
}

static fm_status run_flow(fmi_pool *p, bool null, size_t n, real *x1, fmi_error *err) {
  const fm_model *m = p->teacher->model;
  const fm_net *net = m->net;
  fmi_transport job = {.sampler = p->teacher,
                       .rt = p->rt,
                       .t0 = 0,
                       .t1 = 1,
                       .draw = true,
                       .seed = p->seed ^ PAIR_NOISE,
                       .first_row = p->next_row,
                       .labels = !null && net->n_class_columns > 0 ? p->rows.labels : NULL,
                       .cond = !null && net->cond_dim > 0 ? p->rows.cond : NULL,
                       .n = n,
                       .out_f64 = p->ends};
  fm_solve_stats stats = {.struct_size = sizeof stats};
  FMI_TRY(fmi_transport_run(&job, &stats, err));
  p->nfe += stats.nfe;
  fmi_normalise(m->normaliser, p->ends, n, p->ends);
  for (size_t i = 0; i < n * net->dim; i++) x1[i] = (real)p->ends[i];
  return FM_OK;
}

/* Pairs that all have a condition or all have none. */
static fm_status generate(fmi_pool *p, size_t first, size_t n, fmi_error *err) {
  const fm_model *m = p->teacher->model;
  const bool null = p->conditions == NULL || first < p->n_null;
  const fmi_ends e = fmi_ends_from(&p->pairs, m->net, first);
  if (n == 0) return FM_OK;
  if (p->conditions != NULL) FMI_TRY(read_conditions(p, m->net, n, err));
  FMI_TRY(keep_source(p, m, p->seed, p->next_row, n, e.x0, err));
  FMI_TRY(run_flow(p, null, n, e.x1, err));
  keep_conditions(p, m, null, n, &e);
  p->next_row += n;
  return FM_OK;
}

fm_status fmi_pool_generate(fmi_pool *p, size_t first, size_t n, fmi_error *err) {
  const size_t before = first < p->n_null ? fmi_min(p->n_null - first, n) : 0;
  FMI_TRY(generate(p, first, before, err));
  return generate(p, first + before, n - before, err);
}

fm_status fmi_pool_draw_source(fmi_pool *p, const fm_model *m, uint64_t seed, uint64_t first, size_t n,
                               const fmi_ends *e, fmi_error *err) {
  if (p->conditions != NULL) FMI_TRY(read_conditions(p, m->net, n, err));
  keep_conditions(p, m, p->conditions == NULL, n, e);
  return keep_source(p, m, seed, first, n, e->x0, err);
}

/* ---- as data ------------------------------------------------------------------------------------------- */

static fm_status renew(fmi_pool *p, fmi_error *err) {
  for (size_t left = p->n_renewed; left > 0;) {
    const size_t now = fmi_min(fmi_min(left, FMI_POOL_BLOCK), p->n - p->oldest);
    FMI_TRY(fmi_pool_generate(p, p->oldest, now, err));
    p->oldest = (p->oldest + now) % p->n;
    left -= now;
  }
  return FM_OK;
}

static fm_status read_on(const fm_data *data, uint64_t first, size_t n, fmi_batch *out, fmi_error *err) {
  fmi_pool *p = (fmi_pool *)(uintptr_t)data; /* reading is what makes it new */
  const size_t dim = data->dim, k = data->n_class_columns, c = data->cond_dim;
  for (size_t i = 0; i < n; i++) {
    const uint64_t at = first + i, pass = at / p->n;
    if (at % p->n == 0 && pass > 0) FMI_TRY(renew(p, err));
    const fmi_ends e = fmi_ends_from(&p->pairs, p->teacher->model->net,
                                     (size_t)fmi_rng_shuffled(p->seed, pass, p->n, at % p->n));
    for (size_t j = 0; j < dim; j++) {
      out->x0[i * dim + j] = (double)e.x0[j];
      out->x1[i * dim + j] = (double)e.x1[j];
    }
    if (k > 0) memcpy(out->labels + i * k, e.labels, k * sizeof *e.labels);
    if (c > 0) memcpy(out->cond + i * c, e.cond, c * sizeof *e.cond);
    out->weights[i] = e.weights[0];
  }
  return FM_OK;
}

static const fmi_data_kind kind = {.read_on = read_on};

static void carve(fmi_pool *p, const fm_net *net, fmi_arena *a) {
  const size_t n = FMI_POOL_BLOCK, cells = fmi_mul_size(n, net->dim);
  p->pairs = fmi_ends_take(a, net, p->n, true);
  p->ends = fmi_arena_take(a, cells, sizeof(double));
  p->noise = fmi_arena_take(a, fmi_prior_scratch(net->dim), 1);
  if (p->conditions == NULL) return;
  p->rows.x1 = fmi_arena_take(a, cells, sizeof(double));
  p->rows.x0 = fmi_arena_take(a, cells, sizeof(double));
  p->rows.labels = fmi_arena_take(a, fmi_mul_size(n, net->n_class_columns), sizeof(int32_t));
  p->rows.cond = fmi_arena_take(a, fmi_mul_size(n, net->cond_dim), sizeof(float));
  p->rows.weights = fmi_arena_take(a, n, sizeof(float));
}

fmi_pool *fmi_pool_new(const fmi_runtime *rt, const fmi_pool_options *o, fmi_error *err) {
  fmi_pool *p = fmi_object_create(rt->memory, sizeof *p, destroy, err);
  if (p == NULL) return NULL;
  p->data.kind = &kind;
  p->data.dim = o->net->dim;
  p->data.n_class_columns = o->net->n_class_columns;
  p->data.cond_dim = o->net->cond_dim;
  p->data.pairs = p->data.checked = true;
  p->rt = rt;
  p->conditions = o->net->n_class_columns + o->net->cond_dim > 0 ? o->conditions : NULL;
  p->seed = o->seed;
  p->n = o->n;
  p->n_null = p->conditions == NULL ? 0 : (size_t)(o->null_share * (double)o->n + 0.5);
  p->n_renewed = o->n_renewed;
  fmi_arena arena = {NULL, 0};
  carve(p, o->net, &arena);
  p->block = fmi_alloc(rt->memory, 1, arena.used, err);
  if (p->block == NULL) {
    fmi_release(p);
    return NULL;
  }
  arena = (fmi_arena){p->block, 0};
  carve(p, o->net, &arena);
  return p;
}
