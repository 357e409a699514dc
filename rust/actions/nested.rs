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
    datapath::receive,
    drop::Reason,
    net::{
        ratelimit,
        skbuff::SkBuff, //
    },
    odp::actions::List,
    sync::random,
};
use kernel::prelude::*;

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
    let Some(_level) = ctx.dp.scratch().level(ctx.bh) else {
        too_deep(ctx, skb, "sample");
        return Ok(Outcome::Done);
    };
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
    let scratch = ctx.dp.scratch();
    if in_place {
        if let Some(_level) = scratch.level(ctx.bh) {
            return run(&mut ctx, skb, packet, program, list);
        }
    } else if let Some(mut packet) = scratch.copy(packet, ctx.bh) {
        return run(&mut ctx, skb, &mut packet, program, list);
    }
    too_deep(&ctx, skb, "sample");
    Ok(())
}

/// Executes a list, and looks the packet up again if its last action says so.
fn run(
    ctx: &mut Context<'_>,
    skb: SkBuff,
    packet: &mut PacketKey,
    program: &Executable<'_>,
    list: List,
) -> Result {
    if let Outcome::Recirculate(skb) = execute(ctx, skb, packet, program, list)? {
        if ctx.dp.scratch().has_room(ctx.bh) {
            receive::process(ctx, skb, packet);
        } else {
            put_off(ctx, skb, packet, packet.key.recirc_id);
        }
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
    if let Some(mut packet) = ctx.dp.scratch().looked_up(packet, ctx.bh) {
        packet.key.recirc_id = id;
        receive::process(&mut ctx.clone(), copy, &mut packet);
    } else {
        put_off(ctx, copy, packet, id);
    }
    Ok(())
}

/// Looks a packet up when there is more room on the stack.
#[cold]
#[inline(never)]
fn put_off(ctx: &Context<'_>, skb: SkBuff, packet: &PacketKey, id: u32) {
    if let Err(skb) = ctx.pending.push(ctx, skb, packet, id) {
        too_deep(ctx, skb, "recirc");
    }
}

/// Drops a packet that is nested too deeply, or looked up too often.
#[cold]
#[inline(never)]
fn too_deep(ctx: &Context<'_>, skb: SkBuff, action: &str) {
    skb.drop_reason(Reason::DeferredLimit);
    if ratelimit::allowed() {
        let name = ctx.dp.name(ctx.bh.rcu()).unwrap_or_default();
        pr_warn!("{name}: deferred action limit reached, drop {action} action\n");
    }
}

/// Drops a packet that is, with its copies, looked up too often.
#[cold]
pub(crate) fn too_often(ctx: &Context<'_>, skb: SkBuff) {
    too_deep(ctx, skb, "recirc");
}
