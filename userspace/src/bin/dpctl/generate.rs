// SPDX-License-Identifier: GPL-2.0

//! Completions and the manual page, from the definitions of options and commands.

use crate::args::Args;
use crate::commands::COMMANDS;
use crate::context::{
    Context,
    Outcome, //
};
use clap::{
    Arg,
    Command,
    CommandFactory,
    ValueEnum,
    ValueHint, //
};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{
    Roff,
    bold,
    italic,
    roman, //
};

/// The command line, with a subcommand for each command.
fn definition() -> Command {
    let subcommands = COMMANDS.iter().map(|command| {
        let file = command.name.ends_with("-flows") && command.name != "dump-flows";
        let hint = match file {
            true => ValueHint::FilePath,
            false => ValueHint::Other,
        };
        Command::new(command.name)
            .about(command.about)
            .arg(Arg::new("args").num_args(0..).value_hint(hint))
    });
    Args::command()
        .mut_arg("command", |arg| arg.hide(true))
        .mut_arg("args", |arg| arg.hide(true))
        .subcommands(subcommands)
}

/// `completions SHELL`
pub(crate) fn completions(context: &mut Context, args: &[&str]) -> Outcome {
    let name = args.first().copied().unwrap_or("");
    let Ok(shell) = Shell::from_str(name, false) else {
        return context.fail(format_args!("{name}: unknown shell"));
    };
    // Positional arguments would be completed before commands.
    let mut definition = Command::new("dpctl")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(
            Args::command()
                .get_opts()
                .cloned()
                .map(|arg| arg.global(true)),
        )
        .subcommands(self::definition().get_subcommands().cloned());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition, "dpctl", &mut script);
    write!(context, "{}", String::from_utf8_lossy(&script))
}

/// `manual`
pub(crate) fn manual(context: &mut Context, _: &[&str]) -> Outcome {
    let man = Man::new(Args::command())
        .title("DPCTL")
        .section("8")
        .source("openvswitch-rs")
        .manual("System administration");
    let mut page = b".\\\" SPDX-License-Identifier: GPL-2.0\n".to_vec();
    man.render_title(&mut page)?;
    let mut text = Roff::new();
    text.control("SH", ["NAME"]);
    text.text([roman("dpctl - administer Open vSwitch datapaths")]);
    text.control("SH", ["SYNOPSIS"]);
    text.text([
        bold("dpctl"),
        roman(" ["),
        italic("option"),
        roman("]... "),
        italic("command"),
        roman(" ["),
        italic("argument"),
        roman("]..."),
    ]);
    paragraphs(&mut text, "DESCRIPTION", DESCRIPTION);
    text.control("SH", ["COMMANDS"]);
    for command in COMMANDS {
        text.control("TP", []);
        text.text([bold(command.name), roman(" "), italic(command.usage)]);
        text.text([roman(command.about)]);
    }
    paragraphs(&mut text, "TUNNELS", TUNNELS);
    for (option, about) in TUNNEL_OPTIONS {
        text.control("TP", []);
        text.text([bold(*option)]);
        text.text([roman(*about)]);
    }
    text.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut text = Roff::new();
    paragraphs(
        &mut text,
        "EXIT STATUS",
        &["0 if all went well, 1 if anything failed."],
    );
    text.control("SH", ["DIFFERENCES"]);
    text.text([roman("From ovs-dpctl(8), on purpose:")]);
    for difference in DIFFERENCES {
        text.control("IP", ["\\(bu", "2"]);
        text.text([roman(*difference)]);
    }
    text.control("SH", ["EXAMPLES"]);
    text.control("EX", []);
    for line in EXAMPLES {
        text.text([roman(*line)]);
    }
    text.control("EE", []);
    paragraphs(&mut text, "SEE ALSO", &["ovs-upcalld(8), ovs-dpctl(8)"]);
    text.to_writer(&mut page)?;
    write!(context, "{}", String::from_utf8_lossy(&page))
}

fn paragraphs(text: &mut Roff, title: &str, paragraphs: &[&str]) {
    text.control("SH", [title]);
    for (number, paragraph) in paragraphs.iter().enumerate() {
        if number > 0 {
            text.control("PP", []);
        }
        text.text([roman(*paragraph)]);
    }
}

const DESCRIPTION: &[&str] = &[
    "dpctl makes, changes, shows and removes datapaths of the Open vSwitch kernel module, their \
     ports and their flows. Its commands, their arguments and what they print are those of \
     ovs-dpctl(8), so that scripts may use either. Where the kernel explains an error, its words \
     follow the usual message.",
    "A datapath, dp, is given as [system@]name, the name of its local port. Commands that show it \
     in brackets take the only datapath there is when it is left out. Changes need the capability \
     CAP_NET_ADMIN.",
    "An iface is name[,type=type][,port_no=n][,key=value]... The type is system for a network \
     device that exists, which is the default, internal for one that is to be made, or one of \
     tunnels.",
    "A flow is what packets must look like: fields such as \
     in_port(1),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0). A value without a mask must \
     match exactly. An id ufid:uuid may come first. Actions are what is done with the packets, \
     such as pop_vlan,2, or drop. Fields and actions are those that dump-flows prints. Ports may \
     be given by name.",
    "With --json, what is printed is JSON: an array of objects, or an object, in place of the \
     lines. Flows and actions in it are texts as add-flow takes them. Errors stay text.",
];

const TUNNELS: &[&str] = &[
    "An interface of type vxlan, geneve, gre, ip6gre, erspan, ip6erspan or bareudp is a device for \
     all tunnels of that type: flows say where each packet goes, by set(tunnel(...)), and match \
     where it came from, by tunnel(...). add-if makes the device, in the usual way (rtnetlink), \
     and adds it; del-if removes both. The name of the device is Open vSwitch's, whatever the \
     interface is called: vxlan_sys_4789, genev_sys_6081, gre_sys, ip6gre_sys, erspan_sys, \
     ip6erspan_sys, udp_sys_6635, with the UDP port at the end.",
    "With --no-lwt the datapath makes the device, by the type of the port. It knows vxlan, geneve \
     and gre, for each of which it needs the module vport-type.",
    "The kernel's devices for all gre and ip6gre tunnels send checksums, flags(csum), but drop \
     packets with one. It has no device for all gtpu tunnels. The options are:",
];

const TUNNEL_OPTIONS: &[(&str, &str)] = &[
    (
        "dst_port=port",
        "The UDP port that packets come to and are sent to: 4789 for vxlan, 6081 for geneve; \
         bareudp needs one.",
    ),
    (
        "exts=extension[:extension]",
        "For vxlan: gbp, headers have a group policy, vxlan(gbp(id=...,flags=...)) in flows; gpe, \
         headers tell what is inside, which need not be Ethernet (not with --no-lwt).",
    ),
    (
        "payload_type=mpls|ip|ethertype",
        "For bareudp, which needs it: what is inside. mpls and ip stand for all Ethertypes of \
         theirs.",
    ),
    (
        "packet_type=legacy_l3",
        "For gre: what is inside is not Ethernet.",
    ),
    (
        "remote_ip=flow, local_ip=flow, key=flow",
        "As it is anyway. Other values of these, and ttl, tos, csum and whatever else Open vSwitch \
         knows that flows say, are ignored with a warning.",
    ),
];

const DIFFERENCES: &[&str] = &[
    "Whatever is printed can be read again, also recirc(0x1), push_mpls(), nsh() and others that \
     ovs-dpctl only prints.",
    "A line of a file that makes no sense, an option of a port given twice and an id that is none \
     make the command fail.",
    "The device of a tunnel must not exist yet: it is neither taken as it is nor made anew. A \
     tunnel needs no remote_ip.",
    "The counters of a port are not counted twice, and those of tunnel ports are the kernel's.",
    "A flow without an id is printed without one, where ovs-dpctl makes one up.",
    "userspace() carries the data that is given and no zeros in its place.",
    "The cookie of psample() and the metadata of push_nsh() are printed with the zeros they begin \
     with.",
    "The ports of ct_tuple6() are printed by the names that are read.",
    "The mask of an ERSPAN hardware id is printed with all its six bits.",
    "Commands that only datapaths in user space know an answer to, those that begin with ipf- and \
     offload-stats-show, dump-conntrack-exp, ct-*-maxconns, ct-get-nconns, ct-*-tcp-seq-chk, \
     ct-*-sweep-interval, fail with the same words whatever their arguments, and are not listed.",
    "flush-conntrack takes part of the fields of ICMP, and connections of any protocol.",
    "That connections cannot be listed is an error.",
    "ct-set-limits and ct-del-limits do not work in read only mode.",
    "A filter of dump-flows knows the usual fields of OpenFlow, not all, and flows as add-flow \
     takes them.",
    "--verbose knows levels; the module and the destination that it may name do not matter. There \
     is no --syslog-target.",
    "normalize-actions ends each line, and prints the bytes of a TPID in their order.",
];

const EXAMPLES: &[&str] = &[
    "dpctl add-dp br0",
    "dpctl add-if br0 eth0 int0,type=internal",
    "dpctl add-if br0 vx0,type=vxlan,dst_port=4790,exts=gbp",
    "dpctl add-flow br0 \"in_port(eth0),eth(),eth_type(0x0806),arp()\" int0",
    "dpctl dump-flows -m br0",
    "dpctl --json show br0",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }
}
