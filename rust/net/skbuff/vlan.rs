// SPDX-License-Identifier: GPL-2.0

//! VLAN tags.
//!
//! The outermost tag may be beside the packet, where hardware takes it from, or puts it.
//!
//! C header: [`include/linux/if_vlan.h`](srctree/include/linux/if_vlan.h)

use super::SkBuff;
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A VLAN tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The type of tag (`ETH_P_8021Q` or `ETH_P_8021AD`), as it is on the wire.
    pub(crate) tpid: [u8; 2],
    /// Priority, drop eligibility and VLAN id, in host byte order.
    pub(crate) tci: u16,
}

impl SkBuff {
    /// The tag beside the packet.
    #[inline]
    pub(crate) fn vlan_tag(&self) -> Option<Tag> {
        // SAFETY: The union is of numbers.
        unsafe {
            let vlan = &self.fields().__bindgen_anon_2;
            if vlan.vlan_all == 0 {
                return None;
            }
            let tag = vlan.__bindgen_anon_1;
            Some(Tag {
                tpid: tag.vlan_proto.to_ne_bytes(),
                tci: tag.vlan_tci,
            })
        }
    }

    /// Puts a tag beside the packet, in place of the one there, or none.
    #[inline]
    pub(crate) fn set_vlan_tag(&mut self, tag: Option<Tag>) {
        let vlan = &mut self.fields_mut().__bindgen_anon_2;
        match tag {
            Some(tag) => {
                vlan.__bindgen_anon_1 =
                    bindings::sk_buff__bindgen_ty_4__bindgen_ty_2__bindgen_ty_2__bindgen_ty_1 {
                        vlan_proto: u16::from_ne_bytes(tag.tpid),
                        vlan_tci: tag.tci,
                    }
            }
            None => vlan.vlan_all = 0,
        }
    }

    /// Pushes a tag; one that is beside the packet goes into it.
    pub(crate) fn vlan_push(&mut self, tag: Tag) -> Result {
        if self.vlan_tag().is_none() {
            self.set_vlan_tag(Some(tag));
            return Ok(());
        }
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe {
            bindings::skb_vlan_push(self.as_ptr(), u16::from_ne_bytes(tag.tpid), tag.tci)
        })
    }

    /// Pops the outermost tag; the next one, if there is one, goes beside the packet.
    ///
    /// The packet must start with its Ethernet header.
    pub(crate) fn vlan_pop(&mut self) -> Result {
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe { bindings::skb_vlan_pop(self.as_ptr()) })
    }

    /// Moves the outermost tag from the packet, which must start with its Ethernet header, beside it.
    pub(crate) fn vlan_untag(&mut self) -> Result {
        // SAFETY: By the type invariant the buffer is not shared.
        to_result(unsafe { bindings::skb_vlan_move_aside(self.as_ptr()) })
    }

    /// Moves the tag that is beside the packet into it.
    ///
    /// The packet is dropped if there is no memory.
    pub(crate) fn vlan_push_inside(self) -> Option<Self> {
        // SAFETY: The function owns the packet and gives it back, or frees it and returns null.
        let skb = unsafe { bindings::__vlan_hwaccel_push_inside(self.into_raw()) };
        // INVARIANT: As above.
        NonNull::new(skb).map(Self)
    }
}
