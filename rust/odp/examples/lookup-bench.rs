// SPDX-License-Identifier: GPL-2.0

//! How long a lookup takes, on the host.
//!
//! `cargo run --release --example lookup-bench`. The cases are those of the C module's figures; the
//! time is for the classifier alone, with a few fields of the key written each time.

#[allow(dead_code, reason = "a part is for the tests alone")]
#[path = "../tests/classifier/host.rs"]
mod host;

use host::{
    cells,
    Host,
    Snapshot, //
};
use odp::{
    classifier::{
        cache::Cache,
        identity::Identity,
        lookup, //
    },
    key::{
        Be16,
        Be32,
        Key,
        Vlan, //
    }, //
};
use std::{
    hint::black_box,
    time::Instant, //
};

/// What a megaflow for UDP matches, and in each mask something more.
fn mask(n: u32) -> Key {
    Key {
        recirc_id: u32::MAX,
        in_port: u16::MAX,
        eth_type: Be16::new(0xffff),
        ip_proto: 0xff,
        ip_frag: 0xff,
        mac_proto: 0xff,
        eth_dst: [0xff; 6],
        eth_src: [0xff; 6],
        vlan: Vlan {
            tpid: Be16::new(0xffff),
            tci: Be16::new(0xffff),
        },
        ipv4_src: Be32::new(u32::MAX),
        ipv4_dst: Be32::new(!(n & 0xff) << 8),
        tp_src: Be16::new(0xffff),
        tp_dst: Be16::new(!(n >> 8) as u16),
        ..Key::ZERO
    }
}

fn base() -> Key {
    Key {
        in_port: 1,
        eth_type: Be16::new(0x0800),
        ip_proto: 17,
        ip_ttl: 64,
        mac_proto: 1,
        eth_dst: [2, 0, 0, 0, 0, 1],
        eth_src: [2, 0, 0, 0, 0, 2],
        ..Key::ZERO
    }
}

/// Makes the packet number `n` of the key.
fn set(key: &mut Key, n: u32) {
    key.ipv4_src = Be32::new(0x0a00_0000 + n);
    key.ipv4_dst = Be32::new(0x0a01_0000);
    key.tp_src = Be16::new(n as u16);
    key.tp_dst = Be16::new(53 << 8);
}

fn table(flows: u32, masks: u32) -> Snapshot {
    let host = Host::new();
    let mut key = base();
    for n in 0..flows {
        set(&mut key, n);
        let identity = Identity::from_ufid(&u128::from(n).to_ne_bytes()).unwrap();
        host.insert(&key, &mask(n % masks), &identity, n.into());
    }
    host.snapshot()
}

/// The time in nanoseconds for one of the numbers that `run` is called with: that of the fastest
/// quarter of some batches, so that other work on the machine does not count.
fn time(mut run: impl FnMut(u32)) -> f64 {
    const BATCH: u32 = 1024;
    let begin = Instant::now();
    let mut times = Vec::new();
    for batch in 0.. {
        let start = Instant::now();
        for n in 0..BATCH {
            run(batch * BATCH + n);
        }
        times.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
        if begin.elapsed().as_millis() > 1000 && batch > 100 {
            break;
        }
    }
    // What comes first fills caches.
    let mut times = times.split_off(times.len() / 2);
    times.sort_by(f64::total_cmp);
    times[times.len() / 4]
}

fn main() {
    println!("  flows   live  masks entries   cached  uncached   miss");
    for (flows, live, masks, entries) in [
        (1, 1u32, 1, 256),
        (1000, 64, 8, 256),
        (10_000, 10_000, 1, 1 << 15),
        (64, 64, 64, 256),
        (64_000, 64_000, 64, 1 << 16),
        (64_000, 64_000, 64, 1 << 17),
        (64_000, 64_000, 1024, 1 << 17),
        (200_000, 100_000, 8, 1 << 17),
        (200_000, 100_000, 1024, 1 << 17),
    ] {
        let table = &table(flows, masks);
        let cache = Cache::new(cells(entries));
        let mut key = base();
        let next = |n: u32| ((u64::from(n) * 7_368_787) % u64::from(live)) as u32;
        let cached = time(|n| {
            set(&mut key, next(n));
            black_box(lookup::lookup(table, cache, black_box(&key), |_| ()).number);
        });
        let uncached = time(|n| {
            set(&mut key, next(n));
            black_box(lookup::lookup_masks(table, black_box(&key)).number);
        });
        let miss = time(|n| {
            set(&mut key, next(n) + 0x80_0000);
            black_box(lookup::lookup_masks(table, black_box(&key)).number);
        });
        println!("{flows:7} {live:6} {masks:6} {entries:7} {cached:8.1} {uncached:9.1} {miss:6.1}");
    }
}
