// SPDX-License-Identifier: GPL-2.0

//! Token buckets that many CPUs draw from.
//!
//! A [`Bucket`] fills at a rate, up to its capacity, and each packet takes its cost. If every CPU
//! took it there for each packet, they would wait for each other. So a CPU has a [`Share`]: it takes
//! tokens for a quarter of a millisecond at a time and spends them by itself. When there were not
//! enough it does not look again before as many can have come.
//!
//! Tokens in a share are gone from the bucket: the rate is never exceeded, whatever the number of
//! CPUs. What CPUs hold back can come on top of a burst; together it is at most an eighth of the
//! capacity.
//!
//! Tokens are bits, or thousandths of a packet, so that a rate in kbit/s or packets/s is one in
//! tokens per millisecond. Times are in microseconds, of any clock that does not go backwards by
//! much.

/// What an empty bucket held, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    level: u64,
    at_us: u64,
}

/// A rate, and how much can be saved up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Tokens per millisecond.
    rate: u32,
    /// Tokens.
    capacity: u64,
    /// How many tokens a CPU should take at once.
    batch: u64,
}

/// Microseconds for each of which a share holds tokens of a CPU that uses the whole rate.
const BATCH_US: u64 = 250;

/// The part of the capacity that all shares together may hold.
const HELD_BACK: u64 = 8;

impl Limit {
    /// A limit of `rate` tokens per millisecond, with bursts of `burst` thousand tokens, for `cpus`
    /// CPUs.
    pub const fn new(rate: u32, burst: u32, cpus: u32) -> Self {
        // All of these fit: they are products of 32 bits and a small number.
        let capacity = (burst as u64).wrapping_mul(1000);
        let in_time = (rate as u64).wrapping_mul(BATCH_US) / 1000;
        let cpus = if cpus == 0 { 1 } else { cpus };
        let in_space = capacity / HELD_BACK.wrapping_mul(cpus as u64);
        Self {
            rate,
            capacity,
            batch: if in_time < in_space {
                in_time
            } else {
                in_space
            },
        }
    }

    /// How many tokens a span of time brings, at most the capacity and the rate of a millisecond.
    fn generated(&self, us: u64, rest: u64) -> (u64, u64) {
        // A bucket that is empty is full after this time, so that more makes no difference. The
        // product is at most that of the capacity and 1000, and two rates.
        let rate = u64::from(self.rate);
        let full = self.capacity.wrapping_mul(1000).checked_div(rate);
        let us = us.min(full.unwrap_or(0).saturating_add(1));
        let thousandths = us.wrapping_mul(rate).wrapping_add(rest);
        (thousandths / 1000, thousandths % 1000)
    }
}

/// The tokens that all CPUs share. Whoever changes it has a lock.
#[derive(Debug)]
pub struct Bucket {
    level: u64,
    /// When tokens were last added.
    filled_us: u64,
    /// The thousandths of a token that were left over then.
    rest: u64,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(limit: &Limit, now_us: u64) -> Self {
        Self {
            level: limit.capacity,
            filled_us: now_us,
            rest: 0,
        }
    }

    /// Adds the tokens of the time that has passed.
    fn fill(&mut self, limit: &Limit, now_us: u64) {
        // Another CPU's clock may have been a little ahead.
        let Some(us) = now_us.checked_sub(self.filled_us) else {
            return;
        };
        let (tokens, rest) = limit.generated(us, self.rest);
        self.level = self.level.saturating_add(tokens).min(limit.capacity);
        self.filled_us = now_us;
        self.rest = rest;
    }

    /// Takes at least `need` tokens, and up to `want` if there are as many.
    fn take(&mut self, need: u64, want: u64) -> Option<u64> {
        if self.level < need {
            return None;
        }
        let taken = self.level.min(want.max(need));
        self.level = self.level.wrapping_sub(taken);
        Some(taken)
    }
}

/// The tokens that one CPU has taken.
#[derive(Debug, Default)]
pub struct Share {
    tokens: u64,
    empty: Option<Empty>,
}

impl Share {
    /// No tokens.
    pub const fn new() -> Self {
        Self {
            tokens: 0,
            empty: None,
        }
    }

    /// Pays for a packet if the CPU has the tokens by itself.
    #[inline]
    pub fn spend(&mut self, cost: u64) -> bool {
        match self.tokens.checked_sub(cost) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }

    /// Whether it is too early to look at the bucket again, which was found too empty a while ago.
    ///
    /// It is worthwhile when it can hold what is missing and another batch. To wait for the batch,
    /// too, is what keeps CPUs from looking in turns for what another one has just taken.
    #[inline]
    pub fn is_hopeless(&self, limit: &Limit, cost: u64, now_us: u64) -> bool {
        let Some(empty) = self.empty else {
            return false;
        };
        // If all that came since then were still there. One more, for what is left of a token.
        let (since, _) = limit.generated(now_us.saturating_sub(empty.at_us), 0);
        let most = empty.level.saturating_add(since).saturating_add(1);
        let missing = cost.saturating_sub(self.tokens);
        let with_batch = missing.saturating_add(limit.batch).min(limit.capacity);
        most < missing.max(with_batch)
    }

    /// Pays for a packet out of the bucket, and takes tokens for more of them. Or else remembers
    /// that there were too few.
    pub fn draw(&mut self, bucket: &mut Bucket, limit: &Limit, cost: u64, now_us: u64) -> bool {
        bucket.fill(limit, now_us);
        let missing = cost.saturating_sub(self.tokens);
        match bucket.take(missing, missing.saturating_add(limit.batch)) {
            Some(taken) => {
                self.tokens = self.tokens.saturating_add(taken).saturating_sub(cost);
                self.empty = None;
                true
            }
            None => {
                self.empty = Some(Empty {
                    level: bucket.level,
                    at_us: bucket.filled_us,
                });
                false
            }
        }
    }
}
