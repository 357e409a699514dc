// SPDX-License-Identifier: GPL-2.0

//! Generic netlink: families of commands.
//!
//! A [`Family`] is a static, described by constants: its name, its [`Op`]s, each made from a type
//! that implements [`Command`], and the policies of its attributes. [`Family::register`] makes it
//! known, until the [`Registration`] is dropped.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

mod dump;
mod family;
mod info;

pub(crate) use self::{
    dump::{
        Dump,
        DumpMsg,
        DumpState, //
    },
    family::{
        Description,
        Family,
        MulticastGroup,
        Op,
        Registration, //
    },
    info::Info, //
};

use super::netlink::Error;
use crate::bindings;

/// The sender needs `CAP_NET_ADMIN` in the user namespace that owns the network namespace.
pub(crate) const UNS_ADMIN_PERM: u8 = bindings::GENL_UNS_ADMIN_PERM as u8;

/// Requests are not validated strictly: unknown attributes, and scalars that are too long, pass.
pub(crate) const DONT_VALIDATE_STRICT: u8 =
    bindings::genl_validate_flags_GENL_DONT_VALIDATE_STRICT as u8;

/// Requests for a dump are not validated at all.
pub(crate) const DONT_VALIDATE_DUMP: u8 =
    bindings::genl_validate_flags_GENL_DONT_VALIDATE_DUMP as u8;

/// Requests for a dump are not validated strictly.
pub(crate) const DONT_VALIDATE_DUMP_STRICT: u8 =
    bindings::genl_validate_flags_GENL_DONT_VALIDATE_DUMP_STRICT as u8;

/// A command of a family.
pub(crate) trait Command {
    /// The number of the command.
    const CMD: u8;
    /// What the sender must be allowed to do: 0 or [`UNS_ADMIN_PERM`].
    const FLAGS: u8 = 0;
    /// What is not validated.
    const VALIDATE: u8 = 0;

    /// Handles a request.
    fn doit(info: &Info<'_>) -> Result<(), Error>;
}
