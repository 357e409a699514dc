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
