// SPDX-License-Identifier: GPL-2.0

//! Attributes of a received message.

use super::{
    Error,
    NLA_HDRLEN, //
};
use crate::bindings;
use kernel::prelude::*;

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

    /// The first `N` bytes of the payload.
    fn array<const N: usize>(self) -> Result<[u8; N], Error> {
        match self.payload().first_chunk() {
            Some(bytes) => Ok(*bytes),
            None => Err(Error::new(ERANGE, c"attribute is too short").with_attr(self)),
        }
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
}
