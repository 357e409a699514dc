// SPDX-License-Identifier: GPL-2.0

//! What the engine counts.

use super::time::Millis;
use serde::Serialize;
use std::sync::{
    Mutex,
    MutexGuard,
    PoisonError,
    atomic::{
        AtomicU64,
        Ordering, //
    }, //
};

/// A count that many threads add to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A count with its name and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The name of the field.
    pub name: &'static str,
    /// What was counted.
    pub help: &'static str,
    /// How many.
    pub value: u64,
}

macro_rules! counters {
    ($(#[doc = $doc:literal] $name:ident,)*) => {
        /// The counters of an engine.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $doc] pub $name: Counter,)*
        }

        /// What the counters of an engine said at one time.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Counts {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Counters {
            /// What they say now.
            pub fn read(&self) -> Counts {
                Counts { $($name: self.$name.get(),)* }
            }
        }

        impl Counts {
            /// All of them.
            pub fn all(&self) -> impl Iterator<Item = Count> {
                [$(Count {
                    name: stringify!($name),
                    help: $doc.trim_ascii(),
                    value: self.$name,
                },)*]
                .into_iter()
            }
        }
    };
}

counters! {
    /// Upcalls received.
    upcalls,
    /// Upcalls because no flow matched.
    misses,
    /// Upcalls because a flow asked for them.
    actions,
    /// Upcalls that made no sense.
    bad,
    /// Times the datapath could not deliver upcalls to a full socket.
    overruns,
    /// Flows put into the datapath.
    installed,
    /// Flows that the datapath had already.
    existed,
    /// Flows that the datapath refused.
    refused,
    /// Flows not put because there are too many.
    over_limit,
    /// Flows that were given other actions.
    modified,
    /// Flows deleted because nothing used them.
    expired,
    /// Flows deleted because they were wrong or too many.
    deleted,
    /// Flows that the datapath has lost.
    vanished,
    /// Flows that came to the datapath after they were given up.
    strays,
    /// Packets sent on their way.
    executed,
    /// Packets dropped.
    dropped,
    /// Packets that the datapath refused to send on their way.
    execute_failed,
}

/// The counters of one handler.
#[derive(Debug)]
pub struct HandlerCounters {
    /// The netlink port of its socket.
    pub port: u32,
    /// Upcalls received.
    pub upcalls: Counter,
    /// Times its socket was full.
    pub overruns: Counter,
}

impl HandlerCounters {
    /// Those of the handler that receives on a netlink port.
    pub fn new(port: u32) -> Self {
        Self {
            port,
            upcalls: Counter::default(),
            overruns: Counter::default(),
        }
    }
}

/// How the rounds of the revalidator went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// How many there were.
    pub count: u64,
    /// The flows there were, on a moving average.
    pub average_flows: usize,
    /// The most flows there were.
    pub most_flows: usize,
    /// How long the last one took.
    pub duration: Millis,
}

impl Rounds {
    /// A round with so many flows has taken so long.
    pub fn add(&mut self, flows: usize, duration: Millis) {
        self.count += 1;
        self.average_flows = self.average_flows.midpoint(flows);
        self.most_flows = self.most_flows.max(flows);
        self.duration = duration;
    }
}

/// The rounds, for several threads.
#[derive(Debug, Default)]
pub struct RoundCounters(Mutex<Rounds>);

impl RoundCounters {
    /// They can be changed, and read.
    pub fn lock(&self) -> MutexGuard<'_, Rounds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_names_and_explanations() {
        let counters = Counters::default();
        counters.misses.count();
        let counts = counters.read();
        let misses = counts.all().find(|count| count.name == "misses").unwrap();
        assert_eq!(misses.value, 1);
        assert_eq!(misses.help, "Upcalls because no flow matched.");
        assert_eq!(counts.all().map(|count| count.value).sum::<u64>(), 1);
    }

    #[test]
    fn rounds_are_averaged() {
        let mut rounds = Rounds::default();
        rounds.add(100, 3);
        rounds.add(10, 5);
        let expected = Rounds {
            count: 2,
            average_flows: 30,
            most_flows: 100,
            duration: 5,
        };
        assert_eq!(rounds, expected);
    }
}
