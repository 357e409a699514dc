// SPDX-License-Identifier: GPL-2.0

//! The Internet checksum, and keeping it right when a header changes.
//!
//! Sums are of 16-bit words as they lie in memory, in host byte order, as in the kernel
//! ([`include/net/checksum.h`](srctree/include/net/checksum.h)): the checksum is the same in any
//! byte order (RFC 1071).

/// An unfolded sum (`__wsum`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(pub u32);

impl Sum {
    /// The sum of `bytes`, which start at an even distance from where the checksum starts.
    // Inlined, since nearly all are a few bytes whose number is known.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        // Two words at a time: what one carries into the other belongs there.
        let mut pairs = bytes.chunks_exact(4);
        let mut sum = 0u64;
        for pair in &mut pairs {
            if let [a, b, c, d] = *pair {
                sum = sum.wrapping_add(u64::from(u32::from_ne_bytes([a, b, c, d])));
            }
        }
        let rest = match *pairs.remainder() {
            [a] => u32::from(u16::from_ne_bytes([a, 0])),
            [a, b] => u32::from(u16::from_ne_bytes([a, b])),
            [a, b, c] => u32::from_ne_bytes([a, b, c, 0]),
            _ => 0,
        };
        sum = sum.wrapping_add(rest.into());
        // The carries of 32 bits and more come back in at the other end.
        let folded = (sum & 0xffff_ffff).wrapping_add(sum >> 32);
        Self((folded & 0xffff_ffff).wrapping_add(folded >> 32) as u32)
    }

    /// Adds in ones' complement.
    #[must_use]
    pub const fn add(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        Self(sum.wrapping_add(carry as u32))
    }

    /// Subtracts in ones' complement.
    #[must_use]
    pub const fn sub(self, other: Self) -> Self {
        self.add(other.not())
    }

    /// The complement.
    #[must_use]
    pub const fn not(self) -> Self {
        Self(!self.0)
    }

    /// Folds to 16 bits and complements: the checksum to put in a header (`csum_fold()`).
    pub const fn fold(self) -> [u8; 2] {
        let sum = (self.0 & 0xffff).wrapping_add(self.0 >> 16);
        let sum = (sum & 0xffff).wrapping_add(sum >> 16);
        (!(sum as u16)).to_ne_bytes()
    }

    /// Folds to 16 bits without the complement.
    const fn fold_plain(self) -> [u8; 2] {
        let [a, b] = self.fold();
        [!a, !b]
    }
}

/// What the device has said of a packet's checksum, or is asked to do (`skb->ip_summed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summed {
    /// Nothing, or that it is right.
    No,
    /// `skb->csum` is the sum of the whole packet.
    Complete,
    /// The transport checksum is that of the pseudo header alone; the rest is still to be added.
    Partial,
}

/// The checksum state of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// What is known of the checksum.
    pub summed: Summed,
    /// `skb->csum`, if [`Summed::Complete`].
    pub csum: Sum,
}

impl State {
    /// Accounts for bytes of the packet that change from `from` to `to`.
    #[inline]
    pub fn replaced(&mut self, from: &[u8], to: &[u8]) {
        if self.summed == Summed::Complete {
            self.csum = self.csum.sub(Sum::of(from)).add(Sum::of(to));
        }
    }

    /// Updates a transport checksum for ports or other bytes the packet itself holds.
    ///
    /// The change of `check` makes up for the change from `from` to `to`, so that the sum of the
    /// packet stays. A checksum that is still partial does not cover these bytes yet.
    #[inline]
    pub fn replace_in_packet(&self, check: &mut [u8; 2], from: &[u8], to: &[u8]) {
        if self.summed != Summed::Partial {
            replace(check, from, to);
        }
    }

    /// Updates a transport checksum for addresses of the pseudo header.
    #[inline]
    pub fn replace_in_pseudo_header(&mut self, check: &mut [u8; 2], from: &[u8], to: &[u8]) {
        let delta = Sum::of(to).sub(Sum::of(from));
        match self.summed {
            Summed::Partial => {
                // The field holds the sum itself here, not its complement.
                let sum = Sum(u32::from(u16::from_ne_bytes(*check))).add(delta);
                *check = sum.fold_plain();
            }
            Summed::Complete => {
                let old = *check;
                replace(check, from, to);
                self.replaced(&old, check);
            }
            Summed::No => replace(check, from, to),
        }
    }
}

/// Updates a checksum for bytes it covers (RFC 1624, equation 3).
#[inline]
pub fn replace(check: &mut [u8; 2], from: &[u8], to: &[u8]) {
    let sum = Sum(u32::from(!u16::from_ne_bytes(*check)));
    *check = sum.sub(Sum::of(from)).add(Sum::of(to)).fold();
}
