// SPDX-License-Identifier: GPL-2.0

//! From a packet to its flow key.
//!
//! Corresponds to `ovs_flow_key_extract()` and its relatives in the C module, and accepts, refuses
//! and truncates the same packets. This runs for every packet, so it asks for headers in as few
//! pieces as the protocols allow, puts the fields together to whole words before it stores them,
//! and touches the rarely used words of a key only when something is or was in them: see [`Cold`].
//!
//! Nothing here changes the packet, but the caller must afterwards: the outermost VLAN tag of a
//! frame belongs beside the frame ([`Layout::untag`]), and the header offsets belong in the
//! `sk_buff`.

mod ipv6;
mod link;
mod network;

use super::error::Errno;
use super::key::{
    Be16,
    Be32,
    Key,
    Vlan,
    BASE_WORDS, //
};
use core::ops::{
    BitOr,
    BitOrAssign,
    Range, //
};
use link::Link;
use network::Network;
use zerocopy::{
    FromBytes,
    Immutable,
    KnownLayout,
    Unaligned, //
};

/// The bytes of a packet, of which some may not lie in one piece (a `struct sk_buff`).
///
/// Offsets count from the first byte of the packet: of the Ethernet header, or of the network
/// header when there is none. All methods should be small enough to be inlined.
pub trait Packet {
    /// The length of the packet in bytes.
    fn len(&self) -> usize;

    /// Whether there is not a single byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Brings `len` bytes from `offset` on, and all before them, into one piece and returns them.
    ///
    /// `None` when the packet is shorter, or when there is no memory to rearrange it.
    fn header(&mut self, offset: usize, len: usize) -> Option<&[u8]>;

    /// Copies `N` bytes from `offset` on, without moving what is not in one piece.
    ///
    /// For walks through a packet that an attacker may make long. `None` when the packet is
    /// shorter.
    fn peek<const N: usize>(&mut self, offset: usize) -> Option<[u8; N]> {
        self.header(offset, N)?.first_chunk().copied()
    }
}

impl Packet for &[u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline]
    fn header(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        self.get(offset..)?.get(..len)
    }
}

/// What an `sk_buff` knows of its packet beside the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The VLAN tag beside the frame (`vlan_proto` and `vlan_tci`).
    pub vlan: Option<Vlan>,
    /// What a packet without an Ethernet header starts with (`protocol`); else not used.
    pub protocol: Be16,
    /// The packet is to be split into IP fragments (`SKB_GSO_UDP`).
    pub udp_fragments: bool,
}

/// What a key says of a packet that is not in its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The port it came in by, or [`PORT_NONE`](super::key::PORT_NONE).
    pub in_port: u16,
    /// The recirculation id to start with, usually zero.
    pub recirc_id: u32,
    /// `skb->priority`.
    pub priority: u32,
    /// `skb->mark`.
    pub skb_mark: u32,
    /// One of [`mac_proto`](super::key::mac_proto).
    pub mac_proto: u8,
    /// For a packet out of a tunnel, the value of [`Key::tun_proto`]; the caller has then filled in
    /// [`Key::tun`] already. Zero for any other packet; [`Key::tun`] will then be zeroed.
    pub tun_proto: u8,
    /// What else the `sk_buff` knows.
    pub hints: Hints,
}

/// Where the headers of a packet are, for the `sk_buff`.
///
/// Offsets count from the first byte of the packet as it was given, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The network header: also the length of all before it (`mac_len`).
    pub network: usize,
    /// The transport header, when it is to be set: it stays as it was when this is `None`.
    pub transport: Option<usize>,
    /// The bottom of an MPLS stack (`inner_network_header`), when it is to be set.
    pub inner_network: Option<usize>,
    /// What [`network`](Layout::network) points to (`protocol`): [`Key::eth_type`], or with two
    /// VLAN tags the ethertype of the inner one.
    pub protocol: Be16,
    /// The outermost VLAN tag is in the frame. It must be taken out from behind the addresses and
    /// put beside the frame; the headers then are where [`Layout::untagged`] says.
    pub untag: bool,
}

impl Layout {
    /// The layout of the packet when the outermost VLAN tag has been taken out.
    pub fn untagged(self) -> Self {
        if !self.untag {
            return self;
        }
        let less = |offset: usize| offset.saturating_sub(4);
        Self {
            network: less(self.network),
            transport: self.transport.map(less),
            inner_network: self.inner_network.map(less),
            protocol: self.protocol,
            untag: false,
        }
    }
}

/// Why a packet has no key. It must be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtractError {
    /// It makes no sense: no whole Ethernet header, a bad Network Service Header, or a VLAN tag
    /// where a network header must be.
    Invalid,
    /// There was no memory to bring its headers into one piece.
    NoMemory,
}

impl ExtractError {
    /// The error number of it.
    pub const fn errno(self) -> Errno {
        match self {
            Self::Invalid => Errno::EINVAL,
            Self::NoMemory => Errno::ENOMEM,
        }
    }
}

/// Which of the rarely used words of a key may be other than zero.
///
/// A key that is used for one packet after the other comes with one of these. Whoever changes such
/// a key in between adds what he changed, or just [`Cold::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, zerocopy_derive::FromBytes)]
#[repr(transparent)]
pub struct Cold(u8);

impl Cold {
    /// None of them: [`Key::ZERO`].
    pub const NONE: Self = Self(0);
    /// Any of them: a key nothing is known of.
    pub const ALL: Self = Self(0xff);
    /// Connection tracking: zone, labels, and the original direction's ports and IPv4 addresses.
    pub const CT: Self = Self(1 << 0);
    /// IPv6 addresses.
    pub const IPV6: Self = Self(1 << 1);
    /// The target of a neighbour discovery message.
    pub const ND_TARGET: Self = Self(1 << 2);
    /// Link-layer addresses of neighbour discovery and ARP, and the first MPLS label.
    pub const LINK_LAYER: Self = Self(1 << 3);
    /// The other MPLS labels and their number.
    pub const MPLS: Self = Self(1 << 4);
    /// The IPv6 addresses of a connection's original direction.
    pub const CT_IPV6: Self = Self(1 << 5);
    /// The Network Service Header.
    pub const NSH: Self = Self(1 << 6);
    /// The tunnel.
    pub const TUNNEL: Self = Self(1 << 7);

    /// What comes from the headers of the packet itself.
    const HEADERS: Self =
        Self(Self::IPV6.0 | Self::ND_TARGET.0 | Self::LINK_LAYER.0 | Self::MPLS.0 | Self::NSH.0);

    /// Each group with its words.
    const GROUPS: [(Self, Range<usize>); 7] = [
        (Self::CT, 9..13),
        (Self::IPV6, 13..17),
        (Self::ND_TARGET, 17..19),
        (Self::LINK_LAYER, 19..21),
        (Self::MPLS, 21..23),
        (Self::CT_IPV6, 23..27),
        (Self::NSH, 27..BASE_WORDS),
    ];

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Zeroes these words of `key`.
    #[inline]
    fn clear(self, key: &mut Key) {
        if self != Self::NONE {
            self.clear_some(key);
        }
    }

    /// Zeroes what a key has of connection tracking in these words.
    pub fn clear_conntrack(&mut self, key: &mut Key) {
        let conntrack = Self::CT | Self::CT_IPV6;
        self.only(conntrack).clear(key);
        *self = self.without(conntrack);
    }

    fn clear_some(self, key: &mut Key) {
        for (group, words) in Self::GROUPS {
            if self.has(group) {
                if let Some(words) = key.words_mut().get_mut(words) {
                    words.fill(0);
                }
            }
        }
        if self.has(Self::TUNNEL) {
            if let Some(words) = key.words_mut().get_mut(BASE_WORDS..) {
                words.fill(0);
            }
        }
    }
}

impl BitOr for Cold {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Cold {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The header of type `T` at `offset`.
#[inline(always)]
fn header<T, P>(packet: &mut P, offset: usize) -> Option<&T>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
    P: Packet,
{
    T::ref_from_bytes(packet.header(offset, size_of::<T>())?).ok()
}

/// Like [`header`], but tells a packet that is too short from a lack of memory.
#[inline(always)]
fn need<T, P>(packet: &mut P, offset: usize) -> Result<&T, ExtractError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
    P: Packet,
{
    if packet.len().saturating_sub(offset) < size_of::<T>() {
        return Err(ExtractError::Invalid);
    }
    header(packet, offset).ok_or(ExtractError::NoMemory)
}

/// What four bytes in memory are as an integer, from the integers that each two of them are.
#[inline(always)]
const fn join16(first: u16, second: u16) -> u32 {
    if cfg!(target_endian = "little") {
        first as u32 | ((second as u32) << 16)
    } else {
        ((first as u32) << 16) | second as u32
    }
}

/// What eight bytes in memory are as an integer, from the integers that each four of them are.
#[inline(always)]
const fn join32(first: u32, second: u32) -> u64 {
    if cfg!(target_endian = "little") {
        first as u64 | ((second as u64) << 32)
    } else {
        ((first as u64) << 32) | second as u64
    }
}

/// What the two bytes of `value` in memory are as an integer.
#[inline(always)]
fn raw16(value: Be16) -> u16 {
    u16::from_ne_bytes(value.to_bytes())
}

/// What the four bytes of `value` in memory are as an integer.
#[inline(always)]
fn raw32(value: Be32) -> u32 {
    u32::from_ne_bytes(value.to_bytes())
}

/// The fields of words 0 and 1 that no header tells.
struct Kept {
    recirc_id: u32,
    in_port: u16,
    mac_proto: u8,
    tun_proto: u8,
    ct_state: u8,
    ct_orig_proto: u8,
}

impl Kept {
    fn of(key: &Key) -> Self {
        Self {
            recirc_id: key.recirc_id,
            in_port: key.in_port,
            mac_proto: key.mac_proto,
            tun_proto: key.tun_proto,
            ct_state: key.ct_state,
            ct_orig_proto: key.ct_orig_proto,
        }
    }
}

/// Words 0 to 6 of a key.
///
/// Whole words, because the lookup reads words soon after, and a read that spans several writes
/// waits until they have left the store buffer.
#[inline(always)]
fn words(kept: &Kept, link: &Link, network: &Network) -> [u64; 7] {
    let pair = |first, second| u16::from_ne_bytes([first, second]);
    [
        join32(kept.recirc_id, join16(kept.in_port, raw16(link.eth_type))),
        join32(
            join16(
                pair(network.proto, network.frag),
                pair(network.tos, network.ttl),
            ),
            join16(
                pair(kept.mac_proto, kept.tun_proto),
                pair(kept.ct_state, kept.ct_orig_proto),
            ),
        ),
        link.addresses,
        join32(link.addresses_end, link.vlan),
        join32(
            join16(raw16(network.tcp_flags), network.exthdrs),
            raw32(network.label),
        ),
        network.ipv4,
        join32(network.ports, link.cvlan),
    ]
}

/// Stores the first words of a key.
#[inline(always)]
fn store<const N: usize>(key: &mut Key, words: [u64; N]) {
    if let Some(to) = key.words_mut().first_chunk_mut() {
        *to = words;
    }
}

/// Fills `key` from a packet that has just come in.
///
/// `cold` says what may be left in `key` from the packet before, and on return what is in it now.
/// Every field that does not apply is zeroed. The fields of connection tracking are among these:
/// the caller sets them afterwards, since some depend on the others.
///
/// # Errors
///
/// The packet must be dropped; `key` then is in no particular state, and `cold` says so.
#[inline]
pub fn extract<P: Packet>(
    key: &mut Key,
    cold: &mut Cold,
    packet: &mut P,
    meta: &Metadata,
) -> Result<Layout, ExtractError> {
    let stale = core::mem::replace(cold, Cold::ALL);
    let link = Link::parse(packet, meta.mac_proto, &meta.hints)?;
    let network = Network::parse(packet, &link, meta.hints.udp_fragments, key)?;
    let used = match meta.tun_proto {
        0 => network.used,
        _ => network.used | Cold::TUNNEL,
    };
    let kept = Kept {
        recirc_id: meta.recirc_id,
        in_port: meta.in_port,
        mac_proto: meta.mac_proto,
        tun_proto: meta.tun_proto,
        ct_state: 0,
        ct_orig_proto: 0,
    };
    let [w0, w1, w2, w3, w4, w5, w6] = words(&kept, &link, &network);
    let w7 = join32(meta.priority, meta.skb_mark);
    store(key, [w0, w1, w2, w3, w4, w5, w6, w7, 0]);
    stale.without(used).clear(key);
    *cold = used;
    Ok(layout(&link, &network))
}

/// Fills in again what the headers tell, after actions have changed the packet.
///
/// Metadata, tunnel and connection tracking stay. Corresponds to `ovs_flow_key_update()`; with a
/// key that holds nothing but metadata it serves packets from user space too, as
/// `ovs_flow_key_extract_userspace()` does.
///
/// # Errors
///
/// As [`extract`].
pub fn update<P: Packet>(
    key: &mut Key,
    cold: &mut Cold,
    packet: &mut P,
    hints: &Hints,
) -> Result<Layout, ExtractError> {
    let link = Link::parse(packet, key.mac_proto, hints)?;
    update_network(key, cold, packet, &link, hints.udp_fragments)
}

/// Fills in again what the network header and those after it tell.
///
/// `network` is the offset of the network header, whose type [`Key::eth_type`] tells. Corresponds
/// to `ovs_flow_key_update_l3l4()`.
///
/// # Errors
///
/// As [`extract`].
pub fn update_l3l4<P: Packet>(
    key: &mut Key,
    cold: &mut Cold,
    packet: &mut P,
    network: usize,
    udp_fragments: bool,
) -> Result<Layout, ExtractError> {
    let link = Link::of(key, network);
    update_network(key, cold, packet, &link, udp_fragments)
}

fn update_network<P: Packet>(
    key: &mut Key,
    cold: &mut Cold,
    packet: &mut P,
    link: &Link,
    udp_fragments: bool,
) -> Result<Layout, ExtractError> {
    let stale = core::mem::replace(cold, Cold::ALL);
    let network = Network::parse(packet, link, udp_fragments, key)?;
    store(key, words(&Kept::of(key), link, &network));
    stale.only(Cold::HEADERS).without(network.used).clear(key);
    *cold = stale.without(Cold::HEADERS) | network.used;
    Ok(layout(link, &network))
}

#[inline(always)]
fn layout(link: &Link, network: &Network) -> Layout {
    Layout {
        network: link.len,
        transport: network.transport,
        inner_network: network.inner,
        protocol: link.protocol,
        untag: link.untag,
    }
}

const _: () = {
    use core::mem::offset_of;
    // What `words()` and `Cold` know of the key's layout.
    assert!(offset_of!(Key, recirc_id) == 0 && offset_of!(Key, eth_type) == 6);
    assert!(offset_of!(Key, ip_proto) == 8 && offset_of!(Key, mac_proto) == 12);
    assert!(offset_of!(Key, eth_dst) == 16 && offset_of!(Key, vlan) == 28);
    assert!(offset_of!(Key, tcp_flags) == 32 && offset_of!(Key, ipv6_exthdrs) == 34);
    assert!(offset_of!(Key, ipv4_src) == 40 && offset_of!(Key, tp_src) == 48);
    assert!(offset_of!(Key, ipv6_label) == 36 && offset_of!(Key, cvlan) == 52);
    assert!(offset_of!(Key, priority) == 56 && offset_of!(Key, dp_hash) == 64);
    assert!(offset_of!(Key, ct_zone) == 9 * 8 && offset_of!(Key, ipv6_src) == 13 * 8);
    assert!(offset_of!(Key, nd_target) == 17 * 8 && offset_of!(Key, nd_sll) == 19 * 8);
    assert!(offset_of!(Key, mpls_lse12) == 21 * 8 && offset_of!(Key, ct_orig_ipv6_src) == 23 * 8);
    assert!(offset_of!(Key, nsh) == 27 * 8);
};
