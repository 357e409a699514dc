// SPDX-License-Identifier: GPL-2.0

//! Tests of the table of learned stations, some against a naive model of it.

use super::*;
use proptest::prelude::*;

fn station(n: u8) -> Station {
    (n.into(), [2, 0, 0, 0, 0, n])
}

const NEW: Learned = Learned::New { wanted: false };

#[test]
fn learns_and_moves() {
    let mut table = MacTable::new(10, 300);
    assert_eq!(table.learn(station(1), 1, 0), NEW);
    assert_eq!(table.learn(station(1), 1, 5), Learned::Known);
    assert_eq!(table.get(&station(1)), Some(1));
    assert_eq!(table.learn(station(1), 2, 6), Learned::Moved { from: 1 });
    assert_eq!(table.get(&station(1)), Some(2));
    assert_eq!(table.len(), 1);
}

#[test]
fn the_same_address_in_two_vlans_is_two_stations() {
    let mut table = MacTable::new(10, 300);
    table.learn((10, [2; 6]), 1, 0);
    table.learn((20, [2; 6]), 2, 0);
    assert_eq!(table.get(&(10, [2; 6])), Some(1));
    assert_eq!(table.get(&(20, [2; 6])), Some(2));
}

#[test]
fn a_station_that_was_asked_for_is_wanted_once() {
    let mut table = MacTable::new(10, 300);
    assert_eq!(table.find(&station(1)), None);
    assert_eq!(table.learn(station(1), 1, 0), Learned::New { wanted: true });
    assert_eq!(table.learn(station(2), 1, 0), NEW);
    table.forget_port(1);
    assert_eq!(table.learn(station(1), 1, 0), NEW);
}

#[test]
fn when_too_many_are_asked_for_all_are_wanted() {
    let mut table = MacTable::new(3, 300);
    for n in 0..=3 {
        table.find(&station(n));
    }
    assert_eq!(table.learn(station(9), 1, 0), Learned::New { wanted: true });
}

#[test]
fn ages_from_the_last_packet() {
    let mut table = MacTable::new(10, 300);
    table.learn(station(1), 1, 0);
    table.learn(station(2), 1, 0);
    table.learn(station(2), 1, 100);
    assert_eq!(table.expire(299), 0);
    assert_eq!(table.expire(300), 1);
    assert_eq!(table.get(&station(1)), None);
    table.refresh(&station(2), 1, 399);
    assert_eq!(table.expire(400), 0);
    // Traffic that was seen at another port, or earlier, does not count.
    table.refresh(&station(2), 2, 500);
    table.refresh(&station(2), 1, 300);
    assert_eq!(table.expire(699), 1);
    assert!(table.is_empty());
}

#[test]
fn the_greedy_port_pays_when_the_table_is_full() {
    let mut table = MacTable::new(4, 300);
    table.learn(station(1), 1, 0);
    for n in 2..=4 {
        table.learn(station(n), 2, n.into());
    }
    assert_eq!(table.learn(station(5), 2, 5), Learned::New { wanted: true });
    assert_eq!(table.get(&station(1)), Some(1));
    assert_eq!(table.get(&station(2)), None);
    assert_eq!(table.len(), 4);
}

#[derive(Clone, Debug)]
enum Step {
    Learn(u8, u32),
    Refresh(u8, u32),
    Expire,
    ForgetPort(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let station = 0u8..12;
    let port = 0u32..4;
    prop_oneof![
        6 => (station.clone(), port.clone()).prop_map(|(s, p)| Step::Learn(s, p)),
        2 => (station, port.clone()).prop_map(|(s, p)| Step::Refresh(s, p)),
        1 => Just(Step::Expire),
        1 => port.prop_map(Step::ForgetPort),
    ]
}

proptest! {
    /// Without want of room the table is a map from stations to ports and times.
    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec((step(), 0u64..40), 0..200)) {
        let mut table = MacTable::new(100, 100);
        let mut model: HashMap<Station, (u32, Millis)> = HashMap::new();
        let mut now = 0;
        for (step, passed) in steps {
            now += passed;
            match step {
                Step::Learn(s, port) => {
                    let before = model.insert(station(s), (port, now));
                    let learned = table.learn(station(s), port, now);
                    prop_assert_eq!(learned, match before {
                        None => NEW,
                        Some((from, _)) if from != port => Learned::Moved { from },
                        Some(_) => Learned::Known,
                    });
                }
                Step::Refresh(s, port) => {
                    if let Some(entry) = model.get_mut(&station(s)) {
                        if entry.0 == port {
                            entry.1 = now;
                        }
                    }
                    table.refresh(&station(s), port, now);
                }
                Step::Expire => {
                    let before = model.len();
                    model.retain(|_, (_, seen)| now - *seen < 100);
                    prop_assert_eq!(table.expire(now), before - model.len());
                }
                Step::ForgetPort(port) => {
                    let before = model.len();
                    model.retain(|_, (at, _)| *at != port);
                    prop_assert_eq!(table.forget_port(port), before - model.len());
                }
            }
            prop_assert_eq!(table.len(), model.len());
            for s in 0..12 {
                let expected = model.get(&station(s)).map(|(port, _)| *port);
                prop_assert_eq!(table.get(&station(s)), expected);
            }
        }
    }

    /// However it is used, both indexes agree and the table never outgrows its capacity.
    #[test]
    fn never_outgrows_its_capacity(
        capacity in 1usize..6,
        steps in prop::collection::vec((step(), 0u64..40), 0..200),
    ) {
        let mut table = MacTable::new(capacity, 100);
        let mut now = 0;
        for (step, passed) in steps {
            now += passed;
            match step {
                Step::Learn(s, port) => {
                    table.learn(station(s), port, now);
                    prop_assert_eq!(table.get(&station(s)), Some(port));
                }
                Step::Refresh(s, port) => table.refresh(&station(s), port, now),
                Step::Expire => { table.expire(now); }
                Step::ForgetPort(port) => { table.forget_port(port); }
            }
            prop_assert!(table.len() <= capacity);
            prop_assert_eq!(table.ages.values().map(BTreeSet::len).sum::<usize>(), table.len());
            for (port, ages) in &table.ages {
                prop_assert!(!ages.is_empty());
                for (seen, station) in ages {
                    let entry = table.entries[station];
                    prop_assert_eq!((entry.port, entry.seen), (*port, *seen));
                }
            }
        }
    }
}
