// SPDX-License-Identifier: GPL-2.0

//! The parts of the classifier on their own.

use crate::host::{
    cells,
    seed, //
};
use odp::{
    cell::Cell64,
    classifier::{
        arena::{
            self,
            Arena, //
        },
        cache::{
            Cache,
            MAX_ENTRIES, //
        },
        groups,
        index::{
            Fill,
            Index, //
        },
        numbers::{
            Numbers,
            BLOCK,
            BLOCK_WORDS,
            SLOTS, //
        },
        stats::{
            Counters,
            Generation,
            Stats, //
        }, //
    },
    hash::Secret,
    key::{
        Be16,
        Key,
        WORDS, //
    },
    mask::{
        Compact,
        Mask, //
    }, //
};
use proptest::prelude::*;
use std::collections::HashSet;

/// The entries of a bucket.
const ENTRIES: u32 = 10;

/// The largest and the mean square of the counts, divided by what chance gives on average.
fn spread(counts: &[u32], total: u32) -> (f64, f64) {
    let mean = f64::from(total) / counts.len() as f64;
    let square: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - mean).powi(2))
        .sum();
    let max = f64::from(*counts.iter().max().unwrap());
    (max / mean, square / counts.len() as f64 / mean)
}

#[test]
fn hash_spreads_keys_that_differ_in_one_word() {
    const BUCKETS: u32 = 1000;
    const KEYS: u32 = 64_000;
    // Small numbers, as ports and addresses in network byte order, and a bit in each place.
    for shift in [0, 16, 32, 48] {
        for word in [0usize, 1, 4, 7] {
            let secret = Secret::new(seed());
            let mut words = [0u64; 8];
            let mut buckets = vec![0; BUCKETS as usize];
            let mut tags = vec![0; 256];
            let mut sets = vec![0; 512];
            for n in 0..KEYS {
                words[word] = u64::from(n) << shift;
                let hash = secret.hash(5, &words);
                let lower = hash & 0xffff_ffff;
                buckets[((lower * u64::from(BUCKETS)) >> 32) as usize] += 1;
                tags[(hash >> 56) as usize] += 1;
                sets[(hash >> 3) as usize % 512] += 1;
            }
            for counts in [buckets, tags, sets] {
                let (max, square) = spread(&counts, KEYS);
                assert!(max < 1.9, "a bucket with {max} times its share");
                assert!((0.7..1.4).contains(&square), "variance {square} of chance");
            }
        }
    }
}

#[test]
fn hash_has_no_collisions_in_few_keys() {
    let secret = Secret::new(seed());
    let mut seen = HashSet::new();
    for word in 0..WORDS {
        for bit in 0..64 {
            let mut words = [0; WORDS];
            words[word] = 1 << bit;
            assert!(seen.insert(secret.hash(0, &words)));
        }
    }
    for tweak in 0..10_000 {
        assert!(seen.insert(secret.hash(tweak, &[1; 8])));
    }
    assert_ne!(secret.hash(1, &[]), Secret::new(seed()).hash(1, &[]));
}

fn any_key() -> impl Strategy<Value = Key> {
    proptest::collection::vec(prop_oneof![Just(0u64), any::<u64>()], WORDS).prop_map(|words| {
        let mut key = Key::ZERO;
        key.words_mut().copy_from_slice(&words);
        key
    })
}

proptest! {
    #[test]
    fn masks_survive_being_compressed(key in any_key(), other in any_key(), mask in any_key()) {
        let compact = Compact::new(&mask);
        let cells = cells(100);
        compact.write(&cells[3..]).unwrap();
        let record = Mask::at(cells, 3).unwrap();
        prop_assert_eq!(record.count(), compact.count());
        prop_assert_eq!(record.expand(), mask);
        prop_assert!(record.equals(&compact));

        let flow: Vec<u64> = compact.compress(&key).chain([7]).collect();
        prop_assert_eq!(record.expand_flow(&flow), key.masked(&mask));
        prop_assert!(record.matches(&key, &flow));
        prop_assert_eq!(record.matches(&other, &flow), key.masked(&mask) == other.masked(&mask));
        prop_assert!(!record.matches(&key, &flow[..record.count() - 1]));

        let secret = Secret::new(seed());
        prop_assert_eq!(record.hash(&secret, 9, &key), record.hash_flow(&secret, 9, &flow));
        prop_assert_eq!(record.hash(&secret, 9, &key), record.hash(&secret, 9, &key.masked(&mask)));
        let again = Compact::new(&record.expand());
        prop_assert_eq!(again.hash(&secret), compact.hash(&secret));

        let (mask_words, key_words) = record.leading(&flow).unwrap();
        prop_assert_eq!(&mask_words[..], &mask.words()[..2]);
        let masked = key.masked(&mask);
        prop_assert_eq!(&key_words[..], &masked.words()[..2]);
    }

    #[test]
    fn index_agrees_with_a_set(ops in proptest::collection::vec((any::<bool>(), 1u32..150), 1..500)) {
        let (cells, secret) = (cells(Index::cells(16)), Secret::new(seed()));
        let index = Index::new(cells, 16, &secret);
        let mut fill = Fill::default();
        let mut set = HashSet::new();
        // Few hashes, so that buckets overflow.
        let hash = |number: u32| secret.hash(0, &[u64::from(number % 40)]);
        for (insert, number) in ops {
            if insert && !set.contains(&number) && index.has_room(&fill) {
                index.insert(&mut fill, hash(number), number).unwrap();
                set.insert(number);
            } else {
                let removed = index.remove(&mut fill, hash(number), number).is_some();
                prop_assert_eq!(removed, set.remove(&number));
            }
            prop_assert_eq!(fill.len() as usize, set.len());
        }
        for number in 1..150 {
            let mut candidates = 0;
            let found = index.find(hash(number), |other| {
                candidates += 1;
                (other == number).then_some(other)
            });
            prop_assert_eq!(found.is_some(), set.contains(&number));
        }
        prop_assert_eq!(index.numbers().collect::<HashSet<_>>(), set);
    }
}

#[test]
fn index_never_finds_what_was_removed() {
    for tag in 0..1000u64 {
        let (cells, secret) = (cells(Index::cells(16)), Secret::new(seed()));
        let index = Index::new(cells, 16, &secret);
        let mut fill = Fill::default();
        let hash = tag << 48;
        for number in 1..=ENTRIES {
            index.insert(&mut fill, hash, number).unwrap();
        }
        // Each entry lies above one that is still there, but for the first.
        for removed in (1..=ENTRIES).rev() {
            index.remove(&mut fill, hash, removed).unwrap();
            let mut candidates = Vec::new();
            index.find(hash, |number| {
                candidates.push(number);
                None::<()>
            });
            assert_eq!(candidates, Vec::from_iter(1..removed));
        }
    }
}

#[test]
fn index_holds_what_it_promises() {
    for buckets in [16, 64, 1024] {
        let (cells, secret) = (cells(Index::cells(buckets)), Secret::new(seed()));
        let index = Index::new(cells, buckets, &secret);
        let mut fill = Fill::default();
        let mut number = 0;
        while index.has_room(&fill) {
            number += 1;
            let hash = secret.hash(0, &[number.into()]);
            index.insert(&mut fill, hash, number).unwrap();
        }
        assert!(number > buckets * 5, "only {number} in {buckets}");
        let mut checks = 0;
        for absent in 1..=10_000u64 {
            index.find(secret.hash(0, &[absent << 32]), |_| {
                checks += 1;
                None::<()>
            });
        }
        assert!(
            checks < 20,
            "{checks} of 10,000 absent ones had to be checked"
        );
    }
}

#[test]
fn arena_reuses_records_after_a_grace_period() {
    let cells = cells(64 * 8);
    let mut arena = Arena::default();
    let first = arena.alloc(cells, 1).unwrap();
    let second = arena.alloc(cells, 0).unwrap();
    assert_eq!((first, second), (1, 3));
    assert!(!arena.waits());
    arena.release(cells, first, 1);
    assert!(arena.waits());
    assert_eq!(arena.alloc(cells, 1), Some(4));
    assert!(arena.turn(cells));
    arena.release(cells, second, 0);
    assert_eq!(arena.alloc(cells, 1), Some(6));
    assert!(arena.turn(cells));
    assert_eq!(arena.alloc(cells, 1), Some(first));
    assert_eq!(arena.alloc(cells, 0), Some(8));
    assert!(!arena.turn(cells));
    assert_eq!(arena.alloc(cells, 0), Some(second));
    assert!(arena.alloc(cells, 6).is_none());
    assert_eq!(arena::class_for(7), 0);
    assert_eq!(arena::class_for(8), 1);
}

#[test]
fn cache_keeps_its_sets_and_counts_evictions() {
    let entries = cells(256);
    let cache = Cache::new(entries);
    let secret = Secret::new(seed());
    let hash = |n: u64| secret.hash(0, &[n]);
    let mut evicted = 0;
    for n in 1..=64 {
        evicted += u64::from(cache.insert(hash(n), n as u32));
        assert_eq!(cache.find(hash(n), Some), Some(n as u32));
    }
    assert!(evicted < 4);
    assert!(!cache.insert(hash(1), 99));
    assert_eq!(cache.find(hash(1), Some), Some(99));
    assert_eq!(cache.find(hash(1), |_| None::<()>), None);
    assert_eq!(cache.entries_after(evicted), 256);
    for n in 0..10_000 {
        evicted += u64::from(cache.insert(hash(n), n as u32));
    }
    assert_eq!(cache.entries_after(evicted), 1024);
    let largest = Cache::new(cells(MAX_ENTRIES));
    assert_eq!(largest.entries_after(1 << 40), MAX_ENTRIES);
    assert!(Cache::new(&[]).find(1, Some).is_none());
    assert!(!Cache::new(&[]).insert(1, 1));
    let used = entries.iter().filter(|entry| entry.load() != 0).count();
    assert_eq!(used, 256);
}

#[test]
fn patterns_are_of_exact_fields() {
    let mut mask = Key {
        recirc_id: u32::MAX,
        in_port: 0x7fff,
        ..Key::ZERO
    };
    let pattern = |mask: &Key| groups::pattern([mask.words()[0], mask.words()[1]]);
    let recirc = pattern(&mask);
    mask.ip_tos = 0xff;
    mask.eth_type = Be16::new(0x7fff);
    assert_eq!(pattern(&mask), recirc);
    mask.in_port = 0xffff;
    let port = pattern(&mask);
    assert!(port.count_ones() == 2 && port & recirc == recirc);
    mask.ip_proto = 0xff;
    mask.eth_type = Be16::new(0xffff);
    assert_eq!(pattern(&mask), 15);
    assert_eq!(pattern(&Key::ZERO), 0);
}

#[test]
fn counters_belong_to_a_generation() {
    let counters = Counters::new();
    let first = Generation::FIRST;
    let read = |generation| {
        let mut stats = Stats::default();
        counters.add_to(generation, &mut stats);
        stats
    };
    assert_eq!(read(first), Stats::default());
    counters.record(first, 60, 1000, 2);
    counters.record(first, 100, 1001, 16);
    let expected = Stats {
        packets: 2,
        bytes: 160,
        used: 1001,
        tcp_flags: 18,
    };
    assert_eq!(read(first), expected);
    let second = first.next();
    assert_eq!(read(second), Stats::default());
    counters.record(second, 1, 2, 0);
    assert_eq!(read(first), Stats::default());
    assert_eq!(read(second).packets, 1);
    let last = Generation::from_bits((1 << 48) - 1);
    assert_eq!(last.next(), Generation::FIRST);
    assert_eq!(size_of::<Counters>(), 32);
    assert_eq!(size_of::<Cell64>(), 8);
}

#[test]
fn numbers_are_the_lowest_that_are_free() {
    let mut bitmap: Vec<u64> = (0..2 * BLOCK_WORDS).map(Numbers::unused).collect();
    let mut numbers = Numbers::default();
    let mut taken = Vec::new();
    while let Some(number) = numbers.lowest(&bitmap) {
        assert!(number % 128 != 127 && number % BLOCK < SLOTS as u32 && number != 0);
        numbers.take(&mut bitmap, number);
        taken.push(number);
    }
    assert!(taken.is_sorted());
    assert_eq!(taken.len(), 2 * (SLOTS - 31) - 1);
    let mut walked = Vec::new();
    let mut next = numbers.next_used(&bitmap, 0);
    while let Some(number) = next {
        walked.push(number);
        next = numbers.next_used(&bitmap, number + 1);
    }
    assert_eq!(walked, taken);

    for number in [5000, 77, 4500] {
        numbers.give(&mut bitmap, number);
        assert_eq!(numbers.next_used(&bitmap, number), Some(number + 1));
    }
    for number in [77, 4500, 5000] {
        assert_eq!(numbers.lowest(&bitmap), Some(number));
        numbers.take(&mut bitmap, number);
    }
    assert_eq!(numbers.lowest(&bitmap), None);
}
