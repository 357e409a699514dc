// SPDX-License-Identifier: GPL-2.0

//! `upcall COMMAND [DP] [ARG]`: asks the process that answers the upcalls of a datapath.

use crate::{
    context::{
        Context,
        Outcome,
        datapath_name, //
    },
    json,
};
use openvswitch::upcall::unixctl::{
    self,
    Error, //
};
use serde::Serialize;
use std::io;

/// What may be asked for.
struct Word {
    name: &'static str,
    /// The command of the process.
    method: &'static str,
    /// The command of the process, and its parameters, for an answer in JSON.
    json: Option<(&'static str, &'static [&'static str])>,
    /// Whether there is an argument.
    argument: bool,
    changes: bool,
}

const fn word(name: &'static str, method: &'static str, changes: bool) -> Word {
    Word {
        name,
        method,
        json: None,
        argument: false,
        changes,
    }
}

const WORDS: &[Word] = &[
    Word {
        json: Some(("upcall/report", &[])),
        ..word("show", "upcall/show", false)
    },
    Word {
        json: Some(("upcall/metrics", &["json"])),
        ..word("metrics", "upcall/metrics", false)
    },
    Word {
        argument: true,
        ..word("set-flow-limit", "upcall/set-flow-limit", true)
    },
    word("dispatch-mode", "dpif-netlink/dispatch-mode", false),
    Word {
        argument: true,
        ..word("detrace", "ofproto/detrace", false)
    },
    word("disable-ufid", "upcall/disable-ufid", true),
    word("enable-ufid", "upcall/enable-ufid", true),
    word("disable-megaflows", "upcall/disable-megaflows", true),
    word("enable-megaflows", "upcall/enable-megaflows", true),
    word("purge", "revalidator/purge", true),
    word("pause", "revalidator/pause", true),
    word("resume", "revalidator/resume", true),
    word("wait", "revalidator/wait", false),
];

/// An answer in words as `--json` prints it.
#[derive(Serialize)]
struct Answer<'a> {
    datapath: &'a str,
    command: &'static str,
    answer: &'a str,
}

/// `upcall COMMAND [DP] [ARG]`
pub(crate) fn run(context: &mut Context, args: &[&str]) -> Outcome {
    let (&name, args) = args.split_first().unwrap_or((&"", args));
    let Some(word) = WORDS.iter().find(|word| word.name == name) else {
        let known: Vec<_> = WORDS.iter().map(|word| word.name).collect();
        let known = known.join(", ");
        return context.fail(format_args!("upcall: '{name}' is none of {known}"));
    };
    if word.changes && context.args.read_only {
        return context.fail(format_args!(
            "'upcall {name}' command does not work in read only mode"
        ));
    }
    let (dp, params) = match (word.argument, args) {
        (true, [argument]) => (None, vec![*argument]),
        (true, [dp, argument]) => (Some(*dp), vec![*argument]),
        (false, []) => (None, vec![]),
        (false, [dp]) => (Some(*dp), vec![]),
        _ => return context.fail(format_args!("'upcall {name}': wrong number of arguments")),
    };
    let dp = match dp {
        Some(name) => match datapath_name(name) {
            Ok(name) => name.to_owned(),
            Err(why) => return context.fail_with("opening datapath", &why),
        },
        None => context.datapath(None)?.name,
    };
    let json = word.json.filter(|_| context.args.json);
    let (method, params) = json.unwrap_or((word.method, &params));
    let answer = unixctl::address(&dp)
        .map_err(Error::from)
        .and_then(|address| unixctl::call(&address, method, params));
    match answer {
        Ok(text) if json.is_some() => writeln!(context, "{text}"),
        Ok(text) if context.args.json && !text.is_empty() => {
            let answer = Answer {
                datapath: &dp,
                command: word.name,
                answer: text.trim_end(),
            };
            json::print(context, &answer)
        }
        Ok(text) => write!(context, "{text}"),
        Err(Error::Io(why)) if why.kind() == io::ErrorKind::ConnectionRefused => context.fail(
            format_args!("no ovs-upcalld serves datapath '{dp}' in this network namespace"),
        ),
        Err(why) => context.fail(format_args!("upcall {name}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_command() {
        let mut names: Vec<_> = WORDS.iter().map(|word| word.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORDS.len());
    }
}
