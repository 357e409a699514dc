// SPDX-License-Identifier: GPL-2.0

//! Sampled packets for collectors in user space.
//!
//! C header: [`include/net/psample.h`](srctree/include/net/psample.h)

use super::{
    namespace::Net,
    skbuff::SkBuff, //
};
use crate::bindings;

/// Whether the kernel can sample packets.
pub(crate) const AVAILABLE: bool = cfg!(CONFIG_PSAMPLE);

/// What a collector is told of a packet.
pub(crate) struct Sample<'a> {
    /// The group of collectors.
    pub(crate) group: u32,
    /// How likely it was that the packet was sampled, of 2^32 - 1.
    pub(crate) probability: u32,
    /// The interface index of the device that the packet came in by.
    pub(crate) in_ifindex: i32,
    /// How many bytes of the packet the collector gets at most.
    pub(crate) trunc_size: u32,
    /// What the collector knows the reason by; may be empty.
    pub(crate) cookie: &'a [u8],
}

impl Sample<'_> {
    /// Sends the packet to all collectors of the group in `net`. It stays as it is.
    pub(crate) fn send(&self, net: &Net, skb: &SkBuff) {
        // SAFETY: Namespace and packet are valid, and the cookie is as long as is said.
        unsafe {
            bindings::psample_send(
                net.as_ptr(),
                skb.as_ptr(),
                self.group,
                self.probability,
                self.in_ifindex,
                self.trunc_size,
                self.cookie.as_ptr(),
                self.cookie.len() as u32,
            )
        };
    }
}
