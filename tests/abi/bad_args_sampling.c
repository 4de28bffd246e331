/* Bad arguments of solvers and samplers. */
#include "bad_args.h"

/* Bad numbers of solver options, for two functions that take them. */
#define BAD_SOLVER_OPTIONS(type, make)                                                                       \
  do {                                                                                                       \
    BAD_SIZES(type, fm_solver_options, make);                                                                \
    const fm_solver_options *options;                                                                        \
    BAD_SOLVER_OPTION(type, FM_E_UNSUPPORTED, "method:", make, .method = 1000);                              \
    BAD_SOLVER_OPTION(type, FM_E_UNSUPPORTED, "method:", make, .method = UINT32_MAX);                        \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "rtol:", make, .rtol = -1);                                        \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "rtol:", make, .rtol = NAN);                                       \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "atol:", make, .atol = -1);                                        \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "atol:", make, .atol = INFINITY);                                  \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "first_step:", make, .first_step = -1);                            \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "first_step:", make, .first_step = NAN);                           \
    BAD_SOLVER_OPTION(type, FM_E_UNSUPPORTED, "grid:", make, .grid = 1000, .fixed_steps = 1);                \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "grid:", make, .grid = FM_GRID_EDM);                               \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "grid_shift:", make, .grid_shift = -1);                            \
    BAD_SOLVER_OPTION(type, FM_E_UNSUPPORTED, "norm:", make, .norm = 3);                                     \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "max_step:", make, .max_step = -1);                                \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "safety:", make, .safety = 1);                                     \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "min_factor:", make, .min_factor = 1);                             \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "max_factor:", make, .max_factor = NAN);                           \
    BAD_SOLVER_OPTION(type, FM_E_INVALID, "beta:", make, .beta = 1);                                         \
  } while (0)
#define BAD_SOLVER_OPTION(type, expected, word, make, ...)                                                   \
  do {                                                                                                       \
    options = WITH(fm_solver_options, __VA_ARGS__);                                                          \
    NOT_MADE(type, expected, word, make);                                                                    \
  } while (0)

ABOUT(fm_solver_create) {
  NO_CTX_MADE(fm_solver, fm_solver_create(NULL, 2, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_solver_create(g.ctx, 2, NULL, NULL));
  NOT_MADE(fm_solver, FM_E_INVALID, "dim:", fm_solver_create(g.ctx, 0, NULL, &made));
  NOT_MADE(fm_solver, FM_E_NOMEM, "", fm_solver_create(g.ctx, SIZE_MAX, NULL, &made));
  BAD_SOLVER_OPTIONS(fm_solver, fm_solver_create(g.ctx, 2, options, &made));
}

ABOUT(fm_solver_destroy) { fm_solver_destroy(NULL); }

ABOUT(fm_solver_solve) {
  double *y = out.f64[0], nan_y[2 * N], y_of_ours[2 * N];
  memcpy(nan_y, nan_rows64, sizeof nan_y);
  memcpy(y_of_ours, rows64, sizeof y_of_ours);
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
#define NO_SOLUTION(expected, word, solver, rhs, t0, t1, n, y, stats)                                        \
  REFUSED(expected, word, fm_solver_solve(g.ctx, solver, rhs, NULL, t0, t1, n, y, NULL, NULL, stats))
  NO_CTX(fm_solver_solve(NULL, g.solver, own_rhs, NULL, 0, 1, N, y, NULL, NULL, &stats));
  NO_SOLUTION(FM_E_INVALID, "solver:", NULL, own_rhs, 0, 1, N, y, &stats);
  NO_SOLUTION(FM_E_INVALID, "rhs:", g.solver, NULL, 0, 1, N, y, &stats);
  NO_SOLUTION(FM_E_INVALID, "t0:", g.solver, own_rhs, NAN, 1, N, y, &stats);
  NO_SOLUTION(FM_E_INVALID, "t0:", g.solver, own_rhs, -INFINITY, 1, N, y, &stats);
  NO_SOLUTION(FM_E_INVALID, "t1:", g.solver, own_rhs, 0, INFINITY, N, y, &stats);
  NO_SOLUTION(FM_E_INVALID, "n:", g.solver, own_rhs, 0, 1, HUGE_N, y, &stats);
  NO_SOLUTION(FM_E_INVALID, "y:", g.solver, own_rhs, 0, 1, N, NULL, &stats);
  NO_SOLUTION(FM_E_NONFINITE, "y:", g.solver, own_rhs, 0, 1, N, nan_y, &stats);
  NO_SOLUTION(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, g.solver, own_rhs, 0, 1, N, nan_y, &stats);
  ck_assert_uint_eq(stats.nfe, 0);
  /* A struct of no size is refused before rows are carried anywhere. */
  NO_SOLUTION(FM_E_INVALID, "stats.struct_size", g.solver, own_rhs, 0, 1, N, y_of_ours, &(fm_solve_stats){0});
  ck_assert_msg(memcmp(y_of_ours, rows64, sizeof y_of_ours) == 0,
                "fm_solver_solve: refuses stats after it solved");
  callback_answer = 4;
  NO_SOLUTION(FM_E_CALLBACK, "rhs:", g.solver, own_rhs, 0, 1, N, y_of_ours, &stats);
  FINE(fm_solver_solve(g.ctx, g.solver, own_rhs, NULL, 0, 1, 0, NULL, NULL, NULL, NULL));
#undef NO_SOLUTION
}

static const double in_order[] = {0, .5, 1}, out_of_order[] = {0, 1, .5}, beyond[] = {0, .5, 1.5};

ABOUT(fm_solver_solve_at) {
  double *o = out.f64[0], nan_y[2 * N];
  memcpy(nan_y, nan_rows64, sizeof nan_y);
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
#define NO_SOLUTION(expected, word, solver, rhs, times, n_times, n, y, out, stats)                           \
  REFUSED(expected, word,                                                                                    \
          fm_solver_solve_at(g.ctx, solver, rhs, NULL, times, n_times, n, y, out, stats, NULL))
  NO_CTX(fm_solver_solve_at(NULL, g.solver, own_rhs, NULL, in_order, 3, N, rows64, o, &stats, NULL));
  NO_SOLUTION(FM_E_INVALID, "solver:", NULL, own_rhs, in_order, 3, N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "rhs:", g.solver, NULL, in_order, 3, N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "times:", g.solver, own_rhs, NULL, 3, N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "n_times:", g.solver, own_rhs, in_order, 1, N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "times[2]:", g.solver, own_rhs, out_of_order, 3, N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "times[1]:", g.solver, own_rhs, nan_times, 3, N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "n:", g.solver, own_rhs, in_order, 3, HUGE_N, rows64, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "y:", g.solver, own_rhs, in_order, 3, N, NULL, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "out:", g.solver, own_rhs, in_order, 3, N, rows64, NULL, &stats);
  NO_SOLUTION(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, g.solver, own_rhs, in_order, 3, N, nan_y, o, &stats);
  NO_SOLUTION(FM_E_INVALID, "stats.struct_size", g.solver, own_rhs, in_order, 3, N, rows64, o,
              &(fm_solve_stats){0});
  FINE(fm_solver_solve_at(g.ctx, g.solver, own_rhs, NULL, in_order, 3, 0, NULL, NULL, NULL, NULL));
  FINE(fm_solver_solve_at(g.ctx, g.solver, own_rhs, NULL, in_order, 3, N, rows64, o, NULL, NULL));
#undef NO_SOLUTION
}

ABOUT(fm_solver_set_grid) {
  fm_solver *own = NULL;
  NO_CTX(fm_solver_set_grid(NULL, g.solver, in_order, 3));
  REFUSED(FM_E_INVALID, "solver:", fm_solver_set_grid(g.ctx, NULL, in_order, 3));
  REFUSED(FM_E_INVALID, "FM_GRID_CUSTOM", fm_solver_set_grid(g.ctx, g.solver, in_order, 3));
  const fm_solver_options *options =
      WITH(fm_solver_options, .method = FM_SOLVER_EULER, .n_steps = 2, .grid = FM_GRID_CUSTOM);
  FINE(fm_solver_create(g.ctx, 2, options, &own));
  REFUSED(FM_E_INVALID, "grid:", fm_solver_set_grid(g.ctx, own, NULL, 3));
  REFUSED(FM_E_INVALID, "n_grid:", fm_solver_set_grid(g.ctx, own, in_order, 2));
  REFUSED(FM_E_INVALID, "grid[2]:", fm_solver_set_grid(g.ctx, own, out_of_order, 3));
  REFUSED(FM_E_INVALID, "grid[2]:", fm_solver_set_grid(g.ctx, own, beyond, 3));
  REFUSED(FM_E_INVALID, "grid[1]:", fm_solver_set_grid(g.ctx, own, nan_times, 3));
  FINE(fm_solver_set_grid(g.ctx, own, in_order, 3));
  fm_solver_destroy(own);
}

ABOUT(fm_solver_method_info) {
  fm_solver_info info;
  fm_solver_info_init(&info);
  NO_CTX(fm_solver_method_info(NULL, 0, &info));
  REFUSED(FM_E_INVALID, "info:", fm_solver_method_info(g.ctx, 0, NULL));
  REFUSED(FM_E_INVALID, "index:", fm_solver_method_info(g.ctx, SIZE_MAX, &info));
  REFUSED(FM_E_INVALID, "info.struct_size", fm_solver_method_info(g.ctx, 0, &(fm_solver_info){0}));
  ck_assert_ptr_null(info.name);
  FINE(fm_solver_method_info(g.ctx, 0, &info));
}

/* ---- samplers
   ------------------------------------------------------------------------------------------- */

ABOUT(fm_sampler_create) {
  NO_CTX_MADE(fm_sampler, fm_sampler_create(NULL, g.model, NULL, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_sampler_create(g.ctx, g.model, NULL, NULL, NULL));
  NOT_MADE(fm_sampler, FM_E_INVALID, "model:", fm_sampler_create(g.ctx, NULL, NULL, NULL, &made));
  BAD_SOLVER_OPTIONS(fm_sampler, fm_sampler_create(g.ctx, g.model, options, NULL, &made));
  BAD_SIZES(fm_sampler, fm_sampler_options, fm_sampler_create(g.ctx, g.model, NULL, options, &made));
  NOT_MADE(fm_sampler, FM_E_INVALID, "deadline:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .deadline = -1), &made));
  NOT_MADE(fm_sampler, FM_E_INVALID, "deadline:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .deadline = NAN), &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED, "divergence:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .divergence = 4), &made));
  NOT_MADE(fm_sampler, FM_E_INVALID, "n_probes:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .n_probes = 4097), &made));
  NOT_MADE(fm_sampler, FM_E_INVALID, "coarse:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .coarse = NAN), &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED, "diffusion:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .diffusion = 4), &made));
  NOT_MADE(fm_sampler, FM_E_INVALID, "diffusion_fn:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .diffusion = FM_DIFFUSION_CUSTOM),
                             &made));
  NOT_MADE(fm_sampler, FM_E_INVALID, "diffusion_level:",
           fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .diffusion_level = -1), &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED, "mean is for models",
           fm_sampler_create(g.ctx, g.model, WITH(fm_solver_options, .method = FM_SOLVER_MEAN), NULL, &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED, "euler only, found heun2",
           fm_sampler_create(g.ctx, g.model, WITH(fm_solver_options, .method = FM_SOLVER_HEUN2),
                             WITH(fm_sampler_options, .diffusion = FM_DIFFUSION_OVERSHOOT), &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED, "euler or heun2, found rk4",
           fm_sampler_create(g.ctx, g.model, WITH(fm_solver_options, .method = FM_SOLVER_RK4),
                             WITH(fm_sampler_options, .diffusion = 1), &made));
}

ABOUT(fm_sampler_destroy) { fm_sampler_destroy(NULL); }

ABOUT(fm_sampler_set_model) {
  NO_CTX(fm_sampler_set_model(NULL, g.sampler, g.model));
  REFUSED(FM_E_INVALID, "sampler:", fm_sampler_set_model(g.ctx, NULL, g.model));
  REFUSED(FM_E_INVALID, "model:", fm_sampler_set_model(g.ctx, g.sampler, NULL));
  REFUSED(FM_E_MISMATCH, "model:", fm_sampler_set_model(g.ctx, g.sampler, g.wide_model));
  REFUSED(FM_E_MISMATCH, "model:", fm_sampler_set_model(g.ctx, g.sampler, g.own_model));
}

ABOUT(fm_sampler_draw) {
  fm_sampler *s = g.sampler, *own = NULL;
  float *o = out.f32[0];
  NO_CTX(fm_sampler_draw(NULL, s, 1, 0, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "sampler:", fm_sampler_draw(g.ctx, NULL, 1, 0, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "labels:", fm_sampler_draw(g.ctx, s, 1, 0, large_labels, rows, N, o));
  REFUSED(FM_E_INVALID, "row 1, column 0", fm_sampler_draw(g.ctx, s, 1, 0, low_labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "cond:", fm_sampler_draw(g.ctx, s, 1, 0, labels, nan_rows, N, o));
  REFUSED(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, fm_sampler_draw(g.ctx, s, 1, 0, labels, nan_rows, N, o));
  REFUSED(FM_E_INVALID, "n:", fm_sampler_draw(g.ctx, s, 1, 0, labels, rows, HUGE_N, o));
  REFUSED(FM_E_INVALID, "out:", fm_sampler_draw(g.ctx, s, 1, 0, labels, rows, N, NULL));
  FINE(fm_sampler_draw(g.ctx, s, 1, 0, NULL, NULL, 0, NULL));
  FINE(fm_sampler_draw(g.ctx, s, 1, UINT64_MAX - N, NULL, NULL, N, o));
  FINE(fm_sampler_create(g.ctx, g.own_model, NULL, NULL, &own));
  callback_answer = 6;
  prime();
  ck_assert_int_eq(fm_sampler_draw(g.ctx, own, 1, 0, NULL, NULL, N, o), FM_E_CALLBACK);
  ck_assert_ptr_nonnull(strstr(fm_ctx_message(g.ctx), "returned 6"));
  fm_sampler_destroy(own);
}

ABOUT(fm_sampler_draw_f64) {
  fm_sampler *s = g.sampler;
  double *o = out.f64[0];
  NO_CTX(fm_sampler_draw_f64(NULL, s, 1, 0, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "sampler:", fm_sampler_draw_f64(g.ctx, NULL, 1, 0, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "labels:", fm_sampler_draw_f64(g.ctx, s, 1, 0, large_labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
          fm_sampler_draw_f64(g.ctx, s, 1, 0, labels, infinite_rows, N, o));
  REFUSED(FM_E_INVALID, "n:", fm_sampler_draw_f64(g.ctx, s, 1, 0, labels, rows, HUGE_N, o));
  REFUSED(FM_E_INVALID, "out:", fm_sampler_draw_f64(g.ctx, s, 1, 0, labels, rows, N, NULL));
  FINE(fm_sampler_draw_f64(g.ctx, s, 1, 0, NULL, NULL, 0, NULL));
}

ABOUT(fm_sampler_transport) {
  fm_sampler *s = g.sampler;
  double *x = out.f64[0], nan_x[2 * N], x_of_ours[2 * N];
  memcpy(nan_x, nan_rows64, sizeof nan_x);
  memcpy(x_of_ours, rows64, sizeof x_of_ours);
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
#define NO_TRANSPORT(expected, word, sampler, t0, t1, label, cond, n, x, stats)                              \
  REFUSED(expected, word, fm_sampler_transport(g.ctx, sampler, t0, t1, label, cond, n, x, NULL, NULL, stats))
  NO_CTX(fm_sampler_transport(NULL, s, 0, 1, labels, rows, N, x, NULL, NULL, &stats));
  NO_TRANSPORT(FM_E_INVALID, "sampler:", NULL, 0, 1, labels, rows, N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "t0:", s, -.1, 1, labels, rows, N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "t0:", s, NAN, 1, labels, rows, N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "t1:", s, 0, 1.1, labels, rows, N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "t1:", s, 0, NAN, labels, rows, N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "labels:", s, 0, 1, large_labels, rows, N, x, &stats);
  NO_TRANSPORT(FM_E_NONFINITE, "cond:", s, 0, 1, labels, nan_rows, N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "n:", s, 0, 1, labels, rows, HUGE_N, x, &stats);
  NO_TRANSPORT(FM_E_INVALID, "x:", s, 0, 1, labels, rows, N, NULL, &stats);
  NO_TRANSPORT(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, 0, 1, labels, rows, N, nan_x, &stats);
  ck_assert_uint_eq(stats.nfe, 0);
  NO_TRANSPORT(FM_E_INVALID, "stats.struct_size", s, 0, 1, labels, rows, N, x_of_ours, &(fm_solve_stats){0});
  ck_assert_msg(memcmp(x_of_ours, rows64, sizeof x_of_ours) == 0,
                "fm_sampler_transport: refuses stats afterwards");
  callback_answer = 2;
  REFUSED(FM_E_CALLBACK, "returned 2",
          fm_sampler_transport(g.ctx, s, 0, 1, labels, rows, N, x_of_ours, own_trajectory, NULL, &stats));
  FINE(fm_sampler_transport(g.ctx, s, 0, 1, NULL, NULL, 0, NULL, NULL, NULL, NULL));
#undef NO_TRANSPORT
}

ABOUT(fm_sampler_transport_at) {
  fm_sampler *s = g.sampler;
  double *o = out.f64[0], nan_x[2 * N];
  memcpy(nan_x, nan_rows64, sizeof nan_x);
  fm_solve_stats stats;
  fm_solve_stats_init(&stats);
#define NO_TRANSPORT(expected, word, sampler, times, n_times, label, cond, n, x, out, stats)                 \
  REFUSED(expected, word,                                                                                    \
          fm_sampler_transport_at(g.ctx, sampler, times, n_times, label, cond, n, x, out, stats, NULL))
  NO_CTX(fm_sampler_transport_at(NULL, s, in_order, 3, labels, rows, N, rows64, o, &stats, NULL));
  NO_TRANSPORT(FM_E_INVALID, "sampler:", NULL, in_order, 3, labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "times:", s, NULL, 3, labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "n_times:", s, in_order, 0, labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "times[2]:", s, out_of_order, 3, labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "times[2]:", s, beyond, 3, labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "times[1]:", s, nan_times, 3, labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "labels:", s, in_order, 3, large_labels, rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_NONFINITE, "cond:", s, in_order, 3, labels, nan_rows, N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "n:", s, in_order, 3, labels, rows, HUGE_N, rows64, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "x:", s, in_order, 3, labels, rows, N, NULL, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "out:", s, in_order, 3, labels, rows, N, rows64, NULL, &stats);
  NO_TRANSPORT(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, in_order, 3, labels, rows, N, nan_x, o, &stats);
  NO_TRANSPORT(FM_E_INVALID, "stats.struct_size", s, in_order, 3, labels, rows, N, rows64, o,
               &(fm_solve_stats){0});
  FINE(fm_sampler_transport_at(g.ctx, s, in_order, 3, NULL, NULL, 0, NULL, NULL, NULL, NULL));
  FINE(fm_sampler_transport_at(g.ctx, s, in_order, 3, NULL, NULL, N, rows64, o, NULL, NULL));
#undef NO_TRANSPORT
}

ABOUT(fm_sampler_set_grid) {
  fm_sampler *own = NULL;
  NO_CTX(fm_sampler_set_grid(NULL, g.sampler, in_order, 3));
  REFUSED(FM_E_INVALID, "sampler:", fm_sampler_set_grid(g.ctx, NULL, in_order, 3));
  REFUSED(FM_E_INVALID, "FM_GRID_CUSTOM", fm_sampler_set_grid(g.ctx, g.sampler, in_order, 3));
  const fm_solver_options *options =
      WITH(fm_solver_options, .method = FM_SOLVER_EULER, .n_steps = 2, .grid = FM_GRID_CUSTOM);
  FINE(fm_sampler_create(g.ctx, g.model, options, NULL, &own));
  REFUSED(FM_E_INVALID, "grid:", fm_sampler_set_grid(g.ctx, own, NULL, 3));
  REFUSED(FM_E_INVALID, "n_grid:", fm_sampler_set_grid(g.ctx, own, in_order, 4));
  REFUSED(FM_E_INVALID, "grid[2]:", fm_sampler_set_grid(g.ctx, own, out_of_order, 3));
  FINE(fm_sampler_set_grid(g.ctx, own, in_order, 3));
  fm_sampler_destroy(own);
}

static fm_sampler *density_sampler(void) {
  fm_sampler *made = NULL;
  FINE(fm_sampler_create(g.ctx, g.model, NULL, WITH(fm_sampler_options, .divergence = FM_DIVERGENCE_EXACT),
                         &made));
  return made;
}

ABOUT(fm_sampler_log_density) {
  fm_sampler *s = density_sampler();
  double *o = out.f64[0], *e = out.f64[1];
#define NO_DENSITY(expected, word, sampler, label, cond, n, x, o, stats)                                     \
  REFUSED(expected, word, fm_sampler_log_density(g.ctx, sampler, 0, label, cond, n, x, o, e, stats, NULL))
  NO_CTX(fm_sampler_log_density(NULL, s, 0, labels, rows, N, rows64, o, e, NULL, NULL));
  NO_DENSITY(FM_E_INVALID, "sampler:", NULL, labels, rows, N, rows64, o, NULL);
  NO_DENSITY(FM_E_INVALID, "divergence", g.sampler, labels, rows, N, rows64, o, NULL);
  NO_DENSITY(FM_E_INVALID, "labels:", s, large_labels, rows, N, rows64, o, NULL);
  NO_DENSITY(FM_E_NONFINITE, "cond:", s, labels, nan_rows, N, rows64, o, NULL);
  NO_DENSITY(FM_E_INVALID, "n:", s, labels, rows, HUGE_N, rows64, o, NULL);
  NO_DENSITY(FM_E_INVALID, "x:", s, labels, rows, N, NULL, o, NULL);
  NO_DENSITY(FM_E_INVALID, "log_density:", s, labels, rows, N, rows64, NULL, NULL);
  NO_DENSITY(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, labels, rows, N, nan_rows64, o, NULL);
  NO_DENSITY(FM_E_INVALID, "stats.struct_size", s, labels, rows, N, rows64, o, &(fm_solve_stats){0});
#undef NO_DENSITY
  FINE(fm_sampler_log_density(g.ctx, s, 0, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL));
  FINE(fm_sampler_log_density(g.ctx, s, UINT64_MAX - N, NULL, NULL, N, rows64, o, NULL, NULL, NULL));
  fm_sampler_destroy(s);
}

ABOUT(fm_sampler_draw_log_density) {
  fm_sampler *s = density_sampler();
  double *o = out.f64[0], *l = out.f64[1];
#define NO_DRAW(expected, word, sampler, label, cond, n, o, l, stats)                                        \
  REFUSED(expected, word,                                                                                    \
          fm_sampler_draw_log_density(g.ctx, sampler, 1, 0, label, cond, n, o, l, NULL, stats, NULL))
  NO_CTX(fm_sampler_draw_log_density(NULL, s, 1, 0, labels, rows, N, o, l, NULL, NULL, NULL));
  NO_DRAW(FM_E_INVALID, "sampler:", NULL, labels, rows, N, o, l, NULL);
  NO_DRAW(FM_E_INVALID, "divergence", g.sampler, labels, rows, N, o, l, NULL);
  NO_DRAW(FM_E_INVALID, "labels:", s, large_labels, rows, N, o, l, NULL);
  NO_DRAW(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, labels, nan_rows, N, o, l, NULL);
  NO_DRAW(FM_E_INVALID, "n:", s, labels, rows, HUGE_N, o, l, NULL);
  NO_DRAW(FM_E_INVALID, "out:", s, labels, rows, N, NULL, l, NULL);
  NO_DRAW(FM_E_INVALID, "log_density:", s, labels, rows, N, o, NULL, NULL);
  NO_DRAW(FM_E_INVALID, "stats.struct_size", s, labels, rows, N, o, l, &(fm_solve_stats){0});
#undef NO_DRAW
  FINE(fm_sampler_draw_log_density(g.ctx, s, 1, 0, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL));
  FINE(fm_sampler_draw_log_density(g.ctx, s, 1, 0, NULL, NULL, N, o, l, NULL, NULL, NULL));
  fm_sampler_destroy(s);
}

ABOUT(fm_sampler_velocity) {
  fm_sampler *s = g.sampler;
  float *o = out.f32[0];
  NO_CTX(fm_sampler_velocity(NULL, s, rows, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "sampler:", fm_sampler_velocity(g.ctx, NULL, rows, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "x:", fm_sampler_velocity(g.ctx, s, NULL, times, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "t:", fm_sampler_velocity(g.ctx, s, rows, NULL, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "labels:", fm_sampler_velocity(g.ctx, s, rows, times, low_labels, rows, N, o));
  REFUSED(FM_E_INVALID, "n:", fm_sampler_velocity(g.ctx, s, rows, times, labels, rows, HUGE_N, o));
  REFUSED(FM_E_INVALID, "out:", fm_sampler_velocity(g.ctx, s, rows, times, labels, rows, N, NULL));
  REFUSED(FM_E_NONFINITE, AT_ROW_1_COLUMN_1,
          fm_sampler_velocity(g.ctx, s, nan_rows, times, labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "t:", fm_sampler_velocity(g.ctx, s, rows, nan_times, labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "cond:", fm_sampler_velocity(g.ctx, s, rows, times, labels, nan_rows, N, o));
  FINE(fm_sampler_velocity(g.ctx, s, NULL, NULL, NULL, NULL, 0, NULL));
}

ABOUT(fm_sample) {
  float *o = out.f32[0];
  NO_CTX(fm_sample(NULL, g.model, 1, 0, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "model:", fm_sample(g.ctx, NULL, 1, 0, labels, rows, N, o));
  REFUSED(FM_E_INVALID, "labels:", fm_sample(g.ctx, g.model, 1, 0, large_labels, rows, N, o));
  REFUSED(FM_E_NONFINITE, "cond:", fm_sample(g.ctx, g.model, 1, 0, labels, nan_rows, N, o));
  REFUSED(FM_E_INVALID, "n:", fm_sample(g.ctx, g.model, 1, 0, labels, rows, HUGE_N, o));
  REFUSED(FM_E_INVALID, "out:", fm_sample(g.ctx, g.model, 1, 0, labels, rows, N, NULL));
  FINE(fm_sample(g.ctx, g.model, 1, 0, NULL, NULL, 0, NULL));
}
