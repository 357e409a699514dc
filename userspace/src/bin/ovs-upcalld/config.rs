// SPDX-License-Identifier: GPL-2.0

//! Options from a file.
//!
//! They are put before those of the command line, so that each is defined once, and what the
//! command line says counts more.

use crate::args::Arguments;
use clap::{
    CommandFactory,
    Parser, //
};
use std::{
    env,
    ffi::OsString,
    fs,
    path::Path, //
};
use toml::{
    Table,
    Value, //
};

/// Reads the command line, and the file that it names.
///
/// # Errors
///
/// About the file. What is wrong with the command line ends the program.
pub(crate) fn read() -> Result<Arguments, String> {
    let mut line = env::args_os();
    let program = line.next();
    let line: Vec<OsString> = line.collect();
    // The line may lack what the file says, but says which one it is.
    let arguments = Arguments::parse();
    let Some(path) = &arguments.config else {
        return Ok(arguments);
    };
    let options = options_of(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let all = program.into_iter().chain(options).chain(line);
    Ok(Arguments::parse_from(all))
}

fn options_of(path: &Path) -> Result<Vec<OsString>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let options = options(&text)?;
    // By themselves first, so that it is clear where an error is.
    let line = ["ovs-upcalld", "none"].map(OsString::from);
    let parsed = Arguments::try_parse_from(line.into_iter().chain(options.iter().cloned()));
    parsed.map_err(|error| error.to_string())?;
    Ok(options)
}

/// The options that a file means.
fn options(text: &str) -> Result<Vec<OsString>, String> {
    let table: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let command = Arguments::command();
    let mut options = Vec::new();
    for (name, value) in table {
        let known = |arg: &&clap::Arg| arg.get_long() == Some(&name);
        let option = command.get_arguments().find(known);
        let takes_value = option.map(|option| option.get_action().takes_values());
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let option = match (takes_value, value) {
                _ if name == "config" || name == "manual" => {
                    return Err(format!("'{name}' is of no use in a file"));
                }
                (None, _) => return Err(format!("there is no option '{name}'")),
                (Some(false), Value::Boolean(true)) => format!("--{name}"),
                (Some(false), Value::Boolean(false)) => continue,
                (Some(true), Value::String(value)) => format!("--{name}={value}"),
                (Some(true), Value::Integer(value)) => format!("--{name}={value}"),
                (Some(true), Value::Float(value)) => format!("--{name}={value}"),
                (Some(_), value) => {
                    let kind = value.type_str();
                    return Err(format!("'{name}' cannot have a value of type {kind}"));
                }
            };
            options.push(option.into());
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
        # A comment\n\
        port = [\"eth0:access=10\", \"eth1:trunk=10,20\"]\n\
        max-idle = 0.5\n\
        flow-limit = 1000\n\
        flood = true\n\
        keep-flows = false\n\
        dispatch = \"per-vport\"\n";

    #[test]
    fn a_file_means_options() {
        let options = options(FILE).unwrap();
        let mut options: Vec<_> = options.iter().map(|o| o.to_str().unwrap()).collect();
        options.sort_unstable();
        let expected = [
            "--dispatch=per-vport",
            "--flood",
            "--flow-limit=1000",
            "--max-idle=0.5",
            "--port=eth0:access=10",
            "--port=eth1:trunk=10,20",
        ];
        assert_eq!(options, expected);
    }

    #[test]
    fn the_command_line_counts_more() {
        let mut line = vec![OsString::from("ovs-upcalld")];
        line.extend(options(FILE).unwrap());
        line.extend(["--flow-limit", "7", "br0"].map(OsString::from));
        let config = Arguments::try_parse_from(line).unwrap().engine();
        assert_eq!((config.flow_limit, config.max_idle), (7, 500));
    }

    #[test]
    fn nonsense_is_told() {
        for (text, why) in [
            ("max-idel = 1", "there is no option 'max-idel'"),
            ("max-idle = true", "type boolean"),
            ("flood = 1", "type integer"),
            ("max-idle", "expected"),
            ("config = \"x\"", "of no use"),
        ] {
            let error = options(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
