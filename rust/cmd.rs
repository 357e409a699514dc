// SPDX-License-Identifier: GPL-2.0

//! The commands: the families of generic netlink that user space speaks to the datapath with.
//!
//! Each family has a file. A command reads and checks its request, does what it asks with the
//! datapath's own methods, and answers. Every error has a text for the sender, which the core hands
//! over as an extended acknowledgement.
//!
//! Requests name a datapath by the interface index of its device, in a header before the attributes.

pub(crate) mod ct_limit;
pub(crate) mod datapath;
pub(crate) mod flow;
pub(crate) mod meter;
pub(crate) mod packet;
pub(crate) mod vport;

use crate::{
    datapath::{
        errno,
        Datapath,
        Namespace,
        Pids, //
    },
    net::{
        conntrack::Tracking,
        genetlink::{
            Info,
            Registration, //
        },
        namespace::Net,
        netlink,
        ratelimit, //
    },
    odp::{
        self,
        flow_attrs::Support, //
    },
    sync::{
        percpu::nr_cpu_ids,
        rcu::{
            RcuBox,
            Read, //
        },
    },
};
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};

/// The result of a command.
type Result<T = ()> = core::result::Result<T, netlink::Error>;

/// The families, registered. Dropping them ends all requests.
pub(crate) struct Families {
    _ct_limit: Registration,
    _meter: Registration,
    _packet: Registration,
    _flow: Registration,
    _vport: Registration,
    _datapath: Registration,
}

impl Families {
    /// Registers all families.
    pub(crate) fn register() -> kernel::error::Result<Self> {
        Ok(Self {
            _datapath: datapath::FAMILY.register()?,
            _vport: vport::FAMILY.register()?,
            _flow: flow::FAMILY.register()?,
            _packet: packet::FAMILY.register()?,
            _meter: meter::FAMILY.register()?,
            _ct_limit: ct_limit::FAMILY.register()?,
        })
    }
}

/// An attribute as the pure core reads it.
fn attr(attr: netlink::Attr<'_>) -> Result<odp::nlattr::Attr<'_>> {
    odp::nlattr::Attrs::new(attr.bytes())
        .next()
        .ok_or_else(|| netlink::Error::new(EINVAL, c"attribute is invalid").with_attr(attr))
}

/// The error that the pure core found, with the attribute it blames.
fn error(err: odp::Error<'_>) -> netlink::Error {
    let error = netlink::Error::new(errno::code(err.errno), err.msg);
    match err.attr {
        Some(attr) => error.with_bytes(attr),
        None => error,
    }
}

/// Logs why a request was refused, unless user space only finds out what works.
///
/// For programs that know nothing of extended acknowledgements.
fn report(probe: bool, err: netlink::Error) -> netlink::Error {
    if let Some(msg) = err.msg().filter(|_| !probe && ratelimit::allowed()) {
        pr_info!("netlink: {}\n", msg.to_str().unwrap_or_default());
    }
    err
}

/// The error for actions that are not a flow's.
fn actions_error(err: odp::Error<'_>) -> netlink::Error {
    error(odp::Error {
        msg: odp::actions::reason(err.msg),
        ..err
    })
}

/// The error for a flow's actions, and logs why they were refused.
///
/// The second message is one that tools look for.
fn refuse_actions(probe: bool, err: odp::Error<'_>, message: &str) -> netlink::Error {
    report(probe, actions_error(err));
    if !probe && ratelimit::allowed() {
        pr_info!("netlink: {message}\n");
    }
    error(err)
}

/// The interface index that a request names its datapath by (`struct ovs_header`).
fn dp_ifindex(info: &Info<'_>) -> i32 {
    info.user_header().unwrap_or(0)
}

/// The datapaths of a namespace.
fn namespace(net: &Net) -> Result<Arc<Namespace>> {
    let guard = rcu::read_lock();
    match net.get::<Namespace>(Read::from(&guard)) {
        Some(namespace) => Ok(namespace.into()),
        None => Err(netlink::Error::new(ENODEV, c"namespace is going away")),
    }
}

/// What a flow of a namespace can match on.
fn support(net: &Net) -> Support {
    let guard = rcu::read_lock();
    let tracking = net.get::<Tracking>(Read::from(&guard));
    Support {
        ct_labels: tracking.is_some_and(|tracking| tracking.has_labels()),
    }
}

/// The datapath that a request names by its header.
fn find(info: &Info<'_>) -> Result<Arc<Datapath>> {
    namespace(info.net())?
        .datapaths()
        .find(dp_ifindex(info))
        .ok_or_else(|| netlink::Error::new(ENODEV, c"no datapath has this interface index"))
}

/// Checks and reads a list of netlink port ids: numbers of four bytes, one at least.
fn port_ids(ids: netlink::Attr<'_>) -> Result<RcuBox<Pids>> {
    let bytes = ids.payload();
    if bytes.is_empty() || bytes.len() % size_of::<u32>() != 0 {
        return Err(
            netlink::Error::new(EINVAL, c"port ids are not an array of 32-bit numbers")
                .with_attr(ids),
        );
    }
    let mut ids = bytes.chunks_exact(size_of::<u32>());
    let pids = RcuBox::from_fn(
        (),
        ids.len(),
        |_| match ids.next() {
            Some([a, b, c, d]) => Ok(u32::from_ne_bytes([*a, *b, *c, *d])),
            _ => Err(EINVAL),
        },
        GFP_KERNEL,
    )?;
    Ok(pids)
}

/// The list of netlink port ids of a port.
fn upcall_pids(attr: netlink::Attr<'_>) -> Result<RcuBox<Pids>> {
    let ids = port_ids(attr)?;
    if ids.slice.len() > nr_cpu_ids() as usize {
        return Err(
            netlink::Error::new(EINVAL, c"more port ids than there can be CPUs").with_attr(attr),
        );
    }
    Ok(ids)
}
