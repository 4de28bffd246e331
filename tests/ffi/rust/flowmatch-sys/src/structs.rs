//! The structs and callbacks of flowmatch.h and flowmatch_parts.h. What they mean is said there.
use crate::*;
use std::os::raw::{c_char, c_void};

// A struct all of whose fields are public, and its layout for tests/header.rs.
macro_rules! structs {
    ($(pub struct $name:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            #[repr(C)]
            #[derive(Clone, Copy)]
            pub struct $name { $(pub $field: $type,)* }
        )*
        #[doc(hidden)]
        pub fn layouts() -> Vec<Layout> {
            vec![$(Layout {
                name: stringify!($name),
                size: std::mem::size_of::<$name>(),
                fields: {
                    let place = std::mem::MaybeUninit::<$name>::uninit();
                    let start = place.as_ptr();
                    // The addresses of fields, without reading any.
                    vec![$(unsafe {
                        let field = std::ptr::addr_of!((*start).$field);
                        (stringify!($field), field as usize - start as usize, size_of_pointee(field))
                    }),*]
                },
            }),*]
        }
    };
}

#[doc(hidden)]
pub struct Layout {
    pub name: &'static str,
    pub size: usize,
    pub fields: Vec<(&'static str, usize, usize)>, // name, offset, size
}

fn size_of_pointee<T>(_: *const T) -> usize {
    std::mem::size_of::<T>()
}

structs! {
    pub struct fm_ctx_options {
        struct_size: u64,
        alloc: Option<unsafe extern "C" fn(user: *mut c_void, bytes: usize, alignment: usize) -> *mut c_void>,
        release: Option<unsafe extern "C" fn(user: *mut c_void, block: *mut c_void)>,
        alloc_user: *mut c_void,
        run: Option<
            unsafe extern "C" fn(
                user: *mut c_void,
                n: usize,
                task: unsafe extern "C" fn(arg: *mut c_void, i: usize),
                arg: *mut c_void,
            ) -> i32,
        >,
        run_user: *mut c_void,
        n_threads: u32,
        blas: u32,
        isa: u32,
        reserved: u32,
    }
    pub struct fm_ctx_info {
        struct_size: u64,
        n_threads: u32,
        blas_threads: u32,
        blas_used: u32,
        isa: u32,
        blas_name: [c_char; 64],
    }
    pub struct fm_net_options {
        struct_size: u64,
        kind: u32,
        activation: u32,
        width: u32,
        depth: u32,
        time_features: i32,
        class_features: u32,
        dropout: f64,
        n_times: u64,
    }
    pub struct fm_optimizer_options {
        struct_size: u64,
        kind: u32,
        schedule: u32,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        epsilon: f64,
        weight_decay: f64,
        clip_norm: f64,
        final_fraction: f64,
        warmup_steps: i64,
        n_steps: u64,
        plateau_factor: f64,
        plateau_patience: u64,
    }
    pub struct fm_data_options {
        struct_size: u64,
        no_copy: u64,
        missing: u64,
    }
    pub struct fm_progress {
        struct_size: u64,
        step: u64,
        n_steps: u64,
        n_rows: u64,
        loss: f64,
        mean_loss: f64,
        learning_rate: f64,
        grad_norm: f64,
        seconds: f64,
        held_out_loss: f64,
    }
    pub struct fm_trainer_options {
        struct_size: u64,
        seed: u64,
        batch: u64,
        publish_every: u64,
        n_snapshots: u64,
        ema_decay: f64,
        label_dropout: f64,
        progress: fm_progress_fn,
        progress_user: *mut c_void,
        reduce: fm_reduce_fn,
        reduce_user: *mut c_void,
        time_sampling: u32,
        loss_weight: u32,
        time_a: f64,
        time_b: f64,
        weight_a: f64,
        time: fm_time_fn,
        time_user: *mut c_void,
        weight: fm_time_weight_fn,
        weight_user: *mut c_void,
        accumulate: u64,
        coupling: u32,
        coupling_max_iterations: u32,
        coupling_regularisation: f64,
        coupling_relative_regularisation: f64,
        coupling_relaxation: f64,
        coupling_tolerance: f64,
        coupling_class_weight: f64,
        coupling_condition_weight: f64,
        coupling_cost: fm_cost_fn,
        coupling_cost_user: *mut c_void,
        objective: u64,
        mean_share: f64,
        mean_weight_power: f64,
        mean_weight_offset: f64,
    }
    pub struct fm_validation_options {
        struct_size: u64,
        every: u64,
        patience: u64,
        draws: u64,
        seed: u64,
    }
    pub struct fm_solver_options {
        struct_size: u64,
        method: u32,
        n_steps: u32,
        rtol: f64,
        atol: f64,
        first_step: f64,
        max_steps: u64,
        grid: u32,
        norm: u32,
        grid_shift: f64,
        max_step: f64,
        safety: f64,
        min_factor: f64,
        max_factor: f64,
        beta: f64,
        fixed_steps: u64,
    }
    pub struct fm_sampler_options {
        struct_size: u64,
        deadline: f64,
        raw_weights: u64,
        divergence: u32,
        n_probes: u32,
        probe_seed: u64,
        coarse: f64,
        diffusion: u64,
        diffusion_level: f64,
        diffusion_fn: fm_diffusion_fn,
        diffusion_user: *mut c_void,
    }
    pub struct fm_path_coefficients {
        struct_size: u64,
        alpha: f64,
        sigma: f64,
        gamma: f64,
        d_alpha: f64,
        d_sigma: f64,
        d_gamma: f64,
    }
    pub struct fm_prior_request {
        struct_size: u64,
        seed: u64,
        first_row: u64,
        n: u64,
        dim: u64,
        x0: *mut f64,
    }
    pub struct fm_log_density_request {
        struct_size: u64,
        n: u64,
        dim: u64,
        x: *const f64,
        log_density: *mut f64,
    }
    pub struct fm_net_call {
        struct_size: u64,
        n: u64,
        dim: u64,
        params: *const f32,
        x: *const f32,
        t: *const f64,
        labels: *const i32,
        cond: *const f32,
        velocity: *mut f32,
        d_velocity: *const f32,
        d_x: *mut f32,
        d_params: *mut f32,
    }
    pub struct fm_pull_request {
        struct_size: u64,
        first_row: u64,
        n: u64,
        dim: u64,
        x1: *mut f64,
        x0: *mut f64,
        labels: *mut i32,
        cond: *mut f32,
        weights: *mut f32,
    }
    pub struct fm_gather_request {
        struct_size: u64,
        n: u64,
        dim: u64,
        row: *const u64,
        x1: *mut f64,
        x0: *mut f64,
        labels: *mut i32,
        cond: *mut f32,
        weights: *mut f32,
    }
    pub struct fm_npy_info {
        struct_size: u64,
        rank: u64,
        shape: [u64; 8],
        dtype: [c_char; 8],
    }
    pub struct fm_time_request {
        struct_size: u64,
        n: u64,
        uniforms: *const f64,
        t: *mut f64,
    }
    pub struct fm_time_weight_request {
        struct_size: u64,
        n: u64,
        t: *const f64,
        weight: *mut f64,
    }
    pub struct fm_reduction {
        struct_size: u64,
        step: u64,
        n: u64,
        grad: *mut f32,
        weight: *mut f64,
        loss: *mut f64,
    }
    pub struct fm_cost_request {
        struct_size: u64,
        n: u64,
        dim: u64,
        x0: *const f64,
        x1: *const f64,
        cost: *mut f64,
    }
    pub struct fm_coupling_options {
        struct_size: u64,
        kind: u32,
        max_iterations: u32,
        regularisation: f64,
        relative_regularisation: f64,
        relaxation: f64,
        tolerance: f64,
        class_weight: f64,
        condition_weight: f64,
        bridge_width: f64,
        cost: fm_cost_fn,
        cost_user: *mut c_void,
    }
    pub struct fm_coupling_stats {
        struct_size: u64,
        cost: f64,
        mass: f64,
        error: f64,
        iterations: u64,
    }
    pub struct fm_solve_stats {
        struct_size: u64,
        nfe: u64,
        max_nfe: u64,
        accepted: u64,
        rejected: u64,
        failed: u64,
    }
    pub struct fm_row_stats {
        nfe: u64,
        accepted: u64,
        rejected: u64,
        t: f64,
        status: fm_status,
        reserved: u32,
    }
    pub struct fm_solver_info {
        struct_size: u64,
        name: *const c_char,
        method: u32,
        order: u32,
        evaluations: u32,
        adaptive: u32,
        start_evaluations: u32,
        needs_model: u32,
    }
    pub struct fm_rhs_call {
        struct_size: u64,
        n: u64,
        dim: u64,
        row: *const u64,
        t: *const f64,
        x: *const f64,
        dxdt: *mut f64,
    }
    pub struct fm_trajectory {
        struct_size: u64,
        step: u64,
        first_row: u64,
        n: u64,
        dim: u64,
        t: *const f64,
        x: *const f64,
    }
}

pub type fm_progress_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, progress: *const fm_progress) -> i32>;
pub type fm_time_fn = Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_time_request) -> i32>;
pub type fm_time_weight_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_time_weight_request) -> i32>;
pub type fm_reduce_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, reduction: *const fm_reduction) -> i32>;
pub type fm_cost_fn = Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_cost_request) -> i32>;
pub type fm_diffusion_fn = Option<unsafe extern "C" fn(user: *mut c_void, t: f64, g: *mut f64) -> i32>;
pub type fm_path_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, t: f64, out: *mut fm_path_coefficients) -> i32>;
pub type fm_prior_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_prior_request) -> i32>;
pub type fm_log_density_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_log_density_request) -> i32>;
pub type fm_net_fn = Option<unsafe extern "C" fn(user: *mut c_void, call: *const fm_net_call) -> i32>;
pub type fm_net_init_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, seed: u64, params: *mut f32, n_params: usize) -> i32>;
pub type fm_pull_fn = Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_pull_request) -> i32>;
pub type fm_gather_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, request: *const fm_gather_request) -> i32>;
pub type fm_rhs_fn = Option<unsafe extern "C" fn(user: *mut c_void, call: *const fm_rhs_call) -> i32>;
pub type fm_trajectory_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, trajectory: *const fm_trajectory) -> i32>;
