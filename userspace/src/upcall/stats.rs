// SPDX-License-Identifier: GPL-2.0

//! What the engine counts.

use std::{
    fmt,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    },
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

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of an engine.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
        }

        /// What the counters of an engine said at one time.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// What they say now.
            pub fn read(&self) -> Counts {
                Counts { $($name: self.$name.get(),)* }
            }
        }
    };
}

counters! {
    /// Upcalls received.
    upcalls,
    /// Upcalls because no flow matched.
    misses,
    /// Upcalls because a flow asked for them, that nobody here has installed.
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
    /// Packets sent on their way.
    executed,
    /// Packets dropped.
    dropped,
    /// Packets that the datapath refused to send on their way.
    execute_failed,
}

/// How an engine is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What it has counted.
    pub counts: Counts,
    /// The flows it has in the datapath.
    pub flows: usize,
    /// How many it may have.
    pub flow_limit: usize,
    /// The upcalls the datapath has lost since the engine started; `None`: the datapath is gone.
    pub lost: Option<u64>,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            upcalls,
            misses,
            actions,
            bad,
            overruns,
            installed,
            existed,
            refused,
            over_limit,
            modified,
            expired,
            deleted,
            vanished,
            executed,
            dropped,
            execute_failed,
        } = &self.counts;
        write!(f, "upcalls:{upcalls} misses:{misses} ")?;
        match self.lost {
            Some(lost) => write!(f, "lost:{lost} ")?,
            None => write!(f, "lost:? ")?,
        }
        write!(
            f,
            "flows:{} limit:{} installed:{installed} modified:{modified} expired:{expired} \
             deleted:{deleted} executed:{executed} dropped:{dropped}",
            self.flows, self.flow_limit,
        )?;
        // What should not happen is told when it does.
        for (name, count) in [
            ("actions", actions),
            ("bad", bad),
            ("overruns", overruns),
            ("existed", existed),
            ("refused", refused),
            ("over_limit", over_limit),
            ("vanished", vanished),
            ("execute_failed", execute_failed),
        ] {
            if *count > 0 {
                write!(f, " {name}:{count}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        let counters = Counters::default();
        counters.upcalls.count();
        counters.misses.count();
        let mut stats = Stats {
            counts: counters.read(),
            flows: 1,
            flow_limit: 10_000,
            lost: Some(0),
        };
        let usual = "upcalls:1 misses:1 lost:0 flows:1 limit:10000 installed:0 modified:0 \
                     expired:0 deleted:0 executed:0 dropped:0";
        assert_eq!(stats.to_string(), usual);
        stats.counts.refused = 3;
        assert_eq!(stats.to_string(), format!("{usual} refused:3"));
    }
}
