// SPDX-License-Identifier: GPL-2.0

//! Tracepoints that follow packets through the datapath.
//!
//! They have the names and fields of the C module's, for the tools that know those. A tracepoint
//! that nobody listens to is a jump that is patched into the code when somebody does: callers ask
//! before they collect what is to be told.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use super::skbuff::SkBuff;
use crate::bindings;
use kernel::{
    jump_label::static_branch_unlikely,
    prelude::*, //
};

// A part of the type that is not used here may have no size, as the kernel is configured.
#[allow(improper_ctypes)]
extern "C" {
    static __tracepoint_ovs_do_execute_action: kernel::bindings::tracepoint;
    static __tracepoint_ovs_dp_upcall: kernel::bindings::tracepoint;
}

/// Whether somebody listens to `ovs_do_execute_action`.
#[inline(always)]
pub(crate) fn execute_action_enabled() -> bool {
    // SAFETY: The key is part of a tracepoint that C defines.
    unsafe {
        static_branch_unlikely!(
            __tracepoint_ovs_do_execute_action,
            kernel::bindings::tracepoint,
            key
        )
    }
}

/// Whether somebody listens to `ovs_dp_upcall`.
#[inline(always)]
pub(crate) fn upcall_enabled() -> bool {
    // SAFETY: The key is part of a tracepoint that C defines.
    unsafe {
        static_branch_unlikely!(
            __tracepoint_ovs_dp_upcall,
            kernel::bindings::tracepoint,
            key
        )
    }
}

/// Where a packet is, and what is known of it.
pub(crate) struct Point<'a> {
    /// Tells datapaths apart.
    pub(crate) dp: usize,
    /// The name of the datapath.
    pub(crate) dp_name: &'a CStr,
    /// The packet, which has a device.
    pub(crate) skb: &'a SkBuff,
    /// Tells the keys of packets apart.
    pub(crate) key: usize,
    /// The hash that an action gave the packet.
    pub(crate) dp_hash: u32,
    /// Its recirculation id.
    pub(crate) recirc_id: u32,
    /// Its type, as it is on the wire.
    pub(crate) eth_type: [u8; 2],
    /// Its connection's zone.
    pub(crate) ct_zone: u16,
    /// Its connection's state.
    pub(crate) ct_state: u8,
    /// The protocol of its connection's original direction.
    pub(crate) ct_orig_proto: u8,
    /// The key is up to date with the packet.
    pub(crate) key_valid: bool,
}

impl Point<'_> {
    fn key(&self) -> bindings::ovs_trace_key {
        bindings::ovs_trace_key {
            addr: core::ptr::without_provenance(self.key),
            dp_hash: self.dp_hash,
            recirc_id: self.recirc_id,
            eth_type: u16::from_ne_bytes(self.eth_type),
            ct_zone: self.ct_zone,
            ct_state: self.ct_state,
            ct_orig_proto: self.ct_orig_proto,
            valid: self.key_valid,
        }
    }

    /// Tells of an action that is about to be executed.
    ///
    /// `action` is its attribute, header first; the last one of its list, or not.
    #[cold]
    pub(crate) fn execute_action(&self, action: &[u8], last: bool) {
        if action.len() < size_of::<bindings::nlattr>() || self.skb.dev().is_none() {
            return;
        }
        // An action is the last one if no more is left than its own length.
        let rest = action.len().saturating_add(if last { 0 } else { 4 });
        // SAFETY: The packet is valid and has a device, the attribute is not shorter than its header,
        // of which alone the tracepoint reads, and the name ends with a NUL character.
        unsafe {
            bindings::trace_execute_action(
                core::ptr::without_provenance_mut(self.dp),
                self.skb.as_ptr(),
                &self.key(),
                action.as_ptr().cast(),
                rest as c_int,
                self.dp_name.as_char_ptr(),
            )
        };
    }

    /// Tells of a packet that is about to go to user space.
    #[cold]
    pub(crate) fn upcall(&self, cmd: u8, portid: u32, mru: u16) {
        if self.skb.dev().is_none() {
            return;
        }
        let upcall = bindings::ovs_trace_upcall { portid, mru, cmd };
        // SAFETY: The packet is valid and has a device, and the name ends with a NUL character.
        unsafe {
            bindings::trace_upcall(
                core::ptr::without_provenance_mut(self.dp),
                self.skb.as_ptr(),
                &self.key(),
                &upcall,
                self.dp_name.as_char_ptr(),
            )
        };
    }
}
