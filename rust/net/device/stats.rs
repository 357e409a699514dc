// SPDX-License-Identifier: GPL-2.0

//! What a device counts.

use super::NetDevice;
use crate::{
    bindings,
    sync::{
        bh::Bh,
        percpu, //
    }, //
};
use core::ptr::NonNull;

/// The counters of a device.
#[derive(Clone, Copy, Default)]
pub(crate) struct LinkStats {
    /// Packets received.
    pub(crate) rx_packets: u64,
    /// Packets sent.
    pub(crate) tx_packets: u64,
    /// Bytes received.
    pub(crate) rx_bytes: u64,
    /// Bytes sent.
    pub(crate) tx_bytes: u64,
    /// Bad packets received.
    pub(crate) rx_errors: u64,
    /// Packets not sent for an error.
    pub(crate) tx_errors: u64,
    /// Packets received and dropped.
    pub(crate) rx_dropped: u64,
    /// Packets dropped instead of being sent.
    pub(crate) tx_dropped: u64,
}

impl LinkStats {
    /// Those of `dev`.
    pub(super) fn of(dev: &NetDevice) -> Self {
        let mut storage = pin_init::zeroed::<bindings::rtnl_link_stats64>();
        // SAFETY: The device is valid, and the storage is ours. It is what the function returns.
        unsafe { bindings::dev_get_stats(dev.as_ptr(), &raw mut storage) };
        Self {
            rx_packets: storage.rx_packets,
            tx_packets: storage.tx_packets,
            rx_bytes: storage.rx_bytes,
            tx_bytes: storage.tx_bytes,
            rx_errors: storage.rx_errors,
            tx_errors: storage.tx_errors,
            rx_dropped: storage.rx_dropped,
            tx_dropped: storage.tx_dropped,
        }
    }
}

/// Adds to a counter of this CPU, as `u64_stats_add()` does on a machine of 64 bits.
///
/// # Safety
///
/// `counter` must be this CPU's, valid and aligned.
#[inline]
unsafe fn add(counter: *mut bindings::u64_stats_t, n: u64) {
    let counter = counter.cast::<u64>();
    // SAFETY: By the requirements of this function. Only this CPU writes, with bottom halves
    // disabled; for readers see `percpu::Counter`.
    unsafe { counter.write_volatile(counter.read_volatile().wrapping_add(n)) };
}

impl NetDevice {
    /// This CPU's counters, if the device has such.
    #[inline]
    fn tstats(&self, _: Bh<'_>) -> Option<*mut bindings::pcpu_sw_netstats> {
        const TSTATS: bindings::netdev_stat_type =
            bindings::netdev_stat_type_NETDEV_PCPU_STAT_TSTATS;
        // SAFETY: The device is valid. Both fields are set before it is registered, and the first
        // says what the union is.
        unsafe {
            let dev = self.as_ptr();
            if bindings::net_device::pcpu_stat_type_raw(dev) != TSTATS {
                return None;
            }
            let stats = NonNull::new((*dev).__bindgen_anon_2.tstats)?;
            Some(percpu::this_cpu_ptr(stats))
        }
    }

    /// Counts a packet received, if the device counts per CPU.
    #[inline]
    pub(crate) fn count_rx(&self, bytes: u64, bh: Bh<'_>) {
        if let Some(stats) = self.tstats(bh) {
            // SAFETY: The counters are this CPU's.
            unsafe {
                add(&raw mut (*stats).rx_packets, 1);
                add(&raw mut (*stats).rx_bytes, bytes);
            }
        }
    }

    /// Counts a packet sent, if the device counts per CPU.
    #[inline]
    pub(crate) fn count_tx(&self, bytes: u64, bh: Bh<'_>) {
        if let Some(stats) = self.tstats(bh) {
            // SAFETY: The counters are this CPU's.
            unsafe {
                add(&raw mut (*stats).tx_packets, 1);
                add(&raw mut (*stats).tx_bytes, bytes);
            }
        }
    }
}
