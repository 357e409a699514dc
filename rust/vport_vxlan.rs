// SPDX-License-Identifier: GPL-2.0

//! Ports that make VXLAN tunnels: a module of its own, loaded when one is asked for.
//!
//! C version of this file:
//! [`net/openvswitch/vport-vxlan.c`](srctree/net/openvswitch/vport-vxlan.c).

use kernel::prelude::*;
use openvswitch::{
    odp::uapi::vport_type,
    vport::tunnel::{
        Kind,
        Link,
        Takes, //
    },
    vport_kind::Registration, //
};

module! {
    type: Module,
    name: "vport_vxlan",
    authors: ["The openvswitch-rs developers"],
    description: "Open vSwitch ports for VXLAN tunnels",
    license: "GPL",
    alias: ["vport-type-4"],
}

static KIND: Kind = Kind {
    number: vport_type::VXLAN,
    takes: Takes::PortAndGroupPolicy,
    link: Link {
        kind: "vxlan",
        mtu: 65535,
        port: 15,         // IFLA_VXLAN_PORT
        group_policy: 23, // IFLA_VXLAN_GBP
        data: &[
            (7, &[0]),  // IFLA_VXLAN_LEARNING
            (20, &[1]), // IFLA_VXLAN_UDP_ZERO_CSUM6_RX
            (25, &[1]), // IFLA_VXLAN_COLLECT_METADATA
        ],
    },
};

/// The module: the kind of ports that it has registered.
struct Module {
    _registration: Registration,
}

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _registration: Registration::new(&KIND)?,
        })
    }
}
