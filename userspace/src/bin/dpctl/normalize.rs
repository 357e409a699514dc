// SPDX-License-Identifier: GPL-2.0

//! `normalize-actions`: lists of actions in a form in which equal ones look alike.
//!
//! A packet leaves by a set of ports, in an order that seldom matters, and with tags that may have
//! been pushed and popped several times. So actions are sorted by the tags that the packet has when
//! they are carried out, and outputs that follow each other by their port.

use crate::context::{
    Context,
    Outcome, //
};
use crate::json;
use odp::nlattr::{
    Attr,
    Attrs, //
};
use odp::uapi::{
    PushVlan,
    action_attr,
    key_attr, //
};
use openvswitch::{
    odp,
    text::{
        self,
        Ports, //
    },
};
use rustix::io::Errno;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A VLAN tag: TPID and TCI in host byte order.
type Tag = (u16, u16);

/// `normalize-actions FLOW ACTIONS [NAME=NUMBER...]`
pub(crate) fn run(context: &mut Context, args: &[&str]) -> Outcome {
    let [flow, actions, names @ ..] = args else {
        return Ok(());
    };
    let mut ports = Ports::default();
    for name in names {
        match name.split_once('=').map(|(name, no)| (name, no.parse())) {
            Some((name, Ok(number))) => ports.insert(number, name),
            _ => return context.fail(format_args!("{name}: expected NAME=NUMBER")),
        }
    }
    let flow = match text::key::parse(flow, Some(&ports)) {
        Ok(flow) => flow.key,
        Err(error) => {
            let what = format!("odp_flow_key_from_string ({error})");
            return context.fail_errno(what, Errno::INVAL);
        }
    };
    let mut input = String::new();
    text::key::format(&mut input, &flow, &[], None, true);
    if !context.args.json {
        writeln!(context, "input flow: {input}")?;
    }

    let Ok(actions) = text::actions::parse(actions, Some(&ports)) else {
        return context.fail_errno("odp_actions_from_string", Errno::INVAL);
    };
    if context.args.json {
        let report = Report {
            flow: input,
            actions: normalize(&flow, &actions),
        };
        return json::print(context, &report);
    }
    if context.args.more > 0 {
        let mut line = "input actions: ".to_owned();
        text::actions::format(&mut line, &actions, None);
        writeln!(context, "{line}")?;
    }
    for line in normalize(&flow, &actions) {
        writeln!(context, "{line}")?;
    }
    Ok(())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    flow: String,
    actions: Vec<String>,
}

/// The actions by the tags a packet has then, as text.
fn normalize(flow: &[u8], actions: &[u8]) -> Vec<String> {
    let (mut tags, mpls) = headers(flow);
    let mut groups: BTreeMap<Vec<Tag>, Vec<Attr<'_>>> = BTreeMap::new();
    for action in Attrs::new(actions) {
        match (action.kind(), action.get::<PushVlan>()) {
            (action_attr::PUSH_VLAN, Some(vlan)) => tags.push((vlan.tpid.get(), vlan.tci.get())),
            (action_attr::POP_VLAN, _) => {
                tags.pop();
            }
            _ => groups.entry(tags.clone()).or_default().push(action),
        }
    }
    if groups.is_empty() {
        groups.insert(tags, Vec::new());
    }
    let line = |(tags, actions): (Vec<Tag>, Vec<Attr<'_>>)| {
        let mut line = String::new();
        for (tpid, tci) in tags.iter().rev() {
            let tpid = match tpid {
                0x8100 => String::new(),
                _ => format!("tpid={tpid:#x},"),
            };
            let _ = write!(line, "vlan({tpid}vid={},pcp={}): ", tci & 0xfff, tci >> 13);
        }
        if tags.is_empty() {
            line.push_str("no vlan: ");
        }
        line.push_str(&mpls);
        text::actions::format(&mut line, &sort_outputs(actions), None);
        line
    };
    groups.into_iter().map(line).collect()
}

/// The tags of a flow, the innermost first, and its outermost MPLS label as text.
fn headers(flow: &[u8]) -> (Vec<Tag>, String) {
    let mut tags = Vec::new();
    let mut mpls = "no mpls: ".to_owned();
    let mut level = Some(flow);
    while let Some(attrs) = level.take() {
        let (mut tpid, mut tci) = (None, None);
        for attr in Attrs::new(attrs) {
            match attr.kind() {
                key_attr::ETHERTYPE => tpid = attr.get().map(u16::from_be_bytes),
                key_attr::VLAN => tci = attr.get().map(u16::from_be_bytes),
                key_attr::ENCAP => level = Some(attr.payload()),
                key_attr::MPLS => {
                    if let Some([a, b, c, d, ..]) = attr.payload().get(..4) {
                        let lse = u32::from_be_bytes([*a, *b, *c, *d]);
                        let (label, tc, ttl) = (lse >> 12, (lse >> 9) & 7, lse & 0xff);
                        mpls = format!("mpls(label={label},tc={tc},ttl={ttl}): ");
                    }
                }
                _ => {}
            }
        }
        tags.extend(tpid.zip(tci));
    }
    tags.reverse();
    (tags, mpls)
}

/// The actions with the ports of outputs that follow each other in order.
fn sort_outputs(mut actions: Vec<Attr<'_>>) -> Vec<u8> {
    let is_output = |action: &Attr<'_>| action.kind() == action_attr::OUTPUT;
    for run in actions.chunk_by_mut(|a, b| is_output(a) && is_output(b)) {
        run.sort_by_key(|output| output.get::<u32>());
    }
    let mut bytes = Vec::new();
    for action in actions {
        bytes.extend(action.bytes());
        bytes.resize(odp::nlattr::align(bytes.len()), 0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(flow: &str, actions: &str) -> Vec<String> {
        let flow = text::key::parse(flow, None).unwrap().key;
        normalize(&flow, &text::actions::parse(actions, None).unwrap())
    }

    const PLAIN: &str = "in_port(1),eth(),eth_type(0x0800),ipv4()";
    const TAGGED: &str =
        "in_port(1),eth(),eth_type(0x8100),vlan(vid=9,pcp=0),encap(eth_type(0x0800),ipv4())";

    #[test]
    fn outputs_are_sorted_between_other_actions() {
        assert_eq!(normal(PLAIN, "3,2,1"), ["no vlan: no mpls: 1,2,3"]);
        assert_eq!(normal(PLAIN, "drop"), ["no vlan: no mpls: drop"]);
        assert_eq!(
            normal(PLAIN, "3,set(skb_mark(0x5)),2,1"),
            ["no vlan: no mpls: 3,set(skb_mark(0x5)),1,2"]
        );
    }

    #[test]
    fn actions_are_told_apart_by_tags() {
        assert_eq!(
            normal(PLAIN, "3,push_vlan(vid=5,pcp=2),2,1,pop_vlan,7,4"),
            ["no vlan: no mpls: 3,4,7", "vlan(vid=5,pcp=2): no mpls: 1,2"]
        );
        assert_eq!(
            normal(TAGGED, "3,pop_vlan,2"),
            ["no vlan: no mpls: 2", "vlan(vid=9,pcp=0): no mpls: 3"]
        );
        let twice = "push_vlan(tpid=0x88a8,vid=6,pcp=0),2,1,pop_vlan,8";
        assert_eq!(
            normal(TAGGED, twice),
            [
                "vlan(vid=9,pcp=0): no mpls: 8",
                "vlan(tpid=0x88a8,vid=6,pcp=0): vlan(vid=9,pcp=0): no mpls: 1,2"
            ]
        );
    }

    #[test]
    fn a_label_is_told() {
        let flow = "in_port(1),eth(),eth_type(0x8847),mpls(label=100,tc=3,ttl=64,bos=1)";
        assert_eq!(
            normal(flow, "3,2"),
            ["no vlan: mpls(label=100,tc=3,ttl=64): 2,3"]
        );
    }
}
