// SPDX-License-Identifier: GPL-2.0

//! The identifiers the engine gives to flows.

use crate::client::Ufid;
use odp::Key;
use std::{
    hash::{
        BuildHasher,
        Hash,
        Hasher,
        RandomState, //
    },
    iter,
};

/// Makes flow identifiers.
///
/// An identifier is a hash over the bits a flow matches and their values, so that all packets of
/// one megaflow lead to the same identifier. The hash is keyed anew in each process: who sends
/// packets cannot choose two that collide.
#[derive(Debug, Default)]
pub struct Ufids {
    halves: [RandomState; 2],
}

/// The bytes that all identifiers of a process begin with.
const TAG: usize = 4;

/// What an identifier is made of: the words of a key that are matched.
struct Matched<'a> {
    key: &'a Key,
    mask: &'a Key,
}

impl Hash for Matched<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let words = iter::zip(self.key.words(), self.mask.words());
        for (at, (word, mask)) in words.enumerate().filter(|(_, (_, mask))| **mask != 0) {
            (at, word & mask, mask).hash(state);
        }
    }
}

impl Ufids {
    /// With hash keys of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The identifier of the flow that matches `key` in the bits of `mask`.
    pub fn of(&self, key: &Key, mask: &Key) -> Ufid {
        let mut ufid = [0; 16];
        for (to, half) in iter::zip(ufid.chunks_exact_mut(8), &self.halves) {
            to.copy_from_slice(&half.hash_one(Matched { key, mask }).to_ne_bytes());
        }
        ufid[..TAG].copy_from_slice(&self.tag());
        Ufid(ufid)
    }

    /// Whether an identifier is of this process, as far as can be told.
    pub fn is_own(&self, ufid: &Ufid) -> bool {
        ufid.0.starts_with(&self.tag())
    }

    fn tag(&self) -> [u8; TAG] {
        let [half, _] = &self.halves;
        let [tag @ .., _, _, _, _] = half.hash_one(()).to_ne_bytes();
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn own_ones_are_known() {
        let (ufids, others) = (Ufids::new(), Ufids::new());
        let ufid = ufids.of(&Key::ZERO, &Key::ZERO);
        assert!(ufids.is_own(&ufid));
        assert!(!others.is_own(&ufid));
    }

    proptest! {
        #[test]
        fn the_same_for_a_megaflow_and_for_no_other(
            a: [u64; 4], b: [u64; 4], mask: [u64; 4],
        ) {
            let ufids = Ufids::new();
            let key = |words: [u64; 4]| {
                let mut key = Key::ZERO;
                key.words_mut()[..4].copy_from_slice(&words);
                key
            };
            let (a, b, mask) = (key(a), key(b), key(mask));
            let same = ufids.of(&a, &mask) == ufids.of(&b, &mask);
            prop_assert_eq!(same, a.masked(&mask) == b.masked(&mask));
            prop_assert_eq!(ufids.of(&a, &mask), ufids.of(&a.masked(&mask), &mask));
        }
    }
}
