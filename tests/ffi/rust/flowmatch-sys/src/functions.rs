//! The functions of flowmatch.h and flowmatch_parts.h. What they do is said there.
use crate::*;
use std::os::raw::{c_char, c_void};

#[rustfmt::skip]
extern "C" {
    pub fn fm_status_name(status: fm_status) -> *const c_char;
    pub fn fm_version() -> u32;
    pub fn fm_version_string() -> *const c_char;
    pub fn fm_ctx_create(options: *const fm_ctx_options, out: *mut *mut fm_ctx) -> fm_status;
    pub fn fm_ctx_destroy(ctx: *mut fm_ctx);
    pub fn fm_ctx_message(ctx: *const fm_ctx) -> *const c_char;
    pub fn fm_ctx_get_info(ctx: *mut fm_ctx, info: *mut fm_ctx_info) -> fm_status;
    pub fn fm_ctx_stop(ctx: *mut fm_ctx);
    pub fn fm_path_create(ctx: *mut fm_ctx, kind: u32, out: *mut *mut fm_path) -> fm_status;
    pub fn fm_path_create_with(
        ctx: *mut fm_ctx, kind: u32, params: *const f64, n_params: usize, out: *mut *mut fm_path
    ) -> fm_status;
    pub fn fm_path_create_named(ctx: *mut fm_ctx, text: *const c_char, out: *mut *mut fm_path) -> fm_status;
    pub fn fm_path_destroy(path: *mut fm_path);
    pub fn fm_path_kind(path: *const fm_path) -> u32;
    pub fn fm_path_name(path: *const fm_path) -> *const c_char;
    pub fn fm_path_params(path: *const fm_path, params: *mut f64, n: usize) -> usize;
    pub fn fm_prior_create_gaussian(ctx: *mut fm_ctx, out: *mut *mut fm_prior) -> fm_status;
    pub fn fm_prior_create_rows(
        ctx: *mut fm_ctx, rows: *const f32, n: usize, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_rows_f64(
        ctx: *mut fm_ctx, rows: *const f64, n: usize, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_shuffled_rows(
        ctx: *mut fm_ctx, rows: *const f32, n: usize, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_shuffled_rows_f64(
        ctx: *mut fm_ctx, rows: *const f64, n: usize, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_uniform(
        ctx: *mut fm_ctx, low: *const f64, high: *const f64, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_diagonal(
        ctx: *mut fm_ctx, mean: *const f64, deviation: *const f64, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_covariance(
        ctx: *mut fm_ctx, mean: *const f64, covariance: *const f64, dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_mixture(
        ctx: *mut fm_ctx, weights: *const f64, means: *const f64, deviations: *const f64, n: usize,
        dim: usize, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_kind(prior: *const fm_prior) -> u32;
    pub fn fm_prior_destroy(prior: *mut fm_prior);
    pub fn fm_normaliser_fit(
        ctx: *mut fm_ctx, kind: u32, x: *const f32, n: usize, dim: usize, out: *mut *mut fm_normaliser
    ) -> fm_status;
    pub fn fm_normaliser_fit_f64(
        ctx: *mut fm_ctx, kind: u32, x: *const f64, n: usize, dim: usize, out: *mut *mut fm_normaliser
    ) -> fm_status;
    pub fn fm_normaliser_fit_data(
        ctx: *mut fm_ctx, kind: u32, data: *const fm_data, part: u32, out: *mut *mut fm_normaliser
    ) -> fm_status;
    pub fn fm_normaliser_destroy(normaliser: *mut fm_normaliser);
    pub fn fm_normaliser_dim(normaliser: *const fm_normaliser) -> usize;
    pub fn fm_net_create(
        ctx: *mut fm_ctx, dim: usize, n_classes: *const u32, n_class_columns: usize, cond_dim: usize,
        options: *const fm_net_options, out: *mut *mut fm_net
    ) -> fm_status;
    pub fn fm_net_destroy(net: *mut fm_net);
    pub fn fm_net_dim(net: *const fm_net) -> usize;
    pub fn fm_net_n_params(net: *const fm_net) -> usize;
    pub fn fm_net_n_class_columns(net: *const fm_net) -> usize;
    pub fn fm_net_n_classes(net: *const fm_net, column: usize) -> u32;
    pub fn fm_net_cond_dim(net: *const fm_net) -> usize;
    pub fn fm_net_n_times(net: *const fm_net) -> usize;
    pub fn fm_optimizer_create(
        ctx: *mut fm_ctx, options: *const fm_optimizer_options, out: *mut *mut fm_optimizer
    ) -> fm_status;
    pub fn fm_optimizer_destroy(optimizer: *mut fm_optimizer);
    pub fn fm_data_create(
        ctx: *mut fm_ctx, x1: *const f32, x0: *const f32, labels: *const i32, cond: *const f32,
        weights: *const f32, n: usize, dim: usize, n_class_columns: usize, cond_dim: usize,
        options: *const fm_data_options, out: *mut *mut fm_data
    ) -> fm_status;
    pub fn fm_data_create_f64(
        ctx: *mut fm_ctx, x1: *const f64, x0: *const f64, labels: *const i32, cond: *const f32,
        weights: *const f32, n: usize, dim: usize, n_class_columns: usize, cond_dim: usize,
        options: *const fm_data_options, out: *mut *mut fm_data
    ) -> fm_status;
    pub fn fm_data_open_npy(
        ctx: *mut fm_ctx, files: *const *const c_char, n_files: usize, labels: *const i32, cond: *const f32,
        weights: *const f32, n: usize, n_class_columns: usize, cond_dim: usize,
        options: *const fm_data_options, out: *mut *mut fm_data
    ) -> fm_status;
    pub fn fm_data_split(
        ctx: *mut fm_ctx, data: *const fm_data, seed: u64, n_held_out: usize, out: *mut *mut fm_data,
        held_out: *mut *mut fm_data
    ) -> fm_status;
    pub fn fm_data_destroy(data: *mut fm_data);
    pub fn fm_data_n(data: *const fm_data) -> usize;
    pub fn fm_data_dim(data: *const fm_data) -> usize;
    pub fn fm_data_n_class_columns(data: *const fm_data) -> usize;
    pub fn fm_data_cond_dim(data: *const fm_data) -> usize;
    pub fn fm_data_mask_column(data: *const fm_data, column: usize) -> usize;
    pub fn fm_model_destroy(model: *mut fm_model);
    pub fn fm_model_save(ctx: *mut fm_ctx, model: *const fm_model, file: *const c_char) -> fm_status;
    pub fn fm_model_load(ctx: *mut fm_ctx, file: *const c_char, out: *mut *mut fm_model) -> fm_status;
    pub fn fm_model_load_memory(
        ctx: *mut fm_ctx, bytes: *const c_void, n_bytes: usize, out: *mut *mut fm_model
    ) -> fm_status;
    pub fn fm_model_net(model: *const fm_model) -> *const fm_net;
    pub fn fm_model_path(model: *const fm_model) -> *const fm_path;
    pub fn fm_model_prior(model: *const fm_model) -> *const fm_prior;
    pub fn fm_model_normaliser(model: *const fm_model) -> *const fm_normaliser;
    pub fn fm_model_with_note(
        ctx: *mut fm_ctx, model: *const fm_model, key: *const c_char, value: *const c_char,
        out: *mut *mut fm_model
    ) -> fm_status;
    pub fn fm_model_note(model: *const fm_model, key: *const c_char) -> *const c_char;
    pub fn fm_model_train_steps(model: *const fm_model) -> u64;
    pub fn fm_trainer_create(
        ctx: *mut fm_ctx, net: *const fm_net, path: *const fm_path, prior: *const fm_prior,
        normaliser: *const fm_normaliser, cond_normaliser: *const fm_normaliser,
        optimizer: *const fm_optimizer, params: *const f32, options: *const fm_trainer_options,
        out: *mut *mut fm_trainer
    ) -> fm_status;
    pub fn fm_trainer_destroy(trainer: *mut fm_trainer);
    pub fn fm_trainer_step(
        ctx: *mut fm_ctx, trainer: *mut fm_trainer, x1: *const f32, x0: *const f32, labels: *const i32,
        cond: *const f32, weights: *const f32, n: usize, loss: *mut f64
    ) -> fm_status;
    pub fn fm_trainer_step_f64(
        ctx: *mut fm_ctx, trainer: *mut fm_trainer, x1: *const f64, x0: *const f64, labels: *const i32,
        cond: *const f32, weights: *const f32, n: usize, loss: *mut f64
    ) -> fm_status;
    pub fn fm_trainer_run(
        ctx: *mut fm_ctx, trainer: *mut fm_trainer, data: *const fm_data, n_steps: u64
    ) -> fm_status;
    pub fn fm_trainer_run_validated(
        ctx: *mut fm_ctx, trainer: *mut fm_trainer, data: *const fm_data, held_out: *const fm_data,
        n_steps: u64, options: *const fm_validation_options
    ) -> fm_status;
    pub fn fm_trainer_best(
        ctx: *mut fm_ctx, trainer: *const fm_trainer, out: *mut *mut fm_model, loss: *mut f64
    ) -> fm_status;
    pub fn fm_trainer_steps(trainer: *const fm_trainer) -> u64;
    pub fn fm_trainer_publish(ctx: *mut fm_ctx, trainer: *mut fm_trainer) -> fm_status;
    pub fn fm_trainer_skipped(trainer: *const fm_trainer) -> u64;
    pub fn fm_trainer_latest(
        ctx: *mut fm_ctx, trainer: *const fm_trainer, out: *mut *mut fm_model
    ) -> fm_status;
    pub fn fm_trainer_model(
        ctx: *mut fm_ctx, trainer: *const fm_trainer, out: *mut *mut fm_model
    ) -> fm_status;
    pub fn fm_trainer_save(ctx: *mut fm_ctx, trainer: *const fm_trainer, file: *const c_char) -> fm_status;
    pub fn fm_trainer_load(ctx: *mut fm_ctx, trainer: *mut fm_trainer, file: *const c_char) -> fm_status;
    pub fn fm_fit(
        ctx: *mut fm_ctx, data: *const fm_data, path: *const fm_path, prior: *const fm_prior,
        optimizer: *const fm_optimizer, net_options: *const fm_net_options,
        options: *const fm_trainer_options, out: *mut *mut fm_model
    ) -> fm_status;
    pub fn fm_sampler_create(
        ctx: *mut fm_ctx, model: *const fm_model, solver: *const fm_solver_options,
        options: *const fm_sampler_options, out: *mut *mut fm_sampler
    ) -> fm_status;
    pub fn fm_sampler_destroy(sampler: *mut fm_sampler);
    pub fn fm_sampler_set_model(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, model: *const fm_model
    ) -> fm_status;
    pub fn fm_sampler_draw(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, seed: u64, first_row: u64, labels: *const i32,
        cond: *const f32, n: usize, out: *mut f32
    ) -> fm_status;
    pub fn fm_sampler_draw_f64(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, seed: u64, first_row: u64, labels: *const i32,
        cond: *const f32, n: usize, out: *mut f64
    ) -> fm_status;
    pub fn fm_sample(
        ctx: *mut fm_ctx, model: *const fm_model, seed: u64, first_row: u64, labels: *const i32,
        cond: *const f32, n: usize, out: *mut f32
    ) -> fm_status;
    pub fn fm_path_create_custom(
        ctx: *mut fm_ctx, function: fm_path_fn, user: *mut c_void, out: *mut *mut fm_path
    ) -> fm_status;
    pub fn fm_path_interval(
        ctx: *mut fm_ctx, path: *const fm_path, first: *mut f64, last: *mut f64
    ) -> fm_status;
    pub fn fm_path_snr_inverse(ctx: *mut fm_ctx, path: *const fm_path, snr: f64, t: *mut f64) -> fm_status;
    pub fn fm_path_coefficients_at(
        ctx: *mut fm_ctx, path: *const fm_path, t: f64, out: *mut fm_path_coefficients
    ) -> fm_status;
    pub fn fm_path_interpolate(
        ctx: *mut fm_ctx, path: *const fm_path, x0: *const f64, x1: *const f64, eps: *const f64,
        t: *const f64, n: usize, dim: usize, xt: *mut f64, ut: *mut f64
    ) -> fm_status;
    pub fn fm_path_convert(
        ctx: *mut fm_ctx, path: *const fm_path, from: u32, to: u32, t: *const f64, x: *const f64,
        value: *const f64, n: usize, dim: usize, out: *mut f64
    ) -> fm_status;
    pub fn fm_prior_create_callback(
        ctx: *mut fm_ctx, function: fm_prior_fn, user: *mut c_void, out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_create_callback_density(
        ctx: *mut fm_ctx, function: fm_prior_fn, log_density: fm_log_density_fn, user: *mut c_void,
        out: *mut *mut fm_prior
    ) -> fm_status;
    pub fn fm_prior_log_density(
        ctx: *mut fm_ctx, prior: *const fm_prior, x: *const f64, n: usize, dim: usize, out: *mut f64
    ) -> fm_status;
    pub fn fm_normaliser_create(
        ctx: *mut fm_ctx, shift: *const f64, scale: *const f64, dim: usize, out: *mut *mut fm_normaliser
    ) -> fm_status;
    pub fn fm_normaliser_get(
        ctx: *mut fm_ctx, normaliser: *const fm_normaliser, shift: *mut f64, scale: *mut f64
    ) -> fm_status;
    pub fn fm_net_tensor(
        ctx: *mut fm_ctx, net: *const fm_net, index: usize, name: *mut *const c_char, offset: *mut usize,
        shape: *mut u64
    ) -> fm_status;
    pub fn fm_net_init(ctx: *mut fm_ctx, net: *const fm_net, seed: u64, params: *mut f32) -> fm_status;
    pub fn fm_net_velocity(
        ctx: *mut fm_ctx, net: *const fm_net, params: *const f32, x: *const f32, t: *const f64,
        labels: *const i32, cond: *const f32, n: usize, out: *mut f32
    ) -> fm_status;
    pub fn fm_net_vjp(
        ctx: *mut fm_ctx, net: *const fm_net, params: *const f32, x: *const f32, t: *const f64,
        labels: *const i32, cond: *const f32, d_out: *const f32, n: usize, d_x: *mut f32, d_params: *mut f32
    ) -> fm_status;
    pub fn fm_net_jvp(
        ctx: *mut fm_ctx, net: *const fm_net, params: *const f32, x: *const f32, t: *const f64,
        labels: *const i32, cond: *const f32, dx: *const f32, dt: *const f64, n: usize, out: *mut f32,
        d_out: *mut f32
    ) -> fm_status;
    pub fn fm_net_create_custom(
        ctx: *mut fm_ctx, dim: usize, n_classes: *const u32, n_class_columns: usize, cond_dim: usize,
        n_params: usize, forward: fm_net_fn, vjp: fm_net_fn, init: fm_net_init_fn, user: *mut c_void,
        out: *mut *mut fm_net
    ) -> fm_status;
    pub fn fm_optimizer_state_count(optimizer: *const fm_optimizer, n_params: usize) -> usize;
    pub fn fm_optimizer_rate(optimizer: *const fm_optimizer, step: u64) -> f64;
    pub fn fm_optimizer_step(
        ctx: *mut fm_ctx, optimizer: *const fm_optimizer, step: u64, grad: *const f32, n_params: usize,
        params: *mut f32, state: *mut f32, grad_norm: *mut f64
    ) -> fm_status;
    pub fn fm_optimizer_step_net(
        ctx: *mut fm_ctx, optimizer: *const fm_optimizer, net: *const fm_net, step: u64, grad: *const f32,
        params: *mut f32, state: *mut f32, grad_norm: *mut f64
    ) -> fm_status;
    pub fn fm_data_create_pull(
        ctx: *mut fm_ctx, function: fm_pull_fn, user: *mut c_void, dim: usize, n_class_columns: usize,
        cond_dim: usize, pairs: u32, out: *mut *mut fm_data
    ) -> fm_status;
    pub fn fm_data_create_gather(
        ctx: *mut fm_ctx, function: fm_gather_fn, user: *mut c_void, n: usize, dim: usize,
        n_class_columns: usize, cond_dim: usize, pairs: u32, out: *mut *mut fm_data
    ) -> fm_status;
    pub fn fm_npy_inspect(ctx: *mut fm_ctx, file: *const c_char, info: *mut fm_npy_info) -> fm_status;
    pub fn fm_data_read(
        ctx: *mut fm_ctx, data: *const fm_data, first: usize, n: usize, x1: *mut f64, labels: *mut i32,
        cond: *mut f32
    ) -> fm_status;
    pub fn fm_data_count_classes(ctx: *mut fm_ctx, data: *const fm_data, n_classes: *mut u32) -> fm_status;
    pub fn fm_model_create(
        ctx: *mut fm_ctx, net: *const fm_net, params: *const f32, ema: *const f32, path: *const fm_path,
        prior: *const fm_prior, normaliser: *const fm_normaliser, cond_normaliser: *const fm_normaliser,
        out: *mut *mut fm_model
    ) -> fm_status;
    pub fn fm_model_get_params(
        ctx: *mut fm_ctx, model: *const fm_model, params: *mut f32, ema: *mut f32
    ) -> fm_status;
    pub fn fm_trainer_evaluate(
        ctx: *mut fm_ctx, trainer: *mut fm_trainer, data: *const fm_data, seed: u64, n: u64, loss: *mut f64
    ) -> fm_status;
    pub fn fm_model_evaluate(
        ctx: *mut fm_ctx, model: *const fm_model, data: *const fm_data, seed: u64, n: u64, loss: *mut f64
    ) -> fm_status;
    pub fn fm_trainer_get_gradient(ctx: *mut fm_ctx, trainer: *const fm_trainer, grad: *mut f32) -> fm_status;
    pub fn fm_trainer_coupling_misses(trainer: *const fm_trainer) -> u64;
    pub fn fm_coupling_create(
        ctx: *mut fm_ctx, n: usize, dim: usize, n_class_columns: usize, cond_dim: usize,
        options: *const fm_coupling_options, out: *mut *mut fm_coupling
    ) -> fm_status;
    pub fn fm_coupling_destroy(coupling: *mut fm_coupling);
    pub fn fm_coupling_pair(
        ctx: *mut fm_ctx, coupling: *mut fm_coupling, x0: *const f32, x1: *const f32, labels: *const i32,
        cond: *const f32, n: usize, seed: u64, first_row: u64, x0_index: *mut u64, x1_index: *mut u64,
        stats: *mut fm_coupling_stats
    ) -> fm_status;
    pub fn fm_coupling_pair_f64(
        ctx: *mut fm_ctx, coupling: *mut fm_coupling, x0: *const f64, x1: *const f64, labels: *const i32,
        cond: *const f32, n: usize, seed: u64, first_row: u64, x0_index: *mut u64, x1_index: *mut u64,
        stats: *mut fm_coupling_stats
    ) -> fm_status;
    pub fn fm_coupling_plan(
        ctx: *mut fm_ctx, coupling: *const fm_coupling, plan: *mut f64
    ) -> fm_status;
    pub fn fm_solver_method_info(ctx: *mut fm_ctx, index: usize, info: *mut fm_solver_info) -> fm_status;
    pub fn fm_solver_create(
        ctx: *mut fm_ctx, dim: usize, options: *const fm_solver_options, out: *mut *mut fm_solver
    ) -> fm_status;
    pub fn fm_solver_destroy(solver: *mut fm_solver);
    pub fn fm_solver_solve(
        ctx: *mut fm_ctx, solver: *mut fm_solver, rhs: fm_rhs_fn, user: *mut c_void, t0: f64, t1: f64,
        n: usize, y: *mut f64, trajectory: fm_trajectory_fn, trajectory_user: *mut c_void,
        stats: *mut fm_solve_stats
    ) -> fm_status;
    pub fn fm_solver_solve_at(
        ctx: *mut fm_ctx, solver: *mut fm_solver, rhs: fm_rhs_fn, user: *mut c_void, times: *const f64,
        n_times: usize, n: usize, y: *const f64, out: *mut f64, stats: *mut fm_solve_stats,
        rows: *mut fm_row_stats
    ) -> fm_status;
    pub fn fm_solver_set_grid(
        ctx: *mut fm_ctx, solver: *mut fm_solver, grid: *const f64, n_grid: usize
    ) -> fm_status;
    pub fn fm_sampler_transport(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, t0: f64, t1: f64, labels: *const i32, cond: *const f32,
        n: usize, x: *mut f64, trajectory: fm_trajectory_fn, trajectory_user: *mut c_void,
        stats: *mut fm_solve_stats
    ) -> fm_status;
    pub fn fm_sampler_transport_at(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, times: *const f64, n_times: usize, labels: *const i32,
        cond: *const f32, n: usize, x: *const f64, out: *mut f64, stats: *mut fm_solve_stats,
        rows: *mut fm_row_stats
    ) -> fm_status;
    pub fn fm_sampler_set_grid(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, grid: *const f64, n_grid: usize
    ) -> fm_status;
    pub fn fm_sampler_velocity(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, x: *const f32, t: *const f64, labels: *const i32,
        cond: *const f32, n: usize, out: *mut f32
    ) -> fm_status;
    pub fn fm_sampler_log_density(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, first_row: u64, labels: *const i32, cond: *const f32,
        n: usize, x: *const f64, log_density: *mut f64, error: *mut f64, stats: *mut fm_solve_stats,
        rows: *mut fm_row_stats
    ) -> fm_status;
    pub fn fm_sampler_draw_log_density(
        ctx: *mut fm_ctx, sampler: *mut fm_sampler, seed: u64, first_row: u64, labels: *const i32,
        cond: *const f32, n: usize, out: *mut f64, log_density: *mut f64, error: *mut f64,
        stats: *mut fm_solve_stats, rows: *mut fm_row_stats
    ) -> fm_status;
}
