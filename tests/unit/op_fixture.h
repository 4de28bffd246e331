/* op_fixture.h - one operator with everything a call needs, in guarded blocks of exactly the documented size.
 */
#ifndef OP_FIXTURE_H
#define OP_FIXTURE_H

#include "fixture.h"
#include "op/op.h"

/* What rows bring from outside in every example. */
#define OUTSIDE_DIM 5u
#define OUTSIDE_CLASSES 2u
#define OUTSIDE_COND 3u

typedef struct example {
  const fmi_op *op;
  const char *what;
  size_t n_inputs;
  fmi_shape in[FMI_MAX_INPUTS];
  size_t attribute[2];
  size_t table_rows;
  uint32_t activation;
  double dropout;
} example;

typedef struct bench {
  fmi_node node;
  const fmi_kernels *kernels;
  size_t rows, n_times;
  bool blas;    /* products by the BLAS: nothing is packed */
  bool at_rest; /* not training */
  uint64_t first_row;
  size_t n_in[FMI_MAX_INPUTS], n_out, n_extra, n_scratch, n_packed, n_packed_back;
  real *in[FMI_MAX_INPUTS], *t_in[FMI_MAX_INPUTS], *d_in[FMI_MAX_INPUTS];
  real *out, *t_out, *d_out, *extra, *scratch, *params, *d_params, *packed, *packed_back;
  real *x, *dx, *d_x, *cond;
  double *t, *dt;
  int32_t *labels;
  double *constants;
  fmi_error err;
} bench;

/* The caller's network of the custom operator: v_j = tanh(p_j x_j) + p_j t, so n_params = dim. */
#ifdef FMI_DOUBLE
static inline int32_t custom_forward(void *user, const fm_net_call *c) { return (void)user, (void)c, 1; }
static inline int32_t custom_vjp(void *user, const fm_net_call *c) { return (void)user, (void)c, 1; }
#else
static inline int32_t custom_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (size_t i = 0; i < c->n * c->dim; i++) {
    float p = c->params[i % c->dim];
    c->velocity[i] = tanhf(p * c->x[i]) + p * (float)c->t[i / c->dim];
  }
  return 0;
}
static inline int32_t custom_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (size_t i = 0; i < c->n * c->dim; i++) {
    float p = c->params[i % c->dim], y = tanhf(p * c->x[i]), d = c->d_velocity[i] * (1 - y * y);
    if (c->d_x) c->d_x[i] = d * p;
    if (c->d_params) c->d_params[i % c->dim] += d * c->x[i] + c->d_velocity[i] * (float)c->t[i / c->dim];
  }
  return 0;
}
#endif
static const fmi_custom custom_net = {custom_forward, custom_vjp, NULL, NULL, OUTSIDE_DIM};

/* Random numbers at least 0.1 from 0, where some activations have a kink. */
static inline void fill_off_zero(real *x, size_t n, uint64_t seed) {
  fill_reals(x, n, seed);
  for (size_t i = 0; i < n; i++) x[i] += x[i] < 0 ? (real)-0.1 : (real)0.1;
}

static inline void bench_pack(bench *b) {
  const fmi_node *node = &b->node;
  if (b->n_packed == 0) return;
  b->kernels->pack(node->weight_in, node->weight_out, b->params, 1, node->weight_in, b->packed);
  b->kernels->pack(node->weight_out, node->weight_in, b->params, node->weight_in, 1, b->packed_back);
}

static inline void bench_sizes(bench *b, const example *e) {
  const fmi_rows sizes = {.dim = OUTSIDE_DIM, .n_class_columns = OUTSIDE_CLASSES, .cond_dim = OUTSIDE_COND};
  b->node = (fmi_node){.op = e->op,
                       .n_inputs = e->n_inputs,
                       .attribute = {e->attribute[0], e->attribute[1]},
                       .table_rows = e->table_rows,
                       .activation = e->activation,
                       .gain = 1,
                       .dropout = e->dropout,
                       .custom = &custom_net};
  memcpy(b->node.in_shape, e->in, sizeof e->in);
  b->constants = new_block(e->attribute[0] + 1, sizeof *b->constants);
  for (size_t i = 0; i < e->attribute[0]; i++)
    b->constants[i] = pow(1e4, -(double)i / (double)e->attribute[0]);
  b->node.constants = b->constants;
  e->op->setup(&b->node, &sizes);
  const fmi_node *node = &b->node;
  for (size_t j = 0; j < e->n_inputs; j++) b->n_in[j] = b->rows * fmi_shape_size(e->in[j]);
  b->n_out = b->rows * fmi_shape_size(node->shape);
  b->n_extra = b->rows * node->extra;
  b->n_scratch = e->op->scratch ? e->op->scratch(node, b->rows) : 0;
  bool packs = node->weight_out > 0 && !b->blas;
  b->n_packed = packs ? fmi_packed_count(node->weight_in, node->weight_out) : 0;
  b->n_packed_back = packs ? fmi_packed_count(node->weight_out, node->weight_in) : 0;
}

static inline bench bench_open(const example *e, const fmi_kernels *kernels, size_t rows, bool blas) {
  bench b = {.kernels = kernels, .rows = rows, .blas = blas, .err = {.status = FM_OK}};
  bench_sizes(&b, e);
  for (size_t j = 0; j < e->n_inputs; j++) {
    b.in[j] = new_reals(b.n_in[j]);
    b.t_in[j] = new_reals(b.n_in[j]);
    b.d_in[j] = new_reals(b.n_in[j]);
    fill_off_zero(b.in[j], b.n_in[j], 10 + j);
    fill_reals(b.t_in[j], b.n_in[j], 20 + j);
  }
  b.out = new_reals(b.n_out), b.t_out = new_reals(b.n_out), b.d_out = new_reals(b.n_out);
  b.extra = new_reals(b.n_extra), b.scratch = new_reals(b.n_scratch);
  b.params = new_reals(b.node.n_params), b.d_params = new_reals(b.node.n_params);
  b.packed = new_reals(b.n_packed), b.packed_back = new_reals(b.n_packed_back);
  b.x = new_reals(rows * OUTSIDE_DIM), b.dx = new_reals(rows * OUTSIDE_DIM),
  b.d_x = new_reals(rows * OUTSIDE_DIM);
  b.cond = new_reals(rows * OUTSIDE_COND);
  b.n_times = e->op == &fmi_op_time && e->attribute[1] ? e->attribute[1] : 1;
  b.t = new_block(rows * b.n_times, sizeof *b.t), b.dt = new_block(rows * b.n_times, sizeof *b.dt);
  b.labels = new_block(rows * OUTSIDE_CLASSES, sizeof *b.labels);
  fill_reals(b.params, b.node.n_params, 1);
  for (size_t i = 0; i < b.node.n_params && b.node.weight_in > 0; i++) /* sums of the size of their terms */
    b.params[i] *= (real)(1.5 / sqrt((double)b.node.weight_in));
  fill_reals(b.x, rows * OUTSIDE_DIM, 2);
  fill_reals(b.dx, rows * OUTSIDE_DIM, 3);
  fill_reals(b.cond, rows * OUTSIDE_COND, 4);
  uint64_t seed = 5;
  for (size_t r = 0; r < rows; r++) {
    for (size_t k = r * b.n_times; k < (r + 1) * b.n_times; k++) {
      b.t[k] = 0.5 + 0.45 * next_uniform(&seed);
      b.dt[k] = 1e-3 * next_uniform(&seed); /* the fastest time feature turns by 1000 dt */
    }
    for (size_t k = 0; k < OUTSIDE_CLASSES; k++)
      b.labels[r * OUTSIDE_CLASSES + k] = (int32_t)(next_word(&seed) % 4) - 1;
    if (r % 4 == 3) b.cond[r * OUTSIDE_COND] = (real)NAN; /* absent */
  }
  bench_pack(&b);
  return b;
}

static inline void bench_close(bench *b) {
  const struct {
    real *block;
    size_t n;
  } blocks[] = {{b->in[0], b->n_in[0]},
                {b->in[1], b->n_in[1]},
                {b->in[2], b->n_in[2]},
                {b->t_in[0], b->n_in[0]},
                {b->t_in[1], b->n_in[1]},
                {b->t_in[2], b->n_in[2]},
                {b->d_in[0], b->n_in[0]},
                {b->d_in[1], b->n_in[1]},
                {b->d_in[2], b->n_in[2]},
                {b->out, b->n_out},
                {b->t_out, b->n_out},
                {b->d_out, b->n_out},
                {b->extra, b->n_extra},
                {b->scratch, b->n_scratch},
                {b->params, b->node.n_params},
                {b->packed, b->n_packed},
                {b->packed_back, b->n_packed_back},
                {b->d_params, b->node.n_params},
                {b->x, b->rows * OUTSIDE_DIM},
                {b->dx, b->rows * OUTSIDE_DIM},
                {b->d_x, b->rows * OUTSIDE_DIM},
                {b->cond, b->rows * OUTSIDE_COND}};
  for (size_t i = 0; i < FMI_COUNT(blocks); i++) {
    if (blocks[i].block == NULL) continue;
    check_guard(blocks[i].block, blocks[i].n);
    free(blocks[i].block);
  }
  free(b->t), free(b->dt), free(b->labels), free(b->constants);
}

/* ---- calls on rows first .. first + n -------------------------------------------------------------- */

static inline fmi_rows bench_outside(const bench *b, size_t first) {
  return (fmi_rows){.x = b->x + first * OUTSIDE_DIM,
                    .t = b->t + first * b->n_times,
                    .labels = b->labels + first * OUTSIDE_CLASSES,
                    .cond = b->cond + first * OUTSIDE_COND,
                    .dx = b->dx + first * OUTSIDE_DIM,
                    .dt = b->dt + first * b->n_times,
                    .d_x = b->d_x + first * OUTSIDE_DIM,
                    .dim = OUTSIDE_DIM,
                    .n_class_columns = OUTSIDE_CLASSES,
                    .cond_dim = OUTSIDE_COND,
                    .training = !b->at_rest,
                    .seed = 6,
                    .first_row = b->first_row + first};
}

static inline fmi_call bench_call(bench *b, size_t first, size_t n, const fmi_rows *outside) {
  const fmi_node *node = &b->node;
  size_t size = fmi_shape_size(node->shape);
  fmi_call c = {.kernels = b->kernels,
                .node = node,
                .outside = outside,
                .rows = n,
                .out = b->out + first * size,
                .extra = b->n_extra ? b->extra + first * node->extra : NULL,
                .params = b->params,
                .packed = b->n_packed ? b->packed : NULL,
                .packed_back = b->n_packed ? b->packed_back : NULL,
                .scratch = b->scratch,
                .d_out = b->d_out + first * size,
                .d_params = b->d_params,
                .t_out = b->t_out + first * size,
                .err = &b->err};
  for (size_t j = 0; j < node->n_inputs; j++) {
    size_t at = first * fmi_shape_size(node->in_shape[j]);
    c.in[j] = b->in[j] + at;
    c.t_in[j] = b->t_in[j] + at;
    c.d_in[j] = b->d_in[j] + at;
  }
  return c;
}

#define RAN(b, call)                                                                                         \
  do {                                                                                                       \
    fm_status status_ = (call);                                                                              \
    ck_assert_msg(status_ == FM_OK, "%s: %s", (b)->node.op->name, (b)->err.text);                            \
  } while (0)

/* Results start as NaN: what isn't written, or is read before it is written, shows. */
static inline void bench_forward(bench *b) {
  fmi_rows outside = bench_outside(b, 0);
  fmi_call c = bench_call(b, 0, b->rows, &outside);
  poison(b->out, b->n_out), poison(b->extra, b->n_extra), poison(b->scratch, b->n_scratch);
  RAN(b, b->node.op->forward(&c));
}

static inline void bench_jvp(bench *b) {
  fmi_rows outside = bench_outside(b, 0);
  fmi_call c = bench_call(b, 0, b->rows, &outside);
  poison(b->t_out, b->n_out), poison(b->scratch, b->n_scratch);
  RAN(b, b->node.op->jvp(&c));
}

/* d_out, which vjp may change, is w [n_out]. */
static inline void bench_vjp(bench *b, const real *w) {
  fmi_rows outside = bench_outside(b, 0);
  fmi_call c = bench_call(b, 0, b->rows, &outside);
  memcpy(b->d_out, w, b->n_out * sizeof *w);
  for (size_t j = 0; j < b->node.n_inputs; j++) poison(b->d_in[j], b->n_in[j]);
  poison(b->d_x, b->rows * OUTSIDE_DIM), poison(b->scratch, b->n_scratch);
  RAN(b, b->node.op->vjp(&c));
}

static inline void bench_grad_part(bench *b, size_t part) {
  fmi_rows outside = bench_outside(b, 0);
  fmi_call c = bench_call(b, 0, b->rows, &outside);
  poison(b->scratch, b->n_scratch);
  RAN(b, b->node.op->grad(&c, part));
}
#endif
