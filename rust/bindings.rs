// SPDX-License-Identifier: GPL-2.0

//! Bindings of the C interfaces the `kernel` crate does not bind.
//!
//! Only the abstractions in [`crate::alloc`], [`crate::sync`] and [`crate::net`] may name this
//! module: everything above them sees typed wrappers.
//!
//! Types that also occur in `kernel::bindings` are distinct types here, since each bindgen run
//! makes its own: a pointer that crosses the API of the `kernel` crate is cast.

#![allow(
    clippy::all,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]

mod raw {
    use kernel::ffi;
    use pin_init::{
        MaybeZeroable,
        Zeroable, //
    };

    // bindgen is told not to derive these from the platform's `int` and `long`.
    type __kernel_size_t = usize;
    type __kernel_ssize_t = isize;
    type __kernel_ptrdiff_t = isize;

    // SAFETY: `__BindgenBitfieldUnit<Storage>` is a newtype around `Storage`.
    unsafe impl<Storage> Zeroable for __BindgenBitfieldUnit<Storage> where Storage: Zeroable {}

    pub use super::helpers::*;

    include!(concat!(
        env!("OVS_OBJTREE"),
        "/rust/bindings/bindings_generated.rs"
    ));
}

mod helpers {
    use super::raw::*;
    use kernel::ffi;

    include!(concat!(
        env!("OVS_OBJTREE"),
        "/rust/bindings/bindings_helpers_generated.rs"
    ));
}

pub use raw::*;
