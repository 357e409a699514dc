// SPDX-License-Identifier: GPL-2.0

//! Random packets, valid lists of actions for them, and what these should send where.
//!
//! `random-actions SEED COUNT` prints a line for each: the packet, the attributes of the actions, and
//! `PORT:PACKET` for each packet sent. The kernel is to do the same.

#[allow(dead_code)]
#[path = "../tests/common/attrs.rs"]
mod attrs;
#[path = "../tests/common/model.rs"]
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

use odp::{
    extract::{
        self,
        Cold,
        Hints, //
    },
    key::mac_proto,
    Key, //
};
use packets::{
    cat,
    ipv4,
    ipv6,
    tagged, //
};
use random::Random;
use std::fmt::Write;

/// Packets of some kinds, as they are on the wire.
fn packet(random: &mut Random) -> Vec<u8> {
    // One of zero says that there is none.
    let udp = |checksum| {
        let mut udp = packets::udp();
        udp[6] = checksum;
        udp
    };
    let data: Vec<u8> = (0..random.below(80)).map(|n| n as u8).collect();
    let tcp = cat(&[&packets::tcp(5, 0x18), &data]);
    let (eth_type, payload) = match random.below(8) {
        0 => (0x0800, ipv4(6, 0, &[], &tcp)),
        1 => (0x0800, ipv4(17, 0, &[], &cat(&[&udp(1), &data]))),
        2 => (0x0800, ipv4(17, 0, &[], &cat(&[&udp(0), &data]))),
        3 => (0x0800, ipv4(1, 0, &[], &packets::icmp(8, 0))),
        4 => (0x86dd, ipv6(6, &tcp)),
        5 => (0x86dd, ipv6(17, &cat(&[&udp(1), &data]))),
        6 => (0x0806, packets::arp(1)),
        _ => (0x88b5, vec![7; 46]),
    };
    let tags = [(0x88a8, 7), (0x8100, 0x2005)];
    model::correct(&tagged(&tags[random.below(3)..], eth_type, &payload))
}

fn key(mut packet: &[u8]) -> Key {
    let (mut key, mut cold) = (Key::ZERO, Cold::NONE);
    key.mac_proto = mac_proto::ETHERNET;
    extract::update(&mut key, &mut cold, &mut packet, &Hints::default()).expect("it has a key");
    key
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse().ok());
    let (Some(Some(seed)), Some(Some(count))) = (numbers.next(), numbers.next()) else {
        eprintln!("usage: random-actions SEED COUNT");
        std::process::exit(2);
    };
    let mut random = Random::new(seed);
    let mut done = 0;
    while done < count {
        let packet = packet(&mut random);
        let list = model::random_list(&mut random, 0);
        let attrs = model::encode(&list);
        if support::run(&key(&packet), &attrs).is_err() {
            continue;
        }
        let sent = model::execute(&packet, &list);
        let sent: Vec<String> = sent
            .iter()
            .map(|(port, bytes)| format!(" {port}:{}", hex(bytes)))
            .collect();
        println!("{} {}{}", hex(&packet), hex(&attrs), sent.concat());
        done += 1;
    }
}
