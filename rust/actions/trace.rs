// SPDX-License-Identifier: GPL-2.0

//! What tracepoints tell of packets.

use super::{
    Context,
    PacketKey, //
};
use crate::{
    net::{
        skbuff::SkBuff,
        trace::Point, //
    },
    odp::actions::{
        List,
        Program, //
    },
};

/// Calls `tell` with what is known of a packet.
fn point(ctx: &Context<'_>, skb: &SkBuff, packet: &PacketKey, tell: impl FnOnce(&Point<'_>)) {
    let name = ctx.dp.name(ctx.bh.rcu()).unwrap_or_default();
    let key = &packet.key;
    tell(&Point {
        dp: core::ptr::from_ref(ctx.dp).addr(),
        dp_name: name.as_c_str(),
        skb,
        key: core::ptr::from_ref(key).addr(),
        dp_hash: key.dp_hash,
        recirc_id: key.recirc_id,
        eth_type: key.eth_type.to_bytes(),
        ct_zone: key.ct_zone,
        ct_state: key.ct_state,
        ct_orig_proto: key.ct_orig_proto,
        key_valid: !packet.stale,
    });
}

/// Tells of the next action of a list.
#[cold]
pub(super) fn action(
    ctx: &Context<'_>,
    skb: &SkBuff,
    packet: &PacketKey,
    program: &Program<'_>,
    list: &List,
) {
    if let Some((attr, last)) = program.next_attr(list) {
        point(ctx, skb, packet, |point| {
            point.execute_action(attr.bytes(), last);
        });
    }
}

/// Tells of a packet that goes to the netlink port `portid` in a message `cmd`.
#[cold]
pub(crate) fn upcall(ctx: &Context<'_>, skb: &SkBuff, packet: &PacketKey, cmd: u8, portid: u32) {
    point(ctx, skb, packet, |point| point.upcall(cmd, portid, ctx.mru));
}
