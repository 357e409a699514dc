// SPDX-License-Identifier: GPL-2.0

//! The family `ovs_packet`: executing actions on a packet from user space.
//!
//! The family's other messages go the other way: see [`upcall`](crate::datapath::upcall).

use super::{
    actions_error,
    attr,
    error,
    find,
    support,
    Result, //
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
    alloc,
    datapath::{
        port,
        receive,
        upcall::hash_flags, //
    },
    net::{
        genetlink::{
            Command,
            Description,
            Family,
            Info,
            Op,
            DONT_VALIDATE_DUMP,
            DONT_VALIDATE_STRICT,
            UNS_ADMIN_PERM, //
        },
        netlink::{
            self,
            Policy,
            PolicyTable, //
        },
        skbuff::SkBuff, //
    },
    odp::{
        extract::Cold,
        flow_attrs,
        uapi::{
            family,
            packet_attr,
            packet_cmd, //
        }, //
    },
    sync::bh::Bh,
};
use kernel::prelude::*;

/// The length of an Ethernet header.
const ETH_HLEN: u16 = 14;

/// What aligns the network header behind an Ethernet header.
const NET_IP_ALIGN: usize = 2;

static POLICY: PolicyTable<{ packet_attr::UPCALL_PID as usize + 1 }> = PolicyTable::new()
    .with(packet_attr::PACKET as u32, Policy::min_len(ETH_HLEN))
    .with(packet_attr::KEY as u32, Policy::nested())
    .with(packet_attr::ACTIONS as u32, Policy::nested())
    .with(packet_attr::PROBE as u32, Policy::flag())
    .with(packet_attr::MRU as u32, Policy::u16())
    .with(packet_attr::HASH as u32, Policy::u64())
    .with(packet_attr::UPCALL_PID as u32, Policy::u32());

static OPS: [Op; 1] = [Op::new::<Execute>()];

/// The family.
pub(crate) static FAMILY: Family = Family::const_new(
    &crate::THIS_MODULE,
    Description {
        name: family::PACKET,
        version: family::PACKET_VERSION,
        header_len: size_of::<i32>(),
        policy: &POLICY,
        ops: &OPS,
        groups: &[],
        resv_start_op: packet_cmd::EXECUTE + 1,
    },
);

/// Executes actions on a packet.
///
/// The key gives what is not in the packet itself, such as the port it came in by. An action that
/// fails makes the command fail.
struct Execute;

impl Command for Execute {
    const CMD: u8 = packet_cmd::EXECUTE;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP;

    fn doit(info: &Info<'_>) -> Result {
        let packet = info.require(packet_attr::PACKET.into(), c"packet is missing")?;
        let key_attr = info.require(packet_attr::KEY.into(), c"packet key is missing")?;
        let actions = info.require(packet_attr::ACTIONS.into(), c"actions are missing")?;

        let mut skb = SkBuff::new(NET_IP_ALIGN, packet.payload().len(), GFP_KERNEL)?;
        skb.put_slice(packet.payload())?;
        let mut mru = 0;
        if let Some(attr) = info.attr(packet_attr::MRU.into()) {
            mru = attr.u16()?;
            skb.set_ignore_df(true);
        }
        if let Some(attr) = info.attr(packet_attr::HASH.into()) {
            let hash = attr.u64()?;
            let has = |flag| hash & flag != 0;
            skb.set_hash(hash as u32, has(hash_flags::SW), has(hash_flags::L4));
        }
        let upcall_pid = match info.attr(packet_attr::UPCALL_PID.into()) {
            Some(attr) => attr.u32()?,
            None => 0,
        };

        let mut execution: KBox<PacketKey> = alloc::zeroed(GFP_KERNEL)?;
        let given =
            flow_attrs::parse_metadata(&mut execution.key, attr(key_attr)?, support(info.net()))
                .map_err(error)?;
        execution.cold = Cold::ALL;
        skb.set_protocol(execution.key.eth_type.to_bytes());
        receive::update_key(&mut skb, &mut execution).map_err(|err| {
            netlink::Error::new(err, c"packet cannot be parsed").with_attr(packet)
        })?;
        given.check(&execution.key).map_err(error)?;
        let log = info.attr(packet_attr::PROBE.into()).is_none();
        let actions = actions::compile(actions.payload(), &execution.key, info.net(), log)
            .map_err(actions_error)?;

        let dp = find(info)?;
        skb.set_priority(execution.key.priority);
        skb.set_mark(execution.key.skb_mark);

        let guard = Bh::disable();
        let bh = guard.bh();
        let rcu = bh.rcu();
        let input = dp
            .ports()
            .get(execution.key.in_port, rcu)
            .or_else(|| dp.ports().get(port::LOCAL, rcu))
            .ok_or(ENODEV)?;
        skb.set_dev(input.device(), bh);
        let pending = Pending::new();
        let mut ctx = Context {
            mru,
            upcall_pid,
            ..Context::new(&input, &pending, bh)
        };
        let program = Executable::new(&actions);
        let done = actions::execute(&mut ctx, skb, &mut execution, &program, program.list());
        let result = done.map(|outcome| {
            if let Outcome::Recirculate(skb) = outcome {
                receive::process(&mut ctx, skb, &mut execution);
            }
        });
        pending.finish(&ctx);
        Ok(result?)
    }
}
