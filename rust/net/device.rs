// SPDX-License-Identifier: GPL-2.0

//! Network devices.
//!
//! - this file: devices that are there, whoever made them;
//! - [`rx_handler`]: taking over what a device receives;
//! - [`notifier`]: hearing of what happens to devices;
//! - [`create`]: devices of our own;
//! - [`link`]: devices that other drivers make for us.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

mod create;
mod link;
mod notifier;
mod rx_handler;
mod stats;

pub(crate) use self::{
    create::{
        DeviceOps,
        NewDevice,
        RegisteredDevice, //
    },
    link::OwnedLink,
    notifier::{
        Event,
        Notifier,
        NotifierRegistration, //
    },
    rx_handler::{
        Enslaved,
        RxHandler, //
    },
    stats::LinkStats, //
};

use super::{
    namespace::Net,
    rtnetlink::RtnlGuard, //
};
use crate::{
    bindings,
    sync::rcu::Read, //
};
use core::ptr::NonNull;
use kernel::{
    fmt,
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// The name of a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name([u8; Self::SIZE]);

impl Name {
    /// The size of a name, with the NUL character.
    pub(crate) const SIZE: usize = bindings::IFNAMSIZ as usize;

    /// The name `name`, unless it is too long.
    pub(crate) fn new(name: &CStr) -> Option<Self> {
        let mut this = Self([0; Self::SIZE]);
        let bytes = name.to_bytes();
        this.0
            .get_mut(..bytes.len())
            .filter(|to| to.len() < Self::SIZE)?
            .copy_from_slice(bytes);
        Some(this)
    }

    /// The name as a string.
    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

impl Default for Name {
    fn default() -> Self {
        Self([0; Self::SIZE])
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use core::fmt::Write as _;

        self.as_c_str().to_bytes().iter().try_for_each(|byte| {
            f.write_char(if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '?'
            })
        })
    }
}

/// A network device.
#[repr(transparent)]
pub(crate) struct NetDevice(Opaque<bindings::net_device>);

// SAFETY: What is done with a device here may be done from any thread.
unsafe impl Send for NetDevice {}
// SAFETY: As above: fields are read once, and changed under the RTNL.
unsafe impl Sync for NetDevice {}

// SAFETY: The functions change the reference count of the device, which lives as long as there are
// references.
unsafe impl AlwaysRefCounted for NetDevice {
    fn inc_ref(&self) {
        // SAFETY: The device is valid.
        unsafe { bindings::dev_hold(self.as_ptr()) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // CAST: `NetDevice` is a transparent wrapper.
        // SAFETY: By the requirements of this function the caller has a reference.
        unsafe { bindings::dev_put(obj.as_ptr().cast()) };
    }
}

/// Reads a field of a device that another thread may be changing.
macro_rules! read_once {
    ($dev:expr, $($field:tt)+) => {
        // SAFETY: The device is valid, and the field is a machine word or shorter and aligned.
        unsafe { (&raw const (*$dev.as_ptr()).$($field)+).read_volatile() }
    };
}

impl NetDevice {
    /// The device at `dev`.
    ///
    /// # Safety
    ///
    /// The device must be valid for `'a`.
    #[inline]
    pub(in crate::net) unsafe fn from_raw<'a>(dev: *const bindings::net_device) -> &'a Self {
        // CAST: `NetDevice` is a transparent wrapper.
        // SAFETY: By the requirements of this function.
        unsafe { &*dev.cast() }
    }

    /// The pointer for C functions.
    #[inline]
    pub(in crate::net) fn as_ptr(&self) -> *mut bindings::net_device {
        self.0.get()
    }

    /// Finds a device by its name, which may be an alternative one.
    pub(crate) fn by_name(net: &Net, name: &CStr) -> Option<ARef<Self>> {
        // SAFETY: The namespace is valid and the name ends with a NUL character.
        let dev = unsafe { bindings::dev_get_by_name(net.as_ptr(), name.as_char_ptr()) };
        // CAST: `NetDevice` is a transparent wrapper.
        // SAFETY: The function returns a reference or null.
        NonNull::new(dev).map(|dev| unsafe { ARef::from_raw(dev.cast()) })
    }

    /// The name.
    ///
    /// It may be changed, under the RTNL; then this may be partly the new one.
    pub(crate) fn name(&self) -> Name {
        let mut name = Name::default();
        let from = (&raw const self.0).cast::<bindings::net_device>();
        // SAFETY: The device is valid.
        let from = unsafe { &raw const (*from).name }.cast::<u8>();
        for (i, to) in name.0.iter_mut().enumerate().take(Name::SIZE - 1) {
            // SAFETY: The field has as many bytes.
            *to = unsafe { from.add(i).read_volatile() };
        }
        name
    }

    /// The index in its namespace.
    #[inline]
    pub(crate) fn ifindex(&self) -> i32 {
        read_once!(self, ifindex)
    }

    /// The hardware type (`ARPHRD_*`).
    #[inline]
    pub(crate) fn kind(&self) -> u16 {
        read_once!(self, type_)
    }

    /// Whether it has Ethernet headers.
    #[inline]
    pub(crate) fn is_ethernet(&self) -> bool {
        u32::from(self.kind()) == bindings::ARPHRD_ETHER
    }

    /// Whether its packets start with the network header, and nothing is before it.
    #[inline]
    pub(crate) fn is_headerless(&self) -> bool {
        u32::from(self.kind()) == bindings::ARPHRD_NONE
    }

    /// The longest packet, without the link layer's header.
    #[inline]
    pub(crate) fn mtu(&self) -> u32 {
        read_once!(self, mtu)
    }

    /// The length of the link layer's header.
    #[inline]
    pub(crate) fn hard_header_len(&self) -> u16 {
        read_once!(self, hard_header_len)
    }

    #[inline]
    fn flags(&self) -> u32 {
        read_once!(self, flags)
    }

    /// Whether it is up.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.flags() & bindings::net_device_flags_IFF_UP != 0
    }

    /// Whether it is a loopback device.
    pub(crate) fn is_loopback(&self) -> bool {
        self.flags() & bindings::net_device_flags_IFF_LOOPBACK != 0
    }

    /// Whether it is running and has a carrier.
    #[inline]
    pub(crate) fn can_transmit(&self) -> bool {
        const START: u64 = 1 << bindings::netdev_state_t___LINK_STATE_START;
        const NOCARRIER: u64 = 1 << bindings::netdev_state_t___LINK_STATE_NOCARRIER;
        read_once!(self, state) as u64 & (START | NOCARRIER) == START
    }

    /// Whether it is registered, and not being unregistered.
    pub(crate) fn is_registered(&self) -> bool {
        u32::from(read_once!(self, reg_state)) == bindings::netdev_reg_state_NETREG_REGISTERED
    }

    /// The headroom it wants before packets it is given.
    pub(crate) fn needed_headroom(&self) -> u16 {
        if self.priv_flags() & bindings::netdev_priv_flags_IFF_PHONY_HEADROOM != 0 {
            0
        } else {
            read_once!(self, needed_headroom)
        }
    }

    /// Tells it how much headroom packets it receives should have.
    pub(crate) fn set_rx_headroom(&self, headroom: u16) {
        // SAFETY: The device is valid.
        unsafe { bindings::netdev_set_rx_headroom(self.as_ptr(), headroom.into()) };
    }

    /// Leaves to it how much headroom packets it receives have.
    pub(crate) fn reset_rx_headroom(&self) {
        // SAFETY: The device is valid.
        unsafe { bindings::netdev_set_rx_headroom(self.as_ptr(), -1) };
    }

    #[inline]
    fn priv_flags(&self) -> u32 {
        // The fields are one word, of which the flags are 32 bits.
        let fast = read_once!(self, __bindgen_anon_1.__bindgen_anon_1);
        fast.priv_flags() as u32
    }

    /// Changes flags of which the core takes notice.
    ///
    /// The RTNL is what keeps others from changing their flags at the same time.
    fn change_priv_flags(&self, set: u32, clear: u32, _: &RtnlGuard) {
        let flags = (self.priv_flags() & !clear) | set;
        // SAFETY: The device is valid; for other writers see the method. Readers never see a bit that
        // is neither the old nor the new one.
        unsafe {
            bindings::net_device__bindgen_ty_1__bindgen_ty_1::set_priv_flags_raw(
                &raw mut (*self.as_ptr()).__bindgen_anon_1.__bindgen_anon_1,
                flags as c_ulong,
            )
        };
    }

    /// Its namespace.
    #[inline]
    pub(crate) fn net<'a>(&'a self, _: Read<'a>) -> &'a Net {
        let net = read_once!(self, nd_net.net);
        // SAFETY: A device is moved out of a namespace, or unregistered, before that is freed, and
        // then a grace period passes.
        unsafe { Net::from_raw(net) }
    }

    /// Its counters.
    pub(crate) fn stats(&self) -> LinkStats {
        LinkStats::of(self)
    }

    /// Counts a packet that it could not send.
    pub(crate) fn count_tx_error(&self) {
        // SAFETY: The device is valid.
        unsafe { bindings::dev_stats_inc_tx_errors(self.as_ptr()) };
    }

    /// Counts a packet that it has received and dropped.
    pub(crate) fn count_rx_dropped(&self) {
        // SAFETY: The device is valid.
        unsafe { bindings::dev_stats_inc_rx_dropped(self.as_ptr()) };
    }

    /// Whether it sends and receives for others: wants all packets, whatever their address.
    fn set_promiscuity(&self, change: i32, _: &RtnlGuard) -> Result {
        // SAFETY: The device is valid, and the RTNL is held.
        kernel::error::to_result(unsafe { bindings::dev_set_promiscuity(self.as_ptr(), change) })
    }
}

impl PartialEq for NetDevice {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}
