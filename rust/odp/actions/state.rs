// SPDX-License-Identifier: GPL-2.0

//! What is known of a packet between two actions of a list.

use super::super::key::{
    mac_proto,
    Key,
    VLAN_TAG_PRESENT, //
};

/// Ethertypes (`ETH_P_*`).
pub(super) mod eth_p {
    pub(crate) const IP: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const TEB: u16 = 0x6558;
    pub(crate) const RARP: u16 = 0x8035;
    pub(crate) const VLAN_8021Q: u16 = 0x8100;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const MPLS_UC: u16 = 0x8847;
    pub(crate) const MPLS_MC: u16 = 0x8848;
    pub(crate) const VLAN_8021AD: u16 = 0x88a8;
    pub(crate) const NSH: u16 = 0x894f;

    pub(crate) const fn is_mpls(eth_type: u16) -> bool {
        matches!(eth_type, MPLS_UC | MPLS_MC)
    }

    pub(crate) const fn is_vlan(eth_type: u16) -> bool {
        matches!(eth_type, VLAN_8021Q | VLAN_8021AD)
    }
}

/// What all packets of the flow have in common after the actions so far.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The ethertype, in host byte order; zero: not known.
    pub(super) eth_type: u16,
    /// There is a VLAN tag.
    pub(super) vlan: bool,
    /// There is an Ethernet header.
    pub(super) ethernet: bool,
    /// How many MPLS labels are known to be there. Popping one that is not known goes below zero,
    /// where no count ends a stack.
    pub(super) mpls_labels: u32,
}

impl State {
    pub(super) fn new(key: &Key) -> Self {
        let eth_type = key.eth_type.get();
        Self {
            eth_type,
            vlan: key.vlan.tci.get() & VLAN_TAG_PRESENT != 0,
            ethernet: key.mac_proto == mac_proto::ETHERNET,
            mpls_labels: if eth_p::is_mpls(eth_type) {
                key.mpls_labels.count_ones()
            } else {
                0
            },
        }
    }

    /// At the start of a list that belongs to an action.
    ///
    /// The C module takes the Ethernet header to be there as when the packet came in, whatever was
    /// pushed or popped in front of the list. User space knows it that way.
    pub(super) fn nested(&self, key: &Key) -> Self {
        Self {
            ethernet: key.mac_proto == mac_proto::ETHERNET,
            ..*self
        }
    }

    /// Whether MPLS labels may be put in front of the network header: not where the order of tags
    /// would be ambiguous.
    pub(super) const fn can_push_mpls(&self) -> bool {
        !self.vlan
            && matches!(
                self.eth_type,
                eth_p::IP
                    | eth_p::IPV6
                    | eth_p::ARP
                    | eth_p::RARP
                    | eth_p::MPLS_UC
                    | eth_p::MPLS_MC
            )
    }
}
