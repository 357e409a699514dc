// SPDX-License-Identifier: GPL-2.0

//! Putting headers in front of a packet, and taking them off.

use super::{
    packet::be16,
    Packet,
    Stop,
    IPV4,
    IPV6,
    MPLS,
    NSH,
    TAGS,
    TEB, //
};

impl Packet {
    /// Puts a header in front of the packet, which then is of this type.
    pub fn push(&mut self, header: &[u8], kind: u16) {
        self.frame.splice(0..0, header.iter().copied());
        self.bare = Some(kind);
        self.ethernet = false;
    }

    pub fn push_mpls(&mut self, lse: &[u8], kind: u16) {
        if self.bare.is_some() {
            return self.push(lse, kind);
        }
        self.frame.splice(14..14, lse.iter().copied());
        self.frame[12..14].copy_from_slice(&kind.to_be_bytes());
    }

    pub fn pop_mpls(&mut self, kind: u16) -> Result<(), Stop> {
        if !MPLS.contains(&self.network().1) {
            return Err(Stop::Odd);
        }
        if self.bare.is_some() {
            self.frame.drain(..4);
            self.bare = Some(kind);
            self.ethernet |= kind == TEB;
        } else {
            self.frame.drain(14..18);
            self.frame[12..14].copy_from_slice(&kind.to_be_bytes());
        }
        Ok(())
    }

    pub fn push_eth(&mut self, addresses: &[u8]) -> Result<(), Stop> {
        let (Some(kind), None) = (self.bare, self.tag) else {
            return Err(Stop::Error);
        };
        self.push(&[addresses, &kind.to_be_bytes()].concat(), 0);
        self.bare = None;
        self.ethernet = true;
        Ok(())
    }

    pub fn pop_eth(&mut self) -> Result<(), Stop> {
        let kind = be16(&self.frame, 12);
        if self.bare.is_some() || self.tag.is_some() || TAGS.contains(&kind) {
            return Err(Stop::Error);
        }
        self.frame.drain(..14);
        // What is no ethertype is 802.2.
        self.bare = Some(if kind < 0x600 { 4 } else { kind });
        self.ethernet = false;
        Ok(())
    }

    /// The header tells what is behind it.
    pub fn push_nsh(&mut self, header: &[u8]) -> Result<(), Stop> {
        let mut header = header.to_vec();
        header[3] = match self.bare {
            None | Some(TEB) => 3,
            Some(IPV4) => 1,
            Some(IPV6) => 2,
            Some(NSH) => 4,
            Some(0x8847) => 5,
            Some(_) => return Err(Stop::Error),
        };
        self.push(&header, NSH);
        Ok(())
    }

    pub fn pop_nsh(&mut self) -> Result<(), Stop> {
        let len = usize::from(self.frame[1] & 63) * 4;
        if !(8..=self.frame.len()).contains(&len) {
            return Err(Stop::Error);
        }
        let kind = match self.frame[3] {
            1 => IPV4,
            2 => IPV6,
            3 => TEB,
            4 => NSH,
            5 => MPLS[0],
            _ => return Err(Stop::Error),
        };
        self.frame.drain(..len);
        self.bare = Some(kind);
        self.ethernet = kind == TEB;
        Ok(())
    }
}
