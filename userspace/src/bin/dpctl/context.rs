// SPDX-License-Identifier: GPL-2.0

//! What every command has at hand: the options, the output, the kernel, and how to fail.

use crate::args::Args;
use openvswitch::client::error::errno_text;
use openvswitch::client::{
    Client,
    Datapath,
    DatapathId,
    Error,
    KernelError, //
};
use rustix::io::Errno;
use std::io::{
    BufWriter,
    Stdout,
    Write, //
};
use std::{
    fmt,
    io, //
};

/// The name errors begin with.
pub(crate) const PROGRAM: &str = "dpctl";

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The user has been told.
    Reported,
    /// The output cannot be written.
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Stop>;

/// What every command has at hand.
#[derive(Debug)]
pub(crate) struct Context {
    /// The command line.
    pub(crate) args: Args,
    /// Whether the output is coloured.
    pub(crate) color: bool,
    out: BufWriter<Stdout>,
    client: Option<Client>,
    failed: bool,
}

impl Context {
    pub(crate) fn new(args: Args) -> Self {
        Self {
            color: args.color.is_on(),
            args,
            out: BufWriter::with_capacity(64 * 1024, io::stdout()),
            client: None,
            failed: false,
        }
    }

    /// Writes to the output, as `write!` calls it.
    pub(crate) fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> Outcome {
        self.out.write_fmt(text).map_err(Stop::Output)
    }

    /// Writes out what is buffered.
    pub(crate) fn flush(&mut self) -> Outcome {
        self.out.flush().map_err(Stop::Output)
    }

    /// Tells the user of an error and goes on; the command fails in the end.
    pub(crate) fn report(&mut self, what: impl fmt::Display, why: Option<&Error>) {
        self.failed = true;
        warn(what, why);
    }

    /// Tells the user of an error and stops the command.
    pub(crate) fn fail<T>(&mut self, what: impl fmt::Display) -> Outcome<T> {
        self.report(what, None);
        Err(Stop::Reported)
    }

    /// Tells the user of an error and stops the command.
    pub(crate) fn fail_with<T>(&mut self, what: impl fmt::Display, why: &Error) -> Outcome<T> {
        self.report(what, Some(why));
        Err(Stop::Reported)
    }

    /// Tells the user of an error that we found ourselves and stops the command.
    pub(crate) fn fail_errno<T>(&mut self, what: impl fmt::Display, errno: Errno) -> Outcome<T> {
        self.fail_with(what, &error(errno))
    }

    /// The end of a command: whether an error was reported on the way.
    pub(crate) fn finish(&self) -> Outcome {
        if self.failed {
            Err(Stop::Reported)
        } else {
            Ok(())
        }
    }

    /// The kernel.
    pub(crate) fn client(&mut self) -> Result<&mut Client, Error> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::connect()?,
        };
        Ok(self.client.insert(client))
    }

    /// Looks a datapath up by the name a user gave it.
    pub(crate) fn find(&mut self, name: &str) -> Result<Datapath, Error> {
        let name = datapath_name(name)?;
        match self.client()?.datapath(DatapathId::Name(name)) {
            // Without the module there are no datapaths.
            Err(Error::NoFamily(_)) => Err(error(Errno::NODEV)),
            found => found,
        }
    }

    /// The datapath a user gave, or the only one there is.
    pub(crate) fn datapath(&mut self, name: Option<&str>) -> Outcome<Datapath> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => match self.only_datapath() {
                Ok(name) => name,
                Err(message) => {
                    self.report(message, None);
                    return self.fail_errno("datapath not found", Errno::INVAL);
                }
            },
        };
        match self.find(&name) {
            Ok(dp) => Ok(dp),
            Err(why) => self.fail_with("opening datapath", &why),
        }
    }

    /// The datapath of a command that may name it first, and the other arguments. There are `most`
    /// arguments at most: that many without the name of a datapath are a mistake.
    pub(crate) fn optional_datapath<'a>(
        &mut self,
        args: &'a [&'a str],
        most: usize,
    ) -> Outcome<(Datapath, &'a [&'a str])> {
        if let Some((name, rest)) = args.split_first() {
            if let Ok(dp) = self.find(name) {
                return Ok((dp, rest));
            }
        }
        match args.len() < most {
            true => Ok((self.datapath(None)?, args)),
            false => self.fail_errno("datapath not found", Errno::INVAL),
        }
    }

    fn only_datapath(&mut self) -> Result<String, String> {
        let mut all = match self.client().and_then(Client::datapaths) {
            Ok(all) => all,
            Err(Error::NoFamily(_)) => Vec::new(),
            Err(error) => return Err(error.to_string()),
        };
        match (all.pop(), all.is_empty()) {
            (None, _) => Err("no datapaths exist".to_owned()),
            (Some(dp), true) => Ok(dp.name),
            (Some(_), false) => Err("multiple datapaths, specify one".to_owned()),
        }
    }
}

/// Tells the user of an error.
pub(crate) fn warn(what: impl fmt::Display, why: Option<&Error>) {
    match why {
        None => eprintln!("{PROGRAM}: {what}"),
        Some(Error::Kernel(KernelError {
            errno,
            message: Some(message),
            ..
        })) => eprintln!("{PROGRAM}: {what} ({}): {message}", errno_text(*errno)),
        Some(why) => match (why, why.errno()) {
            (Error::Kernel(_) | Error::Io { .. }, Some(errno)) => {
                eprintln!("{PROGRAM}: {what} ({})", errno_text(errno));
            }
            _ => eprintln!("{PROGRAM}: {what} ({why})"),
        },
    }
}

/// An error that we found ourselves.
pub(crate) fn error(errno: Errno) -> Error {
    Error::Kernel(KernelError::new(errno.raw_os_error()))
}

/// The name in `[system@]NAME`. There is no other type of datapath here: those of type `netdev` are in
/// other processes.
pub(crate) fn datapath_name(name: &str) -> Result<&str, Error> {
    match name.split_once('@') {
        None | Some(("" | "system", _)) => Ok(name.rsplit('@').next().unwrap_or(name)),
        Some(("netdev", _)) => Err(error(Errno::NODEV)),
        Some(_) => Err(error(Errno::AFNOSUPPORT)),
    }
}
