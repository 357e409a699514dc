// SPDX-License-Identifier: GPL-2.0

//! Dumps: one request, many records in many messages.
//!
//! The core calls [`Dump::dump`] with an empty message again and again, until it leaves the message
//! empty. Where it got to is kept in the request ([`DumpState::cursor`]).

use super::{
    Family,
    Info, //
};
use crate::{
    bindings,
    net::netlink::{
        Body,
        Error, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A command that can dump.
pub(crate) trait Dump {
    /// Puts as many records in `msg` as there is room for, from where `state` says.
    ///
    /// Done, if it puts none. `EMSGSIZE` from a record that did not fit may be returned as it is: it
    /// is an error only if it was the first one.
    fn dump(msg: &mut DumpMsg<'_>, state: &mut DumpState<'_>) -> Result<(), Error>;
}

/// Runs the dump of `D`.
///
/// # Safety
///
/// Only the netlink core may call this, with a message and a request that are valid for the call.
pub(super) unsafe extern "C" fn dumpit<D: Dump>(
    skb: *mut bindings::sk_buff,
    cb: *mut bindings::netlink_callback,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let skb = unsafe { NonNull::new_unchecked(skb) };
    // INVARIANT: By the requirements of this function.
    let mut msg = DumpMsg {
        skb,
        // SAFETY: By the requirements of this function.
        info: unsafe { Info::from_raw(bindings::genl_info_dump(cb)) },
    };
    let mut state = DumpState {
        // SAFETY: By the requirements of this function; the core does not use it during the call.
        // All of the union is numbers.
        cursor: unsafe { &mut (*cb).__bindgen_anon_1.args },
        // SAFETY: By the requirements of this function.
        info: unsafe { Info::from_raw(bindings::genl_info_dump(cb)) },
    };
    let result = D::dump(&mut msg, &mut state);
    // SAFETY: By the requirements of this function.
    let len = unsafe { (*skb.as_ptr()).len };
    match result {
        Err(error) if error.code() != EMSGSIZE || len == 0 => {
            // SAFETY: By the requirements of this function.
            unsafe { error.report((*cb).extack) }
        }
        // A message is far shorter than this.
        _ => len as c_int,
    }
}

/// The request of a dump.
pub(crate) struct DumpState<'a> {
    cursor: &'a mut [c_long; 6],
    info: Info<'a>,
}

impl<'a> DumpState<'a> {
    /// Where the dump is: zeroes at first, then what the call before has left.
    pub(crate) fn cursor(&mut self) -> &mut [c_long; 6] {
        self.cursor
    }

    /// The request.
    pub(crate) fn info(&self) -> &Info<'a> {
        &self.info
    }
}

/// A message that records are put in.
///
/// # Invariants
///
/// `skb` is a valid buffer that nothing else uses during `'a`.
pub(crate) struct DumpMsg<'a> {
    skb: NonNull<bindings::sk_buff>,
    info: Info<'a>,
}

impl DumpMsg<'_> {
    /// Starts a record.
    pub(crate) fn record(&mut self, family: &'static Family, cmd: u8) -> Result<Record<'_>, Error> {
        // SAFETY: By the type invariant; this value cannot be used while the result exists.
        let body = unsafe {
            Body::new(
                self.skb,
                self.info.portid(),
                self.info.seq(),
                family,
                bindings::NLM_F_MULTI,
                cmd,
            )
        };
        Ok(Record {
            body: body.ok_or(EMSGSIZE)?,
            _msg: PhantomData,
        })
    }
}

/// A record under construction.
///
/// It [is](Deref) a [`Body`] to be filled. Unless it is [ended](Self::end) it is removed.
pub(crate) struct Record<'a> {
    body: Body,
    _msg: PhantomData<&'a mut ()>,
}

impl Record<'_> {
    /// Completes the record.
    pub(crate) fn end(self) {
        ManuallyDrop::new(self).body.end();
    }
}

impl Deref for Record<'_> {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.body
    }
}

impl DerefMut for Record<'_> {
    fn deref_mut(&mut self) -> &mut Body {
        &mut self.body
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.body.cancel();
    }
}
