// SPDX-License-Identifier: GPL-2.0

//! `ovs-upcalld`: makes a switch of a datapath.

mod args;
mod config;
mod log;
mod manual;

use args::Arguments;
use openvswitch::upcall::{
    Engine,
    Error,
    FlowFile,
    LearningSwitch,
    Policy, //
};
use sd_notify::NotifyState;
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
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        mpsc, //
    },
    thread,
};

/// What the main thread waits for.
enum Event {
    End,
    PrintStats,
    Failure(Error),
}

fn main() -> ExitCode {
    let outcome = match config::read() {
        Ok(arguments) if arguments.manual => manual::page()
            .map(|page| print(page.trim_end()))
            .map_err(|error| error.to_string()),
        Ok(arguments) => run(arguments).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ovs-upcalld: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    log::start(
        arguments.log_level,
        arguments.log_format,
        arguments.syslog_target,
    )?;
    let (sender, events) = mpsc::channel();
    // Before there are threads, and anything that would have to be undone.
    watch_signals(sender.clone())?;

    let name = arguments.datapath().to_owned();
    let config = arguments.engine();
    let interval = arguments.stats_interval();
    let policy: Arc<dyn Policy> = match &arguments.flows {
        Some(path) => Arc::new(flow_file(path)?),
        None => Arc::new(LearningSwitch::new(arguments.switch())),
    };
    let engine = Engine::start(&name, policy, &config, move |error| {
        // Nobody to tell: the program is ending already.
        let _ = sender.send(Event::Failure(error));
    })?;
    // Only who started this cares, if anyone.
    let _ = sd_notify::notify(&[NotifyState::Ready]);

    let control = engine.control();
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
