// SPDX-License-Identifier: GPL-2.0

//! What is needed of network devices: to bring one up.

use super::error::Error;
use super::error::Result;
use super::message::Request;
use super::socket::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::net::netdevice;
use zerocopy::Immutable;
use zerocopy::IntoBytes;

/// `RTM_NEWLINK`.
const RTM_NEWLINK: u16 = 16;
/// `IFF_UP`.
const IFF_UP: u32 = 1;

/// `struct ifinfomsg`.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
struct LinkHeader {
    family: u8,
    pad: u8,
    kind: u16,
    index: i32,
    flags: u32,
    change: u32,
}

/// The interface index of a device of this network namespace.
pub fn index(name: &str) -> Result<u32> {
    let socket = netlink_sys::Socket::new(NETLINK_ROUTE).map_err(Error::io("socket"))?;
    netdevice::name_to_index(&socket, name).map_err(|e| Error::io("SIOCGIFINDEX")(e.into()))
}

/// Brings a device up.
pub fn set_up(name: &str) -> Result<()> {
    let header = LinkHeader {
        index: index(name)? as i32,
        flags: IFF_UP,
        change: IFF_UP,
        ..LinkHeader::default()
    };
    let request = Request::raw(RTM_NEWLINK, 0, header.as_bytes(), |_| Ok(()))?;
    let mut socket = Socket::open_protocol(NETLINK_ROUTE)?;
    socket.query_raw(request).map(|_| ())
}
