/* Bad arguments of networks and data. */
#include "bad_args.h"

/* ---- architectures ------------------------------------------------------------------------------------ */

ABOUT(fm_net_create) {
  NO_CTX_MADE(fm_net, fm_net_create(NULL, 2, n_classes, 1, 2, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_net_create(g.ctx, 2, n_classes, 1, 2, NULL, NULL));
  NOT_MADE(fm_net, FM_E_INVALID, "dim:", fm_net_create(g.ctx, 0, n_classes, 1, 2, NULL, &made));
  NOT_MADE(fm_net, FM_E_INVALID, "n_classes:", fm_net_create(g.ctx, 2, NULL, 1, 2, NULL, &made));
  NOT_MADE(fm_net, FM_E_INVALID, "n_classes[0]", fm_net_create(g.ctx, 2, no_classes, 1, 2, NULL, &made));
  const uint32_t too_many[1] = {UINT32_C(1) << 31};
  NOT_MADE(fm_net, FM_E_INVALID, "n_classes[0]", fm_net_create(g.ctx, 2, too_many, 1, 2, NULL, &made));
  NOT_MADE(fm_net, FM_E_INVALID,
           "n_class_columns:", fm_net_create(g.ctx, 2, n_classes, SIZE_MAX, 2, NULL, &made));
#if SIZE_MAX > UINT32_MAX
  NOT_MADE(fm_net, FM_E_INVALID, "dim:", fm_net_create(g.ctx, SIZE_MAX, n_classes, 1, 2, NULL, &made));
  NOT_MADE(fm_net, FM_E_INVALID, "cond_dim:", fm_net_create(g.ctx, 2, n_classes, 1, SIZE_MAX, NULL, &made));
#endif
  BAD_SIZES(fm_net, fm_net_options, fm_net_create(g.ctx, 2, n_classes, 1, 2, options, &made));
#define NO_NET(expected, word, ...)                                                                          \
  NOT_MADE(fm_net, expected, word,                                                                           \
           fm_net_create(g.ctx, 2, NULL, 0, 0, WITH(fm_net_options, __VA_ARGS__), &made))
  NO_NET(FM_E_UNSUPPORTED, "kind:", .kind = 3);
  NO_NET(FM_E_UNSUPPORTED, "kind:", .kind = FM_NET_CUSTOM);
  NO_NET(FM_E_UNSUPPORTED, "activation:", .activation = 9);
  NO_NET(FM_E_INVALID, "width:", .width = (1u << 20) + 1);
  NO_NET(FM_E_INVALID, "depth:", .depth = 4097);
  NO_NET(FM_E_INVALID, "time_features:", .time_features = 3);
  NO_NET(FM_E_INVALID, "time_features:", .time_features = INT32_MAX - 1);
  NO_NET(FM_E_INVALID, "class_features:", .class_features = UINT32_MAX);
  NO_NET(FM_E_INVALID, "n_times:", .n_times = 3);
  NO_NET(FM_E_INVALID, "dropout:", .dropout = 1);
  NO_NET(FM_E_INVALID, "dropout:", .dropout = -.1);
  NO_NET(FM_E_INVALID, "dropout:", .dropout = NAN);
#undef NO_NET
}

ABOUT(fm_net_create_custom) {
  NO_CTX_MADE(fm_net, fm_net_create_custom(NULL, 2, NULL, 0, 0, 1, own_forward, own_vjp, NULL, NULL, &made));
  REFUSED(FM_E_INVALID,
          "out:", fm_net_create_custom(g.ctx, 2, NULL, 0, 0, 1, own_forward, own_vjp, NULL, NULL, NULL));
#define NO_NET(expected, word, dim, classes, columns, cond_dim, n_params, forward, vjp)                      \
  NOT_MADE(fm_net, expected, word,                                                                           \
           fm_net_create_custom(g.ctx, dim, classes, columns, cond_dim, n_params, forward, vjp, NULL, NULL,  \
                                &made))
  NO_NET(FM_E_INVALID, "forward:", 2, NULL, 0, 0, 1, NULL, own_vjp);
  NO_NET(FM_E_INVALID, "vjp:", 2, NULL, 0, 0, 1, own_forward, NULL);
  NO_NET(FM_E_INVALID, "dim:", 0, NULL, 0, 0, 1, own_forward, own_vjp);
  NO_NET(FM_E_INVALID, "n_classes:", 2, NULL, 1, 0, 1, own_forward, own_vjp);
  NO_NET(FM_E_INVALID, "n_classes[0]", 2, no_classes, 1, 0, 1, own_forward, own_vjp);
  NO_NET(FM_E_NOMEM, "net:", 2, NULL, 0, 0, SIZE_MAX, own_forward, own_vjp);
#undef NO_NET
}

ABOUT(fm_net_destroy) { fm_net_destroy(NULL); }
ABOUT(fm_net_dim) { ck_assert_uint_eq(fm_net_dim(NULL), 0); }
ABOUT(fm_net_n_params) { ck_assert_uint_eq(fm_net_n_params(NULL), 0); }
ABOUT(fm_net_n_class_columns) { ck_assert_uint_eq(fm_net_n_class_columns(NULL), 0); }
ABOUT(fm_net_n_times) { ck_assert_uint_eq(fm_net_n_times(NULL), 0); }
ABOUT(fm_net_cond_dim) { ck_assert_uint_eq(fm_net_cond_dim(NULL), 0); }

ABOUT(fm_net_n_classes) {
  ck_assert_uint_eq(fm_net_n_classes(NULL, 0), 0);
  ck_assert_uint_eq(fm_net_n_classes(g.net, 0), 3);
  ck_assert_uint_eq(fm_net_n_classes(g.net, 1), 0);
  ck_assert_uint_eq(fm_net_n_classes(g.net, SIZE_MAX), 0);
}

ABOUT(fm_net_tensor) {
  NO_CTX(fm_net_tensor(NULL, g.net, 0, &out.name, &out.offset, out.shape));
  REFUSED(FM_E_INVALID, "net:", fm_net_tensor(g.ctx, NULL, 0, &out.name, &out.offset, out.shape));
  REFUSED(FM_E_INVALID, "index:", fm_net_tensor(g.ctx, g.net, 10000, &out.name, &out.offset, out.shape));
  REFUSED(FM_E_INVALID, "index:", fm_net_tensor(g.ctx, g.net, SIZE_MAX, &out.name, &out.offset, out.shape));
  FINE(fm_net_tensor(g.ctx, g.net, 0, NULL, NULL, NULL));
}

ABOUT(fm_net_init) {
  NO_CTX(fm_net_init(NULL, g.net, 1, out.f32[0]));
  REFUSED(FM_E_INVALID, "net:", fm_net_init(g.ctx, NULL, 1, out.f32[0]));
  REFUSED(FM_E_INVALID, "params:", fm_net_init(g.ctx, g.net, 1, NULL));
  callback_answer = -1;
  REFUSED(FM_E_CALLBACK, "net:", fm_net_init(g.ctx, g.own_net, 1, out.f32[0]));
}

/* ---- running a network --------------------------------------------------------------------------------- */

/* Parameters of which one is NaN; the next call of it makes them anew. */
static const float *nan_params(void) {
  static float params[N_OUT];
  memcpy(params, g.params, sizeof params);
  params[g.n_params / 2] = NAN;
  return params;
}

ABOUT(fm_net_velocity) {
  const float *p = g.params;
  float *o = out.f32[0];
  NO_CTX(fm_net_velocity(NULL, g.net, p, rows, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "net:", fm_net_velocity(g.ctx, NULL, p, rows, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "params:", fm_net_velocity(g.ctx, g.net, NULL, rows, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "x:", fm_net_velocity(g.ctx, g.net, p, NULL, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "t:", fm_net_velocity(g.ctx, g.net, p, rows, NULL, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "out:", fm_net_velocity(g.ctx, g.net, p, rows, times, labels, rows, N, NULL));
  REFUSED(FM_E_INVALID, "n:", fm_net_velocity(g.ctx, g.net, p, rows, times, labels, rows, HUGE_N, o));
  REFUSED(FM_E_INVALID, "labels:", fm_net_velocity(g.ctx, g.net, p, rows, times, large_labels, rows, N, o));
  REFUSED(FM_E_INVALID, "row 1, column 0",
          fm_net_velocity(g.ctx, g.net, p, rows, times, low_labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "x:", fm_net_velocity(g.ctx, g.net, p, nan_rows, times, labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
          fm_net_velocity(g.ctx, g.net, p, nan_rows, times, labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "t:", fm_net_velocity(g.ctx, g.net, p, rows, nan_times, labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "cond:", fm_net_velocity(g.ctx, g.net, p, rows, times, labels, nan_rows, N, o));
  REFUSED(FM_E_NONFINITE,
          "params:", fm_net_velocity(g.ctx, g.net, nan_params(), rows, times, labels, rows, N, o));
  callback_answer = 9;
  REFUSED(FM_E_CALLBACK, "returned 9", fm_net_velocity(g.ctx, g.own_net, p, rows, times, labels, rows, N, o));
  FINE(fm_net_velocity(g.ctx, g.net, p, NULL, NULL, NULL, NULL, 0, NULL));
  FINE(fm_net_velocity(g.ctx, g.net, p, rows, times, NULL, NULL, N, o));
}

ABOUT(fm_net_vjp) {
  const float *p = g.params;
  float *dx = out.f32[0], *dp = out.f32[1];
  NO_CTX(fm_net_vjp(NULL, g.net, p, rows, times, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_INVALID, "net:", fm_net_vjp(g.ctx, NULL, p, rows, times, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_INVALID,
          "params:", fm_net_vjp(g.ctx, g.net, NULL, rows, times, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_INVALID, "x:", fm_net_vjp(g.ctx, g.net, p, NULL, times, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_INVALID, "t:", fm_net_vjp(g.ctx, g.net, p, rows, NULL, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_INVALID, "d_out:", fm_net_vjp(g.ctx, g.net, p, rows, times, labels, rows, NULL, N, dx, dp));
  REFUSED(FM_E_INVALID, "n:", fm_net_vjp(g.ctx, g.net, p, rows, times, labels, rows, rows, HUGE_N, dx, dp));
  REFUSED(FM_E_INVALID,
          "labels:", fm_net_vjp(g.ctx, g.net, p, rows, times, large_labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_NONFINITE, "x:", fm_net_vjp(g.ctx, g.net, p, nan_rows, times, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_NONFINITE, "t:", fm_net_vjp(g.ctx, g.net, p, rows, nan_times, labels, rows, rows, N, dx, dp));
  REFUSED(FM_E_NONFINITE,
          "cond:", fm_net_vjp(g.ctx, g.net, p, rows, times, labels, nan_rows, rows, N, dx, dp));
  REFUSED(FM_E_NONFINITE,
          "d_out:", fm_net_vjp(g.ctx, g.net, p, rows, times, labels, rows, nan_rows, N, dx, dp));
  REFUSED(FM_E_NONFINITE,
          "params:", fm_net_vjp(g.ctx, g.net, nan_params(), rows, times, labels, rows, rows, N, dx, dp));
  callback_answer = 9;
  REFUSED(FM_E_CALLBACK, "returned 9",
          fm_net_vjp(g.ctx, g.own_net, p, rows, times, labels, rows, rows, N, dx, dp));
  FINE(fm_net_vjp(g.ctx, g.net, p, NULL, NULL, NULL, NULL, NULL, 0, NULL, dp));
  FINE(fm_net_vjp(g.ctx, g.net, p, rows, times, NULL, NULL, rows, N, NULL, NULL));
}

ABOUT(fm_net_jvp) {
  const float *p = g.params;
  float *o = out.f32[0], *d = out.f32[1];
  NO_CTX(fm_net_jvp(NULL, g.net, p, rows, times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_INVALID, "net:", fm_net_jvp(g.ctx, NULL, p, rows, times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_INVALID,
          "params:", fm_net_jvp(g.ctx, g.net, NULL, rows, times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_INVALID, "x:", fm_net_jvp(g.ctx, g.net, p, NULL, times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_INVALID, "t:", fm_net_jvp(g.ctx, g.net, p, rows, NULL, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_INVALID,
          "d_out:", fm_net_jvp(g.ctx, g.net, p, rows, times, labels, rows, rows, times, N, o, NULL));
  REFUSED(FM_E_INVALID,
          "n:", fm_net_jvp(g.ctx, g.net, p, rows, times, labels, rows, rows, times, HUGE_N, o, d));
  REFUSED(FM_E_INVALID,
          "labels:", fm_net_jvp(g.ctx, g.net, p, rows, times, low_labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_NONFINITE,
          "x:", fm_net_jvp(g.ctx, g.net, p, nan_rows, times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_NONFINITE,
          "t:", fm_net_jvp(g.ctx, g.net, p, rows, nan_times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_NONFINITE,
          "cond:", fm_net_jvp(g.ctx, g.net, p, rows, times, labels, nan_rows, rows, times, N, o, d));
  REFUSED(FM_E_NONFINITE,
          "dx:", fm_net_jvp(g.ctx, g.net, p, rows, times, labels, rows, nan_rows, times, N, o, d));
  REFUSED(FM_E_NONFINITE,
          "dt:", fm_net_jvp(g.ctx, g.net, p, rows, times, labels, rows, rows, nan_times, N, o, d));
  REFUSED(FM_E_NONFINITE,
          "params:", fm_net_jvp(g.ctx, g.net, nan_params(), rows, times, labels, rows, rows, times, N, o, d));
  REFUSED(FM_E_UNSUPPORTED,
          "net:", fm_net_jvp(g.ctx, g.own_net, p, rows, times, labels, rows, rows, times, N, o, d));
  FINE(fm_net_jvp(g.ctx, g.net, p, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL));
  FINE(fm_net_jvp(g.ctx, g.net, p, rows, times, NULL, NULL, NULL, NULL, N, NULL, d));
}

/* ---- data ---------------------------------------------------------------------------------------------- */

ABOUT(fm_data_create) {
  NO_CTX_MADE(fm_data, fm_data_create(NULL, rows, NULL, labels, rows, NULL, N, 2, 1, 2, NULL, &made));
  REFUSED(FM_E_INVALID,
          "out:", fm_data_create(g.ctx, rows, NULL, labels, rows, NULL, N, 2, 1, 2, NULL, NULL));
  BAD_SIZES(fm_data, fm_data_options,
            fm_data_create(g.ctx, rows, NULL, labels, rows, NULL, N, 2, 1, 2, options, &made));
#define NO_DATA(expected, word, x1, x0, label, cond, weight, n, dim, columns, cond_dim)                      \
  NOT_MADE(fm_data, expected, word,                                                                          \
           fm_data_create(g.ctx, x1, x0, label, cond, weight, n, dim, columns, cond_dim, NULL, &made))
  NO_DATA(FM_E_INVALID, "x1:", NULL, NULL, labels, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "labels:", rows, NULL, NULL, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "cond:", rows, NULL, labels, NULL, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "n:", rows, NULL, labels, rows, NULL, 0, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "dim:", rows, NULL, labels, rows, NULL, N, 0, 1, 2);
  NO_DATA(FM_E_INVALID, "n:", rows, NULL, labels, rows, NULL, HUGE_N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "n", rows, NULL, labels, rows, NULL, N, 2, HUGE_N, 2);
  NO_DATA(FM_E_INVALID, "n", rows, NULL, labels, rows, NULL, N, 2, 1, HUGE_N);
  NO_DATA(FM_E_NONFINITE, "x1:", nan_rows, NULL, labels, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, infinite_rows, NULL, labels, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_NONFINITE, "x0:", rows, nan_rows, labels, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_NONFINITE, "cond:", rows, NULL, labels, nan_rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "labels:", rows, NULL, low_labels, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "row 1, column 0", rows, NULL, low_labels, rows, NULL, N, 2, 1, 2);
  NO_DATA(FM_E_INVALID, "weights:", rows, NULL, labels, rows, negative_weights, N, 2, 1, 2);
  NO_DATA(FM_E_NONFINITE, "weights:", rows, NULL, labels, rows, nan_weights, N, 2, 1, 2);
#undef NO_DATA
}

ABOUT(fm_data_create_f64) {
  NO_CTX_MADE(fm_data, fm_data_create_f64(NULL, rows64, NULL, NULL, NULL, NULL, N, 2, 0, 0, NULL, &made));
  REFUSED(FM_E_INVALID,
          "out:", fm_data_create_f64(g.ctx, rows64, NULL, NULL, NULL, NULL, N, 2, 0, 0, NULL, NULL));
#define NO_DATA(expected, word, x1, x0, n, dim)                                                              \
  NOT_MADE(fm_data, expected, word,                                                                          \
           fm_data_create_f64(g.ctx, x1, x0, NULL, NULL, NULL, n, dim, 0, 0, NULL, &made))
  NO_DATA(FM_E_INVALID, "x1:", NULL, NULL, N, 2);
  NO_DATA(FM_E_INVALID, "n:", rows64, NULL, 0, 2);
  NO_DATA(FM_E_INVALID, "dim:", rows64, NULL, N, 0);
  NO_DATA(FM_E_INVALID, "n:", rows64, NULL, HUGE_N, 2);
  NO_DATA(FM_E_NONFINITE, "x1:", nan_rows64, NULL, N, 2);
  NO_DATA(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, rows64, nan_rows64, N, 2);
#undef NO_DATA
}

ABOUT(fm_data_create_pull) {
  NO_CTX_MADE(fm_data, fm_data_create_pull(NULL, own_pull, NULL, 2, 0, 0, 0, &made));
  REFUSED(FM_E_INVALID, "out:", fm_data_create_pull(g.ctx, own_pull, NULL, 2, 0, 0, 0, NULL));
  NOT_MADE(fm_data, FM_E_INVALID, "fn:", fm_data_create_pull(g.ctx, NULL, NULL, 2, 0, 0, 0, &made));
  NOT_MADE(fm_data, FM_E_INVALID, "dim:", fm_data_create_pull(g.ctx, own_pull, NULL, 0, 0, 0, 0, &made));
}

ABOUT(fm_data_destroy) { fm_data_destroy(NULL); }
