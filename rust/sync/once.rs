// SPDX-License-Identifier: GPL-2.0

//! Plain values that are read while they are written.

use core::cell::UnsafeCell;

/// A value of at most a machine word that is loaded and stored whole.
///
/// `READ_ONCE()` and `WRITE_ONCE()`: volatile accesses of an aligned machine word do not tear, and
/// are no data race in the kernel's memory model. They order nothing. Unlike with an
/// [`Atomic`](kernel::sync::atomic::Atomic), whose operations are calls, they are one instruction.
/// For more than load and store the writers need a lock.
#[repr(transparent)]
pub(crate) struct Shared<T: Word>(UnsafeCell<T>);

/// Types that a machine accesses whole.
///
/// # Safety
///
/// The type must have no padding, be no longer than a machine word and aligned to its size, and a
/// value must mean the same to all threads.
pub(crate) unsafe trait Word: Copy {}

macro_rules! word {
    ($($t:ty),*) => {
        $(
            // SAFETY: A primitive type of at most a machine word.
            unsafe impl Word for $t {}
        )*
    };
}

word!(bool, u8, u16, u32, usize, i32, i64, u64);

// SAFETY: A pointer to a sized type is a machine word.
unsafe impl<T> Word for *mut T {}

#[cfg(not(CONFIG_64BIT))]
compile_error!("a value of 64 bits that is read while it is written needs a 64-bit machine");

// SAFETY: All accesses are volatile accesses of a machine word: see the type.
unsafe impl<T: Word + Send> Sync for Shared<T> {}

impl<T: Word> Shared<T> {
    /// Makes a value.
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Loads the value once.
    #[inline]
    pub(crate) fn load(&self) -> T {
        // SAFETY: The pointer is valid and aligned; for the race with a writer see the type.
        unsafe { self.0.get().read_volatile() }
    }

    /// Stores the value at once.
    #[inline]
    pub(crate) fn store(&self, value: T) {
        // SAFETY: The pointer is valid and aligned; for the race with a reader see the type.
        unsafe { self.0.get().write_volatile(value) }
    }
}
