// SPDX-License-Identifier: GPL-2.0

//! Random packets, valid lists of actions for them, and what these should send where.
//!
//! `random-actions SEED COUNT` prints the flows that are to be there, `flow RECIRC_ID ACTIONS`, and
//! then a line for each list: the type of a packet, or zero for an Ethernet frame, the packet, the
//! attributes of the actions, whether they fail, and what comes of it, in the order in which it
//! comes:
//!
//! - `PORT:PACKET`: it comes out of a port;
//! - `user:RECIRC_ID,PRIORITY,MARK,HASHED:USERDATA:ACTIONS:PACKET`: it goes to user space;
//! - `miss:KEY:PACKET`: as well, since there is no flow;
//! - `sample:GROUP:COOKIE:PACKET`: it is sampled.
//!
//! The kernel is to do the same.

#[allow(dead_code)]
#[path = "../tests/common/attrs.rs"]
mod attrs;
#[path = "../tests/common/model/mod.rs"]
mod model;
#[allow(dead_code)]
#[path = "../tests/common/packets.rs"]
mod packets;
#[allow(dead_code)]
#[path = "../tests/common/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../tests/actions/support.rs"]
mod support;

use model::{
    random::Lists,
    Action,
    Event,
    Flows,
    Packet,
    Stop,
    FLOWS, //
};
use odp::{
    flow_attrs::put_key,
    nlattr::Writer,
    Key, //
};
use random::Random;
use std::fmt::Write;

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn tell(event: &Event) -> String {
    match event {
        Event::Output(port, packet) => format!("{port}:{}", hex(packet)),
        Event::Userspace(meta, data, actions, packet) => format!(
            "user:{},{},{},{}:{}:{}:{}",
            meta.recirc_id,
            meta.priority,
            meta.mark,
            u8::from(meta.hashed),
            hex(data),
            hex(actions),
            hex(packet)
        ),
        Event::Miss(packet) => {
            let key = packet.key().expect("it was looked up");
            let mut bytes = [0; 1024];
            let mut writer = Writer::new(&mut bytes);
            put_key(&mut writer, &key, &key, false).expect("there is room");
            let wire = packet.wire(usize::MAX);
            format!("miss:{}:{}", hex(writer.as_bytes()), hex(&wire))
        }
        Event::Sample(group, cookie, packet) => {
            format!("sample:{group}:{}:{}", hex(cookie), hex(packet))
        }
    }
}

fn valid(key: &Key, list: &[Action]) -> bool {
    support::run(key, &model::encode(list)).is_ok()
}

/// Lists that are valid for all packets. Each but the last may have a packet looked up with one after it.
fn flows(random: &mut Random) -> Flows {
    let bare = Key {
        mac_proto: 0,
        ..support::eth(0)
    };
    let mut flows = Flows::new();
    while flows.len() < FLOWS as usize {
        let list = Lists {
            random,
            key: None,
            first: flows.len() as u32 + 2,
        }
        .list(1);
        if valid(&support::eth(0), &list) && valid(&bare, &list) {
            flows.push(list);
        }
    }
    flows
}

/// A packet, a list, and what that does.
fn case(random: &mut Random, flows: &Flows) -> Option<String> {
    let packet = model::input::packet(random);
    let key = packet.key().expect("it has a key");
    let list = Lists {
        random,
        key: Some(&key),
        first: 1,
    }
    .list(0);
    if !valid(&key, &list) {
        return None;
    }
    let (kind, wire) = (packet.bare.unwrap_or(0), packet.wire(usize::MAX));
    let mut events = Vec::new();
    let end = match Packet::new(&wire, packet.bare).execute(&list, flows, &mut events) {
        Ok(()) => "ok",
        Err(Stop::Error) => "fails",
        Err(Stop::Odd) => return None,
    };
    let attrs = hex(&model::encode(&list));
    let events: Vec<String> = events
        .iter()
        .map(|event| format!(" {}", tell(event)))
        .collect();
    Some(format!(
        "{kind} {} {attrs} {end}{}",
        hex(&wire),
        events.concat()
    ))
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse().ok());
    let (Some(Some(seed)), Some(Some(count))) = (numbers.next(), numbers.next()) else {
        eprintln!("usage: random-actions SEED COUNT");
        std::process::exit(2);
    };
    let mut random = Random::new(seed);
    let flows = flows(&mut random);
    for (id, list) in (1..).zip(&flows) {
        println!("flow {id} {}", hex(&model::encode(list)));
    }
    let mut done = 0;
    while done < count {
        if let Some(case) = case(&mut random, &flows) {
            println!("{case}");
            done += 1;
        }
    }
}
