// SPDX-License-Identifier: GPL-2.0

//! The signature cache: from the hash of a packet's key to the flow of the last packet like it.
//!
//! Each CPU has its own, which only it reads and writes. An entry is a cell: in the upper half 32
//! bits of the hash, in the lower half the number of a flow. The eight entries of a cache line are a
//! set; an entry may be anywhere in its set. What a lookup finds here is a guess, and an entry for
//! flows that have gone is harmless: the caller checks that the flow matches.
//!
//! The hash covers the fields that any mask matches, so that packets that no flow tells apart share
//! an entry.

use super::super::cell::{
    line,
    Cell64,
    LINE, //
};

/// The fewest entries of a cache.
pub const MIN_ENTRIES: usize = 256;

/// The most entries a cache grows to: one MiB.
pub const MAX_ENTRIES: usize = 1 << 17;

/// The cache of one CPU.
#[derive(Clone, Copy)]
pub struct Cache<'a>(&'a [Cell64]);

/// The upper half of a cell for `hash`.
#[inline(always)]
const fn signature(hash: u64) -> u64 {
    hash & !0xffff_ffff
}

impl<'a> Cache<'a> {
    /// The cache in `entries`, all of which are zero at first. Their number must be a power of two.
    #[inline(always)]
    pub fn new(entries: &'a [Cell64]) -> Self {
        Self(entries)
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.0.len()
    }

    /// The set of `hash`, and the entry where it begins to look.
    #[inline(always)]
    fn set(&self, hash: u64) -> Option<(&'a [Cell64; LINE], usize)> {
        let sets = self.0.len() / LINE;
        let set = (hash as usize >> 3) & sets.wrapping_sub(1);
        Some((line(self.0, set)?, hash as usize % LINE))
    }

    /// Gives the number of the flow that `hash` led to last to `check`.
    #[inline(always)]
    pub fn find<T>(&self, hash: u64, check: impl FnOnce(u32) -> Option<T>) -> Option<T> {
        let (set, first) = self.set(hash)?;
        for way in 0..LINE {
            let entry = set[(first ^ way) % LINE].load();
            if (entry ^ hash) >> 32 == 0 {
                return check(entry as u32);
            }
        }
        None
    }

    /// Remembers the number of the flow that `hash` leads to. Returns whether that took the place of
    /// another entry.
    pub fn insert(&self, hash: u64, number: u32) -> bool {
        let Some((set, first)) = self.set(hash) else {
            return false;
        };
        let ways = || (0..LINE).map(|way| &set[(first ^ way) % LINE]);
        let new = signature(hash) | u64::from(number);
        let same = ways().find(|entry| (entry.load() ^ hash) >> 32 == 0);
        if let Some(entry) = same.or_else(|| ways().find(|entry| entry.load() == 0)) {
            entry.store(new);
            return false;
        }
        set[first].store(new);
        true
    }

    /// How many entries a cache should have in which `evicted` entries lost their place to others.
    pub fn entries_after(&self, evicted: u64) -> usize {
        let entries = self.0.len();
        if evicted < entries as u64 / 2 || entries >= MAX_ENTRIES {
            return entries;
        }
        entries.saturating_mul(4).clamp(MIN_ENTRIES, MAX_ENTRIES)
    }
}
