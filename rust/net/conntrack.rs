// SPDX-License-Identifier: GPL-2.0

//! Connection tracking (`nf_conntrack`).
//!
//! A packet has the connection it belongs to with it: [`SkBuff::connection`]. Until the connection is
//! [confirmed](SkBuff::confirm) nobody else finds it.
//!
//! - this file: connections, and what is read and written of them;
//! - [`packet`]: passing packets through connection tracking;
//! - [`template`]: what connections to be made are like: their zone, helper, timeout policy;
//! - [`nat`]: translating addresses;
//! - [`registry`]: what is kept for each namespace: the use of labels, and numbers of connections.
//!
//! Functions that want a [`Bh`] use data that is freed by RCU.
//!
//! C headers: [`include/net/netfilter/`](srctree/include/net/netfilter/)
//!
//! [`Bh`]: crate::sync::bh::Bh

mod nat;
mod packet;
mod registry;
mod template;

pub(crate) use self::{
    nat::{
        Manip,
        NatRange, //
    },
    packet::{
        Filtered,
        Refusal, //
    },
    registry::Tracking,
    template::{
        Setup,
        Template, //
    }, //
};

pub(crate) use super::fragment::Version;

use super::skbuff::SkBuff;
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

impl Version {
    /// The protocol family (`NFPROTO_*`).
    #[inline]
    const fn family(self) -> u8 {
        match self {
            Self::V4 => bindings::NFPROTO_IPV4 as u8,
            Self::V6 => bindings::NFPROTO_IPV6 as u8,
        }
    }
}

/// How a packet is related to its connection (`enum ip_conntrack_info`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Info {
    /// It starts a connection, or repeats what has started one, and there was no answer yet.
    New,
    /// Of a connection that there were packets of in both directions; not an answer.
    Established,
    /// An answer.
    EstablishedReply,
    /// It starts a connection that another one led to expect, or is an error message about one.
    Related,
    /// An error message about an answer.
    RelatedReply,
}

/// The labels of a connection, 128 of them.
pub(crate) type Labels = [u8; 16];

/// One direction of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Tuple<'a>(&'a bindings::nf_conntrack_tuple);

impl Tuple<'_> {
    /// The IP protocol.
    #[inline]
    pub(crate) fn protocol(&self) -> u8 {
        self.0.dst.protonum
    }

    /// The IPv4 addresses, source and destination.
    #[inline]
    pub(crate) fn ipv4(&self) -> [[u8; 4]; 2] {
        // SAFETY: All fields of the unions are numbers, and initialised for all families.
        let [src, dst] = unsafe { [self.0.src.u3.ip, self.0.dst.u3.ip] };
        [src.to_ne_bytes(), dst.to_ne_bytes()]
    }

    /// The IPv6 addresses, source and destination.
    #[inline]
    pub(crate) fn ipv6(&self) -> [[u8; 16]; 2] {
        // SAFETY: As above; an address is bytes without more structure.
        unsafe {
            [
                self.0.src.u3.in6.in6_u.u6_addr8,
                self.0.dst.u3.in6.in6_u.u6_addr8,
            ]
        }
    }

    /// The ports, source and destination.
    #[inline]
    pub(crate) fn ports(&self) -> [[u8; 2]; 2] {
        // SAFETY: All fields of the unions are numbers, and initialised for all protocols.
        let [src, dst] = unsafe { [self.0.src.u.all, self.0.dst.u.all] };
        [src.to_ne_bytes(), dst.to_ne_bytes()]
    }

    /// Type and code of an ICMP message.
    #[inline]
    pub(crate) fn icmp(&self) -> [u8; 2] {
        // SAFETY: As above.
        let icmp = unsafe { self.0.dst.u.icmp };
        [icmp.type_, icmp.code]
    }
}

/// A connection that a packet belongs to, or the one that led to it.
///
/// # Invariants
///
/// The pointer is a connection that is valid for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'a> {
    ct: NonNull<bindings::nf_conn>,
    info: bindings::ip_conntrack_info,
    _packet: PhantomData<&'a SkBuff>,
}

impl SkBuff {
    /// The connection that the packet belongs to.
    #[inline]
    pub(crate) fn connection(&self) -> Option<Connection<'_>> {
        let nfct = self.nfct();
        let pointer = nfct & bindings::NFCT_PTRMASK as usize;
        // INVARIANT: The packet has a reference, for as long as it is not given another connection.
        Some(Connection {
            ct: NonNull::new(pointer as *mut bindings::nf_conn)?,
            info: (nfct & bindings::NFCT_INFOMASK as usize) as bindings::ip_conntrack_info,
            _packet: PhantomData,
        })
    }
}

impl<'a> Connection<'a> {
    /// The pointer for C functions.
    #[inline]
    fn as_ptr(self) -> *mut bindings::nf_conn {
        self.ct.as_ptr()
    }

    #[inline]
    fn status(self) -> c_ulong {
        // SAFETY: By the type invariant. Other CPUs change bits by atomic operations; a volatile load
        // of a machine word does not tear.
        unsafe { (&raw const (*self.as_ptr()).status).read_volatile() }
    }

    #[inline]
    fn has(self, bit: bindings::ip_conntrack_status) -> bool {
        self.status() & (1 << bit) != 0
    }

    /// How the packet is related to it.
    #[inline]
    pub(crate) fn info(self) -> Option<Info> {
        match self.info {
            bindings::ip_conntrack_info_IP_CT_NEW => Some(Info::New),
            bindings::ip_conntrack_info_IP_CT_ESTABLISHED => Some(Info::Established),
            bindings::ip_conntrack_info_IP_CT_ESTABLISHED_REPLY => Some(Info::EstablishedReply),
            bindings::ip_conntrack_info_IP_CT_RELATED => Some(Info::Related),
            bindings::ip_conntrack_info_IP_CT_RELATED_REPLY => Some(Info::RelatedReply),
            _ => None,
        }
    }

    /// Whether the packet goes in the direction of the connection's first one.
    #[inline]
    pub(crate) fn is_original(self) -> bool {
        self.info < bindings::ip_conntrack_info_IP_CT_IS_REPLY
    }

    /// Whether it was committed: others find it.
    #[inline]
    pub(crate) fn is_confirmed(self) -> bool {
        self.has(bindings::ip_conntrack_status_IPS_CONFIRMED_BIT)
    }

    /// Whether its source is translated.
    #[inline]
    pub(crate) fn has_source_nat(self) -> bool {
        self.has(bindings::ip_conntrack_status_IPS_SRC_NAT_BIT)
    }

    /// Whether its destination is translated.
    #[inline]
    pub(crate) fn has_destination_nat(self) -> bool {
        self.has(bindings::ip_conntrack_status_IPS_DST_NAT_BIT)
    }

    /// Whether others than the packet refer to it.
    pub(crate) fn is_shared(self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::nf_ct_is_shared(self.as_ptr()) }
    }

    /// The connection that led to this one.
    #[inline]
    pub(crate) fn master(self) -> Option<Self> {
        // SAFETY: By the type invariant. The field does not change after the connection was made, and
        // the connection has a reference to its master.
        let master = unsafe { (*self.as_ptr()).master };
        // INVARIANT: The master is valid for as long as the connection.
        Some(Self {
            ct: NonNull::new(master)?,
            ..self
        })
    }

    /// The number of its zone.
    #[inline]
    pub(crate) fn zone(self) -> u16 {
        // SAFETY: By the type invariant. The field does not change after the connection was made.
        unsafe { (*self.as_ptr()).zone.id }
    }

    /// The direction of its first packet.
    #[inline]
    pub(crate) fn original(self) -> Tuple<'a> {
        // SAFETY: By the type invariant. The tuple of this direction does not change any more when
        // the connection has been made.
        Tuple(unsafe { &(*self.as_ptr()).tuplehash[0].tuple })
    }

    /// The version of IP.
    #[inline]
    pub(crate) fn version(self) -> Option<Version> {
        match u32::from(self.original().0.src.l3num) {
            bindings::NFPROTO_IPV4 => Some(Version::V4),
            bindings::NFPROTO_IPV6 => Some(Version::V6),
            _ => None,
        }
    }

    /// Its mark.
    #[inline]
    pub(crate) fn mark(self) -> u32 {
        // SAFETY: By the type invariant. Others write it whole.
        unsafe { (&raw const (*self.as_ptr()).mark).read_volatile() }
    }

    /// Sets its mark, and tells so if it is confirmed.
    pub(crate) fn set_mark(self, mark: u32) {
        // SAFETY: By the type invariant. Others read and write it whole.
        unsafe { (&raw mut (*self.as_ptr()).mark).write_volatile(mark) };
        if self.is_confirmed() {
            self.event(bindings::ip_conntrack_events_IPCT_MARK);
        }
    }

    /// The bytes of an extension, if it has that.
    #[inline]
    fn extension(self, id: bindings::nf_ct_ext_id) -> Option<NonNull<u8>> {
        // SAFETY: By the type invariant. Extensions are added before a connection is confirmed, by
        // the only one who has it.
        let ext = unsafe { NonNull::new((*self.as_ptr()).ext) }?;
        // SAFETY: The extensions are valid for as long as the connection.
        let offset = unsafe { &(*ext.as_ptr()).offset };
        let offset = usize::from(*offset.get(id as usize)?);
        if offset == 0 {
            return None;
        }
        // SAFETY: The extension is at that offset in the same allocation.
        Some(unsafe { ext.cast::<u8>().add(offset) })
    }

    /// Its labels, if it has some.
    #[inline]
    pub(crate) fn labels(self) -> Option<Labels> {
        let labels = self.extension(bindings::nf_ct_ext_id_NF_CT_EXT_LABELS)?;
        // SAFETY: The extension has at least as many bytes, aligned for machine words. Others change
        // them word by word.
        Some(unsafe { labels.cast::<Labels>().as_ptr().read_volatile() })
    }

    /// Makes the labels of a new connection these, and returns them.
    ///
    /// Fails if there is no memory for them, or nobody has asked for labels in the namespace.
    pub(crate) fn init_labels(self, labels: Labels) -> Result {
        if self.is_confirmed() {
            return Err(EBUSY);
        }
        // SAFETY: By the type invariant. The connection is not confirmed, so that nobody else has it.
        let to = unsafe { bindings::nf_ct_labels(self.as_ptr(), true) };
        if to.is_null() {
            return Err(ENOSPC);
        }
        // SAFETY: The pointer is the labels, which nobody else uses.
        unsafe { to.cast::<Labels>().write_unaligned(labels) };
        self.event(bindings::ip_conntrack_events_IPCT_LABEL);
        Ok(())
    }

    /// Sets the labels that `mask` selects. No other bit may be set in `value`.
    ///
    /// Fails if the connection has no labels, and is confirmed.
    pub(crate) fn set_labels(self, value: &Labels, mask: &Labels) -> Result {
        let words = |labels: &Labels| -> [u32; 4] {
            // The words are only handed on.
            zerocopy::transmute!(*labels)
        };
        let (value, mask) = (words(value), words(mask));
        // SAFETY: By the type invariant; the arrays have as many words.
        to_result(unsafe {
            bindings::nf_connlabels_replace(
                self.as_ptr(),
                value.as_ptr(),
                mask.as_ptr(),
                value.len() as c_uint,
            )
        })
    }

    /// Whether it has a helper.
    #[inline]
    pub(crate) fn has_helper(self) -> bool {
        self.extension(bindings::nf_ct_ext_id_NF_CT_EXT_HELPER)
            .is_some()
    }

    /// Sets which events of the connection are told (`1 << IPCT_*`).
    pub(crate) fn set_eventmask(self, mask: u16) {
        // SAFETY: By the type invariant.
        unsafe { bindings::nf_ct_set_eventmask(self.as_ptr(), mask) };
    }

    /// Remembers an event, to be told with others.
    fn event(self, event: bindings::ip_conntrack_events) {
        // SAFETY: By the type invariant.
        unsafe { bindings::nf_ct_event(self.as_ptr(), event) };
    }

    /// Tells the events remembered.
    #[inline]
    pub(crate) fn deliver_events(self) {
        if self
            .extension(bindings::nf_ct_ext_id_NF_CT_EXT_ECACHE)
            .is_some()
        {
            // SAFETY: By the type invariant.
            unsafe { bindings::nf_ct_deliver_cached_events(self.as_ptr()) };
        }
    }

    /// From when it is established on, takes segments of a TCP connection for valid that are outside
    /// of its windows.
    #[inline]
    pub(crate) fn be_liberal(self) {
        const TCP: u8 = 6;
        if self.original().protocol() == TCP && self.is_confirmed() {
            // SAFETY: By the type invariant.
            unsafe { bindings::nf_ct_be_liberal(self.as_ptr()) };
        }
    }
}
