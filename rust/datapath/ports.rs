// SPDX-License-Identifier: GPL-2.0

//! The ports of a datapath by number.
//!
//! A table of two levels: finding the port of an output action is two dependent loads whatever the
//! number of ports is, and nothing is copied when ports come and go.

use super::OvsGuard;
use crate::{
    odp::key::PORT_NONE,
    sync::rcu::{
        RcuArc,
        RcuBox,
        RcuPtr,
        Read,
        Retired, //
    },
    vport::Vport,
};
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc,
        ArcBorrow, //
    },
};

/// The number of the datapath's own internal device (`OVSP_LOCAL`).
pub(crate) const LOCAL: u16 = 0;

/// Port numbers are less than this (`DP_MAX_PORTS`).
pub(crate) const MAX: u16 = PORT_NONE;

/// The ports of one leaf: 256 of them, 2 KiB.
const LEAF: usize = 256;

type Leaf = [RcuArc<Vport>; LEAF];

/// The ports of a datapath.
pub(crate) struct Ports {
    leaves: [RcuPtr<Leaf>; LEAF],
}

/// The place of a port in the two levels.
const fn place(port_no: u16) -> (usize, usize) {
    let [leaf, slot] = port_no.to_be_bytes();
    (leaf as usize, slot as usize)
}

impl Ports {
    /// A table without ports.
    pub(crate) const fn new() -> Self {
        Self {
            leaves: [const { RcuPtr::null() }; LEAF],
        }
    }

    /// The port with a number.
    #[inline]
    pub(crate) fn get<'a>(&'a self, port_no: u16, rcu: Read<'a>) -> Option<ArcBorrow<'a, Vport>> {
        let (leaf, slot) = place(port_no);
        self.leaves[leaf].get(rcu)?[slot].get(rcu)
    }

    /// The ports in the order of their numbers, from number `first` on.
    pub(crate) fn iter_from<'a>(&'a self, first: u16, rcu: Read<'a>) -> Iter<'a> {
        Iter {
            ports: self,
            next: Some(first),
            rcu,
        }
    }

    /// The port with a number, to be kept.
    pub(crate) fn find(&self, port_no: u16) -> Option<Arc<Vport>> {
        let guard = rcu::read_lock();
        self.get(port_no, Read::from(&guard)).map(Arc::from)
    }

    /// The first port with the number `first` or a greater one, to be kept.
    pub(crate) fn next(&self, first: u16) -> Option<Arc<Vport>> {
        let guard = rcu::read_lock();
        let port = self.iter_from(first, Read::from(&guard)).next()?;
        Some(port.into())
    }

    /// The port with a device of this name, to be kept.
    pub(crate) fn by_name(&self, name: &CStr) -> Option<Arc<Vport>> {
        let guard = rcu::read_lock();
        let port = self
            .iter_from(LOCAL, Read::from(&guard))
            .find(|port| port.device().name().as_c_str() == name)?;
        Some(port.into())
    }

    /// The lowest number from 1 on that no port has.
    pub(crate) fn lowest_free(&self) -> Option<u16> {
        let guard = rcu::read_lock();
        let rcu = Read::from(&guard);
        (1..MAX).find(|&port_no| self.get(port_no, rcu).is_none())
    }

    /// Makes sure that a port can be put at `port_no` without allocating.
    pub(crate) fn prepare(&self, port_no: u16, _guard: &OvsGuard) -> Result {
        let leaf = &self.leaves[place(port_no).0];
        let guard = rcu::read_lock();
        if leaf.get(Read::from(&guard)).is_none() {
            drop(guard);
            let new = RcuBox::new([const { RcuArc::null() }; LEAF], GFP_KERNEL)?;
            leaf.replace(Some(new));
        }
        Ok(())
    }

    /// Publishes a port. The number must be free and [prepared](Self::prepare).
    pub(crate) fn insert(&self, port: Arc<Vport>, _guard: &OvsGuard) -> Result {
        let (leaf, slot) = place(port.port_no());
        let guard = rcu::read_lock();
        let leaf = self.leaves[leaf].get(Read::from(&guard)).ok_or(ENOENT)?;
        // The number was free, so there is nothing to wait for.
        let _none = leaf[slot].replace(Some(port));
        Ok(())
    }

    /// Takes a port back.
    pub(crate) fn remove(&self, port_no: u16, _guard: &OvsGuard) -> Option<Retired<Vport>> {
        let (leaf, slot) = place(port_no);
        let guard = rcu::read_lock();
        self.leaves[leaf].get(Read::from(&guard))?[slot].replace(None)
    }
}

/// The ports of a datapath in the order of their numbers.
pub(crate) struct Iter<'a> {
    ports: &'a Ports,
    /// The number to go on with, if there is any left.
    next: Option<u16>,
    rcu: Read<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = ArcBorrow<'a, Vport>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (leaf, slot) = place(self.next?);
            let Some(slots) = self.ports.leaves[leaf].get(self.rcu) else {
                let [leaf, _] = self.next?.to_be_bytes();
                self.next = leaf
                    .checked_add(1)
                    .map(|leaf| u16::from_be_bytes([leaf, 0]));
                continue;
            };
            self.next = self.next?.checked_add(1);
            if let Some(port) = slots[slot].get(self.rcu) {
                return Some(port);
            }
        }
    }
}
