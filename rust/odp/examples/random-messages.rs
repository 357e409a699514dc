// SPDX-License-Identifier: GPL-2.0

//! Random netlink messages: valid ones with attributes changed, lost, doubled, moved, nested.
//!
//! `random-messages SEED` first reads what is to be changed from its standard input, up to a record
//! with family 0: the family's number (2 bytes), the command (1), nothing (1), the length (4), the
//! attributes. Then, until the end of the input, what is wanted: the index of a datapath (4 bytes) and
//! how many messages (4); it prints the length of them all (4), and the messages, each with the flags
//! REQUEST and ACK. All numbers are in the machine's byte order.
//!
//! Who sends them takes them from a pipe, millions of them, always the same for a seed.

#[allow(dead_code)]
#[path = "../tests/common/random.rs"]
mod random;

use odp::nlattr::Attrs;
use random::Random;
use std::io::{
    self,
    Read,
    Write, //
};

const REQUEST_ACK: u16 = 5;
const FLAGS: [u16; 8] = [0, 0x400, 0x400, 0x600, 8, 0x408, 0x100, 0x300];
const NUMBERS: [u32; 17] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x1000,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];
/// More than the kernel's tools ever send, less than what a message can hold.
const MAX_LEN: usize = 60_000;

/// A payload: what might be attributes is taken for them.
#[derive(Clone)]
enum Node {
    Bytes(Vec<u8>),
    List(Vec<Item>),
}

#[derive(Clone)]
struct Item {
    kind: u16,
    payload: Node,
    /// What it claims as its length, if that is not the truth.
    len: Option<u16>,
}

impl Node {
    fn parse(bytes: &[u8]) -> Self {
        let mut items = Vec::new();
        let mut used = 0;
        for attr in Attrs::new(bytes) {
            let payload = attr.payload();
            used += 4 + payload.len().next_multiple_of(4);
            items.push(Item {
                // With the flags.
                kind: u16::from_ne_bytes([attr.bytes()[2], attr.bytes()[3]]),
                payload: Self::parse(payload),
                len: None,
            });
        }
        if items.is_empty() || used != bytes.len() {
            return Self::Bytes(bytes.to_vec());
        }
        Self::List(items)
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend(bytes),
            Self::List(items) => items.iter().for_each(|item| item.write(out)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// How many lists there are: itself, if it is one, and those in it.
    fn lists(&self) -> usize {
        match self {
            Self::Bytes(_) => 0,
            Self::List(items) => 1 + items.iter().map(|item| item.payload.lists()).sum::<usize>(),
        }
    }

    /// The list of that number, depth first.
    fn list(&mut self, number: &mut usize) -> Option<&mut Vec<Item>> {
        let Self::List(items) = self else { return None };
        if *number == 0 {
            return Some(items);
        }
        *number -= 1;
        items.iter_mut().find_map(|item| item.payload.list(number))
    }
}

impl Item {
    fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        self.payload.write(out);
        let len = self.len.unwrap_or((out.len() - start) as u16);
        out[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        out[start + 2..start + 4].copy_from_slice(&self.kind.to_ne_bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
}

struct Message {
    family: u16,
    command: u8,
    attrs: Node,
}

struct Fuzzer {
    random: Random,
    valid: Vec<Message>,
}

impl Fuzzer {
    /// Other bytes in the place of some.
    fn value(&mut self, old: &[u8]) -> Vec<u8> {
        let random = &mut self.random;
        let mut data = old.to_vec();
        match random.below(8) {
            0 => {
                let len = *random.choice(&[0, 1, 2, 3, 4, 5, 8, 12, 16, 28, 40, 255, 1000]);
                return (0..len).map(|_| random.next() as u8).collect();
            }
            1..=3 if !data.is_empty() => {
                let size = (*random.choice(&[1, 2, 4])).min(data.len());
                let at = random.below(data.len() + 1 - size);
                let mut number = random.choice(&NUMBERS).to_le_bytes();
                if random.below(2) == 0 {
                    number[..size].reverse();
                }
                data[at..at + size].copy_from_slice(&number[..size]);
            }
            _ => random.mutate(&mut data),
        }
        data
    }

    /// A random attribute of a valid message.
    fn other(&mut self) -> Option<Item> {
        let number = self.random.below(self.valid.len());
        let lists = self.valid[number].attrs.lists();
        let mut which = self.random.below(lists.max(1));
        let list = self.valid[number].attrs.list(&mut which)?;
        Some(self.random.choice(list).clone())
    }

    /// Changes one thing in a tree.
    fn change(&mut self, node: &mut Node) {
        let mut which = self.random.below(node.lists().max(1));
        let Some(list) = node.list(&mut which) else {
            return;
        };
        if list.is_empty() {
            list.push(Item {
                kind: self.random.below(40) as u16,
                payload: Node::Bytes(Vec::new()),
                len: None,
            });
        }
        let (at, to) = (self.random.below(list.len()), self.random.below(list.len()));
        match self.random.below(10) {
            0 => drop(list.remove(at)),
            1 => list.insert(to, list[at].clone()),
            2 => list.swap(at, to),
            3 => {
                let kind = &mut list[at].kind;
                *kind = match self.random.below(5) {
                    0 => *kind ^ 0x8000,
                    1 => kind.wrapping_add(1),
                    2 => kind.wrapping_sub(1),
                    3 => self.random.below(40) as u16,
                    _ => 0x3fff,
                };
            }
            4 => list.extend(self.other()),
            5 => {
                for _ in 0..*self.random.choice(&[1, 2, 16, 40]) {
                    let inside = list[at].clone();
                    list[at].payload = Node::List(vec![inside]);
                }
            }
            6 => {
                let len = list[at].payload.bytes().len() as u16;
                let near = (len + 9).saturating_sub(self.random.below(12) as u16);
                list[at].len = Some(*self.random.choice(&[0, 3, 4, 5, near, 0xffff]));
            }
            _ => list[at].payload = Node::Bytes(self.value(&list[at].payload.bytes())),
        }
    }

    /// A message for the datapath with that index.
    fn message(&mut self, dp_ifindex: i32, out: &mut Vec<u8>) {
        let number = self.random.below(self.valid.len());
        let Message {
            family,
            mut command,
            ..
        } = self.valid[number];
        let mut attrs = self.valid[number].attrs.clone();
        for _ in 0..*self.random.choice(&[0, 1, 1, 1, 2, 3, 8]) {
            self.change(&mut attrs);
        }
        if self.random.below(20) == 0 {
            command = self.random.below(8) as u8;
        }
        let mut dp = dp_ifindex;
        if self.random.below(30) == 0 {
            dp = *self.random.choice(&[0, -1, 1, dp.wrapping_add(1)]);
        }
        let flags = self.random.choice(&FLAGS) | REQUEST_ACK;
        let version = 1 + self.random.below(2) as u8;
        let mut attrs = attrs.bytes();
        attrs.truncate(MAX_LEN);

        out.extend((24 + attrs.len() as u32).to_ne_bytes());
        out.extend(family.to_ne_bytes());
        out.extend(flags.to_ne_bytes());
        out.extend([0; 8]);
        out.extend([command, version, 0, 0]);
        out.extend(dp.to_ne_bytes());
        out.extend(attrs);
        out.resize(out.len().next_multiple_of(4), 0);
    }
}

fn read_message(input: &mut impl Read) -> io::Result<Option<Message>> {
    let mut head = [0; 8];
    input.read_exact(&mut head)?;
    let [f0, f1, command, _, l0, l1, l2, l3] = head;
    let family = u16::from_ne_bytes([f0, f1]);
    if family == 0 {
        return Ok(None);
    }
    let mut attrs = vec![0; u32::from_ne_bytes([l0, l1, l2, l3]) as usize];
    input.read_exact(&mut attrs)?;
    Ok(Some(Message {
        family,
        command,
        attrs: Node::parse(&attrs),
    }))
}

fn run(seed: u64) -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut valid = Vec::new();
    while let Some(message) = read_message(&mut input)? {
        valid.push(message);
    }
    if valid.is_empty() {
        return Err(io::Error::other("there are no messages to change"));
    }
    let mut fuzzer = Fuzzer {
        random: Random::new(seed),
        valid,
    };
    let mut wanted = [0; 8];
    while input.read_exact(&mut wanted).is_ok() {
        let [d0, d1, d2, d3, c0, c1, c2, c3] = wanted;
        let mut out = vec![0; 4];
        for _ in 0..u32::from_ne_bytes([c0, c1, c2, c3]) {
            fuzzer.message(i32::from_ne_bytes([d0, d1, d2, d3]), &mut out);
        }
        let len = out.len() as u32 - 4;
        out[..4].copy_from_slice(&len.to_ne_bytes());
        output.write_all(&out)?;
        output.flush()?;
    }
    Ok(())
}

fn main() {
    let Some(Ok(seed)) = std::env::args().nth(1).map(|arg| arg.parse()) else {
        eprintln!("usage: random-messages SEED");
        std::process::exit(2);
    };
    if let Err(error) = run(seed) {
        eprintln!("random-messages: {error}");
        std::process::exit(1);
    }
}
