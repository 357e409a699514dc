// SPDX-License-Identifier: GPL-2.0

//! Actions whose argument is a number or a structure.

use super::support::*;
use core::slice;
use odp::{
    actions::{
        HashAlg,
        Op, //
    },
    key::{
        Be16,
        Be32,
        Key,
        Nsh,
        Vlan, //
    },
    uapi::{
        action_attr::*,
        key_attr,
        nsh_key_attr,
        KeyEthernet, //
    },
    Errno, //
};

const TCP: u8 = 6;

fn be16(kind: u16, value: u16) -> Vec<u8> {
    attr(kind, &value.to_be_bytes())
}

fn push_vlan(tpid: u16, tci: u16) -> Vec<u8> {
    attr(PUSH_VLAN, &[tpid.to_be_bytes(), tci.to_be_bytes()].concat())
}

fn push_mpls(lse: u32, eth_type: u16) -> Vec<u8> {
    let mut arg = lse.to_be_bytes().to_vec();
    arg.extend(eth_type.to_be_bytes());
    arg.extend([0, 0]);
    attr(PUSH_MPLS, &arg)
}

fn add_mpls(lse: u32, eth_type: u16, flags: u16) -> Vec<u8> {
    let mut arg = lse.to_be_bytes().to_vec();
    arg.extend(eth_type.to_be_bytes());
    arg.extend(flags.to_ne_bytes());
    attr(ADD_MPLS, &arg)
}

fn op_mpls(lse: u32, eth_type: u16, l3: bool) -> Op {
    Op::PushMpls {
        lse: Be32::new(lse),
        eth_type: Be16::new(eth_type),
        l3,
    }
}

fn mpls(labels: u32) -> Key {
    Key {
        mpls_labels: (1 << labels) - 1,
        ..eth(0x8847)
    }
}

fn flag(kind: u16) -> Vec<u8> {
    attr(kind, &[])
}

#[test]
fn empty() {
    ok(&ip(TCP), &[], &[]);
}

#[test]
fn unknown() {
    inval(&ip(TCP), &[flag(0)]);
    inval(&ip(TCP), &[u32(MAX + 1, 1)]);
    // What the C module uses inside is not for user space.
    inval(&ip(TCP), &[u32(27, 1)]);
    inval(&ip(TCP), &[u32(0x3fff, 1)]);
}

#[test]
fn left_over() {
    for rest in [
        &[0][..],
        &[4, 0, 1],
        &[3, 0, 1, 0],
        &[12, 0, 1, 0, 0, 0, 0, 0],
    ] {
        inval(&ip(TCP), &[rest.to_vec()]);
        inval(&ip(TCP), &[output(1), rest.to_vec()]);
        inval(&ip(TCP), &[nest(CLONE, &[output(1), rest.to_vec()])]);
    }
}

#[test]
fn flags_of_types_are_dropped() {
    ok_as(
        &ip(TCP),
        &[u32(OUTPUT | 0x8000, 1), u32(OUTPUT | 0x4000, 2)],
        &[
            Op::Output {
                port: 1,
                last: false,
            },
            Op::Output {
                port: 2,
                last: true,
            },
        ],
        &[output(1), output(2)].concat(),
    );
}

/// Arguments of a fixed size are refused in any other.
#[test]
fn lengths() {
    for (kind, len) in [
        (OUTPUT, 4),
        (PUSH_VLAN, 4),
        (POP_VLAN, 0),
        (RECIRC, 4),
        (HASH, 8),
        (PUSH_MPLS, 8),
        (POP_MPLS, 2),
        (TRUNC, 4),
        (PUSH_ETH, 12),
        (POP_ETH, 0),
        (CT_CLEAR, 0),
        (POP_NSH, 0),
        (METER, 4),
        (ADD_MPLS, 8),
        (DROP, 4),
    ] {
        for wrong in (0..=20).filter(|wrong| *wrong != len) {
            for key in [ip(TCP), l3(ip(TCP)), mpls(1)] {
                inval(&key, &[attr(kind, &vec![0; wrong])]);
            }
        }
    }
}

#[test]
fn outputs() {
    for port in [0, 1, 65534] {
        let op = Op::Output {
            port: port as u16,
            last: true,
        };
        ok(&ip(TCP), &[output(port)], &[op]);
    }
    for port in [65535, 65536, u32::MAX] {
        inval(&ip(TCP), &[output(port)]);
    }
}

#[test]
fn numbers() {
    ok(&ip(TCP), &[u32(TRUNC, 14)], &[Op::Trunc { max_len: 14 }]);
    inval(&ip(TCP), &[u32(TRUNC, 13)]);
    inval(&ip(TCP), &[u32(TRUNC, 0)]);
    ok(
        &ip(TCP),
        &[u32(RECIRC, 7), u32(RECIRC, 0)],
        &[
            Op::Recirc { id: 7, last: false },
            Op::Recirc { id: 0, last: true },
        ],
    );
    ok(
        &ip(TCP),
        &[u32(METER, u32::MAX)],
        &[Op::Meter { id: u32::MAX }],
    );
    ok(&ip(TCP), &[flag(CT_CLEAR)], &[Op::CtClear]);
}

#[test]
fn drops() {
    ok(&ip(TCP), &[u32(DROP, 0)], &[Op::Drop { with_error: false }]);
    ok(&ip(TCP), &[u32(DROP, 9)], &[Op::Drop { with_error: true }]);
    inval(&ip(TCP), &[u32(DROP, 0), output(1)]);
    inval(&ip(TCP), &[u32(DROP, 0), u32(DROP, 0)]);
    inval(&ip(TCP), &[nest(CLONE, &[u32(DROP, 0), output(1)])]);
}

#[test]
fn hashes() {
    let hash =
        |alg: u32, basis: u32| attr(HASH, &[alg.to_ne_bytes(), basis.to_ne_bytes()].concat());
    for (number, alg) in [(0, HashAlg::L4), (1, HashAlg::SymL4)] {
        ok(&ip(TCP), &[hash(number, 5)], &[Op::Hash { alg, basis: 5 }]);
    }
    inval(&ip(TCP), &[hash(2, 0)]);
    inval(&ip(TCP), &[hash(u32::MAX, 0)]);
}

#[test]
fn vlans() {
    let op = |tpid, tci| Op::PushVlan {
        vlan: Vlan {
            tpid: Be16::new(tpid),
            tci: Be16::new(tci),
        },
    };
    for tpid in [0x8100, 0x88a8] {
        ok(&ip(TCP), &[push_vlan(tpid, 0x1005)], &[op(tpid, 0x1005)]);
        inval(&ip(TCP), &[push_vlan(tpid, 0x0005)]);
        inval(&l3(ip(TCP)), &[push_vlan(tpid, 0x1005)]);
    }
    for tpid in [0x9100, 0x0800, 0x0081] {
        inval(&ip(TCP), &[push_vlan(tpid, 0x1005)]);
    }
    // Popping what is not there is for the packet to find out.
    ok(&ip(TCP), &[flag(POP_VLAN)], &[Op::PopVlan]);
    inval(&l3(ip(TCP)), &[flag(POP_VLAN)]);
}

#[test]
fn ethernet() {
    let push = || attr(PUSH_ETH, &[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
    let op = Op::PushEth {
        addresses: KeyEthernet {
            src: [1; 6],
            dst: [2; 6],
        },
    };
    ok(&l3(ip(TCP)), &[push()], &[op]);
    inval(&ip(TCP), &[push()]);
    inval(&l3(ip(TCP)), &[push(), push()]);
    ok(&ip(TCP), &[flag(POP_ETH)], &[Op::PopEth]);
    inval(&l3(ip(TCP)), &[flag(POP_ETH)]);
    inval(&ip(TCP), &[flag(POP_ETH), flag(POP_ETH)]);
    ok(&ip(TCP), &[flag(POP_ETH), push()], &[Op::PopEth, op]);

    let tagged = Key {
        vlan: Vlan {
            tpid: Be16::new(0x8100),
            tci: Be16::new(0x1001),
        },
        ..ip(TCP)
    };
    inval(&tagged, &[flag(POP_ETH)]);
    ok(
        &tagged,
        &[flag(POP_VLAN), flag(POP_ETH)],
        &[Op::PopVlan, Op::PopEth],
    );
    inval(&ip(TCP), &[push_vlan(0x8100, 0x1000), flag(POP_ETH)]);
}

#[test]
fn pushed_mpls() {
    for eth_type in [0x8847, 0x8848] {
        for key in [
            ip(TCP),
            l3(ip(TCP)),
            ip6(TCP),
            eth(0x0806),
            eth(0x8035),
            mpls(1),
        ] {
            let op = op_mpls(0x100, eth_type, true);
            ok(&key, &[push_mpls(0x100, eth_type)], &[op]);
            ok(&key, &[add_mpls(0x100, eth_type, 1)], &[op]);
            ok(&key, &[add_mpls(0x100, eth_type, 0xffff)], &[op]);
        }
        for key in [eth(0x88cc), eth(0x0004), eth(0x894f)] {
            inval(&key, &[push_mpls(0x100, eth_type)]);
            inval(&key, &[add_mpls(0x100, eth_type, 1)]);
            // In front of the whole packet it does not matter what that is.
            let op = op_mpls(0x100, eth_type, false);
            ok(&key, &[add_mpls(0x100, eth_type, 0)], &[op]);
            ok(&key, &[add_mpls(0x100, eth_type, 2)], &[op]);
        }
    }
    for eth_type in [0x0800, 0x4788, 0] {
        inval(&ip(TCP), &[push_mpls(1, eth_type)]);
        inval(&ip(TCP), &[add_mpls(1, eth_type, 0)]);
        inval(&ip(TCP), &[add_mpls(1, eth_type, 1)]);
    }
    let vlan = || push_vlan(0x8100, 0x1000);
    inval(&ip(TCP), &[vlan(), push_mpls(1, 0x8847)]);
    inval(&ip(TCP), &[vlan(), add_mpls(1, 0x8847, 1)]);
    let compiled = [vlan(), add_mpls(1, 0x8847, 0)].concat();
    assert!(run(&ip(TCP), &compiled).is_ok());
}

#[test]
fn popped_mpls() {
    let pop = |eth_type| be16(POP_MPLS, eth_type);
    let op = |eth_type| Op::PopMpls {
        eth_type: Be16::new(eth_type),
    };
    inval(&ip(TCP), &[pop(0x0800)]);
    ok(&mpls(1), &[pop(0x0800)], &[op(0x0800)]);
    // After the last label nothing is known.
    inval(&mpls(1), &[pop(0x8847), pop(0x0800)]);
    inval(&mpls(1), &[pop(0x8847), push_mpls(0, 0x8847)]);
    ok(
        &mpls(2),
        &[pop(0x8847), pop(0x0800)],
        &[op(0x8847), op(0x0800)],
    );
    inval(&mpls(2), &[pop(0x0800), pop(0x0800)]);
    inval(&mpls(2), &[pop(0x8847), pop(0x8848), pop(0x0800)]);
    let list = [push_mpls(0, 0x8848), pop(0x8847), pop(0x0800)];
    ok(
        &mpls(1),
        &list,
        &[op_mpls(0, 0x8848, true), op(0x8847), op(0x0800)],
    );
    // A mask without labels leaves their number open.
    ok(
        &mpls(0),
        &[pop(0x8847), pop(0x8847)],
        &[op(0x8847), op(0x8847)],
    );
    // Labels in front of an Ethernet header are a stack of their own.
    let list = [add_mpls(0, 0x8847, 0), pop(0x6558)];
    ok(&mpls(2), &list, &[op_mpls(0, 0x8847, false), op(0x6558)]);
    inval(
        &mpls(2),
        &[add_mpls(0, 0x8847, 0), pop(0x8847), pop(0x8847)],
    );
    let list = [
        add_mpls(0, 0x8847, 0),
        add_mpls(0, 0x8847, 0),
        pop(0x8847),
        pop(0x6558),
    ];
    assert!(run(&ip(TCP), &list.concat()).is_ok());

    inval(&mpls(1), &[pop(0x6558)]);
    ok(&l3(mpls(1)), &[pop(0x6558)], &[op(0x6558)]);
    let tagged = Key {
        vlan: Vlan {
            tpid: Be16::new(0x8100),
            tci: Be16::new(0x1001),
        },
        ..mpls(1)
    };
    inval(&tagged, &[pop(0x0800)]);
    ok(
        &tagged,
        &[flag(POP_VLAN), pop(0x0800)],
        &[Op::PopVlan, op(0x0800)],
    );
}

fn push_nsh(parts: &[Vec<u8>]) -> Vec<u8> {
    nest(PUSH_NSH, &[nest(key_attr::NSH, parts)])
}

fn base(mdtype: u8) -> Vec<u8> {
    attr(nsh_key_attr::BASE, &[0xff, 0xff, mdtype, 3, 0, 0, 1, 0xfe])
}

fn md1() -> Vec<u8> {
    attr(nsh_key_attr::MD1, &[9; 16])
}

fn md2(len: usize) -> Vec<u8> {
    attr(nsh_key_attr::MD2, &vec![7; len])
}

#[track_caller]
fn nsh_header(parts: &[Vec<u8>]) -> Vec<u8> {
    let list = [push_nsh(parts)].concat();
    let compiled = run(&ip(TCP), &list).unwrap();
    let program = compiled.program();
    assert_eq!(program.dump(), list);
    match compiled.store().ops[..] {
        [Op::PushNsh { at, len }] => program.bytes(at, len.into()).unwrap().to_vec(),
        ref ops => panic!("{ops:?}"),
    }
}

#[test]
fn pushed_nsh() {
    let mut header = vec![0x3f, 0xc6, 1, 3, 0, 0, 1, 0xfe];
    header.extend([9; 16]);
    assert_eq!(nsh_header(&[base(1), md1()]), header);
    assert_eq!(nsh_header(&[md1(), base(1)]), header);
    assert_eq!(nsh_header(&[base(2), base(1), md1()]), header);
    for len in [1, 3, 4, 100, 243, 244] {
        let header = nsh_header(&[base(2), md2(len)]);
        assert_eq!(header.len(), (8 + len) / 4 * 4);
        assert_eq!(usize::from(header[1] & 0x3f) * 4, header.len());
        assert!(header[8..].iter().all(|byte| *byte == 7));
    }
    for parts in [
        &[][..],
        &[base(1)],
        &[md1()],
        &[base(2), md1()],
        &[base(1), md2(8)],
        &[base(1), md1(), md2(8)],
        &[base(2), md1(), md2(8)],
        &[base(2), md2(0)],
        &[base(2), md2(245)],
        &[base(1), md1(), attr(0, &[])],
        &[base(1), md1(), attr(4, &[])],
        &[base(1), md1(), vec![0]],
        &[base(1), attr(nsh_key_attr::MD1, &[0; 12])],
        &[attr(nsh_key_attr::BASE, &[0; 4]), md1()],
    ] {
        inval(&ip(TCP), &[push_nsh(parts)]);
    }
    let good = nest(key_attr::NSH, &[base(1), md1()]);
    inval(&ip(TCP), &[nest(PUSH_NSH, &[])]);
    inval(&ip(TCP), &[nest(PUSH_NSH, &[good.clone(), good.clone()])]);
    inval(
        &ip(TCP),
        &[nest(PUSH_NSH, &[nest(key_attr::IPV4, &[base(1), md1()])])],
    );
    let good = push_nsh(&[base(1), md1()]);
    for eth_type in [0x0800, 0x86dd, 0x6558, 0x894f, 0x8847] {
        assert!(run(&l3(eth(eth_type)), &good).is_ok());
    }
    for eth_type in [0x0806, 0x8848, 0x88cc] {
        inval(&l3(eth(eth_type)), slice::from_ref(&good));
        assert!(run(&eth(eth_type), &good).is_ok());
    }
    inval(&ip(TCP), &[good.clone(), flag(POP_ETH)]);
}

#[test]
fn popped_nsh() {
    let nsh = |np| Key {
        nsh: Nsh {
            np,
            ..Nsh::default()
        },
        ..eth(0x894f)
    };
    for np in 1..=5 {
        ok(&nsh(np), &[flag(POP_NSH)], &[Op::PopNsh]);
    }
    for np in [0, 6, 0xff] {
        inval(&nsh(np), &[flag(POP_NSH)]);
    }
    inval(&ip(TCP), &[flag(POP_NSH)]);
    ok(
        &nsh(3),
        &[flag(POP_NSH), flag(POP_ETH)],
        &[Op::PopNsh, Op::PopEth],
    );
    inval(&nsh(1), &[flag(POP_NSH), flag(POP_ETH)]);
}

#[test]
fn sink_errors() {
    use super::support::{
        Mem,
        ENV, //
    };
    let list = [
        output(1),
        push_nsh(&[base(1), md1()]),
        nest(CLONE, &[output(2)]),
    ]
    .concat();
    let mut left = 0;
    loop {
        let sink = Mem {
            left: Some(left),
            ..Mem::default()
        };
        match odp::actions::compile(&list, &ip(TCP), &ENV, sink) {
            Ok(_) => break,
            Err(error) => assert_eq!(error.errno, Errno::ENOMEM),
        }
        left += 1;
    }
    assert!(left > 10);
}

#[test]
fn size() {
    assert!(size_of::<Op>() <= 16);
}
