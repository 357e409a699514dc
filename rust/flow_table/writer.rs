// SPDX-License-Identifier: GPL-2.0

//! Changing a flow table.

use super::{
    flow::{
        FlowRef,
        NewFlow, //
    },
    interned::Interned,
    memory,
    FlowTable, //
};
use crate::{
    actions::Actions,
    odp::{
        classifier::{
            identity::IdentityRef,
            index::MIN_BUCKETS,
            numbers::{
                Numbers,
                BLOCK_WORDS, //
            },
            stats::Generation,
            update::{
                self,
                Need, //
            },
            Store,
            Table, //
        }, //
    },
    sync::{
        grace::GracePeriod,
        rcu::{
            RcuBox,
            RcuPtr,
            RcuShared,
            Read, //
        }, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        lock::mutex::MutexGuard,
        rcu, //
    }, //
};
use pin_init::init_array_from_fn;

/// How often the needs of an insertion are asked for: there are six parts that may be too small.
const NEEDS: usize = 16;

/// What only the writer has.
pub(super) struct State {
    classifier: update::Writer,
    numbers: Numbers,
    /// A bit for each number that is in use.
    used: KVec<u64>,
    generation: Generation,
    interned: Interned,
    /// What the records that are to be reused wait for.
    grace: Option<GracePeriod>,
}

impl State {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            classifier: update::Writer::default(),
            numbers: Numbers::default(),
            used: KVec::new(),
            generation: Generation::FIRST,
            interned: Interned::new()?,
            grace: None,
        })
    }
}

/// The right to change a flow table: the guard of its lock.
pub(crate) struct Writer<'t> {
    table: &'t FlowTable,
    state: MutexGuard<'t, State>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(table: &'t FlowTable) -> Self {
        Self {
            table,
            state: table.state.lock(),
        }
    }

    /// Inserts a flow with these actions, and returns its number.
    ///
    /// There must be none with the same identity, nor one with the same mask and masked key. May
    /// sleep.
    pub(crate) fn insert(&mut self, new: NewFlow<'_>, actions: Actions) -> Result<u32> {
        new.flow.set_actions(self.share(actions)?);
        self.reuse();
        self.reserve()?;
        let number = self.free_number()?;

        let NewFlow { flow, mask } = new;
        let state = &mut *self.state;
        state.generation = state.generation.next();
        flow.set_generation(state.generation);

        let guard = rcu::read_lock();
        let memory = &self.table.memory;
        let slot = memory.slot(number, Read::from(&guard)).ok_or(ENOMEM)?;
        let publish = |mask| {
            flow.set_place(mask, number);
            slot.replace(Some(flow));
        };
        let view = memory.view(Read::from(&guard));
        state
            .classifier
            .insert(view, number, mask, publish)
            .ok_or(ENOMEM)?;
        state.numbers.take(&mut state.used, number);
        drop(guard);
        let end = self.table.end.load();
        self.table.end.store(end.max(number.saturating_add(1)));
        self.publish_counts();
        Ok(number)
    }

    /// Removes a flow. Packets that have found it may still be counted and see its actions.
    pub(crate) fn remove(&mut self, number: u32) {
        let guard = rcu::read_lock();
        self.remove_from(number, Read::from(&guard));
        drop(guard);
        self.publish_counts();
    }

    fn remove_from(&mut self, number: u32, rcu: Read<'_>) {
        let memory = &self.table.memory;
        let slot = memory.slot(number, rcu);
        let Some(flow) = slot.and_then(|slot| slot.replace(None)) else {
            return;
        };
        let view = memory.view(rcu);
        let state = &mut *self.state;
        // Cannot fail for a flow that was inserted.
        let _ = state.classifier.remove(view, number, &*flow);
        state.numbers.give(&mut state.used, number);
    }

    /// Removes all flows.
    pub(crate) fn flush(&mut self) {
        let mut next = 0;
        while let Some(number) = self.next_used(next) {
            let guard = rcu::read_lock();
            // As many as keep the section short.
            let end = number.saturating_add(256);
            let mut this = Some(number);
            while let Some(number) = this.filter(|&number| number < end) {
                self.remove_from(number, Read::from(&guard));
                this = self.next_used(number);
            }
            next = end;
        }
        self.table.end.store(0);
        self.table.hashes.store(false);
        self.state.interned.clear();
        for table in [Table::Flows, Table::Identities, Table::Groups, Table::Masks] {
            // Without memory for a smaller table the large one stays.
            let _ = self.provide(Need::Table(table, MIN_BUCKETS));
        }
        self.publish_counts();
    }

    /// The lowest number in use from `number` on.
    fn next_used(&self, number: u32) -> Option<u32> {
        self.state.numbers.next_used(&self.state.used, number)
    }

    /// Finds the flow that user space names so.
    pub(crate) fn find<'a>(
        &'a self,
        identity: IdentityRef<'_>,
        rcu: Read<'a>,
    ) -> Option<FlowRef<'a>> {
        self.table.find(identity, rcu)
    }

    /// Replaces the actions of a flow.
    pub(crate) fn set_actions(&mut self, number: u32, actions: Actions) -> Result {
        let actions = self.share(actions)?;
        let guard = rcu::read_lock();
        let view = self.table.memory.view(Read::from(&guard));
        if let Some(flow) = view.flow(number) {
            flow.set_actions(actions);
        }
        Ok(())
    }

    /// Forgets what was counted for a flow.
    pub(crate) fn clear_stats(&mut self, number: u32) {
        let state = &mut *self.state;
        state.generation = state.generation.next();
        let guard = rcu::read_lock();
        let view = self.table.memory.view(Read::from(&guard));
        if let Some(flow) = view.flow(number) {
            flow.set_generation(state.generation);
        }
    }

    /// The actions in the memory that flows which do the same share.
    fn share(&mut self, actions: Actions) -> Result<RcuShared<Actions>> {
        if actions.store().hashes() {
            self.table.hashes.store(true);
        }
        self.state.interned.share(actions)
    }

    /// Makes room for one more flow.
    fn reserve(&mut self) -> Result {
        for _ in 0..NEEDS {
            let guard = rcu::read_lock();
            let view = self.table.memory.view(Read::from(&guard));
            let need = self.state.classifier.need(view);
            drop(guard);
            match need {
                Some(need) => self.provide(need)?,
                None => return Ok(()),
            }
        }
        Err(ENOMEM)
    }

    /// Does what the classifier needs.
    fn provide(&mut self, need: Need) -> Result {
        let memory = &self.table.memory;
        match need {
            Need::Table(table, buckets) => {
                let new = memory::table(buckets)?;
                let guard = rcu::read_lock();
                let view = memory.view(Read::from(&guard));
                self.state
                    .classifier
                    .refill(view, table, memory::index(&new))
                    .ok_or(ENOMEM)?;
                memory.tables[table as usize].replace(Some(new));
            }
            Need::Pool(pool, len) => {
                let new = memory::cells((), len, |_| 0, GFP_KERNEL)?;
                let guard = rcu::read_lock();
                let old = memory.view(Read::from(&guard)).pool(pool);
                for (new, old) in new.slice.iter().zip(old.unwrap_or_default()) {
                    new.store(old.load());
                }
                memory.pools[pool as usize].replace(Some(new));
            }
        }
        Ok(())
    }

    /// A free number, with memory for its slot.
    fn free_number(&mut self) -> Result<u32> {
        let state = &mut *self.state;
        if let Some(number) = state.numbers.lowest(&state.used) {
            return Ok(number);
        }
        let first = state.used.len();
        let block = self.table.memory.blocks.get(first / BLOCK_WORDS);
        let block = block.ok_or(ENOSPC)?;
        state.used.reserve(BLOCK_WORDS, GFP_KERNEL)?;
        let slots = init_array_from_fn(|_| RcuPtr::null());
        block.replace(Some(RcuBox::pin_init(slots, GFP_KERNEL)?));
        for index in first..first.saturating_add(BLOCK_WORDS) {
            state.used.push(Numbers::unused(index), GFP_KERNEL)?;
        }
        state.numbers.lowest(&state.used).ok_or(ENOSPC)
    }

    /// Has the records reused that nobody reads any more.
    fn reuse(&mut self) {
        let state = &mut *self.state;
        if !state.classifier.waits() || !state.grace.as_ref().is_none_or(GracePeriod::is_over) {
            return;
        }
        let guard = rcu::read_lock();
        let view = self.table.memory.view(Read::from(&guard));
        let waits = state.classifier.turn(view);
        state.grace = waits.then(GracePeriod::next);
    }

    /// Tells readers how many flows and masks there are.
    fn publish_counts(&self) {
        let classifier = &self.state.classifier;
        self.table.len.store(classifier.flows());
        self.table.masks.store(classifier.masks());
    }
}
