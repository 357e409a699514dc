// SPDX-License-Identifier: GPL-2.0

//! Masks without the words that match nothing.
//!
//! Most masks have bits in six of the 70 words of a [`Key`], and nearly always the same ones: those
//! are the [`DENSE`] words. A [`Compact`] mask has these, and a list of the other words with bits. A
//! flow stores as many words of its key and no others. A [`Mask`] is what lookups use: a compact mask
//! in memory that they share with a writer. It is a record of cells, which for most masks is one
//! cache line:
//!
//! ```text
//!   cell 0 to 5  the dense words
//!   cell 6       the number of other words
//!   then         their places in a key, eight to a cell
//!   then         the words; one that matches nothing makes them even, as the hash takes them in pairs
//! ```

use super::{
    cell::{
        Cell64,
        LINE, //
    },
    hash::{
        Hasher,
        Secret, //
    },
    key::{
        Key,
        WORDS, //
    }, //
};

/// The number of words that every mask has.
pub const DENSE: usize = 6;

/// The places of these words in a key.
const DENSE_PLACES: [u8; DENSE] = [0, 1, 2, 3, 5, 6];

/// The most other words that a mask has.
const SPARSE: usize = WORDS - DENSE;

/// The cells of a record before the places.
const HEAD: usize = DENSE + 1;

const _: () = assert!(WORDS % 2 == 0 && DENSE % 2 == 0 && WORDS < 256 && HEAD < LINE);
const _: () = assert!(WORDS + SPARSE.div_ceil(8) <= super::hash::MAX_WORDS);

/// The dense words of a key.
#[inline(always)]
const fn dense(key: &Key) -> [u64; DENSE] {
    let words = key.words();
    [words[0], words[1], words[2], words[3], words[5], words[6]]
}

/// A mask as the words that have bits, in the order of a [`Key`] but for the dense ones, which are
/// first.
#[derive(Clone)]
pub struct Compact {
    dense: [u64; DENSE],
    /// The number of other words.
    len: usize,
    places: [u8; SPARSE],
    words: [u64; SPARSE],
}

impl Compact {
    /// Lists the words of `mask`.
    pub fn new(mask: &Key) -> Self {
        let mut new = Self {
            dense: dense(mask),
            len: 0,
            places: [0; SPARSE],
            words: [0; SPARSE],
        };
        let words = (0u8..).zip(mask.words());
        let sparse = words.filter(|(place, &word)| word != 0 && !DENSE_PLACES.contains(place));
        let free = new.places.iter_mut().zip(&mut new.words);
        for ((free_place, free_word), (place, &word)) in free.zip(sparse) {
            (*free_place, *free_word) = (place, word);
            new.len = new.len.wrapping_add(1);
        }
        new
    }

    /// The number of words that a flow with this mask stores.
    pub fn count(&self) -> usize {
        self.len.wrapping_add(DENSE)
    }

    /// The words: their places in a key, and their bits.
    pub fn words(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        let dense = DENSE_PLACES.iter().zip(&self.dense);
        let sparse = self.places.iter().zip(&self.words).take(self.len);
        Iterator::chain(dense, sparse).map(|(&place, &word)| (place, word))
    }

    /// The words that a flow with this mask stores of `key`.
    pub fn compress<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = u64> + 'a {
        self.words()
            .map(|(place, mask)| word(key, place.into()) & mask)
    }

    /// The places of the words that are not dense, eight to a word.
    fn packed_places(&self) -> impl Iterator<Item = u64> + '_ {
        let places = self.places.get(..self.len).unwrap_or_default();
        places.chunks(8).map(|eight| {
            let pack = |packed, &place| (packed << 8) | u64::from(place);
            eight.iter().rev().fold(0, pack)
        })
    }

    /// The hash that finds an equal mask.
    pub fn hash(&self, secret: &Secret) -> u64 {
        let mut hasher = secret.hasher(self.len as u64);
        let words = self.words().map(|(_, word)| word);
        let mut words = Iterator::chain(words, self.packed_places());
        while let Some(first) = words.next() {
            hasher.pair(first, words.next().unwrap_or(0));
        }
        hasher.finish()
    }

    /// The cells of a record for a mask with `count` words.
    pub const fn record_len(count: usize) -> usize {
        let sparse = count.saturating_sub(DENSE).next_multiple_of(2);
        // At most 79.
        HEAD.wrapping_add(sparse.div_ceil(8)).wrapping_add(sparse)
    }

    /// Writes the record of this mask to the start of `cells`, if there is room.
    pub fn write(&self, cells: &[Cell64]) -> Option<()> {
        let record = cells.get(..Self::record_len(self.count()))?;
        let dense = self.dense.iter().copied();
        let len = [self.len as u64].into_iter();
        let words = self.words.iter().take(self.len.next_multiple_of(2));
        let all = Iterator::chain(dense, len);
        let all = Iterator::chain(all, self.packed_places());
        let all = Iterator::chain(all, words.copied());
        for (cell, word) in record.iter().zip(all) {
            cell.store(word);
        }
        Some(())
    }
}

/// The mask in a record, which nobody changes while there are readers.
#[derive(Clone, Copy)]
pub struct Mask<'a> {
    dense: &'a [Cell64; DENSE],
    /// The number of other words.
    len: usize,
    /// The cells behind their number.
    rest: &'a [Cell64],
}

impl<'a> Mask<'a> {
    /// The mask whose record begins at `start` of `cells`; `None` if there is no room for one.
    #[inline(always)]
    pub fn at(cells: &'a [Cell64], start: usize) -> Option<Self> {
        let (head, rest) = cells.get(start..)?.split_first_chunk::<HEAD>()?;
        Some(Self {
            dense: head.first_chunk()?,
            len: (head[DENSE].load() & 0xff) as usize,
            rest,
        })
    }

    /// The number of words that a flow with this mask stores.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.len.wrapping_add(DENSE)
    }

    /// The places of the words that are not dense, and the words.
    fn sparse(&self) -> (&'a [Cell64], &'a [Cell64]) {
        let words = self.len.next_multiple_of(2);
        let (places, rest) = self
            .rest
            .split_at_checked(words.div_ceil(8))
            .unwrap_or_default();
        (places, rest.get(..words).unwrap_or_default())
    }

    /// The hash of what this mask leaves of `key`.
    #[inline(always)]
    pub fn hash(&self, secret: &Secret, tweak: u64, key: &Key) -> u64 {
        let mut hasher = secret.hasher(tweak);
        let [word0, word1, word2, word3, word5, word6] = dense(key);
        let [mask0, mask1, mask2, mask3, mask5, mask6] = self.dense;
        hasher.pair(mask0.load() & word0, mask1.load() & word1);
        hasher.pair(mask2.load() & word2, mask3.load() & word3);
        hasher.pair(mask5.load() & word5, mask6.load() & word6);
        if self.len != 0 {
            return self.hash_sparse(hasher, key);
        }
        hasher.finish()
    }

    /// The rest of [`Self::hash`] for a mask with other words.
    #[inline(never)]
    fn hash_sparse(&self, mut hasher: Hasher<'_>, key: &Key) -> u64 {
        let (places, words) = self.sparse();
        for (places, words) in places.iter().zip(words.chunks(8)) {
            let mut places = places.load();
            for pair in words.chunks_exact(2) {
                if let [first, second] = pair {
                    let first = first.load() & word(key, places);
                    let second = second.load() & word(key, places >> 8);
                    places >>= 16;
                    hasher.pair(first, second);
                }
            }
        }
        hasher.finish()
    }

    /// The hash that [`Self::hash`] gives for every key whose compressed words are `flow`.
    pub fn hash_flow(&self, secret: &Secret, tweak: u64, flow: &[u64]) -> u64 {
        secret.hash(tweak, flow.get(..self.count()).unwrap_or_default())
    }

    /// Whether the first words of `flow` are what this mask leaves of `key`.
    #[inline(always)]
    pub fn matches(&self, key: &Key, flow: &[u64]) -> bool {
        let Some(dense_flow) = flow.first_chunk::<DENSE>() else {
            return false;
        };
        let words = dense(key);
        let mut difference = 0;
        for n in 0..DENSE {
            difference |= (self.dense[n].load() & words[n]) ^ dense_flow[n];
        }
        difference == 0 && (self.len == 0 || self.matches_sparse(key, flow))
    }

    /// The rest of [`Self::matches`] for a mask with other words.
    #[inline(never)]
    fn matches_sparse(&self, key: &Key, flow: &[u64]) -> bool {
        let Some(flow) = flow.get(DENSE..self.count()) else {
            return false;
        };
        let (places, words) = self.sparse();
        let mut difference = 0;
        let eights = words.chunks(8).zip(flow.chunks(8));
        for (places, (words, flow)) in places.iter().zip(eights) {
            let mut places = places.load();
            for (mask, flow) in words.iter().zip(flow) {
                difference |= (mask.load() & word(key, places)) ^ flow;
                places >>= 8;
            }
        }
        difference == 0
    }

    /// The words: their places in a key, and their bits.
    pub fn words(self) -> impl Iterator<Item = (u8, u64)> + 'a {
        let dense = DENSE_PLACES.into_iter().zip(self.dense.iter());
        let (places, words) = self.sparse();
        let places = places.iter().flat_map(|cell| cell.load().to_le_bytes());
        let sparse = places.zip(words).take(self.len);
        Iterator::chain(dense, sparse).map(|(place, cell)| (place, cell.load()))
    }

    /// The first two words of the mask, and those of the key of which the first words of `flow` are
    /// the compressed form.
    pub fn leading(&self, flow: &[u64]) -> Option<([u64; 2], [u64; 2])> {
        let mask = [self.dense[0].load(), self.dense[1].load()];
        Some((mask, *flow.first_chunk()?))
    }

    /// Whether this is the mask `other`.
    pub fn equals(&self, other: &Compact) -> bool {
        self.count() == other.count() && self.words().eq(other.words())
    }

    /// The mask as a key.
    pub fn expand(&self) -> Key {
        expand(self.words())
    }

    /// The key of which the first words of `flow` are the compressed form.
    pub fn expand_flow(&self, flow: &[u64]) -> Key {
        expand(
            self.words()
                .zip(flow)
                .map(|((place, _), &word)| (place, word)),
        )
    }
}

/// The word of `key` at the place in the lowest byte of `places`.
#[inline(always)]
fn word(key: &Key, places: u64) -> u64 {
    key.words()
        .get((places & 0xff) as usize)
        .copied()
        .unwrap_or(0)
}

/// A key with the given words at the given places, and zeroes elsewhere.
pub fn expand(words: impl Iterator<Item = (u8, u64)>) -> Key {
    let mut key = Key::ZERO;
    for (place, word) in words {
        if let Some(free) = key.words_mut().get_mut(usize::from(place)) {
            *free = word;
        }
    }
    key
}
