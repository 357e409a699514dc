// SPDX-License-Identifier: GPL-2.0

//! Actions: from the netlink attributes of a request to a program that can be executed.
//!
//! User space sends a list of actions as attributes, in which lists can be nested. [`compile`]
//! validates it against the flow's key and turns it into a [`Program`]: a flat array of [`Op`]s, in
//! which the operations of a nested list follow the operation it belongs to, an area of data for
//! what does not fit an operation, and the bytes to dump the actions with. A program can only be
//! had from [`Compiled`], that only from [`compile`]: what is executed was validated.
//!
//! Nothing here allocates. The caller gives a [`Sink`] to which the parts are appended, and which
//! makes what only the kernel can make: the tunnel to set, the connection tracking template.
//!
//! # Executing
//!
//! ```ignore
//! let mut list = program.list();
//! while let Some(op) = program.next(&mut list) {
//!     match op {
//!         Op::Output { port, last } => ..,
//!         Op::SetIpv4 { at } => if let Some([value, mask]) = program.get(at) { .. },
//!         Op::Sample { body, probability, .. } => {
//!             let body = list.take(body); // Always, or the body would be executed next.
//!             ..
//!         }
//!         ..
//!     }
//! }
//! ```
//!
//! An operation marked `last` is the last one of its list and ends it: it may consume the packet
//! where others need a copy of it.

/// The sentence that begins the text of each refusal. Tools look for it.
///
/// For requests that are about one packet there is [`reason`].
macro_rules! unsafe_actions {
    () => {
        "Flow actions may not be safe on all matching packets: "
    };
}

/// The text for actions that are refused, made from the reason.
macro_rules! refusal {
    ($reason:literal) => {
        const {
            let text = concat!(unsafe_actions!(), $reason, "\0");
            match core::ffi::CStr::from_bytes_with_nul(text.as_bytes()) {
                Ok(text) => text,
                Err(_) => panic!("NUL within a text"),
            }
        }
    };
}

pub(super) use {refusal, unsafe_actions};

mod builder;
mod compile;
mod ct;
mod nested;
mod nsh;
mod op;
mod plain;
mod program;
mod set;
mod state;
mod tunnel;
mod upcall;

use core::ffi::CStr;

pub use compile::{
    compile,
    Compiled,
    Env,
    Sink,
    MAX_DEPTH, //
};
pub use ct::{
    nat_flags,
    Ct,
    Family,
    Nat,
    NatKind, //
};
pub use op::{
    At,
    Bytes,
    HashAlg,
    Op, //
};
pub use program::{
    List,
    Program,
    Store, //
};
pub use tunnel::TunnelSet;
pub use upcall::{
    Userspace,
    UserspaceHeader, //
};

/// The reason in the text of a refusal. Other texts are returned as they are.
pub fn reason(text: &CStr) -> &CStr {
    let reason = text
        .to_bytes_with_nul()
        .strip_prefix(unsafe_actions!().as_bytes())
        .and_then(|reason| CStr::from_bytes_with_nul(reason).ok());
    reason.unwrap_or(text)
}
