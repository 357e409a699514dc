// SPDX-License-Identifier: GPL-2.0

//! A policy that does what a file says: rules with priorities and wildcards, and their actions.
//!
//! ```text
//! # The rule of the highest priority decides; of equal ones, the first.
//! priority=10 in_port(eth0),eth_type(0x0806),arp() eth1
//! priority=5 ip,nw_dst=10.0.0.0/8 set(skb_mark(0x1)),eth1
//! in_port=eth1 eth0
//! ```
//!
//! A packet that no rule is for is dropped. A rule that names a port is in force while the datapath
//! has a port of that name.

use super::{
    actions::Actions,
    policy::{
        Decision,
        Installed,
        Miss,
        Policy,
        Port,
        Verdict, //
    },
    report::Gauge,
    time::Millis,
};
use crate::{
    rule::Rule,
    text::{
        self,
        Ports, //
    },
};
use odp::{
    Key,
    key::{
        Be16,
        VLAN_TAG_PRESENT,
        Vlan, //
    },
    rules,
};
use std::{
    collections::BTreeMap,
    sync::{
        PoisonError, RwLock,
        atomic::{
            AtomicU64,
            Ordering, //
        },
    },
};

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    priority: u16,
    rule: String,
    actions: String,
}

/// What a line means with the ports that there are.
#[derive(Clone, Debug)]
struct Entry {
    /// The place of the line among all.
    line: usize,
    rule: Rule,
    actions: Actions,
}

/// The ports, and what the file means with them.
#[derive(Debug, Default)]
struct State {
    ports: BTreeMap<u32, String>,
    entries: Vec<Entry>,
}

/// The policy.
#[derive(Debug)]
pub struct FlowFile {
    /// The most important first.
    lines: Vec<Line>,
    state: RwLock<State>,
    generation: AtomicU64,
}

/// The priority of a line that gives none.
const USUAL: u16 = 0;

impl FlowFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// The first line that makes no sense, whatever ports there may be, in words for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or("").trim();
            if !line.is_empty() {
                let parsed = Line::parse(number, line);
                lines.push(parsed.map_err(|why| format!("line {number}: {why}"))?);
            }
        }
        // Lines of one priority keep their order.
        lines.sort_by_key(|line| std::cmp::Reverse(line.priority));
        let policy = Self {
            lines,
            state: RwLock::default(),
            generation: AtomicU64::new(0),
        };
        policy.change(|_| {});
        Ok(policy)
    }

    /// Changes the ports, and finds out what the file means then.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<u32, String>)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.ports);
        let ports = state.ports.iter();
        let ports: Ports = ports
            .map(|(number, name)| (*number, name.as_str()))
            .collect();
        let entries = self.lines.iter().enumerate().filter_map(|(place, line)| {
            let entry = line.resolve(place, &ports);
            if let Err(why) = &entry {
                log::info!("line {} is not in force: {why}", line.number);
            }
            entry.ok()
        });
        state.entries = entries.collect();
        // Who reads the new number sees the new entries: they wait for the lock.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// What is done with a packet, and the bits that this depends on.
    fn today(&self, key: &Key) -> Decision {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut mask = least_mask(key);
        let entry = state.find(key, &mut mask);
        add_prerequisites(&mut mask);
        let actions = entry.map_or_else(Actions::drop, |entry| entry.actions.clone());
        Decision {
            actions,
            mask: Some(mask),
        }
    }
}

impl State {
    /// What is for a packet. Adds the bits that this depends on to `mask`.
    fn find(&self, key: &Key, mask: &mut Key) -> Option<&Entry> {
        let rules = self.entries.iter().map(|entry| rules::Rule {
            key: &entry.rule.key,
            mask: &entry.rule.mask,
        });
        self.entries.get(rules::decide(rules, key, mask)?)
    }
}

impl Line {
    fn parse(number: usize, line: &str) -> Result<Self, String> {
        let (priority, rest) = match line.strip_prefix("priority=") {
            None => (USUAL, line),
            Some(rest) => {
                let end = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
                let (priority, rest) = rest.split_at(end);
                let priority = priority
                    .parse()
                    .map_err(|_| format!("{priority} is no priority"))?;
                (priority, rest.trim_start_matches([' ', '\t', ',']))
            }
        };
        let (rule, actions) = rest
            .split_once([' ', '\t'])
            .ok_or("a rule and actions are needed")?;
        let line = Self {
            number,
            priority,
            rule: rule.to_owned(),
            actions: actions.trim().to_owned(),
        };
        Ok(line)
    }

    fn resolve(&self, place: usize, ports: &Ports) -> Result<Entry, String> {
        let actions = text::actions::parse(&self.actions, Some(ports));
        let actions = actions.map_err(|error| error.to_string())?;
        Ok(Entry {
            line: place,
            rule: match self.rule.as_str() {
                "any" => Rule::ANY,
                rule => Rule::parse(rule, ports)?,
            },
            actions: Actions::from(&*actions),
        })
    }
}

/// What every flow of the datapath matches.
fn least_mask(key: &Key) -> Key {
    let tag = |tag: &Vlan| Vlan {
        tpid: match tag.tci.get() & VLAN_TAG_PRESENT {
            0 => Be16::ZERO,
            _ => Be16::new(u16::MAX),
        },
        tci: match tag.tci.get() & VLAN_TAG_PRESENT {
            0 => Be16::new(u16::MAX),
            _ => Be16::new(VLAN_TAG_PRESENT),
        },
    };
    Key {
        recirc_id: u32::MAX,
        in_port: u16::MAX,
        eth_type: Be16::new(u16::MAX),
        mac_proto: u8::MAX,
        tun_proto: u8::MAX,
        vlan: tag(&key.vlan),
        cvlan: tag(&key.cvlan),
        ..Key::ZERO
    }
}

/// The datapath takes what is behind a header only together with what says that it is there.
fn add_prerequisites(mask: &mut Key) {
    if mask.nd_target != [0; 16] || mask.nd_sll != [0; 6] || mask.nd_tll != [0; 6] {
        mask.tp_src = Be16::new(u16::MAX);
        mask.tp_dst = Be16::new(u16::MAX);
    }
    if mask.tp_src != Be16::ZERO || mask.tp_dst != Be16::ZERO || mask.tcp_flags != Be16::ZERO {
        mask.ip_proto = u8::MAX;
    }
}

impl Policy for FlowFile {
    fn decide(&self, miss: &Miss<'_>) -> Decision {
        self.today(miss.key)
    }

    fn revalidate(&self, flow: &Installed<'_>, _now: Millis) -> Verdict {
        flow.compare(self.today(flow.key))
    }

    fn explain(&self, flow: &Installed<'_>) -> String {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let entry = state.find(flow.key, &mut Key::ZERO.clone());
        match entry.and_then(|entry| self.lines.get(entry.line)) {
            Some(line) => format!(
                "line {}: priority={} {} {}",
                line.number, line.priority, line.rule, line.actions
            ),
            None => "no line".into(),
        }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn gauges(&self) -> Vec<Gauge> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        vec![Gauge {
            name: "rules",
            help: "Rules that are in force.",
            value: u64::try_from(state.entries.len()).unwrap_or(u64::MAX),
        }]
    }

    fn port_added(&self, port: &Port) {
        self.change(|ports| {
            ports.insert(port.number, port.name.clone());
        });
    }

    fn port_removed(&self, number: u32) {
        self.change(|ports| {
            ports.remove(&number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
        # a comment\n\
        any drop\n\
        priority=10 in_port(eth0),eth_type(0x0806) eth1\n\
        priority=5 tcp,tp_dst=80 1,2 # to all\n\
        priority=5 in_port=eth1 eth0\n";

    fn policy() -> FlowFile {
        let policy =
            FlowFile::parse(&FILE.replace("eth_type(0x0806)", "eth_type(0x88b5)")).unwrap();
        for (number, name) in [(1, "eth0"), (2, "eth1")] {
            policy.port_added(&Port {
                number,
                name: name.to_owned(),
            });
        }
        policy
    }

    fn packet(in_port: u16, eth_type: u16) -> Key {
        Key {
            in_port,
            eth_type: Be16::new(eth_type),
            mac_proto: 1,
            ..Key::ZERO
        }
    }

    fn text(policy: &FlowFile, key: &Key) -> String {
        let mut text = String::new();
        text::actions::format(&mut text, policy.today(key).actions.as_bytes(), None);
        text
    }

    #[test]
    fn the_highest_priority_decides() {
        let policy = policy();
        assert_eq!(text(&policy, &packet(1, 0x88b5)), "2");
        assert_eq!(text(&policy, &packet(2, 0x88b5)), "1");
        assert_eq!(text(&policy, &packet(1, 0x0800)), "drop");
        let mut http = packet(2, 0x0800);
        http.ip_proto = 6;
        http.tp_dst = Be16::new(80);
        assert_eq!(text(&policy, &http), "1,2");
        // What follows a header comes with what says that it is there.
        let mask = policy.today(&http).mask.unwrap();
        assert_eq!((mask.ip_proto, mask.tp_dst.get()), (0xff, 0xffff));
        assert_eq!(mask.ipv4_src.get(), 0);
    }

    #[test]
    fn rules_come_and_go_with_their_ports() {
        let policy = policy();
        let before = policy.generation();
        policy.port_removed(2);
        assert!(policy.generation() > before);
        assert_eq!(text(&policy, &packet(1, 0x88b5)), "drop");
    }

    #[test]
    fn lines_that_make_no_sense_are_told() {
        for bad in ["any", "priority=x any drop", "priority=65536 any drop"] {
            assert!(
                FlowFile::parse(bad).unwrap_err().starts_with("line 1: "),
                "{bad}"
            );
        }
    }
}
