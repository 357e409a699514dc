// SPDX-License-Identifier: GPL-2.0

//! Changing the classifier while lookups run.
//!
//! There is one [`Writer`] at a time. Before a flow is inserted, [`Writer::need`] says which memory
//! must become larger, so that an insertion does not fail half-way.

use super::{
    super::{
        cell::Cell64,
        hash::Secret,
        key::{
            Key,
            WORDS, //
        },
        mask::{
            Compact,
            Mask, //
        }, //
    },
    arena::{
        self,
        Arena, //
    },
    groups::{
        self,
        Group,
        GroupKey,
        GroupRecord,
        PATTERNS, //
    },
    index::{
        Fill,
        Index, //
    },
    Flow,
    Pool,
    Store,
    Table,
    POOLS,
    TABLES, //
};

/// The state that only the writer knows.
#[derive(Debug, Default)]
pub struct Writer {
    fills: [Fill; TABLES],
    arenas: [Arena; POOLS],
    /// The groups of each pattern.
    groups: [u32; PATTERNS],
    /// The class of the largest group there has been.
    largest_group: usize,
    /// The masks that went since the mask of all masks was made.
    masks_gone: u32,
}

/// Memory that must be replaced before a flow can be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A hash table with as many buckets, which [`Writer::refill`] fills.
    Table(Table, u32),
    /// An arena with as many cells, the first of which are those of the old one.
    Pool(Pool, usize),
}

/// The class of the records of masks with `words` words.
const fn mask_class(words: usize) -> usize {
    arena::class_for(Compact::record_len(words))
}

/// The first two words of a mask and of a key.
type Leading = ([u64; 2], [u64; 2]);

impl Writer {
    /// The number of flows.
    pub fn flows(&self) -> u32 {
        self.fill(Table::Flows).len()
    }

    /// The number of masks.
    pub fn masks(&self) -> u32 {
        self.fill(Table::Masks).len()
    }

    fn fill(&self, table: Table) -> &Fill {
        &self.fills[table as usize]
    }

    fn fill_mut(&mut self, table: Table) -> &mut Fill {
        &mut self.fills[table as usize]
    }

    fn arena_mut(&mut self, pool: Pool) -> &mut Arena {
        &mut self.arenas[pool as usize]
    }

    /// What is to be done before a flow can be inserted.
    pub fn need<'a, S: Store<'a>>(&self, store: S) -> Option<Need> {
        for table in [Table::Flows, Table::Identities, Table::Groups, Table::Masks] {
            let fill = self.fill(table);
            if !store.table(table).is_some_and(|index| index.has_room(fill)) {
                return Some(Need::Table(table, Index::buckets_for(fill.len())));
            }
        }
        // A mask and the mask of all masks.
        let largest = mask_class(WORDS);
        self.need_pool(store, Pool::Masks, &[largest, largest])
            .or_else(|| {
                let larger = self.largest_group.wrapping_add(1);
                self.need_pool(store, Pool::Groups, &[larger])
            })
    }

    fn need_pool<'a, S: Store<'a>>(&self, store: S, pool: Pool, classes: &[usize]) -> Option<Need> {
        let cells = self.arenas[pool as usize].cells_for(classes);
        if store.pool(pool).is_some_and(|pool| pool.len() >= cells) {
            return None;
        }
        let cells = cells.saturating_add(cells / 2).max(arena::MIN_CELLS);
        Some(Need::Pool(pool, cells))
    }

    /// Fills `new`, which is to take the place of a hash table; `None` if it is too small.
    pub fn refill<'a, S: Store<'a>>(
        &mut self,
        store: S,
        table: Table,
        new: Index<'_>,
    ) -> Option<()> {
        let mut fill = Fill::default();
        if let Some(old) = store.table(table) {
            for number in old.numbers() {
                let hash = hash_of(store, table, number, new.secret())?;
                new.insert(&mut fill, hash, number)?;
            }
        }
        *self.fill_mut(table) = fill;
        Some(())
    }

    /// Inserts a flow with `mask` under `number`.
    ///
    /// `publish` is given the record of the mask for [`Flow::mask`], and makes [`Store::flow`] return
    /// the flow. The caller has asked [`Self::need`]; `None` is for a store that did not do as it
    /// said.
    pub fn insert<'a, S: Store<'a>>(
        &mut self,
        store: S,
        number: u32,
        mask: &Compact,
        publish: impl FnOnce(u32),
    ) -> Option<()> {
        let id = self.take_mask(store, mask)?;
        publish(id);
        let flow = store.flow(number)?;

        let mask = Mask::at(store.pool(Pool::Masks)?, arena::start(id))?;
        self.join_group(store, id, mask.leading(flow.words())?)?;

        let table = store.table(Table::Flows)?;
        let hash = mask.hash_flow(table.secret(), id.into(), flow.words());
        table.insert(self.fill_mut(Table::Flows), hash, number)?;

        let table = store.table(Table::Identities)?;
        let hash = flow.identity().hash(table.secret());
        table.insert(self.fill_mut(Table::Identities), hash, number)
    }

    /// Removes the flow `flow`, which [`Store::flow`] no longer returns for `number`.
    pub fn remove<'a, S: Store<'a>>(
        &mut self,
        store: S,
        number: u32,
        flow: &(impl Flow + ?Sized),
    ) -> Option<()> {
        let id = flow.mask();
        let mask = Mask::at(store.pool(Pool::Masks)?, arena::start(id))?;

        let table = store.table(Table::Identities)?;
        let hash = flow.identity().hash(table.secret());
        table.remove(self.fill_mut(Table::Identities), hash, number)?;

        let table = store.table(Table::Flows)?;
        let hash = mask.hash_flow(table.secret(), id.into(), flow.words());
        table.remove(self.fill_mut(Table::Flows), hash, number)?;

        self.leave_group(store, id, mask.leading(flow.words())?)?;
        self.give_mask(store, id, mask)
    }

    /// Counts one more flow of `mask`, and returns the mask's record.
    fn take_mask<'a, S: Store<'a>>(&mut self, store: S, mask: &Compact) -> Option<u32> {
        let pool = store.pool(Pool::Masks)?;
        let table = store.table(Table::Masks)?;
        let class = mask_class(mask.count());
        let hash = mask.hash(table.secret());
        let found = table.find(hash, |id| {
            let same = Mask::at(pool, arena::start(id))?.equals(mask);
            same.then_some(id)
        });
        if let Some(id) = found {
            let flows = arena::writers_cell(pool, id, class)?;
            flows.store(flows.load().wrapping_add(1));
            return Some(id);
        }

        let id = self.arena_mut(Pool::Masks).alloc(pool, class)?;
        mask.write(arena::record(pool, id, class)?)?;
        arena::writers_cell(pool, id, class)?.store(1);
        self.widen(store, pool, mask)?;
        table.insert(self.fill_mut(Table::Masks), hash, id)?;
        Some(id)
    }

    /// Counts one flow of the mask `id` less.
    fn give_mask<'a, S: Store<'a>>(&mut self, store: S, id: u32, mask: Mask<'_>) -> Option<()> {
        let pool = store.pool(Pool::Masks)?;
        let class = mask_class(mask.count());
        let flows = arena::writers_cell(pool, id, class)?;
        flows.store(flows.load().wrapping_sub(1));
        if flows.load() != 0 {
            return Some(());
        }

        let table = store.table(Table::Masks)?;
        let hash = Compact::new(&mask.expand()).hash(table.secret());
        table.remove(self.fill_mut(Table::Masks), hash, id)?;
        self.arena_mut(Pool::Masks).release(pool, id, class);
        self.masks_gone = self.masks_gone.saturating_add(1);
        if self.masks() == 0 {
            return self.set_all_masks(store, pool, None);
        }
        // It takes time for each mask there is, so it is done once for as many that have gone.
        if self.masks_gone > self.masks() {
            self.masks_gone = 0;
            // Without room the mask stays too wide, which costs the cache some entries.
            let _ = self.narrow(store, pool);
        }
        Some(())
    }

    /// Adds the bits of `mask` to the mask of all masks.
    fn widen<'a, S: Store<'a>>(&mut self, store: S, pool: &[Cell64], mask: &Compact) -> Option<()> {
        let old = store.root().all_masks.load() as u32;
        let mut all = match old {
            0 => Key::ZERO,
            old => Mask::at(pool, arena::start(old))?.expand(),
        };
        if !add_bits(&mut all, mask.words()) && old != 0 {
            return Some(());
        }
        self.set_all_masks(store, pool, Some(&Compact::new(&all)))
    }

    /// Removes the bits from the mask of all masks that no mask has any more.
    fn narrow<'a, S: Store<'a>>(&mut self, store: S, pool: &[Cell64]) -> Option<()> {
        let mut all = Key::ZERO;
        for id in store.table(Table::Masks)?.numbers() {
            add_bits(&mut all, Mask::at(pool, arena::start(id))?.words());
        }
        let new = Compact::new(&all);
        let old = store.root().all_masks.load() as u32;
        if Mask::at(pool, arena::start(old))?.equals(&new) {
            return Some(());
        }
        self.set_all_masks(store, pool, Some(&new))
    }

    /// Replaces the mask of all masks.
    fn set_all_masks<'a, S: Store<'a>>(
        &mut self,
        store: S,
        pool: &[Cell64],
        new: Option<&Compact>,
    ) -> Option<()> {
        let cell = &store.root().all_masks;
        let old = cell.load() as u32;
        let mut id = 0;
        if let Some(new) = new {
            let class = mask_class(new.count());
            id = self.arena_mut(Pool::Masks).alloc(pool, class)?;
            new.write(arena::record(pool, id, class)?)?;
        }
        cell.store_release(id.into());
        if old != 0 {
            let class = mask_class(Mask::at(pool, arena::start(old))?.count());
            self.arena_mut(Pool::Masks).release(pool, old, class);
        }
        Some(())
    }

    /// Counts one more flow of the mask `id` in the group of a flow.
    fn join_group<'a, S: Store<'a>>(
        &mut self,
        store: S,
        id: u32,
        (mask, key): Leading,
    ) -> Option<()> {
        let pool = store.pool(Pool::Groups)?;
        let table = store.table(Table::Groups)?;
        let key = GroupKey::new(groups::pattern(mask), key);
        let hash = key.hash(table.secret());
        let old = table.find(hash, |group| Group::at(pool, group, &key).map(|_| group));
        let Some(old) = old else {
            let new = self.arena_mut(Pool::Groups).alloc(pool, 0)?;
            GroupRecord::create(pool, new, 0, &key)?.add(id)?;
            table.insert(self.fill_mut(Table::Groups), hash, new)?;
            return self.count_group(store, &key, 1);
        };

        let record = GroupRecord::at(pool, old)?;
        if record.add(id).is_some() {
            return Some(());
        }
        let class = record.class().wrapping_add(1);
        let new = self.arena_mut(Pool::Groups).alloc(pool, class)?;
        let larger = GroupRecord::create(pool, new, class, &key)?;
        larger.fill_from(record)?;
        larger.add(id)?;
        table.replace(hash, old, new)?;
        self.largest_group = self.largest_group.max(class);
        self.arena_mut(Pool::Groups)
            .release(pool, old, record.class());
        Some(())
    }

    /// Counts one flow of the mask `id` less in the group of a flow.
    fn leave_group<'a, S: Store<'a>>(
        &mut self,
        store: S,
        id: u32,
        (mask, key): Leading,
    ) -> Option<()> {
        let pool = store.pool(Pool::Groups)?;
        let table = store.table(Table::Groups)?;
        let key = GroupKey::new(groups::pattern(mask), key);
        let hash = key.hash(table.secret());
        let group = table.find(hash, |group| Group::at(pool, group, &key).map(|_| group))?;
        let record = GroupRecord::at(pool, group)?;
        if !record.sub(id)? {
            return Some(());
        }
        table.remove(self.fill_mut(Table::Groups), hash, group)?;
        self.arena_mut(Pool::Groups)
            .release(pool, group, record.class());
        self.count_group(store, &key, u32::MAX)
    }

    /// Adds `change` to the number of groups of a pattern.
    fn count_group<'a, S: Store<'a>>(
        &mut self,
        store: S,
        key: &GroupKey,
        change: u32,
    ) -> Option<()> {
        let count = self.groups.get_mut(key.pattern())?;
        *count = count.wrapping_add(change);
        let patterns = (0..)
            .zip(self.groups)
            .filter(|&(_, count)| count != 0)
            .fold(0, |patterns, (pattern, _)| {
                patterns | 1u64.wrapping_shl(pattern)
            });
        store.root().patterns.store_release(patterns);
        Some(())
    }

    /// Whether records wait for a grace period.
    pub fn waits(&self) -> bool {
        self.arenas.iter().any(Arena::waits)
    }

    /// Frees the records that wait for a grace period, which must be over; those released since wait
    /// for one that begins no earlier than now. Returns whether there are any.
    pub fn turn<'a, S: Store<'a>>(&mut self, store: S) -> bool {
        let mut waits = false;
        for pool in [Pool::Masks, Pool::Groups] {
            if let Some(cells) = store.pool(pool) {
                waits |= self.arena_mut(pool).turn(cells);
            }
        }
        waits
    }
}

/// Adds bits to a mask. Returns whether that changed it.
fn add_bits(mask: &mut Key, words: impl Iterator<Item = (u8, u64)>) -> bool {
    let mut changed = false;
    for (place, bits) in words {
        if let Some(word) = mask.words_mut().get_mut(usize::from(place)) {
            changed |= bits & !*word != 0;
            *word |= bits;
        }
    }
    changed
}

/// The hash of what `number` leads to from a hash table.
fn hash_of<'a, S: Store<'a>>(store: S, table: Table, number: u32, secret: &Secret) -> Option<u64> {
    let mask_at = |id| Mask::at(store.pool(Pool::Masks)?, arena::start(id));
    Some(match table {
        Table::Flows => {
            let flow = store.flow(number)?;
            let id = flow.mask();
            mask_at(id)?.hash_flow(secret, id.into(), flow.words())
        }
        Table::Identities => store.flow(number)?.identity().hash(secret),
        Table::Groups => {
            let pool = store.pool(Pool::Groups)?;
            GroupRecord::at(pool, number)?.key().hash(secret)
        }
        Table::Masks => Compact::new(&mask_at(number)?.expand()).hash(secret),
    })
}
