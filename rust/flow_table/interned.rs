// SPDX-License-Identifier: GPL-2.0

//! Equal actions of flows, kept once.
//!
//! Thousands of flows have the same few lists of actions. Kept once, a list takes no memory of the
//! flow's own, and is in the processor's cache when the next flow's packet needs it.

use crate::{
    actions::Actions,
    odp::actions::Store,
    sync::rcu::RcuShared, //
};
use kernel::prelude::*;

/// The lists that are remembered. One that has no place here is not shared, and that is all.
const SLOTS: usize = 256;

/// The lists of actions that flows were given of late, each at a place that its contents tell.
pub(super) struct Interned(KVec<Option<RcuShared<Actions>>>);

impl Interned {
    pub(super) fn new() -> Result<Self> {
        let mut slots = KVec::with_capacity(SLOTS, GFP_KERNEL)?;
        for _ in 0..SLOTS {
            slots.push(None, GFP_KERNEL)?;
        }
        Ok(Self(slots))
    }

    /// An owner of actions like these.
    pub(super) fn share(&mut self, actions: Actions) -> Result<RcuShared<Actions>> {
        if actions.store().owns_objects() {
            // They would stay as long as they are remembered here.
            return Ok(RcuShared::new(actions, GFP_KERNEL)?);
        }
        let slot = self.0.get_mut(place(actions.store().dump()));
        if let Some(Some(known)) = &slot {
            if same(known, &actions) {
                return Ok(known.clone());
            }
        }
        let new = RcuShared::new(actions, GFP_KERNEL)?;
        if let Some(slot) = slot {
            *slot = Some(new.clone());
        }
        Ok(new)
    }

    /// Forgets all lists; those that flows have stay with them.
    pub(super) fn clear(&mut self) {
        for slot in &mut self.0 {
            *slot = None;
        }
    }
}

/// Whether two lists do the same and are dumped the same. They may differ in what they do if they
/// were compiled for different keys.
fn same(one: &Actions, other: &Actions) -> bool {
    let (one, other) = (one.store(), other.store());
    one.dump() == other.dump() && one.ops() == other.ops() && one.data() == other.data()
}

/// The place of a list whose attributes are these bytes.
fn place(dump: &[u8]) -> usize {
    let mut hash = dump.len() as u64;
    for bytes in dump.chunks(4) {
        let word = bytes
            .iter()
            .fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash = (hash ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
    hash as usize % SLOTS
}
