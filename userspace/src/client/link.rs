// SPDX-License-Identifier: GPL-2.0

//! What is needed of network devices: to find one, to bring it up, to read its counters.

use super::error::{
    Error,
    Result, //
};
use super::message::Request;
use super::socket::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use odp::nlattr::Attrs;
use rustix::net::netdevice;
use zerocopy::{
    Immutable,
    IntoBytes, //
};

/// `RTM_NEWLINK`.
const RTM_NEWLINK: u16 = 16;
/// `RTM_GETLINK`.
const RTM_GETLINK: u16 = 18;
/// `IFLA_STATS64`.
const IFLA_STATS64: u16 = 23;
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

/// Counters of a device that a port's statistics lack (part of `struct rtnl_link_stats64`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets received that did not fit in the device.
    pub rx_over_errors: u64,
    /// Packets received with bad alignment.
    pub rx_frame_errors: u64,
    /// Packets whose sending was given up.
    pub tx_aborted_errors: u64,
    /// Packets not sent for want of a carrier.
    pub tx_carrier_errors: u64,
    /// Collisions while sending.
    pub collisions: u64,
}

/// A socket that knows network devices.
#[derive(Debug)]
pub struct Links {
    socket: Socket,
}

impl Links {
    /// Opens a socket.
    pub fn connect() -> Result<Self> {
        let socket = Socket::open_protocol(NETLINK_ROUTE)?;
        Ok(Self { socket })
    }

    /// The interface index of a device of this network namespace.
    pub fn index(&self, name: &str) -> Result<i32> {
        let index = netdevice::name_to_index(&self.socket, name);
        let index = index.map_err(|error| Error::io("SIOCGIFINDEX")(error.into()))?;
        i32::try_from(index).map_err(|_| Error::Malformed("bad interface index"))
    }

    /// Brings a device up.
    pub fn set_up(&mut self, name: &str) -> Result<()> {
        let header = LinkHeader {
            index: self.index(name)?,
            flags: IFF_UP,
            change: IFF_UP,
            ..LinkHeader::default()
        };
        let request = Request::raw(RTM_NEWLINK, 0, header.as_bytes(), |_| Ok(()))?;
        self.socket.query_raw(request).map(|_| ())
    }

    /// The counters of a device.
    pub fn stats(&mut self, index: i32) -> Result<LinkStats> {
        let header = LinkHeader {
            index,
            ..LinkHeader::default()
        };
        let request = Request::raw(RTM_GETLINK, 0, header.as_bytes(), |_| Ok(()))?;
        let reply = self.socket.query_raw(request)?;
        LinkStats::parse(&reply).ok_or(Error::Malformed("a link without statistics"))
    }
}

impl LinkStats {
    /// Reads what follows the netlink header.
    fn parse(reply: &[u8]) -> Option<Self> {
        let mut attrs = Attrs::new(reply.get(size_of::<LinkHeader>()..)?);
        let stats = attrs.find(|attr| attr.kind() == IFLA_STATS64)?;
        let counter = |place: usize| {
            let bytes = stats.payload().get(place * 8..place * 8 + 8)?;
            Some(u64::from_ne_bytes(bytes.try_into().ok()?))
        };
        Some(Self {
            collisions: counter(9)?,
            rx_over_errors: counter(11)?,
            rx_frame_errors: counter(13)?,
            tx_aborted_errors: counter(16)?,
            tx_carrier_errors: counter(17)?,
        })
    }
}
