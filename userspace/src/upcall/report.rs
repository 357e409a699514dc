// SPDX-License-Identifier: GPL-2.0

//! How an engine is doing, in words and numbers.

use super::{
    stats::Counts,
    time::Millis, //
};
use serde::Serialize;
use std::fmt;

/// How an engine is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The name of the datapath.
    pub datapath: String,
    /// How upcalls find their handler.
    pub dispatch: &'static str,
    /// The ports of the datapath.
    pub ports: usize,
    /// The flows the engine has in the datapath.
    pub flows: Flows,
    /// How long the last round took, in milliseconds.
    pub dump_duration: Millis,
    /// The rounds there were.
    pub rounds: u64,
    /// Whether flows are looked after.
    pub paused: bool,
    /// Whether flows match no more than decisions depend on.
    pub megaflows: bool,
    /// Whether the datapath tells of flows no more than identifier and statistics.
    pub ufid: bool,
    /// Upcalls the datapath has lost since the engine started; `None`: the datapath is gone.
    pub lost: Option<u64>,
    /// What was counted.
    pub counts: Counts,
    /// The flows that each revalidator looks after.
    pub revalidators: Vec<Revalidator>,
    /// The handlers.
    pub handlers: Vec<Handler>,
    /// What the policy tells of itself.
    pub policy: Vec<Gauge>,
}

/// The flows of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flows {
    /// How many there are.
    pub current: usize,
    /// How many there were, on a moving average.
    pub average: usize,
    /// The most there were.
    pub most: usize,
    /// How many there may be now.
    pub limit: usize,
}

/// A thread that looks after flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Revalidator {
    /// How many.
    pub keys: usize,
}

/// A thread that answers upcalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Handler {
    /// Upcalls received.
    pub upcalls: u64,
    /// Times its socket was full.
    pub overruns: u64,
    /// Upcalls lost then; `None`: the kernel does not tell.
    pub lost: Option<u64>,
}

/// A number that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gauge {
    /// Its name, of small letters and underscores.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// How much.
    pub value: u64,
}

/// A number that may not be known.
struct Maybe(Option<u64>);

impl fmt::Display for Maybe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("?"),
        }
    }
}

impl Report {
    /// The most important numbers in one line.
    pub fn line(&self) -> String {
        let c = &self.counts;
        let mut line = format!(
            "upcalls:{} misses:{} lost:{} flows:{} limit:{} installed:{} modified:{} expired:{} \
             deleted:{} executed:{} dropped:{}",
            c.upcalls,
            c.misses,
            Maybe(self.lost),
            self.flows.current,
            self.flows.limit,
            c.installed,
            c.modified,
            c.expired,
            c.deleted,
            c.executed,
            c.dropped,
        );
        // What should not happen is told when it does.
        let told = [
            "upcalls",
            "misses",
            "installed",
            "modified",
            "expired",
            "deleted",
            "executed",
            "dropped",
        ];
        let rest = c.all().filter(|count| !told.contains(&count.name));
        for count in rest.filter(|count| count.value > 0) {
            line += &format!(" {}:{}", count.name, count.value);
        }
        line
    }
}

/// As Open vSwitch's `upcall/show` has it, with more at the end.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flows {
            current,
            average,
            most,
            limit,
        } = self.flows;
        writeln!(f, "system@{}:", self.datapath)?;
        writeln!(
            f,
            "  flows         : (current {current}) (avg {average}) (max {most}) (limit {limit})"
        )?;
        writeln!(f, "  dump duration : {}ms", self.dump_duration)?;
        writeln!(f, "  ufid enabled : {}", self.ufid)?;
        writeln!(f, "  dispatch mode : {}", self.dispatch)?;
        writeln!(f, "  lost          : {}", Maybe(self.lost))?;
        if self.paused {
            writeln!(f, "  paused        : true")?;
        }
        if !self.megaflows {
            writeln!(f, "  megaflows     : false")?;
        }
        for gauge in &self.policy {
            writeln!(f, "  {:13} : {}", gauge.name, gauge.value)?;
        }
        writeln!(f)?;
        for (number, revalidator) in self.revalidators.iter().enumerate() {
            writeln!(f, "  {number}: (keys {})", revalidator.keys)?;
        }
        writeln!(f)?;
        for (number, handler) in self.handlers.iter().enumerate() {
            writeln!(
                f,
                "  handler {number}: (upcalls {}) (overruns {}) (lost {})",
                handler.upcalls,
                handler.overruns,
                Maybe(handler.lost)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            datapath: "br0".into(),
            dispatch: "per-cpu",
            flows: Flows {
                current: 1,
                average: 2,
                most: 3,
                limit: 10_000,
            },
            dump_duration: 4,
            megaflows: true,
            ufid: true,
            lost: Some(5),
            counts: Counts {
                upcalls: 7,
                misses: 6,
                ..Counts::default()
            },
            revalidators: vec![Revalidator { keys: 1 }],
            handlers: vec![Handler::default()],
            ..Report::default()
        }
    }

    #[test]
    fn one_line() {
        let mut report = report();
        let usual = "upcalls:7 misses:6 lost:5 flows:1 limit:10000 installed:0 modified:0 \
                     expired:0 deleted:0 executed:0 dropped:0";
        assert_eq!(report.line(), usual);
        report.counts.refused = 3;
        assert_eq!(report.line(), format!("{usual} refused:3"));
    }

    #[test]
    fn begins_like_open_vswitchs() {
        let text = report().to_string();
        let begin = "system@br0:\n  flows         : (current 1) (avg 2) (max 3) (limit 10000)\n  \
                     dump duration : 4ms\n  ufid enabled : true\n";
        assert_eq!(text.strip_prefix(begin).map(str::is_empty), Some(false));
        assert!(text.contains("\n\n  0: (keys 1)\n"), "{text}");
        assert!(text.contains("handler 0: (upcalls 0) (overruns 0) (lost ?)\n"));
        assert!(!text.contains("paused"));
    }
}
