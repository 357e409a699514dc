// SPDX-License-Identifier: GPL-2.0

//! The commands for single flows: dump-flows, add-flow, mod-flow, get-flow, del-flow.

use crate::context::{
    Context,
    Outcome,
    error, //
};
use crate::filter::Filter;
use crate::json::List;
use crate::{
    color,
    json, //
};
use openvswitch::client::{
    Datapath,
    Error,
    Flow,
    FlowId,
    FlowPut,
    Ufid, //
};
use openvswitch::text;
use openvswitch::text::Ports;
use openvswitch::text::key::ParsedKey;
use openvswitch::text::scan::Scanner;
use rustix::io::Errno;
use rustix::time::{
    ClockId,
    clock_gettime, //
};
use serde::Serialize;
use std::fmt::Write;

/// The names and numbers of a datapath's ports.
pub(crate) fn ports(context: &mut Context, dp: &Datapath) -> Outcome<Ports> {
    match context
        .client()
        .and_then(|client| client.vports(dp.ifindex))
    {
        Ok(all) => Ok(all
            .iter()
            .map(|port| (port.port_no, port.name.as_str()))
            .collect()),
        Err(why) => context.fail_with("listing ports", &why),
    }
}

/// `dump-flows [-m] [--names] [DP] [filter=..] [type=..] [pmd=..]`
pub(crate) fn dump(context: &mut Context, args: &[&str]) -> Outcome {
    let (mut names, mut wanted) = (Vec::new(), None);
    for arg in args {
        match arg.split_once('=') {
            Some(("type", _)) => {
                return context
                    .fail("Invalid argument 'type'. Use 'ovs-appctl dpctl/dump-flows' instead.");
            }
            Some(("filter", text)) => wanted = Some(text),
            Some(("pmd", _)) => {}
            _ => names.push(*arg),
        }
    }
    let (dp, _) = context.optional_datapath(&names, 1)?;
    let names = ports(context, &dp)?;
    let wanted = match wanted.map(|text| Filter::parse(text, &names)) {
        None => None,
        Some(Ok(filter)) => Some(filter),
        Some(Err(why)) => {
            return context.fail(format_args!("Failed to parse filter ({why})"));
        }
    };
    let all = context.client().and_then(|client| client.flows(dp.ifindex));
    let flows = match all {
        Ok(flows) => flows,
        Err(why) => return context.fail_with("Failed to dump flows from datapath", &why),
    };
    let mut printer = Printer::new(context, Some(names));
    let mut list = match context.args.json {
        true => Some(List::begin(context)?),
        false => None,
    };
    for flow in flows {
        // A dump leaves very long actions out.
        let flow = match (&flow.actions, find(context, &dp, &flow)) {
            (Some(_), _) => flow,
            (None, Ok(flow)) => flow,
            // It is gone.
            (None, Err(_)) => continue,
        };
        if wanted.as_ref().is_some_and(|filter| !filter.matches(&flow)) {
            continue;
        }
        match &mut list {
            Some(list) => list.push(context, &printer.report(&flow))?,
            None => printer.print(context, &flow)?,
        }
    }
    match list {
        Some(list) => list.end(context),
        None => Ok(()),
    }
}

/// Prints flows.
pub(crate) struct Printer {
    ports: Option<Ports>,
    names: bool,
    verbose: bool,
    color: bool,
    now: u64,
    line: String,
}

/// A flow as `--json` prints it.
#[derive(Serialize)]
pub(crate) struct Report {
    ufid: Option<String>,
    /// As add-flow takes it.
    flow: String,
    packets: u64,
    bytes: u64,
    /// The seconds since the last packet; `null`: there was none.
    used: Option<f64>,
    tcp_flags: String,
    actions: String,
}

impl Printer {
    /// Ports are printed by these names if names are asked for.
    pub(crate) fn new(context: &Context, ports: Option<Ports>) -> Self {
        Self {
            ports: ports.filter(|_| context.args.names()),
            names: context.args.names(),
            verbose: context.args.more > 0,
            color: context.color,
            now: now(),
            line: String::new(),
        }
    }

    /// Prints a flow on a line of its own.
    pub(crate) fn print(&mut self, context: &mut Context, flow: &Flow) -> Outcome {
        let line = &mut self.line;
        line.clear();
        format(line, flow, self.ports.as_ref(), self.verbose, self.now);
        match self.color {
            true => writeln!(context, "{}", color::paint(line)),
            false => writeln!(context, "{line}"),
        }
    }

    /// A flow as text, with other names of ports.
    pub(crate) fn text(&mut self, flow: &Flow, ports: Option<&Ports>) -> String {
        let mut text = String::new();
        self.now = now();
        let ports = ports.filter(|_| self.names);
        format(&mut text, flow, ports, self.verbose, self.now);
        text
    }

    /// A flow for `--json`.
    pub(crate) fn report(&self, flow: &Flow) -> Report {
        let (mut key, mut actions) = (String::new(), String::new());
        let ports = self.ports.as_ref();
        text::key::format(&mut key, &flow.key, &flow.mask, ports, self.verbose);
        text::actions::format(&mut actions, flow.actions.as_deref().unwrap_or(&[]), ports);
        let since = |used| self.now.saturating_sub(used) as f64 / 1000.0;
        Report {
            ufid: flow.ufid.map(|ufid| ufid.to_string()),
            flow: key,
            packets: flow.stats.n_packets,
            bytes: flow.stats.n_bytes,
            used: flow.used.map(since),
            tcp_flags: tcp_flags(flow),
            actions,
        }
    }
}

/// Looks a flow up if a dump has left its actions out.
fn find(context: &mut Context, dp: &Datapath, flow: &Flow) -> Result<Flow, Error> {
    if flow.actions.is_some() {
        return Err(error(Errno::EXIST));
    }
    let id = FlowId {
        ufid: flow.ufid,
        key: Some(&flow.key),
    };
    context.client()?.flow(dp.ifindex, id)
}

/// The monotonic clock in ms, by which the kernel tells when a flow was used.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let ms = now.tv_sec.saturating_mul(1000) + now.tv_nsec / 1_000_000;
    u64::try_from(ms).unwrap_or(0)
}

/// Writes a flow.
fn format(out: &mut String, flow: &Flow, ports: Option<&Ports>, verbose: bool, now: u64) {
    if let Some(ufid) = flow.ufid.filter(|_| verbose) {
        let _ = write!(out, "ufid:{ufid}, ");
    }
    text::key::format(out, &flow.key, &flow.mask, ports, verbose);
    out.push_str(", ");
    format_stats(out, flow, now);
    if verbose {
        out.push_str(", dp:ovs");
    }
    out.push_str(", actions:");
    text::actions::format(out, flow.actions.as_deref().unwrap_or(&[]), ports);
}

/// TCP flags as a flow's statistics have them.
const TCP_FLAGS: [(u8, char); 8] = [
    (0x02, 'S'),
    (0x01, 'F'),
    (0x08, 'P'),
    (0x04, 'R'),
    (0x20, 'U'),
    (0x10, '.'),
    (0x40, 'E'),
    (0x80, 'C'),
];

fn format_stats(out: &mut String, flow: &Flow, now: u64) {
    let stats = &flow.stats;
    let _ = write!(
        out,
        "packets:{}, bytes:{}, used:",
        stats.n_packets, stats.n_bytes
    );
    let _ = match flow.used {
        Some(used) => write!(out, "{:.3}s", now.saturating_sub(used) as f64 / 1000.0),
        None => write!(out, "never"),
    };
    if flow.tcp_flags != 0 {
        let _ = write!(out, ", flags:{}", tcp_flags(flow));
    }
}

fn tcp_flags(flow: &Flow) -> String {
    let set = TCP_FLAGS
        .iter()
        .filter(|(flag, _)| flow.tcp_flags & flag != 0);
    set.map(|(_, letter)| letter).collect()
}

/// What add-flow and mod-flow are told of a flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub(crate) key: ParsedKey,
    pub(crate) actions: Vec<u8>,
}

impl Spec {
    /// Reads key and actions. The error says which of them is wrong.
    pub(crate) fn parse(key: &str, actions: &str, ports: &Ports) -> Result<Self, String> {
        let key = parse_key(key, ports)?;
        match text::actions::parse(actions, Some(ports)) {
            Ok(actions) => Ok(Self { key, actions }),
            Err(_) => Err("parsing actions".to_owned()),
        }
    }

    /// The request to make the flow, or to change it.
    pub(crate) fn put(&self) -> FlowPut<'_> {
        FlowPut {
            id: id(&self.key),
            mask: Some(self.key.mask.as_slice()).filter(|mask| !mask.is_empty()),
            actions: Some(&self.actions),
            ..FlowPut::default()
        }
    }
}

/// Reads a key with an id that may be before it.
pub(crate) fn parse_key(text: &str, ports: &Ports) -> Result<ParsedKey, String> {
    if text::ufid::parse(&mut Scanner::new(text)).is_err() {
        return Err("parsing flow ufid".to_owned());
    }
    text::key::parse(text, Some(ports)).map_err(|error| format!("parsing flow key ({error})"))
}

/// How a request names the flow of a key. Neither id nor key would mean all flows: an empty key is
/// left out only if there is an id.
pub(crate) fn id(key: &ParsedKey) -> FlowId<'_> {
    let unnamed = key.key.is_empty() && key.ufid.is_some();
    FlowId {
        ufid: key.ufid,
        key: (!unnamed).then_some(&key.key),
    }
}

/// `add-flow [DP] FLOW ACTIONS`
pub(crate) fn add(context: &mut Context, args: &[&str]) -> Outcome {
    put(context, args, |context, dp, put| {
        let put = FlowPut {
            create: true,
            ..*put
        };
        context.client()?.new_flow(dp.ifindex, &put)
    })
}

/// `mod-flow [DP] FLOW ACTIONS`
pub(crate) fn modify(context: &mut Context, args: &[&str]) -> Outcome {
    put(context, args, |context, dp, put| {
        let put = FlowPut {
            clear: context.args.clear,
            echo: context.args.statistics,
            ..*put
        };
        let may_create = context.args.may_create;
        let client = context.client()?;
        match may_create {
            true => client.new_flow(dp.ifindex, &put),
            false => client.set_flow(dp.ifindex, &put),
        }
    })
}

fn put(
    context: &mut Context,
    args: &[&str],
    request: impl Fn(&mut Context, &Datapath, &FlowPut<'_>) -> Result<Option<Flow>, Error>,
) -> Outcome {
    let (dp, _) = context.optional_datapath(args, 3)?;
    let &[.., key, actions] = args else {
        return Ok(());
    };
    let ports = ports(context, &dp)?;
    let spec = match Spec::parse(key, actions, &ports) {
        Ok(spec) => spec,
        Err(what) => return context.fail_errno(what, Errno::INVAL),
    };
    match request(context, &dp, &spec.put()) {
        Ok(flow) => print_stats(context, flow),
        Err(why) => context.fail_with("updating flow table", &why),
    }
}

/// Prints a flow's statistics if they were asked for.
fn print_stats(context: &mut Context, flow: Option<Flow>) -> Outcome {
    match flow {
        Some(flow) if context.args.statistics && context.args.json => {
            let report = Printer::new(context, None).report(&flow);
            json::print(context, &report)
        }
        Some(flow) if context.args.statistics => {
            let mut line = String::new();
            format_stats(&mut line, &flow, now());
            writeln!(context, "{line}")
        }
        _ => Ok(()),
    }
}

/// `get-flow [DP] ufid:UFID`
pub(crate) fn get(context: &mut Context, args: &[&str]) -> Outcome {
    let (dp, _) = context.optional_datapath(args, 2)?;
    let Some(ufid) = args.last().and_then(|text| parse_ufid(text)) else {
        return match args.last().is_some_and(|text| text.starts_with("ufid:")) {
            true => context.fail_errno("parsing flow ufid", Errno::INVAL),
            false => context.fail("parsing flow ufid"),
        };
    };
    let names = match context.args.names() {
        true => Some(ports(context, &dp)?),
        false => None,
    };
    let id = FlowId {
        ufid: Some(ufid),
        key: None,
    };
    let found = context
        .client()
        .and_then(|client| client.flow(dp.ifindex, id));
    let flow = match found {
        Ok(flow) => flow,
        Err(why) => return context.fail_with("getting flow", &why),
    };
    let mut printer = Printer::new(context, names);
    match context.args.json {
        true => json::print(context, &printer.report(&flow)),
        false => printer.print(context, &flow),
    }
}

fn parse_ufid(text: &str) -> Option<Ufid> {
    let mut scanner = Scanner::new(text);
    text::ufid::parse(&mut scanner).ok().flatten()
}

/// `del-flow [DP] FLOW`
pub(crate) fn del(context: &mut Context, args: &[&str]) -> Outcome {
    let (dp, _) = context.optional_datapath(args, 2)?;
    let ports = ports(context, &dp)?;
    let text = args.last().copied().unwrap_or("");
    if text::ufid::parse(&mut Scanner::new(text)).is_err() {
        return context.fail_errno("parsing flow ufid", Errno::INVAL);
    }
    let key = match text::key::parse(text, Some(&ports)) {
        Ok(key) => key,
        Err(error) => return context.fail_errno(error, Errno::INVAL),
    };
    let deleted = context
        .client()
        .and_then(|client| client.del_flow(dp.ifindex, id(&key)));
    match deleted {
        Ok(flow) => print_stats(context, Some(flow)),
        Err(why) => {
            context.report("deleting flow", Some(&why));
            if key.ufid.is_none() && why.is(Errno::NOENT) && !context.args.json {
                writeln!(context, "Perhaps you need to specify a UFID?")?;
            }
            context.finish()
        }
    }
}

/// `parse-actions ACTIONS...`
pub(crate) fn parse_actions(context: &mut Context, args: &[&str]) -> Outcome {
    let mut lines = Vec::new();
    for arg in args {
        match text::actions::parse(arg, None) {
            Ok(actions) => {
                let mut line = String::new();
                text::actions::format(&mut line, &actions, None);
                lines.push(line);
            }
            Err(_) => {
                context.report("odp_actions_from_string", Some(&error(Errno::INVAL)));
                break;
            }
        }
    }
    if context.args.json {
        return json::print_all(context, lines);
    }
    for line in lines {
        writeln!(context, "{line}")?;
    }
    Ok(())
}
