// SPDX-License-Identifier: GPL-2.0

//! The policy of a VLAN-aware switch that learns where stations are.
//!
//! Open vSwitch calls this the NORMAL action. A packet goes to the port its destination was last
//! seen at, or to all ports of its VLAN when that is not known, never back to where it came from.
//!
//! # What a flow matches
//!
//! The port, the VLAN, and both addresses, and nothing beyond: every stream of packets between two
//! stations is one flow. The source is matched so that a station that is new to a port is asked
//! about. A flow lives only while its source is known at its port: so when a station moves, and
//! even when it moves back, its first packet is asked about and learned from.
//!
//! A packet that is dropped whatever its source is matched by what it is dropped for alone.

pub mod forward;
pub mod mac_table;
pub mod vlan;

use super::{
    actions::Actions,
    policy::{
        Decision,
        Installed,
        Miss,
        Policy,
        Port,
        Traffic,
        Verdict, //
    },
    rate_limit::RateLimit,
    report::Gauge,
    time::Millis, //
};
use forward::forward;
use mac_table::{
    Learned,
    Mac,
    MacTable,
    Station, //
};
use odp::{
    Key, //
    key::{
        Be16,
        VLAN_TAG_PRESENT, //
        Vlan,
        mac_proto,
    },
    rules::{
        self,
        Rule, //
    },
};
use std::{
    collections::{
        BTreeMap,
        HashMap, //
    },
    sync::{
        Mutex,
        MutexGuard,
        PoisonError,
        RwLock, //
        atomic::{
            AtomicU64,
            Ordering, //
        },
    },
};
use vlan::{
    Mode,
    Tagging,
    Vid, //
};

/// The bits of a TCI that hold the VLAN id.
const VID_MASK: u16 = 0x0fff;

/// The addresses for protocols between neighbours, that a bridge must not forward
/// (IEEE 802.1Q, table 8-1), and the bits they have in common.
const RESERVED: Mac = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00];
const RESERVED_MASK: Mac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xf0];

/// How the switch is to behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// The part of ports in VLANs, by name. All others are trunks of all VLANs.
    pub modes: HashMap<String, Mode>,
    /// Whether to learn. If not, all packets go to all ports.
    pub learn: bool,
    /// Whether to forward what is sent to reserved addresses, like spanning tree's.
    pub forward_reserved: bool,
    /// How many stations to remember.
    pub capacity: usize,
    /// For how long to remember a station that is silent.
    pub aging: Millis,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            modes: HashMap::new(),
            learn: true,
            forward_reserved: false,
            capacity: 8192,
            aging: 300_000,
        }
    }
}

/// A VLAN-aware learning switch.
#[derive(Debug)]
pub struct LearningSwitch {
    options: Options,
    ports: RwLock<BTreeMap<u32, Mode>>,
    stations: Mutex<MacTable>,
    /// Grows after what it is about has changed, never before.
    generation: AtomicU64,
    moves: RateLimit,
}

/// Whether a packet is let in.
enum Admission {
    /// It is.
    Admitted(Admitted),
    /// It is dropped; the bits of the key that this is for, if it is worth a flow.
    Refused(Option<Key>),
}

/// What the switch thinks of a packet before it looks at stations.
struct Admitted {
    in_port: u32,
    /// The VLAN the packet is in.
    vid: Vid,
    /// The tag the packet came with.
    tag: Option<u16>,
    /// Whether to learn the source.
    learns: bool,
    /// The bits of the key that matter.
    mask: Key,
}

fn is_multicast(mac: &Mac) -> bool {
    let [first, ..] = mac;
    first & 1 != 0
}

/// Whether a packet is for a reserved address. Adds the bits that tell to `mask`.
fn is_reserved(key: &Key, mask: &mut Key) -> bool {
    let to = |eth_dst| Key {
        eth_dst,
        ..Key::ZERO
    };
    // One bit is enough for all stations.
    let station = (Key::ZERO, to([1, 0, 0, 0, 0, 0]));
    let reserved = (to(RESERVED), to(RESERVED_MASK));
    let rules = [&station, &reserved].map(|(key, mask)| Rule { key, mask });
    rules::decide(rules, key, mask) == Some(1)
}

/// The mask of what every decision depends on.
fn base_mask() -> Key {
    Key {
        recirc_id: u32::MAX,
        in_port: u16::MAX,
        eth_type: Be16::new(u16::MAX),
        mac_proto: u8::MAX,
        ..Key::ZERO
    }
}

/// The bits of the VLAN tags that matter: the id, and the priority when there is nothing else.
fn vlan_mask(key: &Key) -> (Vlan, Vlan) {
    let tci = key.vlan.tci.get();
    let priority_matters = tci & VLAN_TAG_PRESENT == 0 || tci & VID_MASK == 0;
    let outer = if priority_matters {
        u16::MAX
    } else {
        VLAN_TAG_PRESENT | VID_MASK
    };
    let mask = |tci| Vlan {
        tpid: Be16::new(u16::MAX),
        tci: Be16::new(tci),
    };
    // The datapath insists on knowing whether there is a second tag.
    (mask(outer), mask(VLAN_TAG_PRESENT))
}

/// An address in words.
fn mac([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

impl LearningSwitch {
    /// A switch without ports.
    pub fn new(options: Options) -> Self {
        Self {
            stations: Mutex::new(MacTable::new(options.capacity, options.aging)),
            ports: RwLock::default(),
            generation: AtomicU64::new(0),
            moves: RateLimit::new(5, 10_000),
            options,
        }
    }

    /// The number of stations that are known.
    pub fn stations(&self) -> usize {
        self.table().len()
    }

    fn table(&self) -> MutexGuard<'_, MacTable> {
        self.stations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a packet is let in.
    fn admit(&self, ports: &BTreeMap<u32, Mode>, key: &Key) -> Admission {
        let mut mask = base_mask();
        if key.recirc_id != 0 || key.mac_proto != mac_proto::ETHERNET {
            return Admission::Refused(Some(mask));
        }
        let in_port = key.in_port.into();
        let Some(mode) = ports.get(&in_port) else {
            return Admission::Refused(None);
        };

        let tci = key.vlan.tci.get();
        let tag = (tci & VLAN_TAG_PRESENT != 0).then_some(tci);
        (mask.vlan, mask.cvlan) = vlan_mask(key);
        let Some(vid) = mode.admit(tci & VID_MASK) else {
            return Admission::Refused(Some(mask));
        };

        if !self.options.forward_reserved && is_reserved(key, &mut mask) {
            return Admission::Refused(Some(mask));
        }
        if self.options.learn {
            mask.eth_dst = [0xff; 6];
            mask.eth_src = [0xff; 6];
        }
        Admission::Admitted(Admitted {
            in_port,
            vid,
            tag,
            learns: self.options.learn && !is_multicast(&key.eth_src),
            mask,
        })
    }

    /// Where an admitted packet goes.
    fn route(
        &self,
        ports: &BTreeMap<u32, Mode>,
        packet: &Admitted,
        destination: Option<u32>,
    ) -> Actions {
        let out = |port: u32| -> Option<(u32, Tagging)> {
            let tagging = ports.get(&port)?.egress(packet.vid)?;
            Some((port, tagging))
        };
        match destination {
            Some(port) if port == packet.in_port => Actions::drop(),
            Some(port) => forward(packet.vid, packet.tag, out(port)),
            None => {
                let others = ports.keys().filter(|port| **port != packet.in_port);
                forward(packet.vid, packet.tag, others.filter_map(|port| out(*port)))
            }
        }
    }

    /// The port of a packet's destination, if it is only one that is known.
    fn destination(&self, table: &mut MacTable, packet: &Admitted, key: &Key) -> Option<u32> {
        if !self.options.learn || is_multicast(&key.eth_dst) {
            return None;
        }
        table.find(&(packet.vid, key.eth_dst))
    }

    fn learn(&self, table: &mut MacTable, station: Station, port: u32, now: Millis) {
        match table.learn(station, port, now) {
            Learned::Known | Learned::New { wanted: false } => {}
            Learned::New { wanted: true } => self.changed(),
            Learned::Moved { from } => {
                self.changed();
                let (vid, address) = station;
                let address = mac(address);
                self.moves.info(format_args!(
                    "{address} in VLAN {vid} moved from port {from} to port {port}"
                ));
            }
        }
    }
}

impl Policy for LearningSwitch {
    fn decide(&self, miss: &Miss<'_>) -> Decision {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        let packet = match self.admit(&ports, miss.key) {
            Admission::Admitted(packet) => packet,
            Admission::Refused(mask) => {
                return Decision {
                    actions: Actions::drop(),
                    mask,
                };
            }
        };
        let destination = {
            let mut table = self.table();
            if packet.learns {
                let station = (packet.vid, miss.key.eth_src);
                self.learn(&mut table, station, packet.in_port, miss.now);
            }
            self.destination(&mut table, &packet, miss.key)
        };
        Decision {
            actions: self.route(&ports, &packet, destination),
            mask: Some(packet.mask),
        }
    }

    fn revalidate(&self, flow: &Installed<'_>, _now: Millis) -> Verdict {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        match self.admit(&ports, flow.key) {
            Admission::Refused(mask) => flow.compare(Decision {
                actions: Actions::drop(),
                mask,
            }),
            Admission::Admitted(packet) => {
                let mut table = self.table();
                let source = (packet.vid, flow.key.eth_src);
                if packet.learns && table.get(&source) != Some(packet.in_port) {
                    return Verdict::Delete;
                }
                let destination = self.destination(&mut table, &packet, flow.key);
                drop(table);
                flow.compare(Decision {
                    actions: self.route(&ports, &packet, destination),
                    mask: Some(packet.mask),
                })
            }
        }
    }

    fn explain(&self, flow: &Installed<'_>) -> String {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        let Admission::Admitted(packet) = self.admit(&ports, flow.key) else {
            return "not admitted".into();
        };
        let table = self.table();
        let station = |address| {
            let place = match table.get(&(packet.vid, address)) {
                Some(port) => format!("port {port}"),
                None => "unknown".into(),
            };
            format!("{} ({place})", mac(address))
        };
        format!(
            "VLAN {}, from {} to {}",
            packet.vid,
            station(flow.key.eth_src),
            station(flow.key.eth_dst)
        )
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn traffic(&self, flow: &Installed<'_>, traffic: &Traffic) {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        if let Admission::Admitted(packet) = self.admit(&ports, flow.key) {
            if packet.learns {
                let station = (packet.vid, flow.key.eth_src);
                self.table().refresh(&station, packet.in_port, traffic.used);
            }
        }
    }

    fn port_added(&self, port: &Port) {
        let mode = self.options.modes.get(&port.name).cloned();
        let mut ports = self.ports.write().unwrap_or_else(PoisonError::into_inner);
        ports.insert(port.number, mode.unwrap_or_default());
        drop(ports);
        self.changed();
    }

    fn port_removed(&self, number: u32) {
        let mut ports = self.ports.write().unwrap_or_else(PoisonError::into_inner);
        ports.remove(&number);
        drop(ports);
        self.table().forget_port(number);
        self.changed();
    }

    fn gauges(&self) -> Vec<Gauge> {
        vec![Gauge {
            name: "stations",
            help: "Stations whose port is known.",
            value: u64::try_from(self.stations()).unwrap_or(u64::MAX),
        }]
    }

    fn tick(&self, now: Millis) {
        if self.table().expire(now) > 0 {
            self.changed();
        }
    }
}

#[cfg(test)]
mod tests;
