// SPDX-License-Identifier: GPL-2.0

//! The flow classifier: which flow a packet belongs to.
//!
//! These are the algorithms of the flow table. They own no memory and know no kernel: a [`Store`]
//! gives them slices of cells, which it allocates, publishes and frees. A lookup runs through
//!
//! 1. the [signature cache](cache) of its CPU, which answers for most packets: it guesses a flow from
//!    a hash of the packet's key, and the guess is checked;
//! 2. else the [groups] of masks: for each combination of exactly matched leading fields that is in
//!    use, those masks that any flow with the packet's values has;
//! 3. for each of these masks the [index] of flows, with a hash of the masked key and the mask.
//!
//! Lookups run at any time and take no lock; there is one writer at a time ([`update`]). What a lookup
//! finds was in the table at some time during it, and a flow that is in the table during all of it is
//! found, unless another one that matches too is.
//!
//! Memory that a lookup may look at is given back a grace period after it left the table: slices and
//! flows by the store, records in the [arenas](arena) by the writer. Slices that grow are replaced by
//! larger ones; a number leads to its thing in a slice that is asked for after the number was found.

pub mod arena;
pub mod cache;
pub mod groups;
pub mod identity;
pub mod index;
pub mod lookup;
pub mod numbers;
pub mod stats;
pub mod update;

use super::{
    cell::Cell64,
    hash::Secret, //
};
use identity::IdentityRef;
use index::Index;

/// The hash tables of a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// From a masked key and its mask to a flow.
    Flows = 0,
    /// From an [identity] to a flow.
    Identities,
    /// From the leading fields to a group.
    Groups,
    /// From a mask to its record.
    Masks,
}

/// The number of hash tables.
pub const TABLES: usize = 4;

/// The arenas of a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The records of masks.
    Masks = 0,
    /// The records of groups.
    Groups,
}

/// The number of arenas.
pub const POOLS: usize = 2;

/// What a lookup starts from.
pub struct Root {
    /// The record of the mask with all bits of all masks; zero: there are no masks.
    all_masks: Cell64,
    /// A bit for each pattern that has groups.
    patterns: Cell64,
    /// The keys of the hash of the signature cache.
    secret: Secret,
}

impl Root {
    /// The root of an empty classifier, given random bits.
    pub fn new(seed: [u64; 2]) -> Self {
        Self {
            all_masks: Cell64::new(0),
            patterns: Cell64::new(0),
            secret: Secret::new(seed),
        }
    }
}

/// A flow, as the classifier sees it.
pub trait Flow {
    /// The record of its mask.
    fn mask(&self) -> u32;

    /// The words of its masked key, and maybe others behind them.
    fn words(&self) -> &[u64];

    /// What user space names it by.
    fn identity(&self) -> IdentityRef<'_>;
}

/// Where the classifier's memory is.
///
/// Each call asks for what is there now: the answer may be newer from one call to the next, never
/// older. `None` is for memory that should be there and is not.
pub trait Store<'a>: Copy {
    /// A flow.
    type Flow: Flow + ?Sized + 'a;

    /// What a lookup starts from.
    fn root(self) -> &'a Root;

    /// The cells of an arena.
    fn pool(self, pool: Pool) -> Option<&'a [Cell64]>;

    /// A hash table.
    fn table(self, table: Table) -> Option<Index<'a>>;

    /// The flow with this number, if there is one.
    fn flow(self, number: u32) -> Option<&'a Self::Flow>;
}
