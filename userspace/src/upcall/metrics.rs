// SPDX-License-Identifier: GPL-2.0

//! How an engine is doing, in the text format of Prometheus.

use super::report::Report;
use std::fmt::{
    self,
    Write, //
};

/// What all names begin with.
const PREFIX: &str = "ovs_upcall";

/// The text for a report.
pub fn text(report: &Report) -> String {
    let mut out = Exposition {
        datapath: &report.datapath,
        text: String::new(),
    };
    // Writing to a string does not fail.
    let _ = out.report(report);
    out.text
}

/// A text that is being written.
struct Exposition<'a> {
    datapath: &'a str,
    text: String,
}

/// A kind of metric.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

impl Exposition<'_> {
    fn report(&mut self, report: &Report) -> fmt::Result {
        for count in report.counts.all() {
            self.one(Kind::Counter, count.name, count.help, count.value)?;
        }
        if let Some(lost) = report.lost {
            let help = "Upcalls that the datapath has lost.";
            self.one(Kind::Counter, "lost", help, lost)?;
        }
        self.handlers(report)?;
        let flows = &report.flows;
        for (name, help, value) in [
            ("flows", "Flows in the datapath.", flows.current),
            ("flow_limit", "The dynamic limit to flows.", flows.limit),
            ("ports", "Ports of the datapath.", report.ports),
            (
                "paused",
                "Whether flows are not looked after.",
                report.paused.into(),
            ),
        ] {
            self.one(Kind::Gauge, name, help, value)?;
        }
        let help = "Rounds in which flows were dumped.";
        self.one(Kind::Counter, "rounds", help, report.rounds)?;
        let help = "How long the last round took.";
        let seconds = Seconds(report.dump_duration);
        self.one(Kind::Gauge, "dump_duration_seconds", help, seconds)?;
        for gauge in &report.policy {
            self.one(Kind::Gauge, gauge.name, gauge.help, gauge.value)?;
        }
        Ok(())
    }

    /// What is told for each handler.
    fn handlers(&mut self, report: &Report) -> fmt::Result {
        let handlers = || report.handlers.iter().enumerate();
        let name = self.head(
            Kind::Counter,
            "handler_upcalls",
            "Upcalls that a handler has received.",
        )?;
        for (number, handler) in handlers() {
            self.sample(&name, Some(number), handler.upcalls)?;
        }
        let name = self.head(
            Kind::Counter,
            "handler_lost",
            "Upcalls lost because the socket of a handler was full.",
        )?;
        for (number, handler) in handlers() {
            if let Some(lost) = handler.lost {
                self.sample(&name, Some(number), lost)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, kind: Kind, name: &str, help: &str, value: impl fmt::Display) -> fmt::Result {
        let name = self.head(kind, name, help)?;
        self.sample(&name, None, value)
    }

    /// Begins a metric, and returns its full name.
    fn head(&mut self, kind: Kind, name: &str, help: &str) -> Result<String, fmt::Error> {
        let (suffix, kind) = match kind {
            Kind::Counter => ("_total", "counter"),
            Kind::Gauge => ("", "gauge"),
        };
        let name = format!("{PREFIX}_{name}{suffix}");
        writeln!(self.text, "# HELP {name} {help}")?;
        writeln!(self.text, "# TYPE {name} {kind}")?;
        Ok(name)
    }

    fn sample(
        &mut self,
        name: &str,
        handler: Option<usize>,
        value: impl fmt::Display,
    ) -> fmt::Result {
        write!(self.text, "{name}{{datapath=\"{}\"", Label(self.datapath))?;
        if let Some(handler) = handler {
            write!(self.text, ",handler=\"{handler}\"")?;
        }
        writeln!(self.text, "}} {value}")
    }
}

/// Milliseconds that are told in seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// The value of a label.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' | '"' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            report::Handler,
            stats::Counts, //
        },
        *,
    };

    #[test]
    fn what_prometheus_reads() {
        let report = Report {
            datapath: "b\"r".into(),
            dump_duration: 1_020,
            counts: Counts {
                misses: 3,
                ..Counts::default()
            },
            handlers: vec![Handler {
                lost: Some(7),
                ..Handler::default()
            }],
            ..Report::default()
        };
        let text = text(&report);
        for wanted in [
            "# HELP ovs_upcall_misses_total Upcalls because no flow matched.\n\
             # TYPE ovs_upcall_misses_total counter\n\
             ovs_upcall_misses_total{datapath=\"b\\\"r\"} 3\n",
            "ovs_upcall_handler_lost_total{datapath=\"b\\\"r\",handler=\"0\"} 7\n",
            "# TYPE ovs_upcall_dump_duration_seconds gauge\n\
             ovs_upcall_dump_duration_seconds{datapath=\"b\\\"r\"} 1.020\n",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
        // Each name is told of once.
        let mut names: Vec<_> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
