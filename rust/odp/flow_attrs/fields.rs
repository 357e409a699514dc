// SPDX-License-Identifier: GPL-2.0

//! The attributes of a key or mask, sorted by type.

use super::super::error::Error;
use super::super::nlattr::{
    Attr,
    Attrs, //
};
use super::super::uapi::{
    key_attr,
    CtLabels,
    CtTupleIpv4,
    CtTupleIpv6,
    KeyArp,
    KeyEthernet,
    KeyIcmp,
    KeyIpv4,
    KeyIpv6,
    KeyNd,
    KeyPorts, //
};
use super::invalid;
use core::ffi::CStr;
use zerocopy::{
    FromBytes,
    Immutable,
    IntoBytes, //
};

/// How long the payload of an attribute must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Len {
    /// Exactly this, in bytes.
    Exact(usize),
    /// Any length: attributes, or an array.
    Any,
}

/// What to know of a type of attribute: the length of its payload, and what to say of it.
pub(super) struct Kind {
    len: Len,
    bad_len: &'static CStr,
    duplicate: &'static CStr,
    /// It is not in a key that must have it.
    pub(super) missing: &'static CStr,
    /// It is in a mask that must not have it.
    pub(super) bad_mask: &'static CStr,
    /// It is where nothing makes use of it.
    unexpected: &'static CStr,
}

/// A text that was put together with a NUL at its end.
const fn text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a text without a NUL at its end"),
    }
}

macro_rules! kinds {
    ($($name:ident: $len:expr,)*) => {
        [$(Kind {
            len: $len,
            bad_len: const { text(concat!(stringify!($name), " has a wrong length\0")) },
            duplicate: const { text(concat!(stringify!($name), " is there twice\0")) },
            missing: const { text(concat!(stringify!($name), " is missing in the key\0")) },
            bad_mask: const {
                text(concat!(stringify!($name), " cannot be masked in a flow with this key\0"))
            },
            unexpected: const {
                text(concat!(stringify!($name), " is not expected or not supported here\0"))
            },
        },)*]
    };
}

/// All types, by their number.
static KINDS: [Kind; COUNT] = kinds! {
    UNSPEC: Len::Exact(0),
    ENCAP: Len::Any,
    PRIORITY: Len::Exact(4),
    IN_PORT: Len::Exact(4),
    ETHERNET: Len::Exact(size_of::<KeyEthernet>()),
    VLAN: Len::Exact(2),
    ETHERTYPE: Len::Exact(2),
    IPV4: Len::Exact(size_of::<KeyIpv4>()),
    IPV6: Len::Exact(size_of::<KeyIpv6>()),
    TCP: Len::Exact(size_of::<KeyPorts>()),
    UDP: Len::Exact(size_of::<KeyPorts>()),
    ICMP: Len::Exact(size_of::<KeyIcmp>()),
    ICMPV6: Len::Exact(size_of::<KeyIcmp>()),
    ARP: Len::Exact(size_of::<KeyArp>()),
    ND: Len::Exact(size_of::<KeyNd>()),
    SKB_MARK: Len::Exact(4),
    TUNNEL: Len::Any,
    SCTP: Len::Exact(size_of::<KeyPorts>()),
    TCP_FLAGS: Len::Exact(2),
    DP_HASH: Len::Exact(4),
    RECIRC_ID: Len::Exact(4),
    MPLS: Len::Any,
    CT_STATE: Len::Exact(4),
    CT_ZONE: Len::Exact(2),
    CT_MARK: Len::Exact(4),
    CT_LABELS: Len::Exact(size_of::<CtLabels>()),
    CT_ORIG_TUPLE_IPV4: Len::Exact(size_of::<CtTupleIpv4>()),
    CT_ORIG_TUPLE_IPV6: Len::Exact(size_of::<CtTupleIpv6>()),
    NSH: Len::Any,
    PACKET_TYPE: Len::Any,
    ND_EXTENSIONS: Len::Any,
    TUNNEL_INFO: Len::Any,
    IPV6_EXTHDRS: Len::Exact(2),
};

/// How many types there are, zero included.
const COUNT: usize = key_attr::MAX as usize + 1;

/// What to know of the type `kind`.
pub(super) fn kind(kind: u16) -> Option<&'static Kind> {
    KINDS.get(usize::from(kind))
}

/// The bit of the type `kind` in a set of types.
pub(super) const fn bit(kind: u16) -> u64 {
    1u64.wrapping_shl(kind as u32)
}

/// The lowest type in a set of types that is not empty.
pub(super) fn lowest(set: u64) -> u16 {
    // A number below 64 is left when the conversion from `u32` cuts bits off.
    set.trailing_zeros() as u16
}

/// What attributes are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A key.
    Key,
    /// A mask. An attribute of zeroes counts as absent.
    Mask,
    /// The mask that matches all of a key: the attributes are the key's, but every bit of their
    /// payload counts as set.
    Exact,
}

impl Source {
    /// Whether this is for a mask.
    pub(super) fn is_mask(self) -> bool {
        self != Self::Key
    }

    /// The payload of `attr` as a value, if it has the right length.
    pub(super) fn value<T: FromBytes + IntoBytes + Immutable>(self, attr: &Attr<'_>) -> Option<T> {
        let mut value: T = attr.get()?;
        if self == Self::Exact {
            value.as_mut_bytes().fill(0xff);
        }
        Some(value)
    }

    /// Copies the payload of `attr` to `to`, up to the end of the shorter of them.
    pub(super) fn copy(self, attr: &Attr<'_>, to: &mut [u8]) {
        for (to, from) in to.iter_mut().zip(attr.payload()) {
            *to = match self {
                Self::Exact => 0xff,
                Self::Key | Self::Mask => *from,
            };
        }
    }

    /// Whether the payload of `attr` is nothing but zeroes.
    fn is_zero(self, attr: &Attr<'_>) -> bool {
        match self {
            Self::Exact => attr.payload().is_empty(),
            Self::Key | Self::Mask => attr.payload().iter().all(|byte| *byte == 0),
        }
    }
}

/// The attributes of a key or mask, sorted by type.
pub(super) struct Fields<'a> {
    source: Source,
    present: u64,
    attrs: [Option<Attr<'a>>; COUNT],
}

impl<'a> Fields<'a> {
    /// No attributes yet.
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            present: 0,
            attrs: [None; COUNT],
        }
    }

    /// Forgets the attributes, except for what [`Fields::last`] remembers of them.
    pub(super) fn restart(&mut self, source: Source) {
        self.source = source;
        self.present = 0;
    }

    /// What the attributes are read for.
    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// The set of types that are there and were not taken.
    pub(super) fn present(&self) -> u64 {
        self.present
    }

    /// Whether an attribute is there and was not taken.
    pub(super) fn has(&self, kind: u16) -> bool {
        self.present & bit(kind) != 0
    }

    /// An attribute that is there and was not taken.
    pub(super) fn attr(&self, kind: u16) -> Option<Attr<'a>> {
        self.last(kind).filter(|_| self.has(kind))
    }

    /// The last attribute of a type that was there, taken or not.
    pub(super) fn last(&self, kind: u16) -> Option<Attr<'a>> {
        self.attrs.get(usize::from(kind)).copied().flatten()
    }

    /// Takes an attribute.
    pub(super) fn take(&mut self, kind: u16) -> Option<Attr<'a>> {
        let attr = self.attr(kind)?;
        self.present &= !bit(kind);
        Some(attr)
    }

    /// Takes an attribute as a value.
    pub(super) fn take_value<T>(&mut self, kind: u16) -> Option<T>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        // `collect()` has checked the length.
        let attr = self.take(kind)?;
        self.source.value(&attr)
    }

    /// Adds the attributes in `nest`.
    pub(super) fn collect(&mut self, nest: Attr<'a>) -> Result<(), Error<'a>> {
        let mut attrs = nest.nested();
        for attr in attrs.by_ref() {
            let number = attr.kind();
            let (Some(kind), Some(place)) = (kind(number), self.attrs.get_mut(usize::from(number)))
            else {
                return invalid(&attr, c"unknown attribute in a key or mask");
            };
            if matches!(
                number,
                key_attr::PACKET_TYPE | key_attr::ND_EXTENSIONS | key_attr::TUNNEL_INFO
            ) {
                return invalid(&attr, kind.unexpected);
            }
            if self.present & bit(number) != 0 {
                return invalid(&attr, kind.duplicate);
            }
            if !fits(&attr, kind.len) {
                return invalid(&attr, kind.bad_len);
            }
            if !self.source.is_mask() || !self.source.is_zero(&attr) {
                self.present |= bit(number);
                *place = Some(attr);
            }
        }
        if !is_whole(&nest, &attrs) {
            return invalid(
                &nest,
                c"bytes are left over behind the attributes of a key or mask",
            );
        }
        Ok(())
    }

    /// Fails when there are attributes that were not taken.
    pub(super) fn finish(&self) -> Result<(), Error<'a>> {
        if self.present == 0 {
            return Ok(());
        }
        let number = lowest(self.present);
        match (kind(number), self.last(number)) {
            (Some(kind), Some(attr)) => invalid(&attr, kind.unexpected),
            _ => Ok(()),
        }
    }
}

/// Whether the payload of `attr` has the length `len`.
pub(super) fn fits(attr: &Attr<'_>, len: Len) -> bool {
    len == Len::Any || len == Len::Exact(attr.payload().len())
}

/// Whether the attributes in `nest`, which `attrs` was read to the end of, fill it exactly.
///
/// The last one's padding must be there as well.
fn is_whole(nest: &Attr<'_>, attrs: &Attrs<'_>) -> bool {
    attrs.rest().is_empty() && nest.payload().len() % 4 == 0
}
