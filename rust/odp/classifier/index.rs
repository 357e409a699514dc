// SPDX-License-Identifier: GPL-2.0

//! A hash table from a hash to numbers.
//!
//! A bucket is one cache line with ten entries: a 16-bit tag from the hash, and a 32-bit number that
//! says where the thing itself is. A lookup that finds nothing looks at the tags of one line and
//! follows no number, in all but one of some thousand cases. The line also has a link to a further
//! bucket, from an area behind the others, for the few buckets that overflow.
//!
//! ```text
//!   cell 0       tags of the entries 0 to 3; a tag of zero: no entry
//!   cell 1       tags of the entries 4 to 7
//!   cell 2       tags of the entries 8 and 9, and in the upper half the link; zero: none
//!   cell 3 to 7  numbers of two entries each
//! ```
//!
//! Lookups take no lock. An entry never moves, its number is stored before its tag appears, and it
//! goes by clearing the tag: a lookup finds every number that is in the table all the while. It may
//! also find one that has just gone, or another one that took the entry, so it must check what the
//! number leads to. A table grows by filling a larger one, with new keys for the hash, that takes the
//! place of this one.

use super::super::{
    cell::{
        line,
        Cell64,
        LINE, //
    },
    hash::Secret, //
};

/// The entries of a bucket.
const ENTRIES: usize = 10;

/// The fewest buckets of a table.
pub const MIN_BUCKETS: u32 = 16;

/// The most buckets of a table.
pub const MAX_BUCKETS: u32 = 1 << 26;

/// A table, as lookups see it.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    cells: &'a [Cell64],
    buckets: u32,
    secret: &'a Secret,
}

/// What only the writer of a table knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fill {
    /// The numbers in the table.
    len: u32,
    /// The buckets in use of those that are for overflows.
    spilled: u32,
}

/// A lane for each of the four tags of a cell, with `tag` in every one.
#[inline(always)]
const fn lanes(tag: u64) -> u64 {
    tag.wrapping_mul(0x0001_0001_0001_0001)
}

/// The upper bit of each lane that is equal in both, and of the lane above one if it differs in the
/// lowest bit only.
#[inline(always)]
const fn equal_lanes(a: u64, b: u64) -> u64 {
    let difference = a ^ b;
    difference.wrapping_sub(lanes(1)) & !difference & lanes(0x8000)
}

/// The tag of a hash, in all lanes. Never one, which [`equal_lanes`] might take an empty entry for.
#[inline(always)]
const fn tags_of(hash: u64) -> u64 {
    let tag = hash >> 48;
    lanes(if tag < 2 { tag.wrapping_add(2) } else { tag })
}

/// The cell and the shift of the tag of an entry.
const fn tag_place(entry: usize) -> (usize, u32) {
    (entry / 4, (entry % 4 * 16) as u32)
}

/// The cell and the shift of the number of an entry.
const fn number_place(entry: usize) -> (usize, u32) {
    (entry / 2 + 3, (entry % 2 * 32) as u32)
}

#[inline(always)]
fn number(bucket: &[Cell64; LINE], entry: usize) -> u32 {
    let (cell, shift) = number_place(entry);
    bucket
        .get(cell)
        .map_or(0, |cell| cell.load().wrapping_shr(shift) as u32)
}

fn set_number(bucket: &[Cell64; LINE], entry: usize, number: u32) {
    let (cell, shift) = number_place(entry);
    if let Some(cell) = bucket.get(cell) {
        let others = cell.load() & !0xffff_ffffu64.wrapping_shl(shift);
        cell.store_release(others | u64::from(number).wrapping_shl(shift));
    }
}

fn tag(bucket: &[Cell64; LINE], entry: usize) -> u16 {
    let (cell, shift) = tag_place(entry);
    bucket
        .get(cell)
        .map_or(0, |cell| cell.load().wrapping_shr(shift) as u16)
}

fn set_tag(bucket: &[Cell64; LINE], entry: usize, tag: u16) {
    let (cell, shift) = tag_place(entry);
    if let Some(cell) = bucket.get(cell) {
        let others = cell.load() & !0xffffu64.wrapping_shl(shift);
        cell.store_release(others | u64::from(tag).wrapping_shl(shift));
    }
}

impl<'a> Index<'a> {
    /// The cells of a table with `buckets` buckets, all of them zero at first.
    pub const fn cells(buckets: u32) -> usize {
        let spill = (buckets as usize / 8).wrapping_add(4);
        (buckets as usize).wrapping_add(spill).wrapping_mul(LINE)
    }

    /// The table in `cells`, of which there are [`Self::cells`] for `buckets`.
    #[inline(always)]
    pub fn new(cells: &'a [Cell64], buckets: u32, secret: &'a Secret) -> Self {
        Self {
            cells,
            buckets,
            secret,
        }
    }

    /// The keys of the hash that this table takes.
    #[inline(always)]
    pub fn secret(&self) -> &'a Secret {
        self.secret
    }

    /// The number of buckets, overflows aside.
    pub fn buckets(&self) -> u32 {
        self.buckets
    }

    #[inline(always)]
    fn bucket(&self, n: u32) -> Option<&'a [Cell64; LINE]> {
        line(self.cells, n as usize)
    }

    /// The bucket a hash belongs in.
    #[inline(always)]
    fn first(&self, hash: u64) -> Option<&'a [Cell64; LINE]> {
        // Scales the lower half of the hash to the number of buckets.
        let n = (hash & 0xffff_ffff).wrapping_mul(u64::from(self.buckets)) >> 32;
        self.bucket(n as u32)
    }

    #[inline(always)]
    fn next(&self, bucket: &[Cell64; LINE]) -> Option<&'a [Cell64; LINE]> {
        let link = (bucket[2].load_acquire() >> 32) as u32;
        if link == 0 {
            return None;
        }
        self.bucket(link)
    }

    /// Gives the numbers that may belong to `hash` to `check`, until it returns something.
    #[inline(always)]
    pub fn find<T>(&self, hash: u64, mut check: impl FnMut(u32) -> Option<T>) -> Option<T> {
        let tags = tags_of(hash);
        let mut bucket = self.first(hash)?;
        loop {
            // The upper lanes of the third cell are no tags.
            let last = bucket[2].load_acquire();
            let hits = [
                equal_lanes(bucket[0].load_acquire(), tags),
                equal_lanes(bucket[1].load_acquire(), tags),
                equal_lanes(last, tags) & 0xffff_ffff,
            ];
            if hits[0] | hits[1] | hits[2] != 0 {
                for (first, mut hits) in [0usize, 4, 8].into_iter().zip(hits) {
                    while hits != 0 {
                        let lane = hits.trailing_zeros() as usize / 16;
                        if let Some(found) = check(number(bucket, first.wrapping_add(lane))) {
                            return Some(found);
                        }
                        hits &= hits.wrapping_sub(1);
                    }
                }
            }
            if last >> 32 == 0 {
                return None;
            }
            bucket = self.bucket((last >> 32) as u32)?;
        }
    }

    /// The bucket and the entry with `number`.
    fn entry(&self, hash: u64, number_: u32) -> Option<(&'a [Cell64; LINE], usize)> {
        let tag_ = tags_of(hash) as u16;
        let mut bucket = self.first(hash);
        while let Some(this) = bucket {
            for entry in 0..ENTRIES {
                if tag(this, entry) == tag_ && number(this, entry) == number_ {
                    return Some((this, entry));
                }
            }
            bucket = self.next(this);
        }
        None
    }

    /// Whether the table takes one more number, whatever its hash.
    pub fn has_room(&self, fill: &Fill) -> bool {
        // Six and a half per bucket: then one of fifteen buckets overflows.
        let most = u64::from(self.buckets).wrapping_mul(13) / 2;
        let buckets = (self.cells.len() / LINE) as u64;
        let spilled = u64::from(self.buckets).wrapping_add(u64::from(fill.spilled));
        u64::from(fill.len) < most && spilled < buckets
    }

    /// The buckets of a table that holds `len` numbers, and as many again.
    pub fn buckets_for(len: u32) -> u32 {
        let buckets = u64::from(len).wrapping_mul(4) / 13;
        let buckets = buckets.clamp(u64::from(MIN_BUCKETS), u64::from(MAX_BUCKETS));
        (buckets as u32).next_power_of_two()
    }

    /// Adds a number; `None` if there is no room. For the writer only.
    pub fn insert(&self, fill: &mut Fill, hash: u64, number: u32) -> Option<()> {
        let tag_ = tags_of(hash) as u16;
        let mut bucket = self.first(hash)?;
        let (bucket, entry) = loop {
            if let Some(entry) = (0..ENTRIES).find(|&entry| tag(bucket, entry) == 0) {
                break (bucket, entry);
            }
            if let Some(next) = self.next(bucket) {
                bucket = next;
                continue;
            }
            let link = self.buckets.wrapping_add(fill.spilled);
            let next = self.bucket(link)?;
            fill.spilled = fill.spilled.wrapping_add(1);
            let tags = bucket[2].load() & 0xffff_ffff;
            bucket[2].store_release((u64::from(link) << 32) | tags);
            break (next, 0);
        };
        set_number(bucket, entry, number);
        set_tag(bucket, entry, tag_);
        fill.len = fill.len.wrapping_add(1);
        Some(())
    }

    /// Removes a number; `None` if it is not there. For the writer only.
    pub fn remove(&self, fill: &mut Fill, hash: u64, number: u32) -> Option<()> {
        let (bucket, entry) = self.entry(hash, number)?;
        set_tag(bucket, entry, 0);
        fill.len = fill.len.wrapping_sub(1);
        Some(())
    }

    /// Puts another number in the place of one; `None` if it is not there. For the writer only.
    pub fn replace(&self, hash: u64, old: u32, new: u32) -> Option<()> {
        let (bucket, entry) = self.entry(hash, old)?;
        set_number(bucket, entry, new);
        Some(())
    }

    /// All numbers in the table. For the writer only.
    pub fn numbers(self) -> impl Iterator<Item = u32> + 'a {
        let buckets = self.cells.chunks_exact(LINE);
        buckets
            .filter_map(|cells| cells.first_chunk::<LINE>())
            .flat_map(|bucket| {
                (0..ENTRIES)
                    .filter(|&entry| tag(bucket, entry) != 0)
                    .map(|entry| number(bucket, entry))
            })
    }
}

impl Fill {
    /// The numbers in the table.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
