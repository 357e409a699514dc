// SPDX-License-Identifier: GPL-2.0

//! By what user space names a flow.
//!
//! A flow has a unique identifier (UFID) of 1 to 16 bytes that user space chose, or else the key it
//! was installed with, as it was before masking. Either is a list of words, which a flow stores
//! behind those of its masked key. Of a key these are two words with a bit for each word that is not
//! zero, then these words.

use super::super::{
    hash::Secret,
    key::{
        Key,
        WORDS, //
    },
    mask, //
};

/// The most bytes of a UFID.
pub const UFID_LEN: usize = 16;

/// The most words of an identity.
const MAX_WORDS: usize = WORDS + 2;

const _: () = assert!(WORDS <= 128 && MAX_WORDS <= super::super::hash::MAX_WORDS);

/// What kind of identity a list of words is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UFID of as many bytes.
    Ufid(u8),
    /// An unmasked key.
    Key,
}

impl Kind {
    /// The kind as a number below 17.
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::Ufid(len) => len,
            Self::Key => 0,
        }
    }

    /// The kind of which `bits` is the number.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Key,
            len => Self::Ufid(len),
        }
    }
}

/// What names a flow.
#[derive(Clone)]
pub struct Identity {
    kind: Kind,
    len: usize,
    words: [u64; MAX_WORDS],
}

/// What names a flow, as the flow stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityRef<'a> {
    kind: Kind,
    words: &'a [u64],
}

impl Identity {
    /// The identity with this UFID; `None` if it is empty or too long.
    pub fn from_ufid(ufid: &[u8]) -> Option<Self> {
        if ufid.is_empty() || ufid.len() > UFID_LEN {
            return None;
        }
        let mut words = [0; MAX_WORDS];
        for (word, bytes) in words.iter_mut().zip(ufid.chunks(8)) {
            let mut eight = [0; 8];
            eight.get_mut(..bytes.len())?.copy_from_slice(bytes);
            *word = u64::from_ne_bytes(eight);
        }
        Some(Self {
            kind: Kind::Ufid(u8::try_from(ufid.len()).ok()?),
            len: ufid.len().div_ceil(8),
            words,
        })
    }

    /// The identity of the flow that was installed with `key` and without a UFID.
    pub fn from_key(key: &Key) -> Self {
        let mut words = [0; MAX_WORDS];
        let (bits, rest) = words.split_at_mut(2);
        let mut len = 2usize;
        let mut there = 0u128;
        for (place, &word) in (0u32..).zip(key.words()) {
            if word != 0 {
                there |= 1u128.wrapping_shl(place);
                if let Some(free) = rest.get_mut(len.wrapping_sub(2)) {
                    *free = word;
                    len = len.wrapping_add(1);
                }
            }
        }
        bits.copy_from_slice(&[there as u64, (there >> 64) as u64]);
        Self {
            kind: Kind::Key,
            len,
            words,
        }
    }

    /// The identity as a flow stores it.
    pub fn as_ref(&self) -> IdentityRef<'_> {
        IdentityRef {
            kind: self.kind,
            words: self.words.get(..self.len).unwrap_or_default(),
        }
    }
}

impl<'a> IdentityRef<'a> {
    /// The identity of `kind` in `words`.
    pub fn new(kind: Kind, words: &'a [u64]) -> Self {
        Self { kind, words }
    }

    /// What kind of identity it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The words to store.
    pub fn words(&self) -> &'a [u64] {
        self.words
    }

    /// The hash that finds the flow.
    pub fn hash(&self, secret: &Secret) -> u64 {
        let tweak = ((self.words.len() as u64) << 8) | u64::from(self.kind.to_bits());
        secret.hash(tweak, self.words)
    }

    /// The UFID and its length.
    pub fn ufid(&self) -> Option<([u8; UFID_LEN], usize)> {
        let Kind::Ufid(len) = self.kind else {
            return None;
        };
        let mut ufid = [0; UFID_LEN];
        for (eight, word) in ufid.chunks_mut(8).zip(self.words) {
            eight.copy_from_slice(&word.to_ne_bytes());
        }
        Some((ufid, usize::from(len)))
    }

    /// The unmasked key.
    pub fn key(&self) -> Option<Key> {
        match (self.kind, self.words) {
            (Kind::Key, [low, high, words @ ..]) => {
                let there = (u128::from(*high) << 64) | u128::from(*low);
                let places = (0u8..128).filter(|&place| there.wrapping_shr(place.into()) & 1 != 0);
                Some(mask::expand(places.zip(words.iter().copied())))
            }
            _ => None,
        }
    }
}
