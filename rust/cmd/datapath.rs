// SPDX-License-Identifier: GPL-2.0

//! The family `ovs_datapath`: making, changing, listing and destroying datapaths.

use super::{
    dp_ifindex,
    namespace,
    port_ids,
    upcall_pids,
    Result, //
};
use crate::{
    datapath::{
        port,
        put_dp_ifindex,
        Datapath,
        OvsGuard,
        Registry, //
    },
    flow_table,
    net::{
        errno::EOPNOTSUPP,
        genetlink::{
            Command,
            Description,
            Dump,
            DumpMsg,
            DumpState,
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
            Body,
            NetlinkSkBuff,
            Policy,
            PolicyTable, //
        }, //
    },
    odp::uapi::{
        dp_attr,
        dp_cmd,
        family,
        user_features,
        DpStats,
        MegaflowStats, //
    },
    sync::percpu::nr_cpu_ids,
    vport::{
        self,
        Vport, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use zerocopy::IntoBytes;

/// The length of a device's name, with its NUL character (`IFNAMSIZ`).
const IFNAMSIZ: u16 = 16;

static POLICY: PolicyTable<{ dp_attr::IFINDEX as usize + 1 }> = PolicyTable::new()
    .with(dp_attr::NAME as u32, Policy::nul_string(IFNAMSIZ - 1))
    .with(dp_attr::UPCALL_PID as u32, Policy::u32())
    .with(dp_attr::USER_FEATURES as u32, Policy::u32())
    .with(
        dp_attr::MASKS_CACHE_SIZE as u32,
        Policy::u32_range(0, flow_table::CACHE_SIZE_MAX),
    )
    .with(dp_attr::IFINDEX as u32, Policy::s32_min(0));

static OPS: [Op; 4] = [
    Op::new::<New>(),
    Op::new::<Del>(),
    Op::with_dump::<Get>(),
    Op::new::<Set>(),
];

static GROUPS: [MulticastGroup; 1] = [MulticastGroup::const_new(family::DATAPATH)];

/// The family.
pub(crate) static FAMILY: Family = Family::const_new(
    &crate::THIS_MODULE,
    Description {
        name: family::DATAPATH,
        version: family::DATAPATH_VERSION,
        header_len: size_of::<i32>(),
        policy: &POLICY,
        ops: &OPS,
        groups: &GROUPS,
        resv_start_op: dp_cmd::SET + 1,
    },
);

const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP;

/// The size of a message about a datapath.
fn message_size() -> usize {
    nla_total_size(IFNAMSIZ.into())
        + nla_total_size(size_of::<DpStats>())
        + nla_total_size(size_of::<MegaflowStats>())
        + 2 * nla_total_size(size_of::<u32>())
        + nla_total_size((nr_cpu_ids() as usize).saturating_mul(size_of::<u32>()))
}

/// Allocates a message, before anything is changed that it shall tell of.
fn message() -> Result<NetlinkSkBuff> {
    Ok(NetlinkSkBuff::new(message_size(), GFP_KERNEL)?)
}

/// Describes a datapath.
fn fill(msg: &mut Body, dp: &Datapath) -> Result {
    put_dp_ifindex(msg, dp.ifindex());
    let local = dp.ports().find(port::LOCAL).ok_or(ENODEV)?;
    msg.put_string(dp_attr::NAME.into(), local.device().name().as_c_str())?;

    let totals = dp.totals();
    let stats = DpStats {
        n_hit: totals.hit,
        n_missed: totals.missed,
        n_lost: totals.lost,
        n_flows: dp.flows.len().into(),
    };
    msg.put_bytes(dp_attr::STATS.into(), stats.as_bytes())?;
    let stats = MegaflowStats {
        n_mask_hit: totals.mask_hit,
        n_masks: dp.flows.masks(),
        n_cache_hit: totals.cache_hit,
        ..MegaflowStats::default()
    };
    msg.put_bytes(dp_attr::MEGAFLOW_STATS.into(), stats.as_bytes())?;
    msg.put_u32(dp_attr::USER_FEATURES.into(), dp.features())?;
    msg.put_u32(dp_attr::MASKS_CACHE_SIZE.into(), dp.flows.cache_size())?;
    if dp.per_cpu_upcalls() {
        dp.with_per_cpu_pids(|pids| {
            let Some(pids) = pids else {
                return Ok(());
            };
            let pids = pids.get(..nr_cpu_ids() as usize).unwrap_or(pids);
            msg.put_bytes(dp_attr::PER_CPU_PIDS.into(), pids.as_bytes())
        })?;
    }
    Ok(())
}

/// The datapath that a request names, by its name or else by its index.
fn find(info: &Info<'_>) -> Result<Arc<Datapath>> {
    let namespace = namespace(info.net())?;
    let Some(name) = info.attr(dp_attr::NAME.into()) else {
        return namespace
            .datapaths()
            .find(dp_ifindex(info))
            .ok_or_else(|| netlink::Error::new(ENODEV, c"no datapath has this interface index"));
    };
    let wanted = name.str()?;
    let mut next = 0;
    while let Some((place, dp)) = namespace.datapaths().next(next) {
        if dp
            .ports()
            .find(port::LOCAL)
            .is_some_and(|local| local.device().name().as_c_str() == wanted)
        {
            return Ok(dp);
        }
        next = place + 1;
    }
    Err(netlink::Error::new(ENODEV, c"no datapath has this name").with_attr(name))
}

/// Applies what a request says of the datapath's configuration.
///
/// Features that the request does not mention are off from now on, as they are in the C module.
/// Nothing is changed if it fails.
fn change(dp: &Datapath, info: &Info<'_>, guard: &OvsGuard) -> Result {
    let features = match info.attr(dp_attr::USER_FEATURES.into()) {
        Some(attr) => {
            let features = attr.u32()?;
            if features & !Datapath::FEATURES != 0 {
                return Err(
                    netlink::Error::new(EOPNOTSUPP, c"unknown user feature").with_attr(attr)
                );
            }
            features
        }
        None => 0,
    };
    let pids = match info.attr(dp_attr::PER_CPU_PIDS.into()) {
        Some(ids) if features & user_features::DISPATCH_UPCALL_PER_CPU != 0 => Some(port_ids(ids)?),
        _ => None,
    };
    if let Some(attr) = info.attr(dp_attr::MASKS_CACHE_SIZE.into()) {
        let size = attr.u32()?;
        if size != 0 && !size.is_power_of_two() {
            return Err(netlink::Error::new(
                EINVAL,
                c"size of the masks cache is not a power of two",
            )
            .with_attr(attr));
        }
        dp.flows.set_cache_size(size)?;
    }
    dp.set_features(features, guard);
    if let Some(pids) = pids {
        dp.set_per_cpu_pids(pids, guard);
    }
    Ok(())
}

/// Makes a datapath, and the internal device that has its name.
struct New;

impl Command for New {
    const CMD: u8 = dp_cmd::NEW;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let name = info.require(dp_attr::NAME.into(), c"a datapath needs a name")?;
        let upcall_pid = info.require(
            dp_attr::UPCALL_PID.into(),
            c"a datapath needs a port id for upcalls",
        )?;
        let msg = message()?;
        let namespace = namespace(info.net())?;

        let mut guard = OvsGuard::lock();
        let dp = Datapath::new(namespace.net().clone(), &super::packet::FAMILY, &guard)?;
        change(&dp, info, &guard)?;
        if let Err(err) = complete(
            &dp,
            info,
            name,
            upcall_pid,
            namespace.datapaths(),
            &mut guard,
        ) {
            dp.set_features(0, &guard);
            return Err(err);
        }
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, dp_cmd::NEW)?;
        let filled = fill(&mut msg, &dp);
        drop(guard);
        filled?;
        msg.notify(&FAMILY, info, 0, GFP_KERNEL);
        Ok(())
    }
}

/// Makes the internal device of a new datapath, and lets the datapath be found.
fn complete(
    dp: &Arc<Datapath>,
    info: &Info<'_>,
    name: netlink::Attr<'_>,
    upcall_pid: netlink::Attr<'_>,
    registry: &Registry,
    guard: &mut OvsGuard,
) -> Result {
    let params = vport::Params {
        name: name.str()?,
        port_no: port::LOCAL,
        upcall_pids: upcall_pids(upcall_pid)?,
        ifindex: match info.attr(dp_attr::IFINDEX.into()) {
            Some(ifindex) => ifindex.s32()?,
            None => 0,
        },
    };
    Vport::add_internal(dp, info.net(), params, guard)
        .map_err(|err| refused(info, name, err, guard))?;
    if let Err(err) = dp.publish(registry, guard) {
        dp.detach(port::LOCAL, guard);
        return Err(err.into());
    }
    Ok(())
}

/// The error for a datapath whose device could not be made.
///
/// User space that knows nothing of features and asks for a datapath that there already is will go
/// on with that one: it gets it without features.
fn refused(
    info: &Info<'_>,
    name: netlink::Attr<'_>,
    err: Error,
    guard: &OvsGuard,
) -> netlink::Error {
    if err != EEXIST && err != EBUSY {
        return netlink::Error::new(err, c"cannot create the datapath's device").with_attr(name);
    }
    if info.version() < family::DATAPATH_VERSION_FEATURES {
        if let Ok(dp) = find(info) {
            if let Some(local) = dp.ports().find(port::LOCAL) {
                pr_warn!(
                    "{}: Dropping previously announced user features\n",
                    local.device().name()
                );
            }
            dp.set_features(0, guard);
        }
    }
    netlink::Error::new(EEXIST, c"a device has this name").with_attr(name)
}

/// Destroys a datapath with all that is in it.
struct Del;

impl Command for Del {
    const CMD: u8 = dp_cmd::DEL;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let msg = message()?;
        let namespace = namespace(info.net())?;

        let mut guard = OvsGuard::lock();
        let dp = find(info)?;
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, dp_cmd::DEL)?;
        fill(&mut msg, &dp)?;
        dp.destroy(namespace.datapaths(), &mut guard);
        drop(guard);
        msg.notify(&FAMILY, info, 0, GFP_KERNEL);
        Ok(())
    }
}

/// Describes one datapath or all of them.
struct Get;

impl Command for Get {
    const CMD: u8 = dp_cmd::GET;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let msg = message()?;
        let guard = OvsGuard::lock();
        let dp = find(info)?;
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, dp_cmd::GET)?;
        fill(&mut msg, &dp)?;
        drop(guard);
        Ok(msg.reply(info)?)
    }
}

impl Dump for Get {
    fn dump(msg: &mut DumpMsg<'_>, state: &mut DumpState<'_>) -> Result {
        let namespace = namespace(state.info().net())?;
        let _guard = OvsGuard::lock();
        let [next, ..] = state.cursor();
        while let Some((place, dp)) = namespace.datapaths().next(*next as usize) {
            let mut record = msg.record(&FAMILY, dp_cmd::GET)?;
            fill(&mut record, &dp)?;
            record.end();
            *next = place as c_long + 1;
        }
        Ok(())
    }
}

/// Changes the configuration of a datapath.
struct Set;

impl Command for Set {
    const CMD: u8 = dp_cmd::SET;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let msg = message()?;
        let guard = OvsGuard::lock();
        let dp = find(info)?;
        change(&dp, info, &guard)?;
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, dp_cmd::SET)?;
        fill(&mut msg, &dp)?;
        drop(guard);
        msg.notify(&FAMILY, info, 0, GFP_KERNEL);
        Ok(())
    }
}
