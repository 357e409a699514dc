// SPDX-License-Identifier: GPL-2.0

//! The memory each CPU needs while it processes packets.

use crate::{
    odp::{
        actions::MAX_DEPTH,
        extract::Cold,
        Key, //
    },
    sync::{
        bh::Bh,
        percpu::{
            CpuStack,
            PerCpu,
            Slot, //
        }, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::FromZeros;

/// How many lookups are nested in each other on a CPU's stack (`OVS_RECURSION_LIMIT`).
///
/// Ports that are each other's peers pass packets on without end, and so do flows that have a copy
/// of a packet looked up again. A lookup takes some 700 bytes of a stack of 16 KiB, and sending a
/// packet a good part of the rest.
const LOOKUPS: u32 = 5;

/// How many lists, of some 350 bytes each, are nested below that, and a key for the segments of a
/// packet.
const LISTS: usize = MAX_DEPTH + 1;

/// All levels of recursion.
const LEVELS: usize = LOOKUPS as usize + LISTS;

/// The key of a packet that is being processed.
#[derive(Clone, Copy, FromZeros)]
#[repr(C)]
pub(crate) struct PacketKey {
    /// The key, up to date unless it is stale; `mac_proto` always is.
    pub(crate) key: Key,
    /// Which of the rarely used words of the key may be other than zero.
    pub(crate) cold: Cold,
    /// An action has changed the packet in a way that the key does not show yet.
    pub(crate) stale: bool,
}

/// The memory of all CPUs, shared by all datapaths.
///
/// Each has a key for each level of recursion: keys are neither on the stack, since they are large,
/// nor allocated for each packet. What needs no key of its own takes one all the same, as the number
/// of those in use is the measure of the stack.
pub(crate) struct Scratch(PerCpu<CpuStack<PacketKey, LEVELS>>);

impl Scratch {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(PerCpu::new(CpuStack::new)?))
    }

    /// A key for a packet that came in, or `None` if this is one datapath too many.
    ///
    /// It holds what the last packet left there. In how many lists the action is nested that sent
    /// the packet here does not matter, but fewer are left for the actions here.
    #[inline]
    pub(crate) fn received<'a>(&'a self, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        let keys = self.0.get(bh);
        if keys.marked(bh)? >= LOOKUPS {
            return None;
        }
        keys.push_marked(bh)
    }

    /// A copy of `key` to look up, or `None` if there is no room for that now.
    pub(super) fn looked_up<'a>(
        &'a self,
        key: &PacketKey,
        bh: Bh<'a>,
    ) -> Option<Slot<'a, PacketKey>> {
        let keys = self.0.get(bh);
        if keys.depth(bh)? >= LOOKUPS {
            return None;
        }
        let mut slot = keys.push_marked(bh)?;
        *slot = *key;
        Some(slot)
    }

    /// Whether there is room for another lookup with the key that was taken last.
    pub(super) fn has_room(&self, bh: Bh<'_>) -> bool {
        let depth = self.0.get(bh).depth(bh);
        depth.is_some_and(|depth| depth <= LOOKUPS)
    }

    /// Counts a level that needs no key, for as long as what it returns is there.
    pub(super) fn level<'a>(&'a self, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        self.0.get(bh).push(bh)
    }

    /// A copy of `key`, or `None` if too many are in use.
    #[inline]
    pub(crate) fn copy<'a>(&'a self, key: &PacketKey, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        let mut slot = self.0.get(bh).push(bh)?;
        *slot = *key;
        Some(slot)
    }
}
