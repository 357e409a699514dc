// SPDX-License-Identifier: GPL-2.0

//! Setting fields of a packet.

use super::{
    checksum,
    packet::be16,
    Packet,
    Stop,
    IPV4,
    IPV6,
    MPLS, //
};
use odp::uapi::key_attr;

impl Packet {
    pub fn set(&mut self, kind: u16, value: &[u8], mask: &[u8]) -> Result<(), Stop> {
        let (l3, eth_type) = self.network();
        let l4 = |proto| match self.transport() {
            Some((at, found)) if found == proto => Ok((at..at + 4).collect()),
            _ => Err(Stop::Odd),
        };
        // Of each byte of the attribute, its place in the frame.
        let places: Vec<usize> = match (kind, eth_type) {
            (key_attr::ETHERNET, _) if self.ethernet => (6..12).chain(0..6).collect(),
            // Protocol and fragment are never set.
            (key_attr::IPV4, IPV4) => (l3 + 12..l3 + 20)
                .chain([l3 + 9, l3 + 1, l3 + 8, l3])
                .collect(),
            (key_attr::MPLS, _) if MPLS.contains(&eth_type) => (l3..l3 + 4).collect(),
            (key_attr::IPV6, IPV6) => {
                self.set_ipv6(l3, value, mask);
                return Ok(());
            }
            (key_attr::TCP, _) => l4(6)?,
            (key_attr::UDP, _) => l4(17)?,
            (key_attr::SCTP, _) => l4(132)?,
            _ => return Err(Stop::Odd),
        };
        // The key goes on having as many labels as before.
        if kind == key_attr::MPLS && (self.frame[l3 + 2] ^ value[2]) & mask[2] & 1 != 0 {
            return Err(Stop::Odd);
        }
        for ((place, value), mask) in places.into_iter().zip(value).zip(mask) {
            self.frame[place] = (self.frame[place] & !mask) | (value & mask);
        }
        if kind != key_attr::ETHERNET {
            self.fix_checksums();
        }
        Ok(())
    }

    fn set_ipv6(&mut self, l3: usize, value: &[u8], mask: &[u8]) {
        let mut put = |place: usize, value: u8, mask: u8| {
            self.frame[place] = (self.frame[place] & !mask) | (value & mask);
        };
        for n in 0..32 {
            put(l3 + 8 + n, value[n], mask[n]);
        }
        // The label's 20 bits.
        put(l3 + 1, value[33], mask[33] & 15);
        put(l3 + 2, value[34], mask[34]);
        put(l3 + 3, value[35], mask[35]);
        let (class, class_mask) = (value[37], mask[37]);
        put(l3, class >> 4, class_mask >> 4);
        put(l3 + 1, class << 4, class_mask << 4);
        put(l3 + 7, value[38], mask[38]);
        self.fix_checksums();
    }

    /// Computes the checksums that there are.
    pub fn fix_checksums(&mut self) {
        let (l3, kind) = self.network();
        if kind == IPV4 {
            let end = l3 + usize::from(self.frame[l3] & 15) * 4;
            self.frame[l3 + 10..l3 + 12].fill(0);
            let sum = checksum::internet(&[&self.frame[l3..end]]);
            self.frame[l3 + 10..l3 + 12].copy_from_slice(&sum);
        }
        let Some((l4, proto)) = self.transport() else {
            return;
        };
        let (place, optional) = match proto {
            6 => (l4 + 16, false),
            17 => (l4 + 6, true),
            58 => (l4 + 2, false),
            132 => {
                self.frame[l4 + 8..l4 + 12].fill(0);
                let sum = checksum::crc32c(&self.frame[l4..]);
                self.frame[l4 + 8..l4 + 12].copy_from_slice(&sum);
                return;
            }
            _ => return,
        };
        if optional && be16(&self.frame, place) == 0 {
            return;
        }
        self.frame[place..place + 2].fill(0);
        let addresses = if kind == IPV4 {
            l3 + 12..l3 + 20
        } else {
            l3 + 8..l3 + 40
        };
        let len = (self.frame.len() - l4) as u16;
        let rest = [&len.to_be_bytes()[..], &[0, proto]].concat();
        let mut sum = checksum::internet(&[&self.frame[addresses], &rest, &self.frame[l4..]]);
        if optional && sum == [0; 2] {
            sum = [0xff; 2];
        }
        self.frame[place..place + 2].copy_from_slice(&sum);
    }

    /// The place of the time to live. DEC_TTL does not look for it behind a tag in the frame.
    pub fn ttl(&self) -> Option<usize> {
        let front = if self.bare.is_some() { 0 } else { 14 };
        match self.network() {
            (at, IPV4) if at == front => Some(at + 8),
            (at, IPV6) if at == front => Some(at + 7),
            _ => None,
        }
    }
}
