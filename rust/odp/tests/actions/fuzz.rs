// SPDX-License-Identifier: GPL-2.0

//! Whatever is sent, it is refused or becomes a program that hangs together.

use super::{
    random::{
        fuzz,
        Random, //
    },
    support::*, //
};
use odp::{
    actions::{
        List,
        Op,
        Program, //
    },
    key::{
        tun_flags,
        Be16,
        Key,
        Vlan, //
    },
    uapi::action_attr::*, //
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{
        Config,
        RngAlgorithm,
        TestRng,
        TestRunner, //
    }, //
};

/// Walks a list as an executor would, and returns the number of its operations.
fn walk(program: Program<'_>, mut list: List) -> usize {
    let mut ops = 0;
    while let Some(op) = program.next(&mut list) {
        ops += 1;
        let mut body = |len: u32, list: &mut List| {
            let before = *list;
            let body = list.take(len);
            let mut count = 0;
            let mut rest = body;
            while program.next(&mut rest).is_some() {
                count += 1;
            }
            assert_eq!(count, len, "{before:?}");
            ops += walk(program, body);
        };
        let last = match op {
            Op::Sample {
                body: len, last, ..
            }
            | Op::Clone {
                body: len, last, ..
            } => {
                body(len, &mut list);
                last
            }
            Op::DecTtl { body: len } => {
                body(len, &mut list);
                list.is_empty()
            }
            Op::CheckPktLen {
                pkt_len,
                less_equal,
                greater,
                last,
                ..
            } => {
                assert_ne!(pkt_len, 0);
                body(less_equal, &mut list);
                body(greater, &mut list);
                last
            }
            Op::Output { port, last } => {
                assert_ne!(port, u16::MAX);
                last
            }
            Op::Userspace { at, last } => {
                let args = program.userspace(at).unwrap();
                assert_ne!(args.pid, 0);
                last
            }
            Op::Psample {
                cookie,
                cookie_len,
                last,
                ..
            } => {
                assert!(program.bytes(cookie, cookie_len.into()).is_some());
                last
            }
            Op::Recirc { last, .. } => last,
            Op::Drop { .. } => true,
            Op::PushNsh { at, len } => {
                assert!(len >= 8 && len % 4 == 0);
                assert!(program.bytes(at, len.into()).is_some());
                list.is_empty()
            }
            Op::SetEthernet { at } => {
                assert!(program.get(at).is_some());
                list.is_empty()
            }
            Op::SetIpv4 { at } => {
                assert!(program.get(at).is_some());
                list.is_empty()
            }
            Op::SetIpv6 { at } => {
                assert!(program.get(at).is_some());
                list.is_empty()
            }
            _ => list.is_empty(),
        };
        assert_eq!(last, list.is_empty(), "{op:?}");
    }
    ops
}

/// What a dump tells of tunnels: of options without a byte, not even that there are any.
fn dumped(tunnels: &[Tun]) -> Vec<Tun> {
    let mut tunnels = tunnels.to_vec();
    for Tun { tunnel, .. } in &mut tunnels {
        if tunnel.opts_len == 0 {
            tunnel.flags &= !(tun_flags::GENEVE_OPT | tun_flags::VXLAN_OPT | tun_flags::ERSPAN_OPT);
        }
    }
    tunnels
}

/// What a dump tells of connections: not the arguments that a second NAT attribute adds to the first
/// when neither chooses a direction, which C takes as well.
fn dumped_cts(cts: &[String]) -> Vec<&str> {
    cts.iter()
        .filter_map(|ct| ct.split("kind: Existing").next())
        .collect()
}

/// Compiles, and checks what came of it. Returns whether anything did.
fn check(key: &Key, bytes: &[u8]) -> bool {
    let compiled = match run(key, bytes) {
        Ok(compiled) => compiled,
        Err(error) => {
            assert!(!error.msg.is_empty());
            if let Some(attr) = error.attr {
                assert!(bytes.as_ptr_range().contains(&attr.as_ptr()));
            }
            return false;
        }
    };
    let program = compiled.program();
    let store = compiled.store();
    assert_eq!(walk(program, program.list()), store.ops.len());

    // What is dumped can be sent again and stays the same. C drops the flag it wants for PSAMPLE.
    if !store.ops.iter().any(|op| matches!(op, Op::Psample { .. })) {
        let again = run(key, program.dump()).unwrap();
        assert_eq!(again.program().dump(), program.dump());
        assert_eq!(again.store().ops, store.ops);
        assert_eq!(again.store().data, store.data);
        assert_eq!(dumped_cts(&again.store().cts), dumped_cts(&store.cts));
        assert_eq!(dumped(&again.store().tunnels), dumped(&store.tunnels));
    }
    true
}

fn keys() -> impl Strategy<Value = Key> {
    const ETH_TYPES: [u16; 6] = [0x0800, 0x86dd, 0x0806, 0x8847, 0x894f, 0x0004];
    const PROTOS: [u8; 6] = [0, 1, 6, 17, 58, 132];
    (
        prop::sample::select(&ETH_TYPES[..]),
        prop::sample::select(&PROTOS[..]),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
        0u32..4,
        0u8..7,
    )
        .prop_map(|(eth_type, ip_proto, ethernet, tagged, labels, np)| {
            let mut key = eth(eth_type);
            key.ip_proto = ip_proto;
            key.mac_proto = ethernet.into();
            key.mpls_labels = (1 << labels) - 1;
            key.nsh.np = np;
            if tagged {
                key.vlan = Vlan {
                    tpid: Be16::new(0x8100),
                    tci: Be16::new(0x1001),
                };
            }
            key
        })
}

/// Arguments that are likely to be taken.
fn simple() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |len| prop::collection::vec(any::<u8>(), len);
    let small = || prop_oneof![Just(0u32), 1..20u32, any::<u32>()];
    prop_oneof![
        (0..65536u32).prop_map(output),
        (
            prop::sample::select(&[RECIRC, METER, TRUNC, DROP][..]),
            small()
        )
            .prop_map(|(kind, value)| u32(kind, value)),
        prop::sample::select(&[POP_VLAN, POP_ETH, POP_NSH, CT_CLEAR][..])
            .prop_map(|kind| attr(kind, &[])),
        (0..3u32, small()).prop_map(|(alg, basis)| attr(
            HASH,
            &[alg.to_ne_bytes(), basis.to_ne_bytes()].concat()
        )),
        any::<u8>().prop_map(|byte| attr(PUSH_VLAN, &[0x81, 0, 0x10, byte])),
        bytes(12..13).prop_map(|arg| attr(PUSH_ETH, &arg)),
        (prop::sample::select(&[PUSH_MPLS, ADD_MPLS][..]), 0..3u8)
            .prop_map(|(kind, flags)| attr(kind, &[0, 0, 1, 0, 0x88, 0x47, flags, 0])),
        prop::sample::select(&[[8, 0], [0x88, 0x47], [0x65, 0x58]][..])
            .prop_map(|eth_type| attr(POP_MPLS, &eth_type)),
        (1..5u16, 0..3u8, bytes(0..20)).prop_map(|(kind, pid, data)| nest(
            USERSPACE,
            &[attr(kind, &data), u32(1, pid.into()), attr(4, &[])]
        )),
        bytes(0..18).prop_map(|data| nest(PSAMPLE | 0x8000, &[u32(1, 4), attr(2, &data)])),
        (
            1..33u16,
            prop::sample::select(&[4, 12, 16, 40][..]),
            any::<u8>()
        )
            .prop_map(|(kind, len, byte)| nest(SET, &[attr(kind, &vec![byte; len])])),
        (
            1..33u16,
            prop::sample::select(&[4, 12, 16, 40][..]),
            any::<u8>()
        )
            .prop_map(|(kind, len, byte)| {
                let mask = vec![byte; len];
                nest(SET_MASKED, &[attr(kind, &[&mask[..], &mask[..]].concat())])
            }),
        (1..3u8, bytes(0..30)).prop_map(|(mdtype, data)| {
            let base = attr(1, &[0, 1, mdtype, 3, 0, 0, 0, 0]);
            let md = match mdtype {
                1 => attr(2, &[1; 16]),
                _ => attr(3, &data),
            };
            nest(PUSH_NSH, &[nest(28, &[base, md])])
        }),
        ct(),
        tunnel(),
    ]
}

fn ct() -> impl Strategy<Value = Vec<u8>> {
    let nat = prop::collection::vec(
        (
            1..10u16,
            prop::sample::select(&[0, 0, 2, 4, 16][..]),
            any::<u8>(),
        )
            .prop_map(|(kind, len, byte)| attr(kind, &vec![byte; len])),
        0..4,
    );
    let arg = prop_oneof![
        Just(attr(1, &[])),
        Just(attr(7, &[])),
        any::<u16>().prop_map(|zone| u16(2, zone)),
        any::<[u8; 8]>().prop_map(|mark| attr(3, &mark)),
        any::<[u8; 32]>().prop_map(|labels| attr(4, &labels)),
        "[a-z]{0,16}\0".prop_map(|name| attr(5, name.as_bytes())),
        "[a-z]{0,31}\0".prop_map(|name| attr(9, name.as_bytes())),
        any::<u32>().prop_map(|mask| u32(8, mask)),
        nat.prop_map(|args| nest(6, &args)),
    ];
    prop::collection::vec(arg, 0..6).prop_map(|args| nest(CT, &args))
}

fn tunnel() -> impl Strategy<Value = Vec<u8>> {
    let flag = || prop::sample::select(&[5u16, 6, 7, 14, 16][..]).prop_map(|kind| attr(kind, &[]));
    let option = (any::<u8>(), 0..4u8, any::<u8>()).prop_map(|(kind, words, byte)| {
        let mut option = vec![0, 1, kind, words];
        option.resize(4 + 4 * usize::from(words), byte);
        option
    });
    let options = prop_oneof![
        prop::collection::vec(option, 0..4).prop_map(|options| nest(8, &options)),
        any::<u32>().prop_map(|gbp| nest(11, &[u32(1, gbp)])),
        Just(nest(11, &[])),
        prop::collection::vec(any::<u8>(), 12..13).prop_map(|options| attr(15, &options)),
    ];
    let any_attr = (
        0..18u16,
        prop::sample::select(&[0, 1, 2, 4, 8, 16][..]),
        any::<u8>(),
    )
        .prop_map(|(kind, len, byte)| attr(kind, &vec![byte; len]));
    let ipv4 = (1..3u16, any::<[u8; 4]>()).prop_map(|(kind, addr)| attr(kind, &addr));
    let ipv6 = (12..14u16, any::<[u8; 16]>()).prop_map(|(kind, addr)| attr(kind, &addr));
    let common = prop_oneof![
        4 => any::<u64>().prop_map(|id| attr(0, &id.to_ne_bytes())),
        4 => (3..5u16, any::<u8>()).prop_map(|(kind, value)| attr(kind, &[value])),
        4 => (9..11u16, any::<u16>()).prop_map(|(kind, port)| u16(kind, port)),
        4 => flag(),
        4 => options,
        1 => any_attr,
    ];
    (
        prop_oneof![
            Just(vec![]),
            Just(attr(16, &[])),
            ipv4,
            ipv6,
            Just(attr(2, &[10, 0, 0, 1])),
        ],
        prop::option::weighted(0.7, Just(attr(4, &[64]))),
        prop::collection::vec(common, 0..5),
    )
        .prop_map(|(addr, ttl, rest)| {
            let args = [addr, ttl.unwrap_or_default(), rest.concat()];
            nest(SET, &[nest(16, &args)])
        })
}

fn lists() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop::collection::vec(simple(), 0..4).prop_map(|list| list.concat());
    leaf.prop_recursive(5, 32, 3, |list| {
        let nested = prop_oneof![
            list.clone().prop_map(|list| attr(CLONE, &list)),
            (any::<u32>(), list.clone()).prop_map(|(probability, list)| nest(
                SAMPLE,
                &[u32(1, probability), attr(2, &list)]
            )),
            (any::<u16>(), list.clone(), list.clone()).prop_map(|(len, greater, less)| nest(
                CHECK_PKT_LEN,
                &[u16(1, len), attr(2, &greater), attr(3, &less)]
            )),
            list.clone()
                .prop_map(|list| nest(DEC_TTL, &[attr(1, &list)])),
        ];
        let item = prop_oneof![simple(), nested];
        prop::collection::vec(item, 0..3).prop_map(|list| list.concat())
    })
}

/// How many inputs are made of one list.
const VARIANTS: u64 = 64;

#[test]
fn random_lists() {
    let made = (keys(), lists());
    let mut current = None;
    fuzz(20_000, |seed| {
        let origin = seed / VARIANTS;
        let (_, (key, list)) = match current.take().filter(|(of, _)| *of == origin) {
            Some(current) => current,
            None => {
                let bytes = u128::from(origin).to_ne_bytes();
                let rng = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
                let mut runner = TestRunner::new_with_rng(Config::default(), rng);
                (origin, made.new_tree(&mut runner).unwrap().current())
            }
        };
        let mut random = Random::new(seed);
        let mut changed = list.clone();
        for _ in 0..random.below(5) {
            random.mutate(&mut changed);
        }
        check(&key, &changed);
        current = Some((origin, (key, list)));
    });
}

/// Found by [`random_lists`].
#[test]
fn a_second_nat_adds_arguments_that_no_dump_tells() {
    let addresses = nest(6, &[attr(4, &[10, 0, 0, 1])]);
    let twice = nest(CT, &[attr(1, &[]), nest(6, &[]), addresses.clone()]);
    assert!(check(&eth(0x0800), &twice));
    assert!(!check(&eth(0x0800), &nest(CT, &[attr(1, &[]), addresses])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes(key in keys(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&key, &bytes);
    }

    #[test]
    fn likely_lists(key in keys(), list in lists()) {
        check(&key, &list);
    }

    /// Most of a list is left as it was, so that what is deep inside is reached.
    #[test]
    fn mutated_lists(
        key in keys(),
        list in lists(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut list = list;
        for (at, byte) in changes {
            if !list.is_empty() {
                let at = at.index(list.len());
                list[at] = byte;
            }
        }
        if let Some(cut) = cut {
            list.truncate(cut.index(list.len() + 1));
        }
        check(&key, &list);
    }
}
