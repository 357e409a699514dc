// SPDX-License-Identifier: GPL-2.0

//! Messages under construction.

use super::{
    align,
    Error,
    NLA_HDRLEN, //
};
use crate::{
    alloc::gfp,
    bindings,
    net::{
        genetlink::{
            Family,
            Info, //
        },
        namespace::Net, //
    }, //
};
use core::{
    mem::ManuallyDrop,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        AllocError,
        Flags, //
    },
    error::to_result,
    prelude::*,
    transmute::AsBytes, //
};

/// A buffer for one message.
///
/// # Invariants
///
/// The pointer owns a valid `sk_buff` without fragments.
pub(crate) struct NetlinkSkBuff(NonNull<bindings::sk_buff>);

// SAFETY: An owned buffer may be used and freed by any thread.
unsafe impl Send for NetlinkSkBuff {}

impl NetlinkSkBuff {
    /// Allocates a buffer for a message with `size` bytes after the generic netlink header.
    pub(crate) fn new(size: usize, flags: Flags) -> Result<Self, AllocError> {
        // SAFETY: No requirements.
        let skb = unsafe { bindings::genlmsg_new(size, gfp(flags)) };
        // INVARIANT: The function returns an owned buffer or null.
        NonNull::new(skb).map(Self).ok_or(AllocError)
    }

    /// Starts a message, with a user header of zeroes if the family has one.
    pub(crate) fn genlmsg_put(
        self,
        portid: u32,
        seq: u32,
        family: &'static Family,
        cmd: u8,
    ) -> Result<GenlMsg, AllocError> {
        // SAFETY: By the type invariant the buffer is valid.
        let body = unsafe { Body::new(self.0, portid, seq, family, 0, cmd) }.ok_or(AllocError)?;
        Ok(GenlMsg {
            body,
            skb: ManuallyDrop::new(self),
        })
    }
}

impl Drop for NetlinkSkBuff {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the buffer.
        unsafe { bindings::consume_skb(self.0.as_ptr()) };
    }
}

/// The part of a message that is written to: its end.
///
/// # Invariants
///
/// `skb` is a valid buffer that nothing else uses while the value exists. `user_header` points
/// behind the generic netlink header of the last message in it, at `user_header_len` bytes.
pub(crate) struct Body {
    skb: NonNull<bindings::sk_buff>,
    user_header: NonNull<u8>,
    user_header_len: usize,
}

impl Body {
    /// Puts the headers of a message at the end of `skb`, unless there is no room.
    ///
    /// # Safety
    ///
    /// `skb` must be valid, and nothing else may use it for as long as the result exists.
    pub(in crate::net) unsafe fn new(
        skb: NonNull<bindings::sk_buff>,
        portid: u32,
        seq: u32,
        family: &'static Family,
        flags: u32,
        cmd: u8,
    ) -> Option<Self> {
        // SAFETY: By the requirements of this function, and the family is valid.
        let header = unsafe {
            bindings::genlmsg_put(
                skb.as_ptr(),
                portid,
                seq,
                family.as_raw(),
                flags as c_int,
                cmd,
            )
        };
        let user_header = NonNull::new(header.cast::<u8>())?;
        let user_header_len = family.header_len();
        // SAFETY: The function has made room for the family's header.
        unsafe { user_header.write_bytes(0, user_header_len) };
        // INVARIANT: By the requirements of this function.
        Some(Self {
            skb,
            user_header,
            user_header_len,
        })
    }

    /// The user header.
    pub(crate) fn user_header_mut(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariant.
        unsafe { core::slice::from_raw_parts_mut(self.user_header.as_ptr(), self.user_header_len) }
    }

    /// The end of the message: it can be written to, and [committed](Self::commit).
    ///
    /// The bytes are whatever was in the memory before.
    pub(crate) fn tail_mut(&mut self) -> &mut [u8] {
        let skb = self.skb.as_ptr();
        // SAFETY: By the type invariant the buffer is valid; the function returns where the linear
        // part ends and how much memory is behind.
        let (tail, len) = unsafe {
            (
                bindings::skb_tail_pointer(skb),
                bindings::skb_tailroom(skb), //
            )
        };
        // SAFETY: The memory behind the tail belongs to the buffer. It comes from C, so that any
        // byte in it is an initialised one.
        unsafe { core::slice::from_raw_parts_mut(tail, len.max(0) as usize) }
    }

    /// Makes the first `len` bytes of [`tail_mut`](Self::tail_mut) part of the message.
    ///
    /// Each of them must have been written: the rest is memory of the kernel that is none of the
    /// receiver's business. `len` should be a multiple of the attributes' alignment.
    pub(crate) fn commit(&mut self, len: usize) -> Result<(), Error> {
        if len > self.tail_mut().len() {
            return Err(EMSGSIZE.into());
        }
        // SAFETY: By the type invariant the buffer is valid, and there is room.
        unsafe { bindings::skb_put(self.skb.as_ptr(), len as u32) };
        Ok(())
    }

    /// Puts an attribute.
    pub(crate) fn put<T: ?Sized + AsBytes>(&mut self, kind: u32, value: &T) -> Result<(), Error> {
        self.put_bytes(kind, value.as_bytes())
    }

    /// Puts an attribute with `payload`.
    pub(crate) fn put_bytes(&mut self, kind: u32, payload: &[u8]) -> Result<(), Error> {
        if payload.len() > usize::from(u16::MAX) - NLA_HDRLEN {
            return Err(EMSGSIZE.into());
        }
        // SAFETY: By the type invariant the buffer is valid, and `payload` is readable.
        to_result(unsafe {
            bindings::nla_put(
                self.skb.as_ptr(),
                kind as c_int,
                payload.len() as c_int,
                payload.as_ptr().cast(),
            )
        })?;
        Ok(())
    }

    /// Puts a number of one byte.
    pub(crate) fn put_u8(&mut self, kind: u32, value: u8) -> Result<(), Error> {
        self.put(kind, &value)
    }

    /// Puts a number of two bytes.
    pub(crate) fn put_u16(&mut self, kind: u32, value: u16) -> Result<(), Error> {
        self.put(kind, &value)
    }

    /// Puts a number of four bytes.
    pub(crate) fn put_u32(&mut self, kind: u32, value: u32) -> Result<(), Error> {
        self.put(kind, &value)
    }

    /// Puts a number of four bytes with a sign.
    pub(crate) fn put_s32(&mut self, kind: u32, value: i32) -> Result<(), Error> {
        self.put(kind, &value)
    }

    /// Puts a number of eight bytes, aligned to them with an attribute `pad` before it on machines
    /// that need that.
    pub(crate) fn put_u64(&mut self, kind: u32, value: u64, pad: u32) -> Result<(), Error> {
        self.put_64bit(kind, &value, pad)
    }

    /// Puts an attribute that has numbers of eight bytes, as [`put_u64`](Self::put_u64) does.
    pub(crate) fn put_64bit<T: ?Sized + AsBytes>(
        &mut self,
        kind: u32,
        value: &T,
        pad: u32,
    ) -> Result<(), Error> {
        let payload = value.as_bytes();
        if payload.len() > usize::from(u16::MAX) - NLA_HDRLEN {
            return Err(EMSGSIZE.into());
        }
        // SAFETY: By the type invariant the buffer is valid, and `payload` is readable.
        to_result(unsafe {
            bindings::nla_put_64bit(
                self.skb.as_ptr(),
                kind as c_int,
                payload.len() as c_int,
                payload.as_ptr().cast(),
                pad as c_int,
            )
        })?;
        Ok(())
    }

    /// Puts a string, with the NUL character.
    pub(crate) fn put_string(&mut self, kind: u32, value: &CStr) -> Result<(), Error> {
        self.put_bytes(kind, value.to_bytes_with_nul())
    }

    /// Starts an attribute of attributes.
    pub(crate) fn nest_start(&mut self, kind: u32) -> Result<Nest<'_>, Error> {
        let start = self.len();
        self.put_bytes(kind, &[])?;
        Ok(Nest { body: self, start })
    }

    /// The length of all that is in the buffer.
    pub(in crate::net) fn len(&self) -> u32 {
        // SAFETY: By the type invariant the buffer is valid.
        unsafe { (*self.skb.as_ptr()).len }
    }

    /// Cuts off what was put since the length was `len`.
    fn trim(&mut self, len: u32) {
        // SAFETY: By the type invariant the buffer is valid; the function checks the length.
        unsafe { bindings::skb_trim(self.skb.as_ptr(), len) };
    }

    /// Where the message starts in the buffer.
    fn start(&self) -> u32 {
        // SAFETY: By the type invariant the user header is in the linear part of the buffer, with
        // the two other headers before it.
        let headers = unsafe {
            self.user_header
                .as_ptr()
                .offset_from((*self.skb.as_ptr()).data)
        };
        (headers as u32).saturating_sub(HEADERS)
    }

    /// Removes the message from the buffer.
    pub(in crate::net) fn cancel(&mut self) {
        self.trim(self.start());
    }

    /// Completes the message: its length includes fragments.
    pub(in crate::net) fn end(&mut self) {
        let len = self.len().saturating_sub(self.start());
        // SAFETY: By the type invariant the message starts with its header, aligned, this far
        // before the user header.
        unsafe {
            let header = self.user_header.as_ptr().sub(HEADERS as usize);
            (*header.cast::<bindings::nlmsghdr>()).nlmsg_len = len;
        }
    }

    /// Puts an attribute with the first `len` bytes of the packet `from`, of which the first
    /// `headlen` are copied and the rest shared.
    ///
    /// It must be the last attribute, as there may be nothing behind fragments. `headlen` is `len`,
    /// or what `skb_zerocopy_headlen()` says if that is less: no other part can be shared.
    ///
    /// # Safety
    ///
    /// `from` must be a valid packet of at least `len` bytes that is not changed during the call.
    pub(in crate::net) unsafe fn put_packet(
        &mut self,
        kind: u32,
        from: *mut bindings::sk_buff,
        len: u32,
        headlen: u32,
    ) -> Result<(), Error> {
        // SAFETY: By the requirements of this function.
        let shareable = unsafe { bindings::skb_zerocopy_headlen(from) };
        if headlen != len && headlen != shareable.min(len) {
            return Err(EINVAL.into());
        }
        let total = (len as usize).saturating_add(NLA_HDRLEN);
        let total = u16::try_from(total).map_err(|_| EFBIG)?;
        self.put_bytes(kind, &[])?;
        let tail = self.tail_mut();
        if headlen as usize > tail.len() {
            return Err(EMSGSIZE.into());
        }
        let at = tail.as_mut_ptr();
        // SAFETY: An attribute's header was put just before the tail. Attributes are aligned.
        unsafe { (*at.sub(NLA_HDRLEN).cast::<bindings::nlattr>()).nla_len = total };
        // SAFETY: Both buffers are valid, the packet is long enough, and there is room for the part
        // that is copied.
        to_result(unsafe {
            bindings::skb_zerocopy(
                self.skb.as_ptr(),
                from,
                len as c_int,
                headlen as c_int, //
            )
        })?;
        Ok(())
    }

    /// Fills the message up to the attributes' alignment, if it is linear.
    pub(crate) fn pad(&mut self) -> Result<(), Error> {
        let len = self.len() as usize;
        let pad = align(len).saturating_sub(len);
        match self.tail_mut().get_mut(..pad) {
            Some(tail) => tail.fill(0),
            None => return Err(EMSGSIZE.into()),
        }
        self.commit(pad)
    }
}

/// The length of the two headers that come before the user header.
const HEADERS: u32 = (size_of::<bindings::nlmsghdr>() + size_of::<bindings::genlmsghdr>()) as u32;

/// A message under construction, in a buffer of its own.
///
/// It [is](Deref) a [`Body`] to be filled, and sending consumes it.
pub(crate) struct GenlMsg {
    body: Body,
    skb: ManuallyDrop<NetlinkSkBuff>,
}

// SAFETY: An owned buffer may be used and freed by any thread.
unsafe impl Send for GenlMsg {}

impl Deref for GenlMsg {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.body
    }
}

impl DerefMut for GenlMsg {
    fn deref_mut(&mut self) -> &mut Body {
        &mut self.body
    }
}

impl Drop for GenlMsg {
    fn drop(&mut self) {
        // SAFETY: The field is not used again.
        unsafe { ManuallyDrop::drop(&mut self.skb) };
    }
}

impl GenlMsg {
    /// Completes the message and gives up ownership of the buffer.
    fn finish(self) -> *mut bindings::sk_buff {
        let mut this = ManuallyDrop::new(self);
        this.body.end();
        this.skb.0.as_ptr()
    }

    /// Sends the message to the socket `portid` in `net`. Does not wait for room in its queue.
    pub(crate) fn unicast(self, net: &Net, portid: u32) -> Result {
        // SAFETY: The function takes ownership of the buffer, and `net` is valid.
        to_result(unsafe { bindings::genlmsg_unicast(net.as_ptr(), self.finish(), portid) })
    }

    /// Sends the message to the sender of a request.
    pub(crate) fn reply(self, info: &Info<'_>) -> Result {
        self.unicast(info.net(), info.portid())
    }

    /// Sends the message to all members of a group in `net` except the socket `portid`.
    ///
    /// `group` counts the groups of the family.
    pub(crate) fn multicast(
        self,
        family: &'static Family,
        net: &Net,
        portid: u32,
        group: u32,
        flags: Flags,
    ) -> Result {
        // SAFETY: The function takes ownership of the buffer; family and `net` are valid.
        to_result(unsafe {
            bindings::genlmsg_multicast_netns(
                family.as_raw(),
                net.as_ptr(),
                self.finish(),
                portid,
                group,
                gfp(flags),
            )
        })
    }

    /// Tells the group about the outcome of a request, and its sender too if it asked for an echo.
    pub(crate) fn notify(self, family: &'static Family, info: &Info<'_>, group: u32, flags: Flags) {
        // SAFETY: The function takes ownership of the buffer; family and request are valid.
        unsafe {
            bindings::genl_notify(
                family.as_raw(),
                self.finish(),
                info.as_ptr(),
                group,
                gfp(flags),
            )
        };
    }
}

/// An attribute of attributes under construction.
///
/// It [is](Deref) a [`Body`] to be filled. Unless it is [ended](Self::end) it is removed.
pub(crate) struct Nest<'a> {
    body: &'a mut Body,
    start: u32,
}

impl Nest<'_> {
    /// Completes the attribute.
    pub(crate) fn end(self) -> Result<(), Error> {
        let len = self.body.len().saturating_sub(self.start);
        let Ok(len) = u16::try_from(len) else {
            return Err(EMSGSIZE.into());
        };
        // SAFETY: By the type invariant of `Body` the buffer is valid, and this attribute's header
        // was put at `start`, in the linear part, aligned.
        unsafe {
            let at = (*self.body.skb.as_ptr()).data.add(self.start as usize);
            (*at.cast::<bindings::nlattr>()).nla_len = len;
        }
        let _ = ManuallyDrop::new(self);
        Ok(())
    }
}

impl Deref for Nest<'_> {
    type Target = Body;

    fn deref(&self) -> &Body {
        self.body
    }
}

impl DerefMut for Nest<'_> {
    fn deref_mut(&mut self) -> &mut Body {
        self.body
    }
}

impl Drop for Nest<'_> {
    fn drop(&mut self) {
        self.body.trim(self.start);
    }
}
