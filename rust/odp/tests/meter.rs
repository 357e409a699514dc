// SPDX-License-Identifier: GPL-2.0

//! Meters let pass what they should, whatever the rate and the number of CPUs.

use odp::meter::{
    Bucket,
    Limit,
    Share, //
};
use proptest::prelude::*;

/// A meter and its CPUs.
struct Meter {
    limit: Limit,
    bucket: Bucket,
    shares: Vec<Share>,
    /// How often the bucket itself was needed.
    locked: u64,
}

impl Meter {
    fn new(rate: u32, burst: u32, cpus: u32) -> Self {
        let limit = Limit::new(rate, burst, cpus);
        Self {
            bucket: Bucket::new(&limit, 0),
            limit,
            shares: (0..cpus).map(|_| Share::new()).collect(),
            locked: 0,
        }
    }

    /// Whether a packet passes, as the kernel decides it.
    fn passes(&mut self, cpu: usize, cost: u64, now_us: u64) -> bool {
        let share = &mut self.shares[cpu];
        if share.spend(cost) {
            return true;
        }
        if share.is_hopeless(&self.limit, cost, now_us) {
            return false;
        }
        self.locked += 1;
        share.draw(&mut self.bucket, &self.limit, cost, now_us)
    }
}

/// Tokens that pass in `seconds` when each CPU in turn sends a packet of `cost` every `gap_ns`.
fn run(meter: &mut Meter, cost: u64, gap_ns: u64, seconds: u64) -> u64 {
    let cpus = meter.shares.len();
    let packets = seconds * 1_000_000_000 / gap_ns;
    (0..packets)
        .filter(|i| meter.passes(*i as usize % cpus, cost, i * gap_ns / 1000))
        .map(|_| cost)
        .sum()
}

/// What passes is the rate times the time, and what was saved up, to a percent.
fn accurate(rate: u32, burst: u32, cpus: u32, cost: u64, gap_ns: u64, seconds: u64) {
    let mut meter = Meter::new(rate, burst, cpus);
    let passed = run(&mut meter, cost, gap_ns, seconds) as f64;
    let wanted = rate as f64 * 1000.0 * seconds as f64 + burst as f64 * 1000.0;
    let error = (passed - wanted).abs() - cost as f64 * cpus as f64;
    assert!(
        error <= wanted / 100.0,
        "rate {rate} burst {burst} CPUs {cpus}: {passed} of {wanted}"
    );
}

#[test]
fn accurate_at_all_rates_on_any_number_of_cpus() {
    for cpus in [1, 2, 3, 8, 64] {
        // 10 kbit/s, offered ten times as much, in packets of 100 bytes.
        accurate(10, 10, cpus, 800, 8_000_000, 200);
        // 10 Mbit/s, offered 100 Mbit/s.
        accurate(10_000, 1000, cpus, 12_000, 120_000, 5);
        accurate(10_000, 100, cpus, 800, 8_000, 2);
        // 1,000 packets/s, offered 10,000.
        accurate(1000, 100, cpus, 1000, 100_000, 10);
        // 100,000 packets/s, offered a million.
        accurate(100_000, 10_000, cpus, 1000, 1000, 2);
        accurate(100_000, 1000, cpus, 1000, 1000, 2);
        // 10 Gbit/s, offered 100 Gbit/s.
        accurate(10_000_000, 1_000_000, cpus, 12_000, 120, 1);
    }
}

#[test]
fn the_bucket_is_needed_seldom() {
    // 100,000 packets/s, of ten times as many: each CPU looks every 250 us, about twice.
    let mut meter = Meter::new(100_000, 10_000, 8);
    run(&mut meter, 1000, 1000, 1);
    assert!(meter.locked < 80_000, "{} times", meter.locked);
    // A flood that the meter has nothing for.
    let mut meter = Meter::new(10, 10, 8);
    run(&mut meter, 800, 100, 1);
    assert!(meter.locked < 200, "{} times", meter.locked);
}

#[test]
fn starts_full_and_holds_no_more() {
    let mut meter = Meter::new(1000, 5, 1);
    assert!(meter.passes(0, 5000, 0));
    assert!(!meter.passes(0, 1, 0));
    assert!(!meter.passes(0, 1000, 999));
    assert!(meter.passes(0, 1000, 1250));
    // Idle for a year.
    let year = 365 * 24 * 3600 * 1_000_000;
    assert!(meter.passes(0, 5000, year));
    assert!(!meter.passes(0, 5000, year));
    // More than it can hold, and the CPU hold back.
    assert!(!meter.passes(0, 5000 + 625 + 1, 2 * year));
}

#[test]
fn no_burst_lets_nothing_pass() {
    let mut meter = Meter::new(1000, 0, 1);
    assert!(!meter.passes(0, 1, 0));
    assert!(!meter.passes(0, 1, 1_000_000));
}

#[test]
fn small_bursts_fill_again() {
    // Less than what comes in a millisecond.
    let mut meter = Meter::new(1_000_000, 12, 1);
    assert!(meter.passes(0, 12_000, 0));
    assert!(!meter.passes(0, 12_000, 11));
    assert!(meter.passes(0, 12_000, 12));
}

#[test]
fn small_packets_pass_where_large_do_not() {
    let mut meter = Meter::new(1000, 10, 1);
    assert!(meter.passes(0, 9_000, 0));
    assert!(!meter.passes(0, 2_000, 0));
    assert!(!meter.passes(0, 2_000, 300));
    assert!(meter.passes(0, 1_000, 300));
}

proptest! {
    /// Never more than what was saved up, what has come since, and what CPUs may hold back; and a
    /// packet that is refused would have been too much.
    #[test]
    fn never_too_much(
        rate in 1u32..=u32::MAX,
        burst in 0u32..=u32::MAX,
        cpus in 1u32..9,
        packets in prop::collection::vec((0usize..8, 1u64..600_000, 0u64..2_000_000), 1..200),
    ) {
        let mut meter = Meter::new(rate, burst, cpus);
        let mut now = 0u64;
        let mut passed = 0u128;
        for (cpu, cost, gap) in packets {
            now += gap;
            if meter.passes(cpu % cpus as usize, cost, now) {
                passed += u128::from(cost);
            }
            let come = u128::from(now) * u128::from(rate) / 1000;
            let burst = u128::from(burst) * 1000;
            prop_assert!(passed <= come + burst + 1);
        }
    }

    /// On one CPU exactly what a simple bucket lets pass.
    #[test]
    fn one_cpu_is_exact(
        rate in 1u32..2_000_000,
        burst in 1u32..100_000,
        packets in prop::collection::vec((1u64..600_000, 0u64..20_000), 1..200),
    ) {
        let mut meter = Meter::new(rate, burst, 1);
        let mut now = 0u64;
        let (capacity, rate) = (u128::from(burst) * 1_000_000, u128::from(rate));
        let mut level = capacity;
        for (cost, gap) in packets {
            now += gap;
            level = (level + u128::from(gap) * rate).min(capacity);
            let cost_in_thousandths = u128::from(cost) * 1000;
            let passes = meter.passes(0, cost, now);
            if passes && level >= cost_in_thousandths {
                level -= cost_in_thousandths;
            } else if passes {
                // Tokens it held back while the bucket was full.
                prop_assert!(cost_in_thousandths <= level + capacity / 8 + 1000);
                level = 0;
            } else {
                // It may wait for a batch, which is no more than this, before it looks again.
                let batch = capacity / 8;
                prop_assert!(level < cost_in_thousandths + batch + 2000);
            }
        }
    }
}
