// SPDX-License-Identifier: GPL-2.0

//! Changing header fields of a packet: what the SET actions do.
//!
//! Each function gets the writable linear part of a packet from the header it changes on, changes
//! the bits that the mask has, keeps the checksums right in every offload state, and updates the
//! flow key to what the packet says then. A header that is not wholly there is left alone, as is
//! what the packet already says.

use super::{
    checksum::{
        self,
        State,
        Summed, //
    },
    key::{
        Be16,
        Be32,
        Key, //
    },
    uapi::{
        KeyEthernet,
        KeyIpv4,
        KeyIpv6,
        KeyPorts, //
    },
};

/// IP protocol numbers (`IPPROTO_*`, `NEXTHDR_*`).
mod proto {
    pub(super) const HOP: u8 = 0;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTH: u8 = 51;
    pub(super) const ICMPV6: u8 = 58;
    pub(super) const DEST: u8 = 60;
}

/// Where the checksum of a TCP header is.
const TCP_CHECK: usize = 16;
/// Where the checksum of a UDP header is.
const UDP_CHECK: usize = 6;
/// Where the checksum of an ICMPv6 header is.
const ICMPV6_CHECK: usize = 2;

/// What a checksum of zero, which says that there is none, is sent as (`CSUM_MANGLED_0`).
const MANGLED_ZERO: [u8; 2] = [0xff, 0xff];

/// The bits of `value` where `mask` has them, else those of `old`. In whole words: this is on the way
/// of packets.
#[inline]
fn merge4(old: &[u8; 4], value: &[u8; 4], mask: &[u8; 4]) -> [u8; 4] {
    let [old, value, mask] = [old, value, mask].map(|bytes| u32::from_ne_bytes(*bytes));
    ((value & mask) | (old & !mask)).to_ne_bytes()
}

/// [`merge4`] of an Ethernet address.
#[inline]
fn merge6(old: &[u8; 6], value: &[u8; 6], mask: &[u8; 6]) -> [u8; 6] {
    let [old, value, mask] =
        [old, value, mask].map(|&[a, b, c, d, e, f]| u64::from_ne_bytes([a, b, c, d, e, f, 0, 0]));
    let [a, b, c, d, e, f, _, _] = ((value & mask) | (old & !mask)).to_ne_bytes();
    [a, b, c, d, e, f]
}

/// [`merge4`] of an IPv6 address.
#[inline]
fn merge16(old: &[u8; 16], value: &[u8; 16], mask: &[u8; 16]) -> [u8; 16] {
    let [old, value, mask] = [old, value, mask].map(|bytes| u128::from_ne_bytes(*bytes));
    ((value & mask) | (old & !mask)).to_ne_bytes()
}

/// [`merge4`] of a byte.
#[inline]
const fn merge1(old: u8, value: u8, mask: u8) -> u8 {
    (value & mask) | (old & !mask)
}

/// `N` bytes of `packet` at `offset`.
fn at<const N: usize>(packet: &mut [u8], offset: usize) -> Option<&mut [u8; N]> {
    packet.get_mut(offset..)?.first_chunk_mut()
}

/// Sets Ethernet addresses. `packet` starts with the Ethernet header.
pub fn set_ethernet(
    packet: &mut [u8],
    state: &mut State,
    key: &mut Key,
    value: &KeyEthernet,
    mask: &KeyEthernet,
) {
    let Some(header) = at::<12>(packet, 0) else {
        return;
    };
    let old = *header;
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = old;
    let dst = merge6(&[d0, d1, d2, d3, d4, d5], &value.dst, &mask.dst);
    let src = merge6(&[s0, s1, s2, s3, s4, s5], &value.src, &mask.src);
    if let Some((to_dst, to_src)) = header.split_first_chunk_mut::<6>() {
        *to_dst = dst;
        to_src.copy_from_slice(&src);
    }
    state.replaced(&old, header);
    key.eth_dst = dst;
    key.eth_src = src;
}

/// Updates the transport checksum of a packet whose pseudo header changes from `from` to `to`.
///
/// `transport` starts with the header of protocol `l4_proto`, if that is there.
fn update_transport<const N: usize>(
    transport: &mut [u8],
    l4_proto: u8,
    state: &mut State,
    from: &[u8; N],
    to: &[u8; N],
) {
    let (header_len, offset) = match l4_proto {
        proto::TCP => (20, TCP_CHECK),
        proto::UDP => (8, UDP_CHECK),
        // That of IPv4 covers no addresses, whatever the number.
        proto::ICMPV6 if N == 16 => (8, ICMPV6_CHECK),
        _ => return,
    };
    if transport.len() < header_len {
        return;
    }
    let Some(check) = at::<2>(transport, offset) else {
        return;
    };
    let udp = l4_proto == proto::UDP;
    if udp && *check == [0; 2] && state.summed != Summed::Partial {
        return;
    }
    state.replace_in_pseudo_header(check, from, to);
    if udp && *check == [0; 2] {
        *check = MANGLED_ZERO;
    }
}

/// Sets fields of an IPv4 header. `packet` starts with it, and the transport header is at `l4`.
///
/// Returns whether an address changed.
pub fn set_ipv4(
    packet: &mut [u8],
    l4: usize,
    state: &mut State,
    key: &mut Key,
    value: &KeyIpv4,
    mask: &KeyIpv4,
) -> bool {
    const CHECK: usize = 10;
    let Some(&mut header) = at::<20>(packet, 0) else {
        return false;
    };
    let [_, tos, _, _, _, _, frag_high, frag_low, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        header;
    let later = u16::from_be_bytes([frag_high, frag_low]) & 0x1fff != 0;
    let mut changed = false;

    let mut set_address = |offset: usize, old: [u8; 4], value: Be32, mask: Be32| {
        if mask == Be32::ZERO {
            return None;
        }
        let new = merge4(&old, &value.to_bytes(), &mask.to_bytes());
        if new == old {
            return None;
        }
        if !later {
            let transport = packet.get_mut(l4..).unwrap_or_default();
            update_transport(transport, protocol, state, &old, &new);
        }
        *at(packet, offset)? = new;
        checksum::replace(at(packet, CHECK)?, &old, &new);
        changed = true;
        Some(Be32::from_bytes(new))
    };
    if let Some(src) = set_address(12, [s0, s1, s2, s3], value.src, mask.src) {
        key.ipv4_src = src;
    }
    if let Some(dst) = set_address(16, [d0, d1, d2, d3], value.dst, mask.dst) {
        key.ipv4_dst = dst;
    }

    // The checksum covers 16-bit words: each byte changes together with its neighbour.
    let mut set_word = |offset: usize, new: [u8; 2]| -> Option<()> {
        let word = at::<2>(packet, offset)?;
        let old = core::mem::replace(word, new);
        checksum::replace(at(packet, CHECK)?, &old, &new);
        Some(())
    };
    if mask.tos != 0 {
        let [version, _] = [header[0], tos];
        let new = merge1(tos, value.tos, mask.tos);
        if set_word(0, [version, new]).is_some() {
            key.ip_tos = new;
        }
    }
    if mask.ttl != 0 {
        let new = merge1(ttl, value.ttl, mask.ttl);
        if set_word(8, [new, protocol]).is_some() {
            key.ip_ttl = new;
        }
    }
    changed
}

/// Sets fields of an IPv6 header. `packet` starts with it, and the transport header is at `l4`.
///
/// Returns whether an address changed.
pub fn set_ipv6(
    packet: &mut [u8],
    l4: usize,
    state: &mut State,
    key: &mut Key,
    value: &KeyIpv6,
    mask: &KeyIpv6,
) -> bool {
    const SRC: usize = 8;
    const DST: usize = 24;
    if packet.len() < 40 {
        return false;
    }
    // The destination that the transport checksum covers is in the routing header, if there is one.
    let routed = has_routing_header(packet);
    let l4_proto = key.ip_proto;
    let mut changed = false;

    let mut set_address = |offset: usize, value: &[u8; 16], mask: &[u8; 16], covered: bool| {
        let old = *at::<16>(packet, offset)?;
        let new = merge16(&old, value, mask);
        if new == old {
            return None;
        }
        if covered && l4_proto != proto::FRAGMENT {
            let transport = packet.get_mut(l4..).unwrap_or_default();
            update_transport(transport, l4_proto, state, &old, &new);
        }
        *at(packet, offset)? = new;
        // Unlike IPv4's, the header has no checksum that would make up for the change.
        state.replaced(&old, &new);
        changed = true;
        Some(new)
    };
    if let Some(src) = set_address(SRC, &value.src, &mask.src, true) {
        key.ipv6_src = src;
    }
    if let Some(dst) = set_address(DST, &value.dst, &mask.dst, !routed) {
        key.ipv6_dst = dst;
    }

    if let Some(word) = at::<4>(packet, 0) {
        let old = *word;
        let first = u32::from_be_bytes(old);
        let bits = |tclass: u8, label: Be32| (u32::from(tclass) << 20) | (label.get() & 0xf_ffff);
        let mask = bits(mask.tclass, mask.label);
        if mask != 0 {
            let first = (bits(value.tclass, value.label) & mask) | (first & !mask);
            *word = first.to_be_bytes();
            let new = *word;
            state.replaced(&old, &new);
            key.ip_tos = (first >> 20) as u8;
            key.ipv6_label = Be32::new(first & 0xf_ffff);
        }
    }
    if mask.hlimit != 0 {
        if let Some(word) = at::<2>(packet, 6) {
            let old = *word;
            let [next, hlimit] = old;
            let new = merge1(hlimit, value.hlimit, mask.hlimit);
            *word = [next, new];
            state.replaced(&old, &[next, new]);
            key.ip_ttl = new;
        }
    }
    changed
}

/// Whether an IPv6 packet has a routing header with segments left.
fn has_routing_header(packet: &[u8]) -> bool {
    let mut next = packet.get(6).copied();
    let mut rest = packet.get(40..).unwrap_or_default();
    while let (Some(kind), [following, len, _, segments, ..]) = (next, rest) {
        let len = match kind {
            proto::ROUTING if *segments > 0 => return true,
            proto::HOP | proto::ROUTING | proto::DEST => (usize::from(*len).wrapping_add(1)) << 3,
            proto::AUTH => (usize::from(*len).wrapping_add(2)) << 2,
            proto::FRAGMENT => 8,
            _ => return false,
        };
        next = Some(*following);
        rest = rest.get(len..).unwrap_or_default();
    }
    false
}

/// Sets ports. `transport` starts with a TCP header.
///
/// Returns whether a port changed.
pub fn set_tcp(
    transport: &mut [u8],
    state: &State,
    key: &mut Key,
    value: &KeyPorts,
    mask: &KeyPorts,
) -> bool {
    set_ports(transport, state, key, value, mask, Some(TCP_CHECK), false)
}

/// Sets ports. `transport` starts with a UDP header.
///
/// Returns whether a port changed.
pub fn set_udp(
    transport: &mut [u8],
    state: &State,
    key: &mut Key,
    value: &KeyPorts,
    mask: &KeyPorts,
) -> bool {
    set_ports(transport, state, key, value, mask, Some(UDP_CHECK), true)
}

/// Sets ports, but not the checksum, which is that of all the packet. `transport` starts with an
/// SCTP header.
///
/// Returns whether a port changed.
pub fn set_sctp(
    transport: &mut [u8],
    state: &State,
    key: &mut Key,
    value: &KeyPorts,
    mask: &KeyPorts,
) -> bool {
    set_ports(transport, state, key, value, mask, None, false)
}

/// Sets the ports a transport header starts with. A checksum that is `optional` is not there when
/// it is zero.
fn set_ports(
    transport: &mut [u8],
    state: &State,
    key: &mut Key,
    value: &KeyPorts,
    mask: &KeyPorts,
    check: Option<usize>,
    optional: bool,
) -> bool {
    let ports = |key: &KeyPorts| zerocopy::transmute!(*key);
    let Some(header) = at::<4>(transport, 0) else {
        return false;
    };
    let old = *header;
    let new = merge4(&old, &ports(value), &ports(mask));
    if new == old {
        return false;
    }
    *header = new;
    if let Some(check) = check.and_then(|offset| at::<2>(transport, offset)) {
        if !(optional && *check == [0; 2]) {
            state.replace_in_packet(check, &old, &new);
            if optional && *check == [0; 2] {
                *check = MANGLED_ZERO;
            }
        }
    }
    let split =
        |[s0, s1, d0, d1]: [u8; 4]| [Be16::from_bytes([s0, s1]), Be16::from_bytes([d0, d1])];
    let ([old_src, old_dst], [src, dst]) = (split(old), split(new));
    // A port that stays is perhaps not in the key: those of a header that makes no sense are not.
    if src != old_src {
        key.tp_src = src;
    }
    if dst != old_dst {
        key.tp_dst = dst;
    }
    true
}

/// What became of the time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeToLive {
    /// It is one less.
    Decremented,
    /// It is at its end, and the header is as it was.
    Expired,
}

/// Decrements the time to live of the IPv4 header that `packet` starts with.
pub fn dec_ttl_ipv4(packet: &mut [u8], key: &mut Key) -> TimeToLive {
    const CHECK: usize = 10;
    let Some(word) = at::<2>(packet, 8) else {
        return TimeToLive::Expired;
    };
    let old = *word;
    let [ttl, protocol] = old;
    if ttl <= 1 {
        return TimeToLive::Expired;
    }
    let new = [ttl.wrapping_sub(1), protocol];
    *word = new;
    if let Some(check) = at(packet, CHECK) {
        checksum::replace(check, &old, &new);
    }
    key.ip_ttl = new[0];
    TimeToLive::Decremented
}

/// Decrements the hop limit of the IPv6 header that `packet` starts with.
pub fn dec_ttl_ipv6(packet: &mut [u8], state: &mut State, key: &mut Key) -> TimeToLive {
    let Some(word) = at::<2>(packet, 6) else {
        return TimeToLive::Expired;
    };
    let old = *word;
    let [next, hlimit] = old;
    if hlimit <= 1 {
        return TimeToLive::Expired;
    }
    let new = [next, hlimit.wrapping_sub(1)];
    *word = new;
    state.replaced(&old, &new);
    key.ip_ttl = new[1];
    TimeToLive::Decremented
}

/// Sets the outermost MPLS label stack entry. `packet` starts with it.
pub fn set_mpls(packet: &mut [u8], state: &mut State, key: &mut Key, value: Be32, mask: Be32) {
    if let Some(lse) = at::<4>(packet, 0) {
        let old = *lse;
        *lse = merge4(&old, &value.to_bytes(), &mask.to_bytes());
        let new = *lse;
        state.replaced(&old, &new);
        key.mpls_lse0 = Be32::from_bytes(new);
    }
}
