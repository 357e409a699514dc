// SPDX-License-Identifier: GPL-2.0

//! A pointer that RCU readers follow to an allocation.

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

/// What owns an allocation that RCU readers may use.
///
/// # Safety
///
/// The head must be that of a live allocation with a `Content`, which is freed no earlier than a
/// grace period after the owner is dropped.
pub(crate) unsafe trait Owner: Sized {
    /// What is in the allocation.
    type Content: ?Sized + Content;

    /// Gives up ownership.
    fn into_head(self) -> NonNull<Head>;

    /// Takes ownership.
    ///
    /// # Safety
    ///
    /// `head` must come from [`Self::into_head`], and ownership must not have been taken since.
    unsafe fn from_head(head: NonNull<Head>) -> Self;
}

/// A nullable pointer to an allocation, of which it is an owner: the only one, unless said
/// otherwise.
///
/// Readers need no lock, only evidence of a read-side section. Writers may race: each
/// [`replace`](Self::replace) is one atomic exchange, so that each box it gives back is given to one
/// writer. Where the new value depends on the old one the caller needs a lock.
///
/// # Invariants
///
/// The pointer is null, or from [`Owner::into_head`]. An owner is only dropped, and what it owns
/// freed no earlier than a grace period later, after it was exchanged for another one.
pub(crate) struct RcuPtr<T: ?Sized + Content, O: Owner<Content = T> = RcuBox<T>>(
    Atomic<*mut Head>,
    PhantomData<O>,
);

// SAFETY: It owns an `O`; readers elsewhere have references to a `T`, which is `Sync`.
unsafe impl<T: ?Sized + Content + Sync, O: Owner<Content = T> + Send> Send for RcuPtr<T, O> {}
// SAFETY: It gives out shared references to a `T`, which is `Sync`, and the owner, which is `Send`.
unsafe impl<T: ?Sized + Content + Sync, O: Owner<Content = T> + Send> Sync for RcuPtr<T, O> {}

impl<T: ?Sized + Content, O: Owner<Content = T>> RcuPtr<T, O> {
    /// A pointer that is null.
    pub(crate) const fn null() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()), PhantomData)
    }

    /// A pointer to `value`.
    pub(crate) fn new(value: O) -> Self {
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
        // SAFETY: By the type invariant the pointer is from `into_head()`, and what it leads to is
        // freed at the earliest a grace period after it was exchanged. It was not when it was loaded, in the
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
    /// Readers may still use the old value: it is freed after them.
    pub(crate) fn replace(&self, new: Option<O>) -> Option<O> {
        let new = new.map_or(ptr::null_mut(), |new| new.into_head().as_ptr());
        // The exchange is fully ordered: what was written to the new value comes before it.
        // INVARIANT: The pointer is null or from `into_head()`.
        let old = self.0.xchg(new, Full);
        // SAFETY: By the type invariant the pointer is null or from `into_head()`, and the exchange
        // gave it to this caller alone.
        NonNull::new(old).map(|old| unsafe { O::from_head(old) })
    }
}

impl<T: ?Sized + Content, O: Owner<Content = T>> Drop for RcuPtr<T, O> {
    fn drop(&mut self) {
        if let Some(old) = NonNull::new(*self.0.get_mut()) {
            // SAFETY: By the type invariant the pointer is from `into_head()`, and nobody else has
            // `self`.
            drop(unsafe { O::from_head(old) });
        }
    }
}
