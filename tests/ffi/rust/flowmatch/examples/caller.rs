//! A program in Rust that embeds the library: learns the points of a ring, saves and loads the model, draws
//! from two threads that share it, cancels a training from a closure, and reads the text of an error.
//!
//!     cargo run --offline --example caller ring.safetensors
use flowmatch::{Context, Data, FitOptions, Model, Result, Sampler};
use flowmatch_sys::{FM_E_CALLBACK, FM_E_INVALID, FM_E_NONFINITE, FM_STOPPED};
use std::panic::{catch_unwind, AssertUnwindSafe};

const N: usize = 512;
const DIM: usize = 2;
const OPTIONS: FitOptions = FitOptions { width: 32, depth: 2, n_steps: 400, seed: 1 };

/// A ring of radius 1 around (10, 0).
fn ring() -> Vec<f32> {
    (0..N).flat_map(|i| [10.0 + (i as f32).cos(), (i as f32).sin()]).collect()
}

fn assert_ring(rows: &[f32]) {
    let mean = |f: fn(&[f32]) -> f32| rows.chunks(DIM).map(f).sum::<f32>() / N as f32;
    let (centre, radius) = (mean(|r| r[0]), mean(|r| (r[0] - 10.0).hypot(r[1])));
    println!("centre {centre:.2}, radius {radius:.2}");
    assert!((centre - 10.0).abs() < 0.2 && (radius - 1.0).abs() < 0.2);
}

/// Half of the rows in each of two threads: the model is shared, contexts and samplers are each thread's own.
fn draw_by_two(model: &Model) -> Result<Vec<f32>> {
    let mut out = vec![0.0; N * DIM];
    std::thread::scope(|scope| {
        let half = |(i, part): (usize, _)| {
            scope.spawn(move || -> Result<()> {
                let mut ctx = Context::new()?;
                Sampler::new(&mut ctx, model)?.draw(&mut ctx, 42, (i * N / 2) as u64, part)
            })
        };
        let threads: Vec<_> = out.chunks_mut(N / 2 * DIM).enumerate().map(half).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    Ok(out)
}

fn cancel(ctx: &mut Context, data: &Data) {
    let error = Model::fit(ctx, data, OPTIONS, |p| p.step < 20).err().unwrap();
    println!("cancelled: {error}");
    assert_eq!(error.status, FM_E_CALLBACK);

    // By another thread, or as here from within.
    let stopper = ctx.stopper();
    let mut steps = 0;
    let stop_at_30 = |p: &flowmatch_sys::fm_progress| {
        steps = p.step;
        if steps == 30 {
            std::thread::scope(|scope| drop(scope.spawn(|| stopper.stop())));
        }
        true
    };
    let error = Model::fit(ctx, data, OPTIONS, stop_at_30).err().unwrap();
    println!("stopped: {error}");
    assert_eq!((error.status, steps), (FM_STOPPED, 30));

    // A panic passes the library unharmed.
    std::panic::set_hook(Box::new(|_| ()));
    let panicked = catch_unwind(AssertUnwindSafe(|| Model::fit(ctx, data, OPTIONS, |_| panic!("enough"))));
    let _ = std::panic::take_hook();
    assert_eq!(panicked.err().unwrap().downcast_ref(), Some(&"enough"));
}

fn main() -> Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "ring.safetensors".to_string());
    let mut ctx = Context::new()?;
    let mut rows = ring();
    let data = Data::new(&mut ctx, &rows, DIM)?;

    Model::fit(&mut ctx, &data, OPTIONS, |_| true)?.save(&mut ctx, &file)?;
    let model = Model::load(&mut ctx, &file)?;

    let mut by_one = vec![0.0; N * DIM];
    let mut sampler = Sampler::new(&mut ctx, &model)?;
    sampler.draw(&mut ctx, 42, 0, &mut by_one)?;
    assert_ring(&by_one);
    let bits = |rows: &[f32]| rows.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&by_one), bits(&draw_by_two(&model)?));

    cancel(&mut ctx, &data);
    drop(model); // the sampler has its own count of it
    sampler.draw(&mut ctx, 42, 0, &mut by_one)?;

    let odd = sampler.draw(&mut ctx, 42, 0, &mut by_one[1..]).unwrap_err();
    assert_eq!(odd.status, FM_E_INVALID);
    rows[3] = f32::NAN;
    let refused = Data::new(&mut ctx, &rows, DIM).err().unwrap();
    println!("refused: {refused}");
    assert!(refused.status == FM_E_NONFINITE && refused.text.contains("row 1, column 1"));
    Ok(())
}
