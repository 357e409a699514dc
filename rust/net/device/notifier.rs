// SPDX-License-Identifier: GPL-2.0

//! Hearing of what happens to devices.

use super::NetDevice;
use crate::{
    bindings,
    net::rtnetlink::RtnlGuard, //
};
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// What happens to a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is registered. Also told of all that are, at first.
    Register,
    /// It is being unregistered.
    Unregister,
    /// It is up. Also told of all that are, at first.
    Up,
    /// It is down.
    Down,
    /// Its MTU has changed.
    ChangeMtu,
    /// Its name has changed.
    ChangeName,
    /// Its features have changed.
    FeatChange,
    /// Something else.
    Other(u32),
}

impl From<u32> for Event {
    fn from(event: u32) -> Self {
        match event {
            bindings::netdev_cmd_NETDEV_REGISTER => Self::Register,
            bindings::netdev_cmd_NETDEV_UNREGISTER => Self::Unregister,
            bindings::netdev_cmd_NETDEV_UP => Self::Up,
            bindings::netdev_cmd_NETDEV_DOWN => Self::Down,
            bindings::netdev_cmd_NETDEV_CHANGEMTU => Self::ChangeMtu,
            bindings::netdev_cmd_NETDEV_CHANGENAME => Self::ChangeName,
            bindings::netdev_cmd_NETDEV_FEAT_CHANGE => Self::FeatChange,
            other => Self::Other(other),
        }
    }
}

/// What wants to hear of devices.
pub(crate) trait Notifier: Send + Sync + 'static {
    /// Something happens to `dev`.
    fn event(&self, event: Event, dev: &NetDevice, rtnl: &RtnlGuard);
}

/// A [`Notifier`], registered for the devices of all namespaces.
///
/// # Invariants
///
/// `inner` is registered, and does not move.
pub(crate) struct NotifierRegistration<T: Notifier> {
    inner: Pin<KBox<Inner<T>>>,
    _notifier: PhantomData<T>,
}

#[repr(C)]
struct Inner<T> {
    block: Opaque<bindings::notifier_block>,
    notifier: T,
}

// SAFETY: The registration may be dropped by any thread that may sleep, and the notifier is `Send`.
unsafe impl<T: Notifier> Send for NotifierRegistration<T> {}
// SAFETY: A shared reference offers nothing.
unsafe impl<T: Notifier> Sync for NotifierRegistration<T> {}

impl<T: Notifier> NotifierRegistration<T> {
    /// Registers `notifier`.
    pub(crate) fn new(notifier: T) -> Result<Self> {
        let inner = KBox::pin(
            Inner {
                block: Opaque::new(bindings::notifier_block {
                    notifier_call: Some(Self::call),
                    ..pin_init::zeroed()
                }),
                notifier,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The block is complete, and stays where it is until it is unregistered.
        to_result(unsafe { bindings::register_netdevice_notifier(inner.block.get()) })?;
        // INVARIANT: Registered just now.
        Ok(Self {
            inner,
            _notifier: PhantomData,
        })
    }

    /// # Safety
    ///
    /// Only the device core may call this, for the block of a value of this type.
    unsafe extern "C" fn call(
        block: *mut bindings::notifier_block,
        event: c_ulong,
        info: *mut c_void,
    ) -> c_int {
        // CAST: The block is the first field of `Inner`.
        // SAFETY: By the requirements of this function.
        let inner = unsafe { &*block.cast::<Inner<T>>() };
        // SAFETY: By the requirements of this function `info` is a `struct netdev_notifier_info`, or
        // starts with one, and its device is valid during the call.
        let dev =
            unsafe { NetDevice::from_raw((*info.cast::<bindings::netdev_notifier_info>()).dev) };
        // SAFETY: The core calls notifiers with the RTNL held.
        let rtnl = unsafe { RtnlGuard::assume() };
        inner.notifier.event(Event::from(event as u32), dev, &rtnl);
        bindings::NOTIFY_DONE as c_int
    }
}

impl<T: Notifier> Drop for NotifierRegistration<T> {
    fn drop(&mut self) {
        // This tells the notifier that all devices go.
        // SAFETY: By the type invariant.
        unsafe { bindings::unregister_netdevice_notifier(self.inner.block.get()) };
    }
}
