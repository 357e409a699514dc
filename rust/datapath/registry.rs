// SPDX-License-Identifier: GPL-2.0

//! The datapaths of a network namespace.

use super::{
    Datapath,
    OvsGuard, //
};
use crate::sync::rcu::{
    RcuArc,
    RcuBox,
    RcuPtr,
    Read, //
};
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};

/// Places for datapaths, in a chain of chunks that only grows: there are few datapaths, and whoever
/// walks along it is never in the way of who adds or removes one.
struct Chunk {
    places: [RcuArc<Datapath>; 16],
    next: RcuPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        Self {
            places: [const { RcuArc::null() }; 16],
            next: RcuPtr::null(),
        }
    }
}

/// The datapaths of a namespace.
pub(crate) struct Registry {
    first: Chunk,
}

impl Registry {
    /// No datapaths.
    pub(crate) const fn new() -> Self {
        Self {
            first: Chunk::new(),
        }
    }

    /// The places, taken or not.
    fn places<'a>(&'a self, rcu: Read<'a>) -> impl Iterator<Item = &'a RcuArc<Datapath>> {
        core::iter::successors(Some(&self.first), move |chunk| chunk.next.get(rcu))
            .flat_map(|chunk| chunk.places.iter())
    }

    /// The datapaths, with the number of the place each is at.
    fn iter<'a>(
        &'a self,
        rcu: Read<'a>,
    ) -> impl Iterator<Item = (usize, kernel::sync::ArcBorrow<'a, Datapath>)> {
        self.places(rcu)
            .enumerate()
            .filter_map(move |(place, dp)| Some((place, dp.get(rcu)?)))
    }

    /// The datapath whose device has an interface index; that of another of its internal ports will
    /// do as well.
    pub(crate) fn find(&self, ifindex: i32) -> Option<Arc<Datapath>> {
        let guard = rcu::read_lock();
        let rcu = Read::from(&guard);
        let by_device = self.iter(rcu).find(|(_, dp)| dp.ifindex() == ifindex);
        let (_, dp) = by_device.or_else(|| {
            self.iter(rcu)
                .find(|(_, dp)| dp.has_internal_port(ifindex, rcu))
        })?;
        Some(dp.into())
    }

    /// The first datapath at place `from` or after, and the place it is at.
    pub(crate) fn next(&self, from: usize) -> Option<(usize, Arc<Datapath>)> {
        let guard = rcu::read_lock();
        let (place, dp) = self
            .iter(Read::from(&guard))
            .find(|(place, _)| *place >= from)?;
        Some((place, dp.into()))
    }

    /// Adds a datapath. The RTNL must not be held.
    pub(crate) fn add(&self, dp: &Arc<Datapath>, _guard: &OvsGuard) -> Result {
        let mut spare = Some(RcuBox::new(Chunk::new(), GFP_KERNEL)?);
        let guard = rcu::read_lock();
        let rcu = Read::from(&guard);
        let mut chunk = &self.first;
        loop {
            if let Some(place) = chunk.places.iter().find(|place| place.get(rcu).is_none()) {
                // The place was free, so there is nothing to wait for.
                let _none = place.replace(Some(dp.clone()));
                return Ok(());
            }
            if chunk.next.get(rcu).is_none() {
                chunk.next.replace(spare.take());
            }
            chunk = chunk.next.get(rcu).ok_or(ENOMEM)?;
        }
    }

    /// Removes a datapath, and waits for those who look at it.
    pub(crate) fn remove(&self, dp: &Arc<Datapath>, _guard: &OvsGuard) {
        let retired = {
            let guard = rcu::read_lock();
            let rcu = Read::from(&guard);
            let place = self.places(rcu).find(|place| {
                place
                    .get(rcu)
                    .is_some_and(|other| core::ptr::eq(&*other, &**dp))
            });
            place.and_then(|place| place.replace(None))
        };
        if let Some(retired) = retired {
            drop(retired.wait());
        }
    }
}
