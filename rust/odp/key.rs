// SPDX-License-Identifier: GPL-2.0

//! The flow key: what the datapath knows of a packet, and what a flow matches on.
//!
//! Corresponds to `struct sw_flow_key` of the C module, but is laid out for the classifier: an
//! array of 64-bit words in which related fields share a word, the fields that nearly every flow
//! matches come first, and no two protocols share bytes. A mask is a `Key` as well: a set bit is a
//! bit that must match.
//!
//! Fields named `Be16`, `Be32` and `Be64` are in network byte order, all others in host byte order.
//! A field that does not apply to a packet is zero.

use super::headers::{
    ethertype,
    ipproto,
    nd, //
};
use zerocopy::byteorder::big_endian::{
    U16,
    U32,
    U64, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// 16 bits in network byte order.
pub type Be16 = U16;
/// 32 bits in network byte order.
pub type Be32 = U32;
/// 64 bits in network byte order.
pub type Be64 = U64;

/// The port number of no port at all (`USHRT_MAX` in the C module).
pub const PORT_NONE: u16 = 0xffff;

/// The most MPLS labels a key holds.
pub const MPLS_LABELS: usize = 3;

/// The most bytes of tunnel options a key holds.
pub const TUN_OPTS_LEN: usize = 255;

/// The bit of a TCI that says that a tag is there; on the wire it is the CFI or DEI bit.
pub const VLAN_TAG_PRESENT: u16 = 0x1000;

/// One VLAN tag. `tci` has [`VLAN_TAG_PRESENT`] set when there is a tag.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Vlan {
    /// The ethertype of the tag: 0x8100 or 0x88a8.
    pub tpid: Be16,
    /// Priority, presence bit, and VLAN id.
    pub tci: Be16,
}

/// Whether a packet starts with an Ethernet header (`mac_proto` of a key).
pub mod mac_proto {
    /// No: it starts with the network header.
    pub const NONE: u8 = 0;
    /// Yes.
    pub const ETHERNET: u8 = 1;
}

/// What part of a datagram a packet holds (`enum ovs_frag_type`, `ip_frag` of a key).
pub mod frag {
    /// Not a fragment.
    pub const NONE: u8 = 0;
    /// The first fragment, with the transport header.
    pub const FIRST: u8 = 1;
    /// A later fragment.
    pub const LATER: u8 = 2;
}

/// The tunnel part of a key (`struct ip_tunnel_key` and the options of the tunnel header).
///
/// [`Key::tun_proto`] tells which of the addresses apply; when it is zero, all of this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tunnel {
    /// The tunnel id: VNI, GRE key.
    pub id: Be64,
    /// The outer IPv4 source address.
    pub ipv4_src: Be32,
    /// The outer IPv4 destination address.
    pub ipv4_dst: Be32,
    /// The outer IPv6 source address.
    pub ipv6_src: [u8; 16],
    /// The outer IPv6 destination address.
    pub ipv6_dst: [u8; 16],
    /// What the tunnel header says, as [`tun_flags`].
    pub flags: u16,
    /// The outer type of service or traffic class.
    pub tos: u8,
    /// The outer time to live or hop limit.
    pub ttl: u8,
    /// The outer transport source port.
    pub tp_src: Be16,
    /// The outer transport destination port.
    pub tp_dst: Be16,
    /// The outer IPv6 flow label.
    pub label: Be32,
    /// The bytes used in `opts`. In a mask: 0xff when options are matched.
    pub opts_len: u8,
    /// Always zero.
    pub pad: [u8; 3],
    /// The options, from the first byte on.
    pub opts: [u8; TUN_OPTS_LEN + 1],
}

/// The bits of [`Tunnel::flags`]. They never leave the datapath as such.
pub mod tun_flags {
    /// `tunnel id` is there.
    pub const KEY: u16 = 1 << 0;
    /// Do not fragment the outer packet.
    pub const DONT_FRAGMENT: u16 = 1 << 1;
    /// Checksum the outer packet.
    pub const CSUM: u16 = 1 << 2;
    /// Geneve's OAM bit.
    pub const OAM: u16 = 1 << 3;
    /// The options are Geneve's TLVs.
    pub const GENEVE_OPT: u16 = 1 << 4;
    /// The options are the VXLAN group policy.
    pub const VXLAN_OPT: u16 = 1 << 5;
    /// The options are ERSPAN metadata.
    pub const ERSPAN_OPT: u16 = 1 << 6;
    /// The packet goes through a bridge between tunnels (`IP_TUNNEL_INFO_BRIDGE`).
    pub const INFO_BRIDGE: u16 = 1 << 7;
}

/// The Network Service Header in a key (`struct ovs_key_nsh`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Nsh {
    /// Flags.
    pub flags: u8,
    /// Time to live.
    pub ttl: u8,
    /// Metadata type: 1 for fixed length.
    pub mdtype: u8,
    /// Next protocol.
    pub np: u8,
    /// Service path id and service index.
    pub path_hdr: Be32,
    /// The four context headers of metadata type 1.
    pub context: [Be32; 4],
}

/// A flow key, or the mask of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(8))]
pub struct Key {
    // Word 0: matched exactly by nearly every flow.
    /// The recirculation id; zero for a packet that has just come in.
    pub recirc_id: u32,
    /// The port the packet came in by, or [`PORT_NONE`].
    pub in_port: u16,
    /// The ethertype after the VLAN tags; 0x0004 (`ETH_P_802_2`) for a frame that has none.
    pub eth_type: Be16,

    // Word 1.
    /// The IP protocol; of ARP, the lower eight bits of the opcode.
    pub ip_proto: u8,
    /// One of [`frag`].
    pub ip_frag: u8,
    /// Type of service or traffic class.
    pub ip_tos: u8,
    /// Time to live or hop limit.
    pub ip_ttl: u8,
    /// One of [`mac_proto`].
    pub mac_proto: u8,
    /// `AF_INET` (2) or `AF_INET6` (10) when the packet came out of a tunnel, else zero.
    pub tun_proto: u8,
    /// Connection state (`OVS_CS_F_*`).
    pub ct_state: u8,
    /// The IP protocol of the connection's original direction; zero: no original tuple.
    pub ct_orig_proto: u8,

    // Words 2 and 3.
    /// Ethernet destination.
    pub eth_dst: [u8; 6],
    /// Ethernet source.
    pub eth_src: [u8; 6],
    /// The outer VLAN tag.
    pub vlan: Vlan,

    // Word 4.
    /// TCP flags, 12 bits.
    pub tcp_flags: Be16,
    /// IPv6 extension headers seen (`OFPIEH12_*`).
    pub ipv6_exthdrs: u16,
    /// IPv6 flow label, 20 bits.
    pub ipv6_label: Be32,

    // Word 5.
    /// IPv4 source, or the sender's protocol address in ARP.
    pub ipv4_src: Be32,
    /// IPv4 destination, or the target's protocol address in ARP.
    pub ipv4_dst: Be32,

    // Word 6.
    /// Transport source port; of ICMP and ICMPv6, the type.
    pub tp_src: Be16,
    /// Transport destination port; of ICMP and ICMPv6, the code.
    pub tp_dst: Be16,
    /// The inner VLAN tag, which every mask from user space matches.
    pub cvlan: Vlan,

    // Word 7.
    /// `skb->priority`.
    pub priority: u32,
    /// `skb->mark`.
    pub skb_mark: u32,

    // Word 8.
    /// The datapath's hash, set by the HASH action.
    pub dp_hash: u32,
    /// Connection mark.
    pub ct_mark: u32,

    // Word 9.
    /// Connection tracking zone.
    pub ct_zone: u16,
    /// Source port of the connection's original direction.
    pub ct_orig_tp_src: Be16,
    /// Destination port of the connection's original direction.
    pub ct_orig_tp_dst: Be16,
    /// Always zero.
    pub pad9: u16,

    // Words 10 to 12.
    /// IPv4 source of the connection's original direction.
    pub ct_orig_ipv4_src: Be32,
    /// IPv4 destination of the connection's original direction.
    pub ct_orig_ipv4_dst: Be32,
    /// Connection labels.
    pub ct_labels: [u8; 16],

    // Words 13 to 16.
    /// IPv6 source.
    pub ipv6_src: [u8; 16],
    /// IPv6 destination.
    pub ipv6_dst: [u8; 16],

    // Words 17 to 20.
    /// The target of a neighbour discovery message.
    pub nd_target: [u8; 16],
    /// Source link-layer address option of ND, or the sender's hardware address in ARP.
    pub nd_sll: [u8; 6],
    /// Target link-layer address option of ND, or the target's hardware address in ARP.
    pub nd_tll: [u8; 6],
    /// The outermost MPLS label stack entry.
    pub mpls_lse0: Be32,

    // Words 21 and 22.
    /// The second and third MPLS label stack entry.
    pub mpls_lse12: [Be32; MPLS_LABELS - 1],
    /// A bit for each of the labels that is there (`num_labels_mask`).
    pub mpls_labels: u32,
    /// Always zero.
    pub pad22: u32,

    // Words 23 to 26.
    /// IPv6 source of the connection's original direction.
    pub ct_orig_ipv6_src: [u8; 16],
    /// IPv6 destination of the connection's original direction.
    pub ct_orig_ipv6_dst: [u8; 16],

    // Words 27 to 29.
    /// The Network Service Header.
    pub nsh: Nsh,

    // From word 30 on.
    /// The tunnel the packet came out of.
    pub tun: Tunnel,
}

/// The 64-bit words of a [`Key`].
pub const WORDS: usize = size_of::<Key>() / 8;

/// The words of a [`Key`] before the tunnel.
pub const BASE_WORDS: usize = core::mem::offset_of!(Key, tun) / 8;

const _: () = assert!(size_of::<Key>() % 8 == 0);
const _: () = assert!(BASE_WORDS == 30);

impl Key {
    /// A key in which every field is zero.
    pub const ZERO: Self = zerocopy::transmute!([0u64; WORDS]);

    /// The words of the key.
    pub const fn words(&self) -> &[u64; WORDS] {
        zerocopy::transmute_ref!(self)
    }

    /// The words of the key, to be changed.
    pub fn words_mut(&mut self) -> &mut [u64; WORDS] {
        zerocopy::transmute_mut!(self)
    }

    /// The key a mask leaves of this one.
    pub fn masked(&self, mask: &Self) -> Self {
        let mut masked = Self::ZERO;
        masked.set_masked(self, mask);
        masked
    }

    /// Makes this what a mask leaves of a key.
    pub fn set_masked(&mut self, key: &Self, mask: &Self) {
        let words = key.words().iter().zip(mask.words());
        for (to, (key, mask)) in self.words_mut().iter_mut().zip(words) {
            *to = key & mask;
        }
    }

    /// Whether this is ICMPv6 of a type that has the fields of neighbour discovery, with any code.
    pub const fn has_nd_type(&self) -> bool {
        const SOLICITATION: u16 = nd::SOLICITATION as u16;
        const ADVERTISEMENT: u16 = nd::ADVERTISEMENT as u16;
        self.eth_type.get() == ethertype::IPV6
            && self.ip_proto == ipproto::ICMPV6
            && matches!(self.tp_src.get(), SOLICITATION | ADVERTISEMENT)
    }

    /// Whether this is neighbour discovery (`sw_flow_key_is_nd()`).
    pub const fn is_nd(&self) -> bool {
        self.has_nd_type() && self.tp_dst.get() == 0
    }

    /// The sender's hardware address in ARP.
    pub const fn arp_sha(&self) -> &[u8; 6] {
        &self.nd_sll
    }

    /// The target's hardware address in ARP.
    pub const fn arp_tha(&self) -> &[u8; 6] {
        &self.nd_tll
    }

    /// The MPLS label stack entries.
    pub const fn mpls_lse(&self) -> [Be32; MPLS_LABELS] {
        [self.mpls_lse0, self.mpls_lse12[0], self.mpls_lse12[1]]
    }

    /// Sets the MPLS label stack entries.
    pub fn set_mpls_lse(&mut self, lse: [Be32; MPLS_LABELS]) {
        let [first, second, third] = lse;
        self.mpls_lse0 = first;
        self.mpls_lse12 = [second, third];
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::ZERO
    }
}
