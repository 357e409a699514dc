// SPDX-License-Identifier: GPL-2.0

//! `ovs-upcalld`: makes a switch of a datapath.

use clap::{
    Parser,
    ValueEnum, //
};
use openvswitch::upcall::{
    Config, DispatchMode, Engine, Error, FlowFile, LearningSwitch, Policy,
    learning_switch::{
        Options,
        vlan::PortConfig, //
    },
    time::Millis,
};
use signal_hook::{
    consts::{
        SIGINT,
        SIGTERM,
        SIGUSR1, //
    },
    iterator::Signals,
};
use std::{
    fs,
    io::{
        self,
        Write, //
    },
    path::{
        Path,
        PathBuf, //
    },
    process::ExitCode,
    sync::{
        Arc,
        mpsc, //
    },
    thread,
    time::Duration,
};

const AFTER_HELP: &str = "\
Ports are given as NAME:OPTION[:OPTION...] with the options
  access=VID          a member of one VLAN, that knows nothing of tags
  trunk=VID[-VID],..  a member of these VLANs, told apart by tags
  native=VID          a trunk whose untagged packets belong to this VLAN
  native-tagged=VID   the same, but it sends the packets of the VLAN with their tag
A port that is not named is a trunk of all VLANs.

Signals: TERM and INT end the program, USR1 has it print its statistics.

Exit status: 0 when it was told to end, 1 when it could not start or go on, 2 for wrong usage.";

/// Answers the misses of an Open vSwitch datapath as a VLAN-aware switch that learns where
/// stations are.
#[derive(Debug, Parser)]
#[command(name = "ovs-upcalld", version, after_help = AFTER_HELP)]
struct Arguments {
    /// The datapath, which must exist: its name, or system@NAME
    #[arg(value_name = "DATAPATH")]
    datapath: String,

    /// The part of a port in VLANs
    #[arg(long = "port", short, value_name = "NAME:OPTION")]
    ports: Vec<PortConfig>,

    /// Do what a file of rules says, and do not learn. Each line is [priority=N] RULE ACTIONS
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ports", "flood", "forward_bpdu"])]
    flows: Option<PathBuf>,

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

    /// Forward what is sent to the reserved addresses 01:80:c2:00:00:0x too
    #[arg(long)]
    forward_bpdu: bool,

    /// The number of threads that answer misses [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    handlers: Option<u16>,

    /// The number of threads that look after flows [default: one, and one more for four handlers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    revalidators: Option<u16>,

    /// How the datapath chooses among handlers
    #[arg(long, value_enum, default_value_t = DispatchArgument::Auto)]
    dispatch: DispatchArgument,

    /// How many flows there may be at most
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

    /// Print statistics from time to time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stats_interval: Option<Millis>,

    /// How much to tell
    #[arg(long, value_enum, default_value_t = LevelArgument::Info)]
    log_level: LevelArgument,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DispatchArgument {
    /// By processor if it can, else by port
    Auto,
    /// By processor
    PerCpu,
    /// By port
    PerVport,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelArgument {
    Off,
    Error,
    Warn,
    Info,
    Debug,
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

/// What the main thread waits for.
enum Event {
    End,
    PrintStats,
    Failure(Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.log_level);
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ovs-upcalld: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(level: LevelArgument) {
    let filter = match level {
        LevelArgument::Off => log::LevelFilter::Off,
        LevelArgument::Error => log::LevelFilter::Error,
        LevelArgument::Warn => log::LevelFilter::Warn,
        LevelArgument::Info => log::LevelFilter::Info,
        LevelArgument::Debug => log::LevelFilter::Debug,
    };
    env_logger::Builder::new()
        .filter_level(filter)
        .format(|out, record| {
            let level = record.level().as_str().to_ascii_lowercase();
            writeln!(out, "ovs-upcalld: {level}: {}", record.args())
        })
        .init();
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let (sender, events) = mpsc::channel();
    // Before there are threads, and anything that would have to be undone.
    watch_signals(sender.clone())?;

    let name = arguments.datapath.as_str();
    let name = name.strip_prefix("system@").unwrap_or(name);
    let policy: Arc<dyn Policy> = match &arguments.flows {
        Some(path) => Arc::new(flow_file(path)?),
        None => Arc::new(LearningSwitch::new(Options {
            modes: arguments
                .ports
                .into_iter()
                .map(|port| (port.name, port.mode))
                .collect(),
            learn: !arguments.flood,
            forward_reserved: arguments.forward_bpdu,
            capacity: arguments.mac_table_size,
            aging: arguments.mac_aging,
        })),
    };
    let config = Config {
        handlers: arguments.handlers.map(usize::from),
        revalidators: arguments.revalidators.map(usize::from),
        dispatch: match arguments.dispatch {
            DispatchArgument::Auto => DispatchMode::Auto,
            DispatchArgument::PerCpu => DispatchMode::PerCpu,
            DispatchArgument::PerVport => DispatchMode::PerVport,
        },
        flow_limit: arguments.flow_limit,
        max_idle: arguments.max_idle,
        max_revalidator: arguments.max_revalidator,
        min_revalidate_pps: arguments.min_revalidate_pps,
        keep_flows: arguments.keep_flows,
    };
    let engine = Engine::start(name, policy, &config, move |error| {
        // Nobody to tell: the program is ending already.
        let _ = sender.send(Event::Failure(error));
    })?;

    let control = engine.control();
    let interval = arguments.stats_interval.map(Duration::from_millis);
    let outcome = loop {
        let event = match interval {
            Some(interval) => events.recv_timeout(interval),
            None => events.recv().map_err(Into::into),
        };
        match event {
            Ok(Event::End) | Err(mpsc::RecvTimeoutError::Disconnected) => break Ok(()),
            Ok(Event::Failure(error)) => break Err(error),
            Ok(Event::PrintStats) | Err(mpsc::RecvTimeoutError::Timeout) => {
                print(&control.report().line());
            }
        }
    };
    print(&engine.stop().line());
    outcome
}

/// Reads a file of rules.
fn flow_file(path: &Path) -> io::Result<FlowFile> {
    let told = |why: String| io::Error::other(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    FlowFile::parse(&text).map_err(told)
}

/// Passes signals on as events, from a thread of its own.
fn watch_signals(events: mpsc::Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGUSR1])?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let event = match signal {
                    SIGUSR1 => Event::PrintStats,
                    _ => Event::End,
                };
                if events.send(event).is_err() {
                    break;
                }
            }
        })?;
    Ok(())
}

/// Prints a line. That nobody reads it is no reason to end.
fn print(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
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
        assert!(Arguments::try_parse_from(["ovs-upcalld"]).is_err());
        assert!(Arguments::try_parse_from(["ovs-upcalld", "-p", "eth0", "br0"]).is_err());
    }
}
