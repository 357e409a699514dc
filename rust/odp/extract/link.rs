// SPDX-License-Identifier: GPL-2.0

//! The Ethernet header, VLAN tags, and the ethertype.

use super::super::headers::{
    ethertype,
    LlcSnap,
    VlanTag, //
};
use super::super::key::{
    mac_proto,
    Be16,
    Key,
    Vlan,
    VLAN_TAG_PRESENT, //
};
use super::{
    header,
    join16,
    need,
    raw16,
    ExtractError,
    Hints,
    Packet, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    KnownLayout,
    Unaligned, //
};

/// The length of the two Ethernet addresses.
const ADDRESSES_LEN: usize = 12;

/// The length of a VLAN tag.
const TAG_LEN: usize = 4;

/// An Ethernet header, with the addresses cut to the words of a key.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Ethernet {
    addresses: [u8; 8],
    addresses_end: [u8; 4],
    ethertype: Be16,
}

/// What the link layer tells, in the pieces that the words of a key are made of.
pub(super) struct Link {
    /// The first eight bytes of the addresses.
    pub(super) addresses: u64,
    /// The last four bytes of the addresses.
    pub(super) addresses_end: u32,
    /// The outer VLAN tag.
    pub(super) vlan: u32,
    /// The inner VLAN tag.
    pub(super) cvlan: u32,
    /// What follows.
    pub(super) eth_type: Be16,
    /// `skb->protocol` of such a frame: popping the outer tag of two needs the inner one's type.
    pub(super) protocol: Be16,
    /// The bytes before the network header.
    pub(super) len: usize,
    /// Whether the outer tag is among these bytes.
    pub(super) untag: bool,
}

impl Link {
    /// Parses what is before the network header.
    #[inline(always)]
    pub(super) fn parse<P: Packet>(
        packet: &mut P,
        mac: u8,
        hints: &Hints,
    ) -> Result<Self, ExtractError> {
        if mac == mac_proto::NONE {
            if ethertype::is_vlan(hints.protocol.get()) {
                return Err(ExtractError::Invalid);
            }
            return Ok(Self {
                addresses: 0,
                addresses_end: 0,
                vlan: 0,
                cvlan: 0,
                eth_type: hints.protocol,
                protocol: hints.protocol,
                len: 0,
                untag: false,
            });
        }
        let eth: &Ethernet = need(packet, 0)?;
        let addresses = u64::from_ne_bytes(eth.addresses);
        let addresses_end = u32::from_ne_bytes(eth.addresses_end);
        let mut tags = Tags {
            vlan: hints.vlan.map_or(0, |tag| present(tag.tpid, tag.tci)),
            cvlan: 0,
            inner: None,
            eth_type: eth.ethertype,
            len: size_of::<Ethernet>(),
            untag: false,
        };
        if ethertype::is_vlan(tags.eth_type.get()) {
            tags = Tags::parse(packet, tags.vlan, hints.vlan.is_none())?;
        }
        if tags.eth_type.get() < ethertype::MIN {
            (tags.eth_type, tags.len) = parse_llc(packet, tags.len)?;
        }
        Ok(Self {
            addresses,
            addresses_end,
            vlan: tags.vlan,
            cvlan: tags.cvlan,
            eth_type: tags.eth_type,
            protocol: tags.inner.unwrap_or(tags.eth_type),
            len: tags.len,
            untag: tags.untag,
        })
    }

    /// What `key` says of the link layer, with the network header at `len`.
    pub(super) fn of(key: &Key, len: usize) -> Self {
        let [d0, d1, d2, d3, d4, d5] = key.eth_dst;
        let [s0, s1, s2, s3, s4, s5] = key.eth_src;
        let raw = |tag: Vlan| join16(raw16(tag.tpid), raw16(tag.tci));
        Self {
            addresses: u64::from_ne_bytes([d0, d1, d2, d3, d4, d5, s0, s1]),
            addresses_end: u32::from_ne_bytes([s2, s3, s4, s5]),
            vlan: raw(key.vlan),
            cvlan: raw(key.cvlan),
            eth_type: key.eth_type,
            protocol: match key.cvlan.tci.get() & VLAN_TAG_PRESENT {
                0 => key.eth_type,
                _ => key.cvlan.tpid,
            },
            len,
            untag: false,
        }
    }
}

/// What follows the addresses.
struct Tags {
    vlan: u32,
    cvlan: u32,
    /// The type of the inner tag, if there is one.
    inner: Option<Be16>,
    eth_type: Be16,
    len: usize,
    untag: bool,
}

impl Tags {
    /// Parses the tags inside the frame: with `outer` the outer one too, else that is `vlan`.
    #[inline(never)]
    fn parse<P: Packet>(packet: &mut P, vlan: u32, outer: bool) -> Result<Self, ExtractError> {
        let mut tags = Self {
            vlan,
            cvlan: 0,
            inner: None,
            eth_type: Be16::ZERO,
            len: ADDRESSES_LEN,
            untag: false,
        };
        let found = if outer { tag(packet, tags.len)? } else { None };
        if let Some(tag) = found {
            tags.vlan = present(tag.tpid, tag.tci);
            tags.len += TAG_LEN;
            tags.untag = true;
        }
        if found.is_some() || !outer {
            if let Some(tag) = tag(packet, tags.len)? {
                tags.cvlan = present(tag.tpid, tag.tci);
                tags.inner = Some(tag.tpid);
                tags.len += TAG_LEN;
            }
        }
        tags.eth_type = *header::<Be16, P>(packet, tags.len).ok_or(ExtractError::NoMemory)?;
        tags.len += size_of::<Be16>();
        Ok(tags)
    }
}

/// The ethertype of a frame that has a length in its place, and the length of all before what
/// follows.
#[inline(never)]
fn parse_llc<P: Packet>(packet: &mut P, len: usize) -> Result<(Be16, usize), ExtractError> {
    let none = Be16::new(ethertype::NONE);
    let llc: &LlcSnap = match need(packet, len) {
        Ok(llc) => llc,
        Err(ExtractError::Invalid) => return Ok((none, len)),
        Err(err) => return Err(err),
    };
    if !llc.has_ethertype() {
        return Ok((none, len));
    }
    let eth_type = if llc.ethertype.get() >= ethertype::MIN {
        llc.ethertype
    } else {
        none
    };
    Ok((eth_type, len + size_of::<LlcSnap>()))
}

/// The tag at `at`, if a whole one with an ethertype after it is there.
fn tag<P: Packet>(packet: &mut P, at: usize) -> Result<Option<VlanTag>, ExtractError> {
    match header::<Be16, P>(packet, at) {
        Some(tpid) if ethertype::is_vlan(tpid.get()) => {}
        _ => return Ok(None),
    }
    match need::<VlanTag, P>(packet, at) {
        Ok(tag) => Ok(Some(*tag)),
        Err(ExtractError::Invalid) => Ok(None),
        Err(err) => Err(err),
    }
}

/// A tag of a key.
fn present(tpid: Be16, tci: Be16) -> u32 {
    join16(raw16(tpid), raw16(Be16::new(tci.get() | VLAN_TAG_PRESENT)))
}
