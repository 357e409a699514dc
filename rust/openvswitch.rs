// SPDX-License-Identifier: GPL-2.0

//! The Open vSwitch kernel datapath.
//!
//! The module is built in layers that use each other downwards only:
//!
//! | layer | modules | what it is |
//! |---|---|---|
//! | 3 | [`cmd`], [`dp_notify`], [`vport_kind`] | commands of user space, events of devices, other modules |
//! | 2 | [`datapath`], [`vport`], [`flow_table`], [`actions`], [`conntrack`], [`tunnel`], [`meter`], [`drop`] | the datapath |
//! | 1 | [`net`], [`sync`], [`alloc`] | safe abstractions of the kernel |
//! | 0 | [`bindings`], helpers in C | the kernel's own interfaces |
//!
//! Beside them stands [`odp`], the pure core, which knows no kernel and is tested without one. Only
//! layers 0 and 1 use bindings and unsafe code.

mod alloc;
mod bindings;
mod net;
mod sync;

#[path = "odp/lib.rs"]
pub mod odp;

mod actions;
mod conntrack;
mod datapath;
mod drop;
mod flow_table;
mod meter;
mod tunnel;
pub mod vport;

mod cmd;
mod dp_notify;
pub mod vport_kind;

use kernel::prelude::*;
use net::{
    conntrack::Tracking,
    drop_reason,
    namespace::PerNetRegistration,
    rtnetlink::LinkOpsRegistration, //
};

module! {
    type: OpenvSwitch,
    name: "openvswitch",
    authors: ["The openvswitch-rs developers"],
    description: "Open vSwitch switching datapath",
    license: "GPL",
    alias: [
        "net-pf-16-proto-16-family-ovs_datapath",
        "net-pf-16-proto-16-family-ovs_vport",
        "net-pf-16-proto-16-family-ovs_flow",
        "net-pf-16-proto-16-family-ovs_packet",
        "net-pf-16-proto-16-family-ovs_meter",
        "net-pf-16-proto-16-family-ovs_ct_limit",
    ],
}

#[cfg(ovs_linux_7_3)]
static THIS_MODULE: ThisModule = <OpenvSwitch as kernel::ModuleMetadata>::THIS_MODULE;

/// The module: what it has registered.
///
/// Fields are dropped in the order of their declaration, which ends what uses something before what
/// is used: first no requests come in any more, then no events, then the datapaths of all namespaces
/// go. The barrier comes last, when everything that is freed by RCU has been handed to it.
struct OpenvSwitch {
    _families: cmd::Families,
    _notifier: dp_notify::Registration,
    _namespaces: PerNetRegistration<datapath::Namespace>,
    _tracking: PerNetRegistration<Tracking>,
    _drop_reasons: drop_reason::Registration,
    _link_ops: LinkOpsRegistration,
    _configuration: datapath::Configuration,
    _barrier: sync::rcu::Barrier,
}

impl kernel::Module for OpenvSwitch {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("Open vSwitch switching datapath\n");

        // Made first, so that it goes last if something fails, too.
        let barrier = sync::rcu::Barrier;
        // SAFETY: A module is initialised once, and nothing that takes the lock is registered yet.
        let configuration = unsafe { datapath::Configuration::new() }?;
        let link_ops = vport::register_link_ops()?;
        let drop_reasons = drop_reason::Registration::new(&drop::NAMES)?;
        let tracking = PerNetRegistration::new()?;
        let namespaces = PerNetRegistration::new()?;
        let notifier = dp_notify::Registration::new()?;
        let families = cmd::Families::register()?;
        Ok(Self {
            _families: families,
            _notifier: notifier,
            _namespaces: namespaces,
            _tracking: tracking,
            _drop_reasons: drop_reasons,
            _link_ops: link_ops,
            _configuration: configuration,
            _barrier: barrier,
        })
    }
}
