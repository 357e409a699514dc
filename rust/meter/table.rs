// SPDX-License-Identifier: GPL-2.0

//! The meters of a datapath, found by their ids.
//!
//! A hash table of small arrays. An array is never changed but replaced, as is the table when it
//! becomes too small, so that packets find every meter at any time. Any ids may be in use together,
//! unlike in the C module, where two that differ by a multiple of the table's size exclude each
//! other.

use super::Meter;
use crate::{
    alloc,
    datapath::OvsGuard,
    sync::{
        once::Shared,
        rcu::{
            HeaderSlice,
            RcuBox,
            RcuPtr,
            Read, //
        }, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};

/// The most meters of a datapath (`DP_METER_NUM_MAX`).
const MAX: usize = 200_000;

/// The part of the memory that meters may take is one by this number.
const MEMORY_SHARE: usize = 32;

/// The binary logarithm of the least number of places.
const MIN_BITS: u32 = 6;

/// A meter and its id.
#[derive(Clone)]
struct Entry {
    id: u32,
    meter: Arc<Meter>,
}

/// The meters whose ids have the same hash.
type Place = RcuPtr<HeaderSlice<(), Entry>>;

/// The places, and the binary logarithm of their number.
type Table = HeaderSlice<u32, Place>;

/// The meters of a datapath.
pub(crate) struct Meters {
    table: RcuPtr<Table>,
    len: Shared<u32>,
    max: u32,
}

/// The place of an id among 2^`bits`, which are more than one.
///
/// Ids that follow each other, as user space gives them, have different ones (Fibonacci hashing).
#[inline]
fn index(id: u32, bits: u32) -> usize {
    const GOLDEN_RATIO: u32 = 0x9e37_79b9;

    id.wrapping_mul(GOLDEN_RATIO)
        .wrapping_shr(u32::BITS.saturating_sub(bits)) as usize
}

/// What a place is to hold.
fn packed(entries: &[Entry]) -> Result<Option<RcuBox<HeaderSlice<(), Entry>>>> {
    if entries.is_empty() {
        return Ok(None);
    }
    let packed = RcuBox::from_fn(
        (),
        entries.len(),
        |i| entries.get(i).cloned().ok_or(EINVAL),
        GFP_KERNEL,
    )?;
    Ok(Some(packed))
}

impl Meters {
    /// No meters.
    pub(crate) fn new() -> Self {
        let memory = alloc::total_bytes() / MEMORY_SHARE;
        let fit = memory.checked_div(Meter::size()).unwrap_or(0);
        Self {
            table: RcuPtr::null(),
            len: Shared::new(0),
            max: fit.min(MAX) as u32,
        }
    }

    /// How many meters there can be.
    pub(crate) fn max(&self) -> u32 {
        self.max
    }

    /// The meter with an id.
    #[inline]
    pub(crate) fn get<'a>(&'a self, id: u32, rcu: Read<'a>) -> Option<&'a Arc<Meter>> {
        let table = self.table.get(rcu)?;
        let place = table.slice.get(index(id, table.header))?.get(rcu)?;
        let entry = place.slice.iter().find(|entry| entry.id == id)?;
        Some(&entry.meter)
    }

    /// The meter with an id, to keep.
    pub(crate) fn find(&self, id: u32) -> Option<Arc<Meter>> {
        let guard = rcu::read_lock();
        self.get(id, Read::from(&guard)).cloned()
    }

    /// Adds a meter, or puts it in the place of the one with its id, which is returned.
    pub(crate) fn set(
        &self,
        id: u32,
        meter: Arc<Meter>,
        guard: &OvsGuard,
    ) -> Result<Option<Arc<Meter>>> {
        let old = self.find(id);
        if old.is_none() {
            if self.len.load() >= self.max {
                return Err(EFBIG);
            }
            self.reserve(guard)?;
        }
        self.change(id, Some(meter), guard)?;
        if old.is_none() {
            self.len.store(self.len.load().saturating_add(1));
        }
        Ok(old)
    }

    /// Removes the meter with an id, and returns it, if there is one.
    pub(crate) fn remove(&self, id: u32, guard: &OvsGuard) -> Result<Option<Arc<Meter>>> {
        let old = self.find(id);
        if old.is_some() {
            self.change(id, None, guard)?;
            self.len.store(self.len.load().saturating_sub(1));
        }
        Ok(old)
    }

    /// Makes sure that there are no fewer places than there will be meters.
    fn reserve(&self, _: &OvsGuard) -> Result {
        let (bits, len) = match self.with_table(|table| table.header) {
            Some(bits) if self.len.load() < 1u32.wrapping_shl(bits) => return Ok(()),
            Some(bits) => (bits.saturating_add(1), 2usize.wrapping_shl(bits)),
            None => (MIN_BITS, 1 << MIN_BITS),
        };
        let new = RcuBox::from_fn(
            bits,
            len,
            // The hash has one bit more at its end: these meters were all at one place.
            |i| {
                let mut entries = self.entries(i / 2)?;
                entries.retain(|entry| index(entry.id, bits) == i);
                Ok::<_, Error>(match packed(&entries)? {
                    Some(entries) => Place::new(entries),
                    None => Place::null(),
                })
            },
            GFP_KERNEL,
        )?;
        self.table.replace(Some(new));
        Ok(())
    }

    /// Replaces the meter with an id by another one, or by none.
    fn change(&self, id: u32, meter: Option<Arc<Meter>>, _: &OvsGuard) -> Result {
        let bits = self.with_table(|table| table.header).ok_or(EINVAL)?;
        let at = index(id, bits);
        let mut entries = self.entries(at)?;
        entries.retain(|entry| entry.id != id);
        if let Some(meter) = meter {
            entries.push(Entry { id, meter }, GFP_KERNEL)?;
        }
        let new = packed(&entries)?;
        self.with_table(|table| table.slice.get(at).map(|place| place.replace(new)));
        Ok(())
    }

    /// The meters at a place of the table. They do not change while the lock is held.
    fn entries(&self, at: usize) -> Result<KVec<Entry>> {
        let len = self.with_place(at, <[Entry]>::len).unwrap_or(0);
        let mut entries = KVec::with_capacity(len.saturating_add(1), GFP_KERNEL)?;
        self.with_place(at, |place| {
            for entry in place {
                // There is room, as the number has not changed.
                let _ = entries.push_within_capacity(entry.clone());
            }
        });
        Ok(entries)
    }

    /// Looks at the meters at a place, if there are any.
    fn with_place<R>(&self, at: usize, look: impl FnOnce(&[Entry]) -> R) -> Option<R> {
        let guard = rcu::read_lock();
        let rcu = Read::from(&guard);
        let place = self.table.get(rcu)?.slice.get(at)?.get(rcu)?;
        Some(look(&place.slice))
    }

    /// Looks at the table, if there is one.
    fn with_table<R>(&self, look: impl FnOnce(&Table) -> R) -> Option<R> {
        let guard = rcu::read_lock();
        self.table.get(Read::from(&guard)).map(look)
    }
}
