// SPDX-License-Identifier: GPL-2.0

//! `dpctl`: administers Open vSwitch datapaths.
//!
//! Commands, their arguments and what they print are those of `ovs-dpctl`, so that scripts may use
//! either. Where the kernel explains an error, the explanation follows it.

mod args;
mod bulk;
mod cache;
mod color;
mod commands;
mod connection;
mod conntrack;
mod context;
mod ct_limit;
mod datapath;
mod filter;
mod flow;
mod generate;
mod help;
mod json;
mod monitor;
mod normalize;
mod port;
mod show;
mod top;
mod tunnel;
mod upcall;

use args::Args;
use context::{
    Context,
    PROGRAM,
    Stop, //
};
use signal_hook::consts::SIGALRM;
use signal_hook::low_level::emulate_default_handler;
use std::fs::OpenOptions;
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
    if let Err(error) = start_log(&args) {
        return usage_error(&error);
    }

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

fn start_log(args: &Args) -> Result<(), String> {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(args.log_level()?).parse_default_env();
    if let Some(path) = &args.log_file {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file =
            file.map_err(|why| format!("failed to open {} for logging: {why}", path.display()))?;
        builder.target(env_logger::Target::Pipe(Box::new(file)));
    }
    builder.init();
    Ok(())
}

fn usage_error(error: &str) -> ExitCode {
    eprintln!("{PROGRAM}: {error}");
    ExitCode::FAILURE
}
