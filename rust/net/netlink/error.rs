// SPDX-License-Identifier: GPL-2.0

//! Errors that tell what was wrong with a request.

use super::Attr;
use crate::bindings;
use core::ptr;
use kernel::prelude::*;

/// An error code, and for the sender of the request why, and because of which attribute.
///
/// A command that returns one has the reason and the attribute's offset put in the extended
/// acknowledgement, where tools print it. An attribute that is not in the request is left out.
#[derive(Clone, Copy)]
pub(crate) struct Error {
    code: kernel::error::Error,
    msg: Option<&'static CStr>,
    /// Only ever compared with the bounds of the request.
    attr: *const u8,
}

impl Error {
    /// An error with a reason.
    pub(crate) const fn new(code: kernel::error::Error, msg: &'static CStr) -> Self {
        Self {
            code,
            msg: Some(msg),
            attr: ptr::null(),
        }
    }

    /// Adds the attribute at fault.
    #[must_use]
    pub(crate) fn with_attr(self, attr: Attr<'_>) -> Self {
        self.with_bytes(attr.bytes())
    }

    /// Adds the attribute at fault, given as its bytes in the request, header first.
    ///
    /// For parsers that work on slices of bytes.
    #[must_use]
    pub(crate) fn with_bytes(self, attr: &[u8]) -> Self {
        Self {
            attr: attr.as_ptr(),
            ..self
        }
    }

    /// The error code.
    pub(crate) fn code(&self) -> kernel::error::Error {
        self.code
    }

    /// The reason, if there is one.
    pub(crate) fn msg(&self) -> Option<&'static CStr> {
        self.msg
    }

    /// Fills in the extended acknowledgement, if the sender gets one, and returns the error number.
    ///
    /// # Safety
    ///
    /// `extack` must be null or valid for writes.
    pub(crate) unsafe fn report(self, extack: *mut bindings::netlink_ext_ack) -> c_int {
        if !extack.is_null() {
            if let Some(msg) = self.msg {
                // SAFETY: By the requirements of this function. The message is never freed: the
                // module cannot go while it handles a request, and the core copies the text before
                // that ends.
                unsafe { (*extack)._msg = msg.as_char_ptr() };
            }
            if !self.attr.is_null() {
                // The core ignores the pointer unless it is in the request.
                // SAFETY: By the requirements of this function.
                unsafe { (*extack).bad_attr = self.attr.cast() };
            }
        }
        self.code.to_errno()
    }
}

impl<E> From<E> for Error
where
    kernel::error::Error: From<E>,
{
    fn from(code: E) -> Self {
        Self {
            code: code.into(),
            msg: None,
            attr: ptr::null(),
        }
    }
}
