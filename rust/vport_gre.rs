// SPDX-License-Identifier: GPL-2.0

//! Ports that make GRE tunnels: a module of its own, loaded when one is asked for.
//!
//! C version of this file:
//! [`net/openvswitch/vport-gre.c`](srctree/net/openvswitch/vport-gre.c).

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
    name: "vport_gre",
    authors: ["The openvswitch-rs developers"],
    description: "Open vSwitch ports for GRE tunnels",
    license: "GPL",
    alias: ["vport-type-3"],
}

static KIND: Kind = Kind {
    number: vport_type::GRE,
    takes: Takes::Nothing,
    link: Link {
        kind: "gretap",
        mtu: 65535,
        port: 0,
        group_policy: 0,
        data: &[(18, &[])], // IFLA_GRE_COLLECT_METADATA
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
