// SPDX-License-Identifier: GPL-2.0

//! Packets.
//!
//! An [`SkBuff`] is a packet with one owner, who sends it, queues it, or drops it for a reason. What
//! is only a field of `struct sk_buff` is read and written in place; what must allocate, or has
//! checks that are not obvious, is left to C.
//!
//! - this file: ownership, and the bytes of the packet;
//! - [`headers`]: where the headers are, and moving the start of the packet;
//! - [`meta`]: what comes with a packet: mark, hash, device, ...;
//! - [`vlan`], [`checksum`], [`gso`]: what hardware may have done, or is to do;
//! - [`encap`]: headers put before others;
//! - [`send`]: ways a packet leaves.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

mod checksum;
mod encap;
mod gso;
mod headers;
mod meta;
mod send;
mod vlan;

pub(crate) use self::{
    checksum::IpSummed,
    vlan::Tag, //
};

use super::drop_reason;
use crate::{
    alloc::gfp,
    bindings, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    slice, //
};
use kernel::{
    alloc::{
        AllocError,
        Flags, //
    },
    error::to_result,
    prelude::*, //
};

/// The fields of a packet that a clone has copies of.
type Headers = bindings::sk_buff__bindgen_ty_4__bindgen_ty_2;

/// A packet.
///
/// Dropping it without saying more is dropping the packet for no particular reason.
///
/// # Invariants
///
/// The pointer owns a valid buffer that is not shared: nobody else has a reference to this
/// `struct sk_buff`. Its data may be shared with clones.
#[repr(transparent)]
pub(crate) struct SkBuff(NonNull<bindings::sk_buff>);

// SAFETY: An owned packet may be used and freed by any thread.
unsafe impl Send for SkBuff {}
// SAFETY: A shared reference only reads.
unsafe impl Sync for SkBuff {}

impl SkBuff {
    /// Takes over a packet.
    ///
    /// # Safety
    ///
    /// `skb` must be valid and not shared, and the caller must give up the reference to it.
    #[inline]
    pub(in crate::net) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: By the requirements of this function.
        Self(skb)
    }

    /// Gives the packet to C.
    #[inline]
    pub(in crate::net) fn into_raw(self) -> *mut bindings::sk_buff {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The pointer for C functions.
    #[inline]
    pub(in crate::net) fn as_ptr(&self) -> *mut bindings::sk_buff {
        self.0.as_ptr()
    }

    /// The fields.
    #[inline]
    fn raw(&self) -> &bindings::sk_buff {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }

    /// The fields, to change them.
    #[inline]
    fn raw_mut(&mut self) -> &mut bindings::sk_buff {
        // SAFETY: By the type invariant nobody else has a reference.
        unsafe { self.0.as_mut() }
    }

    /// The fields that a clone has copies of.
    #[inline]
    fn fields(&self) -> &Headers {
        // SAFETY: `headers` is the same group of fields under another name, always valid.
        unsafe { self.raw().__bindgen_anon_4.headers.as_ref() }
    }

    /// The fields that a clone has copies of, to change them.
    #[inline]
    fn fields_mut(&mut self) -> &mut Headers {
        // SAFETY: As for `fields()`.
        unsafe { self.raw_mut().__bindgen_anon_4.headers.as_mut() }
    }

    /// Allocates an empty packet with room for `headroom` bytes before and `len` after its start.
    pub(crate) fn new(headroom: usize, len: usize, flags: Flags) -> Result<Self, AllocError> {
        let size = headroom
            .checked_add(len)
            .and_then(|size| u32::try_from(size).ok())
            .ok_or(AllocError)?;
        // SAFETY: The headroom is a part of the size, so it fits in the buffer.
        let skb = unsafe { bindings::alloc_skb_headroom(size, headroom as u32, gfp(flags)) };
        // INVARIANT: The function returns an owned buffer or null.
        NonNull::new(skb).map(Self).ok_or(AllocError)
    }

    /// A second packet with the same data.
    #[inline]
    pub(crate) fn try_clone(&self) -> Option<Self> {
        // SAFETY: By the type invariant.
        let skb = unsafe { bindings::skb_clone(self.as_ptr(), bindings::GFP_ATOMIC) };
        // INVARIANT: The function returns an owned buffer or null.
        NonNull::new(skb).map(Self)
    }

    /// Frees the packet: it has been dealt with.
    #[inline]
    pub(crate) fn consume(self) {
        // SAFETY: By the type invariant this value owns the buffer.
        unsafe { bindings::consume_skb(self.into_raw()) };
    }

    /// Drops the packet for a reason.
    #[inline]
    pub(crate) fn drop_reason(self, reason: impl Into<drop_reason::Code>) {
        let reason = reason.into().as_raw();
        // SAFETY: By the type invariant this value owns the buffer. There is no socket to name.
        unsafe { bindings::sk_skb_reason_drop(core::ptr::null_mut(), self.into_raw(), reason) };
    }

    /// Drops the packet, after telling the one who waits for zero-copied data that it did not go out.
    pub(crate) fn tx_error(self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::skb_tx_error(self.as_ptr()) };
        drop(self);
    }

    /// The length of the packet.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.raw().len
    }

    /// How many bytes of the packet are in one piece with its start.
    #[inline]
    pub(crate) fn headlen(&self) -> usize {
        // `data_len` is the length of the part that is not, hence at most `len`.
        self.raw().len.wrapping_sub(self.raw().data_len) as usize
    }

    /// The bytes that are in one piece with the start of the packet.
    #[inline]
    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: By the type invariant the buffer is valid: the linear part is this long.
        unsafe { slice::from_raw_parts(self.raw().data, self.headlen()) }
    }

    /// The same bytes, to change them; none if they are shared with a clone.
    ///
    /// See [`ensure_writable`](Self::ensure_writable).
    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        let len = self.headlen();
        let shared = self.raw().cloned() != 0 && self.is_shared(len as u32);
        let len = if shared { 0 } else { len };
        // SAFETY: By the type invariant the buffer is valid: the linear part is at least this long,
        // and nobody else has it, or it has no bytes here.
        unsafe { slice::from_raw_parts_mut(self.raw().data, len) }
    }

    /// Whether a clone has the first `len` bytes too.
    fn is_shared(&self, len: u32) -> bool {
        // SAFETY: By the type invariant.
        unsafe { !bindings::skb_writable(self.as_ptr(), len) }
    }

    /// Makes at least the first `len` bytes one piece that is not shared with a clone.
    ///
    /// Of a packet that is shared, all that is in one piece becomes a copy.
    #[inline]
    pub(crate) fn ensure_writable(&mut self, len: usize) -> Result<&mut [u8]> {
        if self.raw().cloned() != 0 || len > self.headlen() {
            self.make_writable(len)?;
        }
        Ok(self.data_mut())
    }

    /// The rest of [`ensure_writable`](Self::ensure_writable).
    fn make_writable(&mut self, len: usize) -> Result {
        let len = u32::try_from(len)?;
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe { bindings::skb_make_writable(self.as_ptr(), len) })
    }

    /// Brings the first `len` bytes of the packet in one piece.
    ///
    /// Fails if the packet is shorter, or there is no memory.
    #[inline]
    pub(crate) fn may_pull(&mut self, len: usize) -> bool {
        len <= self.headlen() || self.pull_tail(len)
    }

    /// The rest of [`may_pull`](Self::may_pull).
    #[cold]
    fn pull_tail(&mut self, len: usize) -> bool {
        let Ok(more) = u32::try_from(len.saturating_sub(self.headlen())) else {
            return false;
        };
        if len > self.len() as usize {
            return false;
        }
        // SAFETY: By the type invariant the buffer is not shared; there are as many bytes more.
        unsafe { !bindings::__pskb_pull_tail(self.as_ptr(), more as c_int).is_null() }
    }

    /// The `len` bytes from `offset` on, brought in one piece with the start of the packet.
    #[inline]
    pub(crate) fn header(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        let end = offset.checked_add(len)?;
        if !self.may_pull(end) {
            return None;
        }
        self.data().get(offset..end)
    }

    /// Copies bytes from `offset` on, wherever they are.
    ///
    /// Fails if the packet is shorter.
    pub(crate) fn copy_bits(&self, offset: usize, to: &mut [u8]) -> Result {
        let len = c_int::try_from(to.len())?;
        let offset = c_int::try_from(offset)?;
        // SAFETY: By the type invariant the buffer is valid; `to` is as long as is said.
        to_result(unsafe {
            bindings::skb_copy_bits(self.as_ptr(), offset, to.as_mut_ptr().cast(), len)
        })
    }

    /// Adds `bytes` at the end of a packet that is in one piece.
    pub(crate) fn put_slice(&mut self, bytes: &[u8]) -> Result {
        // SAFETY: By the type invariant.
        let room = unsafe { bindings::skb_tailroom(self.as_ptr()) };
        if self.raw().data_len != 0 || bytes.len() > room.max(0) as usize {
            return Err(EMSGSIZE);
        }
        // SAFETY: There is this much room behind the linear part.
        unsafe {
            bindings::skb_put(self.as_ptr(), bytes.len() as u32)
                .cast::<u8>()
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
        Ok(())
    }

    /// Cuts the packet off after `len` bytes, if it is longer.
    pub(crate) fn trim(&mut self, len: u32) -> Result {
        if len >= self.len() {
            return Ok(());
        }
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe { bindings::pskb_trim_rcsum(self.as_ptr(), len) })
    }
}

impl Drop for SkBuff {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the buffer. There is no socket to name.
        unsafe {
            bindings::sk_skb_reason_drop(
                core::ptr::null_mut(),
                self.0.as_ptr(),
                drop_reason::Code::NOT_SPECIFIED.as_raw(),
            )
        };
    }
}
