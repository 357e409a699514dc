// SPDX-License-Identifier: GPL-2.0

//! Random tests: what they are made of, how long they run, and what they tell.

use std::time::{
    Duration,
    Instant, //
};

/// A small random number generator (xorshift), so that a failure can be repeated by its seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    /// A number less than `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn choice<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A random change to `bytes`: of a bit, a byte, the length, or the order.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            bytes.push(self.next() as u8);
            return;
        }
        let at = self.below(bytes.len());
        match self.below(8) {
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = self.next() as u8,
            3 => bytes[at] = *self.choice(&[0, 1, 2, 4, 8, 0x7f, 0x80, 0xff]),
            4 => bytes.truncate(at),
            5 => {
                let len = self.below(9);
                let more: Vec<u8> = (0..len).map(|_| self.next() as u8).collect();
                bytes.splice(at..at, more);
            }
            6 => {
                let end = (at + self.below(9)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let from = self.below(bytes.len());
                let len = self.below(17).min(bytes.len() - from.max(at));
                bytes.copy_within(from..from + len, at);
            }
        }
    }
}

/// Tells which round has failed.
struct Round(u64);

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed: repeat it with SEED={} ITERATIONS=1", self.0);
        }
    }
}

/// Runs a random test for `FUZZ_SECONDS`, else `ITERATIONS` rounds, else `default` rounds.
///
/// Calls `round` with the number of the round, which serves as a seed; `SEED` sets the first.
pub fn fuzz(default: u64, mut round: impl FnMut(u64)) {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let first = number("SEED").unwrap_or(1);
    let start = Instant::now();
    let (rounds, end) = match (number("FUZZ_SECONDS"), number("ITERATIONS")) {
        (Some(seconds), _) => (u64::MAX, Some(Duration::from_secs(seconds))),
        (None, rounds) => (rounds.unwrap_or(default), None),
    };
    let mut done = 0;
    while done < rounds && end.is_none_or(|end| start.elapsed() < end) {
        let current = Round(first.wrapping_add(done));
        round(current.0);
        done += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{done} inputs in {seconds:.0} s, {:.0}/s, from SEED={first}",
        done as f64 / seconds
    );
}
