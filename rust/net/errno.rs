// SPDX-License-Identifier: GPL-2.0

//! Error codes that `kernel::error::code` lacks.
//!
//! C header: [`include/uapi/asm-generic/errno.h`](srctree/include/uapi/asm-generic/errno.h)

use crate::bindings;
use core::{
    mem::transmute,
    num::NonZeroI32, //
};
use kernel::error::{
    code::EINVAL,
    Error, //
};

/// The error for a positive error number.
const fn error(errno: u32) -> Error {
    assert!(errno > 0 && errno <= 4095);
    match NonZeroI32::new(-(errno as i32)) {
        // SAFETY: An `Error` is a `NonZeroI32` in the range just checked. There is no constructor
        // that is constant; that the representation is this one is checked below.
        Some(errno) => unsafe { transmute::<NonZeroI32, Error>(errno) },
        None => EINVAL,
    }
}

// SAFETY: A type of four bytes that holds a `NonZeroI32` is a valid `i32`.
kernel::static_assert!(unsafe { transmute::<Error, i32>(EINVAL) } == -(bindings::EINVAL as i32));

/// No data available.
pub(crate) const ENODATA: Error = error(bindings::ENODATA);
/// Operation not supported on the transport endpoint.
pub(crate) const EOPNOTSUPP: Error = error(bindings::EOPNOTSUPP);
/// Address family not supported by the protocol.
pub(crate) const EAFNOSUPPORT: Error = error(bindings::EAFNOSUPPORT);
/// Address already in use.
pub(crate) const EADDRINUSE: Error = error(bindings::EADDRINUSE);
/// Network is down.
pub(crate) const ENETDOWN: Error = error(bindings::ENETDOWN);
/// Transport endpoint is not connected.
pub(crate) const ENOTCONN: Error = error(bindings::ENOTCONN);
