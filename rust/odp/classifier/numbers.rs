// SPDX-License-Identifier: GPL-2.0

//! The numbers of flows.
//!
//! A flow keeps its number for as long as it is in the table. Free numbers are found in a bitmap, the
//! lowest first, so that the numbers in use stay together and a dump reads memory in order.
//!
//! Some numbers are never used, so that what is kept by number comes in blocks that fill a page with
//! what is in front of them: the last of each 128, the last two of each [`BLOCK`], and zero.

/// The numbers of a block, of which only so many are used that are below [`SLOTS`].
pub const BLOCK: u32 = 1 << 12;

/// The slots of a block.
pub const SLOTS: usize = BLOCK as usize - 2;

/// The most blocks.
pub const BLOCKS: usize = 1 << 11;

/// The numbers of one word of the bitmap.
const WORD: u32 = u64::BITS;

/// The words of the bitmap of a block.
pub const BLOCK_WORDS: usize = (BLOCK / WORD) as usize;

/// Which numbers are free; the bitmap itself is the caller's.
#[derive(Debug, Default)]
pub struct Numbers {
    /// No word of the bitmap before this one has a free number.
    first: usize,
}

impl Numbers {
    /// The word of the bitmap with this index, as long as no number is in use: the bits are set of
    /// those that never are.
    pub const fn unused(index: usize) -> u64 {
        let mut word = 0;
        if index == 0 {
            word |= 1;
        }
        if index % 2 == 1 {
            word |= 1 << 63;
        }
        if index % BLOCK_WORDS == BLOCK_WORDS - 1 {
            word |= 1 << 62;
        }
        word
    }

    /// The lowest free number; `None` if there is none in `bitmap`.
    pub fn lowest(&mut self, bitmap: &[u64]) -> Option<u32> {
        while let Some(word) = bitmap.get(self.first) {
            if *word != u64::MAX {
                let first = u32::try_from(self.first).ok()?;
                return first.checked_mul(WORD)?.checked_add(word.trailing_ones());
            }
            self.first = self.first.wrapping_add(1);
        }
        None
    }

    /// Takes a free number.
    pub fn take(&mut self, bitmap: &mut [u64], number: u32) {
        if let Some(word) = bitmap.get_mut((number / WORD) as usize) {
            *word |= 1u64.wrapping_shl(number % WORD);
        }
    }

    /// Gives a number back.
    pub fn give(&mut self, bitmap: &mut [u64], number: u32) {
        let index = (number / WORD) as usize;
        if let Some(word) = bitmap.get_mut(index) {
            *word &= !1u64.wrapping_shl(number % WORD);
            self.first = self.first.min(index);
        }
    }

    /// The lowest number in use from `number` on.
    pub fn next_used(&self, bitmap: &[u64], number: u32) -> Option<u32> {
        let first = number / WORD;
        let mut mask = u64::MAX.wrapping_shl(number % WORD);
        for index in first.. {
            let word = bitmap.get(index as usize)? & !Self::unused(index as usize) & mask;
            if word != 0 {
                return index.checked_mul(WORD)?.checked_add(word.trailing_zeros());
            }
            mask = u64::MAX;
        }
        None
    }
}
