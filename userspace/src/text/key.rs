// SPDX-License-Identifier: GPL-2.0

//! Flow keys and masks: `field(value[/mask]),...`
//!
//! What a field is called and how its payload is written stands in one table, which the writer and
//! the reader share.

#[cfg(test)]
pub(crate) mod any;
mod format;
mod nsh;
mod parse;
#[cfg(test)]
mod tests;

pub use format::format;
pub use parse::{
    ParsedKey,
    parse, //
};

pub(crate) use format::{
    format_attr,
    format_lse,
    format_tci, //
};
pub(crate) use nsh::format as format_nsh;
pub(crate) use nsh::parse as parse_nsh;
pub(crate) use nsh::put as put_nsh;
pub(crate) use parse::{
    parse_attr,
    parse_lse_part,
    parse_tci, //
};

use super::field::{
    Bits,
    Field,
    Format,
    field, //
};
use odp::uapi::{
    ct_state,
    key_attr, //
};

/// What the payload of an attribute looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A u32 in host byte order, hexadecimal.
    U32,
    /// A u16 in host byte order, hexadecimal.
    U16,
    /// The ethertype.
    EtherType,
    /// A port of the datapath.
    Port,
    /// The state of a connection.
    CtState,
    /// A u128 in host byte order, hexadecimal.
    Labels,
    /// TCP flags.
    TcpFlags,
    /// The TCI of a VLAN tag.
    Vlan,
    /// MPLS label stack entries.
    Mpls,
    /// A structure of so many bytes.
    Struct(usize, &'static [Field]),
    /// A tunnel.
    Tunnel,
    /// A Network Service Header.
    Nsh,
    /// Another key.
    Encap,
}

impl Shape {
    /// The bytes of the payload, if they are always as many.
    fn len(self) -> Option<usize> {
        match self {
            Self::U32 | Self::Port | Self::CtState => Some(4),
            Self::U16 | Self::EtherType | Self::TcpFlags | Self::Vlan => Some(2),
            Self::Labels => Some(16),
            Self::Struct(len, _) => Some(len),
            Self::Mpls | Self::Tunnel | Self::Nsh | Self::Encap => None,
        }
    }

    /// Whether the payload holds attributes.
    fn is_nested(self) -> bool {
        matches!(self, Self::Tunnel | Self::Nsh | Self::Encap)
    }
}

/// An attribute of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyAttr {
    name: &'static str,
    kind: u16,
    shape: Shape,
}

const fn attr(name: &'static str, kind: u16, shape: Shape) -> KeyAttr {
    KeyAttr { name, kind, shape }
}

use Format::{
    Decimal,
    Fragment,
    Hex,
    Ipv4,
    Ipv6,
    Label,
    Mac, //
};

const ETHERNET: &[Field] = &[field("src", 0, 6, Mac), field("dst", 6, 6, Mac)];
const PORTS: &[Field] = &[field("src", 0, 2, Decimal), field("dst", 2, 2, Decimal)];
const ICMP: &[Field] = &[field("type", 0, 1, Decimal), field("code", 1, 1, Decimal)];
const IPV4: &[Field] = &[
    field("src", 0, 4, Ipv4),
    field("dst", 4, 4, Ipv4),
    field("proto", 8, 1, Decimal),
    field("tos", 9, 1, Hex),
    field("ttl", 10, 1, Decimal),
    field("frag", 11, 1, Fragment),
];
const IPV6: &[Field] = &[
    field("src", 0, 16, Ipv6),
    field("dst", 16, 16, Ipv6),
    field("label", 32, 4, Label),
    field("proto", 36, 1, Decimal),
    field("tclass", 37, 1, Hex),
    field("hlimit", 38, 1, Decimal),
    field("frag", 39, 1, Fragment),
];
const ARP: &[Field] = &[
    field("sip", 0, 4, Ipv4),
    field("tip", 4, 4, Ipv4),
    field("op", 8, 2, Decimal),
    field("sha", 10, 6, Mac),
    field("tha", 16, 6, Mac),
];
const ND: &[Field] = &[
    field("target", 0, 16, Ipv6),
    field("sll", 16, 6, Mac),
    field("tll", 22, 6, Mac),
];
const CT_TUPLE4: &[Field] = &[
    field("src", 0, 4, Ipv4),
    field("dst", 4, 4, Ipv4),
    field("proto", 12, 1, Decimal),
    field("tp_src", 8, 2, Decimal),
    field("tp_dst", 10, 2, Decimal),
];
const CT_TUPLE6: &[Field] = &[
    field("src", 0, 16, Ipv6),
    field("dst", 16, 16, Ipv6),
    field("proto", 36, 1, Decimal),
    field("tp_src", 32, 2, Decimal),
    field("tp_dst", 34, 2, Decimal),
];
const PACKET_TYPE: &[Field] = &[field("ns", 0, 2, Decimal), field("id", 2, 2, Hex)];
const ND_EXTENSIONS: &[Field] = &[
    field("nd_reserved", 0, 4, Hex),
    field("nd_options_type", 4, 1, Decimal),
];

/// The attributes of a key.
const KEY_ATTRS: &[KeyAttr] = &[
    attr("encap", key_attr::ENCAP, Shape::Encap),
    attr("skb_priority", key_attr::PRIORITY, Shape::U32),
    attr("in_port", key_attr::IN_PORT, Shape::Port),
    attr("eth", key_attr::ETHERNET, Shape::Struct(12, ETHERNET)),
    attr("vlan", key_attr::VLAN, Shape::Vlan),
    attr("eth_type", key_attr::ETHERTYPE, Shape::EtherType),
    attr("ipv4", key_attr::IPV4, Shape::Struct(12, IPV4)),
    attr("ipv6", key_attr::IPV6, Shape::Struct(40, IPV6)),
    attr("tcp", key_attr::TCP, Shape::Struct(4, PORTS)),
    attr("udp", key_attr::UDP, Shape::Struct(4, PORTS)),
    attr("icmp", key_attr::ICMP, Shape::Struct(2, ICMP)),
    attr("icmpv6", key_attr::ICMPV6, Shape::Struct(2, ICMP)),
    attr("arp", key_attr::ARP, Shape::Struct(24, ARP)),
    attr("nd", key_attr::ND, Shape::Struct(28, ND)),
    attr("skb_mark", key_attr::SKB_MARK, Shape::U32),
    attr("tunnel", key_attr::TUNNEL, Shape::Tunnel),
    attr("sctp", key_attr::SCTP, Shape::Struct(4, PORTS)),
    attr("tcp_flags", key_attr::TCP_FLAGS, Shape::TcpFlags),
    attr("dp_hash", key_attr::DP_HASH, Shape::U32),
    attr("recirc_id", key_attr::RECIRC_ID, Shape::U32),
    attr("mpls", key_attr::MPLS, Shape::Mpls),
    attr("ct_state", key_attr::CT_STATE, Shape::CtState),
    attr("ct_zone", key_attr::CT_ZONE, Shape::U16),
    attr("ct_mark", key_attr::CT_MARK, Shape::U32),
    attr("ct_label", key_attr::CT_LABELS, Shape::Labels),
    attr(
        "ct_tuple4",
        key_attr::CT_ORIG_TUPLE_IPV4,
        Shape::Struct(16, CT_TUPLE4),
    ),
    attr(
        "ct_tuple6",
        key_attr::CT_ORIG_TUPLE_IPV6,
        Shape::Struct(40, CT_TUPLE6),
    ),
    attr("nsh", key_attr::NSH, Shape::Nsh),
    attr(
        "packet_type",
        key_attr::PACKET_TYPE,
        Shape::Struct(4, PACKET_TYPE),
    ),
    attr(
        "nd_ext",
        key_attr::ND_EXTENSIONS,
        Shape::Struct(8, ND_EXTENSIONS),
    ),
];

fn find(kind: u16) -> Option<&'static KeyAttr> {
    KEY_ATTRS.iter().find(|attr| attr.kind == kind)
}

/// The bits of a connection's state.
const CT_STATE: &Bits = &[
    (ct_state::NEW as u32, "new"),
    (ct_state::ESTABLISHED as u32, "est"),
    (ct_state::RELATED as u32, "rel"),
    (ct_state::REPLY_DIR as u32, "rpl"),
    (ct_state::INVALID as u32, "inv"),
    (ct_state::TRACKED as u32, "trk"),
    (ct_state::SRC_NAT as u32, "snat"),
    (ct_state::DST_NAT as u32, "dnat"),
];

/// The bits of the TCP flags that have a name.
const TCP_FLAGS: &Bits = &[
    (0x001, "fin"),
    (0x002, "syn"),
    (0x004, "rst"),
    (0x008, "psh"),
    (0x010, "ack"),
    (0x020, "urg"),
    (0x040, "ece"),
    (0x080, "cwr"),
    (0x100, "ns"),
    (0x200, "[200]"),
    (0x400, "[400]"),
    (0x800, "[800]"),
];

/// All bits that TCP flags have.
const ALL_TCP_FLAGS: u32 = 0xfff;

/// The VLAN id in a TCI.
const VLAN_VID: u16 = 0x0fff;
/// The bit of a TCI that says that there is a tag.
const VLAN_CFI: u16 = odp::key::VLAN_TAG_PRESENT;
/// Where the priority starts in a TCI.
const VLAN_PCP_SHIFT: u16 = 13;

/// Where the parts of an MPLS label stack entry start, and their largest values.
const MPLS_PARTS: [(&str, u32, u32); 4] = [
    ("label", 12, 0xf_ffff),
    ("tc", 9, 7),
    ("ttl", 0, 0xff),
    ("bos", 8, 1),
];
