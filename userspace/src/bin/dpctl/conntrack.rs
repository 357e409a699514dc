// SPDX-License-Identifier: GPL-2.0

//! The commands for connections: dump-conntrack, flush-conntrack, ct-stats-show, ct-bkts.
//!
//! Connections are those of the network namespace. The datapath must exist all the same.

use crate::connection::Wanted;
use crate::context::{
    Context,
    Outcome,
    Stop,
    error, //
};
use crate::json;
use crate::json::List;
use openvswitch::client::Error;
use openvswitch::client::conntrack::{
    Conntrack,
    Counters,
    Entry,
    Layer4,
    ProtoInfo,
    Tuple,
    proto, //
};
use openvswitch::text::conntrack as text;
use rustix::io::Errno;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Why a dump ended early.
enum Ended {
    Kernel(Error),
    Stop(Stop),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Takes `zone=N` off the end of arguments.
fn zone_at_end<'a>(args: &'a [&'a str]) -> (Option<u16>, &'a [&'a str]) {
    match args.split_last() {
        Some((last, rest)) => match last.strip_prefix("zone=").map(str::parse) {
            Some(Ok(zone)) => (Some(zone), rest),
            _ => (None, args),
        },
        None => (None, args),
    }
}

/// Calls `each` with the connections of a zone, or all.
fn dump_entries(
    context: &mut Context,
    zone: Option<u16>,
    mut each: impl FnMut(&mut Context, Entry) -> Outcome,
) -> Outcome {
    let mut conntrack = match Conntrack::connect() {
        Ok(conntrack) => conntrack,
        Err(why) => return context.fail_with("starting conntrack dump", &why),
    };
    match conntrack.entries(zone, |entry| each(context, entry).map_err(Ended::Stop)) {
        Ok(()) => Ok(()),
        Err(Ended::Stop(stop)) => Err(stop),
        Err(Ended::Kernel(why)) => {
            // What was found is shown.
            context.report("dumping conntrack entry", Some(&why));
            Ok(())
        }
    }
}

/// `dump-conntrack [-m] [-s] [DP] [zone=N]`
pub(crate) fn dump(context: &mut Context, args: &[&str]) -> Outcome {
    let (zone, args) = zone_at_end(args);
    context.optional_datapath(args, 1)?;
    if context.args.json {
        let mut list = List::begin(context)?;
        dump_entries(context, zone, |context, entry| {
            list.push(context, &Report::of(&entry))
        })?;
        return list.end(context);
    }
    let (verbose, statistics) = (context.args.more > 0, context.args.statistics);
    let mut line = String::new();
    dump_entries(context, zone, |context, entry| {
        line.clear();
        text::format(&mut line, &entry, verbose, statistics);
        writeln!(context, "{line}")
    })
}

/// `flush-conntrack [DP] [zone=N] [mark=X[/M]] [labels=Y[/N]] [ORIG [REPLY]]`
pub(crate) fn flush(context: &mut Context, args: &[&str]) -> Outcome {
    let rest = match args {
        [name, rest @ ..] if context.find(name).is_ok() => rest,
        _ => args,
    };
    let wanted = match Wanted::parse(rest) {
        Ok(wanted) => wanted,
        Err(why) => return context.fail_errno(why, Errno::INVAL),
    };
    let named = &args[..args.len() - rest.len()];
    if let Err(stop) = context.optional_datapath(named, 1) {
        context.report("Cannot open dpif", Some(&error(Errno::INVAL)));
        return Err(stop);
    }
    match delete(&wanted) {
        Ok(()) => Ok(()),
        Err(why) => context.fail_with("failed to flush conntrack", &why),
    }
}

fn delete(wanted: &Wanted) -> Result<(), Error> {
    let mut conntrack = Conntrack::connect()?;
    if wanted.is_all() {
        return conntrack.flush(wanted.zone);
    }
    if let Some(tuple) = wanted.tuple() {
        return conntrack.delete(wanted.zone.unwrap_or(0), &tuple);
    }
    let mut found = Vec::new();
    conntrack.entries(wanted.zone, |entry| {
        if wanted.matches(&entry) {
            found.push(entry);
        }
        Ok::<_, Error>(())
    })?;
    conntrack.delete_all(&found)
}

/// The protocols that are counted, with the number and in the order in which they are told.
const PROTOCOLS: [(&str, u8); 7] = [
    ("TCP", proto::TCP),
    ("UDP", proto::UDP),
    ("UDPLITE", proto::UDPLITE),
    ("SCTP", proto::SCTP),
    ("ICMP", proto::ICMP),
    ("DCCP", proto::DCCP),
    ("IGMP", proto::IGMP),
];

/// The states of TCP in the order in which they are told.
const TCP_STATES: [&str; 8] = [
    "CLOSED",
    "SYN_SENT",
    "ESTABLISHED",
    "CLOSE_WAIT",
    "FIN_WAIT_1",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
];

/// How many connections there are.
#[derive(Debug, Default, Serialize)]
struct Numbers {
    total: u64,
    /// By the name of the protocol.
    protocols: BTreeMap<&'static str, u64>,
    tcp_states: BTreeMap<&'static str, u64>,
}

impl Numbers {
    fn add(&mut self, entry: &Entry) {
        self.total += 1;
        let known = PROTOCOLS.iter().find(|(_, it)| *it == entry.orig.proto);
        let name = match (known, entry.orig.proto) {
            (Some((name, _)), _) => name,
            (None, proto::ICMPV6) => "ICMPv6",
            (None, _) => "Other",
        };
        *self.protocols.entry(name).or_default() += 1;
        if entry.orig.proto == proto::TCP {
            let state = match entry.protoinfo {
                Some(ProtoInfo::Tcp { state, .. }) => text::coarse_tcp_state(state),
                _ => "CLOSED",
            };
            *self.tcp_states.entry(state).or_default() += 1;
        }
    }

    fn print(&self, context: &mut Context, verbose: bool) -> Outcome {
        writeln!(context, "Connections Stats:\n    Total: {}", self.total)?;
        // Those of ICMPv6 are part of the total alone, as in ovs-dpctl.
        let names = PROTOCOLS.iter().map(|(name, _)| *name).chain(["Other"]);
        for name in names {
            let Some(count) = self.protocols.get(name) else {
                continue;
            };
            writeln!(context, "  {name}: {count}")?;
            if name != "TCP" || !verbose {
                continue;
            }
            writeln!(context, "    Conn per TCP states:")?;
            for state in TCP_STATES {
                if let Some(count) = self.tcp_states.get(state) {
                    writeln!(context, "\t  [{state}]={count}")?;
                }
            }
        }
        Ok(())
    }
}

/// `ct-stats-show [-m] [DP] [zone=N] [verbose]`
pub(crate) fn stats(context: &mut Context, args: &[&str]) -> Outcome {
    let (mut args, mut zone) = (args, None);
    let mut verbose = context.args.more > 0;
    loop {
        args = match args.split_last() {
            // As it was before there was -m.
            Some((last, rest)) if last.starts_with("verbose") => {
                verbose = true;
                rest
            }
            _ => match zone_at_end(args) {
                (Some(found), rest) => {
                    zone = Some(found);
                    rest
                }
                (None, _) => break,
            },
        }
    }
    context.optional_datapath(args, 1)?;
    let mut numbers = Numbers::default();
    dump_entries(context, zone, |_, entry| {
        numbers.add(&entry);
        Ok(())
    })?;
    match context.args.json {
        true => json::print(context, &numbers),
        false => numbers.print(context, verbose),
    }
}

/// `ct-bkts [DP] [gt=N]`
pub(crate) fn buckets(context: &mut Context, args: &[&str]) -> Outcome {
    let args = match args.split_last() {
        Some((last, rest)) => match last.strip_prefix("gt=").map(str::parse::<u16>) {
            Some(Ok(_)) => rest,
            _ => args,
        },
        None => args,
    };
    context.optional_datapath(args, 1)?;
    let what = "Command is available for UserSpace ConnTracker only.";
    match context.args.json {
        true => json::print(context, &what),
        false => writeln!(context, "{what}"),
    }
}

/// A connection as `--json` prints it.
#[derive(Serialize)]
struct Report {
    protocol: String,
    orig: Direction,
    reply: Direction,
    id: u32,
    zone: u16,
    status: Vec<&'static str>,
    timeout: u32,
    mark: u32,
    labels: String,
    /// Nanoseconds since 1970.
    start: Option<u64>,
    stop: Option<u64>,
    state: Option<State>,
    helper: Option<String>,
    parent: Option<Direction>,
}

/// One direction of a connection as `--json` prints it.
#[derive(Serialize)]
struct Direction {
    src: IpAddr,
    dst: IpAddr,
    #[serde(flatten)]
    layer4: Names,
    #[serde(flatten)]
    counters: Option<Counts>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Names {
    Ports { sport: u16, dport: u16 },
    Icmp { id: u16, r#type: u8, code: u8 },
}

#[derive(Serialize)]
struct Counts {
    packets: u64,
    bytes: u64,
}

/// The state of a protocol as `--json` prints it.
#[derive(Serialize)]
#[serde(untagged)]
enum State {
    Tcp {
        state: &'static str,
        wscale_orig: u8,
        wscale_reply: u8,
        flags_orig: Vec<&'static str>,
        flags_reply: Vec<&'static str>,
    },
    Sctp {
        state: &'static str,
        vtag_orig: u32,
        vtag_reply: u32,
    },
}

impl Report {
    fn of(entry: &Entry) -> Self {
        Self {
            protocol: text::protocol(entry.orig.proto),
            orig: Direction::of(&entry.orig, Some(entry.counters_orig)),
            reply: Direction::of(&entry.reply, Some(entry.counters_reply)),
            id: entry.id,
            zone: entry.zone,
            status: names(text::STATUS, entry.status),
            timeout: entry.timeout,
            mark: entry.mark,
            labels: format!("{:#x}", entry.labels),
            start: entry.start,
            stop: entry.stop,
            state: entry.protoinfo.map(State::of),
            helper: entry.helper.clone(),
            parent: entry.parent.map(|parent| Direction::of(&parent, None)),
        }
    }
}

impl Direction {
    fn of(tuple: &Tuple, counters: Option<Counters>) -> Self {
        Self {
            src: tuple.src,
            dst: tuple.dst,
            layer4: match tuple.layer4 {
                Layer4::Ports { src, dst } => Names::Ports {
                    sport: src,
                    dport: dst,
                },
                Layer4::Icmp { id, kind, code } => Names::Icmp {
                    id,
                    r#type: kind,
                    code,
                },
            },
            counters: counters.map(|Counters { packets, bytes }| Counts { packets, bytes }),
        }
    }
}

impl State {
    fn of(info: ProtoInfo) -> Self {
        match info {
            ProtoInfo::Tcp {
                state,
                wscale,
                flags: [orig, reply],
            } => Self::Tcp {
                state: text::tcp_state(state),
                wscale_orig: wscale[0],
                wscale_reply: wscale[1],
                flags_orig: names(text::TCP_FLAGS, orig.into()),
                flags_reply: names(text::TCP_FLAGS, reply.into()),
            },
            ProtoInfo::Sctp { state, vtags } => Self::Sctp {
                state: text::sctp_state(state),
                vtag_orig: vtags[0],
                vtag_reply: vtags[1],
            },
        }
    }
}

/// The names of the bits that are set.
fn names(bits: &[(u32, &'static str)], flags: u32) -> Vec<&'static str> {
    let set = bits.iter().filter(|(bit, _)| flags & bit != 0);
    set.map(|(_, name)| *name).collect()
}
