// SPDX-License-Identifier: GPL-2.0

//! The kernel's coarse clock.
//!
//! C header: [`include/linux/jiffies.h`](srctree/include/linux/jiffies.h)

use kernel::{
    bindings,
    time::Jiffies, //
};

/// The number of clock ticks since some time before the boot.
#[inline]
pub(crate) fn now() -> Jiffies {
    // SAFETY: The variable is there for ever and is written whole by the timer interrupt.
    unsafe { (&raw const bindings::jiffies).read_volatile() }
}

/// The time of a clock tick, in milliseconds of the monotonic clock.
pub(crate) fn to_monotonic_ms(tick: u64) -> u64 {
    let age = (now() as u64).wrapping_sub(tick);
    // SAFETY: No requirements.
    let age = unsafe { bindings::jiffies64_to_msecs(age) };
    // SAFETY: No requirements but a context in which time does not stand still.
    let now = unsafe { bindings::ktime_get() } as u64 / 1_000_000;
    now.wrapping_sub(age)
}
