// SPDX-License-Identifier: GPL-2.0

//! The Ethernet header, VLAN tags, and the ethertype.

use super::super::headers::{
    ethertype,
    Ethernet,
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
    need,
    ExtractError,
    Hints,
    Packet, //
};

/// The length of the two Ethernet addresses.
const ADDRESSES_LEN: usize = 12;

/// The length of a VLAN tag.
const TAG_LEN: usize = 4;

/// What the link layer tells.
pub(super) struct Link {
    pub(super) dst: [u8; 6],
    pub(super) src: [u8; 6],
    /// The outer VLAN tag.
    pub(super) vlan: Vlan,
    /// The inner VLAN tag.
    pub(super) cvlan: Vlan,
    /// What follows.
    pub(super) eth_type: Be16,
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
            return Self::none(hints.protocol);
        }
        let eth: &Ethernet = need(packet, 0)?;
        let mut link = Self {
            dst: eth.dst,
            src: eth.src,
            vlan: Vlan::default(),
            cvlan: Vlan::default(),
            eth_type: eth.ethertype,
            len: size_of::<Ethernet>(),
            untag: false,
        };
        let proto = eth.ethertype.get();
        if let Some(tag) = hints.vlan {
            link.vlan = present(tag.tpid, tag.tci);
        }
        if ethertype::is_vlan(proto) {
            link.parse_tags(packet, hints.vlan.is_none())?;
        }
        if link.eth_type.get() < ethertype::MIN {
            link.parse_llc(packet)?;
        }
        Ok(link)
    }

    /// The link layer of a packet that starts with a network header of type `protocol`.
    #[inline(never)]
    fn none(protocol: Be16) -> Result<Self, ExtractError> {
        if ethertype::is_vlan(protocol.get()) {
            return Err(ExtractError::Invalid);
        }
        Ok(Self {
            dst: [0; 6],
            src: [0; 6],
            vlan: Vlan::default(),
            cvlan: Vlan::default(),
            eth_type: protocol,
            len: 0,
            untag: false,
        })
    }

    /// What `key` says of the link layer, with the network header at `len`.
    pub(super) fn of(key: &Key, len: usize) -> Self {
        Self {
            dst: key.eth_dst,
            src: key.eth_src,
            vlan: key.vlan,
            cvlan: key.cvlan,
            eth_type: key.eth_type,
            len,
            untag: false,
        }
    }

    /// `skb->protocol` of such a frame: popping the outer tag of two needs the inner one's type.
    #[inline(always)]
    pub(super) fn protocol(&self) -> Be16 {
        if self.cvlan.tci.get() & VLAN_TAG_PRESENT != 0 {
            self.cvlan.tpid
        } else {
            self.eth_type
        }
    }

    /// Parses the tags inside the frame: the outer one too unless it was beside the frame.
    #[inline(never)]
    fn parse_tags<P: Packet>(&mut self, packet: &mut P, outer: bool) -> Result<(), ExtractError> {
        let mut at = ADDRESSES_LEN;
        if outer {
            match tag(packet, at)? {
                Some(tag) => self.vlan = present(tag.tpid, tag.tci),
                None => return Ok(()),
            }
            self.untag = true;
            at += TAG_LEN;
        }
        if let Some(tag) = tag(packet, at)? {
            self.cvlan = present(tag.tpid, tag.tci);
            at += TAG_LEN;
        }
        let eth_type: &Be16 = header(packet, at).ok_or(ExtractError::NoMemory)?;
        self.eth_type = *eth_type;
        self.len = at + size_of::<Be16>();
        Ok(())
    }

    /// Looks for the ethertype of a frame that has a length in its place.
    #[inline(never)]
    fn parse_llc<P: Packet>(&mut self, packet: &mut P) -> Result<(), ExtractError> {
        self.eth_type = Be16::new(ethertype::NONE);
        let llc: &LlcSnap = match need(packet, self.len) {
            Ok(llc) => llc,
            Err(ExtractError::Invalid) => return Ok(()),
            Err(err) => return Err(err),
        };
        if llc.has_ethertype() {
            if llc.ethertype.get() >= ethertype::MIN {
                self.eth_type = llc.ethertype;
            }
            self.len += size_of::<LlcSnap>();
        }
        Ok(())
    }
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
fn present(tpid: Be16, tci: Be16) -> Vlan {
    Vlan {
        tpid,
        tci: Be16::new(tci.get() | VLAN_TAG_PRESENT),
    }
}
