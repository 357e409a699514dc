// SPDX-License-Identifier: GPL-2.0

//! Random lists of actions, of which some may make no sense for a packet.

use super::{
    super::random::Random,
    Action,
    FLOWS,
    IPV4,
    IPV6,
    METERS,
    MPLS,
    PORTS,
    TAGS,
    TEB, //
};
use odp::{
    uapi::key_attr,
    Key, //
};

/// Makes lists for packets with a key.
pub struct Lists<'a> {
    pub random: &'a mut Random,
    /// The packet's key, if it is for one.
    pub key: Option<&'a Key>,
    /// The first recirculation id that may be used.
    pub first: u32,
}

impl Lists<'_> {
    /// A list that is `depth` deep in others.
    pub fn list(&mut self, depth: usize) -> Vec<Action> {
        let len = 1 + self.random.below(if depth == 0 { 6 } else { 3 });
        let mut list: Vec<Action> = (0..len).map(|_| self.action(depth)).collect();
        if self.random.below(3) != 0 {
            list.push(self.output());
        }
        list
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.random.next() as u8).collect()
    }

    fn u32(&mut self) -> u32 {
        self.random.next() as u32
    }

    fn output(&mut self) -> Action {
        Action::Output(*self.random.choice(&PORTS))
    }

    fn label(&mut self) -> [u8; 4] {
        let mut lse = self.u32().to_be_bytes();
        lse[2] &= !1;
        lse
    }

    fn action(&mut self, depth: usize) -> Action {
        match self.random.below(if depth < 3 { 32 } else { 27 }) {
            0..=2 => self.output(),
            3 => Action::Trunc(14 + self.random.below(100) as u32),
            4 => Action::PushVlan {
                tpid: *self.random.choice(&TAGS),
                tci: self.random.below(1 << 16) as u16 & !0x1000,
            },
            5 => Action::PopVlan,
            6 => Action::PushMpls {
                lse: self.label(),
                kind: *self.random.choice(&MPLS),
            },
            7 => Action::AddMpls {
                lse: self.label(),
                kind: *self.random.choice(&MPLS),
                l3: self.random.below(2) == 0,
            },
            8 => Action::PopMpls(*self.random.choice(&[IPV4, IPV6, MPLS[0], TEB])),
            9 => Action::PushEth(self.bytes(12).try_into().unwrap()),
            10 => Action::PopEth,
            11 => self.push_nsh(),
            12 => Action::PopNsh,
            13 => {
                let kind = *self
                    .random
                    .choice(&[key_attr::PRIORITY, key_attr::SKB_MARK]);
                let mask = self.u32();
                Action::SetMetadata(kind, self.u32() & mask, mask)
            }
            14 => Action::Hash {
                alg: self.random.below(2) as u32,
                basis: self.u32(),
            },
            15 => Action::CtClear,
            16 => Action::Meter(*self.random.choice(&METERS)),
            17 | 18 => {
                let ids = FLOWS + 2 - self.first;
                Action::Recirc(self.first + self.random.below(ids as usize) as u32)
            }
            19 => {
                let len = 1 + self.random.below(20);
                Action::Userspace {
                    data: self.bytes(len),
                    actions: self.random.below(2) == 0,
                }
            }
            20 => {
                let len = self.random.below(17);
                Action::Psample {
                    group: self.u32(),
                    cookie: self.bytes(len),
                }
            }
            21..=26 => self.set(),
            27 => Action::DecTtl(self.list(depth + 1)),
            28 => Action::Clone(self.list(depth + 1)),
            29 => Action::Sample(self.random.below(2) == 0, self.list(depth + 1)),
            30 => Action::CheckPktLen {
                len: 1 + self.random.below(150) as u16,
                greater: self.list(depth + 1),
                less_equal: self.list(depth + 1),
            },
            _ if self.random.below(4) == 0 => Action::Drop,
            _ => Action::Clone(self.list(depth + 1)),
        }
    }

    fn push_nsh(&mut self) -> Action {
        // Metadata of type 1 are 16 bytes.
        let (mdtype, words) = match self.random.below(2) {
            0 => (1, 6),
            _ => (2, 3 + self.random.below(61) as u16),
        };
        let first = (self.u32() as u16 & 0x3fc0) | words;
        let mut header = first.to_be_bytes().to_vec();
        header.extend([mdtype, self.random.below(256) as u8]);
        header.extend(self.bytes(usize::from(words) * 4 - 4));
        Action::PushNsh(header)
    }

    /// Sets random bits of a field.
    fn set(&mut self) -> Action {
        // Those that cannot be set: protocol, fragment, and what is no part of a label.
        let (kind, len, fixed): (_, _, &[usize]) = match self.random.below(7) {
            0 => (key_attr::ETHERNET, 12, &[]),
            1 | 2 => (key_attr::IPV4, 12, &[8, 11]),
            3 => (key_attr::IPV6, 40, &[32, 36, 39]),
            4 => (key_attr::MPLS, 4, &[]),
            _ => {
                let kinds = [key_attr::TCP, key_attr::UDP, key_attr::SCTP];
                (*self.random.choice(&kinds), 4, &[])
            }
        };
        if self.random.below(3) == 0 {
            return self.set_all(kind, len);
        }
        let mut mask: Vec<u8> = (0..len)
            .map(|_| *self.random.choice(&[0, 0, 0xff, 0x0f]))
            .collect();
        for &at in fixed {
            mask[at] = 0;
        }
        if kind == key_attr::IPV6 {
            mask[33] &= 0x0f;
        }
        let value = mask
            .iter()
            .map(|mask| self.random.next() as u8 & mask)
            .collect();
        Action::Set(kind, value, Some(mask))
    }

    /// Sets a field without a mask.
    fn set_all(&mut self, kind: u16, len: usize) -> Action {
        let mut value = self.bytes(len);
        let (proto, frag) = self.key.map_or((0, 0), |key| (key.ip_proto, key.ip_frag));
        match kind {
            key_attr::IPV4 => (value[8], value[11]) = (proto, frag),
            key_attr::IPV6 => {
                (value[32], value[36], value[39]) = (0, proto, frag);
                value[33] &= 0x0f;
            }
            _ => (),
        }
        Action::Set(kind, value, None)
    }
}
