// SPDX-License-Identifier: GPL-2.0

//! What actions do to a packet, as simply as it can be said: the opposite of how the datapath does it.
//!
//! A packet is its bytes; checksums are computed anew from all of them; copies are copies.

use super::{
    attrs::{
        attr,
        nest,
        u16,
        u32, //
    },
    random::Random,
};
use odp::uapi::{
    action_attr,
    check_pkt_len_attr,
    dec_ttl_attr,
    key_attr,
    sample_attr, //
};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// The ports that packets can be sent to.
pub const PORTS: [u32; 2] = [2, 3];

/// An action.
#[derive(Clone, Debug)]
pub enum Action {
    Output(u32),
    Trunc(u32),
    PushVlan {
        tpid: u16,
        tci: u16,
    },
    PopVlan,
    PushMpls([u8; 4]),
    PopMpls(u16),
    /// SET_MASKED: the key's attribute, value and mask.
    Set(u16, Vec<u8>, Vec<u8>),
    DecTtl(Vec<Action>),
    Clone(Vec<Action>),
    /// Always, or never.
    Sample(bool, Vec<Action>),
    CheckPktLen {
        len: u16,
        greater: Vec<Action>,
        less_equal: Vec<Action>,
    },
    Drop,
}

/// The attributes of a list of actions.
pub fn encode(list: &[Action]) -> Vec<u8> {
    list.iter().flat_map(encode_one).collect()
}

fn encode_one(action: &Action) -> Vec<u8> {
    match action {
        Action::Output(port) => u32(action_attr::OUTPUT, *port),
        Action::Trunc(len) => u32(action_attr::TRUNC, *len),
        Action::PushVlan { tpid, tci } => {
            let tci = tci | 0x1000;
            let payload = [tpid.to_be_bytes(), tci.to_be_bytes()].concat();
            attr(action_attr::PUSH_VLAN, &payload)
        }
        Action::PopVlan => attr(action_attr::POP_VLAN, &[]),
        Action::PushMpls(lse) => {
            let payload = [&lse[..], &MPLS.to_be_bytes(), &[0; 2]].concat();
            attr(action_attr::PUSH_MPLS, &payload)
        }
        Action::PopMpls(eth_type) => attr(action_attr::POP_MPLS, &eth_type.to_be_bytes()),
        Action::Set(kind, value, mask) => {
            let field = attr(*kind, &[&value[..], mask].concat());
            nest(action_attr::SET_MASKED, &[field])
        }
        Action::DecTtl(list) => nest(
            action_attr::DEC_TTL,
            &[nest(dec_ttl_attr::ACTION, &[encode(list)])],
        ),
        Action::Clone(list) => nest(action_attr::CLONE, &[encode(list)]),
        Action::Sample(always, list) => nest(
            action_attr::SAMPLE,
            &[
                u32(sample_attr::PROBABILITY, if *always { u32::MAX } else { 0 }),
                nest(sample_attr::ACTIONS, &[encode(list)]),
            ],
        ),
        Action::CheckPktLen {
            len,
            greater,
            less_equal,
        } => nest(
            action_attr::CHECK_PKT_LEN,
            &[
                u16(check_pkt_len_attr::PKT_LEN, *len),
                nest(check_pkt_len_attr::ACTIONS_IF_GREATER, &[encode(greater)]),
                nest(
                    check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL,
                    &[encode(less_equal)],
                ),
            ],
        ),
        Action::Drop => u32(action_attr::DROP, 0),
    }
}

/// A random list of actions, of which some may make no sense for a packet.
pub fn random_list(random: &mut Random, depth: usize) -> Vec<Action> {
    let len = 1 + random.below(if depth == 0 { 6 } else { 3 });
    let mut list: Vec<Action> = (0..len).map(|_| random_action(random, depth)).collect();
    if random.below(3) != 0 {
        list.push(Action::Output(*random.choice(&PORTS)));
    }
    list
}

fn random_action(random: &mut Random, depth: usize) -> Action {
    let nested = |random: &mut Random| random_list(random, depth + 1);
    match random.below(if depth < 3 { 16 } else { 11 }) {
        0 | 1 => Action::Output(*random.choice(&PORTS)),
        2 => Action::Trunc(14 + random.below(100) as u32),
        3 => Action::PushVlan {
            tpid: *random.choice(&TAGS),
            tci: random.below(1 << 16) as u16 & !0x1000,
        },
        4 => Action::PopVlan,
        5 => {
            let mut lse = (random.next() as u32).to_be_bytes();
            lse[2] &= !1;
            Action::PushMpls(lse)
        }
        6 => Action::PopMpls(*random.choice(&[IPV4, IPV6, MPLS])),
        7 => random_set(random, key_attr::ETHERNET, 12, &[]),
        8 => random_set(random, key_attr::IPV4, 12, &[8, 11]),
        // The label has 20 bits; protocol and fragment are not to be set.
        9 => random_set(random, key_attr::IPV6, 40, &[32, 33, 36, 39]),
        10 => {
            let kind = *random.choice(&[key_attr::TCP, key_attr::UDP, key_attr::MPLS]);
            random_set(random, kind, 4, &[])
        }
        11 => Action::DecTtl(nested(random)),
        12 => Action::Clone(nested(random)),
        13 => Action::Sample(random.below(2) == 0, nested(random)),
        14 => Action::CheckPktLen {
            len: 1 + random.below(150) as u16,
            greater: nested(random),
            less_equal: nested(random),
        },
        _ if random.below(4) == 0 => Action::Drop,
        _ => Action::Clone(nested(random)),
    }
}

/// Sets random bits of a field but for the bytes in `never`.
fn random_set(random: &mut Random, kind: u16, len: usize, never: &[usize]) -> Action {
    let mut mask: Vec<u8> = (0..len)
        .map(|_| *random.choice(&[0, 0, 0xff, 0x0f]))
        .collect();
    for &at in never {
        mask[at] = 0;
    }
    let value = mask.iter().map(|mask| random.next() as u8 & mask).collect();
    Action::Set(kind, value, mask)
}

/// A packet on its way through a list of actions.
#[derive(Clone)]
struct Packet {
    /// The outermost VLAN tag, which the kernel keeps beside the packet.
    tag: Option<[u8; 4]>,
    /// The rest.
    frame: Vec<u8>,
    /// What the next output gets no more than.
    cut: usize,
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

impl Packet {
    fn new(bytes: &[u8]) -> Self {
        let mut new = Self {
            tag: None,
            frame: bytes.to_vec(),
            cut: usize::MAX,
        };
        new.untag();
        new
    }

    /// Takes a tag at the front of the frame out of it.
    fn untag(&mut self) {
        if TAGS.contains(&be16(&self.frame, 12)) {
            let tag: Vec<u8> = self.frame.drain(12..16).collect();
            self.tag = tag.try_into().ok();
        }
    }

    fn wire(&self, cut: usize) -> Vec<u8> {
        let mut bytes = self.frame[..self.frame.len().min(cut)].to_vec();
        if let Some(tag) = self.tag {
            bytes.splice(12..12, tag);
        }
        bytes
    }

    /// Where the network header is, and its type.
    fn network(&self) -> (usize, u16) {
        let mut at = 12;
        while TAGS.contains(&be16(&self.frame, at)) {
            at += 4;
        }
        (at + 2, be16(&self.frame, at))
    }

    /// Where the transport header is, and its protocol.
    fn transport(&self) -> Option<(usize, u8)> {
        let (at, kind) = self.network();
        match kind {
            IPV4 => Some((at + 20, self.frame[at + 9])),
            IPV6 => Some((at + 40, self.frame[at + 6])),
            _ => None,
        }
    }

    fn set(&mut self, kind: u16, value: &[u8], mask: &[u8]) {
        let (l3, eth_type) = self.network();
        // Of each byte of the attribute, its place in the frame.
        let places: Vec<usize> = match kind {
            key_attr::ETHERNET => (6..12).chain(0..6).collect(),
            // Protocol and fragment are never set.
            key_attr::IPV4 => (l3 + 12..l3 + 20)
                .chain([l3 + 9, l3 + 1, l3 + 8, l3])
                .collect(),
            key_attr::MPLS => (l3..l3 + 4).collect(),
            key_attr::IPV6 => return self.set_ipv6(l3, value, mask),
            _ => (0..4).map(|n| self.transport().unwrap().0 + n).collect(),
        };
        for ((place, value), mask) in places.into_iter().zip(value).zip(mask) {
            self.frame[place] = (self.frame[place] & !mask) | value;
        }
        if eth_type != MPLS && kind != key_attr::ETHERNET {
            self.fix_checksums();
        }
    }

    fn set_ipv6(&mut self, l3: usize, value: &[u8], mask: &[u8]) {
        let mut put = |place: usize, value: u8, mask: u8| {
            self.frame[place] = (self.frame[place] & !mask) | value;
        };
        for n in 0..32 {
            put(l3 + 8 + n, value[n], mask[n]);
        }
        // The label's lower 16 bits; its upper four are never set here.
        put(l3 + 2, value[34], mask[34]);
        put(l3 + 3, value[35], mask[35]);
        let (class, class_mask) = (value[37], mask[37]);
        put(l3, class >> 4, class_mask >> 4);
        put(l3 + 1, class << 4, class_mask << 4);
        put(l3 + 7, value[38], mask[38]);
        self.fix_checksums();
    }

    /// Computes the checksums that there are.
    fn fix_checksums(&mut self) {
        let (l3, kind) = self.network();
        let Some((l4, proto)) = self.transport() else {
            return;
        };
        if kind == IPV4 {
            self.frame[l3 + 10..l3 + 12].fill(0);
            let sum = checksum(&[&self.frame[l3..l4]]);
            self.frame[l3 + 10..l3 + 12].copy_from_slice(&sum);
        }
        let (place, optional) = match proto {
            6 => (l4 + 16, false),
            17 => (l4 + 6, true),
            58 => (l4 + 2, false),
            _ => return,
        };
        if optional && be16(&self.frame, place) == 0 {
            return;
        }
        self.frame[place..place + 2].fill(0);
        let addresses = if kind == IPV4 {
            l3 + 12..l4
        } else {
            l3 + 8..l4
        };
        let len = (self.frame.len() - l4) as u16;
        let rest = [&len.to_be_bytes()[..], &[0, proto]].concat();
        let mut sum = checksum(&[&self.frame[addresses], &rest, &self.frame[l4..]]);
        if optional && sum == [0; 2] {
            sum = [0xff; 2];
        }
        self.frame[place..place + 2].copy_from_slice(&sum);
    }

    /// The place of the time to live. DEC_TTL does not look for it behind a tag in the frame.
    fn ttl(&self) -> Option<usize> {
        match self.network() {
            (14, IPV4) => Some(14 + 8),
            (14, IPV6) => Some(14 + 7),
            _ => None,
        }
    }

    /// Executes a list, and adds what it sends to `out`.
    fn execute(mut self, list: &[Action], out: &mut Vec<(u32, Vec<u8>)>) {
        for action in list {
            match action {
                Action::Output(port) => {
                    out.push((*port, self.wire(self.cut)));
                    self.cut = usize::MAX;
                }
                Action::Trunc(len) => self.cut = *len as usize,
                Action::PushVlan { tpid, tci } => {
                    if let Some(old) = self.tag.take() {
                        self.frame.splice(12..12, old);
                    }
                    let [a, b] = tpid.to_be_bytes();
                    let [c, d] = tci.to_be_bytes();
                    self.tag = Some([a, b, c, d]);
                }
                Action::PopVlan => {
                    self.tag = None;
                    self.untag();
                }
                Action::PushMpls(lse) => {
                    self.frame.splice(14..14, *lse);
                    self.frame[12..14].copy_from_slice(&MPLS.to_be_bytes());
                }
                Action::PopMpls(eth_type) => {
                    self.frame.drain(14..18);
                    self.frame[12..14].copy_from_slice(&eth_type.to_be_bytes());
                }
                Action::Set(kind, value, mask) => self.set(*kind, value, mask),
                Action::DecTtl(list) => {
                    if let Some(ttl) = self.ttl() {
                        if self.frame[ttl] <= 1 {
                            return self.execute(list, out);
                        }
                        self.frame[ttl] -= 1;
                        self.fix_checksums();
                    }
                }
                Action::Clone(list) | Action::Sample(true, list) => self.clone().execute(list, out),
                Action::Sample(false, _) => (),
                Action::CheckPktLen {
                    len,
                    greater,
                    less_equal,
                } => {
                    let fits = self.frame.len() <= usize::from(*len);
                    let list = if fits { less_equal } else { greater };
                    self.clone().execute(list, out);
                }
                Action::Drop => return,
            }
        }
    }
}

/// The Internet checksum over all parts, each of which but the last has an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// Gives a packet the lengths and the checksums it should have.
pub fn correct(bytes: &[u8]) -> Vec<u8> {
    let mut packet = Packet::new(bytes);
    let (l3, kind) = packet.network();
    let len = (packet.frame.len() - l3) as u16;
    match kind {
        IPV4 => packet.frame[l3 + 2..l3 + 4].copy_from_slice(&len.to_be_bytes()),
        IPV6 => packet.frame[l3 + 4..l3 + 6].copy_from_slice(&(len - 40).to_be_bytes()),
        _ => (),
    }
    if let Some((l4, 17)) = packet.transport() {
        let len = (packet.frame.len() - l4) as u16;
        packet.frame[l4 + 4..l4 + 6].copy_from_slice(&len.to_be_bytes());
    }
    packet.fix_checksums();
    packet.wire(usize::MAX)
}

/// What a list of actions sends where, when it is executed for a packet.
pub fn execute(bytes: &[u8], list: &[Action]) -> Vec<(u32, Vec<u8>)> {
    let mut out = Vec::new();
    Packet::new(bytes).execute(list, &mut out);
    out
}
