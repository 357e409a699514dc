// SPDX-License-Identifier: GPL-2.0

//! Attributes put together by hand, and keys and masks of every kind.

use super::Random;
use odp::nlattr::{
    Attr,
    Attrs, //
};
use odp::uapi::{
    key_attr as k,
    tunnel_key_attr as t, //
};

/// An attribute with its padding.
pub fn attr(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend((payload.len() as u16 + 4).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(payload);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// An attribute that holds others.
pub fn nest(kind: u16, attrs: &[Vec<u8>]) -> Vec<u8> {
    attr(kind, &attrs.concat())
}

pub fn u32(kind: u16, value: u32) -> Vec<u8> {
    attr(kind, &value.to_ne_bytes())
}

pub fn u16(kind: u16, value: u16) -> Vec<u8> {
    attr(kind, &value.to_ne_bytes())
}

pub fn be16(kind: u16, value: u16) -> Vec<u8> {
    attr(kind, &value.to_be_bytes())
}

/// The first attribute in `bytes`, which has to be a whole one.
pub fn first(bytes: &[u8]) -> Attr<'_> {
    Attrs::new(bytes).next().unwrap()
}

pub fn ethernet() -> Vec<u8> {
    attr(k::ETHERNET, &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
}

pub fn ipv4(proto: u8, frag: u8) -> Vec<u8> {
    attr(k::IPV4, &[10, 0, 0, 1, 10, 0, 0, 2, proto, 0x10, 64, frag])
}

pub fn ipv6(proto: u8, frag: u8, label: [u8; 4]) -> Vec<u8> {
    let mut payload = vec![0xfd; 32];
    payload.extend(label);
    payload.extend([proto, 0x20, 63, frag]);
    attr(k::IPV6, &payload)
}

pub fn ports(kind: u16) -> Vec<u8> {
    attr(kind, &[0x12, 0x34, 0, 80])
}

pub fn tunnel4(more: &[Vec<u8>]) -> Vec<u8> {
    let mut attrs = vec![
        attr(t::ID, &[0, 0, 0, 0, 0, 0, 0, 5]),
        attr(t::IPV4_SRC, &[172, 16, 0, 1]),
        attr(t::IPV4_DST, &[172, 16, 0, 2]),
        attr(t::TOS, &[1]),
        attr(t::TTL, &[64]),
        attr(t::CSUM, &[]),
        be16(t::TP_SRC, 1000),
        be16(t::TP_DST, 4789),
    ];
    attrs.extend(more.iter().cloned());
    nest(k::TUNNEL, &attrs)
}

pub fn tunnel6(more: &[Vec<u8>]) -> Vec<u8> {
    let mut attrs = vec![
        attr(t::IPV6_SRC, &[0xfe; 16]),
        attr(t::IPV6_DST, &[0xfd; 16]),
        attr(t::TTL, &[255]),
        attr(t::DONT_FRAGMENT, &[]),
        attr(t::OAM, &[]),
    ];
    attrs.extend(more.iter().cloned());
    nest(k::TUNNEL, &attrs)
}

pub fn geneve(len: usize) -> Vec<u8> {
    let opts: Vec<u8> = (0..len).map(|i| (i as u8).wrapping_add(1)).collect();
    attr(t::GENEVE_OPTS, &opts)
}

pub fn vxlan(gbp: u32) -> Vec<u8> {
    nest(t::VXLAN_OPTS, &[u32(1, gbp)])
}

pub fn metadata() -> Vec<Vec<u8>> {
    vec![
        u32(k::RECIRC_ID, 7),
        u32(k::DP_HASH, 8),
        u32(k::PRIORITY, 9),
        u32(k::IN_PORT, 1),
        u32(k::SKB_MARK, 10),
        u32(k::CT_STATE, 0x21),
        u16(k::CT_ZONE, 11),
        u32(k::CT_MARK, 12),
        attr(k::CT_LABELS, &[13; 16]),
    ]
}

pub fn tuple4() -> Vec<u8> {
    attr(
        k::CT_ORIG_TUPLE_IPV4,
        &[10, 0, 0, 9, 10, 0, 0, 8, 0, 1, 0, 2, 6, 0, 0, 0],
    )
}

pub fn tuple6() -> Vec<u8> {
    let mut payload = vec![0xfc; 32];
    payload.extend([0, 1, 0, 2, 17, 0, 0, 0]);
    attr(k::CT_ORIG_TUPLE_IPV6, &payload)
}

pub fn nsh(mdtype: u8) -> Vec<u8> {
    let mut attrs = vec![attr(1, &[2, 63, mdtype, 3, 0, 0, 1, 255])];
    if mdtype == 1 {
        attrs.push(attr(2, &[5; 16]));
    }
    nest(k::NSH, &attrs)
}

/// A frame inside a VLAN tag.
pub fn vlan(tpid: u16, tci: u16, inside: &[Vec<u8>]) -> Vec<Vec<u8>> {
    vec![
        be16(k::ETHERTYPE, tpid),
        be16(k::VLAN, tci),
        nest(k::ENCAP, inside),
    ]
}

/// What follows the metadata in keys of every protocol, with names.
pub fn frames() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let eth = |attrs: &[Vec<u8>]| {
        let mut frame = vec![ethernet()];
        frame.extend(attrs.iter().cloned());
        frame
    };
    let v4 = |proto: u8, frag: u8| vec![be16(k::ETHERTYPE, 0x0800), ipv4(proto, frag)];
    let v6 = |proto: u8, frag: u8| {
        vec![
            be16(k::ETHERTYPE, 0x86dd),
            ipv6(proto, frag, [0, 0xa, 0xbc, 0xde]),
            u16(k::IPV6_EXTHDRS, 0x41),
        ]
    };
    let with = |mut attrs: Vec<Vec<u8>>, more: &[Vec<u8>]| {
        attrs.extend(more.iter().cloned());
        attrs
    };
    let tcp = [ports(k::TCP), be16(k::TCP_FLAGS, 0x12)];
    let arp = {
        let mut payload = vec![10, 0, 0, 1, 10, 0, 0, 2, 0, 1];
        payload.extend([1; 12]);
        payload.extend([0; 2]);
        attr(k::ARP, &payload)
    };
    let nd = attr(k::ND, &[7; 28]);
    let udp4 = with(v4(17, 0), &[ports(k::UDP)]);
    vec![
        ("802.2", eth(&[])),
        ("unknown type", eth(&[be16(k::ETHERTYPE, 0x88cc)])),
        ("tcp", eth(&with(v4(6, 0), &tcp))),
        ("udp", eth(&udp4)),
        ("sctp", eth(&with(v4(132, 1), &[ports(k::SCTP)]))),
        ("icmp", eth(&with(v4(1, 0), &[attr(k::ICMP, &[8, 0])]))),
        ("gre", eth(&v4(47, 0))),
        ("later", eth(&v4(17, 2))),
        ("ct", eth(&with(udp4.clone(), &[tuple4()]))),
        ("tcp6", eth(&with(v6(6, 0), &tcp))),
        ("udp6", eth(&with(v6(17, 1), &[ports(k::UDP)]))),
        ("sctp6", eth(&with(v6(132, 0), &[ports(k::SCTP)]))),
        ("ct6", eth(&with(v6(50, 0), &[tuple6()]))),
        (
            "icmp6",
            eth(&with(v6(58, 0), &[attr(k::ICMPV6, &[128, 0])])),
        ),
        (
            "nd",
            eth(&with(v6(58, 0), &[attr(k::ICMPV6, &[135, 0]), nd])),
        ),
        ("arp", eth(&[be16(k::ETHERTYPE, 0x0806), arp.clone()])),
        ("rarp", eth(&[be16(k::ETHERTYPE, 0x8035), arp])),
        (
            "mpls",
            eth(&[be16(k::ETHERTYPE, 0x8847), attr(k::MPLS, &[1; 4])]),
        ),
        (
            "mpls3",
            eth(&[be16(k::ETHERTYPE, 0x8848), attr(k::MPLS, &[1; 12])]),
        ),
        ("nsh", eth(&[be16(k::ETHERTYPE, 0x894f), nsh(1)])),
        ("nsh2", eth(&[be16(k::ETHERTYPE, 0x894f), nsh(2)])),
        ("vlan", eth(&vlan(0x8100, 0x1005, &udp4))),
        (
            "qinq",
            eth(&vlan(0x88a8, 0x1006, &vlan(0x8100, 0xf007, &udp4))),
        ),
        (
            "vlan3",
            eth(&vlan(
                0x88a8,
                0x1006,
                &vlan(0x8100, 0x1007, &[be16(k::ETHERTYPE, 0x8100)]),
            )),
        ),
        ("vlan 802.2", eth(&vlan(0x8100, 0x1005, &[]))),
        ("vlan cut off", eth(&vlan(0x8100, 0, &[]))),
        ("l3", v4(47, 0)),
        (
            "l3 mpls",
            vec![be16(k::ETHERTYPE, 0x8847), attr(k::MPLS, &[1; 8])],
        ),
    ]
}

/// All valid tunnels, with none at the start.
pub fn tunnels() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        tunnel4(&[]),
        tunnel4(&[geneve(4)]),
        tunnel4(&[geneve(252)]),
        tunnel4(&[vxlan(0x1234)]),
        tunnel4(&[attr(t::ERSPAN_OPTS, &[1; 12])]),
        tunnel6(&[]),
        tunnel6(&[geneve(16), attr(t::PAD, &[])]),
        nest(
            k::TUNNEL,
            &[attr(t::IPV4_INFO_BRIDGE, &[]), attr(t::ID, &[1; 8])],
        ),
    ]
}

/// A whole key: the attributes of a frame behind all metadata and a tunnel.
pub fn key(tunnel: &[u8], frame: &[Vec<u8>]) -> Vec<u8> {
    let mut attrs = metadata();
    attrs.push(tunnel.to_vec());
    attrs.extend(frame.iter().cloned());
    nest(1, &attrs)
}

/// The key's attributes as a mask, with `change` of every payload that is no nest.
pub fn mask_of(key: &[u8], change: &mut impl FnMut(u16, &mut [u8])) -> Vec<u8> {
    /// `above` is the type of the nest, if it is not the key itself or ENCAP.
    fn walk(
        attrs: Attrs<'_>,
        above: Option<u16>,
        change: &mut impl FnMut(u16, &mut [u8]),
    ) -> Vec<u8> {
        let mut out = Vec::new();
        for a in attrs {
            let inside = match (above, a.kind()) {
                (None, k::ENCAP) => Some(None),
                (None, k::TUNNEL | k::NSH) => Some(Some(a.kind())),
                (Some(k::TUNNEL), t::VXLAN_OPTS) => Some(Some(0)),
                _ => None,
            };
            let payload = match inside {
                Some(inside) => walk(a.nested(), inside, change),
                None => {
                    let mut payload = a.payload().to_vec();
                    change(above.map_or(a.kind(), |_| 0), &mut payload);
                    payload
                }
            };
            out.extend(attr(a.kind(), &payload));
        }
        out
    }
    attr(7, &walk(first(key).nested(), None, change))
}

/// A mask for a key: all ones, with some bits or attributes cleared.
pub fn random_mask(key: &[u8], random: &mut Random) -> Vec<u8> {
    let mode = random.below(4);
    mask_of(key, &mut |kind, payload| {
        let exact = matches!(
            kind,
            k::ETHERTYPE | k::VLAN | k::IPV4 | k::IPV6 | k::CT_STATE
        );
        for byte in payload.iter_mut() {
            *byte = match mode {
                _ if exact => 0xff,
                0 => 0xff,
                1 => 0,
                2 => random.next() as u8,
                _ => *random.choice(&[0, 0xff]),
            };
        }
        if kind == k::CT_STATE && payload.len() == 4 {
            payload.copy_from_slice(&0xffu32.to_ne_bytes());
        }
    })
}
