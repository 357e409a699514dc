// SPDX-License-Identifier: GPL-2.0

//! The lock of network configuration, and kinds of links.
//!
//! C headers: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h),
//! [`include/net/rtnetlink.h`](srctree/include/net/rtnetlink.h)

mod new_link;

pub(super) use new_link::new_link;
pub(crate) use new_link::Told;

use crate::bindings;
use core::{
    cell::UnsafeCell,
    ops::Deref, //
};
use kernel::{
    error::to_result,
    prelude::*,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// Evidence that this thread holds the RTNL.
///
/// # Invariants
///
/// This thread holds the RTNL while a reference to a value of this type exists.
pub(crate) struct RtnlGuard(NotThreadSafe);

impl RtnlGuard {
    /// Claims the RTNL.
    ///
    /// # Safety
    ///
    /// This thread must hold the RTNL while the result exists.
    pub(in crate::net) unsafe fn assume() -> Self {
        // INVARIANT: By the requirements of this function.
        Self(NotThreadSafe)
    }
}

/// Holds the RTNL.
///
/// Giving it back can take long: it waits until devices that were unregistered are not used any
/// more.
pub(crate) struct Rtnl(RtnlGuard);

impl Rtnl {
    /// Takes the RTNL.
    pub(crate) fn lock() -> Self {
        // SAFETY: Only requires a context that may sleep.
        unsafe { bindings::rtnl_lock() };
        // SAFETY: Taken just now, and given back when the result is dropped.
        Self(unsafe { RtnlGuard::assume() })
    }
}

impl Deref for Rtnl {
    type Target = RtnlGuard;

    fn deref(&self) -> &RtnlGuard {
        &self.0
    }
}

impl Drop for Rtnl {
    fn drop(&mut self) {
        // SAFETY: Taken when the value was made, by this thread.
        unsafe { bindings::rtnl_unlock() };
    }
}

/// A value, or none, that belongs to whoever holds the RTNL.
pub(crate) struct RtnlCell<T>(UnsafeCell<Option<T>>);

// SAFETY: The value is only moved in and out, by the one thread that holds the RTNL.
unsafe impl<T: Send> Sync for RtnlCell<T> {}

impl<T> RtnlCell<T> {
    /// Makes a cell.
    pub(crate) const fn new(value: Option<T>) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Puts a value in, and returns the one that was there.
    pub(crate) fn replace(&self, value: Option<T>, _: &RtnlGuard) -> Option<T> {
        // SAFETY: This thread holds the RTNL, and no reference to the value is given out.
        unsafe { self.0.get().replace(value) }
    }

    /// Takes the value out.
    pub(crate) fn take(&self, rtnl: &RtnlGuard) -> Option<T> {
        self.replace(None, rtnl)
    }
}

/// A kind of links that only the kernel can make.
#[repr(transparent)]
pub(crate) struct LinkOps(Opaque<bindings::rtnl_link_ops>);

// SAFETY: The core serialises all changes.
unsafe impl Sync for LinkOps {}

impl LinkOps {
    /// A kind of links with a name.
    pub(crate) const fn new(kind: &'static CStr) -> Self {
        Self(Opaque::new(bindings::rtnl_link_ops {
            kind: kind.to_bytes_with_nul().as_ptr().cast(),
            ..pin_init::zeroed()
        }))
    }

    /// The pointer for C functions.
    pub(in crate::net) fn as_ptr(&self) -> *mut bindings::rtnl_link_ops {
        self.0.get()
    }

    /// Makes the kind known, until the result is dropped.
    pub(crate) fn register(&'static self) -> Result<LinkOpsRegistration> {
        // SAFETY: The operations are complete, and static.
        to_result(unsafe { bindings::rtnl_link_register(self.as_ptr()) })?;
        // INVARIANT: Registered just now.
        Ok(LinkOpsRegistration(self))
    }
}

/// The registration of a [`LinkOps`].
///
/// Dropping it also deletes the links of the kind that are left, of which there should be none.
///
/// # Invariants
///
/// The kind is registered.
pub(crate) struct LinkOpsRegistration(&'static LinkOps);

impl Drop for LinkOpsRegistration {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::rtnl_link_unregister(self.0.as_ptr()) };
    }
}
