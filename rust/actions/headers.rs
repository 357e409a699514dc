// SPDX-License-Identifier: GPL-2.0

//! Actions that change a packet's headers.

use super::PacketKey;
use crate::{
    datapath::receive,
    net::skbuff::{
        IpSummed,
        SkBuff,
        Tag, //
    },
    odp::{
        checksum::{
            State,
            Sum,
            Summed, //
        },
        headers::ethertype,
        key::{
            Vlan,
            VLAN_TAG_PRESENT, //
        },
        rewrite::{
            self,
            TimeToLive, //
        },
        uapi::{
            KeyEthernet,
            KeyIpv4,
            KeyIpv6,
            KeyPorts, //
        },
    },
};
use kernel::prelude::*;

/// The length of an Ethernet address, in bytes.
const ETH_ALEN: usize = 6;
/// The length of an Ethernet header, in bytes.
const ETH_HLEN: usize = 14;
/// The length of a VLAN tag, in bytes.
const VLAN_HLEN: usize = 4;
/// The length of an IPv4 header without options, in bytes.
const IPV4_HLEN: usize = 20;
/// The length of an IPv6 header, in bytes, which is more than that of IPv4 without options.
const IPV6_HLEN: usize = 40;
/// The length of a TCP header without options, in bytes.
const TCP_HLEN: usize = 20;
/// The length of a UDP header, in bytes.
const UDP_HLEN: usize = 8;
/// The length of the header of an SCTP packet, in bytes.
const SCTP_HLEN: usize = 12;
/// The most bytes of a transport header that an action changes.
const TRANSPORT_HLEN: usize = TCP_HLEN;

/// Brings a stale key up to date with the packet.
pub(super) fn refresh(skb: &mut SkBuff, packet: &mut PacketKey) -> Result {
    if packet.stale {
        receive::update_key(skb, packet)?;
    }
    Ok(())
}

/// Pushes a VLAN tag.
pub(super) fn push_vlan(skb: &mut SkBuff, packet: &mut PacketKey, vlan: Vlan) -> Result {
    skb.share_headers()?;
    if skb.vlan_tag().is_some() {
        packet.stale = true;
    } else {
        packet.key.vlan = vlan;
    }
    let pushed = skb.vlan_push(Tag {
        tpid: vlan.tpid.to_bytes(),
        tci: vlan.tci.get() & !VLAN_TAG_PRESENT,
    });
    skb.reset_mac_len();
    pushed
}

/// Pops the outermost VLAN tag.
pub(super) fn pop_vlan(skb: &mut SkBuff, packet: &mut PacketKey) -> Result {
    let popped = skb.vlan_pop();
    if skb.vlan_tag().is_some() {
        packet.stale = true;
    } else {
        packet.key.vlan = Vlan::default();
    }
    popped
}

/// What is known of a packet's checksum.
pub(super) fn checksum(skb: &SkBuff) -> State {
    let (summed, csum) = match skb.ip_summed() {
        IpSummed::None | IpSummed::Unnecessary => (Summed::No, 0),
        IpSummed::Complete(csum) => (Summed::Complete, csum),
        IpSummed::Partial => (Summed::Partial, 0),
    };
    State {
        summed,
        csum: Sum(csum),
    }
}

/// Tells a packet the sum it has after a change.
pub(super) fn set_checksum(skb: &mut SkBuff, state: State) {
    if state.summed == Summed::Complete {
        skb.set_complete(state.csum.0);
    }
}

/// Sets Ethernet addresses.
pub(super) fn set_ethernet(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: &KeyEthernet,
    mask: &KeyEthernet,
) -> Result {
    skb.ensure_writable(ETH_HLEN)?;
    let mut state = checksum(skb);
    rewrite::set_ethernet(skb.data_mut(), &mut state, &mut packet.key, value, mask);
    set_checksum(skb, state);
    Ok(())
}

/// Where the network header is, from the start of the packet: behind all VLAN tags in the frame. And
/// its ethertype.
///
/// The packet itself does not always know: when a tag is pushed while there is one beside the frame,
/// that one goes into the frame, and becomes what the packet takes for its network header.
#[inline]
pub(super) fn network(skb: &SkBuff) -> Option<(usize, u16)> {
    let eth_type = u16::from_be_bytes(skb.protocol());
    if ethertype::is_vlan(eth_type) {
        return behind_tags(skb);
    }
    Some((skb.network_offset()?, eth_type))
}

/// The rest of [`network`] for a frame with tags.
#[cold]
fn behind_tags(skb: &SkBuff) -> Option<(usize, u16)> {
    let mut rest = skb.data().get(2 * ETH_ALEN..)?;
    let mut offset = ETH_HLEN;
    while let [high, low, _, _, tail @ ..] = rest {
        let eth_type = u16::from_be_bytes([*high, *low]);
        if !ethertype::is_vlan(eth_type) {
            return Some((offset, eth_type));
        }
        offset = offset.checked_add(VLAN_HLEN)?;
        rest = tail;
    }
    None
}

/// Makes the network header and the part of the transport header that a SET action may change
/// writable, and tells where they are, from the start of the packet.
///
/// Fails if the packet ends before `network_len` bytes of the one or `transport_len` of the other;
/// one of these is zero.
fn writable(skb: &mut SkBuff, network_len: usize, transport_len: usize) -> Result<(usize, usize)> {
    let (network, _) = network(skb).ok_or(EINVAL)?;
    let transport = skb.transport_offset().unwrap_or(network).max(network);
    let wanted = transport
        .saturating_add(TRANSPORT_HLEN)
        .max(network.saturating_add(IPV6_HLEN));
    let needed = match transport_len {
        // What tells where the transport header is may be cut off by now, or wrong.
        0 => network.saturating_add(network_len),
        _ => transport.saturating_add(transport_len),
    };
    skb.ensure_writable(wanted.min(skb.headlen()).max(needed))?;
    Ok((network, transport))
}

/// Forgets what is known of a packet whose addresses or ports have changed.
fn forget(skb: &mut SkBuff) {
    skb.clear_hash();
    skb.reset_conntrack();
}

/// Decrements the time to live of an IPv4 packet, or the hop limit of an IPv6 packet.
///
/// Any other packet is left alone.
pub(super) fn dec_ttl(skb: &mut SkBuff, packet: &mut PacketKey) -> Result<TimeToLive> {
    let (len, ipv6) = match u16::from_be_bytes(skb.protocol()) {
        ethertype::IPV4 => (IPV4_HLEN, false),
        ethertype::IPV6 => (IPV6_HLEN, true),
        _ => return Ok(TimeToLive::Decremented),
    };
    let network = skb.network_offset().ok_or(EINVAL)?;
    skb.share_headers()?;
    skb.ensure_writable(network.saturating_add(len))?;
    let mut state = checksum(skb);
    let header = skb.data_mut().get_mut(network..).ok_or(EINVAL)?;
    let outcome = if ipv6 {
        rewrite::dec_ttl_ipv6(header, &mut state, &mut packet.key)
    } else {
        rewrite::dec_ttl_ipv4(header, &mut packet.key)
    };
    set_checksum(skb, state);
    Ok(outcome)
}

/// Forgets the connection of a packet, also in its key.
pub(super) fn clear_conntrack(skb: &mut SkBuff, packet: &mut PacketKey) {
    skb.reset_conntrack();
    let key = &mut packet.key;
    key.ct_state = 0;
    key.ct_mark = 0;
    key.ct_orig_proto = 0;
    packet.cold.clear_conntrack(key);
}

/// Sets fields of the IPv4 header.
pub(super) fn set_ipv4(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: &KeyIpv4,
    mask: &KeyIpv4,
) -> Result {
    skb.share_headers()?;
    let (network, transport) = writable(skb, IPV4_HLEN, 0)?;
    let mut state = checksum(skb);
    let headers = skb.data_mut().get_mut(network..).ok_or(EINVAL)?;
    let l4 = transport.saturating_sub(network);
    let changed = rewrite::set_ipv4(headers, l4, &mut state, &mut packet.key, value, mask);
    set_checksum(skb, state);
    if changed {
        forget(skb);
    }
    Ok(())
}

/// Sets fields of the IPv6 header.
pub(super) fn set_ipv6(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: &KeyIpv6,
    mask: &KeyIpv6,
) -> Result {
    skb.share_headers()?;
    let (network, transport) = writable(skb, IPV6_HLEN, 0)?;
    let mut state = checksum(skb);
    let headers = skb.data_mut().get_mut(network..).ok_or(EINVAL)?;
    let l4 = transport.saturating_sub(network);
    let changed = rewrite::set_ipv6(headers, l4, &mut state, &mut packet.key, value, mask);
    set_checksum(skb, state);
    if changed {
        forget(skb);
    }
    Ok(())
}

/// Sets ports of the TCP header.
pub(super) fn set_tcp(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: &KeyPorts,
    mask: &KeyPorts,
) -> Result {
    let (_, transport) = writable(skb, 0, TCP_HLEN)?;
    let state = checksum(skb);
    let header = skb.data_mut().get_mut(transport..).ok_or(EINVAL)?;
    if rewrite::set_tcp(header, &state, &mut packet.key, value, mask) {
        forget(skb);
    }
    Ok(())
}

/// Sets ports of the UDP header.
pub(super) fn set_udp(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: &KeyPorts,
    mask: &KeyPorts,
) -> Result {
    let (_, transport) = writable(skb, 0, UDP_HLEN)?;
    let state = checksum(skb);
    let header = skb.data_mut().get_mut(transport..).ok_or(EINVAL)?;
    if rewrite::set_udp(header, &state, &mut packet.key, value, mask) {
        forget(skb);
    }
    Ok(())
}

/// Sets ports of the SCTP header.
///
/// The checksum covers the whole packet. One that was wrong stays wrong, by the same bits.
pub(super) fn set_sctp(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: &KeyPorts,
    mask: &KeyPorts,
) -> Result {
    /// Where the checksum is in the header.
    const CHECK: usize = 8;

    let (_, transport) = writable(skb, 0, SCTP_HLEN)?;
    let before = skb.sctp_checksum(transport);
    let state = checksum(skb);
    let header = skb.data_mut().get_mut(transport..).ok_or(EINVAL)?;
    if rewrite::set_sctp(header, &state, &mut packet.key, value, mask) {
        let after = skb.sctp_checksum(transport);
        let header = skb.data_mut().get_mut(transport..).ok_or(EINVAL)?;
        let check: &mut [u8; 4] = header
            .get_mut(CHECK..)
            .and_then(|rest| rest.first_chunk_mut())
            .ok_or(EINVAL)?;
        *check = (u32::from_ne_bytes(*check) ^ before ^ after).to_ne_bytes();
        forget(skb);
    }
    Ok(())
}
