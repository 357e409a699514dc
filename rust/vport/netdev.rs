// SPDX-License-Identifier: GPL-2.0

//! Devices that somebody else made, taken over as ports.
//!
//! C version of this file:
//! [`net/openvswitch/vport-netdev.c`](srctree/net/openvswitch/vport-netdev.c).

use super::{
    internal_dev::Internal,
    Vport, //
};
use crate::{
    datapath::receive,
    net::{
        device::{
            NetDevice,
            RegisteredDevice,
            RxHandler, //
        },
        namespace::Net,
        netlink::Error,
        skbuff::SkBuff, //
    },
    sync::bh::Bh,
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        ArcBorrow, //
    },
};

/// The length of an Ethernet header.
const ETH_HLEN: usize = 14;

/// What becomes of the packets that such a device receives.
pub(super) struct Handler;

impl RxHandler for Handler {
    type Data = Vport;

    fn receive(port: ArcBorrow<'_, Vport>, dev: &NetDevice, mut skb: SkBuff, bh: Bh<'_>) {
        // The Ethernet header was taken off before.
        if !dev.is_ethernet() || skb.push_rcsum(ETH_HLEN).is_ok() {
            // A packet that cannot be processed was dropped, and its reason told.
            let _ = receive::receive(&port, skb, bh);
        }
    }
}

/// The device with a name, if it can be a port.
pub(super) fn find(net: &Net, name: &CStr) -> Result<ARef<NetDevice>, Error> {
    let dev = NetDevice::by_name(net, name)
        .ok_or(Error::new(ENODEV, c"there is no device of this name"))?;
    if dev.name().as_c_str() != name {
        return Err(Error::new(
            ENODEV,
            c"this is an alternative name of a device",
        ));
    }
    if dev.is_loopback() {
        return Err(Error::new(EINVAL, c"a loopback device cannot be a port"));
    }
    if !dev.is_ethernet() && !dev.is_headerless() {
        return Err(Error::new(
            EINVAL,
            c"a device of this hardware type cannot be a port",
        ));
    }
    if RegisteredDevice::<Internal>::is(&dev) {
        return Err(Error::new(
            EINVAL,
            c"a datapath's own device cannot be a port of another one",
        ));
    }
    Ok(dev)
}
