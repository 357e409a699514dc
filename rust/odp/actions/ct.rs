// SPDX-License-Identifier: GPL-2.0

//! Connection tracking and address translation.

use super::super::{
    key::Be16,
    uapi::CtLabels, //
};
use core::ffi::CStr;

/// The protocol family of a connection, by the flow's ethertype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `NFPROTO_IPV4`.
    Ipv4,
    /// `NFPROTO_IPV6`.
    Ipv6,
}

/// What to do with the addresses of a connection (`enum ovs_ct_nat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatKind {
    /// Translate as the connection was committed to be.
    Existing,
    /// Besides, translate the source of new connections.
    Source,
    /// Besides, translate the destination of new connections.
    Destination,
}

/// Address translation (`struct nf_nat_range2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat {
    /// What to translate.
    pub kind: NatKind,
    /// `NF_NAT_RANGE_*`.
    pub flags: u32,
    /// The lowest address; of IPv4, in the first four bytes.
    pub min_addr: [u8; 16],
    /// The highest address.
    pub max_addr: [u8; 16],
    /// The lowest port.
    pub min_proto: Be16,
    /// The highest port.
    pub max_proto: Be16,
}

/// The arguments of CT (`struct ovs_conntrack_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ct<'a> {
    /// By the flow's ethertype.
    pub family: Family,
    /// The flow's IP protocol, for helper and timeout.
    pub proto: u8,
    /// Commit the connection.
    pub commit: bool,
    /// Delete a connection of the other direction first.
    pub force: bool,
    /// The zone.
    pub zone: u16,
    /// The mark to set, with its mask.
    pub mark: Option<[u32; 2]>,
    /// The labels to set, with their mask.
    pub labels: Option<[CtLabels; 2]>,
    /// The name of the helper.
    pub helper: Option<&'a CStr>,
    /// The events to report (`1 << IPCT_*`).
    pub eventmask: Option<u32>,
    /// The name of the timeout policy. C accepts the action when there is no such policy.
    pub timeout: Option<&'a CStr>,
    /// Address translation.
    pub nat: Option<Nat>,
}
