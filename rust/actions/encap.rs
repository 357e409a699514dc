// SPDX-License-Identifier: GPL-2.0

//! Actions that put a header before others, or take one off: MPLS, Ethernet and the Network Service
//! Header.
//!
//! What is behind the header is parsed when a later action needs it: the key is stale.

use super::{
    headers::{
        checksum,
        network,
        set_checksum, //
    },
    PacketKey, //
};
use crate::{
    net::skbuff::SkBuff,
    odp::{
        extract::Cold,
        headers::ethertype,
        key::{
            mac_proto,
            Be16,
            Be32, //
        },
        rewrite,
        uapi::KeyEthernet, //
    },
};
use kernel::prelude::*;

/// The type of a packet that is an Ethernet frame (`ETH_P_TEB`).
const TEB: [u8; 2] = [0x65, 0x58];

/// The length of an MPLS label stack entry, in bytes.
const MPLS_HLEN: usize = 4;

/// Prepares a packet for a header in front of those that it has.
///
/// It keeps the hash that it has now. The kernel's dissector does not see behind the new header: all
/// packets would have the same one, and go by the same queue, and the same way on from a tunnel.
fn prepare(skb: &mut SkBuff) -> Result {
    skb.get_hash();
    skb.share_headers()
}

/// Pushes an MPLS label stack entry: with `l3` behind the link layer's header, else in front of it.
pub(super) fn push_mpls(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    lse: Be32,
    eth_type: Be16,
    l3: bool,
) -> Result {
    prepare(skb)?;
    let mac_len = if l3 { skb.mac_len() } else { 0 };
    skb.mpls_push(lse.to_bytes(), eth_type.to_bytes(), mac_len, mac_len != 0)?;
    if mac_len == 0 {
        packet.key.mac_proto = mac_proto::NONE;
    }
    packet.stale = true;
    Ok(())
}

/// Pops an MPLS label stack entry.
pub(super) fn pop_mpls(skb: &mut SkBuff, packet: &mut PacketKey, eth_type: Be16) -> Result {
    let ethernet = packet.key.mac_proto == mac_proto::ETHERNET;
    skb.mpls_pop(eth_type.to_bytes(), ethernet)?;
    if eth_type.to_bytes() == TEB {
        packet.key.mac_proto = mac_proto::ETHERNET;
    }
    packet.stale = true;
    Ok(())
}

/// Sets the outermost MPLS label stack entry.
pub(super) fn set_mpls(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    value: Be32,
    mask: Be32,
) -> Result {
    let (network, eth_type) = network(skb).ok_or(EINVAL)?;
    // What was put in front of the label since the flow was looked up is none.
    if !ethertype::is_mpls(eth_type) {
        return Err(EINVAL);
    }
    skb.ensure_writable(network.saturating_add(MPLS_HLEN))?;
    let mut state = checksum(skb);
    let entry = skb.data_mut().get_mut(network..).ok_or(EINVAL)?;
    rewrite::set_mpls(entry, &mut state, &mut packet.key, value, mask);
    set_checksum(skb, state);
    // The label may be one that was pushed just now, and that a stale key does not have.
    packet.cold |= Cold::LINK_LAYER;
    Ok(())
}

/// Pushes an Ethernet header.
pub(super) fn push_eth(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    addresses: &KeyEthernet,
) -> Result {
    skb.share_headers()?;
    skb.eth_push(&addresses.dst, &addresses.src)?;
    packet.key.mac_proto = mac_proto::ETHERNET;
    packet.stale = true;
    Ok(())
}

/// Pops the Ethernet header.
pub(super) fn pop_eth(skb: &mut SkBuff, packet: &mut PacketKey) -> Result {
    skb.share_headers()?;
    skb.eth_pop()?;
    packet.key.mac_proto = mac_proto::NONE;
    packet.stale = true;
    Ok(())
}

/// Pushes a Network Service Header, given as it is on the wire.
pub(super) fn push_nsh(skb: &mut SkBuff, packet: &mut PacketKey, header: &[u8]) -> Result {
    prepare(skb)?;
    skb.nsh_push(header)?;
    packet.key.mac_proto = mac_proto::NONE;
    packet.stale = true;
    Ok(())
}

/// Pops the Network Service Header.
pub(super) fn pop_nsh(skb: &mut SkBuff, packet: &mut PacketKey) -> Result {
    skb.nsh_pop()?;
    packet.key.mac_proto = match skb.protocol() {
        TEB => mac_proto::ETHERNET,
        _ => mac_proto::NONE,
    };
    packet.stale = true;
    Ok(())
}
