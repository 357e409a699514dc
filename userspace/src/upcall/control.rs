// SPDX-License-Identifier: GPL-2.0

//! Asks an engine at work how it is, and has it do this and that.
//!
//! The names of the commands are those of Open vSwitch's daemon.

use super::{
    flow::Phase,
    flow_cache::Share,
    loss::Loss,
    metrics,
    orders::Refusal,
    report::{
        self,
        Flows,
        Report, //
    },
    shared::Shared,
    unixctl::Commands,
};
use crate::{
    client::{
        Client,
        DatapathId,
        Ufid, //
    },
    text::{
        self,
        scan::Scanner, //
    },
};
use std::sync::{
    Arc,
    atomic::Ordering, //
};

/// Controls an engine. Cheap to clone; outlives the engine, but is of no use then.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

/// Why a flow does what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explained {
    /// The policy has said so.
    Said(String),
    /// It is being deleted.
    Leaving,
    /// There is no such flow.
    Unknown,
}

/// A command: its name, its parameters in words, and what it does.
struct Command {
    name: &'static str,
    usage: &'static str,
    run: fn(&Control, &[&str]) -> Result<String, String>,
}

/// What an engine can be told. All but the last few are Open vSwitch's.
const COMMANDS: &[Command] = &[
    Command {
        name: "dpif-netlink/dispatch-mode",
        usage: "",
        run: |control, _| {
            let Shared { name, ports, .. } = &*control.shared;
            let mode = ports.dispatch().name();
            Ok(format!("{name}: {mode} dispatch mode\n"))
        },
    },
    Command {
        name: "list-commands",
        usage: "",
        run: |_, _| Ok(list()),
    },
    Command {
        name: "ofproto/detrace",
        usage: "UFID [pmd=PMD-ID]",
        run: detrace,
    },
    Command {
        name: "revalidator/pause",
        usage: "",
        run: |control, _| done(control.pause()),
    },
    Command {
        name: "revalidator/purge",
        usage: "",
        run: |control, _| done(control.purge()),
    },
    Command {
        name: "revalidator/resume",
        usage: "",
        run: |control, _| done(control.resume()),
    },
    Command {
        name: "revalidator/wait",
        usage: "",
        run: |control, _| done(control.wait()),
    },
    Command {
        name: "upcall/disable-megaflows",
        usage: "",
        run: |control, _| {
            done(control.set_megaflows(false)).map(|_| "megaflows disabled\n".to_owned())
        },
    },
    Command {
        name: "upcall/disable-ufid",
        usage: "",
        run: |control, _| {
            control.set_terse(false);
            Ok("Datapath dumping tersely using UFID disabled\n".into())
        },
    },
    Command {
        name: "upcall/enable-megaflows",
        usage: "",
        run: |control, _| {
            done(control.set_megaflows(true)).map(|_| "megaflows enabled\n".to_owned())
        },
    },
    Command {
        name: "upcall/enable-ufid",
        usage: "",
        run: |control, _| {
            control.set_terse(true);
            Ok("Datapath dumping tersely using UFID enabled for supported datapaths\n".into())
        },
    },
    Command {
        name: "upcall/set-flow-limit",
        usage: "flow-limit-number",
        run: set_flow_limit,
    },
    Command {
        name: "upcall/show",
        usage: "",
        run: |control, _| Ok(control.report().to_string()),
    },
    Command {
        name: "version",
        usage: "",
        run: |_, _| Ok(format!("openvswitch-rs {}\n", env!("CARGO_PKG_VERSION"))),
    },
    Command {
        name: "upcall/metrics",
        usage: "[json]",
        run: tell_metrics,
    },
    Command {
        name: "upcall/report",
        usage: "",
        run: |control, _| serde_json::to_string(&control.report()).map_err(|e| e.to_string()),
    },
];

fn done(outcome: Result<(), Refusal>) -> Result<String, String> {
    outcome
        .map(|()| String::new())
        .map_err(|why| why.to_string())
}

fn set_flow_limit(control: &Control, params: &[&str]) -> Result<String, String> {
    let limit = params.first().copied().unwrap_or_default().parse();
    let limit: u32 = limit.map_err(|_| "invalid flow limit, expected a number".to_owned())?;
    control.set_flow_limit(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(format!(
        "set flow_limit to {}\n",
        control.shared.limit.current()
    ))
}

fn detrace(control: &Control, params: &[&str]) -> Result<String, String> {
    let ufid = params.first().copied().unwrap_or_default();
    let ufid = text::ufid::parse(&mut Scanner::new(ufid)).ok().flatten();
    let ufid = ufid.ok_or("failed to parse ufid")?;
    if let Some(pmd) = params.get(1) {
        // There are no such threads here: any of them will do.
        let number = pmd.strip_prefix("pmd=").map(str::parse::<u32>);
        if !matches!(number, Some(Ok(_))) {
            return Err("Invalid pmd argument format. Expecting 'pmd=PMD-ID'".into());
        }
    }
    let name = &control.shared.name;
    Ok(match control.explain(&ufid) {
        Explained::Said(words) => format!("{words}\n"),
        Explained::Leaving => format!("Cache was not found for system@{name}\n"),
        Explained::Unknown => format!("UFID was not found for system@{name}\n"),
    })
}

fn tell_metrics(control: &Control, params: &[&str]) -> Result<String, String> {
    let report = control.report();
    let metrics = metrics::of(&report);
    match params {
        [] => Ok(metrics::text(&metrics)),
        ["json"] => serde_json::to_string(&metrics).map_err(|why| why.to_string()),
        _ => Err("the only other format is json".into()),
    }
}

fn list() -> String {
    let mut text = String::from("The available commands are:\n");
    for Command { name, usage, .. } in COMMANDS {
        text += format!("  {name:<23} {usage}").trim_end();
        text.push('\n');
    }
    text
}

impl Commands for Control {
    fn execute(&self, method: &str, params: &[&str]) -> Result<String, String> {
        let command = COMMANDS.iter().find(|command| command.name == method);
        let Some(command) = command else {
            return Err(format!("\"{method}\" is not a valid command"));
        };
        let usage = || command.usage.split_whitespace();
        let least = usage().filter(|word| !word.starts_with('[')).count();
        if params.len() < least {
            return Err(format!(
                "\"{method}\" command requires at least {least} arguments"
            ));
        }
        let most = usage().count();
        if params.len() > most {
            return Err(format!(
                "\"{method}\" command takes at most {most} arguments"
            ));
        }
        (command.run)(self, params)
    }
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// How the engine is doing.
    pub fn report(&self) -> Report {
        let shared = &self.shared;
        let rounds = *shared.rounds.lock();
        let loss = Loss::read();
        let handlers = shared.handlers.iter().map(|handler| report::Handler {
            upcalls: handler.upcalls.get(),
            overruns: handler.overruns.get(),
            lost: loss.of(handler.port),
        });
        Report {
            datapath: shared.name.clone(),
            dispatch: shared.ports.dispatch().name(),
            ports: shared.ports.len(),
            flows: Flows {
                current: shared.flows.len(),
                average: rounds.average_flows,
                most: rounds.most_flows,
                limit: shared.limit.current(),
            },
            dump_duration: rounds.duration,
            rounds: rounds.count,
            paused: shared.orders.is_paused(),
            megaflows: shared.megaflows.load(Ordering::Relaxed),
            ufid: shared.terse.load(Ordering::Relaxed),
            lost: self.lost(),
            counts: shared.counters.read(),
            revalidators: Share::all(shared.revalidators)
                .map(|share| report::Revalidator {
                    keys: shared.flows.len_of(share),
                })
                .collect(),
            handlers: handlers.collect(),
            policy: shared.policy.gauges(),
        }
    }

    fn lost(&self) -> Option<u64> {
        let shared = &self.shared;
        let mut client = Client::with_families(shared.families.clone()).ok()?;
        let datapath = client.datapath(DatapathId::Index(shared.dp_ifindex)).ok()?;
        Some(datapath.stats.n_lost.saturating_sub(shared.lost_before))
    }

    /// Sets the dynamic flow limit, which moves from there.
    pub fn set_flow_limit(&self, limit: usize) {
        self.shared.limit.set(limit);
    }

    /// Deletes all flows. They come back with their next packet.
    pub fn purge(&self) -> Result<(), Refusal> {
        self.shared.orders.purge()
    }

    /// Stops looking after flows: none is expired, changed or told of to the policy. Misses are
    /// answered.
    pub fn pause(&self) -> Result<(), Refusal> {
        self.shared.orders.pause()
    }

    /// Looks after flows again.
    pub fn resume(&self) -> Result<(), Refusal> {
        self.shared.orders.resume()
    }

    /// Waits until all flows have been dumped and looked after.
    pub fn wait(&self) -> Result<(), Refusal> {
        self.shared.orders.wait()
    }

    /// Why a flow does what it does, in the words of the policy.
    pub fn explain(&self, ufid: &Ufid) -> Explained {
        let Some(flow) = self.shared.flows.get(ufid) else {
            return Explained::Unknown;
        };
        let in_use = matches!(flow.phase(), Phase::Created | Phase::Operational);
        let words = flow.with_installed(|installed| self.shared.policy.explain(installed));
        match words.filter(|_| in_use) {
            Some(words) => Explained::Said(words),
            None => Explained::Leaving,
        }
    }

    /// Whether the datapath is to tell of flows no more than identifier and statistics when it
    /// dumps and deletes them.
    pub fn set_terse(&self, terse: bool) {
        self.shared.terse.store(terse, Ordering::Relaxed);
    }

    /// Whether flows match no more than decisions depend on, or everything there is. All flows are
    /// deleted.
    pub fn set_megaflows(&self, enabled: bool) -> Result<(), Refusal> {
        self.shared.megaflows.store(enabled, Ordering::Relaxed);
        self.purge()
    }
}
