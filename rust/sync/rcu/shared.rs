// SPDX-License-Identifier: GPL-2.0

//! Allocations with several owners, freed after their readers.

use super::{
    boxed::Head,
    ptr::Owner,
    RcuBox, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        AllocError,
        Flags, //
    },
    sync::Refcount, //
};

/// A value and the number of its owners.
pub(crate) struct Counted<T> {
    owners: Refcount,
    value: T,
}

impl<T> Deref for Counted<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

/// One of the owners of an allocation that is freed a grace period after the last of them is dropped.
///
/// # Invariants
///
/// The pointer is from [`RcuBox::into_head`]. That box is dropped when the number of owners is zero,
/// and this value is one of those counted.
pub(crate) struct RcuShared<T: Send + Sync + 'static>(NonNull<Head>, PhantomData<Counted<T>>);

// SAFETY: It is an owner of a `T`, which is `Send` and `Sync`, and so is the count.
unsafe impl<T: Send + Sync + 'static> Send for RcuShared<T> {}
// SAFETY: It gives out shared references to a `T`, and other owners.
unsafe impl<T: Send + Sync + 'static> Sync for RcuShared<T> {}

impl<T: Send + Sync + 'static> RcuShared<T> {
    /// Allocates memory and moves `value` there.
    pub(crate) fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let counted = Counted {
            owners: Refcount::new(1),
            value,
        };
        // INVARIANT: This is the one owner that is counted.
        Ok(Self(RcuBox::new(counted, flags)?.into_head(), PhantomData))
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: By the type invariant the box is not dropped for as long as `self` is counted.
        unsafe { RcuBox::content(self.0.as_ptr()) }
    }
}

impl<T: Send + Sync + 'static> Clone for RcuShared<T> {
    fn clone(&self) -> Self {
        self.counted().owners.inc();
        // INVARIANT: The new value has just been counted.
        Self(self.0, PhantomData)
    }
}

impl<T: Send + Sync + 'static> Deref for RcuShared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.counted()
    }
}

impl<T: Send + Sync + 'static> Drop for RcuShared<T> {
    fn drop(&mut self) {
        if self.counted().owners.dec_and_test() {
            // SAFETY: By the type invariant the pointer is from `into_head()`, and this was the last
            // owner: nobody else takes ownership.
            drop(unsafe { RcuBox::<Counted<T>>::from_head(self.0) });
        }
    }
}

// SAFETY: By the type invariant the allocation is live for as long as this owner, and dropping the
// last owner drops the box, which frees it a grace period later.
unsafe impl<T: Send + Sync + 'static> Owner for RcuShared<T> {
    type Content = Counted<T>;

    #[inline]
    fn into_head(self) -> NonNull<Head> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    unsafe fn from_head(head: NonNull<Head>) -> Self {
        // INVARIANT: By the requirements of this function `head` was such an owner, and is still
        // counted.
        Self(head, PhantomData)
    }
}
