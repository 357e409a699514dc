// SPDX-License-Identifier: GPL-2.0

//! Headers that are put before others, or taken off: MPLS and the Network Service Header.
//!
//! C headers: [`include/net/mpls.h`](srctree/include/net/mpls.h),
//! [`include/net/nsh.h`](srctree/include/net/nsh.h)

use super::SkBuff;
use crate::bindings;
use kernel::{
    error::to_result,
    prelude::*, //
};

impl SkBuff {
    /// Puts an MPLS label stack entry `mac_len` bytes after the start, and makes the packet's type
    /// `ethertype`, also in its Ethernet header if it starts with one.
    ///
    /// The entry and the type are as they are on the wire.
    pub(crate) fn mpls_push(
        &mut self,
        lse: [u8; 4],
        ethertype: [u8; 2],
        mac_len: u16,
        ethernet: bool,
    ) -> Result {
        if u32::from(mac_len) > self.len() {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant the buffer is not shared; the function makes room, and the
        // header it moves is in the packet.
        to_result(unsafe {
            bindings::skb_mpls_push(
                self.as_ptr(),
                u32::from_ne_bytes(lse),
                u16::from_ne_bytes(ethertype),
                mac_len.into(),
                ethernet,
            )
        })
    }

    /// Takes off the MPLS label stack entry that is after the link layer's header, and makes the
    /// packet's type `ethertype`, also in its Ethernet header if it starts with one.
    ///
    /// Does nothing unless the packet's type is MPLS.
    pub(crate) fn mpls_pop(&mut self, ethertype: [u8; 2], ethernet: bool) -> Result {
        let mac_len = self.mac_len();
        // SAFETY: By the type invariant the buffer is not shared; the function makes writable what
        // it changes.
        to_result(unsafe {
            bindings::skb_mpls_pop(
                self.as_ptr(),
                u16::from_ne_bytes(ethertype),
                mac_len.into(),
                ethernet,
            )
        })
    }

    /// Puts a Network Service Header, as it is on the wire, before the start.
    ///
    /// The header's next protocol becomes that of the packet.
    pub(crate) fn nsh_push(&mut self, header: &[u8]) -> Result {
        /// The length, in words, is told by the lower six bits of the first two bytes.
        const LEN_MASK: u8 = 0x3f;
        /// The length of a header without metadata.
        const BASE: usize = 8;

        let told = match *header {
            [_, len, ..] => usize::from(len & LEN_MASK).wrapping_mul(4),
            _ => return Err(EINVAL),
        };
        if told < BASE || told > header.len() {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant the buffer is not shared; the header is as long as it tells.
        // It has no alignment that matters: the function reads the two bytes of the length, which
        // this architecture and all others with efficient access do anywhere, and copies.
        to_result(unsafe { bindings::nsh_push(self.as_ptr(), header.as_ptr().cast()) })
    }

    /// Takes the Network Service Header off the start.
    pub(crate) fn nsh_pop(&mut self) -> Result {
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe { bindings::nsh_pop(self.as_ptr()) })
    }
}
