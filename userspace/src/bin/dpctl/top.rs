// SPDX-License-Identifier: GPL-2.0

//! `top [DP]`: the busiest flows and ports.

use crate::context::{
    Context,
    Outcome, //
};
use crate::{
    flow,
    json, //
};
use openvswitch::client::{
    Datapath,
    DatapathId,
    Error,
    Flow,
    Ufid,
    Vport, //
};
use openvswitch::text;
use openvswitch::text::Ports;
use rustix::termios::tcgetwinsize;
use serde::Serialize;
use std::collections::HashMap;
use std::io::{
    IsTerminal,
    stdout, //
};
use std::thread;
use std::time::{
    Duration,
    Instant, //
};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// How many flows are printed when the output is no terminal.
const FLOWS: usize = 20;

/// What there is at one time.
struct Look {
    at: Instant,
    dp: Datapath,
    ports: Vec<Vport>,
    flows: Vec<Flow>,
}

/// What happened within a second.
#[derive(Serialize)]
struct Rates {
    datapath: String,
    flows: u64,
    hit: f64,
    missed: f64,
    lost: f64,
    ports: Vec<PortRate>,
    busiest: Vec<FlowRate>,
}

/// What a port saw within a second.
#[derive(Serialize)]
struct PortRate {
    port_no: u32,
    name: String,
    rx_packets: f64,
    rx_bytes: f64,
    tx_packets: f64,
    tx_bytes: f64,
    drops: f64,
    upcalls: f64,
}

/// What a flow saw within a second.
#[derive(Serialize)]
struct FlowRate {
    packets: f64,
    bytes: f64,
    flow: String,
    actions: String,
}

/// `top [DP]`
pub(crate) fn run(context: &mut Context, args: &[&str]) -> Outcome {
    let dp = context.datapath(args.first().copied())?;
    let live = stdout().is_terminal() && !context.args.json;
    let mut before = look(context, dp.ifindex)?;
    loop {
        thread::sleep(INTERVAL);
        let now = look(context, dp.ifindex)?;
        let (rows, columns) = match live.then(|| tcgetwinsize(stdout())) {
            Some(Ok(size)) if size.ws_row > 0 => (size.ws_row.into(), size.ws_col.into()),
            _ => (now.ports.len() + FLOWS + 4, usize::MAX),
        };
        let names = flow::ports(context, &dp)?;
        let most = rows.saturating_sub(now.ports.len() + 4);
        let rates = rates(&before, &now, Some(&names), most);
        if context.args.json {
            return json::print(context, &rates);
        }
        if live {
            // Home, then erase what is below.
            write!(context, "\u{1b}[H\u{1b}[J")?;
        }
        for line in lines(&rates) {
            let line: String = line.chars().take(columns).collect();
            writeln!(context, "{line}")?;
        }
        if !live {
            return Ok(());
        }
        context.flush()?;
        before = now;
    }
}

fn look(context: &mut Context, ifindex: i32) -> Outcome<Look> {
    let looked = context.client().and_then(|client| -> Result<_, Error> {
        Ok(Look {
            at: Instant::now(),
            dp: client.datapath(DatapathId::Index(ifindex))?,
            ports: client.vports(ifindex)?,
            flows: client.flows(ifindex)?,
        })
    });
    match looked {
        Ok(look) => Ok(look),
        Err(why) => context.fail_with("looking at the datapath", &why),
    }
}

/// What a flow is known by.
fn identity(flow: &Flow) -> (Option<Ufid>, &[u8], &[u8]) {
    match flow.ufid {
        Some(ufid) => (Some(ufid), &[], &[]),
        None => (None, &flow.key, &flow.mask),
    }
}

fn rates(before: &Look, now: &Look, names: Option<&Ports>, most: usize) -> Rates {
    let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
    let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
    let old: HashMap<_, _> = before
        .flows
        .iter()
        .map(|flow| (identity(flow), flow.stats))
        .collect();
    let mut busiest: Vec<_> = now
        .flows
        .iter()
        .map(|flow| {
            let old = old.get(&identity(flow)).copied().unwrap_or_default();
            let stats = &flow.stats;
            let packets = rate(stats.n_packets, old.n_packets);
            (packets, rate(stats.n_bytes, old.n_bytes), flow)
        })
        .collect();
    busiest.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    busiest.truncate(most);
    let busiest = busiest.into_iter().map(|(packets, bytes, told)| {
        let (mut flow, mut actions) = (String::new(), String::new());
        text::key::format(&mut flow, &told.key, &told.mask, names, false);
        text::actions::format(&mut actions, told.actions.as_deref().unwrap_or(&[]), names);
        FlowRate {
            packets,
            bytes,
            flow,
            actions,
        }
    });
    let mut ports: Vec<_> = now
        .ports
        .iter()
        .map(|port| {
            let old = before.ports.iter().find(|old| old.port_no == port.port_no);
            let stats = port.stats.unwrap_or_default();
            let past = old.and_then(|old| old.stats).unwrap_or_default();
            let upcalls = |port: &Vport| port.upcall_stats.unwrap_or_default().success;
            PortRate {
                port_no: port.port_no,
                name: port.name.clone(),
                rx_packets: rate(stats.rx_packets, past.rx_packets),
                rx_bytes: rate(stats.rx_bytes, past.rx_bytes),
                tx_packets: rate(stats.tx_packets, past.tx_packets),
                tx_bytes: rate(stats.tx_bytes, past.tx_bytes),
                drops: rate(
                    stats.rx_dropped + stats.tx_dropped,
                    past.rx_dropped + past.tx_dropped,
                ),
                upcalls: rate(upcalls(port), old.map_or(0, upcalls)),
            }
        })
        .collect();
    ports.sort_by_key(|port| port.port_no);
    let (stats, past) = (&now.dp.stats, &before.dp.stats);
    Rates {
        datapath: now.dp.name.clone(),
        flows: stats.n_flows,
        hit: rate(stats.n_hit, past.n_hit),
        missed: rate(stats.n_missed, past.n_missed),
        lost: rate(stats.n_lost, past.n_lost),
        ports,
        busiest: busiest.collect(),
    }
}

/// What is shown, all rates per second.
fn lines(rates: &Rates) -> Vec<String> {
    let mut lines = vec![
        format!(
            "system@{}: flows:{} hit:{:.0}/s missed:{:.0}/s lost:{:.0}/s",
            rates.datapath, rates.flows, rates.hit, rates.missed, rates.lost
        ),
        format!(
            "{:>10} {:>12} {:>10} {:>12} {:>8} {:>8}  PORT",
            "RX PKT/S", "RX BYTE/S", "TX PKT/S", "TX BYTE/S", "DROP/S", "UPCALL/S"
        ),
    ];
    lines.extend(rates.ports.iter().map(|port| {
        format!(
            "{:10.0} {:12.0} {:10.0} {:12.0} {:8.0} {:8.0}  {}: {}",
            port.rx_packets,
            port.rx_bytes,
            port.tx_packets,
            port.tx_bytes,
            port.drops,
            port.upcalls,
            port.port_no,
            port.name
        )
    }));
    lines.push(format!("{:>10} {:>12}  FLOW", "PKT/S", "BYTE/S"));
    lines.extend(rates.busiest.iter().map(|flow| {
        format!(
            "{:10.0} {:12.0}  {}, actions:{}",
            flow.packets, flow.bytes, flow.flow, flow.actions
        )
    }));
    lines
}
