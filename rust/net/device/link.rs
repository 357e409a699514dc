// SPDX-License-Identifier: GPL-2.0

//! Devices that other drivers make for us, at our request (rtnetlink).

use super::NetDevice;
use crate::{
    bindings,
    net::{
        namespace::Net,
        rtnetlink::{
            self,
            Rtnl,
            RtnlGuard, //
        }, //
    },
    odp::nlattr::{
        NoRoom,
        Writer, //
    },
};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr, //
};
use kernel::{
    error::to_result,
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
pub(crate) struct OwnedLink(ManuallyDrop<ARef<NetDevice>>);

impl OwnedLink {
    /// Has the driver of a kind of links make a device; `data` writes what is to be said to it. Also
    /// returns what the driver says of the device.
    ///
    /// May sleep. The RTNL must not be held. The kind must be one of links that user space can delete.
    pub(crate) fn create(
        net: &Net,
        name: &CStr,
        kind: &str,
        mtu: u32,
        data: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<(Self, rtnetlink::Told)> {
        rtnetlink::new_link(net, name, kind, mtu, data)
    }

    /// Takes over a device just made.
    pub(in crate::net) fn new(dev: ARef<NetDevice>) -> Self {
        // INVARIANT: By the requirements of `create()`.
        Self(ManuallyDrop::new(dev))
    }

    /// Sets the device up.
    pub(crate) fn open(&self, _: &RtnlGuard) -> Result {
        let flags = self.flags() | bindings::net_device_flags_IFF_UP;
        // SAFETY: The device is valid, and the RTNL is held.
        to_result(unsafe { bindings::dev_change_flags(self.as_ptr(), flags, ptr::null_mut()) })
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
