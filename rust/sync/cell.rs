// SPDX-License-Identifier: GPL-2.0

//! 64 bits that one context changes while others read them.
//!
//! What `READ_ONCE()`, `WRITE_ONCE()`, `smp_load_acquire()` and `smp_store_release()` are in C. The
//! `kernel` crate has them as [`Atomic`], but with a call for each access under GCC; the flow table
//! makes dozens for each packet, so here they are inlined where the memory model of the architecture
//! allows that without a barrier instruction.
//!
//! C header: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h)

use core::cell::UnsafeCell;
use kernel::{
    build_assert::static_assert,
    sync::atomic::{
        Acquire,
        Atomic,
        Release, //
    }, //
};

static_assert!(
    cfg!(CONFIG_64BIT),
    "64 bits are read and written at once only where a word has as many"
);

/// Whether loads and stores keep their order as they are: the compiler alone is to be told.
const ORDERED: bool = cfg!(target_arch = "x86_64");

/// Keeps the compiler from moving accesses of memory across.
#[inline(always)]
fn barrier() {
    // SAFETY: There are no instructions. Without options the compiler must assume that they access
    // memory.
    unsafe { core::arch::asm!("") };
}

/// 64 bits that are read while they are changed.
#[repr(transparent)]
pub struct Cell64(UnsafeCell<u64>);

// SAFETY: All accesses are volatile or atomic and of an aligned machine word, which neither tears
// nor is a data race by the kernel's memory model.
unsafe impl Sync for Cell64 {}

impl Cell64 {
    /// A cell that holds `value`.
    #[inline(always)]
    pub const fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The cell for accesses that need a barrier.
    fn atomic(&self) -> &Atomic<u64> {
        // SAFETY: The pointer is valid and aligned for as long as `self`, and all concurrent accesses
        // are marked, as said above.
        unsafe { Atomic::from_ptr(self.0.get()) }
    }

    /// Reads the cell: some value that was stored, in no order to other cells (`READ_ONCE()`).
    #[inline(always)]
    pub fn load(&self) -> u64 {
        // SAFETY: The pointer is valid and aligned.
        unsafe { self.0.get().read_volatile() }
    }

    /// Reads the cell before everything that comes after it in the program (`smp_load_acquire()`).
    #[inline(always)]
    pub fn load_acquire(&self) -> u64 {
        if !ORDERED {
            return self.atomic().load(Acquire);
        }
        let value = self.load();
        barrier();
        value
    }

    /// Changes the cell, in no order to other cells (`WRITE_ONCE()`).
    #[inline(always)]
    pub fn store(&self, value: u64) {
        // SAFETY: The pointer is valid and aligned.
        unsafe { self.0.get().write_volatile(value) }
    }

    /// Changes the cell after everything that came before in the program (`smp_store_release()`).
    #[inline(always)]
    pub fn store_release(&self, value: u64) {
        if !ORDERED {
            return self.atomic().store(value, Release);
        }
        barrier();
        self.store(value);
    }
}
