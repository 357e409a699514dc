// SPDX-License-Identifier: GPL-2.0

//! Ports that make a device for tunnels: what the modules that bring such kinds of ports need.
//!
//! Each port has a device of its own, for all tunnels of its kind, which goes when the port goes. A
//! device that somebody else made serves as well: then the port is like any other.

pub use crate::net::{
    device::OwnedLink,
    namespace::Net,
    rtnetlink::RtnlGuard, //
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

/// Makes the device of a port, with a name, in a namespace.
///
/// Called with the RTNL held. Changes the options to what the driver has made of them. Fails with the
/// error of the driver; `EEXIST`, most likely, because the name or the UDP port is taken.
pub type Create = fn(&Net, &CStr, &mut Options, &RtnlGuard) -> Result<OwnedLink>;

/// A kind of ports.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its number (`OVS_VPORT_TYPE_*`).
    pub number: u32,
    /// The options it takes.
    pub takes: Takes,
    /// Makes a device.
    pub create: Create,
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
    /// Makes a device and sets it up.
    pub(super) fn create(
        kind: &'static Kind,
        net: &Net,
        name: &CStr,
        mut options: Options,
        rtnl: &RtnlGuard,
    ) -> Result<Self> {
        let link = (kind.create)(net, name, &mut options, rtnl)?;
        if let Err(err) = link.open(rtnl) {
            link.delete(rtnl);
            return Err(err);
        }
        Ok(Self {
            link,
            kind: *kind,
            options,
        })
    }
}
