// SPDX-License-Identifier: GPL-2.0

//! How many flows the datapath may hold: as many as can be looked after in time.
//!
//! Every flow is dumped in each round. When a round takes too long, flows would expire late and
//! stay wrong for long, so the limit falls; when rounds are quick, it rises again.

use super::time::Millis;
use std::sync::atomic::{
    AtomicUsize,
    Ordering, //
};

/// Where the limit starts, unless the configured one is lower.
const START: usize = 10_000;
/// The limit never falls below this, unless the configured one does.
const FLOOR: usize = 1_000;
/// How much the limit rises after a quick round.
const STEP: usize = 1_000;

/// From this on a round is far too slow: the limit is divided by its seconds.
const TOO_SLOW: Millis = 2_000;
/// From this on a round is slow: the limit loses a quarter.
const SLOW: Millis = 1_300;
/// Below this a round is quick.
const QUICK: Millis = 1_000;

/// How long a flow may idle while there are more than the limit.
const CROWDED_IDLE: Millis = 100;

/// The dynamic flow limit.
#[derive(Debug)]
pub struct FlowLimit {
    configured: usize,
    current: AtomicUsize,
}

/// How hard a round has to clean up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Flows idle for longer than this, in milliseconds, go.
    Idle(Millis),
    /// All flows go.
    Flush,
}

impl FlowLimit {
    /// A limit that never exceeds `configured`.
    pub fn new(configured: usize) -> Self {
        Self {
            configured,
            current: AtomicUsize::new(START.min(configured)),
        }
    }

    /// The limit now: no flow is installed when there are this many.
    pub fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// Sets the limit by hand. It moves from there.
    pub fn set(&self, limit: usize) {
        let limit = limit.min(self.configured);
        self.current.store(limit, Ordering::Relaxed);
    }

    /// Takes into account that dumping and checking `flows` flows took `duration`.
    pub fn after_round(&self, flows: usize, duration: Millis) {
        let duration = duration.max(1);
        let limit = self.current();
        let seconds = usize::try_from(duration / 1000).unwrap_or(usize::MAX);
        // The flows that could have been looked after in a second at this speed.
        let per_second = u64::try_from(flows)
            .unwrap_or(u64::MAX)
            .saturating_mul(1000)
            / duration;
        let wanted = if duration > TOO_SLOW {
            limit / seconds
        } else if duration > SLOW {
            limit / 4 * 3
        } else if duration < QUICK && u64::try_from(limit).unwrap_or(u64::MAX) < per_second {
            limit.saturating_add(STEP)
        } else {
            limit
        };
        self.set(wanted.max(FLOOR));
    }

    /// How hard to clean up when there are `flows` flows that may idle for `max_idle`.
    pub fn pressure(&self, flows: usize, max_idle: Millis) -> Pressure {
        if flows > self.current().saturating_mul(2) {
            Pressure::Flush
        } else if flows > self.current() {
            Pressure::Idle(CROWDED_IDLE.min(max_idle))
        } else {
            Pressure::Idle(max_idle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(current: usize, flows: usize, duration: Millis) -> usize {
        let limit = FlowLimit::new(200_000);
        limit.set(current);
        limit.after_round(flows, duration);
        limit.current()
    }

    #[test]
    fn starts_at_ten_thousand_or_less() {
        assert_eq!(FlowLimit::new(200_000).current(), 10_000);
        assert_eq!(FlowLimit::new(500).current(), 500);
    }

    #[test]
    fn slow_rounds_lower_it() {
        assert_eq!(after(100_000, 100_000, 4_999), 25_000);
        assert_eq!(after(100_000, 100_000, 2_001), 50_000);
        assert_eq!(after(100_000, 100_000, 2_000), 75_000);
        assert_eq!(after(100_000, 100_000, 1_301), 75_000);
        assert_eq!(after(1_100, 1_100, 60_000), 1_000);
    }

    #[test]
    fn quick_rounds_raise_it_when_there_is_need() {
        assert_eq!(after(10_000, 9_000, 500), 11_000);
        assert_eq!(after(10_000, 9_000, 0), 11_000);
        // Few flows say nothing about the speed with many.
        assert_eq!(after(10_000, 100, 500), 10_000);
        assert_eq!(after(10_000, 100_000, 1_000), 10_000);
        assert_eq!(after(200_000, 200_000, 100), 200_000);
    }

    #[test]
    fn a_limit_set_by_hand_moves_on() {
        let limit = FlowLimit::new(5_000);
        limit.set(10_000);
        assert_eq!(limit.current(), 5_000);
        limit.set(50);
        assert_eq!(limit.current(), 50);
        limit.after_round(40, 10);
        assert_eq!(limit.current(), 1_050);
    }

    #[test]
    fn pressure_grows_with_the_crowd() {
        let limit = FlowLimit::new(1_000);
        assert_eq!(limit.pressure(1_000, 10_000), Pressure::Idle(10_000));
        assert_eq!(limit.pressure(1_001, 10_000), Pressure::Idle(100));
        assert_eq!(limit.pressure(1_001, 50), Pressure::Idle(50));
        assert_eq!(limit.pressure(2_000, 10_000), Pressure::Idle(100));
        assert_eq!(limit.pressure(2_001, 10_000), Pressure::Flush);
    }

    proptest! {
        #[test]
        fn stays_in_bounds(
            configured in 0usize..400_000,
            rounds in prop::collection::vec((any::<usize>(), any::<Millis>()), 0..50),
        ) {
            let limit = FlowLimit::new(configured);
            for (flows, duration) in rounds {
                limit.after_round(flows, duration);
                prop_assert!(limit.current() <= configured);
                prop_assert!(limit.current() >= FLOOR.min(configured));
            }
        }
    }
}
