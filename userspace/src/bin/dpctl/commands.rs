// SPDX-License-Identifier: GPL-2.0

//! The table of commands.

use crate::context::{
    Context,
    Outcome, //
};
use crate::{
    bulk,
    cache,
    conntrack,
    ct_limit,
    datapath,
    flow,
    generate,
    help,
    monitor,
    normalize,
    port,
    show,
    top,
    upcall, //
};
use rustix::io::Errno;

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
    /// What it does, for the manual page.
    pub(crate) about: &'static str,
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
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "add-dp",
        usage: "dp [iface...]",
        about: "Make a datapath with a local port, an internal network device of that name, \
              and add each iface.",
        count: (1, ANY),
        access: Rw,
        run: datapath::add,
    },
    Command {
        name: "del-dp",
        usage: "dp",
        about: "Remove a datapath with its ports and flows.",
        count: (1, 1),
        access: Rw,
        run: datapath::del,
    },
    Command {
        name: "add-if",
        usage: "dp iface...",
        about: "Add ports and bring their devices up. For an interface of a type of tunnels, see \
                TUNNELS, the device is made first.",
        count: (2, ANY),
        access: Rw,
        run: port::add,
    },
    Command {
        name: "del-if",
        usage: "dp iface...",
        about: "Remove ports, given by name or by number. A device for tunnels that was made for \
                its port goes, too.",
        count: (2, ANY),
        access: Rw,
        run: port::del,
    },
    Command {
        name: "set-if",
        usage: "dp iface...",
        about: "Check that ports have this type and number; neither can change.",
        count: (2, ANY),
        access: Rw,
        run: port::set,
    },
    Command {
        name: "dump-dps",
        usage: "",
        about: "Print the names of all datapaths.",
        count: (0, 0),
        access: Ro,
        run: datapath::dump,
    },
    Command {
        name: "show",
        usage: "[-s] [dp...]",
        about: "Print what datapaths have counted, and their ports. With -s print what the \
              ports have counted as well.",
        count: (0, ANY),
        access: Ro,
        run: show::show,
    },
    Command {
        name: "dump-flows",
        usage: "[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]",
        about: "Print the flows with what they have counted. With -m print their ids and the \
              fields that are not matched as well, and ports by name. A filter, such as \
              filter=in_port=1,tcp,nw_dst=10.0.0.0/8 or filter=in_port(1), leaves out the \
              flows that have other values in these fields. type= is refused, and pmd= has \
              no meaning for the kernel.",
        count: (0, 6),
        access: Ro,
        run: flow::dump,
    },
    Command {
        name: "add-flow",
        usage: "[dp] flow actions",
        about: "Add a flow.",
        count: (2, 3),
        access: Rw,
        run: flow::add,
    },
    Command {
        name: "mod-flow",
        usage: "[dp] flow actions",
        about: "Give a flow other actions. With -s print what it has counted, with --clear \
              have it count from zero, with --may-create add it if it does not exist.",
        count: (2, 3),
        access: Rw,
        run: flow::modify,
    },
    Command {
        name: "get-flow",
        usage: "[dp] ufid",
        about: "Print the flow of the id ufid:UUID.",
        count: (1, 2),
        access: Ro,
        run: flow::get,
    },
    Command {
        name: "del-flow",
        usage: "[dp] flow",
        about: "Remove a flow. With -s print what it has counted.",
        count: (1, 2),
        access: Rw,
        run: flow::del,
    },
    Command {
        name: "add-flows",
        usage: "[dp] file",
        about: "Add the flows in a file, or in the standard input if the file is -. Each line \
              has a flow, a blank and actions, or is as dump-flows prints it. It may start \
              with add, modify or delete to say what is to be done with this flow. What \
              follows a # is a comment. Lines that make no sense are skipped, and the exit \
              status tells of them.",
        count: (1, 2),
        access: Rw,
        run: bulk::add,
    },
    Command {
        name: "mod-flows",
        usage: "[dp] file",
        about: "Change the flows in a file, which is as for add-flows.",
        count: (1, 2),
        access: Rw,
        run: bulk::modify,
    },
    Command {
        name: "del-flows",
        usage: "[dp] [file]",
        about: "Remove all flows, or those in a file.",
        count: (0, 2),
        access: Rw,
        run: bulk::del,
    },
    Command {
        name: "dump-conntrack",
        usage: "[-m] [-s] [dp] [zone=N]",
        about: "Print the connections that are tracked in this network namespace, or in a zone \
              of it. With -m print their ids, their status and what is known of the protocol's \
              state as well, with -s what was counted and for how long they are kept. The \
              datapath must exist; connections are tracked for all of them. Counters and times \
              need the settings net.netfilter.nf_conntrack_acct and nf_conntrack_timestamp.",
        count: (0, 4),
        access: Ro,
        run: conntrack::dump,
    },
    Command {
        name: "flush-conntrack",
        usage: "[dp] [zone=N] [mark=X[/M]] [labels=Y[/N]] [ct-orig-tuple [ct-reply-tuple]]",
        about: "Forget connections: all, or those of this zone, mark, labels and tuples. A tuple \
              has one or more of ct_nw_src=IP, ct_nw_dst=IP or ct_ipv6_src=IP6, ct_ipv6_dst=IP6, \
              ct_nw_proto=N, ct_tp_src=PORT, ct_tp_dst=PORT and, after the protocol, icmp_id=N, \
              icmp_type=N, icmp_code=N, with commas between them; the first is of the direction of \
              the first packet. That both addresses, protocol and both ports are of no connection \
              is an error; without zone they are of zone 0.",
        count: (0, 6),
        access: Rw,
        run: conntrack::flush,
    },
    Command {
        name: "cache-get-size",
        usage: "[dp]",
        about: "Print the size of the masks cache.",
        count: (0, 1),
        access: Ro,
        run: cache::get,
    },
    Command {
        name: "cache-set-size",
        usage: "dp cache <size>",
        about: "Set the size of the cache masks-cache. The size becomes a power of two, and 0 \
              turns the cache off.",
        count: (3, 3),
        access: Rw,
        run: cache::set,
    },
    Command {
        name: "ct-stats-show",
        usage: "[dp] [zone=N]",
        about: "Print how many connections there are by protocol. With -m print how many there are \
              in each state of TCP as well.",
        count: (0, 3),
        access: Ro,
        run: conntrack::stats,
    },
    Command {
        name: "ct-bkts",
        usage: "[dp] [gt=N]",
        about: "Tell that the kernel does not say how connections are spread.",
        count: (0, 2),
        access: Ro,
        run: conntrack::buckets,
    },
    Command {
        name: "ct-set-limits",
        usage: "[dp] [default=L] [zone=N,limit=L]...",
        about: "Set the limit to the connections that are committed in a zone of this network \
              namespace, or that of all zones which have none of their own. A limit of 0 is \
              none. The datapath must exist; the limits are for all of them.",
        count: (1, ANY),
        access: Rw,
        run: ct_limit::set,
    },
    Command {
        name: "ct-del-limits",
        usage: "[dp] [default] [zone=N1[,N2]...]",
        about: "Take limits to connections away.",
        count: (1, 3),
        access: Rw,
        run: ct_limit::del,
    },
    Command {
        name: "ct-get-limits",
        usage: "[dp] [zone=N1[,N2]...]",
        about: "Print the default limit, and the limits of zones with the connections that were \
              counted there. A zone counts from when it has a limit.",
        count: (0, 2),
        access: Ro,
        run: ct_limit::get,
    },
    Command {
        name: "monitor",
        usage: "[dp...]",
        about: "Print a line for each datapath, port and flow that is made, changed or \
              removed, until it is interrupted. There is nothing of flows that are changed \
              without telling anyone, such as by ovs-vswitchd.",
        count: (0, ANY),
        access: Ro,
        run: monitor::run,
    },
    Command {
        name: "top",
        usage: "[dp]",
        about: "Show the busiest flows and ports by their packets and bytes per second, \
              upcalls and drops. In a terminal, until it is interrupted; else once, after a \
              second.",
        count: (0, 1),
        access: Ro,
        run: top::run,
    },
    Command {
        name: "upcall",
        usage: "command [dp] [n|ufid]",
        about: "Ask the ovs-upcalld that serves the datapath how it is doing, or tell it what to \
              do. The commands are: show, print its flows, their limit, the time that dumping \
              them took, and its threads with the packets they have lost; metrics, print all its \
              numbers as Prometheus reads them, or as JSON; set-flow-limit, set the dynamic \
              limit, which moves on from there; detrace, say why the flow ufid:UUID does what it \
              does; dispatch-mode, print how upcalls find their handler; disable-ufid and \
              enable-ufid, dump flows with all they have, or with no more than must be known; \
              disable-megaflows and enable-megaflows, have flows match everything, or no more \
              than they must; purge, delete all flows; pause and resume, \
              stop looking after flows, or go on; wait, until all flows have been looked after.",
        count: (1, 3),
        access: Ro,
        run: upcall::run,
    },
    Command {
        name: "help",
        usage: "",
        about: "Print the options and commands.",
        count: (0, ANY),
        access: Ro,
        run: help::help,
    },
    Command {
        name: "list-commands",
        usage: "",
        about: "Print the commands.",
        count: (0, ANY),
        access: Ro,
        run: help::list,
    },
    Command {
        name: "parse-actions",
        usage: "actions",
        about: "Print actions as dump-flows would. This needs no kernel.",
        count: (1, ANY),
        access: Ro,
        run: flow::parse_actions,
    },
    Command {
        name: "normalize-actions",
        usage: "flow actions [name=number...]",
        about: "Print actions sorted by the tags that a packet of flow has when they are \
              carried out, and outputs by their port. This needs no kernel.",
        count: (2, ANY),
        access: Ro,
        run: normalize::run,
    },
    Command {
        name: "completions",
        usage: "bash|zsh|fish|elvish|powershell",
        about: "Print a script that makes a shell complete commands and options.",
        count: (1, 1),
        access: Ro,
        run: generate::completions,
    },
    Command {
        name: "manual",
        usage: "",
        about: "Print the manual page as roff.",
        count: (0, 0),
        access: Ro,
        run: generate::manual,
    },
    Command {
        name: "version",
        usage: "",
        about: "Print the version.",
        count: (0, 0),
        access: Ro,
        run: help::version,
    },
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

/// Runs what the command line says.
pub(crate) fn run(context: &mut Context) -> Outcome {
    if context.args.help {
        return help::help(context, &[]);
    }
    if context.args.version {
        return help::version(context, &[]);
    }
    if context.args.option {
        return help::options(context);
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
