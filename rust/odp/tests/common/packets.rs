// SPDX-License-Identifier: GPL-2.0

//! Packets of every protocol, put together by hand.

use odp::headers::ethertype;

pub const DST: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
pub const SRC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];

pub fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&DST, &SRC, &ethertype.to_be_bytes(), payload])
}

/// What stands in the place of the ethertype when there is a tag, up to `inner`'s ethertype.
pub fn tagged(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = cat(&[&DST, &SRC]);
    for (tpid, tci) in tags {
        packet.extend(tpid.to_be_bytes());
        packet.extend(tci.to_be_bytes());
    }
    packet.extend(ethertype.to_be_bytes());
    packet.extend(payload);
    packet
}

pub fn ipv4(proto: u8, frag_off: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let ihl = 5 + options.len() / 4;
    let len = ihl * 4 + payload.len();
    cat(&[
        &[0x40 | ihl as u8, 0x28],
        &(len as u16).to_be_bytes(),
        &[0x12, 0x34],
        &frag_off.to_be_bytes(),
        &[63, proto, 0, 0],
        &[10, 0, 0, 1],
        &[10, 0, 0, 2],
        options,
        payload,
    ])
}

pub fn ipv6(nexthdr: u8, payload: &[u8]) -> Vec<u8> {
    let mut src = [0; 16];
    let mut dst = [0; 16];
    src[..2].copy_from_slice(&[0x20, 0x01]);
    dst[..2].copy_from_slice(&[0xfd, 0x00]);
    src[15] = 1;
    dst[15] = 2;
    cat(&[
        &[0x6a, 0xb1, 0x23, 0x45],
        &(payload.len() as u16).to_be_bytes(),
        &[nexthdr, 64],
        &src,
        &dst,
        payload,
    ])
}

/// An IPv6 extension header that is not a fragment header, of `units` times 8 bytes.
pub fn ext(nexthdr: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0; usize::from(units) * 8];
    header[0] = nexthdr;
    header[1] = units - 1;
    cat(&[&header, payload])
}

pub fn frag(nexthdr: u8, offset_flags: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[
        &[nexthdr, 0],
        &offset_flags.to_be_bytes(),
        &[0, 0, 0, 7],
        payload,
    ])
}

/// An IPv6 authentication header of `words` times 4 bytes.
pub fn auth(nexthdr: u8, words: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0; usize::from(words) * 4];
    header[0] = nexthdr;
    header[1] = words - 2;
    cat(&[&header, payload])
}

pub fn tcp(doff: u8, flags: u16) -> Vec<u8> {
    let mut tcp = cat(&[
        &[0x12, 0x34, 0x00, 0x50],
        &[0; 8],
        &((u16::from(doff) << 12) | flags).to_be_bytes(),
        &[0; 6],
    ]);
    tcp.resize(usize::from(doff.max(5)) * 4, 1);
    tcp
}

pub fn udp() -> Vec<u8> {
    vec![0x30, 0x39, 0x00, 0x35, 0, 12, 0, 0, 1, 2, 3, 4]
}

pub fn sctp() -> Vec<u8> {
    vec![0x0b, 0x59, 0x0b, 0x5a, 0, 0, 0, 1, 0, 0, 0, 0]
}

pub fn icmp(kind: u8, code: u8) -> Vec<u8> {
    vec![kind, code, 0, 0, 0, 1, 0, 2]
}

pub fn nd(kind: u8, code: u8, options: &[&[u8]]) -> Vec<u8> {
    let mut target = [0; 16];
    target[0] = 0xfe;
    target[15] = 9;
    cat(&[&icmp(kind, code), &target, &options.concat()])
}

pub fn arp(op: u16) -> Vec<u8> {
    cat(&[
        &[0, 1, 0x08, 0, 6, 4],
        &op.to_be_bytes(),
        &SRC,
        &[10, 0, 0, 1],
        &DST,
        &[10, 0, 0, 2],
    ])
}

pub fn mpls(labels: &[u32], bottom: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, label) in labels.iter().enumerate() {
        let s = u32::from(bottom && i + 1 == labels.len()) << 8;
        out.extend(((label << 12) | s | 64).to_be_bytes());
    }
    out.extend(payload);
    out
}

pub fn nsh(version: u16, words: u16, mdtype: u8) -> Vec<u8> {
    let first: u16 = (version << 14) | (0b10 << 12) | (63 << 6) | words;
    let mut out = cat(&[&first.to_be_bytes(), &[mdtype, 1], &[0, 0, 1, 255]]);
    out.extend((0..16).map(|i| i + 1));
    out
}

/// Names and frames: valid ones, and those at the edges of what is valid.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    use ethertype::{ARP, IPV4, IPV6, MPLS, MPLS_MC, NSH, RARP, SVLAN, VLAN};

    let sll: &[u8] = &[1, 1, 2, 2, 2, 2, 2, 2];
    let zero_sll: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 0];
    let tll: &[u8] = &[2, 1, 3, 3, 3, 3, 3, 3];
    let long: &[u8] = &[1, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
    let zero: &[u8] = &[5, 0, 0, 0, 0, 0, 0, 0];
    let over: &[u8] = &[1, 9, 5, 5, 5, 5, 5, 5];
    let auth_dest = auth(60, 4, &ext(17, 1, &udp()));
    let v4 = |proto, payload: &[u8]| ethernet(IPV4, &ipv4(proto, 0, &[], payload));
    let v6 = |proto, payload: &[u8]| ethernet(IPV6, &ipv6(proto, payload));
    let nd6 = |kind, code, options: &[&[u8]]| v6(58, &nd(kind, code, options));

    let mut all = vec![
        ("tcp", v4(6, &tcp(5, 0x002))),
        ("tcp-options", v4(6, &tcp(15, 0xfff))),
        ("tcp-doff", v4(6, &tcp(4, 0x012))),
        ("udp", v4(17, &udp())),
        ("sctp", v4(132, &sctp())),
        ("icmp", v4(1, &icmp(8, 0))),
        ("icmpv6-in-v4", v4(58, &icmp(135, 0))),
        ("gre", v4(47, &[0; 8])),
        ("ip-options", ethernet(IPV4, &ipv4(17, 0, &[1; 40], &udp()))),
        ("df", ethernet(IPV4, &ipv4(17, 0x4000, &[], &udp()))),
        ("first", ethernet(IPV4, &ipv4(17, 0x2000, &[], &udp()))),
        ("later", ethernet(IPV4, &ipv4(17, 0x2001, &[], &udp()))),
        ("last", ethernet(IPV4, &ipv4(6, 0x1fff, &[], &udp()))),
        ("tcp6", v6(6, &tcp(5, 0x010))),
        ("udp6", v6(17, &udp())),
        ("sctp6", v6(132, &sctp())),
        ("icmp6", v6(58, &icmp(128, 0))),
        ("icmp-in-v6", v6(1, &icmp(8, 0))),
        ("esp6", v6(50, &[1; 16])),
        ("none6", v6(59, &[])),
        ("ns", nd6(135, 0, &[sll])),
        ("na", nd6(136, 0, &[tll])),
        ("nd-both", nd6(135, 0, &[sll, tll])),
        ("nd-code", nd6(135, 1, &[sll])),
        ("nd-twice", nd6(135, 0, &[sll, sll])),
        ("nd-zero-twice", nd6(135, 0, &[zero_sll, sll])),
        ("nd-tll-twice", nd6(136, 0, &[tll, tll])),
        ("nd-long", nd6(135, 0, &[long, sll])),
        ("nd-zero-len", nd6(135, 0, &[sll, zero, tll])),
        ("nd-over", nd6(135, 0, &[tll, over])),
        ("hop", v6(0, &ext(6, 1, &tcp(5, 0)))),
        (
            "order",
            v6(
                0,
                &ext(60, 1, &ext(43, 2, &ext(44, 1, &frag(51, 0, &auth_dest)))),
            ),
        ),
        ("auth-odd", v6(51, &auth(17, 3, &udp()))),
        (
            "unseq",
            v6(43, &ext(0, 1, &ext(60, 1, &ext(43, 1, &udp())))),
        ),
        (
            "dest3",
            v6(60, &ext(60, 1, &ext(60, 1, &ext(17, 1, &udp())))),
        ),
        ("hop-twice", v6(0, &ext(0, 1, &ext(17, 1, &udp())))),
        ("frag-atomic", v6(44, &frag(17, 0, &udp()))),
        ("frag-first", v6(44, &frag(17, 1, &udp()))),
        ("frag-later", v6(44, &frag(17, 0x59, &udp()))),
        ("frag-later-none", v6(44, &frag(59, 8, &[]))),
        ("frag-later-ext", v6(44, &frag(60, 8, &ext(17, 1, &udp())))),
        ("frag-twice", v6(44, &frag(44, 0, &frag(17, 8, &udp())))),
        ("arp", ethernet(ARP, &arp(1))),
        ("rarp", ethernet(RARP, &arp(3))),
        ("arp-op", ethernet(ARP, &arp(0x101))),
        ("mpls", ethernet(MPLS, &mpls(&[16], true, &udp()))),
        ("mpls2", ethernet(MPLS_MC, &mpls(&[16, 17], true, &[]))),
        ("mpls3", ethernet(MPLS, &mpls(&[16, 17, 18], true, &udp()))),
        (
            "mpls5",
            ethernet(MPLS, &mpls(&[1, 2, 3, 4, 5], true, &udp())),
        ),
        ("mpls-no-bottom", ethernet(MPLS, &mpls(&[1, 2], false, &[]))),
        ("nsh", ethernet(NSH, &nsh(0, 6, 1))),
        ("nsh-md2", ethernet(NSH, &nsh(0, 4, 2))),
        ("nsh-md2-short", ethernet(NSH, &nsh(0, 0, 2))),
        ("nsh-version", ethernet(NSH, &nsh(1, 6, 1))),
        ("nsh-len", ethernet(NSH, &nsh(0, 5, 1))),
        ("nsh-md3", ethernet(NSH, &nsh(0, 6, 3))),
        ("nsh-long", ethernet(NSH, &nsh(0, 63, 2))),
        (
            "vlan",
            tagged(&[(VLAN, 0x6005)], IPV4, &ipv4(17, 0, &[], &udp())),
        ),
        (
            "qinq",
            tagged(&[(SVLAN, 5), (VLAN, 6)], IPV6, &ipv6(6, &tcp(5, 1))),
        ),
        (
            "vlan3",
            tagged(&[(SVLAN, 5), (VLAN, 6), (VLAN, 7)], IPV4, &[0; 20]),
        ),
        ("vlan-arp", tagged(&[(VLAN, 0x1fff)], ARP, &arp(2))),
        ("llc", ethernet(8, &[0x42, 0x42, 3, 0, 0, 0, 0, 0])),
        (
            "snap",
            ethernet(
                40,
                &cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(17, 0, &[], &udp())]),
            ),
        ),
        (
            "snap-oui",
            ethernet(40, &[0xaa, 0xaa, 3, 0, 0, 0xc, 8, 0, 1, 2]),
        ),
        (
            "snap-short-type",
            ethernet(40, &[0xaa, 0xaa, 3, 0, 0, 0, 5, 0xff, 1, 2]),
        ),
        (
            "vlan-snap",
            tagged(
                &[(VLAN, 5)],
                40,
                &cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06], &arp(1)]),
            ),
        ),
        ("unknown", ethernet(0x88cc, &[1, 2, 3, 4])),
    ];
    // Chains of extension headers as long as they may be, and one longer.
    for (name, count) in [("ext12", 12), ("ext13", 13), ("ext12-frag", 12)] {
        let mut payload = match name {
            "ext12-frag" => frag(17, 0, &udp()),
            _ => udp(),
        };
        let mut nexthdr = if name == "ext12-frag" { 44 } else { 17 };
        for _ in 0..count {
            payload = ext(nexthdr, 1, &payload);
            nexthdr = 60;
        }
        all.push((name, v6(nexthdr, &payload)));
    }
    all
}
