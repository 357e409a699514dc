// SPDX-License-Identifier: GPL-2.0

//! Internal devices: the datapath's own, by which the host takes part in it.
//!
//! What the host sends by such a device comes in by the port, and what goes out of the port is
//! received by the host.
//!
//! C version of this file:
//! [`net/openvswitch/vport-internal_dev.c`](srctree/net/openvswitch/vport-internal_dev.c).

use super::{
    Params,
    Vport, //
};
use crate::{
    datapath::{
        port,
        receive, //
    },
    drop::Reason,
    net::{
        device::{
            DeviceOps,
            NetDevice,
            NewDevice,
            RegisteredDevice, //
        },
        namespace::Net,
        rtnetlink::{
            LinkOps,
            Rtnl, //
        },
        skbuff::SkBuff, //
    },
    sync::bh::Bh,
};
use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

/// The kind of link. Such devices come and go with ports only.
pub(super) static LINK_OPS: LinkOps = LinkOps::new(c"openvswitch");

/// What internal devices do.
pub(super) struct Internal;

impl DeviceOps for Internal {
    type Private = Vport;

    const DRIVER: &'static CStr = c"openvswitch";

    fn link_ops() -> &'static LinkOps {
        &LINK_OPS
    }

    fn start_xmit(port: ArcBorrow<'_, Vport>, _: &NetDevice, skb: SkBuff, bh: Bh<'_>) -> Result {
        receive::receive(&port, skb, bh)
    }
}

/// Makes a device. The one that stands for the datapath stays in its namespace.
pub(super) fn create(net: &Net, params: &Params<'_>) -> Result<RegisteredDevice<Internal>> {
    let ifindex = (params.ifindex != 0).then_some(params.ifindex);
    let mut device = NewDevice::new(params.name, net, ifindex)?;
    if params.port_no == port::LOCAL {
        device = device.immovable();
    }
    device.register(&Rtnl::lock())
}

/// Has the host receive a packet, if the device is up.
#[inline]
pub(super) fn receive(skb: SkBuff, dev: &NetDevice, bh: Bh<'_>) {
    if dev.is_up() {
        skb.receive(dev, bh);
    } else {
        dev.count_rx_dropped();
        skb.drop_reason(Reason::NotSpecified);
    }
}
