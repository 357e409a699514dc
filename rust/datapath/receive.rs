// SPDX-License-Identifier: GPL-2.0

//! The way of a packet: from the port it comes in by to the flow it matches and that flow's actions.

use super::{
    errno,
    upcall::{
        self,
        Cause,
        Upcall, //
    }, //
};
use crate::{
    actions::{
        self,
        Context,
        Executable,
        Outcome,
        PacketKey,
        Pending, //
    },
    conntrack,
    drop::Reason,
    net::{
        errno::ENETDOWN,
        ratelimit,
        skbuff::SkBuff,
        tc::Passed, //
    },
    odp::{
        extract::{
            self,
            Hints,
            Layout,
            Metadata, //
        },
        key::{
            mac_proto,
            Be16,
            Key,
            Vlan,
            VLAN_TAG_PRESENT, //
        }, //
    },
    sync::bh::Bh,
    tunnel,
    vport::Vport,
};
use kernel::prelude::*;

/// Processes a packet that came in by a port.
///
/// The packet is not shared, and starts with the Ethernet header, if it has one.
pub(crate) fn receive(port: &Vport, mut skb: SkBuff, bh: Bh<'_>) -> Result {
    let dp = port.datapath();
    if !skb.dev_net(bh.rcu()).is_some_and(|net| dp.net().is_of(net)) {
        // A packet out of another namespace brings along its mark and nothing else.
        let mark = skb.mark();
        skb.scrub(true);
        skb.set_mark(mark);
    }
    let Some(mut packet) = dp.scratch().received(bh) else {
        skb.drop_reason(Reason::RecursionLimit);
        if ratelimit::allowed() {
            let name = dp.name(bh.rcu()).unwrap_or_default();
            pr_crit!(
                "ovs: recursion limit reached on datapath {name}, probable configuration error\n"
            );
        }
        return Err(ENETDOWN);
    };
    let passed = skb.passed_by_tc();
    if let Err(err) = extract_key(&mut skb, &mut packet, port, passed.as_ref()) {
        skb.drop_reason(Reason::NotSpecified);
        return Err(err);
    }
    let pending = Pending::new();
    let mut ctx = Context::new(port, &pending, bh);
    ctx.mru = passed.map_or(0, |passed| passed.mru);
    process(&mut ctx, skb, &mut packet);
    pending.finish(&ctx);
    Ok(())
}

/// What the parser sees of a packet.
struct Bytes<'a>(&'a mut SkBuff);

impl extract::Packet for Bytes<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.0.len() as usize
    }

    #[inline]
    fn header(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        self.0.header(offset, len)
    }

    fn peek<const N: usize>(&mut self, offset: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.0.copy_bits(offset, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// What is known of a packet beside its bytes.
fn hints(skb: &SkBuff) -> Hints {
    Hints {
        vlan: skb.vlan_tag().map(|tag| Vlan {
            tpid: Be16::from_bytes(tag.tpid),
            tci: Be16::new(tag.tci | VLAN_TAG_PRESENT),
        }),
        protocol: Be16::from_bytes(skb.protocol()),
        udp_fragments: skb.gso_is_fragmentation(),
    }
}

/// Tells a packet where its headers are.
#[inline(always)]
fn set_layout(skb: &mut SkBuff, layout: Layout) -> Result {
    if layout.untag {
        skb.set_mac_offset(0)?;
        skb.vlan_untag()?;
    }
    let layout = layout.untagged();
    skb.set_headers(layout.network, layout.transport, layout.inner_network)?;
    skb.set_protocol(layout.protocol.to_bytes());
    Ok(())
}

/// Whether a packet that came in by a port starts with an Ethernet header.
#[inline]
fn mac_proto_of(skb: &SkBuff, port: &Vport) -> u8 {
    /// `ETH_P_TEB`: an Ethernet frame where a network header would be.
    const TEB: [u8; 2] = [0x65, 0x58];

    if port.device().is_ethernet() || skb.protocol() == TEB {
        mac_proto::ETHERNET
    } else {
        mac_proto::NONE
    }
}

/// Extracts what the header of the tunnel said that a packet came out of, and returns the
/// [`Key::tun_proto`]: zero, and nothing is extracted, if it came out of none.
#[inline(never)]
fn extract_tunnel(skb: &mut SkBuff, key: &mut Key, port: &Vport) -> u8 {
    // What the host sends has a destination, but came out of no tunnel.
    if port.is_internal() {
        return 0;
    }
    let Some(info) = skb.tunnel_info() else {
        return 0;
    };
    let proto = tunnel::extract(&mut key.tun, info);
    skb.forget_lost_checksum();
    proto
}

/// Extracts the key of a packet that has just come in.
#[inline(always)]
fn extract_key(
    skb: &mut SkBuff,
    packet: &mut PacketKey,
    port: &Vport,
    passed: Option<&Passed>,
) -> Result {
    let tun_proto = match skb.has_dst() {
        true => extract_tunnel(skb, &mut packet.key, port),
        false => 0,
    };
    let metadata = Metadata {
        in_port: port.port_no(),
        recirc_id: passed.map_or(0, |passed| passed.chain),
        priority: skb.priority(),
        skb_mark: skb.mark(),
        mac_proto: mac_proto_of(skb, port),
        tun_proto,
        hints: hints(skb),
    };
    packet.stale = false;
    let PacketKey { key, cold, .. } = packet;
    let layout = extract::extract(key, cold, &mut Bytes(skb), &metadata)
        .map_err(|err| errno::code(err.errno()))?;
    set_layout(skb, layout)?;
    conntrack::received(
        skb,
        packet,
        passed.and_then(|passed| passed.tracked.as_ref()),
    );
    Ok(())
}

/// Brings a key up to date with a packet whose headers have changed. The metadata stay.
pub(crate) fn update_key(skb: &mut SkBuff, packet: &mut PacketKey) -> Result {
    let hints = hints(skb);
    let PacketKey { key, cold, .. } = packet;
    let layout = extract::update(key, cold, &mut Bytes(skb), &hints)
        .map_err(|err| errno::code(err.errno()))?;
    packet.stale = false;
    set_layout(skb, layout)
}

/// Brings a key up to date with a packet that starts with its network header, as far as that and the
/// headers behind it are concerned.
pub(crate) fn update_l3l4(skb: &mut SkBuff, packet: &mut PacketKey) -> Result {
    let udp_fragments = skb.gso_is_fragmentation();
    let PacketKey { key, cold, .. } = packet;
    let layout = extract::update_l3l4(key, cold, &mut Bytes(skb), 0, udp_fragments)
        .map_err(|err| errno::code(err.errno()))?;
    match layout.transport {
        Some(transport) => skb.set_transport_offset(transport),
        None => Ok(()),
    }
}

/// Looks a packet up and executes the actions of its flow, as often as the last of them says to look
/// it up again.
///
/// A packet without a flow goes to user space.
pub(crate) fn process(ctx: &mut Context<'_>, mut skb: SkBuff, packet: &mut PacketKey) {
    ctx.hashed = true;
    let bh = ctx.bh;
    let counters = ctx.dp.counters(bh);

    while ctx.pending.count() {
        let found = ctx.dp.flows.lookup(&packet.key, bh);
        counters.mask_hit.add(found.masks.into(), bh);
        counters.cache_hit.add(found.cached.into(), bh);
        let Some(flow) = found.flow else {
            counters.missed.inc(bh);
            return miss(ctx, skb, packet);
        };
        flow.count(wire_len(&skb), packet.key.tcp_flags.get(), bh);
        counters.hit.inc(bh);
        if ctx.dp.flows.hashes() {
            skb.get_hash();
        }

        let Some(actions) = flow.actions() else {
            return skb.drop_reason(Reason::NotSpecified);
        };
        let program = Executable::new(actions);
        match actions::execute(ctx, skb, packet, &program, program.list()) {
            Ok(Outcome::Recirculate(again)) => skb = again,
            Ok(Outcome::Done) | Err(_) => return,
        }
    }
    actions::too_often(ctx, skb);
}

/// The length of a packet with the VLAN tag that is beside it, in bytes.
#[inline]
fn wire_len(skb: &SkBuff) -> u64 {
    let tag = if skb.vlan_tag().is_some() { 4 } else { 0 };
    u64::from(skb.len()).wrapping_add(tag)
}

/// Sends a packet that has no flow to user space.
fn miss(ctx: &Context<'_>, mut skb: SkBuff, packet: &PacketKey) {
    let upcall = Upcall {
        cause: Cause::Miss,
        cutlen: Context::WHOLE,
    };
    match upcall::send(ctx, &mut skb, packet, &upcall) {
        Ok(()) => skb.consume(),
        Err(_) => skb.tx_error(),
    }
}
