// SPDX-License-Identifier: GPL-2.0

//! Where a packet's headers are, and where it starts.
//!
//! The positions are kept from the beginning of the buffer, here they count from the start of the
//! packet.

use super::SkBuff;
use crate::bindings;
use kernel::prelude::*;

/// The position of a header that is not known.
const UNSET: u16 = u16::MAX;

impl SkBuff {
    /// How far the packet starts from the beginning of the buffer.
    #[inline]
    pub(crate) fn headroom(&self) -> usize {
        let raw = self.raw();
        // `data` is never before `head`.
        raw.data.addr().wrapping_sub(raw.head.addr())
    }

    /// Turns a position in the buffer into one in the packet.
    #[inline]
    fn offset(&self, header: u16) -> Option<usize> {
        if header == UNSET {
            return None;
        }
        usize::from(header).checked_sub(self.headroom())
    }

    /// Turns a position in the packet into one in the buffer.
    #[inline]
    fn position(&self, offset: usize) -> Result<u16> {
        let position = self.headroom().checked_add(offset).ok_or(EINVAL)?;
        u16::try_from(position).map_err(|_| EINVAL)
    }

    /// Where the network header is, unless that is before the start.
    #[inline]
    pub(crate) fn network_offset(&self) -> Option<usize> {
        self.offset(self.fields().network_header)
    }

    /// Where the transport header is, unless that is before the start, or unknown.
    #[inline]
    pub(crate) fn transport_offset(&self) -> Option<usize> {
        self.offset(self.fields().transport_header)
    }

    /// Where the network header inside an encapsulation is, unless that is before the start.
    #[inline]
    pub(crate) fn inner_network_offset(&self) -> Option<usize> {
        self.offset(self.fields().inner_network_header)
    }

    /// Says where the link layer's header is.
    #[inline]
    pub(crate) fn set_mac_offset(&mut self, offset: usize) -> Result {
        self.fields_mut().mac_header = self.position(offset)?;
        Ok(())
    }

    /// Says where the network header is.
    #[inline]
    pub(crate) fn set_network_offset(&mut self, offset: usize) -> Result {
        self.fields_mut().network_header = self.position(offset)?;
        Ok(())
    }

    /// Says where the transport header is.
    #[inline]
    pub(crate) fn set_transport_offset(&mut self, offset: usize) -> Result {
        self.fields_mut().transport_header = self.position(offset)?;
        Ok(())
    }

    /// Says where the network header inside an encapsulation is.
    #[inline]
    pub(crate) fn set_inner_network_offset(&mut self, offset: usize) -> Result {
        self.fields_mut().inner_network_header = self.position(offset)?;
        Ok(())
    }

    /// Says where all headers are at once: the link layer's at the start, the network header behind
    /// it, and the others where they are given.
    #[inline(always)]
    pub(crate) fn set_headers(
        &mut self,
        network: usize,
        transport: Option<usize>,
        inner_network: Option<usize>,
    ) -> Result {
        let start = self.headroom();
        let farthest = network
            .max(transport.unwrap_or(0))
            .max(inner_network.unwrap_or(0));
        if start.saturating_add(farthest) >= usize::from(UNSET) {
            return Err(EINVAL);
        }
        // All of these fit now.
        let position = |offset: usize| start.wrapping_add(offset) as u16;
        let fields = self.fields_mut();
        fields.mac_header = position(0);
        fields.network_header = position(network);
        if let Some(transport) = transport {
            fields.transport_header = position(transport);
        }
        if let Some(inner_network) = inner_network {
            fields.inner_network_header = position(inner_network);
        }
        self.raw_mut().mac_len = network as u16;
        Ok(())
    }

    /// The length of the link layer's header.
    #[inline]
    pub(crate) fn mac_len(&self) -> u16 {
        self.raw().mac_len
    }

    /// Says that the link layer's header ends where the network header starts.
    #[inline]
    pub(crate) fn reset_mac_len(&mut self) {
        let fields = self.fields();
        let len = if fields.mac_header == UNSET {
            0
        } else {
            fields.network_header.wrapping_sub(fields.mac_header)
        };
        self.raw_mut().mac_len = len;
    }

    /// The type of what the network header belongs to (`ETH_P_*`), as it is on the wire.
    #[inline]
    pub(crate) fn protocol(&self) -> [u8; 2] {
        self.fields().protocol.to_ne_bytes()
    }

    /// Sets the type of what the network header belongs to.
    #[inline]
    pub(crate) fn set_protocol(&mut self, protocol: [u8; 2]) {
        self.fields_mut().protocol = u16::from_ne_bytes(protocol);
    }

    /// Moves the start of the packet `len` bytes on, which must be in one piece with it.
    ///
    /// The checksum, if it is [complete](super::IpSummed::Complete), stays as it is.
    #[inline]
    pub(crate) fn pull(&mut self, len: usize) -> Result {
        if len > self.headlen() {
            return Err(EINVAL);
        }
        let raw = self.raw_mut();
        raw.len = raw.len.wrapping_sub(len as u32);
        // SAFETY: The linear part is at least this long.
        raw.data = unsafe { raw.data.add(len) };
        Ok(())
    }

    /// Like [`pull`](Self::pull), but takes the bytes out of a complete checksum.
    #[inline]
    pub(crate) fn pull_rcsum(&mut self, len: usize) -> Result {
        let start = self.raw().data;
        self.pull(len)?;
        if let super::IpSummed::Complete(_) = self.ip_summed() {
            // SAFETY: The bytes before the start are still in the buffer.
            unsafe { bindings::skb_postpull_rcsum(self.as_ptr(), start.cast(), len as u32) };
        }
        Ok(())
    }

    /// Moves the start of the packet `len` bytes back; there must have been as many before it.
    ///
    /// The checksum, if it is [complete](super::IpSummed::Complete), stays as it is.
    #[inline]
    pub(crate) fn push(&mut self, len: usize) -> Result {
        let total = u32::try_from(len)
            .ok()
            .and_then(|len| self.raw().len.checked_add(len));
        let Some(total) = total.filter(|_| len <= self.headroom()) else {
            return Err(EINVAL);
        };
        let raw = self.raw_mut();
        raw.len = total;
        // SAFETY: There are at least as many bytes in the buffer before the start.
        raw.data = unsafe { raw.data.sub(len) };
        Ok(())
    }

    /// Like [`push`](Self::push), but puts the bytes in a complete checksum.
    #[inline]
    pub(crate) fn push_rcsum(&mut self, len: usize) -> Result {
        self.push(len)?;
        self.postpush_rcsum(len);
        Ok(())
    }

    /// Puts the first `len` bytes, which were pushed and written, in a complete checksum.
    #[inline]
    pub(in crate::net) fn postpush_rcsum(&mut self, len: usize) {
        if let super::IpSummed::Complete(_) = self.ip_summed() {
            let len = len.min(self.headlen()) as u32;
            // SAFETY: The packet starts with as many bytes in one piece.
            unsafe { bindings::skb_postpush_rcsum(self.as_ptr(), self.raw().data.cast(), len) };
        }
    }

    /// Makes sure of `headroom` bytes before the start, in a buffer not shared with a clone.
    pub(crate) fn cow_head(&mut self, headroom: u32) -> Result {
        // SAFETY: By the type invariant the buffer is not shared.
        kernel::error::to_result(unsafe { bindings::skb_cow_head(self.as_ptr(), headroom) })
    }

    /// Puts an Ethernet header before the network header, which must be the start.
    pub(crate) fn eth_push(&mut self, dst: &[u8; 6], src: &[u8; 6]) -> Result {
        // SAFETY: By the type invariant the buffer is not shared; the addresses have their length.
        kernel::error::to_result(unsafe {
            bindings::skb_eth_push(self.as_ptr(), dst.as_ptr(), src.as_ptr())
        })
    }

    /// Takes the Ethernet header off the start.
    pub(crate) fn eth_pop(&mut self) -> Result {
        // SAFETY: By the type invariant the buffer is not shared.
        kernel::error::to_result(unsafe { bindings::skb_eth_pop(self.as_ptr()) })
    }
}
