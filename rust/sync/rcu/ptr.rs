// SPDX-License-Identifier: GPL-2.0

//! A pointer that RCU readers follow to a box.

use super::{
    boxed::Head,
    Content,
    RcuBox,
    Read, //
};
use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::sync::atomic::{
    Atomic,
    Full, //
};

/// A nullable pointer to an [`RcuBox`], which it owns.
///
/// Readers need no lock, only evidence of a read-side section. Writers may race: each
/// [`replace`](Self::replace) is one atomic exchange, so that each box it gives back is given to one
/// writer. Where the new value depends on the old one the caller needs a lock.
///
/// # Invariants
///
/// The pointer is null, or from [`RcuBox::into_head`]. A box is only dropped, hence freed no
/// earlier than a grace period later, after it was exchanged for another one.
pub(crate) struct RcuPtr<T: ?Sized + Content>(Atomic<*mut Head>, PhantomData<RcuBox<T>>);

// SAFETY: It owns an `RcuBox`, which is `Send` if its content is `Send` and `Sync`.
unsafe impl<T: ?Sized + Content + Send + Sync> Send for RcuPtr<T> {}
// SAFETY: It gives out shared references to a `T`, which is `Sync`, and the box, which is `Send`.
unsafe impl<T: ?Sized + Content + Send + Sync> Sync for RcuPtr<T> {}

impl<T: ?Sized + Content> RcuPtr<T> {
    /// A pointer that is null.
    pub(crate) const fn null() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()), PhantomData)
    }

    /// A pointer to `value`.
    pub(crate) fn new(value: RcuBox<T>) -> Self {
        // INVARIANT: The pointer is from `into_head()`.
        Self(Atomic::new(value.into_head().as_ptr()), PhantomData)
    }

    /// The address, read once.
    ///
    /// `rcu_dereference()`: a volatile load whose result the following accesses depend on, which
    /// orders them after it on every architecture Linux runs on. It is inlined, unlike a load
    /// through [`Atomic`].
    #[inline]
    fn load(&self) -> *mut Head {
        // SAFETY: The pointer is valid and aligned. All writes are atomic exchanges, and a volatile
        // load of a machine word does not tear: not a data race by the kernel's memory model.
        unsafe { self.0.as_ptr().read_volatile() }
    }

    /// The value, for as long as the read-side section.
    #[inline]
    pub(crate) fn get<'a>(&'a self, _: Read<'a>) -> Option<&'a T> {
        let head = self.load();
        if head.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the pointer is from `into_head()`, and its box is freed at
        // the earliest a grace period after it was exchanged. It was not when it was loaded, in the
        // section that lasts for `'a`.
        Some(unsafe { RcuBox::content(head) })
    }

    /// Whether the pointer is null.
    #[inline]
    pub(crate) fn is_null(&self) -> bool {
        self.load().is_null()
    }

    /// Publishes `new` and returns the old value.
    ///
    /// Readers may still use the old value: dropping the box waits for them.
    pub(crate) fn replace(&self, new: Option<RcuBox<T>>) -> Option<RcuBox<T>> {
        let new = new.map_or(ptr::null_mut(), |new| new.into_head().as_ptr());
        // The exchange is fully ordered: what was written to the new value comes before it.
        // INVARIANT: The pointer is null or from `into_head()`.
        let old = self.0.xchg(new, Full);
        // SAFETY: By the type invariant the pointer is null or from `into_head()`, and the exchange
        // gave it to this caller alone.
        NonNull::new(old).map(|old| unsafe { RcuBox::from_head(old) })
    }
}

impl<T: ?Sized + Content> Drop for RcuPtr<T> {
    fn drop(&mut self) {
        if let Some(old) = NonNull::new(*self.0.get_mut()) {
            // SAFETY: By the type invariant the pointer is from `into_head()`, and nobody else has
            // `self`.
            drop(unsafe { RcuBox::<T>::from_head(old) });
        }
    }
}
