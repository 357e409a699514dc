// SPDX-License-Identifier: GPL-2.0

//! Passing packets through connection tracking.
//!
//! Packets start with their network header here.

use super::{
    bindings,
    Connection,
    Template,
    Version, //
};
use crate::{
    net::{
        namespace::Net,
        skbuff::SkBuff, //
    },
    sync::bh::Bh, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Why a packet goes no further.
pub(crate) enum Refusal {
    /// It is to be dropped.
    Drop(SkBuff, Error),
    /// It was dropped already.
    Dropped(Error),
    /// Somebody has taken it over.
    Stolen,
}

/// A packet that was let pass, or the reason why it was not.
pub(crate) type Filtered = Result<SkBuff, Refusal>;

/// What a verdict (`NF_*`) makes of a packet.
#[inline]
pub(super) fn filter(skb: SkBuff, verdict: c_int) -> Filtered {
    match verdict as u32 & bindings::NF_VERDICT_MASK {
        bindings::NF_ACCEPT => Ok(skb),
        bindings::NF_STOLEN => {
            // Whoever took it frees it.
            let _ = skb.into_raw();
            Err(Refusal::Stolen)
        }
        _ => Err(Refusal::Drop(skb, EINVAL)),
    }
}

impl SkBuff {
    /// Cuts off what is behind the IP packet.
    pub(crate) fn network_trim(&mut self, version: Version) -> Result {
        let len = match version {
            Version::V4 => 20,
            Version::V6 => 40,
        };
        if !self.may_pull(len) {
            // Connection tracking finds it invalid.
            return Ok(());
        }
        // SAFETY: By the type invariant the buffer is not shared. The header is in one piece with
        // the start of the packet.
        to_result(unsafe {
            bindings::nf_ct_skb_network_trim(self.as_ptr(), version.family().into())
        })
    }

    /// Collects the fragments of a zone.
    ///
    /// Returns the packet they are, put together, when this was the last one, and the length of the
    /// largest. Otherwise the fragment is kept, or on an error dropped.
    pub(crate) fn reassemble(
        self,
        net: &Net,
        zone: u16,
        version: Version,
        _: Bh<'_>,
    ) -> Result<Option<(Self, u16)>> {
        let skb = self.into_raw();
        let mut proto = 0;
        let mut mru = 0;
        // SAFETY: The packet is ours to give, and starts with its network header. Nothing of ours is
        // in its control block.
        let err = unsafe {
            bindings::nf_ct_handle_fragments(
                net.as_ptr(),
                skb,
                zone,
                version.family(),
                &mut proto,
                &mut mru,
            )
        };
        match err {
            0 => {
                let skb = NonNull::new(skb).ok_or(EINVAL)?;
                // SAFETY: On success the packet is given back, as the head of the fragments.
                Ok(Some((unsafe { Self::from_raw(skb) }, mru)))
            }
            err if err == -(bindings::EINPROGRESS as c_int) => Ok(None),
            err => Err(Error::from_errno(err)),
        }
    }

    /// Passes the packet through connection tracking, in the zone of `template`.
    ///
    /// It then has a connection, unless it is invalid.
    pub(crate) fn track(
        self,
        net: &Net,
        template: &Template,
        version: Version,
        _: Bh<'_>,
    ) -> Filtered {
        // SAFETY: Namespace, packet and template are valid, and the packet starts with its network
        // header.
        let verdict = unsafe {
            bindings::nf_ct_track(
                net.as_ptr(),
                self.as_ptr(),
                template.as_ptr(),
                version.family(),
            )
        };
        filter(self, verdict as c_int)
    }

    /// Finds the connection of a packet that has lost it, in the zone of `template`. No state
    /// changes.
    ///
    /// `natted`: the packet has been translated.
    pub(crate) fn find_connection(
        &mut self,
        net: &Net,
        template: &Template,
        version: Version,
        natted: bool,
        _: Bh<'_>,
    ) -> bool {
        if self.connection().is_some() {
            return true;
        }
        self.reset_conntrack();
        // SAFETY: As for `track()`; the packet has no connection.
        unsafe {
            bindings::nf_ct_attach(
                net.as_ptr(),
                self.as_ptr(),
                template.as_ptr(),
                version.family(),
                natted,
            )
        }
    }

    /// Deletes the connection if it is confirmed, and forgets it.
    pub(crate) fn delete_connection(&mut self) {
        if let Some(connection) = self.connection().filter(|ct| ct.is_confirmed()) {
            // SAFETY: By the type invariant of `Connection`.
            unsafe { bindings::nf_ct_delete(connection.as_ptr(), 0, 0) };
        }
        self.reset_conntrack();
    }

    /// Whether the connection was tracked as `template` says: in the namespace and the zone, with
    /// the helper and the timeout policy.
    #[inline]
    pub(crate) fn is_tracked_by(&self, net: &Net, template: &Template) -> bool {
        self.connection()
            .is_some_and(|ct| ct.is_of(net) && template.describes(ct))
    }

    /// Gives a new connection the helper of `template`; `nat`: one that changes packets.
    pub(crate) fn assign_helper(&mut self, template: &Template, nat: bool, _: Bh<'_>) -> Result {
        match self.connection() {
            Some(ct) if !ct.is_confirmed() && !ct.is_shared() => {
                // SAFETY: Both are valid, and nobody else has the connection yet.
                to_result(unsafe {
                    bindings::nf_ct_assign_helper(ct.as_ptr(), template.as_ptr(), nat)
                })
            }
            _ => Ok(()),
        }
    }

    /// Calls the helper of the connection, if it has one.
    #[inline]
    pub(crate) fn help(self, version: Version, _: Bh<'_>) -> Filtered {
        let verdict = match self.connection() {
            // SAFETY: Packet and connection are valid.
            Some(ct) if ct.has_helper() => unsafe {
                bindings::nf_ct_helper(self.as_ptr(), ct.as_ptr(), ct.info, version.family().into())
            },
            _ => return Ok(self),
        };
        filter(self, verdict)
    }

    /// Tells hardware offload of the packet's device, where it has asked for that.
    #[inline]
    pub(crate) fn fill_act_ct(&mut self) {
        if self.dev().is_some() && self.connection().is_some_and(|ct| ct.has_act_ct()) {
            // SAFETY: The packet is valid, and has a connection and a device.
            unsafe { bindings::nf_ct_fill_act_ct(self.as_ptr()) };
        }
    }

    /// Makes room for what hardware offload is told, in a new connection.
    pub(crate) fn add_act_ct(&mut self) {
        if self.dev().is_none() {
            return;
        }
        if self.connection().is_some_and(|ct| !ct.is_confirmed()) {
            // SAFETY: The packet is valid, and has a device and a connection that nobody else has.
            unsafe { bindings::nf_ct_add_act_ct(self.as_ptr()) };
        }
    }

    /// Confirms the connection if it is new, and tells what has happened to it.
    ///
    /// If another packet has started the same connection meanwhile, the packet may get that one.
    pub(crate) fn confirm(self, _: Bh<'_>) -> Filtered {
        // SAFETY: The packet is valid.
        let verdict = unsafe { bindings::nf_ct_confirm(self.as_ptr()) };
        filter(self, verdict)
    }
}

impl Connection<'_> {
    #[inline]
    fn is_of(self, net: &Net) -> bool {
        // SAFETY: By the type invariant. The field does not change.
        ptr::eq(unsafe { (*self.as_ptr()).ct_net.net }, net.as_ptr())
    }

    #[cfg(CONFIG_NET_ACT_CT)]
    #[inline]
    fn has_act_ct(self) -> bool {
        self.extension(bindings::nf_ct_ext_id_NF_CT_EXT_ACT_CT)
            .is_some()
    }

    #[cfg(not(CONFIG_NET_ACT_CT))]
    fn has_act_ct(self) -> bool {
        false
    }
}
