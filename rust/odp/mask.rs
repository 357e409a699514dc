// SPDX-License-Identifier: GPL-2.0

//! Masks without the words that match nothing.
//!
//! Most masks have bits in six to ten of the 70 words of a [`Key`]. A [`Compact`] lists those words,
//! a flow stores the words of its key that its mask lists and no others, and a [`Mask`] is what
//! lookups use: a compact mask in memory that lookups share with a writer.
//!
//! A `Mask` is a record of cells: the number of words `n`; then their places in a `Key`, eight to a
//! cell; then the words of the mask. `n` is made even by a word that matches nothing, as the hash
//! takes words in pairs.

use super::{
    cell::Cell64,
    hash::Secret,
    key::{
        Key,
        WORDS, //
    }, //
};

const _: () = assert!(WORDS % 2 == 0 && WORDS < 256);
const _: () = assert!(WORDS + WORDS.div_ceil(8) <= super::hash::MAX_WORDS);

/// A mask as a list of the words that have bits, in the order of a [`Key`].
#[derive(Clone)]
pub struct Compact {
    len: usize,
    places: [u8; WORDS],
    words: [u64; WORDS],
}

impl Compact {
    /// Lists the words of `mask`.
    pub fn new(mask: &Key) -> Self {
        Self::from_words((0u8..).zip(mask.words().iter().copied()))
    }

    /// Lists the words at the given places, which must ascend.
    pub fn from_words(words: impl Iterator<Item = (u8, u64)>) -> Self {
        let mut new = Self {
            len: 0,
            places: [0; WORDS],
            words: [0; WORDS],
        };
        let free = new.places.iter_mut().zip(&mut new.words);
        for ((free_place, free), (place, word)) in free.zip(words.filter(|word| word.1 != 0)) {
            (*free_place, *free) = (place, word);
            new.len = new.len.wrapping_add(1);
        }
        new
    }

    /// The number of words.
    pub fn count(&self) -> usize {
        self.len
    }

    /// The words: their places in a key, and their bits.
    pub fn words(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        let words = self.places.iter().zip(&self.words).take(self.len);
        words.map(|(&place, &word)| (place, word))
    }

    /// The words that a flow with this mask stores of `key`.
    pub fn compress<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = u64> + 'a {
        self.words()
            .map(|(place, mask)| key.words().get(usize::from(place)).map_or(0, |w| w & mask))
    }

    /// The places, eight to a word.
    fn packed_places(&self) -> impl Iterator<Item = u64> + '_ {
        let places = self.places.get(..self.len).unwrap_or_default();
        places.chunks(8).map(|eight| {
            let pack = |packed, &place| packed << 8 | u64::from(place);
            eight.iter().rev().fold(0, pack)
        })
    }

    /// The hash that finds an equal mask.
    pub fn hash(&self, secret: &Secret) -> u64 {
        let mut hasher = secret.hasher(self.len as u64);
        let mut words = self
            .words()
            .map(|(_, word)| word)
            .chain(self.packed_places());
        while let Some(first) = words.next() {
            hasher.pair(first, words.next().unwrap_or(0));
        }
        hasher.finish()
    }

    /// The cells of a record with `len` words.
    pub const fn record_len(len: usize) -> usize {
        let len = len.next_multiple_of(2);
        // At most 80.
        1usize.wrapping_add(len.div_ceil(8)).wrapping_add(len)
    }

    /// Writes the record of this mask to the start of `cells`, if there is room.
    pub fn write(&self, cells: &[Cell64]) -> Option<()> {
        let record = cells.get(..Self::record_len(self.len))?;
        let (head, body) = record.split_first()?;
        let (place_cells, word_cells) = body.split_at_checked(self.len.div_ceil(8))?;
        for (cell, eight) in place_cells.iter().zip(self.packed_places()) {
            cell.store(eight);
        }
        let words = self.words().map(|(_, word)| word).chain([0]);
        for (cell, word) in word_cells.iter().zip(words) {
            cell.store(word);
        }
        head.store(self.len as u64);
        Some(())
    }
}

/// The mask in a record, which nobody changes while there are readers.
#[derive(Clone, Copy)]
pub struct Mask<'a> {
    len: usize,
    places: &'a [Cell64],
    words: &'a [Cell64],
}

impl<'a> Mask<'a> {
    /// The mask whose record begins at `start` of `cells`; `None` if it does not end there as well.
    #[inline(always)]
    pub fn at(cells: &'a [Cell64], start: usize) -> Option<Self> {
        let (head, rest) = cells.get(start..)?.split_first()?;
        let len = (head.load() & 0xff) as usize;
        let even = len.wrapping_add(len & 1);
        let (places, rest) = rest.split_at_checked(even.wrapping_add(7) >> 3)?;
        let words = rest.get(..even)?;
        Some(Self { len, places, words })
    }

    /// The number of words that a flow with this mask stores.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.len
    }

    /// The hash of what this mask leaves of `key`.
    #[inline(always)]
    pub fn hash(&self, secret: &Secret, tweak: u64, key: &Key) -> u64 {
        let mut hasher = secret.hasher(tweak);
        for (places, words) in self.places.iter().zip(self.words.chunks(8)) {
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
        secret.hash(tweak, flow.get(..self.len).unwrap_or_default())
    }

    /// Whether the first words of `flow` are what this mask leaves of `key`.
    #[inline(always)]
    pub fn matches(&self, key: &Key, flow: &[u64]) -> bool {
        let Some(flow) = flow.get(..self.len) else {
            return false;
        };
        let mut difference = 0;
        for ((places, words), flow) in self
            .places
            .iter()
            .zip(self.words.chunks(8))
            .zip(flow.chunks(8))
        {
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
        let places = self
            .places
            .iter()
            .flat_map(|cell| cell.load().to_le_bytes());
        places
            .zip(self.words.iter().map(Cell64::load))
            .take(self.len)
    }

    /// The first two words of the mask, and those of the key of which the first words of `flow` are
    /// the compressed form.
    pub fn leading(&self, flow: &[u64]) -> ([u64; 2], [u64; 2]) {
        let (mut mask, mut key) = ([0; 2], [0; 2]);
        for ((place, bits), &word) in self.words().zip(flow).take(2) {
            let place = usize::from(place);
            if let (Some(bits_), Some(word_)) = (mask.get_mut(place), key.get_mut(place)) {
                (*bits_, *word_) = (bits, word);
            }
        }
        (mask, key)
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
