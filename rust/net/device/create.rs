// SPDX-License-Identifier: GPL-2.0

//! Devices of our own.
//!
//! They are virtual Ethernet devices with no queue: what the host sends by one goes to
//! [`DeviceOps::start_xmit`] at once, and [`SkBuff::receive`] has the host receive a packet by one.

use super::NetDevice;
use crate::{
    bindings,
    net::{
        namespace::Net,
        rtnetlink::{
            LinkOps,
            Rtnl,
            RtnlGuard, //
        },
        skbuff::SkBuff, //
    },
    sync::{
        bh::Bh,
        rcu::{
            RcuArc,
            Retired, //
        }, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        rcu::read_lock,
        Arc,
        ArcBorrow, //
    }, //
};

/// What a kind of device does.
pub(crate) trait DeviceOps: Sized + 'static {
    /// What a device needs to know.
    type Private: Send + Sync + 'static;

    /// The name of the driver, for tools.
    const DRIVER: &'static CStr;

    /// The kind of link.
    fn link_ops() -> &'static LinkOps;

    /// The host sends a packet, which starts with its Ethernet header.
    ///
    /// On success the packet is counted as sent, otherwise as an error.
    fn start_xmit(
        private: ArcBorrow<'_, Self::Private>,
        dev: &NetDevice,
        skb: SkBuff,
        bh: Bh<'_>,
    ) -> Result;
}

/// What a device has in its own memory.
struct Memory<O: DeviceOps> {
    private: RcuArc<O::Private>,
}

/// The functions of a kind of device.
struct Table<O>(PhantomData<O>);

impl<O: DeviceOps> Table<O> {
    const NETDEV_OPS: bindings::net_device_ops = bindings::net_device_ops {
        ndo_open: Some(Self::open),
        ndo_stop: Some(Self::stop),
        ndo_start_xmit: Some(Self::start_xmit),
        ndo_set_mac_address: Some(bindings::eth_mac_addr),
        ..pin_init::zeroed()
    };

    const ETHTOOL_OPS: bindings::ethtool_ops = bindings::ethtool_ops {
        get_drvinfo: Some(Self::get_drvinfo),
        get_link: Some(bindings::ethtool_op_get_link),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Only the device core may call this, for a device of this kind.
    unsafe extern "C" fn open(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { bindings::netif_start_queue(dev) };
        0
    }

    /// # Safety
    ///
    /// Only the device core may call this, for a device of this kind.
    unsafe extern "C" fn stop(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: By the requirements of this function.
        unsafe { bindings::netif_stop_queue(dev) };
        0
    }

    /// # Safety
    ///
    /// Only the device core may call this, for a device of this kind, with bottom halves disabled
    /// and a packet that it gives away, not shared.
    unsafe extern "C" fn start_xmit(
        skb: *mut bindings::sk_buff,
        dev: *mut bindings::net_device,
    ) -> bindings::netdev_tx_t {
        // SAFETY: By the requirements of this function.
        let (skb, bh, dev, memory) = unsafe {
            (
                SkBuff::from_raw(NonNull::new_unchecked(skb)),
                Bh::assume(),
                NetDevice::from_raw(dev),
                &*memory_of::<O>(dev),
            )
        };
        // Bottom halves are enough for us, but not for what asks lockdep on the way.
        let _rcu = read_lock();
        let len = skb.len();
        let result = match memory.private.get(bh.rcu()) {
            Some(private) => O::start_xmit(private, dev, skb, bh),
            None => Err(ENODEV),
        };
        match result {
            Ok(()) => dev.count_tx(len.into(), bh),
            Err(_) => dev.count_tx_error(),
        }
        bindings::netdev_tx_NETDEV_TX_OK
    }

    /// # Safety
    ///
    /// Only the ethtool core may call this, with memory for the result.
    unsafe extern "C" fn get_drvinfo(
        _dev: *mut bindings::net_device,
        info: *mut bindings::ethtool_drvinfo,
    ) {
        // SAFETY: By the requirements of this function.
        let driver = unsafe { &mut (*info).driver };
        // The core has filled it with zeroes, of which one stays at the end.
        let len = driver.len().saturating_sub(1);
        for (to, from) in driver.iter_mut().take(len).zip(O::DRIVER.to_bytes()) {
            *to = *from as c_char;
        }
    }

    /// # Safety
    ///
    /// Only the device core may call this, for a new device.
    unsafe extern "C" fn setup(dev: *mut bindings::net_device) {
        const FEATURES: bindings::netdev_features_t = bindings::NETIF_F_SG
            | bindings::NETIF_F_FRAGLIST
            | bindings::NETIF_F_HIGHDMA
            | bindings::NETIF_F_HW_CSUM
            | bindings::NETIF_F_GSO_SOFTWARE
            | bindings::NETIF_F_GSO_ENCAP_ALL;
        const VLAN_FEATURES: bindings::netdev_features_t =
            bindings::NETIF_F_HW_VLAN_CTAG_TX | bindings::NETIF_F_HW_VLAN_STAG_TX;
        const SET: u32 = bindings::netdev_priv_flags_IFF_LIVE_ADDR_CHANGE
            | bindings::netdev_priv_flags_IFF_OPENVSWITCH
            | bindings::netdev_priv_flags_IFF_NO_QUEUE;
        const CLEAR: u32 = bindings::netdev_priv_flags_IFF_TX_SKB_SHARING;

        // SAFETY: By the requirements of this function the device is valid, and nobody else has it.
        unsafe {
            bindings::ether_setup(dev);
            (*dev).max_mtu = bindings::ETH_MAX_MTU;
            (*dev).netdev_ops = const { &Self::NETDEV_OPS };
            (*dev).ethtool_ops = const { &Self::ETHTOOL_OPS };
            (*dev).rtnl_link_ops = O::link_ops().as_ptr();
            (*dev).needs_free_netdev = true;

            let fast = &mut (*dev).__bindgen_anon_1.__bindgen_anon_1;
            fast.set_priv_flags(((fast.priv_flags() as u32 & !CLEAR) | SET) as c_ulong);
            fast.set_lltx(1);

            (*dev).vlan_features = FEATURES;
            (*dev).hw_enc_features = FEATURES;
            (*dev).features = FEATURES | VLAN_FEATURES;
            (*dev).hw_features = FEATURES | VLAN_FEATURES;
            (*dev).set_pcpu_stat_type(bindings::netdev_stat_type_NETDEV_PCPU_STAT_TSTATS);
            bindings::eth_hw_addr_random(dev);
        }
    }
}

/// The memory of a device of the kind `O`.
///
/// # Safety
///
/// `dev` must be such a device.
unsafe fn memory_of<O: DeviceOps>(dev: *mut bindings::net_device) -> *mut Memory<O> {
    // SAFETY: By the requirements of this function.
    unsafe { bindings::netdev_priv(dev).cast() }
}

/// A device that is not known to anybody yet.
///
/// # Invariants
///
/// The pointer is a device of the kind `O` that this value owns, with its memory initialised.
pub(crate) struct NewDevice<O: DeviceOps>(NonNull<bindings::net_device>, PhantomData<O>);

impl<O: DeviceOps> NewDevice<O> {
    /// Makes a device for `net`.
    ///
    /// It gets the index `ifindex`, or the next one that is free.
    pub(crate) fn new(name: &CStr, net: &Net, ifindex: Option<i32>) -> Result<Self> {
        const {
            // The core aligns the memory to 32 bytes.
            assert!(align_of::<Memory<O>>() <= 32);
        }
        if super::Name::new(name).is_none() {
            return Err(EINVAL);
        }
        // SAFETY: The name fits, as was checked, and `setup()` is for such devices.
        let dev = unsafe {
            bindings::alloc_netdev_mqs(
                size_of::<Memory<O>>() as c_int,
                name.as_char_ptr(),
                bindings::NET_NAME_USER as u8,
                Some(Table::<O>::setup),
                1,
                1,
            )
        };
        let dev = NonNull::new(dev).ok_or(ENOMEM)?;
        // SAFETY: The device was allocated just now, with this memory, and nobody else has it.
        unsafe {
            memory_of::<O>(dev.as_ptr()).write(Memory {
                private: RcuArc::null(),
            });
            bindings::dev_net_set(dev.as_ptr(), net.as_ptr());
            (*dev.as_ptr()).ifindex = ifindex.unwrap_or(0);
        }
        // INVARIANT: As above.
        Ok(Self(dev, PhantomData))
    }

    /// Keeps the device in its namespace.
    #[must_use]
    pub(crate) fn immovable(self) -> Self {
        // SAFETY: By the type invariant nobody else has the device.
        unsafe { (*self.0.as_ptr()).set_netns_immutable(1) };
        self
    }

    /// Registers the device.
    pub(crate) fn register(self, rtnl: &RtnlGuard) -> Result<RegisteredDevice<O>> {
        // SAFETY: By the type invariant the device is complete, and the RTNL is held.
        to_result(unsafe { bindings::register_netdevice(self.0.as_ptr()) })?;
        // INVARIANT: Registered just now.
        let this = RegisteredDevice(ManuallyDrop::new(self).0, PhantomData);
        // It is a port of a switch: it is given whatever comes.
        let _ = this.set_promiscuity(1, rtnl);
        // SAFETY: The device is valid.
        unsafe { bindings::netif_start_queue(this.as_ptr()) };
        Ok(this)
    }
}

impl<O: DeviceOps> Drop for NewDevice<O> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. It is empty: nothing was published yet.
        unsafe { memory_of::<O>(self.0.as_ptr()).drop_in_place() };
        // SAFETY: By the type invariant; registration has not succeeded.
        unsafe { bindings::free_netdev(self.0.as_ptr()) };
    }
}

/// A device of our own that is registered.
///
/// Dropping it takes the RTNL, unregisters the device, and waits until nobody has a reference to it.
/// So the one who drops it must not have one, nor hold the RTNL.
///
/// # Invariants
///
/// The pointer is a registered device of the kind `O`, which nobody else unregisters.
pub(crate) struct RegisteredDevice<O: DeviceOps>(NonNull<bindings::net_device>, PhantomData<O>);

// SAFETY: The value may be used and dropped by any thread that may sleep.
unsafe impl<O: DeviceOps> Send for RegisteredDevice<O> {}
// SAFETY: As for `NetDevice`.
unsafe impl<O: DeviceOps> Sync for RegisteredDevice<O> {}

impl<O: DeviceOps> RegisteredDevice<O> {
    fn memory(&self) -> &Memory<O> {
        // SAFETY: By the type invariant.
        unsafe { &*memory_of::<O>(self.0.as_ptr()) }
    }

    /// Connects the device: what it sends goes to [`DeviceOps::start_xmit`] with `private` from now
    /// on.
    pub(crate) fn connect(&self, private: Arc<O::Private>) -> Option<Retired<O::Private>> {
        self.memory().private.replace(Some(private))
    }

    /// Disconnects the device: what it sends is lost from now on.
    ///
    /// A device that `private` has a hand in must be disconnected before it can be dropped.
    pub(crate) fn disconnect(&self) -> Option<Retired<O::Private>> {
        self.memory().private.replace(None)
    }

    /// Whether `dev` is a device of this kind.
    pub(crate) fn is(dev: &NetDevice) -> bool {
        // SAFETY: The device is valid; the field is set before it is registered.
        let ops = unsafe { (*dev.as_ptr()).rtnl_link_ops };
        core::ptr::eq(ops, O::link_ops().as_ptr())
    }
}

impl<O: DeviceOps> Deref for RegisteredDevice<O> {
    type Target = NetDevice;

    #[inline]
    fn deref(&self) -> &NetDevice {
        // SAFETY: By the type invariant.
        unsafe { NetDevice::from_raw(self.0.as_ptr()) }
    }
}

impl<O: DeviceOps> Drop for RegisteredDevice<O> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::netif_stop_queue(self.0.as_ptr()) };
        let private = self.disconnect();
        {
            let rtnl = Rtnl::lock();
            // Lowering it does not fail.
            let _ = self.set_promiscuity(-1, &rtnl);
            // The device is freed when the RTNL is given back. By then it has no packet in it: this
            // waits for a grace period.
            // SAFETY: By the type invariant the device is registered; the RTNL is held.
            unsafe { bindings::unregister_netdevice_queue(self.0.as_ptr(), core::ptr::null_mut()) };
        }
        if let Some(private) = private {
            // SAFETY: A grace period has passed since `disconnect()`: see above.
            drop(unsafe { private.into_arc() });
        }
    }
}
