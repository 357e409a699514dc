// SPDX-License-Identifier: GPL-2.0

//! The memory cell that the classifier's lock-free structures are made of.
//!
//! A [`Cell64`] is 64 bits that one thread changes while others read them. The kernel and the host
//! have different memory models, so this is the one type of the pure core that exists twice.
//!
//! Most of the structures are cut into lines: [`LINE`] cells, which are one cache line when the
//! first cell of a slice is at the start of one.

#[cfg(MODULE)]
pub use super::super::sync::cell::Cell64;

#[cfg(not(MODULE))]
pub use host::Cell64;

/// The cells of a cache line.
pub const LINE: usize = 8;

/// The `n`th line of `cells`.
#[inline(always)]
pub fn line(cells: &[Cell64], n: usize) -> Option<&[Cell64; LINE]> {
    let start = n.wrapping_mul(LINE);
    cells.get(start..start.wrapping_add(LINE))?.first_chunk()
}

#[cfg(not(MODULE))]
mod host {
    use core::sync::atomic::{
        AtomicU64,
        Ordering, //
    };

    /// 64 bits that are read while they are changed.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct Cell64(AtomicU64);

    impl Cell64 {
        /// A cell that holds `value`.
        pub const fn new(value: u64) -> Self {
            Self(AtomicU64::new(value))
        }

        /// Reads the cell: some value that was stored, in no order to other cells.
        #[inline(always)]
        pub fn load(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        /// Reads the cell before everything that comes after it in the program.
        #[inline(always)]
        pub fn load_acquire(&self) -> u64 {
            self.0.load(Ordering::Acquire)
        }

        /// Changes the cell, in no order to other cells.
        #[inline(always)]
        pub fn store(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }

        /// Changes the cell after everything that came before in the program.
        #[inline(always)]
        pub fn store_release(&self, value: u64) {
            self.0.store(value, Ordering::Release);
        }
    }
}
