// SPDX-License-Identifier: GPL-2.0

//! Packets for lists of actions.

use super::{
    super::{
        packets::{
            self,
            cat,
            ext,
            frag,
            ipv4,
            ipv6,
            mpls,
            nd,
            tagged, //
        },
        random::Random, //
    },
    Packet,
    IPV4,
    IPV6,
    MPLS,
    NSH,
    TAGS, //
};

/// A packet of any kind.
pub fn packet(random: &mut Random) -> Packet {
    let (kind, payload) = payload(random);
    let mut packet = match random.below(8) {
        // Without an Ethernet header.
        0 if kind >= 0x600 => Packet::new(&payload, Some(kind)),
        n => {
            let tags = [(TAGS[1], 7), (TAGS[0], 0x2005), (TAGS[0], 9)];
            let count = [0, 0, 0, 0, 1, 1, 2, 3][n];
            Packet::new(&tagged(&tags[..count], kind, &payload), None)
        }
    };
    correct(&mut packet);
    packet
}

/// What there is behind the Ethernet header, and its type.
fn payload(random: &mut Random) -> (u16, Vec<u8>) {
    let data: Vec<u8> = (0..random.below(80)).map(|n| n as u8).collect();
    let (proto, l4) = transport(random, &data);
    let sll: &[u8] = &[1, 1, 2, 2, 2, 2, 2, 2];
    match random.below(20) {
        0..=3 => (IPV4, ipv4(proto, 0, &[], &l4)),
        4 => (IPV4, ipv4(proto, 0, &[1; 12], &l4)),
        5 => (IPV4, ipv4(proto, 0x2000, &[], &l4)),
        6 => (IPV4, ipv4(proto, 0x2009, &[], &l4)),
        7..=9 => (IPV6, ipv6(proto, &l4)),
        10 => (IPV6, ipv6(0, &ext(60, 1, &ext(proto, 2, &l4)))),
        // Nothing is left to route.
        11 => (IPV6, ipv6(43, &ext(proto, 3, &l4))),
        12 => (IPV6, ipv6(44, &frag(proto, 1, &l4))),
        13 => (IPV6, ipv6(44, &frag(proto, 0x59, &l4))),
        14 => (IPV6, ipv6(58, &nd(135, 0, &[sll]))),
        15 => (0x0806, packets::arp(1)),
        16 => {
            let labels = [16, 17, 18];
            let below = [ipv4(proto, 0, &[], &l4), ipv6(proto, &l4)];
            let count = 1 + random.below(3);
            let below = random.choice::<Vec<u8>>(&below);
            let payload = mpls(&labels[..count], true, below);
            (*random.choice(&MPLS), payload)
        }
        17 => {
            let mut header = packets::nsh(0, 6, 1);
            let (np, below) = match random.below(3) {
                0 => (1, ipv4(proto, 0, &[], &l4)),
                1 => (2, ipv6(proto, &l4)),
                _ => (3, packets::ethernet(IPV6, &ipv6(proto, &l4))),
            };
            header[3] = np;
            (NSH, cat(&[&header, &below]))
        }
        18 => (40, cat(&[&[0x42, 0x42, 3], &[0; 37]])),
        _ => (0x88b5, vec![7; 46]),
    }
}

/// A transport header with data, and its protocol.
fn transport(random: &mut Random, data: &[u8]) -> (u8, Vec<u8>) {
    // One of zero says that there is none.
    let udp = |checksum| {
        let mut udp = packets::udp();
        udp[6] = checksum;
        udp
    };
    let (proto, header) = match random.below(6) {
        0 | 1 => (6, packets::tcp(5, 0x18)),
        2 => (17, udp(1)),
        3 => (17, udp(0)),
        4 => (132, packets::sctp()),
        _ => (1, packets::icmp(8, 0)),
    };
    (proto, cat(&[&header, data]))
}

/// Gives a packet the lengths and the checksums it should have.
fn correct(packet: &mut Packet) {
    let (l3, kind) = packet.network();
    if ![IPV4, IPV6].contains(&kind) {
        return;
    }
    if let Some((l4, 17)) = packet.transport() {
        let len = (packet.frame.len() - l4) as u16;
        packet.frame[l4 + 4..l4 + 6].copy_from_slice(&len.to_be_bytes());
    }
    packet.fix_checksums();
    assert!(packet.frame.len() > l3);
}
