// SPDX-License-Identifier: GPL-2.0

//! The kernel's fine clock.
//!
//! C header: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h)

use kernel::bindings;

/// Microseconds of the monotonic clock.
#[inline]
pub(crate) fn monotonic_us() -> u64 {
    // SAFETY: No requirements but a context in which time does not stand still.
    let now = unsafe { bindings::ktime_get() } as u64;
    now / 1000
}
