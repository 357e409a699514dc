// SPDX-License-Identifier: GPL-2.0

//! Allocation flags for C functions, and how much memory there is.

use crate::bindings;
use kernel::alloc::Flags;

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

/// The memory that the kernel can use directly, in bytes, free or not.
pub(crate) fn total_bytes() -> usize {
    // SAFETY: No requirements.
    unsafe { bindings::buffer_bytes() }
}
