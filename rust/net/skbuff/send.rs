// SPDX-License-Identifier: GPL-2.0

//! Ways a packet leaves.

use super::{
    IpSummed,
    SkBuff, //
};
use crate::{
    bindings,
    net::{
        device::NetDevice,
        netlink::{
            self,
            GenlMsg, //
        }, //
    },
    sync::bh::Bh, //
};
use kernel::error::code::EINVAL;

impl SkBuff {
    /// The length of the network layer's part as the MTU of `dev` counts it: one VLAN tag is free.
    #[inline]
    pub(crate) fn mtu_len(&self, dev: &NetDevice) -> u32 {
        let len = self.len().saturating_sub(dev.hard_header_len().into());
        let tagged = self.vlan_tag().is_none()
            && matches!(
                u32::from(u16::from_be_bytes(self.protocol())),
                bindings::ETH_P_8021Q | bindings::ETH_P_8021AD
            );
        len.saturating_sub(if tagged { 4 } else { 0 })
    }

    /// Sends the packet out of `dev`, with whose link layer's header it starts.
    #[inline]
    pub(crate) fn transmit(self, dev: &NetDevice, _: Bh<'_>) {
        // SAFETY: The packet is ours to give, and the device is valid.
        unsafe { bindings::dev_transmit(self.into_raw(), dev.as_ptr()) };
    }

    /// Has the host receive the packet, which starts with its Ethernet header, from `dev`.
    ///
    /// The packet is counted. The device must be up.
    pub(crate) fn receive(mut self, dev: &NetDevice, bh: Bh<'_>) {
        self.drop_dst();
        self.reset_conntrack();
        let fields = self.fields_mut();
        fields.set_pkt_type(bindings::PACKET_HOST as u8);
        // SAFETY: The packet is ours, and the device is valid.
        let protocol = unsafe { bindings::eth_type_trans(self.as_ptr(), dev.as_ptr()) };
        self.fields_mut().protocol = protocol;
        if let IpSummed::Complete(_) = self.ip_summed() {
            // SAFETY: `eth_type_trans()` has pulled the Ethernet header: it is before the start.
            unsafe {
                bindings::skb_postpull_rcsum(
                    self.as_ptr(),
                    self.raw().data.sub(bindings::ETH_HLEN as usize).cast(),
                    bindings::ETH_HLEN,
                )
            };
        }
        dev.count_rx(self.len().into(), bh);
        // SAFETY: The packet is ours to give, with its device set by `eth_type_trans()`.
        unsafe { bindings::netif_rx_clean(self.into_raw()) };
    }

    /// How much of the packet is best copied when the rest can be shared.
    pub(crate) fn zerocopy_headlen(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::skb_zerocopy_headlen(self.as_ptr()) }
    }

    /// Puts the first `len` bytes in a message, as its last attribute.
    ///
    /// The first `headlen` are copied, and the rest is shared: `headlen` is `len`, or
    /// [`zerocopy_headlen`](Self::zerocopy_headlen) if that is less.
    pub(crate) fn put_into(
        &self,
        msg: &mut GenlMsg,
        kind: u32,
        len: u32,
        headlen: u32,
    ) -> Result<(), netlink::Error> {
        if len > self.len() {
            return Err(EINVAL.into());
        }
        // A packet that was nothing but an Ethernet header may have lost that. C's function for the
        // rest has a BUG_ON() for that.
        if len == 0 {
            return msg.put_bytes(kind, &[]);
        }
        // SAFETY: By the type invariant, since `self` is borrowed, and the packet is this long.
        unsafe { msg.put_packet(kind, self.as_ptr(), len, headlen) }
    }
}
