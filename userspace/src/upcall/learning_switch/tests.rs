// SPDX-License-Identifier: GPL-2.0

//! Tests of the learning switch with keys made by hand.

use super::{
    super::actions::Builder,
    *, //
};
use proptest::prelude::*;

const A: Mac = [2, 0, 0, 0, 0, 0xa];
const B: Mac = [2, 0, 0, 0, 0, 0xb];
const C: Mac = [2, 0, 0, 0, 0, 0xc];
const ALL: Mac = [0xff; 6];
const BPDU: Mac = [0x01, 0x80, 0xc2, 0, 0, 0x00];

/// A switch whose ports, from 0 on, have the given modes ("" for the default).
fn switch_with(options: Options, modes: &[&str]) -> LearningSwitch {
    let mut options = options;
    for (number, mode) in modes
        .iter()
        .enumerate()
        .filter(|(_, mode)| !mode.is_empty())
    {
        let config: vlan::PortConfig = format!("p{number}:{mode}").parse().unwrap();
        options.modes.insert(config.name, config.mode);
    }
    let switch = LearningSwitch::new(options);
    for number in 0..u32::try_from(modes.len()).unwrap() {
        switch.port_added(&port(number));
    }
    switch
}

fn switch(modes: &[&str]) -> LearningSwitch {
    switch_with(Options::default(), modes)
}

fn port(number: u32) -> Port {
    Port {
        number,
        name: format!("p{number}"),
    }
}

fn key(in_port: u16, src: Mac, dst: Mac) -> Key {
    Key {
        in_port,
        eth_src: src,
        eth_dst: dst,
        eth_type: Be16::new(0x0800),
        mac_proto: mac_proto::ETHERNET,
        ..Key::ZERO
    }
}

fn tagged(key: Key, tci: u16) -> Key {
    Key {
        vlan: Vlan {
            tpid: Be16::new(0x8100),
            tci: Be16::new(tci | VLAN_TAG_PRESENT),
        },
        ..key
    }
}

fn decide_at(switch: &LearningSwitch, key: &Key, now: Millis) -> Decision {
    switch.decide(&Miss {
        key,
        packet: &[],
        now,
    })
}

fn decide(switch: &LearningSwitch, key: &Key) -> Decision {
    decide_at(switch, key, 0)
}

fn revalidate(switch: &LearningSwitch, key: &Key, decision: &Decision) -> Verdict {
    let flow = Installed {
        key,
        mask: decision.mask.as_ref().unwrap(),
        actions: &decision.actions,
    };
    switch.revalidate(&flow, 0)
}

fn to(ports: &[u32]) -> Actions {
    let mut actions = Builder::new();
    for port in ports {
        actions.output(*port);
    }
    actions.build()
}

#[test]
fn floods_until_it_has_learned() {
    let switch = switch(&["", "", ""]);
    let ask = key(1, A, B);
    let flood = decide(&switch, &ask);
    assert_eq!(flood.actions, to(&[0, 2]));
    assert_eq!(revalidate(&switch, &ask, &flood), Verdict::Keep);

    let before = switch.generation();
    assert_eq!(decide(&switch, &key(2, B, A)).actions, to(&[1]));
    assert!(switch.generation() > before);
    assert_eq!(revalidate(&switch, &ask, &flood), Verdict::Modify(to(&[2])));
}

#[test]
fn learning_a_station_nobody_asked_for_disturbs_nothing() {
    let switch = switch(&["", ""]);
    let before = switch.generation();
    decide(&switch, &key(0, A, ALL));
    decide(&switch, &key(1, B, ALL));
    assert_eq!(switch.generation(), before);
}

#[test]
fn broadcast_and_multicast_are_always_flooded() {
    let switch = switch(&["", "", ""]);
    assert_eq!(decide(&switch, &key(1, A, ALL)).actions, to(&[0, 2]));
    let group = [0x33, 0x33, 0, 0, 0, 1];
    assert_eq!(decide(&switch, &key(0, B, group)).actions, to(&[1, 2]));
}

#[test]
fn a_multicast_source_is_not_learned() {
    let switch = switch(&["", ""]);
    let odd = key(1, ALL, B);
    let decision = decide(&switch, &odd);
    assert_eq!(decision.actions, to(&[0]));
    assert_eq!(switch.stations(), 0);
    assert_eq!(revalidate(&switch, &odd, &decision), Verdict::Keep);
}

#[test]
fn nothing_goes_back_where_it_came_from() {
    let switch = switch(&["", "", ""]);
    decide(&switch, &key(1, A, ALL));
    assert!(decide(&switch, &key(1, B, A)).actions.is_drop());
}

#[test]
fn a_move_is_noticed_and_so_is_the_way_back() {
    let switch = switch(&["", "", ""]);
    let towards = key(2, B, A);
    let from_old = key(0, A, ALL);
    let old = decide(&switch, &from_old);
    let unicast = decide(&switch, &towards);
    assert_eq!(unicast.actions, to(&[0]));

    // A gratuitous ARP from the new place.
    let before = switch.generation();
    let new = decide(&switch, &key(1, A, ALL));
    assert!(switch.generation() > before);
    assert_eq!(
        revalidate(&switch, &towards, &unicast),
        Verdict::Modify(to(&[1]))
    );
    // The flow of the old place goes, so that the station can come back to it.
    assert_eq!(revalidate(&switch, &from_old, &old), Verdict::Delete);
    assert_eq!(revalidate(&switch, &key(1, A, ALL), &new), Verdict::Keep);
}

#[test]
fn a_silent_station_is_forgotten() {
    let switch = switch(&["", "", ""]);
    decide_at(&switch, &key(0, A, ALL), 0);
    let towards = key(2, B, A);
    let decision = decide_at(&switch, &towards, 200_000);
    assert_eq!(decision.actions, to(&[0]));
    switch.tick(299_999);
    assert_eq!(revalidate(&switch, &towards, &decision), Verdict::Keep);
    let before = switch.generation();
    switch.tick(300_000);
    assert!(switch.generation() > before);
    assert_eq!(
        revalidate(&switch, &towards, &decision),
        Verdict::Modify(to(&[0, 1]))
    );
}

#[test]
fn traffic_in_the_datapath_keeps_a_station_known() {
    let switch = switch(&["", ""]);
    let from = key(0, A, ALL);
    let decision = decide_at(&switch, &from, 0);
    let flow = Installed {
        key: &from,
        mask: &decision.mask.unwrap(),
        actions: &decision.actions,
    };
    let traffic = Traffic {
        packets: 1,
        bytes: 60,
        used: 250_000,
    };
    switch.traffic(&flow, &traffic);
    switch.tick(500_000);
    assert_eq!(switch.stations(), 1);
    switch.tick(550_000);
    assert_eq!(switch.stations(), 0);
    // Its next packet must be asked about.
    assert_eq!(switch.revalidate(&flow, 550_000), Verdict::Delete);
}

#[test]
fn ports_come_and_go() {
    let switch = switch(&["", ""]);
    let from = key(0, A, ALL);
    let decision = decide(&switch, &from);
    assert_eq!(decision.actions, to(&[1]));
    switch.port_added(&port(2));
    assert_eq!(
        revalidate(&switch, &from, &decision),
        Verdict::Modify(to(&[1, 2]))
    );
    switch.port_removed(1);
    assert_eq!(
        revalidate(&switch, &from, &decision),
        Verdict::Modify(to(&[2]))
    );
    switch.port_removed(0);
    assert_eq!(revalidate(&switch, &from, &decision), Verdict::Delete);
    assert_eq!(switch.stations(), 0);
    // A packet of a port that is not known yet is not worth a flow.
    assert_eq!(decide(&switch, &from).mask, None);
}

#[test]
fn vlans_are_apart() {
    let switch = switch(&["access=10", "access=20", "access=10", "trunk=10,20"]);
    let expected = Builder::new()
        .output(2)
        .push_vlan(0x8100, 10)
        .output(3)
        .build();
    assert_eq!(decide(&switch, &key(0, A, ALL)).actions, expected);
    let expected = Builder::new().pop_vlan().output(1).build();
    assert_eq!(decide(&switch, &tagged(key(3, B, C), 20)).actions, expected);
    // Known in one VLAN is not known in another.
    let expected = Builder::new().output(0).output(2).build();
    let expected = [
        Builder::new().pop_vlan().build().as_bytes(),
        expected.as_bytes(),
    ]
    .concat();
    let decision = decide(&switch, &tagged(key(3, A, B), 10));
    assert_eq!(decision.actions.as_bytes(), expected);
}

#[test]
fn a_vlan_that_is_not_admitted_is_dropped_for_all_stations() {
    let switch = switch(&["access=10", "trunk=10"]);
    let decision = decide(&switch, &tagged(key(1, A, B), 30));
    assert!(decision.actions.is_drop());
    let mask = decision.mask.unwrap();
    assert_eq!((mask.eth_src, mask.eth_dst), ([0; 6], [0; 6]));
    assert_eq!(mask.vlan.tci.get(), 0x1fff);
    assert!(decide(&switch, &tagged(key(0, A, B), 10)).actions.is_drop());
    assert!(decide(&switch, &key(1, A, B)).actions.is_drop());
    assert_eq!(switch.stations(), 0);
}

#[test]
fn reserved_addresses_stay_on_the_link() {
    let sealed = switch(&["", ""]);
    let decision = decide(&sealed, &key(0, A, BPDU));
    assert!(decision.actions.is_drop());
    assert_eq!(decision.mask.unwrap().eth_dst, RESERVED_MASK);
    assert_eq!(decision.mask.unwrap().eth_src, [0; 6]);
    assert_eq!(sealed.stations(), 0);
    let beyond = [0x01, 0x80, 0xc2, 0, 0, 0x10];
    assert_eq!(decide(&sealed, &key(0, A, beyond)).actions, to(&[1]));

    let options = Options {
        forward_reserved: true,
        ..Options::default()
    };
    let open = switch_with(options, &["", ""]);
    assert_eq!(decide(&open, &key(0, A, BPDU)).actions, to(&[1]));
}

#[test]
fn without_learning_stations_do_not_matter() {
    let options = Options {
        learn: false,
        ..Options::default()
    };
    let hub = switch_with(options, &["", "", ""]);
    decide(&hub, &key(1, B, A));
    let decision = decide(&hub, &key(0, A, B));
    assert_eq!(decision.actions, to(&[1, 2]));
    let mask = decision.mask.unwrap();
    assert_eq!(mask.eth_src, [0; 6]);
    assert_eq!(mask.eth_dst, [1, 0, 0, 0, 0, 0]);
    assert!(decide(&hub, &key(0, A, BPDU)).actions.is_drop());
}

#[test]
fn what_is_no_frame_is_dropped() {
    let switch = switch(&["", ""]);
    let layer3 = Key {
        mac_proto: mac_proto::NONE,
        ..key(0, [0; 6], [0; 6])
    };
    let decision = decide(&switch, &layer3);
    assert!(decision.actions.is_drop() && decision.mask.is_some());
}

fn any_mac() -> impl Strategy<Value = Mac> {
    let near_reserved = (0usize..6, any::<u8>()).prop_map(|(at, byte)| {
        let mut mac = RESERVED;
        mac[at] = byte;
        mac
    });
    prop_oneof![
        2 => Just(A), 2 => Just(B), 1 => Just(ALL), 2 => near_reserved, 1 => any::<Mac>(),
    ]
}

fn any_key() -> impl Strategy<Value = Key> {
    let tci = prop_oneof![
        2 => Just(0),
        2 => prop::sample::select(vec![10, 20, 30]).prop_map(|vid: u16| vid | VLAN_TAG_PRESENT),
        1 => any::<u16>().prop_map(|tci| (tci & 0xe00f) | VLAN_TAG_PRESENT),
    ];
    let types = prop::sample::select(vec![0x0800, 0x0806, 0x86dd, 0x8100]);
    (0u16..5, any_mac(), any_mac(), tci, types, any::<[u8; 4]>()).prop_map(
        |(in_port, src, dst, tci, eth_type, [ttl, tos, proto, mac])| Key {
            eth_type: Be16::new(eth_type),
            vlan: Vlan {
                tpid: Be16::new(if tci == 0 { 0 } else { 0x8100 }),
                tci: Be16::new(tci),
            },
            ip_ttl: ttl,
            ip_tos: tos,
            ip_proto: proto,
            mac_proto: u8::from(mac > 10),
            ..key(in_port, src, dst)
        },
    )
}

/// A key that agrees with `key` in the bits of `mask`, and with `other` in all others.
fn mix(key: &Key, mask: &Key, other: &Key) -> Key {
    let mut mixed = *other;
    for ((to, from), mask) in mixed
        .words_mut()
        .iter_mut()
        .zip(key.words())
        .zip(mask.words())
    {
        *to = (*to & !mask) | (from & mask);
    }
    mixed
}

proptest! {
    /// A flow is only made of packets that would each have been decided alike, and taught nothing.
    #[test]
    fn a_mask_covers_what_the_decision_depends_on(
        learn: bool,
        forward_reserved: bool,
        history in prop::collection::vec(any_key(), 0..8),
        key in any_key(),
        others in prop::collection::vec(any_key(), 8),
    ) {
        let options = Options { learn, forward_reserved, ..Options::default() };
        let switch = switch_with(options, &["", "access=10", "trunk=10,20", "native=20:trunk=0-9"]);
        for key in &history {
            decide(&switch, key);
        }
        let first = decide(&switch, &key);
        if let Some(mask) = first.mask {
            let before = (switch.generation(), switch.stations());
            for other in others {
                let alike = mix(&key, &mask, &other);
                let second = decide(&switch, &alike);
                prop_assert_eq!(&second, &first);
                prop_assert_eq!(revalidate(&switch, &key, &first), Verdict::Keep);
            }
            prop_assert_eq!((switch.generation(), switch.stations()), before);
        }
    }

    /// A packet never leaves by its own port, nor by a port outside its VLAN.
    #[test]
    fn packets_stay_where_they_belong(
        history in prop::collection::vec(any_key(), 0..8),
        key in any_key(),
    ) {
        let switch = switch(&["", "access=10", "trunk=10,20", "access=20"]);
        for key in &history {
            decide(&switch, key);
        }
        let ports = switch.ports.read().unwrap().clone();
        let actions = decide(&switch, &key).actions;
        let vid = ports.get(&key.in_port.into()).and_then(|m| m.admit(key.vlan.tci.get() & 0xfff));
        for attr in odp::nlattr::Attrs::new(actions.as_bytes()).filter(|attr| attr.kind() == 1) {
            let port: u32 = attr.get().unwrap();
            prop_assert_ne!(port, u32::from(key.in_port));
            prop_assert!(ports[&port].egress(vid.unwrap()).is_some());
        }
    }
}
