//! Train and sample Conditional Flow Matching models: a safe layer over part of flowmatch.h, to start from.
//!
//! What the types promise, and why it holds:
//!
//! | type | `Send` | `Sync` | why |
//! |---|---|---|---|
//! | [`Context`] | yes | no | One thread at a time, any thread: calls take `&mut Context`. |
//! | [`Stopper`] | yes | yes | `fm_ctx_stop` is safe from any thread; it keeps the context alive. |
//! | [`Data`] | yes | yes | Copied at creation and immutable from then on. |
//! | [`Model`] | yes | yes | Immutable; any number of contexts and threads may use one at once. |
//! | [`Sampler`] | yes | no | It owns workspace: one thread at a time. Calls take `&mut Sampler`. |
//!
//! ```
//! fn sent<T: Send>() {}
//! fn shared<T: Sync>() {}
//! sent::<(flowmatch::Context, flowmatch::Stopper, flowmatch::Data, flowmatch::Model, flowmatch::Sampler)>();
//! shared::<(flowmatch::Stopper, flowmatch::Data, flowmatch::Model)>();
//! ```
//!
//! ```compile_fail,E0277
//! fn shared<T: Sync>() {}
//! shared::<flowmatch::Context>();
//! ```
//!
//! ```compile_fail,E0277
//! fn shared<T: Sync>() {}
//! shared::<flowmatch::Sampler>();
//! ```
//!
//! Handles are counted inside the library: each keeps alive what it was made from, and may be dropped in any
//! order and on any thread. A panic in a callback does not cross the library: it ends the call, and goes on
//! after it.
use flowmatch_sys as sys;
use std::any::Any;
use std::ffi::{c_void, CStr, CString};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::path::Path;
use std::ptr::{null, null_mut, NonNull};
use std::sync::Arc;

/// Why a call failed: a constant of `flowmatch_sys`, and a text that names the argument, what was expected
/// and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: sys::fm_status,
    pub text: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Static text, never NULL.
        let name = unsafe { CStr::from_ptr(sys::fm_status_name(self.status)) };
        write!(f, "{}: {}", name.to_string_lossy(), self.text)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// What the library would do with a slice of another size is read past its end.
fn expect_size(name: &str, found: usize, expected: usize) -> Result<()> {
    let text = || format!("{name}: expected {expected} entries, found {found}");
    (found == expected).then_some(()).ok_or_else(|| Error { status: sys::FM_E_INVALID, text: text() })
}

// ---- handles ----------------------------------------------------------------------------------------------

/// One count of a handle, given back on drop.
struct Handle<T> {
    raw: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Handle<T> {
    fn as_ptr(&self) -> *mut T {
        self.raw.as_ptr()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        unsafe { (self.destroy)(self.raw.as_ptr()) }
    }
}

struct RawContext(Handle<sys::fm_ctx>);
// The only use through a shared reference is fm_ctx_stop; destroying is safe from any thread.
unsafe impl Send for RawContext {}
unsafe impl Sync for RawContext {}

/// Where calls run and errors are told. One thread at a time: make one for each thread, they are small.
pub struct Context {
    raw: Arc<RawContext>,
    _not_sync: std::marker::PhantomData<std::cell::Cell<()>>,
}

/// Training rows, copied.
pub struct Data(Handle<sys::fm_data>);
unsafe impl Send for Data {}
unsafe impl Sync for Data {} // immutable, as Model

/// A trained flow.
pub struct Model(Handle<sys::fm_model>);
unsafe impl Send for Model {}
unsafe impl Sync for Model {}

/// A model with workspace for drawing from it: a draw allocates nothing.
pub struct Sampler {
    raw: Handle<sys::fm_sampler>,
    dim: usize,
}
unsafe impl Send for Sampler {} // not Sync: its calls write to the workspace

/// Ends the call that runs on a context with `FM_STOPPED`; if none runs, the next long one.
#[derive(Clone)]
pub struct Stopper(Arc<RawContext>);

impl Stopper {
    pub fn stop(&self) {
        unsafe { sys::fm_ctx_stop(self.0 .0.as_ptr()) }
    }
}

// ---- calls ------------------------------------------------------------------------------------------------

impl Context {
    pub fn new() -> Result<Context> {
        let mut out = null_mut();
        let status = unsafe { sys::fm_ctx_create(null(), &mut out) };
        let raw = NonNull::new(out).ok_or_else(|| Error { status, text: "no context".to_string() })?;
        let raw = Arc::new(RawContext(Handle { raw, destroy: sys::fm_ctx_destroy }));
        Ok(Context { raw, _not_sync: std::marker::PhantomData })
    }

    pub fn stopper(&self) -> Stopper {
        Stopper(self.raw.clone())
    }

    /// The text belongs to the context, not to a thread, and `&mut self` keeps others from it in between.
    fn call(&mut self, f: impl FnOnce(*mut sys::fm_ctx) -> sys::fm_status) -> Result<()> {
        let ctx = self.raw.0.as_ptr();
        let status = f(ctx);
        if status == sys::FM_OK {
            return Ok(());
        }
        let text = unsafe { CStr::from_ptr(sys::fm_ctx_message(ctx)) };
        Err(Error { status, text: text.to_string_lossy().into_owned() })
    }

    /// A function with an output for a handle.
    fn make<T>(
        &mut self,
        destroy: unsafe extern "C" fn(*mut T),
        f: impl FnOnce(*mut sys::fm_ctx, *mut *mut T) -> sys::fm_status,
    ) -> Result<Handle<T>> {
        let mut out = null_mut();
        let done = self.call(|ctx| f(ctx, &mut out));
        // What was left in spite of a failure (fm_fit leaves a model when it is stopped) is given back.
        let made = NonNull::new(out).map(|raw| Handle { raw, destroy });
        done.map(|()| made.expect("success without an output"))
    }
}

fn c_path(path: &Path) -> Result<CString> {
    let text = |what: &str| Error { status: sys::FM_E_INVALID, text: format!("file: {what}") };
    let utf8 = path.to_str().ok_or_else(|| text("not UTF-8"))?;
    CString::new(utf8).map_err(|_| text("a zero byte"))
}

impl Data {
    /// `rows` is row-major, `dim` columns.
    pub fn new(ctx: &mut Context, rows: &[f32], dim: usize) -> Result<Data> {
        let n = rows.len().checked_div(dim).unwrap_or(0);
        expect_size("rows", rows.len(), n * dim)?;
        let (none, no_labels) = (null::<f32>(), null());
        let make = |ctx, out: *mut _| unsafe {
            sys::fm_data_create(ctx, rows.as_ptr(), none, no_labels, none, none, n, dim, 0, 0, null(), out)
        };
        ctx.make(sys::fm_data_destroy, make).map(Data)
    }
}

/// What training may be told; 0 is the library's default in each.
#[derive(Clone, Copy, Debug, Default)]
pub struct FitOptions {
    pub width: u32,
    pub depth: u32,
    pub n_steps: u64,
    pub seed: u64,
}

/// The closure behind a callback's user pointer, and what it threw.
struct Watcher<'a> {
    progress: &'a mut dyn FnMut(&sys::fm_progress) -> bool,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn watch(user: *mut c_void, progress: *const sys::fm_progress) -> i32 {
    let watcher = &mut *user.cast::<Watcher>();
    match catch_unwind(AssertUnwindSafe(|| (watcher.progress)(&*progress))) {
        Ok(go_on) => i32::from(!go_on),
        Err(panic) => {
            watcher.panic = Some(panic);
            -1
        }
    }
}

impl Model {
    /// Trains. `progress` is called after every step, and ends the training with `FM_E_CALLBACK` by `false`.
    pub fn fit(
        ctx: &mut Context,
        data: &Data,
        options: FitOptions,
        mut progress: impl FnMut(&sys::fm_progress) -> bool,
    ) -> Result<Model> {
        let mut watcher = Watcher { progress: &mut progress, panic: None };
        // init: these are options structs, whose zero is the default.
        let mut net: sys::fm_net_options = unsafe { sys::init() };
        net.width = options.width;
        net.depth = options.depth;
        let mut steps: sys::fm_optimizer_options = unsafe { sys::init() };
        steps.n_steps = options.n_steps;
        let mut training: sys::fm_trainer_options = unsafe { sys::init() };
        training.seed = options.seed;
        training.progress = Some(watch);
        training.progress_user = (&mut watcher as *mut Watcher).cast();

        let optimizer = ctx.make(sys::fm_optimizer_destroy, |ctx, out| unsafe {
            sys::fm_optimizer_create(ctx, &steps, out)
        })?;
        let optimizer = optimizer.as_ptr();
        let made = ctx.make(sys::fm_model_destroy, |ctx, out| unsafe {
            sys::fm_fit(ctx, data.0.as_ptr(), null(), null(), optimizer, &net, &training, out)
        });
        if let Some(panic) = watcher.panic {
            resume_unwind(panic);
        }
        made.map(Model)
    }

    pub fn save(&self, ctx: &mut Context, file: impl AsRef<Path>) -> Result<()> {
        let file = c_path(file.as_ref())?;
        ctx.call(|ctx| unsafe { sys::fm_model_save(ctx, self.0.as_ptr(), file.as_ptr()) })
    }

    pub fn load(ctx: &mut Context, file: impl AsRef<Path>) -> Result<Model> {
        let file = c_path(file.as_ref())?;
        ctx.make(sys::fm_model_destroy, |ctx, out| unsafe { sys::fm_model_load(ctx, file.as_ptr(), out) })
            .map(Model)
    }

    /// Columns of a row.
    pub fn dim(&self) -> usize {
        unsafe { sys::fm_net_dim(sys::fm_model_net(self.0.as_ptr())) }
    }
}

impl Sampler {
    /// It keeps the model alive.
    pub fn new(ctx: &mut Context, model: &Model) -> Result<Sampler> {
        let raw = ctx.make(sys::fm_sampler_destroy, |ctx, out| unsafe {
            sys::fm_sampler_create(ctx, model.0.as_ptr(), null(), null(), out)
        })?;
        Ok(Sampler { raw, dim: model.dim() })
    }

    /// Fills `out` with whole rows, from `first_row` on, of the endless table that `seed` names.
    pub fn draw(&mut self, ctx: &mut Context, seed: u64, first_row: u64, out: &mut [f32]) -> Result<()> {
        let n = out.len().checked_div(self.dim).unwrap_or(0);
        expect_size("out", out.len(), n * self.dim)?;
        let (raw, out) = (self.raw.as_ptr(), out.as_mut_ptr());
        ctx.call(|ctx| unsafe { sys::fm_sampler_draw(ctx, raw, seed, first_row, null(), null(), n, out) })
    }
}
