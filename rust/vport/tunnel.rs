// SPDX-License-Identifier: GPL-2.0

//! Ports that make a device for tunnels: what the modules that bring such kinds of ports need.
//!
//! Each port has a device of its own, for all tunnels of its kind, which goes when the port goes. A
//! device that somebody else made serves as well: then the port is like any other.

use crate::net::{
    device::OwnedLink,
    namespace::Net,
    rtnetlink::Rtnl, //
};
use kernel::prelude::*;

/// The options that a kind of ports takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// The UDP port, which must be given.
    Port,
    /// The UDP port, which must be given, and VXLAN's group policy.
    PortAndGroupPolicy,
}

/// Options of a port (`OVS_TUNNEL_ATTR_*`); those that its kind does not take are zero.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// The UDP port that the other ends send to, in host byte order.
    pub dst_port: u16,
    /// VXLAN headers have a group policy.
    pub gbp: bool,
}

/// How a driver is asked for a device for all tunnels of a kind, in the terms of rtnetlink.
///
/// That is what user space does, too: drivers need not export anything for us.
#[derive(Clone, Copy)]
pub struct Link {
    /// The kind of link.
    pub kind: &'static str,
    /// The longest packet: what is too long for the path is found out there.
    pub mtu: u32,
    /// The attribute of the UDP port.
    pub port: u16,
    /// The attribute, a flag, for headers with a group policy.
    pub group_policy: u16,
    /// All other attributes that are needed, and their values.
    pub data: &'static [(u16, &'static [u8])],
}

/// A kind of ports.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its number (`OVS_VPORT_TYPE_*`).
    pub number: u32,
    /// The options it takes.
    pub takes: Takes,
    /// The device that it makes.
    pub link: Link,
}

/// The device of a port.
pub(crate) struct Tunnel {
    pub(super) link: OwnedLink,
    /// The kind of the port: a copy, since the port may outlive the module that brought it.
    pub(crate) kind: Kind,
    /// What the device was made with.
    pub(crate) options: Options,
}

impl Tunnel {
    /// Makes a device and sets it up. The RTNL must not be held.
    ///
    /// Fails with the error of the driver; `EEXIST`, most likely, because the name or the UDP port is
    /// taken.
    pub(super) fn create(
        kind: &'static Kind,
        net: &Net,
        name: &CStr,
        mut options: Options,
    ) -> Result<Self> {
        let Kind { takes, link, .. } = kind;
        let (device, told) = OwnedLink::create(net, name, link.kind, link.mtu, |w| {
            for (attr, value) in link.data {
                w.put_bytes(*attr, value)?;
            }
            if *takes != Takes::Nothing {
                w.put_bytes(link.port, &options.dst_port.to_be_bytes())?;
            }
            if options.gbp {
                w.put_flag(link.group_policy)?;
            }
            Ok(())
        })?;
        if *takes != Takes::Nothing {
            // The driver may have a port of its own for zero.
            if let Some([a, b]) = told.data(link.port) {
                options.dst_port = u16::from_be_bytes([*a, *b]);
            }
        }
        device.open(&Rtnl::lock())?;
        Ok(Self {
            link: device,
            kind: *kind,
            options,
        })
    }
}
