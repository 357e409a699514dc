// SPDX-License-Identifier: GPL-2.0

//! SAMPLE, CLONE, CHECK_PKT_LEN and DEC_TTL.

use super::support::*;
use odp::{
    actions::{
        Op,
        MAX_DEPTH, //
    },
    uapi::{
        action_attr::*,
        check_pkt_len_attr as cpl,
        dec_ttl_attr,
        sample_attr, //
    },
    Errno, //
};

fn sample(probability: u32, actions: &[Vec<u8>]) -> Vec<u8> {
    nest(
        SAMPLE,
        &[
            u32(sample_attr::PROBABILITY, probability),
            nest(sample_attr::ACTIONS, actions),
        ],
    )
}

fn check_pkt_len(len: u16, less_equal: &[Vec<u8>], greater: &[Vec<u8>]) -> Vec<u8> {
    nest(
        CHECK_PKT_LEN,
        &[
            u16(cpl::PKT_LEN, len),
            nest(cpl::ACTIONS_IF_LESS_EQUAL, less_equal),
            nest(cpl::ACTIONS_IF_GREATER, greater),
        ],
    )
}

fn dec_ttl(actions: &[Vec<u8>]) -> Vec<u8> {
    nest(DEC_TTL, &[nest(dec_ttl_attr::ACTION, actions)])
}

fn pop_vlan() -> Vec<u8> {
    attr(POP_VLAN, &[])
}

const fn out(port: u16, last: bool) -> Op {
    Op::Output { port, last }
}

#[test]
fn samples() {
    let op = |body, in_place, last| Op::Sample {
        probability: 9,
        body,
        in_place,
        last,
    };
    ok(&ip(6), &[sample(9, &[])], &[op(0, true, true)]);
    ok(
        &ip(6),
        &[sample(9, &[output(1), output(2)]), output(3)],
        &[
            op(2, true, false),
            out(1, false),
            out(2, true),
            out(3, true),
        ],
    );
    ok(
        &ip(6),
        &[sample(9, &[pop_vlan()]), sample(9, &[pop_vlan()])],
        &[
            op(1, false, false),
            Op::PopVlan,
            op(1, true, true),
            Op::PopVlan,
        ],
    );
    // The arguments may come in any order.
    let args = [
        nest(sample_attr::ACTIONS, &[output(1)]),
        u32(sample_attr::PROBABILITY, 9),
    ];
    ok_as(
        &ip(6),
        &[nest(SAMPLE | 0x8000, &args)],
        &[op(1, true, true), out(1, true)],
        &sample(9, &[output(1)]),
    );
}

/// Which actions leave the key as it is.
#[test]
fn in_place() {
    let in_place = |action: Vec<u8>| {
        let list = [nest(CLONE, &[action]), output(1)].concat();
        match run(&ip(6), &list).unwrap().store().ops[0] {
            Op::Clone { in_place, .. } => in_place,
            op => panic!("{op:?}"),
        }
    };
    assert!(in_place(output(1)));
    assert!(in_place(u32(TRUNC, 14)));
    assert!(in_place(u32(DROP, 0)));
    assert!(in_place(nest(USERSPACE, &[u32(1, 1)])));
    assert!(in_place(nest(PSAMPLE | 0x8000, &[u32(1, 1)])));
    assert!(!in_place(u32(METER, 1)));
    assert!(!in_place(u32(RECIRC, 1)));
    assert!(!in_place(attr(HASH, &[0; 8])));
    assert!(!in_place(attr(CT_CLEAR, &[])));
    assert!(!in_place(nest(CT, &[])));
    assert!(!in_place(nest(CLONE, &[])));
    assert!(!in_place(sample(1, &[])));
    assert!(!in_place(dec_ttl(&[])));
    assert!(!in_place(nest(SET, &[u32(2, 1)])));
}

#[test]
fn samples_refused() {
    let probability = || u32(sample_attr::PROBABILITY, 1);
    let actions = || nest(sample_attr::ACTIONS, &[]);
    for args in [
        &[][..],
        &[probability()],
        &[actions()],
        &[probability(), probability(), actions()],
        &[probability(), actions(), actions()],
        &[probability(), actions(), attr(0, &[])],
        &[probability(), actions(), attr(3, &[])],
        &[attr(sample_attr::PROBABILITY, &[0; 2]), actions()],
        &[attr(sample_attr::PROBABILITY, &[0; 8]), actions()],
        &[probability(), attr(sample_attr::ACTIONS, &[0; 3])],
        &[probability(), actions(), vec![0]],
    ] {
        inval(&ip(6), &[nest(SAMPLE, args)]);
    }
    // C sees that the padding of the last argument is missing.
    let mut list = attr(
        SAMPLE,
        &[probability(), attr(sample_attr::ACTIONS, &[0])].concat(),
    );
    list[0] -= 3;
    inval(&ip(6), &[list]);
}

#[test]
fn clones() {
    let op = |body, in_place, last| Op::Clone {
        body,
        in_place,
        last,
    };
    ok(&ip(6), &[nest(CLONE, &[])], &[op(0, true, true)]);
    ok(
        &ip(6),
        &[
            nest(CLONE, &[nest(CLONE, &[output(1)]), output(2)]),
            output(3),
        ],
        &[
            op(3, false, false),
            op(1, true, false),
            out(1, true),
            out(2, true),
            out(3, true),
        ],
    );
    for len in 1..4 {
        inval(&ip(6), &[attr(CLONE, &vec![0; len])]);
    }
}

#[test]
fn check_pkt_lens() {
    let op = |less_equal, greater, in_place: [bool; 2], last| Op::CheckPktLen {
        pkt_len: 100,
        less_equal_in_place: in_place[0],
        greater_in_place: in_place[1],
        last,
        less_equal,
        greater,
    };
    ok(
        &ip(6),
        &[check_pkt_len(100, &[], &[])],
        &[op(0, 0, [true, true], true)],
    );
    ok(
        &ip(6),
        &[
            check_pkt_len(100, &[output(1)], &[pop_vlan(), nest(CLONE, &[output(2)])]),
            output(3),
        ],
        &[
            op(1, 3, [true, false], false),
            out(1, true),
            Op::PopVlan,
            Op::Clone {
                body: 1,
                in_place: true,
                last: true,
            },
            out(2, true),
            out(3, true),
        ],
    );
    // The last one of each argument counts, and their order is that of C.
    let args = [
        nest(cpl::ACTIONS_IF_GREATER, &[output(8)]),
        nest(cpl::ACTIONS_IF_GREATER, &[output(2)]),
        u16(cpl::PKT_LEN, 9),
        nest(cpl::ACTIONS_IF_LESS_EQUAL | 0x8000, &[output(1)]),
        attr(cpl::PKT_LEN, &[100, 0, 7, 7, 7]),
    ];
    ok_as(
        &ip(6),
        &[nest(CHECK_PKT_LEN, &args)],
        &[op(1, 1, [true, true], true), out(1, true), out(2, true)],
        &check_pkt_len(100, &[output(1)], &[output(2)]),
    );
}

#[test]
fn check_pkt_lens_refused() {
    let len = || u16(cpl::PKT_LEN, 1);
    let greater = || nest(cpl::ACTIONS_IF_GREATER, &[]);
    let less_equal = || nest(cpl::ACTIONS_IF_LESS_EQUAL, &[]);
    for args in [
        &[][..],
        &[len(), greater()],
        &[len(), less_equal()],
        &[greater(), less_equal()],
        &[u16(cpl::PKT_LEN, 0), greater(), less_equal()],
        &[len(), greater(), less_equal(), attr(0, &[])],
        &[len(), greater(), less_equal(), attr(4, &[])],
        &[len(), greater(), less_equal(), vec![0]],
        &[
            len(),
            greater(),
            nest(cpl::ACTIONS_IF_LESS_EQUAL, &[output(65535)]),
        ],
        &[
            len(),
            nest(cpl::ACTIONS_IF_GREATER, &[output(65535)]),
            less_equal(),
        ],
    ] {
        inval(&ip(6), &[nest(CHECK_PKT_LEN, args)]);
    }
    for args in [
        &[attr(cpl::PKT_LEN, &[1]), greater(), less_equal()][..],
        &[len(), attr(cpl::ACTIONS_IF_GREATER, &[0; 3]), less_equal()],
        &[len(), greater(), attr(cpl::ACTIONS_IF_LESS_EQUAL, &[0])],
    ] {
        err(&ip(6), &[nest(CHECK_PKT_LEN, args)], Errno::ERANGE);
    }
}

#[test]
fn dec_ttls() {
    ok(&ip(6), &[dec_ttl(&[])], &[Op::DecTtl { body: 0 }]);
    ok(
        &ip(6),
        &[dec_ttl(&[output(1)]), output(2)],
        &[Op::DecTtl { body: 1 }, out(1, true), out(2, true)],
    );
    // Arguments of the future are passed over.
    let args = [
        u32(7, 1),
        nest(dec_ttl_attr::ACTION, &[output(1)]),
        u32(7, 1),
    ];
    ok_as(
        &ip(6),
        &[nest(DEC_TTL, &args)],
        &[Op::DecTtl { body: 1 }, out(1, true)],
        &dec_ttl(&[output(1)]),
    );
    let action = || nest(dec_ttl_attr::ACTION, &[]);
    for args in [
        &[][..],
        &[u32(7, 1)],
        &[action(), action()],
        &[action(), attr(0, &[])],
        &[action(), vec![0]],
        &[attr(dec_ttl_attr::ACTION, &[0; 2])],
    ] {
        inval(&ip(6), &[nest(DEC_TTL, args)]);
    }
}

/// What a nested list does is forgotten after it, and it starts from what came before.
#[test]
fn state() {
    let push = || attr(PUSH_VLAN, &[0x81, 0, 0x10, 0]);
    let mpls = || attr(PUSH_MPLS, &[0, 0, 1, 0, 0x88, 0x47, 0, 0]);
    for wrap in [
        |list: &[Vec<u8>]| nest(CLONE, list),
        |list: &[Vec<u8>]| sample(1, list),
        |list: &[Vec<u8>]| check_pkt_len(1, list, &[]),
        |list: &[Vec<u8>]| check_pkt_len(1, &[], list),
        |list: &[Vec<u8>]| dec_ttl(list),
    ] {
        inval(&ip(6), &[push(), wrap(&[mpls()])]);
        assert!(run(&ip(6), &[wrap(&[push()]), mpls()].concat()).is_ok());
        inval(&ip(6), &[wrap(&[mpls()]), attr(POP_MPLS, &[8, 0])]);
        // As in C: the Ethernet header is there as when the packet came in.
        assert!(run(&ip(6), &[attr(POP_ETH, &[]), wrap(&[push()])].concat()).is_ok());
        inval(&l3(ip(6)), &[attr(PUSH_ETH, &[0; 12]), wrap(&[push()])]);
    }
}

#[test]
fn depth() {
    let nested = |depth| (0..depth).fold(Vec::new(), |list, _| attr(CLONE, &list));
    let list = nested(MAX_DEPTH);
    assert_eq!(run(&ip(6), &list).unwrap().store().ops.len(), MAX_DEPTH);
    err(&ip(6), &[nested(MAX_DEPTH + 1)], Errno::EOVERFLOW);
    err(&ip(6), &[nested(1000)], Errno::EOVERFLOW);

    let mixed = |depth| {
        (0..depth).fold(Vec::new(), |list, n| match n % 4 {
            0 => sample(1, &[list]),
            1 => check_pkt_len(1, &[output(1)], &[list]),
            2 => dec_ttl(&[list]),
            _ => check_pkt_len(1, &[list], &[output(1)]),
        })
    };
    assert!(run(&ip(6), &mixed(MAX_DEPTH)).is_ok());
    err(&ip(6), &[mixed(MAX_DEPTH + 1)], Errno::EOVERFLOW);
}

/// The dump has to fit an attribute.
#[test]
fn too_long() {
    // Each CT gets a zone.
    let ct = || nest(CT, &[]);
    let list: Vec<u8> = (0..6000).flat_map(|_| ct()).collect();
    err(&ip(6), std::slice::from_ref(&list), Errno::EMSGSIZE);
    err(&ip(6), &[attr(CLONE, &list)], Errno::EMSGSIZE);
}

/// Each operation's attribute is found, in whatever lists it is.
#[test]
fn attributes_of_operations() {
    let attrs = [
        nest(CLONE, &[pop_vlan(), sample(7, &[output(1), output(2)])]),
        sample(0, &[]),
        check_pkt_len(100, &[output(3)], &[dec_ttl(&[output(4)]), output(5)]),
        output(6),
    ];
    let compiled = run(&ip(6), &attrs.concat()).unwrap();
    let program = compiled.program();
    let mut list = program.list();
    let mut found = Vec::new();
    while let Some((attr, last)) = program.next_attr(&list) {
        found.push((attr.kind(), last));
        program.next(&mut list).unwrap();
    }
    assert_eq!(program.next(&mut list), None);
    let wanted = [
        (CLONE, false),
        (POP_VLAN, false),
        (SAMPLE, true),
        (OUTPUT, false),
        (OUTPUT, true),
        (SAMPLE, false),
        (CHECK_PKT_LEN, false),
        (OUTPUT, true),
        (DEC_TTL, false),
        (OUTPUT, true),
        (OUTPUT, true),
        (OUTPUT, true),
    ];
    assert_eq!(found, wanted);
}
