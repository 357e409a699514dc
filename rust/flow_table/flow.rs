// SPDX-License-Identifier: GPL-2.0

//! Flows.
//!
//! A flow is one small allocation: 48 bytes, the words of its masked key that its mask matches, and
//! its identity. What is needed to check a packet against it and to find its actions is in the first
//! two cache lines.

use super::FlowTable;
use crate::{
    actions::Actions,
    odp::{
        cell::Cell64,
        classifier::{
            self,
            arena,
            identity::{
                IdentityRef,
                Kind, //
            },
            stats::{
                Generation,
                Stats, //
            },
            Pool,
            Store, //
        },
        mask::{
            Compact,
            Mask, //
        },
        Key, //
    },
    sync::{
        bh::Bh,
        jiffies,
        rcu::{
            Counted,
            HeaderSlice,
            RcuBox,
            RcuPtr,
            RcuShared,
            Read, //
        }, //
    },
};
use kernel::prelude::*;

/// A flow; the slice has the words of its masked key, and behind them those of its identity.
///
/// Corresponds to `struct sw_flow`.
pub(crate) type Flow = HeaderSlice<FlowHead, u64>;

/// What a flow has beside words.
pub(crate) struct FlowHead {
    /// Of which other flows may be owners, too.
    actions: RcuPtr<Counted<Actions>, RcuShared<Actions>>,
    /// The record of the mask; in the lower half, the number of the flow. Stored once, before the
    /// flow is published.
    place: Cell64,
    /// The number of words of the key, 8 bits; the kind of the identity, 8 bits; and the generation
    /// of the statistics, 48 bits.
    stamp: Cell64,
}

/// The shift of the kind of the identity in a stamp.
const KIND: u32 = 48;
/// The shift of the number of words of the key in a stamp.
const KEY_WORDS: u32 = 56;

impl classifier::Flow for Flow {
    #[inline(always)]
    fn mask(&self) -> u32 {
        (self.header.place.load() >> 32) as u32
    }

    #[inline(always)]
    fn words(&self) -> &[u64] {
        &self.slice
    }

    fn identity(&self) -> IdentityRef<'_> {
        let stamp = self.header.stamp.load();
        let words = self.slice.get((stamp >> KEY_WORDS) as usize..);
        IdentityRef::new(
            Kind::from_bits((stamp >> KIND) as u8),
            words.unwrap_or_default(),
        )
    }
}

impl Flow {
    /// The number of the flow.
    #[inline]
    pub(super) fn number(&self) -> u32 {
        self.header.place.load() as u32
    }

    /// Gives the flow its mask and its number. For the writer, before the flow is published.
    pub(super) fn set_place(&self, mask: u32, number: u32) {
        let place = u64::from(mask) << 32 | u64::from(number);
        self.header.place.store(place);
    }

    #[inline]
    fn generation(&self) -> Generation {
        Generation::from_bits(self.header.stamp.load() & !(!0 << KIND))
    }

    /// Forgets all statistics. For the writer, with a generation never used before.
    pub(super) fn set_generation(&self, generation: Generation) {
        let stamp = self.header.stamp.load() & (!0 << KIND);
        self.header.stamp.store(stamp | generation.to_bits());
    }

    /// Replaces the actions. For the writer.
    pub(super) fn set_actions(&self, actions: RcuShared<Actions>) {
        self.header.actions.replace(Some(actions));
    }
}

/// A flow that is not in a table yet, and has no actions.
pub(crate) struct NewFlow<'a> {
    pub(super) flow: RcuBox<Flow>,
    pub(super) mask: &'a Compact,
}

impl<'a> NewFlow<'a> {
    /// A flow for packets with `key` as far as `mask` matches.
    pub(crate) fn new(key: &Key, mask: &'a Compact, identity: IdentityRef<'_>) -> Result<Self> {
        let key_words = mask.count();
        let identity_words = identity.words();
        let stamp = (key_words as u64) << KEY_WORDS | u64::from(identity.kind().to_bits()) << KIND;
        let header = FlowHead {
            actions: RcuPtr::null(),
            place: Cell64::new(0),
            stamp: Cell64::new(stamp),
        };
        let mut words = Iterator::chain(mask.compress(key), identity_words.iter().copied());
        let len = key_words.saturating_add(identity_words.len());
        let flow = RcuBox::from_fn(header, len, |_| words.next().ok_or(EINVAL), GFP_KERNEL)?;
        Ok(Self { flow, mask })
    }
}

/// A flow in a table, for as long as a read-side section.
#[derive(Clone, Copy)]
pub(crate) struct FlowRef<'a> {
    pub(super) flow: &'a Flow,
    pub(super) table: &'a FlowTable,
    pub(super) rcu: Read<'a>,
}

impl<'a> FlowRef<'a> {
    /// The number of the flow, which is its own for as long as it is in the table.
    pub(crate) fn number(&self) -> u32 {
        self.flow.number()
    }

    /// The actions; every flow has some.
    #[inline]
    pub(crate) fn actions(&self) -> Option<&'a Actions> {
        Some(self.flow.header.actions.get(self.rcu)?)
    }

    /// What user space names the flow by.
    pub(crate) fn identity(&self) -> IdentityRef<'a> {
        classifier::Flow::identity(self.flow)
    }

    /// The masked key and the mask.
    pub(crate) fn key_and_mask(&self) -> Option<(Key, Key)> {
        let view = self.table.memory.view(self.rcu);
        let record = arena::start(classifier::Flow::mask(self.flow));
        let mask = Mask::at(view.pool(Pool::Masks)?, record)?;
        Some((mask.expand_flow(&self.flow.slice), mask.expand()))
    }

    /// Counts a packet of `len` bytes that matched the flow.
    #[inline]
    pub(crate) fn count(&self, len: u64, tcp_flags: u16, bh: Bh<'_>) {
        let cpu = self.table.cpus().get(bh);
        if let Some(counters) = cpu.counters(self.number(), bh) {
            counters.record(
                self.flow.generation(),
                len,
                jiffies::now() as u64,
                tcp_flags,
            );
        }
    }

    /// What all CPUs counted; the time is in jiffies.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        let generation = self.flow.generation();
        for cpu in self.table.cpus().iter() {
            if let Some(counters) = cpu.find_counters(self.number(), self.rcu) {
                counters.add_to(generation, &mut stats);
            }
        }
        stats
    }
}
