// SPDX-License-Identifier: GPL-2.0

//! Requests.

use crate::{
    bindings,
    net::{
        errno::EOPNOTSUPP,
        namespace::Net,
        netlink::{
            Attr,
            Error, //
        }, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    transmute::FromBytes, //
};

/// A request.
///
/// # Invariants
///
/// The pointer is to a request that is being handled during `'a`, whose message and validated
/// attributes live for `'a`.
pub(crate) struct Info<'a>(NonNull<bindings::genl_info>, PhantomData<&'a ()>);

impl<'a> Info<'a> {
    /// The request at `info`.
    ///
    /// # Safety
    ///
    /// It must be one that is being handled during `'a`.
    pub(super) unsafe fn from_raw(info: *const bindings::genl_info) -> Self {
        // SAFETY: By the requirements of this function.
        let info = unsafe { NonNull::new_unchecked(info.cast_mut()) };
        // INVARIANT: By the requirements of this function.
        Self(info, PhantomData)
    }

    /// The pointer for C functions.
    pub(in crate::net) fn as_ptr(&self) -> *mut bindings::genl_info {
        self.0.as_ptr()
    }

    fn raw(&self) -> &'a bindings::genl_info {
        // SAFETY: By the type invariant. The core does not change it while the request is handled;
        // what the extended acknowledgement points at is not part of it.
        unsafe { self.0.as_ref() }
    }

    /// The namespace of the sender's socket.
    pub(crate) fn net(&self) -> &'a Net {
        // SAFETY: By the type invariant. The socket keeps its namespace.
        unsafe { Net::from_raw(bindings::genl_info_net(self.as_ptr())) }
    }

    /// The sender's socket.
    pub(crate) fn portid(&self) -> u32 {
        self.raw().snd_portid
    }

    /// The request's sequence number.
    pub(crate) fn seq(&self) -> u32 {
        self.raw().snd_seq
    }

    /// The flags of the message (`NLM_F_*`).
    pub(crate) fn flags(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.raw().nlhdr).nlmsg_flags }.into()
    }

    /// The version of the family that the sender speaks.
    pub(crate) fn version(&self) -> u8 {
        // SAFETY: By the type invariant.
        unsafe { (*self.raw().genlhdr).version }
    }

    /// The family's own header, if there is all of one.
    ///
    /// There always is in a request that has been validated.
    pub(crate) fn user_header<H: FromBytes + Copy>(&self) -> Option<H> {
        const HEADERS: usize = size_of::<bindings::nlmsghdr>() + size_of::<bindings::genlmsghdr>();
        let header = self.raw().nlhdr;
        // SAFETY: By the type invariant.
        let len = unsafe { (*header).nlmsg_len } as usize;
        if len.saturating_sub(HEADERS) < size_of::<H>() {
            return None;
        }
        // SAFETY: The message is this long, and any bytes are valid for the type.
        Some(unsafe { header.byte_add(HEADERS).cast::<H>().read_unaligned() })
    }

    /// The attribute with the number `kind`.
    pub(crate) fn attr(&self, kind: u32) -> Option<Attr<'a>> {
        let raw = self.raw();
        // SAFETY: By the type invariant. The family outlives its requests.
        let max = unsafe { (*raw.family).maxattr };
        if raw.attrs.is_null() || kind > max {
            return None;
        }
        // SAFETY: The array has elements up to the family's greatest number, as no operation has a
        // policy of its own, and what it points at has been validated.
        unsafe { Attr::from_raw(*raw.attrs.add(kind as usize)) }
    }

    /// The attribute with the number `kind`, which there must be.
    ///
    /// The missing attribute is named in the extended acknowledgement, beside `msg`.
    pub(crate) fn require(&self, kind: u32, msg: &'static CStr) -> Result<Attr<'a>, Error> {
        self.attr(kind).ok_or_else(|| {
            if let Some(extack) = NonNull::new(self.raw().extack) {
                // SAFETY: By the type invariant; nothing else uses it now.
                unsafe { (*extack.as_ptr()).miss_type = kind as u16 };
            }
            Error::new(EINVAL, msg)
        })
    }

    /// Refuses the attribute with the number `kind`.
    pub(crate) fn refuse(&self, kind: u32, msg: &'static CStr) -> Result<(), Error> {
        match self.attr(kind) {
            Some(attr) => Err(Error::new(EOPNOTSUPP, msg).with_attr(attr)),
            None => Ok(()),
        }
    }
}
