// SPDX-License-Identifier: GPL-2.0

//! Records of cells in one array.
//!
//! Masks and groups are records of different lengths that lookups reach by number. They lie in one
//! array, at the start of a cache line each, so that a lookup that goes through many of them reads
//! memory in order. The array grows by copying it to a larger one: a record keeps its number.
//!
//! A record that was released may still be read by lookups. It waits on one of two lists until a
//! grace period is over:
//!
//! ```text
//!   release() -> fresh -> waiting -> free
//!                      ^          ^
//!                      turn(), twice, with a grace period between
//! ```
//!
//! The last cell of a record belongs to the writer, and links the records of a list.

use super::super::cell::{
    Cell64,
    LINE, //
};

/// The sizes of records: 1 line, 2, 4 and so on.
const CLASSES: usize = 20;

/// The cells of the smallest arena.
pub const MIN_CELLS: usize = 16 * LINE;

/// A record and its class; zero is none.
type Link = u64;

const fn link(id: u32, class: usize) -> Link {
    ((id as u64) << 32) | class as u64
}

const fn unlink(link: Link) -> (u32, usize) {
    ((link >> 32) as u32, (link & 0xffff) as usize)
}

/// What the writer knows of an arena. A number of zero is no record.
#[derive(Debug)]
pub struct Arena {
    /// The lines in use, from the first on.
    end: u32,
    /// The lists of free records of each class.
    free: [Link; CLASSES],
    /// The records that wait for a grace period that has begun.
    waiting: Link,
    /// The records that wait for one that has not.
    fresh: Link,
}

/// The place of a record's first cell.
#[inline(always)]
pub const fn start(id: u32) -> usize {
    (id as usize).wrapping_mul(LINE)
}

/// The smallest class whose records have `cells` cells beside the writer's.
pub const fn class_for(cells: usize) -> usize {
    let lines = cells.wrapping_add(1).div_ceil(LINE);
    lines.next_power_of_two().trailing_zeros() as usize
}

/// The cells of a record, the writer's included.
pub const fn record_len(class: usize) -> usize {
    LINE.wrapping_shl(class as u32)
}

/// The record `id` of `class`.
pub fn record(cells: &[Cell64], id: u32, class: usize) -> Option<&[Cell64]> {
    cells.get(start(id)..)?.get(..record_len(class))
}

/// The writer's cell of a record.
pub fn writers_cell(cells: &[Cell64], id: u32, class: usize) -> Option<&Cell64> {
    record(cells, id, class)?.last()
}

/// The record after one of a list.
fn next(cells: &[Cell64], of: Link) -> Link {
    let (id, class) = unlink(of);
    writers_cell(cells, id, class).map_or(0, Cell64::load)
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            // No record has the number zero.
            end: 1,
            free: [0; CLASSES],
            waiting: 0,
            fresh: 0,
        }
    }
}

impl Arena {
    /// The cells that must be there for [`Self::alloc`] to succeed for a record of each of
    /// `classes`.
    pub fn cells_for(&self, classes: &[usize]) -> usize {
        let used = (self.end as usize).saturating_mul(LINE);
        classes.iter().fold(used, |cells, &class| {
            cells.saturating_add(record_len(class))
        })
    }

    /// Takes a record out of `cells`; `None` if there is no room.
    ///
    /// Its contents are whatever they were.
    pub fn alloc(&mut self, cells: &[Cell64], class: usize) -> Option<u32> {
        let free = self.free.get_mut(class)?;
        if *free != 0 {
            let (id, _) = unlink(*free);
            *free = next(cells, *free);
            return Some(id);
        }
        let id = self.end;
        record(cells, id, class)?;
        self.end = id.checked_add(1u32.checked_shl(class as u32)?)?;
        Some(id)
    }

    /// Gives a record back that no lookup can find any more that begins after now.
    pub fn release(&mut self, cells: &[Cell64], id: u32, class: usize) {
        if let Some(cell) = writers_cell(cells, id, class) {
            cell.store(self.fresh);
            self.fresh = link(id, class);
        }
    }

    /// Frees the records that wait for a grace period, which must be over. Those that were released
    /// since wait for the next one, which begins no earlier than now. Returns whether there are any.
    pub fn turn(&mut self, cells: &[Cell64]) -> bool {
        while self.waiting != 0 {
            let this = self.waiting;
            self.waiting = next(cells, this);
            let (id, class) = unlink(this);
            let Some(free) = self.free.get_mut(class) else {
                continue;
            };
            if let Some(cell) = writers_cell(cells, id, class) {
                cell.store(*free);
                *free = this;
            }
        }
        self.waiting = core::mem::take(&mut self.fresh);
        self.waiting != 0
    }

    /// Whether records wait for a grace period.
    pub fn waits(&self) -> bool {
        self.waiting != 0 || self.fresh != 0
    }
}
