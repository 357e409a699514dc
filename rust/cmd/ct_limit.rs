// SPDX-License-Identifier: GPL-2.0

//! The family `ovs_ct_limit`: limits to the connections of zones.
//!
//! They are a namespace's, whatever datapath a request names.

use super::{
    dp_ifindex,
    namespace,
    Result, //
};
use crate::{
    conntrack::limit::{
        Change,
        Current, //
    },
    datapath::put_dp_ifindex,
    net::{
        conntrack::Tracking,
        genetlink::{
            Command,
            Description,
            Family,
            Info,
            MulticastGroup,
            Op,
            DONT_VALIDATE_DUMP,
            DONT_VALIDATE_STRICT,
            UNS_ADMIN_PERM, //
        },
        netlink::{
            self,
            nla_total_size,
            Attr,
            GenlMsg,
            NetlinkSkBuff,
            Policy,
            PolicyTable, //
        },
        ratelimit, //
    },
    odp::uapi::{
        ct_limit_attr,
        ct_limit_cmd,
        family,
        ZoneLimit, //
    },
    sync::rcu::Read,
};
use kernel::{
    prelude::*,
    sync::rcu, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

static POLICY: PolicyTable<{ ct_limit_attr::MAX as usize + 1 }> =
    PolicyTable::new().with(ct_limit_attr::ZONE_LIMIT as u32, Policy::nested());

static OPS: [Op; 3] = [Op::new::<Set>(), Op::new::<Del>(), Op::new::<Get>()];

static GROUPS: [MulticastGroup; 1] = [MulticastGroup::const_new(family::CT_LIMIT)];

/// The family.
pub(crate) static FAMILY: Family = Family::const_new(
    &crate::THIS_MODULE,
    Description {
        name: family::CT_LIMIT,
        version: family::CT_LIMIT_VERSION,
        header_len: size_of::<i32>(),
        policy: &POLICY,
        ops: &OPS,
        groups: &GROUPS,
        resv_start_op: ct_limit_cmd::GET + 1,
    },
);

const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP;

/// The zone that stands for all that have no limit of their own (`OVS_ZONE_LIMIT_DEFAULT_ZONE`).
const DEFAULT_ZONE: i32 = -1;

/// What a request names.
#[derive(Clone, Copy)]
enum Named {
    Default,
    Zone(u16),
}

impl Named {
    /// A number that is no zone's is not an error; it is logged.
    fn new(zone_id: i32) -> Option<Self> {
        if zone_id == DEFAULT_ZONE {
            return Some(Self::Default);
        }
        let zone = u16::try_from(zone_id).ok();
        if zone.is_none() && ratelimit::allowed() {
            pr_info!("netlink: zone id is out of range\n");
        }
        zone.map(Self::Zone)
    }
}

/// The limits that a request has, with what each names.
fn limits(attr: Attr<'_>) -> impl Iterator<Item = (Named, ZoneLimit)> + '_ {
    let limits = attr.payload().chunks(size_of::<ZoneLimit>());
    limits.filter_map(|bytes| {
        let Ok(limit) = ZoneLimit::read_from_bytes(bytes) else {
            if ratelimit::allowed() {
                pr_info!("netlink: zone limits have {} unknown bytes\n", bytes.len());
            }
            return None;
        };
        Some((Named::new(limit.zone_id)?, limit))
    })
}

/// The limits that a request must have.
fn required<'a>(info: &Info<'a>) -> Result<Attr<'a>> {
    info.require(ct_limit_attr::ZONE_LIMIT.into(), c"zone limits are missing")
}

/// Starts the answer to a request, with room for `len` limits.
fn answer(info: &Info<'_>, cmd: u8, len: usize) -> Result<GenlMsg> {
    let limits = len.saturating_mul(size_of::<ZoneLimit>());
    let size = nla_total_size(limits).saturating_add(size_of::<i32>());
    let mut msg = NetlinkSkBuff::new(size, GFP_KERNEL)?.genlmsg_put(
        info.portid(),
        info.seq(),
        &FAMILY,
        cmd,
    )?;
    put_dp_ifindex(&mut msg, dp_ifindex(info));
    Ok(msg)
}

/// Sets limits.
struct Set;

impl Command for Set {
    const CMD: u8 = ct_limit_cmd::SET;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let given = required(info)?;
        let msg = answer(info, ct_limit_cmd::SET, 0)?;
        let changes = limits(given).map(|(named, given)| match named {
            Named::Default => Change::Default(given.limit),
            Named::Zone(zone) => Change::Zone(zone, Some(given.limit)),
        });
        namespace(info.net())?.ct_limits().change(changes)?;
        Ok(msg.reply(info)?)
    }
}

/// Takes limits away. It is no error if there is none.
struct Del;

impl Command for Del {
    const CMD: u8 = ct_limit_cmd::DEL;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let given = required(info)?;
        let msg = answer(info, ct_limit_cmd::DEL, 0)?;
        let changes = limits(given).map(|(named, _)| match named {
            Named::Default => Change::NoDefault,
            Named::Zone(zone) => Change::Zone(zone, None),
        });
        namespace(info.net())?.ct_limits().change(changes)?;
        Ok(msg.reply(info)?)
    }
}

/// Tells limits, those that are asked for or all, and how many connections were counted.
struct Get;

impl Command for Get {
    const CMD: u8 = ct_limit_cmd::GET;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let current = namespace(info.net())?.ct_limits().current()?;
        let mut told = KVVec::new();
        match info.attr(ct_limit_attr::ZONE_LIMIT.into()) {
            Some(asked) => {
                for (named, _) in limits(asked) {
                    told.push(tell(info, &current, named), GFP_KERNEL)?;
                }
            }
            None => {
                told.push(tell(info, &current, Named::Default), GFP_KERNEL)?;
                for known in &current.zones {
                    told.push(tell(info, &current, Named::Zone(known.zone)), GFP_KERNEL)?;
                }
            }
        }
        let mut msg = answer(info, ct_limit_cmd::GET, told.len())?;
        msg.put_bytes(ct_limit_attr::ZONE_LIMIT.into(), told.as_slice().as_bytes())
            .map_err(|_| netlink::Error::new(EMSGSIZE, c"too many zones for one answer"))?;
        Ok(msg.reply(info)?)
    }
}

/// The limit of what is named.
fn tell(info: &Info<'_>, current: &Current, named: Named) -> ZoneLimit {
    let zone = match named {
        Named::Default => {
            return ZoneLimit {
                zone_id: DEFAULT_ZONE,
                limit: current.default,
                count: 0,
            }
        }
        Named::Zone(zone) => zone,
    };
    let guard = rcu::read_lock();
    let rcu = Read::from(&guard);
    let count = info
        .net()
        .get::<Tracking>(rcu)
        .and_then(|tracking| tracking.count(zone, None, rcu));
    ZoneLimit {
        zone_id: zone.into(),
        limit: current.of_zone(zone),
        count: count.unwrap_or(0),
    }
}
