// SPDX-License-Identifier: GPL-2.0

//! The structures that attributes carry.
//!
//! Each has the size of its C counterpart; padding the C compiler would add is a field. Addresses
//! and ports are in network byte order, statistics in host byte order.

use super::super::key::{
    Be16,
    Be32, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// What follows the generic netlink header in every message (`struct ovs_header`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct OvsHeader {
    /// The interface index of the datapath's local port, or zero.
    pub dp_ifindex: i32,
}

const _: () = assert!(size_of::<OvsHeader>() == 4);

/// Statistics of a datapath (`struct ovs_dp_stats`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct DpStats {
    /// Packets that matched a flow.
    pub n_hit: u64,
    /// Packets that matched none.
    pub n_missed: u64,
    /// Upcalls that could not be sent.
    pub n_lost: u64,
    /// Flows in the table.
    pub n_flows: u64,
}

const _: () = assert!(size_of::<DpStats>() == 32);

/// Statistics of a datapath's masks (`struct ovs_dp_megaflow_stats`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct MegaflowStats {
    /// Masks tried in all lookups.
    pub n_mask_hit: u64,
    /// Masks in the table.
    pub n_masks: u32,
    /// Zero.
    pub pad0: u32,
    /// Lookups that the masks cache answered.
    pub n_cache_hit: u64,
    /// Zero.
    pub pad1: u64,
}

const _: () = assert!(size_of::<MegaflowStats>() == 32);

/// Statistics of a port (`struct ovs_vport_stats`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct VportStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets not received for want of room.
    pub rx_dropped: u64,
    /// Packets not sent for want of room.
    pub tx_dropped: u64,
}

const _: () = assert!(size_of::<VportStats>() == 64);

/// Statistics of a flow, a meter or a band (`struct ovs_flow_stats`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FlowStats {
    /// Packets.
    pub n_packets: u64,
    /// Bytes.
    pub n_bytes: u64,
}

const _: () = assert!(size_of::<FlowStats>() == 16);

/// `struct ovs_key_ethernet`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyEthernet {
    /// Source.
    pub src: [u8; 6],
    /// Destination.
    pub dst: [u8; 6],
}

const _: () = assert!(size_of::<KeyEthernet>() == 12);

/// `struct ovs_key_ipv4`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyIpv4 {
    /// Source.
    pub src: Be32,
    /// Destination.
    pub dst: Be32,
    /// Protocol.
    pub proto: u8,
    /// Type of service.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// One of [`frag`](super::frag).
    pub frag: u8,
}

const _: () = assert!(size_of::<KeyIpv4>() == 12);

/// `struct ovs_key_ipv6`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyIpv6 {
    /// Source.
    pub src: [u8; 16],
    /// Destination.
    pub dst: [u8; 16],
    /// Flow label, 20 bits.
    pub label: Be32,
    /// Protocol, after the extension headers.
    pub proto: u8,
    /// Traffic class.
    pub tclass: u8,
    /// Hop limit.
    pub hlimit: u8,
    /// One of [`frag`](super::frag).
    pub frag: u8,
}

const _: () = assert!(size_of::<KeyIpv6>() == 40);

/// `struct ovs_key_tcp`, `struct ovs_key_udp` and `struct ovs_key_sctp`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyPorts {
    /// Source port.
    pub src: Be16,
    /// Destination port.
    pub dst: Be16,
}

const _: () = assert!(size_of::<KeyPorts>() == 4);

/// `struct ovs_key_icmp` and `struct ovs_key_icmpv6`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyIcmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
}

const _: () = assert!(size_of::<KeyIcmp>() == 2);

/// `struct ovs_key_arp`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyArp {
    /// Sender's protocol address.
    pub sip: Be32,
    /// Target's protocol address.
    pub tip: Be32,
    /// Opcode, 8 bits.
    pub op: Be16,
    /// Sender's hardware address.
    pub sha: [u8; 6],
    /// Target's hardware address.
    pub tha: [u8; 6],
    /// Zero.
    pub pad: [u8; 2],
}

const _: () = assert!(size_of::<KeyArp>() == 24);

/// `struct ovs_key_nd`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KeyNd {
    /// Target address.
    pub target: [u8; 16],
    /// Source link-layer address.
    pub sll: [u8; 6],
    /// Target link-layer address.
    pub tll: [u8; 6],
}

const _: () = assert!(size_of::<KeyNd>() == 28);

/// `struct ovs_key_ct_labels`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CtLabels {
    /// The labels, 128 bits.
    pub bytes: [u8; 16],
}

const _: () = assert!(size_of::<CtLabels>() == 16);

/// `struct ovs_key_ct_tuple_ipv4`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CtTupleIpv4 {
    /// Source.
    pub src: Be32,
    /// Destination.
    pub dst: Be32,
    /// Source port or ICMP type.
    pub src_port: Be16,
    /// Destination port or ICMP code.
    pub dst_port: Be16,
    /// Protocol.
    pub proto: u8,
    /// Zero.
    pub pad: [u8; 3],
}

const _: () = assert!(size_of::<CtTupleIpv4>() == 16);

/// `struct ovs_key_ct_tuple_ipv6`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CtTupleIpv6 {
    /// Source.
    pub src: [u8; 16],
    /// Destination.
    pub dst: [u8; 16],
    /// Source port or ICMPv6 type.
    pub src_port: Be16,
    /// Destination port or ICMPv6 code.
    pub dst_port: Be16,
    /// Protocol.
    pub proto: u8,
    /// Zero.
    pub pad: [u8; 3],
}

const _: () = assert!(size_of::<CtTupleIpv6>() == 40);

/// `struct ovs_nsh_key_base`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct NshBase {
    /// Flags, 2 bits.
    pub flags: u8,
    /// Time to live, 6 bits.
    pub ttl: u8,
    /// Metadata type.
    pub mdtype: u8,
    /// Next protocol.
    pub np: u8,
    /// Service path id and service index.
    pub path_hdr: Be32,
}

const _: () = assert!(size_of::<NshBase>() == 8);

/// `struct ovs_nsh_key_md1`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct NshMd1 {
    /// The four context headers.
    pub context: [Be32; 4],
}

const _: () = assert!(size_of::<NshMd1>() == 16);

/// `struct ovs_action_push_vlan`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PushVlan {
    /// Ethertype of the tag.
    pub tpid: Be16,
    /// Tag control information, with the CFI bit set.
    pub tci: Be16,
}

const _: () = assert!(size_of::<PushVlan>() == 4);

/// `struct ovs_action_push_mpls`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PushMpls {
    /// Label stack entry.
    pub lse: Be32,
    /// 0x8847 or 0x8848.
    pub ethertype: Be16,
    /// Not used.
    pub pad: [u8; 2],
}

const _: () = assert!(size_of::<PushMpls>() == 8);

/// `struct ovs_action_add_mpls`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct AddMpls {
    /// Label stack entry.
    pub lse: Be32,
    /// 0x8847 or 0x8848.
    pub ethertype: Be16,
    /// Of [`mpls_tun_flags`](super::mpls_tun_flags).
    pub tun_flags: u16,
}

const _: () = assert!(size_of::<AddMpls>() == 8);

/// `struct ovs_action_push_eth`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PushEth {
    /// The addresses of the new header.
    pub addresses: KeyEthernet,
}

const _: () = assert!(size_of::<PushEth>() == 12);

/// `struct ovs_action_hash`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct ActionHash {
    /// One of [`hash_alg`](super::hash_alg).
    pub alg: u32,
    /// What to start from.
    pub basis: u32,
}

const _: () = assert!(size_of::<ActionHash>() == 8);

/// `struct ovs_zone_limit`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct ZoneLimit {
    /// The zone, or -1 for all without a limit of their own.
    pub zone_id: i32,
    /// Connections allowed; zero: unlimited.
    pub limit: u32,
    /// Connections there are; not used in requests.
    pub count: u32,
}

const _: () = assert!(size_of::<ZoneLimit>() == 12);
