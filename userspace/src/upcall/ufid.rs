// SPDX-License-Identifier: GPL-2.0

//! Flow identifiers.

use odp::Key;
use std::{
    fmt,
    hash::{
        BuildHasher,
        RandomState, //
    },
};

/// A unique flow identifier: what a flow is called between the engine and the datapath.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ufid(pub [u8; 16]);

impl fmt::Display for Ufid {
    /// Prints as `ovs-dpctl` does: eight, four, four, four and twelve hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Ufid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes identifiers.
///
/// An identifier is a hash over the bits a flow matches and their values, so that all packets of
/// one megaflow lead to the same identifier. The hash is keyed anew in each process: who sends
/// packets cannot choose two that collide.
#[derive(Debug, Default)]
pub struct Ufids {
    halves: [RandomState; 2],
}

impl Ufids {
    /// With keys of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The identifier of the flow that matches `key` in the bits of `mask`.
    pub fn of(&self, key: &Key, mask: &Key) -> Ufid {
        let masked = key.masked(mask);
        let [high, low] = &self.halves;
        let flow = (masked.words(), mask.words());
        let mut ufid = [0; 16];
        ufid[..8].copy_from_slice(&high.hash_one(flow).to_be_bytes());
        ufid[8..].copy_from_slice(&low.hash_one(flow).to_be_bytes());
        Ufid(ufid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_matched_bits_count() {
        let ufids = Ufids::new();
        let mask = Key {
            in_port: 0xffff,
            eth_src: [0xff; 6],
            ..Key::ZERO
        };
        let key = Key {
            in_port: 3,
            eth_src: [2, 0, 0, 0, 0, 1],
            ip_ttl: 64,
            ..Key::ZERO
        };
        let other_ttl = Key { ip_ttl: 63, ..key };
        let other_port = Key { in_port: 4, ..key };
        let wider = Key {
            eth_src: [0; 6],
            ..mask
        };
        assert_eq!(ufids.of(&key, &mask), ufids.of(&other_ttl, &mask));
        assert_ne!(ufids.of(&key, &mask), ufids.of(&other_port, &mask));
        assert_ne!(ufids.of(&key, &mask), ufids.of(&key, &wider));
        // A masked value of zero is not the same as no match.
        assert_ne!(ufids.of(&Key::ZERO, &mask), ufids.of(&Key::ZERO, &wider));
    }

    #[test]
    fn text() {
        let ufid = Ufid(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\x00\x11\x22\x33\x44\x55\x66\x77");
        assert_eq!(ufid.to_string(), "01234567-89ab-cdef-0011-223344556677");
    }
}
