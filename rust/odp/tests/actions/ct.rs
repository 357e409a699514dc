// SPDX-License-Identifier: GPL-2.0

//! CT and NAT.

use super::support::*;
use odp::{
    actions::{
        compile,
        Op, //
    },
    uapi::{
        action_attr,
        ct_attr::*,
        nat_attr, //
    },
    Errno, //
};

fn ct(args: &[Vec<u8>]) -> Vec<u8> {
    nest(action_attr::CT, args)
}

fn nat(args: &[Vec<u8>]) -> Vec<u8> {
    nest(NAT, args)
}

fn flag(kind: u16) -> Vec<u8> {
    attr(kind, &[])
}

fn mark(value: u32, mask: u32) -> Vec<u8> {
    attr(MARK, &[value.to_ne_bytes(), mask.to_ne_bytes()].concat())
}

/// The arguments are dumped like this, after the zone was added.
#[track_caller]
fn dumps_as(args: &[Vec<u8>], dump: &[Vec<u8>]) {
    ok_as(&ip(6), &[ct(args)], &[Op::Ct { index: 0 }], &ct(dump));
}

#[track_caller]
fn same(args: &[Vec<u8>]) {
    dumps_as(args, args);
}

#[test]
fn dumps() {
    dumps_as(&[], &[u16(ZONE, 0)]);
    same(&[flag(COMMIT), u16(ZONE, 65535)]);
    same(&[flag(FORCE_COMMIT), u16(ZONE, 1)]);
    dumps_as(
        &[flag(FORCE_COMMIT), flag(COMMIT)],
        &[flag(FORCE_COMMIT), u16(ZONE, 0)],
    );
    same(&[u16(ZONE, 0), u32(EVENTMASK, 0)]);
    same(&[
        flag(COMMIT),
        u16(ZONE, 5),
        mark(1, 0xff),
        attr(LABELS, &[1; 32]),
        attr(HELPER, b"ftp\0"),
        u32(EVENTMASK, 7),
        attr(TIMEOUT, b"ovs_test_tp\0"),
        nat(&[]),
    ]);
    // The longest one there can be.
    let addr = |kind, byte| attr(kind, &[byte; 16]);
    let longest = ct(&[
        flag(FORCE_COMMIT),
        u16(ZONE, 5),
        mark(1, 0xff),
        attr(LABELS, &[1; 32]),
        attr(HELPER, b"fifteen letters\0"),
        u32(EVENTMASK, 7),
        attr(TIMEOUT, b"name with thirty-one letters...\0"),
        nat(&[
            flag(nat_attr::SRC),
            addr(nat_attr::IP_MIN, 1),
            addr(nat_attr::IP_MAX, 2),
            u16(nat_attr::PROTO_MIN, 1),
            u16(nat_attr::PROTO_MAX, 2),
            flag(nat_attr::PERSISTENT),
            flag(nat_attr::PROTO_HASH),
            flag(nat_attr::PROTO_RANDOM),
        ]),
    ]);
    ok(&ip6(6), &[longest], &[Op::Ct { index: 0 }]);
    // Names end at the NUL, without one there is no timeout.
    dumps_as(
        &[attr(HELPER, b"ftp\0abc"), attr(TIMEOUT, b"a\0\0\0")],
        &[u16(ZONE, 0), attr(HELPER, b"ftp\0"), attr(TIMEOUT, b"a\0")],
    );
    dumps_as(
        &[attr(TIMEOUT, b"a\0"), attr(TIMEOUT, b"\0")],
        &[u16(ZONE, 0)],
    );
    dumps_as(
        &[mark(1, 1), mark(2, 3), flag(COMMIT)],
        &[flag(COMMIT), u16(ZONE, 0), mark(2, 3)],
    );
}

#[test]
fn described() {
    let list = [
        ct(&[flag(COMMIT), u16(ZONE, 3)]),
        ct(&[attr(HELPER, b"ftp\0")]),
    ]
    .concat();
    let compiled = run(&ip6(17), &list).unwrap();
    assert_eq!(
        compiled.store().ops,
        [Op::Ct { index: 0 }, Op::Ct { index: 1 }]
    );
    let [first, second] = &compiled.store().cts[..] else {
        panic!("{compiled:?}");
    };
    assert!(first.contains("family: Ipv6, proto: 17, commit: true, force: false, zone: 3"));
    assert!(second.contains("helper: Some(\"ftp\")"));
}

#[test]
fn refused() {
    for key in [eth(0x0806), eth(0x8847), eth(0)] {
        inval(&key, &[ct(&[])]);
    }
    // The flow's ethertype counts, not that of the packet after some actions.
    let push = attr(action_attr::PUSH_MPLS, &[0, 0, 1, 0, 0x88, 0x47, 0, 0]);
    assert!(run(&ip(6), &[push, ct(&[])].concat()).is_ok());
    for args in [
        &[flag(0)][..],
        &[flag(MAX + 1)],
        &[u32(COMMIT, 1)],
        &[u32(FORCE_COMMIT, 1)],
        &[u32(ZONE, 1)],
        &[u32(MARK, 1)],
        &[attr(LABELS, &[1; 16])],
        &[u16(EVENTMASK, 1)],
        &[mark(1, 1)],
        &[attr(LABELS, &[1; 32])],
        &[flag(COMMIT), mark(1, 0)],
        &[flag(COMMIT), attr(LABELS, &[[1; 16], [0; 16]].concat())],
        &[flag(HELPER)],
        &[attr(HELPER, b"ftp")],
        &[attr(HELPER, b"sixteen letters.\0")],
        &[flag(TIMEOUT)],
        &[attr(TIMEOUT, b"name")],
        &[attr(TIMEOUT, &[b'a'; 33])],
        &[u16(ZONE, 1), vec![0]],
        &[u16(ZONE, 1), vec![9, 0, 1, 0]],
    ] {
        inval(&ip(6), &[ct(args)]);
    }
}

#[test]
fn sink_errors() {
    err(&ip(6), &[ct(&[attr(HELPER, b"none\0")])], Errno::ENOENT);
    let sink = Mem {
        left: Some(0),
        ..Mem::default()
    };
    let list = ct(&[]);
    let error = compile(&list, &ip(6), &ENV, sink).unwrap_err();
    assert_eq!(error.errno, Errno::ENOMEM);
}

#[test]
fn nats() {
    let ip_addr = |kind, last| attr(kind, &[10, 0, 0, last]);
    let commit = |args: &[Vec<u8>]| vec![flag(COMMIT), u16(ZONE, 0), nat(args)];
    same(&[u16(ZONE, 0), nat(&[])]);
    for kind in [nat_attr::SRC, nat_attr::DST] {
        same(&commit(&[flag(kind)]));
        same(&commit(&[
            flag(kind),
            ip_addr(nat_attr::IP_MIN, 1),
            ip_addr(nat_attr::IP_MAX, 2),
        ]));
        same(&commit(&[
            flag(kind),
            ip_addr(nat_attr::IP_MIN, 1),
            u16(nat_attr::PROTO_MIN, 80),
        ]));
        let min = commit(&[flag(kind), ip_addr(nat_attr::IP_MIN, 1)]);
        dumps_as(
            &commit(&[
                flag(kind),
                ip_addr(nat_attr::IP_MAX, 1),
                ip_addr(nat_attr::IP_MIN, 1),
            ]),
            &min,
        );
        dumps_as(
            &commit(&[flag(kind), u16(nat_attr::PROTO_MAX, 9)]),
            &commit(&[
                flag(kind),
                u16(nat_attr::PROTO_MIN, 0),
                u16(nat_attr::PROTO_MAX, 9),
            ]),
        );
        same(&commit(&[
            flag(kind),
            flag(nat_attr::PERSISTENT),
            flag(nat_attr::PROTO_RANDOM),
        ]));
    }
    // NAT given again adds to the one before; SRC and DST are for the first.
    let twice = [flag(COMMIT), nat(&[]), nat(&[flag(nat_attr::PERSISTENT)])];
    dumps_as(&twice, &commit(&[]));
    let twice = [
        flag(COMMIT),
        nat(&[flag(nat_attr::SRC)]),
        nat(&[ip_addr(nat_attr::IP_MIN, 1)]),
    ];
    dumps_as(
        &twice,
        &commit(&[flag(nat_attr::SRC), ip_addr(nat_attr::IP_MIN, 1)]),
    );
}

#[test]
fn nats_refused() {
    let src = || flag(nat_attr::SRC);
    let dst = || flag(nat_attr::DST);
    for (key, len) in [(ip(6), 16), (ip6(6), 4)] {
        for kind in [nat_attr::IP_MIN, nat_attr::IP_MAX] {
            inval(
                &key,
                &[ct(&[
                    flag(COMMIT),
                    nat(&[src(), attr(kind, &vec![1; len])]),
                ])],
            );
        }
    }
    for args in [
        &[flag(0)][..],
        &[flag(nat_attr::MAX + 1)],
        &[u32(nat_attr::SRC, 1)],
        &[u32(nat_attr::DST, 1)],
        &[src(), u32(nat_attr::PROTO_MIN, 1)],
        &[src(), attr(nat_attr::PROTO_MAX, &[1])],
        &[src(), u32(nat_attr::PERSISTENT, 1)],
        &[src(), u32(nat_attr::PROTO_HASH, 1)],
        &[src(), u32(nat_attr::PROTO_RANDOM, 1)],
        &[u16(nat_attr::PROTO_MIN, 1)],
        &[flag(nat_attr::PERSISTENT)],
        &[src(), vec![0]],
    ] {
        inval(&ip(6), &[ct(&[flag(COMMIT), nat(args)])]);
    }
    for args in [[src(), src()], [src(), dst()], [dst(), src()]] {
        err(&ip(6), &[ct(&[flag(COMMIT), nat(&args)])], Errno::ERANGE);
    }
    let twice = [flag(COMMIT), nat(&[]), nat(&[src()])];
    err(&ip(6), &[ct(&twice)], Errno::ERANGE);
    inval(&ip(6), &[ct(&[nat(&[src()])])]);
    // COMMIT has to come first.
    inval(&ip(6), &[ct(&[nat(&[src()]), flag(COMMIT)])]);
    inval(&ip(6), &[ct(&[nat(&[]), nat(&[])])]);
}
