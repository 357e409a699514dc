// SPDX-License-Identifier: GPL-2.0

//! What is needed of network devices: to find one, to bring it up, to read its counters, and to make
//! one for tunnels.

use super::error::{
    Error,
    Result, //
};
use super::message::Request;
use super::socket::Socket;
use netlink_packet_core::{
    NLM_F_CREATE,
    NLM_F_EXCL, //
};
use netlink_sys::protocols::NETLINK_ROUTE;
use odp::nlattr::{
    Attrs,
    NoRoom,
    Writer, //
};
use rustix::net::netdevice;
use zerocopy::{
    Immutable,
    IntoBytes, //
};

/// `RTM_NEWLINK`.
const RTM_NEWLINK: u16 = 16;
/// `RTM_GETLINK`.
const RTM_GETLINK: u16 = 18;
/// `RTM_DELLINK`.
const RTM_DELLINK: u16 = 17;
/// `IFLA_STATS64`.
const IFLA_STATS64: u16 = 23;
/// `IFF_UP`.
const IFF_UP: u32 = 1;

/// Attributes of a link (`IFLA_*`).
mod ifla {
    pub(super) const IFNAME: u16 = 3;
    pub(super) const MTU: u16 = 4;
    pub(super) const LINKINFO: u16 = 18;
    pub(super) const INFO_KIND: u16 = 1;
    pub(super) const INFO_DATA: u16 = 2;
    pub(super) const VXLAN_LEARNING: u16 = 7;
    pub(super) const VXLAN_PORT: u16 = 15;
    pub(super) const VXLAN_UDP_ZERO_CSUM6_RX: u16 = 20;
    pub(super) const VXLAN_GBP: u16 = 23;
    pub(super) const VXLAN_COLLECT_METADATA: u16 = 25;
    pub(super) const VXLAN_GPE: u16 = 27;
    pub(super) const GENEVE_PORT: u16 = 5;
    pub(super) const GENEVE_COLLECT_METADATA: u16 = 6;
    pub(super) const GENEVE_UDP_ZERO_CSUM6_RX: u16 = 10;
    pub(super) const GRE_COLLECT_METADATA: u16 = 18;
    pub(super) const BAREUDP_PORT: u16 = 1;
    pub(super) const BAREUDP_ETHERTYPE: u16 = 2;
    pub(super) const BAREUDP_SRCPORT_MIN: u16 = 3;
    pub(super) const BAREUDP_MULTIPROTO_MODE: u16 = 4;
}

/// The MTU of a device for tunnels, Open vSwitch's: what is too long for the path is found out there.
const TUNNEL_MTU: u32 = 65000;

/// The first of the source ports of bareudp, Open vSwitch's: they are dynamic ones.
const BAREUDP_SOURCE: u16 = 49153;

/// A kind of devices for tunnels, with what must be said of them. Ports are UDP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelKind {
    /// VXLAN.
    Vxlan {
        /// The port that is received at.
        port: u16,
        /// Headers have a group policy.
        gbp: bool,
        /// Headers are those of the generic protocol extension: they tell what follows.
        gpe: bool,
    },
    /// Geneve.
    Geneve {
        /// The port that is received at.
        port: u16,
    },
    /// Any that has no port, and no more to be said: the kind of link, such as `gretap`.
    Gre(&'static str),
    /// UDP with nothing between it and the packet.
    Bareudp {
        /// The port that is received at.
        port: u16,
        /// What is inside.
        ethertype: u16,
        /// If that is IPv4, IPv6 is as well; if it is MPLS unicast, so is multicast.
        multiproto: bool,
    },
}

impl TunnelKind {
    fn name(self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre(name) => name,
            Self::Bareudp { .. } => "bareudp",
        }
    }

    /// Writes what a device needs to be told and to tell of the tunnel with each packet.
    fn put(self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        match self {
            Self::Vxlan { port, gbp, gpe } => {
                w.put(ifla::VXLAN_LEARNING, &0u8)?;
                w.put(ifla::VXLAN_COLLECT_METADATA, &1u8)?;
                w.put(ifla::VXLAN_UDP_ZERO_CSUM6_RX, &1u8)?;
                if gbp {
                    w.put_flag(ifla::VXLAN_GBP)?;
                }
                if gpe {
                    w.put_flag(ifla::VXLAN_GPE)?;
                }
                w.put(ifla::VXLAN_PORT, &port.to_be_bytes())
            }
            Self::Geneve { port } => {
                w.put_flag(ifla::GENEVE_COLLECT_METADATA)?;
                w.put(ifla::GENEVE_UDP_ZERO_CSUM6_RX, &1u8)?;
                w.put(ifla::GENEVE_PORT, &port.to_be_bytes())
            }
            Self::Gre(_) => w.put_flag(ifla::GRE_COLLECT_METADATA),
            Self::Bareudp {
                port,
                ethertype,
                multiproto,
            } => {
                w.put(ifla::BAREUDP_ETHERTYPE, &ethertype.to_be_bytes())?;
                w.put(ifla::BAREUDP_SRCPORT_MIN, &BAREUDP_SOURCE)?;
                w.put(ifla::BAREUDP_PORT, &port.to_be_bytes())?;
                if multiproto {
                    w.put_flag(ifla::BAREUDP_MULTIPROTO_MODE)?;
                }
                Ok(())
            }
        }
    }
}

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

    /// Makes a device for all tunnels of a kind.
    pub fn add_tunnel(&mut self, name: &str, kind: TunnelKind) -> Result<()> {
        let header = LinkHeader::default();
        let string = |text: &str| [text.as_bytes(), b"\0"].concat();
        let request = Request::raw(
            RTM_NEWLINK,
            NLM_F_CREATE | NLM_F_EXCL,
            header.as_bytes(),
            |w| {
                w.put_bytes(ifla::IFNAME, &string(name))?;
                w.put(ifla::MTU, &TUNNEL_MTU)?;
                let info = w.start(ifla::LINKINFO)?;
                w.put_bytes(ifla::INFO_KIND, &string(kind.name()))?;
                let data = w.start(ifla::INFO_DATA)?;
                kind.put(w)?;
                w.end(data)?;
                w.end(info)
            },
        )?;
        self.socket.query_raw(request).map(|_| ())
    }

    /// Deletes a device.
    pub fn delete(&mut self, name: &str) -> Result<()> {
        let header = LinkHeader {
            index: self.index(name)?,
            ..LinkHeader::default()
        };
        let request = Request::raw(RTM_DELLINK, 0, header.as_bytes(), |_| Ok(()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bareudp_is_described() {
        let kind = TunnelKind::Bareudp {
            port: 6635,
            ethertype: 0x8847,
            multiproto: true,
        };
        let mut room = [0; 64];
        let mut writer = Writer::new(&mut room);
        kind.put(&mut writer).unwrap();
        let written = writer.len();
        let attrs: Vec<_> = Attrs::new(&room[..written])
            .map(|attr| (attr.kind(), attr.payload().to_vec()))
            .collect();
        assert_eq!(
            attrs,
            [
                (ifla::BAREUDP_ETHERTYPE, vec![0x88, 0x47]),
                (
                    ifla::BAREUDP_SRCPORT_MIN,
                    BAREUDP_SOURCE.to_ne_bytes().to_vec()
                ),
                (ifla::BAREUDP_PORT, vec![0x19, 0xeb]),
                (ifla::BAREUDP_MULTIPROTO_MODE, vec![]),
            ]
        );
    }
}
