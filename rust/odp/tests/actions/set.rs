// SPDX-License-Identifier: GPL-2.0

//! SET and SET_MASKED.

use super::support::*;
use odp::{
    actions::{
        Op,
        Program, //
    },
    key::{
        Be16,
        Be32,
        Key, //
    },
    uapi::{
        action_attr::{
            POP_ETH,
            POP_MPLS,
            PUSH_MPLS,
            SET,
            SET_MASKED, //
        },
        key_attr::*,
        KeyPorts, //
    }, //
};

const SCTP_PROTO: u8 = 132;

fn set(kind: u16, value: &[u8]) -> Vec<u8> {
    nest(SET, &[attr(kind, value)])
}

fn masked(kind: u16, value: &[u8], mask: &[u8]) -> Vec<u8> {
    nest(SET_MASKED, &[attr(kind, &[value, mask].concat())])
}

#[track_caller]
fn only(key: &Key, list: Vec<u8>, check: impl FnOnce(Program<'_>, Op)) {
    let compiled = run(key, &list).unwrap();
    assert_eq!(compiled.program().dump(), list);
    let [op] = compiled.store().ops[..] else {
        panic!("{compiled:?}");
    };
    check(compiled.program(), op);
}

fn cases() -> Vec<(u16, usize, Key)> {
    let mpls = Key {
        mpls_labels: 1,
        ..eth(0x8847)
    };
    vec![
        (PRIORITY, 4, ip(6)),
        (SKB_MARK, 4, ip(6)),
        (CT_MARK, 4, ip(6)),
        (CT_LABELS, 16, ip(6)),
        (ETHERNET, 12, ip(6)),
        (IPV4, 12, ip(0)),
        (IPV6, 40, ip6(0)),
        (TCP, 4, ip(6)),
        (UDP, 4, ip6(17)),
        (SCTP, 4, ip(SCTP_PROTO)),
        (MPLS, 4, mpls),
    ]
}

#[test]
fn lengths() {
    for (kind, len, key) in cases() {
        only(&key, set(kind, &vec![0; len]), |_, _| {});
        only(&key, masked(kind, &vec![0; len], &vec![0; len]), |_, _| {});
        for wrong in (0..90).filter(|wrong| *wrong != len) {
            inval(&key, &[set(kind, &vec![0; wrong])]);
        }
        // A byte more than twice the length goes unnoticed in C.
        for wrong in (0..90).filter(|wrong| *wrong / 2 != len) {
            inval(&key, &[masked(kind, &vec![0; wrong], &[])]);
        }
        only(&key, masked(kind, &vec![0; 2 * len + 1], &[]), |_, _| {});
    }
}

#[test]
fn one_field() {
    for (kind, len, key) in cases() {
        let field = attr(kind, &vec![0; len]);
        inval(&key, &[nest(SET, &[])]);
        inval(&key, &[nest(SET_MASKED, &[])]);
        inval(&key, &[nest(SET, &[field.clone(), field.clone()])]);
        inval(&key, &[nest(SET, &[field.clone(), vec![0]])]);
        inval(&key, &[attr(SET, &field[..field.len() - 1])]);
    }
}

#[test]
fn masks() {
    for (kind, len, key) in cases() {
        let mut value = vec![0; len];
        value[1] = 0x08;
        let mut mask = value.clone();
        only(&key, masked(kind, &value, &mask), |_, _| {});
        mask[1] = 0xf7;
        inval(&key, &[masked(kind, &value, &mask)]);
        mask[1] = 0;
        inval(&key, &[masked(kind, &value, &mask)]);
    }
}

#[test]
fn not_settable() {
    let settable: Vec<u16> = cases().iter().map(|(kind, ..)| *kind).collect();
    for kind in (0..=MAX + 3).filter(|kind| !settable.contains(kind) && *kind != TUNNEL) {
        for len in [0, 1, 2, 4, 8, 12, 13, 16, 24, 28, 40] {
            inval(&ip(6), &[set(kind, &vec![0; len])]);
            inval(&ip(6), &[masked(kind, &vec![0; len], &vec![0; len])]);
        }
    }
    inval(&ip(6), &[masked(TUNNEL, &[0; 8], &[0; 8])]);
}

#[test]
fn wrong_packet() {
    for key in [l3(ip(6)), l3(ip6(6))] {
        inval(&key, &[set(ETHERNET, &[0; 12])]);
    }
    for (kind, len) in [
        (IPV4, 12),
        (IPV6, 40),
        (TCP, 4),
        (UDP, 4),
        (SCTP, 4),
        (MPLS, 4),
    ] {
        for key in [eth(0x0806), eth(0x0004), ip(1), ip6(58)] {
            let value = {
                let mut value = vec![0; len];
                // A protocol other than the flow's.
                if kind == IPV4 {
                    value[8] = 99;
                }
                if kind == IPV6 {
                    value[36] = 99;
                }
                value
            };
            inval(&key, &[set(kind, &value)]);
        }
    }
    inval(&ip6(0), &[set(IPV4, &[0; 12])]);
    inval(&ip(0), &[set(IPV6, &[0; 40])]);
    inval(&ip(17), &[set(TCP, &[0; 4])]);
    inval(&ip(6), &[set(UDP, &[0; 4])]);
    inval(&ip(6), &[set(SCTP, &[0; 4])]);
    // Under MPLS nothing may be set, nor after the last label was popped.
    let push = attr(PUSH_MPLS, &[0, 0, 1, 0, 0x88, 0x47, 0, 0]);
    let pop = attr(POP_MPLS, &[0x08, 0x00]);
    let mpls = set(MPLS, &[0; 4]);
    assert!(run(&ip(6), &[push.clone(), mpls.clone()].concat()).is_ok());
    inval(&ip(6), &[mpls]);
    inval(&ip(6), &[push.clone(), set(TCP, &[0; 4])]);
    inval(&ip(6), &[push, pop, set(IPV4, &[0; 12])]);
}

#[test]
fn metadata() {
    let value = 0x01020304u32.to_ne_bytes();
    let mask = 0x0f0f0f0fu32.to_ne_bytes();
    only(&ip(6), set(PRIORITY, &value), |_, op| {
        let masked = [0x01020304, u32::MAX];
        assert_eq!(op, Op::SetPriority { masked });
    });
    only(&ip(6), masked(SKB_MARK, &value, &mask), |_, op| {
        let masked = [0x01020304, 0x0f0f0f0f];
        assert_eq!(op, Op::SetSkbMark { masked });
    });
    only(&ip(6), set(CT_MARK, &value), |_, op| {
        assert_eq!(op, Op::SetConnection);
    });
    only(&ip(6), masked(CT_LABELS, &[0; 16], &[1; 16]), |_, op| {
        assert_eq!(op, Op::SetConnection);
    });
}

#[test]
fn ethernet() {
    let value = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    only(&ip(6), set(ETHERNET, &value), |program, op| {
        let Op::SetEthernet { at } = op else {
            panic!("{op:?}");
        };
        let [value, mask] = program.get(at).unwrap();
        assert_eq!(value.src, [1, 2, 3, 4, 5, 6]);
        assert_eq!(value.dst, [7, 8, 9, 10, 11, 12]);
        assert_eq!([mask.src, mask.dst], [[0xff; 6]; 2]);
    });
    inval(&ip(6), &[attr(POP_ETH, &[]), set(ETHERNET, &value)]);
}

#[test]
fn ipv4() {
    let key = Key {
        ip_frag: 1,
        ..ip(6)
    };
    let value = [10, 0, 0, 1, 10, 0, 0, 2, 6, 0x10, 63, 1];
    only(&key, set(IPV4, &value), |program, op| {
        let Op::SetIpv4 { at } = op else {
            panic!("{op:?}");
        };
        let [value, mask] = program.get(at).unwrap();
        assert_eq!(value.src, Be32::new(0x0a000001));
        assert_eq!(value.dst, Be32::new(0x0a000002));
        assert_eq!((value.tos, value.ttl), (0x10, 63));
        assert_eq!((mask.src, mask.ttl), (Be32::new(u32::MAX), 0xff));
    });
    for (at, wrong) in [(8, 17), (11, 0), (11, 2)] {
        let mut value = value;
        value[at] = wrong;
        inval(&key, &[set(IPV4, &value)]);
    }
    let mut mask = [0; 12];
    mask[10] = 0xff;
    let mut value = [0; 12];
    value[10] = 5;
    only(&key, masked(IPV4, &value, &mask), |program, op| {
        let Op::SetIpv4 { at } = op else {
            panic!("{op:?}");
        };
        let [value, mask] = program.get(at).unwrap();
        assert_eq!((value.ttl, mask.ttl, mask.tos), (5, 0xff, 0));
    });
    for at in [8, 11] {
        let mut mask = mask;
        mask[at] = 1;
        inval(&key, &[masked(IPV4, &value, &mask)]);
    }
}

#[test]
fn ipv6() {
    let key = ip6(17);
    let mut value = [0; 40];
    value[15] = 1;
    value[31] = 2;
    value[32..36].copy_from_slice(&0x000fffffu32.to_be_bytes());
    value[36] = 17;
    value[37] = 0xb8;
    value[38] = 3;
    only(&key, set(IPV6, &value), |program, op| {
        let Op::SetIpv6 { at } = op else {
            panic!("{op:?}");
        };
        let [value, mask] = program.get(at).unwrap();
        assert_eq!((value.src[15], value.dst[15]), (1, 2));
        assert_eq!(value.label.get(), 0xfffff);
        // Bits that are no part of the label are not written.
        assert_eq!(mask.label.get(), 0xfffff);
        assert_eq!((value.tclass, value.hlimit), (0xb8, 3));
        assert_eq!((mask.src, mask.hlimit), ([0xff; 16], 0xff));
    });
    for (at, wrong) in [(36, 6), (39, 1), (33, 0x1f), (32, 1)] {
        let mut value = value;
        value[at] = wrong;
        inval(&key, &[set(IPV6, &value)]);
    }
    let mut mask = [0; 40];
    mask[33] = 0x0f;
    only(&key, masked(IPV6, &[0; 40], &mask), |_, _| {});
    for (at, wrong) in [(33, 0x10), (32, 1), (36, 1), (39, 1)] {
        let mut mask = mask;
        mask[at] = wrong;
        inval(&key, &[masked(IPV6, &[0; 40], &mask)]);
    }
}

#[test]
fn ports() {
    let value = KeyPorts {
        src: Be16::new(0x0102),
        dst: Be16::new(0x0304),
    };
    let ones = KeyPorts {
        src: Be16::new(0xffff),
        dst: Be16::new(0xffff),
    };
    let dst = KeyPorts {
        src: Be16::ZERO,
        dst: Be16::new(0x0304),
    };
    only(&ip(6), set(TCP, &[1, 2, 3, 4]), |_, op| {
        let masked = [value, ones];
        assert_eq!(op, Op::SetTcp { masked });
    });
    only(
        &ip6(17),
        masked(UDP, &[0, 0, 3, 4], &[0, 0, 3, 4]),
        |_, op| {
            let masked = [dst, dst];
            assert_eq!(op, Op::SetUdp { masked });
        },
    );
    only(&ip(SCTP_PROTO), set(SCTP, &[1, 2, 3, 4]), |_, op| {
        let masked = [value, ones];
        assert_eq!(op, Op::SetSctp { masked });
    });
}

#[test]
fn flags_of_types() {
    let value = 7u32.to_ne_bytes();
    let list = nest(SET | 0x8000, &[attr(PRIORITY | 0x8000, &value)]);
    let dump = set(PRIORITY, &value);
    let masked = [7, u32::MAX];
    ok_as(&ip(6), &[list], &[Op::SetPriority { masked }], &dump);
    // C copies what is in SET_MASKED as it is.
    let list = nest(
        SET_MASKED | 0x8000,
        &[attr(PRIORITY | 0x8000, &[value, value].concat())],
    );
    let dump = nest(
        SET_MASKED,
        &[attr(PRIORITY | 0x8000, &[value, value].concat())],
    );
    let masked = [7, 7];
    ok_as(&ip(6), &[list], &[Op::SetPriority { masked }], &dump);
}
