// SPDX-License-Identifier: GPL-2.0

//! Packets that stand for several, to be cut up on output.
//!
//! C header: [`include/net/gso.h`](srctree/include/net/gso.h)

use super::SkBuff;
use crate::{
    bindings,
    net::errno::ENODATA, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// The type of a packet whose segments are a list of packets, as they came in.
const LIST: u32 = bindings::SKB_GSO_FRAGLIST as u32;

impl SkBuff {
    #[inline]
    fn shared_info_ptr(&self) -> *mut bindings::skb_shared_info {
        let raw = self.raw();
        // SAFETY: By the type invariant the buffer is valid: the information is behind the end of
        // its data.
        unsafe { raw.head.add(raw.end as usize).cast() }
    }

    #[inline]
    fn shared_info(&self) -> &bindings::skb_shared_info {
        // SAFETY: By the type invariant the buffer is valid, and the information aligned.
        unsafe { &*self.shared_info_ptr() }
    }

    /// Whether the packet stands for several.
    #[inline]
    pub(crate) fn is_gso(&self) -> bool {
        self.shared_info().gso_size != 0
    }

    /// Whether it is a UDP datagram that is to be fragmented, not cut up.
    pub(crate) fn gso_is_fragmentation(&self) -> bool {
        self.is_gso() && self.shared_info().gso_type & bindings::SKB_GSO_UDP as u32 != 0
    }

    /// Whether each of the packets it stands for, Ethernet header included, has at most `len` bytes.
    pub(crate) fn gso_validate_mac_len(&self, len: u32) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::skb_gso_validate_mac_len(self.as_ptr(), len) }
    }

    /// Has the headers of this packet, which are about to change, be those of all that it stands for.
    ///
    /// So they are, but for a list of packets as GRO leaves it with `NETIF_F_GRO_FRAGLIST`. These keep
    /// their own headers, and are given no more of the first one's than the link layer's, addresses
    /// and ports. Nor does the kernel look whether there is room in front of them, and what cuts up
    /// packets behind MPLS labels or NSH does not find their headers: it crashes. Of a list that is
    /// marked as not to be trusted it makes one packet again, before that is cut up.
    #[inline]
    pub(crate) fn share_headers(&mut self) -> Result {
        if self.raw().data_len != 0 && self.shared_info().gso_type & LIST != 0 {
            return self.distrust();
        }
        Ok(())
    }

    /// The rest of [`share_headers`](Self::share_headers).
    #[cold]
    fn distrust(&mut self) -> Result {
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe { bindings::skb_unclone(self.as_ptr(), bindings::GFP_ATOMIC) })?;
        // SAFETY: By the type invariant the buffer is valid, and the information aligned. No clone
        // has it now.
        unsafe { (*self.shared_info_ptr()).gso_type |= bindings::SKB_GSO_DODGY as u32 };
        Ok(())
    }

    /// Makes the packets that this one stands for.
    pub(crate) fn gso_segment(&self) -> Result<Segments> {
        // What cuts it up moves its headers, writes to them, or takes them off.
        let whole = self.copy_head()?;
        // SAFETY: By the type invariant the buffer is not shared, and `NETIF_F_SG` allows segments
        // to share its fragments.
        let list =
            unsafe { bindings::__skb_gso_segment(whole.as_ptr(), bindings::NETIF_F_SG, false) };
        // It may be the first of its segments, which has a reference of its own then.
        whole.consume();
        let list = from_err_ptr(list)?;
        if list.is_null() {
            return Err(ENODATA);
        }
        // INVARIANT: The function returns a list of packets that the caller owns.
        Ok(Segments(list))
    }

    /// The same packet, its linear part in memory of its own, and all else shared.
    fn copy_head(&self) -> Result<Self> {
        let headroom = self.headroom() as c_int;
        // SAFETY: By the type invariant.
        let copy = unsafe {
            bindings::__pskb_copy_fclone(self.as_ptr(), headroom, bindings::GFP_ATOMIC, false)
        };
        // INVARIANT: The function returns an owned buffer or null.
        NonNull::new(copy).map(Self).ok_or(ENOMEM)
    }
}

/// The packets that one has been cut up into.
///
/// # Invariants
///
/// The pointer is null, or the first packet of a list, all of which this value owns.
pub(crate) struct Segments(*mut bindings::sk_buff);

impl Iterator for Segments {
    type Item = SkBuff;

    fn next(&mut self) -> Option<SkBuff> {
        let skb = NonNull::new(self.0)?;
        // INVARIANT: The rest of the list stays with this value.
        // SAFETY: By the type invariant the packet is valid and ours. The link is what the field is
        // used for in a list.
        unsafe {
            let link = &raw mut (*skb.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.next;
            self.0 = link.replace(ptr::null_mut());
        }
        // SAFETY: By the type invariant the packet is ours, and it is not in the list any more.
        Some(unsafe { SkBuff::from_raw(skb) })
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
