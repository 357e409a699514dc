// SPDX-License-Identifier: GPL-2.0

//! What is known of a packet's checksum, or left to do.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h), "skb checksums"

use super::SkBuff;
use crate::bindings;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// What is known of a packet's checksum, or left to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IpSummed {
    /// Nothing.
    None,
    /// It has been found right.
    Unnecessary,
    /// This is the sum of the whole packet, not folded.
    Complete(u32),
    /// The transport header has the sum of the pseudo header; the rest is to be added on output.
    Partial,
}

impl SkBuff {
    /// What is known of the checksum.
    #[inline]
    pub(crate) fn ip_summed(&self) -> IpSummed {
        let fields = self.fields();
        match u32::from(fields.ip_summed()) {
            bindings::CHECKSUM_UNNECESSARY => IpSummed::Unnecessary,
            bindings::CHECKSUM_COMPLETE => {
                // SAFETY: The union is of numbers.
                IpSummed::Complete(unsafe { fields.__bindgen_anon_1.csum })
            }
            bindings::CHECKSUM_PARTIAL => IpSummed::Partial,
            _ => IpSummed::None,
        }
    }

    /// Sets the sum of the whole packet.
    ///
    /// Does nothing unless it is [complete](IpSummed::Complete).
    #[inline]
    pub(crate) fn set_complete(&mut self, sum: u32) {
        if let IpSummed::Complete(_) = self.ip_summed() {
            self.fields_mut().__bindgen_anon_1.csum = sum;
        }
    }

    /// Does what is left to do, if that is [anything](IpSummed::Partial).
    pub(crate) fn complete_checksum(&mut self) -> Result {
        if self.ip_summed() != IpSummed::Partial {
            return Ok(());
        }
        // SAFETY: By the type invariant the buffer is not shared. No features: do it here.
        to_result(unsafe { bindings::skb_csum_hwoffload_help(self.as_ptr(), 0) })
    }

    /// Forgets what is left to do, if it is not to be done to the packet's [linear](Self::headlen) part.
    ///
    /// A guest may ask for the checksum of a tunnel's outer headers. `__skb_checksum_validate_complete()`
    /// then writes over where it starts; once the outer headers are gone, the kernel would take any part
    /// of the packet for what is to be summed up, and warn.
    pub(crate) fn forget_lost_checksum(&mut self) {
        if self.ip_summed() != IpSummed::Partial {
            return;
        }
        let fields = self.fields();
        // SAFETY: The union is of numbers.
        let csum = unsafe { fields.__bindgen_anon_1.__bindgen_anon_1 };
        let start = usize::from(csum.csum_start).checked_sub(self.headroom());
        let end = start.map(|start| start + usize::from(csum.csum_offset) + size_of::<u16>());
        if end.is_none_or(|end| end > self.headlen()) {
            self.fields_mut()
                .set_ip_summed(bindings::CHECKSUM_NONE as u8);
        }
    }

    /// The checksum of an SCTP packet whose header is at `offset`, as it belongs in the header.
    pub(crate) fn sctp_checksum(&self, offset: usize) -> u32 {
        let offset = offset.min(self.len() as usize) as u32;
        // SAFETY: By the type invariant the buffer is valid, and the packet is this long.
        unsafe { bindings::sctp_compute_cksum(self.as_ptr(), offset) }
    }
}
