/* layout.h - what callers have compiled in: constants, and the layout of every struct on 64-bit machines.

   A struct never has padding, and only grows at its end: then SIZE and one more FIELD change here, nothing
   else does. For C99, C11 and C++11. */
#ifndef FM_TESTS_LAYOUT_H
#define FM_TESTS_LAYOUT_H

#include "flowmatch.h"

#if defined(__cplusplus)
#define HOLDS(condition) static_assert(condition, #condition)
#elif __STDC_VERSION__ >= 201112L
#define HOLDS(condition) _Static_assert(condition, #condition)
#else
#define HOLDS_AT_(condition, line) extern char holds_at_line_##line[(condition) ? 1 : -1]
#define HOLDS_AT(condition, line) HOLDS_AT_(condition, line)
#define HOLDS(condition) HOLDS_AT(condition, __LINE__)
#endif

#define VALUE(constant, value) HOLDS((constant) == (value));
/* A field takes the bytes from `begin` up to `end`, where the next one begins. */
#define FIELD(type, field, begin, end)                                                                       \
  HOLDS(offsetof(type, field) == (begin) && offsetof(type, field) + sizeof(((type *)0)->field) == (end));
#define SIZE(type, bytes) HOLDS(sizeof(type) == (bytes));

HOLDS(sizeof(fm_status) == 4 && (fm_status)-1 < 0);

VALUE(FM_OK, 0)
VALUE(FM_E_INVALID, -1)
VALUE(FM_E_NOMEM, -2)
VALUE(FM_E_UNSUPPORTED, -3)
VALUE(FM_E_DOMAIN, -4)
VALUE(FM_E_NONFINITE, -5)
VALUE(FM_E_CALLBACK, -6)
VALUE(FM_E_IO, -7)
VALUE(FM_E_FORMAT, -8)
VALUE(FM_E_CHECKSUM, -9)
VALUE(FM_E_MISMATCH, -10)
VALUE(FM_E_STEPS, -11)
VALUE(FM_E_FORKED, -12)
VALUE(FM_STOPPED, -13)
VALUE(FM_DEADLINE, -14)

VALUE(FM_BLAS_AUTO, 0u)
VALUE(FM_BLAS_NEVER, 1u)
VALUE(FM_BLAS_SERIAL, 2u)
VALUE(FM_BLAS_AS_IS, 3u)

VALUE(FM_ISA_AUTO, 0u)
VALUE(FM_ISA_PLAIN, 1u)
VALUE(FM_ISA_AVX2, 2u)

VALUE(FM_PATH_CONDOT, 1u)
VALUE(FM_PATH_COSINE, 2u)
VALUE(FM_PATH_CUSTOM, 0x7fffffffu)

VALUE(FM_VELOCITY, 0u)
VALUE(FM_X1, 1u)
VALUE(FM_X0, 2u)
VALUE(FM_SCORE, 3u)

VALUE(FM_PRIOR_GAUSSIAN, 1u)
VALUE(FM_PRIOR_ROWS, 2u)
VALUE(FM_PRIOR_CALLBACK, 3u)

VALUE(FM_NORMALISE_COLUMNS, 1u)
VALUE(FM_NORMALISE_WHOLE, 2u)
VALUE(FM_NORMALISE_IDENTITY, 3u)

VALUE(FM_NET_RESMLP, 1u)
VALUE(FM_NET_MLP, 2u)
VALUE(FM_NET_CUSTOM, 0x7fffffffu)

VALUE(FM_ACT_SILU, 1u)
VALUE(FM_ACT_GELU, 2u)
VALUE(FM_ACT_GELU_TANH, 3u)
VALUE(FM_ACT_SELU, 4u)
VALUE(FM_ACT_ELU, 5u)
VALUE(FM_ACT_TANH, 6u)
VALUE(FM_ACT_RELU, 7u)
VALUE(FM_ACT_MISH, 8u)

VALUE(FM_OPTIMIZER_ADAMW, 1u)
VALUE(FM_OPTIMIZER_SGD, 2u)
VALUE(FM_OPTIMIZER_NESTEROV, 3u)
VALUE(FM_OPTIMIZER_LION, 4u)
VALUE(FM_OPTIMIZER_MUON, 5u)

VALUE(FM_SCHEDULE_COSINE, 1u)
VALUE(FM_SCHEDULE_CONSTANT, 2u)
VALUE(FM_SCHEDULE_LINEAR, 3u)
VALUE(FM_SCHEDULE_PLATEAU, 4u)

VALUE(FM_SOLVER_EULER, 1u)
VALUE(FM_SOLVER_DOPRI5, 2u)

#if UINTPTR_MAX == 0xffffffffffffffff
FIELD(fm_ctx_options, struct_size, 0, 8)
FIELD(fm_ctx_options, alloc, 8, 16)
FIELD(fm_ctx_options, release, 16, 24)
FIELD(fm_ctx_options, alloc_user, 24, 32)
FIELD(fm_ctx_options, run, 32, 40)
FIELD(fm_ctx_options, run_user, 40, 48)
FIELD(fm_ctx_options, n_threads, 48, 52)
FIELD(fm_ctx_options, blas, 52, 56)
FIELD(fm_ctx_options, isa, 56, 60)
FIELD(fm_ctx_options, reserved, 60, 64)
SIZE(fm_ctx_options, 64)

FIELD(fm_ctx_info, struct_size, 0, 8)
FIELD(fm_ctx_info, n_threads, 8, 12)
FIELD(fm_ctx_info, blas_threads, 12, 16)
FIELD(fm_ctx_info, blas_used, 16, 20)
FIELD(fm_ctx_info, isa, 20, 24)
FIELD(fm_ctx_info, blas_name, 24, 88)
SIZE(fm_ctx_info, 88)

FIELD(fm_path_coefficients, struct_size, 0, 8)
FIELD(fm_path_coefficients, alpha, 8, 16)
FIELD(fm_path_coefficients, sigma, 16, 24)
FIELD(fm_path_coefficients, gamma, 24, 32)
FIELD(fm_path_coefficients, d_alpha, 32, 40)
FIELD(fm_path_coefficients, d_sigma, 40, 48)
FIELD(fm_path_coefficients, d_gamma, 48, 56)
SIZE(fm_path_coefficients, 56)

FIELD(fm_prior_request, struct_size, 0, 8)
FIELD(fm_prior_request, seed, 8, 16)
FIELD(fm_prior_request, first_row, 16, 24)
FIELD(fm_prior_request, n, 24, 32)
FIELD(fm_prior_request, dim, 32, 40)
FIELD(fm_prior_request, x0, 40, 48)
SIZE(fm_prior_request, 48)

FIELD(fm_net_options, struct_size, 0, 8)
FIELD(fm_net_options, kind, 8, 12)
FIELD(fm_net_options, activation, 12, 16)
FIELD(fm_net_options, width, 16, 20)
FIELD(fm_net_options, depth, 20, 24)
FIELD(fm_net_options, time_features, 24, 28)
FIELD(fm_net_options, class_features, 28, 32)
SIZE(fm_net_options, 32)

FIELD(fm_net_call, struct_size, 0, 8)
FIELD(fm_net_call, n, 8, 16)
FIELD(fm_net_call, dim, 16, 24)
FIELD(fm_net_call, params, 24, 32)
FIELD(fm_net_call, x, 32, 40)
FIELD(fm_net_call, t, 40, 48)
FIELD(fm_net_call, labels, 48, 56)
FIELD(fm_net_call, cond, 56, 64)
FIELD(fm_net_call, velocity, 64, 72)
FIELD(fm_net_call, d_velocity, 72, 80)
FIELD(fm_net_call, d_x, 80, 88)
FIELD(fm_net_call, d_params, 88, 96)
SIZE(fm_net_call, 96)

FIELD(fm_optimizer_options, struct_size, 0, 8)
FIELD(fm_optimizer_options, kind, 8, 12)
FIELD(fm_optimizer_options, schedule, 12, 16)
FIELD(fm_optimizer_options, learning_rate, 16, 24)
FIELD(fm_optimizer_options, beta1, 24, 32)
FIELD(fm_optimizer_options, beta2, 32, 40)
FIELD(fm_optimizer_options, epsilon, 40, 48)
FIELD(fm_optimizer_options, weight_decay, 48, 56)
FIELD(fm_optimizer_options, clip_norm, 56, 64)
FIELD(fm_optimizer_options, final_fraction, 64, 72)
FIELD(fm_optimizer_options, warmup_steps, 72, 80)
FIELD(fm_optimizer_options, n_steps, 80, 88)
FIELD(fm_optimizer_options, plateau_factor, 88, 96)
FIELD(fm_optimizer_options, plateau_patience, 96, 104)
SIZE(fm_optimizer_options, 104)

FIELD(fm_data_options, struct_size, 0, 8)
FIELD(fm_data_options, no_copy, 8, 16)
SIZE(fm_data_options, 16)

FIELD(fm_pull_request, struct_size, 0, 8)
FIELD(fm_pull_request, first_row, 8, 16)
FIELD(fm_pull_request, n, 16, 24)
FIELD(fm_pull_request, dim, 24, 32)
FIELD(fm_pull_request, x1, 32, 40)
FIELD(fm_pull_request, x0, 40, 48)
FIELD(fm_pull_request, labels, 48, 56)
FIELD(fm_pull_request, cond, 56, 64)
FIELD(fm_pull_request, weights, 64, 72)
SIZE(fm_pull_request, 72)

FIELD(fm_progress, struct_size, 0, 8)
FIELD(fm_progress, step, 8, 16)
FIELD(fm_progress, n_steps, 16, 24)
FIELD(fm_progress, n_rows, 24, 32)
FIELD(fm_progress, loss, 32, 40)
FIELD(fm_progress, mean_loss, 40, 48)
FIELD(fm_progress, learning_rate, 48, 56)
FIELD(fm_progress, grad_norm, 56, 64)
FIELD(fm_progress, seconds, 64, 72)
FIELD(fm_progress, held_out_loss, 72, 80)
SIZE(fm_progress, 80)

FIELD(fm_validation_options, struct_size, 0, 8)
FIELD(fm_validation_options, every, 8, 16)
FIELD(fm_validation_options, patience, 16, 24)
FIELD(fm_validation_options, draws, 24, 32)
FIELD(fm_validation_options, seed, 32, 40)
SIZE(fm_validation_options, 40)

FIELD(fm_reduction, struct_size, 0, 8)
FIELD(fm_reduction, step, 8, 16)
FIELD(fm_reduction, n, 16, 24)
FIELD(fm_reduction, grad, 24, 32)
FIELD(fm_reduction, weight, 32, 40)
FIELD(fm_reduction, loss, 40, 48)
SIZE(fm_reduction, 48)

FIELD(fm_trainer_options, struct_size, 0, 8)
FIELD(fm_trainer_options, seed, 8, 16)
FIELD(fm_trainer_options, batch, 16, 24)
FIELD(fm_trainer_options, publish_every, 24, 32)
FIELD(fm_trainer_options, n_snapshots, 32, 40)
FIELD(fm_trainer_options, ema_decay, 40, 48)
FIELD(fm_trainer_options, label_dropout, 48, 56)
FIELD(fm_trainer_options, progress, 56, 64)
FIELD(fm_trainer_options, progress_user, 64, 72)
FIELD(fm_trainer_options, reduce, 72, 80)
FIELD(fm_trainer_options, reduce_user, 80, 88)
FIELD(fm_trainer_options, accumulate, 88, 96)
SIZE(fm_trainer_options, 96)

FIELD(fm_solver_options, struct_size, 0, 8)
FIELD(fm_solver_options, method, 8, 12)
FIELD(fm_solver_options, n_steps, 12, 16)
FIELD(fm_solver_options, rtol, 16, 24)
FIELD(fm_solver_options, atol, 24, 32)
FIELD(fm_solver_options, first_step, 32, 40)
FIELD(fm_solver_options, max_steps, 40, 48)
SIZE(fm_solver_options, 48)

FIELD(fm_solve_stats, struct_size, 0, 8)
FIELD(fm_solve_stats, nfe, 8, 16)
FIELD(fm_solve_stats, max_nfe, 16, 24)
FIELD(fm_solve_stats, accepted, 24, 32)
FIELD(fm_solve_stats, rejected, 32, 40)
FIELD(fm_solve_stats, failed, 40, 48)
SIZE(fm_solve_stats, 48)

FIELD(fm_rhs_call, struct_size, 0, 8)
FIELD(fm_rhs_call, n, 8, 16)
FIELD(fm_rhs_call, dim, 16, 24)
FIELD(fm_rhs_call, row, 24, 32)
FIELD(fm_rhs_call, t, 32, 40)
FIELD(fm_rhs_call, x, 40, 48)
FIELD(fm_rhs_call, dxdt, 48, 56)
SIZE(fm_rhs_call, 56)

FIELD(fm_trajectory, struct_size, 0, 8)
FIELD(fm_trajectory, step, 8, 16)
FIELD(fm_trajectory, first_row, 16, 24)
FIELD(fm_trajectory, n, 24, 32)
FIELD(fm_trajectory, dim, 32, 40)
FIELD(fm_trajectory, t, 40, 48)
FIELD(fm_trajectory, x, 48, 56)
SIZE(fm_trajectory, 56)

FIELD(fm_sampler_options, struct_size, 0, 8)
FIELD(fm_sampler_options, deadline, 8, 16)
FIELD(fm_sampler_options, raw_weights, 16, 24)
SIZE(fm_sampler_options, 24)
#endif

#endif
