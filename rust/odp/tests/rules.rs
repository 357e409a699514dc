// SPDX-License-Identifier: GPL-2.0

//! Decisions by rules, and the masks of flows made from them.

use odp::{
    rules::{
        decide, //
        Rule,
    },
    Key,
};
use proptest::prelude::*;

/// A key with these values in the first words.
fn key(words: [u64; 3]) -> Key {
    let mut key = Key::ZERO;
    key.words_mut()[..3].copy_from_slice(&words);
    key
}

/// Few bits, so that rules and packets agree now and then.
fn words() -> impl Strategy<Value = [u64; 3]> {
    prop::array::uniform3(0_u64..8)
}

fn found(rules: &[(Key, Key)], packet: &Key) -> (Option<usize>, Key) {
    let mut mask = Key::ZERO;
    let rules = rules.iter().map(|(key, mask)| Rule { key, mask });
    (decide(rules, packet, &mut mask), mask)
}

#[test]
fn a_rule_that_is_out_of_question_costs_a_prefix_of_one_word() {
    let rules = [
        (key([1, 2, 3]), key([7, 7, 7])),
        (Key::ZERO, Key::ZERO), //
    ];
    assert_eq!(found(&rules, &key([1, 2, 3])), (Some(0), key([7, 7, 7])));
    assert_eq!(found(&rules, &key([1, 1, 3])), (Some(1), key([0, 6, 0])));
    assert_eq!(found(&rules, &key([0, 0, 0])), (Some(1), key([7, 0, 0])));
}

/// The bits of addresses count from the first byte on.
#[test]
fn prefixes_are_those_of_the_packet() {
    let net = |src: u32| Key {
        ipv4_src: src.into(),
        ..Key::ZERO
    };
    let rules = [(net(0x0a01_0000), net(0xffff_0000))];
    for (packet, bits) in [
        (0x0a01_0203, 0xffff_0000),
        (0xc0a8_0101, 0x8000_0000),
        (0x0b01_0203, 0xff00_0000),
        (0x0a00_0203, 0xffff_0000),
        (0x0a81_0203, 0xff80_0000),
    ] {
        let (_, mask) = found(&rules, &net(packet));
        assert_eq!(mask, net(bits), "{packet:x}");
    }
}

proptest! {
    #[test]
    fn the_first_match_for_all_packets_that_agree(
        rules in prop::collection::vec((words(), words()), 0..12),
        packet in words(),
        others in prop::collection::vec(words(), 20),
    ) {
        let rules: Vec<_> = rules
            .into_iter()
            .map(|(value, mask)| (key(value).masked(&key(mask)), key(mask)))
            .collect();
        let first = |packet: &Key| rules.iter().position(|(key, mask)| packet.masked(mask) == *key);
        let packet = key(packet);
        let (rule, mask) = found(&rules, &packet);
        prop_assert_eq!(rule, first(&packet));
        for other in others {
            // Another packet that agrees in the mask, whatever else it has.
            let mut other = key(other);
            let words = other.words_mut().iter_mut().zip(packet.words()).zip(mask.words());
            words.for_each(|((word, value), bits)| *word = (*word & !bits) | (value & bits));
            prop_assert_eq!(first(&other), rule);
        }
    }
}
