// SPDX-License-Identifier: GPL-2.0

//! Why a request was refused.

use core::{
    ffi::CStr,
    fmt, //
};

/// An error number of `include/uapi/asm-generic/errno.h`, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[non_exhaustive]
pub enum Errno {
    /// No such file or directory.
    ENOENT = 2,
    /// Out of memory.
    ENOMEM = 12,
    /// Device or resource busy.
    EBUSY = 16,
    /// File exists.
    EEXIST = 17,
    /// No such device.
    ENODEV = 19,
    /// Invalid argument.
    EINVAL = 22,
    /// File too large.
    EFBIG = 27,
    /// No space left.
    ENOSPC = 28,
    /// Out of range.
    ERANGE = 34,
    /// Value too large for its type.
    EOVERFLOW = 75,
    /// Message too long.
    EMSGSIZE = 90,
    /// Operation not supported.
    EOPNOTSUPP = 95,
}

/// A refused request: the error number, a sentence for the user, and the attribute to blame.
///
/// The kernel hands `msg` and the place of `attr` in the request to the user as an extended
/// acknowledgement (`Documentation/userspace-api/netlink/intro.rst`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error<'a> {
    /// The error number.
    pub errno: Errno,
    /// What is wrong, without a full stop, as extack texts are written.
    pub msg: &'static CStr,
    /// The attribute to blame, header included: a part of the request's own bytes.
    pub attr: Option<&'a [u8]>,
}

impl<'a> Error<'a> {
    /// An error that no single attribute is to blame for.
    pub const fn new(errno: Errno, msg: &'static CStr) -> Self {
        Self {
            errno,
            msg,
            attr: None,
        }
    }

    /// An `EINVAL` that `attr` is to blame for.
    pub const fn invalid(attr: &super::nlattr::Attr<'a>, msg: &'static CStr) -> Self {
        Self {
            errno: Errno::EINVAL,
            msg,
            attr: Some(attr.bytes()),
        }
    }

    /// The same error with another error number.
    pub const fn with_errno(self, errno: Errno) -> Self {
        Self { errno, ..self }
    }
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.msg.to_str() {
            Ok(msg) => write!(f, "{msg} ({:?})", self.errno),
            Err(_) => write!(f, "{:?}", self.errno),
        }
    }
}
