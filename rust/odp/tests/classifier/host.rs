// SPDX-License-Identifier: GPL-2.0

//! A store for the classifier on the host: what `rust/flow_table` is in the kernel.
//!
//! Memory is leaked instead of freed, so that references to it are valid for ever. Records of arenas
//! are reused all the same, when the test says that a grace period is over.

use odp::{
    cell::{
        Cell64,
        LINE, //
    },
    classifier::{
        identity::{
            Identity,
            IdentityRef,
            Kind, //
        },
        index::Index,
        lookup,
        update::{
            Need,
            Writer, //
        },
        Flow,
        Pool,
        Root,
        Store,
        Table,
        POOLS,
        TABLES, //
    },
    hash::Secret,
    key::Key,
    mask::Compact, //
};
use std::sync::{
    atomic::{
        AtomicBool,
        AtomicU64,
        Ordering, //
    },
    Mutex,
    OnceLock,
    RwLock, //
};

/// Cells that are zero, the first of them at the start of a cache line.
pub fn cells(len: usize) -> &'static [Cell64] {
    let cells: Vec<Cell64> = (0..len + LINE).map(|_| Cell64::default()).collect();
    let skip = (cells.as_ptr() as usize).wrapping_neg() % 64 / 8;
    &Box::leak(cells.into_boxed_slice())[skip..skip + len]
}

/// Some bits that differ from call to call, but not from run to run.
pub fn seed() -> [u64; 2] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    [n, n.wrapping_mul(0x2545_f491_4f6c_dd1d)]
}

/// A flow in the host's table.
pub struct HostFlow {
    mask: OnceLock<u32>,
    kind: Kind,
    key_words: usize,
    len: usize,
    /// Here, and not elsewhere, as in the kernel: for the benchmark.
    words: [u64; 32],
    /// What the test knows the flow by.
    pub id: u64,
}

impl Flow for HostFlow {
    fn mask(&self) -> u32 {
        *self.mask.get().expect("a published flow has a mask")
    }

    fn words(&self) -> &[u64] {
        &self.words[..self.len]
    }

    fn identity(&self) -> IdentityRef<'_> {
        IdentityRef::new(self.kind, &self.words()[self.key_words..])
    }
}

/// A hash table in the host's memory.
#[derive(Clone, Copy)]
struct HostIndex {
    cells: &'static [Cell64],
    buckets: u32,
    secret: &'static Secret,
}

impl HostIndex {
    fn new(buckets: u32) -> Self {
        Self {
            cells: cells(Index::cells(buckets)),
            buckets,
            secret: Box::leak(Box::new(Secret::new(seed()))),
        }
    }

    fn index(&self) -> Index<'static> {
        Index::new(self.cells, self.buckets, self.secret)
    }
}

/// A slot that holds a flow, or nothing.
type Slot = RwLock<Option<&'static HostFlow>>;

/// A classifier on the host.
pub struct Host {
    root: &'static Root,
    pools: [RwLock<Option<&'static [Cell64]>>; POOLS],
    tables: [RwLock<Option<HostIndex>>; TABLES],
    flows: RwLock<&'static [Slot]>,
    state: Mutex<State>,
    /// What happens to the table in the middle of lookups.
    pub interruption: Option<Interruption>,
}

/// Changes that happen wherever a lookup asks for memory, thus between any two steps of it.
pub struct Interruption {
    change: Box<dyn Fn(&Host) + Send + Sync>,
    /// Whether they are happening: the writer is not interrupted.
    busy: AtomicBool,
}

impl Interruption {
    pub fn new(change: impl Fn(&Host) + Send + Sync + 'static) -> Self {
        Self {
            change: Box::new(change),
            busy: AtomicBool::new(false),
        }
    }
}

/// What the writer of a [`Host`] owns.
#[derive(Default)]
pub struct State {
    pub writer: Writer,
    free: Vec<u32>,
}

impl<'a> Store<'a> for &'a Host {
    type Flow = HostFlow;

    fn root(self) -> &'a Root {
        self.root
    }

    fn pool(self, pool: Pool) -> Option<&'a [Cell64]> {
        self.interrupt();
        *self.pools[pool as usize].read().unwrap()
    }

    fn table(self, table: Table) -> Option<Index<'a>> {
        self.interrupt();
        let table = self.tables[table as usize].read().unwrap();
        table.as_ref().map(HostIndex::index)
    }

    fn flow(self, number: u32) -> Option<&'a HostFlow> {
        self.interrupt();
        let slots = *self.flows.read().unwrap();
        *slots.get(number as usize)?.read().unwrap()
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    pub fn new() -> Self {
        Self {
            root: Box::leak(Box::new(Root::new(seed()))),
            pools: Default::default(),
            tables: Default::default(),
            flows: RwLock::new(&[]),
            state: Mutex::default(),
            interruption: None,
        }
    }

    fn interrupt(&self) {
        if let Some(interruption) = &self.interruption {
            if !interruption.busy.swap(true, Ordering::Relaxed) {
                (interruption.change)(self);
                interruption.busy.store(false, Ordering::Relaxed);
            }
        }
    }

    /// The state of the writer, which excludes other writers.
    pub fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Inserts a flow and returns its number.
    pub fn insert(&self, key: &Key, mask: &Key, identity: &Identity, id: u64) -> u32 {
        let mut state = self.state();
        while let Some(need) = state.writer.need(self) {
            self.provide(&mut state, need);
        }
        if state.free.is_empty() {
            self.more_slots(&mut state);
        }
        let number = state.free.pop().unwrap();

        let mask = Compact::new(mask);
        let all = mask
            .compress(key)
            .chain(identity.as_ref().words().iter().copied());
        let mut words = [0; 32];
        let mut len = 0;
        for word in all {
            words[len] = word;
            len += 1;
        }
        let flow: &'static HostFlow = Box::leak(Box::new(HostFlow {
            mask: OnceLock::new(),
            kind: identity.as_ref().kind(),
            key_words: mask.count(),
            len,
            words,
            id,
        }));
        let publish = |mask| {
            flow.mask.set(mask).unwrap();
            let slots = *self.flows.read().unwrap();
            *slots[number as usize].write().unwrap() = Some(flow);
        };
        state
            .writer
            .insert(self, number, &mask, publish)
            .expect("there is room after asking for it");
        number
    }

    /// Removes the flow with this number.
    pub fn remove(&self, number: u32) -> &'static HostFlow {
        let mut state = self.state();
        let slots = *self.flows.read().unwrap();
        let flow = slots[number as usize].write().unwrap().take().unwrap();
        state
            .writer
            .remove(self, number, flow)
            .expect("the flow is everywhere it belongs");
        state.free.push(number);
        flow
    }

    /// Finds a flow by its identity.
    pub fn find(&self, identity: &Identity) -> Option<(&HostFlow, u32)> {
        lookup::find(self, identity.as_ref())
    }

    /// Does what the writer needs.
    pub fn provide(&self, state: &mut State, need: Need) {
        match need {
            Need::Table(table, buckets) => {
                let new = HostIndex::new(buckets);
                let filled = state.writer.refill(self, table, new.index());
                filled.expect("the new table has room");
                *self.tables[table as usize].write().unwrap() = Some(new);
            }
            Need::Pool(pool, len) => {
                let new = cells(len);
                for (new, old) in new.iter().zip(self.pool(pool).unwrap_or_default()) {
                    new.store(old.load());
                }
                *self.pools[pool as usize].write().unwrap() = Some(new);
            }
        }
    }

    fn more_slots(&self, state: &mut State) {
        let mut flows = self.flows.write().unwrap();
        let len = flows.len().max(8) * 2;
        let new: Vec<Slot> = (0..len)
            .map(|n| RwLock::new(flows.get(n).and_then(|slot| *slot.read().unwrap())))
            .collect();
        state
            .free
            .extend((flows.len().max(1) as u32..len as u32).rev());
        *flows = Box::leak(new.into_boxed_slice());
    }

    /// A view of the classifier as it is, for lookups without any lock.
    pub fn snapshot(&self) -> Snapshot {
        let slots = *self.flows.read().unwrap();
        Snapshot {
            root: self.root,
            pools: [Pool::Masks, Pool::Groups]
                .map(|pool| *self.pools[pool as usize].read().unwrap()),
            tables: [0, 1, 2, 3].map(|table: usize| *self.tables[table].read().unwrap()),
            flows: slots.iter().map(|slot| *slot.read().unwrap()).collect(),
        }
    }
}

/// A classifier that does not change.
pub struct Snapshot {
    root: &'static Root,
    pools: [Option<&'static [Cell64]>; POOLS],
    tables: [Option<HostIndex>; TABLES],
    flows: Vec<Option<&'static HostFlow>>,
}

impl<'a> Store<'a> for &'a Snapshot {
    type Flow = HostFlow;

    #[inline(always)]
    fn root(self) -> &'a Root {
        self.root
    }

    #[inline(always)]
    fn pool(self, pool: Pool) -> Option<&'a [Cell64]> {
        self.pools[pool as usize]
    }

    #[inline(always)]
    fn table(self, table: Table) -> Option<Index<'a>> {
        self.tables[table as usize].as_ref().map(HostIndex::index)
    }

    #[inline(always)]
    fn flow(self, number: u32) -> Option<&'a HostFlow> {
        *self.flows.get(number as usize)?
    }
}
