// SPDX-License-Identifier: GPL-2.0

//! Flow keys and masks as netlink attributes (`OVS_KEY_ATTR_*`), both ways.
//!
//! Corresponds to the part of `flow_netlink.c` in the C module that deals with keys. What it
//! accepts and refuses is part of the interface, since user space finds out what a datapath can do
//! by trying; so this accepts the same attributes, to the same effect, and says of those it refuses
//! which and why.
//!
//! In the C module the fields of several protocols share bytes of the key. Here they do not, and
//! where attributes of two such protocols come in one key, which makes no flow that any packet
//! could match on purpose, the ones that do not belong to the ethertype are stored and never
//! matched.

mod fields;
mod key;
mod nsh;
mod put;
mod tunnel;
mod validate;
mod vlan;

use super::error::Error;
use super::headers::ethertype;
use super::key::Key;
use super::nlattr::Attr;
use super::uapi::key_attr;
use core::ffi::CStr;
use fields::{
    Fields,
    Source, //
};

pub use put::{
    put_key,
    put_tunnel,
    KEY_ATTR_MAX_SIZE,
    TUNNEL_ATTR_MAX_SIZE, //
};
pub use tunnel::parse_tunnel;

/// A flow key with its mask, as a request gives them.
///
/// The key is not masked yet. This is large: it is filled through a reference.
#[derive(Clone, Debug, PartialEq, Eq, zerocopy_derive::FromZeros)]
pub struct Match {
    /// What to match.
    pub key: Key,
    /// The bits of it that count.
    pub mask: Key,
}

impl Match {
    /// A match in which everything is zero.
    pub const ZERO: Self = Self {
        key: Key::ZERO,
        mask: Key::ZERO,
    };
}

/// What this kernel can match on, of what depends on its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// Connection labels can be used in this network namespace.
    pub ct_labels: bool,
}

impl Support {
    /// Everything.
    pub const ALL: Self = Self { ct_labels: true };
}

/// Parses the key of a flow and its mask.
///
/// Without a mask, the flow matches exactly the fields that the key has attributes for; a mask of
/// all zeroes for a field is as good as none. Corresponds to `ovs_nla_get_match()`.
///
/// # Errors
///
/// `EINVAL` with a text and the attribute at fault. `to` then is in no particular state.
pub fn parse_match<'a>(
    to: &mut Match,
    key_nest: Attr<'a>,
    mask_nest: Option<Attr<'a>>,
    support: Support,
) -> Result<(), Error<'a>> {
    let Match { key, mask } = to;
    let mut fields = Fields::new(Source::Key);
    let key_attrs = parse_key_fields(key, key_nest, support, &mut fields)?;

    mask.clone_from(&Key::ZERO);
    fields.restart(match mask_nest {
        Some(_) => Source::Mask,
        None => Source::Exact,
    });
    if mask_nest.is_none() && key.tun_proto != 0 {
        // User space leaves out what is zero in a tunnel, but does not mean that any value will do.
        tunnel::match_all(&mut mask.tun);
    }
    fields.collect(mask_nest.unwrap_or(key_nest))?;
    vlan::parse_mask(&mut fields, mask, key)?;
    let mask_attrs = fields.present();
    key::parse(&mut fields, mask, Some(key), support)?;

    validate::key(key, key_attrs, key_nest)?;
    validate::mask(key, mask, key_attrs, mask_attrs, &fields)
}

/// Parses a key that is to identify a flow or to be shown, without a mask.
///
/// # Errors
///
/// As [`parse_match`].
pub fn parse_key<'a>(key: &mut Key, nest: Attr<'a>, support: Support) -> Result<(), Error<'a>> {
    let attrs = parse_key_fields(key, nest, support, &mut Fields::new(Source::Key))?;
    validate::key(key, attrs, nest)
}

fn parse_key_fields<'a>(
    key: &mut Key,
    nest: Attr<'a>,
    support: Support,
    fields: &mut Fields<'a>,
) -> Result<u64, Error<'a>> {
    key.clone_from(&Key::ZERO);
    fields.collect(nest)?;
    vlan::parse_key(fields, key)?;
    let attrs = fields.present();
    key::parse(fields, key, None, support)?;
    Ok(attrs)
}

/// Parses what the key of a packet from user space says that the packet itself does not.
///
/// Port, tunnel, connection tracking and the like; for a packet without an Ethernet header also
/// [`Key::eth_type`]. The headers are then filled in by [`extract::update`](super::extract::update)
/// and the result must pass [`Given::check`]. Corresponds to `ovs_nla_get_flow_metadata()`.
///
/// # Errors
///
/// As [`parse_match`].
pub fn parse_metadata<'a>(
    key: &mut Key,
    nest: Attr<'a>,
    support: Support,
) -> Result<Given<'a>, Error<'a>> {
    key.clone_from(&Key::ZERO);
    let mut fields = Fields::new(Source::Key);
    fields.collect(nest)?;
    let given = Given {
        tuple_ipv4: fields.attr(key_attr::CT_ORIG_TUPLE_IPV4),
        tuple_ipv6: fields.attr(key_attr::CT_ORIG_TUPLE_IPV6),
    };
    key::parse_metadata(&mut fields, key, support)?;
    Ok(given)
}

/// The metadata of a packet from user space that must agree with its headers.
#[derive(Clone, Copy, Debug)]
#[must_use = "the metadata may not fit the packet"]
pub struct Given<'a> {
    tuple_ipv4: Option<Attr<'a>>,
    tuple_ipv6: Option<Attr<'a>>,
}

impl<'a> Given<'a> {
    /// Checks that the connection's original direction is of the packet's own protocol.
    ///
    /// # Errors
    ///
    /// `EINVAL`.
    pub fn check(&self, key: &Key) -> Result<(), Error<'a>> {
        let eth_type = key.eth_type.get();
        match (self.tuple_ipv4, self.tuple_ipv6) {
            (Some(attr), _) if eth_type != ethertype::IPV4 => Err(Error::invalid(
                &attr,
                c"CT_ORIG_TUPLE_IPV4 needs an IPv4 packet",
            )),
            (_, Some(attr)) if eth_type != ethertype::IPV6 || key.is_nd() => Err(Error::invalid(
                &attr,
                c"CT_ORIG_TUPLE_IPV6 needs an IPv6 packet that is not neighbour discovery",
            )),
            _ => Ok(()),
        }
    }
}

/// A unique flow id of user space's choice: 1 to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ufid {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Ufid {
    /// The most bytes of an id.
    pub const MAX_LEN: usize = 16;

    /// An id with these bytes; `None` when there are none or too many.
    pub fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX_LEN];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        match u8::try_from(id.len()) {
            Ok(0) | Err(_) => None,
            Ok(len) => Some(Self { bytes, len }),
        }
    }

    /// The id in an attribute. One of a wrong length counts as absent, as in the C module.
    pub fn parse(attr: Option<&Attr<'_>>) -> Option<Self> {
        Self::new(attr?.payload())
    }

    /// The bytes of the id.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or(&[])
    }

    /// All bytes an id may have, those not used zero.
    pub const fn padded(&self) -> &[u8; Self::MAX_LEN] {
        &self.bytes
    }
}

/// An `EINVAL` that `attr` is to blame for.
fn invalid<'a, T>(attr: &Attr<'a>, msg: &'static CStr) -> Result<T, Error<'a>> {
    Err(Error::invalid(attr, msg))
}
