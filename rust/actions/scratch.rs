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

/// How many datapaths a packet can be in at the same time on one CPU, by ports that are each other's
/// peers (`OVS_RECURSION_LIMIT`).
const RECEIVE_LIMIT: usize = 5;

/// How many copies of keys the nested actions of packets on one CPU can need at the same time.
const COPY_LIMIT: usize = 12;

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

/// Keys for the packets that a CPU is processing.
///
/// They are neither on the stack, since they are large, nor allocated for each packet.
struct Keys {
    received: CpuStack<PacketKey, RECEIVE_LIMIT>,
    copies: CpuStack<PacketKey, COPY_LIMIT>,
}

/// The memory of all CPUs, shared by all datapaths.
pub(crate) struct Scratch(PerCpu<Keys>);

impl Scratch {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(PerCpu::new(|cpu| {
            init!(Keys {
                received <- CpuStack::new(cpu),
                copies <- CpuStack::new(cpu),
            })
        })?))
    }

    /// A key for a packet that came in, or `None` if this is one datapath too many.
    ///
    /// It holds what the last packet left there.
    #[inline]
    pub(crate) fn received<'a>(&'a self, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        self.0.get(bh).received.push(bh)
    }

    /// A copy of `key`, or `None` if too many are in use.
    #[inline]
    pub(crate) fn copy<'a>(&'a self, key: &PacketKey, bh: Bh<'a>) -> Option<Slot<'a, PacketKey>> {
        let mut slot = self.0.get(bh).copies.push(bh)?;
        *slot = *key;
        Some(slot)
    }
}
