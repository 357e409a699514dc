// SPDX-License-Identifier: GPL-2.0

//! The numbers of the user space interface: commands, attributes, flags.
//!
//! One module per C enumeration or group of flags; the structures that attributes carry are in
//! [`payload`] and re-exported here. Names are C's without the prefix that the module stands for:
//! `OVS_KEY_ATTR_IPV4` is [`key_attr::IPV4`]. What an attribute holds is said in short after its C
//! name; "nested" means attributes.
//!
//! C header: [`include/uapi/linux/openvswitch.h`](srctree/include/uapi/linux/openvswitch.h)

pub mod payload;

pub use payload::{
    ActionHash,
    AddMpls,
    CtLabels,
    CtTupleIpv4,
    CtTupleIpv6,
    DpStats,
    FlowStats,
    KeyArp,
    KeyEthernet,
    KeyIcmp,
    KeyIpv4,
    KeyIpv6,
    KeyNd,
    KeyPorts,
    MegaflowStats,
    NshBase,
    NshMd1,
    OvsHeader,
    PushEth,
    PushMpls,
    PushVlan,
    VportStats,
    ZoneLimit, //
};

/// The names and versions of the generic netlink families.
pub mod family {
    use core::ffi::CStr;

    /// `OVS_DATAPATH_FAMILY`.
    pub const DATAPATH: &CStr = c"ovs_datapath";
    /// `OVS_DATAPATH_VERSION`.
    pub const DATAPATH_VERSION: u8 = 2;
    /// `OVS_DP_VER_FEATURES`: the first version whose users announce features.
    pub const DATAPATH_VERSION_FEATURES: u8 = 2;
    /// `OVS_VPORT_FAMILY`.
    pub const VPORT: &CStr = c"ovs_vport";
    /// `OVS_VPORT_VERSION`.
    pub const VPORT_VERSION: u8 = 1;
    /// `OVS_FLOW_FAMILY`.
    pub const FLOW: &CStr = c"ovs_flow";
    /// `OVS_FLOW_VERSION`.
    pub const FLOW_VERSION: u8 = 1;
    /// `OVS_PACKET_FAMILY`.
    pub const PACKET: &CStr = c"ovs_packet";
    /// `OVS_PACKET_VERSION`.
    pub const PACKET_VERSION: u8 = 1;
    /// `OVS_METER_FAMILY`.
    pub const METER: &CStr = c"ovs_meter";
    /// `OVS_METER_VERSION`.
    pub const METER_VERSION: u8 = 1;
    /// `OVS_CT_LIMIT_FAMILY`.
    pub const CT_LIMIT: &CStr = c"ovs_ct_limit";
    /// `OVS_CT_LIMIT_VERSION`.
    pub const CT_LIMIT_VERSION: u8 = 1;
}

/// Commands of the family (`enum ovs_datapath_cmd`).
pub mod dp_cmd {
    /// `OVS_DP_CMD_NEW`.
    pub const NEW: u8 = 1;
    /// `OVS_DP_CMD_DEL`.
    pub const DEL: u8 = 2;
    /// `OVS_DP_CMD_GET`.
    pub const GET: u8 = 3;
    /// `OVS_DP_CMD_SET`.
    pub const SET: u8 = 4;
}

/// Commands of the family (`enum ovs_vport_cmd`).
pub mod vport_cmd {
    /// `OVS_VPORT_CMD_NEW`.
    pub const NEW: u8 = 1;
    /// `OVS_VPORT_CMD_DEL`.
    pub const DEL: u8 = 2;
    /// `OVS_VPORT_CMD_GET`.
    pub const GET: u8 = 3;
    /// `OVS_VPORT_CMD_SET`.
    pub const SET: u8 = 4;
}

/// Commands of the family (`enum ovs_flow_cmd`).
pub mod flow_cmd {
    /// `OVS_FLOW_CMD_NEW`.
    pub const NEW: u8 = 1;
    /// `OVS_FLOW_CMD_DEL`.
    pub const DEL: u8 = 2;
    /// `OVS_FLOW_CMD_GET`.
    pub const GET: u8 = 3;
    /// `OVS_FLOW_CMD_SET`.
    pub const SET: u8 = 4;
}

/// Commands and messages of the family (`enum ovs_packet_cmd`).
pub mod packet_cmd {
    /// `OVS_PACKET_CMD_MISS`: to user space, no flow matched.
    pub const MISS: u8 = 1;
    /// `OVS_PACKET_CMD_ACTION`: to user space, by a USERSPACE action.
    pub const ACTION: u8 = 2;
    /// `OVS_PACKET_CMD_EXECUTE`: from user space, apply actions to a packet.
    pub const EXECUTE: u8 = 3;
}

/// Commands of the family (`enum ovs_meter_cmd`).
pub mod meter_cmd {
    /// `OVS_METER_CMD_FEATURES`.
    pub const FEATURES: u8 = 1;
    /// `OVS_METER_CMD_SET`.
    pub const SET: u8 = 2;
    /// `OVS_METER_CMD_DEL`.
    pub const DEL: u8 = 3;
    /// `OVS_METER_CMD_GET`.
    pub const GET: u8 = 4;
}

/// Commands of the family (`enum ovs_ct_limit_cmd`).
pub mod ct_limit_cmd {
    /// `OVS_CT_LIMIT_CMD_SET`.
    pub const SET: u8 = 1;
    /// `OVS_CT_LIMIT_CMD_DEL`.
    pub const DEL: u8 = 2;
    /// `OVS_CT_LIMIT_CMD_GET`.
    pub const GET: u8 = 3;
}

/// Attributes of a datapath (`enum ovs_datapath_attr`).
pub mod dp_attr {
    /// `OVS_DP_ATTR_NAME`: string, the name of the local port.
    pub const NAME: u16 = 1;
    /// `OVS_DP_ATTR_UPCALL_PID`: u32, netlink port of the local port's upcalls.
    pub const UPCALL_PID: u16 = 2;
    /// `OVS_DP_ATTR_STATS`: [`DpStats`](super::DpStats).
    pub const STATS: u16 = 3;
    /// `OVS_DP_ATTR_MEGAFLOW_STATS`: [`MegaflowStats`](super::MegaflowStats).
    pub const MEGAFLOW_STATS: u16 = 4;
    /// `OVS_DP_ATTR_USER_FEATURES`: u32 of [`user_features`](super::user_features).
    pub const USER_FEATURES: u16 = 5;
    /// `OVS_DP_ATTR_PAD`.
    pub const PAD: u16 = 6;
    /// `OVS_DP_ATTR_MASKS_CACHE_SIZE`: u32, entries of the masks cache.
    pub const MASKS_CACHE_SIZE: u16 = 7;
    /// `OVS_DP_ATTR_PER_CPU_PIDS`: array of u32, a netlink port per processor.
    pub const PER_CPU_PIDS: u16 = 8;
    /// `OVS_DP_ATTR_IFINDEX`: s32, the interface index wanted for the local port.
    pub const IFINDEX: u16 = 9;
    /// `OVS_DP_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = IFINDEX;
}

/// What user space can do (`OVS_DP_F_*`).
pub mod user_features {
    /// `OVS_DP_F_UNALIGNED`: the last attribute of an upcall may lack its padding.
    pub const UNALIGNED: u32 = 1 << 0;
    /// `OVS_DP_F_VPORT_PIDS`: a port may have several netlink ports.
    pub const VPORT_PIDS: u32 = 1 << 1;
    /// `OVS_DP_F_TC_RECIRC_SHARING`: recirculation ids are shared with tc.
    pub const TC_RECIRC_SHARING: u32 = 1 << 2;
    /// `OVS_DP_F_DISPATCH_UPCALL_PER_CPU`: upcalls go to the netlink port of the processor.
    pub const DISPATCH_UPCALL_PER_CPU: u32 = 1 << 3;
    /// All that are known.
    pub const ALL: u32 = UNALIGNED | VPORT_PIDS | TC_RECIRC_SHARING | DISPATCH_UPCALL_PER_CPU;
}

/// Attributes of a port (`enum ovs_vport_attr`).
pub mod vport_attr {
    /// `OVS_VPORT_ATTR_PORT_NO`: u32, the number in the datapath.
    pub const PORT_NO: u16 = 1;
    /// `OVS_VPORT_ATTR_TYPE`: u32 of [`vport_type`](super::vport_type).
    pub const TYPE: u16 = 2;
    /// `OVS_VPORT_ATTR_NAME`: string, the name of the device.
    pub const NAME: u16 = 3;
    /// `OVS_VPORT_ATTR_OPTIONS`: nested [`tunnel_attr`](super::tunnel_attr).
    pub const OPTIONS: u16 = 4;
    /// `OVS_VPORT_ATTR_UPCALL_PID`: array of u32, netlink ports of the upcalls.
    pub const UPCALL_PID: u16 = 5;
    /// `OVS_VPORT_ATTR_STATS`: [`VportStats`](super::VportStats).
    pub const STATS: u16 = 6;
    /// `OVS_VPORT_ATTR_PAD`.
    pub const PAD: u16 = 7;
    /// `OVS_VPORT_ATTR_IFINDEX`: s32, the interface index.
    pub const IFINDEX: u16 = 8;
    /// `OVS_VPORT_ATTR_NETNSID`: s32, the namespace of the device when it is another.
    pub const NETNSID: u16 = 9;
    /// `OVS_VPORT_ATTR_UPCALL_STATS`: nested [`vport_upcall_attr`](super::vport_upcall_attr).
    pub const UPCALL_STATS: u16 = 10;
    /// `OVS_VPORT_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = UPCALL_STATS;
}

/// Statistics of a port's upcalls (`enum ovs_vport_upcall_attr`).
pub mod vport_upcall_attr {
    /// `OVS_VPORT_UPCALL_ATTR_SUCCESS`: u64, upcalls sent.
    pub const SUCCESS: u16 = 0;
    /// `OVS_VPORT_UPCALL_ATTR_FAIL`: u64, upcalls lost.
    pub const FAIL: u16 = 1;
}

/// Kinds of ports (`enum ovs_vport_type`).
pub mod vport_type {
    /// `OVS_VPORT_TYPE_NETDEV`: any network device.
    pub const NETDEV: u32 = 1;
    /// `OVS_VPORT_TYPE_INTERNAL`: a device made by the datapath.
    pub const INTERNAL: u32 = 2;
    /// `OVS_VPORT_TYPE_GRE`.
    pub const GRE: u32 = 3;
    /// `OVS_VPORT_TYPE_VXLAN`.
    pub const VXLAN: u32 = 4;
    /// `OVS_VPORT_TYPE_GENEVE`.
    pub const GENEVE: u32 = 5;
}

/// Options of a tunnel port.
pub mod tunnel_attr {
    /// `OVS_TUNNEL_ATTR_DST_PORT`: u16, UDP port.
    pub const DST_PORT: u16 = 1;
    /// `OVS_TUNNEL_ATTR_EXTENSION`: nested [`vxlan_ext`](super::vxlan_ext).
    pub const EXTENSION: u16 = 2;
}

/// Extensions of VXLAN.
pub mod vxlan_ext {
    /// `OVS_VXLAN_EXT_GBP`: group policy: a flag of a port, u32 in a key.
    pub const GBP: u16 = 1;
}

/// Attributes of a packet (`enum ovs_packet_attr`).
pub mod packet_attr {
    /// `OVS_PACKET_ATTR_PACKET`: the bytes from the Ethernet header on.
    pub const PACKET: u16 = 1;
    /// `OVS_PACKET_ATTR_KEY`: nested [`key_attr`](super::key_attr).
    pub const KEY: u16 = 2;
    /// `OVS_PACKET_ATTR_ACTIONS`: nested [`action_attr`](super::action_attr).
    pub const ACTIONS: u16 = 3;
    /// `OVS_PACKET_ATTR_USERDATA`: the bytes given by [`userspace_attr::USERDATA`](super::userspace_attr::USERDATA).
    pub const USERDATA: u16 = 4;
    /// `OVS_PACKET_ATTR_EGRESS_TUN_KEY`: nested [`tunnel_key_attr`](super::tunnel_key_attr), the tunnel it would leave by.
    pub const EGRESS_TUN_KEY: u16 = 5;
    /// `OVS_PACKET_ATTR_PROBE`: flag, log no errors.
    pub const PROBE: u16 = 8;
    /// `OVS_PACKET_ATTR_MRU`: u16, the largest fragment received.
    pub const MRU: u16 = 9;
    /// `OVS_PACKET_ATTR_LEN`: u32, the length before truncation.
    pub const LEN: u16 = 10;
    /// `OVS_PACKET_ATTR_HASH`: u64, the hash and how it was made.
    pub const HASH: u16 = 11;
    /// `OVS_PACKET_ATTR_UPCALL_PID`: u32, netlink port of the upcalls that EXECUTE causes.
    pub const UPCALL_PID: u16 = 12;
    /// `OVS_PACKET_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = UPCALL_PID;
}

/// Attributes of a flow (`enum ovs_flow_attr`).
pub mod flow_attr {
    /// `OVS_FLOW_ATTR_KEY`: nested [`key_attr`](super::key_attr).
    pub const KEY: u16 = 1;
    /// `OVS_FLOW_ATTR_ACTIONS`: nested [`action_attr`](super::action_attr).
    pub const ACTIONS: u16 = 2;
    /// `OVS_FLOW_ATTR_STATS`: [`FlowStats`](super::FlowStats).
    pub const STATS: u16 = 3;
    /// `OVS_FLOW_ATTR_TCP_FLAGS`: u8, the flags of all packets so far.
    pub const TCP_FLAGS: u16 = 4;
    /// `OVS_FLOW_ATTR_USED`: u64, ms of the monotonic clock.
    pub const USED: u16 = 5;
    /// `OVS_FLOW_ATTR_CLEAR`: flag, reset the statistics.
    pub const CLEAR: u16 = 6;
    /// `OVS_FLOW_ATTR_MASK`: nested [`key_attr`](super::key_attr).
    pub const MASK: u16 = 7;
    /// `OVS_FLOW_ATTR_PROBE`: flag, log no errors.
    pub const PROBE: u16 = 8;
    /// `OVS_FLOW_ATTR_UFID`: 1 to 16 bytes, an id of user space's choice.
    pub const UFID: u16 = 9;
    /// `OVS_FLOW_ATTR_UFID_FLAGS`: u32 of [`ufid_flags`](super::ufid_flags).
    pub const UFID_FLAGS: u16 = 10;
    /// `OVS_FLOW_ATTR_PAD`.
    pub const PAD: u16 = 11;
    /// `OVS_FLOW_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = PAD;
}

/// What replies leave out for a flow with an id (`OVS_UFID_F_*`).
pub mod ufid_flags {
    /// `OVS_UFID_F_OMIT_KEY`.
    pub const OMIT_KEY: u32 = 1 << 0;
    /// `OVS_UFID_F_OMIT_MASK`.
    pub const OMIT_MASK: u32 = 1 << 1;
    /// `OVS_UFID_F_OMIT_ACTIONS`.
    pub const OMIT_ACTIONS: u32 = 1 << 2;
}

/// Fields of a key or mask (`enum ovs_key_attr`).
pub mod key_attr {
    /// `OVS_KEY_ATTR_ENCAP`: nested, what a VLAN tag encloses.
    pub const ENCAP: u16 = 1;
    /// `OVS_KEY_ATTR_PRIORITY`: u32.
    pub const PRIORITY: u16 = 2;
    /// `OVS_KEY_ATTR_IN_PORT`: u32.
    pub const IN_PORT: u16 = 3;
    /// `OVS_KEY_ATTR_ETHERNET`: [`KeyEthernet`](super::KeyEthernet).
    pub const ETHERNET: u16 = 4;
    /// `OVS_KEY_ATTR_VLAN`: be16, tag control information.
    pub const VLAN: u16 = 5;
    /// `OVS_KEY_ATTR_ETHERTYPE`: be16.
    pub const ETHERTYPE: u16 = 6;
    /// `OVS_KEY_ATTR_IPV4`: [`KeyIpv4`](super::KeyIpv4).
    pub const IPV4: u16 = 7;
    /// `OVS_KEY_ATTR_IPV6`: [`KeyIpv6`](super::KeyIpv6).
    pub const IPV6: u16 = 8;
    /// `OVS_KEY_ATTR_TCP`: [`KeyPorts`](super::KeyPorts).
    pub const TCP: u16 = 9;
    /// `OVS_KEY_ATTR_UDP`: [`KeyPorts`](super::KeyPorts).
    pub const UDP: u16 = 10;
    /// `OVS_KEY_ATTR_ICMP`: [`KeyIcmp`](super::KeyIcmp).
    pub const ICMP: u16 = 11;
    /// `OVS_KEY_ATTR_ICMPV6`: [`KeyIcmp`](super::KeyIcmp).
    pub const ICMPV6: u16 = 12;
    /// `OVS_KEY_ATTR_ARP`: [`KeyArp`](super::KeyArp).
    pub const ARP: u16 = 13;
    /// `OVS_KEY_ATTR_ND`: [`KeyNd`](super::KeyNd).
    pub const ND: u16 = 14;
    /// `OVS_KEY_ATTR_SKB_MARK`: u32.
    pub const SKB_MARK: u16 = 15;
    /// `OVS_KEY_ATTR_TUNNEL`: nested [`tunnel_key_attr`](super::tunnel_key_attr).
    pub const TUNNEL: u16 = 16;
    /// `OVS_KEY_ATTR_SCTP`: [`KeyPorts`](super::KeyPorts).
    pub const SCTP: u16 = 17;
    /// `OVS_KEY_ATTR_TCP_FLAGS`: be16.
    pub const TCP_FLAGS: u16 = 18;
    /// `OVS_KEY_ATTR_DP_HASH`: u32.
    pub const DP_HASH: u16 = 19;
    /// `OVS_KEY_ATTR_RECIRC_ID`: u32.
    pub const RECIRC_ID: u16 = 20;
    /// `OVS_KEY_ATTR_MPLS`: array of be32, label stack entries.
    pub const MPLS: u16 = 21;
    /// `OVS_KEY_ATTR_CT_STATE`: u32 of [`ct_state`](super::ct_state).
    pub const CT_STATE: u16 = 22;
    /// `OVS_KEY_ATTR_CT_ZONE`: u16.
    pub const CT_ZONE: u16 = 23;
    /// `OVS_KEY_ATTR_CT_MARK`: u32.
    pub const CT_MARK: u16 = 24;
    /// `OVS_KEY_ATTR_CT_LABELS`: [`CtLabels`](super::CtLabels).
    pub const CT_LABELS: u16 = 25;
    /// `OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4`: [`CtTupleIpv4`](super::CtTupleIpv4).
    pub const CT_ORIG_TUPLE_IPV4: u16 = 26;
    /// `OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6`: [`CtTupleIpv6`](super::CtTupleIpv6).
    pub const CT_ORIG_TUPLE_IPV6: u16 = 27;
    /// `OVS_KEY_ATTR_NSH`: nested [`nsh_key_attr`](super::nsh_key_attr).
    pub const NSH: u16 = 28;
    /// `OVS_KEY_ATTR_PACKET_TYPE`: of user space alone, refused.
    pub const PACKET_TYPE: u16 = 29;
    /// `OVS_KEY_ATTR_ND_EXTENSIONS`: of user space alone, refused.
    pub const ND_EXTENSIONS: u16 = 30;
    /// `OVS_KEY_ATTR_TUNNEL_INFO`: of the C module alone, refused.
    pub const TUNNEL_INFO: u16 = 31;
    /// `OVS_KEY_ATTR_IPV6_EXTHDRS`: u16 of [`ipv6_exthdrs`](super::ipv6_exthdrs).
    pub const IPV6_EXTHDRS: u16 = 32;
    /// `OVS_KEY_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = IPV6_EXTHDRS;
}

/// Fields of a tunnel (`enum ovs_tunnel_key_attr`).
pub mod tunnel_key_attr {
    /// `OVS_TUNNEL_KEY_ATTR_ID`: be64.
    pub const ID: u16 = 0;
    /// `OVS_TUNNEL_KEY_ATTR_IPV4_SRC`: be32.
    pub const IPV4_SRC: u16 = 1;
    /// `OVS_TUNNEL_KEY_ATTR_IPV4_DST`: be32.
    pub const IPV4_DST: u16 = 2;
    /// `OVS_TUNNEL_KEY_ATTR_TOS`: u8.
    pub const TOS: u16 = 3;
    /// `OVS_TUNNEL_KEY_ATTR_TTL`: u8.
    pub const TTL: u16 = 4;
    /// `OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT`: flag.
    pub const DONT_FRAGMENT: u16 = 5;
    /// `OVS_TUNNEL_KEY_ATTR_CSUM`: flag.
    pub const CSUM: u16 = 6;
    /// `OVS_TUNNEL_KEY_ATTR_OAM`: flag.
    pub const OAM: u16 = 7;
    /// `OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS`: Geneve's option TLVs.
    pub const GENEVE_OPTS: u16 = 8;
    /// `OVS_TUNNEL_KEY_ATTR_TP_SRC`: be16.
    pub const TP_SRC: u16 = 9;
    /// `OVS_TUNNEL_KEY_ATTR_TP_DST`: be16.
    pub const TP_DST: u16 = 10;
    /// `OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS`: nested [`vxlan_ext`](super::vxlan_ext).
    pub const VXLAN_OPTS: u16 = 11;
    /// `OVS_TUNNEL_KEY_ATTR_IPV6_SRC`: 16 bytes.
    pub const IPV6_SRC: u16 = 12;
    /// `OVS_TUNNEL_KEY_ATTR_IPV6_DST`: 16 bytes.
    pub const IPV6_DST: u16 = 13;
    /// `OVS_TUNNEL_KEY_ATTR_PAD`.
    pub const PAD: u16 = 14;
    /// `OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS`: `struct erspan_metadata`.
    pub const ERSPAN_OPTS: u16 = 15;
    /// `OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE`: flag.
    pub const IPV4_INFO_BRIDGE: u16 = 16;
    /// `OVS_TUNNEL_KEY_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = IPV4_INFO_BRIDGE;
}

/// Parts of a Network Service Header (`enum ovs_nsh_key_attr`).
pub mod nsh_key_attr {
    /// `OVS_NSH_KEY_ATTR_BASE`: [`NshBase`](super::NshBase).
    pub const BASE: u16 = 1;
    /// `OVS_NSH_KEY_ATTR_MD1`: [`NshMd1`](super::NshMd1).
    pub const MD1: u16 = 2;
    /// `OVS_NSH_KEY_ATTR_MD2`: context headers of variable length.
    pub const MD2: u16 = 3;
    /// `OVS_NSH_KEY_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = MD2;
}

/// Fragments in a key (`enum ovs_frag_type`).
pub mod frag {
    /// `OVS_FRAG_TYPE_NONE`: not a fragment.
    pub const NONE: u8 = 0;
    /// `OVS_FRAG_TYPE_FIRST`: the first one, with the transport header.
    pub const FIRST: u8 = 1;
    /// `OVS_FRAG_TYPE_LATER`: any other.
    pub const LATER: u8 = 2;
    /// `OVS_FRAG_TYPE_MAX`: the highest of all.
    pub const MAX: u8 = LATER;
}

/// Connection state; a u32 on the wire (`OVS_CS_F_*`).
pub mod ct_state {
    /// `OVS_CS_F_NEW`.
    pub const NEW: u8 = 0x01;
    /// `OVS_CS_F_ESTABLISHED`.
    pub const ESTABLISHED: u8 = 0x02;
    /// `OVS_CS_F_RELATED`.
    pub const RELATED: u8 = 0x04;
    /// `OVS_CS_F_REPLY_DIR`.
    pub const REPLY_DIR: u8 = 0x08;
    /// `OVS_CS_F_INVALID`.
    pub const INVALID: u8 = 0x10;
    /// `OVS_CS_F_TRACKED`.
    pub const TRACKED: u8 = 0x20;
    /// `OVS_CS_F_SRC_NAT`.
    pub const SRC_NAT: u8 = 0x40;
    /// `OVS_CS_F_DST_NAT`.
    pub const DST_NAT: u8 = 0x80;
    /// `OVS_CS_F_NAT_MASK`: either.
    pub const NAT_MASK: u8 = SRC_NAT | DST_NAT;
}

/// IPv6 extension headers of a packet (`enum ofp12_ipv6exthdr_flags`).
pub mod ipv6_exthdrs {
    /// `OFPIEH12_NONEXT`: no next header.
    pub const NONEXT: u16 = 1 << 0;
    /// `OFPIEH12_ESP`: encapsulated security payload.
    pub const ESP: u16 = 1 << 1;
    /// `OFPIEH12_AUTH`: authentication.
    pub const AUTH: u16 = 1 << 2;
    /// `OFPIEH12_DEST`: one or two destination options.
    pub const DEST: u16 = 1 << 3;
    /// `OFPIEH12_FRAG`: fragment.
    pub const FRAG: u16 = 1 << 4;
    /// `OFPIEH12_ROUTER`: routing.
    pub const ROUTER: u16 = 1 << 5;
    /// `OFPIEH12_HOP`: hop-by-hop options.
    pub const HOP: u16 = 1 << 6;
    /// `OFPIEH12_UNREP`: one came twice that should not.
    pub const UNREP: u16 = 1 << 7;
    /// `OFPIEH12_UNSEQ`: they came in another order than RFC 8200 recommends.
    pub const UNSEQ: u16 = 1 << 8;
}

/// Actions (`enum ovs_action_attr`).
pub mod action_attr {
    /// `OVS_ACTION_ATTR_OUTPUT`: u32, port number.
    pub const OUTPUT: u16 = 1;
    /// `OVS_ACTION_ATTR_USERSPACE`: nested [`userspace_attr`](super::userspace_attr).
    pub const USERSPACE: u16 = 2;
    /// `OVS_ACTION_ATTR_SET`: one [`key_attr`](super::key_attr).
    pub const SET: u16 = 3;
    /// `OVS_ACTION_ATTR_PUSH_VLAN`: [`PushVlan`](super::PushVlan).
    pub const PUSH_VLAN: u16 = 4;
    /// `OVS_ACTION_ATTR_POP_VLAN`: no payload.
    pub const POP_VLAN: u16 = 5;
    /// `OVS_ACTION_ATTR_SAMPLE`: nested [`sample_attr`](super::sample_attr).
    pub const SAMPLE: u16 = 6;
    /// `OVS_ACTION_ATTR_RECIRC`: u32, recirculation id.
    pub const RECIRC: u16 = 7;
    /// `OVS_ACTION_ATTR_HASH`: [`ActionHash`](super::ActionHash).
    pub const HASH: u16 = 8;
    /// `OVS_ACTION_ATTR_PUSH_MPLS`: [`PushMpls`](super::PushMpls).
    pub const PUSH_MPLS: u16 = 9;
    /// `OVS_ACTION_ATTR_POP_MPLS`: be16, ethertype.
    pub const POP_MPLS: u16 = 10;
    /// `OVS_ACTION_ATTR_SET_MASKED`: one [`key_attr`](super::key_attr), value and mask.
    pub const SET_MASKED: u16 = 11;
    /// `OVS_ACTION_ATTR_CT`: nested [`ct_attr`](super::ct_attr).
    pub const CT: u16 = 12;
    /// `OVS_ACTION_ATTR_TRUNC`: u32, maximal length in bytes.
    pub const TRUNC: u16 = 13;
    /// `OVS_ACTION_ATTR_PUSH_ETH`: [`PushEth`](super::PushEth).
    pub const PUSH_ETH: u16 = 14;
    /// `OVS_ACTION_ATTR_POP_ETH`: no payload.
    pub const POP_ETH: u16 = 15;
    /// `OVS_ACTION_ATTR_CT_CLEAR`: no payload.
    pub const CT_CLEAR: u16 = 16;
    /// `OVS_ACTION_ATTR_PUSH_NSH`: nested [`nsh_key_attr`](super::nsh_key_attr).
    pub const PUSH_NSH: u16 = 17;
    /// `OVS_ACTION_ATTR_POP_NSH`: no payload.
    pub const POP_NSH: u16 = 18;
    /// `OVS_ACTION_ATTR_METER`: u32, meter id.
    pub const METER: u16 = 19;
    /// `OVS_ACTION_ATTR_CLONE`: nested actions.
    pub const CLONE: u16 = 20;
    /// `OVS_ACTION_ATTR_CHECK_PKT_LEN`: nested [`check_pkt_len_attr`](super::check_pkt_len_attr).
    pub const CHECK_PKT_LEN: u16 = 21;
    /// `OVS_ACTION_ATTR_ADD_MPLS`: [`AddMpls`](super::AddMpls).
    pub const ADD_MPLS: u16 = 22;
    /// `OVS_ACTION_ATTR_DEC_TTL`: nested [`dec_ttl_attr`](super::dec_ttl_attr).
    pub const DEC_TTL: u16 = 23;
    /// `OVS_ACTION_ATTR_DROP`: u32, error code.
    pub const DROP: u16 = 24;
    /// `OVS_ACTION_ATTR_PSAMPLE`: nested [`psample_attr`](super::psample_attr).
    pub const PSAMPLE: u16 = 25;
    /// `OVS_ACTION_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = PSAMPLE;
}

/// Arguments of USERSPACE (`enum ovs_userspace_attr`).
pub mod userspace_attr {
    /// `OVS_USERSPACE_ATTR_PID`: u32, netlink port of the upcall.
    pub const PID: u16 = 1;
    /// `OVS_USERSPACE_ATTR_USERDATA`: bytes to hand back.
    pub const USERDATA: u16 = 2;
    /// `OVS_USERSPACE_ATTR_EGRESS_TUN_PORT`: u32, the port whose tunnel to tell.
    pub const EGRESS_TUN_PORT: u16 = 3;
    /// `OVS_USERSPACE_ATTR_ACTIONS`: flag, tell the flow's actions.
    pub const ACTIONS: u16 = 4;
    /// `OVS_USERSPACE_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = ACTIONS;
}

/// Arguments of SAMPLE (`enum ovs_sample_attr`).
pub mod sample_attr {
    /// `OVS_SAMPLE_ATTR_PROBABILITY`: u32, of 2^32 - 1.
    pub const PROBABILITY: u16 = 1;
    /// `OVS_SAMPLE_ATTR_ACTIONS`: nested actions.
    pub const ACTIONS: u16 = 2;
    /// `OVS_SAMPLE_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = ACTIONS;
}

/// Arguments of CHECK_PKT_LEN (`enum ovs_check_pkt_len_attr`).
pub mod check_pkt_len_attr {
    /// `OVS_CHECK_PKT_LEN_ATTR_PKT_LEN`: u16, length in bytes.
    pub const PKT_LEN: u16 = 1;
    /// `OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER`: nested actions.
    pub const ACTIONS_IF_GREATER: u16 = 2;
    /// `OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL`: nested actions.
    pub const ACTIONS_IF_LESS_EQUAL: u16 = 3;
    /// `OVS_CHECK_PKT_LEN_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = ACTIONS_IF_LESS_EQUAL;
}

/// Arguments of DEC_TTL (`enum ovs_dec_ttl_attr`).
pub mod dec_ttl_attr {
    /// `OVS_DEC_TTL_ATTR_ACTION`: nested actions for a packet out of lives.
    pub const ACTION: u16 = 1;
    /// `OVS_DEC_TTL_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = ACTION;
}

/// Arguments of PSAMPLE (`enum ovs_psample_attr`).
pub mod psample_attr {
    /// `OVS_PSAMPLE_ATTR_GROUP`: u32.
    pub const GROUP: u16 = 1;
    /// `OVS_PSAMPLE_ATTR_COOKIE`: up to [`COOKIE_MAX_SIZE`] bytes.
    pub const COOKIE: u16 = 2;
    /// `OVS_PSAMPLE_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = COOKIE;
    /// `OVS_PSAMPLE_COOKIE_MAX_SIZE`, in bytes.
    pub const COOKIE_MAX_SIZE: usize = 16;
}

/// Arguments of CT (`enum ovs_ct_attr`).
pub mod ct_attr {
    /// `OVS_CT_ATTR_COMMIT`: flag.
    pub const COMMIT: u16 = 1;
    /// `OVS_CT_ATTR_ZONE`: u16.
    pub const ZONE: u16 = 2;
    /// `OVS_CT_ATTR_MARK`: u32 value, u32 mask.
    pub const MARK: u16 = 3;
    /// `OVS_CT_ATTR_LABELS`: 16 bytes value, 16 bytes mask.
    pub const LABELS: u16 = 4;
    /// `OVS_CT_ATTR_HELPER`: string.
    pub const HELPER: u16 = 5;
    /// `OVS_CT_ATTR_NAT`: nested [`nat_attr`](super::nat_attr).
    pub const NAT: u16 = 6;
    /// `OVS_CT_ATTR_FORCE_COMMIT`: flag.
    pub const FORCE_COMMIT: u16 = 7;
    /// `OVS_CT_ATTR_EVENTMASK`: u32.
    pub const EVENTMASK: u16 = 8;
    /// `OVS_CT_ATTR_TIMEOUT`: string.
    pub const TIMEOUT: u16 = 9;
    /// `OVS_CT_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = TIMEOUT;
}

/// Arguments of CT's NAT (`enum ovs_nat_attr`).
pub mod nat_attr {
    /// `OVS_NAT_ATTR_SRC`: flag.
    pub const SRC: u16 = 1;
    /// `OVS_NAT_ATTR_DST`: flag.
    pub const DST: u16 = 2;
    /// `OVS_NAT_ATTR_IP_MIN`: 4 or 16 bytes.
    pub const IP_MIN: u16 = 3;
    /// `OVS_NAT_ATTR_IP_MAX`: 4 or 16 bytes.
    pub const IP_MAX: u16 = 4;
    /// `OVS_NAT_ATTR_PROTO_MIN`: u16.
    pub const PROTO_MIN: u16 = 5;
    /// `OVS_NAT_ATTR_PROTO_MAX`: u16.
    pub const PROTO_MAX: u16 = 6;
    /// `OVS_NAT_ATTR_PERSISTENT`: flag.
    pub const PERSISTENT: u16 = 7;
    /// `OVS_NAT_ATTR_PROTO_HASH`: flag.
    pub const PROTO_HASH: u16 = 8;
    /// `OVS_NAT_ATTR_PROTO_RANDOM`: flag.
    pub const PROTO_RANDOM: u16 = 9;
    /// `OVS_NAT_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = PROTO_RANDOM;
}

/// Algorithms of the HASH action (`enum ovs_hash_alg`).
pub mod hash_alg {
    /// `OVS_HASH_ALG_L4`: the packet's own hash.
    pub const L4: u32 = 0;
    /// `OVS_HASH_ALG_SYM_L4`: the same in both directions.
    pub const SYM_L4: u32 = 1;
}

/// Flags of [`AddMpls`](super::AddMpls).
pub mod mpls_tun_flags {
    /// `OVS_MPLS_L3_TUNNEL_FLAG_MASK`: push before the network header, not before the packet.
    pub const MASK: u16 = 1 << 0;
}

/// Attributes of a meter (`enum ovs_meter_attr`).
pub mod meter_attr {
    /// `OVS_METER_ATTR_ID`: u32.
    pub const ID: u16 = 1;
    /// `OVS_METER_ATTR_KBPS`: flag, units are kbit/s and not packets/s.
    pub const KBPS: u16 = 2;
    /// `OVS_METER_ATTR_STATS`: [`FlowStats`](super::FlowStats).
    pub const STATS: u16 = 3;
    /// `OVS_METER_ATTR_BANDS`: nested, each nested [`band_attr`](super::band_attr).
    pub const BANDS: u16 = 4;
    /// `OVS_METER_ATTR_USED`: u64, ms of the monotonic clock.
    pub const USED: u16 = 5;
    /// `OVS_METER_ATTR_CLEAR`: flag, reset the statistics.
    pub const CLEAR: u16 = 6;
    /// `OVS_METER_ATTR_MAX_METERS`: u32.
    pub const MAX_METERS: u16 = 7;
    /// `OVS_METER_ATTR_MAX_BANDS`: u32.
    pub const MAX_BANDS: u16 = 8;
    /// `OVS_METER_ATTR_PAD`.
    pub const PAD: u16 = 9;
    /// `OVS_METER_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = PAD;
}

/// Attributes of a meter band (`enum ovs_band_attr`).
pub mod band_attr {
    /// `OVS_BAND_ATTR_TYPE`: u32 of [`band_type`](super::band_type).
    pub const TYPE: u16 = 1;
    /// `OVS_BAND_ATTR_RATE`: u32.
    pub const RATE: u16 = 2;
    /// `OVS_BAND_ATTR_BURST`: u32.
    pub const BURST: u16 = 3;
    /// `OVS_BAND_ATTR_STATS`: [`FlowStats`](super::FlowStats).
    pub const STATS: u16 = 4;
    /// `OVS_BAND_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = STATS;
}

/// Kinds of meter bands (`enum ovs_meter_band_type`).
pub mod band_type {
    /// `OVS_METER_BAND_TYPE_DROP`: drop what exceeds the rate.
    pub const DROP: u32 = 1;
}

/// Attributes of connection limits (`enum ovs_ct_limit_attr`).
pub mod ct_limit_attr {
    /// `OVS_CT_LIMIT_ATTR_ZONE_LIMIT`: array of [`ZoneLimit`](super::ZoneLimit).
    pub const ZONE_LIMIT: u16 = 1;
    /// `OVS_CT_LIMIT_ATTR_MAX`: the highest of all.
    pub const MAX: u16 = ZONE_LIMIT;
}
