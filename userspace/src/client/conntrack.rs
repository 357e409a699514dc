// SPDX-License-Identifier: GPL-2.0

//! The connections that the kernel tracks, by the conntrack part of nfnetlink.
//!
//! Connections belong to the network namespace and not to a datapath. Kernel header:
//! `include/uapi/linux/netfilter/nfnetlink_conntrack.h`; numbers are in network byte order.

use super::error::{
    Error,
    Result,
    string, //
};
use super::message::Request;
use super::socket::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use odp::nlattr::{
    Attr,
    Attrs,
    NoRoom,
    Writer, //
};
use rustix::io::Errno;
use std::net::{
    IpAddr,
    Ipv4Addr,
    Ipv6Addr, //
};

/// `NFNL_SUBSYS_CTNETLINK`, where the type of a message has it.
const SUBSYSTEM: u16 = 1 << 8;
/// `IPCTNL_MSG_CT_GET`.
const GET: u16 = SUBSYSTEM | 1;
/// `IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = SUBSYSTEM | 2;
/// The bytes of `struct nfgenmsg`.
const HEADER: usize = 4;
/// `AF_UNSPEC`, `AF_INET` and `AF_INET6`.
const UNSPEC: u8 = 0;
const INET: u8 = 2;
const INET6: u8 = 10;

/// Attributes (`CTA_*`).
mod cta {
    pub(super) const TUPLE_ORIG: u16 = 1;
    pub(super) const TUPLE_REPLY: u16 = 2;
    pub(super) const STATUS: u16 = 3;
    pub(super) const PROTOINFO: u16 = 4;
    pub(super) const HELP: u16 = 5;
    pub(super) const TIMEOUT: u16 = 7;
    pub(super) const MARK: u16 = 8;
    pub(super) const COUNTERS_ORIG: u16 = 9;
    pub(super) const COUNTERS_REPLY: u16 = 10;
    pub(super) const ID: u16 = 12;
    pub(super) const TUPLE_MASTER: u16 = 14;
    pub(super) const ZONE: u16 = 18;
    pub(super) const TIMESTAMP: u16 = 20;
    pub(super) const LABELS: u16 = 22;

    pub(super) const TUPLE_IP: u16 = 1;
    pub(super) const TUPLE_PROTO: u16 = 2;
    pub(super) const IP_V4_SRC: u16 = 1;
    pub(super) const IP_V4_DST: u16 = 2;
    pub(super) const IP_V6_SRC: u16 = 3;
    pub(super) const IP_V6_DST: u16 = 4;
    pub(super) const PROTO_NUM: u16 = 1;
    pub(super) const PROTO_SRC_PORT: u16 = 2;
    pub(super) const PROTO_DST_PORT: u16 = 3;
    pub(super) const PROTO_ICMP_ID: u16 = 4;
    pub(super) const PROTO_ICMPV6_ID: u16 = 7;
    pub(super) const COUNTERS_PACKETS: u16 = 1;
    pub(super) const COUNTERS_BYTES: u16 = 2;
    pub(super) const TIMESTAMP_START: u16 = 1;
    pub(super) const TIMESTAMP_STOP: u16 = 2;
    pub(super) const PROTOINFO_TCP: u16 = 1;
    pub(super) const PROTOINFO_SCTP: u16 = 3;
    pub(super) const TCP_STATE: u16 = 1;
    pub(super) const TCP_WSCALE_ORIG: u16 = 2;
    pub(super) const TCP_WSCALE_REPLY: u16 = 3;
    pub(super) const TCP_FLAGS_ORIG: u16 = 4;
    pub(super) const TCP_FLAGS_REPLY: u16 = 5;
    pub(super) const SCTP_STATE: u16 = 1;
    pub(super) const SCTP_VTAG_ORIG: u16 = 2;
    pub(super) const SCTP_VTAG_REPLY: u16 = 3;
    pub(super) const HELP_NAME: u16 = 1;
}

/// Numbers of IP protocols.
pub mod proto {
    /// `IPPROTO_ICMP`.
    pub const ICMP: u8 = 1;
    /// `IPPROTO_IGMP`.
    pub const IGMP: u8 = 2;
    /// `IPPROTO_TCP`.
    pub const TCP: u8 = 6;
    /// `IPPROTO_UDP`.
    pub const UDP: u8 = 17;
    /// `IPPROTO_DCCP`.
    pub const DCCP: u8 = 33;
    /// `IPPROTO_ICMPV6`.
    pub const ICMPV6: u8 = 58;
    /// `IPPROTO_SCTP`.
    pub const SCTP: u8 = 132;
    /// `IPPROTO_UDPLITE`.
    pub const UDPLITE: u8 = 136;
}

/// What tells a connection from others in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// The source address.
    pub src: IpAddr,
    /// The destination address, of the same family.
    pub dst: IpAddr,
    /// The IP protocol.
    pub proto: u8,
    /// The part that depends on the protocol.
    pub layer4: Layer4,
}

/// What tells connections between two hosts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer4 {
    /// Ports; zero for protocols without.
    Ports {
        /// The source port.
        src: u16,
        /// The destination port.
        dst: u16,
    },
    /// ICMP and ICMPv6.
    Icmp {
        /// The identifier.
        id: u16,
        /// The type of the message.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// Packets and bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What the kernel knows of the state of a connection's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtoInfo {
    /// TCP.
    Tcp {
        /// `enum tcp_conntrack`.
        state: u8,
        /// How far windows are shifted, by direction.
        wscale: [u8; 2],
        /// `IP_CT_TCP_FLAG_*`, by direction.
        flags: [u8; 2],
    },
    /// SCTP.
    Sctp {
        /// `enum sctp_conntrack`.
        state: u8,
        /// Verification tags, by direction.
        vtags: [u32; 2],
    },
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The direction of the first packet.
    pub orig: Tuple,
    /// The direction of the answers.
    pub reply: Tuple,
    /// The connection that made this one expected.
    pub parent: Option<Tuple>,
    /// The kernel's number for it.
    pub id: u32,
    /// Its zone.
    pub zone: u16,
    /// `IPS_*`.
    pub status: u32,
    /// The seconds that it has left.
    pub timeout: u32,
    /// Its mark.
    pub mark: u32,
    /// Its labels.
    pub labels: u128,
    /// What was counted in the first direction.
    pub counters_orig: Counters,
    /// What was counted in the other.
    pub counters_reply: Counters,
    /// When it started, in nanoseconds since 1970.
    pub start: Option<u64>,
    /// When it ended.
    pub stop: Option<u64>,
    /// The state of its protocol.
    pub protoinfo: Option<ProtoInfo>,
    /// The name of its helper.
    pub helper: Option<String>,
    /// The attributes that name it.
    name: Vec<u8>,
}

fn find(attrs: Attrs<'_>, kind: u16) -> Option<Attr<'_>> {
    let mut attrs = attrs;
    attrs.find(|attr| attr.kind() == kind)
}

fn be16(attrs: Attrs<'_>, kind: u16) -> Option<u16> {
    find(attrs, kind)?.get().map(u16::from_be_bytes)
}

fn be32(attrs: Attrs<'_>, kind: u16) -> Option<u32> {
    find(attrs, kind)?.get().map(u32::from_be_bytes)
}

fn be64(attrs: Attrs<'_>, kind: u16) -> Option<u64> {
    find(attrs, kind)?.get().map(u64::from_be_bytes)
}

fn byte(attrs: Attrs<'_>, kind: u16) -> Option<u8> {
    find(attrs, kind)?.payload().first().copied()
}

impl Tuple {
    fn parse(family: u8, attr: Attr<'_>) -> Option<Self> {
        let ip = find(attr.nested(), cta::TUPLE_IP)?.nested();
        let (src, dst) = match family {
            INET => {
                let address = |kind| Some(Ipv4Addr::from(find(ip, kind)?.get::<[u8; 4]>()?));
                (
                    IpAddr::V4(address(cta::IP_V4_SRC)?),
                    IpAddr::V4(address(cta::IP_V4_DST)?),
                )
            }
            INET6 => {
                let address = |kind| Some(Ipv6Addr::from(find(ip, kind)?.get::<[u8; 16]>()?));
                (
                    IpAddr::V6(address(cta::IP_V6_SRC)?),
                    IpAddr::V6(address(cta::IP_V6_DST)?),
                )
            }
            _ => return None,
        };
        let l4 = find(attr.nested(), cta::TUPLE_PROTO)?.nested();
        let proto = byte(l4, cta::PROTO_NUM)?;
        let layer4 = match icmp_id(&src, proto) {
            Some(id) => Layer4::Icmp {
                id: be16(l4, id)?,
                kind: byte(l4, id + 1)?,
                code: byte(l4, id + 2)?,
            },
            None => Layer4::Ports {
                src: be16(l4, cta::PROTO_SRC_PORT).unwrap_or(0),
                dst: be16(l4, cta::PROTO_DST_PORT).unwrap_or(0),
            },
        };
        Some(Self {
            src,
            dst,
            proto,
            layer4,
        })
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        let tuple = w.start(cta::TUPLE_ORIG)?;
        let ip = w.start(cta::TUPLE_IP)?;
        for (address, v4, v6) in [
            (self.src, cta::IP_V4_SRC, cta::IP_V6_SRC),
            (self.dst, cta::IP_V4_DST, cta::IP_V6_DST),
        ] {
            match address {
                IpAddr::V4(address) => w.put_bytes(v4, &address.octets())?,
                IpAddr::V6(address) => w.put_bytes(v6, &address.octets())?,
            }
        }
        w.end(ip)?;
        let l4 = w.start(cta::TUPLE_PROTO)?;
        w.put(cta::PROTO_NUM, &self.proto)?;
        match self.layer4 {
            Layer4::Icmp { id, kind, code } => {
                let attr = match self.src {
                    IpAddr::V4(_) => cta::PROTO_ICMP_ID,
                    IpAddr::V6(_) => cta::PROTO_ICMPV6_ID,
                };
                w.put_bytes(attr, &id.to_be_bytes())?;
                w.put(attr + 1, &kind)?;
                w.put(attr + 2, &code)?;
            }
            Layer4::Ports { src, dst } => {
                w.put_bytes(cta::PROTO_SRC_PORT, &src.to_be_bytes())?;
                w.put_bytes(cta::PROTO_DST_PORT, &dst.to_be_bytes())?;
            }
        }
        w.end(l4)?;
        w.end(tuple)
    }

    const fn family(&self) -> u8 {
        match self.src {
            IpAddr::V4(_) => INET,
            IpAddr::V6(_) => INET6,
        }
    }
}

/// The attribute of the identifier, if a protocol is the family's ICMP. Type and code follow it.
fn icmp_id(address: &IpAddr, proto: u8) -> Option<u16> {
    match (address, proto) {
        (IpAddr::V4(_), proto::ICMP) => Some(cta::PROTO_ICMP_ID),
        (IpAddr::V6(_), proto::ICMPV6) => Some(cta::PROTO_ICMPV6_ID),
        _ => None,
    }
}

impl ProtoInfo {
    fn parse(attr: Attr<'_>) -> Option<Self> {
        if let Some(tcp) = find(attr.nested(), cta::PROTOINFO_TCP) {
            let tcp = tcp.nested();
            let byte = |kind| byte(tcp, kind);
            return Some(Self::Tcp {
                state: byte(cta::TCP_STATE)?,
                wscale: [cta::TCP_WSCALE_ORIG, cta::TCP_WSCALE_REPLY]
                    .map(|kind| byte(kind).unwrap_or(0)),
                // A mask follows the flags.
                flags: [cta::TCP_FLAGS_ORIG, cta::TCP_FLAGS_REPLY]
                    .map(|kind| byte(kind).unwrap_or(0)),
            });
        }
        let sctp = find(attr.nested(), cta::PROTOINFO_SCTP)?.nested();
        Some(Self::Sctp {
            state: byte(sctp, cta::SCTP_STATE)?,
            vtags: [
                be32(sctp, cta::SCTP_VTAG_ORIG)?,
                be32(sctp, cta::SCTP_VTAG_REPLY)?,
            ],
        })
    }
}

impl Entry {
    /// Reads what follows the netlink header. `None`: it is no connection of IP.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let (header, attrs) = message.split_at_checked(HEADER)?;
        let family = *header.first()?;
        let attrs = Attrs::new(attrs);
        let tuple = |kind| Tuple::parse(family, find(attrs, kind)?);
        let counters = |kind| {
            let Some(counters) = find(attrs, kind) else {
                return Counters::default();
            };
            let count = |kind| be64(counters.nested(), kind).unwrap_or(0);
            Counters {
                packets: count(cta::COUNTERS_PACKETS),
                bytes: count(cta::COUNTERS_BYTES),
            }
        };
        let time = |kind| be64(find(attrs, cta::TIMESTAMP)?.nested(), kind);
        let helper = find(attrs, cta::HELP).and_then(|help| find(help.nested(), cta::HELP_NAME));
        let mut labels = [0; 16];
        if let Some(attr) = find(attrs, cta::LABELS) {
            for (to, from) in labels.iter_mut().zip(attr.payload()) {
                *to = *from;
            }
        }
        Some(Self {
            orig: tuple(cta::TUPLE_ORIG)?,
            reply: tuple(cta::TUPLE_REPLY)?,
            parent: tuple(cta::TUPLE_MASTER),
            id: be32(attrs, cta::ID)?,
            zone: be16(attrs, cta::ZONE).unwrap_or(0),
            status: be32(attrs, cta::STATUS)?,
            timeout: be32(attrs, cta::TIMEOUT).unwrap_or(0),
            mark: be32(attrs, cta::MARK).unwrap_or(0),
            labels: u128::from_ne_bytes(labels),
            counters_orig: counters(cta::COUNTERS_ORIG),
            counters_reply: counters(cta::COUNTERS_REPLY),
            start: time(cta::TIMESTAMP_START),
            stop: time(cta::TIMESTAMP_STOP),
            protoinfo: find(attrs, cta::PROTOINFO).and_then(ProtoInfo::parse),
            helper: helper.map(|name| string(name.payload())),
            name: [cta::TUPLE_ORIG, cta::ID, cta::ZONE]
                .iter()
                .filter_map(|&kind| find(attrs, kind))
                .flat_map(|attr| {
                    let mut bytes = attr.bytes().to_vec();
                    bytes.resize(odp::nlattr::align(bytes.len()), 0);
                    bytes
                })
                .collect(),
        })
    }
}

fn request(
    message_type: u16,
    family: u8,
    attrs: impl Fn(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Result<Request> {
    Request::raw(message_type, 0, &[family, 0, 0, 0], attrs)
}

fn put_zone(w: &mut Writer<'_>, zone: Option<u16>) -> Result<(), NoRoom> {
    match zone {
        Some(zone) => w.put_bytes(cta::ZONE, &zone.to_be_bytes()),
        None => Ok(()),
    }
}

/// A socket that knows the connections of this network namespace.
#[derive(Debug)]
pub struct Conntrack {
    socket: Socket,
}

impl Conntrack {
    /// Opens a socket.
    pub fn connect() -> Result<Self> {
        let socket = Socket::open_protocol(NETLINK_NETFILTER)?;
        Ok(Self { socket })
    }

    /// Calls `each` with every connection, or with those of a zone.
    pub fn entries<E: From<Error>>(
        &mut self,
        zone: Option<u16>,
        mut each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut dump = self
            .socket
            .dump(request(GET, UNSPEC, |w| put_zone(w, zone))?)?;
        while let Some((_, message)) = dump.next_message()? {
            match Entry::parse(message) {
                // Kernels before 6.8 do not know that the zone matters.
                Some(entry) if zone.is_none_or(|zone| zone == entry.zone) => each(entry)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes all connections, or those of a zone.
    pub fn flush(&mut self, zone: Option<u16>) -> Result<()> {
        self.socket
            .query_raw(request(DELETE, UNSPEC, |w| put_zone(w, zone))?)
            .map(|_| ())
    }

    /// Deletes the connection whose first packet was this.
    pub fn delete(&mut self, zone: u16, tuple: &Tuple) -> Result<()> {
        let request = request(DELETE, tuple.family(), |w| {
            put_zone(w, Some(zone))?;
            tuple.put(w)
        })?;
        self.socket.query_raw(request).map(|_| ())
    }

    /// Deletes connections that were found. It does not matter if they are gone meanwhile.
    pub fn delete_all(&mut self, entries: &[Entry]) -> Result<()> {
        let requests = entries
            .iter()
            .map(|entry| request(DELETE, entry.orig.family(), |w| w.put_raw(&entry.name)));
        let requests: Vec<_> = requests.collect::<Result<_>>()?;
        let gone = Errno::NOENT.raw_os_error();
        for outcome in self.socket.batch(requests, |_, _| ())? {
            match outcome {
                Err(error) if error.errno != gone => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use odp::nlattr::F_NESTED;

    fn tuple(src: &str, dst: &str, proto: u8, layer4: Layer4) -> Tuple {
        Tuple {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            proto,
            layer4,
        }
    }

    #[test]
    fn a_tuple_survives() {
        let ports = Layer4::Ports { src: 1, dst: 65535 };
        let icmp = Layer4::Icmp {
            id: 0x1234,
            kind: 128,
            code: 3,
        };
        for tuple in [
            tuple("10.0.0.1", "10.0.0.2", proto::TCP, ports),
            tuple("fd00::1", "fd00::2", proto::UDP, ports),
            tuple("10.0.0.1", "10.0.0.2", proto::ICMP, icmp),
            tuple("fd00::1", "fd00::2", proto::ICMPV6, icmp),
        ] {
            let mut room = [0; 256];
            let mut w = Writer::new(&mut room);
            tuple.put(&mut w).unwrap();
            let attr = Attrs::new(w.as_bytes()).next().unwrap();
            assert_eq!(Tuple::parse(tuple.family(), attr), Some(tuple));
        }
    }

    /// A message of a kernel, shortened.
    #[test]
    fn an_entry_is_read() {
        let orig = tuple(
            "10.0.0.1",
            "10.0.0.2",
            proto::TCP,
            Layer4::Ports { src: 1000, dst: 80 },
        );
        let mut room = [0; 1024];
        let mut w = Writer::new(&mut room);
        orig.put(&mut w).unwrap();
        let len = w.len();
        orig.put(&mut w).unwrap();
        w.put_bytes(cta::STATUS, &0x18e_u32.to_be_bytes()).unwrap();
        w.put_bytes(cta::ID, &[1, 2, 3, 4]).unwrap();
        w.put_bytes(cta::ZONE, &[0, 7]).unwrap();
        let nest = w.start(cta::PROTOINFO | F_NESTED).unwrap();
        let tcp = w.start(cta::PROTOINFO_TCP | F_NESTED).unwrap();
        w.put(cta::TCP_STATE, &3_u8).unwrap();
        w.put(cta::TCP_WSCALE_ORIG, &9_u8).unwrap();
        w.put_bytes(cta::TCP_FLAGS_ORIG, &[0x23, 0]).unwrap();
        w.end(tcp).unwrap();
        w.end(nest).unwrap();
        let nest = w.start(cta::HELP | F_NESTED).unwrap();
        w.put_bytes(cta::HELP_NAME, b"ftp\0").unwrap();
        w.end(nest).unwrap();
        let mut message = [&[INET, 0, 0, 0], w.as_bytes()].concat();
        // The second tuple is the reply.
        message[HEADER + len + 2] = 2;

        let entry = Entry::parse(&message).unwrap();
        assert_eq!((entry.orig, entry.reply), (orig, orig));
        assert_eq!(
            (entry.id, entry.zone, entry.status),
            (0x0102_0304, 7, 0x18e)
        );
        assert_eq!(entry.helper.as_deref(), Some("ftp"));
        let tcp = ProtoInfo::Tcp {
            state: 3,
            wscale: [9, 0],
            flags: [0x23, 0],
        };
        assert_eq!(entry.protoinfo, Some(tcp));
        // To name it takes the tuple, the id and the zone.
        assert_eq!(entry.name.len(), len + 8 + 8);
        // Each of these must be there.
        for kind in [cta::TUPLE_ORIG, cta::TUPLE_REPLY, cta::STATUS, cta::ID] {
            let others = Attrs::new(&message[HEADER..]).filter(|attr| attr.kind() != kind);
            let mut short = message[..HEADER].to_vec();
            for attr in others {
                short.extend(attr.bytes());
                short.resize(odp::nlattr::align(short.len()), 0);
            }
            assert_eq!(Entry::parse(&short), None, "{kind}");
        }
    }
}
