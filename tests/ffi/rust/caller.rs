// The library from Rust, without a crate: trains on points of a ring, draws, reads an error.
use std::ffi::{c_char, c_void, CStr};
use std::ptr::{null, null_mut};

#[repr(C)]
#[derive(Default)]
struct NetOptions { struct_size: u64, kind: u32, activation: u32, width: u32, depth: u32, time_features: i32, class_features: u32 }

type Handle = *mut c_void;
#[link(name = "flowmatch")]
extern "C" {
    fn fm_ctx_create(options: *const c_void, out: *mut Handle) -> i32;
    fn fm_ctx_message(ctx: Handle) -> *const c_char;
    fn fm_ctx_destroy(ctx: Handle);
    fn fm_net_create(ctx: Handle, dim: usize, classes: *const u32, columns: usize, cond_dim: usize, o: *const NetOptions, out: *mut Handle) -> i32;
    fn fm_net_destroy(net: Handle);
    fn fm_trainer_create(ctx: Handle, net: Handle, path: Handle, prior: Handle, normaliser: Handle, cond_normaliser: Handle,
        optimizer: Handle, params: *const f32, options: *const c_void, out: *mut Handle) -> i32;
    fn fm_trainer_step(ctx: Handle, trainer: Handle, x1: *const f32, x0: *const f32, labels: *const i32, cond: *const f32,
        weights: *const f32, n: usize, loss: *mut f64) -> i32;
    fn fm_trainer_model(ctx: Handle, trainer: Handle, out: *mut Handle) -> i32;
    fn fm_trainer_destroy(trainer: Handle);
    fn fm_sample(ctx: Handle, model: Handle, seed: u64, first_row: u64, labels: *const i32, cond: *const f32, n: usize, out: *mut f32) -> i32;
    fn fm_model_destroy(model: Handle);
}

fn main() {
    let mut rows: Vec<f32> = (0..256).flat_map(|i| [(i as f32).cos(), (i as f32).sin()]).collect();
    let mut samples = vec![f32::NAN; 512];
    let (mut ctx, mut net, mut trainer, mut model) = (null_mut(), null_mut(), null_mut(), null_mut());
    let none = null_mut();
    let options = NetOptions { struct_size: std::mem::size_of::<NetOptions>() as u64, width: 32, depth: 2, ..Default::default() };
    unsafe {
        assert_eq!(fm_ctx_create(null(), &mut ctx), 0);
        assert_eq!(fm_net_create(ctx, 2, null(), 0, 0, &options, &mut net), 0);
        assert_eq!(fm_trainer_create(ctx, net, none, none, none, none, none, null(), null(), &mut trainer), 0);
        let (mut first, mut loss) = (0.0, 0.0);
        for step in 0..100 {
            assert_eq!(fm_trainer_step(ctx, trainer, rows.as_ptr(), null(), null(), null(), null(), 256, &mut loss), 0);
            if step == 0 { first = loss }
        }
        assert!(loss < first, "the loss went from {first} to {loss}");
        assert_eq!(fm_trainer_model(ctx, trainer, &mut model), 0);
        assert_eq!(fm_sample(ctx, model, 1, 0, null(), null(), 256, samples.as_mut_ptr()), 0);
        assert!(samples.iter().all(|x| x.is_finite() && x.abs() < 10.0));

        rows[3] = f32::NAN;
        let status = fm_trainer_step(ctx, trainer, rows.as_ptr(), null(), null(), null(), null(), 256, null_mut());
        let text = CStr::from_ptr(fm_ctx_message(ctx)).to_str().unwrap();
        assert!(status == -5 && text.contains("row 1, column 1"), "{text}");
        println!("loss {first:.2} to {loss:.2}; {text}");
        fm_ctx_destroy(ctx); // in any order
        fm_net_destroy(net);
        fm_trainer_destroy(trainer);
        fm_model_destroy(model);
    }
}
