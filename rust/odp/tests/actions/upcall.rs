// SPDX-License-Identifier: GPL-2.0

//! USERSPACE and PSAMPLE.

use super::support::*;
use odp::{
    actions::{
        compile,
        Env,
        Op,
        Userspace, //
    },
    nlattr::F_NESTED,
    uapi::{
        action_attr,
        action_attr::{
            CLONE,
            PSAMPLE,
            SAMPLE,
            USERSPACE, //
        },
        psample_attr::{
            COOKIE,
            GROUP, //
        },
        sample_attr,
        userspace_attr::{
            ACTIONS,
            EGRESS_TUN_PORT,
            PID,
            USERDATA, //
        }, //
    },
    Errno, //
};

fn userspace(args: &[Vec<u8>]) -> Vec<u8> {
    nest(USERSPACE, args)
}

/// The arguments of the first USERSPACE.
fn parsed(list: &[u8], check: impl Fn(Userspace<'_>)) {
    let compiled = run(&ip(6), list).unwrap();
    assert_eq!(compiled.program().dump(), list);
    let at = compiled.store().ops.iter().find_map(|op| match op {
        Op::Userspace { at, .. } => Some(*at),
        _ => None,
    });
    check(compiled.program().userspace(at.unwrap()).unwrap());
}

#[test]
fn arguments() {
    let none = Userspace {
        pid: 5,
        egress_tun_port: None,
        actions: None,
        userdata: None,
    };
    parsed(&userspace(&[u32(PID, 5)]), |args| assert_eq!(args, none));
    for len in [0, 1, 4, 7, 8, 200, 60_000] {
        let data = vec![0xa5; len];
        let list = userspace(&[attr(USERDATA, &data), u32(PID, 5)]);
        parsed(&list, |args| {
            assert_eq!(
                args,
                Userspace {
                    userdata: Some(&data),
                    ..none
                }
            );
        });
    }
    parsed(
        &userspace(&[u32(PID, 5), u32(EGRESS_TUN_PORT, 3)]),
        |args| {
            assert_eq!(args.egress_tun_port, Some(3));
        },
    );
    // What is longer than it should be, or comes twice, is accepted.
    let list = userspace(&[
        u32(PID, 0),
        attr(PID, &[5, 0, 0, 0, 9, 9]),
        attr(ACTIONS, &[1]),
    ]);
    parsed(&list, |args| {
        assert_eq!((args.pid, args.actions), (5, Some(&list[..])));
    });
}

#[test]
fn last() {
    let action = || userspace(&[u32(PID, 5)]);
    let list = [action(), action()].concat();
    let compiled = run(&ip(6), &list).unwrap();
    let last = compiled.store().ops.iter().map(|op| match op {
        Op::Userspace { last, .. } => *last,
        _ => panic!("{op:?}"),
    });
    assert_eq!(last.collect::<Vec<_>>(), [false, true]);
}

/// The actions that are told are those of the list that is executed.
#[test]
fn actions() {
    let action = || userspace(&[u32(PID, 5), attr(ACTIONS, &[])]);
    let list = [output(1), action(), output(2)].concat();
    parsed(&list, |args| assert_eq!(args.actions, Some(&list[..])));

    let inner = [output(3), action(), output(4)].concat();
    let list = [output(1), attr(CLONE, &inner), output(2)].concat();
    parsed(&list, |args| assert_eq!(args.actions, Some(&inner[..])));
    let list = nest(
        SAMPLE,
        &[
            u32(sample_attr::PROBABILITY, 1),
            attr(
                sample_attr::ACTIONS,
                &[attr(CLONE, &inner), output(9)].concat(),
            ),
        ],
    );
    parsed(&list, |args| assert_eq!(args.actions, Some(&inner[..])));
}

#[test]
fn refused() {
    for args in [
        &[][..],
        &[u32(PID, 0)],
        &[u32(PID, 5), u32(PID, 0)],
        &[attr(USERDATA, &[1])],
        &[u32(PID, 5), attr(0, &[])],
        &[u32(PID, 5), attr(5, &[])],
        &[u32(PID, 5), vec![0]],
        &[u32(PID, 5), vec![9, 0, 1, 0]],
    ] {
        inval(&ip(6), &[userspace(args)]);
    }
    for args in [
        &[attr(PID, &[1, 0])][..],
        &[attr(PID, &[])],
        &[u32(PID, 5), attr(EGRESS_TUN_PORT, &[1, 0, 0])],
    ] {
        err(&ip(6), &[userspace(args)], Errno::ERANGE);
    }
}

fn psample(args: &[Vec<u8>]) -> Vec<u8> {
    nest(PSAMPLE | F_NESTED, args)
}

#[test]
fn psamples() {
    let check = |args: &[Vec<u8>], number: u32, bytes: &[u8]| {
        let list = [psample(args), output(1)].concat();
        let compiled = run(&ip(6), &list).unwrap();
        let dump = [nest(PSAMPLE, args), output(1)].concat();
        assert_eq!(compiled.program().dump(), dump);
        let Op::Psample {
            group,
            cookie,
            cookie_len,
            last: false,
        } = compiled.store().ops[0]
        else {
            panic!("{compiled:?}");
        };
        assert_eq!(group, number);
        let cookie = compiled.program().bytes(cookie, cookie_len.into());
        assert_eq!(cookie, Some(bytes));
    };
    check(&[u32(GROUP, 7)], 7, &[]);
    check(&[attr(COOKIE, &[1; 16]), u32(GROUP, 7)], 7, &[1; 16]);
    check(
        &[u32(GROUP, 1), u32(GROUP, 2), attr(COOKIE, &[1, 2, 3])],
        2,
        &[1, 2, 3],
    );
    check(&[u32(GROUP, 7), attr(COOKIE, &[])], 7, &[]);
}

#[test]
fn psamples_refused() {
    inval(&ip(6), &[nest(PSAMPLE, &[u32(GROUP, 7)])]);
    for args in [
        &[][..],
        &[attr(COOKIE, &[1])],
        &[attr(GROUP, &[1, 2])],
        &[attr(GROUP, &[1, 2, 3, 4, 5])],
        &[u32(GROUP | F_NESTED, 7)],
        &[u32(GROUP, 7), attr(COOKIE | F_NESTED, &[1])],
        &[u32(GROUP, 7), attr(0, &[])],
        &[u32(GROUP, 7), attr(3, &[])],
        &[u32(GROUP, 7), vec![0]],
    ] {
        inval(&ip(6), &[psample(args)]);
    }
    let args = [u32(GROUP, 7), attr(COOKIE, &[0; 17])];
    err(&ip(6), &[psample(&args)], Errno::ERANGE);

    let env = Env { psample: false };
    let list = nest(action_attr::PSAMPLE, &[]);
    let error = compile(&list, &ip(6), &env, Mem::default()).unwrap_err();
    assert_eq!(error.errno, Errno::EOPNOTSUPP);
}
