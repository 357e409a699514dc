// SPDX-License-Identifier: GPL-2.0

//! Tunnels: what flow keys and actions say of them, and what comes with packets.

use crate::{
    net::tunnel::{
        Addresses,
        Flags,
        Header,
        TunnelDst,
        TunnelInfo, //
    },
    odp::{
        actions::TunnelSet,
        key::{
            tun_flags,
            Be16,
            Be32,
            Be64,
            Key,
            Tunnel, //
        }, //
    },
};
use kernel::prelude::*;

/// `AF_INET`, the value of [`Key::tun_proto`] for IPv4.
const AF_INET: u8 = 2;
/// `AF_INET6`, the value of [`Key::tun_proto`] for IPv6.
const AF_INET6: u8 = 10;

/// The flags of a key, and what they are in a header.
const FLAGS: [(u16, Flags); 7] = [
    (tun_flags::KEY, Flags::KEY),
    (tun_flags::DONT_FRAGMENT, Flags::DONT_FRAGMENT),
    (tun_flags::CSUM, Flags::CSUM),
    (tun_flags::OAM, Flags::OAM),
    (tun_flags::GENEVE_OPT, Flags::GENEVE_OPT),
    (tun_flags::VXLAN_OPT, Flags::VXLAN_OPT),
    (tun_flags::ERSPAN_OPT, Flags::ERSPAN_OPT),
];

/// Writes the tunnel header that comes with a packet to the key, and returns the [`Key::tun_proto`].
///
/// Everything of `to` is written.
pub(crate) fn extract(to: &mut Tunnel, info: &TunnelInfo) -> u8 {
    let header = info.header();
    *to = Key::ZERO.tun;
    to.id = Be64::from_bytes(header.id);
    let proto = match header.addresses {
        Addresses::V4 { src, dst } => {
            to.ipv4_src = Be32::from_bytes(src);
            to.ipv4_dst = Be32::from_bytes(dst);
            AF_INET
        }
        Addresses::V6 { src, dst } => {
            to.ipv6_src = src;
            to.ipv6_dst = dst;
            AF_INET6
        }
    };
    for (key, flag) in FLAGS {
        if header.flags.has(flag) {
            to.flags |= key;
        }
    }
    let [src, dst] = header.ports;
    to.tos = header.tos;
    to.ttl = header.ttl;
    to.tp_src = Be16::from_bytes(src);
    to.tp_dst = Be16::from_bytes(dst);
    to.label = Be32::from_bytes(header.label);
    to.opts_len = header.options.len() as u8;
    for (to, from) in to.opts.iter_mut().zip(header.options) {
        *to = *from;
    }
    proto
}

/// Makes the tunnel of an action. May sleep.
pub(crate) fn destination(set: &TunnelSet<'_>) -> Result<TunnelDst> {
    let tunnel = set.tunnel;
    let mut flags = Flags::NONE;
    for (key, flag) in FLAGS {
        if tunnel.flags & key != 0 {
            flags = flags.with(flag);
        }
    }
    if set.critical {
        flags = flags.with(Flags::CRITICAL_OPT);
    }
    TunnelDst::new(&Header {
        id: tunnel.id.to_bytes(),
        addresses: if set.proto == AF_INET6 {
            Addresses::V6 {
                src: tunnel.ipv6_src,
                dst: tunnel.ipv6_dst,
            }
        } else {
            Addresses::V4 {
                src: tunnel.ipv4_src.to_bytes(),
                dst: tunnel.ipv4_dst.to_bytes(),
            }
        },
        flags,
        tos: tunnel.tos,
        ttl: tunnel.ttl,
        label: tunnel.label.to_bytes(),
        ports: [tunnel.tp_src.to_bytes(), tunnel.tp_dst.to_bytes()],
        options: tunnel.opts.get(..tunnel.opts_len.into()).unwrap_or(&[]),
        bridge: set.bridge,
    })
}

/// The tunnel header that a packet will get, for user space.
pub(crate) struct EgressTunnel {
    /// The value of [`Key::tun_proto`].
    pub(crate) proto: u8,
    /// The header.
    pub(crate) tunnel: Tunnel,
    /// The header has nothing but an id.
    pub(crate) bridge: bool,
}

impl EgressTunnel {
    /// What the header says.
    pub(crate) fn new(info: &TunnelInfo) -> Self {
        let mut tunnel = Key::ZERO.tun;
        Self {
            proto: extract(&mut tunnel, info),
            tunnel,
            bridge: info.header().bridge,
        }
    }
}
