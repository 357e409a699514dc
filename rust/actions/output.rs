// SPDX-License-Identifier: GPL-2.0

//! Actions that take a packet out of the datapath: to a port, or to user space.

use super::{
    Context,
    PacketKey, //
};
use crate::{
    datapath::upcall::{
        self,
        Cause,
        Upcall, //
    },
    drop::Reason,
    net::{
        psample::Sample,
        skbuff::SkBuff, //
    },
    odp::{
        actions::Userspace,
        key::mac_proto,
        Key, //
    },
};

/// Sends a packet out of a port, at most `cutlen` bytes of it.
pub(super) fn output(
    ctx: &Context<'_>,
    mut skb: SkBuff,
    port: u16,
    packet: &PacketKey,
    cutlen: u32,
) {
    let Some(port) = ctx
        .dp
        .ports()
        .get(port, ctx.bh.rcu())
        .filter(|port| port.device().can_transmit())
    else {
        return skb.drop_reason(Reason::DevReady);
    };
    if cutlen < skb.len() {
        // Out of memory, the packet goes out whole.
        let _ = skb.trim(cutlen.max(header_len(&packet.key)));
    }
    port.send(ctx, skb, packet.key.mac_proto);
}

/// The length of the Ethernet header, in bytes.
fn header_len(key: &Key) -> u32 {
    match key.mac_proto {
        mac_proto::ETHERNET => 14,
        _ => 0,
    }
}

/// Sends a packet to user space, at most `cutlen` bytes of it.
pub(super) fn userspace(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &PacketKey,
    args: &Userspace<'_>,
    cutlen: u32,
) {
    let upcall = Upcall {
        cause: Cause::Action {
            pid: args.pid,
            userdata: args.userdata,
            actions: args.actions,
        },
        cutlen,
    };
    // What is lost is counted where it is lost.
    let _ = upcall::send(ctx, skb, packet, &upcall);
}

/// Sends a packet to a sample group, at most `cutlen` bytes of it.
pub(super) fn psample(ctx: &Context<'_>, skb: &SkBuff, group: u32, cookie: &[u8], cutlen: u32) {
    let Some(net) = ctx.dp.net().get(ctx.bh.rcu()) else {
        return;
    };
    let sample = Sample {
        group,
        probability: match ctx.probability {
            0 => u32::MAX,
            probability => probability,
        },
        in_ifindex: ctx.input.device().ifindex(),
        trunc_size: skb.len().min(cutlen),
        cookie,
    };
    sample.send(net, skb);
}
