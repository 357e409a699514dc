// SPDX-License-Identifier: GPL-2.0

//! The table of commands.

use crate::args::Args;
use crate::context::{
    Context,
    Outcome, //
};
use crate::{
    bulk,
    cache,
    ct_limit,
    datapath,
    flow,
    normalize,
    port,
    show, //
};
use clap::CommandFactory;
use rustix::io::Errno;

/// A command.
struct Command {
    name: &'static str,
    usage: &'static str,
    /// The fewest and the most arguments.
    count: (usize, usize),
    access: Access,
    run: fn(&mut Context, &[&str]) -> Outcome,
}

/// Whether a command changes anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Ro,
    Rw,
}
use Access::{
    Ro,
    Rw, //
};

/// No limit to the number of arguments.
const ANY: usize = usize::MAX;

/// The commands in the order `list-commands` prints them.
const COMMANDS: &[Command] = &[
    command("add-dp", "dp [iface...]", (1, ANY), Rw, datapath::add),
    command("del-dp", "dp", (1, 1), Rw, datapath::del),
    command("add-if", "dp iface...", (2, ANY), Rw, port::add),
    command("del-if", "dp iface...", (2, ANY), Rw, port::del),
    command("set-if", "dp iface...", (2, ANY), Rw, port::set),
    command("dump-dps", "", (0, 0), Ro, datapath::dump),
    command("show", "[-s] [dp...]", (0, ANY), Ro, show::show),
    command(
        "dump-flows",
        "[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]",
        (0, 6),
        Ro,
        flow::dump,
    ),
    command("add-flow", "[dp] flow actions", (2, 3), Rw, flow::add),
    command("mod-flow", "[dp] flow actions", (2, 3), Rw, flow::modify),
    command("get-flow", "[dp] ufid", (1, 2), Ro, flow::get),
    command("del-flow", "[dp] flow", (1, 2), Rw, flow::del),
    command("add-flows", "[dp] file", (1, 2), Rw, bulk::add),
    command("mod-flows", "[dp] file", (1, 2), Rw, bulk::modify),
    command("del-flows", "[dp] [file]", (0, 2), Rw, bulk::del),
    command("cache-get-size", "[dp]", (0, 1), Ro, cache::get),
    command("cache-set-size", "dp cache <size>", (3, 3), Rw, cache::set),
    command(
        "ct-set-limits",
        "[dp] [default=L] [zone=N,limit=L]...",
        (1, ANY),
        Rw,
        ct_limit::set,
    ),
    command(
        "ct-del-limits",
        "[dp] [default] [zone=N1[,N2]...]",
        (1, 3),
        Rw,
        ct_limit::del,
    ),
    command(
        "ct-get-limits",
        "[dp] [zone=N1[,N2]...]",
        (0, 2),
        Ro,
        ct_limit::get,
    ),
    command("help", "", (0, ANY), Ro, help),
    command("list-commands", "", (0, ANY), Ro, list),
    command(
        "parse-actions",
        "actions",
        (1, ANY),
        Ro,
        flow::parse_actions,
    ),
    command(
        "normalize-actions",
        "flow actions [name=number...]",
        (2, ANY),
        Ro,
        normalize::run,
    ),
    command("version", "", (0, 0), Ro, version),
];

/// Commands of `ovs-dpctl` that only datapaths in user space know an answer to.
const FOR_OTHERS: &[&str] = &[
    "offload-stats-show",
    "dump-conntrack-exp",
    "ct-set-maxconns",
    "ct-get-maxconns",
    "ct-get-nconns",
    "ct-enable-tcp-seq-chk",
    "ct-disable-tcp-seq-chk",
    "ct-get-tcp-seq-chk",
    "ct-get-sweep-interval",
    "ct-set-sweep-interval",
    "ipf-set-enabled",
    "ipf-set-disabled",
    "ipf-set-min-frag",
    "ipf-set-max-nfrags",
    "ipf-get-status",
];

const fn command(
    name: &'static str,
    usage: &'static str,
    count: (usize, usize),
    access: Access,
    run: fn(&mut Context, &[&str]) -> Outcome,
) -> Command {
    Command {
        name,
        usage,
        count,
        access,
        run,
    }
}

/// Runs what the command line says.
pub(crate) fn run(context: &mut Context) -> Outcome {
    if context.args.help {
        return help(context, &[]);
    }
    if context.args.version {
        return version(context, &[]);
    }
    if context.args.option {
        return options(context);
    }
    let Some(name) = context.args.command.clone() else {
        return context.fail("missing command name; use --help for help");
    };
    if FOR_OTHERS.contains(&name.as_str()) {
        let what = format!("'{name}' is not supported by the kernel datapath");
        return context.fail_errno(what, Errno::OPNOTSUPP);
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return context.fail(format_args!(
            "unknown command '{name}'; use --help for help"
        ));
    };
    let args = std::mem::take(&mut context.args.args);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (min, max) = command.count;
    if args.len() < min {
        return context.fail(format_args!(
            "'{name}' command requires at least {min} arguments"
        ));
    }
    if args.len() > max {
        return context.fail(format_args!(
            "'{name}' command takes at most {max} arguments"
        ));
    }
    if context.args.read_only && command.access == Rw {
        return context.fail(format_args!(
            "'{name}' command does not work in read only mode"
        ));
    }
    (command.run)(context, &args)?;
    context.finish()
}

fn help(context: &mut Context, _: &[&str]) -> Outcome {
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

fn list(context: &mut Context, _: &[&str]) -> Outcome {
    writeln!(context, "The available commands are:")?;
    for command in COMMANDS {
        writeln!(context, "  {:<23} {}", command.name, command.usage)?;
    }
    Ok(())
}

fn version(context: &mut Context, _: &[&str]) -> Outcome {
    writeln!(
        context,
        "dpctl (openvswitch-rs) {}",
        env!("CARGO_PKG_VERSION")
    )
}

/// What `--option` prints, for shells to complete.
fn options(context: &mut Context) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_command() {
        let names = COMMANDS.iter().map(|command| command.name);
        let mut names: Vec<_> = names.chain(FOR_OTHERS.iter().copied()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
