// SPDX-License-Identifier: GPL-2.0

//! The flows of a datapath.
//!
//! The algorithms are those of [`odp::classifier`]; here they get memory and locks. Packets are
//! looked up with bottom halves disabled and take no lock. Whoever changes the table holds the
//! table's mutex, and has a [`Writer`] to show for it: nothing nests inside that, and all that can be
//! done before taking it is done in [`NewFlow::new`].
//!
//! What a reader reaches is freed by RCU: flows when they are removed, and the arrays of the
//! classifier when larger ones take their place. The slots of flows and the pages of statistics stay
//! until the table goes.
//!
//! C version of this file: [`net/openvswitch/flow_table.c`](srctree/net/openvswitch/flow_table.c).
//!
//! [`odp::classifier`]: crate::odp::classifier

mod cpu;
mod flow;
mod interned;
mod memory;
mod writer;

pub(crate) use self::{
    flow::{
        FlowRef,
        NewFlow, //
    },
    writer::Writer, //
};

use crate::{
    odp::{
        classifier::{
            identity::IdentityRef,
            lookup,
            numbers::{
                BLOCK,
                BLOCKS, //
            },
            Store, //
        },
        Key, //
    },
    sync::{
        bh::Bh,
        once::Shared,
        prefetch::prefetch,
        rcu::Read,
        work::Work, //
    },
};
use cpu::Cpus;
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};
use memory::Memory;

/// The size of the masks cache that a datapath begins with, as the C module's.
const DEFAULT_CACHE_SIZE: u32 = 256;

/// The largest size of the masks cache that user space may set: what the C module allows.
pub(crate) const CACHE_SIZE_MAX: u32 = 4096;

/// The flows of a datapath.
///
/// Corresponds to `struct flow_table`.
#[pin_data(PinnedDrop)]
pub(crate) struct FlowTable {
    memory: Memory,
    len: Shared<u32>,
    masks: Shared<u32>,
    /// No flow has this number or a larger one.
    end: Shared<u32>,
    /// A flow since the last flush had a HASH action.
    hashes: Shared<bool>,
    #[pin]
    cpus: Work<Cpus>,
    #[pin]
    state: Mutex<writer::State>,
}

/// The flow of a packet, and what it took to find it.
pub(crate) struct Found<'a> {
    /// The flow, if there is one.
    pub(crate) flow: Option<FlowRef<'a>>,
    /// The masks that were tried; one if the cache knew the flow.
    pub(crate) masks: u32,
    /// Whether the cache knew the flow.
    pub(crate) cached: bool,
}

impl FlowTable {
    /// An empty table.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            memory: Memory::new()?,
            len: Shared::new(0),
            masks: Shared::new(0),
            end: Shared::new(0),
            hashes: Shared::new(false),
            cpus <- Work::new(Cpus::new()?),
            state <- new_mutex!(writer::State::new()?, "FlowTable::state"),
        })
    }

    /// What belongs to each CPU.
    #[inline]
    fn cpus(&self) -> &Cpus {
        self.cpus.item()
    }

    /// Finds the flow of a packet.
    #[inline]
    pub(crate) fn lookup<'a>(&'a self, key: &Key, bh: Bh<'a>) -> Found<'a> {
        let cpus = self.cpus();
        let cpu = cpus.get(bh);
        let cache = match cpu.cache(bh) {
            Some(cache) => cache,
            None => match cpus.first_cache(bh) {
                Some(cache) => cache,
                None => return self.lookup_masks(key, bh.rcu()),
            },
        };
        // With many flows both the flow and its counters are far away: fetch them at the same time.
        let expect = |number| {
            if let Some(counters) = cpu.find_counters(number, bh.rcu()) {
                prefetch(counters);
            }
        };
        let found = lookup::lookup(self.memory.view(bh.rcu()), cache, key, expect);
        if found.evicted {
            self.evicted(bh);
        }
        self.found(found, bh.rcu())
    }

    /// Whether packets are to have their hash when their flow is found.
    ///
    /// One that is computed later, by HASH, is that of a packet which actions have changed: another
    /// one than the first packet of a connection had, which user space has seen in between.
    #[inline]
    pub(crate) fn hashes(&self) -> bool {
        self.hashes.load()
    }

    #[cold]
    fn evicted(&self, bh: Bh<'_>) {
        if self.cpus().evicted(bh) {
            self.cpus.schedule();
        }
    }

    /// Finds the flow that packets with this key have, without the cache.
    pub(crate) fn lookup_masks<'a>(&'a self, key: &Key, rcu: Read<'a>) -> Found<'a> {
        self.found(lookup::lookup_masks(self.memory.view(rcu), key), rcu)
    }

    #[inline]
    fn found<'a>(&'a self, found: lookup::Found<'a, flow::Flow>, rcu: Read<'a>) -> Found<'a> {
        Found {
            flow: found.flow.map(|flow| self.flow_ref(flow, rcu)),
            masks: found.masks,
            cached: found.cached,
        }
    }

    #[inline]
    fn flow_ref<'a>(&'a self, flow: &'a flow::Flow, rcu: Read<'a>) -> FlowRef<'a> {
        FlowRef {
            flow,
            table: self,
            rcu,
        }
    }

    /// Finds the flow that user space names so.
    pub(crate) fn find<'a>(
        &'a self,
        identity: IdentityRef<'_>,
        rcu: Read<'a>,
    ) -> Option<FlowRef<'a>> {
        let (flow, _) = lookup::find(self.memory.view(rcu), identity)?;
        Some(self.flow_ref(flow, rcu))
    }

    /// The flow with this number.
    pub(crate) fn get<'a>(&'a self, number: u32, rcu: Read<'a>) -> Option<FlowRef<'a>> {
        let flow = self.memory.view(rcu).flow(number)?;
        Some(self.flow_ref(flow, rcu))
    }

    /// The flows with the numbers from `first` to one before `end`.
    ///
    /// Flows keep their numbers: a walk in several parts to the [`end`](Self::end) that there was at
    /// first, each of which begins after the number of the last flow seen, sees every flow once that
    /// is in the table all the while.
    pub(crate) fn flows_in<'a>(
        &'a self,
        first: u32,
        end: u32,
        rcu: Read<'a>,
    ) -> impl Iterator<Item = FlowRef<'a>> {
        let blocks = first / BLOCK..end.div_ceil(BLOCK).min(BLOCKS as u32);
        let blocks = blocks.filter_map(move |n| Some((n, self.memory.block(n, rcu)?)));
        let slots = blocks.flat_map(move |(n, block)| {
            let start = n.wrapping_mul(BLOCK);
            let skip = first.saturating_sub(start);
            let take = end.saturating_sub(start.max(first));
            block.iter().skip(skip as usize).take(take as usize)
        });
        slots.filter_map(move |slot| Some(self.flow_ref(slot.get(rcu)?, rcu)))
    }

    /// A number that is larger than those of all flows.
    pub(crate) fn end(&self) -> u32 {
        self.end.load()
    }

    /// Takes the lock of the table. May sleep.
    pub(crate) fn write(&self) -> Writer<'_> {
        Writer::new(self)
    }

    /// The number of flows.
    pub(crate) fn len(&self) -> u32 {
        self.len.load()
    }

    /// The number of masks.
    pub(crate) fn masks(&self) -> u32 {
        self.masks.load()
    }

    /// The size of the masks cache, as user space sees it.
    ///
    /// The cache begins with this size, or with a small one if it is smaller, and grows with its use.
    pub(crate) fn cache_size(&self) -> u32 {
        self.cpus().cache_size()
    }

    /// Sets the size of the masks cache; zero turns it off.
    ///
    /// Fails with `ENOMEM`, as the C module does, if it is no power of two or too large.
    pub(crate) fn set_cache_size(&self, size: u32) -> Result {
        if size == self.cache_size() {
            return Ok(());
        }
        if size > CACHE_SIZE_MAX || (size != 0 && !size.is_power_of_two()) {
            return Err(ENOMEM);
        }
        self.cpus().set_cache_size(size);
        Ok(())
    }
}

#[pinned_drop]
impl PinnedDrop for FlowTable {
    fn drop(self: Pin<&mut Self>) {
        // The flows go before the blocks that they are in, so that their grace period, and that of
        // what they own, does not begin after that of the blocks is over.
        self.memory.remove_flows();
    }
}
