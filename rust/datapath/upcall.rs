// SPDX-License-Identifier: GPL-2.0

//! Upcalls: packets for user space.
//!
//! A packet goes up because no flow matches it, or because an action says so. It is a message of the
//! family `ovs_packet` to one netlink socket; a packet that a device would segment on its way out is
//! segmented first, and goes up in as many messages.
//!
//! What does not get there is counted, by the datapath and by the port the packet came in by.

use super::put_dp_ifindex;
use crate::{
    actions::{
        trace,
        Context,
        PacketKey, //
    },
    net::{
        errno::ENOTCONN,
        netlink::{
            self,
            nla_total_size,
            Body,
            NetlinkSkBuff, //
        },
        ratelimit,
        skbuff::SkBuff,
        trace::upcall_enabled, //
    },
    odp::{
        flow_attrs,
        key::frag,
        nlattr::Writer,
        uapi::{
            packet_attr,
            packet_cmd,
            user_features,
            OvsHeader, //
        },
        Key, //
    },
    tunnel::EgressTunnel, //
};
use kernel::prelude::*;

/// Why a packet goes to user space.
pub(crate) enum Cause<'a> {
    /// No flow matches it.
    Miss,
    /// A USERSPACE action.
    Action {
        /// The netlink port that the action names.
        pid: u32,
        /// What the action wants handed back.
        userdata: Option<&'a [u8]>,
        /// The actions that were being executed, as attributes.
        actions: Option<&'a [u8]>,
        /// The tunnel header that the packet would get.
        egress: Option<&'a EgressTunnel>,
    },
}

impl Cause<'_> {
    fn command(&self) -> u8 {
        match self {
            Self::Miss => packet_cmd::MISS,
            Self::Action { .. } => packet_cmd::ACTION,
        }
    }
}

/// What to send to user space along with a packet.
pub(crate) struct Upcall<'a> {
    /// Why.
    pub(crate) cause: Cause<'a>,
    /// The most bytes of the packet to send.
    pub(crate) cutlen: u32,
}

/// Sends a packet to user space. The packet stays with the caller, its checksum completed.
pub(crate) fn send(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &PacketKey,
    upcall: &Upcall<'_>,
) -> Result {
    let pid = pid(ctx, skb, upcall);
    if upcall_enabled() {
        trace::upcall(ctx, skb, packet, upcall.cause.command(), pid);
    }
    if ctx.hashed {
        // User space is told the hash, and hands it back with the packet.
        skb.get_hash();
    }
    let sent = if pid == 0 {
        Err(ENOTCONN)
    } else {
        let sent = if skb.is_gso() {
            queue_segments(ctx, skb, packet, upcall, pid)
        } else {
            queue(ctx, skb, packet, upcall, pid)
        };
        ctx.input.count_upcall(sent.is_ok(), ctx.bh);
        sent
    };
    if sent.is_err() {
        ctx.dp.counters(ctx.bh).lost.inc(ctx.bh);
    }
    sent
}

/// The netlink port that a packet goes to; zero: none.
fn pid(ctx: &Context<'_>, skb: &mut SkBuff, upcall: &Upcall<'_>) -> u32 {
    if ctx.upcall_pid != 0 {
        return ctx.upcall_pid;
    }
    if ctx.dp.per_cpu_upcalls() {
        return per_cpu_pid(ctx);
    }
    match upcall.cause {
        Cause::Miss => ctx.input.upcall_pid(skb, ctx.bh.rcu()),
        Cause::Action { pid, .. } => pid,
    }
}

/// The netlink port for this CPU.
///
/// A process with fewer sockets than there are CPUs gets the upcalls of the others as well.
fn per_cpu_pid(ctx: &Context<'_>) -> u32 {
    let Some(pids) = ctx.dp.per_cpu_pids(ctx.bh.rcu()) else {
        return 0;
    };
    let cpu = ctx.bh.cpu() as usize;
    match pids.slice.get(cpu) {
        Some(pid) => *pid,
        None => {
            if ratelimit::allowed() {
                pr_info!("cpu_id mismatch with handler threads\n");
            }
            let index = cpu.checked_rem(pids.slice.len());
            index
                .and_then(|index| pids.slice.get(index))
                .map_or(0, |pid| *pid)
        }
    }
}

/// Sends the segments of a packet.
fn queue_segments(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &PacketKey,
    upcall: &Upcall<'_>,
    pid: u32,
) -> Result {
    // A UDP datagram that was to be fragmented: the key is that of the first fragment.
    let mut later = skb.gso_is_fragmentation().then(|| {
        ctx.dp.scratch().copy(packet, ctx.bh).map(|mut later| {
            later.key.ip_frag = frag::LATER;
            later
        })
    });
    for (index, mut segment) in skb.gso_segment()?.enumerate() {
        let packet = match &mut later {
            Some(later) if index > 0 => later.as_deref().ok_or(ENOMEM)?,
            _ => packet,
        };
        let sent = queue(ctx, &mut segment, packet, upcall, pid);
        if sent.is_ok() {
            segment.consume();
        }
        sent?;
    }
    Ok(())
}

/// Sends one packet.
fn queue(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &PacketKey,
    upcall: &Upcall<'_>,
    pid: u32,
) -> Result {
    if skb.vlan_tag().is_none() {
        return queue_inline(ctx, skb, packet, upcall, pid);
    }
    // User space gets the tag where it is on the wire.
    let mut tagged = skb
        .try_clone()
        .ok_or(ENOMEM)?
        .vlan_push_inside()
        .ok_or(ENOMEM)?;
    let sent = queue_inline(ctx, &mut tagged, packet, upcall, pid);
    tagged.consume();
    sent
}

/// Sends one packet that has its VLAN tags in its data.
fn queue_inline(
    ctx: &Context<'_>,
    skb: &mut SkBuff,
    packet: &PacketKey,
    upcall: &Upcall<'_>,
    pid: u32,
) -> Result {
    let dp = ctx.dp;
    let len = skb.len().min(upcall.cutlen);
    skb.complete_checksum()?;

    // Fragments are handed over as they are where user space can do with a last attribute that is
    // not padded.
    let unaligned = dp.features() & user_features::UNALIGNED != 0;
    let headlen = if unaligned {
        skb.zerocopy_headlen().min(len)
    } else {
        len
    };
    let size = message_size(upcall, headlen as usize);
    let mut msg = NetlinkSkBuff::new(size, GFP_ATOMIC)?.genlmsg_put(
        0,
        0,
        dp.packet_family(),
        upcall.cause.command(),
    )?;
    put_dp_ifindex(&mut msg, dp.ifindex());
    fill(&mut msg, ctx, skb, &packet.key, upcall, len).map_err(|err| err.code())?;
    skb.put_into(&mut msg, packet_attr::PACKET.into(), len, headlen)
        .map_err(|err| err.code())?;
    if !unaligned {
        msg.pad().map_err(|err| err.code())?;
    }
    let net = dp.net().get(ctx.bh.rcu()).ok_or(ENODEV)?;
    msg.unicast(net, pid)
}

/// Puts all attributes but the packet.
fn fill(
    msg: &mut Body,
    ctx: &Context<'_>,
    skb: &SkBuff,
    key: &Key,
    upcall: &Upcall<'_>,
    len: u32,
) -> Result<(), netlink::Error> {
    let nest = msg.nest_start(packet_attr::KEY.into())?;
    put_key(nest, key, key, false)?;
    if let Cause::Action {
        userdata,
        actions,
        egress,
        ..
    } = upcall.cause
    {
        if let Some(userdata) = userdata {
            msg.put_bytes(packet_attr::USERDATA.into(), userdata)?;
        }
        if let Some(egress) = egress {
            put_egress(msg.nest_start(packet_attr::EGRESS_TUN_KEY.into())?, egress)?;
        }
        if let Some(actions) = actions {
            msg.put_bytes(packet_attr::ACTIONS.into(), actions)?;
        }
    }
    if ctx.mru != 0 {
        msg.put_u16(packet_attr::MRU.into(), ctx.mru)?;
    }
    if len < skb.len() {
        msg.put_u32(packet_attr::LEN.into(), skb.len())?;
    }
    msg.put_u64(packet_attr::HASH.into(), hash(skb), 0)
}

/// Bits of `OVS_PACKET_ATTR_HASH` above the hash itself.
pub(crate) mod hash_flags {
    /// The hash was computed by software (`OVS_PACKET_HASH_SW_BIT`).
    pub(crate) const SW: u64 = 1 << 32;
    /// The hash covers ports (`OVS_PACKET_HASH_L4_BIT`).
    pub(crate) const L4: u64 = 1 << 33;
}

/// What is known of a packet's hash, as `OVS_PACKET_ATTR_HASH` tells it.
fn hash(skb: &SkBuff) -> u64 {
    let flag = |set: bool, bit: u64| if set { bit } else { 0 };
    u64::from(skb.raw_hash())
        | flag(skb.sw_hash(), hash_flags::SW)
        | flag(skb.l4_hash(), hash_flags::L4)
}

/// Puts the attributes of a key, or of its mask, in a nest that was started.
pub(crate) fn put_key(
    mut nest: netlink::Nest<'_>,
    key: &Key,
    output: &Key,
    is_mask: bool,
) -> Result<(), netlink::Error> {
    let mut writer = Writer::new(nest.tail_mut());
    if flow_attrs::put_key(&mut writer, key, output, is_mask).is_err() {
        return Err(EMSGSIZE.into());
    }
    let len = writer.len();
    nest.commit(len)?;
    nest.end()
}

/// Puts the attributes of a tunnel header in a nest that was started.
fn put_egress(mut nest: netlink::Nest<'_>, egress: &EgressTunnel) -> Result<(), netlink::Error> {
    let EgressTunnel {
        proto,
        tunnel,
        bridge,
    } = egress;
    let mut writer = Writer::new(nest.tail_mut());
    if flow_attrs::put_tunnel(&mut writer, *proto, tunnel, tunnel.opts_len, *bridge).is_err() {
        return Err(EMSGSIZE.into());
    }
    let len = writer.len();
    nest.commit(len)?;
    nest.end()
}

/// The size of a message, with `headlen` bytes of the packet in its linear part.
fn message_size(upcall: &Upcall<'_>, headlen: usize) -> usize {
    let optional = |bytes: Option<&[u8]>| bytes.map_or(0, |bytes| nla_total_size(bytes.len()));
    let (userdata, actions, egress) = match upcall.cause {
        Cause::Miss => (None, None, None),
        Cause::Action {
            userdata,
            actions,
            egress,
            ..
        } => (userdata, actions, egress),
    };
    [
        size_of::<OvsHeader>(),
        nla_total_size(flow_attrs::KEY_ATTR_MAX_SIZE),
        optional(userdata),
        optional(actions),
        egress.map_or(0, |_| nla_total_size(flow_attrs::TUNNEL_ATTR_MAX_SIZE)),
        nla_total_size(size_of::<u16>()),
        nla_total_size(size_of::<u32>()),
        nla_total_size(size_of::<u64>()),
        nla_total_size(headlen),
    ]
    .iter()
    .fold(0, |sum, size| sum.saturating_add(*size))
}
