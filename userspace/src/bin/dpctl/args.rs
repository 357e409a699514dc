// SPDX-License-Identifier: GPL-2.0

//! The command line.

use clap::error::{
    ContextKind,
    ContextValue,
    ErrorKind, //
};
use clap::{
    ArgAction,
    Parser,
    ValueEnum, //
};
use log::LevelFilter;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use std::{
    env,
    io, //
};

/// Administers Open vSwitch datapaths.
#[derive(Debug, Default, Parser)]
#[command(
    name = "dpctl",
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    /// Print statistics for ports and flows
    #[arg(short, long, action = ArgAction::SetTrue, overrides_with = "statistics")]
    pub(crate) statistics: bool,
    /// mod-flow: reset the statistics to zero
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "clear")]
    pub(crate) clear: bool,
    /// mod-flow: create the flow if it does not exist
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "may_create")]
    pub(crate) may_create: bool,
    /// add-if: have the datapath make the device of a tunnel, by the type of the port
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "no_lwt")]
    pub(crate) no_lwt: bool,
    /// Refuse commands that change anything
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "read_only")]
    pub(crate) read_only: bool,
    /// Print more; may be repeated
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) more: u8,
    /// Print the names of ports
    #[arg(long, action = ArgAction::SetTrue, overrides_with_all = ["names", "no_names"])]
    names: bool,
    /// Print the numbers of ports
    #[arg(long, action = ArgAction::SetTrue, overrides_with_all = ["names", "no_names"])]
    no_names: bool,
    /// Print JSON
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "json")]
    pub(crate) json: bool,
    /// Colour flows: always, never, or auto, which is when the output is a terminal
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "auto",
        default_missing_value = "always",
        overrides_with = "color"
    )]
    pub(crate) color: Color,
    /// Give up after so many seconds
    #[arg(
        short,
        long,
        value_name = "SECS",
        allow_hyphen_values = true,
        overrides_with = "timeout"
    )]
    timeout: Option<String>,
    /// Log what is done; twice for more. A level is off, emer, err, warn, info or dbg
    #[arg(
        short,
        long,
        value_name = "LEVEL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "dbg",
        action = ArgAction::Append
    )]
    verbose: Vec<String>,
    /// Log into a file instead of the standard error
    #[arg(long, value_name = "FILE", overrides_with = "log_file")]
    pub(crate) log_file: Option<PathBuf>,
    /// Print this help
    #[arg(short, long, action = ArgAction::SetTrue, overrides_with = "help")]
    pub(crate) help: bool,
    /// Print the options
    #[arg(short, long, action = ArgAction::SetTrue, overrides_with = "option")]
    pub(crate) option: bool,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::SetTrue, overrides_with = "version")]
    pub(crate) version: bool,
    /// The command
    pub(crate) command: Option<String>,
    /// Its arguments
    #[arg(value_name = "ARG")]
    pub(crate) args: Vec<String>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Always,
    Never,
    #[default]
    Auto,
}

impl Color {
    /// Whether the standard output is coloured.
    pub(crate) fn is_on(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            // The convention of no-color.org.
            Self::Auto => {
                io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
            }
        }
    }
}

impl Args {
    /// Reads the command line. The error is one line for the user.
    pub(crate) fn read() -> Result<Self, String> {
        Self::parse_line(env::args_os()).map_err(|error| explain(&error))
    }

    fn parse_line(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(line.into_iter().map(attached_level))
    }

    /// How much to log.
    pub(crate) fn log_level(&self) -> Result<LevelFilter, String> {
        let mut level = LevelFilter::Warn;
        for spec in &self.verbose {
            let before = level;
            // A module and where its messages go to may be named; there is one of each here.
            for word in spec.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
                level = match word.to_ascii_lowercase().as_str() {
                    "off" => LevelFilter::Off,
                    "emer" | "err" => LevelFilter::Error,
                    "warn" => LevelFilter::Warn,
                    "info" => LevelFilter::Info,
                    "dbg" if before >= LevelFilter::Debug => LevelFilter::Trace,
                    "dbg" => LevelFilter::Debug,
                    "any" | "console" | "syslog" | "file" => level,
                    _ => return Err(format!("no level \"{word}\" to log at")),
                };
            }
        }
        Ok(level)
    }

    /// Whether ports are printed by name.
    pub(crate) fn names(&self) -> bool {
        self.names || (self.more > 0 && !self.no_names)
    }

    /// How long the command may take.
    pub(crate) fn timeout(&self) -> Result<Option<Duration>, String> {
        let Some(text) = &self.timeout else {
            return Ok(None);
        };
        match text.parse::<u32>() {
            Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds.into()))),
            _ => Err(format!("value {text} on -t or --timeout is invalid")),
        }
    }
}

/// `-vLEVEL` in a form that the parser knows; `-vv` is twice `-v`.
fn attached_level(argument: OsString) -> OsString {
    let level = argument.to_str().and_then(|text| text.strip_prefix("-v"));
    match level {
        Some(level) if !level.trim_start_matches('v').is_empty() && !level.starts_with('=') => {
            format!("--verbose={level}").into()
        }
        _ => argument,
    }
}

/// Words an error as getopt_long does, which `ovs-dpctl` uses.
fn explain(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let name = argument.split([' ', '=', '.']).next().unwrap_or(argument);
    match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with("--") => {
            format!("unrecognized option '{name}'")
        }
        ErrorKind::UnknownArgument => {
            format!("invalid option -- '{}'", name.trim_start_matches('-'))
        }
        ErrorKind::InvalidValue => format!("option '{name}' requires an argument"),
        ErrorKind::TooManyValues => format!("option '{name}' doesn't allow an argument"),
        _ => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_sound() {
        Args::command().debug_assert();
    }

    fn parse(args: &[&str]) -> Result<Args, String> {
        let args = ["dpctl"].iter().chain(args);
        Args::parse_line(args.map(OsString::from)).map_err(|error| explain(&error))
    }

    #[test]
    fn options_may_follow_the_command() {
        let args = parse(&["show", "-s", "dp0", "--more", "-m"]).unwrap();
        assert!(args.statistics);
        assert_eq!(args.more, 2);
        assert_eq!(args.command.as_deref(), Some("show"));
        assert_eq!(args.args, ["dp0"]);
    }

    #[test]
    fn the_last_of_two_options_counts() {
        assert!(parse(&["-m", "dump-flows"]).unwrap().names());
        assert!(!parse(&["-m", "--names", "--no-names"]).unwrap().names());
        assert!(parse(&["--no-names", "--names"]).unwrap().names());
        assert!(parse(&["-s", "-s"]).unwrap().statistics);
    }

    #[test]
    fn levels_of_the_log() {
        let level = |args: &[&str]| parse(args).unwrap().log_level();
        assert_eq!(level(&["show"]), Ok(LevelFilter::Warn));
        assert_eq!(level(&["-v", "show"]), Ok(LevelFilter::Debug));
        assert_eq!(level(&["-vv", "show"]), Ok(LevelFilter::Trace));
        assert_eq!(level(&["-vconsole:off", "show"]), Ok(LevelFilter::Off));
        assert_eq!(level(&["--verbose=any:info"]), Ok(LevelFilter::Info));
        assert_eq!(level(&["-verr"]), Ok(LevelFilter::Error));
        assert!(level(&["-vnonsense:loud"]).is_err());
    }

    #[test]
    fn errors_are_worded_as_usual() {
        assert_eq!(parse(&["show", "-z"]).unwrap_err(), "invalid option -- 'z'");
        assert_eq!(
            parse(&["--nope=3"]).unwrap_err(),
            "unrecognized option '--nope'"
        );
        assert_eq!(
            parse(&["show", "--timeout"]).unwrap_err(),
            "option '--timeout' requires an argument"
        );
        assert_eq!(
            parse(&["-t", "x"]).unwrap().timeout().unwrap_err(),
            "value x on -t or --timeout is invalid"
        );
        assert_eq!(
            parse(&["-t", "3"]).unwrap().timeout(),
            Ok(Some(Duration::from_secs(3)))
        );
    }
}
