/* net_test.c - whole networks: reference numbers, derivatives, the plan's use of memory, the names of their
   parameters, conditions, and the caller's own network. */
#include "net_fixture.h"

static fmi_memory *memory;
static fmi_error err;

static fm_net *net_of(size_t dim, const uint32_t *n_classes, size_t columns, size_t cond_dim,
                      fm_net_options o) {
  fm_net *net = fmi_net_new(memory, dim, n_classes, columns, cond_dim, &o, &err);
  ck_assert_msg(net != NULL, "%s", err.text);
  return net;
}
static double dot(const real *a, const real *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

/* ---- reference numbers, computed in double by another program ----------------------------------------- */

#define PARITY (IS_DOUBLE ? 1e-12 : 2e-6)

typedef struct small_mlp {
  uint32_t activation;
  double out[2], loss, div;
  double grad[14]; /* of the loss, parameter by parameter */
} small_mlp;

/* An MLP on [x, t] with two units, whose loss against (2, 2.5) is a mean square. */
static const small_mlp small[] = {
    {FM_ACT_SELU,
     {0.7243969349967132, 0.12315090005765719},
     3.6382874116712522,
     0.12903901917849342,
     {-4.778724159607208, 4.380497146306608, -0.7964540266012013, -2.764909643993788, 2.5345005069943056,
      -0.46081827399896463, -3.185816106404806, -1.8432730959958592, -0.6835414739350415, 0.5091197835702082,
      -1.2736524250132466, 0.9486500405504841, -1.2756030650032868, -2.376849099942343}},
    {FM_ACT_SILU,
     {0.3428674540754202, 0.21452174341827043},
     3.9847495680351708,
     -0.014801278530546746,
     {-3.5918349281256434, 3.2925153507818394, -0.5986391546876072, -0.5365013396249034, 0.49179289465616144,
      -0.0894168899374839, -2.394556618750429, -0.3576675597499356, -0.5280474433104749, 0.18603703798951274,
      -0.7282706221042322, 0.2565779100106165, -1.6571325459245798, -2.2854782565817295}},
    {FM_ACT_TANH,
     {0.5605262116796923, 0.21099496350652633},
     3.655814422176853,
     0.08286663103385025,
     {-3.585346920847989, 3.286568010777323, -0.5975578201413315, -1.5978304337478406, 1.4646778976021873,
      -0.2663050722913068, -2.390231280565326, -1.0652202891652272, -0.6764737958110802, 0.36268364832754,
      -1.0757069272336506, 0.5767279018288289, -1.4394737883203077, -2.2890050364934735}}};

START_TEST(small_mlp_has_the_reference_numbers) {
  static const double values[] = {.1, -.2, .3, .4, .5, -.6, .01, -.02, .7, -.8, .9, 1, .03, .04};
  const small_mlp *m = &small[_i];
  fm_net *net = net_of(
      2, NULL, 0, 0,
      (fm_net_options){
          .kind = FM_NET_MLP, .width = 2, .depth = 2, .time_features = -1, .activation = m->activation});
  ck_assert_uint_eq(net->n_params, FMI_COUNT(values));
  real params[14], x[2] = {(real)1.5, (real)-1.375}, u[2] = {2, 2.5}, out[2], t_out[2], d[2], grad[14],
                   div = 0;
  const double t = 0.25;
  for (size_t i = 0; i < 14; i++) params[i] = (real)values[i];
  net_run run = {
      .net = net, .params = params, .n = 1, .rows = {.x = x, .t = &t, .dim = 2}, .out = out, .t_out = t_out};
  run.wants = FMI_WANT_TANGENT;
  for (size_t j = 0; j < 2; j++) {
    real e[2] = {j == 0, j == 1};
    run.rows.dx = e;
    run_net(&run);
    div += t_out[j];
  }
  double loss = 0;
  for (size_t j = 0; j < 2; j++) {
    CLOSE((double)out[j], m->out[j], PARITY);
    d[j] = out[j] - u[j];
    loss += (double)d[j] * (double)d[j] / 2;
  }
  CLOSE(loss, m->loss, 4 * PARITY);
  CLOSE((double)div, m->div, PARITY);
  run.wants = FMI_WANT_BACKWARD | FMI_WANT_GRAD;
  run.t_out = NULL, run.d_out = d, run.grad = grad;
  run_net(&run);
  for (size_t i = 0; i < 14; i++) CLOSE((double)grad[i], m->grad[i], 4 * PARITY);
  fmi_release(net);
}
END_TEST

/* The net is the identity on its time features: cosines, then sines, of 1000 t 10000^(-i / 4). */
START_TEST(time_features_have_the_reference_numbers) {
  static const double features[] = {.24098830528525864, .9912028118634736,  -.8011436155469337,
                                    .9689124217106447,  -.9705280195418053, -.13235175009777303,
                                    .5984721441039565,  .24740395925452294};
  fm_net *net = net_of(8, NULL, 0, 0, (fm_net_options){.kind = FM_NET_MLP, .depth = 1, .time_features = 8});
  real *params = new_reals(net->n_params), x[8] = {0}, out[8];
  for (size_t i = 0; i < 8; i++) params[i * 16 + 8 + i] = 1;
  const double t = 0.25;
  run_net(&(net_run){.net = net, .params = params, .n = 1, .rows = {.x = x, .t = &t, .dim = 8}, .out = out});
  for (size_t i = 0; i < 8; i++) CLOSE((double)out[i], features[i], IS_DOUBLE ? 1e-13 : 3e-7);
  free(params);
  fmi_release(net);
}
END_TEST

/* Of two times, those of t and of r - t, which turn by 10 rad. */
START_TEST(a_second_time_is_seen_from_the_first) {
  fm_net *net = net_of(8, NULL, 0, 0,
                       (fm_net_options){.kind = FM_NET_MLP, .depth = 1, .time_features = 4, .n_times = 2});
  real *params = new_reals(net->n_params), x[24] = {0}, out[24];
  const double t[] = {0.25, 0.75, 0.25, 0.25, 0.5, 1};
  for (size_t i = 0; i < 8; i++) params[i * 16 + 8 + i] = 1;
  run_net(&(net_run){.net = net, .params = params, .n = 3, .rows = {.x = x, .t = t, .dim = 8}, .out = out});
  for (size_t r = 0; r < 3; r++)
    for (size_t k = 0; k < 2; k++) {
      const double time = k == 0 ? t[2 * r] : t[2 * r + 1] - t[2 * r];
      const real *seen = out + 8 * r + 4 * k;
      const double fast = 10 * time, slow = time; /* 10 100^(-1/2) = 1 */
      CLOSE((double)seen[0], cos(fast), IS_DOUBLE ? 1e-13 : 3e-7);
      CLOSE((double)seen[1], cos(slow), IS_DOUBLE ? 1e-13 : 3e-7);
      CLOSE((double)seen[2], sin(fast), IS_DOUBLE ? 1e-13 : 3e-7);
      CLOSE((double)seen[3], sin(slow), IS_DOUBLE ? 1e-13 : 3e-7);
    }
  free(params);
  fmi_release(net);
}
END_TEST

/* ---- derivatives of whole nets ------------------------------------------------------------------------ */

static const uint32_t classes[] = {3, 2};

static fm_net *example(int i) {
  switch (i) {
  case 0:
    return net_of(3, NULL, 0, 0,
                  (fm_net_options){.kind = FM_NET_MLP, .width = 9, .depth = 3, .time_features = 6});
  case 1:
    return net_of(3, classes, 2, 4,
                  (fm_net_options){.kind = FM_NET_MLP,
                                   .width = 17,
                                   .depth = 4,
                                   .time_features = -1,
                                   .class_features = 5,
                                   .activation = FM_ACT_GELU});
  case 2:
    return net_of(3, NULL, 0, 0, (fm_net_options){.width = 8, .depth = 2, .time_features = 6});
  case 3:
    return net_of(
        5, classes, 2, 4,
        (fm_net_options){
            .width = 21, .depth = 1, .time_features = -1, .class_features = 5, .activation = FM_ACT_TANH});
  case 4:
    return net_of(
        3, NULL, 0, 0,
        (fm_net_options){.kind = FM_NET_MLP, .width = 9, .depth = 4, .time_features = 6, .dropout = .3});
  case 5:
    return net_of(5, classes, 2, 4,
                  (fm_net_options){.width = 14, .depth = 2, .time_features = 6, .dropout = .5});
  case 6:
    return net_of(3, classes, 2, 0,
                  (fm_net_options){.width = 14, .depth = 2, .time_features = 6, .n_times = 2});
  case 7:
    return net_of(
        4, NULL, 0, 2,
        (fm_net_options){.kind = FM_NET_MLP, .width = 11, .depth = 3, .time_features = -1, .n_times = 2});
  default:
    return random_net(memory, (uint64_t)i);
  }
}

static const int stencil[] = {-2, -1, 1, 2};
static const double stencil_weight[] = {1, -8, 8, -1}; /* over 12 h, of fourth order */
#define STEP (IS_DOUBLE ? 5e-4 : 0x1p-6)
#define DIFFERENCE (IS_DOUBLE ? 1e-8 : 2e-3)

/* d <w, f> along a direction in x, t and the parameters, by differences. */
static double slope_along(const net_run *at, const net_rows *r, const real *direction, bool of_inputs) {
  const fm_net *net = at->net;
  double slope = 0;
  real *x = new_reals(r->cells), *params = new_reals(net->n_params), *out = new_reals(r->cells);
  const size_t n_times = r->n * net->n_times;
  double *t = new_block(n_times, sizeof *t);
  for (size_t k = 0; k < 4; k++) {
    double h = stencil[k] * STEP;
    for (size_t i = 0; i < r->cells; i++) x[i] = r->x[i] + (of_inputs ? (real)h * r->dx[i] : 0);
    for (size_t i = 0; i < n_times; i++) t[i] = r->t[i] + (of_inputs ? (double)(real)h * r->dt[i] : 0);
    for (size_t p = 0; p < net->n_params; p++)
      params[p] = at->params[p] + (direction ? (real)h * direction[p] : 0);
    net_run run = {.net = net, .params = params, .n = r->n, .rows = at->rows, .out = out};
    run.rows.x = x, run.rows.t = t;
    run_net(&run);
    slope += stencil_weight[k] * dot(r->w, out, r->cells) / (12 * STEP);
  }
  free(x), free(params), free(out), free(t);
  return slope;
}

START_TEST(derivatives_agree) {
  fm_net *net = example(_i);
  real *params = random_params(net, 7), *direction = new_reals(net->n_params),
       *grad = new_reals(net->n_params);
  net_rows r = random_rows(net, 61, 11);
  real *t_out = new_reals(r.cells);
  net_run run = {.net = net,
                 .params = params,
                 .n = r.n,
                 .rows = rows_of(&r, net),
                 .wants = FMI_WANT_TANGENT,
                 .t_out = t_out};
  run.rows.dx = r.dx;
  run_net(&run);
  double forward = dot(r.w, t_out, r.cells); /* <w, J dx> */
  run.rows.dt = r.dt;
  run_net(&run);
  double scale = sqrt((double)r.cells) * 4;
  CLOSE(dot(r.w, t_out, r.cells), slope_along(&run, &r, NULL, true), DIFFERENCE * scale);
  run.wants = FMI_WANT_BACKWARD | FMI_WANT_DX | FMI_WANT_GRAD;
  run.rows.dx = NULL, run.rows.dt = NULL, run.rows.d_x = r.d_x;
  run.t_out = NULL, run.d_out = r.w, run.grad = grad;
  poison(r.d_x, r.cells);
  run_net(&run);
  CLOSE(dot(r.d_x, r.dx, r.cells), forward, 200 * EPS * scale); /* <J' w, dx> */
  /* Tensor by tensor, so that none is lost in the sum. */
  for (size_t i = 0; i < net->n_tensors; i++) {
    size_t first = net->tensors[i].offset,
           end = i + 1 < net->n_tensors ? net->tensors[i + 1].offset : net->n_params;
    memset(direction, 0, net->n_params * sizeof *direction);
    fill_reals(direction + first, end - first, 100 + i);
    for (size_t p = first; p < end; p++) direction[p] *= (real)(1 / sqrt((double)(end - first)));
    double slope = slope_along(&run, &r, direction, false), along = dot(grad, direction, net->n_params);
    ck_assert_msg(fabs(along - slope) <= DIFFERENCE * scale, "%s: gradient %.12g, differences %.12g",
                  net->tensors[i].name, along, slope);
  }
  free(params), free(direction), free(grad), free(t_out);
  free_rows(&r);
  fmi_release(net);
}
END_TEST

/* ---- the plan ------------------------------------------------------------------------------------------ */

/* Every way of running a net gives the same bits: with and without derivatives, in tiles of any size, and
   whatever stood in the workspace, which shows values that share memory while both are alive. */
START_TEST(plans_and_tiles_keep_bits) {
  static const uint32_t wants[] = {0,
                                   FMI_WANT_TANGENT,
                                   FMI_WANT_BACKWARD | FMI_WANT_DX,
                                   FMI_WANT_BACKWARD | FMI_WANT_GRAD,
                                   FMI_WANT_BACKWARD | FMI_WANT_DX | FMI_WANT_GRAD,
                                   FMI_WANT_TANGENT | FMI_WANT_BACKWARD | FMI_WANT_DX | FMI_WANT_GRAD};
  static const size_t tiles[] = {FMI_TILE, 1, 7, 61};
  fm_net *net = example(_i);
  real *params = random_params(net, 3), *grad = new_reals(net->n_params),
       *first_grad = new_reals(net->n_params);
  net_rows r = random_rows(net, 61, 5);
  real *out = new_reals(r.cells), *t_out = new_reals(r.cells), *d_x = new_reals(r.cells);
  real *first_out = new_reals(r.cells), *first_t_out = new_reals(r.cells);
  net_run run = {.net = net,
                 .params = params,
                 .n = r.n,
                 .rows = rows_of(&r, net),
                 .wants = wants[5],
                 .clean = true,
                 .d_out = r.w,
                 .out = first_out,
                 .t_out = first_t_out,
                 .grad = first_grad};
  run.rows.dx = r.dx, run.rows.dt = r.dt, run.rows.d_x = r.d_x;
  run_net(&run);
  run.clean = false;
  run.rows.d_x = d_x;
  for (size_t i = 0; i < FMI_COUNT(wants); i++)
    for (size_t k = 0; k < FMI_COUNT(tiles); k++) {
      run.wants = wants[i], run.tile = tiles[k];
      run.out = out, run.t_out = wants[i] & FMI_WANT_TANGENT ? t_out : NULL;
      run.grad = wants[i] & FMI_WANT_GRAD ? grad : NULL;
      poison(out, r.cells), poison(t_out, r.cells), poison(d_x, r.cells);
      run_net(&run);
      SAME(out, first_out, r.cells);
      if (run.t_out) SAME(t_out, first_t_out, r.cells);
      if (run.grad) SAME(grad, first_grad, net->n_params);
      if (wants[i] & FMI_WANT_DX) SAME(d_x, r.d_x, r.cells);
    }
  free(params), free(grad), free(first_grad), free(out), free(t_out), free(d_x), free(first_out),
      free(first_t_out);
  free_rows(&r);
  fmi_release(net);
}
END_TEST

/* Large products may go to the BLAS, which is right to rounding. */
START_TEST(blas_and_own_products_agree) {
  if (quick()) return;
  fm_net *net = net_of(3, NULL, 0, 0, (fm_net_options){.width = 512, .depth = 1});
  real *params = random_params(net, 3), *grad[2];
  net_rows r = random_rows(net, 70, 5);
  for (int blas = 0; blas < 2; blas++) {
    grad[blas] = new_reals(net->n_params);
    net_run run = {.net = net,
                   .params = params,
                   .n = r.n,
                   .rows = rows_of(&r, net),
                   .use_blas = blas,
                   .d_out = r.w,
                   .wants = FMI_WANT_BACKWARD | FMI_WANT_GRAD,
                   .grad = grad[blas]};
    run_net(&run);
  }
  all_close(grad[1], grad[0], net->n_params, 2000 * EPS, "gradient by the BLAS");
  free(grad[0]), free(grad[1]), free(params);
  free_rows(&r);
  fmi_release(net);
}
END_TEST

/* ---- parameters ------------------------------------------------------------------------------------------
 */

START_TEST(tensors_have_names_and_tile_the_block) {
  fm_ctx *ctx = new_ctx(1);
  const fm_net_options options[] = {{.kind = FM_NET_MLP},
                                    {.kind = FM_NET_MLP, .depth = 1, .time_features = -1},
                                    {.depth = 3},
                                    {.depth = 11, .width = 5}};
  for (size_t i = 0; i < FMI_COUNT(options); i++) {
    fm_net_options o = options[i];
    o.struct_size = sizeof o;
    fm_net *net;
    OK(fm_net_create(ctx, 6, classes, 2, 3, &o, &net));
    size_t end = 0, n = 0, offset;
    const char *name, *other;
    uint64_t shape[3];
    for (; fm_net_tensor(ctx, net, n, &name, &offset, shape) == FM_OK; n++) {
      ck_assert_msg(offset == end, "%s starts at %zu, expected %zu", name, offset, end);
      ck_assert_uint_gt(strlen(name), 0);
      size_t count = 1;
      for (size_t k = 0; k < 3 && shape[k] > 0; k++) count *= shape[k];
      end += count;
      for (size_t j = 0; j < n; j++) {
        OK(fm_net_tensor(ctx, net, j, &other, NULL, NULL));
        ck_assert_str_ne(name, other);
      }
    }
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(end, fm_net_n_params(net));
    FAILS(FM_E_INVALID, "index", fm_net_tensor(ctx, net, n, &name, NULL, NULL));
    float *a = new_block(end, sizeof *a), *b = new_block(end, sizeof *b);
    OK(fm_net_init(ctx, net, 5, a));
    OK(fm_net_init(ctx, net, 5, b));
    SAME(a, b, end);
    OK(fm_net_init(ctx, net, 6, b));
    ck_assert_int_ne(memcmp(a, b, end * sizeof *a), 0);
    free(a), free(b);
    fm_net_destroy(net);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- conditions
 * -------------------------------------------------------------------------------------------- */

START_TEST(absent_conditions_are_a_condition_of_their_own) {
  fm_ctx *ctx = new_ctx(1);
  for (uint32_t kind = FM_NET_RESMLP; kind <= FM_NET_MLP; kind++) {
    fm_net_options o = {.struct_size = sizeof o, .kind = kind, .width = 16, .depth = 2};
    fm_net *net;
    OK(fm_net_create(ctx, 2, classes, 2, 3, &o, &net));
    size_t n = fm_net_n_params(net);
    float *params = new_block(n, sizeof *params), x[2] = {.3f, -.4f}, zero[3] = {0}, a[2], b[2];
    fill_normals(params, n, 1);
    const double t = 0.5;
    const int32_t null_labels[2] = {-1, -1}, one_label[2] = {0, -1}, other_label[2] = {-1, 0},
                  wrong[2] = {1, 2};
    OK(fm_net_velocity(ctx, net, params, x, &t, NULL, NULL, 1, a));
    OK(fm_net_velocity(ctx, net, params, x, &t, null_labels, NULL, 1, b));
    SAME(a, b, 2);
    OK(fm_net_velocity(ctx, net, params, x, &t, one_label, NULL, 1, b));
    ck_assert(a[0] != b[0] && a[1] != b[1]);
    OK(fm_net_velocity(ctx, net, params, x, &t, other_label, NULL, 1, a));
    ck_assert(a[0] != b[0] && a[1] != b[1]);
    OK(fm_net_velocity(ctx, net, params, x, &t, other_label, zero, 1, b));
    ck_assert(a[0] != b[0] && a[1] != b[1]);
    FAILS(FM_E_INVALID, "row 0, column 1", fm_net_velocity(ctx, net, params, x, &t, wrong, NULL, 1, a));
    zero[2] = INFINITY;
    FAILS(FM_E_NONFINITE, "row 0, column 2", fm_net_velocity(ctx, net, params, x, &t, NULL, zero, 1, a));
    free(params);
    fm_net_destroy(net);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- the caller's own network
 * ------------------------------------------------------------------------------ */

/* v = W [x, t] + b with W [dim][dim + 1]: what a built-in MLP of one layer is. */
#ifndef FMI_DOUBLE
typedef struct caller {
  int32_t fail_forward, fail_vjp, fail_init;
  unsigned calls;
} caller;
static int32_t linear_forward(void *user, const fm_net_call *c) {
  caller *me = user;
  me->calls++;
  const float *b = c->params + c->dim * (c->dim + 1);
  for (size_t i = 0; i < c->n; i++)
    for (size_t o = 0; o < c->dim; o++) {
      const float *w = c->params + o * (c->dim + 1);
      double sum = b[o] + w[c->dim] * c->t[i];
      for (size_t j = 0; j < c->dim; j++) sum += (double)w[j] * c->x[i * c->dim + j];
      c->velocity[i * c->dim + o] = (float)sum;
    }
  return me->fail_forward;
}
static int32_t linear_vjp(void *user, const fm_net_call *c) {
  caller *me = user;
  for (size_t i = 0; i < c->n; i++)
    for (size_t o = 0; o < c->dim; o++) {
      float d = c->d_velocity[i * c->dim + o];
      const float *w = c->params + o * (c->dim + 1);
      for (size_t j = 0; j < c->dim && c->d_x; j++)
        c->d_x[i * c->dim + j] = d * w[j] + (o ? c->d_x[i * c->dim + j] : 0);
      if (c->d_params == NULL) continue;
      float *dw = c->d_params + o * (c->dim + 1);
      for (size_t j = 0; j < c->dim; j++) dw[j] += d * c->x[i * c->dim + j];
      dw[c->dim] += d * (float)c->t[i];
      c->d_params[c->dim * (c->dim + 1) + o] += d;
    }
  return me->fail_vjp;
}
static int32_t linear_init(void *user, uint64_t seed, float *params, size_t n) {
  for (size_t i = 0; i < n; i++) params[i] = (float)(seed + i);
  return ((caller *)user)->fail_init;
}

START_TEST(custom_network_is_like_a_built_in_one) {
  enum { DIM = 3, N = 130, PARAMS = DIM * (DIM + 2) };
  fm_ctx *ctx = new_ctx(1);
  caller me = {0};
  fm_net_options o = {.struct_size = sizeof o, .kind = FM_NET_MLP, .depth = 1, .time_features = -1};
  fm_net *own, *built_in;
  OK(fm_net_create(ctx, DIM, NULL, 0, 0, &o, &built_in));
  OK(fm_net_create_custom(ctx, DIM, NULL, 0, 0, PARAMS, linear_forward, linear_vjp, linear_init, &me, &own));
  ck_assert_uint_eq(fm_net_n_params(own), fm_net_n_params(built_in));
  float params[PARAMS], x[N * DIM], w[N * DIM], out[2][N * DIM], d_x[2][N * DIM], grad[2][PARAMS];
  double t[N];
  fill_normals(params, PARAMS, 1), fill_normals(x, N * DIM, 2), fill_normals(w, N * DIM, 3);
  for (size_t i = 0; i < N; i++) t[i] = (double)i / N;
  const fm_net *nets[] = {own, built_in};
  for (size_t k = 0; k < 2; k++) {
    OK(fm_net_velocity(ctx, nets[k], params, x, t, NULL, NULL, N, out[k]));
    OK(fm_net_vjp(ctx, nets[k], params, x, t, NULL, NULL, w, N, d_x[k], grad[k]));
  }
  all_close(out[0], out[1], N * DIM, 10 * EPS, "velocity");
  all_close(d_x[0], d_x[1], N * DIM, 10 * EPS, "d_x");
  all_close(grad[0], grad[1], PARAMS, 100 * EPS, "d_params");
  ck_assert_uint_ge(me.calls, 2 * ((N + FMI_TILE - 1) / FMI_TILE));
  OK(fm_net_init(ctx, own, 5, params));
  CLOSE(params[3], 8, 0);
  FAILS(FM_E_UNSUPPORTED, "custom",
        fm_net_jvp(ctx, own, params, x, t, NULL, NULL, NULL, NULL, N, NULL, d_x[0]));
  me = (caller){.fail_forward = 3};
  FAILS(FM_E_CALLBACK, "3", fm_net_velocity(ctx, own, params, x, t, NULL, NULL, N, out[0]));
  me = (caller){.fail_vjp = -4};
  FAILS(FM_E_CALLBACK, "-4", fm_net_vjp(ctx, own, params, x, t, NULL, NULL, w, N, d_x[0], NULL));
  FAILS(FM_E_CALLBACK, "-4", fm_net_vjp(ctx, own, params, x, t, NULL, NULL, w, N, NULL, grad[0]));
  me = (caller){.fail_init = 9};
  FAILS(FM_E_CALLBACK, "9", fm_net_init(ctx, own, 1, params));
  fm_net_destroy(own), fm_net_destroy(built_in);
  fm_ctx_destroy(ctx);
}
END_TEST

/* The public functions against the plan they use: several tiles, and outputs that may be absent. */
START_TEST(public_functions_give_what_the_plan_gives) {
  fm_ctx *ctx = new_ctx(1);
  fm_net *net = example(_i);
  net_rows r = random_rows(net, 100, 5);
  for (size_t i = 0; i < r.n && net->cond_dim; i++)
    if (isnan(r.cond[i * net->cond_dim]))
      r.cond[i * net->cond_dim] = 0; /* callers say "absent" for all rows or none */
  real *params = random_params(net, 3), *grad[2] = {new_reals(net->n_params), new_reals(net->n_params)};
  real *out[2] = {new_reals(r.cells), new_reals(r.cells)},
       *t_out[2] = {new_reals(r.cells), new_reals(r.cells)};
  real *d_x = new_reals(r.cells);
  net_run run = {.net = net,
                 .params = params,
                 .n = r.n,
                 .rows = rows_of(&r, net),
                 .d_out = r.w,
                 .out = out[0],
                 .t_out = t_out[0],
                 .grad = grad[0],
                 .wants = FMI_WANT_TANGENT | FMI_WANT_BACKWARD | FMI_WANT_DX | FMI_WANT_GRAD};
  run.rows.dx = r.dx, run.rows.dt = r.dt, run.rows.d_x = r.d_x;
  run.rows.training = false;
  run_net(&run);
  OK(fm_net_velocity(ctx, net, params, r.x, r.t, r.labels, r.cond, r.n, out[1]));
  SAME(out[1], out[0], r.cells);
  OK(fm_net_vjp(ctx, net, params, r.x, r.t, r.labels, r.cond, r.w, r.n, d_x, grad[1]));
  SAME(d_x, r.d_x, r.cells);
  SAME(grad[1], grad[0], net->n_params);
  poison(d_x, r.cells);
  OK(fm_net_vjp(ctx, net, params, r.x, r.t, r.labels, r.cond, r.w, r.n, d_x, NULL));
  SAME(d_x, r.d_x, r.cells);
  OK(fm_net_jvp(ctx, net, params, r.x, r.t, r.labels, r.cond, r.dx, r.dt, r.n, NULL, t_out[1]));
  SAME(t_out[1], t_out[0], r.cells);
  for (size_t k = 0; k < 2; k++) free(grad[k]), free(out[k]), free(t_out[k]);
  free(params), free(d_x);
  free_rows(&r);
  fmi_release(net);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

static void set_up(void) { memory = fmi_memory_create(NULL); }
static void tear_down(void) { fmi_memory_release(memory); }

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "net");
  tcase_add_checked_fixture(tcase, set_up, tear_down);
  tcase_add_loop_test(tcase, small_mlp_has_the_reference_numbers, 0, FMI_COUNT(small));
  tcase_add_test(tcase, time_features_have_the_reference_numbers);
  tcase_add_test(tcase, a_second_time_is_seen_from_the_first);
  tcase_add_loop_test(tcase, derivatives_agree, 0, quick() ? 10 : 8 + 40);
  tcase_add_loop_test(tcase, plans_and_tiles_keep_bits, 0, quick() ? 10 : 8 + 40);
  tcase_add_test(tcase, blas_and_own_products_agree);
  tcase_add_test(tcase, tensors_have_names_and_tile_the_block);
  tcase_add_test(tcase, absent_conditions_are_a_condition_of_their_own);
#ifndef FMI_DOUBLE
  tcase_add_test(tcase, custom_network_is_like_a_built_in_one);
  tcase_add_loop_test(tcase, public_functions_give_what_the_plan_gives, 5, 8);
#endif
  return run_suite(suite);
}
