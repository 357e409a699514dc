// SPDX-License-Identifier: GPL-2.0

//! Actions that execute others for a copy of the packet.

use super::{
    execute,
    headers,
    Context,
    Executable,
    Outcome,
    PacketKey, //
};
use crate::{
    datapath::{
        receive,
        Datapath, //
    },
    drop::Reason,
    net::{
        ratelimit,
        skbuff::SkBuff, //
    },
    odp::actions::List,
    sync::{
        bh::Bh,
        random, //
    },
};
use kernel::prelude::*;

/// The deepest nesting: a list counts one, a lookup two.
///
/// Lists are nested up to 16 deep, and lookups of copies in them again; a list takes some 350 bytes
/// of a stack of 16 KiB, a lookup twice as many, and sending a packet needs a good part of the rest.
const DEPTH_LIMIT: u32 = 26;

const LIST: u32 = 1;
const LOOKUP: u32 = 2;

/// The depth at which a packet starts: others may be in process on this stack.
#[inline]
pub(super) fn depth(dp: &Datapath, bh: Bh<'_>) -> u32 {
    dp.scratch().depth(bh).saturating_mul(LOOKUP)
}

/// Counts a level, unless that is one too many.
fn descend(ctx: &mut Context<'_>, levels: u32) -> bool {
    ctx.depth = ctx.depth.saturating_add(levels);
    ctx.depth <= DEPTH_LIMIT
}

/// Decides whether this packet is sampled; `probability` is out of 2^32 - 1.
pub(super) fn sampled(probability: u32) -> bool {
    probability == u32::MAX || (probability != 0 && random::number() <= probability)
}

/// Executes a nested list that ends the list it is in: nothing is copied.
#[inline(never)]
pub(super) fn last(
    ctx: &mut Context<'_>,
    skb: SkBuff,
    packet: &mut PacketKey,
    program: &Executable<'_>,
    list: List,
) -> Result<Outcome> {
    if !descend(ctx, LIST) {
        too_deep(ctx, skb, "sample");
        return Ok(Outcome::Done);
    }
    execute(ctx, skb, packet, program, list)
}

/// Whether a packet, or each of those that it stands for or was received as, has at most `len`
/// bytes.
pub(super) fn fits(ctx: &Context<'_>, skb: &SkBuff, len: u16) -> bool {
    let len = u32::from(len);
    if skb.is_gso() && skb.gso_validate_mac_len(len) {
        return true;
    }
    match ctx.mru {
        0 => skb.len() <= len,
        mru => u32::from(mru).saturating_add(skb.mac_len().into()) <= len,
    }
}

/// Executes a list for a copy of the packet.
///
/// Neither packet nor key changes. An error of an action is handed on: as in the C module, it is
/// the end of the packet as well as of the copy.
#[inline(never)]
pub(super) fn copy(
    ctx: &Context<'_>,
    skb: &SkBuff,
    packet: &mut PacketKey,
    program: &Executable<'_>,
    list: List,
    in_place: bool,
) -> Result {
    let Some(skb) = skb.try_clone() else {
        return Ok(());
    };
    let mut ctx = *ctx;
    if !descend(&mut ctx, LIST) {
        too_deep(&ctx, skb, "sample");
        Ok(())
    } else if in_place {
        run(&mut ctx, skb, packet, program, list)
    } else if let Some(mut packet) = ctx.dp.scratch().copy(packet, ctx.bh) {
        run(&mut ctx, skb, &mut packet, program, list)
    } else {
        too_deep(&ctx, skb, "sample");
        Ok(())
    }
}

/// Executes a list to its end, all the ways the packet is looked up again included.
fn run(
    ctx: &mut Context<'_>,
    skb: SkBuff,
    packet: &mut PacketKey,
    program: &Executable<'_>,
    list: List,
) -> Result {
    if let Outcome::Recirculate(skb) = execute(ctx, skb, packet, program, list)? {
        receive::process(ctx, skb, packet);
    }
    Ok(())
}

/// Looks a copy of the packet up again, with recirculation id `id`.
#[inline(never)]
pub(super) fn recirculate(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    id: u32,
) -> Result {
    headers::refresh(skb, packet)?;
    let Some(copy) = skb.try_clone() else {
        return Ok(());
    };
    let mut ctx = *ctx;
    let key = match descend(&mut ctx, LOOKUP) {
        true => ctx.dp.scratch().copy(packet, ctx.bh),
        false => None,
    };
    if let Some(mut packet) = key {
        packet.key.recirc_id = id;
        receive::process(&mut ctx, copy, &mut packet);
    } else {
        too_deep(&ctx, copy, "recirc");
    }
    Ok(())
}

/// Drops a packet that there is no key for, or not enough of the stack.
#[cold]
#[inline(never)]
fn too_deep(ctx: &Context<'_>, skb: SkBuff, action: &str) {
    skb.drop_reason(Reason::DeferredLimit);
    if ratelimit::allowed() {
        let name = ctx.dp.name(ctx.bh.rcu()).unwrap_or_default();
        pr_warn!("{name}: deferred action limit reached, drop {action} action\n");
    }
}
