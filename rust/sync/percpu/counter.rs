// SPDX-License-Identifier: GPL-2.0

//! Counters with one writer.

use super::Bh;
use core::cell::UnsafeCell;
use kernel::prelude::*;

#[cfg(not(CONFIG_64BIT))]
compile_error!("a 64-bit counter that is read while it is written needs a 64-bit machine");

/// A number that one CPU counts up and any CPU reads, with no lock and no atomic operation.
///
/// It belongs in a [`PerCpu`](super::PerCpu), where each CPU writes its own copy. The evidence that
/// bottom halves are disabled means that an addition is not interrupted by another one to the same
/// copy: the writes are those of one thread of execution. A reader runs beside them, which is what
/// `READ_ONCE()` and `WRITE_ONCE()` are for in the kernel's memory model: volatile accesses of an
/// aligned machine word, which do not tear, and are no data race. The reader sees the number before
/// or after an addition. `u64_stats_t` is the same on a 64-bit machine.
///
/// Two CPUs that add to the same copy lose counts, and nothing else.
#[repr(transparent)]
#[derive(Zeroable)]
pub(crate) struct Counter(UnsafeCell<u64>);

// SAFETY: All accesses are volatile accesses of an aligned machine word: see the type.
unsafe impl Sync for Counter {}

impl Counter {
    /// A counter at zero.
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// The number.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // SAFETY: The pointer is valid and aligned; for the race with a writer see the type.
        unsafe { self.0.get().read_volatile() }
    }

    #[inline]
    fn set(&self, value: u64) {
        // SAFETY: The pointer is valid and aligned; for the race with a reader see the type.
        unsafe { self.0.get().write_volatile(value) }
    }

    /// Adds `n`; wraps around.
    #[inline]
    pub(crate) fn add(&self, n: u64, _: Bh<'_>) {
        self.set(self.get().wrapping_add(n));
    }

    /// Adds one.
    #[inline]
    pub(crate) fn inc(&self, bh: Bh<'_>) {
        self.add(1, bh);
    }
}
