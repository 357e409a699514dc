// SPDX-License-Identifier: GPL-2.0

//! Packet headers as they are on the wire.
//!
//! All of them may lie at any address, and every bit pattern is a value: whether a header makes
//! sense is for its reader to decide. Multi-byte fields are in network byte order, except where an
//! accessor returns a plain integer, which is in host byte order.

use super::key::{
    Be16,
    Be32, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout,
    Unaligned, //
};

/// What follows an Ethernet header or a VLAN tag (`ETH_P_*` of `include/uapi/linux/if_ether.h`).
pub mod ethertype {
    /// The lowest value that is a type and not a length.
    pub const MIN: u16 = 0x0600;
    /// `ETH_P_802_2`: of a key only, a frame without a type.
    pub const NONE: u16 = 0x0004;
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// Transparent Ethernet bridging: an Ethernet frame without a header before it.
    pub const TEB: u16 = 0x6558;
    /// Reverse ARP.
    pub const RARP: u16 = 0x8035;
    /// 802.1Q VLAN.
    pub const VLAN: u16 = 0x8100;
    /// 802.1ad VLAN.
    pub const SVLAN: u16 = 0x88a8;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// MPLS unicast.
    pub const MPLS: u16 = 0x8847;
    /// MPLS multicast.
    pub const MPLS_MC: u16 = 0x8848;
    /// Network Service Header.
    pub const NSH: u16 = 0x894f;

    /// Whether a VLAN tag has this type.
    pub const fn is_vlan(ethertype: u16) -> bool {
        matches!(ethertype, VLAN | SVLAN)
    }

    /// Whether an MPLS label stack entry follows.
    pub const fn is_mpls(ethertype: u16) -> bool {
        matches!(ethertype, MPLS | MPLS_MC)
    }
}

/// Protocols over IP and IPv6 extension headers (`IPPROTO_*` and `NEXTHDR_*`).
pub mod ipproto {
    /// Hop-by-hop options.
    pub const HOPOPTS: u8 = 0;
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// Routing header.
    pub const ROUTING: u8 = 43;
    /// Fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication header.
    pub const AH: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// No next header.
    pub const NONE: u8 = 59;
    /// Destination options.
    pub const DSTOPTS: u8 = 60;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// ICMPv6 types and option types of neighbour discovery.
pub mod nd {
    /// Neighbour solicitation.
    pub const SOLICITATION: u8 = 135;
    /// Neighbour advertisement.
    pub const ADVERTISEMENT: u8 = 136;
    /// Option: source link-layer address.
    pub const OPT_SOURCE_LL: u8 = 1;
    /// Option: target link-layer address.
    pub const OPT_TARGET_LL: u8 = 2;
}

/// An Ethernet header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Ethernet {
    /// Destination.
    pub dst: [u8; 6],
    /// Source.
    pub src: [u8; 6],
    /// One of [`ethertype`], or a length.
    pub ethertype: Be16,
}

/// A VLAN tag inside a frame, from its own ethertype to the next one.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct VlanTag {
    /// The type of the tag.
    pub tpid: Be16,
    /// Tag control information.
    pub tci: Be16,
    /// What follows.
    pub ethertype: Be16,
}

/// An 802.2 LLC header with a SNAP extension.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct LlcSnap {
    /// Destination service access point.
    pub dsap: u8,
    /// Source service access point.
    pub ssap: u8,
    /// Control.
    pub ctrl: u8,
    /// Organization.
    pub oui: [u8; 3],
    /// What follows.
    pub ethertype: Be16,
}

impl LlcSnap {
    /// Whether an ethertype as of Ethernet II is in the header.
    pub const fn has_ethertype(&self) -> bool {
        matches!((self.dsap, self.ssap, self.oui), (0xaa, 0xaa, [0, 0, 0]))
    }
}

/// An ARP or RARP packet for Ethernet and IPv4.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Arp {
    /// Hardware type: 1 for Ethernet.
    pub hrd: Be16,
    /// Protocol type: an ethertype.
    pub pro: Be16,
    /// Length of a hardware address.
    pub hln: u8,
    /// Length of a protocol address.
    pub pln: u8,
    /// Opcode.
    pub op: Be16,
    /// Sender's hardware address.
    pub sha: [u8; 6],
    /// Sender's protocol address.
    pub sip: [u8; 4],
    /// Target's hardware address.
    pub tha: [u8; 6],
    /// Target's protocol address.
    pub tip: [u8; 4],
}

impl Arp {
    /// Whether the addresses are of Ethernet and IPv4.
    pub const fn is_ethernet_ipv4(&self) -> bool {
        self.hrd.get() == 1 && self.pro.get() == ethertype::IPV4 && self.hln == 6 && self.pln == 4
    }
}

/// An IPv4 header without options.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Ipv4 {
    /// Version and header length in words of 32 bits.
    pub version_ihl: u8,
    /// Type of service.
    pub tos: u8,
    /// Length of header and payload.
    pub tot_len: Be16,
    /// Identification.
    pub id: Be16,
    /// Flags and offset in units of 8 bytes.
    pub frag_off: Be16,
    /// Time to live.
    pub ttl: u8,
    /// One of [`ipproto`].
    pub protocol: u8,
    /// Checksum of the header.
    pub check: Be16,
    /// Source.
    pub src: Be32,
    /// Destination.
    pub dst: Be32,
}

impl Ipv4 {
    /// Flag of `frag_off`: more fragments follow.
    pub const MORE_FRAGMENTS: u16 = 0x2000;
    /// The bits of `frag_off` that are the offset.
    pub const OFFSET: u16 = 0x1fff;

    /// The length of the header in bytes, as it says itself.
    pub const fn header_len(&self) -> usize {
        (self.version_ihl as usize & 0xf) * 4
    }
}

/// An IPv6 header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Ipv6 {
    /// Version, traffic class, and flow label.
    pub version_class_label: Be32,
    /// Length of what follows the header.
    pub payload_len: Be16,
    /// One of [`ipproto`].
    pub nexthdr: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source.
    pub src: [u8; 16],
    /// Destination.
    pub dst: [u8; 16],
}

impl Ipv6 {
    /// The bits of the flow label.
    pub const LABEL: u32 = 0x000f_ffff;

    /// The traffic class.
    pub const fn traffic_class(&self) -> u8 {
        ((self.version_class_label.get() >> 20) & 0xff) as u8
    }

    /// The flow label.
    pub const fn label(&self) -> Be32 {
        Be32::new(self.version_class_label.get() & Self::LABEL)
    }
}

/// The common start of IPv6 extension headers (`struct ipv6_opt_hdr`).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Ipv6Ext {
    /// One of [`ipproto`].
    pub nexthdr: u8,
    /// The length in units of the header's own.
    pub hdrlen: u8,
}

impl Ipv6Ext {
    /// The length of an options or routing header in bytes.
    pub const fn options_len(&self) -> usize {
        (self.hdrlen as usize + 1) * 8
    }

    /// The length of an authentication header in bytes.
    pub const fn auth_len(&self) -> usize {
        (self.hdrlen as usize + 2) * 4
    }
}

/// An IPv6 fragment header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Ipv6Frag {
    /// One of [`ipproto`].
    pub nexthdr: u8,
    /// Not used.
    pub reserved: u8,
    /// Offset in bytes, and flags in the lowest three bits.
    pub frag_off: Be16,
    /// Identification.
    pub id: Be32,
}

/// A TCP header without options.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Tcp {
    /// Source port.
    pub src: Be16,
    /// Destination port.
    pub dst: Be16,
    /// Sequence number.
    pub seq: Be32,
    /// Acknowledged sequence number.
    pub ack: Be32,
    /// Header length in words of 32 bits (4 bits) and flags (12 bits).
    pub doff_flags: Be16,
    /// Window.
    pub window: Be16,
    /// Checksum.
    pub check: Be16,
    /// Urgent pointer.
    pub urgent: Be16,
}

impl Tcp {
    /// The bits of `doff_flags` that are flags.
    pub const FLAGS: u16 = 0x0fff;

    /// The length of the header in bytes, as it says itself.
    pub const fn header_len(&self) -> usize {
        (self.doff_flags.get() >> 12) as usize * 4
    }

    /// The flags.
    pub const fn flags(&self) -> Be16 {
        Be16::new(self.doff_flags.get() & Self::FLAGS)
    }
}

/// A UDP header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Udp {
    /// Source port.
    pub src: Be16,
    /// Destination port.
    pub dst: Be16,
    /// Length of header and payload.
    pub len: Be16,
    /// Checksum, or zero for none.
    pub check: Be16,
}

/// An SCTP common header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Sctp {
    /// Source port.
    pub src: Be16,
    /// Destination port.
    pub dst: Be16,
    /// Verification tag.
    pub vtag: Be32,
    /// CRC32c, little endian.
    pub check: [u8; 4],
}

/// An ICMP or ICMPv6 header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum.
    pub check: Be16,
    /// What the type makes of it.
    pub rest: [u8; 4],
}

/// A neighbour solicitation or advertisement, without its options.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Nd {
    /// The ICMPv6 header.
    pub icmp: Icmp,
    /// The target address.
    pub target: [u8; 16],
}

/// A neighbour discovery option that holds an Ethernet address.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct NdLinkLayer {
    /// One of [`nd`].
    pub kind: u8,
    /// The length of the option in units of 8 bytes.
    pub len: u8,
    /// The address.
    pub address: [u8; 6],
}

/// An MPLS label stack entry.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Mpls {
    /// Label, traffic class, bottom of stack, time to live.
    pub lse: Be32,
}

impl Mpls {
    /// The bit of the entry at the bottom of the stack.
    pub const BOTTOM: u32 = 0x0000_0100;

    /// Whether no further entry follows.
    pub const fn is_bottom(&self) -> bool {
        self.lse.get() & Self::BOTTOM != 0
    }
}

/// A Network Service Header without its context headers.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Nsh {
    /// Version (2 bits), flags (2), time to live (6), length in words of 32 bits (6).
    pub ver_flags_ttl_len: Be16,
    /// Metadata type.
    pub mdtype: u8,
    /// Next protocol.
    pub np: u8,
    /// Service path id and service index.
    pub path_hdr: Be32,
}

impl Nsh {
    /// The metadata type of four context headers of fixed length.
    pub const MD_TYPE1: u8 = 1;
    /// The metadata type of context headers of variable length.
    pub const MD_TYPE2: u8 = 2;
    /// The length of a header with metadata type 1, in bytes.
    pub const MD_TYPE1_LEN: usize = 24;
    /// The most bytes of context headers.
    pub const CONTEXT_MAX_LEN: usize = 0x3f * 4 - 8;

    /// The version.
    pub const fn version(&self) -> u8 {
        (self.ver_flags_ttl_len.get() >> 14) as u8
    }

    /// The flags.
    pub const fn flags(&self) -> u8 {
        ((self.ver_flags_ttl_len.get() >> 12) & 0x3) as u8
    }

    /// The time to live.
    pub const fn ttl(&self) -> u8 {
        ((self.ver_flags_ttl_len.get() >> 6) & 0x3f) as u8
    }

    /// The length of the header in bytes, as it says itself.
    pub const fn header_len(&self) -> usize {
        (self.ver_flags_ttl_len.get() & 0x3f) as usize * 4
    }
}

const _: () = assert!(size_of::<Ethernet>() == 14);
const _: () = assert!(size_of::<VlanTag>() == 6);
const _: () = assert!(size_of::<LlcSnap>() == 8);
const _: () = assert!(size_of::<Arp>() == 28);
const _: () = assert!(size_of::<Ipv4>() == 20);
const _: () = assert!(size_of::<Ipv6>() == 40);
const _: () = assert!(size_of::<Ipv6Frag>() == 8);
const _: () = assert!(size_of::<Tcp>() == 20);
const _: () = assert!(size_of::<Udp>() == 8);
const _: () = assert!(size_of::<Sctp>() == 12);
const _: () = assert!(size_of::<Icmp>() == 8);
const _: () = assert!(size_of::<Nd>() == 24);
const _: () = assert!(size_of::<NdLinkLayer>() == 8);
const _: () = assert!(size_of::<Nsh>() == 8);
