// SPDX-License-Identifier: GPL-2.0

//! Devices that other drivers make for us.

use super::NetDevice;
use crate::{
    bindings,
    net::rtnetlink::{
        Rtnl,
        RtnlGuard, //
    }, //
};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// A device that goes when this value is dropped.
///
/// Dropping it takes the RTNL, and waits until nobody else has a reference to the device. Somebody
/// else may have deleted it before.
///
/// # Invariants
///
/// The device was registered by a driver whose links can be deleted.
pub struct OwnedLink(ManuallyDrop<ARef<NetDevice>>);

impl OwnedLink {
    /// Takes over the device that a driver has made, or hands on the error that it tells of.
    ///
    /// # Safety
    ///
    /// `dev` must be an error pointer or a registered `struct net_device` that nobody else deletes in
    /// the course of what they do, of a kind of links that has `dellink()`.
    pub unsafe fn from_raw(dev: *mut c_void, _: &RtnlGuard) -> Result<Self> {
        let dev = from_err_ptr(dev)?;
        // SAFETY: By the requirements of this function. It cannot go while the RTNL is held.
        let dev = unsafe { NetDevice::from_raw(dev.cast()) };
        // INVARIANT: By the requirements of this function.
        Ok(Self(ManuallyDrop::new(ARef::from(dev))))
    }

    /// Sets the device up.
    pub(crate) fn open(&self, _: &RtnlGuard) -> Result {
        let flags = self.flags() | bindings::net_device_flags_IFF_UP;
        // SAFETY: The device is valid, and the RTNL is held.
        to_result(unsafe { bindings::dev_change_flags(self.as_ptr(), flags, ptr::null_mut()) })
    }

    /// Deletes the device where the RTNL is held.
    pub(crate) fn delete(self, rtnl: &RtnlGuard) {
        ManuallyDrop::new(self).remove(rtnl);
    }

    /// Deletes the device, unless that has happened, and gives up the reference to it.
    ///
    /// The value must not be used any more.
    fn remove(&mut self, _: &RtnlGuard) {
        if self.is_registered() {
            // SAFETY: By the type invariant; the RTNL is held.
            unsafe { bindings::rtnl_delete_link(self.as_ptr(), 0, ptr::null()) };
        }
        // Whoever gives the RTNL back waits for this.
        // SAFETY: The field is not used again.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

impl Deref for OwnedLink {
    type Target = ARef<NetDevice>;

    fn deref(&self) -> &ARef<NetDevice> {
        &self.0
    }
}

impl Drop for OwnedLink {
    fn drop(&mut self) {
        self.remove(&Rtnl::lock());
    }
}
