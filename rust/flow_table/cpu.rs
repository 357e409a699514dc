// SPDX-License-Identifier: GPL-2.0

//! What each CPU has of its own in a flow table: its signature cache, and its flow statistics.
//!
//! Both begin with nothing. A CPU allocates the memory for the flows that its packets match, and its
//! first cache, itself; a cache that turns out too small is replaced by [`Cpus::run`], a work item.

use super::{
    memory::{
        cells,
        Cells, //
    },
    DEFAULT_CACHE_SIZE, //
};
use crate::{
    odp::classifier::{
        cache::{
            Cache,
            MIN_ENTRIES, //
        },
        stats::Counters, //
    },
    sync::{
        bh::Bh,
        once::Shared,
        percpu::PerCpu,
        rcu::{
            RcuBox,
            RcuPtr,
            Read, //
        },
        work::WorkItem, //
    },
};
use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*, //
};
use pin_init::init_array_from_fn;

/// The statistics of 127 flows: with what is in front of them, a page. A number that ends in 127 is
/// no flow's.
type Page = [Counters; 127];
/// The pages of 2^16 numbers.
type Directory = [RcuPtr<Page>; 512];
/// The directories of all numbers.
const DIRECTORIES: usize = 128;

/// What belongs to one CPU.
#[pin_data]
pub(super) struct Cpu {
    cache: RcuPtr<Cells>,
    /// The entries of the cache that lost their place to others since it was allocated.
    evicted: Shared<u32>,
    /// The entries that the cache is to have.
    wanted: Shared<u32>,
    stats: [RcuPtr<Directory>; DIRECTORIES],
}

/// Null pointers.
fn nulls<T: crate::sync::rcu::Content, const N: usize>() -> impl Init<[RcuPtr<T>; N]> {
    init_array_from_fn(|_| RcuPtr::null())
}

impl Cpu {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            cache: RcuPtr::null(),
            evicted: Shared::new(0),
            wanted: Shared::new(0),
            stats <- nulls(),
        })
    }

    /// The signature cache, if there is one.
    #[inline]
    pub(super) fn cache<'a>(&'a self, bh: Bh<'a>) -> Option<Cache<'a>> {
        self.cache
            .get(bh.rcu())
            .map(|cells| Cache::new(&cells.slice))
    }

    /// The counters for the flow `number`, if this CPU has counted for one of those around it.
    #[inline]
    pub(super) fn find_counters<'a>(&'a self, number: u32, rcu: Read<'a>) -> Option<&'a Counters> {
        let directory = self.stats.get((number >> 16) as usize)?.get(rcu)?;
        let page = directory.get((number >> 7 & 511) as usize)?.get(rcu)?;
        page.get((number & 127) as usize)
    }

    /// The counters for the flow `number`. For the CPU that owns them only.
    ///
    /// `None` if there is no memory: then the packet is not counted.
    #[inline]
    pub(super) fn counters<'a>(&'a self, number: u32, bh: Bh<'a>) -> Option<&'a Counters> {
        match self.find_counters(number, bh.rcu()) {
            Some(counters) => Some(counters),
            None => self.new_counters(number, bh),
        }
    }

    #[cold]
    fn new_counters<'a>(&'a self, number: u32, bh: Bh<'a>) -> Option<&'a Counters> {
        let flags = GFP_ATOMIC | __GFP_NOWARN;
        let directory = self.stats.get((number >> 16) as usize)?;
        if directory.is_null() {
            directory.replace(Some(RcuBox::pin_init(nulls(), flags).ok()?));
        }
        let page = directory.get(bh.rcu())?.get((number >> 7 & 511) as usize)?;
        if page.is_null() {
            let counters = init_array_from_fn(|_| Counters::new());
            page.replace(Some(RcuBox::pin_init(counters, flags).ok()?));
        }
        self.find_counters(number, bh.rcu())
    }
}

/// What belongs to each CPU.
pub(super) struct Cpus {
    cpus: PerCpu<Cpu>,
    /// The size of the cache, as user space sees it. Zero: no CPU has a cache.
    cache_size: Shared<u32>,
}

impl Cpus {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            cpus: PerCpu::new(|_| Cpu::new())?,
            cache_size: Shared::new(DEFAULT_CACHE_SIZE),
        })
    }

    /// What belongs to this CPU.
    #[inline]
    pub(super) fn get<'a>(&'a self, bh: Bh<'a>) -> &'a Cpu {
        self.cpus.get(bh)
    }

    /// What belongs to each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Cpu> {
        self.cpus.iter()
    }

    /// The size of the cache, as user space sees it.
    pub(super) fn cache_size(&self) -> u32 {
        self.cache_size.load()
    }

    /// Sets the size of the cache, from which it grows; zero turns it off.
    pub(super) fn set_cache_size(&self, size: u32) {
        self.cache_size.store(size);
        for cpu in self.iter() {
            self.replace(cpu, None);
        }
    }

    /// Gives a CPU another cache.
    fn replace(&self, cpu: &Cpu, new: Option<RcuBox<Cells>>) {
        cpu.wanted.store(0);
        cpu.evicted.store(0);
        cpu.cache.replace(new);
        // It may have been turned off meanwhile.
        if self.cache_size() == 0 {
            cpu.cache.replace(None);
        }
    }

    /// The first cache of this CPU, unless it is to have none.
    #[cold]
    pub(super) fn first_cache<'a>(&'a self, bh: Bh<'a>) -> Option<Cache<'a>> {
        let entries = match self.cache_size() {
            0 => return None,
            size => MIN_ENTRIES.max(size as usize),
        };
        let new = cells((), entries, |_| 0, GFP_ATOMIC | __GFP_NOWARN);
        let cpu = self.get(bh);
        self.replace(cpu, Some(new.ok()?));
        cpu.cache(bh)
    }

    /// Notices that an entry lost its place in the cache of this CPU. Returns whether the cache is to
    /// be replaced.
    #[cold]
    pub(super) fn evicted(&self, bh: Bh<'_>) -> bool {
        let cpu = self.get(bh);
        let evicted = cpu.evicted.load().saturating_add(1);
        cpu.evicted.store(evicted);
        let Some(cache) = cpu.cache(bh) else {
            return false;
        };
        let entries = cache.entries_after(evicted.into());
        if entries == cache.entries() {
            return false;
        }
        cpu.evicted.store(0);
        cpu.wanted.store(entries as u32);
        true
    }
}

impl WorkItem for Cpus {
    /// Replaces the caches that are too small.
    fn run(&self) {
        for cpu in self.iter() {
            let wanted = cpu.wanted.load();
            if wanted != 0 {
                // Without memory it stays as it is.
                if let Ok(new) = cells((), wanted as usize, |_| 0, GFP_KERNEL | __GFP_NOWARN) {
                    self.replace(cpu, Some(new));
                }
            }
        }
    }
}
