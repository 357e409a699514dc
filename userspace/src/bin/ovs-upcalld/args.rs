// SPDX-License-Identifier: GPL-2.0

//! The command line.

use crate::log::{
    Format,
    Level, //
};
use clap::{
    Parser,
    ValueEnum, //
};
use openvswitch::upcall::{
    Config, DispatchMode,
    learning_switch::{
        Options,
        vlan::PortConfig, //
    },
    time::Millis,
};
use std::{
    net::SocketAddr,
    path::PathBuf,
    time::Duration, //
};

const AFTER_HELP: &str = "\
Ports are given as NAME:OPTION[:OPTION...] with the options
  access=VID          a member of one VLAN, that knows nothing of tags
  trunk=VID[-VID],..  a member of these VLANs, told apart by tags
  native=VID          a trunk whose untagged packets belong to this VLAN
  native-tagged=VID   the same, but it sends the packets of the VLAN with their tag
A port that is not named is a trunk of all VLANs.

Signals: TERM and INT end the program, USR1 has it print its statistics.
`dpctl upcall` tells more, and changes some of this while it works.

Exit status: 0 when it was told to end, 1 when it could not start or go on, 2 for wrong usage.";

/// Answers the misses of an Open vSwitch datapath as a VLAN-aware switch that learns where
/// stations are.
#[derive(Debug, Parser)]
#[command(name = "ovs-upcalld", version, after_help = AFTER_HELP, args_override_self = true)]
pub(crate) struct Arguments {
    /// The datapath, which must exist: its name, or system@NAME
    #[arg(value_name = "DATAPATH", required_unless_present = "manual")]
    datapath: Option<String>,

    /// Take options from a TOML file too. The keys are their long names; what the command line says
    /// counts more
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The part of a port in VLANs
    #[arg(long = "port", short, value_name = "NAME:OPTION")]
    ports: Vec<PortConfig>,

    /// Do what a file of rules says, and do not learn. Each line is [priority=N] RULE ACTIONS
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ports", "flood", "forward_bpdu"])]
    pub(crate) flows: Option<PathBuf>,

    /// For how long an unused flow stays
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    max_idle: Millis,

    /// For how long a silent station is remembered
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    mac_aging: Millis,

    /// How many stations are remembered
    #[arg(long, value_name = "N", default_value_t = 8192)]
    mac_table_size: usize,

    /// Do not learn: send all packets to all ports
    #[arg(long)]
    flood: bool,

    /// Forward what is sent to the reserved addresses 01:80:c2:00:00:0x, such as that of spanning
    /// tree, too
    #[arg(long)]
    forward_bpdu: bool,

    /// The number of threads that answer misses [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    handlers: Option<u16>,

    /// The number of threads that look after flows [default: one, and one more for four handlers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    revalidators: Option<u16>,

    /// How the datapath chooses among handlers
    #[arg(long, value_enum, default_value_t = Dispatch::Auto)]
    dispatch: Dispatch,

    /// How many flows there may be at most. The limit is lower at first and while looking after
    /// flows takes long; packets that there is no room for are forwarded one by one
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    flow_limit: usize,

    /// The longest time between looking after flows
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    max_revalidator: Millis,

    /// When looking after flows takes long, delete those with fewer packets per second, rather than
    /// find out whether they are right
    #[arg(long, value_name = "N", default_value_t = 5)]
    min_revalidate_pps: u64,

    /// Leave the flows in the datapath at the end
    #[arg(long)]
    keep_flows: bool,

    /// Listen for commands at this path as well, for `ovs-appctl --target`
    #[arg(long, value_name = "PATH")]
    unixctl: Option<PathBuf>,

    /// Print statistics from time to time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stats_interval: Option<Millis>,

    /// How much to tell
    #[arg(long, value_enum, default_value_t = Level::Info)]
    pub(crate) log_level: Level,

    /// How to write what is told on the standard error
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) log_format: Format,

    /// Tell it to a syslog server as well, by UDP
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) syslog_target: Option<SocketAddr>,

    /// Print the manual page as roff
    #[arg(long)]
    pub(crate) manual: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dispatch {
    /// By processor if the kernel can, else by port
    Auto,
    /// By the processor that a packet came in on
    PerCpu,
    /// By its port
    PerVport,
}

/// Parses a positive time in seconds.
fn seconds(text: &str) -> Result<Millis, String> {
    let bad = || format!("'{text}' is not a positive number of seconds");
    let seconds: f64 = text.parse().map_err(|_| bad())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| bad())?;
    match Millis::try_from(time.as_millis()) {
        Ok(0) | Err(_) => Err(bad()),
        Ok(millis) => Ok(millis),
    }
}

/// Parses the address of a server, which may be a name.
fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = std::net::ToSocketAddrs::to_socket_addrs(text).map_err(|e| e.to_string())?;
    found.next().ok_or_else(|| "no such host".to_owned())
}

impl Arguments {
    /// The name of the datapath.
    pub(crate) fn datapath(&self) -> &str {
        let name = self.datapath.as_deref().unwrap_or_default();
        name.strip_prefix("system@").unwrap_or(name)
    }

    /// How often statistics are printed.
    pub(crate) fn stats_interval(&self) -> Option<Duration> {
        self.stats_interval.map(Duration::from_millis)
    }

    /// How the engine is to work.
    pub(crate) fn engine(&self) -> Config {
        Config {
            handlers: self.handlers.map(usize::from),
            revalidators: self.revalidators.map(usize::from),
            dispatch: match self.dispatch {
                Dispatch::Auto => DispatchMode::Auto,
                Dispatch::PerCpu => DispatchMode::PerCpu,
                Dispatch::PerVport => DispatchMode::PerVport,
            },
            flow_limit: self.flow_limit,
            max_idle: self.max_idle,
            max_revalidator: self.max_revalidator,
            min_revalidate_pps: self.min_revalidate_pps,
            keep_flows: self.keep_flows,
            unixctl: self.unixctl.clone(),
        }
    }

    /// How the switch is to behave.
    pub(crate) fn switch(self) -> Options {
        let modes = self.ports.into_iter().map(|port| (port.name, port.mode));
        Options {
            modes: modes.collect(),
            learn: !self.flood,
            forward_reserved: self.forward_bpdu,
            capacity: self.mac_table_size,
            aging: self.mac_aging,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_of_the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times() {
        assert_eq!(seconds("10"), Ok(10_000));
        assert_eq!(seconds("0.5"), Ok(500));
        for bad in ["0", "-1", "x", "", "nan", "1e300", "0.0001"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_command_line() {
        let line =
            "ovs-upcalld -p eth0:access=10 --port eth1:trunk=10,20 --max-idle 0.1 system@br0";
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(arguments.ports.len(), 2);
        assert_eq!(arguments.max_idle, 100);
        assert_eq!(arguments.datapath(), "br0");
        assert!(Arguments::try_parse_from(["ovs-upcalld"]).is_err());
        assert!(Arguments::try_parse_from(["ovs-upcalld", "-p", "eth0", "br0"]).is_err());
        assert!(Arguments::try_parse_from(["ovs-upcalld", "--manual"]).is_ok());
    }
}
