// SPDX-License-Identifier: GPL-2.0

//! What comes with a packet.

use super::SkBuff;
use crate::{
    bindings,
    net::{
        device::NetDevice,
        namespace::Net, //
    },
    sync::{
        bh::Bh,
        rcu::Read, //
    }, //
};

impl SkBuff {
    /// The device the packet came in by, or is to go out by.
    #[inline]
    pub(crate) fn dev(&self) -> Option<&NetDevice> {
        // SAFETY: The field is a device, or null, in all packets that get here.
        let dev = unsafe {
            self.raw()
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev
        };
        if dev.is_null() {
            return None;
        }
        // SAFETY: Whoever has a packet may rely on its device.
        Some(unsafe { NetDevice::from_raw(dev) })
    }

    /// Sets the device the packet is taken to have come in by.
    ///
    /// The packet does not keep the device: it must be gone, or have another one, at the end of the
    /// section.
    #[inline]
    pub(crate) fn set_dev(&mut self, dev: &NetDevice, _: Bh<'_>) {
        self.raw_mut()
            .__bindgen_anon_1
            .__bindgen_anon_1
            .__bindgen_anon_1
            .dev = dev.as_ptr();
    }

    /// The namespace of [that device](Self::dev).
    #[inline]
    pub(crate) fn dev_net<'a>(&'a self, read: Read<'a>) -> Option<&'a Net> {
        Some(self.dev()?.net(read))
    }

    /// The mark.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        // SAFETY: The union is of numbers.
        unsafe { self.fields().__bindgen_anon_4.mark }
    }

    /// Sets the mark.
    #[inline]
    pub(crate) fn set_mark(&mut self, mark: u32) {
        self.fields_mut().__bindgen_anon_4.mark = mark;
    }

    /// The priority for queueing.
    #[inline]
    pub(crate) fn priority(&self) -> u32 {
        self.fields().priority
    }

    /// Sets the priority for queueing.
    #[inline]
    pub(crate) fn set_priority(&mut self, priority: u32) {
        self.fields_mut().priority = priority;
    }

    /// Sets whether the packet may be fragmented whatever it says itself.
    #[inline]
    pub(crate) fn set_ignore_df(&mut self, ignore: bool) {
        self.fields_mut().set_ignore_df(ignore.into());
    }

    /// The hash of the packet's flow, computed if it is not known.
    pub(crate) fn get_hash(&mut self) -> u32 {
        if self.fields().l4_hash() != 0 || self.fields().sw_hash() != 0 {
            return self.fields().hash;
        }
        // SAFETY: By the type invariant.
        unsafe { bindings::skb_get_hash(self.as_ptr()) }
    }

    /// A hash that the two directions of the packet's connection have in common.
    ///
    /// Unlike [`get_hash`](Self::get_hash) it is computed each time, and is not remembered.
    pub(crate) fn symmetric_hash(&self) -> u32 {
        // SAFETY: By the type invariant. The packet has a device, whose namespace is used.
        unsafe { bindings::__skb_get_hash_symmetric_net(core::ptr::null(), self.as_ptr()) }
    }

    /// The hash of the packet's flow, zero if it is not known.
    #[inline]
    pub(crate) fn raw_hash(&self) -> u32 {
        self.fields().hash
    }

    /// Whether [`raw_hash`](Self::raw_hash) was computed by software.
    #[inline]
    pub(crate) fn sw_hash(&self) -> bool {
        self.fields().sw_hash() != 0
    }

    /// Whether [`raw_hash`](Self::raw_hash) covers ports.
    #[inline]
    pub(crate) fn l4_hash(&self) -> bool {
        self.fields().l4_hash() != 0
    }

    /// Sets the hash of the packet's flow.
    #[inline]
    pub(crate) fn set_hash(&mut self, hash: u32, sw: bool, l4: bool) {
        let fields = self.fields_mut();
        fields.set_l4_hash(l4.into());
        fields.set_sw_hash(sw.into());
        fields.hash = hash;
    }

    /// Forgets the hash of the packet's flow, which has changed.
    #[inline]
    pub(crate) fn clear_hash(&mut self) {
        self.set_hash(0, false, false);
    }

    /// The connection the packet belongs to, and in the lower bits, how: see `nf_ct_get()`.
    #[inline]
    pub(in crate::net) fn nfct(&self) -> usize {
        self.raw()._nfct
    }

    /// Forgets the connection the packet belongs to.
    #[inline]
    pub(crate) fn reset_conntrack(&mut self) {
        if self.raw()._nfct != 0 {
            // SAFETY: By the type invariant.
            unsafe { bindings::nf_reset_ct(self.as_ptr()) };
        }
    }

    /// Forgets what comes with the packet, as if it had just been received; `xnet`: in another
    /// namespace, where not even its mark means anything.
    pub(crate) fn scrub(&mut self, xnet: bool) {
        // SAFETY: By the type invariant the buffer is not shared.
        unsafe { bindings::skb_scrub_packet(self.as_ptr(), xnet) };
    }

    /// Whether the packet has a destination: one that routing has found, or a tunnel.
    #[inline]
    pub(crate) fn has_dst(&self) -> bool {
        // SAFETY: A destination, or none, takes the place of the union here; the field is a number.
        unsafe { self.raw().__bindgen_anon_3.__bindgen_anon_1._skb_refdst != 0 }
    }

    /// Forgets the destination.
    #[inline]
    pub(crate) fn drop_dst(&mut self) {
        if self.has_dst() {
            // SAFETY: By the type invariant.
            unsafe { bindings::skb_dst_drop(self.as_ptr()) };
        }
    }
}
