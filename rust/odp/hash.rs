// SPDX-License-Identifier: GPL-2.0

//! The hash of the classifier.
//!
//! Words are taken in pairs: each word of a pair has a secret key added, the two sums are multiplied
//! to 128 bits, and the products are added up (the NH hash of UMAC). The products do not depend on
//! each other, so that a processor computes several at once. Two different inputs of the same length
//! collide with a probability of 2^-64 over the choice of the keys, whoever chooses the inputs: a
//! sender who does not know the keys cannot aim at a bucket. One more multiplication spreads the sum over
//! all bits of the result.

/// The most words that can be hashed.
pub const MAX_WORDS: usize = 80;

/// The secret keys of a hash.
pub struct Secret {
    /// The keys that are added to the words.
    words: [u64; MAX_WORDS],
    /// The keys for what is hashed beside the words.
    tweak: [u64; 2],
    /// The keys of the end.
    end: [u64; 2],
}

/// The upper and the lower half of a product, folded.
#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    // 64 bits times 64 bits always fit.
    let product = (a as u128).wrapping_mul(b as u128);
    (product >> 64) as u64 ^ product as u64
}

impl Secret {
    /// Makes the keys from 128 random bits.
    pub fn new(seed: [u64; 2]) -> Self {
        let [mut state, mut weyl] = seed;
        weyl |= 1;
        let mut next = move || {
            state = state.wrapping_add(weyl);
            let x = fold(state ^ 0x9e37_79b9_7f4a_7c15, weyl ^ state.rotate_left(32));
            fold(x ^ 0xbf58_476d_1ce4_e5b9, state ^ 0x94d0_49bb_1331_11eb)
        };
        Self {
            words: core::array::from_fn(|_| next()),
            tweak: core::array::from_fn(|_| next()),
            end: core::array::from_fn(|_| next()),
        }
    }

    /// Begins a hash of words and of a `tweak`: hashes with different tweaks have nothing to do with
    /// each other.
    #[inline(always)]
    pub fn hasher(&self, tweak: u64) -> Hasher<'_> {
        let [first, second] = self.tweak;
        Hasher {
            sum: u128::from(tweak.wrapping_add(first)).wrapping_mul(u128::from(second)),
            keys: &self.words,
            end: self.end,
        }
    }

    /// The hash of `words`, of which there are at most [`MAX_WORDS`], and of `tweak`.
    ///
    /// The number of words is not hashed: where it varies, it belongs into the tweak.
    pub fn hash(&self, tweak: u64, words: &[u64]) -> u64 {
        let mut hasher = self.hasher(tweak);
        for pair in words.chunks(2) {
            let second = pair.get(1).copied().unwrap_or(0);
            hasher.pair(pair.first().copied().unwrap_or(0), second);
        }
        hasher.finish()
    }
}

/// A hash being computed.
pub struct Hasher<'a> {
    sum: u128,
    keys: &'a [u64],
    end: [u64; 2],
}

impl Hasher<'_> {
    /// Adds two words. What is beyond [`MAX_WORDS`] words is ignored.
    #[inline(always)]
    pub fn pair(&mut self, first: u64, second: u64) {
        if let [key0, key1, rest @ ..] = self.keys {
            let first = u128::from(first.wrapping_add(*key0));
            let second = u128::from(second.wrapping_add(*key1));
            self.sum = self.sum.wrapping_add(first.wrapping_mul(second));
            self.keys = rest;
        }
    }

    /// The hash of what was added.
    #[inline(always)]
    pub fn finish(self) -> u64 {
        let [end0, end1] = self.end;
        let low = self.sum as u64;
        let high = (self.sum >> 64) as u64;
        fold(low ^ end0, high ^ end1)
    }
}
