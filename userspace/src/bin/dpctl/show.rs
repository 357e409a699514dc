// SPDX-License-Identifier: GPL-2.0

//! `show [-s] [DP...]`: what a datapath is and has counted.

use crate::context::{
    Context,
    Outcome, //
};
use crate::json::List;
use crate::port::Kind;
use crate::{
    cache,
    datapath, //
};
use openvswitch::client::link::{
    LinkStats,
    Links, //
};
use openvswitch::client::{
    Datapath,
    Error,
    Vport, //
};
use openvswitch::odp::uapi::VportStats;
use serde::Serialize;
use std::fmt;

/// `show [-s] [DP...]`
pub(crate) fn show(context: &mut Context, args: &[&str]) -> Outcome {
    let names = match args {
        [] => datapath::names(context)?,
        _ => args.iter().map(|&name| name.to_owned()).collect(),
    };
    let mut list = match context.args.json {
        true => Some(List::begin(context)?),
        false => None,
    };
    for name in names {
        match (find(context, &name), &mut list) {
            (Ok((dp, ports)), None) => print(context, &dp, &ports)?,
            (Ok((dp, ports)), Some(list)) => list.push(context, &Report::of(&dp, &ports))?,
            (Err(why), _) => {
                context.report(format_args!("opening datapath {name} failed"), Some(&why));
            }
        }
    }
    match list {
        Some(list) => list.end(context),
        None => Ok(()),
    }
}

/// A datapath as `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    ifindex: i32,
    hit: u64,
    missed: u64,
    lost: u64,
    flows: u64,
    masks: Option<u32>,
    masks_hit: Option<u64>,
    cache_hit: Option<u64>,
    masks_cache_size: Option<u32>,
    user_features: u32,
    per_cpu_pids: &'a [u32],
    ports: Vec<PortReport<'a>>,
}

/// A port as `--json` prints it. Counters are the datapath's; `null`: the kernel does not say.
#[derive(Serialize)]
struct PortReport<'a> {
    port_no: u32,
    name: &'a str,
    r#type: &'static str,
    ifindex: Option<i32>,
    netnsid: Option<i32>,
    upcall_pids: &'a [u32],
    rx_packets: Option<u64>,
    rx_bytes: Option<u64>,
    rx_errors: Option<u64>,
    rx_dropped: Option<u64>,
    tx_packets: Option<u64>,
    tx_bytes: Option<u64>,
    tx_errors: Option<u64>,
    tx_dropped: Option<u64>,
    upcalls: Option<u64>,
    upcall_errors: Option<u64>,
}

impl<'a> Report<'a> {
    fn of(dp: &'a Datapath, ports: &'a [Vport]) -> Self {
        let mega = dp.megaflow_stats;
        Self {
            name: &dp.name,
            ifindex: dp.ifindex,
            hit: dp.stats.n_hit,
            missed: dp.stats.n_missed,
            lost: dp.stats.n_lost,
            flows: dp.stats.n_flows,
            masks: mega.map(|mega| mega.n_masks),
            masks_hit: mega.map(|mega| mega.n_mask_hit),
            cache_hit: mega.map(|mega| mega.n_cache_hit),
            masks_cache_size: dp.masks_cache_size,
            user_features: dp.user_features,
            per_cpu_pids: &dp.per_cpu_pids,
            ports: ports.iter().map(PortReport::of).collect(),
        }
    }
}

impl<'a> PortReport<'a> {
    fn of(port: &'a Vport) -> Self {
        let counter = |counter: fn(&VportStats) -> u64| port.stats.as_ref().map(counter);
        Self {
            port_no: port.port_no,
            name: &port.name,
            r#type: Kind::of(port).name(),
            ifindex: port.ifindex,
            netnsid: port.netnsid,
            upcall_pids: &port.upcall_pids,
            rx_packets: counter(|stats| stats.rx_packets),
            rx_bytes: counter(|stats| stats.rx_bytes),
            rx_errors: counter(|stats| stats.rx_errors),
            rx_dropped: counter(|stats| stats.rx_dropped),
            tx_packets: counter(|stats| stats.tx_packets),
            tx_bytes: counter(|stats| stats.tx_bytes),
            tx_errors: counter(|stats| stats.tx_errors),
            tx_dropped: counter(|stats| stats.tx_dropped),
            upcalls: port.upcall_stats.map(|upcalls| upcalls.success),
            upcall_errors: port.upcall_stats.map(|upcalls| upcalls.fail),
        }
    }
}

/// A datapath and its ports, sorted by number.
fn find(context: &mut Context, name: &str) -> Result<(Datapath, Vec<Vport>), Error> {
    let dp = context.find(name)?;
    let mut ports = context.client()?.vports(dp.ifindex)?;
    ports.sort_by_key(|port| port.port_no);
    Ok((dp, ports))
}

fn print(context: &mut Context, dp: &Datapath, ports: &[Vport]) -> Outcome {
    let stats = &dp.stats;
    writeln!(
        context,
        "system@{}:\n  lookups: hit:{} missed:{} lost:{}\n  flows: {}",
        dp.name, stats.n_hit, stats.n_missed, stats.n_lost, stats.n_flows
    )?;
    if let Some(mega) = &dp.megaflow_stats {
        let packets = stats.n_hit.saturating_add(stats.n_missed);
        let per_packet = |count: u64| match packets {
            0 => 0.0,
            _ => count as f64 / packets as f64,
        };
        let (masks, total) = (mega.n_mask_hit, mega.n_masks);
        writeln!(
            context,
            "  masks: hit:{masks} total:{total} hit/pkt:{:.2}",
            per_packet(masks)
        )?;
        // Old kernels do not count hits; none at all looks the same.
        if mega.n_cache_hit != 0 {
            writeln!(
                context,
                "  cache: hit:{} hit-rate:{:.2}%",
                mega.n_cache_hit,
                per_packet(mega.n_cache_hit) * 100.0
            )?;
        }
    }
    cache::print(context, dp)?;
    let mut links = Links::connect().ok();
    for port in ports {
        let kind = Kind::of(port);
        writeln!(context, "  port {}: {}{kind}", port.port_no, port.name)?;
        if context.args.statistics {
            let link = match (port.ifindex, port.netnsid, &kind) {
                // What is counted of an internal port is not of a device.
                (Some(_), None, Kind::Internal) => Some(LinkStats::default()),
                (Some(index), None, _) => links.as_mut().and_then(|links| links.stats(index).ok()),
                _ => None,
            };
            print_stats(context, port, link)?;
        }
    }
    Ok(())
}

fn print_stats(context: &mut Context, port: &Vport, link: Option<LinkStats>) -> Outcome {
    let known = |counter: fn(&LinkStats) -> u64| Counter(link.as_ref().map(counter));
    let stats = port.stats.unwrap_or_default();
    let upcalls = port.upcall_stats;
    writeln!(
        context,
        "    RX packets:{} errors:{} dropped:{} overruns:{} frame:{}",
        stats.rx_packets,
        stats.rx_errors,
        stats.rx_dropped,
        known(|link| link.rx_over_errors),
        known(|link| link.rx_frame_errors)
    )?;
    writeln!(
        context,
        "    TX packets:{} errors:{} dropped:{} aborted:{} carrier:{}",
        stats.tx_packets,
        stats.tx_errors,
        stats.tx_dropped,
        known(|link| link.tx_aborted_errors),
        known(|link| link.tx_carrier_errors)
    )?;
    writeln!(context, "    collisions:{}", known(|link| link.collisions))?;
    writeln!(
        context,
        "    RX bytes:{}  TX bytes:{}",
        Bytes(stats.rx_bytes),
        Bytes(stats.tx_bytes)
    )?;
    writeln!(
        context,
        "    UPCALL packets:{} errors:{}",
        Counter(upcalls.map(|upcalls| upcalls.success)),
        Counter(upcalls.map(|upcalls| upcalls.fail))
    )
}

/// A counter that may be unknown.
struct Counter(Option<u64>);

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("?"),
        }
    }
}

/// A number of bytes, also in a larger unit.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.iter().find(|(bits, _)| self.0 >> bits != 0) {
            Some((bits, unit)) => {
                write!(f, " ({:.1} {unit})", self.0 as f64 / (1_u64 << bits) as f64)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_units() {
        assert_eq!(Bytes(1023).to_string(), "1023");
        assert_eq!(Bytes(1536).to_string(), "1536 (1.5 KiB)");
        assert_eq!(Bytes(3 << 40).to_string(), "3298534883328 (3.0 TiB)");
    }
}
