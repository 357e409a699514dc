// SPDX-License-Identifier: GPL-2.0

//! Finding the flow of a packet.

use super::{
    super::{
        key::Key,
        mask::Mask, //
    },
    arena,
    cache::Cache,
    groups::{
        Group,
        GroupKey, //
    },
    identity::IdentityRef,
    Flow,
    Pool,
    Store,
    Table, //
};

/// What a lookup found, and what it took.
pub struct Found<'a, F: ?Sized> {
    /// The flow.
    pub flow: Option<&'a F>,
    /// The number of the flow; zero if there is none.
    pub number: u32,
    /// The masks that were tried.
    pub masks: u32,
    /// Whether the signature cache knew the flow.
    pub cached: bool,
    /// Whether remembering the flow evicted another one from the signature cache.
    pub evicted: bool,
}

/// Finds the flow that `key` matches with the help of the CPU's signature cache.
///
/// `expect` is told the number of the flow that the cache guesses, before that is looked at: it may
/// ask for other memory of the flow in advance.
///
/// Where several match it is the one that the last such packet found, if there was one: like the C
/// module, whose cache remembers the mask.
#[inline(always)]
pub fn lookup<'a, S: Store<'a>>(
    store: S,
    cache: Cache<'_>,
    key: &Key,
    expect: impl FnOnce(u32),
) -> Found<'a, S::Flow> {
    let Some(hash) = signature(store, key) else {
        return none(0);
    };
    let mut found = none(0);
    found.flow = cache.find(hash, |number| {
        found.masks = 1;
        found.number = number;
        expect(number);
        check(store, number, key)
    });
    if found.flow.is_some() {
        found.cached = true;
        return found;
    }
    lookup_uncached(store, cache, key, hash, found.masks)
}

/// The rest of [`lookup`] when the cache does not know the flow.
#[inline(never)]
fn lookup_uncached<'a, S: Store<'a>>(
    store: S,
    cache: Cache<'_>,
    key: &Key,
    hash: u64,
    masks: u32,
) -> Found<'a, S::Flow> {
    let mut found = lookup_masks(store, key);
    found.masks = found.masks.wrapping_add(masks);
    if found.flow.is_some() {
        found.evicted = cache.insert(hash, found.number);
    }
    found
}

fn none<'a, F: ?Sized>(masks: u32) -> Found<'a, F> {
    Found {
        flow: None,
        number: 0,
        masks,
        cached: false,
        evicted: false,
    }
}

/// The hash of all that any mask matches; `None` if there is no mask.
#[inline(always)]
fn signature<'a, S: Store<'a>>(store: S, key: &Key) -> Option<u64> {
    let root = store.root();
    let id = root.all_masks.load_acquire() as u32;
    if id == 0 {
        return None;
    }
    let mask = Mask::at(store.pool(Pool::Masks)?, arena::start(id))?;
    Some(mask.hash(&root.secret, 0, key))
}

/// The flow with this number, if `key` matches it.
#[inline(always)]
fn check<'a, S: Store<'a>>(store: S, number: u32, key: &Key) -> Option<&'a S::Flow> {
    let flow = store.flow(number)?;
    let mask = Mask::at(store.pool(Pool::Masks)?, arena::start(flow.mask()))?;
    mask.matches(key, flow.words()).then_some(flow)
}

/// Finds the flow that `key` matches without a cache.
///
/// Where several match it is one of the pattern that matches the most, and of the mask that came
/// first of those.
pub fn lookup_masks<'a, S: Store<'a>>(store: S, key: &Key) -> Found<'a, S::Flow> {
    let mut found = none(0);
    found.flow = scan(store, key, &mut found.masks, &mut found.number);
    found
}

fn scan<'a, S: Store<'a>>(
    store: S,
    key: &Key,
    masks: &mut u32,
    found: &mut u32,
) -> Option<&'a S::Flow> {
    let words = [key.words()[0], key.words()[1]];
    let mut patterns = store.root().patterns.load_acquire() as u16;
    while let Some(pattern) = patterns.checked_ilog2() {
        patterns ^= 1u16.wrapping_shl(pattern);
        let group_key = GroupKey::new(pattern as usize, words);
        let groups = store.table(Table::Groups)?;
        let group = groups.find(group_key.hash(groups.secret()), |id| {
            Group::at(store.pool(Pool::Groups)?, id, &group_key)
        });
        let Some(group) = group else {
            continue;
        };
        for id in group.masks() {
            *masks = masks.wrapping_add(1);
            // Asked for again each time, for the masks of a group may be newer than the group.
            let mask = Mask::at(store.pool(Pool::Masks)?, arena::start(id))?;
            let flows = store.table(Table::Flows)?;
            let hash = mask.hash(flows.secret(), id.into(), key);
            let flow = flows.find(hash, |number| {
                let flow = store.flow(number)?;
                *found = number;
                (flow.mask() == id && mask.matches(key, flow.words())).then_some(flow)
            });
            if flow.is_some() {
                return flow;
            }
        }
    }
    None
}

/// Finds the flow that user space names so, and its number.
pub fn find<'a, S: Store<'a>>(store: S, identity: IdentityRef<'_>) -> Option<(&'a S::Flow, u32)> {
    let table = store.table(Table::Identities)?;
    table.find(identity.hash(table.secret()), |number| {
        let flow = store.flow(number)?;
        (flow.identity() == identity).then_some((flow, number))
    })
}
