// SPDX-License-Identifier: GPL-2.0

//! The memory of a flow table: what the classifier's [`Store`] is in the kernel.

use super::flow::Flow;
use crate::{
    odp::{
        cell::Cell64,
        classifier::{
            index::Index,
            numbers::{
                BLOCK,
                BLOCKS,
                SLOTS, //
            },
            Pool,
            Root,
            Store,
            Table,
            POOLS,
            TABLES, //
        },
        hash::Secret, //
    },
    sync::{
        random,
        rcu::{
            HeaderSlice,
            RcuBox,
            RcuPtr,
            Read, //
        }, //
    },
};
use core::convert::Infallible;
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// What is in front of cells that are to begin at the start of a cache line.
#[repr(C, align(64))]
pub(super) struct Aligned<T>(T);

/// Cells in lines.
pub(super) type Cells<T = ()> = HeaderSlice<Aligned<T>, Cell64>;

/// Allocates `len` cells that hold what `cell` says.
pub(super) fn cells<T: Send + Sync + 'static>(
    header: T,
    len: usize,
    mut cell: impl FnMut(usize) -> u64,
    flags: kernel::alloc::Flags,
) -> Result<RcuBox<Cells<T>>> {
    let cell = |n| Ok::<_, Infallible>(Cell64::new(cell(n)));
    RcuBox::from_fn(Aligned(header), len, cell, flags)
}

/// What a hash table has beside its cells.
pub(super) struct TableHead {
    buckets: u32,
    secret: Secret,
}

/// An empty hash table.
pub(super) fn table(buckets: u32) -> Result<RcuBox<Cells<TableHead>>> {
    let head = TableHead {
        buckets,
        secret: Secret::new(random::seed()),
    };
    cells(head, Index::cells(buckets), |_| 0, GFP_KERNEL)
}

/// The hash table in its memory.
#[inline]
pub(super) fn index(memory: &Cells<TableHead>) -> Index<'_> {
    let head = &memory.header.0;
    Index::new(&memory.slice, head.buckets, &head.secret)
}

/// Where flows are, by number.
pub(super) type Block = [RcuPtr<Flow>; SLOTS];

/// The memory of a table.
pub(super) struct Memory {
    pub(super) root: Root,
    pub(super) tables: [RcuPtr<Cells<TableHead>>; TABLES],
    pub(super) pools: [RcuPtr<Cells>; POOLS],
    /// Blocks never move, so that a flow has one owner; those not needed yet are null.
    pub(super) blocks: KVec<RcuPtr<Block>>,
}

impl Memory {
    /// The memory of an empty table.
    pub(super) fn new() -> Result<Self> {
        let mut blocks = KVec::with_capacity(BLOCKS, GFP_KERNEL)?;
        for _ in 0..BLOCKS {
            blocks.push(RcuPtr::null(), GFP_KERNEL)?;
        }
        Ok(Self {
            root: Root::new(random::seed()),
            tables: [const { RcuPtr::null() }; TABLES],
            pools: [const { RcuPtr::null() }; POOLS],
            blocks,
        })
    }

    /// The block with this index, if there is memory for it.
    #[inline]
    pub(super) fn block<'a>(&'a self, index: u32, rcu: Read<'a>) -> Option<&'a Block> {
        self.blocks.get(index as usize)?.get(rcu)
    }

    /// Forgets all flows, as the table goes.
    pub(super) fn remove_flows(&self) {
        let guard = rcu::read_lock();
        for block in &self.blocks {
            for slot in block.get(Read::from(&guard)).into_iter().flatten() {
                slot.replace(None);
            }
        }
    }

    /// The slot of a flow with this number; `None` if there is no memory for it yet.
    #[inline]
    pub(super) fn slot<'a>(&'a self, number: u32, rcu: Read<'a>) -> Option<&'a RcuPtr<Flow>> {
        let block = self.block(number / BLOCK, rcu)?;
        block.get((number % BLOCK) as usize)
    }

    /// What is in it, for as long as a read-side section.
    #[inline]
    pub(super) fn view<'a>(&'a self, rcu: Read<'a>) -> View<'a> {
        View { memory: self, rcu }
    }
}

/// What is in the memory of a table during a read-side section.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    memory: &'a Memory,
    rcu: Read<'a>,
}

impl<'a> Store<'a> for View<'a> {
    type Flow = Flow;

    #[inline(always)]
    fn root(self) -> &'a Root {
        &self.memory.root
    }

    #[inline(always)]
    fn pool(self, pool: Pool) -> Option<&'a [Cell64]> {
        let pool = self.memory.pools[pool as usize].get(self.rcu)?;
        Some(&pool.slice)
    }

    #[inline(always)]
    fn table(self, table: Table) -> Option<Index<'a>> {
        self.memory.tables[table as usize].get(self.rcu).map(index)
    }

    #[inline(always)]
    fn flow(self, number: u32) -> Option<&'a Flow> {
        self.memory.slot(number, self.rcu)?.get(self.rcu)
    }
}
