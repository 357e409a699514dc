// SPDX-License-Identifier: GPL-2.0

//! Tunnels that packets come out of, or are to go through.
//!
//! A device that collects metadata is many tunnels in one: it tells with each packet what the tunnel
//! header said ([`SkBuff::tunnel_info`]), and puts before each packet the header that comes with it
//! ([`SkBuff::set_tunnel`]).
//!
//! C headers: [`include/net/ip_tunnels.h`](srctree/include/net/ip_tunnels.h),
//! [`include/net/dst_metadata.h`](srctree/include/net/dst_metadata.h)

use super::{
    device::NetDevice,
    skbuff::SkBuff, //
};
use crate::bindings;
use core::{
    ptr::{
        self,
        NonNull, //
    },
    slice, //
};
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// The addresses of the two ends of a tunnel, in network byte order.
#[derive(Clone, Copy)]
pub(crate) enum Addresses {
    /// IPv4.
    V4 {
        /// The sender.
        src: [u8; 4],
        /// The receiver.
        dst: [u8; 4],
    },
    /// IPv6.
    V6 {
        /// The sender.
        src: [u8; 16],
        /// The receiver.
        dst: [u8; 16],
    },
}

/// Which parts of a tunnel header are there, and what they mean (`tun_flags`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(c_ulong);

/// The flags are one word: the last one used is the bit before this.
const _: () = assert!(bindings::__IP_TUNNEL_FLAG_NUM <= c_ulong::BITS);

impl Flags {
    /// None.
    pub(crate) const NONE: Self = Self(0);
    /// The outer packet is checksummed.
    pub(crate) const CSUM: Self = Self::bit(bindings::IP_TUNNEL_CSUM_BIT);
    /// There is a tunnel id.
    pub(crate) const KEY: Self = Self::bit(bindings::IP_TUNNEL_KEY_BIT);
    /// The outer packet must not be fragmented.
    pub(crate) const DONT_FRAGMENT: Self = Self::bit(bindings::IP_TUNNEL_DONT_FRAGMENT_BIT);
    /// The packet is one of operations and maintenance.
    pub(crate) const OAM: Self = Self::bit(bindings::IP_TUNNEL_OAM_BIT);
    /// A receiver that does not know one of the options must drop the packet.
    pub(crate) const CRITICAL_OPT: Self = Self::bit(bindings::IP_TUNNEL_CRIT_OPT_BIT);
    /// The options are Geneve's.
    pub(crate) const GENEVE_OPT: Self = Self::bit(bindings::IP_TUNNEL_GENEVE_OPT_BIT);
    /// The options are VXLAN's.
    pub(crate) const VXLAN_OPT: Self = Self::bit(bindings::IP_TUNNEL_VXLAN_OPT_BIT);
    /// The options are ERSPAN's.
    pub(crate) const ERSPAN_OPT: Self = Self::bit(bindings::IP_TUNNEL_ERSPAN_OPT_BIT);

    const fn bit(bit: u32) -> Self {
        Self(1 << bit)
    }

    /// Whether one of the flags of `other` is set.
    #[inline]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These flags and those of `other`.
    #[inline]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a tunnel header says. All numbers are in network byte order.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a> {
    /// The tunnel id.
    pub(crate) id: [u8; 8],
    /// The ends of the tunnel.
    pub(crate) addresses: Addresses,
    /// The flags.
    pub(crate) flags: Flags,
    /// The type of service or traffic class.
    pub(crate) tos: u8,
    /// The time to live or hop limit.
    pub(crate) ttl: u8,
    /// The flow label, of IPv6.
    pub(crate) label: [u8; 4],
    /// The source and the destination port.
    pub(crate) ports: [[u8; 2]; 2],
    /// The options, of which kind the flags tell; no more than 255 bytes.
    pub(crate) options: &'a [u8],
    /// The header has nothing but an id, for a packet that goes from one tunnel to another
    /// (`IP_TUNNEL_INFO_BRIDGE`).
    pub(crate) bridge: bool,
}

/// A tunnel header that comes with a packet.
#[repr(transparent)]
pub(crate) struct TunnelInfo(Opaque<bindings::ip_tunnel_info>);

impl TunnelInfo {
    /// What the header says.
    pub(crate) fn header(&self) -> Header<'_> {
        let raw = self.0.get().cast_const();
        // SAFETY: The structure is valid, and nobody changes it once it comes with a packet.
        let info = unsafe { &*raw };
        let key = &info.key;
        let mode = u32::from(info.mode);
        // SAFETY: The mode tells which addresses there are; memory is initialised for both.
        let addresses = unsafe {
            if mode & bindings::IP_TUNNEL_INFO_IPV6 != 0 {
                Addresses::V6 {
                    src: key.u.ipv6.src.in6_u.u6_addr8,
                    dst: key.u.ipv6.dst.in6_u.u6_addr8,
                }
            } else {
                Addresses::V4 {
                    src: key.u.ipv4.src.to_ne_bytes(),
                    dst: key.u.ipv4.dst.to_ne_bytes(),
                }
            }
        };
        let [flags] = key.tun_flags;
        Header {
            id: key.tun_id.to_ne_bytes(),
            addresses,
            flags: Flags(flags),
            tos: key.tos,
            ttl: key.ttl,
            label: key.label.to_ne_bytes(),
            ports: [key.tp_src.to_ne_bytes(), key.tp_dst.to_ne_bytes()],
            // SAFETY: As many bytes follow the structure.
            options: unsafe { slice::from_raw_parts(options(raw), info.options_len.into()) },
            bridge: mode & bindings::IP_TUNNEL_INFO_BRIDGE != 0,
        }
    }
}

/// Where the options of a header are.
fn options(info: *const bindings::ip_tunnel_info) -> *const u8 {
    info.wrapping_add(1).cast()
}

/// The options begin where the structure ends.
const _: () = assert!(
    core::mem::offset_of!(bindings::ip_tunnel_info, options)
        == size_of::<bindings::ip_tunnel_info>()
);

/// A tunnel to send packets through: a header to put before them, and the route to its other end
/// once that is known.
///
/// # Invariants
///
/// The pointer is metadata of a tunnel, of which this value owns a reference.
pub(crate) struct TunnelDst(NonNull<bindings::metadata_dst>);

// SAFETY: A reference may be given up by any thread, in any context.
unsafe impl Send for TunnelDst {}
// SAFETY: The metadata do not change but for the cache of routes, which is per CPU.
unsafe impl Sync for TunnelDst {}

impl TunnelDst {
    /// A tunnel with this header. May sleep.
    ///
    /// Fails with `EINVAL` if there are more than 255 bytes of options.
    pub(crate) fn new(header: &Header<'_>) -> Result<Self> {
        let options_len = u8::try_from(header.options.len())?;
        // SAFETY: The function has no preconditions.
        let metadata = unsafe {
            bindings::metadata_dst_alloc(
                options_len,
                bindings::metadata_type_METADATA_IP_TUNNEL,
                bindings::GFP_KERNEL,
            )
        };
        // INVARIANT: The function returns an owned reference or null.
        let this = Self(NonNull::new(metadata).ok_or(ENOMEM)?);
        // SAFETY: The metadata are valid, of a tunnel, and nobody else has them yet.
        let info: *mut bindings::ip_tunnel_info = unsafe { (&raw mut (*metadata).u).cast() };
        // SAFETY: As above, and the cache is zeroed.
        to_result(unsafe {
            bindings::dst_cache_init(&raw mut (*info).dst_cache, bindings::GFP_KERNEL)
        })?;
        // SAFETY: The options have as many bytes behind the structure.
        unsafe {
            ptr::copy_nonoverlapping(
                header.options.as_ptr(),
                options(info).cast_mut(),
                header.options.len(),
            );
        }
        // SAFETY: As above; the structure is initialised.
        let info = unsafe { &mut *info };
        info.options_len = options_len;
        let mut mode = bindings::IP_TUNNEL_INFO_TX;
        match header.addresses {
            Addresses::V4 { src, dst } => {
                // SAFETY: Fields of a union are written.
                let ipv4 = unsafe { &mut info.key.u.ipv4 };
                ipv4.src = u32::from_ne_bytes(src);
                ipv4.dst = u32::from_ne_bytes(dst);
            }
            Addresses::V6 { src, dst } => {
                mode |= bindings::IP_TUNNEL_INFO_IPV6;
                // SAFETY: Fields of a union are written.
                let ipv6 = unsafe { &mut info.key.u.ipv6 };
                ipv6.src.in6_u.u6_addr8 = src;
                ipv6.dst.in6_u.u6_addr8 = dst;
            }
        }
        if header.bridge {
            mode |= bindings::IP_TUNNEL_INFO_BRIDGE;
        }
        info.mode = mode as u8;
        let Flags(flags) = header.flags;
        let [src, dst] = header.ports;
        let key = &mut info.key;
        key.tun_id = u64::from_ne_bytes(header.id);
        key.tun_flags = [flags];
        key.label = u32::from_ne_bytes(header.label);
        key.tos = header.tos;
        key.ttl = header.ttl;
        key.tp_src = u16::from_ne_bytes(src);
        key.tp_dst = u16::from_ne_bytes(dst);
        Ok(this)
    }
}

impl Drop for TunnelDst {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::dst_release(&raw mut (*self.0.as_ptr()).dst) };
    }
}

impl SkBuff {
    /// The tunnel header that comes with the packet.
    ///
    /// It was taken off where the packet came in, unless it is one to be put before it: from
    /// [`set_tunnel`](Self::set_tunnel) or a route of the host's.
    #[inline]
    pub(crate) fn tunnel_info(&self) -> Option<&TunnelInfo> {
        if !self.has_dst() {
            return None;
        }
        // SAFETY: By the type invariant. Whoever has a packet may use what it refers to.
        let info = unsafe { bindings::skb_tunnel_info(self.as_ptr()) };
        // CAST: `TunnelInfo` is a transparent wrapper.
        // SAFETY: The function returns a valid pointer or null.
        unsafe { info.cast::<TunnelInfo>().as_ref() }
    }

    /// Has the packet go through a tunnel, if it goes out of a device for tunnels.
    #[inline]
    pub(crate) fn set_tunnel(&mut self, tunnel: &TunnelDst) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_set_metadata_dst(self.as_ptr(), tunnel.0.as_ptr()) };
    }

    /// Completes the tunnel header that comes with the packet as `dev` would when it sends the
    /// packet: with the source address and ports.
    ///
    /// Fails if the device is not one for tunnels, or the packet comes with no header that is to be
    /// put before it.
    pub(crate) fn complete_tunnel(&mut self, dev: &NetDevice) -> Result {
        // SAFETY: By the type invariant; the function gives the packet metadata of its own.
        to_result(unsafe { bindings::dev_fill_metadata_dst(dev.as_ptr(), self.as_ptr()) })
    }
}
