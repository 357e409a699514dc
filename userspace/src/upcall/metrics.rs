// SPDX-License-Identifier: GPL-2.0

//! How an engine is doing, in numbers with a name and an explanation each: in the text format of
//! Prometheus, or as JSON.

use super::{
    report::Report,
    time::Millis, //
};
use serde::{
    Serialize,
    Serializer, //
};
use std::fmt::{
    self,
    Write, //
};

/// What all names begin with.
const PREFIX: &str = "ovs_upcall";

/// A metric and its values.
#[derive(Debug, Serialize)]
pub struct Metric<'a> {
    name: String,
    kind: Kind,
    help: &'static str,
    samples: Vec<Sample<'a>>,
}

/// A kind of metric.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Counter,
    Gauge,
}

/// A value, and what it is of.
#[derive(Debug, Serialize)]
struct Sample<'a> {
    labels: Labels<'a>,
    value: Value,
}

/// What a value is of.
#[derive(Debug, Serialize)]
struct Labels<'a> {
    datapath: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<usize>,
}

/// A value.
#[derive(Clone, Copy, Debug)]
enum Value {
    Number(u64),
    /// It is told in seconds.
    Time(Millis),
}

impl Value {
    fn count(count: usize) -> Self {
        Self::Number(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Number(number) => serializer.serialize_u64(number),
            Self::Time(millis) => {
                serializer.serialize_f64(std::time::Duration::from_millis(millis).as_secs_f64())
            }
        }
    }
}

/// The metrics of a report.
pub fn of(report: &Report) -> Vec<Metric<'_>> {
    let sample = |handler, value| Sample {
        labels: Labels {
            datapath: &report.datapath,
            handler,
        },
        value,
    };
    let metric = |kind, name: &str, help, samples| {
        let suffix = match kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
        };
        Metric {
            name: format!("{PREFIX}_{name}{suffix}"),
            kind,
            help,
            samples,
        }
    };
    let one = |kind, name: &str, help, value| metric(kind, name, help, vec![sample(None, value)]);
    let counter = |name: &str, help, count| one(Kind::Counter, name, help, Value::Number(count));
    let gauge = |name: &str, help, value| one(Kind::Gauge, name, help, value);
    let handlers = || report.handlers.iter().enumerate();
    let of_handlers = |name: &str, help, samples| metric(Kind::Counter, name, help, samples);

    let counts = report.counts.all();
    let mut metrics: Vec<_> = counts
        .map(|count| counter(count.name, count.help, count.value))
        .collect();
    if let Some(lost) = report.lost {
        metrics.push(counter("lost", "Upcalls that the datapath has lost.", lost));
    }
    metrics.extend([
        of_handlers(
            "handler_upcalls",
            "Upcalls that a handler has received.",
            handlers()
                .map(|(number, handler)| sample(Some(number), Value::Number(handler.upcalls)))
                .collect(),
        ),
        of_handlers(
            "handler_lost",
            "Upcalls lost because the socket of a handler was full.",
            handlers()
                .filter_map(|(number, handler)| {
                    Some(sample(Some(number), Value::Number(handler.lost?)))
                })
                .collect(),
        ),
        gauge(
            "flows",
            "Flows in the datapath.",
            Value::count(report.flows.current),
        ),
        gauge(
            "flow_limit",
            "The dynamic limit to flows.",
            Value::count(report.flows.limit),
        ),
        gauge(
            "ports",
            "Ports of the datapath.",
            Value::count(report.ports),
        ),
        gauge(
            "paused",
            "Whether flows are not looked after.",
            Value::Number(report.paused.into()),
        ),
        counter(
            "rounds",
            "Rounds in which flows were dumped.",
            report.rounds,
        ),
        gauge(
            "dump_duration_seconds",
            "How long the last round took.",
            Value::Time(report.dump_duration),
        ),
    ]);
    let of_policy = report.policy.iter();
    metrics.extend(of_policy.map(|told| gauge(told.name, told.help, Value::Number(told.value))));
    metrics
}

/// The text of metrics for Prometheus.
pub fn text(metrics: &[Metric<'_>]) -> String {
    let mut text = String::new();
    for metric in metrics {
        // Writing to a string does not fail.
        let _ = write!(text, "{metric}");
    }
    text
}

impl fmt::Display for Metric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            kind,
            help,
            samples,
        } = self;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(f, "# HELP {name} {help}")?;
        writeln!(f, "# TYPE {name} {kind}")?;
        for Sample { labels, value } in samples {
            write!(f, "{name}{{datapath=\"{}\"", Escaped(labels.datapath))?;
            if let Some(handler) = labels.handler {
                write!(f, ",handler=\"{handler}\"")?;
            }
            writeln!(f, "}} {value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Time(millis) => write!(f, "{}.{:03}", millis / 1000, millis % 1000),
        }
    }
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
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

    fn report() -> Report {
        Report {
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
        }
    }

    #[test]
    fn what_prometheus_reads() {
        let report = report();
        let text = text(&of(&report));
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

    #[test]
    fn the_same_as_json() {
        let report = report();
        let metrics = of(&report);
        let json = serde_json::to_value(&metrics).unwrap();
        let find = |name: &str| {
            let all = json.as_array().unwrap().iter();
            let mut found = all.filter(|metric| metric["name"] == name);
            let metric = found.next().unwrap().clone();
            assert_eq!(found.next(), None);
            metric
        };
        assert_eq!(
            find("ovs_upcall_misses_total"),
            serde_json::json!({
                "name": "ovs_upcall_misses_total",
                "kind": "counter",
                "help": "Upcalls because no flow matched.",
                "samples": [{"labels": {"datapath": "b\"r"}, "value": 3}],
            })
        );
        let lost = &find("ovs_upcall_handler_lost_total")["samples"][0];
        assert_eq!(lost["labels"]["handler"], 0);
        assert_eq!(lost["value"], 7);
        let duration = find("ovs_upcall_dump_duration_seconds");
        assert_eq!(duration["kind"], "gauge");
        assert_eq!(duration["samples"][0]["value"], 1.02);
        let samples = metrics.iter().map(|metric| metric.samples.len());
        let lines = text(&metrics);
        let lines = lines.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(samples.sum::<usize>(), lines.count());
    }
}
