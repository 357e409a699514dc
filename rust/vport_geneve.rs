// SPDX-License-Identifier: GPL-2.0

//! Ports that make Geneve tunnels: a module of its own, loaded when one is asked for.
//!
//! C version of this file:
//! [`net/openvswitch/vport-geneve.c`](srctree/net/openvswitch/vport-geneve.c).

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
    name: "vport_geneve",
    authors: ["The openvswitch-rs developers"],
    description: "Open vSwitch ports for Geneve tunnels",
    license: "GPL",
    alias: ["vport-type-5"],
}

static KIND: Kind = Kind {
    number: vport_type::GENEVE,
    takes: Takes::Port,
    link: Link {
        kind: "geneve",
        // Without the driver's headers: it takes no more.
        mtu: 65535 - 16 - 14,
        port: 5, // IFLA_GENEVE_PORT
        group_policy: 0,
        data: &[
            (6, &[]),   // IFLA_GENEVE_COLLECT_METADATA
            (10, &[0]), // IFLA_GENEVE_UDP_ZERO_CSUM6_RX
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
