// SPDX-License-Identifier: GPL-2.0

//! The commands for many flows: add-flows, mod-flows, del-flows.
//!
//! A file has a flow on each line, written as for the command or as dump-flows writes it. It may
//! start with `add`, `modify` or `delete`, which then counts and not the command. Requests go to
//! the kernel many at a time, in the order of the lines.

use crate::context::{
    Context,
    Outcome,
    error,
    warn, //
};
use crate::flow;
use crate::flow::Spec;
use openvswitch::client::error::errno_text;
use openvswitch::client::socket::MAX_BATCH;
use openvswitch::client::{
    Datapath,
    Error,
    Families,
    FlowPut,
    Request, //
};
use openvswitch::text::Ports;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::io::{
    BufRead,
    BufReader, //
};

/// What is to be done with the flow of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Add,
    Modify,
    Delete,
}
use Operation::{
    Add,
    Delete,
    Modify, //
};

/// `add-flows [DP] FILE`
pub(crate) fn add(context: &mut Context, args: &[&str]) -> Outcome {
    from_file(context, args, Add)
}

/// `mod-flows [DP] FILE`
pub(crate) fn modify(context: &mut Context, args: &[&str]) -> Outcome {
    from_file(context, args, Modify)
}

/// `del-flows [DP] [FILE]`
pub(crate) fn del(context: &mut Context, args: &[&str]) -> Outcome {
    match args {
        // One argument is a datapath if there is one of this name.
        [] => {}
        [name] if context.find(name).is_ok() => {}
        _ => return from_file(context, args, Delete),
    }
    let dp = context.datapath(args.first().copied())?;
    let flushed = context
        .client()
        .and_then(|client| client.flush_flows(dp.ifindex));
    match flushed {
        Ok(()) => Ok(()),
        Err(why) => context.fail_with("deleting all flows", &why),
    }
}

fn from_file(context: &mut Context, args: &[&str], usual: Operation) -> Outcome {
    let (dp, _) = context.optional_datapath(args, 2)?;
    let path = args.last().copied().unwrap_or("-");
    let ports = flow::ports(context, &dp)?;
    let reader: Box<dyn BufRead> = match path {
        "-" => Box::new(io::stdin().lock()),
        _ => match File::open(path) {
            Ok(file) => Box::new(BufReader::new(file)),
            Err(why) => {
                let what = format!("Opening file \"{path}\" failed");
                let why = Error::io("open")(why);
                return context.fail_with(what, &why);
            }
        },
    };
    let mut requests = Vec::with_capacity(MAX_BATCH);
    for (number, line) in (1..).zip(reader.lines()) {
        let line = match line {
            Ok(line) => line,
            Err(why) => return context.fail_with("read", &Error::io("read")(why)),
        };
        let Some(line) = Line::split(&line, usual) else {
            continue;
        };
        let families = match context.client() {
            Ok(client) => client.families(),
            Err(why) => return context.fail_with("opening datapath", &why),
        };
        match line.request(families, &dp, &ports) {
            Ok(request) => requests.push((line.operation, request)),
            Err((what, why)) => {
                context.report(what, Some(&why));
                warn(
                    format_args!("Failed parsing line number {number}, skipped!"),
                    None,
                );
            }
        }
        if requests.len() == MAX_BATCH {
            send(context, &mut requests)?;
        }
    }
    send(context, &mut requests)
}

/// Sends requests and reports those that fail.
fn send(context: &mut Context, requests: &mut Vec<(Operation, Request)>) -> Outcome {
    let (operations, requests): (Vec<_>, Vec<_>) = requests.drain(..).unzip();
    let outcomes = context
        .client()
        .and_then(|client| client.socket().batch(requests, |_, _| ()));
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(why) => return context.fail_with("updating flow table", &why),
    };
    for (operation, outcome) in operations.into_iter().zip(outcomes) {
        if let Err(why) = outcome {
            let what = match operation {
                Add | Modify => "updating flow table",
                Delete => "deleting flow",
            };
            log::debug!("{what}: {}", errno_text(why.errno));
            context.report(what, Some(&Error::Kernel(why)));
        }
    }
    Ok(())
}

/// A line taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    operation: Operation,
    key: &'a str,
    actions: &'a str,
}

impl<'a> Line<'a> {
    /// Takes a line apart; `None` if there is nothing on it.
    fn split(line: &'a str, usual: Operation) -> Option<Self> {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            return None;
        }
        let words = [("add", Add), ("modify", Modify), ("delete", Delete)];
        let found = words.iter().find_map(|(word, operation)| {
            let rest = line.strip_prefix(word)?;
            rest.starts_with(char::is_whitespace)
                .then(|| (*operation, rest.trim_start()))
        });
        let (operation, line) = found.unwrap_or((usual, line));
        let (key, actions) = match line.split_once("actions:") {
            Some(parts) => parts,
            None => line.split_at(key_end(line)),
        };
        // What dump-flows says besides key and actions.
        let key = key.split("packets:").next().unwrap_or(key);
        Some(Self {
            operation,
            key: key.trim_end_matches([' ', ',']),
            actions: actions.trim(),
        })
    }

    /// The request for the kernel.
    fn request(
        &self,
        families: &Families,
        dp: &Datapath,
        ports: &Ports,
    ) -> Result<Request, (String, Error)> {
        let invalid = |what| (what, error(Errno::INVAL));
        let dp = dp.ifindex;
        let request = match self.operation {
            Delete => {
                let key = flow::parse_key(self.key, ports).map_err(invalid)?;
                families.del_flow(dp, flow::id(&key), 0, false)
            }
            Add => {
                let spec = Spec::parse(self.key, self.actions, ports).map_err(invalid)?;
                let put = FlowPut {
                    create: true,
                    ..spec.put()
                };
                families.new_flow(dp, &put)
            }
            Modify => {
                let spec = Spec::parse(self.key, self.actions, ports).map_err(invalid)?;
                families.set_flow(dp, &spec.put())
            }
        };
        request.map_err(|why| ("updating flow table".to_owned(), why))
    }
}

/// Where a key ends: at the first blank outside of parentheses that does not follow a comma.
fn key_end(line: &str) -> usize {
    let mut depth = 0_u32;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if c.is_whitespace() && depth == 0 && before != ',' => return at,
            _ => {}
        }
        before = c;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<(Operation, &str, &str)> {
        let line = Line::split(line, Add)?;
        Some((line.operation, line.key, line.actions))
    }

    #[test]
    fn lines_are_taken_apart() {
        let expected = Some((Add, "in_port(1),eth()", "2,3"));
        assert_eq!(split("in_port(1),eth() 2,3"), expected);
        assert_eq!(split("  add in_port(1),eth()  2,3 # why"), expected);
        assert_eq!(
            split("modify in_port(1), eth(src = 1) drop"),
            Some((Modify, "in_port(1), eth(src = 1)", "drop"))
        );
        assert_eq!(split("delete in_port(1)"), Some((Delete, "in_port(1)", "")));
        assert_eq!(
            split("in_port(1),eth(), packets:0, bytes:0, used:never, actions:2,3"),
            expected
        );
        assert_eq!(split(" # nothing"), None);
        assert_eq!(split(""), None);
    }
}
