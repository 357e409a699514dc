// SPDX-License-Identifier: GPL-2.0

//! Lookups on several threads while a writer changes everything.

use crate::host::{
    cells,
    Host, //
};
use odp::{
    classifier::{
        cache::Cache,
        identity::Identity,
        lookup,
        update::Need,
        Store,
        Table, //
    },
    key::{
        Be32,
        Key, //
    }, //
};
use std::{
    sync::atomic::{
        AtomicBool,
        AtomicU64,
        Ordering, //
    },
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

/// The flows that are there all the while, and as many again that come and go.
const STABLE: u32 = 200;

fn flow(n: u32) -> (Key, Key, Identity) {
    let mask = Key {
        recirc_id: u32::MAX,
        in_port: u16::MAX,
        ipv4_dst: Be32::new(u32::MAX),
        // Flows that come and go have a mask of their own, which comes and goes with them.
        skb_mark: if n < STABLE { n % 5 } else { n },
        ip_tos: if n % 3 == 0 { 0xff } else { 0 },
        ..Key::ZERO
    };
    let key = Key {
        in_port: (n % 7) as u16,
        ipv4_dst: Be32::new(n),
        ..Key::ZERO
    };
    let identity = if n % 2 == 0 {
        Identity::from_ufid(&n.to_ne_bytes()).unwrap()
    } else {
        Identity::from_key(&key)
    };
    (key, mask, identity)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(n)) >> 32) as u32
    }
}

/// How often each reader was outside of a lookup: a grace period is over when all have changed.
struct Readers(Vec<AtomicU64>);

impl Readers {
    fn now(&self) -> Vec<u64> {
        self.0.iter().map(|n| n.load(Ordering::SeqCst)).collect()
    }

    fn passed(&self, since: &[u64]) -> bool {
        self.now()
            .iter()
            .zip(since)
            .all(|(now, since)| now != since)
    }
}

fn read(host: &Host, readers: &Readers, reader: usize, stop: &AtomicBool) {
    let cache = Cache::new(cells(64));
    let mut random = Random(reader as u64 + 1);
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..100 {
            let n = random.below(2 * STABLE);
            let (key, _, identity) = flow(n);
            let found = lookup::lookup(host, cache, &key).flow;
            let named = lookup::find(host, identity.as_ref());
            if n < STABLE {
                assert_eq!(found.expect("it was there all the while").id, u64::from(n));
                assert_eq!(named.expect("so was its name").0.id, u64::from(n));
            } else {
                // Each key matches one flow only, so nothing else may ever be found.
                assert!(found.is_none_or(|found| found.id == u64::from(n)));
                assert!(named.is_none_or(|(found, _)| found.id == u64::from(n)));
                // Differs from the flow in what only some of the masks match.
                let other = Key { ip_tos: 1, ..key };
                let found = lookup::lookup(host, cache, &other).flow;
                assert!(found.is_none_or(|found| n % 3 != 0 && found.id == u64::from(n)));
            }
            readers.0[reader].fetch_add(1, Ordering::SeqCst);
        }
    }
    // Never in the way of a grace period again.
    readers.0[reader].store(u64::MAX / 2 + random.0 % 1000, Ordering::SeqCst);
}

fn write(host: &Host, readers: &Readers, until: Instant) -> u64 {
    let mut random = Random(99);
    let mut there: Vec<Option<u32>> = vec![None; STABLE as usize];
    let mut grace = None;
    let mut changes = 0;
    while Instant::now() < until {
        let n = random.below(STABLE);
        let place = &mut there[n as usize];
        match place.take() {
            Some(number) => {
                host.remove(number);
            }
            None => {
                let n = n + STABLE;
                let (key, mask, identity) = flow(n);
                *place = Some(host.insert(&key, &mask, &identity, n.into()));
            }
        }
        changes += 1;
        if changes % 64 == 0 {
            let mut state = host.state();
            let table = [Table::Flows, Table::Identities, Table::Groups, Table::Masks]
                [changes as usize / 64 % 4];
            let buckets = host.table(table).unwrap().buckets();
            host.provide(&mut state, Need::Table(table, buckets));
        }
        if changes % 16 == 0 {
            let mut state = host.state();
            if grace
                .as_ref()
                .is_none_or(|since: &Vec<u64>| readers.passed(since))
            {
                state.writer.turn(host);
                grace = Some(readers.now());
            }
        }
    }
    changes
}

#[test]
fn readers_see_every_flow_that_stays() {
    let mut host = Host::new();
    host.slow = true;
    for n in 0..STABLE {
        let (key, mask, identity) = flow(n);
        host.insert(&key, &mask, &identity, n.into());
    }
    let readers = Readers((0..3).map(|_| AtomicU64::new(0)).collect());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..3 {
            let (host, readers, stop) = (&host, &readers, &stop);
            scope.spawn(move || read(host, readers, reader, stop));
        }
        let changes = write(&host, &readers, Instant::now() + Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        assert!(changes > 1000, "only {changes} changes");
    });
    // Records were reused: else the arenas would have grown with the changes.
    let cells = host.pool(odp::classifier::Pool::Masks).unwrap().len();
    assert!(cells < 100_000, "{cells} cells of masks");
}
