// SPDX-License-Identifier: GPL-2.0

//! Which attributes a key must have, and which a mask may have.

use super::super::error::{
    Errno,
    Error, //
};
use super::super::headers::{
    ethertype,
    ipproto, //
};
use super::super::key::{
    frag,
    Key, //
};
use super::super::nlattr::Attr;
use super::super::uapi::key_attr;
use super::fields::{
    bit,
    kind,
    lowest,
    Fields, //
};

/// The attributes that a mask may have only when the key is of their protocol.
const PROTOCOLS: u64 = bit(key_attr::IPV4)
    | bit(key_attr::CT_ORIG_TUPLE_IPV4)
    | bit(key_attr::IPV6)
    | bit(key_attr::CT_ORIG_TUPLE_IPV6)
    | bit(key_attr::TCP)
    | bit(key_attr::TCP_FLAGS)
    | bit(key_attr::UDP)
    | bit(key_attr::SCTP)
    | bit(key_attr::ICMP)
    | bit(key_attr::ICMPV6)
    | bit(key_attr::ARP)
    | bit(key_attr::ND)
    | bit(key_attr::MPLS)
    | bit(key_attr::NSH);

/// The attributes that a mask may have even if the key has not.
const ALWAYS: u64 = bit(key_attr::TUNNEL) | bit(key_attr::IN_PORT) | bit(key_attr::ETHERTYPE);

/// The attributes of the protocols of a key, by layer.
#[derive(Default)]
struct Layers {
    /// Those of the ethertype, which a key must have.
    network: u64,
    /// The original direction of a connection of this ethertype, which a key may have.
    tuple: u64,
    /// Those of the protocol over IP, which a key must have.
    transport: u64,
    /// Neighbour discovery, which a key must have.
    nd: u64,
}

impl Layers {
    fn of(key: &Key) -> Self {
        let eth_type = key.eth_type.get();
        let (network, tuple) = match eth_type {
            ethertype::IPV4 => (key_attr::IPV4, key_attr::CT_ORIG_TUPLE_IPV4),
            ethertype::IPV6 => (key_attr::IPV6, key_attr::CT_ORIG_TUPLE_IPV6),
            ethertype::ARP | ethertype::RARP => return Self::network(key_attr::ARP),
            ethertype::MPLS | ethertype::MPLS_MC => return Self::network(key_attr::MPLS),
            ethertype::NSH => return Self::network(key_attr::NSH),
            _ => return Self::default(),
        };
        let mut layers = Self {
            tuple: bit(tuple),
            ..Self::network(network)
        };
        if key.ip_frag == frag::LATER {
            return layers;
        }
        layers.transport = match (key.ip_proto, eth_type) {
            (ipproto::TCP, _) => bit(key_attr::TCP) | bit(key_attr::TCP_FLAGS),
            (ipproto::UDP, _) => bit(key_attr::UDP),
            (ipproto::SCTP, _) => bit(key_attr::SCTP),
            (ipproto::ICMP, ethertype::IPV4) => bit(key_attr::ICMP),
            (ipproto::ICMPV6, ethertype::IPV6) => bit(key_attr::ICMPV6),
            _ => 0,
        };
        if key.has_nd_type() {
            // The C module keeps both in the same bytes.
            layers.tuple = 0;
            layers.nd = bit(key_attr::ND);
        }
        layers
    }

    fn network(kind: u16) -> Self {
        Self {
            network: bit(kind),
            ..Self::default()
        }
    }
}

/// Checks that a key has the attributes in `attrs` that its protocols need.
pub(super) fn key<'a>(key: &Key, attrs: u64, nest: Attr<'a>) -> Result<(), Error<'a>> {
    let layers = Layers::of(key);
    let missing = (layers.network | layers.transport | layers.nd) & !attrs;
    match kind(lowest(missing)) {
        Some(kind) if missing != 0 => Err(Error::invalid(&nest, kind.missing)),
        _ => Ok(()),
    }
}

/// Checks that a mask, of which `fields` were, has no attributes that the key has not, and matches
/// exactly the types that decide what other attributes mean.
pub(super) fn mask<'a>(
    key: &Key,
    mask: &Key,
    key_attrs: u64,
    mask_attrs: u64,
    fields: &Fields<'a>,
) -> Result<(), Error<'a>> {
    let layers = Layers::of(key);
    let mut allowed = (key_attrs & !PROTOCOLS) | ALWAYS;
    if mask.eth_type.get() == 0xffff {
        allowed |= layers.network | layers.tuple;
    }
    if mask.ip_proto == 0xff {
        allowed |= layers.transport;
    }
    if mask.tp_src.get() == 0xff {
        allowed |= layers.nd;
    }
    let refused = mask_attrs & !allowed;
    if refused == 0 {
        return Ok(());
    }
    let number = lowest(refused);
    match (kind(number), fields.last(number)) {
        (Some(kind), Some(attr)) => Err(Error::invalid(&attr, kind.bad_mask)),
        _ => Err(Error::new(Errno::EINVAL, c"the mask does not fit the key")),
    }
}
