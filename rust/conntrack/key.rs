// SPDX-License-Identifier: GPL-2.0

//! What a key tells of a connection.

use crate::{
    actions::PacketKey,
    net::{
        conntrack::{
            Connection,
            Info,
            Labels,
            Manip,
            Version, //
        },
        skbuff::SkBuff,
        tc::Tracked, //
    },
    odp::{
        extract::Cold,
        headers::{
            ethertype,
            ipproto,
            Ipv4,
            Ipv6, //
        },
        key::{
            Be16,
            Be32, //
        },
        uapi::ct_state,
        Key, //
    },
};
use zerocopy::FromBytes;

/// The state of a connection as a packet sees it, without that of NAT.
#[inline]
fn state(ct: Connection<'_>) -> u8 {
    let mut state = ct_state::TRACKED
        | match ct.info() {
            Some(Info::New) => ct_state::NEW,
            Some(Info::Established) => ct_state::ESTABLISHED,
            Some(Info::EstablishedReply) => ct_state::ESTABLISHED | ct_state::REPLY_DIR,
            Some(Info::Related) => ct_state::RELATED,
            Some(Info::RelatedReply) => ct_state::RELATED | ct_state::REPLY_DIR,
            None => 0,
        };
    if !ct.is_confirmed() {
        state |= ct_state::NEW;
    }
    // Once related, always related.
    if ct.master().is_some() {
        state |= ct_state::RELATED;
    }
    state
}

/// Fills in a key, in which nothing of connection tracking is set, for a packet that came in and may
/// have a connection already: the local stack sends such, and tc, which tells what it has done.
#[inline]
pub(crate) fn received(skb: &SkBuff, packet: &mut PacketKey, by_tc: Option<&Tracked>) {
    match (skb.connection(), by_tc) {
        (Some(ct), by_tc) => received_with(ct, by_tc, packet),
        (None, Some(by_tc)) => invalid(packet, by_tc.zone),
        (None, None) => (),
    }
}

#[cold]
fn received_with(ct: Connection<'_>, by_tc: Option<&Tracked>, packet: &mut PacketKey) {
    let mut state = state(ct);
    if ct.has_source_nat() && by_tc.is_none_or(|by_tc| by_tc.source_nat) {
        state |= ct_state::SRC_NAT;
    }
    if ct.has_destination_nat() && by_tc.is_none_or(|by_tc| by_tc.destination_nat) {
        state |= ct_state::DST_NAT;
    }
    fill(ct, state, packet);
}

/// Brings a key up to date with what connection tracking has found in a zone.
///
/// Nothing of the packet was translated yet in this zone.
pub(super) fn tracked(skb: &SkBuff, packet: &mut PacketKey, zone: u16) {
    packet.cold.clear_conntrack(&mut packet.key);
    match skb.connection() {
        Some(ct) => fill(ct, state(ct), packet),
        None => invalid(packet, zone),
    }
}

/// Fills in a key, in which the rare fields of connection tracking are zero, for a packet that was
/// tracked in a zone and got no connection.
#[inline]
fn invalid(packet: &mut PacketKey, zone: u16) {
    let PacketKey { key, cold, .. } = packet;
    key.ct_state = ct_state::TRACKED | ct_state::INVALID;
    key.ct_mark = 0;
    key.ct_orig_proto = 0;
    key.ct_zone = zone;
    *cold |= Cold::CT;
}

/// Fills in a key in which the rare fields of connection tracking are zero.
#[inline]
fn fill(ct: Connection<'_>, state: u8, packet: &mut PacketKey) {
    let PacketKey { key, cold, .. } = packet;
    key.ct_state = state;
    key.ct_mark = ct.mark();
    key.ct_zone = ct.zone();
    *cold |= Cold::CT;
    // One that is not committed has the labels that it will have then.
    let labelled = match ct.master() {
        Some(master) if !ct.is_confirmed() => master,
        _ => ct,
    };
    if let Some(labels) = labelled.labels() {
        key.ct_labels = labels;
    }
    fill_original(ct.master().unwrap_or(ct), key, cold);
}

/// Fills in the original direction of a connection, or of that which led to it, if that is of the
/// version of IP of the packet.
#[inline]
fn fill_original(ct: Connection<'_>, key: &mut Key, cold: &mut Cold) {
    let original = ct.original();
    let icmp = match (ct.version(), key.eth_type.get()) {
        (Some(Version::V4), ethertype::IPV4) => {
            let [src, dst] = original.ipv4();
            key.ct_orig_ipv4_src = Be32::from_bytes(src);
            key.ct_orig_ipv4_dst = Be32::from_bytes(dst);
            ipproto::ICMP
        }
        // Neighbour discovery has no room for it.
        (Some(Version::V6), ethertype::IPV6) if !key.is_nd() => {
            let [src, dst] = original.ipv6();
            key.ct_orig_ipv6_src = src;
            key.ct_orig_ipv6_dst = dst;
            *cold |= Cold::CT_IPV6;
            ipproto::ICMPV6
        }
        _ => {
            key.ct_orig_proto = 0;
            return;
        }
    };
    key.ct_orig_proto = original.protocol();
    [key.ct_orig_tp_src, key.ct_orig_tp_dst] = if original.protocol() == icmp {
        original.icmp().map(|field| Be16::new(field.into()))
    } else {
        original.ports().map(Be16::from_bytes)
    };
}

/// Writes labels that were set.
pub(super) fn set_labels(packet: &mut PacketKey, labels: Labels) {
    packet.key.ct_labels = labels;
    packet.cold |= Cold::CT;
}

/// Brings the addresses and ports of a key up to date with those of a packet that was translated.
pub(super) fn translated(skb: &SkBuff, key: &mut Key, done: Manip) {
    let header = skb.data();
    let mut v4 = None;
    let mut v6 = None;
    match key.eth_type.get() {
        ethertype::IPV4 => v4 = Ipv4::ref_from_prefix(header).ok(),
        ethertype::IPV6 => v6 = Ipv6::ref_from_prefix(header).ok(),
        _ => (),
    }
    let ports = match key.ip_proto {
        ipproto::TCP | ipproto::UDP | ipproto::SCTP => skb
            .transport_offset()
            .and_then(|at| <[Be16; 2]>::ref_from_prefix(header.get(at..)?).ok()),
        _ => None,
    };
    if done.source {
        key.ct_state |= ct_state::SRC_NAT;
        if let Some((ip, _)) = v4 {
            key.ipv4_src = ip.src;
        }
        if let Some((ip, _)) = v6 {
            key.ipv6_src = ip.src;
        }
        if let Some(([src, _], _)) = ports {
            key.tp_src = *src;
        }
    }
    if done.destination {
        key.ct_state |= ct_state::DST_NAT;
        if let Some((ip, _)) = v4 {
            key.ipv4_dst = ip.dst;
        }
        if let Some((ip, _)) = v6 {
            key.ipv6_dst = ip.dst;
        }
        if let Some(([_, dst], _)) = ports {
            key.tp_dst = *dst;
        }
    }
}
