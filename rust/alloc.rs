// SPDX-License-Identifier: GPL-2.0

//! Allocation flags for C functions, memory to be initialised, and how much there is.

use crate::bindings;
use kernel::{
    alloc::{
        flags::__GFP_ZERO,
        AllocError,
        Flags, //
    },
    prelude::*, //
};
use zerocopy::FromZeros;

/// The `gfp_t` of `flags`.
///
/// The `kernel` crate keeps the conversion to itself.
#[inline]
pub(crate) const fn gfp(flags: Flags) -> bindings::gfp_t {
    // SAFETY: A value of four bytes without padding, as its only field is a `u32`, is a valid `u32`.
    // That the types have the same size is checked by the compiler.
    unsafe { core::mem::transmute::<Flags, u32>(flags) }
}

kernel::static_assert!(gfp(kernel::alloc::flags::GFP_KERNEL) == bindings::GFP_KERNEL);
kernel::static_assert!(gfp(kernel::alloc::flags::GFP_ATOMIC) == bindings::GFP_ATOMIC);

/// Allocates a value of which all bytes are zero.
///
/// Unlike `KBox::new()` of such a value it is not built on the stack first, and what the allocator
/// has zeroed already is not written again.
pub(crate) fn zeroed<T: FromZeros>(flags: Flags) -> Result<KBox<T>, AllocError> {
    let zeroes = KBox::<T>::new_uninit(flags | __GFP_ZERO)?;
    // SAFETY: All bytes are zero, which is a valid value by `FromZeros`.
    Ok(unsafe { zeroes.assume_init() })
}

#[cfg(ovs_linux_7_3)]
pub(crate) use pin_init::raw_try_init;

/// Initialises a place, or tells why that is not possible.
///
/// # Safety
///
/// - `place` is valid for writing a `T`; on an error nothing is there.
/// - What is there does not move before it is dropped.
#[cfg(not(ovs_linux_7_3))]
#[inline(always)]
pub(crate) unsafe fn raw_try_init<T, E>(place: *mut T, init: impl PinInit<T, E>) -> Result<(), E> {
    // SAFETY: Callers meet the same requirements.
    unsafe { init.__pinned_init(place) }
}

/// The memory that the kernel can use directly, in bytes, free or not.
pub(crate) fn total_bytes() -> usize {
    // SAFETY: No requirements.
    unsafe { bindings::buffer_bytes() }
}
