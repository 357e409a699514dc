// SPDX-License-Identifier: GPL-2.0

//! Lookups of a packet and its copies that are still to come.
//!
//! A copy that is to be looked up again is looked up at once, where the stack has room for that. It
//! waits otherwise until the packet itself is done with, and the stack is as empty as it was when
//! the packet came.
//!
//! What is looked up for one packet is counted, wherever it happens: actions that send each other
//! packets in a circle, or ever more copies, come to an end.

use super::{
    Context,
    PacketKey, //
};
use crate::{
    alloc,
    datapath::receive,
    net::skbuff::SkBuff, //
};
use core::cell::Cell;
use kernel::{
    alloc::kvec::PushError,
    prelude::*, //
};
use zerocopy_derive::FromZeros;

/// How often one packet and its copies are looked up again.
///
/// Enough for a copy to each port of a large bridge. The C module holds ten back, and drops others.
const LOOKUP_LIMIT: u32 = 1024;

/// The lookups that one packet is still to cause.
pub(crate) struct Pending {
    waiting: Cell<KVec<(SkBuff, KBox<Waiting>)>>,
    left: Cell<u32>,
}

/// What a packet that waits needs, apart from itself.
#[derive(FromZeros)]
#[repr(C)]
struct Waiting {
    packet: PacketKey,
    cutlen: u32,
    probability: u32,
    mru: u16,
}

impl Pending {
    /// Of a packet that has just come.
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            waiting: Cell::new(KVec::new()),
            left: Cell::new(LOOKUP_LIMIT),
        }
    }

    /// Counts a lookup, unless that is one too many.
    #[inline]
    pub(crate) fn count(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Has a packet looked up later, with recirculation id `id`. Gives it back if there is no memory
    /// for that.
    pub(super) fn push(
        &self,
        ctx: &Context<'_>,
        skb: SkBuff,
        packet: &PacketKey,
        id: u32,
    ) -> Result<(), SkBuff> {
        let Ok(mut waiting) = alloc::zeroed::<Waiting>(GFP_ATOMIC) else {
            return Err(skb);
        };
        waiting.packet = *packet;
        waiting.packet.key.recirc_id = id;
        waiting.cutlen = ctx.cutlen;
        waiting.probability = ctx.probability;
        waiting.mru = ctx.mru;
        let mut others = self.waiting.replace(KVec::new());
        // Without room the packet is given back.
        let _ = others.reserve(1, GFP_ATOMIC);
        let pushed = others.push_within_capacity((skb, waiting));
        self.waiting.set(others);
        pushed.map_err(|PushError((skb, _))| skb)
    }

    /// Looks all up that is waiting, and what that brings about.
    #[inline]
    pub(crate) fn finish(&self, ctx: &Context<'_>) {
        let waiting = self.waiting.replace(KVec::new());
        if !waiting.is_empty() {
            self.look_up(ctx, waiting);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up(&self, ctx: &Context<'_>, mut waiting: KVec<(SkBuff, KBox<Waiting>)>) {
        while !waiting.is_empty() {
            for (skb, mut entry) in waiting {
                let mut ctx = Context {
                    mru: entry.mru,
                    cutlen: entry.cutlen,
                    probability: entry.probability,
                    ..*ctx
                };
                receive::process(&mut ctx, skb, &mut entry.packet);
            }
            waiting = self.waiting.replace(KVec::new());
        }
    }
}
