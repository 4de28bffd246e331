//! flowmatch.h as it is. The crate `flowmatch` makes it safe; the rules of each function are in the header.
#![allow(non_camel_case_types)]

mod constants;
mod functions;
mod structs;

pub use constants::*;
pub use functions::*;
pub use structs::*;

pub type fm_status = i32;

// Opaque: never made, moved or looked into here. Without Send and Sync: the safe layer has to promise them.
macro_rules! handles {
    ($($name:ident)*) => {
        $(
            #[repr(C)]
            pub struct $name {
                _opaque: [u8; 0],
                _not_send: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
            }
        )*
    };
}
handles! {
    fm_ctx fm_path fm_prior fm_net fm_normaliser fm_optimizer fm_data fm_model fm_coupling fm_trainer fm_solver
    fm_sampler
}

/// An options or info struct with its size set and everything else zero, which is the default in every field.
///
/// # Safety
/// `T` is a struct of flowmatch.h whose first field is `struct_size`.
pub unsafe fn init<T>() -> T {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    *value.as_mut_ptr().cast::<u64>() = std::mem::size_of::<T>() as u64;
    value.assume_init()
}
