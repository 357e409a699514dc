// SPDX-License-Identifier: GPL-2.0

//! The operations of a compiled program.

use super::super::{
    key::{
        Be16,
        Be32,
        Vlan, //
    },
    uapi::{
        KeyEthernet,
        KeyIpv4,
        KeyIpv6,
        KeyPorts, //
    },
};
use super::upcall::UserspaceHeader;
use core::marker::PhantomData;

/// The place of a `T` in the data of a program, see [`Program::get`](super::Program::get).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<T> {
    word: u32,
    what: PhantomData<T>,
}

impl<T> At<T> {
    pub(super) const fn new(word: u32) -> Self {
        Self {
            word,
            what: PhantomData,
        }
    }

    pub(super) const fn word(self) -> u32 {
        self.word
    }
}

/// Stands for bytes, whose number is told elsewhere, in an [`At`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes;

/// How the HASH action computes a packet's hash (`enum ovs_hash_alg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlg {
    /// The packet's own hash (`skb_get_hash()`).
    L4,
    /// The same in both directions of a connection (`__skb_get_hash_symmetric()`).
    SymL4,
}

/// One operation.
///
/// `body` is a number of operations that follow and are a list of their own, to be split off by
/// [`List::take`](super::List::take). `in_place` says that the packet's key need not be copied for
/// that list, since it does not change it or nobody looks at it afterwards. `last` says that the
/// operation ends its list.
///
/// An array of two holds value and mask: the bits set in the mask are to be set to those of the
/// value. No bit is set in a value that is not set in the mask, unless the mask is all ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Send the packet out of a port.
    Output {
        /// The port.
        port: u16,
        /// Ends the list.
        last: bool,
    },
    /// Send only so much to the next port, user space or sample group.
    Trunc {
        /// Length in bytes, at least that of an Ethernet header.
        max_len: u32,
    },
    /// Send the packet to user space.
    Userspace {
        /// See [`Program::userspace`](super::Program::userspace).
        at: At<UserspaceHeader>,
        /// Ends the list.
        last: bool,
    },
    /// Look the packet up again.
    Recirc {
        /// The recirculation id to look it up with.
        id: u32,
        /// Ends the list.
        last: bool,
    },
    /// Compute `dp_hash`.
    Hash {
        /// How.
        alg: HashAlg,
        /// What to mix in.
        basis: u32,
    },
    /// Drop the packet if the meter, should there be one, says so.
    Meter {
        /// The meter.
        id: u32,
    },
    /// Push a VLAN tag.
    PushVlan {
        /// The tag, [`VLAN_TAG_PRESENT`](super::super::key::VLAN_TAG_PRESENT) set.
        vlan: Vlan,
    },
    /// Pop the outermost VLAN tag.
    PopVlan,
    /// Push an MPLS label stack entry in front of the network header, or of the packet.
    PushMpls {
        /// The entry.
        lse: Be32,
        /// The packet's ethertype from now on: 0x8847 or 0x8848.
        eth_type: Be16,
        /// In front of the network header, behind the Ethernet header if there is one. Else in
        /// front of the whole packet, which from now on has no Ethernet header.
        l3: bool,
    },
    /// Pop an MPLS label stack entry.
    PopMpls {
        /// The packet's ethertype from now on; with 0x6558 an Ethernet header comes to light.
        eth_type: Be16,
    },
    /// Push an Ethernet header.
    PushEth {
        /// Its addresses.
        addresses: KeyEthernet,
    },
    /// Pop the Ethernet header.
    PopEth,
    /// Push a Network Service Header.
    PushNsh {
        /// The header as it is on the wire, see [`Program::bytes`](super::Program::bytes).
        at: At<Bytes>,
        /// Its length in bytes: a multiple of four, at most 252.
        len: u8,
    },
    /// Pop the Network Service Header.
    PopNsh,
    /// Set `skb->priority`.
    SetPriority {
        /// Value and mask.
        masked: [u32; 2],
    },
    /// Set `skb->mark`.
    SetSkbMark {
        /// Value and mask.
        masked: [u32; 2],
    },
    /// Set Ethernet addresses.
    SetEthernet {
        /// Value and mask.
        at: At<[KeyEthernet; 2]>,
    },
    /// Set fields of the IPv4 header. The mask's `proto` and `frag` are to be ignored.
    SetIpv4 {
        /// Value and mask.
        at: At<[KeyIpv4; 2]>,
    },
    /// Set fields of the IPv6 header. The mask's `proto` and `frag` are to be ignored.
    SetIpv6 {
        /// Value and mask.
        at: At<[KeyIpv6; 2]>,
    },
    /// Set ports of the TCP header.
    SetTcp {
        /// Value and mask.
        masked: [KeyPorts; 2],
    },
    /// Set ports of the UDP header.
    SetUdp {
        /// Value and mask.
        masked: [KeyPorts; 2],
    },
    /// Set ports of the SCTP header.
    SetSctp {
        /// Value and mask.
        masked: [KeyPorts; 2],
    },
    /// Set the outermost MPLS label stack entry.
    SetMpls {
        /// Value and mask.
        masked: [Be32; 2],
    },
    /// Send the packet through a tunnel.
    SetTunnel {
        /// What [`Sink::tunnel`](super::Sink::tunnel) returned.
        index: u32,
    },
    /// Set the connection mark or labels of the key: always fails with `EINVAL`, as in C.
    SetConnection,
    /// Pass the packet through connection tracking.
    Ct {
        /// What [`Sink::ct`](super::Sink::ct) returned.
        index: u32,
    },
    /// Forget the packet's connection.
    CtClear,
    /// Execute a list, now and then, for a copy of the packet.
    Sample {
        /// How often, of 2^32 - 1; zero: never.
        probability: u32,
        /// The list's length.
        body: u32,
        /// The key need not be copied.
        in_place: bool,
        /// Ends the list.
        last: bool,
    },
    /// Execute a list for a copy of the packet.
    Clone {
        /// The list's length.
        body: u32,
        /// The key need not be copied.
        in_place: bool,
        /// Ends the list.
        last: bool,
    },
    /// Execute one of two lists for a copy of the packet. Both have to be taken, in this order.
    CheckPktLen {
        /// A length in bytes, not zero.
        pkt_len: u16,
        /// The key need not be copied for the list for smaller packets.
        less_equal_in_place: bool,
        /// The key need not be copied for the list for larger packets.
        greater_in_place: bool,
        /// Ends the list.
        last: bool,
        /// The length of the list for packets of at most `pkt_len`.
        less_equal: u32,
        /// The length of the list for larger packets.
        greater: u32,
    },
    /// Decrement the time to live. Where it runs out, execute a list instead of what is left of
    /// this one, in place, or drop the packet if that list is empty.
    DecTtl {
        /// The list's length.
        body: u32,
    },
    /// Drop the packet; ends the list.
    Drop {
        /// Because of an error.
        with_error: bool,
    },
    /// Send the packet to a sample group.
    Psample {
        /// The group.
        group: u32,
        /// The cookie, see [`Program::bytes`](super::Program::bytes).
        cookie: At<Bytes>,
        /// The cookie's length, at most 16; zero: no cookie.
        cookie_len: u8,
        /// Ends the list.
        last: bool,
    },
}

const _: () = assert!(size_of::<Op>() <= 16);
