// SPDX-License-Identifier: GPL-2.0

//! `dpctl`: administers Open vSwitch datapaths.
//!
//! Commands, their arguments and what they print are those of `ovs-dpctl`, so that scripts may use
//! either. Where the kernel explains an error, the explanation follows it.

mod args;
mod bulk;
mod cache;
mod commands;
mod context;
mod ct_limit;
mod datapath;
mod flow;
mod normalize;
mod port;
mod show;

use args::Args;
use context::{
    Context,
    PROGRAM,
    Stop, //
};
use signal_hook::consts::SIGALRM;
use signal_hook::low_level::emulate_default_handler;
use std::process::ExitCode;
use std::{
    io,
    thread, //
};

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(error) => return usage_error(&error),
    };
    match args.timeout() {
        Err(error) => return usage_error(&error),
        Ok(None) => {}
        Ok(Some(timeout)) => {
            thread::spawn(move || {
                thread::sleep(timeout);
                // There is nothing to do about a signal that cannot be sent.
                let _ = emulate_default_handler(SIGALRM);
            });
        }
    }
    env_logger::Builder::new()
        .filter_level(match args.verbose {
            0 => log::LevelFilter::Warn,
            1 => log::LevelFilter::Debug,
            _ => log::LevelFilter::Trace,
        })
        .parse_default_env()
        .init();

    let mut context = Context::new(args);
    let outcome = commands::run(&mut context);
    match outcome.and_then(|()| context.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Reported) => {
            // The error is what the user must see; it has been printed.
            let _ = context.flush();
            ExitCode::FAILURE
        }
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Output(error)) => {
            eprintln!("{PROGRAM}: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage_error(error: &str) -> ExitCode {
    eprintln!("{PROGRAM}: {error}");
    ExitCode::FAILURE
}
