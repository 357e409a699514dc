// SPDX-License-Identifier: GPL-2.0

//! Actions that take a packet out of the datapath: to a port, or to user space.

use super::{
    headers,
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
        fragment::{
            Egress,
            Version, //
        },
        psample::Sample,
        ratelimit,
        skbuff::SkBuff, //
    },
    odp::{
        actions::Userspace,
        headers::ethertype,
        key::mac_proto,
        Key, //
    },
    tunnel::EgressTunnel,
    vport::Vport,
};
use kernel::prelude::*;

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
    let dev = port.device();
    let mru = u32::from(ctx.mru);
    if mru == 0 || skb.len() <= mru.saturating_add(dev.hard_header_len().into()) {
        port.send(ctx, skb, packet.key.mac_proto);
    } else if mru <= dev.mtu() {
        fragment(ctx, skb, &port, &packet.key);
    } else {
        skb.drop_reason(Reason::PktTooBig);
    }
}

/// Where the IP header of a packet is, behind VLAN tags and MPLS labels.
fn ip_offset(skb: &SkBuff) -> Option<usize> {
    if ethertype::is_mpls(u16::from_be_bytes(skb.protocol())) {
        return skb.inner_network_offset();
    }
    Some(headers::network(skb)?.0)
}

/// Sends a packet that was put together of fragments, as fragments no longer than those.
#[cold]
fn fragment(ctx: &Context<'_>, skb: SkBuff, port: &Vport, key: &Key) {
    let Some(ip) = ip_offset(&skb).filter(|ip| *ip <= SkBuff::MAX_LINK_LEN) else {
        if ratelimit::allowed() {
            pr_info!("netlink: L2 header too long to fragment\n");
        }
        return skb.drop_reason(Reason::FragL2TooLong);
    };
    let version = match key.eth_type.get() {
        ethertype::IPV4 => Version::V4,
        ethertype::IPV6 => Version::V6,
        other => {
            if ratelimit::allowed() {
                let name = port.device().name();
                pr_warn!("{name}: cannot fragment a packet of type {other:#06x}\n");
            }
            return skb.drop_reason(Reason::FragInvalidProto);
        }
    };
    let Some(net) = ctx.dp.net().get(ctx.bh.rcu()) else {
        return;
    };
    let egress = Egress {
        net,
        dev: port.device(),
        mru: ctx.mru,
    };
    let mac_proto = key.mac_proto;
    skb.fragment(version, ip, &egress, ctx.bh, |fragment| {
        port.send(ctx, fragment, mac_proto);
    });
}

/// The length of the Ethernet header, in bytes.
fn header_len(key: &Key) -> u32 {
    match key.mac_proto {
        mac_proto::ETHERNET => 14,
        _ => 0,
    }
}

/// The tunnel header that a packet would get if it went out of a port.
///
/// From then on the packet comes with the header as it is told here.
#[cold]
fn egress(ctx: &Context<'_>, skb: &mut SkBuff, port: u32) -> Option<EgressTunnel> {
    let port = u16::try_from(port).ok()?;
    let port = ctx.dp.ports().get(port, ctx.bh.rcu())?;
    skb.complete_tunnel(port.device()).ok()?;
    skb.tunnel_info().map(EgressTunnel::new)
}

/// Sends a packet to user space, at most `cutlen` bytes of it.
///
/// Not inlined: it needs more of the stack than other actions, which may be executed within each
/// other.
#[inline(never)]
pub(super) fn userspace(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &PacketKey,
    args: &Userspace<'_>,
    cutlen: u32,
) {
    let egress = match args.egress_tun_port {
        Some(port) => egress(ctx, skb, port),
        None => None,
    };
    let upcall = Upcall {
        cause: Cause::Action {
            pid: args.pid,
            userdata: args.userdata,
            actions: args.actions,
            egress: egress.as_ref(),
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
