/* net.c - public functions on architectures. */
#include "api/api.h"

#include <math.h>

fm_status fm_net_create(fm_ctx *ctx, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                        size_t cond_dim, const fm_net_options *options, fm_net **out) {
  REQUIRE_OUT();
  READ_OPTIONS(fm_net_options, o, options);
  RETURN_HANDLE(fmi_net_new(ctx->memory, dim, n_classes, n_class_columns, cond_dim, &o, &ctx->err));
}

fm_status fm_net_create_custom(fm_ctx *ctx, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                               size_t cond_dim, size_t n_params, fm_net_fn forward, fm_net_fn vjp,
                               fm_net_init_fn init, void *user, fm_net **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(forward);
  REQUIRE_POINTER(vjp);
  fmi_custom custom = {.forward = forward, .vjp = vjp, .init = init, .user = user, .n_params = n_params};
  RETURN_HANDLE(
      fmi_net_new_custom(ctx->memory, dim, n_classes, n_class_columns, cond_dim, &custom, &ctx->err));
}

void fm_net_destroy(fm_net *net) { fmi_release(net); }

size_t fm_net_dim(const fm_net *net) { return net ? net->dim : 0; }
size_t fm_net_n_params(const fm_net *net) { return net ? net->n_params : 0; }
size_t fm_net_n_class_columns(const fm_net *net) { return net ? net->n_class_columns : 0; }
size_t fm_net_cond_dim(const fm_net *net) { return net ? net->cond_dim : 0; }
size_t fm_net_n_times(const fm_net *net) { return net ? net->n_times : 0; }

uint32_t fm_net_n_classes(const fm_net *net, size_t column) {
  return net && column < net->n_class_columns ? net->n_classes[column] : 0;
}

fm_status fm_net_tensor(fm_ctx *ctx, const fm_net *net, size_t index, const char **name, size_t *offset,
                        uint64_t shape[3]) {
  REQUIRE_CTX();
  REQUIRE_POINTER(net);
  REQUIRE(index < net->n_tensors, "index: expected below %zu, found %zu", net->n_tensors, index);
  const fmi_net_tensor *t = &net->tensors[index];
  if (name) *name = t->name;
  if (offset) *offset = t->offset;
  if (shape) memcpy(shape, t->shape, sizeof t->shape);
  return FM_OK;
}

/* What a net computed for n rows, first on. */
static fm_status check_finite(fm_ctx *ctx, const char *what, const real *x, size_t first, size_t n,
                              size_t dim) {
  for (size_t i = 0; i < n * dim; i++)
    if (!isfinite(x[i]))
      return fmi_fail(&ctx->err, FM_E_NONFINITE, "%s: the net gave %g in row %zu, column %zu", what,
                      (double)x[i], first + i / dim, i % dim);
  return FM_OK;
}

fm_status fm_net_init(fm_ctx *ctx, const fm_net *net, uint64_t seed, float *params) {
  REQUIRE_CTX();
  REQUIRE_POINTER(net);
  REQUIRE_ARRAY(params, net->n_params);
  real *reals = fmi_alloc(ctx->memory, net->n_params, sizeof *reals, &ctx->err);
  if (reals == NULL) return FM_E_NOMEM;
  fm_status status = fmi_net_init(net, seed, reals, &ctx->err);
  if (status == FM_OK) fmi_floats_from_reals(params, reals, net->n_params);
  fmi_free(ctx->memory, reals);
  return status;
}

/* ---- running a net on a caller's parameters -------------------------------------------------------- */

/* A plan with everything it needs, for one call. Arrays of n rows are `real` copies. */
typedef struct session {
  fm_ctx *ctx;
  fmi_plan *plan;
  void *block;
  fmi_weights weights;
  fmi_workspace work;
  fmi_rows rows;
  real *params, *packed, *batch_block, *x, *cond, *dx, *d_x, *grad;
  size_t n;
} session;

static void carve(session *s, fmi_arena *a, bool grad) {
  const fm_net *net = s->plan->net;
  size_t cells = fmi_mul_size(s->n, net->dim);
  s->params = fmi_arena_take(a, net->n_params, sizeof(real));
  s->grad = fmi_arena_take(a, grad ? net->n_params : 0, sizeof(real));
  s->packed = fmi_arena_take(a, s->plan->packed_reals, sizeof(real));
  s->batch_block = fmi_arena_take(a, s->plan->batch_reals, sizeof(real));
  s->x = fmi_arena_take(a, cells, sizeof(real));
  s->dx = fmi_arena_take(a, cells, sizeof(real));
  s->d_x = fmi_arena_take(a, cells, sizeof(real));
  s->cond = fmi_arena_take(a, fmi_mul_size(s->n, net->cond_dim), sizeof(real));
  s->work = fmi_workspace_take(a, s->plan);
}

static void close_session(session *s) {
  fmi_free(s->ctx->memory, s->block);
  fmi_plan_free(s->plan);
}

static fm_status open_session(session *s, const fm_net *net, uint32_t wants, const float *params,
                              const float *x, const double *t, const int32_t *labels, const float *cond) {
  const fmi_runtime *rt = &s->ctx->runtime;
  bool grad = wants & FMI_WANT_GRAD;
  s->plan = fmi_plan_new(rt->memory, net, rt->kernels, wants, FMI_TILE, grad ? s->n : 0, false, &s->ctx->err);
  if (s->plan == NULL) return FM_E_NOMEM;
  fmi_arena arena = {NULL, 0};
  carve(s, &arena, grad);
  s->block = fmi_alloc(rt->memory, 1, arena.used, &s->ctx->err);
  if (s->block == NULL) {
    close_session(s);
    return FM_E_NOMEM;
  }
  arena = (fmi_arena){s->block, 0};
  carve(s, &arena, grad);
  fmi_reals_from_floats(s->params, params, net->n_params);
  fmi_reals_from_floats(s->x, x, s->n * net->dim);
  if (cond) fmi_reals_from_floats(s->cond, cond, s->n * net->cond_dim);
  fmi_plan_pack(s->plan, s->params, s->packed);
  s->weights = (fmi_weights){s->params, s->packed};
  s->rows = (fmi_rows){.x = s->x,
                       .t = t,
                       .labels = net->n_class_columns ? labels : NULL,
                       .cond = cond && net->cond_dim ? s->cond : NULL,
                       .dim = net->dim,
                       .n_class_columns = net->n_class_columns,
                       .cond_dim = net->cond_dim};
  return FM_OK;
}

/* The rows from `first` on. */
static fmi_rows rows_from(const session *s, size_t first) {
  fmi_rows r = s->rows;
  r.x += first * r.dim;
  r.t += first * s->plan->net->n_times;
  if (r.labels) r.labels += first * r.n_class_columns;
  if (r.cond) r.cond += first * r.cond_dim;
  if (r.dx) r.dx += first * r.dim;
  if (r.dt) r.dt += first * s->plan->net->n_times;
  if (r.d_x) r.d_x += first * r.dim;
  return r;
}

static fm_status check_call(fm_ctx *ctx, const fm_net *net, const float *params, const float *x,
                            const double *t, const int32_t *labels, const float *cond, size_t n) {
  REQUIRE_CTX();
  REQUIRE_POINTER(net);
  REQUIRE_CELLS(n, net->dim);
  REQUIRE_ARRAY(params, net->n_params);
  REQUIRE_ARRAY(x, n);
  REQUIRE_ARRAY(t, n);
  FMI_TRY(fmi_check_finite_f32("params", params, 1, net->n_params, &ctx->err));
  FMI_TRY(fmi_check_finite_f32("x", x, n, net->dim, &ctx->err));
  FMI_TRY(fmi_check_finite_f64("t", t, n, net->n_times, &ctx->err));
  FMI_TRY(fmi_check_labels(net, labels, n, &ctx->err));
  return cond ? fmi_check_finite_f32("cond", cond, n, net->cond_dim, &ctx->err) : FM_OK;
}

fm_status fm_net_velocity(fm_ctx *ctx, const fm_net *net, const float *params, const float *x,
                          const double *t, const int32_t *labels, const float *cond, size_t n, float *out) {
  FMI_TRY(check_call(ctx, net, params, x, t, labels, cond, n));
  REQUIRE_ARRAY(out, n);
  session s = {.ctx = ctx, .n = n};
  FMI_TRY(open_session(&s, net, 0, params, x, t, labels, cond));
  fm_status status = FM_OK;
  for (size_t first = 0; first < n && status == FM_OK; first += FMI_TILE) {
    size_t now = fmi_min(FMI_TILE, n - first);
    fmi_rows rows = rows_from(&s, first);
    status = fmi_run_forward(s.plan, &s.weights, &rows, first, now, &s.work, s.batch_block, &ctx->err);
    if (status != FM_OK) break;
    const real *v = fmi_run_output(s.plan, first, &s.work, s.batch_block);
    status = check_finite(ctx, "out", v, first, now, net->dim);
    memcpy(s.d_x + first * net->dim, v, now * net->dim * sizeof *v);
  }
  /* Only now: out is untouched where any row failed. */
  if (status == FM_OK) fmi_floats_from_reals(out, s.d_x, n * net->dim);
  close_session(&s);
  return status;
}

static fm_status backward_all(session *s, const float *d_out) {
  size_t dim = s->rows.dim;
  for (size_t first = 0; first < s->n; first += FMI_TILE) {
    size_t now = fmi_min(FMI_TILE, s->n - first);
    fmi_rows rows = rows_from(s, first);
    FMI_TRY(fmi_run_forward(s->plan, &s->weights, &rows, first, now, &s->work, s->batch_block, &s->ctx->err));
    real *d = fmi_run_d_output(s->plan, first, &s->work, s->batch_block);
    if (d) fmi_reals_from_floats(d, d_out + first * dim, now * dim);
    FMI_TRY(
        fmi_run_backward(s->plan, &s->weights, &rows, first, now, &s->work, s->batch_block, &s->ctx->err));
  }
  for (size_t i = 0; i < s->plan->n_parts; i++)
    FMI_TRY(fmi_run_grad(s->plan, i, &s->weights, &s->rows, s->n, &s->work, s->batch_block, s->grad,
                         &s->ctx->err));
  return FM_OK;
}

fm_status fm_net_vjp(fm_ctx *ctx, const fm_net *net, const float *params, const float *x, const double *t,
                     const int32_t *labels, const float *cond, const float *d_out, size_t n, float *d_x,
                     float *d_params) {
  FMI_TRY(check_call(ctx, net, params, x, t, labels, cond, n));
  REQUIRE_ARRAY(d_out, n);
  FMI_TRY(fmi_check_finite_f32("d_out", d_out, n, net->dim, &ctx->err));
  session s = {.ctx = ctx, .n = n};
  uint32_t wants = FMI_WANT_BACKWARD | (d_x ? FMI_WANT_DX : 0) | (d_params ? FMI_WANT_GRAD : 0);
  FMI_TRY(open_session(&s, net, wants, params, x, t, labels, cond));
  s.rows.d_x = d_x ? s.d_x : NULL;
  fm_status status = backward_all(&s, d_out);
  if (status == FM_OK && d_x) status = check_finite(ctx, "d_x", s.d_x, 0, n, net->dim);
  if (status == FM_OK && d_params) status = check_finite(ctx, "d_params", s.grad, 0, 1, net->n_params);
  if (status == FM_OK && d_x) fmi_floats_from_reals(d_x, s.d_x, n * net->dim);
  if (status == FM_OK && d_params) fmi_floats_from_reals(d_params, s.grad, net->n_params);
  close_session(&s);
  return status;
}

fm_status fm_net_jvp(fm_ctx *ctx, const fm_net *net, const float *params, const float *x, const double *t,
                     const int32_t *labels, const float *cond, const float *dx, const double *dt, size_t n,
                     float *out, float *d_out) {
  FMI_TRY(check_call(ctx, net, params, x, t, labels, cond, n));
  REQUIRE_ARRAY(d_out, n);
  if (dx) FMI_TRY(fmi_check_finite_f32("dx", dx, n, net->dim, &ctx->err));
  if (dt) FMI_TRY(fmi_check_finite_f64("dt", dt, n, net->n_times, &ctx->err));
  for (size_t i = 0; i < net->n_nodes; i++)
    if (net->nodes[i].op->jvp == NULL)
      return fmi_fail(&ctx->err, FM_E_UNSUPPORTED, "net: its operator '%s' has no Jacobian-vector product",
                      net->nodes[i].op->name);
  session s = {.ctx = ctx, .n = n};
  FMI_TRY(open_session(&s, net, FMI_WANT_TANGENT, params, x, t, labels, cond));
  if (dx) fmi_reals_from_floats(s.dx, dx, n * net->dim);
  s.rows.dx = dx ? s.dx : NULL;
  s.rows.dt = dt;
  fm_status status = FM_OK;
  for (size_t first = 0; first < n && status == FM_OK; first += FMI_TILE) {
    size_t now = fmi_min(FMI_TILE, n - first), cells = now * net->dim;
    fmi_rows rows = rows_from(&s, first);
    status = fmi_run_forward(s.plan, &s.weights, &rows, first, now, &s.work, s.batch_block, &ctx->err);
    if (status != FM_OK) break;
    const real *v = fmi_run_output(s.plan, first, &s.work, NULL), *tangent = fmi_run_tangent(s.plan, &s.work);
    status = check_finite(ctx, "out", v, first, now, net->dim);
    if (status == FM_OK) status = check_finite(ctx, "d_out", tangent, first, now, net->dim);
    memcpy(s.x + first * net->dim, v, cells * sizeof *v); /* the inputs of these rows are done with */
    memcpy(s.d_x + first * net->dim, tangent, cells * sizeof *tangent);
  }
  if (status == FM_OK && out) fmi_floats_from_reals(out, s.x, n * net->dim);
  if (status == FM_OK) fmi_floats_from_reals(d_out, s.d_x, n * net->dim);
  close_session(&s);
  return status;
}
