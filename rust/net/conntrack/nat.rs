// SPDX-License-Identifier: GPL-2.0

//! Translating addresses.
//!
//! C header: [`include/net/netfilter/nf_nat.h`](srctree/include/net/netfilter/nf_nat.h)

use super::{
    bindings,
    packet::{
        filter,
        Filtered, //
    },
    Version, //
};
use crate::{
    net::skbuff::SkBuff,
    sync::bh::Bh, //
};
use kernel::prelude::*;

/// What was translated of a packet, or is to be.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manip {
    /// Its source.
    pub(crate) source: bool,
    /// Its destination.
    pub(crate) destination: bool,
}

impl Manip {
    const SOURCE: c_int = 1 << bindings::nf_nat_manip_type_NF_NAT_MANIP_SRC;
    const DESTINATION: c_int = 1 << bindings::nf_nat_manip_type_NF_NAT_MANIP_DST;

    fn to_raw(self) -> c_int {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.source, Self::SOURCE) | bit(self.destination, Self::DESTINATION)
    }

    fn from_raw(bits: c_int) -> Self {
        Self {
            source: bits & Self::SOURCE != 0,
            destination: bits & Self::DESTINATION != 0,
        }
    }
}

/// Addresses and ports to choose from (`struct nf_nat_range2`).
pub(crate) struct NatRange(bindings::nf_nat_range2);

impl NatRange {
    /// Makes a range.
    ///
    /// `flags` are `NF_NAT_RANGE_*`; of IPv4 addresses the first four bytes count.
    pub(crate) fn new(
        version: Version,
        flags: u32,
        addresses: [[u8; 16]; 2],
        ports: [[u8; 2]; 2],
    ) -> Self {
        let address = |bytes: [u8; 16]| {
            let mut words: [u32; 4] = zerocopy::transmute!(bytes);
            if version == Version::V4 {
                words = [words[0], 0, 0, 0];
            }
            bindings::nf_inet_addr { all: words }
        };
        let port = |bytes: [u8; 2]| bindings::nf_conntrack_man_proto {
            all: u16::from_ne_bytes(bytes),
        };
        Self(bindings::nf_nat_range2 {
            flags,
            min_addr: address(addresses[0]),
            max_addr: address(addresses[1]),
            min_proto: port(ports[0]),
            max_proto: port(ports[1]),
            ..pin_init::zeroed()
        })
    }
}

impl SkBuff {
    /// Translates the packet as its connection was, or is now, set up to be.
    ///
    /// A new connection is set up for `wanted` with `range`; `commit`: it will be confirmed. Returns
    /// what was translated.
    pub(crate) fn translate(
        self,
        wanted: Manip,
        range: &NatRange,
        commit: bool,
        _: Bh<'_>,
    ) -> Result<(Self, Manip), super::Refusal> {
        let mut action = wanted.to_raw();
        let Some(ct) = self.connection() else {
            return Ok((self, Manip::default()));
        };
        // SAFETY: Packet, connection and range are valid. A connection that is not confirmed is not
        // shared.
        let verdict = unsafe {
            bindings::nf_ct_nat(
                self.as_ptr(),
                ct.as_ptr(),
                ct.info,
                &mut action,
                &range.0,
                commit,
            )
        };
        let filtered: Filtered = filter(self, verdict);
        Ok((filtered?, Manip::from_raw(action)))
    }
}
