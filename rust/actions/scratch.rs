// SPDX-License-Identifier: GPL-2.0

//! The memory each CPU needs while it processes packets.

use crate::{
    odp::{
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

/// The deepest nesting at which a packet can still come in by a port (`OVS_RECURSION_LIMIT`).
///
/// Ports that are each other's peers pass packets on without end; each level takes some hundred
/// bytes of the kernel's stack, and what sends the packet between two levels takes more.
const RECEIVE_LIMIT: u32 = 5;

/// The deepest nesting at which actions can still be executed for a copy of a packet.
const COPY_LIMIT: usize = 8;

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
/// Each has a few keys for the packets that it is processing. They are neither on the stack, since
/// they are large, nor allocated for each packet.
pub(crate) struct Scratch(PerCpu<CpuStack<PacketKey, COPY_LIMIT>>);

impl Scratch {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(PerCpu::new(CpuStack::new)?))
    }

    /// A key for a packet that came in, or `None` if this is one datapath too many.
    ///
    /// It holds what the last packet left there.
    #[inline]
    pub(crate) fn received<'a>(&'a self, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        let keys = self.0.get(bh);
        if keys.depth(bh)? >= RECEIVE_LIMIT {
            return None;
        }
        keys.push(bh)
    }

    /// How many keys are in use on this CPU.
    #[inline]
    pub(super) fn depth(&self, bh: Bh<'_>) -> u32 {
        self.0.get(bh).depth(bh).unwrap_or(u32::MAX)
    }

    /// A copy of `key`, or `None` if too many are in use.
    #[inline]
    pub(crate) fn copy<'a>(&'a self, key: &PacketKey, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        let mut slot = self.0.get(bh).push(bh)?;
        *slot = *key;
        Some(slot)
    }
}
