// SPDX-License-Identifier: GPL-2.0

//! A pointer that RCU readers follow to a reference-counted object.

use super::{
    synchronize,
    Read, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr, //
};
use kernel::sync::{
    atomic::{
        Atomic,
        Full, //
    },
    Arc,
    ArcBorrow, //
};

/// A nullable pointer to an [`Arc`], which it owns.
///
/// An `Arc` knows nothing of RCU: the last one to go frees the object at once. So what is taken
/// back from here is [`Retired`], and becomes an `Arc` again after a grace period.
///
/// # Invariants
///
/// The pointer is null, or from [`Arc::into_raw`]. Its reference is dropped at the earliest a grace
/// period after it was exchanged for another one.
pub(crate) struct RcuArc<T: 'static>(Atomic<*mut T>, PhantomData<Arc<T>>);

// SAFETY: It owns an `Arc<T>`, which is `Send` by the bounds.
unsafe impl<T: Send + Sync + 'static> Send for RcuArc<T> {}
// SAFETY: It gives out references to an `Arc<T>`, which is `Sync` by the bounds.
unsafe impl<T: Send + Sync + 'static> Sync for RcuArc<T> {}

impl<T: 'static> RcuArc<T> {
    /// A pointer that is null.
    pub(crate) const fn null() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()), PhantomData)
    }

    /// A pointer to `value`.
    pub(crate) fn new(value: Arc<T>) -> Self {
        // INVARIANT: The pointer is from `into_raw()`.
        Self(Atomic::new(Arc::into_raw(value).cast_mut()), PhantomData)
    }

    /// The address, read once: see [`RcuPtr`](super::RcuPtr).
    #[inline]
    fn load(&self) -> *mut T {
        // SAFETY: The pointer is valid and aligned. All writes are atomic exchanges, and a volatile
        // load of a machine word does not tear: not a data race by the kernel's memory model.
        unsafe { self.0.as_ptr().read_volatile() }
    }

    /// The object, for as long as the read-side section.
    #[inline]
    pub(crate) fn get<'a>(&'a self, _: Read<'a>) -> Option<ArcBorrow<'a, T>> {
        let value = self.load();
        if value.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the pointer is from `into_raw()`, and its reference is
        // dropped at the earliest a grace period after it was exchanged. It was not when it was
        // loaded, in the section that lasts for `'a`. Nobody makes a mutable reference.
        Some(unsafe { ArcBorrow::from_raw(value) })
    }

    /// Publishes `new` and returns the old object, which readers may still use.
    pub(crate) fn replace(&self, new: Option<Arc<T>>) -> Option<Retired<T>> {
        let new = new.map_or(ptr::null_mut(), |new| Arc::into_raw(new).cast_mut());
        // The exchange is fully ordered: what was written to the new object comes before it.
        // INVARIANT: The pointer is null or from `into_raw()`.
        let old = self.0.xchg(new, Full);
        if old.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the pointer is from `into_raw()`, and the exchange gave it
        // to this caller alone.
        Some(Retired(ManuallyDrop::new(unsafe { Arc::from_raw(old) })))
    }
}

impl<T: 'static> Drop for RcuArc<T> {
    fn drop(&mut self) {
        // A reader's `ArcBorrow` borrows `self`, but the memory of `self` may itself have been
        // reached through RCU, in which case its own grace period has passed.
        let value = *self.0.get_mut();
        if !value.is_null() {
            // SAFETY: By the type invariant the pointer is from `into_raw()`, and nobody else has
            // `self`.
            drop(unsafe { Arc::from_raw(value) });
        }
    }
}

/// An object that is no longer published, but may have readers.
///
/// It cannot go before a grace period has passed: dropping it waits for one, so it must be dropped
/// where sleeping is allowed.
#[must_use = "dropping it sleeps for a grace period"]
pub(crate) struct Retired<T: 'static>(ManuallyDrop<Arc<T>>);

impl<T: 'static> Retired<T> {
    /// Waits for a grace period.
    ///
    /// Must not be called from a read-side section.
    pub(crate) fn wait(self) -> Arc<T> {
        synchronize();
        // SAFETY: A grace period has passed just now.
        unsafe { self.into_arc() }
    }

    /// Makes it an `Arc` without waiting.
    ///
    /// # Safety
    ///
    /// A grace period must have passed since the object was taken back.
    pub(crate) unsafe fn into_arc(self) -> Arc<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, and its destructor does not run.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }

    /// The object; it may still be read.
    pub(crate) fn as_arc_borrow(&self) -> ArcBorrow<'_, T> {
        self.0.as_arc_borrow()
    }
}

impl<T: 'static> Drop for Retired<T> {
    fn drop(&mut self) {
        synchronize();
        // SAFETY: The field is not used again.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}
