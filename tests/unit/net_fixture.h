/* net_fixture.h - running a network by its plan with everything a run may leave unset poisoned, and nets to
   run. Used where a test needs `real` numbers, which the public functions don't take in the double build. */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include "fixture.h"
#include "net/net.h"

/* One pass over n rows in tiles. What isn't wanted is NULL; rows.d_x is the gradient of x. */
typedef struct net_run {
  const fm_net *net;
  uint32_t wants;
  size_t tile; /* 0: FMI_TILE */
  bool use_blas, clean;
  const real *params;
  fmi_rows rows;
  size_t n;
  const real *d_out; /* [n][dim] */
  real *out, *t_out; /* [n][dim] */
  real *grad;        /* [n_params] */
} net_run;

static inline fmi_rows rows_from(const fmi_rows *all, size_t n_times, size_t first) {
  fmi_rows r = *all;
  r.x += first * r.dim;
  r.t += first * n_times;
  if (r.labels) r.labels += first * r.n_class_columns;
  if (r.cond) r.cond += first * r.cond_dim;
  if (r.dx) r.dx += first * r.dim;
  if (r.dt) r.dt += first * n_times;
  if (r.d_x) r.d_x += first * r.dim;
  r.first_row += first;
  return r;
}

#define RUN(call)                                                                                            \
  do {                                                                                                       \
    if ((call) != FM_OK) ck_abort_msg("line %d: %s", __LINE__, err.text);                                    \
  } while (0)

static inline void run_net(const net_run *r) {
  fmi_error err = {.status = FM_OK};
  fmi_memory *memory = fmi_memory_create(NULL);
  size_t tile = r->tile ? r->tile : FMI_TILE, dim = r->net->dim;
  fmi_plan *plan = fmi_plan_new(memory, r->net, fmi_kernels_get(FM_ISA_AUTO), r->wants, tile,
                                r->wants & FMI_WANT_GRAD ? r->n : 0, r->use_blas, &err);
  ck_assert_ptr_nonnull(plan);
  real *packed = new_reals(plan->packed_reals), *batch = new_reals(plan->batch_reals);
  fmi_workspace work = {new_reals(plan->tile_reals), new_reals(plan->scratch_reals)};
  fmi_weights weights = {r->params, packed};
  fmi_plan_pack(plan, r->params, packed);
  if (!r->clean) poison(batch, plan->batch_reals);
  for (size_t first = 0; first < r->n; first += tile) {
    size_t now = fmi_min(tile, r->n - first), bytes = now * dim * sizeof(real);
    fmi_rows rows = rows_from(&r->rows, r->net->n_times, first);
    if (!r->clean) poison(work.tile, plan->tile_reals), poison(work.scratch, plan->scratch_reals);
    RUN(fmi_run_forward(plan, &weights, &rows, first, now, &work, batch, &err));
    if (r->out) memcpy(r->out + first * dim, fmi_run_output(plan, first, &work, batch), bytes);
    if (r->t_out) memcpy(r->t_out + first * dim, fmi_run_tangent(plan, &work), bytes);
    if (!(r->wants & FMI_WANT_BACKWARD)) continue;
    memcpy(fmi_run_d_output(plan, first, &work, batch), r->d_out + first * dim, bytes);
    if (!r->clean) poison(work.scratch, plan->scratch_reals);
    RUN(fmi_run_backward(plan, &weights, &rows, first, now, &work, batch, &err));
  }
  if (r->grad) poison(r->grad, r->net->n_params);
  for (size_t i = plan->n_parts; r->grad && i-- > 0;) { /* in the order nobody uses */
    if (!r->clean) poison(work.scratch, plan->scratch_reals), poison(work.tile, plan->tile_reals);
    RUN(fmi_run_grad(plan, i, &weights, &r->rows, r->n, &work, batch, r->grad, &err));
  }
  check_guard(packed, plan->packed_reals), check_guard(batch, plan->batch_reals);
  check_guard(work.tile, plan->tile_reals), check_guard(work.scratch, plan->scratch_reals);
  free(packed), free(batch), free(work.tile), free(work.scratch);
  fmi_plan_free(plan);
  fmi_memory_release(memory);
}

/* ---- nets ------------------------------------------------------------------------------------------ */

/* Random numbers everywhere, also where an architecture starts at zero: sums stay of the size of their terms.
 */
static inline real *random_params(const fm_net *net, uint64_t seed) {
  real *params = new_reals(net->n_params);
  fill_reals(params, net->n_params, seed);
  for (size_t i = 0; i < net->n_nodes; i++) {
    const fmi_node *node = &net->nodes[i];
    for (size_t p = 0; p < node->weight_out * node->weight_in; p++)
      params[node->params + p] *= (real)(1.5 / sqrt((double)node->weight_in));
  }
  return params;
}

static inline void destroy_net(void *self) {
  fm_net *net = self;
  fmi_free(net->object.memory, net->n_classes);
  fmi_free(net->object.memory, net->nodes);
  fmi_free(net->object.memory, net->tensors);
  fmi_free(net->object.memory, net->frequencies);
  fmi_object_free(net);
}

/* A random graph in which values have several readers, also the same one twice: what planning must get right
   and no architecture does yet. dim 4, one column of 3 classes, a condition of 2. */
static inline fm_net *random_net(fmi_memory *memory, uint64_t seed) {
  enum { LAYERS = 12, COLUMNS = 4 };
  fmi_error err = {.status = FM_OK};
  fm_net *net = fmi_object_create(memory, sizeof *net, destroy_net, &err);
  ck_assert_ptr_nonnull(net);
  net->dim = COLUMNS, net->n_class_columns = 1, net->cond_dim = 2, net->n_times = 1 + seed % 2;
  net->options.dropout = .25;
  net->n_classes = fmi_alloc(memory, 1, sizeof *net->n_classes, &err);
  net->n_classes[0] = 3;
  net->frequencies = fmi_alloc(memory, 2, sizeof *net->frequencies, &err);
  net->frequencies[0] = 0.003, net->frequencies[1] = 0.001;
  fmi_builder b = {.net = net, .err = &err, .sizes = {.dim = COLUMNS, .n_class_columns = 1, .cond_dim = 2}};
  size_t pool[LAYERS + 4], n = 0, uses[LAYERS + 4] = {0};
  pool[n++] = fmi_build_node(&b, &fmi_op_x, NULL, 0, (fmi_build){0});
  pool[n++] = fmi_build_node(&b, &fmi_op_time, NULL, 0,
                             (fmi_build){.attribute = {COLUMNS / 2 / net->n_times, net->n_times}});
  pool[n++] = fmi_build_node(&b, &fmi_op_embed, NULL, 0,
                             (fmi_build){.name = "e", .attribute = {COLUMNS, 0}, .table_rows = 4});
  size_t cond = fmi_build_node(&b, &fmi_op_cond, NULL, 0, (fmi_build){0});
  pool[n++] = fmi_build_linear(&b, cond, COLUMNS, 0, 1, "c");
  for (size_t layer = 0; layer < LAYERS; layer++) {
    size_t pick[3], in[3];
    for (size_t j = 0; j < 3; j++) {
      pick[j] = next_word(&seed) % n;
      in[j] = pool[pick[j]];
    }
    size_t kind = next_word(&seed) % 9, used = 1, made;
    uint32_t act = kind == 1 ? FM_ACT_TANH : FM_ACT_SILU;
    switch (kind) {
    case 0:
    case 1:
      made = fmi_build_linear(&b, in[0], COLUMNS, act, 1, "l");
      break;
    case 2:
      made = fmi_build_node(&b, &fmi_op_activation, in, 1, (fmi_build){.activation = FM_ACT_GELU});
      break;
    case 3:
      made = fmi_build_node(&b, &fmi_op_add, in, used = 2, (fmi_build){0});
      break;
    case 4:
      made = fmi_build_node(&b, &fmi_op_mul, in, used = 2, (fmi_build){0});
      break;
    case 5:
      made = fmi_build_node(&b, &fmi_op_gated_add, in, used = 3, (fmi_build){0});
      break;
    case 6:
      made = fmi_build_dropout(&b, in[0]);
      break;
    case 7:
      in[1] = fmi_build_linear(&b, in[1], 2 * COLUMNS, 0, 1, "m");
      made = fmi_build_node(&b, &fmi_op_adaln, in, used = 2, (fmi_build){0});
      break;
    default:
      made = fmi_build_node(&b, &fmi_op_concat, in, used = 3, (fmi_build){0});
      made = fmi_build_linear(&b, made, COLUMNS, act, 1, "j");
    }
    for (size_t j = 0; j < used; j++) uses[pick[j]]++;
    pool[n++] = made;
  }
  net->output = pool[n - 1]; /* everything that nobody read yet flows into the output */
  for (size_t i = 0; i + 1 < n; i++)
    if (uses[i] == 0)
      net->output = fmi_build_node(&b, &fmi_op_add, (size_t[]){net->output, pool[i]}, 2, (fmi_build){0});
  ck_assert_int_eq(b.status, FM_OK);
  return net;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

/* n rows of a training step for a net, some without class and some without condition. Free with free_rows. */
typedef struct net_rows {
  size_t n, cells;
  real *x, *cond, *dx, *d_x, *w;
  double *t, *dt;
  int32_t *labels;
} net_rows;

static inline net_rows random_rows(const fm_net *net, size_t n, uint64_t seed) {
  net_rows r = {.n = n, .cells = n * net->dim};
  r.x = new_reals(r.cells), r.dx = new_reals(r.cells), r.d_x = new_reals(r.cells), r.w = new_reals(r.cells);
  r.cond = new_reals(n * net->cond_dim);
  r.t = new_block(n * net->n_times, sizeof *r.t), r.dt = new_block(n * net->n_times, sizeof *r.dt);
  r.labels = new_block(n * net->n_class_columns, sizeof *r.labels);
  fill_reals(r.x, r.cells, seed), fill_reals(r.dx, r.cells, seed + 1), fill_reals(r.w, r.cells, seed + 2);
  fill_reals(r.cond, n * net->cond_dim, seed + 3);
  for (size_t i = 0; i < n; i++) {
    for (size_t k = i * net->n_times; k < (i + 1) * net->n_times; k++) {
      r.t[k] = 0.5 + 0.45 * next_uniform(&seed);
      r.dt[k] = 1e-3 * next_uniform(&seed); /* the fastest time feature turns by 1000 dt */
    }
    for (size_t k = 0; k < net->n_class_columns; k++)
      r.labels[i * net->n_class_columns + k] = (int32_t)(next_word(&seed) % (net->n_classes[k] + 1)) - 1;
    if (net->cond_dim && i % 5 == 2) r.cond[i * net->cond_dim] = (real)NAN; /* absent */
  }
  return r;
}
static inline void free_rows(net_rows *r) {
  check_guard(r->d_x, r->cells);
  free(r->x), free(r->cond), free(r->dx), free(r->d_x), free(r->w), free(r->t), free(r->dt), free(r->labels);
}
static inline fmi_rows rows_of(const net_rows *r, const fm_net *net) {
  return (fmi_rows){.x = r->x,
                    .t = r->t,
                    .labels = net->n_class_columns ? r->labels : NULL,
                    .cond = net->cond_dim ? r->cond : NULL,
                    .dim = net->dim,
                    .n_class_columns = net->n_class_columns,
                    .cond_dim = net->cond_dim,
                    .training = true, /* units fall where the net has dropout */
                    .seed = 8,
                    .first_row = 1000};
}
#endif
