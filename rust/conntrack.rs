// SPDX-License-Identifier: GPL-2.0

//! The CT action: connections, and the fields of a key that tell of them.
//!
//! CT passes a packet through the kernel's connection tracking, in a zone. From then on the packet's
//! key tells its connection's state, zone, mark and labels, and the addresses of the direction the
//! connection was started in, so that a flow that matches on these can be found when the packet is
//! looked up again. What the action says besides is what becomes of the connection:
//!
//! - COMMIT keeps a new one, and sets mark, labels, events to tell, helper and timeout policy.
//!   FORCE_COMMIT makes it one of which this packet goes in the original direction.
//! - NAT translates packets of a connection as it was committed to be, and sets up how a new one is
//!   to be translated.
//!
//! There is a limit to the connections of a zone: see [`limit`].
//!
//! C version of this file: [`net/openvswitch/conntrack.c`](srctree/net/openvswitch/conntrack.c).

mod action;
mod commit;
mod key;
pub(crate) mod limit;
mod lookup;

pub(crate) use self::{
    action::Action,
    key::received, //
};

use crate::{
    net::{
        conntrack::Refusal,
        namespace::Net,
        skbuff::SkBuff, //
    },
    sync::bh::Bh, //
};
use kernel::prelude::*;

/// Where a packet is tracked.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The namespace.
    pub(crate) net: &'a Net,
    /// Evidence that bottom halves are disabled.
    pub(crate) bh: Bh<'a>,
}

/// The packet, or the reason why it is dropped.
pub(crate) fn checked(skb: SkBuff, result: Result) -> Result<SkBuff, Refusal> {
    match result {
        Ok(()) => Ok(skb),
        Err(err) => Err(Refusal::Drop(skb, err)),
    }
}
