// SPDX-License-Identifier: GPL-2.0

//! A packet, and what there is in it.

use super::{
    INPUT,
    IPV4,
    IPV6,
    TAGS, //
};
use odp::{
    extract::{
        update,
        Cold,
        Hints, //
    },
    key::{
        mac_proto,
        Key, //
    },
};

/// What becomes of a packet.
pub enum Event {
    Output(u32, Vec<u8>),
    /// To user space, by USERSPACE: metadata, the user's data, actions, and the packet.
    Userspace(Metadata, Vec<u8>, Vec<u8>, Vec<u8>),
    /// To user space, as there is no flow.
    Miss(Packet),
    /// To a sample group, with a cookie.
    Sample(u32, Vec<u8>, Vec<u8>),
}

/// Why a list ends early.
pub enum Stop {
    /// An action fails, and the packet is dropped.
    Error,
    /// A packet that makes no sense, and of which the model knows nothing.
    Odd,
}

/// What a packet has beside its bytes.
#[derive(Clone, Copy, Default)]
pub struct Metadata {
    pub recirc_id: u32,
    pub priority: u32,
    pub mark: u32,
    /// It has a hash, whatever that may be.
    pub hashed: bool,
}

/// A packet on its way through a list of actions.
#[derive(Clone)]
pub struct Packet {
    /// The outermost VLAN tag, which the kernel keeps beside the packet.
    pub tag: Option<[u8; 4]>,
    /// The rest.
    pub frame: Vec<u8>,
    /// What it begins with, if that is no Ethernet header, or none that was looked at.
    pub bare: Option<u16>,
    /// It is an Ethernet frame.
    pub ethernet: bool,
    /// What the next output gets no more than.
    pub cut: usize,
    pub meta: Metadata,
    pub depth: u32,
}

pub fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

impl Packet {
    /// An Ethernet frame, or with `bare` a packet of this type.
    pub fn new(bytes: &[u8], bare: Option<u16>) -> Self {
        let mut new = Self {
            tag: None,
            frame: bytes.to_vec(),
            bare,
            ethernet: bare.is_none(),
            cut: usize::MAX,
            meta: Metadata::default(),
            depth: 1,
        };
        new.untag();
        new
    }

    /// Takes a tag at the front of the frame out of it.
    pub fn untag(&mut self) {
        if self.bare.is_none() && self.tag.is_none() && TAGS.contains(&be16(&self.frame, 12)) {
            let tag: Vec<u8> = self.frame.drain(12..16).collect();
            self.tag = tag.try_into().ok();
        }
    }

    /// As it is sent, no more than `cut` bytes besides the tag.
    pub fn wire(&self, cut: usize) -> Vec<u8> {
        let mut bytes = self.frame[..self.frame.len().min(cut)].to_vec();
        if let Some(tag) = self.tag {
            bytes.splice(12..12, tag);
        }
        bytes
    }

    /// Its key, if it has one.
    pub fn key(&self) -> Option<Key> {
        let (mut key, mut cold) = (Key::ZERO, Cold::NONE);
        key.in_port = INPUT;
        key.recirc_id = self.meta.recirc_id;
        key.priority = self.meta.priority;
        key.skb_mark = self.meta.mark;
        key.dp_hash = self.meta.hashed.into();
        if self.ethernet {
            key.mac_proto = mac_proto::ETHERNET;
        }
        let hints = Hints {
            protocol: self.bare.unwrap_or(0).into(),
            ..Hints::default()
        };
        update(&mut key, &mut cold, &mut &self.wire(usize::MAX)[..], &hints).ok()?;
        Some(key)
    }

    /// Where the network header is, and its type.
    pub fn network(&self) -> (usize, u16) {
        if let Some(kind) = self.bare {
            return (0, kind);
        }
        let mut at = 12;
        while TAGS.contains(&be16(&self.frame, at)) {
            at += 4;
        }
        (at + 2, be16(&self.frame, at))
    }

    /// Where the transport header is, and its protocol. A later fragment has none.
    pub fn transport(&self) -> Option<(usize, u8)> {
        let (at, kind) = self.network();
        let frame = &self.frame;
        match kind {
            IPV4 if be16(frame, at + 6) & 0x1fff != 0 => None,
            IPV4 => Some((at + usize::from(frame[at] & 15) * 4, frame[at + 9])),
            IPV6 => {
                let (mut at, mut next) = (at + 40, frame[at + 6]);
                while [0, 43, 44, 60].contains(&next) {
                    if next == 44 && be16(frame, at + 2) >= 8 {
                        return None;
                    }
                    let units = if next == 44 { 0 } else { frame[at + 1] };
                    next = frame[at];
                    at += (usize::from(units) + 1) * 8;
                }
                Some((at, next))
            }
            _ => None,
        }
    }
}
