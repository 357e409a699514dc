// SPDX-License-Identifier: GPL-2.0

//! Packets to keys: every protocol, every truncation, and random damage, against a plain reference.

mod common;

use common::packets::{
    self,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    tagged,
    tcp,
    udp, //
};
use common::{
    dirty,
    fuzz,
    reference,
    Random, //
};
use odp::extract::{
    extract,
    update,
    update_l3l4,
    Cold,
    ExtractError,
    Hints,
    Layout,
    Metadata,
    Packet, //
};
use odp::key::{
    mac_proto,
    Be16,
    Be32,
    Vlan, //
};
use odp::Key;

fn meta() -> Metadata {
    Metadata {
        in_port: 3,
        recirc_id: 7,
        priority: 11,
        skb_mark: 13,
        mac_proto: mac_proto::ETHERNET,
        tun_proto: 0,
        hints: Hints::default(),
    }
}

fn hwaccel(tpid: u16, tci: u16) -> Metadata {
    Metadata {
        hints: Hints {
            vlan: Some(Vlan {
                tpid: tpid.into(),
                tci: tci.into(),
            }),
            ..Hints::default()
        },
        ..meta()
    }
}

fn run(packet: &[u8], meta: &Metadata) -> Result<(Key, Layout), ExtractError> {
    let mut key = Key::ZERO;
    let mut packet = packet;
    let layout = extract(&mut key, &mut Cold::NONE.clone(), &mut packet, meta)?;
    Ok((key, layout))
}

/// Extracts `packet` in all the ways there are and compares them with the reference.
fn check(packet: &[u8], meta: &Metadata, key: &mut Key, cold: &mut Cold) {
    let expected = reference::extract(packet, meta);
    let result = extract(key, cold, &mut &*packet, meta);
    let (expected, layout) = match (expected, result) {
        (Err(expected), result) => {
            assert_eq!(result, Err(expected));
            return;
        }
        (Ok(expected), result) => (expected, result.expect("accepted by the reference")),
    };
    assert_eq!(*key, expected.key);
    assert_eq!(layout.network, expected.network);
    assert_eq!(layout.transport, expected.transport);
    assert_eq!(layout.inner_network, expected.inner_network);
    assert_eq!(layout.protocol.get(), expected.protocol);
    assert_eq!(layout.untag, expected.untag);

    // From a key with other headers but the same metadata, and what does not come from headers.
    let (mut again, mut all) = dirty();
    again.in_port = key.in_port;
    again.recirc_id = key.recirc_id;
    again.priority = key.priority;
    again.skb_mark = key.skb_mark;
    again.mac_proto = key.mac_proto;
    let left = again;
    assert_eq!(
        update(&mut again, &mut all, &mut &*packet, &meta.hints),
        Ok(layout)
    );
    let mut expected = expected.key;
    expected.tun_proto = left.tun_proto;
    expected.tun = left.tun;
    expected.dp_hash = left.dp_hash;
    expected.ct_mark = left.ct_mark;
    expected.ct_state = left.ct_state;
    expected.ct_zone = left.ct_zone;
    expected.ct_orig_proto = left.ct_orig_proto;
    expected.ct_labels = left.ct_labels;
    expected.ct_orig_ipv4_src = left.ct_orig_ipv4_src;
    expected.ct_orig_ipv4_dst = left.ct_orig_ipv4_dst;
    expected.ct_orig_tp_src = left.ct_orig_tp_src;
    expected.ct_orig_tp_dst = left.ct_orig_tp_dst;
    expected.ct_orig_ipv6_src = left.ct_orig_ipv6_src;
    expected.ct_orig_ipv6_dst = left.ct_orig_ipv6_dst;
    expected.pad9 = left.pad9;
    assert_eq!(again, expected);

    // From the network header on, with the link layer as it is.
    let link = again;
    again.ip_proto ^= 0xff;
    again.tcp_flags = Be16::new(0xfff);
    again.ipv6_src = [9; 16];
    let l3l4 = update_l3l4(
        &mut again,
        &mut Cold::ALL.clone(),
        &mut &*packet,
        layout.network,
        meta.hints.udp_fragments,
    );
    assert_eq!(l3l4.map(|l| l.transport), Ok(layout.transport));
    assert_eq!(again, link);
}

fn metas() -> Vec<Metadata> {
    let mut metas = vec![meta(), hwaccel(0x8100, 0x2003), hwaccel(0x88a8, 0)];
    metas.push(Metadata {
        hints: Hints {
            udp_fragments: true,
            ..Hints::default()
        },
        ..meta()
    });
    for protocol in [0x0800, 0x86dd, 0x8847, 0x894f, 0x8100, 0x88a8, 0x1234] {
        metas.push(Metadata {
            mac_proto: mac_proto::NONE,
            hints: Hints {
                protocol: protocol.into(),
                ..Hints::default()
            },
            ..meta()
        });
    }
    metas
}

#[test]
fn every_truncation_of_every_packet() {
    let (mut key, mut cold) = dirty();
    for (name, packet) in packets::all() {
        println!("{name}");
        for meta in metas() {
            let packet = match meta.mac_proto {
                mac_proto::NONE => packet.get(14..).unwrap_or(&[]),
                _ => &packet[..],
            };
            for len in (0..=packet.len()).rev() {
                check(&packet[..len], &meta, &mut key, &mut cold);
            }
        }
    }
}

#[test]
fn random_damage() {
    let packets = packets::all();
    let metas = metas();
    let (mut key, mut cold) = dirty();
    fuzz(100_000, |seed| {
        let mut random = Random::new(seed);
        let (_, packet) = random.choice(&packets);
        let mut packet = packet.clone();
        for _ in 0..random.below(6) {
            random.mutate(&mut packet);
        }
        let meta = random.choice(&metas);
        check(&packet, meta, &mut key, &mut cold);
    });
}

#[test]
fn tcp_in_two_vlans() {
    let frame = tagged(
        &[(0x88a8, 0x2005), (0x8100, 0x6)],
        0x0800,
        &ipv4(6, 0, &[], &tcp(5, 0x012)),
    );
    let (key, layout) = run(&frame, &meta()).unwrap();
    assert_eq!(key.recirc_id, 7);
    assert_eq!(key.in_port, 3);
    assert_eq!(key.eth_type, Be16::new(0x0800));
    assert_eq!(key.vlan.tpid.get(), 0x88a8);
    assert_eq!(key.vlan.tci.get(), 0x3005);
    assert_eq!(key.cvlan.tci.get(), 0x1006);
    assert_eq!(key.ip_proto, 6);
    assert_eq!(key.ip_tos, 0x28);
    assert_eq!(key.ip_ttl, 63);
    assert_eq!(key.ipv4_src, Be32::new(0x0a00_0001));
    assert_eq!(key.ipv4_dst, Be32::new(0x0a00_0002));
    assert_eq!(key.tp_src.get(), 0x1234);
    assert_eq!(key.tp_dst.get(), 80);
    assert_eq!(key.tcp_flags.get(), 0x012);
    assert_eq!(layout.network, 22);
    assert_eq!(layout.transport, Some(42));
    assert_eq!(layout.protocol.get(), 0x8100);
    assert!(layout.untag);
    let untagged = layout.untagged();
    assert_eq!((untagged.network, untagged.transport), (18, Some(38)));
    assert_eq!(untagged.untagged(), untagged);
}

#[test]
fn a_third_tag_ends_parsing() {
    let tags = [(0x8100, 1), (0x8100, 2), (0x8100, 3)];
    let frame = tagged(&tags, 0x0800, &ipv4(17, 0, &[], &udp()));
    let (key, layout) = run(&frame, &meta()).unwrap();
    assert_eq!(key.eth_type.get(), 0x8100);
    assert_eq!(key.ip_proto, 0);
    assert_eq!(layout.network, 22);

    let frame = tagged(&tags[..2], 0x0800, &ipv4(17, 0, &[], &udp()));
    let (key, layout) = run(&frame, &hwaccel(0x88a8, 9)).unwrap();
    assert_eq!(key.vlan.tci.get(), 0x1009);
    assert_eq!(key.cvlan.tci.get(), 0x1001);
    assert_eq!(key.eth_type.get(), 0x8100);
    assert!(!layout.untag);
}

#[test]
fn extension_header_bits() {
    use odp::uapi::ipv6_exthdrs::*;
    let bits = |name: &str| {
        let all = packets::all();
        let (_, frame) = all.iter().find(|(n, _)| *n == name).unwrap();
        run(frame, &meta()).unwrap().0.ipv6_exthdrs
    };
    assert_eq!(bits("tcp6"), 0);
    assert_eq!(bits("none6"), NONEXT);
    assert_eq!(bits("esp6"), 0);
    assert_eq!(bits("hop"), HOP);
    assert_eq!(bits("order"), HOP | DEST | ROUTER | FRAG | AUTH);
    assert_eq!(bits("unseq"), ROUTER | DEST | UNSEQ | UNREP);
    assert_eq!(bits("dest3"), DEST | UNREP);
    assert_eq!(bits("hop-twice"), HOP | UNREP | UNSEQ);
}

#[test]
fn extension_header_chains_end_after_twelve() {
    let key = |name: &str| {
        let all = packets::all();
        let (_, frame) = all.iter().find(|(n, _)| *n == name).unwrap();
        run(frame, &meta()).unwrap().0
    };
    assert_eq!(key("ext12").ip_proto, 17);
    assert_eq!(key("ext13").ip_proto, 59);
    assert_eq!(
        (key("ext12-frag").ip_proto, key("ext12-frag").ip_frag),
        (59, 0)
    );
    assert_eq!(
        (key("frag-later").ip_proto, key("frag-later").ip_frag),
        (44, 2)
    );
    assert_eq!(
        (
            key("frag-later-ext").ip_proto,
            key("frag-later-ext").ip_frag
        ),
        (59, 1)
    );
}

/// Headers in one piece only up to some byte, and no memory for more.
struct NoMemory<'a>(&'a [u8], usize);

impl Packet for NoMemory<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn header(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        self.0.get(..self.1)?.get(offset..)?.get(..len)
    }
}

#[test]
fn no_memory() {
    let result = |frame: &[u8], linear| {
        let mut packet = NoMemory(frame, linear);
        extract(
            &mut Key::ZERO.clone(),
            &mut Cold::NONE.clone(),
            &mut packet,
            &meta(),
        )
        .map(|layout| layout.network)
    };
    let udp = ethernet(0x0800, &ipv4(17, 0, &[], &udp()));
    assert_eq!(result(&udp, 13), Err(ExtractError::NoMemory));
    assert_eq!(result(&udp, 33), Err(ExtractError::NoMemory));
    assert_eq!(result(&udp, 34), Ok(14));
    let tagged = tagged(&[(0x8100, 5)], 0x0806, &packets::arp(1));
    assert_eq!(result(&tagged, 17), Err(ExtractError::NoMemory));
    assert_eq!(result(&tagged, 18), Ok(18));
    let snap = ethernet(40, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 0, 0]);
    assert_eq!(result(&snap, 21), Err(ExtractError::NoMemory));
    assert_eq!(result(&snap, 22), Ok(22));
    let nd = ethernet(
        0x86dd,
        &ipv6(58, &packets::nd(135, 0, &[&[1, 1, 2, 2, 2, 2, 2, 2]])),
    );
    assert_eq!(result(&nd, nd.len() - 1), Err(ExtractError::NoMemory));
    let echo = ethernet(0x86dd, &ipv6(58, &icmp(128, 0)));
    assert_eq!(result(&echo, 54), Ok(14));
    assert_eq!(result(&echo, 53), Err(ExtractError::NoMemory));
    let nsh = ethernet(0x894f, &packets::nsh(0, 6, 1));
    assert_eq!(result(&nsh, 37), Err(ExtractError::NoMemory));
    assert_eq!(ExtractError::NoMemory.errno(), odp::Errno::ENOMEM);
    assert_eq!(ExtractError::Invalid.errno(), odp::Errno::EINVAL);
}

#[test]
fn a_tunnel_stays_when_the_packet_comes_out_of_one() {
    let frame = ethernet(0x0800, &ipv4(17, 0, &[], &udp()));
    let (mut key, mut cold) = (Key::ZERO, Cold::NONE);
    key.tun.id = 5.into();
    let tunnel = Metadata {
        tun_proto: 2,
        ..meta()
    };
    extract(&mut key, &mut cold, &mut &*frame, &tunnel).unwrap();
    assert_eq!((key.tun_proto, key.tun.id.get()), (2, 5));
    extract(&mut key, &mut cold, &mut &*frame, &meta()).unwrap();
    assert_eq!((key.tun_proto, key.tun.id.get()), (0, 0));
    assert_eq!(cold, Cold::NONE);
}
