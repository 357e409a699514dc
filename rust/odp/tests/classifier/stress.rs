// SPDX-License-Identifier: GPL-2.0

//! Lookups while everything around what they look for changes.
//!
//! Once with changes at each step of a lookup on one thread, where chance chooses them and a failure
//! can be repeated; once with readers on threads of their own.

use crate::host::{
    cells,
    Host,
    Interruption, //
};
use odp::{
    classifier::{
        cache::Cache,
        identity::Identity,
        lookup,
        update::Need,
        Pool,
        Store,
        Table, //
    },
    key::{
        Be32,
        Key, //
    }, //
};
use std::{
    sync::{
        atomic::{
            AtomicBool,
            AtomicU32,
            AtomicU64,
            Ordering, //
        },
        Arc,
        Mutex, //
    },
    thread, //
};

/// The groups of masks in which lookups have something to find.
const GROUPS: u32 = 20;
/// The flows that are there all the while, three to a group. The others come and go.
const STABLE: u32 = 3 * GROUPS;
/// Of those, the ones up to here join the groups of flows that stay, and make them grow.
const JOINING: u32 = STABLE + 8 * GROUPS;
/// The rest have a group each, which takes the memory that others leave.
const ALL: u32 = JOINING + 100;

fn group(n: u32) -> u32 {
    if n < JOINING {
        n % GROUPS
    } else {
        n
    }
}

fn flow(n: u32) -> (Key, Key, Identity) {
    let mask = Key {
        recirc_id: u32::MAX,
        in_port: u16::MAX,
        ipv4_dst: Be32::new(u32::MAX),
        // Flows that come and go have a mask of their own, which comes and goes with them.
        skb_mark: if n < STABLE { n / GROUPS } else { n },
        ip_tos: if n % 3 == 0 { 0xff } else { 0 },
        ..Key::ZERO
    };
    let key = Key {
        in_port: group(n) as u16,
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

/// Looks a flow up in each way there is, and checks what comes back.
fn look_up(host: &Host, cache: Cache<'_>, n: u32) {
    let (key, _, identity) = flow(n);
    let cached = lookup::lookup(host, cache, &key, |_| ()).flow;
    let scanned = lookup::lookup_masks(host, &key).flow;
    let named = lookup::find(host, identity.as_ref());
    if n < STABLE {
        for found in [cached, scanned] {
            assert_eq!(found.expect("it was there all the while").id, u64::from(n));
        }
        assert_eq!(named.expect("so was its name").0.id, u64::from(n));
        return;
    }
    // Each key matches one flow only, so nothing else may ever be found.
    for found in [cached, scanned] {
        assert!(found.is_none_or(|found| found.id == u64::from(n)));
    }
    assert!(named.is_none_or(|(found, _)| found.id == u64::from(n)));
    // Differs from the flow in what only some of the masks match.
    let other = Key { ip_tos: 1, ..key };
    let found = lookup::lookup(host, cache, &other, |_| ()).flow;
    assert!(found.is_none_or(|found| n % 3 != 0 && found.id == u64::from(n)));
}

/// The flows that are there, by their numbers in the table, and where the next changes come from.
struct Changes {
    random: Random,
    there: Vec<Option<u32>>,
    done: u32,
}

impl Changes {
    /// Begins with the flows that stay.
    fn new(host: &Host) -> Self {
        let mut new = Self {
            random: Random(99),
            there: vec![None; ALL as usize],
            done: 0,
        };
        (0..STABLE).for_each(|n| new.toggle(host, n));
        new
    }

    /// Adds a flow, or removes it.
    fn toggle(&mut self, host: &Host, n: u32) {
        let place = &mut self.there[n as usize];
        match place.take() {
            Some(number) => {
                host.remove(number);
            }
            None => {
                let (key, mask, identity) = flow(n);
                *place = Some(host.insert(&key, &mask, &identity, n.into()));
            }
        }
    }

    /// One of the flows that come and go does so, and now and then another hash table takes the place
    /// of one.
    fn one(&mut self, host: &Host) {
        let n = STABLE + self.random.below(ALL - STABLE);
        self.toggle(host, n);
        self.done += 1;
        if self.done % 256 == 0 {
            let table = [Table::Flows, Table::Identities, Table::Groups, Table::Masks]
                [self.done as usize / 256 % 4];
            let buckets = host.table(table).unwrap().buckets();
            host.provide(&mut host.state(), Need::Table(table, buckets));
        }
    }

    /// Removes all flows of a group, which then begins small again with those that stay.
    fn renew(&mut self, host: &Host, of: u32) {
        let members = || (0..JOINING).filter(|&n| group(n) == of);
        for n in members() {
            if self.there[n as usize].is_some() {
                self.toggle(host, n);
            }
        }
        let stay = members().filter(|&n| n < STABLE);
        stay.for_each(|n| self.toggle(host, n));
    }
}

/// Looks flows up while, at each step, some others come and go.
///
/// Records are reused at once if `early`, else when no lookup is under way that began before they were
/// released.
fn interrupted_lookups(early: bool) {
    let mut host = Host::new();
    let changes = Arc::new(Mutex::new(Changes::new(&host)));
    // The lookups so far, and how many there were when records were last released for reuse.
    let (lookups, turned) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    let target = Arc::new(AtomicU32::new(0));

    let (shared, now, of) = (changes.clone(), lookups.clone(), target.clone());
    host.interruption = Some(Interruption::new(move |host| {
        let mut changes = shared.lock().unwrap();
        if changes.random.below(4) != 0 {
            return;
        }
        for _ in 0..changes.random.below(12) {
            changes.one(host);
            let joining = STABLE + changes.random.below(8) * GROUPS;
            changes.toggle(host, joining + of.load(Ordering::Relaxed));
            let now = now.load(Ordering::Relaxed);
            if early || turned.swap(now, Ordering::Relaxed) != now {
                host.state().writer.turn(host);
            }
        }
    }));

    let cache = Cache::new(cells(64));
    let mut random = Random(1);
    for _ in 0..3_000 {
        let n = random.below(JOINING);
        if random.below(2) == 0 {
            // Not in the middle of a lookup.
            let pause = host.interruption.take();
            changes.lock().unwrap().renew(&host, group(n));
            host.interruption = pause;
        }
        target.store(group(n), Ordering::Relaxed);
        lookups.fetch_add(1, Ordering::Relaxed);
        look_up(&host, cache, n);
    }
    host.interruption = None;
    // Records were reused: else the arenas would have grown with the changes.
    let cells = (&host).pool(Pool::Masks).unwrap().len();
    assert!(cells < 100_000, "{cells} cells of masks");
}

#[test]
fn lookups_bear_changes_at_each_step() {
    interrupted_lookups(false);
}

/// The test above notices when records are reused too early.
#[test]
#[should_panic(expected = "it was there all the while")]
fn lookups_need_grace_periods() {
    interrupted_lookups(true);
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
        look_up(host, cache, random.below(ALL));
        readers.0[reader].fetch_add(1, Ordering::SeqCst);
    }
    // Never in the way of a grace period again.
    readers.0[reader].store(u64::MAX, Ordering::SeqCst);
}

#[test]
fn readers_on_other_threads_find_what_stays() {
    let host = Host::new();
    let mut changes = Changes::new(&host);
    let readers = Readers((0..3).map(|_| AtomicU64::new(0)).collect());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..3 {
            let (host, readers, stop) = (&host, &readers, &stop);
            scope.spawn(move || read(host, readers, reader, stop));
        }
        let mut since = readers.now();
        for n in 0..5_000 {
            changes.one(&host);
            if n % 16 == 0 && readers.passed(&since) {
                host.state().writer.turn(&host);
                since = readers.now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
