// SPDX-License-Identifier: GPL-2.0

//! Limits to the connections of a zone.

use super::Place;
use crate::{
    datapath::Namespace,
    net::{
        conntrack::{
            Tracking,
            Version, //
        },
        skbuff::SkBuff, //
    },
    sync::rcu::{
        HeaderSlice,
        RcuBox,
        RcuPtr, //
    },
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// The limit that is none (`OVS_CT_LIMIT_UNLIMITED`).
const UNLIMITED: u32 = 0;

/// The limit of a zone that has one of its own.
#[derive(Clone, Copy)]
pub(crate) struct ZoneLimit {
    /// The zone.
    pub(crate) zone: u16,
    /// How many connections may be committed in it.
    limit: u32,
}

/// A change of limits.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    /// All zones that have none of their own get this.
    Default(u32),
    /// They get none.
    NoDefault,
    /// A zone gets one of its own, or loses it.
    Zone(u16, Option<u32>),
}

/// The limits at one time.
pub(crate) struct Current {
    /// That of all zones that have none of their own.
    pub(crate) default: u32,
    /// The zones that have one, in order.
    pub(crate) zones: KVVec<ZoneLimit>,
}

impl Current {
    /// The limit of a zone.
    pub(crate) fn of_zone(&self, zone: u16) -> u32 {
        self.place(zone)
            .ok()
            .and_then(|at| self.zones.get(at))
            .map_or(self.default, |known| known.limit)
    }

    fn place(&self, zone: u16) -> Result<usize, usize> {
        self.zones.binary_search_by_key(&zone, |known| known.zone)
    }

    fn change(&mut self, change: Change) -> Result {
        let (zone, limit) = match change {
            Change::Default(limit) => {
                self.default = limit;
                return Ok(());
            }
            Change::NoDefault => {
                self.default = UNLIMITED;
                return Ok(());
            }
            Change::Zone(zone, limit) => (zone, limit),
        };
        match (self.place(zone), limit) {
            (Ok(at), Some(limit)) => {
                if let Some(known) = self.zones.get_mut(at) {
                    known.limit = limit;
                }
            }
            (Ok(at), None) => {
                self.zones.remove(at).map_err(|_| EINVAL)?;
            }
            (Err(at), Some(limit)) => {
                self.zones.reserve(1, GFP_KERNEL)?;
                let known = ZoneLimit { zone, limit };
                self.zones
                    .insert_within_capacity(at, known)
                    .map_err(|_| ENOMEM)?;
            }
            (Err(_), None) => (),
        }
        Ok(())
    }

    fn try_clone(&self) -> Result<Self> {
        let mut zones = KVVec::with_capacity(self.zones.len(), GFP_KERNEL)?;
        zones.extend_from_slice(&self.zones, GFP_KERNEL)?;
        Ok(Self {
            default: self.default,
            zones,
        })
    }
}

/// The limits of a namespace.
#[pin_data]
pub(crate) struct Limits {
    /// What packets see; null: there are none.
    published: RcuPtr<Published>,
    /// The same, for whoever tells or changes them.
    #[pin]
    current: Mutex<Current>,
}

/// The default limit, and those of zones, in order.
type Published = HeaderSlice<u32, ZoneLimit>;

impl Limits {
    /// No limits.
    pub(crate) fn new() -> impl PinInit<Self> {
        let none = Current {
            default: UNLIMITED,
            zones: KVVec::new(),
        };
        pin_init!(Self {
            published: RcuPtr::null(),
            current <- new_mutex!(none, "ovs_ct_limits"),
        })
    }

    /// The limits as they are now.
    pub(crate) fn current(&self) -> Result<Current> {
        self.current.lock().try_clone()
    }

    /// Makes all of some changes, one after the other, or none for want of memory.
    pub(crate) fn change(&self, changes: impl Iterator<Item = Change>) -> Result {
        let mut current = self.current.lock();
        let mut new = current.try_clone()?;
        for change in changes {
            new.change(change)?;
        }
        let zones = &new.zones;
        let published = RcuBox::from_fn(
            new.default,
            zones.len(),
            |index| zones.get(index).copied().ok_or(EINVAL),
            GFP_KERNEL,
        )?;
        self.published.replace(Some(published));
        *current = new;
        Ok(())
    }
}

/// Whether a packet's connection, which is new, is one too many for its zone.
///
/// It is counted from now on, if the zone has a limit.
pub(super) fn is_exceeded(place: Place<'_>, skb: &SkBuff, version: Version, zone: u16) -> bool {
    let rcu = place.bh.rcu();
    let Some(namespace) = place.net.get::<Namespace>(rcu) else {
        return false;
    };
    let Some(limits) = namespace.ct_limits().published.get(rcu) else {
        return false;
    };
    let limit = match limits.slice.binary_search_by_key(&zone, |known| known.zone) {
        Ok(at) => limits.slice.get(at).map_or(UNLIMITED, |known| known.limit),
        Err(_) => limits.header,
    };
    if limit == UNLIMITED {
        return false;
    }
    place
        .net
        .get::<Tracking>(rcu)
        .and_then(|tracking| tracking.count(zone, Some((skb, version)), rcu))
        .is_some_and(|count| count > limit)
}
