// SPDX-License-Identifier: GPL-2.0

//! Attributes of a received message.

use super::{
    Error,
    PolicyTable,
    NLA_HDRLEN, //
};
use crate::{
    bindings,
    net::errno::EOPNOTSUPP, //
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// An attribute.
///
/// The getters check the length of the payload, so that they cannot fail where the policy of the
/// attribute has checked it before.
///
/// # Invariants
///
/// The slice starts with a `struct nlattr`, and is as long as that says, which is at least the
/// length of the header. It is aligned as attributes are.
#[derive(Clone, Copy)]
pub(crate) struct Attr<'a>(&'a [u8]);

impl<'a> Attr<'a> {
    /// The attribute at `attr`, or `None` if that is null.
    ///
    /// # Safety
    ///
    /// `attr` must be null or an attribute that has been validated by the core, in a message that
    /// lives for `'a`.
    pub(in crate::net) unsafe fn from_raw(attr: *const bindings::nlattr) -> Option<Self> {
        if attr.is_null() {
            return None;
        }
        // SAFETY: By the requirements of this function.
        let len = usize::from(unsafe { (*attr).nla_len }).max(NLA_HDRLEN);
        // SAFETY: By the requirements of this function the whole attribute is in the message; the
        // core lets none pass that is shorter than its header.
        Some(Self(unsafe {
            core::slice::from_raw_parts(attr.cast(), len)
        }))
    }

    /// The whole attribute, header first.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The payload.
    pub(crate) fn payload(self) -> &'a [u8] {
        self.0.get(NLA_HDRLEN..).unwrap_or(&[])
    }

    /// The type, without flags.
    pub(crate) fn kind(self) -> u16 {
        match self.0 {
            [_, _, a, b, ..] => u16::from_ne_bytes([*a, *b]) & bindings::NLA_TYPE_MASK as u16,
            _ => 0,
        }
    }

    /// The first `N` bytes of the payload.
    fn array<const N: usize>(self) -> Result<[u8; N], Error> {
        match self.payload().first_chunk() {
            Some(bytes) => Ok(*bytes),
            None => Err(Error::new(ERANGE, c"attribute is too short").with_attr(self)),
        }
    }

    /// The payload as a number of one byte.
    pub(crate) fn u8(self) -> Result<u8, Error> {
        self.array().map(u8::from_ne_bytes)
    }

    /// The payload as a number of two bytes.
    pub(crate) fn u16(self) -> Result<u16, Error> {
        self.array().map(u16::from_ne_bytes)
    }

    /// The payload as a number of four bytes.
    pub(crate) fn u32(self) -> Result<u32, Error> {
        self.array().map(u32::from_ne_bytes)
    }

    /// The payload as a number of four bytes with a sign.
    pub(crate) fn s32(self) -> Result<i32, Error> {
        self.array().map(i32::from_ne_bytes)
    }

    /// The payload as a number of eight bytes.
    pub(crate) fn u64(self) -> Result<u64, Error> {
        self.array().map(u64::from_ne_bytes)
    }

    /// The payload as a string, up to the first NUL character, which there must be.
    pub(crate) fn str(self) -> Result<&'a CStr, Error> {
        CStr::from_bytes_until_nul(self.payload())
            .map_err(|_| Error::new(EINVAL, c"string is not terminated").with_attr(self))
    }

    /// Parses the attributes in the payload.
    ///
    /// As lenient as for a request that is not validated strictly: unknown attributes are skipped,
    /// of several with the same number the last one counts.
    pub(crate) fn nested<const N: usize>(
        self,
        policy: &'static PolicyTable<N>,
    ) -> Result<Attrs<'a, N>, Error> {
        let payload = self.payload();
        let mut attrs = [ptr::null_mut(); N];
        // SAFETY: `attrs` and the policy have `N` elements, and the payload is a stream of bytes,
        // which the function checks, of the given length. An attribute fits in a `c_int`.
        to_result(unsafe {
            bindings::__nla_parse(
                attrs.as_mut_ptr(),
                PolicyTable::<N>::MAX_ATTR as c_int,
                payload.as_ptr().cast(),
                payload.len() as c_int,
                policy.as_ptr(),
                bindings::netlink_validation_NL_VALIDATE_LIBERAL,
                ptr::null_mut(),
            )
        })
        .map_err(|code| Error::new(code, c"nested attribute is invalid").with_attr(self))?;
        // INVARIANT: The core has validated the attributes.
        Ok(Attrs {
            parent: self,
            attrs,
            _message: PhantomData,
        })
    }
}

/// The attributes nested in another one, by number.
///
/// # Invariants
///
/// Each pointer is null or a validated attribute in the payload of `parent`.
pub(crate) struct Attrs<'a, const N: usize> {
    parent: Attr<'a>,
    attrs: [*mut bindings::nlattr; N],
    _message: PhantomData<&'a [u8]>,
}

impl<'a, const N: usize> Attrs<'a, N> {
    /// The attribute with the number `kind`.
    pub(crate) fn get(&self, kind: u32) -> Option<Attr<'a>> {
        // SAFETY: By the type invariant.
        unsafe { Attr::from_raw(*self.attrs.get(kind as usize)?) }
    }

    /// The attribute with the number `kind`, which there must be.
    pub(crate) fn require(&self, kind: u32, msg: &'static CStr) -> Result<Attr<'a>, Error> {
        self.get(kind)
            .ok_or_else(|| Error::new(EINVAL, msg).with_attr(self.parent))
    }

    /// Refuses the attribute with the number `kind`.
    pub(crate) fn refuse(&self, kind: u32, msg: &'static CStr) -> Result<(), Error> {
        match self.get(kind) {
            Some(attr) => Err(Error::new(EOPNOTSUPP, msg).with_attr(attr)),
            None => Ok(()),
        }
    }
}
