// SPDX-License-Identifier: GPL-2.0

//! What dpctl says of itself.

use crate::args::Args;
use crate::commands::COMMANDS;
use crate::context::{
    Context,
    Outcome, //
};
use clap::CommandFactory;

/// `help`
pub(crate) fn help(context: &mut Context, _: &[&str]) -> Outcome {
    writeln!(
        context,
        "dpctl: administers the datapaths of Open vSwitch in the kernel\n\
         usage: dpctl [OPTIONS] COMMAND [ARG...]\n\
         \n\
         Commands:"
    )?;
    for command in COMMANDS {
        writeln!(
            context,
            "{}",
            format!("  {:<18}  {}", command.name, command.usage).trim_end()
        )?;
    }
    writeln!(
        context,
        "\n\
         A dp is [system@]NAME; where it is optional, the only one there is.\n\
         An iface is NAME[,type=TYPE][,port_no=N][,KEY=VALUE]...\n\
         \n\
         Options:"
    )?;
    for option in Args::command().get_arguments() {
        let Some(long) = option.get_long() else {
            continue;
        };
        let short = option.get_short().map(|short| format!("-{short}, "));
        let value = match option.get_value_names() {
            Some([value]) if option.get_action().takes_values() => format!("={value}"),
            _ => String::new(),
        };
        let what = option.get_help().map(ToString::to_string);
        let (short, what) = (short.unwrap_or_default(), what.unwrap_or_default());
        writeln!(
            context,
            "  {short:4}{:18}  {what}",
            format!("--{long}{value}")
        )?;
    }
    Ok(())
}

/// `list-commands`
pub(crate) fn list(context: &mut Context, _: &[&str]) -> Outcome {
    writeln!(context, "The available commands are:")?;
    for command in COMMANDS {
        writeln!(context, "  {:<23} {}", command.name, command.usage)?;
    }
    Ok(())
}

/// `version`
pub(crate) fn version(context: &mut Context, _: &[&str]) -> Outcome {
    writeln!(
        context,
        "dpctl (openvswitch-rs) {}",
        env!("CARGO_PKG_VERSION")
    )
}

/// What `--option` prints, for shells to complete.
pub(crate) fn options(context: &mut Context) -> Outcome {
    for option in Args::command().get_arguments() {
        let Some(long) = option.get_long() else {
            continue;
        };
        let value = option.get_action().takes_values();
        writeln!(context, "--{long}{}", if value { "=ARG" } else { "" })?;
        if let Some(short) = option.get_short() {
            writeln!(context, "-{short} {}", if value { "ARG" } else { "" })?;
        }
    }
    Ok(())
}
