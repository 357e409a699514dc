// SPDX-License-Identifier: GPL-2.0

//! Taking over what a device receives.
//!
//! A device whose packets go to a handler is a port of something that has a device of its own, its
//! master, and the two are linked. [`Enslaved`] is both, and what belongs to it: the device receives
//! whatever comes by, and does not merge packets in a way that cannot be undone.

use super::NetDevice;
use crate::{
    bindings,
    net::{
        rtnetlink::{
            Rtnl,
            RtnlGuard, //
        },
        skbuff::SkBuff, //
    },
    sync::{
        bh::Bh,
        rcu::Read, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    }, //
};

/// A handler of the packets that a device receives.
pub(crate) trait RxHandler: 'static {
    /// What the handler needs to know.
    type Data: Send + Sync + 'static;

    /// Handles a packet that `dev` has received.
    ///
    /// It starts behind the link layer's header.
    fn receive(data: ArcBorrow<'_, Self::Data>, dev: &NetDevice, skb: SkBuff, bh: Bh<'_>);
}

/// A device with a handler and a master.
///
/// Best taken apart with [`release`](Self::release) where the RTNL is held. Dropping it takes the
/// RTNL.
///
/// # Invariants
///
/// The handler of `dev` is `H`, with a pointer from `Arc::into_raw()` that this value owns. `master`
/// is its upper device and master, its promiscuity is raised by one and it has `IFF_OVS_DATAPATH`.
pub(crate) struct Enslaved<H: RxHandler> {
    dev: ARef<NetDevice>,
    master: ARef<NetDevice>,
    data: *const H::Data,
    _handler: PhantomData<H>,
}

// SAFETY: The value may be dropped by any thread that may sleep, and the data is `Send` and `Sync`.
unsafe impl<H: RxHandler> Send for Enslaved<H> {}
// SAFETY: As above.
unsafe impl<H: RxHandler> Sync for Enslaved<H> {}

impl<H: RxHandler> Enslaved<H> {
    /// Makes `dev` a port of `master`, with a handler.
    ///
    /// Fails if it is being unregistered, or has a master or a handler.
    pub(crate) fn new(
        dev: ARef<NetDevice>,
        master: ARef<NetDevice>,
        data: Arc<H::Data>,
        rtnl: &RtnlGuard,
    ) -> Result<Self> {
        if !dev.is_registered() {
            return Err(ENODEV);
        }
        // SAFETY: Both devices are valid, and the RTNL is held.
        to_result(unsafe {
            bindings::netdev_master_upper_dev_link(
                dev.as_ptr(),
                master.as_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })?;
        let data = Arc::into_raw(data);
        // SAFETY: The device is valid, the RTNL is held, and the data is for this handler. It is
        // valid until `detach()` has removed the handler and a grace period has passed.
        let result = to_result(unsafe {
            bindings::netdev_rx_handler_register(
                dev.as_ptr(),
                Some(Self::handle),
                data.cast_mut().cast(),
            )
        });
        if let Err(err) = result {
            // SAFETY: The devices are linked, and the RTNL is held.
            unsafe { bindings::netdev_upper_dev_unlink(dev.as_ptr(), master.as_ptr()) };
            // SAFETY: From `into_raw()` above, and nobody else has it.
            drop(unsafe { Arc::from_raw(data) });
            return Err(err);
        }
        // SAFETY: The device is valid, and the RTNL is held.
        unsafe { bindings::dev_disable_lro(dev.as_ptr()) };
        // A device that cannot be promiscuous is of less use, but a port.
        let _ = dev.set_promiscuity(1, rtnl);
        dev.change_priv_flags(bindings::netdev_priv_flags_IFF_OVS_DATAPATH, 0, rtnl);
        // INVARIANT: All of this was done just now.
        Ok(Self {
            dev,
            master,
            data,
            _handler: PhantomData,
        })
    }

    /// Undoes it all. The device's packets have left the handler when this returns.
    pub(crate) fn release(self, rtnl: &RtnlGuard) {
        let mut this = ManuallyDrop::new(self);
        this.detach(rtnl);
        // SAFETY: The fields are not used again, and the destructor does not run.
        unsafe {
            ptr::drop_in_place(&raw mut this.dev);
            ptr::drop_in_place(&raw mut this.master);
        }
    }

    /// Undoes it all, but for the references to the devices.
    fn detach(&mut self, rtnl: &RtnlGuard) {
        let dev = self.dev.as_ptr();
        // This waits for a grace period.
        // SAFETY: By the type invariant the device has this handler; the RTNL is held.
        unsafe { bindings::netdev_rx_handler_unregister(dev) };
        // SAFETY: By the type invariant the devices are linked; the RTNL is held.
        unsafe { bindings::netdev_upper_dev_unlink(dev, self.master.as_ptr()) };
        // Lowering it does not fail.
        let _ = self.dev.set_promiscuity(-1, rtnl);
        self.dev
            .change_priv_flags(0, bindings::netdev_priv_flags_IFF_OVS_DATAPATH, rtnl);
        // SAFETY: By the type invariant the pointer is from `into_raw()`, and ours. No packet is in
        // the handler any more, and none finds it.
        drop(unsafe { Arc::from_raw(self.data) });
    }

    /// The data of the handler of `dev`, if that is `H`.
    pub(crate) fn data_of<'a>(dev: &'a NetDevice, _: Read<'a>) -> Option<ArcBorrow<'a, H::Data>> {
        // SAFETY: The device is valid; both fields are aligned pointers.
        let (handler, data) = unsafe {
            let dev = dev.as_ptr();
            (
                (&raw const (*dev).rx_handler).read_volatile(),
                (&raw const (*dev).rx_handler_data).read_volatile(),
            )
        };
        let this: unsafe extern "C" fn(_) -> _ = Self::handle;
        if !ptr::fn_addr_eq(handler?, this) || data.is_null() {
            return None;
        }
        // The core clears the handler, waits for a grace period, and clears the data; before it
        // sets a new handler it sets its data. Data read after a handler belongs to it, or is null.
        // SAFETY: The pointer is from `Arc::into_raw()` by the type invariant, and the reference is
        // dropped a grace period after the handler was removed.
        Some(unsafe { ArcBorrow::from_raw(data.cast()) })
    }

    /// # Safety
    ///
    /// Only the device core may call this, for a device with this handler, with bottom halves
    /// disabled in an RCU read-side section, and with a packet that it gives away unless it is told
    /// to keep it.
    unsafe extern "C" fn handle(
        pskb: *mut *mut bindings::sk_buff,
    ) -> bindings::rx_handler_result_t {
        // SAFETY: By the requirements of this function. The function passes over packets that are
        // looped back, and gives others back not shared, or null.
        let skb = unsafe { bindings::rx_handler_begin(pskb) };
        let Some(skb) = NonNull::new(skb) else {
            // SAFETY: By the requirements of this function.
            return if unsafe { (*pskb).is_null() } {
                bindings::rx_handler_result_RX_HANDLER_CONSUMED
            } else {
                bindings::rx_handler_result_RX_HANDLER_PASS
            };
        };
        // SAFETY: By the requirements of this function, bottom halves are disabled.
        let bh = unsafe { Bh::assume() };
        // SAFETY: A received packet has a device, which lives at least as long as this section.
        let (dev, data) = unsafe {
            let dev = (*skb.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev;
            (dev, (&raw const (*dev).rx_handler_data).read_volatile())
        };
        // SAFETY: As above.
        let dev = unsafe { NetDevice::from_raw(dev) };
        // SAFETY: By the requirements of this function the device's handler is this one, so that its
        // data is what was registered, and the core keeps it for as long as this section.
        let data = unsafe { ArcBorrow::from_raw(data.cast::<H::Data>()) };
        // SAFETY: The packet is ours and not shared.
        H::receive(data, dev, unsafe { SkBuff::from_raw(skb) }, bh);
        bindings::rx_handler_result_RX_HANDLER_CONSUMED
    }
}

impl<H: RxHandler> Drop for Enslaved<H> {
    fn drop(&mut self) {
        self.detach(&Rtnl::lock());
    }
}
