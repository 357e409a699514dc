// SPDX-License-Identifier: GPL-2.0

//! The family `ovs_vport`: adding, changing, listing and removing ports.

use super::{
    attr,
    dp_ifindex,
    find,
    namespace,
    upcall_pids,
    Result, //
};
use crate::{
    datapath::{
        port,
        put_dp_ifindex,
        Datapath,
        OvsGuard, //
    },
    net::{
        autoload,
        errno::{
            EADDRINUSE,
            EAFNOSUPPORT, //
        },
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
        namespace::Net,
        netlink::{
            self,
            nla_total_size,
            Attr,
            Body,
            GenlMsg,
            NetlinkSkBuff,
            Policy,
            PolicyTable, //
        }, //
    },
    odp::{
        self,
        nlattr::{NoRoom, Writer},
        uapi::{
            family,
            tunnel_attr,
            user_features,
            vport_attr,
            vport_cmd,
            vport_type,
            vport_upcall_attr,
            vxlan_ext, //
            VportStats,
        },
    },
    sync::percpu::nr_cpu_ids,
    vport::{
        self,
        tunnel::{Options, Takes},
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

static POLICY: PolicyTable<{ vport_attr::UPCALL_STATS as usize + 1 }> = PolicyTable::new()
    .with(vport_attr::NAME as u32, Policy::nul_string(IFNAMSIZ - 1))
    .with(
        vport_attr::STATS as u32,
        Policy::min_len(size_of::<VportStats>() as u16),
    )
    .with(vport_attr::PORT_NO as u32, Policy::u32())
    .with(vport_attr::TYPE as u32, Policy::u32())
    .with(vport_attr::UPCALL_PID as u32, Policy::unspec())
    .with(vport_attr::OPTIONS as u32, Policy::nested())
    .with(vport_attr::IFINDEX as u32, Policy::s32_min(0))
    .with(vport_attr::NETNSID as u32, Policy::s32())
    .with(vport_attr::UPCALL_STATS as u32, Policy::nested());

static OPS: [Op; 4] = [
    Op::new::<New>(),
    Op::new::<Del>(),
    Op::with_dump::<Get>(),
    Op::new::<Set>(),
];

static GROUPS: [MulticastGroup; 1] = [MulticastGroup::const_new(family::VPORT)];

/// The family.
pub(crate) static FAMILY: Family = Family::const_new(
    &crate::THIS_MODULE,
    Description {
        name: family::VPORT,
        version: family::VPORT_VERSION,
        header_len: size_of::<i32>(),
        policy: &POLICY,
        ops: &OPS,
        groups: &GROUPS,
        resv_start_op: vport_cmd::SET + 1,
    },
);

const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP;

/// The size of a message about a port.
fn message_size() -> usize {
    4 * nla_total_size(size_of::<u32>())
        + nla_total_size(IFNAMSIZ.into())
        + nla_total_size(size_of::<VportStats>())
        + nla_total_size(2 * nla_total_size(size_of::<u64>()))
        + nla_total_size((nr_cpu_ids() as usize).saturating_mul(size_of::<u32>()))
        + nla_total_size(nla_total_size(size_of::<u16>()) + nla_total_size(nla_total_size(0)))
}

/// Allocates a message, before anything is changed that it shall tell of.
fn message() -> Result<NetlinkSkBuff> {
    Ok(NetlinkSkBuff::new(message_size(), GFP_KERNEL)?)
}

/// Describes a port to user space in the namespace `net`.
fn fill(msg: &mut Body, port: &Vport, net: &Net) -> Result {
    let dp = port.datapath();
    let dev = port.device();
    put_dp_ifindex(msg, dp.ifindex());
    msg.put_u32(vport_attr::PORT_NO.into(), port.port_no().into())?;
    msg.put_u32(vport_attr::TYPE.into(), port.kind())?;
    msg.put_string(vport_attr::NAME.into(), dev.name().as_c_str())?;
    msg.put_s32(vport_attr::IFINDEX.into(), dev.ifindex())?;
    if let Some(id) = port.peer_net_id(net) {
        msg.put_s32(vport_attr::NETNSID.into(), id)?;
    }
    let stats = dev.stats();
    let stats = VportStats {
        rx_packets: stats.rx_packets,
        tx_packets: stats.tx_packets,
        rx_bytes: stats.rx_bytes,
        tx_bytes: stats.tx_bytes,
        rx_errors: stats.rx_errors,
        tx_errors: stats.tx_errors,
        rx_dropped: stats.rx_dropped,
        tx_dropped: stats.tx_dropped,
    };
    msg.put_bytes(vport_attr::STATS.into(), stats.as_bytes())?;

    let upcalls = port.upcalls();
    let mut nest = msg.nest_start(vport_attr::UPCALL_STATS.into())?;
    nest.put_bytes(
        vport_upcall_attr::SUCCESS.into(),
        &upcalls.sent.to_ne_bytes(),
    )?;
    nest.put_bytes(
        vport_upcall_attr::FAIL.into(),
        &upcalls.failed.to_ne_bytes(),
    )?;
    nest.end()?;

    let all = dp.features() & user_features::VPORT_PIDS != 0;
    port.with_upcall_pids(|pids| {
        let pids = if all {
            pids
        } else {
            pids.get(..1).unwrap_or(pids)
        };
        msg.put_bytes(vport_attr::UPCALL_PID.into(), pids.as_bytes())
    })?;
    match port.tunnel() {
        Some(tunnel) if tunnel.kind.takes != Takes::Nothing => {
            put_options(msg.nest_start(vport_attr::OPTIONS.into())?, &tunnel.options)
        }
        _ => Ok(()),
    }
}

/// The message that a port has been removed, made while it is still there.
fn removal(port: &Vport) -> Result<GenlMsg> {
    let mut msg = message()?.genlmsg_put(0, 0, &FAMILY, vport_cmd::DEL)?;
    let net = port.datapath().net().try_get().ok_or(ENODEV)?;
    fill(&mut msg, port, &net)?;
    Ok(msg)
}

/// Tells all who listen of something that nobody asked for.
fn announce(dp: &Datapath, msg: Result<GenlMsg>) {
    let Some(net) = dp.net().try_get() else {
        return;
    };
    match msg {
        // Without listeners this fails, and nothing is lost.
        Ok(msg) => drop(msg.multicast(&FAMILY, &net, 0, 0, GFP_KERNEL)),
        Err(err) => FAMILY.set_err(&net, 0, 0, err.code()),
    }
}

/// Removes all ports that `which` picks, and tells user space.
pub(crate) fn remove_where(dp: &Datapath, guard: &OvsGuard, which: impl Fn(&Vport) -> bool) {
    let mut next = 0;
    while let Some(port) = dp.ports().next(next) {
        let port_no = port.port_no();
        next = port_no.saturating_add(1);
        if which(&port) {
            let notice = removal(&port);
            drop(port);
            dp.detach(port_no, guard);
            announce(dp, notice);
        }
    }
}

/// The port number in a request. Numbers that no port can have are refused.
fn port_no(attr: Attr<'_>) -> Result<u16> {
    match u16::try_from(attr.u32()?) {
        Ok(port_no) if port_no < port::MAX => Ok(port_no),
        _ => Err(netlink::Error::new(EFBIG, c"port number is too large").with_attr(attr)),
    }
}

/// The port that a request names, by its name or else by its datapath and number.
fn lookup(info: &Info<'_>) -> Result<Arc<Vport>> {
    info.refuse(
        vport_attr::IFINDEX.into(),
        c"a port is not found by its interface index",
    )?;
    if let Some(attr) = info.attr(vport_attr::NAME.into()) {
        let missing = |msg| netlink::Error::new(ENODEV, msg).with_attr(attr);
        let name = attr.str()?;
        let port = by_name(info.net(), name)?.ok_or(missing(c"no port has this name"))?;
        let ifindex = dp_ifindex(info);
        if ifindex != 0 && ifindex != port.datapath().ifindex() {
            return Err(missing(c"the port is in another datapath"));
        }
        return Ok(port);
    }
    let attr = info.require(
        vport_attr::PORT_NO.into(),
        c"neither name nor number of a port is given",
    )?;
    let port_no = port_no(attr)?;
    find(info)?
        .ports()
        .find(port_no)
        .ok_or_else(|| netlink::Error::new(ENODEV, c"no port has this number").with_attr(attr))
}

/// The port with a name, in any of the datapaths of a namespace.
fn by_name(net: &Net, name: &CStr) -> Result<Option<Arc<Vport>>> {
    let namespace = namespace(net)?;
    let mut next = 0;
    while let Some((place, dp)) = namespace.datapaths().next(next) {
        if let Some(port) = dp.ports().by_name(name) {
            return Ok(Some(port));
        }
        next = place + 1;
    }
    Ok(None)
}

/// Takes the lock, and finds the datapath and the number of a new port; `wanted` is zero if any will
/// do.
fn place(info: &Info<'_>, wanted: u16) -> Result<(OvsGuard, Arc<Datapath>, u16)> {
    let guard = OvsGuard::lock();
    let dp = find(info)?;
    let port_no = match wanted {
        0 => dp.ports().lowest_free().ok_or(netlink::Error::new(
            EFBIG,
            c"all port numbers of the datapath are taken",
        ))?,
        wanted if dp.ports().find(wanted).is_some() => {
            return Err(netlink::Error::new(EBUSY, c"the port number is taken"));
        }
        wanted => wanted,
    };
    Ok((guard, dp, port_no))
}

/// Reads the options of a new port that makes its device.
fn options(info: &Info<'_>, takes: Takes) -> Result<Options> {
    let mut options = Options::default();
    if takes == Takes::Nothing {
        return Ok(options);
    }
    let nest = info.require(
        vport_attr::OPTIONS.into(),
        c"a port of this type needs options",
    )?;
    let find = |kind| attr(nest).map(|nest| nest.nested().find(|attr| attr.kind() == kind));
    let dst_port = find(tunnel_attr::DST_PORT)?;
    options.dst_port = match dst_port.as_ref().map(|attr| attr.payload()) {
        Some([a, b]) => u16::from_ne_bytes([*a, *b]),
        _ => {
            return Err(netlink::Error::new(
                EINVAL,
                c"a port of this type needs a destination port",
            )
            .with_attr(nest));
        }
    };
    if takes == Takes::PortAndGroupPolicy {
        if let Some(extensions) = find(tunnel_attr::EXTENSION)? {
            options.gbp = group_policy(&extensions).map_err(|err| err.with_attr(nest))?;
        }
    }
    Ok(options)
}

/// Whether VXLAN's group policy is among the extensions that a port is to have.
fn group_policy(extensions: &odp::nlattr::Attr<'_>) -> Result<bool> {
    if extensions.payload().len() < odp::nlattr::HDRLEN {
        return Err(netlink::Error::new(EINVAL, c"extensions are too short"));
    }
    let mut found = false;
    for attr in extensions.nested() {
        if attr.kind() == vxlan_ext::GBP {
            if !attr.payload().is_empty() {
                return Err(netlink::Error::new(ERANGE, c"the GBP extension is a flag"));
            }
            found = true;
        }
    }
    Ok(found)
}

/// Puts the options of a port in a nest that was started.
fn put_options(mut nest: netlink::Nest<'_>, options: &Options) -> Result {
    let mut writer = Writer::new(nest.tail_mut());
    let put = |writer: &mut Writer<'_>| {
        writer.put(tunnel_attr::DST_PORT, &options.dst_port)?;
        if options.gbp {
            let extensions = writer.start(tunnel_attr::EXTENSION)?;
            writer.put_flag(vxlan_ext::GBP)?;
            writer.end(extensions)?;
        }
        Ok::<_, NoRoom>(())
    };
    if put(&mut writer).is_err() {
        return Err(EMSGSIZE.into());
    }
    let len = writer.len();
    nest.commit(len)?;
    nest.end()
}

/// Adds a port.
struct New;

impl Command for New {
    const CMD: u8 = vport_cmd::NEW;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let name = info.require(vport_attr::NAME.into(), c"a port needs a name")?;
        let kind_attr = info.require(vport_attr::TYPE.into(), c"a port needs a type")?;
        let pids = info.require(
            vport_attr::UPCALL_PID.into(),
            c"a port needs a port id for upcalls",
        )?;
        let kind = kind_attr.u32()?;
        if kind != vport_type::INTERNAL {
            info.refuse(
                vport_attr::IFINDEX.into(),
                c"only an internal port can ask for an interface index",
            )?;
        }
        let wanted = match info.attr(vport_attr::PORT_NO.into()) {
            Some(attr) => port_no(attr)?,
            None => 0,
        };
        let msg = message()?;

        let (mut guard, mut dp, mut port_no) = place(info, wanted)?;
        let is_known = |guard: &OvsGuard| match kind {
            vport_type::INTERNAL | vport_type::NETDEV => true,
            _ => guard.kind(kind).is_some(),
        };
        if !is_known(&guard) {
            // A module may bring it. It takes the lock, and anything may change meanwhile.
            drop(dp);
            drop(guard);
            autoload::vport_type(kind);
            (guard, dp, port_no) = place(info, wanted)?;
        }
        let tunnel = match kind {
            vport_type::INTERNAL | vport_type::NETDEV => None,
            _ => Some(guard.kind(kind).ok_or_else(|| {
                netlink::Error::new(EAFNOSUPPORT, c"unknown type of port").with_attr(kind_attr)
            })?),
        };
        let params = vport::Params {
            name: name.str()?,
            port_no,
            upcall_pids: upcall_pids(pids)?,
            ifindex: match info.attr(vport_attr::IFINDEX.into()) {
                Some(ifindex) => ifindex.s32()?,
                None => 0,
            },
        };
        let no_device = |err| {
            let taken = [EEXIST, EBUSY, EADDRINUSE].contains(&err);
            let text = match taken {
                true => c"the port's name, or its tunnel, is taken",
                false => c"cannot create the port's device",
            };
            netlink::Error::new(err, text).with_attr(name)
        };
        let port = match tunnel {
            None if kind == vport_type::INTERNAL => {
                Vport::add_internal(&dp, info.net(), params, &guard).map_err(no_device)?
            }
            None => Vport::add_netdev(&dp, info.net(), params, &guard)
                .map_err(|err| err.with_attr(name))?,
            Some(kind) => {
                let options = options(info, kind.takes)?;
                Vport::add_tunnel(&dp, info.net(), params, kind, options, &guard)
                    .map_err(no_device)?
            }
        };
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, vport_cmd::NEW)?;
        fill(&mut msg, &port, info.net())?;
        drop(port);
        drop(guard);
        msg.notify(&FAMILY, info, 0, GFP_KERNEL);
        Ok(())
    }
}

/// Changes a port.
struct Set;

impl Command for Set {
    const CMD: u8 = vport_cmd::SET;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let msg = message()?;
        let guard = OvsGuard::lock();
        let port = lookup(info)?;
        if let Some(attr) = info.attr(vport_attr::TYPE.into()) {
            if attr.u32()? != port.kind() {
                return Err(
                    netlink::Error::new(EINVAL, c"the type of a port cannot be changed")
                        .with_attr(attr),
                );
            }
        }
        info.refuse(
            vport_attr::OPTIONS.into(),
            c"the options of a port cannot be changed",
        )?;
        if let Some(attr) = info.attr(vport_attr::UPCALL_PID.into()) {
            port.set_upcall_pids(upcall_pids(attr)?, &guard);
        }
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, vport_cmd::SET)?;
        fill(&mut msg, &port, info.net())?;
        drop(port);
        drop(guard);
        msg.notify(&FAMILY, info, 0, GFP_KERNEL);
        Ok(())
    }
}

/// Removes a port.
struct Del;

impl Command for Del {
    const CMD: u8 = vport_cmd::DEL;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let msg = message()?;
        let guard = OvsGuard::lock();
        let port = lookup(info)?;
        if port.port_no() == port::LOCAL {
            return Err(netlink::Error::new(
                EINVAL,
                c"the datapath's own port goes with the datapath",
            ));
        }
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, vport_cmd::DEL)?;
        fill(&mut msg, &port, info.net())?;
        let dp = port.datapath().clone();
        let port_no = port.port_no();
        drop(port);
        dp.detach(port_no, &guard);
        drop(guard);
        msg.notify(&FAMILY, info, 0, GFP_KERNEL);
        Ok(())
    }
}

/// Describes one port, or all those of a datapath.
struct Get;

impl Command for Get {
    const CMD: u8 = vport_cmd::GET;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let msg = message()?;
        // Whoever has the lock relies on nobody else having a port: its device goes with it.
        let guard = OvsGuard::lock();
        let port = lookup(info)?;
        let mut msg = msg.genlmsg_put(info.portid(), info.seq(), &FAMILY, vport_cmd::GET)?;
        fill(&mut msg, &port, info.net())?;
        drop(port);
        drop(guard);
        Ok(msg.reply(info)?)
    }
}

impl Dump for Get {
    fn dump(msg: &mut DumpMsg<'_>, state: &mut DumpState<'_>) -> Result {
        let dp: Arc<Datapath> = find(state.info())?;
        let net = state.info().net();
        // As above; the ports in the loop are dropped before the guard.
        let _guard = OvsGuard::lock();
        let [next, ..] = state.cursor();
        while let Some(port) = u16::try_from(*next)
            .ok()
            .and_then(|next| dp.ports().next(next))
        {
            let mut record = msg.record(&FAMILY, vport_cmd::GET)?;
            fill(&mut record, &port, net)?;
            record.end();
            *next = usize::from(port.port_no()) as c_long + 1;
        }
        Ok(())
    }
}
