// SPDX-License-Identifier: GPL-2.0

//! Error numbers of the pure core as the kernel's error codes.

use crate::odp::Errno;
use kernel::error::Error;

/// The error code for an error number.
pub(crate) fn code(errno: Errno) -> Error {
    Error::from_errno((errno as i32).wrapping_neg())
}

/// The error number of an error code; `EINVAL` of one that the pure core does not know.
pub(crate) fn of(err: Error) -> Errno {
    [
        Errno::ENOENT,
        Errno::ENOMEM,
        Errno::EBUSY,
        Errno::EEXIST,
        Errno::ENOSPC,
        Errno::EOPNOTSUPP,
    ]
    .into_iter()
    .find(|errno| code(*errno) == err)
    .unwrap_or(Errno::EINVAL)
}
