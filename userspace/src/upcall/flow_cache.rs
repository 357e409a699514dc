// SPDX-License-Identifier: GPL-2.0

//! The flows the engine knows of, by their identifiers.

use super::flow::Flow;
use crate::client::Ufid;
use odp::{
    Key,
    key::WORDS, //
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicUsize,
            Ordering, //
        },
    },
};

/// The number of shards, each with a lock of its own.
const SHARDS: usize = 512;

type Shard = HashMap<Ufid, Arc<Flow>>;

/// A part of the flows, that one thread looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    number: usize,
    of: usize,
}

impl Share {
    /// All flows.
    pub const ALL: Self = Self { number: 0, of: 1 };

    /// The shares of so many threads: together they are all flows.
    pub fn all(of: usize) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { number, of })
    }

    /// Which one it is.
    pub const fn number(self) -> usize {
        self.number
    }
}

/// The flows, sharded so that handlers seldom wait for each other.
#[derive(Debug)]
pub struct FlowCache {
    shards: Box<[Mutex<Shard>]>,
    len: AtomicUsize,
    masks: Mutex<HashMap<[u64; WORDS], Arc<Key>>>,
}

impl Default for FlowCache {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            len: AtomicUsize::new(0),
            masks: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FlowCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    fn shard(&self, ufid: &Ufid) -> MutexGuard<'_, Shard> {
        // Identifiers are hashes already.
        let [.., before, last] = ufid.0;
        let hash = u16::from_ne_bytes([before, last]);
        lock(&self.shards[usize::from(hash) % SHARDS])
    }

    /// The number of flows.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there are no flows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A flow.
    pub fn get(&self, ufid: &Ufid) -> Option<Arc<Flow>> {
        self.shard(ufid).get(ufid).cloned()
    }

    /// Adds a flow, unless there is one of this identifier: then returns that one.
    pub fn insert(&self, flow: &Arc<Flow>) -> Result<(), Arc<Flow>> {
        let mut shard = self.shard(&flow.ufid);
        if let Some(there) = shard.get(&flow.ufid) {
            return Err(there.clone());
        }
        shard.insert(flow.ufid, flow.clone());
        self.len.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Removes a flow, if it is this very one.
    pub fn remove(&self, flow: &Arc<Flow>) {
        let mut shard = self.shard(&flow.ufid);
        if shard
            .get(&flow.ufid)
            .is_some_and(|there| Arc::ptr_eq(there, flow))
        {
            shard.remove(&flow.ufid);
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn shards(&self, share: Share) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        let shards = self.shards.iter().skip(share.number).step_by(share.of);
        shards.map(lock)
    }

    /// The number of flows in a share.
    pub fn len_of(&self, share: Share) -> usize {
        self.shards(share).map(|shard| shard.len()).sum()
    }

    /// The flows of a share that `select` is true for. No lock is held when they are looked at
    /// afterwards.
    pub fn select(&self, share: Share, mut select: impl FnMut(&Flow) -> bool) -> Vec<Arc<Flow>> {
        let mut selected = Vec::new();
        for shard in self.shards(share) {
            selected.extend(shard.values().filter(|flow| select(flow)).cloned());
        }
        selected
    }

    /// A mask to be shared by the flows that have it: it is larger than all else of a flow.
    pub fn share_mask(&self, mask: &Key) -> Arc<Key> {
        let mut masks = lock(&self.masks);
        let shared = masks
            .entry(*mask.words())
            .or_insert_with(|| Arc::new(*mask));
        shared.clone()
    }

    /// Forgets masks that no flow has.
    pub fn prune_masks(&self) {
        lock(&self.masks).retain(|_, mask| Arc::strong_count(mask) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::actions::Actions,
        *, //
    };

    fn flow(cache: &FlowCache, n: u8) -> Arc<Flow> {
        let mask = cache.share_mask(&Key::ZERO);
        Arc::new(Flow::new(
            Ufid([n; 16]),
            &[],
            mask,
            Actions::drop(),
            n.into(),
            0,
        ))
    }

    #[test]
    fn one_flow_for_each_identifier() {
        let cache = FlowCache::new();
        let (first, second) = (flow(&cache, 1), flow(&cache, 1));
        assert!(cache.insert(&first).is_ok());
        let there = cache.insert(&second).unwrap_err();
        assert!(Arc::ptr_eq(&there, &first));
        assert_eq!(cache.len(), 1);
        // Who removes another one of the same identifier removes nothing.
        cache.remove(&second);
        assert_eq!(cache.len(), 1);
        cache.remove(&first);
        cache.remove(&first);
        assert!(cache.is_empty());
        assert!(cache.get(&first.ufid).is_none());
    }

    #[test]
    fn selects() {
        let cache = FlowCache::new();
        for n in 0..=255 {
            cache.insert(&flow(&cache, n)).unwrap();
        }
        let few = cache.select(Share::ALL, |flow| flow.generation() < 10);
        assert_eq!(few.len(), 10);
        assert_eq!(cache.len(), 256);
        for threads in 1..6 {
            let shares = || Share::all(threads);
            assert_eq!(
                shares().map(|share| cache.len_of(share)).sum::<usize>(),
                256
            );
            let select = |share| cache.select(share, |_| true).len();
            assert_eq!(shares().map(select).sum::<usize>(), 256);
        }
    }

    #[test]
    fn masks_are_shared_and_pruned() {
        let cache = FlowCache::new();
        let flow = flow(&cache, 1);
        assert!(Arc::ptr_eq(&flow.mask, &cache.share_mask(&Key::ZERO)));
        cache.prune_masks();
        assert_eq!(lock(&cache.masks).len(), 1);
        drop(flow);
        cache.prune_masks();
        assert_eq!(lock(&cache.masks).len(), 0);
    }
}
