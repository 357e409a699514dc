// SPDX-License-Identifier: GPL-2.0

//! Fragmenting IP packets that are not routed.
//!
//! The fragments are what the IP layer makes of a packet on its way out. Whatever is before the IP
//! header is taken off first, and put back before each of them.
//!
//! C headers: [`include/net/ip.h`](srctree/include/net/ip.h),
//! [`include/net/ip6_route.h`](srctree/include/net/ip6_route.h)

use super::{
    device::NetDevice,
    drop_reason,
    namespace::Net,
    skbuff::{
        SkBuff,
        Tag, //
    }, //
};
use crate::{
    bindings,
    sync::bh::Bh, //
};
use core::ptr::NonNull;
use kernel::prelude::*;

/// The version of IP that a packet is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// How fragments go out.
pub(crate) struct Egress<'a> {
    /// The namespace that counts them.
    pub(crate) net: &'a Net,
    /// The device they go out by.
    pub(crate) dev: &'a NetDevice,
    /// Their greatest length, from the IP header on. That of the device's MTU is less or the same.
    pub(crate) mru: u16,
}

/// What is before the IP header of a packet, and of each of its fragments.
struct Link<F> {
    /// The bytes.
    bytes: [u8; SkBuff::MAX_LINK_LEN],
    /// Their number.
    len: usize,
    /// The VLAN tag beside the packet.
    tag: Option<Tag>,
    /// Where the packet's network header is, if that is not the IP header.
    network: Option<usize>,
    /// Where each fragment goes.
    output: F,
}

impl SkBuff {
    /// The most bytes that can be before the IP header: Ethernet, a VLAN tag, and three MPLS labels.
    pub(crate) const MAX_LINK_LEN: usize = 18 + 3 * 4;

    /// Fragments the packet, whose IP header of the given version is at `ip`, and hands each fragment
    /// to `output`.
    ///
    /// `ip` is at most [`MAX_LINK_LEN`](Self::MAX_LINK_LEN); else the packet is dropped. So it is if
    /// it may not be fragmented, or there is no memory.
    pub(crate) fn fragment<F: FnMut(SkBuff)>(
        mut self,
        version: Version,
        ip: usize,
        egress: &Egress<'_>,
        _: Bh<'_>,
        output: F,
    ) {
        let mut link = Link {
            bytes: [0; Self::MAX_LINK_LEN],
            len: ip,
            tag: self.vlan_tag(),
            network: self.network_offset().filter(|network| *network != ip),
            output,
        };
        let (Some(from), Some(to)) = (self.data().get(..ip), link.bytes.get_mut(..ip)) else {
            return;
        };
        to.copy_from_slice(from);
        if self.set_network_offset(ip).is_err() || self.pull(ip).is_err() {
            return;
        }
        let context: *mut Link<F> = &mut link;
        // SAFETY: The packet is ours to give, and starts with its IP header. Namespace and device are
        // valid for as long as bottom halves are disabled, hence during the call. `deliver` is only
        // called during it, with `context`, which is valid.
        unsafe {
            bindings::ip_fragment(
                egress.net.as_ptr(),
                self.into_raw(),
                egress.dev.as_ptr(),
                egress.mru,
                version == Version::V6,
                Some(deliver::<F>),
                context.cast(),
            )
        };
    }
}

/// Hands a fragment on.
///
/// # Safety
///
/// `context` must be a `Link<F>` that nothing else uses, and `skb` a packet that the caller gives up
/// and that is not shared.
unsafe extern "C" fn deliver<F: FnMut(SkBuff)>(
    context: *mut c_void,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let link = unsafe { &mut *context.cast::<Link<F>>() };
    let Some(skb) = NonNull::new(skb) else {
        return EINVAL.to_errno();
    };
    // SAFETY: By the requirements of this function.
    let mut skb = unsafe { SkBuff::from_raw(skb) };
    match link.restore(&mut skb) {
        Ok(()) => {
            (link.output)(skb);
            0
        }
        Err(err) => {
            skb.drop_reason(drop_reason::Code::NOMEM);
            err.to_errno()
        }
    }
}

impl<F> Link<F> {
    /// Puts before a fragment what was before the packet.
    fn restore(&self, skb: &mut SkBuff) -> Result {
        skb.cow_head(self.len as u32)?;
        skb.set_vlan_tag(self.tag);
        skb.push(self.len)?;
        let bytes = self.bytes.get(..self.len).ok_or(EINVAL)?;
        skb.ensure_writable(self.len)?
            .get_mut(..self.len)
            .ok_or(EINVAL)?
            .copy_from_slice(bytes);
        skb.postpush_rcsum(self.len);
        skb.set_mac_offset(0)?;
        if let Some(network) = self.network {
            skb.set_inner_network_offset(self.len)?;
            skb.set_network_offset(network)?;
            skb.reset_mac_len();
        }
        Ok(())
    }
}
