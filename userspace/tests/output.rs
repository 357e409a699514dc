// SPDX-License-Identifier: GPL-2.0

//! Where what is printed goes: to nobody, or to something that is no terminal.

use std::{
    os::{
        fd::OwnedFd,
        unix::net::UnixStream, //
    },
    process::{
        Command,
        Stdio, //
    },
};

/// Commands that print without a kernel module.
const PRINTING: &[&[&str]] = &[
    &["help"],
    &["list-commands"],
    &["manual"],
    &["completions", "bash"],
    &["parse-actions", "1,2"],
    &["--help"],
    &["--version"],
    &["--option"],
];

fn dpctl(args: &[&str], to: Stdio) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dpctl"));
    command.args(args).stdout(to).output().unwrap()
}

#[test]
fn nobody_reads() {
    for args in PRINTING {
        // Breaks as a pipe does.
        let (reader, writer) = UnixStream::pair().unwrap();
        drop(reader);
        let run = dpctl(args, OwnedFd::from(writer).into());
        assert_eq!(run.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&run.stderr), "", "{args:?}");
    }
}

#[test]
fn a_full_disk_is_told_of() {
    for args in PRINTING {
        let full = std::fs::File::create("/dev/full").unwrap();
        let run = dpctl(args, full.into());
        assert_eq!(run.status.code(), Some(1), "{args:?}");
        let err = String::from_utf8_lossy(&run.stderr);
        assert!(err.starts_with("dpctl: cannot write: "), "{args:?}: {err}");
    }
}

#[test]
fn no_colours_but_on_a_terminal() {
    for args in PRINTING {
        let run = dpctl(args, Stdio::piped());
        assert!(!run.stdout.is_empty(), "{args:?}");
        assert!(!run.stdout.contains(&0x1b), "{args:?}");
    }
}
