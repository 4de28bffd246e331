//! The constants of flowmatch.h and flowmatch_parts.h. What they mean is said there.
use crate::fm_status;

// A constant, and its place in a list for tests/header.rs.
macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(pub const $name: $type = $value;)*
        #[doc(hidden)]
        pub const CONSTANTS: &[(&str, i64)] = &[$((stringify!($name), $name as i64)),*];
    };
}

constants! {
    // Status
    FM_OK: fm_status = 0;
    FM_E_INVALID: fm_status = -1;
    FM_E_NOMEM: fm_status = -2;
    FM_E_UNSUPPORTED: fm_status = -3;
    FM_E_DOMAIN: fm_status = -4;
    FM_E_NONFINITE: fm_status = -5;
    FM_E_CALLBACK: fm_status = -6;
    FM_E_IO: fm_status = -7;
    FM_E_FORMAT: fm_status = -8;
    FM_E_CHECKSUM: fm_status = -9;
    FM_E_MISMATCH: fm_status = -10;
    FM_E_STEPS: fm_status = -11;
    FM_E_FORKED: fm_status = -12;
    FM_STOPPED: fm_status = -13;
    FM_DEADLINE: fm_status = -14;
    FM_COARSE: fm_status = -15;
    // Context
    FM_BLAS_AUTO: u32 = 0;
    FM_BLAS_NEVER: u32 = 1;
    FM_BLAS_SERIAL: u32 = 2;
    FM_BLAS_AS_IS: u32 = 3;
    FM_ISA_AUTO: u32 = 0;
    FM_ISA_PLAIN: u32 = 1;
    FM_ISA_AVX2: u32 = 2;
    // Paths
    FM_PATH_CONDOT: u32 = 1;
    FM_PATH_COSINE: u32 = 2;
    FM_PATH_POLYNOMIAL: u32 = 3;
    FM_PATH_VP: u32 = 4;
    FM_PATH_LINEAR_VP: u32 = 5;
    FM_PATH_TARGET_OT: u32 = 6;
    FM_PATH_ICFM: u32 = 7;
    FM_PATH_BRIDGE: u32 = 8;
    FM_PATH_CUSTOM: u32 = 0x7fffffff;
    // Priors
    FM_PRIOR_GAUSSIAN: u32 = 1;
    FM_PRIOR_ROWS: u32 = 2;
    FM_PRIOR_CALLBACK: u32 = 3;
    FM_PRIOR_UNIFORM: u32 = 4;
    FM_PRIOR_DIAGONAL: u32 = 5;
    FM_PRIOR_COVARIANCE: u32 = 6;
    FM_PRIOR_MIXTURE: u32 = 7;
    FM_PRIOR_SHUFFLED_ROWS: u32 = 8;
    // Normalisers
    FM_NORMALISE_COLUMNS: u32 = 1;
    FM_NORMALISE_WHOLE: u32 = 2;
    FM_NORMALISE_IDENTITY: u32 = 3;
    FM_DATA_X1: u32 = 0;
    FM_DATA_COND: u32 = 1;
    // Networks
    FM_NET_RESMLP: u32 = 1;
    FM_NET_MLP: u32 = 2;
    FM_NET_CUSTOM: u32 = 0x7fffffff;
    FM_ACT_SILU: u32 = 1;
    FM_ACT_GELU: u32 = 2;
    FM_ACT_GELU_TANH: u32 = 3;
    FM_ACT_SELU: u32 = 4;
    FM_ACT_ELU: u32 = 5;
    FM_ACT_TANH: u32 = 6;
    FM_ACT_RELU: u32 = 7;
    FM_ACT_MISH: u32 = 8;
    // Optimisers
    FM_OPTIMIZER_ADAMW: u32 = 1;
    FM_OPTIMIZER_SGD: u32 = 2;
    FM_OPTIMIZER_NESTEROV: u32 = 3;
    FM_OPTIMIZER_LION: u32 = 4;
    FM_OPTIMIZER_MUON: u32 = 5;
    FM_SCHEDULE_COSINE: u32 = 1;
    FM_SCHEDULE_CONSTANT: u32 = 2;
    FM_SCHEDULE_LINEAR: u32 = 3;
    FM_SCHEDULE_PLATEAU: u32 = 4;
    // Data
    FM_MISSING_ERROR: u32 = 0;
    FM_MISSING_MASK: u32 = 1;
    // Training
    FM_OBJECTIVE_FLOW: u32 = 0;
    FM_OBJECTIVE_MEAN_FLOW: u32 = 1;
    FM_TIME_UNIFORM: u32 = 1;
    FM_TIME_LOGIT_NORMAL: u32 = 2;
    FM_TIME_MODE: u32 = 3;
    FM_TIME_POWER: u32 = 4;
    FM_TIME_U_SHAPE: u32 = 5;
    FM_TIME_EDM: u32 = 6;
    FM_TIME_COSMAP: u32 = 7;
    FM_WEIGHT_CONSTANT: u32 = 1;
    FM_WEIGHT_COSMAP: u32 = 2;
    FM_WEIGHT_X1: u32 = 3;
    FM_WEIGHT_X0: u32 = 4;
    FM_WEIGHT_MIN_SNR: u32 = 5;
    // Couplings
    FM_COUPLING_INDEPENDENT: u32 = 1;
    FM_COUPLING_OT: u32 = 2;
    FM_COUPLING_SINKHORN: u32 = 3;
    FM_COUPLING_UNBALANCED: u32 = 4;
    FM_COUPLING_BRIDGE: u32 = 5;
    // Solvers
    FM_SOLVER_EULER: u32 = 1;
    FM_SOLVER_MIDPOINT: u32 = 3;
    FM_SOLVER_HEUN2: u32 = 4;
    FM_SOLVER_HEUN3: u32 = 5;
    FM_SOLVER_RK4: u32 = 6;
    FM_SOLVER_RK4_38: u32 = 7;
    FM_SOLVER_AB2: u32 = 10;
    FM_SOLVER_AB3: u32 = 11;
    FM_SOLVER_AB4: u32 = 12;
    FM_SOLVER_EXPONENTIAL_2M: u32 = 13;
    FM_SOLVER_MEAN: u32 = 14;
    FM_SOLVER_DOPRI5: u32 = 2;
    FM_SOLVER_BS32: u32 = 8;
    FM_SOLVER_TSIT5: u32 = 9;
    FM_GRID_UNIFORM: u32 = 1;
    FM_GRID_SHIFTED: u32 = 2;
    FM_GRID_EDM: u32 = 3;
    FM_GRID_CUSTOM: u32 = 0x7fffffff;
    FM_NORM_RMS: u32 = 1;
    FM_NORM_MAX: u32 = 2;
    // Log-densities and stochastic draws; fm_sampler_options.diffusion has 64 bits
    FM_DIVERGENCE_EXACT: u32 = 1;
    FM_DIVERGENCE_RADEMACHER: u32 = 2;
    FM_DIVERGENCE_GAUSSIAN: u32 = 3;
    FM_DIFFUSION_CONSTANT: u64 = 1;
    FM_DIFFUSION_SIGMA: u64 = 2;
    FM_DIFFUSION_OVERSHOOT: u64 = 3;
    FM_DIFFUSION_CUSTOM: u64 = 0x7fffffff;
    // Paths
    FM_VELOCITY: u32 = 0;
    FM_X1: u32 = 1;
    FM_X0: u32 = 2;
    FM_SCORE: u32 = 3;
}
