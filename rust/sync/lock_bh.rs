// SPDX-License-Identifier: GPL-2.0

//! Spinlocks that keep bottom halves out.
//!
//! For data that both a process and a softirq change.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::bindings;
use kernel::{
    prelude::*,
    sync::lock::{
        Backend,
        Lock, //
    }, //
};

/// A spinlock taken with `spin_lock_bh()`.
pub(crate) type SpinLockBh<T> = Lock<T, SpinLockBhBackend>;

/// The [`Backend`] of [`SpinLockBh`].
pub(crate) struct SpinLockBhBackend;

// SAFETY: `spin_lock_bh()` excludes every other holder until `spin_unlock_bh()`.
unsafe impl Backend for SpinLockBhBackend {
    type State = kernel::bindings::spinlock_t;
    type GuardState = ();

    unsafe fn init(
        ptr: *mut Self::State,
        name: *const c_char,
        key: *mut kernel::bindings::lock_class_key,
    ) {
        // SAFETY: By the requirements of this function `ptr` is valid for writes, and `name` and
        // `key` are valid for as long as the lock.
        unsafe { bindings::spin_lock_init(ptr.cast(), name, key.cast()) }
    }

    unsafe fn lock(ptr: *mut Self::State) {
        // SAFETY: By the requirements of this function `ptr` was initialised by `init()`.
        unsafe { bindings::spin_lock_bh(ptr.cast()) }
    }

    unsafe fn unlock(ptr: *mut Self::State, (): &()) {
        // SAFETY: By the requirements of this function the caller holds the lock at `ptr`.
        unsafe { bindings::spin_unlock_bh(ptr.cast()) }
    }

    unsafe fn try_lock(ptr: *mut Self::State) -> Option<()> {
        // SAFETY: By the requirements of this function `ptr` was initialised by `init()`.
        (unsafe { bindings::spin_trylock_bh(ptr.cast()) } != 0).then_some(())
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By the requirements of this function `ptr` was initialised by `init()`.
        unsafe { bindings::spin_assert_held(ptr.cast()) }
    }
}
